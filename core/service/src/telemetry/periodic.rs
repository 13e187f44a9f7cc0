//! A periodic reader: reads all metrics from time to time and sends them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use component::meter::{Attributes, Metric, Registry as Metrics, Sample, Shape};
use component::{BuildInfo, Data, Signal, clock};
use pdata::{HistogramWriter, MetricsBuilder, NumberWriter, PointsWriter};
use tokio_util::sync::CancellationToken;

use super::export::Exporter;
use super::readers::PeriodicConfig;
use super::resource::Resource;
use crate::registry::Registry;

/// Pause between two exports, in milliseconds. otelconf's default.
const INTERVAL_MILLIS: i64 = 60_000;
/// Longest time of one export, in milliseconds. otelconf's default.
const TIMEOUT_MILLIS: i64 = 30_000;

/// Since when a sum counts: `temporality_preference:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Temporality {
    /// Since the start.
    Cumulative,
    /// Since the last export, but for sums that go down.
    Delta,
    /// As `Delta`, but what is only read when somebody looks counts since the start.
    LowMemory,
}

/// A periodic reader, checked and not yet started.
pub(super) struct Periodic {
    interval: Duration,
    timeout: Duration,
    exporter: Exporter,
    encoder: Encoder,
}

impl Periodic {
    /// Errors have otelconf's texts.
    pub(super) fn new(
        config: &PeriodicConfig,
        registry: &Registry,
        build: &BuildInfo,
        resource: Resource,
    ) -> Result<Self, String> {
        let millis = |it: Option<i64>, default: i64| {
            Duration::from_millis(it.filter(|it| *it > 0).unwrap_or(default).unsigned_abs())
        };
        let preference = config.exporter.otlp.as_ref();
        let preference = preference.and_then(|it| it.temporality_preference.as_deref());
        let temporality = match preference {
            None | Some("cumulative") => Temporality::Cumulative,
            Some("delta") => Temporality::Delta,
            Some("lowmemory") => Temporality::LowMemory,
            Some(other) => return Err(format!("unsupported temporality preference {other:?}")),
        };
        Ok(Self {
            interval: millis(config.interval, INTERVAL_MILLIS),
            timeout: millis(config.timeout, TIMEOUT_MILLIS),
            exporter: Exporter::new(&config.exporter, Signal::Metrics, registry, build)?,
            encoder: Encoder { temporality, resource, before: HashMap::new(), exported: None },
        })
    }

    pub(super) async fn start(&self) -> Result<(), String> {
        self.exporter.start().await
    }

    /// Until `stopping`, and once more then.
    pub(super) async fn run(mut self, metrics: Arc<Metrics>, stopping: CancellationToken) {
        loop {
            let last = tokio::select! {
                () = tokio::time::sleep(self.interval) => false,
                () = stopping.cancelled() => true,
            };
            let (all, since) = (metrics.snapshot(), metrics.started());
            let request = self.encoder.encode(&all, since, clock::now());
            self.exporter.send(request, self.timeout, &stopping).await;
            if last {
                return self.exporter.stop().await;
            }
        }
    }
}

/// Makes requests of metrics, and remembers what the last one said.
struct Encoder {
    temporality: Temporality,
    resource: Resource,
    before: HashMap<(String, Attributes), Sample>,
    exported: Option<SystemTime>,
}

impl Encoder {
    fn encode(&mut self, metrics: &[Metric], started: SystemTime, now: SystemTime) -> Data {
        let mut out = MetricsBuilder::new();
        self.resource.begin(&mut out);
        let mut scopes: Vec<&str> = Vec::new();
        for metric in metrics {
            if scopes.contains(&metric.scope) {
                continue;
            }
            scopes.push(metric.scope);
            out.scope(metric.scope, "");
            for metric in metrics.iter().filter(|it| it.scope == metric.scope) {
                self.metric(metric, started, now, &mut out);
            }
        }
        self.exported = Some(now);
        out.finish().into()
    }

    fn metric(
        &mut self,
        metric: &Metric,
        started: SystemTime,
        now: SystemTime,
        out: &mut MetricsBuilder,
    ) {
        let delta = self.is_delta(metric);
        let since = if delta { self.exported.unwrap_or(started) } else { started };
        let (since, now) = (nanos(since), nanos(now));
        let temporality = if delta { 1 } else { 2 };
        let shown: Vec<(&Attributes, Sample)> = metric
            .series
            .iter()
            .map(|(attributes, sample)| {
                let shown = if delta { self.since_last(metric, attributes, sample) } else { None };
                (attributes, shown.unwrap_or_else(|| sample.clone()))
            })
            .collect();
        out.metric(|out| {
            out.name(&metric.name);
            out.unit(metric.unit);
            out.description(&metric.description);
            let numbers = |points: &mut PointsWriter<'_, NumberWriter<'static>>| {
                for (attributes, sample) in &shown {
                    points.point(|point| {
                        attributes.iter().for_each(|(key, it)| point.attribute(key, it));
                        point.start_time_unix_nano(since);
                        point.time_unix_nano(now);
                        match sample {
                            Sample::Int(it) => point.int(*it),
                            Sample::Float(it) => point.double(*it),
                            Sample::Histogram { .. } => {}
                        }
                    });
                }
            };
            match metric.shape {
                Shape::Counter => out.sum(temporality, true, numbers),
                Shape::UpDown => out.sum(temporality, false, numbers),
                Shape::Gauge => out.gauge(numbers),
                Shape::Histogram => out.histogram(temporality, |points| {
                    for (attributes, sample) in &shown {
                        points.point(|point| histogram(attributes, sample, (since, now), point));
                    }
                }),
            }
        });
    }

    /// What came since the last export; remembers what is there now.
    fn since_last(
        &mut self,
        metric: &Metric,
        attributes: &Attributes,
        now: &Sample,
    ) -> Option<Sample> {
        let key = (metric.name.to_string(), attributes.clone());
        let before = self.before.insert(key, now.clone())?;
        Some(difference(now, &before))
    }

    fn is_delta(&self, metric: &Metric) -> bool {
        let observed = matches!(metric.series.first(), Some((_, Sample::Float(_))));
        let counts = matches!(metric.shape, Shape::Counter | Shape::Histogram);
        match self.temporality {
            Temporality::Cumulative => false,
            Temporality::Delta => counts,
            Temporality::LowMemory => counts && !observed,
        }
    }
}

/// What came since.
fn difference(now: &Sample, before: &Sample) -> Sample {
    match (now, before) {
        (Sample::Int(now), Sample::Int(before)) => Sample::Int(now - before),
        (Sample::Float(now), Sample::Float(before)) => Sample::Float(now - before),
        (
            Sample::Histogram { bounds, counts, sum },
            Sample::Histogram { counts: counts_before, sum: sum_before, .. },
        ) => Sample::Histogram {
            bounds: Arc::clone(bounds),
            counts: counts.iter().zip(counts_before).map(|(a, b)| a.saturating_sub(*b)).collect(),
            sum: sum - sum_before,
        },
        _ => now.clone(),
    }
}

fn histogram(
    attributes: &Attributes,
    sample: &Sample,
    (since, now): (u64, u64),
    out: &mut HistogramWriter<'_>,
) {
    attributes.iter().for_each(|(key, it)| out.attribute(key, it));
    out.start_time_unix_nano(since);
    out.time_unix_nano(now);
    if let Sample::Histogram { bounds, counts, sum } = sample {
        out.count(counts.iter().sum());
        out.sum(*sum);
        out.bucket_counts(counts);
        out.explicit_bounds(bounds);
    }
}

pub(super) fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use component::Meter;
    use component::meter::{Descriptor, Level};
    use serde_json::{Value as Json, json};

    use super::*;

    fn as_json(data: &Data) -> Json {
        let mut text = Vec::new();
        data.to_json(&mut text);
        serde_json::from_slice(&text).unwrap()
    }

    const fn what(name: &'static str) -> Descriptor {
        let (unit, description) = ("{x}", "Things.");
        Descriptor { scope: "s", name, unit, description, level: Level::Basic }
    }

    fn encoder(temporality: Temporality) -> Encoder {
        let resource = Resource::default();
        Encoder { temporality, resource, before: HashMap::new(), exported: None }
    }

    /// What the metric of this name says, of two exports between which its values double.
    fn twice(temporality: Temporality, name: &str) -> Vec<Json> {
        let meter = Meter::default();
        let mut encoder = encoder(temporality);
        let (counter, up_down) =
            (meter.counter(what("counter"), &[]), meter.up_down(what("up"), &[]));
        let histogram = meter.histogram(what("histogram"), &[1.0], &[]);
        let observed = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let read = Arc::clone(&observed);
        let load = move || Some(read.load(std::sync::atomic::Ordering::Relaxed) as f64);
        meter.observe(Shape::Counter, what("observed"), &[], load);
        let mut out = Vec::new();
        for second in [1, 2] {
            counter.add(3);
            up_down.add(3);
            histogram.record(3.0);
            observed.fetch_add(3, std::sync::atomic::Ordering::Relaxed);
            let now = UNIX_EPOCH + Duration::from_secs(second);
            let request = as_json(&encoder.encode(&meter.registry().snapshot(), UNIX_EPOCH, now));
            let metrics = &request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
            let mut metrics = metrics.as_array().unwrap().iter();
            out.push(metrics.find(|it| it["name"] == name).unwrap().clone());
        }
        out
    }

    #[test]
    fn a_cumulative_sum_counts_since_the_start() {
        let [one, two] = &twice(Temporality::Cumulative, "counter")[..] else { panic!() };
        assert_eq!(one["sum"]["aggregationTemporality"], 2);
        assert_eq!(one["sum"]["isMonotonic"], true);
        assert_eq!(one["sum"]["dataPoints"][0]["asInt"], "3");
        let point = &two["sum"]["dataPoints"][0];
        assert_eq!(point["asInt"], "6");
        assert_eq!(point.get("startTimeUnixNano"), None);
        assert_eq!(point["timeUnixNano"], "2000000000");
    }

    #[test]
    fn a_delta_counts_since_the_last_export() {
        let [_, two] = &twice(Temporality::Delta, "counter")[..] else { panic!() };
        assert_eq!(two["sum"]["aggregationTemporality"], 1);
        let point = &two["sum"]["dataPoints"][0];
        assert_eq!(point["asInt"], "3");
        assert_eq!(point["startTimeUnixNano"], "1000000000");
        let [_, two] = &twice(Temporality::Delta, "histogram")[..] else { panic!() };
        assert_eq!(two["histogram"]["dataPoints"][0]["bucketCounts"], json!(["0", "1"]));
        let [_, two] = &twice(Temporality::Delta, "up")[..] else { panic!() };
        assert_eq!(two["sum"]["dataPoints"][0]["asInt"], "6");
    }

    #[test]
    fn low_memory_keeps_what_is_observed_cumulative() {
        let [_, two] = &twice(Temporality::LowMemory, "observed")[..] else { panic!() };
        assert_eq!(two["sum"]["dataPoints"][0]["asDouble"], 6.0);
        let [_, two] = &twice(Temporality::LowMemory, "counter")[..] else { panic!() };
        assert_eq!(two["sum"]["dataPoints"][0]["asInt"], "3");
    }

    #[test]
    fn what_is_encoded_is_otlp() {
        let meter = Meter::default();
        meter.counter(what("counter"), &[("a", "b")]).add(3);
        meter.histogram(what("histogram"), &[1.0], &[]).record(3.0);
        let all = meter.registry().snapshot();
        let request = encoder(Temporality::Cumulative).encode(&all, UNIX_EPOCH, clock::now());
        assert_eq!(request.items(), 2);
        let limits = pdata::Limits::default();
        let again = Data::try_from_otlp(Signal::Metrics, request.to_bytes(), &limits);
        assert_eq!(again.unwrap().items(), 2);
    }
}
