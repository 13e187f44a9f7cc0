//! A layout and a place: what it takes to read a time.

use super::infer_year;
use super::layout::Layout;
use super::zone::Zone;

/// A layout, and the place whose time a text without a zone has.
#[derive(Debug)]
pub struct Clock {
    layout: Layout,
    zone: Zone,
    /// What the configuration says an abbreviation means; looked up before all others.
    abbreviations: Vec<(String, Zone)>,
}

/// What a text said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Since 1970, UTC.
    pub nanos: i128,
    /// Of the clock that shows it.
    pub offset_seconds: i32,
}

impl Clock {
    /// With the IANA name of a place. Without one it is UTC for layouts that end in `Z`, else the host's.
    ///
    /// # Errors
    /// The Collector's texts.
    pub fn new(layout: Layout, location: &str) -> Result<Self, String> {
        let zone = Zone::configured(location, layout.text())?;
        Ok(Self { layout, zone, abbreviations: Vec::new() })
    }

    /// The same from a layout in strptime's notation.
    ///
    /// # Errors
    /// The Collector's texts.
    pub fn strptime(layout: &str, location: &str) -> Result<Self, String> {
        Self::new(Layout::strptime(layout)?, location)
    }

    /// From now on `name` in a text means `zone`, whatever it means elsewhere.
    pub fn set_abbreviation(&mut self, name: &str, zone: Zone) {
        self.abbreviations.push((name.to_owned(), zone));
    }

    /// The instant that a text names; `now`, in nanoseconds since 1970, tells a missing year.
    ///
    /// # Errors
    /// The Collector's texts.
    pub fn read(&self, text: &str, now: u64) -> Result<Reading, String> {
        let parsed = self.layout.parse(text).map_err(|it| it.text(&self.layout, text));
        let mut parsed = parsed?;
        if parsed.year == 0 {
            infer_year(&mut parsed, now);
        }
        let known = |(name, _): &&(String, Zone)| parsed.zone_name == Some(name.as_str());
        let seconds = match self.abbreviations.iter().find(known) {
            Some((_, zone)) => zone.instant(parsed.civil_seconds()),
            None => self.zone.resolve(&parsed)?,
        };
        Ok(Reading {
            nanos: i128::from(seconds) * 1_000_000_000 + i128::from(parsed.nanos),
            offset_seconds: (parsed.civil_seconds() - seconds) as i32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_reads_the_time_of_its_place() {
        let clock = Clock::strptime("%Y-%m-%d %H:%M", "America/New_York").unwrap();
        let reading = clock.read("2024-07-01 08:00", 0).unwrap();
        assert_eq!(reading.nanos, 1_719_835_200_000_000_000);
        assert_eq!(reading.offset_seconds, -4 * 3600);
        assert!(clock.read("x", 0).unwrap_err().starts_with("parsing time"));
        assert!(Clock::strptime("%Q", "").is_err());
    }
}
