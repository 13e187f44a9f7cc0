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
    refused: u64,
}

impl<T> Shelf<T> {
    pub(super) fn new(changed: Arc<Notify>) -> Self {
        let kept = Kept { objects: HashMap::new(), list: 0, synced: false, refused: 0 };
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
        let mut kept = self.kept();
        let list = kept.list;
        match event {
            // What is known stays until the list has ended.
            Event::Restarted => return kept.list += 1,
            Event::Applied(it) => {
                let key = key_of(it);
                if kept.objects.len() >= OBJECTS_MAX && !kept.objects.contains_key(&key) {
                    kept.refused += 1;
                } else {
                    kept.objects.insert(key, (list, Arc::clone(&it.0)));
                }
            }
            Event::Deleted(it) => drop(kept.objects.remove(&key_of(it))),
            Event::Synced => {
                kept.objects.retain(|_, it| it.0 == list);
                kept.synced = true;
                let (objects, limit) = (std::mem::take(&mut kept.refused), OBJECTS_MAX);
                if objects > 0 {
                    warn!(objects, limit, "objects of Kubernetes without room become no targets");
                }
            }
        }
        if kept.synced {
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
}
