//! Random policies on random records: what is faster gives the same answers.

use std::fmt::Write as _;

use component::{Data, Meter, Problems, Signal};
use pdata::Limits;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::config::{Config, OnError, Rule, Speed};
use crate::{Action, Engine};

mod opa;

/// Policies; `SLUICE_POLICIES=10000` for a million pairs of a policy and a record.
fn policies() -> u32 {
    std::env::var("SLUICE_POLICIES").ok().and_then(|it| it.parse().ok()).unwrap_or(200)
}

/// Records for each of them.
const RECORDS: usize = 100;

/// Conditions as policies on logs have them, and some that have traps. `$` is a number of their own.
const CONDITIONS: &[&str] = &[
    "input.log.level == \"ERROR\"",
    "\"ERROR\" == input.log.level",
    "input.log.level != \"INFO\"",
    "not input.log.level == \"INFO\"",
    "input.log.service == \"cart\"",
    "input.log.severity_number >= 17",
    "9 < input.log.severity_number",
    "input.log.severity_number < \"a\"",
    "input.log.body == \"x\"",
    "input.log.body > 5",
    "startswith(input.log.body, \"x\")",
    "not startswith(input.log.body, \"x\")",
    "contains(input.log.attributes.a, \"1\")",
    "endswith(input.log.attributes.a, \"1\")",
    "regex.match(`^x.?$`, input.log.body)",
    "not regex.match(\"x\", input.log.attributes.a)",
    "regex.match(input.log.body, \"xx\")",
    "input.log.attributes.a == 1",
    "input.log.attributes.a == 1.0",
    "input.log.attributes.a != null",
    "input.log.attributes.a.b == \"x\"",
    "not input.log.attributes.a.b",
    "input.log.attributes.a in {1, \"x\", true}",
    "not input.log.attributes.a in {1, \"x\"}",
    "input.log.level in [\"WARN\", \"ERROR\"]",
    "input.log.level in wanted",
    "input.log.body in data.base.words",
    "input.log.attributes[\"b\"] == true",
    "input.resource.attributes[\"service.name\"] = \"cart\"",
    "input.span.name == \"x\"",
    "not input.span.name == \"x\"",
    "input.attributes.a == 1",
    "input.log == {}",
    "input.log.trace_id == \"\"",
    "input.log.tags.a == 1",
    "count(input.log.tags.b) > 0",
    "input.log.json.k == 1",
    "input.log.timestamp > 5",
    "input.version == 1",
    "count(input.log.attributes) > 1",
    "count(input.log.body) == 2",
    "lower(input.log.level) == \"error\"",
    "upper(input.log.body) == \"X\"",
    "split(input.log.body, \"y\")[0] == \"x\"",
    "trim_prefix(input.log.body, \"x\") == \"y\"",
    "object.get(input.log.attributes, \"a\", \"none\") == \"none\"",
    "to_number(input.log.attributes.a) == 1",
    "sprintf(\"%v-%d\", [input.log.body, input.log.severity_number]) == \"x-9\"",
    "concat(\",\", [input.log.level, input.log.body]) == \"WARN,x\"",
    "is_string(input.log.body)",
    "glob.match(\"x*\", [], input.log.body)",
    "input.log.severity_number + 1 > 17",
    "input.log.attributes.a + 1 == 2",
    "input.log.severity_number % 2 == 1",
    "10 / input.log.severity_number > 1",
    "some k$, v$ in input.log.attributes; v$ == \"x\"; k$ == \"a\"",
    "some v$ in input.log.attributes.a; v$ == \"x\"",
    "some v$ in [input.log.level, input.log.body]; v$ in {\"WARN\", \"x\"}",
    "some i$; input.log.attributes.b[i$] == \"x\"",
    "input.log.attributes.a[_] == \"x\"",
    "k$ = input.log.level; input.log.body == \"x\"; k$ == \"WARN\"",
    "every v$ in input.log.attributes.a { v$ == \"x\" }",
    "every k$, v$ in input.log.attributes { v$ != \"x\"; k$ != \"tags\" }",
    "x$ := input.log.body; x$ == \"x\"",
    "x$ := [v | some v in input.log.attributes; v == \"x\"]; count(x$) > 0",
    "count({k | some k, _ in input.log.attributes}) == 2",
    "{k: v | some k, v in input.log.attributes}.a == 1",
    "x$ := object.keys(input.log.attributes); \"a\" in x$",
    "input.log.attributes[input.log.attributes.a] == 1",
    "data.base.limits[input.log.level] < input.log.severity_number",
    "data.base.words[_] == input.log.body",
    "is_word(input.log.body)",
    "not is_word(input.log.attributes.a)",
    "class(input.log.severity_number) == \"high\"",
    "class(input.log.body) == \"low\"",
    "twice(input.log.body)",
    "other",
    "not other",
    "third",
    "third == true",
    "names[\"x\"]",
    "count(names) > 0",
    "data.base.yes",
    "not data.base.yes",
    "clash == 1",
    "input.log.body == \"x\" with input as {\"log\": {\"body\": \"x\"}}",
    "true",
    "false",
];

/// Heads, which differ in what they are without a body that holds. Rules of one name are of one kind.
const HEADS: &[&str] = &[
    "allow",
    "allow",
    "deny contains \"a\"",
    "deny contains input.log.level",
    "deny contains sprintf(\"%s %v\", [input.log.level, input.log.body])",
    "deny contains input.log.attributes.a.b",
    "decision[\"drop\"] := \"why\"",
    "decision[\"keep\"] := true",
    "decision[\"labels\"] := {\"level\": input.log.level}",
    "choice := {\"drop\": input.log.level}",
    "choice := {\"drop\": lower(input.log.level)}",
    "verdict.drop := \"why\"",
    "verdict.set.severity_text := input.log.level",
    "verdict.set.attributes.x := lower(input.log.level)",
    "verdict[\"keep\"] := true",
];

/// What the conditions ask for beside the record.
const HELPERS: &str = "
wanted := {\"WARN\", \"ERROR\"}
is_word(it) if startswith(it, \"x\")
is_word(it) if it == \"1\"
class(number) := \"high\" if { number >= 17 } else := \"middle\" if { number > 5 } else := \"low\"
twice(text) if { some word in data.base.words; word == text }
names contains v if { some v in input.log.attributes }
names contains \"x\" if { input.log.level == \"WARN\" }
clash := 1 if { input.log.body == \"x\" }
clash := 2 if { input.log.level == \"WARN\" }
";

const BASE: &str = "package base
yes if input.log.body == \"x\"
";

const DATA: &str = r#"{"words": ["x", "xy", "1"], "limits": {"ERROR": 10, "WARN": 20, "INFO": 0}}"#;

fn conditions() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(proptest::sample::select(CONDITIONS), 0..4)
}

fn policy() -> impl Strategy<Value = String> {
    let rule = (proptest::sample::select(HEADS), conditions(), any::<bool>(), conditions());
    let rules = proptest::collection::vec(rule, 1..6);
    let bodies = || proptest::collection::vec(conditions(), 1..3);
    let helpers = (any::<Option<bool>>(), bodies(), any::<Option<bool>>(), bodies());
    (rules, any::<Option<bool>>(), helpers).prop_map(|(rules, default, helpers)| {
        let mut text = format!("package p\n{HELPERS}");
        let mut number = 0;
        let (other, of_other, third, of_third) = helpers;
        for (name, default, bodies) in [("other", other, of_other), ("third", third, of_third)] {
            if let Some(default) = default {
                let _ = writeln!(text, "default {name} := {default}");
            }
            for body in bodies {
                // A rule that asks for itself is no policy.
                let is_other = |it: &&str| !it.contains("other") && !it.contains("third");
                let body: Vec<_> = body.into_iter().filter(is_other).collect();
                let _ = writeln!(text, "{name} {}", in_braces(&body, &mut number));
            }
        }
        if let Some(default) = default {
            let _ = writeln!(text, "default allow := {default}");
            text.push_str("allow if false\n");
        }
        for (head, body, has_else, otherwise) in rules {
            let _ = write!(text, "{head} {}", in_braces(&body, &mut number));
            if has_else && head == "allow" {
                let _ = write!(text, " else := false {}", in_braces(&otherwise, &mut number));
            }
            text.push('\n');
        }
        text
    })
}

fn in_braces(body: &[&str], number: &mut u32) -> String {
    if body.is_empty() {
        return "if true".into();
    }
    let mut numbered = |it: &&str| {
        *number += 1;
        it.replace('$', &number.to_string())
    };
    let body: Vec<String> = body.iter().map(&mut numbered).collect();
    format!("if {{ {} }}", body.join("; "))
}

fn value() -> impl Strategy<Value = Json> {
    prop_oneof![
        proptest::sample::select(&["x", "xy", "1", ""][..])
            .prop_map(|it| json!({"stringValue": it})),
        proptest::sample::select(&[0_i64, 1, 6][..])
            .prop_map(|it| json!({"intValue": it.to_string()})),
        Just(json!({"doubleValue": 1.0})),
        Just(json!({"doubleValue": "NaN"})),
        Just(json!({"boolValue": true})),
        Just(json!({})),
        Just(json!({"stringValue": "{\"k\": 1}"})),
        Just(json!({"arrayValue": {"values": [{"stringValue": "x"}]}})),
        Just(json!({"kvlistValue": {"values": [{"key": "b", "value": {"stringValue": "x"}}]}})),
    ]
}

fn record() -> impl Strategy<Value = Json> {
    let level = proptest::sample::select(&["ERROR", "info", "WARN", ""][..]);
    let number = proptest::sample::select(&[0, 5, 9, 17][..]);
    let attributes = proptest::collection::vec(
        (proptest::sample::select(&["a", "b", "tags"][..]), value()),
        0..3,
    );
    (level, number, proptest::option::of(value()), attributes, 0_u64..10).prop_map(
        |(level, number, body, attributes, time)| {
            let pairs: Vec<Json> =
                attributes.iter().map(|(k, v)| json!({"key": k, "value": v})).collect();
            let mut it = json!({
                "severityText": level, "severityNumber": number, "attributes": pairs,
                "timeUnixNano": time.to_string(),
            });
            if let Some(body) = body {
                it["body"] = body;
            }
            it
        },
    )
}

fn request(records: &[Json]) -> Data {
    let half = records.len() / 2;
    let of = |service: &str, records: &[Json]| {
        let name = json!({"key": "service.name", "value": {"stringValue": service}});
        json!({"resource": {"attributes": [name]}, "scopeLogs": [{"logRecords": records}]})
    };
    let json =
        json!({"resourceLogs": [of("cart", &records[..half]), of("other", &records[half..])]});
    Data::from_json(Signal::Logs, json.to_string().as_bytes(), &Limits::default()).unwrap()
}

/// What becomes of each record, with what a policy has said of it.
fn outcome(policy: &str, speed: Speed, data: &Data) -> Result<Vec<u8>, String> {
    let engine = engine(policy, speed)?;
    let instance = engine.instance("processor", "rego", "logs", &Meter::default());
    let outcome = engine.run(&instance, None, data);
    let mut text = Vec::new();
    outcome.data.to_json(&mut text);
    Ok(text)
}

fn engine(policy: &str, speed: Speed) -> Result<Engine, String> {
    let labels = |name: &str| Action {
        labels: [(name.to_owned(), "yes".to_owned())].into(),
        ..Action::default()
    };
    let rule = |name: &str, is: bool| Rule {
        query: format!("data.p.{name}"),
        is,
        then: vec![config::TextOr::Map(labels(&format!("{name} {is}")))],
        ..Rule::default()
    };
    let names = ["allow", "deny"].into_iter().filter(|it| policy.contains(&format!("\n{it}")));
    let rules: Vec<Rule> = names.flat_map(|it| [rule(it, true), rule(it, false)]).collect();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
    };
    write("base.rego", BASE);
    write("base/data.json", DATA);
    let decision = ["choice", "verdict", "decision"]
        .into_iter()
        .find(|it| policy.contains(&format!("\n{it}")));
    let config = Config {
        policy: policy.to_owned(),
        files: vec![folder.path().display().to_string()],
        rules,
        decision: decision.map(|it| format!("data.p.{it}")).unwrap_or_default(),
        timeout: config::Duration::of(std::time::Duration::from_secs(5)),
        // So an error is seen in what goes on.
        on_error: OnError::Drop.into(),
        speed,
        ..Config::default()
    };
    let mut found = Problems::default();
    Engine::new(&config, &mut found).ok_or_else(|| format!("{:?}", found.faults()))
}

/// The interpreter, with the whole record as its document.
const OFF: Speed = Speed { projection: false, guards: false, programs: false, memo: false };

#[test]
fn what_is_faster_gives_the_same_answers() {
    let config = ProptestConfig {
        cases: policies(),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let input = (policy(), proptest::collection::vec(record(), RECORDS));
    let result = runner.run(&input, |(policy, records)| {
        let data = request(&records);
        let plain = outcome(&policy, OFF, &data);
        for speed in [
            Speed { projection: true, ..OFF },
            Speed { guards: true, ..OFF },
            Speed { memo: true, ..OFF },
            Speed { programs: true, ..OFF },
            Speed::default(),
        ] {
            let shown = format!("{speed:?}");
            let fast = outcome(&policy, speed, &data);
            prop_assert_eq!(
                fast.as_ref().map(|it| String::from_utf8_lossy(it)),
                plain.as_ref().map(|it| String::from_utf8_lossy(it)),
                "{} of {}",
                shown,
                policy
            );
        }
        Ok(())
    });
    result.unwrap();
}

/// An engine whose rules mark the records that a policy allows or denies.
fn asked(policy: &str, speed: Speed) -> Engine {
    let names = ["allow", "deny"].into_iter().filter(|it| policy.contains(&format!("\n{it}")));
    let rules = names.map(|name| Rule {
        query: format!("data.p.{name}"),
        then: vec![config::TextOr::Map(Action {
            labels: [(name.to_owned(), "yes".to_owned())].into(),
            ..Action::default()
        })],
        ..Rule::default()
    });
    let config = Config {
        policy: policy.to_owned(),
        rules: rules.collect(),
        timeout: config::Duration::of(std::time::Duration::from_millis(50)),
        on_error: OnError::Drop.into(),
        speed,
        ..Config::default()
    };
    let mut found = Problems::default();
    let engine = Engine::new(&config, &mut found);
    engine.unwrap_or_else(|| panic!("{:?}", found.faults()))
}

/// Of guards, of the index, and of programs that have to run to know.
const QUIET: &str = "package p
default allow := false
allow if { input.log.level == \"FATAL\"; input.log.body == \"x\" }
allow if { input.log.service == \"none\"; startswith(input.log.body, \"n\") }
allow if contains(input.log.body, \"audit\")
allow if regex.match(`\\d{9}`, input.log.body)
allow if { code := input.log.attributes.code; code >= 500; code < 600 }
allow if { not input.log.attributes.team; input.log.severity_number > 20 }
allow if input.log.attributes.code > limits[input.log.level]
limits := {\"FATAL\": 1000}
deny contains \"a\" if input.log.attributes.code == 7
";

#[test]
fn a_record_that_no_rule_is_for_allocates_nothing() {
    let record = json!({
        "severityText": "INFO", "severityNumber": 9, "body": {"stringValue": "request 17 was answered"},
        "attributes": [
            {"key": "code", "value": {"intValue": "200"}}, {"key": "team", "value": {"stringValue": "shop"}},
        ],
    });
    let engine = asked(QUIET, Speed::default());
    let instance = engine.instance("processor", "rego", "logs", &Meter::default());
    let allocations = |records: usize| {
        let data = request(&vec![record.clone(); records]);
        let run = || assert_eq!(engine.run(&instance, None, &data).data.items(), records);
        run();
        allocation_counter::measure(run).count_total
    };
    assert_eq!(allocations(10), allocations(110));
}

/// Loops that a record decides the length of, over numbers and over texts.
const LOOPS: [&str; 3] = [
    "some x in input.log.attributes.list; some y in input.log.attributes.list; \
     some z in input.log.attributes.list; x + y + z == -1",
    "some x in input.log.attributes.list; some y in input.log.attributes.list; \
     contains(input.log.body, sprintf(\"%d-%d\", [x, y]))",
    "every x in input.log.attributes.list { every y in input.log.attributes.list { \
     [x, y, input.log.body] != input.log.attributes.list } }\n \
     x := [1 | some i; input.log.attributes.list[i] == -1]\n count(x) == 1",
];

#[test]
fn a_record_that_would_keep_a_policy_busy_is_ended_and_its_neighbours_are_not() {
    let record = |numbers: i32, body: &str| {
        let list: Vec<Json> = (0..numbers).map(|it| json!({"intValue": it.to_string()})).collect();
        let list = json!({"key": "list", "value": {"arrayValue": {"values": list}}});
        json!({"body": {"stringValue": body}, "attributes": [list]})
    };
    let large = record(3_000, &"0".repeat(200_000));
    let data = request(&[record(1, "a"), large, record(2, "b"), record(0, "c")]);
    for body in LOOPS {
        for speed in [OFF, Speed { programs: true, ..OFF }, Speed::default()] {
            let engine = asked(&format!("package p\nallow if {{ {body} }}\n"), speed);
            let instance = engine.instance("processor", "rego", "logs", &Meter::default());
            let outcome = engine.run(&instance, None, &data);
            assert_eq!(outcome.data.items(), 3, "{body}");
        }
    }
}

#[test]
fn enough_random_policies_are_policies() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut wrong, mut queries, mut compiled) = (Vec::new(), 0, 0);
    for _ in 0..100 {
        let text = policy().new_tree(&mut runner).unwrap().current();
        match engine(&text, Speed::default()) {
            Err(why) => wrong.push(why),
            Ok(engine) => {
                let loaded = engine.policy.load_full().unwrap();
                let plan = loaded.plans.get(Signal::Logs);
                queries += plan.queries.len();
                compiled += plan.queries.iter().filter(|it| it.program.is_some()).count();
            }
        }
    }
    assert!(wrong.len() <= 5, "{}: {wrong:#?}", wrong.len());
    // What is compared with the interpreter is not the interpreter again.
    assert!(compiled * 2 > queries, "{compiled} of {queries}");
}

const WINDOW: &str = r"
policy: |
  package p
  many if data.w.all[input.log.body] > 5
windows: {all: {data: w.all, key: body}}
rules: [{query: data.p.many, then: [{alert: {key: body}}]}]
storage: file_storage
";

/// How many alerts each of so many records makes, in an engine of its own that is not shut down.
fn alerts(folder: &std::path::Path, records: usize) -> Vec<usize> {
    use component::{Capability, Kind};
    let directory =
        journal::Directory::new(folder.to_owned(), std::time::Duration::from_secs(1), false);
    let host = componenttest::TestHost::new();
    host.offer("file_storage", Capability::Storage(std::sync::Arc::new(directory)));
    let mut found = Problems::default();
    let engine = Engine::new(&componenttest::config(WINDOW), &mut found).unwrap();
    let engine = std::sync::Arc::new(engine);
    let meter = Meter::default();
    let instance = std::sync::Arc::new(engine.instance("processor", "rego", "logs", &meter));
    engine.start(&instance, &host, Kind::Processor, &"rego".parse().unwrap()).unwrap();
    let one = request(&[json!({"body": {"stringValue": "x"}, "timeUnixNano": "1000"})]);
    (0..records).map(|_| engine.run(&instance, None, &one).alerts.len()).collect()
}

#[tokio::test]
async fn what_was_counted_and_alerted_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(alerts(folder.path(), 4), [0; 4]);
    assert_eq!(alerts(folder.path(), 3), [0, 1, 0]);
    assert_eq!(alerts(folder.path(), 2), [0; 2]);
}

#[test]
fn a_storage_that_is_not_there_is_told() {
    let mut found = Problems::default();
    let engine = Engine::new(&componenttest::config(WINDOW), &mut found).unwrap();
    let engine = std::sync::Arc::new(engine);
    let instance =
        std::sync::Arc::new(engine.instance("processor", "rego", "logs", &Meter::default()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _inside = runtime.enter();
    let (host, id) = (componenttest::TestHost::new(), "rego".parse().unwrap());
    let error = engine.start(&instance, &host, component::Kind::Processor, &id).unwrap_err();
    assert!(error.to_string().contains("file_storage"), "{error}");
}

/// Swaps of the policy in the storm; `SLUICE_SWAPS=1000` for the whole of it.
fn swaps() -> u64 {
    std::env::var("SLUICE_SWAPS").ok().and_then(|it| it.parse().ok()).unwrap_or(200)
}

/// What a policy of this number makes of a record shows in three places.
fn numbered(number: u64) -> String {
    format!(
        "package p\nmark := {{\"set\": {{\"attributes\": {{\"a\": {number}}}, \"severity_text\": \"{number}\"}}, \
         \"labels\": {{\"b\": {number}}}}}\n"
    )
}

/// The numbers that a payload was marked with.
fn marks(data: &Data) -> Vec<u64> {
    let mut text = Vec::new();
    data.to_json(&mut text);
    let json: Json = serde_json::from_slice(&text).unwrap();
    let resources = json["resourceLogs"].as_array().unwrap();
    let records =
        resources.iter().flat_map(|it| it["scopeLogs"][0]["logRecords"].as_array().unwrap());
    let mut all = Vec::new();
    for record in records {
        let number = |it: &Json| it.as_str().unwrap().parse::<u64>().unwrap();
        all.push(number(&record["severityText"]));
        let attributes = record["attributes"].as_array().unwrap();
        all.extend(attributes.iter().map(|it| number(&it["value"]["intValue"])));
    }
    all
}

#[test]
fn a_storm_of_reloads_gives_each_payload_exactly_one_policy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.rego");
    std::fs::write(&file, numbered(0)).unwrap();
    let config = Config {
        files: vec![file.display().to_string()],
        decision: "data.p.mark".into(),
        ..Config::default()
    };
    let engine = Engine::new(&config, &mut Problems::default()).unwrap();
    let instance = engine.instance("processor", "rego", "logs", &Meter::default());
    let data = request(&vec![json!({"body": {"stringValue": "x"}}); 10]);
    let done = std::sync::atomic::AtomicBool::new(false);
    let last = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut before = 0;
                    let mut seen = 0_u64;
                    while !done.load(std::sync::atomic::Ordering::Relaxed) {
                        let outcome = engine.run(&instance, None, &data);
                        let marks = marks(&outcome.data);
                        assert_eq!(marks.len(), 30);
                        assert!(marks.iter().all(|it| *it == marks[0]), "{marks:?}");
                        assert!(marks[0] >= before, "{} after {before}", marks[0]);
                        seen += u64::from(marks[0] > before);
                        before = marks[0];
                    }
                    seen
                })
            })
            .collect();
        for number in 1..=swaps() {
            let new = folder.path().join("new");
            // One that makes no sense in between changes nothing.
            let broken = number % 10 == 0;
            std::fs::write(
                &new,
                if broken { "package p\nmark := }".into() } else { numbered(number) },
            )
            .unwrap();
            std::fs::rename(&new, &file).unwrap();
            engine.look(&instance);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        senders.into_iter().map(|it| it.join().unwrap()).sum::<u64>()
    });
    assert!(last > 0);
}
