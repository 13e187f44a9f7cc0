//! Numbers: by the standard, and as far beyond it as a dialect goes.

use super::{Dialect, Parser};
use crate::value::Value;

/// Decimal digits that a float holds exactly, and the powers of ten that it then may be divided by.
const EXACT_DIGITS: usize = 15;
const TENS: [f64; EXACT_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

impl<'a> Parser<'a> {
    /// Digits, at least one; they are added to `mantissa`, which wraps if there are too many.
    #[inline]
    fn digits(&mut self, mantissa: &mut u64) -> Option<usize> {
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        if self.at == start {
            return self.wrong("invalid character in numeric literal");
        }
        Some(self.at - start)
    }

    pub(super) fn number(&mut self, key: &'a str) -> Option<()> {
        let start = self.at;
        let value = self.standard_number();
        if self.dialect != Dialect::Standard
            && (value.is_none() || self.peek().is_some_and(is_of_number))
        {
            self.at = start;
            return self.loose_number(key);
        }
        self.open.push((key, value?));
        Some(())
    }

    #[inline]
    fn standard_number(&mut self) -> Option<Value<'a>> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let (mut mantissa, mut decimals, mut plain) = (0, 0, true);
        let mut digits = 1;
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            digits = self.digits(&mut mantissa)?;
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            decimals = self.digits(&mut mantissa)?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            (whole, plain) = (false, false);
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits(&mut 0)?;
        }
        if plain && digits + decimals <= EXACT_DIGITS && !(negative && mantissa == 0) {
            // Both the digits and the power of ten are exact, so the quotient is rounded once (Clinger 1990).
            let it = mantissa.cast_signed();
            let it = if negative { -it } else { it };
            return Some(match (whole, self.ints) {
                (true, true) => Value::Int(it),
                (true, false) => Value::Double(it as f64),
                _ => Value::Double(it as f64 / TENS[decimals]),
            });
        }
        self.odd_number(&self.text[start..self.at], whole)
    }

    /// A number that only some dialects take: `007`, `1.`, and for one of them everything that looks a little like it.
    #[inline(never)]
    pub(super) fn loose_number(&mut self, key: &'a str) -> Option<()> {
        let rest = &self.bytes[self.at..];
        let mut length = rest.iter().take_while(|it| is_of_number(**it)).count();
        if self.is_infinite_or_nan() {
            length = 3 + usize::from(matches!(rest.first(), Some(b'-' | b'+')));
        }
        let text = &self.text[self.at..self.at + length];
        if matches!(text, "-" | "+") {
            return self.wrong("invalid character in numeric literal");
        }
        let whole = !text.contains(['.', 'e', 'E', '+']);
        let value = match self.odd_number(text, whole) {
            Some(value) => value,
            // What is no number counts as one of zero.
            None if self.dialect == Dialect::Fastjson => Value::Double(0.0),
            None => return None,
        };
        self.at += length;
        self.open.push((key, value));
        Some(())
    }

    /// `inf` and `nan` in any case, which only one dialect knows.
    pub(super) fn is_infinite_or_nan(&self) -> bool {
        if self.dialect != Dialect::Fastjson {
            return false;
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let rest = rest.strip_prefix(b"-").or(rest.strip_prefix(b"+")).unwrap_or(rest);
        let word = rest.get(..3).unwrap_or_default();
        word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")
    }

    #[inline(never)]
    fn odd_number(&mut self, text: &str, whole: bool) -> Option<Value<'a>> {
        if self.ints
            && whole
            && let Ok(value) = text.parse()
        {
            return Some(Value::Int(value));
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Some(Value::Double(value)),
            _ => self.wrong("number out of range"),
        }
    }
}

/// What numbers are made of.
pub(super) fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E')
}
