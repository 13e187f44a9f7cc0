//! The section of the exporter (`exporter/clickhouseexporter/config.go`, v0.149).

use std::collections::BTreeMap;

use component::config::{Caution, Choice, Choices, Duration, Problems, Secret, Section};
use component::{QueueConfig, RetryConfig};
use compression::{Encoding, Type};
use serde::{Deserialize, Serialize};

use crate::dsn::{DEFAULT_DATABASE, Dsn, Source};

const DEFAULT_METRICS: &str = "otel_metrics";

/// `exporters: clickhouse:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "clickhouseexporter.Config")]
pub struct Config {
    /// Servers: `http://host:8123`, `https://host:8443`, several with commas. tcp:// and clickhouse:// are the native protocol;
    /// with its usual ports they mean the HTTP interface of the same server. Settings may stand behind a `?`.
    pub endpoint: String,
    /// Name of the user. Default: what the endpoint says, else `default`.
    #[config(omit_empty)]
    pub username: String,
    /// Password of the user.
    #[config(omit_empty)]
    pub password: Secret,
    /// Database of the tables. Default `default`.
    pub database: String,
    /// TLS for `https://`.
    #[config(omit_empty)]
    pub tls: configtls::ClientConfig,
    /// Settings of ClickHouse for every request.
    #[config(omit_empty)]
    pub connection_params: BTreeMap<String, String>,
    /// Table of logs. Default `otel_logs`.
    pub logs_table_name: String,
    /// Table of spans. Default `otel_traces`.
    pub traces_table_name: String,
    /// Deprecated: `metrics_tables`. The beginning of their names. Default `otel_metrics`.
    #[config(omit_empty)]
    pub metrics_table_name: String,
    /// Tables of metrics, one for each kind.
    pub metrics_tables: MetricsTables,
    /// Rows older than this are deleted; 0 is never. Default 0.
    pub ttl: Duration,
    /// The engine of the tables that are made.
    #[config(omit_empty)]
    pub table_engine: TableEngine,
    /// Tables are made on this cluster.
    #[config(omit_empty)]
    pub cluster_name: String,
    /// Make database and tables that are not there. Default true.
    pub create_schema: bool,
    /// lz4, zstd, gzip, deflate, none, or true for lz4. Default lz4.
    pub compress: Choice<Compress>,
    /// The server gathers rows of several requests, and answers when they are written. Default true.
    pub async_insert: bool,
    /// Longest time of a request. Default 5s.
    pub timeout: Duration,
    /// Retries of what may pass later.
    pub retry_on_failure: RetryConfig,
    /// Queue and batch in front. On by default.
    pub sending_queue: Section<QueueConfig>,
}

/// `metrics_tables:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "clickhouseexporter.MetricTablesConfig")]
#[serde(default)]
pub struct MetricsTables {
    /// Default `otel_metrics_gauge`.
    pub gauge: Table,
    /// Default `otel_metrics_sum`.
    pub sum: Table,
    /// Default `otel_metrics_summary`.
    pub summary: Table,
    /// Default `otel_metrics_histogram`.
    pub histogram: Table,
    /// Default `otel_metrics_exponential_histogram`.
    pub exponential_histogram: Table,
}

/// One table.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "metrics.MetricTypeConfig")]
#[serde(default)]
pub struct Table {
    /// Its name.
    pub name: String,
}

/// `table_engine:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "clickhouseexporter.TableEngine")]
#[serde(default)]
pub struct TableEngine {
    /// Default `MergeTree`.
    pub name: String,
    /// What stands in its brackets.
    pub params: String,
}

/// How requests are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compress {
    /// LZ4.
    #[default]
    Lz4,
    /// Zstandard.
    Zstd,
    /// Gzip.
    Gzip,
    /// Zlib.
    Deflate,
    /// Not at all.
    None,
}

impl Choices for Compress {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("lz4", Self::Lz4),
        ("zstd", Self::Zstd),
        ("gzip", Self::Gzip),
        ("deflate", Self::Deflate),
        ("none", Self::None),
        ("true", Self::Lz4),
        ("false", Self::None),
        ("", Self::Lz4),
    ];
    const SHOWN: usize = 5;

    fn unknown(word: &str) -> String {
        format!("unknown compression {word:?}: use lz4, zstd, gzip, deflate or none")
    }
}

impl Compress {
    pub(crate) fn encoding(self) -> Type {
        Type(match self {
            Self::Lz4 => Some(Encoding::Lz4),
            Self::Zstd => Some(Encoding::Zstd),
            Self::Gzip => Some(Encoding::Gzip),
            Self::Deflate => Some(Encoding::Deflate),
            Self::None => None,
        })
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            username: String::new(),
            password: Secret::default(),
            database: DEFAULT_DATABASE.to_owned(),
            tls: configtls::ClientConfig::default(),
            connection_params: BTreeMap::new(),
            logs_table_name: "otel_logs".to_owned(),
            traces_table_name: "otel_traces".to_owned(),
            metrics_table_name: String::new(),
            metrics_tables: MetricsTables::default(),
            ttl: Duration::ZERO,
            table_engine: TableEngine::default(),
            cluster_name: String::new(),
            create_schema: true,
            compress: Choice::default(),
            async_insert: true,
            timeout: Duration::from_secs(5),
            retry_on_failure: RetryConfig::default(),
            sending_queue: Section::on(QueueConfig::default()),
        }
    }
}

impl Config {
    /// The endpoint with all that the other keys say of it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn dsn(&self) -> Result<Dsn, String> {
        Dsn::parse(&Source {
            endpoint: &self.endpoint,
            username: &self.username,
            password: self.password.expose(),
            database: &self.database,
            params: &self.connection_params,
            async_insert: self.async_insert,
        })
    }

    /// Names of the tables of metrics: gauge, sum, summary, histogram, exponential histogram.
    pub(crate) fn metrics_names(&self) -> [String; 5] {
        let all = &self.metrics_tables;
        let own = [&all.gauge, &all.sum, &all.summary, &all.histogram, &all.exponential_histogram];
        let is_said = own.iter().any(|it| !it.name.is_empty());
        let base = match self.metrics_table_name.as_str() {
            "" => DEFAULT_METRICS,
            // As upstream: the older key counts where there are none of the newer ones.
            _ if is_said => DEFAULT_METRICS,
            name => name,
        };
        let ends = ["gauge", "sum", "summary", "histogram", "exponential_histogram"];
        let mut names = ends.map(|end| format!("{base}_{end}"));
        for (name, own) in names.iter_mut().zip(own) {
            if !own.name.is_empty() {
                name.clone_from(&own.name);
            }
        }
        names
    }

    fn check_endpoint(&self, problems: &mut Problems) {
        if self.endpoint.is_empty() {
            let text = "endpoint must be specified";
            problems.at("", text).require("endpoint", "http://localhost:8123");
            return;
        }
        let dsn = match self.dsn() {
            Ok(dsn) => dsn,
            Err(why) => {
                problems.at("", why).about("endpoint");
                return;
            }
        };
        if let Some(note) = &dsn.note {
            problems.warn(Caution::EndpointForm, "", note).about("endpoint");
        }
        let client = confighttp::client::ClientConfig::default();
        for url in &dsn.urls {
            client.check_url(url, ("", "endpoint"), None, problems);
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.check_endpoint(problems);
        if !self.metrics_table_name.is_empty() {
            let text = "metrics_table_name is deprecated; use metrics_tables";
            problems.warn(Caution::Deprecated, "", text).about("metrics_table_name");
        }
        self.tls.validate("tls", problems);
        self.retry_on_failure.validate("retry_on_failure", problems);
        if let Some(queue) = self.sending_queue.get() {
            queue.validate("sending_queue", problems);
        }
    }
}
