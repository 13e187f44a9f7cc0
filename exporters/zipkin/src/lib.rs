//! Spans for Zipkin and for what speaks its protocol.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use component::config::{Choice, Choices, Duration, Problems, Section};
use component::meter::{Descriptor, Level, OURS};
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, QueueConfig, RetryConfig, Signal, Stability,
};
use compression::Type;
use confighttp::client::{ClientConfig, Reply, Started};
use http::HeaderValue;
use pdata::Traces;
use serde::{Deserialize, Serialize};
use tracing::warn;

mod span;
#[cfg(test)]
mod tests;
mod write;

use span::{Resource, Span};

const DROPPED: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_exporter_dropped_spans",
    unit: "{span}",
    description: "Spans without ids, which the backend's protocol cannot say.",
};

/// `exporters: zipkin:` (`exporter/zipkinexporter/config.go`).
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "zipkinexporter.Config")]
pub struct Config {
    /// Where and how to connect.
    #[serde(flatten)]
    pub client: ClientConfig,
    /// json or proto. Default json.
    pub format: Choice<Format>,
    /// Name of a service that has none. Default `<missing service name>`.
    pub default_service_name: String,
    /// Retries of what may pass later.
    pub retry_on_failure: RetryConfig,
    /// Queue and batch in front. On by default.
    pub sending_queue: Section<QueueConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            client: ClientConfig {
                compression: Type::NONE.into(),
                timeout: Duration::from_secs(5),
                ..ClientConfig::default()
            },
            format: Choice::default(),
            default_service_name: "<missing service name>".to_owned(),
            retry_on_failure: RetryConfig::default(),
            sending_queue: Section::on(QueueConfig::default()),
        }
    }
}

/// How spans are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// JSON of the second version.
    #[default]
    Json,
    /// Protobuf.
    Proto,
}

impl Choices for Format {
    const NAMES: &'static [(&'static str, Self)] = &[("json", Self::Json), ("proto", Self::Proto)];

    fn unknown(word: &str) -> String {
        format!("{word} is not one of json or proto")
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.client.endpoint.is_empty() {
            let text = "exporter config requires a non-empty 'endpoint'";
            problems.at("", text).require("endpoint", "http://localhost:9411/api/v2/spans");
        } else {
            self.client.check_url(&self.client.endpoint, ("", "endpoint"), None, problems);
        }
        self.client.validate("", problems);
        self.retry_on_failure.validate("retry_on_failure", problems);
        if let Some(queue) = self.sending_queue.get() {
            queue.validate("sending_queue", problems);
        }
    }
}

/// The exporter.
pub struct Zipkin {
    settings: ExporterSettings,
    config: Config,
    client: Started,
}

impl Exporter for Zipkin {
    type Config = Config;
    const TYPE: &'static str = "zipkin";
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Traces, Stability::Beta)];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        Ok(Self { settings, config, client: Started::default() })
    }

    fn delivery(config: &Config) -> Delivery {
        Delivery {
            // The client's `timeout` spans the whole request.
            timeout: Duration::ZERO,
            retry: Some(config.retry_on_failure.clone()),
            queue: config.sending_queue.get().cloned(),
        }
    }
}

#[async_trait]
impl Component for Zipkin {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        self.client.start(&self.config.client, &self.config.client.endpoint, &self.settings, host)
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        self.client.close();
        Ok(())
    }
}

impl Zipkin {
    fn spans(&self, traces: &Traces) -> Vec<Span> {
        let (mut all, mut dropped) = (Vec::new(), 0_u64);
        for resource in traces.resources() {
            let around = Resource::new(resource, &self.config.default_service_name);
            for scope in resource.scopes() {
                for it in scope.spans() {
                    match span::span(it, scope, &around) {
                        Some(span) => all.push(span),
                        None => dropped += 1,
                    }
                }
            }
        }
        if dropped > 0 {
            warn!(spans = dropped, "dropping spans without a trace id or span id");
            let labels = [("exporter", self.settings.id.as_str())];
            self.settings.meter.counter(DROPPED, &labels).add(dropped);
        }
        all
    }
}

#[async_trait]
impl Consumer for Zipkin {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let client = self.client.get()?;
        let Data::Traces(traces) = &data else { return Ok(()) };
        let spans = self.spans(traces);
        if spans.is_empty() {
            return Ok(());
        }
        let (content_type, body) = match *self.config.format {
            Format::Json => ("application/json", Bytes::from(write::json(&spans))),
            Format::Proto => ("application/x-protobuf", Bytes::from(write::protobuf(&spans))),
        };
        let content_type = HeaderValue::from_static(content_type);
        let reply = client.post(ctx, content_type, body.into()).await;
        let reply = reply.map_err(|why| {
            ConsumeError::retryable(format!("failed to push trace data via Zipkin exporter: {why}"))
        })?;
        understood(&reply)
    }
}

/// Upstream tries everything again; what is wrong with a request stays wrong.
fn understood(reply: &Reply) -> Result<(), ConsumeError> {
    let status = reply.status.as_u16();
    let text = format!("failed the request with status code {status}");
    match status {
        200..=299 => Ok(()),
        408 | 429 | 500..=599 => Err(reply.retryable(text)),
        413 => Err(ConsumeError::permanent(text).too_large()),
        _ => Err(ConsumeError::permanent(text)),
    }
}
