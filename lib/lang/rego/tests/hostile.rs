//! Every builtin with values that a record may have and nobody thought of: an answer, undefined or an error, and never a
//! panic, which ends a release build. Nothing here asserts a time: what takes too long is a test that does not end.

#![expect(clippy::unwrap_used, reason = "a test: a panic is how it fails")]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rego::compiled::{Input, Scratch, Val};
use rego::{Limits, Options, Policy, Source, Value, code, signatures};

/// Most values and bytes of an answer. Arguments have a hundredth of it.
const ANSWER_MAX: usize = 128 * 1024 * 1024;

/// What has no arguments to be hostile, or no function behind it.
const WITHOUT: [&str; 6] = [
    "internal.print",
    "internal.test_case",
    "internal.member_2",
    "internal.member_3",
    "assign",
    "eq",
];

fn json(text: &str) -> Value {
    Value::from_json_str(text).unwrap()
}

fn set(items: impl IntoIterator<Item = Value>) -> Value {
    Value::from(items.into_iter().collect::<BTreeSet<_>>())
}

/// As deep as a record may be.
fn deep(open: &str, close: &str) -> Value {
    json(&format!("{}1{}", open.repeat(100), close.repeat(100)))
}

/// A graph in which every node has all others as neighbours, so that there are more paths than time.
fn web(nodes: usize) -> Value {
    let all: Vec<String> = (0..nodes).map(|it| format!("\"{it}\"")).collect();
    let all = all.join(",");
    let edges: Vec<String> = (0..nodes).map(|it| format!("\"{it}\":[{all}]")).collect();
    json(&format!("{{{}}}", edges.join(",")))
}

/// A graph that is one path, longer than a stack.
fn chain(nodes: usize) -> Value {
    let edges: Vec<String> = (0..nodes).map(|it| format!("\"{it}\":[\"{}\"]", it + 1)).collect();
    json(&format!("{{{}}}", edges.join(",")))
}

fn objects(count: usize) -> Value {
    let all: Vec<String> = (0..count).map(|it| format!("{{\"k{it}\": {it}}}")).collect();
    json(&format!("[{}]", all.join(",")))
}

fn numbers() -> Vec<Value> {
    let texts = [
        "0",
        "-1",
        "1.5",
        "-0.0",
        "3",
        "64",
        "1e308",
        "-1e308",
        "5e-324",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "1267650600228229401496703205376",
        "-1267650600228229401496703205376",
        "1000000007",
    ];
    texts.into_iter().map(json).collect()
}

fn texts() -> Vec<Value> {
    let texts = [
        "",
        "-",
        "a",
        "\u{0}",
        "\u{e9}\u{10ffff}\u{202e}",
        "%!",
        "%1000000000d",
        "%.1000000000f%*d",
        "((((",
        "(a{100}){100}",
        "(?i)\\",
        "[",
        "[z-a]",
        "{{",
        "{{range .a}}",
        "1e999999999",
        "-1e-999999999",
        "0x",
        "1_000",
        "0.0.0.0/0",
        "::/0",
        "1.2.3.4/99",
        "::ffff:1.2.3.4/129",
        "9999-99-99T99:99:99Z",
        "2006\u{e9}-01-02",
        "2999-01-01T00:00:00Z",
        "-9999999999999999999999h",
        "a=%ff&&=",
        "http://[::1",
        "//\u{e9}:99999/%zz",
        "99999999999999999999.1.1",
        "\u{1}\u{1}",
        "{\"$ref\": \"#\"}",
        "{\"$ref\": \"file:///etc/passwd\"}",
        "{\"pattern\": \"(a+)+$\"}",
        "eyJhbGciOiJIUzI1NiJ9.e30.",
        "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----",
        "a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g]\n",
        "<<: *a",
        "\u{feff}",
        "}{",
        "..",
        "/",
        "\\",
    ];
    texts.into_iter().map(Value::from).collect()
}

fn collections() -> Vec<Value> {
    let mut all = vec![
        json("[]"),
        json("{}"),
        set([]),
        json("[null]"),
        json("[[], [[]], {}]"),
        json("[\"\", \"\"]"),
        json("[-1, 1e308]"),
        set([json("{}"), json("[]"), Value::Null]),
        json("{\"\": \"\", \"a\": null}"),
        json("{\"a\": {\"a\": []}}"),
        json("[9223372036854775807, \"UTC\", \"\u{e9}2006 \u{e9}\"]"),
        json("[-9223372036854775808, \"Asia/Kathmandu\", \"\"]"),
        json(
            "[{\"op\": \"add\", \"path\": \"/-/-1/a~2\", \"value\": []}, {\"op\": \"move\", \"from\": \"/a\", \"path\": \"/a/b\"}, {\"op\": 1}]",
        ),
        json("{\"prefix\": \"\\u0000\", \"indent\": \"xx\", \"pretty\": true}"),
        json("{\"kty\": \"oct\", \"k\": \"\"}"),
        json("{\"alg\": \"none\"}"),
        json("{\"cert\": \"\", \"alg\": 5, \"time\": -1}"),
        web(16),
        deep("[", "]"),
        deep("{\"a\":", "}"),
    ];
    // Keys that are no texts.
    all.push(Value::from(std::collections::BTreeMap::from([
        (Value::Null, Value::from(1)),
        (json("[1]"), Value::from("a")),
        (json("1.5"), set([Value::from(1)])),
    ])));
    all
}

/// What is large: a text of a megabyte, many items.
fn large() -> Vec<Value> {
    let prefix = format!("{{\"prefix\": \"{}\"}}", "p".repeat(100_000));
    vec![
        Value::from("a".repeat(1 << 20)),
        Value::from("\u{e9}".repeat(1 << 19)),
        Value::from("[".repeat(1 << 20)),
        Value::from("9".repeat(1 << 17)),
        Value::from((0..20_000).map(Value::from).collect::<Vec<_>>()),
        Value::from(vec![Value::from(""); 20_000]),
        set((0..10_000).map(Value::from)),
        json(&prefix),
        objects(2_000),
        chain(20_000),
    ]
}

/// An argument that the builtin takes.
fn usual(kind: &str) -> Value {
    match kind.split('|').next().unwrap_or_default() {
        "number" => Value::from(3),
        "boolean" => Value::from(true),
        "array" => json("[\"a\", \"b\"]"),
        "set" => set([Value::from("a")]),
        "object" => json("{\"a\": [\"b\"], \"b\": []}"),
        _ => Value::from("a"),
    }
}

/// Values of all kinds; those that are large apart.
struct Pool {
    small: Vec<Value>,
    large: Vec<Value>,
}

impl Pool {
    fn new() -> Self {
        let simple = [Value::Null, Value::from(true)].into_iter();
        let small = simple.chain(numbers()).chain(texts()).chain(collections()).collect();
        Self { small, large: large() }
    }
}

/// Calls of one builtin, each with all its arguments.
fn calls(name: &str, kinds: &[&str], Pool { small, large }: &Pool) -> Vec<Vec<Value>> {
    // A pattern of a megabyte takes its time each time.
    let is_pattern = name.starts_with("regex.") || name == "re_match";
    let large = large.get(..if is_pattern { 1 } else { large.len() }).unwrap_or_default();
    let all = || small.iter().chain(large);
    let usual: Vec<Value> = kinds.iter().map(|it| usual(it)).collect();
    let mut calls = vec![usual.clone()];
    for at in 0..kinds.len() {
        for value in all() {
            let mut call = usual.clone();
            call[at] = value.clone();
            calls.push(call);
        }
    }
    if kinds.len() > 1 {
        calls.extend(all().map(|it| vec![it.clone(); kinds.len()]));
        // Large values beside each other: the work of some is the product.
        for first in large {
            calls.extend(large.iter().map(|second| {
                let mut call = usual.clone();
                call[0] = first.clone();
                call[1] = second.clone();
                call
            }));
        }
    }
    if kinds.len() == 2 {
        let some = small.iter().step_by(4);
        calls.extend(some.clone().flat_map(|a| some.clone().map(|b| vec![a.clone(), b.clone()])));
    }
    calls
}

/// Values and bytes of a value; its depth is that of its arguments.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum::<usize>() + items.len(),
        Value::Set(items) => items.iter().map(size).sum::<usize>() + items.len(),
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| size(key) + size(value) + 1).sum()
        }
        _ => 1,
    }
}

struct Arguments(Vec<Value>);

impl<'r> Input<'r> for Arguments {
    fn field(&self, at: usize) -> Val<'r> {
        Val::Own(self.0.get(at).cloned().unwrap_or(Value::Undefined))
    }

    fn lookup(&self, _: usize, _: &Value) -> Value {
        Value::Undefined
    }
}

/// What is wrong with a builtin.
fn problems(name: &str, kinds: &[&str], pool: &Pool) -> Vec<String> {
    let names: Vec<String> = (0..kinds.len()).map(|it| format!("input.a{it}")).collect();
    let rule = format!("package a\nx := {name}({})", names.join(", "));
    let options = Options {
        limits: Limits { time: Some(std::time::Duration::from_secs(60)) },
        ..Options::default()
    };
    let policy =
        match Policy::compile(vec![Source::new("a.rego", &rule)], Value::new_object(), &options) {
            Ok(policy) => policy,
            Err(errors) => {
                // What is not there is refused before a record comes.
                assert!(
                    errors.to_string().contains("undefined function")
                        || errors.to_string().contains(name),
                    "{errors}"
                );
                return Vec::new();
            }
        };
    let mut worker = policy.query("data.a.x").unwrap().worker();
    let program = policy.program("data.a.x", &|_| true).ok();
    let mut problems = Vec::new();
    for call in calls(name, kinds, pool) {
        let shown = || {
            let text: Vec<String> =
                call.iter().map(|it| it.to_string().chars().take(60).collect()).collect();
            format!("{name}({})", text.join(", "))
        };
        if std::env::var_os("SLUICE_HOSTILE").is_some() {
            eprintln!("{}", shown());
        }
        let mut input = Value::new_object();
        for (at, value) in call.iter().enumerate() {
            input.as_object_mut().unwrap().insert(format!("a{at}").into(), value.clone());
        }
        match worker.evaluate(input) {
            Err(error) if error.code == code::INTERNAL => {
                problems.push(format!("{}: {error}", shown()))
            }
            Ok(Some(answer)) if size(&answer) > ANSWER_MAX => {
                problems.push(format!("{}: {} bytes", shown(), size(&answer)))
            }
            _ => {}
        }
        if let Some(program) = &program {
            let at = |it: &Vec<String>| it[0][1..].parse::<usize>().unwrap();
            let arguments = program.fields().iter().map(|it| call[at(it)].clone()).collect();
            let run = AssertUnwindSafe(|| {
                drop(program.run(&Arguments(arguments), None, &mut Scratch::default()));
            });
            if catch_unwind(run).is_err() {
                problems.push(format!("{}: the program panicked", shown()));
            }
        }
    }
    problems
}

#[test]
fn no_builtin_panics_on_what_a_record_may_have() {
    let only = std::env::var("SLUICE_BUILTIN").ok();
    let wanted = |name: &str| only.as_ref().is_none_or(|it| name.starts_with(it.as_str()));
    let all: Vec<_> = signatures::all()
        .values()
        .filter(|it| !it.is_infix && !WITHOUT.contains(&it.name) && wanted(it.name))
        .collect();
    let pool = Pool::new();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let problems: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut found = Vec::new();
                    while let Some(it) =
                        all.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                    {
                        found.extend(problems(it.name, &it.args, &pool));
                        eprintln!("{}", it.name);
                    }
                    found
                })
            })
            .collect();
        workers.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    assert!(problems.is_empty(), "{} problems: {problems:#?}", problems.len());
}
