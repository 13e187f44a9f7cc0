//! Behaviour through `consume`, on a paused clock.

use std::sync::Arc;
use std::time::Duration;

use component::{Client, Component, ConsumeError, Consumer, Context, ProcessorSettings, Signal};
use componenttest::{
    Answer, Sink, TestHost, captured, logs, metric, metrics, processor, processor_settings, spawn,
};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::Batch;

componenttest::conformance!(processor Batch);

struct Bench {
    sink: Sink,
    host: TestHost,
    batch: Arc<Batch>,
    settings: ProcessorSettings,
}

impl Bench {
    async fn new(section: &str) -> Self {
        let (sink, host) = (Sink::new(), TestHost::new());
        let settings = processor_settings("batch", Signal::Logs);
        let batch = processor::<Batch>(settings.clone(), section, sink.next());
        let batch = Arc::new(batch);
        Arc::clone(&batch).start(&host).await.unwrap();
        Self { sink, host, batch, settings }
    }

    async fn push(&self, items: usize) -> Result<(), ConsumeError> {
        self.batch.consume(&Context::default(), logs(items)).await
    }

    fn spawn(&self, ctx: Context, items: usize) -> JoinHandle<Result<(), ConsumeError>> {
        let batch = Arc::clone(&self.batch);
        spawn(async move { batch.consume(&ctx, logs(items)).await })
    }

    async fn stop(&self) {
        self.host.shutdown(&*self.batch, Duration::from_secs(60)).await;
    }

    fn metric(&self, name: &str) -> Option<f64> {
        let name = format!("otelcol_processor_batch_{name}");
        metric(&self.settings.meter, &name, &[("processor", "batch")])
    }

    fn lost(&self, reason: &str) -> Option<f64> {
        metric(&self.settings.meter, "sluice_lost_total", &[("reason", reason)])
    }
}

/// Requests of these sizes, sent at once, leave as batches of `want`.
async fn check(section: &str, sizes: &[usize], want: &[usize]) {
    let bench = Bench::new(section).await;
    for size in sizes {
        bench.push(*size).await.unwrap();
    }
    bench.sink.wait_for_items(sizes.iter().sum()).await;
    assert_eq!(bench.sink.sizes(), want, "{section}");
}

#[tokio::test(start_paused = true)]
async fn requests_are_joined_and_split_by_number_of_items() {
    check("{}", &[3, 4, 5], &[12]).await;
    check("{send_batch_size: 4}", &[3, 3, 1], &[6, 1]).await;
    check("{send_batch_size: 4, send_batch_max_size: 6}", &[11], &[6, 5]).await;
    check("{send_batch_size: 4, send_batch_max_size: 4}", &[11], &[4, 4, 3]).await;
    check("{timeout: 0s, send_batch_max_size: 8192}", &[3, 4], &[3, 4]).await;
    check("{send_batch_size: 0, send_batch_max_size: 2}", &[3, 4], &[2, 1, 2, 2]).await;
}

#[tokio::test(start_paused = true)]
async fn the_points_of_one_metric_are_split() {
    let section = "{send_batch_size: 3, send_batch_max_size: 3}";
    let (sink, host) = (Sink::new(), TestHost::new());
    let settings = processor_settings("batch", Signal::Metrics);
    let batch = Arc::new(processor::<Batch>(settings, section, sink.next()));
    Arc::clone(&batch).start(&host).await.unwrap();
    batch.consume(&Context::default(), metrics(8)).await.unwrap();
    sink.wait_for_items(8).await;
    assert_eq!(sink.sizes(), [3, 3, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_sends_no_more_before_its_answer_does_not_wait_for_the_timeout() {
    let (bench, start) = (Bench::new("{}").await, Instant::now());
    let first = bench.spawn(Context::delivered(), 3);
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.sink.calls(), 0);
    let last = bench.spawn(Context { flush: true, ..Context::delivered() }, 4);
    first.await.unwrap().unwrap();
    last.await.unwrap().unwrap();
    assert_eq!((bench.sink.sizes(), start.elapsed()), (vec![7], Duration::ZERO));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn data_waits_for_the_timeout_and_no_longer() {
    let bench = Bench::new("timeout: 1s").await;
    let start = Instant::now();
    bench.push(3).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    bench.sink.wait_for_items(3).await;
    assert!((1000..1010).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    assert_eq!(bench.metric("timeout_trigger_send"), Some(1.0));
    assert_eq!(bench.metric("batch_size_trigger_send"), None);
    assert_eq!(bench.metric("batch_send_size"), Some(3.0));
    assert_eq!(bench.metric("batch_send_size_bytes"), Some(logs(3).bytes() as f64));
    assert_eq!(bench.metric("metadata_cardinality"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn replays_are_answered_when_their_batch_was_delivered() {
    let bench = Bench::new("timeout: 1s").await;
    bench.sink.answer(Answer::Hang);
    let replays: Vec<_> = (0..3).map(|_| bench.spawn(Context::delivered(), 2)).collect();
    bench.sink.wait_for_calls(1).await;
    assert!(replays.iter().all(|it| !it.is_finished()));
    bench.sink.release(Answer::retryable("later"));
    for replay in replays {
        assert_eq!(replay.await.unwrap().unwrap_err().to_string(), "later");
    }
    assert_eq!(bench.sink.attempts()[0].1.items(), 6);
    assert_eq!(bench.lost("expired_retry"), None);
}

#[tokio::test(start_paused = true)]
async fn batches_of_replays_are_on_their_way_side_by_side_those_of_pushes_are_not() {
    let bench = Bench::new("send_batch_size: 2").await;
    bench.sink.answer(Answer::Delay(Duration::from_secs(1)));
    let replays: Vec<_> = (0..10).map(|_| bench.spawn(Context::delivered(), 2)).collect();
    let start = Instant::now();
    for replay in replays {
        replay.await.unwrap().unwrap();
    }
    assert_eq!(start.elapsed().as_secs(), 1);
    assert_eq!(bench.sink.in_flight_max(), 10);

    let bench = Bench::new("send_batch_size: 2").await;
    bench.sink.answer(Answer::Delay(Duration::from_secs(1)));
    let pushes: Vec<_> = (0..10).map(|_| bench.spawn(Context::default(), 2)).collect();
    for push in pushes {
        push.await.unwrap().unwrap();
    }
    bench.sink.wait_within(Duration::from_secs(60), "20 items", |it| it.items() == 20).await;
    assert_eq!(bench.sink.in_flight_max(), 1);
}

#[tokio::test(start_paused = true)]
async fn pushes_wait_when_the_next_step_does_not_keep_up() {
    let bench = Bench::new("send_batch_size: 1").await;
    bench.sink.answer(Answer::Hang);
    let pushes: Vec<_> = (0..100).map(|_| bench.spawn(Context::default(), 1)).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let waiting = pushes.iter().filter(|it| !it.is_finished()).count();
    assert!(waiting > 0, "everything was accepted");
    bench.sink.answer(Answer::Ok);
    bench.sink.release(Answer::Ok);
    bench.sink.wait_for_items(100).await;
}

#[test]
fn what_was_accepted_is_offered_again_before_it_is_lost() {
    let ((), lines) = captured(|| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new("{}").await;
            bench.sink.script([Answer::retryable("full"), Answer::retryable("full")]);
            bench.push(3).await.unwrap();
            bench.sink.wait_for_items(3).await;
            assert_eq!(bench.sink.calls(), 3);
            bench.sink.answer(Answer::permanent("bad"));
            bench.push(4).await.unwrap();
            bench.sink.wait_for_calls(4).await;
            bench.sink.answer(Answer::retryable("full"));
            bench.push(5).await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(bench.lost("rejected_by_backend"), Some(4.0));
            assert_eq!(bench.lost("expired_retry"), Some(5.0));
        });
    });
    let lines: Vec<_> = lines.iter().map(|it| (&*it.message, it.field("error").unwrap())).collect();
    assert_eq!(lines, [("Sender failed", "Permanent error: bad"), ("Sender failed", "full")]);
}

#[tokio::test(start_paused = true)]
async fn each_combination_of_metadata_has_its_batch_up_to_the_limit() {
    let section = "{metadata_keys: [Tenant], metadata_cardinality_limit: 2}";
    let bench = Bench::new(section).await;
    let from = |tenant: &str| {
        let metadata = vec![("tenant".into(), tenant.into()), ("x".into(), "y".into())];
        let client = Some(Arc::new(Client { metadata, ..Client::default() }));
        Context { client, ..Context::default() }
    };
    for tenant in ["a", "b", "a"] {
        bench.batch.consume(&from(tenant), logs(1)).await.unwrap();
    }
    let error = bench.batch.consume(&from("c"), logs(1)).await.unwrap_err();
    let want = "Permanent error: too many batcher metadata-value combinations";
    assert_eq!(error.to_string(), want);
    bench.sink.wait_for_calls(2).await;
    let mut got: Vec<_> = bench
        .sink
        .attempts()
        .into_iter()
        .map(|(ctx, data)| (ctx.client.unwrap().metadata.clone(), data.items()))
        .collect();
    got.sort();
    let want = |tenant: &str, n| (vec![("tenant".to_owned(), tenant.to_owned())], n);
    assert_eq!(got, [want("a", 2), want("b", 1)]);
    assert_eq!(bench.metric("metadata_cardinality"), Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn shutdown_sends_what_waits_and_passes_on_what_still_comes() {
    let bench = Bench::new("{timeout: 1h, send_batch_size: 4, send_batch_max_size: 4}").await;
    bench.push(7).await.unwrap();
    let start = Instant::now();
    bench.stop().await;
    assert_eq!(bench.sink.sizes(), [4, 3]);
    assert_eq!(start.elapsed(), Duration::ZERO);
    bench.push(1).await.unwrap();
    assert_eq!(bench.sink.sizes(), [4, 3, 1]);
    bench.sink.script([Answer::retryable("busy")]);
    assert!(!bench.push(1).await.unwrap_err().is_permanent(), "the answer is that of the next");
}

#[tokio::test(start_paused = true)]
async fn one_that_was_replaced_has_the_time_to_try_again() {
    let bench = Bench::new("{timeout: 1h}").await;
    bench.sink.script([Answer::retryable("busy"), Answer::retryable("busy")]);
    bench.push(7).await.unwrap();
    bench.host.set_leaving(true);
    bench.stop().await;
    assert_eq!(bench.sink.sizes(), [7]);
    assert_eq!((bench.sink.calls(), bench.lost("shutdown_deadline")), (3, None));
}

#[tokio::test]
async fn the_gauge_of_partitions_counts_only_processors_that_live() {
    let bench = Bench::new("{}").await;
    assert_eq!(bench.metric("metadata_cardinality"), Some(1.0));
    let meter = bench.settings.meter.clone();
    bench.stop().await;
    drop(bench);
    let name = "otelcol_processor_batch_metadata_cardinality";
    assert_eq!(metric(&meter, name, &[("processor", "batch")]), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn what_hangs_beyond_the_grace_is_counted() {
    let bench = Bench::new("{timeout: 1s}").await;
    bench.sink.answer(Answer::Hang);
    bench.push(7).await.unwrap();
    bench.sink.wait_for_calls(1).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), bench.host.stop()).await.is_err());
    bench.batch.shutdown().await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(bench.lost("shutdown_deadline"), Some(7.0));
}

#[tokio::test(start_paused = true)]
async fn without_a_queue_behind_it_a_batch_leaves_after_the_answer_for_the_one_before() {
    let bench = Bench::new("send_batch_size: 2").await;
    bench.sink.answers_only();
    bench.sink.answer(Answer::Delay(Duration::from_secs(1)));
    let start = Instant::now();
    let replays: Vec<_> = (0..5).map(|_| bench.spawn(Context::delivered(), 2)).collect();
    for replay in replays {
        replay.await.unwrap().unwrap();
    }
    assert_eq!((start.elapsed().as_secs(), bench.sink.in_flight_max()), (5, 1));
}
