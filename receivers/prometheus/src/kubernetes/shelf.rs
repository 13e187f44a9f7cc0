//! The objects of one kind, as a feed tells them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::{Event, Sink};
use serde::{Deserialize, Deserializer};
use tokio::sync::Notify;
use tracing::warn;

use super::objects::Named;

/// Most objects of one kind. A cluster has at most 150,000 pods.
const OBJECTS_MAX: usize = 200_000;

/// An object of which all jobs that watch the same have one.
pub(super) struct Shared<T>(Arc<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|it| Self(Arc::new(it)))
    }
}

/// Objects by namespace and name. Who looks is told of changes once everything has come.
pub(super) struct Shelf<T> {
    kept: Mutex<Kept<T>>,
    changed: Arc<Notify>,
}

struct Kept<T> {
    /// With the number of the list that told it last.
    objects: HashMap<String, (u64, Arc<T>)>,
    list: u64,
    synced: bool,
    /// Nobody was told yet of what is new.
    is_new: bool,
    refused: u64,
}

impl<T> Shelf<T> {
    pub(super) fn new(changed: Arc<Notify>) -> Self {
        let objects = HashMap::new();
        let kept = Kept { objects, list: 0, synced: false, is_new: false, refused: 0 };
        Self { kept: Mutex::new(kept), changed }
    }

    fn kept(&self) -> MutexGuard<'_, Kept<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything has come once.
    pub(super) fn is_synced(&self) -> bool {
        self.kept().synced
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        self.kept().objects.get(&key(namespace, name)).map(|it| Arc::clone(&it.1))
    }

    pub(super) fn all(&self) -> Vec<Arc<T>> {
        self.kept().objects.values().map(|it| Arc::clone(&it.1)).collect()
    }
}

impl<T: Named + Send + Sync> Sink<Shared<T>> for Shelf<T> {
    fn event(&self, event: Event<'_, Shared<T>>) {
        let key_of = |it: &Shared<T>| key(&it.0.meta().namespace, &it.0.meta().name);
        let kept = &mut *self.kept();
        let list = kept.list;
        match event {
            // What is known stays until the list has ended.
            Event::Restarted => return kept.list += 1,
            Event::Applied(it) => {
                let key = key_of(it);
                let is_full = kept.objects.len() >= OBJECTS_MAX;
                match kept.objects.get_mut(&key) {
                    // Objects come again with what no target is made of: heartbeats, versions, a new list.
                    Some(known) if *known.1 == *it.0 => known.0 = list,
                    None if is_full => kept.refused += 1,
                    _ => {
                        kept.objects.insert(key, (list, Arc::clone(&it.0)));
                        kept.is_new = true;
                    }
                }
            }
            Event::Deleted(it) => kept.is_new |= kept.objects.remove(&key_of(it)).is_some(),
            Event::Synced => {
                let before = kept.objects.len();
                kept.objects.retain(|_, it| it.0 == list);
                kept.is_new |= kept.objects.len() < before || !kept.synced;
                kept.synced = true;
                let (objects, limit) = (std::mem::take(&mut kept.refused), OBJECTS_MAX);
                if objects > 0 {
                    warn!(objects, limit, "objects of Kubernetes without room become no targets");
                }
            }
        }
        if kept.synced && std::mem::take(&mut kept.is_new) {
            self.changed.notify_one();
        }
    }
}

fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::kubernetes::objects::Pod;

    /// A shelf with these objects, which are JSON.
    pub(in crate::kubernetes) fn shelf<T>(objects: &[&str]) -> Arc<Shelf<T>>
    where
        T: Named + Send + Sync + serde::de::DeserializeOwned,
    {
        let shelf = Shelf::new(Arc::default());
        shelf.event(Event::Restarted);
        for object in objects {
            shelf.event(Event::Applied(&serde_json::from_str(object).unwrap()));
        }
        shelf.event(Event::Synced);
        Arc::new(shelf)
    }

    #[test]
    fn what_a_new_list_does_not_name_is_gone_when_it_has_ended() {
        let pod = |name: &str| format!(r#"{{"metadata": {{"namespace": "n", "name": "{name}"}}}}"#);
        let (one, two) = (pod("one"), pod("two"));
        let shelf = shelf::<Pod>(&[&one, &two]);
        assert!(shelf.is_synced());
        shelf.event(Event::Restarted);
        shelf.event(Event::Applied(&serde_json::from_str(&one).unwrap()));
        assert!(shelf.get("n", "two").is_some(), "known until the list has ended");
        shelf.event(Event::Synced);
        assert!(shelf.get("n", "two").is_none());
        shelf.event(Event::Deleted(&serde_json::from_str(&one).unwrap()));
        assert!(shelf.all().is_empty());
    }

    #[test]
    fn nobody_is_woken_by_what_is_told_again() {
        let shelf = shelf::<Pod>(&[]);
        let woken = || std::pin::pin!(shelf.changed.notified()).enable();
        let pod = |ip: &str| {
            let text = format!(
                r#"{{"metadata": {{"name": "a", "resourceVersion": "{ip}"}}, "status": {{"podIP": "{}"}}}}"#,
                &ip[..1]
            );
            serde_json::from_str(&text).unwrap()
        };
        assert!(woken(), "everything has come");
        shelf.event(Event::Applied(&pod("1")));
        assert!(woken());
        shelf.event(Event::Applied(&pod("1 with another version")));
        assert!(!woken());
        shelf.event(Event::Restarted);
        shelf.event(Event::Applied(&pod("1")));
        shelf.event(Event::Synced);
        assert!(!woken() && shelf.all().len() == 1);
        shelf.event(Event::Applied(&pod("2")));
        assert!(woken());
        shelf.event(Event::Deleted(&pod("2")));
        assert!(woken());
        shelf.event(Event::Deleted(&pod("2")));
        assert!(!woken());
        shelf.event(Event::Applied(&pod("1")));
        shelf.event(Event::Restarted);
        assert!(woken());
        shelf.event(Event::Synced);
        assert!(woken() && shelf.all().is_empty());
    }
}
