//! The section of the exporter (`exporter/prometheusexporter/config.go`, v0.149).

use std::collections::BTreeMap;

use component::QueueConfig;
use component::config::{Duration, Problems, Section};
use confignet::AddrConfig;
use promnames::{LabelStyle, Style};
use serde::{Deserialize, Serialize};

/// `exporters: prometheus:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "prometheusexporter.Config")]
#[expect(clippy::struct_excessive_bools, reason = "they are keys of upstream's")]
pub struct Config {
    /// The server; its endpoint is required.
    #[serde(flatten)]
    pub server: confighttp::server::ServerConfig,
    /// Queue in front. Off unless mentioned.
    pub sending_queue: Section<QueueConfig>,
    /// Put in front of every metric's name, with an underscore.
    pub namespace: String,
    /// Labels of every series.
    #[config(go = "prometheus.Labels")]
    pub const_labels: BTreeMap<String, String>,
    /// Write the time of each value. Default false.
    pub send_timestamps: bool,
    /// A series that gets no value for so long is not shown any more. Default 5m.
    pub metric_expiration: Duration,
    /// Attributes of the resource become labels.
    pub resource_to_telemetry_conversion: ResourceLabels,
    /// Answer with OpenMetrics those who ask for it. Default false.
    pub enable_open_metrics: bool,
    /// Leave out the labels `otel_scope_...`. Default false.
    pub without_scope_info: bool,
    /// Unit and type at the end of names, where `translation_strategy` says nothing. Default true.
    pub add_metric_suffixes: bool,
    /// UnderscoreEscapingWithSuffixes, UnderscoreEscapingWithoutSuffixes, NoUTF8EscapingWithSuffixes or NoTranslation.
    #[config(go = "prometheusexporter.translationStrategy")]
    pub translation_strategy: String,
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

impl Default for Config {
    fn default() -> Self {
        let net = AddrConfig::tcp("");
        Self {
            server: confighttp::server::ServerConfig { net, ..Default::default() },
            sending_queue: Section::off(QueueConfig::default()),
            namespace: String::new(),
            const_labels: BTreeMap::new(),
            send_timestamps: false,
            metric_expiration: Duration::from_secs(300),
            resource_to_telemetry_conversion: ResourceLabels::default(),
            enable_open_metrics: false,
            without_scope_info: false,
            add_metric_suffixes: true,
            translation_strategy: String::new(),
        }
    }
}

impl Config {
    /// How names are made.
    pub(crate) fn style(&self) -> Style {
        match self.translation_strategy.as_str() {
            "" => Style { suffixes: self.add_metric_suffixes, utf8: false },
            "UnderscoreEscapingWithoutSuffixes" => Style { suffixes: false, utf8: false },
            "NoUTF8EscapingWithSuffixes" => Style { suffixes: true, utf8: true },
            "NoTranslation" => Style { suffixes: false, utf8: true },
            _ => Style { suffixes: true, utf8: false },
        }
    }

    pub(crate) fn label_style(&self) -> LabelStyle {
        if self.style().utf8 { LabelStyle::Utf8 } else { LabelStyle::Each }
    }
}

const STRATEGIES: [&str; 4] = [
    "UnderscoreEscapingWithSuffixes",
    "UnderscoreEscapingWithoutSuffixes",
    "NoUTF8EscapingWithSuffixes",
    "NoTranslation",
];

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let strategy = self.translation_strategy.as_str();
        if !strategy.is_empty() && !STRATEGIES.contains(&strategy) {
            let text = format!("invalid translation_strategy: {strategy}");
            problems.at("", text).one_of("translation_strategy", &STRATEGIES);
        }
        if self.server.net.endpoint.trim().is_empty() {
            // Upstream says so when it creates the exporter.
            let text = "expecting a non-blank address to run the Prometheus metrics handler";
            problems.late("", text).require("endpoint", "localhost:8889");
            return;
        }
        self.server.validate("serverconfig", None, problems);
        if let Some(queue) = self.sending_queue.get() {
            queue.validate("sending_queue", problems);
        }
    }
}
