//! The section of the exporter.

use component::config::{Duration, Problems, Section};
use component::{QueueConfig, RetryConfig};
use configgrpc::client::ClientConfig;
use serde::{Deserialize, Serialize};

/// `exporters: otlp_grpc:`. `exporter/otlpexporter/config.go`, v0.159.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "otlpexporter.Config")]
pub struct Config {
    /// Where and how to connect.
    #[serde(flatten)]
    pub client: ClientConfig,
    /// Longest time of one attempt; 0 is unlimited. Default 5s.
    pub timeout: Duration,
    /// Retries of what may pass later.
    pub retry_on_failure: RetryConfig,
    /// Queue and batch in front. On by default.
    pub sending_queue: Section<QueueConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            client: ClientConfig::default(),
            timeout: Duration::from_secs(5),
            retry_on_failure: RetryConfig::default(),
            sending_queue: Section::on(QueueConfig::default()),
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.client.endpoint.is_empty() {
            problems
                .at("", "requires a non-empty \"endpoint\"")
                .require("endpoint", "localhost:4317");
        }
        self.client.validate("clientconfig", problems);
        if self.timeout.is_negative() {
            problems.at("timeoutconfig", "'timeout' must be non-negative").set("timeout", "5s");
        }
        self.retry_on_failure.validate("retry_on_failure", problems);
        if let Some(queue) = self.sending_queue.get() {
            queue.validate("sending_queue", problems);
        }
    }
}
