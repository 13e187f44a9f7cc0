//! The fields of log records, spans and events.

use super::{Entry, Field, entry, indexed};
use crate::context::{Item, Scene};
use crate::value::{Instant, Map, SPAN_ID, TRACE_ID, Value, hex};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogField {
    TimeUnixNano,
    ObservedTimeUnixNano,
    Time,
    ObservedTime,
    SeverityNumber,
    SeverityText,
    Body,
    BodyText,
    Attributes,
    DroppedAttributesCount,
    Flags,
    TraceId,
    TraceIdText,
    SpanId,
    SpanIdText,
    EventName,
}

pub(super) const LOG: &[Entry] = &[
    entry("time_unix_nano", Field::Log(LogField::TimeUnixNano)),
    entry("observed_time_unix_nano", Field::Log(LogField::ObservedTimeUnixNano)),
    entry("time", Field::Log(LogField::Time)),
    entry("observed_time", Field::Log(LogField::ObservedTime)),
    entry("severity_number", Field::Log(LogField::SeverityNumber)),
    entry("severity_text", Field::Log(LogField::SeverityText)),
    indexed("body", Field::Log(LogField::Body)),
    entry("body.string", Field::Log(LogField::BodyText)),
    indexed("attributes", Field::Log(LogField::Attributes)),
    entry("dropped_attributes_count", Field::Log(LogField::DroppedAttributesCount)),
    entry("flags", Field::Log(LogField::Flags)),
    entry("trace_id", Field::Log(LogField::TraceId)),
    entry("trace_id.string", Field::Log(LogField::TraceIdText)),
    entry("span_id", Field::Log(LogField::SpanId)),
    entry("span_id.string", Field::Log(LogField::SpanIdText)),
    entry("event_name", Field::Log(LogField::EventName)),
];

impl LogField {
    pub(super) fn is_int(self) -> bool {
        matches!(
            self,
            Self::SeverityNumber
                | Self::TimeUnixNano
                | Self::ObservedTimeUnixNano
                | Self::DroppedAttributesCount
                | Self::Flags
        )
    }

    #[inline]
    pub(super) fn int(self, scene: &Scene<'_>) -> Option<i64> {
        let record = scene.log();
        Some(match self {
            Self::SeverityNumber => record.severity_number().into(),
            Self::TimeUnixNano => record.time_unix_nano() as i64,
            Self::ObservedTimeUnixNano => record.observed_time_unix_nano() as i64,
            Self::DroppedAttributesCount => record.dropped_attributes_count().into(),
            Self::Flags => record.flags().into(),
            _ => return None,
        })
    }

    pub(super) fn value<'a>(self, scene: &Scene<'a>) -> Value<'a> {
        let record = scene.log();
        match self {
            Self::Time => Value::Time(Instant::of(record.time_unix_nano())),
            Self::ObservedTime => Value::Time(Instant::of(record.observed_time_unix_nano())),
            Self::SeverityText => record.severity_text().into(),
            Self::Body => record.body().unwrap_or_default().into(),
            Self::BodyText => match Value::from(record.body().unwrap_or_default()) {
                text @ Value::Text(_) => text,
                _ => record.body().unwrap_or_default().to_string().into(),
            },
            Self::Attributes => Value::Map(Map::View(record.attributes())),
            Self::TraceId => id(TRACE_ID, record.trace_id()),
            Self::TraceIdText => id_text(record.trace_id()),
            Self::SpanId => id(SPAN_ID, record.span_id()),
            Self::SpanIdText => id_text(record.span_id()),
            Self::EventName => record.event_name().into(),
            other => Value::Int(other.int(scene).unwrap_or_default()),
        }
    }
}

/// An id; one that is not there is all zeros.
pub(crate) fn id(kind: &'static str, bytes: &[u8]) -> Value<'static> {
    let mut all = [0; 16];
    all.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    Value::Id(kind, all)
}

/// Hexadecimal digits, or nothing for an id that is not there.
fn id_text(bytes: &[u8]) -> Value<'static> {
    if bytes.iter().all(|it| *it == 0) { "".into() } else { hex(bytes).into() }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanField {
    TraceId,
    TraceIdText,
    SpanId,
    SpanIdText,
    ParentSpanId,
    ParentSpanIdText,
    TraceState,
    Name,
    Kind,
    KindText,
    KindDeprecatedText,
    StartTimeUnixNano,
    EndTimeUnixNano,
    StartTime,
    EndTime,
    Attributes,
    DroppedAttributesCount,
    Events,
    DroppedEventsCount,
    Links,
    DroppedLinksCount,
    Status,
    StatusCode,
    StatusMessage,
    Flags,
}

pub(super) const SPAN: &[Entry] = &[
    entry("trace_id", Field::Span(SpanField::TraceId)),
    entry("trace_id.string", Field::Span(SpanField::TraceIdText)),
    entry("span_id", Field::Span(SpanField::SpanId)),
    entry("span_id.string", Field::Span(SpanField::SpanIdText)),
    entry("parent_span_id", Field::Span(SpanField::ParentSpanId)),
    entry("parent_span_id.string", Field::Span(SpanField::ParentSpanIdText)),
    indexed("trace_state", Field::Span(SpanField::TraceState)),
    entry("name", Field::Span(SpanField::Name)),
    entry("kind", Field::Span(SpanField::Kind)),
    entry("kind.string", Field::Span(SpanField::KindText)),
    entry("kind.deprecated_string", Field::Span(SpanField::KindDeprecatedText)),
    entry("start_time_unix_nano", Field::Span(SpanField::StartTimeUnixNano)),
    entry("end_time_unix_nano", Field::Span(SpanField::EndTimeUnixNano)),
    entry("start_time", Field::Span(SpanField::StartTime)),
    entry("end_time", Field::Span(SpanField::EndTime)),
    indexed("attributes", Field::Span(SpanField::Attributes)),
    entry("dropped_attributes_count", Field::Span(SpanField::DroppedAttributesCount)),
    entry("events", Field::Span(SpanField::Events)),
    entry("dropped_events_count", Field::Span(SpanField::DroppedEventsCount)),
    entry("links", Field::Span(SpanField::Links)),
    entry("dropped_links_count", Field::Span(SpanField::DroppedLinksCount)),
    entry("status", Field::Span(SpanField::Status)),
    entry("status.code", Field::Span(SpanField::StatusCode)),
    entry("status.message", Field::Span(SpanField::StatusMessage)),
    entry("flags", Field::Span(SpanField::Flags)),
];

/// Names of span kinds, by number.
const KINDS: [(&str, &str); 6] = [
    ("Unspecified", "SPAN_KIND_UNSPECIFIED"),
    ("Internal", "SPAN_KIND_INTERNAL"),
    ("Server", "SPAN_KIND_SERVER"),
    ("Client", "SPAN_KIND_CLIENT"),
    ("Producer", "SPAN_KIND_PRODUCER"),
    ("Consumer", "SPAN_KIND_CONSUMER"),
];

impl SpanField {
    pub(super) fn is_int(self) -> bool {
        matches!(
            self,
            Self::Kind
                | Self::StartTimeUnixNano
                | Self::EndTimeUnixNano
                | Self::DroppedAttributesCount
                | Self::DroppedEventsCount
                | Self::DroppedLinksCount
                | Self::StatusCode
                | Self::Flags
        )
    }

    #[inline]
    pub(super) fn int(self, scene: &Scene<'_>) -> Option<i64> {
        let span = scene.span()?;
        Some(match self {
            Self::Kind => span.kind().into(),
            Self::StartTimeUnixNano => span.start_time_unix_nano() as i64,
            Self::EndTimeUnixNano => span.end_time_unix_nano() as i64,
            Self::DroppedAttributesCount => span.dropped_attributes_count().into(),
            Self::DroppedEventsCount => span.dropped_events_count().into(),
            Self::DroppedLinksCount => span.dropped_links_count().into(),
            Self::StatusCode => span.status().code.into(),
            Self::Flags => span.flags().into(),
            _ => return None,
        })
    }

    pub(super) fn value<'a>(self, scene: &Scene<'a>) -> Value<'a> {
        let Some(span) = scene.span() else { return Value::Nil };
        let kind = || usize::try_from(span.kind()).ok().and_then(|it| KINDS.get(it));
        match self {
            Self::TraceId => id(TRACE_ID, span.trace_id()),
            Self::TraceIdText => id_text(span.trace_id()),
            Self::SpanId => id(SPAN_ID, span.span_id()),
            Self::SpanIdText => id_text(span.span_id()),
            Self::ParentSpanId => id(SPAN_ID, span.parent_span_id()),
            Self::ParentSpanIdText => id_text(span.parent_span_id()),
            Self::TraceState => span.trace_state().into(),
            Self::Name => span.name().into(),
            Self::KindText => kind().map_or("", |it| it.0).into(),
            Self::KindDeprecatedText => kind().map_or("", |it| it.1).into(),
            Self::StartTime => Value::Time(Instant::of(span.start_time_unix_nano())),
            Self::EndTime => Value::Time(Instant::of(span.end_time_unix_nano())),
            Self::Attributes => Value::Map(Map::View(span.attributes())),
            Self::Events => Value::Opaque("ptrace.SpanEventSlice", Some(span.events().count())),
            Self::Links => Value::Opaque("ptrace.SpanLinkSlice", Some(span.links().count())),
            Self::Status => Value::Opaque("ptrace.Status", None),
            Self::StatusMessage => span.status().message.into(),
            other => Value::Int(other.int(scene).unwrap_or_default()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanEventField {
    Name,
    TimeUnixNano,
    Time,
    Attributes,
    DroppedAttributesCount,
    EventIndex,
}

pub(super) const SPAN_EVENT: &[Entry] = &[
    entry("name", Field::SpanEvent(SpanEventField::Name)),
    entry("time_unix_nano", Field::SpanEvent(SpanEventField::TimeUnixNano)),
    entry("time", Field::SpanEvent(SpanEventField::Time)),
    indexed("attributes", Field::SpanEvent(SpanEventField::Attributes)),
    entry("dropped_attributes_count", Field::SpanEvent(SpanEventField::DroppedAttributesCount)),
    entry("event_index", Field::SpanEvent(SpanEventField::EventIndex)),
];

impl SpanEventField {
    pub(super) fn value<'a>(self, scene: &Scene<'a>) -> Value<'a> {
        let Some(event) = scene.event() else { return Value::Nil };
        match self {
            Self::Name => event.name().into(),
            Self::TimeUnixNano => Value::Int(event.time_unix_nano() as i64),
            Self::Time => Value::Time(Instant::of(event.time_unix_nano())),
            Self::Attributes => Value::Map(Map::View(event.attributes())),
            Self::DroppedAttributesCount => Value::Int(event.dropped_attributes_count().into()),
            Self::EventIndex => match scene.item {
                Item::SpanEvent(.., index) => Value::Int(index as i64),
                _ => Value::Nil,
            },
        }
    }
}

/// The value of a key in a trace state: `a=1,b=2`.
pub(crate) fn trace_state<'a>(state: &'a str, key: &str) -> &'a str {
    let members = state.split(',').filter_map(|member| member.trim().split_once('='));
    members.into_iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value)
}
