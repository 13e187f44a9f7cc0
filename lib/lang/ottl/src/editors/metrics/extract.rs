//! Metrics made of metrics: counts, sums and quantiles on their own, copies, and gauges that are sums.

use pdata::tree::number_data_point::Value as Number;
use pdata::tree::{
    AggregationTemporality, AnyValue, Gauge, KeyValue, Metric, NumberDataPoint, any_value, metric,
};

use super::super::{Work, constant_text};
use super::{after, double, int, sum_after, temporality, type_name};

#[expect(clippy::unnecessary_wraps, reason = "all editors look the same")]
pub(super) fn sum_to_gauge(work: &mut Work<'_, '_>) -> Result<(), String> {
    work.site.sum_to_gauge();
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "all editors look the same")]
pub(super) fn gauge_to_sum(work: &mut Work<'_, '_>) -> Result<(), String> {
    let temporality = constant_text(work.arguments, 0).and_then(temporality);
    let temporality = i32::from(temporality.unwrap_or(AggregationTemporality::Unspecified));
    let monotonic = work.is_monotonic(1);
    work.site.gauge_to_sum(temporality.into(), monotonic);
    Ok(())
}

pub(super) fn copy(work: &mut Work<'_, '_>) -> Result<(), String> {
    let mut copy = work.tree();
    for (at, to) in [&mut copy.name, &mut copy.description, &mut copy.unit].into_iter().enumerate()
    {
        if let Some(text) = work.given_text(at)? {
            *to = text.into_owned();
        }
    }
    work.add_tree(&copy)
}

/// What histograms and summaries have alike.
struct Measured {
    attributes: Vec<KeyValue>,
    start_time_unix_nano: u64,
    time_unix_nano: u64,
    count: u64,
    sum: Option<f64>,
}

impl Measured {
    fn point(self, value: Number) -> NumberDataPoint {
        NumberDataPoint {
            attributes: self.attributes,
            start_time_unix_nano: self.start_time_unix_nano,
            time_unix_nano: self.time_unix_nano,
            value: Some(value),
            ..NumberDataPoint::default()
        }
    }
}

/// The points of a histogram or summary, and their temporality.
fn measured(metric: &Metric) -> Option<(AggregationTemporality, Vec<Measured>)> {
    macro_rules! points {
        ($data:expr, |$it:ident| $sum:expr) => {
            $data
                .data_points
                .iter()
                .map(|$it| Measured {
                    attributes: $it.attributes.clone(),
                    start_time_unix_nano: $it.start_time_unix_nano,
                    time_unix_nano: $it.time_unix_nano,
                    count: $it.count,
                    sum: $sum,
                })
                .collect()
        };
    }
    let (temporality, points) = match metric.data.as_ref()? {
        metric::Data::Histogram(it) => (it.aggregation_temporality(), points!(it, |it| it.sum)),
        metric::Data::ExponentialHistogram(it) => {
            (it.aggregation_temporality(), points!(it, |it| it.sum))
        }
        // A summary has no temporality; that of OpenMetrics is cumulative.
        metric::Data::Summary(it) => {
            (AggregationTemporality::Cumulative, points!(it, |it| Some(it.sum)))
        }
        _ => return None,
    };
    (temporality != AggregationTemporality::Unspecified).then_some((temporality, points))
}

fn not_measured(function: &str, metric: &Metric) -> String {
    format!(
        "{function} requires an input metric of type Histogram, ExponentialHistogram or Summary, got {}",
        type_name(metric)
    )
}

pub(super) fn count(work: &mut Work<'_, '_>) -> Result<(), String> {
    let metric = work.tree();
    let found = measured(&metric);
    let (temporality, points) =
        found.ok_or_else(|| not_measured("extract_count_metric", &metric))?;
    let points = points.into_iter().map(|it| {
        let value = int(it.count);
        it.point(value)
    });
    let suffix = work.suffix(1, "_count");
    let mut new = sum_after(&metric, suffix, temporality, work.is_monotonic(0), points.collect());
    // The unit of what was measured is not that of how often.
    "1".clone_into(&mut new.unit);
    add_if_any(work, &new)
}

pub(super) fn sum(work: &mut Work<'_, '_>) -> Result<(), String> {
    let metric = work.tree();
    let found = measured(&metric);
    let (temporality, points) = found.ok_or_else(|| not_measured("extract_sum_metric", &metric))?;
    let points = points.into_iter().filter_map(|it| {
        let value = double(it.sum?);
        Some(it.point(value))
    });
    let suffix = work.suffix(1, "_sum");
    let new = sum_after(&metric, suffix, temporality, work.is_monotonic(0), points.collect());
    add_if_any(work, &new)
}

fn add_if_any(work: &mut Work<'_, '_>, metric: &Metric) -> Result<(), String> {
    match &metric.data {
        Some(metric::Data::Sum(it)) if it.data_points.is_empty() => Ok(()),
        _ => work.add_tree(metric),
    }
}

pub(super) fn summary_count(work: &mut Work<'_, '_>) -> Result<(), String> {
    of_summary(work, "_count", |it| int(it.count))
}

pub(super) fn summary_sum(work: &mut Work<'_, '_>) -> Result<(), String> {
    of_summary(work, "_sum", |it| double(it.sum.unwrap_or_default()))
}

fn of_summary(
    work: &mut Work<'_, '_>,
    suffix: &'static str,
    value: fn(&Measured) -> Number,
) -> Result<(), String> {
    let metric = work.tree();
    let (Some(metric::Data::Summary(_)), Some((_, points))) = (&metric.data, measured(&metric))
    else {
        return Ok(());
    };
    let points = points.into_iter().map(|it| {
        let value = value(&it);
        it.point(value)
    });
    let temporality = constant_text(work.arguments, 0).and_then(temporality).unwrap_or_default();
    let suffix = work.suffix(2, suffix);
    let new = sum_after(&metric, suffix, temporality, work.is_monotonic(1), points.collect());
    work.add_tree(&new)
}

pub(super) fn summary_quantiles(work: &mut Work<'_, '_>) -> Result<(), String> {
    let metric = work.tree();
    let Some(metric::Data::Summary(summary)) = &metric.data else { return Ok(()) };
    let key = work.suffix(0, "quantile");
    let mut data_points = Vec::new();
    for point in &summary.data_points {
        for quantile in &point.quantile_values {
            let mut attributes = point.attributes.clone();
            let value = any_value::Value::DoubleValue(quantile.quantile);
            let value = Some(AnyValue { value: Some(value) });
            match attributes.iter_mut().find(|it| it.key == key) {
                Some(entry) => entry.value = value,
                None => {
                    attributes.push(KeyValue { key: key.to_owned(), value, ..KeyValue::default() })
                }
            }
            data_points.push(NumberDataPoint {
                attributes,
                start_time_unix_nano: point.start_time_unix_nano,
                time_unix_nano: point.time_unix_nano,
                value: Some(double(quantile.value)),
                ..NumberDataPoint::default()
            });
        }
    }
    let gauge = metric::Data::Gauge(Gauge { data_points });
    let new = after(&metric, work.suffix(1, ".quantiles"), gauge);
    work.add_tree(&new)
}
