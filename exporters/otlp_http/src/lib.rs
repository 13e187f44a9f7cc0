//! OTLP over HTTP, protobuf or JSON. The encoded telemetry goes to the socket as it is.

use std::sync::Arc;

use async_trait::async_trait;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, Signal, Stability,
};
use confighttp::client::Started;
use http::HeaderValue;
use otlp::Reporter;

mod answer;
mod config;
#[cfg(test)]
mod tests;

pub use config::{Config, Encoding};

/// The exporter.
pub struct OtlpHttp {
    settings: ExporterSettings,
    config: Config,
    url: String,
    /// Since it was started: upstream refuses there what cannot be made of the section.
    client: Started,
    reporter: Reporter,
}

impl Exporter for OtlpHttp {
    type Config = Config;
    const TYPE: &'static str = "otlp_http";
    const ALIASES: &'static [&'static str] = &["otlphttp"];
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Stable),
        (Signal::Metrics, Stability::Stable),
        (Signal::Logs, Stability::Stable),
    ];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        let url = config.url(settings.signal)?;
        let reporter = Reporter::new(&settings);
        Ok(Self { settings, config, url, client: Started::default(), reporter })
    }

    fn delivery(config: &Config) -> Delivery {
        Delivery {
            // The client's `timeout` spans the whole request, as upstream's.
            timeout: component::config::Duration::ZERO,
            retry: Some(config.retry_on_failure.clone()),
            queue: config.sending_queue.get().cloned(),
        }
    }
}

#[async_trait]
impl Component for OtlpHttp {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        self.client.start(&self.config.client, &self.url, &self.settings, host)
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        self.client.close();
        Ok(())
    }
}

#[async_trait]
impl Consumer for OtlpHttp {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let client = self.client.get()?;
        let (content_type, body) = match *self.config.encoding {
            Encoding::Proto => (answer::PROTO, data.chunks().into()),
            Encoding::Json => {
                let mut text = Vec::new();
                data.to_json(&mut text);
                (answer::JSON, bytes::Bytes::from(text).into())
            }
        };
        let reply = client.post(ctx, HeaderValue::from_static(content_type), body).await;
        let reply = reply.map_err(|why| {
            ConsumeError::retryable(format!("failed to make an HTTP request: {why}"))
        })?;
        if !reply.status.is_success() {
            return Err(answer::classify(client.url(), &reply, component::clock::now()));
        }
        if let Some(partial) = answer::partial_success(&reply)? {
            self.reporter.report(&partial, data.items());
        }
        Ok(())
    }
}
