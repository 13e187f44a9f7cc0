//! What all items have in common. `sampler_mode.go`, v0.149.

use tracestate::{PROBABILITY_MIN, Randomness, Threshold};

use crate::config::{Config, Mode, Source};

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    Missing,
    TraceIdHash,
    TraceId,
    Randomness,
    Priority,
    /// The attribute of `from_attribute`.
    Attribute,
}

impl Policy {
    /// In the order of their numbers.
    pub(crate) const ALL: [Self; 6] = [
        Self::Missing,
        Self::TraceIdHash,
        Self::TraceId,
        Self::Randomness,
        Self::Priority,
        Self::Attribute,
    ];

    /// As the counters have it.
    pub(crate) fn name(self, config: &Config) -> &str {
        match self {
            Self::Missing => "missing_randomness",
            Self::TraceIdHash => "trace_id_hash",
            Self::TraceId => "trace_id_w3c",
            Self::Randomness => "sampling_randomness",
            Self::Priority => "sampling_priority",
            Self::Attribute => &config.from_attribute,
        }
    }
}

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
    pub(crate) policy: Policy,
}

/// The randomness of an item, and where it is from.
#[derive(Clone, Copy)]
pub(crate) struct Drawn {
    pub(crate) randomness: Randomness,
    pub(crate) policy: Policy,
}

impl Drawn {
    pub(crate) const MISSING: Self = Self { randomness: Randomness::ALL, policy: Policy::Missing };
    /// Where everything is dropped no randomness is needed.
    pub(crate) const UNUSED: Self = Self { randomness: Randomness::ALL, policy: Policy::Priority };

    pub(crate) fn by(policy: Policy, randomness: Randomness) -> Self {
        Self { randomness, policy }
    }

    pub(crate) fn is_missing(self) -> bool {
        self.policy == Policy::Missing
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
