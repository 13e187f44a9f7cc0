//! `sluice rego` as scripts and policy authors use it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::commands::run;
use super::start::sluice;
use crate::support::{SLUICE, part};

const POLICY: &str = "\
package a

default allow := false

allow if {
\tinput.level == \"ERROR\"
\tcount(input.users) > 1
}

title := sprintf(\"%5.1f %s\", [input.share, crypto.md5(\"x\")])
";

const TESTS: &str = "\
package a_test

import data.a

test_allowed if a.allow with input as {\"level\": \"ERROR\", \"users\": [1, 2]}

test_wrong if a.allow with input as {\"level\": \"INFO\"}
";

fn files(folder: &Path) -> (String, String, String) {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let input = r#"{"level": "ERROR", "users": ["u", "v"], "share": 2.25}"#;
    (write("a.rego", POLICY), write("a_test.rego", TESTS), write("input.json", input))
}

#[test]
fn a_query_is_answered_in_opas_document() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, _, input) = files(folder.path());
    let arguments = ["rego", "eval", "-d", &policy, "-i", &input];
    let ask = |more: &[&str]| sluice(&[&arguments[..], more].concat());
    let (code, out, err) = ask(&["data.a.allow = x"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["result"][0]["bindings"], json!({"x": true}));
    let (_, out, _) = ask(&["-f", "raw", "data.a.title"]);
    assert_eq!(out, "  2.2 9dd4e461268c8034f5c8564e155c67a6\n");
    let (code, out, _) = ask(&["--fail", "data.a.nothing"]);
    assert_eq!((code, out.as_str()), (1, "{}\n"));
    let (code, out, _) = ask(&["data.a.allow +"]);
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &document["errors"][0]["code"]), (2, &json!("rego_parse_error")));
}

#[test]
fn opa_answers_the_same() {
    let Some(opa) = part("opa") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (policy, tests, input) = files(folder.path());
    let check = |arguments: &[&str]| {
        let theirs = run(opa.to_str().unwrap(), arguments, "").unwrap().1;
        let ours = run(SLUICE, &[&["rego"], arguments].concat(), "").unwrap().1;
        match serde_json::from_str::<Value>(&theirs) {
            Ok(theirs) => {
                assert_eq!(serde_json::from_str::<Value>(&ours).unwrap(), theirs, "{arguments:?}")
            }
            Err(_) => assert_eq!(ours, theirs, "{arguments:?}"),
        }
    };
    for query in ["data.a", "data.a.allow = x", "x = [1, {2}][i]", "data.a.nothing", "1 == 2"] {
        check(&["eval", "-d", &policy, "-i", &input, query]);
        check(&["eval", "-d", &policy, "-i", &input, "-f", "raw", query]);
        check(&["eval", "-d", &policy, "-i", &input, "-f", "values", query]);
    }
    check(&["check", &policy, &tests]);
}

#[test]
fn tests_pass_fail_and_say_what_they_cover() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, tests, _) = files(folder.path());
    let (code, out, _) = sluice(&["rego", "test", &policy, &tests]);
    assert!(out.contains("data.a_test.test_wrong: FAIL ("), "{out}");
    assert!(out.ends_with("PASS: 1/2\nFAIL: 1/2\n"), "{out}");
    assert_eq!(code, 2);
    let (code, out, _) = sluice(&["rego", "test", &policy, &tests, "-r", "allowed", "-v"]);
    assert!(out.contains("data.a_test.test_allowed: PASS ("), "{out}");
    assert_eq!(code, 0);
    let chosen = ["rego", "coverage", &policy, &tests, "-r", "allowed", "--threshold", "99"];
    let (code, out, err) = sluice(&chosen);
    let report: Value = serde_json::from_str(&out).unwrap();
    let lines = &report["files"][&tests]["not_covered"];
    assert_eq!(lines[0]["start"]["row"], 7, "{report}");
    assert_eq!((code, err.starts_with("Code coverage threshold not met")), (2, true), "{err}");
}

#[test]
fn check_says_how_each_rule_is_evaluated_if_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.rego");
    let rules = "package a\n\nx if input.log.level == \"ERROR\"\n\ny := time.now_ns()\n\nz if { [b] := input.log.body; b == 1 }\n";
    fs::write(&path, rules).unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(sluice(&["rego", "check", path]), (0, String::new(), String::new()));
    let (code, out, _) = sluice(&["rego", "check", "-v", path]);
    let lines = [
        "data.a.x: compiled",
        "data.a.y: interpreter: it calls time.now_ns",
        "data.a.z: interpreter, remembered: it takes a value apart by a pattern",
    ];
    assert_eq!((code, out.trim_end()), (0, lines.join("\n").as_str()));
}

#[test]
fn a_wrong_policy_is_refused_with_its_place_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.rego");
    fs::write(&path, "package a\n\nx if startwith(input.y, \"z\")\n").unwrap();
    let (code, _, err) = sluice(&["rego", "check", path.to_str().unwrap()]);
    let place = format!("1 error occurred: {}:3:6: rego_type_error", path.display());
    let said = format!(
        "{place}: undefined function startwith\n\tx if startwith(input.y, \"z\")\n\t     ^\n"
    );
    assert_eq!((code, err), (1, said));
}
