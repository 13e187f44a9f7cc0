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
    /// What an authenticator found out, which is not handed on to here yet.
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

fn is_below(name: &str, parent: &str) -> bool {
    name.strip_prefix(parent).is_some_and(|it| it.starts_with('.'))
}
