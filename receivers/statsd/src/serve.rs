//! The sockets: datagrams of UDP and of unix sockets, and lines of TCP.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use component::{BoxError, Host};
use confignet::{AddrConfig, Connection, Datagrams, Listener, go_text};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::UnixDatagram;
use tracing::{debug, warn};

use crate::Shared;
use crate::config::Config;

/// Longest datagram, in bytes. IPv6 without an extension has no longer one; upstream's number.
const DATAGRAM_BYTES_MAX: usize = 65_527;
/// Longest line of TCP, in bytes.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Pause after an error of the socket.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// Binds the endpoint and reads from it until the host stops. Returns the address bound.
pub(crate) fn serve(
    config: &Config,
    shared: &Arc<Shared>,
    host: &Host,
) -> Result<Option<SocketAddr>, BoxError> {
    let transport = config.transport.word();
    let starting = |why: String| format!("starting to listen {transport} socket: {why}");
    let endpoint = match (config.endpoint.as_str(), transport) {
        ("", "unixgram") => "/var/run/statsd-receiver.sock",
        ("", _) => "localhost:8125",
        (endpoint, _) => endpoint,
    };
    let (its_host, shared) = (host.clone(), Arc::clone(shared));
    let buffer = usize::try_from(config.socket_buffer_size).unwrap_or(0);
    match transport {
        "unixgram" => {
            let socket = Unix::bind(endpoint, config.socket_permissions, buffer)?;
            host.spawn(async move {
                let read = unix(&socket, &shared);
                its_host.stopping().run_until_cancelled(read).await;
                Ok(())
            });
            Ok(None)
        }
        "tcp" | "tcp4" | "tcp6" => {
            let mut address = AddrConfig::tcp(endpoint);
            address.transport = config.transport.clone();
            let listener = Listener::bind(&address, host).map_err(starting)?;
            let bound = listener.local_addr();
            host.spawn(async move {
                let stopping = its_host.stopping();
                while let Some(connection) = stopping.run_until_cancelled(listener.accept()).await {
                    let (shared, stopping) = (Arc::clone(&shared), stopping.clone());
                    its_host.spawn(async move {
                        stopping.run_until_cancelled(tcp(connection, &shared)).await;
                        Ok(())
                    });
                }
                Ok(())
            });
            Ok(bound)
        }
        _ => {
            let socket = Datagrams::bind(endpoint, buffer, host).map_err(starting)?;
            let bound = socket.local_addr();
            host.spawn(async move {
                its_host.stopping().run_until_cancelled(udp(&socket, &shared)).await;
                Ok(())
            });
            Ok(bound)
        }
    }
}

async fn udp(socket: &Datagrams, shared: &Shared) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        match socket.receive(&mut buffer).await {
            Ok((length, client)) => {
                shared.add(buffer.get(..length).unwrap_or_default(), Some(client));
            }
            Err(error) => {
                warn!(%error, "a datagram could not be read; going on with the next");
                tokio::time::sleep(ERROR_PAUSE).await;
            }
        }
    }
}

async fn unix(socket: &Unix, shared: &Shared) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        match socket.socket.recv(&mut buffer).await {
            Ok(length) => shared.add(buffer.get(..length).unwrap_or_default(), None),
            Err(error) => {
                warn!(%error, "a datagram could not be read; going on with the next");
                tokio::time::sleep(ERROR_PAUSE).await;
            }
        }
    }
}

/// The lines of a connection. One that is too long ends it: where the next begins cannot be known.
async fn tcp(connection: Connection, shared: &Shared) {
    let client = connection.peer();
    let mut reader = BufReader::new(connection);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await;
        match read {
            Ok(0) => return,
            Ok(_) if line.ends_with(b"\n") => shared.add(line.trim_ascii(), client),
            Ok(length) if length as u64 == LINE_BYTES_MAX => {
                debug!(?client, "a line of more than 64 KiB: closing the connection");
                shared.dropped();
                return;
            }
            // The last line has no end.
            Ok(_) => shared.add(line.trim_ascii(), client),
            Err(error) => {
                debug!(?client, %error, "a connection could not be read");
                return;
            }
        }
    }
}

/// A socket for datagrams in the file system, which goes with it.
struct Unix {
    socket: UnixDatagram,
    path: PathBuf,
    /// Device and number of the file: when the configuration is reloaded, the path is that of the next instance.
    file: Option<(u64, u64)>,
}

fn file(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|it| (it.dev(), it.ino()))
}

impl Unix {
    /// One that a collector has left behind that was killed is taken away first.
    fn bind(path: &str, permissions: u32, buffer: usize) -> Result<Self, BoxError> {
        let fail = |what: &str, error: &std::io::Error| format!("{what}: {}", go_text(error));
        if std::fs::metadata(path).is_ok_and(|it| it.file_type().is_socket()) {
            let _ = std::fs::remove_file(path);
        }
        let listen = format!("starting to listen unixgram socket: listen unixgram {path}: bind");
        let socket = UnixDatagram::bind(path).map_err(|it| fail(&listen, &it))?;
        if buffer > 0 {
            let set = socket2::SockRef::from(&socket).set_recv_buffer_size(buffer);
            set.map_err(|it| fail("setting socket buffer size", &it))?;
        }
        let set = std::fs::set_permissions(path, Permissions::from_mode(permissions));
        set.map_err(|it| fail(&format!("running chmod {permissions:o}: chmod {path}"), &it))?;
        let path = PathBuf::from(path);
        Ok(Self { file: file(&path), socket, path })
    }
}

impl Drop for Unix {
    fn drop(&mut self) {
        if file(&self.path) == self.file {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
