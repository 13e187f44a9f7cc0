//! OTLP over HTTP, protobuf or JSON. The encoded telemetry goes to the socket as it is.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use std::sync::Arc;

use async_trait::async_trait;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter, Host, Settings,
    Signal, Stability,
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
    name: String,
    /// What `start` answers when the section asks for what is not supported.
    client: Result<Client, String>,
    encoding: Encoding,
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

    fn create(settings: Settings, config: Config) -> Result<Self, BoxError> {
        let signal = settings.signal.ok_or("an exporter serves one signal")?;
        let url = config.url(signal)?;
        let agent = settings.build.user_agent();
        let client = Url::parse(&url).and_then(|url| Client::new(&config.client, url, &agent));
        let client = client.map(|it| it.measured(&settings.meter));
        Ok(Self {
            name: format!("exporters::{}", settings.id),
            client,
            encoding: config.encoding,
            reporter: Reporter::new(&settings, signal),
        })
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
    async fn start(self: Arc<Self>, _host: &Host) -> Result<(), BoxError> {
        match &self.client {
            Ok(_) => Ok(()),
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
impl Consumer for OtlpHttp {
    async fn consume(&self, _ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let client = self.client.as_ref().map_err(|why| ConsumeError::permanent(why.clone()))?;
        let (content_type, body) = match self.encoding {
            Encoding::Proto => (answer::PROTO, data.chunks().into()),
            Encoding::Json => {
                let mut text = Vec::new();
                data.to_json(&mut text);
                (answer::JSON, bytes::Bytes::from(text).into())
            }
        };
        let reply = client.post(HeaderValue::from_static(content_type), body).await;
        let reply = reply.map_err(|why| {
            ConsumeError::retryable(format!("failed to make an HTTP request: {why}"))
        })?;
        if !reply.status.is_success() {
            return Err(answer::classify(client.url(), &reply, component::clock::now()));
        }
        if let Some(partial) = answer::partial_success(&reply)? {
            self.reporter.report(&partial);
        }
        Ok(())
    }
}
