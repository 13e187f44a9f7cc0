//! Random policies on random records: what is faster gives the same answers.

use std::fmt::Write as _;

use component::{Data, Meter, Problems, Signal};
use pdata::Limits;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::config::{Config, Rule, Speed};
use crate::{Action, Engine};

/// Policies; `SLUICE_POLICIES=20000` for a night.
fn policies() -> u32 {
    std::env::var("SLUICE_POLICIES").ok().and_then(|it| it.parse().ok()).unwrap_or(200)
}

/// Records for each of them.
const RECORDS: usize = 100;

/// Conditions: of fields and constants in all forms, and what guards do not understand.
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
    "input.log.attributes.a == 1",
    "input.log.attributes.a == 1.0",
    "input.log.attributes.a != null",
    "input.log.attributes.a.b == \"x\"",
    "not input.log.attributes.a.b",
    "input.log.attributes.a in {1, \"x\", true}",
    "input.log.level in [\"WARN\", \"ERROR\"]",
    "input.log.attributes[\"b\"] == true",
    "input.resource.attributes[\"service.name\"] = \"cart\"",
    "input.span.name == \"x\"",
    "not input.span.name == \"x\"",
    "input.attributes.a == 1",
    "input.log == {}",
    "input.log.trace_id == \"\"",
    "input.log.tags.a == 1",
    "input.log.json.k == 1",
    "input.log.timestamp > 5",
    "input.version == 1",
    "count(input.log.attributes) > 1",
    "some k, v in input.log.attributes; v == \"x\"; k == \"a\"",
    "x := input.log.body; x == \"x\"",
    "other",
    "not other",
    "third",
    "data.base.yes",
    "input.log.body == \"x\" with input as {\"log\": {\"body\": \"x\"}}",
    "true",
    "false",
];

/// Heads, which differ in what they are without a body that holds.
const HEADS: &[&str] = &[
    "allow",
    "allow := 1",
    "allow := \"a\"",
    "deny contains \"a\"",
    "deny contains input.log.level",
    "decision[\"drop\"] := \"why\"",
    "decision[\"keep\"] := true",
    "choice := {\"drop\": input.log.level}",
];

fn conditions() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(proptest::sample::select(CONDITIONS), 0..4)
}

fn policy() -> impl Strategy<Value = String> {
    let rule = (proptest::sample::select(HEADS), conditions(), any::<bool>(), conditions());
    let helper = |name: &'static str| {
        (any::<Option<bool>>(), proptest::collection::vec(conditions(), 1..3)).prop_map(
            move |(default, bodies)| {
                let mut text = String::new();
                if let Some(default) = default {
                    let _ = writeln!(text, "default {name} := {default}");
                }
                for body in bodies {
                    // A rule that asks for itself is no policy.
                    let body: Vec<_> = body
                        .into_iter()
                        .filter(|it| !it.contains("other") && !it.contains("third"))
                        .collect();
                    let _ = writeln!(text, "{name} {}", in_braces(&body));
                }
                text
            },
        )
    };
    let rules = proptest::collection::vec(rule, 1..6);
    (rules, any::<Option<bool>>(), helper("other"), helper("third")).prop_map(
        |(rules, default, other, third)| {
            let mut text = format!("package p\n{other}{third}");
            if let Some(default) = default {
                let _ = writeln!(text, "default allow := {default}");
            }
            for (head, body, has_else, otherwise) in rules {
                let _ = write!(text, "{head} {}", in_braces(&body));
                if has_else && head == "allow" && !body.is_empty() {
                    let _ = write!(text, " else := false {}", in_braces(&otherwise));
                }
                text.push('\n');
            }
            text
        },
    )
}

fn in_braces(body: &[&str]) -> String {
    if body.is_empty() { String::new() } else { format!("if {{ {} }}", body.join("; ")) }
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
    let base = "package base\nyes if input.log.body == \"x\"\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("base.rego");
    std::fs::write(&file, base).unwrap();
    let decision =
        ["choice", "decision"].into_iter().find(|it| policy.contains(&format!("\n{it}")));
    let config = Config {
        policy: policy.to_owned(),
        files: vec![file.display().to_string()],
        rules,
        decision: decision.map(|it| format!("data.p.{it}")).unwrap_or_default(),
        timeout: config::Duration::of(std::time::Duration::from_secs(5)),
        speed,
        ..Config::default()
    };
    let mut found = Problems::default();
    let Some(engine) = Engine::new(&config, &mut found) else {
        return Err(format!("{:?}", found.faults()));
    };
    let instance = engine.instance("processor", "rego", "logs", &Meter::default());
    let outcome = engine.run(&instance, None, data);
    let mut text = Vec::new();
    outcome.data.to_json(&mut text);
    Ok(text)
}

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
        let plain = outcome(&policy, Speed { projection: false, guards: false }, &data);
        for speed in [
            Speed { projection: true, guards: false },
            Speed { projection: false, guards: true },
            Speed { projection: true, guards: true },
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

#[test]
fn enough_random_policies_are_policies() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let data = request(&[]);
    let all = (0..100).map(|_| policy().new_tree(&mut runner).unwrap().current());
    let good = all.filter(|it| outcome(it, Speed::default(), &data).is_ok()).count();
    assert!(good > 20, "{good}");
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
