//! Values of one type to values of another.

use super::kind::items;
use super::{Function, Kind, function, int, take, takes, text};
use crate::value::{Value, hex};

pub(super) const ALL: &[Function] = &[
    function("Bool", &[takes("target", Kind::BoolLike)], |_, it| Ok(take(it, 0))),
    function("Int", &[takes("target", Kind::IntLike)], |_, it| Ok(take(it, 0))),
    function("Double", &[takes("target", Kind::FloatLike)], |_, it| Ok(take(it, 0))),
    function("String", &[takes("target", Kind::TextLike)], |_, it| Ok(take(it, 0))),
    function("Hex", &[takes("target", Kind::BytesLike)], |_, it| match it {
        [Value::Bytes(it)] => Ok(hex(it).into()),
        _ => Ok("".into()),
    }),
    function("ParseInt", &[takes("target", Kind::Text), takes("base", Kind::Int)], |_, it| {
        parse_int(text(it, 0), int(it, 1)).map(Value::Int)
    }),
    function("Coalesce", &[takes("values", Kind::EachAny)], |_, it| {
        let found = it.first().map(items).unwrap_or_default();
        Ok(found.into_iter().find(|it| !matches!(it, Value::Nil)).unwrap_or_default())
    }),
    function("Log", &[takes("target", Kind::FloatLike)], |_, it| match it {
        [Value::Double(it)] if *it > 0.0 => Ok(Value::Double(it.ln())),
        [Value::Double(it)] => {
            Err(format!("invalid input: expected number greater than zero but got {it}"))
        }
        _ => Err("invalid input: <nil>".to_owned()),
    }),
];

/// As Go's `strconv.ParseInt`; base 0 goes by the prefix.
fn parse_int(target: &str, base: i64) -> Result<i64, String> {
    if target.is_empty() {
        return Err("invalid target value for ParseInt function, target cannot be empty".to_owned());
    }
    if base < 0 {
        return Err(format!(
            "invalid base value: {base} for ParseInt function, base cannot be negative"
        ));
    }
    let wrong = |what: &str| format!("strconv.ParseInt: parsing {target:?}: {what}");
    let (negative, digits) = match target.as_bytes().first() {
        Some(b'-') => (true, target.get(1..).unwrap_or_default()),
        Some(b'+') => (false, target.get(1..).unwrap_or_default()),
        _ => (false, target),
    };
    let prefix = digits.get(..2).unwrap_or_default().to_ascii_lowercase();
    let (base, digits) = match (base, prefix.as_str()) {
        (0, "0x") => (16, digits.get(2..).unwrap_or_default()),
        (0, "0b") => (2, digits.get(2..).unwrap_or_default()),
        (0, "0o") => (8, digits.get(2..).unwrap_or_default()),
        (0, it) if it.starts_with('0') && it.len() > 1 => (8, digits.get(1..).unwrap_or_default()),
        (0, _) => (10, digits),
        (2..=36, _) => (base as u32, digits),
        _ => return Err(wrong(&format!("invalid base {base}"))),
    };
    if digits.starts_with(['+', '-']) {
        return Err(wrong("invalid syntax"));
    }
    match i128::from_str_radix(digits, base) {
        Ok(it) => {
            let signed = if negative { -it } else { it };
            i64::try_from(signed).map_err(|_| wrong("value out of range"))
        }
        Err(error) => Err(wrong(match error.kind() {
            std::num::IntErrorKind::PosOverflow => "value out of range",
            _ => "invalid syntax",
        })),
    }
}
