//! The section of the exporter (`exporter/opensearchexporter/config.go`, v0.159).

use std::collections::BTreeMap;

use component::config::{Caution, Choice, Choices, Duration, Problems, Section, Stage};
use component::{QueueConfig, RetryConfig};
use compression::Type;
use confighttp::client::ClientConfig;
use serde::{Deserialize, Serialize};

use crate::date::date;

const NAMESPACE: &str = "namespace";
const DATASET: &str = "default";

/// `exporters: opensearch:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "opensearchexporter.Config")]
pub struct Config {
    /// Where and how to connect. Its `endpoint` is required.
    pub http: ClientConfig,
    /// Longest time of a request, if it is shorter than that of `http`; 0 is none. Default 0.
    pub timeout: Duration,
    /// Part of the index `ss4o_logs-<dataset>-<namespace>`, and of each document. Default default.
    pub dataset: String,
    /// The same. Default namespace.
    pub namespace: String,
    /// Index, alias or data stream of logs. `%{key}` is an attribute of the record, its scope or its resource; `%{scope.name}` and
    /// `%{scope.version}` are those of the scope. Default `ss4o_logs-<dataset>-<namespace>`.
    pub logs_index: String,
    /// What stands for an attribute that is not there. Default unknown.
    pub logs_index_fallback: String,
    /// A date behind the index, of yyyy, yy, MM, dd, HH, mm, ss and -._+ between them. Default none.
    pub logs_index_time_format: String,
    /// Index, alias or data stream of spans. Default `ss4o_traces-<dataset>-<namespace>`.
    pub traces_index: String,
    /// What stands for an attribute that is not there. Default unknown.
    pub traces_index_fallback: String,
    /// A date behind the index. Default none.
    pub traces_index_time_format: String,
    /// create or index. Data streams take only create. Default create.
    pub bulk_action: Choice<Action>,
    /// Id of an ingest pipeline for all documents.
    pub pipeline: String,
    /// How documents look.
    pub mapping: Mapping,
    /// Retries of what may pass later.
    pub retry_on_failure: RetryConfig,
    /// Queue and batch in front. Default off.
    pub sending_queue: Section<QueueConfig>,
}

/// `mapping:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "opensearchexporter.MappingsSettings")]
#[serde(default)]
pub struct Mapping {
    /// ss4o, ecs, flatten_attributes or bodymap. Default ss4o.
    pub mode: Choice<Mode>,
    /// Without effect.
    pub fields: BTreeMap<String, String>,
    /// Without effect.
    pub file: String,
    /// Where ecs and flatten_attributes write the time. Default @timestamp.
    pub timestamp_field: String,
    /// ecs and flatten_attributes write the time as milliseconds since 1970. Default false.
    pub unix_timestamp: bool,
    /// Without effect: a name is never written twice.
    pub dedup: bool,
    /// ecs and flatten_attributes write names with dots as objects. Default false.
    pub dedot: bool,
}

/// `bulk_action:`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Action {
    /// A document that is there already is a conflict.
    #[default]
    Create,
    /// It is replaced.
    Index,
}

impl Action {
    /// As the bulk API calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Index => "index",
        }
    }
}

impl Choices for Action {
    const NAMES: &'static [(&'static str, Self)] =
        &[("create", Self::Create), ("index", Self::Index)];
    const STAGE: Stage = Stage::Check;

    fn unknown(_: &str) -> String {
        "bulk_action can either be `create` or `index`".to_owned()
    }
}

/// How a document looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Simple Schema for Observability.
    #[default]
    Ss4o,
    /// Flat, with the prefix `Attributes.`.
    Ecs,
    /// Flat, without a prefix.
    FlattenAttributes,
    /// The body of the log record.
    BodyMap,
}

impl Choices for Mode {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("ss4o", Self::Ss4o),
        ("ecs", Self::Ecs),
        ("flatten_attributes", Self::FlattenAttributes),
        ("bodymap", Self::BodyMap),
    ];
    const STAGE: Stage = Stage::Check;

    fn unknown(word: &str) -> String {
        match word {
            "otel-v1" => "the mapping mode \"otel-v1\" is not there".to_owned(),
            _ => "mapping.mode is invalid".to_owned(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            http: ClientConfig { compression: Type::NONE.into(), ..ClientConfig::default() },
            timeout: Duration::ZERO,
            dataset: DATASET.to_owned(),
            namespace: NAMESPACE.to_owned(),
            logs_index: String::new(),
            logs_index_fallback: String::new(),
            logs_index_time_format: String::new(),
            traces_index: String::new(),
            traces_index_fallback: String::new(),
            traces_index_time_format: String::new(),
            bulk_action: Choice::default(),
            pipeline: String::new(),
            mapping: Mapping::default(),
            retry_on_failure: RetryConfig::default(),
            sending_queue: Section::off(QueueConfig::default()),
        }
    }
}

impl Config {
    /// The client's section, whose `timeout` is the shorter one of both.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut client = self.http.clone();
        let both = [client.timeout, self.timeout];
        client.timeout =
            both.into_iter().filter(|it| *it > Duration::ZERO).min().unwrap_or(Duration::ZERO);
        client
    }

    fn check_names(&self, problems: &mut Problems) {
        for (key, value, usual) in
            [("dataset", &self.dataset, DATASET), ("namespace", &self.namespace, NAMESPACE)]
        {
            if value.is_empty() {
                problems.at("", format!("{key} must be specified")).set(key, usual);
            }
        }
        for (key, format) in [
            ("logs_index_time_format", &self.logs_index_time_format),
            ("traces_index_time_format", &self.traces_index_time_format),
        ] {
            if date(format, 0).is_none() {
                let text = format!("{key} contains unsupported or invalid tokens");
                problems.at("", text).set(key, "yyyy.MM.dd");
            }
        }
    }

    fn warn(&self, problems: &mut Problems) {
        let mapping = &self.mapping;
        for (is_set, key, why) in [
            (!mapping.fields.is_empty(), "fields", "fields keep their names"),
            (!mapping.file.is_empty(), "file", "fields keep their names"),
            (mapping.dedup, "dedup", "a name is never written twice"),
        ] {
            if is_set {
                let text = format!("{key} has no effect: {why}");
                problems.warn(Caution::NoEffect, "mapping", text).remove(key);
            }
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.http.endpoint.is_empty() {
            let text = "endpoint must be specified";
            problems.at("", text).require("http::endpoint", "https://localhost:9200");
        } else {
            self.http.check_url(&self.http.endpoint, ("http", "endpoint"), None, problems);
        }
        self.check_names(problems);
        self.warn(problems);
        self.http.validate("http", problems);
        self.retry_on_failure.validate("retry_on_failure", problems);
        if let Some(queue) = self.sending_queue.get() {
            queue.validate("sending_queue", problems);
        }
    }
}
