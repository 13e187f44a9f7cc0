//! A text, or a map that says more than the text.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::described::{Described, Inside, Item};
use crate::fault::{Fault, Type, Wanted};
use crate::value::Value;

/// An element of a list whose elements are texts, or maps of the shape `T`: `log_statements:`.
#[derive(Debug, Clone)]
pub enum TextOr<T> {
    /// A text.
    Text(String),
    /// A map.
    Map(T),
}

/// Both forms in one list, where the Collector takes one only.
const STYLES: &str = "configuring multiple configuration styles is not supported, please use only Basic configuration or only Advanced configuration";

impl<T> TextOr<T> {
    /// What the Collector says of lists of one style before it reads a key: `keys` are those of the lists.
    pub fn refused(section: &Value, keys: &[&str]) -> Option<Fault> {
        keys.iter().find_map(|key| {
            let value = section.get(key)?;
            let Value::List(items) = value.plain() else {
                let text = format!("invalid {key} type, expected: array, got: {}", value.go_bool());
                let wanted = Some(Wanted::Type(Type::List));
                return Some(Fault { wanted, ..Fault::alone(key, text) });
            };
            let is_text = |it: &Value| it.as_str().is_some();
            let other = items.iter().position(|it| is_text(it) != is_text(&items[0]))?;
            Some(Fault::alone(&format!("{key}::{other}"), STYLES))
        })
    }
}

impl<T> Default for TextOr<T> {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl<T: Described + Default + Serialize> Described for TextOr<T> {
    fn inside() -> Inside {
        Inside::TextOr(Item::of::<T>())
    }
}

impl<T: Serialize> Serialize for TextOr<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(it) => it.serialize(serializer),
            Self::Map(it) => it.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either(PhantomData))
    }
}

struct Either<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
    type Value = TextOr<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("string or map")
    }

    fn visit_str<E>(self, text: &str) -> Result<TextOr<T>, E> {
        Ok(TextOr::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TextOr<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Map)
    }
}
