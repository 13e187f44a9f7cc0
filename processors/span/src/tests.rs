use component::Signal;
use componenttest::{plan, through};
use serde_json::{Value as Json, json};

use crate::Span;

componenttest::conformance!(processor Span, "{status: {code: Ok}}");

/// A span after the processor.
async fn span(section: &str, span: Json) -> Json {
    let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    let got = through::<Span>(section, Signal::Traces, &request).await;
    got["resourceSpans"][0]["scopeSpans"][0]["spans"][0].clone()
}

fn text(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

#[tokio::test]
async fn a_name_is_made_of_attributes_if_all_are_there() {
    let attributes = json!([
        text("m", "GET"),
        {"key": "n", "value": {"intValue": "200"}},
        {"key": "d", "value": {"doubleValue": 2.5}},
        {"key": "b", "value": {"boolValue": true}},
        {"key": "l", "value": {"arrayValue": {"values": []}}},
    ]);
    for (keys, want) in [
        ("m, n", "GET::200"),
        ("d, b", "2.5::true"),
        ("l", "<unknown-attribute-type>"),
        ("m, nope", "old"),
    ] {
        let section = format!("{{name: {{from_attributes: [{keys}], separator: '::'}}}}");
        let got = span(&section, json!({"name": "old", "attributes": attributes})).await;
        assert_eq!(got["name"], want, "{keys}");
    }
}

#[tokio::test]
async fn parts_of_a_name_become_attributes() {
    let rules = "['^/api/(?P<version>v\\d+)/(?P<rest>.*)$', '(?P<last>[a-z]+)$']";
    for (more, want, attributes) in [
        ("", "/api/{version}/{rest}", json!([text("version", "v1"), text("rest", "doc/update")])),
        (
            ", break_after_match: true, keep_original_name: true",
            "/api/v1/doc/update",
            json!([text("version", "v1"), text("rest", "doc/update")]),
        ),
        (
            ", keep_original_name: true",
            "/api/v1/doc/update",
            json!([text("version", "v1"), text("rest", "doc/update"), text("last", "update")]),
        ),
    ] {
        let section = format!("{{name: {{to_attributes: {{rules: {rules}{more}}}}}}}");
        let got = span(&section, json!({"name": "/api/v1/doc/update"})).await;
        assert_eq!((&got["name"], &got["attributes"]), (&json!(want), &attributes), "{more}");
    }
    // A group that took no part, and a group within a group.
    let section = "{name: {to_attributes: {rules: ['(?P<a>x(?P<b>y))(?P<c>z)?']}}}";
    let got = span(section, json!({"name": "1xy2"})).await;
    assert_eq!(got["name"], "1{a}2");
}

#[tokio::test]
async fn the_status_of_chosen_spans_is_set() {
    let section = "{include: {match_type: strict, span_names: [w]}, status: {code: Error, description: forced}}";
    let got = span(section, json!({"name": "w", "status": {"code": 1, "message": "m"}})).await;
    assert_eq!(got["status"], json!({"code": 2, "message": "forced"}));
    let got = span(section, json!({"name": "x", "status": {"code": 1}})).await;
    assert_eq!(got["status"], json!({"code": 1}));
    let got =
        span("{status: {code: Ok}}", json!({"name": "w", "status": {"code": 2, "message": "m"}}))
            .await;
    assert_eq!(got["status"], json!({"code": 1}));
}

#[test]
fn sections_that_make_no_sense_are_refused() {
    for (section, want) in [
        (
            "{}",
            "either \"from_attributes\" or \"to_attributes\" must be specified in \"name:\" or \"setStatus\" must be specified",
        ),
        (
            "{status: {code: ok}}",
            "\"status\" must have specified \"code\" as \"Ok\" or \"Error\" or \"Unset\"",
        ),
        (
            "{status: {code: Ok, description: x}}",
            "\"description\" can be specified only for \"code\" \"Error\"",
        ),
        ("{name: {to_attributes: {rules: ['(']}}}", "invalid regexp pattern ("),
        (
            "{include: {match_type: strict}, status: {code: Ok}}",
            "at least one of \"attributes\", \"libraries\"",
        ),
    ] {
        let found = plan::<Span>(section, Signal::Traces).err().unwrap_or_default();
        assert!(found.iter().any(|it| it.contains(want)), "{section}: {found:?}");
    }
}
