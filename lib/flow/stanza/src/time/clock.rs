//! strptime layouts for those outside of this crate.

use super::layout::Layout;
use super::zone::Zone;
use super::{infer_year, strptime};

/// A strptime layout, and the place whose time a text without a zone has.
#[derive(Debug)]
pub struct Clock {
    layout: Layout,
    zone: Zone,
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
    /// Compiles a layout. Without a location it is UTC for layouts that end in `Z`, else the host's.
    ///
    /// # Errors
    /// The Collector's texts.
    pub fn strptime(layout: &str, location: &str) -> Result<Self, String> {
        let native = strptime::to_go(layout)?;
        let zone = Zone::configured(location, &native)?;
        let mut layout = Layout::new(&native);
        layout.lenient = true;
        Ok(Self { layout, zone })
    }

    /// The instant that a text names; `now`, in nanoseconds since 1970, tells a missing year.
    ///
    /// # Errors
    /// The Collector's texts.
    pub fn read(&self, text: &str, now: u64) -> Result<Reading, String> {
        let parsed = self.layout.parse(text).map_err(|it| it.failure(&self.layout, text));
        let mut parsed = parsed.map_err(|it| it.to_string())?;
        if parsed.year == 0 {
            infer_year(&mut parsed, now);
        }
        let seconds = self.zone.resolve(&parsed).map_err(|it| it.to_string())?;
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
