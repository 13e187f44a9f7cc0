//! Documents of the mode ss4o, the Simple Schema for Observability (`encoder.go` and `sso_model.go`, v0.159).
//! <https://github.com/opensearch-project/opensearch-catalog/tree/main/docs/schema/observability>

use documents::flat::Names;
use documents::json::{self, Bytes, Object, each_key, list, members, object, value_text};
use documents::{SPAN_KINDS, STATUS_CODES, named, time_of};
use pdata::{AttributesRef, LogRecord, ResourceRef, ScopeRef, Span, SpanEvent, SpanLink, ValueRef};

use crate::config::Config;

/// The attribute that says which data stream a document belongs to.
const STREAM: &str = "data_stream";

/// The value of [`STREAM`].
pub(crate) struct Stream(Vec<u8>);

impl Stream {
    pub(crate) fn new(config: &Config, kind: &str) -> Self {
        let mut out = Vec::new();
        object(&mut out, |it| {
            it.text("dataset", &config.dataset);
            it.text("namespace", &config.namespace);
            it.text("type", kind);
        });
        Self(out)
    }
}

/// What the documents of a scope have in common.
pub(crate) struct Around<'e> {
    pub(crate) stream: &'e Stream,
    /// Made by [`around_logs`] or [`around_spans`].
    pub(crate) members: &'e [u8],
    pub(crate) now: u64,
}

fn resource_member(it: &mut Object<'_>, resource: ResourceRef<'_>) {
    if !resource.attributes().is_empty() {
        it.object("resource", |it| {
            each_key(resource.attributes(), |key, value| value_text(it.key(key), value));
        });
    }
}

pub(crate) fn around_logs(resource: ResourceRef<'_>, scope: ScopeRef<'_>, url: &str) -> Vec<u8> {
    members(|it| {
        it.object("instrumentationScope", |it| {
            attributes_if_any(it, scope.attributes());
            it.text_if_any("name", scope.name());
            it.text_if_any("schemaUrl", url);
            it.text_if_any("version", scope.version());
        });
        resource_member(it, resource);
        it.text_if_any("schemaUrl", url);
    })
}

pub(crate) fn around_spans(resource: ResourceRef<'_>, scope: ScopeRef<'_>, url: &str) -> Vec<u8> {
    members(|it| {
        it.object("instrumentationScope", |it| {
            attributes_if_any(it, scope.attributes());
            it.uint("droppedAttributesCount", scope.dropped_attributes_count().into());
            it.text("name", scope.name());
            it.text("schemaUrl", url);
            it.text("version", scope.version());
        });
        resource_member(it, resource);
    })
}

pub(crate) fn log(out: &mut Vec<u8>, record: LogRecord<'_>, around: &Around<'_>) {
    object(out, |it| {
        attributes_in_stream(it, record.attributes(), around.stream);
        value_text(it.key("body"), record.body().unwrap_or_default());
        it.text_if_any("eventName", record.event_name());
        let observed = record.observed_time_unix_nano();
        it.time("observedTimestamp", if observed == 0 { around.now } else { observed });
        it.object("severity", |it| {
            it.text_if_any("text", record.severity_text());
            if record.severity_number() != 0 {
                it.int("number", record.severity_number().into());
            }
        });
        it.id_if_any("spanId", record.span_id());
        it.time("@timestamp", time_of(record));
        it.id_if_any("traceId", record.trace_id());
        it.members(around.members);
    });
}

pub(crate) fn span(out: &mut Vec<u8>, span: Span<'_>, around: &Around<'_>) {
    let (start, end) = (span.start_time_unix_nano(), span.end_time_unix_nano());
    object(out, |it| {
        attributes_in_stream(it, span.attributes(), around.stream);
        it.uint("droppedAttributesCount", span.dropped_attributes_count().into());
        it.uint("droppedEventsCount", span.dropped_events_count().into());
        it.uint("droppedLinksCount", span.dropped_links_count().into());
        it.time("endTime", end);
        if span.events().next().is_some() {
            list(it.key("events"), span.events(), |out, it| event(out, it, around.now));
        }
        it.text("kind", named(&SPAN_KINDS, span.kind()));
        if span.links().next().is_some() {
            list(it.key("links"), span.links(), link);
        }
        it.text("name", span.name());
        it.id("parentSpanId", span.parent_span_id());
        it.id("spanId", span.span_id());
        it.time("startTime", start);
        it.object("status", |it| {
            it.text("code", named(&STATUS_CODES, span.status().code));
            it.text("message", span.status().message);
        });
        it.time("@timestamp", start);
        it.id("traceId", span.trace_id());
        it.text("traceState", span.trace_state());
        it.members(around.members);
    });
}

fn event(out: &mut Vec<u8>, event: SpanEvent<'_>, now: u64) {
    object(out, |it| {
        it.object("attributes", |it| attributes(it, event.attributes()));
        it.uint("droppedAttributesCount", event.dropped_attributes_count().into());
        it.text("name", event.name());
        match event.time_unix_nano() {
            0 => it.time("observedTimestamp", now),
            at => it.time("@timestamp", at),
        }
    });
}

fn link(out: &mut Vec<u8>, link: SpanLink<'_>) {
    object(out, |it| {
        attributes_if_any(it, link.attributes());
        it.id_if_any("spanId", link.span_id());
        it.id_if_any("traceId", link.trace_id());
        it.text_if_any("traceState", link.trace_state());
        it.uint_if_any("droppedAttributesCount", link.dropped_attributes_count().into());
    });
}

/// The member `attributes` of an item, with its data stream in place of an attribute of that name.
fn attributes_in_stream(it: &mut Object<'_>, all: AttributesRef<'_>, stream: &Stream) {
    it.object("attributes", |it| {
        each_attribute(it, all, |it, key, value| {
            if key != STREAM {
                write(it.key(key), value);
            }
        });
        it.key(STREAM).extend_from_slice(&stream.0);
    });
}

fn attributes_if_any(it: &mut Object<'_>, all: AttributesRef<'_>) {
    if !all.is_empty() {
        it.object("attributes", |it| attributes(it, all));
    }
}

fn attributes(it: &mut Object<'_>, all: AttributesRef<'_>) {
    each_attribute(it, all, |it, key, value| write(it.key(key), value));
}

/// Each attribute once. OpenSearch makes objects of the dots in names, and refuses a document in which a name is a value and
/// an object: `code.function` beside `code.function.name` is `code.function.value`.
fn each_attribute(
    it: &mut Object<'_>,
    all: AttributesRef<'_>,
    mut write: impl FnMut(&mut Object<'_>, &str, ValueRef<'_>),
) {
    let names = Names::of(all);
    each_key(all, |key, value| {
        if matches!(value, ValueRef::Map(_)) || !names.is_object(key) {
            return write(it, key, value);
        }
        if let Some(name) = names.of_value(key) {
            write(it, &name, value);
        }
    });
}

/// Writes a value. Its depth is limited by [`pdata::Limits`].
fn write(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Map(all) => object(out, |it| attributes(it, all)),
        ValueRef::Array(all) => list(out, all.iter(), write),
        value => json::value(out, value, Bytes::Base64),
    }
}
