//! What tells a series from others: its attributes, one after another in bytes, from which they are read again when it is sent.

use pdata::{AttributesWriter, Value};

/// The value is text.
const TEXT: u8 = 0;
/// The value is encoded as OTLP.
const ENCODED: u8 = 1;
/// The value is true.
const TRUE: u8 = 2;

/// Attributes that are gathered.
#[derive(Debug, Default)]
pub(crate) struct Key {
    bytes: Vec<u8>,
}

impl Key {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.add(name, TEXT, value.as_bytes());
    }

    /// `value` is the body of an `AnyValue`.
    pub(crate) fn encoded(&mut self, name: &str, value: &[u8]) {
        self.add(name, ENCODED, value);
    }

    pub(crate) fn mark(&mut self, name: &str) {
        self.add(name, TRUE, &[]);
    }

    fn add(&mut self, name: &str, kind: u8, value: &[u8]) {
        for part in [name.as_bytes(), value] {
            self.bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            self.bytes.extend_from_slice(part);
        }
        self.bytes.push(kind);
    }
}

/// Writes the attributes of a key.
pub(crate) fn write(mut key: &[u8], out: &mut AttributesWriter<'_>) {
    while let Some((name, value, kind, rest)) = first(key) {
        match kind {
            TEXT => out.put(name, std::str::from_utf8(value).unwrap_or_default()),
            ENCODED => out.put(name, Value::Encoded(value)),
            _ => out.put(name, true),
        }
        key = rest;
    }
}

fn first(key: &[u8]) -> Option<(&str, &[u8], u8, &[u8])> {
    let (name, rest) = part(key)?;
    let (value, rest) = part(rest)?;
    let (kind, rest) = rest.split_first()?;
    Some((std::str::from_utf8(name).ok()?, value, *kind, rest))
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}
