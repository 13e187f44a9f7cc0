//! Endpoints and listeners with the upstream keys (`config/confignet`, v0.159), and errors in Go's
//! words, because operators search for them.

use component::config::{Caution, Choice, Choices, Duration, Need, Problems};
use serde::{Deserialize, Serialize};

mod address;
mod arrival;
mod datagram;
pub mod dial;
pub mod http2;
mod listener;
pub mod middlewares;
mod pace;
pub mod proxy;
pub mod server;

pub use address::{go_text, is_local, join_host_port, split_host_port, with_port};
pub use arrival::{Arriving, PingPolicy};
pub use datagram::Datagrams;
pub use listener::{Connection, Listener};
pub use middlewares::MiddlewareConfig;
pub use pace::Pace;

/// Where to listen or connect. Flattened into the section of a server or client.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct AddrConfig {
    /// `host:port`, or a path for unix sockets.
    #[config(omit_empty)]
    pub endpoint: String,
    /// tcp, tcp4, tcp6, unix; upstream's others are known but cannot be served. Default tcp.
    #[config(omit_empty)]
    pub transport: Choice<Transport>,
    /// For clients.
    #[config(omit_empty)]
    pub dialer: DialerConfig,
}

/// The same for what is served over TCP only (`confignet.TCPAddrConfig`).
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct TcpAddrConfig {
    /// `host:port`.
    #[config(omit_empty)]
    pub endpoint: String,
    /// For clients.
    #[config(omit_empty)]
    pub dialer: DialerConfig,
}

impl TcpAddrConfig {
    /// As an address of any kind.
    pub fn address(&self) -> AddrConfig {
        AddrConfig { dialer: self.dialer, ..AddrConfig::tcp(&self.endpoint) }
    }
}

/// `dialer:`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, config::Described)]
pub struct DialerConfig {
    /// Longest time to connect; 0 is unlimited. Default 0.
    #[config(omit_empty)]
    pub timeout: Duration,
}

/// How to listen or connect; nothing is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Transport(&'static str);

impl Transport {
    /// `tcp`.
    pub const TCP: Self = Self("tcp");
    /// `udp`.
    pub const UDP: Self = Self("udp");
    /// `unix`.
    pub const UNIX: Self = Self("unix");
}

/// `confignet.go`, `TransportType.UnmarshalText`, v0.159.
impl Choices for Transport {
    const GO: &'static str = "confignet.TransportType";
    const SHOWN: usize = 13;
    const NAMES: &'static [(&'static str, Self)] = &[
        ("tcp", Self::TCP),
        ("tcp4", Self("tcp4")),
        ("tcp6", Self("tcp6")),
        ("udp", Self::UDP),
        ("udp4", Self("udp4")),
        ("udp6", Self("udp6")),
        ("ip", Self("ip")),
        ("ip4", Self("ip4")),
        ("ip6", Self("ip6")),
        ("unix", Self::UNIX),
        ("unixgram", Self("unixgram")),
        ("unixpacket", Self("unixpacket")),
        ("npipe", Self("npipe")),
        ("", Self("")),
    ];

    fn unknown(word: &str) -> String {
        format!("unsupported transport type {word:?}")
    }
}

/// Buffers of upstream's servers and clients, in bytes, that every configuration there has.
const BUFFER_BYTES: i64 = 512 * 1024;

/// Says that `read_buffer_size` and `write_buffer_size`, as they were set, have no effect.
pub fn check_buffers((read, write): (i64, i64), key: &str, problems: &mut Problems) {
    let reads = ("read_buffer_size", read, "buffers grow with what comes");
    let writes = ("write_buffer_size", write, "what is sent is not copied into a buffer");
    for (name, bytes, why) in [reads, writes] {
        if bytes > 0 && bytes != BUFFER_BYTES {
            let text = format!("{name} has no effect: {why}");
            problems.warn(Caution::NoEffect, key, text).remove(name);
        }
    }
}

impl AddrConfig {
    /// A TCP endpoint.
    pub fn tcp(endpoint: &str) -> Self {
        let transport = Transport::TCP.into();
        Self { endpoint: endpoint.to_owned(), transport, dialer: DialerConfig::default() }
    }

    /// For servers: says what is known of listening there, and warns of one that everybody can reach. `port` is
    /// proposed to an endpoint without one.
    pub fn listens(&self, key: &str, port: &str, problems: &mut Problems) {
        let address = format!("{key}::endpoint");
        problems.needs(address.trim_start_matches("::"), Need::Address(self.endpoint.clone()));
        if let Err(why) = listener::check(self.transport.word(), &self.endpoint) {
            let finding = problems.at_start(key, why);
            finding.about("endpoint");
            match (self.endpoint.split_once("://"), with_port(&self.endpoint, port)) {
                (Some((_, rest)), _) => finding.form("endpoint", rest),
                (None, Some(fixed)) if self.transport.word() != "unix" => {
                    finding.set("endpoint", fixed)
                }
                _ => finding,
            };
        }
        if !self.dialer.timeout.std().is_zero() {
            let text = "dialer.timeout has no effect: a server dials nobody";
            problems.warn(Caution::NoEffect, key, text).remove("dialer");
        }
        let Ok((host, port)) = split_host_port(&self.endpoint) else { return };
        if self.transport.word().starts_with("tcp") && matches!(host, "0.0.0.0" | "::") {
            let text = format!("{} listens on every network of this machine", self.endpoint);
            let finding = problems.warn(Caution::Everywhere, key, text);
            finding.set("endpoint", format!("localhost:{port}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_that_somebody_has_set_are_said_to_have_no_effect() {
        let told = |read, write| {
            let mut problems = Problems::default();
            check_buffers((read, write), "grpc", &mut problems);
            problems.warnings().iter().map(|it| it.1.text.clone()).collect::<Vec<_>>()
        };
        let writes = "write_buffer_size has no effect: what is sent is not copied into a buffer";
        let reads = "read_buffer_size has no effect: buffers grow with what comes";
        assert_eq!(told(0, BUFFER_BYTES), [""; 0]);
        assert_eq!(told(BUFFER_BYTES, 0), [""; 0]);
        assert_eq!(told(1, 0), [reads]);
        assert_eq!(told(0, 7), [writes]);
        assert_eq!(told(1, 7), [reads, writes]);
    }
}
