//! Numbers in JSON: bare or as text, with the words of json-iterator and of Go's `strconv` for what
//! is wrong with them.

use super::JsonError;
use super::scan::Scanner;
use crate::bits::{last_32, last_32_signed};

/// What Go says of a number that no `float64` can hold.
const OUT_OF_RANGE: &str = "value out of range";

/// Decimal digits that a `f64` holds exactly.
const EXACT_DIGITS: usize = 15;

/// Exact powers of ten.
const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The names that errors of one width carry.
struct Names {
    signed: &'static str,
    unsigned: &'static str,
    inner: &'static str,
}

const BITS_32: Names = Names { signed: "ReadInt32", unsigned: "ReadUint32", inner: "readUint32" };
const BITS_64: Names = Names { signed: "ReadInt64", unsigned: "ReadUint64", inner: "readUint64" };

/// What comes next, as far as numbers care.
enum Form {
    Number,
    Text,
    Other,
}

fn form(scan: &mut Scanner<'_>) -> Form {
    match scan.peek() {
        b'-' | b'0'..=b'9' => Form::Number,
        b'"' => Form::Text,
        _ => Form::Other,
    }
}

/// An error about a value of a kind that is not readable as a number stands after the blanks.
fn unsupported(scan: &Scanner<'_>, operation: &str) -> JsonError {
    scan.fail(operation, "unsupported value type")
}

pub(super) fn uint64(scan: &mut Scanner<'_>) -> Result<u64, JsonError> {
    unsigned(scan, u64::MAX, &BITS_64)
}

pub(super) fn uint32(scan: &mut Scanner<'_>) -> Result<u32, JsonError> {
    unsigned(scan, u64::from(u32::MAX), &BITS_32).map(last_32)
}

pub(super) fn int64(scan: &mut Scanner<'_>) -> Result<i64, JsonError> {
    signed(scan, i64::MAX.cast_unsigned(), &BITS_64)
}

pub(super) fn int32(scan: &mut Scanner<'_>) -> Result<i32, JsonError> {
    let max = u64::from(i32::MAX.cast_unsigned());
    signed(scan, max, &BITS_32).map(|it| last_32_signed(it.cast_unsigned()))
}

fn unsigned(scan: &mut Scanner<'_>, max: u64, names: &Names) -> Result<u64, JsonError> {
    match form(scan) {
        Form::Number => digits(scan, max, names),
        Form::Text => {
            if let Some(value) = quoted_digits(scan, max) {
                return Ok(value);
            }
            match parse_unsigned(scan.string()?, max) {
                Ok(value) => Ok(value),
                Err(reason) => Err(text_error(scan, names.unsigned, "ParseUint", reason)),
            }
        }
        Form::Other => Err(unsupported(scan, names.unsigned)),
    }
}

fn signed(scan: &mut Scanner<'_>, max: u64, names: &Names) -> Result<i64, JsonError> {
    match form(scan) {
        Form::Number => {
            let negative = scan.peek() == b'-';
            scan.at += usize::from(negative);
            let inner = if max > u64::from(u32::MAX) { u64::MAX } else { u64::from(u32::MAX) };
            let value = digits(scan, inner, names)?;
            if value > max + u64::from(negative) {
                return Err(scan.fail(names.signed, &format!("overflow: {value}")));
            }
            let value = value.cast_signed();
            Ok(if negative { value.wrapping_neg() } else { value })
        }
        Form::Text => {
            if let Some(value) = quoted_digits(scan, max) {
                return Ok(value.cast_signed());
            }
            let text = scan.string()?;
            let negative = text.first() == Some(&b'-');
            let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
            let rest = text.get(sign..).unwrap_or_default();
            match parse_unsigned(rest, max + u64::from(negative)) {
                Ok(value) if negative => Ok(value.cast_signed().wrapping_neg()),
                Ok(value) => Ok(value.cast_signed()),
                Err((_, what)) => {
                    let whole = (quote(text), what);
                    Err(text_error(scan, names.signed, "ParseInt", whole))
                }
            }
        }
        Form::Other => Err(unsupported(scan, names.signed)),
    }
}

/// Bare digits from here on.
fn digits(scan: &mut Scanner<'_>, max: u64, names: &Names) -> Result<u64, JsonError> {
    let first = scan.buf.get(scan.at).copied().unwrap_or(0);
    scan.at = scan.buf.len().min(scan.at + 1);
    let second = scan.at;
    if !first.is_ascii_digit() {
        return Err(scan.fail(names.inner, "unexpected character: \u{fffd}"));
    }
    let mut value = u64::from(first - b'0');
    // A leading zero stands alone, as in json-iterator: what follows fails at the next token.
    let follows = |scan: &Scanner<'_>| scan.buf.get(scan.at).filter(|_| first != b'0').copied();
    while let Some(digit @ b'0'..=b'9') = follows(scan) {
        let next = value.checked_mul(10).and_then(|it| it.checked_add(u64::from(digit - b'0')));
        match next {
            Some(next) if next <= max => value = next,
            _ => {
                // json-iterator reads eight digits at once where there is room, and stays behind them.
                let room = scan.buf.len() - second > 10;
                scan.at = if room { second + 7 } else { second };
                return Err(scan.fail(names.inner, "overflow"));
            }
        }
        scan.at += 1;
    }
    if scan.buf.get(scan.at) == Some(&b'.') {
        return Err(scan.fail("assertInteger", "can not decode float as int"));
    }
    Ok(value)
}

/// What is wrong with a number in a string: the text in quotes, and the reason.
type TextIssue = (String, &'static str);

#[cold]
fn text_error(scan: &Scanner<'_>, operation: &str, function: &str, issue: TextIssue) -> JsonError {
    let (text, reason) = issue;
    scan.fail(operation, &format!("strconv.{function}: parsing {text}: {reason}"))
}

#[inline]
fn parse_unsigned(text: &[u8], max: u64) -> Result<u64, TextIssue> {
    let mut value = 0u64;
    for &byte in text {
        if !byte.is_ascii_digit() {
            return Err((quote(text), "invalid syntax"));
        }
        let next = value.checked_mul(10).and_then(|it| it.checked_add(u64::from(byte - b'0')));
        match next {
            Some(next) if next <= max => value = next,
            _ => return Err((quote(text), "value out of range")),
        }
    }
    if text.is_empty() {
        return Err((quote(text), "invalid syntax"));
    }
    Ok(value)
}

/// Digits in quotes, few enough that they cannot overflow: what times look like.
#[inline]
fn quoted_digits(scan: &mut Scanner<'_>, max: u64) -> Option<u64> {
    const DIGITS_MAX: usize = 19;
    let rest = scan.buf.get(scan.at + 1..)?;
    let mut value = 0u64;
    for (length, &byte) in rest.iter().take(DIGITS_MAX + 1).enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        } else if byte == b'"' && length > 0 && value <= max {
            scan.at += length + 2;
            return Some(value);
        } else {
            return None;
        }
    }
    None
}

/// As Go's `strconv.Quote`, for the texts that occur.
fn quote(text: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(text))
}

/// A double, bare or as text with `NaN`, `Infinity` and `-Infinity`.
pub(super) fn double(scan: &mut Scanner<'_>) -> Result<f64, JsonError> {
    // The Collector names its errors so.
    const OPERATION: &str = "ReadUint64";
    match form(scan) {
        Form::Number => bare_double(scan),
        Form::Text => {
            let text = scan.string()?;
            match parse_double(text) {
                Ok(value) => Ok(value),
                Err(reason) => {
                    let issue = (quote(text), reason);
                    Err(text_error(scan, OPERATION, "ParseFloat", issue))
                }
            }
        }
        Form::Other => Err(unsupported(scan, OPERATION)),
    }
}

/// Go's NaN. Prometheus and others tell kinds of NaN apart by their bits.
const NAN_BITS: u64 = 0x7ff8_0000_0000_0001;

/// As Go's `strconv.ParseFloat`, without hexadecimal.
fn parse_double(text: &[u8]) -> Result<f64, &'static str> {
    let value = parse_wide_double(text)?;
    if value.is_nan() {
        return Ok(f64::from_bits(NAN_BITS));
    }
    let named = text.iter().find(|it| !matches!(it, b'+' | b'-'));
    if value.is_infinite() && !named.is_some_and(u8::is_ascii_alphabetic) {
        return Err(OUT_OF_RANGE);
    }
    Ok(value)
}

/// The same, with infinity for what is too large.
fn parse_wide_double(text: &[u8]) -> Result<f64, &'static str> {
    let unsigned = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let signed_nan = unsigned.len() != text.len() && unsigned.eq_ignore_ascii_case(b"nan");
    let text = std::str::from_utf8(text).ok().filter(|_| !signed_nan);
    text.and_then(|text| text.parse().ok()).ok_or("invalid syntax")
}

fn bare_double(scan: &mut Scanner<'_>) -> Result<f64, JsonError> {
    let start = scan.at;
    let value = wide_double(scan)?;
    if value.is_infinite() {
        let text = scan.buf.get(start..scan.at).unwrap_or_default();
        return Err(not_a_float(text.strip_prefix(b"-").unwrap_or(text), OUT_OF_RANGE));
    }
    Ok(value)
}

/// A bare number, or infinity for one that is too large.
fn wide_double(scan: &mut Scanner<'_>) -> Result<f64, JsonError> {
    let negative = scan.peek() == b'-';
    scan.at += usize::from(negative);
    let rest = scan.buf.get(scan.at..).unwrap_or_default();
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
    let text = rest.get(..length).unwrap_or_default();
    let value = match short_double(text) {
        Some(value) => value,
        None => long_double(scan, text)?,
    };
    scan.at += length;
    Ok(if negative { -value } else { value })
}

/// Digits with or without a fraction, few enough to be computed exactly.
#[inline]
fn short_double(text: &[u8]) -> Option<f64> {
    if text.is_empty() || text.len() > EXACT_DIGITS + 1 {
        return None;
    }
    let (mut value, mut point) = (0u64, None);
    for (index, &byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => value = value * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() && index > 0 => point = Some(index),
            _ => return None,
        }
    }
    let decimals = point.map_or(0, |point| text.len() - point - 1);
    let leading_zero = text.len() > 1 && text.starts_with(b"0") && point != Some(1);
    if leading_zero || value >= 1 << 53 || (point.is_some() && decimals == 0) {
        return None;
    }
    Some(value as f64 / POWERS.get(decimals)?)
}

#[cold]
fn long_double(scan: &mut Scanner<'_>, text: &[u8]) -> Result<f64, JsonError> {
    let after_point = text.iter().position(|&byte| byte == b'.').map(|at| text.get(at + 1));
    let (operation, reason) = match (text, after_point) {
        ([], _) => ("readFloat64", "empty number"),
        ([b'.', ..], _) => ("readFloat64", "leading dot is invalid"),
        ([b'0', b'0'..=b'9', ..], _) => ("readFloat64", "leading zero is invalid"),
        ([b'-', ..], _) => ("readFloat64SlowPath", "-- is not valid"),
        (_, Some(None)) => ("readFloat64SlowPath", "dot can not be last character"),
        (_, Some(Some(next))) if !next.is_ascii_digit() => {
            ("readFloat64SlowPath", "missing digit after dot")
        }
        _ => return parse_wide_double(text).map_err(|reason| not_a_float(text, reason)),
    };
    Err(scan.fail(operation, reason))
}

fn not_a_float(text: &[u8], reason: &str) -> JsonError {
    let message = format!("strconv.ParseFloat: parsing {}: {reason}", quote(text)).into();
    JsonError { message }
}

/// Steps over a bare number; one too large for a `f64` is a number all the same.
pub(super) fn skip(scan: &mut Scanner<'_>) -> Result<(), JsonError> {
    wide_double(scan).map(drop)
}

/// The value of an enum: its number, or its name.
pub(super) fn enumeration(scan: &mut Scanner<'_>, names: &[(&str, i32)]) -> Result<i32, JsonError> {
    const OPERATION: &str = "ReadEnumValue";
    match form(scan) {
        Form::Number => int32(scan),
        Form::Text => {
            let text = scan.string()?;
            match names.iter().find(|(name, _)| name.as_bytes() == text) {
                Some((_, value)) => Ok(*value),
                None => Err(scan.fail(OPERATION, "unknown string value")),
            }
        }
        Form::Other => Err(unsupported(scan, OPERATION)),
    }
}
