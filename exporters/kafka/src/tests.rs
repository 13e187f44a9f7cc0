//! Telemetry as records. What goes to a real broker and comes back is tested with the receiver.

use std::collections::BTreeSet;

use bytes::Bytes;
use component::{Client, Wants};
use componenttest::{config, data, problems, warnings};
use kafka::Message;
use pdata::Limits;
use serde_json::{Value, json};

use super::*;

componenttest::conformance!(exporter Kafka, "{brokers: ['127.0.0.1:1'], retry_on_failure: {enabled: false}}");

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = config(include_str!("../testdata/config.yaml"));
}

#[test]
fn wrong_sections_are_refused() {
    for (section, want) in [
        ("brokers: []", "clientconfig: brokers must be specified"),
        ("brokers: [localhost]", "address localhost: missing port in address"),
        ("metrics: {encoding: raw}", "the encoding raw is for logs"),
        (
            "producer: {required_acks: 2}",
            "producer::required_acks: expected 'all' (-1), 0, or 1; configured value is 2",
        ),
        (
            "producer: {required_acks: some}",
            "'required_acks' expected type 'configkafka.RequiredAcks', got unconvertible type 'string'",
        ),
        ("producer: {x: 1}", "'configkafka.ProducerConfig' has invalid keys: x"),
        (
            "producer: {compression: x}",
            "producer: compression should be one of 'none', 'gzip', 'snappy', 'lz4', or 'zstd'. configured value is \"x\"",
        ),
        (
            "producer: {max_message_bytes: -1}",
            "producer: max_message_bytes (-1) must be non-negative",
        ),
        ("producer: {max_message_bytes: 5}", "producer: max_message_bytes must be at least 1024"),
        (
            "producer: {flush_max_messages: 0}",
            "producer: flush_max_messages (0) must be at least 1",
        ),
        ("timeout: -1s", "timeoutsettings: 'timeout' must be non-negative"),
        ("conn_idle_timeout: -1", "clientconfig: conn_idle_timeout (-1ns) must be positive"),
        (
            "protocol_version: '4.1'",
            "clientconfig: invalid protocol version: invalid version `4.1`",
        ),
        ("tls: {x: 1}", "'tls' has invalid keys: x"),
        (
            "auth: {sasl: {username: u, password: p, mechanism: x}}",
            "clientconfig::auth::sasl: mechanism should be one of 'PLAIN', 'AWS_MSK_IAM_OAUTHBEARER', 'SCRAM-SHA-256' or 'SCRAM-SHA-512'. configured value x",
        ),
        (
            "{partition_logs_by_trace_id: true, partition_logs_by_resource_attributes: true}",
            "partition_logs_by_resource_attributes and partition_logs_by_trace_id cannot both be enabled",
        ),
        (
            "auth: {sasl: {username: u, mechanism: SCRAM-SHA-512}}",
            "clientconfig::auth::sasl: password is required",
        ),
    ] {
        assert_eq!(problems::<Config>(section), [want], "{section}");
    }
    for section in ["producer: {required_acks: all}", "protocol_version: 0.10.2.1"] {
        assert_eq!(problems::<Config>(section), [""; 0], "{section}");
    }
    let found = problems::<Config>("logs: {encoding: zipkin_proto}");
    assert!(found[0].contains("encoding \"zipkin_proto\" is not there"), "{found:?}");
    let found = warnings::<Config>("{topic: t, auth: {sasl: {username: u, password: p}}}");
    assert_eq!(found.len(), 2, "{found:?}");
}

fn messages(section: &str, data: &Data) -> Vec<Message> {
    let config: Config = config(section);
    let metadata = vec![("tenant".to_owned(), "blue".to_owned())];
    let client = Some(Arc::new(Client { metadata, ..Client::default() }));
    let ctx = Context { wants: Wants::Accepted, client, ..Context::default() };
    messages::messages(&config, &config.of(data.signal()), &ctx, data)
}

fn traces() -> Data {
    let span = |trace: &str, name: &str| json!({"traceId": trace, "spanId": "0102030405060708", "name": name});
    let (a, b) = ("0102030405060708090a0b0c0d0e0f10", "ff02030405060708090a0b0c0d0e0f10");
    let spans = json!([span(a, "1"), span(b, "2"), span(a, "3")]);
    let resource = |name: &str| json!({"resource": {"attributes": [{"key": "t", "value": {"stringValue": name}}]}, "scopeSpans": [{"spans": spans}]});
    let all = json!({"resourceSpans": [resource("x"), resource("y")]});
    Data::from_json(Signal::Traces, all.to_string().as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn a_payload_is_one_record_unless_keys_part_it() {
    let all = messages("{}", &traces());
    assert_eq!((all.len(), &*all[0].topic, &all[0].key, all[0].items), (1, "otlp_spans", &None, 6));
    assert_eq!(all[0].value, traces().to_bytes());
    let all = messages("partition_traces_by_id: true", &traces());
    let keys: Vec<_> = all.iter().map(|it| (it.key.clone().unwrap(), it.items)).collect();
    let id = |it: &'static str| Bytes::from_static(it.as_bytes());
    let want =
        [(id("0102030405060708090a0b0c0d0e0f10"), 4), (id("ff02030405060708090a0b0c0d0e0f10"), 2)];
    assert_eq!(keys, want);
}

#[test]
fn attributes_and_metadata_name_topics_keys_and_headers() {
    let section = "{topic_from_attribute: t, include_metadata_keys: [tenant, other], record_headers: {a: b}, \
                   traces: {message_key_from_metadata_key: tenant}}";
    let all = messages(section, &traces());
    let topics: Vec<&str> = all.iter().map(|it| &*it.topic).collect();
    assert_eq!(topics, ["x", "y"]);
    assert_eq!(all[0].key, Some(Bytes::from_static(b"blue")));
    let headers: Vec<_> =
        all[0].headers.iter().map(|it| (it.key.as_str(), &it.value[..])).collect();
    assert_eq!(headers, [("a", &b"b"[..]), ("tenant", &b"blue"[..])]);
    let all = messages("traces: {topic_from_metadata_key: tenant}", &traces());
    assert_eq!(&*all[0].topic, "blue");
}

#[test]
fn records_of_a_resource_have_its_key() {
    let logs = |order: [&str; 2]| {
        let attribute = |key: &str| json!({"key": key, "value": {"stringValue": "v"}});
        let attributes: Vec<Value> = order.iter().map(|it| attribute(it)).collect();
        let records = json!([{"body": {"stringValue": "x"}}]);
        json!({"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": records}]})
    };
    let all = json!({"resourceLogs": [logs(["a", "b"]), logs(["b", "a"]), logs(["a", "c"])]});
    let data =
        Data::from_json(Signal::Logs, all.to_string().as_bytes(), &Limits::default()).unwrap();
    let all = messages("partition_logs_by_resource_attributes: true", &data);
    let items: Vec<usize> = all.iter().map(|it| it.items).collect();
    assert_eq!(items, [2, 1]);
    let keys: BTreeSet<_> = all.iter().map(|it| it.key.clone().unwrap()).collect();
    assert_eq!((keys.len(), keys.first().unwrap().len()), (2, 16));
}

#[test]
fn bodies_and_json() {
    let all = messages("logs: {encoding: raw}", &data(Signal::Logs, 3));
    assert_eq!(all.len(), 3);
    assert!(all[1].value.starts_with(b"1 "), "{:?}", all[1]);
    let all = messages("{encoding: otlp_json, topic: old}", &data(Signal::Metrics, 2));
    let value: Value = serde_json::from_slice(&all[0].value).unwrap();
    assert!(value["resourceMetrics"].is_array());
    assert_eq!(&*all[0].topic, "old");
}

#[tokio::test]
async fn no_broker_is_no_reason_not_to_start_and_can_be_tried_again() {
    let settings = componenttest::exporter_settings("kafka", Signal::Logs);
    let section = "{brokers: ['127.0.0.1:1'], retry_on_failure: {enabled: false}}";
    let exporter = Arc::new(Kafka::create(settings, config(section)).unwrap());
    let host = componenttest::TestHost::new();
    Arc::clone(&exporter).start(&host).await.unwrap();
    let error = exporter.consume(&Context::default(), data(Signal::Logs, 1)).await.unwrap_err();
    assert!(!error.is_permanent());
    let want = "kafka: broker 127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused";
    assert_eq!(error.to_string(), want);
    host.shutdown(&*exporter, std::time::Duration::from_secs(5)).await;
}
