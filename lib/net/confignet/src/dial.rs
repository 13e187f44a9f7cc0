//! Outgoing connections, with errors in the words of Go's `net` package.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;

use crate::split_host_port;

/// Longest wait for a connection. `minConnectTimeout` of grpc-go 1.80; `net/http` waits 30 s.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// A connection whose peer has acknowledged nothing for this long is dead. Without it the kernel
/// tries for a quarter of an hour, in which every request on the connection times out.
/// grpc-go does the same where keepalive is on, with its 20 s.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(20);

/// Where to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Host name or address, without brackets, and port.
    Tcp {
        /// As it is written, without brackets; a name is looked up for every connection.
        host: String,
        /// As it is written; 0 finds nobody.
        port: u16,
    },
    /// A socket in the file system.
    Unix(PathBuf),
}

impl Target {
    /// `host:port` or `[host]:port`, as Go's `net.SplitHostPort` reads it.
    ///
    /// # Errors
    /// In Go's words: `address localhost: missing port in address`, `invalid port "abc"`.
    pub fn tcp(address: &str) -> Result<Self, String> {
        let (host, port) = split_host_port(address)?;
        match port.parse() {
            Ok(port) => Ok(Target::Tcp { host: host.to_owned(), port }),
            Err(_) => Err(format!("invalid port {port:?}")),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Target::Tcp { host, port } => write!(f, "{host}:{port}"),
            Target::Unix(path) => path.display().fmt(f),
        }
    }
}

/// A connection made by [`dial`].
#[derive(Debug)]
pub enum Connection {
    /// Over the network, without Nagle's delay.
    Tcp(TcpStream),
    /// Within the machine.
    Unix(UnixStream),
}

/// Connects to the first address of `target` that answers, within 20 seconds.
///
/// # Errors
/// `dial tcp 127.0.0.1:1: connect: connection refused` and the like.
pub async fn dial(target: &Target) -> Result<Connection, String> {
    dial_measured(target, &mut Duration::default()).await
}

/// The same; `lookup` becomes the time in which the addresses of the host were found, or not.
///
/// # Errors
/// Those of [`dial`].
pub async fn dial_measured(target: &Target, lookup: &mut Duration) -> Result<Connection, String> {
    match target {
        Target::Tcp { host, port } => {
            let begun = Instant::now();
            let found = look_up(host, *port).await;
            *lookup = begun.elapsed();
            dial_first(host, found.map_err(|why| format!("dial tcp: {why}"))?).await
        }
        Target::Unix(path) => match UnixStream::connect(path).await {
            Ok(stream) => Ok(Connection::Unix(stream)),
            Err(error) => Err(format!("dial unix {target}: connect: {}", reason(&error))),
        },
    }
}

async fn dial_first(host: &str, addresses: Vec<SocketAddr>) -> Result<Connection, String> {
    // Go tries IPv4 and IPv6 in turn and reports the first failure.
    let mut first_error = None;
    for address in addresses {
        match dial_address(address).await {
            Ok(connection) => return Ok(connection),
            Err(error) => _ = first_error.get_or_insert(error),
        }
    }
    Err(first_error.unwrap_or_else(|| format!("dial tcp: {}", no_host(host, NOBODY))))
}

/// The addresses of a host, as the system's resolver finds them within 20 seconds.
///
/// # Errors
/// `lookup backend: no such host` and the like.
pub async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    // Go dials an empty host as the local machine.
    let name = if host.is_empty() { "localhost" } else { host };
    let found = tokio::time::timeout(CONNECT_TIMEOUT, tokio::net::lookup_host((name, port))).await;
    match found {
        Ok(Ok(addresses)) => Ok(addresses.collect()),
        Ok(Err(_)) => Err(no_host(host, NOBODY)),
        Err(_) => Err(no_host(host, "i/o timeout")),
    }
}

/// Connects to one address, within 20 seconds.
///
/// # Errors
/// `dial tcp 127.0.0.1:1: connect: connection refused` and the like.
pub async fn dial_address(address: SocketAddr) -> Result<Connection, String> {
    match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => {
            tune(&stream);
            Ok(Connection::Tcp(stream))
        }
        Ok(Err(error)) => Err(format!("dial tcp {address}: connect: {}", reason(&error))),
        Err(_) => Err(format!("dial tcp {address}: i/o timeout")),
    }
}

const NOBODY: &str = "no such host";

fn no_host(host: &str, why: &str) -> String {
    format!("lookup {}: {why}", if host.is_empty() { "localhost" } else { host })
}

/// Options without which a connection works as well, only later or longer.
fn tune(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        let millis = u32::try_from(UNACKNOWLEDGED_MAX.as_millis()).unwrap_or(u32::MAX);
        let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, millis);
    }
}

/// The text of an IO error as Go prints it.
pub fn reason(error: &io::Error) -> String {
    let text = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset by peer",
        io::ErrorKind::BrokenPipe => "broken pipe",
        io::ErrorKind::TimedOut => "connection timed out",
        io::ErrorKind::NetworkUnreachable => "network is unreachable",
        io::ErrorKind::HostUnreachable => "no route to host",
        io::ErrorKind::NotFound => "no such file or directory",
        io::ErrorKind::PermissionDenied => "permission denied",
        io::ErrorKind::UnexpectedEof => "EOF",
        _ => return error.to_string(),
    };
    text.to_owned()
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connection::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Connection::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Connection::Tcp(stream) => Pin::new(stream).poll_write(cx, data),
            Connection::Unix(stream) => Pin::new(stream).poll_write(cx, data),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Connection::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, data),
            Connection::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, data),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connection::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Connection::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connection::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Connection::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, want: Result<(&str, u16), &str>) {
        let want = want.map(|(host, port)| Target::Tcp { host: host.into(), port });
        assert_eq!(Target::tcp(address), want.map_err(str::to_owned));
    }

    #[test]
    fn addresses_are_split_as_in_go() {
        check("localhost:4317", Ok(("localhost", 4317)));
        check(":4317", Ok(("", 4317)));
        check("[::1]:4317", Ok(("::1", 4317)));
        check("localhost", Err("address localhost: missing port in address"));
        check("::1:4317", Err("address ::1:4317: too many colons in address"));
        check("[::1:4317", Err("address [::1:4317: missing ']' in address"));
        check("[::1]", Err("address [::1]: missing port in address"));
        check("localhost:abc", Err("invalid port \"abc\""));
    }

    #[tokio::test]
    async fn a_refused_connection_reads_as_in_go() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = dial(&Target::tcp(&address.to_string()).unwrap()).await.unwrap_err();
        assert_eq!(error, format!("dial tcp {address}: connect: connection refused"));
        let error = dial(&Target::Unix("/nowhere/socket".into())).await.unwrap_err();
        assert_eq!(error, "dial unix /nowhere/socket: connect: no such file or directory");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_dead_peer_is_noticed_before_the_kernel_would() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Target::tcp(&listener.local_addr().unwrap().to_string()).unwrap();
        let Connection::Tcp(stream) = dial(&target).await.unwrap() else {
            panic!("{target} is TCP");
        };
        assert_eq!(rustix::net::sockopt::tcp_user_timeout(&stream).unwrap(), 20_000);
        assert!(stream.nodelay().unwrap());
    }
}
