use std::sync::Arc;
use std::time::Duration;

use component::{Component, Consumer, Context, Data, Meter, Signal};
use componenttest::{Sink, TestHost, metric, plan, processor, processor_settings};
use pdata::Limits;
use serde_json::{Value as Json, json};

use crate::DeltaToCumulative;

componenttest::conformance!(processor DeltaToCumulative);

/// A processor that gets one metric after the other, and what comes out.
struct Bench {
    step: Arc<DeltaToCumulative>,
    sink: Sink,
    meter: Meter,
}

impl Bench {
    fn new(section: &str) -> Self {
        let sink = Sink::new();
        let settings = processor_settings("delta_to_cumulative", Signal::Metrics);
        let meter = settings.meter.clone();
        let step = Arc::new(processor::<DeltaToCumulative>(settings, section, sink.next()));
        Self { step, sink, meter }
    }

    /// What becomes of a metric; null if nothing goes on.
    async fn through(&self, metric: &Json) -> Json {
        self.sink.clear();
        let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]});
        let text = request.to_string();
        let data = Data::from_json(Signal::Metrics, text.as_bytes(), &Limits::default());
        let sent = self.step.consume(&Context::default(), data.expect("OTLP/JSON")).await;
        sent.expect("it is taken");
        let Some(data) = self.sink.received().pop() else { return Json::Null };
        let mut text = Vec::new();
        data.to_json(&mut text);
        let json: Json = serde_json::from_slice(&text).expect("OTLP/JSON is JSON");
        json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0].clone()
    }

    /// The value and the start of the point that becomes of a number.
    async fn number(&self, start: u64, time: u64, value: i64) -> Json {
        let got = self.through(&sum(start, time, json!({"asInt": value.to_string()}))).await;
        let point = &got["sum"]["dataPoints"][0];
        json!([point["asInt"], point["startTimeUnixNano"]])
    }

    fn points(&self, labels: &[(&str, &str)]) -> Option<f64> {
        metric(&self.meter, "otelcol_deltatocumulative_datapoints", labels)
    }
}

fn sum(start: u64, time: u64, more: Json) -> Json {
    let point = with(
        json!({"startTimeUnixNano": start.to_string(), "timeUnixNano": time.to_string()}),
        more,
    );
    json!({"name": "m", "sum": {"dataPoints": [point], "aggregationTemporality": 1}})
}

fn with(mut point: Json, more: Json) -> Json {
    point.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    point
}

#[tokio::test]
async fn a_sum_becomes_what_its_points_add_up_to() {
    let bench = Bench::new("");
    let first = bench.through(&sum(5, 10, json!({"asInt": "3"}))).await;
    let point = json!({"startTimeUnixNano": "5", "timeUnixNano": "10", "asInt": "3"});
    assert_eq!(
        first,
        json!({"name": "m", "sum": {"dataPoints": [point], "aggregationTemporality": 2}})
    );
    let second = bench.through(&sum(10, 20, json!({"asInt": "4", "flags": 2}))).await;
    let point = json!({"startTimeUnixNano": "5", "timeUnixNano": "20", "asInt": "7", "flags": 2});
    assert_eq!(second["sum"]["dataPoints"], json!([point]));
    assert_eq!(bench.points(&[]), Some(2.0));
}

#[tokio::test]
async fn points_that_do_not_follow_the_last_one_are_dropped_and_counted() {
    let bench = Bench::new("");
    bench.number(5, 10, 3).await;
    assert_eq!(bench.number(5, 10, 4).await, json!([null, null]));
    assert_eq!(bench.number(6, 9, 4).await, json!([null, null]));
    assert_eq!(bench.number(4, 20, 4).await, json!([null, null]));
    assert_eq!(bench.number(10, 20, 4).await, json!(["7", "5"]));
    assert_eq!(bench.points(&[("error", "delta.ErrOutOfOrder")]), Some(2.0));
    assert_eq!(bench.points(&[("error", "delta.ErrOlderStart")]), Some(1.0));
}

#[tokio::test]
async fn histograms_become_what_their_points_add_up_to() {
    let bench = Bench::new("");
    let histogram = |time: &str, bounds: Json, more: Json| {
        let point = with(
            json!({"startTimeUnixNano": time, "timeUnixNano": time, "explicitBounds": bounds}),
            more,
        );
        json!({"name": "h", "histogram": {"aggregationTemporality": 1, "dataPoints": [point]}})
    };
    let first =
        json!({"count": "3", "sum": 4.0, "bucketCounts": ["1", "2"], "min": 0.5, "max": 2.0});
    let second = json!({"count": "1", "sum": 3, "bucketCounts": ["0", "1"], "max": 3});
    bench.through(&histogram("10", json!([1]), first)).await;
    let got = bench.through(&histogram("20", json!([1]), second.clone())).await;
    let point = json!({"startTimeUnixNano": "10", "timeUnixNano": "20", "explicitBounds": [1], "count": "4",
        "sum": 7, "bucketCounts": ["1", "3"], "max": 3});
    assert_eq!(
        got,
        json!({"name": "h", "histogram": {"aggregationTemporality": 2, "dataPoints": [point]}})
    );
    let mut other = histogram("30", json!([2]), second);
    let got = bench.through(&other).await;
    other["histogram"]["aggregationTemporality"] = json!(2);
    assert_eq!(got, other);
}

#[tokio::test]
async fn exponential_histograms_become_what_their_points_add_up_to() {
    let bench = Bench::new("");
    let histogram = |time: &str, more: Json| {
        let point = with(json!({"startTimeUnixNano": time, "timeUnixNano": time}), more);
        json!({"name": "h", "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [point]}})
    };
    let first = json!({"count": "4", "sum": 4.0, "scale": 1, "zeroCount": "1", "positive": {"offset": 2, "bucketCounts": ["2", "1"]}});
    let second = json!({"count": "3", "sum": 3, "zeroCount": "1", "negative": {"offset": -1, "bucketCounts": ["2"]}});
    bench.through(&histogram("10", first)).await;
    let got = bench.through(&histogram("20", second)).await;
    let point = json!({"startTimeUnixNano": "10", "timeUnixNano": "20", "count": "7", "sum": 7, "zeroCount": "2",
        "positive": {"offset": 1, "bucketCounts": ["3"]}, "negative": {"offset": -1, "bucketCounts": ["2"]}});
    assert_eq!(
        got,
        json!({"name": "h", "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [point]}})
    );
}

#[tokio::test]
async fn other_metrics_go_through_as_they_are() {
    let bench = Bench::new("");
    let points = json!([{"asInt": "1"}]);
    for metric in [
        json!({"name": "m", "gauge": {"dataPoints": points}}),
        json!({"name": "m", "sum": {"dataPoints": points, "aggregationTemporality": 2, "isMonotonic": true}}),
        json!({"name": "m", "sum": {"dataPoints": points, "isMonotonic": true}}),
        json!({"name": "m", "summary": {"dataPoints": [{"count": "1"}]}}),
    ] {
        for _ in 0..2 {
            assert_eq!(bench.through(&metric).await, metric);
        }
    }
}

#[tokio::test]
async fn streams_beyond_the_limit_are_dropped_and_counted() {
    let bench = Bench::new("max_streams: 1");
    let keyed = |key: &str, time: u64| {
        sum(
            1,
            time,
            json!({"asInt": "1", "attributes": [{"key": "k", "value": {"stringValue": key}}]}),
        )
    };
    bench.through(&keyed("a", 10)).await;
    assert_eq!(bench.through(&keyed("b", 10)).await, Json::Null);
    assert_eq!(bench.through(&keyed("a", 20)).await["sum"]["dataPoints"][0]["asInt"], "2");
    assert_eq!(bench.points(&[("error", "limit")]), Some(1.0));
    for (name, want) in
        [("streams_tracked", 1.0), ("streams_limit", 1.0), ("streams_max_stale", 300.0)]
    {
        let name = format!("otelcol_deltatocumulative_{name}");
        assert_eq!(metric(&bench.meter, &name, &[]), Some(want), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_points_begins_anew() {
    let bench = Bench::new("max_stale: 2m");
    let host = TestHost::new();
    Arc::clone(&bench.step).start(&host).await.expect("it starts");
    bench.number(5, 10, 3).await;
    tokio::time::sleep(Duration::from_secs(119)).await;
    assert_eq!(bench.number(10, 20, 3).await, json!(["6", "5"]));
    tokio::time::sleep(Duration::from_secs(200)).await;
    assert_eq!(bench.number(20, 30, 3).await, json!(["3", "20"]));
    host.shutdown(&*bench.step, Duration::from_secs(1)).await;
}

#[test]
fn sections_that_make_no_sense_are_refused() {
    for (section, want) in [
        ("max_stale: 0s", "max_stale must be a positive duration (got 0s)"),
        ("max_streams: -1", "max_streams must be a positive number (got -1)"),
    ] {
        let found = plan::<DeltaToCumulative>(section, Signal::Metrics).err().unwrap_or_default();
        assert!(found.iter().any(|it| it.ends_with(want)), "{section}: {found:?}");
    }
}
