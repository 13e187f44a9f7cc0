use std::time::Duration;

use componenttest::{TestHost, captured, config, exporter_settings, problems};
use pdata::Limits;

use super::*;

componenttest::conformance!(exporter Debug);

const LOGS: &str = r#"{"resourceLogs": [
  {"schemaUrl": "http://s", "resource": {"attributes": [
     {"key": "service.name", "value": {"stringValue": "cart"}},
     {"key": "replicas", "value": {"intValue": "3"}}]},
   "scopeLogs": [{"scope": {"name": "lib", "version": "1"}, "logRecords": [
     {"timeUnixNano": "1718000000000001000", "severityNumber": 18, "severityText": "ERROR",
      "eventName": "paid", "body": {"kvlistValue": {"values": [
         {"key": "n", "value": {"doubleValue": 0.5}}, {"key": "k", "value": {"stringValue": "<"}}]}},
      "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "flags": 1,
      "attributes": [{"key": "tags", "value": {"arrayValue": {"values": [
         {"boolValue": true}, {}, {"bytesValue": "AQI="}]}}}]},
     {}]}]}]}"#;

const TRACES: &str = r#"{"resourceSpans": [{"scopeSpans": [{"scope": {}, "spans": [
  {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "x",
   "kind": 2, "traceState": "a=1", "startTimeUnixNano": "1544712660000000000",
   "endTimeUnixNano": "1544712661000000000", "status": {"code": 2, "message": "boom"},
   "attributes": [{"key": "i", "value": {"intValue": "5"}}],
   "events": [{"name": "e", "timeUnixNano": "5",
      "attributes": [{"key": "a", "value": {"stringValue": "b"}}]}],
   "links": [{"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"}]}]}]}]}"#;

const METRICS: &str = r#"{"resourceMetrics": [{"scopeMetrics": [{"scope": {"name": "m"}, "metrics": [
  {"name": "g", "unit": "By", "gauge": {"dataPoints": [{"asDouble": 20.5,
     "attributes": [{"key": "p", "value": {"stringValue": "a"}}],
     "exemplars": [{"asInt": "7", "timeUnixNano": "1"}]}]}},
  {"name": "s", "sum": {"isMonotonic": true, "aggregationTemporality": 2,
     "dataPoints": [{"asInt": "7"}]}},
  {"name": "h", "histogram": {"aggregationTemporality": 1, "dataPoints": [
     {"count": "3", "sum": 4.5, "min": 1, "explicitBounds": [1], "bucketCounts": ["1", "2"]}]}},
  {"name": "e", "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [
     {"count": "6", "scale": 1, "zeroCount": "3",
      "positive": {"offset": 1, "bucketCounts": ["1"]},
      "negative": {"offset": -1, "bucketCounts": ["1", "1"]}}]}},
  {"name": "q", "summary": {"dataPoints": [{"count": "4", "sum": 10,
     "quantileValues": [{"quantile": 0.5, "value": 2}]}]}}]}]}]}"#;

fn read(signal: Signal, text: &str) -> Data {
    Data::from_json(signal, text.as_bytes(), &Limits::default()).unwrap()
}

#[track_caller]
fn check(signal: Signal, text: &str, verbosity: Verbosity, want: &str) {
    let got = body(&read(signal, text), verbosity).unwrap();
    let (got, want): (Vec<_>, Vec<_>) = (got.lines().collect(), want.lines().collect());
    assert_eq!(got, want);
}

#[test]
fn normal_is_one_line_per_item() {
    let want = "ResourceLog #0 [http://s] service.name=cart replicas=3\nScopeLog #0 lib@1\n\
                {\"k\":\"\\u003c\",\"n\":0.5} tags=[true,null,\"AQI=\"]\n \n";
    check(Signal::Logs, LOGS, Verbosity::Normal, want);
    let want = "ResourceTraces #0\nScopeTraces #0\n\
                x 5b8efff798038103d269b633813fc60c eee19b7ec3c1b174 i=5\n";
    check(Signal::Traces, TRACES, Verbosity::Normal, want);
    let want = "ResourceMetrics #0\nScopeMetrics #0 m\ng{p=a} 20.5\ns{} 7\n\
                h{} count=3 sum=4.5 min=1 le1=1 2\n\
                e{} count=6 le-1=1 le-0.7071067811865476=1 zero=3 le2=1\n\
                q{} count=4 sum=10.000000 q0.5=2\n";
    check(Signal::Metrics, METRICS, Verbosity::Normal, want);
}

#[test]
fn detailed_logs_show_everything() {
    let want = "ResourceLog #0
Resource SchemaURL: http://s
Resource attributes:
     -> service.name: Str(cart)
     -> replicas: Int(3)
ScopeLogs #0
ScopeLogs SchemaURL: 
InstrumentationScope lib 1
LogRecord #0
ObservedTimestamp: 1970-01-01 00:00:00 +0000 UTC
Timestamp: 2024-06-10 06:13:20.000001 +0000 UTC
SeverityText: ERROR
SeverityNumber: Error2(18)
EventName: paid
Body: Map({\"k\":\"\\u003c\",\"n\":0.5})
Attributes:
     -> tags: Slice([true,null,\"AQI=\"])
Trace ID: 5b8efff798038103d269b633813fc60c
Span ID: eee19b7ec3c1b174
Flags: 1
LogRecord #1
ObservedTimestamp: 1970-01-01 00:00:00 +0000 UTC
Timestamp: 1970-01-01 00:00:00 +0000 UTC
SeverityText: 
SeverityNumber: Unspecified(0)
Body: Empty()
Trace ID: 
Span ID: 
Flags: 0
";
    check(Signal::Logs, LOGS, Verbosity::Detailed, want);
}

#[test]
fn detailed_traces_show_everything() {
    let want = "ResourceSpans #0
Resource SchemaURL: 
ScopeSpans #0
ScopeSpans SchemaURL: 
InstrumentationScope  
Span #0
    Trace ID       : 5b8efff798038103d269b633813fc60c
    Parent ID      : 
    ID             : eee19b7ec3c1b174
    Name           : x
    Kind           : Server
    TraceState     : a=1
    Start time     : 2018-12-13 14:51:00 +0000 UTC
    End time       : 2018-12-13 14:51:01 +0000 UTC
    Status code    : Error
    Status message : boom
    DroppedAttributesCount: 0
    DroppedEventsCount: 0
    DroppedLinksCount: 0
Attributes:
     -> i: Int(5)
Events:
SpanEvent #0
     -> Name: e
     -> Timestamp: 1970-01-01 00:00:00.000000005 +0000 UTC
     -> DroppedAttributesCount: 0
     -> Attributes::
          -> a: Str(b)
Links:
SpanLink #0
     -> Trace ID: 5b8efff798038103d269b633813fc60c
     -> ID: eee19b7ec3c1b174
     -> TraceState: 
     -> DroppedAttributesCount: 0
";
    check(Signal::Traces, TRACES, Verbosity::Detailed, want);
}

#[test]
fn detailed_metrics_show_every_kind() {
    let got = body(&read(Signal::Metrics, METRICS), Verbosity::Detailed).unwrap();
    let zero = "StartTimestamp: 1970-01-01 00:00:00 +0000 UTC
Timestamp: 1970-01-01 00:00:00 +0000 UTC";
    let parts = [
        format!(
            "     -> Unit: By\n     -> DataType: Gauge\nNumberDataPoints #0\n\
             Data point attributes:\n     -> p: Str(a)\n{zero}\nValue: 20.500000\nExemplars:\n\
             Exemplar #0\n     -> Trace ID: \n     -> Span ID: \n     -> Timestamp: \
             1970-01-01 00:00:00.000000001 +0000 UTC\n     -> Value: 7\n"
        ),
        format!(
            "     -> DataType: Sum\n     -> IsMonotonic: true\n     -> AggregationTemporality: \
             Cumulative\nNumberDataPoints #0\n{zero}\nValue: 7\n"
        ),
        format!(
            "     -> DataType: Histogram\n     -> AggregationTemporality: Delta\n\
             HistogramDataPoints #0\n{zero}\nCount: 3\nSum: 4.500000\nMin: 1.000000\n\
             ExplicitBounds #0: 1.000000\nBuckets #0, Count: 1\nBuckets #1, Count: 2\n"
        ),
        format!(
            "ExponentialHistogramDataPoints #0\n{zero}\nCount: 6\n\
             Bucket [-1.414214, -1.000000), Count: 1\nBucket [-1.000000, -0.707107), Count: 1\n\
             Bucket [0, 0], Count: 3\nBucket (1.414214, 2.000000], Count: 1\n"
        ),
        format!(
            "SummaryDataPoints #0\n{zero}\nCount: 4\nSum: 10.000000\n\
             QuantileValue #0: Quantile 0.500000, Value 2.000000\n"
        ),
    ];
    for part in parts {
        assert!(got.contains(&part), "{part}\nis not in\n{got}");
    }
}

async fn write(section: &str, data: Data) {
    let host = TestHost::new();
    let settings = exporter_settings("debug", data.signal());
    let exporter = Arc::new(Debug::create(settings, config(section)).unwrap());
    Arc::clone(&exporter).start(&host).await.unwrap();
    exporter.consume(&Context::default(), data).await.unwrap();
    host.shutdown(&*exporter, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_console_of_its_own_gets_counts_and_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let section = |verbosity: &str| {
        format!(
            r#"{{"use_internal_logger": false, "verbosity": "{verbosity}", "output_paths": ["{}"]}}"#,
            path.display()
        )
    };
    write(&section("basic"), read(Signal::Logs, LOGS)).await;
    write(&section("normal"), read(Signal::Traces, TRACES)).await;
    write(&section("basic"), read(Signal::Metrics, METRICS)).await;
    let want = "Logs\t{\"resource logs\": 1, \"log records\": 2}\n\
                Traces\t{\"resource spans\": 1, \"spans\": 1}\n\
                ResourceTraces #0\nScopeTraces #0\n\
                x 5b8efff798038103d269b633813fc60c eee19b7ec3c1b174 i=5\n\n\
                Metrics\t{\"resource metrics\": 1, \"metrics\": 5, \"data points\": 5}\n";
    assert_eq!(std::fs::read_to_string(path).unwrap(), want);
}

#[test]
fn the_collectors_logger_gets_fields_and_text() {
    let ((), lines) = captured(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(write(r#"{"verbosity": "normal"}"#, read(Signal::Logs, LOGS)));
    });
    let first = lines.iter().find(|it| it.message == "Logs").unwrap();
    assert_eq!(first.field("log records"), Some("2"));
    assert!(lines.iter().any(|it| it.message.starts_with("ResourceLog #0 [http://s]")));
}

#[tokio::test]
async fn a_path_that_cannot_be_opened_fails_the_start() {
    let section = r#"{"use_internal_logger": false, "output_paths": ["/nowhere/x"]}"#;
    let exporter =
        Debug::create(exporter_settings("debug", Signal::Logs), config(section)).unwrap();
    let error = Arc::new(exporter).start(&TestHost::new()).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot open \"/nowhere/x\" of output_paths"), "{error}");
}

#[test]
fn mistakes_are_named_in_the_collectors_words() {
    let check = |section: &str, want: &str| {
        let found = problems::<Config>(section);
        assert!(found.len() == 1 && found[0].ends_with(want), "{found:?}");
    };
    check(r#"{"verbosity": "LouD"}"#, "unknown metrics level \"loud\"");
    check(r#"{"verbosity": "none"}"#, "verbosity level \"None\" is not supported");
    check(
        r#"{"output_paths": ["stdout"]}"#,
        "output_paths is not supported when use_internal_logger is true",
    );
    check(
        r#"{"use_internal_logger": false, "output_paths": []}"#,
        "output_paths must not be empty when use_internal_logger is false",
    );
}

/// Three calls that are given up while the console takes nothing; then another part of the program blocks for a moment, in a
/// program that has 2 threads for that.
#[test]
fn a_console_that_stands_still_costs_one_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .build()
        .unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    runtime.block_on(async {
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
        let section = format!(
            r#"{{"use_internal_logger": false, "verbosity": "detailed", "output_paths": ["{path}"]}}"#
        );
        let exporter = Arc::new(
            Debug::create(exporter_settings("debug", Signal::Logs), config(&section)).unwrap(),
        );
        Arc::clone(&exporter).start(&TestHost::new()).await.unwrap();
        let (ctx, data) = (Context::default(), componenttest::data(Signal::Logs, 5_000));
        for _ in 0..3 {
            let call = exporter.consume(&ctx, data.clone());
            tokio::time::timeout(Duration::from_millis(50), call).await.unwrap_err();
        }
        let other = tokio::task::spawn_blocking(|| 1);
        let other = tokio::time::timeout(Duration::from_secs(30), other).await;
        assert_eq!(other.expect("no thread is left").unwrap(), 1);
        exporter.shutdown().await.unwrap();
    });
    drop(reader);
    runtime.shutdown_background();
}
