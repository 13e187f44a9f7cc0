//! Documents of the modes none and raw: flat fields, with prefixes or without (`model.go`, v0.159).

use documents::flat::{Fields, Leaf};
use documents::{SPAN_KIND_NAMES, json, named, time_of};
use pdata::text::hex;
use pdata::{AttributesRef, LogRecord, ScopeRef, Span, SpanLink, ValueRef};

use crate::ecs::data_stream;
use crate::route::Route;

/// What all documents of a resource have.
pub(crate) fn resource(all: AttributesRef<'_>) -> Fields<'_> {
    let mut fields = Fields::default();
    fields.attributes("Resource", all);
    fields
}

/// What all documents of a scope have.
pub(crate) fn scope(it: ScopeRef<'_>) -> Fields<'_> {
    let mut fields = Fields::default();
    fields.attributes("Scope", it.attributes());
    fields.add("Scope.name", Leaf::Text(it.name().into()));
    fields.add("Scope.version", Leaf::Text(it.version().into()));
    fields
}

pub(crate) fn log<'a>(
    out: &mut Vec<u8>,
    record: LogRecord<'a>,
    (around, route, prefixed): (&[&Fields<'a>], &'a Route, bool),
) {
    let mut fields = Fields::default();
    fields.add("@timestamp", Leaf::Time(time_of(record)));
    fields.id("TraceId", record.trace_id());
    fields.id("SpanId", record.span_id());
    fields.add("TraceFlags", Leaf::Int(record.flags().into()));
    fields.text("SeverityText", record.severity_text());
    fields.add("SeverityNumber", Leaf::Int(record.severity_number().into()));
    fields.value("Body", record.body().unwrap_or_default());
    let prefix = if prefixed { "Attributes" } else { "" };
    fields.attributes(prefix, record.attributes());
    data_stream(&mut fields, prefix, route);
    fields.write(around, false, out);
}

pub(crate) fn span<'a>(
    out: &mut Vec<u8>,
    span: Span<'a>,
    (around, route, prefixed): (&[&Fields<'a>], &'a Route, bool),
) {
    let mut fields = Fields::default();
    let (start, end) = (span.start_time_unix_nano(), span.end_time_unix_nano());
    fields.add("@timestamp", Leaf::Time(start));
    fields.add("EndTimestamp", Leaf::Time(end));
    fields.id("TraceId", span.trace_id());
    fields.id("SpanId", span.span_id());
    fields.id("ParentSpanId", span.parent_span_id());
    fields.text("Name", span.name());
    fields.text("Kind", named(&SPAN_KIND_NAMES, span.kind()));
    fields.add("TraceStatus", Leaf::Int(span.status().code.into()));
    fields.text("TraceStatusDescription", span.status().message);
    fields.text("Link", links(span.links()));
    let duration = end.cast_signed().wrapping_sub(start.cast_signed()) / 1000;
    fields.add("Duration", Leaf::Int(duration));
    let (attributes, events) = if prefixed { ("Attributes", "Events.") } else { ("", "") };
    fields.attributes(attributes, span.attributes());
    data_stream(&mut fields, attributes, route);
    for event in span.events() {
        let prefix = format!("{events}{}", event.name());
        fields.attributes(&prefix, event.attributes());
        fields.add(format!("{prefix}.time"), Leaf::Time(event.time_unix_nano()));
    }
    fields.write(around, false, out);
}

/// Links as a text of JSON.
fn links<'a>(links: impl Iterator<Item = SpanLink<'a>>) -> String {
    let mut out = Vec::new();
    json::list(&mut out, links, |out, link| {
        json::object(out, |it| {
            it.value("attribute", ValueRef::Map(link.attributes()), json::Bytes::Base64);
            it.text("spanID", &hex(link.span_id()));
            it.text("traceID", &hex(link.trace_id()));
        });
    });
    String::from_utf8(out).unwrap_or_default()
}
