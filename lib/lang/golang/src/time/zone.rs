//! Where a time without an offset is meant. The time zone database is the system's, or, where that has none,
//! the one built in.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::parts::Parsed;
use super::reading::{Abbreviation, Reading};
use super::write::{Shown, write};
use super::{Undated, complete};

/// Changes of a zone that are looked through for an abbreviation, in each direction.
const CHANGES_MAX: usize = 8;

/// A time zone.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// UTC.
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// By its IANA name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "" | "UTC" => Some(Self::utc()),
            "Local" => Some(Self(TimeZone::system())),
            // Go's names are case sensitive.
            _ => TimeZone::get(name).ok().filter(|it| it.iana_name() == Some(name)).map(Self),
        }
    }

    /// The names of all zones, for who has misspelt one.
    pub fn names() -> impl Iterator<Item = String> {
        jiff::tz::db().available().map(|it| it.to_string())
    }

    /// A moment as a clock here shows it, in Go's layout `time.RFC3339`.
    pub fn rfc3339(&self, unix_seconds: i64) -> String {
        let offset = self.offset(unix_seconds);
        let offset_seconds = i32::try_from(offset).unwrap_or_default();
        let shown = Shown { seconds: unix_seconds + offset, nanos: 0, offset_seconds, zone: "" };
        write("2006-01-02T15:04:05Z07:00", shown)
    }

    /// `location`; without it UTC for layouts that end in `Z`, else the host's.
    pub(super) fn configured(location: &str, layout: &str) -> Result<Self, String> {
        if !location.is_empty() {
            return Self::named(location)
                .ok_or_else(|| format!("invalid 'location': unknown time zone {location}"));
        }
        Ok(if layout.ends_with('Z') { Self::utc() } else { Self(TimeZone::system()) })
    }

    /// Nanoseconds since 1970 of what a layout read; `now`, of the same kind, tells a missing year.
    ///
    /// # Errors
    /// An abbreviation that means nothing here.
    pub fn read(&self, parsed: Parsed<'_>, now: u64) -> Result<i128, String> {
        let mut parsed = parsed;
        let seconds = complete(&mut parsed, now, Undated::NewYear, |it| self.resolve(it))?;
        Ok(parsed.at(seconds))
    }

    /// What was read as it stands there: without a year it is of the year 0, as in Go.
    ///
    /// # Errors
    /// An abbreviation that means nothing here.
    pub fn read_undated(&self, parsed: Parsed<'_>) -> Result<Reading, String> {
        Ok(self.reading(&parsed, self.resolve(&parsed)?))
    }

    /// What was read, `seconds` after 1970. What the clock calls its zone takes a search: only who shows it needs a reading.
    pub(super) fn reading(&self, parsed: &Parsed<'_>, seconds: i64) -> Reading {
        Reading {
            nanos: parsed.at(seconds),
            offset_seconds: i32::try_from(parsed.civil_seconds() - seconds).unwrap_or_default(),
            zone: self.abbreviation(parsed, seconds),
        }
    }

    /// Seconds since 1970 of a wall clock reading in this zone. In a gap or an overlap as Go's `time.Date`.
    pub(super) fn instant(&self, civil: i64) -> i64 {
        if self.0.is_unknown() || matches!(self.0.iana_name(), Some("UTC")) {
            return civil;
        }
        let guess = self.offset(civil);
        let offset = self.offset(civil - guess);
        civil - offset
    }

    fn offset(&self, instant: i64) -> i64 {
        let at = Timestamp::from_second(instant).unwrap_or_default();
        i64::from(self.0.to_offset(at).seconds())
    }

    /// Seconds since 1970 of what was read: an offset in the text wins, then a zone's abbreviation.
    pub(super) fn resolve(&self, parsed: &Parsed<'_>) -> Result<i64, String> {
        let civil = parsed.civil_seconds();
        if let Some(offset) = parsed.offset {
            return Ok(civil - offset);
        }
        let Some(name) = parsed.zone_name else { return Ok(self.instant(civil)) };
        if let Some(offset) = self.abbreviated(name, civil) {
            return Ok(civil - offset);
        }
        // Go makes up a zone for GMT+3.
        if let Some(hours) = name.strip_prefix("GMT").filter(|it| !it.is_empty()) {
            return Ok(civil - hours.parse::<i64>().unwrap_or(0) * 3600);
        }
        match Zone::named(name) {
            Some(zone) => Ok(zone.instant(civil)),
            None => Err(format!("failed to load location {name}: unknown time zone {name}")),
        }
    }

    /// What the clock that a text was read from calls its zone: a place is known by its offset or by an abbreviation
    /// of its own (Go 1.25, end of `parse` in time/format.go).
    fn abbreviation(&self, parsed: &Parsed<'_>, seconds: i64) -> Abbreviation {
        let civil = parsed.civil_seconds();
        match (parsed.offset, parsed.zone_name) {
            (Some(0), _) => Abbreviation::UTC,
            (Some(offset), _) if self.offset(seconds) != offset => Abbreviation::NONE,
            (None, Some(name)) if self.abbreviated(name, civil).is_none() => {
                match Self::named(name) {
                    Some(zone) => zone.abbreviation_at(seconds),
                    None => Abbreviation::new(name),
                }
            }
            _ => self.abbreviation_at(seconds),
        }
    }

    fn abbreviation_at(&self, seconds: i64) -> Abbreviation {
        if self.0.is_unknown() {
            return Abbreviation::UTC;
        }
        let at = Timestamp::from_second(seconds).unwrap_or_default();
        Abbreviation::new(self.0.to_offset_info(at).abbreviation())
    }

    /// The offset that an abbreviation has in this zone, first at that time, then around it.
    fn abbreviated(&self, name: &str, civil: i64) -> Option<i64> {
        let at = Timestamp::from_second(civil).ok()?;
        let info = self.0.to_offset_info(at);
        if info.abbreviation() == name {
            return Some(i64::from(info.offset().seconds()));
        }
        let before = self.0.preceding(at).take(CHANGES_MAX);
        let after = self.0.following(at).take(CHANGES_MAX);
        let mut around = before.chain(after);
        let found = around.find(|it| it.abbreviation() == name)?;
        Some(i64::from(found.offset().seconds()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_by_the_clock_of_the_zone() {
        let at = 1_718_000_000;
        assert_eq!(Zone::utc().rfc3339(at), "2024-06-10T06:13:20Z");
        let zone = Zone::named("America/Los_Angeles").unwrap();
        assert_eq!(zone.rfc3339(at), "2024-06-09T23:13:20-07:00");
        assert_eq!(zone.rfc3339(at - 180 * 86_400), "2023-12-12T22:13:20-08:00");
    }
}
