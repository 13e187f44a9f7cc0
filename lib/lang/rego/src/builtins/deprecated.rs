//! What OPA keeps for modules of v0.

use regorus::Value;

use super::args::{Answer, Table, failed, items, set, set_of, string, wrong};

/// OPA's words for what most of these take.
const COLLECTION: &str = "one of {array, set}";

pub const TABLE: Table = &[
    ("all", |args| {
        let is_true = |it: &Value| *it == Value::from(true);
        Ok(Value::from(items(args, 0, COLLECTION)?.all(is_true)))
    }),
    ("any", |args| {
        let is_true = |it: &Value| *it == Value::from(true);
        Ok(Value::from(items(args, 0, COLLECTION)?.any(is_true)))
    }),
    ("cast_array", cast_array),
    ("cast_set", cast_set),
    ("cast_string", |args| cast(args, "string", |it| matches!(it, Value::String(_)))),
    ("cast_boolean", |args| cast(args, "boolean", |it| matches!(it, Value::Bool(_)))),
    ("cast_null", |args| cast(args, "null", |it| matches!(it, Value::Null))),
    ("cast_object", |args| cast(args, "object", |it| matches!(it, Value::Object(_)))),
    ("set_diff", |args| Ok(set(args, 0)?.difference(set(args, 1)?).into_value())),
    ("re_match", |args| {
        let (pattern, text) = (string(args, 0)?, string(args, 1)?);
        match golang::regexp::compile(pattern) {
            Ok(pattern) => Ok(Value::from(pattern.is_match(text))),
            Err(_) => failed(format!("error parsing regexp: {pattern}")),
        }
    }),
];

fn cast_array(args: &[Value]) -> Answer {
    match args.first() {
        Some(Value::Array(items)) => Ok(Value::Array(items.clone())),
        Some(Value::Set(items)) => {
            Ok(Value::from(items.iter_sorted().cloned().collect::<Vec<_>>()))
        }
        _ => wrong(args, 0, COLLECTION),
    }
}

fn cast_set(args: &[Value]) -> Answer {
    items(args, 0, COLLECTION).map(|items| set_of(items.cloned()))
}

fn cast(args: &[Value], expected: &str, fits: fn(&Value) -> bool) -> Answer {
    match args.first() {
        Some(value) if fits(value) => Ok(value.clone()),
        _ => wrong(args, 0, expected),
    }
}
