//! The keys of a gRPC client (`config/configgrpc`, v0.159).

use std::path::PathBuf;
use std::sync::Arc;

use component::config::{Caution, Choice, Duration, MapList, Need, Problems, Section, Side};
use component::{BoxError, ClientAuth, Host};
use compression::{Encoding, Type};
use confignet::dial::Target;
use confignet::{MiddlewareConfig, middlewares};
use serde::{Deserialize, Serialize};

/// Balancers that grpc-go registers.
const BALANCERS: [&str; 3] = ["pick_first", "round_robin", "weighted_round_robin"];

/// A gRPC client, with the defaults of the OTLP exporter.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct ClientConfig {
    /// `host:port`, `http://host:port` (plain text), `https://host:port` (TLS),
    /// `dns:///host:port`, `passthrough:///host:port` or `unix:///path`. Required.
    #[config(omit_empty)]
    pub endpoint: String,
    /// gzip, snappy, zstd or none. Default gzip.
    #[config(omit_empty)]
    pub compression: Choice<Type>,
    /// TLS; on unless `insecure: true`.
    #[config(omit_empty)]
    pub tls: configtls::ClientConfig,
    /// Pings on an idle connection. Default off.
    #[config(omit_empty)]
    pub keepalive: Section<Keepalive>,
    /// Read buffer in bytes. Has no effect: buffers grow with what comes. Default 0.
    #[config(omit_empty)]
    pub read_buffer_size: i64,
    /// Write buffer in bytes. Has no effect: what is sent is not copied into one. Default 524288.
    #[config(omit_empty)]
    pub write_buffer_size: i64,
    /// A call waits for a connection instead of failing without one. Default false.
    #[config(omit_empty)]
    pub wait_for_ready: bool,
    /// Sent with every call.
    #[config(omit_empty)]
    pub headers: MapList,
    /// How calls spread over several addresses of the endpoint: round_robin uses all in turn, pick_first the first one
    /// that can be reached. Default round_robin.
    pub balancer_name: String,
    /// The `:authority` of calls. Default: the endpoint.
    #[config(omit_empty)]
    pub authority: String,
    /// Replaces the user agent. Default: the collector's name and version.
    #[config(omit_empty)]
    pub user_agent: String,
    /// Credentials from an extension.
    #[config(omit_empty)]
    pub auth: Option<AuthConfig>,
    /// Extensions around every call. There is none, upstream either: an id is refused at the start.
    #[config(omit_empty)]
    pub middlewares: Vec<MiddlewareConfig>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            compression: Choice::default(),
            tls: configtls::ClientConfig::default(),
            keepalive: Section::absent(Keepalive::default()),
            read_buffer_size: 0,
            write_buffer_size: 512 * 1024,
            wait_for_ready: false,
            headers: MapList::default(),
            balancer_name: "round_robin".into(),
            authority: String::new(),
            user_agent: String::new(),
            auth: None,
            middlewares: Vec::new(),
        }
    }
}

/// `keepalive:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "configgrpc.KeepaliveClientConfig")]
pub struct Keepalive {
    /// Silence before a ping; below 10s counts as 10s. Default 10s.
    pub time: Duration,
    /// Wait for its answer before the connection is given up. Default 10s.
    pub timeout: Duration,
    /// Ping without a call in flight. Default false.
    #[config(omit_empty)]
    pub permit_without_stream: bool,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
            timeout: Duration::from_secs(10),
            permit_without_stream: false,
        }
    }
}

impl Keepalive {
    /// What a server wants that has complained.
    pub(super) fn half_as_often(self) -> Self {
        Self { time: Duration::of(self.time.std() * 2), ..self }
    }
}

/// `auth:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "configauth.Config", unmarshals)]
pub struct AuthConfig {
    /// Id of the extension.
    #[config(omit_empty, go = "struct")]
    pub authenticator: String,
}

/// `balancer_name:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// The first address that can be reached.
    PickFirst,
    /// All that can be reached.
    RoundRobin,
}

/// An endpoint, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) target: Target,
    pub(crate) tls: bool,
    /// The addresses of its name are looked up by the client, as in grpc-go unless `passthrough:` says otherwise.
    pub(crate) is_resolved: bool,
}

impl ClientConfig {
    /// Checks the section; `key` is its path in the component. An empty endpoint is the component's
    /// business.
    pub fn validate(&self, key: &str, problems: &mut Problems) {
        if !self.endpoint.is_empty()
            && let Err(problem) = self.target()
        {
            let finding = problems.at(key, problem);
            finding.about("endpoint");
            if let Some(fixed) = confignet::with_port(&self.endpoint, "4317") {
                finding.set("endpoint", fixed);
            }
        }
        if !self.balancer_name.is_empty() && !BALANCERS.contains(&self.balancer_name.as_str()) {
            problems
                .at(key, format!("invalid balancer_name: {}", self.balancer_name))
                .one_of("balancer_name", &BALANCERS);
        }
        self.tls.validate(&format!("{key}::tls"), problems);
        self.headers.validate(&format!("{key}::headers"), problems);
        self.warn(key, problems);
        self.unsupported(key, problems);
    }

    /// What cannot be done yet.
    fn unsupported(&self, key: &str, problems: &mut Problems) {
        if let Err(why) = self.check_compression() {
            problems.at_start(key, why).set("compression", "gzip");
        }
        if let Some(auth) = &self.auth {
            let id = auth.authenticator.clone();
            problems.needs(format!("{key}::auth::authenticator"), Need::ClientAuth(id));
        }
        middlewares::check(&self.middlewares, Side::GrpcClient, key, problems);
    }

    /// The extension that gives credentials, if one is named.
    ///
    /// # Errors
    /// In the Collector's words.
    pub fn authenticator(&self, host: &Host) -> Result<Option<Arc<dyn ClientAuth>>, BoxError> {
        // No extension is a middleware of clients: this says so of the first.
        middlewares::find(&self.middlewares, Side::GrpcClient, host)?;
        let name = self.auth.as_ref().map(|it| it.authenticator.as_str());
        name.map(|it| host.uses_named::<dyn ClientAuth>(it)).transpose()
    }

    /// What is legal and probably not meant.
    fn warn(&self, key: &str, problems: &mut Problems) {
        let scheme = self.endpoint.split_once("://").filter(|it| matches!(it.0, "http" | "https"));
        if let Some((scheme, rest)) = scheme {
            let text =
                format!("endpoint of a gRPC client has a scheme: {scheme}:// decides about TLS");
            let finding = problems.warn(Caution::GrpcScheme, key, text);
            finding.about("endpoint");
            // Without the scheme the section has to say the same.
            if (scheme == "http") == self.tls.is_plaintext() {
                finding.set("endpoint", rest);
            }
        }
        confignet::check_buffers((self.read_buffer_size, self.write_buffer_size), key, problems);
        if self.balancer_name == "weighted_round_robin" {
            let text = "weighted_round_robin is round_robin here: how busy servers say that they are is not read";
            problems.warn(Caution::NoEffect, key, text).set("balancer_name", "round_robin");
        }
        let resolver = self.endpoint.split_once("dns://").and_then(|it| it.1.split_once('/'));
        if let Some((resolver, _)) = resolver.filter(|it| !it.0.is_empty()) {
            let text =
                format!("the resolver {resolver} is not asked: names are looked up by the system");
            problems.warn(Caution::NoEffect, key, text).about("endpoint");
        }
        let Ok(Endpoint { target: Target::Tcp { host, .. }, tls: false, .. }) = self.target()
        else {
            return;
        };
        if !confignet::is_local(&host) {
            let text = format!("telemetry goes to {host} unencrypted");
            let at = if scheme.is_some() { "endpoint" } else { "tls::insecure" };
            problems.warn(Caution::Plaintext, key, text).about(at);
        }
    }

    /// The compression, if gRPC has it. Upstream accepts all and fails at start.
    ///
    /// # Errors
    /// `unsupported compression type "lz4"`.
    pub fn check_compression(&self) -> Result<(), String> {
        match self.compression.0 {
            None | Some(Encoding::Gzip | Encoding::Snappy | Encoding::Zstd) => Ok(()),
            Some(other) => Err(format!("unsupported compression type {:?}", other.name())),
        }
    }

    pub(super) fn policy(&self) -> Policy {
        if self.balancer_name == "pick_first" { Policy::PickFirst } else { Policy::RoundRobin }
    }

    pub(crate) fn target(&self) -> Result<Endpoint, String> {
        let plain = self.tls.is_plaintext();
        let endpoint = self.endpoint.as_str();
        let (rest, tls) = match endpoint.split_once("://") {
            Some(("http", rest)) => (rest, false),
            Some(("https", rest)) => (rest, true),
            _ => (endpoint, !plain),
        };
        if let Some(path) = rest.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err("unix socket path cannot be empty".into());
            }
            let target = Target::Unix(PathBuf::from(path));
            return Ok(Endpoint { target, tls, is_resolved: false });
        }
        // `dns://resolver/host:port`: the system's resolver is asked whatever is named there.
        let resolved = ["dns://", "passthrough://"].iter().find_map(|it| rest.strip_prefix(it));
        let address = if let Some(rest) = resolved {
            rest.split_once('/').map_or(rest, |(_, address)| address)
        } else {
            let short = ["dns:", "passthrough:"].iter().find_map(|it| rest.strip_prefix(it));
            short.unwrap_or(rest)
        };
        let is_resolved = !rest.starts_with("passthrough:");
        Ok(Endpoint { target: Target::tcp(address)?, tls, is_resolved })
    }
}
