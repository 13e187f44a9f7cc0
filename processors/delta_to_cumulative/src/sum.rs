//! What deltas add up to.

use pdata::{
    ExponentialHistogramPoint, Field, HistogramPoint, NumberValue, Place, PointRef,
    Value as OtlpValue,
};
use points::{Buckets, bucket_of, set, unsigned, write_buckets, write_counts};

/// Most buckets of an exponential histogram for each sign. `internal/data/add.go`, v0.149.
const BUCKETS_MAX: i64 = 160;

/// The sum of the points of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Total {
    /// The start of its first point, and the time of its last.
    pub(crate) start: u64,
    pub(crate) time: u64,
    value: Value,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    /// Also of a point without a value.
    Number(NumberValue),
    Histogram(Box<Histogram>),
    Exponential(Box<Exponential>),
}

/// What both kinds of histograms have: sum, minimum and maximum are there if all points had them.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Common {
    count: u64,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
struct Histogram {
    common: Common,
    bounds: Vec<f64>,
    counts: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq)]
struct Exponential {
    common: Common,
    scale: i32,
    zero_count: u64,
    zero_threshold: f64,
    positive: Buckets,
    negative: Buckets,
}

/// Why a point cannot be added. The words are upstream's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    OlderStart,
    OutOfOrder,
}

impl Why {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OlderStart => "delta.ErrOlderStart",
            Self::OutOfOrder => "delta.ErrOutOfOrder",
        }
    }
}

impl Total {
    /// That of a stream with one point; nothing for a summary, which has no temporality.
    pub(crate) fn of(point: PointRef<'_>) -> Option<Self> {
        let value = match point {
            PointRef::Number(it) => Value::Number(it.value()),
            PointRef::Histogram(it) => Value::Histogram(Box::new(it.into())),
            PointRef::ExponentialHistogram(it) => Value::Exponential(Box::new(it.into())),
            PointRef::Summary(_) => return None,
        };
        let (start, time) = (point.start_time_unix_nano(), point.time_unix_nano());
        Some(Self { start, time, value })
    }

    /// Adds another point.
    pub(crate) fn add(&mut self, other: Self) -> Result<(), Why> {
        if self.time == 0 {
            *self = other;
            return Ok(());
        }
        if other.start < self.start {
            return Err(Why::OlderStart);
        }
        if other.time <= self.time {
            return Err(Why::OutOfOrder);
        }
        match (&mut self.value, other.value) {
            (Value::Number(sum), Value::Number(it)) => *sum = plus(*sum, it),
            (Value::Histogram(sum), Value::Histogram(it)) if sum.bounds == it.bounds => {
                sum.add(&it)
            }
            (Value::Exponential(sum), Value::Exponential(it)) => sum.add(*it),
            // Histograms with other bounds cannot be added: the stream begins anew.
            (_, value) => {
                self.start = other.start;
                self.value = value;
            }
        }
        self.time = other.time;
        Ok(())
    }

    /// Writes it into the last point that was added.
    pub(crate) fn write(&self, place: &mut Place<'_>) {
        set(place, Field::POINT_START_TIME, unsigned(self.start));
        match &self.value {
            Value::Number(NumberValue::Int(it)) => {
                set(place, Field::POINT_VALUE, OtlpValue::Int(*it));
            }
            Value::Number(NumberValue::Double(it)) => {
                set(place, Field::POINT_VALUE, OtlpValue::Double(*it));
            }
            Value::Number(NumberValue::None) => {}
            Value::Histogram(it) => {
                it.common.write(place);
                write_counts(place, Field::POINT_BUCKET_COUNTS, &it.counts);
            }
            Value::Exponential(it) => {
                it.common.write(place);
                set(place, Field::POINT_SCALE, OtlpValue::Int(it.scale.into()));
                set(place, Field::POINT_ZERO_COUNT, unsigned(it.zero_count));
                set(place, Field::POINT_ZERO_THRESHOLD, OtlpValue::Double(it.zero_threshold));
                write_buckets(place, &it.positive, &it.negative);
            }
        }
    }
}

/// A whole number is added to a double as one, and one to a whole number makes that one.
fn plus(sum: NumberValue, it: NumberValue) -> NumberValue {
    use NumberValue::{Double, Int, None};
    match (sum, it) {
        (sum, None) => sum,
        (None, it) => it,
        (Int(sum), Int(it)) => Int(sum.wrapping_add(it)),
        (Double(sum), Double(it)) => Double(sum + it),
        (Double(double), Int(int)) | (Int(int), Double(double)) => Double(double + int as f64),
    }
}

impl Common {
    fn add(&mut self, it: &Self) {
        let both =
            |one: Option<f64>, two: Option<f64>, join: fn(f64, f64) -> f64| Some(join(one?, two?));
        self.count = self.count.wrapping_add(it.count);
        self.sum = both(self.sum, it.sum, |one, two| one + two);
        self.min = both(self.min, it.min, f64::min);
        self.max = both(self.max, it.max, f64::max);
    }

    fn write(&self, place: &mut Place<'_>) {
        set(place, Field::POINT_COUNT, unsigned(self.count));
        for (field, value) in [
            (Field::POINT_SUM, self.sum),
            (Field::POINT_MIN, self.min),
            (Field::POINT_MAX, self.max),
        ] {
            match value {
                Some(it) => set(place, field, OtlpValue::Double(it)),
                None => {
                    let _ = place.remove(field, &[]);
                }
            }
        }
    }
}

impl From<HistogramPoint<'_>> for Histogram {
    fn from(it: HistogramPoint<'_>) -> Self {
        Self {
            common: Common { count: it.count(), sum: it.sum(), min: it.min(), max: it.max() },
            bounds: it.explicit_bounds().collect(),
            counts: it.bucket_counts().collect(),
        }
    }
}

impl Histogram {
    fn add(&mut self, it: &Self) {
        self.common.add(&it.common);
        for (sum, it) in self.counts.iter_mut().zip(&it.counts) {
            *sum = sum.wrapping_add(*it);
        }
    }
}

impl From<ExponentialHistogramPoint<'_>> for Exponential {
    fn from(it: ExponentialHistogramPoint<'_>) -> Self {
        Self {
            common: Common { count: it.count(), sum: it.sum(), min: it.min(), max: it.max() },
            scale: it.scale(),
            zero_count: it.zero_count(),
            zero_threshold: it.zero_threshold(),
            positive: it.positive().into(),
            negative: it.negative().into(),
        }
    }
}

impl Exponential {
    fn add(&mut self, mut it: Self) {
        let scale = self.scale.min(it.scale);
        self.coarsen(scale);
        it.coarsen(scale);
        let by = excess(&self.positive, &it.positive).max(excess(&self.negative, &it.negative));
        self.join(by);
        it.join(by);
        if self.zero_threshold < it.zero_threshold {
            self.widen_zero(it.zero_threshold);
        } else if it.zero_threshold < self.zero_threshold {
            it.widen_zero(self.zero_threshold);
        }
        self.common.add(&it.common);
        self.zero_count = self.zero_count.wrapping_add(it.zero_count);
        if !it.positive.counts.is_empty() {
            self.positive = self.positive.plus(&it.positive);
        }
        if !it.negative.counts.is_empty() {
            self.negative = self.negative.plus(&it.negative);
        }
    }

    /// `scale` is at most that of the buckets.
    fn coarsen(&mut self, scale: i32) {
        self.join(self.scale.abs_diff(scale));
    }

    /// Joins neighbours so many times. A point may say the coarsest scale that can be written and have buckets far from each
    /// other all the same: then the scale stays, and the buckets become few nevertheless.
    fn join(&mut self, by: u32) {
        self.positive = std::mem::take(&mut self.positive).coarser(by);
        self.negative = std::mem::take(&mut self.negative).coarser(by);
        self.scale = self.scale.saturating_sub_unsigned(by);
    }

    /// Counts values up to `width` as zero, with all of the bucket in which it lies.
    fn widen_zero(&mut self, width: f64) {
        let last = bucket_of(width, self.scale);
        for side in [&mut self.positive, &mut self.negative] {
            self.zero_count = self.zero_count.wrapping_add(side.take_up_to(last));
        }
        // At the coarsest scales a double cannot say where the bucket ends.
        let end = ((last + 1.0) * (-f64::from(self.scale)).exp2()).exp2();
        self.zero_threshold = end.max(width);
    }
}

/// How often neighbours have to be joined until the buckets of both are not too many. As upstream reckons, which takes
/// one bucket more in some cases.
fn excess(one: &Buckets, two: &Buckets) -> u32 {
    let ends = one.ends().into_iter().chain(two.ends());
    let Some((mut low, last)) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else { return 0 };
    let (mut high, mut by) = (last + 1, 0);
    while high - low > BUCKETS_MAX {
        (low, high, by) = (low / 2, high / 2, by + 1);
    }
    by
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exponential(scale: i32, zero: (u64, f64), offset: i64, counts: &[u64]) -> Exponential {
        Exponential {
            common: Common { count: 1, sum: Some(1.0), min: Some(1.0), max: None },
            scale,
            zero_count: zero.0,
            zero_threshold: zero.1,
            positive: Buckets { offset, counts: counts.to_vec() },
            negative: Buckets::default(),
        }
    }

    /// Scale, zero bucket, first bucket and counts of the sum.
    fn sum(mut one: Exponential, two: Exponential) -> (i32, (u64, f64), i64, Vec<u64>) {
        one.add(two);
        let zero = (one.zero_count, one.zero_threshold);
        (one.scale, zero, one.positive.offset, one.positive.counts)
    }

    #[test]
    fn exponential_histograms_are_added_at_the_coarser_scale() {
        let (fine, coarse) =
            (exponential(1, (1, 0.0), 1, &[1, 2]), exponential(0, (2, 0.0), 0, &[4]));
        let want = (0, (3, 0.0), 0, vec![5, 2]);
        assert_eq!(sum(fine.clone(), coarse.clone()), want);
        assert_eq!(sum(coarse, fine), want);
    }

    #[test]
    fn the_zero_bucket_is_the_wider_one() {
        // At scale 0 bucket 1 ends at 4: 3 lies in it.
        let narrow = exponential(0, (1, 0.0), 0, &[1, 2, 4]);
        let wide = exponential(0, (8, 3.0), 2, &[16]);
        assert_eq!(sum(narrow.clone(), wide.clone()), (0, (12, 4.0), 2, vec![20]));
        assert_eq!(sum(wide, narrow), (0, (12, 3.0), 2, vec![20]));
        let coarsest = |threshold| exponential(i32::MIN, (1, threshold), 0, &[1]);
        assert_eq!(sum(coarsest(0.0), coarsest(1.5)), (i32::MIN, (2, 1.5), 0, vec![2]));
    }

    #[test]
    fn buckets_far_from_each_other_become_coarser_until_they_are_few() {
        let (scale, _, offset, counts) =
            sum(exponential(5, (0, 0.0), 0, &[1]), exponential(5, (0, 0.0), 1000, &[2]));
        assert_eq!((scale, offset, counts.len()), (2, 0, 126));
        assert_eq!((counts[0], counts[125]), (1, 2));
        let far = i64::from(i32::MAX);
        let (.., counts) =
            sum(exponential(20, (0, 0.0), -far, &[1]), exponential(20, (0, 0.0), far, &[1]));
        assert!(counts.len() <= 161, "{}", counts.len());
        // There is no coarser scale to say.
        let (scale, .., counts) = sum(
            exponential(i32::MIN, (0, 0.0), 0, &[1]),
            exponential(i32::MIN, (0, 0.0), far, &[1]),
        );
        assert!(counts.len() <= 161, "{}", counts.len());
        assert_eq!((scale, counts.iter().sum::<u64>()), (i32::MIN, 2));
        // Without values they are as many as they were, and none of them counts.
        let (scale, .., counts) =
            sum(exponential(5, (0, 0.0), 0, &[0]), exponential(5, (0, 0.0), 9999, &[0]));
        assert_eq!((scale, counts), (5, vec![]));
    }

    #[test]
    fn what_one_of_both_does_not_know_the_sum_does_not_know() {
        let mut one = Common { count: 1, sum: Some(1.0), min: Some(1.0), max: Some(2.0) };
        one.add(&Common { count: 2, sum: Some(2.0), min: None, max: Some(5.0) });
        assert_eq!(one, Common { count: 3, sum: Some(3.0), min: None, max: Some(5.0) });
    }

    #[test]
    fn numbers_of_both_kinds_are_added() {
        use NumberValue::{Double, Int, None};
        for (one, two, want) in [
            (Int(1), Int(2), Int(3)),
            (Double(0.5), Double(1.0), Double(1.5)),
            (Int(1), Double(0.5), Double(1.5)),
            (Double(0.5), Int(1), Double(1.5)),
            (Int(1), None, Int(1)),
            (None, Int(1), Int(1)),
        ] {
            assert_eq!(plus(one, two), want);
        }
    }
}
