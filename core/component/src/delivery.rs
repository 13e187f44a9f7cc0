//! What stands in front of an exporter: `timeout`, `retry_on_failure`, `sending_queue`. Plain settings;
//! the work is in `lib/flow/exporterhelper`.

use config::{Duration, Problems, Section};
use serde::{Deserialize, Serialize};

/// The settings of one exporter's delivery.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Longest time of one attempt; zero is unlimited.
    pub timeout: Duration,
    /// Retries; `None` where the exporter has no such section.
    pub retry: Option<RetryConfig>,
    /// Queue; `None` where the exporter has no such section or it is off.
    pub queue: Option<QueueConfig>,
}

impl Default for Delivery {
    /// Synchronous: no queue, no retry, no limit.
    fn default() -> Self {
        Self { timeout: Duration::ZERO, retry: None, queue: None }
    }
}

/// `retry_on_failure:`. `config/configretry/backoff.go`, v0.159.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct RetryConfig {
    /// Off means that a failed attempt is final. Default true.
    pub enabled: bool,
    /// Wait before the first retry. Default 5s.
    pub initial_interval: Duration,
    /// Each wait is spread over `1 - factor ..= 1 + factor`. Default 0.5, 0 to 1.
    pub randomization_factor: f64,
    /// Each wait is this much longer than the one before. Default 1.5.
    pub multiplier: f64,
    /// Longest wait. Default 30s.
    pub max_interval: Duration,
    /// Data older than this is given up; 0 is never. Default 5m.
    pub max_elapsed_time: Duration,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            initial_interval: Duration::from_secs(5),
            randomization_factor: 0.5,
            multiplier: 1.5,
            max_interval: Duration::from_secs(30),
            max_elapsed_time: Duration::from_secs(300),
        }
    }
}

impl RetryConfig {
    /// Checks the section; `key` is its path in the component.
    pub fn validate(&self, key: &str, problems: &mut Problems) {
        if !(0.0..=1.0).contains(&self.randomization_factor) {
            problems
                .at(key, "'randomization_factor' must be within [0, 1]")
                .set("randomization_factor", "0.5");
        }
        if self.multiplier < 0.0 {
            problems.at(key, "'multiplier' must be non-negative").set("multiplier", "1.5");
        }
        let negative = [
            ("initial_interval", self.initial_interval),
            ("max_interval", self.max_interval),
            ("max_elapsed_time", self.max_elapsed_time),
        ];
        for (name, value) in negative {
            if value.is_negative() {
                problems.at(key, format!("'{name}' must be non-negative")).remove(name);
            }
        }
        if self.max_elapsed_time > Duration::ZERO {
            let longest = self.initial_interval.max(self.max_interval);
            if self.max_elapsed_time < self.initial_interval {
                problems
                    .at(key, "'max_elapsed_time' must not be less than 'initial_interval'")
                    .set("max_elapsed_time", longest.to_string());
            }
            if self.max_elapsed_time < self.max_interval {
                problems
                    .at(key, "'max_elapsed_time' must not be less than 'max_interval'")
                    .set("max_elapsed_time", longest.to_string());
            }
        }
    }
}

/// What a queue or batch counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, config::Described)]
#[serde(rename_all = "lowercase")]
pub enum Sizer {
    /// Calls of `consume`.
    #[default]
    Requests,
    /// Spans, data points, log records.
    Items,
    /// Encoded OTLP bytes.
    Bytes,
}

/// `sending_queue:`; off means that the caller waits for the backend. `exporter/exporterhelper/internal/queuebatch/config.go`, v0.159.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct QueueConfig {
    /// What `queue_size` counts. Default requests.
    pub sizer: Sizer,
    /// Most that may be queued or in flight. Default 1000.
    pub queue_size: i64,
    /// Requests sent at the same time. Default 10.
    pub num_consumers: i64,
    /// Wait for room instead of refusing. Default false.
    pub block_on_overflow: bool,
    /// Answer when the backend has answered. Default false.
    pub wait_for_result: bool,
    /// A `storage` extension: the queue lives on disk. Default none: in memory.
    pub storage: Option<String>,
    /// Joins requests before they are sent. Off unless mentioned.
    pub batch: Section<BatchConfig>,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            sizer: Sizer::Requests,
            queue_size: 1000,
            num_consumers: 10,
            block_on_overflow: false,
            wait_for_result: false,
            storage: None,
            batch: Section::off(BatchConfig::default()),
        }
    }
}

/// `sending_queue: batch:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct BatchConfig {
    /// Longest time that data waits for company. Default 200ms.
    pub flush_timeout: Duration,
    /// What `min_size` and `max_size` count: items or bytes. Default: the queue's, else items.
    pub sizer: Option<Sizer>,
    /// Sent as soon as there is this much. Default 8192.
    pub min_size: i64,
    /// Split above this; 0 is never. Default 0.
    pub max_size: i64,
    /// One batch per value of these request metadata keys.
    pub partition: Partition,
}

/// `sending_queue: batch: partition:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
pub struct Partition {
    /// Request metadata keys, case-insensitive.
    pub metadata_keys: Vec<String>,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            flush_timeout: Duration::from_millis(200),
            sizer: None,
            min_size: 8192,
            max_size: 0,
            partition: Partition::default(),
        }
    }
}

impl QueueConfig {
    /// Checks the section; `key` is its path in the component.
    pub fn validate(&self, key: &str, problems: &mut Problems) {
        if self.queue_size <= 0 {
            problems.at(key, "`queue_size` must be positive").set("queue_size", "1000");
        }
        if self.num_consumers <= 0 {
            problems.at(key, "`num_consumers` must be positive").set("num_consumers", "10");
        }
        if self.storage.is_some() && self.wait_for_result {
            problems.at(
                key,
                "`wait_for_result` is not supported with a persistent queue configured with `storage`",
            ).set("wait_for_result", "false");
        }
        if let Some(batch) = self.batch.get() {
            self.validate_batch(batch, &format!("{key}::batch"), problems);
        }
    }

    fn validate_batch(&self, batch: &BatchConfig, key: &str, problems: &mut Problems) {
        if batch.flush_timeout <= Duration::ZERO {
            problems.at(key, "`flush_timeout` must be positive").set("flush_timeout", "200ms");
        }
        if batch.min_size < 0 {
            problems.at(key, "`min_size` must be non-negative").set("min_size", "0");
        }
        if batch.max_size < 0 {
            problems.at(key, "`max_size` must be non-negative").set("max_size", "0");
        }
        if batch.max_size > 0 && batch.max_size < batch.min_size {
            problems
                .at(key, "`max_size` must be greater or equal to `min_size`")
                .set("max_size", batch.min_size.to_string());
        }
        let sizer = batch.sizer(self.sizer);
        if sizer == Sizer::Requests {
            problems
                .at(key, "`batch` supports only `items` or `bytes` sizer, found \"requests\"")
                .set("sizer", "items");
        }
        if sizer == self.sizer && batch.min_size > self.queue_size {
            problems
                .at(key, "`min_size` must be less than or equal to `queue_size`")
                .set("min_size", self.queue_size.to_string());
        }
    }
}

impl BatchConfig {
    /// What the batch counts, given what its queue counts.
    pub fn sizer(&self, queue: Sizer) -> Sizer {
        match (self.sizer, queue) {
            (Some(own), _) => own,
            (None, Sizer::Bytes) => Sizer::Bytes,
            (None, _) => Sizer::Items,
        }
    }
}
