//! One record through `core/pdata`, on bytes and by prost: the table of the data model.
//!
//! Log records of about 500 bytes with three attributes, 100 per request. Nanoseconds per record,
//! median of seven rounds.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, LogsData};
use pdata::{Data, Limits, Logs, LogsBuilder, Scratch, Value, ValueRef};
use prost::Message as _;

use crate::load::{json_line, requests_logs};

const RECORDS: u64 = 100;
const ROUNDS: usize = 7;
const ROUND_TIME: Duration = Duration::from_millis(120);

struct Row {
    name: &'static str,
    bytes: f64,
    prost: f64,
    /// The ratio of the design's own table; ours must be at least half of it.
    designed: f64,
}

/// Nanoseconds per record of `work`, which handles `records` of them.
fn time<T>(records: u64, mut work: impl FnMut() -> T) -> f64 {
    let mut rounds = [0.0; ROUNDS];
    for round in &mut rounds {
        let start = Instant::now();
        let mut done = 0_u64;
        while start.elapsed() < ROUND_TIME {
            for _ in 0..16 {
                black_box(work());
            }
            done += 16 * records;
        }
        *round = start.elapsed().as_nanos() as f64 / done as f64;
    }
    rounds.sort_unstable_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// The table as Markdown.
pub fn table() -> String {
    let logs = requests_logs(&mut LogsBuilder::new(), 0, RECORDS);
    let bytes = Data::from(logs.clone()).to_bytes();
    let mut rows = vec![check(&bytes), read(&logs, &bytes)];
    rows.extend(changes(&logs, &bytes));
    rows.push(join(&logs, &bytes));
    rows.extend(lines());
    let mut out = String::from(
        "## One record through `core/pdata`\n\nNanoseconds per record; prost decodes, changes, encodes.\n\n\
         | work | on bytes | prost / serde_json | ratio | of the design's ratio |\n|---|---|---|---|---|\n",
    );
    for Row { name, bytes, prost, designed } in rows {
        let ratio = prost / bytes;
        let share = ratio / designed;
        let verdict = if share >= 0.5 { "" } else { " (below half)" };
        let _ = writeln!(
            out,
            "| {name} | {bytes:.1} | {prost:.0} | {ratio:.1}x | {share:.2} of {designed:.0}x{verdict} |"
        );
    }
    out
}

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

/// prost's way: decode, change, encode.
fn by_prost(bytes: &Bytes, change: impl Fn(&mut LogsData)) -> f64 {
    time(RECORDS, || {
        let mut data = decode(bytes);
        change(&mut data);
        data.encode_to_vec()
    })
}

fn check(bytes: &Bytes) -> Row {
    let limits = Limits::default();
    Row {
        name: "count and check",
        bytes: time(RECORDS, || Logs::try_from_otlp(bytes.clone(), &limits).map(|it| it.items())),
        prost: time(RECORDS, || records(&mut decode(bytes)).count()),
        designed: 125.0,
    }
}

fn read(logs: &Logs, bytes: &Bytes) -> Row {
    let length = |value: Option<ValueRef<'_>>| match value {
        Some(ValueRef::Str(text)) => text.len() as i64,
        Some(ValueRef::Int(number)) => number,
        _ => 0,
    };
    Row {
        name: "read severity, body, two attributes",
        bytes: time(RECORDS, || {
            let mut sum = 0;
            for record in logs.resources().flat_map(pdata::ResourceLogs::records) {
                sum += i64::from(record.severity_number()) + length(record.body());
                let attributes = record.attributes();
                sum += length(attributes.get("http.route"));
                sum += length(attributes.get("http.response.status_code"));
            }
            sum
        }),
        prost: time(RECORDS, || {
            let mut data = decode(bytes);
            let texts = records(&mut data).map(|it| it.severity_text.len() + it.attributes.len());
            texts.sum::<usize>()
        }),
        designed: 8.0,
    }
}

const TEN: [&str; 10] = ["a.0", "a.1", "a.2", "a.3", "a.4", "a.5", "a.6", "a.7", "a.8", "a.9"];

fn changes(logs: &Logs, bytes: &Bytes) -> Vec<Row> {
    let mut scratch = Scratch::new();
    let mut on_bytes = |change: &mut dyn FnMut(&mut Scratch) -> Logs| {
        time(RECORDS, || change(&mut scratch).items())
    };
    vec![
        Row {
            name: "add ten resource attributes",
            bytes: on_bytes(&mut |scratch| {
                logs.rewrite(scratch, |_, edit| {
                    let mut attributes = edit.attributes();
                    for key in TEN {
                        attributes.set(key, Value::Str("a value"));
                    }
                })
            }),
            prost: by_prost(bytes, |data| {
                for resource in data.resource_logs.iter_mut().filter_map(|it| it.resource.as_mut())
                {
                    resource.attributes.extend(TEN.map(|key| key_value(key, "a value")));
                }
            }),
            designed: 122.0,
        },
        Row {
            name: "add one attribute to every record",
            bytes: on_bytes(&mut |scratch| {
                logs.rewrite(scratch, |_, edit| {
                    edit.records(|_, edit| edit.attributes().set("a.new", Value::Str("a value")));
                })
            }),
            prost: by_prost(bytes, |data| {
                records(data).for_each(|it| it.attributes.push(key_value("a.new", "a value")));
            }),
            designed: 34.0,
        },
        Row {
            name: "rename one attribute on every record",
            bytes: on_bytes(&mut |scratch| {
                logs.rewrite(scratch, |_, edit| {
                    edit.records(|_, edit| {
                        edit.attributes().rename("http.route", "route");
                    });
                })
            }),
            prost: by_prost(bytes, |data| {
                for pair in records(data).flat_map(|it| it.attributes.iter_mut()) {
                    if pair.key == "http.route" {
                        "route".clone_into(&mut pair.key);
                    }
                }
            }),
            designed: 13.0,
        },
        Row {
            name: "filter by severity",
            bytes: on_bytes(&mut |_| logs.retain_records(|record| record.severity_number() >= 9)),
            prost: by_prost(bytes, |data| {
                for scope in data.resource_logs.iter_mut().flat_map(|it| it.scope_logs.iter_mut()) {
                    scope.log_records.retain(|it| it.severity_number >= 9);
                }
            }),
            designed: 37.0,
        },
    ]
}

fn join(logs: &Logs, bytes: &Bytes) -> Row {
    let ten: Vec<Data> = (0..10).map(|_| Data::from(logs.clone())).collect();
    Row {
        name: "join ten requests into one batch",
        bytes: time(RECORDS * 10, || {
            let joined = Data::concat(ten.iter().cloned());
            joined.map(|it| it.chunks().iter().map(Bytes::len).sum::<usize>())
        }),
        prost: time(RECORDS * 10, || {
            let mut all = LogsData::default();
            (0..10).for_each(|_| all.resource_logs.extend(decode(bytes).resource_logs));
            all.encode_to_vec()
        }),
        designed: 119.0,
    }
}

/// File lines: what the reader does per line, against `serde_json::Value`.
fn lines() -> Vec<Row> {
    let mut random = fastrand::Rng::with_seed(1);
    let line = |length: usize, random: &mut fastrand::Rng| {
        json_line(&testbed::Line { writer: 1, seq: 7, time: 99 }, length, random)
    };
    let (short, long) = (line(40, &mut random), line(940, &mut random));
    let operator = |yaml: serde_json::Value| serde_json::from_value(yaml).unwrap_or_default();
    let container = operator(serde_json::json!({"type": "container", "format": "containerd"}));
    let json = operator(serde_json::json!({"type": "json_parser"}));
    let cri = format!("2026-11-23T06:18:46.508100199Z stdout F {}", "x".repeat(600));
    vec![
        Row {
            name: "CRI line of 644 B to an encoded record",
            bytes: crate::operators::per_line(&[container], cri.as_bytes()),
            prost: time(1, || cri_by_prost(&cri)),
            designed: 4.0,
        },
        Row {
            name: "JSON line of 300 B to encoded attributes",
            bytes: crate::operators::per_line(std::slice::from_ref(&json), short.as_bytes()),
            prost: time(1, || json_by_prost(&short)),
            designed: 4.0,
        },
        Row {
            name: "JSON line of 1,200 B to encoded attributes",
            bytes: crate::operators::per_line(&[json], long.as_bytes()),
            prost: time(1, || json_by_prost(&long)),
            designed: 4.0,
        },
    ]
}

fn cri_by_prost(line: &str) -> Vec<u8> {
    let mut parts = line.splitn(4, ' ').map(str::to_owned);
    let (time, stream) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let body = Some(AnyValue { value: Some(Any::StringValue(parts.nth(1).unwrap_or_default())) });
    let attributes = vec![key_value("log.iostream", &stream), key_value("time", &time)];
    LogRecord { body, attributes, ..LogRecord::default() }.encode_to_vec()
}

fn json_by_prost(line: &str) -> Vec<u8> {
    fn any(value: serde_json::Value) -> AnyValue {
        use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};
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
    let attributes = match serde_json::from_str(line) {
        Ok(serde_json::Value::Object(map)) => pairs(map),
        _ => Vec::new(),
    };
    LogRecord { attributes, ..LogRecord::default() }.encode_to_vec()
}
