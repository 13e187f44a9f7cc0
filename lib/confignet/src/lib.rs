//! Endpoints and listeners with the upstream keys (`config/confignet`, v0.159), and errors in Go's
//! words, because operators search for them.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use component::config::{Duration, Problems};
use serde::{Deserialize, Serialize};

mod address;
pub mod dial;
mod listener;

pub use address::{go_text, join_host_port, split_host_port};
pub use listener::{Connection, Listener};

/// Where to listen or connect. Flattened into the section of a server or client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddrConfig {
    /// `host:port`, or a path for unix sockets.
    pub endpoint: String,
    /// tcp, tcp4, tcp6, unix; upstream's others are known but cannot be served. Default tcp.
    pub transport: String,
    /// For clients.
    pub dialer: DialerConfig,
}

/// `dialer:`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct DialerConfig {
    /// Longest time to connect; 0 is unlimited. Default 0.
    pub timeout: Duration,
}

/// Transports that upstream accepts. `confignet.go`, `TransportType.UnmarshalText`, v0.159.
const TRANSPORTS: [&str; 14] = [
    "tcp",
    "tcp4",
    "tcp6",
    "udp",
    "udp4",
    "udp6",
    "ip",
    "ip4",
    "ip6",
    "unix",
    "unixgram",
    "unixpacket",
    "npipe",
    "",
];

impl AddrConfig {
    /// A TCP endpoint.
    pub fn tcp(endpoint: &str) -> Self {
        let transport = "tcp".to_owned();
        Self { endpoint: endpoint.to_owned(), transport, dialer: DialerConfig::default() }
    }

    /// Checks the section; `key` is its path in the component.
    pub fn validate(&self, key: &str, problems: &mut Problems) {
        if !TRANSPORTS.contains(&self.transport.as_str()) {
            problems.at(key, format!("unsupported transport type {:?}", self.transport));
        }
    }
}
