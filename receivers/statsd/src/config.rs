//! The section and its defaults.

use component::Problems;
use component::config::{Choice, Duration};
use confignet::Transport;
use serde::{Deserialize, Serialize};

/// `receivers: statsd:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "statsdreceiver.Config")]
#[expect(clippy::struct_excessive_bools, reason = "upstream's keys")]
pub struct Config {
    /// `host:port`, or with `unixgram` the path of a socket. Default localhost:8125.
    pub endpoint: String,
    /// udp, udp4, udp6, tcp, tcp4, tcp6 or unixgram. Default udp.
    pub transport: Choice<Transport>,
    /// How long values are gathered. Default 60s; must be positive.
    pub aggregation_interval: Duration,
    /// Clients are told apart by their address without the port. Default false.
    pub enable_ip_only_aggregation: bool,
    /// Clients are not told apart. Default false.
    pub ignore_host: bool,
    /// Points get the attribute `metric_type`. Default false.
    pub enable_metric_type: bool,
    /// Tags need no value. Default false.
    pub enable_simple_tags: bool,
    /// Counters only rise. Default false.
    pub is_monotonic_counter: bool,
    /// What a counter is sent as: int (the default), float or stochastic_int.
    pub counter_type: String,
    /// What becomes of timings, histograms and distributions. Default gauges.
    pub timer_histogram_mapping: Vec<Mapping>,
    /// Rights of the socket, for `unixgram`. Default 0622.
    pub socket_permissions: u32,
    /// Bytes that the kernel keeps for datagrams that wait. Default 0, which is its own default.
    pub socket_buffer_size: i64,
}

/// What becomes of values of one type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "protocol.TimerHistogramMapping")]
pub struct Mapping {
    /// timing or timer, histogram, distribution. Required. Those of histogram count for distributions too.
    pub statsd_type: String,
    /// gauge (each value is a point), summary or histogram. Required.
    pub observer_type: String,
    /// For `observer_type: histogram`.
    pub histogram: HistogramConfig,
    /// For `observer_type: summary`.
    pub summary: SummaryConfig,
}

/// `histogram:`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "protocol.HistogramConfig")]
pub struct HistogramConfig {
    /// Most buckets of an exponential histogram, 2 to 16384. Default 160.
    pub max_size: i32,
    /// Metrics with bounds of their own.
    pub explicit_buckets: Vec<ExplicitBucket>,
}

/// Bounds for metrics by their name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "protocol.ExplicitBucket")]
pub struct ExplicitBucket {
    /// A regular expression that matches a part of the name. The first that matches counts.
    pub matcher_pattern: String,
    /// The bounds, upwards.
    pub buckets: Vec<f64>,
}

/// `summary:`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "protocol.SummaryConfig")]
pub struct SummaryConfig {
    /// Which quantiles, in percent. Default 0, 10, 50, 90, 95, 100.
    pub percentiles: Vec<f64>,
}

/// Most buckets of an exponential histogram: `structure.MaximumMaxSize`.
const BUCKETS_MAX: i32 = 16_384;
const COUNTER_TYPES: [&str; 3] = ["int", "float", "stochastic_int"];
const STATSD_TYPES: [&str; 4] = ["timing", "timer", "histogram", "distribution"];
const OBSERVER_TYPES: [&str; 3] = ["gauge", "summary", "histogram"];

impl Default for Config {
    fn default() -> Self {
        let gauge = |statsd_type: &str| Mapping {
            statsd_type: statsd_type.to_owned(),
            observer_type: "gauge".to_owned(),
            ..Mapping::default()
        };
        Self {
            endpoint: "localhost:8125".to_owned(),
            transport: Transport::UDP.into(),
            aggregation_interval: Duration::from_secs(60),
            enable_ip_only_aggregation: false,
            ignore_host: false,
            enable_metric_type: false,
            enable_simple_tags: false,
            is_monotonic_counter: false,
            counter_type: "int".to_owned(),
            timer_histogram_mapping: ["timer", "histogram", "distribution"].map(gauge).into(),
            socket_permissions: 0o622,
            socket_buffer_size: 0,
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.aggregation_interval.nanos() <= 0 {
            let text = "aggregation_interval must be a positive duration";
            problems.at("", text).set("aggregation_interval", "60s");
        }
        if !self.counter_type.is_empty() && !COUNTER_TYPES.contains(&self.counter_type.as_str()) {
            let text = format!(
                "invalid counter_type: {}, must be one of: int, float, stochastic_int",
                self.counter_type
            );
            problems.at("", text).one_of("counter_type", &COUNTER_TYPES);
        }
        let is_whole = |it: &&Mapping| !it.statsd_type.is_empty() && !it.observer_type.is_empty();
        for (at, mapping) in self.timer_histogram_mapping.iter().take_while(is_whole).enumerate() {
            mapping.validate(&format!("timer_histogram_mapping::{at}"), problems);
        }
        if !self.timer_histogram_mapping.iter().all(|it| is_whole(&it)) {
            let text = "must specify object id for all TimerHistogramMappings";
            problems.at("", text).about("timer_histogram_mapping");
        }
        let transport = self.transport.word();
        if !transport.starts_with("udp") && !transport.starts_with("tcp") && transport != "unixgram"
        {
            let text = format!("unsupported transport {transport:?}");
            let known = ["udp", "udp4", "udp6", "tcp", "tcp4", "tcp6", "unixgram"];
            problems.at_start("", text).one_of("transport", &known);
        }
    }
}

impl Mapping {
    fn validate(&self, key: &str, problems: &mut Problems) {
        let Self { statsd_type, observer_type, histogram, summary } = self;
        if !STATSD_TYPES.contains(&statsd_type.as_str()) {
            let text = format!(
                "statsd_type is not a supported mapping for histogram and timing metrics: {statsd_type}"
            );
            problems.at("", text).one_of(&format!("{key}::statsd_type"), &STATSD_TYPES);
        }
        if !OBSERVER_TYPES.contains(&observer_type.as_str()) {
            let text = format!(
                "observer_type is not supported for histogram and timing metrics: {observer_type}"
            );
            problems.at("", text).one_of(&format!("{key}::observer_type"), &OBSERVER_TYPES);
        }
        if observer_type == "histogram" {
            histogram.validate(&format!("{key}::histogram"), problems);
        } else if *histogram != HistogramConfig::default() {
            let text = "histogram configuration requires observer_type: histogram";
            problems.at("", text).set(&format!("{key}::observer_type"), "histogram");
        }
        for percentile in summary.percentiles.iter().filter(|it| !(0.0..=100.0).contains(*it)) {
            let text = format!("summary percentiles out of [0, 100] range: {percentile}");
            problems.at("", text).about(&format!("{key}::summary::percentiles"));
        }
        if !summary.percentiles.is_empty() && observer_type != "summary" {
            let text = "summary configuration requires observer_type: summary";
            problems.at("", text).set(&format!("{key}::observer_type"), "summary");
        }
    }
}

impl HistogramConfig {
    fn validate(&self, key: &str, problems: &mut Problems) {
        let size = self.max_size;
        if size != 0 && !(2..=BUCKETS_MAX).contains(&size) {
            let text = format!("histogram max_size out of range: {size}");
            problems.at("", text).about(&format!("{key}::max_size"));
        }
        for (at, bucket) in self.explicit_buckets.iter().enumerate() {
            let place = format!("{key}::explicit_buckets::{at}");
            let mut say = |text: String| {
                problems.at("", text).about(&place);
            };
            let pattern = &bucket.matcher_pattern;
            if pattern.is_empty() {
                say(format!("explicit bucket [{at}] matcher_pattern must not be empty"));
            }
            if let Err(mistake) = golang::regexp::compile(pattern) {
                say(format!(
                    "explicit bucket [{at}] matcher_pattern is not a valid regular expression: {mistake}"
                ));
            }
            if bucket.buckets.is_empty() {
                say(format!("explicit bucket [{at}] buckets must not be empty"));
            }
            if !bucket.buckets.is_sorted() {
                let bounds: Vec<String> = bucket.buckets.iter().map(f64::to_string).collect();
                say(format!(
                    "explicit bucket [{at}] buckets are not unique or not ascendingly sorted [{}]",
                    bounds.join(" ")
                ));
            }
        }
    }
}
