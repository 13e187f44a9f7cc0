//! What expressions see: what is known of one endpoint.

use bumpalo::Bump;
use component::Endpoint;
use component::config::Value as Plain;
use expr::Record;
use golang::value::{Pair, Value};

/// The names of expressions, and their values.
pub(crate) struct Environment<'a> {
    known: &'a [Pair<'a>],
}

impl<'a> Environment<'a> {
    pub(crate) fn new(endpoint: &'a Endpoint, arena: &'a Bump) -> Self {
        let known = match value(&endpoint.details, arena) {
            Value::Map(pairs) => pairs,
            _ => &[],
        };
        Self { known }
    }
}

/// A value of a section in an arena.
fn value<'a>(plain: &'a Plain, arena: &'a Bump) -> Value<'a> {
    if let Some(text) = plain.as_str() {
        return Value::Str(text);
    }
    match plain.plain() {
        Plain::Bool(it) => Value::Bool(*it),
        Plain::Int(it) => Value::Int(i64::try_from(*it).unwrap_or(i64::MAX)),
        Plain::Float(it) => Value::Double(*it),
        Plain::List(items) => {
            let items: Vec<Value<'a>> = items.iter().map(|it| value(it, arena)).collect();
            Value::Array(arena.alloc_slice_copy(&items))
        }
        Plain::Map(entries) => {
            let pairs: Vec<Pair<'a>> =
                entries.iter().map(|(key, it)| (key.as_str(), value(it, arena))).collect();
            Value::Map(arena.alloc_slice_copy(&pairs))
        }
        Plain::Null | Plain::String(_) | Plain::Sourced { .. } => Value::Empty,
    }
}

/// A value out of an arena.
pub(crate) fn plain(value: &Value<'_>) -> Plain {
    match value {
        Value::Str(it) => Plain::String((*it).to_owned()),
        Value::Bool(it) => Plain::Bool(*it),
        Value::Int(it) => Plain::Int((*it).into()),
        Value::Double(it) => Plain::Float(*it),
        Value::Bytes(it) => Plain::String(String::from_utf8_lossy(it).into_owned()),
        Value::Array(items) => Plain::List(items.iter().map(plain).collect()),
        Value::Map(pairs) => {
            Plain::Map(pairs.iter().map(|(key, it)| ((*key).to_owned(), plain(it))).collect())
        }
        _ => Plain::Null,
    }
}

impl<'a> Record<'a> for Environment<'a> {
    fn body(&self) -> Value<'a> {
        Value::Empty
    }

    fn attributes(&self) -> &[Pair<'a>] {
        self.known
    }

    fn resource(&self, _arena: &'a Bump) -> &'a [Pair<'a>] {
        &[]
    }

    fn resource_attribute(&self, _key: &str) -> Option<Value<'a>> {
        None
    }

    fn timestamp(&self) -> Option<i64> {
        None
    }
}
