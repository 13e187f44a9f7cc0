//! Words and numbers to OpenTelemetry severities.

use std::collections::{BTreeMap, HashMap};

use bumpalo::Bump;
use config::{
    Caution, Choice, Choices, Described, Fault, Problems, Stage, Value as Setting, Wanted,
};
use golang::severity::NAMES;
use serde::{Deserialize, Serialize};

use crate::entry::Entry;
use crate::failure::Failure;
use crate::field::{Field, NOT_THERE};
use crate::keys::Place;
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

/// What the user says, and what the preset says where the user says nothing.
#[derive(Debug, Default)]
struct Mapping {
    words: HashMap<String, u8>,
    /// First, last, severity. They are not listed number by number, so that a wide range costs nothing.
    ranges: Vec<(i64, i64, u8)>,
    preset: HashMap<String, u8>,
}

/// The keys of `severity_parser`, and of the `severity:` block.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
#[serde(default)]
pub(crate) struct SeverityKeys {
    /// The field that holds the severity as a word or a number. Required.
    parse_from: Place,
    /// The words that are known from the start: `default` (`trace` to `fatal`, `warning`, `err`, each also with 2 to 4 behind it, and
    /// 1 to 24), `otel` (the same without `warning` and `err`; `aliases` is another name for it), or `none`. Default
    /// `default`.
    preset: Choice<Preset>,
    /// More words: for a severity (`trace`, `debug`, `info`, `warn`, `error`, `fatal`, each also with 2 to 4 behind it) a word, a
    /// number, a range such as `{min: 100, max: 199}`, `2xx` to `5xx`, or a list of these. They come before those of the
    /// preset. Default: none.
    mapping: BTreeMap<String, Setting>,
    /// The record gets the usual name of its severity (`WARN`), not the word that was found. Default false.
    overwrite_text: bool,
}

/// Words that are known from the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Preset {
    #[default]
    Default,
    Otel,
    None,
}

impl Choices for Preset {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("default", Preset::Default),
        ("otel", Preset::Otel),
        ("none", Preset::None),
        ("aliases", Preset::Otel),
        ("", Preset::Default),
    ];
    const SHOWN: usize = 3;
    const STAGE: Stage = Stage::Create;

    /// The Collector takes any other word for `default`.
    fn unknown(word: &str) -> String {
        format!("no preset is named {word}: it is read as default")
    }
}

impl SeverityParser {
    /// Compiles.
    pub(crate) fn new(keys: &SeverityKeys, found: &mut Problems) -> Option<Self> {
        if let Some(fault) = keys.preset.refused("preset") {
            *found.warn(Caution::NoEffect, "", "") = fault;
        }
        let mut mapping = Mapping::new(*keys.preset);
        for (alias, values) in &keys.mapping {
            if number(alias) == 0 && alias != "0" && !alias.eq_ignore_ascii_case(NAMES[0]) {
                unknown_severity(alias, found);
            }
            if let Err(fault) = mapping.add(number(alias), values) {
                found.add(fault.within_key(alias).within("mapping"));
            }
        }
        let missing = "missing required field 'parse_from'";
        let parse_from = keys.parse_from.required("parse_from", missing, found)?;
        Some(Self { parse_from, mapping, overwrite_text: keys.overwrite_text })
    }

    /// Sets the severity of a record.
    pub(crate) fn parse<'a>(&self, entry: &mut Entry<'a>, arena: &'a Bump) -> Result<(), Failure> {
        let Some(value) = self.parse_from.get(entry, arena) else {
            return Err(self.parse_from.missing(NOT_THERE));
        };
        let text = match value {
            Value::Str(text) => text,
            Value::Bytes(bytes) => golang::utf8::text(bytes, arena),
            Value::Int(it) => whole(it, arena),
            Value::Double(it) if it.fract() == 0.0 && it.abs() < 9e18 => {
                whole(golang::number::whole(it), arena)
            }
            Value::Double(_) => {
                let text = "parse: type float64 cannot be a severity unless it is a whole number";
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

/// The Collector gives a severity that it does not know the number 0, in silence.
fn unknown_severity(alias: &str, found: &mut Problems) {
    let names = NAMES.iter().skip(1).map(|it| it.to_ascii_lowercase()).collect();
    let text = format!("no severity is named {alias}: what is listed here gets none");
    let fault = found.warn(Caution::NoEffect, "", text);
    *fault = fault.clone().within_key(alias).within("mapping");
    fault.wanted = Some(Wanted::Key(names, Vec::new()));
}

fn whole(it: i64, arena: &Bump) -> &str {
    use std::fmt::Write as _;
    let mut text = bumpalo::collections::String::with_capacity_in(20, arena);
    let _ = write!(text, "{it}");
    text.into_bump_str()
}

/// The number of a short name in any case, or of a number; 0 for what is none (upstream maps to 0 without an error).
fn number(alias: &str) -> u8 {
    let alias = alias.to_ascii_lowercase();
    let is =
        |(at, name): &(usize, &str)| name.eq_ignore_ascii_case(&alias) || at.to_string() == alias;
    let found = NAMES.iter().copied().enumerate().find(is);
    found.and_then(|(at, _)| u8::try_from(at).ok()).unwrap_or(0)
}

/// The words and numbers of a preset.
fn preset(preset: Preset) -> HashMap<String, u8> {
    let mut words = HashMap::new();
    if preset == Preset::None {
        return words;
    }
    for (number, name) in (0..).zip(NAMES.iter()).skip(1) {
        words.insert(name.to_ascii_lowercase(), number);
        words.insert(number.to_string(), number);
    }
    if preset == Preset::Default {
        for (word, first) in [("warning", 13), ("err", 17)] {
            words.insert(word.to_owned(), first);
            (1..4).for_each(|it| {
                words.insert(format!("{word}{}", it + 1), first + it);
            });
        }
    }
    words
}

impl Mapping {
    fn new(name: Preset) -> Self {
        Self { preset: preset(name), ..Self::default() }
    }

    /// What stands at one level of `mapping`.
    fn add(&mut self, number: u8, values: &Setting) -> Result<(), Fault> {
        match values.plain() {
            Setting::List(list) => list.iter().enumerate().try_for_each(|(at, it)| {
                self.add_one(number, it).map_err(|fault| fault.within_item(at))
            }),
            // As if the key was not there.
            Setting::Null => Ok(()),
            _ => self.add_one(number, values),
        }
    }

    /// A word, a number, or a range of numbers.
    fn add_one(&mut self, number: u8, value: &Setting) -> Result<(), Fault> {
        let range = match (value.plain(), value.as_str()) {
            (Setting::Map(_), _) => bounds(value),
            (Setting::List(_), _) => None,
            (_, Some("2xx")) => Some((200, 299)),
            (_, Some("3xx")) => Some((300, 399)),
            (_, Some("4xx")) => Some((400, 499)),
            (_, Some("5xx")) => Some((500, 599)),
            (_, Some(word)) => {
                self.words.insert(word.to_lowercase(), number);
                return Ok(());
            }
            (Setting::Int(it), _) => {
                self.words.insert(it.to_string(), number);
                return Ok(());
            }
            _ => None,
        };
        let (a, b) = range.ok_or_else(|| {
            let got = match value.plain() {
                Setting::Null => "<nil>",
                _ => value.go_type(),
            };
            Fault::create(format!("type {got} cannot be parsed as a severity"))
        })?;
        self.ranges.push((a.min(b), a.max(b), number));
        Ok(())
    }

    /// What the user says comes first; there a word comes before a range, and the last of two ranges counts.
    fn find(&self, text: &str) -> u8 {
        let mut lower = [0; WORD_BYTES_MAX];
        let made;
        let word = match lower.get_mut(..text.len()) {
            Some(lower) if text.is_ascii() => {
                lower.copy_from_slice(text.as_bytes());
                lower.make_ascii_lowercase();
                std::str::from_utf8(lower).unwrap_or_default()
            }
            _ => {
                made = text.to_lowercase();
                &made
            }
        };
        let found = self.words.get(word).copied();
        let found =
            found.or_else(|| self.in_range(word)).or_else(|| self.preset.get(word).copied());
        found.unwrap_or(0)
    }

    fn in_range(&self, text: &str) -> Option<u8> {
        if self.ranges.is_empty() {
            return None;
        }
        let number: i64 = text.parse().ok()?;
        // `007` and `+7` are numbers too, but a range stands for numbers as they are usually written.
        let digits = text.strip_prefix('-').unwrap_or(text);
        let canonical = text == "0" || digits.starts_with(|it| matches!(it, '1'..='9'));
        let mut last_first = self.ranges.iter().rev();
        let range = last_first.find(|(min, max, _)| (*min..=*max).contains(&number));
        range.filter(|_| canonical).map(|it| it.2)
    }
}

/// `min` and `max` of a range, in any order.
fn bounds(range: &Setting) -> Option<(i64, i64)> {
    let bound = |key| match range.get(key)?.plain() {
        Setting::Int(it) => i64::try_from(*it).ok(),
        _ => None,
    };
    Some((bound("min")?, bound("max")?))
}
