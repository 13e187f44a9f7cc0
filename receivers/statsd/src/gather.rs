//! What clients have said since the last interval, by client and series.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use exponential::Exponential;
use pdata::{Metrics, MetricsBuilder};
use regex::Regex;

use crate::config::{Config, HistogramConfig};
use crate::line::{Kind, Line, Rules, line, parts};
use crate::series::{Count, Explicit, Interval, Series};

/// Most series and values that are kept between two intervals. What comes beyond is dropped and counted.
const KEPT_MAX: usize = 1_000_000;
/// Buckets of an exponential histogram when the section says nothing: `structure.DefaultMaxSize`.
const BUCKETS: i32 = 160;
/// Quantiles when the section says nothing, in percent.
const PERCENTILES: [f64; 6] = [0.0, 10.0, 50.0, 90.0, 95.0, 100.0];
const SCOPE: &str =
    "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/statsdreceiver";

/// Who sends.
pub(crate) type Client = Option<SocketAddr>;

/// What becomes of timings, or of histograms and distributions.
#[derive(Debug, Default)]
enum Observer {
    #[default]
    Nothing,
    Gauge,
    Summary(Arc<[f64]>),
    Histogram(i32, Vec<(Regex, Arc<[f64]>)>),
}

impl Observer {
    fn histogram(config: &HistogramConfig) -> Self {
        let explicit = config.explicit_buckets.iter().filter_map(|it| {
            // What does not compile has been refused with the section.
            let pattern = golang::regexp::compile(&it.matcher_pattern).ok()?;
            Some((pattern, it.buckets.as_slice().into()))
        });
        let size = if config.max_size == 0 { BUCKETS } else { config.max_size };
        Observer::Histogram(size, explicit.collect())
    }

    /// A series for the first of its lines. `None` if nothing becomes of it.
    fn series(&self, line: &Line, name: &str, now: u64) -> Option<Series> {
        Some(match (line.kind, self) {
            (Kind::Counter, _) => Series::Counter { value: 0.0, time: line.time },
            (Kind::Gauge, _) => Series::Gauge { value: 0.0, time: now },
            (_, Observer::Nothing) => return None,
            (_, Observer::Gauge) => Series::Values(Vec::new()),
            (_, Observer::Summary(percentiles)) => {
                Series::Summary(Vec::new(), Arc::clone(percentiles))
            }
            (_, Observer::Histogram(size, explicit)) => {
                match explicit.iter().find(|it| it.0.is_match(name)) {
                    Some((_, bounds)) => Series::Explicit(Explicit::new(bounds)),
                    None => Series::Exponential(Box::new(Exponential::new(*size))),
                }
            }
        })
    }
}

/// The series of one client, in the order in which they came.
#[derive(Debug, Default)]
struct Source {
    /// The address of who sent first.
    client: Client,
    places: HashMap<Box<str>, usize>,
    series: Vec<(Box<str>, Series)>,
}

/// Everything since the last interval.
#[derive(Debug)]
pub(crate) struct Gathered {
    rules: Rules,
    timings: Observer,
    histograms: Observer,
    count: Count,
    monotonic: bool,
    /// Clients are told apart.
    by_client: bool,
    /// Also those of one address.
    by_port: bool,
    sources: HashMap<Client, Source>,
    /// Series and values.
    kept: usize,
    since: u64,
    /// The name of a series; used again for each line.
    name: String,
}

impl Gathered {
    pub(crate) fn new(config: &Config, now: u64) -> Self {
        let (mut timings, mut histograms) = (Observer::default(), Observer::default());
        for mapping in &config.timer_histogram_mapping {
            let observer = match mapping.observer_type.as_str() {
                "gauge" => Observer::Gauge,
                "summary" => Observer::Summary(match mapping.summary.percentiles.as_slice() {
                    [] => PERCENTILES.into(),
                    some => some.into(),
                }),
                "histogram" => Observer::histogram(&mapping.histogram),
                _ => Observer::Nothing,
            };
            match mapping.statsd_type.as_str() {
                "timing" | "timer" => timings = observer,
                _ => histograms = observer,
            }
        }
        Self {
            rules: Rules {
                metric_type: config.enable_metric_type,
                simple_tags: config.enable_simple_tags,
            },
            timings,
            histograms,
            count: match config.counter_type.as_str() {
                "float" => Count::Fraction,
                "stochastic_int" => Count::Rounded,
                _ => Count::Whole,
            },
            monotonic: config.is_monotonic_counter,
            by_client: !config.ignore_host,
            by_port: !config.enable_ip_only_aggregation,
            sources: HashMap::new(),
            kept: 0,
            since: now,
            name: String::new(),
        }
    }

    /// Adds a line.
    ///
    /// # Errors
    /// Why it is dropped.
    pub(crate) fn add(&mut self, text: &str, client: Client, now: u64) -> Result<(), String> {
        let line = line(text, self.rules, &mut self.name)?;
        let mut key = client.filter(|_| self.by_client);
        if let Some(client) = key.as_mut().filter(|_| !self.by_port) {
            client.set_port(0);
        }
        let source = self.sources.entry(key);
        let source = source.or_insert_with(|| Source { client, ..Source::default() });
        let place = source.places.get(self.name.as_str()).copied();
        let known = place.and_then(|at| source.series.get_mut(at));
        let is_full = self.kept >= KEPT_MAX;
        let full = || Err(format!("more than {KEPT_MAX} series and values in one interval"));
        if let Some((_, series)) = known {
            if series.grows() {
                if is_full {
                    return full();
                }
                self.kept += 1;
            }
            series.add(&line, self.count, now);
            return Ok(());
        }
        let observer = match line.kind {
            Kind::Counter | Kind::Gauge => &Observer::Nothing,
            Kind::Timing => &self.timings,
            Kind::Histogram | Kind::Distribution => &self.histograms,
        };
        let name = parts(&self.name).0;
        let Some(mut series) = observer.series(&line, name, now) else { return Ok(()) };
        if is_full {
            return full();
        }
        self.kept += 1;
        series.add(&line, self.count, now);
        source.places.insert(self.name.as_str().into(), source.series.len());
        source.series.push((self.name.as_str().into(), series));
        Ok(())
    }

    /// Ends the interval: the metrics of each client.
    pub(crate) fn take(&mut self, version: &str, now: u64) -> Vec<(Client, Metrics)> {
        let interval = Interval { since: std::mem::replace(&mut self.since, now), until: now };
        self.kept = 0;
        let how = (self.count, self.monotonic);
        let mut builder = MetricsBuilder::new();
        let mut taken = Vec::with_capacity(self.sources.len());
        for (_, mut source) in self.sources.drain().filter(|it| !it.1.series.is_empty()) {
            builder.resource(|_| {}).scope(SCOPE, version);
            for (name, series) in &mut source.series {
                series.write(name, &mut builder, interval, how);
            }
            taken.push((source.client, builder.finish()));
        }
        taken
    }
}
