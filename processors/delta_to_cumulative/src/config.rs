//! The section and its defaults. `processor/deltatocumulativeprocessor/config.go`, v0.149.

use component::Problems;
use config::Duration;
use serde::{Deserialize, Serialize};

/// `processors: delta_to_cumulative:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "deltatocumulativeprocessor.Config")]
pub struct Config {
    /// How long a stream is remembered that gets no points. Default 5m.
    pub max_stale: Duration,
    /// Most streams that are remembered in one pipeline; 1,000,000 at most, whatever it says. Default 9223372036854775807.
    pub max_streams: i64,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_stale: Duration::from_secs(300), max_streams: i64::MAX }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.max_stale <= Duration::ZERO {
            let text = format!("max_stale must be a positive duration (got {})", self.max_stale);
            problems.at("", text).about("max_stale");
        }
        if self.max_streams < 0 {
            let text = format!("max_streams must be a positive number (got {})", self.max_streams);
            problems.at("", text).about("max_streams");
        }
    }
}
