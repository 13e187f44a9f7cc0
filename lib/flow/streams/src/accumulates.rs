//! Which metrics add up, and over which time.

use pdata::{Field, MetricKind, Place, ValueRef};

/// Points say what was measured since the one before. `AGGREGATION_TEMPORALITY_DELTA`.
pub const DELTA: i64 = 1;
/// Points say all that was measured since their start. `AGGREGATION_TEMPORALITY_CUMULATIVE`.
pub const CUMULATIVE: i64 = 2;

/// Whether the metric that is visited is cumulative and only grows, so that its last point says all.
pub fn accumulates(place: &Place<'_>) -> bool {
    let grows = match place.metric_kind() {
        MetricKind::Sum => {
            let monotonic = place.get(Field::METRIC_MONOTONIC, &[]);
            monotonic.is_ok_and(|it| it.and_then(ValueRef::as_bool) == Some(true))
        }
        MetricKind::Histogram | MetricKind::ExponentialHistogram => true,
        _ => false,
    };
    grows && place.int(Field::METRIC_TEMPORALITY) == Some(CUMULATIVE)
}
