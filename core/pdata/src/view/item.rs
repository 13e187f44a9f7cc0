//! A data point of any kind.

use super::points::{ExponentialHistogramPoint, HistogramPoint, NumberPoint, SummaryPoint};
use super::value::AttributesRef;
use crate::fields::metric;

/// A data point of any kind.
#[derive(Debug, Clone, Copy)]
pub enum PointRef<'a> {
    /// Of a gauge or sum.
    Number(NumberPoint<'a>),
    /// Of a histogram with explicit bounds.
    Histogram(HistogramPoint<'a>),
    /// Of a histogram with exponential bounds.
    ExponentialHistogram(ExponentialHistogramPoint<'a>),
    /// Of a summary.
    Summary(SummaryPoint<'a>),
}

impl<'a> PointRef<'a> {
    /// Reads a point of the metric kind with this field number.
    #[inline]
    pub(crate) fn decode(number: u32, body: &'a [u8]) -> Option<Self> {
        Some(match number {
            metric::GAUGE | metric::SUM => PointRef::Number(NumberPoint::new(body)),
            metric::HISTOGRAM => PointRef::Histogram(HistogramPoint::new(body)),
            metric::EXPONENTIAL => {
                PointRef::ExponentialHistogram(ExponentialHistogramPoint::new(body))
            }
            metric::SUMMARY => PointRef::Summary(SummaryPoint::new(body)),
            _ => return None,
        })
    }

    /// Its attributes.
    #[inline]
    pub fn attributes(self) -> AttributesRef<'a> {
        match self {
            PointRef::Number(it) => it.attributes(),
            PointRef::Histogram(it) => it.attributes(),
            PointRef::ExponentialHistogram(it) => it.attributes(),
            PointRef::Summary(it) => it.attributes(),
        }
    }

    /// When the aggregation began.
    pub fn start_time_unix_nano(self) -> u64 {
        match self {
            PointRef::Number(it) => it.start_time_unix_nano(),
            PointRef::Histogram(it) => it.start_time_unix_nano(),
            PointRef::ExponentialHistogram(it) => it.start_time_unix_nano(),
            PointRef::Summary(it) => it.start_time_unix_nano(),
        }
    }

    /// When it was measured.
    pub fn time_unix_nano(self) -> u64 {
        match self {
            PointRef::Number(it) => it.time_unix_nano(),
            PointRef::Histogram(it) => it.time_unix_nano(),
            PointRef::ExponentialHistogram(it) => it.time_unix_nano(),
            PointRef::Summary(it) => it.time_unix_nano(),
        }
    }

    /// Bit 0: no value was recorded.
    pub fn flags(self) -> u32 {
        match self {
            PointRef::Number(it) => it.flags(),
            PointRef::Histogram(it) => it.flags(),
            PointRef::ExponentialHistogram(it) => it.flags(),
            PointRef::Summary(it) => it.flags(),
        }
    }

    /// The body of this message as it is on the wire.
    pub fn encoded(self) -> &'a [u8] {
        match self {
            PointRef::Number(it) => it.encoded(),
            PointRef::Histogram(it) => it.encoded(),
            PointRef::ExponentialHistogram(it) => it.encoded(),
            PointRef::Summary(it) => it.encoded(),
        }
    }
}
