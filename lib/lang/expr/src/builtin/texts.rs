//! Functions on text.

use bumpalo::collections::String as ArenaString;

use super::{Builtin, Env, RESULT_BYTES_MAX, Stop, Val, Value, invalid, list, text};
use golang::json;

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
            json::parse(it, env.arena, false).map_err(|problem| Stop::Wrong(problem.to_string()))
        }),
        _ => return None,
    };
    Some(result.map(Val::Data))
}

fn at(found: Option<usize>) -> Value<'static> {
    Value::Int(found.map_or(-1, |at| at as i64))
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
        (Builtin::ToBase64, _) => keep(encode_base64(of.as_bytes())),
        (Builtin::FromBase64, _) => match decode_base64(of) {
            Some(bytes) => Ok(golang::utf8::text(env.arena.alloc_slice_copy(&bytes), env.arena)),
            None => Err("illegal base64 data".to_owned().into()),
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

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode_base64(bytes: &[u8]) -> String {
    let mut all = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = BASE64[(bits >> (18 - 6 * at)) as usize & 63];
            all.push(if at > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    all
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let mut all = Vec::with_capacity(text.len() / 4 * 3);
    for chunk in digits.chunks(4) {
        let mut bits = 0u32;
        for digit in chunk {
            bits = bits << 6 | BASE64.iter().position(|it| it == digit)? as u32;
        }
        bits <<= 6 * (4 - chunk.len());
        all.extend_from_slice(&bits.to_be_bytes()[1..chunk.len()]);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_there_and_back_is_the_same() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(encode_base64(plain.as_bytes()), coded);
            assert_eq!(decode_base64(coded).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(decode_base64("Zg"), None);
        assert_eq!(decode_base64("!!!!"), None);
    }
}
