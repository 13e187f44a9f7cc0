//! Behaviour through `consume`. What the Go Collector does with whole payloads is in tests/golden.

use component::{Consumer as _, Context, Data, Signal};
use componenttest::{Sink, plan, processor, processor_settings};
use pdata::Limits;
use serde_json::{Value as Json, json};

use crate::Transform;

componenttest::conformance!(
    processor Transform,
    "{log_statements: ['set(log.severity_number, 9)'], trace_statements: ['set(span.name, \"x\")']}"
);

async fn run(section: &str, signal: Signal, request: &Json) -> Result<Json, String> {
    let sink = Sink::new();
    let it = processor::<Transform>(processor_settings("transform", signal), section, sink.next());
    let text = request.to_string();
    let data = Data::from_json(signal, text.as_bytes(), &Limits::default()).unwrap();
    it.consume(&Context::default(), data).await.map_err(|error| error.to_string())?;
    let mut text = Vec::new();
    sink.received()[0].to_json(&mut text);
    Ok(serde_json::from_slice(&text).unwrap())
}

fn text(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

fn record(severity: i32, body: &str) -> Json {
    json!({"severityNumber": severity, "body": {"stringValue": body}})
}

fn logs(records: &[Json]) -> Json {
    json!({"resourceLogs": [{"resource": {"attributes": [text("a", "b")]},
        "scopeLogs": [{"scope": {"name": "s"}, "logRecords": records}]}]})
}

/// A field of all records.
fn all(logs: &Json, field: &str) -> Vec<Json> {
    let resources = logs["resourceLogs"].as_array().unwrap().iter();
    let scopes = resources.flat_map(|it| it["scopeLogs"].as_array().unwrap());
    let records = scopes.flat_map(|it| it["logRecords"].as_array().unwrap());
    records.map(|it| it[field].clone()).collect()
}

#[tokio::test]
async fn statements_run_at_each_place_of_their_context() {
    let request = logs(&[record(5, "x"), record(9, "y")]);
    let section = r#"{log_statements: ['set(log.severity_text, log.body) where log.severity_number > 5',
        'set(log.severity_number, 1) where log.severity_text != ""', 'set(scope.name, "new")']}"#;
    let new = run(section, Signal::Logs, &request).await.unwrap();
    assert_eq!(all(&new, "severityNumber"), [json!(5), json!(1)]);
    assert_eq!(all(&new, "severityText"), [Json::Null, json!("y")]);
    assert_eq!(new["resourceLogs"][0]["scopeLogs"][0]["scope"]["name"], "new");
}

#[tokio::test]
async fn groups_run_one_after_another_over_all() {
    let request = logs(&[record(5, "x"), record(9, "y")]);
    let section = r#"{log_statements: [
        {statements: ['set(resource.attributes["last"], log.body)']},
        {context: LOG, statements: ['set(severity_text, resource.attributes["last"])']}]}"#;
    let new = run(section, Signal::Logs, &request).await.unwrap();
    assert_eq!(all(&new, "severityText"), [json!("y"), json!("y")]);
}

#[tokio::test]
async fn one_condition_is_enough_for_a_group_to_run() {
    let request = logs(&[record(5, "x"), record(9, "y"), record(17, "z")]);
    let section = r#"{log_statements: [{context: log,
        conditions: ['severity_number > 10', 'body["k"] == 1', 'body == "x"'],
        statements: ['set(severity_text, "hit")']}]}"#;
    let new = run(section, Signal::Logs, &request).await.unwrap();
    assert_eq!(all(&new, "severityText"), [json!("hit"), Json::Null, json!("hit")]);
}

#[tokio::test]
async fn an_error_refuses_the_payload_only_if_it_is_propagated() {
    let request = logs(&[record(5, "x"), record(9, "y")]);
    let list = r#"['set(log.body["k"], 1)', 'set(log.flags, 1)']"#;
    let section = |mode: &str| format!("{{error_mode: {mode}, log_statements: {list}}}");
    for mode in ["ignore", "silent"] {
        let new = run(&section(mode), Signal::Logs, &request).await.unwrap();
        assert_eq!(all(&new, "flags"), [json!(1), json!(1)], "{mode}");
    }
    let want = "failed to execute statement: set(log.body[\"k\"], 1), log bodies of type Str cannot be indexed";
    assert_eq!(run(&section("propagate"), Signal::Logs, &request).await.unwrap_err(), want);
    let groups = format!(
        "{{error_mode: propagate, log_statements: [{{error_mode: silent, statements: {list}}}]}}"
    );
    assert!(run(&groups, Signal::Logs, &request).await.is_ok());
    let conditions = r#"{error_mode: propagate, log_statements: [{context: log,
        conditions: ['body["k"] == 1'], statements: ['set(flags, 1)']}]}"#;
    let want =
        "failed to eval condition: body[\"k\"] == 1, log bodies of type Str cannot be indexed";
    assert_eq!(run(conditions, Signal::Logs, &request).await.unwrap_err(), want);
}

#[tokio::test]
async fn flattened_records_part_by_what_statements_make_of_their_resources() {
    let request = logs(&[record(5, "x"), record(9, "y"), record(13, "x")]);
    let section =
        r#"{flatten_data: true, log_statements: ['set(resource.attributes["b"], log.body)']}"#;
    let new = run(section, Signal::Logs, &request).await.unwrap();
    let resources = new["resourceLogs"].as_array().unwrap();
    let of = |it: &Json| it["scopeLogs"][0]["logRecords"].as_array().unwrap().len();
    assert_eq!(resources.iter().map(of).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(resources[1]["resource"]["attributes"], json!([text("a", "b"), text("b", "y")]));
}

#[tokio::test]
async fn a_signal_without_statements_passes_as_it_is() {
    let request =
        json!({"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": "s"}}]}]});
    let section = "{log_statements: ['set(log.flags, 1)'], trace_statements: [{context: span}]}";
    assert_eq!(run(section, Signal::Traces, &request).await.unwrap(), request);
}

#[tokio::test]
async fn what_is_empty_stays() {
    let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "a"}, {"name": "b", "gauge": {}}]}]}]});
    let section = "{metric_statements: [{context: metric, statements: ['set(unit, \"1\")']}, {context: datapoint, statements: ['set(flags, 1)']}]}";
    let new = run(section, Signal::Metrics, &request).await.unwrap();
    let metrics = new["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
    assert_eq!(metrics.len(), 2);
    assert_eq!(metrics[1]["unit"], "1");
}

#[tokio::test]
async fn exemplars_have_statements_of_their_own() {
    let exemplars =
        json!([{"timeUnixNano": "5", "asInt": "7"}, {"timeUnixNano": "9", "asInt": "1"}]);
    let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "a", "gauge": {"dataPoints": [{"asInt": "1", "exemplars": exemplars}]}}]}]}]});
    let named = "[{context: exemplar, conditions: ['int_value > 1'], statements: ['set(time_unix_nano, 6)']}]";
    let inferred =
        "['set(exemplar.time_unix_nano, 6) where exemplar.int_value > datapoint.value_int']";
    for statements in [named, inferred] {
        let section = format!("{{metric_statements: {statements}}}");
        let new = run(&section, Signal::Metrics, &request).await.unwrap();
        let exemplars = &new["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"]
            [0]["exemplars"];
        assert_eq!(
            *exemplars,
            json!([{"timeUnixNano": "6", "asInt": "7"}, {"timeUnixNano": "9", "asInt": "1"}]),
            "{statements}"
        );
    }
}

#[test]
fn mistakes_are_refused_in_the_collectors_words() {
    for (section, want) in [
        (
            "{log_statements: [{context: span, statements: ['set(name, \"x\")']}]}",
            "unknown context \"span\" for statements: [set(name, \"x\")]",
        ),
        (
            "{log_statements: [{context: log, statements: ['sett(body, 1)']}]}",
            "unable to parse OTTL statement \"sett(log.body, 1)\": undefined function \"sett\"",
        ),
        (
            "{log_statements: ['set(log.flags, 1)', {statements: []}]}",
            "'' configuring multiple configuration styles is not supported, please use only Basic configuration or only Advanced configuration",
        ),
        (
            "{log_statements: [{context: log, conditions: ['flags > '], statements: ['set(body, 1)']}]}",
            "unable to parse OTTL condition \"flags > \": condition has invalid syntax: 1:9: unexpected token \"<EOF>\" (expected Field (\".\" Field)*)",
        ),
        ("{profile_statements: ['set(profile.x, 1)']}", "there is no signal \"profiles\" here"),
    ] {
        assert_eq!(plan::<Transform>(section, Signal::Logs).err().unwrap(), [want], "{section}");
    }
    for (section, want) in [
        (
            "{log_statements: ['set(log.flags, 1)'], trace_statements: abc}",
            "'' invalid trace_statements type, expected: array, got: %!t(string=abc)",
        ),
        (
            "{metric_statements: {x: 1}}",
            "'' invalid metric_statements type, expected: array, got: map[%!t(string=x):%!t(int=1)]",
        ),
        (
            "{log_statements: , error_mode: 5}",
            "'' invalid log_statements type, expected: array, got: %!t(<nil>)",
        ),
        (
            "{log_statements: [{error_mode: abc}]}",
            "log_statements::0::error_mode: unknown error mode abc",
        ),
        ("{log_statements: [5]}", "'log_statements[0]' expected a map or struct, got \"int\""),
    ] {
        assert_eq!(plan::<Transform>(section, Signal::Logs).err().unwrap(), [want], "{section}");
    }
    let printed = "{log_statements: [{context: log, error_mode: '', statements: []}]}";
    assert!(plan::<Transform>(printed, Signal::Logs).is_ok());
    let wrong =
        plan::<Transform>("{log_statements: ['set(log.body, ']}", Signal::Logs).err().unwrap();
    assert!(wrong[0].starts_with(
        "unable to infer a valid context ([\"resource\" \"scope\" \"log\"]) from statements [\"set(log.body, \"] and conditions []: statement has invalid syntax: 1:13: "
    ));
}
