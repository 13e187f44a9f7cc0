//! MessagePack, as much of it as is read here (msgpack.org, `spec.md`).

use crate::Error;

/// One value, or the head of one that has others in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Item<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    /// Larger than any `Int`.
    Large(u64),
    Double(f64),
    Str(&'a [u8]),
    Bin(&'a [u8]),
    /// So many values follow.
    Array(u32),
    /// So many keys, each with its value, follow.
    Map(u32),
    /// A type of the application, and its bytes.
    Ext(i8, &'a [u8]),
}

/// The item at the beginning of `bytes`, and how many of them it takes; `None` when it is not all there.
pub(crate) fn item(bytes: &[u8]) -> Result<Option<(Item<'_>, usize)>, Error> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    let mut cursor = Cursor { rest, taken: 1 };
    let item = match first {
        0x00..=0x7f => Some(Item::Int(i64::from(first))),
        0xe0..=0xff => Some(Item::Int(i64::from(first.cast_signed()))),
        0x80..=0x8f => Some(Item::Map(u32::from(first & 0x0f))),
        0x90..=0x9f => Some(Item::Array(u32::from(first & 0x0f))),
        0xa0..=0xbf => cursor.take(usize::from(first & 0x1f)).map(Item::Str),
        0xc0 => Some(Item::Nil),
        0xc1 => return Err(Error::Never),
        0xc2 | 0xc3 => Some(Item::Bool(first == 0xc3)),
        0xc4..=0xc6 => cursor.bytes(first - 0xc4).map(Item::Bin),
        0xc7..=0xc9 => cursor.number(first - 0xc7).and_then(|it| cursor.ext(it)),
        0xca => cursor.array().map(|it| Item::Double(f64::from(f32::from_be_bytes(it)))),
        0xcb => cursor.array().map(|it| Item::Double(f64::from_be_bytes(it))),
        0xcc..=0xcf => cursor.number(first - 0xcc).map(unsigned),
        0xd0 => cursor.array().map(|it| Item::Int(i64::from(i8::from_be_bytes(it)))),
        0xd1 => cursor.array().map(|it| Item::Int(i64::from(i16::from_be_bytes(it)))),
        0xd2 => cursor.array().map(|it| Item::Int(i64::from(i32::from_be_bytes(it)))),
        0xd3 => cursor.array().map(|it| Item::Int(i64::from_be_bytes(it))),
        0xd4..=0xd8 => cursor.ext(1 << (first - 0xd4)),
        0xd9..=0xdb => cursor.bytes(first - 0xd9).map(Item::Str),
        0xdc | 0xdd => cursor.count(first - 0xdc).map(Item::Array),
        0xde | 0xdf => cursor.count(first - 0xde).map(Item::Map),
    };
    Ok(item.map(|it| (it, cursor.taken)))
}

fn unsigned(it: u64) -> Item<'static> {
    i64::try_from(it).map_or(Item::Large(it), Item::Int)
}

struct Cursor<'a> {
    rest: &'a [u8],
    taken: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        self.taken += length;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.first_chunk().copied()
    }

    /// A number of 1, 2, 4 or 8 bytes: `width` is 0 to 3.
    fn number(&mut self, width: u8) -> Option<u64> {
        let bytes = self.take(1 << width)?;
        Some(bytes.iter().fold(0, |all, it| all << 8 | u64::from(*it)))
    }

    fn bytes(&mut self, width: u8) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number(width)?).ok()?;
        self.take(length)
    }

    fn count(&mut self, width: u8) -> Option<u32> {
        u32::try_from(self.number(width + 1)?).ok()
    }

    fn ext(&mut self, length: u64) -> Option<Item<'a>> {
        let [kind] = self.array()?;
        let bytes = self.take(usize::try_from(length).ok()?)?;
        Some(Item::Ext(i8::from_be_bytes([kind]), bytes))
    }
}

/// Finds the end of a value in bytes that come bit by bit. What was looked at is not looked at again.
#[derive(Debug)]
pub(crate) struct Framer {
    /// Where the next item begins.
    at: usize,
    /// How many values are still to come until the end of the whole one.
    open: u64,
}

impl Framer {
    pub(crate) fn new() -> Self {
        Self { at: 0, open: 1 }
    }

    /// Where the value at the beginning of `bytes` ends; `None` as long as not all of it has come. Called with
    /// the same bytes and more behind them.
    pub(crate) fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Error> {
        while self.open > 0 {
            let rest = bytes.get(self.at..).unwrap_or_default();
            let Some((item, length)) = item(rest)? else { return Ok(None) };
            self.at += length;
            self.open += match item {
                Item::Array(count) => u64::from(count),
                Item::Map(count) => 2 * u64::from(count),
                _ => 0,
            };
            self.open -= 1;
        }
        Ok(Some(self.at))
    }
}

/// Reads values one after another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn next(&mut self) -> Result<Item<'a>, Error> {
        let (item, length) = item(self.0)?.ok_or(Error::Truncated)?;
        self.0 = self.0.get(length..).unwrap_or_default();
        Ok(item)
    }

    /// Goes over a value with all that is in it, `depth` levels at most, and gives its bytes. Keys of maps have to be text.
    pub(crate) fn value(&mut self, depth: usize) -> Result<&'a [u8], Error> {
        let before = self.0;
        match self.next()? {
            Item::Array(_) | Item::Map(_) if depth == 0 => return Err(Error::Nested),
            Item::Array(count) => {
                for _ in 0..count {
                    self.value(depth - 1)?;
                }
            }
            Item::Map(count) => {
                for _ in 0..count {
                    self.key()?;
                    self.value(depth - 1)?;
                }
            }
            _ => {}
        }
        Ok(before.get(..before.len() - self.0.len()).unwrap_or_default())
    }

    /// The key of a map: text, which some clients send as bytes.
    pub(crate) fn key(&mut self) -> Result<&'a [u8], Error> {
        match self.next()? {
            Item::Str(it) | Item::Bin(it) => Ok(it),
            _ => Err(Error::Kind("a key", "text")),
        }
    }

    pub(crate) fn array(&mut self, what: &'static str) -> Result<u32, Error> {
        match self.next()? {
            Item::Array(count) => Ok(count),
            _ => Err(Error::Kind(what, "an array")),
        }
    }

    pub(crate) fn map(&mut self, what: &'static str) -> Result<u32, Error> {
        match self.next()? {
            Item::Map(count) => Ok(count),
            _ => Err(Error::Kind(what, "a map")),
        }
    }
}
