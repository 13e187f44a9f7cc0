//! Protobuf primitives. Reading never panics: what cannot be read ends the iteration and is counted
//! (`stats`), because everything here runs on bytes that `check` has already accepted. Writing keeps
//! canonical (shortest) lengths: a message whose size is not known is opened with a guessed width
//! for its length and closed by patching it in place; a wrong guess moves the body by a few bytes.

use crate::stats;

/// Wire type of integers, booleans and enums.
pub(crate) const VARINT: u8 = 0;
/// Wire type of eight-byte scalars.
pub(crate) const FIXED64: u8 = 1;
/// Wire type of strings, bytes, messages and packed scalars.
pub(crate) const BYTES: u8 = 2;
/// Wire type of four-byte scalars.
pub(crate) const FIXED32: u8 = 5;

/// Bytes kept for the length of a message of typically less than 128 bytes.
pub(crate) const NARROW: usize = 1;
/// Bytes kept for the length of a message of typically 128 bytes to 16 KiB.
pub(crate) const MEDIUM: usize = 2;
/// Bytes kept for the length of a message of typically more than 16 KiB.
pub(crate) const WIDE: usize = 3;

/// Longest encoding of a varint.
const VARINT_BYTES_MAX: usize = 10;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Payload<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Payload<'a> {
    #[inline]
    pub(crate) fn bytes(self) -> &'a [u8] {
        if let Payload::Bytes(it) = self { it } else { &[] }
    }

    #[inline]
    pub(crate) fn integer(self) -> u64 {
        match self {
            Payload::Varint(it) | Payload::Fixed64(it) => it,
            Payload::Fixed32(it) => u64::from(it),
            Payload::Bytes(_) => 0,
        }
    }

    #[inline]
    pub(crate) fn double(self) -> f64 {
        f64::from_bits(self.integer())
    }
}

/// One field of a message; `start..end` is where it stands, tag included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    pub(crate) payload: Payload<'a>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The varint at `at` and the position after it.
#[inline]
pub(crate) fn varint(buf: &[u8], at: usize) -> Option<(u64, usize)> {
    let first = *buf.get(at)?;
    if first < 0x80 {
        return Some((u64::from(first), at + 1));
    }
    // Most records are of 128 bytes to 16 KiB.
    if let Some(&second) = buf.get(at + 1)
        && second < 0x80
    {
        return Some((u64::from(first & 0x7f) | u64::from(second) << 7, at + 2));
    }
    long_varint(buf, at)
}

fn long_varint(buf: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (index, &byte) in buf.get(at..)?.iter().take(VARINT_BYTES_MAX).enumerate() {
        if index == VARINT_BYTES_MAX - 1 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some((value, at + index + 1));
        }
    }
    None
}

/// The fields of a message, in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    buf: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        Self { buf, at: 0 }
    }

    /// Reads on from `at`.
    #[inline]
    pub(crate) fn starting_at(buf: &'a [u8], at: usize) -> Self {
        Self { buf, at }
    }

    /// What nearly every field is: a tag of one byte, an eight-byte scalar, a varint of one byte, or
    /// a length of one or two bytes. `None` for all else.
    #[inline]
    fn usual(&self) -> Option<Field<'a>> {
        let start = self.at;
        let rest = self.buf.get(start..)?;
        let &[tag, first, ..] = rest else { return None };
        let (payload, length) = match tag & 0x87 {
            BYTES if first < 0x80 => {
                let length = 2 + usize::from(first);
                (Payload::Bytes(rest.get(2..length)?), length)
            }
            BYTES => {
                let second = *rest.get(2).filter(|it| **it < 0x80)?;
                let length = 3 + (usize::from(first & 0x7f) | usize::from(second) << 7);
                (Payload::Bytes(rest.get(3..length)?), length)
            }
            VARINT if first < 0x80 => (Payload::Varint(u64::from(first)), 2),
            FIXED64 => {
                let raw = rest.get(1..)?.first_chunk::<8>()?;
                (Payload::Fixed64(u64::from_le_bytes(*raw)), 9)
            }
            _ => return None,
        };
        Some(Field { number: u32::from(tag >> 3), payload, start, end: start + length })
    }

    /// Any field. By value, so that the caller's reader stays in registers.
    #[inline(never)]
    fn field(self) -> Option<Field<'a>> {
        let start = self.at;
        let (tag, at) = varint(self.buf, start)?;
        let number = u32::try_from(tag >> 3).ok()?;
        let (payload, end) = match (tag & 7) as u8 {
            VARINT => {
                let (value, end) = varint(self.buf, at)?;
                (Payload::Varint(value), end)
            }
            FIXED64 => {
                let raw = self.buf.get(at..)?.first_chunk::<8>()?;
                (Payload::Fixed64(u64::from_le_bytes(*raw)), at + 8)
            }
            BYTES => {
                let (length, at) = varint(self.buf, at)?;
                let end = at.checked_add(usize::try_from(length).ok()?)?;
                (Payload::Bytes(self.buf.get(at..end)?), end)
            }
            FIXED32 => {
                let raw = self.buf.get(at..)?.first_chunk::<4>()?;
                (Payload::Fixed32(u32::from_le_bytes(*raw)), at + 4)
            }
            _ => return None,
        };
        Some(Field { number, payload, start, end })
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Field<'a>;

    #[expect(
        clippy::inline_always,
        reason = "in the loop of its caller a field stays in registers"
    )]
    #[inline(always)]
    fn next(&mut self) -> Option<Field<'a>> {
        if self.at >= self.buf.len() {
            return None;
        }
        if let Some(field) = self.usual() {
            self.at = field.end;
            return Some(field);
        }
        let Some(field) = self.field() else {
            self.at = self.buf.len();
            stats::count_unreadable();
            return None;
        };
        self.at = field.end;
        Some(field)
    }
}

/// The bytes of every length-delimited field `number` of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Messages<'a> {
    reader: Reader<'a>,
    number: u32,
}

impl<'a> Messages<'a> {
    #[inline]
    pub(crate) fn new(buf: &'a [u8], number: u32) -> Self {
        Self { reader: Reader::new(buf), number }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let field = self.reader.next()?;
            if field.number == self.number {
                return Some(field.payload.bytes());
            }
        }
    }
}

/// The field `number` of a message, which occurs once at most: `normalise` has seen to that.
#[inline]
pub(crate) fn only(buf: &[u8], number: u32) -> Option<Field<'_>> {
    Reader::new(buf).find(|field| field.number == number)
}

/// The values of a repeated scalar field, packed or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scalars<'a> {
    reader: Reader<'a>,
    number: u32,
    packed: &'a [u8],
    varints: bool,
}

impl<'a> Scalars<'a> {
    /// Eight-byte scalars.
    pub(crate) fn fixed64(buf: &'a [u8], number: u32) -> Self {
        Self { reader: Reader::new(buf), number, packed: &[], varints: false }
    }

    /// Varints.
    pub(crate) fn varints(buf: &'a [u8], number: u32) -> Self {
        Self { reader: Reader::new(buf), number, packed: &[], varints: true }
    }

    fn packed(&mut self) -> Option<u64> {
        if self.varints {
            let (value, end) = varint(self.packed, 0)?;
            self.packed = self.packed.get(end..)?;
            return Some(value);
        }
        let (value, rest) = self.packed.split_first_chunk::<8>()?;
        self.packed = rest;
        Some(u64::from_le_bytes(*value))
    }
}

impl Iterator for Scalars<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        loop {
            if let Some(value) = self.packed() {
                return Some(value);
            }
            let field = self.reader.by_ref().find(|field| field.number == self.number)?;
            match field.payload {
                Payload::Bytes(packed) => self.packed = packed,
                other => return Some(other.integer()),
            }
        }
    }
}

/// How a `sint32` is written: small if it is near to zero.
#[inline]
pub(crate) fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

/// Bytes a varint takes.
#[inline]
pub(crate) fn varint_len(value: u64) -> usize {
    // Seven bits per byte; 0 takes one byte.
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Bytes a length-delimited field with a one-byte tag takes around and including `length` bytes.
#[inline]
pub(crate) fn field_len(number: u32, length: usize) -> usize {
    varint_len(u64::from(number) << 3) + varint_len(length as u64) + length
}

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
            self.buf.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.buf.push(value as u8);
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
            self.raw(&[(number << 3) as u8 | BYTES, length as u8]);
        } else {
            self.long_head(number, length);
        }
    }

    fn long_head(&mut self, number: u32, length: usize) {
        if length < 0x4000 && number < 16 {
            let tag = (number << 3) as u8 | BYTES;
            return self.raw(&[tag, length as u8 | 0x80, (length >> 7) as u8]);
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
            let mut field = [(number << 3) as u8 | FIXED64; 9];
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
                *byte = rest as u8 | 0x80;
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
