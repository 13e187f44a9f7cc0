//! Nothing that a line can hold makes an operator panic.

use proptest::prelude::*;

use super::*;

fn operators() -> Vec<Value> {
    vec![
        json!([{ "type": "container" }]),
        json!([{ "type": "container", "format": "docker", "add_metadata_from_filepath": false }]),
        json!([
            { "type": "json_parser", "parse_ints": true, "timestamp": { "parse_from": "attributes.t", "layout": "%c" } },
            { "type": "move", "from": "attributes.a", "to": "body.b.c" },
            { "type": "retain", "fields": ["attributes.t", "body"] },
            { "type": "remove", "field": "attributes" },
        ]),
        json!([
            { "type": "regex_parser", "regex": "(?P<a>.)(?P<b>\\d+)?" },
            { "type": "severity_parser", "parse_from": "attributes.a" },
            { "type": "time_parser", "parse_from": "body", "layout_type": "epoch", "layout": "s.ns" },
        ]),
        json!([
            { "type": "recombine", "combine_field": "body", "is_first_entry": "body startsWith '['", "max_log_size": 8 },
            { "type": "router", "routes": [{ "expr": "len(body) > 3", "output": "end" }], "default": "end" },
            { "type": "noop", "id": "end" },
        ]),
        json!([
            { "type": "time_parser", "parse_from": "body", "layout": "%a %b %e %H:%M:%S.%L %Z %Y" },
            { "type": "time_parser", "parse_from": "body", "layout_type": "gotime", "layout": "2006-01-02T15:04:05.000Z07:00:00" },
            { "type": "filter", "expr": "body matches body or body[1:3] == 'x' or $[0] == 1", "drop_ratio": 0.5 },
            { "type": "add", "field": "attributes.x", "value": "EXPR(toJSON(split(body, '')) + fromBase64(body) + trim(body, 'x'))" },
        ]),
        json!([
            { "type": "csv_parser", "header": "a,b", "parse_to": "attributes.csv" },
            { "type": "csv_parser", "header": "a,b", "lazy_quotes": true },
            { "type": "key_value_parser" },
            { "type": "json_array_parser", "parse_to": "body" },
            { "type": "uri_parser", "parse_to": "attributes.uri" },
            { "type": "flatten", "field": "attributes.uri" },
            { "type": "assign_keys", "field": "body", "keys": ["a"] },
            { "type": "unquote", "field": "body" },
            { "type": "regex_replace", "field": "body", "regex": "[^a]", "replace_with": "$0$x" },
            { "type": "sanitize_utf8" },
            { "type": "trace_parser", "trace_id": { "parse_from": "body" } },
            { "type": "scope_name_parser", "parse_from": "body" },
        ]),
        json!([{ "type": "syslog_parser", "protocol": "rfc5424" }]),
        json!([{ "type": "syslog_parser", "protocol": "rfc3164", "allow_skip_pri_header": true }]),
        json!([{ "type": "syslog_parser", "protocol": "rfc5424", "enable_octet_counting": true }]),
    ]
}

fn survive(lines: &[Vec<u8>]) {
    let path = "/var/log/pods/a_b_0-1/c/0.log";
    for operators in operators() {
        let mut worker = compile(operators).unwrap().worker();
        for line in lines {
            worker.line(&file(1, Some(path)), line, 0..1, None);
        }
        worker.flush_all();
        records(&worker.take().logs);
    }
}

proptest! {
    #[test]
    fn any_bytes(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..4)) {
        survive(&lines);
    }

    #[test]
    fn nearly_container_lines(
        time in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9][.,]?[0-9]{0,12}(Z|[+-][0-9:]{2,6})?",
        stream in "(stdout|stderr|std)",
        tag in "[FP:]{0,3}",
        log in ".{0,20}",
    ) {
        survive(&[format!("{time} {stream} {tag} {log}").into_bytes()]);
    }

    #[test]
    fn nearly_json(text in "\\{\"[alogstreim]{1,6}\":(\"[^\"]{0,8}\"|[0-9.eE+-]{1,6}|\\[|null|\\{)[,}]?.{0,8}") {
        survive(&[text.into_bytes()]);
    }

    #[test]
    fn nearly_syslog(
        head in "(<[0-9]{1,3}>)?(1 )?([A-Z][a-z]{2} [ 0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}|[0-9T:.Z-]{1,24}|-)",
        rest in "( [a-z\\[\\]=\"\\\\:-]{0,6}){0,8}",
        count in "([0-9]{1,3} )?",
    ) {
        survive(&[format!("{count}{head}{rest}").into_bytes()]);
    }

    #[test]
    fn nearly_uris_and_pairs(text in "[a-z]{0,5}[:/?]{0,3}[a-z@:\\[\\]%=&;,'\"`\\\\ ]{0,24}") {
        survive(&[text.into_bytes()]);
    }
}
