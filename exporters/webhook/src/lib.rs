//! Alerts of policies for any HTTP server: one request for each, with a body by a template and a signature. It sends nothing but
//! alerts; queue and retries stand in front of it, so that a server that is away holds nothing up.

use std::sync::Arc;

use alerts::{Alert, Intake, Refusal};
use async_trait::async_trait;
use bytes::Bytes;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, Signal, Stability,
};
use confighttp::client::Started;
use http::{HeaderMap, HeaderValue};

mod body;
mod config;
mod signature;
#[cfg(test)]
mod tests;

use body::Body;
pub use config::{Config, Scheme};

/// The exporter.
pub struct Webhook {
    settings: ExporterSettings,
    config: Config,
    body: Body,
    content_type: HeaderValue,
    intake: Intake,
    client: Started,
}

impl Exporter for Webhook {
    type Config = Config;
    const TYPE: &'static str = "webhook";
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Logs, Stability::Alpha)];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        let body = Body::new(&config.body)?;
        let content_type = HeaderValue::try_from(&config.content_type)?;
        let intake = Intake::new(&settings);
        Ok(Self { settings, config, body, content_type, intake, client: Started::default() })
    }

    fn delivery(config: &Config) -> Delivery {
        Delivery {
            // The client's `timeout` spans the whole request.
            timeout: component::config::Duration::ZERO,
            retry: Some(config.retry_on_failure.clone()),
            queue: config.sending_queue.get().cloned(),
        }
    }
}

#[async_trait]
impl Component for Webhook {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        self.client.start(&self.config.client, &self.config.client.endpoint, &self.settings, host)
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        self.client.close();
        Ok(())
    }
}

impl Webhook {
    async fn send(&self, ctx: &Context, alert: &Alert) -> Result<(), ConsumeError> {
        let body = self.body.of(alert).map_err(ConsumeError::permanent)?;
        let now = component::clock::unix_nanos() / 1_000_000_000;
        let headers = self.headers(alert, now, body.as_bytes()).map_err(ConsumeError::permanent)?;
        let body = Bytes::from(body).into();
        let reply = self.client.get()?.post_with(ctx, self.content_type.clone(), &headers, body);
        let reply = reply.await.map_err(|why| {
            ConsumeError::retryable(format!("cannot send an alert to the webhook: {why}"))
        })?;
        alerts::check(&reply, "the webhook")
    }

    /// Those of Standard Webhooks: the id is the same when an alert is tried again, so that it can be told from another one.
    fn headers(&self, alert: &Alert, now: u64, body: &[u8]) -> Result<HeaderMap, String> {
        let id = format!("{:032x}", alert.identity);
        let mut headers = HeaderMap::new();
        let value = |text: &str| HeaderValue::try_from(text).map_err(|error| error.to_string());
        headers.insert("webhook-id", value(&id)?);
        headers.insert("webhook-timestamp", value(&now.to_string())?);
        let secret = self.config.signing_secret.expose();
        if !secret.is_empty() {
            let (name, text) = match *self.config.signature {
                Scheme::Standard => {
                    ("webhook-signature", signature::standard(secret, &id, now, body))
                }
                Scheme::Sha256 => ("x-hub-signature-256", signature::sha256(secret, body)),
            };
            headers.insert(name, value(&text)?);
        }
        Ok(headers)
    }
}

#[async_trait]
impl Consumer for Webhook {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let Data::Logs(logs) = &data else { return Ok(()) };
        let mut rejected = None;
        for alert in self.intake.take(logs) {
            match self.send(ctx, &alert).await {
                Ok(()) => self.intake.sent(&alert),
                Err(error) if error.is_permanent() => {
                    self.intake.refused(&alert, Refusal::Rejected);
                    rejected = Some(error);
                }
                // All of the payload is tried again, and what was sent is known.
                Err(error) => return Err(error),
            }
        }
        rejected.map_or(Ok(()), Err)
    }
}
