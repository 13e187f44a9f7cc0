//! Conversion of values; what cannot be converted stays as it is.

use pdata::ValueRef;

/// The integer, unless `value` is one or cannot be one.
pub(crate) fn to_int(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Double(it) => Some(whole(it)),
        ValueRef::Bool(it) => Some(i64::from(it)),
        ValueRef::Str(it) => it.parse().ok(),
        _ => None,
    }
}

/// Saturates at the limits, where Go's result depends on the processor.
#[expect(clippy::cast_possible_truncation, reason = "Go cuts the fraction off, too")]
const fn whole(number: f64) -> i64 {
    number as i64
}

/// The floating point number, unless `value` is one or cannot be one.
pub(crate) fn to_double(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Int(it) => Some(it as f64),
        ValueRef::Bool(it) => Some(f64::from(u8::from(it))),
        ValueRef::Str(it) => {
            let number: f64 = it.parse().ok()?;
            let in_range = number.is_finite() || !it.bytes().any(|byte| byte.is_ascii_digit());
            in_range.then_some(number)
        }
        _ => None,
    }
}
