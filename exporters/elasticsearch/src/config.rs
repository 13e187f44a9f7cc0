//! The section of the exporter (`exporter/elasticsearchexporter/config.go`, v0.159).

use component::config::{Caution, Choice, Duration, Problems, Secret, Section};
use component::{BatchConfig, QueueConfig, Sizer};
use compression::Params;
use confighttp::client::ClientConfig;
use documents::bulk;
use pdata::text::Base64;
use serde::{Deserialize, Serialize};

use crate::mode::{Mapping, Mode};

/// Where endpoints are found when the section has none.
const ENDPOINTS_VARIABLE: &str = "ELASTICSEARCH_URL";
const NO_ENDPOINT: &str = "exactly one of [endpoint, endpoints, cloudid] must be specified";

/// `exporters: elasticsearch:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "elasticsearchexporter.Config")]
pub struct Config {
    /// Where and how to connect.
    #[serde(flatten)]
    pub client: ClientConfig,
    /// Several URLs that take turns. One of endpoint, endpoints and cloudid has to be there, or the variable ELASTICSEARCH_URL.
    #[config(omit_empty)]
    pub endpoints: Vec<String>,
    /// Id of a cluster in Elastic Cloud.
    #[config(omit_empty)]
    pub cloudid: String,
    /// Name and password, or key.
    #[serde(flatten)]
    pub login: Login,
    /// Which document goes where.
    #[serde(flatten)]
    pub routing: Routing,
    /// Id of an ingest pipeline for all documents.
    #[config(omit_empty)]
    pub pipeline: String,
    /// Without effect: nodes are those of the section.
    pub discover: Discover,
    /// Attempts for what is refused for now.
    pub retry: Retry,
    /// Deprecated: `sending_queue: batch:`.
    #[config(omit_empty)]
    pub flush: Flush,
    /// How documents look.
    pub mapping: Mapping,
    /// The log is silent about documents that are there already. Default false.
    #[config(omit_empty)]
    pub suppress_conflict_errors: bool,
    /// Without effect: bodies are not logged.
    pub telemetry: Telemetry,
    /// The answer may have parts of documents, and the log shows its reasons. Default: neither.
    #[config(omit_empty)]
    pub include_source_on_error: Option<bool>,
    /// Request metadata keys: each value has batches of its own.
    #[config(omit_empty)]
    pub metadata_keys: Vec<String>,
    /// What is asked of an answer.
    #[config(omit_empty)]
    pub bulk_response_filter_path: String,
    /// Deprecated: `sending_queue: num_consumers`.
    #[config(omit_empty)]
    pub num_workers: i64,
    /// Queue and batch in front. On by default.
    pub sending_queue: Section<QueueConfig>,
}

/// `user`, `password`, `api_key`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Login {
    /// Name for basic authentication.
    #[config(omit_empty)]
    pub user: String,
    /// Password for basic authentication.
    #[config(omit_empty)]
    pub password: Secret,
    /// A key of the cluster, in the form "encoded".
    #[config(omit_empty)]
    pub api_key: Secret,
}

/// Keys that say which document goes where.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Routing {
    /// Index of all logs. Default: the data stream that the attributes name.
    #[config(omit_empty)]
    pub logs_index: String,
    /// Without effect: it is always so.
    #[config(omit_empty)]
    pub logs_dynamic_index: Switch,
    /// Index of all metrics.
    #[config(omit_empty)]
    pub metrics_index: String,
    /// Without effect: it is always so.
    #[config(omit_empty)]
    pub metrics_dynamic_index: Switch,
    /// Index of all spans.
    #[config(omit_empty)]
    pub traces_index: String,
    /// Without effect: it is always so.
    #[config(omit_empty)]
    pub traces_dynamic_index: Switch,
    /// The attribute elasticsearch.document_id is the id of the document. Default false.
    #[config(omit_empty)]
    pub logs_dynamic_id: Switch,
    /// The same for spans. Default false.
    #[config(omit_empty)]
    pub traces_dynamic_id: Switch,
    /// The attribute elasticsearch.document_pipeline names an ingest pipeline. Default false.
    #[config(omit_empty)]
    pub logs_dynamic_pipeline: Switch,
    /// A date at the end of the index.
    pub logstash_format: LogstashFormat,
}

/// `enabled:`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Switch {
    /// Default false.
    pub enabled: bool,
}

/// `logstash_format:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "elasticsearchexporter.LogstashFormatSettings")]
pub struct LogstashFormat {
    /// Default false.
    pub enabled: bool,
    /// Between index and date. Default `-`.
    pub prefix_separator: String,
    /// The date, with %Y, %y, %m, %d, %j, %H, %M, %S and %%. Default `%Y.%m.%d`.
    pub date_format: String,
}

/// `discover:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "elasticsearchexporter.DiscoverySettings")]
pub struct Discover {
    /// Default false.
    pub on_start: bool,
    /// Default 0: never.
    pub interval: Duration,
}

/// `retry:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "elasticsearchexporter.RetrySettings")]
pub struct Retry {
    /// Default true.
    pub enabled: bool,
    /// Deprecated: one more than `max_retries`.
    #[config(omit_empty)]
    pub max_requests: i64,
    /// Further attempts for single documents; 0 is as many as fit into five minutes. Default 0.
    pub max_retries: i64,
    /// Wait before the second attempt. Default 100ms.
    pub initial_interval: Duration,
    /// Longest wait. Default 1m.
    pub max_interval: Duration,
    /// Statuses, of requests and of single documents, with which they can pass later. 429, 502, 503 and 504 always can. Default [429].
    pub retry_on_status: Vec<u16>,
}

/// `flush:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "elasticsearchexporter.FlushSettings")]
#[serde(default)]
pub struct Flush {
    /// Deprecated: `sending_queue: batch: max_size`.
    pub bytes: i64,
    /// Deprecated: `sending_queue: batch: flush_timeout`.
    pub interval: Duration,
}

/// `telemetry:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "elasticsearchexporter.TelemetrySettings")]
pub struct Telemetry {
    /// Default false.
    pub log_request_body: bool,
    /// Default false.
    pub log_response_body: bool,
    /// Default false.
    pub log_failed_docs_input: bool,
    /// Default 1s.
    pub log_failed_docs_input_rate_limit: Duration,
}

impl Default for Routing {
    fn default() -> Self {
        let off = Switch::default;
        Self {
            logs_index: String::new(),
            logs_dynamic_index: off(),
            metrics_index: String::new(),
            metrics_dynamic_index: off(),
            traces_index: String::new(),
            traces_dynamic_index: off(),
            logs_dynamic_id: off(),
            traces_dynamic_id: off(),
            logs_dynamic_pipeline: off(),
            logstash_format: LogstashFormat {
                enabled: false,
                prefix_separator: "-".to_owned(),
                date_format: "%Y.%m.%d".to_owned(),
            },
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        let batch = BatchConfig {
            flush_timeout: Duration::from_secs(10),
            sizer: Some(Sizer::Bytes.into()),
            min_size: 1_000_000,
            max_size: 5_000_000,
            ..BatchConfig::default()
        };
        let allowed = [Mode::BodyMap, Mode::Ecs, Mode::None, Mode::Otel, Mode::Raw];
        Self {
            client: ClientConfig {
                timeout: Duration::from_secs(90),
                compression_params: Params { level: 1 },
                ..ClientConfig::default()
            },
            endpoints: Vec::new(),
            cloudid: String::new(),
            login: Login::default(),
            routing: Routing::default(),
            pipeline: String::new(),
            discover: Discover::default(),
            retry: Retry {
                enabled: true,
                max_requests: 0,
                max_retries: 0,
                initial_interval: Duration::from_millis(100),
                max_interval: Duration::from_secs(60),
                retry_on_status: vec![429],
            },
            flush: Flush::default(),
            mapping: Mapping {
                mode: Choice::default(),
                allowed_modes: allowed.map(Choice::from).into(),
            },
            suppress_conflict_errors: false,
            telemetry: Telemetry {
                log_request_body: false,
                log_response_body: false,
                log_failed_docs_input: false,
                log_failed_docs_input_rate_limit: Duration::from_secs(1),
            },
            include_source_on_error: None,
            metadata_keys: Vec::new(),
            bulk_response_filter_path: String::new(),
            num_workers: 0,
            sending_queue: Section::on(QueueConfig {
                queue_size: 10,
                block_on_overflow: true,
                batch: Section::on(batch),
                ..QueueConfig::default()
            }),
        }
    }
}

/// The URL of a cluster in Elastic Cloud: `name:base64(host$id$...)`. `addrFromCloudID` of go-elasticsearch.
fn cloud_url(id: &str) -> Result<String, String> {
    let wrong = || format!("invalid CloudID {id:?}");
    let (_, encoded) = id.split_once(':').ok_or_else(wrong)?;
    let text = Base64::STANDARD.decode(encoded.as_bytes()).map_err(|_| wrong())?;
    let text = String::from_utf8(text).map_err(|_| wrong())?;
    let mut parts = text.split('$');
    match (parts.next(), parts.next()) {
        (Some(host), Some(cluster)) if !host.is_empty() && !cluster.is_empty() => {
            Ok(format!("https://{cluster}.{host}"))
        }
        _ => Err(format!("invalid decoded CloudID {text:?}")),
    }
}

impl Config {
    /// The servers.
    ///
    /// # Errors
    /// There are none, or too many ways to say it, in upstream's words.
    pub fn urls(&self) -> Result<Vec<String>, String> {
        let one = Some(self.client.endpoint.clone()).filter(|it| !it.is_empty());
        let many = Some(self.endpoints.clone()).filter(|it| !it.is_empty());
        let cloud = Some(self.cloudid.as_str()).filter(|it| !it.is_empty());
        match (one, many, cloud) {
            (Some(url), None, None) => Ok(vec![url]),
            (None, Some(urls), None) => Ok(urls),
            (None, None, Some(id)) => Ok(vec![cloud_url(id)?]),
            (None, None, None) => {
                let text = std::env::var(ENDPOINTS_VARIABLE).unwrap_or_default();
                let urls: Vec<String> = text
                    .split(',')
                    .map(|it| it.trim().to_owned())
                    .filter(|it| !it.is_empty())
                    .collect();
                if urls.is_empty() { Err(NO_ENDPOINT.to_owned()) } else { Ok(urls) }
            }
            _ => Err(NO_ENDPOINT.to_owned()),
        }
    }

    /// Where the documents of a request go: the URL of the bulk API, with all that is said in its query.
    pub(crate) fn bulk_url(&self, endpoint: &str) -> String {
        let mut url = bulk::url(endpoint, &self.bulk_response_filter_path, &self.pipeline);
        if let Some(shown) = self.include_source_on_error {
            url = format!("{url}&include_source_on_error={shown}");
        }
        url
    }

    /// The queue, with what the deprecated keys say.
    pub(crate) fn queue(&self) -> Option<QueueConfig> {
        let mut queue = self.sending_queue.get()?.clone();
        let plain = QueueConfig::default();
        if self.num_workers > 0 && queue.num_consumers == plain.num_consumers {
            queue.num_consumers = self.num_workers;
        }
        if let Some(mut batch) = queue.batch.get().cloned() {
            let usual =
                Self::default().sending_queue.into_option().and_then(|it| it.batch.into_option());
            let is_usual = |it: &BatchConfig| {
                usual.as_ref().is_some_and(|usual| {
                    usual.flush_timeout == it.flush_timeout && usual.max_size == it.max_size
                })
            };
            if is_usual(&batch) {
                if self.flush.bytes > 0 {
                    batch.max_size = self.flush.bytes;
                    batch.min_size = batch.min_size.min(self.flush.bytes);
                }
                if self.flush.interval > Duration::ZERO {
                    batch.flush_timeout = self.flush.interval;
                }
            }
            let keys = &mut batch.partition.metadata_keys;
            keys.extend(self.metadata_keys.iter().filter(|it| !it.is_empty()).cloned());
            keys.dedup();
            queue.batch = Section::on(batch);
        }
        Some(queue)
    }

    fn check_endpoints(&self, problems: &mut Problems) {
        let urls = match self.urls() {
            Ok(urls) => urls,
            Err(why) if why == NO_ENDPOINT => {
                problems.at("", why).require("endpoint", "https://localhost:9200");
                return;
            }
            Err(why) => {
                problems.at("", why).about("cloudid");
                return;
            }
        };
        for url in &urls {
            let key = if self.endpoints.is_empty() { "endpoint" } else { "endpoints" };
            if url.is_empty() {
                problems.at("", "invalid endpoint \"\": endpoint must not be empty").about(key);
            } else {
                self.client.check_url(url, ("", key), None, problems);
            }
        }
    }

    fn check_indices(&self, problems: &mut Problems) {
        let routing = &self.routing;
        for (signal, index, dynamic) in [
            ("logs", &routing.logs_index, &routing.logs_dynamic_index),
            ("metrics", &routing.metrics_index, &routing.metrics_dynamic_index),
            ("traces", &routing.traces_index, &routing.traces_dynamic_index),
        ] {
            let key = format!("{signal}_dynamic_index");
            if !index.is_empty() && dynamic.enabled {
                let text = format!(
                    "must not specify both {signal}_index and {key}; {signal}_index should be empty unless all documents \
                     should be sent to the same index"
                );
                problems.at("", text).remove(&key);
            } else if dynamic.enabled {
                let text =
                    format!("{key} has no effect: documents are always routed by their attributes");
                problems.warn(Caution::NoEffect, "", text).remove(&key);
            }
        }
        let format = &routing.logstash_format;
        if format.enabled && crate::route::date(&format.date_format, 0).is_none() {
            let text = "date_format has a verb that is not known: use %Y, %y, %m, %d, %j, %H, %M, %S and %%";
            problems.at("logstash_format", text).set("date_format", "%Y.%m.%d");
        }
    }

    fn check_retry(&self, problems: &mut Problems) {
        let retry = &self.retry;
        if retry.max_requests != 0 && retry.max_retries != 0 {
            let text = "must not specify both retry::max_requests and retry::max_retries";
            problems.at("", text).remove("retry::max_requests");
        }
        for (key, number) in
            [("max_requests", retry.max_requests), ("max_retries", retry.max_retries)]
        {
            if number < 0 {
                problems
                    .at("", format!("retry::{key} should be non-negative"))
                    .set(&format!("retry::{key}"), "0");
            }
        }
        if retry.max_requests > 0 {
            let text = "max_requests is deprecated; use max_retries, which is one less";
            problems.warn(Caution::Deprecated, "retry", text).about("max_requests");
        }
    }

    fn warn(&self, problems: &mut Problems) {
        let off = Duration::ZERO;
        let rules = [
            (
                self.discover.on_start || self.discover.interval > off,
                "discover",
                "nodes are not looked for: name them in endpoints",
            ),
            (
                self.telemetry.log_request_body
                    || self.telemetry.log_response_body
                    || self.telemetry.log_failed_docs_input,
                "telemetry",
                "bodies are not logged: they hold what was sent",
            ),
        ];
        for (_, key, why) in rules.into_iter().filter(|it| it.0) {
            problems.warn(Caution::NoEffect, "", format!("{key} has no effect: {why}")).remove(key);
        }
        let deprecated = [
            (self.flush.bytes > 0 || self.flush.interval > off, "flush", "sending_queue::batch"),
            (self.num_workers > 0, "num_workers", "sending_queue::num_consumers"),
        ];
        for (_, key, instead) in deprecated.into_iter().filter(|it| it.0) {
            let text = format!("{key} is deprecated; use {instead}");
            problems.warn(Caution::Deprecated, "", text).about(key);
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.check_endpoints(problems);
        let mapping = &self.mapping;
        if !mapping.allowed_modes.iter().any(|it| **it == *mapping.mode) {
            let text =
                format!("invalid or disallowed default mapping mode {:?}", mapping.mode.word());
            problems.at("", text).about("mapping::mode");
        }
        if !matches!(self.client.compression.word(), "none" | "gzip") {
            problems.at("", "compression must be one of [none, gzip]").set("compression", "gzip");
        }
        self.check_retry(problems);
        self.check_indices(problems);
        self.warn(problems);
        self.client.validate("", problems);
        if let Some(queue) = self.queue() {
            queue.validate("sending_queue", problems);
        }
    }
}
