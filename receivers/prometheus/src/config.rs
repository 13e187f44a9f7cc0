//! `receivers: prometheus:` (`receiver/prometheusreceiver/config.go`, v0.149). The section `config` is Prometheus'
//! own (`config/config.go` of Prometheus 3), of which the parts that scrape are there.

use std::collections::BTreeMap;

use component::config::{Fault, Section, Value};
use serde::{Deserialize, Serialize};

mod allocator;
mod check;
mod goyaml;
mod http;
mod job;
mod kubernetes;

pub use crate::relabel::RelabelConfig;
pub use crate::text::Text;
pub(crate) use allocator::TIMEOUT as ALLOCATOR_TIMEOUT;
pub use allocator::TargetAllocator;
pub(crate) use check::{bytes, check, check_job, duration};
pub use http::{HttpClient, TlsConfig};
pub use job::{Discovery, DnsSd, FileSd, HttpSd, Limits, Naming, ScrapeConfig, StaticConfig};
pub use kubernetes::KubernetesSd;
pub(crate) use kubernetes::Role;

/// The section.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "prometheusreceiver.Config")]
pub struct Config {
    /// A configuration of Prometheus. `$` is written `$$`, as everywhere in the Collector's files.
    pub config: PrometheusConfig,
    /// Take type and unit off the end of metrics' names. Default false.
    pub trim_metric_suffixes: bool,
    /// Jobs and targets from the allocator of the OpenTelemetry operator.
    #[config(omit_empty)]
    pub target_allocator: Option<TargetAllocator>,
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
    #[config(omit_empty, go = "*confighttp.ServerConfig")]
    pub server_config: Section<confighttp::server::ServerConfig>,
}

/// `config:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "config.plain")]
#[serde(default)]
pub struct PrometheusConfig {
    /// Defaults of all jobs.
    pub global: Global,
    /// What is scraped.
    #[config(go = "[]*config.ScrapeConfig")]
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
#[config(go = "config.plain")]
#[serde(default)]
pub struct Global {
    /// Pause between scrapes. Default 1m.
    pub scrape_interval: Text,
    /// Longest time of a scrape. Default 10s.
    pub scrape_timeout: Text,
    /// Formats that are asked for, the best first. Default: OpenMetrics, then text.
    #[config(omit_empty)]
    pub scrape_protocols: Vec<String>,
    /// Without effect: rules are not evaluated here.
    #[config(omit_empty)]
    pub evaluation_interval: Text,
    /// Labels of every series.
    #[config(omit_empty, go = "map[string]string")]
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
            scrape_interval: "1m".into(),
            scrape_timeout: "10s".into(),
            scrape_protocols: Vec::new(),
            evaluation_interval: Text::default(),
            external_labels: BTreeMap::new(),
            naming: Naming::default(),
            limits: Limits::default(),
        }
    }
}

/// What is wrong with it is found where its rules are compiled: by [`crate::Plan`].
impl component::Config for Config {
    fn unmarshal(section: &Value, faults: Vec<Fault>) -> Vec<Fault> {
        goyaml::reword(section, faults)
    }
}
