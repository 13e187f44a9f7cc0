//! Payloads and pages. What the Go Collector shows is in tests/golden/protocols.

use std::sync::Arc;
use std::time::Duration;

use component::{Component as _, Consumer as _, Exporter as _};
use componenttest::{TestHost, ask, config, exporter_settings, problems};
use pdata::{Limits, Metrics};
use serde_json::{Value, json};

use super::*;

componenttest::conformance!(exporter Prometheus, "endpoint: 'localhost:0'");

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = config(include_str!("../testdata/config.yaml"));
}

#[test]
fn wrong_sections_are_refused_in_the_words_of_upstream() {
    let section = "endpoint: localhost:1\ntranslation_strategy: Nothing";
    assert_eq!(problems::<Config>(section), ["invalid translation_strategy: Nothing"]);
}

fn payload(metrics: &Value) -> Metrics {
    let all = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]});
    Metrics::from_json(all.to_string().as_bytes(), &Limits::default()).unwrap()
}

/// The page after payloads, without its remarks.
fn shown(section: &str, payloads: &[Value], open: bool) -> Vec<String> {
    shown_as(section, payloads, (open, false))
}

fn shown_as(section: &str, payloads: &[Value], (open, utf8): (bool, bool)) -> Vec<String> {
    let config: Config =
        config(&format!("endpoint: localhost:1\nwithout_scope_info: true\n{section}"));
    let mut store = Store::default();
    for it in payloads {
        store.take(&payload(it), &config);
    }
    let page = page::write(&store, &config, (open, utf8));
    page.lines().filter(|it| open || !it.starts_with('#')).map(str::to_owned).collect()
}

fn sum(temporality: i32, start: &str, time: &str, value: i64) -> Value {
    json!([{"name": "a", "sum": {"isMonotonic": true, "aggregationTemporality": temporality, "dataPoints": [
        {"startTimeUnixNano": start, "timeUnixNano": time, "asInt": value.to_string()}]}}])
}

#[test]
fn deltas_add_up_where_one_begins_where_the_other_ended() {
    let all = [sum(1, "0", "10", 3), sum(1, "10", "20", 4), sum(1, "20", "30", 5)];
    assert_eq!(shown("", &all, false), ["a_total 12"]);
    // A gap is a restart.
    assert_eq!(shown("", &[sum(1, "0", "10", 3), sum(1, "11", "20", 4)], false), ["a_total 4"]);
}

#[test]
fn deltas_of_exponential_histograms_add_up_as_well() {
    let point = |start: &str, time: &str| {
        json!([{"name": "e", "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [
            {"startTimeUnixNano": start, "timeUnixNano": time, "count": "2", "sum": 1.5}]}}])
    };
    let all = [point("0", "10"), point("10", "20")];
    assert_eq!(shown("", &all, false), ["e_bucket{le=\"+Inf\"} 4", "e_sum 3", "e_count 4"]);
}

#[test]
fn an_older_value_is_no_news() {
    assert_eq!(shown("", &[sum(2, "0", "20", 5), sum(2, "0", "10", 3)], false), ["a_total 5"]);
}

#[test]
fn a_series_that_has_ended_is_gone() {
    let point = |more: Value| json!([{"name": "g", "gauge": {"dataPoints": [more]}}]);
    let all = [point(json!({"asInt": "1"})), point(json!({"flags": 1, "timeUnixNano": "5"}))];
    assert_eq!(shown("", &all[..1], false), ["g 1"]);
    assert_eq!(shown("", &all, false), Vec::<String>::new());
}

#[test]
fn numbers_look_as_in_go() {
    for (value, want) in [
        (json!(1_718_000_000.0), "g 1.718e+09"),
        (json!(0.000_01), "g 1e-05"),
        (json!("NaN"), "g NaN"),
        (json!("-Infinity"), "g -Inf"),
        (json!(100.0), "g 100"),
    ] {
        let metric = json!([{"name": "g", "gauge": {"dataPoints": [{"asDouble": value}]}}]);
        assert_eq!(shown("", &[metric], false), [want]);
    }
}

#[test]
fn a_name_belongs_to_one_type_and_labels_to_one_value() {
    let metrics = json!([
        {"name": "x.total", "gauge": {"dataPoints": [{"asInt": "1"}]}},
        {"name": "x", "sum": {"isMonotonic": true, "aggregationTemporality": 2, "dataPoints": [{"asInt": "2"}]}},
        {"name": "y", "gauge": {"dataPoints": [{"asInt": "1", "attributes": [
            {"key": "a.b", "value": {"stringValue": "1"}}, {"key": "a_b", "value": {"stringValue": "2"}}]}]}},
    ]);
    let config: Config = config("endpoint: localhost:1");
    let dropped = Store::default().take(&payload(&metrics), &config);
    assert_eq!(dropped["another type has this name"], 1);
    assert_eq!(dropped["two labels have one name"], 1);
}

#[test]
fn open_metrics_has_other_names_of_counters_and_exemplars() {
    let metrics = json!([{"name": "a", "sum": {"isMonotonic": true, "aggregationTemporality": 2, "dataPoints": [{
        "timeUnixNano": "1500000000", "asInt": "7", "exemplars": [{"asDouble": 1.0, "timeUnixNano": "1000000000",
            "traceId": "01020304050607080910111213141516"}]}]}}]);
    let want = [
        "# HELP a ",
        "# TYPE a counter",
        "a_total 7.0 1.5 # {trace_id=\"01020304050607080910111213141516\"} 1.0 1.0",
        "# EOF",
    ];
    assert_eq!(shown("send_timestamps: true", &[metrics], true), want);
}

#[test]
fn strategies_keep_names() {
    let metric = json!([{"name": "http.size", "unit": "By", "gauge": {"dataPoints": [{"asInt": "1",
        "attributes": [{"key": "a.b", "value": {"stringValue": "x"}}]}]}}]);
    let all = [metric];
    let strategy = |it: &str, utf8| {
        shown_as(&format!("translation_strategy: {it}"), &all, (false, utf8)).join("\n")
    };
    assert_eq!(strategy("NoTranslation", true), r#"{"http.size","a.b"="x"} 1"#);
    assert_eq!(strategy("NoTranslation", false), r#"http_size{a_b="x"} 1"#);
    let with_suffixes = "NoUTF8EscapingWithSuffixes";
    assert_eq!(strategy(with_suffixes, true), r#"{"http.size_bytes","a.b"="x"} 1"#);
    assert_eq!(strategy(with_suffixes, false), r#"http_size_bytes{a_b="x"} 1"#);
    assert_eq!(strategy("UnderscoreEscapingWithoutSuffixes", true), r#"http_size{a_b="x"} 1"#);
    let odd = "namespace: my.app-x\nconst_labels: {'1,\"x': 'y\"=,\"', c.d: e}";
    assert_eq!(
        shown(odd, &all, false),
        [r#"my_app_x_http_size_bytes{___x="y\"=,\"",a_b="x",c_d="e"} 1"#]
    );
    assert_eq!(shown("add_metric_suffixes: false", &all, false), [r#"http_size{a_b="x"} 1"#]);
}

#[tokio::test(start_paused = true)]
async fn a_series_without_news_is_not_shown_any_more() {
    let config: Config = config("endpoint: localhost:1");
    let mut store = Store::default();
    store.take(&payload(&sum(2, "0", "1", 1)), &config);
    tokio::time::advance(Duration::from_secs(299)).await;
    store.expire(Duration::from_secs(300));
    assert_eq!(store.families.len(), 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    store.expire(Duration::from_secs(300));
    assert!(store.families.is_empty());
}

#[tokio::test]
async fn the_page_is_served_at_its_path_only() {
    let host = TestHost::new();
    let settings = exporter_settings("prometheus", Signal::Metrics);
    let exporter = Prometheus::create(settings, config("endpoint: 127.0.0.1:0")).unwrap();
    let exporter = Arc::new(exporter);
    Arc::clone(&exporter).start(&host).await.unwrap();
    let data = Data::from(payload(&sum(2, "0", "1", 1)));
    exporter.consume(&Context::default(), data).await.unwrap();
    let address = exporter.bound().unwrap().to_string();
    let page = ask(&address, "GET /metrics").await;
    assert!(page.contains("content-type: text/plain; version=0.0.4"), "{page}");
    assert!(page.contains("\na_total{otel_scope_name=\"\""), "{page}");
    let types = async |section: &str, accept: &str| {
        let settings = exporter_settings("prometheus", Signal::Metrics);
        let section = format!("endpoint: 127.0.0.1:0\n{section}");
        let exporter = Arc::new(Prometheus::create(settings, config(&section)).unwrap());
        Arc::clone(&exporter).start(&host).await.unwrap();
        let address = exporter.bound().unwrap().to_string();
        let page =
            ask(&address, &format!("GET /metrics HTTP/1.1\r\nAccept: {accept}\r\nX-Rest:")).await;
        let content_type = page.lines().find_map(|it| it.strip_prefix("content-type: "));
        content_type.unwrap_or_default().to_owned()
    };
    let open = "application/openmetrics-text;version=1.0.0";
    let utf8 = "escaping=allow-utf-8";
    for (section, accept, want) in [
        ("", format!("text/plain;version=1.0.0;{utf8}"), page::TEXT_UTF8),
        ("enable_open_metrics: true", open.to_owned(), page::OPEN_METRICS),
        ("enable_open_metrics: true", format!("{open};{utf8}"), page::OPEN_METRICS_UTF8),
    ] {
        assert_eq!(types(section, &accept).await, want, "{accept}");
    }
    assert!(ask(&address, "GET /").await.starts_with("HTTP/1.1 404 "));
    host.shutdown(&*exporter, Duration::from_secs(5)).await;
}
