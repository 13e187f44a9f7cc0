//! `receivers: prometheus:` (`receiver/prometheusreceiver/config.go`, v0.149). The section `config` is Prometheus'
//! own (`config/config.go` of Prometheus 3), of which the parts that scrape are there.

use std::collections::BTreeMap;

use component::config::{Secret, Value};
use serde::{Deserialize, Serialize};

mod check;
mod job;

pub use crate::relabel::RelabelConfig;
pub use crate::text::Text;
pub(crate) use check::{bytes, check, duration};
pub use job::{DnsSd, FileSd, HttpSd, Limits, Naming, ScrapeConfig, StaticConfig};

/// The section.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "prometheusreceiver.Config")]
pub struct Config {
    /// A configuration of Prometheus. `$` is written `$$`, as everywhere in the Collector's files.
    pub config: PrometheusConfig,
    /// Take type and unit off the end of metrics' names. Default false.
    pub trim_metric_suffixes: bool,
    /// Targets from the operator's allocator. Not supported yet.
    #[config(omit_empty)]
    pub target_allocator: Option<Value>,
    /// Prometheus' own API for debugging. Not supported.
    pub api_server: ApiServer,
}

/// `api_server:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "prometheusreceiver.APIServer")]
pub struct ApiServer {
    /// Serve it. Default false; true is refused.
    pub enabled: bool,
    /// Where.
    #[config(omit_empty)]
    pub server_config: Option<Value>,
}

/// `config:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct PrometheusConfig {
    /// Defaults of all jobs.
    pub global: Global,
    /// What is scraped.
    pub scrape_configs: Vec<ScrapeConfig>,
    /// Files with more of them. Not supported yet.
    #[config(omit_empty)]
    pub scrape_config_files: Vec<String>,
    /// Refused, as upstream: an exporter does that.
    #[config(omit_empty)]
    pub remote_write: Vec<Value>,
    /// Refused, as upstream.
    #[config(omit_empty)]
    pub remote_read: Vec<Value>,
    /// Refused, as upstream.
    #[config(omit_empty)]
    pub rule_files: Vec<Value>,
    /// Refused, as upstream.
    #[config(omit_empty)]
    pub alerting: Option<Value>,
    /// Without effect: nothing is stored here.
    #[config(omit_empty)]
    pub storage: Option<Value>,
    /// Without effect.
    #[config(omit_empty)]
    pub tracing: Option<Value>,
    /// Without effect.
    #[config(omit_empty)]
    pub otlp: Option<Value>,
    /// Without effect.
    #[config(omit_empty)]
    pub runtime: Option<Value>,
}

/// `global:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Global {
    /// Pause between scrapes. Default 1m.
    pub scrape_interval: String,
    /// Longest time of a scrape. Default 10s.
    pub scrape_timeout: String,
    /// Formats that are asked for, the best first. Default: OpenMetrics, then text.
    #[config(omit_empty)]
    pub scrape_protocols: Vec<String>,
    /// Without effect: rules are not evaluated here.
    #[config(omit_empty)]
    pub evaluation_interval: String,
    /// Labels of every series.
    #[config(omit_empty)]
    pub external_labels: BTreeMap<String, Text>,
    /// Names of metrics and labels.
    #[serde(flatten)]
    pub naming: Naming,
    /// Limits of all jobs.
    #[serde(flatten)]
    pub limits: Limits,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            scrape_interval: "1m".to_owned(),
            scrape_timeout: "10s".to_owned(),
            scrape_protocols: Vec::new(),
            evaluation_interval: String::new(),
            external_labels: BTreeMap::new(),
            naming: Naming::default(),
            limits: Limits::default(),
        }
    }
}

/// What Prometheus has of an HTTP client.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct HttpClient {
    /// User and password.
    pub basic_auth: Option<BasicAuth>,
    /// Another `Authorization` header.
    pub authorization: Option<Authorization>,
    /// Refused: not supported yet.
    pub oauth2: Option<Value>,
    /// `Authorization: Bearer` with this.
    pub bearer_token: Secret,
    /// The same from a file, which is read for each scrape.
    pub bearer_token_file: String,
    /// For `https`.
    pub tls_config: TlsConfig,
    /// Follow redirects. Default true.
    pub follow_redirects: bool,
    /// Without effect: HTTP/1.1 is spoken.
    pub enable_http2: bool,
    /// Proxy for all requests.
    pub proxy_url: String,
    /// Without effect where there is no proxy of the environment.
    pub no_proxy: String,
    /// Proxies as `HTTP_PROXY` and its kin in the environment say. Default false.
    pub proxy_from_environment: bool,
    /// Refused: not supported yet.
    pub proxy_connect_header: Option<Value>,
    /// Sent with every request.
    pub http_headers: BTreeMap<String, HttpHeader>,
}

impl Default for HttpClient {
    fn default() -> Self {
        Self {
            basic_auth: None,
            authorization: None,
            oauth2: None,
            bearer_token: Secret::default(),
            bearer_token_file: String::new(),
            tls_config: TlsConfig::default(),
            follow_redirects: true,
            enable_http2: true,
            proxy_url: String::new(),
            no_proxy: String::new(),
            proxy_from_environment: false,
            proxy_connect_header: None,
            http_headers: BTreeMap::new(),
        }
    }
}

/// `basic_auth:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct BasicAuth {
    /// The user.
    pub username: String,
    /// The same from a file.
    pub username_file: String,
    /// The password.
    pub password: Secret,
    /// The same from a file.
    pub password_file: String,
}

/// `authorization:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Authorization {
    /// First word of the header. Default Bearer.
    #[serde(rename = "type")]
    pub scheme: String,
    /// The rest of it.
    pub credentials: Secret,
    /// The same from a file, which is read for each scrape.
    pub credentials_file: String,
}

impl Default for Authorization {
    fn default() -> Self {
        Self {
            scheme: "Bearer".to_owned(),
            credentials: Secret::default(),
            credentials_file: String::new(),
        }
    }
}

/// `tls_config:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct TlsConfig {
    /// Certificates of accepted authorities, as text.
    pub ca: Secret,
    /// The same in a file. Default: the system's.
    pub ca_file: String,
    /// Our certificate, as text.
    pub cert: Secret,
    /// The same in a file.
    pub cert_file: String,
    /// Its key, as text.
    pub key: Secret,
    /// The same in a file.
    pub key_file: String,
    /// Name that the target's certificate has to have.
    pub server_name: String,
    /// Accept any certificate. Default false.
    pub insecure_skip_verify: bool,
    /// Oldest version: TLS10 to TLS13.
    pub min_version: String,
    /// Newest version: TLS10 to TLS13.
    pub max_version: String,
}

/// One of `http_headers:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct HttpHeader {
    /// Values.
    pub values: Vec<String>,
    /// Values that are not shown.
    pub secrets: Vec<Secret>,
    /// Files with a value each.
    pub files: Vec<String>,
}

/// What is wrong with it is found where its rules are compiled: by [`crate::Plan`].
impl component::Config for Config {}
