//! One of `scrape_configs:`.

use std::collections::BTreeMap;

use component::config::Value;
use serde::{Deserialize, Serialize};

use super::{HttpClient, KubernetesSd, RelabelConfig, Text};

/// A job. What is empty is as `global` says.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "config.ScrapeConfig")]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "they are keys of Prometheus")]
pub struct ScrapeConfig {
    /// Its name, which becomes `service.name`.
    pub job_name: Text,
    /// Pause between scrapes.
    #[config(omit_empty)]
    pub scrape_interval: Text,
    /// Longest time of a scrape.
    #[config(omit_empty)]
    pub scrape_timeout: Text,
    /// Formats that are asked for, the best first.
    #[config(omit_empty)]
    pub scrape_protocols: Vec<String>,
    /// Format of an answer without a content type that is known. Default PrometheusText0.0.4.
    #[config(omit_empty)]
    pub fallback_scrape_protocol: String,
    /// Path of the metrics. Default /metrics.
    pub metrics_path: String,
    /// http or https. Default http.
    pub scheme: String,
    /// Parameters of the query.
    #[config(omit_empty, go = "url.Values")]
    pub params: BTreeMap<String, Vec<Text>>,
    /// Labels of the target give way to those that it exposes. Default false: they are renamed `exported_...`.
    pub honor_labels: bool,
    /// Times that the target exposes are taken. Default true.
    pub honor_timestamps: bool,
    /// Series with times of their own become stale, too. Default false.
    pub track_timestamps_staleness: bool,
    /// Ask for gzip. Default true.
    pub enable_compression: bool,
    /// Changes the labels of targets before they are scraped.
    #[config(omit_empty, go = "[]*relabel.Config")]
    pub relabel_configs: Vec<RelabelConfig>,
    /// Changes the labels of series.
    #[config(omit_empty, go = "[]*relabel.Config")]
    pub metric_relabel_configs: Vec<RelabelConfig>,
    /// Names of metrics and labels.
    #[serde(flatten)]
    pub naming: Naming,
    /// Limits.
    #[serde(flatten)]
    pub limits: Limits,
    /// Where targets come from.
    #[serde(flatten)]
    pub discovery: Discovery,
    /// How targets are asked.
    #[serde(flatten)]
    pub client: HttpClient,
}

impl Default for ScrapeConfig {
    fn default() -> Self {
        Self {
            job_name: Text::default(),
            scrape_interval: Text::default(),
            scrape_timeout: Text::default(),
            scrape_protocols: Vec::new(),
            fallback_scrape_protocol: String::new(),
            metrics_path: "/metrics".to_owned(),
            scheme: "http".to_owned(),
            params: BTreeMap::new(),
            honor_labels: false,
            honor_timestamps: true,
            track_timestamps_staleness: false,
            enable_compression: true,
            relabel_configs: Vec::new(),
            metric_relabel_configs: Vec::new(),
            naming: Naming::default(),
            limits: Limits::default(),
            discovery: Discovery::default(),
            client: HttpClient::default(),
        }
    }
}

/// Keys about names and native histograms. Names are UTF-8.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "they are keys of Prometheus")]
pub struct Naming {
    /// utf8 or legacy. Without effect.
    #[config(omit_empty)]
    pub metric_name_validation_scheme: Text,
    /// Without effect.
    #[config(omit_empty)]
    pub metric_name_escaping_scheme: Text,
    /// Take classic histograms beside native ones. Default false.
    #[config(omit_empty)]
    pub always_scrape_classic_histograms: bool,
    /// The older name of it.
    #[config(omit_empty)]
    pub scrape_classic_histograms: bool,
    /// Ask for Protobuf, and take native histograms. Default false.
    #[config(omit_empty)]
    pub scrape_native_histograms: bool,
    /// Without effect.
    #[config(omit_empty)]
    pub convert_classic_histograms_to_nhcb: bool,
    /// Without effect.
    #[config(omit_empty)]
    pub extra_scrape_metrics: bool,
}

/// Limits; 0 and nothing is none but the program's own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Limits {
    /// Longest body after decompression: `10MB`. Default: 64 MiB.
    #[config(omit_empty)]
    pub body_size_limit: Text,
    /// Most samples of a scrape after `metric_relabel_configs`.
    #[config(omit_empty)]
    pub sample_limit: u64,
    /// Most targets of a job.
    #[config(omit_empty)]
    pub target_limit: u64,
    /// Most labels of a series.
    #[config(omit_empty)]
    pub label_limit: u64,
    /// Longest name of a label.
    #[config(omit_empty)]
    pub label_name_length_limit: u64,
    /// Longest value of a label.
    #[config(omit_empty)]
    pub label_value_length_limit: u64,
    /// Without effect: dropped targets are not kept.
    #[config(omit_empty)]
    pub keep_dropped_targets: u64,
    /// Without effect.
    #[config(omit_empty)]
    pub native_histogram_bucket_limit: u64,
    /// Without effect.
    #[config(omit_empty)]
    pub native_histogram_min_bucket_factor: f64,
}

impl Limits {
    /// With those of `global` where it says nothing.
    pub(crate) fn or(&self, global: &Self) -> Self {
        let of = |own: u64, global: u64| if own == 0 { global } else { own };
        let size = &self.body_size_limit;
        Self {
            body_size_limit: if size.is_empty() { &global.body_size_limit } else { size }.clone(),
            sample_limit: of(self.sample_limit, global.sample_limit),
            target_limit: of(self.target_limit, global.target_limit),
            label_limit: of(self.label_limit, global.label_limit),
            label_name_length_limit: of(
                self.label_name_length_limit,
                global.label_name_length_limit,
            ),
            label_value_length_limit: of(
                self.label_value_length_limit,
                global.label_value_length_limit,
            ),
            ..Self::default()
        }
    }
}

/// Where targets come from.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Discovery {
    /// Targets that stand here.
    #[config(omit_empty, go = "[]*targetgroup.Group")]
    pub static_configs: Vec<StaticConfig>,
    /// Targets in files.
    #[config(omit_empty)]
    pub file_sd_configs: Vec<FileSd>,
    /// Targets that a server lists.
    #[config(omit_empty)]
    pub http_sd_configs: Vec<HttpSd>,
    /// Addresses of a name.
    #[config(omit_empty)]
    pub dns_sd_configs: Vec<DnsSd>,
    /// Objects of a Kubernetes cluster.
    #[config(omit_empty)]
    pub kubernetes_sd_configs: Vec<KubernetesSd>,
    /// Not supported.
    #[config(omit_empty)]
    pub consul_sd_configs: Vec<Value>,
    /// Not supported.
    #[config(omit_empty)]
    pub ec2_sd_configs: Vec<Value>,
    /// Not supported.
    #[config(omit_empty)]
    pub gce_sd_configs: Vec<Value>,
    /// Not supported.
    #[config(omit_empty)]
    pub azure_sd_configs: Vec<Value>,
    /// Not supported.
    #[config(omit_empty)]
    pub docker_sd_configs: Vec<Value>,
    /// Not supported.
    #[config(omit_empty)]
    pub dockerswarm_sd_configs: Vec<Value>,
    /// Not supported.
    #[config(omit_empty)]
    pub openstack_sd_configs: Vec<Value>,
}

/// One of `static_configs:`, and one item of the lists of `file_sd_configs` and `http_sd_configs`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[config(
    go = "struct { Targets []string \"yaml:\\\"targets\\\"\"; Labels model.LabelSet \"yaml:\\\"labels\\\"\" }"
)]
#[serde(default)]
pub struct StaticConfig {
    /// `host:port` of each.
    pub targets: Vec<String>,
    /// Labels of all of them.
    pub labels: BTreeMap<String, Text>,
}

/// One of `file_sd_configs:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "file.plain")]
#[serde(default)]
pub struct FileSd {
    /// Paths, in whose last part `*` stands for anything. JSON only.
    pub files: Vec<String>,
    /// Pause before they are read again. Default 5m.
    pub refresh_interval: String,
}

impl Default for FileSd {
    fn default() -> Self {
        Self { files: Vec::new(), refresh_interval: "5m".to_owned() }
    }
}

/// One of `http_sd_configs:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "http.plain")]
#[serde(default)]
pub struct HttpSd {
    /// Who is asked.
    pub url: String,
    /// Pause before it is asked again. Default 1m.
    pub refresh_interval: String,
    /// How it is asked.
    #[serde(flatten)]
    pub client: HttpClient,
}

impl Default for HttpSd {
    fn default() -> Self {
        Self {
            url: String::new(),
            refresh_interval: "1m".to_owned(),
            client: HttpClient::default(),
        }
    }
}

/// One of `dns_sd_configs:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "dns.plain")]
#[serde(default)]
pub struct DnsSd {
    /// Names that are looked up.
    pub names: Vec<String>,
    /// A, AAAA, SRV, MX or NS. Default SRV.
    #[serde(rename = "type")]
    pub record: String,
    /// Port of the targets; with SRV each record has its own.
    pub port: u16,
    /// Pause before they are looked up again. Default 30s.
    pub refresh_interval: String,
}

impl Default for DnsSd {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            record: "SRV".to_owned(),
            port: 0,
            refresh_interval: "30s".to_owned(),
        }
    }
}
