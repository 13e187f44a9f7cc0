//! One way to a backend that speaks OTLP over gRPC: what the exporters `otlp_grpc` and `load_balancing` share. The encoded
//! telemetry goes to it as it is.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, ExporterSettings, Host,
};
use configgrpc::client::{Client, ClientConfig};
use http::uri::PathAndQuery;
use otlp::{PartialSuccess, Reporter};

mod config;
mod status;

pub use config::Config;

/// Sends to one endpoint.
pub struct Sender {
    settings: ExporterSettings,
    config: ClientConfig,
    timeout: Duration,
    /// Since it was started: upstream refuses there what cannot be made of the section.
    client: OnceLock<Client>,
    path: PathAndQuery,
    reporter: Reporter,
}

impl Sender {
    /// Not connected yet. `timeout` is the longest time of one attempt; 0 is unlimited.
    pub fn new(settings: ExporterSettings, config: ClientConfig, timeout: Duration) -> Self {
        let path = otlp::grpc_path(settings.signal);
        let reporter = Reporter::new(&settings);
        Self { settings, config, timeout, client: OnceLock::new(), path, reporter }
    }
}

#[async_trait]
impl Component for Sender {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let (config, agent) = (&self.config, self.settings.build.user_agent());
        let auth = config.authenticator(host)?;
        let client = (config.check_compression())
            .and_then(|()| Client::new(config, &agent, self.timeout))
            .and_then(|client| client.authorized(auth))
            .map_err(|why| format!("exporters::{}: {why}", self.settings.id))?;
        self.client.get_or_init(|| client.measured(&self.settings.meter));
        Ok(())
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        if let Some(client) = self.client.get() {
            client.close();
        }
        Ok(())
    }
}

#[async_trait]
impl Consumer for Sender {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let client = self.client.get();
        let client =
            client.ok_or_else(|| ConsumeError::retryable("the exporter is not started"))?;
        let reply = client.call(ctx, &self.path, data.chunks()).await.map_err(status::classify)?;
        match PartialSuccess::decode(&reply) {
            Ok(None) => {}
            Ok(Some(partial)) => self.reporter.report(&partial, data.items()),
            // The status said success: sending again would only double the data.
            Err(error) => tracing::debug!(error, "unreadable answer after a success"),
        }
        Ok(())
    }
}
