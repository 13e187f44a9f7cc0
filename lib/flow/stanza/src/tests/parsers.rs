//! The parsers of small formats, after upstream's own cases.

use super::*;

/// The attributes of one line, or an empty map where the parser refuses it.
#[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
fn check(operator: Value, line: &str, want: Value) {
    assert_eq!(attributes(json!([operator]), line), want, "{line}");
}

/// The same for a line that the parser finds in an attribute: it is a value of JSON.
#[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
fn after_json(operator: Value, line: &str) -> Value {
    attributes(json!([{ "type": "json_parser" }, operator]), line)
}

#[test]
fn key_value_pairs() {
    let kv = |more: Value| {
        let mut all = json!({ "type": "key_value_parser" });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let plain = || kv(json!({}));
    check(plain(), "name=\"stanza\" age=2", json!({ "name": "stanza", "age": "2" }));
    let quoted = json!({ "description": "stanza deployment number 5", "x": "y" });
    check(plain(), "description='stanza deployment number 5' x=y", quoted);
    check(plain(), "\" name \"=\" stanza \" age=2", json!({ "name": "stanza", "age": "2" }));
    check(plain(), "k=v=w z=\"\"", json!({ "k": "v=w", "z": "" }));
    check(plain(), r#"a="say \"hi\"" b=\'x"#, json!({ "a": r#"say \"hi\""#, "b": r"\'x" }));
    check(plain(), "k=\u{e9} \u{e9}=k", json!({ "k": "\u{e9}", "\u{e9}": "k" }));
    for line in ["noequals here=1", "a=\"open", "name = x"] {
        check(plain(), line, json!({}));
    }
    let want = json!({ "name": "stanza", "age": "2", "key": "value" });
    check(kv(json!({ "delimiter": "|" })), "name|\" stanza \" age|2     key|value", want.clone());
    check(
        kv(json!({ "delimiter": "==" })),
        "name==\" stanza \" age==2     key==value",
        want.clone(),
    );
    check(kv(json!({ "pair_delimiter": "|" })), "name=stanza|age=2     | key=value", want);
}

#[test]
fn comma_separated_values() {
    let csv = |more: Value| {
        let mut all = json!({ "type": "csv_parser" });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let header = || json!({ "header": "name,sev,msg" });
    let want = json!({ "name": "stanza", "sev": "INFO", "msg": "started agent" });
    check(csv(header()), "stanza,INFO,started agent", want.clone());
    let piped = json!({ "header": "name,sev,msg", "header_delimiter": ",", "delimiter": "|" });
    check(csv(piped), "stanza|INFO|started agent", want);
    let want = json!({ "name": "2", "sev": "bob, jr", "msg": "said \"yo\"" });
    check(csv(header()), "2,\"bob, jr\",\"said \"\"yo\"\"\"", want);
    check(csv(header()), "5,,", json!({ "name": "5", "sev": "", "msg": "" }));
    for line in ["invalid", "4,a,b,c", "a,b\"c,d", "\"a\"b,c,d", "\"open,a,b"] {
        check(csv(header()), line, json!({}));
    }
    let five = json!({ "header": "A,B,C,D,E" });
    let want = json!({ "A": "aa", "B": "b\nb", "C": "cc", "D": "d\nd", "E": "ee" });
    check(csv(five), "aa,b\nb,cc,d\nd,ee", want);
    let ignoring = json!({ "header": "a,b,c", "ignore_quotes": true });
    check(csv(ignoring), "1,\"2,3\"", json!({ "a": "1", "b": "\"2", "c": "3\"" }));
    let lazy = json!({ "header": "a,b", "lazy_quotes": true });
    check(csv(lazy), "x\"y,\"a \"word\" b\"", json!({ "a": "x\"y", "b": "a \"word\" b" }));
    let dynamic = csv(json!({ "header_attribute": "cols", "parse_from": "attributes.row" }));
    let got = after_json(dynamic.clone(), r#"{"cols":"a,b","row":"1,2"}"#);
    assert_eq!(got, json!({ "cols": "a,b", "row": "1,2", "a": "1", "b": "2" }));
    assert_eq!(after_json(dynamic, r#"{"row":"1"}"#), json!({ "row": "1" }));
}

#[test]
fn json_arrays() {
    let headed = || json!({ "type": "json_array_parser", "header": "a,b,c" });
    check(headed(), r#"["x",2,{"k":1}]"#, json!({ "a": "x", "b": 2, "c": "{\"k\":1}" }));
    check(headed(), r#"["z",2.5,false]"#, json!({ "a": "z", "b": 0, "c": false }));
    // An object keeps the text of its numbers, its escapes and both of two equal keys.
    let written = r#"{"n":1.50,"t":"a\u0041 \"","n":2}"#;
    let line = format!("[1,2, {}]", written.replace(",\"", " ,\n\""));
    check(headed(), &line, json!({ "a": 1, "b": 2, "c": written }));
    // As little is asked of strings and numbers as upstream asks.
    check(headed(), "[\"a\tb\\x\",007,-08]", json!({ "a": "a\tb\\x", "b": 7, "c": -8 }));
    check(headed(), r#"["\ud83d",1.5e3,nan]"#, json!({ "a": "\\ud83d", "b": 0, "c": 0 }));
    check(
        headed(),
        "[1,99999999999999999999,{\"k\": \"\t01\", \"n\":01}]",
        json!({ "a": 1, "b": 0, "c": "{\"k\":\"\t01\",\"n\":01}" }),
    );
    for line in [r#"["x",2]"#, r#"["y",[1],3]"#, "{}", "x", r#"[1,2,{"a":}]"#, "[1,2,3"] {
        check(headed(), line, json!({}));
    }
    let list = || json!({ "type": "json_array_parser", "parse_to": "attributes.list" });
    check(list(), r#"["L",1,null]"#, json!({ "list": ["L", 1, null] }));
    check(list(), r#"{"a":1}"#, json!({ "list": [] }));
    // A list cannot be all of the attributes.
    check(json!({ "type": "json_array_parser" }), "[1]", json!({}));
}

#[test]
fn uris() {
    let uri = || json!({ "type": "uri_parser" });
    check(
        uri(),
        "https://user:pw@Example.test:8443/p/a%20th?q=1&q=2&z=#frag",
        json!({
            "scheme": "https", "user": "user", "host": "Example.test", "port": "8443", "path": "/p/a%20th",
            "query": { "q": ["1", "2"], "z": ["#frag"] },
        }),
    );
    check(
        uri(),
        "/only/path?x=a+b%21",
        json!({ "path": "/only/path", "query": { "x": ["a b!"] } }),
    );
    check(uri(), "?a=b&c=d", json!({ "query": { "a": ["b"], "c": ["d"] } }));
    check(uri(), "mailto:a@b.test", json!({ "scheme": "mailto" }));
    check(
        uri(),
        "http://[::1]:80/",
        json!({ "scheme": "http", "host": "::1", "port": "80", "path": "/" }),
    );
    check(uri(), "/a b", json!({ "path": "/a%20b" }));
    for line in [
        "not a uri",
        "foo/bar",
        "http://h:x/",
        "/%zz",
        "?a=%zz",
        "http://a b/",
        ":x",
        "http://[::1",
    ] {
        check(uri(), line, json!({}));
    }
}

#[test]
fn unquoting() {
    let operator = || json!({ "type": "unquote", "field": "body" });
    for (quoted, plain) in [
        (r#""in\tner""#, "in\tner"),
        ("`raw\\`", "raw\\"),
        ("'c'", "c"),
        (r#""\u00e9\x41\101\"""#, "\u{e9}AA\""),
        ("bare", "bare"),
        ("'cc'", "'cc'"),
        ("\"a\"b\"", "\"a\"b\""),
        (r#""\q""#, r#""\q""#),
        ("\"", "\""),
    ] {
        assert_eq!(bodies(json!([operator()]), &[quoted])[0], plain);
    }
    let missing = json!([{ "type": "unquote", "field": "attributes.none", "on_error": "drop" }]);
    assert_eq!(run(missing, &["x"]).len(), 1);
}

#[test]
fn flattening_and_keys_for_lists() {
    let flatten = json!({ "type": "flatten", "field": "attributes.o" });
    let got = after_json(flatten.clone(), r#"{"o":{"a":1,"b":{"c":2}},"a":"old"}"#);
    assert_eq!(got, json!({ "a": 1.0, "b": { "c": 2.0 } }));
    assert_eq!(after_json(flatten, r#"{"o":"text"}"#), json!({ "o": "text" }));
    let keys = json!({ "type": "assign_keys", "field": "attributes.l", "keys": ["x", "y"] });
    assert_eq!(
        after_json(keys.clone(), r#"{"l":[1,"b"]}"#),
        json!({ "l": { "x": 1.0, "y": "b" } })
    );
    assert_eq!(after_json(keys, r#"{"l":[1]}"#), json!({ "l": [1.0] }));
}

#[test]
fn replacing_by_patterns() {
    let operators = json!([
        { "type": "regex_replace", "field": "body", "regex": r"(\w+)@(\w+)", "replace_with": "$2 at ${1}" },
        { "type": "regex_replace", "field": "body", "regex_name": "ansi_control_sequences" },
    ]);
    let got = bodies(operators, &["me@home you@work", "\x1b[31mred\x1b[0m plain"]);
    assert_eq!(got, ["home at me work at you", "red plain"]);
}

#[test]
fn trace_ids_and_scope_names() {
    let operators = json!([
        { "type": "json_parser", "parse_to": "body" },
        { "type": "trace_parser" },
        { "type": "scope_name_parser", "parse_from": "body.logger" },
    ]);
    let line = r#"{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331","trace_flags":"01","logger":"a.B"}"#;
    let got = run(operators, &[line]);
    assert_eq!(got[0]["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!((&got[0]["span_id"], &got[0]["flags"]), (&json!("b7ad6b7169203331"), &json!(1)));
    assert_eq!(got[0]["scope"], "a.B");
}

#[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
fn syslog(more: Value, line: &str) -> Value {
    let mut operator = json!({ "type": "syslog_parser" });
    operator.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut it = run(json!([operator]), &[line]).remove(0);
    it["attributes"].as_object_mut().unwrap().remove("log.file.name");
    it
}

#[test]
fn bsd_syslog() {
    let old = || json!({ "protocol": "RFC3164", "location": "UTC" });
    let got = syslog(old(), "<34>Jan 12 06:30:00 1.2.3.4 apache_server: test message");
    let want = json!({
        "priority": 34, "facility": 4, "facility_text": "auth", "hostname": "1.2.3.4",
        "appname": "apache_server", "message": "test message",
    });
    assert_eq!(got["attributes"], want);
    assert_eq!((&got["severity"], &got["severity_text"]), (&json!(18), &json!("crit")));
    let got = syslog(old(), "<13>Feb  5 17:32:18 10.0.0.99 prog[42]: message text");
    assert_eq!(
        (&got["attributes"]["proc_id"], &got["attributes"]["appname"]),
        (&json!("42"), &json!("prog"))
    );
    for (line, appname, message) in [
        ("<34>Oct 11 22:14:15 h t:x", "t", "t:x"),
        ("<34>Oct 11 22:14:15 h t:", "t", "t:"),
        ("<34>Oct 11 22:14:15 h t:  two", "t", " two"),
        ("<34>Oct 11 22:14:15 h t[]: x", "t", "x"),
    ] {
        let got = syslog(old(), line);
        let want = (&json!(appname), &json!(message), None);
        let got = &got["attributes"];
        assert_eq!((&got["appname"], &got["message"], got.get("proc_id")), want, "{line}");
    }
    let got = syslog(old(), "<120>Oct 11 22:14:15 h t: x");
    assert_eq!(got["attributes"]["facility_text"], "cron2");
    let got = syslog(old(), "<13>2024-10-11T22:14:15Z host no tag here");
    assert_eq!(
        (&got["attributes"]["message"], &got["time"]),
        (&json!("no tag here"), &json!(1_728_684_855_000_000_000_u64))
    );
    for line in [
        "<191>Jan 1 00:00:00 h t: x",
        "not syslog",
        "<192>Jan 12 06:30:00 h x",
        "<034>Jan 12 06:30:00 h x",
    ] {
        assert_eq!(syslog(old(), line)["attributes"], json!({}), "{line}");
    }
    let mut lenient = old();
    lenient["allow_skip_pri_header"] = true.into();
    let got = syslog(lenient, "Jan 12 06:30:00 1.2.3.4 apache_server: test message");
    let want =
        json!({ "hostname": "1.2.3.4", "appname": "apache_server", "message": "test message" });
    assert_eq!((&got["attributes"], got.get("severity")), (&want, None));
}

#[test]
fn structured_syslog() {
    let new = || json!({ "protocol": "rfc5424" });
    let line = r#"<86>1 2015-08-05T21:58:59.693Z 192.168.2.132 SecureAuth0 23108 ID52020 [SecureAuth@27389 UserHostAddress="192.168.2.132" PEN="\"2\\7\]"][x@1] Found the user"#;
    let got = syslog(new(), line);
    let want = json!({
        "version": 1, "priority": 86, "facility": 10, "facility_text": "authpriv", "hostname": "192.168.2.132",
        "appname": "SecureAuth0", "proc_id": "23108", "msg_id": "ID52020", "message": "Found the user",
        "structured_data": { "SecureAuth@27389": { "UserHostAddress": "192.168.2.132", "PEN": "\"2\\7]" }, "x@1": {} },
    });
    assert_eq!(got["attributes"], want);
    assert_eq!((&got["severity"], &got["severity_text"]), (&json!(9), &json!("info")));
    assert_eq!(got["time"], 1_438_811_939_693_000_000_u64);
    // Without a time stamp the severity stays where it was, as upstream.
    let got = syslog(new(), "<0>1 - - - - - -");
    assert_eq!((&got["attributes"]["severity"], got.get("severity")), (&json!(0), None));
    for line in [
        "<999>1 - - - - - - x",
        "plain",
        "<1>0 - - - - - -",
        "<1>1 2024-01-01T00:00:00.1234567Z - - - - -",
        "<1>1 - - - - - [a b=c]",
        "<1>1 - - - - - [a][a]",
        "<1>1 - - - - - -x",
        "<1>1 - - - -",
    ] {
        assert_eq!(syslog(new(), line)["attributes"], json!({}), "{line}");
    }
}

#[test]
fn syslog_that_does_not_become_attributes_keeps_its_time_and_severity() {
    let to_body = |protocol: &str, line: &str| {
        syslog(
            json!({ "protocol": protocol, "parse_to": "body", "location": "Europe/Berlin" }),
            line,
        )
    };
    let got = to_body("rfc5424", "<34>1 2003-10-11T22:14:15.003-07:00 h a p m - x");
    assert_eq!(got["body"]["timestamp"], "2003-10-11 22:14:15.003 -0700 -0700");
    assert_eq!((&got["body"]["severity"], got.get("severity")), (&json!(2), None));
    assert_eq!(got.get("time"), None);
    let got = to_body("rfc5424", "<34>1 2003-10-11T22:14:15Z h a p m - x");
    assert_eq!(got["body"]["timestamp"], "2003-10-11 22:14:15 +0000 UTC");
    let got = to_body("rfc3164", "<34>Jan 12 06:30:00 h a: x");
    assert_eq!(got["body"]["timestamp"], "0000-01-12 06:30:00 +0053 LMT");
    let block = json!({ "parse_from": "attributes.none" });
    let got = syslog(
        json!({ "protocol": "rfc5424", "severity": block }),
        "<34>1 2003-10-11T22:14:15Z h a p m - x",
    );
    assert_eq!(got["attributes"]["timestamp"], "2003-10-11 22:14:15 +0000 UTC");
    assert_eq!((&got["attributes"]["severity"], got.get("severity")), (&json!(2), None));
    assert_eq!(got["time"], 1_065_910_455_000_000_000_u64);
}

#[test]
fn old_syslog_has_as_many_blanks_as_its_sender_likes_and_perhaps_no_host() {
    for (line, want) in [
        ("<34> Oct 11 22:14:15  h a: x", json!(["h", "a", "x"])),
        ("<34>Oct 11 22:14:15 a: x", json!([null, "a", "x"])),
        ("<34>Oct 11 22:14:15 word", json!([null, null, "word"])),
    ] {
        let got = syslog(json!({ "protocol": "rfc3164" }), line)["attributes"].take();
        assert_eq!(json!([got["hostname"], got["appname"], got["message"]]), want, "{line}");
    }
}

#[test]
fn framed_syslog() {
    let one = "<14>1 2024-10-11T22:14:15Z h a - - - one";
    let two = "<14>1 2024-10-11T22:14:15Z h a - - - second";
    let counted = json!({ "protocol": "rfc5424", "enable_octet_counting": true });
    let message = |more: Value, text: &str| syslog(more, text)["attributes"]["message"].clone();
    let text = format!("{} {one}{} {two}", one.len(), two.len());
    assert_eq!(message(counted.clone(), &text), "second");
    assert_eq!(message(counted.clone(), "x y"), Value::Null);
    assert_eq!(message(counted.clone(), &format!("999 {one}")), Value::Null);
    let mut short = counted;
    short["max_octets"] = 10.into();
    assert_eq!(message(short, &text), Value::Null);
    let trailed = json!({ "protocol": "rfc5424", "non_transparent_framing_trailer": "NUL" });
    assert_eq!(message(trailed, &format!("{one}\0{two}\0")), "second");
    let none = syslog(json!({ "protocol": "none" }), "<14>text");
    assert_eq!(
        (&none["attributes"]["message"], &none["severity"]),
        (&json!("<14>text"), &json!(9))
    );
}

#[test]
fn configurations_that_make_no_sense_are_refused() {
    let refused = |operator: Value, want: &str| {
        assert_eq!(compile(json!([operator])).unwrap_err(), want);
    };
    refused(
        json!({ "type": "csv_parser" }),
        "missing required field 'header' or 'header_attribute'",
    );
    refused(
        json!({ "type": "csv_parser", "header": "a,b", "delimiter": ";;" }),
        "invalid 'delimiter': ';;'",
    );
    refused(json!({ "type": "syslog_parser" }), "missing field 'protocol'");
    refused(json!({ "type": "syslog_parser", "protocol": "x" }), "unsupported protocol version: x");
    refused(
        json!({ "type": "key_value_parser", "delimiter": " " }),
        "delimiter and pair_delimiter cannot be the same value",
    );
    refused(json!({ "type": "copy" }), "copy: missing to field");
    refused(json!({ "type": "regex_replace" }), "either regex or regex_name must be set");
    refused(
        json!({ "type": "regex_replace", "field": "body" }),
        "either regex or regex_name must be set",
    );
}
