use std::time::Duration;

use component::{Component, Consumer, Context, Data, Signal};
use componenttest::{Answer, Sink, TestHost, metric, plan, processor, processor_settings};
use pdata::Limits;
use serde_json::{Value as Json, json};
use std::sync::Arc;

use crate::CumulativeToDelta;

componenttest::conformance!(processor CumulativeToDelta);

/// A processor that gets one metric after the other, and what comes out.
struct Bench {
    step: Arc<CumulativeToDelta>,
    sink: Sink,
    meter: component::Meter,
}

impl Bench {
    fn new(section: &str) -> Self {
        let sink = Sink::new();
        let settings = processor_settings("cumulative_to_delta", Signal::Metrics);
        let meter = settings.meter.clone();
        let step = Arc::new(processor::<CumulativeToDelta>(settings, section, sink.next()));
        Self { step, sink, meter }
    }

    async fn send(&self, metric: &Json) -> Result<(), component::ConsumeError> {
        let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]});
        let text = request.to_string();
        let data = Data::from_json(Signal::Metrics, text.as_bytes(), &Limits::default());
        self.step.consume(&Context::default(), data.expect("OTLP/JSON")).await
    }

    /// What becomes of a metric; null if nothing goes on.
    async fn through(&self, metric: &Json) -> Json {
        self.sink.clear();
        self.send(metric).await.expect("it is taken");
        let Some(data) = self.sink.received().pop() else { return Json::Null };
        let mut text = Vec::new();
        data.to_json(&mut text);
        let json: Json = serde_json::from_slice(&text).expect("OTLP/JSON is JSON");
        json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0].clone()
    }

    /// The value and the start of the point that becomes of a number at a time.
    async fn number(&self, time: u64, value: i64) -> Json {
        let got = self.through(&sum(time, json!({"asInt": value.to_string()}))).await;
        let point = &got["sum"]["dataPoints"][0];
        json!([point["asInt"], point["startTimeUnixNano"]])
    }

    fn dropped(&self, reason: &str) -> Option<f64> {
        let labels = [("processor", "cumulative_to_delta"), ("reason", reason)];
        metric(&self.meter, "sluice_processor_dropped_metric_points", &labels)
    }
}

fn sum(time: u64, more: Json) -> Json {
    let mut point = json!({"startTimeUnixNano": "1", "timeUnixNano": time.to_string()});
    point.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    json!({"name": "m", "sum": {"dataPoints": [point], "aggregationTemporality": 2, "isMonotonic": true}})
}

#[tokio::test]
async fn a_sum_becomes_what_it_has_grown_by() {
    let bench = Bench::new("");
    assert_eq!(bench.through(&sum(10, json!({"asInt": "5"}))).await, Json::Null);
    let got = bench.through(&sum(20, json!({"asInt": "12", "flags": 2}))).await;
    let point = json!({"startTimeUnixNano": "10", "timeUnixNano": "20", "asInt": "7", "flags": 2});
    assert_eq!(
        got,
        json!({"name": "m", "sum": {"dataPoints": [point], "aggregationTemporality": 1, "isMonotonic": true}})
    );
    assert_eq!(bench.number(30, 12).await, json!(["0", "20"]));
    // The source began anew.
    assert_eq!(bench.number(40, 4).await, json!([null, null]));
    assert_eq!(bench.number(50, 6).await, json!(["2", "40"]));
    assert_eq!((bench.dropped("initial_value"), bench.dropped("reset")), (Some(1.0), Some(1.0)));
}

#[tokio::test]
async fn what_has_no_value_goes_and_what_is_no_number_stays() {
    let bench = Bench::new("initial_value: keep");
    assert_eq!(bench.through(&sum(10, json!({"flags": 1}))).await, Json::Null);
    let got = bench.through(&sum(20, json!({"asDouble": "NaN"}))).await;
    let point = json!({"startTimeUnixNano": "1", "timeUnixNano": "20", "asDouble": "NaN"});
    assert_eq!(
        (&got["sum"]["dataPoints"][0], &got["sum"]["aggregationTemporality"]),
        (&point, &json!(1))
    );
    assert_eq!(bench.dropped("no_recorded_value"), Some(1.0));
}

#[tokio::test]
async fn the_first_value_is_kept_or_dropped_as_the_section_says() {
    let (long_ago, later) = ("1", u64::MAX / 2);
    for (section, start, want) in [
        ("initial_value: keep", long_ago.to_owned(), json!(["5", null])),
        ("initial_value: drop", later.to_string(), json!([null, null])),
        ("", long_ago.to_owned(), json!([null, null])),
        ("", later.to_string(), json!(["5", later.to_string()])),
        // A point that is as old as its start says nothing of when it began.
        ("", (later + 1).to_string(), json!([null, null])),
    ] {
        let bench = Bench::new(section);
        let metric = sum(later + 1, json!({"asInt": "5", "startTimeUnixNano": start}));
        let got = bench.through(&metric).await;
        let point = &got["sum"]["dataPoints"][0];
        assert_eq!(json!([point["asInt"], point["startTimeUnixNano"]]), want, "{section} {start}");
    }
}

#[tokio::test]
async fn histograms_become_what_they_have_grown_by() {
    let bench = Bench::new("initial_value: keep");
    let histogram = |time: u64, count: u64, counts: [u64; 2]| {
        let counts = counts.map(|it| it.to_string());
        json!({"name": "h", "histogram": {"aggregationTemporality": 2, "dataPoints": [{"timeUnixNano": time.to_string(),
            "count": count.to_string(), "sum": count as f64, "explicitBounds": [1], "bucketCounts": counts,
            "min": 0.5, "max": 3.0}]}})
    };
    let point = |start: Option<&str>, time: &str, count: &str, sum: u64, counts: [&str; 2]| {
        let mut point = json!({"timeUnixNano": time, "count": count, "sum": sum, "explicitBounds": [1],
            "bucketCounts": counts});
        if let Some(start) = start {
            point["startTimeUnixNano"] = json!(start);
        }
        json!({"name": "h", "histogram": {"aggregationTemporality": 1, "dataPoints": [point]}})
    };
    assert_eq!(
        bench.through(&histogram(10, 3, [1, 2])).await,
        point(None, "10", "3", 3, ["1", "2"])
    );
    assert_eq!(
        bench.through(&histogram(20, 5, [2, 3])).await,
        point(Some("10"), "20", "2", 2, ["1", "1"])
    );
    assert_eq!(
        bench.through(&histogram(30, 1, [0, 1])).await,
        point(Some("20"), "30", "1", 1, ["0", "1"])
    );
    let mut other = histogram(40, 2, [1, 1]);
    other["histogram"]["dataPoints"][0]["explicitBounds"] = json!([2]);
    assert_eq!(bench.through(&other).await, Json::Null);
    assert_eq!(bench.dropped("other_buckets"), Some(1.0));
}

#[tokio::test]
async fn exponential_histograms_become_what_they_have_grown_by() {
    let bench = Bench::new("");
    let histogram = |time: &str, temporality: u32, more: Json| {
        let mut point = json!({"timeUnixNano": time});
        point.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        json!({"name": "h", "exponentialHistogram": {"aggregationTemporality": temporality, "dataPoints": [point]}})
    };
    let first = json!({"count": "5", "sum": 6.0, "scale": 1, "zeroCount": "1", "max": 3.0,
        "positive": {"offset": 2, "bucketCounts": ["3", "1"]}});
    let second = json!({"count": "9", "sum": 7.5, "scale": 0, "zeroCount": "2", "max": 4.0,
        "positive": {"offset": 1, "bucketCounts": ["5", "2"]}});
    assert_eq!(bench.through(&histogram("10", 2, first)).await, Json::Null);
    let got = bench.through(&histogram("20", 2, second)).await;
    let want = json!({"startTimeUnixNano": "10", "count": "4", "sum": 1.5, "zeroCount": "1",
        "positive": {"offset": 1, "bucketCounts": ["1", "2"]}, "negative": {}});
    assert_eq!(got, histogram("20", 1, want));
    // It began anew, and goes on from there.
    let third = json!({"count": "1", "positive": {"bucketCounts": ["1"]}});
    assert_eq!(bench.through(&histogram("30", 2, third)).await, Json::Null);
    let fourth = json!({"count": "2", "positive": {"bucketCounts": ["2"]}});
    let got = bench.through(&histogram("40", 2, fourth)).await;
    assert_eq!(got["exponentialHistogram"]["dataPoints"][0]["count"], "1");
}

#[tokio::test]
async fn other_metrics_go_through_as_they_are() {
    let bench = Bench::new("");
    let points = json!([{"asInt": "1"}]);
    for metric in [
        json!({"name": "m", "gauge": {"dataPoints": points}}),
        json!({"name": "m", "sum": {"dataPoints": points, "aggregationTemporality": 2}}),
        json!({"name": "m", "sum": {"dataPoints": points, "aggregationTemporality": 1, "isMonotonic": true}}),
        json!({"name": "m", "sum": {"dataPoints": points, "isMonotonic": true}}),
        json!({"name": "m", "summary": {"dataPoints": [{"count": "1"}]}}),
    ] {
        for _ in 0..2 {
            assert_eq!(bench.through(&metric).await, metric);
        }
    }
}

#[tokio::test]
async fn include_and_exclude_say_which_metrics_are_converted() {
    for (section, converted) in [
        ("include: {match_type: strict, metrics: [m]}", true),
        ("include: {match_type: strict, metrics: [M]}", false),
        ("include: {match_type: regexp, metrics: [^x, 'm$']}", true),
        ("include: {metric_types: [SUM]}", true),
        ("include: {metric_types: [histogram]}", false),
        ("include: {match_type: strict, metrics: [m], metric_types: [histogram]}", false),
        ("exclude: {metric_types: [Sum]}", false),
        ("exclude: {match_type: strict, metrics: [m], metric_types: [histogram]}", false),
        ("exclude: {match_type: strict, metrics: [x], metric_types: [histogram]}", true),
    ] {
        let bench = Bench::new(&format!("{{initial_value: keep, {section}}}"));
        let got = bench.through(&sum(1, json!({"asInt": "1"}))).await;
        assert_eq!(got["sum"]["aggregationTemporality"] == 1, converted, "{section}");
    }
}

#[tokio::test]
async fn streams_do_not_see_each_other() {
    let bench = Bench::new("");
    let keyed = |time: u64, value: &str, key: &str| {
        let label = json!([{"key": "k", "value": {"stringValue": key}}]);
        sum(time, json!({"asInt": value, "attributes": label}))
    };
    bench.through(&keyed(10, "100", "a")).await;
    bench.through(&keyed(10, "5", "b")).await;
    let got = bench.through(&keyed(20, "7", "b")).await;
    assert_eq!(got["sum"]["dataPoints"][0]["asInt"], "2");
    // A source that begins anew is another stream, and so is one with the other kind of number.
    let anew = sum(
        30,
        json!({"asInt": "9", "startTimeUnixNano": "25",
        "attributes": [{"key": "k", "value": {"stringValue": "b"}}]}),
    );
    assert_eq!(bench.through(&anew).await, Json::Null);
    assert_eq!(bench.through(&sum(30, json!({"asDouble": 1.0}))).await, Json::Null);
}

#[tokio::test]
async fn what_the_next_step_refuses_is_in_the_next_delta() {
    let bench = Bench::new("initial_value: keep");
    bench.number(10, 5).await;
    bench.sink.script([Answer::retryable("no"), Answer::permanent("never")]);
    for time in [20, 30] {
        let sent = bench.send(&sum(time, json!({"asInt": "7"}))).await;
        assert!(sent.is_err(), "{time}");
    }
    assert_eq!(bench.number(40, 8).await, json!(["3", "10"]));
    // The first value of a stream, too.
    let bench = Bench::new("initial_value: keep");
    bench.sink.script([Answer::retryable("no")]);
    assert!(bench.send(&sum(10, json!({"asInt": "7"}))).await.is_err());
    assert_eq!(bench.number(10, 7).await, json!(["7", null]));
}

#[tokio::test]
async fn what_a_caller_has_given_up_is_in_the_next_delta() {
    let bench = Bench::new("initial_value: keep");
    bench.number(10, 5).await;
    bench.sink.script([Answer::Hang]);
    let given_up = sum(20, json!({"asInt": "7"}));
    tokio::select! {
        biased;
        _ = bench.send(&given_up) => panic!("the next step has not answered"),
        () = bench.sink.wait_for("call that hangs", |it| it.in_flight() == 1) => {}
    }
    assert_eq!(bench.number(30, 8).await, json!(["3", "10"]));
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_points_is_forgotten() {
    let bench = Bench::new("{max_staleness: 10s, initial_value: keep}");
    let host = TestHost::new();
    Arc::clone(&bench.step).start(&host).await.expect("it starts");
    bench.number(10, 5).await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(bench.number(20, 6).await, json!(["1", "10"]));
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(bench.number(30, 7).await, json!(["7", null]));
    host.shutdown(&*bench.step, Duration::from_secs(1)).await;
}

#[test]
fn sections_that_make_no_sense_are_refused() {
    for (section, want) in [
        ("{include: {metrics: [a]}}", "match_type must be set if metrics are supplied"),
        ("{exclude: {match_type: strict}}", "metrics must be supplied if match_type is set"),
        (
            "{exclude: {metric_types: [gauge]}}",
            "found invalid metric type in exclude.metric_types: gauge. Valid values are [sum histogram exponentialhistogram]",
        ),
        ("{initial_value: never}", "unknown initial_value: never"),
        (
            "{include: {match_type: glob, metrics: [a]}}",
            "unrecognized match_type: 'glob', valid types are: [regexp strict]",
        ),
        (
            "{include: {match_type: regexp, metrics: ['(']}}",
            "error parsing regexp: missing closing ): `(`",
        ),
    ] {
        let found = plan::<CumulativeToDelta>(section, Signal::Metrics).err().unwrap_or_default();
        assert!(found.iter().any(|it| it.ends_with(want)), "{section}: {found:?}");
    }
}
