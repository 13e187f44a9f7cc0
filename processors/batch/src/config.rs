//! The section and its defaults. `processor/batchprocessor/config.go`, v0.159.

use component::Problems;
use component::config::Duration;
use exporterhelper::Partitioner;
use serde::{Deserialize, Serialize};

/// `processors: batch:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "batchprocessor.Config")]
pub struct Config {
    /// Longest time that data waits for company. Zero: everything leaves at once. Default 200ms.
    pub timeout: Duration,
    /// A batch of so many spans, data points or log records leaves at once. Zero: everything does.
    /// Default 8192.
    pub send_batch_size: u32,
    /// Larger batches are split. Zero: no limit; else at least `send_batch_size`. Default 0.
    pub send_batch_max_size: u32,
    /// One batch per combination of values of these request metadata keys, case-insensitive. Default none.
    pub metadata_keys: Vec<String>,
    /// Most combinations in the life of the process; data with one more is refused for good. Zero: no
    /// limit. Default 1000.
    pub metadata_cardinality_limit: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(200),
            send_batch_size: 8192,
            send_batch_max_size: 0,
            metadata_keys: Vec::new(),
            metadata_cardinality_limit: 1000,
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.send_batch_max_size > 0 && self.send_batch_max_size < self.send_batch_size {
            problems
                .at("", "send_batch_max_size must be greater or equal to send_batch_size")
                .set("send_batch_max_size", self.send_batch_size.to_string());
        }
        // As upstream it stops at the first mistake.
        if !problems.faults().is_empty() {
            return;
        }
        if let Some(key) = Partitioner::new(&self.metadata_keys).duplicate() {
            let rule = format!("duplicate entry in metadata_keys: {key:?} (case-insensitive)");
            problems.at("", rule).about("metadata_keys");
            return;
        }
        if self.timeout.is_negative() {
            problems.at("", "timeout must be greater or equal to 0").set("timeout", "200ms");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &[&str]) {
        assert_eq!(componenttest::problems::<Config>(text), want);
    }

    #[test]
    fn mistakes_are_said_in_the_collectors_words() {
        check("{send_batch_size: 10, send_batch_max_size: 10}", &[]);
        check(
            "{send_batch_size: 10, send_batch_max_size: 9}",
            &["send_batch_max_size must be greater or equal to send_batch_size"],
        );
        check("timeout: -1s", &["timeout must be greater or equal to 0"]);
        check(
            "metadata_keys: [X-T, x-t]",
            &["duplicate entry in metadata_keys: \"x-t\" (case-insensitive)"],
        );
    }
}
