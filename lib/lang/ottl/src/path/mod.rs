//! Paths: names to fields, and what is found there.

mod items;
mod metrics;
mod shared;

use crate::context::{Context, Scene};
use crate::error::Error;
use crate::tree;
use crate::value::Value;

pub(crate) use items::{LogField, SpanEventField, SpanField, id, trace_state};
pub(crate) use metrics::{DataPointField, MetricField};
pub(crate) use shared::{ResourceField, ScopeField};

/// A place in the telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Resource(ResourceField),
    Scope(ScopeField),
    Log(LogField),
    Span(SpanField),
    SpanEvent(SpanEventField),
    Metric(MetricField),
    DataPoint(DataPointField),
    /// What statements may keep between them: always empty here.
    Cache,
}

/// A name in a context.
pub(crate) struct Entry {
    name: &'static str,
    field: Field,
    /// May be followed by keys.
    indexed: bool,
}

const fn entry(name: &'static str, field: Field) -> Entry {
    Entry { name, field, indexed: false }
}

const fn indexed(name: &'static str, field: Field) -> Entry {
    Entry { name, field, indexed: true }
}

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
        return Ok((Field::Cache, &first.keys));
    }
    let list = entries(context);
    let below = |name: &str| format!("{}.{name}", first.name);
    let longer = rest.first().and_then(|second| {
        let name = below(&second.name);
        list.iter().find(|it| it.name == name).map(|entry| (entry, second))
    });
    let found =
        longer.or_else(|| list.iter().find(|it| it.name == first.name).map(|it| (it, first)));
    let Some((entry, last)) = found else {
        return Err(unknown(text, context, first, path, list));
    };
    let used = if longer.is_some() { 2 } else { 1 };
    if let Some(extra) = fields.get(used) {
        if list.iter().any(|it| it.name.starts_with(&below(""))) && used == 1 {
            return Err(unknown(text, context, extra, path, list));
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
    Ok((entry.field, &last.keys))
}

fn unknown(
    text: &str,
    context: Context,
    at: &tree::Field,
    path: &tree::Path,
    list: &[Entry],
) -> Error {
    let fields = &path.fields;
    let start = fields.first().map_or(0, |it| it.span.start);
    let end = fields.last().map_or(start, |it| it.span.end);
    let message = format!(
        "segment {:?} from path {:?} is not a valid path nor a valid OTTL keyword for the {context} \
         context - review https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/\
         main/pkg/ottl/contexts/ottl{context} to see all valid paths",
        at.name,
        text.get(start..end).unwrap_or_default(),
    );
    let name = at.span.start..at.span.start + at.name.len();
    Error::said(name, message).one_of(list.iter().map(|it| it.name))
}

/// A field that is a whole number whenever it is there.
pub(crate) fn is_int(field: Field) -> bool {
    match field {
        Field::Log(it) => it.is_int(),
        Field::Span(it) => it.is_int(),
        Field::Metric(it) => it.is_int(),
        Field::DataPoint(it) => it.is_int(),
        _ => false,
    }
}

impl Field {
    /// What is there, if it is a whole number.
    #[inline]
    pub(crate) fn int(self, scene: &Scene<'_>) -> Option<i64> {
        match self {
            Field::Log(it) => it.int(scene),
            Field::Span(it) => it.int(scene),
            Field::DataPoint(it) => it.int(scene),
            Field::Metric(it) => it.int(scene),
            _ => None,
        }
    }

    /// What is there.
    pub(crate) fn value<'a>(self, scene: &Scene<'a>) -> Value<'a> {
        match self {
            Field::Resource(it) => it.value(scene),
            Field::Scope(it) => it.value(scene),
            Field::Log(it) => it.value(scene),
            Field::Span(it) => it.value(scene),
            Field::SpanEvent(it) => it.value(scene),
            Field::Metric(it) => it.value(scene),
            Field::DataPoint(it) => it.value(scene),
            Field::Cache => Value::Map(crate::value::Map::own(Vec::new())),
        }
    }

    /// The field is the body of a log record, which may be of any kind.
    pub(crate) fn is_body(self) -> bool {
        self == Field::Log(LogField::Body)
    }

    /// The field is the schema of a resource or scope.
    pub(crate) fn is_schema(self) -> bool {
        matches!(
            self,
            Field::Resource(ResourceField::SchemaUrl) | Field::Scope(ScopeField::SchemaUrl)
        )
    }

    /// The field holds names and values, as W3C has them.
    pub(crate) fn is_trace_state(self) -> bool {
        self == Field::Span(SpanField::TraceState)
    }
}
