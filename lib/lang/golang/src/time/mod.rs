//! Go's `time`: layouts, zones, and the strptime notation that the Collector turns into layouts.

pub mod civil;
mod clock;
mod layout;
mod parts;
mod reader;
mod rfc3339;
mod strptime;
mod write;
mod zone;

pub use clock::{Clock, Reading};
pub use layout::Layout;
pub use parts::{Mismatch, Parsed};
pub use rfc3339::{rfc3339, rfc3339_at_start};
pub use zone::Zone;

/// A value without a year that is further ahead than this belongs to last year (1.16 of the reference:
/// pkg/stanza/timeutils/year.go).
const AHEAD_MAX_SECS: i64 = 7 * 86_400;

/// A time without a year is of this year, or of last year if that would be in the future.
fn infer_year(parsed: &mut Parsed<'_>, now: u64) {
    let now = (now / 1_000_000_000) as i64;
    let (year, ..) = civil::date(now.div_euclid(86_400));
    parsed.year = year;
    if parsed.civil_seconds() > now + AHEAD_MAX_SECS {
        parsed.year = year - 1;
    }
}

/// Nanoseconds since 1970.
pub fn now() -> i64 {
    i64::try_from(::clock::unix_nanos()).unwrap_or(i64::MAX)
}

/// An instant in UTC as Go's `%v` prints it.
pub fn show(nanos: i128) -> String {
    let seconds = nanos.div_euclid(1_000_000_000) as i64;
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
            return Ok(seconds.wrapping_mul(1_000_000_000).wrapping_add(parsed.nanos));
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
    }
}
