//! Times and spans of time: what is calculated with them, and the methods that Go's have.

use config::Duration;
use golang::number;
use golang::time::{Reading, ZERO, civil};
use golang::value::Value;

use super::{Env, Stop, Val, mismatched};
use crate::tree::{Node, Operator};

const SECOND: i64 = 1_000_000_000;
const DAY_SECS: i64 = 86_400;

/// What a clock of UTC shows.
pub(super) fn instant(nanos: i64) -> Reading {
    Reading::utc(if nanos == i64::MIN { ZERO } else { nanos.into() })
}

pub(super) fn arithmetic<'a>(operator: Operator, a: Val<'a>, b: Val<'a>) -> Result<Val<'a>, Stop> {
    Ok(match (operator, a, b) {
        (Operator::Add, Val::Time(x), Val::Span(y) | Val::Time(y))
        | (Operator::Add, Val::Span(x), Val::Time(y)) => Val::Time(x.saturating_add(y)),
        (Operator::Add, Val::Span(x), Val::Span(y)) => Val::Span(x.wrapping_add(y)),
        (Operator::Subtract, Val::Time(x), Val::Time(y)) => Val::Span(x.saturating_sub(y)),
        (Operator::Subtract, Val::Time(x), Val::Span(y)) => Val::Time(x.saturating_sub(y)),
        (Operator::Subtract, Val::Span(x), Val::Span(y)) => Val::Span(x.wrapping_sub(y)),
        _ => return Err(mismatched(operator, &a, &b)),
    })
}

impl<'a> Env<'a, '_> {
    /// `of.name(args)`.
    pub(super) fn method(
        &mut self,
        of: Val<'a>,
        name: &str,
        args: &'a [Node],
    ) -> Result<Val<'a>, Stop> {
        let args = args.iter().map(|it| self.eval(it)).collect::<Result<Vec<_>, _>>()?;
        let found = match of {
            Val::Time(time) => self.of_time(time, name, &args),
            Val::Span(span) => self.of_span(span, name, &args),
            Val::Data(_) => None,
        };
        found.ok_or_else(|| {
            let got = if of.is_nil() { "<nil>" } else { of.type_name() };
            format!("cannot fetch {name} from {got}").into()
        })
    }

    fn of_time(&self, time: i64, name: &str, args: &[Val<'a>]) -> Option<Val<'a>> {
        let reading = instant(time);
        let seconds = number::wrapped(reading.nanos.div_euclid(SECOND.into()));
        let (days, second) = (seconds.div_euclid(DAY_SECS), seconds.rem_euclid(DAY_SECS));
        let (year, _, day) = civil::date(days);
        let int = |it| Some(Val::Data(Value::Int(it)));
        let since = |unit: i64| int(number::wrapped(reading.nanos.div_euclid(unit.into())));
        let yes = |it| Some(Val::Data(Value::Bool(it)));
        match (name, args) {
            ("Year", []) => int(year),
            // A month or a day of the week is a number with a name in Go, and shows as its name.
            ("Month", []) => Some(self.text(&reading.format("January"))),
            ("Day", []) => int(day),
            ("Hour", []) => int(second / 3600),
            ("Minute", []) => int(second / 60 % 60),
            ("Second", []) => int(second % 60),
            ("Nanosecond", []) => int(number::wrapped(reading.nanos.rem_euclid(SECOND.into()))),
            ("Weekday", []) => Some(self.text(&reading.format("Monday"))),
            ("YearDay", []) => int(days - civil::days(year, 1, 1) + 1),
            ("Unix", []) => since(SECOND),
            ("UnixMilli", []) => since(1_000_000),
            ("UnixMicro", []) => since(1_000),
            ("UnixNano", []) => since(1),
            ("IsZero", []) => yes(reading.nanos == ZERO),
            ("UTC", []) => Some(Val::Time(time)),
            ("String", []) => Some(self.text(&reading.to_string())),
            ("Format", [Val::Data(Value::Str(layout))]) => Some(self.text(&reading.format(layout))),
            ("Add", [Val::Span(by)]) => Some(Val::Time(time.saturating_add(*by))),
            ("Sub", [Val::Time(other)]) => Some(Val::Span(time.saturating_sub(*other))),
            ("Before", [Val::Time(other)]) => yes(time < *other),
            ("After", [Val::Time(other)]) => yes(time > *other),
            ("Equal", [Val::Time(other)]) => yes(time == *other),
            _ => None,
        }
    }

    fn of_span(&self, span: i64, name: &str, args: &[Val<'a>]) -> Option<Val<'a>> {
        let [] = args else { return None };
        let int = |it| Some(Val::Data(Value::Int(it)));
        let units = |unit: i64| Some(Val::Data(Value::Double(span as f64 / unit as f64)));
        match name {
            "Hours" => units(3600 * SECOND),
            "Minutes" => units(60 * SECOND),
            "Seconds" => units(SECOND),
            "Milliseconds" => int(span / 1_000_000),
            "Microseconds" => int(span / 1_000),
            "Nanoseconds" => int(span),
            "String" => Some(self.text(&Duration::from_nanos(span).to_string())),
            _ => None,
        }
    }

    fn text(&self, text: &str) -> Val<'a> {
        Val::Data(Value::Str(self.arena.alloc_str(text)))
    }
}
