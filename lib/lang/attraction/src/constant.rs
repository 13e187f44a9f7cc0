//! A value from the configuration, encoded once.

use config::Value as Configured;
use pdata::{ArrayWriter, AttributesWriter, Logs, LogsBuilder, Value, ValueRef};

/// A value that the configuration gives.
#[derive(Debug, Clone)]
pub struct Constant {
    /// One record with the value as its body.
    carrier: Logs,
    /// That value: looking for it in the record took longer than writing it.
    encoded: Box<[u8]>,
}

impl Constant {
    /// The type follows from how it is written, as in YAML: `5`, `"5"`, `0.5`, `true`, a list, a map.
    pub fn new(value: &Configured) -> Self {
        let mut builder = LogsBuilder::new();
        builder.resource(|_| {}).scope("", "").record(|record| match value {
            Configured::List(list) => {
                record.body_with(|out| out.array(|out| array(out, list)));
            }
            Configured::Map(entries) => record.body_with(|out| out.map(|out| map(out, entries))),
            Configured::Sourced { value, .. } => match value.as_ref() {
                Configured::List(list) => {
                    record.body_with(|out| out.array(|out| array(out, list)));
                }
                Configured::Map(entries) => {
                    record.body_with(|out| out.map(|out| map(out, entries)));
                }
                scalar => record.body(scalar_value(scalar)),
            },
            scalar => record.body(scalar_value(scalar)),
        });
        let carrier = builder.finish();
        let body = carrier.records().next().and_then(pdata::LogRecord::body_encoded);
        let encoded = body.unwrap_or_default().into();
        Self { carrier, encoded }
    }

    /// To compare with.
    pub fn get(&self) -> ValueRef<'_> {
        self.carrier.records().next().and_then(pdata::LogRecord::body).unwrap_or_default()
    }

    /// To write.
    pub fn value(&self) -> Value<'_> {
        Value::Encoded(&self.encoded)
    }
}

/// What is not a list or a map. Integers beyond `i64` wrap, as Go's conversion does.
fn scalar_value(value: &Configured) -> Value<'_> {
    match value {
        Configured::Bool(it) => Value::Bool(*it),
        Configured::Int(it) => Value::Int(*it as i64),
        Configured::Float(it) => Value::Double(*it),
        Configured::String(it) => Value::Str(it),
        Configured::Sourced { value, .. } => scalar_value(value),
        Configured::Null | Configured::List(_) | Configured::Map(_) => Value::Empty,
    }
}

fn array(out: &mut ArrayWriter<'_>, list: &[Configured]) {
    for it in list {
        match it {
            Configured::List(list) => out.array(|out| array(out, list)),
            Configured::Map(entries) => out.map(|out| map(out, entries)),
            scalar => out.put(scalar_value(scalar)),
        }
    }
}

fn map(out: &mut AttributesWriter<'_>, entries: &[(String, Configured)]) {
    for (key, it) in entries {
        match it {
            Configured::List(list) => out.array(key, |out| array(out, list)),
            Configured::Map(entries) => out.map(key, |out| map(out, entries)),
            scalar => out.put(key, scalar_value(scalar)),
        }
    }
}
