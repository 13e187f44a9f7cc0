//! A line in zap's console or JSON encoding.
//!
//! Console: `<time>\t<level>\t<caller>\t<message>\t<fields as JSON with blanks>`; JSON: one compact
//! object. What is the same in all lines is encoded once.

use std::fmt::Write as _;

use jiff::Zoned;
use serde_json::{Map, Value};
use tracing::Level;

/// What `encoding:` may be.
pub const NAMES: [&str; 2] = ["console", "json"];

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// For people: tab-separated.
    Console,
    /// One object per line.
    Json,
}

/// Writes lines.
#[derive(Debug)]
pub struct Encoder {
    encoding: Encoding,
    has_caller: bool,
    /// Encoded members that come first in every line, without braces.
    context: String,
}

/// What a line says.
#[derive(Debug)]
pub struct Entry<'a> {
    pub time: &'a str,
    pub level: Level,
    /// `file.rs:line`, below its crate.
    pub caller: &'a str,
    pub message: &'a str,
}

impl Encoder {
    /// For an `encoding:`; `context` is in every line.
    ///
    /// # Errors
    /// zap's text for an encoding that does not exist.
    pub fn new(
        encoding: &str,
        has_caller: bool,
        context: &Map<String, Value>,
    ) -> Result<Self, String> {
        let encoding = match encoding {
            "console" => Encoding::Console,
            "json" => Encoding::Json,
            "" => return Err("no encoder name specified".into()),
            other => return Err(format!("no encoder registered for name \"{other}\"")),
        };
        let mut encoder = Self { encoding, has_caller, context: String::new() };
        let mut members = String::new();
        for (key, value) in context {
            // zap hands a value that is not a scalar to Go's JSON encoder, which writes no blanks.
            encoder.member(key, "", &mut members);
            json(value, false, &mut members);
        }
        encoder.context = members;
        Ok(encoder)
    }

    /// Adds the process, behind what is there.
    pub fn resource(&mut self, resource: &Map<String, Value>) {
        if resource.is_empty() {
            return;
        }
        let mut members = std::mem::take(&mut self.context);
        self.field("resource", &Value::Object(resource.clone()), &mut members);
        self.context = members;
    }

    /// Appends a member to encoded members.
    pub fn field(&self, key: &str, value: &Value, members: &mut String) {
        self.member(key, "", members);
        json(value, self.is_spaced(), members);
    }

    fn is_spaced(&self) -> bool {
        self.encoding == Encoding::Console
    }

    /// `, "key": ` and a text that is encoded already.
    fn member(&self, key: &str, encoded: &str, members: &mut String) {
        let blank = if self.is_spaced() { " " } else { "" };
        if !members.is_empty() {
            let _ = write!(members, ",{blank}");
        }
        string(key, members);
        let _ = write!(members, ":{blank}{encoded}");
    }

    /// A whole line; `fields` are encoded members.
    pub fn line(&self, entry: &Entry<'_>, fields: &str) -> String {
        let level = match entry.level {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            _ => "debug",
        };
        let context = &self.context;
        let both = !context.is_empty() && !fields.is_empty();
        let comma = match (both, self.encoding) {
            (false, _) => "",
            (true, Encoding::Console) => ", ",
            (true, Encoding::Json) => ",",
        };
        match self.encoding {
            Encoding::Console => {
                let mut line = format!("{}\t{level}", entry.time);
                if self.has_caller {
                    let _ = write!(line, "\t{}", entry.caller);
                }
                let _ = write!(line, "\t{}", entry.message);
                if !context.is_empty() || !fields.is_empty() {
                    let _ = write!(line, "\t{{{context}{comma}{fields}}}");
                }
                line.push('\n');
                line
            }
            Encoding::Json => {
                let mut members = format!("\"level\":\"{level}\",\"ts\":\"{}\"", entry.time);
                if self.has_caller {
                    members.push_str(",\"caller\":");
                    string(entry.caller, &mut members);
                }
                members.push_str(",\"msg\":");
                string(entry.message, &mut members);
                let rest = if context.is_empty() && fields.is_empty() { "" } else { "," };
                format!("{{{members}{rest}{context}{comma}{fields}}}\n")
            }
        }
    }
}

/// `2006-01-02T15:04:05.000Z0700`, in the time zone of the process.
pub fn now() -> String {
    stamp(&Zoned::now())
}

fn stamp(time: &Zoned) -> String {
    let zone = if time.offset().is_zero() { "Z" } else { "%z" };
    time.strftime(&format!("%Y-%m-%dT%H:%M:%S%.3f{zone}")).to_string()
}

/// JSON as zap writes it; `spaced` puts a blank behind `:` and `,`.
fn json(value: &Value, spaced: bool, out: &mut String) {
    let blank = if spaced { " " } else { "" };
    match value {
        Value::String(text) => string(text, out),
        Value::Number(number) => match number.as_f64() {
            // Go writes 1, not 1.0, and no exponent.
            Some(float) if number.is_f64() => drop(write!(out, "{float}")),
            _ => drop(write!(out, "{number}")),
        },
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    let _ = write!(out, ",{blank}");
                }
                json(item, spaced, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (n, (key, value)) in members.iter().enumerate() {
                if n > 0 {
                    let _ = write!(out, ",{blank}");
                }
                string(key, out);
                let _ = write!(out, ":{blank}");
                json(value, spaced, out);
            }
            out.push('}');
        }
        scalar => drop(write!(out, "{scalar}")),
    }
}

/// A quoted text; only what JSON demands is escaped, `zapcore/json_encoder.go`.
fn string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..' ' => drop(write!(out, "\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ENTRY: Entry<'_> =
        Entry { time: "T", level: Level::WARN, caller: "x/y.rs:1", message: "it's\t\"so\"" };

    #[track_caller]
    fn check(encoding: &str, has_caller: bool, context: Value, fields: Value, want: &str) {
        let mut encoder = Encoder::new(encoding, has_caller, context.as_object().unwrap()).unwrap();
        encoder.resource(json!({"service.name": "s"}).as_object().unwrap());
        let mut members = String::new();
        for (key, value) in fields.as_object().unwrap() {
            encoder.field(key, value, &mut members);
        }
        assert_eq!(encoder.line(&ENTRY, &members), want);
    }

    #[test]
    fn a_console_line_has_tabs_and_blanks() {
        let want = "T\twarn\tx/y.rs:1\tit's\t\"so\"\t{\"resource\": {\"service.name\": \"s\"}, \"a\": 1, \
            \"b\": {\"c\": 0.5, \"d\": 1}}\n";
        check("console", true, json!({}), json!({"a": 1, "b": {"c": 0.5, "d": 1.0}}), want);
        let want = "T\twarn\tit's\t\"so\"\t{\"resource\": {\"service.name\": \"s\"}}\n";
        check("console", false, json!({}), json!({}), want);
    }

    #[test]
    fn a_json_line_is_compact_and_escaped() {
        let want = "{\"level\":\"warn\",\"ts\":\"T\",\"caller\":\"x/y.rs:1\",\"msg\":\"it's\\t\\\"so\\\"\",\
            \"resource\":{\"service.name\":\"s\"},\"a\":\"\\u0001\\u0008<>\u{e9}\"}\n";
        check("json", true, json!({}), json!({"a": "\u{1}\u{8}<>\u{e9}"}), want);
        let parsed: Value = serde_json::from_str(want).unwrap();
        assert_eq!(parsed["a"], "\u{1}\u{8}<>\u{e9}");
    }

    #[test]
    fn initial_fields_come_before_the_resource_and_are_compact_inside() {
        let context = json!({"site": "a", "tags": {"x": [1, 2]}});
        let want = "T\twarn\tit's\t\"so\"\t{\"site\": \"a\", \"tags\": {\"x\":[1,2]}, \
            \"resource\": {\"service.name\": \"s\"}}\n";
        check("console", false, context, json!({}), want);
    }

    #[test]
    fn an_unknown_encoding_is_refused_in_zaps_words() {
        let refused = |encoding| Encoder::new(encoding, true, &Map::new()).unwrap_err();
        assert_eq!(refused("logfmt"), "no encoder registered for name \"logfmt\"");
        assert_eq!(refused(""), "no encoder name specified");
    }

    #[test]
    fn times_have_the_zone_of_the_process() {
        let at = |zone: jiff::tz::Offset| {
            let time = jiff::Timestamp::from_millisecond(1_700_000_000_007).unwrap();
            stamp(&time.to_zoned(zone.to_time_zone()))
        };
        assert_eq!(at(jiff::tz::Offset::UTC), "2023-11-14T22:13:20.007Z");
        assert_eq!(at(jiff::tz::offset(-3)), "2023-11-14T19:13:20.007-0300");
    }
}
