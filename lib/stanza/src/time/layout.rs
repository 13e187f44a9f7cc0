//! Go's reference-time layouts: `2006-01-02T15:04:05.999Z07:00` (Go 1.25, time/format.go).

use super::civil;
use crate::ops::Failure;

/// A compiled layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    text: String,
    items: Vec<(String, Std)>,
    /// Literal text after the last element.
    tail: String,
    /// Takes unpadded numbers for padded ones and every notation of an offset for any other: what strptime
    /// users expect, and a superset of what upstream takes.
    pub(crate) lenient: bool,
}

/// An element of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Std {
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
    /// `Z` stands for UTC where `iso`; with or without seconds, colons, minutes.
    Offset {
        iso: bool,
        colons: bool,
        minutes: bool,
        seconds: bool,
    },
    /// So many digits after the point or comma.
    FractionZero(usize),
    /// Any number of digits, or none.
    FractionNine,
}

/// What a text said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Parsed<'t> {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) nanos: i64,
    /// Seconds east of Greenwich.
    pub(crate) offset: Option<i64>,
    /// An abbreviation such as `EST`.
    pub(crate) zone_name: Option<&'t str>,
}

impl Parsed<'_> {
    /// Seconds since 1970 as if the clock showed UTC.
    pub(crate) fn civil_seconds(&self) -> i64 {
        let days = civil::days(self.year, self.month, self.day);
        days * 86_400 + self.hour * 3600 + self.minute * 60 + self.second
    }
}

/// Why a text does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mismatch<'t> {
    /// Here it reads otherwise.
    At(&'t str),
    /// A number is out of range.
    Range(&'static str),
    /// Something is left over.
    Extra(&'t str),
}

impl Mismatch<'_> {
    /// As Go prints it.
    pub(crate) fn failure(self, layout: &Layout, text: &str) -> Failure {
        let layout = &layout.text;
        Failure::Text(match self {
            Mismatch::At(rest) => {
                format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?}")
            }
            Mismatch::Range(what) => format!("parsing time {text:?}: {what} out of range"),
            Mismatch::Extra(rest) => format!("parsing time {text:?}: extra text: {rest:?}"),
        })
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Layout {
    /// Compiles; every text is a layout.
    pub(crate) fn new(text: &str) -> Self {
        let (mut items, mut rest) = (Vec::new(), text);
        while let Some((at, std, len)) = next_std(rest) {
            items.push((rest[..at].to_owned(), std));
            rest = &rest[at + len..];
        }
        Self { text: text.to_owned(), items, tail: rest.to_owned(), lenient: false }
    }

    /// Reads a text.
    pub(crate) fn parse<'t>(&self, text: &'t str) -> Result<Parsed<'t>, Mismatch<'t>> {
        let mut reader = Reader { rest: text, lenient: self.lenient, ..Reader::default() };
        for (at, (prefix, std)) in self.items.iter().enumerate() {
            reader.skip(prefix)?;
            let next = self.items.get(at + 1).filter(|(prefix, _)| prefix.is_empty());
            let fraction_next = matches!(next, Some((_, Std::FractionZero(_) | Std::FractionNine)));
            reader.element(*std, fraction_next)?;
        }
        reader.skip(&self.tail)?;
        if !reader.rest.is_empty() {
            return Err(Mismatch::Extra(reader.rest));
        }
        reader.finish()
    }
}

/// The first element of a layout: where it is, what it is, how long its text is.
fn next_std(layout: &str) -> Option<(usize, Std, usize)> {
    let bytes = layout.as_bytes();
    (0..bytes.len()).find_map(|at| {
        let rest = bytes.get(at..)?;
        let (std, skip, len) = std_at(rest)?;
        Some((at + skip, std, len))
    })
}

fn std_at(rest: &[u8]) -> Option<(Std, usize, usize)> {
    let is = |text: &str| rest.starts_with(text.as_bytes());
    let lower_at = |at: usize| rest.get(at).is_some_and(u8::is_ascii_lowercase);
    let offset = |iso, colons, minutes, seconds| Std::Offset { iso, colons, minutes, seconds };
    let (std, len) = match rest.first()? {
        b'J' if is("January") => (Std::LongMonth, 7),
        b'J' if is("Jan") && !lower_at(3) => (Std::Month, 3),
        b'M' if is("Monday") => (Std::LongWeekDay, 6),
        b'M' if is("Mon") && !lower_at(3) => (Std::WeekDay, 3),
        b'M' if is("MST") => (Std::ZoneName, 3),
        b'0' => match rest.get(1)? {
            b'1' => (Std::ZeroMonth, 2),
            b'2' => (Std::ZeroDay, 2),
            b'3' => (Std::ZeroHour12, 2),
            b'4' => (Std::ZeroMinute, 2),
            b'5' => (Std::ZeroSecond, 2),
            b'6' => (Std::Year, 2),
            b'0' if is("002") => (Std::ZeroYearDay, 3),
            _ => return None,
        },
        b'1' if is("15") => (Std::Hour, 2),
        b'1' => (Std::NumMonth, 1),
        b'2' if is("2006") => (Std::LongYear, 4),
        b'2' => (Std::Day, 1),
        // The underscore is literal text here.
        b'_' if is("_2006") => return Some((Std::LongYear, 1, 4)),
        b'_' if is("_2") => (Std::UnderDay, 2),
        b'_' if is("__2") => (Std::UnderYearDay, 3),
        b'3' => (Std::Hour12, 1),
        b'4' => (Std::Minute, 1),
        b'5' => (Std::Second, 1),
        b'P' if is("PM") => (Std::UpperPm, 2),
        b'p' if is("pm") => (Std::LowerPm, 2),
        b'-' if is("-070000") => (offset(false, false, true, true), 7),
        b'-' if is("-07:00:00") => (offset(false, true, true, true), 9),
        b'-' if is("-0700") => (offset(false, false, true, false), 5),
        b'-' if is("-07:00") => (offset(false, true, true, false), 6),
        b'-' if is("-07") => (offset(false, false, false, false), 3),
        b'Z' if is("Z070000") => (offset(true, false, true, true), 7),
        b'Z' if is("Z07:00:00") => (offset(true, true, true, true), 9),
        b'Z' if is("Z0700") => (offset(true, false, true, false), 5),
        b'Z' if is("Z07:00") => (offset(true, true, true, false), 6),
        b'Z' if is("Z07") => (offset(true, false, false, false), 3),
        b'.' | b',' => {
            let digit = *rest.get(1)?;
            let digits = rest[1..].iter().take_while(|it| **it == digit).count();
            let ends = !rest.get(1 + digits).is_some_and(u8::is_ascii_digit);
            match digit {
                b'0' if ends => (Std::FractionZero(digits), 1 + digits),
                b'9' if ends => (Std::FractionNine, 1 + digits),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some((std, 0, len))
}

#[derive(Default)]
struct Reader<'t> {
    rest: &'t str,
    lenient: bool,
    it: Parsed<'t>,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    pm: bool,
    am: bool,
}

impl<'t> Reader<'t> {
    fn wrong(&self) -> Mismatch<'t> {
        Mismatch::At(self.rest)
    }

    fn digit(&self, at: usize) -> bool {
        self.rest.as_bytes().get(at).is_some_and(u8::is_ascii_digit)
    }

    /// Cuts `len` bytes off the front.
    fn cut(&mut self, len: usize) -> Result<&'t str, Mismatch<'t>> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(self.wrong())?;
        self.rest = rest;
        Ok(head)
    }

    /// Literal text; a run of blanks matches any number of blanks.
    fn skip(&mut self, prefix: &str) -> Result<(), Mismatch<'t>> {
        let mut prefix = prefix;
        while let Some(c) = prefix.chars().next() {
            if c == ' ' {
                if !self.rest.is_empty() && !self.rest.starts_with(' ') {
                    return Err(self.wrong());
                }
                prefix = prefix.trim_start_matches(' ');
                self.rest = self.rest.trim_start_matches(' ');
                continue;
            }
            self.rest = self.rest.strip_prefix(c).ok_or(self.wrong())?;
            prefix = &prefix[c.len_utf8()..];
        }
        Ok(())
    }

    /// One or two digits; two if `padded`.
    fn number(&mut self, padded: bool) -> Result<i64, Mismatch<'t>> {
        if !self.digit(0) || padded && !self.lenient && !self.digit(1) {
            return Err(self.wrong());
        }
        let text = self.cut(if self.digit(1) { 2 } else { 1 })?;
        text.parse().map_err(|_| Mismatch::At(text))
    }

    fn bounded(
        &mut self,
        padded: bool,
        range: std::ops::RangeInclusive<i64>,
        what: &'static str,
    ) -> Result<i64, Mismatch<'t>> {
        let number = self.number(padded)?;
        if range.contains(&number) { Ok(number) } else { Err(Mismatch::Range(what)) }
    }

    /// A name of a list, in any case, by `len` letters or in full.
    fn name(&mut self, names: &[&str], short: bool) -> Result<i64, Mismatch<'t>> {
        for (at, name) in names.iter().enumerate() {
            let name = if short { &name[..3] } else { name };
            let head = self.rest.get(..name.len());
            if head.is_some_and(|it| it.eq_ignore_ascii_case(name)) {
                self.rest = &self.rest[name.len()..];
                return Ok(at as i64);
            }
        }
        Err(self.wrong())
    }

    fn element(&mut self, std: Std, fraction_next: bool) -> Result<(), Mismatch<'t>> {
        match std {
            Std::Year => {
                let short: i64 = self.cut(2)?.parse().map_err(|_| self.wrong())?;
                self.it.year = short + if short >= 69 { 1900 } else { 2000 };
            }
            Std::LongYear => {
                if !self.digit(0) {
                    return Err(self.wrong());
                }
                self.it.year = self.cut(4)?.parse().map_err(|_| self.wrong())?;
            }
            Std::Month => self.month = Some(self.name(&MONTHS, true)? + 1),
            Std::LongMonth => self.month = Some(self.name(&MONTHS, false)? + 1),
            Std::NumMonth | Std::ZeroMonth => {
                self.month = Some(self.bounded(std == Std::ZeroMonth, 1..=12, "month")?);
            }
            Std::WeekDay => drop(self.name(&DAYS, true)?),
            Std::LongWeekDay => drop(self.name(&DAYS, false)?),
            Std::Day | Std::UnderDay | Std::ZeroDay => {
                if std == Std::UnderDay {
                    self.rest = self.rest.strip_prefix(' ').unwrap_or(self.rest);
                }
                self.day = Some(self.number(std == Std::ZeroDay)?);
            }
            Std::UnderYearDay | Std::ZeroYearDay => self.year_day(std == Std::ZeroYearDay)?,
            Std::Hour => self.it.hour = self.bounded(false, 0..=23, "hour")?,
            Std::Hour12 | Std::ZeroHour12 => {
                self.it.hour = self.bounded(std == Std::ZeroHour12, 0..=12, "hour")?;
            }
            Std::Minute | Std::ZeroMinute => {
                self.it.minute = self.bounded(std == Std::ZeroMinute, 0..=59, "minute")?;
            }
            Std::Second | Std::ZeroSecond => {
                self.it.second = self.bounded(std == Std::ZeroSecond, 0..=59, "second")?;
                // A fraction is taken even where the layout has none.
                if !fraction_next && self.rest.starts_with(['.', ',']) && self.digit(1) {
                    self.fraction();
                }
            }
            Std::UpperPm | Std::LowerPm => {
                let (am, pm) = if std == Std::UpperPm { ("AM", "PM") } else { ("am", "pm") };
                let head = self.cut(2)?;
                self.pm = head == pm || self.lenient && head.eq_ignore_ascii_case(pm);
                self.am = head == am || self.lenient && head.eq_ignore_ascii_case(am);
                if !self.pm && !self.am {
                    return Err(Mismatch::At(head));
                }
            }
            Std::Offset { iso, colons, minutes, seconds } => {
                return self.offset(iso, colons, minutes, seconds);
            }
            Std::ZoneName => self.zone_name()?,
            Std::FractionZero(digits) => {
                let all = self.rest.as_bytes().get(1..=digits).ok_or(self.wrong())?;
                if !self.rest.starts_with(['.', ',']) || !all.iter().all(u8::is_ascii_digit) {
                    return Err(self.wrong());
                }
                self.it.nanos = nanos(&self.rest[1..=digits]);
                self.rest = &self.rest[digits + 1..];
            }
            Std::FractionNine if self.rest.starts_with(['.', ',']) && self.digit(1) => {
                self.fraction();
            }
            Std::FractionNine => {}
        }
        Ok(())
    }

    /// A point or comma and digits, which are there.
    fn fraction(&mut self) {
        let digits = self.rest[1..].bytes().take_while(u8::is_ascii_digit).count();
        self.it.nanos = nanos(&self.rest[1..=digits]);
        self.rest = &self.rest[digits + 1..];
    }

    fn year_day(&mut self, padded: bool) -> Result<(), Mismatch<'t>> {
        if !padded {
            let blanks = self.rest.bytes().take(2).take_while(|it| *it == b' ').count();
            self.rest = &self.rest[blanks..];
        }
        let digits = self.rest.bytes().take(3).take_while(u8::is_ascii_digit).count();
        if digits == 0 || padded && digits < 3 {
            return Err(self.wrong());
        }
        self.year_day = Some(self.cut(digits)?.parse().map_err(|_| self.wrong())?);
        Ok(())
    }

    fn offset(
        &mut self,
        iso: bool,
        colons: bool,
        minutes: bool,
        seconds: bool,
    ) -> Result<(), Mismatch<'t>> {
        let start = self.rest;
        if (iso || self.lenient) && start.starts_with('Z') {
            self.rest = &start[1..];
            self.it.offset = Some(0);
            return Ok(());
        }
        let sign = match self.cut(1)? {
            "+" => 1,
            "-" => -1,
            _ => return Err(Mismatch::At(start)),
        };
        let mut parts = [0; 3];
        let wanted = 1 + usize::from(minutes) + usize::from(seconds);
        for (at, part) in parts.iter_mut().enumerate() {
            if at > 0 {
                let colon = self.rest.starts_with(':');
                let more = match self.lenient {
                    true => self.digit(usize::from(colon)),
                    false => at < wanted,
                };
                if !more {
                    break;
                }
                if !self.lenient && colon != colons {
                    return Err(Mismatch::At(start));
                }
                self.rest = &self.rest[usize::from(colon)..];
            }
            if !self.digit(0) || !self.digit(1) {
                return Err(Mismatch::At(start));
            }
            *part = self.number(true)?;
        }
        let [hour, minute, second] = parts;
        if hour > 24 || minute > 60 || second > 60 {
            return Err(Mismatch::Range("time zone offset"));
        }
        self.it.offset = Some(sign * (hour * 3600 + minute * 60 + second));
        Ok(())
    }

    /// Go's `parseTimeZone`: three or four capitals, `GMT+3`, `ChST`, `MeST`, `+03`.
    fn zone_name(&mut self) -> Result<(), Mismatch<'t>> {
        if let Some(rest) = self.rest.strip_prefix("UTC") {
            self.rest = rest;
            self.it.offset = Some(0);
            return Ok(());
        }
        let rest = self.rest;
        let len = if rest.starts_with("ChST") || rest.starts_with("MeST") {
            4
        } else if let Some(after) = rest.strip_prefix("GMT") {
            3 + signed_hours(after)
        } else if rest.starts_with(['+', '-']) {
            signed_hours(rest)
        } else {
            match rest.bytes().take(6).take_while(u8::is_ascii_uppercase).count() {
                5 if rest.as_bytes()[4] == b'T' => 5,
                4 if rest.as_bytes()[3] == b'T' || rest.starts_with("WITA") => 4,
                3 => 3,
                _ => 0,
            }
        };
        if len < 3 {
            return Err(self.wrong());
        }
        self.it.zone_name = Some(self.cut(len)?);
        Ok(())
    }

    fn finish(mut self) -> Result<Parsed<'t>, Mismatch<'t>> {
        if self.pm && self.it.hour < 12 {
            self.it.hour += 12;
        } else if self.am && self.it.hour == 12 {
            self.it.hour = 0;
        }
        let (mut month, mut day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        let out_of_range = Err(Mismatch::Range("day"));
        if let Some(year_day) = self.year_day {
            let first = civil::days(self.it.year, 1, 1);
            let (year, m, d) = civil::date(first + year_day - 1);
            if year_day < 1 || year != self.it.year {
                return Err(Mismatch::Range("day-of-year"));
            }
            (month, day) = (m, d);
        }
        if day < 1 || day > civil::days_in(month, self.it.year) {
            return out_of_range;
        }
        (self.it.month, self.it.day) = (month, day);
        Ok(self.it)
    }
}

/// Length of `+3`, `-11` at the start; 0 if there is none in range.
fn signed_hours(text: &str) -> usize {
    let Some(digits) = text.strip_prefix(['+', '-']) else { return 0 };
    let len = digits.bytes().take_while(u8::is_ascii_digit).count();
    match digits[..len].parse::<i64>() {
        Ok(hours) if hours <= 23 => 1 + len,
        _ => 0,
    }
}

/// Digits after the point as nanoseconds; what is finer is cut.
fn nanos(digits: &str) -> i64 {
    let mut value = 0;
    for at in 0..9 {
        let digit = digits.as_bytes().get(at).map_or(0, |it| i64::from(it - b'0'));
        value = value * 10 + digit;
    }
    value
}
