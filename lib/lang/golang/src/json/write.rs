//! Values to JSON text.

use pdata::text::{json_number, json_string};

use crate::strconv::float;
use crate::value::{Pair, Value};

/// Writes a value as Go's `json.MarshalIndent(value, "", "  ")`: keys sorted, HTML characters escaped.
pub fn write_pretty(value: &Value<'_>, out: &mut String) {
    write_at(value, out, 0);
}

fn write_at(value: &Value<'_>, out: &mut String, level: usize) {
    let line = |out: &mut String, level: usize| {
        out.push('\n');
        (0..level).for_each(|_| out.push_str("  "));
    };
    match value {
        Value::Bool(it) => out.push_str(if *it { "true" } else { "false" }),
        Value::Int(it) => out.push_str(&it.to_string()),
        Value::Double(it) if it.is_finite() => _ = json_number(out, *it),
        Value::Double(it) => out.push_str(&float(*it)),
        Value::Str(it) => _ = json_string(out, it),
        Value::Bytes(it) => _ = json_string(out, &String::from_utf8_lossy(it)),
        Value::Array([]) => out.push_str("[]"),
        Value::Map([]) => out.push_str("{}"),
        Value::Array(list) => {
            out.push('[');
            for (at, it) in list.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                line(out, level + 1);
                write_at(it, out, level + 1);
            }
            line(out, level);
            out.push(']');
        }
        Value::Map(pairs) => {
            let mut pairs: Vec<&Pair<'_>> = pairs.iter().collect();
            pairs.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, it)) in pairs.into_iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                line(out, level + 1);
                _ = json_string(out, key);
                out.push_str(": ");
                write_at(it, out, level + 1);
            }
            line(out, level);
            out.push('}');
        }
        _ => out.push_str("null"),
    }
}
