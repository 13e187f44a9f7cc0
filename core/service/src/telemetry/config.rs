//! `service: telemetry:`. `service/telemetry/otelconftelemetry/config.go`, v0.159.

use component::config::{Choice, Choices, Duration, Value};
use component::{Config, Problems, meter};
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;

use super::readers::MetricsConfig;
use super::resource::ResourceConfig;
use super::sender::ProcessorConfig;
use super::traces::TracesConfig;

/// `service: telemetry:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
pub struct TelemetryConfig {
    /// Own log lines.
    pub logs: LogsConfig,
    /// Own metrics.
    pub metrics: MetricsConfig,
    /// Own traces.
    #[config(omit_empty)]
    pub traces: TracesConfig,
    /// Attributes of the process.
    #[config(omit_empty)]
    pub resource: ResourceConfig,
}

impl Config for TelemetryConfig {
    fn validate(&self, problems: &mut Problems) {
        if self.metrics.level != meter::Level::None && self.metrics.readers.is_empty() {
            let rule =
                "collector telemetry metrics reader should exist when metric level is not none";
            problems.at("", rule).about("metrics::readers");
        }
        if self.metrics.views.is_some() && self.metrics.level != meter::Level::Detailed {
            let rule = "service::telemetry::metrics::views can only be set when \
                        service::telemetry::metrics::level is detailed";
            problems.at("", rule).about("metrics::views");
        }
        self.resource.validate(problems);
    }
}

/// `service: telemetry: logs:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, config::Described)]
#[expect(clippy::struct_excessive_bools, reason = "upstream's keys")]
#[config(go = "migration.LogsConfigV030", unmarshals)]
pub struct LogsConfig {
    /// Lines below are left out: debug, info, warn, error, or dpanic, panic, fatal, which leave out all.
    /// Default info.
    pub level: Choice<LogLevel>,
    /// console or json. Default console.
    pub encoding: String,
    /// Accepted, without effect: it switches zap's stack traces and panics.
    #[config(omit_empty)]
    pub development: bool,
    /// Leaves out the place in the source. Default false.
    #[config(omit_empty)]
    pub disable_caller: bool,
    /// Accepted, without effect: there are no stack traces in log lines.
    #[config(omit_empty)]
    pub disable_stacktrace: bool,
    /// Thins out repetitions.
    pub sampling: SamplingConfig,
    /// stdout, stderr, paths of files or file:// URLs; each gets every line. Default stderr.
    pub output_paths: Vec<String>,
    /// The same, for lines that could not be written. Default stderr.
    pub error_output_paths: Vec<String>,
    /// Fields added to every line, before `resource`.
    #[config(omit_empty)]
    pub initial_fields: Value,
    /// Leaves out the `resource` object. Default false.
    #[config(omit_empty)]
    pub disable_zap_resource: bool,
    /// Where lines are sent besides.
    #[config(omit_empty)]
    pub processors: Vec<ProcessorConfig>,
}

impl Default for LogsConfig {
    fn default() -> Self {
        Self {
            level: Choice::default(),
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, config::Described)]
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

/// zap's levels, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLevel(&'static str);

impl Default for LogLevel {
    fn default() -> Self {
        Self("info")
    }
}

impl LogLevel {
    /// What passes.
    pub fn filter(self) -> LevelFilter {
        match self.0 {
            "debug" => LevelFilter::DEBUG,
            "info" => LevelFilter::INFO,
            "warn" => LevelFilter::WARN,
            "error" => LevelFilter::ERROR,
            _ => LevelFilter::OFF,
        }
    }
}

/// zap's names. Nothing here is worse than an error, so the last three hide every line.
impl Choices for LogLevel {
    const GO: &'static str = "zapcore.Level";
    const NAMES: &'static [(&'static str, Self)] = &[
        ("debug", Self("debug")),
        ("info", Self("info")),
        ("warn", Self("warn")),
        ("error", Self("error")),
        ("dpanic", Self("dpanic")),
        ("panic", Self("panic")),
        ("fatal", Self("fatal")),
        ("warning", Self("warn")),
        ("", Self("info")),
    ];
    const SHOWN: usize = 4;
    const ANY_CASE: bool = true;

    fn unknown(word: &str) -> String {
        format!("unrecognized level: \"{word}\"")
    }
}
