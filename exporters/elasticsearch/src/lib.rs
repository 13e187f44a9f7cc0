//! Logs, spans and metrics as documents of Elasticsearch, through its bulk API.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use component::config::Duration as GoDuration;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, RetryConfig, Signal, Stability,
};
use documents::bulk::{ANSWER_BYTES_MAX, Bulk, Policy, REQUEST_BYTES_MAX, Sender};
use documents::{Clients, Dropped, Pauses};
use pdata::text::Base64;

mod config;
mod ecs;
mod encode;
mod legacy;
mod metrics;
mod mode;
mod otel;
mod points;
mod route;
#[cfg(test)]
mod tests;

pub use config::{
    Config, Discover, Flush, Login, LogstashFormat, Retry, Routing, Switch, Telemetry,
};
use encode::Encoder;
pub use mode::{Mapping, Mode};

/// Request metadata that chooses a mode.
const MODE_KEY: &str = "x-elastic-mapping-mode";
/// How long single documents that are refused for now are sent again: as long as whole requests are.
const TIME_MAX: GoDuration = GoDuration::from_secs(300);

/// The exporter.
pub struct Elasticsearch {
    settings: ExporterSettings,
    config: Config,
    sender: OnceLock<Sender>,
}

impl Exporter for Elasticsearch {
    type Config = Config;
    const TYPE: &'static str = "elasticsearch";
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Beta),
        (Signal::Metrics, Stability::Development),
        (Signal::Logs, Stability::Beta),
    ];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        Ok(Self { settings, config, sender: OnceLock::new() })
    }

    fn delivery(config: &Config) -> Delivery {
        let retry = &config.retry;
        Delivery {
            // The client's `timeout` spans each request.
            timeout: GoDuration::ZERO,
            retry: Some(RetryConfig {
                enabled: retry.enabled,
                initial_interval: retry.initial_interval,
                multiplier: 2.0,
                max_interval: retry.max_interval,
                ..RetryConfig::default()
            }),
            queue: config.queue(),
        }
    }
}

#[async_trait]
impl Component for Elasticsearch {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let config = &self.config;
        let mut client = config.client.clone();
        let login = &config.login;
        let mut header = |text: String| {
            client.headers.entries.push(("Authorization".to_owned(), text.as_str().into()));
        };
        if !login.api_key.expose().is_empty() {
            header(format!("ApiKey {}", login.api_key.expose()));
        } else if !login.user.is_empty() {
            let both = format!("{}:{}", login.user, login.password.expose());
            header(format!("Basic {}", Base64::STANDARD.encode(both.as_bytes())));
        }
        let urls =
            config.urls().map_err(|why| format!("exporters::{}: {why}", self.settings.id))?;
        let urls: Vec<String> = urls.iter().map(|it| config.bulk_url(it)).collect();
        let clients = Clients::start(&client, &urls, (&self.settings, host), ANSWER_BYTES_MAX)?;
        let stopping = host.stopping().clone();
        let sender = Sender::new(clients, self.policy(), &self.settings, stopping);
        self.sender.get_or_init(|| sender);
        Ok(())
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        if let Some(sender) = self.sender.get() {
            sender.close();
        }
        Ok(())
    }
}

impl Elasticsearch {
    fn policy(&self) -> Policy {
        let retry = &self.config.retry;
        let attempts = match (retry.enabled, retry.max_retries, retry.max_requests) {
            (false, ..) => Some(0),
            (true, 0, 0) => None,
            (true, 0, requests) => Some(u32::try_from(requests - 1).unwrap_or_default()),
            (true, retries, _) => Some(u32::try_from(retries).unwrap_or(u32::MAX)),
        };
        let batch = self.config.queue().and_then(|it| it.batch.into_option());
        let bytes = batch.and_then(|it| usize::try_from(it.max_size).ok());
        Policy {
            // A limit that counts records is none of bytes.
            request_bytes_max: bytes.filter(|it| *it >= 100_000).unwrap_or(REQUEST_BYTES_MAX),
            pauses: Pauses {
                retry: RetryConfig {
                    initial_interval: retry.initial_interval,
                    multiplier: 2.0,
                    max_interval: retry.max_interval,
                    max_elapsed_time: TIME_MAX,
                    ..RetryConfig::default()
                },
                attempts_max: attempts,
            },
            statuses: retry.retry_on_status.clone(),
            show_reasons: self.config.include_source_on_error.is_some(),
            hide_conflicts: self.config.suppress_conflict_errors,
        }
    }

    fn index(&self) -> &str {
        let routing = &self.config.routing;
        match self.settings.signal {
            Signal::Logs => &routing.logs_index,
            Signal::Metrics => &routing.metrics_index,
            Signal::Traces => &routing.traces_index,
        }
    }

    /// The mode that the section says, or the request.
    fn mode(&self, ctx: &Context) -> Result<Mode, ConsumeError> {
        let said = ctx.client.as_ref().and_then(|it| it.metadata(MODE_KEY).next());
        let Some(name) = said else { return Ok(*self.config.mapping.mode) };
        self.config.mapping.named(name).ok_or_else(|| {
            ConsumeError::permanent(format!("unsupported mapping mode {name:?} in {MODE_KEY}"))
        })
    }
}

fn bulk(encoder: &Encoder<'_>, data: &Data, dropped: &mut Dropped) -> Bulk {
    match data {
        Data::Logs(logs) => encoder.logs(logs, dropped),
        Data::Traces(traces) => encoder.traces(traces, dropped),
        // Points make documents together, in a module of their own.
        Data::Metrics(points) => metrics::encode(points, encoder, dropped),
    }
}

#[async_trait]
impl Consumer for Elasticsearch {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let sender = self.sender.get();
        let sender =
            sender.ok_or_else(|| ConsumeError::retryable("the exporter is not started"))?;
        let mode = self.mode(ctx)?;
        let mut dropped = Dropped::default();
        let now = component::clock::unix_nanos();
        let encoder = Encoder::new(&self.config, mode, self.index(), now);
        let bulk = bulk(&encoder, &data, &mut dropped);
        dropped.report(&self.settings);
        if bulk.is_empty() {
            return Ok(());
        }
        sender.send(ctx, &bulk).await
    }
}
