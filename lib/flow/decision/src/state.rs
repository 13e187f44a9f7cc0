//! What is remembered from record to record, for all pipelines of one id: windows, blocked keys, and when alerts were sent.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use component::{BoxError, Host, Id, Kind, Problems, Storage, StorageClient, Write};
use lru::Lru;
use rego::Value;

use crate::config::Config;
use crate::windows::{Window, hash, lock};

/// Most keys that are blocked, and most alerts that are known to have been sent.
const ENTRIES_MAX: usize = 100_000;
/// Locks for records that count in windows.
const STRIPES: usize = 256;
/// Pause between two tries to open a store that another instance still has.
const OPEN_PAUSE: Duration = Duration::from_millis(50);

/// The state.
pub(crate) struct State {
    pub(crate) windows: Vec<Window>,
    /// Until when, by the hash of the key.
    blocked: Mutex<Lru<u64>>,
    /// When the last alert was sent, by the hash of rule and key.
    alerted: Mutex<Lru<u64>>,
    /// Held from the moment that a record counts until its decision has its effect: so the record that crosses a limit is
    /// the one that fires, and the block is there before the next one of the same key is counted.
    stripes: Vec<Mutex<()>>,
    storage: String,
    store: OnceLock<Arc<dyn StorageClient>>,
    opening: AtomicBool,
    changed: Mutex<HashSet<Changed>>,
}

/// What has to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Changed {
    /// A key of the window at this place.
    Key(usize, u128),
    Blocked(u128),
    Alerted(u128),
}

impl State {
    /// As the section says.
    pub(crate) fn new(config: &Config, found: &mut Problems) -> Option<Self> {
        let made = config.windows.iter().map(|(name, it)| Window::new(name, it, found));
        let windows: Option<Vec<_>> = made.collect::<Vec<_>>().into_iter().collect();
        Some(Self {
            windows: windows?,
            blocked: Mutex::new(Lru::new(ENTRIES_MAX)),
            alerted: Mutex::new(Lru::new(ENTRIES_MAX)),
            stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(),
            storage: config.storage.clone(),
            store: OnceLock::new(),
            opening: AtomicBool::new(false),
            changed: Mutex::default(),
        })
    }

    /// Locks these keys; others may go on.
    pub(crate) fn locked(&self, keys: impl Iterator<Item = u128>) -> Vec<MutexGuard<'_, ()>> {
        let mut at: Vec<usize> = keys.map(|it| (it % STRIPES as u128) as usize).collect();
        // All in one order, or two records could wait for each other.
        at.sort_unstable();
        at.dedup();
        at.iter().filter_map(|it| self.stripes.get(*it)).map(lock).collect()
    }

    /// Blocks a key until a time.
    pub(crate) fn block(&self, key: &Value, until: u64) {
        let key = hash(std::slice::from_ref(key));
        if let Some((it, _)) = lock(&self.blocked).touch(key, || until) {
            *it = until.max(*it);
        }
        self.changed(Changed::Blocked(key));
    }

    /// Until when a key is blocked, if it is.
    pub(crate) fn blocked(&self, key: &Value, now: u64) -> Option<u64> {
        let key = hash(std::slice::from_ref(key));
        lock(&self.blocked).get(key).copied().filter(|until| *until > now)
    }

    /// Whether an alert has to be sent: not if one was sent a moment ago.
    pub(crate) fn may_alert(&self, identity: u128, now: u64, interval: Duration) -> bool {
        let interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        let mut alerted = lock(&self.alerted);
        let last = alerted.get(identity).copied();
        if last.is_some_and(|it| now < it.saturating_add(interval)) {
            return false;
        }
        if let Some((it, _)) = alerted.touch(identity, || now) {
            *it = now;
        }
        drop(alerted);
        self.changed(Changed::Alerted(identity));
        true
    }

    /// The alert did not get through: the next one is not held back.
    pub(crate) fn forget_alert(&self, identity: u128) {
        if let Some((it, _)) = lock(&self.alerted).touch(identity, || 0) {
            *it = 0;
        }
        self.changed(Changed::Alerted(identity));
    }

    /// Notes what has to be stored.
    pub(crate) fn changed(&self, what: Changed) {
        if !self.storage.is_empty() {
            lock(&self.changed).insert(what);
        }
    }

    /// Stores what has changed: what was counted is not forgotten once the sender has its answer.
    ///
    /// # Errors
    /// Those of the store. What could not be stored is tried again with the next call.
    pub(crate) fn store(&self) -> Result<(), BoxError> {
        let Some(store) = self.store.get() else { return Ok(()) };
        let changed = std::mem::take(&mut *lock(&self.changed));
        if changed.is_empty() {
            return Ok(());
        }
        let entries: Vec<(Vec<u8>, Vec<u8>)> =
            changed.iter().filter_map(|it| Some((self.key_of(it)?, self.value_of(it)?))).collect();
        let writes: Vec<Write<'_>> =
            entries.iter().map(|(key, value)| Write::Put(key, value)).collect();
        store.write(&writes).inspect_err(|_| lock(&self.changed).extend(changed))
    }

    fn key_of(&self, changed: &Changed) -> Option<Vec<u8>> {
        let key = |prefix: &str, key: u128| format!("{prefix}/{key:032x}").into_bytes();
        Some(match changed {
            Changed::Key(window, it) => {
                key(&format!("window/{}", self.windows.get(*window)?.name), *it)
            }
            Changed::Blocked(it) => key("blocked", *it),
            Changed::Alerted(it) => key("alerted", *it),
        })
    }

    fn value_of(&self, changed: &Changed) -> Option<Vec<u8>> {
        let time = |from: &Mutex<Lru<u64>>, key| {
            lock(from).get(key).map(|it: &u64| it.to_le_bytes().to_vec())
        };
        match changed {
            Changed::Key(window, key) => self.windows.get(*window)?.stored(*key),
            Changed::Blocked(key) => time(&self.blocked, *key),
            Changed::Alerted(key) => time(&self.alerted, *key),
        }
    }

    /// Opens the store, once for all instances; takes over what is in it. While the instance before still has it, it is
    /// tried again.
    ///
    /// # Errors
    /// If there is no such storage.
    pub(crate) fn open(self: &Arc<Self>, host: &Host, kind: Kind, id: &Id) -> Result<(), BoxError> {
        if self.storage.is_empty() {
            return Ok(());
        }
        let storage = host.uses_named::<dyn Storage>(&self.storage)?;
        if self.opening.swap(true, Relaxed) {
            return Ok(());
        }
        let first = match storage.open(kind, id, "policy") {
            Ok(store) => {
                self.opened(store)?;
                return Ok(());
            }
            Err(error) => error,
        };
        tracing::debug!(error = %first, "the store of the policy is in use; it is tried again");
        let (state, id, stopping) = (Arc::clone(self), id.clone(), host.stopping().clone());
        host.spawn(async move {
            while stopping.run_until_cancelled(tokio::time::sleep(OPEN_PAUSE)).await.is_some() {
                let (storage, id, state) = (Arc::clone(&storage), id.clone(), Arc::clone(&state));
                let opened = tokio::task::spawn_blocking(move || {
                    state.opened(storage.open(kind, &id, "policy")?)
                });
                if opened.await?.is_ok() {
                    return Ok(());
                }
            }
            Ok(())
        });
        Ok(())
    }

    /// Takes over what is in a store.
    fn opened(&self, store: Arc<dyn StorageClient>) -> Result<(), BoxError> {
        for (key, value) in store.scan()? {
            self.restore(&key, &value);
        }
        if self.store.set(store).is_err() {
            return Err("the store of the policy was opened twice".into());
        }
        self.store()
    }

    fn restore(&self, key: &[u8], value: &[u8]) -> Option<()> {
        let (kind, key) = std::str::from_utf8(key).ok()?.rsplit_once('/')?;
        let key = u128::from_str_radix(key, 16).ok()?;
        let time = || value.try_into().ok().map(u64::from_le_bytes);
        match kind {
            "blocked" => drop(lock(&self.blocked).touch(key, time_or_zero(time()?))),
            "alerted" => drop(lock(&self.alerted).touch(key, time_or_zero(time()?))),
            _ => {
                let name = kind.strip_prefix("window/")?;
                self.windows.iter().find(|it| it.name == name)?.restore(key, value);
            }
        }
        Some(())
    }
}

fn time_or_zero(time: u64) -> impl FnOnce() -> u64 {
    move || time
}
