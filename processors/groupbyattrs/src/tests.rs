use component::Signal;
use componenttest::through;
use serde_json::{Value as Json, json};

use crate::GroupByAttrs;

componenttest::conformance!(processor GroupByAttrs, "{keys: [host.name]}");

fn text(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

/// The attributes of a resource as `k=v`, and what `of_scope` makes of each of its scopes.
fn shown(groups: &Json, scopes: &str, of_scope: impl Fn(&Json) -> String) -> Vec<String> {
    let list = |it: &Json| it.as_array().cloned().unwrap_or_default();
    let groups = list(groups).into_iter().map(|group| {
        let mut attributes: Vec<String> = list(&group["resource"]["attributes"])
            .iter()
            .map(|it| {
                format!(
                    "{}={}",
                    it["key"].as_str().unwrap(),
                    it["value"]["stringValue"].as_str().unwrap()
                )
            })
            .collect();
        attributes.sort();
        let scopes: Vec<String> = list(&group[scopes]).iter().map(&of_scope).collect();
        format!("{}: {}", attributes.join(","), scopes.join("; "))
    });
    groups.collect()
}

async fn logs(section: &str, request: &Json) -> Vec<String> {
    let got = through::<GroupByAttrs>(section, Signal::Logs, request).await;
    shown(&got["resourceLogs"], "scopeLogs", |scope| {
        let records: Vec<String> = scope["logRecords"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                let left = it["attributes"].as_array().map_or(0, Vec::len);
                format!("{}+{left}", it["body"]["stringValue"].as_str().unwrap())
            })
            .collect();
        format!("{} {}", scope["scope"]["name"].as_str().unwrap_or("-"), records.join(" "))
    })
}

#[tokio::test]
async fn records_move_to_the_resource_with_their_values() {
    let record = |body: &str, attributes: Json| json!({"body": {"stringValue": body}, "attributes": attributes});
    let host = |it: &str| text("host.name", it);
    let request = json!({"resourceLogs": [
        {"resource": {"attributes": [text("host.name", "old"), text("env", "e")]}, "scopeLogs": [{"scope": {"name": "s"}, "logRecords": [
            record("1", json!([host("a"), text("k", "v")])), record("2", json!([])), record("3", json!([host("b")]))]}]},
        {"resource": {"attributes": [text("env", "e"), text("host.name", "b")]}, "scopeLogs": [{"scope": {"name": "s"}, "logRecords": [
            record("4", json!([])), record("5", json!([host("a"), text("job", "j")]))]}]},
    ]});
    assert_eq!(
        logs("{keys: [host.name, job, '', host.name]}", &request).await,
        [
            "env=e,host.name=a: s 1+1",
            "env=e,host.name=old: s 2+0",
            "env=e,host.name=b: s 3+0 4+0",
            "env=e,host.name=a,job=j: s 5+0",
        ]
    );
}

#[tokio::test]
async fn without_keys_equal_resources_and_scopes_are_joined() {
    let scope = |name: &str, body: &str| json!({"scope": {"name": name}, "logRecords": [{"body": {"stringValue": body}}]});
    let of = |attributes: Json, scopes: Json| json!({"resource": {"attributes": attributes}, "scopeLogs": scopes});
    let request = json!({"resourceLogs": [
        of(json!([text("a", "1"), text("b", "2")]), json!([scope("x", "1"), scope("y", "2")])),
        of(json!([text("c", "3")]), json!([scope("x", "3")])),
        of(json!([text("b", "2"), text("a", "1")]), json!([scope("y", "4"), scope("z", "5")])),
        of(json!([text("gone", "1")]), json!([])),
    ]});
    assert_eq!(logs("{}", &request).await, ["a=1,b=2: x 1+0; y 2+0 4+0; z 5+0", "c=3: x 3+0"]);
}

#[tokio::test]
async fn points_move_alone_and_metrics_of_one_name_and_kind_become_one() {
    let point = |host: &str, value: i64| {
        let attributes = if host.is_empty() { json!([]) } else { json!([text("host.name", host)]) };
        json!({"asInt": value.to_string(), "attributes": attributes})
    };
    let gauge = |name: &str, points: Json| json!({"name": name, "gauge": {"dataPoints": points}});
    let sum =
        json!({"name": "m", "sum": {"aggregationTemporality": 2, "dataPoints": [point("a", 7)]}});
    let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        gauge("m", json!([point("a", 1), point("b", 2)])),
        gauge("m", json!([point("a", 3), point("", 4)])),
        sum,
        gauge("other", json!([point("", 5)])),
    ]}]}]});
    let got = through::<GroupByAttrs>("{keys: [host.name]}", Signal::Metrics, &request).await;
    let got = shown(&got["resourceMetrics"], "scopeMetrics", |scope| {
        let metrics: Vec<String> = scope["metrics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|metric| {
                let (kind, data) = if metric["sum"].is_null() {
                    ("gauge", &metric["gauge"])
                } else {
                    ("sum", &metric["sum"])
                };
                let points: Vec<&str> = data["dataPoints"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|it| it["asInt"].as_str().unwrap())
                    .collect();
                format!("{} {kind} {}", metric["name"].as_str().unwrap(), points.join(" "))
            })
            .collect();
        metrics.join(", ")
    });
    assert_eq!(
        got,
        [
            "host.name=a: m gauge 1 3, m sum 7",
            "host.name=b: m gauge 2",
            ": m gauge 4, other gauge 5"
        ]
    );
}

#[tokio::test]
async fn spans_move_as_well() {
    let span = |name: &str| json!({"name": name, "attributes": [text("host.name", name)]});
    let request =
        json!({"resourceSpans": [{"scopeSpans": [{"spans": [span("a"), span("b"), span("a")]}]}]});
    let got = through::<GroupByAttrs>("{keys: [host.name]}", Signal::Traces, &request).await;
    let got = shown(&got["resourceSpans"], "scopeSpans", |scope| {
        scope["spans"].as_array().unwrap().len().to_string()
    });
    assert_eq!(got, ["host.name=a: 2", "host.name=b: 1"]);
}
