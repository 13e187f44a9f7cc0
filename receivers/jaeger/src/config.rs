//! `receivers: jaeger:` (`receiver/jaegerreceiver/config.go`, v0.149).

use component::Problems;
use component::config::{Caution, Duration, Need, Section};
use configgrpc::client::ClientConfig;
use confignet::{AddrConfig, split_host_port, with_port};
use serde::{Deserialize, Serialize};

/// Longest datagram that UDP has over IPv4, in bytes.
const PACKET_BYTES_MAX: i64 = 65_507;
/// Most datagrams that wait for a worker.
const QUEUE_MAX: i64 = 1_000_000;
/// Most workers of one protocol.
const WORKERS_MAX: i64 = 1_000;

/// The section.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "jaegerreceiver.Config")]
pub struct Config {
    /// What is served; at least one.
    pub protocols: Protocols,
    /// Gone upstream: the extension `jaegerremotesampling` took its place.
    #[config(go = "*jaegerreceiver.RemoteSamplingConfig")]
    pub remote_sampling: Section<RemoteSampling>,
}

/// `protocols:`. A protocol is on when it is mentioned, even as `grpc:` with nothing after.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "jaegerreceiver.Protocols")]
pub struct Protocols {
    /// `jaeger.api_v2.CollectorService`. Default off; endpoint localhost:14250.
    pub grpc: Section<configgrpc::server::ServerConfig>,
    /// Thrift over HTTP at `/api/traces`. Default off; endpoint localhost:14268.
    pub thrift_http: Section<confighttp::server::ServerConfig>,
    /// Thrift's binary protocol over UDP. Default off; endpoint localhost:6832.
    pub thrift_binary: Section<UdpConfig>,
    /// Thrift's compact protocol over UDP. Default off; endpoint localhost:6831.
    pub thrift_compact: Section<UdpConfig>,
}

impl Default for Protocols {
    fn default() -> Self {
        let grpc = configgrpc::server::ServerConfig {
            net: AddrConfig::tcp("localhost:14250"),
            ..Default::default()
        };
        let http = confighttp::server::ServerConfig {
            net: AddrConfig::tcp("localhost:14268"),
            ..Default::default()
        };
        Self {
            grpc: Section::off(grpc),
            thrift_http: Section::off(http),
            thrift_binary: Section::off(UdpConfig::at("localhost:6832")),
            thrift_compact: Section::off(UdpConfig::at("localhost:6831")),
        }
    }
}

/// A protocol over UDP.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "jaegerreceiver.ProtocolUDP")]
pub struct UdpConfig {
    /// `host:port`.
    pub endpoint: String,
    /// Datagrams that wait for a worker; more are dropped and counted. Default 1000.
    pub queue_size: i64,
    /// Longest datagram in bytes; longer ones are dropped and counted. Default 65000.
    pub max_packet_size: i64,
    /// Datagrams that are worked on at a time. Default 10.
    pub workers: i64,
    /// Buffer of the socket in bytes; 0 is the system's. Default 0.
    pub socket_buffer_size: i64,
}

impl UdpConfig {
    fn at(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            queue_size: 1000,
            max_packet_size: 65_000,
            workers: 10,
            socket_buffer_size: 0,
        }
    }
}

impl Default for UdpConfig {
    fn default() -> Self {
        Self::at("")
    }
}

/// `remote_sampling:`. Read to say what took its place.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "jaegerreceiver.RemoteSamplingConfig")]
pub struct RemoteSampling {
    /// Where it was served.
    pub host_endpoint: String,
    /// The file of strategies.
    pub strategy_file: String,
    /// How often it was read.
    pub strategy_file_reload_interval: Duration,
    /// The collector that was asked.
    #[serde(flatten)]
    pub client: ClientConfig,
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let Protocols { grpc, thrift_http, thrift_binary, thrift_compact } = &self.protocols;
        let (grpc, http) = (grpc.get(), thrift_http.get());
        let udp = [
            ("thrift_binary", "Thrift UDP Binary", thrift_binary.get()),
            ("thrift_compact", "Thrift UDP Compact", thrift_compact.get()),
        ];
        if grpc.is_none() && http.is_none() && udp.iter().all(|it| it.2.is_none()) {
            let text = "must specify at least one protocol when using the Jaeger receiver";
            problems.at("", text).require("protocols", "{grpc: , thrift_http: }");
        }
        if let Some(grpc) = grpc {
            grpc.validate("protocols::grpc", problems);
            check_port(("grpc", "gRPC", "14250"), &grpc.net.endpoint, problems);
        }
        if let Some(http) = http {
            http.validate("protocols::thrift_http", Some(""), problems);
            check_port(("thrift_http", "Thrift HTTP", "14268"), &http.net.endpoint, problems);
        }
        for (name, shown, udp) in udp {
            let Some(udp) = udp else { continue };
            let port = if name == "thrift_binary" { "6832" } else { "6831" };
            check_port((name, shown, port), &udp.endpoint, problems);
            udp.validate(name, problems);
        }
        if self.remote_sampling.get().is_some() {
            let text = "remote sampling config detected in the Jaeger receiver; \
                        use the `jaegerremotesampling` extension instead";
            problems.at("", text).remove("remote_sampling");
        }
    }
}

impl UdpConfig {
    fn validate(&self, name: &str, problems: &mut Problems) {
        let key = format!("protocols::{name}");
        problems.needs(format!("{key}::endpoint"), Need::Address(self.endpoint.clone()));
        let ranges = [
            ("queue_size", self.queue_size, 1, QUEUE_MAX, "1000"),
            ("max_packet_size", self.max_packet_size, 1, PACKET_BYTES_MAX, "65000"),
            ("workers", self.workers, 1, WORKERS_MAX, "10"),
            ("socket_buffer_size", self.socket_buffer_size, 0, i64::from(i32::MAX), "0"),
        ];
        for (key_of, value, least, most, default) in ranges {
            if !(least..=most).contains(&value) {
                let text = format!("{key_of} must be between {least} and {most}");
                problems.at(&key, text).set(key_of, default);
            }
        }
        let Ok((host, port)) = split_host_port(&self.endpoint) else { return };
        if matches!(host, "0.0.0.0" | "::") {
            let text = format!("{} listens on every network of this machine", self.endpoint);
            let finding = problems.warn(Caution::Everywhere, &key, text);
            finding.set("endpoint", format!("localhost:{port}"));
        }
    }
}

/// `checkPortFromEndpoint`. Other than upstream port 0 is any that is free, as for all of our servers.
fn check_port((key, shown, port): (&str, &str, &str), endpoint: &str, problems: &mut Problems) {
    let why = match split_host_port(endpoint) {
        Err(why) => format!("endpoint is not formatted correctly: {why}"),
        Ok((_, port)) => match port.parse::<i64>() {
            Err(_) => format!(
                "endpoint port is not a number: strconv.ParseInt: parsing {port:?}: invalid syntax"
            ),
            Ok(0..=65_535) => return,
            Ok(_) => "port number must be between 1 and 65535".to_owned(),
        },
    };
    let text = format!("invalid port number for the {shown} endpoint: {why}");
    let finding = problems.at("", text);
    let place = format!("protocols::{key}::endpoint");
    finding.about(&place);
    if let Some(fixed) = with_port(endpoint, port) {
        finding.set(&place, fixed);
    }
}
