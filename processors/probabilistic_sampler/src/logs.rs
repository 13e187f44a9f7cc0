//! Log records: randomness and threshold are attributes. `logsprocessor.go`, v0.149.

use pdata::{Field, Place, Value, ValueRef};
use tracestate::{Randomness, Threshold};

use crate::config::Config;
use crate::sampler::{Decision, Drawn, Policy, Sampler, undecided};

const THRESHOLD_KEY: &str = "sampling.threshold";
const RANDOMNESS_KEY: &str = "sampling.randomness";

/// What a record says of its sampling.
#[derive(Clone, Copy)]
struct Given {
    threshold: Option<Threshold>,
    randomness: Option<Randomness>,
    /// Whether both can be read.
    fine: bool,
}

impl Given {
    fn of(place: &Place<'_>) -> Self {
        let threshold = text(place, THRESHOLD_KEY).map(Threshold::parse);
        let randomness = text(place, RANDOMNESS_KEY).map(Randomness::parse);
        Self {
            fine: threshold != Some(None) && randomness != Some(None),
            threshold: threshold.flatten(),
            randomness: randomness.flatten(),
        }
    }
}

fn text<'a>(place: &'a Place<'_>, key: &str) -> Option<&'a str> {
    match place.entry(Field::LOG_ATTRIBUTES, key) {
        Some(ValueRef::Str(it)) if !it.is_empty() => Some(it),
        _ => None,
    }
}

fn put(place: &mut Place<'_>, key: &str, value: &str) {
    let _ = place.set(Field::LOG_ATTRIBUTES, &[key.into()], Value::Str(value));
}

/// Decides, and writes down how if the record stays.
pub(crate) fn decide(place: &mut Place<'_>, config: &Config, sampler: &Sampler) -> Decision {
    let given = Given::of(place);
    let (mut drawn, writes, fine) = draw(place, config, sampler, given);
    let fine = fine && !drawn.is_missing();
    // It should not have come with such a threshold, and loses it.
    let contradicts = |it: &Threshold| fine && writes && !it.keeps(drawn.randomness);
    let contradiction = given.threshold.filter(contradicts);
    let threshold = if !fine || contradiction.is_some() {
        undecided(config)
    } else {
        sampler.threshold(given.threshold.filter(|_| writes))
    };
    let wanted = priority(place, config);
    if wanted.is_some() {
        drawn.policy = Policy::Priority;
    }
    let threshold = wanted.unwrap_or(threshold);
    let sampled = threshold.keeps(drawn.randomness);
    if sampled && writes {
        if matches!(sampler, Sampler::Hash { .. }) && fine {
            put(place, RANDOMNESS_KEY, &drawn.randomness.text());
        }
        if contradiction.is_some() {
            let _ = place.remove(Field::LOG_ATTRIBUTES, &[THRESHOLD_KEY.into()]);
        }
        // A threshold is only ever raised.
        if contradiction.is_some() || given.threshold.is_none_or(|it| it <= threshold) {
            put(place, THRESHOLD_KEY, &threshold.text());
        }
    }
    Decision { sampled, policy: drawn.policy }
}

/// The randomness of a record, whether its attributes can be changed, and whether nothing is wrong.
fn draw(
    place: &Place<'_>,
    config: &Config,
    sampler: &Sampler,
    given: Given,
) -> (Drawn, bool, bool) {
    let id: Option<[u8; 16]> = match place.get(Field::LOG_TRACE_ID, &[]) {
        Ok(Some(ValueRef::Bytes(id))) => id.try_into().ok().filter(|it| *it != [0; 16]),
        _ => None,
    };
    match *sampler {
        Sampler::Never => (Drawn::UNUSED, true, given.fine),
        Sampler::Equalizing(_) | Sampler::Proportional { .. } => {
            if !given.fine {
                return (Drawn::MISSING, false, false);
            }
            let of_id = id
                .map_or(Drawn::MISSING, |it| Drawn::by(Policy::TraceId, Randomness::of_trace(it)));
            let drawn = given.randomness.map_or(of_id, |it| Drawn::by(Policy::Randomness, it));
            (drawn, true, true)
        }
        Sampler::Hash { seed, trace_id, .. } => {
            let id = id.filter(|_| trace_id);
            let of_id = id.map(|it| Drawn::by(Policy::TraceIdHash, Randomness::hashed(&it, seed)));
            let drawn = of_id.or_else(|| of_attribute(place, config, seed));
            let drawn = drawn.unwrap_or(Drawn::MISSING);
            // Who samples consistently does not use hashes.
            if !given.fine || given.randomness.is_some() || given.threshold.is_some() {
                return (drawn, false, false);
            }
            (drawn, true, true)
        }
    }
}

fn of_attribute(place: &Place<'_>, config: &Config, seed: u32) -> Option<Drawn> {
    if config.from_attribute.is_empty() {
        return None;
    }
    let randomness = match place.entry(Field::LOG_ATTRIBUTES, &config.from_attribute)? {
        ValueRef::Empty | ValueRef::Str("") | ValueRef::Bytes([]) => return None,
        ValueRef::Str(it) => Randomness::hashed(it.as_bytes(), seed),
        ValueRef::Bytes(it) => Randomness::hashed(it, seed),
        other => Randomness::hashed(other.to_string().as_bytes(), seed),
    };
    Some(Drawn::by(Policy::Attribute, randomness))
}

/// The threshold of the percentage that a record asks for.
fn priority(place: &Place<'_>, config: &Config) -> Option<Threshold> {
    if config.sampling_priority.is_empty() {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "percentages are small")]
    let percent = match place.entry(Field::LOG_ATTRIBUTES, &config.sampling_priority)? {
        ValueRef::Int(it) => it as f64,
        ValueRef::Double(it) => it,
        _ => return None,
    };
    Threshold::of(percent / 100.0, config.sampling_precision)
}
