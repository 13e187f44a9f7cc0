//! Points that are alike become one.

use std::collections::HashMap;

use golang::number;
use pdata::tree::exponential_histogram_data_point::Buckets;
use pdata::tree::number_data_point::Value as Number;
use pdata::tree::{
    AggregationTemporality, ExponentialHistogramDataPoint, HistogramDataPoint, KeyValue, Metric,
    NumberDataPoint, metric,
};

/// What becomes of the values of points of gauges and sums that are alike. Histograms are always added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aggregation {
    /// The value of the first one.
    #[default]
    First,
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The one in the middle, or the mean of the two there.
    Median,
    /// How many they are.
    Count,
}

impl Aggregation {
    /// Their names, in the Collector's order.
    pub const NAMES: [&str; 6] = ["sum", "mean", "min", "max", "median", "count"];

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sum" => Self::Sum,
            "mean" => Self::Mean,
            "min" => Self::Min,
            "max" => Self::Max,
            "median" => Self::Median,
            "count" => Self::Count,
            _ => return None,
        })
    }
}

/// Makes one point of those with the same attributes and time, and of deltas with the same start. Points of summaries
/// go: nothing is known of how to add quantiles.
pub fn aggregate(metric: &mut Metric, function: Aggregation) {
    let is_delta = |it: AggregationTemporality| it == AggregationTemporality::Delta;
    match &mut metric.data {
        Some(metric::Data::Gauge(it)) => {
            let groups = grouped(&mut it.data_points, |it| number_key(it, false));
            it.data_points = groups.into_iter().filter_map(|it| numbers(it, function)).collect();
        }
        Some(metric::Data::Sum(it)) => {
            let delta = is_delta(it.aggregation_temporality());
            let groups = grouped(&mut it.data_points, |it| number_key(it, delta));
            it.data_points = groups.into_iter().filter_map(|it| numbers(it, function)).collect();
        }
        Some(metric::Data::Histogram(it)) => {
            let delta = is_delta(it.aggregation_temporality());
            let groups = grouped(&mut it.data_points, |it| histogram_key(it, delta));
            it.data_points = groups.into_iter().filter_map(histograms).collect();
        }
        Some(metric::Data::ExponentialHistogram(it)) => {
            let delta = is_delta(it.aggregation_temporality());
            let groups = grouped(&mut it.data_points, |it| exponential_key(it, delta));
            it.data_points = groups.into_iter().filter_map(exponentials).collect();
        }
        Some(metric::Data::Summary(it)) => it.data_points.clear(),
        None => {}
    }
}

/// Points with the same key, in the order of the first of each.
fn grouped<P>(points: &mut Vec<P>, key: impl Fn(&P) -> String) -> Vec<Vec<P>> {
    let mut groups: Vec<Vec<P>> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for point in points.drain(..) {
        let at = *known.entry(key(&point)).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(point),
            None => groups.push(vec![point]),
        }
    }
    groups
}

fn attributes_key(attributes: &[KeyValue]) -> String {
    let mut sorted: Vec<String> =
        attributes.iter().map(|it| format!("{:?}={:?}", it.key, it.value)).collect();
    sorted.sort_unstable();
    sorted.join(",")
}

fn number_key(it: &NumberDataPoint, delta: bool) -> String {
    let start = if delta { it.start_time_unix_nano } else { 0 };
    format!("{};{};{start}", attributes_key(&it.attributes), it.time_unix_nano)
}

fn histogram_key(it: &HistogramDataPoint, delta: bool) -> String {
    let start = if delta { it.start_time_unix_nano } else { 0 };
    let (min, max) = (it.min.is_some(), it.max.is_some());
    format!(
        "{};{};{start};{:?};{min};{max};{}",
        attributes_key(&it.attributes),
        it.time_unix_nano,
        it.explicit_bounds,
        it.flags
    )
}

fn exponential_key(it: &ExponentialHistogramDataPoint, delta: bool) -> String {
    let start = if delta { it.start_time_unix_nano } else { 0 };
    let (min, max) = (it.min.is_some(), it.max.is_some());
    format!(
        "{};{};{start};{};{min};{max};{}",
        attributes_key(&it.attributes),
        it.time_unix_nano,
        it.scale,
        it.flags
    )
}

/// One point of several; the first one says whether the result is a whole number.
fn numbers(group: Vec<NumberDataPoint>, function: Aggregation) -> Option<NumberDataPoint> {
    let start = group.iter().map(|it| it.start_time_unix_nano).min()?;
    let value = match group.first()?.value {
        Some(Number::AsDouble(_)) => {
            let all = group.iter().map(|it| match it.value {
                Some(Number::AsDouble(it)) => it,
                Some(Number::AsInt(it)) => it as f64,
                None => 0.0,
            });
            Some(Number::AsDouble(of_doubles(all.collect(), function)))
        }
        Some(Number::AsInt(_)) => {
            // Where the Collector adds whole numbers, the others count as 0.
            let adds = matches!(function, Aggregation::Sum | Aggregation::Mean);
            let all = group.iter().map(|it| match it.value {
                Some(Number::AsDouble(it)) if !adds => number::whole(it),
                Some(Number::AsInt(it)) => it,
                _ => 0,
            });
            Some(Number::AsInt(of_ints(all.collect(), function)))
        }
        None => None,
    };
    let first = group.into_iter().next()?;
    Some(NumberDataPoint { value, start_time_unix_nano: start, ..first })
}

fn of_doubles(mut all: Vec<f64>, function: Aggregation) -> f64 {
    let count = all.len();
    let sum = || all.iter().sum::<f64>();
    match function {
        Aggregation::Sum => sum(),
        Aggregation::Mean => sum() / count as f64,
        Aggregation::Max => extreme(&all, f64::max),
        Aggregation::Min => extreme(&all, f64::min),
        // The Collector leaves the value of a point that is alone.
        Aggregation::Count if count > 1 => count as f64,
        Aggregation::Median => {
            all.sort_by(f64::total_cmp);
            let at = |it: usize| all.get(it).copied().unwrap_or_default();
            if count % 2 == 1 {
                at(count / 2)
            } else {
                f64::midpoint(at(count / 2 - 1), at(count / 2))
            }
        }
        _ => all.first().copied().unwrap_or_default(),
    }
}

fn of_ints(mut all: Vec<i64>, function: Aggregation) -> i64 {
    let count = all.len();
    let sum = || all.iter().fold(0_i64, |sum, it| sum.wrapping_add(*it));
    match function {
        Aggregation::Sum => sum(),
        Aggregation::Mean => sum() / number::int(count),
        Aggregation::Max => all.iter().copied().max().unwrap_or_default(),
        Aggregation::Min => all.iter().copied().min().unwrap_or_default(),
        Aggregation::Count if count > 1 => number::int(count),
        Aggregation::Median => {
            all.sort_unstable();
            let at = |it: usize| all.get(it).copied().unwrap_or_default();
            if count % 2 == 1 {
                at(count / 2)
            } else {
                at(count / 2 - 1).wrapping_add(at(count / 2)) / 2
            }
        }
        _ => all.first().copied().unwrap_or_default(),
    }
}

/// As Go has it: of numbers with a NaN among them that is the largest and the smallest.
fn extreme(all: &[f64], choose: fn(f64, f64) -> f64) -> f64 {
    match all.iter().find(|it| it.is_nan()) {
        Some(nan) => *nan,
        None => all.iter().copied().reduce(choose).unwrap_or_default(),
    }
}

fn least(to: &mut Option<f64>, from: Option<f64>, choose: fn(f64, f64) -> f64) {
    if let Some(to) = to {
        *to = choose(*to, from.unwrap_or_default());
    }
}

fn histograms(group: Vec<HistogramDataPoint>) -> Option<HistogramDataPoint> {
    let mut all = group.into_iter();
    let mut to = all.next()?;
    for from in all.filter(|it| it.count > 0) {
        to.count = to.count.wrapping_add(from.count);
        to.sum = Some(to.sum.unwrap_or_default() + from.sum.unwrap_or_default());
        least(&mut to.min, from.min, f64::min);
        least(&mut to.max, from.max, f64::max);
        to.bucket_counts.iter_mut().zip(&from.bucket_counts).for_each(|(to, from)| {
            *to = to.wrapping_add(*from);
        });
        to.exemplars.extend(from.exemplars);
        to.start_time_unix_nano = to.start_time_unix_nano.min(from.start_time_unix_nano);
    }
    Some(to)
}

fn exponentials(
    group: Vec<ExponentialHistogramDataPoint>,
) -> Option<ExponentialHistogramDataPoint> {
    let mut all = group.into_iter();
    let mut to = all.next()?;
    for from in all.filter(|it| it.count > 0) {
        to.count = to.count.wrapping_add(from.count);
        to.sum = Some(to.sum.unwrap_or_default() + from.sum.unwrap_or_default());
        to.zero_count = to.zero_count.wrapping_add(from.zero_count);
        least(&mut to.min, from.min, f64::min);
        least(&mut to.max, from.max, f64::max);
        add_buckets(&mut to.positive, from.positive);
        add_buckets(&mut to.negative, from.negative);
        to.exemplars.extend(from.exemplars);
        to.start_time_unix_nano = to.start_time_unix_nano.min(from.start_time_unix_nano);
    }
    Some(to)
}

/// Adds buckets index by index: both have the same scale.
fn add_buckets(to: &mut Option<Buckets>, from: Option<Buckets>) {
    let Some(from) = from.filter(|it| !it.bucket_counts.is_empty()) else { return };
    let Some(to) = to.as_mut().filter(|it| !it.bucket_counts.is_empty()) else {
        *to = Some(from);
        return;
    };
    let ends = |it: &Buckets| {
        let start = i64::from(it.offset);
        (start, start.saturating_add(number::int(it.bucket_counts.len())))
    };
    let ((to_start, to_end), (from_start, from_end)) = (ends(to), ends(&from));
    let (start, end) = (to_start.min(from_start), to_end.max(from_end));
    // Offsets far from each other would take a list of any length.
    let Ok(length @ 0..=BUCKETS_MAX) = usize::try_from(end.saturating_sub(start)) else { return };
    let mut counts = vec![0_u64; length];
    for (list, at) in [(&to.bucket_counts, to_start), (&from.bucket_counts, from_start)] {
        let skip = usize::try_from(at - start).unwrap_or_default();
        counts.iter_mut().skip(skip).zip(list).for_each(|(to, from)| *to = to.wrapping_add(*from));
    }
    to.bucket_counts = counts;
    // It is one of the two offsets.
    to.offset = to.offset.min(from.offset);
}

/// Most buckets that adding two exponential histograms makes.
const BUCKETS_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_aggregated_as_the_collector_does_it() {
        for (function, ints, doubles) in [
            (Aggregation::First, 8, 3.0),
            (Aggregation::Sum, 20, 6.0),
            (Aggregation::Mean, 6, 2.0),
            (Aggregation::Min, 5, 1.0),
            (Aggregation::Max, 8, 3.0),
            (Aggregation::Median, 7, 2.0),
            (Aggregation::Count, 3, 3.0),
        ] {
            assert_eq!(of_ints(vec![8, 5, 7], function), ints, "{function:?}");
            let got = of_doubles(vec![3.0, 1.0, 2.0], function);
            assert!((got - doubles).abs() < 1e-9, "{function:?} {got}");
        }
        for function in [Aggregation::Min, Aggregation::Max] {
            assert!(of_doubles(vec![1.0, f64::NAN, 2.0], function).is_nan(), "{function:?}");
        }
        assert_eq!(
            (
                of_ints(vec![4, 7], Aggregation::Median),
                of_doubles(vec![4.0, 7.0], Aggregation::Median).to_bits()
            ),
            (5, 5.5_f64.to_bits())
        );
        assert_eq!(
            (
                of_ints(vec![4], Aggregation::Count),
                of_doubles(vec![4.0], Aggregation::Count).to_bits()
            ),
            (4, 4.0_f64.to_bits())
        );
    }

    #[test]
    fn buckets_with_other_offsets_are_added_by_index() {
        let buckets =
            |offset, counts: &[u64]| Some(Buckets { offset, bucket_counts: counts.to_vec() });
        for (a, b, want) in [
            (buckets(0, &[1, 2]), buckets(0, &[3, 4, 5]), buckets(0, &[4, 6, 5])),
            (buckets(2, &[1]), buckets(0, &[3]), buckets(0, &[3, 0, 1])),
            (buckets(0, &[1]), buckets(2, &[3]), buckets(0, &[1, 0, 3])),
            (None, buckets(1, &[1]), buckets(1, &[1])),
            (buckets(1, &[1]), None, buckets(1, &[1])),
            (buckets(0, &[1]), buckets(i32::MAX, &[1]), buckets(0, &[1])),
        ] {
            let mut to = a.clone();
            add_buckets(&mut to, b);
            assert_eq!(to, want, "{a:?}");
        }
    }
}
