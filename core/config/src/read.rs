//! Reads a laid tree into its types, as strict or as lenient as Go is with the type that is asked for.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::fault::{Fault, Type, Wanted};
use super::marks::{DURATION, SECTION, TOGETHER, VALUE};
use super::overlay::{self, Laid};
use super::shape::State;
use super::value::Value;

/// A laid tree to read.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a Laid);

impl Reader<'_> {
    fn any<'de, V: Visitor<'de>>(laid: &Laid, visitor: V) -> Result<V::Value, Fault> {
        match laid {
            Laid::Null => visitor.visit_unit(),
            Laid::Bool(it) => visitor.visit_bool(*it),
            Laid::Int(it) => match (u64::try_from(*it), i64::try_from(*it)) {
                (Ok(it), _) => visitor.visit_u64(it),
                (_, Ok(it)) => visitor.visit_i64(it),
                _ => visitor.visit_f64(*it as f64),
            },
            Laid::Float(it) => visitor.visit_f64(*it),
            Laid::Text(it) => visitor.visit_str(it),
            Laid::List(list) | Laid::Split(list) => visitor.visit_seq(Items::new(list)),
            Laid::Map(list) => visitor.visit_map(Entries::new(list)),
            Laid::Section { state, inner } => {
                visitor.visit_newtype_struct(Pair(state.code(), Reader(inner)))
            }
            Laid::Free(it) => Free(it).deserialize_any(visitor),
            Laid::Sourced { text, for_text: true, .. } => visitor.visit_str(text),
            Laid::Sourced { value, .. } => Self::any(value, visitor),
        }
    }

    /// A number of any kind; integers are cut from floats, and null is zero.
    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.plain() {
            Laid::Null => visitor.visit_u64(0),
            Laid::Float(it) => match overlay::truncated(*it) {
                Laid::Int(it) => match (u64::try_from(it), i64::try_from(it)) {
                    (Ok(it), _) => visitor.visit_u64(it),
                    (_, Ok(it)) => visitor.visit_i64(it),
                    _ => visitor.visit_i128(it),
                },
                _ => visitor.visit_f64(*it),
            },
            other => Self::any(other, visitor),
        }
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Laid::Null => visitor.visit_str(""),
            Laid::Sourced { text, .. } => visitor.visit_str(text),
            other => Self::any(other, visitor),
        }
    }

    fn entries<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.plain() {
            Laid::Null => visitor.visit_map(Entries::new(&[])),
            other => Self::any(other, visitor),
        }
    }
}

macro_rules! integers {
    ($($name:ident)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.integer(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    forward_to_deserialize_any! {
        bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        Self::any(self.0, visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.plain() {
            Laid::Null => visitor.visit_bool(false),
            other => Self::any(other, visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.plain() {
            Laid::Null => visitor.visit_f64(0.0),
            other => Self::any(other, visitor),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.plain() {
            Laid::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if let (DURATION, Laid::Text(text)) = (name, self.0.plain()) {
            overlay::duration(text)?;
        }
        match (name, self.0) {
            (SECTION, Laid::Section { state, inner }) => {
                visitor.visit_newtype_struct(Pair(state.code(), Reader(inner)))
            }
            // A section without a default to go by.
            (SECTION, _) => match self.0.plain() {
                Laid::Null => visitor.visit_newtype_struct(Pair(State::On.code(), self)),
                Laid::Map(_) => {
                    let Value::Map(entries) = self.0.plain().to_value() else {
                        return visitor.visit_newtype_struct(Pair(State::On.code(), self));
                    };
                    let (state, rest) = overlay::enabled(&entries)?;
                    let rest = overlay::raw(&rest);
                    visitor.visit_newtype_struct(Pair(state.code(), Reader(&rest)))
                }
                _ => visitor.visit_newtype_struct(Pair(State::On.code(), self)),
            },
            (TOGETHER, _) => visitor.visit_seq(Twice { laid: self.0, times: 2 }),
            (VALUE, Laid::Free(it)) => visitor.visit_newtype_struct(Free(it)),
            (VALUE, other) => visitor.visit_newtype_struct(Free(&other.to_value())),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.plain() {
            Laid::Null => visitor.visit_seq(Items::new(&[])),
            Laid::Text(text) => Reader(&overlay::split(text)).deserialize_seq(visitor),
            Laid::Split(list) => visitor.visit_seq(super::pieces::Pieces::new(list)),
            other => Self::any(other, visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.entries(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        // A list is no struct, whatever serde thinks.
        match self.0.plain() {
            Laid::List(_) => Err(Fault::no_struct()),
            _ => self.entries(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match (self.0, self.0.plain()) {
            (Laid::Sourced { text, .. }, Laid::Text(_) | Laid::Null) | (Laid::Text(text), _) => {
                visitor.visit_enum(Variant { name: text, content: None })
            }
            (_, Laid::Map(list)) if list.len() == 1 => {
                visitor.visit_enum(Variant { name: &list[0].0, content: Some(Reader(&list[0].1)) })
            }
            (_, Laid::Null) => visitor.visit_enum(Variant { name: "", content: None }),
            (_, other) => {
                let type_name = other.to_value().go_type();
                let text = format!("expected type 'string', got unconvertible type '{type_name}'");
                let wanted = Some(Wanted::Named(Type::Text, "string".to_owned()));
                Err(Fault { wanted, ..Fault::read(text) })
            }
        }
    }
}

/// The elements of a list.
struct Items<'a> {
    list: std::slice::Iter<'a, Laid>,
    at: usize,
}

impl<'a> Items<'a> {
    fn new(list: &'a [Laid]) -> Self {
        Self { list: list.iter(), at: 0 }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(next) = self.list.next() else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        seed.deserialize(Reader(next)).map(Some).map_err(|it| it.within_item(at))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.list.len())
    }
}

/// The same section again and again: each reader takes the keys that it knows.
struct Twice<'a> {
    laid: &'a Laid,
    times: usize,
}

impl<'de> SeqAccess<'de> for Twice<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        if self.times == 0 {
            return Ok(None);
        }
        self.times -= 1;
        seed.deserialize(Reader(self.laid)).map(Some)
    }
}

/// The entries of a map.
struct Entries<'a> {
    list: std::slice::Iter<'a, (String, Laid)>,
    value: Option<&'a (String, Laid)>,
}

impl<'a> Entries<'a> {
    fn new(list: &'a [(String, Laid)]) -> Self {
        Self { list: list.iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.value = self.list.next();
        let Some((key, _)) = self.value else { return Ok(None) };
        let key: StrDeserializer<'_, Fault> = key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((key, value)) = self.value.take() else {
            return Err(Fault::read("a value without a key"));
        };
        seed.deserialize(Reader(value)).map_err(|it| it.within_key(key))
    }
}

/// `name` or `{name: content}`.
struct Variant<'a> {
    name: &'a str,
    content: Option<Reader<'a>>,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let name: StrDeserializer<'_, Fault> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            None => Ok(()),
            Some(_) => Err(Fault::type_of(
                Type::Text,
                "expected type 'string', got unconvertible type 'map[string]interface {}'",
            )),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        let name = self.name;
        seed.deserialize(self.content.unwrap_or(Reader(&Laid::Null)))
            .map_err(|it| it.within_key(name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.content.unwrap_or(Reader(&Laid::Null)).deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let name = self.name;
        self.content
            .unwrap_or(Reader(&Laid::Null))
            .entries(visitor)
            .map_err(|it| it.within_key(name))
    }
}

/// `[number, content]`, whatever is asked for.
struct Pair<D>(u8, D);

impl<'de, D: Deserializer<'de, Error = Fault>> Deserializer<'de> for Pair<D> {
    type Error = Fault;

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(PairItems { number: Some(self.0), content: Some(self.1) })
    }
}

struct PairItems<D> {
    number: Option<u8>,
    content: Option<D>,
}

impl<'de, D: Deserializer<'de, Error = Fault>> SeqAccess<'de> for PairItems<D> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        if let Some(number) = self.number.take() {
            return seed.deserialize(number.into_deserializer()).map(Some);
        }
        self.content.take().map(|it| seed.deserialize(it)).transpose()
    }
}

/// A free-form value; what came from a variable goes through serde as a doubly wrapped pair.
struct Free<'a>(&'a Value);

impl<'de> Deserializer<'de> for Free<'_> {
    type Error = Fault;

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::List(list) => visitor.visit_seq(FreeItems { list: list.iter() }),
            Value::Map(list) => visitor.visit_map(FreeEntries { list: list.iter(), value: None }),
            Value::Sourced { text, value } => {
                visitor.visit_newtype_struct(Wrapped(FreeSourced(text, value)))
            }
            other => Reader::any(&overlay::raw(other), visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }
}

/// A newtype around something, whatever is asked for.
struct Wrapped<D>(D);

impl<'de, D: Deserializer<'de, Error = Fault>> Deserializer<'de> for Wrapped<D> {
    type Error = Fault;

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self.0)
    }
}

/// `[text, value]`.
struct FreeSourced<'a>(&'a str, &'a Value);

impl<'de> Deserializer<'de> for FreeSourced<'_> {
    type Error = Fault;

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let pair = [Value::String(self.0.to_owned()), self.1.clone()];
        visitor.visit_seq(FreeItems { list: pair.iter() })
    }
}

struct FreeItems<'a> {
    list: std::slice::Iter<'a, Value>,
}

impl<'de> SeqAccess<'de> for FreeItems<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        self.list.next().map(|it| seed.deserialize(Free(it))).transpose()
    }
}

struct FreeEntries<'a> {
    list: std::slice::Iter<'a, (String, Value)>,
    value: Option<&'a Value>,
}

impl<'de> MapAccess<'de> for FreeEntries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.list.next() else { return Ok(None) };
        self.value = Some(value);
        let key: StrDeserializer<'_, Fault> = key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        match self.value.take() {
            Some(value) => seed.deserialize(Free(value)),
            None => Err(Fault::read("a value without a key")),
        }
    }
}
