//! The fields of metrics and their points.

use pdata::{Buckets, MetricData, NumberValue, PointRef};

use super::{Entry, Field, entry, indexed};
use crate::context::Scene;
use crate::value::{Instant, List, Map, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetricField {
    Name,
    Description,
    Unit,
    Type,
    AggregationTemporality,
    IsMonotonic,
    DataPoints,
    Metadata,
}

pub(super) const METRIC: &[Entry] = &[
    entry("name", Field::Metric(MetricField::Name)),
    entry("description", Field::Metric(MetricField::Description)),
    entry("unit", Field::Metric(MetricField::Unit)),
    entry("type", Field::Metric(MetricField::Type)),
    entry("aggregation_temporality", Field::Metric(MetricField::AggregationTemporality)),
    entry("is_monotonic", Field::Metric(MetricField::IsMonotonic)),
    entry("data_points", Field::Metric(MetricField::DataPoints)),
    indexed("metadata", Field::Metric(MetricField::Metadata)),
];

impl MetricField {
    pub(super) fn is_int(self) -> bool {
        matches!(self, Self::Type | Self::AggregationTemporality)
    }

    #[inline]
    pub(super) fn int(self, scene: &Scene<'_>) -> Option<i64> {
        let data = scene.metric()?.data();
        match self {
            Self::Type => Some(match data {
                MetricData::Empty => 0,
                MetricData::Gauge(_) => 1,
                MetricData::Sum(_) => 2,
                MetricData::Histogram(_) => 3,
                MetricData::ExponentialHistogram(_) => 4,
                MetricData::Summary(_) => 5,
            }),
            Self::AggregationTemporality => match data {
                MetricData::Sum(it) => Some(it.aggregation_temporality().into()),
                MetricData::Histogram(it) => Some(it.aggregation_temporality().into()),
                MetricData::ExponentialHistogram(it) => Some(it.aggregation_temporality().into()),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn value<'a>(self, scene: &Scene<'a>) -> Value<'a> {
        let Some(metric) = scene.metric() else { return Value::Nil };
        match self {
            Self::Name => metric.name().into(),
            Self::Description => metric.description().into(),
            Self::Unit => metric.unit().into(),
            Self::Type | Self::AggregationTemporality => {
                self.int(scene).map_or(Value::Nil, Value::Int)
            }
            Self::IsMonotonic => match metric.data() {
                MetricData::Sum(it) => Value::Bool(it.is_monotonic()),
                _ => Value::Nil,
            },
            Self::DataPoints => {
                let name = match metric.data() {
                    MetricData::Empty => return Value::Nil,
                    MetricData::Gauge(_) | MetricData::Sum(_) => "pmetric.NumberDataPointSlice",
                    MetricData::Histogram(_) => "pmetric.HistogramDataPointSlice",
                    MetricData::ExponentialHistogram(_) => {
                        "pmetric.ExponentialHistogramDataPointSlice"
                    }
                    MetricData::Summary(_) => "pmetric.SummaryDataPointSlice",
                };
                Value::Opaque(name, Some(metric.points().count()))
            }
            Self::Metadata => Value::Map(Map::View(metric.metadata())),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataPointField {
    Attributes,
    StartTimeUnixNano,
    TimeUnixNano,
    StartTime,
    Time,
    ValueDouble,
    ValueInt,
    Exemplars,
    Flags,
    Count,
    Sum,
    BucketCounts,
    ExplicitBounds,
    Scale,
    ZeroCount,
    Positive,
    PositiveOffset,
    PositiveBucketCounts,
    Negative,
    NegativeOffset,
    NegativeBucketCounts,
    QuantileValues,
}

pub(super) const DATA_POINT: &[Entry] = &[
    indexed("attributes", Field::DataPoint(DataPointField::Attributes)),
    entry("start_time_unix_nano", Field::DataPoint(DataPointField::StartTimeUnixNano)),
    entry("time_unix_nano", Field::DataPoint(DataPointField::TimeUnixNano)),
    entry("start_time", Field::DataPoint(DataPointField::StartTime)),
    entry("time", Field::DataPoint(DataPointField::Time)),
    entry("value_double", Field::DataPoint(DataPointField::ValueDouble)),
    entry("value_int", Field::DataPoint(DataPointField::ValueInt)),
    entry("exemplars", Field::DataPoint(DataPointField::Exemplars)),
    entry("flags", Field::DataPoint(DataPointField::Flags)),
    entry("count", Field::DataPoint(DataPointField::Count)),
    entry("sum", Field::DataPoint(DataPointField::Sum)),
    entry("bucket_counts", Field::DataPoint(DataPointField::BucketCounts)),
    entry("explicit_bounds", Field::DataPoint(DataPointField::ExplicitBounds)),
    entry("scale", Field::DataPoint(DataPointField::Scale)),
    entry("zero_count", Field::DataPoint(DataPointField::ZeroCount)),
    entry("positive", Field::DataPoint(DataPointField::Positive)),
    entry("positive.offset", Field::DataPoint(DataPointField::PositiveOffset)),
    entry("positive.bucket_counts", Field::DataPoint(DataPointField::PositiveBucketCounts)),
    entry("negative", Field::DataPoint(DataPointField::Negative)),
    entry("negative.offset", Field::DataPoint(DataPointField::NegativeOffset)),
    entry("negative.bucket_counts", Field::DataPoint(DataPointField::NegativeBucketCounts)),
    entry("quantile_values", Field::DataPoint(DataPointField::QuantileValues)),
];

/// Go's type of one half of an exponential histogram.
const BUCKETS_TYPE: &str = "pmetric.ExponentialHistogramDataPointBuckets";

fn numbers<'a>(list: impl Iterator<Item = u64>) -> Value<'a> {
    Value::List(List::own(list.map(|it| Value::Int(it as i64)).collect()))
}

impl DataPointField {
    pub(super) fn is_int(self) -> bool {
        matches!(
            self,
            Self::StartTimeUnixNano
                | Self::TimeUnixNano
                | Self::ValueInt
                | Self::Flags
                | Self::Count
                | Self::Scale
                | Self::ZeroCount
        )
    }

    #[inline]
    pub(super) fn int(self, scene: &Scene<'_>) -> Option<i64> {
        let point = *scene.point()?;
        match (self, point) {
            (Self::StartTimeUnixNano, _) => Some(point.start_time_unix_nano() as i64),
            (Self::TimeUnixNano, _) => Some(point.time_unix_nano() as i64),
            (Self::Flags, _) => Some(point.flags().into()),
            (Self::ValueInt, PointRef::Number(it)) => match it.value() {
                NumberValue::Int(it) => Some(it),
                _ => Some(0),
            },
            (Self::Count, PointRef::Histogram(it)) => Some(it.count() as i64),
            (Self::Count, PointRef::ExponentialHistogram(it)) => Some(it.count() as i64),
            (Self::Count, PointRef::Summary(it)) => Some(it.count() as i64),
            (_, PointRef::ExponentialHistogram(it)) => match self {
                Self::Scale => Some(it.scale().into()),
                Self::ZeroCount => Some(it.zero_count() as i64),
                Self::PositiveOffset => Some(it.positive().map_or(0, Buckets::offset).into()),
                Self::NegativeOffset => Some(it.negative().map_or(0, Buckets::offset).into()),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn value<'a>(self, scene: &Scene<'a>) -> Value<'a> {
        let Some(point) = scene.point().copied() else { return Value::Nil };
        match (self, point) {
            (Self::Attributes, _) => Value::Map(Map::View(point.attributes())),
            (Self::StartTime, _) => Value::Time(Instant::of(point.start_time_unix_nano())),
            (Self::Time, _) => Value::Time(Instant::of(point.time_unix_nano())),
            (Self::ValueDouble, PointRef::Number(it)) => match it.value() {
                NumberValue::Double(it) => Value::Double(it),
                _ => Value::Double(0.0),
            },
            (Self::Exemplars, _) => {
                let count = match point {
                    PointRef::Number(it) => it.exemplars().count(),
                    PointRef::Histogram(it) => it.exemplars().count(),
                    PointRef::ExponentialHistogram(it) => it.exemplars().count(),
                    PointRef::Summary(_) => return Value::Nil,
                };
                Value::Opaque("pmetric.ExemplarSlice", Some(count))
            }
            (Self::Sum, PointRef::Histogram(it)) => Value::Double(it.sum().unwrap_or(0.0)),
            (Self::Sum, PointRef::ExponentialHistogram(it)) => {
                Value::Double(it.sum().unwrap_or(0.0))
            }
            (Self::Sum, PointRef::Summary(it)) => Value::Double(it.sum()),
            (Self::BucketCounts, PointRef::Histogram(it)) => numbers(it.bucket_counts()),
            (Self::ExplicitBounds, PointRef::Histogram(it)) => {
                Value::List(List::own(it.explicit_bounds().map(Value::Double).collect()))
            }
            (Self::Positive | Self::Negative, PointRef::ExponentialHistogram(_)) => {
                Value::Opaque(BUCKETS_TYPE, None)
            }
            (Self::PositiveBucketCounts, PointRef::ExponentialHistogram(it)) => {
                numbers(it.positive().into_iter().flat_map(Buckets::bucket_counts))
            }
            (Self::NegativeBucketCounts, PointRef::ExponentialHistogram(it)) => {
                numbers(it.negative().into_iter().flat_map(Buckets::bucket_counts))
            }
            (Self::QuantileValues, PointRef::Summary(it)) => {
                let count = it.quantiles().count();
                Value::Opaque("pmetric.SummaryDataPointValueAtQuantileSlice", Some(count))
            }
            _ => self.int(scene).map_or(Value::Nil, Value::Int),
        }
    }
}
