//! Keeps the connection of a client: connects, watches over it, and connects again with growing
//! pauses (`connection-backoff.md` of gRPC).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use compression::Chunks;
use confignet::dial::{self, Connection, Target};
use confignet::proxy::Proxy;
use configtls::{Connector, MaybeTls};
use h2::client::{Builder, SendRequest};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Keepalive, Link};

/// Pause after the first failure. gRPC's default.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// Each pause is this much longer, in percent. gRPC's default.
const BACKOFF_GROWTH_PERCENT: u32 = 160;
/// Longest pause. gRPC has 120 s, in which a backend that is back would go unnoticed.
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// A connection that lived this long was a good one: the pauses begin anew.
const GOOD_LIFE: Duration = Duration::from_secs(5);
/// Shortest silence before a ping. `internal.KeepaliveMinPingTime`, grpc-go 1.80.
const PING_PAUSE_MIN: Duration = Duration::from_secs(10);
/// Longest wait for the TLS handshake, and again for the HTTP/2 settings of the server.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);

/// Pause before a server is called again that asked for a new connection: calls wait for it.
const SENT_AWAY_PAUSE: Duration = Duration::from_millis(10);

type Http2 = h2::client::Connection<MaybeTls<Connection>, Chunks>;

/// How the server is reached.
pub(super) struct Road {
    pub(super) target: Target,
    /// Also for plain text, as in grpc-go: what goes through it is not for the proxy to read.
    pub(super) proxy: Option<Proxy>,
    /// For the proxy.
    pub(super) user_agent: String,
    /// And the name that the server's certificate has to be made for.
    pub(super) tls: Option<(Connector, String)>,
}

impl Road {
    async fn dial(&self) -> Result<Connection, String> {
        match &self.proxy {
            Some(proxy) => proxy.tunnel(&self.target, &self.user_agent).await,
            None => dial::dial(&self.target).await,
        }
    }

    async fn encrypt(&self, connection: Connection) -> Result<MaybeTls<Connection>, String> {
        let Some((connector, name)) = &self.tls else { return Ok(MaybeTls::Plain(connection)) };
        let shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, connector.connect(name, connection));
        let stream = shaken.await.map_err(|_| "i/o timeout".to_owned())??;
        // As grpc-go: a server that has not agreed on HTTP/2 is not spoken to.
        match stream.protocol() {
            Some(b"h2") => Ok(stream),
            _ => Err("credentials: cannot check peer: missing selected ALPN property (the server speaks TLS but not \
                      HTTP/2: is it a gRPC endpoint?)"
                .into()),
        }
    }
}

/// The task of a client.
pub(super) struct Keeper {
    road: Road,
    keepalive: Option<Keepalive>,
    link: watch::Sender<Link>,
    calls: Arc<AtomicUsize>,
}

impl Keeper {
    pub(super) fn new(
        road: Road,
        keepalive: Option<Keepalive>,
        link: watch::Sender<Link>,
        calls: Arc<AtomicUsize>,
    ) -> Self {
        Self { road, keepalive, link, calls }
    }

    /// Runs until the client is dropped.
    pub(super) async fn run(self) {
        let mut pause = BACKOFF_FIRST;
        while !self.link.is_closed() {
            let started = Instant::now();
            let ended = match self.connect().await {
                Ok((send, connection)) => {
                    self.link.send_replace(Link::Up(send.clone()));
                    let why = self.drive(connection).await;
                    tracing::debug!(target = %self.road.target, why, "gRPC connection ended");
                    // Reconnects at once; only one that ends early as well has to wait.
                    self.link.send_replace(Link::Connecting);
                    if was_sent_away(send).await {
                        tokio::time::sleep(SENT_AWAY_PAUSE).await;
                        continue;
                    }
                    if started.elapsed() >= GOOD_LIFE {
                        pause = BACKOFF_FIRST;
                        continue;
                    }
                    why
                }
                Err(why) => why,
            };
            self.link.send_replace(Link::Down(ended.into()));
            tokio::time::sleep(pause).await;
            pause = (pause * BACKOFF_GROWTH_PERCENT / 100).min(BACKOFF_MAX);
            self.link.send_replace(Link::Connecting);
        }
    }

    async fn connect(&self) -> Result<(SendRequest<Chunks>, Http2), String> {
        let io = self.road.dial().await.map_err(|why| {
            format!("connection error: desc = \"transport: Error while dialing: {why}\"")
        })?;
        let io = self.road.encrypt(io).await.map_err(|why| {
            format!(
                "connection error: desc = \"transport: authentication handshake failed: {why}\""
            )
        })?;
        let mut builder = Builder::new();
        builder.enable_push(false);
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, builder.handshake(io)).await;
        let failed = |why: String| {
            format!("connection error: desc = \"error reading server preface: {why}\"")
        };
        match handshake {
            Ok(Ok(both)) => Ok(both),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed("i/o timeout".into())),
        }
    }

    /// Moves bytes until the connection ends; says why it did.
    async fn drive(&self, mut connection: Http2) -> String {
        let pings = connection.ping_pong();
        let silence = async {
            match (&self.keepalive, pings) {
                (Some(keepalive), Some(pings)) => self.keep_alive(keepalive, pings).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = connection => {
                let why = ended.map_or_else(|it| it.to_string(), |()| "EOF".into());
                format!("connection error: desc = \"error reading server preface: {why}\"")
            }
            () = silence => {
                "keepalive ping failed to receive ACK within timeout".into()
            }
        }
    }

    async fn keep_alive(&self, keepalive: &Keepalive, mut pings: h2::PingPong) {
        let pause = keepalive.time.std().max(PING_PAUSE_MIN);
        loop {
            tokio::time::sleep(pause).await;
            if self.calls.load(Relaxed) == 0 && !keepalive.permit_without_stream {
                continue;
            }
            let ping = pings.ping(h2::Ping::opaque());
            match tokio::time::timeout(keepalive.timeout.std(), ping).await {
                Ok(Ok(_)) => {}
                // The connection itself reports its end.
                Ok(Err(_)) => std::future::pending().await,
                Err(_) => return,
            }
        }
    }
}

/// The server has said GOAWAY, and nothing else is wrong.
async fn was_sent_away(send: SendRequest<Chunks>) -> bool {
    let error = send.ready().await.err();
    error.is_some_and(|it| it.is_go_away() && it.reason() == Some(h2::Reason::NO_ERROR))
}
