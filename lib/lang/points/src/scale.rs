//! All that a point measured, times a number.

use golang::number::whole;
use pdata::tree::exponential_histogram_data_point::Buckets;
use pdata::tree::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, exemplar,
    number_data_point,
};

use crate::bucket_of;

/// The value of a point of a gauge or sum.
pub fn number(point: &mut NumberDataPoint, factor: f64) {
    match &mut point.value {
        Some(number_data_point::Value::AsInt(it)) => *it = whole(*it as f64 * factor),
        Some(number_data_point::Value::AsDouble(it)) => *it *= factor,
        None => {}
    }
}

/// Sum, minimum, maximum and bounds of a histogram, and its examples.
pub fn histogram(point: &mut HistogramDataPoint, factor: f64) {
    let values = [&mut point.sum, &mut point.min, &mut point.max];
    values.into_iter().flatten().for_each(|it| *it *= factor);
    point.explicit_bounds.iter_mut().for_each(|it| *it *= factor);
    point.exemplars.iter_mut().for_each(|it| example(it, factor));
}

/// Sum, minimum, maximum and threshold of a histogram with exponential bounds, and its examples. Its buckets move by
/// whole buckets, so bounds are exact only where the factor is a power of the base.
pub fn exponential(point: &mut ExponentialHistogramDataPoint, factor: f64) {
    let values = [&mut point.sum, &mut point.min, &mut point.max];
    values.into_iter().flatten().for_each(|it| *it *= factor);
    point.zero_threshold *= factor;
    for buckets in [&mut point.positive, &mut point.negative].into_iter().flatten() {
        shift(buckets, point.scale, factor);
    }
    point.exemplars.iter_mut().for_each(|it| example(it, factor));
}

/// The first bucket goes where its middle goes.
fn shift(buckets: &mut Buckets, scale: i32, factor: f64) {
    if buckets.bucket_counts.is_empty() {
        return;
    }
    let base = (-f64::from(scale)).exp2().exp2();
    let bound = |index: f64| base.powf(index);
    let first = f64::from(buckets.offset);
    let middle = f64::midpoint(bound(first), bound(first + 1.0));
    let index = bucket_of(middle * factor, scale);
    // Where a double cannot say it the buckets stay where they are.
    if index.is_finite()
        && let Ok(offset) = i32::try_from(whole(index))
    {
        buckets.offset = offset;
    }
}

fn example(it: &mut Exemplar, factor: f64) {
    match &mut it.value {
        Some(exemplar::Value::AsInt(it)) => *it = whole(*it as f64 * factor),
        Some(exemplar::Value::AsDouble(it)) => *it *= factor,
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_move_to_where_the_factor_takes_them() {
        // At scale 0 bucket `n` ends at 2^(n+1), at scale 1 at the root of that.
        for (scale, offset, factor, want) in [
            (0, 0, 2.0, 1),
            (0, 3, 0.25, 1),
            (1, 0, 2.0, 2),
            (-1, 2, 16.0, 4),
            (0, 1, -1.0, 1),
            (0, i32::MAX, 2.0, i32::MAX),
        ] {
            let buckets = Buckets { offset, bucket_counts: vec![1, 2] };
            let mut point = ExponentialHistogramDataPoint {
                scale,
                positive: Some(buckets),
                negative: Some(Buckets { offset: 7, bucket_counts: Vec::new() }),
                sum: Some(1.5),
                zero_threshold: 0.5,
                ..ExponentialHistogramDataPoint::default()
            };
            exponential(&mut point, factor);
            assert_eq!(point.positive.map(|it| it.offset), Some(want), "{scale} {offset} {factor}");
            assert_eq!(point.negative.map(|it| it.offset), Some(7));
            assert_eq!((point.sum, point.zero_threshold), (Some(1.5 * factor), 0.5 * factor));
        }
    }
}
