//! Values as JSON, in the way of Go's encoding/json: sorted keys, and `<`, `>` and `&` written as escapes.

use std::fmt::Write as _;

use pdata::ValueRef;
use pdata::text::json_string;

use super::civil::rfc3339;
use super::{List, Map, Value, base64};

/// Nesting of values that is written, in levels.
const DEPTH_MAX: usize = 128;

/// The text, if JSON has such a value.
pub(super) fn text(value: &Value<'_>) -> Option<String> {
    let mut out = String::new();
    write(&mut out, value, 0).then_some(out)
}

fn write(out: &mut String, value: &Value<'_>, depth: usize) -> bool {
    match value {
        _ if depth > DEPTH_MAX => return false,
        Value::Nil => out.push_str("null"),
        Value::Bool(it) => out.push_str(if *it { "true" } else { "false" }),
        Value::Int(it) | Value::Duration(it) => {
            let _ = write!(out, "{it}");
        }
        Value::Double(it) if it.is_finite() => {
            let _ = write!(out, "{}", ValueRef::Double(*it));
        }
        Value::Text(it) => _ = json_string(out, it),
        Value::Bytes(it) => _ = json_string(out, &base64(it)),
        Value::Time(it) => match rfc3339(*it) {
            Ok(it) => _ = json_string(out, &it),
            Err(_) => return false,
        },
        Value::Id(..) => {
            let numbers: Vec<String> = value.id().iter().map(u8::to_string).collect();
            let _ = write!(out, "[{}]", numbers.join(","));
        }
        Value::Map(Map::View(it)) => {
            let _ = write!(out, "{}", ValueRef::Map(*it));
        }
        Value::List(List::View(it)) => {
            let _ = write!(out, "{}", ValueRef::Array(*it));
        }
        Value::Map(it) => {
            let mut entries = it.entries();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            out.push('{');
            for (at, (key, value)) in entries.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                _ = json_string(out, key);
                out.push(':');
                if !write(out, value, depth + 1) {
                    return false;
                }
            }
            out.push('}');
        }
        Value::List(it) => {
            out.push('[');
            for (at, value) in it.items().iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                if !write(out, value, depth + 1) {
                    return false;
                }
            }
            out.push(']');
        }
        Value::Double(_) | Value::Opaque(..) => return false,
    }
    true
}
