//! A span of Jaeger, as both encodings give it, and how it becomes one of OTLP. `pkg/translator/jaeger` of the
//! Collector, v0.149: both of its translators, which differ in little.

use std::borrow::Cow;

use pdata::{AttributesWriter, SpanWriter};
pub(crate) use wire::tags::{TagValue, Tags, text};

/// What a tag of an unknown type holds. `type_name` is how Go prints the type.
pub(crate) fn unknown<'a>(type_name: &str) -> TagValue<'a> {
    TagValue::Text(format!("<Unknown Jaeger TagType {type_name:?}>").into())
}

/// Who sent spans.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Process<'a> {
    pub(crate) service: Cow<'a, str>,
    pub(crate) tags: Tags<'a>,
}

/// The name that OpenCensus gave it.
const EXPORTER_VERSION: &str = "opencensus.exporterversion";

impl Process<'_> {
    /// The attributes of a resource.
    pub(crate) fn write(&self, out: &mut AttributesWriter<'_>) {
        let mut tags = self.tags.clone();
        // As upstream: a tag of that name wins.
        if !self.service.is_empty() && tags.get("service.name").is_none() {
            out.put("service.name", &*self.service);
        }
        if tags.get("host.name").is_none()
            && let Some(name) = tags.take("hostname")
        {
            tags.put("host.name".into(), name);
        }
        if tags.get(EXPORTER_VERSION).is_none()
            && let Some(version) = tags.take("jaeger.version")
        {
            let version = format!("Jaeger-{}", version.text());
            tags.put(EXPORTER_VERSION.into(), TagValue::Text(version.into()));
        }
        tags.write(out);
    }
}

/// How a span relates to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) is_child_of: bool,
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
}

/// Something that happened meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Log<'a> {
    pub(crate) time_unix_nano: u64,
    pub(crate) fields: Tags<'a>,
}

/// A span.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Span<'a> {
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    /// Zero when there is none but in the references.
    pub(crate) parent_id: [u8; 8],
    pub(crate) name: Cow<'a, str>,
    pub(crate) references: Vec<Reference>,
    pub(crate) flags: u32,
    pub(crate) start_unix_nano: u64,
    pub(crate) end_unix_nano: u64,
    pub(crate) tags: Tags<'a>,
    pub(crate) logs: Vec<Log<'a>>,
}

impl Span<'_> {
    /// Whether it says nothing at all. Upstream leaves such spans out.
    pub(crate) fn is_blank(&self) -> bool {
        *self == Span::default()
    }

    /// Writes it, with its trace state if `with_state`: upstream reads that of protobuf only.
    pub(crate) fn write(mut self, with_state: bool, out: &mut SpanWriter<'_>) {
        out.trace_id(&self.trace_id);
        out.span_id(&self.span_id);
        out.name(&self.name);
        out.start_time_unix_nano(self.start_unix_nano);
        out.end_time_unix_nano(self.end_unix_nano);
        let parent = self.parent();
        if parent != [0; 8] {
            out.parent_span_id(&parent);
        }
        let kind = self.tags.take("span.kind").map_or(0, |it| kind(it.text()));
        out.kind(kind);
        if let Some((code, message)) = self.status(kind) {
            out.status(code, &message);
        }
        if with_state && let Some(state) = self.tags.take("w3c.tracestate") {
            out.trace_state(state.text());
        }
        out.attributes(|out| self.tags.write(out));
        for Log { time_unix_nano, mut fields } in self.logs {
            let name = fields.take("event");
            out.event(|event| {
                event.time_unix_nano(time_unix_nano);
                event.name(name.as_ref().map_or("", TagValue::text));
                event.attributes(|out| fields.write(out));
            });
        }
        for it in self.references.iter().filter(|it| !(it.is_child_of && it.span_id == parent)) {
            out.link(|link| {
                link.trace_id(&it.trace_id);
                link.span_id(&it.span_id);
                let how = if it.is_child_of { "child_of" } else { "follows_from" };
                link.attribute("opentracing.ref_type", how);
            });
        }
    }

    /// The parent: as written, else the first of the references into the same trace, `CHILD_OF` before others.
    fn parent(&self) -> [u8; 8] {
        if self.parent_id != [0; 8] {
            return self.parent_id;
        }
        let own = || self.references.iter().filter(|it| it.trace_id == self.trace_id);
        let found = own().find(|it| it.is_child_of).or_else(|| own().next());
        found.map_or([0; 8], |it| it.span_id)
    }

    /// Takes the status out of the tags. `setInternalSpanStatus`.
    fn status(&mut self, kind: i32) -> Option<(i32, String)> {
        let mut status = None;
        if self.tags.get("error") == Some(&TagValue::Bool(true)) {
            self.tags.take("error");
            let message = match self.tags.take(DESCRIPTION) {
                Some(it) => it.text().to_owned(),
                None => self.http_message(),
            };
            status = Some((ERROR, message));
        }
        if let Some(code) = self.tags.take("otel.status_code") {
            if status.is_none() {
                let code = match code.text().to_ascii_uppercase().as_str() {
                    "OK" => OK,
                    "ERROR" => ERROR,
                    _ => 0,
                };
                let message = self.tags.take(DESCRIPTION).map(|it| it.text().to_owned());
                status = Some((code, message.unwrap_or_default()));
            }
        } else if status.is_none() {
            let code = self.tags.get("http.status_code").and_then(http_status);
            if code.is_some_and(|it| is_http_error(it, kind)) {
                status = Some((ERROR, self.http_message()));
            }
        }
        status
    }

    fn http_message(&self) -> String {
        self.tags.get("http.status_message").map_or("", TagValue::text).to_owned()
    }
}

const DESCRIPTION: &str = "otel.status_description";
const OK: i32 = 1;
const ERROR: i32 = 2;

fn http_status(value: &TagValue<'_>) -> Option<i64> {
    match value {
        TagValue::Int(it) => Some(*it),
        TagValue::Text(it) => it.parse().ok(),
        _ => None,
    }
}

/// `getStatusCodeFromHTTPStatusAttr`: what a client did wrong is no error of the server.
fn is_http_error(code: i64, kind: i32) -> bool {
    match code {
        400..500 => kind != 2,
        _ => !(100..400).contains(&code),
    }
}

fn kind(name: &str) -> i32 {
    match name {
        "internal" => 1,
        "server" => 2,
        "client" => 3,
        "producer" => 4,
        "consumer" => 5,
        _ => 0,
    }
}
