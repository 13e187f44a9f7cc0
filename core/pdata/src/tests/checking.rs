//! What is accepted, what is refused, and with which words.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use crate::{Metric, NumberPoint};
use std::fmt::Write as _;

use prost::Message;

use super::generate::Source;
use crate::{Limits, Logs, LogsBuilder, MetricData, Metrics, NumberValue, Traces, Value, ValueRef};

/// A length-delimited field.
fn field(number: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    prost::encoding::encode_varint(body.len() as u64, &mut out);
    out.extend_from_slice(body);
    out
}

/// A request with one resource, one scope and this record.
fn with_record(record: &[u8]) -> Vec<u8> {
    field(1, &field(2, &field(2, record)))
}

/// A request with one resource, one scope and this metric.
fn with_metric(metric: &[u8]) -> Vec<u8> {
    with_record(metric)
}

fn logs(bytes: &[u8]) -> Result<Logs, crate::DecodeError> {
    Logs::try_from_otlp(bytes.to_vec().into(), &Limits::default())
}

fn metrics(bytes: &[u8]) -> Result<Metrics, crate::DecodeError> {
    Metrics::try_from_otlp(bytes.to_vec().into(), &Limits::default())
}

fn refused(bytes: &[u8], words: &str) {
    assert_eq!(logs(bytes).unwrap_err().to_string(), words);
}

const RECORD: &str = "resource_logs[0].scope_logs[0].log_records[0]";

#[test]
fn an_error_names_field_byte_and_cause() {
    let good = field(1, &field(2, &field(2, b"\x10\x09")));
    let bad_body = field(5, b"\x0a\x7fshort");
    let bad = field(
        1,
        &[field(2, b""), field(2, &[field(2, b"\x10\x09"), field(2, &bad_body)].concat())].concat(),
    );
    refused(
        &[good, bad].concat(),
        "resource_logs[1].scope_logs[1].log_records[1].body: unexpected EOF at byte 29",
    );
    refused(b"\x0a\x05", "unexpected EOF at byte 2");
    refused(b"\x0a", "unexpected EOF at byte 1");
    refused(b"\x0a\xff", "unexpected EOF at byte 2");
}

#[test]
fn every_beginning_of_a_request_is_an_error_or_a_request() {
    let bytes: Vec<u8> =
        (70..90).flat_map(|seed| Source::new(seed).logs().encode_to_vec()).collect();
    assert!(bytes.len() > 100);
    let message = opentelemetry_proto::tonic::logs::v1::LogsData::decode;
    for end in 0..bytes.len() {
        assert_eq!(logs(&bytes[..end]).is_ok(), message(&bytes[..end]).is_ok(), "{end} bytes");
    }
}

#[test]
fn group_wire_types_are_refused() {
    refused(b"\x0b\x0c", "proto: groups are not supported at byte 0");
    let unknown = with_record(b"\x9b\x06\x9c\x06");
    refused(&unknown, &format!("{RECORD}: proto: groups are not supported at byte 6"));
    refused(b"\x0e", "proto: illegal tag 1 (wire type 6) at byte 0");
}

#[test]
fn illegal_tags_and_numbers_are_refused() {
    refused(b"\x00\x01", "proto: illegal tag 0 (wire type 0) at byte 0");
    refused(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "proto: integer overflow at byte 0");
    let number = with_record(b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
    refused(&number, &format!("{RECORD}: proto: integer overflow at byte 7"));
    // Ten bytes with the highest bit only are a legal negative number.
    let negative = with_record(b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    assert_eq!(logs(&negative).unwrap().records().next().unwrap().severity_number(), -1);
}

#[test]
fn a_known_field_of_another_wire_type_is_refused() {
    let text = "proto: wrong wireType = 0 for field";
    refused(&with_record(b"\x28\x01"), &format!("{RECORD}: {text} Body at byte 6"));
    refused(&with_record(b"\x18\x01"), &format!("{RECORD}: {text} SeverityText at byte 6"));
    refused(b"\x08\x01", &format!("{text} ResourceLogs at byte 0"));
}

#[test]
fn ids_have_their_length_or_none() {
    let trace = |length: usize| with_record(&field(9, &vec![1; length]));
    let span = |length: usize| with_record(&field(10, &vec![1; length]));
    assert!(logs(&trace(0)).is_ok() && logs(&trace(16)).is_ok());
    assert!(logs(&span(0)).is_ok() && logs(&span(8)).is_ok());
    refused(&trace(8), &format!("{RECORD}: unmarshal: invalid TraceID length at byte 8"));
    refused(&span(16), &format!("{RECORD}: unmarshal: invalid SpanID length at byte 8"));
}

fn nested(depth: usize) -> Vec<u8> {
    let mut value = Vec::new();
    for _ in 1..depth {
        value = field(5, &field(1, &value));
    }
    with_record(&field(5, &value))
}

#[test]
fn values_nest_as_deep_as_the_limit() {
    assert!(logs(&nested(128)).is_ok());
    let error = logs(&nested(129)).unwrap_err();
    assert_eq!(error.reason, "values nest too deep");
    let limits = Limits { depth: 3, ..Limits::default() };
    assert!(Logs::try_from_otlp(nested(3).into(), &limits).is_ok());
    assert!(Logs::try_from_otlp(nested(4).into(), &limits).is_err());
    // However deep the limit, the stack is not at stake.
    let limits = Limits { depth: usize::MAX, ..Limits::default() };
    assert!(Logs::try_from_otlp(nested(20_000).into(), &limits).is_err());
}

#[test]
fn attributes_and_values_are_as_many_and_as_long_as_the_limits() {
    let mut builder = LogsBuilder::new();
    builder.record(|record| {
        record.attribute("a", "12345");
        record.attribute(
            "b",
            Value::Map(&[("x", Value::Bool(true)), ("y", Value::Empty), ("z", Value::Empty)]),
        );
    });
    let bytes = builder.finish().to_bytes();
    let check = |attributes, value_bytes| {
        let limits = Limits { attributes, value_bytes, ..Limits::default() };
        Logs::try_from_otlp(bytes.clone(), &limits)
            .map(|it| it.items())
            .map_err(|it| it.to_string())
    };
    assert_eq!(check(2, 100), Ok(1));
    let error = check(1, 100).unwrap_err();
    assert!(error.contains("2 attributes where at most 1 are accepted"), "{error}");
    let error = check(2, 6).unwrap_err();
    assert!(
        error.contains("an attribute value of 7 bytes where at most 6 are accepted"),
        "{error}"
    );
}

#[test]
fn repeated_and_empty_keys_and_values_are_kept() {
    let mut builder = LogsBuilder::new();
    builder.record(|record| {
        record.attribute("k", 1);
        record.attribute("k", 2);
        record.attribute("", 3);
        record.attribute("none", Value::Empty);
    });
    let sent = builder.finish().to_bytes();
    let logs = logs(&sent).unwrap();
    assert_eq!(logs.to_bytes(), sent);
    let attributes = logs.records().next().unwrap().attributes();
    assert_eq!(attributes.len(), 4);
    assert_eq!(attributes.get("k"), Some(ValueRef::Int(1)));
    assert_eq!(attributes.get(""), Some(ValueRef::Int(3)));
    assert_eq!(attributes.get("none"), Some(ValueRef::Empty));
    // A KeyValue without any field.
    let empty = super::checking::logs(&with_record(&field(6, b""))).unwrap();
    let attributes = empty.records().next().unwrap().attributes();
    assert_eq!(attributes.iter().collect::<Vec<_>>(), [("", ValueRef::Empty)]);
}

#[test]
fn packed_and_unpacked_scalars_are_read_alike() {
    let count = |n: u64| [&[0x31][..], &n.to_le_bytes()].concat();
    let packed = field(6, &[1u64.to_le_bytes(), 2u64.to_le_bytes()].concat());
    let counts = [count(7), packed, count(9)].concat();
    let histogram = with_metric(&field(9, &field(1, &counts)));
    let it = metrics(&histogram).unwrap();
    let MetricData::Histogram(data) = it.metrics().next().unwrap().data() else { panic!() };
    let counts: Vec<u64> = data.points().next().unwrap().bucket_counts().collect();
    assert_eq!(counts, [7, 1, 2, 9]);
    let buckets = [&b"\x10\x05"[..], &field(2, b"\x80\x01\x02"), b"\x10\x00"].concat();
    let it = metrics(&with_metric(&field(10, &field(1, &field(8, &buckets))))).unwrap();
    let MetricData::ExponentialHistogram(data) = it.metrics().next().unwrap().data() else {
        panic!()
    };
    let buckets = data.points().next().unwrap().positive().unwrap();
    assert_eq!(buckets.bucket_counts().collect::<Vec<_>>(), [5, 128, 2, 0]);
    let torn = with_metric(&field(9, &field(1, &field(6, b"1234567"))));
    assert!(metrics(&torn).unwrap_err().to_string().contains("data_points[0]: unexpected EOF"));
    let torn = with_metric(&field(10, &field(1, &field(8, &field(2, b"\x80")))));
    assert!(
        metrics(&torn).unwrap_err().to_string().contains("positive: unexpected EOF at byte 15")
    );
}

#[test]
fn fields_come_in_any_order() {
    let record = [
        &b"\x10\x09"[..],
        &field(6, &field(1, b"a")),
        &field(3, b"INFO"),
        &field(6, &field(1, b"b")),
    ]
    .concat();
    let scope = [field(3, b"scope-url"), field(2, &record), field(1, &field(1, b"lib"))].concat();
    let resource =
        [field(3, b"url"), field(2, &scope), field(1, &field(1, &field(1, b"k")))].concat();
    let logs = logs(&field(1, &resource)).unwrap();
    let resource = logs.resources().next().unwrap();
    assert_eq!(resource.schema_url(), "url");
    assert!(resource.attributes().contains("k"));
    let scope = resource.scopes().next().unwrap();
    assert_eq!((scope.scope().name(), scope.schema_url()), ("lib", "scope-url"));
    let record = scope.records().next().unwrap();
    assert_eq!((record.severity_number(), record.severity_text()), (9, "INFO"));
    assert_eq!(record.attributes().len(), 2);
}

#[test]
fn a_message_sent_twice_is_merged() {
    let resource = |key: &[u8]| field(1, &field(1, &field(1, key)));
    let unknown = b"\xa0\x06\x01";
    let scope = [field(1, &field(1, b"first")), field(2, b"\x10\x09"), field(1, &field(2, b"2.0"))]
        .concat();
    let bytes =
        field(1, &[&resource(b"a"), &field(2, &scope)[..], unknown, &resource(b"b")].concat());
    let logs = logs(&bytes).unwrap();
    let found = logs.resources().next().unwrap();
    let keys: Vec<&str> = found.attributes().iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["a", "b"]);
    let scope = found.scopes().next().unwrap();
    assert_eq!((scope.scope().name(), scope.scope().version()), ("first", "2.0"));
    assert_eq!((logs.items(), logs.records().count()), (1, 1));
    // What prost makes of it is what it makes of the original.
    let decode = opentelemetry_proto::tonic::logs::v1::LogsData::decode;
    assert_eq!(
        decode(logs.to_bytes()).unwrap(),
        decode(bytes::Bytes::copy_from_slice(&bytes)).unwrap()
    );
    assert!(logs.to_bytes().windows(3).any(|it| it == unknown));
}

#[test]
fn of_several_kinds_of_data_the_last_one_counts() {
    let point = |int: u64| field(1, &[&[0x31][..], &int.to_le_bytes()].concat());
    let metric =
        [field(5, &point(1)), field(7, &point(2)), field(7, &point(3)), field(1, b"name")].concat();
    let bytes = with_metric(&metric);
    let it = metrics(&bytes).unwrap();
    assert_eq!(it.items(), 2);
    let MetricData::Sum(sum) = it.metrics().next().unwrap().data() else { panic!() };
    let values: Vec<NumberValue> = sum.points().map(NumberPoint::value).collect();
    assert_eq!(values, [NumberValue::Int(2), NumberValue::Int(3)]);
    let decode = opentelemetry_proto::tonic::metrics::v1::MetricsData::decode;
    assert_eq!(
        decode(it.to_bytes()).unwrap(),
        decode(bytes::Bytes::copy_from_slice(&bytes)).unwrap()
    );
}

#[test]
fn repeated_messages_by_the_thousand_do_not_take_long() {
    // Work that grows with the square of this would take minutes.
    let heads = field(1, b"").repeat(300_000);
    let bytes = field(1, &[[0xa0, 0x06, 0x01].repeat(100_000), heads].concat());
    let logs = logs(&bytes).unwrap();
    assert_eq!(logs.resources().count(), 1);
    let values = field(5, b"").repeat(300_000);
    assert!(super::checking::logs(&with_record(&field(5, &values))).is_ok());
}

#[test]
fn empty_messages_are_messages() {
    assert_eq!(logs(b"").unwrap().chunks().len(), 0);
    let empty =
        field(1, &[field(1, b""), field(2, &[field(1, b""), field(2, b"")].concat())].concat());
    let logs = logs(&empty).unwrap();
    assert_eq!((logs.items(), logs.to_bytes().len()), (1, empty.len()));
    let record = logs.records().next().unwrap();
    assert_eq!((record.body(), record.attributes().len()), (None, 0));
    assert!(!logs.is_empty());
}

#[test]
fn unknown_fields_are_forwarded_and_skipped() {
    // Field 1000 held the scopes once; fields above come from the future.
    let old = [&[0xc2, 0x3e, 2][..], b"\x12\x00"].concat();
    let record =
        [&b"\x10\x09\xa0\x06\x01\xa1\x0612345678\xa5\x061234"[..], &field(13, b"new")].concat();
    let bytes = field(1, &[old, field(2, &field(2, &record))].concat());
    let logs = logs(&bytes).unwrap();
    assert_eq!(logs.to_bytes(), bytes);
    assert_eq!((logs.items(), logs.records().next().unwrap().severity_number()), (1, 9));
}

#[test]
fn bytes_by_chance_never_panic_and_reading_what_is_accepted_works() {
    let mut source = Source::new(5);
    let mut accepted = 0;
    for round in 0..20_000 {
        let mut bytes = match round % 3 {
            0 => source.logs().encode_to_vec(),
            1 => source.traces().encode_to_vec(),
            _ => source.metrics().encode_to_vec(),
        };
        bytes.truncate(400);
        for _ in 0..source.below(4) {
            if !bytes.is_empty() {
                let at = source.below(bytes.len());
                bytes[at] = source.bits() as u8;
            }
        }
        let mut text = String::new();
        let limits = Limits::default();
        let bytes: bytes::Bytes = bytes.into();
        if let Ok(it) = Logs::try_from_otlp(bytes.clone(), &limits) {
            accepted += 1;
            assert_eq!(it.items(), it.records().count());
            it.records()
                .for_each(|it| write!(text, "{:?}{:?}", it.attributes(), it.body()).unwrap());
        }
        if let Ok(it) = Traces::try_from_otlp(bytes.clone(), &limits) {
            accepted += 1;
            assert_eq!(it.items(), it.spans().count());
            it.spans()
                .for_each(|it| write!(text, "{:?}{:?}", it.attributes(), it.status()).unwrap());
        }
        if let Ok(it) = Metrics::try_from_otlp(bytes, &limits) {
            accepted += 1;
            assert_eq!(it.items(), it.metrics().flat_map(Metric::points).count());
            it.metrics().for_each(|it| write!(text, "{:?}", it.metadata()).unwrap());
        }
    }
    assert!(accepted > 1000);
}
