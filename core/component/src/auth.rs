//! Who sends a request, and who we say we are: what authenticator extensions offer to servers and clients.

use async_trait::async_trait;
use http::HeaderMap;

use crate::context::{AuthData, Context};

/// Checks who sends a request, for servers with `auth: {authenticator: <id>}`.
#[async_trait]
pub trait ServerAuth: Send + Sync {
    /// Checks the headers of a request: those of HTTP, or the metadata of a gRPC call. Called before the body is read.
    ///
    /// # Errors
    /// What the client is told, in the Collector's words; it must not repeat a credential. The server answers with 401 or
    /// `UNAUTHENTICATED`.
    async fn authenticate(&self, headers: &HeaderMap) -> Result<AuthData, String>;
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

    /// Whether the credentials may travel in plain text. grpc-go refuses to send those of most authenticators so
    /// (`RequireTransportSecurity`); HTTP clients do not ask.
    fn needs_encryption(&self) -> bool {
        true
    }
}
