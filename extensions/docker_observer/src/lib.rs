//! Finds the containers of a Docker daemon and their ports. They are listed again and again, and those that are new are asked; what was
//! found is published as a whole ([`component::Observer`]), and who uses it compares.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use component::meter::{Counter, Descriptor, Gauge, Level, OURS};
use component::{
    BoxError, Capability, Component, Endpoint, Endpoints, Extension, Host, Observer, Offers,
    Settings, Stability, async_trait, publish_endpoints,
};
use docker::{Daemon, Failed, Listed};
use tokio::sync::watch;
use tokio::time::Instant;

mod config;
mod endpoints;
#[cfg(test)]
mod tests;

pub use config::{Config, Plan};

/// Time between two lists of what runs.
const LIST_EVERY: Duration = Duration::from_secs(2);
/// Most containers of a daemon.
const CONTAINERS_MAX: usize = 2_000;

const fn what(name: &'static str, unit: &'static str, description: &'static str) -> Descriptor {
    Descriptor { scope: OURS, name, unit, description, level: Level::Basic }
}

const SIZE: Descriptor =
    what("sluice_docker_observer_endpoints", "{endpoint}", "Endpoints that were found");
const FAILURES: Descriptor = what(
    "sluice_docker_observer_failures_total",
    "{request}",
    "Times that the daemon did not answer well",
);

/// The extension.
pub struct DockerObserver {
    settings: Settings,
    plan: Plan,
    endpoints: watch::Sender<Endpoints>,
    size: Gauge,
    failures: Counter,
}

impl Extension for DockerObserver {
    type Config = Plan;
    const TYPE: &'static str = "docker_observer";
    const STABILITY: Stability = Stability::Alpha;
    const OFFERS: &'static [Offers] = &[Offers::Observer];

    fn create(settings: Settings, plan: Plan) -> Result<Self, BoxError> {
        let labels = [("extension", settings.id.as_str())];
        let size = settings.meter.gauge(SIZE, &labels);
        let failures = settings.meter.counter(FAILURES, &labels);
        Ok(Self { plan, endpoints: watch::Sender::default(), size, failures, settings })
    }

    fn offers(self: Arc<Self>) -> Vec<Capability> {
        vec![Capability::Observer(self)]
    }
}

impl Observer for DockerObserver {
    fn endpoints(&self) -> watch::Receiver<Endpoints> {
        self.endpoints.subscribe()
    }
}

#[async_trait]
impl Component for DockerObserver {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let Plan { config, daemon, .. } = &self.plan;
        let (tls, agent) = (configtls::ClientConfig::default(), self.settings.build.user_agent());
        let daemon = Daemon::new(daemon, &config.api_version, config.timeout.std(), &tls, &agent)?;
        let stopping = host.stopping().clone();
        host.spawn(async move {
            let _: Option<()> = stopping.run_until_cancelled(self.look(&daemon)).await;
            Ok(())
        });
        Ok(())
    }
}

/// A container that was asked.
struct Seen {
    /// None of one that is left out.
    endpoints: Vec<Arc<Endpoint>>,
    /// It has to be asked again; until it answers, it is what it was.
    is_due: bool,
}

/// By the id of a container.
type Known = HashMap<String, Seen>;

impl DockerObserver {
    /// Looks again and again, until it is dropped.
    async fn look(&self, daemon: &Daemon) {
        let (mut known, mut complained, mut is_full) = (Known::new(), None, false);
        let mut whole = Instant::now();
        loop {
            if whole <= Instant::now() {
                known.values_mut().for_each(|it| it.is_due = true);
                whole = Instant::now() + self.plan.config.cache_sync_interval.std();
            }
            match daemon.running().await {
                Ok(listed) => {
                    let wanted = self.wanted(listed, &mut is_full);
                    self.learn(daemon, &mut known, wanted).await;
                    let found = known.values().flat_map(|it| &it.endpoints).map(Arc::clone);
                    publish_endpoints(&self.endpoints, &self.size, found);
                    complained = None;
                }
                Err(error) => {
                    self.failures.add(1);
                    if complained.as_ref() != Some(&error) {
                        tracing::warn!(error, "containers are not found: what is known stays");
                        complained = Some(error);
                    }
                }
            }
            tokio::time::sleep(LIST_EVERY).await;
        }
    }

    /// Those whose image is not left out, as many as there is room for; that there are more is said once.
    fn wanted(&self, mut listed: Vec<Listed>, is_full: &mut bool) -> Vec<Listed> {
        listed.retain(|it| !self.plan.excluded.matches(&it.image));
        let (containers, limit) = (listed.len(), CONTAINERS_MAX);
        let was_full = std::mem::replace(is_full, containers > limit);
        if *is_full && !was_full {
            tracing::error!(containers, limit, "too many containers: set excluded_images");
        }
        listed.truncate(limit);
        listed
    }

    async fn learn(&self, daemon: &Daemon, known: &mut Known, wanted: Vec<Listed>) {
        let Plan { config, excluded, .. } = &self.plan;
        let mut before = std::mem::take(known);
        for Listed { id, .. } in wanted {
            let same = before.remove(&id);
            if same.as_ref().is_some_and(|it| !it.is_due) {
                known.extend(same.map(|it| (id, it)));
                continue;
            }
            let endpoints = match daemon.inspect(&id).await {
                // The list can name an image otherwise than the container does.
                Ok(it) if excluded.matches(&it.config.image) => Vec::new(),
                Ok(it) => endpoints::of(&it, config).into_iter().map(Arc::new).collect(),
                // It has ended meanwhile.
                Err(Failed::Gone) => continue,
                Err(Failed::Otherwise(error)) => {
                    self.failures.add(1);
                    tracing::debug!(error, id, "a container is not known: it is asked again");
                    known.extend(same.map(|it| (id, it)));
                    continue;
                }
            };
            known.insert(id, Seen { endpoints, is_due: false });
        }
    }
}
