//! The section of the receiver (`receiver/kafkareceiver/config.go`, v0.149).

use component::config::{Caution, Choice, Choices, Duration, Problems};
use component::{RetryConfig, Signal};
use kafka::{ClientConfig, Start, Strategy};
use regex::Regex;
use serde::{Deserialize, Serialize};

/// `receivers: kafka:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "kafkareceiver.Config")]
pub struct Config {
    /// Brokers and credentials.
    #[serde(flatten)]
    pub client: ClientConfig,
    /// The group that shares the partitions.
    #[serde(flatten)]
    pub group: GroupConfig,
    /// Topics and encoding of logs.
    pub logs: TopicsConfig,
    /// Topics and encoding of metrics.
    pub metrics: TopicsConfig,
    /// Topics and encoding of spans.
    pub traces: TopicsConfig,
    /// Deprecated: the topics of `logs`, `metrics`, `traces`.
    #[config(omit_empty)]
    pub topic: String,
    /// Deprecated: their encodings.
    #[config(omit_empty)]
    pub encoding: Option<Choice<Encoding>>,
    /// Offsets that are remembered.
    pub autocommit: Autocommit,
    /// Without effect: an offset is remembered when the data has been delivered.
    #[config(omit_empty)]
    pub message_marking: Marking,
    /// Headers of records become attributes of resources.
    #[config(omit_empty)]
    pub header_extraction: HeaderExtraction,
    /// Waits before data that the pipelines do not take is handed to them again. It is always kept: `enabled` and
    /// `max_elapsed_time` have no effect.
    pub error_backoff: RetryConfig,
    /// The broker answers a fetch at once when it has this many bytes. Default 1.
    pub min_fetch_size: i32,
    /// Bytes of a fetch. Default 1048576.
    pub max_fetch_size: i32,
    /// Bytes of a partition in a fetch. Default 1048576.
    pub max_partition_fetch_size: i32,
    /// Longest wait of a fetch. Default 250ms.
    pub max_fetch_wait: Duration,
}

/// Keys of the group.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct GroupConfig {
    /// Its name. Default otel-collector.
    pub group_id: String,
    /// Without effect: a member that restarts joins as a new one.
    #[config(omit_empty)]
    pub group_instance_id: String,
    /// latest or earliest: where to begin a partition that the group has never read. Default latest.
    pub initial_offset: Choice<Start>,
    /// A member that is not heard of for so long is out. Default 10s.
    pub session_timeout: Duration,
    /// How often it says that it is there. Default 3s.
    pub heartbeat_interval: Duration,
    /// How partitions are dealt: range, roundrobin. Default range.
    #[config(omit_empty)]
    pub group_rebalance_strategy: String,
    /// The same, the best one first; sticky and cooperative-sticky mean range.
    #[config(omit_empty)]
    pub group_rebalance_strategies: Vec<String>,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            group_id: "otel-collector".to_owned(),
            group_instance_id: String::new(),
            initial_offset: Choice::default(),
            session_timeout: Duration::from_secs(10),
            heartbeat_interval: Duration::from_secs(3),
            group_rebalance_strategy: String::new(),
            group_rebalance_strategies: Vec::new(),
        }
    }
}

impl GroupConfig {
    /// Both where nothing is said: so members of other programs find one that they know.
    pub(crate) fn strategies(&self) -> Vec<Strategy> {
        let names = self
            .group_rebalance_strategies
            .iter()
            .chain(Some(&self.group_rebalance_strategy).filter(|it| !it.is_empty()));
        let mut all: Vec<Strategy> = names
            .map(|it| if it == "roundrobin" { Strategy::RoundRobin } else { Strategy::Range })
            .collect();
        all.dedup();
        if all.is_empty() { vec![Strategy::Range, Strategy::RoundRobin] } else { all }
    }
}

/// `logs:`, `metrics:`, `traces:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "kafkareceiver.TopicEncodingConfig")]
pub struct TopicsConfig {
    /// Deprecated: `topics`.
    #[config(omit_empty)]
    pub topic: String,
    /// Their names; one that begins with ^ is a regular expression. Default otlp_logs, otlp_metrics, otlp_spans.
    pub topics: Vec<String>,
    /// Of those found by a regular expression, those that match one of these are left out.
    #[config(omit_empty)]
    pub exclude_topics: Vec<String>,
    /// otlp_proto, otlp_json; for logs also raw and text. Default otlp_proto.
    pub encoding: Choice<Encoding>,
}

impl Default for TopicsConfig {
    fn default() -> Self {
        Self::of("")
    }
}

impl TopicsConfig {
    fn of(topic: &str) -> Self {
        Self {
            topic: String::new(),
            topics: vec![topic.to_owned()],
            exclude_topics: Vec::new(),
            encoding: Choice::default(),
        }
    }

    /// True if a topic is one of these.
    pub(crate) fn has(&self, topic: &str) -> bool {
        let matches = |it: &String| match Regex::new(it) {
            Ok(pattern) if it.starts_with('^') => pattern.is_match(topic),
            _ => it == topic,
        };
        let is_excluded = || {
            self.exclude_topics.iter().any(|it| Regex::new(it).is_ok_and(|it| it.is_match(topic)))
        };
        self.topics.iter().any(|it| it == topic)
            || (self.topics.iter().any(matches) && !is_excluded())
    }

    pub(crate) fn has_patterns(&self) -> bool {
        self.topics.iter().any(|it| it.starts_with('^'))
    }
}

/// What the value of a record is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// OTLP in protobuf.
    #[default]
    OtlpProto,
    /// OTLP in JSON.
    OtlpJson,
    /// The bytes are the body of a log record.
    Raw,
    /// The text is the body of a log record.
    Text,
}

impl Choices for Encoding {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("otlp_proto", Self::OtlpProto),
        ("otlp_json", Self::OtlpJson),
        ("raw", Self::Raw),
        ("text", Self::Text),
        ("text_utf-8", Self::Text),
        ("text_utf8", Self::Text),
    ];
    const SHOWN: usize = 4;

    fn unknown(word: &str) -> String {
        format!(
            "encoding {word:?} is not there: use otlp_proto, otlp_json; for logs also raw or text"
        )
    }
}

/// `autocommit:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "configkafka.AutoCommitConfig")]
pub struct Autocommit {
    /// Default true. Offsets are remembered in any case: what has been delivered is not read again.
    pub enable: bool,
    /// How often. Default 1s.
    pub interval: Duration,
}

/// `message_marking:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "kafkareceiver.MessageMarking")]
#[serde(default)]
pub struct Marking {
    /// Default false.
    pub after: bool,
    /// Default false.
    pub on_error: bool,
    /// Default false.
    #[config(omit_empty)]
    pub on_permanent_error: bool,
}

/// `header_extraction:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "kafkareceiver.HeaderExtraction")]
#[serde(default)]
pub struct HeaderExtraction {
    /// Default false.
    pub extract_headers: bool,
    /// Their names; each becomes `kafka.header.<name>`.
    pub headers: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            client: ClientConfig::default(),
            group: GroupConfig::default(),
            logs: TopicsConfig::of("otlp_logs"),
            metrics: TopicsConfig::of("otlp_metrics"),
            traces: TopicsConfig::of("otlp_spans"),
            topic: String::new(),
            encoding: None,
            autocommit: Autocommit { enable: true, interval: Duration::from_secs(1) },
            message_marking: Marking::default(),
            header_extraction: HeaderExtraction::default(),
            error_backoff: RetryConfig {
                enabled: false,
                initial_interval: Duration::from_millis(500),
                max_elapsed_time: Duration::ZERO,
                ..RetryConfig::default()
            },
            min_fetch_size: 1,
            max_fetch_size: 1_048_576,
            max_partition_fetch_size: 1_048_576,
            max_fetch_wait: Duration::from_millis(250),
        }
    }
}

impl Config {
    /// Topics and encoding of a signal, with what the deprecated keys say.
    pub(crate) fn of(&self, signal: Signal) -> TopicsConfig {
        let mut it = match signal {
            Signal::Logs => self.logs.clone(),
            Signal::Metrics => self.metrics.clone(),
            Signal::Traces => self.traces.clone(),
        };
        for topic in [&it.topic, &self.topic] {
            if !topic.is_empty() {
                it.topics = vec![topic.clone()];
                break;
            }
        }
        if let Some(encoding) = &self.encoding {
            it.encoding = encoding.clone();
        }
        it
    }

    fn check_topics(&self, problems: &mut Problems) {
        for (key, signal) in
            [("logs", Signal::Logs), ("metrics", Signal::Metrics), ("traces", Signal::Traces)]
        {
            let own = self.of(signal);
            let of_logs = matches!(*own.encoding, Encoding::Raw | Encoding::Text);
            if of_logs && signal != Signal::Logs && self.encoding.is_none() {
                let text = format!("the encoding {} is for logs", own.encoding.word());
                problems.at("", text).set(&format!("{key}::encoding"), "otlp_proto");
            }
            for it in own.topics.iter().filter(|it| it.starts_with('^')).chain(&own.exclude_topics)
            {
                if let Err(why) = Regex::new(it) {
                    problems.at("", format!("topics: {why}")).about(&format!("{key}::topics"));
                }
            }
            if !own.exclude_topics.is_empty() && !own.has_patterns() {
                let text = "exclude_topics is configured but none of the configured topics use regex pattern (must start with '^')";
                problems.at("", text).remove(&format!("{key}::exclude_topics"));
            }
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.client.validate(problems);
        self.check_topics(problems);
        if self.group.group_id.is_empty() {
            problems.at("", "group_id must be specified").require("group_id", "otel-collector");
        }
        let known = ["range", "roundrobin", "sticky", "cooperative-sticky"];
        for it in &self.group.group_rebalance_strategies {
            if !known.contains(&it.as_str()) {
                let text =
                    format!("group_rebalance_strategies: {it:?} is not one of range, roundrobin");
                problems.at("", text).about("group_rebalance_strategies");
            }
        }
        let sizes = [
            ("min_fetch_size", self.min_fetch_size),
            ("max_fetch_size", self.max_fetch_size),
            ("max_partition_fetch_size", self.max_partition_fetch_size),
        ];
        for (key, _) in sizes.into_iter().filter(|it| it.1 < 1) {
            problems.at("", format!("{key} must be positive")).set(key, "1048576");
        }
        for (key, is_set) in
            [("topic", !self.topic.is_empty()), ("encoding", self.encoding.is_some())]
        {
            if is_set {
                let text = format!("{key} is deprecated; use logs, metrics, traces");
                problems.warn(Caution::Deprecated, "", text).about(key);
            }
        }
        if self.message_marking.on_error || self.message_marking.on_permanent_error {
            let text = "message_marking has no effect: an offset is remembered when its data has been delivered, or refused for good";
            problems.warn(Caution::NoEffect, "", text).remove("message_marking");
        }
    }
}
