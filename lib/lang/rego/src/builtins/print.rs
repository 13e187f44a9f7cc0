//! How a value is written where OPA writes one: in template strings, by `%v` and by `print`.

use regorus::Value;

/// As a part of a text: a text without its quotes, all else as Rego writes it.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        other => rego(other),
    }
}

/// As Rego: sets in braces, `set()` if empty.
pub fn rego(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", join(items.iter())),
        Value::Set(items) if items.is_empty() => "set()".to_owned(),
        Value::Set(items) => format!("{{{}}}", join(items.iter_sorted())),
        Value::Object(entries) => {
            let entry = |(key, value)| format!("{}: {}", rego(key), rego(value));
            let entries: Vec<String> = entries.iter_sorted().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Undefined => "<undefined>".to_owned(),
        other => other.to_json_str().unwrap_or_default(),
    }
}

fn join<'a>(items: impl Iterator<Item = &'a Value>) -> String {
    items.map(rego).collect::<Vec<_>>().join(", ")
}

/// As Go prints a value with `%v`.
pub fn go_value(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(go_value).collect::<Vec<_>>().join(" "))
        }
        Value::Object(entries) => {
            let entry = |(key, value)| format!("{}:{}", go_value(key), go_value(value));
            format!("map[{}]", entries.iter_sorted().map(entry).collect::<Vec<_>>().join(" "))
        }
        Value::Null | Value::Undefined => "<no value>".to_owned(),
        other => rego(other),
    }
}
