//! Telemetry as documents, and what becomes of them at a server that checks each request against the bulk API.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use componenttest::{
    HttpServer, Reply, Request, TestHost, bulk, config, exporter_settings, metric, problems,
    warnings,
};
use pdata::Limits;
use serde_json::{Value, json};

use super::*;

componenttest::conformance!(exporter Elasticsearch, "endpoint: 'http://127.0.0.1:1'");

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = config(include_str!("../testdata/config.yaml"));
}

#[test]
fn wrong_sections_are_refused_in_the_words_of_upstream() {
    let one = "exactly one of [endpoint, endpoints, cloudid] must be specified";
    for (section, want) in [
        ("{endpoint: http://a, endpoints: [http://b]}", one),
        ("{endpoint: http://a, compression: zstd}", "compression must be one of [none, gzip]"),
        (
            "{endpoint: http://a, retry: {max_requests: 2, max_retries: 2}}",
            "must not specify both retry::max_requests and retry::max_retries",
        ),
        (
            "{endpoint: http://a, mapping: {mode: ecs, allowed_modes: [otel]}}",
            "invalid or disallowed default mapping mode \"ecs\"",
        ),
        ("{cloudid: x}", "invalid CloudID \"x\""),
    ] {
        assert_eq!(problems::<Config>(section), [want], "{section}");
    }
    let found = problems::<Config>("{endpoint: http://a, mapping: {mode: jaeger}}");
    assert!(
        found[0].contains("invalid or disallowed default mapping mode \"jaeger\""),
        "{found:?}"
    );
    let found = warnings::<Config>(
        "{endpoint: http://localhost, discover: {on_start: true}, num_workers: 3}",
    );
    assert_eq!(
        found,
        [
            "discover has no effect: nodes are not looked for: name them in endpoints",
            "num_workers is deprecated; use sending_queue::num_consumers"
        ]
    );
}

#[test]
fn a_cloud_id_is_a_url() {
    // base64("cloud.es.io$abc123$def456")
    let section: Config = config("cloudid: 'foo:Y2xvdWQuZXMuaW8kYWJjMTIzJGRlZjQ1Ng=='");
    assert_eq!(section.urls().unwrap(), ["https://abc123.cloud.es.io"]);
}

#[test]
fn the_query_of_the_endpoint_is_kept() {
    let section: Config = config(
        "{endpoint: 'http://a/es/?x=1', pipeline: 'my pipe', bulk_response_filter_path: 'items'}",
    );
    let url = section.bulk_url("http://a/es/?x=1");
    assert_eq!(url, "http://a/es/_bulk?x=1&filter_path=items&pipeline=my%20pipe");
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn data(signal: Signal, scope: &Value, items: &Value) -> Data {
    let names = match signal {
        Signal::Logs => ["resourceLogs", "scopeLogs", "logRecords"],
        Signal::Traces => ["resourceSpans", "scopeSpans", "spans"],
        Signal::Metrics => ["resourceMetrics", "scopeMetrics", "metrics"],
    };
    let resource =
        json!({"attributes": [attribute("service.name", "shop"), attribute("host.name", "h1")]});
    let scopes = json!([{"scope": scope, names[2]: items, "schemaUrl": "u2"}]);
    let all = json!({names[0]: [{"resource": resource, names[1]: scopes, "schemaUrl": "u1"}]});
    Data::from_json(signal, all.to_string().as_bytes(), &Limits::default()).unwrap()
}

fn section(more: &str) -> Config {
    config(&format!("{{endpoint: http://localhost, {more}}}"))
}

/// Lines of the requests, each an action with its document.
fn documents(config: &Config, mode: Mode, data: &Data) -> (Vec<(Value, Value)>, Dropped) {
    let index = match data.signal() {
        Signal::Logs => &config.routing.logs_index,
        Signal::Metrics => &config.routing.metrics_index,
        Signal::Traces => &config.routing.traces_index,
    };
    let mut dropped = Dropped::default();
    let encoder = Encoder::new(config, mode, index, 1_705_314_600_000_000_000);
    let made = super::bulk(&encoder, data, &mut dropped);
    (bulk::pairs(made.bytes()), dropped)
}

fn record() -> Value {
    json!([{
        "timeUnixNano": "1705314600000000001", "observedTimeUnixNano": "1705314600001000000",
        "severityNumber": 9, "severityText": "INFO", "flags": 1, "body": {"stringValue": "hello \"you\""},
        "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708",
        "attributes": [
            attribute("http.method", "GET"), attribute("event.name", "user.login"),
            {"key": "code", "value": {"intValue": "200"}}, {"key": "ratio", "value": {"doubleValue": 1.0}},
            {"key": "map", "value": {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "1"}}]}}},
            {"key": "raw", "value": {"bytesValue": "AQI="}}, attribute("http.method", "twice"),
        ],
    }])
}

fn log_scope() -> Value {
    json!({"name": "lib", "version": "2", "attributes": [attribute("scope.key", "v")]})
}

#[test]
fn a_log_record_in_the_mode_otel() {
    let (lines, _) =
        documents(&section(""), Mode::Otel, &data(Signal::Logs, &log_scope(), &record()));
    let (action, document) = &lines[0];
    let want =
        json!({"create": {"_index": "logs-generic.otel-default", "require_data_stream": true}});
    assert_eq!(*action, want);
    let want = json!({
        "@timestamp": "1705314600000.000001", "observed_timestamp": "1705314600001.0",
        "data_stream": {"type": "logs", "dataset": "generic.otel", "namespace": "default"},
        "severity_text": "INFO", "severity_number": 9,
        "trace_id": "0102030405060708090a0b0c0d0e0f10", "span_id": "0102030405060708",
        "attributes": {"http.method": "GET", "event.name": "user.login", "code": 200, "ratio": 1.0, "map": {"a": 1}, "raw": "0102"},
        "event_name": "user.login",
        "resource": {"schema_url": "u1", "attributes": {"service.name": "shop", "host.name": "h1"}},
        "scope": {"schema_url": "u2", "name": "lib", "version": "2", "attributes": {"scope.key": "v"}},
        "body": {"text": "hello \"you\""},
    });
    assert_eq!(*document, want);
}

#[test]
fn a_log_record_in_the_other_modes() {
    let logs = data(Signal::Logs, &log_scope(), &record());
    let (lines, _) = documents(&section(""), Mode::Ecs, &logs);
    assert_eq!(lines[0].0, json!({"create": {"_index": "logs-generic-default"}}));
    let want = json!({
        "@timestamp": "2024-01-15T10:30:00.000000001Z", "agent": {"name": "otlp"}, "code": 200,
        "data_stream": {"dataset": "generic", "namespace": "default", "type": "logs"},
        "event": {"action": "user.login", "severity": 9}, "host": {"hostname": "h1", "name": "h1"},
        "http": {"method": "twice"}, "log": {"level": "INFO"}, "map": {"a": 1}, "message": "hello \"you\"",
        "ratio": 1.0, "raw": "0102", "scope": {"key": "v"}, "service": {"name": "shop"},
        "span": {"id": "0102030405060708"}, "trace": {"id": "0102030405060708090a0b0c0d0e0f10"},
    });
    assert_eq!(lines[0].1, want);
    let (lines, _) = documents(&section(""), Mode::None, &logs);
    let want = json!({
        "@timestamp": "2024-01-15T10:30:00.000000001Z", "Attributes.code": 200, "Attributes.data_stream.dataset": "generic",
        "Attributes.data_stream.namespace": "default", "Attributes.data_stream.type": "logs",
        "Attributes.event.name": "user.login", "Attributes.http.method": "twice", "Attributes.map.a": 1,
        "Attributes.ratio": 1.0, "Attributes.raw": "0102", "Body": "hello \"you\"", "Resource.host.name": "h1",
        "Resource.service.name": "shop", "Scope.name": "lib", "Scope.scope.key": "v", "Scope.version": "2",
        "SeverityNumber": 9, "SeverityText": "INFO", "SpanId": "0102030405060708", "TraceFlags": 1,
        "TraceId": "0102030405060708090a0b0c0d0e0f10",
    });
    assert_eq!(lines[0].1, want);
    let (lines, _) = documents(&section(""), Mode::Raw, &logs);
    assert_eq!(
        (&lines[0].1["code"], &lines[0].1["data_stream.type"]),
        (&json!(200), &json!("logs"))
    );
}

#[test]
fn a_body_can_be_the_document() {
    let map = json!({"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {"values": [{"doubleValue": 2}]}}}]}});
    let records = json!([{"body": map}, {"body": {"stringValue": "x"}}]);
    let (lines, dropped) =
        documents(&section(""), Mode::BodyMap, &data(Signal::Logs, &json!({}), &records));
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].1, json!({"a": [2.0]}));
    assert_eq!(dropped.0["body_is_no_map"], 1);
}

#[test]
fn a_field_that_is_an_object_too_keeps_its_value() {
    let attributes = json!([
        attribute("a", "1"),
        attribute("a.b", "2"),
        attribute("a-c", "3"),
        attribute("a.b", "4")
    ]);
    let records = json!([{"attributes": attributes}]);
    let (lines, _) = documents(&section(""), Mode::Ecs, &data(Signal::Logs, &json!({}), &records));
    assert_eq!(
        (&lines[0].1["a"], &lines[0].1["a-c"]),
        (&json!({"b": "4", "value": "1"}), &json!("3"))
    );
}

fn spans() -> Value {
    json!([{
        "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708", "parentSpanId": "0001020304050607",
        "name": "GET", "kind": 2, "startTimeUnixNano": "1705314600000000000", "endTimeUnixNano": "1705314600150000000",
        "status": {"code": 1, "message": "fine"}, "attributes": [attribute("db.namespace", "users")],
        "links": [{"traceId": "100f0e0d0c0b0a090807060504030201", "spanId": "0807060504030201", "attributes": [attribute("k", "v")]}],
        "events": [{"timeUnixNano": "1705314600050000000", "name": "query", "attributes": [{"key": "rows", "value": {"intValue": "1"}}]}],
    }])
}

#[test]
fn a_span_and_its_event() {
    let traces = data(Signal::Traces, &json!({}), &spans());
    let (lines, _) = documents(&section(""), Mode::Otel, &traces);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].0["create"]["_index"], "traces-generic.otel-default");
    let span = &lines[0].1;
    assert_eq!((&span["kind"], &span["duration"]), (&json!("Server"), &json!(150_000_000)));
    assert_eq!(span["status"], json!({"message": "fine", "code": "Ok"}));
    let link = json!([{"trace_id": "100f0e0d0c0b0a090807060504030201", "span_id": "0807060504030201", "attributes": {"k": "v"}}]);
    assert_eq!(span["links"], link);
    assert_eq!(lines[1].0["create"]["_index"], "logs-generic.otel-default");
    let event = &lines[1].1;
    assert_eq!(
        (&event["event_name"], &event["span_id"]),
        (&json!("query"), &json!("0102030405060708"))
    );
    assert_eq!(event["attributes"], json!({"rows": 1, "event.name": "query"}));
    assert_eq!(event["data_stream"]["type"], "logs");

    let (lines, _) = documents(&section(""), Mode::Ecs, &traces);
    assert_eq!(lines.len(), 1);
    let want = json!({"db": {"instance": "users"}, "id": "0102030405060708", "kind": "SERVER", "name": "GET",
        "links": [{"trace": {"id": "100f0e0d0c0b0a090807060504030201"}, "span": {"id": "0807060504030201"}}]});
    assert_eq!(lines[0].1["span"], want);
    assert_eq!(lines[0].1["event"], json!({"outcome": "success"}));

    let (lines, _) = documents(&section(""), Mode::None, &traces);
    let span = &lines[0].1;
    assert_eq!((&span["Duration"], &span["Kind"]), (&json!(150_000), &json!("SPAN_KIND_SERVER")));
    assert_eq!(span["Events.query.rows"], 1);
    assert_eq!(span["Events.query.time"], "2024-01-15T10:30:00.050000000Z");
    let link = r#"[{"attribute":{"k":"v"},"spanID":"0807060504030201","traceID":"100f0e0d0c0b0a090807060504030201"}]"#;
    assert_eq!(span["Link"], link);
}

fn number(value: &Value, attributes: &Value) -> Value {
    let mut point = json!({"timeUnixNano": "1705314600000000000", "attributes": attributes});
    point.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    point
}

fn some_metrics() -> Value {
    let (a, b) = (json!([attribute("cpu", "0")]), json!([attribute("cpu", "1")]));
    let histogram = json!({"count": "5", "sum": 9.0, "explicitBounds": [1.0, 2.0], "bucketCounts": ["2", "0", "3"]});
    let exponential = json!({"count": "4", "sum": 9.0, "scale": 0, "zeroCount": "1",
        "positive": {"offset": 0, "bucketCounts": ["2"]}, "negative": {"offset": 1, "bucketCounts": ["1"]}});
    json!([
        {"name": "load", "gauge": {"dataPoints": [number(&json!({"asDouble": 1.0}), &a), number(&json!({"asDouble": 2.5}), &b)]}},
        {"name": "ticks", "sum": {"isMonotonic": true, "aggregationTemporality": 2, "dataPoints": [number(&json!({"asInt": "7"}), &a)]}},
        {"name": "time", "histogram": {"aggregationTemporality": 1, "dataPoints": [number(&histogram, &a)]}},
        {"name": "size", "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [number(&exponential, &a)]}},
        {"name": "old", "histogram": {"aggregationTemporality": 2, "dataPoints": [number(&histogram, &a)]}},
        {"name": "nan", "gauge": {"dataPoints": [number(&json!({"asDouble": "NaN"}), &a)]}},
        {"name": "load", "gauge": {"dataPoints": [number(&json!({"asDouble": 3.0}), &a)]}},
    ])
}

#[test]
fn points_of_the_same_time_and_attributes_are_one_document() {
    let metrics = data(Signal::Metrics, &json!({}), &some_metrics());
    let (lines, dropped) = documents(&section(""), Mode::Otel, &metrics);
    assert_eq!(lines.len(), 2);
    let templates = json!({"metrics.load": "gauge_double", "metrics.ticks": "counter_long", "metrics.time": "histogram",
        "metrics.size": "histogram"});
    assert_eq!(lines[0].0["create"]["dynamic_templates"], templates);
    let want = json!({
        "load": 1.0, "ticks": 7, "time": {"counts": [2, 3], "values": [0.5, 2.0]},
        "size": {"counts": [1, 1, 2], "values": [-3.0, 0.0, 1.5]},
    });
    assert_eq!(lines[0].1["metrics"], want);
    assert_eq!(lines[0].1["attributes"], json!({"cpu": "0"}));
    assert_eq!(lines[1].1["metrics"], json!({"load": 2.5}));
    let left_out: Vec<_> = dropped.0.into_iter().collect();
    assert_eq!(left_out, [("cumulative_histogram", 1), ("duplicate_metric", 1), ("not_finite", 1)]);

    let (lines, _) = documents(&section(""), Mode::Ecs, &metrics);
    assert_eq!(lines[0].1["time"], json!({"counts": [2, 3], "values": [0.5, 2.0]}));
    assert_eq!((&lines[0].1["ticks"], &lines[0].1["cpu"]), (&json!(7), &json!("0")));
    let (lines, dropped) = documents(&section(""), Mode::None, &metrics);
    assert!(lines.is_empty());
    assert_eq!(dropped.0["mode_without_metrics"], 8);
}

#[test]
fn attributes_say_where_a_document_goes() {
    let records = json!([
        {"attributes": [attribute("data_stream.dataset", "My-Set"), attribute("data_stream.namespace", "a/B")]},
        {"attributes": [attribute("elasticsearch.index", "mine")]},
        {"attributes": [attribute("elasticsearch.document_id", "7"), attribute("elasticsearch.document_pipeline", "p")]},
        {},
    ]);
    let scope = json!({"name": "a/receiver/hostmetricsreceiver/internal/scraper"});
    let logs = data(Signal::Logs, &scope, &records);
    let config =
        section("logs_dynamic_id: {enabled: true}, logs_dynamic_pipeline: {enabled: true}");
    let (lines, _) = documents(&config, Mode::Otel, &logs);
    let actions: Vec<&Value> = lines.iter().map(|it| &it.0["create"]).collect();
    assert_eq!(actions[0]["_index"], "logs-my_set.otel-a_b");
    assert_eq!(*actions[1], json!({"_index": "mine"}));
    assert_eq!((&actions[2]["_id"], &actions[2]["pipeline"]), (&json!("7"), &json!("p")));
    assert_eq!(actions[3]["_index"], "logs-hostmetricsreceiver.otel-default");
    assert!(lines[0].1.get("attributes").is_none_or(|it| it == &json!({})), "{}", lines[0].1);
    let config = section("logs_index: fixed, logstash_format: {enabled: true}");
    let (lines, _) = documents(&config, Mode::Otel, &logs);
    assert_eq!(lines[1].0, json!({"create": {"_index": "fixed-2024.01.15"}}));
}

#[test]
fn a_scope_chooses_its_mode_among_those_allowed() {
    let scope = json!({"attributes": [attribute("elastic.mapping.mode", "none")]});
    let logs = data(Signal::Logs, &scope, &record());
    let (lines, _) = documents(&section(""), Mode::Otel, &logs);
    assert_eq!(lines[0].1["SeverityNumber"], 9);
    let config = section("mapping: {allowed_modes: [otel]}");
    let (lines, dropped) = documents(&config, Mode::Otel, &logs);
    assert!(lines.is_empty());
    assert_eq!(dropped.0["mapping_mode"], 1);
}

#[test]
fn a_place_on_earth_is_one_field() {
    let double = |key: &str, it: f64| json!({"key": key, "value": {"doubleValue": it}});
    let attributes = json!([
        double("geo.location.lat", 1.0),
        double("geo.location.lon", 2.0),
        double("x.geo.location.lat", 3.0)
    ]);
    let records = json!([{"attributes": attributes}]);
    let (lines, _) = documents(&section(""), Mode::Otel, &data(Signal::Logs, &json!({}), &records));
    assert_eq!(
        lines[0].1["attributes"],
        json!({"geo.location": [2.0, 1.0], "x.geo.location.lat": 3.0})
    );
}

const LIMIT: Duration = Duration::from_secs(30);

async fn started(settings: ExporterSettings, section: &str) -> (Arc<Elasticsearch>, TestHost) {
    let host = TestHost::new();
    let exporter = Arc::new(Elasticsearch::create(settings, config(section)).unwrap());
    Arc::clone(&exporter).start(&host).await.unwrap();
    (exporter, host)
}

async fn consume(exporter: &Elasticsearch, ctx: Context, data: Data) -> Result<(), ConsumeError> {
    tokio::time::timeout(LIMIT, exporter.consume(&ctx, data)).await.unwrap()
}

fn bodies(texts: &[&str]) -> Data {
    let records: Vec<Value> = texts.iter().map(|it| json!({"body": {"stringValue": it}})).collect();
    data(Signal::Logs, &json!({}), &records.into())
}

fn texts(request: &Request) -> Vec<String> {
    let text = |it: &(Value, Value)| it.1["body"]["text"].as_str().unwrap().to_owned();
    bulk::pairs(&request.body).iter().map(text).collect()
}

#[tokio::test]
async fn a_document_that_is_refused_does_not_take_the_others_with_it() {
    let server = HttpServer::start();
    let asked = AtomicUsize::new(0);
    server.answer(move |request| {
        let first = asked.fetch_add(1, Relaxed) == 0;
        bulk::answer(request, "create", |document| {
            match document["body"]["text"].as_str().unwrap() {
                "bad" => 400,
                "busy" if first => 429,
                _ => 201,
            }
        })
    });
    let settings = exporter_settings("elasticsearch", Signal::Logs);
    let meter = settings.meter.clone();
    let section = format!(
        "{{endpoint: '{}', compression: none, user: u, password: p, retry: {{initial_interval: 1ms}}}}",
        server.url("")
    );
    let (exporter, host) = started(settings, &section).await;
    let sent = bodies(&["good", "bad", "busy", "fine"]);
    consume(&exporter, Context::default(), sent).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].header("authorization"), "Basic dTpw");
    let seen: Vec<Vec<String>> = requests.iter().map(texts).collect();
    assert_eq!(seen, [vec!["good", "bad", "busy", "fine"], vec!["busy"]]);
    let labels = [("exporter", "elasticsearch"), ("reason", "error_400")];
    assert_eq!(metric(&meter, "sluice_exporter_refused_items", &labels), Some(1.0));
    let lost = [("reason", "rejected_by_backend")];
    assert_eq!(metric(&meter, "sluice_lost_total", &lost), Some(1.0));
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn a_document_that_is_refused_without_a_reason_does_not_count_as_delivered() {
    let server = HttpServer::start();
    // `filter_path` may leave out the errors.
    let items = json!([{"create": {"status": 201}}, {"create": {"status": 400}}]);
    server.answer(move |_| Reply::new("200 OK", json!({"items": items}).to_string()));
    let settings = exporter_settings("elasticsearch", Signal::Logs);
    let meter = settings.meter.clone();
    let section = format!(
        "{{endpoint: '{}', compression: none, bulk_response_filter_path: 'items.*.status'}}",
        server.url("")
    );
    let (exporter, host) = started(settings, &section).await;
    consume(&exporter, Context::default(), bodies(&["good", "bad"])).await.unwrap();
    let labels = [("exporter", "elasticsearch"), ("reason", "unknown")];
    assert_eq!(metric(&meter, "sluice_exporter_refused_items", &labels), Some(1.0));
    let lost = [("reason", "rejected_by_backend")];
    assert_eq!(metric(&meter, "sluice_lost_total", &lost), Some(1.0));
    host.shutdown(&*exporter, LIMIT).await;
}

#[test]
fn a_point_says_where_it_goes_and_the_others_of_its_scope_do_not_follow() {
    let point = |attributes: Value| number(&json!({"asInt": "1"}), &attributes);
    let own = json!([attribute("data_stream.dataset", "own")]);
    let points = [point(json!([])), point(own), point(json!([attribute("cpu", "1")]))];
    let metrics = json!([{"name": "load", "gauge": {"dataPoints": points}}]);
    let metrics = data(Signal::Metrics, &json!({"name": "lib"}), &metrics);
    for (mode, suffix) in [(Mode::Otel, ".otel"), (Mode::Ecs, "")] {
        let (lines, _) = documents(&section(""), mode, &metrics);
        let index = |it: &(Value, Value)| it.0["create"]["_index"].as_str().unwrap().to_owned();
        let indices: Vec<String> = lines.iter().map(index).collect();
        let want = ["generic", "own", "generic"].map(|it| format!("metrics-{it}{suffix}-default"));
        assert_eq!(indices, want);
    }
}

#[tokio::test]
async fn who_can_read_again_is_told_what_stays_refused_for_now_and_for_others_it_is_counted() {
    let server = HttpServer::start();
    server.answer(|request| {
        bulk::answer(request, "create", |it| if it["body"]["text"] == "busy" { 429 } else { 201 })
    });
    let settings = exporter_settings("elasticsearch", Signal::Logs);
    let meter = settings.meter.clone();
    let retry = "retry: {initial_interval: 1ms, max_retries: 2}";
    let section = format!("{{endpoint: '{}', compression: none, {retry}}}", server.url(""));
    let (exporter, host) = started(settings, &section).await;
    let error =
        consume(&exporter, Context::delivered(), bodies(&["good", "busy"])).await.unwrap_err();
    assert_eq!(error.to_string(), "documents were refused for now: error_429");
    assert!(!error.is_permanent());
    assert_eq!(server.requests().len(), 3);
    let lost = [("reason", "expired_retry")];
    assert_eq!(metric(&meter, "sluice_lost_total", &lost), None);
    consume(&exporter, Context::default(), bodies(&["good", "busy"])).await.unwrap();
    assert_eq!(metric(&meter, "sluice_lost_total", &lost), Some(1.0));
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn a_request_that_is_too_large_goes_in_halves_and_a_document_that_is_too_large_is_counted() {
    let server = HttpServer::start();
    server.answer(|request| {
        if texts(request).iter().any(|it| it == "giant") {
            return Reply::new("413 Payload Too Large", "");
        }
        bulk::answer(request, "create", |_| 201)
    });
    let settings = exporter_settings("elasticsearch", Signal::Logs);
    let meter = settings.meter.clone();
    let section = format!("{{endpoint: '{}', compression: none}}", server.url(""));
    let (exporter, host) = started(settings, &section).await;
    consume(&exporter, Context::default(), bodies(&["a", "b", "c", "giant", "e"])).await.unwrap();
    let seen: Vec<Vec<String>> = server.requests().iter().map(texts).collect();
    let want: [&[&str]; 7] = [
        &["a", "b", "c", "giant", "e"],
        &["a", "b"],
        &["c", "giant", "e"],
        &["c"],
        &["giant", "e"],
        &["giant"],
        &["e"],
    ];
    assert_eq!(seen, want);
    assert_eq!(metric(&meter, "sluice_lost_total", &[("reason", "oversize")]), Some(1.0));
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn a_request_that_is_refused_as_a_whole_is_the_callers() {
    let server = HttpServer::start();
    let body = r#"{"error":{"type":"security_exception","reason":"secret"},"status":401}"#;
    server.script([
        Reply::new("503 Service Unavailable", "").with("Retry-After", "7"),
        Reply::new("401 Unauthorized", body),
        Reply::new("200 OK", r#"{"items":[]}"#),
    ]);
    let settings = exporter_settings("elasticsearch", Signal::Logs);
    let section = format!("{{endpoints: ['{}'], compression: none, api_key: k}}", server.url(""));
    let (exporter, host) = started(settings, &section).await;
    let error = consume(&exporter, Context::default(), bodies(&["a"])).await.unwrap_err();
    assert_eq!((error.is_permanent(), error.retry_after()), (false, Some(Duration::from_secs(7))));
    let error = consume(&exporter, Context::default(), bodies(&["a"])).await.unwrap_err();
    let want = "Permanent error: the bulk request was answered with 401: security_exception";
    assert_eq!(error.to_string(), want);
    let error = consume(&exporter, Context::default(), bodies(&["a"])).await.unwrap_err();
    assert!(!error.is_permanent(), "{error}");
    assert_eq!(server.requests()[0].header("authorization"), "ApiKey k");
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn a_document_with_an_id_that_is_there_has_arrived() {
    let server = HttpServer::start();
    server.answer(|request| bulk::answer(request, "create", |_| 409));
    let settings = exporter_settings("elasticsearch", Signal::Logs);
    let meter = settings.meter.clone();
    let section = format!(
        "{{endpoint: '{}', compression: none, logs_dynamic_id: {{enabled: true}}}}",
        server.url("")
    );
    let (exporter, host) = started(settings, &section).await;
    let records = json!([{"attributes": [attribute("elasticsearch.document_id", "7")]}, {}]);
    let sent = data(Signal::Logs, &json!({}), &records);
    consume(&exporter, Context::default(), sent).await.unwrap();
    let labels = [("exporter", "elasticsearch"), ("reason", "error_409")];
    assert_eq!(metric(&meter, "sluice_exporter_refused_items", &labels), Some(1.0));
    host.shutdown(&*exporter, LIMIT).await;
}
