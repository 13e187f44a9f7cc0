//! Keeps one connection of a client: connects, watches over it, and connects again with growing pauses
//! (`connection-backoff.md` of gRPC).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use compression::Chunks;
use confignet::dial::{self, Connection, Target};
use confignet::proxy::Proxy;
use configtls::{Connector, MaybeTls};
use h2::Reason;
use h2::client::{Builder, SendRequest};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::Keepalive;

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

/// Pause between two looks whether a connection that nobody wants is still used.
const UNUSED_PAUSE: Duration = Duration::from_millis(100);

type Http2 = h2::client::Connection<MaybeTls<Connection>, Chunks>;

/// How the servers are reached.
pub(super) struct Road {
    pub(super) target: Target,
    /// Also for plain text, as in grpc-go: what goes through it is not for the proxy to read.
    pub(super) proxy: Option<Proxy>,
    /// For the proxy.
    pub(super) user_agent: String,
    /// And the name that the server's certificate has to be made for.
    pub(super) tls: Option<(Connector, String)>,
    pub(super) keepalive: Option<Keepalive>,
}

/// Where one connection leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    /// To the target; whoever is asked for it (a proxy, the system) finds its address.
    Target,
    /// To one of its addresses.
    Address(SocketAddr),
}

/// How a connection is.
#[derive(Clone)]
pub(super) enum State {
    /// It is being made.
    Connecting,
    /// It takes calls.
    Up(Live),
    /// It is not there, and this is why.
    Down(Arc<str>),
}

/// A connection that takes calls.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) send: SendRequest<Chunks>,
    /// Calls in flight.
    pub(super) calls: Arc<AtomicUsize>,
}

impl Road {
    async fn dial(&self, to: To) -> Result<Connection, String> {
        match (to, &self.proxy) {
            (To::Address(address), _) => dial::dial_address(address).await,
            (To::Target, Some(proxy)) => proxy.tunnel(&self.target, &self.user_agent).await,
            (To::Target, None) => dial::dial(&self.target).await,
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

/// The task of a connection.
pub(super) struct Keeper {
    road: Arc<Road>,
    to: To,
    /// Who wants to know how it is.
    reports: mpsc::Sender<(To, State)>,
    /// Closed when calls do not need it any more.
    wanted: watch::Receiver<()>,
}

impl Keeper {
    pub(super) fn new(
        road: Arc<Road>,
        to: To,
        reports: mpsc::Sender<(To, State)>,
        wanted: watch::Receiver<()>,
    ) -> Self {
        Self { road, to, reports, wanted }
    }

    /// Runs until the connection is not wanted any more, and then until its last call has ended.
    pub(super) async fn run(self) {
        let mut pause = BACKOFF_FIRST;
        let mut keepalive = self.road.keepalive.clone();
        loop {
            let started = Instant::now();
            let connected = tokio::select! {
                connected = self.connect() => connected,
                () = self.unwanted() => return,
            };
            let ended = match connected {
                Ok((send, connection)) => {
                    let live = Live { send: send.clone(), calls: Arc::default() };
                    self.report(State::Up(live.clone())).await;
                    let why = tokio::select! {
                        why = drive(connection, keepalive.as_ref(), &live.calls) => why,
                        () = self.unused(&live.calls) => return,
                    };
                    tracing::debug!(target = %self.road.target, to = ?self.to, why, "gRPC connection ended");
                    // Reconnects at once; only one that ends early as well has to wait.
                    self.report(State::Connecting).await;
                    match sent_away(send).await {
                        Some(Reason::NO_ERROR) => {
                            tokio::time::sleep(SENT_AWAY_PAUSE).await;
                            continue;
                        }
                        // Too many pings, gRPC's proposal A8.
                        Some(Reason::ENHANCE_YOUR_CALM) => {
                            keepalive = keepalive.map(Keepalive::half_as_often);
                        }
                        _ => {}
                    }
                    if started.elapsed() >= GOOD_LIFE {
                        pause = BACKOFF_FIRST;
                        continue;
                    }
                    why
                }
                Err(why) => why,
            };
            self.report(State::Down(ended.into())).await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.unwanted() => return,
            }
            pause = (pause * BACKOFF_GROWTH_PERCENT / 100).min(BACKOFF_MAX);
            self.report(State::Connecting).await;
        }
    }

    async fn unwanted(&self) {
        let mut wanted = self.wanted.clone();
        while wanted.changed().await.is_ok() {}
    }

    /// Returns when no call uses the connection, and none can come any more.
    async fn unused(&self, calls: &AtomicUsize) {
        self.unwanted().await;
        // A call that has just found the connection counts itself meanwhile.
        tokio::time::sleep(UNUSED_PAUSE).await;
        while calls.load(Relaxed) > 0 {
            tokio::time::sleep(UNUSED_PAUSE).await;
        }
    }

    async fn report(&self, state: State) {
        // Nobody is there when the client has been dropped.
        let _ = self.reports.send((self.to, state)).await;
    }

    async fn connect(&self) -> Result<(SendRequest<Chunks>, Http2), String> {
        let io = self.road.dial(self.to).await.map_err(|why| {
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
}

/// Moves bytes until the connection ends; says why it did.
async fn drive(
    mut connection: Http2,
    keepalive: Option<&Keepalive>,
    calls: &AtomicUsize,
) -> String {
    let pings = connection.ping_pong();
    let silence = async {
        match (keepalive, pings) {
            (Some(keepalive), Some(pings)) => keep_alive(keepalive, calls, pings).await,
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

/// Returns when a ping was not answered.
async fn keep_alive(keepalive: &Keepalive, calls: &AtomicUsize, mut pings: h2::PingPong) {
    let pause = keepalive.time.std().max(PING_PAUSE_MIN);
    loop {
        tokio::time::sleep(pause).await;
        if calls.load(Relaxed) == 0 && !keepalive.permit_without_stream {
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

/// The reason of the server's GOAWAY, if that is how the connection ended.
async fn sent_away(send: SendRequest<Chunks>) -> Option<Reason> {
    let error = send.ready().await.err().filter(h2::Error::is_go_away);
    error.and_then(|it| it.reason())
}
