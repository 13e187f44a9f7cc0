//! The section of the exporter (`exporter/prometheusremotewriteexporter/config.go`, v0.149).

use std::collections::BTreeMap;

use component::config::{Caution, Choice, Choices, Duration, Problems, Stage};
use component::{QueueConfig, RetryConfig};
use compression::Type;
use confighttp::client::ClientConfig;
use serde::{Deserialize, Serialize};

/// `exporters: prometheus_remote_write:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "prometheusremotewriteexporter.Config")]
pub struct Config {
    /// Where and how to connect.
    #[serde(flatten)]
    pub client: ClientConfig,
    /// Put in front of every metric's name, with an underscore.
    #[config(omit_empty)]
    pub namespace: String,
    /// Labels of every series that has none of that name.
    #[config(omit_empty)]
    pub external_labels: BTreeMap<String, String>,
    /// Retries of what may pass later.
    pub retry_on_failure: RetryConfig,
    /// Queue in front. On by default.
    pub remote_write_queue: RemoteWriteQueue,
    /// Longest request before compression, in bytes. Default 3000000.
    pub max_batch_size_bytes: i64,
    /// Without effect: requests of one batch follow one another, so that samples are never out of order.
    #[config(omit_empty)]
    pub max_batch_request_parallelism: Option<i64>,
    /// Attributes of the resource become labels.
    pub resource_to_telemetry_conversion: ResourceLabels,
    /// Gone: the queue can be kept on disk with `remote_write_queue: storage`.
    #[config(omit_empty)]
    pub wal: Option<Wal>,
    /// The metric `target_info`.
    pub target_info: TargetInfo,
    /// Leave out the labels `otel_scope_...`. Default false.
    pub disable_scope_info: bool,
    /// Unit and type at the end of names. Default true.
    pub add_metric_suffixes: bool,
    /// Send type, unit and help with version 1; version 2 always does. Default false.
    pub send_metadata: bool,
    /// prometheus.WriteRequest (version 1) or io.prometheus.write.v2.Request (version 2). Default version 1.
    pub protobuf_message: Choice<Message>,
}

/// The message of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Message {
    /// Version 1.
    #[default]
    V1,
    /// Version 2.
    V2,
}

/// `wal:`. Read to say what took its place.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "prometheusremotewriteexporter.WALConfig", unmarshals)]
pub struct Wal {
    /// Where the log is.
    pub directory: String,
    /// Requests that are read at a time.
    pub buffer_size: i64,
    /// Time between two cuts.
    pub truncate_frequency: Duration,
    /// Time between two measurements.
    pub lag_record_frequency: Duration,
}

impl Choices for Message {
    const GO: &'static str = "remote.WriteMessageType";
    const NAMES: &'static [(&'static str, Self)] =
        &[("prometheus.WriteRequest", Self::V1), ("io.prometheus.write.v2.Request", Self::V2)];

    const STAGE: Stage = Stage::Check;

    fn unknown(word: &str) -> String {
        format!(
            "unknown type for remote write protobuf message {word}, supported: prometheus.WriteRequest, io.prometheus.write.v2.Request"
        )
    }
}

/// `remote_write_queue:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "prometheusremotewriteexporter.RemoteWriteQueue")]
pub struct RemoteWriteQueue {
    /// Answer callers before the backend has. Default true.
    pub enabled: bool,
    /// Most batches that wait. Default 10000.
    pub queue_size: i64,
    /// Without effect: one batch is sent at a time, so that samples are never out of order. Default 5.
    pub num_consumers: i64,
    /// A storage extension: the queue lives on disk. Default none: in memory.
    #[config(omit_empty, go = "struct")]
    pub storage: Option<component::Id>,
}

/// `resource_to_telemetry_conversion:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
pub struct ResourceLabels {
    /// Default false.
    pub enabled: bool,
    /// But `service.name`, `service.namespace` and `service.instance.id`. Default false.
    #[config(omit_empty)]
    pub exclude_service_attributes: bool,
}

/// `target_info:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "prometheusremotewriteexporter.TargetInfo")]
pub struct TargetInfo {
    /// Default true.
    pub enabled: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            client: ClientConfig {
                compression: Type::NONE.into(),
                timeout: Duration::from_secs(5),
                ..ClientConfig::default()
            },
            namespace: String::new(),
            external_labels: BTreeMap::new(),
            retry_on_failure: RetryConfig {
                initial_interval: Duration::from_millis(50),
                ..RetryConfig::default()
            },
            remote_write_queue: RemoteWriteQueue {
                enabled: true,
                queue_size: 10_000,
                num_consumers: 5,
                storage: None,
            },
            max_batch_size_bytes: 3_000_000,
            max_batch_request_parallelism: None,
            resource_to_telemetry_conversion: ResourceLabels::default(),
            wal: None,
            target_info: TargetInfo { enabled: true },
            disable_scope_info: false,
            add_metric_suffixes: true,
            send_metadata: false,
            protobuf_message: Choice::default(),
        }
    }
}

impl RemoteWriteQueue {
    /// The queue that stands in front; `None` when it is off.
    pub(crate) fn queue(&self) -> Option<QueueConfig> {
        let queue = QueueConfig {
            queue_size: self.queue_size,
            // Prometheus refuses samples that are older than those it has of a series.
            num_consumers: 1,
            storage: self.storage.clone(),
            ..QueueConfig::default()
        };
        self.enabled.then_some(queue)
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let queue = &self.remote_write_queue;
        let rules = [
            (
                self.max_batch_request_parallelism.is_some_and(|it| it < 1),
                "max_batch_request_parallelism can't be set to below 1",
                ("max_batch_request_parallelism", "1"),
            ),
            (
                queue.queue_size < 0,
                "remote write queue size can't be negative",
                ("remote_write_queue::queue_size", "10000"),
            ),
            (
                queue.enabled && queue.queue_size == 0,
                "a 0 size queue will drop all the data",
                ("remote_write_queue::queue_size", "10000"),
            ),
            (
                queue.num_consumers < 0,
                "remote write consumer number can't be negative",
                ("remote_write_queue::num_consumers", "5"),
            ),
            (
                self.max_batch_size_bytes < 0,
                "max_batch_byte_size must be greater than 0",
                ("max_batch_size_bytes", "3000000"),
            ),
            (
                self.client.compression.word() != "snappy"
                    && *self.client.compression != Type::NONE,
                "compression type must be snappy",
                ("compression", "snappy"),
            ),
        ];
        // As upstream it stops at the first mistake.
        if let Some((_, rule, (key, value))) = rules.into_iter().find(|it| it.0) {
            problems.at("", rule).set(key, value);
        }
        for (key, below) in [("", "protobuf_message"), ("protobuf_message", "")] {
            if let Some(fault) = self.protobuf_message.refused(below) {
                problems.add(fault.within(key));
            }
        }
        if self.client.timeout.is_negative() {
            let text = "'timeout' must be non-negative";
            problems.at("timeoutsettings", text).set("timeout", "5s");
        }
        if self.client.endpoint.is_empty() {
            // Upstream says so when it creates the exporter.
            let text = "invalid endpoint";
            problems.late("", text).require("endpoint", "http://localhost:9090/api/v1/write");
        } else {
            self.client.check_url(&self.client.endpoint, ("", "endpoint"), None, problems);
        }
        if self.external_labels.iter().any(|(name, value)| name.is_empty() || value.is_empty()) {
            let text = "prometheus remote write: external labels configuration contains an empty key or value";
            problems.late("", text).about("external_labels");
        }
        self.client.validate("", problems);
        self.retry_on_failure.validate("retry_on_failure", problems);
        if let Some(queue) = queue.queue().filter(|_| queue.queue_size > 0) {
            queue.validate("remote_write_queue", problems);
        }
        if self.wal.is_some() {
            let text = "the log on disk is that of the queue: name a storage extension in \
                        remote_write_queue: storage";
            problems.warn(Caution::NoEffect, "wal", text).remove("");
        }
    }
}
