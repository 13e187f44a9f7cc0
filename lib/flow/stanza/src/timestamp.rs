//! Timestamps: what `time_parser` and the `timestamp:` blocks read.

use std::collections::BTreeMap;

use bumpalo::Bump;
use config::{Caution, Choice, Choices, Described, Fault, Problems, Stage};
use golang::time::{Clock, Layout, Zone, in_64_bits};
use serde::{Deserialize, Serialize};

use crate::entry::Entry;
use crate::failure::Failure;
use crate::field::{Field, NOT_THERE};
use crate::keys::{Place, no_zone, unknown_zone};
use crate::value::{Value, type_name};

const SECOND: i128 = 1_000_000_000;

/// `time_parser`, and the `timestamp:` block of the parsers.
#[derive(Debug)]
pub(crate) struct TimeParser {
    parse_from: Field,
    how: How,
}

#[derive(Debug)]
enum How {
    Clock(Clock),
    Epoch(Epoch),
    Native,
}

/// A count since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Epoch {
    /// Nanoseconds in one; of what comes after the point if `split`.
    unit: i64,
    /// `s.ms` and its like: seconds, a point, a number of units.
    split: bool,
}

/// The keys of `time_parser`, and of the `timestamp:` block.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
#[serde(default)]
pub(crate) struct TimeKeys {
    /// The field that holds the time. Required.
    parse_from: Place,
    /// How the time is written: `%Y-%m-%d %H:%M:%S.%L` for `strptime`, `2006-01-02 15:04:05.000` for `gotime`, and for `epoch` what is
    /// counted since 1970: `s`, `ms`, `us`, `ns`, or `s.ms`, `s.us`, `s.ns` for seconds with a fraction. Required.
    layout: String,
    /// In which notation `layout` is: `strptime`, `gotime` or `epoch`; `native` takes no text. Default `strptime`.
    layout_type: Choice<LayoutType>,
    /// The time zone of times that are written without one, such as `Europe/Berlin`. Default: UTC for a layout that ends in `Z`, else
    /// that of the host.
    location: String,
    /// What abbreviations of time zones mean, such as `{IST: Asia/Kolkata}`; the layout needs `%Z` (`gotime`: `MST`). Default:
    /// none.
    time_zone_locations: BTreeMap<String, String>,
}

/// The notation of a layout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum LayoutType {
    #[default]
    Strptime,
    Gotime,
    Epoch,
    Native,
}

impl Choices for LayoutType {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("strptime", LayoutType::Strptime),
        ("gotime", LayoutType::Gotime),
        ("epoch", LayoutType::Epoch),
        ("native", LayoutType::Native),
        ("", LayoutType::Strptime),
    ];
    const SHOWN: usize = 3;
    const STAGE: Stage = Stage::Check;

    fn unknown(word: &str) -> String {
        format!("unsupported layout_type {word}")
    }
}

impl TimeParser {
    /// Compiles. As in the Collector, the first mistake is the only one.
    pub(crate) fn new(keys: &TimeKeys, found: &mut Problems) -> Option<Self> {
        if keys.parse_from.is_empty() {
            let text = "missing required parameter 'parse_from'";
            found.at("", text).require("parse_from", "attributes.time");
            return None;
        }
        let parse_from = keys.parse_from.field("parse_from", found);
        let how = keys.how().map_err(|fault| found.add(fault).stage).ok()?;
        suspicious(&keys.layout, *keys.layout_type, found);
        Some(Self { parse_from: parse_from?, how })
    }

    /// Sets the timestamp of a record.
    pub(crate) fn parse<'a>(&self, entry: &mut Entry<'a>, arena: &'a Bump) -> Result<(), Failure> {
        let Some(value) = self.parse_from.get(entry, arena) else {
            return Err(self.parse_from.missing(NOT_THERE));
        };
        let nanos = match &self.how {
            How::Clock(clock) => {
                let text = match value {
                    Value::Str(text) => text,
                    Value::Bytes(bytes) => golang::utf8::text(bytes, arena),
                    other => {
                        let got = type_name(&other);
                        return Err(format!("type {got} cannot be parsed as a time").into());
                    }
                };
                clock.read_recent(text, entry.observed)?
            }
            How::Epoch(epoch) => epoch.read(&value)?,
            How::Native => {
                let got = type_name(&value);
                return Err(format!("native time.Time field required, but found type {got}").into());
            }
        };
        entry.timestamp = in_64_bits(nanos);
        Ok(())
    }
}

/// Parts of Go's layouts, and what strptime writes for them.
const GO: [(&str, &str); 22] = [
    ("2006", "%Y"),
    ("January", "%B"),
    ("Jan", "%b"),
    ("Monday", "%A"),
    ("Mon", "%a"),
    (".999999999", ".%s"),
    (".000000000", ".%s"),
    (".999999", ".%f"),
    (".000000", ".%f"),
    (".999", ".%L"),
    (".000", ".%L"),
    (",000", ",%L"),
    ("Z07:00", "%j"),
    ("-07:00", "%j"),
    ("Z0700", "%z"),
    ("-0700", "%z"),
    ("MST", "%Z"),
    ("01", "%m"),
    ("02", "%d"),
    ("15", "%H"),
    ("04", "%M"),
    ("05", "%S"),
];

/// The same for those of Java.
const JAVA: [(&str, &str); 11] = [
    ("yyyy", "%Y"),
    ("MMM", "%b"),
    ("MM", "%m"),
    ("dd", "%d"),
    ("HH", "%H"),
    ("mm", "%M"),
    ("ss", "%S"),
    ("SSS", "%L"),
    ("XXX", "%j"),
    ("Z", "%z"),
    ("'T'", "T"),
];

/// A layout of another notation in that of strptime, if that makes it one.
fn translated(layout: &str, parts: &[(&str, &str)]) -> Option<String> {
    let made = parts.iter().fold(layout.to_owned(), |it, (from, to)| it.replacen(from, to, 1));
    (made != layout && made.contains('%') && Layout::strptime(&made).is_ok()).then_some(made)
}

/// A layout without anything in it that its notation knows fits no time; the Collector does not say so.
fn suspicious(text: &str, kind: LayoutType, found: &mut Problems) {
    let part = match kind {
        LayoutType::Strptime if !text.contains('%') => "directive such as `%Y`",
        LayoutType::Gotime if Layout::strptime(text).is_ok() && translated(text, &GO).is_none() => {
            "part such as `2006`"
        }
        _ => return,
    };
    let said = format!("the layout has no {part} in it: it fits no time");
    let fault = found.warn(Caution::NoEffect, "", said);
    match translated(text, &JAVA) {
        _ if text.contains('%') => fault.set("layout_type", "strptime"),
        Some(better) if kind == LayoutType::Strptime => fault.set("layout", format!("'{better}'")),
        _ => fault.about("layout"),
    };
}

impl TimeKeys {
    fn how(&self) -> Result<How, Fault> {
        let (text, kind) = (self.layout.as_str(), *self.layout_type);
        if text.is_empty() && kind != LayoutType::Native {
            let mut fault = Fault::check("missing required configuration parameter `layout`");
            fault.require("layout", "'%Y-%m-%dT%H:%M:%S%j'");
            return Err(fault);
        }
        if let Some(fault) = self.layout_type.refused("layout_type") {
            return Err(fault);
        }
        let layout = match kind {
            LayoutType::Native => return Ok(How::Native),
            LayoutType::Epoch => {
                return Epoch::new(text).map(How::Epoch).ok_or_else(|| {
                    let mut fault = Fault::check("invalid `layout` for `epoch` type");
                    match Epoch::meant(text) {
                        Some(unit) => fault.set("layout", unit),
                        None => fault.one_of("layout", &Epoch::LAYOUTS),
                    };
                    fault
                });
            }
            LayoutType::Gotime => Layout::new(text),
            LayoutType::Strptime => Layout::strptime(text).map_err(|problem| {
                let mut fault = Fault::check(format!("invalid strptime layout: {problem}"));
                match translated(text, &GO) {
                    Some(layout) => fault.set("layout", format!("'{layout}'")),
                    None => fault.about("layout"),
                };
                fault
            })?,
        };
        if Zone::named(&self.location).is_none() {
            let text = format!("invalid 'location': {}", unknown_zone(&self.location));
            let mut fault = Fault::check(text);
            no_zone("location", &self.location, &mut fault);
            return Err(fault);
        }
        let mut clock = Clock::new(layout, &self.location).map_err(Fault::check)?;
        self.abbreviations(&mut clock)?;
        Ok(How::Clock(clock))
    }

    fn abbreviations(&self, clock: &mut Clock) -> Result<(), Fault> {
        const KEY: &str = "time_zone_locations";
        let directive = if *self.layout_type == LayoutType::Gotime { "MST" } else { "%Z" };
        if !self.time_zone_locations.is_empty() && !self.layout.contains(directive) {
            let mut fault = Fault::check(format!(
                "'{KEY}' requires the layout to contain a timezone abbreviation directive (%Z for \
                 strptime / MST for gotime), but layout {:?} has none",
                self.layout
            ));
            fault.remove(KEY);
            return Err(fault);
        }
        for (name, place) in &self.time_zone_locations {
            let zone = Zone::named(place).ok_or_else(|| {
                let mut fault = Fault::check(format!(
                    "invalid {KEY} entry {name:?}: failed to load location {place:?}: unknown time \
                     zone {place}"
                ));
                no_zone(&format!("{KEY}::{name}"), place, &mut fault);
                fault
            })?;
            clock.set_abbreviation(name, zone);
        }
        Ok(())
    }
}

impl Epoch {
    const LAYOUTS: [&'static str; 7] = ["s", "ms", "us", "ns", "s.ms", "s.us", "s.ns"];

    fn new(layout: &str) -> Option<Self> {
        let (unit, split) = match layout {
            "s" => (1_000_000_000, false),
            "ms" => (1_000_000, false),
            "us" => (1_000, false),
            "ns" => (1, false),
            "s.ms" => (1_000_000, true),
            "s.us" => (1_000, true),
            "s.ns" => (1, true),
            _ => return None,
        };
        Some(Self { unit, split })
    }

    /// A unit in words.
    fn meant(text: &str) -> Option<&'static str> {
        const WORDS: [(&str, &str); 9] = [
            ("sec", "s"),
            ("unix", "s"),
            ("milli", "ms"),
            ("msec", "ms"),
            ("micro", "us"),
            ("usec", "us"),
            ("\u{b5}s", "us"),
            ("nano", "ns"),
            ("nsec", "ns"),
        ];
        let text = text.to_ascii_lowercase();
        WORDS.iter().find(|it| text.starts_with(it.0)).map(|it| it.1)
    }

    /// Decimals that a float is printed with before it is read (upstream `getEpochStamp`).
    fn decimals(self) -> usize {
        match self.unit {
            1_000_000 => 3,
            1_000 => 6,
            _ => 9,
        }
    }

    fn read(self, value: &Value<'_>) -> Result<i128, Failure> {
        let unit = i128::from(self.unit);
        let made;
        let bytes;
        let stamp: &str = match value {
            Value::Str(text) => text,
            Value::Bytes(it) => {
                bytes = String::from_utf8_lossy(it);
                &bytes
            }
            Value::Int(it) if !self.split => return Ok(i128::from(*it) * unit),
            Value::Int(it) => return Ok(i128::from(*it) * SECOND),
            // A float that no 64 bits hold becomes the nearest number that they do.
            Value::Double(it) if !self.split => {
                return Ok(i128::from(golang::number::whole(*it)) * unit);
            }
            Value::Double(it) => {
                made = format!("{it:.*}", self.decimals());
                &made
            }
            other => {
                return Err(format!("invalid type {} for epoch time", type_name(other)).into());
            }
        };
        let bad = || Failure::Text(format!("invalid value '{stamp}' for an epoch layout"));
        let number = |text: &str| text.parse::<i64>().map(i128::from).map_err(|_| bad());
        if !self.split {
            return Ok(number(stamp)? * unit);
        }
        let (seconds, rest) = stamp.split_once('.').ok_or_else(bad)?;
        let (seconds, rest) = (number(seconds)?, number(rest)?);
        Ok(seconds * SECOND + rest * unit)
    }
}

#[cfg(test)]
mod tests;
