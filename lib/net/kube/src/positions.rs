//! How far watches have come: kept for the next instance of the receiver, and in a storage for the next start.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use component::{BoxError, HandedOver, Id, Kind, Storage, StorageClient, Write};

use crate::Query;

/// Versions by the keys under which upstream stores them. `internal/k8sinventory/checkpoint`, v0.156.
#[derive(Default)]
pub struct Positions {
    versions: Mutex<BTreeMap<String, String>>,
    store: Option<Arc<dyn StorageClient>>,
}

impl std::fmt::Debug for Positions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Positions").field(&self.versions).finish()
    }
}

impl Positions {
    /// Those of the receiver `id`: what the instance before has left, else what is stored.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn open(
        storage: Option<Arc<dyn Storage>>,
        id: &Id,
        received: Option<HandedOver>,
    ) -> Result<Self, BoxError> {
        let own = id.clone();
        let open = move || {
            let store = storage.map(|it| it.open(Kind::Receiver, &own, "")).transpose()?;
            let stored = match &store {
                Some(store) => store.scan()?,
                None => Vec::new(),
            };
            let text = |it: Vec<u8>| String::from_utf8(it).unwrap_or_default();
            let mut versions = BTreeMap::new();
            for (key, version) in stored.into_iter().chain(received.into_iter().flatten()) {
                versions.insert(text(key), text(version));
            }
            versions.retain(|_, it| !it.is_empty() && it != "0");
            Ok::<_, BoxError>(Self { versions: Mutex::new(versions), store })
        };
        tokio::task::spawn_blocking(open).await?
    }

    /// The key of a query: `latestResourceVersion/pods`, `latestResourceVersion/pods.shop`.
    pub fn key(query: &Query) -> String {
        let plural = &query.resource.plural;
        match query.namespace.as_str() {
            "" => format!("latestResourceVersion/{plural}"),
            namespace => format!("latestResourceVersion/{plural}.{namespace}"),
        }
    }

    /// How far it has come.
    pub fn get(&self, key: &str) -> Option<String> {
        self.lock().get(key).cloned()
    }

    /// It has come so far. With `keep` it is stored, where there is a store.
    pub fn set(&self, key: &str, version: &str, keep: bool) {
        self.lock().insert(key.to_owned(), version.to_owned());
        let Some(store) = self.store.as_ref().filter(|_| keep) else { return };
        let put = Write::Put(key.as_bytes(), version.as_bytes());
        if let Err(error) = store.write(&[put]) {
            tracing::warn!(%error, key, "the version of a watch cannot be stored: a restart may tell something twice");
        }
    }

    /// Somebody else has gone on from there.
    pub fn forget(&self) {
        self.lock().clear();
    }

    /// For the next instance.
    pub fn left(&self) -> HandedOver {
        let bytes = |(key, version): (&String, &String)| {
            (key.clone().into_bytes(), version.clone().into_bytes())
        };
        self.lock().iter().map(bytes).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
