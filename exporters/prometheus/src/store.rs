//! The last value of each series (`exporter/prometheusexporter/accumulator.go`, v0.149). Labels are rendered once, when
//! a series is seen first; a page then only joins texts.

use std::collections::BTreeMap;
use std::time::Duration;

use pdata::{
    AttributesRef, Exemplar, HistogramPoint, Metric, MetricData, Metrics, NumberPoint, NumberValue,
    ScopeRef, SummaryPoint,
};
use promnames::{Kind as NameKind, label, metric};
use tokio::time::Instant;

use crate::Config;
use crate::names::{escaped, is_legacy, is_part_of_label, quote};

/// Most series that are kept. More would be memory without a limit: they are counted and left out.
pub(crate) const SERIES_MAX: usize = 1_000_000;
const SERVICE: [&str; 3] = ["service.namespace", "service.name", "service.instance.id"];
const DELTA: i32 = 1;
const CUMULATIVE: i32 = 2;

/// What a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
}

/// The value of a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Int(i64),
    Double(f64),
    /// Count, sum, and how many values up to each bound; without the last bucket, which has all.
    Histogram {
        count: u64,
        sum: f64,
        buckets: Vec<(f64, u64)>,
    },
    Summary {
        count: u64,
        sum: f64,
        quantiles: Vec<(f64, f64)>,
    },
}

/// An example of what was measured, its labels rendered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Example {
    pub(crate) labels: String,
    pub(crate) value: f64,
    pub(crate) time_unix_nano: u64,
}

/// A series.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) value: Value,
    pub(crate) time_unix_nano: u64,
    pub(crate) exemplars: Vec<Example>,
    updated: Instant,
}

/// Series of one name.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) kind: Kind,
    /// The source did not know what it is.
    pub(crate) untyped: bool,
    pub(crate) help: String,
    pub(crate) series: BTreeMap<Labels, Series>,
}

/// Labels, rendered.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Labels {
    any_text: String,
    /// Where names have more than readers before Prometheus 3 take: with underscores (`model.UnderscoreEscaping`).
    underscored: Option<String>,
}

impl Labels {
    fn new(labels: &BTreeMap<String, String>) -> Self {
        let legacy = labels.keys().all(|it| is_legacy(it, is_part_of_label));
        let underscored =
            || rendered(labels.iter().map(|it| (escaped(it.0, is_part_of_label), it.1)));
        Self {
            any_text: rendered(labels.iter().map(|it| (it.0, it.1))),
            underscored: (!legacy).then(underscored),
        }
    }

    /// For a reader who takes names of any text (`utf8`), or for others.
    pub(crate) fn shown(&self, utf8: bool) -> &str {
        self.underscored.as_ref().filter(|_| !utf8).unwrap_or(&self.any_text)
    }
}

/// Everything that a page shows.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) families: BTreeMap<String, Family>,
    /// Labels of `target_info` by job and instance.
    pub(crate) targets: BTreeMap<(String, String), (Labels, Instant)>,
    count: usize,
}

/// Why points are left out, and how many.
pub(crate) type Dropped = BTreeMap<&'static str, usize>;

/// What the points of one metric have in common.
struct Around<'a> {
    config: &'a Config,
    resource: AttributesRef<'a>,
    scope: ScopeRef<'a>,
    schema_url: &'a str,
    now: Instant,
}

impl Store {
    /// Takes the points of a payload.
    pub(crate) fn take(&mut self, metrics: &Metrics, config: &Config) -> Dropped {
        let (mut dropped, now) = (Dropped::new(), Instant::now());
        for resource in metrics.resources() {
            let attributes = resource.attributes();
            self.target(attributes, config, now);
            for scope in resource.scopes() {
                let around = Around {
                    config,
                    resource: attributes,
                    scope: scope.scope(),
                    schema_url: scope.schema_url(),
                    now,
                };
                scope.metrics().for_each(|it| self.metric(it, &around, &mut dropped));
            }
        }
        dropped
    }

    /// Forgets what has got no value for too long.
    pub(crate) fn expire(&mut self, after: Duration) {
        let now = Instant::now();
        let old = |at: Instant| now.saturating_duration_since(at) > after;
        self.families.retain(|_, family| {
            family.series.retain(|_, it| !old(it.updated));
            !family.series.is_empty()
        });
        self.targets.retain(|_, it| !old(it.1));
        self.count = self.families.values().map(|it| it.series.len()).sum();
    }

    /// `target_info` is there for who has both a job and an instance.
    fn target(&mut self, resource: AttributesRef<'_>, config: &Config, now: Instant) {
        let (job, instance) = job_and_instance(resource);
        let (Some(job), Some(instance)) = (job, instance) else { return };
        if job.is_empty() || instance.is_empty() {
            return;
        }
        let mut labels = BTreeMap::new();
        let mut sorted: Vec<_> = resource.iter().filter(|it| !SERVICE.contains(&it.0)).collect();
        sorted.sort_by_key(|it| it.0);
        for (key, value) in sorted {
            let Ok(name) = label(key, config.label_style()) else { return };
            let known: &mut String = labels.entry(name.into_owned()).or_default();
            if !known.is_empty() {
                known.push(';');
            }
            known.push_str(&value.to_string());
        }
        labels.insert("job".to_owned(), job.clone());
        labels.insert("instance".to_owned(), instance.clone());
        if self.targets.len() < SERIES_MAX
            || self.targets.contains_key(&(job.clone(), instance.clone()))
        {
            self.targets.insert((job, instance), (Labels::new(&labels), now));
        }
    }

    fn metric(&mut self, it: Metric<'_>, around: &Around<'_>, dropped: &mut Dropped) {
        let points = it.points().count();
        let mut drop_all = |why| *dropped.entry(why).or_default() += points;
        let (kind, of_name, temporality) = match it.data() {
            MetricData::Gauge(_) => (Kind::Gauge, NameKind::Gauge, CUMULATIVE),
            MetricData::Sum(sum) if sum.is_monotonic() => {
                (Kind::Counter, NameKind::Counter, sum.aggregation_temporality())
            }
            MetricData::Sum(sum) => (Kind::Gauge, NameKind::Other, sum.aggregation_temporality()),
            MetricData::Histogram(it) => {
                (Kind::Histogram, NameKind::Other, it.aggregation_temporality())
            }
            MetricData::ExponentialHistogram(it) => {
                (Kind::Histogram, NameKind::Other, it.aggregation_temporality())
            }
            MetricData::Summary(_) => (Kind::Summary, NameKind::Other, CUMULATIVE),
            MetricData::Empty => return drop_all("the type is not known"),
        };
        let grows = kind != Kind::Gauge;
        if temporality != CUMULATIVE && !(temporality == DELTA && grows) {
            return drop_all("the temporality is not supported");
        }
        let config = around.config;
        let namespace = &config.namespace;
        let Ok(name) = metric(it.name(), it.unit(), of_name, namespace, config.style()) else {
            return drop_all("the name cannot be said");
        };
        let of_type = it.metadata().get("prometheus.type");
        let untyped =
            kind == Kind::Gauge && of_type.is_some_and(|it| it.as_str() == Some("unknown"));
        let help = it.description();
        let fresh = || Family { kind, untyped, help: help.to_owned(), series: BTreeMap::new() };
        let family = self.families.entry(name).or_insert_with(fresh);
        if family.kind != kind {
            return drop_all("another type has this name");
        }
        let mut sink =
            Sink { family, count: &mut self.count, around, delta: temporality == DELTA, dropped };
        match it.data() {
            MetricData::Gauge(it) => it.points().for_each(|it| sink.number(it)),
            MetricData::Sum(it) => it.points().for_each(|it| sink.number(it)),
            MetricData::Histogram(it) => it.points().for_each(|it| sink.histogram(it)),
            MetricData::ExponentialHistogram(it) => it.points().for_each(|it| {
                // As text it has no buckets but the last.
                let (count, sum) = (it.count(), it.sum().unwrap_or(0.0));
                let value = Value::Histogram { count, sum, buckets: Vec::new() };
                let times = Times::new(it.start_time_unix_nano(), it.time_unix_nano(), it.flags());
                sink.put(it.attributes(), value, &times, Vec::new());
            }),
            MetricData::Summary(it) => it.points().for_each(|it| sink.summary(it)),
            MetricData::Empty => {}
        }
    }
}

struct Times {
    start: u64,
    time: u64,
    ended: bool,
}

impl Times {
    fn new(start: u64, time: u64, flags: u32) -> Self {
        Self { start, time, ended: flags & 1 == 1 }
    }
}

/// Where the points of one metric go.
struct Sink<'a> {
    family: &'a mut Family,
    count: &'a mut usize,
    around: &'a Around<'a>,
    delta: bool,
    dropped: &'a mut Dropped,
}

impl Sink<'_> {
    fn number(&mut self, point: NumberPoint<'_>) {
        let value = match point.value() {
            NumberValue::Int(it) => Value::Int(it),
            NumberValue::Double(it) => Value::Double(it),
            NumberValue::None => Value::Double(0.0),
        };
        let (start, time) = (point.start_time_unix_nano(), point.time_unix_nano());
        let exemplars = examples(point.exemplars());
        self.put(point.attributes(), value, &Times::new(start, time, point.flags()), exemplars);
    }

    fn histogram(&mut self, point: HistogramPoint<'_>) {
        let mut counted: Vec<(f64, u64)> = point
            .explicit_bounds()
            .zip(point.bucket_counts().chain(std::iter::repeat(0)))
            .collect();
        counted.sort_by(|a, b| a.0.total_cmp(&b.0));
        counted.dedup_by(|later, first| later.0.total_cmp(&first.0).is_eq());
        let mut all = 0_u64;
        for bucket in &mut counted {
            all = all.saturating_add(bucket.1);
            bucket.1 = all;
        }
        let (count, sum) = (point.count(), point.sum().unwrap_or(0.0));
        let value = Value::Histogram { count, sum, buckets: counted };
        let (start, time) = (point.start_time_unix_nano(), point.time_unix_nano());
        let exemplars = examples(point.exemplars());
        self.put(point.attributes(), value, &Times::new(start, time, point.flags()), exemplars);
    }

    fn summary(&mut self, point: SummaryPoint<'_>) {
        let mut quantiles: Vec<(f64, f64)> =
            point.quantiles().map(|it| (it.quantile, it.value)).collect();
        quantiles.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (count, sum) = (point.count(), point.sum());
        let (start, time) = (point.start_time_unix_nano(), point.time_unix_nano());
        let times = Times::new(start, time, point.flags());
        self.put(point.attributes(), Value::Summary { count, sum, quantiles }, &times, Vec::new());
    }

    fn put(
        &mut self,
        attributes: AttributesRef<'_>,
        value: Value,
        times: &Times,
        exemplars: Vec<Example>,
    ) {
        let labels = match labels(attributes, self.around) {
            Ok(labels) => labels,
            Err(why) => return *self.dropped.entry(why).or_default() += 1,
        };
        if times.ended {
            if self.family.series.remove(&labels).is_some() {
                *self.count -= 1;
            }
            return;
        }
        let (time_unix_nano, updated) = (times.time, self.around.now);
        match self.family.series.get_mut(&labels) {
            None if *self.count >= SERIES_MAX => {
                *self.dropped.entry("too many series").or_default() += 1;
            }
            None => {
                *self.count += 1;
                let series = Series { value, time_unix_nano, exemplars, updated };
                self.family.series.insert(labels, series);
            }
            Some(known) => {
                let (start, shown) = (times.start, known.time_unix_nano);
                let is_histogram = matches!(value, Value::Histogram { .. });
                if self.delta && is_histogram && start < shown {
                    return *self.dropped.entry("a delta that overlaps").or_default() += 1;
                }
                // What is older than what is shown is no news.
                if times.time < shown {
                    return;
                }
                let joins = self.delta && start == shown;
                let value = if joins { added(&known.value, value) } else { value };
                *known = Series { value, time_unix_nano, exemplars, updated };
            }
        }
    }
}

/// The sum of what was there and what has come.
fn added(known: &Value, new: Value) -> Value {
    match (known, new) {
        (Value::Int(a), Value::Int(b)) => Value::Int(a.wrapping_add(b)),
        (Value::Double(a), Value::Double(b)) => Value::Double(a + b),
        (
            Value::Histogram { count: count_a, sum: sum_a, buckets: a },
            Value::Histogram { count, sum, buckets: b },
        ) if a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.0.total_cmp(&b.0).is_eq()) => {
            let buckets = a.iter().zip(b).map(|(a, b)| (a.0, a.1.saturating_add(b.1))).collect();
            Value::Histogram { count: count_a.saturating_add(count), sum: sum_a + sum, buckets }
        }
        (_, new) => new,
    }
}

fn job_and_instance(resource: AttributesRef<'_>) -> (Option<String>, Option<String>) {
    let job = resource.get("service.name").map(|name| match resource.get("service.namespace") {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_string(),
    });
    (job, resource.get("service.instance.id").map(|it| it.to_string()))
}

/// The labels of a point, rendered. Two of one name are not possible: upstream leaves the point out, too.
fn labels(attributes: AttributesRef<'_>, around: &Around<'_>) -> Result<Labels, &'static str> {
    let Around { config, resource, scope, .. } = around;
    let mut labels = BTreeMap::new();
    let style = config.label_style();
    let mut put = |name: String, value: String| match labels.insert(name, value) {
        None => Ok(()),
        Some(_) => Err("two labels have one name"),
    };
    let named = |key: &str| {
        label(key, style).map(std::borrow::Cow::into_owned).map_err(|_| "a label cannot be said")
    };
    let conversion = &config.resource_to_telemetry_conversion;
    let becomes_label = |key: &str| {
        let excluded = conversion.exclude_service_attributes && SERVICE.contains(&key);
        conversion.enabled && !excluded
    };
    for (key, value) in resource.iter().filter(|it| becomes_label(it.0)) {
        put(named(key)?, value.to_string())?;
    }
    // As upstream: an attribute of the resource replaces one of the point.
    let replaced = |key: &str| becomes_label(key) && resource.contains(key);
    for (key, value) in attributes.iter().filter(|it| !replaced(it.0)) {
        put(named(key)?, value.to_string())?;
    }
    if !config.without_scope_info {
        for (key, value) in scope.attributes().iter() {
            put(named(&format!("otel_scope_{key}"))?, value.to_string())?;
        }
        put("otel_scope_name".to_owned(), scope.name().to_owned())?;
        put("otel_scope_version".to_owned(), scope.version().to_owned())?;
        put("otel_scope_schema_url".to_owned(), around.schema_url.to_owned())?;
    }
    let (job, instance) = job_and_instance(*resource);
    for (name, value) in [("job", job), ("instance", instance)] {
        if let Some(value) = value {
            put(name.to_owned(), value)?;
        }
    }
    for (name, value) in &config.const_labels {
        put(name.clone(), value.clone())?;
    }
    Ok(Labels::new(&labels))
}

/// `a="b",c="d"`.
fn rendered(labels: impl Iterator<Item = (impl AsRef<str>, impl AsRef<str>)>) -> String {
    let mut out = String::new();
    for (name, value) in labels {
        let name = name.as_ref();
        if !out.is_empty() {
            out.push(',');
        }
        if is_legacy(name, is_part_of_label) {
            out.push_str(name);
        } else {
            quote(name, &mut out);
        }
        out.push('=');
        quote(value.as_ref(), &mut out);
    }
    out
}

fn examples<'a>(all: impl Iterator<Item = Exemplar<'a>>) -> Vec<Example> {
    let example = |it: Exemplar<'_>| {
        let mut labels = BTreeMap::new();
        for (name, id) in [("trace_id", it.trace_id()), ("span_id", it.span_id())] {
            if id.iter().any(|it| *it != 0) {
                labels.insert(name.to_owned(), pdata::text::hex(id));
            }
        }
        let value = match it.value() {
            NumberValue::Int(it) => it as f64,
            NumberValue::Double(it) => it,
            NumberValue::None => 0.0,
        };
        Example { labels: rendered(labels.iter()), value, time_unix_nano: it.time_unix_nano() }
    };
    all.map(example).collect()
}
