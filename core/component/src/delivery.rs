//! What stands in front of an exporter: `timeout`, `retry_on_failure`, `sending_queue`. Plain settings;
//! the work is in `lib/flow/exporterhelper`.

use config::{Caution, Choice, Choices, Duration, Need, Problems, Section};
use serde::{Deserialize, Serialize};

use crate::id::Id;

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
    /// Checks the section; `key` is its path in the component. As upstream it stops at the first mistake, and
    /// does not look at a section that is off.
    pub fn validate(&self, key: &str, problems: &mut Problems) {
        let longest = self.initial_interval.max(self.max_interval).to_string();
        let limited = self.max_elapsed_time > Duration::ZERO;
        let rules = [
            (
                self.initial_interval.is_negative(),
                "'initial_interval' must be non-negative",
                ("initial_interval", "5s".to_owned()),
            ),
            (
                !(0.0..=1.0).contains(&self.randomization_factor),
                "'randomization_factor' must be within [0, 1]",
                ("randomization_factor", "0.5".to_owned()),
            ),
            (
                self.multiplier < 0.0,
                "'multiplier' must be non-negative",
                ("multiplier", "1.5".to_owned()),
            ),
            (
                self.max_interval.is_negative(),
                "'max_interval' must be non-negative",
                ("max_interval", "30s".to_owned()),
            ),
            (
                self.max_elapsed_time.is_negative(),
                "'max_elapsed_time' must be non-negative",
                ("max_elapsed_time", "5m".to_owned()),
            ),
            (
                limited && self.max_elapsed_time < self.initial_interval,
                "'max_elapsed_time' must not be less than 'initial_interval'",
                ("max_elapsed_time", longest.clone()),
            ),
            (
                limited && self.max_elapsed_time < self.max_interval,
                "'max_elapsed_time' must not be less than 'max_interval'",
                ("max_elapsed_time", longest),
            ),
        ];
        if let Some((_, rule, (name, value))) = rules.into_iter().find(|it| self.enabled && it.0) {
            problems.at(key, rule).set(name, value);
        }
    }
}

/// What a queue or batch counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sizer {
    /// Calls of `consume`.
    #[default]
    Requests,
    /// Spans, data points, log records.
    Items,
    /// Encoded OTLP bytes.
    Bytes,
}

impl Choices for Sizer {
    const NAMES: &'static [(&'static str, Self)] =
        &[("requests", Self::Requests), ("items", Self::Items), ("bytes", Self::Bytes)];

    fn unknown(word: &str) -> String {
        format!("invalid sizer: {word:?}")
    }
}

/// What becomes of a request that finds no room in a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overflow {
    /// It is refused, or waits.
    #[default]
    Block,
    /// What has been in the queue for the longest time is dropped for it.
    DropOldest,
    /// It is dropped, and answered as if it were stored.
    DropNewest,
}

impl Choices for Overflow {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("block", Self::Block),
        ("drop_oldest", Self::DropOldest),
        ("drop_newest", Self::DropNewest),
    ];
}

/// `sending_queue:`; off means that the caller waits for the backend. `exporter/exporterhelper/internal/queuebatch/config.go`, v0.165.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "queuebatch.Config", unmarshals)]
pub struct QueueConfig {
    /// What `queue_size` counts. Default requests.
    #[config(go = "struct")]
    pub sizer: Choice<Sizer>,
    /// Most that may be queued or in flight. Default 1000.
    #[config(go = "int64")]
    pub queue_size: i64,
    /// Requests sent at the same time. Default 10.
    pub num_consumers: i64,
    /// Wait for room instead of refusing. Default false.
    pub block_on_overflow: bool,
    /// What becomes of pushes that find no room. Default block: they are refused, or wait. With drop_oldest and
    /// drop_newest data is dropped and counted in `sluice_lost_total`; the Collector has no such key.
    #[config(omit_empty)]
    pub on_overflow: Option<Choice<Overflow>>,
    /// Answer when the backend has answered. Default false.
    pub wait_for_result: bool,
    /// A `storage` extension: the queue lives on disk. Default none: in memory.
    #[config(go = "struct")]
    pub storage: Option<Id>,
    /// Joins requests before they are sent. Off unless mentioned.
    pub batch: Section<BatchConfig>,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            sizer: Choice::default(),
            queue_size: 1000,
            num_consumers: 10,
            block_on_overflow: false,
            on_overflow: None,
            wait_for_result: false,
            storage: None,
            batch: Section::off(BatchConfig::default()),
        }
    }
}

/// `sending_queue: batch:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "queuebatch.BatchConfig")]
pub struct BatchConfig {
    /// Longest time that data waits for company. Default 200ms.
    pub flush_timeout: Duration,
    /// What `min_size` and `max_size` count: items or bytes. Default: the queue's, else items.
    #[config(go = "struct")]
    pub sizer: Option<Choice<Sizer>>,
    /// Sent as soon as there is this much. Default 8192.
    #[config(go = "int64")]
    pub min_size: i64,
    /// Split above this; 0 is never. Default 0.
    #[config(go = "int64")]
    pub max_size: i64,
    /// One batch per value of these request metadata keys.
    pub partition: Partition,
}

/// `sending_queue: batch: partition:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "queuebatch.PartitionConfig")]
pub struct Partition {
    /// Request metadata keys, case-insensitive.
    pub metadata_keys: Vec<String>,
    /// Most partitions that wait at the same time; the oldest is sent when there is one more. Default 10000.
    #[config(omit_empty)]
    pub cache_size: Option<i64>,
    /// Without effect: a partition in which nothing waits is forgotten at once. Default 90s.
    #[config(omit_empty)]
    pub idle_timeout: Option<Duration>,
}

/// Partitions that wait at the same time unless another number is configured. `NewDefaultPartitionConfig`, v0.165.
const PARTITIONS_MAX: i64 = 10_000;
/// Upstream's default, which nobody has to be told about.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

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
    /// What becomes of pushes that find no room.
    pub fn overflow(&self) -> Overflow {
        self.on_overflow.as_deref().copied().unwrap_or_default()
    }

    /// Checks the section; `key` is its path in the component. As upstream it stops at the first mistake of the
    /// queue, and at that of the batch.
    pub fn validate(&self, key: &str, problems: &mut Problems) {
        let batch = self.batch.get();
        let too_much = |it: &BatchConfig| {
            it.sizer(*self.sizer) == *self.sizer && it.min_size > self.queue_size
        };
        let rules = [
            (
                self.num_consumers <= 0,
                "`num_consumers` must be positive",
                ("num_consumers", "10".to_owned()),
            ),
            (
                self.queue_size <= 0,
                "`queue_size` must be positive",
                ("queue_size", "1000".to_owned()),
            ),
            (
                self.storage.is_some() && self.wait_for_result,
                "`wait_for_result` is not supported with a persistent queue configured with `storage`",
                ("wait_for_result", "false".to_owned()),
            ),
            (
                self.block_on_overflow && self.overflow() != Overflow::Block,
                "`block_on_overflow` waits, and `on_overflow` drops: choose one of them",
                ("block_on_overflow", "false".to_owned()),
            ),
            (
                batch.is_some_and(too_much),
                "`min_size` must be less than or equal to `queue_size`",
                ("batch::min_size", self.queue_size.to_string()),
            ),
        ];
        if let Some((_, rule, (name, value))) = rules.into_iter().find(|it| it.0) {
            problems.at(key, rule).set(name, value);
        }
        if let Some(batch) = batch {
            batch.validate(batch.sizer(*self.sizer), key, problems);
        }
        if let Some(storage) = &self.storage {
            problems.needs(format!("{key}::storage"), Need::Storage(storage.to_string()));
        }
    }
}

impl BatchConfig {
    /// `key` is the path of the queue: upstream's text has the path of the batch behind a colon.
    fn validate(&self, sizer: Sizer, key: &str, problems: &mut Problems) {
        let (flush, min, max) = (self.flush_timeout.nanos(), self.min_size, self.max_size);
        let rules = [
            (
                sizer == Sizer::Requests,
                "`batch` supports only `items` or `bytes` sizer, found \"requests\"".to_owned(),
                ("sizer", "items".to_owned()),
            ),
            (
                flush <= 0,
                format!("`flush_timeout` must be positive, found {flush}"),
                ("flush_timeout", "200ms".to_owned()),
            ),
            (
                min < 0,
                format!("`min_size` must be non-negative, found {min}"),
                ("min_size", "0".to_owned()),
            ),
            (
                max < 0,
                format!("`max_size` must be non-negative, found {max}"),
                ("max_size", "0".to_owned()),
            ),
            (
                max > 0 && max < min,
                format!("`max_size` ({max}) must be greater or equal to `min_size` ({min})"),
                ("max_size", min.to_string()),
            ),
        ];
        if let Some((_, rule, (name, value))) = rules.into_iter().find(|it| it.0) {
            problems.at(key, format!("batch: {rule}")).set(&format!("batch::{name}"), value);
        }
        self.partition.validate(key, problems);
    }
}

impl Partition {
    /// As upstream it stops at the first mistake; `key` is the path of the queue.
    fn validate(&self, key: &str, problems: &mut Problems) {
        let text = |rule: String| format!("batch: partition: {rule}");
        let place = |name: &str| format!("batch::partition::{name}");
        if let Some(idle) = self.idle_timeout.filter(|it| *it <= Duration::ZERO) {
            let rule = format!("`idle_timeout` must be positive, found {idle}");
            problems.at(key, text(rule)).set(&place("idle_timeout"), "90s");
            return;
        }
        let mut seen: Vec<String> = Vec::new();
        for (at, name) in self.metadata_keys.iter().enumerate() {
            let name = name.to_lowercase();
            if seen.contains(&name) {
                let rule = format!("duplicate entry in metadata_keys: {name:?} (case-insensitive)");
                problems.at(key, text(rule)).remove(&place(&format!("metadata_keys::{at}")));
                return;
            }
            seen.push(name);
        }
        if self.partitions_max() <= 0 {
            let rule = format!("`cache_size` must be positive, found {}", self.partitions_max());
            problems.at(key, text(rule)).set(&place("cache_size"), "10000");
        } else if self.idle_timeout.is_some_and(|it| it != IDLE_TIMEOUT) {
            let why = "idle_timeout has no effect: a partition in which nothing waits is forgotten at once";
            problems.warn(Caution::NoEffect, key, why).remove(&place("idle_timeout"));
        }
    }

    /// Most partitions that wait at the same time.
    pub fn partitions_max(&self) -> i64 {
        self.cache_size.unwrap_or(PARTITIONS_MAX)
    }
}

impl BatchConfig {
    /// What the batch counts, given what its queue counts.
    pub fn sizer(&self, queue: Sizer) -> Sizer {
        match (&self.sizer, queue) {
            (Some(own), _) => **own,
            (None, Sizer::Bytes) => Sizer::Bytes,
            (None, _) => Sizer::Items,
        }
    }
}
