//! `service: telemetry:`. `service/telemetry/otelconftelemetry/config.go`, v0.159.

use component::config::{Duration, Value};
use component::{Config, Problems};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tracing::Level;

/// `service: telemetry:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TelemetryConfig {
    /// Own log lines.
    pub logs: LogsConfig,
    /// Own metrics.
    pub metrics: MetricsConfig,
    /// Own traces. Accepted; none are made yet.
    pub traces: Value,
    /// Attributes of the process: a map of texts, `null` removes a default.
    pub resource: Value,
}

impl Config for TelemetryConfig {
    fn validate(&self, problems: &mut Problems) {
        if self.metrics.level != MetricsLevel::None && self.metrics.readers.is_empty() {
            problems.at(
                "metrics",
                "collector telemetry metrics reader should exist when metric level is not none",
            );
        }
        if self.metrics.views != Value::Null && self.metrics.level != MetricsLevel::Detailed {
            let rule = "views can only be set when service::telemetry::metrics::level is detailed";
            problems.at("metrics::views", rule);
        }
    }
}

/// `service: telemetry: logs:`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogsConfig {
    /// Lines below are left out. Default info.
    pub level: LogLevel,
    /// console or json. Default console.
    pub encoding: String,
    /// Accepted, without effect.
    pub development: bool,
    /// Leaves out the place in the source. Default false.
    pub disable_caller: bool,
    /// Accepted, without effect: there are no stack traces in log lines.
    pub disable_stacktrace: bool,
    /// Thins out repetitions.
    pub sampling: SamplingConfig,
    /// stdout, stderr or file paths. Default stderr.
    pub output_paths: Vec<String>,
    /// Accepted, without effect: errors of logging itself have nowhere to go.
    pub error_output_paths: Vec<String>,
    /// Fields added to every line.
    pub initial_fields: Value,
    /// Leaves out the `resource` object. Default false.
    pub disable_zap_resource: bool,
    /// OTLP exporters for own logs. Accepted; nothing is sent yet.
    pub processors: Vec<Value>,
}

impl Default for LogsConfig {
    fn default() -> Self {
        Self {
            level: LogLevel(Level::INFO),
            encoding: "console".into(),
            development: false,
            disable_caller: false,
            disable_stacktrace: false,
            sampling: SamplingConfig::default(),
            output_paths: vec!["stderr".into()],
            error_output_paths: vec!["stderr".into()],
            initial_fields: Value::Null,
            disable_zap_resource: false,
            processors: Vec::new(),
        }
    }
}

/// `service: telemetry: logs: sampling:`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct SamplingConfig {
    /// Default true.
    pub enabled: bool,
    /// Counting starts anew after this. Default 10s.
    pub tick: Duration,
    /// Lines of the same level and message that pass at first. Default 10.
    pub initial: i64,
    /// Then every n-th passes; 0 is none. Default 100.
    pub thereafter: i64,
}

impl Default for SamplingConfig {
    fn default() -> Self {
        Self { enabled: true, tick: Duration::from_secs(10), initial: 10, thereafter: 100 }
    }
}

/// `service: telemetry: metrics:`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MetricsConfig {
    /// none, basic, normal or detailed. Default normal.
    pub level: MetricsLevel,
    /// Default one Prometheus port on localhost:8888.
    pub readers: Vec<Value>,
    /// Accepted, without effect.
    pub views: Value,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        let text = |it: &str| Value::String(it.to_owned());
        let entry = |key: &str, value: Value| Value::Map(vec![(key.to_owned(), value)]);
        let prometheus = Value::Map(vec![
            ("host".into(), text("localhost")),
            ("port".into(), Value::Int(8888)),
            ("without_scope_info".into(), Value::Bool(true)),
            ("without_type_suffix".into(), Value::Bool(true)),
            ("without_units".into(), Value::Bool(true)),
        ]);
        let reader = entry("pull", entry("exporter", entry("prometheus", prometheus)));
        Self { level: MetricsLevel::Normal, readers: vec![reader], views: Value::Null }
    }
}

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricsLevel {
    /// Nothing.
    None,
    /// What every dashboard shows.
    Basic,
    /// The default.
    Normal,
    /// Everything.
    Detailed,
}

impl Serialize for MetricsLevel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

impl<'de> Deserialize<'de> for MetricsLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.to_lowercase().as_str() {
            "none" => Ok(Self::None),
            "basic" => Ok(Self::Basic),
            "normal" => Ok(Self::Normal),
            "detailed" => Ok(Self::Detailed),
            _ => Err(D::Error::custom(format!("unknown metrics level \"{text}\""))),
        }
    }
}

/// zap's levels; those above error are error here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLevel(pub Level);

impl Serialize for LogLevel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self.0 {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            _ => "debug",
        })
    }
}

impl<'de> Deserialize<'de> for LogLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // zap accepts each name in lower or in upper case, not mixed.
        let name = if text.chars().all(|c| c.is_ascii_uppercase()) {
            text.to_lowercase()
        } else {
            text.clone()
        };
        match name.as_str() {
            "debug" => Ok(Self(Level::DEBUG)),
            "info" => Ok(Self(Level::INFO)),
            "warn" => Ok(Self(Level::WARN)),
            "error" | "dpanic" | "panic" | "fatal" => Ok(Self(Level::ERROR)),
            _ => Err(D::Error::custom(format!("unrecognized level: \"{text}\""))),
        }
    }
}
