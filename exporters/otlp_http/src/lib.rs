//! OTLP over HTTP, protobuf or JSON. The encoded telemetry goes to the socket as it is.

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
use confighttp::client::{Client, Url};
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
    client: OnceLock<Client>,
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
        Ok(Self { settings, config, url, client: OnceLock::new(), reporter })
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
        let agent = self.settings.build.user_agent();
        let auth = self.config.client.authenticator(host)?;
        let client = Url::parse(&self.url)
            .and_then(|url| Client::new(&self.config.client, url, &agent))
            .map_err(|why| format!("exporters::{}: {why}", self.settings.id))?;
        self.client.get_or_init(|| client.measured(&self.settings.meter).authorized(auth));
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
impl Consumer for OtlpHttp {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let client = self.client.get();
        let client =
            client.ok_or_else(|| ConsumeError::retryable("the exporter is not started"))?;
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
