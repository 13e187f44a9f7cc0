//! Logs, metrics and spans for Splunk, through its HTTP Event Collector (HEC).

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use component::config::Duration as GoDuration;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, Signal, Stability,
};
use compression::{Encoding, Type};
use confighttp::client::{ClientConfig, Started};

mod config;
mod encode;
mod event;
mod health;
mod heartbeat;
mod points;
mod requests;
mod send;
#[cfg(test)]
mod tests;

pub use config::{Config, Defaults, Health, Heartbeat, Limits, SeverityFields, Telemetry};
use event::Encoder;
use send::Sender;

/// The exporter.
pub struct SplunkHec {
    settings: ExporterSettings,
    config: Config,
    client: Started,
    sender: OnceLock<Sender>,
}

impl Exporter for SplunkHec {
    type Config = Config;
    const TYPE: &'static str = "splunk_hec";
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Beta),
        (Signal::Metrics, Stability::Beta),
        (Signal::Logs, Stability::Beta),
    ];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        Ok(Self { settings, config, client: Started::default(), sender: OnceLock::new() })
    }

    fn delivery(config: &Config) -> Delivery {
        Delivery {
            // The client's `timeout` spans each request.
            timeout: GoDuration::ZERO,
            retry: Some(config.retry_on_failure.clone()),
            queue: config.sending_queue.get().cloned(),
        }
    }
}

#[async_trait]
impl Component for SplunkHec {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let (config, id) = (&self.config, &self.settings.id);
        let client = self.client_config();
        let named = |why: String| format!("exporters::{id}: {why}");
        let url = config.url().map_err(named)?;
        self.client.start(&client, &url, &self.settings, host)?;
        if config.health.health_check_enabled {
            let checked = health::check(config, &self.user_agent()).await;
            checked.map_err(|why| format!("{id}: health check failed: {why}"))?;
        }
        let limit = config.content_length_max(self.settings.signal);
        let compressed = client.compression.0.map(|_| client.compression_params);
        let retry = config.retry_on_failure.clone();
        let stopping = host.stopping().clone();
        let sender = Sender::new(&self.settings, retry, (limit, compressed), stopping);
        self.sender.get_or_init(|| sender);
        if !config.heartbeat.is_on() {
            return Ok(());
        }
        let host_name = heartbeat::host_name().await;
        if config.heartbeat.startup {
            let sent = self.send(&Context::default(), &self.heartbeat(&host_name)).await;
            sent.map_err(|why| format!("{id}: heartbeat on startup failed: {why}"))?;
        }
        if config.heartbeat.interval.nanos() > 0 {
            let (its_host, exporter) = (host.clone(), Arc::clone(&self));
            host.spawn(async move {
                exporter.beat(&its_host, &host_name).await;
                Ok(())
            });
        }
        Ok(())
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        self.client.close();
        Ok(())
    }
}

impl SplunkHec {
    /// The client with what HEC wants in every request. Headers of the section come last, and win.
    fn client_config(&self) -> ClientConfig {
        let config = &self.config;
        let mut client = config.client.clone();
        let own = [
            ("User-Agent", self.user_agent()),
            ("Authorization", format!("{}{}", hec::SCHEME, config.token.expose())),
            ("__splunk_app_name", config.splunk_app_name.clone()),
            ("__splunk_app_version", self.app_version().to_owned()),
        ];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value.as_str().into()));
        drop(client.headers.entries.splice(0..0, own));
        let encoding = (!config.disable_compression).then_some(Encoding::Gzip);
        client.compression = Type(encoding).into();
        client
    }

    fn app_version(&self) -> &str {
        match self.config.splunk_app_version.as_str() {
            "" => self.settings.build.version,
            own => own,
        }
    }

    fn user_agent(&self) -> String {
        format!("{}/{}", self.config.splunk_app_name, self.app_version())
    }

    async fn send(&self, ctx: &Context, data: &Data) -> Result<(), ConsumeError> {
        let (client, sender) = (self.client.get()?, self.sender.get());
        let not_started = || ConsumeError::retryable("the exporter is not started");
        let sender = sender.ok_or_else(not_started)?;
        let (requests, dropped) = Encoder::new(&self.config).encode(data);
        dropped.report(&self.settings);
        sender.send(client, ctx, requests).await
    }
}

#[async_trait]
impl Consumer for SplunkHec {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        self.send(ctx, &data).await
    }
}
