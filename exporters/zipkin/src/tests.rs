//! Spans as Zipkin gets them.

use componenttest::{config, exporter_settings, problems};
use pdata::Limits;
use serde_json::{Value, json};
use wire::protobuf::fields;

use super::*;

componenttest::conformance!(exporter Zipkin, "endpoint: 'http://127.0.0.1:1/api/v2/spans'");

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = config(include_str!("../testdata/config.yaml"));
}

#[test]
fn an_endpoint_is_required() {
    let want = "exporter config requires a non-empty 'endpoint'";
    assert_eq!(problems::<Config>(""), [want]);
}

fn spans(resource: &Value, span: &Value) -> Vec<Span> {
    let scopes = json!([{"scope": {"name": "lib", "version": "2"}, "spans": [span]}]);
    let all =
        json!({"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": scopes}]});
    let traces = Traces::from_json(all.to_string().as_bytes(), &Limits::default()).unwrap();
    let section = config("endpoint: http://127.0.0.1:1/api/v2/spans");
    let settings = exporter_settings("zipkin", Signal::Traces);
    Zipkin::create(settings, section).unwrap().spans(&traces)
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn example() -> Vec<Span> {
    let resource = json!([attribute("service.name", "Shop"), attribute("host.name", "h")]);
    spans(
        &resource,
        &json!({
            "traceId": "0000000000000000d269b633813fc60c", "spanId": "00f067aa0ba902b7", "parentSpanId": "eee19b7ec3c1b174",
            "name": "GET /", "kind": 3, "startTimeUnixNano": "1718000000000000400", "endTimeUnixNano": "1718000000001500600",
            "status": {"code": 2, "message": "bad"},
            "attributes": [attribute("net.peer.ip", "10.0.0.2"), {"key": "net.peer.port", "value": {"intValue": "5"}},
                attribute("peer.service", "Db"), attribute("a", "\"b\"")],
            "events": [{"timeUnixNano": "1718000000000500000", "name": "e", "attributes": [attribute("k", "v")]}],
            "links": [{"traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708", "traceState": "s=1"}],
        }),
    )
}

#[test]
fn a_span_has_all_that_zipkin_can_say() {
    let got: Value = serde_json::from_str(&write::json(&example())).unwrap();
    let want = json!([{
        "traceId": "d269b633813fc60c", "id": "00f067aa0ba902b7", "parentId": "eee19b7ec3c1b174", "name": "get /", "kind": "CLIENT",
        "timestamp": 1_718_000_000_000_000_u64, "duration": 1500,
        "localEndpoint": {"serviceName": "shop"},
        "remoteEndpoint": {"serviceName": "db", "ipv4": "10.0.0.2", "port": 5},
        "annotations": [{"timestamp": 1_718_000_000_000_500_u64, "value": "e|{\"k\":\"v\"}|0"}],
        "tags": {"a": "\"b\"", "error": "true", "host.name": "h", "otel.library.name": "lib", "otel.library.version": "2",
            "otel.status_code": "STATUS_CODE_ERROR", "otel.status_description": "bad",
            "otlp.link.0": "0102030405060708090a0b0c0d0e0f10|0102030405060708|s=1|{}|0"},
    }]);
    assert_eq!(got, want);
}

#[test]
fn protobuf_has_the_same_fields() {
    let list = write::protobuf(&example());
    let span = fields(&list).next().unwrap().unwrap().1.bytes();
    let numbers: Vec<u32> = fields(span).map(|it| it.unwrap().0).collect();
    assert_eq!(numbers[..9], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(numbers[9..], [[10].as_slice(), &[11; 8]].concat());
}

#[test]
fn a_span_without_ids_is_left_out_and_the_others_go() {
    assert!(spans(&json!([]), &json!({"name": "x", "spanId": "0102030405060708"})).is_empty());
}

#[test]
fn a_resource_without_a_name_may_have_another_one() {
    let ids = json!({"traceId": "01020304050607080910111213141516", "spanId": "0102030405060708", "kind": 1});
    let got = spans(&json!([attribute("faas.name", "f")]), &ids).remove(0);
    assert_eq!(got.local.unwrap().service, "f");
    assert_eq!(got.tags["otlp.service.name.source"], "faas.name");
    assert_eq!(got.tags["span.kind"], "internal");
    let got = spans(&json!([]), &ids).remove(0);
    assert_eq!(got.local.unwrap().service, "<missing service name>");
}

#[test]
fn answers_say_whether_another_attempt_or_a_smaller_one_can_help() {
    for (status, wait, is_permanent) in [
        (400, None, true),
        (408, None, false),
        (413, None, true),
        (429, Some(7), false),
        (503, Some(9), false),
    ] {
        let mut headers = http::HeaderMap::new();
        headers.extend(wait.map(|seconds: u64| (http::header::RETRY_AFTER, seconds.into())));
        let status = http::StatusCode::from_u16(status).unwrap();
        let error = understood(&Reply { status, headers, body: Bytes::new() }).unwrap_err();
        assert_eq!(error.is_permanent(), is_permanent, "{status}");
        assert_eq!(error.is_too_large(), status == 413, "{status}");
        assert_eq!(error.retry_after(), wait.map(std::time::Duration::from_secs), "{status}");
    }
    let (status, headers, body) =
        (http::StatusCode::ACCEPTED, http::HeaderMap::new(), Bytes::new());
    assert!(understood(&Reply { status, headers, body }).is_ok());
}
