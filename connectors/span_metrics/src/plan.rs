//! The section, worked out.

use ::config::Choices;
use pdata::ValueBuf;

use crate::config::{self, Config, SERVICE_NAME, SPAN_KIND, SPAN_NAME, STATUS_CODE, Unit};
use crate::series::{Kind, Limits};

/// Bounds in milliseconds when the section says nothing.
const BOUNDS_MS: [f64; 16] = [
    2.0, 4.0, 6.0, 8.0, 10.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1000.0, 1400.0, 2000.0, 5000.0,
    10_000.0, 15_000.0,
];
/// Buckets of an exponential histogram when the section says nothing.
const BUCKETS: i32 = 160;
pub(crate) const OTEL_STATUS_CODE: &str = "otel.status_code";
/// What every series has; one of the two status codes.
const OWN: [&str; 5] = [SERVICE_NAME, SPAN_NAME, SPAN_KIND, STATUS_CODE, OTEL_STATUS_CODE];

/// What the instances of a section share.
#[derive(Debug)]
pub struct Plan {
    pub(crate) config: Config,
    pub(crate) calls: Dimensions,
    pub(crate) duration: Dimensions,
    pub(crate) events: Dimensions,
    /// Calls and durations have the same dimensions.
    pub(crate) same_key: bool,
    /// Of durations; `None`: they are not measured.
    pub(crate) histogram: Option<Kind>,
    pub(crate) limits: Limits,
    /// What every series has, but for these.
    pub(crate) hidden: Vec<&'static str>,
}

/// The dimensions of a metric.
#[derive(Debug, PartialEq)]
pub(crate) struct Dimensions {
    pub(crate) list: Vec<Dimension>,
    /// One of them takes the place of what every series has.
    pub(crate) replaces: bool,
}

/// An attribute of spans.
#[derive(Debug, PartialEq)]
pub(crate) struct Dimension {
    pub(crate) name: String,
    pub(crate) default: Option<ValueBuf>,
}

impl Dimensions {
    /// Those of all metrics, and those of this one. Of two with one name the last one counts.
    fn new(all: &[config::Dimension], own: &[config::Dimension]) -> Self {
        let mut list: Vec<Dimension> = Vec::new();
        for config::Dimension { name, default } in all.iter().chain(own) {
            let default = default.as_deref().map(ValueBuf::from);
            match list.iter_mut().find(|it| it.name == *name) {
                Some(known) => known.default = default.or(known.default.take()),
                None => list.push(Dimension { name: name.clone(), default }),
            }
        }
        Self { replaces: list.iter().any(|it| OWN.contains(&it.name.as_str())), list }
    }
}

impl Plan {
    pub(crate) fn new(config: Config) -> Self {
        let is_hidden = |name: &&str| config.exclude_dimensions.iter().any(|it| it == name);
        let size = |it: i64| usize::try_from(it).unwrap_or(0);
        let series_max = match config.aggregation_cardinality_limit {
            0 => usize::MAX,
            limit => size(limit),
        };
        let exemplars = &config.exemplars;
        let exemplars_max = if exemplars.enabled { size(exemplars.max_per_data_point) } else { 0 };
        let calls = Dimensions::new(&config.dimensions, &config.calls_dimensions);
        let duration = Dimensions::new(&config.dimensions, &config.histogram.dimensions);
        Self {
            same_key: calls == duration,
            calls,
            duration,
            events: Dimensions::new(&config.dimensions, &config.events.dimensions),
            histogram: histogram(&config.histogram),
            limits: Limits { series_max, exemplars_max },
            hidden: OWN.into_iter().filter(is_hidden).collect(),
            config,
        }
    }

    /// The unit of durations, as metrics say it.
    pub(crate) fn unit(&self) -> &'static str {
        (*self.config.histogram.unit).word()
    }
}

fn histogram(config: &config::Histogram) -> Option<Kind> {
    if config.disable {
        return None;
    }
    if let Some(exponential) = config.exponential.get() {
        let size = exponential.max_size;
        return Some(Kind::Exponential(if size == 0 { BUCKETS } else { size }));
    }
    let unit: Unit = *config.unit;
    Some(Kind::Explicit(match config.explicit.get() {
        Some(explicit) => {
            explicit.buckets.iter().map(|it| it.nanos() as f64 / unit.nanos()).collect()
        }
        None => BOUNDS_MS.iter().map(|it| it * Unit::Milliseconds.nanos() / unit.nanos()).collect(),
    }))
}
