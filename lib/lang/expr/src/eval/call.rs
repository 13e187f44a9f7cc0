//! What the functions of the language do.

use golang::number;
use golang::value::Value;

use super::{Env, NIL, Stop, Val};
use crate::builtin::Builtin;
use crate::tree::Node;

mod lists;
mod texts;

/// Bytes that a function may make at most; expr-lang's memory budget is of this size.
const RESULT_BYTES_MAX: usize = 1_000_000;

/// Calls a function.
pub(super) fn call<'a>(
    env: &mut Env<'a, '_>,
    builtin: Builtin,
    args: &'a [Node],
) -> Result<Val<'a>, Stop> {
    if builtin.predicate_at().is_some() {
        return lists::closure(env, builtin, args);
    }
    let mut values = [NIL; 4];
    if args.len() > values.len() {
        let all = args.iter().map(|it| env.eval(it)).collect::<Result<Vec<_>, _>>()?;
        return plain(env, builtin, &all);
    }
    for (value, arg) in values.iter_mut().zip(args) {
        *value = env.eval(arg)?;
    }
    plain(env, builtin, &values[..args.len()])
}

fn plain<'a>(env: &Env<'a, '_>, builtin: Builtin, args: &[Val<'a>]) -> Result<Val<'a>, Stop> {
    let data = |it| Ok(Val::Data(it));
    match (builtin, args) {
        (Builtin::Env, [name]) => {
            // Go's os.Getenv: empty when not set.
            let value = std::env::var(text(builtin, name)?).unwrap_or_default();
            data(Value::Str(env.arena.alloc_str(&value)))
        }
        (Builtin::Len, [of]) => data(Value::Int(number::int(len(of)?))),
        (Builtin::Type, [of]) => data(Value::Str(kind(of))),
        (Builtin::Now, _) => Ok(Val::Time(golang::time::now())),
        (Builtin::Duration, [of]) => {
            let text = text(builtin, of)?;
            match config::Duration::parse(text) {
                Ok(span) => {
                    let nanos = i64::try_from(span.std().as_nanos()).unwrap_or(i64::MAX);
                    Ok(Val::Span(if span.is_negative() { -nanos } else { nanos }))
                }
                Err(problem) => Err(format!("{problem} {text:?}").into()),
            }
        }
        (Builtin::Date, [of, rest @ ..]) => {
            let layout = rest.first().map(|it| text(builtin, it)).transpose()?;
            let text = text(builtin, of)?;
            Ok(Val::Time(golang::time::date(text, layout)?))
        }
        (Builtin::Abs | Builtin::Ceil | Builtin::Floor | Builtin::Round, [of]) => {
            rounded(builtin, of)
        }
        (Builtin::Int, [of]) => int(of),
        (Builtin::Float, [of]) => match of {
            Val::Data(Value::Double(_)) => Ok(*of),
            Val::Data(Value::Int(it)) => data(Value::Double(*it as f64)),
            Val::Data(Value::Str(it)) => match it.parse() {
                Ok(it) => data(Value::Double(it)),
                Err(_) => Err(format!("invalid operation: float({it})").into()),
            },
            other => Err(invalid(builtin, other)),
        },
        (
            Builtin::BitAnd
            | Builtin::BitOr
            | Builtin::BitXor
            | Builtin::BitNand
            | Builtin::BitNot
            | Builtin::BitShl
            | Builtin::BitShr
            | Builtin::BitUshr,
            args,
        ) => bits(builtin, args),
        (Builtin::Max | Builtin::Min | Builtin::Mean | Builtin::Median, args) => {
            lists::statistic(env, builtin, args)
        }
        _ => match texts::call(env, builtin, args) {
            Some(result) => result,
            None => lists::call(env, builtin, args),
        },
    }
}

fn len(of: &Val<'_>) -> Result<usize, Stop> {
    Ok(match of {
        Val::Data(Value::Str(it)) => it.chars().count(),
        Val::Data(Value::Bytes(it)) => it.len(),
        Val::Data(Value::Array(it)) => it.len(),
        Val::Data(Value::Map(it)) => it.len(),
        other => {
            return Err(format!("invalid argument for len (type {})", other.type_name()).into());
        }
    })
}

/// The type as `type()` names it.
fn kind(of: &Val<'_>) -> &'static str {
    match of {
        Val::Data(Value::Bool(_)) => "bool",
        Val::Data(Value::Int(_)) => "int",
        Val::Data(Value::Double(_)) => "float",
        Val::Data(Value::Str(_)) => "string",
        Val::Data(Value::Array(_) | Value::Bytes(_)) => "array",
        Val::Data(Value::Map(_)) => "map",
        Val::Time(_) => "time.Time",
        Val::Span(_) => "time.Duration",
        Val::Data(_) => "nil",
    }
}

fn rounded<'a>(builtin: Builtin, of: &Val<'a>) -> Result<Val<'a>, Stop> {
    Ok(Val::Data(match (builtin, of) {
        (Builtin::Abs, Val::Data(Value::Int(it))) => Value::Int(it.wrapping_abs()),
        (Builtin::Abs, Val::Data(Value::Double(it))) => Value::Double(it.abs()),
        (_, Val::Data(Value::Int(it))) => Value::Double(*it as f64),
        (Builtin::Ceil, Val::Data(Value::Double(it))) => Value::Double(it.ceil()),
        (Builtin::Floor, Val::Data(Value::Double(it))) => Value::Double(it.floor()),
        (_, Val::Data(Value::Double(it))) => Value::Double(it.round()),
        (_, other) => return Err(invalid(builtin, other)),
    }))
}

fn int<'a>(of: &Val<'a>) -> Result<Val<'a>, Stop> {
    Ok(Val::Data(Value::Int(match of {
        Val::Data(Value::Int(it)) => *it,
        Val::Data(Value::Double(it)) => number::whole(*it),
        Val::Data(Value::Str(it)) => match it.parse() {
            Ok(it) => it,
            Err(_) => return Err(format!("invalid operation: int({it})").into()),
        },
        other => return Err(invalid(Builtin::Int, other)),
    })))
}

fn bits<'a>(builtin: Builtin, args: &[Val<'a>]) -> Result<Val<'a>, Stop> {
    let int = |at: usize| match args.get(at) {
        Some(Val::Data(Value::Int(it))) => Ok(*it),
        Some(other) => Err(invalid(builtin, other)),
        None => Ok(0),
    };
    let (a, b) = (int(0)?, int(1)?);
    let shift = u32::try_from(b);
    let shifts = matches!(builtin, Builtin::BitShl | Builtin::BitShr | Builtin::BitUshr);
    if shifts && shift.is_err() {
        return Err(format!("invalid operation: negative shift count {b}").into());
    }
    let shift = shift.unwrap_or(0);
    Ok(Val::Data(Value::Int(match builtin {
        Builtin::BitAnd => a & b,
        Builtin::BitOr => a | b,
        Builtin::BitXor => a ^ b,
        Builtin::BitNand => a & !b,
        Builtin::BitNot => !a,
        Builtin::BitShl => a.checked_shl(shift).unwrap_or(0),
        Builtin::BitShr => a.checked_shr(shift).unwrap_or(if a < 0 { -1 } else { 0 }),
        _ => a.cast_unsigned().checked_shr(shift).unwrap_or(0).cast_signed(),
    })))
}

fn text<'a>(builtin: Builtin, of: &Val<'a>) -> Result<&'a str, Stop> {
    match of {
        Val::Data(Value::Str(it)) => Ok(it),
        other => Err(invalid(builtin, other)),
    }
}

fn list<'a>(builtin: Builtin, of: &Val<'a>) -> Result<&'a [Value<'a>], Stop> {
    match of {
        Val::Data(Value::Array(it)) => Ok(it),
        other => Err(invalid(builtin, other)),
    }
}

fn invalid(builtin: Builtin, got: &Val<'_>) -> Stop {
    format!("invalid argument for {} (type {})", builtin.name(), got.type_name()).into()
}
