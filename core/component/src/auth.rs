//! Who sends a request, and who we say we are: what authenticator extensions offer to servers and clients.

use std::net::SocketAddr;

use async_trait::async_trait;
use http::HeaderMap;

use crate::context::{AuthData, Context};

/// Why a request is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The client is not known: 401, `UNAUTHENTICATED`. What it is told, in the Collector's words; it must not repeat a
    /// credential.
    Unknown(String),
    /// It cannot be found out now who it is: 503, `UNAVAILABLE`, after which a client comes again and loses nothing.
    Later(String),
}

impl Refusal {
    /// It cannot be found out now.
    pub fn later(why: impl Into<String>) -> Self {
        Self::Later(why.into())
    }

    /// What the client is told.
    pub fn text(&self) -> &str {
        let (Self::Unknown(text) | Self::Later(text)) = self;
        text
    }
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self::Unknown(why)
    }
}

impl From<&str> for Refusal {
    fn from(why: &str) -> Self {
        Self::Unknown(why.to_owned())
    }
}

/// Checks who sends a request, for servers with `auth: {authenticator: <id>}`.
#[async_trait]
pub trait ServerAuth: Send + Sync {
    /// Checks the headers of a request: those of HTTP, or the metadata of a gRPC call. Called before the body is read.
    ///
    /// # Errors
    /// Why the request is not served.
    async fn authenticate(&self, headers: &HeaderMap) -> Result<AuthData, Refusal>;

    /// What servers call. The service counts and logs here what is refused.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate).
    async fn admit(
        &self,
        headers: &HeaderMap,
        _peer: Option<SocketAddr>,
    ) -> Result<AuthData, Refusal> {
        self.authenticate(headers).await
    }
}

/// A request over HTTP before it is sent, for authenticators that sign it.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    /// `POST`.
    pub method: &'a str,
    /// As it stands in the request line: path and query.
    pub path: &'a str,
    /// The body as it is sent, compressed, piece by piece.
    pub body: Vec<&'a [u8]>,
}

/// Puts credentials into the requests of clients with `auth: {authenticator: <id>}`.
#[async_trait]
pub trait ClientAuth: Send + Sync {
    /// Adds or replaces headers of one request. `ctx` says whose data is sent. Values that are secret are marked as
    /// sensitive.
    ///
    /// # Errors
    /// Why there are no credentials now. The request is not sent, and tried again later.
    async fn authorize(&self, ctx: &Context, headers: &mut HeaderMap) -> Result<(), String>;

    /// What HTTP clients call, when all else of the request is there. One that signs only what it is told in
    /// `headers` needs no more than [`authorize`](Self::authorize).
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize).
    async fn sign(
        &self,
        ctx: &Context,
        _request: &Outgoing<'_>,
        headers: &mut HeaderMap,
    ) -> Result<(), String> {
        self.authorize(ctx, headers).await
    }

    /// Whether the credentials may travel in plain text. grpc-go refuses to send those of most authenticators so
    /// (`RequireTransportSecurity`); HTTP clients do not ask.
    fn needs_encryption(&self) -> bool {
        true
    }
}
