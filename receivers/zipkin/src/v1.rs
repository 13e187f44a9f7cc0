//! A span of Zipkin's first version, and how it becomes one of OTLP. `zipkinv1`, v0.149.
//!
//! The first version has annotations where others have fields: `sr` and its kin say the kind of a span, and their
//! endpoint says who made it.

use std::borrow::Cow;
use std::collections::HashMap;

use pdata::{SpanWriter, Traces, TracesBuilder};
use wire::tags::{TagValue, Tags};

use crate::v1_status::StatusMapper;

const ABSENT_START: &str = "otel.zipkin.absentField.startTime";
const UNKNOWN_SERVICE: &str = "unknown-service";
const LOCAL_COMPONENT: &str = "lc";

/// Who made a span.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Endpoint<'a> {
    pub(crate) service: Cow<'a, str>,
    pub(crate) ipv4: Cow<'a, str>,
    pub(crate) ipv6: Cow<'a, str>,
    pub(crate) port: i32,
}

/// Something that happened. Times are microseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Annotation<'a> {
    pub(crate) timestamp: i64,
    pub(crate) value: Cow<'a, str>,
    pub(crate) endpoint: Option<Endpoint<'a>>,
}

/// A tag.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BinaryAnnotation<'a> {
    pub(crate) key: Cow<'a, str>,
    pub(crate) value: TagValue<'a>,
    /// The service of its endpoint; `None` when there is no endpoint.
    pub(crate) service: Option<Cow<'a, str>>,
}

/// A span. Times are microseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Span<'a> {
    pub(crate) trace_id: [u8; 16],
    pub(crate) id: [u8; 8],
    pub(crate) parent_id: [u8; 8],
    pub(crate) name: Cow<'a, str>,
    /// When it began, and for how long it took.
    pub(crate) time: Option<(i64, i64)>,
    pub(crate) annotations: Vec<Annotation<'a>>,
    pub(crate) binary: Vec<BinaryAnnotation<'a>>,
}

/// Spans by the endpoint that made them. A span that has no time gets this one, if there is one: upstream does so
/// with JSON only.
pub(crate) fn traces(spans: Vec<Span<'_>>, now_unix_nano: Option<u64>) -> Traces {
    let mut places: HashMap<Endpoint<'_>, usize> = HashMap::new();
    let mut groups: Vec<(Endpoint<'_>, Vec<Span<'_>>)> = Vec::new();
    for span in spans {
        let endpoint = maker(&span);
        let next = groups.len();
        let at = *places.entry(endpoint.clone()).or_insert(next);
        if at == next {
            groups.push((endpoint, Vec::new()));
        }
        if let Some((_, spans)) = groups.get_mut(at) {
            spans.push(span);
        }
    }
    let mut builder = TracesBuilder::new();
    for (endpoint, spans) in groups {
        builder.resource(|out| {
            out.put("service.name", &*endpoint.service);
            for (key, value) in [("ipv4", &endpoint.ipv4), ("ipv6", &endpoint.ipv6)] {
                if !value.is_empty() {
                    out.put(key, &**value);
                }
            }
            if endpoint.port != 0 {
                out.put("port", &endpoint.port.to_string());
            }
        });
        for span in spans {
            builder.span(|out| write(span, now_unix_nano, out));
        }
    }
    builder.finish()
}

/// The endpoint of the first annotation that says a kind and a service, else what the tags say.
fn maker<'a>(span: &Span<'a>) -> Endpoint<'a> {
    let mut of_kind = span.annotations.iter().filter(|it| kind(&it.value).is_some());
    let named = |it: &&Endpoint<'_>| !matches!(&*it.service, "" | UNKNOWN_SERVICE);
    if let Some(found) = of_kind.find_map(|it| it.endpoint.as_ref().filter(named)) {
        return found.clone();
    }
    let tagged = span.binary.iter().filter_map(|it| it.service.clone());
    let mut local = span.binary.iter().rev().filter(|it| it.key == LOCAL_COMPONENT);
    let service = tagged.rev().find(|it| !it.is_empty()).or_else(|| {
        let component = local.next().map(|it| it.value.text().to_owned());
        component.filter(|it| !it.is_empty()).map(Cow::Owned)
    });
    Endpoint { service: service.unwrap_or(UNKNOWN_SERVICE.into()), ..Endpoint::default() }
}

/// The kind of a span that an annotation says.
fn kind(value: &str) -> Option<i32> {
    match value {
        "ss" | "sr" => Some(2),
        "cs" | "cr" => Some(3),
        "ms" => Some(4),
        "mr" => Some(5),
        _ => None,
    }
}

fn write(span: Span<'_>, now_unix_nano: Option<u64>, out: &mut SpanWriter<'_>) {
    out.trace_id(&span.trace_id);
    out.span_id(&span.id);
    if span.parent_id != [0; 8] {
        out.parent_span_id(&span.parent_id);
    }
    out.name(&span.name);
    let said = || span.annotations.iter().filter(|it| !it.value.is_empty());
    out.kind(said().find_map(|it| kind(&it.value)).unwrap_or(0));
    let times = || said().map(|it| it.timestamp);
    let (mut start, mut end) = match span.time {
        Some((start, duration)) => (nanos(start), nanos(start.wrapping_add(duration))),
        None => (nanos(times().min().unwrap_or(0)), nanos(times().max().unwrap_or(0))),
    };
    let mut status = StatusMapper::default();
    let mut tags = Vec::new();
    for BinaryAnnotation { key, value, .. } in span.binary {
        let key = if key == LOCAL_COMPONENT { Cow::from("component") } else { key };
        if !status.takes(&key, &value) {
            tags.push((key, value));
        }
    }
    let mut tags = Tags::new(tags);
    if let (0, Some(now)) = (start, now_unix_nano) {
        (start, end) = (now, now);
        tags.put(ABSENT_START.into(), TagValue::Bool(true));
    }
    out.start_time_unix_nano(start);
    out.end_time_unix_nano(end);
    let (code, message) = status.status();
    if code != 0 || !message.is_empty() {
        out.status(code, &message);
    }
    out.attributes(|out| tags.write(out));
    for it in span.annotations {
        if it.value.is_empty() || kind(&it.value).is_some() {
            continue;
        }
        out.event(|event| {
            event.time_unix_nano(nanos(it.timestamp));
            event.name(&it.value);
        });
    }
}

/// Microseconds as nanoseconds; a time before 1970 is none.
fn nanos(micros: i64) -> u64 {
    u64::try_from(micros).unwrap_or(0).wrapping_mul(1000)
}
