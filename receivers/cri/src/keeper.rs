//! Keeps the catalog: lists all containers now and then, and in between those of the pods that somebody asks for.
//!
//! Where the section asks for it and the runtime allows it, events of the runtime ([`crate::listener`]) bring the next list
//! forward.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use component::{BoxError, Context, Host, Outputs};
use cri::{Container, Image, PodSandbox, Runtime, is_id};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::catalog::{Catalog, key};
use crate::extract::{Extract, Facts};
use crate::gauges::Gauges;
use crate::life_cycle::LifeCycle;

/// Wait after the runtime could not be asked.
const PAUSE: Duration = Duration::from_secs(5);
/// A cause is logged at most so often.
const QUIET: Duration = Duration::from_mins(5);
/// Shortest time between two look-ups: a pod that has just begun gets its containers one after the other.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
/// Shortest time between two lists because of events.
const EVENT_PAUSE: Duration = Duration::from_millis(500);
/// Most images of which names are kept.
const IMAGES_MAX: usize = 10_000;

/// The task.
pub(crate) struct Keeper {
    pub(crate) runtime: Arc<Runtime>,
    /// Something has happened to containers.
    pub(crate) happened: Arc<Notify>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) extract: Arc<Extract>,
    pub(crate) resync: Duration,
    pub(crate) life_cycle: Option<LifeCycle>,
    pub(crate) out: Outputs,
    pub(crate) gauges: Gauges,
    /// Images of which only the id was told, and addresses of pods by sandbox.
    pub(crate) images: HashMap<String, Option<Arc<Image>>>,
    pub(crate) addresses: HashMap<String, Option<String>>,
    pub(crate) complained: Option<(String, Instant)>,
}

impl Keeper {
    /// Runs until the host stops.
    pub(crate) async fn run(mut self, host: Host) -> Result<(), BoxError> {
        let stopping = host.stopping().clone();
        let work = async {
            let mut next = self.all().await;
            // Each pause holds up its own kind only: a look-up, for which lines wait, does not wait for events.
            let (mut next_look, mut next_event) = (Instant::now(), Instant::now());
            loop {
                let looks = async {
                    tokio::time::sleep_until(next_look).await;
                    self.catalog.asked.notified().await;
                };
                let events = async {
                    tokio::time::sleep_until(next_event).await;
                    self.happened.notified().await;
                };
                tokio::select! {
                    () = tokio::time::sleep_until(next) => next = self.all().await,
                    () = looks => {
                        self.some().await;
                        next_look = Instant::now() + LOOK_PAUSE;
                    }
                    () = events => {
                        next = self.all().await;
                        next_event = Instant::now() + EVENT_PAUSE;
                    }
                }
            }
        };
        stopping.run_until_cancelled(work).await;
        Ok(())
    }

    /// Lists everything, and says when to do it again.
    async fn all(&mut self) -> Instant {
        let pods = self.runtime.pods(None).await;
        let both = match pods {
            Ok(pods) => self.runtime.containers(None).await.map(|it| (pods, it)),
            Err(error) => Err(error),
        };
        let (pods, containers) = match both {
            Ok(both) => both,
            Err(error) => {
                self.complain(error);
                return Instant::now() + PAUSE.min(self.resync);
            }
        };
        if self.complained.take().is_some() {
            tracing::info!("the container runtime answers again");
        }
        let sandboxes: HashSet<&str> = pods.iter().map(|it| it.id.as_str()).collect();
        self.addresses.retain(|it, _| sandboxes.contains(it.as_str()));
        self.learn(&pods, &containers, true).await;
        self.tell(&pods, &containers).await;
        Instant::now() + self.resync
    }

    /// Looks for the pods that are asked for.
    async fn some(&mut self) {
        for uid in self.catalog.wanted_pods() {
            let found = match self.runtime.pods(Some(&uid)).await {
                Ok(pods) => self.runtime.containers(Some(&uid)).await.map(|it| (pods, it)),
                Err(error) => Err(error),
            };
            match found {
                Ok((pods, containers)) => self.learn(&pods, &containers, false).await,
                Err(error) => return self.complain(error),
            }
        }
    }

    async fn learn(&mut self, pods: &[PodSandbox], containers: &[Container], whole: bool) {
        let by_id: HashMap<&str, &PodSandbox> =
            pods.iter().map(|it| (it.id.as_str(), it)).collect();
        let mut listed = Vec::with_capacity(containers.len());
        for container in containers {
            let Some(pod) = by_id.get(container.pod_sandbox_id.as_str()) else { continue };
            let Some(key) = key(pod, container) else { continue };
            let image = self.image(container).await;
            let address = self.address(pod).await;
            let facts =
                Facts { pod, container, image: image.as_deref(), address: address.as_deref() };
            listed.push((key, self.extract.attributes(&facts)));
        }
        self.catalog.learn(listed, whole);
        self.gauges.containers.set(i64::try_from(self.catalog.len()).unwrap_or(i64::MAX));
    }

    /// The names of the image, where the list has told only its id.
    async fn image(&mut self, container: &Container) -> Option<Arc<Image>> {
        let spec = container.image.as_ref()?;
        let is_named = !spec.user_specified_image.is_empty() || !is_id(&spec.image);
        if is_named && container.image_ref.contains('@') || !self.extract.wants_image() {
            return None;
        }
        let id = spec.image.as_str();
        if !self.images.contains_key(id) {
            let image = self.runtime.image(id).await.ok().flatten().map(Arc::new);
            if self.images.len() >= IMAGES_MAX {
                self.images.clear();
            }
            self.images.insert(id.to_owned(), image);
        }
        self.images.get(id)?.clone()
    }

    async fn address(&mut self, pod: &PodSandbox) -> Option<String> {
        if !self.extract.wants_address() {
            return None;
        }
        if !self.addresses.contains_key(&pod.id) {
            let address = self.runtime.address(&pod.id).await.ok()?;
            self.addresses.insert(pod.id.clone(), address);
        }
        self.addresses.get(&pod.id).cloned().flatten()
    }

    /// Sends what has happened to containers since the last list.
    async fn tell(&mut self, pods: &[PodSandbox], containers: &[Container]) {
        let Some(life_cycle) = &mut self.life_cycle else { return };
        let Some(data) = life_cycle.since(&self.runtime, pods, containers).await else { return };
        if let Err(error) = self.out.consume(&Context::default(), data).await {
            tracing::warn!(%error, "records about starts and ends of containers were not delivered");
        }
    }

    fn complain(&mut self, error: String) {
        self.gauges.failures.add(1);
        let repeated = self.complained.as_ref().is_some_and(|(known, _)| *known == error);
        let quiet = self.complained.as_ref().is_some_and(|(_, at)| at.elapsed() < QUIET);
        if repeated && quiet {
            return;
        }
        tracing::warn!(
            error,
            "the container runtime cannot be asked: log records go on with what the path of their file says"
        );
        self.complained = Some((error, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_look_up_does_not_wait_for_the_pause_between_events() {
        let meter = component::Meter::default();
        let (gauges, happened) = (Gauges::new(&meter, "cri"), Arc::new(Notify::new()));
        // Lines wait for less than the pause.
        let catalog = Arc::new(Catalog::new(EVENT_PAUSE / 2));
        let limit = Duration::from_millis(500);
        let runtime = Runtime::new("unix:///nowhere/socket".into(), limit, "cri");
        let config = componenttest::config::<crate::Plan>("{}");
        let keeper = Keeper {
            runtime: Arc::new(runtime.unwrap()),
            happened: Arc::clone(&happened),
            catalog: Arc::clone(&catalog),
            extract: config.extract,
            resync: Duration::from_hours(1),
            life_cycle: None,
            out: Outputs::default(),
            gauges,
            images: HashMap::new(),
            addresses: HashMap::new(),
            complained: None,
        };
        let host = componenttest::TestHost::new();
        host.spawn(keeper.run(host.clone()));
        // Nobody answers there, so each question is a failure.
        let asked = || {
            let labels = [("receiver", "cri")];
            componenttest::metric(&meter, "sluice_cri_failures_total", &labels).unwrap_or_default()
        };
        let until = async |times: f64| {
            while asked() < times {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        until(1.0).await;
        happened.notify_one();
        until(2.0).await;
        let key = crate::catalog::Key { pod_uid: "u".into(), container: "c".into(), attempt: 0 };
        let _ = catalog.attributes([key].into()).await;
        let _ = tokio::time::timeout(limit, until(3.0)).await;
        host.stop().await;
        assert!(asked() >= 3.0, "the pod was asked for");
    }
}
