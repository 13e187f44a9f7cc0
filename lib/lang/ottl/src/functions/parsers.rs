//! Texts to maps and lists.

use serde_json::Value as Json;

use super::types::compiled;
use super::{Env, Function, Kind, State, constant_text, function, may_take, take, takes, text};
use crate::program::Slot;
use crate::value::{List, Map, Value};

pub(super) const ALL: &[Function] = &[
    function("ParseJSON", &[takes("target", Kind::Text)], parse_json),
    function(
        "ParseKeyValue",
        &[
            takes("target", Kind::Text),
            may_take("delimiter", Kind::TheText),
            may_take("pair_delimiter", Kind::TheText),
        ],
        parse_key_value,
    )
    .prepared(delimiters),
    function(
        "ExtractPatterns",
        &[takes("target", Kind::Text), takes("pattern", Kind::Text)],
        extract_patterns,
    )
    .prepared(pattern),
];

fn parse_json<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let json: Json = serde_json::from_str(text(values, 0)).map_err(|it| it.to_string())?;
    match json {
        Json::Object(_) | Json::Array(_) => Ok(value(json)),
        other => {
            let shown = match other {
                Json::String(_) => "string",
                Json::Number(_) => "float64",
                Json::Bool(_) => "bool",
                _ => "<nil>",
            };
            Err(format!("could not convert parsed value of type {shown} to JSON object"))
        }
    }
}

/// serde_json itself refuses what is nested more than 128 deep.
fn value<'a>(json: Json) -> Value<'a> {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(it) => Value::Bool(it),
        Json::Number(it) => Value::Double(it.as_f64().unwrap_or(f64::NAN)),
        Json::String(it) => it.into(),
        Json::Array(list) => Value::List(List::own(list.into_iter().map(value).collect())),
        Json::Object(entries) => {
            let entries = entries.into_iter().map(|(key, it)| (key.into(), value(it)));
            Value::Map(Map::own(entries.collect()))
        }
    }
}

fn delimiters(slots: &[Slot]) -> Result<State, String> {
    let delimiter = constant_text(slots, 1).unwrap_or("=");
    let pairs = constant_text(slots, 2).unwrap_or(" ");
    for it in [delimiter, pairs] {
        if it.is_empty() {
            return Err("delimiter cannot be set to an empty string".to_owned());
        }
    }
    if delimiter == pairs {
        return Err(format!("pair delimiter {pairs:?} cannot be equal to delimiter {delimiter:?}"));
    }
    Ok(State::None)
}

/// The parts between delimiters that are not within quotes.
fn parts<'t>(text: &'t str, delimiter: &str) -> Result<Vec<&'t str>, String> {
    let mut parts = Vec::new();
    let (mut start, mut at, mut quote) = (0, 0, None);
    while let Some(rest) = text.get(at..).filter(|it| !it.is_empty()) {
        let c = rest.chars().next().unwrap_or_default();
        if quote.is_none() && rest.starts_with(delimiter) {
            parts.push(text.get(start..at).unwrap_or_default());
            at += delimiter.len();
            start = at;
            continue;
        }
        match quote {
            Some(open) if open == c => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            _ => {}
        }
        at += c.len_utf8();
    }
    if quote.is_some() {
        return Err("never reached the end of a quoted value".to_owned());
    }
    parts.push(text.get(start..).unwrap_or_default());
    Ok(parts)
}

fn parse_key_value<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let delimiter = match values.get(1) {
        Some(Value::Text(it)) => it.clone().into_owned(),
        _ => "=".to_owned(),
    };
    let pairs = match values.get(2) {
        Some(Value::Text(it)) => it.clone().into_owned(),
        _ => " ".to_owned(),
    };
    let Value::Text(target) = take(values, 0) else { return Ok(Value::Nil) };
    if target.is_empty() {
        return Err("ParseKeyValue: target cannot be empty".to_owned());
    }
    let mut entries: Vec<(std::borrow::Cow<'a, str>, Value<'a>)> = Vec::new();
    let failed = |it: String| format!("splitting source {target:?} into pairs failed: {it}");
    for pair in parts(&target, &pairs).map_err(failed)? {
        if pair.trim().is_empty() {
            continue;
        }
        let Some((key, value)) = pair.split_once(delimiter.as_str()) else {
            return Err(format!(
                "failed to split pairs into key-values: cannot split {pair:?} into 2 items, got 1 \
                 item(s)"
            ));
        };
        let bare = |it: &str| it.trim().trim_matches(['"', '\'']).to_owned();
        let (key, value) = (bare(key), bare(value));
        match entries.iter_mut().find(|it| it.0 == key) {
            Some(entry) => entry.1 = value.into(),
            None => entries.push((key.into(), value.into())),
        }
    }
    Ok(Value::Map(Map::own(entries)))
}

fn pattern(slots: &[Slot]) -> Result<State, String> {
    let state = compiled("ExtractPatterns", constant_text(slots, 1))?;
    match &state {
        State::Regex(it) if it.capture_names().flatten().next().is_none() => {
            Err("at least 1 named capture group must be supplied in the given regex".to_owned())
        }
        _ => Ok(state),
    }
}

fn extract_patterns<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let fresh;
    let regex = if let State::Regex(it) = env.state {
        it
    } else {
        fresh = compiled("ExtractPatterns", Some(text(values, 1)))?;
        let State::Regex(it) = &fresh else { return Ok(Value::Nil) };
        it
    };
    let target = text(values, 0);
    let Some(found) = regex.captures(target) else { return Ok(Value::Map(Map::own(Vec::new()))) };
    let names = regex.capture_names().flatten();
    let entries = names.map(|name| {
        let part = found.name(name).map_or("", |it| it.as_str());
        (name.to_owned().into(), part.to_owned().into())
    });
    Ok(Value::Map(Map::own(entries.collect())))
}
