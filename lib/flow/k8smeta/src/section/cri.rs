//! The container runtime that is asked for pods.

use component::config::{Duration, Problems};
use cri::Runtime;
use serde::{Deserialize, Serialize};

/// `cri:`. The Collector has none.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct RuntimeConfig {
    /// Socket of the runtime as `unix:///path`, or auto: the first of the usual ones that is there. Default auto.
    pub endpoint: String,
    /// Longest wait for one answer. Default 2s.
    pub timeout: Duration,
    /// Time between two looks; a pod that is looked for and not known is asked for earlier. Default 10s.
    pub interval: Duration,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            endpoint: "auto".into(),
            timeout: Duration::from_secs(2),
            interval: Duration::from_secs(10),
        }
    }
}

impl RuntimeConfig {
    pub(crate) fn validate(&self, problems: &mut Problems) {
        cri::check_endpoint(&self.endpoint, "cri", problems);
        for (key, time) in [("timeout", self.timeout), ("interval", self.interval)] {
            if time.nanos() <= 0 {
                problems.at("cri", format!("{key} must be positive")).about(key);
            }
        }
    }

    /// A client of it; it connects in the background.
    pub(crate) fn client(&self) -> Result<Runtime, String> {
        let endpoint = cri::endpoint(&self.endpoint);
        Runtime::new(endpoint, self.timeout.std(), "cri")
    }
}
