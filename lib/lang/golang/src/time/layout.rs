//! Go's reference-time layouts: `2006-01-02T15:04:05.999Z07:00` (Go 1.25, time/format.go).

use super::parts::{Mismatch, Offset, Parsed, Std};
use super::reader::Reader;
use super::strptime;

/// A compiled layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    text: String,
    items: Vec<(String, Std)>,
    /// Literal text after the last element.
    tail: String,
    /// Takes unpadded numbers for padded ones and every notation of an offset for any other: what strptime
    /// users expect, and a superset of what upstream takes.
    lenient: bool,
}

impl Layout {
    /// Compiles; every text is a layout.
    pub fn new(text: &str) -> Self {
        let (mut items, mut rest) = (Vec::new(), text);
        while let Some((at, std, len)) = next_std(rest) {
            items.push((rest[..at].to_owned(), std));
            rest = &rest[at + len..];
        }
        Self { text: text.to_owned(), items, tail: rest.to_owned(), lenient: false }
    }

    /// The same from strptime's notation. It takes more than Go's does: see `lenient`.
    ///
    /// # Errors
    /// The Collector's texts.
    pub fn strptime(text: &str) -> Result<Self, String> {
        strptime::check(text)?;
        Ok(Self { lenient: true, ..Self::new(&strptime::to_go(text)?) })
    }

    /// The same from the notation of OTTL, which is that of strptime without the checks of the log operators:
    /// digits are elements of Go's layouts, and a fraction that follows no point is a text.
    ///
    /// # Errors
    /// The Collector's texts.
    pub fn ctime(text: &str) -> Result<Self, String> {
        Ok(Self::new(&strptime::to_go(text)?))
    }

    /// Takes no more than Go does.
    #[must_use]
    pub fn strict(self) -> Self {
        Self { lenient: false, ..self }
    }

    /// In Go's notation.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reads a text.
    ///
    /// # Errors
    /// The first place at which it is written otherwise, or a number that no clock shows.
    pub fn parse<'t>(&self, text: &'t str) -> Result<Parsed<'t>, Mismatch<'t>> {
        let mut reader = Reader::new(text, self.lenient);
        for (at, (prefix, std)) in self.items.iter().enumerate() {
            reader.skip(prefix)?;
            let next = self.items.get(at + 1).filter(|(prefix, _)| prefix.is_empty());
            let fraction_next = matches!(next, Some((_, Std::FractionZero(_) | Std::FractionNine)));
            reader.element(*std, fraction_next)?;
        }
        reader.skip(&self.tail)?;
        reader.finish()
    }
}

/// The first element of a layout: where it is, what it is, how long its text is.
pub(super) fn next_std(layout: &str) -> Option<(usize, Std, usize)> {
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
    let offset = |iso, colons, parts| Std::Offset(Offset { iso, colons, parts });
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
        b'-' if is("-070000") => (offset(false, false, 3), 7),
        b'-' if is("-07:00:00") => (offset(false, true, 3), 9),
        b'-' if is("-0700") => (offset(false, false, 2), 5),
        b'-' if is("-07:00") => (offset(false, true, 2), 6),
        b'-' if is("-07") => (offset(false, false, 1), 3),
        b'Z' if is("Z070000") => (offset(true, false, 3), 7),
        b'Z' if is("Z07:00:00") => (offset(true, true, 3), 9),
        b'Z' if is("Z0700") => (offset(true, false, 2), 5),
        b'Z' if is("Z07:00") => (offset(true, true, 2), 6),
        b'Z' if is("Z07") => (offset(true, false, 1), 3),
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
