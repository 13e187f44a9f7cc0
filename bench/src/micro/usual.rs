//! The usual way: decode to structs, change, encode.

use std::hint::black_box;

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, LogsData};
use prost::Message as _;

use super::{TEN, Work};

fn decode(bytes: &Bytes) -> LogsData {
    LogsData::decode(bytes.clone()).unwrap_or_default()
}

fn records(data: &mut LogsData) -> impl Iterator<Item = &mut LogRecord> {
    let scopes = data.resource_logs.iter_mut().flat_map(|it| it.scope_logs.iter_mut());
    scopes.flat_map(|it| it.log_records.iter_mut())
}

fn key_value(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Any::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn change(bytes: &Bytes, change: impl Fn(&mut LogsData) + 'static) -> Work {
    let bytes = bytes.clone();
    Box::new(move || {
        let mut data = decode(&bytes);
        change(&mut data);
        black_box(data.encode_to_vec().len());
    })
}

pub fn count(bytes: &Bytes) -> Work {
    let bytes = bytes.clone();
    Box::new(move || {
        black_box(records(&mut decode(&bytes)).count());
    })
}

pub fn read(bytes: &Bytes) -> Work {
    let bytes = bytes.clone();
    Box::new(move || {
        let mut data = decode(&bytes);
        let lengths = records(&mut data).map(|it| it.severity_text.len() + it.attributes.len());
        black_box(lengths.sum::<usize>());
    })
}

pub fn add_to_resource(bytes: &Bytes) -> Work {
    change(bytes, |data| {
        for resource in data.resource_logs.iter_mut().filter_map(|it| it.resource.as_mut()) {
            resource.attributes.extend(TEN.map(|key| key_value(key, "a value")));
        }
    })
}

pub fn add(bytes: &Bytes) -> Work {
    change(bytes, |data| {
        records(data).for_each(|it| it.attributes.push(key_value("a.new", "a value")));
    })
}

pub fn rename(bytes: &Bytes) -> Work {
    change(bytes, |data| {
        for pair in records(data).flat_map(|it| it.attributes.iter_mut()) {
            if pair.key == "http.route" {
                "route".clone_into(&mut pair.key);
            }
        }
    })
}

pub fn filter(bytes: &Bytes) -> Work {
    change(bytes, |data| {
        for scope in data.resource_logs.iter_mut().flat_map(|it| it.scope_logs.iter_mut()) {
            scope.log_records.retain(|it| it.severity_number >= 9);
        }
    })
}

pub fn join(bytes: &Bytes) -> Work {
    let bytes = bytes.clone();
    Box::new(move || {
        let mut all = LogsData::default();
        (0..10).for_each(|_| all.resource_logs.extend(decode(&bytes).resource_logs));
        black_box(all.encode_to_vec().len());
    })
}

pub fn cri(line: &str) -> Vec<u8> {
    let mut parts = line.splitn(4, ' ').map(str::to_owned);
    let (time, stream) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let body = Some(AnyValue { value: Some(Any::StringValue(parts.nth(1).unwrap_or_default())) });
    let attributes = vec![key_value("log.iostream", &stream), key_value("time", &time)];
    LogRecord { body, attributes, ..LogRecord::default() }.encode_to_vec()
}

pub fn json(line: &str) -> Vec<u8> {
    let attributes = match serde_json::from_str(line) {
        Ok(serde_json::Value::Object(map)) => pairs(map),
        _ => Vec::new(),
    };
    LogRecord { attributes, ..LogRecord::default() }.encode_to_vec()
}

fn any(value: serde_json::Value) -> AnyValue {
    use serde_json::Value as Json;
    let value = match value {
        Json::Null => None,
        Json::Bool(it) => Some(Any::BoolValue(it)),
        Json::Number(it) => it.as_f64().map(Any::DoubleValue),
        Json::String(it) => Some(Any::StringValue(it)),
        Json::Array(it) => {
            Some(Any::ArrayValue(ArrayValue { values: it.into_iter().map(any).collect() }))
        }
        Json::Object(it) => Some(Any::KvlistValue(KeyValueList { values: pairs(it) })),
    };
    AnyValue { value }
}

fn pairs(map: serde_json::Map<String, serde_json::Value>) -> Vec<KeyValue> {
    map.into_iter()
        .map(|(key, value)| KeyValue { key, value: Some(any(value)), ..KeyValue::default() })
        .collect()
}
