//! `ParseSeverity`: which level a mapping gives to a word or number.

use super::{Env, Function, Kind, Slot, State, function, takes};
use crate::value::{Map, Value};

pub(super) const ALL: &[Function] = &[function(
    "ParseSeverity",
    &[takes("target", Kind::Any), takes("mapping", Kind::Map)],
    parse_severity,
)
.prepared(|it| Ok(State::Levels(prepared(it))))
.says(
    "The level whose criteria a word (`equals`) or a whole number (`range`, also `2xx` to `5xx`) meets; \
     the mapping must be a constant.",
    "ParseSeverity(503, {\"error\": [{\"equals\": [\"err\"]}, {\"range\": \"5xx\"}]}) == \"error\"",
)];

/// One of the criteria of a level.
#[derive(Debug, Default)]
struct Criterion {
    equals: Vec<String>,
    range: Option<(i64, i64)>,
}

/// The levels with their criteria.
#[derive(Debug)]
pub(crate) struct Levels(Vec<(String, Vec<Criterion>)>);

/// A mistake in the mapping is told when the function is called, as the Collector does it.
fn prepared(slots: &[Slot]) -> Result<Levels, String> {
    let constant = match slots.get(1) {
        Some(Slot::One(getter)) => getter.constant(),
        _ => None,
    };
    match constant {
        Some(Value::Map(map)) => levels(map),
        _ => Err("severity mapping must be a literal PMap".to_owned()),
    }
}

fn levels(mapping: &Map<'_>) -> Result<Levels, String> {
    let level = |(name, list): (std::borrow::Cow<'_, str>, Value<'_>)| {
        let Value::List(list) = list else {
            return Err("severity mapping criteria must be []any".to_owned());
        };
        let criteria = list.items().into_iter().map(|it| match it {
            Value::Map(it) => {
                criterion(&it).map_err(|it| format!("invalid severity mapping criteria: {it}"))
            }
            _ => Err("severity mapping criteria items must be map[string]any".to_owned()),
        });
        Ok((name.into_owned(), criteria.collect::<Result<_, _>>()?))
    };
    Ok(Levels(mapping.entries().into_iter().map(level).collect::<Result<_, _>>()?))
}

fn criterion(map: &Map<'_>) -> Result<Criterion, String> {
    let mut criterion = Criterion::default();
    match map.get("equals") {
        None => {}
        Some(Value::List(list)) => {
            for item in list.items() {
                let Value::Text(it) = item else {
                    return Err("equals values must be strings".to_owned());
                };
                criterion.equals.push(it.into_owned());
            }
        }
        Some(_) => return Err("equals must be a list".to_owned()),
    }
    let range = match map.get("range") {
        None => return Ok(criterion),
        Some(Value::Map(range)) => {
            let end = |name: &str| match range.get(name) {
                None => Err(format!("range must have a {name} value")),
                Some(Value::Int(it)) => Ok(it),
                Some(_) => Err(format!("{name} must be an int64")),
            };
            if range.get("min").is_some() && range.get("max").is_none() {
                return Err("range must have a max value".to_owned());
            }
            (end("min")?, end("max")?)
        }
        Some(Value::Text(it)) => match it.as_ref() {
            "2xx" => (200, 299),
            "3xx" => (300, 399),
            "4xx" => (400, 499),
            "5xx" => (500, 599),
            other => return Err(format!("unknown range placeholder: {other}")),
        },
        Some(_) => return Err("range must be a map or a known placeholder string".to_owned()),
    };
    criterion.range = Some(range);
    Ok(criterion)
}

fn parse_severity<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let State::Levels(levels) = env.state else { return Ok(Value::Nil) };
    let levels = levels.as_ref().map_err(Clone::clone)?;
    let Some(value) = values.first() else { return Ok(Value::Nil) };
    let meets = |it: &Criterion| match value {
        Value::Text(word) => it.equals.iter().any(|it| it == word),
        Value::Int(number) => it.range.is_some_and(|(min, max)| (min..=max).contains(number)),
        _ => false,
    };
    let some = levels.0.iter().any(|it| !it.1.is_empty());
    if some && !matches!(value, Value::Text(_) | Value::Int(_)) {
        let shown = if matches!(value, Value::Nil) { "<nil>" } else { value.go_type() };
        return Err(format!(
            "could not map log level: could not evaluate log level of value '{value}': unsupported \
             value type: {shown}"
        ));
    }
    let found = levels.0.iter().find(|it| it.1.iter().any(meets));
    match found {
        Some((level, _)) => Ok(level.as_str().into()),
        None => {
            Err(format!("could not map log level: no matching log level found for value '{value}'"))
        }
    }
}
