//! What a point says was measured, and what that has grown by.

use pdata::{
    ExponentialHistogramPoint, Field, HistogramPoint, NumberValue, Place, PointRef, Value,
};

use crate::{Buckets, bucket_of, set, unsigned, write_buckets, write_counts};

/// The flag of a point without a value (OTLP's `DataPointFlags`).
pub const NO_RECORDED_VALUE: u32 = 1;

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub enum Measured {
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// A histogram with explicit bounds.
    Histogram(Histogram),
    /// A histogram with exponential bounds.
    Exponential(Exponential),
    /// Quantiles, of which only number and sum add up.
    Summary(Summary),
}

/// A histogram with explicit bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    count: u64,
    sum: f64,
    bounds: Vec<f64>,
    counts: Vec<u64>,
}

/// A histogram with exponential bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Exponential {
    count: u64,
    sum: f64,
    zero_count: u64,
    zero_threshold: f64,
    scale: i32,
    positive: Buckets,
    negative: Buckets,
}

/// Number and sum of what a summary is of.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    count: u64,
    sum: f64,
}

/// Why a value has not grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotGrown {
    /// It is less than before: the source has begun anew.
    Reset,
    /// Histograms with other buckets cannot be compared.
    OtherBuckets,
}

impl From<HistogramPoint<'_>> for Histogram {
    fn from(it: HistogramPoint<'_>) -> Self {
        Self {
            count: it.count(),
            sum: it.sum().unwrap_or_default(),
            bounds: it.explicit_bounds().collect(),
            counts: it.bucket_counts().collect(),
        }
    }
}

impl From<ExponentialHistogramPoint<'_>> for Exponential {
    fn from(it: ExponentialHistogramPoint<'_>) -> Self {
        Self {
            count: it.count(),
            sum: it.sum().unwrap_or_default(),
            zero_count: it.zero_count(),
            zero_threshold: it.zero_threshold(),
            scale: it.scale(),
            positive: it.positive().into(),
            negative: it.negative().into(),
        }
    }
}

impl Measured {
    /// Of a point; nothing of one that says that it is no number.
    pub fn of(point: PointRef<'_>) -> Option<Self> {
        Some(match point {
            PointRef::Number(it) => match it.value() {
                NumberValue::Double(it) if it.is_nan() => return None,
                NumberValue::Double(it) => Self::Double(it),
                NumberValue::Int(it) => Self::Int(it),
                NumberValue::None => Self::Int(0),
            },
            PointRef::Histogram(it) => Self::Histogram(it.into()),
            PointRef::ExponentialHistogram(it) => Self::Exponential(it.into()),
            PointRef::Summary(it) => Self::Summary(Summary { count: it.count(), sum: it.sum() }),
        })
    }

    /// What it has grown by since `old`. A sum that is no number is what it was.
    ///
    /// # Errors
    /// Why there is nothing to say.
    pub fn since(&mut self, old: &Self) -> Result<Self, NotGrown> {
        match (self, old) {
            (Self::Int(new), Self::Int(old)) => match new.checked_sub(*old) {
                Some(grown @ 0..) => Ok(Self::Int(grown)),
                _ => Err(NotGrown::Reset),
            },
            (Self::Double(new), Self::Double(old)) if *new < *old => Err(NotGrown::Reset),
            (Self::Double(new), Self::Double(old)) => Ok(Self::Double(*new - old)),
            (Self::Histogram(new), Self::Histogram(old)) => new.since(old).map(Self::Histogram),
            (Self::Exponential(new), Self::Exponential(old)) => {
                new.since(old).map(Self::Exponential)
            }
            (Self::Summary(new), Self::Summary(old)) if new.count < old.count => {
                Err(NotGrown::Reset)
            }
            (Self::Summary(new), Self::Summary(old)) => {
                let (count, sum) = (new.count - old.count, new.sum - old.sum);
                Ok(Self::Summary(Summary { count, sum }))
            }
            _ => Err(NotGrown::OtherBuckets),
        }
    }

    /// Whether its source has begun anew since `old`: a part of it is less than it was, or it cannot be compared.
    pub fn is_reset_since(&self, old: &Self) -> bool {
        match (self, old) {
            (Self::Int(new), Self::Int(old)) => new < old,
            (Self::Double(new), Self::Double(old)) => new < old,
            (Self::Histogram(new), Self::Histogram(old)) => {
                new.count < old.count
                    || new.sum < old.sum
                    || new.bounds != old.bounds
                    || new.counts.len() != old.counts.len()
                    || new.counts.iter().zip(&old.counts).any(|(new, old)| new < old)
            }
            (Self::Exponential(new), Self::Exponential(old)) => {
                let has_all_of = |old: Exponential| {
                    new.sum >= old.sum
                        && new.zero_count >= old.zero_count
                        && new.positive.has_all_of(&old.positive)
                        && new.negative.has_all_of(&old.negative)
                };
                !new.comparable(old).is_some_and(has_all_of)
            }
            (Self::Summary(new), Self::Summary(old)) => new.count < old.count || new.sum < old.sum,
            _ => true,
        }
    }

    /// Writes it into the point that is visited, which is of its kind. A histogram without a sum has none after that.
    pub fn write(&self, place: &mut Place<'_>) {
        let sum = place.point().and_then(|it| match it {
            PointRef::Histogram(it) => it.sum(),
            PointRef::ExponentialHistogram(it) => it.sum(),
            PointRef::Summary(it) => Some(it.sum()),
            PointRef::Number(_) => None,
        });
        let has_sum = sum.is_some_and(|it| !it.is_nan());
        let (count, sum) = match self {
            Self::Int(it) => return set(place, Field::POINT_VALUE, Value::Int(*it)),
            Self::Double(it) => return set(place, Field::POINT_VALUE, Value::Double(*it)),
            Self::Histogram(it) => {
                write_counts(place, Field::POINT_BUCKET_COUNTS, &it.counts);
                (it.count, it.sum)
            }
            Self::Exponential(it) => {
                set(place, Field::POINT_ZERO_COUNT, unsigned(it.zero_count));
                write_buckets(place, &it.positive, &it.negative);
                (it.count, it.sum)
            }
            Self::Summary(it) => (it.count, it.sum),
        };
        set(place, Field::POINT_COUNT, unsigned(count));
        if has_sum {
            set(place, Field::POINT_SUM, Value::Double(sum));
        }
    }
}

impl Histogram {
    fn since(&mut self, old: &Self) -> Result<Self, NotGrown> {
        if self.sum.is_nan() {
            self.sum = old.sum;
        }
        if self.counts.len() != old.counts.len() || self.bounds != old.bounds {
            return Err(NotGrown::OtherBuckets);
        }
        if self.count < old.count {
            return Err(NotGrown::Reset);
        }
        let mut grown = self.clone();
        grown.count -= old.count;
        grown.sum -= old.sum;
        for (new, old) in grown.counts.iter_mut().zip(&old.counts) {
            *new = new.saturating_sub(*old);
        }
        Ok(grown)
    }
}

impl Exponential {
    /// The old one with these buckets. A source may make its buckets coarser and its zero bucket wider, and never the other way
    /// round.
    fn comparable(&self, old: &Self) -> Option<Self> {
        if self.count < old.count
            || self.zero_threshold < old.zero_threshold
            || self.scale > old.scale
        {
            return None;
        }
        let mut old = old.clone();
        if self.zero_threshold > old.zero_threshold {
            let last = bucket_of(self.zero_threshold, old.scale);
            for side in [&mut old.positive, &mut old.negative] {
                old.zero_count = old.zero_count.saturating_add(side.take_up_to(last));
            }
        }
        let by = old.scale.abs_diff(self.scale);
        Some(Self { positive: old.positive.coarser(by), negative: old.negative.coarser(by), ..old })
    }

    fn since(&self, old: &Self) -> Result<Self, NotGrown> {
        let old = self.comparable(old).ok_or(NotGrown::Reset)?;
        Ok(Self {
            count: self.count - old.count,
            sum: self.sum - old.sum,
            zero_count: self.zero_count.saturating_sub(old.zero_count),
            zero_threshold: self.zero_threshold,
            scale: self.scale,
            positive: self.positive.since(&old.positive),
            negative: self.negative.since(&old.negative),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(offset: i64, counts: &[u64]) -> Buckets {
        Buckets { offset, counts: counts.to_vec() }
    }

    fn exponential(count: u64, scale: i32, zero: (u64, f64), positive: Buckets) -> Measured {
        Measured::Exponential(Exponential {
            count,
            sum: count as f64,
            zero_count: zero.0,
            zero_threshold: zero.1,
            scale,
            positive,
            negative: Buckets::default(),
        })
    }

    #[test]
    fn numbers_that_are_less_than_before_have_no_delta() {
        for (mut new, old, want) in [
            (Measured::Int(5), Measured::Int(3), Ok(Measured::Int(2))),
            (Measured::Int(3), Measured::Int(3), Ok(Measured::Int(0))),
            (Measured::Int(2), Measured::Int(3), Err(NotGrown::Reset)),
            (Measured::Int(i64::MAX), Measured::Int(-1), Err(NotGrown::Reset)),
            (Measured::Double(1.5), Measured::Double(1.0), Ok(Measured::Double(0.5))),
            (Measured::Double(0.5), Measured::Double(1.0), Err(NotGrown::Reset)),
        ] {
            assert_eq!(new.since(&old), want, "{old:?}");
        }
    }

    #[test]
    fn histograms_are_compared_bucket_by_bucket() {
        let of = |count, sum, bounds: &[f64], counts: &[u64]| {
            let (bounds, counts) = (bounds.to_vec(), counts.to_vec());
            Measured::Histogram(Histogram { count, sum, bounds, counts })
        };
        let old = of(6, 9.0, &[1.0], &[2, 4]);
        let grown = of(8, 12.0, &[1.0], &[3, 5]).since(&old);
        assert_eq!(grown, Ok(of(2, 3.0, &[1.0], &[1, 1])));
        assert_eq!(of(1, 1.0, &[1.0], &[1, 0]).since(&old), Err(NotGrown::Reset));
        assert_eq!(of(8, f64::NAN, &[1.0], &[3, 5]).since(&old), Ok(of(2, 0.0, &[1.0], &[1, 1])));
        assert_eq!(of(8, 1.0, &[2.0], &[3, 5]).since(&old), Err(NotGrown::OtherBuckets));
        assert_eq!(of(8, 1.0, &[1.0], &[3, 4, 1]).since(&old), Err(NotGrown::OtherBuckets));
    }

    #[test]
    fn of_summaries_number_and_sum_are_compared() {
        let of = |count, sum| Measured::Summary(Summary { count, sum });
        assert_eq!(of(5, 7.0).since(&of(3, 4.0)), Ok(of(2, 3.0)));
        assert_eq!(of(2, 7.0).since(&of(3, 4.0)), Err(NotGrown::Reset));
    }

    #[test]
    fn what_is_less_or_has_other_buckets_has_begun_anew() {
        let histogram = |count, sum, bounds: &[f64], counts: &[u64]| {
            let (bounds, counts) = (bounds.to_vec(), counts.to_vec());
            Measured::Histogram(Histogram { count, sum, bounds, counts })
        };
        let summary = |count, sum| Measured::Summary(Summary { count, sum });
        let old = histogram(6, 9.0, &[1.0], &[2, 4]);
        let wide = exponential(10, 1, (1, 0.0), side(1, &[3, 0, 6]));
        for (new, old, want) in [
            (Measured::Int(3), &Measured::Int(3), false),
            (Measured::Int(2), &Measured::Int(3), true),
            (Measured::Double(2.5), &Measured::Double(3.0), true),
            (Measured::Double(4.0), &Measured::Int(3), true),
            (histogram(7, 9.5, &[1.0], &[2, 5]), &old, false),
            (histogram(7, 8.0, &[1.0], &[2, 5]), &old, true),
            (histogram(9, 9.5, &[1.0], &[1, 8]), &old, true),
            (histogram(7, 9.5, &[2.0], &[2, 5]), &old, true),
            (exponential(11, 1, (1, 0.0), side(0, &[1, 3, 0, 6])), &wide, false),
            (exponential(11, 0, (1, 0.0), side(0, &[4, 6])), &wide, false),
            (exponential(11, 1, (1, 0.0), side(1, &[3, 1, 5])), &wide, true),
            (exponential(11, 2, (1, 0.0), side(1, &[3, 1, 6])), &wide, true),
            (exponential(11, 1, (0, 0.0), side(1, &[4, 1, 6])), &wide, true),
            (summary(3, 4.0), &summary(3, 4.0), false),
            (summary(3, 3.0), &summary(3, 4.0), true),
        ] {
            assert_eq!(new.is_reset_since(old), want, "{new:?} {old:?}");
        }
    }

    #[test]
    fn exponential_buckets_are_found_where_they_were() {
        let old = exponential(10, 1, (1, 0.0), side(1, &[3, 0, 6]));
        for (mut new, want) in [
            (
                exponential(16, 1, (2, 0.0), side(2, &[1, 9, 1])),
                Ok(exponential(6, 1, (1, 0.0), side(2, &[1, 3, 1]))),
            ),
            // Two buckets have become one: 1 is half of 0, 2 and 3 are 1.
            (
                exponential(12, 0, (1, 0.0), side(0, &[4, 7])),
                Ok(exponential(2, 0, (0, 0.0), side(0, &[1, 1]))),
            ),
            // What was in bucket 1, which ends at 2, is zero now.
            (
                exponential(12, 1, (5, 2.0), side(2, &[0, 7])),
                Ok(exponential(2, 1, (1, 2.0), side(3, &[1]))),
            ),
            (exponential(9, 1, (1, 0.0), side(1, &[3])), Err(NotGrown::Reset)),
            (exponential(12, 2, (1, 0.0), side(1, &[3])), Err(NotGrown::Reset)),
        ] {
            assert_eq!(new.since(&old), want);
        }
        let wide = exponential(1, i32::MAX, (0, 0.0), side(i64::from(i32::MAX), &[1]));
        let coarse = exponential(2, i32::MIN, (0, 0.0), side(-1, &[1, 1])).since(&wide);
        assert_eq!(coarse, Ok(exponential(1, i32::MIN, (0, 0.0), side(-1, &[1]))));
    }
}
