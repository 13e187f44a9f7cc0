//! A backend that takes only small requests.

use std::sync::Mutex;

use component::async_trait;

use super::*;

/// Takes requests of at most `bytes`, and never a record with the body `never`.
struct Picky {
    bytes: usize,
    never: &'static str,
    /// Bodies that arrived, and how many requests came.
    seen: Mutex<(Vec<String>, usize)>,
}

fn bodies(data: &Data) -> Vec<String> {
    let Data::Logs(logs) = data else { return Vec::new() };
    let records = logs.resources().flat_map(pdata::ResourceLogs::records);
    records.filter_map(|it| Some(it.body()?.as_str()?.to_owned())).collect()
}

#[async_trait]
impl Consumer for Picky {
    async fn consume(&self, _ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let (mut seen, bodies) = (self.seen.lock().unwrap(), bodies(&data));
        seen.1 += 1;
        if data.bytes() > self.bytes || bodies.iter().any(|it| it == self.never) {
            return Err(ConsumeError::permanent("413").too_large());
        }
        seen.0.extend(bodies);
        Ok(())
    }
}

fn numbered(count: usize) -> Data {
    let mut builder = pdata::LogsBuilder::new();
    builder.resource(|it| it.put("a", 1));
    builder.scope("s", "1");
    for body in all(count) {
        builder.record(|it| it.body(body.as_str()));
    }
    builder.finish().into()
}

/// What is sent to a picky backend: the answer, what arrived, how many requests that took, what was counted.
async fn sent(
    ctx: &Context,
    picky: Picky,
    count: usize,
) -> (Result<(), ConsumeError>, Vec<String>, usize, Bench) {
    let mut bench = Bench::new(Delivery::default()).await;
    let picky = Arc::new(picky);
    let delivery = Delivery { retry: Some(retry()), ..queue(QueueConfig::default()) };
    bench.helper = in_front_of(&bench.settings, delivery, Arc::clone(&picky) as Next);
    Arc::clone(&bench.helper).start(&bench.host).await.unwrap();
    let result = bench.helper.consume(ctx, numbered(count)).await;
    bench.stop().await;
    let seen = std::mem::take(&mut *picky.seen.lock().unwrap());
    (result, seen.0, seen.1, bench)
}

fn all(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("{at:0>200}")).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_arrives_in_smaller_requests_and_in_order() {
    let picky = Picky { bytes: 3_000, never: "", seen: Mutex::default() };
    let (result, arrived, requests, bench) = sent(&Context::delivered(), picky, 100).await;
    result.unwrap();
    assert_eq!(arrived, all(100));
    assert!(requests < 20, "{requests} requests: halves of the same size were tried again");
    assert_eq!(bench.metric("otelcol_exporter_sent_log_records"), Some(100.0));
    assert_eq!(bench.lost("oversize"), None);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_too_large_alone_is_dropped_and_counted_and_the_others_arrive() {
    let never: &'static str = Box::leak(format!("{:0>200}", 41).into_boxed_str());
    let picky = Picky { bytes: usize::MAX, never, seen: Mutex::default() };
    let (result, arrived, _, bench) = sent(&Context::delivered(), picky, 100).await;
    result.unwrap();
    assert_eq!(arrived, all(100).into_iter().filter(|it| it != never).collect::<Vec<_>>());
    assert_eq!(bench.lost("oversize"), Some(1.0));
    assert_eq!(bench.send_failed("_OTHER", "true"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_takes_nothing_is_not_asked_for_each_record() {
    let picky = Picky { bytes: 0, never: "", seen: Mutex::default() };
    let (result, arrived, requests, bench) = sent(&Context::default(), picky, 1_000).await;
    result.unwrap();
    assert!(arrived.is_empty());
    assert!(requests < 50, "{requests} requests");
    assert_eq!(bench.lost("rejected_by_backend"), Some(1_000.0));
    assert_eq!(bench.lost("oversize"), None);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_a_backend_asks_for_ends_after_five_minutes() {
    let never_ends = RetryConfig { max_elapsed_time: GoDuration::ZERO, ..retry() };
    let bench = Bench::new(Delivery { retry: Some(never_ends), ..Delivery::default() }).await;
    let busy = ConsumeError::retryable("busy").after(Duration::from_secs(1_000_000_000));
    bench.sink.answer(Answer::Fail(busy));
    let sent = bench.spawn(Context::delivered(), 1);
    settle().await;
    bench.sink.answer(Answer::Ok);
    let before = Instant::now();
    sent.await.unwrap().unwrap();
    assert_eq!(before.elapsed(), Duration::from_secs(300));
}
