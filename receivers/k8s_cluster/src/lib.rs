//! The state of a Kubernetes cluster: metrics of its objects at an interval, and events about entities when they change.
//!
//! Objects come from the shared watches of `lib/net/kube`. Of each the few fields are kept that something needs; a round of
//! metrics goes through what is kept, and entity events through what has changed.
//!
//! ```text
//!   feeds --> Taker --> Cluster: objects of each kind --every interval--> record, custom --> metrics pipelines
//!                          |
//!                          +---> Changes: uids ---------at once---------> entities ---------> logs pipelines
//! ```

mod cluster;
mod config;
mod custom;
mod entities;
mod events;
mod kept;
mod kinds;
mod objects;
mod record;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod watches;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use component::meter::{Descriptor, Level, OURS};
use component::{
    BoxError, Component, Context, Data, Host, Lead, LeaderElection, Outputs, Received, Receiver,
    Settings, Signal, Stability, async_trait, clock, while_leading,
};
use kube::Client;
use scraping::Builder;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

pub use config::{Config, Distribution};
pub use table::Table;

use cluster::{Changes, Cluster};
use events::Events;
use kinds::Kind;
use watches::Watches;

const REFUSED: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_k8s_cluster_objects_refused_total",
    unit: "{object}",
    description: "Objects of the cluster that there was no room for.",
    level: Level::Basic,
};

/// The receiver.
pub struct K8sCluster {
    settings: Settings,
    config: Config,
    out: Outputs,
}

impl Receiver for K8sCluster {
    type Config = Config;
    const TYPE: &'static str = "k8s_cluster";
    const SIGNALS: &'static [(Signal, Stability)] =
        &[(Signal::Metrics, Stability::Beta), (Signal::Logs, Stability::Development)];

    fn create(settings: Settings, config: Config, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, config, out })
    }
}

#[async_trait]
impl Component for K8sCluster {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let elector = self.config.k8s_leader_elector.as_ref();
        let elector = elector.map(|it| host.uses::<dyn LeaderElection>(it)).transpose()?;
        let client = Client::new(&self.config.api, &self.settings.build.user_agent()).await;
        let client = client.map_err(|why| format!("Failed to create Kubernetes client: {why}"))?;
        self.collect(client, elector.map(|it| it.leads()), host);
        Ok(())
    }
}

impl K8sCluster {
    /// Watches and sends while this collector leads.
    fn collect(
        self: &Arc<Self>,
        client: Client,
        leads: Option<watch::Receiver<Lead>>,
        host: &Host,
    ) {
        let (metrics, logs) = (self.out.wants(Signal::Metrics), self.out.wants(Signal::Logs));
        let mut kinds: BTreeSet<Kind> = BTreeSet::new();
        if metrics {
            kinds.extend(self.config.kinds_of_metrics());
        }
        if logs {
            kinds.extend(self.config.kinds_of_entities());
        }
        let labels = [("receiver", self.settings.id.as_str())];
        let cluster = Arc::new(Cluster {
            changes: logs.then(Changes::default),
            refused: self.settings.meter.counter(REFUSED, &labels),
            ..Cluster::default()
        });
        let namespaces = self.config.of_namespaces();
        if !namespaces.is_empty() {
            let namespaces = namespaces.join(", ");
            tracing::info!(
                namespaces,
                "Namespaces filter has been enabled. Nodes and namespaces will not be observed."
            );
        }
        let (this, its, stopping) = (Arc::clone(self), host.clone(), host.stopping().clone());
        host.spawn(async move {
            // Begun with the first lead. Who has led once goes on watching and is ready to lead again.
            let watches = OnceLock::new();
            let work = while_leading(leads, |lead| {
                let was_begun = watches.get().is_some();
                let watches = watches
                    .get_or_init(|| Watches::begin(&client, &cluster, &kinds, &namespaces, &its));
                if let Some(changes) = cluster.changes.as_ref().filter(|_| was_begun) {
                    cluster.tell_all(changes, lead);
                }
                let (this, cluster) = (&this, &cluster);
                async move {
                    watches.known().await;
                    tracing::info!("Completed syncing shared informer caches.");
                    tokio::join!(this.events(cluster), this.rounds(cluster, metrics));
                }
            });
            let _: Option<Option<()>> = stopping.run_until_cancelled(work).await;
            Ok(())
        });
    }

    /// Sends entity events when something changes.
    async fn events(&self, cluster: &Arc<Cluster>) {
        let Some(changes) = &cluster.changes else { return };
        let events = Events {
            cluster: Arc::clone(cluster),
            interval: self.config.metadata_collection_interval.std(),
            out: self.out.clone(),
            received: self.received(Signal::Logs),
        };
        events.run(changes).await;
    }

    fn received(&self, signal: Signal) -> Received {
        Received::new(&self.settings.meter, self.settings.id.as_str(), "http", signal)
    }

    /// Sends metrics at the interval.
    async fn rounds(&self, cluster: &Cluster, wanted: bool) {
        if !wanted {
            return;
        }
        let (config, version) = (&self.config, self.settings.build.version);
        let received = self.received(Signal::Metrics);
        let mut builder = Builder::new(&config.metrics, &config.resource_attributes, version);
        builder.start(clock::unix_nanos());
        let interval = config.collection_interval.std();
        let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let now = clock::unix_nanos();
            builder.time(now);
            record::all(cluster, &mut builder);
            let metrics = Data::from(builder.finish().metrics);
            let custom = custom::all(cluster, config, version, now);
            let all = std::iter::once(metrics).chain(custom).filter(|it| it.items() > 0);
            let Some(data) = Data::concat(all) else { continue };
            let sent = received.consume(&self.out, &Context::default(), data).await;
            if let Err(error) = sent {
                tracing::warn!(%error, "the metrics of a round are lost: the next round brings newer ones");
            }
        }
    }
}
