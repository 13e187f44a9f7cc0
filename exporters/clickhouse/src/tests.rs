//! Telemetry as rows, and what becomes of them at a server that answers as ClickHouse's HTTP interface does.

use componenttest::{
    HttpServer, Reply, Request, TestHost, config, exporter_settings, metric, problems, warnings,
};
use pdata::Limits;
use serde_json::{Value, json};

use super::*;

componenttest::conformance!(exporter ClickHouse, "endpoint: 'http://127.0.0.1:1'");

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = config(include_str!("../testdata/config.yaml"));
}

fn dsn(section: &str) -> Result<dsn::Dsn, String> {
    config::<Config>(section).dsn()
}

#[test]
fn an_endpoint_has_many_forms() {
    let settings = "async_insert=1&date_time_input_format=best_effort&input_format_skip_unknown_fields=1&wait_for_async_insert=1";
    let of = |section: &str| dsn(section).unwrap();
    let plain = of("endpoint: http://a");
    assert_eq!(plain.urls, [format!("http://a:8123/?{settings}")]);
    assert_eq!((plain.database.as_str(), plain.note), ("default", None));
    let native =
        of("endpoint: 'tcp://a:9000,b:9000?dial_timeout=10s&compress=lz4&max_execution_time=60'");
    assert!(native.urls[1].starts_with("http://b:8123/?async_insert=1"), "{native:?}");
    assert!(
        native.urls[0].contains("max_execution_time=60") && !native.urls[0].contains("dial"),
        "{native:?}"
    );
    let note = "tcp://b:9000 is ClickHouse's native protocol, which is not spoken here: http://b:8123 is used";
    assert_eq!(native.note.as_deref(), Some(note));
    let full =
        of("{endpoint: 'clickhouse://u:p%40w@a:9440/logs?secure=true', async_insert: false}");
    assert_eq!(
        full.urls,
        ["https://a:8443/?date_time_input_format=best_effort&input_format_skip_unknown_fields=1"]
    );
    assert_eq!(
        (full.user.as_str(), full.password.as_str(), full.database.as_str()),
        ("u", "p@w", "logs")
    );
    let own = of(
        "{endpoint: 'https://u:p@a/logs?username=x', username: me, password: secret, database: otel}",
    );
    assert_eq!(
        (own.user.as_str(), own.password.as_str(), own.database.as_str()),
        ("me", "secret", "otel")
    );
    let twice = of("endpoint: tcp://a:9000,tcp://b:9000/x");
    assert_eq!((twice.urls.len(), twice.database.as_str()), (2, "x"));
}

#[test]
fn an_endpoint_that_speaks_only_the_native_protocol_is_refused_with_what_to_write() {
    let want = "a:19000 speaks ClickHouse's native protocol, which is not spoken here: write the port of its HTTP interface, \
                http://a:8123";
    assert_eq!(problems::<Config>("endpoint: tcp://a:19000"), [want]);
    assert_eq!(problems::<Config>(""), ["endpoint must be specified"]);
    assert_eq!(
        problems::<Config>("endpoint: 'u:secret@a'"),
        ["endpoint must be url format: u:secret@a"]
    );
    let found = warnings::<Config>("{endpoint: 'tcp://127.0.0.1:9000', metrics_table_name: m}");
    assert_eq!(found.len(), 2, "{found:?}");
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn data(signal: Signal, items: &Value) -> Data {
    let names = match signal {
        Signal::Logs => ["resourceLogs", "scopeLogs", "logRecords"],
        Signal::Traces => ["resourceSpans", "scopeSpans", "spans"],
        Signal::Metrics => ["resourceMetrics", "scopeMetrics", "metrics"],
    };
    let resource = json!({"attributes": [attribute("service.name", "shop")]});
    let scopes = json!([{"scope": {"name": "lib", "version": "2"}, names[2]: items}]);
    let all = json!({names[0]: [{"resource": resource, names[1]: scopes}]});
    Data::from_json(signal, all.to_string().as_bytes(), &Limits::default()).unwrap()
}

fn lines(body: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(body).unwrap();
    text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

#[test]
fn a_log_record_is_a_row() {
    let records = json!([{
        "timeUnixNano": "1705314600000000001", "severityNumber": 9, "severityText": "INFO", "flags": 1, "eventName": "e",
        "body": {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "1"}}]}},
        "traceId": "0102030405060708090a0b0c0d0e0f10",
        "attributes": [attribute("k", "v\n"), {"key": "n", "value": {"doubleValue": 0.5}}, attribute("k", "again")],
    }]);
    let Data::Logs(logs) = data(Signal::Logs, &records) else { unreachable!() };
    let want = json!({
        "Timestamp": "2024-01-15T10:30:00.000000001Z", "TraceId": "0102030405060708090a0b0c0d0e0f10", "SpanId": "",
        "TraceFlags": 1, "SeverityText": "INFO", "SeverityNumber": 9, "ServiceName": "shop", "ResourceSchemaUrl": "",
        "ResourceAttributes": {"service.name": "shop"}, "ScopeSchemaUrl": "", "ScopeName": "lib", "ScopeVersion": "2",
        "ScopeAttributes": {}, "Body": "{\"a\":1}", "LogAttributes": {"k": "v\n", "n": "0.5"}, "EventName": "e",
    });
    assert_eq!(lines(&rows::logs(&logs).body), [want]);
}

#[test]
fn a_span_is_a_row_with_lists_of_its_events_and_links() {
    let spans = json!([{
        "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708", "name": "GET", "kind": 2,
        "startTimeUnixNano": "1705314600000000000", "endTimeUnixNano": "1705314600150000000", "status": {"code": 2, "message": "bad"},
        "events": [{"timeUnixNano": "1705314600050000000", "name": "x", "attributes": [attribute("k", "v")]}],
        "links": [{"traceId": "100f0e0d0c0b0a090807060504030201", "spanId": "0807060504030201"}],
    }]);
    let Data::Traces(traces) = data(Signal::Traces, &spans) else { unreachable!() };
    let row = lines(&rows::traces(&traces).body).remove(0);
    assert_eq!(
        (&row["Duration"], &row["SpanKind"], &row["StatusCode"]),
        (&json!(150_000_000), &json!("Server"), &json!("Error"))
    );
    assert_eq!(row["Events.Timestamp"], json!(["2024-01-15T10:30:00.050000000Z"]));
    assert_eq!(
        (&row["Events.Name"], &row["Events.Attributes"]),
        (&json!(["x"]), &json!([{"k": "v"}]))
    );
    assert_eq!(row["Links.TraceId"], json!(["100f0e0d0c0b0a090807060504030201"]));
    assert_eq!(row["Links.Attributes"], json!([{}]));
}

fn some_metrics() -> Data {
    let at = "1705314600000000000";
    let exemplar = json!({"timeUnixNano": at, "asInt": "3", "spanId": "0102030405060708"});
    let metrics = json!([
        {"name": "g", "gauge": {"dataPoints": [{"timeUnixNano": at, "asDouble": "NaN"}, {"timeUnixNano": at, "asInt": "7"}]}},
        {"name": "s", "sum": {"isMonotonic": true, "aggregationTemporality": 2, "dataPoints": [{"timeUnixNano": at, "asInt": "7"}]}},
        {"name": "q", "summary": {"dataPoints": [{"timeUnixNano": at, "count": "2", "sum": 3.0, "quantileValues": [{"quantile": 0.5, "value": 1.0}]}]}},
        {"name": "h", "histogram": {"aggregationTemporality": 1, "dataPoints": [{"timeUnixNano": at, "count": "2", "sum": 3.0,
            "explicitBounds": [1.0], "bucketCounts": ["1", "1"], "exemplars": [exemplar]}]}},
        {"name": "e", "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [{"timeUnixNano": at, "count": "2", "sum": 3.0,
            "scale": 1, "zeroCount": "1", "positive": {"offset": -1, "bucketCounts": ["1"]}}]}},
    ]);
    data(Signal::Metrics, &metrics)
}

#[test]
fn each_kind_of_metric_has_its_table() {
    let Data::Metrics(metrics) = some_metrics() else { unreachable!() };
    let [gauge, sum, summary, histogram, exponential] =
        rows::metrics(&metrics).map(|it| lines(&it.body));
    assert_eq!((&gauge[0]["Value"], &gauge[1]["Value"]), (&json!("nan"), &json!(7.0)));
    assert_eq!(
        (&sum[0]["IsMonotonic"], &sum[0]["AggregationTemporality"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(summary[0]["ValueAtQuantiles.Quantile"], json!([0.5]));
    assert_eq!(
        (&histogram[0]["BucketCounts"], &histogram[0]["ExplicitBounds"]),
        (&json!([1, 1]), &json!([1.0]))
    );
    assert_eq!(
        (&histogram[0]["Exemplars.Value"], &histogram[0]["Exemplars.TraceId"]),
        (&json!([3.0]), &json!([""]))
    );
    assert_eq!(
        (&exponential[0]["PositiveOffset"], &exponential[0]["PositiveBucketCounts"]),
        (&json!(-1), &json!([1]))
    );
    assert_eq!(
        (&exponential[0]["NegativeBucketCounts"], &exponential[0]["MetricName"]),
        (&json!([]), &json!("e"))
    );
}

#[test]
fn tables_are_those_of_upstream() {
    let section: Config = config(
        "{endpoint: http://a, ttl: 72h, cluster_name: c, table_engine: {name: ReplicatedMergeTree, params: \"'/x'\"}}",
    );
    let all = schema::statements(&section, "otel", Signal::Logs);
    assert_eq!(all[0], "CREATE DATABASE IF NOT EXISTS \"otel\" ON CLUSTER \"c\"");
    let logs = &all[1];
    for part in [
        "CREATE TABLE IF NOT EXISTS \"otel\".\"otel_logs\" ON CLUSTER \"c\" (",
        "Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),",
        "LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),",
        "INDEX idx_log_attr_key mapKeys(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,",
        ") ENGINE = ReplicatedMergeTree('/x')\nPARTITION BY toDate(TimestampTime)\nORDER BY (ServiceName, TimestampTime, Timestamp)\n\
         TTL TimestampTime + toIntervalDay(3)\nSETTINGS index_granularity = 8192, ttl_only_drop_parts = 1",
    ] {
        assert!(logs.contains(part), "{part} is not in {logs}");
    }
    let section: Config = config("{endpoint: http://a, metrics_tables: {sum: {name: totals}}}");
    let all = schema::statements(&section, "default", Signal::Metrics);
    assert_eq!(all.len(), 5);
    assert!(
        all[1].starts_with("CREATE TABLE IF NOT EXISTS \"default\".\"totals\" ("),
        "{}",
        all[1]
    );
    assert!(all[1].contains("IsMonotonic Boolean,"), "{}", all[1]);
    assert_eq!(schema::statements(&section, "default", Signal::Traces).len(), 3);
    let older: Config = config("{endpoint: http://a, metrics_table_name: m}");
    assert_eq!(older.metrics_names()[0], "m_gauge");
}

const LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

async fn started(settings: ExporterSettings, section: &str) -> (Arc<ClickHouse>, TestHost) {
    let host = TestHost::new();
    let exporter = Arc::new(ClickHouse::create(settings, config(section)).unwrap());
    Arc::clone(&exporter).start(&host).await.unwrap();
    (exporter, host)
}

async fn consume(exporter: &ClickHouse, ctx: Context, data: Data) -> Result<(), ConsumeError> {
    tokio::time::timeout(LIMIT, exporter.consume(&ctx, data)).await.unwrap()
}

fn bodies(texts: &[&str]) -> Data {
    let records: Vec<Value> = texts.iter().map(|it| json!({"body": {"stringValue": it}})).collect();
    data(Signal::Logs, &records.into())
}

/// Statement and rows of a request.
fn asked(request: &Request) -> (String, Vec<Value>) {
    assert!(request.line.starts_with("POST /?"), "{}", request.line);
    let text = String::from_utf8(request.body.clone()).unwrap();
    match text.split_once("FORMAT JSONEachRow\n") {
        Some((statement, rows)) => (statement.trim().to_owned(), lines(rows.as_bytes())),
        None => (text, Vec::new()),
    }
}

fn texts(request: &Request) -> Vec<String> {
    asked(request).1.iter().map(|it| it["Body"].as_str().unwrap().to_owned()).collect()
}

fn refused(code: &str, text: &str) -> Reply {
    Reply::new("500 Internal Server Error", text).with("X-ClickHouse-Exception-Code", code)
}

#[tokio::test]
async fn tables_are_made_before_the_first_rows_and_again_when_they_are_gone() {
    let server = HttpServer::start();
    let settings = exporter_settings("clickhouse", Signal::Logs);
    let section = format!(
        "{{endpoint: '{}', database: otel, username: me, password: secret, compress: none}}",
        server.url("")
    );
    let (exporter, host) = started(settings, &section).await;
    consume(&exporter, Context::default(), bodies(&["a"])).await.unwrap();
    consume(&exporter, Context::default(), bodies(&["b"])).await.unwrap();
    let statements: Vec<String> = server.requests().iter().map(|it| asked(it).0).collect();
    assert_eq!(statements.len(), 4);
    assert!(
        statements[0].starts_with("CREATE DATABASE") && statements[1].starts_with("CREATE TABLE")
    );
    assert_eq!(statements[2], "INSERT INTO \"otel\".\"otel_logs\"");
    assert_eq!(server.requests()[0].header("x-clickhouse-user"), "me");
    assert_eq!(server.requests()[0].header("x-clickhouse-key"), "secret");
    server.script([refused(
        "60",
        "Code: 60. DB::Exception: Table otel.otel_logs does not exist. (UNKNOWN_TABLE)",
    )]);
    let error = consume(&exporter, Context::default(), bodies(&["c"])).await.unwrap_err();
    assert!(!error.is_permanent(), "{error}");
    consume(&exporter, Context::default(), bodies(&["c"])).await.unwrap();
    assert_eq!(server.requests().len(), 8);
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn a_table_that_vanishes_between_two_others_is_made_again_before_its_rows_are_sent_again() {
    let server = HttpServer::start();
    let made: Vec<Reply> = vec![Reply::new("200 OK", ""); 5];
    let gone =
        refused("60", "Code: 60. DB::Exception: Table default.otel_metrics_sum does not exist");
    server.script(made.into_iter().chain([Reply::new("200 OK", ""), gone]));
    let settings = exporter_settings("clickhouse", Signal::Metrics);
    let section = format!(
        "{{endpoint: '{}', compress: none, retry_on_failure: {{initial_interval: 1ms}}}}",
        server.url("")
    );
    let (exporter, host) = started(settings, &section).await;
    consume(&exporter, Context::default(), some_metrics()).await.unwrap();
    let statements: Vec<String> = server.requests().iter().map(|it| asked(it).0).collect();
    let inserts: Vec<usize> =
        (0..statements.len()).filter(|at| statements[*at].starts_with("INSERT")).collect();
    assert_eq!(inserts, [5, 6, 12, 13, 14, 15], "{statements:?}");
    assert_eq!(statements[6], statements[12]);
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn a_row_that_is_refused_does_not_take_the_others_with_it() {
    let server = HttpServer::start();
    server.answer(|request| match texts(request).iter().position(|it| it == "bad") {
        Some(at) => {
            let row = at + 1;
            refused("27", &format!("Code: 27. DB::Exception: Cannot parse input: (at row {row})\n"))
        }
        None => Reply::new("200 OK", ""),
    });
    let settings = exporter_settings("clickhouse", Signal::Logs);
    let meter = settings.meter.clone();
    let section =
        format!("{{endpoint: '{}', create_schema: false, compress: none}}", server.url(""));
    let (exporter, host) = started(settings, &section).await;
    consume(&exporter, Context::default(), bodies(&["a", "b", "bad", "c", "d"])).await.unwrap();
    let seen: Vec<Vec<String>> = server.requests().iter().map(texts).collect();
    assert_eq!(seen, [vec!["a", "b", "bad", "c", "d"], vec!["a", "b"], vec!["c", "d"]]);
    let labels = [("exporter", "clickhouse"), ("reason", "code_27")];
    assert_eq!(metric(&meter, "sluice_exporter_refused_items", &labels), Some(1.0));
    assert_eq!(
        metric(&meter, "sluice_lost_total", &[("reason", "rejected_by_backend")]),
        Some(1.0)
    );
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn a_row_is_found_where_the_answer_does_not_say_which_it_is() {
    let server = HttpServer::start();
    server.answer(|request| {
        if texts(request).iter().any(|it| it == "bad") {
            return refused(
                "469",
                "Code: 469. DB::Exception: Constraint is violated. (VIOLATED_CONSTRAINT)",
            );
        }
        Reply::new("200 OK", "")
    });
    let settings = exporter_settings("clickhouse", Signal::Logs);
    let meter = settings.meter.clone();
    let section =
        format!("{{endpoint: '{}', create_schema: false, compress: none}}", server.url(""));
    let (exporter, host) = started(settings, &section).await;
    consume(&exporter, Context::default(), bodies(&["a", "b", "c", "d", "e", "f", "bad", "g"]))
        .await
        .unwrap();
    let requests = server.requests();
    let arrived = requests.iter().map(texts).filter(|it| !it.contains(&"bad".to_owned()));
    assert_eq!(arrived.flatten().collect::<String>(), "abcdefg");
    let labels = [("exporter", "clickhouse"), ("reason", "code_469")];
    assert_eq!(metric(&meter, "sluice_exporter_refused_items", &labels), Some(1.0));
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_not() {
    let server = HttpServer::start();
    let settings = exporter_settings("clickhouse", Signal::Metrics);
    let meter = settings.meter.clone();
    let section = format!(
        "{{endpoint: '{}', create_schema: false, compress: none, retry_on_failure: {{initial_interval: 1ms}}}}",
        server.url("")
    );
    let (exporter, host) = started(settings, &section).await;
    server.script([refused("241", "Code: 241. DB::Exception: Memory limit exceeded")]);
    let error = consume(&exporter, Context::default(), some_metrics()).await.unwrap_err();
    assert!(!error.is_permanent());
    server.script([Reply::new("403 Forbidden", "Code: 516. DB::Exception: Authentication failed")
        .with("X-ClickHouse-Exception-Code", "516")]);
    let error = consume(&exporter, Context::default(), some_metrics()).await.unwrap_err();
    assert!(error.is_permanent() && error.to_string().contains("Authentication failed"), "{error}");
    // The first table has taken its rows: only the second is asked again.
    let before = server.requests().len();
    server.script([
        Reply::new("200 OK", ""),
        refused("252", "Too many parts"),
        Reply::new("200 OK", ""),
    ]);
    consume(&exporter, Context::default(), some_metrics()).await.unwrap();
    let tables: Vec<String> = server.requests()[before..].iter().map(|it| asked(it).0).collect();
    let name = |it: &str| format!("INSERT INTO \"default\".\"otel_metrics_{it}\"");
    let want = ["gauge", "sum", "sum", "summary", "histogram", "exponential_histogram"].map(name);
    assert_eq!(tables, want);
    assert_eq!(metric(&meter, "sluice_lost_total", &[("reason", "rejected_by_backend")]), None);
    host.shutdown(&*exporter, LIMIT).await;
}
