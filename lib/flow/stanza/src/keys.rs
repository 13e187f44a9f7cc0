//! What the configurations of operators have in common.

use std::collections::BTreeMap;
use std::fmt;

use config::{Choice, Choices, Described, Fault, Problems, Remedy, Stage};
use expr::{Program, Template};
use golang::regexp;
use golang::time::Zone;
use regex::Regex;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};

use crate::field::{Field, FieldError};

/// The keys of every operator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Described)]
pub(crate) struct Basic {
    /// Which operator this is. Required.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The name by which other operators send records here. Default: the type, with a number behind it from the second
    /// operator of that type on.
    pub(crate) id: String,
}

/// The keys of every operator but the router.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Described)]
pub(crate) struct Common {
    #[serde(flatten)]
    pub(crate) basic: Basic,
    /// The ids of the operators that get the records. Default: the next operator of the list.
    pub(crate) output: Vec<String>,
    /// What becomes of a record on which the operator fails: `send` passes it on as it is at that moment, `drop` throws it
    /// away. Both write an error into the log; `send_quiet` and `drop_quiet` do not. Default `send`.
    pub(crate) on_error: Choice<OnError>,
    /// An expression. A record for which it is false passes by untouched. Default: none does.
    #[serde(rename = "if")]
    pub(crate) condition: String,
}

/// What becomes of a record that an operator fails on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum OnError {
    #[default]
    Send,
    SendQuiet,
    Drop,
    DropQuiet,
}

impl Choices for OnError {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("send", OnError::Send),
        ("send_quiet", OnError::SendQuiet),
        ("drop", OnError::Drop),
        ("drop_quiet", OnError::DropQuiet),
    ];
    const STAGE: Stage = Stage::Create;

    fn unknown(word: &str) -> String {
        let text = "operator config has an invalid `on_error` field.";
        format!("{text}: {{\"on_error\":{word:?}}}")
    }
}

impl Common {
    /// What becomes of records that the operator fails on, and the condition of those that it sees. The Collector's texts begin
    /// with `within`.
    pub(crate) fn plan(&self, within: &str, found: &mut Problems) -> (OnError, Option<Program>) {
        if let Some(fault) = self.on_error.refused("on_error") {
            found.add(Fault { text: format!("{within}{}", fault.text), ..fault });
        }
        let text = &self.condition;
        let compiled = if text.is_empty() {
            None
        } else {
            condition("if", text, found, |why| {
                format!("{within}failed to compile expression '{text}': {why}")
            })
        };
        (*self.on_error, compiled)
    }
}

/// Compiles a condition; `text` makes the Collector's text of what is wrong with it.
pub(crate) fn condition(
    key: &str,
    condition: &str,
    found: &mut Problems,
    text: impl FnOnce(&expr::Mistake) -> String,
) -> Option<Program> {
    match Program::condition(condition) {
        Ok(program) => Some(program),
        Err(problem) => {
            let fault = found.late(key, text(&problem));
            fault.remedy = problem.at.map(|it| Remedy::Part(it, Vec::new()));
            None
        }
    }
}

/// Compiles texts that may hold `EXPR(...)`; `text` makes the Collector's text of what is wrong with one.
pub(crate) fn templates(
    key: &str,
    texts: &BTreeMap<String, String>,
    found: &mut Problems,
    text: impl Fn(&expr::Mistake) -> String,
) -> Option<Vec<(String, Template)>> {
    let mut all = Some(Vec::with_capacity(texts.len()));
    for (name, template) in texts {
        match (Template::new(template), &mut all) {
            (Ok(template), Some(all)) => all.push((name.clone(), template)),
            (Ok(_), None) => {}
            (Err(problem), _) => {
                let fault = Fault::create(text(&problem)).within_key(name).within(key);
                found.add(fault).remedy = problem.at.map(|it| Remedy::Part(it, Vec::new()));
                all = None;
            }
        }
    }
    all
}

/// Compiles a pattern. Where a closing bracket makes it one, that was probably forgotten.
pub(crate) fn pattern(
    key: &str,
    pattern: &str,
    before: &str,
    found: &mut Problems,
) -> Option<Regex> {
    let problem = match regexp::compile(pattern) {
        Ok(regex) => return Some(regex),
        Err(problem) => problem,
    };
    let closed = [')', ']'].map(|sign| format!("{pattern}{sign}"));
    let closed = closed.iter().find(|it| regexp::compile(it).is_ok());
    let remedy = match closed {
        Some(closed) => Some(Remedy::Set(format!("'{}'", closed.replace('\'', "''")))),
        None => problem.at.map(|it| Remedy::Part(it, Vec::new())),
    };
    found.late(key, format!("{before}{}", problem.text)).remedy = remedy;
    None
}

/// What the Collector says of a place that is on no map.
pub(crate) fn unknown_zone(name: &str) -> String {
    format!("failed to load location {name}: unknown time zone {name}")
}

/// The name of a time zone at `key` is none; a similar one was probably meant.
pub(crate) fn no_zone(key: &str, name: &str, fault: &mut Fault) {
    fault.part(key, 0..name.len(), Zone::names().collect());
}

/// A place in a record as it is written, such as `attributes.level` or `body["log.level"]`; empty is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Described)]
#[serde(transparent)]
pub(crate) struct Place(String);

impl From<&str> for Place {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Place {
    /// The field that it means. A whole map of attributes is none.
    pub(crate) fn field(&self, key: &str, found: &mut Problems) -> Option<Field> {
        self.read(key, false, found)
    }

    /// The same where all attributes together are a field, too.
    pub(crate) fn root(&self, key: &str, found: &mut Problems) -> Option<Field> {
        self.read(key, true, found)
    }

    /// The field of a key that has to be there: without it the Collector says `missing`.
    pub(crate) fn required(&self, key: &str, missing: &str, found: &mut Problems) -> Option<Field> {
        self.or_missing(key, missing, found).and_then(|it| it.field(key, found))
    }

    /// The same where all attributes together are a field, too.
    pub(crate) fn required_root(
        &self,
        key: &str,
        missing: &str,
        found: &mut Problems,
    ) -> Option<Field> {
        self.or_missing(key, missing, found).and_then(|it| it.root(key, found))
    }

    fn or_missing(&self, key: &str, missing: &str, found: &mut Problems) -> Option<&Self> {
        if self.0.is_empty() {
            found.late("", missing).require(key, "body");
            return None;
        }
        Some(self)
    }

    fn read(&self, key: &str, rootable: bool, found: &mut Problems) -> Option<Field> {
        if self.0.is_empty() {
            return None;
        }
        match Field::parse(&self.0, rootable) {
            Ok(field) => Some(field),
            Err(problem) => {
                let fault = found.add(Fault::read(problem.text()).within(key));
                if problem == FieldError::Prefix {
                    fault.remedy = Some(Remedy::Set(self.with_prefix()));
                }
                None
            }
        }
    }

    /// What was probably meant where the prefix is missing: `$body` and `attribute.a` are known mistakes.
    fn with_prefix(&self) -> String {
        let text = self.0.trim_start_matches('$');
        let (first, rest) = text.split_at(text.find(['.', '[']).unwrap_or(text.len()));
        match first {
            "body" | "attributes" | "resource" => text.to_owned(),
            "attribute" | "attrs" | "Attributes" => format!("attributes{rest}"),
            "Body" | "message" | "record" => format!("body{rest}"),
            "Resource" | "resources" => format!("resource{rest}"),
            _ => format!("attributes.{text}"),
        }
    }
}

/// A number of bytes: `1000`, `16kiB`, `1.5MB`. `pkg/stanza/operator/helper/bytesize.go`, v0.149.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Described)]
#[serde(transparent)]
pub struct ByteSize(pub i64);

impl ByteSize {
    /// The number; 0 for what is less.
    pub(crate) fn bytes(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let end =
            text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.trim().to_ascii_lowercase();
        let (letter, base) = match unit.strip_suffix("ib") {
            Some(letter) => (letter, 1024_f64),
            None => (unit.strip_suffix('b').unwrap_or(&unit), 1000.0),
        };
        let power = match letter {
            "" => 0,
            "k" => 1,
            "m" => 2,
            "g" => 3,
            "t" => 4,
            "p" => 5,
            _ => return None,
        };
        // What is cut off is the fraction, as upstream.
        Some(Self((number.parse::<f64>().ok()? * base.powi(power)) as i64))
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = ByteSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("helper.ByteSize")
            }

            fn visit_i64<E>(self, bytes: i64) -> Result<ByteSize, E> {
                Ok(ByteSize(bytes))
            }

            fn visit_u64<E>(self, bytes: u64) -> Result<ByteSize, E> {
                Ok(ByteSize(i64::try_from(bytes).unwrap_or(i64::MAX)))
            }

            fn visit_f64<E>(self, bytes: f64) -> Result<ByteSize, E> {
                Ok(ByteSize(bytes as i64))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ByteSize, E> {
                ByteSize::parse(text)
                    .ok_or_else(|| E::custom(format!("invalid byte size '{text}'")))
            }
        }
        deserializer.deserialize_any(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_sizes_have_decimal_and_binary_units() {
        let cases = [("1000", 1000), ("16KiB", 16_384), ("1.5 MB", 1_500_000), ("2gib", 2 << 30)];
        for (text, want) in cases {
            assert_eq!(ByteSize::parse(text), Some(ByteSize(want)), "{text}");
        }
        assert_eq!(ByteSize::parse("1xb"), None);
    }
}
