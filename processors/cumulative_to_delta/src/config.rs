//! The section and its defaults. `processor/cumulativetodeltaprocessor/config.go`, v0.149.

use component::Problems;
use config::{Choice, Choices, Duration};
use matching::RegexpConfig;
use serde::{Deserialize, Serialize};

/// `processors: cumulative_to_delta:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "cumulativetodeltaprocessor.Config")]
pub struct Config {
    /// How long a stream is remembered that gets no points. 0: without end. Default 1h.
    pub max_staleness: Duration,
    /// What becomes of the first point of a stream: `keep` sends its value as a delta, `drop` drops it, `auto` keeps it if
    /// the stream began after the collector. Default `auto`.
    pub initial_value: Choice<InitialValue>,
    /// Which metrics to convert. Default all.
    pub include: Metrics,
    /// Which of these to leave as they are. Default none.
    pub exclude: Metrics,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_staleness: Duration::from_secs(3600),
            initial_value: Choice::default(),
            include: Metrics::default(),
            exclude: Metrics::default(),
        }
    }
}

/// `include:` and `exclude:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "cumulativetodeltaprocessor.MatchMetrics")]
pub struct Metrics {
    /// `strict` or `regexp`. Required with `metrics`.
    #[config(go = "filterset.MatchType")]
    pub match_type: String,
    /// Accepted and without effect.
    pub regexp: Option<RegexpConfig>,
    /// Names, or patterns of names. Default none.
    pub metrics: Vec<String>,
    /// `sum`, `histogram`, `exponentialhistogram`, in any case. Default none.
    pub metric_types: Vec<String>,
}

/// `initial_value:`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InitialValue {
    /// It is sent if the stream began after the collector.
    #[default]
    Auto,
    /// It is sent.
    Keep,
    /// It is only remembered.
    Drop,
}

impl Choices for InitialValue {
    const NAMES: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("keep", Self::Keep), ("drop", Self::Drop)];
    const GO: &'static str = "tracking.InitialValue";

    fn unknown(word: &str) -> String {
        format!("unknown initial_value: {word}")
    }
}

/// Kinds of metrics that can be converted.
pub(crate) const TYPES: [&str; 3] = ["sum", "histogram", "exponentialhistogram"];

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        for (key, it) in [("include", &self.include), ("exclude", &self.exclude)] {
            if !it.metrics.is_empty() && it.match_type.is_empty() {
                let path = format!("{key}::match_type");
                problems
                    .at("", "match_type must be set if metrics are supplied")
                    .one_of(&path, &["strict", "regexp"]);
            }
        }
        for (key, it) in [("include", &self.include), ("exclude", &self.exclude)] {
            if it.metrics.is_empty() && !it.match_type.is_empty() {
                let path = format!("{key}::metrics");
                problems.at("", "metrics must be supplied if match_type is set").about(&path);
            }
        }
        for (key, it) in [("exclude", &self.exclude), ("include", &self.include)] {
            for (at, name) in it.metric_types.iter().enumerate() {
                if !TYPES.contains(&name.to_lowercase().as_str()) {
                    let text = format!(
                        "found invalid metric type in {key}.metric_types: {name}. Valid values are [{}]",
                        TYPES.join(" ")
                    );
                    let path = format!("{key}::metric_types::{at}");
                    problems.at("", text).one_of(&path, &TYPES);
                }
            }
        }
    }
}
