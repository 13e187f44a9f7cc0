//! The index finds what asking every policy finds, and asks few.

use std::fmt::Write as _;

use pdata::Data;
use serde_json::{Value as Json, json};

use super::{attribute, engine, logs};
use crate::engine::Set;
use crate::index::Search;
use crate::slots::{Slots, each};

/// Ids of the policies that match each record, by asking all of them.
fn by_asking_all(set: &Set, data: &Data) -> Vec<Vec<u32>> {
    let mut found = Vec::new();
    let mut slots = Slots::new(set.fields.len());
    each(data, |view, new| {
        slots.next(new);
        let policies = set.policies.iter().zip(0..);
        let matched = policies.filter(|(it, _)| {
            it.atoms.iter().all(|atom| atom.holds(&set.fields, &mut slots, &view))
        });
        found.push(matched.map(|it| it.1).collect());
    });
    found
}

/// The same by the index, and how many policies were asked.
fn by_index(set: &Set, data: &Data) -> (Vec<Vec<u32>>, usize) {
    let (mut found, mut asked) = (Vec::new(), 0);
    let mut scratch = set.take();
    let mut slots = Slots::new(set.fields.len());
    each(data, |view, new| {
        slots.next(new);
        scratch.next();
        let mut candidates = Vec::new();
        let (texts, hits) = (&mut scratch.found, &mut scratch.hits);
        let record = scratch.record;
        let mut search = Search {
            fields: &set.fields,
            slots: &mut slots,
            view: &view,
            found: texts,
            record,
            hits,
        };
        set.items.search(&mut search, &mut |_, policy| candidates.push(policy));
        candidates.sort_unstable();
        candidates.dedup();
        asked += candidates.len();
        candidates.retain(|it| {
            let policy = &set.policies[*it as usize];
            policy.atoms.iter().all(|atom| atom.holds(&set.fields, &mut slots, &view))
        });
        found.push(candidates);
    });
    (found, asked)
}

const WORDS: [&str; 6] = ["alpha", "Beta", "gamma delta", "alphabet", "", "beta"];

fn pick<'t>(random: &mut fastrand::Rng, of: &[&'t str]) -> &'t str {
    of[random.usize(..of.len())]
}

fn matcher(random: &mut fastrand::Rng) -> String {
    let field = pick(
        random,
        &[
            "log_field: body",
            "log_field: severity_text",
            "log_attribute: a",
            "log_attribute: [m, k]",
            "resource_attribute: service.name",
            "log_field: trace_id",
            "scope_attribute: s",
        ],
    );
    let word = pick(random, &WORDS).to_owned();
    let id = field.contains("trace_id");
    let test = match random.u8(..9) {
        0 | 1 if id => "equals: {hex_value: '01'}".to_owned(),
        0 => format!("exact: '{word}'"),
        1 => format!("equals: {}", pick(random, &["1", "1.0", "true", "1.5", "cart", "beta"])),
        2 => format!("starts_with: '{word}'"),
        3 => format!("ends_with: '{word}'"),
        4 => format!("contains: '{word}'"),
        5 => format!(
            "regex: '{}'",
            pick(random, &["^alp", "ta$", ".*", "a+", "gam|bet", "(?i)BETA", "x"])
        ),
        6 => format!("exists: {}", random.bool()),
        7 => format!("gte: {}", random.u8(..3)),
        _ => format!("lt: {}", random.u8(..3)),
    };
    let mut text = format!("{field}, {test}");
    if random.u8(..4) == 0 {
        text += ", negate: true";
    }
    if random.u8(..4) == 0 {
        text += ", case_insensitive: true";
    }
    text
}

fn record(random: &mut fastrand::Rng) -> Json {
    let mut attributes = Vec::new();
    let value = |random: &mut fastrand::Rng| match random.u8(..4) {
        0 => json!({"intValue": random.u8(..3).to_string()}),
        1 => json!({"doubleValue": 1.5}),
        2 => json!({"boolValue": true}),
        _ => json!({"stringValue": pick(random, &WORDS)}),
    };
    if random.bool() {
        attributes.push(attribute("a", &value(random)));
    }
    if random.bool() {
        let inside = [attribute("k", &value(random))];
        attributes.push(attribute("m", &json!({"kvlistValue": {"values": inside}})));
    }
    let trace = if random.bool() { "01020304050607080102030405060708" } else { "" };
    json!({
        "body": value(random), "severityText": pick(random, &WORDS), "attributes": attributes, "traceId": trace,
    })
}

#[test]
fn the_index_finds_what_asking_every_policy_finds() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut text = String::new();
        for id in 0..random.usize(1..60) {
            let matchers = (0..random.usize(1..4)).map(|_| format!("{{{}}}", matcher(&mut random)));
            let matchers = matchers.collect::<Vec<_>>().join(", ");
            let _ = writeln!(
                text,
                "- {{id: p{id:03}, name: p, log: {{match: [{matchers}], keep: all}}}}"
            );
        }
        let engine = engine(&text);
        let set = engine.set(pdata::Signal::Logs);
        let records: Vec<Json> = (0..20).map(|_| record(&mut random)).collect();
        let data = logs(&records);
        assert_eq!(by_index(set, &data).0, by_asking_all(set, &data), "seed {seed}\n{text}");
    }
}

/// Policies of all kinds, each for a service, a text or a pattern of its own.
fn many(count: usize) -> String {
    let mut text = String::new();
    for at in 0..count {
        let matchers = match at % 5 {
            0 => format!(
                "{{resource_attribute: service.name, equals: service-{at}}}, {{log_field: severity_text, equals: DEBUG}}"
            ),
            1 => format!(
                "{{resource_attribute: service.name, equals: cart}}, {{log_attribute: code, equals: {at}}}"
            ),
            2 => format!(
                "{{resource_attribute: service.name, equals: cart}}, {{log_field: body, contains: noise-{at}-}}"
            ),
            3 => format!("{{log_field: body, regex: '^request-{at} \\d+ms'}}"),
            _ => format!(
                "{{log_field: body, starts_with: probe-{at}-, case_insensitive: true}}, {{log_attribute: code, gte: 500}}"
            ),
        };
        let _ =
            writeln!(text, "- {{id: p{at:05}, name: p, log: {{match: [{matchers}], keep: none}}}}");
    }
    text
}

#[test]
fn a_record_asks_few_of_ten_thousand_policies() {
    let engine = engine(&many(10_000));
    let set = engine.set(pdata::Signal::Logs);
    let code = |it: &str| json!([attribute("code", &json!({"intValue": it}))]);
    let records = [
        json!({"body": {"stringValue": "hello"}, "severityText": "DEBUG"}),
        json!({"body": {"stringValue": "a noise-4002- b"}, "attributes": code("7")}),
        json!({"body": {"stringValue": "request-5003 17ms"}}),
        json!({"body": {"stringValue": "PROBE-9999-x"}, "attributes": code("503")}),
        json!({"body": {"stringValue": "x"}, "attributes": code("5001")}),
    ];
    let (found, asked) = by_index(set, &logs(&records));
    assert_eq!(found, [vec![], vec![4002], vec![5003], vec![9999], vec![5001]]);
    assert!(asked <= 12, "{asked} policies were asked");
}

#[test]
fn a_text_that_stands_in_a_record_a_thousand_times_is_followed_once() {
    let engine =
        engine("- {id: a, name: a, log: {match: [{log_field: body, contains: aa}], keep: none}}");
    let data = logs(&[json!({"body": {"stringValue": "a".repeat(1_000)}})]);
    let (found, asked) = by_index(engine.set(pdata::Signal::Logs), &data);
    assert_eq!((found, asked), (vec![vec![0]], 1));
}
