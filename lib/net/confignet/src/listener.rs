//! Listening sockets that limit how many connections a peer may hold.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use component::Host;
use futures_util::FutureExt;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tracing::warn;

use crate::AddrConfig;
use crate::address::{go_text, parse_port, split_host_port};
use crate::dial::Connection as Stream;

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

/// A listening socket. When the configuration is reloaded, the next instance of its component takes it
/// over: the address listens all the time.
pub struct Listener {
    socket: Socketed,
    /// The same socket, for who takes it over; the last holder closes it.
    shared: Arc<OwnedFd>,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    by_ip: HashMap<IpAddr, usize>,
}

impl Listener {
    /// Binds the endpoint, or takes over the socket of an instance that makes way. A name is resolved,
    /// which may block for as long as the resolver takes.
    ///
    /// # Errors
    /// In Go's words: `listen tcp 127.0.0.1:4317: bind: address already in use`.
    pub fn bind(config: &AddrConfig, host: &Host) -> Result<Self, String> {
        let network = config.transport.word();
        let (address, opened) = match network {
            "" | "tcp" | "tcp4" | "tcp6" => bind_tcp(network, &config.endpoint, host)?,
            "unix" => bind_unix(&config.endpoint, host)?,
            _ => return Err(format!("listen {network} {}: unknown network", config.endpoint)),
        };
        let (socket, shared) =
            opened.map_err(|error| format!("listen {network} {}: {error}", config.endpoint))?;
        host.offer_socket(address, &shared);
        Ok(Self { socket, shared, counts: Arc::default() })
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
        let (mut pause, mut said) = (Duration::from_millis(5), false);
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
                    if !std::mem::replace(&mut said, true) {
                        warn!(%error, "accepting a connection failed; trying again until it succeeds");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
                }
            }
        }
    }

    /// A connection that waits already. Nobody else can take it: the socket is about to be closed.
    pub fn last(&self) -> Option<Connection> {
        if Arc::strong_count(&self.shared) > 1 { None } else { self.accept().now_or_never() }
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
        // As Go does on close, so that the next start can bind; unless another instance has it now.
        if let Socketed::Unix(_, path) = &self.socket
            && Arc::strong_count(&self.shared) == 1
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What is known of an endpoint before it is bound.
///
/// # Errors
/// What binding it would say.
pub(crate) fn check(network: &str, endpoint: &str) -> Result<(), String> {
    match network {
        "" | "tcp" | "tcp4" | "tcp6" => {
            let network = if network.is_empty() { "tcp" } else { network };
            let parts = split_host_port(endpoint).and_then(|(_, port)| parse_port(port));
            parts.map(|_| ()).map_err(|why| format!("listen {network}: {why}"))
        }
        "unix" => match Path::new(endpoint).parent() {
            Some(folder) if !folder.as_os_str().is_empty() && !folder.exists() => {
                Err(format!("listen unix {endpoint}: bind: no such file or directory"))
            }
            _ => Ok(()),
        },
        _ => Err(format!("listen {network} {endpoint}: unknown network")),
    }
}

type Opened = io::Result<(Socketed, Arc<OwnedFd>)>;

/// The address for who takes over, and the socket.
fn bind_tcp(network: &str, endpoint: &str, host: &Host) -> Result<(String, Opened), String> {
    let network = if network.is_empty() { "tcp" } else { network };
    let fail = |why: String| format!("listen {network}: {why}");
    let (name, port) = split_host_port(endpoint).map_err(fail)?;
    let port = parse_port(port).map_err(fail)?;
    let address = resolve(network, name, port).map_err(fail)?;
    // Go listens on both families for any spelling of "all addresses", unless told otherwise.
    let wildcard = network == "tcp" && address.ip().is_unspecified();
    let key = if wildcard { format!("tcp *:{port}") } else { format!("tcp {address}") };
    if let Some(shared) = host.take_socket(&key) {
        return Ok((key, shared.try_clone().and_then(tcp).map(|it| (it, shared))));
    }
    let both = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
    let bound = match wildcard.then(|| open(both, false, host)) {
        Some(Ok(socket)) => Ok(socket),
        // No IPv6 on this machine.
        Some(Err(error)) if error.kind() != io::ErrorKind::AddrInUse => open(address, true, host),
        Some(Err(error)) => Err(error),
        None => open(address, true, host),
    };
    let shown = if name.is_empty() { format!(":{port}") } else { address.to_string() };
    let bound =
        bound.map_err(|error| format!("listen {network} {shown}: bind: {}", go_text(&error)))?;
    Ok((key, share(bound).and_then(|(fd, shared)| Ok((tcp(fd)?, shared)))))
}

fn bind_unix(endpoint: &str, host: &Host) -> Result<(String, Opened), String> {
    let (key, path) = (format!("unix {endpoint}"), PathBuf::from(endpoint));
    let unix = |fd: OwnedFd| UnixListener::from_std(fd.into()).map(|it| Socketed::Unix(it, path));
    if let Some(shared) = host.take_socket(&key) {
        return Ok((key, shared.try_clone().and_then(unix).map(|it| (it, shared))));
    }
    let bound = std::os::unix::net::UnixListener::bind(endpoint)
        .and_then(|it| it.set_nonblocking(true).map(|()| it))
        .map_err(|error| format!("listen unix {endpoint}: bind: {}", go_text(&error)))?;
    Ok((key, share(bound.into()).and_then(|(fd, shared)| Ok((unix(fd)?, shared)))))
}

fn tcp(fd: OwnedFd) -> io::Result<Socketed> {
    TcpListener::from_std(fd.into()).map(Socketed::Tcp)
}

fn share(fd: OwnedFd) -> io::Result<(OwnedFd, Arc<OwnedFd>)> {
    let shared = Arc::new(fd.try_clone()?);
    Ok((fd, shared))
}

/// The address to bind: IPv4 first, as Go prefers.
pub(crate) fn resolve(network: &str, host: &str, port: u16) -> Result<SocketAddr, String> {
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

fn open(address: SocketAddr, v6_only: bool, host: &Host) -> io::Result<OwnedFd> {
    let taken = match listen(address, v6_only, false) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => error,
        opened => return opened,
    };
    // `localhost:4317` becomes `0.0.0.0:4317`: both listen for a moment, which takes an option on both.
    let leaving = host.leaving_sockets();
    if leaving.is_empty() {
        return Err(taken);
    }
    leaving.iter().for_each(|it| drop(SockRef::from(&**it).set_reuse_port(true)));
    let opened = listen(address, v6_only, true);
    leaving.iter().for_each(|it| drop(SockRef::from(&**it).set_reuse_port(false)));
    opened.and_then(|it| SockRef::from(&it).set_reuse_port(false).map(|()| it))
}

fn listen(address: SocketAddr, v6_only: bool, reuse_port: bool) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(v6_only)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// As Go does: no delay for small writes, and probes that find dead peers.
fn configure(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(TCP_KEEPALIVE).with_interval(TCP_KEEPALIVE);
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive);
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
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use componenttest::TestHost;
    use tokio::io::AsyncReadExt;
    use tokio::net::UnixStream;

    use component::config::{Choice, Choices};

    use super::*;
    use crate::Transport;

    fn named(transport: &str) -> Choice<Transport> {
        let found = Transport::NAMES.iter().find(|it| it.0 == transport).unwrap();
        found.1.into()
    }

    fn error(endpoint: &str, transport: &str) -> String {
        let config = AddrConfig { transport: named(transport), ..AddrConfig::tcp(endpoint) };
        Listener::bind(&config, &TestHost::new()).err().unwrap()
    }

    #[tokio::test]
    async fn a_taken_port_is_named_in_gos_words() {
        let first = Listener::bind(&AddrConfig::tcp("localhost:0"), &TestHost::new()).unwrap();
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
        let listener = Listener::bind(&AddrConfig::tcp("localhost:0"), &TestHost::new()).unwrap();
        assert_eq!(listener.local_addr().unwrap().ip(), IpAddr::from([127, 0, 0, 1]));
    }

    #[tokio::test]
    async fn surplus_connections_of_one_address_are_closed() {
        let listener = Listener::bind(&AddrConfig::tcp("127.0.0.1:0"), &TestHost::new()).unwrap();
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
        let config = AddrConfig { transport: named("unix"), ..AddrConfig::tcp(endpoint) };
        let listener = Listener::bind(&config, &TestHost::new()).unwrap();
        let _client = UnixStream::connect(&path).await.unwrap();
        assert_eq!(listener.accept().await.peer(), None);
        let want = format!("listen unix {endpoint}: bind: address already in use");
        assert_eq!(error(endpoint, "unix"), want);
        drop(listener);
        assert!(!path.exists());
        std::fs::remove_dir_all(directory).unwrap();
    }

    /// Two instances of one component, and the listener of the first.
    fn instances(endpoint: &str) -> (TestHost, TestHost, Listener) {
        let first = TestHost::new();
        let second = first.successor();
        let listener = Listener::bind(&AddrConfig::tcp(endpoint), &first).unwrap();
        (first, second, listener)
    }

    #[tokio::test]
    async fn a_socket_is_taken_over_only_from_who_makes_way() {
        let (first, second, old) = instances("127.0.0.1:0");
        let address = old.local_addr().unwrap();
        let config = AddrConfig::tcp("127.0.0.1:0");
        let stranger = Listener::bind(&config, &second).unwrap();
        assert_ne!(stranger.local_addr(), Some(address));
        first.set_leaving(true);
        let new = Listener::bind(&config, &second).unwrap();
        assert_eq!(new.local_addr(), Some(address));
        let _client = TcpStream::connect(address).await.unwrap();
        assert!(old.last().is_none(), "it is not the last holder");
        drop(old);
        assert_eq!(new.accept().await.peer().unwrap().ip(), address.ip());
    }

    #[tokio::test]
    async fn one_address_becomes_all_addresses_and_back_while_it_listens() {
        let (first, second, old) = instances("127.0.0.1:0");
        let address = old.local_addr().unwrap();
        let all = AddrConfig::tcp(&format!("0.0.0.0:{}", address.port()));
        assert!(Listener::bind(&all, &second).is_err());
        first.set_leaving(true);
        let new = Listener::bind(&all, &second).unwrap();
        let _client = TcpStream::connect(address).await.unwrap();
        assert!(old.last().is_some(), "nothing that has connected is left behind");
        drop(old);
        let (_client, third) = (TcpStream::connect(address).await.unwrap(), second.successor());
        new.accept().await;
        let back = AddrConfig::tcp(&address.to_string());
        assert!(Listener::bind(&back, &third).is_err());
        second.set_leaving(true);
        Listener::bind(&back, &third).unwrap();
    }

    #[tokio::test]
    async fn a_path_that_was_taken_over_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let config =
            AddrConfig { transport: named("unix"), ..AddrConfig::tcp(path.to_str().unwrap()) };
        let first = TestHost::new();
        let old = Listener::bind(&config, &first).unwrap();
        first.set_leaving(true);
        let new = Listener::bind(&config, &first.successor()).unwrap();
        drop(old);
        let _client = UnixStream::connect(&path).await.unwrap();
        new.accept().await;
        drop(new);
        assert!(!path.exists());
    }
}
