//! Thrift: the binary and the compact protocol (`doc/specs/thrift-*-protocol.md` of Apache Thrift).
//!
//! A reader is pulled: the caller knows the message, asks for each field what it is, and skips what it does not
//! know. Error texts are those of Thrift's Go library where senders see them.

use thiserror::Error;

#[cfg(test)]
mod tests;

/// Deepest nesting of structs and containers, as Thrift's libraries have it (`DEFAULT_RECURSION_DEPTH`).
pub const DEPTH_MAX: u32 = 64;

/// How a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Numbers of fixed width, big-endian.
    Binary,
    /// Numbers of variable width.
    Compact,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Bool,
    /// One byte.
    Byte,
    /// 16 bits.
    I16,
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
    /// A floating point number.
    Double,
    /// Text or bytes: Thrift does not tell them apart.
    Binary,
    /// Fields.
    Struct,
    /// Keys and values.
    Map,
    /// Values of one kind.
    Set,
    /// Values of one kind.
    List,
    /// 16 bytes.
    Uuid,
}

/// Why a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// The bytes end in the middle of a value.
    #[error("EOF")]
    End,
    /// No kind has this number.
    #[error("don't know what type: {0}")]
    Kind(u8),
    /// A length or count that is negative.
    #[error("negative size")]
    Negative,
    /// A length or count greater than what is left could be.
    #[error("length {size} is more than the {left} bytes that are left")]
    Size {
        /// What the message says.
        size: u64,
        /// What there is.
        left: usize,
    },
    /// A number of variable width that does not end.
    #[error("variable-length int over 10 bytes")]
    Varint,
    /// More nesting than anybody needs.
    #[error("depth limit exceeded")]
    Depth,
    /// No message starts like this.
    #[error("bad version in message header")]
    Version,
    /// A field that a struct cannot do without.
    #[error("Required field {0} is not set")]
    Missing(&'static str),
    /// Where another error happened.
    #[error("{0}: {1}")]
    Within(String, Box<Error>),
}

/// The head of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The method.
    pub name: &'a [u8],
}

/// Reads values one after another. A copy goes on by itself from the same place.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    protocol: Protocol,
    rest: &'a [u8],
    depth: u32,
    /// The compact protocol writes a field that is a bool into the field's head.
    flag: Option<bool>,
}

impl<'a> Reader<'a> {
    /// From the start of `bytes`.
    pub fn new(protocol: Protocol, bytes: &'a [u8]) -> Self {
        Self { protocol, rest: bytes, depth: 0, flag: None }
    }

    /// Bytes that are not read yet.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// The head of a call; its arguments follow as a struct.
    pub fn message(&mut self) -> Result<Message<'a>, Error> {
        let name = match self.protocol {
            Protocol::Binary => {
                let first = self.fixed_i32()?;
                if first < 0 {
                    // 0x8001 and two bytes, the last of which is the type of the message.
                    if (first.cast_unsigned() >> 16) != 0x8001 {
                        return Err(Error::Version);
                    }
                    let name = self.binary()?;
                    self.fixed_i32()?;
                    return Ok(Message { name });
                }
                // Without a version, as old clients write it.
                let name = self.take(u64::from(first.cast_unsigned()))?;
                self.byte()?;
                self.fixed_i32()?;
                name
            }
            Protocol::Compact => {
                let version = (self.raw()?, self.raw()?);
                if version.0 != 0x82 || version.1 & 0x1f != 1 {
                    return Err(Error::Version);
                }
                self.varint()?;
                self.binary()?
            }
        };
        Ok(Message { name })
    }

    /// A struct: `field` reads or skips the value of each field. `name` stands in errors.
    pub fn structure(
        &mut self,
        name: &str,
        mut field: impl FnMut(&mut Self, i16, Kind) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.deeper()?;
        let mut id = 0;
        loop {
            let head =
                self.field(id).map_err(|why| within(format!("{name} field 0 read error"), why))?;
            let Some((number, kind)) = head else { break };
            id = number;
            field(self, id, kind)
                .map_err(|why| within(format!("error reading field {id}"), why))?;
            // A bool that nobody asked for.
            self.flag = None;
        }
        self.depth -= 1;
        Ok(())
    }

    /// A list or set: `item` reads each value. It is called at most once for each byte that is left.
    pub fn list(
        &mut self,
        mut item: impl FnMut(&mut Self, Kind) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (kind, count) = self.list_head()?;
        self.deeper()?;
        for _ in 0..count {
            item(self, kind)?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// True or false.
    pub fn bool(&mut self) -> Result<bool, Error> {
        match self.flag.take() {
            Some(flag) => Ok(flag),
            None => Ok(self.raw()? == 1),
        }
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Error> {
        self.raw()
    }

    /// 16 bits.
    pub fn i16(&mut self) -> Result<i16, Error> {
        match self.protocol {
            Protocol::Binary => Ok(i16::from_be_bytes(self.array()?)),
            Protocol::Compact => Ok(low16(self.zigzag()?)),
        }
    }

    /// 32 bits.
    pub fn i32(&mut self) -> Result<i32, Error> {
        match self.protocol {
            Protocol::Binary => self.fixed_i32(),
            Protocol::Compact => Ok(low32(self.zigzag()?)),
        }
    }

    /// 64 bits.
    pub fn i64(&mut self) -> Result<i64, Error> {
        match self.protocol {
            Protocol::Binary => Ok(i64::from_be_bytes(self.array()?)),
            Protocol::Compact => self.zigzag(),
        }
    }

    /// A floating point number.
    pub fn double(&mut self) -> Result<f64, Error> {
        match self.protocol {
            Protocol::Binary => Ok(f64::from_be_bytes(self.array()?)),
            Protocol::Compact => Ok(f64::from_le_bytes(self.array()?)),
        }
    }

    /// Text or bytes.
    pub fn binary(&mut self) -> Result<&'a [u8], Error> {
        let size = match self.protocol {
            Protocol::Binary => size(self.fixed_i32()?)?,
            Protocol::Compact => self.varint()?,
        };
        self.take(size)
    }

    /// Reads over a value.
    pub fn skip(&mut self, kind: Kind) -> Result<(), Error> {
        match kind {
            Kind::Bool => drop(self.bool()?),
            Kind::Byte => drop(self.raw()?),
            Kind::I16 => drop(self.i16()?),
            Kind::I32 => drop(self.i32()?),
            Kind::I64 => drop(self.i64()?),
            Kind::Double => drop(self.double()?),
            Kind::Binary => drop(self.binary()?),
            Kind::Uuid => drop(self.take(16)?),
            Kind::Struct => self.structure("struct", |reader, _, kind| reader.skip(kind))?,
            Kind::List | Kind::Set => self.list(Self::skip)?,
            Kind::Map => self.skip_map()?,
        }
        Ok(())
    }

    fn skip_map(&mut self) -> Result<(), Error> {
        let (key, value, count) = match self.protocol {
            Protocol::Binary => {
                let (key, value) = (self.raw()?, self.raw()?);
                let count = size(self.fixed_i32()?)?;
                (binary_kind(key), binary_kind(value), count)
            }
            Protocol::Compact => {
                let count = self.varint()?;
                let kinds = if count == 0 { 0 } else { self.raw()? };
                (compact_kind(kinds >> 4), compact_kind(kinds & 0xf), count)
            }
        };
        if count == 0 {
            return Ok(());
        }
        self.fits(count)?;
        let (key, value) = (key?, value?);
        self.deeper()?;
        for _ in 0..count {
            self.skip(key)?;
            self.skip(value)?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Number and kind of the next field; `None` at the end of the struct.
    fn field(&mut self, last: i16) -> Result<Option<(i16, Kind)>, Error> {
        let head = self.raw()?;
        if head == 0 {
            return Ok(None);
        }
        match self.protocol {
            Protocol::Binary => {
                let kind = binary_kind(head)?;
                Ok(Some((i16::from_be_bytes(self.array()?), kind)))
            }
            Protocol::Compact => {
                let id = match head >> 4 {
                    0 => low16(self.zigzag()?),
                    delta => last.wrapping_add(i16::from(delta)),
                };
                self.flag = match head & 0xf {
                    1 => Some(true),
                    2 => Some(false),
                    _ => None,
                };
                Ok(Some((id, compact_kind(head & 0xf)?)))
            }
        }
    }

    fn list_head(&mut self) -> Result<(Kind, u64), Error> {
        let head = self.raw()?;
        let (kind, count) = match self.protocol {
            Protocol::Binary => (binary_kind(head), size(self.fixed_i32()?)?),
            Protocol::Compact => {
                let count = match head >> 4 {
                    0xf => self.varint()?,
                    count => u64::from(count),
                };
                (compact_kind(head & 0xf), count)
            }
        };
        // Some writers leave the kind of an empty list out.
        let kind = if count == 0 { kind.unwrap_or(Kind::Byte) } else { kind? };
        self.fits(count)?;
        Ok((kind, count))
    }

    /// A value takes at least one byte.
    fn fits(&self, count: u64) -> Result<(), Error> {
        let left = self.rest.len();
        if count > left as u64 { Err(Error::Size { size: count, left }) } else { Ok(()) }
    }

    fn deeper(&mut self) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(Error::Depth) } else { Ok(()) }
    }

    fn raw(&mut self) -> Result<u8, Error> {
        let (first, rest) = self.rest.split_first().ok_or(Error::End)?;
        self.rest = rest;
        Ok(*first)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Error::End)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn take(&mut self, size: u64) -> Result<&'a [u8], Error> {
        let left = self.rest.len();
        let at = usize::try_from(size).ok().filter(|it| *it <= left);
        let (bytes, rest) = self.rest.split_at(at.ok_or(Error::Size { size, left })?);
        self.rest = rest;
        Ok(bytes)
    }

    fn fixed_i32(&mut self) -> Result<i32, Error> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.raw()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Error::Varint)
    }

    fn zigzag(&mut self) -> Result<i64, Error> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}

fn within(place: String, why: Error) -> Error {
    Error::Within(place, Box::new(why))
}

fn size(written: i32) -> Result<u64, Error> {
    u64::try_from(written).map_err(|_| Error::Negative)
}

fn low16(value: i64) -> i16 {
    let [a, b, ..] = value.to_le_bytes();
    i16::from_le_bytes([a, b])
}

fn low32(value: i64) -> i32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

fn binary_kind(number: u8) -> Result<Kind, Error> {
    Ok(match number {
        2 => Kind::Bool,
        3 => Kind::Byte,
        4 => Kind::Double,
        6 => Kind::I16,
        8 => Kind::I32,
        10 => Kind::I64,
        11 => Kind::Binary,
        12 => Kind::Struct,
        13 => Kind::Map,
        14 => Kind::Set,
        15 => Kind::List,
        16 => Kind::Uuid,
        _ => return Err(Error::Kind(number)),
    })
}

fn compact_kind(number: u8) -> Result<Kind, Error> {
    Ok(match number {
        1 | 2 => Kind::Bool,
        3 => Kind::Byte,
        4 => Kind::I16,
        5 => Kind::I32,
        6 => Kind::I64,
        7 => Kind::Double,
        8 => Kind::Binary,
        9 => Kind::List,
        10 => Kind::Set,
        11 => Kind::Map,
        12 => Kind::Struct,
        13 => Kind::Uuid,
        _ => return Err(Error::Kind(number)),
    })
}
