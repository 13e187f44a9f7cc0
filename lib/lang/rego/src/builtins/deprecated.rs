//! What OPA keeps for modules of v0.

use regorus::Value;

use super::args::{Answer, Failure, Table, failed, set, set_of, string, wrong};

pub const TABLE: Table = &[
    ("all", |args| Ok(Value::from(items(args)?.iter().all(|it| **it == Value::from(true))))),
    ("any", |args| Ok(Value::from(items(args)?.iter().any(|it| **it == Value::from(true))))),
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

fn items(args: &[Value]) -> Result<Vec<&Value>, Failure> {
    match args.first() {
        Some(Value::Array(items)) => Ok(items.iter().collect()),
        Some(Value::Set(items)) => Ok(items.iter().collect()),
        _ => wrong(args, 0, "one of {array, set}"),
    }
}

fn cast_array(args: &[Value]) -> Answer {
    match args.first() {
        Some(Value::Array(items)) => Ok(Value::Array(items.clone())),
        Some(Value::Set(items)) => {
            Ok(Value::from(items.iter_sorted().cloned().collect::<Vec<_>>()))
        }
        _ => wrong(args, 0, "one of {array, set}"),
    }
}

fn cast_set(args: &[Value]) -> Answer {
    items(args).map(|items| set_of(items.into_iter().cloned()))
}

fn cast(args: &[Value], expected: &str, fits: fn(&Value) -> bool) -> Answer {
    match args.first() {
        Some(value) if fits(value) => Ok(value.clone()),
        _ => wrong(args, 0, expected),
    }
}
