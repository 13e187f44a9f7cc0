//! Consistent probability sampling: randomness, thresholds, and how a span says them in its trace state.
//!
//! <https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/>: of 56 bits of randomness R, a span
//! stays if `R >= T`; T goes on as `ot=th:`, so that whoever counts knows how many a span stands for.

use std::fmt::Write as _;

use golang::fnv::fnv1a_64;
use golang::number::whole_unsigned;
use pdata::ValueRef;

use crate::keep::{Mode, Probability, THRESHOLD_MAX, threshold};

/// Hexadecimal digits of 56 bits.
const DIGITS: usize = 14;
/// Longest trace state that is looked at and written, in bytes: four times what W3C asks everybody to pass on.
const TRACE_STATE_BYTES_MAX: usize = 2048;

/// Whether a log record belongs to a share. `value` is that of the sample key; what has none stays, because nobody can
/// say that it does not belong.
pub(crate) fn keeps_log(value: Option<ValueRef<'_>>, is_trace_id: bool, percentage: f64) -> bool {
    let Some(value) = value else { return true };
    let number = |it: [u8; 8]| fnv1a_64(&[&it]);
    let hash = match value {
        ValueRef::Bytes([]) | ValueRef::Str("") => return true,
        ValueRef::Bytes(it) if is_trace_id => last_bits(it),
        ValueRef::Bytes(it) => fnv1a_64(&[it]),
        ValueRef::Str(it) => fnv1a_64(&[it.as_bytes()]),
        ValueRef::Int(it) => number(it.to_be_bytes()),
        ValueRef::Double(it) => number(it.to_be_bytes()),
        ValueRef::Bool(it) => fnv1a_64(&[&[u8::from(it)]]),
        _ => return true,
    };
    hash & (THRESHOLD_MAX - 1) >= threshold(percentage)
}

/// Whether a record without a key belongs to a share: each for itself, as the specification asks.
pub(crate) fn keeps_by_chance(percentage: f64) -> bool {
    fastrand::f64() * 100.0 < percentage
}

/// What a sampler says of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Drop,
    /// It stays, and its trace state too.
    Keep,
    /// It stays, and stands for as many as this threshold says.
    KeepWith(u64),
}

/// Whether a span belongs to a share.
pub(crate) fn keeps_span(trace_id: &[u8], trace_state: &str, of: &Probability) -> Verdict {
    let incoming = Incoming::of(trace_state);
    // A sender that says both knows better than we what it did; its numbers are inconsistent and prove nothing.
    if let (Some(randomness), Some(threshold)) = (incoming.randomness, incoming.threshold)
        && randomness < threshold
    {
        return Verdict::Keep;
    }
    let by_id = || (!trace_id.is_empty()).then(|| last_bits(trace_id));
    let seeded = of.mode == Mode::HashSeed && of.hash_seed != 0;
    let randomness = match () {
        () if seeded => (!trace_id.is_empty()).then(|| seeded_hash(trace_id, of.hash_seed)),
        () => incoming.randomness.or_else(by_id),
    };
    let Some(randomness) = randomness else {
        return if of.fail_closed { Verdict::Drop } else { Verdict::Keep };
    };
    let before = incoming.threshold.unwrap_or(0);
    let own = of.threshold();
    let wanted = match of.mode {
        Mode::HashSeed => own,
        Mode::Equalizing if before > own => return Verdict::KeepWith(before),
        Mode::Equalizing => own,
        Mode::Proportional => {
            let share = of.percentage / 100.0 * share_above(before);
            THRESHOLD_MAX - whole_unsigned(share * THRESHOLD_MAX as f64).min(THRESHOLD_MAX)
        }
    };
    if wanted >= THRESHOLD_MAX || randomness < wanted {
        return Verdict::Drop;
    }
    Verdict::KeepWith(wanted)
}

/// Whether a span says already for how many it stands.
pub(crate) fn has_threshold(trace_state: &str) -> bool {
    Incoming::of(trace_state).threshold.is_some()
}

/// The share of what lies at or above a threshold.
fn share_above(threshold: u64) -> f64 {
    (THRESHOLD_MAX - threshold.min(THRESHOLD_MAX)) as f64 / THRESHOLD_MAX as f64
}

/// The last 56 bits.
fn last_bits(id: &[u8]) -> u64 {
    let from = id.len().saturating_sub(7);
    id.iter().skip(from).fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

fn seeded_hash(trace_id: &[u8], seed: u32) -> u64 {
    let mut bytes = [0; 20];
    let (id, rest) = bytes.split_at_mut(trace_id.len().min(16));
    id.copy_from_slice(trace_id.get(..id.len()).unwrap_or_default());
    let seed = seed.to_le_bytes();
    if let Some(to) = rest.get_mut(..seed.len()) {
        to.copy_from_slice(&seed);
    }
    let length = trace_id.len().min(16) + seed.len();
    fnv1a_64(&[bytes.get(..length).unwrap_or_default()]) & (THRESHOLD_MAX - 1)
}

/// What the sender says in `ot=`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Incoming {
    randomness: Option<u64>,
    threshold: Option<u64>,
}

impl Incoming {
    fn of(trace_state: &str) -> Self {
        let mut it = Self::default();
        if trace_state.len() > TRACE_STATE_BYTES_MAX {
            return it;
        }
        for entry in entries(trace_state).filter_map(|entry| entry.strip_prefix("ot=")) {
            for part in entry.split(';').map(str::trim) {
                if let Some(digits) = part.strip_prefix("rv:") {
                    it.randomness = hex(digits).filter(|_| digits.len() == DIGITS);
                } else if let Some(digits) = part.strip_prefix("th:") {
                    // Zeros at the end are not written.
                    let missing = DIGITS.saturating_sub(digits.len()) * 4;
                    it.threshold = hex(digits).map(|it| it << missing);
                }
            }
        }
        it
    }
}

/// A number of 1 to 14 hexadecimal digits.
fn hex(digits: &str) -> Option<u64> {
    let fits =
        (1..=DIGITS).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| fits)
}

fn entries(trace_state: &str) -> impl Iterator<Item = &str> {
    trace_state.split(',').map(str::trim).filter(|it| !it.is_empty())
}

/// The trace state with this threshold, in as many digits as `precision` says. `None` if it would be too long.
pub(crate) fn with_threshold(
    trace_state: &str,
    threshold: u64,
    precision: usize,
) -> Option<String> {
    let digits = format!("{threshold:014x}");
    let digits = digits.get(..precision).unwrap_or(&digits).trim_end_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    let mut out = String::from("ot=");
    let ours = entries(trace_state).filter_map(|it| it.strip_prefix("ot="));
    for part in ours.flat_map(|it| it.split(';')).map(str::trim) {
        if !part.is_empty() && part.split(':').next() != Some("th") {
            let _ = write!(out, "{part};");
        }
    }
    let _ = write!(out, "th:{digits}");
    for other in entries(trace_state).filter(|it| !it.starts_with("ot=")) {
        let _ = write!(out, ",{other}");
    }
    (out.len() <= TRACE_STATE_BYTES_MAX).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(mode: Mode) -> Probability {
        Probability { percentage: 50.0, mode, precision: 4, hash_seed: 0, fail_closed: true }
    }

    const HALF: u64 = THRESHOLD_MAX / 2;

    #[test]
    fn a_span_stays_if_its_randomness_reaches_the_threshold() {
        let id = |last: u8| [0, 0, 0, 0, 0, 0, 0, 0, 0, last, 0, 0, 0, 0, 0, 0];
        let verdict = |last, state| keeps_span(&id(last), state, &half(Mode::HashSeed));
        assert_eq!(verdict(0x80, ""), Verdict::KeepWith(HALF));
        assert_eq!(verdict(0x7f, ""), Verdict::Drop);
        assert_eq!(verdict(0x7f, "ot=rv:80000000000000"), Verdict::KeepWith(HALF));
        assert_eq!(verdict(0xff, "ot=rv:00000000000001"), Verdict::Drop);
        assert_eq!(keeps_span(&[], "", &half(Mode::HashSeed)), Verdict::Drop);
        let open = Probability { fail_closed: false, ..half(Mode::HashSeed) };
        assert_eq!(keeps_span(&[], "", &open), Verdict::Keep);
    }

    #[test]
    fn the_mode_says_what_the_share_of_the_sender_counts() {
        let of = |mode, state| keeps_span(&[0xff; 16], state, &half(mode));
        let quarter = Verdict::KeepWith(THRESHOLD_MAX / 4 * 3);
        assert_eq!(of(Mode::Equalizing, "ot=th:c"), quarter);
        assert_eq!(of(Mode::Proportional, "ot=th:8"), quarter);
        assert_eq!(of(Mode::HashSeed, "ot=th:c"), Verdict::KeepWith(HALF));
    }

    #[test]
    fn a_trace_state_keeps_what_others_wrote() {
        let write = |state, threshold| with_threshold(state, threshold, 4).unwrap();
        assert_eq!(write("", HALF), "ot=th:8");
        assert_eq!(write("a=1,ot=th:c;rv:1 , b=2", 0), "ot=rv:1;th:0,a=1,b=2");
        assert_eq!(with_threshold("", THRESHOLD_MAX / 3, 6).unwrap(), "ot=th:555555");
        assert_eq!(with_threshold(&"a=1,".repeat(600), 0, 4), None);
    }

    #[test]
    fn what_is_no_number_in_a_trace_state_counts_as_nothing() {
        for state in [
            "ot=th:",
            "ot=th:xyz",
            "ot=rv:1",
            "ot=th:+8",
            "vendor_ot=th:8",
            "ot=th:123456789012345",
        ] {
            assert_eq!(Incoming::of(state), Incoming::default(), "{state}");
        }
    }

    #[test]
    fn a_log_record_without_its_key_stays() {
        assert!(keeps_log(None, false, 0.1) && keeps_log(Some(ValueRef::Str("")), false, 0.1));
        let keeps =
            |it: &u32| keeps_log(Some(ValueRef::Str(&format!("request-{it}"))), false, 25.0);
        let share = (0..1_000).filter(keeps).count();
        assert!((150..350).contains(&share), "{share}");
    }
}
