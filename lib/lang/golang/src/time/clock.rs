//! A layout and a place: what it takes to read a time.

use super::layout::Layout;
use super::parts::Parsed;
use super::reading::Reading;
use super::zone::Zone;
use super::{Undated, complete};

/// A layout, and the place whose time a text without a zone has.
#[derive(Debug)]
pub struct Clock {
    layout: Layout,
    zone: Zone,
    /// What the configuration says an abbreviation means; looked up before all others.
    abbreviations: Vec<(String, Zone)>,
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
        let (parsed, seconds, zone) = self.moment(text, now, Undated::NewYear)?;
        Ok(zone.reading(&parsed, seconds))
    }

    /// Nanoseconds since 1970 of a text that was written a short time ago: without a date it is of today, or of yesterday
    /// if it would be in the future.
    ///
    /// # Errors
    /// The Collector's texts.
    pub fn read_recent(&self, text: &str, now: u64) -> Result<i128, String> {
        let (parsed, seconds, _) = self.moment(text, now, Undated::Today)?;
        Ok(parsed.at(seconds))
    }

    /// What a text says, its seconds since 1970, and the zone that it is of.
    fn moment<'t>(
        &self,
        text: &'t str,
        now: u64,
        undated: Undated,
    ) -> Result<(Parsed<'t>, i64, &Zone), String> {
        let parsed = self.layout.parse(text).map_err(|it| it.text(self.layout.text(), text));
        let mut parsed = parsed?;
        let zone_name = parsed.zone_name;
        let known = |(name, _): &&(String, Zone)| zone_name == Some(name.as_str());
        let (seconds, zone) = match self.abbreviations.iter().find(known) {
            Some((_, zone)) => (
                complete(&mut parsed, now, undated, |it| Ok(zone.instant(it.civil_seconds())))?,
                zone,
            ),
            None => (complete(&mut parsed, now, undated, |it| self.zone.resolve(it))?, &self.zone),
        };
        Ok((parsed, seconds, zone))
    }

    /// The text of an instant as a clock with its offset shows it.
    pub fn write(&self, reading: Reading) -> String {
        reading.format(self.layout.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_writes_each_directive() {
        let reading = Clock::strptime("%Y-%m-%dT%H:%M:%S.%L%z", "").unwrap();
        let reading = reading.read("2024-02-29T18:59:58.012-0500", 0).unwrap();
        for (layout, want) in [
            ("%Y-%m-%dT%H:%M:%S.%L%z", "2024-02-29T18:59:58.012-0500"),
            ("%y %o %q %b %B %e %g", "24 _2 2 Feb February 29 29"),
            ("%a %A %I %l %p %P", "Thu Thursday 06 6 PM pm"),
            ("%T.%f %R %D %F", "18:59:58.012 18:59 02/29/2024 2024-02-29"),
            ("%i %j %w %k %Z", "-05 -05:00 -050000 -05:00:00 -0500"),
            ("%c|%r|%n%t%%", "Thu Feb 29 18:59:58 2024|06:59:58 pm|\n\t%"),
        ] {
            assert_eq!(Clock::strptime(layout, "").unwrap().write(reading), want, "{layout}");
        }
        let clock = Clock::strptime("%T.%s|%T,%L|%z", "").unwrap();
        let reading = Reading::utc(5);
        assert_eq!(clock.write(reading), "00:00:00.000000005|00:00:00|Z");
    }

    #[test]
    fn a_clock_knows_its_zone_by_name_by_offset_or_by_place() {
        let zone = |text: &str, layout, location| {
            let clock = Clock::strptime(layout, location).unwrap();
            clock.read(text, 0).unwrap().zone.as_str().to_owned()
        };
        assert_eq!(zone("2024-01-01", "%F", "America/New_York"), "EST");
        assert_eq!(zone("2024-01-01", "%F", "America/Sao_Paulo"), "-03");
        assert_eq!(zone("2024-01-01 -0500", "%F %z", "America/New_York"), "EST");
        assert_eq!(zone("2024-01-01 -0600", "%F %z", "America/New_York"), "");
        assert_eq!(zone("2024-01-01 +0000", "%F %z", "America/New_York"), "UTC");
        assert_eq!(zone("2024-01-01 EDT", "%F %Z", "America/New_York"), "EST");
        assert_eq!(zone("2024-07-01 CET", "%F %Z", "UTC"), "CEST");
        assert_eq!(zone("2024-07-01 GMT+3", "%F %Z", "UTC"), "GMT+3");
    }

    #[test]
    fn a_clock_reads_the_time_of_its_place() {
        let clock = Clock::strptime("%Y-%m-%d %H:%M", "America/New_York").unwrap();
        let reading = clock.read("2024-07-01 08:00", 0).unwrap();
        assert_eq!(reading.nanos, 1_719_835_200_000_000_000);
        assert_eq!(reading.offset_seconds, -4 * 3600);
        assert_eq!(reading.zone.as_str(), "EDT");
        assert!(clock.read("x", 0).unwrap_err().starts_with("parsing time"));
        assert!(Clock::strptime("%Q", "").is_err());
    }
}
