//! What was found: the endpoints of each object, published when they have changed.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use component::meter::{Counter, Descriptor, Gauge, Level, OURS};
use component::{Endpoint, Endpoints, Meter, clock, publish_endpoints};
use kube::{Event, Sink};
use tokio::sync::{Notify, watch};

use crate::config::Config;
use crate::objects::Found;

/// Most endpoints.
pub(crate) const ENDPOINTS_MAX: usize = 20_000;
/// Changes are gathered for so long.
const GATHER: Duration = Duration::from_millis(100);

/// An endpoint, and until when it is one.
type Dated = (Arc<Endpoint>, Option<i128>);

/// The endpoints of an object.
struct Object {
    /// The list in which it came last.
    round: u32,
    endpoints: Vec<Dated>,
}

#[derive(Default)]
struct State {
    /// By the number of the watch and the uid.
    objects: HashMap<(usize, Box<str>), Object>,
    /// Of each watch the list that it tells.
    rounds: HashMap<usize, u32>,
    count: usize,
    /// No room was said.
    is_full: bool,
}

/// What was found.
pub(crate) struct Table {
    config: Config,
    /// In front of the ids of endpoints.
    observer: String,
    state: Mutex<State>,
    changed: Notify,
    pub(crate) endpoints: watch::Sender<Endpoints>,
    size: Gauge,
    refused: Counter,
}

/// Takes note of the objects of one watch.
pub(crate) struct Watched<T> {
    pub(crate) table: Arc<Table>,
    pub(crate) number: usize,
    pub(crate) of: PhantomData<fn(T)>,
}

impl Table {
    pub(crate) fn new(config: Config, observer: &str, meter: &Meter) -> Self {
        let what = |name, unit, description| Descriptor {
            scope: OURS,
            name,
            unit,
            description,
            level: Level::Basic,
        };
        let size = what("sluice_k8s_observer_endpoints", "{endpoint}", "Endpoints that were found");
        let refused = what(
            "sluice_k8s_observer_refused_total",
            "{object}",
            "Objects that are not known because there are too many endpoints",
        );
        let labels = [("extension", observer)];
        Self {
            config,
            observer: observer.to_owned(),
            state: Mutex::default(),
            changed: Notify::new(),
            endpoints: watch::Sender::default(),
            size: meter.gauge(size, &labels),
            refused: meter.counter(refused, &labels),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes changes until it is dropped.
    pub(crate) async fn publish(&self) {
        loop {
            let next = self.show();
            let wait = async {
                match next {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.changed.notified() => tokio::time::sleep(GATHER).await,
                () = wait => {}
            }
        }
    }

    /// Publishes what is there now, and says when the next endpoint is none any more.
    fn show(&self) -> Option<Duration> {
        let now = i128::from(clock::unix_nanos());
        let mut all = Vec::new();
        let mut next: Option<i128> = None;
        for object in self.state().objects.values() {
            for (endpoint, until) in &object.endpoints {
                if until.is_some_and(|it| it <= now) {
                    continue;
                }
                if let Some(until) = until {
                    next = Some(next.map_or(*until, |it| it.min(*until)));
                }
                all.push(Arc::clone(endpoint));
            }
        }
        publish_endpoints(&self.endpoints, &self.size, all);
        let nanos = next.map(|it| u64::try_from(it - now).unwrap_or_default());
        nanos.map(Duration::from_nanos)
    }

    fn apply(&self, number: usize, object: &impl Found) {
        let key = (number, Box::from(object.uid()));
        let found = object.endpoints(&self.observer, &self.config);
        let mut state = self.state();
        let before = state.objects.remove(&key).map_or_else(Vec::new, |it| it.endpoints);
        let count = state.count - before.len() + found.len();
        if count > ENDPOINTS_MAX {
            state.count -= before.len();
            self.refused.add(1);
            if !std::mem::replace(&mut state.is_full, true) {
                tracing::error!(
                    endpoints_max = ENDPOINTS_MAX,
                    "too many endpoints: set node or namespaces of the observer"
                );
            }
            return;
        }
        let kept = |new: Endpoint| {
            let same = before.iter().find(|it| *it.0 == new);
            same.map_or_else(|| Arc::new(new), |it| Arc::clone(&it.0))
        };
        let endpoints = found.into_iter().map(|it| (kept(it.endpoint), it.until)).collect();
        let round = state.rounds.get(&number).copied().unwrap_or_default();
        state.count = count;
        state.objects.insert(key, Object { round, endpoints });
    }

    fn delete(&self, number: usize, uid: &str) {
        let mut state = self.state();
        if let Some(it) = state.objects.remove(&(number, Box::from(uid))) {
            state.count -= it.endpoints.len();
            state.is_full = false;
        }
    }

    fn sync(&self, number: usize) {
        let mut state = self.state();
        let round = state.rounds.get(&number).copied().unwrap_or_default();
        state.objects.retain(|key, it| key.0 != number || it.round == round);
        state.count = state.objects.values().map(|it| it.endpoints.len()).sum();
    }
}

impl<T: Found> Sink<T> for Watched<T> {
    fn event(&self, event: Event<'_, T>) {
        match event {
            Event::Restarted => {
                *self.table.state().rounds.entry(self.number).or_default() += 1;
                return;
            }
            Event::Applied(object) => self.table.apply(self.number, object),
            Event::Deleted(object) => self.table.delete(self.number, object.uid()),
            Event::Synced => self.table.sync(self.number),
        }
        self.table.changed.notify_one();
    }
}
