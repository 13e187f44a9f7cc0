//! A value on its way from where it was read to where it is written: it borrows nothing of the place any
//! more, so that the place can be changed.

use pdata::{ValueScratch, ValueWriter};

use crate::value::{Instant, List, Map, Value};

/// Memory that statements use again from one place to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) value: ValueScratch,
    pub(super) text: String,
}

/// A value to write, and what Go calls its type.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Given<'v> {
    Nil,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(&'v str),
    Bytes(pdata::Value<'v>),
    List(&'static str, pdata::Value<'v>),
    Map(pdata::Value<'v>),
    Time(Instant),
    Id(&'static str, [u8; 16]),
    /// What no field of OTLP holds: a duration, the events of a span.
    Other(&'static str),
}

impl<'v> Given<'v> {
    /// The value as an attribute or a body can have it.
    pub(crate) fn value(&self) -> Option<pdata::Value<'v>> {
        Some(match *self {
            Given::Bool(it) => it.into(),
            Given::Int(it) => it.into(),
            Given::Double(it) => it.into(),
            Given::Text(it) => it.into(),
            Given::Bytes(it) | Given::List(_, it) | Given::Map(it) => it,
            Given::Nil | Given::Time(_) | Given::Id(..) | Given::Other(_) => return None,
        })
    }

    pub(crate) fn go_type(&self) -> &'static str {
        match self {
            Given::Nil => "<nil>",
            Given::Bool(_) => "bool",
            Given::Int(_) => "int64",
            Given::Double(_) => "float64",
            Given::Text(_) => "string",
            Given::Bytes(_) => "[]uint8",
            Given::Map(_) => "pcommon.Map",
            Given::Time(_) => "time.Time",
            Given::List(name, _) | Given::Id(name, _) | Given::Other(name) => name,
        }
    }
}

impl Scratch {
    /// Keeps a value. Only a text, bytes, a list and a map are copied.
    pub(super) fn keep(&mut self, value: &Value<'_>) -> Given<'_> {
        match value {
            Value::Nil => Given::Nil,
            Value::Bool(it) => Given::Bool(*it),
            Value::Int(it) => Given::Int(*it),
            Value::Double(it) => Given::Double(*it),
            Value::Text(it) => {
                self.text.clear();
                self.text.push_str(it);
                Given::Text(&self.text)
            }
            Value::Time(it) => Given::Time(*it),
            Value::Id(kind, bytes) => Given::Id(kind, *bytes),
            Value::Duration(_) | Value::Opaque(..) => Given::Other(value.go_type()),
            Value::Bytes(_) => Given::Bytes(self.value.encode(|out| encode(value, out))),
            Value::Map(_) => Given::Map(self.value.encode(|out| encode(value, out))),
            Value::List(_) => {
                Given::List(value.go_type(), self.value.encode(|out| encode(value, out)))
            }
        }
    }

    /// Keeps a value that does not change: its text is not copied.
    pub(super) fn keep_constant<'v>(&'v mut self, value: &'v Value<'static>) -> Given<'v> {
        match value {
            Value::Text(it) => Given::Text(it),
            other => self.keep(other),
        }
    }
}

/// Writes a value. What OTLP does not have becomes the empty value, as in Go.
pub(super) fn encode(value: &Value<'_>, out: &mut ValueWriter<'_>) {
    match value {
        Value::Bool(it) => out.put(*it),
        Value::Int(it) => out.put(*it),
        Value::Double(it) => out.put(*it),
        Value::Text(it) => out.put(it.as_ref()),
        Value::Bytes(it) => out.put(pdata::Value::Bytes(it)),
        Value::Map(Map::View(it)) => out.put(pdata::Value::MapRef(*it)),
        Value::Map(Map::Own(entries)) => out.map(|out| {
            for (key, value) in entries.iter() {
                out.value(key, |out| encode(value, out));
            }
        }),
        Value::List(List::View(it)) => out.put(pdata::Value::ArrayRef(*it)),
        Value::List(List::Own(items)) => out.array(|out| {
            for value in items.iter() {
                out.value(|out| encode(value, out));
            }
        }),
        Value::Nil | Value::Time(_) | Value::Duration(_) | Value::Id(..) | Value::Opaque(..) => {}
    }
}
