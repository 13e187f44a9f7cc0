//! JSON tokens. What is accepted, and the words of an error with the text around it, are those of
//! json-iterator 1.1.12, which the Collector reads OTLP/JSON with. Where that library accepts what
//! is not JSON by accident (an object that begins with a comma, a key that is `null`), this does not.

use super::JsonError;
use crate::text::plain_end;

/// How an object or array begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// `null`, or closed at once.
    Nothing,
    /// At least one member follows.
    Members,
}

/// A position in a text. At its end every token is 0.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    pub(super) buf: &'a [u8],
    pub(super) at: usize,
    /// A string that had escapes, resolved.
    scratch: Vec<u8>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(buf: &'a [u8]) -> Self {
        Self { buf, at: 0, scratch: Vec::new() }
    }

    /// The error of `operation` here: ten bytes on either side, then fifty.
    #[cold]
    #[inline(never)]
    pub(super) fn fail(&self, operation: &str, reason: &str) -> JsonError {
        let around = |bytes: usize| {
            let start = self.at.saturating_sub(bytes);
            let end = self.buf.len().min(self.at + bytes);
            String::from_utf8_lossy(self.buf.get(start..end).unwrap_or_default()).into_owned()
        };
        let position = self.at.min(10);
        let (near, wide) = (around(10), around(50));
        JsonError {
            message: format!(
                "{operation}: {reason}, error found in #{position} byte of ...|{near}|..., \
                 bigger context ...|{wide}|..."
            )
            .into(),
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn unexpected(&self, operation: &str, expected: &str, found: u8) -> JsonError {
        let found = String::from_utf8_lossy(&[found]).into_owned();
        self.fail(operation, &format!("{expected}, but found {found}"))
    }

    /// The next byte that is not blank, and steps over it.
    #[inline]
    pub(super) fn token(&mut self) -> u8 {
        while let Some(&byte) = self.buf.get(self.at) {
            self.at += 1;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return byte;
            }
        }
        0
    }

    /// The next byte that is not blank.
    #[inline]
    pub(super) fn peek(&mut self) -> u8 {
        while let Some(&byte) = self.buf.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return byte;
            }
            self.at += 1;
        }
        0
    }

    /// The next byte, whatever it is.
    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.buf.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// The rest of `null`, `true` or `false`.
    fn literal(&mut self, rest: &str) -> Result<(), JsonError> {
        for &wanted in rest.as_bytes() {
            if self.byte() != Some(wanted) {
                let operation = if rest.len() == 3 { "skipThreeBytes" } else { "skipFourBytes" };
                return Err(self.fail(operation, &format!("expect {rest}")));
            }
        }
        Ok(())
    }

    /// Enters an object.
    #[inline]
    pub(super) fn object(&mut self) -> Result<Start, JsonError> {
        match self.token() {
            b'{' => match self.peek() {
                b'"' => Ok(Start::Members),
                b'}' => {
                    self.at += 1;
                    Ok(Start::Nothing)
                }
                _ => {
                    let found = self.token();
                    Err(self.unexpected("ReadObject", "expect \" after {", found))
                }
            },
            b'n' => self.literal("ull").map(|()| Start::Nothing),
            other => Err(self.unexpected("ReadObject", "expect { or , or } or n", other)),
        }
    }

    /// After a member of an object: whether another one follows.
    #[inline]
    pub(super) fn another_member(&mut self) -> Result<bool, JsonError> {
        match self.token() {
            b',' => Ok(true),
            b'}' => Ok(false),
            other => Err(self.unexpected("ReadObject", "expect { or , or } or n", other)),
        }
    }

    /// The key of a member and its colon.
    #[inline]
    pub(super) fn key(&mut self) -> Result<&[u8], JsonError> {
        let found = self.token();
        if found != b'"' {
            return Err(self.unexpected("ReadString", "expects \" or n", found));
        }
        let span = self.string_body()?;
        let colon = self.token();
        if colon != b':' {
            let expected = "expect : after object field";
            return Err(self.unexpected("ReadObject", expected, colon));
        }
        Ok(self.text_of(span))
    }

    /// Steps over the key of a member and its colon if it is `name`, written without escapes and
    /// with the colon right behind it.
    #[inline]
    pub(super) fn takes_key(&mut self, name: &str) -> bool {
        let end = self.at + 1 + name.len();
        let fits = self.buf.get(end..end + 2) == Some(b"\":")
            && self.buf.get(self.at + 1..end) == Some(name.as_bytes());
        if fits {
            self.at = end + 2;
        }
        fits
    }

    /// Enters an array.
    #[inline]
    pub(super) fn array(&mut self) -> Result<Start, JsonError> {
        match self.token() {
            b'[' if self.peek() == b']' => {
                self.at += 1;
                Ok(Start::Nothing)
            }
            b'[' => Ok(Start::Members),
            b'n' => self.literal("ull").map(|()| Start::Nothing),
            other => Err(self.unexpected("ReadArray", "expect [ or , or ] or n", other)),
        }
    }

    /// After an element of an array: whether another one follows.
    #[inline]
    pub(super) fn another_element(&mut self) -> Result<bool, JsonError> {
        match self.token() {
            b',' => Ok(true),
            b']' => Ok(false),
            other => Err(self.unexpected("ReadArray", "expect [ or , or ] or n", other)),
        }
    }

    /// A string; `null` is an empty one.
    #[inline]
    pub(super) fn string(&mut self) -> Result<&[u8], JsonError> {
        match self.token() {
            b'"' => {
                let span = self.string_body()?;
                Ok(self.text_of(span))
            }
            b'n' => self.literal("ull").map(|()| &[][..]),
            other => Err(self.unexpected("ReadString", "expects \" or n", other)),
        }
    }

    /// A string without escapes, for identifiers and base64.
    #[inline]
    pub(super) fn plain_string(&mut self) -> Result<&'a [u8], JsonError> {
        let found = self.token();
        if found != b'"' {
            return Err(self.unexpected("ReadStringAsSlice", "expects \" or n", found));
        }
        let rest = self.buf.get(self.at..).unwrap_or_default();
        let length = memchr::memchr(b'"', rest).unwrap_or(rest.len());
        self.at = self.buf.len().min(self.at + length + 1);
        Ok(rest.get(..length).unwrap_or_default())
    }

    /// The text of `{"stringValue":"..."}` here, and where that ends, if it is written so: without
    /// blanks and escapes.
    pub(super) fn text_value(&self, at: usize) -> Option<(&'a [u8], usize)> {
        let (text, end) = self.plain_after(b"{\"stringValue\":\"", at)?;
        (self.buf.get(end..end + 2)? == b"\"}").then_some((text, end + 2))
    }

    /// Key and text of `{"key":"...","value":{"stringValue":"..."}}` here, as above.
    pub(super) fn text_pair(&self) -> Option<(&'a [u8], &'a [u8], usize)> {
        const BETWEEN: &[u8] = b"\",\"value\":";
        let (key, end) = self.plain_after(b"{\"key\":\"", self.at)?;
        let value_at = end + BETWEEN.len();
        if self.buf.get(end..value_at)? != BETWEEN {
            return None;
        }
        let (text, end) = self.text_value(value_at)?;
        (self.buf.get(end) == Some(&b'}')).then_some((key, text, end + 1))
    }

    /// The plain text behind `start`, which stands at `at`, and its end.
    #[inline]
    fn plain_after(&self, start: &[u8], at: usize) -> Option<(&'a [u8], usize)> {
        let from = at + start.len();
        if self.buf.get(at..from)? != start {
            return None;
        }
        let end = plain_end(self.buf, from);
        Some((self.buf.get(from..end)?, end))
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self) -> Result<bool, JsonError> {
        match self.token() {
            b't' => self.literal("rue").map(|()| true),
            b'f' => self.literal("alse").map(|()| false),
            other => Err(self.unexpected("ReadBool", "expect t or f", other)),
        }
    }

    /// The rest of a string after its opening quote: where it stands in the text, or nothing if it
    /// had to be resolved into `scratch`.
    #[inline]
    fn string_body(&mut self) -> Result<Option<(usize, usize)>, JsonError> {
        let start = self.at;
        let end = plain_end(self.buf, start);
        match self.buf.get(end) {
            Some(b'"') => {
                self.at = end + 1;
                Ok(Some((start, end)))
            }
            Some(&control) if control < b' ' => {
                let reason = format!("invalid control character found: {control}");
                Err(self.fail("ReadString", &reason))
            }
            _ => self.escaped_body().map(|()| None),
        }
    }

    #[inline]
    fn text_of(&self, span: Option<(usize, usize)>) -> &[u8] {
        match span {
            Some((start, end)) => self.buf.get(start..end).unwrap_or_default(),
            None => &self.scratch,
        }
    }

    #[cold]
    fn escaped_body(&mut self) -> Result<(), JsonError> {
        self.scratch.clear();
        loop {
            let rest = self.buf.get(self.at..).unwrap_or_default();
            let length = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
            self.scratch.extend_from_slice(rest.get(..length).unwrap_or_default());
            self.at += length;
            match self.byte() {
                Some(b'"') => return Ok(()),
                Some(_) => {
                    if let Some(escape) = self.byte() {
                        self.escape(escape)?;
                    }
                }
                None => return Err(self.fail("readStringSlowPath", "unexpected end of input")),
            }
        }
    }

    /// Resolves what follows a backslash.
    fn escape(&mut self, escape: u8) -> Result<(), JsonError> {
        let byte = match escape {
            b'u' => return self.unicode_escape(),
            b'"' | b'\\' | b'/' => escape,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            _ => return Err(self.fail("readEscapedChar", "invalid escape char after \\")),
        };
        self.scratch.push(byte);
        Ok(())
    }

    /// `\uXXXX`, maybe the first half of a pair. A lone half becomes U+FFFD, as in Go.
    fn unicode_escape(&mut self) -> Result<(), JsonError> {
        let Some(first) = self.four_digits()? else { return Ok(()) };
        if !(0xd800..0xe000).contains(&first) {
            self.push_char(first);
            return Ok(());
        }
        if self.buf.get(self.at) != Some(&b'\\') {
            self.push_char(first);
            return Ok(());
        }
        self.at += 1;
        match self.byte() {
            None => return Ok(()),
            Some(b'u') => {}
            Some(other) => {
                self.push_char(first);
                return self.escape(other);
            }
        }
        let Some(second) = self.four_digits()? else { return Ok(()) };
        if first < 0xdc00 && (0xdc00..0xe000).contains(&second) {
            self.push_char(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
        } else {
            self.push_char(first);
            self.push_char(second);
        }
        Ok(())
    }

    /// Four hexadecimal digits; nothing at the end of the text.
    fn four_digits(&mut self) -> Result<Option<u32>, JsonError> {
        let mut value = 0;
        for _ in 0..4 {
            let Some(byte) = self.byte() else { return Ok(None) };
            let Some(digit) = char::from(byte).to_digit(16) else {
                return Err(self.unexpected("readU4", "expects 0~9 or a~f", byte));
            };
            value = value * 16 + digit;
        }
        Ok(Some(value))
    }

    fn push_char(&mut self, code: u32) {
        let it = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.scratch.extend_from_slice(it.encode_utf8(&mut [0; 4]).as_bytes());
    }
}
