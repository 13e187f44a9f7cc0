//! Writes fields: the length of a message that is open is put where it belongs when it ends.

use super::{BYTES, FIXED32, FIXED64, VARINT, field_len, varint_len, zigzag};
use crate::bits::{last_8, short_tag};

/// A message that is being written: where its length stands and how many bytes were kept for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    pub(crate) start: usize,
    pub(crate) length_at: usize,
    pub(crate) width: usize,
}

/// Writes fields to a growing buffer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writer {
    pub(crate) buf: Vec<u8>,
}

impl Writer {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.buf.len()
    }

    #[inline]
    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.buf.push(last_8(value) | 0x80);
            value >>= 7;
        }
        self.buf.push(last_8(value));
    }

    #[inline]
    pub(crate) fn tag(&mut self, number: u32, wire: u8) {
        self.varint(u64::from(number) << 3 | u64::from(wire));
    }

    /// Bytes as they are.
    #[inline]
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// A string, bytes or message field.
    #[inline]
    pub(crate) fn bytes_field(&mut self, number: u32, bytes: &[u8]) {
        self.head(number, bytes.len());
        self.raw(bytes);
    }

    /// An `AnyValue` that is a text.
    #[inline]
    pub(crate) fn text_value(&mut self, number: u32, text: &[u8]) {
        self.head(number, field_len(1, text.len()));
        self.bytes_field(1, text);
    }

    /// The tag and the length of a field: one write of two bytes where both are short, which is nearly always.
    #[inline]
    pub(crate) fn head(&mut self, number: u32, length: usize) {
        if length < 0x80 && number < 16 {
            self.raw(&[short_tag(number, BYTES), last_8(length as u64)]);
        } else {
            self.long_head(number, length);
        }
    }

    fn long_head(&mut self, number: u32, length: usize) {
        if length < 0x4000 && number < 16 {
            let [low, high] = [length, length >> 7].map(|it| last_8(it as u64));
            return self.raw(&[short_tag(number, BYTES), low | 0x80, high]);
        }
        self.tag(number, BYTES);
        self.varint(length as u64);
    }

    /// An integer, boolean or enum field.
    #[inline]
    pub(crate) fn varint_field(&mut self, number: u32, value: u64) {
        self.tag(number, VARINT);
        self.varint(value);
    }

    /// A `fixed64`, `sfixed64` or `double` field.
    #[inline]
    pub(crate) fn fixed64_field(&mut self, number: u32, value: u64) {
        if number < 16 {
            let mut field = [short_tag(number, FIXED64); 9];
            field[1..].copy_from_slice(&value.to_le_bytes());
            return self.raw(&field);
        }
        self.tag(number, FIXED64);
        self.raw(&value.to_le_bytes());
    }

    /// A `fixed32` field.
    #[inline]
    pub(crate) fn fixed32_field(&mut self, number: u32, value: u32) {
        self.tag(number, FIXED32);
        self.raw(&value.to_le_bytes());
    }

    // A scalar that is 0 or empty is not written: absent means the same.

    #[inline]
    pub(crate) fn varint_scalar(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.varint_field(number, value);
        }
    }

    #[inline]
    pub(crate) fn fixed64_scalar(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.fixed64_field(number, value);
        }
    }

    #[inline]
    pub(crate) fn fixed32_scalar(&mut self, number: u32, value: u32) {
        if value != 0 {
            self.fixed32_field(number, value);
        }
    }

    /// A `sint32` field.
    #[inline]
    pub(crate) fn zigzag_scalar(&mut self, number: u32, value: i32) {
        self.varint_scalar(number, u64::from(zigzag(value)));
    }

    /// Repeated eight-byte scalars, packed.
    pub(crate) fn packed_fixed64(
        &mut self,
        number: u32,
        values: impl ExactSizeIterator<Item = u64>,
    ) {
        if values.len() > 0 {
            self.head(number, values.len() * 8);
            values.for_each(|it| self.raw(&it.to_le_bytes()));
        }
    }

    #[inline]
    pub(crate) fn text(&mut self, number: u32, value: &str) {
        if !value.is_empty() {
            self.bytes_field(number, value.as_bytes());
        }
    }

    /// The key of a `KeyValue`.
    #[inline]
    pub(crate) fn key(&mut self, key: &[u8]) {
        if !key.is_empty() {
            self.bytes_field(1, key);
        }
    }

    /// Starts a message whose length will likely take `width` bytes (1 to 5).
    #[inline]
    pub(crate) fn open(&mut self, number: u32, width: usize) -> Open {
        let start = self.len();
        self.tag(number, BYTES);
        let length_at = self.len();
        self.buf.extend_from_slice(&[0; 5][..width.min(5)]);
        Open { start, length_at, width: width.min(5) }
    }

    /// Ends a message: patches its length.
    #[inline]
    pub(crate) fn close(&mut self, open: Open) {
        let length = self.len().saturating_sub(open.length_at + open.width);
        self.patch(open.length_at, open.width, length);
    }

    /// Replaces the `width` bytes at `at` by the varint `length`, moving what follows if need be.
    #[inline]
    pub(crate) fn patch(&mut self, at: usize, width: usize, length: usize) {
        let needed = varint_len(length as u64);
        if needed != width {
            self.resize(at, width, needed);
        }
        let mut rest = length as u64;
        if let Some(target) = self.buf.get_mut(at..at + needed) {
            for byte in target {
                *byte = last_8(rest) | 0x80;
                rest >>= 7;
            }
            if let Some(last) = self.buf.get_mut(at + needed - 1) {
                *last &= 0x7f;
            }
        }
    }

    /// Makes the `width` bytes at `at` `needed` bytes wide.
    #[cold]
    fn resize(&mut self, at: usize, width: usize, needed: usize) {
        let end = self.len();
        if needed > width {
            self.buf.resize(end + needed - width, 0);
        }
        self.buf.copy_within(at + width..end, at + needed);
        self.buf.truncate(end + needed - width);
    }
}
