//! Editors of metrics. Those that change a metric as a whole decode it to a tree, which costs a decode and an
//! encode for each metric that they are meant for.

mod aggregate;
mod buckets;
mod extract;
mod percentile;
mod scale;

use pdata::tree::{
    AggregationTemporality, Metric, NumberDataPoint, Sum, metric, number_data_point,
};

use super::{Editor, State, Work, constant_bool, constant_text, editor};
use crate::context::Context;
use crate::functions::{Kind, Parameter, Slot, may_take, takes};

const SUFFIX: Parameter = may_take("suffix", Kind::TheText);
const TEMPORALITY: Parameter = takes("string_agg_temp", Kind::TheText);
const MONOTONIC: Parameter = takes("monotonic", Kind::TheBool);
const AGGREGATION: Parameter = takes("aggregation_function", Kind::TheText);

const METRIC: &[Context] = &[Context::Metric];
const SUMMARY: &[Context] = &[Context::Metric, Context::DataPoint];

pub(super) const ALL: &[Editor] = &[
    editor("convert_sum_to_gauge", &[], extract::sum_to_gauge)
        .only(METRIC)
        .says("Makes a sum a gauge.", "convert_sum_to_gauge() where metric.name == \"memory\""),
    editor("convert_gauge_to_sum", &[TEMPORALITY, MONOTONIC], extract::gauge_to_sum)
        .only(METRIC)
        .prepared(check_temporality)
        .says("Makes a gauge a sum.", "convert_gauge_to_sum(\"cumulative\", false)"),
    editor("extract_count_metric", &[MONOTONIC, SUFFIX], extract::count)
        .only(METRIC)
        .says(
            "Adds a metric with the counts of a histogram or summary.",
            "extract_count_metric(true) where metric.type == METRIC_DATA_TYPE_HISTOGRAM",
        ),
    editor("extract_sum_metric", &[MONOTONIC, SUFFIX], extract::sum)
        .only(METRIC)
        .says(
            "Adds a metric with the sums of a histogram or summary.",
            "extract_sum_metric(true, \".total\") where metric.type == METRIC_DATA_TYPE_SUMMARY",
        ),
    editor(
        "extract_percentile_metric",
        &[takes("percentile", Kind::TheFloat), SUFFIX],
        percentile::extract,
    )
    .only(METRIC)
    .prepared(percentile::check)
    .says("Adds a gauge with a percentile of a histogram.", "extract_percentile_metric(99.0)"),
    editor("convert_summary_count_val_to_sum", &[TEMPORALITY, MONOTONIC, SUFFIX], extract::summary_count)
        .only(SUMMARY)
        .prepared(check_temporality)
        .says(
            "Adds a sum with the counts of a summary.",
            "convert_summary_count_val_to_sum(\"delta\", true)",
        ),
    editor("convert_summary_sum_val_to_sum", &[TEMPORALITY, MONOTONIC, SUFFIX], extract::summary_sum)
        .only(SUMMARY)
        .prepared(check_temporality)
        .says(
            "Adds a sum with the sums of a summary.",
            "convert_summary_sum_val_to_sum(\"delta\", true)",
        ),
    editor(
        "convert_summary_quantile_val_to_gauge",
        &[may_take("attribute_key", Kind::TheText), SUFFIX],
        extract::summary_quantiles,
    )
    .only(METRIC)
    .says(
        "Adds a gauge with the quantiles of a summary, each a point.",
        "convert_summary_quantile_val_to_gauge(\"quantile\")",
    ),
    editor(
        "copy_metric",
        &[
            may_take("name", Kind::Text),
            may_take("description", Kind::Text),
            may_take("unit", Kind::Text),
        ],
        extract::copy,
    )
    .only(METRIC)
    .says(
        "Adds a copy of the metric; the statements behind this one see it too.",
        "copy_metric(name=\"memory.copy\") where metric.name == \"memory\"",
    ),
    editor(
        "scale_metric",
        &[takes("multiplier", Kind::TheFloat), may_take("unit", Kind::Text)],
        scale::metric,
    )
    .only(METRIC)
    .says("Multiplies all values of a metric.", "scale_metric(0.001, \"kg\")"),
    editor(
        "aggregate_on_attributes",
        &[AGGREGATION, may_take("attributes", Kind::EachTheText)],
        aggregate::on_attributes,
    )
    .only(METRIC)
    .prepared(aggregate::check)
    .says(
        "Keeps these attributes of the points and makes one point of those that are then alike.",
        "aggregate_on_attributes(\"sum\", [\"host\"])",
    ),
    editor(
        "aggregate_on_attribute_value",
        &[
            AGGREGATION,
            takes("attribute", Kind::TheText),
            takes("values", Kind::EachTheText),
            takes("new_value", Kind::TheText),
        ],
        aggregate::on_value,
    )
    .only(METRIC)
    .prepared(aggregate::check)
    .says(
        "Gives an attribute a new value where it has one of these, and makes one point of those that are \
         then alike.",
        "aggregate_on_attribute_value(\"sum\", \"state\", [\"a\", \"b\"], \"other\")",
    ),
    editor(
        "convert_exponential_histogram_to_histogram",
        &[takes("distribution_fn", Kind::TheText), takes("explicit_bounds", Kind::EachTheFloat)],
        buckets::to_explicit,
    )
    .only(METRIC)
    .prepared(buckets::check_explicit)
    .says(
        "Makes an exponential histogram one with these bounds.",
        "convert_exponential_histogram_to_histogram(\"midpoint\", [1.0, 10.0, 100.0])",
    ),
    editor(
        "merge_histogram_buckets",
        &[takes("target_value", Kind::FloatLike), may_take("method", Kind::TheText)],
        buckets::merge,
    )
    .only(&[Context::DataPoint])
    .prepared(buckets::check_merge)
    .says(
        "Removes a bound of a histogram and adds the counts of the two buckets around it.",
        "merge_histogram_buckets(5.0)",
    ),
];

fn temporality(text: &str) -> Option<AggregationTemporality> {
    match text {
        "delta" => Some(AggregationTemporality::Delta),
        "cumulative" => Some(AggregationTemporality::Cumulative),
        _ => None,
    }
}

fn check_temporality(slots: &[Slot]) -> Result<State, String> {
    let text = constant_text(slots, 0).unwrap_or_default();
    temporality(text)
        .map(|_| State::None)
        .ok_or_else(|| format!("unknown aggregation temporality: {text}"))
}

impl Work<'_, '_> {
    fn tree(&mut self) -> Metric {
        self.site.metric_tree()
    }

    fn put_tree(&mut self, metric: &Metric) {
        self.site.set_metric_tree(metric);
    }

    /// Adds a metric behind the others, unless it has no points.
    fn add_tree(&mut self, metric: &Metric) -> Result<(), String> {
        if self.site.add_metric_tree(metric) {
            return Ok(());
        }
        Err("too many metrics were added to one scope: does the statement mean those that it adds?"
            .to_owned())
    }

    /// The constant at a position, or what is meant without it.
    fn suffix(&self, at: usize, default: &'static str) -> &str {
        constant_text(self.arguments, at).unwrap_or(default)
    }

    fn is_monotonic(&self, at: usize) -> bool {
        constant_bool(self.arguments, at).unwrap_or_default()
    }
}

/// What a metric is called where its type is told.
fn type_name(metric: &Metric) -> &'static str {
    match metric.data {
        None => "Empty",
        Some(metric::Data::Gauge(_)) => "Gauge",
        Some(metric::Data::Sum(_)) => "Sum",
        Some(metric::Data::Histogram(_)) => "Histogram",
        Some(metric::Data::ExponentialHistogram(_)) => "ExponentialHistogram",
        Some(metric::Data::Summary(_)) => "Summary",
    }
}

/// A sum with these points that is called after another metric.
fn sum_after(
    of: &Metric,
    suffix: &str,
    temporality: AggregationTemporality,
    is_monotonic: bool,
    data_points: Vec<NumberDataPoint>,
) -> Metric {
    let sum = Sum { data_points, aggregation_temporality: temporality.into(), is_monotonic };
    after(of, suffix, metric::Data::Sum(sum))
}

fn after(of: &Metric, suffix: &str, data: metric::Data) -> Metric {
    Metric {
        name: format!("{}{suffix}", of.name),
        description: of.description.clone(),
        unit: of.unit.clone(),
        data: Some(data),
        ..Metric::default()
    }
}

fn int(value: u64) -> number_data_point::Value {
    number_data_point::Value::AsInt(value.cast_signed())
}

fn double(value: f64) -> number_data_point::Value {
    number_data_point::Value::AsDouble(value)
}
