//! Timestamps: what `time_parser` and the `timestamp:` blocks read.

use bumpalo::Bump;
use config::Fault;
use config::Value as Setting;
use golang::time::{Clock, Layout, Zone, in_64_bits};

use crate::entry::Entry;
use crate::failure::Failure;
use crate::field::Field;
use crate::section::Section;
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

impl TimeParser {
    /// Reads `parse_from`, `layout_type`, `layout`, `location` and `time_zone_locations`.
    pub(crate) fn new(section: &mut Section<'_>) -> Result<Self, Fault> {
        let parse_from = section.field("parse_from", false);
        let layout_type = section.text("layout_type").unwrap_or("strptime");
        let text = section.text("layout").unwrap_or_default();
        let location = section.text("location").unwrap_or_default();
        let abbreviations = match section.value("time_zone_locations") {
            Some(Setting::Map(pairs)) => pairs.as_slice(),
            _ => &[],
        };
        section.check()?;
        let invalid = |text: String| Fault::check(text);
        let parse_from =
            parse_from.ok_or_else(|| invalid("missing required parameter 'parse_from'".into()))?;
        if text.is_empty() && layout_type != "native" {
            return Err(invalid("missing required configuration parameter `layout`".into()));
        }
        let how = match layout_type {
            "native" => How::Native,
            "epoch" => How::Epoch(
                Epoch::new(text)
                    .ok_or_else(|| invalid(format!("invalid `layout` for `epoch` type: {text}")))?,
            ),
            "gotime" | "strptime" => {
                let layout = match layout_type {
                    "strptime" => Layout::strptime(text)
                        .map_err(|it| invalid(format!("invalid strptime layout: {it}")))?,
                    _ => Layout::new(text),
                };
                let mut clock = Clock::new(layout, location).map_err(invalid)?;
                for (name, place) in abbreviations {
                    let place = place.as_str().unwrap_or_default();
                    let zone = Zone::named(place).ok_or_else(|| {
                        invalid(format!("invalid 'time_zone_locations': unknown time zone {place}"))
                    })?;
                    clock.set_abbreviation(name, zone);
                }
                How::Clock(clock)
            }
            other => return Err(invalid(format!("unsupported layout_type {other}"))),
        };
        Ok(Self { parse_from, how })
    }

    /// Sets the timestamp of a record.
    pub(crate) fn parse<'a>(&self, entry: &mut Entry<'a>, arena: &'a Bump) -> Result<(), Failure> {
        let Some(value) = self.parse_from.get(entry, arena) else {
            return Err(Failure::Fixed("log entry does not have the expected parse_from field"));
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
                clock.read_recent(text, entry.observed)?.nanos
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

impl Epoch {
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
            Value::Double(it) if !self.split => return Ok(i128::from(*it as i64) * unit),
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
