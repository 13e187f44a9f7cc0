//! Behaviour through `consume`. What the Go Collector does with whole payloads is in tests/golden.

use component::{Consumer as _, Context, Data, Signal};
use componenttest::{Sink, metric, plan, processor, processor_settings};
use pdata::Limits;
use serde_json::{Value as Json, json};

use crate::Filter;

componenttest::conformance!(processor Filter, "{logs: {log_record: ['severity_number < 9']}}");

struct Result {
    answer: std::result::Result<(), String>,
    received: Vec<Data>,
    dropped: Option<f64>,
}

async fn run(section: &str, signal: Signal, request: &Json) -> Result {
    let sink = Sink::new();
    let settings = processor_settings("filter", signal);
    let meter = settings.meter.clone();
    let it = processor::<Filter>(settings, section, sink.next());
    let text = request.to_string();
    let data = Data::from_json(signal, text.as_bytes(), &Limits::default()).unwrap();
    let answer = it.consume(&Context::default(), data).await.map_err(|error| error.to_string());
    let what = match signal {
        Signal::Logs => "logs",
        Signal::Traces => "spans",
        Signal::Metrics => "datapoints",
    };
    let name = format!("otelcol_processor_filter_{what}_filtered");
    let dropped = metric(&meter, &name, &[("filter", "filter")]);
    Result { answer, received: sink.received(), dropped }
}

/// What is left of a request, as JSON.
async fn left(section: &str, signal: Signal, request: &Json) -> Json {
    let result = run(section, signal, request).await;
    result.answer.unwrap();
    let Some(data) = result.received.first() else { return Json::Null };
    let mut text = Vec::new();
    data.to_json(&mut text);
    serde_json::from_slice(&text).unwrap()
}

fn record(severity: i32, body: &str) -> Json {
    json!({"severityNumber": severity, "body": {"stringValue": body}})
}

fn logs(scopes: &[(&str, Vec<Json>)]) -> Json {
    let scopes: Vec<Json> = scopes
        .iter()
        .map(|(name, records)| json!({"scope": {"name": name}, "logRecords": records}))
        .collect();
    json!({"resourceLogs": [{"resource": {}, "scopeLogs": scopes}]})
}

#[tokio::test]
async fn what_matches_is_dropped_and_counted() {
    let request = logs(&[("a", vec![record(5, "x"), record(9, "y"), record(1, "z")])]);
    let section = "{logs: {log_record: ['severity_number < 9']}}";
    let result = run(section, Signal::Logs, &request).await;
    result.answer.unwrap();
    assert_eq!(result.received[0].items(), 1);
    assert_eq!(result.dropped, Some(2.0));
    assert_eq!(left(section, Signal::Logs, &request).await, {
        let mut want = logs(&[("a", vec![record(9, "y")])]);
        want["resourceLogs"][0]["resource"] = json!({});
        want
    });
}

#[tokio::test]
async fn nothing_is_sent_on_when_all_is_dropped() {
    let request = logs(&[("a", vec![record(5, "x")]), ("b", vec![])]);
    let result = run("{logs: {log_record: ['true']}}", Signal::Logs, &request).await;
    assert!(result.answer.is_ok() && result.received.is_empty());
    assert_eq!(result.dropped, Some(1.0));
}

#[tokio::test]
async fn a_scope_goes_with_its_last_record_and_so_does_an_empty_one() {
    let request = logs(&[
        ("a", vec![record(5, "x")]),
        ("b", vec![record(9, "y")]),
        ("c", vec![]),
        ("d", vec![record(9, "z")]),
    ]);
    let section = "{log_conditions: ['log.severity_number < 9', 'scope.name == \"d\"']}";
    let left = left(section, Signal::Logs, &request).await;
    let names: Vec<&str> = left["resourceLogs"][0]["scopeLogs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["scope"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["b"]);
}

#[tokio::test]
async fn groups_have_contexts_and_error_modes_of_their_own() {
    let request = logs(&[("a", vec![record(5, "x"), record(9, "y"), record(10, "z")])]);
    let section = r#"{error_mode: propagate, log_conditions: [
        {error_mode: silent, conditions: ['log.body["k"] == 1', 'log.body == "x"']},
        {context: log, conditions: ['severity_number == 9', 'log.severity_number == 11']}]}"#;
    let result = run(section, Signal::Logs, &request).await;
    result.answer.unwrap();
    assert_eq!(result.received[0].items(), 1);
}

#[tokio::test]
async fn an_error_refuses_the_payload_if_it_is_propagated() {
    let request = logs(&[("a", vec![record(5, "x"); 20])]);
    let section = "{error_mode: propagate, logs: {log_record: ['body[\"k\"] == 1']}}";
    let result = run(section, Signal::Logs, &request).await;
    let answer = result.answer.unwrap_err();
    assert!(answer.starts_with(
        "failed to eval condition: body[\"k\"] == 1, log bodies of type Str cannot be indexed; failed"
    ));
    assert!(answer.ends_with("; and 4 more"), "{answer}");
    assert!(result.received.is_empty());
    let ignored = run(&section.replace("propagate", "ignore"), Signal::Logs, &request).await;
    assert_eq!(ignored.received[0].items(), 20);
}

#[tokio::test]
async fn a_signal_without_conditions_passes_as_it_is() {
    let request =
        json!({"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": "s"}}]}]});
    let section = "{logs: {log_record: ['true']}}";
    assert_eq!(left(section, Signal::Traces, &request).await, request);
}

#[tokio::test]
async fn spans_go_with_conditions_and_events_without_their_spans() {
    let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": [
        {"name": "a", "events": [{"name": "e1"}, {"name": "e2"}]},
        {"name": "b", "kind": 3}]}]}]});
    let section = r#"{traces: {span: ['kind == SPAN_KIND_CLIENT'], spanevent: ['name == "e1"', 'event_index == 1']}}"#;
    let left = left(section, Signal::Traces, &request).await;
    let spans = &left["resourceSpans"][0]["scopeSpans"][0]["spans"];
    assert_eq!(spans.as_array().unwrap().len(), 1);
    assert_eq!(spans[0]["name"], "a");
    assert_eq!(spans[0]["events"], Json::Null);
}

#[tokio::test]
async fn a_metric_goes_with_its_last_point() {
    let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "a", "gauge": {"dataPoints": [{"asInt": "1"}, {"asInt": "2"}]}},
        {"name": "b", "sum": {"dataPoints": [{"asInt": "1"}]}},
        {"name": "c", "gauge": {}},
        {"name": "d"}]}]}]});
    let section = "{metric_conditions: ['datapoint.value_int == 1']}";
    let left = left(section, Signal::Metrics, &request).await;
    let metrics = left["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
    let names: Vec<&str> = metrics.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "d"]);
    assert_eq!(run(section, Signal::Metrics, &request).await.dropped, Some(2.0));
}

#[tokio::test]
async fn excluded_metrics_match_by_name_or_by_resource() {
    let metrics = json!([{"name": "a", "gauge": {"dataPoints": [{"asInt": "1"}]}},
        {"name": "b", "gauge": {"dataPoints": [{"asInt": "1"}]}}]);
    let request = json!({"resourceMetrics": [
        {"resource": {"attributes": [{"key": "k", "value": {"stringValue": "v"}}]},
         "scopeMetrics": [{"metrics": metrics}]},
        {"scopeMetrics": [{"metrics": metrics}]}]});
    let section = "{metrics: {exclude: {match_type: strict, metric_names: [a], \
                   resource_attributes: [{key: k, value: v}]}}}";
    let result = run(section, Signal::Metrics, &request).await;
    assert_eq!(result.received[0].items(), 1);
}

#[tokio::test]
async fn schemas_are_read_when_a_condition_names_them() {
    let request = json!({"resourceLogs": [
        {"schemaUrl": "r", "scopeLogs": [{"schemaUrl": "s", "logRecords": [record(1, "x")]}]},
        {"scopeLogs": [{"logRecords": [record(1, "y")]}]}]});
    let section = r#"{log_conditions: ['resource.schema_url == "r" and scope.schema_url == "s"']}"#;
    let left = left(section, Signal::Logs, &request).await;
    assert_eq!(left["resourceLogs"].as_array().unwrap().len(), 1);
}

#[test]
fn mistakes_are_refused_in_the_collectors_words() {
    for (section, want) in [
        (
            "{logs: {log_record: ['IsMatch(body)', 'foo == 1 and true']}}",
            &[
                "unable to parse OTTL condition \"IsMatch(body)\": error while parsing arguments for call to \"IsMatch\": incorrect number of arguments. Expected: 2 Received: 1",
                "unable to parse OTTL condition \"foo == 1 and true\": segment \"foo\" from path \"foo\" is not a valid path nor a valid OTTL keyword for the log context - review https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/pkg/ottl/contexts/ottllog to see all valid paths",
            ][..],
        ),
        (
            "{log_conditions: ['log.flags == 1'], logs: {log_record: ['true']}}",
            &[
                "cannot use context inferred log conditions \"log_conditions\" and the settings \"logs.resource\", \"logs.log\", \"logs.include\", \"logs.exclude\" at the same time",
            ][..],
        ),
        (
            "{log_conditions: [{context: span, conditions: ['name == \"a\"']}]}",
            &["unknown context \"span\" for conditions: [name == \"a\"]"][..],
        ),
        (
            "{log_conditions: ['log.flags == 1', {conditions: []}]}",
            &[
                "'' configuring multiple configuration styles is not supported, please use only Basic configuration or only Advanced configuration",
            ][..],
        ),
        (
            "{log_conditions: true}",
            &["'' invalid log_conditions type, expected: array, got: true"][..],
        ),
        (
            "{log_conditions: [1.5]}",
            &["'log_conditions[0]' expected a map or struct, got \"float64\""][..],
        ),
        (
            "{logs: {include: {match_type: strict, severity_number: {min: LOUD}}}}",
            &["'LOUD' is not a valid severity: not a valid severity"][..],
        ),
        ("{profiles: {profile: ['true']}}", &["there is no signal \"profiles\" here"][..]),
    ] {
        assert_eq!(plan::<Filter>(section, Signal::Logs).err().unwrap(), want, "{section}");
    }
    let section =
        "{metrics: {include: {match_type: expr, expressions: ['Label(\"a\") == 1 or a']}}}";
    let wrong = plan::<Filter>(section, Signal::Metrics).err().unwrap();
    assert!(wrong[0].starts_with("unknown name a (1:20)"), "{wrong:?}");
    assert!(plan::<Filter>(section, Signal::Logs).is_ok(), "a pipeline of logs is not concerned");
}

#[tokio::test]
async fn expressions_select_metrics_by_one_of_their_points() {
    let point = |value: &str| json!({"asInt": "1", "attributes": [{"key": "env", "value": {"stringValue": value}}]});
    let metric = |name: &str, points: Json| json!({"name": name, "gauge": {"dataPoints": points}});
    let all = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        metric("a", json!([point("dev"), point("prod")])),
        metric("b", json!([point("dev")])),
        metric("c", json!([{"asInt": "1"}])),
    ]}]}]});
    for (section, want) in [
        ("{include: {match_type: expr, expressions: ['Label(\"env\") == \"prod\"']}}", vec!["a"]),
        ("{exclude: {match_type: expr, expressions: ['HasLabel(\"env\")']}}", vec!["c"]),
        (
            "{include: {match_type: expr, expressions: ['MetricName == \"b\"', 'not HasLabel(\"env\")']}}",
            vec!["b", "c"],
        ),
        ("{exclude: {match_type: expr, expressions: ['MetricType == \"Gauge\"']}}", vec![]),
    ] {
        let got = left(&format!("{{metrics: {section}}}"), Signal::Metrics, &all).await;
        let got = got["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().cloned();
        let names: Vec<String> = got
            .unwrap_or_default()
            .iter()
            .map(|it| it["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, want, "{section}");
    }
}
