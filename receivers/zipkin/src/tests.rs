//! Requests as clients write them, and the recorded cases of the Go Collector.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use std::sync::Arc;
use std::time::Duration;

use component::{Component as _, Receiver as _};
use componenttest::{Answer, Sink, TestHost, settings};
use pdata::Data;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wire::protobuf::Writer;

use super::{Config, Format, Zipkin};

componenttest::conformance!(receiver Zipkin, "endpoint: 'localhost:0'");

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = componenttest::config(include_str!("../testdata/config.yaml"));
}

fn read(format: Format, body: &[u8]) -> Result<Value, String> {
    let traces = format.read(body, false)?;
    let mut text = Vec::new();
    Data::from(traces).to_json(&mut text);
    Ok(serde_json::from_slice(&text).unwrap())
}

fn v2(spans: &Value) -> Value {
    read(Format::V2Json, spans.to_string().as_bytes()).unwrap()
}

#[track_caller]
fn refused(format: Format, body: &str, want: &str) {
    assert_eq!(read(format, body.as_bytes()).unwrap_err(), want);
}

/// The only span.
fn one(traces: &Value) -> &Value {
    &traces["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
}

fn attribute(span: &Value, key: &str) -> Value {
    let all = span["attributes"].as_array().cloned().unwrap_or_default();
    all.into_iter().find(|it| it["key"] == key).map_or(Value::Null, |it| it["value"].clone())
}

#[test]
fn tags_of_the_resource_and_of_the_scope_move_there() {
    let span = |id: &str, version: &str| {
        json!({"traceId": "1", "id": id, "localEndpoint": {"serviceName": "a"},
            "tags": {"service.version": version, "otel.library.name": "lib", "otel.library.version": "2", "x": "y"}})
    };
    let got = v2(&json!([span("1", "v1"), span("2", "v2"), span("3", "v1")]));
    let resources = got["resourceSpans"].as_array().unwrap();
    assert_eq!(resources.len(), 2);
    assert_eq!(resources[0]["scopeSpans"][0]["scope"], json!({"name": "lib", "version": "2"}));
    assert_eq!(resources[0]["scopeSpans"][0]["spans"].as_array().unwrap().len(), 2);
    let version = |at: usize| resources[at]["resource"]["attributes"][1]["value"].clone();
    assert_eq!(
        [version(0), version(1)],
        [json!({"stringValue": "v1"}), json!({"stringValue": "v2"})]
    );
    assert_eq!(one(&got)["attributes"][0]["key"], "x");
}

#[test]
fn the_name_of_a_service_may_belong_to_another_attribute() {
    let tags = json!({"otlp.service.name.source": "faas.name"});
    let got = v2(
        &json!([{"traceId": "1", "id": "1", "localEndpoint": {"serviceName": "f"}, "tags": tags}]),
    );
    let want = json!([{"key": "faas.name", "value": {"stringValue": "f"}}]);
    assert_eq!(got["resourceSpans"][0]["resource"]["attributes"], want);
}

#[test]
fn links_and_events_have_attributes_in_their_text() {
    let link = "0102030405060708090a0b0c0d0e0f10|0102030405060708|s=1|{\"a\":1.0,\"b\":\"x|y\",\"c\":[1]}|3";
    let got = v2(&json!([{
        "traceId": "1", "id": "2", "timestamp": 5,
        "tags": {"otlp.link.0": link, "otlp.link.1": "too|short", "otlp.link.3": "kept"},
        "annotations": [{"timestamp": 7, "value": "e|{\"k\":true,\"d\":0.5}|2"}, {"timestamp": 8, "value": "p|q"}],
    }]));
    let span = one(&got);
    let links = span["links"].as_array().unwrap();
    assert_eq!(links.len(), 1);
    assert_eq!(links[0]["traceId"], "0102030405060708090a0b0c0d0e0f10");
    assert_eq!(
        (&links[0]["traceState"], &links[0]["droppedAttributesCount"]),
        (&json!("s=1"), &json!(3))
    );
    assert_eq!(attribute(&links[0], "a"), json!({"intValue": "1"}));
    assert_eq!(attribute(&links[0], "b"), json!({"stringValue": "x|y"}));
    assert_eq!(attribute(&links[0], "c"), Value::Null);
    assert_eq!(attribute(span, "otlp.link.3"), json!({"stringValue": "kept"}));
    assert_eq!(attribute(span, "otlp.link.1"), Value::Null);
    let events = &span["events"];
    assert_eq!(
        (&events[0]["name"], &events[0]["droppedAttributesCount"]),
        (&json!("e"), &json!(2))
    );
    assert_eq!(attribute(&events[0], "d"), json!({"doubleValue": 0.5}));
    assert_eq!(events[1]["name"], "p");
}

#[test]
fn a_span_without_a_time_says_so() {
    let got = v2(&json!([{"traceId": "1", "id": "2", "duration": 3}]));
    assert_eq!(one(&got)["endTimeUnixNano"], "3000");
    assert_eq!(
        attribute(one(&got), "otel.zipkin.absentField.startTime"),
        json!({"boolValue": true})
    );
}

#[test]
fn keys_are_found_in_any_case_and_null_is_nothing() {
    let got = v2(
        &json!([null, {"TraceID": "ab", "ID": "2", "Name": "n", "kind": null, "tags": {"a": null}}]),
    );
    assert_eq!(one(&got)["traceId"], "000000000000000000000000000000ab");
    assert_eq!(one(&got)["name"], "n");
    assert_eq!(attribute(one(&got), "a"), json!({"stringValue": ""}));
}

#[test]
fn what_cannot_be_read_is_refused_in_the_words_of_go_where_they_are_known() {
    refused(Format::V2Json, "", "unexpected end of JSON input");
    refused(Format::V2Json, r#"[{"traceId": "1"}]"#, "valid span id required");
    refused(Format::V2Json, r#"[{"traceId": "", "id": "1"}]"#, "valid traceId required");
    let text = r#"[{"traceId": "x", "id": "1"}]"#;
    refused(Format::V2Json, text, r#"strconv.ParseUint: parsing "x": invalid syntax"#);
    let text = r#"[{"traceId": "1", "id": "1", "localEndpoint": {"ipv4": "1.2.3"}}]"#;
    refused(Format::V2Json, text, "invalid IP address: 1.2.3");
    let text = r#"[{"traceId": "1", "id": "1", "tags": {"a": 1}}]"#;
    refused(Format::V2Json, text, "json: cannot unmarshal int64 into a: it has to be string");
    let text = r#"[{"traceId": "1", "id": "1"}]"#;
    refused(
        Format::V1Json,
        text,
        "zipkinV1 span traceId: hex traceId span has wrong length (expected 16 or 32)",
    );
    let text = r#"[{"traceId": "0000000000000001", "id": "0000000000000000"}]"#;
    refused(Format::V1Json, text, "zipkinV1 span id: ID is zero");
    refused(Format::V1Json, "[", "zipkinv1: unexpected end of JSON input");
}

#[test]
fn a_body_that_nests_without_end_is_refused() {
    assert!(read(Format::V2Json, "[".repeat(100_000).as_bytes()).is_err());
}

#[test]
fn protobuf_has_the_same_spans() {
    let mut list = Writer::default();
    list.message(1, |span| {
        span.bytes_field(1, &[1; 16]);
        span.bytes_field(2, &[2; 8]);
        span.bytes_field(3, &[3; 8]);
        span.uint(4, 2);
        span.text(5, "op");
        span.fixed64(6, 1_718_000_000_000_000);
        span.uint(7, 1500);
        span.message(8, |it| {
            it.text(1, "svc");
            it.bytes_field(2, &[10, 0, 0, 1]);
            it.uint(4, 80);
        });
        span.message(10, |it| {
            it.fixed64(1, 1_718_000_000_000_001);
            it.text(2, "midway");
        });
        span.message(11, |it| {
            it.text(1, "k");
            it.text(2, "v");
        });
    });
    let bytes = list.finish();
    let got = read(Format::V2Proto, &bytes).unwrap();
    let span = one(&got);
    assert_eq!((&span["kind"], &span["name"]), (&json!(2), &json!("op")));
    assert_eq!(span["endTimeUnixNano"], "1718000000001500000");
    assert_eq!(span["parentSpanId"], "0202020202020202");
    assert_eq!(attribute(span, "net.host.ip"), json!({"stringValue": "10.0.0.1"}));
    assert_eq!(attribute(span, "net.host.port"), json!({"intValue": "80"}));
    assert_eq!(attribute(span, "k"), json!({"stringValue": "v"}));
    assert_eq!(span["events"][0]["name"], "midway");
    for end in 0..bytes.len() {
        let _ = read(Format::V2Proto, &bytes[..end]);
    }
    let error = read(Format::V2Proto, b"\x0a\x03\x0a\x01x").unwrap_err();
    assert_eq!(error, "invalid TraceID: has length 1 yet wanted length 16");
}

/// A list of one span in Thrift: two annotations with an endpoint, one tag of each type.
fn thrift() -> Vec<u8> {
    let mut out = vec![12, 0, 0, 0, 1];
    let i64_field = |out: &mut Vec<u8>, id: u8, value: i64| {
        out.extend([10, 0, id]);
        out.extend(value.to_be_bytes());
    };
    let text = |out: &mut Vec<u8>, id: u8, value: &[u8]| {
        out.extend([11, 0, id]);
        out.extend((value.len() as u32).to_be_bytes());
        out.extend(value);
    };
    i64_field(&mut out, 1, 0x66);
    text(&mut out, 3, b"old");
    i64_field(&mut out, 4, 7);
    out.extend([15, 0, 6, 12, 0, 0, 0, 2]);
    for (time, value) in [(10, &b"cs"[..]), (30, b"cr")] {
        i64_field(&mut out, 1, time);
        text(&mut out, 2, value);
        out.extend([12, 0, 3, 8, 0, 1, 10, 0, 0, 9, 6, 0, 2, 0, 80]);
        text(&mut out, 3, b"v1");
        out.extend([0, 0]);
    }
    out.extend([15, 0, 8, 12, 0, 0, 0, 7]);
    let values: [&[u8]; 7] =
        [&[1], &[1, 2], &[0, 5], &[0, 0, 0, 6], &[0; 8], &0.5_f64.to_be_bytes(), b"text"];
    for (of_type, value) in values.into_iter().enumerate() {
        text(&mut out, 1, format!("t{of_type}").as_bytes());
        text(&mut out, 2, value);
        out.extend([8, 0, 3, 0, 0, 0, of_type as u8, 0]);
    }
    out.push(0);
    out
}

#[test]
fn thrift_has_typed_tags() {
    let got = read(Format::V1Thrift, &thrift()).unwrap();
    let span = one(&got);
    assert_eq!(
        (&span["kind"], &span["traceId"]),
        (&json!(3), &json!("00000000000000000000000000000066"))
    );
    assert_eq!(
        (&span["startTimeUnixNano"], &span["endTimeUnixNano"]),
        (&json!("10000"), &json!("30000"))
    );
    let want = [
        json!({"boolValue": true}),
        json!({"stringValue": "AQI="}),
        json!({"intValue": "5"}),
        json!({"intValue": "6"}),
        json!({"intValue": "0"}),
        json!({"doubleValue": 0.5}),
        json!({"stringValue": "text"}),
    ];
    for (at, want) in want.into_iter().enumerate() {
        assert_eq!(attribute(span, &format!("t{at}")), want, "t{at}");
    }
    let resource = &got["resourceSpans"][0]["resource"];
    assert_eq!(attribute(resource, "ipv4"), json!({"stringValue": "10.0.0.9"}));
    assert_eq!(attribute(resource, "port"), json!({"stringValue": "80"}));
}

#[test]
fn thrift_that_is_cut_or_changed_anywhere_does_no_harm() {
    let bytes = thrift();
    for at in 0..bytes.len() {
        let _ = read(Format::V1Thrift, &bytes[..at]);
        for value in [0, 0x7f, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            let _ = read(Format::V1Thrift, &bytes);
        }
    }
}

#[test]
fn the_first_version_takes_status_and_service_from_tags() {
    let span = json!([{
        "traceId": "0000000000000001", "id": "0000000000000002", "timestamp": 10, "duration": 5,
        "annotations": [{"timestamp": 11, "value": "note"}],
        "binaryAnnotations": [
            {"key": "lc", "value": "component", "endpoint": {"serviceName": "from tag"}},
            {"key": "error", "value": "boom"},
            {"key": "otel.status_description", "value": "why"},
            {"key": "sa", "value": true},
        ],
    }]);
    let got = read(Format::V1Json, span.to_string().as_bytes()).unwrap();
    let span = one(&got);
    assert_eq!(span["status"], json!({"code": 2, "message": "why"}));
    assert_eq!(attribute(span, "component"), json!({"stringValue": "component"}));
    assert_eq!(attribute(span, "sa"), json!({"boolValue": true}));
    assert_eq!(span["events"][0]["name"], "note");
    let resource = &got["resourceSpans"][0]["resource"];
    assert_eq!(attribute(resource, "service.name"), json!({"stringValue": "from tag"}));
}

/// One request to a receiver in front of `sink`: the status line and the body.
async fn post(sink: &Sink, path: &str, body: &str) -> (String, String) {
    let host = TestHost::new();
    let config = componenttest::config("endpoint: 127.0.0.1:0");
    let receiver = Zipkin::create(settings("zipkin"), config, sink.outputs(&["traces"])).unwrap();
    let receiver = Arc::new(receiver);
    Arc::clone(&receiver).start(&host).await.unwrap();
    let mut stream = TcpStream::connect(receiver.bound().unwrap()).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    host.shutdown(&*receiver, Duration::from_secs(5)).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split("\r\n").next().unwrap().to_owned(), body.to_owned())
}

const SPAN: &str = r#"[{"traceId": "1", "id": "1"}]"#;

#[tokio::test]
async fn the_answer_is_that_of_the_pipelines() {
    let sink = Sink::new();
    assert_eq!(post(&sink, "/api/v2/spans", SPAN).await.0, "HTTP/1.1 202 Accepted");
    assert_eq!(sink.calls(), 1);
    assert_eq!(post(&sink, "/", "[]").await.0, "HTTP/1.1 202 Accepted");
    assert_eq!(sink.calls(), 1);
    let refusing = Sink::new();
    refusing.answer(Answer::permanent("no"));
    let answer = post(&refusing, "/api/v2/spans", SPAN).await;
    assert_eq!(answer, ("HTTP/1.1 400 Bad Request".into(), "\"Bad Request\"".into()));
    let busy = Sink::new();
    busy.answer(Answer::retryable("later"));
    let answer = post(&busy, "/api/v2/spans", SPAN).await;
    assert_eq!(answer.0, "HTTP/1.1 500 Internal Server Error");
    let answer = post(&sink, "/api/v2/spans", "nope").await;
    assert_eq!(answer.0, "HTTP/1.1 400 Bad Request");
}
