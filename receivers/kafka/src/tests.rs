//! Records as telemetry; and with a real broker, if there is one: out, in, and back from its death.

use bytes::Bytes;
use component::{Data, Signal};
use componenttest::{config, data, problems};
use kafka::{Header, Record};
use serde_json::json;

use super::*;

mod broker;

componenttest::conformance!(receiver Kafka, "brokers: ['127.0.0.1:1']");

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = config(include_str!("../testdata/config.yaml"));
}

#[test]
fn wrong_sections_are_refused() {
    for (section, want) in [
        ("group_id: ''", "group_id must be specified"),
        ("traces: {encoding: raw}", "the encoding raw is for logs"),
        ("max_fetch_size: 0", "max_fetch_size must be positive"),
        (
            "logs: {exclude_topics: [a]}",
            "exclude_topics is configured but none of the configured topics use regex pattern (must start with '^')",
        ),
    ] {
        assert_eq!(problems::<Config>(section), [want], "{section}");
    }
}

#[test]
fn topics_are_names_or_patterns() {
    let section: Config =
        config("logs: {topics: [exact, '^app-.*'], exclude_topics: ['^app-test']}");
    let of = section.of(Signal::Logs);
    let found: Vec<bool> =
        ["exact", "app-1", "app-test-1", "other"].iter().map(|it| of.has(it)).collect();
    assert_eq!(found, [true, true, false, false]);
    let older: Config = config("{topic: old, encoding: otlp_json}");
    assert_eq!(older.of(Signal::Traces).topics, ["old"]);
}

fn decoder(signal: Signal, encoding: Encoding) -> Decoder {
    Decoder { signal, encoding, headers: HeaderExtraction::default() }
}

fn record(offset: i64, value: impl Into<Bytes>) -> Record {
    Record { offset, value: value.into(), ..Record::default() }
}

#[test]
fn records_are_joined_and_a_bad_one_is_left_out() {
    let part = |at: usize| data(Signal::Traces, at).to_bytes();
    let records = vec![record(7, part(2)), record(8, "no protobuf"), record(9, part(3))];
    let (chunks, wrong) = decoder(Signal::Traces, Encoding::OtlpProto).chunks(&records);
    assert_eq!((chunks.len(), chunks[0].next), (1, 10));
    assert_eq!(chunks[0].data.as_ref().unwrap().items(), 5);
    assert_eq!(wrong.len(), 1);
    assert!(wrong[0].starts_with("offset 8: "), "{wrong:?}");
    let (chunks, _) = decoder(Signal::Traces, Encoding::OtlpProto).chunks(&[record(3, "bad")]);
    assert!(chunks[0].data.is_none() && chunks[0].next == 4);
}

#[test]
fn texts_and_bytes_are_bodies() {
    let bodies = |encoding: Encoding| {
        let records = vec![record(0, "a"), record(1, vec![0xff, b'b'])];
        let (chunks, _) = decoder(Signal::Logs, encoding).chunks(&records);
        let Some(Data::Logs(logs)) = chunks[0].data.clone() else { panic!("no logs") };
        logs.records().map(|it| it.body().unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(bodies(Encoding::Text), ["a", "\u{fffd}b"]);
    assert_eq!(bodies(Encoding::Raw), ["YQ==", "/2I="]);
}

#[test]
fn headers_become_attributes() {
    let headers = HeaderExtraction { extract_headers: true, headers: vec!["tenant".to_owned()] };
    let decoder = Decoder { headers, ..decoder(Signal::Logs, Encoding::OtlpJson) };
    let value = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityNumber": 9}]}]}]})
        .to_string();
    let header = |key: &str| Header { key: key.to_owned(), value: Bytes::from_static(b"blue") };
    let headers = [header("tenant"), header("other")].into();
    let (chunks, wrong) = decoder.chunks(&[Record { headers, ..record(0, value) }]);
    assert!(wrong.is_empty(), "{wrong:?}");
    let Some(Data::Logs(logs)) = chunks[0].data.clone() else { panic!("no logs") };
    let attributes = logs.resources().next().unwrap().attributes();
    assert_eq!(attributes.len(), 1);
    assert_eq!(attributes.get("kafka.header.tenant").unwrap().as_str(), Some("blue"));
}
