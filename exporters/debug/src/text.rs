//! Values, numbers and times as Go prints them.

use std::fmt::Write as _;

use pdata::{ArrayRef, AttributesRef, ValueRef};

/// A value as upstream's `Value.AsString` has it: text as it is, lists and maps as JSON.
pub(crate) fn value(out: &mut String, value: ValueRef<'_>) {
    match value {
        ValueRef::Empty => {}
        ValueRef::Str(it) => out.push_str(it),
        ValueRef::Bool(it) => out.push_str(if it { "true" } else { "false" }),
        ValueRef::Int(it) => put(out, it),
        ValueRef::Double(it) if it.is_finite() => json_number(out, it),
        ValueRef::Double(it) => {
            out.push_str("json: unsupported value: ");
            number(out, it);
        }
        ValueRef::Bytes(it) => base64(out, it),
        ValueRef::Array(_) | ValueRef::Map(_) => {
            let start = out.len();
            if json(out, value).is_none() {
                // Go's encoder gives up on the whole value: JSON has no infinity.
                out.truncate(start);
            }
        }
    }
}

/// `Str(x)`, `Int(1)`, ...
pub(crate) fn typed_value(out: &mut String, it: ValueRef<'_>) {
    out.push_str(it.type_name());
    out.push('(');
    value(out, it);
    out.push(')');
}

/// Anything that can be displayed.
pub(crate) fn put(out: &mut String, it: impl std::fmt::Display) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{it}");
}

fn json(out: &mut String, value: ValueRef<'_>) -> Option<()> {
    match value {
        ValueRef::Empty => out.push_str("null"),
        ValueRef::Str(it) => json_text(out, it),
        ValueRef::Bool(it) => put(out, it),
        ValueRef::Int(it) => put(out, it),
        ValueRef::Double(it) if it.is_finite() => json_number(out, it),
        ValueRef::Double(_) => return None,
        ValueRef::Bytes(it) => {
            out.push('"');
            base64(out, it);
            out.push('"');
        }
        ValueRef::Array(it) => json_array(out, it)?,
        ValueRef::Map(it) => json_map(out, it)?,
    }
    Some(())
}

fn json_array(out: &mut String, array: ArrayRef<'_>) -> Option<()> {
    out.push('[');
    for (at, it) in array.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        json(out, it)?;
    }
    out.push(']');
    Some(())
}

/// Keys in order, as Go's encoder sorts them; of equal keys the last one.
fn json_map(out: &mut String, map: AttributesRef<'_>) -> Option<()> {
    let entries: std::collections::BTreeMap<_, _> = map.iter().collect();
    out.push('{');
    for (at, (key, it)) in entries.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        json_text(out, key);
        out.push(':');
        json(out, it)?;
    }
    out.push('}');
    Some(())
}

/// With the escapes of Go's `encoding/json`, which keeps HTML and JavaScript safe.
fn json_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// As ES6, and so Go's JSON, prints numbers.
fn json_number(out: &mut String, it: f64) {
    let size = it.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        exponent(out, it, 1);
    } else {
        put(out, it);
    }
}

/// `%v`.
pub(crate) fn number(out: &mut String, it: f64) {
    let size = it.abs();
    if it.is_nan() {
        out.push_str("NaN");
    } else if it.is_infinite() {
        out.push_str(if it > 0.0 { "+Inf" } else { "-Inf" });
    } else if size != 0.0 && !(1e-4..1e6).contains(&size) {
        exponent(out, it, 2);
    } else {
        put(out, it);
    }
}

/// `%f`.
pub(crate) fn fixed(out: &mut String, it: f64) {
    if it.is_finite() {
        let _ = write!(out, "{it:.6}");
    } else {
        number(out, it);
    }
}

/// `1.5e+21`, the exponent with at least so many digits.
fn exponent(out: &mut String, it: f64, digits: usize) {
    let text = format!("{it:e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, power) = match power.strip_prefix('-') {
        Some(power) => ('-', power),
        None => ('+', power),
    };
    let _ = write!(out, "{mantissa}e{sign}{power:0>digits$}");
}

fn base64(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let at = |n: usize| u32::from(group.get(n).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for n in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * n) & 63) as usize];
            out.push(if n <= group.len() { digit as char } else { '=' });
        }
    }
}

/// Lower-case hexadecimal; an id of zeros only is none, as in upstream's model.
pub(crate) fn id(out: &mut String, id: &[u8]) {
    if id.iter().any(|it| *it != 0) {
        for it in id {
            let _ = write!(out, "{it:02x}");
        }
    }
}

/// `2018-12-13 14:51:00.5 +0000 UTC`.
pub(crate) fn time(out: &mut String, unix_nano: u64) {
    let (seconds, nanos) = (unix_nano / 1_000_000_000, unix_nano % 1_000_000_000);
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    // Civil date from days since 1970, by eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (year + era * 400, month + 3),
        _ => (year + era * 400 + 1, month - 9),
    };
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    let _ = write!(out, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
    if nanos > 0 {
        let digits = format!("{nanos:09}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
    out.push_str(" +0000 UTC");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn numbers_are_printed_as_in_go() {
        let check = |it: f64, v: &str, json: &str, f: &str| {
            assert_eq!(text(|out| number(out, it)), v);
            assert_eq!(text(|out| json_number(out, it)), json);
            assert_eq!(text(|out| fixed(out, it)), f);
        };
        check(0.0, "0", "0", "0.000000");
        check(0.5, "0.5", "0.5", "0.500000");
        check(-3.0, "-3", "-3", "-3.000000");
        check(1e6, "1e+06", "1000000", "1000000.000000");
        check(1e21, "1e+21", "1e+21", "1000000000000000000000.000000");
        check(0.00001, "1e-05", "0.00001", "0.000010");
        check(0.000_000_15, "1.5e-07", "1.5e-7", "0.000000");
        assert_eq!(text(|out| number(out, f64::NEG_INFINITY)), "-Inf");
        assert_eq!(
            text(|out| value(out, ValueRef::Double(f64::NAN))),
            "json: unsupported value: NaN"
        );
    }

    #[test]
    fn times_are_printed_as_in_go() {
        let check = |nanos: u64, want: &str| assert_eq!(text(|out| time(out, nanos)), want);
        check(0, "1970-01-01 00:00:00 +0000 UTC");
        check(1_544_712_660_000_000_000, "2018-12-13 14:51:00 +0000 UTC");
        check(13_000_000_789, "1970-01-01 00:00:13.000000789 +0000 UTC");
        check(1_709_164_800_500_000_000, "2024-02-29 00:00:00.5 +0000 UTC");
        check(u64::MAX, "2554-07-21 23:34:33.709551615 +0000 UTC");
    }

    #[test]
    fn bytes_ids_and_text_are_encoded() {
        assert_eq!(text(|out| base64(out, b"a")), "YQ==");
        assert_eq!(text(|out| base64(out, b"abc")), "YWJj");
        assert_eq!(text(|out| id(out, &[0, 171])), "00ab");
        assert_eq!(text(|out| id(out, &[0, 0])), "");
        assert_eq!(text(|out| json_text(out, "a\"<\n\u{1}")), "\"a\\\"\\u003c\\n\\u0001\"");
    }
}
