//! What layouts are made of, and what reading by one yields.

use super::civil;

/// An element of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Std {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekDay,
    WeekDay,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    ZoneName,
    /// `-0700` and its like.
    Offset(Offset),
    /// So many digits after the point or comma.
    FractionZero(usize),
    /// Any number of digits, or none.
    FractionNine,
}

/// How an offset is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offset {
    /// `Z` stands for UTC.
    pub(super) iso: bool,
    /// `07:00`, not `0700`.
    pub(super) colons: bool,
    /// Two-digit parts: hours, minutes, seconds.
    pub(super) parts: usize,
}

/// What a text said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parsed<'t> {
    /// Of the calendar; 0 if the text has none.
    pub year: i64,
    /// From 1.
    pub month: i64,
    /// From 1.
    pub day: i64,
    /// Of 24.
    pub hour: i64,
    /// Of the hour.
    pub minute: i64,
    /// Of the minute.
    pub second: i64,
    /// Nanoseconds of the second.
    pub nanos: i64,
    /// Seconds east of Greenwich.
    pub offset: Option<i64>,
    /// An abbreviation such as `EST`.
    pub zone_name: Option<&'t str>,
    /// The text says a year, a month or a day. Otherwise it is a time of some day, and the date is that of Go's zero.
    pub dated: bool,
}

impl Parsed<'_> {
    /// Another date, as days since 1970.
    pub(super) fn set_day(&mut self, days: i64) {
        (self.year, self.month, self.day) = civil::date(days);
    }

    /// Seconds since 1970 as if the clock showed UTC.
    pub fn civil_seconds(&self) -> i64 {
        let days = civil::days(self.year, self.month, self.day);
        days * 86_400 + self.hour * 3600 + self.minute * 60 + self.second
    }

    /// Nanoseconds since 1970, where the whole seconds since then are known.
    pub(super) fn at(&self, seconds: i64) -> i128 {
        i128::from(seconds) * 1_000_000_000 + i128::from(self.nanos)
    }
}

/// Why a text does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch<'t> {
    /// Here it reads otherwise.
    At(&'t str),
    /// A number is out of range.
    Range(&'static str),
    /// Something is left over.
    Extra(&'t str),
}

impl Mismatch<'_> {
    /// As Go prints it.
    pub fn text(self, layout: &str, text: &str) -> String {
        match self {
            Mismatch::At(rest) => {
                format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?}")
            }
            Mismatch::Range(what) => format!("parsing time {text:?}: {what} out of range"),
            Mismatch::Extra(rest) => format!("parsing time {text:?}: extra text: {rest:?}"),
        }
    }
}
