//! Protobuf without generated types: fields one after another, and messages written into one buffer.

use thiserror::Error;

/// Why a message cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Error {
    /// The bytes end in the middle of a field.
    #[error("unexpected EOF")]
    End,
    /// A wire type that is a group's, or nobody's.
    #[error("proto: illegal wireType {0}")]
    WireType(u8),
    /// A number that does not end.
    #[error("proto: integer overflow")]
    Varint,
    /// A field's number is 0 or too large.
    #[error("proto: illegal tag {0}")]
    Tag(u64),
}

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field<'a> {
    /// `int32`, `int64`, `uint32`, `uint64`, `sint32`, `sint64`, `bool`, enumerations.
    Varint(u64),
    /// `fixed64`, `sfixed64`, `double`.
    Fixed64(u64),
    /// `fixed32`, `sfixed32`, `float`.
    Fixed32(u32),
    /// `string`, `bytes`, messages, packed numbers.
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    /// As text, message or bytes; empty when it is none.
    pub fn bytes(self) -> &'a [u8] {
        if let Field::Bytes(it) = self { it } else { &[] }
    }

    /// As a whole number; 0 when it is none.
    pub fn int(self) -> i64 {
        self.uint().cast_signed()
    }

    /// As a whole number; 0 when it is none.
    pub fn uint(self) -> u64 {
        match self {
            Field::Varint(it) | Field::Fixed64(it) => it,
            Field::Fixed32(it) => u64::from(it),
            Field::Bytes(_) => 0,
        }
    }

    /// As a `sint`; 0 when it is none.
    pub fn sint(self) -> i64 {
        zigzag(self.uint())
    }

    /// As a `double`; 0 when it is none.
    pub fn double(self) -> f64 {
        if let Field::Fixed64(it) = self { f64::from_bits(it) } else { 0.0 }
    }

    /// The numbers of a packed or single `varint` field.
    pub fn varints(self) -> impl Iterator<Item = Result<u64, Error>> + 'a {
        let (single, mut rest) = match self {
            Field::Bytes(it) => (None, it),
            other => (Some(Ok(other.uint())), &[][..]),
        };
        let packed = std::iter::from_fn(move || (!rest.is_empty()).then(|| varint(&mut rest)));
        // After a number that does not end nothing can be read.
        let mut broken = false;
        single.into_iter().chain(packed).take_while(move |it| {
            let before = broken;
            broken |= it.is_err();
            !before
        })
    }

    /// The numbers of a packed or single `double` field.
    pub fn doubles(self) -> impl Iterator<Item = f64> + 'a {
        let (single, packed) = match self {
            Field::Bytes(it) => (None, it),
            other => (Some(other.double()), &[][..]),
        };
        let packed = packed.chunks_exact(8).map(|it| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(it);
            f64::from_le_bytes(bytes)
        });
        single.into_iter().chain(packed)
    }
}

/// The number that a `sint` is written as.
pub fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// The fields of a message, by number. Ends after the first error.
pub fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

/// Made by [`fields`].
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Field<'a>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = field(&mut self.rest);
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

fn field<'a>(rest: &mut &'a [u8]) -> Result<(u32, Field<'a>), Error> {
    let tag = varint(rest)?;
    let number = u32::try_from(tag >> 3).ok().filter(|it| *it > 0).ok_or(Error::Tag(tag))?;
    let value = match tag & 7 {
        0 => Field::Varint(varint(rest)?),
        1 => Field::Fixed64(u64::from_le_bytes(array(rest)?)),
        2 => {
            let length = usize::try_from(varint(rest)?).map_err(|_| Error::End)?;
            let (bytes, after) = rest.split_at_checked(length).ok_or(Error::End)?;
            *rest = after;
            Field::Bytes(bytes)
        }
        5 => Field::Fixed32(u32::from_le_bytes(array(rest)?)),
        other => return Err(Error::WireType(other.to_le_bytes()[0])),
    };
    Ok((number, value))
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Error> {
    let (bytes, after) = rest.split_first_chunk().ok_or(Error::End)?;
    *rest = after;
    Ok(*bytes)
}

/// A number of variable width from the front of `rest`.
pub fn varint(rest: &mut &[u8]) -> Result<u64, Error> {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let (byte, after) = rest.split_first().ok_or(Error::End)?;
        *rest = after;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if *byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Error::Varint)
}

/// Writes messages into one buffer. As usual in proto3, 0 and the empty text are not written.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// The message.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// What is written so far.
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Forgets what is written, and keeps the room.
    pub fn clear(&mut self) {
        self.out.clear();
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// A number of variable width without a tag.
    pub fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.out.push(value.to_le_bytes()[0]);
    }

    /// Bytes that are fields already.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A number, also when it is 0.
    pub fn present(&mut self, number: u32, value: u64) {
        self.raw_varint(u64::from(number) << 3);
        self.raw_varint(value);
    }

    /// `int64` and its kin.
    pub fn int(&mut self, number: u32, value: i64) {
        self.uint(number, value.cast_unsigned());
    }

    /// `uint64` and its kin.
    pub fn uint(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.present(number, value);
        }
    }

    /// `sint64` and its kin.
    pub fn sint(&mut self, number: u32, value: i64) {
        self.uint(number, (value << 1).cast_unsigned() ^ (value >> 63).cast_unsigned());
    }

    /// `double`, also when it is 0 if it is negative: its bits count.
    pub fn double(&mut self, number: u32, value: f64) {
        self.fixed64(number, value.to_bits());
    }

    /// `fixed64`.
    pub fn fixed64(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.raw_varint(u64::from(number) << 3 | 1);
            self.out.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// Text, unless it is empty.
    pub fn text(&mut self, number: u32, text: &str) {
        if !text.is_empty() {
            self.bytes_field(number, text.as_bytes());
        }
    }

    /// Bytes or a message, also when it is empty.
    pub fn bytes_field(&mut self, number: u32, bytes: &[u8]) {
        self.raw_varint(u64::from(number) << 3 | 2);
        self.raw_varint(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// A message that `write` fills. Its length is put in front afterwards.
    pub fn message(&mut self, number: u32, write: impl FnOnce(&mut Self)) {
        self.raw_varint(u64::from(number) << 3 | 2);
        // One byte is enough for the length of most.
        let at = self.out.len();
        self.out.push(0);
        write(self);
        let mut length = self.out.len() - at - 1;
        if length < 0x80 {
            self.out[at] = length.to_le_bytes()[0];
            return;
        }
        let mut prefix = Vec::with_capacity(5);
        while length >= 0x80 {
            prefix.push(length.to_le_bytes()[0] | 0x80);
            length >>= 7;
        }
        prefix.push(length.to_le_bytes()[0]);
        self.out.splice(at..=at, prefix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::default();
        writer.text(1, "a");
        writer.sint(2, -3);
        writer.double(3, 0.5);
        writer.message(4, |it| it.bytes_field(1, &[7; 300]));
        writer.uint(5, 0);
        let bytes = writer.finish();
        let read: Vec<_> = fields(&bytes).map(Result::unwrap).collect();
        assert_eq!(read[0], (1, Field::Bytes(b"a")));
        assert_eq!(read[1].1.sint(), -3);
        assert_eq!(read[2].1.double().to_bits(), 0.5_f64.to_bits());
        let inner: Vec<_> = fields(read[3].1.bytes()).map(Result::unwrap).collect();
        assert_eq!(inner, [(1, Field::Bytes(&[7; 300]))]);
        assert_eq!(read.len(), 4);
    }

    #[test]
    fn every_beginning_of_a_message_ends_in_an_error_or_earlier() {
        let mut writer = Writer::default();
        writer.text(1, "abc");
        writer.fixed64(2, 9);
        writer.uint(3, 1 << 60);
        let bytes = writer.finish();
        for end in 1..bytes.len() {
            let read: Vec<_> = fields(&bytes[..end]).collect();
            assert!(read.len() < 3 || read[2].is_err(), "{end}");
        }
    }

    #[test]
    fn groups_and_endless_numbers_are_refused() {
        let error = |bytes| fields(bytes).next().unwrap().unwrap_err();
        assert_eq!(error(b"\x0b"), Error::WireType(3));
        assert_eq!(error(b"\x00"), Error::Tag(0));
        assert_eq!(error(&[0xff; 11]), Error::Varint);
        assert_eq!(error(b"\x0a\x05ab"), Error::End);
    }

    #[test]
    fn packed_and_single_numbers_are_the_same() {
        let packed: Vec<_> = Field::Bytes(b"\x01\xac\x02").varints().collect();
        assert_eq!(packed, [Ok(1), Ok(300)]);
        assert_eq!(Field::Varint(5).varints().collect::<Vec<_>>(), [Ok(5)]);
        assert_eq!(Field::Bytes(&[0xff; 30]).varints().collect::<Vec<_>>(), [Err(Error::Varint)]);
        let double = 2.5_f64.to_le_bytes();
        assert_eq!(Field::Bytes(&double).doubles().collect::<Vec<_>>(), [2.5]);
    }
}
