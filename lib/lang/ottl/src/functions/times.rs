//! Times and spans of time.

use config::Duration;
use golang::number;
use golang::time::{Clock, Layout};
use jiff::civil::DateTime;

use super::locale::Locale;
use super::{
    Env, Function, Kind, Slot, State, constant_text, function, int, may_take, takes, text,
};
use crate::value::{Instant, Value, civil};

const SECOND: i64 = 1_000_000_000;
const TIME: super::Parameter = takes("time", Kind::Time);
const DURATION: super::Parameter = takes("duration", Kind::Duration);

pub(super) const ALL: &[Function] = &[
    function("Now", &[], |_, _| Ok(Value::Time(Instant::utc(now().into()))))
        .impure()
        .says("The time.", "Now() > Unix(0)"),
    function(
        "Time",
        &[
            takes("time", Kind::Text),
            takes("format", Kind::TheText),
            may_take("location", Kind::TheText),
            may_take("locale", Kind::TheText),
        ],
        time,
    )
    .prepared(clock)
    .impure()
    .says(
        "The time that a text says in the order of a strptime format, at a place of the time zone \
         database if it does not say its zone, in a language.",
        "UnixSeconds(Time(\"2024-07-01 08:00\", \"%F %R\", \"America/New_York\")) == 1719835200",
    ),
    function(
        "FormatTime",
        &[takes("time", Kind::Time), takes("format", Kind::TheText)],
        |env, it| match env.state {
            State::Clock(clock, _) => Ok(clock.write(instant(it)).into()),
            _ => Ok(Value::Nil),
        },
    )
    .prepared(clock)
    .says(
        "The text of a time in the order of a strptime format.",
        "FormatTime(Unix(0), \"%Y-%m-%d\") == \"1970-01-01\"",
    ),
    function(
        "Unix",
        &[takes("seconds", Kind::Int), may_take("nanoseconds", Kind::Int)],
        |_, it| {
            let nanos = i128::from(int(it, 0)) * i128::from(SECOND) + i128::from(int(it, 1));
            Ok(Value::Time(Instant::utc(nanos)))
        },
    )
    .says("The time so many seconds after 1970.", "UnixNano(Unix(1, 5)) == 1000000005"),
    function("TruncateTime", &[TIME, DURATION], |_, it| Ok(truncate(it))).says(
        "The time, down to a multiple of a span of time.",
        "TruncateTime(Unix(90), Duration(\"1m\")) == Unix(60)",
    ),
    function("Duration", &[takes("duration", Kind::Text)], |_, it| duration(text(it, 0)))
        .says("The span of time that a text says.", "Seconds(Duration(\"1m30s\")) == 90.0"),
    function("UnixNano", &[TIME], |_, it| Ok(since_1970(it, 1)))
        .says("Nanoseconds since 1970.", "UnixNano(Unix(2)) == 2000000000"),
    function("UnixMicro", &[TIME], |_, it| Ok(since_1970(it, 1_000)))
        .says("Microseconds since 1970.", "UnixMicro(Unix(2)) == 2000000"),
    function("UnixMilli", &[TIME], |_, it| Ok(since_1970(it, 1_000_000)))
        .says("Milliseconds since 1970.", "UnixMilli(Unix(2)) == 2000"),
    function("UnixSeconds", &[TIME], |_, it| Ok(since_1970(it, SECOND.into())))
        .says("Seconds since 1970.", "UnixSeconds(Unix(2)) == 2"),
    function("Nanoseconds", &[DURATION], |_, it| Ok(Value::Int(span(it))))
        .says("A span of time in whole nanoseconds.", "Nanoseconds(Duration(\"2ms\")) == 2000000"),
    function("Microseconds", &[DURATION], |_, it| Ok(Value::Int(span(it) / 1_000)))
        .says("A span of time in whole microseconds.", "Microseconds(Duration(\"2ms\")) == 2000"),
    function("Milliseconds", &[DURATION], |_, it| Ok(Value::Int(span(it) / 1_000_000)))
        .says("A span of time in whole milliseconds.", "Milliseconds(Duration(\"2ms\")) == 2"),
    function("Seconds", &[DURATION], |_, it| Ok(in_units(it, SECOND))).says(
        "A span of time in seconds, with their fraction.",
        "Seconds(Duration(\"90m\")) == 5400.0",
    ),
    function("Minutes", &[DURATION], |_, it| Ok(in_units(it, 60 * SECOND))).says(
        "A span of time in minutes, with their fraction.",
        "Minutes(Duration(\"90m\")) == 90.0",
    ),
    function("Hours", &[DURATION], |_, it| Ok(in_units(it, 3600 * SECOND)))
        .says("A span of time in hours, with their fraction.", "Hours(Duration(\"90m\")) == 1.5"),
    function("Year", &[TIME], |_, it| part(it, |it| it.year().into()))
        .says("The year of a time.", "Year(Unix(3661)) == 1970"),
    function("Month", &[TIME], |_, it| part(it, |it| it.month().into()))
        .says("The month of a time, from 1.", "Month(Unix(3661)) == 1"),
    function("Day", &[TIME], |_, it| part(it, |it| it.day().into()))
        .says("The day of the month of a time, from 1.", "Day(Unix(3661)) == 1"),
    function("Hour", &[TIME], |_, it| part(it, |it| it.hour().into()))
        .says("The hour of a time, from 0.", "Hour(Unix(3661)) == 1"),
    function("Minute", &[TIME], |_, it| part(it, |it| it.minute().into()))
        .says("The minute of a time, from 0.", "Minute(Unix(3661)) == 1"),
    function("Second", &[TIME], |_, it| part(it, |it| it.second().into()))
        .says("The second of a time, from 0.", "Second(Unix(3661)) == 1"),
    function("Nanosecond", &[TIME], |_, it| part(it, |it| it.subsec_nanosecond().into()))
        .says("The nanoseconds within the second of a time.", "Nanosecond(Unix(3661)) == 0"),
    function("Weekday", &[TIME], |_, it| {
        part(it, |it| it.weekday().to_sunday_zero_offset().into())
    })
    .says("The day of the week of a time, from 0 for Sunday.", "Weekday(Unix(0)) == 4"),
];

fn now() -> u64 {
    clock::unix_nanos()
}

fn clock(slots: &[Slot]) -> Result<State, String> {
    let format = constant_text(slots, 1).unwrap_or_default();
    if format.is_empty() {
        return Err("format cannot be nil".to_owned());
    }
    let location = constant_text(slots, 2).unwrap_or_default();
    let layout = Layout::ctime(format)
        .map_err(|it| it.replace("invalid strptime format", "convert to go time format"))?;
    let clock = Clock::new(layout, location).map_err(|it| {
        it.replace("invalid 'location':", &format!("failed to load location {location}:"))
    });
    let locale = constant_text(slots, 3).map(|it| Locale::new(it, format)).transpose()?;
    clock.map(|it| State::Clock(it, locale))
}

fn time<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let State::Clock(clock, locale) = env.state else { return Ok(Value::Nil) };
    let text = text(values, 0);
    if text.is_empty() {
        return Err("time cannot be nil".to_owned());
    }
    let translated = locale.as_ref().map(|it| it.translated(text));
    Ok(Value::Time(clock.read(translated.as_deref().unwrap_or(text), now())?))
}

fn duration<'a>(text: &str) -> Result<Value<'a>, String> {
    match Duration::parse(text) {
        Ok(it) => Ok(Value::Duration(it.nanos())),
        Err(problem) if problem == Duration::UNKNOWN_UNIT => {
            Err(format!("{problem} {:?} in duration {text:?}", unknown_unit(text)))
        }
        Err(problem) => Err(format!("{problem} {text:?}")),
    }
}

/// The first unit of a span of time that there is not.
fn unknown_unit(text: &str) -> &str {
    let number = |c: char| c.is_ascii_digit() || c == '.';
    let known = ["ns", "us", "\u{b5}s", "\u{3bc}s", "ms", "s", "m", "h"];
    let units = text.split(number).filter(|it| !it.is_empty());
    units.map(|it| it.trim_start_matches(['-', '+'])).find(|it| !known.contains(it)).unwrap_or("")
}

fn instant(values: &[Value<'_>]) -> Instant {
    match values.first() {
        Some(Value::Time(it)) => *it,
        _ => Instant::utc(0),
    }
}

fn span(values: &[Value<'_>]) -> i64 {
    match values.first() {
        Some(Value::Duration(it)) => *it,
        _ => 0,
    }
}

fn since_1970<'a>(values: &[Value<'a>], unit: i128) -> Value<'a> {
    // What does not fit wraps, as recorded: statements may calculate with it.
    Value::Int(number::wrapped(instant(values).nanos.div_euclid(unit)))
}

fn in_units<'a>(values: &[Value<'a>], unit: i64) -> Value<'a> {
    Value::Double(span(values) as f64 / unit as f64)
}

/// Nanoseconds from the year 1, from which Go counts when it truncates, to 1970.
const BEFORE_1970: i128 = 62_135_596_800 * SECOND as i128;

fn truncate<'a>(values: &[Value<'a>]) -> Value<'a> {
    let time = instant(values);
    let Some(Value::Duration(step)) = values.get(1) else { return Value::Nil };
    let over =
        if *step <= 0 { 0 } else { (time.nanos + BEFORE_1970).rem_euclid(i128::from(*step)) };
    Value::Time(Instant { nanos: time.nanos - over, ..time })
}

fn part<'a>(values: &[Value<'a>], of: impl Fn(DateTime) -> i64) -> Result<Value<'a>, String> {
    civil(instant(values)).map(|it| Value::Int(of(it.0)))
}

/// As Go prints a span of time: `1h30m0s`.
pub(super) fn go_duration(nanos: i64) -> String {
    Duration::from_nanos(nanos).to_string()
}
