//! What an answer means for the position.

use componenttest::Answer;

use crate::send::CALLS_MAX;

use super::*;

#[tokio::test]
async fn the_caller_asks_for_delivery() {
    let rig = Rig::new();
    rig.append("a.log", "one\n");
    let reader = rig.start();
    rig.wait(1).await;
    assert!(rig.sink.attempts().iter().all(|(ctx, _)| ctx.wants_delivered()));
    reader.stop().await;
}

#[tokio::test]
async fn where_reading_begins_is_stored_before_anything_is_read() {
    let mut rig = Rig::new();
    rig.settings.start_at = StartAt::End;
    rig.append("a.log", "old\n");
    let reader = rig.start();
    let open = || componenttest::metric(&rig.meter, "otelcol_fileconsumer_open_files", &[]);
    let followed = async {
        while open() != Some(1.0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(GRACE, followed).await.unwrap();
    let left = rig.store.as_ref().unwrap().copy();
    reader.stop().await;
    rig.store = Some(Arc::new(left));
    rig.append("a.log", "new\n");
    let reader = rig.start();
    assert_eq!(rig.wait(1).await, ["new"]);
    reader.stop().await;
}

#[tokio::test]
async fn what_was_not_acknowledged_is_read_again_after_a_restart() {
    let rig = Rig::new();
    rig.append("a.log", "one\n");
    rig.sink.script([Answer::Ok, Answer::Hang]);
    let reader = rig.start();
    rig.wait(1).await;
    rig.append("a.log", "two\n");
    rig.sink.wait_for_calls(2).await;
    rig.append("a.log", "three\n");
    assert_eq!(rig.wait(2).await, ["one", "three"]);
    reader.stop().await;
    assert_eq!(rig.sink.withdrawn(), 1);
    let reader = rig.start();
    assert_eq!(rig.wait(4).await[2..], ["two", "three"]);
    reader.stop().await;
}

#[tokio::test]
async fn a_retryable_refusal_is_tried_again_and_nothing_is_lost() {
    let rig = Rig::new();
    rig.append("a.log", "one\n");
    rig.sink.script([Answer::retryable("busy"), Answer::retryable("busy")]);
    let reader = rig.start();
    assert_eq!(rig.wait(1).await, ["one"]);
    assert_eq!(rig.sink.calls(), 3);
    reader.stop().await;
    assert_eq!(rig.lost("rejected_by_backend"), None);
}

#[tokio::test]
async fn a_permanent_refusal_is_counted_and_passed() {
    let rig = Rig::new();
    rig.append("a.log", "one\n");
    rig.sink.script([Answer::permanent("never")]);
    let reader = rig.start();
    rig.sink.wait_for_calls(1).await;
    rig.append("a.log", "two\n");
    assert_eq!(rig.wait(1).await, ["two"]);
    reader.stop().await;
    assert_eq!(rig.lost("rejected_by_backend"), Some(1.0));
    let reader = rig.start();
    rig.settle().await;
    assert_eq!(rig.bodies(), ["two"]);
    reader.stop().await;
}

#[tokio::test]
async fn data_is_given_up_only_when_a_limit_says_so() {
    let mut rig = Rig::new();
    rig.settings.retry.give_up_after = Some(Duration::from_millis(50));
    rig.append("a.log", "one\n");
    rig.sink.answer(Answer::retryable("busy"));
    let reader = rig.start();
    let deadline = tokio::time::Instant::now() + GRACE;
    while rig.lost("expired_retry").is_none() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(rig.lost("expired_retry"), Some(1.0));
    reader.stop().await;
}

#[tokio::test]
async fn reading_stops_at_the_budget_and_goes_on_when_there_is_room() {
    let mut rig = Rig::new();
    rig.settings.in_flight_bytes_max = 1 << 20;
    let text: String = (0..40_000).map(|n| format!("{n:0100}\n")).collect();
    rig.append("a.log", &text);
    rig.sink.answer(Answer::Hang);
    let reader = rig.start();
    rig.sink.wait_for_calls(3).await;
    rig.settle().await;
    let in_flight: usize = rig.sink.attempts().iter().map(|(_, data)| data.bytes()).sum();
    assert!(in_flight < 2 << 20, "{in_flight} bytes in flight");
    let flush = rig.sink.attempts().iter().map(|(ctx, _)| ctx.flush).collect::<Vec<_>>();
    assert!(!flush[0] && flush.contains(&true), "a batch would wait for more: {flush:?}");
    rig.sink.answer(Answer::Ok);
    rig.sink.release(Answer::Ok);
    assert_eq!(rig.wait(40_000).await.len(), 40_000);
    reader.stop().await;
}

#[tokio::test]
async fn a_record_that_is_held_back_holds_the_position_back() {
    let rig = Rig::new();
    rig.append("a.log", "one\npart+\n");
    let reader = rig.start();
    assert_eq!(rig.wait(1).await, ["one"]);
    rig.settle().await;
    reader.stop().await;
    rig.append("a.log", "rest\n");
    let reader = rig.start();
    assert_eq!(rig.wait(2).await, ["one", "part+rest"]);
    reader.stop().await;
}

#[tokio::test]
async fn without_a_store_held_records_leave_at_the_end() {
    let mut rig = Rig::new();
    rig.store = None;
    rig.append("a.log", "one\npart+\n");
    let reader = rig.start();
    rig.wait(1).await;
    rig.settle().await;
    reader.stop().await;
    assert_eq!(rig.bodies(), ["one", "part+"]);
}

#[tokio::test]
async fn a_huge_file_never_delays_another() {
    let mut rig = Rig::new();
    rig.settings.in_flight_bytes_max = 1 << 20;
    // It is found first, and there is never room for all of it.
    let huge: String = (0..40_000).map(|n| format!("huge {n:0100}\n")).collect();
    rig.append("0.log", &huge);
    for n in 1..=50 {
        rig.append(&format!("{n}.log"), &format!("other {n}\n"));
    }
    rig.sink.answer(Answer::Hang);
    let reader = rig.start();
    let sent = || {
        let all: Vec<_> = rig.sink.attempts().into_iter().map(|(_, data)| data).collect();
        let (huge, others): (Vec<_>, Vec<_>) =
            bodies(&all).into_iter().partition(|it| it.starts_with("huge"));
        (huge.len(), others.len())
    };
    let others = async {
        while sent().1 < 50 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(GRACE, others).await.expect("the others wait for the huge one");
    let (huge, others) = sent();
    assert!(huge < 40_000 && others == 50, "{huge} of the huge one, {others} of the others");
    rig.sink.answer(Answer::Ok);
    rig.sink.release(Answer::Ok);
    assert_eq!(rig.wait(40_050).await.len(), 40_050);
    reader.stop().await;
}

#[tokio::test]
async fn a_file_whose_lines_have_no_answer_never_delays_another() {
    let rig = Rig::new();
    rig.append("slow.log", "slow\n");
    rig.sink.script([Answer::Hang]);
    let reader = rig.start();
    rig.sink.wait_for_calls(1).await;
    // More than there may be calls without an answer.
    for n in 1..=CALLS_MAX + 10 {
        rig.append(&format!("{}.log", n % 20), &format!("other {n}\n"));
        assert_eq!(rig.wait(n).await.len(), n);
    }
    assert!(!rig.bodies().iter().any(|it| it == "slow"));
    rig.sink.release(Answer::Ok);
    assert_eq!(rig.wait(CALLS_MAX + 11).await.last().unwrap(), "slow");
    reader.stop().await;
}

/// Numbered lines of 100 bytes.
fn numbered(n: usize) -> String {
    (0..n).map(|n| format!("{n:099}\n")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_nobody_stores_them_the_lines_of_a_file_arrive_in_order() {
    let rig = Rig::new();
    rig.append("a.log", &numbered(50_000));
    rig.sink.answers_only();
    rig.sink.script([Answer::Hang]);
    let reader = rig.start();
    rig.sink.wait_for_calls(1).await;
    rig.settle().await;
    assert_eq!(rig.sink.calls(), 1, "the next may overtake the one that has no answer");
    rig.sink.release(Answer::Ok);
    let got = rig.wait(50_000).await;
    assert!(got.is_sorted());
    assert_eq!(rig.sink.in_flight_max(), 1);
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_a_queue_stores_them_the_lines_of_a_file_are_stored_in_order_many_at_a_time() {
    let rig = Rig::new();
    rig.append("a.log", &numbered(50_000));
    rig.sink.answer(Answer::Hang);
    let reader = rig.start();
    rig.sink.wait_for("many calls", |it| it.in_flight_max() > 3).await;
    rig.sink.answer(Answer::Ok);
    rig.sink.release(Answer::Ok);
    rig.wait(50_000).await;
    let attempts: Vec<_> = rig.sink.attempts().into_iter().map(|(_, data)| data).collect();
    assert!(bodies(&attempts).is_sorted());
    reader.stop().await;
}

#[tokio::test]
async fn files_do_not_wait_for_the_order_of_each_other() {
    let rig = Rig::new();
    rig.sink.answers_only();
    rig.sink.script([Answer::Hang]);
    rig.append("slow.log", "slow\n");
    let reader = rig.start();
    rig.sink.wait_for_calls(1).await;
    for n in 1..20 {
        rig.append("a.log", &format!("{n:03}\n"));
        rig.wait(n).await;
    }
    assert!(rig.bodies().is_sorted() && !rig.bodies().iter().any(|it| it == "slow"));
    rig.sink.release(Answer::Ok);
    rig.wait(20).await;
    reader.stop().await;
}

#[tokio::test]
async fn a_refused_chunk_is_not_overtaken_by_the_next() {
    let rig = Rig::new();
    rig.append("a.log", &numbered(20_000));
    rig.sink.answers_only();
    rig.sink.script([Answer::retryable("busy"), Answer::retryable("busy")]);
    let reader = rig.start();
    assert!(rig.wait(20_000).await.is_sorted());
    reader.stop().await;
}

#[tokio::test]
async fn the_file_after_a_rotation_does_not_overtake_the_one_before() {
    let rig = Rig::new();
    rig.append("a.log", "1\n");
    rig.sink.answers_only();
    rig.sink.script([Answer::Ok, Answer::Hang]);
    let reader = rig.start();
    rig.wait(1).await;
    rig.append("a.log", "2\n");
    rig.sink.wait_for_calls(2).await;
    rig.rename("a.log", "a.log.1");
    rig.append("a.log", "3\n");
    rig.settle().await;
    assert_eq!(rig.sink.calls(), 2);
    rig.sink.release(Answer::Ok);
    assert_eq!(rig.wait(3).await, ["1", "2", "3"]);
    reader.stop().await;
}
