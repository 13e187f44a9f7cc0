//! Sections that are on only if they are mentioned.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::marks::SECTION;
use super::shape::State;

/// A section that is on only if it is mentioned, even as `key:` with nothing after, and off with
/// `enabled: false`. It keeps the defaults of its parent while it is off.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section<T> {
    state: State,
    value: T,
}

impl<T> Section<T> {
    /// Off unless mentioned; then laid over `value`.
    pub const fn off(value: T) -> Self {
        Self { state: State::Off, value }
    }

    /// On unless `enabled: false`.
    pub const fn on(value: T) -> Self {
        Self { state: State::On, value }
    }

    /// Off unless there is a map; `key:` with nothing after leaves it off. For sections that cannot
    /// do without keys, such as a server's `tls:`.
    pub const fn absent(value: T) -> Self {
        Self { state: State::Absent, value }
    }

    /// The section, if it is on.
    pub fn get(&self) -> Option<&T> {
        (self.state == State::On).then_some(&self.value)
    }

    /// True when it is switched off by `enabled: false`, for a section that is [`Section::absent`] by default.
    pub fn is_off(&self) -> bool {
        self.state == State::Off
    }

    /// The section, if it is on.
    pub fn into_option(self) -> Option<T> {
        (self.state == State::On).then_some(self.value)
    }
}

impl<T: Serialize> Serialize for Section<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(SECTION, &Inner(self))
    }
}

/// Everything to who has taken notice of the mark; null to others when off.
struct Inner<'a, T>(&'a Section<T>);

impl<T: Serialize> Serialize for Inner<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.0.get().serialize(serializer)
        } else {
            (self.0.state.code(), &self.0.value).serialize(serializer)
        }
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Section<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(SECTION, SectionVisitor(PhantomData))
    }
}

struct SectionVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for SectionVisitor<T> {
    type Value = Section<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct section")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Section<T>, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Section<T>, A::Error> {
        let state = State::from_code(seq.next_element()?.unwrap_or_default());
        let value = seq.next_element()?.unwrap_or_default();
        Ok(Section { state, value })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Section<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Section::on)
    }

    fn visit_unit<E>(self) -> Result<Section<T>, E> {
        Ok(Section::default())
    }

    fn visit_none<E>(self) -> Result<Section<T>, E> {
        Ok(Section::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Section<T>, D::Error> {
        inner.deserialize_any(self)
    }
}
