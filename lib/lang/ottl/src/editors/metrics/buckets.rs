//! Buckets of histograms: from exponential to explicit ones, and fewer of them.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use golang::number;
use pdata::tree::{ExponentialHistogramDataPoint, Histogram, HistogramDataPoint, metric};
use pdata::{Field, NumberValue, Value as Written};

use super::super::{State, Work, constant, constant_list, constant_text, read};
use crate::functions::{Kind, Slot};
use crate::value::Value;

pub(super) fn check_explicit(slots: &[Slot]) -> Result<State, String> {
    let function = constant_text(slots, 0).unwrap_or_default();
    if !matches!(function, "" | "upper" | "midpoint" | "random" | "uniform") {
        return Err(format!(
            "invalid conversion function: {function}, must be one of [upper, midpoint, random, uniform]"
        ));
    }
    if constant_list(slots, 1).next().is_none() {
        return Err("explicit bounds cannot be empty: []".to_owned());
    }
    Ok(State::None)
}

#[expect(clippy::unnecessary_wraps, reason = "all editors look the same")]
pub(super) fn to_explicit(work: &mut Work<'_, '_>) -> Result<(), String> {
    let mut metric = work.tree();
    let Some(metric::Data::ExponentialHistogram(exponential)) = &mut metric.data else {
        return Ok(());
    };
    let bounds: Vec<f64> = constant_list(work.arguments, 1)
        .filter_map(|it| if let Value::Double(it) = it { Some(*it) } else { None })
        .collect();
    let spread: Spread = match constant_text(work.arguments, 0) {
        Some("upper") => by_upper,
        Some("midpoint") => by_midpoint,
        Some("uniform") => uniformly,
        _ => randomly,
    };
    let points =
        std::mem::take(&mut exponential.data_points).into_iter().map(|it| HistogramDataPoint {
            bucket_counts: counts(&it, &bounds, spread),
            explicit_bounds: bounds.clone(),
            attributes: it.attributes,
            start_time_unix_nano: it.start_time_unix_nano,
            time_unix_nano: it.time_unix_nano,
            count: it.count,
            sum: it.sum,
            exemplars: it.exemplars,
            min: it.min,
            max: it.max,
            ..HistogramDataPoint::default()
        });
    let histogram = Histogram {
        data_points: points.collect(),
        aggregation_temporality: exponential.aggregation_temporality,
    };
    metric.data = Some(metric::Data::Histogram(histogram));
    work.put_tree(&metric);
    Ok(())
}

/// Adds a count of what lies between `lower` and `upper` to the counts of buckets.
type Spread = fn(count: u64, range: (f64, f64), bounds: &[f64], counts: &mut [u64]);

fn add(counts: &mut [u64], at: usize, count: u64) {
    if let Some(it) = counts.get_mut(at) {
        *it = it.wrapping_add(count);
    }
}

/// The counts as the Collector makes them: as many as bounds, the last one with all that is above.
fn counts(point: &ExponentialHistogramDataPoint, bounds: &[f64], spread: Spread) -> Vec<u64> {
    let mut counts = vec![0; bounds.len()];
    let last = bounds.len().saturating_sub(1);
    let highest = bounds.last().copied().unwrap_or_default();
    let factor = f64::powi(2.0, point.scale.saturating_neg()) * std::f64::consts::LN_2;
    if bounds.first() == Some(&0.0) {
        add(&mut counts, 0, point.zero_count);
    }
    let Some(positive) = &point.positive else { return counts };
    for (index, count) in (i64::from(positive.offset)..).zip(&positive.bucket_counts) {
        let range = ((index as f64 * factor).exp(), ((index + 1) as f64 * factor).exp());
        if range.0 > highest {
            add(&mut counts, last, *count);
            continue;
        }
        let within = bounds
            .windows(2)
            .position(|it| matches!(it, [below, above] if range.0 > *below && range.1 <= *above));
        match within {
            Some(at) => add(&mut counts, at, *count),
            None => spread(*count, range, bounds, &mut counts),
        }
    }
    counts
}

/// All of it to the first bucket that the upper end fits in.
fn by_upper(count: u64, (_, upper): (f64, f64), bounds: &[f64], counts: &mut [u64]) {
    let at = bounds.iter().position(|it| upper <= *it).unwrap_or(bounds.len().saturating_sub(1));
    add(counts, at, count);
}

/// All of it to the bucket before the bound that the middle fits under.
fn by_midpoint(count: u64, (lower, upper): (f64, f64), bounds: &[f64], counts: &mut [u64]) {
    let middle = f64::midpoint(lower, upper);
    let at = match bounds.iter().position(|it| middle <= *it) {
        Some(at) => at.saturating_sub(1),
        None => bounds.len().saturating_sub(1),
    };
    add(counts, at, count);
}

/// The buckets that the range touches.
fn touched((lower, upper): (f64, f64), bounds: &[f64]) -> (usize, usize) {
    let start = bounds.iter().position(|it| lower <= *it).unwrap_or(bounds.len());
    let end = bounds.iter().position(|it| upper <= *it).unwrap_or(bounds.len()).max(start);
    (start, end.min(bounds.len().saturating_sub(1)))
}

/// The same to each bucket that the range touches.
fn uniformly(count: u64, range: (f64, f64), bounds: &[f64], counts: &mut [u64]) {
    let (start, end) = touched(range, bounds);
    if end <= start {
        return add(counts, start, count);
    }
    let buckets = (end - start + 1) as u64;
    let (each, rest) = (count / buckets, count % buckets);
    for (nth, at) in (start..=end).enumerate() {
        add(counts, at, each + u64::from((nth as u64) < rest));
    }
}

/// At random, by how much of the range is in a bucket.
fn randomly(count: u64, range: (f64, f64), bounds: &[f64], counts: &mut [u64]) {
    let (start, end) = touched(range, bounds);
    if end <= start {
        return add(counts, start, count);
    }
    let (lower, upper) = range;
    let mut random = Random::new();
    let mut left = count;
    for at in start..=end {
        let below = at.checked_sub(1).and_then(|it| bounds.get(it)).copied().unwrap_or(lower);
        let above = bounds.get(at).copied().unwrap_or(upper);
        let overlap = (above.min(upper) - below.max(lower)) / (upper - lower);
        let share = number::whole_unsigned(count as f64 * overlap * random.unit());
        let share = share.min(left);
        add(counts, at, share);
        left -= share;
    }
    // What is left goes out in handfuls: one by one would take as long as the count is large.
    let buckets = (end - start + 1) as u64;
    while left > 0 {
        let handful = (left / (buckets * 4)).max(1);
        let at = start + usize::try_from(random.next() % buckets).unwrap_or_default();
        add(counts, at, handful);
        left -= handful;
    }
}

/// Numbers that are random enough for this (xorshift).
struct Random(u64);

impl Random {
    fn new() -> Self {
        Self(RandomState::new().build_hasher().finish() | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

const REMOVE_BOUND: &str = "remove_explicit_bound";
const LIMIT_BUCKETS: &str = "limit_buckets";

pub(super) fn check_merge(slots: &[Slot]) -> Result<State, String> {
    let method = constant_text(slots, 1).unwrap_or(REMOVE_BOUND);
    if !matches!(method, REMOVE_BOUND | LIMIT_BUCKETS) {
        return Err(format!(
            "unsupported method {method:?}, expected {REMOVE_BOUND:?} or {LIMIT_BUCKETS:?}"
        ));
    }
    if let Some(target) = constant(slots, 0) {
        let target = target_value(target.clone())?;
        if method == LIMIT_BUCKETS {
            buckets_max(target)?;
        }
    }
    Ok(State::None)
}

fn target_value(value: Value<'_>) -> Result<f64, String> {
    match Kind::FloatLike.coerce(value)? {
        Value::Double(it) => Ok(it),
        _ => Err("target_value must not be nil".to_owned()),
    }
}

fn buckets_max(target: f64) -> Result<usize, String> {
    if target < 1.0 || target.fract() > 0.0 || target > i64::MAX as f64 {
        return Err(format!(
            "target_value must be a positive integer when method is {LIMIT_BUCKETS:?}, got {target}"
        ));
    }
    Ok(usize::try_from(number::whole(target)).unwrap_or(usize::MAX))
}

pub(super) fn merge(work: &mut Work<'_, '_>) -> Result<(), String> {
    let Some(getter) = work.getter(0) else { return Ok(()) };
    let target = target_value(read(getter, &work.site)?)?;
    let limits = constant_text(work.arguments, 1) == Some(LIMIT_BUCKETS);
    let most = if limits { buckets_max(target)? } else { 0 };
    let (Some(counts), Some(bounds)) = (
        work.site.numbers(Field::POINT_BUCKET_COUNTS),
        work.site.numbers(Field::POINT_EXPLICIT_BOUNDS),
    ) else {
        return Ok(());
    };
    let counts = counts.map(|it| match it {
        NumberValue::Int(it) => it.cast_unsigned(),
        NumberValue::Double(it) => number::whole_unsigned(it),
        NumberValue::None => 0,
    });
    let bounds = bounds.map(|it| match it {
        NumberValue::Int(it) => it as f64,
        NumberValue::Double(it) => it,
        NumberValue::None => 0.0,
    });
    let (counts, bounds): (Vec<u64>, Vec<f64>) = (counts.collect(), bounds.collect());
    if bounds.len() + 1 != counts.len() || counts.len() == 1 {
        return Ok(());
    }
    let new =
        if limits { limited(&counts, &bounds, most) } else { without(&counts, &bounds, target) };
    let Some((counts, bounds)) = new else { return Ok(()) };
    let counts: Vec<Written<'_>> = counts.iter().map(|it| Written::Int(it.cast_signed())).collect();
    let bounds: Vec<Written<'_>> = bounds.iter().map(|it| Written::Double(*it)).collect();
    let told = |it: pdata::PathError| it.to_string();
    work.site.set(Field::POINT_BUCKET_COUNTS, &[], Written::Array(&counts)).map_err(told)?;
    work.site.set(Field::POINT_EXPLICIT_BOUNDS, &[], Written::Array(&bounds)).map_err(told)
}

/// Without one of the bounds.
fn without(counts: &[u64], bounds: &[f64], bound: f64) -> Option<(Vec<u64>, Vec<f64>)> {
    let at = bounds.iter().position(|it| (it - bound).abs() < 1e-12)?;
    let (mut counts, mut bounds) = (counts.to_vec(), bounds.to_vec());
    let count = counts.remove(at);
    add(&mut counts, at, count);
    bounds.remove(at);
    Some((counts, bounds))
}

/// So many neighbours as one that not more than `most` are left.
fn limited(counts: &[u64], bounds: &[f64], most: usize) -> Option<(Vec<u64>, Vec<f64>)> {
    let increasing = bounds.windows(2).all(|it| matches!(it, [a, b] if a < b));
    if counts.len() <= most || !increasing {
        return None;
    }
    let each = counts.len().div_ceil(most);
    let counts =
        counts.chunks(each).map(|it| it.iter().fold(0_u64, |sum, it| sum.wrapping_add(*it)));
    let bounds = bounds.iter().skip(each - 1).step_by(each).copied();
    Some((counts.collect(), bounds.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pdata::tree::exponential_histogram_data_point::Buckets;

    #[test]
    fn exponential_buckets_go_to_the_bounds_they_fit_in() {
        // 1 to 2, 2 to 4, 4 to 8, 8 to 16.
        let positive = Some(Buckets { offset: 0, bucket_counts: vec![4, 4, 4, 4] });
        let point = ExponentialHistogramDataPoint {
            scale: 0,
            zero_count: 1,
            positive,
            ..ExponentialHistogramDataPoint::default()
        };
        let bounds = [0.0, 3.5, 7.0];
        assert_eq!(counts(&point, &bounds, by_upper), [5, 0, 12]);
        assert_eq!(counts(&point, &bounds, by_midpoint), [9, 4, 4]);
        assert_eq!(counts(&point, &bounds, uniformly), [5, 2, 10]);
        assert_eq!(counts(&point, &bounds, randomly).iter().sum::<u64>(), 17);
    }

    #[test]
    fn a_bound_goes_and_so_do_neighbours() {
        let (counts, bounds) = (vec![1, 2, 3, 4, 5], vec![1.0, 2.0, 5.0, 10.0]);
        assert_eq!(without(&counts, &bounds, 5.0), Some((vec![1, 2, 7, 5], vec![1.0, 2.0, 10.0])));
        assert_eq!(without(&counts, &bounds, 4.0), None);
        assert_eq!(limited(&counts, &bounds, 2), Some((vec![6, 9], vec![5.0])));
        assert_eq!(limited(&counts, &bounds, 3), Some((vec![3, 7, 5], vec![2.0, 10.0])));
        assert_eq!(limited(&counts, &bounds, 5), None);
    }
}
