//! What is known of one series of one client in an interval, and how it is sent.

use std::sync::Arc;

use exponential::{Buckets, Exponential};
use pdata::{AttributesWriter, MetricWriter, MetricsBuilder};

use crate::line::{Line, parts};

/// The temporality of sums and histograms: delta.
const DELTA: i32 = 1;

/// What is sent for a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// Each value without its fraction.
    Whole,
    Fraction,
    /// Rounded up as often as the fraction says.
    Rounded,
}

impl Count {
    fn of(self, value: f64) -> f64 {
        match self {
            Count::Whole => value.trunc(),
            Count::Fraction => value,
            Count::Rounded => value.floor() + f64::from(fastrand::f64() < value - value.floor()),
        }
    }
}

/// A series of one client.
#[derive(Debug)]
pub(crate) enum Series {
    Counter {
        value: f64,
        time: u64,
    },
    Gauge {
        value: f64,
        time: u64,
    },
    /// Each value is a point.
    Values(Vec<(f64, u64)>),
    /// Values and how many they stand for; quantiles in percent.
    Summary(Vec<(f64, f64)>, Arc<[f64]>),
    Explicit(Explicit),
    Exponential(Box<Exponential>),
}

/// A histogram with bounds from the section.
#[derive(Debug)]
pub(crate) struct Explicit {
    bounds: Arc<[f64]>,
    counts: Vec<u64>,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Explicit {
    pub(crate) fn new(bounds: &Arc<[f64]>) -> Self {
        Self {
            counts: vec![0; bounds.len() + 1],
            bounds: Arc::clone(bounds),
            count: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }

    fn add(&mut self, value: f64, times: u64) {
        let at = self.bounds.iter().position(|it| value <= *it).unwrap_or(self.bounds.len());
        if let Some(count) = self.counts.get_mut(at) {
            *count = count.saturating_add(times);
        }
        self.count = self.count.saturating_add(times);
        self.sum += value * times as f64;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }
}

/// When values were gathered, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interval {
    pub(crate) since: u64,
    pub(crate) until: u64,
}

impl Series {
    /// Whether it takes more memory with each value.
    pub(crate) fn grows(&self) -> bool {
        matches!(self, Series::Values(_) | Series::Summary(..))
    }

    /// Adds what a line says.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a weight is at least 1; upstream cuts its fraction off, too"
    )]
    pub(crate) fn add(&mut self, line: &Line, count: Count, now: u64) {
        let times = line.weight as u64;
        match self {
            Series::Counter { value, .. } => *value += count.of(line.value * line.weight),
            Series::Gauge { value, .. } if line.is_relative => *value += line.value,
            Series::Gauge { value, time } => (*value, *time) = (line.value, now),
            Series::Values(values) => values.push((line.value, now)),
            Series::Summary(values, _) => values.push((line.value, line.weight)),
            Series::Explicit(it) => it.add(line.value, times),
            Series::Exponential(it) => it.add(line.value, times),
        }
    }

    /// Writes the metric.
    pub(crate) fn write(
        &mut self,
        series: &str,
        builder: &mut MetricsBuilder,
        interval: Interval,
        (count, monotonic): (Count, bool),
    ) {
        builder.metric(|metric| {
            metric.name(parts(series).0);
            match self {
                Series::Counter { value, time } => metric.sum(DELTA, monotonic, |out| {
                    out.point(|point| {
                        point.attributes(|it| attributes(series, it));
                        point.start_time_unix_nano(interval.since);
                        point.time_unix_nano(if *time == 0 { interval.until } else { *time });
                        match whole(*value, count) {
                            Some(value) => point.int(value),
                            None => point.double(*value),
                        }
                    });
                }),
                Series::Gauge { value, time } => gauges(metric, series, &[(*value, *time)]),
                Series::Values(values) => gauges(metric, series, values),
                Series::Summary(values, percentiles) => {
                    summary(metric, series, values, percentiles, interval);
                }
                Series::Explicit(it) => explicit(metric, series, it, interval),
                Series::Exponential(it) => exponential(metric, series, it, interval),
            }
        });
    }
}

/// The number as it is sent, unless it is sent with its fraction.
#[expect(clippy::cast_possible_truncation, reason = "as Go, it stops at the ends of the type")]
fn whole(value: f64, count: Count) -> Option<i64> {
    (count != Count::Fraction).then_some(value as i64)
}

fn attributes(series: &str, out: &mut AttributesWriter<'_>) {
    parts(series).1.for_each(|(key, value)| out.put(key, value));
}

fn gauges(metric: &mut MetricWriter<'_>, series: &str, values: &[(f64, u64)]) {
    metric.gauge(|out| {
        for (value, time) in values {
            out.point(|point| {
                point.attributes(|it| attributes(series, it));
                point.time_unix_nano(*time);
                point.double(*value);
            });
        }
    });
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a sum of weights, of which upstream cuts the fraction off, too"
)]
fn summary(
    metric: &mut MetricWriter<'_>,
    series: &str,
    values: &mut [(f64, f64)],
    percentiles: &[f64],
    interval: Interval,
) {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let weight: f64 = values.iter().map(|it| it.1).sum();
    metric.summary(|out| {
        out.point(|point| {
            point.attributes(|it| attributes(series, it));
            point.start_time_unix_nano(interval.since);
            point.time_unix_nano(interval.until);
            point.count(weight as u64);
            point.sum(values.iter().map(|it| it.0 * it.1).sum());
            for percentile in percentiles {
                let quantile = percentile / 100.0;
                point.quantile(quantile, at(values, quantile * weight));
            }
        });
    });
}

/// The first value at which so much weight is reached: gonum's empirical quantile.
fn at(values: &[(f64, f64)], weight: f64) -> f64 {
    let mut sum = 0.0;
    let reaches = |it: &&(f64, f64)| {
        sum += it.1;
        sum >= weight
    };
    let found = values.iter().find(reaches).or(values.last());
    found.map_or(0.0, |it| it.0)
}

fn explicit(metric: &mut MetricWriter<'_>, series: &str, it: &Explicit, interval: Interval) {
    metric.histogram(DELTA, |out| {
        out.point(|point| {
            point.attributes(|it| attributes(series, it));
            point.start_time_unix_nano(interval.since);
            point.time_unix_nano(interval.until);
            point.count(it.count);
            point.sum(it.sum);
            point.bucket_counts(&it.counts);
            point.explicit_bounds(&it.bounds);
            point.min(it.min);
            point.max(it.max);
        });
    });
}

fn exponential(metric: &mut MetricWriter<'_>, series: &str, it: &Exponential, interval: Interval) {
    metric.exponential_histogram(DELTA, |out| {
        out.point(|point| {
            point.attributes(|it| attributes(series, it));
            point.start_time_unix_nano(interval.since);
            point.time_unix_nano(interval.until);
            point.count(it.count);
            point.sum(it.sum);
            point.scale(it.scale());
            point.zero_count(it.zeros);
            let Buckets { offset, counts } = &it.positive;
            point.positive(*offset, counts);
            let Buckets { offset, counts } = &it.negative;
            point.negative(*offset, counts);
            point.min(it.min);
            point.max(it.max);
        });
    });
}
