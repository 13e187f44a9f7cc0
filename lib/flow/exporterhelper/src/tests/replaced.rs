//! A reload puts another exporter in the place of one that has something left.

use super::*;

/// Replaces the exporter of `old`, and ends it as the service does.
async fn replace(old: &Bench, new: &Bench) {
    old.host.set_leaving(true);
    old.helper.replace(Arc::clone(&new.helper) as _);
    old.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_and_what_waits_for_a_retry_goes_to_the_successor() {
    let old = Bench::new(Delivery { retry: Some(retry()), ..queue(small(1000)) }).await;
    let new = Bench::new(queue(small(1000))).await;
    old.sink.answer(Answer::retryable("moved"));
    old.send(&Context::default(), 3).await.unwrap();
    old.send(&Context::default(), 4).await.unwrap();
    let replay = old.spawn(Context::delivered(), 5);
    old.sink.wait_for_calls(1).await;
    new.sink.answer(Answer::Hang);
    let stop = async { replace(&old, &new).await };
    let release = async {
        for _ in 0..3 {
            new.sink.wait_for_calls(1).await;
            assert!(!replay.is_finished());
            new.sink.answer(Answer::Ok);
            new.sink.release(Answer::Ok);
        }
    };
    tokio::join!(stop, release);
    replay.await.unwrap().unwrap();
    new.stop().await;
    let mut sizes = new.sink.sizes();
    sizes.sort_unstable();
    assert_eq!(sizes, [3, 4, 5]);
    assert_eq!(old.sink.calls(), 1, "the address that failed is not tried again");
    assert_eq!(old.lost("shutdown_deadline"), None);
}

#[tokio::test(start_paused = true)]
async fn a_successor_whose_queue_is_full_gets_it_once_there_is_room() {
    let old = Bench::new(queue(small(1000))).await;
    let new = Bench::new(queue(small(1))).await;
    new.sink.answer(Answer::Hang);
    new.send(&Context::default(), 1).await.unwrap();
    new.sink.wait_for_calls(1).await;
    old.sink.answer(Answer::Delay(Duration::from_millis(10)));
    for _ in 0..5 {
        old.send(&Context::default(), 2).await.unwrap();
    }
    let room = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        new.sink.answer(Answer::Ok);
        new.sink.release(Answer::Ok);
    };
    tokio::join!(replace(&old, &new), room);
    new.stop().await;
    assert_eq!(old.sink.items() + new.sink.items(), 11);
    assert_eq!((old.lost("shutdown_deadline"), new.lost("shutdown_deadline")), (None, None));
}

#[tokio::test(start_paused = true)]
async fn calls_that_still_come_are_the_successors() {
    let (old, new) = (Bench::new(queue(small(1000))).await, Bench::new(Delivery::default()).await);
    replace(&old, &new).await;
    old.send(&Context::default(), 7).await.unwrap();
    assert_eq!((old.sink.calls(), new.sink.sizes()), (0, vec![7]));
}

#[tokio::test(start_paused = true)]
async fn without_a_queue_a_call_that_waits_for_a_retry_goes_to_the_successor() {
    let old = Bench::new(Delivery { retry: Some(retry()), ..Delivery::default() }).await;
    let new = Bench::new(Delivery::default()).await;
    old.sink.answer(Answer::retryable("moved"));
    let call = old.spawn(Context::default(), 3);
    old.sink.wait_for_calls(1).await;
    let start = Instant::now();
    replace(&old, &new).await;
    call.await.unwrap().unwrap();
    assert_eq!((start.elapsed(), new.sink.sizes()), (Duration::ZERO, vec![3]));
}

#[tokio::test(start_paused = true)]
async fn a_queue_without_a_successor_is_idle_when_all_was_sent() {
    let old = Bench::new(Delivery { retry: Some(retry()), ..queue(small(1000)) }).await;
    old.sink.script([Answer::retryable("busy"), Answer::retryable("busy")]);
    old.send(&Context::default(), 3).await.unwrap();
    old.helper.idle().await;
    assert_eq!((old.sink.sizes(), old.sink.calls()), (vec![3], 3));
}
