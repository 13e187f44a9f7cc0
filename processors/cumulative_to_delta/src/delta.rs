//! What a cumulative value has grown by.

use pdata::{ExponentialHistogramPoint, HistogramPoint};
use points::{Buckets, bucket_of};

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Int(i64),
    Double(f64),
    Histogram(Histogram),
    Exponential(Exponential),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Histogram {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    bounds: Vec<f64>,
    pub(crate) counts: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exponential {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) zero_count: u64,
    zero_threshold: f64,
    scale: i32,
    pub(crate) positive: Buckets,
    pub(crate) negative: Buckets,
}

/// Why a value has no delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
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

impl Value {
    /// What it has grown by since `old`. A sum that is no number is what it was.
    pub(crate) fn since(&mut self, old: &Self) -> Result<Self, Why> {
        match (self, old) {
            (Self::Int(new), Self::Int(old)) => match new.checked_sub(*old) {
                Some(grown @ 0..) => Ok(Self::Int(grown)),
                _ => Err(Why::Reset),
            },
            (Self::Double(new), Self::Double(old)) if *new < *old => Err(Why::Reset),
            (Self::Double(new), Self::Double(old)) => Ok(Self::Double(*new - old)),
            (Self::Histogram(new), Self::Histogram(old)) => new.since(old).map(Self::Histogram),
            (Self::Exponential(new), Self::Exponential(old)) => {
                new.since(old).map(Self::Exponential)
            }
            // The kind of value is a part of the stream's identity.
            _ => Err(Why::OtherBuckets),
        }
    }
}

impl Histogram {
    /// Of one that has begun anew that is all of it.
    fn since(&mut self, old: &Self) -> Result<Self, Why> {
        if self.sum.is_nan() {
            self.sum = old.sum;
        }
        if self.counts.len() != old.counts.len() || self.bounds != old.bounds {
            return Err(Why::OtherBuckets);
        }
        let mut grown = self.clone();
        if self.count >= old.count {
            grown.count -= old.count;
            grown.sum -= old.sum;
            for (new, old) in grown.counts.iter_mut().zip(&old.counts) {
                *new = new.saturating_sub(*old);
            }
        }
        Ok(grown)
    }
}

impl Exponential {
    /// A source may make its buckets coarser and its zero bucket wider, and never the other way round.
    fn since(&self, old: &Self) -> Result<Self, Why> {
        if self.count < old.count
            || self.zero_threshold < old.zero_threshold
            || self.scale > old.scale
        {
            return Err(Why::Reset);
        }
        let mut old = old.clone();
        if self.zero_threshold > old.zero_threshold {
            let last = bucket_of(self.zero_threshold, old.scale);
            for side in [&mut old.positive, &mut old.negative] {
                old.zero_count = old.zero_count.saturating_add(side.take_up_to(last));
            }
        }
        let by = old.scale.saturating_sub(self.scale).cast_unsigned();
        Ok(Self {
            count: self.count - old.count,
            sum: self.sum - old.sum,
            zero_count: self.zero_count.saturating_sub(old.zero_count),
            zero_threshold: self.zero_threshold,
            scale: self.scale,
            positive: self.positive.since(&old.positive.coarser(by)),
            negative: self.negative.since(&old.negative.coarser(by)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(offset: i64, counts: &[u64]) -> Buckets {
        Buckets { offset, counts: counts.to_vec() }
    }

    fn exponential(count: u64, scale: i32, zero: (u64, f64), positive: Buckets) -> Value {
        Value::Exponential(Exponential {
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
            (Value::Int(5), Value::Int(3), Ok(Value::Int(2))),
            (Value::Int(3), Value::Int(3), Ok(Value::Int(0))),
            (Value::Int(2), Value::Int(3), Err(Why::Reset)),
            (Value::Int(i64::MAX), Value::Int(-1), Err(Why::Reset)),
            (Value::Double(1.5), Value::Double(1.0), Ok(Value::Double(0.5))),
            (Value::Double(0.5), Value::Double(1.0), Err(Why::Reset)),
        ] {
            assert_eq!(new.since(&old), want, "{old:?}");
        }
    }

    #[test]
    fn histograms_are_compared_bucket_by_bucket() {
        let of = |count, sum, bounds: &[f64], counts: &[u64]| {
            let (bounds, counts) = (bounds.to_vec(), counts.to_vec());
            Value::Histogram(Histogram { count, sum, bounds, counts })
        };
        let old = of(6, 9.0, &[1.0], &[2, 4]);
        let grown = of(8, 12.0, &[1.0], &[3, 5]).since(&old);
        assert_eq!(grown, Ok(of(2, 3.0, &[1.0], &[1, 1])));
        // It has begun anew: all of it came since.
        assert_eq!(of(1, 1.0, &[1.0], &[1, 0]).since(&old), Ok(of(1, 1.0, &[1.0], &[1, 0])));
        assert_eq!(of(8, f64::NAN, &[1.0], &[3, 5]).since(&old), Ok(of(2, 0.0, &[1.0], &[1, 1])));
        assert_eq!(of(8, 1.0, &[2.0], &[3, 5]).since(&old), Err(Why::OtherBuckets));
        assert_eq!(of(8, 1.0, &[1.0], &[3, 4, 1]).since(&old), Err(Why::OtherBuckets));
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
            (exponential(9, 1, (1, 0.0), side(1, &[3])), Err(Why::Reset)),
            (exponential(12, 2, (1, 0.0), side(1, &[3])), Err(Why::Reset)),
        ] {
            assert_eq!(new.since(&old), want);
        }
        let wide = exponential(1, i32::MAX, (0, 0.0), side(i64::from(i32::MAX), &[1]));
        let coarse = exponential(2, i32::MIN, (0, 0.0), side(-1, &[1, 1])).since(&wide);
        assert_eq!(coarse, Ok(exponential(1, i32::MIN, (0, 0.0), side(-1, &[1]))));
    }
}
