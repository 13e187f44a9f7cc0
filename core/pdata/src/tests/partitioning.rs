//! Parting by key keeps every item once, in order, with what stands around it.

use proptest::prelude::*;

use super::batching::{check_valid, items, several};
use super::generate::Source;
use crate::{Data, Depth, Limits, LogRecord, Logs, LogsBuilder, ValueRef};

/// True if `lines` come in this order in `whole`.
fn is_in_order(lines: &[String], whole: &[String]) -> bool {
    let mut whole = whole.iter();
    lines.iter().all(|line| whole.any(|it| it == line))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn each_item_is_in_the_part_of_its_key_in_order(seed: u64, count in 1usize..5) {
        let whole = several(seed);
        let mut source = Source::new(seed ^ 0x5555);
        let mut keys = Vec::new();
        let parts = whole.clone().partition(Depth::Child, |_| {
            // Runs, as real telemetry has them.
            let same = source.below(3) > 0;
            let key = keys.last().copied().filter(|_| same).unwrap_or_else(|| source.below(count));
            keys.push(key);
            key
        });
        prop_assert_eq!(keys.len(), whole.items());
        let lines = items(&whole);
        let mut first_seen: Vec<usize> = Vec::new();
        keys.iter().for_each(|key| if !first_seen.contains(key) { first_seen.push(*key) });
        prop_assert_eq!(parts.iter().map(|it| it.0).collect::<Vec<_>>(), first_seen);
        for (key, part) in &parts {
            check_valid(part);
            let wanted = lines.iter().zip(&keys).filter(|(_, it)| *it == key);
            prop_assert_eq!(items(part), wanted.map(|it| it.0.clone()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn resources_scopes_and_metrics_stay_whole(seed: u64, depth in 0usize..3, count in 1usize..5) {
        let whole = several(seed);
        let depth = [Depth::Resource, Depth::Scope, Depth::Item][depth];
        let mut source = Source::new(seed ^ 0x5555);
        let parts = whole.clone().partition(depth, |_| source.below(count));
        let lines = items(&whole);
        let mut all = Vec::new();
        for (_, part) in &parts {
            check_valid(part);
            let part = items(part);
            prop_assert!(is_in_order(&part, &lines));
            all.extend(part);
        }
        all.sort_unstable();
        let mut sorted = lines;
        sorted.sort_unstable();
        prop_assert_eq!(all, sorted);
    }
}

fn two_resources() -> Logs {
    let mut builder = LogsBuilder::new();
    for service in ["a", "b"] {
        builder.resource(|it| it.put("service.name", service)).scope("s", "");
        for number in 0..4 {
            builder.record(|record| record.body(number));
        }
    }
    builder.finish()
}

fn bodies(data: &Data) -> Vec<i64> {
    let Data::Logs(logs) = data else { return Vec::new() };
    logs.records().filter_map(|it| it.body().and_then(ValueRef::as_int)).collect()
}

#[test]
fn one_key_copies_nothing() {
    let data = Data::from(two_resources());
    let at = data.chunks()[0].as_ptr();
    let parts = data.partition(Depth::Item, |_| "same");
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].1.chunks()[0].as_ptr(), at);
    assert_eq!(Data::empty(crate::Signal::Logs).partition(Depth::Item, |_| 0).len(), 0);
}

#[test]
fn a_key_may_be_what_a_record_says_and_parts_come_in_the_order_of_their_keys() {
    let parts = Data::from(two_resources()).partition(Depth::Item, |it| {
        it.log().and_then(LogRecord::body).and_then(ValueRef::as_int) > Some(1)
    });
    let shown: Vec<(bool, Vec<i64>)> = parts.iter().map(|(key, it)| (*key, bodies(it))).collect();
    assert_eq!(shown, [(false, vec![0, 1, 0, 1]), (true, vec![2, 3, 2, 3])]);
    let Data::Logs(second) = &parts[1].1 else { panic!() };
    assert_eq!(second.resources().count(), 2);
}

#[test]
fn whole_resources_are_slices() {
    let data = Data::from(two_resources());
    let at = data.chunks()[0].as_ptr();
    let parts = data.partition(Depth::Resource, |it| it.resource().encoded().to_vec());
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].1.chunks()[0].as_ptr(), at);
    assert_eq!(bodies(&parts[1].1), [0, 1, 2, 3]);
}

#[test]
fn unknown_fields_survive_parting() {
    // Field 100 in the record, at the top, in the resource and in the scope.
    let field = b"\xa0\x06\x01";
    let record = |severity: u8| [&[0x12, 0x05, 0x10, severity][..], field].concat();
    let scope = [&b"\x12\x11"[..], &record(9), &record(13), field].concat();
    let resource = [&b"\x0a\x16"[..], &scope, field].concat();
    let bytes = [&resource[..], field].concat();
    let logs = Logs::try_from_otlp(bytes.into(), &Limits::default()).unwrap();
    let parts =
        Data::from(logs).partition(Depth::Item, |it| it.log().map(LogRecord::severity_number));
    let part =
        |severity: u8| [&b"\x0a\x0f"[..], field, b"\x12\x0a", field, &record(severity)].concat();
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].1.to_bytes(), part(9));
    assert_eq!(parts[1].1.to_bytes(), [&part(13)[..], field].concat());
}
