//! Data points of the five kinds of metrics, read in place.

use super::value::AttributesRef;
use crate::bits::last_32;
use crate::fields::{exemplar, exponential, histogram, number, summary};
use crate::wire::{Messages, Payload, Reader, Scalars, from_zigzag};

/// Value of a number point or exemplar.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum NumberValue {
    /// The sender set none.
    #[default]
    None,
    /// A signed integer.
    Int(i64),
    /// A floating point number.
    Double(f64),
}

/// What all points have: accessors for fields read by `new`.
macro_rules! common {
    ($name:ident, $fields:ident) => {
        impl<'a> $name<'a> {
            /// The body of this message as it is on the wire.
            pub fn encoded(self) -> &'a [u8] {
                self.buf
            }

            /// Its attributes.
            #[inline]
            pub fn attributes(self) -> AttributesRef<'a> {
                AttributesRef::new(self.buf, $fields::ATTRIBUTES)
            }

            /// When the aggregation began.
            pub fn start_time_unix_nano(self) -> u64 {
                self.start
            }

            /// When it was measured.
            pub fn time_unix_nano(self) -> u64 {
                self.time
            }

            /// Bit 0: no value was recorded.
            pub fn flags(self) -> u32 {
                self.flags
            }
        }
    };
}

common!(NumberPoint, number);
common!(HistogramPoint, histogram);
common!(ExponentialHistogramPoint, exponential);
common!(SummaryPoint, summary);

/// Accessors of fields that are there or not.
macro_rules! sum_min_max {
    ($name:ident, $fields:ident) => {
        impl<'a> $name<'a> {
            /// How many measurements.
            pub fn count(self) -> u64 {
                self.count
            }

            /// Their sum, if the sender knows it.
            pub fn sum(self) -> Option<f64> {
                self.sum
            }

            /// The smallest, if the sender knows it.
            pub fn min(self) -> Option<f64> {
                self.min
            }

            /// The largest, if the sender knows it.
            pub fn max(self) -> Option<f64> {
                self.max
            }

            /// Examples of measurements.
            pub fn exemplars(self) -> impl Iterator<Item = Exemplar<'a>> + Clone {
                Messages::new(self.buf, $fields::EXEMPLARS).map(Exemplar::new)
            }
        }
    };
}

sum_min_max!(HistogramPoint, histogram);
sum_min_max!(ExponentialHistogramPoint, exponential);

/// A point of a gauge or sum.
#[derive(Debug, Clone, Copy, Default)]
pub struct NumberPoint<'a> {
    buf: &'a [u8],
    start: u64,
    time: u64,
    value: NumberValue,
    flags: u32,
}

impl<'a> NumberPoint<'a> {
    #[inline]
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        let mut it = Self { buf, ..Self::default() };
        for field in Reader::new(buf) {
            let payload = field.payload;
            match field.number {
                number::START => it.start = payload.integer(),
                number::TIME => it.time = payload.integer(),
                number::DOUBLE => it.value = NumberValue::Double(payload.double()),
                number::INT => it.value = NumberValue::Int(payload.integer().cast_signed()),
                number::FLAGS => it.flags = last_32(payload.integer()),
                _ => {}
            }
        }
        it
    }

    /// Its value.
    pub fn value(self) -> NumberValue {
        self.value
    }

    /// Examples of measurements.
    pub fn exemplars(self) -> impl Iterator<Item = Exemplar<'a>> + Clone {
        Messages::new(self.buf, number::EXEMPLARS).map(Exemplar::new)
    }
}

/// A point of a histogram with explicit bounds.
#[derive(Debug, Clone, Copy, Default)]
pub struct HistogramPoint<'a> {
    buf: &'a [u8],
    start: u64,
    time: u64,
    count: u64,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    flags: u32,
}

impl<'a> HistogramPoint<'a> {
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        let mut it = Self { buf, ..Self::default() };
        for field in Reader::new(buf) {
            let payload = field.payload;
            match field.number {
                histogram::START => it.start = payload.integer(),
                histogram::TIME => it.time = payload.integer(),
                histogram::COUNT => it.count = payload.integer(),
                histogram::SUM => it.sum = Some(payload.double()),
                histogram::MIN => it.min = Some(payload.double()),
                histogram::MAX => it.max = Some(payload.double()),
                histogram::FLAGS => it.flags = last_32(payload.integer()),
                _ => {}
            }
        }
        it
    }

    /// Measurements per bucket.
    pub fn bucket_counts(self) -> impl Iterator<Item = u64> + Clone + use<'a> {
        Scalars::fixed64(self.buf, histogram::BUCKETS)
    }

    /// Upper bounds of the buckets but the last.
    pub fn explicit_bounds(self) -> impl Iterator<Item = f64> + Clone + use<'a> {
        Scalars::fixed64(self.buf, histogram::BOUNDS).map(f64::from_bits)
    }
}

/// A point of a histogram with exponential bounds.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExponentialHistogramPoint<'a> {
    buf: &'a [u8],
    start: u64,
    time: u64,
    count: u64,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    flags: u32,
    scale: i32,
    zero_count: u64,
    zero_threshold: f64,
    positive: Option<&'a [u8]>,
    negative: Option<&'a [u8]>,
}

impl<'a> ExponentialHistogramPoint<'a> {
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        let mut it = Self { buf, ..Self::default() };
        for field in Reader::new(buf) {
            let payload = field.payload;
            match field.number {
                exponential::START => it.start = payload.integer(),
                exponential::TIME => it.time = payload.integer(),
                exponential::COUNT => it.count = payload.integer(),
                exponential::SUM => it.sum = Some(payload.double()),
                exponential::SCALE => it.scale = from_zigzag(payload.integer()),
                exponential::ZERO_COUNT => it.zero_count = payload.integer(),
                exponential::POSITIVE => it.positive = Some(payload.bytes()),
                exponential::NEGATIVE => it.negative = Some(payload.bytes()),
                exponential::FLAGS => it.flags = last_32(payload.integer()),
                exponential::MIN => it.min = Some(payload.double()),
                exponential::MAX => it.max = Some(payload.double()),
                exponential::ZERO_THRESHOLD => it.zero_threshold = payload.double(),
                _ => {}
            }
        }
        it
    }

    /// The base is `2 ^ (2 ^ -scale)`.
    pub fn scale(self) -> i32 {
        self.scale
    }

    /// Measurements that are zero or too close to it.
    pub fn zero_count(self) -> u64 {
        self.zero_count
    }

    /// Half the width of the zero bucket.
    pub fn zero_threshold(self) -> f64 {
        self.zero_threshold
    }

    /// Buckets of positive measurements, if the sender sent them.
    pub fn positive(self) -> Option<Buckets<'a>> {
        self.positive.map(|buf| Buckets { buf })
    }

    /// Buckets of negative measurements, if the sender sent them.
    pub fn negative(self) -> Option<Buckets<'a>> {
        self.negative.map(|buf| Buckets { buf })
    }
}

/// Consecutive buckets of an exponential histogram.
#[derive(Debug, Clone, Copy, Default)]
pub struct Buckets<'a> {
    buf: &'a [u8],
}

impl<'a> Buckets<'a> {
    /// Index of the first bucket.
    pub fn offset(self) -> i32 {
        from_zigzag(super::groups::integer(self.buf, exponential::OFFSET))
    }

    /// Measurements per bucket.
    pub fn bucket_counts(self) -> impl Iterator<Item = u64> + Clone + use<'a> {
        Scalars::varints(self.buf, exponential::BUCKETS)
    }
}

/// A point of a summary.
#[derive(Debug, Clone, Copy, Default)]
pub struct SummaryPoint<'a> {
    buf: &'a [u8],
    start: u64,
    time: u64,
    count: u64,
    sum: f64,
    flags: u32,
}

impl<'a> SummaryPoint<'a> {
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        let mut it = Self { buf, ..Self::default() };
        for field in Reader::new(buf) {
            let payload = field.payload;
            match field.number {
                summary::START => it.start = payload.integer(),
                summary::TIME => it.time = payload.integer(),
                summary::COUNT => it.count = payload.integer(),
                summary::SUM => it.sum = payload.double(),
                summary::FLAGS => it.flags = last_32(payload.integer()),
                _ => {}
            }
        }
        it
    }

    /// How many measurements.
    pub fn count(self) -> u64 {
        self.count
    }

    /// Their sum.
    pub fn sum(self) -> f64 {
        self.sum
    }

    /// The quantiles.
    pub fn quantiles(self) -> impl Iterator<Item = Quantile> + Clone + use<'a> {
        Messages::new(self.buf, summary::QUANTILES).map(Quantile::decode)
    }
}

/// The value below which a share of the measurements lies.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quantile {
    /// The share, 0 to 1.
    pub quantile: f64,
    /// The value.
    pub value: f64,
}

impl Quantile {
    fn decode(buf: &[u8]) -> Self {
        let mut it = Self::default();
        for field in Reader::new(buf) {
            match field.number {
                summary::QUANTILE => it.quantile = field.payload.double(),
                summary::VALUE => it.value = field.payload.double(),
                _ => {}
            }
        }
        it
    }
}

/// An example of a measurement.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exemplar<'a> {
    buf: &'a [u8],
    time: u64,
    value: NumberValue,
    trace_id: &'a [u8],
    span_id: &'a [u8],
}

impl<'a> Exemplar<'a> {
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        let mut it = Self { buf, ..Self::default() };
        for field in Reader::new(buf) {
            let payload = field.payload;
            match (field.number, payload) {
                (exemplar::TIME, _) => it.time = payload.integer(),
                (exemplar::DOUBLE, _) => it.value = NumberValue::Double(payload.double()),
                (exemplar::INT, Payload::Fixed64(int)) => {
                    it.value = NumberValue::Int(int.cast_signed())
                }
                (exemplar::TRACE_ID, _) => it.trace_id = payload.bytes(),
                (exemplar::SPAN_ID, _) => it.span_id = payload.bytes(),
                _ => {}
            }
        }
        it
    }

    /// The body of this message as it is on the wire.
    pub fn encoded(self) -> &'a [u8] {
        self.buf
    }

    /// When it was measured.
    pub fn time_unix_nano(self) -> u64 {
        self.time
    }

    /// The measured value.
    pub fn value(self) -> NumberValue {
        self.value
    }

    /// Attributes that the aggregation dropped.
    pub fn filtered_attributes(self) -> AttributesRef<'a> {
        AttributesRef::new(self.buf, exemplar::ATTRIBUTES)
    }

    /// 16 bytes, or none.
    pub fn trace_id(self) -> &'a [u8] {
        self.trace_id
    }

    /// 8 bytes, or none.
    pub fn span_id(self) -> &'a [u8] {
        self.span_id
    }
}
