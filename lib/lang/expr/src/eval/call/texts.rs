//! Functions on text.

use bumpalo::collections::String as ArenaString;
use golang::json::{self, Dialect};
use golang::number;
use golang::value::Value;
use pdata::text::Base64;

use super::{RESULT_BYTES_MAX, invalid, list, text};
use crate::builtin::Builtin;
use crate::eval::{Env, Stop, Val};

/// Calls a text function; `None` when `builtin` is none.
pub(super) fn call<'a>(
    env: &Env<'a, '_>,
    builtin: Builtin,
    args: &[Val<'a>],
) -> Option<Result<Val<'a>, Stop>> {
    let result = match builtin {
        Builtin::String
        | Builtin::Trim
        | Builtin::TrimPrefix
        | Builtin::TrimSuffix
        | Builtin::Upper
        | Builtin::Lower
        | Builtin::Repeat
        | Builtin::Replace
        | Builtin::Join
        | Builtin::ToJson
        | Builtin::ToBase64
        | Builtin::FromBase64 => make(env, builtin, args).map(Value::Str),
        Builtin::Split | Builtin::SplitAfter => split(env, builtin, args),
        Builtin::HasPrefix => pair(builtin, args).map(|(a, b)| Value::Bool(a.starts_with(b))),
        Builtin::HasSuffix => pair(builtin, args).map(|(a, b)| Value::Bool(a.ends_with(b))),
        Builtin::IndexOf => pair(builtin, args).map(|(a, b)| at(a.find(b))),
        Builtin::LastIndexOf => pair(builtin, args).map(|(a, b)| at(a.rfind(b))),
        Builtin::FromJson => text(builtin, &args[0]).and_then(|it| {
            json::parse(it, env.arena, Dialect::Standard, false)
                .map_err(|problem| Stop::Wrong(problem.to_string()))
        }),
        _ => return None,
    };
    Some(result.map(Val::Data))
}

fn at(found: Option<usize>) -> Value<'static> {
    Value::Int(found.map_or(-1, number::int))
}

fn pair<'a>(builtin: Builtin, args: &[Val<'a>]) -> Result<(&'a str, &'a str), Stop> {
    Ok((text(builtin, &args[0])?, text(builtin, &args[1])?))
}

fn make<'a>(env: &Env<'a, '_>, builtin: Builtin, args: &[Val<'a>]) -> Result<&'a str, Stop> {
    let keep = |it: String| -> Result<&'a str, Stop> { Ok(env.arena.alloc_str(&it)) };
    match (builtin, args) {
        (Builtin::String, [Val::Data(Value::Str(it))]) => return Ok(it),
        (Builtin::String, [of]) => return keep(of.display()),
        (Builtin::ToJson, [of]) => {
            let mut all = String::new();
            json::write_pretty(&of.into_value(env.arena), &mut all);
            return keep(all);
        }
        (Builtin::Join, [of, rest @ ..]) => {
            let glue = rest.first().map(|it| text(builtin, it)).transpose()?.unwrap_or("");
            return join(env, list(builtin, of)?, glue);
        }
        _ => {}
    }
    let of = text(builtin, &args[0])?;
    match (builtin, &args[1..]) {
        (Builtin::Trim, []) => Ok(of.trim()),
        (Builtin::Trim, [cut, ..]) => {
            let cut = text(builtin, cut)?;
            Ok(of.trim_matches(|c| cut.contains(c)))
        }
        (Builtin::TrimPrefix, rest) => {
            let prefix = rest.first().map(|it| text(builtin, it)).transpose()?.unwrap_or(" ");
            Ok(of.strip_prefix(prefix).unwrap_or(of))
        }
        (Builtin::TrimSuffix, rest) => {
            let suffix = rest.first().map(|it| text(builtin, it)).transpose()?.unwrap_or(" ");
            Ok(of.strip_suffix(suffix).unwrap_or(of))
        }
        (Builtin::Upper, _) => keep(of.to_uppercase()),
        (Builtin::Lower, _) => keep(of.to_lowercase()),
        (Builtin::Repeat, [times]) => {
            let Val::Data(Value::Int(times)) = times else { return Err(invalid(builtin, times)) };
            let times = usize::try_from(*times).unwrap_or(0);
            if of.len().saturating_mul(times) > RESULT_BYTES_MAX {
                return Err("memory budget exceeded".to_owned().into());
            }
            keep(of.repeat(times))
        }
        (Builtin::Replace, [old, new, rest @ ..]) => {
            let (old, new) = (text(builtin, old)?, text(builtin, new)?);
            let most = match rest.first() {
                Some(Val::Data(Value::Int(it))) => usize::try_from(*it).unwrap_or(usize::MAX),
                Some(other) => return Err(invalid(builtin, other)),
                None => usize::MAX,
            };
            let places = of.matches(old).count().min(most);
            if of.len().saturating_add(places.saturating_mul(new.len())) > RESULT_BYTES_MAX * 4 {
                return Err("memory budget exceeded".to_owned().into());
            }
            keep(of.replacen(old, new, most))
        }
        (Builtin::ToBase64, _) => keep(Base64::STANDARD.encode(of.as_bytes())),
        (Builtin::FromBase64, _) => match Base64::STANDARD.decode(of.as_bytes()) {
            Ok(bytes) => Ok(golang::utf8::text(env.arena.alloc_slice_copy(&bytes), env.arena)),
            Err(at) => Err(format!("illegal base64 data at input byte {at}").into()),
        },
        _ => Err(invalid(builtin, &args[0])),
    }
}

fn join<'a>(env: &Env<'a, '_>, all: &[Value<'a>], glue: &str) -> Result<&'a str, Stop> {
    let mut joined = ArenaString::new_in(env.arena);
    for (at, it) in all.iter().enumerate() {
        let it = text(Builtin::Join, &Val::Data(*it))?;
        if at > 0 {
            joined.push_str(glue);
        }
        joined.push_str(it);
    }
    Ok(joined.into_bump_str())
}

fn split<'a>(env: &Env<'a, '_>, builtin: Builtin, args: &[Val<'a>]) -> Result<Value<'a>, Stop> {
    let (of, separator) = pair(builtin, args)?;
    let most = match args.get(2) {
        Some(Val::Data(Value::Int(it))) => usize::try_from(*it).unwrap_or(usize::MAX),
        Some(other) => return Err(invalid(builtin, other)),
        None => usize::MAX,
    };
    let mut parts = bumpalo::collections::Vec::new_in(env.arena);
    if separator.is_empty() {
        let mut rest = of;
        while let Some(c) = rest.chars().next().filter(|_| parts.len() + 1 < most) {
            parts.push(Value::Str(&rest[..c.len_utf8()]));
            rest = &rest[c.len_utf8()..];
        }
        if !rest.is_empty() {
            parts.push(Value::Str(rest));
        }
        return Ok(Value::Array(parts.into_bump_slice()));
    }
    match builtin {
        Builtin::Split => parts.extend(of.splitn(most, separator).map(Value::Str)),
        _ => parts.extend(of.split_inclusive(separator).map(Value::Str)),
    }
    Ok(Value::Array(parts.into_bump_slice()))
}
