//! Lines in, records out: what the operators do, seen from the receiver.

use std::sync::Arc;

use config::{Problems, Stage, Tagged, Value as Setting};
use pdata::{AttributesRef, Logs, ValueRef};
use serde_json::{Value, json};

use crate::{FileKey, FileMeta, OperatorConfig, Options, Pipeline, Worker};

mod container;
mod container_more;
mod docs;
mod failures;
mod offsets;
mod operators;
mod parsers;
mod recombine;
mod refused;
mod survive;

/// Compiles operators written as JSON.
fn compile(operators: Value) -> Result<Pipeline, String> {
    let mut found = Problems::default();
    let pipeline = plan(operators, &mut found);
    pipeline.ok_or_else(|| texts(&found))
}

fn plan(operators: Value, found: &mut Problems) -> Option<Pipeline> {
    let operators: Vec<Setting> = serde_json::from_value(operators).unwrap();
    let operators: Vec<Tagged<OperatorConfig>> = operators.into_iter().map(Into::into).collect();
    let mut inside = Problems::default();
    let pipeline = Pipeline::plan(&operators, Options::default(), &mut inside);
    found.take(inside, |fault| fault.within("operators"));
    pipeline
}

/// What the Collector says: everything of the first stage that something is wrong at, and of creating only the first.
fn texts(found: &Problems) -> String {
    let stages = [Stage::Read, Stage::Check, Stage::Create];
    let stage = stages.into_iter().find(|it| found.of(*it).next().is_some()).unwrap();
    let texts: Vec<String> = found
        .of(stage)
        .map(|it| match stage {
            Stage::Read => it.read_text(),
            Stage::Check => it.rule_text(),
            Stage::Create | Stage::Start => it.text.clone(),
        })
        .collect();
    if stage == Stage::Create { texts[0].clone() } else { texts.join("\n") }
}

/// A file of which `log.file.path` is known, or only a name.
fn file(key: u64, path: Option<&str>) -> Arc<FileMeta> {
    let attribute = match path {
        Some(path) => ("log.file.path".to_owned(), path.to_owned()),
        None => ("log.file.name".to_owned(), "app.log".to_owned()),
    };
    let attributes = vec![attribute];
    Arc::new(FileMeta { key: FileKey(key), attributes, record_offset: false })
}

/// Feeds lines one after another, as if each had a newline after it.
fn feed(worker: &mut Worker, file: &Arc<FileMeta>, lines: &[&str]) {
    let mut at = 0;
    for line in lines {
        let end = at + line.len() as u64 + 1;
        worker.line(file, line.as_bytes(), at..end, None);
        at = end;
    }
}

/// All that comes of lines, what is held back included.
fn run(operators: Value, lines: &[&str]) -> Vec<Value> {
    let mut worker = compile(operators).unwrap().worker();
    feed(&mut worker, &file(1, None), lines);
    worker.flush_all();
    records(&worker.take().logs)
}

/// One field of the records that come of lines.
fn bodies(operators: Value, lines: &[&str]) -> Vec<Value> {
    run(operators, lines).into_iter().map(|mut it| it["body"].take()).collect()
}

/// The attributes of the only record, without those of the file.
fn attributes(operators: Value, line: &str) -> Value {
    let mut all = run(operators, &[line]);
    assert_eq!(all.len(), 1, "{all:?}");
    let mut it = all.remove(0)["attributes"].take();
    it.as_object_mut().unwrap().remove("log.file.name");
    it
}

/// Records as plain JSON; what is empty is left out.
fn records(logs: &Logs) -> Vec<Value> {
    let mut all = Vec::new();
    for resource in logs.resources() {
        for scope in resource.scopes() {
            for record in scope.records() {
                assert!(record.observed_time_unix_nano() > 0);
                let mut it = json!({ "attributes": map(record.attributes()) });
                let mut set = |key: &str, value: Value, present: bool| {
                    if present {
                        it[key] = value;
                    }
                };
                let hex = |bytes: &[u8]| -> String {
                    let digits = bytes.iter().flat_map(|it| [it >> 4, it & 15]);
                    digits.filter_map(|it| char::from_digit(it.into(), 16)).collect()
                };
                let resource = map(resource.attributes());
                set("body", record.body().map_or(Value::Null, plain), true);
                set("resource", resource.clone(), resource != json!({}));
                set("time", record.time_unix_nano().into(), record.time_unix_nano() > 0);
                set("severity", record.severity_number().into(), record.severity_number() > 0);
                let text = record.severity_text();
                set("severity_text", text.into(), !text.is_empty());
                set("trace_id", hex(record.trace_id()).into(), !record.trace_id().is_empty());
                set("span_id", hex(record.span_id()).into(), !record.span_id().is_empty());
                set("flags", record.flags().into(), record.flags() > 0);
                let name = scope.scope().name();
                set("scope", name.into(), !name.is_empty());
                all.push(it);
            }
        }
    }
    all
}

fn map(of: AttributesRef<'_>) -> Value {
    let mut all = serde_json::Map::new();
    for (key, value) in of.iter() {
        assert!(all.insert(key.to_owned(), plain(value)).is_none(), "{key} twice");
    }
    all.into()
}

fn plain(of: ValueRef<'_>) -> Value {
    match of {
        ValueRef::Empty => Value::Null,
        ValueRef::Str(it) => it.into(),
        ValueRef::Bool(it) => it.into(),
        ValueRef::Int(it) => it.into(),
        ValueRef::Double(it) => it.into(),
        ValueRef::Bytes(it) => it.into(),
        ValueRef::Array(it) => it.iter().map(plain).collect(),
        ValueRef::Map(it) => map(it),
    }
}
