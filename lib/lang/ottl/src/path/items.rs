//! The fields of log records, spans and events.

use pdata::Field as Otlp;

use super::Takes::{
    Any, DeprecatedKind, HexId, Id, Int, Kind, Map, Messages, ReadOnly, SpanFlags, Text, Time,
    TraceState,
};
use super::Wrong::{Ignored, Refused};
use super::{Entry, entry, indexed};
use crate::value::{SPAN_ID, TRACE_ID, Value, hex};

pub(super) const LOG: &[Entry] = &[
    entry("time_unix_nano", Otlp::LOG_TIME, Int(Refused)),
    entry("observed_time_unix_nano", Otlp::LOG_OBSERVED_TIME, Int(Refused)),
    entry("time", Otlp::LOG_TIME, Time(Refused)),
    entry("observed_time", Otlp::LOG_OBSERVED_TIME, Time(Refused)),
    entry("severity_number", Otlp::LOG_SEVERITY_NUMBER, Int(Refused)),
    entry("severity_text", Otlp::LOG_SEVERITY_TEXT, Text(Refused)),
    indexed("body", Otlp::LOG_BODY, Any),
    entry("body.string", Otlp::LOG_BODY, Text(Refused)),
    indexed("attributes", Otlp::LOG_ATTRIBUTES, Map),
    entry("dropped_attributes_count", Otlp::LOG_DROPPED, Int(Refused)),
    entry("flags", Otlp::LOG_FLAGS, Int(Refused)),
    entry("trace_id", Otlp::LOG_TRACE_ID, Id(TRACE_ID, Refused)),
    entry("trace_id.string", Otlp::LOG_TRACE_ID, HexId(16, Refused)),
    entry("span_id", Otlp::LOG_SPAN_ID, Id(SPAN_ID, Refused)),
    entry("span_id.string", Otlp::LOG_SPAN_ID, HexId(8, Refused)),
    entry("event_name", Otlp::LOG_EVENT_NAME, Text(Refused)),
];

pub(super) const SPAN: &[Entry] = &[
    entry("trace_id", Otlp::SPAN_TRACE_ID, Id(TRACE_ID, Ignored)),
    entry("trace_id.string", Otlp::SPAN_TRACE_ID, HexId(16, Ignored)),
    entry("span_id", Otlp::SPAN_ID, Id(SPAN_ID, Ignored)),
    entry("span_id.string", Otlp::SPAN_ID, HexId(8, Ignored)),
    entry("parent_span_id", Otlp::SPAN_PARENT_ID, Id(SPAN_ID, Ignored)),
    entry("parent_span_id.string", Otlp::SPAN_PARENT_ID, HexId(8, Ignored)),
    indexed("trace_state", Otlp::SPAN_TRACE_STATE, TraceState),
    entry("name", Otlp::SPAN_NAME, Text(Ignored)),
    entry("kind", Otlp::SPAN_KIND, Int(Ignored)),
    entry("kind.string", Otlp::SPAN_KIND, Kind),
    entry("kind.deprecated_string", Otlp::SPAN_KIND, DeprecatedKind),
    entry("start_time_unix_nano", Otlp::SPAN_START_TIME, Int(Ignored)),
    entry("end_time_unix_nano", Otlp::SPAN_END_TIME, Int(Ignored)),
    entry("start_time", Otlp::SPAN_START_TIME, Time(Ignored)),
    entry("end_time", Otlp::SPAN_END_TIME, Time(Ignored)),
    indexed("attributes", Otlp::SPAN_ATTRIBUTES, Map),
    entry("dropped_attributes_count", Otlp::SPAN_DROPPED_ATTRIBUTES, Int(Ignored)),
    entry("events", Otlp::SPAN_EVENTS, Messages),
    entry("dropped_events_count", Otlp::SPAN_DROPPED_EVENTS, Int(Ignored)),
    entry("links", Otlp::SPAN_LINKS, Messages),
    entry("dropped_links_count", Otlp::SPAN_DROPPED_LINKS, Int(Ignored)),
    entry("status", Otlp::SPAN_STATUS, Messages),
    entry("status.code", Otlp::SPAN_STATUS_CODE, Int(Ignored)),
    entry("status.message", Otlp::SPAN_STATUS_MESSAGE, Text(Ignored)),
    entry("flags", Otlp::SPAN_FLAGS, SpanFlags),
];

pub(super) const SPAN_EVENT: &[Entry] = &[
    entry("name", Otlp::EVENT_NAME, Text(Ignored)),
    entry("time_unix_nano", Otlp::EVENT_TIME, Int(Ignored)),
    entry("time", Otlp::EVENT_TIME, Time(Ignored)),
    indexed("attributes", Otlp::EVENT_ATTRIBUTES, Map),
    entry("dropped_attributes_count", Otlp::EVENT_DROPPED, Int(Ignored)),
    // It is no field of OTLP: only the name of the path and its type count.
    entry("event_index", Otlp::EVENT_NAME, ReadOnly),
];

/// Names of span kinds, by number.
pub(crate) const KINDS: [(&str, &str); 6] = [
    ("Unspecified", "SPAN_KIND_UNSPECIFIED"),
    ("Internal", "SPAN_KIND_INTERNAL"),
    ("Server", "SPAN_KIND_SERVER"),
    ("Client", "SPAN_KIND_CLIENT"),
    ("Producer", "SPAN_KIND_PRODUCER"),
    ("Consumer", "SPAN_KIND_CONSUMER"),
];

/// An id; one that is not there is all zeros.
pub(crate) fn id(kind: &'static str, bytes: &[u8]) -> Value<'static> {
    let mut all = [0; 16];
    all.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    Value::Id(kind, all)
}

/// Hexadecimal digits; zeros for an id that is not there.
pub(super) fn id_text(bytes: &[u8], length: usize) -> Value<'static> {
    if bytes.is_empty() { "0".repeat(length * 2).into() } else { hex(bytes).into() }
}

/// The value of a key in a trace state: `a=1,b=2`.
pub(crate) fn trace_state<'a>(state: &'a str, key: &str) -> &'a str {
    let members = state.split(',').filter_map(|member| member.trim().split_once('='));
    members.into_iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value)
}
