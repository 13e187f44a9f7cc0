//! What a getter yields: a view of the telemetry where it can be, a value of its own where it must.

mod civil;
mod json;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

pub(crate) use golang::time::Reading as Instant;
pub(crate) use pdata::text::hex;
use pdata::{ArrayRef, AttributesRef, ValueRef};

pub(crate) use civil::civil;

/// Go's types of ids.
pub(crate) const TRACE_ID: &str = "pcommon.TraceID";
pub(crate) const SPAN_ID: &str = "pcommon.SpanID";
pub(crate) const PROFILE_ID: &str = "pprofile.ProfileID";

/// A value while a condition is looked at.
#[derive(Debug, Clone, Default)]
pub(crate) enum Value<'a> {
    #[default]
    Nil,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Time(Instant),
    /// Nanoseconds.
    Duration(i64),
    Map(Map<'a>),
    List(List<'a>),
    /// Of a trace or span: 16 or 8 bytes.
    Id(&'static str, [u8; 16]),
    /// Something that only has a type and a length: `span.events`.
    Opaque(&'static str, Option<usize>),
}

/// Values by key.
#[derive(Debug, Clone)]
pub(crate) enum Map<'a> {
    View(AttributesRef<'a>),
    Own(Arc<[(Cow<'a, str>, Value<'a>)]>),
}

/// Values in order.
#[derive(Debug, Clone)]
pub(crate) enum List<'a> {
    View(ArrayRef<'a>),
    Own(Arc<[Value<'a>]>),
}

impl<'a> Map<'a> {
    pub(crate) fn own(entries: Vec<(Cow<'a, str>, Value<'a>)>) -> Self {
        Self::Own(entries.into())
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<Value<'a>> {
        match self {
            Map::View(it) => it.get(key).map(Value::from),
            Map::Own(it) => it.iter().find(|entry| entry.0 == key).map(|entry| entry.1.clone()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Map::View(it) => it.len(),
            Map::Own(it) => it.len(),
        }
    }

    pub(crate) fn entries(&self) -> Vec<(Cow<'a, str>, Value<'a>)> {
        match self {
            Map::View(it) => it.iter().map(|(key, value)| (key.into(), value.into())).collect(),
            Map::Own(it) => it.to_vec(),
        }
    }
}

impl<'a> List<'a> {
    pub(crate) fn own(items: Vec<Value<'a>>) -> Self {
        Self::Own(items.into())
    }

    pub(crate) fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            List::View(it) => it.get(index).map(Value::from),
            List::Own(it) => it.get(index).cloned(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            List::View(it) => it.len(),
            List::Own(it) => it.len(),
        }
    }

    pub(crate) fn items(&self) -> Vec<Value<'a>> {
        match self {
            List::View(it) => it.iter().map(Value::from).collect(),
            List::Own(it) => it.to_vec(),
        }
    }
}

impl<'a> From<ValueRef<'a>> for Value<'a> {
    #[inline]
    fn from(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::Empty => Value::Nil,
            ValueRef::Str(it) => Value::Text(it.into()),
            ValueRef::Bool(it) => Value::Bool(it),
            ValueRef::Int(it) => Value::Int(it),
            ValueRef::Double(it) => Value::Double(it),
            ValueRef::Bytes(it) => Value::Bytes(it.into()),
            ValueRef::Array(it) => Value::List(List::View(it)),
            ValueRef::Map(it) => Value::Map(Map::View(it)),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(text.into())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Text(text.into())
    }
}

impl Value<'_> {
    /// The same with all its texts, to be kept.
    pub(crate) fn into_owned(self) -> Value<'static> {
        match self {
            Value::Nil => Value::Nil,
            Value::Bool(it) => Value::Bool(it),
            Value::Int(it) => Value::Int(it),
            Value::Double(it) => Value::Double(it),
            Value::Text(it) => Value::Text(it.into_owned().into()),
            Value::Bytes(it) => Value::Bytes(it.into_owned().into()),
            Value::Time(it) => Value::Time(it),
            Value::Duration(it) => Value::Duration(it),
            Value::Map(it) => {
                let entries = it.entries().into_iter();
                Value::Map(Map::own(
                    entries
                        .map(|(key, value)| (key.into_owned().into(), value.into_owned()))
                        .collect(),
                ))
            }
            Value::List(it) => {
                Value::List(List::own(it.items().into_iter().map(Value::into_owned).collect()))
            }
            Value::Id(kind, bytes) => Value::Id(kind, bytes),
            Value::Opaque(name, length) => Value::Opaque(name, length),
        }
    }

    /// Go's name of the type, as `%T` prints it.
    pub(crate) fn go_type(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int64",
            Value::Double(_) => "float64",
            Value::Text(_) => "string",
            Value::Bytes(_) => "[]uint8",
            Value::Time(_) => "time.Time",
            Value::Duration(_) => "time.Duration",
            Value::Map(_) => "pcommon.Map",
            Value::List(List::View(_)) => "pcommon.Slice",
            Value::List(List::Own(_)) => "[]interface {}",
            Value::Opaque(name, _) | Value::Id(name, _) => name,
        }
    }

    /// The kind of an attribute value, as its `Type().String()` prints it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Bool(_) => "Bool",
            Value::Int(_) => "Int",
            Value::Double(_) => "Double",
            Value::Text(_) => "Str",
            Value::Bytes(_) => "Bytes",
            Value::Map(_) => "Map",
            Value::List(_) => "Slice",
            _ => "Empty",
        }
    }

    /// The bytes of an id.
    pub(crate) fn id(&self) -> &[u8] {
        match self {
            Value::Id(SPAN_ID, bytes) => bytes.get(..8).unwrap_or_default(),
            Value::Id(_, bytes) => bytes,
            _ => &[],
        }
    }

    /// What Go's `encoding/json` writes.
    pub(crate) fn json_text(&self) -> Option<String> {
        json::text(self)
    }
}

/// As Go prints it with `%v`.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Nil => f.write_str("<nil>"),
            Value::Bool(it) => write!(f, "{it}"),
            Value::Int(it) => write!(f, "{it}"),
            Value::Double(it) => f.write_str(&golang::strconv::float(*it)),
            Value::Text(it) => f.write_str(it),
            Value::Bytes(it) => {
                let bytes: Vec<String> = it.iter().map(u8::to_string).collect();
                write!(f, "[{}]", bytes.join(" "))
            }
            Value::Duration(it) => write!(f, "{it}ns"),
            Value::Time(it) => write!(f, "{}", it.nanos),
            Value::Map(it) => {
                f.write_str("map[")?;
                let mut entries = it.entries();
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                for (index, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key}:{value}", if index > 0 { " " } else { "" })?;
                }
                f.write_str("]")
            }
            Value::List(it) => {
                let items: Vec<String> = it.items().iter().map(Value::to_string).collect();
                write!(f, "[{}]", items.join(" "))
            }
            Value::Id(..) => f.write_str(&hex(self.id())),
            Value::Opaque(name, _) => f.write_str(name),
        }
    }
}

/// Standard base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    pdata::text::Base64::STANDARD.encode(bytes)
}
