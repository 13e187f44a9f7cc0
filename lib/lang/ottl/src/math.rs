//! Arithmetic: whole numbers wrap, a whole number with a floating point number is one of those, times
//! and spans of time are added and subtracted.

use crate::tree::Math;
use crate::value::{Instant, Value};

/// The result of an operation.
pub(crate) fn calculate<'a>(
    how: Math,
    left: &Value<'_>,
    right: &Value<'_>,
) -> Result<Value<'a>, String> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => whole(how, *a, *b).map(Value::Int),
        (Value::Int(a), Value::Double(b)) => floating(how, *a as f64, *b).map(Value::Double),
        (Value::Double(a), Value::Int(b)) => floating(how, *a, *b as f64).map(Value::Double),
        (Value::Double(a), Value::Double(b)) => floating(how, *a, *b).map(Value::Double),
        (Value::Int(_) | Value::Double(_), other) => {
            Err(format!("{other} must be int64 or float64"))
        }
        (Value::Time(a), b) => of_time(how, *a, b),
        (Value::Duration(a), b) => of_duration(how, *a, b),
        (other, _) => Err(format!("{other} must be int64, float64, time.Time or time.Duration")),
    }
}

const BY_ZERO: &str = "attempted to divide by 0";

fn whole(how: Math, a: i64, b: i64) -> Result<i64, String> {
    Ok(match how {
        Math::Add => a.wrapping_add(b),
        Math::Subtract => a.wrapping_sub(b),
        Math::Multiply => a.wrapping_mul(b),
        Math::Divide if b == 0 => return Err(BY_ZERO.to_owned()),
        Math::Divide => a.wrapping_div(b),
    })
}

fn floating(how: Math, a: f64, b: f64) -> Result<f64, String> {
    Ok(match how {
        Math::Add => a + b,
        Math::Subtract => a - b,
        Math::Multiply => a * b,
        Math::Divide if b == 0.0 => return Err(BY_ZERO.to_owned()),
        Math::Divide => a / b,
    })
}

const ONLY: &str = "only addition and subtraction supported for time.Time and time.Duration";

fn later(time: Instant, nanos: i64) -> Instant {
    Instant { nanos: time.nanos.saturating_add(nanos.into()), ..time }
}

fn of_time<'a>(how: Math, a: Instant, b: &Value<'_>) -> Result<Value<'a>, String> {
    match (how, b) {
        (Math::Add, Value::Duration(b)) => Ok(Value::Time(later(a, *b))),
        (Math::Add, other) => {
            Err(format!("time.Time must be added to time.Duration; found {other} instead"))
        }
        (Math::Subtract, Value::Time(b)) => {
            let span = a.nanos.saturating_sub(b.nanos);
            let nearest = if span < 0 { i64::MIN } else { i64::MAX };
            Ok(Value::Duration(i64::try_from(span).unwrap_or(nearest)))
        }
        (Math::Subtract, Value::Duration(b)) => {
            Ok(Value::Time(Instant { nanos: a.nanos.saturating_sub(i128::from(*b)), ..a }))
        }
        (Math::Subtract, other) => Err(format!(
            "time.Time or time.Duration must be subtracted from time.Time; found {other} instead"
        )),
        _ => Err(ONLY.to_owned()),
    }
}

fn of_duration<'a>(how: Math, a: i64, b: &Value<'_>) -> Result<Value<'a>, String> {
    match (how, b) {
        (Math::Add, Value::Duration(b)) => Ok(Value::Duration(a.wrapping_add(*b))),
        (Math::Add, Value::Time(b)) => Ok(Value::Time(later(*b, a))),
        (Math::Add, other) => Err(format!(
            "time.Duration must be added to time.Duration or time.Time; found {other} instead"
        )),
        (Math::Subtract, Value::Duration(b)) => Ok(Value::Duration(a.wrapping_sub(*b))),
        (Math::Subtract, other) => Err(format!(
            "time.Duration must be subtracted from time.Duration; found {other} instead"
        )),
        _ => Err(ONLY.to_owned()),
    }
}
