//! Writes metrics: a metric says its kind once, and its points are written under it.

use std::marker::PhantomData;

use super::{Builder, setters};
use crate::bits::extended;
use crate::data::Metrics;
use crate::fields::{exemplar, exponential, histogram, metric, number, points, summary};
use crate::value::Value;
use crate::wire::{MEDIUM, NARROW, Writer};

/// Writes metrics.
pub type MetricsBuilder = Builder<Metrics>;

impl MetricsBuilder {
    /// Adds a metric.
    #[inline]
    pub fn metric(&mut self, write: impl FnOnce(&mut MetricWriter<'_>)) -> &mut Self {
        let mut points = 0;
        self.child(|out| {
            let mut metric = MetricWriter { out, points: 0 };
            write(&mut metric);
            points = metric.points;
        });
        self.items += points;
        self
    }

    /// Ends the payload and begins another, for which the same capacity is reserved.
    pub fn finish(&mut self) -> Metrics {
        let (chunks, items) = self.take();
        Metrics { chunks, items }
    }
}

/// Writes one metric: its name, then exactly one of `gauge`, `sum`, `histogram`,
/// `exponential_histogram` and `summary`. Temporality is 1 delta, 2 cumulative.
pub struct MetricWriter<'w> {
    out: &'w mut Writer,
    points: usize,
}

impl MetricWriter<'_> {
    /// Its name.
    #[inline]
    pub fn name(&mut self, value: &str) {
        self.out.text(metric::NAME, value);
    }

    /// What it measures.
    pub fn description(&mut self, value: &str) {
        self.out.text(metric::DESCRIPTION, value);
    }

    /// Its unit, as UCUM writes it.
    pub fn unit(&mut self, value: &str) {
        self.out.text(metric::UNIT, value);
    }

    /// Says something more of it, by key.
    pub fn metadata<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        value.into().write_entry(metric::METADATA, key.as_bytes(), self.out);
    }

    /// It is a current value.
    pub fn gauge(&mut self, write: impl FnOnce(&mut PointsWriter<'_, NumberWriter<'static>>)) {
        self.data(metric::GAUGE, 0, false, write);
    }

    /// It is a sum.
    pub fn sum(
        &mut self,
        temporality: i32,
        monotonic: bool,
        write: impl FnOnce(&mut PointsWriter<'_, NumberWriter<'static>>),
    ) {
        self.data(metric::SUM, temporality, monotonic, write);
    }

    /// It is a histogram with explicit bounds.
    pub fn histogram(
        &mut self,
        temporality: i32,
        write: impl FnOnce(&mut PointsWriter<'_, HistogramWriter<'static>>),
    ) {
        self.data(metric::HISTOGRAM, temporality, false, write);
    }

    /// It is a histogram with exponential bounds.
    pub fn exponential_histogram(
        &mut self,
        temporality: i32,
        write: impl FnOnce(&mut PointsWriter<'_, ExponentialHistogramWriter<'static>>),
    ) {
        self.data(metric::EXPONENTIAL, temporality, false, write);
    }

    /// It is a summary.
    pub fn summary(&mut self, write: impl FnOnce(&mut PointsWriter<'_, SummaryWriter<'static>>)) {
        self.data(metric::SUMMARY, 0, false, write);
    }

    /// The message of the kind, in which the points stand.
    fn data<P>(
        &mut self,
        kind: u32,
        temporality: i32,
        monotonic: bool,
        write: impl FnOnce(&mut PointsWriter<'_, P>),
    ) {
        let data = self.out.open(kind, MEDIUM);
        self.out.varint_scalar(points::TEMPORALITY, extended(temporality));
        self.out.varint_scalar(points::MONOTONIC, u64::from(monotonic));
        let mut points = PointsWriter { out: self.out, points: 0, kind: PhantomData };
        write(&mut points);
        self.points += points.points;
        self.out.close(data);
    }
}

/// Writes the points of a metric one after another; `P` writes a point of its kind.
pub struct PointsWriter<'w, P> {
    out: &'w mut Writer,
    points: usize,
    kind: PhantomData<P>,
}

macro_rules! points_of {
    ($writer:ident, $width:expr) => {
        impl PointsWriter<'_, $writer<'static>> {
            /// Adds a point.
            #[inline]
            pub fn point(&mut self, write: impl FnOnce(&mut $writer<'_>)) {
                let point = self.out.open(points::POINTS, $width);
                write(&mut $writer::new(self.out));
                self.out.close(point);
                self.points += 1;
            }
        }
    };
}

points_of!(NumberWriter, NARROW);
points_of!(HistogramWriter, MEDIUM);
points_of!(ExponentialHistogramWriter, MEDIUM);
points_of!(SummaryWriter, NARROW);

macro_rules! exemplars {
    ($writer:ident, $number:expr) => {
        impl $writer<'_> {
            /// Adds an example of what was measured.
            pub fn exemplar(&mut self, write: impl FnOnce(&mut ExemplarWriter<'_>)) {
                let exemplar = self.out.open($number, NARROW);
                write(&mut ExemplarWriter::new(self.out));
                self.out.close(exemplar);
            }
        }
    };
}

exemplars!(NumberWriter, number::EXEMPLARS);
exemplars!(HistogramWriter, histogram::EXEMPLARS);
exemplars!(ExponentialHistogramWriter, exponential::EXEMPLARS);

setters! {
    /// Writes a point of a gauge or sum. It has one value: `int` or `double`.
    NumberWriter {
        /// Adds an attribute.
        attribute: attribute(number::ATTRIBUTES);
        /// Adds attributes that `write` streams.
        attributes: attributes(number::ATTRIBUTES);
        /// When the aggregation began.
        start_time_unix_nano: fixed64(number::START);
        /// When it was measured.
        time_unix_nano: fixed64(number::TIME);
        /// The value.
        double: present_double(number::DOUBLE);
        /// The value.
        int: present_int(number::INT);
        /// Bit 0: no value was recorded.
        flags: uint32(number::FLAGS);
    }
}

setters! {
    /// Writes a point of a histogram with explicit bounds.
    HistogramWriter {
        /// Adds an attribute.
        attribute: attribute(histogram::ATTRIBUTES);
        /// Adds attributes that `write` streams.
        attributes: attributes(histogram::ATTRIBUTES);
        /// When the aggregation began.
        start_time_unix_nano: fixed64(histogram::START);
        /// When it was measured.
        time_unix_nano: fixed64(histogram::TIME);
        /// How many values.
        count: fixed64(histogram::COUNT);
        /// The sum of the values.
        sum: present_double(histogram::SUM);
        /// How many values in each bucket: one more than there are bounds.
        bucket_counts: counts(histogram::BUCKETS);
        /// Where a bucket ends and the next begins, upwards.
        explicit_bounds: doubles(histogram::BOUNDS);
        /// Bit 0: no value was recorded.
        flags: uint32(histogram::FLAGS);
        /// The smallest value.
        min: present_double(histogram::MIN);
        /// The largest value.
        max: present_double(histogram::MAX);
    }
}

setters! {
    /// Writes a point of a histogram with exponential bounds.
    ExponentialHistogramWriter {
        /// Adds an attribute.
        attribute: attribute(exponential::ATTRIBUTES);
        /// Adds attributes that `write` streams.
        attributes: attributes(exponential::ATTRIBUTES);
        /// When the aggregation began.
        start_time_unix_nano: fixed64(exponential::START);
        /// When it was measured.
        time_unix_nano: fixed64(exponential::TIME);
        /// How many values.
        count: fixed64(exponential::COUNT);
        /// The sum of the values.
        sum: present_double(exponential::SUM);
        /// Each bound is the one before times 2 to the power of 2 to the power of minus this.
        scale: zigzag(exponential::SCALE);
        /// How many values are zero, or nearly.
        zero_count: fixed64(exponential::ZERO_COUNT);
        /// Values up to this far from zero count as zero.
        zero_threshold: double(exponential::ZERO_THRESHOLD);
        /// Bit 0: no value was recorded.
        flags: uint32(exponential::FLAGS);
        /// The smallest value.
        min: present_double(exponential::MIN);
        /// The largest value.
        max: present_double(exponential::MAX);
    }
}

impl ExponentialHistogramWriter<'_> {
    /// How many values in each bucket above zero; `offset` is the number of the first bucket.
    pub fn positive(&mut self, offset: i32, bucket_counts: &[u64]) {
        self.buckets(exponential::POSITIVE, offset, bucket_counts);
    }

    /// How many values in each bucket below zero; `offset` is the number of the first bucket.
    pub fn negative(&mut self, offset: i32, bucket_counts: &[u64]) {
        self.buckets(exponential::NEGATIVE, offset, bucket_counts);
    }

    fn buckets(&mut self, number: u32, offset: i32, counts: &[u64]) {
        let buckets = self.out.open(number, MEDIUM);
        self.out.zigzag_scalar(exponential::OFFSET, offset);
        if !counts.is_empty() {
            let packed = self.out.open(exponential::BUCKETS, NARROW);
            counts.iter().for_each(|it| self.out.varint(*it));
            self.out.close(packed);
        }
        self.out.close(buckets);
    }
}

setters! {
    /// Writes a point of a summary.
    SummaryWriter {
        /// Adds an attribute.
        attribute: attribute(summary::ATTRIBUTES);
        /// Adds attributes that `write` streams.
        attributes: attributes(summary::ATTRIBUTES);
        /// When the aggregation began.
        start_time_unix_nano: fixed64(summary::START);
        /// When it was measured.
        time_unix_nano: fixed64(summary::TIME);
        /// How many values.
        count: fixed64(summary::COUNT);
        /// The sum of the values.
        sum: double(summary::SUM);
        /// Bit 0: no value was recorded.
        flags: uint32(summary::FLAGS);
    }
}

impl SummaryWriter<'_> {
    /// Adds a quantile, 0 to 1, and its value.
    pub fn quantile(&mut self, quantile: f64, value: f64) {
        let entry = self.out.open(summary::QUANTILES, NARROW);
        self.out.fixed64_scalar(summary::QUANTILE, quantile.to_bits());
        self.out.fixed64_scalar(summary::VALUE, value.to_bits());
        self.out.close(entry);
    }
}

setters! {
    /// Writes an example of what was measured. It has one value: `int` or `double`.
    ExemplarWriter {
        /// Adds attributes that the point does not have, streamed by `write`.
        filtered_attributes: attributes(exemplar::ATTRIBUTES);
        /// When it was measured.
        time_unix_nano: fixed64(exemplar::TIME);
        /// The value.
        double: present_double(exemplar::DOUBLE);
        /// The value.
        int: present_int(exemplar::INT);
        /// 16 bytes; anything else is left out.
        trace_id: trace_id(exemplar::TRACE_ID);
        /// 8 bytes; anything else is left out.
        span_id: span_id(exemplar::SPAN_ID);
    }
}
