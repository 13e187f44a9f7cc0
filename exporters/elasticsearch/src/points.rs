//! Values of data points, and the dynamic template of the field that gets one (`internal/datapoints`, v0.159).

use documents::json::{self, object};
use pdata::{
    AttributesRef, Buckets, ExponentialHistogramPoint, HistogramPoint, Metric, MetricData,
    NumberValue, PointRef, ValueRef,
};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: i32 = 2;
/// Buckets of a histogram that are written; OTLP's SDKs make at most 160.
const BUCKETS_MAX: usize = 10_000;

/// What attributes say of how a value is to be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    pub(crate) doc_count: bool,
    pub(crate) aggregate: bool,
    pub(crate) raw: bool,
}

impl Hints {
    pub(crate) fn of(attributes: AttributesRef<'_>) -> Self {
        let mut hints = Self::default();
        let list = attributes.get("elasticsearch.mapping.hints").and_then(ValueRef::as_array);
        for hint in list.iter().flat_map(|it| it.iter()).filter_map(ValueRef::as_str) {
            match hint {
                "_doc_count" => hints.doc_count = true,
                "aggregate_metric_double" => hints.aggregate = true,
                "histogram:raw" => hints.raw = true,
                _ => {}
            }
        }
        hints
    }
}

/// A value in JSON, or as the parts of an object.
pub(crate) struct Value {
    pub(crate) json: Vec<u8>,
    /// Names and values if it is an object.
    pub(crate) parts: Vec<(&'static str, Vec<u8>)>,
    pub(crate) template: &'static str,
    /// How many measurements it stands for.
    pub(crate) count: u64,
}

impl Value {
    fn parts(parts: Vec<(&'static str, Vec<u8>)>, template: &'static str, count: u64) -> Self {
        let mut json = Vec::new();
        object(&mut json, |it| {
            for (name, part) in &parts {
                it.key(name).extend_from_slice(part);
            }
        });
        Self { json, parts, template, count }
    }

    fn aggregate(sum: f64, count: u64) -> Self {
        let (mut total, mut values) = (Vec::new(), Vec::new());
        json::double(&mut total, sum);
        json::uint(&mut values, count);
        Self::parts(vec![("sum", total), ("value_count", values)], "summary", count)
    }

    fn histogram(all: &[(u64, f64)], count: u64) -> Self {
        let (mut counts, mut values) = (Vec::new(), Vec::new());
        json::list(&mut counts, all.iter(), |out, it| json::uint(out, it.0));
        json::list(&mut values, all.iter(), |out, it| json::double(out, it.1));
        Self::parts(vec![("counts", counts), ("values", values)], "histogram", count)
    }
}

/// The value of a point.
///
/// # Errors
/// Why Elasticsearch cannot have it.
pub(crate) fn value(
    metric: Metric<'_>,
    point: PointRef<'_>,
    hints: Hints,
) -> Result<Value, &'static str> {
    let data = metric.data();
    match (point, data) {
        (PointRef::Number(point), _) => number(data, point.value()),
        (PointRef::Histogram(point), MetricData::Histogram(it)) => {
            if it.aggregation_temporality() == CUMULATIVE {
                return Err("cumulative_histogram");
            }
            let sum = point.sum().unwrap_or_default();
            if hints.aggregate {
                return finite(sum).map(|sum| Value::aggregate(sum, point.count()));
            }
            Ok(Value::histogram(&centroids(point, hints.raw)?, point.count()))
        }
        (PointRef::ExponentialHistogram(point), MetricData::ExponentialHistogram(it)) => {
            if it.aggregation_temporality() == CUMULATIVE {
                return Err("cumulative_histogram");
            }
            let sum = point.sum().unwrap_or_default();
            if hints.aggregate {
                return finite(sum).map(|sum| Value::aggregate(sum, point.count()));
            }
            Ok(Value::histogram(&exponential(point)?, point.count()))
        }
        (PointRef::Summary(point), _) => {
            finite(point.sum()).map(|sum| Value::aggregate(sum, point.count()))
        }
        _ => Err("no_value"),
    }
}

fn finite(it: f64) -> Result<f64, &'static str> {
    if it.is_finite() { Ok(it) } else { Err("not_finite") }
}

fn number(data: MetricData<'_>, value: NumberValue) -> Result<Value, &'static str> {
    let counts = matches!(data, MetricData::Sum(it) if it.is_monotonic() && it.aggregation_temporality() == CUMULATIVE);
    let mut out = Vec::new();
    let template = match value {
        NumberValue::None => return Err("no_value"),
        NumberValue::Int(it) => {
            json::int(&mut out, it);
            if counts { "counter_long" } else { "gauge_long" }
        }
        NumberValue::Double(it) => {
            json::double(&mut out, finite(it)?);
            if counts { "counter_double" } else { "gauge_double" }
        }
    };
    Ok(Value { json: out, parts: Vec::new(), template, count: 1 })
}

/// Counts, and the value that stands for each bucket: its middle, or its bound.
fn centroids(point: HistogramPoint<'_>, raw: bool) -> Result<Vec<(u64, f64)>, &'static str> {
    let bounds: Vec<f64> = point.explicit_bounds().take(BUCKETS_MAX).collect();
    let counts: Vec<u64> = point.bucket_counts().take(BUCKETS_MAX + 1).collect();
    if !counts.is_empty() && counts.len() != bounds.len() + 1 {
        return Err("invalid_histogram");
    }
    if bounds.is_empty() {
        if point.count() == 0 {
            return Ok(Vec::new());
        }
        let mean = point.sum().unwrap_or_default() / point.count() as f64;
        return Ok(vec![(point.count(), finite(mean)?)]);
    }
    let mut all: Vec<(u64, f64)> = Vec::new();
    for (at, count) in counts.into_iter().enumerate().filter(|it| it.1 > 0) {
        let below = at.checked_sub(1).and_then(|it| bounds.get(it)).copied();
        let above = bounds.get(at).copied();
        let value = match (below, above) {
            (_, Some(above)) if raw => above,
            // The last bucket has no bound; its count goes to the one before, as values have to grow.
            (_, None) if raw && all.last().is_some() => {
                if let Some(last) = all.last_mut() {
                    last.0 = last.0.saturating_add(count);
                }
                continue;
            }
            (None, Some(above)) => {
                if above > 0.0 {
                    above / 2.0
                } else {
                    above
                }
            }
            (Some(below), Some(above)) => below + (above - below) / 2.0,
            (Some(below), None) => below,
            (None, None) => continue,
        };
        all.push((count, finite(value)?));
    }
    Ok(all)
}

/// Counts and the middle of each bucket, from the lowest to the highest.
fn exponential(point: ExponentialHistogramPoint<'_>) -> Result<Vec<(u64, f64)>, &'static str> {
    let scale = point.scale();
    let side = |it: Option<Buckets<'_>>| -> Vec<(u64, f64)> {
        let Some(it) = it else { return Vec::new() };
        let counts = it.bucket_counts().take(BUCKETS_MAX);
        let counts = (0..).zip(counts).filter(|it| it.1 > 0);
        let middle = |at: i64| {
            let index = i64::from(it.offset()) + at;
            let (low, high) = (boundary(index, scale), boundary(index + 1, scale));
            low + (high - low) / 2.0
        };
        counts.map(|(at, count)| (count, middle(at))).collect()
    };
    let mut all: Vec<(u64, f64)> =
        side(point.negative()).into_iter().rev().map(|it| (it.0, -it.1)).collect();
    if point.zero_count() > 0 {
        all.push((point.zero_count(), 0.0));
    }
    all.extend(side(point.positive()));
    if all.iter().all(|it| it.1.is_finite()) { Ok(all) } else { Err("not_finite") }
}

/// The lower bound of a bucket: 2 to the power of index / 2^scale. OpenTelemetry metrics data model, "Exponential buckets".
fn boundary(index: i64, scale: i32) -> f64 {
    let exponent = index as f64 * 2_f64.powi(scale.saturating_neg());
    exponent.exp2()
}
