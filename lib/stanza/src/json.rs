//! JSON text to values in the arena, without a tree in between.
//!
//! Strings without escapes are slices of the text. Numbers are floats unless integers are asked for, as
//! `json_parser` has it. Of equal keys the last wins.

use std::fmt::{self, Write as _};

use bumpalo::Bump;
use bumpalo::collections::{String as ArenaString, Vec as ArenaVec};

use crate::value::{Pair, Value, go_float};

/// Deepest nesting. Go takes 10,000; OTLP receivers refuse more than about a hundred.
const DEPTH_MAX: u32 = 100;

/// Keys of one object that are compared with each other; above it they are sorted.
const KEYS_SCAN_MAX: usize = 24;

/// What is wrong with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JsonError {
    /// What was wrong.
    pub(crate) problem: &'static str,
    /// Offset in bytes.
    pub(crate) at: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.problem, self.at)
    }
}

/// Reads a whole document. `ints` keeps whole numbers that fit as integers.
pub(crate) fn parse<'a>(
    text: &'a str,
    arena: &'a Bump,
    ints: bool,
) -> Result<Value<'a>, JsonError> {
    let mut parser = Parser::new(text, arena, ints);
    let value = parser.document()?;
    if parser.at == text.len() {
        Ok(value)
    } else {
        Err(parser.wrong("invalid character after top-level value"))
    }
}

/// Reads a document and ignores what follows it, as a stream decoder does.
pub(crate) fn parse_first<'a>(
    text: &'a str,
    arena: &'a Bump,
    ints: bool,
) -> Result<Value<'a>, JsonError> {
    Parser::new(text, arena, ints).document()
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: u32,
    ints: bool,
    arena: &'a Bump,
    /// Entries of the objects and elements of the arrays that are open; an element has no key.
    open: ArenaVec<'a, Pair<'a>>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, arena: &'a Bump, ints: bool) -> Self {
        let open = ArenaVec::with_capacity_in(32, arena);
        Self { text, bytes: text.as_bytes(), at: 0, depth: 0, ints, arena, open }
    }

    fn wrong(&self, problem: &'static str) -> JsonError {
        JsonError { problem, at: self.at }
    }

    fn document(&mut self) -> Result<Value<'a>, JsonError> {
        self.blank();
        let value = self.value()?;
        self.blank();
        Ok(value)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<Value<'a>, JsonError> {
        match self.peek() {
            Some(b'"') => Ok(Value::Str(self.string()?)),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Empty),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.wrong("invalid character looking for beginning of value")),
            None => Err(self.wrong("unexpected end of JSON input")),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, JsonError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.wrong("invalid character in literal"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn nested(
        &mut self,
        inside: fn(&mut Self) -> Result<Value<'a>, JsonError>,
    ) -> Result<Value<'a>, JsonError> {
        if self.depth == DEPTH_MAX {
            return Err(self.wrong("exceeded max depth"));
        }
        self.depth += 1;
        self.at += 1;
        let value = inside(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Result<Value<'a>, JsonError> {
        let first = self.open.len();
        self.blank();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Map(&[]));
        }
        loop {
            self.blank();
            if self.peek() != Some(b'"') {
                return Err(
                    self.wrong("invalid character looking for beginning of object key string")
                );
            }
            let key = self.string()?;
            self.blank();
            if self.peek() != Some(b':') {
                return Err(self.wrong("invalid character after object key"));
            }
            self.at += 1;
            self.blank();
            let value = self.value()?;
            self.open.push((key, value));
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.wrong("invalid character after object key:value pair")),
            }
        }
        self.at += 1;
        let entries = &mut self.open[first..];
        let kept = first + distinct(entries);
        let map = self.arena.alloc_slice_copy(&self.open[first..kept]);
        self.open.truncate(first);
        Ok(Value::Map(map))
    }

    fn array(&mut self) -> Result<Value<'a>, JsonError> {
        let first = self.open.len();
        self.blank();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(&[]));
        }
        loop {
            self.blank();
            let value = self.value()?;
            self.open.push(("", value));
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.wrong("invalid character after array element")),
            }
        }
        self.at += 1;
        let elements = self.open[first..].iter().map(|(_, value)| *value);
        let list = self.arena.alloc_slice_fill_iter(elements);
        self.open.truncate(first);
        Ok(Value::Array(list))
    }

    /// A string; the opening quote is next.
    fn string(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at + 1;
        let end = start + plain(&self.bytes[start..]);
        self.at = end;
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Ok(&self.text[start..end])
            }
            Some(b'\\') => self.escaped(start),
            Some(_) => Err(self.wrong("invalid character in string literal")),
            None => Err(self.wrong("unexpected end of JSON input")),
        }
    }

    #[inline(never)]
    fn escaped(&mut self, start: usize) -> Result<&'a str, JsonError> {
        let mut all = ArenaString::with_capacity_in((self.at - start) * 2 + 16, self.arena);
        all.push_str(&self.text[start..self.at]);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(all.into_bump_str());
                }
                Some(b'\\') => {
                    self.at += 1;
                    let c = self.escape()?;
                    all.push(c);
                }
                Some(_) => return Err(self.wrong("invalid character in string literal")),
                None => return Err(self.wrong("unexpected end of JSON input")),
            }
            let more = plain(&self.bytes[self.at..]);
            all.push_str(&self.text[self.at..self.at + more]);
            self.at += more;
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
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
            _ => return Err(self.wrong("invalid character in string escape code")),
        };
        self.at += 1;
        Ok(c)
    }

    /// Four hexadecimal digits, eight for a pair; half a pair becomes U+FFFD, as in Go.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex()?;
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        let next = self.bytes.get(self.at..self.at + 2) == Some(br"\u");
        if !(0xd800..0xdc00).contains(&first) || !next {
            return Ok('\u{fffd}');
        }
        let back = self.at;
        self.at += 2;
        let second = self.hex()?;
        if (0xdc00..0xe000).contains(&second) {
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
        }
        self.at = back;
        Ok('\u{fffd}')
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|it| char::from(it).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.wrong("invalid character in \\u hexadecimal character escape"));
            };
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            Err(self.wrong("invalid character in numeric literal"))
        } else {
            Ok(())
        }
    }

    fn number(&mut self) -> Result<Value<'a>, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        // Up to 15 digits fit a float exactly. Minus zero is left to the slow way.
        if whole && text.len() <= 15 && (!self.ints || text.len() < 15) && text != "-0" {
            let (sign, digits) = match text.strip_prefix('-') {
                Some(digits) => (-1, digits),
                None => (1, text),
            };
            let value = digits.bytes().fold(0i64, |sum, it| sum * 10 + i64::from(it - b'0')) * sign;
            return Ok(if self.ints { Value::Int(value) } else { Value::Double(value as f64) });
        }
        if self.ints
            && whole
            && let Ok(value) = text.parse()
        {
            return Ok(Value::Int(value));
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Value::Double(value)),
            _ => Err(JsonError { problem: "number out of range", at: start }),
        }
    }
}

/// How many bytes from the start need no attention: no quote, no backslash, no control character.
#[inline]
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut at = 0;
    while let Some(chunk) = bytes.get(at..).and_then(|it| it.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let zero = |it: u64| it.wrapping_sub(ONES) & !it & HIGH;
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = zero(word ^ (ONES * u64::from(b'"')))
            | zero(word ^ (ONES * u64::from(b'\\')))
            | control;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or(&[]);
    at + rest.iter().position(|it| matches!(it, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
}

/// Moves one entry per key to the front, each with its last value, and says how many there are.
fn distinct(entries: &mut [Pair<'_>]) -> usize {
    if entries.len() > KEYS_SCAN_MAX {
        return distinct_sorted(entries);
    }
    let mut kept = 0;
    for at in 0..entries.len() {
        let (key, value) = entries[at];
        if let Some(pair) = entries[..kept].iter_mut().find(|(k, _)| *k == key) {
            pair.1 = value;
        } else {
            entries[kept] = (key, value);
            kept += 1;
        }
    }
    kept
}

fn distinct_sorted(entries: &mut [Pair<'_>]) -> usize {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|at| entries[*at].0);
    // Equal keys are neighbours now, in the order written: the first keeps its place, the last its value.
    let mut dropped: Vec<usize> = Vec::new();
    let mut first = 0;
    for at in 1..order.len() {
        if entries[order[at]].0 == entries[order[first]].0 {
            entries[order[first]].1 = entries[order[at]].1;
            dropped.push(order[at]);
        } else {
            first = at;
        }
    }
    if dropped.is_empty() {
        return entries.len();
    }
    dropped.sort_unstable();
    let mut kept = 0;
    let mut next = dropped.into_iter().peekable();
    for at in 0..entries.len() {
        if next.next_if_eq(&at).is_none() {
            entries[kept] = entries[at];
            kept += 1;
        }
    }
    kept
}

/// Writes a value as Go's `json.MarshalIndent(value, "", "  ")`: keys sorted, HTML characters escaped.
pub(crate) fn write_pretty(value: &Value<'_>, out: &mut String) {
    write_at(value, out, 0);
}

fn write_at(value: &Value<'_>, out: &mut String, level: usize) {
    let line = |out: &mut String, level: usize| {
        out.push('\n');
        (0..level).for_each(|_| out.push_str("  "));
    };
    match value {
        Value::Bool(it) => out.push_str(if *it { "true" } else { "false" }),
        Value::Int(it) => out.push_str(&it.to_string()),
        Value::Double(it) => out.push_str(&go_float(*it)),
        Value::Str(it) => write_text(it, out),
        Value::Bytes(it) => write_text(&String::from_utf8_lossy(it), out),
        Value::Array([]) => out.push_str("[]"),
        Value::Map([]) => out.push_str("{}"),
        Value::Array(list) => {
            out.push('[');
            for (at, it) in list.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                line(out, level + 1);
                write_at(it, out, level + 1);
            }
            line(out, level);
            out.push(']');
        }
        Value::Map(pairs) => {
            let mut pairs: Vec<&Pair<'_>> = pairs.iter().collect();
            pairs.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, it)) in pairs.into_iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                line(out, level + 1);
                write_text(key, out);
                out.push_str(": ");
                write_at(it, out, level + 1);
            }
            line(out, level);
            out.push('}');
        }
        _ => out.push_str("null"),
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..' ' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests;
