//! The section of the exporter (`exporter/kafkaexporter/config.go`, v0.149).

use std::collections::BTreeMap;
use std::fmt;

use component::config::{Caution, Choice, Choices, Duration, Problems, Section};
use component::{QueueConfig, RetryConfig, Signal};
use compression::Params;
use kafka::{Acks, ClientConfig, Codec, Hasher};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Smallest `max_message_bytes`.
const MESSAGE_BYTES_MIN: i64 = 1024;

/// `exporters: kafka:`.
#[expect(clippy::struct_excessive_bools, reason = "upstream's keys")]
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "kafkaexporter.Config")]
pub struct Config {
    /// Brokers and credentials.
    #[serde(flatten)]
    pub client: ClientConfig,
    /// Topic and encoding of logs.
    pub logs: SignalConfig,
    /// Topic and encoding of metrics.
    pub metrics: SignalConfig,
    /// Topic and encoding of spans.
    pub traces: SignalConfig,
    /// Without effect: there are no profiles here.
    pub profiles: SignalConfig,
    /// Deprecated: the topics of `logs`, `metrics`, `traces`.
    #[config(omit_empty)]
    pub topic: String,
    /// Deprecated: their encodings.
    #[config(omit_empty)]
    pub encoding: Option<Choice<Encoding>>,
    /// An attribute of the resource names the topic.
    pub topic_from_attribute: String,
    /// Request metadata that becomes headers of the records.
    #[config(omit_empty)]
    pub include_metadata_keys: Vec<String>,
    /// Headers of all records.
    #[config(omit_empty)]
    pub record_headers: BTreeMap<String, String>,
    /// How records with and without keys are dealt to partitions.
    #[config(omit_default)]
    pub record_partitioner: RecordPartitioner,
    /// The spans of a trace are one record, with its id as the key. Default false.
    pub partition_traces_by_id: bool,
    /// The metrics of a resource are one record, with a key. Default false.
    pub partition_metrics_by_resource_attributes: bool,
    /// The log records of a resource are one record, with a key. Default false.
    pub partition_logs_by_resource_attributes: bool,
    /// The log records of a trace are one record, with its id as the key. Default false.
    pub partition_logs_by_trace_id: bool,
    /// How records are sent.
    pub producer: ProducerConfig,
    /// Longest time for brokers to take a batch. Default 5s.
    pub timeout: Duration,
    /// Retries of what may pass later.
    pub retry_on_failure: RetryConfig,
    /// Queue and batch in front. On by default.
    pub sending_queue: Section<QueueConfig>,
}

/// `logs:`, `metrics:`, `traces:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "kafkaexporter.SignalConfig")]
pub struct SignalConfig {
    /// Default otlp_logs, otlp_metrics, otlp_spans.
    pub topic: String,
    /// Request metadata that names the topic.
    pub topic_from_metadata_key: String,
    /// Request metadata that is the key of the records.
    #[config(omit_empty)]
    pub message_key_from_metadata_key: String,
    /// otlp_proto, otlp_json; for logs also raw: the body alone. Default otlp_proto.
    pub encoding: Choice<Encoding>,
}

impl Default for SignalConfig {
    fn default() -> Self {
        Self::of("")
    }
}

impl SignalConfig {
    fn of(topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            topic_from_metadata_key: String::new(),
            message_key_from_metadata_key: String::new(),
            encoding: Choice::default(),
        }
    }
}

/// How telemetry becomes the value of a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// OTLP in protobuf.
    #[default]
    OtlpProto,
    /// OTLP in JSON.
    OtlpJson,
    /// The body of each log record.
    Raw,
}

impl Choices for Encoding {
    const NAMES: &'static [(&'static str, Self)] =
        &[("otlp_proto", Self::OtlpProto), ("otlp_json", Self::OtlpJson), ("raw", Self::Raw)];

    fn unknown(word: &str) -> String {
        format!("encoding {word:?} is not there: use otlp_proto, otlp_json, or raw for logs")
    }
}

/// `record_partitioner:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "kafkaexporter.RecordPartitionerConfig")]
#[serde(default)]
pub struct RecordPartitioner {
    /// By their key; without one, those of a request go to one partition.
    pub sticky_key: StickyKey,
    /// Keys do not count.
    #[config(omit_empty)]
    pub round_robin: Section<Nothing>,
    /// As round_robin.
    #[config(omit_empty)]
    pub least_backup: Section<Nothing>,
}

/// `sticky_key:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "kafkaexporter.StickyKeyPartitionerConfig")]
#[serde(default)]
pub struct StickyKey {
    /// sarama_compat, or murmur2 as Java's client. Default sarama_compat.
    pub hasher: Choice<Hasher>,
}

/// A section without keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, config::Described)]
pub struct Nothing {}

/// `producer:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "configkafka.ProducerConfig", unmarshals)]
pub struct ProducerConfig {
    /// Longest record and batch before it is packed, in bytes. Default 1000000.
    pub max_message_bytes: i64,
    /// 0: nobody answers; 1: who leads the partition has it; -1 or all: all replicas in sync have it. Default 1.
    #[config(go = "configkafka.RequiredAcks")]
    pub required_acks: RequiredAcks,
    /// none, gzip, snappy, lz4 or zstd. Default none.
    pub compression: Choice<Codec>,
    /// Level of the compression, where it has levels.
    pub compression_params: Params,
    /// Without effect: a batch is as long as what the queue gives.
    pub flush_max_messages: i64,
    /// Topics that are not there are made, if the brokers allow it. Default true.
    pub allow_auto_topic_creation: bool,
    /// Without effect: `sending_queue: batch:` joins what comes apart.
    pub linger: Duration,
}

/// `required_acks:`, a number or the word `all`.
#[derive(Debug, Clone, Copy, Serialize, config::Described)]
pub struct RequiredAcks(i64);

impl<'de> Deserialize<'de> for RequiredAcks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Acks;
        impl Visitor<'_> for Acks {
            type Value = RequiredAcks;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("i64")
            }

            fn visit_i64<E>(self, number: i64) -> Result<RequiredAcks, E> {
                Ok(RequiredAcks(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<RequiredAcks, E> {
                let wrong = |_| E::invalid_value(Unexpected::Unsigned(number), &self);
                i64::try_from(number).map(RequiredAcks).map_err(wrong)
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<RequiredAcks, E> {
                match word {
                    "all" => Ok(RequiredAcks(-1)),
                    _ => Err(E::invalid_type(Unexpected::Str(word), &self)),
                }
            }
        }
        deserializer.deserialize_any(Acks)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            client: ClientConfig::default(),
            logs: SignalConfig::of("otlp_logs"),
            metrics: SignalConfig::of("otlp_metrics"),
            traces: SignalConfig::of("otlp_spans"),
            profiles: SignalConfig::of("otlp_profiles"),
            topic: String::new(),
            encoding: None,
            topic_from_attribute: String::new(),
            include_metadata_keys: Vec::new(),
            record_headers: BTreeMap::new(),
            record_partitioner: RecordPartitioner::default(),
            partition_traces_by_id: false,
            partition_metrics_by_resource_attributes: false,
            partition_logs_by_resource_attributes: false,
            partition_logs_by_trace_id: false,
            producer: ProducerConfig {
                max_message_bytes: 1_000_000,
                required_acks: RequiredAcks(1),
                compression: Choice::default(),
                compression_params: Params::default(),
                flush_max_messages: 10_000,
                allow_auto_topic_creation: true,
                linger: Duration::from_millis(10),
            },
            timeout: Duration::from_secs(5),
            retry_on_failure: RetryConfig::default(),
            sending_queue: Section::on(QueueConfig::default()),
        }
    }
}

impl Config {
    /// Topic and encoding of a signal, with what the deprecated keys say.
    pub(crate) fn of(&self, signal: Signal) -> SignalConfig {
        let mut it = match signal {
            Signal::Logs => self.logs.clone(),
            Signal::Metrics => self.metrics.clone(),
            Signal::Traces => self.traces.clone(),
        };
        if !self.topic.is_empty() {
            it.topic.clone_from(&self.topic);
        }
        if let Some(encoding) = &self.encoding {
            it.encoding = encoding.clone();
        }
        it
    }

    pub(crate) fn acks(&self) -> Option<Acks> {
        self.producer.required_acks.known()
    }
}

impl RequiredAcks {
    fn known(self) -> Option<Acks> {
        match self.0 {
            0 => Some(Acks::None),
            1 => Some(Acks::Leader),
            -1 => Some(Acks::All),
            _ => None,
        }
    }
}

impl ProducerConfig {
    fn validate(&self, problems: &mut Problems) {
        const KEY: &str = "producer";
        if let Some(fault) = self.compression.refused("compression") {
            problems.add(fault.within(KEY));
        }
        if self.required_acks.known().is_none() {
            let acks = self.required_acks.0;
            let text = format!("expected 'all' (-1), 0, or 1; configured value is {acks}");
            problems.at("producer::required_acks", text).set("", "1");
        }
        let bytes = self.max_message_bytes;
        if bytes < 0 {
            let text = format!("max_message_bytes ({bytes}) must be non-negative");
            problems.at(KEY, text).set("max_message_bytes", "1000000");
        } else if bytes < MESSAGE_BYTES_MIN {
            // Upstream starts with it, and loses every record.
            let text = format!("max_message_bytes must be at least {MESSAGE_BYTES_MIN}");
            problems.at(KEY, text).set("max_message_bytes", "1000000");
        }
        if self.flush_max_messages < 1 {
            let count = self.flush_max_messages;
            let text = format!("flush_max_messages ({count}) must be at least 1");
            problems.at(KEY, text).set("flush_max_messages", "10000");
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.client.validate(problems);
        if self.partition_logs_by_resource_attributes && self.partition_logs_by_trace_id {
            let text = "partition_logs_by_resource_attributes and partition_logs_by_trace_id cannot both be enabled";
            problems.at("", text).remove("partition_logs_by_trace_id");
        }
        for (key, signal) in [("metrics", Signal::Metrics), ("traces", Signal::Traces)] {
            if *self.of(signal).encoding == Encoding::Raw && self.encoding.is_none() {
                problems
                    .at("", "the encoding raw is for logs")
                    .set(&format!("{key}::encoding"), "otlp_proto");
            }
        }
        self.producer.validate(problems);
        if self.timeout.is_negative() {
            let text = "'timeout' must be non-negative";
            problems.at("timeoutsettings", text).set("timeout", "5s");
        }
        for (key, is_set) in
            [("topic", !self.topic.is_empty()), ("encoding", self.encoding.is_some())]
        {
            if is_set {
                let text =
                    format!("{key} is deprecated; use logs::{key}, metrics::{key}, traces::{key}");
                problems.warn(Caution::Deprecated, "", text).about(key);
            }
        }
        self.retry_on_failure.validate("retry_on_failure", problems);
        if let Some(queue) = self.sending_queue.get() {
            queue.validate("sending_queue", problems);
        }
    }
}
