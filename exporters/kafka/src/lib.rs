//! Telemetry as records of Kafka.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use component::config::Duration;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, Signal, Stability,
};
use documents::{Attempts, Pauses, Rest};
use kafka::{Acks, Cluster, Error, Packed, Producer};
use tokio_util::sync::CancellationToken;

mod config;
mod messages;
#[cfg(test)]
mod tests;

pub use config::{
    Config, Encoding, Nothing, ProducerConfig, RecordPartitioner, SignalConfig, StickyKey,
};

/// The exporter.
pub struct Kafka {
    settings: ExporterSettings,
    config: Config,
    own: SignalConfig,
    rest: Rest,
    started: OnceLock<Started>,
}

struct Started {
    producer: Producer,
    pauses: Pauses,
    stopping: CancellationToken,
}

impl Exporter for Kafka {
    type Config = Config;
    const TYPE: &'static str = "kafka";
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Beta),
        (Signal::Metrics, Stability::Beta),
        (Signal::Logs, Stability::Beta),
    ];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        let own = config.of(settings.signal);
        let rest = Rest::new(&settings);
        Ok(Self { settings, config, own, rest, started: OnceLock::new() })
    }

    fn delivery(config: &Config) -> Delivery {
        Delivery {
            // Requests have it, and the order of partitions is kept by waiting here.
            timeout: Duration::ZERO,
            retry: Some(config.retry_on_failure.clone()),
            queue: config.sending_queue.get().cloned(),
        }
    }
}

#[async_trait]
impl Component for Kafka {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let config = &self.config;
        let cluster = Cluster::new(&config.client)
            .map_err(|why| format!("exporters::{}: {why}", self.settings.id))?;
        let producer = &config.producer;
        let by_key = &config.record_partitioner;
        let bytes = usize::try_from(producer.max_message_bytes).unwrap_or(1_000_000);
        let mut sender = Producer::new(Arc::new(cluster));
        sender.acks = config.acks().unwrap_or(Acks::Leader);
        sender.codec = *producer.compression;
        sender.params = producer.compression_params;
        sender.hasher = *by_key.sticky_key.hasher;
        sender.batch_bytes_max = bytes;
        sender.timeout = config.timeout.std();
        sender.create_topics = producer.allow_auto_topic_creation;
        sender.keys_count = by_key.round_robin.get().or(by_key.least_backup.get()).is_none();
        let mut retry = config.retry_on_failure.clone();
        retry.initial_interval = retry.initial_interval.min(Duration::from_secs(1));
        // What is on disk can wait.
        if config.sending_queue.get().is_some_and(|it| it.storage.is_some()) {
            retry.max_elapsed_time = Duration::ZERO;
        }
        let pauses = Pauses::of(retry);
        let stopping = host.stopping().clone();
        self.started.get_or_init(|| Started { producer: sender, pauses, stopping });
        Ok(())
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        if let Some(started) = self.started.get() {
            started.producer.cluster.close();
        }
        Ok(())
    }
}

fn error(why: &Error) -> ConsumeError {
    let text = format!("kafka: {why}");
    if why.is_too_large() {
        return ConsumeError::permanent(text).too_large();
    }
    if why.may_pass() { ConsumeError::retryable(text) } else { ConsumeError::permanent(text) }
}

#[async_trait]
impl Consumer for Kafka {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let started = self.started.get();
        let Started { producer, pauses, stopping } =
            started.ok_or_else(|| ConsumeError::retryable("the exporter is not started"))?;
        let messages = messages::messages(&self.config, &self.own, ctx, &data);
        if messages.is_empty() {
            return Ok(());
        }
        let now = (component::clock::unix_nanos() / 1_000_000).cast_signed();
        // Whoever came first is sent first, also when that has to be tried again.
        let _turn = producer.turn().await;
        let mut attempts = Attempts::new(pauses, stopping);
        let mut packed: Option<Vec<Packed>> = None;
        let mut any_arrived = false;
        loop {
            let sent = match &mut packed {
                None => match producer.pack(&messages, now).await {
                    Ok(all) => {
                        packed = Some(all);
                        continue;
                    }
                    Err(why) => Err(why),
                },
                Some(all) => {
                    let before = all.len();
                    let sent = producer.send(all).await;
                    any_arrived |= all.len() < before;
                    sent
                }
            };
            let Err(why) = sent else { return Ok(()) };
            let (error, items) =
                (error(&why), packed.iter().flatten().map(|it| it.items).sum::<usize>());
            if error.is_permanent() && any_arrived {
                self.rest.lose_refused(items, &error);
                return Ok(());
            }
            if error.is_permanent() {
                return Err(error);
            }
            if !attempts.wait(None).await {
                if any_arrived {
                    return self.rest.given_up(ctx, items, &error, stopping);
                }
                return Err(error);
            }
        }
    }
}
