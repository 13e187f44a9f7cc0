//! A policy with a mistake does nothing, and is named with its place.

use super::{body, logs};
use crate::{Engine, Policies};

/// What is said of a log policy whose `log:` is this.
#[track_caller]
fn said(log: &str) -> Vec<String> {
    let text = format!("id: a\nname: a\nlog: {{{log}}}");
    let policies = Policies::read([("p.yaml", text.as_str())]);
    assert!(policies.list.is_empty(), "{log}");
    policies.mistakes.into_iter().map(|it| it.text).collect()
}

#[test]
fn mistakes_are_named_in_the_words_of_the_suite() {
    let of = |matcher: &str| said(&format!("match: [{{{matcher}}}], keep: none"));
    for (matcher, want) in [
        ("log_field: body, regex: '(['", "log: match[0]: invalid regex \"([\""),
        ("log_attribute: {}, exists: true", "log: match[0]: attribute has empty path"),
        ("log_attribute: [], exists: true", "log: match[0]: attribute has empty path"),
        ("exists: true", "log: match[0]: no field set"),
        ("log_field: body", "log: match[0]: no match condition set"),
        ("log_field: LOG_FIELD_UNSPECIFIED, exists: true", "log: match[0]: field is unspecified"),
        ("log_field: bdy, exists: true", "log: match[0]: unknown field \"bdy\""),
        (
            "log_field: body, log_attribute: a, exists: true",
            "log: match[0]: more than one field set",
        ),
        ("log_field: body, exact: a, regex: b", "log: match[0]: more than one match condition set"),
        ("log_field: body, exact: 1", "log: match[0]: exact must be a text"),
        ("log_field: body, negat: true, exact: a", "log: match[0]: unknown key \"negat\""),
        ("log_attribute: a, gt: 'x'", "log: match[0]: gt must be a number"),
        ("log_attribute: a, gt: true", "log: match[0]: gt must be a number"),
        ("log_attribute: a, equals: {}", "log: match[0]: equals: value is unset"),
        (
            "log_attribute: a, equals: {hex_value: xyz}",
            "log: match[0]: equals: invalid hex \"xyz\"",
        ),
        ("log_field: trace_id, exact: abc", "log: match[0]: exact: invalid hex \"abc\""),
        ("span_attribute: a, exists: true", "log: match[0]: unknown key \"span_attribute\""),
    ] {
        assert_eq!(of(matcher), [want], "{matcher}");
    }
    let matched = "match: [{log_field: body, exists: true}]";
    for (rest, want) in [
        ("keep: bogus", "log: keep: invalid value \"bogus\""),
        ("keep: 50", "log: keep: invalid value 50"),
        (
            "transform: {rename: [{from_log_attribute: a, to: ''}]}",
            "log: transform: rename[0]: to is empty",
        ),
        (
            "transform: {redact: [{log_attribute: a, regex: '('}]}",
            "log: transform: redact[0]: invalid regex \"(\"",
        ),
        ("transform: {remove: [{}]}", "log: transform: remove[0]: no field set"),
        ("transform: {drop: []}", "log: transform: unknown key \"drop\""),
        ("sample_key: {log_attribute: []}", "log: sample_key: attribute has empty path"),
    ] {
        assert_eq!(said(&format!("{matched}, {rest}")), [want], "{rest}");
    }
    assert_eq!(said("keep: none"), ["log: match is empty"]);
}

#[test]
fn all_mistakes_of_a_policy_are_named() {
    let all = said("match: [{log_field: body, regex: '(['}, {log_field: body}], keep: bogus");
    let want = [
        "log: keep: invalid value \"bogus\"",
        "log: match[0]: invalid regex \"([\"",
        "log: match[1]: no match condition set",
    ];
    assert_eq!(all, want);
}

#[test]
fn a_mistake_has_its_place_and_what_was_meant() {
    let text = "policies:\n  - id: a\n    name: a\n    log:\n      match:\n        - log_field: boddy\n          exists: true\n";
    let policies = Policies::read([("p.yaml", text)]);
    let mistake = &policies.mistakes[0];
    assert_eq!(mistake.place().as_deref(), Some("p.yaml:6:22"));
    let shown = mistake.to_string();
    assert!(
        shown.contains("        - log_field: boddy") && shown.contains("did you mean body?"),
        "{shown}"
    );
}

#[test]
fn a_policy_with_a_mistake_leaves_the_others_alone() {
    let text = "- {id: bad, name: bad, log: {match: [{log_field: body, regex: '(['}], keep: none}}\n\
                - {id: good, name: good, log: {match: [{log_field: body, exact: x}], keep: none}}\n\
                - {id: good, name: twice, log: {match: [{log_field: body, exact: y}], keep: none}}\n\
                - {id: off, name: off, enabled: false, log: {match: [{log_field: body, exact: y}], keep: none}}\n";
    let policies = Policies::read([("p.yaml", text)]);
    assert_eq!(policies.list.len(), 1);
    assert_eq!((policies.disabled, policies.mistakes.len()), (1, 2));
    assert_eq!(policies.mistakes[1].text, "the id is already that of the policy at p.yaml:2:8");
    let left = Engine::new(&policies.list, None).apply(&logs(&[body("x"), body("y")]));
    assert_eq!(left.data.items(), 1);
}

#[test]
fn documents_come_in_several_shapes() {
    let policy = "{id: ID, name: a, log: {match: [{log_field: body, exists: true}], keep: none}}";
    let of = |id: &str| policy.replace("ID", id);
    let ids = |text: &str| -> Vec<String> {
        let policies = Policies::read([("p", text)]);
        assert!(policies.mistakes.is_empty(), "{}", policies.mistakes[0]);
        policies.list.into_iter().map(|it| it.id).collect()
    };
    assert_eq!(ids(&of("a")), ["a"]);
    assert_eq!(ids(&format!("[{}, {}]", of("b"), of("a"))), ["a", "b"]);
    assert_eq!(ids(&format!("policies: [{}]\n---\n{}", of("a"), of("b"))), ["a", "b"]);
    assert!(ids("").is_empty() && ids("policies: []").is_empty() && ids("policies:").is_empty());
    // JSON that is no YAML: a character beyond 16 bits.
    let json = r#"{"id": "a", "name": "\ud83d\ude00", "log": {"match": [{"logField": "LOG_FIELD_BODY", "exists": true}]}}"#;
    assert_eq!(ids(json), ["a"]);
}

#[test]
fn what_is_no_document_is_named_with_its_place() {
    for (text, place) in
        [("a: [", "p:1:"), ("7", "p:1:1"), ("policies: 7", "p:1:11"), ("a: 1\na: 2\n", "p:2:1")]
    {
        let mistakes = Policies::read([("p", text)]).mistakes;
        let found = mistakes.first().and_then(crate::Mistake::place).unwrap_or_default();
        assert!(found.starts_with(place), "{text}: {found}");
    }
}
