//! Jaeger's protocols: spans over gRPC as protobuf, over HTTP and UDP as Thrift. The pipelines' answer is the
//! client's answer, where a protocol has one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use component::{
    BoxError, Component, Host, Outputs, Received, Receiver, Settings, Signal, Stability,
    async_trait,
};
use tracing::info;

mod config;
mod grpc;
mod http;
mod intake;
mod model;
mod proto;
#[cfg(test)]
mod tests;
mod thrift;
mod udp;

pub use config::{Config, Protocols, RemoteSampling, UdpConfig};
use intake::Intake;
pub use thrift::{Call, call as read_call};
use wire::thrift::Protocol;

/// The receiver.
pub struct Jaeger {
    settings: Settings,
    config: Config,
    out: Outputs,
    bound: Mutex<Bound>,
}

/// Where an instance listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bound {
    /// gRPC.
    pub grpc: Option<SocketAddr>,
    /// Thrift over HTTP.
    pub thrift_http: Option<SocketAddr>,
    /// Thrift's binary protocol over UDP.
    pub thrift_binary: Option<SocketAddr>,
    /// Thrift's compact protocol over UDP.
    pub thrift_compact: Option<SocketAddr>,
}

impl Receiver for Jaeger {
    type Config = Config;
    const TYPE: &'static str = "jaeger";
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Traces, Stability::Beta)];

    fn create(settings: Settings, config: Config, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, config, out, bound: Mutex::default() })
    }
}

impl Jaeger {
    /// Where it listens, once started: tells the port when the endpoint's is 0.
    pub fn bound(&self) -> Bound {
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn intake(&self, transport: &str) -> Intake {
        let Settings { meter, id, .. } = &self.settings;
        let received = Received::new(meter, id.as_str(), transport, Signal::Traces);
        Intake { out: self.out.clone(), received }
    }

    /// A protocol over UDP: its section, its name in metrics and in the log.
    fn serve_udp(
        &self,
        config: Option<&UdpConfig>,
        protocol: Protocol,
        (transport, shown): (&'static str, &str),
        host: &Host,
    ) -> Result<Option<SocketAddr>, BoxError> {
        let Some(config) = config else { return Ok(None) };
        let intake = self.intake(transport);
        let bound = udp::serve(config, protocol, intake, (transport, &self.settings), host)?;
        info!(endpoint = config.endpoint, "Starting UDP server for {shown} Thrift");
        Ok(bound)
    }
}

#[async_trait]
impl Component for Jaeger {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let protocols = &self.config.protocols;
        let mut bound = Bound::default();
        let binary = ("udp_thrift_binary", "Binary");
        let section = protocols.thrift_binary.get();
        bound.thrift_binary = self.serve_udp(section, Protocol::Binary, binary, host)?;
        let compact = ("udp_thrift_compact", "Compact");
        let section = protocols.thrift_compact.get();
        bound.thrift_compact = self.serve_udp(section, Protocol::Compact, compact, host)?;
        let around = (host, &self.settings.meter);
        if let Some(config) = protocols.thrift_http.get() {
            let handler = http::Traces { intake: self.intake("collector_http") };
            info!(endpoint = config.net.endpoint, "Starting HTTP server for Jaeger Thrift");
            let served = confighttp::server::serve(config, Arc::new(handler), around);
            let endpoint = &config.net.endpoint;
            bound.thrift_http = served.map_err(|why| {
                format!("failed to bind to Collector address {endpoint:?}: {why}")
            })?;
        }
        if let Some(config) = protocols.grpc.get() {
            let routes = vec![grpc::route(self.intake("grpc"))];
            info!(endpoint = config.net.endpoint, "Starting gRPC server for Jaeger Protobuf");
            bound.grpc = configgrpc::server::serve(config, routes, around)?;
        }
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = bound;
        Ok(())
    }
}
