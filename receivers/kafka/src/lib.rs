//! Records of Kafka as telemetry. An offset is remembered when the backend has answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use component::{
    BoxError, Component, Host, Outputs, Receiver, RetryConfig, Settings, Signal, Stability,
};
use kafka::{Cluster, Error, Fetch, Group};
use tokio::time::sleep;
use tracing::{info, warn};

mod config;
mod decode;
mod reader;
#[cfg(test)]
mod tests;

pub use config::{
    Autocommit, Config, Encoding, GroupConfig, HeaderExtraction, Marking, TopicsConfig,
};
use decode::Decoder;
use reader::{Reader, Shared};

/// Wait before the group is joined again after an error.
const JOIN_PAUSE: Duration = Duration::from_millis(500);
/// Longest one.
const JOIN_PAUSE_MAX: Duration = Duration::from_secs(10);
/// Time that a group has to come together. `DefaultRebalanceTimeout` of Sarama.
const REBALANCE_TIMEOUT: Duration = Duration::from_secs(60);
/// Wait when there is no topic yet.
const NO_TOPIC_PAUSE: Duration = Duration::from_secs(5);
/// `UNKNOWN_MEMBER_ID`.
const UNKNOWN_MEMBER: i16 = 25;

/// The receiver.
pub struct Kafka {
    settings: Settings,
    config: Config,
    out: Outputs,
}

impl Receiver for Kafka {
    type Config = Config;
    const TYPE: &'static str = "kafka";
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Beta),
        (Signal::Metrics, Stability::Beta),
        (Signal::Logs, Stability::Beta),
    ];

    fn create(settings: Settings, config: Config, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, config, out })
    }
}

#[async_trait]
impl Component for Kafka {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let config = &self.config;
        let id = &self.settings.id;
        let cluster =
            Cluster::new(&config.client).map_err(|why| format!("receivers::{id}: {why}"))?;
        let cluster = Arc::new(cluster);
        let times = (config.group.session_timeout.std(), REBALANCE_TIMEOUT);
        let strategies = config.group.strategies();
        let group = Group::new(Arc::clone(&cluster), &config.group.group_id, times, strategies);
        let shared = Arc::new(Shared {
            receiver: id.to_string(),
            meter: self.settings.meter.clone(),
            out: self.out.clone(),
            cluster,
            group,
            fetch: Fetch {
                bytes_min: config.min_fetch_size,
                bytes_max: config.max_fetch_size,
                partition_bytes_max: config.max_partition_fetch_size,
                wait: config.max_fetch_wait.std(),
            },
            start: *config.group.initial_offset,
            // There is no end: what may pass later is kept.
            retry: RetryConfig {
                max_elapsed_time: component::config::Duration::ZERO,
                ..config.error_backoff.clone()
            },
            heartbeat: config.group.heartbeat_interval.std().max(Duration::from_millis(100)),
            commit: config.autocommit.interval.std(),
            stopping: host.stopping().clone(),
        });
        host.spawn(async move {
            self.run(shared).await;
            Ok(())
        });
        Ok(())
    }
}

impl Kafka {
    /// Joins the group, reads, and joins it again, until the receiver stops.
    async fn run(&self, shared: Arc<Shared>) {
        let (mut member, mut pause) = (String::new(), JOIN_PAUSE);
        while !shared.stopping.is_cancelled() {
            let read = tokio::select! {
                () = shared.stopping.cancelled() => break,
                read = self.join(&shared, &mut member) => read,
            };
            let why = match read {
                Ok(reader) => {
                    pause = JOIN_PAUSE;
                    Arc::new(reader).run().await
                }
                Err(why) => Some(why),
            };
            match why {
                None => {}
                // The group comes together anew.
                Some(Error::Broker(27)) => info!("the group comes together anew"),
                Some(error) => {
                    if error == Error::Broker(UNKNOWN_MEMBER) {
                        member.clear();
                    }
                    warn!(%error, wait = ?pause, "not in the group; it is joined again");
                    shared.cluster.close();
                    tokio::select! {
                        () = shared.stopping.cancelled() => break,
                        () = sleep(pause) => {}
                    }
                    pause = (pause * 2).min(JOIN_PAUSE_MAX);
                }
            }
        }
        if !member.is_empty() {
            let _ = tokio::time::timeout(Duration::from_secs(2), shared.group.leave(&member)).await;
        }
        shared.cluster.close();
    }

    async fn join(&self, shared: &Arc<Shared>, member: &mut String) -> Result<Reader, Error> {
        let decoders = self.decoders(shared).await?;
        if decoders.is_empty() {
            info!("there is no topic to read yet");
            sleep(NO_TOPIC_PAUSE).await;
            return Err(Error::Broker(3));
        }
        let topics: Vec<String> = decoders.keys().map(ToString::to_string).collect();
        let assigned = shared.group.join(&topics, member).await?;
        let partitions = assigned.places.len();
        let generation = assigned.membership.generation;
        info!(
            group = self.config.group.group_id,
            generation, partitions, "joined a group of Kafka"
        );
        Reader::new(Arc::clone(shared), assigned.membership, assigned.places, decoders).await
    }

    /// What to read, and how: topics of the signals that pipelines want.
    async fn decoders(&self, shared: &Shared) -> Result<BTreeMap<Arc<str>, Vec<Decoder>>, Error> {
        let mut all: BTreeMap<Arc<str>, Vec<Decoder>> = BTreeMap::new();
        let mut names: Option<Vec<String>> = None;
        for signal in Signal::ALL.into_iter().filter(|it| self.out.wants(*it)) {
            let own = self.config.of(signal);
            let mut topics: BTreeSet<String> =
                own.topics.iter().filter(|it| !it.starts_with('^')).cloned().collect();
            if own.has_patterns() {
                if names.is_none() {
                    names = Some(shared.cluster.topics().await?);
                }
                topics.extend(names.iter().flatten().filter(|it| own.has(it)).cloned());
            }
            for topic in topics {
                let headers = self.config.header_extraction.clone();
                let decoder = Decoder { signal, encoding: *own.encoding, headers };
                all.entry(topic.into()).or_default().push(decoder);
            }
        }
        Ok(all)
    }
}
