//! The section and its defaults. `processor/intervalprocessor/config.go`, v0.149.

use component::Problems;
use config::Duration;
use serde::{Deserialize, Serialize};

/// `processors: interval:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "intervalprocessor.Config")]
pub struct Config {
    /// How often the last points are sent. Default 60s.
    pub interval: Duration,
    /// What is sent on at once.
    pub pass_through: PassThrough,
}

/// `pass_through:`
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "intervalprocessor.PassThrough")]
pub struct PassThrough {
    /// Gauges. Default false.
    pub gauge: bool,
    /// Summaries. Default false.
    pub summary: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { interval: Duration::from_secs(60), pass_through: PassThrough::default() }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.interval <= Duration::ZERO {
            problems.at("", "invalid interval value").about("interval");
        }
    }
}
