//! The item of a place as a whole, and what metrics have that no other signal has: their points stand one
//! message deeper, in `gauge`, `sum` and so on. That message is a level of its own, which is rendered into the
//! metric as one cut when the visit ends; so its kind can be changed like any other edit.

use super::level::slice;
use super::place::{MetricField, Place};
use super::scratch::{DATA, ITEM, Scratch};
use super::splice::body_at;
use super::{Depth, Field};
use crate::bits::position;
use crate::fields::{metric, points};
use crate::signal::Signal;
use crate::value::Value;
use crate::view::PointRef;
use crate::wire::Reader;

/// Most items that visitors may add to one scope.
const ADDED_MAX: usize = 10_000;

/// The kinds of metrics, in the order in which the Collector counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// Without data.
    Empty = 0,
    /// Current values.
    Gauge = 1,
    /// Sums.
    Sum = 2,
    /// Histograms with explicit bounds.
    Histogram = 3,
    /// Histograms with exponential bounds.
    ExponentialHistogram = 4,
    /// Quantiles computed by the source.
    Summary = 5,
}

impl Place<'_> {
    /// The body of the item with all edits so far. Free without edits, else it is written once.
    pub fn encoded(&mut self) -> &[u8] {
        self.settle_data();
        if !self.scratch.level(ITEM).is_edited() {
            return self.src(ITEM);
        }
        let mut rendered = std::mem::take(&mut self.scratch.level_mut(ITEM).rendered);
        rendered.buf.clear();
        let (level, src) = self.split(ITEM);
        level.render(src, &mut rendered);
        let level = self.scratch.level_mut(ITEM);
        level.rendered = rendered;
        &self.scratch.level(ITEM).rendered.buf
    }

    /// Replaces the body of the item. Only an item can be replaced, not what is below it.
    pub fn replace(&mut self, body: &[u8]) {
        if self.depth != Depth::Item {
            return;
        }
        self.scratch.item.clear();
        self.scratch.item.extend_from_slice(body);
        self.scratch.replaced = true;
        // It may have any number of points.
        self.scratch.dropped.uncounted |= self.signal == Signal::Metrics;
        self.begin_item();
        self.scratch.level_mut(ITEM).touch();
    }

    /// Adds an item with this body to the scope; it will be visited like the others, after them. False if
    /// too many were added.
    pub fn add_item(&mut self, body: &[u8]) -> bool {
        let room = self.scratch.added.len() < ADDED_MAX;
        if room {
            self.scratch.added.push(body.to_vec());
        }
        room
    }

    /// The kind of the metric, as it is now.
    pub fn metric_kind(&self) -> MetricKind {
        match self.data.number {
            metric::GAUGE => MetricKind::Gauge,
            metric::SUM => MetricKind::Sum,
            metric::HISTOGRAM => MetricKind::Histogram,
            metric::EXPONENTIAL => MetricKind::ExponentialHistogram,
            metric::SUMMARY => MetricKind::Summary,
            _ => MetricKind::Empty,
        }
    }

    /// The points of the metric, whatever kind they are.
    pub fn points(&self) -> impl Iterator<Item = PointRef<'_>> {
        let number = self.data.number;
        self.messages(Field::METRIC_POINTS).filter_map(move |it| PointRef::decode(number, it))
    }

    /// Makes a gauge a sum: true if it was a gauge.
    pub fn gauge_to_sum(&mut self, temporality: i64, monotonic: bool) -> bool {
        if self.signal != Signal::Metrics || self.data.number != metric::GAUGE {
            return false;
        }
        self.data.number = metric::SUM;
        let set = self.set(Field::METRIC_TEMPORALITY, &[], Value::Int(temporality));
        set.and_then(|()| self.set(Field::METRIC_MONOTONIC, &[], Value::Bool(monotonic))).is_ok()
    }

    /// Makes a sum a gauge: true if it was a sum.
    pub fn sum_to_gauge(&mut self) -> bool {
        if self.signal != Signal::Metrics || self.data.number != metric::SUM {
            return false;
        }
        let mask = 1 << points::TEMPORALITY | 1 << points::MONOTONIC;
        self.scratch.level_mut(DATA).set(mask, |_| {});
        self.data.number = metric::GAUGE;
        true
    }

    /// Forgets the edits of the item before, and looks where the data of a metric is.
    #[inline]
    pub(super) fn begin_item(&mut self) {
        self.scratch.level_mut(ITEM).begin();
        if self.signal == Signal::Metrics {
            self.begin_metric();
        }
    }

    fn begin_metric(&mut self) {
        self.scratch.level_mut(DATA).begin();
        let is_data = |number| {
            matches!(
                number,
                metric::GAUGE
                    | metric::SUM
                    | metric::HISTOGRAM
                    | metric::EXPONENTIAL
                    | metric::SUMMARY
            )
        };
        let last = Reader::new(self.src(ITEM)).filter(|it| is_data(it.number)).last();
        let found = last.map(|it| {
            let range = (position(it.start), position(it.end));
            (MetricField { range, source: it.number, number: it.number }, position(body_at(&it)))
        });
        let (data, body) = found.unwrap_or_default();
        self.data = data;
        self.at[DATA] = (body, data.range.1);
    }

    /// Puts the edits of the data of a metric into the metric, as one cut.
    #[inline]
    pub(super) fn settle_data(&mut self) {
        if self.signal == Signal::Metrics && self.data.number != 0 {
            self.settle_metric();
        }
    }

    fn settle_metric(&mut self) {
        let retagged = self.data.number != self.data.source;
        if !retagged && !self.scratch.level(DATA).is_edited() {
            return;
        }
        let Scratch { levels, item, replaced, .. } = &mut *self.scratch;
        let item = if *replaced { item.as_slice() } else { slice(self.chunk, self.at[ITEM]) };
        let [_, _, metric, data, ..] = levels;
        metric.cuts.retain(|it| it.source != self.data.range);
        let open = metric.arena.open(self.data.number, 2);
        data.render(slice(item, self.at[DATA]), &mut metric.arena);
        metric.arena.close(open);
        metric.cut(self.data.range, open.start);
    }
}
