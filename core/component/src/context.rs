//! What travels beside the data: who sent it, and which answer the caller needs.

use std::net::SocketAddr;
use std::sync::Arc;

use config::Value;

use crate::place::Place;
use crate::trace::{Span, SpanContext};

/// Which answer the caller of [`crate::Consumer::consume`] waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wants {
    /// `Ok` may mean that a queue or batch has taken responsibility: for callers whose client waits.
    #[default]
    Accepted,
    /// `Ok` must mean that the data is delivered, or on disk: for callers that can read again.
    /// Whoever answers early by configuration holds the answer of such a caller until then.
    Delivered,
}

/// Who sent a request, as far as its receiver knows.
#[derive(Debug, Default)]
pub struct Client {
    /// Address of the peer.
    pub peer: Option<SocketAddr>,
    /// Request metadata, keys in lower case, in the order received. Empty unless the receiver's
    /// `include_metadata` is set.
    pub metadata: Vec<(String, String)>,
    /// It came by gRPC.
    pub is_grpc: bool,
    /// What the authenticator of the receiver knows of it.
    pub auth: Option<AuthData>,
}

impl Client {
    /// Values sent under `key` (lower case).
    pub fn metadata<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.metadata.iter().filter(move |(k, _)| k == key).map(|(_, v)| v.as_str())
    }
}

/// What an authenticator knows of a client: `from_context: auth.<name>`, `from_attribute`, and
/// `otelcol.client.auth.attributes` of OTTL.
#[derive(Debug, Default)]
pub struct AuthData {
    /// Names and values, in the order that the authenticator gives them.
    pub attributes: Vec<(String, Value)>,
}

impl AuthData {
    /// The value under `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.attributes.iter().find(|it| it.0 == name).map(|it| &it.1)
    }

    /// The same as one text: those of a list with a semicolon between, as upstream.
    pub fn text(&self, name: &str) -> Option<String> {
        Some(match self.get(name)? {
            Value::List(all) if all.iter().all(|it| it.as_str().is_some()) => {
                let texts: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
                texts.join(";")
            }
            // Upstream has no text for others.
            other => match other.as_str() {
                Some(text) => text.to_owned(),
                None => serde_json::to_string(other).ok()?,
            },
        })
    }
}

/// Borrowed down the call chain; cheap to clone for those who keep it.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Which answer the caller waits for.
    pub wants: Wants,
    /// The caller sends little more before it has an answer: who gathers (a batch, a queue) sends this on at
    /// once together with what is there already, instead of waiting for more.
    pub flush: bool,
    /// Kept by whoever stores the data and passes it on in order; `None` where order does not matter.
    pub place: Option<Place>,
    /// Who sent the data; `None` for data that was made here.
    pub client: Option<Arc<Client>>,
    /// The span of what is being done, if spans are made.
    pub span: Option<SpanContext>,
}

impl Context {
    /// For callers that can read the data again and need to know that it has really gone.
    pub fn delivered() -> Self {
        Self { wants: Wants::Delivered, ..Self::default() }
    }

    /// The same below a span.
    #[must_use]
    pub fn below(&self, span: &Span) -> Self {
        Self { span: Some(span.context()), ..self.clone() }
    }

    /// The data is stored, and goes on before everything that comes later.
    pub fn keep_place(&self) {
        if let Some(place) = &self.place {
            place.keep();
        }
    }

    /// True when `Ok` has to mean delivered.
    pub fn wants_delivered(&self) -> bool {
        self.wants == Wants::Delivered
    }
}
