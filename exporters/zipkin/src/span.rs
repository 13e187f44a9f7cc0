//! A span of OTLP as one of Zipkin's second version (`zipkinv2/from_translator.go`, v0.149).

use std::collections::BTreeMap;
use std::net::IpAddr;

use pdata::{AttributesRef, ResourceSpans, ScopeSpans, Span as OtlpSpan, SpanEvent, SpanLink};

const KINDS: [(i32, &str); 4] = [(2, "SERVER"), (3, "CLIENT"), (4, "PRODUCER"), (5, "CONSUMER")];
/// Attributes that name a service where `service.name` does not, the best first.
const SERVICES: [&str; 3] = ["faas.name", "k8s.deployment.name", "process.executable.name"];

/// One side of a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Endpoint {
    pub(crate) service: String,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) port: u16,
}

/// A span. Times are microseconds; 0 is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Span {
    pub(crate) trace_id: Vec<u8>,
    pub(crate) id: Vec<u8>,
    pub(crate) parent_id: Vec<u8>,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) timestamp: u64,
    pub(crate) duration: u64,
    pub(crate) local: Option<Endpoint>,
    pub(crate) remote: Option<Endpoint>,
    pub(crate) annotations: Vec<(u64, String)>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// What the spans of a resource have in common.
pub(crate) struct Resource {
    service: String,
    tags: BTreeMap<String, String>,
}

impl Resource {
    pub(crate) fn new(spans: ResourceSpans<'_>, default_service: &str) -> Self {
        let mut tags = texts(spans.attributes());
        let service = tags.remove("service.name").or_else(|| {
            let (key, name) = SERVICES.iter().find_map(|key| tags.remove_entry(*key))?;
            tags.insert("otlp.service.name.source".to_owned(), key);
            Some(name)
        });
        Self { service: service.unwrap_or_else(|| default_service.to_owned()), tags }
    }
}

fn texts(attributes: AttributesRef<'_>) -> BTreeMap<String, String> {
    attributes.iter().map(|(key, value)| (key.to_owned(), value.to_string())).collect()
}

/// The span; `None` when it has no ids, which Zipkin cannot do without.
pub(crate) fn span(it: OtlpSpan<'_>, scope: ScopeSpans<'_>, resource: &Resource) -> Option<Span> {
    let is_id = |id: &[u8]| id.iter().any(|it| *it != 0);
    if !is_id(it.trace_id()) || !is_id(it.span_id()) {
        return None;
    }
    let mut tags = resource.tags.clone();
    let named = scope.scope();
    tags.extend(texts(named.attributes()));
    for (key, value) in
        [("otel.library.name", named.name()), ("otel.library.version", named.version())]
    {
        if !value.is_empty() {
            tags.insert(key.to_owned(), value.to_owned());
        }
    }
    tags.extend(texts(it.attributes()));
    if !it.trace_state().is_empty() {
        tags.insert("w3c.tracestate".to_owned(), it.trace_state().to_owned());
    }
    if it.kind() == 1 {
        tags.insert("span.kind".to_owned(), "internal".to_owned());
    }
    let peer = tags.remove("peer.service").unwrap_or_default();
    let local = endpoint(&resource.service, "net.host.ip", "net.host.port", &mut tags);
    let remote = endpoint(&peer, "net.peer.ip", "net.peer.port", &mut tags);
    status(it, &mut tags);
    for (at, link) in it.links().enumerate() {
        tags.insert(format!("otlp.link.{at}"), link_text(link));
    }
    let (start, end) = (it.start_time_unix_nano(), it.end_time_unix_nano());
    // Less than a second is no time, as for upstream.
    let known = start >= 1_000_000_000;
    let duration = end.saturating_sub(start);
    Some(Span {
        trace_id: it.trace_id().to_owned(),
        id: it.span_id().to_owned(),
        parent_id: if is_id(it.parent_span_id()) {
            it.parent_span_id().to_owned()
        } else {
            Vec::new()
        },
        name: it.name().to_owned(),
        kind: KINDS.iter().find(|kind| kind.0 == it.kind()).map_or("", |kind| kind.1),
        timestamp: if known { rounded(start) } else { 0 },
        // What takes no time at all says nothing, and what takes less than one takes one.
        duration: if duration == 0 { 0 } else { rounded(duration).max(1) },
        local,
        remote,
        annotations: it.events().map(annotation).collect(),
        tags,
    })
}

fn rounded(nanos: u64) -> u64 {
    nanos.saturating_add(500) / 1000
}

fn endpoint(
    service: &str,
    ip: &str,
    port: &str,
    tags: &mut BTreeMap<String, String>,
) -> Option<Endpoint> {
    let ip = tags.remove(ip).and_then(|it| it.parse().ok());
    let port = tags.remove(port).and_then(|it| it.parse().ok()).unwrap_or(0);
    if service.is_empty() && ip.is_none() {
        return None;
    }
    Some(Endpoint { service: service.to_owned(), ip, port })
}

/// `populateStatus`.
fn status(it: OtlpSpan<'_>, tags: &mut BTreeMap<String, String>) {
    let status = it.status();
    let name = match status.code {
        1 => "STATUS_CODE_OK",
        2 => "STATUS_CODE_ERROR",
        _ => "",
    };
    if status.code == 2 {
        tags.insert("error".to_owned(), "true".to_owned());
    } else {
        tags.remove("error");
    }
    if name.is_empty() {
        return;
    }
    tags.insert("otel.status_code".to_owned(), name.to_owned());
    if !status.message.is_empty() {
        tags.insert("otel.status_description".to_owned(), status.message.to_owned());
    }
}

/// Attributes as JSON, as the text of a map has it.
fn json(attributes: AttributesRef<'_>) -> String {
    let text = pdata::ValueRef::Map(attributes).to_string();
    if text.is_empty() { "{}".to_owned() } else { text }
}

fn annotation(it: SpanEvent<'_>) -> (u64, String) {
    let (name, dropped) = (it.name(), it.dropped_attributes_count());
    let text = if it.attributes().is_empty() && dropped == 0 {
        name.to_owned()
    } else {
        format!("{name}|{}|{dropped}", json(it.attributes()))
    };
    (rounded(it.time_unix_nano()), text)
}

fn link_text(it: SpanLink<'_>) -> String {
    let (trace, span) = (pdata::text::hex(it.trace_id()), pdata::text::hex(it.span_id()));
    let (state, dropped) = (it.trace_state(), it.dropped_attributes_count());
    format!("{trace}|{span}|{state}|{}|{dropped}", json(it.attributes()))
}
