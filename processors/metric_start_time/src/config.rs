//! The section and its defaults. `processor/metricstarttimeprocessor/config.go`, v0.149.

use component::Problems;
use config::Duration;
use serde::{Deserialize, Serialize};

/// `processors: metric_start_time:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "metricstarttimeprocessor.Config")]
pub struct Config {
    /// Where the start comes from. `true_reset_point`: it is the time of the first point. `subtract_initial_point`: the same,
    /// and that point is dropped and subtracted from those behind it. `start_time_metric`: a metric of the same request says it.
    /// Default `true_reset_point`.
    pub strategy: String,
    /// How long a stream is remembered that gets no points. Default 10m.
    pub gc_interval: Duration,
    /// Pattern of the name of the metric with the start, in seconds since 1970; for `start_time_metric` only. Default:
    /// `process_start_time_seconds`, as a whole.
    pub start_time_metric_regex: String,
}

/// The words of `strategy`.
pub(crate) const TRUE_RESET_POINT: &str = "true_reset_point";
pub(crate) const SUBTRACT_INITIAL_POINT: &str = "subtract_initial_point";
pub(crate) const START_TIME_METRIC: &str = "start_time_metric";

impl Default for Config {
    fn default() -> Self {
        Self {
            strategy: TRUE_RESET_POINT.to_owned(),
            gc_interval: Duration::from_secs(600),
            start_time_metric_regex: String::new(),
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let known = [TRUE_RESET_POINT, SUBTRACT_INITIAL_POINT, START_TIME_METRIC];
        if !known.contains(&self.strategy.as_str()) {
            let text = format!("{:?} is not a valid strategy", self.strategy);
            problems.at("", text).one_of("strategy", &known);
        }
        if self.gc_interval <= Duration::ZERO {
            problems.at("", "gc_interval must be positive").set("gc_interval", "10m");
        }
        let pattern = &self.start_time_metric_regex;
        if let Err(mistake) = golang::regexp::compile(pattern) {
            let fault = problems.at("", mistake.text);
            match mistake.at {
                Some(span) => fault.part("start_time_metric_regex", span, Vec::new()),
                None => fault.about("start_time_metric_regex"),
            };
        }
        if !pattern.is_empty() && self.strategy != START_TIME_METRIC {
            let text =
                "start_time_metric_regex can only be used with the start_time_metric strategy";
            problems.at("", text).one_of("strategy", &[START_TIME_METRIC]);
        }
    }
}
