//! The section and its defaults. `connector/spanmetricsconnector/config.go`, v0.149; `series_expiration` is from v0.156.

use component::Problems;
use component::config::{Caution, Duration};
use config::{Choice, Choices, Section};
use serde::{Deserialize, Serialize};

/// `connectors: span_metrics:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "spanmetricsconnector.Config")]
pub struct Config {
    /// Attributes of spans, else of their resources, that all metrics have beside `service.name`, `span.name`, `span.kind`
    /// and `status.code`.
    pub dimensions: Vec<Dimension>,
    /// The same for the number of calls only.
    pub calls_dimensions: Vec<Dimension>,
    /// Which of the four (or `otel.status_code`) the metrics do not have.
    pub exclude_dimensions: Vec<String>,
    /// Without effect: `aggregation_cardinality_limit` limits the series. Default 0.
    pub dimensions_cache_size: i64,
    /// How many resources are remembered from one flush to the next; those that were not seen for longest are forgotten.
    /// Default 1000.
    pub resource_metrics_cache_size: i64,
    /// The resource attributes that tell resources apart. Default: all of them.
    pub resource_metrics_key_attributes: Vec<String>,
    /// `AGGREGATION_TEMPORALITY_DELTA`: what has come since the last flush; anything else: since the beginning. Default
    /// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
    pub aggregation_temporality: String,
    /// How durations are measured.
    pub histogram: Histogram,
    /// How often metrics are sent. Default 60s.
    pub metrics_flush_interval: Duration,
    /// A resource without new spans for so long is forgotten, if metrics are cumulative. Zero: never. Default 0s.
    pub metrics_expiration: Duration,
    /// The same for a single series. Default 0s.
    #[config(omit_default)]
    pub series_expiration: Duration,
    /// How many series remember when they were sent last, if metrics are deltas: the next point begins then. Default 1000.
    pub metric_timestamp_cache_size: Option<i64>,
    /// What stands before the names of the metrics. Default `traces.span.metrics`.
    pub namespace: String,
    /// Examples of spans beside the numbers.
    pub exemplars: Exemplars,
    /// A metric of the events of spans.
    pub events: Events,
    /// Scopes with these names are named by their spans' series.
    pub include_instrumentation_scope: Vec<String>,
    /// Most series of a metric of one resource; the others count as one with the attribute `otel.metric.overflow`. Zero: no
    /// limit. Default 0.
    pub aggregation_cardinality_limit: i64,
    /// Resource attributes are kept although the feature gate `connector.spanmetrics.excludeResourceMetrics` is on. Default
    /// false.
    pub add_resource_attributes: bool,
    /// Says in `sampling.method` whether a span stands for others that were not sampled: `extrapolated` or `counted`. Default
    /// false.
    pub enable_metrics_sampling_method: bool,
}

/// The namespace by default, which the feature gate `connector.spanmetrics.legacyMetricNames` leaves out.
pub(crate) const NAMESPACE: &str = "traces.span.metrics";
const DELTA: &str = "AGGREGATION_TEMPORALITY_DELTA";
const TIMESTAMPS: i64 = 1000;
/// What every series has.
pub(crate) const SERVICE_NAME: &str = "service.name";
pub(crate) const SPAN_NAME: &str = "span.name";
pub(crate) const SPAN_KIND: &str = "span.kind";
pub(crate) const STATUS_CODE: &str = "status.code";
pub(crate) const RESERVED: [&str; 4] = [SERVICE_NAME, SPAN_KIND, STATUS_CODE, SPAN_NAME];

impl Default for Config {
    fn default() -> Self {
        Self {
            dimensions: Vec::new(),
            calls_dimensions: Vec::new(),
            exclude_dimensions: Vec::new(),
            dimensions_cache_size: 0,
            resource_metrics_cache_size: 1000,
            resource_metrics_key_attributes: Vec::new(),
            aggregation_temporality: "AGGREGATION_TEMPORALITY_CUMULATIVE".to_owned(),
            histogram: Histogram::default(),
            metrics_flush_interval: Duration::from_secs(60),
            metrics_expiration: Duration::ZERO,
            series_expiration: Duration::ZERO,
            metric_timestamp_cache_size: None,
            namespace: NAMESPACE.to_owned(),
            exemplars: Exemplars::default(),
            events: Events::default(),
            include_instrumentation_scope: Vec::new(),
            aggregation_cardinality_limit: 0,
            add_resource_attributes: false,
            enable_metrics_sampling_method: false,
        }
    }
}

/// An entry of `dimensions:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Dimension {
    /// The attribute.
    pub name: String,
    /// Its value where neither the span nor the resource has it. Default: the series does not have it then.
    pub default: Option<String>,
}

/// `histogram:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Histogram {
    /// Durations are not measured. Default false.
    pub disable: bool,
    /// `ms` or `s`. Default `ms`.
    pub unit: Choice<Unit>,
    /// With bounds that are as fine as they can be.
    pub exponential: Section<ExponentialHistogram>,
    /// With these bounds. Default: 2, 4, 6, 8, 10, 50, 100, 200, 400, 800 ms, 1, 1.4, 2, 5, 10, 15 s.
    pub explicit: Section<ExplicitHistogram>,
    /// Attributes beside `dimensions` that durations have.
    pub dimensions: Vec<Dimension>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            disable: false,
            unit: Choice::default(),
            exponential: Section::off(ExponentialHistogram::default()),
            explicit: Section::off(ExplicitHistogram::default()),
            dimensions: Vec::new(),
        }
    }
}

/// `histogram: unit:`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// Milliseconds.
    #[default]
    Milliseconds,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// Nanoseconds of one.
    pub(crate) fn nanos(self) -> f64 {
        match self {
            Self::Milliseconds => 1e6,
            Self::Seconds => 1e9,
        }
    }
}

impl Choices for Unit {
    const GO: &'static str = "metrics.Unit";
    const ANY_CASE: bool = true;
    const NAMES: &'static [(&'static str, Self)] =
        &[("ms", Self::Milliseconds), ("s", Self::Seconds)];

    fn unknown(word: &str) -> String {
        let word = word.to_lowercase();
        format!("unknown Unit {word:?}, allowed units are \"ms\" and \"s\"")
    }
}

/// `histogram: exponential:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "spanmetricsconnector.ExponentialHistogramConfig")]
pub struct ExponentialHistogram {
    /// Most buckets, 2 to 16384. Zero: 160. Default 0.
    pub max_size: i32,
}

/// `histogram: explicit:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "spanmetricsconnector.ExplicitHistogramConfig")]
pub struct ExplicitHistogram {
    /// The bounds, upwards. Without any there is one bucket.
    pub buckets: Vec<Duration>,
}

/// `exemplars:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Exemplars {
    /// Default false.
    pub enabled: bool,
    /// Most examples of a series between two flushes. Default 5.
    pub max_per_data_point: i64,
}

impl Default for Exemplars {
    fn default() -> Self {
        Self { enabled: false, max_per_data_point: 5 }
    }
}

/// `events:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Events {
    /// Default false.
    pub enabled: bool,
    /// Attributes beside `dimensions` that the number of events has; also those of the events themselves. At least one.
    pub dimensions: Vec<Dimension>,
}

impl Config {
    pub(crate) fn is_delta(&self) -> bool {
        self.aggregation_temporality == DELTA
    }

    pub(crate) fn timestamps_max(&self) -> i64 {
        self.metric_timestamp_cache_size.unwrap_or(TIMESTAMPS)
    }

    /// What is wrong first, as upstream, and with which key.
    fn problem(&self) -> Option<(&'static str, String)> {
        if let Some(problem) = duplicate(&self.dimensions) {
            return Some(("dimensions", format!("failed validating dimensions: {problem}")));
        }
        if self.events.enabled {
            let problem = if self.events.dimensions.is_empty() {
                Some("no dimensions configured for events".to_owned())
            } else {
                duplicate(&self.events.dimensions)
            };
            if let Some(problem) = problem {
                let text = format!("failed validating event dimensions: {problem}");
                return Some(("events::dimensions", text));
            }
        }
        if self.histogram.explicit.get().is_some() && self.histogram.exponential.get().is_some() {
            let text = "use either `explicit` or `exponential` buckets histogram";
            return Some(("histogram::exponential", text.to_owned()));
        }
        let positive = |key: &'static str, value: String| {
            Some((key, format!("invalid {key}: {value}, the duration should be positive")))
        };
        // Upstream dies of zero when it starts.
        if self.metrics_flush_interval <= Duration::ZERO {
            return positive("metrics_flush_interval", self.metrics_flush_interval.to_string());
        }
        for (key, value) in [
            ("metrics_expiration", self.metrics_expiration),
            ("series_expiration", self.series_expiration),
        ] {
            if value.is_negative() {
                return positive(key, value.to_string());
            }
        }
        let (timestamps, limit) = (self.timestamps_max(), self.aggregation_cardinality_limit);
        if self.is_delta() && timestamps <= 0 {
            let text = format!(
                "invalid delta timestamp cache size: {timestamps}, the maximum number of the items in the cache should be positive"
            );
            return Some(("metric_timestamp_cache_size", text));
        }
        if limit < 0 {
            let text = format!(
                "invalid aggregation_cardinality_limit: {limit}, the limit should be positive"
            );
            return Some(("aggregation_cardinality_limit", text));
        }
        let examples = self.exemplars.max_per_data_point;
        if self.exemplars.enabled && examples < 0 {
            let text =
                format!("invalid max_per_data_point: {examples}, the value should be positive");
            return Some(("exemplars::max_per_data_point", text));
        }
        None
    }
}

/// A dimension that is there already.
fn duplicate(dimensions: &[Dimension]) -> Option<String> {
    let mut seen = RESERVED.to_vec();
    for Dimension { name, .. } in dimensions {
        if seen.contains(&name.as_str()) {
            return Some(format!("duplicate dimension name {name}"));
        }
        seen.push(name);
    }
    None
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if let Some((key, text)) = self.problem() {
            problems.at("", text).about(key);
        } else if self.resource_metrics_cache_size <= 0 {
            // golang-lru says it when the connector is created.
            let fault = problems.late("", "must provide a positive size");
            fault.set("resource_metrics_cache_size", "1000");
        }
        if self.dimensions_cache_size != 0 {
            let why = "DimensionsCacheSize is deprecated, please use AggregationCardinalityLimit instead.";
            problems.warn(Caution::Deprecated, "", why).remove("dimensions_cache_size");
        }
    }
}
