//! Records that an operator fails on: what becomes of them, and what is logged.

use componenttest::captured;

use super::*;

/// What comparing a text with a number says.
const MISMATCH: &str = "invalid operation: > (mismatched types string and int64)";

/// What one line comes to, and what is said about it: level, message, action and error.
fn check(operator: Value, want_kept: bool, level: &str, message: &str, error: &str) {
    let operators = json!([operator, { "type": "noop", "id": "next" }]);
    let (kept, lines) = captured(|| run(operators.clone(), &["line"]));
    assert_eq!(kept.len(), usize::from(want_kept), "{operators}");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!((line.level.as_str(), line.message.as_str()), (level, message), "{operators}");
    assert_eq!(line.field("error"), Some(error));
}

#[test]
fn on_error_decides_about_the_record_and_the_line() {
    let failed = "Failed to process entry";
    let error = "remove: field does not exist: attributes.none";
    for (on_error, kept, level) in [
        ("send", true, "ERROR"),
        ("send_quiet", true, "DEBUG"),
        ("drop", false, "ERROR"),
        ("drop_quiet", false, "DEBUG"),
    ] {
        let operator =
            json!({ "type": "remove", "field": "attributes.none", "on_error": on_error });
        check(operator, kept, level, failed, error);
        let condition = json!({
            "type": "add", "field": "attributes.x", "value": 1, "if": "body > 1", "on_error": on_error,
        });
        check(condition, kept, level, failed, MISMATCH);
    }
}

#[test]
fn a_field_that_is_not_there_is_named() {
    let not_there =
        "log entry does not have the expected parse_from field: {\"parse_from\":\"attributes.x\"}";
    let field = json!("attributes.x");
    let failed = |operator: Value, error: &str| {
        check(operator, true, "ERROR", "Failed to process entry", error);
    };
    failed(json!({ "type": "severity_parser", "parse_from": field }), not_there);
    failed(json!({ "type": "time_parser", "parse_from": field, "layout": "%Y" }), not_there);
    failed(json!({ "type": "scope_name_parser", "parse_from": field }), not_there);
    failed(
        json!({ "type": "json_parser", "parse_from": field }),
        "Entry is missing the expected parse_from field.: {\"parse_from\":\"attributes.x\"}",
    );
}

#[test]
fn an_expression_that_fails_loses_no_record() {
    let error = MISMATCH;
    let filter = json!({ "type": "filter", "expr": "body > 1" });
    check(filter, true, "ERROR", "Running expressing returned an error", error);
    let route = |expr: &str, attribute: &str| {
        json!({
            "type": "router", "default": "next",
            "routes": [{ "expr": expr, "output": "next", "attributes": { "a": attribute } }],
        })
    };
    let passed_over = "Running expression returned an error";
    check(route("body > 1", "x"), true, "ERROR", passed_over, error);
    let label = "embedded expression returned non-string 4";
    check(route("true", "EXPR(len(body))"), true, "ERROR", "Failed to label entry", label);
}
