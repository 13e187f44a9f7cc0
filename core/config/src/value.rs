//! A resolved piece of configuration, before it has a type.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fault::Step;
use super::marks::VALUE;

/// A resolved piece of configuration. As a field of a `Config` it keeps what the user wrote.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    /// Nothing, or `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any integer that YAML can hold and Go's `int64` or `uint64` can take.
    Int(i128),
    /// A number with a point or an exponent.
    Float(f64),
    /// Text.
    String(String),
    /// A sequence.
    List(Vec<Value>),
    /// A mapping, in the order written.
    Map(Vec<(String, Value)>),
    /// A scalar that came from a variable: a field that wants text gets `text`, others `value`.
    Sourced {
        /// As the variable holds it.
        text: String,
        /// As YAML reads it.
        value: Box<Value>,
    },
}

impl Value {
    /// The value itself, also one that came from a variable: never `Sourced`.
    pub fn plain(&self) -> &Value {
        match self {
            Value::Sourced { value, .. } => value.plain(),
            other => other,
        }
    }

    /// The entry of a map.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self.plain() {
            Value::Map(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The text of a string, also one that came from a variable.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) | Value::Sourced { text, .. } => Some(text),
            _ => None,
        }
    }
}

impl Value {
    /// Go's name of the type that YAML gives it.
    pub fn go_type(&self) -> &'static str {
        match self.plain() {
            Value::Bool(_) => "bool",
            Value::Int(it) if i64::try_from(*it).is_err() => "uint64",
            Value::Int(_) => "int",
            Value::Float(_) => "float64",
            Value::String(_) | Value::Sourced { .. } => "string",
            Value::List(_) => "[]interface {}",
            Value::Map(_) => "map[string]interface {}",
            Value::Null => "nil",
        }
    }

    /// Go's name of the kind of that type.
    pub fn go_kind(&self) -> &'static str {
        match self.plain() {
            Value::List(_) => "slice",
            Value::Map(_) => "map",
            other => other.go_type(),
        }
    }

    /// The value as Go prints it with `%v`.
    pub fn go_text(&self) -> String {
        match self.plain() {
            Value::Bool(it) => it.to_string(),
            Value::Int(it) => it.to_string(),
            Value::Float(it) => it.to_string(),
            Value::String(it) => it.clone(),
            Value::List(list) => {
                let all: Vec<_> = list.iter().map(Self::go_text).collect();
                format!("[{}]", all.join(" "))
            }
            Value::Map(entries) => {
                // In the order of the keys, as Go.
                let mut all: Vec<_> = entries.iter().collect();
                all.sort_by_key(|(key, _)| key);
                let all = all.into_iter().map(|(key, it)| format!("{key}:{}", it.go_text()));
                format!("map[{}]", all.collect::<Vec<_>>().join(" "))
            }
            Value::Null => "<nil>".to_owned(),
            Value::Sourced { text, .. } => text.clone(),
        }
    }

    /// The value as Go prints it with `%t`, which is meant for booleans.
    pub(super) fn go_bool(&self) -> String {
        match self.plain() {
            Value::Bool(it) => it.to_string(),
            Value::List(list) => {
                let all: Vec<_> = list.iter().map(Self::go_bool).collect();
                format!("[{}]", all.join(" "))
            }
            Value::Map(entries) => {
                let key = |it: &str| format!("%!t(string={it})");
                let mut all: Vec<_> = entries
                    .iter()
                    .map(|(it, value)| format!("{}:{}", key(it), value.go_bool()))
                    .collect();
                all.sort();
                format!("map[{}]", all.join(" "))
            }
            Value::Null => "%!t(<nil>)".to_owned(),
            other => format!("%!t({}={})", other.go_type(), other.go_text()),
        }
    }

    /// Takes away what is at `path`; false if nothing is there.
    pub(super) fn remove(&mut self, path: &[Step]) -> bool {
        let Some((first, rest)) = path.split_first() else { return false };
        match (self, first) {
            (Value::Sourced { value, .. }, _) => value.remove(path),
            (Value::Map(entries), Step::Key(key)) => {
                match entries.iter_mut().position(|it| it.0 == *key) {
                    Some(at) if rest.is_empty() => {
                        entries.remove(at);
                        true
                    }
                    Some(at) => entries[at].1.remove(rest),
                    None => false,
                }
            }
            (Value::List(items), Step::At(at)) if *at < items.len() => {
                if rest.is_empty() {
                    items.remove(*at);
                    return true;
                }
                items[*at].remove(rest)
            }
            _ => false,
        }
    }

    /// What is at `path`: keys and list positions.
    pub(super) fn at_mut(&mut self, path: &[Step]) -> Option<&mut Value> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        match (self, first) {
            (Value::Sourced { value, .. }, _) => value.at_mut(path),
            (Value::Map(entries), Step::Key(key)) => {
                entries.iter_mut().find(|it| it.0 == *key).and_then(|it| it.1.at_mut(rest))
            }
            (Value::List(items), Step::At(at)) => items.get_mut(*at)?.at_mut(rest),
            _ => None,
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(VALUE, &Content(self))
    }
}

struct Content<'a>(&'a Value);

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(it) => serializer.serialize_bool(*it),
            Value::Int(it) => match (i64::try_from(*it), u64::try_from(*it)) {
                (Ok(it), _) => serializer.serialize_i64(it),
                (_, Ok(it)) => serializer.serialize_u64(it),
                _ => serializer.serialize_f64(*it as f64),
            },
            Value::Float(it) => serializer.serialize_f64(*it),
            Value::String(it) => serializer.serialize_str(it),
            Value::Sourced { value, .. } => Content(value).serialize(serializer),
            Value::List(list) => {
                let mut seq = serializer.serialize_seq(Some(list.len()))?;
                list.iter().try_for_each(|it| seq.serialize_element(&Content(it)))?;
                seq.end()
            }
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(k, v)| map.serialize_entry(k, &Content(v)))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(VALUE, Outer)
    }
}

/// Takes off the mark.
struct Outer;

impl<'de> Visitor<'de> for Outer {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        inner.deserialize_any(ValueVisitor)
    }
}

/// What came from a variable: `[text, value]`, maybe wrapped once more.
struct SourcedVisitor;

impl<'de> Visitor<'de> for SourcedVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text and value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        inner.deserialize_any(SourcedVisitor)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let text = seq.next_element::<String>()?.unwrap_or_default();
        let value = seq.next_element::<Value>()?.unwrap_or_default();
        Ok(Value::Sourced { text, value: Box::new(value) })
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        Value::deserialize(inner)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        inner.deserialize_any(SourcedVisitor)
    }

    fn visit_bool<E>(self, it: bool) -> Result<Value, E> {
        Ok(Value::Bool(it))
    }

    fn visit_i64<E>(self, it: i64) -> Result<Value, E> {
        Ok(Value::Int(it.into()))
    }

    fn visit_u64<E>(self, it: u64) -> Result<Value, E> {
        Ok(Value::Int(it.into()))
    }

    fn visit_f64<E>(self, it: f64) -> Result<Value, E> {
        Ok(Value::Float(it))
    }

    fn visit_str<E>(self, it: &str) -> Result<Value, E> {
        Ok(Value::String(it.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(it) = seq.next_element()? {
            list.push(it);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(it) = map.next_entry()? {
            entries.push(it);
        }
        Ok(Value::Map(entries))
    }
}
