//! What a condition is looked at with: a resource, a scope, an item, and what is around it.

use std::fmt;

use pdata::{LogRecord, Metric, PointRef, ResourceRef, ScopeRef, Span, SpanEvent};

/// The kind of thing that a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// `log`
    Log,
    /// `datapoint`
    DataPoint,
    /// `metric`
    Metric,
    /// `spanevent`
    SpanEvent,
    /// `span`
    Span,
    /// `scope`
    Scope,
    /// `resource`
    Resource,
}

impl Context {
    /// All; of several that conditions name, the first one is meant.
    pub const ALL: [Context; 7] = [
        Context::Log,
        Context::DataPoint,
        Context::Metric,
        Context::SpanEvent,
        Context::Span,
        Context::Scope,
        Context::Resource,
    ];

    /// Its name in paths.
    pub const fn name(self) -> &'static str {
        match self {
            Context::Log => "log",
            Context::DataPoint => "datapoint",
            Context::Metric => "metric",
            Context::SpanEvent => "spanevent",
            Context::Span => "span",
            Context::Scope => "scope",
            Context::Resource => "resource",
        }
    }

    /// The context of a name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "instrumentation_scope" => Some(Context::Scope),
            _ => Self::ALL.into_iter().find(|it| it.name() == name),
        }
    }

    /// It and what is around it.
    pub(crate) fn within(self) -> &'static [Context] {
        match self {
            Context::Log => &[Context::Log, Context::Scope, Context::Resource],
            Context::DataPoint => {
                &[Context::DataPoint, Context::Metric, Context::Scope, Context::Resource]
            }
            Context::Metric => &[Context::Metric, Context::Scope, Context::Resource],
            Context::SpanEvent => {
                &[Context::SpanEvent, Context::Span, Context::Scope, Context::Resource]
            }
            Context::Span => &[Context::Span, Context::Scope, Context::Resource],
            Context::Scope => &[Context::Scope, Context::Resource],
            Context::Resource => &[Context::Resource],
        }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a condition looks at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scene<'a> {
    /// Where it came from.
    pub resource: ResourceRef<'a>,
    /// The schema of the resource; only looked at by conditions that name it.
    pub resource_schema_url: &'a str,
    /// What wrote it.
    pub scope: ScopeRef<'a>,
    /// The schema of the scope; only looked at by conditions that name it.
    pub scope_schema_url: &'a str,
    /// The thing itself.
    pub item: Item<'a>,
}

/// The thing itself.
#[derive(Debug, Clone, Copy, Default)]
pub enum Item<'a> {
    /// The resource or the scope.
    #[default]
    None,
    /// A log record.
    Log(LogRecord<'a>),
    /// A span.
    Span(&'a Span<'a>),
    /// An event of a span, with its position.
    SpanEvent(&'a Span<'a>, &'a SpanEvent<'a>, usize),
    /// A metric.
    Metric(&'a Metric<'a>),
    /// A point of a metric.
    DataPoint(&'a Metric<'a>, &'a PointRef<'a>),
}

impl<'a> Scene<'a> {
    pub(crate) fn log(&self) -> LogRecord<'a> {
        match self.item {
            Item::Log(it) => it,
            _ => LogRecord::default(),
        }
    }

    pub(crate) fn span(&self) -> Option<&'a Span<'a>> {
        match self.item {
            Item::Span(it) | Item::SpanEvent(it, ..) => Some(it),
            _ => None,
        }
    }

    pub(crate) fn event(&self) -> Option<&'a SpanEvent<'a>> {
        match self.item {
            Item::SpanEvent(_, it, _) => Some(it),
            _ => None,
        }
    }

    pub(crate) fn metric(&self) -> Option<&'a Metric<'a>> {
        match self.item {
            Item::Metric(it) | Item::DataPoint(it, _) => Some(it),
            _ => None,
        }
    }

    pub(crate) fn point(&self) -> Option<&'a PointRef<'a>> {
        match self.item {
            Item::DataPoint(_, it) => Some(it),
            _ => None,
        }
    }
}
