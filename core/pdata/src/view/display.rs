//! Values as text, as the Go Collector's `Value.AsString` has it: text as it is, numbers as in
//! JSON, bytes in base64, lists and maps as JSON with sorted keys.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::value::{AttributesRef, ValueRef};
use crate::text::{Base64, json_number, json_string};

impl fmt::Display for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ValueRef::Empty => Ok(()),
            ValueRef::Str(it) => f.write_str(it),
            ValueRef::Bool(it) => write!(f, "{it}"),
            ValueRef::Int(it) => write!(f, "{it}"),
            ValueRef::Double(it) if it.is_nan() => f.write_str("json: unsupported value: NaN"),
            ValueRef::Double(it) if it.is_infinite() => {
                let sign = if it > 0.0 { '+' } else { '-' };
                write!(f, "json: unsupported value: {sign}Inf")
            }
            ValueRef::Double(it) => json_number(f, it),
            ValueRef::Bytes(it) => f.write_str(&Base64::STANDARD.encode(it)),
            ValueRef::Array(_) | ValueRef::Map(_) => {
                let mut text = String::new();
                match json(&mut text, *self) {
                    Ok(()) => f.write_str(&text),
                    // JSON has no infinity: Go's encoder gives up on the whole value.
                    Err(fmt::Error) => Ok(()),
                }
            }
        }
    }
}

fn json(out: &mut String, value: ValueRef<'_>) -> fmt::Result {
    match value {
        ValueRef::Empty => out.write_str("null"),
        ValueRef::Str(it) => json_string(out, it),
        ValueRef::Double(it) if !it.is_finite() => Err(fmt::Error),
        ValueRef::Bool(_) | ValueRef::Int(_) | ValueRef::Double(_) => write!(out, "{value}"),
        ValueRef::Bytes(it) => {
            out.push('"');
            out.push_str(&Base64::STANDARD.encode(it));
            out.write_char('"')
        }
        ValueRef::Array(it) => {
            out.push('[');
            for (index, it) in it.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                json(out, it)?;
            }
            out.write_char(']')
        }
        ValueRef::Map(it) => map(out, it),
    }
}

/// Keys sorted, as Go's encoder does; of equal keys the last one.
fn map(out: &mut String, map: AttributesRef<'_>) -> fmt::Result {
    let entries: BTreeMap<_, _> = map.iter().collect();
    out.push('{');
    for (index, (key, value)) in entries.into_iter().enumerate() {
        out.push_str(if index > 0 { "," } else { "" });
        json_string(out, key)?;
        out.push(':');
        json(out, value)?;
    }
    out.write_char('}')
}

#[cfg(test)]
mod tests {
    use crate::{Limits, Logs};

    #[track_caller]
    fn check(value: &str, want: &str) {
        let text = format!(
            r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{value}}}]}}]}}]}}"#
        );
        let logs = Logs::from_json(text.as_bytes(), &Limits::default()).unwrap();
        let body = logs.records().next().and_then(crate::LogRecord::body).unwrap();
        assert_eq!(body.to_string(), want);
    }

    #[test]
    fn values_print_as_in_go() {
        check("{}", "");
        check(r#"{"stringValue":"a<b"}"#, "a<b");
        check(r#"{"boolValue":true}"#, "true");
        check(r#"{"intValue":"-7"}"#, "-7");
        check(r#"{"doubleValue":3}"#, "3");
        check(r#"{"doubleValue":1e21}"#, "1e+21");
        check(r#"{"doubleValue":1.5e-7}"#, "1.5e-7");
        check(r#"{"doubleValue":"-Infinity"}"#, "json: unsupported value: -Inf");
        check(r#"{"bytesValue":"AQI="}"#, "AQI=");
        check(
            r#"{"kvlistValue":{"values":[{"key":"b","value":{"stringValue":"<\n"}},
                {"key":"a","value":{"arrayValue":{"values":[{"intValue":1},{},
                {"bytesValue":"AQ=="},{"doubleValue":0.5}]}}}]}}"#,
            r#"{"a":[1,null,"AQ==",0.5],"b":"\u003c\n"}"#,
        );
        check(r#"{"arrayValue":{"values":[{"doubleValue":"NaN"}]}}"#, "");
    }
}
