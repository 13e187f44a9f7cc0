//! The keys of a gRPC server (`config/configgrpc`, v0.159).

use component::config::{Duration, Problems, Section, Side};
use confignet::server::Before;
use confignet::{AddrConfig, MiddlewareConfig};
use serde::{Deserialize, Serialize};

use crate::client::AuthConfig;

/// grpc-go's limit when `max_recv_msg_size_mib` is 0, in MiB.
const MESSAGE_MIB_DEFAULT: i64 = 4;
/// Largest `max_recv_msg_size_mib` whose bytes fit in 63 bits.
const MESSAGE_MIB_MAX: i64 = i64::MAX / 1024 / 1024;
/// Streams of one connection when `max_concurrent_streams` is 0. grpc-go has no limit then; clients
/// wait for a free stream, so the limit costs nobody a call.
const STREAMS_DEFAULT: u32 = 100;

/// In upstream's words.
const NO_TRANSPORT: &str = "netaddr: invalid transport type \"\"";

/// A gRPC server.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "configgrpc.ServerConfig")]
pub struct ServerConfig {
    /// Where to listen.
    #[serde(flatten)]
    pub net: AddrConfig,
    /// TLS. Default off.
    #[config(omit_empty)]
    pub tls: Section<configtls::ServerConfig>,
    /// Longest message in MiB, before and after decompression; 0 is 4. Default 0.
    #[config(omit_empty)]
    pub max_recv_msg_size_mib: i64,
    /// Most calls of one connection at a time; 0 is 100. Default 0.
    #[config(omit_empty)]
    pub max_concurrent_streams: u32,
    /// Read buffer in bytes. Has no effect: buffers grow with what comes. Default 0.
    #[config(omit_empty)]
    pub read_buffer_size: i64,
    /// Write buffer in bytes. Has no effect: what is sent is not copied into one. Default 0.
    #[config(omit_empty)]
    pub write_buffer_size: i64,
    /// Life of connections. Default on.
    #[config(omit_empty)]
    pub keepalive: Section<Keepalive>,
    /// Credentials of clients, checked by an extension. Default off.
    #[config(omit_empty)]
    pub auth: Section<AuthConfig>,
    /// Pipelines see the metadata of calls. Default false.
    #[config(omit_empty)]
    pub include_metadata: bool,
    /// Extensions that may refuse calls, such as `memory_limiter`.
    #[config(omit_empty)]
    pub middlewares: Vec<MiddlewareConfig>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            net: AddrConfig::tcp(""),
            tls: Section::absent(configtls::ServerConfig::default()),
            max_recv_msg_size_mib: 0,
            max_concurrent_streams: 0,
            read_buffer_size: 0,
            write_buffer_size: 0,
            keepalive: Section::on(Keepalive::default()),
            auth: Section::absent(AuthConfig::default()),
            include_metadata: false,
            middlewares: Vec::new(),
        }
    }
}

/// `keepalive:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "configgrpc.KeepaliveServerConfig")]
pub struct Keepalive {
    /// What the server does. Default on.
    #[config(omit_empty)]
    pub server_parameters: Section<ServerParameters>,
    /// What clients may do. Default on.
    #[config(omit_empty)]
    pub enforcement_policy: Section<EnforcementPolicy>,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            server_parameters: Section::on(ServerParameters::default()),
            enforcement_policy: Section::on(EnforcementPolicy::default()),
        }
    }
}

/// `keepalive: server_parameters:`. Zero is "as grpc-go": never, or the value named.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "configgrpc.KeepaliveServerParameters")]
pub struct ServerParameters {
    /// A connection without calls for this long is asked to leave. Default 0: never.
    #[config(omit_empty)]
    pub max_connection_idle: Duration,
    /// A connection this old is asked to leave. Default 0: never.
    #[config(omit_empty)]
    pub max_connection_age: Duration,
    /// Time for calls of a connection that was asked to leave. Default 0: unlimited.
    #[config(omit_empty)]
    pub max_connection_age_grace: Duration,
    /// Pause between pings to the client. Default 0: 2h.
    #[config(omit_empty)]
    pub time: Duration,
    /// Wait for a ping's answer before the connection is closed. Default 0: 20s.
    #[config(omit_empty)]
    pub timeout: Duration,
}

/// `keepalive: enforcement_policy:`. A client that pings more often is sent away.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "configgrpc.KeepaliveEnforcementPolicy")]
pub struct EnforcementPolicy {
    /// Shortest pause between pings of a client. Default 0: 5m.
    #[config(omit_empty)]
    pub min_time: Duration,
    /// Clients may ping without a call in flight. Default false.
    #[config(omit_empty)]
    pub permit_without_stream: bool,
}

impl ServerConfig {
    /// Checks the section; `key` is its path in the component.
    pub fn validate(&self, key: &str, problems: &mut Problems) {
        if self.net.transport.word().is_empty() {
            problems.at(key, NO_TRANSPORT).set("transport", "tcp");
        }
        self.net.listens(key, "4317", problems);
        self.before().check(key, problems);
        if let Some(tls) = self.tls.get() {
            tls.check_start(&format!("{key}::tls"), problems);
        }
        let mib = self.max_recv_msg_size_mib;
        if !(0..=MESSAGE_MIB_MAX).contains(&mib) {
            problems.at(
                key,
                format!(
                    "invalid max_recv_msg_size_mib value, must be between 1 and {MESSAGE_MIB_MAX}: {mib}"
                ),
            )
            .set("max_recv_msg_size_mib", "4");
        }
        let sizes = [
            ("read_buffer_size", self.read_buffer_size),
            ("write_buffer_size", self.write_buffer_size),
        ];
        // As upstream it stops at the first mistake.
        let wrong = sizes.into_iter().find(|it| it.1 < 0 && (0..=MESSAGE_MIB_MAX).contains(&mib));
        if let Some((name, size)) = wrong {
            problems.at(key, format!("invalid {name} value: {size}")).remove(name);
        }
        confignet::check_buffers((self.read_buffer_size, self.write_buffer_size), key, problems);
        for it in self.tls.get().map(configtls::ServerConfig::mistakes).unwrap_or_default() {
            problems.at(key, format!("tls: {}", it.text)).about("tls");
        }
    }

    /// The extensions before its calls.
    pub(super) fn before(&self) -> Before<'_> {
        let authenticator = self.auth.get().map(|it| it.authenticator.as_str());
        Before { authenticator, middlewares: &self.middlewares, side: Side::GrpcServer }
    }

    /// Longest message in bytes.
    pub(super) fn message_bytes_max(&self) -> usize {
        let mib = match self.max_recv_msg_size_mib {
            0 => MESSAGE_MIB_DEFAULT,
            mib => mib,
        };
        usize::try_from(mib.saturating_mul(1024 * 1024)).unwrap_or(usize::MAX)
    }

    /// Most calls of one connection at a time.
    pub(super) fn streams_max(&self) -> u32 {
        match self.max_concurrent_streams {
            0 => STREAMS_DEFAULT,
            streams => streams,
        }
    }

    /// The life of connections.
    pub(super) fn server_parameters(&self) -> ServerParameters {
        let keepalive = self.keepalive.get();
        let parameters = keepalive.and_then(|it| it.server_parameters.get());
        parameters.cloned().unwrap_or_default()
    }
    /// How often clients may ping.
    pub(super) fn enforcement_policy(&self) -> EnforcementPolicy {
        let keepalive = self.keepalive.get();
        let policy = keepalive.and_then(|it| it.enforcement_policy.get());
        policy.cloned().unwrap_or_default()
    }
}
