//! The room in which every server of ours stands: connections are accepted, served each in a task of its own, and
//! sent away when the host stops. What is spoken on a connection is the business of who serves it.

use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use component::config::{Need, Problems, Side};
use component::{BoxError, Host, ServerAuth, ServerMiddleware};
use configtls::{Acceptor, MaybeTls, Refused};
use http::HeaderMap;
use tokio::io::AsyncWriteExt as _;
use tracing::{debug, warn};

use crate::{Connection, Listener, MiddlewareConfig, middlewares};

/// Longest wait for a handshake, and for the head of a request unless another is configured.
pub const HEAD_WAIT: Duration = Duration::from_secs(10);
/// Time for requests under way when the server stops.
pub const STOP_GRACE: Duration = Duration::from_secs(10);
/// Time for clients of a component that was replaced to begin anew elsewhere.
pub const PARTING: Duration = Duration::from_secs(2);

/// An accepted connection, after its handshake if there is one.
pub type Stream = MaybeTls<Connection>;

/// The encryption of a server.
#[derive(Debug)]
pub struct Tls {
    acceptor: Acceptor,
    plain_answer: &'static [u8],
}

impl Tls {
    /// For a section with `tls:`. `protocols` are accepted by ALPN, the best one first; a client that speaks plain text is answered with
    /// `plain_answer`.
    ///
    /// # Errors
    /// What is wrong with the files that the section names.
    pub fn new(
        section: Option<&configtls::ServerConfig>,
        protocols: &[&str],
        plain_answer: &'static [u8],
    ) -> Result<Option<Self>, String> {
        let acceptor = section.map(|it| Acceptor::new(it, protocols)).transpose()?;
        Ok(acceptor.map(|acceptor| Self { acceptor, plain_answer }))
    }

    /// A client that does not come through is gone, and the log says why; one that only knocks (a probe of a load
    /// balancer) is no news.
    async fn shake_hands(&self, connection: Connection, host: &Host) -> Option<Stream> {
        let peer = connection.peer();
        let handshake = tokio::time::timeout(HEAD_WAIT, self.acceptor.accept(connection));
        let shaken = tokio::select! {
            () = sent_away(host) => return None,
            shaken = handshake => shaken,
        };
        let refused = match shaken {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(refused)) => refused,
            Err(_) => Refused { why: "i/o timeout".into(), plain: None, knocked: false },
        };
        if refused.knocked {
            debug!(?peer, error = refused.why, "a client left before the TLS handshake");
        } else {
            warn!(?peer, error = refused.why, "a TLS handshake failed: the connection is closed");
        }
        let mut plain = refused.plain?;
        let _ = tokio::time::timeout(HEAD_WAIT, plain.write_all(self.plain_answer)).await;
        let _ = tokio::time::timeout(HEAD_WAIT, plain.shutdown()).await;
        None
    }
}

/// Serves the connections of `listener` until the host stops.
pub fn serve<Serving>(
    listener: Listener,
    tls: Option<Tls>,
    host: &Host,
    protocol: impl Fn(Stream) -> Serving + Send + Sync + 'static,
) where
    Serving: Future<Output = ()> + Send + 'static,
{
    let (own, shared) = (host.clone(), Arc::new((tls, protocol)));
    host.spawn(async move {
        while let Some(connection) = next(&listener, &own).await {
            let (shared, its_host) = (Arc::clone(&shared), own.clone());
            // The handshake is made in the connection's own task, where a slow client keeps nobody waiting.
            own.spawn(async move {
                let (tls, protocol) = &*shared;
                let stream = match tls {
                    None => Some(MaybeTls::Plain(connection)),
                    // Apart, so that its state is no part of every connection.
                    Some(tls) => Box::pin(tls.shake_hands(connection, &its_host)).await,
                };
                if let Some(stream) = stream {
                    protocol(stream).await;
                }
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

/// What stands before the requests of a server: `auth:` and `middlewares:` of its section.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// The extension that checks clients.
    pub authenticator: Option<&'a str>,
    /// Extensions that may refuse requests, the first of them first.
    pub middlewares: &'a [MiddlewareConfig],
    /// What the server speaks.
    pub side: Side,
}

/// The same, found.
pub struct Guards {
    /// Checks clients.
    pub auth: Option<Arc<dyn ServerAuth>>,
    middlewares: Vec<Arc<dyn ServerMiddleware>>,
}

impl Before<'_> {
    /// Says what the section needs; `key` is its place.
    pub fn check(self, key: &str, problems: &mut Problems) {
        if let Some(id) = self.authenticator {
            problems.needs(format!("{key}::auth::authenticator"), Need::ServerAuth(id.to_owned()));
        }
        middlewares::check(self.middlewares, self.side, key, problems);
    }

    /// Nothing is served without what was asked for.
    ///
    /// # Errors
    /// In the Collector's words.
    pub fn find(self, host: &Host) -> Result<Guards, BoxError> {
        let middlewares = middlewares::find(self.middlewares, self.side, host)?;
        let auth = self.authenticator.map(|it| host.uses_named::<dyn ServerAuth>(it));
        Ok(Guards { auth: auth.transpose()?, middlewares })
    }
}

impl Guards {
    /// When a request that is refused may come again.
    pub fn must_refuse(&self) -> Option<Duration> {
        self.middlewares.iter().find_map(|it| it.must_refuse())
    }
}

/// A random number from 0 to 1, which keeps connections of one age from leaving together.
pub fn spread() -> f64 {
    // 53 bits are what an f64 holds.
    let random = RandomState::new().build_hasher().finish() >> 11;
    random as f64 / (1_u64 << 53) as f64
}

/// Ends when clients have to leave. Those of a component that was replaced may be sending just now: they have a
/// while in which they are told with their next answer.
pub async fn sent_away(host: &Host) {
    host.stopping().cancelled().await;
    if host.is_leaving() {
        tokio::time::sleep(PARTING).await;
    }
}
