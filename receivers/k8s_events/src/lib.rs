//! Events of Kubernetes as log records.
//!
//! Events that are older than the receiver are not told, unless it goes on where it has stopped. A watch goes on only when
//! the pipelines have what it has told; what it does is in `kube`, here events become records.

use std::sync::Arc;
use std::time::Duration;

use component::config::{Duration as Time, Need, Problems};
use component::{
    BoxError, Component, Host, Lead, LeaderElection, Outputs, Receiver, Settings, Signal,
    Stability, Storage, async_trait, clock, while_leading,
};
use futures_util::future::join_all;
use kube::{ApiConfig, Beginning, Client, Delivery, Follow, Positions, Query, Resource};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

mod record;
mod taker;
#[cfg(test)]
mod tests;

use taker::{Records, Throttle};

const EVENTS: Resource = Resource::of("", "events", true);
/// How long what is being delivered may take when the receiver is to stop.
const GRACE: Duration = Duration::from_secs(1);
/// How long nobody may have led before this collector does: what happened then is told, and some of it perhaps again.
const VACANCY: Duration = Duration::from_secs(20);

/// `receivers: k8s_events:`
///
/// Upstream: `receiver/k8seventsreceiver`, v0.156.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "k8seventsreceiver.Config")]
pub struct Config {
    /// The API server.
    #[serde(flatten)]
    pub api: ApiConfig,
    /// Only events of these namespaces. Default: all.
    pub namespaces: Vec<String>,
    /// A storage extension that keeps how far the watch has come: a restart tells what has happened meanwhile.
    #[config(omit_empty)]
    pub storage: Option<String>,
    /// An extension that says which of several collectors collects.
    #[config(omit_empty)]
    pub k8s_leader_elector: Option<String>,
    /// An event that happens again is told again only after this time; negative is never, 0 always. Default 0.
    #[config(omit_empty)]
    pub dedup_interval: Time,
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.api.validate("apiconfig", problems);
        if let Some(id) = self.storage.as_ref().filter(|it| !it.is_empty()) {
            problems.needs("storage", Need::Storage(id.clone()));
        }
        if let Some(id) = self.k8s_leader_elector.as_ref().filter(|it| !it.is_empty()) {
            problems.needs("k8s_leader_elector", Need::LeaderElection(id.clone()));
        }
        problems.needs("auth_type", Need::Right(EVENTS.rule(&["list", "watch"])));
    }
}

/// The receiver.
pub struct K8sEvents {
    settings: Settings,
    config: Config,
    out: Outputs,
}

impl Receiver for K8sEvents {
    type Config = Config;
    const TYPE: &'static str = "k8s_events";
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Logs, Stability::Alpha)];

    fn create(settings: Settings, config: Config, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, config, out })
    }
}

#[async_trait]
impl Component for K8sEvents {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let named = |it: &Option<String>| it.clone().filter(|it| !it.is_empty());
        let storage = named(&self.config.storage);
        let storage = storage.map(|it| host.uses_named::<dyn Storage>(&it)).transpose()?;
        let elector = named(&self.config.k8s_leader_elector);
        let elector = elector.map(|it| host.uses_named::<dyn LeaderElection>(&it)).transpose()?;
        let client = Client::new(&self.config.api, &self.settings.build.user_agent()).await?;
        let (ownership, stopping) = (host.ownership(), host.stopping().clone());
        let begun = clock::unix_nanos();
        host.spawn(async move {
            let Some(mut own) = stopping.run_until_cancelled(ownership).await else {
                return Ok(());
            };
            let positions = Positions::open(storage, &self.settings.id, own.received()).await?;
            let leads = elector.map(|it| it.leads());
            self.collect(&client, &positions, leads, (begun, &stopping)).await;
            own.hand_over(positions.left());
            Ok(())
        });
        Ok(())
    }
}

impl K8sEvents {
    /// Collects while this collector leads, until it is to stop.
    async fn collect(
        &self,
        client: &Client,
        positions: &Positions,
        leads: Option<watch::Receiver<Lead>>,
        (begun, stopping): (u64, &CancellationToken),
    ) {
        let delivery = Delivery::of_logs(&self.settings, self.out.clone());
        let everywhere = [String::new()];
        let namespaces = match self.config.namespaces.as_slice() {
            [] => &everywhere[..],
            given => given,
        };
        let mut is_first = true;
        let work = while_leading(leads, |lead| {
            if !std::mem::take(&mut is_first) && lead == Lead::Anew {
                positions.forget();
            }
            let vacancy = u64::try_from(VACANCY.as_nanos()).unwrap_or(0);
            let since = begun.max(clock::unix_nanos().saturating_sub(vacancy));
            join_all(namespaces.iter().map({
                let delivery = &delivery;
                move |namespace| {
                    self.follow(client, namespace, positions, delivery, (since, stopping))
                }
            }))
        });
        tokio::select! {
            _ = work => {}
            // Who waits for the lead, or for pipelines that take nothing.
            () = async { stopping.cancelled().await; tokio::time::sleep(GRACE).await } => {}
        }
    }

    async fn follow(
        &self,
        client: &Client,
        namespace: &str,
        positions: &Positions,
        delivery: &Delivery,
        (since, stopping): (u64, &CancellationToken),
    ) {
        let query = Query { namespace: namespace.to_owned(), ..Query::all(EVENTS) };
        let key = Positions::key(&query);
        let (beginning, since) = match positions.get(&key) {
            Some(version) => (Beginning::After(version), 0),
            // Most of what is there is older than that.
            None => (Beginning::Existing, since),
        };
        let throttle = Throttle::new(self.config.dedup_interval);
        let version = self.settings.build.version;
        let taker = Records { key, since, throttle, positions, delivery, version, stopping };
        Follow::new(client, query, beginning).run(&taker, stopping).await;
    }
}
