use component::{Consumer as _, Context, Data, Processor as _, Signal};
use componenttest::{Sink, plan, problems, processor_settings};
use pdata::Limits;
use serde_json::{Value as Json, json};

use crate::{Attributes, Config};

componenttest::conformance!(
    processor Attributes,
    "{actions: [{key: zone, value: z1, action: upsert}]}"
);

const HIT: &str = "actions: [{key: hit, value: 1, action: upsert}]";

fn create(section: &str, signal: Signal, sink: &Sink) -> Result<Attributes, String> {
    let settings = processor_settings("attributes", signal);
    let plan = plan::<Attributes>(section, signal).map_err(|wrong| wrong.join("\n"))?;
    Ok(Attributes::create(settings, plan, sink.next()))
}

/// For each item of `request`, in order, whether the attribute `hit` was set on it.
async fn hits(section: &str, signal: Signal, request: &Json) -> Vec<bool> {
    let sink = Sink::new();
    let it = create(&format!("{{{section}, {HIT}}}"), signal, &sink).unwrap();
    let text = request.to_string();
    let data = Data::from_json(signal, text.as_bytes(), &Limits::default()).unwrap();
    let items = data.items();
    it.consume(&Context::default(), data).await.unwrap();
    let received = sink.received();
    assert_eq!(sink.items(), items);
    let hit = |it: pdata::AttributesRef<'_>| it.get("hit").is_some();
    match &received[0] {
        Data::Logs(it) => it.records().map(|it| hit(it.attributes())).collect(),
        Data::Traces(it) => it.spans().map(|it| hit(it.attributes())).collect(),
        Data::Metrics(it) => {
            let points = |it: pdata::Metric<'_>| -> Vec<bool> {
                it.points().map(|it| hit(it.attributes())).collect()
            };
            it.metrics().flat_map(points).collect()
        }
    }
}

#[track_caller]
fn check(section: &str, signal: Signal, request: &Json, want: &[bool]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(hits(section, signal, request)), want, "{section}");
}

fn attribute(key: &str, value: &Json) -> Json {
    json!({"key": key, "value": value})
}

/// A cart service with two scopes of one record each, and a billing service with one.
fn logs() -> Json {
    let resource = |name: &str| {
        json!({"attributes": [attribute("service.name", &json!({"stringValue": name})),
            attribute("replicas", &json!({"intValue": "3"}))]})
    };
    json!({"resourceLogs": [
        {"resource": resource("cart"), "scopeLogs": [
            {"scope": {"name": "lib.a", "version": "1"}, "logRecords": [
                {"severityNumber": 9, "severityText": "INFO", "body": {"stringValue": "logged in"},
                 "attributes": [attribute("user", &json!({"stringValue": "ann"})),
                    attribute("tags", &json!({"arrayValue": {"values": [{"intValue": "1"}]}}))]}]},
            {"scope": {"name": "lib.b"}, "logRecords": [
                {"severityNumber": 17, "severityText": "ERROR", "body": {"intValue": "42"},
                 "attributes": [attribute("user", &json!({"intValue": "7"}))]}]}]},
        {"resource": resource("billing"), "scopeLogs": [
            {"scope": {"name": "lib.a", "version": "2"}, "logRecords": [{}]}]}]})
}

#[test]
fn without_include_and_exclude_everything_is_meant() {
    let sections = ["include: null", "exclude: null"];
    for section in sections {
        check(section, Signal::Logs, &logs(), &[true, true, true]);
    }
}

#[test]
fn logs_are_chosen_by_each_of_their_properties() {
    for (properties, want) in [
        ("match_type: strict, log_bodies: [x, logged in]", [true, false, false]),
        ("match_type: strict, log_bodies: ['42']", [false, true, false]),
        ("match_type: regexp, log_bodies: ['^log']", [true, false, false]),
        ("match_type: regexp, log_severity_texts: ['ERR.*', WARN]", [false, true, false]),
        ("log_severity_number: {min: 17}", [false, true, false]),
        ("log_severity_number: {min: 9, match_undefined: true}", [true, true, true]),
        ("match_type: strict, attributes: [{key: user, value: ann}]", [true, false, false]),
        ("match_type: strict, attributes: [{key: user, value: 7}]", [false, true, false]),
        ("match_type: strict, attributes: [{key: user, value: '7'}]", [false, false, false]),
        ("match_type: regexp, attributes: [{key: user, value: '7|ann'}]", [true, true, false]),
        ("match_type: strict, attributes: [{key: tags, value: [1]}]", [true, false, false]),
        ("match_type: strict, attributes: [{key: user}, {key: tags}]", [true, false, false]),
        ("match_type: strict, resources: [{key: service.name, value: cart}]", [true, true, false]),
        ("match_type: regexp, resources: [{key: replicas, value: '\\d'}]", [true, true, true]),
        ("match_type: strict, libraries: [{name: lib.a}]", [true, false, true]),
        ("match_type: strict, libraries: [{name: lib.a, version: '2'}]", [false, false, true]),
        ("match_type: strict, libraries: [{name: lib.b, version: ''}]", [false, true, false]),
        (
            "match_type: strict, libraries: [{name: lib.a}], attributes: [{key: user}]",
            [true, false, false],
        ),
    ] {
        let without = want.map(|it| !it);
        check(&format!("include: {{{properties}}}"), Signal::Logs, &logs(), &want);
        check(&format!("exclude: {{{properties}}}"), Signal::Logs, &logs(), &without);
    }
}

#[test]
fn exclude_takes_away_from_include() {
    check(
        "include: {match_type: regexp, log_severity_texts: ['.+']}, \
         exclude: {match_type: strict, attributes: [{key: user, value: ann}]}",
        Signal::Logs,
        &logs(),
        &[false, true, false],
    );
}

#[test]
fn spans_are_chosen_by_service_name_and_kind() {
    let span = |name: &str, kind: i32| json!({"name": name, "kind": kind});
    let request = json!({"resourceSpans": [
        {"resource": {"attributes": [attribute("service.name", &json!({"stringValue": "cart"}))]},
         "scopeSpans": [{"spans": [span("GET /a", 2), span("work", 1)]}]},
        {"scopeSpans": [{"spans": [span("GET /b", 99)]}]}]});
    for (properties, want) in [
        ("match_type: strict, services: [cart]", [true, true, false]),
        ("match_type: strict, services: [<nil-service-name>]", [false, false, true]),
        ("match_type: regexp, span_names: ['^GET .*']", [true, false, true]),
        ("match_type: regexp, span_names: ['^GET'], services: ['^c']", [true, false, false]),
        ("match_type: strict, span_kinds: [SPAN_KIND_SERVER]", [true, false, false]),
        ("match_type: regexp, span_kinds: ['INTERNAL|SERVER']", [true, true, false]),
    ] {
        check(&format!("include: {{{properties}}}"), Signal::Traces, &request, &want);
    }
}

#[test]
fn metrics_are_chosen_by_name_and_resource() {
    let point = || json!([{"asInt": "1"}]);
    let request = json!({"resourceMetrics": [
        {"resource": {"attributes": [attribute("tier", &json!({"stringValue": "gold"}))]},
         "scopeMetrics": [{"metrics": [
            {"name": "a", "gauge": {"dataPoints": point()}},
            {"name": "b", "sum": {"dataPoints": point()}},
            {"name": "c", "histogram": {"dataPoints": [{"count": "1"}, {"count": "2"}]}}]}]},
        {"scopeMetrics": [{"metrics": [
            {"name": "a", "exponentialHistogram": {"dataPoints": [{"count": "1"}]}},
            {"name": "b", "summary": {"dataPoints": [{"count": "1"}]}}]}]}]});
    for (properties, want) in [
        ("match_type: strict, metric_names: [a, c]", [true, false, true, true, true, false]),
        ("match_type: regexp, metric_names: ['b|c']", [false, true, true, true, false, true]),
        (
            "match_type: strict, resources: [{key: tier, value: gold}]",
            [true, true, true, true, false, false],
        ),
    ] {
        check(&format!("include: {{{properties}}}"), Signal::Metrics, &request, &want);
    }
    check("include: null", Signal::Metrics, &request, &[true; 6]);
}

#[test]
fn mistakes_are_refused_in_the_collectors_words() {
    assert_eq!(problems::<Config>("{}"), ["missing required field \"actions\""]);
    for (signal, properties, want) in [
        (
            Signal::Logs,
            "",
            "at least one of \"attributes\", \"libraries\", \"span_kinds\", \"resources\", \"log_bodies\", \"log_severity_texts\" or \"log_severity_number\" field must be specified",
        ),
        (
            Signal::Logs,
            "services: [a]",
            "services, span_names, span_kinds and metric_names are not valid for log records",
        ),
        (
            Signal::Logs,
            "log_bodies: [a]",
            "error creating log record body filters: unrecognized match_type: '', valid types are: [regexp strict]",
        ),
        (
            Signal::Logs,
            "match_type: strict, attributes: [{value: 1}]",
            "error creating attribute filters: can't have empty key in the list of attributes",
        ),
        (
            Signal::Logs,
            "match_type: regexp, resources: [{key: k, value: 1}]",
            "error creating resource filters: match_type=regexp for \"k\" only supports Str, but found Int",
        ),
        (Signal::Traces, "log_bodies: [a]", "log_bodies should not be specified for trace spans"),
        (
            Signal::Traces,
            "match_type: strict",
            "at least one of \"attributes\", \"libraries\",  or \"resources\" field must be specified",
        ),
        (
            Signal::Traces,
            "match_type: strict, span_kinds: [server]",
            "span_kinds string must match one of the standard span kinds when match_type=strict: [SPAN_KIND_CLIENT SPAN_KIND_CONSUMER SPAN_KIND_INTERNAL SPAN_KIND_PRODUCER SPAN_KIND_SERVER]",
        ),
        (
            Signal::Metrics,
            "services: [a]",
            "\"span_names\", \"span_kinds\", \"log_bodies\", \"log_severity_texts\", \"log_severity_number\", \"services\", \"attributes\" and \"libraries\" are not valid for metrics",
        ),
        (
            Signal::Metrics,
            "match_type: strict",
            "at least one of \"metric_names\" or \"resources\" field must be specified",
        ),
    ] {
        let section = format!("{{include: {{{properties}}}, {HIT}}}");
        let error = create(&section, signal, &Sink::new()).err().unwrap();
        assert_eq!(error, want);
    }
    let error = create(
        "{include: {match_type: regexp, log_bodies: ['(']}, actions: [{key: a, action: delete}]}",
        Signal::Logs,
        &Sink::new(),
    );
    assert!(
        error.err().unwrap().starts_with("error creating log record body filters: error parsing")
    );
}
