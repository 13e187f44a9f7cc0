//! What is wrong with a configuration, in the Collector's words.

use config::{Fault, Remedy};

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
        "operators::0::builder: invalid strptime layout: invalid strptime format: [unsupported ctimefmt.ToNative() directive: %Q]\n\
         operators::0::builder::timeparser: invalid strptime layout: invalid strptime format: [unsupported ctimefmt.ToNative() directive: %Q]",
    );
    check(
        json!([{ "type": "time_parser", "parse_from": "body", "layout_type": "fake", "layout": "x" }]),
        "operators::0::builder: unsupported layout_type fake\n\
         operators::0::builder::timeparser: unsupported layout_type fake",
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
        "pipeline has a circular dependency: {\"cycles\":\"(a -\\u003e b -\\u003e a)\"}",
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

/// Where each mistake is, and what the Collector says of all of them.
fn check_all(operators: Value, places: &[&str], want: &str) {
    let mut found = Problems::default();
    assert!(plan(operators, &mut found).is_none());
    let got: Vec<String> = found.faults().iter().map(place).collect();
    assert_eq!(got, places);
    assert_eq!(texts(&found), want);
}

/// Without the step that only the Collector's texts have.
fn place(fault: &Fault) -> String {
    let steps = fault.place.iter().map(ToString::to_string);
    let is_written =
        |it: &String| !["builder", "parserconfig", "timeparser"].contains(&it.as_str());
    steps.filter(is_written).collect::<Vec<_>>().join("::")
}

#[test]
fn every_operator_with_a_mistake_is_reported_with_one_sentence_above_its_mistakes() {
    check_all(
        json!([
            { "type": "move", "to": "foo", "from": "bar" },
            { "type": "noop" },
            { "type": "csv_parser", "lazy_quotes": 1, "parse_from": "x", "on_error": [], "header": {} },
            { "type": "nope" },
            { "id": "x" },
            "json_parser",
            { "type": 5 },
        ]),
        &[
            "operators::0::from",
            "operators::0::to",
            "operators::2::header",
            "operators::2::lazy_quotes",
            "operators::2::parse_from",
            "operators::2::on_error",
            "operators::3::type",
            "operators::4::type",
            "operators::5",
            "operators::6::type",
        ],
        "'operators[0]' unmarshal to move: decoding failed due to the following error(s):\n\n\
         'from' unrecognized prefix\n\
         'to' unrecognized prefix\n\
         'operators[2]' unmarshal to csv_parser: decoding failed due to the following error(s):\n\n\
         'header' expected type 'string', got unconvertible type 'map[string]interface {}'\n\
         'lazy_quotes' expected type 'bool', got unconvertible type 'int'\n\
         'parse_from' unrecognized prefix\n\
         'on_error' expected type 'string', got unconvertible type '[]interface {}'\n\
         'operators[3]' unsupported type 'nope'\n\
         'operators[4]' missing required field 'type'\n\
         'operators[5]' expected a map or struct, got \"string\"\n\
         'operators[6]' non-string type int for field 'type'",
    );
}

#[test]
fn what_only_follows_from_another_mistake_is_not_reported() {
    // Without its value `from` is not missing.
    check_all(
        json!([{ "type": "move", "from": "bar", "to": "body" }]),
        &["operators::0::from"],
        "'operators[0]' unmarshal to move: decoding failed due to the following error(s):\n\n'from' \
         unrecognized prefix",
    );
    // Nobody knows the id of an operator that cannot be read.
    check_all(
        json!([{ "type": "nope" }, { "type": "noop", "output": "nope" }]),
        &["operators::0::type"],
        "'operators[0]' unsupported type 'nope'",
    );
}

#[test]
fn each_mistake_is_at_its_key_or_item() {
    let check = |operator: Value, want: &str| {
        let mut found = Problems::default();
        plan(json!([operator]), &mut found);
        let mut got: Vec<String> = found.faults().iter().map(place).collect();
        // `time_parser` says some of them of an embedded struct as well.
        got.dedup();
        assert_eq!(got, [format!("operators::0::{want}")]);
    };
    let time = |more: Value| {
        let mut all = json!({ "type": "time_parser", "parse_from": "body", "layout": "%Y" });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    check(json!({ "type": "container", "format": "podman" }), "format");
    check(json!({ "type": "noop", "output": "nowhere" }), "output::0");
    check(json!({ "type": "noop", "if": "1 +" }), "if");
    check(json!({ "type": "filter", "expr": "body ==" }), "expr");
    check(json!({ "type": "retain", "fields": ["body", "level"] }), "fields::1");
    check(json!({ "type": "regex_parser", "regex": "(?P<a>\\q)" }), "regex");
    check(json!({ "type": "regex_replace", "field": "body", "regex_name": "ansi" }), "regex_name");
    check(json!({ "type": "syslog_parser", "protocol": "rfc9999" }), "protocol");
    check(json!({ "type": "syslog_parser", "protocol": "rfc3164", "location": "X/Y" }), "location");
    check(json!({ "type": "add", "field": "body", "value": "EXPR(1 +)" }), "value");
    check(
        json!({ "type": "recombine", "combine_field": "body", "is_last_entry": "true", "overwrite_with": "last" }),
        "overwrite_with",
    );
    check(time(json!({ "layout": "%Q" })), "layout");
    check(time(json!({ "layout_type": "posix" })), "layout_type");
    check(time(json!({ "location": "Europe/Berlni" })), "location");
    check(
        json!({ "type": "json_parser", "timestamp": { "parse_from": "attributes.t", "layout": "%Q" } }),
        "timestamp::layout",
    );
    check(
        json!({ "type": "json_parser", "severity": { "parse_from": "level" } }),
        "severity::parse_from",
    );
    check(
        json!({ "type": "severity_parser", "parse_from": "body", "mapping": { "warn": ["w", { "min": 1 }] } }),
        "mapping::warn::1",
    );
    check(
        json!({ "type": "router", "routes": [{ "expr": "true", "output": ["nowhere"] }] }),
        "routes::0::output::0",
    );
    check(json!({ "type": "router", "default": "nowhere" }), "default::0");
    check(
        json!({ "type": "router", "routes": [{ "expr": "true", "attributes": { "k": "EXPR(" } }, { "expr": "(" }] }),
        "routes::1::expr",
    );
}

#[test]
fn what_the_collector_ignores_in_silence_is_a_warning_with_its_place() {
    let check = |operator: Value, want: &str| {
        let mut found = Problems::default();
        assert!(plan(json!([operator]), &mut found).is_some());
        let got: Vec<String> = found.warnings().iter().map(|it| place(&it.1)).collect();
        assert_eq!(got, [format!("operators::0::{want}")]);
    };
    check(json!({ "type": "json_parser", "parse_form": "body" }), "parse_form");
    check(json!({ "type": "router", "on_error": "drop" }), "on_error");
    check(
        json!({ "type": "json_parser", "severity": { "parse_from": "body", "mappings": {} } }),
        "severity::mappings",
    );
    check(
        json!({ "type": "severity_parser", "parse_from": "body", "mapping": { "warnning": "w" } }),
        "mapping::warnning",
    );
    check(json!({ "type": "severity_parser", "parse_from": "body", "preset": "otle" }), "preset");
    check(json!({ "type": "filter", "expr": "false", "if": "true" }), "if");
    check(json!({ "type": "filter", "expr": "attribute.level == 'debug'" }), "expr");
    check(json!({ "type": "json_parser", "if": "any(body, {# == level})" }), "if");
    check(json!({ "type": "add", "field": "body" }), "value");
}

#[test]
fn a_mistake_in_an_expression_or_pattern_is_at_its_characters() {
    let check = |operator: Value, text: &str, want: &str| {
        let mut found = Problems::default();
        plan(json!([operator]), &mut found);
        let Some(Remedy::Part(span, _)) = &found.faults()[0].remedy else { panic!("{found:?}") };
        assert_eq!(&text[span.clone()], want);
    };
    let text = "body == 'a' adn true";
    check(json!({ "type": "noop", "if": text }), text, "adn");
    let text = "EXPR(body # 1)";
    check(json!({ "type": "add", "field": "body", "value": text }), text, "#");
    let text = "^(?P<a>x)\\q";
    check(json!({ "type": "regex_parser", "regex": text }), text, "\\q");
}

#[test]
fn what_was_probably_meant_is_proposed() {
    let check = |operator: Value, want: &str| {
        let mut found = Problems::default();
        plan(json!([operator]), &mut found);
        assert_eq!(found.faults()[0].remedy, Some(Remedy::Set(want.to_owned())));
    };
    let regex = |text: &str| json!({ "type": "regex_parser", "regex": text });
    check(regex("(?P<a>x"), "'(?P<a>x)'");
    check(regex("(?P<log-level>x)"), "'(?P<log_level>x)'");
    check(regex("(?<log.level>it's)"), "'(?<log_level>it''s)'");
    check(regex("(?P<a>x++)"), "'(?P<a>x+)'");
    check(
        json!({ "type": "filter", "expr": "\"GET /health\"" }),
        "'body contains \"GET /health\"'",
    );
    check(json!({ "type": "remove", "field": "attributes[a.b]" }), "'attributes[\"a.b\"]'");
    check(json!({ "type": "remove", "field": "attributes[\"a.b" }), "'attributes[\"a.b\"]'");
    check(json!({ "type": "remove", "field": "$body.a" }), "'body.a'");
    check(json!({ "type": "remove", "field": "level" }), "'attributes.level'");
}

#[test]
fn habits_of_writing_operators_are_understood() {
    let remedies = |operators: Value| -> Vec<Remedy> {
        let mut found = Problems::default();
        plan(operators, &mut found);
        found.faults().iter().filter_map(|it| it.remedy.clone()).collect()
    };
    let set = |text: &str| vec![Remedy::Set(text.to_owned())];
    assert_eq!(remedies(json!([{ "type": "json" }])), set("json_parser"));
    assert_eq!(remedies(json!([{ "type": "rename" }])), set("move"));
    assert_eq!(remedies(json!(["json_parser"])), set("{type: json_parser}"));
    let [Remedy::Say(text)] = &remedies(json!([{ "type": "stdout" }]))[..] else { panic!() };
    assert!(text.contains("`debug` exporter"), "{text}");
    let [Remedy::Say(text)] = &remedies(json!([{ "json_parser": { "parse_ints": true } }]))[..]
    else {
        panic!()
    };
    assert!(text.contains("`- type: json_parser`"), "{text}");
    let apart = json!([{ "type": "time_parser", "layout": "%Y" }, { "parse_from": "body", "location": "UTC" }]);
    assert!(remedies(apart).contains(&Remedy::Join));
}

#[test]
fn layouts_of_other_notations_are_recognised() {
    let check = |kind: &str, layout: &str, want: Option<&str>| {
        let mut found = Problems::default();
        let keys = json!({
            "type": "time_parser", "parse_from": "body", "layout_type": kind, "layout": layout
        });
        plan(json!([keys]), &mut found);
        let warnings = found.warnings().iter().map(|it| &it.1);
        let remedy = found.faults().iter().chain(warnings).find_map(|it| it.remedy.clone());
        assert_eq!(remedy, want.map(|it| Remedy::Set(it.to_owned())), "{layout}");
    };
    check("strptime", "2006-01-02T15:04:05.000Z07:00", Some("'%Y-%m-%dT%H:%M:%S.%L%j'"));
    check("strptime", "yyyy-MM-dd'T'HH:mm:ss,SSSXXX", Some("'%Y-%m-%dT%H:%M:%S,%L%j'"));
    check("gotime", "%Y-%m-%d", Some("strptime"));
    check("gotime", "2006-01-02", None);
    check("gotime", "Jan _2 15:04:05", None);
    check("gotime", "3:04PM", None);
    check("strptime", "%s", None);
    check("strptime", "%H:%M", None);
}
