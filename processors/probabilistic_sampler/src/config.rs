//! The section and its defaults. `processor/probabilisticsamplerprocessor/config.go`, v0.149.

use component::Problems;
use config::{Choice, Choices, Stage};
use serde::{Deserialize, Serialize};
use tracestate::{DIGITS, PROBABILITY_MIN};

/// `processors: probabilistic_sampler:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "probabilisticsamplerprocessor.Config")]
pub struct Config {
    /// How much is kept, in percent; 100 and more keeps all. Default 0: nothing.
    pub sampling_percentage: f32,
    /// Collectors that stand behind each other with different percentages need different seeds. Default 0.
    pub hash_seed: u32,
    /// What the decision is made of. Default `hash_seed`.
    pub mode: Choice<Mode>,
    /// Whether what has no randomness, or contradicts itself, is dropped. Default true.
    pub fail_closed: bool,
    /// Hexadecimal digits of the threshold that is written, 1 to 14. Default 4.
    pub sampling_precision: i64,
    /// Logs only: `traceID`, or `record` for the attribute alone. Default `traceID`.
    pub attribute_source: Choice<Source>,
    /// Logs only: the attribute whose value decides where there is no trace id. Default none.
    pub from_attribute: String,
    /// Logs only: the attribute that holds a percentage for its record. Default none.
    pub sampling_priority: String,
}

/// `mode:`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is not given: `hash_seed`.
    #[default]
    Unset,
    /// A hash of the trace id or of an attribute.
    HashSeed,
    /// The same probability for all, whatever was sampled before.
    Equalizing,
    /// That share of what comes in.
    Proportional,
}

impl Choices for Mode {
    const GO: &'static str = "probabilisticsamplerprocessor.SamplerMode";
    const NAMES: &'static [(&'static str, Self)] = &[
        ("hash_seed", Self::HashSeed),
        ("equalizing", Self::Equalizing),
        ("proportional", Self::Proportional),
        ("", Self::Unset),
    ];
    const SHOWN: usize = 3;

    fn unknown(word: &str) -> String {
        format!("unsupported sampler mode {word:?}")
    }
}

/// `attribute_source:`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Source {
    /// The trace id, and where there is none the attribute.
    #[default]
    TraceId,
    /// The attribute.
    Record,
}

impl Choices for Source {
    const NAMES: &'static [(&'static str, Self)] =
        &[("traceID", Self::TraceId), ("record", Self::Record), ("", Self::Record)];
    const GO: &'static str = "probabilisticsamplerprocessor.AttributeSource";
    const SHOWN: usize = 2;
    const STAGE: Stage = Stage::Check;

    fn unknown(word: &str) -> String {
        format!("invalid attribute source: {word}. Expected: traceID or record")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sampling_percentage: 0.0,
            hash_seed: 0,
            mode: Choice::default(),
            fail_closed: true,
            sampling_precision: 4,
            attribute_source: Choice::default(),
            from_attribute: String::new(),
            sampling_priority: String::new(),
        }
    }
}

impl Config {
    /// Upstream stops at the first mistake.
    fn mistake(&self) -> Option<(&'static str, String)> {
        const KEY: &str = "sampling_percentage";
        let percent = f64::from(self.sampling_percentage);
        if !percent.is_finite() {
            return Some((KEY, format!("sampling rate is invalid: {percent}%")));
        }
        if percent < 0.0 {
            return Some((KEY, format!("sampling rate is negative: {percent:.6}%")));
        }
        if percent > 0.0 && percent / 100.0 < PROBABILITY_MIN {
            return Some((KEY, format!("sampling rate is too small: {percent:e}%")));
        }
        if self.sampling_precision == 0 {
            return Some(("sampling_precision", "invalid sampling precision: 0".to_owned()));
        }
        if self.sampling_precision > i64::from(DIGITS) {
            let precision = self.sampling_precision;
            let text = format!("sampling precision is too great, should be <= 14: {precision}");
            return Some(("sampling_precision", text));
        }
        None
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if let Some((key, text)) = self.mistake() {
            problems.at("", text).about(key);
        }
    }
}
