//! What programs answer, beside the interpreter.

use std::sync::Arc;

use super::{Input, Scratch, Val};
use crate::{Lookup, Options, Policy, Source, Value};

/// A document, field by field.
struct Document {
    fields: Vec<Vec<String>>,
    whole: Value,
}

impl<'r> Input<'r> for Document {
    fn field(&self, at: usize) -> Val<'r> {
        let path = self.fields[at].iter();
        Val::Own(path.fold(self.whole.clone(), |value, name| value[name.as_str()].clone()))
    }

    fn lookup(&self, _: usize, key: &Value) -> Value {
        lookup(key)
    }
}

fn lookup(key: &Value) -> Value {
    if *key == Value::from("eve") { 6.into() } else { Value::Undefined }
}

fn policy(rules: &str) -> Policy {
    let source = Source::new("a.rego", format!("package a\n{rules}"));
    let data = Value::from_json_str(
        r#"{"words": ["x", "y"], "limits": {"cart": 3}, "two": 2, "one": 1, "zero": 0}"#,
    )
    .unwrap();
    let path = vec!["w".into(), "n".into()];
    let lookups = vec![Lookup { path, answer: Arc::new(lookup) }];
    Policy::compile(vec![source], data, &Options { lookups, ..Options::default() }).unwrap()
}

const INPUTS: &[&str] = &[
    "{}",
    r#"{"level": "ERROR", "body": "x", "number": 17, "list": ["x", "y"], "map": {"a": "x", "b": 2}}"#,
    r#"{"level": "INFO", "body": "xyz", "number": 5, "list": [], "map": {}, "user": "eve"}"#,
    r#"{"level": null, "body": 1, "number": "x", "list": "x", "map": ["a"], "user": ["eve"]}"#,
    r#"{"level": "ERROR", "body": "", "number": 2.5, "list": [1, null, "x"], "map": {"a": {"b": "x"}}}"#,
];

/// The program gives the interpreter's answer, or none where it may stop; how often it answered.
#[track_caller]
fn check(rules: &str) -> usize {
    let policy = policy(rules);
    let program =
        policy.program("data.a.x", &|_| true).unwrap_or_else(|why| panic!("{rules}: {why}"));
    let mut worker = policy.query("data.a.x").unwrap().worker();
    let mut scratch = Scratch::default();
    let mut answered = 0;
    for text in INPUTS {
        let whole = Value::from_json_str(text).unwrap();
        let want = worker.evaluate(whole.clone());
        let document = Document { fields: program.fields().to_vec(), whole };
        if let Ok(found) = program.run(&document, None, &mut scratch) {
            let want = want.unwrap().unwrap_or(Value::Undefined);
            assert_eq!(found.into_value(), want, "{rules} of {text}");
            answered += 1;
        }
    }
    answered
}

#[track_caller]
fn all_answered(rules: &[&str]) {
    for it in rules {
        assert_eq!(check(it), INPUTS.len(), "{it}");
    }
}

#[test]
fn conditions_and_values_are_the_interpreters() {
    all_answered(&[
        "default x := false\nx if { input.level == \"ERROR\"; input.number > 10 }",
        "x if not input.level == \"ERROR\"",
        "x if not startswith(input.body, \"x\")",
        "x if not input.number > 10",
        "x if not input.body in {\"x\", 1}",
        "x if not lower(input.level) == \"error\"",
        "x if not input.map[input.body]",
        "x if input.body in {\"x\", 1}",
        "x := lower(input.level)",
        "x := {\"a\": input.body, \"b\": [input.number]}",
        "x := 1 if input.level == \"ERROR\" else := 2 if input.body == \"xyz\" else := 3",
        "x if { y := input.map; y.a == \"x\" }",
        "x if { y = input.body; startswith(y, \"x\") }",
        "x if regex.match(`^x+`, input.body)",
        "x := count(input.list)",
        "x if input.level < input.body",
        "x if input.map.a.b == \"x\"",
        "x if input.list[0] == \"x\"",
        "x := data.limits[input.service]",
        "x if data.words[_] == input.body",
        "x if data.w.n[input.user] > 5",
        "x if data.w.n.eve > 5",
        "x := sprintf(\"%v %s\", [input.body, input.level])",
        "x := $\"{input.body}-{input.level}\"",
        "x := object.get(input.map, \"a\", \"none\")",
    ]);
}

#[test]
fn operators_on_what_they_cannot_work_on_are_undefined_as_in_the_interpreter() {
    for operator in ["+", "-", "*", "/", "%", "|", "&"] {
        for (left, right) in [
            ("input.number", "data.one"),
            ("input.number", "data.zero"),
            ("input.number", "input.number"),
            ("words", "many"),
            ("many", "words"),
            ("input.body", "data.two"),
            ("input.map", "words"),
        ] {
            let of = format!("{left} {operator} {right}");
            // What they are is not to be seen before they are evaluated.
            let hidden = |it: &str| format!("object.get({{}}, 1, {it})");
            let (words, many) = (hidden("{1, \"x\"}"), hidden("{v | v := input.list[_]}"));
            let sets = format!("words := {words}\nmany := {many}\n");
            all_answered(&[
                &format!("{sets}x := {of}"),
                &format!("{sets}x if ({of}) > 1"),
                &format!("{sets}x if not {of}"),
                &format!("{sets}x if not {of} == {}", hidden("2")),
                &format!("{sets}x := [1 | {of}]"),
                &format!("{sets}x := f({of})\nf(v) := v if not v == 6"),
            ]);
        }
    }
}

#[test]
fn parts_of_a_negated_condition_are_computed_once() {
    let program = |rule: &str| policy(rule).program("data.a.x", &|_| true).unwrap();
    let calls = |rule: &str| format!("{:?}", program(rule)).matches("Call(").count();
    assert_eq!(calls("x if not startswith(lower(input.body), \"x\")"), 2);
    assert_eq!(calls("x if not lower(input.body) == trim(input.level, \"E\")"), 2);
    // What is always there is not bound before.
    assert_eq!(program("x if not input.body in {\"x\", 1}").rules[0].slots, 1);
}

#[test]
fn walks_over_collections_are_the_interpreters() {
    all_answered(&[
        "x if input.list[_] == \"x\"",
        "x if { some i; input.list[i] == \"y\"; i == 1 }",
        "x if every v in input.list { v == \"x\" }",
        "x := [v | v := input.list[_]]",
        "x := {k | some k; input.map[k]}",
        "x contains input.level",
        "x contains \"a\" if input.number == 5\nx contains \"b\" if input.body == \"x\"",
        "x if { input.list[i] == input.map[k]; k == \"a\"; i == 0 }",
    ]);
    all_answered(&[
        "x if { some k, v in input.map; v == \"x\"; k == \"a\" }",
        "x := {k: v | some k, v in input.map}",
        // In one of the inputs it is a text, which is nothing to walk over.
        "x if { some v in input.list; v == \"x\" }",
        "x contains v if { some v in input.list }",
    ]);
}

#[test]
fn helpers_and_functions_are_the_interpreters() {
    all_answered(&[
        "x if y\ny if input.level == \"ERROR\"",
        "x if not y\ny if input.level == \"ERROR\"",
        "x if y.a == 1\ny := {\"a\": 1} if input.body == \"x\"",
        "x if f(input.body)\nf(v) if v == \"x\"\nf(v) if v == 1",
        "x := f(input.number)\nf(n) := \"high\" if { n > 10 } else := \"low\"",
        "x if y[\"x\"]\ny contains v if { v := input.map[_] }",
        "x[\"a\"] := 1 if input.level == \"ERROR\"\nx[\"b\"] := input.body",
        "x if data.a.y\ny := false if input.level == \"ERROR\"",
        "x.a := 1 if input.level == \"ERROR\"\nx.b := input.body",
        "x := y.a\ny.a := 1 if input.level == \"ERROR\"",
        "x := count(y)\ny.a if input.level == \"ERROR\"",
    ]);
}

#[test]
fn what_may_be_an_error_is_left_to_the_interpreter() {
    // Two values.
    let two = "x := 1 if input.level == \"ERROR\"\nx := 2 if input.body == \"x\"";
    assert_eq!(check(two), 4);
}

#[test]
fn what_is_not_known_is_refused_with_the_reason() {
    let refused = |rules: &str| policy(rules).program("data.a.x", &|_| true).unwrap_err();
    assert_eq!(refused("x if input.a with input as {\"a\": 1}"), "it uses with");
    assert_eq!(refused("x := time.now_ns()"), "it calls time.now_ns");
    assert_eq!(refused("x if { walk(input, p); p[1] == 1 }"), "p has no value yet");
    assert_eq!(
        refused("x if { [a, b] := input.list; a == b }"),
        "it takes a value apart by a pattern"
    );
    assert_eq!(
        refused("x := data.a.y\ny.z.w := 1"),
        "a rule has a reference of several parts as its name"
    );
    let whole = policy("x := count(input.map)").program("data.a.x", &|path| path != ["map"]);
    assert_eq!(whole.unwrap_err(), "it reads all of input.map");
}

#[test]
fn a_program_that_goes_on_and_on_stops() {
    let rules = "n := [i | i := input.many[_]]\nx := count([1 | n[_] == n[_]])";
    let policy = policy(rules);
    let program = policy.program("data.a.x", &|_| true).unwrap();
    let whole = format!("{{\"many\": {:?}}}", (0..500).collect::<Vec<_>>());
    let whole = Value::from_json_str(&whole).unwrap();
    let document = Document { fields: program.fields().to_vec(), whole };
    assert!(program.run(&document, None, &mut Scratch::default()).is_err());
}

#[test]
fn a_program_that_reads_large_values_again_and_again_stops() {
    let text = "a".repeat(100_000);
    let many: Vec<usize> = (0..500).collect();
    let input = |body: &str, list: &[usize]| {
        let text = format!("{{\"many\": {many:?}, \"body\": \"{body}\", \"list\": {list:?}}}");
        Value::from_json_str(&text).unwrap()
    };
    let long: Vec<usize> = (1_000..20_000).collect();
    for (condition, is_of_text) in [
        ("contains(input.body, \"b\")", true),
        ("lower(input.body) == \"b\"", true),
        ("input.body == concat(\"\", [input.body])", true),
        ("i in input.list", false),
        ("sum(input.list) == i", false),
        ("array.concat(input.list, [i]) == input.list", false),
    ] {
        let policy = policy(&format!("x := count([1 | i := input.many[_]; {condition}])"));
        let program = policy.program("data.a.x", &|_| true).unwrap();
        let run = |whole: Value| {
            let document = Document { fields: program.fields().to_vec(), whole };
            program.run(&document, None, &mut Scratch::default()).is_ok()
        };
        assert!(run(input("a", &[1])), "{condition}");
        let large = if is_of_text { input(&text, &[1]) } else { input("a", &long) };
        assert!(!run(large), "{condition}");
    }
}
