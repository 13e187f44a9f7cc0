//! The kinds of things that conditions and statements are about, and the place where one is evaluated.

use std::fmt;

use pdata::{Depth, Field, Place, ValueRef};

use crate::value::Value;

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

    /// How deep in a payload it is.
    pub const fn depth(self) -> Depth {
        match self {
            Context::Resource => Depth::Resource,
            Context::Scope => Depth::Scope,
            Context::Log | Context::Span | Context::Metric => Depth::Item,
            Context::SpanEvent | Context::DataPoint => Depth::Child,
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

/// Where something is evaluated: a place in the telemetry, or nowhere, which is where constants are worked
/// out; and within a lambda what it was given.
#[derive(Clone, Copy, Default)]
pub(crate) struct Scene<'a> {
    place: Option<&'a Place<'a>>,
    given: Option<&'a Given<'a>>,
}

/// What a lambda was given, and those around it.
pub(crate) struct Given<'a> {
    outer: Option<&'a Given<'a>>,
    values: [Value<'a>; PARAMETERS_MAX],
}

/// Most parameters that a lambda has: those that `Reduce` takes.
pub(crate) const PARAMETERS_MAX: usize = 3;

impl<'a> Given<'a> {
    pub(crate) fn new(scene: Scene<'a>, values: [Value<'a>; PARAMETERS_MAX]) -> Self {
        Self { outer: scene.given, values }
    }
}

impl<'a> Scene<'a> {
    pub(crate) fn at(place: &'a Place<'a>) -> Self {
        Self { place: Some(place), given: None }
    }

    /// Within a lambda.
    pub(crate) fn within(self, given: &'a Given<'a>) -> Self {
        Self { given: Some(given), ..self }
    }

    /// What the lambda that is so many around was given at a position.
    pub(crate) fn given(self, up: usize, at: usize) -> Value<'a> {
        let lambdas = std::iter::successors(self.given, |it| it.outer);
        let found = lambdas.into_iter().nth(up).and_then(|it| it.values.get(at));
        found.cloned().unwrap_or_default()
    }

    pub(crate) fn place(self) -> Option<&'a Place<'a>> {
        self.place
    }

    /// A field; nothing if the place does not have it.
    pub(crate) fn get(self, field: Field) -> Option<ValueRef<'a>> {
        self.place?.get(field, &[]).ok().flatten()
    }

    /// The value of a key of a field; nothing if there is none.
    #[inline]
    pub(crate) fn entry(self, field: Field, key: &str) -> Option<ValueRef<'a>> {
        self.place?.entry(field, key)
    }

    /// A field that is a whole number.
    #[inline]
    pub(crate) fn int(self, field: Field) -> Option<i64> {
        self.place?.int(field)
    }
}
