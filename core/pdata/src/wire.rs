//! Protobuf primitives. Reading never panics: what cannot be read ends the iteration and is counted
//! (`stats`), because everything here runs on bytes that `check` has already accepted. Writing keeps
//! canonical (shortest) lengths: a message whose size is not known is opened with a guessed width
//! for its length and closed by patching it in place; a wrong guess moves the body by a few bytes.

mod writer;

pub(crate) use writer::{Open, Writer};

use crate::bits::{last_8, last_32};
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
        let (payload, end) = match last_8(tag & 7) {
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
    ((value << 1) ^ (value >> 31)).cast_unsigned()
}

/// The number that is written so.
#[inline]
pub(crate) fn from_zigzag(raw: u64) -> i32 {
    let raw = last_32(raw);
    (raw >> 1).cast_signed() ^ -(raw & 1).cast_signed()
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
