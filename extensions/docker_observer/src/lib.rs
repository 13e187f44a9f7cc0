//! Finds the containers of a Docker daemon and their ports. They are listed again and again, and those that are new are asked; what was
//! found is published as a whole ([`component::Observer`]), and who uses it compares.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use component::meter::{Counter, Descriptor, Gauge, Level, OURS};
use component::{
    BoxError, Capability, Component, Endpoint, Endpoints, Extension, Host, Observer, Offers,
    Settings, Stability, async_trait,
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

/// By the id of a container: what it is.
type Known = HashMap<String, Vec<Arc<Endpoint>>>;

impl DockerObserver {
    /// Looks again and again, until it is dropped.
    async fn look(&self, daemon: &Daemon) {
        let (mut known, mut complained, mut is_full) = (Known::new(), None, false);
        let mut whole = Instant::now();
        loop {
            if whole <= Instant::now() {
                known.clear();
                whole = Instant::now() + self.plan.config.cache_sync_interval.std();
            }
            match daemon.running().await {
                Ok(listed) => {
                    if listed.len() > CONTAINERS_MAX && !std::mem::replace(&mut is_full, true) {
                        let (containers, limit) = (listed.len(), CONTAINERS_MAX);
                        tracing::error!(
                            containers,
                            limit,
                            "too many containers: set excluded_images"
                        );
                    }
                    self.learn(daemon, &mut known, listed).await;
                    self.publish(&known);
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

    async fn learn(&self, daemon: &Daemon, known: &mut Known, listed: Vec<Listed>) {
        let Plan { config, excluded, .. } = &self.plan;
        let mut before = std::mem::take(known);
        let wanted = listed.into_iter().filter(|it| !excluded.matches(&it.image));
        for Listed { id, .. } in wanted.take(CONTAINERS_MAX) {
            if let Some(same) = before.remove(&id) {
                known.insert(id, same);
                continue;
            }
            match daemon.inspect(&id).await {
                Ok(it) if excluded.matches(&it.config.image) => {}
                Ok(it) => {
                    let found = endpoints::of(&it, config).into_iter().map(Arc::new);
                    known.insert(id, found.collect());
                }
                // It has ended meanwhile.
                Err(Failed::Gone) => {}
                Err(Failed::Otherwise(error)) => {
                    self.failures.add(1);
                    tracing::debug!(error, id, "a container is not known: it is asked again");
                }
            }
        }
    }

    fn publish(&self, known: &Known) {
        let all = known.values().flatten();
        let all: BTreeMap<String, Arc<Endpoint>> =
            all.map(|it| (it.id.clone(), Arc::clone(it))).collect();
        self.size.set(i64::try_from(all.len()).unwrap_or(i64::MAX));
        self.endpoints.send_if_modified(|before| {
            let is_new = **before != all;
            if is_new {
                *before = Arc::new(all);
            }
            is_new
        });
    }
}
