//! Paths: names to fields, and what is found there.

mod items;
mod metrics;
mod request;
mod shared;

use golang::number;
use pdata::{Field as Otlp, MetricKind, NumberValue, ValueRef};

use crate::context::{Context, Scene};
use crate::error::Error;
use crate::tree;
use crate::value::{Instant, List, Map, Value};

pub(crate) use items::{KINDS, id, trace_state};
pub(crate) use request::{OfRequest, known_as};

/// A path: a field of OTLP, and what it is in the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) at: Otlp,
    pub(crate) takes: Takes,
}

/// What becomes of a value of a wrong type. Some contexts of the Collector refuse it, others ignore it; both
/// are its behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    Refused,
    Ignored,
}

/// The type of a path: what it yields and takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Int(Wrong),
    Double,
    Bool,
    Text(Wrong),
    Time(Wrong),
    /// A map; anything else is ignored.
    Map,
    /// Any value.
    Any,
    /// An id of Go's type.
    Id(&'static str, Wrong),
    /// Hexadecimal digits of an id with so many bytes.
    HexId(usize, Wrong),
    /// `Server`
    Kind,
    /// `SPAN_KIND_SERVER`
    DeprecatedKind,
    /// Text; with a key, one of its members.
    TraceState,
    /// Whole numbers, or others.
    Numbers,
    /// Messages of one of Go's types, which only come from the same field or its sibling.
    Messages,
    /// A whole number that has to fit.
    SpanFlags,
    /// It cannot be set; nothing is said about that. Only the type of a metric is such.
    Nothing,
    /// It cannot be set, and that is said. Only the position of an event is such.
    ReadOnly,
}

/// A name in a context.
pub(crate) struct Entry {
    name: &'static str,
    field: Field,
    /// May be followed by keys.
    indexed: bool,
}

const fn entry(name: &'static str, at: Otlp, takes: Takes) -> Entry {
    Entry { name, field: Field { at, takes }, indexed: false }
}

const fn indexed(name: &'static str, at: Otlp, takes: Takes) -> Entry {
    Entry { name, field: Field { at, takes }, indexed: true }
}

/// What statements keep between them.
const CACHE: Field = Field { at: Otlp::CACHE, takes: Takes::Map };

/// The names of a context.
fn entries(context: Context) -> &'static [Entry] {
    match context {
        Context::Resource => shared::RESOURCE,
        Context::Scope => shared::SCOPE,
        Context::Log => items::LOG,
        Context::Span => items::SPAN,
        Context::SpanEvent => items::SPAN_EVENT,
        Context::Metric => metrics::METRIC,
        Context::DataPoint => metrics::DATA_POINT,
        Context::Exemplar => metrics::EXEMPLAR,
    }
}

/// What a path stands for, and its keys: `fields` are those of it below the name of the context.
pub(crate) fn resolve<'t>(
    text: &str,
    path: &'t tree::Path,
    (context, own): (Context, Context),
    fields: &'t [tree::Field],
) -> Result<(Field, &'t [tree::Expr]), Error> {
    let [first, rest @ ..] = fields else {
        return Err(Error::said(0..0, "cannot make a path from zero fields"));
    };
    if first.name == "cache" && rest.is_empty() && context == own {
        return Ok((CACHE, &first.keys));
    }
    if first.name == "cache" && context != own {
        return Err(other_cache(text, path, context, own));
    }
    let list = entries(context);
    let below = |name: &str| format!("{}.{name}", first.name);
    let longer = rest.first().and_then(|second| {
        let name = below(&second.name);
        list.iter().find(|it| it.name == name).map(|entry| (entry, second))
    });
    let found =
        longer.or_else(|| list.iter().find(|it| it.name == first.name).map(|it| (it, first)));
    let known = || list.iter().map(|it| it.name);
    let Some((entry, last)) = found else {
        return Err(unknown(text, context.name(), first, path, known()));
    };
    let used = if longer.is_some() { 2 } else { 1 };
    if let Some(extra) = fields.get(used) {
        if list.iter().any(|it| it.name.starts_with(&below(""))) && used == 1 {
            return Err(unknown(text, context.name(), extra, path, known()));
        }
        let message = format!(
            "the path section {:?} was not used by the context - this likely means you are using \
             extra path sections",
            extra.name
        );
        return Err(Error::said(extra.span.clone(), message));
    }
    let stray = if used == 2 && !first.keys.is_empty() { Some(first) } else { None };
    let stray = stray.or((!entry.indexed && !last.keys.is_empty()).then_some(last));
    if let Some(stray) = stray {
        let message = format!(
            "the keys indexing {:?} were not used by the context - this likely means you are \
             trying to index a path that does not support indexing",
            stray.name
        );
        return Err(Error::said(stray.span.clone(), message));
    }
    if entry.field.takes == Takes::TraceState && last.keys.len() > 1 {
        let message = "must provide exactly 1 key when accessing trace_state";
        return Err(Error::said(last.span.clone(), message));
    }
    Ok((entry.field, &last.keys))
}

/// What one context has noted, another one does not see.
fn other_cache(text: &str, path: &tree::Path, context: Context, own: Context) -> Error {
    let span = path_span(path);
    let shown = text.get(span.clone()).unwrap_or_default();
    let meant = shown.replacen(&format!("{context}."), &format!("{own}."), 1);
    let message = format!(
        "access to cache must be performed using the same context, please replace {shown:?} with {meant:?}"
    );
    Error::said(span, message).one_of([meant.as_str()])
}

fn path_span(path: &tree::Path) -> std::ops::Range<usize> {
    let start = path.fields.first().map_or(0, |it| it.span.start);
    start..path.fields.last().map_or(start, |it| it.span.end)
}

/// A path as messages have it: Go leaves out the quotes of keys.
pub(crate) fn shown(text: &str, path: &tree::Path) -> String {
    text.get(path_span(path)).unwrap_or_default().replace('"', "")
}

fn unknown(
    text: &str,
    context: &str,
    at: &tree::Field,
    path: &tree::Path,
    known: impl Iterator<Item = &'static str>,
) -> Error {
    let message = format!(
        "segment {:?} from path {:?} is not a valid path nor a valid OTTL keyword for the {context} \
         context - review https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/\
         main/pkg/ottl/contexts/ottl{context} to see all valid paths",
        at.name,
        shown(text, path),
    );
    let name = at.span.start..at.span.start + at.name.len();
    Error::said(name, message).one_of(known)
}

/// A field that is a whole number whenever it is there.
pub(crate) fn is_int(field: Field) -> bool {
    matches!(field.takes, Takes::Int(_) | Takes::SpanFlags | Takes::Nothing)
}

/// Go's types of what a metric holds.
fn points_type(kind: MetricKind) -> Option<&'static str> {
    Some(match kind {
        MetricKind::Empty => return None,
        MetricKind::Gauge | MetricKind::Sum => "pmetric.NumberDataPointSlice",
        MetricKind::Histogram => "pmetric.HistogramDataPointSlice",
        MetricKind::ExponentialHistogram => "pmetric.ExponentialHistogramDataPointSlice",
        MetricKind::Summary => "pmetric.SummaryDataPointSlice",
    })
}

impl Field {
    /// What is there, if it is a whole number.
    #[inline]
    pub(crate) fn int(self, scene: Scene<'_>) -> Option<i64> {
        match self.takes {
            Takes::Int(_) if matches!(self.at, Otlp::POINT_VALUE | Otlp::EXEMPLAR_VALUE) => {
                // A number has either kind of value; the other one is 0.
                let value = scene.place()?.get(self.at, &[]).ok()?;
                Some(value.and_then(ValueRef::as_int).unwrap_or(0))
            }
            Takes::Int(_) | Takes::SpanFlags => scene.int(self.at),
            Takes::Nothing => Some(scene.place()?.metric_kind() as i64),
            _ => None,
        }
    }

    /// What is there.
    pub(crate) fn value(self, scene: Scene<'_>) -> Value<'_> {
        let bytes = || scene.get(self.at).and_then(ValueRef::as_bytes).unwrap_or_default();
        let kind = || {
            let kind = scene.int(self.at).and_then(|it| usize::try_from(it).ok());
            kind.and_then(|it| KINDS.get(it)).copied().unwrap_or_default()
        };
        match self.takes {
            Takes::Int(_) | Takes::SpanFlags | Takes::Nothing => {
                self.int(scene).map_or(Value::Nil, Value::Int)
            }
            Takes::Time(_) => match scene.int(self.at) {
                Some(it) => Value::Time(Instant::utc(it.into())),
                None => Value::Nil,
            },
            Takes::Text(_) if self.is_body() => {
                match Value::from(scene.get(self.at).unwrap_or_default()) {
                    text @ Value::Text(_) => text,
                    _ => scene.get(self.at).unwrap_or_default().to_string().into(),
                }
            }
            Takes::Double => self.double(scene),
            Takes::Id(kind, _) => id(kind, bytes()),
            Takes::HexId(length, _) => items::id_text(bytes(), length),
            Takes::Kind => kind().0.into(),
            Takes::DeprecatedKind => kind().1.into(),
            Takes::Numbers => self.numbers(scene),
            Takes::Messages => self.messages(scene),
            Takes::ReadOnly => {
                scene.place().map_or(Value::Nil, |it| Value::Int(number::int(it.index())))
            }
            Takes::Map if self == CACHE && scene.place().is_none() => {
                Value::Map(Map::own(Vec::new()))
            }
            Takes::Bool | Takes::Text(_) | Takes::Map | Takes::Any | Takes::TraceState => {
                scene.get(self.at).unwrap_or_default().into()
            }
        }
    }

    /// 0 where the point has a value of another kind, or none; nothing where it cannot have one.
    fn double(self, scene: Scene<'_>) -> Value<'_> {
        let found = scene.place().and_then(|it| it.get(self.at, &[]).ok());
        found
            .map_or(Value::Nil, |it| Value::Double(it.and_then(ValueRef::as_double).unwrap_or(0.0)))
    }

    fn numbers(self, scene: Scene<'_>) -> Value<'_> {
        let Some(list) = scene.place().and_then(|it| it.numbers(self.at)) else {
            return Value::Nil;
        };
        let item = |it| match it {
            NumberValue::Int(it) => Value::Int(it),
            NumberValue::Double(it) => Value::Double(it),
            NumberValue::None => Value::Nil,
        };
        Value::List(List::own(list.map(item).collect()))
    }

    fn messages(self, scene: Scene<'_>) -> Value<'_> {
        let Some(place) = scene.place() else { return Value::Nil };
        let kind = place.metric_kind();
        let (name, of) = match self.at {
            Otlp::SPAN_EVENTS => ("ptrace.SpanEventSlice", true),
            Otlp::SPAN_LINKS => ("ptrace.SpanLinkSlice", true),
            Otlp::SPAN_STATUS => return Value::Opaque("ptrace.Status", None),
            Otlp::METRIC_POINTS => {
                (points_type(kind).unwrap_or_default(), kind != MetricKind::Empty)
            }
            Otlp::POINT_EXEMPLARS => ("pmetric.ExemplarSlice", kind != MetricKind::Summary),
            Otlp::POINT_QUANTILES => {
                ("pmetric.SummaryDataPointValueAtQuantileSlice", kind == MetricKind::Summary)
            }
            _ if kind == MetricKind::ExponentialHistogram => {
                return Value::Opaque("pmetric.ExponentialHistogramDataPointBuckets", None);
            }
            _ => return Value::Nil,
        };
        if of { Value::Opaque(name, Some(place.messages(self.at).count())) } else { Value::Nil }
    }

    /// The field is the body of a log record, which may be of any kind.
    pub(crate) fn is_body(self) -> bool {
        self.at == Otlp::LOG_BODY
    }
}
