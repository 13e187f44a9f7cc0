//! Reads a text by the elements of a layout (Go 1.25, time.Parse).

use super::civil::{self, DAYS, MONTHS};
use super::parts::{Mismatch, Offset, Parsed, Std};
use crate::number::int;

/// Where in a text the layout has come to.
#[derive(Default)]
pub(super) struct Reader<'t> {
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
    /// At the start of a text.
    pub(super) fn new(text: &'t str, lenient: bool) -> Self {
        Self { rest: text, lenient, ..Self::default() }
    }

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
    pub(super) fn skip(&mut self, prefix: &str) -> Result<(), Mismatch<'t>> {
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
                return Ok(int(at));
            }
        }
        Err(self.wrong())
    }

    /// One element of the layout.
    pub(super) fn element(&mut self, std: Std, fraction_next: bool) -> Result<(), Mismatch<'t>> {
        match std {
            Std::Year => {
                self.it.dated = true;
                let short: i64 = self.cut(2)?.parse().map_err(|_| self.wrong())?;
                self.it.year = short + if short >= 69 { 1900 } else { 2000 };
            }
            Std::LongYear => {
                self.it.dated = true;
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
            Std::Offset(how) => return self.offset(how),
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

    fn offset(&mut self, how: Offset) -> Result<(), Mismatch<'t>> {
        let start = self.rest;
        if (how.iso || self.lenient) && start.starts_with('Z') {
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
        for (at, part) in parts.iter_mut().enumerate() {
            if at > 0 {
                let colon = self.rest.starts_with(':');
                let more =
                    if self.lenient { self.digit(usize::from(colon)) } else { at < how.parts };
                if !more {
                    break;
                }
                if !self.lenient && colon != how.colons {
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

    /// All of it, if nothing is left over.
    pub(super) fn finish(mut self) -> Result<Parsed<'t>, Mismatch<'t>> {
        if !self.rest.is_empty() {
            return Err(Mismatch::Extra(self.rest));
        }
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
        self.it.dated |= self.month.is_some() || self.day.is_some() || self.year_day.is_some();
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
