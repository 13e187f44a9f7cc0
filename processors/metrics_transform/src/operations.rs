//! What is done to one metric.

use golang::number::whole;
use pdata::tree::number_data_point::Value as Number;
use pdata::tree::{AnyValue, KeyValue, Metric, NumberDataPoint, any_value, metric};
use points::{aggregate, each_attributes, scale};

use crate::plan::{Action, Filter, Operation, Transform, label};

/// Names the metric and runs the operations: false if all its points went with that.
pub(crate) fn run(transform: &Transform, metric: &mut Metric) -> bool {
    let filter = &transform.filter;
    let was_empty = points::count(metric) == 0;
    // What concerns the metric as a whole is done to a metric only if all its points are meant; a copy has no others.
    let is_meant = !matches!(transform.action, Action::Update)
        || !points::any(metric, &mut |it| !filter.point(it));
    if is_meant && let Some(name) = transform.renamed(&metric.name) {
        metric.name = name;
    }
    for operation in &transform.operations {
        match operation {
            Operation::UpdateLabel { key, new_key, values } => {
                each_attributes(metric, &mut |attributes| {
                    if filter.point(attributes) {
                        update(attributes, key, new_key, |it| values.get(it).map(String::as_str));
                    }
                });
            }
            Operation::ToggleType => each_number(metric, filter, toggle),
            Operation::Scale(factor) => scale_points(metric, filter, *factor),
            other if is_meant => change(metric, other),
            _ => {}
        }
    }
    was_empty || points::count(metric) > 0
}

/// Operations on all points of a metric.
fn change(metric: &mut Metric, operation: &Operation) {
    match operation {
        Operation::AddLabel { key, value } => each_attributes(metric, &mut |attributes| {
            if label(attributes, key).is_none() {
                put(attributes, key, value);
            }
        }),
        Operation::DeleteLabelValue { key, value } => {
            points::retain(metric, &mut |it| label(it, key) != Some(value));
        }
        Operation::AggregateLabels { kept, aggregation } => {
            each_attributes(metric, &mut |it| it.retain(|it| kept.contains(&it.key)));
            aggregate(metric, *aggregation);
        }
        Operation::AggregateValues { key, old, new, aggregation } => {
            each_attributes(metric, &mut |attributes| {
                if label(attributes, key).is_some_and(|it| old.contains(it)) {
                    put(attributes, key, new);
                }
            });
            aggregate(metric, *aggregation);
        }
        Operation::UpdateLabel { .. } | Operation::ToggleType | Operation::Scale(_) => {}
    }
}

/// Gives a label a value.
pub(crate) fn put(attributes: &mut Vec<KeyValue>, key: &str, value: &str) {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) });
    match attributes.iter_mut().find(|it| it.key == key) {
        Some(found) => found.value = value,
        None => {
            attributes.push(KeyValue { key: key.to_owned(), value, ..KeyValue::default() });
        }
    }
}

/// Gives a label another name, unless that is empty, and another value, if there is one for it.
fn update<'v>(
    attributes: &mut Vec<KeyValue>,
    key: &str,
    new_key: &str,
    new_value: impl Fn(&str) -> Option<&'v str>,
) {
    let Some(at) = attributes.iter().position(|it| it.key == key) else { return };
    let value = label(attributes, key).and_then(new_value);
    let mut key = key;
    if !new_key.is_empty() && new_key != key {
        let renamed = KeyValue { key: new_key.to_owned(), ..attributes.remove(at) };
        match attributes.iter_mut().find(|it| it.key == new_key) {
            Some(other) => *other = renamed,
            None => attributes.push(renamed),
        }
        key = new_key;
    }
    if let Some(value) = value {
        put(attributes, key, value);
    }
}

/// The values of points of gauges and sums that are meant.
fn each_number(metric: &mut Metric, filter: &Filter, change: impl Fn(&mut NumberDataPoint)) {
    let points = match &mut metric.data {
        Some(metric::Data::Gauge(it)) => &mut it.data_points,
        Some(metric::Data::Sum(it)) => &mut it.data_points,
        _ => return,
    };
    points.iter_mut().filter(|it| filter.point(&it.attributes)).for_each(change);
}

fn toggle(point: &mut NumberDataPoint) {
    point.value = point.value.map(|it| match it {
        Number::AsInt(it) => Number::AsDouble(it as f64),
        Number::AsDouble(it) => Number::AsInt(whole(it)),
    });
}

fn scale_points(metric: &mut Metric, filter: &Filter, factor: f64) {
    match &mut metric.data {
        Some(metric::Data::Histogram(it)) => {
            let meant = it.data_points.iter_mut().filter(|it| filter.point(&it.attributes));
            meant.for_each(|it| scale::histogram(it, factor));
        }
        Some(metric::Data::ExponentialHistogram(it)) => {
            let meant = it.data_points.iter_mut().filter(|it| filter.point(&it.attributes));
            meant.for_each(|it| scale::exponential(it, factor));
        }
        _ => each_number(metric, filter, |it| scale::number(it, factor)),
    }
}
