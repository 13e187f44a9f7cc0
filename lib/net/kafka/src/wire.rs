//! Primitive types of the protocol. Lengths come from outside: nothing is reserved for them.

use std::time::Duration;

use bytes::{Buf, Bytes};

use crate::error::Error;

const SHORT: Error = Error::Malformed("it ends too early");
/// Entries of a list in an answer.
const ENTRIES_MAX: i32 = 1_000_000;

/// Reads an answer.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    rest: Bytes,
}

macro_rules! integers {
    ($($name:ident $get:ident $kind:ty),*) => {
        $(pub(crate) fn $name(&mut self) -> Result<$kind, Error> {
            if self.rest.remaining() < size_of::<$kind>() {
                return Err(SHORT);
            }
            Ok(self.rest.$get())
        })*
    };
}

impl Reader {
    pub(crate) fn new(rest: Bytes) -> Self {
        Self { rest }
    }

    integers!(i8 get_i8 i8, i16 get_i16 i16, i32 get_i32 i32, i64 get_i64 i64, u32 get_u32 u32);

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<Bytes, Error> {
        if self.rest.len() < length {
            return Err(SHORT);
        }
        Ok(self.rest.split_to(length))
    }

    pub(crate) fn rest(self) -> Bytes {
        self.rest
    }

    pub(crate) fn text(&mut self) -> Result<String, Error> {
        Ok(self.text_or_null()?.unwrap_or_default())
    }

    pub(crate) fn text_or_null(&mut self) -> Result<Option<String>, Error> {
        let Ok(length) = usize::try_from(self.i16()?) else { return Ok(None) };
        Ok(Some(String::from_utf8_lossy(&self.take(length)?).into_owned()))
    }

    /// Null is empty.
    pub(crate) fn bytes(&mut self) -> Result<Bytes, Error> {
        match usize::try_from(self.i32()?) {
            Ok(length) => self.take(length),
            Err(_) => Ok(Bytes::new()),
        }
    }

    /// Null is empty.
    pub(crate) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let count = self.i32()?;
        if count > ENTRIES_MAX {
            return Err(Error::Malformed("a list is too long"));
        }
        (0..count).map(|_| read(self)).collect()
    }

    /// A number in zigzag, of at most ten bytes.
    pub(crate) fn varint(&mut self) -> Result<i64, Error> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.i8()?.cast_unsigned();
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err(Error::Malformed("a number is too long"))
    }

    /// Bytes after a length in zigzag; -1 is null.
    pub(crate) fn varbytes(&mut self) -> Result<Option<Bytes>, Error> {
        match usize::try_from(self.varint()?) {
            Ok(length) => self.take(length).map(Some),
            Err(_) => Ok(None),
        }
    }
}

/// A length, or how many there are, as the protocol writes it. Nothing that is sent comes near to what does not fit.
pub(crate) fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// Writes a request.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) out: Vec<u8>,
}

impl Writer {
    pub(crate) fn i8(&mut self, it: i8) -> &mut Self {
        self.out.extend(it.to_be_bytes());
        self
    }

    pub(crate) fn i16(&mut self, it: i16) -> &mut Self {
        self.out.extend(it.to_be_bytes());
        self
    }

    pub(crate) fn i32(&mut self, it: i32) -> &mut Self {
        self.out.extend(it.to_be_bytes());
        self
    }

    /// In milliseconds.
    pub(crate) fn millis(&mut self, it: Duration) -> &mut Self {
        self.i32(i32::try_from(it.as_millis()).unwrap_or(i32::MAX))
    }

    pub(crate) fn i64(&mut self, it: i64) -> &mut Self {
        self.out.extend(it.to_be_bytes());
        self
    }

    /// A text; what is longer than the protocol can say is cut.
    pub(crate) fn text(&mut self, it: &str) -> &mut Self {
        let end = it.floor_char_boundary(i16::MAX.cast_unsigned().into());
        self.i16(i16::try_from(end).unwrap_or(i16::MAX));
        self.out.extend_from_slice(it.get(..end).unwrap_or_default().as_bytes());
        self
    }

    pub(crate) fn null_text(&mut self) -> &mut Self {
        self.i16(-1)
    }

    pub(crate) fn bytes(&mut self, it: &[u8]) -> &mut Self {
        self.i32(count(it.len()));
        self.out.extend_from_slice(it);
        self
    }

    pub(crate) fn list<T>(
        &mut self,
        items: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.i32(count(items.len()));
        items.for_each(|it| write(self, it));
        self
    }

    pub(crate) fn varint(&mut self, it: i64) -> &mut Self {
        let mut rest = (it << 1 ^ it >> 63).cast_unsigned();
        while rest >= 0x80 {
            self.out.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        self.out.push(rest.to_le_bytes()[0]);
        self
    }

    pub(crate) fn varbytes(&mut self, it: Option<&[u8]>) -> &mut Self {
        match it {
            None => self.varint(-1),
            Some(it) => {
                self.varint(count(it.len()).into());
                self.out.extend_from_slice(it);
                self
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_zigzag_come_back() {
        for it in [0, -1, 1, 63, 64, -64, 300, i64::from(i32::MAX), i64::MAX, i64::MIN] {
            let mut writer = Writer::default();
            writer.varint(it);
            assert_eq!(Reader::new(writer.out.into()).varint(), Ok(it));
        }
        let endless = Bytes::from(vec![0xff; 20]);
        assert!(Reader::new(endless).varint().is_err());
    }

    #[test]
    fn what_ends_too_early_is_refused_and_reserves_nothing() {
        let mut long = Writer::default();
        long.i32(1_000_000).i8(1);
        let mut reader = Reader::new(long.out.into());
        assert!(reader.clone().bytes().is_err());
        assert!(reader.list(Reader::i64).is_err());
    }
}
