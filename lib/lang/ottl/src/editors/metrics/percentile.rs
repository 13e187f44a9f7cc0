//! `extract_percentile_metric`: what so many percent of the measurements of a histogram do not exceed, by
//! interpolation within the bucket.

use golang::number;
use pdata::tree::exponential_histogram_data_point::Buckets;
use pdata::tree::{
    ExponentialHistogramDataPoint, Gauge, HistogramDataPoint, KeyValue, NumberDataPoint, metric,
};

use super::super::{State, Work, constant_double, constant_text};
use super::{after, double};
use crate::functions::Slot;

pub(super) fn check(slots: &[Slot]) -> Result<State, String> {
    match constant_double(slots, 0) {
        Some(it) if it <= 0.0 || it >= 100.0 => {
            Err(format!("percentile must be greater than 0 and less than 100, got {it:.6}"))
        }
        _ => Ok(State::None),
    }
}

pub(super) fn extract(work: &mut Work<'_, '_>) -> Result<(), String> {
    let percentile = constant_double(work.arguments, 0).unwrap_or_default();
    let metric = work.tree();
    let mut data_points = Vec::new();
    match &metric.data {
        Some(metric::Data::Histogram(it)) => {
            for point in &it.data_points {
                let value = of_histogram(point, percentile)?;
                let times = (point.start_time_unix_nano, point.time_unix_nano);
                data_points.extend(value.map(|it| self::point(&point.attributes, times, it)));
            }
        }
        Some(metric::Data::ExponentialHistogram(it)) => {
            for point in &it.data_points {
                let value = of_exponential(point, percentile)?;
                let times = (point.start_time_unix_nano, point.time_unix_nano);
                data_points.extend(value.map(|it| self::point(&point.attributes, times, it)));
            }
        }
        _ => return Ok(()),
    }
    if data_points.is_empty() {
        return Ok(());
    }
    let suffix = constant_text(work.arguments, 1).filter(|it| !it.is_empty());
    let suffix = suffix.map_or_else(|| format!("_p{percentile}"), str::to_owned);
    let mut new = after(&metric, &suffix, metric::Data::Gauge(Gauge { data_points }));
    new.description = if metric.description.is_empty() {
        format!("p{percentile}")
    } else {
        format!("{} (p{percentile})", metric.description)
    };
    work.add_tree(&new)
}

fn point(attributes: &[KeyValue], (start, time): (u64, u64), value: f64) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes.to_vec(),
        start_time_unix_nano: start,
        time_unix_nano: time,
        value: Some(double(value)),
        ..NumberDataPoint::default()
    }
}

/// The measurement, by rank, that is looked for.
fn rank(count: u64, percentile: f64) -> u64 {
    number::whole_unsigned((count as f64 * (percentile / 100.0)).ceil())
}

/// Nothing for a point without measurements.
fn of_histogram(point: &HistogramDataPoint, percentile: f64) -> Result<Option<f64>, String> {
    let (counts, bounds) = (&point.bucket_counts, &point.explicit_bounds);
    if point.count == 0 || counts.is_empty() {
        return Ok(None);
    }
    if counts.len() != bounds.len() + 1 {
        return Err(format!(
            "calculating histogram percentile: malformed data: bucketCounts length ({}) != explicitBounds \
             length ({}) + 1",
            counts.len(),
            bounds.len()
        ));
    }
    let wanted = rank(point.count, percentile);
    if let ([count], Some(min), Some(max)) = (counts.as_slice(), point.min, point.max) {
        return linear(min, max, wanted as f64 / *count as f64).map(Some);
    }
    if counts.len() == 1 {
        return Ok(None);
    }
    let mut seen = 0_u64;
    for (at, count) in counts.iter().enumerate() {
        let before = seen;
        seen = seen.saturating_add(*count);
        if seen < wanted {
            continue;
        }
        let (lower, upper) = match (at.checked_sub(1).and_then(|it| bounds.get(it)), bounds.get(at))
        {
            (None, Some(upper)) => match point.min.filter(|it| it < upper) {
                Some(min) => (min, *upper),
                // Nothing is known of how far below it reaches.
                None if *upper < 0.0 => return Ok(Some(*upper)),
                None => (0.0, *upper),
            },
            (Some(lower), Some(upper)) => (*lower, *upper),
            (Some(lower), None) => match point.max.filter(|it| it > lower) {
                Some(max) => (*lower, max),
                None => return Ok(Some(*lower)),
            },
            (None, None) => return Ok(None),
        };
        return linear(lower, upper, (wanted - before) as f64 / *count as f64).map(Some);
    }
    Err(format!(
        "calculating histogram percentile: malformed data: cumulative count doesn't reach target count \
         corresponding to percentile. targetCount={wanted}, total count={seen}"
    ))
}

/// Nothing for a point without measurements.
fn of_exponential(
    point: &ExponentialHistogramDataPoint,
    percentile: f64,
) -> Result<Option<f64>, String> {
    let empty = Buckets::default();
    let negative = point.negative.as_ref().unwrap_or(&empty);
    let positive = point.positive.as_ref().unwrap_or(&empty);
    let (has_negative, has_positive) =
        (!negative.bucket_counts.is_empty(), !positive.bucket_counts.is_empty());
    if point.count == 0 || !(has_negative || has_positive || point.zero_count > 0) {
        return Ok(None);
    }
    let wanted = rank(point.count, percentile);
    let bounds = |buckets: &Buckets, at: usize| {
        let index = i64::from(buckets.offset).saturating_add(number::int(at));
        (bound(index, point.scale), bound(index.saturating_add(1), point.scale))
    };
    let mut seen = 0_u64;
    // The negative bucket with the highest index has the lowest values.
    for (at, count) in negative.bucket_counts.iter().enumerate().rev() {
        let before = seen;
        seen = seen.saturating_add(*count);
        if seen >= wanted {
            let (near, far) = bounds(negative, at);
            let ratio = (wanted - before) as f64 / *count as f64;
            return logarithmic(near, far, 1.0 - ratio).map(|it| Some(-it));
        }
    }
    let before = seen;
    seen = seen.saturating_add(point.zero_count);
    if seen >= wanted {
        let lower = if !has_negative && has_positive { 0.0 } else { -point.zero_threshold };
        let upper = if has_negative && !has_positive { 0.0 } else { point.zero_threshold };
        return linear(lower, upper, (wanted - before) as f64 / point.zero_count as f64).map(Some);
    }
    for (at, count) in positive.bucket_counts.iter().enumerate() {
        let before = seen;
        seen = seen.saturating_add(*count);
        if seen >= wanted {
            let (lower, upper) = bounds(positive, at);
            return logarithmic(lower, upper, (wanted - before) as f64 / *count as f64).map(Some);
        }
    }
    Err(format!(
        "calculating exponential histogram percentile: malformed data: cumulative count doesn't reach \
         target count corresponding to percentile. targetCount={wanted}, total count={seen}"
    ))
}

/// Lower bound of an exponential bucket.
fn bound(index: i64, scale: i32) -> f64 {
    (index as f64 * f64::powi(2.0, scale.saturating_neg())).exp2()
}

fn linear(lower: f64, upper: f64, ratio: f64) -> Result<f64, String> {
    if !(0.0..=1.0).contains(&ratio) {
        return Err(format!(
            "linear interpolation: invalid ratio {ratio:.6}, must be between 0 and 1"
        ));
    }
    Ok(lower + ratio * (upper - lower))
}

fn logarithmic(lower: f64, upper: f64, ratio: f64) -> Result<f64, String> {
    if !(0.0..=1.0).contains(&ratio) {
        return Err(format!(
            "logarithmic interpolation: invalid ratio {ratio:.6}, must be between 0 and 1"
        ));
    }
    if lower <= 0.0 || upper <= 0.0 {
        return Err(format!(
            "logarithmic interpolation: bounds must be positive, got lowerBound={lower:.6}, \
             upperBound={upper:.6}"
        ));
    }
    let (lower, upper) = (lower.log2(), upper.log2());
    Ok((lower + (upper - lower) * ratio).exp2())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(counts: &[u64], bounds: &[f64]) -> HistogramDataPoint {
        HistogramDataPoint {
            count: counts.iter().sum(),
            bucket_counts: counts.to_vec(),
            explicit_bounds: bounds.to_vec(),
            ..HistogramDataPoint::default()
        }
    }

    #[test]
    fn a_percentile_lies_within_its_bucket() {
        let point = histogram(&[2, 4, 4], &[10.0, 20.0]);
        assert_eq!(of_histogram(&point, 20.0), Ok(Some(10.0)));
        assert_eq!(of_histogram(&point, 40.0), Ok(Some(15.0)));
        // Nothing is known of how far above the last bound it reaches.
        assert_eq!(of_histogram(&point, 90.0), Ok(Some(20.0)));
        let known = HistogramDataPoint { max: Some(40.0), ..point };
        assert_eq!(of_histogram(&known, 80.0), Ok(Some(30.0)));
        assert_eq!(of_histogram(&histogram(&[], &[]), 50.0), Ok(None));
        assert!(of_histogram(&histogram(&[1, 2], &[]), 50.0).is_err());
    }

    #[test]
    fn exponential_buckets_are_cut_by_their_logarithm() {
        let buckets = |counts: &[u64]| Some(Buckets { offset: 0, bucket_counts: counts.to_vec() });
        let point = ExponentialHistogramDataPoint {
            count: 4,
            positive: buckets(&[2, 2]),
            ..ExponentialHistogramDataPoint::default()
        };
        assert_eq!(of_exponential(&point, 50.0), Ok(Some(2.0)));
        assert_eq!(of_exponential(&point, 99.0), Ok(Some(4.0)));
        let negative =
            ExponentialHistogramDataPoint { positive: None, negative: buckets(&[2, 2]), ..point };
        assert_eq!(of_exponential(&negative, 50.0), Ok(Some(-2.0)));
    }
}
