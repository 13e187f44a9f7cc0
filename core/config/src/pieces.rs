//! A text that stands for a list: in Go it does so for a list of texts only, not for one of a type of its own.

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::fault::{Fault, Type, Wanted};
use super::marks::MARK;
use super::overlay::Laid;

/// What the text was cut into.
pub(super) struct Pieces<'a> {
    list: std::slice::Iter<'a, Laid>,
    at: usize,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(list: &'a [Laid]) -> Self {
        Self { list: list.iter(), at: 0 }
    }
}

impl<'de> SeqAccess<'de> for Pieces<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(Laid::Text(text)) = self.list.next() else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        seed.deserialize(Piece(text)).map(Some).map_err(|it| match it.wanted {
            Some(Wanted::Type(Type::List)) => it,
            _ => it.within_item(at),
        })
    }
}

struct Piece<'a>(&'a str);

impl<'de> Deserializer<'de> for Piece<'_> {
    type Error = Fault;

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
        Err(Fault::no_list(Type::List, "string"))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.0)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.0)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name.starts_with(MARK) {
            return self.deserialize_any(visitor);
        }
        visitor.visit_newtype_struct(self)
    }
}
