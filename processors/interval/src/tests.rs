use std::sync::Arc;
use std::time::Duration;

use component::{Component, Consumer, Context, Data, Meter, Signal};
use componenttest::{Answer, Sink, TestHost, metric, plan, processor, processor_settings};
use pdata::Limits;
use serde_json::{Value as Json, json};

use crate::Interval;

componenttest::conformance!(processor Interval, "{interval: 10ms}");

/// A processor that runs, and what comes out.
struct Bench {
    step: Arc<Interval>,
    sink: Sink,
    host: TestHost,
    meter: Meter,
}

impl Bench {
    async fn start(section: &str) -> Self {
        let (sink, host) = (Sink::new(), TestHost::new());
        let settings = processor_settings("interval", Signal::Metrics);
        let meter = settings.meter.clone();
        let step = Arc::new(processor::<Interval>(settings, section, sink.next()));
        Arc::clone(&step).start(&host).await.expect("it starts");
        Self { step, sink, host, meter }
    }

    async fn send(&self, metrics: Json) {
        self.send_as(&Context::default(), metrics).await.expect("it is taken");
    }

    async fn send_as(&self, ctx: &Context, metrics: Json) -> Result<(), component::ConsumeError> {
        let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]});
        self.step.consume(ctx, data(&request)).await
    }

    /// What has come out since the last look, request by request.
    fn got(&self) -> Vec<Json> {
        let got = self.sink.received().into_iter().map(|data| {
            let mut text = Vec::new();
            data.to_json(&mut text);
            serde_json::from_slice(&text).expect("OTLP/JSON is JSON")
        });
        let got = got.collect();
        self.sink.clear();
        got
    }

    /// The same of one scope in one request: its metrics.
    fn metrics(&self) -> Json {
        let got = self.got();
        assert!(got.len() < 2, "{got:?}");
        got.first()
            .map_or(Json::Null, |it| it["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].clone())
    }

    async fn stop(&self) {
        self.host.shutdown(&*self.step, Duration::from_secs(1)).await;
    }
}

fn data(request: &Json) -> Data {
    let text = request.to_string();
    Data::from_json(Signal::Metrics, text.as_bytes(), &Limits::default()).expect("OTLP/JSON")
}

fn sum(name: &str, points: &[(u64, i64)]) -> Json {
    json!({"name": name, "sum": {"dataPoints": numbers(points), "aggregationTemporality": 2, "isMonotonic": true}})
}

fn numbers(points: &[(u64, i64)]) -> Json {
    let point =
        |it: &(u64, i64)| json!({"timeUnixNano": it.0.to_string(), "asInt": it.1.to_string()});
    points.iter().map(point).collect()
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

#[tokio::test(start_paused = true)]
async fn the_newest_point_of_each_stream_is_sent_at_the_interval() {
    let bench = Bench::start("interval: 10s").await;
    bench.send(json!([sum("a", &[(10, 1), (30, 3)]), sum("b", &[(10, 7)])])).await;
    bench.send(json!([sum("a", &[(20, 2)]), sum("b", &[(10, 8)])])).await;
    seconds(9).await;
    assert_eq!(bench.metrics(), Json::Null);
    seconds(2).await;
    assert_eq!(bench.metrics(), json!([sum("a", &[(30, 3)]), sum("b", &[(10, 7)])]));
    // What was sent is forgotten.
    bench.send(json!([sum("b", &[(5, 1)])])).await;
    seconds(10).await;
    assert_eq!(bench.metrics(), json!([sum("b", &[(5, 1)])]));
    seconds(20).await;
    assert_eq!(bench.metrics(), Json::Null);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn all_kinds_wait_that_say_all_with_their_last_point() {
    let all = |temporality: u32, gauges: &str| {
        json!([
            {"name": gauges, "gauge": {"dataPoints": numbers(&[(1, 1)])}},
            {"name": "sum", "sum": {"dataPoints": numbers(&[(1, 1)]), "aggregationTemporality": temporality,
                "isMonotonic": true}},
            {"name": "histogram", "histogram": {"dataPoints": [{"timeUnixNano": "1", "count": "1"}],
                "aggregationTemporality": temporality}},
            {"name": "exponential", "exponentialHistogram": {"dataPoints": [{"timeUnixNano": "1", "count": "1",
                "positive": {}, "negative": {}}],
                "aggregationTemporality": temporality}},
            {"name": "summary", "summary": {"dataPoints": [{"timeUnixNano": "1", "count": "1"}]}},
        ])
    };
    let bench = Bench::start("").await;
    bench.send(all(2, "gauge")).await;
    assert_eq!(bench.metrics(), Json::Null);
    seconds(61).await;
    assert_eq!(bench.metrics(), all(2, "gauge"));
    bench.stop().await;

    let bench = Bench::start("pass_through: {gauge: true, summary: true}").await;
    bench.send(all(1, "gauge")).await;
    assert_eq!(bench.metrics(), all(1, "gauge"));
    let up_and_down = json!([{"name": "m", "sum": {"dataPoints": numbers(&[(1, 1)]), "aggregationTemporality": 2}}]);
    bench.send(up_and_down.clone()).await;
    assert_eq!(bench.metrics(), up_and_down);
    bench.send(json!([sum("waits", &[(1, 1)]), {"name": "goes", "gauge": {"dataPoints": numbers(&[(1, 1)])}}])).await;
    assert_eq!(
        bench.metrics(),
        json!([{"name": "goes", "gauge": {"dataPoints": numbers(&[(1, 1)])}}])
    );
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn points_come_together_with_their_metric_scope_and_resource() {
    let bench = Bench::start("").await;
    let label = |key: &str| json!([{"key": key, "value": {"stringValue": "v"}}]);
    let request = |points: Json| {
        json!({"resourceMetrics": [{
            "resource": {"attributes": label("r")},
            "scopeMetrics": [{
                "scope": {"name": "s"},
                "metrics": [{"name": "m", "unit": "1", "gauge": {"dataPoints": points}}],
                "schemaUrl": "u",
            }],
        }]})
    };
    let point = |key: &str, value: &str| json!({"timeUnixNano": value, "asInt": value, "attributes": label(key)});
    for points in [json!([point("a", "1")]), json!([point("b", "1")]), json!([point("a", "2")])] {
        let sent = bench.step.consume(&Context::default(), data(&request(points))).await;
        sent.expect("it is taken");
    }
    bench.send(json!([sum("other", &[(1, 1)])])).await;
    seconds(61).await;
    let mut want = request(json!([point("a", "2"), point("b", "1")]));
    let other = json!({"resource": {}, "scopeMetrics": [{"scope": {}, "metrics": [sum("other", &[(1, 1)])]}]});
    want["resourceMetrics"].as_array_mut().expect("a list").push(other);
    assert_eq!(bench.got(), [want]);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_sent_when_the_collector_stops() {
    let bench = Bench::start("").await;
    bench.send(json!([sum("a", &[(1, 1)])])).await;
    bench.stop().await;
    assert_eq!(bench.metrics(), json!([sum("a", &[(1, 1)])]));
    // A call that comes too late does not wait for what will not come.
    bench.send(json!([sum("b", &[(1, 1)])])).await;
    assert_eq!(bench.metrics(), json!([sum("b", &[(1, 1)])]));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_now_is_sent_again_unless_something_newer_came() {
    let bench = Bench::start("interval: 10s").await;
    bench.sink.script([Answer::retryable("later")]);
    bench.send(json!([sum("a", &[(1, 1)]), sum("b", &[(1, 1)])])).await;
    seconds(11).await;
    bench.got();
    bench.send(json!([sum("b", &[(2, 2)])])).await;
    seconds(10).await;
    assert_eq!(bench.metrics(), json!([sum("a", &[(1, 1)]), sum("b", &[(2, 2)])]));
    let lost = |reason| metric(&bench.meter, "sluice_lost_total", &[("reason", reason)]);
    assert_eq!(lost("rejected_by_backend"), None);
    bench.sink.script([Answer::permanent("never"), Answer::retryable("later")]);
    bench.send(json!([sum("a", &[(1, 1)])])).await;
    seconds(10).await;
    assert_eq!(lost("rejected_by_backend"), Some(1.0));
    bench.send(json!([sum("a", &[(1, 1)])])).await;
    bench.stop().await;
    assert_eq!(lost("shutdown_deadline"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_can_send_again_is_answered_when_its_points_have_arrived() {
    let bench = Arc::new(Bench::start("interval: 10s").await);
    for (answer, want) in [(Answer::Ok, true), (Answer::retryable("later"), false)] {
        bench.sink.script([answer]);
        let sender = Arc::clone(&bench);
        let mut sent = componenttest::spawn(async move {
            sender.send_as(&Context::delivered(), json!([sum("a", &[(1, 1)])])).await
        });
        tokio::select! {
            _ = &mut sent => panic!("answered before the interval was over"),
            () = seconds(5) => {}
        }
        assert_eq!(sent.await.expect("no panic").is_ok(), want);
    }
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_sends_nothing_more_before_its_answer_is_not_kept_waiting() {
    let bench = Bench::start("interval: 1h").await;
    let ctx = Context { flush: true, ..Context::delivered() };
    let sent = bench.send_as(&ctx, json!([sum("a", &[(1, 1)])]));
    let sent = tokio::time::timeout(Duration::from_secs(1), sent).await;
    sent.expect("it is sent at once").expect("it arrives");
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_within_the_grace_is_lost_and_counted() {
    let bench = Bench::start("interval: 10s").await;
    bench.sink.answer(Answer::Hang);
    bench.send(json!([sum("a", &[(1, 1)])])).await;
    bench.send(json!([sum("a", &[(2, 2)]), sum("b", &[(1, 1)])])).await;
    seconds(11).await;
    assert_eq!(bench.sink.in_flight(), 1);
    // These wait behind what the next step does not answer.
    bench.send(json!([sum("c", &[(1, 1)])])).await;
    let ended = tokio::time::timeout(Duration::from_secs(1), bench.host.stop()).await;
    assert!(ended.is_err(), "it still waits for an answer");
    bench.host.abort();
    tokio::task::yield_now().await;
    bench.step.shutdown().await.expect("it ends");
    let lost = || metric(&bench.meter, "sluice_lost_total", &[("reason", "shutdown_deadline")]);
    assert_eq!(lost(), Some(3.0));
}

#[tokio::test(start_paused = true)]
async fn a_metric_without_points_goes_through_once() {
    let bench = Bench::start("interval: 10s").await;
    let empty = json!({"name": "e", "sum": {"aggregationTemporality": 2, "isMonotonic": true}});
    let goes = json!({"name": "d", "sum": {"dataPoints": numbers(&[(1, 1)]), "aggregationTemporality": 1}});
    bench.send(json!([empty, goes])).await;
    assert_eq!(bench.metrics(), json!([empty, goes]));
    seconds(11).await;
    assert_eq!(bench.metrics(), Json::Null);
    bench.stop().await;
}

#[test]
fn sections_that_make_no_sense_are_refused() {
    let found = plan::<Interval>("interval: 0s", Signal::Metrics).err().unwrap_or_default();
    assert!(found.iter().any(|it| it.ends_with("invalid interval value")), "{found:?}");
}
