//! The room in which every server of ours stands: connections are accepted, served each in a task of its own, and
//! sent away when the host stops. What is spoken on a connection is the business of who serves it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use component::Host;
use component::config::{Need, Problems};
use http::HeaderMap;

use crate::{Connection, Listener};

/// Longest wait for a handshake, and for the head of a request unless another is configured.
pub const HEAD_WAIT: Duration = Duration::from_secs(10);
/// Time for requests under way when the server stops.
pub const STOP_GRACE: Duration = Duration::from_secs(10);
/// Time for clients of a component that was replaced to begin anew elsewhere.
pub const PARTING: Duration = Duration::from_secs(2);

const NO_MIDDLEWARES: &str = "middlewares are not supported yet: remove the middlewares key";

/// Serves the connections of `listener` until the host stops.
pub fn serve<Serving>(
    listener: Listener,
    host: &Host,
    protocol: impl Fn(Connection) -> Serving + Send + Sync + 'static,
) where
    Serving: Future<Output = ()> + Send + 'static,
{
    let (own, protocol) = (host.clone(), Arc::new(protocol));
    host.spawn(async move {
        while let Some(connection) = next(&listener, &own).await {
            let protocol = Arc::clone(&protocol);
            own.spawn(async move {
                // The connection's own task has begun: a handshake that precedes every protocol belongs here,
                // where a slow client keeps nobody waiting, and within `HEAD_WAIT`.
                protocol(connection).await;
                Ok(())
            });
        }
        Ok(())
    });
}

/// The next connection; `None` when the host has stopped.
async fn next(listener: &Listener, host: &Host) -> Option<Connection> {
    tokio::select! {
        // It has connected, so it is served: this is the end of a component, not of the collector.
        () = host.stopping().cancelled() => listener.last().filter(|_| host.is_leaving()),
        connection = listener.accept() => Some(connection),
    }
}

/// Bytes that the headers of a request take while it is under way.
pub fn head_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// What the section of a server asks for that no server has yet.
#[derive(Debug, Clone, Copy)]
pub struct Lacking<'a> {
    /// `tls:` is there.
    pub tls: bool,
    /// `auth: authenticator:`.
    pub authenticator: Option<&'a str>,
    /// `middlewares:` names some.
    pub middlewares: bool,
}

impl Lacking<'_> {
    /// Says it of the section at `key`.
    pub fn tell(&self, key: &str, problems: &mut Problems) {
        if self.tls {
            problems.at_start(key, configtls::ServerConfig::refuse_tls()).remove("tls");
        }
        if let Some(id) = self.authenticator {
            let need = Need::Authenticator(id.to_owned());
            problems.needs(format!("{key}::auth::authenticator"), need);
        }
        if self.middlewares {
            problems.at_start(key, NO_MIDDLEWARES).remove("middlewares");
        }
    }

    /// Nothing is served without what was asked for.
    ///
    /// # Errors
    /// Names the key and what to do.
    pub fn refuse(&self) -> Result<(), String> {
        if self.tls {
            return Err(configtls::ServerConfig::refuse_tls());
        }
        if self.authenticator.is_some() {
            return Err("auth is not supported yet: remove the auth section".into());
        }
        if self.middlewares {
            return Err(NO_MIDDLEWARES.into());
        }
        Ok(())
    }
}

/// Ends when clients have to leave. Those of a component that was replaced may be sending just now: they have a
/// while in which they are told with their next answer.
pub async fn sent_away(host: &Host) {
    host.stopping().cancelled().await;
    if host.is_leaving() {
        tokio::time::sleep(PARTING).await;
    }
}
