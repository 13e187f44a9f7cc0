//! What all items have in common. `sampler_mode.go`, v0.149.

use tracestate::{PROBABILITY_MIN, Randomness, Threshold};

use crate::config::{Config, Mode, Source};

/// What decided, as the counters have it, without the attributes of logs.
pub(crate) const POLICIES: [&str; 5] = [MISSING, TRACE_ID_HASH, TRACE_ID, RANDOMNESS, PRIORITY];
pub(crate) const MISSING: &str = "missing_randomness";
pub(crate) const TRACE_ID_HASH: &str = "trace_id_hash";
pub(crate) const TRACE_ID: &str = "trace_id_w3c";
pub(crate) const RANDOMNESS: &str = "sampling_randomness";
pub(crate) const PRIORITY: &str = "sampling_priority";

/// How thresholds are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Sampler {
    Never,
    Hash { threshold: Threshold, seed: u32, trace_id: bool },
    Equalizing(Threshold),
    Proportional { ratio: f64, precision: i64 },
}

/// What became of an item.
pub(crate) struct Decision {
    pub(crate) sampled: bool,
    /// `None`: the attribute of `from_attribute`.
    pub(crate) policy: Option<&'static str>,
}

/// The randomness of an item, and where it is from.
#[derive(Clone, Copy)]
pub(crate) struct Drawn {
    pub(crate) randomness: Randomness,
    pub(crate) policy: Option<&'static str>,
}

impl Drawn {
    pub(crate) const MISSING: Self = Self { randomness: Randomness::ALL, policy: Some(MISSING) };
    /// Where everything is dropped no randomness is needed.
    pub(crate) const UNUSED: Self = Self { randomness: Randomness::ALL, policy: Some(PRIORITY) };

    pub(crate) fn by(policy: &'static str, randomness: Randomness) -> Self {
        Self { randomness, policy: Some(policy) }
    }

    pub(crate) fn is_missing(self) -> bool {
        self.policy == Some(MISSING)
    }
}

impl Sampler {
    /// Percentages that are too small are those that are just large enough.
    pub(crate) fn new(config: &Config) -> Self {
        let percent = config.sampling_percentage.min(100.0);
        if percent <= 0.0 {
            return Self::Never;
        }
        let ratio = (f64::from(percent) / 100.0).max(PROBABILITY_MIN);
        let precision = config.sampling_precision;
        match *config.mode {
            Mode::Equalizing => {
                Self::Equalizing(Threshold::of(ratio, precision).unwrap_or(Threshold::ALWAYS))
            }
            Mode::Proportional => Self::Proportional { ratio, precision },
            Mode::HashSeed | Mode::Unset => match buckets(percent) {
                0 => Self::Never,
                kept => Self::Hash {
                    threshold: Threshold::of_buckets(kept),
                    seed: config.hash_seed,
                    trace_id: *config.attribute_source == Source::TraceId,
                },
            },
        }
    }

    /// The threshold of an item that came with this one.
    pub(crate) fn threshold(&self, incoming: Option<Threshold>) -> Threshold {
        match *self {
            Self::Never => Threshold::NEVER,
            Self::Hash { threshold, .. } => threshold,
            Self::Equalizing(threshold) => threshold.max(incoming.unwrap_or(Threshold::ALWAYS)),
            Self::Proportional { ratio, precision } => {
                let before = incoming.map_or(1.0, Threshold::probability);
                Threshold::of(before * ratio, precision).unwrap_or(Threshold::NEVER)
            }
        }
    }
}

/// In the precision of upstream, so that the same traces are kept.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 16384")]
fn buckets(percent: f32) -> u64 {
    const PER_PERCENT: f32 = 163.84;
    u64::from((percent * PER_PERCENT) as u32)
}

/// The threshold of what cannot be decided about.
pub(crate) fn undecided(config: &Config) -> Threshold {
    if config.fail_closed { Threshold::NEVER } else { Threshold::ALWAYS }
}
