//! Events as Splunk gets them. The server of these tests checks each request against HEC's published protocol.

use std::time::Duration;

use component::Component as _;
use componenttest::{
    HttpServer, Reply, Request, TestHost, config, exporter_settings, metric, problems, warnings,
};
use compression::decompress;
use pdata::Limits as PdataLimits;
use pdata::{Logs, Metrics, Traces};
use serde_json::{Value, json};

use super::*;

componenttest::conformance!(exporter SplunkHec, "{endpoint: 'http://127.0.0.1:1', token: t}");

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = config(include_str!("../testdata/config.yaml"));
}

#[test]
fn sections_that_make_no_sense_are_refused_in_the_words_of_upstream() {
    for (section, want) in [
        ("{token: t}", r#"requires a non-empty "endpoint""#),
        ("{endpoint: 'http://127.0.0.1:1'}", r#"requires a non-empty "token""#),
        (
            "{endpoint: 'http://127.0.0.1:1', token: t, log_data_enabled: false, profiling_data_enabled: false}",
            r#"either "log_data_enabled" or "profiling_data_enabled" has to be true"#,
        ),
        (
            "{endpoint: 'http://127.0.0.1:1', token: t, max_content_length_logs: 838860801}",
            r#"requires "max_content_length_logs" <= 838860800"#,
        ),
        (
            "{endpoint: 'http://127.0.0.1:1', token: t, max_event_size: 838860801}",
            r#"requires "max_event_size" <= 838860800"#,
        ),
    ] {
        assert_eq!(problems::<Config>(section), [want], "{section}");
    }
    let section = "{endpoint: 'http://127.0.0.1:1', token: t, compression: zstd, \
                   hec_metadata_to_otel_attrs: {index: i}, telemetry: {override_metrics_names: {a: b}}}";
    assert_eq!(warnings::<Config>(section).len(), 3);
    let section = "{endpoint: 'http://127.0.0.1:1', token: t, log_data_enabled: false, heartbeat: {interval: 1s}}";
    let want = "heartbeat has no effect: heartbeats are logs, and log_data_enabled is false";
    assert_eq!(warnings::<Config>(section), [want]);
}

#[test]
fn an_endpoint_without_a_path_gets_that_of_events() {
    for (endpoint, want) in [
        ("https://splunk:8088", "https://splunk:8088/services/collector"),
        ("https://splunk:8088/", "https://splunk:8088/services/collector"),
        ("https://splunk/services/collector/raw", "https://splunk/services/collector/raw"),
    ] {
        let config: Config = config(&format!("{{endpoint: '{endpoint}', token: t}}"));
        assert_eq!(config.url().unwrap(), want);
    }
}

/// A running exporter and what it sends to.
struct Running {
    host: TestHost,
    server: HttpServer,
    exporter: Arc<SplunkHec>,
    settings: ExporterSettings,
}

impl Running {
    async fn start(signal: Signal, section: &str) -> Self {
        Self::try_start(HttpServer::start(), signal, section).await.unwrap()
    }

    async fn try_start(
        server: HttpServer,
        signal: Signal,
        section: &str,
    ) -> Result<Self, BoxError> {
        let host = TestHost::new();
        let settings = exporter_settings("splunk_hec", signal);
        let retry =
            "retry_on_failure: {initial_interval: 1ms, max_interval: 1ms, randomization_factor: 0}";
        let own = format!("endpoint: {}\ntoken: t\n{retry}\n{section}", server.url(""));
        let exporter = Arc::new(SplunkHec::create(settings.clone(), config(&own)).unwrap());
        Arc::clone(&exporter).start(&host).await?;
        Ok(Self { host, server, exporter, settings })
    }

    async fn send(&self, data: impl Into<Data>) -> Result<(), ConsumeError> {
        self.exporter.consume(&Context::default(), data.into()).await
    }

    /// The requests so far, each checked.
    fn events(&self) -> Vec<Vec<Value>> {
        self.server.requests().iter().map(checked).collect()
    }

    fn dropped(&self, reason: &str) -> Option<f64> {
        let labels = [("exporter", "splunk_hec"), ("reason", reason)];
        metric(&self.settings.meter, "sluice_exporter_dropped_items", &labels)
    }

    fn lost(&self, reason: &str) -> Option<f64> {
        metric(&self.settings.meter, "sluice_lost_total", &[("reason", reason)])
    }

    async fn stop(self) {
        self.host.shutdown(&*self.exporter, Duration::from_secs(5)).await;
    }
}

fn body(request: &Request) -> Vec<u8> {
    match request.header("content-encoding") {
        "gzip" => decompress(Encoding::Gzip, &request.body, 1 << 30).unwrap().to_vec(),
        "" => request.body.clone(),
        other => panic!("Splunk knows no {other}"),
    }
}

/// The events of a request as HEC takes it.
fn checked(request: &Request) -> Vec<Value> {
    assert_eq!(request.line, "POST /services/collector HTTP/1.1");
    assert!(request.header("authorization").starts_with("Splunk "));
    assert_eq!(request.header("content-type"), "application/json");
    let body = body(request);
    let events = serde_json::Deserializer::from_slice(&body).into_iter::<Value>();
    let events: Vec<Value> = events.map(Result::unwrap).collect();
    let known = ["event", "fields", "host", "source", "sourcetype", "index", "time"];
    for event in &events {
        for (key, value) in event.as_object().unwrap() {
            assert!(known.contains(&key.as_str()), "{event}");
            match key.as_str() {
                "event" => assert!(!value.is_null() && *value != "", "{event}"),
                "time" => assert!(value.as_f64().is_some_and(|it| it > 0.0), "{event}"),
                "fields" => assert!(value.as_object().unwrap().values().all(is_flat), "{event}"),
                _ => assert!(value.is_string(), "{event}"),
            }
        }
        assert!(event.get("event").is_some(), "{event}");
    }
    assert!(!events.is_empty(), "HEC answers a request without events with code 5");
    events
}

fn is_flat(field: &Value) -> bool {
    let nested = |it: &Value| it.is_object() || it.is_array();
    !field.is_object() && !field.as_array().is_some_and(|it| it.iter().any(nested))
}

fn attribute(key: &str, value: Value) -> Value {
    json!({"key": key, "value": value})
}

fn text(key: &str, value: &str) -> Value {
    attribute(key, json!({"stringValue": value}))
}

fn logs_of(resources: &[(Value, &str, Value)]) -> Logs {
    let one = |(attributes, scope, records): &(Value, &str, Value)| {
        json!({"resource": {"attributes": attributes},
            "scopeLogs": [{"scope": {"name": scope}, "logRecords": records}]})
    };
    let all: Vec<Value> = resources.iter().map(one).collect();
    let request = json!({"resourceLogs": all}).to_string();
    Logs::from_json(request.as_bytes(), &PdataLimits::default()).unwrap()
}

fn logs(records: Value) -> Logs {
    logs_of(&[(json!([]), "", records)])
}

fn bodies(texts: &[&str]) -> Value {
    texts.iter().map(|it| json!({"body": {"stringValue": it}})).collect()
}

fn metrics(metrics: &Value) -> Metrics {
    let resource = json!({"attributes": [text("host.name", "h"), text("r", "1")]});
    let all = json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]});
    Metrics::from_json(all.to_string().as_bytes(), &PdataLimits::default()).unwrap()
}

#[tokio::test]
async fn a_log_record_is_an_event_with_metadata_and_flat_fields() {
    let section =
        "source: s\nsourcetype: st\nindex: i\nsplunk_app_name: app\nsplunk_app_version: '7'";
    let it = Running::start(Signal::Logs, section).await;
    let resource = json!([
        text("host.name", "h"),
        text("com.splunk.sourcetype", "own"),
        text("env", "resource"),
        text("r", "1"),
    ]);
    let list = |items: Value| json!({"arrayValue": {"values": items}});
    let map = |items: Value| json!({"kvlistValue": {"values": items}});
    let int = |it: i64| json!({"intValue": it.to_string()});
    let record = json!({
        "timeUnixNano": "1718000000123456789", "severityNumber": 9, "severityText": "INFO",
        "traceId": "01020304050607080910111213141516", "spanId": "0102030405060708",
        "body": map(json!([text("msg", "hello"), attribute("n", int(5))])),
        "attributes": [text("com.splunk.index", "other"), text("env", "record"),
            attribute("b", json!({"boolValue": true})), attribute("d", json!({"doubleValue": 1.5})),
            attribute("nan", json!({"doubleValue": "NaN"})),
            attribute("flat", list(json!([int(1), {"stringValue": "x"}]))),
            attribute("deep", list(json!([list(json!([int(1)]))]))),
            attribute("m", map(json!([text("k", "v"), attribute("n", map(json!([text("o", "p")])))])))],
    });
    let only_observed =
        json!({"observedTimeUnixNano": "1718000000000000000", "body": {"stringValue": "x"}});
    it.send(logs_of(&[(resource, "", json!([record, only_observed]))])).await.unwrap();
    let events = it.events().remove(0);
    assert_eq!(
        events[0],
        json!({
            "event": {"msg": "hello", "n": 5},
            "fields": {
                "env": "record", "r": "1", "b": true, "d": 1.5, "nan": "NaN", "flat": [1, "x"], "deep": "[[1]]",
                "m.k": "v", "m.n.o": "p",
                "otel.log.severity.number": 9, "otel.log.severity.text": "INFO",
                "trace_id": "01020304050607080910111213141516", "span_id": "0102030405060708",
            },
            "host": "h", "source": "s", "sourcetype": "own", "index": "other", "time": 1_718_000_000.123_456_7,
        })
    );
    assert_eq!(
        events[1],
        json!({"event": "x", "fields": {"env": "resource", "r": "1"}, "host": "h", "source": "s",
            "sourcetype": "own", "index": "i", "time": 1_718_000_000})
    );
    let request = it.server.requests().remove(0);
    assert!(String::from_utf8(body(&request)).unwrap().contains(r#""time":1718000000.123456789}"#));
    assert_eq!(request.header("authorization"), "Splunk t");
    assert_eq!(request.header("user-agent"), "app/7");
    assert_eq!(request.header("__splunk_app_name"), "app");
    assert_eq!(request.header("__splunk_app_version"), "7");
    it.stop().await;
}

#[tokio::test]
async fn names_of_metadata_and_severity_are_configurable_and_the_deprecated_key_holds() {
    let section = "otel_attrs_to_hec_metadata: {source: so}\n\
                   hec_metadata_to_otel_attrs: {source: old, index: ix}\n\
                   otel_to_hec_fields: {severity_text: level, severity_number: n}";
    let it = Running::start(Signal::Logs, section).await;
    let record = json!({"body": {"stringValue": "x"}, "severityText": "warn", "severityNumber": 13,
        "attributes": [text("so", "a"), text("ix", "b"), text("old", "c")]});
    it.send(logs(json!([record]))).await.unwrap();
    let want = json!({"event": "x", "fields": {"level": "warn", "n": 13, "old": "c"}, "host": "unknown",
        "source": "a", "index": "b"});
    assert_eq!(it.events(), [[want]]);
    it.stop().await;
}

#[tokio::test]
async fn a_record_without_a_body_is_left_out_and_counted() {
    let it = Running::start(Signal::Logs, "").await;
    it.send(logs(json!([{}, {"body": {"stringValue": ""}}, {"body": {"intValue": "7"}}])))
        .await
        .unwrap();
    assert_eq!(it.events(), [[json!({"event": 7, "host": "unknown"})]]);
    assert_eq!(it.dropped("no_body"), Some(2.0));
    // Nothing is left of it.
    it.send(logs(json!([{}]))).await.unwrap();
    assert_eq!(it.server.requests().len(), 1);
    it.stop().await;
}

#[tokio::test]
async fn raw_events_are_bodies_one_a_line() {
    let it = Running::start(Signal::Logs, "export_raw: true\ndisable_compression: true").await;
    it.send(logs(json!([{"body": {"stringValue": "a"}}, {"body": {"intValue": "7"}}])))
        .await
        .unwrap();
    assert_eq!(it.server.requests()[0].body, b"a\n7\n");
    it.stop().await;
}

#[tokio::test]
async fn a_span_is_an_event_with_all_that_it_has() {
    let it = Running::start(Signal::Traces, "").await;
    let span = json!({
        "traceId": "01020304050607080910111213141516", "spanId": "0102030405060708", "name": "GET /", "kind": 2,
        "startTimeUnixNano": "1718000000500000000", "endTimeUnixNano": "1718000001000000000",
        "status": {"code": 2, "message": "bad"}, "attributes": [attribute("code", json!({"intValue": "500"}))],
        "events": [{"timeUnixNano": "5", "name": "e", "attributes": [text("k", "v")]}],
        "links": [{"traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708", "traceState": "s=1"}],
    });
    let resource =
        json!({"attributes": [text("host.name", "h"), attribute("n", json!({"intValue": "3"}))]});
    let request = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span, {"name": "x"}]}]}]});
    let traces =
        Traces::from_json(request.to_string().as_bytes(), &PdataLimits::default()).unwrap();
    it.send(traces).await.unwrap();
    let span = json!({
        "trace_id": "01020304050607080910111213141516", "span_id": "0102030405060708", "parent_span_id": "",
        "name": "GET /", "attributes": {"code": 500}, "end_time": 1_718_000_001_000_000_000_u64,
        "kind": "SPAN_KIND_SERVER", "status": {"message": "bad", "code": "STATUS_CODE_ERROR"},
        "start_time": 1_718_000_000_500_000_000_u64,
        "events": [{"attributes": {"k": "v"}, "name": "e", "timestamp": 5}],
        "links": [{"trace_id": "0102030405060708090a0b0c0d0e0f10", "span_id": "0102030405060708", "trace_state": "s=1"}],
    });
    let events = it.events().remove(0);
    assert_eq!(
        events[0],
        json!({"event": span, "fields": {"n": "3"}, "host": "h", "time": 1_718_000_000.5})
    );
    let empty = json!({"trace_id": "", "span_id": "", "parent_span_id": "", "name": "x", "end_time": 0,
        "kind": "SPAN_KIND_UNSPECIFIED", "status": {"message": "", "code": "STATUS_CODE_UNSET"}, "start_time": 0});
    assert_eq!(events[1], json!({"event": empty, "fields": {"n": "3"}, "host": "h"}));
    it.stop().await;
}

/// Points of all kinds.
fn all_kinds() -> Value {
    let of = |more: Value| {
        let mut point = json!({"timeUnixNano": "2000000000", "attributes": [attribute("a", json!({"intValue": "1"}))]});
        point.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"dataPoints": [point], "aggregationTemporality": 2})
    };
    json!([
        {"name": "g", "gauge": of(json!({"asInt": "7"}))},
        {"name": "f", "gauge": of(json!({"asDouble": "NaN"}))},
        {"name": "s", "sum": of(json!({"asDouble": 1.5}))},
        {"name": "h", "histogram": of(json!({"count": "3", "sum": 4.5, "explicitBounds": [1.0, 2.5], "bucketCounts": ["1", "1", "1"]}))},
        {"name": "q", "summary": of(json!({"count": "3", "sum": 4.5, "quantileValues": [{"quantile": 0.99, "value": 5.0}]}))},
        {"name": "e", "exponentialHistogram": of(json!({"count": "3"}))},
        {"name": "n", "gauge": of(json!({}))},
    ])
}

#[tokio::test]
async fn each_value_of_a_point_is_an_event() {
    let it = Running::start(Signal::Metrics, "").await;
    it.send(metrics(&all_kinds())).await.unwrap();
    let event = |metric_type: &str, name: &str, value: Value, more: Value| {
        let mut fields = json!({"r": "1", "a": "1", "metric_type": metric_type, name: value});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"event": "metric", "fields": fields, "host": "h", "time": 2})
    };
    let want = [
        event("Gauge", "metric_name:g", json!(7), json!({})),
        event("Gauge", "metric_name:f", json!("NaN"), json!({})),
        event("Sum", "metric_name:s", json!(1.5), json!({})),
        event("Histogram", "metric_name:h_sum", json!(4.5), json!({})),
        event("Histogram", "metric_name:h_count", json!(3), json!({})),
        event("Histogram", "metric_name:h_bucket", json!(1), json!({"le": "1"})),
        event("Histogram", "metric_name:h_bucket", json!(2), json!({"le": "2.5"})),
        event("Histogram", "metric_name:h_bucket", json!(3), json!({"le": "+Inf"})),
        event("Summary", "metric_name:q_sum", json!(4.5), json!({})),
        event("Summary", "metric_name:q_count", json!(3), json!({})),
        event("Summary", "metric_name:q_0.99", json!(5.0), json!({"qt": "0.99"})),
    ];
    assert_eq!(it.events(), [want]);
    assert_eq!(
        (it.dropped("exponential_histogram"), it.dropped("no_value")),
        (Some(1.0), Some(1.0))
    );
    it.stop().await;
}

#[tokio::test]
async fn values_that_have_the_rest_in_common_may_share_an_event() {
    let it = Running::start(Signal::Metrics, "use_multi_metric_format: true").await;
    it.send(metrics(&all_kinds())).await.unwrap();
    let events = it.events().remove(0);
    let fields: Vec<&Value> = events.iter().map(|it| &it["fields"]).collect();
    assert_eq!(
        *fields[0],
        json!({"r": "1", "a": "1", "metric_type": "Gauge", "metric_name:g": 7, "metric_name:f": "NaN"})
    );
    assert_eq!(
        *fields[2],
        json!({"r": "1", "a": "1", "metric_type": "Histogram", "metric_name:h_sum": 4.5, "metric_name:h_count": 3})
    );
    // Gauges, the sum, the histogram and its three buckets, the summary and its quantile.
    assert_eq!(fields.len(), 8);
    it.stop().await;
}

#[tokio::test]
async fn a_batch_becomes_requests_of_limited_size() {
    let it = Running::start(Signal::Logs, "max_content_length_logs: 70").await;
    it.send(logs(bodies(&["a", "b", "c", "d"]))).await.unwrap();
    let sizes: Vec<usize> = it.events().iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 2], "an event has 30 bytes");
    it.stop().await;
    let it = Running::start(Signal::Logs, "max_content_length_logs: 0").await;
    it.send(logs(bodies(&["a"; 1000]))).await.unwrap();
    assert_eq!(it.events().len(), 1);
    it.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_counted_and_the_others_go() {
    let long = "x".repeat(2000);
    let section = "max_content_length_logs: 300\nmax_event_size: 2100";
    let it = Running::start(Signal::Logs, section).await;
    it.send(logs(bodies(&["a", &"y".repeat(3000), &long]))).await.unwrap();
    assert_eq!(it.dropped("event_size"), Some(1.0));
    assert_eq!(it.events().len(), 2, "compressed the long one is small");
    it.stop().await;
    let it = Running::start(Signal::Logs, &format!("{section}\ndisable_compression: true")).await;
    it.send(logs(bodies(&["a", &long]))).await.unwrap();
    assert_eq!(it.events(), [[json!({"event": "a", "host": "unknown"})]]);
    assert_eq!(it.lost("oversize"), Some(1.0));
    it.stop().await;
}

#[tokio::test]
async fn tokens_and_profiles_have_requests_of_their_own() {
    let it = Running::start(Signal::Logs, "").await;
    let token = json!([text("com.splunk.hec.access_token", "own")]);
    let data = logs_of(&[
        (json!([]), "", bodies(&["a"])),
        (token.clone(), "", bodies(&["b"])),
        (json!([]), "otel.profiling", bodies(&["c"])),
        (token, "", bodies(&["d"])),
    ]);
    it.send(data).await.unwrap();
    let seen: Vec<(String, String, Vec<Value>)> = it
        .server
        .requests()
        .iter()
        .map(|request| {
            let header = |name: &str| request.header(name).to_owned();
            let events = checked(request).into_iter().map(|it| it["event"].clone()).collect();
            (header("authorization"), header("x-splunk-instrumentation-library"), events)
        })
        .collect();
    let want = |token: &str, library: &str, events: Value| {
        (token.to_owned(), library.to_owned(), events.as_array().unwrap().clone())
    };
    assert_eq!(
        seen,
        [
            want("Splunk t", "", json!(["a"])),
            want("Splunk t", "otel.profiling", json!(["c"])),
            want("Splunk own", "", json!(["b", "d"])),
        ]
    );
    it.stop().await;
    for (section, left) in
        [("log_data_enabled: false", "c"), ("profiling_data_enabled: false", "a")]
    {
        let it = Running::start(Signal::Logs, section).await;
        let both = [(json!([]), "", bodies(&["a"])), (json!([]), "otel.profiling", bodies(&["c"]))];
        it.send(logs_of(&both)).await.unwrap();
        assert_eq!(it.events(), [[json!({"event": left, "host": "unknown"})]]);
        it.stop().await;
    }
}

#[tokio::test]
async fn answers_say_whether_another_attempt_can_help() {
    let it = Running::start(Signal::Logs, "").await;
    let answers = [
        ("400 Bad Request", None, true),
        ("401 Unauthorized", None, true),
        ("403 Forbidden", None, false),
        ("413 Payload Too Large", None, true),
        ("429 Too Many Requests", Some(7), false),
        ("500 Internal Server Error", None, false),
        ("503 Service Unavailable", Some(9), false),
    ];
    for (status, wait, is_permanent) in answers {
        let mut reply = Reply::new(status, r#"{"text":"why","code":9}"#);
        if let Some(seconds) = wait {
            reply = reply.with("Retry-After", seconds.to_string());
        }
        it.server.script([reply]);
        let error = it.send(logs(bodies(&["a"]))).await.unwrap_err();
        assert_eq!(error.is_permanent(), is_permanent, "{status}");
        assert_eq!(error.retry_after(), wait.map(Duration::from_secs), "{status}");
        assert_eq!(error.is_too_large(), status.starts_with("413"));
        let (code, name) = status.split_once(' ').unwrap();
        let want = format!(
            "HTTP \"{}\" {code} \"{name}\": {{\"text\":\"why\",\"code\":9}}",
            it.server.url("/services/collector")
        );
        assert!(error.message().starts_with(&want), "{}", error.message());
    }
    it.stop().await;
}

#[tokio::test]
async fn what_was_taken_is_not_sent_again_for_the_rest() {
    let it = Running::start(Signal::Logs, "max_content_length_logs: 40").await;
    let ok = || Reply::new("200 OK", r#"{"text":"Success","code":0}"#);
    let busy = || Reply::new("503 Service Unavailable", "");
    it.server.script([ok(), busy(), busy(), ok()]);
    it.send(logs(bodies(&["a", "b"]))).await.unwrap();
    let sent: Vec<Value> = it.events().iter().map(|it| it[0]["event"].clone()).collect();
    assert_eq!(sent, ["a", "b", "b", "b"]);
    // Nothing was taken: who stands in front tries again.
    it.server.script([busy()]);
    assert!(!it.send(logs(bodies(&["a", "b"]))).await.unwrap_err().is_permanent());
    // What is refused for good takes nothing else with it.
    it.server.script([Reply::new("400 Bad Request", ""), ok()]);
    it.send(logs(bodies(&["a", "b"]))).await.unwrap();
    assert_eq!(it.lost("rejected_by_backend"), Some(1.0));
    it.stop().await;
}

#[tokio::test]
async fn a_request_that_splunk_finds_too_large_is_halved_where_that_helps() {
    let it = Running::start(Signal::Logs, "max_content_length_logs: 40").await;
    let ok = || Reply::new("200 OK", r#"{"text":"Success","code":0}"#);
    let too_large = || Reply::new("413 Payload Too Large", "");
    it.server.script([too_large()]);
    let error = it.send(logs(bodies(&["a", "b"]))).await.unwrap_err();
    assert!(error.is_too_large(), "who stands in front can halve: nothing was taken");
    assert_eq!(it.lost("oversize"), None);
    // What was taken would come twice.
    it.server.script([ok(), too_large()]);
    it.send(logs(bodies(&["a", "b"]))).await.unwrap();
    assert_eq!((it.lost("oversize"), it.lost("rejected_by_backend")), (Some(1.0), None));
    it.stop().await;
}

#[tokio::test]
async fn splunk_is_asked_for_its_health_at_the_start() {
    let section = "health_check_enabled: true\nhealth_path: /up";
    let it = Running::start(Signal::Logs, section).await;
    assert_eq!(it.server.requests()[0].line, "GET /up HTTP/1.1");
    it.stop().await;
    let server = HttpServer::start();
    server.script([Reply::new(
        "503 Service Unavailable",
        r#"{"text":"HEC is unhealthy","code":18}"#,
    )]);
    let want = format!(
        "splunk_hec: health check failed: HTTP \"{}\" 503 \"Service Unavailable\": {{\"text\":\"HEC is unhealthy\",\"code\":18}}",
        server.url("/up")
    );
    let error = Running::try_start(server, Signal::Logs, section).await.err().unwrap();
    assert_eq!(error.to_string(), want);
}

#[tokio::test]
async fn heartbeats_say_that_the_collector_lives() {
    let section = "heartbeat: {interval: 5ms, startup: true}\ntelemetry: {enabled: true, extra_attributes: {k: v}}";
    let it = Running::start(Signal::Metrics, section).await;
    assert_eq!(it.server.requests().len(), 1, "the first was sent at the start");
    let beats = |it: &Running| {
        let name = "otelcol_exporter_splunkhec_heartbeats_sent";
        metric(&it.settings.meter, name, &[("k", "v")]).unwrap_or_default()
    };
    while beats(&it) < 2.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let event = it.events().remove(1).remove(0);
    assert_eq!((&event["index"], &event["source"]), (&json!("_internal"), &json!("otelcol")));
    assert_eq!(event["sourcetype"], "heartbeat");
    assert!(event["event"].as_str().unwrap().starts_with("HeartbeatInfo version="), "{event}");
    it.stop().await;

    let server = HttpServer::start();
    server.script([Reply::new("401 Unauthorized", "")]);
    let error = Running::try_start(server, Signal::Logs, section).await.err().unwrap();
    assert!(error.to_string().starts_with("splunk_hec: heartbeat on startup failed: "), "{error}");
}
