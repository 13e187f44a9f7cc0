//! What is wrong with a configuration, in the Collector's words.

use super::*;

fn check(operators: Value, want: &str) {
    assert_eq!(compile(operators).unwrap_err(), want);
}

#[test]
fn sections_that_cannot_be_read() {
    check(json!([{ "id": "a" }]), "'operators[0]' missing required field 'type'");
    check(
        json!([{ "type": "noop" }, { "type": "jason_parser" }]),
        "'operators[1]' unsupported type 'jason_parser'",
    );
    check(
        json!([{ "type": "move", "from": "foo.bar", "to": "body" }]),
        "'operators[0]' unmarshal to move: decoding failed due to the following error(s):\n\n'from' unrecognized prefix",
    );
    check(
        json!([{ "type": "json_parser", "parse_ints": "yes" }]),
        "'operators[0]' unmarshal to json_parser: decoding failed due to the following error(s):\n\n'parse_ints' expected type 'bool', got unconvertible type 'string'",
    );
}

#[test]
fn what_cannot_be_read_is_said_before_what_cannot_be_built() {
    check(
        json!([{ "type": "regex_parser", "regex": "(" }, { "type": "nope" }]),
        "'operators[1]' unsupported type 'nope'",
    );
}

#[test]
fn sections_that_make_no_sense() {
    check(
        json!([{ "type": "time_parser", "parse_from": "body", "layout": "%Q" }]),
        "operators::0::builder: invalid strptime layout: invalid strptime format: [unsupported ctimefmt.ToNative() directive: %Q]",
    );
    check(
        json!([{ "type": "time_parser", "parse_from": "body", "layout_type": "fake", "layout": "x" }]),
        "operators::0::builder: unsupported layout_type fake",
    );
}

#[test]
fn expressions_that_do_not_compile() {
    check(
        json!([{ "type": "noop" }, { "type": "add", "field": "body", "value": 1, "if": "(((" }]),
        "failed to compile expression '(((': unexpected token EOF (1:3)\n | (((\n | ..^",
    );
    check(
        json!([{ "type": "filter", "expr": "1" }]),
        "failed to compile expression '1': expected bool, but got int",
    );
}

#[test]
fn operators_that_cannot_be_built() {
    check(
        json!([{ "type": "json_parser", "on_error": "panic" }]),
        "operator config has an invalid `on_error` field.: {\"on_error\":\"panic\"}",
    );
    check(
        json!([{ "type": "regex_parser", "regex": "(?P<a>" }]),
        "compiling regex: error parsing regexp: missing closing ): `(?P<a>`",
    );
    check(
        json!([{ "type": "regex_parser", "regex": "a" }]),
        "no named capture groups in regex pattern",
    );
    check(json!([{ "type": "regex_parser" }]), "missing required field 'regex'");
    check(
        json!([{ "type": "recombine", "combine_field": "body" }]),
        "one of is_first_entry and is_last_entry must be set",
    );
    check(
        json!([{ "type": "recombine", "is_last_entry": "true" }]),
        "missing required argument 'combine_field'",
    );
    check(
        json!([{ "type": "filter", "expr": "true", "drop_ratio": 2 }]),
        "drop_ratio must be a number between 0 and 1",
    );
    check(
        json!([{ "type": "json_parser", "parse_to": "body", "body": "attributes.x" }]),
        "`parse_to: body` not allowed when `body` is configured",
    );
    check(json!([{ "type": "severity_parser" }]), "missing required field 'parse_from'");
    let mapping = |it: Value| json!([{ "type": "severity_parser", "parse_from": "body", "mapping": { "error": it } }]);
    check(mapping(json!(1.5)), "type float64 cannot be parsed as a severity");
    check(mapping(json!([true])), "type bool cannot be parsed as a severity");
    check(mapping(json!([null])), "type <nil> cannot be parsed as a severity");
    check(mapping(json!([["x"]])), "type []interface {} cannot be parsed as a severity");
    let range = "type map[string]interface {} cannot be parsed as a severity";
    check(mapping(json!({ "min": 1 })), range);
    check(mapping(json!({ "min": 1, "max": "x" })), range);
}

#[test]
fn connections_that_lead_nowhere() {
    check(
        json!([{ "type": "noop", "output": "nowhere" }]),
        "operator 'nowhere' does not exist: {\"operator_id\":\"noop\"}",
    );
    check(
        json!([{ "type": "noop", "id": "a" }, { "type": "noop", "id": "a" }]),
        "operator with id 'a' already exists in pipeline",
    );
    check(
        json!([{ "type": "noop", "id": "a" }, { "type": "noop", "id": "b", "output": "a" }]),
        "pipeline has a circular dependency: {\"operator_id\":\"a\"}",
    );
}

#[test]
fn operators_without_an_id_are_numbered() {
    let operators = json!([
        { "type": "noop", "output": "noop2" },
        { "type": "add", "field": "attributes.x", "value": 1 },
        { "type": "noop", "output": ["noop2"] },
        { "type": "noop" },
        { "type": "add", "field": "attributes.y", "value": 2 },
    ]);
    assert_eq!(attributes(operators, "x"), json!({ "y": 2 }));
}
