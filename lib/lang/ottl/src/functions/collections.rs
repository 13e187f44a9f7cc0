//! Maps and lists.

use std::cmp::Ordering;

use super::kind::items;
use super::{Env, Function, Kind, function, may_take, takes, text};
use crate::compare;
use crate::program::Slot;
use crate::tree::Comparison;
use crate::value::{List, Value};

pub(super) const ALL: &[Function] = &[
    function("Len", &[takes("target", Kind::Any)], len),
    function("Keys", &[takes("target", Kind::Map)], |_, it| {
        let [Value::Map(map)] = it else { return Ok(Value::Nil) };
        let keys = map.entries().into_iter().map(|it| Value::Text(it.0));
        Ok(Value::List(List::own(keys.collect())))
    }),
    function("Values", &[takes("target", Kind::Map)], |_, it| {
        let [Value::Map(map)] = it else { return Ok(Value::Nil) };
        let values = map.entries().into_iter().map(|it| it.1);
        Ok(Value::List(List::own(values.collect())))
    }),
    function("Index", &[takes("target", Kind::Any), takes("value", Kind::Any)], index),
    function("Sort", &[takes("target", Kind::Any), may_take("order", Kind::TheText)], sort)
        .prepared(an_order),
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
    length.map(|it| Value::Int(it as i64)).ok_or_else(|| {
        let shown = values.first().map_or("nil", Value::go_type);
        format!(
            "Len: unsupported target type {shown}. target arg must be of type string, []any, \
             map[string]any, pcommon.Map, pcommon.Slice, or pcommon.Value (of type String, Map, \
             Slice)"
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
    Ok(Value::Int(at.map_or(-1, |it| it as i64)))
}

fn an_order(slots: &[Slot]) -> Result<super::State, String> {
    match super::constant_text(slots, 1) {
        None | Some("asc" | "desc") => Ok(super::State::None),
        Some(other) => {
            Err(format!("invalid arguments: {other}. Order should be either \"asc\" or \"desc\""))
        }
    }
}

/// Numbers of both kinds are sorted as numbers; a list of several types is sorted as texts.
fn sort<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let descending = text(values, 1) == "desc";
    let Some(list @ Value::List(_)) = values.first() else {
        let shown = values.first().map_or("nil", Value::go_type);
        return Err(format!("sort with unsupported type: '{shown}'"));
    };
    let mut items = items(list);
    let numbers = items.iter().all(|it| matches!(it, Value::Int(_) | Value::Double(_)));
    let bools = items.iter().all(|it| matches!(it, Value::Bool(_)));
    let compare = |a: &Value<'_>, b: &Value<'_>| match (a, b) {
        _ if numbers => number(a).total_cmp(&number(b)),
        (Value::Bool(a), Value::Bool(b)) if bools => a.cmp(b),
        _ => a.to_string().cmp(&b.to_string()),
    };
    items.sort_by(|a, b| if descending { compare(b, a) } else { compare(a, b) });
    debug_assert!(items.windows(2).all(|it| match it {
        [a, b] => compare(a, b) != if descending { Ordering::Less } else { Ordering::Greater },
        _ => true,
    }));
    Ok(Value::List(List::own(items)))
}

fn number(value: &Value<'_>) -> f64 {
    match value {
        Value::Int(it) => *it as f64,
        Value::Double(it) => *it,
        _ => 0.0,
    }
}
