//! OTLP over gRPC and HTTP. A message is checked once and travels on as the bytes that came; the
//! pipeline's answer is the client's answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use component::{
    BoxError, Component, Host, Outputs, Receiver, Settings, Signal, Stability, async_trait,
};
use tracing::info;

mod config;
mod grpc;
mod http;
mod intake;
#[cfg(test)]
mod tests;

pub use config::{Config, HttpConfig, Protocols};
use intake::Intake;

/// The receiver. One instance serves all signals that a pipeline wants.
pub struct Otlp {
    settings: Settings,
    config: Config,
    out: Outputs,
    bound: Mutex<Bound>,
}

/// Where an instance listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bound {
    /// OTLP/gRPC.
    pub grpc: Option<SocketAddr>,
    /// OTLP/HTTP.
    pub http: Option<SocketAddr>,
}

impl Receiver for Otlp {
    type Config = Config;
    const TYPE: &'static str = "otlp";
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Stable),
        (Signal::Metrics, Stability::Stable),
        (Signal::Logs, Stability::Stable),
    ];

    fn create(settings: Settings, config: Config, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, config, out, bound: Mutex::default() })
    }
}

impl Otlp {
    /// Where it listens, once started: tells the port when the endpoint's is 0.
    pub fn bound(&self) -> Bound {
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn intakes(&self, transport: &'static str) -> impl Iterator<Item = Intake> {
        let wanted = Signal::ALL.into_iter().filter(|signal| self.out.wants(*signal));
        let not_utf8 = self.config.invalid_utf8.as_deref().copied().unwrap_or_default().into();
        wanted.map(move |signal| {
            Intake::new(&self.settings, signal, transport, not_utf8, self.out.clone())
        })
    }

    fn paths(&self, config: &HttpConfig) -> Vec<http::Path> {
        let path = |intake: Intake| {
            let path = match intake.signal {
                Signal::Traces => &config.traces_url_path,
                Signal::Metrics => &config.metrics_url_path,
                Signal::Logs => &config.logs_url_path,
            };
            http::Path { path: path.as_str().to_owned(), intake }
        };
        self.intakes("http").map(path).collect()
    }
}

#[async_trait]
impl Component for Otlp {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let mut bound = Bound::default();
        if let Some(config) = self.config.protocols.grpc.get() {
            let routes = self.intakes("grpc").map(grpc::route).collect();
            bound.grpc = configgrpc::server::serve(config, routes, (host, &self.settings.meter))?;
        }
        if let Some(config) = self.config.protocols.http.get() {
            let handler = http::Paths { paths: self.paths(config) };
            let around = (host, &self.settings.meter);
            info!(endpoint = config.server.net.endpoint, "Starting HTTP server");
            bound.http = confighttp::server::serve(&config.server, Arc::new(handler), around)?;
        }
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = bound;
        Ok(())
    }
}
