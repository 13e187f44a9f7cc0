//! Listening sockets that limit how many connections a peer may hold.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tracing::warn;

use crate::AddrConfig;
use crate::address::{go_text, parse_port, split_host_port};

/// Most connections of one listener.
const CONNECTIONS_MAX: usize = 10_000;
/// Most connections of one listener from one address.
const CONNECTIONS_PER_IP_MAX: usize = 1_000;
/// Connections that wait to be accepted; the kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// First probe of an idle connection, and the pause between probes. Go's `net.ListenConfig`.
const TCP_KEEPALIVE: Duration = Duration::from_secs(15);
/// Wait after an accept that failed (too many open files, say). Go's `net/http`, `Server.Serve`.
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

enum Socketed {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// A listening socket.
pub struct Listener {
    socket: Socketed,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    by_ip: HashMap<IpAddr, usize>,
}

impl Listener {
    /// Binds the endpoint. A name is resolved, which may block for as long as the resolver takes.
    ///
    /// # Errors
    /// In Go's words: `listen tcp 127.0.0.1:4317: bind: address already in use`.
    pub fn bind(config: &AddrConfig) -> Result<Self, String> {
        let network = config.transport.as_str();
        let socket = match network {
            "" | "tcp" | "tcp4" | "tcp6" => bind_tcp(network, &config.endpoint)?,
            "unix" => {
                let path = PathBuf::from(&config.endpoint);
                let socket = UnixListener::bind(&path).map_err(|error| {
                    format!("listen unix {}: bind: {}", config.endpoint, go_text(&error))
                })?;
                Socketed::Unix(socket, path)
            }
            _ => return Err(format!("listen {network} {}: unknown network", config.endpoint)),
        };
        Ok(Self { socket, counts: Arc::default() })
    }

    /// The address bound; `None` for unix sockets.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socketed::Tcp(socket) => socket.local_addr().ok(),
            Socketed::Unix(..) => None,
        }
    }

    /// The next connection. Surplus ones are closed; failures are logged and waited out.
    pub async fn accept(&self) -> Connection {
        let mut pause = Duration::from_millis(5);
        loop {
            let accepted = match &self.socket {
                Socketed::Tcp(socket) => socket.accept().await.map(|(it, peer)| {
                    configure(&it);
                    (Stream::Tcp(it), Some(peer))
                }),
                Socketed::Unix(socket, _) => {
                    socket.accept().await.map(|(it, _)| (Stream::Unix(it), None))
                }
            };
            match accepted {
                Ok((stream, peer)) => {
                    if let Some(permit) = self.admit(peer.map(|it| it.ip().to_canonical())) {
                        return Connection { stream, peer, _permit: permit };
                    }
                    pause = Duration::from_millis(5);
                }
                Err(error) => {
                    warn!(%error, "accepting a connection failed; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
                }
            }
        }
    }

    fn admit(&self, ip: Option<IpAddr>) -> Option<Permit> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let same = ip.map_or(0, |ip| counts.by_ip.get(&ip).copied().unwrap_or(0));
        if counts.all >= CONNECTIONS_MAX || same >= CONNECTIONS_PER_IP_MAX {
            let (all, limit) = (counts.all, CONNECTIONS_PER_IP_MAX);
            drop(counts);
            warn!(?ip, same, all, limit, "too many connections: closing the newest");
            return None;
        }
        counts.all += 1;
        if let Some(ip) = ip {
            counts.by_ip.insert(ip, same + 1);
        }
        Some(Permit { counts: Arc::clone(&self.counts), ip })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // As Go does on close, so that the next start can bind.
        if let Socketed::Unix(_, path) = &self.socket {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn bind_tcp(network: &str, endpoint: &str) -> Result<Socketed, String> {
    let network = if network.is_empty() { "tcp" } else { network };
    let fail = |why: String| format!("listen {network}: {why}");
    let (host, port) = split_host_port(endpoint).map_err(fail)?;
    let port = parse_port(port).map_err(fail)?;
    let address = resolve(network, host, port).map_err(fail)?;
    // Go listens on both families for any spelling of "all addresses", unless told otherwise.
    let wildcard = network == "tcp" && address.ip().is_unspecified();
    let both = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
    let bound = match wildcard.then(|| open(both, false)) {
        Some(Ok(socket)) => Ok(socket),
        // No IPv6 on this machine.
        Some(Err(error)) if error.kind() != io::ErrorKind::AddrInUse => open(address, true),
        Some(Err(error)) => Err(error),
        None => open(address, true),
    };
    let shown = if host.is_empty() { format!(":{port}") } else { address.to_string() };
    let socket =
        bound.map_err(|error| format!("listen {network} {shown}: bind: {}", go_text(&error)))?;
    Ok(Socketed::Tcp(socket))
}

/// The address to bind: IPv4 first, as Go prefers.
fn resolve(network: &str, host: &str, port: u16) -> Result<SocketAddr, String> {
    if host.is_empty() {
        let v6 = network == "tcp6";
        let ip = if v6 { Ipv6Addr::UNSPECIFIED.into() } else { IpAddr::from([0, 0, 0, 0]) };
        return Ok(SocketAddr::new(ip, port));
    }
    let found =
        (host, port).to_socket_addrs().map_err(|_| format!("lookup {host}: no such host"))?;
    let mut found: Vec<_> =
        found.filter(|it| network == "tcp" || it.is_ipv4() == (network == "tcp4")).collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(|| format!("address {host}: no suitable address found"))
}

fn open(address: SocketAddr, v6_only: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(v6_only)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// As Go does: no delay for small writes, and probes that find dead peers.
fn configure(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(TCP_KEEPALIVE).with_interval(TCP_KEEPALIVE);
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive);
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// An accepted connection; it counts until it is dropped.
pub struct Connection {
    stream: Stream,
    peer: Option<SocketAddr>,
    _permit: Permit,
}

impl Connection {
    /// Who is there; `None` for unix sockets.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }
}

struct Permit {
    counts: Arc<Mutex<Counts>>,
    ip: Option<IpAddr>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        let Some(ip) = self.ip else { return };
        let left = counts.by_ip.get(&ip).copied().unwrap_or(0).saturating_sub(1);
        if left == 0 {
            counts.by_ip.remove(&ip);
        } else {
            counts.by_ip.insert(ip, left);
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(it) => Pin::new(it).poll_read(cx, buffer),
            Stream::Unix(it) => Pin::new(it).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Tcp(it) => Pin::new(it).poll_write(cx, data),
            Stream::Unix(it) => Pin::new(it).poll_write(cx, data),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Tcp(it) => Pin::new(it).poll_write_vectored(cx, data),
            Stream::Unix(it) => Pin::new(it).poll_write_vectored(cx, data),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(it) => Pin::new(it).poll_flush(cx),
            Stream::Unix(it) => Pin::new(it).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(it) => Pin::new(it).poll_shutdown(cx),
            Stream::Unix(it) => Pin::new(it).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    fn error(endpoint: &str, transport: &str) -> String {
        let config = AddrConfig { transport: transport.into(), ..AddrConfig::tcp(endpoint) };
        Listener::bind(&config).err().unwrap()
    }

    #[tokio::test]
    async fn a_taken_port_is_named_in_gos_words() {
        let first = Listener::bind(&AddrConfig::tcp("localhost:0")).unwrap();
        let address = first.local_addr().unwrap();
        let want = format!("listen tcp {address}: bind: address already in use");
        assert_eq!(error(&address.to_string(), "tcp"), want);
    }

    #[tokio::test]
    async fn endpoints_that_cannot_be_bound_are_refused_in_gos_words() {
        let want = "listen tcp: address localhost: missing port in address";
        assert_eq!(error("localhost", "tcp"), want);
        let want = "listen tcp 192.0.2.1:0: bind: cannot assign requested address";
        assert_eq!(error("192.0.2.1:0", "tcp"), want);
        assert_eq!(error("a:1", "udp"), "listen udp a:1: unknown network");
    }

    #[tokio::test]
    async fn localhost_is_the_ipv4_loopback() {
        let listener = Listener::bind(&AddrConfig::tcp("localhost:0")).unwrap();
        assert_eq!(listener.local_addr().unwrap().ip(), IpAddr::from([127, 0, 0, 1]));
    }

    #[tokio::test]
    async fn surplus_connections_of_one_address_are_closed() {
        let listener = Listener::bind(&AddrConfig::tcp("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        listener.counts.lock().unwrap().by_ip.insert(address.ip(), CONNECTIONS_PER_IP_MAX - 1);
        let _one = TcpStream::connect(address).await.unwrap();
        let accepted = listener.accept().await;
        let mut two = TcpStream::connect(address).await.unwrap();
        tokio::select! {
            read = two.read_u8() => assert!(read.is_err()),
            _ = listener.accept() => panic!("one too many"),
        }
        drop(accepted);
        let _three = TcpStream::connect(address).await.unwrap();
        listener.accept().await;
    }

    #[tokio::test]
    async fn a_unix_socket_is_removed_at_the_end() {
        let directory = std::env::temp_dir().join(format!("confignet-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("s");
        let endpoint = path.to_str().unwrap();
        let config = AddrConfig { transport: "unix".into(), ..AddrConfig::tcp(endpoint) };
        let listener = Listener::bind(&config).unwrap();
        let _client = UnixStream::connect(&path).await.unwrap();
        assert_eq!(listener.accept().await.peer(), None);
        let want = format!("listen unix {endpoint}: bind: address already in use");
        assert_eq!(error(endpoint, "unix"), want);
        drop(listener);
        assert!(!path.exists());
        std::fs::remove_dir_all(directory).unwrap();
    }
}
