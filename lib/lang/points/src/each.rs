//! Points of a metric, whatever its kind.

use pdata::tree::{KeyValue, Metric, metric};

/// `$do` with the list of points of a metric that has data.
macro_rules! of_any_kind {
    ($metric:expr, $points:ident => $do:expr) => {
        match $metric {
            Some(metric::Data::Gauge(pdata::tree::Gauge { data_points: $points })) => $do,
            Some(metric::Data::Sum(pdata::tree::Sum { data_points: $points, .. })) => $do,
            Some(metric::Data::Histogram(pdata::tree::Histogram {
                data_points: $points, ..
            })) => $do,
            Some(metric::Data::ExponentialHistogram(pdata::tree::ExponentialHistogram {
                data_points: $points,
                ..
            })) => $do,
            Some(metric::Data::Summary(pdata::tree::Summary { data_points: $points })) => $do,
            None => Default::default(),
        }
    };
}

/// Shows `change` the attributes of each point.
pub fn each_attributes(metric: &mut Metric, change: &mut dyn FnMut(&mut Vec<KeyValue>)) {
    of_any_kind!(&mut metric.data, points => points.iter_mut().for_each(|it| change(&mut it.attributes)));
}

/// Removes the points whose attributes `keep` does not want.
pub fn retain(metric: &mut Metric, keep: &mut dyn FnMut(&[KeyValue]) -> bool) {
    of_any_kind!(&mut metric.data, points => points.retain(|it| keep(&it.attributes)));
}

/// How many points it has.
pub fn count(metric: &Metric) -> usize {
    of_any_kind!(&metric.data, points => points.len())
}

/// Whether there is a point with attributes that `wanted` wants.
pub fn any<'a>(metric: &'a Metric, wanted: &mut dyn FnMut(&'a [KeyValue]) -> bool) -> bool {
    of_any_kind!(&metric.data, points => points.iter().any(|it| wanted(&it.attributes)))
}
