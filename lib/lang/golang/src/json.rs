//! JSON text to values in the arena, without a tree in between.
//!
//! Strings without escapes are slices of the text. Numbers are floats unless integers are asked for, as
//! `json_parser` has it. Of equal keys the last wins. Three libraries of Go are followed in what they take beyond the
//! standard: see [`Dialect`].

use std::fmt;
use std::ops::Range;

use bumpalo::Bump;
use bumpalo::collections::{String as ArenaString, Vec as ArenaVec};

use crate::value::{Pair, Value};

mod elements;
mod numbers;
mod scan;
mod write;

pub use elements::Elements;
use elements::is_blank;
use numbers::is_of_number;
use scan::{KeySet, distinct, plain};
pub use write::write_pretty;

/// Deepest nesting. Go takes 10,000; OTLP receivers refuse more than about a hundred.
const DEPTH_MAX: u32 = 100;

/// Values that are open at a time before the list of them grows.
const OPEN_EXPECTED: usize = 32;

const END: &str = "unexpected end of JSON input";

/// What is wrong with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonError {
    /// What was wrong.
    pub problem: &'static str,
    /// Offset in bytes.
    pub at: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.problem, self.at)
    }
}

/// The library of Go whose reading of JSON is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `encoding/json`: RFC 8259, but for half surrogates.
    Standard,
    /// `github.com/goccy/go-json` v0.10: strings may hold control characters but NUL, numbers may begin with zeros and
    /// end with a point.
    Goccy,
    /// `github.com/valyala/fastjson` v1.6: any byte in strings, escapes that are none stay as they are, and everything
    /// that consists of digits, signs, points and `e` is a number, as are `inf` and `nan`.
    Fastjson,
}

/// Reads a whole document. `ints` keeps whole numbers that fit as integers.
pub fn parse<'a>(
    text: &'a str,
    arena: &'a Bump,
    dialect: Dialect,
    ints: bool,
) -> Result<Value<'a>, JsonError> {
    let mut parser = Parser::new(text, arena, dialect, ints);
    let value = parser.document()?;
    if parser.at == text.len() {
        return Ok(value);
    }
    Err(JsonError { problem: "invalid character after top-level value", at: parser.at })
}

/// Reads a document and ignores what follows it, as a stream decoder does.
pub fn parse_first<'a>(
    text: &'a str,
    arena: &'a Bump,
    dialect: Dialect,
    ints: bool,
) -> Result<Value<'a>, JsonError> {
    Parser::new(text, arena, dialect, ints).document()
}

/// Reads values that stand in one text, in any order.
pub struct Values<'a>(Parser<'a>);

impl<'a> Values<'a> {
    /// `ints` as for [`parse`].
    pub fn new(text: &'a str, arena: &'a Bump, dialect: Dialect, ints: bool) -> Self {
        Self(Parser::new(text, arena, dialect, ints))
    }

    /// The value that stands exactly there.
    pub fn read(&mut self, place: Range<usize>) -> Result<Value<'a>, JsonError> {
        let parser = &mut self.0;
        parser.at = place.start;
        let value = parser.value("").and_then(|()| parser.open.pop());
        match value {
            Some((_, value)) if parser.at == place.end => Ok(value),
            Some(_) => {
                Err(JsonError { problem: "invalid character after array element", at: parser.at })
            }
            None => Err(JsonError { problem: parser.problem, at: parser.at }),
        }
    }
}

/// A value that is written correctly, without the blanks between its tokens.
pub fn compact<'a>(value: &'a str, arena: &'a Bump) -> &'a str {
    if !value.contains(is_blank) {
        return value;
    }
    let mut out = ArenaString::with_capacity_in(value.len(), arena);
    // Every second piece is inside of a string, unless the quote before it is escaped.
    let mut in_string = false;
    for piece in value.split_inclusive('"') {
        if in_string {
            out.push_str(piece);
            let text = piece.strip_suffix('"').unwrap_or(piece);
            let backslashes = text.bytes().rev().take_while(|it| *it == b'\\').count();
            in_string = backslashes % 2 == 1;
        } else {
            out.extend(piece.chars().filter(|it| !is_blank(*it)));
            in_string = true;
        }
    }
    out.into_bump_str()
}

/// Values go from hand to hand by being pushed to `open`: returning them in a `Result` copies each several times.
struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: u32,
    dialect: Dialect,
    ints: bool,
    arena: &'a Bump,
    /// Entries of the objects and elements of the arrays that are open; an element has no key.
    open: ArenaVec<'a, Pair<'a>>,
    problem: &'static str,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, arena: &'a Bump, dialect: Dialect, ints: bool) -> Self {
        let open = ArenaVec::with_capacity_in(OPEN_EXPECTED, arena);
        let bytes = text.as_bytes();
        Self { text, bytes, at: 0, depth: 0, dialect, ints, arena, open, problem: "" }
    }

    /// Remembers what is wrong here. `None`, for `return`.
    #[cold]
    fn wrong<T>(&mut self, problem: &'static str) -> Option<T> {
        self.problem = problem;
        None
    }

    fn document(&mut self) -> Result<Value<'a>, JsonError> {
        self.blank();
        let read = self.value("");
        self.blank();
        match (read, self.open.pop()) {
            (Some(()), Some((_, value))) => Ok(value),
            _ => Err(JsonError { problem: self.problem, at: self.at }),
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Reads a value and pushes it with its key.
    fn value(&mut self, key: &'a str) -> Option<()> {
        match self.peek() {
            Some(b'"') => {
                let text = self.string()?;
                self.open.push((key, Value::Str(text)));
                Some(())
            }
            Some(b'{') => self.nested(key, Self::object),
            Some(b'[') => self.nested(key, Self::array),
            Some(b't') => self.word("true", key, Value::Bool(true)),
            Some(b'f') => self.word("false", key, Value::Bool(false)),
            Some(b'n') if !self.is_infinite_or_nan() => self.word("null", key, Value::Empty),
            Some(b'-' | b'0'..=b'9') => self.number(key),
            Some(it) if is_of_number(it) || self.is_infinite_or_nan() => match self.dialect {
                Dialect::Fastjson => self.loose_number(key),
                _ => self.wrong("invalid character looking for beginning of value"),
            },
            Some(_) => self.wrong("invalid character looking for beginning of value"),
            None => self.wrong(END),
        }
    }

    fn word(&mut self, word: &str, key: &'a str, value: Value<'a>) -> Option<()> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return self.wrong("invalid character in literal");
        }
        self.at += word.len();
        self.open.push((key, value));
        Some(())
    }

    fn nested(&mut self, key: &'a str, inside: fn(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        if self.depth == DEPTH_MAX {
            return self.wrong("exceeded max depth");
        }
        self.depth += 1;
        self.at += 1;
        inside(self, key)?;
        self.depth -= 1;
        Some(())
    }

    fn object(&mut self, key: &'a str) -> Option<()> {
        let first = self.open.len();
        self.blank();
        if self.peek() == Some(b'}') {
            self.at += 1;
            self.open.push((key, Value::Map(&[])));
            return Some(());
        }
        let mut keys = KeySet::default();
        loop {
            self.blank();
            if self.peek() != Some(b'"') {
                return self.wrong("invalid character looking for beginning of object key string");
            }
            let inner = self.string()?;
            keys.add(inner);
            self.blank();
            if self.peek() != Some(b':') {
                return self.wrong("invalid character after object key");
            }
            self.at += 1;
            self.blank();
            self.value(inner)?;
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return self.wrong("invalid character after object key:value pair"),
            }
        }
        self.at += 1;
        let entries = &mut self.open[first..];
        let kept = if keys.distinct { entries.len() } else { distinct(entries) };
        let map = self.arena.alloc_slice_copy(&self.open[first..first + kept]);
        self.open.truncate(first);
        self.open.push((key, Value::Map(map)));
        Some(())
    }

    fn array(&mut self, key: &'a str) -> Option<()> {
        let first = self.open.len();
        self.blank();
        if self.peek() == Some(b']') {
            self.at += 1;
            self.open.push((key, Value::Array(&[])));
            return Some(());
        }
        loop {
            self.blank();
            self.value("")?;
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return self.wrong("invalid character after array element"),
            }
        }
        self.at += 1;
        let elements = self.open[first..].iter().map(|(_, value)| *value);
        let list = self.arena.alloc_slice_fill_iter(elements);
        self.open.truncate(first);
        self.open.push((key, Value::Array(list)));
        Some(())
    }

    /// A string; the opening quote is next.
    fn string(&mut self) -> Option<&'a str> {
        let start = self.at + 1;
        let end = start + plain(&self.bytes[start..]);
        self.at = end;
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Some(&self.text[start..end])
            }
            Some(b'\\') => self.escaped(start),
            Some(it) if self.takes_raw(it) => self.escaped(start),
            Some(_) => self.wrong("invalid character in string literal"),
            None => self.wrong(END),
        }
    }

    /// The dialect lets this control character stand in strings.
    fn takes_raw(&self, control: u8) -> bool {
        match self.dialect {
            Dialect::Standard => false,
            Dialect::Goccy => control != 0,
            Dialect::Fastjson => true,
        }
    }

    #[inline(never)]
    fn escaped(&mut self, start: usize) -> Option<&'a str> {
        let mut all = ArenaString::with_capacity_in((self.at - start) * 2 + 16, self.arena);
        all.push_str(&self.text[start..self.at]);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Some(all.into_bump_str());
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.dialect {
                        Dialect::Fastjson => self.kept_escape(&mut all),
                        _ => all.push(self.escape()?),
                    }
                }
                Some(it) if self.takes_raw(it) => {
                    self.at += 1;
                    all.push(char::from(it));
                }
                Some(_) => return self.wrong("invalid character in string literal"),
                None => return self.wrong(END),
            }
            let more = plain(&self.bytes[self.at..]);
            all.push_str(&self.text[self.at..self.at + more]);
            self.at += more;
        }
    }

    /// As [`Dialect::Fastjson`] has it: what is no escape stays as it is written, also half of a pair.
    fn kept_escape(&mut self, all: &mut ArenaString<'a>) {
        let start = self.at;
        let digits = self.bytes.get(start + 1..start + 3);
        let half = matches!(digits, Some([b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F']));
        match self.escape() {
            Some(c) if c != char::REPLACEMENT_CHARACTER || !half => all.push(c),
            _ => {
                all.push('\\');
                self.at = start;
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let c = match self.peek() {
            Some(it @ (b'"' | b'\\' | b'/')) => char::from(it),
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return self.wrong("invalid character in string escape code"),
        };
        self.at += 1;
        Some(c)
    }

    /// Four hexadecimal digits, eight for a pair; half a pair becomes U+FFFD, as in Go.
    fn unicode(&mut self) -> Option<char> {
        let first = self.hex()?;
        if let Some(c) = char::from_u32(first) {
            return Some(c);
        }
        let next = self.bytes.get(self.at..self.at + 2) == Some(br"\u");
        if !(0xd800..0xdc00).contains(&first) || !next {
            return Some('\u{fffd}');
        }
        let back = self.at;
        self.at += 2;
        let second = self.hex()?;
        if (0xdc00..0xe000).contains(&second) {
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Some(char::from_u32(code).unwrap_or('\u{fffd}'));
        }
        self.at = back;
        Some('\u{fffd}')
    }

    fn hex(&mut self) -> Option<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|it| char::from(it).to_digit(16));
            let Some(digit) = digit else {
                return self.wrong("invalid character in \\u hexadecimal character escape");
            };
            code = code << 4 | digit;
            self.at += 1;
        }
        Some(code)
    }
}

#[cfg(test)]
mod tests;
