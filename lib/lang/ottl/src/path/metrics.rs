//! The fields of metrics, their points and exemplars.

use pdata::Field as Otlp;

use super::Takes::{Bool, Double, Id, Int, Map, Messages, Nothing, Numbers, Text, Time};
use super::Wrong::{Ignored, Refused};
use super::{Entry, entry, indexed};
use crate::value::{SPAN_ID, TRACE_ID};

pub(super) const METRIC: &[Entry] = &[
    entry("name", Otlp::METRIC_NAME, Text(Refused)),
    entry("description", Otlp::METRIC_DESCRIPTION, Text(Refused)),
    entry("unit", Otlp::METRIC_UNIT, Text(Refused)),
    // It is no field of OTLP but the number of the one that holds the points.
    entry("type", Otlp::METRIC_POINTS, Nothing),
    entry("aggregation_temporality", Otlp::METRIC_TEMPORALITY, Int(Refused)),
    entry("is_monotonic", Otlp::METRIC_MONOTONIC, Bool),
    entry("data_points", Otlp::METRIC_POINTS, Messages),
    indexed("metadata", Otlp::METRIC_METADATA, Map),
];

pub(super) const DATA_POINT: &[Entry] = &[
    indexed("attributes", Otlp::POINT_ATTRIBUTES, Map),
    entry("start_time_unix_nano", Otlp::POINT_START_TIME, Int(Ignored)),
    entry("time_unix_nano", Otlp::POINT_TIME, Int(Ignored)),
    entry("start_time", Otlp::POINT_START_TIME, Time(Ignored)),
    entry("time", Otlp::POINT_TIME, Time(Ignored)),
    entry("value_double", Otlp::POINT_VALUE, Double),
    entry("value_int", Otlp::POINT_VALUE, Int(Ignored)),
    entry("exemplars", Otlp::POINT_EXEMPLARS, Messages),
    entry("flags", Otlp::POINT_FLAGS, Int(Ignored)),
    entry("count", Otlp::POINT_COUNT, Int(Ignored)),
    entry("sum", Otlp::POINT_SUM, Double),
    entry("bucket_counts", Otlp::POINT_BUCKET_COUNTS, Numbers),
    entry("explicit_bounds", Otlp::POINT_EXPLICIT_BOUNDS, Numbers),
    entry("scale", Otlp::POINT_SCALE, Int(Ignored)),
    entry("zero_count", Otlp::POINT_ZERO_COUNT, Int(Ignored)),
    entry("positive", Otlp::POINT_POSITIVE, Messages),
    entry("positive.offset", Otlp::POINT_POSITIVE_OFFSET, Int(Ignored)),
    entry("positive.bucket_counts", Otlp::POINT_POSITIVE_COUNTS, Numbers),
    entry("negative", Otlp::POINT_NEGATIVE, Messages),
    entry("negative.offset", Otlp::POINT_NEGATIVE_OFFSET, Int(Ignored)),
    entry("negative.bucket_counts", Otlp::POINT_NEGATIVE_COUNTS, Numbers),
    entry("quantile_values", Otlp::POINT_QUANTILES, Messages),
];

pub(super) const EXEMPLAR: &[Entry] = &[
    entry("time_unix_nano", Otlp::EXEMPLAR_TIME, Int(Ignored)),
    entry("time", Otlp::EXEMPLAR_TIME, Time(Ignored)),
    entry("double_value", Otlp::EXEMPLAR_VALUE, Double),
    entry("int_value", Otlp::EXEMPLAR_VALUE, Int(Ignored)),
    entry("trace_id", Otlp::EXEMPLAR_TRACE_ID, Id(TRACE_ID, Ignored)),
    entry("span_id", Otlp::EXEMPLAR_SPAN_ID, Id(SPAN_ID, Ignored)),
    indexed("filtered_attributes", Otlp::EXEMPLAR_ATTRIBUTES, Map),
];
