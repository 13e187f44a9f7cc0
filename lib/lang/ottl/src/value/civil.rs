//! Times as calendars and clocks show them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::Instant;

/// What the clock of the place shows.
pub(crate) fn civil(time: Instant) -> Result<(DateTime, Offset), String> {
    let wrong = |it: jiff::Error| it.to_string();
    let at = Timestamp::from_nanosecond(time.nanos).map_err(wrong)?;
    let offset = Offset::from_seconds(time.offset_seconds).map_err(wrong)?;
    Ok((offset.to_datetime(at), offset))
}

/// As Go's JSON has times.
pub(super) fn rfc3339(time: Instant) -> Result<String, String> {
    let (clock, offset) = civil(time)?;
    if offset == Offset::UTC {
        return Ok(format!("{clock}Z"));
    }
    let minutes = offset.seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.abs();
    Ok(format!("{clock}{sign}{:02}:{:02}", minutes / 60, minutes % 60))
}
