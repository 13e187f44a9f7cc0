//! Timestamps: what `time_parser` and the `timestamp:` blocks read.

use std::time::{SystemTime, UNIX_EPOCH};

use bumpalo::Bump;
use component::config::Value as Setting;

use crate::entry::Entry;
use crate::field::Field;
use crate::ops::Failure;
use crate::section::{Mistake, Section};
use crate::value::{Value, type_name};

mod civil;
mod clock;
pub(crate) mod layout;
mod reader;
mod strptime;
mod zone;

pub use clock::{Clock, Reading};
use layout::{Layout, Parsed};
use zone::Zone;

/// A value without a year that is further ahead than this belongs to last year (1.16 of the reference:
/// pkg/stanza/timeutils/year.go).
const AHEAD_MAX_SECS: i64 = 7 * 86_400;

/// `time_parser`, and the `timestamp:` block of the parsers.
#[derive(Debug)]
pub(crate) struct TimeParser {
    parse_from: Field,
    how: How,
}

#[derive(Debug)]
enum How {
    Layout { layout: Layout, zone: Zone, abbreviations: Vec<(String, Zone)> },
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
    pub(crate) fn new(section: &mut Section<'_>) -> Result<Self, Mistake> {
        let parse_from = section.field("parse_from", false);
        let layout_type = section.text("layout_type").unwrap_or("strptime");
        let text = section.text("layout").unwrap_or_default();
        let location = section.text("location").unwrap_or_default();
        let abbreviations = match section.value("time_zone_locations") {
            Some(Setting::Map(pairs)) => pairs.as_slice(),
            _ => &[],
        };
        section.check()?;
        let invalid = |text: String| Mistake::Validate(text);
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
                let native = match layout_type {
                    "strptime" => strptime::to_go(text)
                        .map_err(|it| invalid(format!("invalid strptime layout: {it}")))?,
                    _ => text.to_owned(),
                };
                let mut layout = Layout::new(&native);
                layout.lenient = layout_type == "strptime";
                let zone = Zone::configured(location, &native).map_err(invalid)?;
                let abbreviations = abbreviations.iter().map(|(name, place)| {
                    let place = place.as_str().unwrap_or_default();
                    let zone = Zone::named(place).ok_or_else(|| {
                        invalid(format!("invalid 'time_zone_locations': unknown time zone {place}"))
                    })?;
                    Ok((name.clone(), zone))
                });
                let abbreviations = abbreviations.collect::<Result<Vec<_>, Mistake>>()?;
                How::Layout { layout, zone, abbreviations }
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
        entry.timestamp = Some(match &self.how {
            How::Layout { layout, zone, abbreviations } => {
                let text = match value {
                    Value::Str(text) => text,
                    Value::Bytes(bytes) => crate::text::text(bytes, arena),
                    other => {
                        let got = type_name(&other);
                        return Err(format!("type {got} cannot be parsed as a time").into());
                    }
                };
                read(layout, zone, abbreviations, text, entry.observed)?
            }
            How::Epoch(epoch) => epoch.read(&value)?,
            How::Native => {
                let got = type_name(&value);
                return Err(format!("native time.Time field required, but found type {got}").into());
            }
        });
        Ok(())
    }
}

/// Where a clock without a zone hangs.
#[derive(Debug)]
pub(crate) struct Place(Zone);

impl Place {
    /// By the IANA name of the zone.
    pub(crate) fn new(name: &str) -> Option<Self> {
        Zone::named(name).map(Self)
    }

    /// The instant of what a layout read, in nanoseconds since 1970; `now` tells a missing year.
    pub(crate) fn read(&self, parsed: Parsed<'_>, now: u64) -> Result<i64, Failure> {
        let mut parsed = parsed;
        if parsed.year == 0 {
            infer_year(&mut parsed, now);
        }
        let seconds = self.0.resolve(&parsed)?;
        Ok(seconds.wrapping_mul(1_000_000_000).wrapping_add(parsed.nanos))
    }
}

/// The instant that a text names.
fn read(
    layout: &Layout,
    zone: &Zone,
    abbreviations: &[(String, Zone)],
    text: &str,
    now: u64,
) -> Result<i64, Failure> {
    let mut parsed = layout.parse(text).map_err(|it| it.failure(layout, text))?;
    if parsed.year == 0 {
        infer_year(&mut parsed, now);
    }
    let place = abbreviations.iter().find(|(name, _)| parsed.zone_name == Some(name.as_str()));
    let seconds = match place {
        Some((_, zone)) => zone.instant(parsed.civil_seconds()),
        None => zone.resolve(&parsed)?,
    };
    let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(parsed.nanos);
    // What does not fit wraps, as UnixNano of Go's time does.
    Ok(nanos as i64)
}

/// A time without a year is of this year, or of last year if that would be in the future.
fn infer_year(parsed: &mut Parsed<'_>, now: u64) {
    let now = (now / 1_000_000_000) as i64;
    let (year, ..) = civil::date(now.div_euclid(86_400));
    parsed.year = year;
    if parsed.civil_seconds() > now + AHEAD_MAX_SECS {
        parsed.year = year - 1;
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

    fn read(self, value: &Value<'_>) -> Result<i64, Failure> {
        let made;
        let bytes;
        let stamp: &str = match value {
            Value::Str(text) => text,
            Value::Bytes(it) => {
                bytes = String::from_utf8_lossy(it);
                &bytes
            }
            Value::Int(it) if !self.split => return Ok(it.wrapping_mul(self.unit)),
            Value::Int(it) => return Ok(it.wrapping_mul(1_000_000_000)),
            Value::Double(it) if !self.split => return Ok((*it as i64).wrapping_mul(self.unit)),
            Value::Double(it) => {
                made = format!("{it:.*}", self.decimals());
                &made
            }
            other => {
                return Err(format!("invalid type {} for epoch time", type_name(other)).into());
            }
        };
        let bad = || Failure::Text(format!("invalid value '{stamp}' for an epoch layout"));
        let number = |text: &str| text.parse::<i64>().map_err(|_| bad());
        if !self.split {
            return Ok(number(stamp)?.wrapping_mul(self.unit));
        }
        let (seconds, rest) = stamp.split_once('.').ok_or_else(bad)?;
        let (seconds, rest) = (number(seconds)?, number(rest)?);
        Ok(seconds.wrapping_mul(1_000_000_000).wrapping_add(rest.wrapping_mul(self.unit)))
    }
}

/// What a fraction of so many digits is to be multiplied with.
const SCALES: [i64; 10] =
    [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1000, 100, 10, 1];

/// `2024-05-06T07:08:09.123456789Z`, or with `+01:00`, as container runtimes write it; `None` for every other
/// shape, also for those that Go's layouts take.
pub(crate) fn rfc3339(text: &str) -> Option<i64> {
    let (nanos, len) = rfc3339_at_start(text.as_bytes())?;
    (len == text.len()).then_some(nanos)
}

/// The same where more may follow, and its length in bytes.
#[inline]
pub(crate) fn rfc3339_at_start(bytes: &[u8]) -> Option<(i64, usize)> {
    let head = bytes.first_chunk::<19>()?;
    let day = head.first_chunk::<10>().and_then(date_of)?;
    let clock = head.last_chunk::<9>().and_then(clock_of)?;
    let (mut at, mut nanos) = (19, 0);
    if let Some((all, len)) = bytes.get(19..).and_then(nine) {
        (at, nanos) = (19 + len, all);
    } else if let Some(b'.' | b',') = bytes.get(19) {
        at = 20;
        let mut digits = 0;
        while let Some(it @ b'0'..=b'9') = bytes.get(at) {
            if digits < 9 {
                nanos = nanos * 10 + i64::from(it - b'0');
                digits += 1;
            }
            at += 1;
        }
        if digits == 0 {
            return None;
        }
        nanos *= SCALES[digits];
    }
    let offset = match bytes.get(at)? {
        b'Z' => {
            at += 1;
            0
        }
        sign @ (b'+' | b'-') => {
            let seconds = offset_of(*bytes.get(at + 1..)?.first_chunk()?)?;
            at += 6;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let seconds = day * 86_400 + clock - offset;
    Some((seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos), at))
}

/// Four numbers of two digits each, all at once (Lemire, "Quickly parsing eight digits", 2018).
#[inline]
fn pairs(digits: [u8; 8]) -> Option<[i64; 4]> {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    const ABOVE_NINE: u64 = u64::from_le_bytes([0x80 - b'9' - 1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let word = u64::from_le_bytes(digits);
    let values = word.wrapping_sub(ZEROS);
    if (values | word.wrapping_add(ABOVE_NINE)) & HIGH != 0 {
        return None;
    }
    let [a, _, b, _, c, _, d, _] = (values * 10 + (values >> 8)).to_le_bytes();
    Some([a, b, c, d].map(i64::from))
}

/// `.123456789` and no further digit, as runtimes write it: nanoseconds and the length.
#[inline]
fn nine(text: &[u8]) -> Option<(i64, usize)> {
    let [b'.', digits @ .., last @ b'0'..=b'9', end] = text.first_chunk::<11>()? else {
        return None;
    };
    let [a, b, c, d] = pairs(*digits.first_chunk()?)?;
    let nanos = (((a * 100 + b) * 100 + c) * 100 + d) * 10 + i64::from(last - b'0');
    (!end.is_ascii_digit()).then_some((nanos, 10))
}

/// `2024-05-06` as days since 1970.
#[inline]
fn date_of(text: &[u8; 10]) -> Option<i64> {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = text else { return None };
    let [century, year, month, day] = pairs([y0, y1, y2, y3, m0, m1, d0, d1])?;
    let year = century * 100 + year;
    let valid =
        (1..=12).contains(&month) && day >= 1 && (day <= 28 || day <= civil::days_in(month, year));
    valid.then(|| civil::days(year, month, day))
}

/// `T07:08:09` as seconds.
#[inline]
fn clock_of(text: &[u8; 9]) -> Option<i64> {
    let &[b'T', h0, h1, b':', m0, m1, b':', s0, s1] = text else { return None };
    let [hour, minute, second, _] = pairs([h0, h1, m0, m1, s0, s1, b'0', b'0'])?;
    let valid = hour < 24 && minute < 60 && second < 60;
    valid.then_some(hour * 3600 + minute * 60 + second)
}

/// `01:00` as seconds.
fn offset_of(text: [u8; 5]) -> Option<i64> {
    let [h0, h1, b':', m0, m1] = text else { return None };
    let [hours, minutes, ..] = pairs([h0, h1, m0, m1, b'0', b'0', b'0', b'0'])?;
    (hours <= 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)
}

/// Nanoseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// An instant in UTC as Go's `%v` prints it.
pub(crate) fn show(nanos: i64) -> String {
    let seconds = nanos.div_euclid(1_000_000_000);
    let (year, month, day) = civil::date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let clock = (second / 3600, second / 60 % 60, second % 60);
    let fraction = nanos.rem_euclid(1_000_000_000);
    let fraction = match fraction {
        0 => String::new(),
        it => format!(".{it:09}").trim_end_matches('0').to_owned(),
    };
    let (hour, minute, second) = clock;
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction} +0000 UTC")
}

/// The `date()` of expressions: a text in one of the usual layouts, or in a given one.
pub(crate) fn date(text: &str, layout: Option<&str>) -> Result<i64, String> {
    const USUAL: [&str; 9] = [
        "2006-01-02",
        "15:04:05",
        "2006-01-02 15:04:05",
        "2006-01-02T15:04:05Z07:00",
        "02 Jan 06 15:04 MST",
        "Monday, 02-Jan-06 15:04:05 MST",
        "Mon, 02 Jan 2006 15:04:05 MST",
        "Mon Jan _2 15:04:05 2006",
        "02 Jan 06 15:04 -0700",
    ];
    let given = layout.as_slice();
    for layout in if given.is_empty() { &USUAL } else { given } {
        let Ok(parsed) = Layout::new(layout).parse(text) else { continue };
        if let Ok(seconds) = Zone::utc().resolve(&parsed) {
            return Ok(seconds.wrapping_mul(1_000_000_000).wrapping_add(parsed.nanos));
        }
    }
    Err(format!("invalid date {text}"))
}

#[cfg(test)]
mod tests;
