//! `otelcol.*`: the request that brought the telemetry. It can be read, and is nil or empty for telemetry that no
//! request brought, or after a batch.

use crate::context::Scene;
use crate::error::Error;
use crate::tree;
use crate::value::{List, Map, Value};

/// A part of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfRequest {
    Address,
    /// What an authenticator knows of the client.
    Auth,
    Metadata,
    GrpcMetadata,
}

const ALL: [(&str, OfRequest); 4] = [
    ("client.addr", OfRequest::Address),
    ("client.auth.attributes", OfRequest::Auth),
    ("client.metadata", OfRequest::Metadata),
    ("grpc.metadata", OfRequest::GrpcMetadata),
];

impl OfRequest {
    /// What a path below `otelcol` stands for, and its keys.
    pub(crate) fn resolve<'t>(
        text: &str,
        path: &'t tree::Path,
    ) -> Result<(Self, &'t [tree::Expr]), Error> {
        let fields = path.fields.get(1..).unwrap_or_default();
        let mut name = String::new();
        for (at, field) in fields.iter().enumerate() {
            name.extend([if at == 0 { "" } else { "." }, &field.name]);
            let is_last = at + 1 == fields.len();
            let may_have_keys = is_last && name != "client.addr";
            let found = ALL.iter().find(|it| it.0 == name).filter(|_| is_last);
            match found {
                _ if !may_have_keys && !field.keys.is_empty() => {}
                Some((_, part)) => return Ok((*part, &field.keys)),
                None if !is_last && ALL.iter().any(|it| is_below(it.0, &name)) => continue,
                None => {}
            }
            return Err(super::unknown(text, "otelcol", field, path, ALL.iter().map(|it| it.0)));
        }
        Err(Error::said(0..0, "cannot make a path from zero fields"))
    }

    /// All of it.
    pub(crate) fn value(self, scene: Scene<'_>) -> Value<'_> {
        let request = scene.request();
        if self == OfRequest::Address {
            // Go's servers note addresses with the port for gRPC, and without it for HTTP.
            return request.peer.map_or(Value::Nil, |peer| {
                if request.is_grpc { peer.to_string() } else { peer.ip().to_string() }.into()
            });
        }
        if self == OfRequest::Auth {
            let all = request.known.iter();
            return Value::Map(Map::own(
                all.map(|it| (it.0.as_str().into(), known(&it.1))).collect(),
            ));
        }
        let mut entries = Vec::new();
        for (at, (key, _)) in request.metadata.iter().enumerate() {
            let is_first = request.metadata.iter().take(at).all(|it| it.0 != *key);
            let texts: Vec<Value<'_>> = self.texts(scene, key).map(Value::from).collect();
            if is_first && !texts.is_empty() {
                entries.push((key.as_str().into(), Value::List(List::own(texts))));
            }
        }
        Value::Map(Map::own(entries))
    }

    /// What was sent under a key, in letters of any case.
    pub(crate) fn texts<'a>(self, scene: Scene<'a>, key: &str) -> impl Iterator<Item = &'a str> {
        let request = scene.request();
        let is_there = match self {
            OfRequest::Metadata => true,
            OfRequest::GrpcMetadata => request.is_grpc,
            OfRequest::Address | OfRequest::Auth => false,
        };
        let all = request.metadata.iter().filter(move |_| is_there);
        all.filter(move |it| it.0.eq_ignore_ascii_case(key)).map(|it| it.1.as_str())
    }
}

/// What an authenticator knows under a name.
pub(crate) fn known_as<'a>(scene: Scene<'a>, name: &str) -> Option<Value<'a>> {
    scene.request().known.iter().find(|it| it.0 == name).map(|it| known(&it.1))
}

fn known(value: &config::Value) -> Value<'_> {
    match value.plain() {
        config::Value::Null | config::Value::Sourced { .. } => Value::Nil,
        config::Value::Bool(it) => Value::Bool(*it),
        config::Value::Int(it) => i64::try_from(*it).map_or(Value::Nil, Value::Int),
        config::Value::Float(it) => Value::Double(*it),
        config::Value::String(it) => Value::from(it.as_str()),
        config::Value::List(all) => Value::List(List::own(all.iter().map(known).collect())),
        config::Value::Map(all) => {
            let entries = all.iter().map(|(key, it)| (key.as_str().into(), known(it)));
            Value::Map(Map::own(entries.collect()))
        }
    }
}

fn is_below(name: &str, parent: &str) -> bool {
    name.strip_prefix(parent).is_some_and(|it| it.starts_with('.'))
}
