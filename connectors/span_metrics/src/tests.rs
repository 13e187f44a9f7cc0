//! Behaviour through `consume`, on a paused clock.

use std::sync::Arc;
use std::time::Duration;

use component::{Component, Connector, Consumer, Context, Data, GateView, ServiceView, Signal};
use componenttest::{
    Answer, Sink, TestHost, connector_settings, problems, section, set_clock, warnings,
};
use pdata::{Limits, Traces};
use serde_json::{Value as Json, json};

use crate::{Config, Plan, SpanMetrics};

componenttest::conformance!(connector SpanMetrics);

/// Nanoseconds since 1970 when a test begins.
const START: u64 = 1_700_000_000_000_000_000;

struct Bench {
    sink: Sink,
    host: TestHost,
    connector: Arc<SpanMetrics>,
}

impl Bench {
    async fn new(text: &str) -> Self {
        Self::with_gates(text, &[]).await
    }

    async fn with_gates(text: &str, gates: &[&'static str]) -> Self {
        set_clock(START);
        let (sink, host) = (Sink::new(), TestHost::new());
        let gate = |id: &&'static str| GateView {
            id,
            stage: "Alpha",
            is_on: true,
            from: "",
            to: "",
            about: "",
        };
        host.show(ServiceView {
            gates: gates.iter().map(gate).collect(),
            ..ServiceView::default()
        });
        let config: Config = component::config::load(&section(text)).unwrap();
        let settings = connector_settings("span_metrics", Signal::Traces);
        let out = sink.outputs(&["metrics"]);
        let connector = SpanMetrics::create(settings, Arc::new(Plan::new(config)), out).unwrap();
        let connector = Arc::new(connector);
        Arc::clone(&connector).start(&host).await.unwrap();
        Self { sink, host, connector }
    }

    async fn push(&self, data: &Data) {
        self.connector.consume(&Context::default(), data.clone()).await.unwrap();
    }

    /// What is sent until then.
    async fn after(&self, secs: u64) -> Vec<Point> {
        tokio::time::sleep(Duration::from_secs(secs)).await;
        // What is due at the same time comes first.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        self.sent()
    }

    async fn stop(&self) -> Vec<Point> {
        self.host.shutdown(&*self.connector, Duration::from_secs(60)).await;
        self.sent()
    }

    fn sent(&self) -> Vec<Point> {
        let received = self.sink.received();
        self.sink.clear();
        let mut all: Vec<Point> = received.iter().flat_map(points).collect();
        all.sort_by_key(|it| (it.name.clone(), it.attributes.to_string()));
        all
    }
}

/// A point as tests look at it.
#[derive(Debug, Clone, PartialEq)]
struct Point {
    name: String,
    /// `resource.` before those of the resource.
    attributes: Json,
    /// The point without attributes and times.
    data: Json,
    began_ms: u64,
    at_ms: u64,
}

impl Point {
    fn count(&self) -> u64 {
        let count = self.data.get("asInt").or(self.data.get("count"));
        count.and_then(Json::as_str).and_then(|it| it.parse().ok()).unwrap_or(0)
    }

    fn attribute(&self, name: &str) -> &str {
        self.attributes[name].as_str().unwrap_or("none")
    }
}

fn plain(attributes: &Json) -> Json {
    let entries = attributes.as_array().into_iter().flatten();
    let plain = entries.map(|it| {
        let value = it["value"].as_object().and_then(|it| it.values().next().cloned());
        (it["key"].as_str().unwrap().to_owned(), value.unwrap_or_default())
    });
    plain.collect()
}

fn points(data: &Data) -> Vec<Point> {
    let mut text = Vec::new();
    data.to_json(&mut text);
    let json: Json = serde_json::from_slice(&text).unwrap();
    let mut all = Vec::new();
    let list = |it: &Json| it.as_array().cloned().unwrap_or_default();
    for resource in list(&json["resourceMetrics"]) {
        let of = plain(&resource["resource"]["attributes"]);
        for metric in list(&resource["scopeMetrics"][0]["metrics"]) {
            let kinds = ["sum", "histogram", "exponentialHistogram"];
            let kind = kinds.into_iter().find(|it| metric.get(it).is_some()).unwrap();
            for mut point in list(&metric[kind]["dataPoints"]) {
                let mut attributes = plain(&point["attributes"]);
                for (key, value) in of.as_object().unwrap() {
                    attributes[format!("resource.{key}")] = value.clone();
                }
                let fields = point.as_object_mut().unwrap();
                fields.remove("attributes");
                let mut ms = |name: &str| {
                    let time: u64 = fields.remove(name).unwrap().as_str().unwrap().parse().unwrap();
                    (time - START) / 1_000_000
                };
                let (began_ms, at_ms) = (ms("startTimeUnixNano"), ms("timeUnixNano"));
                let name = metric["name"].as_str().unwrap().to_owned();
                all.push(Point { name, attributes, data: point, began_ms, at_ms });
            }
        }
    }
    all
}

fn attributes(plain: &Json) -> Json {
    let value = |it: &Json| match it {
        Json::String(it) => json!({"stringValue": it}),
        other => json!({"intValue": other.to_string()}),
    };
    let entries = plain.as_object().into_iter().flatten();
    entries.map(|(key, it)| json!({"key": key, "value": value(it)})).collect()
}

/// A span of so many milliseconds.
fn span(name: &str, ms: u64, more: Json) -> Json {
    let mut span = json!({
        "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708", "name": name, "kind": 2,
        "startTimeUnixNano": "1000000000", "endTimeUnixNano": (1_000_000_000 + ms * 1_000_000).to_string(),
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        span[key] = if key == "attributes" { attributes(value) } else { value.clone() };
    }
    span
}

fn request(resource: Json, spans: Vec<Json>) -> Data {
    let scope = json!({"scope": {"name": "lib", "version": "1.2"}, "spans": spans});
    let json = json!({"resourceSpans": [{"resource": {"attributes": attributes(&resource)}, "scopeSpans": [scope]}]});
    Traces::from_json(json.to_string().as_bytes(), &Limits::default()).unwrap().into()
}

fn shop(spans: Vec<Json>) -> Data {
    request(json!({"service.name": "shop"}), spans)
}

fn named<'p>(points: &'p [Point], name: &str) -> Vec<&'p Point> {
    points.iter().filter(|it| it.name == name).collect()
}

const CALLS: &str = "traces.span.metrics.calls";
const DURATION: &str = "traces.span.metrics.duration";
const EVENTS: &str = "traces.span.metrics.events";
const DELTA: &str = "aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA";

#[tokio::test(start_paused = true)]
async fn spans_are_counted_and_measured_by_service_name_kind_and_status() {
    let bench = Bench::new(&format!("{{{DELTA}, metrics_flush_interval: 1s}}")).await;
    bench
        .push(&shop(vec![
            span("a", 3, json!({})),
            span("a", 8, json!({})),
            span("a", 20_000, json!({"status": {"code": 2}})),
        ]))
        .await;
    let sent = bench.after(1).await;
    let attributes = |status: &str| {
        json!({"service.name": "shop", "span.name": "a", "span.kind": "SPAN_KIND_SERVER", "status.code": status,
               "resource.service.name": "shop"})
    };
    let calls = named(&sent, CALLS);
    let counts: Vec<_> = calls.iter().map(|it| (it.attributes.clone(), it.count())).collect();
    assert_eq!(
        counts,
        [(attributes("STATUS_CODE_ERROR"), 1), (attributes("STATUS_CODE_UNSET"), 2)]
    );
    let durations = named(&sent, DURATION);
    assert_eq!(durations.len(), 2);
    assert_eq!(durations[1].data["sum"], json!(11));
    let bucket = |at: usize| durations[1].data["bucketCounts"][at].as_str().unwrap().to_owned();
    // A bound belongs to the bucket below it.
    assert_eq!((bucket(0), bucket(1), bucket(3)), ("0".into(), "1".into(), "1".into()));
    assert_eq!(durations[0].data["bucketCounts"][16], json!("1"));
    assert_eq!(durations[0].data["explicitBounds"][15], json!(15_000));
    assert!(durations[0].data.get("min").is_none());
    assert_eq!((calls[0].began_ms, calls[0].at_ms), (0, 1000));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn deltas_follow_each_other_without_a_gap() {
    let bench = Bench::new(&format!("{{{DELTA}, metrics_flush_interval: 1s}}")).await;
    bench.push(&shop(vec![span("a", 1, json!({}))])).await;
    assert_eq!(bench.after(1).await.len(), 2);
    assert_eq!(bench.after(3).await, []);
    bench.push(&shop(vec![span("a", 1, json!({}))])).await;
    let sent = bench.after(1).await;
    assert_eq!((sent[0].count(), sent[0].began_ms, sent[0].at_ms), (1, 1000, 5000));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sum_since_the_beginning_begins_with_zero() {
    let bench = Bench::new("metrics_flush_interval: 1s").await;
    bench.push(&shop(vec![span("a", 1, json!({})), span("a", 1, json!({}))])).await;
    let counts = |sent: &[Point]| sent.iter().map(Point::count).collect::<Vec<_>>();
    assert_eq!(counts(&bench.after(1).await), [0, 2]);
    assert_eq!(counts(&bench.after(1).await), [2, 2]);
    bench.push(&shop(vec![span("a", 1, json!({}))])).await;
    let sent = bench.after(1).await;
    assert_eq!((counts(&sent), sent[0].began_ms, sent[0].at_ms), (vec![3, 3], 0, 3000));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_sends_what_is_new() {
    let bench = Bench::new("metrics_flush_interval: 60s").await;
    bench.push(&shop(vec![span("a", 1, json!({}))])).await;
    let sent = bench.stop().await;
    assert_eq!(sent.iter().map(Point::count).collect::<Vec<_>>(), [1, 1]);

    let bench = Bench::new("metrics_flush_interval: 1s").await;
    bench.push(&shop(vec![span("a", 1, json!({}))])).await;
    bench.after(1).await;
    assert_eq!(bench.stop().await, []);
}

#[tokio::test(start_paused = true)]
async fn dimensions_are_those_of_the_span_then_of_the_resource_then_the_default() {
    let text = format!(
        "{{{DELTA}, metrics_flush_interval: 1s, namespace: '', exclude_dimensions: [span.kind, status.code], \
         dimensions: [{{name: region}}, {{name: zone, default: none}}, {{name: absent}}], \
         calls_dimensions: [{{name: code}}], histogram: {{dimensions: [{{name: size}}]}}}}"
    );
    let bench = Bench::new(&text).await;
    let of = json!({"service.name": "shop", "region": "eu", "code": 1});
    bench
        .push(&request(
            of,
            vec![span("a", 1, json!({"attributes": {"region": "us", "code": 200, "size": "L"}}))],
        ))
        .await;
    let sent = bench.after(1).await;
    let common = json!({"service.name": "shop", "span.name": "a", "region": "us", "zone": "none",
        "resource.service.name": "shop", "resource.region": "eu", "resource.code": "1"});
    let with = |key: &str, value: &str| {
        let mut all = common.clone();
        all[key] = json!(value);
        all
    };
    assert_eq!(named(&sent, "calls")[0].attributes, with("code", "200"));
    assert_eq!(named(&sent, "duration")[0].attributes, with("size", "L"));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_dimension_takes_the_place_of_what_every_series_has() {
    let text = format!(
        "{{{DELTA}, metrics_flush_interval: 1s, calls_dimensions: [{{name: span.name}}, {{name: span.kind}}]}}"
    );
    let bench = Bench::new(&text).await;
    bench.push(&shop(vec![span("a", 1, json!({"attributes": {"span.name": "other"}}))])).await;
    let sent = bench.after(1).await;
    let calls = named(&sent, CALLS)[0];
    assert_eq!(
        (calls.attribute("span.name"), calls.attribute("span.kind")),
        ("other", "SPAN_KIND_SERVER")
    );
    assert_eq!(named(&sent, DURATION)[0].attribute("span.name"), "a");
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn durations_have_the_histogram_that_is_configured() {
    let durations = |histogram: &'static str| async move {
        let bench = Bench::new(&format!("{{{DELTA}, histogram: {histogram}}}")).await;
        bench.push(&shop(vec![span("a", 100, json!({})), span("a", 1500, json!({}))])).await;
        let sent = bench.stop().await;
        named(&sent, DURATION).first().map(|it| it.data.clone())
    };
    let explicit = durations("{unit: s, explicit: {buckets: [100ms, 1s]}}").await.unwrap();
    assert_eq!(explicit["explicitBounds"], json!([0.1, 1]));
    assert_eq!(
        (&explicit["bucketCounts"], &explicit["sum"]),
        (&json!(["1", "0", "1"]), &json!(1.6))
    );
    let one = durations("{explicit: {}}").await.unwrap();
    assert_eq!(one["bucketCounts"], json!(["2"]));
    let seconds = durations("{unit: S}").await.unwrap();
    assert_eq!(seconds["explicitBounds"][0], json!(0.002));
    let exponential = durations("{exponential: {max_size: 4}}").await.unwrap();
    assert_eq!((&exponential["min"], &exponential["max"]), (&json!(100), &json!(1500)));
    assert_eq!(exponential["count"], json!("2"));
    assert!(exponential["positive"]["bucketCounts"].as_array().unwrap().len() <= 4);
    assert_eq!(durations("{disable: true}").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_span_that_ends_before_it_begins_took_no_time_and_one_without_a_service_does_not_count() {
    let bench = Bench::new(&format!("{{{DELTA}}}")).await;
    bench.push(&shop(vec![span("a", 0, json!({"endTimeUnixNano": "1"}))])).await;
    bench.push(&request(json!({}), vec![span("b", 1, json!({}))])).await;
    let sent = bench.stop().await;
    assert_eq!((sent.len(), &named(&sent, DURATION)[0].data["sum"]), (2, &json!(0)));
}

#[tokio::test(start_paused = true)]
async fn events_are_counted_by_their_attributes() {
    let text = format!(
        "{{{DELTA}, events: {{enabled: true, dimensions: [{{name: exception.type}}, {{name: region}}]}}}}"
    );
    let bench = Bench::new(&text).await;
    let event = |kind: &str| json!({"name": "exception", "attributes": attributes(&json!({"exception.type": kind, "region": "event"}))});
    let with = json!({"events": [event("A"), event("B"), event("A")]});
    bench
        .push(&request(json!({"service.name": "shop", "region": "eu"}), vec![span("a", 1, with)]))
        .await;
    let sent = bench.stop().await;
    let events = named(&sent, EVENTS);
    let counts: Vec<_> = events
        .iter()
        .map(|it| (it.attribute("exception.type"), it.attribute("region"), it.count()))
        .collect();
    assert_eq!(counts, [("A", "event", 2), ("B", "event", 1)]);
}

#[tokio::test(start_paused = true)]
async fn examples_are_those_since_the_last_flush() {
    let text = "{metrics_flush_interval: 1s, exemplars: {enabled: true, max_per_data_point: 2}}";
    let bench = Bench::new(text).await;
    bench.push(&shop((1..=3).map(|ms| span("a", ms, json!({}))).collect())).await;
    let sent = bench.after(1).await;
    for point in &sent {
        let values: Vec<_> = point.data["exemplars"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["asDouble"].clone())
            .collect();
        assert_eq!(values, [json!(1), json!(2)], "{}", point.name);
    }
    assert_eq!(sent[0].data["exemplars"][0]["spanId"], json!("0102030405060708"));
    assert!(bench.after(1).await.iter().all(|it| it.data.get("exemplars").is_none()));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn series_beyond_the_limit_count_as_one() {
    let bench = Bench::new(&format!("{{{DELTA}, aggregation_cardinality_limit: 2}}")).await;
    bench.push(&shop(["a", "b", "c", "d", "a"].map(|it| span(it, 1, json!({}))).to_vec())).await;
    let sent = bench.stop().await;
    for name in [CALLS, DURATION] {
        let points = named(&sent, name);
        let other =
            points.iter().find(|it| it.attributes["otel.metric.overflow"] == json!(true)).unwrap();
        assert_eq!((points.len(), other.count(), other.attribute("span.name")), (3, 2, "none"));
    }
}

#[tokio::test(start_paused = true)]
async fn resources_are_told_apart_by_their_attributes_in_any_order() {
    let two = |keys: &'static str| async move {
        let bench =
            Bench::new(&format!("{{{DELTA}, resource_metrics_key_attributes: {keys}}}")).await;
        let spans = || vec![span("a", 1, json!({}))];
        bench.push(&request(json!({"service.name": "shop", "pod": "1"}), spans())).await;
        let mut turned = json!({"pod": "1"});
        turned["service.name"] = json!("shop");
        bench.push(&request(turned, spans())).await;
        bench.push(&request(json!({"service.name": "shop", "pod": "2"}), spans())).await;
        let sent = bench.stop().await;
        named(&sent, CALLS).iter().map(|it| it.count()).collect::<Vec<_>>()
    };
    assert_eq!(two("[]").await, [2, 1]);
    assert_eq!(two("[service.name]").await, [3]);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_seen_for_long_is_forgotten() {
    let names = |sent: &[Point]| {
        named(sent, CALLS).iter().map(|it| it.attribute("span.name").to_owned()).collect::<Vec<_>>()
    };
    for (key, want) in [("series_expiration", vec!["b"]), ("metrics_expiration", vec!["a", "b"])] {
        let bench = Bench::new(&format!("{{metrics_flush_interval: 1s, {key}: 3s}}")).await;
        bench.push(&shop(vec![span("a", 1, json!({}))])).await;
        bench.after(2).await;
        bench.push(&shop(vec![span("b", 1, json!({}))])).await;
        bench.after(1).await;
        assert_eq!(names(&bench.after(1).await), want, "{key}");
        bench.after(2).await;
        assert_eq!(names(&bench.after(1).await), [""; 0], "{key}");
        bench.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_too_many_resources_those_that_were_not_seen_for_longest_are_forgotten() {
    let bench = Bench::new("{metrics_flush_interval: 1s, resource_metrics_cache_size: 2}").await;
    for service in ["a", "b", "c"] {
        bench.push(&request(json!({"service.name": service}), vec![span("s", 1, json!({}))])).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(named(&bench.after(1).await, CALLS).len(), 3);
    let sent = bench.after(1).await;
    let services: Vec<_> =
        named(&sent, CALLS).iter().map(|it| it.attribute("service.name").to_owned()).collect();
    assert_eq!(services, ["b", "c"]);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_span_counts_as_often_as_its_trace_state_says() {
    let bench = Bench::new(&format!("{{{DELTA}, enable_metrics_sampling_method: true}}")).await;
    let with = |state: &str| span("a", 10, json!({"traceState": state}));
    bench.push(&shop(vec![with("ot=th:c"), with("x=1"), with("ot=rv:1")])).await;
    let sent = bench.stop().await;
    let calls: Vec<_> = named(&sent, CALLS)
        .iter()
        .map(|it| (it.attribute("sampling.method").to_owned(), it.count()))
        .collect();
    assert_eq!(calls, [("counted".to_owned(), 2), ("extrapolated".to_owned(), 4)]);
    assert_eq!(named(&sent, DURATION)[1].data["sum"], json!(40));
}

#[tokio::test(start_paused = true)]
async fn scopes_can_be_told_apart() {
    let bench = Bench::new(&format!("{{{DELTA}, include_instrumentation_scope: [lib]}}")).await;
    bench.push(&shop(vec![span("a", 1, json!({}))])).await;
    let sent = bench.stop().await;
    assert_eq!(sent[0].attribute("span.instrumentation.scope.name"), "lib");
    assert_eq!(sent[0].attribute("span.instrumentation.scope.version"), "1.2");
}

#[tokio::test(start_paused = true)]
async fn feature_gates_change_names_and_attributes() {
    let gates = [crate::WITHOUT_RESOURCES, crate::LEGACY_NAMES, crate::OTEL_STATUS_CODE];
    for (section, resource) in [("", "none"), (", add_resource_attributes: true", "shop")] {
        let bench = Bench::with_gates(&format!("{{{DELTA}{section}}}"), &gates).await;
        bench
            .push(&shop(vec![
                span("a", 1, json!({"status": {"code": 2}})),
                span("b", 1, json!({})),
            ]))
            .await;
        let sent = bench.stop().await;
        let calls: Vec<_> = named(&sent, "calls")
            .iter()
            .map(|it| it.attribute("otel.status_code").to_owned())
            .collect();
        assert_eq!(calls, ["ERROR", "none"]);
        assert_eq!(
            (sent[0].attribute("resource.service.name"), sent[0].attribute("status.code")),
            (resource, "none")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn deltas_that_cannot_be_sent_are_offered_again_and_counted_when_they_are_lost() {
    let bench = Bench::new(&format!("{{{DELTA}, metrics_flush_interval: 1s}}")).await;
    bench.sink.script([Answer::retryable("later"), Answer::Ok]);
    bench.push(&shop(vec![span("a", 1, json!({}))])).await;
    assert_eq!(bench.after(2).await.len(), 2);
    bench.stop().await;
}

#[test]
fn mistakes_are_said_in_the_collectors_words() {
    let check = |text: &str, want: &str| assert_eq!(problems::<Config>(text), [want]);
    check(
        "dimensions: [{name: service.name}]",
        "failed validating dimensions: duplicate dimension name service.name",
    );
    check(
        "dimensions: [{name: a}, {name: a}]",
        "failed validating dimensions: duplicate dimension name a",
    );
    check(
        "events: {enabled: true}",
        "failed validating event dimensions: no dimensions configured for events",
    );
    check(
        "histogram: {explicit: {buckets: [1s]}, exponential: {max_size: 10}}",
        "use either `explicit` or `exponential` buckets histogram",
    );
    check(
        "metrics_flush_interval: 0s",
        "invalid metrics_flush_interval: 0s, the duration should be positive",
    );
    check(
        "metrics_expiration: -20s",
        "invalid metrics_expiration: -20s, the duration should be positive",
    );
    check(
        &format!("{{{DELTA}, metric_timestamp_cache_size: 0}}"),
        "invalid delta timestamp cache size: 0, the maximum number of the items in the cache should be positive",
    );
    check(
        "aggregation_cardinality_limit: -1",
        "invalid aggregation_cardinality_limit: -1, the limit should be positive",
    );
    check(
        "exemplars: {enabled: true, max_per_data_point: -1}",
        "invalid max_per_data_point: -1, the value should be positive",
    );
    assert_eq!(
        warnings::<Config>("dimensions_cache_size: 500"),
        ["DimensionsCacheSize is deprecated, please use AggregationCardinalityLimit instead."]
    );
}
