//! Maps and lists.

use std::borrow::Cow;

use golang::number;

use super::kind::items;
use super::{Env, Function, Kind, Slot, function, may_take, take, takes, text};
use crate::compare;
use crate::tree::Comparison;
use crate::value::{List, Map, Value, base64};

pub(super) const ALL: &[Function] = &[
    function("Len", &[takes("target", Kind::Any)], len)
        .says("The bytes of a text, or the items of a list or map.", "Len([1, 2]) == 2"),
    function("Keys", &[takes("target", Kind::Map)], |_, it| {
        let [Value::Map(map)] = it else { return Ok(Value::Nil) };
        let keys = map.entries().into_iter().map(|it| Value::Text(it.0));
        Ok(Value::List(List::own(keys.collect())))
    })
    .says("The keys of a map, as a list.", "Keys({\"a\": 1}) == [\"a\"]"),
    function("Values", &[takes("target", Kind::Map)], |_, it| {
        let [Value::Map(map)] = it else { return Ok(Value::Nil) };
        let values = map.entries().into_iter().map(|it| it.1);
        Ok(Value::List(List::own(values.collect())))
    })
    .says("The values of a map, as a list.", "Values({\"a\": 1}) == [1]"),
    function("Index", &[takes("target", Kind::Any), takes("value", Kind::Any)], index).says(
        "Where a value is in a list, or a text in a text; -1 if it is not there.",
        "Index(\"hello\", \"l\") == 2",
    ),
    function("Sort", &[takes("target", Kind::Any), may_take("order", Kind::TheText)], sort)
        .prepared(an_order)
        .says(
            "A list in order, `asc` (the default) or `desc`: as numbers if all are, else as texts.",
            "Sort([3, 1.5, 2]) == [1.5, 2, 3]",
        ),
    function(
        "SliceToMap",
        &[
            takes("target", Kind::List),
            may_take("key_path", Kind::EachTheText),
            may_take("value_path", Kind::EachTheText),
        ],
        slice_to_map,
    )
    .says(
        "A map of the items of a list, with their numbers or what is at a path within them as keys.",
        "SliceToMap([\"p\", \"q\"]) == {\"0\": \"p\", \"1\": \"q\"}",
    ),
    function(
        "ToKeyValueString",
        &[
            takes("target", Kind::Map),
            may_take("delimiter", Kind::TheText),
            may_take("pair_delimiter", Kind::TheText),
            may_take("sort_output", Kind::TheBool),
        ],
        |_, it| Ok(to_key_value(it)),
    )
    .prepared(super::parsers::delimiters)
    .says(
        "A map as a text of keys and values.",
        "ToKeyValueString({\"k1\": \"v1\", \"k2\": \"v 2\"}) == \"k1=v1 k2=\\\"v 2\\\"\"",
    ),
];

fn len<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let length = match values {
        [Value::Text(it)] => Some(it.len()),
        [Value::Bytes(it)] => Some(it.len()),
        [Value::Map(it)] => Some(it.len()),
        [Value::List(it)] => Some(it.len()),
        [Value::Opaque(_, length)] => *length,
        _ => None,
    };
    length.map(|it| Value::Int(number::int(it))).ok_or_else(|| {
        let shown = values.first().map_or("<nil>", go_type);
        format!(
            "Len: unsupported target type {shown}. target arg must be of type string, []any, \
             map[string]any, pcommon.Map, pcommon.Slice, pcommon.Value (of type String, Map, Slice) \
             or a supported slice type from the plog, pmetric or ptrace packages"
        )
    })
}

fn index<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let at = match values {
        [Value::Text(target), Value::Text(value)] => target.find(value.as_ref()),
        [Value::Text(_), _] => {
            return Err("invalid value type for Index function, value must be a string".to_owned());
        }
        [list @ Value::List(_), value] => {
            items(list).iter().position(|it| compare::holds(Comparison::Equal, it, value))
        }
        [other, _] => return Err(format!("expected pcommon.Slice but got {}", other.go_type())),
        _ => None,
    };
    Ok(Value::Int(at.map_or(-1, number::int)))
}

fn an_order(slots: &[Slot]) -> Result<super::State, String> {
    match super::constant_text(slots, 1) {
        None | Some("asc" | "desc") => Ok(super::State::None),
        Some(other) => {
            Err(format!("invalid arguments: {other}. Order should be either \"asc\" or \"desc\""))
        }
    }
}

/// How the items of a list are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Numbers,
    Texts,
}

/// Numbers of both kinds are sorted as numbers; where there is something else, all are sorted as texts. Lists with
/// maps, lists or bytes stay as they are.
fn sort<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let descending = text(values, 1) == "desc";
    let Some(list @ Value::List(_)) = values.first() else {
        let shown = values.first().map_or("<nil>", go_type);
        return Err(format!("sort with unsupported type: '{shown}'. Target is not a list"));
    };
    let mut order = Order::Numbers;
    for item in items(list) {
        match item {
            Value::Int(_) | Value::Double(_) => {}
            Value::Text(_) | Value::Bool(_) | Value::Nil => order = Order::Texts,
            _ => return Ok(take(values, 0)),
        }
    }
    let mut items = items(list);
    let whole = items.iter().all(|it| matches!(it, Value::Int(_)));
    let compare = |a: &Value<'_>, b: &Value<'_>| match (order, a, b) {
        (Order::Numbers, Value::Int(a), Value::Int(b)) if whole => a.cmp(b),
        (Order::Numbers, ..) => number(a)
            .partial_cmp(&number(b))
            .unwrap_or_else(|| number(b).is_nan().cmp(&number(a).is_nan())),
        (Order::Texts, ..) => as_string(a).cmp(&as_string(b)),
    };
    items.sort_by(|a, b| if descending { compare(b, a) } else { compare(a, b) });
    Ok(Value::List(List::own(items)))
}

fn number(value: &Value<'_>) -> f64 {
    match value {
        Value::Int(it) => *it as f64,
        Value::Double(it) => *it,
        _ => 0.0,
    }
}

/// Go's name of the type in messages.
fn go_type(value: &Value<'_>) -> &'static str {
    if matches!(value, Value::Nil) { "<nil>" } else { value.go_type() }
}

/// An attribute value as a text: pcommon's `Value.AsString`.
pub(super) fn as_string<'v>(value: &'v Value<'_>) -> Cow<'v, str> {
    match value {
        Value::Text(it) => it.as_ref().into(),
        Value::Nil => "".into(),
        Value::Bytes(it) => base64(it).into(),
        other => other.json_text().unwrap_or_default().into(),
    }
}

fn slice_to_map<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let path = |at: usize| match values.get(at) {
        Some(path @ Value::List(_)) => Some(items(path)),
        _ => None,
    };
    let (key_path, value_path) = (path(1), path(2));
    let mut entries: Vec<(Cow<'a, str>, Value<'a>)> = Vec::new();
    let list = values.first().map(items).unwrap_or_default();
    for (at, item) in list.into_iter().enumerate() {
        if (key_path.is_some() || value_path.is_some()) && !matches!(item, Value::Map(_)) {
            return Err(format!(
                "slice elements must be maps when using `key_path` or `value_path`, but could not \
                 cast element of type `{}` to a map",
                item.kind()
            ));
        }
        let key = match &key_path {
            None => at.to_string().into(),
            Some(path) => match at_path(&item, path) {
                Ok(Value::Text(it)) => it,
                Ok(other) => {
                    return Err(format!(
                        "element {at}: extracted key attribute is not of type string, got {:?}",
                        other.kind()
                    ));
                }
                Err(it) => return Err(format!("could not extract key from element {at}: {it}")),
            },
        };
        let value = match &value_path {
            None => item,
            Some(path) => at_path(&item, path)
                .map_err(|it| format!("could not extract value from element {at}: {it}"))?,
        };
        match entries.iter_mut().find(|it| it.0 == key) {
            Some(entry) => entry.1 = value,
            None => entries.push((key, value)),
        }
    }
    Ok(Value::Map(Map::own(entries)))
}

/// What is at a path of keys within a map.
fn at_path<'a>(item: &Value<'a>, path: &[Value<'_>]) -> Result<Value<'a>, String> {
    if path.is_empty() {
        return Err("must provide at least one path item".to_owned());
    }
    let mut value = item.clone();
    for (at, key) in path.iter().enumerate() {
        let (Value::Map(map), Value::Text(key)) = (&value, key) else { return missing(path, at) };
        match map.get(key) {
            Some(found) => value = found,
            None => return missing(path, at),
        }
    }
    Ok(value)
}

fn missing<T>(path: &[Value<'_>], at: usize) -> Result<T, String> {
    // Go shows the part of the path that is left there.
    let left: Vec<String> = path.iter().skip(at.saturating_sub(1)).map(Value::to_string).collect();
    Err(format!("provided object does not contain the path [{}]", left.join(" ")))
}

fn to_key_value<'a>(values: &[Value<'a>]) -> Value<'a> {
    let or = |at, default: &'static str| match values.get(at) {
        Some(Value::Text(it)) => it.clone().into_owned(),
        _ => default.to_owned(),
    };
    let (delimiter, pairs) = (or(1, "="), or(2, " "));
    let Some(Value::Map(map)) = values.first() else { return Value::Nil };
    let mut entries = map.entries();
    if matches!(values.get(3), Some(Value::Bool(true))) {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
    }
    let quoted = |it: &str| {
        let bare = it.replace('"', "\\\"");
        let odd = bare.contains(&pairs) || bare.contains(&delimiter);
        if odd { format!("\"{bare}\"") } else { bare }
    };
    let parts = entries
        .iter()
        .map(|(key, value)| format!("{}{delimiter}{}", quoted(key), quoted(&as_string(value))));
    parts.collect::<Vec<_>>().join(&pairs).into()
}
