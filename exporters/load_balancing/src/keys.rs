//! What decides which backend gets a span, data point or log record.

use component::Signal;
use component::config::{Choices, Stage};
use pdata::{AttributesRef, Depth, LogRecord, Metric, Place, Span, ValueRef};

/// `routing_key:`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RoutingKey {
    /// `traceID` for traces, `service` for metrics and logs.
    #[default]
    Usual,
    /// All spans, or all log records, of a trace go to one backend.
    TraceId,
    /// `service.name` of the resource.
    Service,
    /// All attributes of the resource.
    Resource,
    /// The name of the metric.
    Metric,
    /// A series: resource, scope, metric and the attributes of the data point.
    StreamId,
    /// The values of `routing_attributes`.
    Attributes,
}

impl Choices for RoutingKey {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("", Self::Usual),
        ("traceID", Self::TraceId),
        ("service", Self::Service),
        ("resource", Self::Resource),
        ("metric", Self::Metric),
        ("streamID", Self::StreamId),
        ("attributes", Self::Attributes),
    ];
    const GO: &'static str = "string";
    const STAGE: Stage = Stage::Start;

    fn unknown(word: &str) -> String {
        format!("unsupported routing_key: {word:?}")
    }
}

/// The same with what it needs.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    key: RoutingKey,
    attributes: Vec<String>,
}

impl Key {
    /// That of a section, for a signal.
    ///
    /// # Errors
    /// The signal has nothing of this kind.
    pub(crate) fn new(
        signal: Signal,
        given: RoutingKey,
        attributes: &[String],
    ) -> Result<Self, String> {
        use RoutingKey::{
            Attributes, Metric as ByMetric, Resource, Service, StreamId, TraceId, Usual,
        };
        let key = match (given, signal) {
            (Usual, Signal::Traces) => TraceId,
            (Usual, _) => Service,
            (given, _) => given,
        };
        let fits = match key {
            Usual | Service | Attributes => true,
            TraceId => signal != Signal::Metrics,
            Resource => signal != Signal::Traces,
            ByMetric | StreamId => signal == Signal::Metrics,
        };
        if !fits {
            return Err(format!("{} of {signal}", RoutingKey::unknown(key.word())));
        }
        Ok(Self { key, attributes: attributes.to_vec() })
    }

    /// How deep one has to look.
    pub(crate) fn depth(&self) -> Depth {
        match self.key {
            RoutingKey::Usual | RoutingKey::Service | RoutingKey::Resource => Depth::Resource,
            RoutingKey::TraceId | RoutingKey::Metric | RoutingKey::Attributes => Depth::Item,
            RoutingKey::StreamId => Depth::Child,
        }
    }

    /// Writes what is hashed into `out`. `turn` stands for what has no key of its own and may go anywhere.
    pub(crate) fn identify(&self, place: &Place<'_>, turn: u64, out: &mut Vec<u8>) {
        out.clear();
        match self.key {
            RoutingKey::TraceId => {
                let id = place.span().map(Span::trace_id);
                let id = id.or_else(|| place.log().map(LogRecord::trace_id)).unwrap_or_default();
                // Log records that belong to no trace are spread.
                if id.is_empty() { out.extend(turn.to_be_bytes()) } else { out.extend(id) }
            }
            RoutingKey::Usual | RoutingKey::Service => {
                let name = place.resource().attributes().get("service.name");
                name.inspect(|it| write(*it, out));
            }
            RoutingKey::Resource => all(place.resource().attributes(), out),
            RoutingKey::Metric => {
                out.extend(place.metric().map(Metric::name).unwrap_or_default().as_bytes());
            }
            RoutingKey::StreamId => {
                all(place.resource().attributes(), out);
                out.extend(place.scope().name().as_bytes());
                out.push(0);
                out.extend(place.metric().map(Metric::name).unwrap_or_default().as_bytes());
                out.push(0);
                if let Some(point) = place.point() {
                    all(point.attributes(), out);
                }
            }
            RoutingKey::Attributes => {
                for name in &self.attributes {
                    attribute(place, name, out);
                }
            }
        }
    }
}

/// The value of the first that has the attribute: the resource, the scope, the item. Names of upstream's that are no
/// attributes stand for fields.
fn attribute(place: &Place<'_>, name: &str, out: &mut Vec<u8>) {
    if let Some(value) = place.resource().attributes().get(name) {
        return write(value, out);
    }
    if let Some(value) = place.scope().attributes().get(name) {
        return write(value, out);
    }
    if let Some(span) = place.span() {
        match name {
            "span.name" => out.extend(span.name().as_bytes()),
            "span.kind" => out.extend(kind(span.kind()).as_bytes()),
            _ => _ = span.attributes().get(name).inspect(|it| write(*it, out)),
        }
    } else if let Some(log) = place.log() {
        match name {
            "log.severity" => out.extend(log.severity_text().as_bytes()),
            "log.body" => _ = log.body().inspect(|it| write(*it, out)),
            _ => _ = log.attributes().get(name).inspect(|it| write(*it, out)),
        }
    }
}

/// As Go's `ptrace.SpanKind` prints itself.
fn kind(number: i32) -> &'static str {
    match number {
        1 => "Internal",
        2 => "Server",
        3 => "Client",
        4 => "Producer",
        5 => "Consumer",
        _ => "Unspecified",
    }
}

fn write(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value.as_str() {
        Some(text) => out.extend(text.as_bytes()),
        None => out.extend(value.to_string().as_bytes()),
    }
}

/// Every attribute, in the order of their names: senders write them in any.
fn all<'a>(attributes: AttributesRef<'a>, out: &mut Vec<u8>) {
    let mut entries: Vec<(&str, ValueRef<'a>)> = attributes.iter().collect();
    entries.sort_by_key(|it| it.0);
    for (name, value) in entries {
        out.extend(name.as_bytes());
        out.push(0);
        write(value, out);
        out.push(0);
    }
}
