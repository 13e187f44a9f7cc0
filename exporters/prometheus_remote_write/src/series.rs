//! Metrics become series: labels, and samples by time (`pkg/translator/prometheusremotewrite`, v0.149).

use std::collections::{BTreeMap, HashMap};

use pdata::{
    AttributesRef, Exemplar, ExponentialHistogramPoint, HistogramPoint, Metric, MetricData,
    Metrics, NumberPoint, NumberValue, ScopeRef, SummaryPoint,
};
use promnames::{Kind, LabelStyle, Style, label, metric};
use xxhash_rust::xxh3::Xxh3;

use crate::Config;
use crate::native::{Native, native};

/// Bits of the NaN that says that a series has ended.
const STALE: u64 = 0x7ff0_0000_0000_0002;
/// Most characters of an exemplar's labels (OpenMetrics 1.0, "Exemplars").
const EXEMPLAR_CHARS_MAX: usize = 128;
const SERVICE: [&str; 3] = ["service.namespace", "service.name", "service.instance.id"];

/// Names and values, sorted by name.
pub(crate) type Labels = Vec<(String, String)>;

/// An example of what was measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Example {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
    pub(crate) timestamp: i64,
}

/// What is said of a metric.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// Of the family: without the ends of its parts.
    pub(crate) name: String,
    /// `MetricMetadata.MetricType`.
    pub(crate) of_type: u64,
    pub(crate) help: String,
    pub(crate) unit: String,
}

/// A series.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    /// Value and milliseconds.
    pub(crate) samples: Vec<(f64, i64)>,
    pub(crate) exemplars: Vec<Example>,
    pub(crate) natives: Vec<Native>,
    /// Place in [`Converted::metadata`].
    pub(crate) metadata: usize,
}

/// All of a payload.
#[derive(Debug, Default)]
pub(crate) struct Converted {
    pub(crate) series: Vec<Series>,
    pub(crate) metadata: Vec<Metadata>,
    /// Points that cannot be said in Prometheus, by reason.
    pub(crate) dropped: BTreeMap<&'static str, usize>,
    places: HashMap<u64, usize>,
}

/// What the labels of points have in common.
struct Around<'a> {
    config: &'a Config,
    resource: AttributesRef<'a>,
    scope: ScopeRef<'a>,
}

/// Converts a payload.
pub(crate) fn convert(metrics: &Metrics, config: &Config) -> Converted {
    let mut all = Converted::default();
    let style = Style { suffixes: config.add_metric_suffixes, utf8: false };
    for resource in metrics.resources() {
        let mut latest = 0;
        for scope in resource.scopes() {
            let around = Around { config, resource: resource.attributes(), scope: scope.scope() };
            for it in scope.metrics() {
                let points = it.points();
                latest = points.map(pdata::PointRef::time_unix_nano).max().unwrap_or(0).max(latest);
                let name = metric(it.name(), it.unit(), kind(&it), &config.namespace, style);
                let Ok(name) = name else {
                    all.drop_points("the name cannot be said", &it);
                    continue;
                };
                // As upstream also of metrics whose points cannot be said.
                all.metadata.push(Metadata {
                    name: name.clone(),
                    of_type: of_type(&it),
                    help: it.description().to_owned(),
                    unit: promnames::unit(it.unit()),
                });
                if is_cumulative(&it) {
                    all.metric(&it, &name, &around);
                } else {
                    all.drop_points("temporality is not cumulative", &it);
                }
            }
        }
        if config.target_info.enabled && latest > 0 {
            all.target_info(resource.attributes(), config, latest);
        }
    }
    all
}

fn is_cumulative(metric: &Metric<'_>) -> bool {
    match metric.data() {
        MetricData::Sum(it) => it.aggregation_temporality() == 2,
        MetricData::Histogram(it) => it.aggregation_temporality() == 2,
        MetricData::ExponentialHistogram(it) => it.aggregation_temporality() == 2,
        _ => true,
    }
}

fn kind(metric: &Metric<'_>) -> Kind {
    match metric.data() {
        MetricData::Gauge(_) => Kind::Gauge,
        MetricData::Sum(it) if it.is_monotonic() => Kind::Counter,
        _ => Kind::Other,
    }
}

/// The type of `target_info`.
pub(crate) const INFO: u64 = 6;

/// `MetricMetadata.MetricType`.
fn of_type(metric: &Metric<'_>) -> u64 {
    match metric.data() {
        MetricData::Sum(it) if it.is_monotonic() => 1,
        MetricData::Gauge(_) | MetricData::Sum(_) => 2,
        MetricData::Histogram(_) | MetricData::ExponentialHistogram(_) => 3,
        MetricData::Summary(_) => 5,
        MetricData::Empty => 0,
    }
}

fn number(value: NumberValue) -> f64 {
    match value {
        NumberValue::Double(it) => it,
        NumberValue::Int(it) => it as f64,
        NumberValue::None => 0.0,
    }
}

/// The shortest form of a number without an exponent, as Go writes it.
fn decimal(value: f64) -> String {
    let text = golang::strconv::format_float(value, 'f', None);
    text.strip_prefix('+').filter(|it| *it != "Inf").map_or_else(|| text.clone(), str::to_owned)
}

fn millis(nanos: u64) -> i64 {
    (nanos / 1_000_000).cast_signed()
}

fn has_ended(flags: u32) -> bool {
    flags & 1 == 1
}

impl Converted {
    fn drop_points(&mut self, why: &'static str, metric: &Metric<'_>) {
        *self.dropped.entry(why).or_default() += metric.points().count();
    }

    /// The series with these labels; they are sorted here.
    fn series(&mut self, mut labels: Labels) -> Option<&mut Series> {
        labels.sort();
        let mut hash = Xxh3::new();
        for (name, value) in &labels {
            hash.update(name.as_bytes());
            hash.update(&[0xff]);
            hash.update(value.as_bytes());
            hash.update(&[0xff]);
        }
        let (next, metadata) = (self.series.len(), self.metadata.len().saturating_sub(1));
        let at = *self.places.entry(hash.digest()).or_insert(next);
        if at == next {
            self.series.push(Series { labels, metadata, ..Series::default() });
        }
        self.series.get_mut(at)
    }

    fn sample(
        &mut self,
        labels: Labels,
        value: f64,
        (time, flags): (i64, u32),
    ) -> Option<&mut Series> {
        let value = if has_ended(flags) { f64::from_bits(STALE) } else { value };
        let series = self.series(labels)?;
        series.samples.push((value, time));
        Some(series)
    }

    fn metric(&mut self, metric: &Metric<'_>, name: &str, around: &Around<'_>) {
        match metric.data() {
            MetricData::Gauge(it) => {
                it.points().for_each(|it| self.number(it, name, around, false))
            }
            MetricData::Sum(it) => it.points().for_each(|it| self.number(it, name, around, true)),
            MetricData::Histogram(it) => {
                it.points().for_each(|it| self.histogram(it, name, around));
            }
            MetricData::ExponentialHistogram(it) => {
                it.points().for_each(|it| self.exponential(it, name, around));
            }
            MetricData::Summary(it) => it.points().for_each(|it| self.summary(it, name, around)),
            MetricData::Empty => self.drop_points("the type is not known", metric),
        }
    }

    fn labels(&mut self, attributes: AttributesRef<'_>, around: &Around<'_>) -> Option<Labels> {
        let labels = labels(attributes, around);
        if labels.is_none() {
            *self.dropped.entry("a label cannot be said").or_default() += 1;
        }
        labels
    }

    fn number(&mut self, point: NumberPoint<'_>, name: &str, around: &Around<'_>, is_sum: bool) {
        let Some(labels) = self.labels(point.attributes(), around) else { return };
        let at = (millis(point.time_unix_nano()), point.flags());
        let series = self.sample(with(&labels, name, None), number(point.value()), at);
        if let Some(series) = series.filter(|_| is_sum) {
            series.exemplars.extend(point.exemplars().map(example));
        }
    }

    fn histogram(&mut self, point: HistogramPoint<'_>, name: &str, around: &Around<'_>) {
        let Some(labels) = self.labels(point.attributes(), around) else { return };
        let at = (millis(point.time_unix_nano()), point.flags());
        if let Some(sum) = point.sum() {
            self.sample(with(&labels, &format!("{name}_sum"), None), sum, at);
        }
        let count = point.count() as f64;
        self.sample(with(&labels, &format!("{name}_count"), None), count, at);
        let mut exemplars: Vec<Example> = point.exemplars().map(example).collect();
        let bucket = format!("{name}_bucket");
        let mut cumulative = 0_u64;
        for (bound, counted) in point.explicit_bounds().zip(point.bucket_counts()) {
            cumulative = cumulative.saturating_add(counted);
            let le = decimal(bound);
            let labels = with(&labels, &bucket, Some(("le", le)));
            let series = self.sample(labels, cumulative as f64, at);
            let own = exemplars.extract_if(.., |it| it.value <= bound);
            if let Some(series) = series {
                series.exemplars.extend(own);
            }
        }
        let labels = with(&labels, &bucket, Some(("le", "+Inf".to_owned())));
        if let Some(series) = self.sample(labels, count, at) {
            series.exemplars.append(&mut exemplars);
        }
    }

    fn exponential(
        &mut self,
        point: ExponentialHistogramPoint<'_>,
        name: &str,
        around: &Around<'_>,
    ) {
        let Some(labels) = self.labels(point.attributes(), around) else { return };
        let Some(native) = native(&point, has_ended(point.flags()).then(|| f64::from_bits(STALE)))
        else {
            *self.dropped.entry("the scale of a histogram is below -4").or_default() += 1;
            return;
        };
        if let Some(series) = self.series(with(&labels, name, None)) {
            series.natives.push(native);
            series.exemplars.extend(point.exemplars().map(example));
        }
    }

    fn summary(&mut self, point: SummaryPoint<'_>, name: &str, around: &Around<'_>) {
        let Some(labels) = self.labels(point.attributes(), around) else { return };
        let at = (millis(point.time_unix_nano()), point.flags());
        self.sample(with(&labels, &format!("{name}_sum"), None), point.sum(), at);
        let count = point.count() as f64;
        self.sample(with(&labels, &format!("{name}_count"), None), count, at);
        for it in point.quantiles() {
            let quantile = decimal(it.quantile);
            let labels = with(&labels, name, Some(("quantile", quantile)));
            self.sample(labels, it.value, at);
        }
    }

    /// `addResourceTargetInfo`.
    fn target_info(&mut self, resource: AttributesRef<'_>, config: &Config, time: u64) {
        let mut labels = BTreeMap::new();
        let own = resource.iter().filter(|it| !SERVICE.contains(&it.0));
        if !merge(own, LabelStyle::Each, &mut labels) || labels.is_empty() {
            return;
        }
        job_and_instance(resource, &mut labels);
        if !(labels.contains_key("job") || labels.contains_key("instance")) {
            return;
        }
        external(config, &mut labels);
        let prefix = if config.namespace.is_empty() { "" } else { "_" };
        let name = format!("{}{prefix}target_info", config.namespace);
        self.metadata.push(Metadata { name: name.clone(), of_type: INFO, ..Metadata::default() });
        labels.insert("__name__".to_owned(), name);
        self.sample(labels.into_iter().collect(), 1.0, (millis(time), 0));
    }
}

/// Adds attributes as labels. Those whose names come out the same are joined by `;`.
fn merge<'a>(
    attributes: impl Iterator<Item = (&'a str, pdata::ValueRef<'a>)>,
    style: LabelStyle,
    labels: &mut BTreeMap<String, String>,
) -> bool {
    let mut sorted: Vec<_> = attributes.collect();
    sorted.sort_by_key(|it| it.0);
    for (key, value) in sorted {
        let Ok(name) = label(key, style) else { return false };
        let value = value.to_string();
        match labels.get_mut(&*name) {
            Some(known) if *known != value => {
                known.push(';');
                known.push_str(&value);
            }
            Some(_) => {}
            None => drop(labels.insert(name.into_owned(), value)),
        }
    }
    true
}

fn job_and_instance(resource: AttributesRef<'_>, labels: &mut BTreeMap<String, String>) {
    if let Some(name) = resource.get("service.name") {
        let job = match resource.get("service.namespace") {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_string(),
        };
        labels.insert("job".to_owned(), job);
    }
    if let Some(id) = resource.get("service.instance.id") {
        labels.insert("instance".to_owned(), id.to_string());
    }
}

fn external(config: &Config, labels: &mut BTreeMap<String, String>) {
    for (name, value) in &config.external_labels {
        if let Ok(name) = label(name, LabelStyle::Joined) {
            labels.entry(name.into_owned()).or_insert_with(|| value.clone());
        }
    }
}

/// The labels of a point, but for its name. `createAttributes`.
fn labels(attributes: AttributesRef<'_>, around: &Around<'_>) -> Option<Labels> {
    let (config, style) = (around.config, LabelStyle::Joined);
    let mut labels = BTreeMap::new();
    let resource = &config.resource_to_telemetry_conversion;
    let excluded = |key: &str| resource.exclude_service_attributes && SERVICE.contains(&key);
    let of_resource = around.resource.iter().filter(|it| resource.enabled && !excluded(it.0));
    // As upstream: an attribute of the resource replaces one of the point.
    let of_point = attributes
        .iter()
        .filter(|it| !(resource.enabled && !excluded(it.0) && around.resource.contains(it.0)));
    if !merge(of_point.chain(of_resource), style, &mut labels) {
        return None;
    }
    job_and_instance(around.resource, &mut labels);
    external(config, &mut labels);
    if !config.disable_scope_info {
        let scope = around.scope;
        for (name, value) in
            [("otel_scope_name", scope.name()), ("otel_scope_version", scope.version())]
        {
            if !value.is_empty() {
                labels.insert(name.to_owned(), value.to_owned());
            }
        }
        for (key, value) in scope.attributes().iter() {
            if let Ok(name) = label(&format!("otel_scope_{key}"), style) {
                labels.insert(name.into_owned(), value.to_string());
            }
        }
    }
    Some(labels.into_iter().collect())
}

/// Labels with a name, and perhaps one more.
fn with(labels: &Labels, name: &str, extra: Option<(&str, String)>) -> Labels {
    let extra = extra.map(|(name, value)| (name.to_owned(), value));
    let taken = |key: &str| key == "__name__" || extra.as_ref().is_some_and(|it| it.0 == key);
    let mut all: Labels = labels.iter().filter(|it| !taken(&it.0)).cloned().collect();
    all.push(("__name__".to_owned(), name.to_owned()));
    all.extend(extra);
    all
}

fn example(it: Exemplar<'_>) -> Example {
    let mut labels = Vec::new();
    for (name, id) in [("trace_id", it.trace_id()), ("span_id", it.span_id())] {
        if id.iter().any(|it| *it != 0) {
            labels.push((name.to_owned(), pdata::text::hex(id)));
        }
    }
    let more: Labels = it
        .filtered_attributes()
        .iter()
        .map(|(key, value)| (key.to_owned(), value.to_string()))
        .collect();
    let chars = |all: &Labels| -> usize {
        all.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum()
    };
    if chars(&labels) + chars(&more) <= EXEMPLAR_CHARS_MAX {
        labels.extend(more);
    }
    let (value, timestamp) = (number(it.value()), millis(it.time_unix_nano()));
    Example { labels, value, timestamp }
}
