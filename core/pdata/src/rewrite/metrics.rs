//! Changes metrics. The points of a metric stand one message deeper than its other fields, in
//! `gauge`, `sum` and so on; changes there are cuts like any other, and the length of that message
//! is one more cut.

use super::groups::{resource_attributes, scope_attributes};
use super::level::Cut;
use super::logs::finish;
use super::points::PointEdit;
use super::splice::{body_at, length_at};
use super::{AttributesEdit, CHILD_LEVEL, ITEM_LEVEL, ResourceEdit, ScopeEdit, Scratch};
use crate::batch::count;
use crate::data::{Metrics, Signal};
use crate::fields::{metric, points};
use crate::view::{Metric, PointRef, ResourceMetrics, ResourceRef, ScopeRef};
use crate::wire::{BYTES, Field, Reader};

impl Metrics {
    /// Rewrites it resource by resource. Without changes nothing is copied.
    #[must_use]
    pub fn rewrite(
        &self,
        scratch: &mut Scratch,
        mut visit: impl FnMut(ResourceMetrics<'_>, &mut ResourceEdit<'_, Metrics>),
    ) -> Metrics {
        let (chunks, dropped) = super::rewrite(&self.chunks, scratch, |chunk, scratch, field| {
            let mut edit = ResourceEdit::new(chunk, scratch, field);
            visit(ResourceMetrics::new(field.payload.bytes()), &mut edit);
            edit.group.finish();
        });
        // Items are points, of which a dropped metric has any number.
        let uncounted = dropped.uncounted || dropped.items > 0;
        let items = if uncounted { count(Signal::Metrics, &chunks) } else { self.items };
        Metrics { chunks, items }
    }

    /// Keeps the metrics for which `keep` says true.
    #[must_use]
    pub fn retain_metrics(&self, mut keep: impl FnMut(Metric<'_>) -> bool) -> Metrics {
        self.rewrite(&mut Scratch::new(), |_, edit| {
            edit.metrics(|metric, edit| {
                if !keep(metric) {
                    edit.drop();
                }
            });
        })
    }

    /// Keeps the points for which `keep` says true. A metric without points disappears.
    #[must_use]
    pub fn retain_points(&self, mut keep: impl FnMut(Metric<'_>, PointRef<'_>) -> bool) -> Metrics {
        self.rewrite(&mut Scratch::new(), |_, edit| {
            edit.metrics(|metric, edit| {
                edit.points(|point, edit| {
                    if !keep(metric, point) {
                        edit.drop();
                    }
                });
            });
        })
    }
}

impl ResourceEdit<'_, Metrics> {
    /// Visits the metrics of all scopes. To be called at most once.
    pub fn metrics(&mut self, mut visit: impl FnMut(Metric<'_>, &mut MetricEdit<'_>)) {
        self.scopes(|scope| scope.metrics(&mut visit));
    }
}

impl ScopeEdit<'_, Metrics> {
    /// Visits the metrics. To be called at most once.
    pub fn metrics(&mut self, mut visit: impl FnMut(Metric<'_>, &mut MetricEdit<'_>)) {
        let (resource, scope) = (self.resource(), self.scope());
        self.group.walk(|chunk, scratch, field| {
            let src = field.payload.bytes();
            scratch.level(ITEM_LEVEL).begin();
            let metric = Metric::new(src);
            let mut edit = MetricEdit::new(src, metric, scratch, resource, scope);
            visit(metric, &mut edit);
            edit.finish();
            finish(chunk, scratch, field)
        });
    }
}

/// Where `gauge`, `sum`, ... stands in a metric.
#[derive(Clone, Copy)]
struct DataField {
    number: u32,
    start: usize,
    length_at: usize,
    body_at: usize,
    end: usize,
}

/// Changes one metric.
pub struct MetricEdit<'e> {
    src: &'e [u8],
    from: usize,
    scratch: &'e mut Scratch,
    resource: ResourceRef<'e>,
    scope: ScopeRef<'e>,
    data: Option<DataField>,
    /// Points visited and kept.
    points: usize,
    kept: usize,
    /// How the data message grew or shrank.
    grown: isize,
    data_changed: bool,
}

impl<'e> MetricEdit<'e> {
    fn new(
        src: &'e [u8],
        metric: Metric<'_>,
        scratch: &'e mut Scratch,
        resource: ResourceRef<'e>,
        scope: ScopeRef<'e>,
    ) -> Self {
        let (number, _) = metric.data().source();
        let data = Reader::new(src).find(|field| field.number == number).map(|field| DataField {
            number,
            start: field.start,
            length_at: length_at(src, field.start),
            body_at: body_at(&field),
            end: field.end,
        });
        Self {
            src,
            from: 0,
            scratch,
            resource,
            scope,
            data,
            points: 0,
            kept: 0,
            grown: 0,
            data_changed: false,
        }
    }

    /// Where it came from, as it was.
    pub fn resource(&self) -> ResourceRef<'e> {
        self.resource
    }

    /// What wrote it, as it was.
    pub fn scope(&self) -> ScopeRef<'e> {
        self.scope
    }

    /// The attributes of the resource.
    pub fn resource_attributes(&mut self) -> AttributesEdit<'_> {
        resource_attributes(self.scratch, self.resource)
    }

    /// The attributes of the scope.
    pub fn scope_attributes(&mut self) -> AttributesEdit<'_> {
        scope_attributes(self.scratch, self.scope)
    }

    /// What a translation from another protocol wants to remember.
    pub fn metadata(&mut self) -> AttributesEdit<'_> {
        let level = self.scratch.level(ITEM_LEVEL);
        AttributesEdit::new(level, self.src, self.from, metric::METADATA)
    }

    /// Leaves it out.
    pub fn drop(&mut self) {
        self.scratch.level(ITEM_LEVEL).dropped = true;
    }

    /// Its name.
    pub fn name(&mut self, value: &str) {
        self.scratch.level(ITEM_LEVEL).set_bytes(metric::NAME, value.as_bytes());
    }

    /// What it measures.
    pub fn description(&mut self, value: &str) {
        self.scratch.level(ITEM_LEVEL).set_bytes(metric::DESCRIPTION, value.as_bytes());
    }

    /// Its unit.
    pub fn unit(&mut self, value: &str) {
        self.scratch.level(ITEM_LEVEL).set_bytes(metric::UNIT, value.as_bytes());
    }

    /// Visits its points. To be called at most once. A metric that loses all its points disappears.
    pub fn points(&mut self, mut visit: impl FnMut(PointRef<'_>, &mut PointEdit<'_>)) {
        let Some(data) = self.data else { return };
        let content = self.src.get(..data.end).unwrap_or_default();
        for field in Reader::starting_at(content, data.body_at) {
            let Some(point) = PointRef::decode(data.number, field.payload.bytes())
                .filter(|_| field.number == points::POINTS)
            else {
                continue;
            };
            self.points += 1;
            self.scratch.level(CHILD_LEVEL).begin();
            visit(point, &mut PointEdit::new(point, data.number, self.scratch));
            let Some((metric, level)) = self.scratch.pair(ITEM_LEVEL) else { return };
            let start = metric.arena.len();
            if level.dropped {
                self.scratch.dropped.uncounted = true;
                self.cut(field.start, field.end, start);
                continue;
            }
            self.kept += 1;
            if level.is_edited() {
                let open = metric.arena.open(points::POINTS, 2);
                level.render(point.encoded(), &mut metric.arena);
                metric.arena.close(open);
                self.cut(field.start, field.end, start);
            }
        }
    }

    /// Replaces `from..to`, inside of the data message, by what is in the arena from `start`.
    fn cut(&mut self, from: usize, to: usize, start: usize) {
        let level = self.scratch.level(ITEM_LEVEL);
        let end = level.arena.len();
        self.grown += (end - start) as isize - (to - from) as isize;
        self.data_changed = true;
        let arena = (start as u32, end as u32);
        level.cuts.push(Cut { source: (from as u32, to as u32), arena });
        level.touch();
    }

    /// Replaces the scalar `number` of the data message.
    fn set_in_data(&mut self, number: u32, value: Option<u64>) {
        let Some(data) = self.data else { return };
        let content = self.src.get(..data.end).unwrap_or_default();
        let level = self.scratch.level(ITEM_LEVEL);
        // A second call replaces what the first one appended.
        let (end, appended) = (data.end as u32, (number as u8) << 3);
        let arena = &level.arena.buf;
        let is_appended = |cut: &Cut| {
            cut.source == (end, end) && arena.get(cut.arena.0 as usize) == Some(&appended)
        };
        let old = level.cuts.iter().position(is_appended).map(|index| level.cuts.remove(index));
        self.grown -= old.map_or(0, |cut| (cut.arena.1 - cut.arena.0) as isize);
        let is_mine = |field: &Field<'_>| field.number == number;
        let mut fields = Reader::starting_at(content, data.body_at).filter(is_mine).peekable();
        // All occurrences are cut at once, so the first one says whether they are.
        let first = fields.peek().map(|field| (field.start as u32, field.end as u32));
        if !level.cuts.iter().any(|cut| Some(cut.source) == first) {
            let start = level.arena.len();
            fields.for_each(|field| self.cut(field.start, field.end, start));
        }
        let level = self.scratch.level(ITEM_LEVEL);
        let start = level.arena.len();
        if let Some(value) = value.filter(|value| *value != 0) {
            level.arena.varint_field(number, value);
            self.cut(data.end, data.end, start);
        }
    }

    /// 0 unspecified, 1 delta, 2 cumulative. Gauges and summaries have none.
    pub fn aggregation_temporality(&mut self, value: i32) {
        let number = self.data.map_or(0, |data| data.number);
        if matches!(number, metric::SUM | metric::HISTOGRAM | metric::EXPONENTIAL) {
            self.set_in_data(points::TEMPORALITY, Some(i64::from(value) as u64));
        }
    }

    /// Whether a sum only grows. Only sums have this.
    pub fn is_monotonic(&mut self, value: bool) {
        if self.data.is_some_and(|data| data.number == metric::SUM) {
            self.set_in_data(points::MONOTONIC, Some(u64::from(value)));
        }
    }

    /// Makes a gauge a sum: true if it was a gauge.
    pub fn gauge_to_sum(&mut self, temporality: i32, monotonic: bool) -> bool {
        if !self.retag(metric::GAUGE, metric::SUM) {
            return false;
        }
        self.set_in_data(points::TEMPORALITY, Some(i64::from(temporality) as u64));
        self.set_in_data(points::MONOTONIC, Some(u64::from(monotonic)));
        true
    }

    /// Makes a sum a gauge: true if it was a sum.
    pub fn sum_to_gauge(&mut self) -> bool {
        if !self.retag(metric::SUM, metric::GAUGE) {
            return false;
        }
        self.set_in_data(points::TEMPORALITY, None);
        self.set_in_data(points::MONOTONIC, None);
        true
    }

    /// Gives the data message another field number.
    fn retag(&mut self, from: u32, to: u32) -> bool {
        let Some(data) = self.data.as_mut().filter(|data| data.number == from) else {
            return false;
        };
        data.number = to;
        let source = (data.start as u32, data.length_at as u32);
        let level = self.scratch.level(ITEM_LEVEL);
        level.cuts.retain(|cut| cut.source != source);
        let start = level.arena.len() as u32;
        level.arena.tag(to, BYTES);
        level.cuts.push(Cut { source, arena: (start, level.arena.len() as u32) });
        level.touch();
        true
    }

    /// It as it is now, with all edits so far. Free without edits, else it is written once.
    pub fn current(&mut self) -> Metric<'_> {
        self.settle_length();
        Metric::new(super::current(self.scratch.level(ITEM_LEVEL), self.src))
    }

    /// Makes the length of the data message right, as one more cut.
    fn settle_length(&mut self) {
        let Some(data) = self.data.filter(|_| self.data_changed) else { return };
        let length = (data.end - data.body_at).saturating_add_signed(self.grown);
        let source = (data.length_at as u32, data.body_at as u32);
        let level = self.scratch.level(ITEM_LEVEL);
        level.cuts.retain(|cut| cut.source != source);
        let start = level.arena.len() as u32;
        level.arena.varint(length as u64);
        level.cuts.push(Cut { source, arena: (start, level.arena.len() as u32) });
    }

    /// Ends the visit: a metric that lost all its points is dropped.
    fn finish(mut self) {
        if self.points > 0 && self.kept == 0 && !self.scratch.keep_empty {
            self.scratch.level(ITEM_LEVEL).dropped = true;
        }
        self.settle_length();
    }
}
