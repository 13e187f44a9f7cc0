//! Conversion of values; what cannot be converted stays as it is.

use pdata::ValueRef;

/// The integer, unless `value` is one or cannot be one.
pub(crate) fn to_int(value: ValueRef<'_>) -> Option<i64> {
    match value {
        // Beyond the limits Go's result depends on the processor.
        ValueRef::Double(it) => Some(golang::number::whole(it)),
        ValueRef::Bool(it) => Some(i64::from(it)),
        ValueRef::Str(it) => it.parse().ok(),
        _ => None,
    }
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
