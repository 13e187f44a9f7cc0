//! Times to text in the order of a Go layout (Go 1.25, `Time.AppendFormat`).

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
    let (mut out, mut rest) = (String::with_capacity(layout.len() + 8), layout);
    while let Some((at, std, len)) = next_std(rest) {
        let (before, from) = rest.split_at(at);
        let (element, after) = from.split_at(len);
        out.push_str(before);
        out.push_str(&part(std, element, shown));
        rest = after;
    }
    out + rest
}

fn part(std: Std, element: &str, shown: Shown<'_>) -> String {
    let days = shown.seconds.div_euclid(86_400);
    let second = shown.seconds.rem_euclid(86_400);
    let (year, month, day) = civil::date(days);
    let name = |names: &[&'static str], at: i64| {
        usize::try_from(at).ok().and_then(|it| names.get(it)).copied().unwrap_or_default()
    };
    let month_name = name(&MONTHS, month - 1);
    // 1970 began on a Thursday.
    let weekday = name(&DAYS, (days + 4).rem_euclid(7));
    let short = |it: &str| it.get(..3).unwrap_or_default().to_owned();
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
    let year_day = days - civil::days(year, 1, 1) + 1;
    match std {
        Std::LongMonth => month_name.to_owned(),
        Std::Month => short(month_name),
        Std::NumMonth => month.to_string(),
        Std::ZeroMonth => format!("{month:02}"),
        Std::LongWeekDay => weekday.to_owned(),
        Std::WeekDay => short(weekday),
        Std::Day => day.to_string(),
        Std::UnderDay => format!("{day:2}"),
        Std::ZeroDay => format!("{day:02}"),
        Std::UnderYearDay => format!("{year_day:3}"),
        Std::ZeroYearDay => format!("{year_day:03}"),
        Std::Hour => format!("{hour:02}"),
        Std::Hour12 => hour12.to_string(),
        Std::ZeroHour12 => format!("{hour12:02}"),
        Std::Minute => minute.to_string(),
        Std::ZeroMinute => format!("{minute:02}"),
        Std::Second => second.to_string(),
        Std::ZeroSecond => format!("{second:02}"),
        Std::LongYear => format!("{year:04}"),
        Std::Year => format!("{:02}", year.rem_euclid(100)),
        Std::UpperPm => if hour >= 12 { "PM" } else { "AM" }.to_owned(),
        Std::LowerPm => if hour >= 12 { "pm" } else { "am" }.to_owned(),
        Std::ZoneName if shown.zone.is_empty() => {
            offset(Offset { iso: false, colons: false, parts: 2 }, shown.offset_seconds)
        }
        Std::ZoneName => shown.zone.to_owned(),
        Std::Offset(how) => offset(how, shown.offset_seconds),
        Std::FractionZero(_) | Std::FractionNine => fraction(element, shown.nanos),
    }
}

/// `.000` and `.999`: so many digits, in the second case without zeros at the end.
fn fraction(element: &str, nanos: u32) -> String {
    let mut digits = format!("{nanos:09}");
    digits.truncate(element.len().saturating_sub(1));
    if element.ends_with('9') {
        digits.truncate(digits.trim_end_matches('0').len());
        if digits.is_empty() {
            return digits;
        }
    }
    format!("{}{digits}", element.get(..1).unwrap_or_default())
}

fn offset(how: Offset, seconds: i32) -> String {
    if how.iso && seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let colon = if how.colons { ":" } else { "" };
    let parts = [seconds / 3600, seconds / 60 % 60, seconds % 60];
    let parts: Vec<String> = parts.iter().take(how.parts).map(|it| format!("{it:02}")).collect();
    format!("{sign}{}", parts.join(colon))
}
