//! What the configurations of operators have in common.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use config::{Caution, Choice, Choices, Described, Fault, Problems, Remedy, Stage};
use expr::{Program, Template};
use golang::number::whole;
use golang::regexp;
use golang::time::Zone;
use regex::Regex;
use serde::de::{SeqAccess, Visitor};
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
    /// An expression. The operator runs only for records for which it is true. Default: for all records.
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

/// What an expression sees of a record.
const NAMES: [&str; 4] = ["body", "attributes", "resource", "timestamp"];

/// Words of expressions that may be misspelt.
const WORDS: [&str; 12] = [
    "==",
    "&&",
    "||",
    "and",
    "or",
    "not",
    "in",
    "matches",
    "contains",
    "startsWith",
    "endsWith",
    "let",
];

/// Compiles a condition; `text` makes the Collector's text of what is wrong with it.
pub(crate) fn condition(
    key: &str,
    condition: &str,
    found: &mut Problems,
    text: impl FnOnce(&expr::Mistake) -> String,
) -> Option<Program> {
    match Program::condition(condition) {
        Ok(program) => {
            for name in program.unknown_names() {
                let said = condition.get(name.clone()).unwrap_or_default();
                let text = format!("expressions know no name `{said}`: it is nil for every record");
                let names = NAMES.iter().map(|it| (*it).to_owned()).collect();
                found.warn(Caution::NoEffect, "", text).part(key, name.clone(), names);
            }
            Some(program)
        }
        Err(problem) if condition.is_empty() => {
            found.late("", text(&problem)).require(key, "'body contains \"text\"'");
            None
        }
        Err(problem) => {
            let remedy = match problem.at.clone() {
                Some(at) => Some(misspelt(at)),
                // A text alone is meant as a part of the body.
                None if condition.starts_with(['"', '\'']) => {
                    let better = format!("body contains {condition}");
                    Program::condition(&better).is_ok().then(|| Remedy::Set(quoted(&better)))
                }
                None => None,
            };
            found.late(key, text(&problem)).remedy = remedy;
            None
        }
    }
}

/// A word of an expression that was probably meant as another.
fn misspelt(at: Range<usize>) -> Remedy {
    Remedy::Part(at, WORDS.iter().map(|it| (*it).to_owned()).collect())
}

/// A text as YAML has it in single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
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

/// Compiles a pattern.
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
    let fault = found.late(key, format!("{before}{}", problem.text));
    fault.remedy = match mended(pattern, problem.at.clone()) {
        Some(mended) => Some(Remedy::Set(quoted(&mended))),
        None => problem.at.map(|it| Remedy::Part(it, Vec::new())),
    };
    None
}

/// The pattern with what is often forgotten, or differs in other languages: a closing bracket, a sign in the name of a
/// group, a repetition that gives nothing back (`++`).
fn mended(pattern: &str, at: Option<Range<usize>>) -> Option<String> {
    let mut all: Vec<String> = [')', ']'].iter().map(|it| format!("{pattern}{it}")).collect();
    if let Some(at) = at
        && let (Some(before), Some(part), Some(after)) =
            (pattern.get(..at.start), pattern.get(at.clone()), pattern.get(at.end..))
    {
        if let Some((head, name)) = part.strip_suffix('>').and_then(|it| it.split_once('<')) {
            let name = name.replace(|it: char| !it.is_ascii_alphanumeric(), "_");
            all.push(format!("{before}{head}<{name}>{after}"));
        }
        let once = part.strip_suffix('+').unwrap_or(part);
        all.push(format!("{before}{once}{after}"));
    }
    all.into_iter().find(|it| it != pattern && regexp::compile(it).is_ok())
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Described)]
#[serde(transparent)]
pub(crate) struct Place(String);

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(PlaceVisitor)
    }
}

/// To the Collector a field is a struct that can be read from a text.
struct PlaceVisitor;

impl PlaceVisitor {
    fn refuse<E: serde::de::Error>(kind: &str) -> Result<Place, E> {
        Err(E::custom(format!("expected a map or struct, got {kind:?}")))
    }
}

impl<'de> Visitor<'de> for PlaceVisitor {
    type Value = Place;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<Place, E> {
        Ok(text.into())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Place, E> {
        Self::refuse("bool")
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Place, E> {
        Self::refuse("int")
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Place, E> {
        Self::refuse("int")
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Place, E> {
        Self::refuse("float64")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Place, A::Error> {
        Self::refuse("slice")
    }
}

impl From<&str> for Place {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Place {
    /// True if nothing is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

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
        match Field::parse(&self.0, rootable) {
            Ok(field) => Some(field),
            Err(problem) => {
                let fault = found.add(Fault::read(problem.to_string()).within(key));
                let meant = match problem {
                    FieldError::Prefix => Some(self.with_prefix()),
                    FieldError::Split(_) => self.with_quotes(rootable),
                    FieldError::Whole(_) => None,
                };
                fault.remedy = meant.map(|it| Remedy::Set(quoted(&it)));
                None
            }
        }
    }

    /// With what is missing of quotes and brackets, if that makes it a field.
    fn with_quotes(&self, rootable: bool) -> Option<String> {
        let text = &self.0;
        let quoted = text.replace(['\'', '"'], "").replace('[', "[\"").replace(']', "\"]");
        let all = [format!("{text}]"), format!("{text}\"]"), format!("{text}']"), quoted];
        all.into_iter().find(|it| Field::parse(it, rootable).is_ok())
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
            "k8s" => format!("resource[\"{text}\"]"),
            // Names of OpenTelemetry have dots in them.
            "log" | "http" | "url" | "service" | "event" => format!("attributes[\"{text}\"]"),
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
        Some(Self(whole(number.parse::<f64>().ok()? * base.powi(power))))
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
                Ok(ByteSize(whole(bytes)))
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
