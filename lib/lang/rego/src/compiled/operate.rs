//! What operators do with values.

use regorus::Value;

use super::val::{Stop, Val};
use crate::builtins::operators;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Differ,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Comparison {
    pub(super) fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            "==" | "=" => Self::Equal,
            "!=" => Self::Differ,
            "<" => Self::Less,
            "<=" => Self::AtMost,
            ">" => Self::More,
            ">=" => Self::AtLeast,
            _ => return None,
        })
    }
}

pub(super) fn is_collection(value: &Val<'_>) -> bool {
    matches!(value.value(), Some(Value::Array(_) | Value::Set(_) | Value::Object(_)))
}

pub(super) fn put(object: &mut Value, key: Value, value: Value) -> Result<(), Stop> {
    if *object == Value::Undefined {
        *object = Value::new_object();
    }
    let entries = object.as_object_mut().map_err(|_| Stop)?;
    match entries.get(&key) {
        Some(other) if *other != value => return Err(Stop),
        Some(_) => {}
        None => drop(entries.insert(key, value)),
    }
    Ok(())
}

pub(super) fn index<'r>(base: Val<'r>, key: Val<'r>) -> Val<'r> {
    if key.is_undefined() {
        return Val::UNDEFINED;
    }
    let key = key.into_value();
    match base {
        Val::Text(_) => Val::UNDEFINED,
        Val::Ref(base) => Val::Ref(&base[&key]),
        Val::Own(base) => Val::Own(base[&key].clone()),
    }
}

/// A number finds the key that is its text, too: the interpreter knows.
pub(super) fn data_index<'r>(base: Val<'r>, key: Val<'r>) -> Result<Val<'r>, Stop> {
    let is_number = matches!(key.value(), Some(Value::Number(_)));
    let found = index(base, key);
    if is_number && found.is_undefined() { Err(Stop) } else { Ok(found) }
}

pub(super) fn compare<'r>(comparison: Comparison, left: &Val<'r>, right: &Val<'r>) -> Val<'r> {
    if left.is_undefined() || right.is_undefined() {
        return Val::UNDEFINED;
    }
    let holds = match comparison {
        Comparison::Equal => left.equals(right),
        Comparison::Differ => !left.equals(right),
        Comparison::Less => left.order(right).is_lt(),
        Comparison::AtMost => left.order(right).is_le(),
        Comparison::More => left.order(right).is_gt(),
        Comparison::AtLeast => left.order(right).is_ge(),
    };
    Val::Own(holds.into())
}

/// What cannot be computed is undefined, as errors of builtins are.
pub(super) fn operator<'r>(sign: char, left: &Val<'r>, right: &Val<'r>) -> Val<'r> {
    match (left.value(), right.value()) {
        (Some(left), Some(right)) => {
            Val::Own(operators::apply(sign, left, right).unwrap_or(Value::Undefined))
        }
        // A text of the record.
        _ => Val::UNDEFINED,
    }
}

pub(super) fn is_in(value: &Val<'_>, domain: &Val<'_>) -> bool {
    let is = |it: &Value| Val::Ref(it).equals(value);
    match domain.value() {
        Some(Value::Array(items)) => items.iter().any(is),
        Some(Value::Set(items)) => match value.value() {
            Some(value) => items.contains(value),
            None => items.iter().any(is),
        },
        Some(Value::Object(entries)) => entries.values().any(is),
        _ => false,
    }
}
