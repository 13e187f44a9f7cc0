//! Logs and metrics of clients of Splunk's HTTP Event Collector (HEC). The pipelines' answer is the client's answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use component::{
    BoxError, Component, Host, LostReason, Outputs, Received, Receiver, Settings, Signal,
    Stability, async_trait,
};

mod config;
mod event;
mod http;
mod logs;
mod metrics;
#[cfg(test)]
mod tests;
mod time;

pub use config::{Ack, Config, Splitting};

/// The receiver.
pub struct SplunkHec {
    settings: Settings,
    config: Config,
    out: Outputs,
    bound: Mutex<Option<SocketAddr>>,
}

impl Receiver for SplunkHec {
    type Config = Config;
    const TYPE: &'static str = "splunk_hec";
    const SIGNALS: &'static [(Signal, Stability)] =
        &[(Signal::Metrics, Stability::Beta), (Signal::Logs, Stability::Beta)];

    fn create(settings: Settings, config: Config, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, config, out, bound: Mutex::default() })
    }
}

impl SplunkHec {
    /// Where it listens, once started: tells the port when the endpoint's is 0.
    pub fn bound(&self) -> Option<SocketAddr> {
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Component for SplunkHec {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let Settings { meter, id, .. } = &self.settings;
        let transport = if self.config.server.tls.get().is_some() { "https" } else { "http" };
        let received = |signal| Received::new(meter, id.as_str(), transport, signal);
        let handler = http::Events {
            config: self.config.clone(),
            out: self.out.clone(),
            logs: received(Signal::Logs),
            metrics: received(Signal::Metrics),
            corrupt: LostReason::CorruptRecord.counter(meter),
        };
        let around = (host, meter);
        let bound = confighttp::server::serve(&self.config.server, Arc::new(handler), around)?;
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = bound;
        Ok(())
    }
}
