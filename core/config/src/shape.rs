//! What a configuration looks like: its keys, and of what kind each value is. Learned by serialising it, so
//! that there is nothing to derive.

use std::fmt;

use serde::ser::{self, Impossible, Serialize, Serializer};

use super::duration::Duration;
use super::fault::Stage;
use super::marks::{CHOICE, DURATION, HEADERS, SECRET, SECTION, TOGETHER, VALUE};
use super::value::Value;

/// One value of a configuration, with what serde forgets.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    Duration(String),
    Secret(String),
    Choice(Word),
    /// Free-form: the user's tree replaces it.
    Free(Value),
    Headers(Vec<(String, Shape)>),
    List(Vec<Shape>),
    /// Any keys.
    Map(Vec<(String, Shape)>),
    /// These keys and no others.
    Struct(Vec<(String, Shape)>),
    Section {
        state: State,
        inner: Box<Shape>,
    },
}

/// One of a few words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    pub(super) word: String,
    /// What it may be.
    pub(super) names: Vec<String>,
    /// How many of these are worth showing.
    pub(super) shown: usize,
    /// In any case.
    pub(super) any_case: bool,
    /// Why it is none of them, and when the Collector says it.
    pub(super) wrong: Option<(Stage, String)>,
}

/// How a configuration is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Show {
    /// Secrets as they are, not as `[REDACTED]`.
    pub secrets: bool,
    /// Durations in nanoseconds, as Go's JSON has them, not as `1m30s`.
    pub nanos: bool,
}

/// Whether a section is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    /// Off; any mention turns it on.
    #[default]
    Off,
    /// On until turned off.
    On,
    /// Off; a map turns it on, `null` does not.
    Absent,
}

impl State {
    /// As it travels through serde.
    pub(super) fn code(self) -> u8 {
        match self {
            State::Off => 0,
            State::On => 1,
            State::Absent => 2,
        }
    }

    /// The other way.
    pub(super) fn from_code(code: u8) -> Self {
        match code {
            0 => State::Off,
            1 => State::On,
            _ => State::Absent,
        }
    }
}

impl Shape {
    /// The shape of a configuration.
    pub(super) fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, ShapeError> {
        value.serialize(Shaper { inside: false })
    }

    /// As it is shown: what is off says so.
    pub(super) fn show(self, how: Show) -> Value {
        let entries = |list: Vec<(String, Shape)>| {
            Value::Map(list.into_iter().map(|(key, it)| (key, it.show(how))).collect())
        };
        match self {
            Shape::Duration(it) if how.nanos => {
                Value::Int(Duration::parse(&it).map_or(0, Duration::nanos).into())
            }
            Shape::Secret(it) if how.secrets => Value::String(it),
            Shape::Null => Value::Null,
            Shape::Bool(it) => Value::Bool(it),
            Shape::Int(it) => Value::Int(it),
            Shape::Float(it) => Value::Float(it),
            Shape::Text(it) | Shape::Duration(it) => Value::String(it),
            Shape::Choice(it) => Value::String(it.word),
            Shape::Secret(it) if it.is_empty() => Value::String(it),
            Shape::Secret(_) => Value::String(super::REDACTED.to_owned()),
            Shape::Free(it) => it,
            Shape::List(list) => Value::List(list.into_iter().map(|it| it.show(how)).collect()),
            Shape::Headers(list) => Value::List(list.into_iter().map(|it| pair(it, how)).collect()),
            Shape::Map(list) | Shape::Struct(list) => entries(list),
            Shape::Section { state: State::On, inner } => inner.show(how),
            Shape::Section { state: State::Off, .. } => {
                Value::Map(vec![("enabled".to_owned(), Value::Bool(false))])
            }
            Shape::Section { state: State::Absent, .. } => Value::Null,
        }
    }
}

/// A header as upstream shows it; it hides an empty one, too.
fn pair((name, value): (String, Shape), how: Show) -> Value {
    let value = match value {
        Shape::Secret(_) if !how.secrets => Value::String(super::REDACTED.to_owned()),
        value => value.show(how),
    };
    let entries = [("name", Value::String(name)), ("value", value)];
    Value::Map(entries.map(|(key, it)| (key.to_owned(), it)).into())
}

/// A value that has no place in a configuration.
#[derive(Debug)]
pub(super) struct ShapeError(pub(super) String);

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ShapeError {}

impl ser::Error for ShapeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Serialises into a [`Shape`]. `inside` one of the marks above it says that it is not human-readable;
/// that is how a marked type knows that it may show what it otherwise hides.
#[derive(Clone, Copy)]
struct Shaper {
    inside: bool,
}

impl Shaper {
    const PLAIN: Shaper = Shaper { inside: false };
}

macro_rules! integers {
    ($($name:ident: $kind:ty,)*) => {$(
        fn $name(self, it: $kind) -> Result<Shape, ShapeError> {
            Ok(Shape::Int(it.into()))
        }
    )*};
}

impl Serializer for Shaper {
    type Ok = Shape;
    type Error = ShapeError;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Impossible<Shape, ShapeError>;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    fn is_human_readable(&self) -> bool {
        !self.inside
    }

    fn serialize_bool(self, it: bool) -> Result<Shape, ShapeError> {
        Ok(Shape::Bool(it))
    }

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
    }

    fn serialize_f32(self, it: f32) -> Result<Shape, ShapeError> {
        Ok(Shape::Float(it.into()))
    }

    fn serialize_f64(self, it: f64) -> Result<Shape, ShapeError> {
        Ok(Shape::Float(it))
    }

    fn serialize_char(self, it: char) -> Result<Shape, ShapeError> {
        Ok(Shape::Text(it.to_string()))
    }

    fn serialize_str(self, it: &str) -> Result<Shape, ShapeError> {
        Ok(Shape::Text(it.to_owned()))
    }

    fn serialize_bytes(self, it: &[u8]) -> Result<Shape, ShapeError> {
        Ok(Shape::List(it.iter().map(|it| Shape::Int((*it).into())).collect()))
    }

    fn serialize_none(self) -> Result<Shape, ShapeError> {
        Ok(Shape::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, it: &T) -> Result<Shape, ShapeError> {
        it.serialize(Shaper::PLAIN)
    }

    fn serialize_unit(self) -> Result<Shape, ShapeError> {
        Ok(Shape::Null)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Shape, ShapeError> {
        Ok(Shape::Struct(Vec::new()))
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Shape, ShapeError> {
        Ok(Shape::Text(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        it: &T,
    ) -> Result<Shape, ShapeError> {
        let inside = || it.serialize(Shaper { inside: true });
        match name {
            SECTION => section(inside()?),
            SECRET => match inside()? {
                Shape::Text(it) => Ok(Shape::Secret(it)),
                other => Ok(other),
            },
            HEADERS => match inside()? {
                Shape::Map(list) => Ok(Shape::Headers(list)),
                other => Ok(other),
            },
            CHOICE => choice(inside()?),
            DURATION => match inside()? {
                Shape::Text(it) => Ok(Shape::Duration(it)),
                other => Ok(other),
            },
            VALUE => Ok(Shape::Free(inside()?.show(Show::default()))),
            TOGETHER => Ok(together(inside()?)),
            _ => it.serialize(Shaper::PLAIN),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        it: &T,
    ) -> Result<Shape, ShapeError> {
        Ok(Shape::Map(vec![(variant.to_owned(), it.serialize(Shaper::PLAIN)?)]))
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Items, ShapeError> {
        Ok(Items(Vec::new()))
    }

    fn serialize_tuple(self, _length: usize) -> Result<Items, ShapeError> {
        Ok(Items(Vec::new()))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Items, ShapeError> {
        Ok(Items(Vec::new()))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleVariant, ShapeError> {
        Err(ShapeError(format!("the tuple variant {variant} has no form in YAML")))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Entries, ShapeError> {
        // A struct with a flattened field is a map whose length serde does not know.
        Ok(Entries { list: Vec::new(), key: String::new(), fixed: length.is_none(), variant: None })
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Entries, ShapeError> {
        Ok(Entries { list: Vec::new(), key: String::new(), fixed: true, variant: None })
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Entries, ShapeError> {
        Ok(Entries { list: Vec::new(), key: String::new(), fixed: true, variant: Some(variant) })
    }
}

/// `[state, value]`, as a section serialises when it is asked inside its mark.
fn section(shape: Shape) -> Result<Shape, ShapeError> {
    let Shape::List(parts) = shape else { return Ok(shape) };
    match <[Shape; 2]>::try_from(parts) {
        Ok([Shape::Int(code), inner]) => {
            let state = State::from_code(u8::try_from(code).unwrap_or_default());
            Ok(Shape::Section { state, inner: Box::new(inner) })
        }
        _ => Err(ShapeError("a section is a state and a value".to_owned())),
    }
}

/// The keys of structs that stand side by side as those of one.
fn together(parts: Shape) -> Shape {
    let Shape::List(parts) = parts else { return parts };
    let keys = parts.into_iter().flat_map(|it| match it {
        Shape::Struct(keys) => keys,
        _ => Vec::new(),
    });
    Shape::Struct(keys.collect())
}

/// As a choice serialises inside its mark.
fn choice(shape: Shape) -> Result<Shape, ShapeError> {
    let text = |it: Shape| match it {
        Shape::Text(it) => Some(it),
        _ => None,
    };
    let Shape::List(parts) = shape else { return Ok(shape) };
    let parts = <[Shape; 6]>::try_from(parts);
    let Ok([word, names, Shape::Int(shown), Shape::Bool(any_case), wrong, Shape::Int(stage)]) =
        parts
    else {
        return Err(ShapeError("a choice is a word and what it may be".to_owned()));
    };
    let Shape::List(names) = names else { return Ok(Shape::Null) };
    let stage = usize::try_from(stage).ok().and_then(|it| Stage::ALL.get(it));
    let stage = stage.copied().unwrap_or(Stage::Read);
    Ok(Shape::Choice(Word {
        word: text(word).unwrap_or_default(),
        names: names.into_iter().filter_map(text).collect(),
        shown: usize::try_from(shown).unwrap_or_default(),
        any_case,
        wrong: text(wrong).map(|it| (stage, it)),
    }))
}

/// Collects a list.
pub(super) struct Items(Vec<Shape>);

impl Items {
    fn push<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), ShapeError> {
        self.0.push(it.serialize(Shaper::PLAIN)?);
        Ok(())
    }
}

macro_rules! items {
    ($($kind:ident $push:ident)*) => {$(
        impl ser::$kind for Items {
            type Ok = Shape;
            type Error = ShapeError;

            fn $push<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), ShapeError> {
                self.push(it)
            }

            fn end(self) -> Result<Shape, ShapeError> {
                Ok(Shape::List(self.0))
            }
        }
    )*};
}

items! {
    SerializeSeq serialize_element
    SerializeTuple serialize_element
    SerializeTupleStruct serialize_field
}

/// Collects a map or struct.
pub(super) struct Entries {
    list: Vec<(String, Shape)>,
    key: String,
    fixed: bool,
    variant: Option<&'static str>,
}

impl Entries {
    fn finish(self) -> Shape {
        let shape = if self.fixed { Shape::Struct(self.list) } else { Shape::Map(self.list) };
        match self.variant {
            Some(variant) => Shape::Map(vec![(variant.to_owned(), shape)]),
            None => shape,
        }
    }
}

impl ser::SerializeMap for Entries {
    type Ok = Shape;
    type Error = ShapeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ShapeError> {
        self.key = match key.serialize(Shaper::PLAIN)? {
            Shape::Text(it) => it,
            Shape::Int(it) => it.to_string(),
            Shape::Bool(it) => it.to_string(),
            _ => return Err(ShapeError("a key must be text".to_owned())),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), ShapeError> {
        self.list.push((std::mem::take(&mut self.key), it.serialize(Shaper::PLAIN)?));
        Ok(())
    }

    fn end(self) -> Result<Shape, ShapeError> {
        Ok(self.finish())
    }
}

impl ser::SerializeStruct for Entries {
    type Ok = Shape;
    type Error = ShapeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        it: &T,
    ) -> Result<(), ShapeError> {
        self.list.push((key.to_owned(), it.serialize(Shaper::PLAIN)?));
        Ok(())
    }

    fn end(self) -> Result<Shape, ShapeError> {
        Ok(self.finish())
    }
}

impl ser::SerializeStructVariant for Entries {
    type Ok = Shape;
    type Error = ShapeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        it: &T,
    ) -> Result<(), ShapeError> {
        ser::SerializeStruct::serialize_field(self, key, it)
    }

    fn end(self) -> Result<Shape, ShapeError> {
        Ok(self.finish())
    }
}
