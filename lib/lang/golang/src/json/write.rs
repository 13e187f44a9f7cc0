//! Values to JSON text.

use std::fmt::Write as _;

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
        Value::Double(it) => out.push_str(&float(*it)),
        Value::Str(it) => write_text(it, out),
        Value::Bytes(it) => write_text(&String::from_utf8_lossy(it), out),
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
                write_text(key, out);
                out.push_str(": ");
                write_at(it, out, level + 1);
            }
            line(out, level);
            out.push('}');
        }
        _ => out.push_str("null"),
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\0'..' ' => _ = write!(out, "\\u{:04x}", c as u32),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
