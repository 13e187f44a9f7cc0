//! The kinds of things that conditions and statements are about, and the place where one is evaluated.

use std::fmt;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use pdata::{Depth, Field, Place, ValueRef};

use crate::value::Value;

/// The kind of thing that a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// `log`
    Log,
    /// `exemplar`
    Exemplar,
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
    pub const ALL: [Context; 8] = [
        Context::Log,
        Context::Exemplar,
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
            Context::Exemplar => "exemplar",
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
            Context::Exemplar => Depth::Exemplar,
        }
    }

    /// It and what is around it.
    pub(crate) fn within(self) -> &'static [Context] {
        match self {
            Context::Log => &[Context::Log, Context::Scope, Context::Resource],
            Context::Exemplar => &[
                Context::Exemplar,
                Context::DataPoint,
                Context::Metric,
                Context::Scope,
                Context::Resource,
            ],
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
    around: Option<&'a Around<'a>>,
}

/// The request that brought the telemetry: what the paths `otelcol.*` are about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'r> {
    /// Where it came from.
    pub(crate) peer: Option<SocketAddr>,
    /// Its metadata, with keys in lower case.
    pub(crate) metadata: &'r [(String, String)],
    /// It came by gRPC.
    pub(crate) is_grpc: bool,
    /// What an authenticator knows of who sent it.
    pub(crate) known: &'r [(String, config::Value)],
}

impl<'r> Request<'r> {
    /// A request with what its receiver noted of it.
    pub fn new(peer: Option<SocketAddr>, metadata: &'r [(String, String)], is_grpc: bool) -> Self {
        Self { peer, metadata, is_grpc, known: &[] }
    }

    /// The same with what an authenticator knows of who sent it.
    #[must_use]
    pub fn known_as(self, known: &'r [(String, config::Value)]) -> Self {
        Self { known, ..self }
    }
}

/// What there is besides the place.
pub(crate) enum Around<'a> {
    Request(&'a Request<'a>),
    /// What a lambda was given, and what is around it.
    Lambda(Option<&'a Around<'a>>, [Value<'a>; PARAMETERS_MAX]),
}

/// Most parameters that a lambda has: those that `Reduce` takes.
pub(crate) const PARAMETERS_MAX: usize = 3;

/// A place that is changed, and what there is besides.
pub(crate) struct Site<'s, 'p> {
    place: &'s mut Place<'p>,
    around: &'s Around<'s>,
}

impl<'s, 'p> Site<'s, 'p> {
    pub(crate) fn new(place: &'s mut Place<'p>, around: &'s Around<'s>) -> Self {
        Self { place, around }
    }

    /// The same, to read it.
    #[inline]
    pub(crate) fn scene(&self) -> Scene<'_> {
        Scene::at(self.place, self.around)
    }
}

impl<'p> Deref for Site<'_, 'p> {
    type Target = Place<'p>;

    #[inline]
    fn deref(&self) -> &Place<'p> {
        self.place
    }
}

impl DerefMut for Site<'_, '_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.place
    }
}

impl<'a> Scene<'a> {
    pub(crate) fn at(place: &'a Place<'a>, around: &'a Around<'a>) -> Self {
        Self { place: Some(place), around: Some(around) }
    }

    /// What a lambda is given here.
    pub(crate) fn giving(self, values: [Value<'a>; PARAMETERS_MAX]) -> Around<'a> {
        Around::Lambda(self.around, values)
    }

    /// The same place within a lambda.
    pub(crate) fn within(self, around: &'a Around<'a>) -> Self {
        Self { around: Some(around), ..self }
    }

    /// What the lambda that is so many around was given at a position.
    pub(crate) fn given(self, up: usize, at: usize) -> Value<'a> {
        match self.outwards().nth(up) {
            Some(Around::Lambda(_, values)) => values.get(at).cloned().unwrap_or_default(),
            _ => Value::Nil,
        }
    }

    /// The request that brought the telemetry.
    pub(crate) fn request(self) -> Request<'a> {
        match self.outwards().last() {
            Some(Around::Request(request)) => **request,
            _ => Request::default(),
        }
    }

    /// What there is besides the place, from the innermost lambda to the request.
    fn outwards(self) -> impl Iterator<Item = &'a Around<'a>> {
        std::iter::successors(self.around, |it| match it {
            Around::Request(_) => None,
            Around::Lambda(outer, _) => *outer,
        })
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
