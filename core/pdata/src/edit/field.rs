//! The fields that a place has, as data: in which message they stand, under which number, and of what
//! type they are. Data points are four messages with the same fields under different numbers, so a field
//! of a point is found by the kind of its metric.

use crate::bits::last_8;
use crate::fields::{
    event, exemplar, exponential, group, histogram, log, metric, number, points, resource, scope,
    span, status, summary,
};

/// A field of OTLP, as the accessors of [`super::Place`] take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Field {
    pub(super) of: Of,
    /// The field of that message which holds the message with the field; 0 if it is its own.
    pub(super) outer: u8,
    /// In its message; of a point, a row of [`POINTS`].
    number: u8,
    kind: Kind,
}

/// The message that a field is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Of {
    Resource,
    Scope,
    /// Beside the resource: its schema.
    ResourceGroup,
    ScopeGroup,
    Log,
    Span,
    Metric,
    /// `gauge`, `sum` and so on.
    MetricData,
    Event,
    Point,
    Exemplar,
    /// What visitors note between edits of one place. It is never written.
    Cache,
}

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Text,
    /// Bytes of exactly this length, or none.
    Id(u8),
    Bool,
    /// An enum: a varint with a sign.
    Enum,
    /// A varint without one.
    Uint32,
    /// Zigzag.
    Sint32,
    Fixed32,
    Fixed64,
    Double,
    /// 0 is not the same as nothing.
    OptionalDouble,
    /// The value of a number point or an exemplar: `as_int` or `as_double`, whose number it has.
    Number,
    Any,
    Attributes,
    Fixed64List,
    VarintList,
    DoubleList,
    Messages,
}

/// Where a field stands in the messages of a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub(super) outer: u32,
    pub(super) number: u32,
    pub(super) kind: Kind,
}

/// Rows of [`POINTS`].
mod row {
    pub(super) const ATTRIBUTES: u8 = 0;
    pub(super) const START: u8 = 1;
    pub(super) const TIME: u8 = 2;
    pub(super) const FLAGS: u8 = 3;
    pub(super) const VALUE: u8 = 4;
    pub(super) const EXEMPLARS: u8 = 5;
    pub(super) const COUNT: u8 = 6;
    pub(super) const SUM: u8 = 7;
    pub(super) const MIN: u8 = 8;
    pub(super) const MAX: u8 = 9;
    pub(super) const BUCKETS: u8 = 10;
    pub(super) const BOUNDS: u8 = 11;
    pub(super) const SCALE: u8 = 12;
    pub(super) const ZERO_COUNT: u8 = 13;
    pub(super) const ZERO_THRESHOLD: u8 = 14;
    pub(super) const POSITIVE: u8 = 15;
    pub(super) const NEGATIVE: u8 = 16;
    pub(super) const QUANTILES: u8 = 17;
}

/// Numbers of the fields of number, histogram, exponential histogram and summary points; 0 where there
/// is no such field.
const POINTS: [[u32; 4]; 18] = [
    [number::ATTRIBUTES, histogram::ATTRIBUTES, exponential::ATTRIBUTES, summary::ATTRIBUTES],
    [number::START, histogram::START, exponential::START, summary::START],
    [number::TIME, histogram::TIME, exponential::TIME, summary::TIME],
    [number::FLAGS, histogram::FLAGS, exponential::FLAGS, summary::FLAGS],
    // Its other member is `as_int`.
    [number::DOUBLE, 0, 0, 0],
    [number::EXEMPLARS, histogram::EXEMPLARS, exponential::EXEMPLARS, 0],
    [0, histogram::COUNT, exponential::COUNT, summary::COUNT],
    [0, histogram::SUM, exponential::SUM, summary::SUM],
    [0, histogram::MIN, exponential::MIN, 0],
    [0, histogram::MAX, exponential::MAX, 0],
    [0, histogram::BUCKETS, 0, 0],
    [0, histogram::BOUNDS, 0, 0],
    [0, 0, exponential::SCALE, 0],
    [0, 0, exponential::ZERO_COUNT, 0],
    [0, 0, exponential::ZERO_THRESHOLD, 0],
    [0, 0, exponential::POSITIVE, 0],
    [0, 0, exponential::NEGATIVE, 0],
    [0, 0, 0, summary::QUANTILES],
];

/// The column of [`POINTS`] for the points of a metric whose data has this field number.
fn column(data: u32) -> Option<usize> {
    match data {
        metric::GAUGE | metric::SUM => Some(0),
        metric::HISTOGRAM => Some(1),
        metric::EXPONENTIAL => Some(2),
        metric::SUMMARY => Some(3),
        _ => None,
    }
}

/// The number of a field in the byte that is kept for it; a larger one does not compile.
const fn small(number: u32) -> u8 {
    assert!(number <= 0xff, "numbers are small");
    last_8(number as u64)
}

const fn field(of: Of, number: u32, kind: Kind) -> Field {
    Field { of, outer: 0, number: small(number), kind }
}

const fn point(row: u8, kind: Kind) -> Field {
    Field { of: Of::Point, outer: 0, number: row, kind }
}

/// A field of a message that is itself a field.
const fn inner(of: Of, outer: u32, number: u32, kind: Kind) -> Field {
    Field { of, outer: small(outer), number: small(number), kind }
}

impl Field {
    /// Of the resource.
    pub const RESOURCE_ATTRIBUTES: Self =
        field(Of::Resource, resource::ATTRIBUTES, Kind::Attributes);
    /// Attributes of the resource that its sender dropped.
    pub const RESOURCE_DROPPED: Self = field(Of::Resource, resource::DROPPED, Kind::Uint32);
    /// `schema_url` of the resource.
    pub const RESOURCE_SCHEMA_URL: Self = field(Of::ResourceGroup, group::SCHEMA_URL, Kind::Text);

    /// Of the scope.
    pub const SCOPE_ATTRIBUTES: Self = field(Of::Scope, scope::ATTRIBUTES, Kind::Attributes);
    /// Name of the scope.
    pub const SCOPE_NAME: Self = field(Of::Scope, scope::NAME, Kind::Text);
    /// Version of the scope.
    pub const SCOPE_VERSION: Self = field(Of::Scope, scope::VERSION, Kind::Text);
    /// Attributes of the scope that its sender dropped.
    pub const SCOPE_DROPPED: Self = field(Of::Scope, scope::DROPPED, Kind::Uint32);
    /// `schema_url` of the scope.
    pub const SCOPE_SCHEMA_URL: Self = field(Of::ScopeGroup, group::SCHEMA_URL, Kind::Text);

    /// When it happened, nanoseconds since 1970.
    pub const LOG_TIME: Self = field(Of::Log, log::TIME, Kind::Fixed64);
    /// When it was seen, nanoseconds since 1970.
    pub const LOG_OBSERVED_TIME: Self = field(Of::Log, log::OBSERVED, Kind::Fixed64);
    /// 1 (TRACE) to 24 (FATAL4).
    pub const LOG_SEVERITY_NUMBER: Self = field(Of::Log, log::SEVERITY_NUMBER, Kind::Enum);
    /// The severity as the source wrote it.
    pub const LOG_SEVERITY_TEXT: Self = field(Of::Log, log::SEVERITY_TEXT, Kind::Text);
    /// The body: any value.
    pub const LOG_BODY: Self = field(Of::Log, log::BODY, Kind::Any);
    /// Of the log record.
    pub const LOG_ATTRIBUTES: Self = field(Of::Log, log::ATTRIBUTES, Kind::Attributes);
    /// Attributes of the record that its sender dropped.
    pub const LOG_DROPPED: Self = field(Of::Log, log::DROPPED, Kind::Uint32);
    /// Trace flags.
    pub const LOG_FLAGS: Self = field(Of::Log, log::FLAGS, Kind::Fixed32);
    /// 16 bytes.
    pub const LOG_TRACE_ID: Self = field(Of::Log, log::TRACE_ID, Kind::Id(16));
    /// 8 bytes.
    pub const LOG_SPAN_ID: Self = field(Of::Log, log::SPAN_ID, Kind::Id(8));
    /// Name of the kind of event.
    pub const LOG_EVENT_NAME: Self = field(Of::Log, log::EVENT_NAME, Kind::Text);

    /// 16 bytes.
    pub const SPAN_TRACE_ID: Self = field(Of::Span, span::TRACE_ID, Kind::Id(16));
    /// 8 bytes.
    pub const SPAN_ID: Self = field(Of::Span, span::SPAN_ID, Kind::Id(8));
    /// 8 bytes, or none for a root span.
    pub const SPAN_PARENT_ID: Self = field(Of::Span, span::PARENT, Kind::Id(8));
    /// W3C trace state.
    pub const SPAN_TRACE_STATE: Self = field(Of::Span, span::TRACE_STATE, Kind::Text);
    /// Name of the span.
    pub const SPAN_NAME: Self = field(Of::Span, span::NAME, Kind::Text);
    /// `SpanKind`, 0 to 5.
    pub const SPAN_KIND: Self = field(Of::Span, span::KIND, Kind::Enum);
    /// When it began, nanoseconds since 1970.
    pub const SPAN_START_TIME: Self = field(Of::Span, span::START, Kind::Fixed64);
    /// When it ended, nanoseconds since 1970.
    pub const SPAN_END_TIME: Self = field(Of::Span, span::END, Kind::Fixed64);
    /// Of the span.
    pub const SPAN_ATTRIBUTES: Self = field(Of::Span, span::ATTRIBUTES, Kind::Attributes);
    /// Attributes of the span that its sender dropped.
    pub const SPAN_DROPPED_ATTRIBUTES: Self =
        field(Of::Span, span::DROPPED_ATTRIBUTES, Kind::Uint32);
    /// Events.
    pub const SPAN_EVENTS: Self = field(Of::Span, span::EVENTS, Kind::Messages);
    /// Events that the sender dropped.
    pub const SPAN_DROPPED_EVENTS: Self = field(Of::Span, span::DROPPED_EVENTS, Kind::Uint32);
    /// Links.
    pub const SPAN_LINKS: Self = field(Of::Span, span::LINKS, Kind::Messages);
    /// Links that the sender dropped.
    pub const SPAN_DROPPED_LINKS: Self = field(Of::Span, span::DROPPED_LINKS, Kind::Uint32);
    /// The whole status message.
    pub const SPAN_STATUS: Self = field(Of::Span, span::STATUS, Kind::Messages);
    /// 0 unset, 1 ok, 2 error.
    pub const SPAN_STATUS_CODE: Self = inner(Of::Span, span::STATUS, status::CODE, Kind::Enum);
    /// What went wrong, for people.
    pub const SPAN_STATUS_MESSAGE: Self =
        inner(Of::Span, span::STATUS, status::MESSAGE, Kind::Text);
    /// Trace flags and whether the parent is remote.
    pub const SPAN_FLAGS: Self = field(Of::Span, span::FLAGS, Kind::Fixed32);

    /// When it happened, nanoseconds since 1970.
    pub const EVENT_TIME: Self = field(Of::Event, event::TIME, Kind::Fixed64);
    /// Name of the event.
    pub const EVENT_NAME: Self = field(Of::Event, event::NAME, Kind::Text);
    /// Of the event.
    pub const EVENT_ATTRIBUTES: Self = field(Of::Event, event::ATTRIBUTES, Kind::Attributes);
    /// Attributes of the event that its sender dropped.
    pub const EVENT_DROPPED: Self = field(Of::Event, event::DROPPED, Kind::Uint32);

    /// Name of the metric.
    pub const METRIC_NAME: Self = field(Of::Metric, metric::NAME, Kind::Text);
    /// What it measures.
    pub const METRIC_DESCRIPTION: Self = field(Of::Metric, metric::DESCRIPTION, Kind::Text);
    /// UCUM.
    pub const METRIC_UNIT: Self = field(Of::Metric, metric::UNIT, Kind::Text);
    /// What a translation from another protocol wants to remember.
    pub const METRIC_METADATA: Self = field(Of::Metric, metric::METADATA, Kind::Attributes);
    /// 0 unspecified, 1 delta, 2 cumulative. Gauges and summaries have none.
    pub const METRIC_TEMPORALITY: Self = field(Of::MetricData, points::TEMPORALITY, Kind::Enum);
    /// Whether a sum only grows. Only sums have this.
    pub const METRIC_MONOTONIC: Self = field(Of::MetricData, points::MONOTONIC, Kind::Bool);
    /// All data points.
    pub const METRIC_POINTS: Self = field(Of::MetricData, points::POINTS, Kind::Messages);

    /// Of the point.
    pub const POINT_ATTRIBUTES: Self = point(row::ATTRIBUTES, Kind::Attributes);
    /// When the aggregation began, nanoseconds since 1970.
    pub const POINT_START_TIME: Self = point(row::START, Kind::Fixed64);
    /// When it was measured, nanoseconds since 1970.
    pub const POINT_TIME: Self = point(row::TIME, Kind::Fixed64);
    /// Bit 0: no value was recorded.
    pub const POINT_FLAGS: Self = point(row::FLAGS, Kind::Uint32);
    /// Int or double; of gauges and sums.
    pub const POINT_VALUE: Self = point(row::VALUE, Kind::Number);
    /// Examples of measurements.
    pub const POINT_EXEMPLARS: Self = point(row::EXEMPLARS, Kind::Messages);
    /// How many measurements; of histograms and summaries.
    pub const POINT_COUNT: Self = point(row::COUNT, Kind::Fixed64);
    /// Sum of the measurements; of histograms and summaries.
    pub const POINT_SUM: Self = point(row::SUM, Kind::OptionalDouble);
    /// Smallest measurement; of histograms.
    pub const POINT_MIN: Self = point(row::MIN, Kind::OptionalDouble);
    /// Largest measurement; of histograms.
    pub const POINT_MAX: Self = point(row::MAX, Kind::OptionalDouble);
    /// Measurements per bucket; of histograms.
    pub const POINT_BUCKET_COUNTS: Self = point(row::BUCKETS, Kind::Fixed64List);
    /// Upper bounds of the buckets but the last; of histograms.
    pub const POINT_EXPLICIT_BOUNDS: Self = point(row::BOUNDS, Kind::DoubleList);
    /// The base is `2 ^ (2 ^ -scale)`; of exponential histograms.
    pub const POINT_SCALE: Self = point(row::SCALE, Kind::Sint32);
    /// Measurements that are zero or too close to it; of exponential histograms.
    pub const POINT_ZERO_COUNT: Self = point(row::ZERO_COUNT, Kind::Fixed64);
    /// Half the width of the zero bucket; of exponential histograms.
    pub const POINT_ZERO_THRESHOLD: Self = point(row::ZERO_THRESHOLD, Kind::Double);
    /// The message of the positive buckets; of exponential histograms.
    pub const POINT_POSITIVE: Self = point(row::POSITIVE, Kind::Messages);
    /// Index of the first positive bucket.
    pub const POINT_POSITIVE_OFFSET: Self =
        inner(Of::Point, row::POSITIVE as u32, exponential::OFFSET, Kind::Sint32);
    /// Measurements per positive bucket.
    pub const POINT_POSITIVE_COUNTS: Self =
        inner(Of::Point, row::POSITIVE as u32, exponential::BUCKETS, Kind::VarintList);
    /// The message of the negative buckets; of exponential histograms.
    pub const POINT_NEGATIVE: Self = point(row::NEGATIVE, Kind::Messages);
    /// Index of the first negative bucket.
    pub const POINT_NEGATIVE_OFFSET: Self =
        inner(Of::Point, row::NEGATIVE as u32, exponential::OFFSET, Kind::Sint32);
    /// Measurements per negative bucket.
    pub const POINT_NEGATIVE_COUNTS: Self =
        inner(Of::Point, row::NEGATIVE as u32, exponential::BUCKETS, Kind::VarintList);
    /// Quantiles; of summaries.
    pub const POINT_QUANTILES: Self = point(row::QUANTILES, Kind::Messages);

    /// Of the exemplar: those that its data point does not have.
    pub const EXEMPLAR_ATTRIBUTES: Self =
        field(Of::Exemplar, exemplar::ATTRIBUTES, Kind::Attributes);
    /// When it was measured, nanoseconds since 1970.
    pub const EXEMPLAR_TIME: Self = field(Of::Exemplar, exemplar::TIME, Kind::Fixed64);
    /// Int or double.
    pub const EXEMPLAR_VALUE: Self = field(Of::Exemplar, exemplar::DOUBLE, Kind::Number);
    /// 16 bytes.
    pub const EXEMPLAR_TRACE_ID: Self = field(Of::Exemplar, exemplar::TRACE_ID, Kind::Id(16));
    /// 8 bytes.
    pub const EXEMPLAR_SPAN_ID: Self = field(Of::Exemplar, exemplar::SPAN_ID, Kind::Id(8));

    /// What a visitor notes for itself while it is at one place: a map that is never written.
    pub const CACHE: Self = field(Of::Cache, 1, Kind::Attributes);

    #[inline]
    pub(super) fn is_attributes(self) -> bool {
        self.kind == Kind::Attributes
    }

    /// Where it stands; `data` is the field number of the data of the metric around it. `None` if metrics
    /// of this kind do not have it.
    #[inline]
    pub(super) fn spot(self, data: u32) -> Option<Spot> {
        let (outer, number) = (u32::from(self.outer), u32::from(self.number));
        match self.of {
            Of::Point => self.of_point(data),
            Of::MetricData if !has_data_field(data, number) => None,
            _ => Some(Spot { outer, number, kind: self.kind }),
        }
    }

    fn of_point(self, data: u32) -> Option<Spot> {
        let column = column(data)?;
        let number_of = |row: u8| {
            let row = POINTS.get(usize::from(row))?;
            row.get(column).copied().filter(|it| *it != 0)
        };
        if self.outer != 0 {
            let outer = number_of(self.outer)?;
            return Some(Spot { outer, number: self.number.into(), kind: self.kind });
        }
        // In a summary a sum of 0 is the default, in the histograms it is not.
        let plain = self.kind == Kind::OptionalDouble && data == metric::SUMMARY;
        let kind = if plain { Kind::Double } else { self.kind };
        Some(Spot { outer: 0, number: number_of(self.number)?, kind })
    }
}

/// Whether `gauge`, `sum` and so on have the field.
fn has_data_field(data: u32, number: u32) -> bool {
    match number {
        points::TEMPORALITY => {
            matches!(data, metric::SUM | metric::HISTOGRAM | metric::EXPONENTIAL)
        }
        points::MONOTONIC => data == metric::SUM,
        _ => data != 0,
    }
}
