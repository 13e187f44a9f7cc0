//! Points in time as text, in UTC.

use pdata::LogRecord;

/// A point in time, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// 1970 and later.
    pub year: u64,
    /// 1 to 12.
    pub month: u64,
    /// 1 to 31.
    pub day: u64,
    /// 0 to 23.
    pub hour: u64,
    /// 0 to 59.
    pub minute: u64,
    /// 0 to 59.
    pub second: u64,
    /// Of a second.
    pub nanos: u64,
    /// Day of the year, 1 to 366.
    pub day_of_year: u64,
}

impl Parts {
    /// Of nanoseconds since 1970. "chrono-Compatible Low-Level Date Algorithms" (H. Hinnant), `civil_from_days`.
    pub fn of(unix_nanos: u64) -> Self {
        let (seconds, nanos) = (unix_nanos / 1_000_000_000, unix_nanos % 1_000_000_000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let shifted = days + 719_468;
        let (era, of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let from_march = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * from_march + 2) / 153;
        let day = from_march - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let before = usize::try_from(month - 1).ok().and_then(|it| before.get(it)).unwrap_or(&0);
        let day_of_year = before + day + u64::from(is_leap && month > 2);
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        Self { year, month, day, hour, minute, second: second % 60, nanos, day_of_year }
    }
}

/// When a record happened, in nanoseconds since 1970, as far as it says so.
pub fn time_of(record: LogRecord<'_>) -> u64 {
    match record.time_unix_nano() {
        0 => record.observed_time_unix_nano(),
        at => at,
    }
}

/// Writes `2006-01-02T15:04:05.000000000Z`.
pub fn rfc3339_nanos(out: &mut Vec<u8>, unix_nanos: u64) {
    let it = Parts::of(unix_nanos);
    for (number, width, after) in [
        (it.year, 4, b'-'),
        (it.month, 2, b'-'),
        (it.day, 2, b'T'),
        (it.hour, 2, b':'),
        (it.minute, 2, b':'),
        (it.second, 2, b'.'),
        (it.nanos, 9, b'Z'),
    ] {
        padded(out, number, width);
        out.push(after);
    }
}

fn padded(out: &mut Vec<u8>, number: u64, width: u32) {
    for place in (0..width).rev() {
        out.push(b'0' + (number / 10_u64.pow(place) % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        let printed = |nanos: u64| {
            let mut out = Vec::new();
            rfc3339_nanos(&mut out, nanos);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(printed(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(printed(1_705_314_600_000_000_001), "2024-01-15T10:30:00.000000001Z");
        assert_eq!(printed(951_782_400_000_000_000), "2000-02-29T00:00:00.000000000Z");
        assert_eq!(printed(u64::MAX), "2554-07-21T23:34:33.709551615Z");
        assert_eq!(Parts::of(1_735_603_200_000_000_000).day_of_year, 366);
        assert_eq!(Parts::of(951_868_800_000_000_000).day_of_year, 61);
    }
}
