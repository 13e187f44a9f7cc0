//! What a record answers when it is asked for a field. Answers are kept as long as they hold: those of a resource for
//! all its records.

use pdata::{
    AttributesRef, Data, Key, LogRecord, Metric, MetricData, PointRef, ScopeRef, Span, ValueRef,
};

use crate::model::{Field, Where, fold_into};

/// A log record, span or metric, and what is around it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) resource: AttributesRef<'a>,
    pub(crate) resource_schema: &'a str,
    pub(crate) scope: ScopeRef<'a>,
    pub(crate) scope_schema: &'a str,
    pub(crate) item: Item<'a>,
    /// The data point that is looked at.
    pub(crate) point: Option<PointRef<'a>>,
}

#[derive(Clone, Copy)]
pub(crate) enum Item<'a> {
    Log(LogRecord<'a>),
    Span(Span<'a>),
    Metric(Metric<'a>),
}

/// How long an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Resource,
    Scope,
    Item,
    Point,
}

impl Extent {
    pub(crate) fn of(field: &Field) -> Self {
        match field {
            Field::Attribute(Where::Resource, _) | Field::ResourceSchemaUrl => Self::Resource,
            Field::Attribute(Where::Scope, _)
            | Field::ScopeSchemaUrl
            | Field::ScopeName
            | Field::ScopeVersion => Self::Scope,
            Field::Attribute(Where::Point, _) => Self::Point,
            _ => Self::Item,
        }
    }
}

impl<'a> View<'a> {
    /// The value of a field that has one; a text that is empty is not there, but for attributes.
    pub(crate) fn get(&self, field: &Field) -> Option<ValueRef<'a>> {
        let text = |it: &'a str| (!it.is_empty()).then_some(ValueRef::Str(it));
        let id = |it: &'a [u8]| {
            let is_set = it.iter().any(|it| *it != 0);
            is_set.then_some(ValueRef::Bytes(it))
        };
        match field {
            Field::Attribute(of, path) => return inside(self.attributes(*of)?, path),
            Field::ResourceSchemaUrl => return text(self.resource_schema),
            Field::ScopeSchemaUrl => return text(self.scope_schema),
            Field::ScopeName => return text(self.scope.name()),
            Field::ScopeVersion => return text(self.scope.version()),
            _ => {}
        }
        match (self.item, field) {
            (Item::Log(it), Field::Body) => {
                it.body().filter(|it| !matches!(it, ValueRef::Empty | ValueRef::Str("")))
            }
            (Item::Log(it), Field::SeverityText) => text(it.severity_text()),
            (Item::Log(it), Field::EventName) => text(it.event_name()),
            (Item::Log(it), Field::TraceId) => id(it.trace_id()),
            (Item::Log(it), Field::SpanId) => id(it.span_id()),
            (Item::Span(it), Field::TraceId) => id(it.trace_id()),
            (Item::Span(it), Field::SpanId) => id(it.span_id()),
            (Item::Span(it), Field::ParentSpanId) => id(it.parent_span_id()),
            (Item::Span(it), Field::TraceState) => text(it.trace_state()),
            (Item::Span(it), Field::Name) => text(it.name()),
            (Item::Span(it), Field::SpanKind) => text(span_kind(it.kind())),
            (Item::Span(it), Field::SpanStatus) => text(span_status(it.status().code)),
            (Item::Metric(it), Field::Name) => text(it.name()),
            (Item::Metric(it), Field::Description) => text(it.description()),
            (Item::Metric(it), Field::Unit) => text(it.unit()),
            (Item::Metric(it), Field::MetricType) => text(metric_type(it.data())),
            (Item::Metric(it), Field::Temporality) => text(temporality(it.data())),
            _ => None,
        }
    }

    fn attributes(&self, of: Where) -> Option<AttributesRef<'a>> {
        match (of, self.item) {
            (Where::Resource, _) => Some(self.resource),
            (Where::Scope, _) => Some(self.scope.attributes()),
            (Where::Point, _) => self.point.map(PointRef::attributes),
            (Where::Item, Item::Log(it)) => Some(it.attributes()),
            (Where::Item, Item::Span(it)) => Some(it.attributes()),
            _ => None,
        }
    }

    /// Asks a field that has several values: whether `holds` of one.
    pub(crate) fn any(&self, field: &Field, mut holds: impl FnMut(ValueRef<'a>) -> bool) -> bool {
        let Item::Span(span) = self.item else { return false };
        match field {
            Field::SpanEventName => span.events().any(|it| holds(ValueRef::Str(it.name()))),
            Field::LinkTraceId => span.links().any(|it| holds(ValueRef::Bytes(it.trace_id()))),
            Field::Attribute(Where::Event, path) => {
                span.events().any(|it| inside(it.attributes(), path).is_some_and(&mut holds))
            }
            _ => false,
        }
    }
}

/// Whether a field has any number of values per record.
pub(crate) fn has_many(field: &Field) -> bool {
    matches!(field, Field::SpanEventName | Field::LinkTraceId | Field::Attribute(Where::Event, _))
}

/// The value at the end of a path through maps.
fn inside<'a>(attributes: AttributesRef<'a>, path: &[Key<'static>]) -> Option<ValueRef<'a>> {
    let mut map = attributes;
    let (last, parents) = path.split_last()?;
    fn key<'k>(it: &'k Key<'static>) -> Option<&'k str> {
        match it {
            Key::Text(it) => Some(it.as_ref()),
            Key::Index(_) => None,
        }
    }
    for parent in parents {
        map = map.get(key(parent)?)?.as_map()?;
    }
    map.get(key(last)?)
}

fn span_kind(kind: i32) -> &'static str {
    match kind {
        1 => "internal",
        2 => "server",
        3 => "client",
        4 => "producer",
        5 => "consumer",
        _ => "",
    }
}

fn span_status(code: i32) -> &'static str {
    match code {
        0 => "unset",
        1 => "ok",
        2 => "error",
        _ => "",
    }
}

fn metric_type(data: MetricData<'_>) -> &'static str {
    match data {
        MetricData::Empty => "",
        MetricData::Gauge(_) => "gauge",
        MetricData::Sum(_) => "sum",
        MetricData::Histogram(_) => "histogram",
        MetricData::ExponentialHistogram(_) => "exponential_histogram",
        MetricData::Summary(_) => "summary",
    }
}

fn temporality(data: MetricData<'_>) -> &'static str {
    let number = match data {
        MetricData::Sum(it) => it.aggregation_temporality(),
        MetricData::Histogram(it) => it.aggregation_temporality(),
        MetricData::ExponentialHistogram(it) => it.aggregation_temporality(),
        _ => 0,
    };
    match number {
        1 => "delta",
        2 => "cumulative",
        _ => "",
    }
}

/// The answer of one field.
#[derive(Default)]
struct Slot<'a> {
    /// When it was asked; 0 is never.
    stamp: u32,
    value: Option<ValueRef<'a>>,
    hex: Derived,
    folded: Derived,
}

/// A text that is made of an answer when somebody wants it.
#[derive(Default)]
struct Derived {
    stamp: u32,
    text: String,
}

/// Answers of all fields that policies ask for.
pub(crate) struct Slots<'a> {
    slots: Vec<Slot<'a>>,
    /// The numbers of the resource, scope, item and point that are looked at.
    now: [u32; 4],
}

impl<'a> Slots<'a> {
    pub(crate) fn new(fields: usize) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(fields, Slot::default);
        Self { slots, now: [0; 4] }
    }

    /// Another one is looked at, and with it all that is inside of it.
    pub(crate) fn next(&mut self, what: Extent) {
        for number in self.now.iter_mut().skip(what as usize) {
            *number += 1;
        }
    }

    /// The answer of the field with this number.
    #[inline]
    pub(crate) fn value(
        &mut self,
        at: usize,
        (field, extent): &(Field, Extent),
        view: &View<'a>,
    ) -> Option<ValueRef<'a>> {
        let now = self.now.get(*extent as usize).copied().unwrap_or_default();
        let slot = self.slots.get_mut(at)?;
        if slot.stamp != now {
            slot.stamp = now;
            slot.value = view.get(field);
            // What is derived of the one before has another stamp.
            slot.hex.stamp = 0;
            slot.folded.stamp = 0;
        }
        slot.value
    }

    /// The answer as text, of bytes their hexadecimal digits; without case if `fold` is set.
    #[inline]
    pub(crate) fn text(
        &mut self,
        at: usize,
        field: &(Field, Extent),
        view: &View<'a>,
        fold: bool,
    ) -> Option<&str> {
        let value = self.value(at, field, view)?;
        let slot = self.slots.get_mut(at)?;
        let text = match value {
            ValueRef::Str(it) => it,
            ValueRef::Bytes(it) => {
                if slot.hex.stamp != slot.stamp {
                    slot.hex.stamp = slot.stamp;
                    slot.hex.text = pdata::text::hex(it);
                }
                &slot.hex.text
            }
            _ => return None,
        };
        if !fold {
            return Some(text);
        }
        if slot.folded.stamp != slot.stamp {
            slot.folded.stamp = slot.stamp;
            fold_into(text, &mut slot.folded.text);
        }
        Some(&slot.folded.text)
    }
}

/// Shows all log records, spans or metrics, and says before each what is new with it.
pub(crate) fn each<'a>(data: &'a Data, mut visit: impl FnMut(View<'a>, Extent)) {
    macro_rules! walk {
        ($payload:expr, $items:ident, $item:path) => {
            for resource in $payload.resources() {
                let mut new = Extent::Resource;
                for scope in resource.scopes() {
                    if new == Extent::Item {
                        new = Extent::Scope;
                    }
                    let mut view = None;
                    for item in scope.$items() {
                        let view = view.get_or_insert_with(|| View {
                            resource: resource.attributes(),
                            resource_schema: resource.schema_url(),
                            scope: scope.scope(),
                            scope_schema: scope.schema_url(),
                            item: $item(item),
                            point: None,
                        });
                        view.item = $item(item);
                        visit(*view, new);
                        new = Extent::Item;
                    }
                }
            }
        };
    }
    match data {
        Data::Logs(it) => walk!(it, records, Item::Log),
        Data::Traces(it) => walk!(it, spans, Item::Span),
        Data::Metrics(it) => walk!(it, metrics, Item::Metric),
    }
}
