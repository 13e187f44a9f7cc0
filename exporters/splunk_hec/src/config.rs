//! The section of the exporter. `exporter/splunkhecexporter/config.go`, v0.149.

use std::collections::BTreeMap;

use component::config::{Caution, Duration, Problems, Secret, Section};
use component::{QueueConfig, RetryConfig, Signal};
use compression::Type;
use confighttp::client::{ClientConfig, FlatKeepalive, Url};
use hec::Metadata;
use serde::{Deserialize, Serialize};

/// Where events go unless the endpoint says something else.
const EVENT_PATH: &str = "/services/collector";
/// Largest limit of a request and of an event, in bytes: Splunk's own is about as large.
const BYTES_MAX: u64 = 800 << 20;

/// `exporters: splunk_hec:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "splunkhecexporter.Config")]
#[expect(clippy::struct_excessive_bools, reason = "they are keys of upstream's")]
pub struct Config {
    /// Where and how to connect. Default timeout 10s.
    #[serde(flatten)]
    pub client: ClientConfig,
    /// The token of the collector. Required. A resource with the attribute `com.splunk.hec.access_token` has its own.
    pub token: Secret,
    /// `source`, `sourcetype` and `index` of events.
    #[serde(flatten)]
    pub defaults: Defaults,
    /// Whether requests are sent as they are. Default false: gzip.
    pub disable_compression: bool,
    /// Limits of requests and events.
    #[serde(flatten)]
    pub limits: Limits,
    /// Who sends, as Splunk's statistics have it. Default `OpenTelemetry Collector Contrib`.
    pub splunk_app_name: String,
    /// Its version. Default: that of the program.
    pub splunk_app_version: String,
    /// Whether logs are sent. Default true; else they are left out.
    pub log_data_enabled: bool,
    /// Whether profiles are sent, which are logs of the scope `otel.profiling`. Default true; else they are left out.
    pub profiling_data_enabled: bool,
    /// The attributes that stand for the metadata of an event.
    pub otel_attrs_to_hec_metadata: Metadata,
    /// Deprecated: `otel_attrs_to_hec_metadata`.
    pub hec_metadata_to_otel_attrs: Metadata,
    /// The fields for the severity of a log record.
    pub otel_to_hec_fields: SeverityFields,
    /// The check at the start.
    #[serde(flatten)]
    pub health: Health,
    /// Only the bodies of log records are sent, one a line, for an endpoint of raw events. Default false.
    pub export_raw: bool,
    /// Values with the same time, metadata and dimensions go into one event. Default false.
    pub use_multi_metric_format: bool,
    /// Events that say that the collector lives.
    pub heartbeat: Heartbeat,
    /// Counters of heartbeats.
    pub telemetry: Telemetry,
    /// Retries of what may pass later.
    pub retry_on_failure: RetryConfig,
    /// Queue and batch in front. On by default.
    pub sending_queue: Section<QueueConfig>,
}

/// What events have unless their telemetry says something else.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Defaults {
    /// Source. Default none.
    pub source: String,
    /// Source type. Default none.
    pub sourcetype: String,
    /// Index. Default none: Splunk takes that of the token.
    pub index: String,
}

/// Limits in bytes, before compression.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct Limits {
    /// Of a request with logs; 0 is unlimited. Default 2 MiB.
    pub max_content_length_logs: u64,
    /// Of a request with metrics; 0 is unlimited. Default 2 MiB.
    pub max_content_length_metrics: u64,
    /// Of a request with spans; 0 is unlimited. Default 2 MiB.
    pub max_content_length_traces: u64,
    /// Of an event. Default 5 MiB.
    pub max_event_size: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_content_length_logs: 2 << 20,
            max_content_length_metrics: 2 << 20,
            max_content_length_traces: 2 << 20,
            max_event_size: 5 << 20,
        }
    }
}

/// Keys of the check at the start.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct Health {
    /// Where Splunk says whether it is healthy.
    pub health_path: String,
    /// Whether it is asked at the start, which then fails when it is not. Default false.
    pub health_check_enabled: bool,
}

impl Default for Health {
    fn default() -> Self {
        Self { health_path: hec::HEALTH_PATH.to_owned(), health_check_enabled: false }
    }
}

/// `otel_to_hec_fields:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "splunk.OtelToHecFields")]
pub struct SeverityFields {
    /// For the text. Default `otel.log.severity.text`.
    pub severity_text: String,
    /// For the number. Default `otel.log.severity.number`.
    pub severity_number: String,
}

impl Default for SeverityFields {
    fn default() -> Self {
        Self {
            severity_text: "otel.log.severity.text".to_owned(),
            severity_number: "otel.log.severity.number".to_owned(),
        }
    }
}

/// `heartbeat:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "splunkhecexporter.HecHeartbeat")]
pub struct Heartbeat {
    /// Between two heartbeats. Default 0: none.
    pub interval: Duration,
    /// One at the start, which then fails when it does not arrive. Default false.
    pub startup: bool,
}

impl Heartbeat {
    pub(crate) fn is_on(&self) -> bool {
        self.startup || self.interval.nanos() > 0
    }
}

/// `telemetry:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "splunkhecexporter.HecTelemetry")]
pub struct Telemetry {
    /// Whether heartbeats are counted. Default false.
    pub enabled: bool,
    /// Other names of the counters. Has no effect: `service: telemetry: metrics: views` renames every metric.
    pub override_metrics_names: BTreeMap<String, String>,
    /// Attributes of the counters. Default none.
    pub extra_attributes: BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Self {
        let ten_seconds = Duration::from_secs(10);
        Self {
            client: ClientConfig {
                timeout: ten_seconds,
                compression: Type::NONE.into(),
                flat: FlatKeepalive {
                    max_idle_conns: 100,
                    max_idle_conns_per_host: 100,
                    idle_conn_timeout: ten_seconds,
                    ..FlatKeepalive::default()
                },
                http2_read_idle_timeout: ten_seconds,
                http2_ping_timeout: ten_seconds,
                ..ClientConfig::default()
            },
            token: Secret::default(),
            defaults: Defaults::default(),
            disable_compression: false,
            limits: Limits::default(),
            splunk_app_name: "OpenTelemetry Collector Contrib".to_owned(),
            splunk_app_version: String::new(),
            log_data_enabled: true,
            profiling_data_enabled: true,
            otel_attrs_to_hec_metadata: Metadata::default(),
            hec_metadata_to_otel_attrs: Metadata::default(),
            otel_to_hec_fields: SeverityFields::default(),
            health: Health::default(),
            export_raw: false,
            use_multi_metric_format: false,
            heartbeat: Heartbeat::default(),
            telemetry: Telemetry::default(),
            retry_on_failure: RetryConfig::default(),
            sending_queue: Section::on(QueueConfig::default()),
        }
    }
}

impl Config {
    /// Where events go.
    ///
    /// # Errors
    /// The endpoint is no URL.
    pub(crate) fn url(&self) -> Result<String, String> {
        let endpoint = &self.client.endpoint;
        let is_bare = Url::parse(endpoint)?.request_path() == "/";
        if is_bare { self.url_of(EVENT_PATH) } else { Ok(endpoint.clone()) }
    }

    /// What is at a path of the same server.
    ///
    /// # Errors
    /// The endpoint is no URL.
    pub(crate) fn url_of(&self, path: &str) -> Result<String, String> {
        let url = Url::parse(&self.client.endpoint)?;
        let scheme = if url.is_tls() { "https" } else { "http" };
        Ok(format!("{scheme}://{}{path}", url.host()))
    }

    /// The attributes for metadata, with what the deprecated key says.
    pub(crate) fn metadata(&self) -> Metadata {
        let usual = Metadata::default();
        let (new, old) = (&self.otel_attrs_to_hec_metadata, &self.hec_metadata_to_otel_attrs);
        let of = |it: fn(&Metadata) -> &String| {
            let chosen = if it(new) == it(&usual) { it(old) } else { it(new) };
            chosen.clone()
        };
        Metadata {
            source: of(|it| &it.source),
            sourcetype: of(|it| &it.sourcetype),
            index: of(|it| &it.index),
            host: of(|it| &it.host),
        }
    }

    /// The client without this exporter's own defaults for deprecated keys: nobody has written them.
    fn client_as_written(&self) -> ClientConfig {
        let (mut client, own, base) =
            (self.client.clone(), Self::default().client.flat, FlatKeepalive::default());
        let flat = &mut client.flat;
        if flat.idle_conn_timeout == own.idle_conn_timeout {
            flat.idle_conn_timeout = base.idle_conn_timeout;
        }
        if flat.max_idle_conns_per_host == own.max_idle_conns_per_host {
            flat.max_idle_conns_per_host = base.max_idle_conns_per_host;
        }
        client
    }

    /// Most bytes of a request of this signal, if there is a limit.
    pub(crate) fn content_length_max(&self, signal: Signal) -> Option<usize> {
        let limit = match signal {
            Signal::Logs => self.limits.max_content_length_logs,
            Signal::Metrics => self.limits.max_content_length_metrics,
            Signal::Traces => self.limits.max_content_length_traces,
        };
        usize::try_from(limit).ok().filter(|it| *it > 0)
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if !self.log_data_enabled && !self.profiling_data_enabled {
            let text = r#"either "log_data_enabled" or "profiling_data_enabled" has to be true"#;
            problems.at("", text).about("log_data_enabled");
        }
        if self.client.endpoint.is_empty() {
            let text = r#"requires a non-empty "endpoint""#;
            problems.at("", text).require("endpoint", "https://splunk:8088/services/collector");
        } else {
            self.client.check_url(&self.client.endpoint, ("", "endpoint"), None, problems);
        }
        if self.token.expose().is_empty() {
            let text = r#"requires a non-empty "token""#;
            problems.at("", text).require("token", "00000000-0000-0000-0000-000000000000");
        }
        let limits = &self.limits;
        for (key, bytes) in [
            ("max_content_length_logs", limits.max_content_length_logs),
            ("max_content_length_metrics", limits.max_content_length_metrics),
            ("max_content_length_traces", limits.max_content_length_traces),
            ("max_event_size", limits.max_event_size),
        ] {
            if bytes > BYTES_MAX {
                problems.at("", format!("requires {key:?} <= {BYTES_MAX}")).about(key);
            }
        }
        if *self.client.compression != Type::NONE {
            let text = "compression has no effect: requests are compressed with gzip unless disable_compression says otherwise";
            problems.warn(Caution::NoEffect, "", text).remove("compression");
        }
        if self.hec_metadata_to_otel_attrs != Metadata::default() {
            let text = "hec_metadata_to_otel_attrs is deprecated; use otel_attrs_to_hec_metadata";
            problems.warn(Caution::Deprecated, "", text).about("hec_metadata_to_otel_attrs");
        }
        if self.heartbeat.is_on() && !self.log_data_enabled {
            let text =
                "heartbeat has no effect: heartbeats are logs, and log_data_enabled is false";
            problems.warn(Caution::NoEffect, "", text).remove("heartbeat");
        }
        if !self.telemetry.override_metrics_names.is_empty() {
            let text = "override_metrics_names has no effect: rename metrics with service::telemetry::metrics::views";
            problems.warn(Caution::NoEffect, "telemetry", text).remove("override_metrics_names");
        }
        self.client_as_written().validate("", problems);
        self.retry_on_failure.validate("retry_on_failure", problems);
        if let Some(queue) = self.sending_queue.get() {
            queue.validate("sending_queue", problems);
        }
    }
}
