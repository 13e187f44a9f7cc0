//! Behaviour of the whole block through `consume`, on a paused clock.

#![expect(
    clippy::cast_possible_wrap,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use std::sync::Arc;
use std::time::Duration;

use component::config::{Duration as GoDuration, Problems, Section};
use component::{
    BatchConfig, Component, ConsumeError, Consumer, Context, Data, Delivery, ExporterSettings,
    Next, Overflow, Place, QueueConfig, RetryConfig, Signal, Sizer, fan_out,
};
use componenttest::{Answer, Line, Sink, TestHost, captured, exporter_settings, logs, metric};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::{Helper, in_front_of};

mod on_disk;
mod replaced;
mod too_large;

const GRACE: Duration = Duration::from_secs(60);

struct Bench {
    sink: Sink,
    host: TestHost,
    helper: Arc<Helper>,
    settings: ExporterSettings,
}

impl Bench {
    async fn new(delivery: Delivery) -> Self {
        let (sink, host) = (Sink::new(), TestHost::new());
        let settings = exporter_settings("otlp", Signal::Logs);
        let helper = in_front_of(&settings, delivery, sink.next());
        Arc::clone(&helper).start(&host).await.unwrap();
        Self { sink, host, helper, settings }
    }

    async fn send(&self, ctx: &Context, items: usize) -> Result<(), ConsumeError> {
        self.helper.consume(ctx, logs(items)).await
    }

    /// Sends in a task of its own, as a receiver does.
    fn spawn(&self, ctx: Context, items: usize) -> JoinHandle<Result<(), ConsumeError>> {
        let helper = Arc::clone(&self.helper);
        componenttest::spawn(async move { helper.consume(&ctx, logs(items)).await })
    }

    async fn stop(&self) {
        self.host.shutdown(&*self.helper, GRACE).await;
    }

    fn metric(&self, name: &str) -> Option<f64> {
        metric(&self.settings.meter, name, &[("exporter", "otlp")])
    }

    fn send_failed(&self, error: &str, permanent: &str) -> Option<f64> {
        let attributes =
            [("exporter", "otlp"), ("error.type", error), ("error.permanent", permanent)];
        metric(&self.settings.meter, "otelcol_exporter_send_failed_log_records", &attributes)
    }

    fn typed_metric(&self, name: &str) -> Option<f64> {
        let attributes = [("exporter", "otlp"), ("data_type", "logs")];
        metric(&self.settings.meter, name, &attributes)
    }

    fn lost(&self, reason: &str) -> Option<f64> {
        metric(&self.settings.meter, "sluice_lost_total", &[("reason", reason)])
    }
}

fn queue(config: QueueConfig) -> Delivery {
    Delivery { queue: Some(config), ..Delivery::default() }
}

/// A queue of so many requests, sent one by one.
fn small(queue_size: i64) -> QueueConfig {
    QueueConfig { queue_size, num_consumers: 1, ..QueueConfig::default() }
}

fn batch(min_size: i64, max_size: i64) -> Section<BatchConfig> {
    Section::on(BatchConfig { min_size, max_size, ..BatchConfig::default() })
}

fn retry() -> RetryConfig {
    RetryConfig { randomization_factor: 0.0, ..RetryConfig::default() }
}

/// Lets all tasks go as far as they can without the clock.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn run<F: Future>(work: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap().block_on(work)
}

fn messages(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|it| it.message.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn without_a_queue_the_answer_of_the_backend_is_the_answer() {
    let bench = Bench::new(Delivery::default()).await;
    bench.send(&Context::default(), 3).await.unwrap();
    bench.sink.answer(Answer::permanent("no"));
    let error = bench.send(&Context::default(), 2).await.unwrap_err();
    assert_eq!(error.to_string(), "Permanent error: no");
    assert_eq!(bench.metric("otelcol_exporter_sent_log_records"), Some(3.0));
    assert_eq!(bench.send_failed("_OTHER", "true"), Some(2.0));
    assert_eq!(bench.typed_metric("otelcol_exporter_queue_capacity"), None);
    assert_eq!(bench.typed_metric("otelcol_exporter_in_flight_requests"), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_push_is_answered_when_it_is_queued_and_a_replay_when_it_has_arrived() {
    let bench = Bench::new(queue(QueueConfig::default())).await;
    bench.sink.answer(Answer::Hang);
    bench.send(&Context::default(), 1).await.unwrap();
    let replay = bench.spawn(Context::delivered(), 1);
    bench.sink.wait_for_calls(2).await;
    assert!(!replay.is_finished());
    bench.sink.release(Answer::Ok);
    replay.await.unwrap().unwrap();
    assert_eq!(bench.sink.items(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_pushes_and_makes_replays_wait() {
    let bench = Bench::new(queue(small(2))).await;
    bench.sink.answer(Answer::Hang);
    bench.send(&Context::default(), 1).await.unwrap();
    bench.send(&Context::default(), 1).await.unwrap();
    let error = bench.send(&Context::default(), 5).await.unwrap_err();
    assert_eq!(error.to_string(), "sending queue is full");
    assert!(!error.is_permanent());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    assert_eq!(bench.metric("otelcol_exporter_enqueue_failed_log_records"), Some(5.0));
    assert_eq!(bench.typed_metric("otelcol_exporter_queue_size"), Some(2.0));
    assert_eq!(bench.typed_metric("otelcol_exporter_queue_capacity"), Some(2.0));
    let replay = bench.spawn(Context::delivered(), 1);
    settle().await;
    assert!(!replay.is_finished());
    bench.sink.answer(Answer::Ok);
    bench.sink.release(Answer::Ok);
    replay.await.unwrap().unwrap();
    assert_eq!(bench.sink.items(), 3);
    assert_eq!(bench.typed_metric("otelcol_exporter_queue_size"), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_push_waits_for_room_or_for_the_result_where_the_configuration_says_so() {
    let config = QueueConfig { block_on_overflow: true, ..small(1) };
    let bench = Bench::new(queue(config)).await;
    bench.sink.answer(Answer::Hang);
    bench.send(&Context::default(), 1).await.unwrap();
    let waiting = bench.spawn(Context::default(), 1);
    settle().await;
    assert!(!waiting.is_finished());
    bench.sink.release(Answer::Ok);
    waiting.await.unwrap().unwrap();

    let config = QueueConfig { wait_for_result: true, ..QueueConfig::default() };
    let bench = Bench::new(queue(config)).await;
    bench.sink.answer(Answer::permanent("no"));
    let error = bench.send(&Context::default(), 1).await.unwrap_err();
    assert_eq!(error.to_string(), "Permanent error: no");
}

#[tokio::test(start_paused = true)]
async fn the_age_of_a_queue_is_that_of_the_oldest_request_without_an_answer() {
    let bench = Bench::new(queue(QueueConfig { batch: batch(100, 0), ..small(10) })).await;
    componenttest::set_clock(1_700_000_000_000_000_000);
    let age = || bench.typed_metric("sluice_exporter_queue_oldest_age").unwrap();
    assert!(age() <= 0.0);
    bench.sink.answer(Answer::Hang);
    bench.send(&Context::default(), 1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    bench.send(&Context::default(), 1).await.unwrap();
    assert!(age() >= 0.02, "one of them waits for company: {}", age());
    bench.sink.wait_for_calls(1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(age() >= 0.04, "while it is sent: {}", age());
    bench.sink.release(Answer::Ok);
    settle().await;
    assert!(age() <= 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_what_the_configuration_says_and_counts_it() {
    for (overflow, sizes) in [(Overflow::DropOldest, [1, 4, 5]), (Overflow::DropNewest, [1, 2, 3])]
    {
        let config =
            QueueConfig { on_overflow: Some(overflow.into()), num_consumers: 1, ..small(3) };
        let bench = Bench::new(queue(config)).await;
        bench.sink.answer(Answer::Hang);
        bench.send(&Context::default(), 1).await.unwrap();
        bench.sink.wait_for_calls(1).await;
        for items in 2..=5 {
            bench.send(&Context::default(), items).await.unwrap();
        }
        // One that can read its data again waits for room instead.
        let replay = bench.spawn(Context::delivered(), 6);
        settle().await;
        bench.sink.answer(Answer::Ok);
        bench.sink.release(Answer::Ok);
        replay.await.unwrap().unwrap();
        assert_eq!(bench.sink.sizes(), [sizes.as_slice(), &[6]].concat());
        let lost = 15 - sizes.iter().sum::<usize>();
        assert_eq!(bench.lost("queue_full_drop_policy"), Some(lost as f64));
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_be_read_again_is_given_back_and_not_lost_when_it_is_dropped() {
    let overflow = Some(Overflow::DropOldest.into());
    let bench =
        Bench::new(queue(QueueConfig { on_overflow: overflow, num_consumers: 1, ..small(2) }))
            .await;
    bench.sink.answer(Answer::Hang);
    bench.send(&Context::default(), 1).await.unwrap();
    bench.sink.wait_for_calls(1).await;
    let replay = bench.spawn(Context::delivered(), 2);
    settle().await;
    bench.send(&Context::default(), 3).await.unwrap();
    let error = replay.await.unwrap().unwrap_err();
    assert_eq!((error.is_permanent(), error.message()), (false, "sending queue is full"));
    assert_eq!(bench.lost("queue_full_drop_policy"), None);
    // With all of it being sent there is nothing to drop.
    let bench = Bench::new(queue(QueueConfig {
        on_overflow: Some(Overflow::DropOldest.into()),
        ..small(1)
    }))
    .await;
    bench.sink.answer(Answer::Hang);
    bench.send(&Context::default(), 1).await.unwrap();
    bench.sink.wait_for_calls(1).await;
    let full = bench.send(&Context::default(), 1).await.unwrap_err();
    assert_eq!(full.to_string(), "sending queue is full");
}

#[tokio::test(start_paused = true)]
async fn the_queue_counts_items_or_bytes_where_the_configuration_says_so() {
    let bench = Bench::new(queue(QueueConfig { sizer: Sizer::Items.into(), ..small(10) })).await;
    bench.sink.answer(Answer::Hang);
    bench.send(&Context::default(), 6).await.unwrap();
    let full = bench.send(&Context::default(), 5).await.unwrap_err();
    assert_eq!(full.to_string(), "sending queue is full");
    let large = bench.send(&Context::default(), 11).await.unwrap_err();
    assert_eq!(large.to_string(), "element size too large");
    // Who can wait takes the whole queue instead.
    let replay = bench.spawn(Context::delivered(), 11);
    bench.sink.answer(Answer::Ok);
    bench.sink.wait_for_calls(1).await;
    bench.sink.release(Answer::Ok);
    replay.await.unwrap().unwrap();

    let bytes = logs(3).bytes() as i64;
    let bench = Bench::new(queue(QueueConfig { sizer: Sizer::Bytes.into(), ..small(bytes) })).await;
    bench.sink.answer(Answer::Hang);
    bench.send(&Context::default(), 2).await.unwrap();
    bench.send(&Context::default(), 2).await.unwrap_err();
    let want = logs(2).bytes() as f64;
    assert_eq!(bench.typed_metric("otelcol_exporter_queue_size"), Some(want));
}

#[tokio::test(start_paused = true)]
async fn an_empty_request_is_answered_at_once() {
    let bench = Bench::new(queue(QueueConfig::default())).await;
    let empty = Data::from(pdata::Logs::default());
    bench.helper.consume(&Context::delivered(), empty).await.unwrap();
    assert_eq!(bench.sink.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_outgoing_request_completes_many_callers() {
    let config = QueueConfig { batch: batch(100, 0), ..QueueConfig::default() };
    let bench = Bench::new(queue(config)).await;
    let start = Instant::now();
    let callers: Vec<_> = (0..5).map(|_| bench.spawn(Context::delivered(), 3)).collect();
    bench.send(&Context::default(), 2).await.unwrap();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(bench.sink.sizes(), [17]);
    assert!(bench.sink.attempts()[0].0.wants_delivered());
    let waited = start.elapsed();
    assert!(waited < Duration::from_millis(250), "flushed after {waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_split_request_completes_its_caller_when_its_last_part_is_done() {
    let config = QueueConfig { batch: batch(4, 4), num_consumers: 1, ..QueueConfig::default() };
    let bench = Bench::new(queue(config)).await;
    bench.sink.answer(Answer::Hang);
    let caller = bench.spawn(Context::delivered(), 10);
    for part in 1..=3 {
        bench.sink.wait_for_calls(part).await;
        settle().await;
        assert!(!caller.is_finished(), "answered before part {part}");
        bench.sink.release(Answer::Ok);
    }
    caller.await.unwrap().unwrap();
    assert_eq!(bench.sink.sizes(), [4, 4, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_part_fails_its_caller_and_nobody_else() {
    let config = QueueConfig { batch: batch(4, 4), num_consumers: 1, ..QueueConfig::default() };
    let bench = Bench::new(queue(config)).await;
    bench.sink.script([Answer::Ok, Answer::permanent("bad part"), Answer::Ok]);
    let first = bench.spawn(Context::delivered(), 4);
    settle().await;
    let second = bench.spawn(Context::delivered(), 8);
    first.await.unwrap().unwrap();
    let error = second.await.unwrap().unwrap_err();
    assert!(error.is_permanent());
    assert_eq!(error.to_string(), "Permanent error: bad part");
    assert_eq!(bench.sink.sizes(), [4, 4]);
    assert_eq!(bench.lost("rejected_by_backend"), None);
}

#[tokio::test(start_paused = true)]
async fn requests_of_different_tenants_do_not_share_a_batch() {
    let mut config = BatchConfig { min_size: 100, ..BatchConfig::default() };
    config.partition.metadata_keys = vec!["Tenant".into()];
    let config = QueueConfig { batch: Section::on(config), ..QueueConfig::default() };
    let bench = Bench::new(queue(config)).await;
    for tenant in ["a", "b", "a"] {
        let metadata = vec![("tenant".into(), tenant.into()), ("other".into(), "x".into())];
        let client = Some(Arc::new(component::Client { metadata, ..Default::default() }));
        bench.send(&Context { client, ..Context::default() }, 1).await.unwrap();
    }
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
}

#[tokio::test(start_paused = true)]
async fn full_batches_leave_at_once_and_at_most_num_consumers_at_a_time() {
    let config = QueueConfig { batch: batch(2, 2), num_consumers: 3, ..QueueConfig::default() };
    let bench = Bench::new(queue(config)).await;
    bench.sink.answer(Answer::Delay(Duration::from_secs(1)));
    let start = Instant::now();
    bench.send(&Context::delivered(), 12).await.unwrap();
    assert_eq!(bench.sink.in_flight_max(), 3);
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[test]
fn retries_follow_the_schedule_and_say_so() {
    let ((), lines) = captured(|| {
        run(async {
            let delivery = Delivery { retry: Some(retry()), ..queue(QueueConfig::default()) };
            let bench = Bench::new(delivery).await;
            let later =
                Answer::Fail(ConsumeError::retryable("busy").after(Duration::from_secs(20)));
            bench.sink.script([Answer::retryable("down"), later, Answer::retryable("down")]);
            let start = Instant::now();
            bench.send(&Context::delivered(), 4).await.unwrap();
            // 5 s, then what the backend asks for, then 5 s times 1.5 squared.
            assert_eq!(start.elapsed().as_millis(), 5_000 + 20_000 + 11_250);
            assert_eq!(bench.metric("otelcol_exporter_sent_log_records"), Some(4.0));
            assert_eq!(bench.metric("otelcol_exporter_send_failed_log_records"), None);
        });
    });
    let first = &lines[0];
    assert_eq!(first.message, "Exporting failed. Will retry the request after interval.");
    assert_eq!((first.field("error"), first.field("interval")), (Some("down"), Some("5s")));
    assert_eq!(lines.len(), 3);
}

#[test]
fn what_is_given_up_is_counted_and_said() {
    let ((), lines) = captured(|| {
        run(async {
            let delivery = Delivery { retry: Some(retry()), ..queue(QueueConfig::default()) };
            let bench = Bench::new(delivery).await;
            bench.sink.answer(Answer::retryable("down"));
            bench.send(&Context::default(), 4).await.unwrap();
            let error = bench.send(&Context::delivered(), 3).await.unwrap_err();
            assert_eq!(error.to_string(), "no more retries left: down");
            assert!(!error.is_permanent());
            assert_eq!(bench.lost("expired_retry"), Some(4.0));
            bench.sink.answer(Answer::permanent("bad"));
            bench.send(&Context::default(), 2).await.unwrap();
            let error = bench.send(&Context::delivered(), 1).await.unwrap_err();
            assert_eq!(error.to_string(), "not retryable error: Permanent error: bad");
            assert_eq!(bench.lost("rejected_by_backend"), Some(2.0));
            assert_eq!(bench.send_failed("_OTHER", "false"), Some(7.0));
            assert_eq!(bench.send_failed("_OTHER", "true"), Some(3.0));
        });
    });
    let loud = messages(&lines);
    let loud: Vec<_> = loud.iter().filter(|it| !it.contains("Will retry")).collect();
    let want = [
        "Exporting failed. Dropping data.",
        "Exporting failed. Returning data to its receiver, which keeps it and tries again.",
        "Exporting failed. Dropping data.",
        "Exporting failed. Rejecting data.",
    ];
    assert_eq!(loud, want.iter().collect::<Vec<_>>());
    let dropped = lines.iter().find(|it| it.message == want[0]).unwrap();
    assert_eq!(dropped.field("dropped_items"), Some("4"));
    assert_eq!(dropped.field("error"), Some("no more retries left: down"));
}

#[test]
fn the_log_says_what_to_enable() {
    let ((), lines) = captured(|| {
        run(async {
            let off = RetryConfig { enabled: false, ..RetryConfig::default() };
            let bench = Bench::new(Delivery { retry: Some(off), ..Delivery::default() }).await;
            bench.sink.answer(Answer::retryable("down"));
            bench.send(&Context::default(), 4).await.unwrap_err();
        });
    });
    let want = "Exporting failed. Rejecting data. Try enabling retry_on_failure config option to \
                retry on retryable errors. Try enabling sending_queue to survive temporary failures.";
    assert_eq!(messages(&lines), [want]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_ends_with_the_timeout_and_can_be_repeated() {
    let timeout = GoDuration::from_secs(5);
    let bench = Bench::new(Delivery { timeout, retry: Some(retry()), queue: None }).await;
    bench.sink.script([Answer::Hang]);
    let start = Instant::now();
    bench.send(&Context::default(), 1).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 10);
    assert_eq!((bench.sink.calls(), bench.sink.withdrawn()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_takes_nothing_with_it_but_its_own() {
    let config = QueueConfig { batch: batch(100, 0), ..QueueConfig::default() };
    let bench = Bench::new(queue(config)).await;
    let stays = bench.spawn(Context::delivered(), 2);
    let leaves = bench.spawn(Context::delivered(), 3);
    settle().await;
    leaves.abort();
    stays.await.unwrap().unwrap();
    assert_eq!(bench.sink.calls(), 1);
    // Nobody is left for this one.
    let leaves = bench.spawn(Context::delivered(), 3);
    settle().await;
    leaves.abort();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.sink.calls(), 1);
    assert_eq!(bench.typed_metric("otelcol_exporter_queue_size"), Some(0.0));
    assert_eq!(bench.lost("shutdown_deadline"), None);
}

#[tokio::test(start_paused = true)]
async fn shutdown_sends_what_is_queued_and_refuses_more() {
    let config = QueueConfig { batch: batch(100, 0), ..small(1000) };
    let bench = Bench::new(queue(config)).await;
    bench.send(&Context::default(), 7).await.unwrap();
    bench.stop().await;
    assert_eq!(bench.sink.sizes(), [7]);
    let error = bench.send(&Context::default(), 1).await.unwrap_err();
    assert!(!error.is_permanent() && error.to_string().starts_with("sending queue is stopped"));
}

#[tokio::test(start_paused = true)]
async fn shutdown_tries_each_request_once_and_counts_what_fails() {
    let delivery = Delivery { retry: Some(retry()), ..queue(small(1000)) };
    let bench = Bench::new(delivery).await;
    bench.sink.answer(Answer::retryable("down"));
    bench.send(&Context::default(), 3).await.unwrap();
    bench.send(&Context::default(), 4).await.unwrap();
    let replay = bench.spawn(Context::delivered(), 5);
    bench.sink.wait_for_calls(1).await;
    let start = Instant::now();
    bench.stop().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    // The first had failed before; all had one attempt after.
    assert_eq!(bench.sink.calls(), 4);
    assert_eq!(bench.lost("shutdown_deadline"), Some(7.0));
    let error = replay.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "interrupted due to shutdown: down");
}

#[tokio::test(start_paused = true)]
async fn what_hangs_beyond_the_grace_is_counted() {
    let bench = Bench::new(queue(small(1000))).await;
    bench.sink.answer(Answer::Hang);
    bench.send(&Context::default(), 3).await.unwrap();
    bench.send(&Context::default(), 4).await.unwrap();
    let replay = bench.spawn(Context::delivered(), 5);
    bench.sink.wait_for_calls(1).await;
    // The service gives up waiting, which ends the tasks.
    let stop = bench.host.stop();
    assert!(tokio::time::timeout(Duration::from_secs(1), stop).await.is_err());
    bench.helper.shutdown().await.unwrap();
    settle().await;
    assert_eq!(bench.lost("shutdown_deadline"), Some(7.0));
    assert!(!replay.await.unwrap().unwrap_err().is_permanent());
}

/// With a place in an order.
fn placed() -> (Context, Place) {
    let place = Place::default();
    (Context { place: Some(place.clone()), ..Context::delivered() }, place)
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_has_kept_its_place_and_without_a_queue_the_answer_keeps_it() {
    for (delivery, wants) in [(queue(small(10)), true), (Delivery::default(), false)] {
        let bench = Bench::new(delivery).await;
        bench.sink.answers_only();
        bench.sink.answer(Answer::Hang);
        let (ctx, place) = placed();
        let _call = bench.spawn(ctx, 1);
        bench.sink.wait_for_calls(1).await;
        assert_eq!(place.is_kept(), wants);
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_is_kept_when_all_exporters_have_the_data_in_a_queue_or_have_answered() {
    let (queued, direct) = (Bench::new(queue(small(10))).await, Sink::new());
    queued.sink.answer(Answer::Hang);
    direct.answers_only();
    direct.answer(Answer::Hang);
    let (ctx, place) = placed();
    let nexts: [Next; 2] = [Arc::clone(&queued.helper) as Next, direct.next()];
    let call = componenttest::spawn(async move { fan_out(&ctx, nexts.iter(), logs(1)).await });
    queued.sink.wait_for_calls(1).await;
    direct.wait_for_calls(1).await;
    assert!(!place.is_kept());
    direct.release(Answer::Ok);
    place.kept().await;
    assert!(!call.is_finished());
    queued.sink.release(Answer::Ok);
    call.await.unwrap().unwrap();
}

#[test]
fn partitions_have_the_rules_of_upstream_and_say_what_has_no_effect() {
    let check = |partition: &str, faults: &[&str], warnings: &[&str]| {
        let section = format!("{{batch: {{partition: {{{partition}}}}}}}");
        let read = component::config::load(&componenttest::section(&section));
        let (queue, mut found): (QueueConfig, _) = (read.unwrap(), Problems::default());
        queue.validate("sending_queue", &mut found);
        let texts: Vec<_> = found.faults().iter().map(|it| it.text.as_str()).collect();
        assert_eq!(texts, faults, "{partition}");
        let texts: Vec<_> = found.warnings().iter().map(|it| it.1.text.as_str()).collect();
        assert_eq!(texts, warnings, "{partition}");
    };
    check("metadata_keys: [a, b], cache_size: 1, idle_timeout: 90s", &[], &[]);
    let none =
        "idle_timeout has no effect: a partition in which nothing waits is forgotten at once";
    check("metadata_keys: [a], idle_timeout: 5s", &[], &[none]);
    let idle = "batch: partition: `idle_timeout` must be positive, found 0s";
    check("idle_timeout: 0s, cache_size: 0", &[idle], &[]);
    let size = "batch: partition: `cache_size` must be positive, found -1";
    check("cache_size: -1", &[size], &[]);
    let twice = "batch: partition: duplicate entry in metadata_keys: \"a\" (case-insensitive)";
    check("metadata_keys: [a, A], cache_size: 0", &[twice], &[]);
}
