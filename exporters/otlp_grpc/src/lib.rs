//! OTLP over gRPC. One exporter is one connection; the encoded telemetry goes to it as it is.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use std::sync::Arc;

use async_trait::async_trait;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter, Host, Settings,
    Signal, Stability,
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
    name: String,
    /// What `start` answers when the section asks for what is not supported.
    client: Result<Client, String>,
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

    fn create(settings: Settings, config: Config) -> Result<Self, BoxError> {
        let signal = settings.signal.ok_or("an exporter serves one signal")?;
        let agent = settings.build.user_agent();
        let client = config.client.check_compression();
        let client =
            client.and_then(|()| Client::new(&config.client, &agent, config.timeout.std()));
        let client = client.map(|it| it.measured(&settings.meter));
        Ok(Self {
            name: format!("exporters::{}", settings.id),
            client,
            path: otlp::grpc_path(signal),
            reporter: Reporter::new(&settings, signal),
        })
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
    async fn start(self: Arc<Self>, _host: &Host) -> Result<(), BoxError> {
        match &self.client {
            Ok(client) => {
                client.start();
                Ok(())
            }
            Err(why) => Err(format!("{}: {why}", self.name).into()),
        }
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        if let Ok(client) = &self.client {
            client.close();
        }
        Ok(())
    }
}

#[async_trait]
impl Consumer for OtlpGrpc {
    async fn consume(&self, _ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let client = self.client.as_ref().map_err(|why| ConsumeError::permanent(why.clone()))?;
        let reply = client.call(&self.path, data.chunks()).await.map_err(status::classify)?;
        match PartialSuccess::decode(&reply) {
            Ok(None) => {}
            Ok(Some(partial)) => self.reporter.report(&partial),
            // The status said success: sending again would only double the data.
            Err(error) => tracing::debug!(error, "unreadable answer after a success"),
        }
        Ok(())
    }
}
