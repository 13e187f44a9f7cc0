//! Values to write, borrowed and owned.

use crate::bits::{last_8, short_tag};
use crate::fields::{any, key_value};
use crate::view::{ArrayRef, AttributesRef, ValueRef};
use crate::wire::{BYTES, VARINT, Writer, varint_len};

/// A value to write. It borrows, so it is free to pass around.
#[derive(Debug, Clone, Copy, Default)]
pub enum Value<'a> {
    /// No value.
    #[default]
    Empty,
    /// Text.
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
    Array(&'a [Value<'a>]),
    /// Values by key, in order.
    Map(&'a [(&'a str, Value<'a>)]),
    /// The body of a valid `AnyValue` message: `AttributesRef::get_encoded`, `ValueWriter`.
    Encoded(&'a [u8]),
    /// An array read elsewhere, copied byte for byte.
    ArrayRef(ArrayRef<'a>),
    /// A map, or attributes, read elsewhere, copied byte for byte.
    MapRef(AttributesRef<'a>),
}

impl<'a> From<ValueRef<'a>> for Value<'a> {
    fn from(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::Empty => Value::Empty,
            ValueRef::Str(it) => Value::Str(it),
            ValueRef::Bool(it) => Value::Bool(it),
            ValueRef::Int(it) => Value::Int(it),
            ValueRef::Double(it) => Value::Double(it),
            ValueRef::Bytes(it) => Value::Bytes(it),
            ValueRef::Array(it) => Value::ArrayRef(it),
            ValueRef::Map(it) => Value::MapRef(it),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(it: &'a str) -> Self {
        Value::Str(it)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(it: &'a String) -> Self {
        Value::Str(it)
    }
}

impl From<bool> for Value<'_> {
    fn from(it: bool) -> Self {
        Value::Bool(it)
    }
}

impl From<i64> for Value<'_> {
    fn from(it: i64) -> Self {
        Value::Int(it)
    }
}

impl From<f64> for Value<'_> {
    fn from(it: f64) -> Self {
        Value::Double(it)
    }
}

/// Bytes of a field whose tag takes one byte, as all do here.
#[inline]
fn framed(length: usize) -> usize {
    if length < 0x80 { 2 + length } else { 1 + varint_len(length as u64) + length }
}

impl<'a> Value<'a> {
    /// What it is, unless it is a list or map of values to write, which no view can show.
    pub(crate) fn shallow(&self) -> Option<ValueRef<'a>> {
        Some(match *self {
            Value::Empty => ValueRef::Empty,
            Value::Str(it) => ValueRef::Str(it),
            Value::Bool(it) => ValueRef::Bool(it),
            Value::Int(it) => ValueRef::Int(it),
            Value::Double(it) => ValueRef::Double(it),
            Value::Bytes(it) => ValueRef::Bytes(it),
            Value::Encoded(it) => ValueRef::decode(it),
            Value::ArrayRef(it) => ValueRef::Array(it),
            Value::MapRef(it) => ValueRef::Map(it),
            Value::Array(_) | Value::Map(_) => return None,
        })
    }

    /// The name of its type in the Collector's words.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Value::Array(_) => "Slice",
            Value::Map(_) => "Map",
            other => other.shallow().unwrap_or_default().type_name(),
        }
    }

    /// Calls `each` with the values of a list, or once with a value that is none.
    pub(crate) fn each<E>(
        &self,
        each: &mut dyn FnMut(Value<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.shallow() {
            Some(ValueRef::Array(list)) => list.iter().try_for_each(|it| each(it.into())),
            None => match self {
                Value::Array(list) => list.iter().copied().try_for_each(each),
                other => each(*other),
            },
            Some(_) => each(*self),
        }
    }
}

impl Value<'_> {
    /// Bytes of the body of its `AnyValue` message.
    #[inline]
    pub(crate) fn encoded_len(&self) -> usize {
        match self {
            Value::Empty => 0,
            Value::Str(it) => framed(it.len()),
            Value::Bool(_) => 2,
            Value::Int(it) => 1 + varint_len(it.cast_unsigned()),
            Value::Double(_) => 9,
            Value::Bytes(it) => framed(it.len()),
            Value::Encoded(it) => it.len(),
            Value::ArrayRef(it) => framed(it.encoded().len()),
            Value::Array(_) | Value::Map(_) | Value::MapRef(_) => framed(self.inner_len()),
        }
    }

    /// Bytes of the body of its `ArrayValue` or `KeyValueList` message.
    fn inner_len(&self) -> usize {
        match self {
            Value::Array(it) => it.iter().map(|value| framed(value.encoded_len())).sum(),
            Value::Map(it) => it
                .iter()
                .map(|(key, value)| framed(key_value_len(key.len(), value.encoded_len())))
                .sum(),
            Value::MapRef(it) => it.messages().map(|body| framed(body.len())).sum(),
            _ => 0,
        }
    }

    /// Writes the body of its `AnyValue` message.
    #[inline]
    pub(crate) fn encode(&self, out: &mut Writer) {
        match self {
            Value::Empty => {}
            Value::Str(it) => out.bytes_field(any::STRING, it.as_bytes()),
            Value::Bool(it) => out.varint_field(any::BOOL, u64::from(*it)),
            Value::Int(it) => {
                out.tag(any::INT, VARINT);
                out.varint(it.cast_unsigned());
            }
            Value::Double(it) => out.fixed64_field(any::DOUBLE, it.to_bits()),
            Value::Bytes(it) => out.bytes_field(any::BYTES, it),
            Value::Encoded(it) => out.raw(it),
            Value::ArrayRef(it) => out.bytes_field(any::ARRAY, it.encoded()),
            // What nests is opened and closed: to ask for lengths first would ask once more per level.
            Value::Array(it) => {
                let open = out.open(any::ARRAY, 1);
                it.iter().for_each(|value| value.write_field(1, out));
                out.close(open);
            }
            Value::Map(it) => {
                let open = out.open(any::MAP, 1);
                it.iter().for_each(|(key, value)| value.write_entry(1, key.as_bytes(), out));
                out.close(open);
            }
            Value::MapRef(it) => {
                out.head(any::MAP, self.inner_len());
                it.messages().for_each(|body| out.bytes_field(1, body));
            }
        }
    }

    /// Writes it as the field `number`.
    #[inline]
    pub(crate) fn write_field(&self, number: u32, out: &mut Writer) {
        if self.nests() {
            let open = out.open(number, 1);
            self.encode(out);
            return out.close(open);
        }
        out.head(number, self.encoded_len());
        self.encode(out);
    }

    /// True for lists and maps of values to write.
    #[inline]
    fn nests(&self) -> bool {
        matches!(self, Value::Array(_) | Value::Map(_))
    }

    fn write_nested_entry(&self, number: u32, key: &[u8], out: &mut Writer) {
        let entry = out.open(number, 1);
        out.key(key);
        let value = out.open(key_value::VALUE, 1);
        self.encode(out);
        out.close(value);
        out.close(entry);
    }

    /// Writes it as the `KeyValue` field `number`.
    #[inline]
    pub(crate) fn write_entry(&self, number: u32, key: &[u8], out: &mut Writer) {
        if self.nests() {
            return self.write_nested_entry(number, key, out);
        }
        let length = self.encoded_len();
        let whole = key_value_len(key.len(), length);
        if matches!(self, Value::Str(_) | Value::Encoded(_))
            && whole < 0x80
            && number < 16
            && !key.is_empty()
        {
            // Most are: then every length is one byte, and what stands between the texts is one write.
            let field =
                |number: u32, length: usize| [short_tag(number, BYTES), last_8(length as u64)];
            let [tag, size] = field(number, whole);
            let [key_tag, key_size] = field(key_value::KEY, key.len());
            out.raw(&[tag, size, key_tag, key_size]);
            out.raw(key);
            let [tag, size] = field(key_value::VALUE, length);
            if let Value::Str(text) = self {
                let [text_tag, text_size] = field(any::STRING, text.len());
                out.raw(&[tag, size, text_tag, text_size]);
                return out.raw(text.as_bytes());
            }
            out.raw(&[tag, size]);
            return self.encode(out);
        }
        out.head(number, whole);
        out.key(key);
        out.head(key_value::VALUE, length);
        self.encode(out);
    }
}

/// Bytes of a `KeyValue` body.
#[inline]
fn key_value_len(key: usize, value: usize) -> usize {
    let key = if key == 0 { 0 } else { framed(key) };
    key + framed(value)
}
