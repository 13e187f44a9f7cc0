//! The series of one metric of one resource.

use std::collections::HashMap;

use exponential::{Buckets, Exponential};
use pdata::{ExemplarWriter, MetricWriter, Span};

use crate::key;

/// What is measured.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// How many.
    Sum,
    /// How long, with these bounds.
    Explicit(Vec<f64>),
    /// How long, with so many buckets.
    Exponential(i32),
}

/// Limits of series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Series of a metric of one resource.
    pub(crate) series_max: usize,
    /// Examples of a series between two flushes.
    pub(crate) exemplars_max: usize,
}

/// The series of one metric.
#[derive(Debug)]
pub(crate) struct Table {
    kind: Kind,
    series: HashMap<Box<[u8]>, Series>,
}

#[derive(Debug)]
struct Series {
    value: Value,
    exemplars: Vec<Exemplar>,
    /// Nanoseconds since 1970.
    began: u64,
    seen: u64,
    /// It was never sent.
    is_new: bool,
}

#[derive(Debug)]
enum Value {
    Sum(u64),
    Explicit { counts: Vec<u64>, count: u64, sum: f64 },
    Exponential(Box<Exponential>),
}

#[derive(Debug)]
struct Exemplar {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    value: f64,
}

/// A span that is counted.
#[derive(Clone, Copy)]
pub(crate) struct Sample<'a> {
    pub(crate) span: Span<'a>,
    /// In the unit of the histogram.
    pub(crate) duration: f64,
    /// So many spans does it stand for.
    pub(crate) count: u64,
    /// Nanoseconds since 1970.
    pub(crate) now: u64,
}

/// How series are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flush {
    pub(crate) is_delta: bool,
    /// Nothing is sent after this.
    pub(crate) is_last: bool,
    /// Nanoseconds since 1970.
    pub(crate) now: u64,
}

impl Table {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, series: HashMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// Counts a span in the series of `key`, or in the one of all others if there are too many. True if there is one series
    /// more.
    pub(crate) fn add(&mut self, key: &[u8], sample: Sample<'_>, limits: Limits) -> bool {
        if let Some(series) = self.series.get_mut(key) {
            series.add(&self.kind, sample, limits.exemplars_max);
            return false;
        }
        let before = self.series.len();
        let is_other = before >= limits.series_max;
        let key = if is_other { other() } else { key.into() };
        let kind = &self.kind;
        let series = self.series.entry(key).or_insert_with(|| Series::new(kind, sample.now));
        series.add(kind, sample, if is_other { 0 } else { limits.exemplars_max });
        self.series.len() > before
    }

    /// Writes the data of the metric; `began` says where a point of a delta begins.
    pub(crate) fn write(
        &mut self,
        metric: &mut MetricWriter<'_>,
        flush: Flush,
        began: &dyn Fn(&[u8], u64) -> u64,
    ) {
        let Self { kind, series } = self;
        let (temporality, now) = (if flush.is_delta { 1 } else { 2 }, flush.now);
        match kind {
            Kind::Sum => metric.sum(temporality, true, |out| {
                for (key, it) in series {
                    out.point(|point| {
                        point.attributes(|out| key::write(key, out));
                        point.start_time_unix_nano(began(key, it.began));
                        point.time_unix_nano(now);
                        point.int(it.sum(flush).cast_signed());
                        it.exemplars.iter().for_each(|it| point.exemplar(|out| it.write(now, out)));
                    });
                }
            }),
            Kind::Explicit(bounds) => metric.histogram(temporality, |out| {
                for (key, it) in series {
                    let Value::Explicit { counts, count, sum } = &it.value else { continue };
                    out.point(|point| {
                        point.attributes(|out| key::write(key, out));
                        point.start_time_unix_nano(began(key, it.began));
                        point.time_unix_nano(now);
                        point.count(*count);
                        point.sum(*sum);
                        point.bucket_counts(counts);
                        point.explicit_bounds(bounds);
                        it.exemplars.iter().for_each(|it| point.exemplar(|out| it.write(now, out)));
                    });
                }
            }),
            Kind::Exponential(_) => metric.exponential_histogram(temporality, |out| {
                for (key, it) in series {
                    let Value::Exponential(value) = &it.value else { continue };
                    out.point(|point| {
                        point.attributes(|out| key::write(key, out));
                        point.start_time_unix_nano(began(key, it.began));
                        point.time_unix_nano(now);
                        point.count(value.count);
                        point.sum(value.sum);
                        point.scale(value.scale());
                        point.zero_count(value.zeros);
                        let Buckets { offset, counts } = &value.positive;
                        point.positive(*offset, counts);
                        point.min(value.min);
                        point.max(value.max);
                        it.exemplars.iter().for_each(|it| point.exemplar(|out| it.write(now, out)));
                    });
                }
            }),
        }
    }

    /// The keys of all series.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.series.keys().map(|it| &**it)
    }

    /// All were sent: forgets examples, and the series that were not seen since then.
    pub(crate) fn sent(&mut self, unseen_since: Option<u64>) {
        self.series.retain(|_, it| {
            it.exemplars.clear();
            it.is_new = false;
            unseen_since.is_none_or(|since| it.seen > since)
        });
    }
}

/// The key of what stands for all series beyond the limit.
fn other() -> Box<[u8]> {
    let mut key = key::Key::default();
    key.mark("otel.metric.overflow");
    key.bytes().into()
}

impl Series {
    fn new(kind: &Kind, now: u64) -> Self {
        let value = match kind {
            Kind::Sum => Value::Sum(0),
            Kind::Explicit(bounds) => {
                Value::Explicit { counts: vec![0; bounds.len() + 1], count: 0, sum: 0.0 }
            }
            Kind::Exponential(size_max) => {
                Value::Exponential(Box::new(Exponential::new(*size_max)))
            }
        };
        Self { value, exemplars: Vec::new(), began: now, seen: now, is_new: true }
    }

    fn add(&mut self, kind: &Kind, sample: Sample<'_>, exemplars_max: usize) {
        let Sample { span, duration, count: n, now } = sample;
        self.seen = now;
        match (&mut self.value, kind) {
            (Value::Sum(sum), _) => *sum = sum.saturating_add(n),
            (Value::Explicit { counts, count, sum }, Kind::Explicit(bounds)) => {
                *count = count.saturating_add(n);
                *sum += duration * n as f64;
                let at = bounds.partition_point(|it| *it < duration);
                if let Some(bucket) = counts.get_mut(at) {
                    *bucket = bucket.saturating_add(n);
                }
            }
            (Value::Exponential(it), _) => it.add(duration, n),
            (Value::Explicit { .. }, _) => {}
        }
        if self.exemplars.len() < exemplars_max
            && let Ok(trace_id) = <[u8; 16]>::try_from(span.trace_id())
            && trace_id != [0; 16]
        {
            let span_id = span.span_id().try_into().unwrap_or_default();
            self.exemplars.push(Exemplar { trace_id, span_id, value: duration });
        }
    }

    /// A sum that goes on begins with 0, so that Prometheus sees its first increase.
    fn sum(&self, flush: Flush) -> u64 {
        match self.value {
            Value::Sum(_) if self.is_new && !flush.is_delta && !flush.is_last => 0,
            Value::Sum(sum) => sum,
            _ => 0,
        }
    }
}

impl Exemplar {
    fn write(&self, now: u64, out: &mut ExemplarWriter<'_>) {
        out.time_unix_nano(now);
        out.double(self.value);
        out.trace_id(&self.trace_id);
        out.span_id(&self.span_id);
    }
}
