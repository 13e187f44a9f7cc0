//! Alerts of policies for Slack. Alerts about the same thing that wait together become one message; messages keep to Slack's pace.
//! Queue and retries stand in front of it, so that a Slack that is away holds nothing up.

use std::sync::Arc;

use alerts::{Alert, Intake, Pace, Refusal, Text};
use async_trait::async_trait;
use bytes::Bytes;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, Signal, Stability,
};
use confighttp::client::Started;
use http::HeaderValue;

mod config;
mod message;
#[cfg(test)]
mod tests;

pub use config::Config;

/// The exporter.
pub struct Slack {
    settings: ExporterSettings,
    config: Config,
    trace_url: Option<Text>,
    intake: Intake,
    client: Started,
    pace: Pace,
}

impl Exporter for Slack {
    type Config = Config;
    const TYPE: &'static str = "slack";
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Logs, Stability::Alpha)];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        let trace_url = config.trace_url()?;
        let (intake, pace) = (Intake::new(&settings), Pace::new(config.messages_per_second));
        Ok(Self { settings, config, trace_url, intake, client: Started::default(), pace })
    }

    fn delivery(config: &Config) -> Delivery {
        Delivery {
            // The client's `timeout` spans the whole request, and a message may wait for its turn.
            timeout: component::config::Duration::ZERO,
            retry: Some(config.retry_on_failure.clone()),
            queue: config.sending_queue.get().cloned(),
        }
    }
}

#[async_trait]
impl Component for Slack {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let url = self.config.webhook_url.expose();
        let started = self.client.start(&self.config.client, url, &self.settings, host);
        started.map_err(|why| self.hidden(&why.to_string()).into())
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        self.client.close();
        Ok(())
    }
}

impl Slack {
    /// Whoever knows the URL can write to the channel.
    fn hidden(&self, text: &str) -> String {
        text.replace(self.config.webhook_url.expose(), "webhook_url")
    }

    async fn send(&self, ctx: &Context, group: &[Alert]) -> Result<(), ConsumeError> {
        let message = message::of(group, self.trace_url.as_ref());
        let body = Bytes::from(message.map_err(ConsumeError::permanent)?.to_string());
        self.pace.turn().await;
        let content_type = HeaderValue::from_static("application/json");
        let reply = self.client.get()?.post(ctx, content_type, body.into()).await;
        let reply = reply.map_err(|why| {
            let why = self.hidden(&why);
            ConsumeError::retryable(format!("cannot send an alert to Slack: {why}"))
        })?;
        alerts::check(&reply, "Slack")
    }

    /// Alerts with the same fields at `group_by`, in the order of the first of each.
    fn groups(&self, alerts: Vec<Alert>) -> Vec<Vec<Alert>> {
        let fields = |it: &Alert| -> Vec<String> {
            let names = self.config.group_by.iter();
            names.map(|name| it.field(name).unwrap_or_default().to_owned()).collect()
        };
        let mut groups: Vec<(Vec<String>, Vec<Alert>)> = Vec::new();
        for alert in alerts {
            let own = fields(&alert);
            match groups.iter_mut().find(|it| it.0 == own && !own.is_empty()) {
                Some((_, group)) => group.push(alert),
                None => groups.push((own, vec![alert])),
            }
        }
        groups.into_iter().map(|it| it.1).collect()
    }
}

#[async_trait]
impl Consumer for Slack {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let Data::Logs(logs) = &data else { return Ok(()) };
        let mut rejected = None;
        for group in self.groups(self.intake.take(logs)) {
            match self.send(ctx, &group).await {
                Ok(()) => group.iter().for_each(|it| self.intake.sent(it)),
                Err(error) if error.is_permanent() => {
                    group.iter().for_each(|it| self.intake.refused(it, Refusal::Rejected));
                    rejected = Some(error);
                }
                // All of the payload is tried again, and what was sent is known.
                Err(error) => return Err(error),
            }
        }
        rejected.map_or(Ok(()), Err)
    }
}
