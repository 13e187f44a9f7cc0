//! Texts to maps and lists.

use std::borrow::Cow;

use super::types::compiled;
use super::{Env, Function, Kind, Slot, State, constant_text, function, may_take, takes, text};
use super::{json_reader, url};
use crate::value::{Map, Value};

pub(super) const ALL: &[Function] = &[
    function("ParseJSON", &[takes("target", Kind::Text)], parse_json).says(
        "The map or list that a JSON text says; all numbers are floating point numbers.",
        "ParseJSON(\"{\\\"id\\\": 1}\") == {\"id\": 1.0}",
    ),
    function(
        "ParseKeyValue",
        &[
            takes("target", Kind::Text),
            may_take("delimiter", Kind::TheText),
            may_take("pair_delimiter", Kind::TheText),
        ],
        parse_key_value,
    )
    .prepared(delimiters)
    .says(
        "A map of the pairs in a text; quotes keep what belongs together.",
        "ParseKeyValue(\"k1=v1 k2='v 2'\") == {\"k1\": \"v1\", \"k2\": \"v 2\"}",
    ),
    function(
        "ExtractPatterns",
        &[takes("target", Kind::Text), takes("pattern", Kind::Text)],
        extract_patterns,
    )
    .prepared(pattern)
    .says(
        "A map of what the named groups of a regular expression found; empty if it does not match.",
        "ExtractPatterns(\"aa123bb\", \"(?P<n>\\\\d+)\") == {\"n\": \"123\"}",
    ),
    function("URL", &[takes("uri", Kind::Text)], |_, it| url::parts(text(it, 0))).says(
        "The parts of a URL by their names in the semantic conventions.",
        "URL(\"http://h.test:80/f.gz\")[\"url.port\"] == 80",
    ),
];

fn parse_json<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let value = json_reader::read(text(values, 0))?;
    match value {
        Value::Map(_) | Value::List(_) => Ok(value),
        other => {
            let shown = if matches!(other, Value::Nil) { "<nil>" } else { other.go_type() };
            Err(format!("could not convert parsed value of type {shown} to JSON object"))
        }
    }
}

/// The delimiters of keys and of pairs, which are the second and third argument.
pub(super) fn delimiters(slots: &[Slot]) -> Result<State, String> {
    let delimiter = constant_text(slots, 1).unwrap_or("=");
    let pairs = constant_text(slots, 2).unwrap_or(" ");
    for (name, it) in [("delimiter", delimiter), ("pair delimiter", pairs)] {
        if it.is_empty() {
            return Err(format!("{name} cannot be set to an empty string"));
        }
    }
    if delimiter == pairs {
        return Err(format!("pair delimiter {pairs:?} cannot be equal to delimiter {delimiter:?}"));
    }
    Ok(State::None)
}

/// The parts between delimiters that are not within quotes, without the quotes; empty ones are left out. A
/// backslash stays, and the quote behind it is none (internal/coreinternal/parseutils/parser.go).
fn parts(text: &str, delimiter: &str) -> Result<Vec<String>, String> {
    let mut parts = Vec::new();
    let (mut part, mut quote, mut escaped) = (String::new(), None, false);
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        if quote.is_none()
            && let Some(after) = rest.strip_prefix(delimiter)
        {
            if !part.is_empty() {
                parts.push(std::mem::take(&mut part));
            }
            rest = after;
            continue;
        }
        rest = rest.get(sign.len_utf8()..).unwrap_or_default();
        if !escaped {
            if quote.is_none() && matches!(sign, '"' | '\'') {
                quote = Some(sign);
                continue;
            }
            if quote == Some(sign) {
                quote = None;
                continue;
            }
        }
        escaped = !escaped && sign == '\\';
        part.push(sign);
    }
    if quote.is_some() {
        return Err("never reached the end of a quoted value".to_owned());
    }
    if !part.is_empty() {
        parts.push(part);
    }
    Ok(parts)
}

fn parse_key_value<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let or = |at, default| match values.get(at) {
        Some(Value::Text(it)) => it.as_ref(),
        _ => default,
    };
    let (target, delimiter, pairs) = (text(values, 0), or(1, "="), or(2, " "));
    if target.is_empty() {
        return Err("cannot parse from empty target".to_owned());
    }
    let pairs = parts(target, pairs)
        .map_err(|it| format!("splitting source {target:?} into pairs failed: {it}"))?;
    let mut entries: Vec<(Cow<'a, str>, Value<'a>)> = Vec::new();
    let mut problems = Vec::new();
    for pair in &pairs {
        let Some((key, value)) = pair.split_once(delimiter) else {
            problems.push(format!("cannot split {pair:?} into 2 items, got 1 item(s)"));
            continue;
        };
        let (key, value) = (key.trim(), value.trim().to_owned().into());
        match entries.iter_mut().find(|it| it.0 == key) {
            Some(entry) => entry.1 = value,
            None => entries.push((key.to_owned().into(), value)),
        }
    }
    if problems.is_empty() {
        return Ok(Value::Map(Map::own(entries)));
    }
    Err(format!("failed to split pairs into key-values: {}", problems.join("; ")))
}

/// A pattern without named groups is told when the function is called, as the Collector does it.
fn pattern(slots: &[Slot]) -> Result<State, String> {
    compiled("ExtractPatterns", constant_text(slots, 1))
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
    if regex.capture_names().flatten().next().is_none() {
        let problem = "at least 1 named capture group must be supplied in the given regex";
        return Err(problem.to_owned());
    }
    let target = text(values, 0);
    let Some(found) = regex.captures(target) else { return Ok(Value::Map(Map::own(Vec::new()))) };
    let names = regex.capture_names().flatten();
    let entries = names.map(|name| {
        let part = found.name(name).map_or("", |it| it.as_str());
        (name.to_owned().into(), part.to_owned().into())
    });
    Ok(Value::Map(Map::own(entries.collect())))
}
