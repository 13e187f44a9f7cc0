//! Requests of HEC clients, and what comes of them.

use std::sync::Arc;
use std::time::Duration;

use component::{Component as _, Data, Receiver as _};
use componenttest::{Answer, Sink, TestHost, config, metric, planned, problems, settings};
use pdata::Limits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

componenttest::conformance!(receiver SplunkHec, "endpoint: 'localhost:0'");

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = config(include_str!("../testdata/config.yaml"));
}

#[test]
fn sections_that_make_no_sense_are_refused() {
    let found = problems::<Config>("splitting: word");
    assert!(found[0].contains("splitting is \"word\": it must be line or none"), "{found:?}");
    let (_, found) = planned::<Config>("ack: {extension: ack}");
    let want = "specified ack extension with id \"ack\" could not be found";
    assert_eq!(found.faults()[0].text, want);
}

struct Running {
    host: TestHost,
    sink: Sink,
    receiver: Arc<SplunkHec>,
    meter: component::Meter,
}

impl Running {
    async fn start(section: &str, pipelines: &[&str]) -> Self {
        let (host, sink) = (TestHost::new(), Sink::new());
        let settings = settings("splunk_hec");
        let meter = settings.meter.clone();
        let section = format!("endpoint: 127.0.0.1:0\n{section}");
        let receiver =
            SplunkHec::create(settings, config(&section), sink.outputs(pipelines)).unwrap();
        let receiver = Arc::new(receiver);
        Arc::clone(&receiver).start(&host).await.unwrap();
        Self { host, sink, receiver, meter }
    }

    async fn ask(&self, head: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.receiver.bound().unwrap()).await.unwrap();
        let length = body.len();
        let rest = format!("Host: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
        let head = format!("{line} HTTP/1.1\r\n{headers}{rest}");
        stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        format!("{} {body}", &head[9..12])
    }

    async fn post(&self, body: &str) -> String {
        self.ask("POST /services/collector", body.as_bytes()).await
    }

    /// What has come, as JSON.
    fn received(&self) -> Vec<Value> {
        let all = self.sink.received();
        all.iter().map(json_of).collect()
    }

    async fn stop(self) {
        self.host.shutdown(&*self.receiver, Duration::from_secs(5)).await;
    }
}

fn json_of(data: &Data) -> Value {
    let mut text = Vec::new();
    data.to_json(&mut text);
    serde_json::from_slice(&text).unwrap()
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

const SUCCESS: &str = r#"200 {"text": "Success", "code": 0}"#;

#[tokio::test]
async fn events_are_log_records_grouped_by_their_metadata() {
    let it = Running::start("", &["logs"]).await;
    let body = r#"{"time": 1718000000.123456789, "host": "h", "source": "s", "sourcetype": "st", "index": "i",
            "event": {"b": 1, "a": ["x", true, null]}, "fields": {"z": 1.5, "k": "v", "list": [1, "two"]}}
        {"event": "other"}{"time": "1718000001", "host": "h", "source": "s", "sourcetype": "st", "index": "i", "event": "second"}"#;
    assert_eq!(it.post(body).await, SUCCESS);
    let list = json!({"arrayValue": {"values": [{"stringValue": "x"}, {"boolValue": true}, {}]}});
    let map = json!([{"key": "a", "value": list}, {"key": "b", "value": {"doubleValue": 1.0}}]);
    let numbers = json!({"arrayValue": {"values": [{"doubleValue": 1.0}, {"stringValue": "two"}]}});
    let want = json!({"resourceLogs": [
        {"resource": {"attributes": [text("host.name", "h"), text("com.splunk.source", "s"),
            text("com.splunk.sourcetype", "st"), text("com.splunk.index", "i")]},
         "scopeLogs": [{"scope": {}, "logRecords": [
            {"timeUnixNano": "1718000000123456789", "body": {"kvlistValue": {"values": map}},
             "attributes": [text("k", "v"), {"key": "list", "value": numbers}, {"key": "z", "value": {"doubleValue": 1.5}}]},
            {"timeUnixNano": "1718000001000000000", "body": {"stringValue": "second"}}]}]},
        {"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": [{"body": {"stringValue": "other"}}]}]},
    ]});
    let want = pdata::Logs::from_json(want.to_string().as_bytes(), &Limits::default()).unwrap();
    assert_eq!(it.received(), [json_of(&want.into())]);
    let accepted = [("receiver", "splunk_hec"), ("transport", "http")];
    assert_eq!(metric(&it.meter, "otelcol_receiver_accepted_log_records", &accepted), Some(3.0));
    it.stop().await;
}

#[tokio::test]
async fn values_are_gauges_with_the_other_fields_as_text() {
    let it = Running::start("hec_metadata_to_otel_attrs: {host: node}", &["metrics"]).await;
    let body = r#"{"time": 1718000000, "event": "metric", "host": "h",
            "fields": {"metric_name:cpu.user": 1.5, "metric_name:cpu.idle": "7", "metric_name:bad": "x", "region": "r", "n": 1000000,
                "list": [1, "a"], "none": null, "metric_name:9no": 1}}
        {"event": "metric", "host": "h", "fields": {"metric_name": "old", "_value": 3, "b": true}}
        {"event": "metric", "fields": {"region": "nothing"}}"#;
    assert_eq!(it.post(body).await, SUCCESS);
    let attributes = json!([text("list", "[1 a]"), text("n", "1e+06"), text("region", "r")]);
    let gauge = |name: &str, value: f64, time: &str, attributes: &Value| {
        let point = json!({"timeUnixNano": time, "asDouble": value, "attributes": attributes});
        json!({"name": name, "gauge": {"dataPoints": [point]}})
    };
    let first = "1718000000000000000";
    let want = json!({"resourceMetrics": [
        {"resource": {"attributes": [text("node", "h")]}, "scopeMetrics": [{"scope": {}, "metrics": [
            gauge("cpu.idle", 7.0, first, &attributes), gauge("cpu.user", 1.5, first, &attributes),
            gauge("old", 3.0, "0", &json!([text("b", "true")]))]}]},
    ]});
    let want = pdata::Metrics::from_json(want.to_string().as_bytes(), &Limits::default()).unwrap();
    let mut got = it.received().remove(0);
    // A resource without metrics is left.
    got["resourceMetrics"].as_array_mut().unwrap().truncate(1);
    assert_eq!(got, json_of(&want.into()));
    let lost = || metric(&it.meter, "sluice_lost_total", &[("reason", "corrupt_record")]);
    assert_eq!(lost(), Some(3.0), "x, 9no, and nothing");
    let body = r#"{"event": "metric", "fields": {"metric_name": "m", "_value": "much"}}"#;
    assert_eq!(it.post(body).await, SUCCESS);
    assert_eq!(lost(), Some(4.0));
    // Who is refused has it still.
    it.sink.script([Answer::retryable("later")]);
    let body = r#"{"event": "metric", "fields": {"metric_name:m": 1, "metric_name:n": "x"}}"#;
    assert_eq!(it.post(body).await, r#"500 "Internal Server Error""#);
    assert_eq!(lost(), Some(4.0));
    it.stop().await;
}

#[tokio::test]
async fn logs_and_metrics_of_one_request_go_to_their_pipelines() {
    let it = Running::start("", &["logs", "metrics"]).await;
    let body = r#"{"event": "a"}{"event": "metric", "fields": {"metric_name:m": 1}}"#;
    assert_eq!(it.post(body).await, SUCCESS);
    let signals: Vec<_> = it.sink.received().iter().map(Data::signal).collect();
    assert_eq!(signals, [Signal::Logs, Signal::Metrics]);
    it.stop().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_the_code_of_splunk() {
    let it = Running::start("", &["logs"]).await;
    for (body, want) in [
        ("", r#"{"text":"No data","code":5}"#),
        ("{", r#"{"text":"Invalid data format","code":6}"#),
        (r#"[{"event": "a"}]"#, r#"{"text":"Invalid data format","code":6}"#),
        (r#"{"event": "a", "host": 5}"#, r#"{"text":"Invalid data format","code":6}"#),
        (r#"{"event": "a", "time": "now"}"#, r#"{"text":"Invalid data format","code":6}"#),
        (r#"{"host": "h"}"#, r#"{"text":"Event field is required","code":12}"#),
        (r#"{"event": ""}"#, r#"{"text":"Event field cannot be blank","code":13}"#),
        (
            r#"{"event": "a"}{"event": "b", "fields": {"a": {"b": 1}}}"#,
            r#"{"text":"Error in handling indexed fields","code":15,"invalid-event-number":1}"#,
        ),
        (r#"{"event": "metric", "fields": {"metric_name:m": 1}}"#, r#""Unsupported metric event""#),
    ] {
        assert_eq!(it.post(body).await, format!("400 {want}"), "{body}");
    }
    let got = it.ask("GET /services/collector", b"").await;
    assert_eq!(got, r#"400 "Only \"POST\" method is supported""#);
    assert_eq!(it.sink.items(), 0);
    it.stop().await;
    let it = Running::start("", &["metrics"]).await;
    assert_eq!(it.post(r#"{"event": "a"}"#).await, r#"400 "Unsupported log event""#);
    it.stop().await;
}

#[tokio::test]
async fn raw_events_are_lines_or_the_whole_request() {
    let it = Running::start("", &["logs"]).await;
    let path = "POST /services/collector/raw?host=h%201&source=s+t&time=1718000000";
    assert_eq!(it.ask(path, b"one\r\ntwo\n\nlast").await, SUCCESS);
    let got = it.received().remove(0);
    let group = &got["resourceLogs"][0];
    assert_eq!(
        group["resource"]["attributes"],
        json!([text("host.name", "h 1"), text("com.splunk.source", "s t")])
    );
    let records = group["scopeLogs"][0]["logRecords"].as_array().unwrap();
    let bodies: Vec<&str> =
        records.iter().map(|it| it["body"]["stringValue"].as_str().unwrap()).collect();
    assert_eq!(bodies, ["one", "two", "", "last"]);
    assert_eq!(records[3]["timeUnixNano"], "1718000000000000000");
    let wrong = "POST /services/collector/raw?time=-1";
    assert_eq!(it.ask(wrong, b"x").await, r#"400 {"text":"Invalid data format","code":6}"#);
    it.stop().await;
    let it = Running::start("splitting: none\nraw_path: /raw", &["logs"]).await;
    assert_eq!(it.ask("POST /raw", b"one\ntwo").await, SUCCESS);
    assert_eq!(it.sink.items(), 1);
    it.stop().await;
}

#[tokio::test]
async fn a_token_is_passed_on_where_it_is_asked_for() {
    for (section, want) in [
        ("access_token_passthrough: true", json!([text("com.splunk.hec.access_token", "secret")])),
        ("", json!(null)),
    ] {
        let it = Running::start(section, &["logs"]).await;
        let head = "POST /services/collector/event\nAuthorization: Splunk secret\r\n";
        assert_eq!(it.ask(head, br#"{"event": "a"}"#).await, SUCCESS);
        assert_eq!(it.received()[0]["resourceLogs"][0]["resource"]["attributes"], want);
        it.stop().await;
    }
}

#[tokio::test]
async fn a_channel_has_to_be_a_uuid() {
    let it = Running::start("", &["logs"]).await;
    let event = br#"{"event": "a"}"#;
    let id = "00112233-4455-6677-8899-AABBCCDDEEFF";
    let header = |it: &str| format!("POST /\nX-Splunk-Request-Channel: {it}\r\n");
    assert_eq!(it.ask(&header(id), event).await, SUCCESS);
    assert_eq!(it.ask(&format!("POST /?Channel={id}"), event).await, SUCCESS);
    let bad = r#"400 {"text": "Invalid data channel", "code": 11}"#;
    assert_eq!(it.ask(&header("x"), event).await, bad);
    assert_eq!(
        it.ask("POST /?channel=", event).await,
        r#"400 {"text": "Data channel is missing","code":10}"#
    );
    it.stop().await;
}

#[tokio::test]
async fn it_says_that_it_is_healthy() {
    let it = Running::start("", &["logs"]).await;
    let want = r#"200 {"text": "HEC is healthy", "code": 17}"#;
    assert_eq!(it.ask("GET /services/collector/health", b"").await, want);
    assert_eq!(it.ask("GET /services/collector/health/1.0", b"").await, want);
    it.stop().await;
}

#[tokio::test]
async fn the_client_gets_the_answer_of_the_pipelines() {
    let it = Running::start("", &["logs"]).await;
    it.sink.script([Answer::retryable("later"), Answer::permanent("never")]);
    for _ in 0..2 {
        assert_eq!(it.post(r#"{"event": "a"}"#).await, r#"500 "Internal Server Error""#);
    }
    assert_eq!(it.post(r#"{"event": "a"}"#).await, SUCCESS);
    it.stop().await;
}
