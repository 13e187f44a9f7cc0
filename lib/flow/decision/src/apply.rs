//! Does to a record what an action says.

use std::sync::Arc;

use pdata::{
    Depth, Field, Key, LogRecord, Place, PointRef, Signal, Span, Value, ValueBuf, ValueRef,
    ValueWriter,
};
use regex::Regex;
use xxhash_rust::xxh3::xxh3_64;

use crate::action::{Action, Redaction};
use crate::layout::Leaf;

/// Bits of randomness that a sampling decision uses, as OpenTelemetry's consistent probability sampling.
const RANDOM_BITS: u32 = 56;

/// Whether a record stays. What is decided first counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    Open,
    Keep,
    Drop { rule: Arc<str>, reason: Arc<str> },
}

/// Does one thing; whether it changed something around the record.
pub(crate) fn one(
    action: &Action,
    rule: &Arc<str>,
    place: &mut Place<'_>,
    fate: &mut Fate,
) -> Result<bool, String> {
    match action {
        Action::Drop(reason) if *fate == Fate::Open => {
            *fate = Fate::Drop { rule: Arc::clone(rule), reason: Arc::clone(reason) };
        }
        Action::Keep if *fate == Fate::Open => *fate = Fate::Keep,
        Action::Sample(share) if *fate == Fate::Open && !is_sampled(*share, place) => {
            *fate = Fate::Drop { rule: Arc::clone(rule), reason: "sampled".into() };
        }
        Action::Set(spot, value) => {
            let (field, keys) = spot.writable().ok_or("it cannot be set")?;
            if let Leaf::Attributes(field) = spot.leaf
                && let [Key::Text(key)] = keys.as_slice()
            {
                if let Some(mut attributes) = place.attributes(field) {
                    attributes.set(key, value);
                }
                return Ok(spot.depth() < Depth::Item);
            }
            let set = place.set(field, &keys, value.value());
            set.map_err(|error| format!("{rule}: a value cannot be set: {error}"))?;
            return Ok(spot.depth() < Depth::Item);
        }
        Action::Remove(spot) => {
            let (field, keys) = spot.writable().ok_or("it cannot be removed")?;
            // What is not there need not be removed.
            let removed = place.remove(field, &keys).unwrap_or(false);
            return Ok(removed && spot.depth() < Depth::Item);
        }
        Action::Redact(it) => return redact(it, place),
        _ => {}
    }
    Ok(false)
}

/// The same answer for all records of a trace, and for the same record at another collector.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of 2^56, between 0 and it"
)]
fn is_sampled(share: f64, place: &Place<'_>) -> bool {
    let mask = (1_u64 << RANDOM_BITS) - 1;
    let trace = match place.signal() {
        Signal::Logs => place.log().map(LogRecord::trace_id),
        Signal::Traces => place.span().map(Span::trace_id),
        Signal::Metrics => None,
    };
    let random = match trace.and_then(|it| it.last_chunk::<8>()) {
        Some(last) => u64::from_be_bytes(*last),
        None => xxh3_64(encoded(place)),
    };
    let threshold = ((1.0 - share) * (mask + 1) as f64) as u64;
    random & mask >= threshold
}

fn encoded<'p>(place: &'p Place<'_>) -> &'p [u8] {
    match place.signal() {
        Signal::Logs => place.log().map_or(&[][..], LogRecord::encoded),
        Signal::Traces => place.span().map_or(&[][..], Span::encoded),
        Signal::Metrics => place.point().map_or(&[][..], PointRef::encoded),
    }
}

/// Replaces what matches in a text, or in all texts of a map or list.
fn redact(redaction: &Redaction, place: &mut Place<'_>) -> Result<bool, String> {
    let (field, keys) = redaction.spot.writable().ok_or("it cannot be redacted")?;
    let around = redaction.spot.depth() < Depth::Item;
    let (pattern, with) = (redaction.pattern.as_ref(), &*redaction.with);
    if let Leaf::Attributes(field) = redaction.spot.leaf
        && keys.is_empty()
    {
        return Ok(redact_all(place, field, pattern, with) && around);
    }
    let Ok(Some(old)) = place.get(field, &keys) else { return Ok(false) };
    if !touches(old, pattern) {
        return Ok(false);
    }
    let new = ValueBuf::build(|out| write(old, pattern, with, out));
    let set = place.set(field, &keys, new.value());
    set.map_err(|error| format!("a value cannot be redacted: {error}"))?;
    Ok(around)
}

fn redact_all(place: &mut Place<'_>, field: Field, pattern: Option<&Regex>, with: &str) -> bool {
    let any = place.get(field, &[]).ok().flatten().is_some_and(|it| touches(it, pattern));
    if any && let Some(mut attributes) = place.attributes(field) {
        attributes.for_each(|_, value, out| {
            let touched = touches(value, pattern);
            if touched {
                write(value, pattern, with, out);
            }
            touched
        });
    }
    any
}

/// Whether there is a text that the pattern finds.
fn touches(value: ValueRef<'_>, pattern: Option<&Regex>) -> bool {
    match value {
        ValueRef::Str(text) => pattern.is_none_or(|it| it.is_match(text)),
        ValueRef::Array(items) => items.iter().any(|it| touches(it, pattern)),
        ValueRef::Map(entries) => entries.iter().any(|(_, it)| touches(it, pattern)),
        // Without a pattern, the value goes whatever it is.
        _ => pattern.is_none(),
    }
}

fn write(value: ValueRef<'_>, pattern: Option<&Regex>, with: &str, out: &mut ValueWriter<'_>) {
    match (value, pattern) {
        (ValueRef::Str(text), Some(pattern)) => out.put(&*pattern.replace_all(text, with)),
        (ValueRef::Array(items), _) => out.array(|out| {
            items.iter().for_each(|it| out.value(|out| write(it, pattern, with, out)));
        }),
        (ValueRef::Map(entries), _) => out.map(|out| {
            entries
                .iter()
                .for_each(|(key, it)| out.value(key, |out| write(it, pattern, with, out)));
        }),
        (_, None) => out.put(with),
        (other, Some(_)) => out.put(Value::from(other)),
    }
}
