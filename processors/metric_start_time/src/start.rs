//! When the streams of a payload began.

use std::sync::Mutex;

use golang::number::whole_unsigned;
use pdata::{
    Data, Depth, Field, Keep, Metric, MetricData, MetricKind, Metrics, NumberValue, Place, PointRef,
};
use points::{Measured, NO_RECORDED_VALUE, set, unsigned};
use streams::{CUMULATIVE, Entry, Identifier, Streams, accumulates, lock};
use tokio::time::Instant;

use crate::Strategy;

/// So long before its point a stream has begun anew. `internal/truereset/adjuster.go`, v0.149.
const RESET_NANOS: u64 = 1_000_000;
const SECOND_NANOS: u64 = 1_000_000_000;
/// The metric with the start where the section names none. `internal/starttimemetric/adjuster.go`, v0.149.
const START_TIME_METRIC: &str = "process_start_time_seconds";

/// What is remembered in a pipeline.
#[derive(Debug)]
pub(crate) struct Memory {
    /// When this began, nanoseconds since 1970.
    pub(crate) since: u64,
    pub(crate) streams: Mutex<Streams<Known>>,
}

/// What is known of a stream.
#[derive(Debug)]
pub(crate) struct Known {
    start: u64,
    /// Of its newest point.
    time: u64,
    last: Measured,
    /// What is subtracted.
    first: Option<Measured>,
}

/// Points that were dropped, by reason.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    first: u64,
    old: u64,
    full: u64,
}

impl Drops {
    pub(crate) fn counts(&self) -> [(&'static str, u64); 3] {
        [("initial_value", self.first), ("out_of_order", self.old), ("streams_limit", self.full)]
    }
}

impl Memory {
    /// The payload with starts, and what was dropped of it.
    pub(crate) fn adjust(
        &self,
        strategy: &Strategy,
        metrics: &Metrics,
        data: &Data,
    ) -> (Data, Drops) {
        let said = match strategy {
            Strategy::StartTimeMetric(pattern) => {
                let is_meant = |it: &Metric<'_>| match pattern {
                    Some(pattern) => pattern.is_match(it.name()),
                    None => it.name() == START_TIME_METRIC,
                };
                let metric = metrics.metrics().find(is_meant);
                // Upstream falls back to whole seconds.
                let since = self.since / SECOND_NANOS * SECOND_NANOS;
                Some(metric.and_then(said).unwrap_or(since))
            }
            _ => None,
        };
        let mut pass = Pass {
            said,
            subtracts: matches!(strategy, Strategy::SubtractInitialPoint),
            streams: &mut lock(&self.streams),
            identifier: Identifier::default(),
            now: Instant::now(),
            grows: false,
            drops: Drops::default(),
        };
        let changed = data.edit(Depth::Child, |place| pass.visit(place));
        (changed, pass.drops)
    }
}

/// The time that a metric says with its first value, nanoseconds since 1970.
fn said(metric: Metric<'_>) -> Option<u64> {
    if !matches!(metric.data(), MetricData::Gauge(_) | MetricData::Sum(_)) {
        return None;
    }
    let PointRef::Number(point) = metric.points().next()? else { return None };
    let seconds = match point.value() {
        NumberValue::Double(it) => it,
        NumberValue::Int(it) => it as f64,
        NumberValue::None => return None,
    };
    if !seconds.is_finite() || seconds <= 0.0 {
        return None;
    }
    let (whole, rest) = (whole_unsigned(seconds.trunc()), whole_unsigned(seconds.fract() * 1e9));
    Some(whole.saturating_mul(SECOND_NANOS).saturating_add(rest))
}

struct Pass<'a> {
    /// What the metric with the start says, if it is asked.
    said: Option<u64>,
    subtracts: bool,
    streams: &'a mut Streams<Known>,
    identifier: Identifier,
    now: Instant,
    /// The metric that is visited says with less than before that it has begun anew.
    grows: bool,
    drops: Drops,
}

impl Pass<'_> {
    fn visit(&mut self, place: &mut Place<'_>) -> Keep {
        match place.depth() {
            Depth::Child => return self.point(place),
            Depth::Item => {
                let kind = place.metric_kind();
                self.grows = accumulates(place) || kind == MetricKind::Summary;
                let goes_up_and_down = kind == MetricKind::Sum
                    && place.int(Field::METRIC_TEMPORALITY) == Some(CUMULATIVE);
                if !self.grows && !goes_up_and_down {
                    return Keep::Whole;
                }
                self.identifier.visit(place);
            }
            _ => self.identifier.visit(place),
        }
        Keep::Enter
    }

    fn point(&mut self, place: &mut Place<'_>) -> Keep {
        let Some(point) = place.point() else { return Keep::Whole };
        let (start, time) = (point.start_time_unix_nano(), point.time_unix_nano());
        if start != 0 && start != time {
            return Keep::Whole;
        }
        let has_value = point.flags() & NO_RECORDED_VALUE == 0;
        let value = Measured::of(point).filter(|_| has_value);
        let subtracts = self.subtracts && self.grows;
        let id = self.identifier.point(point, 0);
        let start = match self.streams.entry(id, self.now) {
            Entry::New(entry) => {
                let start = self.said.unwrap_or(time).min(time);
                if let Some(last) = value {
                    let first = subtracts.then(|| last.clone());
                    entry.insert(Known { start, time, last, first });
                }
                if subtracts {
                    self.drops.first += 1;
                    return Keep::Drop;
                }
                start
            }
            Entry::Full if subtracts => {
                self.drops.full += 1;
                return Keep::Drop;
            }
            Entry::Full => match self.said {
                Some(said) => said.min(time),
                None => return Keep::Whole,
            },
            Entry::Known(known) => match known.add(time, value, self.grows) {
                Some((start, grown)) => {
                    if let Some(grown) = grown {
                        grown.write(place);
                    }
                    start
                }
                None if subtracts => {
                    self.drops.old += 1;
                    return Keep::Drop;
                }
                None => return Keep::Whole,
            },
        };
        set(place, Field::POINT_START_TIME, unsigned(start));
        Keep::Whole
    }
}

impl Known {
    /// When a point of this time began, and what it says instead of its value; `None` if it is older than all that is known.
    fn add(
        &mut self,
        time: u64,
        value: Option<Measured>,
        grows: bool,
    ) -> Option<(u64, Option<Measured>)> {
        // The first point again, which its sender has sent once more, is not there either.
        if time < self.start || (time == self.start && self.first.is_some()) {
            return None;
        }
        let Some(mut value) = value else { return Some((self.start, None)) };
        let is_newer = time > self.time;
        if is_newer && grows && value.is_reset_since(&self.last) {
            (self.start, self.first) = (time.saturating_sub(RESET_NANOS), None);
        }
        let grown = match &self.first {
            Some(first) => Some(value.since(first).ok()?),
            None => None,
        };
        if is_newer {
            (self.time, self.last) = (time, value);
        }
        Some((self.start, grown))
    }
}
