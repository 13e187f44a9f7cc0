use component::Signal;
use componenttest::{plan, through};
use serde_json::{Value as Json, json};

use crate::MetricsTransform;

componenttest::conformance!(processor MetricsTransform);

/// The metrics of one scope after the transform, which stands in YAML.
async fn metrics(transforms: &str, metrics: Json) -> Json {
    let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]});
    let section = format!("transforms: {transforms}");
    let got = through::<MetricsTransform>(&section, Signal::Metrics, &request).await;
    match got {
        Json::Null => json!([]),
        got => got["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].clone(),
    }
}

fn label(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

/// A point with a whole number and labels, written `key=value`.
fn point(value: i64, labels: &[&str]) -> Json {
    let labels: Vec<Json> = (labels.iter())
        .map(|it| it.split_once('=').map_or(Json::Null, |(key, value)| label(key, value)))
        .collect();
    let mut point = json!({"timeUnixNano": "1", "asInt": value.to_string()});
    if !labels.is_empty() {
        point["attributes"] = json!(labels);
    }
    point
}

fn gauge(name: &str, points: &[Json]) -> Json {
    json!({"name": name, "gauge": {"dataPoints": points}})
}

#[tokio::test]
async fn metrics_are_renamed_one_transform_after_the_other() {
    let transforms = r"[
        {include: a, action: update, new_name: b},
        {include: b, action: update, new_name: c},
        {include: '^sys\.(?P<what>.*)\.(x|y)$', match_type: regexp, action: update, new_name: 'h.$${what}.$${2}'},
        {include: 'n(o)?thing', match_type: regexp, action: update, new_name: '$${9}'},
    ]";
    let names = ["a", "sys.cpu.x", "other", "nothing"];
    let metrics = metrics(transforms, names.map(|it| gauge(it, &[point(1, &[])])).into()).await;
    let names: Vec<&Json> =
        metrics.as_array().into_iter().flatten().map(|it| &it["name"]).collect();
    assert_eq!(names, ["c", "h.cpu.x", "other", "${9}"]);
}

#[tokio::test]
async fn a_copy_has_the_points_that_are_meant_and_is_seen_by_the_transforms_behind() {
    let transforms = "[
        {include: m, action: insert, new_name: n, experimental_match_labels: {s: a},
         operations: [{action: add_label, new_label: v, new_value: 'sluice {{version}}'}]},
        {include: n, action: insert, new_name: o},
        {include: n, action: update, operations: [{action: update_label, label: s, new_label: t}]},
        {include: m, action: insert, new_name: never, experimental_match_labels: {s: c}},
    ]";
    let source = gauge("m", &[point(1, &["s=a"]), point(2, &["s=b"])]);
    let added = "v=sluice 0.0.0";
    assert_eq!(
        metrics(transforms, json!([source])).await,
        json!([
            source,
            gauge("n", &[point(1, &[added, "t=a"])]),
            gauge("o", &[point(1, &["s=a", added])]),
        ])
    );
}

#[tokio::test]
async fn labels_that_do_not_match_keep_an_update_from_the_metric_as_a_whole() {
    let transforms = "[{include: m, action: update, new_name: n, experimental_match_labels: {s: a}, operations: [
        {action: add_label, new_label: x, new_value: y},
        {action: experimental_scale_value, experimental_scale: 2.5},
        {action: update_label, label: s, value_actions: [{value: a, new_value: z}, {value: b, new_value: z}]},
    ]}]";
    let got =
        metrics(transforms, json!([gauge("m", &[point(3, &["s=a"]), point(3, &["s=b"])])])).await;
    assert_eq!(got, json!([gauge("m", &[point(7, &["s=z"]), point(3, &["s=b"])])]));
    let got = metrics(transforms, json!([gauge("m", &[point(3, &["s=a"])])])).await;
    assert_eq!(got, json!([gauge("n", &[point(7, &["s=z", "x=y"])])]));
    // An empty value means that there is no such label.
    let absent = "[{include: m, action: update, new_name: n, experimental_match_labels: {s: ''}}]";
    for (labels, name) in [(&["s=a"][..], "m"), (&["t=a"], "n"), (&["s="], "n")] {
        let got = metrics(absent, json!([gauge("m", &[point(1, labels)])])).await;
        assert_eq!(got[0]["name"], name, "{labels:?}");
    }
}

#[tokio::test]
async fn labels_are_renamed_and_keep_their_values() {
    for (operation, labels, want) in [
        ("{label: a, new_label: b}", &["a=1", "c=2"][..], &["c=2", "b=1"][..]),
        ("{label: a, new_label: b}", &["b=0", "a=1"], &["b=1"]),
        ("{label: a, new_label: a}", &["a=1"], &["a=1"]),
        (
            "{label: a, new_label: b, value_actions: [{value: '1', new_value: '2'}]}",
            &["a=1"],
            &["b=2"],
        ),
        ("{label: z, new_label: b}", &["a=1"], &["a=1"]),
    ] {
        let operation = operation.replacen('{', "{action: update_label, ", 1);
        let transforms = format!("[{{include: m, action: update, operations: [{operation}]}}]");
        let got = metrics(&transforms, json!([gauge("m", &[point(1, labels)])])).await;
        assert_eq!(got, json!([gauge("m", &[point(1, want)])]), "{operation} {labels:?}");
    }
}

#[tokio::test]
async fn a_metric_goes_with_the_last_of_its_points() {
    let transforms = "[{include: '.*', match_type: regexp, action: update, operations: [
        {action: delete_label_value, label: s, label_value: idle}]}]";
    let source = json!([
        gauge("m", &[point(1, &["s=idle"]), point(2, &["s=user"])]),
        gauge("n", &[point(1, &["s=idle"])]),
        {"name": "empty", "gauge": {}},
    ]);
    assert_eq!(
        metrics(transforms, source).await,
        json!([gauge("m", &[point(2, &["s=user"])]), {"name": "empty", "gauge": {}}])
    );
    assert_eq!(metrics(transforms, json!([gauge("n", &[point(1, &["s=idle"])])])).await, json!([]));
}

#[tokio::test]
async fn whole_numbers_become_doubles_and_the_other_way_round() {
    let transforms =
        "[{include: m, action: update, operations: [{action: toggle_scalar_data_type}]}]";
    let source =
        json!([{"name": "m", "sum": {"dataPoints": [{"asInt": "3"}, {"asDouble": 2.9}, {}]}}]);
    let want = json!([{"name": "m", "sum": {"dataPoints": [{"asDouble": 3}, {"asInt": "2"}, {}]}}]);
    assert_eq!(metrics(transforms, source).await, want);
}

#[tokio::test]
async fn all_that_histograms_measured_is_scaled() {
    let transforms = "[{include: h, action: update, operations: [
        {action: experimental_scale_value, experimental_scale: 2}]}]";
    let source = json!([
        {"name": "h", "histogram": {"dataPoints": [{"count": "1", "sum": 1.5, "bucketCounts": ["0", "1"],
            "explicitBounds": [1.0], "exemplars": [{"asDouble": 1.5}], "min": 1.5, "max": 1.5}]}},
        {"name": "h", "exponentialHistogram": {"dataPoints": [{"count": "1", "sum": 1.5,
            "positive": {"offset": 3, "bucketCounts": ["1"]}, "zeroThreshold": 0.5}]}},
        {"name": "h", "summary": {"dataPoints": [{"sum": 1.5}]}},
    ]);
    let want = json!([
        {"name": "h", "histogram": {"dataPoints": [{"count": "1", "sum": 3, "bucketCounts": ["0", "1"],
            "explicitBounds": [2], "exemplars": [{"asDouble": 3}], "min": 3, "max": 3}]}},
        {"name": "h", "exponentialHistogram": {"dataPoints": [{"count": "1", "sum": 3,
            "positive": {"offset": 4, "bucketCounts": ["1"]}, "negative": {}, "zeroThreshold": 1}]}},
        {"name": "h", "summary": {"dataPoints": [{"sum": 1.5}]}},
    ]);
    assert_eq!(metrics(transforms, source).await, want);
}

#[tokio::test]
async fn points_that_are_alike_become_one() {
    let source = json!([gauge(
        "m",
        &[
            point(1, &["host=a", "s=user"]),
            point(3, &["host=a", "s=system"]),
            point(8, &["host=b", "s=idle"]),
        ]
    )]);
    for (operation, want) in [
        (
            "{action: aggregate_labels, label_set: [host], aggregation_type: sum}",
            vec![point(4, &["host=a"]), point(8, &["host=b"])],
        ),
        ("{action: aggregate_labels, aggregation_type: max}", vec![point(8, &[])]),
        (
            "{action: aggregate_labels, label_set: [host]}",
            vec![point(1, &["host=a"]), point(8, &["host=b"])],
        ),
        (
            "{action: aggregate_label_values, label: s, aggregated_values: [user, system], new_value: busy, \
              aggregation_type: mean}",
            vec![point(2, &["host=a", "s=busy"]), point(8, &["host=b", "s=idle"])],
        ),
    ] {
        let transforms = format!("[{{include: m, action: update, operations: [{operation}]}}]");
        assert_eq!(
            metrics(&transforms, source.clone()).await,
            json!([gauge("m", &want)]),
            "{operation}"
        );
    }
}

const COMBINE: &str = "[{include: '^http\\.(?P<method>[A-Za-z]*)\\.(\\d*)$', match_type: regexp, action: combine, new_name: http, \
     aggregation_type: sum, submatch_case: lower}]";

#[tokio::test]
async fn metrics_are_combined_and_their_names_become_labels() {
    let source = json!([
        gauge("http.GET.1", &[point(1, &["a=b"])]),
        gauge("other", &[point(5, &[])]),
        gauge("http.PUT.", &[point(2, &["a=b"])]),
        gauge("http.get.1", &[point(4, &["a=b"])]),
    ]);
    assert_eq!(
        metrics(COMBINE, source).await,
        json!([
            gauge("other", &[point(5, &[])]),
            gauge(
                "http",
                &[point(5, &["a=b", "method=get", "$2=1"]), point(2, &["a=b", "method=put"]),]
            ),
        ])
    );
}

#[test]
fn metrics_that_differ_are_not_combined_and_the_log_says_why() {
    let first = json!({"name": "http.a.1", "unit": "s", "sum": {"dataPoints": [point(1, &["a=b"])],
        "aggregationTemporality": 1}});
    for (path, value, why) in [
        ("/unit", json!("ms"), "units"),
        ("/sum/aggregationTemporality", json!(2), "temporalities"),
        ("/sum/isMonotonic", json!(true), "monotonicity"),
        ("/sum/dataPoints/0/attributes", json!([]), "attributes"),
        (
            "",
            json!({"name": "http.b.1", "unit": "s", "gauge": {"dataPoints": [point(1, &["a=b"])]}}),
            "types",
        ),
    ] {
        let mut other = first.clone();
        other["name"] = json!("http.b.1");
        other["sum"]["isMonotonic"] = json!(false);
        *other.pointer_mut(path).expect("it is there") = value;
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (got, lines) =
            componenttest::captured(|| runtime.block_on(metrics(COMBINE, json!([first, other]))));
        let names: Vec<&Json> =
            got.as_array().into_iter().flatten().map(|it| &it["name"]).collect();
        assert_eq!(names, ["http.a.1", "http.b.1"], "{path}");
        assert!(lines.iter().any(|it| it.message.contains(why)), "{path}: {lines:?}");
    }
}

#[tokio::test]
async fn metrics_move_to_resources_of_their_own() {
    let section = "transforms: [
        {include: '^pod', match_type: regexp, action: group, group_resource_labels: {kind: pod, a: '2'}},
        {include: node, action: group, group_resource_labels: {kind: node}, experimental_match_labels: {s: x}},
        {include: pod.cpu, action: update, new_name: not.seen},
    ]";
    let request = json!({"resourceMetrics": [{
        "resource": {"attributes": [label("a", "1")]},
        "scopeMetrics": [{"scope": {"name": "s"}, "metrics": [
            gauge("pod.cpu", &[point(1, &[])]),
            gauge("node", &[point(1, &["s=x"]), point(2, &["s=y"])]),
            gauge("rest", &[point(1, &[])]),
        ]}],
    }]});
    let got = through::<MetricsTransform>(section, Signal::Metrics, &request).await;
    let resource = |labels: Json, metric: Json| {
        json!({
            "resource": {"attributes": labels},
            "scopeMetrics": [{"scope": {"name": "s"}, "metrics": [metric]}],
        })
    };
    assert_eq!(
        got,
        json!({"resourceMetrics": [
            resource(json!([label("a", "1")]), gauge("rest", &[point(1, &[])])),
            resource(json!([label("a", "2"), label("kind", "pod")]), gauge("pod.cpu", &[point(1, &[])])),
            resource(json!([label("a", "1"), label("kind", "node")]), gauge("node", &[point(1, &["s=x"])])),
        ]})
    );
}

#[tokio::test]
async fn scopes_do_not_see_each_other() {
    let section =
        "transforms: [{include: '.*', match_type: regexp, action: combine, new_name: all}]";
    let scope =
        |name: &str| json!({"scope": {"name": name}, "metrics": [gauge("m", &[point(1, &[])])]});
    let request = json!({"resourceMetrics": [
        {"scopeMetrics": [scope("a"), scope("b")]},
        {"scopeMetrics": [scope("c")]},
    ]});
    let got = through::<MetricsTransform>(section, Signal::Metrics, &request).await;
    let text = request.to_string().replace("\"m\"", "\"all\"");
    assert_eq!(got.to_string(), text);
}

#[tokio::test]
async fn copies_of_copies_have_an_end() {
    let double = "{include: m, action: insert, new_name: m},".repeat(20);
    let got = metrics(&format!("[{double}]"), json!([gauge("m", &[point(1, &[])])])).await;
    assert_eq!(got.as_array().map(Vec::len), Some(10_001));
}

#[tokio::test]
async fn what_cannot_be_combined_any_more_stays() {
    // Each doubles what is there, until no more can be added.
    let insert = "{include: m, action: insert, new_name: m},".repeat(14);
    let combine =
        "{include: ^m$, match_type: regexp, action: combine, new_name: n, aggregation_type: sum}";
    let got =
        metrics(&format!("[{insert} {combine}]"), json!([gauge("m", &[point(1, &[])])])).await;
    let names: Vec<&Json> = got.as_array().into_iter().flatten().map(|it| &it["name"]).collect();
    assert!(names.len() > 10_000 && names.iter().all(|it| *it == "m"), "{}", names.len());
}

#[test]
fn sections_that_make_no_sense_are_refused() {
    for (transform, want) in [
        ("{action: update}", r#"missing required field "include""#),
        (
            "{include: a, match_type: glob, action: update}",
            r#""match_type" must be in ["strict" "regexp"]"#,
        ),
        (
            "{include: '(', match_type: regexp, action: update}",
            r#""include", error parsing regexp: missing closing ): `(`"#,
        ),
        ("{include: a}", r#""action" must be in ["insert" "update" "combine" "group"]"#),
        (
            "{include: a, action: insert}",
            r#"missing required field "new_name" while "action" is insert"#,
        ),
        (
            "{include: a, action: group}",
            r#"missing required field "group_resource_labels" while "action" is group"#,
        ),
        (
            "{include: a, action: update, aggregation_type: avg}",
            r#""aggregation_type" must be in ["sum" "mean" "min" "max" "median" "count"]"#,
        ),
        (
            "{include: a, action: combine, submatch_case: title}",
            r#""submatch_case" must be in ["lower" "upper"]"#,
        ),
        (
            "{include: a, action: update, operations: [{action: toggle_scalar_data_type}, {action: frob}]}",
            r#"operation 2: "action" must be in ["add_label" "update_label" "delete_label_value" "toggle_scalar_data_type" "experimental_scale_value" "aggregate_labels" "aggregate_label_values"]"#,
        ),
        (
            "{include: a, action: update, operations: [{action: update_label}]}",
            r#"operation 1: missing required field "label" while "action" is update_label"#,
        ),
        (
            "{include: a, action: update, operations: [{action: add_label, new_label: b}]}",
            r#"operation 1: missing required field "new_value" while "action" is add_label"#,
        ),
        (
            "{include: a, action: update, operations: [{action: experimental_scale_value}]}",
            r#"operation 1: missing required field "experimental_scale" while "action" is experimental_scale_value"#,
        ),
        (
            "{include: a, match_type: regexp, action: update, experimental_match_labels: {a: '['}}",
            "error parsing regexp: missing closing ]: `[`",
        ),
    ] {
        let section = format!("transforms: [{transform}]");
        let found = plan::<MetricsTransform>(&section, Signal::Metrics).err().unwrap_or_default();
        assert!(found.iter().any(|it| it.ends_with(want)), "{transform}: {found:?}");
    }
}
