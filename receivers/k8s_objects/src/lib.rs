//! Objects of Kubernetes as log records: all of them again and again, or what happens to them.
//!
//! A watch goes on only when the pipelines have what it has told, and the version of the last change that they have is
//! where it goes on after anything that goes wrong. What it does is in `kube`; here objects become records.

use std::sync::Arc;
use std::time::Duration;

use component::{
    BoxError, Component, Host, Lead, LeaderElection, Outputs, Receiver, Settings, Signal,
    Stability, Storage, async_trait, while_leading,
};
use futures_util::future::join_all;
use kube::{Client, Delivery, Positions};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

mod config;
mod record;
mod source;
#[cfg(test)]
mod tests;

pub use config::{Config, ErrorMode, Mode, NamespaceFilter, ObjectConfig};

use source::Source;

/// How long the start waits for a server that does not answer.
const START_TIMEOUT: Duration = Duration::from_secs(5);
/// The wait before a server is asked again for its kinds, and the longest.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The receiver.
pub struct K8sObjects {
    settings: Settings,
    config: Config,
    out: Outputs,
}

impl Receiver for K8sObjects {
    type Config = Config;
    const TYPE: &'static str = "k8s_objects";
    const ALIASES: &'static [&'static str] = &["k8sobjects"];
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Logs, Stability::Beta)];

    fn create(settings: Settings, config: Config, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, config, out })
    }
}

#[async_trait]
impl Component for K8sObjects {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let named = |it: &Option<String>| it.clone().filter(|it| !it.is_empty());
        let storage = named(&self.config.storage);
        let storage = storage.map(|it| host.uses_named::<dyn Storage>(&it)).transpose()?;
        let elector = named(&self.config.k8s_leader_elector);
        let elector = elector.map(|it| host.uses_named::<dyn LeaderElection>(&it)).transpose()?;
        let client = Client::new(&self.config.api, &self.settings.build.user_agent()).await?;
        let sources = match tokio::time::timeout(START_TIMEOUT, client.kinds()).await {
            Ok(Ok(kinds)) => Some(source::choose(&self.config, &kinds)?),
            Ok(Err(error)) => {
                let error = error.to_string();
                tracing::warn!(error, "the API server does not say what it has: trying again");
                None
            }
            Err(_) => {
                tracing::warn!("the API server does not answer: trying again");
                None
            }
        };
        let (ownership, stopping) = (host.ownership(), host.stopping().clone());
        let work = Work { receiver: Arc::clone(&self), client, stopping: stopping.clone() };
        host.spawn(async move {
            let Some(mut own) = stopping.run_until_cancelled(ownership).await else {
                return Ok(());
            };
            let positions = Positions::open(storage, &self.settings.id, own.received()).await?;
            work.run(sources, &positions, elector.map(|it| it.leads())).await?;
            own.hand_over(positions.left());
            Ok(())
        });
        Ok(())
    }
}

/// What the task does.
struct Work {
    receiver: Arc<K8sObjects>,
    client: Client,
    stopping: CancellationToken,
}

impl Work {
    async fn run(
        &self,
        sources: Option<Vec<Source>>,
        positions: &Positions,
        leads: Option<watch::Receiver<Lead>>,
    ) -> Result<(), BoxError> {
        let sources = match sources {
            Some(sources) => sources,
            None => match self.stopping.run_until_cancelled(self.sources()).await {
                Some(sources) => sources?,
                None => return Ok(()),
            },
        };
        let (settings, out) = (&self.receiver.settings, self.receiver.out.clone());
        let delivery = Delivery::of_logs(settings, out);
        let has_elector = leads.is_some();
        let mut first = true;
        let work = while_leading(leads, |lead| {
            if has_elector {
                tracing::info!("Object Receiver started as leader");
            }
            if !std::mem::take(&mut first) && lead == Lead::Anew {
                positions.forget();
            }
            let tasks = sources.iter().map(|it| {
                it.run(&self.client, positions, &delivery, settings.build.version, &self.stopping)
            });
            join_all(tasks)
        });
        tokio::select! {
            _ = work => {}
            () = self.stopped_as_follower(has_elector) => {}
        }
        Ok(())
    }

    /// Who does not lead waits for the lead, and stops at once.
    async fn stopped_as_follower(&self, has_elector: bool) {
        if !has_elector {
            return std::future::pending().await;
        }
        self.stopping.cancelled().await;
        // What is being delivered may end first.
        tokio::time::sleep(PAUSE_MIN).await;
    }

    /// What the server has, as soon as it says so.
    async fn sources(&self) -> Result<Vec<Source>, BoxError> {
        let mut pause = PAUSE_MIN;
        loop {
            tokio::time::sleep(pause).await;
            if let Ok(kinds) = self.client.kinds().await {
                return source::choose(&self.receiver.config, &kinds);
            }
            pause = pause.saturating_mul(2).min(PAUSE_MAX);
        }
    }
}
