//! Endpoints and listeners with the upstream keys (`config/confignet`, v0.159), and errors in Go's
//! words, because operators search for them.

#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

use component::config::{Caution, Duration, Need, Problems};
use serde::{Deserialize, Serialize};

mod address;
pub mod dial;
mod listener;
pub mod proxy;

pub use address::{go_text, is_local, join_host_port, split_host_port, with_port};
pub use listener::{Connection, Listener};

/// Where to listen or connect. Flattened into the section of a server or client.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct AddrConfig {
    /// `host:port`, or a path for unix sockets.
    #[config(omit_empty)]
    pub endpoint: String,
    /// tcp, tcp4, tcp6, unix; upstream's others are known but cannot be served. Default tcp.
    #[config(omit_empty)]
    pub transport: String,
    /// For clients.
    #[config(omit_empty)]
    pub dialer: DialerConfig,
}

/// `dialer:`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, config::Described)]
pub struct DialerConfig {
    /// Longest time to connect; 0 is unlimited. Default 0.
    #[config(omit_empty)]
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

    /// For servers: says what is known of listening there, and warns of one that everybody can reach. `port` is
    /// proposed to an endpoint without one.
    pub fn listens(&self, key: &str, port: &str, problems: &mut Problems) {
        let address = format!("{key}::endpoint");
        problems.needs(address.trim_start_matches("::"), Need::Address(self.endpoint.clone()));
        if let Err(why) = listener::check(&self.transport, &self.endpoint) {
            let finding = problems.at_start(key, why);
            finding.about("endpoint");
            match (self.endpoint.split_once("://"), with_port(&self.endpoint, port)) {
                (Some((_, rest)), _) => finding.form("endpoint", rest),
                (None, Some(fixed)) if self.transport != "unix" => finding.set("endpoint", fixed),
                _ => finding,
            };
        }
        let Ok((host, port)) = split_host_port(&self.endpoint) else { return };
        if self.transport.starts_with("tcp") && matches!(host, "0.0.0.0" | "::") {
            let text = format!("{} listens on every network of this machine", self.endpoint);
            let finding = problems.warn(Caution::Everywhere, key, text);
            finding.set("endpoint", format!("localhost:{port}"));
        }
    }

    /// Checks the section; `key` is its path in the component.
    pub fn validate(&self, key: &str, problems: &mut Problems) {
        if !TRANSPORTS.contains(&self.transport.as_str()) {
            problems
                .at(key, format!("unsupported transport type {:?}", self.transport))
                .one_of("transport", &TRANSPORTS[..TRANSPORTS.len() - 1]);
        }
    }
}
