//! Values of one type to values of another.

use super::kind::items;
use super::{Function, Kind, State, function, int, take, takes, text};
use crate::path::id;
use crate::program::Slot;
use crate::value::{SPAN_ID, TRACE_ID, Value, hex};

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
    function("TraceID", &[takes("target", Kind::BytesLike)], |_, it| {
        an_id("TraceID", TRACE_ID, 16, it)
    })
    .prepared(|it| a_constant_id("TraceID", TRACE_ID, 16, it)),
    function("SpanID", &[takes("target", Kind::BytesLike)], |_, it| {
        an_id("SpanID", SPAN_ID, 8, it)
    })
    .prepared(|it| a_constant_id("SpanID", SPAN_ID, 8, it)),
];

/// A constant that is no id is refused at once.
fn a_constant_id(
    function: &str,
    kind: &'static str,
    length: usize,
    slots: &[Slot],
) -> Result<State, String> {
    if let [Slot::One(getter)] = slots
        && let Some(constant) = getter.constant()
    {
        an_id(function, kind, length, &[Kind::BytesLike.coerce(constant.clone())?])?;
    }
    Ok(State::None)
}

/// An id of its bytes or of their hexadecimal digits.
fn an_id<'a>(
    function: &str,
    kind: &'static str,
    length: usize,
    values: &[Value<'_>],
) -> Result<Value<'a>, String> {
    let bytes = match values {
        [Value::Bytes(it)] => it.as_ref(),
        _ => &[],
    };
    if bytes.len() == length {
        return Ok(id(kind, bytes));
    }
    if bytes.len() == length * 2 {
        let digits = std::str::from_utf8(bytes).ok().and_then(crate::parse::hex);
        let digits =
            digits.ok_or_else(|| format!("{function}: could not decode ID: invalid hex"))?;
        return Ok(id(kind, &digits));
    }
    Err(format!(
        "{function}: could not decode ID: invalid length: expected {length} or {} bytes, got {}",
        length * 2,
        bytes.len()
    ))
}

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
