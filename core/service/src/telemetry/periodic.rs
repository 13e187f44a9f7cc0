//! A periodic reader: reads all metrics from time to time and sends them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use component::meter::{Attributes, Metric, Registry as Metrics, Sample, Shape};
use component::{BuildInfo, Signal, clock};
use serde_json::{Value as Json, json};
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
            self.exporter.send(&request, self.timeout, &stopping).await;
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
    fn encode(&mut self, metrics: &[Metric], started: SystemTime, now: SystemTime) -> Json {
        let mut scopes: Vec<(&str, Vec<Json>)> = Vec::new();
        for metric in metrics {
            let encoded = self.metric(metric, started, now);
            match scopes.iter_mut().find(|it| it.0 == metric.scope) {
                Some((_, list)) => list.push(encoded),
                None => scopes.push((metric.scope, vec![encoded])),
            }
        }
        self.exported = Some(now);
        let scopes: Vec<Json> = scopes
            .into_iter()
            .map(|(name, metrics)| json!({"scope": {"name": name}, "metrics": metrics}))
            .collect();
        self.resource.request("resourceMetrics", "scopeMetrics", scopes)
    }

    fn metric(&mut self, metric: &Metric, started: SystemTime, now: SystemTime) -> Json {
        let delta = self.is_delta(metric);
        let since = if delta { self.exported.unwrap_or(started) } else { started };
        let temporality = if delta { 1 } else { 2 };
        let mut points = Vec::with_capacity(metric.series.len());
        for (attributes, sample) in &metric.series {
            let shown = if delta {
                let key = (metric.name.to_string(), attributes.clone());
                let before = self.before.insert(key, sample.clone());
                before.map_or_else(|| sample.clone(), |before| difference(sample, &before))
            } else {
                sample.clone()
            };
            points.push(point(attributes, &shown, since, now));
        }
        let mut out = json!({
            "name": metric.name, "unit": metric.unit, "description": metric.description,
        });
        let (key, data) = match metric.shape {
            Shape::Counter | Shape::UpDown => {
                let monotonic = metric.shape == Shape::Counter;
                let sum = json!({"aggregationTemporality": temporality, "isMonotonic": monotonic});
                ("sum", sum)
            }
            Shape::Gauge => ("gauge", json!({})),
            Shape::Histogram => ("histogram", json!({"aggregationTemporality": temporality})),
        };
        out[key] = data;
        out[key]["dataPoints"] = points.into();
        out
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

fn point(attributes: &Attributes, sample: &Sample, since: SystemTime, now: SystemTime) -> Json {
    let attributes: Vec<Json> =
        attributes.iter().map(|(k, v)| json!({"key": k, "value": {"stringValue": v}})).collect();
    let mut point = json!({
        "attributes": attributes,
        "startTimeUnixNano": nanos(since),
        "timeUnixNano": nanos(now),
    });
    match sample {
        Sample::Int(value) => point["asInt"] = value.to_string().into(),
        Sample::Float(value) => point["asDouble"] = (*value).into(),
        Sample::Histogram { bounds, counts, sum } => {
            let texts: Vec<String> = counts.iter().map(u64::to_string).collect();
            point["bucketCounts"] = texts.into();
            point["explicitBounds"] = bounds.to_vec().into();
            point["count"] = counts.iter().sum::<u64>().to_string().into();
            point["sum"] = (*sum).into();
        }
    }
    point
}

/// 64-bit numbers are texts in OTLP/JSON.
pub(super) fn nanos(time: SystemTime) -> String {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
}

#[cfg(test)]
mod tests {
    use component::Meter;
    use component::meter::{Descriptor, Level};

    use super::*;

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
            let request = encoder.encode(&meter.registry().snapshot(), UNIX_EPOCH, now);
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
        assert_eq!(point["startTimeUnixNano"], "0");
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
        let text = request.to_string();
        let data =
            component::Data::from_json(Signal::Metrics, text.as_bytes(), &pdata::Limits::default());
        assert_eq!(data.unwrap().items(), 2);
    }
}
