//! Times to text in the order of a Go layout (Go 1.25, `Time.AppendFormat`).

use std::fmt::{self, Write};

use super::civil::{self, DAYS, MONTHS};
use super::layout::next_std;
use super::parts::{Offset, Std};

/// A moment as a clock shows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    /// Since 1970, of the clock that shows it.
    pub(super) seconds: i64,
    pub(super) nanos: u32,
    pub(super) offset_seconds: i32,
    pub(super) zone: &'a str,
}

/// The text that a layout makes of it.
pub(super) fn write(layout: &str, shown: Shown<'_>) -> String {
    let mut out = String::with_capacity(layout.len() + 8);
    // A text takes all that is written to it.
    let _ = write_to(&mut out, layout, shown);
    out
}

/// Writes it there.
///
/// # Errors
/// Those of `out`.
pub(super) fn write_to(out: &mut impl Write, layout: &str, shown: Shown<'_>) -> fmt::Result {
    let mut rest = layout;
    while let Some((at, std, len)) = next_std(rest) {
        let (before, from) = rest.split_at(at);
        let (element, after) = from.split_at(len);
        out.write_str(before)?;
        part(out, std, element, shown)?;
        rest = after;
    }
    out.write_str(rest)
}

fn part(out: &mut impl Write, std: Std, element: &str, shown: Shown<'_>) -> fmt::Result {
    let days = shown.seconds.div_euclid(86_400);
    let second = shown.seconds.rem_euclid(86_400);
    let (year, month, day) = civil::date(days);
    let name = |names: &[&'static str], at: i64| {
        usize::try_from(at).ok().and_then(|it| names.get(it)).copied().unwrap_or_default()
    };
    let month_name = name(&MONTHS, month - 1);
    // 1970 began on a Thursday.
    let weekday = name(&DAYS, (days + 4).rem_euclid(7));
    let short = |it: &'static str| it.get(..3).unwrap_or_default();
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
    let year_day = days - civil::days(year, 1, 1) + 1;
    match std {
        Std::LongMonth => out.write_str(month_name),
        Std::Month => out.write_str(short(month_name)),
        Std::NumMonth => write!(out, "{month}"),
        Std::ZeroMonth => write!(out, "{month:02}"),
        Std::LongWeekDay => out.write_str(weekday),
        Std::WeekDay => out.write_str(short(weekday)),
        Std::Day => write!(out, "{day}"),
        Std::UnderDay => write!(out, "{day:2}"),
        Std::ZeroDay => write!(out, "{day:02}"),
        Std::UnderYearDay => write!(out, "{year_day:3}"),
        Std::ZeroYearDay => write!(out, "{year_day:03}"),
        Std::Hour => write!(out, "{hour:02}"),
        Std::Hour12 => write!(out, "{hour12}"),
        Std::ZeroHour12 => write!(out, "{hour12:02}"),
        Std::Minute => write!(out, "{minute}"),
        Std::ZeroMinute => write!(out, "{minute:02}"),
        Std::Second => write!(out, "{second}"),
        Std::ZeroSecond => write!(out, "{second:02}"),
        Std::LongYear => write!(out, "{year:04}"),
        Std::Year => write!(out, "{:02}", year.rem_euclid(100)),
        Std::UpperPm => out.write_str(if hour >= 12 { "PM" } else { "AM" }),
        Std::LowerPm => out.write_str(if hour >= 12 { "pm" } else { "am" }),
        Std::ZoneName if shown.zone.is_empty() => {
            offset(out, Offset { iso: false, colons: false, parts: 2 }, shown.offset_seconds)
        }
        Std::ZoneName => out.write_str(shown.zone),
        Std::Offset(how) => offset(out, how, shown.offset_seconds),
        Std::FractionZero(_) | Std::FractionNine => fraction(out, element, shown.nanos),
    }
}

/// `.000` and `.999`: so many digits, in the second case without zeros at the end.
fn fraction(out: &mut impl Write, element: &str, nanos: u32) -> fmt::Result {
    let mut digits = format!("{nanos:09}");
    digits.truncate(element.len().saturating_sub(1));
    if element.ends_with('9') {
        digits.truncate(digits.trim_end_matches('0').len());
        if digits.is_empty() {
            return Ok(());
        }
    }
    write!(out, "{}{digits}", element.get(..1).unwrap_or_default())
}

fn offset(out: &mut impl Write, how: Offset, seconds: i32) -> fmt::Result {
    if how.iso && seconds == 0 {
        return out.write_char('Z');
    }
    out.write_char(if seconds < 0 { '-' } else { '+' })?;
    let seconds = seconds.unsigned_abs();
    let parts = [seconds / 3600, seconds / 60 % 60, seconds % 60];
    for (at, part) in parts.into_iter().take(how.parts).enumerate() {
        let colon = if how.colons && at > 0 { ":" } else { "" };
        write!(out, "{colon}{part:02}")?;
    }
    Ok(())
}
