//! A kubeconfig is YAML that others write, so it is not read by the reader of our configuration: no variables, no places, and
//! every plain scalar but `true` and `false` is a text.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Deepest nesting. A kubeconfig needs six.
const DEPTH_MAX: usize = 32;
/// Most values, aliases counted as what they stand for.
const VALUES_MAX: usize = 100_000;

/// The first document.
///
/// # Errors
/// What is no YAML, is nested too deeply, or uses aliases, which kubeconfigs do not.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    // JSON is YAML, and tools write it.
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    let mut open: Vec<Open> = Vec::new();
    let mut root = Value::Null;
    let mut values = 0;
    for next in Parser::new_from_str(text) {
        let (event, _) = next.map_err(|error| format!("yaml: {error}"))?;
        let done = match event {
            Event::MappingStart(..) => {
                open.push(Open::Map(Map::new(), None));
                None
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                None
            }
            Event::MappingEnd | Event::SequenceEnd => open.pop().map(Open::close),
            Event::Scalar(text, style, ..) => Some(scalar(&text, style)),
            Event::Alias(_) => return Err("yaml: aliases are not supported here".into()),
            Event::DocumentEnd | Event::StreamEnd => break,
            _ => None,
        };
        values += 1;
        if open.len() > DEPTH_MAX || values > VALUES_MAX {
            return Err(format!(
                "yaml: deeper than {DEPTH_MAX} or longer than {VALUES_MAX} values"
            ));
        }
        if let Some(value) = done {
            match open.last_mut() {
                Some(above) => above.take(value),
                None => root = value,
            }
        }
    }
    Ok(root)
}

/// A list or map that has begun.
enum Open {
    List(Vec<Value>),
    Map(Map<String, Value>, Option<String>),
}

impl Open {
    fn take(&mut self, value: Value) {
        match self {
            Self::List(items) => items.push(value),
            Self::Map(entries, key) => match key.take() {
                Some(key) => _ = entries.insert(key, value),
                None => *key = Some(value.as_str().map_or_else(|| value.to_string(), Into::into)),
            },
        }
    }

    fn close(self) -> Value {
        match self {
            Self::List(items) => Value::Array(items),
            Self::Map(entries, _) => Value::Object(entries),
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match (text, style) {
        ("true", ScalarStyle::Plain) => Value::Bool(true),
        ("false", ScalarStyle::Plain) => Value::Bool(false),
        ("" | "~" | "null", ScalarStyle::Plain) => Value::Null,
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn maps_lists_and_scalars_are_read() {
        let text = "apiVersion: v1\nusers:\n- name: a\n  user: {token: 12345, on: true}\n- name: 'true'\n  user: null\n";
        let want = json!({"apiVersion": "v1", "users": [
            {"name": "a", "user": {"token": "12345", "on": true}},
            {"name": "true", "user": null},
        ]});
        assert_eq!(parse(text).unwrap(), want);
        assert_eq!(parse(&want.to_string()).unwrap(), want);
        assert_eq!(parse("").unwrap(), Value::Null);
    }

    #[test]
    fn what_cannot_be_a_kubeconfig_is_refused() {
        assert!(parse("a: [").unwrap_err().starts_with("yaml: "));
        assert!(parse("a: &x 1\nb: *x").unwrap_err().contains("aliases"));
        assert!(parse(&"[".repeat(1000)).is_err());
    }
}
