//! A writer of JSON: text goes to the output as it comes from the telemetry, without a tree in between.

use std::collections::HashSet;
use std::fmt::{self, Write as _};

use pdata::text::{Base64, hex_digits, json_escaped};
use pdata::{AttributesRef, ValueRef};

use crate::time::rfc3339_nanos;

/// Attributes up to which a key is looked for among those before it; with more, a set of the keys is made.
const KEYS_ON_STACK: usize = 24;
/// Of the largest number.
const DIGITS_MAX: usize = 20;

/// How bytes are written, which JSON has no form for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bytes {
    /// In hexadecimal digits.
    Hex,
    /// In base64.
    Base64,
}

/// An object in the making: commas stand between its members.
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

/// Writes an object.
pub fn object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    let mut object = Object { out, empty: true };
    fill(&mut object);
    object.out.push(b'}');
}

impl Object<'_> {
    /// Writes a key; its value has to follow.
    pub fn key(&mut self, key: &str) -> &mut Vec<u8> {
        self.comma();
        text(self.out, key);
        self.out.push(b':');
        self.out
    }

    /// Where whole members can be written: `"a":1,"b":2`. Only where they are some.
    pub fn members(&mut self, members: &[u8]) {
        if !members.is_empty() {
            self.comma();
            self.out.extend_from_slice(members);
        }
    }

    fn comma(&mut self) {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(b',');
        }
    }

    /// A text.
    pub fn text(&mut self, key: &str, value: &str) {
        text(self.key(key), value);
    }

    /// A text, unless it is empty.
    pub fn text_if_any(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.text(key, value);
        }
    }

    /// Digits of bytes, unless there are none or all are zero: ids.
    pub fn id_if_any(&mut self, key: &str, id: &[u8]) {
        if id.iter().any(|it| *it != 0) {
            hex(self.key(key), id);
        }
    }

    /// Digits of an id; an empty text if there is none.
    pub fn id(&mut self, key: &str, it: &[u8]) {
        id(self.key(key), it);
    }

    /// A point in time, in nanoseconds since 1970.
    pub fn time(&mut self, key: &str, unix_nanos: u64) {
        time(self.key(key), unix_nanos);
    }

    /// A whole number.
    pub fn int(&mut self, key: &str, value: i64) {
        int(self.key(key), value);
    }

    /// A whole number that is not negative.
    pub fn uint(&mut self, key: &str, value: u64) {
        uint(self.key(key), value);
    }

    /// A whole number, unless it is 0.
    pub fn uint_if_any(&mut self, key: &str, value: u64) {
        if value != 0 {
            self.uint(key, value);
        }
    }

    /// A value of telemetry.
    pub fn value(&mut self, key: &str, it: ValueRef<'_>, bytes: Bytes) {
        value(self.key(key), it, bytes);
    }

    /// An object.
    pub fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        object(self.key(key), fill);
    }
}

/// `"a":1,"b":2`: members that several objects have, for [`Object::members`].
pub fn members(fill: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, fill);
    out.pop();
    out.remove(0);
    out
}

/// Writes a list.
pub fn list<T>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// Writes a text in quotes.
pub fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    json_escaped(text, out);
    out.push(b'"');
}

/// Writes what prints as text in quotes.
pub fn display(out: &mut Vec<u8>, it: impl fmt::Display) {
    out.push(b'"');
    // It escapes into memory, which does not fail.
    let _ = write!(Escaping(out), "{it}");
    out.push(b'"');
}

/// Writes a value as the text that the Collector prints for it, in quotes.
pub fn value_text(out: &mut Vec<u8>, it: ValueRef<'_>) {
    match it {
        ValueRef::Str(it) => text(out, it),
        ValueRef::Int(it) => {
            out.push(b'"');
            int(out, it);
            out.push(b'"');
        }
        ValueRef::Empty => out.extend_from_slice(b"\"\""),
        it => display(out, it),
    }
}

struct Escaping<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        json_escaped(text, self.0);
        Ok(())
    }
}

/// Writes the digits of bytes in quotes.
pub fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for byte in bytes {
        out.extend(hex_digits(*byte));
    }
    out.push(b'"');
}

/// Writes the digits of an id in quotes; nothing between them if there is none.
pub fn id(out: &mut Vec<u8>, id: &[u8]) {
    hex(out, if id.iter().any(|it| *it != 0) { id } else { &[] });
}

/// Writes a point in time in quotes, in UTC and with its nanoseconds.
pub fn time(out: &mut Vec<u8>, unix_nanos: u64) {
    out.push(b'"');
    rfc3339_nanos(out, unix_nanos);
    out.push(b'"');
}

/// Writes a whole number.
pub fn int(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    uint(out, value.unsigned_abs());
}

/// Writes a whole number that is not negative.
pub fn uint(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; DIGITS_MAX];
    let mut start = DIGITS_MAX;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (value % 10) as u8;
        start -= 1;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// Writes a number with a point or an exponent, so that a reader knows that it is no whole one. What JSON has no form for
/// (infinity, not a number) is null.
pub fn double(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    // Printing into memory does not fail.
    let _ = write!(Escaping(out), "{value:?}");
}

/// Writes a value of telemetry. Its depth is limited by [`pdata::Limits`].
pub fn value(out: &mut Vec<u8>, it: ValueRef<'_>, bytes: Bytes) {
    match it {
        ValueRef::Empty => out.extend_from_slice(b"null"),
        ValueRef::Str(it) => text(out, it),
        ValueRef::Bool(it) => out.extend_from_slice(if it { b"true" } else { b"false" }),
        ValueRef::Int(it) => int(out, it),
        ValueRef::Double(it) => double(out, it),
        ValueRef::Bytes(it) => match bytes {
            Bytes::Hex => hex(out, it),
            Bytes::Base64 => text(out, &Base64::STANDARD.encode(it)),
        },
        ValueRef::Array(it) => list(out, it.iter(), |out, it| value(out, it, bytes)),
        ValueRef::Map(it) => object(out, |object| {
            each_key(it, |key, it| object.value(key, it, bytes));
        }),
    }
}

/// Goes over attributes; of those with the same key only the first counts, as in all views: JSON has each key once.
pub fn each_key<'a>(attributes: AttributesRef<'a>, mut work: impl FnMut(&'a str, ValueRef<'a>)) {
    let mut seen = [""; KEYS_ON_STACK];
    let mut count = 0;
    let mut many = HashSet::new();
    for (key, value) in attributes.iter() {
        let before = seen.get(..count).unwrap_or(&seen);
        if before.contains(&key) || many.contains(key) {
            continue;
        }
        match seen.get_mut(count) {
            Some(slot) => *slot = key,
            None => drop(many.insert(key)),
        }
        count += 1;
        work(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_are_escaped_wherever_it_is_needed() {
        for long in ["", "sixteen letters.", "sixteen letters.and some"] {
            let it = format!("{long}\"\\\n\r\t\u{1}\u{7f}\u{fc}{long}\"");
            let out = written(|out| text(out, &it));
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), it, "{out}");
        }
        assert_eq!(written(|out| text(out, "a\u{1}b")), r#""a\u0001b""#);
        assert_eq!(written(|out| display(out, "a\"b")), r#""a\"b""#);
    }

    #[test]
    fn numbers_keep_their_kind() {
        for it in [0, 7, -7, 10, i64::MAX, i64::MIN] {
            assert_eq!(written(|out| int(out, it)), it.to_string());
        }
        assert_eq!(written(|out| uint(out, u64::MAX)), u64::MAX.to_string());
        for (it, want) in
            [(1.0, "1.0"), (0.5, "0.5"), (1e300, "1e300"), (-1e-7, "-1e-7"), (f64::NAN, "null")]
        {
            assert_eq!(written(|out| double(out, it)), want);
        }
    }

    #[test]
    fn a_key_that_comes_twice_is_written_once() {
        let pairs: Vec<String> = (0..60)
            .map(|at| format!(r#"{{"key":"k{}","value":{{"intValue":"{at}"}}}}"#, at % 30))
            .collect();
        let payload = format!(
            r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"attributes":[{}]}}]}}]}}]}}"#,
            pairs.join(",")
        );
        let logs = pdata::Logs::from_json(payload.as_bytes(), &pdata::Limits::default()).unwrap();
        let attributes = logs.records().next().unwrap().attributes();
        let mut seen = Vec::new();
        each_key(attributes, |key, value| seen.push((key, value.as_int().unwrap())));
        assert_eq!(seen.len(), 30);
        assert_eq!((seen[0], seen[29]), (("k0", 0), ("k29", 29)));
    }
}
