//! A histogram with exponential bounds that gets coarser when it needs more buckets than it may have
//! (`lightstep/go-expohisto`, which upstream uses; OpenTelemetry's data model, "ExponentialHistogram").

/// The finest bounds: each is the one before times 2^(2^-20).
const SCALE_MAX: i32 = 20;
/// The coarsest bounds; one bucket holds all numbers.
const SCALE_MIN: i32 = -10;
/// Fewest and most buckets for each sign: `structure.MinSize`, `structure.MaximumMaxSize`.
const SIZES: (i32, i32) = (2, 16_384);
/// Bits of the fraction of a double.
const FRACTION_BITS: u32 = 52;
/// What the exponent of a double is moved by.
const EXPONENT_BIAS: i32 = 1023;

/// Buckets for the numbers of one sign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buckets {
    /// The number of the first bucket.
    pub offset: i32,
    /// How many values are in each of them.
    pub counts: Vec<u64>,
}

impl Buckets {
    /// From the first to the last bucket, if `index` is one of them.
    fn span(&self, index: i32) -> (i32, i32) {
        match i32::try_from(self.counts.len()) {
            Ok(0) | Err(_) => (index, index),
            Ok(length) => (self.offset.min(index), (self.offset + length - 1).max(index)),
        }
    }

    fn add(&mut self, index: i32, count: u64) {
        if self.counts.is_empty() {
            self.offset = index;
        }
        if index < self.offset {
            let more = usize::try_from(self.offset - index).unwrap_or_default();
            self.counts.splice(..0, std::iter::repeat_n(0, more));
            self.offset = index;
        }
        let at = usize::try_from(index - self.offset).unwrap_or_default();
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        if let Some(slot) = self.counts.get_mut(at) {
            *slot = slot.saturating_add(count);
        }
    }

    /// Joins 2^`by` buckets to one.
    fn coarsen(&mut self, by: u32) {
        let before = std::mem::take(self);
        for (index, count) in (before.offset..).zip(before.counts).filter(|it| it.1 > 0) {
            self.add(index >> by, count);
        }
    }
}

/// The histogram.
#[derive(Debug, Clone)]
pub struct Exponential {
    size_max: i32,
    scale: i32,
    /// How many values.
    pub count: u64,
    /// How many of them are zero.
    pub zeros: u64,
    /// Their sum.
    pub sum: f64,
    /// The smallest; infinite without values.
    pub min: f64,
    /// The largest; infinite without values.
    pub max: f64,
    /// Those above zero.
    pub positive: Buckets,
    /// Those below zero, by their distance from it.
    pub negative: Buckets,
}

impl Exponential {
    /// Without values; with at most `size_max` buckets for each sign.
    pub fn new(size_max: i32) -> Self {
        Self {
            size_max: size_max.clamp(SIZES.0, SIZES.1),
            scale: SCALE_MAX,
            count: 0,
            zeros: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            positive: Buckets::default(),
            negative: Buckets::default(),
        }
    }

    /// How fine the bounds are; 0 while there are only zeros.
    pub fn scale(&self) -> i32 {
        if self.count == self.zeros { 0 } else { self.scale }
    }

    /// Adds a finite value, so many times.
    pub fn add(&mut self, value: f64, times: u64) {
        if times == 0 {
            return;
        }
        self.count = self.count.saturating_add(times);
        self.sum += value * times as f64;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if value == 0.0 {
            self.zeros = self.zeros.saturating_add(times);
            return;
        }
        let (low, high) = {
            let side = if value > 0.0 { &self.positive } else { &self.negative };
            side.span(index(value.abs(), self.scale))
        };
        let (mut low, mut high, mut by) = (low, high, 0);
        while i64::from(high) - i64::from(low) >= i64::from(self.size_max)
            && self.scale - by > SCALE_MIN
        {
            (low, high, by) = (low >> 1, high >> 1, by + 1);
        }
        if by > 0 {
            self.scale -= by;
            self.positive.coarsen(by.cast_unsigned());
            self.negative.coarsen(by.cast_unsigned());
        }
        let index = index(value.abs(), self.scale);
        let side = if value > 0.0 { &mut self.positive } else { &mut self.negative };
        side.add(index, times);
    }
}

/// The bucket of a positive number. A bound belongs to the bucket below it.
#[expect(clippy::cast_possible_truncation, reason = "at most 2^20 times the exponent of a double")]
fn index(value: f64, scale: i32) -> i32 {
    let bits = value.max(f64::MIN_POSITIVE).to_bits();
    let exponent = ((bits >> FRACTION_BITS) & 0x7ff) as i32 - EXPONENT_BIAS;
    let is_power_of_two = bits & ((1 << FRACTION_BITS) - 1) == 0;
    if scale <= 0 {
        return (exponent - i32::from(is_power_of_two)) >> -scale;
    }
    if is_power_of_two {
        return (exponent << scale) - 1;
    }
    let factor = std::f64::consts::LOG2_E * f64::from(1 << scale);
    let index = (value.ln() * factor).floor() as i32;
    // Rounding may lead beyond the next power of two.
    index.min(((exponent + 1) << scale) - 1).max(exponent << scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        for scale in [-10, -1, 0, 1, 5, 20] {
            let base = 2_f64.powf(2_f64.powi(-scale));
            for value in [1e-300, 0.1, 0.999, 1.0, 1.5, 2.0, 3.0, 4.0, 1e9, 1e300] {
                let at = f64::from(index(value, scale));
                let (low, high) = (base.powf(at), base.powf(at + 1.0));
                let margin = 1.0 + 1e-6;
                assert!(low <= value * margin && value <= high * margin, "{value} {scale} {at}");
            }
        }
        assert_eq!([index(1.0, 0), index(2.0, 0), index(2.1, 0), index(4.0, 1)], [-1, 0, 1, 3]);
    }

    #[test]
    fn it_gets_coarser_and_loses_no_value() {
        let mut it = Exponential::new(4);
        for value in [1.0, 2.0, 4.0, 8.0, 16.0, 100.0, -3.0, 0.0] {
            it.add(value, 2);
        }
        assert_eq!((it.count, it.zeros, it.min, it.max), (16, 2, -3.0, 100.0));
        assert!((it.sum - 2.0 * 128.0).abs() < 1e-9);
        let all = |it: &Buckets| it.counts.iter().sum::<u64>();
        assert_eq!((all(&it.positive), all(&it.negative)), (12, 2));
        assert!(it.positive.counts.len() <= 4, "{it:?}");
        assert_eq!(it.scale(), -2);
        // Up to 1, to 16, to 256.
        assert_eq!((it.positive.offset, it.positive.counts), (-1, vec![2, 8, 2]));
    }

    #[test]
    fn zeros_alone_have_no_scale() {
        let mut it = Exponential::new(160);
        it.add(0.0, 3);
        assert_eq!((it.scale(), it.zeros, it.count), (0, 3, 3));
        it.add(5.0, 1);
        assert_eq!((it.scale(), it.positive.counts), (20, vec![1]));
    }
}
