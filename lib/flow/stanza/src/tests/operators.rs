//! Each operator on small records.

use super::*;

/// The attributes after `operators`, which follow a `json_parser`.
fn after(operators: &[Value], line: &str) -> Value {
    let mut all = vec![json!({ "type": "json_parser" })];
    all.extend_from_slice(operators);
    attributes(all.into(), line)
}

#[test]
fn json_numbers_are_floats_unless_integers_are_wanted() {
    let line = r#"{"n":1,"f":1.0,"big":9223372036854775808,"o":{"l":[1,"2",null,true]}}"#;
    let want = json!({ "n": 1.0, "f": 1.0, "big": 9_223_372_036_854_775_808.0, "o": { "l": [1.0, "2", null, true] } });
    assert_eq!(after(&[], line), want);
    let ints = json!([{ "type": "json_parser", "parse_ints": true }]);
    let want = json!({ "n": 1, "f": 1.0, "big": 9_223_372_036_854_775_808.0, "o": { "l": [1, "2", null, true] } });
    assert_eq!(attributes(ints, line), want);
}

#[test]
fn json_that_go_takes_is_taken() {
    let line = "{\"msg\":\"a\tb\u{1b}[0m\",\"id\":007,\"pct\":0050.50,\"n\":[-01,1.]}";
    let want = json!({ "msg": "a\tb\u{1b}[0m", "id": 7.0, "pct": 50.5, "n": [-1.0, 1.0] });
    assert_eq!(after(&[], line), want);
    let ints = json!([{ "type": "json_parser", "parse_ints": true }]);
    let want = json!({ "msg": "a\tb\u{1b}[0m", "id": 7, "pct": 50.5, "n": [-1, 1.0] });
    assert_eq!(attributes(ints, line), want);
    // With parse_ints the first document of several counts.
    let ints = json!([{ "type": "json_parser", "parse_ints": true }]);
    assert_eq!(attributes(ints, "{\"a\":01} {"), json!({ "a": 1 }));
    for line in ["{\"a\":\"\0\"}", "{\"a\":+1}", "{\"a\":NaN}", "{a:1}", "{\"a\":1,}"] {
        assert_eq!(after(&[], line), json!({}), "{line}");
    }
    assert_eq!(after(&[], "null"), json!({}));
}

#[test]
fn what_is_no_json_object_goes_on_as_it_is() {
    for line in ["[1]", "\"a\"", "1", "{\"a\":1", "{\"a\":1} x", "text"] {
        assert_eq!(after(&[], line), json!({}), "{line}");
    }
}

#[test]
fn parsers_read_from_and_write_to_other_places() {
    let operators = json!([
        { "type": "move", "from": "body", "to": "attributes.raw" },
        { "type": "json_parser", "parse_from": "attributes.raw", "parse_to": "attributes.parsed", "body": "attributes.parsed.m" },
    ]);
    let got = run(operators, &[r#"{"k":"v","m":"text"}"#]);
    assert_eq!(got[0]["body"], "text");
    assert_eq!(got[0]["attributes"]["parsed"], json!({ "k": "v", "m": "text" }));
    let to_body = json!([{ "type": "json_parser", "parse_to": "body" }]);
    assert_eq!(bodies(to_body, &[r#"{"a":{"b":1}}"#])[0], json!({ "a": { "b": 1.0 } }));
}

#[test]
fn all_blocks_run_even_if_one_fails() {
    let operators = json!([{
        "type": "json_parser",
        "timestamp": { "parse_from": "attributes.time", "layout": "%Y-%m-%dT%H:%M:%S.%LZ" },
        "severity": { "parse_from": "attributes.level" },
        "trace": {
            "trace_id": { "parse_from": "attributes.tid" },
            "span_id": { "parse_from": "attributes.sid" },
            "trace_flags": { "parse_from": "attributes.flags" },
        },
        "scope_name": { "parse_from": "attributes.logger" },
    }]);
    let got = run(
        operators,
        &[
            r#"{"time":"2024-02-03T04:05:06.789Z","level":"error","tid":"0AF7651916cd43dd8448eb211c80319c","sid":"b7","flags":"01","logger":"app.db"}"#,
            r#"{"time":"bad","level":"warning","tid":"zz","sid":"b7ad6b7169203331","flags":"00","logger":"app.http"}"#,
        ],
    );
    assert_eq!(got[0]["time"], 1_706_933_106_789_000_000_u64);
    assert_eq!((&got[0]["severity"], &got[0]["severity_text"]), (&json!(17), &json!("error")));
    assert_eq!(got[0]["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!((&got[0]["span_id"], &got[0]["flags"]), (&json!("b700000000000000"), &json!(1)));
    assert_eq!(got[0]["scope"], "app.db");
    assert_eq!((got[1].get("time"), got[1].get("trace_id")), (None, None));
    assert_eq!((&got[1]["severity"], &got[1]["span_id"]), (&json!(13), &json!("b7ad6b7169203331")));
    assert_eq!(got[1]["scope"], "app.http");
}

#[test]
fn named_groups_become_text_and_absent_ones_are_empty() {
    let operators = json!([{
        "type": "regex_parser",
        "regex": r"^(?P<verb>[A-Z]+) (\S+) (?P<code>\d{3})(?: (?P<opt>\w+))?$",
    }]);
    let want = json!({ "verb": "GET", "code": "200", "opt": "" });
    assert_eq!(attributes(operators.clone(), "GET /a 200"), want);
    assert_eq!(attributes(operators, "no match"), json!({}));
}

#[test]
fn move_and_copy_overwrite_and_merge() {
    let operation =
        |kind: &str, from: &str, to: &str| json!({ "type": kind, "from": from, "to": to });
    let line = r#"{"a":"1","b":[1],"o":{"x":1},"t":{"y":2}}"#;
    let operators = [
        operation("move", "attributes.o", "attributes.t"),
        operation("copy", "attributes.b", "attributes.deep.er"),
        operation("move", "attributes.gone", "attributes.never"),
    ];
    let want =
        json!({ "a": "1", "b": [1.0], "t": { "x": 1.0, "y": 2.0 }, "deep": { "er": [1.0] } });
    assert_eq!(after(&operators, line), want);
    let nested = [operation("move", "attributes.o.x", "attributes[\"with.dot\"]")];
    assert_eq!(
        after(&nested, r#"{"o":{"x":1,"y":2}}"#),
        json!({ "o": { "y": 2.0 }, "with.dot": 1.0 })
    );
    // Text that gets a key becomes a map.
    let operators = json!([
        operation("copy", "body", "attributes.b"),
        operation("move", "attributes.b", "body.inner")
    ]);
    assert_eq!(bodies(operators, &["text"])[0], json!({ "inner": "text" }));
}

#[test]
fn remove_takes_fields_and_whole_places() {
    let remove = |field: &str| json!({ "type": "remove", "field": field });
    let line = r#"{"a":1,"o":{"x":1,"y":2}}"#;
    assert_eq!(after(&[remove("attributes.o.x")], line), json!({ "a": 1.0, "o": { "y": 2.0 } }));
    assert_eq!(after(&[remove("attributes")], line), json!({}));
    assert_eq!(bodies(json!([remove("body")]), &["x"])[0], Value::Null);
    assert_eq!(bodies(json!([remove("body.x")]), &["x"])[0], "x");
}

#[test]
fn retain_drops_the_rest_of_the_places_it_mentions() {
    let retain = json!({ "type": "retain", "fields": ["attributes.o.x", "attributes.b", "attributes.absent"] });
    let line = r#"{"a":1,"b":"keep","o":{"x":1,"y":2}}"#;
    let got = run(json!([{ "type": "json_parser" }, retain]), &[line]);
    assert_eq!(got[0]["attributes"], json!({ "b": "keep", "o": { "x": 1.0 } }));
    assert_eq!(got[0]["body"], line);
}

#[test]
fn add_takes_literals_and_expressions() {
    let add = |field: &str, value: Value| json!({ "type": "add", "field": field, "value": value });
    let operators = [
        add("attributes.num", json!(12)),
        add("attributes.list", json!(["a", 1, { "k": [2.5] }])),
        add("attributes.map.inner", json!({ "x": 1 })),
        add("attributes.expr", json!("EXPR(attributes.a + '-' + string(attributes.n * 2))")),
        add("attributes.keep", json!("EXPR(attributes.o)")),
        add("attributes.mixed", json!("pre EXPR(attributes.a) post")),
        add("attributes.failed", json!("EXPR(attributes.n.x.y)")),
        json!({ "type": "add", "field": "attributes.none" }),
    ];
    let want = json!({
        "a": "x", "n": 2.0, "o": { "q": 1.0 },
        "num": 12, "list": ["a", 1, { "k": [2.5] }], "map": { "inner": { "x": 1 } },
        "expr": "x-4", "keep": { "q": 1.0 }, "mixed": "pre EXPR(attributes.a) post",
    });
    assert_eq!(after(&operators, r#"{"a":"x","n":2,"o":{"q":1}}"#), want);
}

#[test]
fn filter_drops_what_matches_and_keeps_what_it_cannot_judge() {
    let filter = json!([{ "type": "filter", "expr": "body matches '(?i)debug' or len(body) < 3" }]);
    assert_eq!(bodies(filter, &["DEBUG x", "ok line", "a"]), ["ok line"]);
    let fails = json!([{ "type": "filter", "expr": "body > 3" }]);
    assert_eq!(bodies(fails, &["a"]), ["a"]);
    let lines = vec!["x"; 2000];
    let half = json!([{ "type": "filter", "expr": "true", "drop_ratio": 0.5 }]);
    let kept = run(half, &lines).len();
    assert!((800..1200).contains(&kept), "{kept}");
    assert_eq!(
        run(json!([{ "type": "filter", "expr": "true", "drop_ratio": 0 }]), &lines).len(),
        2000
    );
}

#[test]
fn the_first_route_that_matches_wins() {
    let operators = |default: Value| {
        json!([
            {
                "type": "router",
                "routes": [
                    { "expr": "body > 1", "output": "err" },
                    { "expr": "body matches '^ERR'", "output": "err", "attributes": { "kind": "EXPR('er' + 'ror')" } },
                    { "expr": "body matches 'a'", "output": ["warn", "end"] },
                ],
                "default": default,
            },
            { "type": "add", "id": "err", "field": "attributes.path", "value": "err", "output": "end" },
            { "type": "add", "id": "warn", "field": "attributes.path", "value": "warn" },
            { "type": "noop", "id": "end" },
        ])
    };
    let got = |default| -> Vec<(String, Value)> {
        let all = run(operators(default), &["ERR a", "a", "rest"]);
        all.iter().map(|it| (it["body"].to_string(), it["attributes"].clone())).collect()
    };
    let record = |body: &str, more: Value| {
        let mut attributes = more;
        attributes["log.file.name"] = "app.log".into();
        (format!("{body:?}"), attributes)
    };
    let mut want = vec![
        record("ERR a", json!({ "kind": "error", "path": "err" })),
        record("a", json!({ "path": "warn" })),
        record("a", json!({})),
    ];
    assert_eq!(got(Value::Null), want);
    want.push(record("rest", json!({})));
    assert_eq!(got(json!("end")), want);
}

#[test]
fn several_outputs_get_copies() {
    let operators = json!([
        { "type": "noop", "output": ["one", "two"] },
        { "type": "add", "id": "one", "field": "attributes.n", "value": 1, "output": "end" },
        { "type": "add", "id": "two", "field": "attributes.n", "value": 2 },
        { "type": "noop", "id": "end" },
    ]);
    let got: Vec<Value> =
        run(operators, &["x"]).iter().map(|it| it["attributes"]["n"].clone()).collect();
    assert_eq!(got, [1, 2]);
}

#[test]
fn on_error_decides_what_happens_with_a_record() {
    let operators = |on_error: &str| {
        json!([
            { "type": "move", "from": "attributes.absent", "to": "attributes.x", "on_error": on_error },
            { "type": "add", "field": "attributes.passed", "value": true },
        ])
    };
    for (on_error, kept) in [("send", 1), ("send_quiet", 1), ("drop", 0), ("drop_quiet", 0)] {
        assert_eq!(run(operators(on_error), &["x"]).len(), kept, "{on_error}");
    }
}

#[test]
fn an_operator_whose_condition_is_false_or_fails_is_passed_by() {
    let add = |condition: &str| json!([{ "type": "add", "field": "attributes.x", "value": 1, "if": condition }]);
    assert_eq!(attributes(add("body == 'y'"), "y"), json!({ "x": 1 }));
    assert_eq!(attributes(add("body == 'y'"), "n"), json!({}));
    assert_eq!(attributes(add("body > 1"), "n"), json!({}));
    assert_eq!(attributes(add("attributes.none"), "n"), json!({}));
}

#[test]
fn severity_words_numbers_and_ranges() {
    let operators = json!([
        { "type": "json_parser" },
        {
            "type": "severity_parser",
            "parse_from": "attributes.s",
            "mapping": {
                "fatal": "panic",
                "error": ["oops", "5xx", { "min": 610, "max": 600 }],
                "info3": "notice",
                "debug": [200, "2xx"],
                "bogus": "weird",
            },
        },
    ]);
    let check = |value: Value, number: i64, text: &str| {
        let line = json!({ "s": value }).to_string();
        let got = run(operators.clone(), &[&line]).remove(0);
        let number = if number == 0 { Value::Null } else { number.into() };
        assert_eq!((&got["severity"], &got["severity_text"]), (&number, &json!(text)), "{line}");
    };
    check(json!("panic"), 21, "panic");
    check(json!("OOPS"), 17, "OOPS");
    check(json!(500), 17, "500");
    check(json!("599"), 17, "599");
    check(json!("0599"), 0, "0599");
    check(json!(605), 17, "605");
    check(json!("notice"), 11, "notice");
    check(json!(250), 5, "250");
    check(json!("weird"), 0, "weird");
    check(json!("Info"), 9, "Info");
    check(json!("warning3"), 15, "warning3");
    check(json!("err4"), 20, "err4");
    check(json!("9"), 9, "9");
    check(json!("critical"), 0, "critical");
    for value in [json!(true), json!(1.5), json!({}), json!(null)] {
        let line = json!({ "s": value }).to_string();
        assert_eq!(run(operators.clone(), &[&line])[0].get("severity_text"), None, "{line}");
    }
}

#[test]
fn the_users_severities_win_over_those_of_a_preset() {
    let got = |mapping: Value, line: &str| {
        let operator =
            json!({ "type": "severity_parser", "parse_from": "body", "mapping": mapping });
        run(json!([operator]), &[line]).remove(0)["severity"].as_i64().unwrap_or(0)
    };
    // The numbers of syslog, which are numbers of the preset, too.
    let syslog = json!({
        "fatal": [{ "min": 0, "max": 2 }], "error": { "min": 3, "max": 3 }, "warn": 4,
        "info": { "max": 6, "min": 5 }, "debug": ["7"],
    });
    let numbers: Vec<i64> = (0..=8).map(|it| got(syslog.clone(), &it.to_string())).collect();
    assert_eq!(numbers, [21, 21, 21, 17, 13, 9, 9, 5, 8]);
    assert_eq!(got(json!({ "fatal": "ERROR", "error": "Err" }), "error"), 21);
    assert_eq!(got(json!({ "fatal": "ERROR", "error": "Err" }), "ERR"), 17);
    // A word is meant more exactly than a range, wherever it stands.
    let both = json!({ "error": 5, "info": { "min": 0, "max": 9 } });
    assert_eq!((got(both.clone(), "5"), got(both, "6")), (17, 9));
    assert_eq!(got(json!({ "debug": { "min": -5, "max": 9 } }), "-5"), 5);
    // A level that is none takes the preset's severity away. Levels have numbers, too.
    assert_eq!(got(json!({ "unspecified": "info" }), "info"), 0);
    assert_eq!(got(json!({ "17": "boom" }), "boom"), 17);
    assert_eq!(got(json!({ "info": null }), "info"), 9);
    // Upstream compares the classes of HTTP as they are written.
    assert_eq!(
        (got(json!({ "error": "5XX" }), "500"), got(json!({ "error": "5XX" }), "5xx")),
        (0, 17)
    );
    for odd in ["05", "+5", "-0", "5 ", "5.0", ""] {
        assert_eq!(got(json!({ "error": { "min": -9, "max": 9 } }), odd), 0, "{odd:?}");
    }
}

#[test]
fn severity_presets_and_short_names() {
    let got = |more: Value, line: &str| {
        let mut operator = json!({ "type": "severity_parser", "parse_from": "body" });
        operator.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let it = run(json!([operator]), &[line]).remove(0);
        (it["severity"].as_i64().unwrap_or(0), it["severity_text"].as_str().unwrap().to_owned())
    };
    assert_eq!(got(json!({ "preset": "none" }), "info"), (0, "info".into()));
    assert_eq!(got(json!({ "preset": "otel" }), "warning"), (0, "warning".into()));
    assert_eq!(got(json!({ "preset": "otel" }), "warn2"), (14, "warn2".into()));
    assert_eq!(got(json!({ "preset": "what" }), "err"), (17, "err".into()));
    assert_eq!(got(json!({ "overwrite_text": true }), "err2"), (18, "ERROR2".into()));
    assert_eq!(got(json!({ "overwrite_text": true }), "odd"), (0, "odd".into()));
    let mine = json!({ "preset": "none", "mapping": { "warn4": "4xx" }, "overwrite_text": true });
    assert_eq!(got(mine.clone(), "404"), (16, "WARN4".into()));
    assert_eq!(got(mine, "16"), (0, "16".into()));
}
