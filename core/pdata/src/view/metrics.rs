//! Metrics, read in place.

use super::groups::{group_views, integer};
use super::item::PointRef;
use super::points::{ExponentialHistogramPoint, HistogramPoint, NumberPoint, SummaryPoint};
use super::value::{AttributesRef, text};
use crate::bits::last_32_signed;
use crate::fields::{metric, points};
use crate::wire::{Messages, Reader};

group_views!(Metrics, ResourceMetrics, ScopeMetrics, Metric, metrics, "metrics");

/// A metric: a name and its points.
#[derive(Debug, Clone, Copy, Default)]
pub struct Metric<'a> {
    buf: &'a [u8],
    name: &'a [u8],
    description: &'a [u8],
    unit: &'a [u8],
    data: MetricData<'a>,
}

impl<'a> Metric<'a> {
    #[inline]
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        let mut it = Self { buf, ..Self::default() };
        for field in Reader::new(buf) {
            let bytes = field.payload.bytes();
            match field.number {
                metric::NAME => it.name = bytes,
                metric::DESCRIPTION => it.description = bytes,
                metric::UNIT => it.unit = bytes,
                number => it.data = MetricData::decode(number, bytes).unwrap_or(it.data),
            }
        }
        it
    }

    /// The body of this message as it is on the wire.
    pub fn encoded(self) -> &'a [u8] {
        self.buf
    }

    /// Its name.
    pub fn name(self) -> &'a str {
        text(self.name)
    }

    /// What it measures.
    pub fn description(self) -> &'a str {
        text(self.description)
    }

    /// Its unit.
    pub fn unit(self) -> &'a str {
        text(self.unit)
    }

    /// What a translation from another protocol wants to remember.
    pub fn metadata(self) -> AttributesRef<'a> {
        AttributesRef::new(self.buf, metric::METADATA)
    }

    /// Its kind and points.
    #[inline]
    pub fn data(self) -> MetricData<'a> {
        self.data
    }

    /// Its points, whatever kind they are.
    #[inline]
    pub fn points(self) -> impl Iterator<Item = PointRef<'a>> + Clone {
        let (number, buf) = self.data.source();
        Messages::new(buf, points::POINTS).filter_map(move |body| PointRef::decode(number, body))
    }
}

/// Kind and points of a metric.
#[derive(Debug, Clone, Copy, Default)]
pub enum MetricData<'a> {
    /// No data.
    #[default]
    Empty,
    /// A current value.
    Gauge(Gauge<'a>),
    /// A sum.
    Sum(Sum<'a>),
    /// A histogram with explicit bounds.
    Histogram(Histogram<'a>),
    /// A histogram with exponential bounds.
    ExponentialHistogram(ExponentialHistogram<'a>),
    /// Quantiles computed by the source.
    Summary(Summary<'a>),
}

impl<'a> MetricData<'a> {
    #[inline]
    fn decode(number: u32, buf: &'a [u8]) -> Option<Self> {
        Some(match number {
            metric::GAUGE => MetricData::Gauge(Gauge { buf }),
            metric::SUM => MetricData::Sum(Sum { buf }),
            metric::HISTOGRAM => MetricData::Histogram(Histogram { buf }),
            metric::EXPONENTIAL => MetricData::ExponentialHistogram(ExponentialHistogram { buf }),
            metric::SUMMARY => MetricData::Summary(Summary { buf }),
            _ => return None,
        })
    }

    /// Field number in `Metric` and body.
    #[inline]
    pub(crate) fn source(self) -> (u32, &'a [u8]) {
        match self {
            MetricData::Empty => (0, &[]),
            MetricData::Gauge(it) => (metric::GAUGE, it.buf),
            MetricData::Sum(it) => (metric::SUM, it.buf),
            MetricData::Histogram(it) => (metric::HISTOGRAM, it.buf),
            MetricData::ExponentialHistogram(it) => (metric::EXPONENTIAL, it.buf),
            MetricData::Summary(it) => (metric::SUMMARY, it.buf),
        }
    }
}

/// One kind of metric data.
macro_rules! kind {
    ($name:ident, $point:ident, $doc:literal $(, $temporality:ident)?) => {
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, Default)]
        pub struct $name<'a> {
            buf: &'a [u8],
        }

        impl<'a> $name<'a> {
            /// Its points.
            #[inline]
            pub fn points(self) -> impl Iterator<Item = $point<'a>> + Clone {
                Messages::new(self.buf, points::POINTS).map($point::new)
            }

            $(
                /// 0 unspecified, 1 delta, 2 cumulative.
                pub fn $temporality(self) -> i32 {
                    last_32_signed(integer(self.buf, points::TEMPORALITY))
                }
            )?
        }
    };
}

kind!(Gauge, NumberPoint, "Current values.");
kind!(Sum, NumberPoint, "Sums.", aggregation_temporality);
kind!(Histogram, HistogramPoint, "Histograms with explicit bounds.", aggregation_temporality);
kind!(
    ExponentialHistogram,
    ExponentialHistogramPoint,
    "Histograms with exponential bounds.",
    aggregation_temporality
);
kind!(Summary, SummaryPoint, "Quantiles computed by the source.");

impl Sum<'_> {
    /// True if it only grows.
    pub fn is_monotonic(self) -> bool {
        integer(self.buf, points::MONOTONIC) != 0
    }
}
