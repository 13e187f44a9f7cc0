//! Processors of metrics beside the Go Collector: both get the same requests, and both have to say the same.

use std::fmt::Write as _;
use std::path::Path;

use componenttest::Sink;
use serde_json::{Value as Json, json};

use crate::support::{Endpoint, Process, SLUICE, own_address, part, post};

/// Tells this test's addresses from those of others.
const ADDRESS: u8 = 135;

/// A section, and the metrics of the requests that it gets, one after the other.
struct Case {
    section: &'static str,
    requests: Vec<Json>,
}

fn point(time: u64, value: Json, labels: &[(&str, &str)]) -> Json {
    let labels: Vec<Json> = (labels.iter())
        .map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}))
        .collect();
    let mut point = json!({"startTimeUnixNano": "1000", "timeUnixNano": time.to_string(), "attributes": labels});
    merge(&mut point, value);
    point
}

fn merge(into: &mut Json, more: Json) {
    into.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
}

fn int(value: i64) -> Json {
    json!({"asInt": value.to_string()})
}

/// A metric of this kind: `gauge`, `sum`...; of a temporality, which is not written if it is 0.
fn metric(name: &str, kind: &str, temporality: u8, points: Json) -> Json {
    let mut data = json!({"dataPoints": points});
    if temporality > 0 {
        data["aggregationTemporality"] = json!(temporality);
    }
    if kind == "sum" {
        data["isMonotonic"] = json!(true);
    }
    json!({"name": name, "unit": "1", kind: data})
}

fn exponential(
    time: u64,
    count: u64,
    scale: i32,
    zero: (u64, f64),
    positive: (i32, &[u64]),
) -> Json {
    let counts: Vec<String> = positive.1.iter().map(u64::to_string).collect();
    point(
        time,
        json!({"count": count.to_string(), "sum": count as f64, "scale": scale, "zeroCount": zero.0.to_string(),
            "zeroThreshold": zero.1, "min": 1.0, "max": 9.0,
            "positive": {"offset": positive.0, "bucketCounts": counts},
            "negative": {"offset": 1, "bucketCounts": ["1", "2"]}}),
        &[],
    )
}

fn histogram(time: u64, counts: [u64; 3], bounds: [f64; 2]) -> Json {
    let count: u64 = counts.iter().sum();
    let more = json!({"count": count.to_string(), "sum": count as f64 * 1.5, "bucketCounts": counts.map(|it| it.to_string()),
        "explicitBounds": bounds, "min": 0.5, "max": 7.0});
    point(time, more, &[("h", "1")])
}

/// Points of a metric of processors.
fn states(time: u64) -> Json {
    let of = |cpu: &str, state: &str, value| point(time, value, &[("cpu", cpu), ("state", state)]);
    json!([
        of("0", "user", int(7)),
        of("0", "system", int(4)),
        of("0", "idle", int(90)),
        of("1", "user", int(2)),
        of("1", "system", json!({"asDouble": 3.5})),
    ])
}

fn usage() -> Json {
    metric("cpu.time", "sum", 2, states(5000))
}

fn transforms() -> Vec<Case> {
    vec![
        Case {
            section: r"metricstransform: {transforms: [
                {include: cpu.time, action: insert, new_name: cpu.busy, experimental_match_labels: {state: user}, operations: [
                    {action: toggle_scalar_data_type}, {action: experimental_scale_value, experimental_scale: 0.5},
                    {action: add_label, new_label: from, new_value: copy},
                    {action: update_label, label: state, new_label: mode, value_actions: [{value: user, new_value: u}]}]},
                {include: '^cpu\.(?P<what>.*)$$', match_type: regexp, action: update, new_name: 'host.$${what}.$${1}', operations: [
                    {action: delete_label_value, label: state, label_value: idle},
                    {action: aggregate_label_values, label: state, aggregated_values: [user, system], new_value: busy,
                     aggregation_type: sum}]}]}",
            requests: vec![json!([usage(), metric("other", "gauge", 0, states(5000))])],
        },
        Case {
            section: r"metricstransform: {transforms: [
                {include: '^web\.(?P<method>.*)\.requests\.(\d+)$$', match_type: regexp, action: combine, new_name: web.requests,
                 aggregation_type: sum, operations: [{action: aggregate_labels, label_set: [method], aggregation_type: max}]},
                {include: '^k8s\.', match_type: regexp, action: group, group_resource_labels: {kind: k8s, service.name: x}},
                {include: mixed, action: update, new_name: all, experimental_match_labels: {state: user}, operations: [
                    {action: add_label, new_label: never, new_value: seen},
                    {action: experimental_scale_value, experimental_scale: 10}]}]}",
            requests: vec![json!([
                metric("web.get.requests.1", "sum", 2, json!([point(7, int(3), &[])])),
                metric("web.get.requests.2", "sum", 2, json!([point(7, int(5), &[])])),
                metric("web.put.requests.1", "sum", 2, json!([point(7, int(1), &[])])),
                metric("k8s.pod", "gauge", 0, json!([point(7, int(1), &[])])),
                metric("mixed", "gauge", 0, states(5)),
            ])],
        },
        Case {
            section: "metricstransform: {transforms: [{include: '.*', match_type: regexp, action: update, operations: [
                {action: experimental_scale_value, experimental_scale: 3.7}]}]}",
            requests: vec![json!([
                metric("e", "exponentialHistogram", 2, json!([exponential(9, 9, 3, (1, 0.25), (-2, &[1, 2, 3]))])),
                metric("h", "histogram", 2, json!([histogram(9, [1, 2, 3], [1.0, 2.5])])),
                metric("g", "gauge", 0, states(9)),
            ])],
        },
    ]
}

fn to_delta() -> Case {
    Case {
        section: "cumulativetodelta: {initial_value: keep, exclude: {match_type: regexp, metrics: [^not]}}",
        requests: [
            (10, [1, 2, 3], [1.0, 2.0], (9, 2, (1, 0.0), (0, &[1, 2, 3, 4][..])), int(5)),
            (20, [2, 2, 5], [1.0, 2.0], (14, 2, (2, 0.0), (1, &[3, 3, 6, 1])), int(9)),
            (30, [2, 3, 5], [1.0, 2.0], (19, 1, (2, 0.0), (0, &[6, 8, 2])), int(9)),
            (40, [0, 1, 0], [1.0, 2.0], (40, 1, (30, 1.5), (1, &[9, 3])), int(2)),
            (50, [0, 1, 2], [1.0, 3.0], (50, 0, (30, 1.5), (0, &[5, 13])), int(4)),
        ]
        .map(|(time, counts, bounds, (count, scale, zero, positive), value)| {
            json!([
                metric("h", "histogram", 2, json!([histogram(time, counts, bounds)])),
                metric(
                    "e",
                    "exponentialHistogram",
                    2,
                    json!([exponential(time, count, scale, zero, positive)])
                ),
                metric(
                    "s",
                    "sum",
                    2,
                    json!([point(time, value.clone(), &[]), point(time, json!({"flags": 1}), &[])])
                ),
                metric(
                    "d",
                    "sum",
                    2,
                    json!([point(time, json!({"asDouble": time as f64 / 8.0}), &[])])
                ),
                metric("not.this", "sum", 2, json!([point(time, value, &[])])),
            ])
        })
        .into(),
    }
}

fn to_cumulative() -> Case {
    Case {
        section: "deltatocumulative: {}",
        requests: [
            (10, [1, 2, 3], [1.0, 2.0], (9, 4, (1, 0.0), (0, &[1, 2, 3, 4][..])), int(5)),
            (20, [2, 2, 5], [1.0, 2.0], (14, 2, (2, 0.0), (-3, &[3, 3, 6, 1])), int(-2)),
            (15, [9, 9, 9], [1.0, 2.0], (14, 2, (2, 0.0), (-3, &[3, 3, 6, 1])), int(7)),
            (30, [2, 3, 5], [1.0, 2.0], (19, 3, (2, 1.5), (4, &[6, 8, 2])), int(9)),
            (40, [0, 1, 0], [1.0, 3.0], (40, 5, (9, 0.0), (500, &[9, 3])), int(2)),
            (50, [0, 1, 2], [1.0, 3.0], (50, 5, (9, 1.5), (-9, &[5, 13])), int(4)),
        ]
        .map(|(time, counts, bounds, (count, scale, zero, positive), value)| {
            json!([
                metric("h", "histogram", 1, json!([histogram(time, counts, bounds)])),
                metric(
                    "e",
                    "exponentialHistogram",
                    1,
                    json!([exponential(time, count, scale, zero, positive)])
                ),
                metric(
                    "s",
                    "sum",
                    1,
                    json!([
                        point(time, value.clone(), &[]),
                        point(time, value, &[("other", "one")])
                    ])
                ),
                metric("c", "sum", 2, json!([point(time, int(1), &[])])),
            ])
        })
        .into(),
    }
}

/// Requests of metrics without a start: they grow, have no value once, begin anew, and grow again.
fn without_start() -> Vec<Json> {
    const SECOND: u64 = 1_000_000_000;
    let unknown = |it: Json| {
        let mut point = it;
        merge(&mut point, json!({"startTimeUnixNano": "0"}));
        json!([point])
    };
    [
        (10, 5, [1, 2, 3], (9, 2, (1, 0.0), (0, &[1, 2, 3, 4][..])), 0),
        (20, 9, [2, 2, 5], (14, 2, (2, 0.0), (0, &[3, 3, 6, 5])), 0),
        (30, 9, [2, 2, 5], (14, 2, (2, 0.0), (0, &[3, 3, 6, 5])), 1),
        (40, 2, [0, 1, 0], (4, 2, (0, 0.0), (1, &[1, 2, 1])), 0),
        (50, 4, [0, 1, 2], (6, 2, (0, 0.0), (1, &[2, 2, 1])), 0),
    ]
    .map(|(time, value, counts, (count, scale, zero, positive), flags)| {
        let time = time * SECOND;
        let flagged = |it: Json| {
            let mut point = it;
            merge(&mut point, json!({"flags": flags}));
            unknown(point)
        };
        let begun = point(time, json!({"asDouble": 5.25}), &[]);
        let summary = json!({"count": (value * 2).to_string(), "sum": value as f64 * 1.5});
        json!([
            metric("process_start_time_seconds", "gauge", 0, unknown(begun)),
            metric("s", "sum", 2, flagged(point(time, int(value), &[]))),
            metric(
                "d",
                "sum",
                2,
                unknown(point(time, json!({"asDouble": value as f64 / 8.0}), &[]))
            ),
            metric("with", "sum", 2, json!([point(time, int(value), &[])])),
            metric("h", "histogram", 2, unknown(histogram(time, counts, [1.0, 2.0]))),
            metric(
                "e",
                "exponentialHistogram",
                2,
                unknown(exponential(time, count, scale, zero, positive))
            ),
            metric("y", "summary", 0, unknown(point(time, summary, &[]))),
        ])
    })
    .into()
}

fn starts() -> impl Iterator<Item = Case> {
    let sections = [
        "metric_start_time: {}",
        "metric_start_time: {strategy: subtract_initial_point}",
        "metric_start_time: {strategy: start_time_metric}",
        "metric_start_time: {strategy: start_time_metric, start_time_metric_regex: ^process_.+_seconds$$}",
    ];
    sections.into_iter().map(|section| Case { section, requests: without_start() })
}

fn cases() -> Vec<Case> {
    let aggregates = ["sum", "mean", "min", "max", "median", "count"].map(|aggregation| {
        let section = format!(
            "metricstransform: {{transforms: [{{include: cpu.time, action: update, operations: [{{action: aggregate_labels, \
             label_set: [cpu], aggregation_type: {aggregation}}}]}}]}}"
        );
        Case { section: section.leak(), requests: vec![json!([usage()])] }
    });
    let own = transforms().into_iter().chain([to_delta(), to_cumulative()]);
    own.chain(starts()).chain(aggregates).collect()
}

/// One pipeline for each case, and who receives what comes out of it.
async fn collector(
    program: &Path,
    folder: &Path,
    port: usize,
    cases: &[Case],
) -> (Process, Vec<(Sink, Endpoint)>) {
    let mut sinks = Vec::new();
    let (mut receivers, mut processors, mut exporters, mut pipelines) = (
        "receivers:\n".to_owned(),
        "processors:\n".to_owned(),
        "exporters:\n".to_owned(),
        String::new(),
    );
    let address = own_address(ADDRESS);
    for (at, case) in cases.iter().enumerate() {
        let sink = Sink::new();
        let end = Endpoint::start(sink.next()).await;
        let (kind, section) = case.section.split_once(':').unwrap();
        let _ = writeln!(
            receivers,
            "  otlp/{at}: {{protocols: {{http: {{endpoint: '{address}:{}'}}}}}}",
            port + at
        );
        let _ = writeln!(processors, "  {kind}/{at}: {section}");
        let _ = writeln!(
            exporters,
            "  otlp_http/{at}: {{endpoint: '{}', sending_queue: {{enabled: false}}, retry_on_failure: {{enabled: false}}}}",
            end.http
        );
        let _ = writeln!(
            pipelines,
            "    metrics/{at}: {{receivers: [otlp/{at}], processors: [{kind}/{at}], exporters: [otlp_http/{at}]}}"
        );
        sinks.push((sink, end));
    }
    let yaml = format!(
        "{receivers}{processors}{exporters}service:\n  telemetry: {{metrics: {{level: none}}}}\n  pipelines:\n{pipelines}"
    );
    let mut process = Process::collector(program, folder, &yaml);
    process.ready().await;
    (process, sinks)
}

/// Each point that came, with all that is around it, in an order that says nothing.
fn points(sink: &Sink) -> Vec<String> {
    let mut all = Vec::new();
    for data in sink.received() {
        let mut text = Vec::new();
        data.to_json(&mut text);
        let request: Json = serde_json::from_slice(&text).unwrap();
        for resource in request["resourceMetrics"].as_array().into_iter().flatten() {
            for scope in resource["scopeMetrics"].as_array().into_iter().flatten() {
                for metric in scope["metrics"].as_array().into_iter().flatten() {
                    let mut around = metric.clone();
                    let kinds = around.as_object_mut().unwrap();
                    let data =
                        kinds.values_mut().find_map(|it| it.get_mut("dataPoints")).map(Json::take);
                    for mut point in
                        data.as_ref().and_then(Json::as_array).into_iter().flatten().cloned()
                    {
                        normalise(&mut point);
                        let mut resource = resource["resource"].clone();
                        normalise(&mut resource);
                        let item = [resource, scope["scope"].clone(), around.clone(), point];
                        all.push(item.map(in_order).map(|it| it.to_string()).join(" "));
                    }
                }
            }
        }
    }
    all.sort();
    all
}

/// With its keys in an order of their own: they come as they stood on the wire.
fn in_order(it: Json) -> Json {
    match it {
        Json::Object(fields) => {
            let sorted: std::collections::BTreeMap<String, Json> =
                fields.into_iter().map(|(key, it)| (key, in_order(it))).collect();
            json!(sorted)
        }
        Json::Array(list) => list.into_iter().map(in_order).collect(),
        other => other,
    }
}

/// Sorts attributes, and leaves out what is as good as absent.
fn normalise(it: &mut Json) {
    let Some(fields) = it.as_object_mut() else { return };
    if let Some(Json::Array(list)) = fields.get_mut("attributes") {
        list.sort_by_key(|it| it["key"].to_string());
    }
    // The last digits of an exponential are not the same everywhere.
    if let Some(threshold) = fields.get_mut("zeroThreshold") {
        *threshold = json!((threshold.as_f64().unwrap_or_default() * 1e9).round());
    }
    for side in ["positive", "negative"] {
        if let Some(Json::Object(buckets)) = fields.get_mut(side) {
            buckets.retain(|_, it| *it != json!(0));
            // Empty buckets around the others say nothing.
            let counts =
                buckets.get("bucketCounts").and_then(Json::as_array).cloned().unwrap_or_default();
            let offset = buckets.get("offset").and_then(Json::as_i64).unwrap_or_default();
            let filled = (offset..).zip(counts).filter(|it| it.1 != "0");
            let filled: Vec<String> = filled.map(|(at, count)| format!("{at}: {count}")).collect();
            fields.insert(side.to_owned(), json!(filled));
        }
    }
    fields.retain(|_, it| ![json!(0), json!("0"), json!(0.0), json!([])].contains(it));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_changed_as_the_go_collector_changes_them() {
    let Some(otelcol) = part("otelcol") else { return };
    let folder = tempfile::tempdir().unwrap();
    let cases = cases();
    let (ours, our_sinks) = collector(Path::new(SLUICE), folder.path(), 4100, &cases).await;
    let (theirs, their_sinks) = collector(&otelcol, folder.path(), 4200, &cases).await;
    let address = own_address(ADDRESS);
    for (at, case) in cases.iter().enumerate() {
        for metrics in &case.requests {
            let request = json!({"resourceMetrics": [{
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
                "scopeMetrics": [{"scope": {"name": "s", "version": "1"}, "metrics": metrics}],
            }]});
            for (process, base) in [(&ours, 4100), (&theirs, 4200)] {
                let port = u16::try_from(base + at).unwrap();
                let answer = post(&address, port, "metric", request.to_string().as_bytes());
                assert_eq!(answer, "HTTP/1.1 200 OK", "{}", process.output());
            }
        }
    }
    for ((case, ours), theirs) in cases.iter().zip(our_sinks).zip(their_sinks) {
        let (ours, theirs) = (points(&ours.0), points(&theirs.0));
        assert!(!theirs.is_empty(), "{}", case.section);
        assert_eq!(ours, theirs, "{}", case.section);
    }
}
