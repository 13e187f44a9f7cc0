//! OTLP over gRPC. One exporter is one connection; the encoded telemetry goes to it as it is.

#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, Signal, Stability,
};
use configgrpc::client::Client;
use http::uri::PathAndQuery;
use otlp::{PartialSuccess, Reporter};

mod config;
mod status;
#[cfg(test)]
mod tests;

pub use config::Config;

/// The exporter.
pub struct OtlpGrpc {
    settings: ExporterSettings,
    config: Config,
    /// Since it was started: upstream refuses there what cannot be made of the section.
    client: OnceLock<Client>,
    path: PathAndQuery,
    reporter: Reporter,
}

impl Exporter for OtlpGrpc {
    type Config = Config;
    const TYPE: &'static str = "otlp_grpc";
    const ALIASES: &'static [&'static str] = &["otlp"];
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Stable),
        (Signal::Metrics, Stability::Stable),
        (Signal::Logs, Stability::Stable),
    ];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        let path = otlp::grpc_path(settings.signal);
        let reporter = Reporter::new(&settings);
        Ok(Self { settings, config, client: OnceLock::new(), path, reporter })
    }

    fn delivery(config: &Config) -> Delivery {
        Delivery {
            timeout: config.timeout,
            retry: Some(config.retry_on_failure.clone()),
            queue: config.sending_queue.get().cloned(),
        }
    }
}

#[async_trait]
impl Component for OtlpGrpc {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let (config, agent) = (&self.config, self.settings.build.user_agent());
        let auth = config.client.authenticator(host)?;
        let client = (config.client.check_compression())
            .and_then(|()| Client::new(&config.client, &agent, config.timeout.std()))
            .and_then(|client| client.authorized(auth))
            .map_err(|why| format!("exporters::{}: {why}", self.settings.id))?;
        self.client.get_or_init(|| client.measured(&self.settings.meter)).start();
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
impl Consumer for OtlpGrpc {
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
