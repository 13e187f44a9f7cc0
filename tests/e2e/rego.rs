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
    assert!(out.starts_with(&format!("{tests}:5:\ndata.a_test.test_allowed")), "{out}");
    let chosen = ["rego", "coverage", &policy, &tests, "-r", "allowed"];
    let (_, out, _) = sluice(&chosen);
    let report: Value = serde_json::from_str(&out).unwrap();
    let lines = &report["files"][&tests]["not_covered"];
    assert_eq!(lines[0]["start"]["row"], 7, "{report}");
    let (code, out, err) = sluice(&[&chosen[..], &["--threshold", "99", "-v"]].concat());
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.starts_with("Code coverage threshold not met"), "{err}");
    assert!(err.contains(&format!("\n\t{tests}:7\n")), "{err}");
    // A test that fails is told instead of what it covers.
    let (code, out, err) = sluice(&["rego", "coverage", &policy, &tests]);
    assert!(out.contains("data.a_test.test_wrong: FAIL ("), "{out}");
    assert_eq!((code, err.starts_with("data.a_test.test_wrong: FAIL (")), (1, true), "{err}");
}

#[test]
fn tests_that_cannot_run_are_skipped_or_are_not_there_have_codes_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a_test.rego");
    let test = |text: &str, more: &[&str]| {
        fs::write(&path, format!("package a_test\n\n{text}\n")).unwrap();
        let (code, out, _) = sluice(&[&["rego", "test", path.to_str().unwrap()], more].concat());
        (code, out)
    };
    assert_eq!(test("test_a if nothing(1)", &[]).0, 1);
    let skipped = "todo_test_a if true";
    assert_eq!(test(skipped, &[]).0, 2);
    assert_eq!(test(skipped, &["-z"]), (0, test(skipped, &[]).1));
    assert!(test(skipped, &[]).1.ends_with("SKIPPED: 1/1\n"));
    assert_eq!(test("x := 1", &[]), (0, String::new()));
    assert_eq!(test("x := 1", &["--fail-on-empty"]), (1, String::new()));
    assert_eq!(test("test_a if true", &["--threshold", "101"]).0, 1);
    let printed = test("test_a if {\n\tprint(\"hello\", 1)\n}", &["-v", "--format", "json"]).1;
    assert!(printed.contains("\"output\": \"aGVsbG8gMQo=\""), "{printed}");
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
fn what_opa_would_format_is_told_and_written_only_if_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, tests, _) = files(folder.path());
    assert_eq!(sluice(&["rego", "fmt-check", &policy]), (0, String::new(), String::new()));
    assert_eq!(sluice(&["rego", "fmt", &policy]), (0, POLICY.to_owned(), String::new()));
    let (untidy, tidy) = ("package a\n\nx:=1\n", "package a\n\nx := 1\n");
    fs::write(&policy, untidy).unwrap();
    let difference = format!("--- {policy}\n+++ {policy}\n package a\n \n-x:=1\n+x := 1\n");
    let (code, out, _) = sluice(&["rego", "fmt-check", &policy, &tests]);
    assert_eq!((code, out.as_str()), (2, difference.as_str()));
    assert_eq!(sluice(&["rego", "fmt-check", "-l", &policy]).0, 0);
    let (code, out, _) = sluice(&["rego", "fmt", "-l", "--fail", &policy]);
    assert_eq!((code, out), (2, format!("{policy}\n")));
    // As with opa, -d shows the difference.
    assert_eq!(sluice(&["rego", "fmt", "-d", &policy]), (0, difference, String::new()));
    assert_eq!(sluice(&["rego", "fmt", &policy]), (0, tidy.to_owned(), String::new()));
    assert_eq!(fs::read_to_string(&policy).unwrap(), untidy);
    assert_eq!(sluice(&["rego", "fmt", "-w", &policy]), (0, String::new(), String::new()));
    assert_eq!(fs::read_to_string(&policy).unwrap(), tidy);
    fs::write(&policy, "package a\n\nx := }\n").unwrap();
    assert_eq!(sluice(&["rego", "fmt", "-w", &policy]).0, 2);
}

#[test]
fn a_policy_from_standard_input_goes_to_standard_output_and_into_no_file() {
    for flags in [&[][..], &["-w"]] {
        let formatted = run(SLUICE, &[&["rego", "fmt"], flags].concat(), "package a\n\nx:=1\n");
        assert_eq!(formatted, Some((true, "package a\n\nx := 1\n".to_owned())), "{flags:?}");
    }
    assert!(!Path::new("stdin").exists());
}

#[test]
fn a_test_passes_if_it_is_true_and_each_of_its_cases_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a_test.rego");
    let text = "\
package a_test

cases := [{\"in\": {1, 2}, \"want\": 3}, {\"in\": {1}, \"want\": 2}]

test_sum[case.in] if {
\tsome case in cases
\tsum(case.in) == case.want
}

test_number := 1

test_object.a := true
";
    fs::write(&path, text).unwrap();
    let (code, out, _) = sluice(&["rego", "test", path.to_str().unwrap()]);
    assert!(out.contains("  [1]: FAIL\n"), "{out}");
    assert!(out.contains("data.a_test.test_number: FAIL ("), "{out}");
    assert!(out.ends_with("PASS: 1/4\nFAIL: 3/4\n"), "{out}");
    assert_eq!(code, 2);
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

/// A payload of the file exporter: what `eval --record` reads.
const RECORDS: &str = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeLogs":[{"logRecords":[{"severityText":"DEBUG","body":{"stringValue":"card 4111111111111111"}},{"severityText":"ERROR","body":{"stringValue":"broken"}},{"severityText":"INFO","body":{"stringValue":"fine"}}]}]}]}
"#;

const DECISION: &str = "\
package p

decision[\"drop\"] := \"debug\" if input.log.level == \"DEBUG\"

decision[\"alert\"] := {\"title\": \"it broke\", \"key\": input.log.service} if input.log.level == \"ERROR\"

decision[\"set\"] := {\"attributes\": {\"team\": \"a\"}} if input.log.level == \"ERROR\"

unused if input.log.sevrity_text == \"x\"
";

#[test]
fn captured_telemetry_shows_what_a_policy_would_do_to_each_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("p.rego"), DECISION).unwrap();
    fs::write(path("records.jsonl"), RECORDS).unwrap();
    let (policy, records) = (path("p.rego"), path("records.jsonl"));
    let arguments = ["rego", "eval", "-d", &policy, "--record", &records, "data.p.decision"];
    let (code, out, err) = sluice(&[&arguments[..], &["-f", "pretty"]].concat());
    assert_eq!((code, err.as_str()), (0, ""));
    let parts: Vec<&str> = out.split("record ").collect();
    assert_eq!(parts.len(), 4, "{out}");
    assert_eq!(parts[1], "1 (logs)\n  decision: {\"drop\":\"debug\"}\n  dropped\n");
    assert!(parts[2].contains("  alert: it broke shop\n"), "{out}");
    assert!(parts[2].contains('+') && parts[2].contains("\"team\": \"a\""), "{out}");
    assert!(parts[3].starts_with("3 (logs)\n  decision: {}\n  no change"), "{out}");
    let (_, out, _) = sluice(&[&arguments[..], &["-f", "json"]].concat());
    let lines: Vec<Value> = out.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(
        (&lines[0]["after"], lines[1]["alerts"].as_array().unwrap().len()),
        (&Value::Null, 1)
    );
    assert_eq!(lines[1]["after"]["log"]["attributes"], json!({"team": "a"}));
}

#[test]
fn an_explanation_names_the_expression_that_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, _, input) = files(folder.path());
    fs::write(&input, r#"{"level": "ERROR", "users": ["u"], "share": 1}"#).unwrap();
    let ask = |how: &str| {
        sluice(&[
            "rego",
            "eval",
            "-d",
            &policy,
            "-i",
            &input,
            "-f",
            "raw",
            "--explain",
            how,
            "data.a.allow",
        ])
    };
    let (code, out, err) = ask("fails");
    let said =
        format!("{policy}:7:2: FAILS count(input.users) > 1\n    input.users = [\"u\"]\nfalse\n");
    assert_eq!((code, out, err), (0, said, String::new()));
    let (_, out, _) = ask("full");
    assert!(out.starts_with(&format!("{policy}:6:2: holds input.level == \"ERROR\"\n")), "{out}");
}

#[test]
fn an_explanation_shows_the_variables_of_what_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (policy, tests) = (path("a.rego"), path("a_test.rego"));
    let body = "some i\n\tsome user, age in input.users\n\twanted := age + 1\n\tinput.levels[i] == wanted\n";
    fs::write(&policy, format!("package a\n\nallow if {{\n\t{body}}}\n")).unwrap();
    let test = "package a_test\n\ntest_a if {\n\tx := 1\n\tsome y in [2, 3]\n\tx == y\n}\n";
    fs::write(&tests, test).unwrap();
    let input = path("input.json");
    fs::write(&input, r#"{"users": {"u": 1, "v": 2}, "levels": [7]}"#).unwrap();
    let said = format!(
        "{policy}:7:2: FAILS input.levels[i] == wanted\n    input.levels = [7]\n    wanted = 2\n    wanted = 3\n"
    );
    // What the beginning of a body does not use is no mistake of the policy.
    for strict in ["--strict=false", "--strict"] {
        let (code, out, err) = sluice(&[
            "rego",
            "eval",
            "-d",
            &policy,
            "-i",
            &input,
            "-f",
            "raw",
            "--explain",
            "fails",
            "--var-values",
            strict,
            "data.a.allow",
        ]);
        assert_eq!((code, out, err), (0, said.clone(), String::new()));
    }
    let (_, out, _) = sluice(&["rego", "test", &tests, "-v", "--var-values"]);
    assert!(out.contains(":6:2: FAILS x == y\n      x = 1, y = 2\n      x = 1, y = 3\n"), "{out}");
}

#[test]
fn what_is_ignored_takes_too_long_or_is_typed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(path("drafts")).unwrap();
    for name in ["a.rego", "b_test.rego", "drafts/c.rego"] {
        let what = if name == "a.rego" { "x := 1" } else { "}" };
        fs::write(path(name), format!("package a\n\n{what}\n")).unwrap();
    }
    let root = path("");
    assert_eq!(sluice(&["rego", "check", &root]).0, 1);
    let ignored = ["--ignore", "*_test.rego", "--ignore", "x,drafts"];
    assert_eq!(sluice(&[&["rego", "check", &root], &ignored[..]].concat()).0, 0);
    let (code, _, err) = sluice(&["rego", "check", &root, "--ignore", "["]);
    assert_eq!((code, err.contains("--ignore [: parse glob")), (1, true), "{err}");

    let long = "count([1 | numbers.range(1, 9999)[_] < numbers.range(1, 9999)[_]])";
    let (code, out, _) = sluice(&["rego", "eval", "--timeout", "10ms", long]);
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &document["errors"][0]["code"]), (2, &json!("eval_cancel_error")));
    assert_eq!(sluice(&["rego", "eval", "--timeout", "soon", "1"]).0, 1);

    let eval = |flags: &[&str], input: &str| {
        run(SLUICE, &[&["rego", "eval", "-f", "raw"], flags].concat(), input).unwrap()
    };
    assert_eq!(eval(&["-I", "input.b"], "{\"b\": 7}"), (true, "7\n".to_owned()));
    assert_eq!(eval(&["--stdin"], "1 + 1"), (true, "2\n".to_owned()));
    let (works, said) = eval(&["-I", "-i", "x", "input.b"], "");
    assert!(!works && said.contains("specify --stdin-input or --input but not both"), "{said}");
}

#[test]
fn a_path_that_no_record_has_and_a_rule_that_nobody_needs_are_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.rego");
    fs::write(&path, DECISION).unwrap();
    let path = path.to_str().unwrap();
    let (code, out, err) = sluice(&["rego", "check", path, "-e", "p/decision"]);
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(err.contains(&format!("warning: {path}:9:11: unknown_input_path")), "{err}");
    assert!(err.contains("did you mean severity_text?"), "{err}");
    assert!(err.contains("rule data.p.unused is needed by no entry point"), "{err}");
    let (code, _, err) = sluice(&["rego", "check", "../configs/policy"]);
    assert_eq!((code, err.as_str()), (0, ""), "the examples have neither");
}

/// A policy that is made from a number: rules over comparisons, sets, comprehensions and builtins.
fn made(number: usize) -> String {
    let conditions = [
        "input.a > 3",
        "input.b == \"x\"",
        "input.c[_] == 2",
        "count(input.c) >= 2",
        "startswith(input.b, \"x\")",
        "some i, v in input.c; i < v",
        "not input.d",
        "input.b in {\"x\", \"y\"}",
        "every v in input.c { v > 0 }",
        "regex.match(`^[xy]\\d*$`, input.b)",
        "sum(input.c) > input.a",
        "object.get(input, \"e\", 1) == 1",
        "sprintf(\"%d-%s\", [input.a, input.b]) != \"4-x\"",
        "max(input.c) == 3",
        "upper(input.b) == \"X\"",
    ];
    let pick = |at: usize| conditions[(number * 7 + at * (number % 11 + 1)) % conditions.len()];
    let (a, b, c) = (pick(0), pick(1), pick(2));
    format!(
        "package p\n\ndefault allow := false\n\nallow if {{\n\t{a}\n\t{b}\n}}\n\nallow if {{ {c} }}\n\n\
         deny contains item if {{\n\tsome item in input.c\n\t{b}\n}}\n\n\
         pairs := {{key: value | some key, value in input; {c}}}\n\nfirst := input.c[{}] if {{ {a} }}\n\n\
         else := \"none\" if {{ {b} }}\n",
        number % 4
    )
}

#[test]
fn two_hundred_policies_have_the_answers_of_opa() {
    let Some(opa) = part("opa") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (policy, input) = (path("p.rego"), path("input.json"));
    let mut differ = Vec::new();
    for number in 0..200 {
        fs::write(&policy, made(number)).unwrap();
        let texts = ["x", "y1", "z", "x22"];
        let (b, c) = (texts[number % 4], (1..=number % 5).collect::<Vec<_>>());
        let document =
            json!({"a": number % 6, "b": b, "c": c, "d": number % 3 == 0, "e": number % 2});
        fs::write(&input, document.to_string()).unwrap();
        let arguments = ["eval", "-d", &policy, "-i", &input, "data.p"];
        let theirs = run(opa.to_str().unwrap(), &arguments, "").unwrap().1;
        let ours = run(SLUICE, &[&["rego"], &arguments[..]].concat(), "").unwrap().1;
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        if read(&theirs) != read(&ours) {
            differ.push(format!("{}\n{document}\n{ours}\nnot {theirs}", made(number)));
        }
    }
    assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), differ[0]);
}
