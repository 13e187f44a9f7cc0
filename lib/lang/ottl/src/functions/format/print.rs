//! One value with one verb.

use std::fmt::Write as _;

use golang::strconv::{format_float, is_print, quote, quote_char};

use crate::functions::times;
use crate::value::Value;

/// Nesting of lists that is followed, in levels.
const DEPTH_MAX: usize = 64;

/// What stands between `%` and the verb.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one flag of Go's `fmt` each")]
pub(super) struct Flags {
    pub(super) sharp: bool,
    pub(super) zero: bool,
    pub(super) plus: bool,
    pub(super) minus: bool,
    pub(super) space: bool,
    /// `%#v`
    pub(super) quoted: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
}

impl Flags {
    /// Blanks, or zeros on the left side.
    fn pad(&self, out: &mut String, text: &str) {
        let missing = self.width.unwrap_or(0).saturating_sub(text.chars().count());
        let sign = if self.zero && !self.minus { "0" } else { " " };
        if self.minus {
            out.push_str(text);
            out.push_str(&sign.repeat(missing));
        } else {
            out.push_str(&sign.repeat(missing));
            out.push_str(text);
        }
    }

    fn pad_blank(&self, out: &mut String, text: &str) {
        Self { zero: false, ..*self }.pad(out, text);
    }
}

/// Writes a value.
pub(super) fn print(out: &mut String, value: &Value<'_>, verb: char, flags: &Flags) {
    nested(out, value, verb, flags, 0);
}

/// Go's name of the type, and the value.
pub(super) fn named(out: &mut String, value: &Value<'_>, flags: &Flags) {
    if matches!(value, Value::Nil) {
        return out.push_str("<nil>");
    }
    out.push_str(value.go_type());
    out.push('=');
    nested(out, value, 'v', flags, 0);
}

fn bad(out: &mut String, value: &Value<'_>, verb: char, flags: &Flags) {
    out.push_str("%!");
    out.push(verb);
    out.push('(');
    named(out, value, flags);
    out.push(')');
}

fn nested(out: &mut String, value: &Value<'_>, verb: char, flags: &Flags, depth: usize) {
    if verb == 'T' && depth == 0 {
        let shown = if matches!(value, Value::Nil) { "<nil>" } else { value.go_type() };
        return flags.pad(out, shown);
    }
    match value {
        Value::Nil if depth > 0 => out.push_str("<nil>"),
        Value::Nil if verb == 'v' => flags.pad(out, "<nil>"),
        Value::Bool(it) if matches!(verb, 't' | 'v') => {
            flags.pad(out, if *it { "true" } else { "false" });
        }
        Value::Int(it) => integer(out, *it, value, verb, flags),
        Value::Double(it) => floating(out, *it, value, verb, flags),
        Value::Text(it) => text(out, it.as_bytes(), value, verb, flags),
        Value::Bytes(it) if matches!(verb, 'v' | 'd') => {
            let numbers = it.iter().map(|it| Value::Int(i64::from(*it)));
            list(out, numbers, verb, flags, depth);
        }
        Value::Bytes(it) => text(out, it, value, verb, flags),
        Value::Duration(it) => match verb {
            'v' | 's' | 'x' | 'X' | 'q' => {
                let shown = times::go_duration(*it);
                text(out, shown.as_bytes(), value, verb, flags);
            }
            _ => integer(out, *it, value, verb, flags),
        },
        Value::Time(_) | Value::Id(..) | Value::Map(_) | Value::Opaque(..)
            if matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') =>
        {
            let shown = match value {
                Value::Time(it) => it.to_string(),
                // The text of an id that is not set is empty, as `String()` has it in Go.
                Value::Id(_, bytes) if bytes.iter().all(|it| *it == 0) => String::new(),
                other => other.to_string(),
            };
            text(out, shown.as_bytes(), value, verb, flags);
        }
        Value::List(it) if depth < DEPTH_MAX => {
            list(out, it.items().into_iter(), verb, flags, depth);
        }
        _ => bad(out, value, verb, flags),
    }
}

fn list<'a>(
    out: &mut String,
    items: impl Iterator<Item = Value<'a>>,
    verb: char,
    flags: &Flags,
    depth: usize,
) {
    out.push('[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(' ');
        }
        nested(out, &item, verb, flags, depth + 1);
    }
    out.push(']');
}

fn integer(out: &mut String, number: i64, value: &Value<'_>, verb: char, flags: &Flags) {
    let magnitude = number.unsigned_abs();
    let sign = u32::try_from(number).ok().and_then(char::from_u32);
    let sign = sign.unwrap_or(char::REPLACEMENT_CHARACTER);
    let (digits, prefix) = match verb {
        'v' | 'd' => (magnitude.to_string(), ""),
        'b' => (format!("{magnitude:b}"), if flags.sharp { "0b" } else { "" }),
        'o' => (format!("{magnitude:o}"), if flags.sharp { "0" } else { "" }),
        'O' => (format!("{magnitude:o}"), "0o"),
        'x' => (format!("{magnitude:x}"), if flags.sharp { "0x" } else { "" }),
        'X' => (format!("{magnitude:X}"), if flags.sharp { "0X" } else { "" }),
        'c' => return flags.pad(out, sign.encode_utf8(&mut [0; 4])),
        'q' => return flags.pad(out, &quote_char(sign, flags.plus)),
        'U' => {
            let count = flags.precision.unwrap_or(0).max(4);
            let shown = if flags.sharp && is_print(sign) {
                format!("U+{number:0count$X} '{sign}'")
            } else {
                format!("U+{number:0count$X}")
            };
            return flags.pad_blank(out, &shown);
        }
        _ => return bad(out, value, verb, flags),
    };
    let before = match number {
        ..0 => "-",
        _ if flags.plus => "+",
        _ if flags.space => " ",
        _ => "",
    };
    let count = match (flags.precision, flags.width) {
        (Some(0), _) if number == 0 => return flags.pad_blank(out, ""),
        (Some(it), _) => it,
        (None, Some(width)) if flags.zero && !flags.minus => width - before.len().min(width),
        _ => 0,
    };
    flags.pad_blank(out, &format!("{before}{prefix}{digits:0>count$}"));
}

fn floating(out: &mut String, number: f64, value: &Value<'_>, verb: char, flags: &Flags) {
    let (how, precision) = match verb {
        'v' | 'g' | 'G' => ('g', flags.precision),
        'b' => ('b', flags.precision),
        'x' | 'X' => ('x', flags.precision),
        'e' | 'E' => ('e', flags.precision.or(Some(6))),
        'f' | 'F' => ('f', flags.precision.or(Some(6))),
        _ => return bad(out, value, verb, flags),
    };
    let mut shown = format_float(number, how, precision);
    if matches!(verb, 'G' | 'E' | 'X') {
        shown.make_ascii_uppercase();
    }
    if !number.is_finite() {
        // These do not look like numbers, so that zeros are not put before them.
        let shown = match (flags.plus, flags.space) {
            (false, true) => shown.replacen('+', " ", 1),
            (false, false) if number.is_nan() => "NaN".to_owned(),
            _ => shown,
        };
        return flags.pad_blank(out, &shown);
    }
    let (sign, digits) = shown.split_at(1);
    let sign = match sign {
        "+" if flags.plus => "+",
        "+" if flags.space => " ",
        "+" => "",
        other => other,
    };
    let digits = if flags.sharp && how != 'b' {
        with_point(digits, how, precision)
    } else {
        digits.to_owned()
    };
    let width = flags.width.unwrap_or(0);
    if flags.zero && !flags.minus && !sign.is_empty() {
        let count = width.saturating_sub(1);
        let _ = write!(out, "{sign}{digits:0>count$}");
    } else {
        flags.pad(out, &format!("{sign}{digits}"));
    }
}

/// `#`: a point in any case, and for `%g` the zeros behind it.
fn with_point(number: &str, how: char, precision: Option<usize>) -> String {
    let mark = if how == 'x' { ['p', 'P'] } else { ['e', 'E'] };
    let end = number.find(mark).unwrap_or(number.len());
    let (digits, exponent) = number.split_at(end);
    let mut all = digits.to_owned();
    if !all.contains('.') {
        all.push('.');
    }
    if matches!(how, 'g' | 'x') {
        let wanted = precision.unwrap_or(6);
        let bare = digits.trim_start_matches("0x").replace('.', "");
        let zero = bare.bytes().all(|it| it == b'0');
        let seen = if zero { 1 } else { bare.trim_start_matches('0').len() };
        all.push_str(&"0".repeat(wanted.saturating_sub(seen)));
    }
    all + exponent
}

fn text(out: &mut String, bytes: &[u8], value: &Value<'_>, verb: char, flags: &Flags) {
    let cut = |it: &str| match flags.precision {
        Some(count) => it.chars().take(count).collect(),
        None => it.to_owned(),
    };
    let shown = String::from_utf8_lossy(bytes);
    match verb {
        'v' if flags.quoted => flags.pad(out, &quote(&shown, false)),
        'v' | 's' => flags.pad(out, &cut(&shown)),
        'q' if flags.sharp
            && !shown.contains(['`', '\u{7f}', '\u{feff}'])
            && shown.chars().all(|it| it == '\t' || it >= ' ') =>
        {
            flags.pad(out, &format!("`{}`", cut(&shown)));
        }
        'q' => flags.pad(out, &quote(&cut(&shown), flags.plus)),
        'x' | 'X' => {
            let count = flags.precision.unwrap_or(usize::MAX).min(bytes.len());
            let prefix = match (flags.sharp, verb) {
                (true, 'x') => "0x",
                (true, _) => "0X",
                _ => "",
            };
            let digits = bytes.iter().take(count).map(|it| match verb {
                'x' => format!("{it:02x}"),
                _ => format!("{it:02X}"),
            });
            let shown = if flags.space {
                digits.map(|it| format!("{prefix}{it}")).collect::<Vec<_>>().join(" ")
            } else if count > 0 {
                digits.fold(prefix.to_owned(), |all, it| all + &it)
            } else {
                String::new()
            };
            flags.pad(out, &shown);
        }
        _ => bad(out, value, verb, flags),
    }
}
