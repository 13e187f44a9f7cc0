//! Payloads as series and requests. What the Go Collector sends is in tests/golden/protocols.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use componenttest::{HttpServer, Reply, TestHost, config, exporter_settings, metric, problems};
use pdata::{Limits, Metrics};
use serde_json::{Value, json};
use wire::protobuf::{Field, fields};

use super::*;
use crate::series::convert;

componenttest::conformance!(exporter PrometheusRemoteWrite, "endpoint: 'http://127.0.0.1:1/api/v1/write'");

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = config(include_str!("../testdata/config.yaml"));
}

#[test]
fn wrong_sections_are_refused_in_the_words_of_upstream() {
    for (key, want) in [
        ("remote_write_queue: {queue_size: 0}", "a 0 size queue will drop all the data"),
        ("remote_write_queue: {queue_size: -1}", "remote write queue size can't be negative"),
        ("max_batch_size_bytes: -1", "max_batch_byte_size must be greater than 0"),
        ("compression: gzip", "compression type must be snappy"),
    ] {
        let section = format!("endpoint: http://localhost/x\n{key}");
        assert_eq!(problems::<Config>(&section), [want]);
    }
}

fn settings(more: &str) -> Config {
    config(&format!("endpoint: http://localhost/x\n{more}"))
}

fn payload(metrics: &Value) -> Metrics {
    let resource = json!({"attributes": [
        {"key": "service.name", "value": {"stringValue": "s"}},
        {"key": "zone.name", "value": {"stringValue": "z"}},
    ]});
    let scopes = json!([{"scope": {"name": "lib"}, "metrics": metrics}]);
    let all = json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": scopes}]});
    Metrics::from_json(all.to_string().as_bytes(), &Limits::default()).unwrap()
}

fn lines(metrics: &Value, more: &str) -> Vec<String> {
    let all = convert(&payload(metrics), &settings(more));
    let line = |it: &series::Series| {
        let labels: Vec<String> = it.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let values: Vec<String> =
            it.samples.iter().map(|it| format!("{}@{}", it.0, it.1)).collect();
        format!("{} {}", labels.join(","), values.join(" "))
    };
    all.series.iter().map(line).collect()
}

fn gauge(name: &str, points: &Value) -> Value {
    json!([{"name": name, "gauge": {"dataPoints": points}}])
}

#[test]
fn points_of_one_series_stand_together() {
    let points = json!([{"timeUnixNano": "2000000", "asInt": "1"}, {"timeUnixNano": "3000000", "asDouble": 2.5}]);
    let want = [
        "__name__=g,job=s,otel_scope_name=lib 1@2 2.5@3",
        "__name__=target_info,job=s,zone_name=z 1@3",
    ];
    assert_eq!(lines(&gauge("g", &points), ""), want);
}

#[test]
fn attributes_of_the_resource_become_labels_when_wanted() {
    let points = json!([{"timeUnixNano": "1000000", "asInt": "1"}]);
    let section = "target_info: {enabled: false}\ndisable_scope_info: true\nexternal_labels: {job: x, e: y}\n\
        resource_to_telemetry_conversion: {enabled: true, exclude_service_attributes: true}\nnamespace: n";
    assert_eq!(lines(&gauge("g", &points), section), ["__name__=n_g,e=y,job=s,zone_name=z 1@1"]);
}

#[test]
fn a_series_that_has_ended_is_a_special_number() {
    let points = json!([{"timeUnixNano": "1000000", "flags": 1}]);
    let all = convert(&payload(&gauge("g", &points)), &settings(""));
    assert_eq!(all.series[0].samples[0].0.to_bits(), 0x7ff0_0000_0000_0002);
}

#[test]
fn deltas_are_counted_and_left_out() {
    let metrics = json!([{"name": "d", "sum": {"isMonotonic": true, "aggregationTemporality": 1,
        "dataPoints": [{"timeUnixNano": "1000000", "asInt": "1"}, {"timeUnixNano": "1000000", "asInt": "2"}]}}]);
    let all = convert(&payload(&metrics), &settings("target_info: {enabled: false}"));
    assert!(all.series.is_empty());
    assert_eq!(all.dropped["temporality is not cumulative"], 2);
}

#[test]
fn an_exponential_histogram_is_a_native_one() {
    let metrics = json!([{"name": "h", "unit": "s", "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [{
        "timeUnixNano": "1000000", "count": "3", "sum": 4.0, "scale": 1, "zeroCount": "1",
        "positive": {"offset": -1, "bucketCounts": ["1", "1"]},
    }]}}]);
    let all = convert(&payload(&metrics), &settings(""));
    let native = &all.series[0].natives[0];
    assert_eq!((native.count, native.schema, native.zero_count), (3, 1, 1));
    assert_eq!(native.positive.spans, [(0, 2)]);
    assert_eq!(native.positive.deltas, [1, 0]);
    assert_eq!(all.series[0].labels[0].1, "h_seconds");
}

fn many() -> Value {
    let point = |at: i32| {
        let value = json!({"stringValue": format!("value {at}")});
        json!({"timeUnixNano": "1000000", "asInt": "1", "attributes": [{"key": "a", "value": value}]})
    };
    gauge("g", &(0..100).map(point).collect())
}

#[test]
fn requests_are_closed_before_they_are_too_long() {
    for message in [Message::V1, Message::V2] {
        let all = convert(&payload(&many()), &settings("target_info: {enabled: false}"));
        let requests = encode::requests(all, message, 1000, false);
        assert!(requests.len() > 3, "{}", requests.len());
        let of_series = if message == Message::V1 { 1 } else { 5 };
        let mut series = 0;
        for request in &requests {
            assert!(request.len() <= 1000, "{message:?} {}", request.len());
            series += fields(request).filter(|it| it.unwrap().0 == of_series).count();
        }
        assert_eq!(series, 100, "{message:?}");
    }
}

#[test]
fn the_second_version_names_texts_by_number() {
    let points = json!([{"timeUnixNano": "1000000", "asInt": "7"}]);
    let all = convert(&payload(&gauge("g", &points)), &settings("target_info: {enabled: false}"));
    let request = encode::requests(all, Message::V2, 3_000_000, false).remove(0);
    let read: Vec<(u32, Field<'_>)> = fields(&request).map(Result::unwrap).collect();
    let symbols: Vec<&[u8]> = read.iter().filter(|it| it.0 == 4).map(|it| it.1.bytes()).collect();
    assert_eq!(symbols[..3], [&b""[..], b"__name__", b"g"]);
    let series = read.last().unwrap().1.bytes();
    let labels = fields(series).next().unwrap().unwrap().1;
    let numbers: Vec<u64> = labels.varints().map(Result::unwrap).collect();
    let shown: Vec<&[u8]> = numbers.iter().map(|it| symbols[*it as usize]).collect();
    assert_eq!(shown, [&b"__name__"[..], b"g", b"job", b"s", b"otel_scope_name", b"lib"]);
}

#[test]
fn answers_say_whether_another_attempt_or_a_smaller_one_can_help() {
    let url = Url::parse("http://127.0.0.1:1/api/v1/write").unwrap();
    for (status, wait, is_permanent) in
        [(400, None, true), (413, None, true), (429, Some(7), false), (503, None, false)]
    {
        let mut headers = http::HeaderMap::new();
        headers.extend(wait.map(|seconds: u64| (http::header::RETRY_AFTER, seconds.into())));
        let status = StatusCode::from_u16(status).unwrap();
        let reply = confighttp::client::Reply { status, headers, body: Bytes::new() };
        let error = classify(&reply, &url).unwrap_err();
        assert_eq!(error.is_permanent(), is_permanent, "{status}");
        assert_eq!(error.is_too_large(), status == 413, "{status}");
        assert_eq!(error.retry_after(), wait.map(std::time::Duration::from_secs), "{status}");
    }
}

#[tokio::test]
async fn it_counts_what_the_collectors_exporter_counts() {
    let server = HttpServer::start();
    server.script([Reply::new("200 OK", "")]);
    let settings = exporter_settings("prometheus_remote_write", Signal::Metrics);
    let (meter, endpoint) = (settings.meter.clone(), server.url("/w"));
    let section = config(&format!("{{endpoint: '{endpoint}', target_info: {{enabled: false}}}}"));
    let exporter = Arc::new(PrometheusRemoteWrite::create(settings, section).unwrap());
    let host = TestHost::new();
    Arc::clone(&exporter).start(&host).await.unwrap();
    let point = |value: i64| {
        json!({"asDouble": value, "timeUnixNano": "1000000", "attributes": [
        {"key": "n", "value": {"intValue": value}}]})
    };
    let gauge = json!({"name": "g", "gauge": {"dataPoints": [point(1), point(2)]}});
    let delta =
        json!({"name": "d", "sum": {"aggregationTemporality": 1, "dataPoints": [point(1)]}});
    let data = Data::Metrics(payload(&json!([gauge, delta])));
    exporter.consume(&Context::default(), data).await.unwrap();
    let labels = [("exporter", "prometheus_remote_write"), ("endpoint", endpoint.as_str())];
    for (name, want) in [
        ("consumers", 5.0),
        ("translated_time_series", 2.0),
        ("failed_translations", 1.0),
        ("sent_batches", 1.0),
    ] {
        let name = format!("otelcol_exporter_prometheusremotewrite_{name}");
        assert_eq!(metric(&meter, &name, &labels), Some(want), "{name}");
    }
    host.shutdown(&*exporter, std::time::Duration::from_secs(5)).await;
}

#[test]
fn metadata_is_of_all_metrics_and_not_of_the_target() {
    let point = json!({"asDouble": 1, "timeUnixNano": "1000000"});
    let gauge = json!({"name": "g", "unit": "By", "gauge": {"dataPoints": [point]}});
    let delta = json!({"name": "d", "sum": {"aggregationTemporality": 1, "dataPoints": [point]}});
    let all = convert(&payload(&json!([gauge, delta])), &settings(""));
    let [request] = &encode::requests(all, Message::V1, 3_000_000, true)[..] else {
        panic!("one request")
    };
    let mut about = Vec::new();
    for (number, field) in fields(request).map(Result::unwrap) {
        let (3, Field::Bytes(bytes)) = (number, field) else { continue };
        let texts = fields(bytes).map(Result::unwrap).filter_map(|(_, it)| match it {
            Field::Bytes(it) => Some(String::from_utf8_lossy(it).into_owned()),
            _ => None,
        });
        about.push(texts.collect::<Vec<_>>().join(" "));
    }
    assert_eq!(about, ["g_bytes bytes", "d"]);
}
