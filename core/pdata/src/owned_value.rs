//! Values that are kept, or made one after another in memory that is used again.

use std::fmt;
use std::ops::Range;

use crate::build::ValueWriter;
use crate::value::Value;
use crate::view::{ValueRef, key_value_ranges};
use crate::wire::{Writer, only};

/// Memory for values that are made one after another, so that each costs no allocation.
#[derive(Debug, Default)]
pub struct ValueScratch {
    out: Writer,
}

impl ValueScratch {
    /// The value that `write` streams; the one before is forgotten.
    #[inline]
    pub fn encode(&mut self, write: impl FnOnce(&mut ValueWriter<'_>)) -> Value<'_> {
        self.out.buf.clear();
        write(&mut ValueWriter::new(&mut self.out));
        Value::Encoded(&self.out.buf)
    }

    /// The last value, to read it.
    pub fn get(&self) -> ValueRef<'_> {
        ValueRef::decode(&self.out.buf)
    }
}

/// A value that is kept: a constant of a configuration or of a program. It is owned and encoded, so
/// that writing it is one copy, however deep it nests.
#[derive(Clone, Default)]
pub struct ValueBuf {
    /// The body of an `AnyValue` message.
    encoded: Box<[u8]>,
}

impl ValueBuf {
    /// The value that `write` streams.
    pub fn build(write: impl FnOnce(&mut ValueWriter<'_>)) -> Self {
        let mut out = Writer::default();
        write(&mut ValueWriter::new(&mut out));
        Self { encoded: out.buf.into() }
    }

    /// To read it, or to compare with it.
    #[inline]
    pub fn as_ref(&self) -> ValueRef<'_> {
        ValueRef::decode(&self.encoded)
    }

    /// To write it.
    #[inline]
    pub fn value(&self) -> Value<'_> {
        Value::Encoded(&self.encoded)
    }
}

/// An attribute that is kept: a constant key and value, encoded, so that setting it is one copy.
#[derive(Debug, Clone)]
pub struct AttributeBuf {
    /// The body of a `KeyValue` message.
    pub(crate) body: Box<[u8]>,
    pub(crate) key: Range<usize>,
    pub(crate) value: Range<usize>,
}

impl AttributeBuf {
    /// Key and value.
    pub fn new<'a>(key: &str, value: impl Into<Value<'a>>) -> Self {
        let mut out = Writer::default();
        value.into().write_entry(1, key.as_bytes(), &mut out);
        let body = only(&out.buf, 1).map_or(&[][..], |it| it.payload.bytes());
        let (key, value) = key_value_ranges(body);
        Self { body: body.into(), key, value }
    }

    /// The attribute's name.
    #[inline]
    pub fn name(&self) -> &str {
        crate::view::text(self.key())
    }

    /// How many bytes it takes where it is written.
    pub fn bytes(&self) -> usize {
        self.body.len()
    }

    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        self.body.get(self.key.clone()).unwrap_or_default()
    }
}

impl<'a, T: Into<Value<'a>>> From<T> for ValueBuf {
    fn from(it: T) -> Self {
        Self::build(|out| out.put(it))
    }
}

impl<'a> From<&'a ValueBuf> for Value<'a> {
    fn from(it: &'a ValueBuf) -> Self {
        it.value()
    }
}

impl PartialEq for ValueBuf {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl fmt::Debug for ValueBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}
