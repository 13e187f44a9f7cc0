//! Words and numbers to OpenTelemetry severities.

use config::Fault;
use std::collections::HashMap;

use bumpalo::Bump;
use config::Value as Setting;
use golang::severity::NAMES;

use crate::entry::Entry;
use crate::failure::Failure;
use crate::field::Field;
use crate::section::Section;
use crate::value::{Value, type_name};

/// Longest word that is looked up; what is longer is no severity.
const WORD_BYTES_MAX: usize = 64;

/// `severity_parser`, and the `severity:` block of the parsers.
#[derive(Debug)]
pub(crate) struct SeverityParser {
    parse_from: Field,
    mapping: Mapping,
    overwrite_text: bool,
}

/// Words and ranges of numbers.
#[derive(Debug, Default)]
struct Mapping {
    words: HashMap<String, u8>,
    /// First, last, severity.
    ranges: Vec<(i64, i64, u8)>,
}

impl SeverityParser {
    /// Reads `parse_from`, `preset`, `mapping` and `overwrite_text`.
    pub(crate) fn new(section: &mut Section<'_>) -> Result<Self, Fault> {
        let parse_from = section.field("parse_from", false);
        let preset = section.text("preset").unwrap_or_default();
        let overwrite_text = section.flag("overwrite_text", false);
        let mut mapping = Mapping::preset(preset);
        match section.value("mapping") {
            None => {}
            Some(Setting::Map(pairs)) => {
                for (alias, values) in pairs {
                    mapping.add(number(alias), values)?;
                }
            }
            Some(_) => {
                section.complain("mapping", "expected a map");
            }
        }
        section.check()?;
        let parse_from = parse_from.ok_or("missing required field 'parse_from'")?;
        Ok(Self { parse_from, mapping, overwrite_text })
    }

    /// Sets the severity of a record.
    pub(crate) fn parse<'a>(&self, entry: &mut Entry<'a>, arena: &'a Bump) -> Result<(), Failure> {
        let Some(value) = self.parse_from.get(entry, arena) else {
            return Err(Failure::Fixed("log entry does not have the expected parse_from field"));
        };
        let text = match value {
            Value::Str(text) => text,
            Value::Bytes(bytes) => golang::utf8::text(bytes, arena),
            Value::Int(it) => whole(it, arena),
            Value::Double(it) if it.fract() == 0.0 && it.abs() < 9e18 => whole(it as i64, arena),
            Value::Double(_) => {
                let text = "type float64 cannot be a severity unless it is a whole number";
                return Err(Failure::Fixed(text));
            }
            other => {
                let got = type_name(&other);
                return Err(Failure::Text(format!("parse: type {got} cannot be a severity")));
            }
        };
        entry.severity = self.mapping.find(text);
        entry.severity_text = match (self.overwrite_text, entry.severity) {
            (true, 1..) => NAMES[usize::from(entry.severity)],
            _ => text,
        };
        Ok(())
    }
}

fn whole(it: i64, arena: &Bump) -> &str {
    use std::fmt::Write as _;
    let mut text = bumpalo::collections::String::with_capacity_in(20, arena);
    let _ = write!(text, "{it}");
    text.into_bump_str()
}

/// The number of a short name, any case; 0 for what is none (upstream maps to 0 without an error).
fn number(alias: &str) -> u8 {
    let found = NAMES.iter().position(|name| name.eq_ignore_ascii_case(alias));
    found.map_or(0, |at| at as u8)
}

impl Mapping {
    fn preset(preset: &str) -> Self {
        let mut words = HashMap::new();
        if preset == "none" {
            return Self::default();
        }
        for (number, name) in NAMES.iter().enumerate().skip(1) {
            words.insert(name.to_ascii_lowercase(), number as u8);
            words.insert(number.to_string(), number as u8);
        }
        if preset != "otel" && preset != "aliases" {
            for (word, first) in [("warning", 13), ("err", 17)] {
                words.insert(word.to_owned(), first);
                (1..4).for_each(|it| {
                    words.insert(format!("{word}{}", it + 1), first + it);
                });
            }
        }
        Self { words, ranges: Vec::new() }
    }

    fn add(&mut self, number: u8, values: &Setting) -> Result<(), Fault> {
        match values {
            Setting::List(list) => list.iter().try_for_each(|it| self.add(number, it)),
            Setting::Map(_) => {
                let bound = |key| match values.get(key) {
                    Some(Setting::Int(it)) => Ok(*it as i64),
                    _ => Err(Fault::create(format!(
                        "{key} must be an integer in the range of a severity mapping"
                    ))),
                };
                let (a, b) = (bound("min")?, bound("max")?);
                self.ranges.push((a.min(b), a.max(b), number));
                Ok(())
            }
            Setting::Int(it) => {
                self.words.insert(it.to_string(), number);
                Ok(())
            }
            other => match other.as_str().map(str::to_lowercase) {
                Some(text) => {
                    match text.as_str() {
                        "2xx" => self.ranges.push((200, 299, number)),
                        "3xx" => self.ranges.push((300, 399, number)),
                        "4xx" => self.ranges.push((400, 499, number)),
                        "5xx" => self.ranges.push((500, 599, number)),
                        _ => {
                            self.words.insert(text, number);
                        }
                    }
                    Ok(())
                }
                None => Err(Fault::create("type cannot be a severity".to_owned())),
            },
        }
    }

    fn find(&self, text: &str) -> u8 {
        let mut lower = [0; WORD_BYTES_MAX];
        let word = match lower.get_mut(..text.len()) {
            Some(lower) if text.is_ascii() => {
                lower.copy_from_slice(text.as_bytes());
                lower.make_ascii_lowercase();
                self.words.get(std::str::from_utf8(lower).unwrap_or_default())
            }
            _ => self.words.get(&text.to_lowercase()),
        };
        if let Some(number) = word {
            return *number;
        }
        if self.ranges.is_empty() || text.starts_with(['0', '+']) && text != "0" {
            return 0;
        }
        let Ok(it) = text.parse::<i64>() else { return 0 };
        let range = self.ranges.iter().rev().find(|(min, max, _)| (*min..=*max).contains(&it));
        range.map_or(0, |it| it.2)
    }
}
