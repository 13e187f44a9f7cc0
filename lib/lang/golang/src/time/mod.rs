//! Go's `time`: layouts, zones, and the strptime notation that the Collector turns into layouts.

pub mod civil;
mod clock;
mod layout;
mod parts;
mod reader;
mod reading;
mod rfc3339;
mod strptime;
mod write;
mod zone;

pub use clock::Clock;
pub use layout::Layout;
pub use parts::{Mismatch, Parsed};
pub use reading::{Abbreviation, Reading};
pub use rfc3339::{rfc3339, rfc3339_at_start, rfc3339_reading};
pub use zone::Zone;

/// Seconds of a day.
const DAY_SECS: i64 = 86_400;

/// A value without a year that is further ahead than this belongs to last year (`SetTimestampYear` of
/// `internal/coreinternal/timeutils/parser.go`).
const YEAR_AHEAD_SECS: i64 = 7 * DAY_SECS;

/// A value without a date that is further ahead than this belongs to yesterday. It is not 0: a line may be a little
/// younger than the moment that a reader has noted for all that it reads at once.
const DAY_AHEAD_SECS: i64 = 10;

/// What a time without any date is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undated {
    /// The first of January of this year or of the last, as in Go.
    NewYear,
    /// Today, or yesterday.
    Today,
}

/// Seconds since 1970 of what a layout read. `now`, in nanoseconds since 1970, tells what the text does not say.
fn complete(
    parsed: &mut Parsed<'_>,
    now: u64,
    undated: Undated,
    resolve: impl Fn(&Parsed<'_>) -> Result<i64, String>,
) -> Result<i64, String> {
    let now = (now / 1_000_000_000).cast_signed();
    if !parsed.dated && undated == Undated::Today {
        // Which day is today is told by the clock that the text was taken from.
        parsed.set_day(now.div_euclid(DAY_SECS));
        let offset = parsed.civil_seconds() - resolve(parsed)?;
        let today = (now + offset).div_euclid(DAY_SECS);
        parsed.set_day(today);
        let seconds = resolve(parsed)?;
        if seconds <= now + DAY_AHEAD_SECS {
            return Ok(seconds);
        }
        parsed.set_day(today - 1);
    } else if parsed.year == 0 {
        let (year, ..) = civil::date(now.div_euclid(DAY_SECS));
        parsed.year = year;
        let seconds = resolve(parsed)?;
        if seconds <= now + YEAR_AHEAD_SECS {
            return Ok(seconds);
        }
        parsed.year = year - 1;
    }
    resolve(parsed)
}

/// Nanoseconds since 1970 for a field of 64 bits. After 2262-04-11 it is the last that fits. Before 1677-09-21 it is
/// none: what lies so far back is what other programs write for a time that they do not know (`0001-01-01` in Go and
/// Java, `1601-01-01` in Windows).
pub fn in_64_bits(nanos: i128) -> Option<i64> {
    match i64::try_from(nanos) {
        Ok(it) => Some(it),
        Err(_) if nanos > 0 => Some(i64::MAX),
        Err(_) => None,
    }
}

/// Nanoseconds since 1970.
pub fn now() -> i64 {
    i64::try_from(::clock::unix_nanos()).unwrap_or(i64::MAX)
}

/// Go's zero time: nanoseconds from 1970 back to the first moment of the year 1.
pub const ZERO: i128 = -62_135_596_800_000_000_000;

/// An instant in UTC as Go's `%v` prints it.
pub fn show(nanos: i128) -> String {
    Reading::utc(nanos).to_string()
}

/// The `date()` of expressions: a text in one of the usual layouts, or in a given one.
pub fn date(text: &str, layout: Option<&str>) -> Result<i64, String> {
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
            return Ok(in_64_bits(parsed.at(seconds)).unwrap_or(i64::MIN));
        }
    }
    Err(format!("invalid date {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_as_in_go() {
        assert_eq!(show(1_714_979_289_120_000_000), "2024-05-06 07:08:09.12 +0000 UTC");
        assert_eq!(show(-1_000_000_000), "1969-12-31 23:59:59 +0000 UTC");
        assert_eq!(show(ZERO), "0001-01-01 00:00:00 +0000 UTC");
    }

    #[test]
    fn times_that_do_not_fit_64_bits_do_not_wrap() {
        let second = 1_000_000_000;
        assert_eq!(in_64_bits(-second), Some(-1_000_000_000));
        assert_eq!(in_64_bits(253_402_300_799 * second), Some(i64::MAX));
        assert_eq!(in_64_bits(-62_135_596_800 * second), None);
        assert_eq!(date("9999-12-31", None), Ok(i64::MAX));
        assert_eq!(date("0001-01-01", None), Ok(i64::MIN));
    }
}
