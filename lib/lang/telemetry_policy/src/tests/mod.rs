//! What policies do to records. The suite of other implementations runs through the program (`tests/policies.rs`).

mod indexing;
mod mistakes;
mod rego;

use pdata::{Data, Limits, Signal};
use serde_json::{Value as Json, json};

use crate::{Engine, Policies};

/// Policies of a text in which nothing is wrong.
#[track_caller]
fn policies(text: &str) -> Policies {
    let policies = Policies::read([("p.yaml", text)]);
    assert!(policies.mistakes.is_empty(), "{}", policies.mistakes[0]);
    policies
}

#[track_caller]
fn engine(text: &str) -> Engine {
    Engine::new(&policies(text).list, None)
}

fn data(signal: Signal, request: &Json) -> Data {
    Data::from_json(signal, request.to_string().as_bytes(), &Limits::default()).unwrap()
}

fn attribute(key: &str, value: &Json) -> Json {
    json!({"key": key, "value": value})
}

/// A request with log records, below a resource of the service `cart`.
fn logs(records: &[Json]) -> Data {
    let resource =
        json!({"attributes": [attribute("service.name", &json!({"stringValue": "cart"}))]});
    let scopes = json!([{"scope": {"name": "lib"}, "logRecords": records}]);
    data(Signal::Logs, &json!({"resourceLogs": [{"resource": resource, "scopeLogs": scopes}]}))
}

fn json_of(data: &Data) -> Json {
    let mut text = Vec::new();
    data.to_json(&mut text);
    serde_json::from_slice(&text).unwrap()
}

/// Whether a policy with this matcher, in YAML, matches this log record.
#[track_caller]
fn matches(matcher: &str, record: &Json) -> bool {
    let text = format!("id: a\nname: a\nlog: {{match: [{{{matcher}}}], keep: none}}");
    engine(&text).apply(&logs(std::slice::from_ref(record))).data.is_empty()
}

/// What a log policy with this transform, in YAML, makes of a log record.
#[track_caller]
fn changed(transform: &str, record: &Json) -> Json {
    let text = format!(
        "id: a\nname: a\nlog: {{match: [{{resource_attribute: service.name, exists: true}}], transform: {{{transform}}}}}"
    );
    let json = json_of(&engine(&text).apply(&logs(std::slice::from_ref(record))).data);
    json["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0].clone()
}

fn body(text: &str) -> Json {
    json!({"body": {"stringValue": text}})
}

fn with(key: &str, value: Json) -> Json {
    json!({"attributes": [attribute(key, &value)]})
}

#[test]
fn texts_are_compared_as_the_matcher_says() {
    let record = json!({"body": {"stringValue": "GET /Health"}, "severityText": "Info"});
    for (matcher, want) in [
        ("log_field: body, exact: GET /Health", true),
        ("log_field: body, exact: GET", false),
        ("log_field: LOG_FIELD_BODY, equals: GET /Health", true),
        ("logField: body, startsWith: GET", true),
        ("log_field: body, starts_with: get", false),
        ("log_field: body, starts_with: get, case_insensitive: true", true),
        ("log_field: body, ends_with: Health", true),
        ("log_field: body, contains: ' /'", true),
        ("log_field: body, contains: HEALTH, case_insensitive: true", true),
        ("log_field: body, regex: '^GET\\s'", true),
        ("log_field: body, regex: '^get', case_insensitive: true", true),
        ("log_field: body, regex: '^POST'", false),
        ("log_field: body, regex: '^POST', negate: true", true),
        ("log_field: severity_text, exact: INFO, case_insensitive: true", true),
        ("log_field: severity_text, equals: INFO, case_insensitive: true", true),
        ("log_field: severity_text, equals: INFO", false),
        ("scope_attribute: a, exists: true", false),
        ("resource_attribute: [service.name], equals: cart", true),
    ] {
        assert_eq!(matches(matcher, &record), want, "{matcher}");
    }
}

#[test]
fn values_are_compared_with_their_types() {
    let number = with("n", json!({"intValue": "200"}));
    for (matcher, want) in [
        ("equals: 200", true),
        ("equals: 200.0", true),
        ("equals: {int_value: '200'}", true),
        ("equals: '200'", false),
        ("gte: 200", true),
        ("gt: 200", false),
        ("lt: 200.5", true),
        ("lte: 199.9", false),
        ("contains: '2'", false),
        ("contains: '2', negate: true", true),
    ] {
        assert_eq!(matches(&format!("log_attribute: n, {matcher}"), &number), want, "{matcher}");
    }
    let large = with("n", json!({"intValue": "9007199254740993"}));
    assert!(matches("log_attribute: n, gt: 9007199254740992", &large));
    assert!(!matches("log_attribute: n, equals: 9007199254740992", &large));
    let truth = with("n", json!({"boolValue": true}));
    assert!(matches("log_attribute: n, equals: true", &truth));
    assert!(!matches("log_attribute: n, equals: 'true'", &truth));
    assert!(!matches("log_attribute: n, gt: 0", &truth));
    let bytes = with("n", json!({"bytesValue": "3q2+7w=="}));
    assert!(matches("log_attribute: n, equals: {hex_value: DEADBEEF}", &bytes));
    assert!(matches("log_attribute: n, equals: {bytes_value: '3q2+7w=='}", &bytes));
    assert!(matches("log_attribute: n, starts_with: dead", &bytes));
    assert!(!matches("log_attribute: n, equals: deadbeef", &bytes));
}

#[test]
fn ids_are_bytes_that_people_write_in_hex() {
    let record = json!({"traceId": "4bf92f3577b34da6a3ce929d0e0e4736"});
    for (matcher, want) in [
        ("equals: {hex_value: 4bf92f3577b34da6a3ce929d0e0e4736}", true),
        ("equals: 4BF92F3577B34DA6A3CE929D0E0E4736", true),
        ("exact: 4bf92f3577b34da6a3ce929d0e0e4736", true),
        ("equals: {hex_value: 4bf92f35}", false),
        ("starts_with: 4bf9", true),
        ("regex: '36$'", true),
        ("exists: true", true),
        ("gt: 1", false),
    ] {
        assert_eq!(matches(&format!("log_field: trace_id, {matcher}"), &record), want, "{matcher}");
    }
}

#[test]
fn what_is_missing_matches_nothing_but_its_absence() {
    let record = with("empty", json!({"stringValue": ""}));
    for (matcher, want) in [
        ("log_field: body, exists: true", false),
        ("log_field: body, exists: false", true),
        ("log_field: body, exists: false, negate: true", false),
        ("log_field: body, exact: x, negate: true", true),
        ("log_attribute: empty, exists: true", true),
        ("log_attribute: empty, regex: '^$'", true),
        ("log_attribute: none, regex: '.*'", false),
        ("log_attribute: [empty, inside], exists: true", false),
    ] {
        assert_eq!(matches(matcher, &record), want, "{matcher}");
    }
    assert!(!matches("log_field: body, exists: true", &body("")));
}

#[test]
fn a_record_is_changed_in_the_order_of_the_stages() {
    let record = json!({"attributes": [
        attribute("a", &json!({"stringValue": "1"})), attribute("b", &json!({"stringValue": "2"})),
    ]});
    let transform = "add: [{log_attribute: a, value: new}], rename: [{from_log_attribute: b, to: c}], \
                     redact: [{log_attribute: b}], remove: [{log_attribute: a}]";
    let want = json!([
        attribute("c", &json!({"stringValue": "[REDACTED]"})),
        attribute("a", &json!({"stringValue": "new"})),
    ]);
    assert_eq!(changed(transform, &record)["attributes"], want);
}

#[test]
fn nested_attributes_are_changed_where_they_are() {
    let record = with(
        "http",
        json!({"kvlistValue": {"values": [
            attribute("auth", &json!({"stringValue": "Bearer x"})), attribute("ok", &json!({"intValue": "1"})),
        ]}}),
    );
    let inside = |json: Json| json["attributes"][0]["value"]["kvlistValue"]["values"].clone();
    let redacted =
        "redact: [{log_attribute: [http, auth], regex: '(Bearer ).*', replacement: '$1***'}]";
    let kept = attribute("ok", &json!({"intValue": "1"}));
    let want = json!([attribute("auth", &json!({"stringValue": "Bearer ***"})), kept]);
    assert_eq!(inside(changed(redacted, &record)), want);
    assert_eq!(inside(changed("remove: [{log_attribute: [http, auth]}]", &record)), json!([kept]));
    let renamed = changed("rename: [{from_log_attribute: [http, ok], to: ok}]", &record);
    assert_eq!(renamed["attributes"][1], kept);
    let text = with("http", json!({"stringValue": "x"}));
    assert_eq!(changed("add: [{log_attribute: [http, a], value: b}]", &text), changed("", &text));
}

#[test]
fn fields_are_changed() {
    let record =
        json!({"body": {"stringValue": "b"}, "traceId": "4bf92f3577b34da6a3ce929d0e0e4736"});
    let json = changed(
        "remove: [{log_field: trace_id}], add: [{log_field: severity_text, value: WARN}, {log_field: body, value: no}]",
        &record,
    );
    assert_eq!(
        (&json["severityText"], &json["body"]["stringValue"]),
        (&json!("WARN"), &json!("b"))
    );
    assert!(json.get("traceId").is_none_or(|it| it == ""));
    let masked = changed("redact: [{log_field: trace_id}]", &record);
    assert!(masked.get("traceId").is_none_or(|it| it == ""), "no id can hold the mask");
}

#[test]
fn what_records_share_is_changed_once() {
    let text = "id: a\nname: a\nlog: {match: [{log_field: body, exists: true}], \
                transform: {redact: [{resource_attribute: service.name, regex: '^', replacement: '+'}]}}";
    let json = json_of(&engine(text).apply(&logs(&[body("1"), body("2"), body("3")])).data);
    let name = &json["resourceLogs"][0]["resource"]["attributes"][0]["value"]["stringValue"];
    assert_eq!(name, "+cart");
}

#[test]
fn all_records_are_matched_before_any_is_changed() {
    let text = "- {id: a, name: a, log: {match: [{log_field: body, equals: first}], transform: {remove: [{resource_attribute: service.name}]}}}\n\
                - {id: b, name: b, log: {match: [{resource_attribute: service.name, exists: false}], keep: none}}";
    assert_eq!(engine(text).apply(&logs(&[body("first"), body("second")])).data.items(), 2);
}

/// Hits, misses and drops by id.
fn tallies(text: &str, records: &[Json]) -> (usize, Vec<(String, [u64; 3])>) {
    let engine = engine(text);
    let applied = engine.apply(&logs(records));
    let named = engine.named(Signal::Logs, &applied.tallies);
    let named = named.map(|(id, it)| (id.to_string(), [it.hits, it.misses, it.dropped]));
    (applied.data.items(), named.collect())
}

#[test]
fn the_most_restrictive_policy_decides_and_the_others_miss() {
    let policy = |id: &str, keep: &str| {
        format!(
            "- {{id: {id}, name: {id}, log: {{match: [{{log_field: body, exists: true}}], keep: {keep}}}}}\n"
        )
    };
    let set = |list: &[(&str, &str)]| -> String {
        list.iter().map(|(id, keep)| policy(id, keep)).collect()
    };
    let named = |list: &[(&str, [u64; 3])]| -> Vec<(String, [u64; 3])> {
        list.iter().map(|(id, it)| ((*id).to_owned(), *it)).collect()
    };
    let records = [body("1"), body("2"), body("3")];
    let of = |list: &[(&str, &str)]| tallies(&set(list), &records);
    let want = named(&[("a", [3, 0, 0]), ("b", [3, 0, 0])]);
    assert_eq!(of(&[("b", "all"), ("a", "all")]), (3, want));
    let want = named(&[("a", [0, 3, 0]), ("b", [3, 0, 3]), ("c", [0, 3, 0])]);
    assert_eq!(of(&[("a", "50%"), ("b", "none"), ("c", "none")]), (0, want));
    let want = named(&[("a", [1, 2, 0]), ("b", [3, 0, 2])]);
    assert_eq!(of(&[("a", "2/s"), ("b", "1/m")]), (1, want), "each rate counts for itself");
}

#[test]
fn points_are_dropped_one_by_one_and_metrics_as_a_whole() {
    let point = |env: &str| json!({"asInt": "1", "attributes": [attribute("env", &json!({"stringValue": env}))]});
    let metric =
        |name: &str, points: &[Json]| json!({"name": name, "gauge": {"dataPoints": points}});
    let metrics = [
        metric("a", &[point("dev"), point("prod")]),
        metric("b", &[point("dev")]),
        metric("c", &[point("prod")]),
    ];
    let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]});
    let text = "- {id: dev, name: d, metric: {match: [{datapoint_attribute: env, equals: dev}], keep: false}}\n\
                - {id: gauges, name: g, metric: {match: [{metric_type: METRIC_TYPE_GAUGE}], keep: true}}\n\
                - {id: no-c, name: c, metric: {match: [{metric_field: name, equals: c}], keep: false}}";
    let engine = engine(text);
    let applied = engine.apply(&data(Signal::Metrics, &request));
    let left = json_of(&applied.data);
    let left = &left["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left}");
    assert_eq!(left[0]["gauge"]["dataPoints"][0]["attributes"][0]["value"]["stringValue"], "prod");
    let named = engine.named(Signal::Metrics, &applied.tallies);
    let named: Vec<_> = named.map(|(id, it)| (id.to_string(), it.hits, it.misses)).collect();
    let want = [("dev", 2, 0), ("gauges", 1, 2), ("no-c", 1, 0)];
    assert_eq!(named, want.map(|(id, hits, misses)| (id.to_owned(), hits, misses)));
}

#[test]
fn spans_are_found_by_their_events_and_links() {
    let span = json!({
        "name": "s", "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "kind": 2, "status": {"code": 2},
        "events": [
            {"name": "start"},
            {"name": "exception", "attributes": [attribute("exception.type", &json!({"stringValue": "IoError"}))]},
        ],
        "links": [{"traceId": "00000000000000000000000000000001"}],
    });
    let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    let spans = data(Signal::Traces, &request);
    for (matcher, want) in [
        ("event_name: exception", true),
        ("event_name: exception, exists: false", false),
        ("event_name: end", false),
        ("event_attribute: exception.type, exists: true", true),
        ("event_attribute: exception.type, regex: '^Io'", true),
        ("event_attribute: exception.type, equals: ioerror, case_insensitive: true", true),
        ("event_attribute: exception.type, equals: ioerror", false),
        ("event_attribute: exception.type, contains: x", false),
        ("link_trace_id: '00000000000000000000000000000001'", true),
        ("link_trace_id: '02', negate: true", true),
        ("span_kind: SPAN_KIND_SERVER", true),
        ("span_kind: client, negate: true", true),
        ("span_status: ERROR", true),
        ("span_status: SPAN_STATUS_CODE_UNSPECIFIED", false),
    ] {
        let text =
            format!("id: a\nname: a\ntrace: {{match: [{{{matcher}}}], keep: {{percentage: 0}}}}");
        assert_eq!(engine(&text).apply(&spans).data.is_empty(), want, "{matcher}");
    }
}

#[test]
fn records_that_match_nothing_are_passed_on_as_they_are() {
    let before = logs(&[body("1"), body("2")]);
    let text = "id: a\nname: a\nlog: {match: [{log_field: body, equals: '3'}], keep: none}";
    let applied = engine(text).apply(&before);
    assert_eq!(applied.data.to_bytes().as_ptr(), before.to_bytes().as_ptr(), "no byte is copied");
    assert!(applied.tallies.is_empty());
}
