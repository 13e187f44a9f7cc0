//! The section of the exporter `otlp_grpc`, which `load_balancing` has inside of its own.

use component::config::{Duration, Problems, Section};
use component::{Delivery, QueueConfig, RetryConfig};
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

impl Config {
    /// What stands in front of the exporter.
    pub fn delivery(&self) -> Delivery {
        Delivery {
            timeout: self.timeout,
            retry: Some(self.retry_on_failure.clone()),
            queue: self.sending_queue.get().cloned(),
        }
    }
}

impl Config {
    /// Checks the keys; `place` is the path of the section in the exporter's, empty if it is that.
    pub fn check(&self, place: &str, problems: &mut Problems) {
        let at =
            |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}::{key}") };
        if self.client.endpoint.is_empty() {
            problems
                .at(place, "requires a non-empty \"endpoint\"")
                .require("endpoint", "localhost:4317");
        }
        self.client.validate(&at("clientconfig"), problems);
        if self.timeout.is_negative() {
            problems.at(at("timeoutconfig"), "'timeout' must be non-negative").set("timeout", "5s");
        }
        self.retry_on_failure.validate(&at("retry_on_failure"), problems);
        if let Some(queue) = self.sending_queue.get() {
            queue.validate(&at("sending_queue"), problems);
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.check("", problems);
    }
}
