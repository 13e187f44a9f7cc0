//! When a receiver scrapes.

use component::Problems;
use config::Duration;
use serde::{Deserialize, Serialize};

/// The keys that say when: flattened into the section of a receiver.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Schedule {
    /// Time between two scrapes; must be positive. Default 1m.
    pub collection_interval: Duration,
    /// Time between the start and the first scrape. Default 1s; 0 or less is at once.
    pub initial_delay: Duration,
    /// Longest time that one scrape may take. Default 0, which is no limit.
    pub timeout: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self::every(Duration::from_secs(60))
    }
}

impl Schedule {
    /// The defaults with another interval.
    pub const fn every(collection_interval: Duration) -> Self {
        let initial_delay = Duration::from_secs(1);
        Self { collection_interval, initial_delay, timeout: Duration::ZERO }
    }

    /// Says what is wrong with the keys.
    pub fn validate(&self, problems: &mut Problems) {
        let is_positive = [
            ("collection_interval", self.collection_interval.nanos() > 0),
            ("timeout", self.timeout.nanos() >= 0),
        ];
        let wrong: Vec<&str> = is_positive.iter().filter(|it| !it.1).map(|it| it.0).collect();
        if let Some(key) = wrong.first() {
            let texts: Vec<String> =
                wrong.iter().map(|it| format!("\"{it}\": requires positive value")).collect();
            problems.at("controllerconfig", texts.join("; ")).about(key);
        }
    }
}
