//! Bytes as text and text in quotes, as Go's `encoding/base64`, `encoding/hex` and `encoding/json` have them.
//!
//! They stand here because OTLP/JSON is written with them, and are public so that they stand nowhere else.

use std::fmt::{self, Write as _};

/// A string that is at least this long is read in larger blocks from there on.
const LONG_TEXT_BYTES: usize = 32;

/// One of the four forms of base64 that Go has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base64 {
    url: bool,
    padded: bool,
}

impl Base64 {
    /// `+` and `/`, padded with `=`.
    pub const STANDARD: Self = Self { url: false, padded: true };
    /// `+` and `/`, no padding.
    pub const RAW: Self = Self { url: false, padded: false };
    /// `-` and `_`, padded with `=`.
    pub const URL: Self = Self { url: true, padded: true };
    /// `-` and `_`, no padding.
    pub const RAW_URL: Self = Self { url: true, padded: false };

    /// The text for `bytes`.
    pub fn encode(self, bytes: &[u8]) -> String {
        self.symbols(bytes).map(char::from).collect()
    }

    /// Appends the text for `bytes`.
    pub(crate) fn encode_to(self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len().div_ceil(3) * 4);
        out.extend(self.symbols(bytes));
    }

    fn symbols(self, bytes: &[u8]) -> impl Iterator<Item = u8> {
        bytes.chunks(3).flat_map(move |group| {
            let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
            let bits = at(0) << 16 | at(1) << 8 | at(2);
            let symbol = |position: usize| {
                if position > group.len() {
                    return b'=';
                }
                self.symbol((bits >> (18 - 6 * position) & 63) as u8)
            };
            let length = if self.padded { 4 } else { group.len() + 1 };
            [0, 1, 2, 3].map(symbol).into_iter().take(length)
        })
    }

    const fn symbol(self, bits: u8) -> u8 {
        match bits {
            0..26 => b'A' + bits,
            26..52 => b'a' + bits - 26,
            52..62 => b'0' + bits - 52,
            62 if self.url => b'-',
            62 => b'+',
            _ if self.url => b'_',
            _ => b'/',
        }
    }

    #[inline]
    const fn bits(self, symbol: u8) -> Option<u8> {
        match symbol {
            b'A'..=b'Z' => Some(symbol - b'A'),
            b'a'..=b'z' => Some(symbol - b'a' + 26),
            b'0'..=b'9' => Some(symbol - b'0' + 52),
            b'+' if !self.url => Some(62),
            b'-' if self.url => Some(62),
            b'/' if !self.url => Some(63),
            b'_' if self.url => Some(63),
            _ => None,
        }
    }

    /// What `text` stands for. Line ends are passed over, and bits that are left over may be set.
    ///
    /// # Errors
    /// The position that Go names in `illegal base64 data at input byte 2`.
    pub fn decode(self, text: &[u8]) -> Result<Vec<u8>, usize> {
        let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
        self.decode_to(text, &mut out)?;
        Ok(out)
    }

    /// Appends what `text` stands for; the same otherwise.
    pub(crate) fn decode_to(self, text: &[u8], out: &mut Vec<u8>) -> Result<(), usize> {
        let symbols = text.iter().copied().enumerate();
        let mut symbols = symbols.filter(|(_, byte)| !matches!(byte, b'\r' | b'\n'));
        loop {
            let (mut group, mut length) = (0_u32, 0_usize);
            while length < 4 {
                let Some((at, symbol)) = symbols.next() else {
                    if length == 1 || (length > 1 && self.padded) {
                        return Err(text.len() - length);
                    }
                    break;
                };
                if let Some(bits) = self.bits(symbol) {
                    group = group << 6 | u32::from(bits);
                    length += 1;
                    continue;
                }
                if symbol != b'=' || !self.padded || length < 2 {
                    return Err(at);
                }
                end_of_padding(length, &mut symbols, text.len())?;
                break;
            }
            let [_, bytes @ ..] = (group << (6 * (4 - length))).to_be_bytes();
            out.extend_from_slice(bytes.get(..length.saturating_sub(1)).unwrap_or_default());
            if length < 4 {
                return Ok(());
            }
        }
    }
}

/// After the first `=` of a last group of `length` symbols: the second one if it needs one, and nothing more.
fn end_of_padding(
    length: usize,
    symbols: &mut impl Iterator<Item = (usize, u8)>,
    end: usize,
) -> Result<(), usize> {
    if length == 2 {
        match symbols.next() {
            Some((_, b'=')) => {}
            // Go names the byte before the one that is wrong.
            Some((at, _)) => return Err(at - 1),
            None => return Err(end),
        }
    }
    symbols.next().map_or(Ok(()), |(at, _)| Err(at))
}

/// The two digits of a byte, in small letters.
#[inline]
pub const fn hex_digits(byte: u8) -> [u8; 2] {
    const fn digit(value: u8) -> u8 {
        if value < 10 { b'0' + value } else { b'a' + value - 10 }
    }
    [digit(byte >> 4), digit(byte & 15)]
}

/// The digits of bytes, in small letters.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| hex_digits(*byte)).map(char::from).collect()
}

/// The value of one digit.
#[inline]
pub const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The bytes of digits, if their number is even and they are nothing else.
pub fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some(hex_value(*high)? << 4 | hex_value(*low)?);
    pairs.iter().map(byte).collect::<Option<_>>().filter(|_| rest.is_empty())
}

/// Writes a JSON string with the escapes of Go's `encoding/json`, which are safe in HTML and JavaScript too.
///
/// # Errors
/// Those of `out`.
pub fn json_string(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let escape = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => "",
            _ => continue,
        };
        out.write_str(text.get(plain..at).unwrap_or_default())?;
        match escape {
            "" => write!(out, "\\u{:04x}", u32::from(c))?,
            _ => out.write_str(escape)?,
        }
        plain = at + c.len_utf8();
    }
    out.write_str(text.get(plain..).unwrap_or_default())?;
    out.write_char('"')
}

/// Appends what stands between the quotes of a JSON string, with the escapes that JSON asks for and no more.
pub fn json_escaped(text: &str, out: &mut Vec<u8>) {
    let mut bytes = text.as_bytes();
    loop {
        let (plain, rest) = bytes.split_at_checked(plain_end(bytes, 0)).unwrap_or((bytes, &[]));
        out.extend_from_slice(plain);
        let Some((&byte, rest)) = rest.split_first() else { return };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&hex_digits(byte));
            }
        }
        bytes = rest;
    }
}

/// Where from `at` on the first quote, backslash or control character stands: eight bytes at a time,
/// and 32 at a time where the text is long.
#[inline]
pub(crate) fn plain_end(buf: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let start = at;
    while let Some(chunk) = buf.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        // Per byte: the high bit is set if it is 0 after the exclusive or, or below 0x20. A borrow
        // can only set bits above the first hit, and only the first hit is used.
        let zero = |it: u64| it.wrapping_sub(ONES) & !it;
        let quote = zero(word ^ (ONES * u64::from(b'"')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let hits = (quote | backslash | control) & HIGH;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
        if at == start + LONG_TEXT_BYTES {
            at += plain_blocks(buf.get(at..).unwrap_or_default());
        }
    }
    while let Some(&byte) = buf.get(at) {
        if special(byte) != 0 {
            return at;
        }
        at += 1;
    }
    at
}

/// 1 for what ends the plain part of a string.
#[inline]
fn special(byte: u8) -> u8 {
    u8::from(byte == b'"') | u8::from(byte == b'\\') | u8::from(byte < b' ')
}

/// The length of the blocks before the first one with a special byte. Without branches in a block:
/// the compiler makes vector instructions of it.
fn plain_blocks(text: &[u8]) -> usize {
    let (blocks, _) = text.as_chunks::<32>();
    let is_plain = |block: &&[u8; 32]| block.iter().fold(0, |any, &it| any | special(it)) == 0;
    blocks.iter().take_while(is_plain).count() * 32
}

/// Writes a finite number as ES6 does, and Go's JSON after it: plain between 1e-6 and 1e21, beyond it with
/// an exponent that has its sign.
///
/// # Errors
/// Those of `out`.
pub fn json_number(out: &mut impl fmt::Write, it: f64) -> fmt::Result {
    let size = it.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return write!(out, "{it}");
    }
    let mut text = String::new();
    write!(text, "{it:e}")?;
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => {
            write!(out, "{digits}e+{exponent}")
        }
        _ => out.write_str(&text),
    }
}

/// Letters, digits and `-._~`, which mean themselves in every part of a URL. RFC 3986, section 2.3.
pub const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Every byte that is not kept as `%XX`. RFC 3986, section 2.1.
pub fn percent_encoded(text: &str, keeps: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if keeps(byte) && byte.is_ascii() {
            out.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_means_something_in_a_url_is_hidden() {
        let text = "a b&c=1/\u{fc}~";
        assert_eq!(super::percent_encoded(text, super::is_unreserved), "a%20b%26c%3D1%2F%C3%BC~");
        // What is not ASCII cannot be kept byte by byte.
        assert_eq!(super::percent_encoded("/\u{fc}", |_| true), "/%C3%BC");
    }

    use super::*;

    #[test]
    fn base64_comes_back_in_all_its_forms() {
        let forms = [Base64::STANDARD, Base64::RAW, Base64::URL, Base64::RAW_URL];
        for form in forms {
            for length in 0..10 {
                let bytes: Vec<u8> = (0..length).map(|n: u8| n.wrapping_mul(37) | 0xc0).collect();
                let text = form.encode(&bytes);
                assert_eq!(form.decode(text.as_bytes()), Ok(bytes), "{text}");
            }
        }
        assert_eq!(
            forms.map(|it| it.encode(b"hi?>")),
            ["aGk/Pg==", "aGk/Pg", "aGk_Pg==", "aGk_Pg"]
        );
    }

    /// What Go 1.25 says, for the padded form and for the one without.
    #[test]
    fn what_is_no_base64_is_refused_where_go_refuses_it() {
        let cases: [(&str, Result<&[u8], usize>, Result<&[u8], usize>); 11] = [
            ("AQ=x", Err(2), Err(2)),
            ("AQ=", Err(3), Err(2)),
            ("AQ", Err(0), Ok(&[1])),
            ("A", Err(0), Err(0)),
            ("AQ==x", Err(4), Err(2)),
            ("AQ=\n=", Ok(&[1]), Err(2)),
            ("AAA=x", Err(4), Err(3)),
            ("A*==", Err(1), Err(1)),
            ("=", Err(0), Err(0)),
            ("AAAAA", Err(4), Err(4)),
            ("AQI=", Ok(&[1, 2]), Err(3)),
        ];
        for (text, padded, raw) in cases {
            let decode = |form: Base64| form.decode(text.as_bytes());
            assert_eq!(decode(Base64::STANDARD).as_deref(), padded.as_ref().copied(), "{text}");
            assert_eq!(decode(Base64::RAW).as_deref(), raw.as_ref().copied(), "{text}");
        }
    }

    #[test]
    fn hexadecimal_comes_back() {
        assert_eq!(hex(&[0, 171, 255]), "00abff");
        assert_eq!(from_hex(b"00ABff"), Some(vec![0, 171, 255]));
        assert_eq!((from_hex(b"0"), from_hex(b"0g"), from_hex(b"")), (None, None, Some(vec![])));
    }

    #[test]
    fn strings_and_numbers_are_those_of_gos_json() {
        let mut out = String::new();
        json_string(&mut out, "a\"\\<\n\u{1}\u{8}\u{c}\u{2028}\u{e9}z").unwrap();
        assert_eq!(out, "\"a\\\"\\\\\\u003c\\n\\u0001\\b\\f\\u2028\u{e9}z\"");
        let number = |it| {
            let mut out = String::new();
            json_number(&mut out, it).map(|()| out)
        };
        let of = [1e6, 1e20, 1e21, 1e-6, 1e-7, -1.5e-10, 0.0];
        let want =
            ["1000000", "100000000000000000000", "1e+21", "0.000001", "1e-7", "-1.5e-10", "0"];
        assert_eq!(of.map(|it| number(it).unwrap()), want);
    }
}
