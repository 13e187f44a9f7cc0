//! Alerts of policies for Alertmanager, by the second version of its API. Queue and retries stand in front of it, so that an
//! Alertmanager that is away holds nothing up.

use std::sync::Arc;

use alerts::{Intake, Refusal};
use async_trait::async_trait;
use bytes::Bytes;
use component::config::{Duration, Problems, Section};
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, QueueConfig, RetryConfig, Signal, Stability,
};
use compression::Type;
use confighttp::client::{ClientConfig, Started};
use http::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

mod payload;
#[cfg(test)]
mod tests;

/// `exporters: alertmanager:` (`exporter/alertmanagerexporter/config.go`)
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "alertmanagerexporter.Config")]
pub struct Config {
    /// Where and how to connect: the URL of Alertmanager, without the path of its API.
    #[serde(flatten)]
    pub client: ClientConfig,
    /// The URL that alerts name as their origin; what is no URL is not sent. Default `opentelemetry-collector`.
    pub generator_url: String,
    /// Severity of an alert that has none. Default `info`.
    pub severity: String,
    /// A label of the policy whose value is the severity instead of the alert's own. Default `severity`.
    pub severity_attribute: String,
    /// Of the API: v2; Alertmanager has removed v1 in its version 0.27. Default `v2`.
    pub api_version: String,
    /// Retries of what may pass later.
    pub retry_on_failure: RetryConfig,
    /// Queue in front. On by default.
    pub sending_queue: Section<QueueConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            client: ClientConfig {
                compression: Type::NONE.into(),
                timeout: Duration::from_secs(30),
                ..ClientConfig::default()
            },
            generator_url: "opentelemetry-collector".to_owned(),
            severity: "info".to_owned(),
            severity_attribute: "severity".to_owned(),
            api_version: "v2".to_owned(),
            retry_on_failure: RetryConfig::default(),
            sending_queue: Section::on(QueueConfig::default()),
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.client.endpoint.is_empty() {
            let text = "endpoint must be non-empty";
            problems.at("", text).require("endpoint", "http://localhost:9093");
        } else {
            self.client.check_url(&self.client.endpoint, ("", "endpoint"), None, problems);
        }
        if self.severity.is_empty() {
            problems.at("", "severity must be non-empty").require("severity", "info");
        }
        if self.api_version != "v2" {
            let text = "only v2 is there: Alertmanager has no other since version 0.27";
            problems.at("", text).form("api_version", "v2");
        }
        self.client.validate("", problems);
        self.retry_on_failure.validate("retry_on_failure", problems);
        if let Some(queue) = self.sending_queue.get() {
            queue.validate("sending_queue", problems);
        }
    }
}

/// The exporter.
pub struct Alertmanager {
    settings: ExporterSettings,
    config: Config,
    intake: Intake,
    client: Started,
}

impl Exporter for Alertmanager {
    type Config = Config;
    const TYPE: &'static str = "alertmanager";
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Logs, Stability::Alpha)];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        let intake = Intake::new(&settings);
        Ok(Self { settings, config, intake, client: Started::default() })
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
impl Component for Alertmanager {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let url = format!("{}/api/v2/alerts", self.config.client.endpoint.trim_end_matches('/'));
        self.client.start(&self.config.client, &url, &self.settings, host)
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        self.client.close();
        Ok(())
    }
}

#[async_trait]
impl Consumer for Alertmanager {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let Data::Logs(logs) = &data else { return Ok(()) };
        let taken = self.intake.take(logs);
        if taken.is_empty() {
            return Ok(());
        }
        let payload: Json = taken.iter().map(|it| payload::of(it, &self.config)).collect();
        let body = Bytes::from(payload.to_string());
        let content_type = HeaderValue::from_static("application/json");
        let reply = self.client.get()?.post(ctx, content_type, body.into()).await;
        let reply = reply.map_err(|why| {
            ConsumeError::retryable(format!("cannot send alerts to Alertmanager: {why}"))
        })?;
        let answer = alerts::check(&reply, "Alertmanager");
        match &answer {
            Ok(()) => taken.iter().for_each(|it| self.intake.sent(it)),
            Err(error) if error.is_permanent() => {
                taken.iter().for_each(|it| self.intake.refused(it, Refusal::Rejected));
            }
            Err(_) => {}
        }
        answer
    }
}
