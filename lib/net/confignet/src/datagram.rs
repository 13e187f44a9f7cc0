//! A UDP socket that receives, and answers. When the configuration is reloaded, the next instance of its component takes it
//! over, with the datagrams that wait in it.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use component::Host;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use crate::address::{go_text, parse_port, split_host_port};
use crate::listener::resolve;

/// A bound UDP socket.
pub struct Datagrams {
    socket: UdpSocket,
    /// Offered to the next instance, for as long as this one is there.
    _shared: Arc<OwnedFd>,
}

impl Datagrams {
    /// Binds `endpoint`, or takes over the socket of an instance that makes way. A name is resolved, which may block
    /// for as long as the resolver takes. A `buffer` of 0 bytes is the system's.
    ///
    /// # Errors
    /// In Go's words: `listen udp 127.0.0.1:6831: bind: address already in use`.
    pub fn bind(endpoint: &str, buffer: usize, host: &Host) -> Result<Self, String> {
        let fail = |why: String| format!("listen udp: {why}");
        let (name, port) = split_host_port(endpoint).map_err(fail)?;
        let port = parse_port(port).map_err(fail)?;
        let address = resolve("tcp", name, port).map_err(fail)?;
        let key = format!("udp {address}");
        let bound = match host.take_socket(&key) {
            Some(shared) => shared.try_clone(),
            None => open_any(address),
        };
        let say = |error: io::Error| format!("listen udp {address}: bind: {}", go_text(&error));
        let fd = bound.map_err(say)?;
        let socket = Socket::from(fd);
        if buffer > 0 {
            // As Go: the kernel takes as much as it allows.
            socket.set_recv_buffer_size(buffer).map_err(say)?;
        }
        let shared = Arc::new(OwnedFd::from(socket.try_clone().map_err(say)?));
        let socket = UdpSocket::from_std(socket.into()).map_err(say)?;
        host.offer_socket(key, &shared);
        Ok(Self { socket, _shared: shared })
    }

    /// The address bound.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }

    /// The next datagram, as much of it as `buffer` holds: its length, and who sent it.
    ///
    /// # Errors
    /// What the system says.
    pub async fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.recv_from(buffer).await
    }

    /// Answers who sent one.
    ///
    /// # Errors
    /// What the system says.
    pub async fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        self.socket.send_to(datagram, to).await.map(|_| ())
    }
}

/// All addresses are those of both families, as Go has it; one family where there is no other.
fn open_any(address: SocketAddr) -> io::Result<OwnedFd> {
    let both = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), address.port());
    match address.ip().is_unspecified().then(|| open(both, false)) {
        Some(Ok(socket)) => Ok(socket),
        Some(Err(error)) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        _ => open(address, true),
    }
}

fn open(address: SocketAddr, v6_only: bool) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(v6_only)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use componenttest::TestHost;

    use super::*;

    #[tokio::test]
    async fn datagrams_that_wait_are_taken_over_by_the_next_instance() {
        let first = TestHost::new();
        let second = first.successor();
        let old = Datagrams::bind("127.0.0.1:0", 0, &first).unwrap();
        let address = old.local_addr().unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.send_to(b"waits", address).await.unwrap();
        first.set_leaving(true);
        let new = Datagrams::bind("127.0.0.1:0", 65_536, &second).unwrap();
        drop(old);
        let mut buffer = [0; 16];
        let (length, peer) = new.receive(&mut buffer).await.unwrap();
        assert_eq!((&buffer[..length], Some(peer)), (&b"waits"[..], client.local_addr().ok()));
    }

    #[tokio::test]
    async fn a_taken_port_is_named_in_gos_words() {
        let host = TestHost::new();
        let first = Datagrams::bind("localhost:0", 0, &host).unwrap();
        let address = first.local_addr().unwrap();
        let error = Datagrams::bind(&address.to_string(), 0, &TestHost::new()).err().unwrap();
        assert_eq!(error, format!("listen udp {address}: bind: address already in use"));
        let error = Datagrams::bind("localhost", 0, &host).err().unwrap();
        assert_eq!(error, "listen udp: address localhost: missing port in address");
    }
}
