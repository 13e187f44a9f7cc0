use std::sync::Arc;
use std::time::Duration;

use component::{Component, Consumer, Context, Data, Meter, Signal};
use componenttest::{Sink, TestHost, metric, plan, processor, processor_settings, set_clock};
use pdata::Limits;
use serde_json::{Value as Json, json};

use crate::MetricStartTime;

componenttest::conformance!(processor MetricStartTime);

const SECOND: u64 = 1_000_000_000;
const MILLISECOND: u64 = 1_000_000;

/// A processor that gets one metric after the other, and what comes out.
struct Bench {
    step: Arc<MetricStartTime>,
    sink: Sink,
    meter: Meter,
}

impl Bench {
    fn new(section: &str) -> Self {
        let sink = Sink::new();
        let settings = processor_settings("metric_start_time", Signal::Metrics);
        let meter = settings.meter.clone();
        let step = Arc::new(processor::<MetricStartTime>(settings, section, sink.next()));
        Self { step, sink, meter }
    }

    /// What becomes of metrics; null if nothing goes on.
    async fn all(&self, metrics: Json) -> Json {
        self.sink.clear();
        let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]});
        let text = request.to_string();
        let data = Data::from_json(Signal::Metrics, text.as_bytes(), &Limits::default());
        let sent = self.step.consume(&Context::default(), data.expect("OTLP/JSON")).await;
        sent.expect("it is taken");
        let Some(data) = self.sink.received().pop() else { return Json::Null };
        let mut text = Vec::new();
        data.to_json(&mut text);
        let json: Json = serde_json::from_slice(&text).expect("OTLP/JSON is JSON");
        json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].clone()
    }

    /// The start and the value of the point that becomes of a number.
    async fn number(&self, time: u64, value: i64) -> Json {
        self.point(sum(time, json!({"asInt": value.to_string()}))).await
    }

    /// The same of a sum with one point.
    async fn point(&self, metric: Json) -> Json {
        let got = self.all(json!([metric])).await;
        let point = &got[0]["sum"]["dataPoints"][0];
        json!([point["startTimeUnixNano"], point["asInt"]])
    }

    fn dropped(&self, reason: &str) -> Option<f64> {
        let labels = [("processor", "metric_start_time"), ("reason", reason)];
        metric(&self.meter, "sluice_processor_dropped_metric_points", &labels)
    }
}

fn sum(time: u64, more: Json) -> Json {
    let point = with(json!({"timeUnixNano": time.to_string()}), more);
    json!({"name": "m", "sum": {"dataPoints": [point], "aggregationTemporality": 2, "isMonotonic": true}})
}

fn with(mut point: Json, more: Json) -> Json {
    point.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    point
}

/// A start and a value, as they are shown.
fn shown(start: u64, value: i64) -> Json {
    json!([start.to_string(), value.to_string()])
}

#[tokio::test]
async fn a_stream_begins_with_its_first_point_and_anew_when_it_falls() {
    let bench = Bench::new("");
    assert_eq!(bench.number(10 * SECOND, 5).await, shown(10 * SECOND, 5));
    assert_eq!(bench.number(20 * SECOND, 7).await, shown(10 * SECOND, 7));
    // It says that it has no value.
    let gone = sum(25 * SECOND, json!({"flags": 1, "asInt": "0"}));
    assert_eq!(bench.point(gone).await, shown(10 * SECOND, 0));
    let anew = 30 * SECOND - MILLISECOND;
    assert_eq!(bench.number(30 * SECOND, 2).await, shown(anew, 2));
    assert_eq!(bench.number(40 * SECOND, 3).await, shown(anew, 3));
    // What is sent again, and what comes late, is no new beginning.
    assert_eq!(bench.number(30 * SECOND, 2).await, shown(anew, 2));
    assert_eq!(bench.number(50 * SECOND, 3).await, shown(anew, 3));
    assert_eq!(bench.number(20 * SECOND, 7).await, json!([null, "7"]));
}

#[tokio::test]
async fn a_start_that_is_there_stays_unless_it_is_the_time_of_the_point() {
    let bench = Bench::new("");
    let of = |time: u64, start: u64| {
        sum(time, json!({"asInt": "1", "startTimeUnixNano": start.to_string()}))
    };
    assert_eq!(bench.point(of(10, 3)).await, shown(3, 1));
    assert_eq!(bench.point(of(20, 20)).await, shown(20, 1));
    assert_eq!(bench.point(of(30, 30)).await, shown(20, 1));
}

#[tokio::test]
async fn the_first_point_is_dropped_and_subtracted_until_the_stream_begins_anew() {
    let bench = Bench::new("strategy: subtract_initial_point");
    assert_eq!(bench.number(10 * SECOND, 5).await, json!([null, null]));
    assert_eq!(bench.number(10 * SECOND, 5).await, json!([null, null]));
    assert_eq!(bench.number(20 * SECOND, 7).await, shown(10 * SECOND, 2));
    let anew = 30 * SECOND - MILLISECOND;
    assert_eq!(bench.number(30 * SECOND, 4).await, shown(anew, 4));
    assert_eq!(bench.number(40 * SECOND, 6).await, shown(anew, 6));
    assert_eq!(bench.dropped("initial_value"), Some(1.0));
    assert_eq!(bench.dropped("out_of_order"), Some(1.0));
    // With doubles it is another kind of number, but the same stream.
    let got = bench.all(json!([sum(50 * SECOND, json!({"asDouble": 7.5}))])).await;
    assert_eq!(got[0]["sum"]["dataPoints"][0]["asDouble"], 7.5);
}

#[tokio::test]
async fn histograms_and_summaries_are_subtracted_too() {
    let bench = Bench::new("strategy: subtract_initial_point");
    let of = |kind: &str, time: &str, more: Json| {
        let point = with(json!({"timeUnixNano": time}), more);
        let data = match kind {
            "summary" => json!({"dataPoints": [point]}),
            _ => json!({"dataPoints": [point], "aggregationTemporality": 2}),
        };
        let mut metric = json!({"name": kind});
        metric[kind] = data;
        metric
    };
    let bounds = json!([1.0]);
    let first = json!([
        of(
            "histogram",
            "10",
            json!({"count": "3", "sum": 4.0, "explicitBounds": bounds, "bucketCounts": ["1", "2"]})
        ),
        of(
            "exponentialHistogram",
            "10",
            json!({"count": "3", "sum": 4.0, "zeroCount": "1",
            "positive": {"offset": 1, "bucketCounts": ["2"]}})
        ),
        of("summary", "10", json!({"count": "3", "sum": 4.0})),
    ]);
    assert_eq!(bench.all(first).await, Json::Null);
    let second = json!([
        of(
            "histogram",
            "20",
            json!({"count": "5", "sum": 7.0, "explicitBounds": bounds, "bucketCounts": ["2", "3"]})
        ),
        of(
            "exponentialHistogram",
            "20",
            json!({"count": "6", "sum": 7.0, "zeroCount": "2",
            "positive": {"bucketCounts": ["1", "3"]}})
        ),
        of("summary", "20", json!({"count": "5", "sum": 7.0})),
    ]);
    let begun =
        |kind: &str, more: Json| of(kind, "20", with(json!({"startTimeUnixNano": "10"}), more));
    let want = json!([
        begun(
            "histogram",
            json!({"count": "2", "sum": 3.0, "explicitBounds": [1], "bucketCounts": ["1", "1"]})
        ),
        begun(
            "exponentialHistogram",
            json!({"count": "3", "sum": 3.0, "zeroCount": "1",
            "positive": {"bucketCounts": ["1", "1"]}, "negative": {}})
        ),
        begun("summary", json!({"count": "2", "sum": 3.0})),
    ]);
    assert_numbers(&bench.all(second).await, &want);
}

/// The same, whether a number is written with a fraction or not.
#[track_caller]
fn assert_numbers(got: &Json, want: &Json) {
    let plain =
        |it: &Json| it.to_string().replace(".0,", ",").replace(".0}", "}").replace(".0]", "]");
    let sorted = |it: &Json| serde_json::from_str::<Json>(&plain(it)).expect("JSON");
    assert_eq!(sorted(got), sorted(want));
}

#[tokio::test]
async fn a_metric_of_the_request_says_when_its_streams_began() {
    set_clock(100 * SECOND + 5);
    let told = |name: &str, value: Json| json!([{"name": name, "gauge": {"dataPoints": [value]}}, sum(200 * SECOND, json!({"asInt": "1"}))]);
    for (section, name, value, want) in [
        (
            "",
            "process_start_time_seconds",
            json!({"asDouble": 50.25}),
            50 * SECOND + 250 * MILLISECOND,
        ),
        ("", "process_start_time_seconds", json!({"asInt": "50"}), 50 * SECOND),
        // Otherwise it is when the collector was started.
        ("", "my_start_time_seconds", json!({"asDouble": 50.0}), 100 * SECOND),
        ("", "process_start_time_seconds", json!({"asDouble": "NaN"}), 100 * SECOND),
        (
            "start_time_metric_regex: ^.+_time_seconds$",
            "my_start_time_seconds",
            json!({"asDouble": 50.0}),
            50 * SECOND,
        ),
        // No stream begins behind its points.
        ("", "process_start_time_seconds", json!({"asDouble": 300.0}), 200 * SECOND),
    ] {
        let bench = Bench::new(&format!("{{strategy: start_time_metric, {section}}}"));
        let got = bench.all(told(name, value)).await;
        assert_eq!(
            got[1]["sum"]["dataPoints"][0]["startTimeUnixNano"],
            want.to_string(),
            "{section} {name}"
        );
        assert_eq!(got[0]["gauge"]["dataPoints"][0]["startTimeUnixNano"], Json::Null);
        assert_eq!(bench.number(300 * SECOND, 2).await, shown(want, 2));
        assert_eq!(bench.number(400 * SECOND, 1).await, shown(400 * SECOND - MILLISECOND, 1));
    }
}

#[tokio::test]
async fn sums_that_go_up_and_down_get_a_start_and_keep_their_values() {
    for section in ["", "strategy: subtract_initial_point"] {
        let bench = Bench::new(section);
        let of = |time: u64, value: i64| {
            let mut metric = sum(time, json!({"asInt": value.to_string()}));
            metric["sum"]["isMonotonic"] = json!(false);
            metric
        };
        assert_eq!(bench.point(of(10, 5)).await, shown(10, 5));
        assert_eq!(bench.point(of(20, 3)).await, shown(10, 3));
    }
}

#[tokio::test]
async fn other_metrics_go_through_as_they_are() {
    for section in ["", "strategy: subtract_initial_point", "strategy: start_time_metric"] {
        let bench = Bench::new(section);
        let points = json!([{"timeUnixNano": "5", "asInt": "1"}]);
        let counts = json!([{"timeUnixNano": "5", "count": "1"}]);
        let all = json!([
            {"name": "m", "gauge": {"dataPoints": points}},
            {"name": "m", "sum": {"dataPoints": points, "aggregationTemporality": 1, "isMonotonic": true}},
            {"name": "m", "histogram": {"dataPoints": counts}},
        ]);
        for _ in 0..2 {
            assert_eq!(bench.all(all.clone()).await, all, "{section}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_points_begins_anew() {
    let bench = Bench::new("gc_interval: 10s");
    let host = TestHost::new();
    Arc::clone(&bench.step).start(&host).await.expect("it starts");
    bench.number(10, 5).await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(bench.number(20, 6).await, shown(10, 6));
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(bench.number(30, 7).await, shown(30, 7));
    host.shutdown(&*bench.step, Duration::from_secs(1)).await;
}

#[test]
fn sections_that_make_no_sense_are_refused() {
    for (section, want) in [
        ("strategy: never", r#""never" is not a valid strategy"#),
        ("gc_interval: 0s", "gc_interval must be positive"),
        (
            "{strategy: start_time_metric, start_time_metric_regex: '('}",
            "error parsing regexp: missing closing ): `(`",
        ),
        (
            "start_time_metric_regex: a",
            "start_time_metric_regex can only be used with the start_time_metric strategy",
        ),
    ] {
        let found = plan::<MetricStartTime>(section, Signal::Metrics).err().unwrap_or_default();
        assert!(found.iter().any(|it| it.ends_with(want)), "{section}: {found:?}");
    }
}
