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

mod server;

componenttest::conformance!(exporter OpenSearch, "http: {endpoint: 'http://127.0.0.1:1'}");

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = config(include_str!("../testdata/config.yaml"));
}

#[test]
fn wrong_sections_are_refused_in_the_words_of_upstream() {
    for (section, want) in [
        ("", "endpoint must be specified"),
        ("{http: {endpoint: http://a}, dataset: ''}", "dataset must be specified"),
        ("{http: {endpoint: http://a}, namespace: ''}", "namespace must be specified"),
        (
            "{http: {endpoint: http://a}, logs_index_time_format: yyyy/MM}",
            "logs_index_time_format contains unsupported or invalid tokens",
        ),
        (
            "{http: {endpoint: http://a}, traces_index_time_format: '   '}",
            "traces_index_time_format contains unsupported or invalid tokens",
        ),
    ] {
        assert_eq!(problems::<Config>(section), [want], "{section}");
    }
    let found = warnings::<Config>(
        "{http: {endpoint: http://localhost}, mapping: {dedup: true, file: a.yaml}}",
    );
    let want = [
        "file has no effect: fields keep their names",
        "dedup has no effect: a name is never written twice",
    ];
    assert_eq!(found, want);
}

#[test]
fn words_that_are_not_known_are_refused_in_the_words_of_upstream() {
    for (section, want) in [
        ("bulk_action: delete", "bulk_action can either be `create` or `index`"),
        ("mapping: {mode: none}", "mapping.mode is invalid"),
        ("mapping: {mode: otel-v1}", "the mapping mode \"otel-v1\" is not there"),
    ] {
        let section =
            componenttest::section(&format!("{{http: {{endpoint: http://localhost}}, {section}}}"));
        let (_, found) = component::config::check::<Config>(&section).unwrap();
        let texts: Vec<&str> = found.faults().iter().map(|it| it.text.as_str()).collect();
        assert_eq!(texts, [want]);
    }
}

#[test]
fn the_shorter_timeout_counts_and_none_is_none() {
    for (http, own, want) in [("30s", "0s", 30), ("0s", "5s", 5), ("7s", "5s", 5), ("0s", "0s", 0)]
    {
        let section = format!("{{http: {{endpoint: http://a, timeout: {http}}}, timeout: {own}}}");
        let section: Config = config(&section);
        assert_eq!(section.client().timeout, GoDuration::from_secs(want), "{http} {own}");
    }
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn data(signal: Signal, scope: &Value, items: &Value) -> Data {
    let names = match signal {
        Signal::Traces => ["resourceSpans", "scopeSpans", "spans"],
        _ => ["resourceLogs", "scopeLogs", "logRecords"],
    };
    let number = json!({"key": "process.pid", "value": {"intValue": "7"}});
    let resource = json!({"attributes": [attribute("service.name", "Shop"), number]});
    let scopes = json!([{"scope": scope, names[2]: items, "schemaUrl": "u2"}]);
    let all = json!({names[0]: [{"resource": resource, names[1]: scopes, "schemaUrl": "u1"}]});
    Data::from_json(signal, all.to_string().as_bytes(), &Limits::default()).unwrap()
}

/// Lines of the requests, each an action with its document, made on 15 January 2024.
fn lines(more: &str, data: &Data) -> (Vec<(Value, Value)>, Dropped) {
    let section: Config = config(&format!("{{http: {{endpoint: http://localhost}}, {more}}}"));
    let mut dropped = Dropped::default();
    let made = documents(&section, data, 1_705_314_600_000_000_000, &mut dropped);
    (bulk::pairs(made.bytes()), dropped)
}

fn scope() -> Value {
    json!({"name": "lib", "version": "2", "attributes": [attribute("scope.key", "v")]})
}

fn record() -> Value {
    json!([{
        "timeUnixNano": "1705314600000000001", "observedTimeUnixNano": "1705314600001000000",
        "severityNumber": 9, "severityText": "INFO", "flags": 1, "body": {"stringValue": "hello \"you\""},
        "eventName": "login", "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708",
        "attributes": [
            attribute("http.method", "GET"), {"key": "ratio", "value": {"doubleValue": 1.0}},
            {"key": "map", "value": {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "1"}}]}}},
            attribute("http.method", "twice"),
        ],
    }])
}

#[test]
fn a_log_record_in_the_mode_ss4o() {
    let (lines, _) = lines("", &data(Signal::Logs, &scope(), &record()));
    assert_eq!(lines[0].0, json!({"create": {"_index": "ss4o_logs-default-namespace"}}));
    let want = json!({
        "attributes": {
            "http.method": "GET", "ratio": 1.0, "map": {"a": 1},
            "data_stream": {"dataset": "default", "namespace": "namespace", "type": "record"},
        },
        "body": "hello \"you\"", "eventName": "login",
        "instrumentationScope": {"attributes": {"scope.key": "v"}, "name": "lib", "schemaUrl": "u2", "version": "2"},
        "observedTimestamp": "2024-01-15T10:30:00.001000000Z", "@timestamp": "2024-01-15T10:30:00.000000001Z",
        "resource": {"service.name": "Shop", "process.pid": "7"}, "schemaUrl": "u2",
        "severity": {"text": "INFO", "number": 9},
        "spanId": "0102030405060708", "traceId": "0102030405060708090a0b0c0d0e0f10",
    });
    assert_eq!(lines[0].1, want);
}

#[test]
fn a_log_record_in_the_flat_modes() {
    let logs = data(Signal::Logs, &scope(), &record());
    let (ecs, _) = lines("mapping: {mode: ecs}", &logs);
    let want = json!({
        "@timestamp": "2024-01-15T10:30:00.000000001Z", "TraceId": "0102030405060708090a0b0c0d0e0f10",
        "SpanId": "0102030405060708", "TraceFlags": 1, "SeverityText": "INFO", "SeverityNumber": 9,
        "EventName": "login", "Body.value": "hello \"you\"", "Attributes.service.name": "Shop",
        "Attributes.process.pid": 7, "Attributes.http.method": "twice", "Attributes.ratio": 1.0, "Attributes.map.a": 1,
    });
    assert_eq!(ecs[0].1, want);
    let section = "mapping: {mode: flatten_attributes, dedot: true, unix_timestamp: true, timestamp_field: at}";
    let (flat, _) = lines(section, &logs);
    let want = json!({
        "at": 1_705_314_600_000_u64, "TraceId": "0102030405060708090a0b0c0d0e0f10", "SpanId": "0102030405060708",
        "TraceFlags": 1, "SeverityText": "INFO", "SeverityNumber": 9, "EventName": "login",
        "Body": {"value": "hello \"you\""}, "service": {"name": "Shop"}, "process": {"pid": 7},
        "http": {"method": "twice"}, "ratio": 1.0, "map": {"a": 1},
    });
    assert_eq!(flat[0].1, want);
}

#[test]
fn a_body_is_a_document_of_its_own_if_it_is_a_map() {
    let map = json!({"kvlistValue": {"values": [{"key": "raw", "value": {"bytesValue": "AQI="}}]}});
    let records = json!([{"body": map}, {"body": {"stringValue": "text"}}, {}]);
    let section = "mapping: {mode: bodymap}";
    let (bodies, dropped) = lines(section, &data(Signal::Logs, &json!({}), &records));
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0].1, json!({"raw": "0102"}));
    assert_eq!(dropped.0["body_is_no_map"], 2);
    let (spans, dropped) = lines(section, &data(Signal::Traces, &json!({}), &json!([{}, {}])));
    assert!(spans.is_empty());
    assert_eq!(dropped.0["mode_without_spans"], 2);
}

#[test]
fn a_span_is_one_document_with_its_events_and_links() {
    let spans = json!([{
        "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708", "name": "GET", "kind": 2,
        "startTimeUnixNano": "1705314600000000000", "endTimeUnixNano": "1705314600150000000",
        "traceState": "a=b", "droppedEventsCount": 1, "status": {"code": 2, "message": "bad"},
        "attributes": [attribute("data_stream", "not this one")],
        "events": [
            {"timeUnixNano": "1705314600050000000", "name": "query", "attributes": [attribute("k", "v")]},
            {"name": "when?"},
        ],
        "links": [{"traceId": "100f0e0d0c0b0a090807060504030201", "spanId": "0807060504030201"}],
    }, {"name": "bare"}]);
    let (lines, _) = lines("mapping: {mode: ecs}", &data(Signal::Traces, &scope(), &spans));
    assert_eq!(lines[0].0, json!({"create": {"_index": "ss4o_traces-default-namespace"}}));
    let stream = json!({"dataset": "default", "namespace": "namespace", "type": "span"});
    let scope = json!({
        "attributes": {"scope.key": "v"}, "droppedAttributesCount": 0, "name": "lib", "schemaUrl": "u2", "version": "2",
    });
    let resource = json!({"service.name": "Shop", "process.pid": "7"});
    let want = json!({
        "attributes": {"data_stream": stream}, "droppedAttributesCount": 0, "droppedEventsCount": 1, "droppedLinksCount": 0,
        "startTime": "2024-01-15T10:30:00.000000000Z", "endTime": "2024-01-15T10:30:00.150000000Z",
        "@timestamp": "2024-01-15T10:30:00.000000000Z",
        "events": [
            {"attributes": {"k": "v"}, "droppedAttributesCount": 0, "name": "query",
             "@timestamp": "2024-01-15T10:30:00.050000000Z"},
            {"attributes": {}, "droppedAttributesCount": 0, "name": "when?",
             "observedTimestamp": "2024-01-15T10:30:00.000000000Z"},
        ],
        "links": [{"traceId": "100f0e0d0c0b0a090807060504030201", "spanId": "0807060504030201"}],
        "instrumentationScope": scope, "resource": resource, "kind": "Server", "name": "GET", "parentSpanId": "",
        "spanId": "0102030405060708", "traceId": "0102030405060708090a0b0c0d0e0f10", "traceState": "a=b",
        "status": {"code": "Error", "message": "bad"},
    });
    assert_eq!(lines[0].1, want);
    assert_eq!(lines[1].1["traceId"], "");
    assert!(lines[1].1.get("events").is_none() && lines[1].1.get("links").is_none());
}

#[test]
fn a_name_that_is_also_an_object_does_not_cost_the_document() {
    let inner = json!({"kvlistValue": {"values": [attribute("b", "1"), attribute("b.c", "2")]}});
    let records = json!([{"attributes": [
        attribute("code.function", "f"), attribute("code.function.name", "g"), attribute("code-x", "h"),
        attribute("x", "lost"), attribute("x.value", "kept"),
        attribute("y", "1"), attribute("y.value.z", "2"),
        {"key": "map", "value": inner},
    ]}]);
    let (lines, _) = lines("", &data(Signal::Logs, &json!({}), &records));
    let mut attributes = lines[0].1["attributes"].clone();
    attributes.as_object_mut().unwrap().remove("data_stream");
    let want = json!({
        "code.function.value": "f", "code.function.name": "g", "code-x": "h", "x.value": "kept",
        "y.value.value": "1", "y.value.z": "2", "map": {"b.value": "1", "b.c": "2"},
    });
    assert_eq!(attributes, want);
}

#[test]
fn names_that_are_objects_by_the_thousand_do_not_take_long() {
    // Work that grows with the square of this would take minutes.
    let pairs = (0..15_000).flat_map(|at| [format!("k{at}"), format!("k{at}.x")]);
    let pairs: Vec<Value> = pairs.map(|it| attribute(&it, "v")).collect();
    // So would a walk to the end of a chain from each of its names, if each step read the name as a whole.
    let chain = (0..300).map(|at| format!("a{}", ".value".repeat(at)));
    let chain: Vec<Value> = chain.map(|it| attribute(&it, "v")).collect();
    let records = json!([{"attributes": pairs}, {"attributes": chain}]);
    let (lines, _) = lines("", &data(Signal::Logs, &json!({}), &records));
    let sizes: Vec<usize> =
        lines.iter().map(|it| it.1["attributes"].as_object().unwrap().len()).collect();
    assert_eq!(sizes, [30_001, 2]);
}

fn indices(section: &str, attributes: &Value) -> Vec<String> {
    let records = json!([{"attributes": attributes}]);
    let scope = json!({"name": "lib", "attributes": [attribute("both", "scope"), attribute("where", "scope")]});
    let (lines, _) = lines(section, &data(Signal::Logs, &scope, &records));
    let index = |it: &(Value, Value)| it.0["create"]["_index"].as_str().unwrap().to_owned();
    lines.iter().map(index).collect()
}

#[test]
fn attributes_name_the_index_of_each_document() {
    let none = json!([]);
    for (section, attributes, want) in [
        ("logs_index: otel-logs", &none, "otel-logs"),
        ("logs_index_time_format: yyyy.MM", &none, "ss4o_logs-default-namespace-2024.01"),
        ("dataset: nginx, namespace: eu", &none, "ss4o_logs-nginx-eu"),
        // Small letters, and the nearest attribute.
        ("logs_index: 'a-%{service.name}-%{both}'", &none, "a-shop-scope"),
        ("logs_index: 'a-%{both}'", &json!([attribute("both", "item")]), "a-item"),
        ("logs_index: '%{scope.name}-%{nowhere}-b'", &none, "lib-unknown-b"),
        ("logs_index: '%{scope.version}', logs_index_fallback: no", &none, "no"),
        // What would lead to another index is no value.
        ("logs_index: 'a-%{where}'", &json!([attribute("where", "../../b")]), "a-scope"),
        ("logs_index: 'a-%{x}'", &json!([attribute("x", ".kibana")]), "a-unknown"),
        ("logs_index: 'a-%{x}'", &json!([attribute("x", "a b")]), "a-unknown"),
    ] {
        assert_eq!(indices(section, attributes), [want], "{section}");
    }
}

const LIMIT: Duration = Duration::from_secs(30);

async fn started(settings: ExporterSettings, section: &str) -> (Arc<OpenSearch>, TestHost) {
    let host = TestHost::new();
    let exporter = Arc::new(OpenSearch::create(settings, config(section)).unwrap());
    Arc::clone(&exporter).start(&host).await.unwrap();
    (exporter, host)
}

async fn consume(exporter: &OpenSearch, ctx: Context, data: Data) -> Result<(), ConsumeError> {
    tokio::time::timeout(LIMIT, exporter.consume(&ctx, data)).await.unwrap()
}

fn bodies(texts: &[&str]) -> Data {
    let records: Vec<Value> = texts.iter().map(|it| json!({"body": {"stringValue": it}})).collect();
    data(Signal::Logs, &json!({}), &records.into())
}

fn texts(request: &Request) -> Vec<String> {
    let text = |it: &(Value, Value)| it.1["body"].as_str().unwrap().to_owned();
    bulk::pairs(&request.body).iter().map(text).collect()
}

#[tokio::test]
async fn documents_that_are_refused_for_now_are_sent_again_alone_and_others_are_counted() {
    let server = HttpServer::start();
    let asked = AtomicUsize::new(0);
    server.answer(move |request| {
        let first = asked.fetch_add(1, Relaxed) == 0;
        bulk::answer(request, "index", |document| match document["body"].as_str().unwrap() {
            "bad" => 400,
            "busy" if first => 500,
            _ => 201,
        })
    });
    let settings = exporter_settings("opensearch", Signal::Logs);
    let meter = settings.meter.clone();
    let section = format!(
        "{{http: {{endpoint: '{}'}}, bulk_action: index, pipeline: 'my pipe', retry_on_failure: {{initial_interval: 1ms}}}}",
        server.url("")
    );
    let (exporter, host) = started(settings, &section).await;
    let sent = bodies(&["good", "bad", "busy"]);
    consume(&exporter, Context::default(), sent).await.unwrap();
    let requests = server.requests();
    assert!(requests[0].line.contains("&pipeline=my%20pipe "), "{}", requests[0].line);
    let seen: Vec<Vec<String>> = requests.iter().map(texts).collect();
    assert_eq!(seen, [vec!["good", "bad", "busy"], vec!["busy"]]);
    let labels = [("exporter", "opensearch"), ("reason", "error_400")];
    assert_eq!(metric(&meter, "sluice_exporter_refused_items", &labels), Some(1.0));
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn a_request_that_is_refused_as_a_whole_is_the_callers() {
    let server = HttpServer::start();
    let body = r#"{"error":{"type":"security_exception","reason":"secret"},"status":403}"#;
    server.script([Reply::new("500 Internal Server Error", ""), Reply::new("403 Forbidden", body)]);
    let settings = exporter_settings("opensearch", Signal::Logs);
    let section = format!("{{http: {{endpoint: '{}'}}}}", server.url(""));
    let (exporter, host) = started(settings, &section).await;
    let error = consume(&exporter, Context::default(), bodies(&["a"])).await.unwrap_err();
    assert!(!error.is_permanent(), "{error}");
    let error = consume(&exporter, Context::default(), bodies(&["a"])).await.unwrap_err();
    let want = "Permanent error: the bulk request was answered with 403: security_exception";
    assert_eq!(error.to_string(), want);
    host.shutdown(&*exporter, LIMIT).await;
}
