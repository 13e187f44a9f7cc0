//! Values of Rego, of OTLP and of a section, one as the other.

use pdata::{ValueBuf, ValueWriter};
use rego::Value;

/// Most entries of a list or map in a decision.
pub(crate) const ENTRIES_MAX: usize = 1_024;
/// How deep a value of a decision may nest.
const DEPTH_MAX: usize = 64;

/// The text that a key of a decision must have.
pub(crate) fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str, String> {
    match value {
        Value::String(it) => Ok(it),
        other => Err(format!("{key} has {} where a text is wanted", shown(other))),
    }
}

/// The items of a list or set, sorted in the latter case.
pub(crate) fn items<'v>(value: &'v Value, key: &str) -> Result<Vec<&'v Value>, String> {
    let all: Vec<&Value> = match value {
        Value::Array(it) => it.iter().take(ENTRIES_MAX).collect(),
        Value::Set(it) => it.iter().take(ENTRIES_MAX).collect(),
        other => return Err(format!("{key} is {}, and must be a list", shown(other))),
    };
    Ok(all)
}

/// A rule holds if its answer is the one that is wanted. A set or list holds if there is something in it.
pub(crate) fn holds(answer: &Value, is: bool) -> bool {
    let truth = match answer {
        Value::Bool(it) => *it,
        Value::Set(it) => !it.is_empty(),
        Value::Array(it) => !it.is_empty(),
        _ => return false,
    };
    truth == is
}

/// The beginning of a value, for messages.
pub(crate) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// A value of Rego as one of OTLP.
pub(crate) fn to_otlp(value: &Value) -> Result<ValueBuf, String> {
    if depth(value) > DEPTH_MAX {
        return Err(format!("a value nests deeper than {DEPTH_MAX}"));
    }
    Ok(ValueBuf::build(|out| write(value, out)))
}

fn depth(value: &Value) -> usize {
    let below = match value {
        Value::Array(it) => it.iter().map(depth).max(),
        Value::Set(it) => it.iter().map(depth).max(),
        Value::Object(it) => it.values().map(depth).max(),
        _ => return 0,
    };
    1 + below.unwrap_or(0)
}

fn write(value: &Value, out: &mut ValueWriter<'_>) {
    match value {
        Value::Null | Value::Undefined => {}
        Value::Bool(it) => out.put(*it),
        Value::Number(it) => match (it.as_i64(), it.as_f64()) {
            (Some(whole), _) => out.put(whole),
            (None, double) => out.put(double.unwrap_or(f64::NAN)),
        },
        Value::String(it) => out.put(it.as_ref()),
        Value::Array(it) => out.array(|out| {
            it.iter().for_each(|it| out.value(|out| write(it, out)));
        }),
        Value::Set(it) => out.array(|out| {
            it.iter().for_each(|it| out.value(|out| write(it, out)));
        }),
        Value::Object(it) => out.map(|out| {
            for (key, value) in it.iter_sorted() {
                let json;
                let key = match key {
                    Value::String(it) => it.as_ref(),
                    other => {
                        json = other.to_json_str().unwrap_or_default();
                        &json
                    }
                };
                out.value(key, |out| write(value, out));
            }
        }),
    }
}

/// A value of the section as one of Rego.
pub(crate) fn from_config(value: &::config::Value) -> Value {
    use ::config::Value as From;
    match value.plain() {
        From::Null => Value::Null,
        From::Bool(it) => (*it).into(),
        From::Int(it) => (*it).into(),
        From::Float(it) => (*it).into(),
        From::String(it) => it.as_str().into(),
        From::List(it) => it.iter().map(from_config).collect::<Vec<_>>().into(),
        From::Map(it) => {
            let mut whole = Value::new_object();
            if let Ok(entries) = whole.as_object_mut() {
                for (key, value) in it {
                    entries.insert(key.as_str().into(), from_config(value));
                }
            }
            whole
        }
        From::Sourced { .. } => Value::Null,
    }
}
