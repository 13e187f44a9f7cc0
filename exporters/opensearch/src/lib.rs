//! Logs and spans as documents of OpenSearch, through its bulk API.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use component::config::Duration as GoDuration;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, Signal, Stability,
};
use documents::bulk::{self, ANSWER_BYTES_MAX, Bulk, Policy, REQUEST_BYTES_MAX, Sender};
use documents::{Clients, Dropped, Pauses};

mod config;
mod date;
mod encode;
mod index;
mod ss4o;
#[cfg(test)]
mod tests;

pub use config::{Action, Config, Mapping, Mode};

/// A status, beside those of every bulk API, with which a document can pass later. `shouldRetryEvent` of upstream.
const PASSING: [u16; 1] = [500];

/// The exporter.
pub struct OpenSearch {
    settings: ExporterSettings,
    config: Config,
    sender: OnceLock<Sender>,
}

impl Exporter for OpenSearch {
    type Config = Config;
    const TYPE: &'static str = "opensearch";
    const SIGNALS: &'static [(Signal, Stability)] =
        &[(Signal::Traces, Stability::Alpha), (Signal::Logs, Stability::Alpha)];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        Ok(Self { settings, config, sender: OnceLock::new() })
    }

    fn delivery(config: &Config) -> Delivery {
        Delivery {
            // It spans each request: documents that are refused for now are sent again alone.
            timeout: GoDuration::ZERO,
            retry: Some(config.retry_on_failure.clone()),
            queue: config.sending_queue.get().cloned(),
        }
    }
}

#[async_trait]
impl Component for OpenSearch {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let config = &self.config;
        let url = bulk::url(&config.http.endpoint, "", &config.pipeline);
        let (client, around) = (config.client(), (&self.settings, host));
        let clients = Clients::start(&client, &[url], around, ANSWER_BYTES_MAX)?;
        let policy = Policy {
            request_bytes_max: REQUEST_BYTES_MAX,
            pauses: Pauses::of(config.retry_on_failure.clone()),
            statuses: PASSING.to_vec(),
            show_reasons: false,
            hide_conflicts: false,
        };
        let sender = Sender::new(clients, policy, &self.settings, host.stopping().clone());
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

fn documents(config: &Config, data: &Data, now: u64, dropped: &mut Dropped) -> Bulk {
    match data {
        Data::Logs(logs) => encode::logs(config, logs, now, dropped),
        Data::Traces(traces) => encode::traces(config, traces, now, dropped),
        // The signals are checked before the exporter is made.
        Data::Metrics(_) => Bulk::default(),
    }
}

#[async_trait]
impl Consumer for OpenSearch {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let sender = self.sender.get();
        let sender =
            sender.ok_or_else(|| ConsumeError::retryable("the exporter is not started"))?;
        let mut dropped = Dropped::default();
        let bulk = documents(&self.config, &data, component::clock::unix_nanos(), &mut dropped);
        dropped.report(&self.settings);
        if bulk.is_empty() {
            return Ok(());
        }
        sender.send(ctx, &bulk).await
    }
}
