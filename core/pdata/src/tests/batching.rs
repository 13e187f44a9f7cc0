//! Joining and splitting keep every item, in order, with what stands around it.

use bytes::Bytes;
use opentelemetry_proto::tonic::logs::v1::LogsData;
use opentelemetry_proto::tonic::metrics::v1::MetricsData;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use proptest::prelude::*;
use prost::Message;

use super::generate::Source;
use crate::{Data, Depth, Field, Limits, LogsBuilder, Place, Signal, Value, ValueRef};

/// Joins those whose heads are the same bytes.
fn merged(data: Data) -> Data {
    data.merge(|place| match place.depth() {
        Depth::Resource => {
            (place.resource().encoded().to_vec(), url(place, Field::RESOURCE_SCHEMA_URL))
        }
        _ => (place.scope().encoded().to_vec(), url(place, Field::SCOPE_SCHEMA_URL)),
    })
}

fn url(place: &Place<'_>, field: Field) -> String {
    let url = place.get(field, &[]).unwrap().and_then(ValueRef::as_str);
    url.unwrap_or_default().to_owned()
}

/// One line per item: everything about it and around it.
pub(super) fn items(data: &Data) -> Vec<String> {
    match data {
        Data::Logs(it) => it
            .resources()
            .flat_map(|resource| resource.scopes().map(move |scope| (resource, scope)))
            .flat_map(|(resource, scope)| {
                let around = around(
                    resource.resource().encoded(),
                    resource.schema_url(),
                    scope.scope().encoded(),
                    scope.schema_url(),
                );
                scope.records().map(move |it| format!("{around} {:?}", it.encoded()))
            })
            .collect(),
        Data::Traces(it) => it
            .resources()
            .flat_map(|resource| resource.scopes().map(move |scope| (resource, scope)))
            .flat_map(|(resource, scope)| {
                let around = around(
                    resource.resource().encoded(),
                    resource.schema_url(),
                    scope.scope().encoded(),
                    scope.schema_url(),
                );
                scope.spans().map(move |it| format!("{around} {:?}", it.encoded()))
            })
            .collect(),
        Data::Metrics(it) => it
            .resources()
            .flat_map(|resource| resource.scopes().map(move |scope| (resource, scope)))
            .flat_map(|(resource, scope)| {
                let around = around(
                    resource.resource().encoded(),
                    resource.schema_url(),
                    scope.scope().encoded(),
                    scope.schema_url(),
                );
                scope.metrics().map(move |metric| (around.clone(), metric))
            })
            .flat_map(|(around, metric)| {
                let (temporality, monotonic) = match metric.data() {
                    crate::MetricData::Sum(it) => (it.aggregation_temporality(), it.is_monotonic()),
                    crate::MetricData::Histogram(it) => (it.aggregation_temporality(), false),
                    crate::MetricData::ExponentialHistogram(it) => {
                        (it.aggregation_temporality(), false)
                    }
                    _ => (0, false),
                };
                let around = format!(
                    "{around} {} {} {} {:?} {temporality} {monotonic} {:?}",
                    metric.name(),
                    metric.unit(),
                    metric.description(),
                    metric.metadata(),
                    std::mem::discriminant(&metric.data()),
                );
                metric.points().map(move |it| format!("{around} {:?}", it.encoded()))
            })
            .collect(),
    }
}

fn around(resource: &[u8], url: &str, scope: &[u8], scope_url: &str) -> String {
    format!("{resource:?} {url} {scope:?} {scope_url}")
}

/// Validates it again, and that its lengths are canonical.
pub(super) fn check_valid(data: &Data) {
    let bytes = data.to_bytes();
    let again = Data::try_from_otlp(data.signal(), bytes.clone(), &Limits::default()).unwrap();
    assert_eq!(again.items(), data.items());
    assert_eq!(items(data).len(), data.items());
    let length = match data.signal() {
        Signal::Logs => LogsData::decode(bytes).unwrap().encoded_len(),
        Signal::Traces => TracesData::decode(bytes).unwrap().encoded_len(),
        Signal::Metrics => MetricsData::decode(bytes).unwrap().encoded_len(),
    };
    assert_eq!(length, data.bytes());
}

fn generated(signal: Signal, source: &mut Source) -> Data {
    let bytes = match signal {
        Signal::Logs => source.logs().encode_to_vec(),
        Signal::Traces => source.traces().encode_to_vec(),
        Signal::Metrics => source.metrics().encode_to_vec(),
    };
    Data::try_from_otlp(signal, Bytes::from(bytes), &Limits::default()).unwrap()
}

/// Several payloads in one.
pub(super) fn several(seed: u64) -> Data {
    let mut source = Source::new(seed);
    let signal = Signal::ALL[source.below(3)];
    let count = source.below(4);
    let parts: Vec<Data> = (0..=count).map(|_| generated(signal, &mut source)).collect();
    let lines: Vec<String> = parts.iter().flat_map(items).collect();
    let all = Data::concat(parts).unwrap();
    assert_eq!(items(&all), lines);
    check_valid(&all);
    all
}

fn check_parts(whole: &Data, parts: &[Data]) {
    parts.iter().for_each(check_valid);
    let lines: Vec<String> = parts.iter().flat_map(items).collect();
    assert_eq!(lines, items(whole));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn splitting_by_items_keeps_order_and_limit(seed: u64, max in 1usize..12) {
        let whole = several(seed);
        let parts = whole.clone().split_items(max);
        check_parts(&whole, &parts);
        // Parts are full but for the last one.
        for (index, part) in parts.iter().enumerate() {
            prop_assert!(part.items() <= max);
            prop_assert!(part.items() == max || index + 1 == parts.len());
        }
    }

    #[test]
    fn splitting_by_bytes_keeps_order_and_limit(seed: u64, max in 1usize..2000) {
        let whole = several(seed);
        let parts = whole.clone().split_bytes(max);
        check_parts(&whole, &parts);
        for part in &parts {
            prop_assert!(part.bytes() <= max || part.items() <= 1);
        }
    }

    #[test]
    fn the_first_items_are_as_many_as_asked_for(seed: u64, max in 0usize..30) {
        let whole = several(seed);
        let (first, rest) = whole.clone().split_first(max);
        prop_assert_eq!(first.items(), max.min(whole.items()));
        prop_assert_eq!(rest.is_some(), max < whole.items());
        check_parts(&whole, &[Some(first), rest].into_iter().flatten().collect::<Vec<_>>());
    }

    #[test]
    fn joining_what_is_alike_keeps_every_item_in_order(seed: u64, max in 1usize..5) {
        let whole = merged(several(seed));
        check_valid(&whole);
        let parts = whole.clone().split_items(max);
        let again = merged(Data::concat(parts).unwrap());
        check_parts(&whole, std::slice::from_ref(&again));
        // Metrics that were torn apart stay so.
        if whole.signal() != Signal::Metrics {
            prop_assert_eq!(again.bytes(), whole.bytes());
        }
    }
}

fn one(service: &str, scope: &str, body: &str) -> Data {
    let mut builder = LogsBuilder::new();
    builder
        .resource(|it| it.put("service.name", Value::Str(service)))
        .scope(scope, "")
        .record(|record| record.body(Value::Str(body)));
    builder.finish().into()
}

#[test]
fn what_is_alike_becomes_one_where_the_first_stood() {
    let parts = [
        one("a", "x", "1"),
        one("a", "x", "2"),
        one("a", "y", "3"),
        one("b", "y", "4"),
        one("a", "x", "5"),
    ];
    let merged = merged(Data::concat(parts).unwrap()).into_logs().unwrap();
    assert_eq!(merged.items(), 5);
    let bodies = |it: crate::ScopeLogs<'_>| -> String {
        it.records().filter_map(|it| it.body()?.as_str().map(str::to_owned)).collect()
    };
    let shape: Vec<Vec<String>> =
        merged.resources().map(|it| it.scopes().map(bodies).collect()).collect();
    assert_eq!(shape, [vec!["125", "3"], vec!["4"]]);
}

#[test]
fn joining_and_splitting_between_resources_do_not_copy() {
    let (a, b) = (one("a", "x", "1"), one("b", "x", "2"));
    let (a_at, b_at) = (a.chunks()[0].as_ptr(), b.chunks()[0].as_ptr());
    let both = Data::concat([a, b]).unwrap();
    assert_eq!(both.chunks().len(), 2);
    let parts = both.split_items(1);
    assert_eq!(parts[0].chunks()[0].as_ptr(), a_at);
    assert_eq!(parts[1].chunks()[0].as_ptr(), b_at);
}

#[test]
fn an_item_larger_than_the_limit_stands_alone() {
    let body = "x".repeat(500);
    let parts = [one("a", "x", "1"), one("a", "x", &body), one("a", "x", "3")];
    let parts = merged(Data::concat(parts).unwrap()).split_bytes(100);
    let sizes: Vec<(usize, bool)> =
        parts.iter().map(|it| (it.items(), it.bytes() <= 100)).collect();
    assert_eq!(sizes, [(1, true), (1, false), (1, true)]);
}

#[test]
fn unknown_fields_survive_splitting_and_joining() {
    // Field 100 at the top, in the resource and in the scope.
    let field = b"\xa0\x06\x01";
    let record = b"\x12\x02\x10\x09";
    let scope = [&b"\x12\x0b"[..], record, record, field].concat();
    let resource = [&b"\x0a\x10"[..], &scope, field].concat();
    let bytes = [&resource[..], field].concat();
    let bytes = Bytes::from(bytes);
    let logs = Data::try_from_otlp(Signal::Logs, bytes.clone(), &Limits::default()).unwrap();
    let parts = logs.split_items(1);
    assert_eq!(parts.len(), 2);
    let part = [&b"\x0a\x0c\x12\x07"[..], record, field, field].concat();
    // The header comes first in what is written anew.
    let first = [&b"\x0a\x0c"[..], field, b"\x12\x07", field, record].concat();
    assert_eq!(part.len(), first.len());
    assert_eq!(parts[0].to_bytes(), first);
    assert_eq!(parts[1].to_bytes(), [&first[..], field].concat());
    let joined = merged(Data::concat(parts).unwrap());
    assert_eq!(joined.items(), 2);
    assert_eq!(joined.bytes(), bytes.len());
}

#[test]
fn nothing_joined_is_nothing() {
    assert!(Data::concat([]).is_none());
    let empty = Data::empty(Signal::Logs);
    assert_eq!(Data::concat([empty.clone(), empty.clone()]).unwrap().bytes(), 0);
    assert_eq!(empty.clone().split_items(3).len(), 1);
    assert!(empty.to_bytes().is_empty());
}
