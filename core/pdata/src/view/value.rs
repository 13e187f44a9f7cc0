//! Attributes and attribute values, read in place.

use std::fmt;
use std::ops::Range;

use crate::bits::{position, short_tag};
use crate::fields::{any, key_value};
use crate::stats;
use crate::wire::{BYTES, Field, Messages, Payload, Reader};

/// The text of a string field. A string that is not UTF-8 is legal in a payload (the Go Collector
/// forwards it, and so do we, byte for byte); a view yields its valid beginning and counts it.
#[inline]
pub(crate) fn text(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => valid_part(bytes, error.valid_up_to()),
    }
}

#[cold]
fn valid_part(bytes: &[u8], end: usize) -> &str {
    stats::count_not_utf8();
    bytes.get(..end).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default()
}

/// A value, read in place.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum ValueRef<'a> {
    /// No value: the sender set none.
    #[default]
    Empty,
    /// Text. Of a string that is not UTF-8 only the valid beginning is seen here;
    /// `AttributesRef::get_encoded` has all of it.
    Str(&'a str),
    /// True or false.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// A floating point number.
    Double(f64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Values in order.
    Array(ArrayRef<'a>),
    /// Values by key, in order.
    Map(AttributesRef<'a>),
}

impl<'a> ValueRef<'a> {
    /// The name of its type in the Collector's words. `pdata/pcommon/value.go`, `ValueType.String`.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Str(_) => "Str",
            Self::Bool(_) => "Bool",
            Self::Int(_) => "Int",
            Self::Double(_) => "Double",
            Self::Bytes(_) => "Bytes",
            Self::Array(_) => "Slice",
            Self::Map(_) => "Map",
        }
    }

    /// Reads the body of an `AnyValue` message.
    #[inline]
    pub(crate) fn decode(body: &'a [u8]) -> Self {
        match body {
            [TEXT, length @ ..0x80, it @ ..] if usize::from(*length) == it.len() => {
                ValueRef::Str(text(it))
            }
            _ => Self::decode_any(body),
        }
    }

    fn decode_any(body: &'a [u8]) -> Self {
        // One of several members: the last one wins.
        let mut value = ValueRef::Empty;
        for field in Reader::new(body) {
            value = match (field.number, field.payload) {
                (any::STRING, Payload::Bytes(it)) => ValueRef::Str(text(it)),
                (any::BOOL, Payload::Varint(it)) => ValueRef::Bool(it != 0),
                (any::INT, Payload::Varint(it)) => ValueRef::Int(it.cast_signed()),
                (any::DOUBLE, Payload::Fixed64(it)) => ValueRef::Double(f64::from_bits(it)),
                (any::ARRAY, Payload::Bytes(it)) => ValueRef::Array(ArrayRef { buf: it }),
                (any::MAP, Payload::Bytes(it)) => ValueRef::Map(AttributesRef::new(it, 1)),
                (any::BYTES, Payload::Bytes(it)) => ValueRef::Bytes(it),
                (any::STRING_INDEX, _) => ValueRef::Empty,
                _ => continue,
            };
        }
        value
    }

    /// The text, if it is text.
    pub fn as_str(self) -> Option<&'a str> {
        if let ValueRef::Str(it) = self { Some(it) } else { None }
    }

    /// The boolean, if it is one.
    pub fn as_bool(self) -> Option<bool> {
        if let ValueRef::Bool(it) = self { Some(it) } else { None }
    }

    /// The integer, if it is one.
    pub fn as_int(self) -> Option<i64> {
        if let ValueRef::Int(it) = self { Some(it) } else { None }
    }

    /// The floating point number, if it is one.
    pub fn as_double(self) -> Option<f64> {
        if let ValueRef::Double(it) = self { Some(it) } else { None }
    }

    /// The bytes, if it is bytes.
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        if let ValueRef::Bytes(it) = self { Some(it) } else { None }
    }

    /// The array, if it is one.
    pub fn as_array(self) -> Option<ArrayRef<'a>> {
        if let ValueRef::Array(it) = self { Some(it) } else { None }
    }

    /// The map, if it is one.
    pub fn as_map(self) -> Option<AttributesRef<'a>> {
        if let ValueRef::Map(it) = self { Some(it) } else { None }
    }

    /// True if the sender set no value.
    pub fn is_empty(self) -> bool {
        matches!(self, ValueRef::Empty)
    }
}

/// Values in order.
#[derive(Clone, Copy, Default)]
pub struct ArrayRef<'a> {
    /// Body of an `ArrayValue` message.
    buf: &'a [u8],
}

impl<'a> ArrayRef<'a> {
    /// The values.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = ValueRef<'a>> + Clone {
        Messages::new(self.buf, 1).map(ValueRef::decode)
    }

    /// How many values.
    pub fn len(self) -> usize {
        Messages::new(self.buf, 1).count()
    }

    /// True without values.
    pub fn is_empty(self) -> bool {
        Messages::new(self.buf, 1).next().is_none()
    }

    /// The value at `index`.
    pub fn get(self, index: usize) -> Option<ValueRef<'a>> {
        Messages::new(self.buf, 1).nth(index).map(ValueRef::decode)
    }

    /// Body of the `ArrayValue` message.
    pub(crate) fn encoded(self) -> &'a [u8] {
        self.buf
    }
}

impl PartialEq for ArrayRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.buf == other.buf || self.iter().eq(other.iter())
    }
}

impl fmt::Debug for ArrayRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Attributes, or the entries of a map value: key and value pairs in order. Keys may repeat.
#[derive(Clone, Copy, Default)]
pub struct AttributesRef<'a> {
    /// A message, of which the fields `field` are `KeyValue` messages.
    buf: &'a [u8],
    field: u32,
}

/// Tags of `KeyValue.key`, `KeyValue.value` and `AnyValue.string_value`.
const KEY: u8 = short_tag(key_value::KEY, BYTES);
const VALUE: u8 = short_tag(key_value::VALUE, BYTES);
const TEXT: u8 = short_tag(any::STRING, BYTES);

/// Where key and encoded value stand in a `KeyValue` message.
#[inline]
pub(crate) fn key_value_ranges(body: &[u8]) -> (Range<usize>, Range<usize>) {
    if let [KEY, key @ ..0x80, rest @ ..] = body
        && let Some([VALUE, length @ ..0x80, value @ ..]) = rest.get(usize::from(*key)..)
        && usize::from(*length) == value.len()
    {
        let end = 2 + usize::from(*key);
        return (2..end, end + 2..body.len());
    }
    unusual_ranges(body)
}

/// Where key and encoded value of the attribute that is `field` stand in what it was read from.
#[inline]
pub(crate) fn key_value_at(field: &Field<'_>) -> ((u32, u32), (u32, u32)) {
    let body = field.payload.bytes();
    let base = field.end - body.len();
    let (key, value) = key_value_ranges(body);
    let at = |range: Range<usize>| (position(base + range.start), position(base + range.end));
    (at(key), at(value))
}

/// Key and encoded value of a `KeyValue` message.
#[inline]
pub(crate) fn key_value_parts(body: &[u8]) -> (&[u8], &[u8]) {
    let (key, value) = key_value_ranges(body);
    (body.get(key).unwrap_or_default(), body.get(value).unwrap_or_default())
}

/// Whether the key of a `KeyValue` message is this one. Most keys are told apart by their length.
#[inline]
pub(crate) fn has_key(body: &[u8], key: &[u8]) -> bool {
    match body {
        [KEY, length @ ..0x80, rest @ ..] if usize::from(*length) <= rest.len() => {
            usize::from(*length) == key.len() && rest.starts_with(key)
        }
        _ => key_value_parts(body).0 == key,
    }
}

/// Those of a message that is not just a key and then a value, each shorter than 128 bytes.
fn unusual_ranges(body: &[u8]) -> (Range<usize>, Range<usize>) {
    let (mut key, mut value) = (0..0, 0..0);
    for field in Reader::new(body) {
        let range = field.end - field.payload.bytes().len()..field.end;
        match field.number {
            key_value::KEY => key = range,
            key_value::VALUE => value = range,
            _ => {}
        }
    }
    (key, value)
}

impl<'a> AttributesRef<'a> {
    #[inline]
    pub(crate) fn new(buf: &'a [u8], field: u32) -> Self {
        Self { buf, field }
    }

    /// Bodies of the `KeyValue` messages.
    #[inline]
    pub(crate) fn messages(self) -> Messages<'a> {
        Messages::new(self.buf, self.field)
    }

    /// Keys and values.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> + Clone {
        self.messages().map(|body| {
            let (key, value) = key_value_parts(body);
            (text(key), ValueRef::decode(value))
        })
    }

    /// The value of the first attribute with this key.
    #[inline]
    pub fn get(self, key: &str) -> Option<ValueRef<'a>> {
        self.get_encoded(key).map(ValueRef::decode)
    }

    /// The body of the `AnyValue` message of the first attribute with this key, byte for byte:
    /// what `Value::Encoded` takes.
    #[inline]
    pub fn get_encoded(self, key: &str) -> Option<&'a [u8]> {
        self.find(key.as_bytes())
    }

    #[inline]
    pub(crate) fn find(self, key: &[u8]) -> Option<&'a [u8]> {
        self.messages().find(|body| has_key(body, key)).map(|body| key_value_parts(body).1)
    }

    /// Keys and `AnyValue` bodies, byte for byte.
    #[inline]
    pub fn iter_encoded(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
        self.messages().map(key_value_parts)
    }

    /// True if the key is there.
    pub fn contains(self, key: &str) -> bool {
        self.get_encoded(key).is_some()
    }

    /// How many attributes.
    pub fn len(self) -> usize {
        self.messages().count()
    }

    /// True without attributes.
    pub fn is_empty(self) -> bool {
        self.messages().next().is_none()
    }
}

impl PartialEq for AttributesRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for AttributesRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
