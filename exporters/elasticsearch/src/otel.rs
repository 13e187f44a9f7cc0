//! Documents of the mode otel (`internal/serializer/otelserializer`, v0.159).

use documents::json::{self, Bytes, Object, each_key, object};
use documents::{SPAN_KINDS, STATUS_CODES, named, time_of};
use pdata::{AttributesRef, LogRecord, ResourceRef, ScopeRef, Span, SpanEvent, ValueRef};

use crate::route::is_reserved;

const LAT: &str = "geo.location.lat";
const LON: &str = "geo.location.lon";

/// What all documents of a scope have: members `resource` and `scope`.
pub(crate) fn around(
    (resource, resource_url): (ResourceRef<'_>, &str),
    (scope, scope_url): (ScopeRef<'_>, &str),
    maps_as_text: bool,
) -> Vec<u8> {
    let mut out = b"\"resource\":".to_vec();
    object(&mut out, |it| {
        it.text_if_any("schema_url", resource_url);
        attributes(it, resource.attributes(), maps_as_text);
        it.uint_if_any("dropped_attributes_count", resource.dropped_attributes_count().into());
    });
    out.extend_from_slice(b",\"scope\":");
    object(&mut out, |it| {
        it.text_if_any("schema_url", scope_url);
        it.text_if_any("name", scope.name());
        it.text_if_any("version", scope.version());
        attributes(it, scope.attributes(), maps_as_text);
        it.uint_if_any("dropped_attributes_count", scope.dropped_attributes_count().into());
    });
    out
}

/// Milliseconds with their fraction, which keeps the nanoseconds.
pub(crate) fn time(it: &mut Object<'_>, key: &str, unix_nanos: u64) {
    let out = it.key(key);
    out.push(b'"');
    json::uint(out, unix_nanos / 1_000_000);
    out.push(b'.');
    let fraction = unix_nanos % 1_000_000;
    match fraction {
        0 => out.push(b'0'),
        _ => out.extend_from_slice(format!("{fraction:06}").as_bytes()),
    }
    out.push(b'"');
}

/// The member `attributes`.
pub(crate) fn attributes(it: &mut Object<'_>, all: AttributesRef<'_>, maps_as_text: bool) {
    named_attributes(it, all, maps_as_text, None);
}

fn named_attributes(
    it: &mut Object<'_>,
    all: AttributesRef<'_>,
    maps_as_text: bool,
    event: Option<&str>,
) {
    if all.is_empty() && event.is_none() {
        return;
    }
    it.object("attributes", |it| {
        let mut has_place = false;
        each_key(all, |key, value| {
            if is_reserved(key) || (event.is_some() && key == "event.name") {
                return;
            }
            if matches!(value, ValueRef::Double(_))
                && (key.ends_with(LAT) || key.ends_with(LON))
                && is_geo(key)
            {
                has_place = true;
                return;
            }
            match value {
                ValueRef::Map(_) if maps_as_text => json::value_text(it.key(key), value),
                _ => it.value(key, value, Bytes::Hex),
            }
        });
        if let Some(event) = event {
            it.text("event.name", event);
        }
        if has_place {
            places(it, all);
        }
    });
}

fn is_geo(key: &str) -> bool {
    key.strip_suffix(LAT)
        .or_else(|| key.strip_suffix(LON))
        .is_some_and(|it| it.is_empty() || it.ends_with('.'))
}

/// Latitude and longitude as a `geo_point`; one without the other stays as it is.
fn places(it: &mut Object<'_>, all: AttributesRef<'_>) {
    let double = |key: &str| all.get(key).and_then(ValueRef::as_double);
    each_key(all, |key, value| {
        if !matches!(value, ValueRef::Double(_)) || !is_geo(key) {
            return;
        }
        if let Some(prefix) = key.strip_suffix(LON) {
            match double(&format!("{prefix}{LAT}")) {
                Some(latitude) => {
                    let out = it.key(&format!("{prefix}geo.location"));
                    let pair = [value.as_double().unwrap_or_default(), latitude];
                    json::list(out, pair.into_iter(), json::double);
                }
                None => it.value(key, value, Bytes::Hex),
            }
        } else if let Some(prefix) = key.strip_suffix(LAT)
            && double(&format!("{prefix}{LON}")).is_none()
        {
            it.value(key, value, Bytes::Hex);
        }
    });
}

/// A log record. `stream` and `around` are members that are written already.
pub(crate) fn log(out: &mut Vec<u8>, record: LogRecord<'_>, stream: &[u8], around: &[u8]) {
    object(out, |it| {
        time(it, "@timestamp", time_of(record));
        time(it, "observed_timestamp", record.observed_time_unix_nano());
        it.members(stream);
        it.text_if_any("severity_text", record.severity_text());
        if record.severity_number() != 0 {
            it.int("severity_number", record.severity_number().into());
        }
        it.id_if_any("trace_id", record.trace_id());
        it.id_if_any("span_id", record.span_id());
        let all = record.attributes();
        attributes(it, all, false);
        it.uint_if_any("dropped_attributes_count", record.dropped_attributes_count().into());
        match record.event_name() {
            "" => {
                let name = all.get("event.name").and_then(ValueRef::as_str);
                it.text_if_any("event_name", name.unwrap_or_default());
            }
            name => it.text("event_name", name),
        }
        it.members(around);
        if let Some(body) = record.body() {
            write_body(it, body);
        }
    });
}

fn write_body(it: &mut Object<'_>, body: ValueRef<'_>) {
    let is_map = |it: ValueRef<'_>| matches!(it, ValueRef::Map(_));
    match body {
        ValueRef::Empty => {}
        ValueRef::Map(_) => it.object("body", |it| it.value("structured", body, Bytes::Hex)),
        // Elasticsearch has no lists of other things than objects there.
        ValueRef::Array(list) if list.iter().all(is_map) => {
            it.object("body", |it| it.value("structured", body, Bytes::Hex));
        }
        ValueRef::Array(_) => it.object("body", |it| {
            it.object("structured", |it| it.value("value", body, Bytes::Hex));
        }),
        _ => it.object("body", |it| it.value("text", body, Bytes::Hex)),
    }
}

/// A span.
pub(crate) fn span(out: &mut Vec<u8>, span: Span<'_>, stream: &[u8], around: &[u8]) {
    let (start, end) = (span.start_time_unix_nano(), span.end_time_unix_nano());
    object(out, |it| {
        time(it, "@timestamp", start);
        it.members(stream);
        it.id_if_any("trace_id", span.trace_id());
        it.id_if_any("span_id", span.span_id());
        it.text_if_any("trace_state", span.trace_state());
        it.id_if_any("parent_span_id", span.parent_span_id());
        it.text_if_any("name", span.name());
        it.text_if_any("kind", named(&SPAN_KINDS, span.kind()));
        it.uint("duration", end.saturating_sub(start));
        attributes(it, span.attributes(), false);
        it.uint_if_any("dropped_attributes_count", span.dropped_attributes_count().into());
        it.uint_if_any("dropped_events_count", span.dropped_events_count().into());
        json::list(it.key("links"), span.links(), |out, link| {
            object(out, |it| {
                it.id_if_any("trace_id", link.trace_id());
                it.id_if_any("span_id", link.span_id());
                it.text_if_any("trace_state", link.trace_state());
                attributes(it, link.attributes(), false);
                it.uint_if_any("dropped_attributes_count", link.dropped_attributes_count().into());
            });
        });
        it.uint_if_any("dropped_links_count", span.dropped_links_count().into());
        let status = span.status();
        it.object("status", |it| {
            it.text_if_any("message", status.message);
            it.text_if_any("code", named(&STATUS_CODES, status.code));
        });
        it.members(around);
    });
}

/// An event of a span, which is a document of its own.
pub(crate) fn event(
    out: &mut Vec<u8>,
    (span, event): (Span<'_>, SpanEvent<'_>),
    stream: &[u8],
    around: &[u8],
) {
    object(out, |it| {
        time(it, "@timestamp", event.time_unix_nano());
        it.members(stream);
        it.id_if_any("trace_id", span.trace_id());
        it.id_if_any("span_id", span.span_id());
        it.uint_if_any("dropped_attributes_count", event.dropped_attributes_count().into());
        it.text_if_any("event_name", event.name());
        let name = Some(event.name()).filter(|it| !it.is_empty());
        named_attributes(it, event.attributes(), false, name);
        it.members(around);
    });
}
