//! Spans: randomness and threshold are in the trace state. `tracesprocessor.go`, v0.149.

use pdata::{Field, Place, Value, ValueRef};
use tracestate::{Randomness, Threshold, TraceState};

use crate::config::Config;
use crate::sampler::{Decision, Drawn, Policy, Sampler, undecided};

/// Decides, and writes down how if the span stays.
pub(crate) fn decide(place: &mut Place<'_>, config: &Config, sampler: &Sampler) -> Decision {
    let state = match place.get(Field::SPAN_TRACE_STATE, &[]) {
        Ok(Some(ValueRef::Str(text))) => TraceState::parse(text),
        _ => Some(TraceState::default()),
    };
    let id = match place.get(Field::SPAN_TRACE_ID, &[]) {
        Ok(Some(ValueRef::Bytes(id))) => id.try_into().ok().filter(|it| *it != [0; 16]),
        _ => None,
    };
    let (mut drawn, mut state, fine) = draw(sampler, state, id);
    let mut threshold = if fine && is_consistent(drawn, &mut state) {
        sampler.threshold(state.as_ref().and_then(|it| it.threshold.as_ref()).map(|it| it.0))
    } else {
        undecided(config)
    };
    if let Some(wanted) = priority(place) {
        threshold = if wanted { Threshold::ALWAYS } else { Threshold::NEVER };
        drawn.policy = Policy::Priority;
    }
    let sampled = threshold.keeps(drawn.randomness);
    if let Some(mut state) = state.filter(|_| sampled) {
        if matches!(sampler, Sampler::Hash { .. }) {
            state.set_randomness(drawn.randomness);
        }
        state.raise(threshold);
        let text = state.text();
        let _ = place.set(Field::SPAN_TRACE_STATE, &[], Value::Str(&text));
    }
    Decision { sampled, policy: drawn.policy }
}

/// The randomness of a span, the state that can be changed, and whether nothing is wrong.
fn draw<'s>(
    sampler: &Sampler,
    state: Option<TraceState<'s>>,
    id: Option<[u8; 16]>,
) -> (Drawn, Option<TraceState<'s>>, bool) {
    let seed = match sampler {
        Sampler::Never => {
            let fine = state.is_some();
            return (Drawn::UNUSED, Some(state.unwrap_or_default()), fine);
        }
        Sampler::Hash { seed, .. } => Some(*seed),
        Sampler::Equalizing(_) | Sampler::Proportional { .. } => None,
    };
    let of_id = id.map_or(Drawn::MISSING, |id| match seed {
        Some(seed) => Drawn::by(Policy::TraceIdHash, Randomness::hashed(&id, seed)),
        None => Drawn::by(Policy::TraceId, Randomness::of_trace(id)),
    });
    let Some(state) = state else {
        return (if seed.is_some() { of_id } else { Drawn::MISSING }, None, false);
    };
    if seed.is_none() {
        let given = state.randomness.as_ref();
        let drawn = given.map_or(of_id, |it| Drawn::by(Policy::Randomness, it.0));
        return (drawn, Some(state), true);
    }
    // Who samples consistently does not use hashes.
    if state.randomness.is_some() || state.threshold.is_some() {
        return (of_id, None, false);
    }
    (of_id, Some(state), true)
}

/// A span that should not have come with its threshold loses it.
fn is_consistent(drawn: Drawn, state: &mut Option<TraceState<'_>>) -> bool {
    if drawn.is_missing() {
        return false;
    }
    let Some(state) = state else { return true };
    let fits = state.threshold.as_ref().is_none_or(|it| it.0.keeps(drawn.randomness));
    if !fits {
        state.threshold = None;
    }
    fits
}

/// What `sampling.priority` says: 0 is no, more is yes.
fn priority(place: &Place<'_>) -> Option<bool> {
    let number = match place.entry(Field::SPAN_ATTRIBUTES, "sampling.priority")? {
        ValueRef::Int(it) if it < 0 => return None,
        ValueRef::Int(it) => return Some(it > 0),
        ValueRef::Double(it) => it,
        ValueRef::Str(it) => golang::strconv::parse_float(it).ok()?,
        _ => return None,
    };
    (number >= 0.0).then_some(number > 0.0)
}
