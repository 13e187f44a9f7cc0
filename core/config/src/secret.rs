//! Credentials, and headers that may hold some.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::REDACTED;
use super::marks::{HEADERS, SECRET};
use super::problems::Problems;

/// Credentials: prints and serialises as `[REDACTED]`, so it cannot be logged by accident.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself; for use, not for show.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(SECRET, &Guarded(&self.0))
    }
}

/// Shown only to who has taken notice of the mark.
struct Guarded<'a>(&'a str);

impl Serialize for Guarded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hidden = serializer.is_human_readable() && !self.0.is_empty();
        serializer.serialize_str(if hidden { REDACTED } else { self.0 })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(Opaque)
    }
}

struct Opaque;

impl Visitor<'_> for Opaque {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("configopaque.String")
    }

    fn visit_str<E>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::from(text))
    }
}

/// Headers: `{a: b}`, which is sorted, or `[{name: a, value: b}]`, which keeps its order. Values are secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MapList {
    /// Name and value.
    pub entries: Vec<(String, Secret)>,
}

impl MapList {
    /// Checks the section; `key` is its path in the component.
    pub fn validate(&self, key: &str, problems: &mut Problems) {
        let names = self.entries.iter().map(|it| it.0.as_str());
        let mut doubles: Vec<(usize, &str)> = names
            .enumerate()
            .filter(|(at, it)| self.entries[..*at].iter().any(|e| e.0 == *it))
            .collect();
        doubles.sort_by_key(|it| it.1);
        doubles.dedup_by_key(|it| it.1);
        if let Some((at, _)) = doubles.first() {
            let doubled: Vec<&str> = doubles.iter().map(|it| it.1).collect();
            let text = format!("duplicate keys in map-style list: [{}]", doubled.join(" "));
            problems.at(key, text).remove(&at.to_string());
        }
    }
}

impl Serialize for MapList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(HEADERS, &Pairs(&self.entries))
    }
}

struct Pairs<'a>(&'a [(String, Secret)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for MapList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(HEADERS, MapListVisitor)
    }
}

/// One header of the list form.
#[derive(Deserialize)]
struct Pair {
    name: String,
    value: Secret,
}

struct MapListVisitor;

impl<'de> Visitor<'de> for MapListVisitor {
    type Value = MapList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<MapList, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_unit<E>(self) -> Result<MapList, E> {
        Ok(MapList::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MapList, A::Error> {
        let mut entries: Vec<(String, Secret)> = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(MapList { entries })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<MapList, A::Error> {
        let mut entries: Vec<(String, Secret)> = Vec::new();
        while let Some(Pair { name, value }) = seq.next_element()? {
            entries.push((name, value));
        }
        Ok(MapList { entries })
    }
}
