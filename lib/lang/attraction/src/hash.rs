//! SHA-256 of values, as upstream hashes them since it left SHA-1.

use pdata::ValueRef;
use pdata::text::hex_digits;
use sha2::{Digest, Sha256};

/// Hexadecimal digits on the stack; none for a value that has no hash.
#[derive(Debug)]
pub(crate) struct Digits {
    text: [u8; 64],
    length: usize,
}

impl Digits {
    pub(crate) fn as_str(&self) -> &str {
        let digits = self.text.get(..self.length).unwrap_or_default();
        std::str::from_utf8(digits).unwrap_or_default()
    }
}

/// The hash of text, or of the little-endian bytes of a scalar. Bytes, lists, maps and nothing have
/// none: they become empty text.
pub(crate) fn of(value: ValueRef<'_>) -> Digits {
    let sum = match value {
        ValueRef::Str(it) => Sha256::digest(it.as_bytes()),
        ValueRef::Bool(it) => Sha256::digest([u8::from(it)]),
        ValueRef::Int(it) => Sha256::digest(it.to_le_bytes()),
        ValueRef::Double(it) => Sha256::digest(it.to_le_bytes()),
        ValueRef::Empty | ValueRef::Bytes(_) | ValueRef::Array(_) | ValueRef::Map(_) => {
            return Digits { text: [0; 64], length: 0 };
        }
    };
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(sum) {
        pair.copy_from_slice(&hex_digits(byte));
    }
    Digits { text, length: 64 }
}
