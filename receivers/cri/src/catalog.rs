//! What is known of the containers of this node, by the names that stand in the paths of their log files.
//!
//! Readers ask with [`Catalog::attributes`] for the containers of a batch. Those that are not known yet are noted, and
//! the keeper ([`crate::keeper`]) asks the runtime for their pods. A container that the runtime does not know is waited
//! for once: its files may be all that is left of it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cri::{Container, PodSandbox};
use pdata::AttributeBuf;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Most containers that are kept: those of a node with 250 pods, many times over.
const CONTAINERS_MAX: usize = 50_000;
/// Most containers that are looked for at the same time.
const WANTED_MAX: usize = 10_000;
/// How long a container is kept that the runtime has removed: its lines may still be on their way.
const KEPT_AFTER_END: Duration = Duration::from_mins(10);

/// Names one container: what the path of its log file says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) pod_uid: String,
    pub(crate) container: String,
    pub(crate) attempt: u32,
}

/// Which container it is, as the path of its log file says it.
pub(crate) fn key(pod: &PodSandbox, container: &Container) -> Option<Key> {
    let (pod, own) = (pod.metadata.as_ref()?, container.metadata.as_ref()?);
    Some(Key { pod_uid: pod.uid.clone(), container: own.name.clone(), attempt: own.attempt })
}

/// What records of a container get, encoded.
pub(crate) type Attributes = Arc<[AttributeBuf]>;

struct Known {
    attributes: Attributes,
    /// Since when the runtime does not list it any more.
    gone: Option<Instant>,
}

#[derive(Default)]
struct State {
    known: HashMap<Key, Known>,
    /// Containers that somebody waits for, or has waited for in vain, and until when that is worth it.
    wanted: HashMap<Key, Instant>,
}

/// The table. Shared by the readers and the keeper.
pub(crate) struct Catalog {
    state: Mutex<State>,
    /// Something is wanted.
    pub(crate) asked: Notify,
    /// Counts the answers of the runtime.
    changes: watch::Sender<u64>,
    /// Longest time that records wait.
    patience: Duration,
}

impl Catalog {
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            state: Mutex::default(),
            asked: Notify::new(),
            changes: watch::Sender::new(0),
            patience,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The attributes of containers, as far as they can be had in time.
    pub(crate) async fn attributes(&self, keys: HashSet<Key>) -> HashMap<Key, Attributes> {
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            let (found, until) = self.look(&keys);
            let Some(until) = until else { return found };
            self.asked.notify_one();
            if tokio::time::timeout_at(until, changes.changed()).await.is_err() {
                return found;
            }
        }
    }

    /// What is known of them, and until when to wait for the rest.
    fn look(&self, keys: &HashSet<Key>) -> (HashMap<Key, Attributes>, Option<Instant>) {
        let now = Instant::now();
        let State { known, wanted } = &mut *self.state();
        let (mut found, mut until) = (HashMap::new(), None);
        for key in keys {
            if let Some(it) = known.get(key) {
                found.insert(key.clone(), Arc::clone(&it.attributes));
                continue;
            }
            if wanted.len() >= WANTED_MAX && !wanted.contains_key(key) {
                continue;
            }
            let own = *wanted.entry(key.clone()).or_insert_with(|| now + self.patience);
            if own > now {
                until = until.max(Some(own));
            }
        }
        (found, until)
    }

    /// The pods of the containers that somebody waits for now.
    pub(crate) fn wanted_pods(&self) -> HashSet<String> {
        let now = Instant::now();
        let state = self.state();
        let waiting = state.wanted.iter().filter(|(_, until)| **until > now);
        waiting.map(|(key, _)| key.pod_uid.clone()).collect()
    }

    /// Takes what the runtime has answered. `whole` says that these are all its containers.
    pub(crate) fn learn(&self, listed: Vec<(Key, Attributes)>, whole: bool) {
        let now = Instant::now();
        {
            let State { known, wanted } = &mut *self.state();
            if whole {
                known.values_mut().for_each(|it| _ = it.gone.get_or_insert(now));
            }
            for (key, attributes) in listed {
                wanted.remove(&key);
                if known.len() < CONTAINERS_MAX || known.contains_key(&key) {
                    known.insert(key, Known { attributes, gone: None });
                }
            }
            if whole {
                let kept = |it: &Known| it.gone.is_none_or(|gone| now - gone < KEPT_AFTER_END);
                known.retain(|_, it| kept(it));
                // What the runtime has not named is asked for again by who still reads it.
                wanted.retain(|_, until| now < *until + KEPT_AFTER_END);
            }
        }
        self.changes.send_modify(|it| *it += 1);
    }

    /// How many containers are known.
    pub(crate) fn len(&self) -> usize {
        self.state().known.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(pod: &str) -> Key {
        Key { pod_uid: pod.into(), container: "app".into(), attempt: 0 }
    }

    fn listed(pod: &str) -> (Key, Attributes) {
        (key(pod), [AttributeBuf::new("container.id", pod)].into())
    }

    #[tokio::test(start_paused = true)]
    async fn records_wait_until_the_runtime_has_named_their_container() {
        let catalog = Arc::new(Catalog::new(Duration::from_secs(1)));
        let own = Arc::clone(&catalog);
        let waiting = componenttest::spawn(async move { own.attributes([key("a")].into()).await });
        catalog.asked.notified().await;
        assert_eq!(catalog.wanted_pods(), ["a".to_owned()].into());
        catalog.learn(vec![listed("a")], false);
        assert_eq!(waiting.await.unwrap().len(), 1);
        assert!(catalog.wanted_pods().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_container_that_nobody_knows_is_waited_for_once() {
        let catalog = Catalog::new(Duration::from_secs(1));
        let began = Instant::now();
        assert!(catalog.attributes([key("a")].into()).await.is_empty());
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        assert!(catalog.attributes([key("a")].into()).await.is_empty());
        assert_eq!(began.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_removed_container_is_kept_while_its_lines_may_be_on_their_way() {
        let catalog = Catalog::new(Duration::ZERO);
        catalog.learn(vec![listed("a")], true);
        catalog.learn(Vec::new(), true);
        assert_eq!(catalog.attributes([key("a")].into()).await.len(), 1);
        tokio::time::advance(KEPT_AFTER_END).await;
        catalog.learn(Vec::new(), true);
        assert_eq!(catalog.len(), 0);
    }
}
