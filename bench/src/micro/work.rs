//! Requests of 100 log records of about 500 bytes with three attributes: check, read, change, join,
//! compress, and as JSON.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "the numbers of a load are small"
)]

use std::hint::black_box;

use bytes::Bytes;
use compression::{Compressor, Encoding, Params, Type, decompress};
use ottl::{Context, Editors, ErrorMode, Prefixes, Request, Scratch, Statements};
use pdata::{
    AttributesEdit, Data, Depth, Field, Keep, Limits, Logs, ResourceLogs, Signal, Value, ValueRef,
};

use super::{Row, TEN, Work, usual};
use crate::load::template::{self, Shape, Template};

pub(super) const RECORDS: u64 = 100;

pub(super) fn request(json: bool) -> Bytes {
    let records = RECORDS as usize;
    let encoding = if json { template::Encoding::Json } else { template::Encoding::Protobuf };
    let shape = Shape { signal: Signal::Logs, records, attributes: 3, seed: 1, encoding };
    Template::new(shape).fill(0, 0)
}

pub fn rows() -> Vec<Row> {
    let bytes = request(false);
    let logs = Logs::try_from_otlp(bytes.clone(), &Limits::default()).unwrap_or_default();
    let mut rows = vec![check(&bytes), read(&logs, &bytes), field(&logs)];
    rows.extend(changes(&logs, &bytes));
    rows.push(statements(
        &logs,
        "set",
        "one OTTL statement",
        include_str!("../../configs/P12.yaml"),
    ));
    rows.push(statements(
        &logs,
        "five",
        "five OTTL statements",
        include_str!("../../configs/P11.yaml"),
    ));
    rows.push(join(&logs, &bytes));
    rows.extend(json(&logs));
    rows.extend(compressed(&bytes));
    rows
}

fn check(bytes: &Bytes) -> Row {
    let limits = Limits::default();
    let copy = bytes.clone();
    let ours = Box::new(move || {
        black_box(Logs::try_from_otlp(copy.clone(), &limits).map_or(0, |it| it.items()));
    });
    Row::new("check", "count and check", RECORDS, ours).beside(usual::count(bytes), 125.0)
}

fn number(value: Option<ValueRef<'_>>) -> i64 {
    match value {
        Some(ValueRef::Str(text)) => text.len() as i64,
        Some(ValueRef::Int(number)) => number,
        _ => 0,
    }
}

fn read(logs: &Logs, bytes: &Bytes) -> Row {
    let logs = logs.clone();
    let ours = Box::new(move || {
        let mut sum = 0;
        for record in logs.resources().flat_map(ResourceLogs::records) {
            sum += i64::from(record.severity_number()) + number(record.body());
            let attributes = record.attributes();
            sum += number(attributes.get("http.route"));
            sum += number(attributes.get("server.address"));
        }
        black_box(sum);
    });
    let what = "read severity, body, two attributes";
    Row::new("read", what, RECORDS, ours).beside(usual::read(bytes), 8.0)
}

/// What a policy that looks at one field pays: the record is there, the field is wanted.
fn field(logs: &Logs) -> Row {
    let logs = logs.clone();
    let ours = Box::new(move || {
        let records = logs.resources().flat_map(ResourceLogs::records);
        black_box(records.map(|it| i64::from(it.severity_number())).sum::<i64>());
    });
    Row::new("field", "read one field", RECORDS, ours).most(17.0, Some(0))
}

fn change(logs: &Logs, mut work: impl FnMut(&Data) -> Data + 'static) -> Work {
    let logs = Data::from(logs.clone());
    Box::new(move || {
        black_box(work(&logs).items());
    })
}

fn each_record(logs: &Logs, mut edit: impl FnMut(&mut AttributesEdit<'_>) + 'static) -> Work {
    change(logs, move |logs| {
        logs.edit(Depth::Item, |place| {
            if place.depth() == Depth::Item {
                place.attributes(Field::LOG_ATTRIBUTES).iter_mut().for_each(&mut edit);
            }
            Keep::Enter
        })
    })
}

fn changes(logs: &Logs, bytes: &Bytes) -> Vec<Row> {
    let resource = change(logs, |logs| {
        logs.edit(Depth::Resource, |place| {
            if let Some(mut attributes) = place.attributes(Field::RESOURCE_ATTRIBUTES) {
                TEN.iter().for_each(|key| attributes.set(key, Value::Str("a value")));
            }
            Keep::Whole
        })
    });
    let add = each_record(logs, |it| it.set("a.new", Value::Str("a value")));
    let rename = each_record(logs, |it| {
        it.rename("http.route", "route");
    });
    let filter = change(logs, |logs| {
        logs.retain(|it| it.int(Field::LOG_SEVERITY_NUMBER).is_some_and(|it| it >= 9))
    });
    vec![
        Row::new("resource", "add ten resource attributes", RECORDS, resource)
            .beside(usual::add_to_resource(bytes), 122.0),
        Row::new("add", "add one attribute to every record", RECORDS, add)
            .beside(usual::add(bytes), 34.0),
        Row::new("rename", "rename one attribute on every record", RECORDS, rename)
            .beside(usual::rename(bytes), 13.0),
        Row::new("filter", "filter by severity", RECORDS, filter)
            .beside(usual::filter(bytes), 37.0),
    ]
}

/// The statements of a configuration of the P rows, without the pipeline around them.
fn statements(logs: &Logs, id: &'static str, what: &'static str, config: &str) -> Row {
    let texts = config.lines().filter_map(|it| it.strip_prefix("          - ")).map(str::to_owned);
    let texts: Vec<String> = texts.collect();
    let statements = Statements::new(
        &texts,
        Context::Log,
        Prefixes::Optional,
        Editors::Transform,
        ErrorMode::Propagate,
    );
    let statements = statements.unwrap_or_else(|wrong| panic!("{id}: {wrong:?}"));
    let mut scratch = Scratch::default();
    let ours = change(logs, move |logs| {
        logs.edit(Depth::Item, |place| {
            if place.depth() == Depth::Item
                && let Err(error) = statements.run(place, &Request::default(), &mut scratch)
            {
                panic!("{error}");
            }
            Keep::Enter
        })
    });
    Row::new(id, what, RECORDS, ours)
}

fn join(logs: &Logs, bytes: &Bytes) -> Row {
    let ten: Vec<Data> = (0..10).map(|_| Data::from(logs.clone())).collect();
    let ours = Box::new(move || {
        let joined = Data::concat(ten.iter().cloned());
        black_box(joined.map(|it| it.chunks().iter().map(Bytes::len).sum::<usize>()));
    });
    Row::new("join", "join ten requests into one batch", RECORDS * 10, ours)
        .beside(usual::join(bytes), 119.0)
}

fn json(logs: &Logs) -> [Row; 2] {
    let text = request(true);
    let limits = Limits::default();
    let read = Box::new(move || {
        black_box(Logs::from_json(&text, &limits).map_or(0, |it| it.items()));
    });
    let (logs, mut out) = (logs.clone(), Vec::new());
    let write = Box::new(move || {
        out.clear();
        logs.to_json(&mut out);
        black_box(out.len());
    });
    [
        Row::new("json-in", "OTLP/JSON to bytes", RECORDS, read),
        Row::new("json-out", "bytes to OTLP/JSON", RECORDS, write),
    ]
}

fn compressed(bytes: &Bytes) -> Vec<Row> {
    let mut rows = Vec::new();
    for (encoding, pack, unpack, what_pack, what_unpack) in [
        (Encoding::Gzip, "gzip", "gunzip", "compress with gzip", "decompress gzip"),
        (Encoding::Zstd, "zstd", "unzstd", "compress with zstd", "decompress zstd"),
    ] {
        let compressor = Compressor::http(Type(Some(encoding)), Params::default());
        let compress = |bytes: &Bytes| {
            let body = compressor.compress(std::iter::once(bytes.clone()).collect());
            body.map(|it| it.pieces().flat_map(|it| it.to_vec()).collect::<Vec<u8>>())
        };
        let packed = compress(bytes).unwrap_or_default();
        let (plain, limit) = (bytes.clone(), bytes.len());
        let work = Box::new(move || {
            let body = compressor.compress(std::iter::once(plain.clone()).collect());
            black_box(body.map_or(0, |it| it.pieces().map(Bytes::len).sum::<usize>()));
        });
        rows.push(Row::new(pack, what_pack, RECORDS, work));
        let work = Box::new(move || {
            black_box(decompress(encoding, &packed, limit).map_or(0, |it| it.len()));
        });
        rows.push(Row::new(unpack, what_unpack, RECORDS, work));
    }
    rows
}
