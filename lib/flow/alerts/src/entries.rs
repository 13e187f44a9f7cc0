//! What is in force: the keys of alerts, each until its time is over. Actions write them out: into a file, into the cluster.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use component::config::{self, Need, Problems};
use component::{BoxError, Host, Id, Kind, Storage, StorageClient, Write};
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::alert::Alert;
use crate::intake::Refusal;

/// Most that may be asked for.
const ENTRIES_MAX: usize = 1_000_000;
/// Pause between two tries to open a store that another instance still has, and how many there are.
const OPEN_PAUSE: Duration = Duration::from_millis(50);
const OPEN_TRIES: usize = 600;

/// Keys of sections that keep entries; flattened into them.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct EntriesConfig {
    /// What a key must look like, as a whole; others are counted and not written. It comes from telemetry, so keep out what
    /// means something where it is written. Default `[A-Za-z0-9._:@-]{1,256}`.
    pub key_pattern: String,
    /// How long an entry stays whose alert does not say it (`blocked_until`). Default `15m`.
    pub ttl: config::Duration,
    /// Most entries; more are counted and not written. Default 10000, at most 1000000.
    pub entries_max: usize,
    /// The id of a storage extension: entries outlive a restart. Default: none, a restart begins without any.
    pub storage: String,
}

impl Default for EntriesConfig {
    fn default() -> Self {
        Self {
            key_pattern: "[A-Za-z0-9._:@-]{1,256}".to_owned(),
            ttl: config::Duration::from_secs(900),
            entries_max: 10_000,
            storage: String::new(),
        }
    }
}

impl EntriesConfig {
    /// Checks the keys.
    pub fn validate(&self, problems: &mut Problems) {
        if let Err(why) = self.pattern() {
            problems.at("key_pattern", why);
        }
        if self.ttl.std().is_zero() {
            problems.at("ttl", "must be greater than 0");
        }
        if !(1..=ENTRIES_MAX).contains(&self.entries_max) {
            problems.at("entries_max", format!("must be between 1 and {ENTRIES_MAX}"));
        }
        if !self.storage.is_empty() {
            problems.needs("storage", Need::Storage(self.storage.clone()));
        }
    }

    fn pattern(&self) -> Result<Regex, String> {
        Regex::new(&format!(r"\A(?:{})\z", self.key_pattern)).map_err(|error| error.to_string())
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    /// The alert, as templates see it.
    document: Json,
    until: u64,
}

/// The keys in force.
pub struct Entries {
    pattern: Regex,
    ttl: u64,
    entries_max: usize,
    storage: String,
    all: Mutex<BTreeMap<String, Entry>>,
    store: OnceLock<Arc<dyn StorageClient>>,
}

impl Entries {
    /// As the section says.
    ///
    /// # Errors
    /// The pattern is none.
    pub fn new(config: &EntriesConfig) -> Result<Self, String> {
        Ok(Self {
            pattern: config.pattern()?,
            ttl: u64::try_from(config.ttl.std().as_nanos()).unwrap_or(u64::MAX),
            entries_max: config.entries_max,
            storage: config.storage.clone(),
            all: Mutex::default(),
            store: OnceLock::new(),
        })
    }

    /// Takes over what was in force before a restart.
    ///
    /// # Errors
    /// There is no such storage, or it cannot be read.
    pub async fn open(&self, host: &Host, id: &Id) -> Result<(), BoxError> {
        if self.storage.is_empty() {
            return Ok(());
        }
        let storage = host.uses_named::<dyn Storage>(&self.storage)?;
        let mut tries = 0;
        // The instance before may still have it.
        let store = loop {
            tries += 1;
            match storage.open(Kind::Exporter, id, "entries") {
                Ok(it) => break it,
                Err(error) if tries >= OPEN_TRIES => return Err(error),
                Err(_) => tokio::time::sleep(OPEN_PAUSE).await,
            }
        };
        for (key, value) in store.scan()? {
            if let Some((key, entry)) = restored(&key, &value) {
                self.lock().insert(key, entry);
            }
        }
        // Nobody else opens it.
        let _ = self.store.set(store);
        Ok(())
    }

    /// Puts the key of an alert in force; whether it was not, or not for so long.
    ///
    /// # Errors
    /// It may not be written.
    pub fn add(&self, alert: &Alert, now: u64) -> Result<bool, Refusal> {
        let until = alert.blocked_until.unwrap_or_else(|| now.saturating_add(self.ttl));
        if alert.key.is_empty() || until <= now {
            return Err(Refusal::NoKey);
        }
        if !self.pattern.is_match(&alert.key) {
            return Err(Refusal::KeyNotAllowed);
        }
        let mut all = self.lock();
        match all.get(&alert.key) {
            Some(known) if known.until >= until => return Ok(false),
            None if all.len() >= self.entries_max => return Err(Refusal::TooMany),
            _ => {}
        }
        all.insert(alert.key.clone(), Entry { document: alert.document(), until });
        Ok(true)
    }

    /// Ends those whose time is over, and returns them.
    pub fn expire(&self, now: u64) -> Vec<Json> {
        let mut ended = Vec::new();
        self.lock().retain(|_, it| {
            let stays = it.until > now;
            if !stays {
                ended.push(std::mem::take(&mut it.document));
            }
            stays
        });
        ended
    }

    /// Those in force, sorted by their keys.
    pub fn documents(&self) -> Vec<Json> {
        self.lock().values().map(|it| it.document.clone()).collect()
    }

    /// Stores what is in force, so that it outlives the process.
    ///
    /// # Errors
    /// Those of the store.
    pub fn store(&self) -> Result<(), BoxError> {
        let Some(store) = self.store.get() else { return Ok(()) };
        let stored: BTreeMap<Vec<u8>, Vec<u8>> = store.scan()?.into_iter().collect();
        let wanted: BTreeMap<Vec<u8>, Vec<u8>> = {
            let all = self.lock();
            let bytes = |it: &Entry| {
                json!({"until": it.until, "alert": it.document}).to_string().into_bytes()
            };
            all.iter().map(|(key, it)| (key.clone().into_bytes(), bytes(it))).collect()
        };
        let gone = stored.keys().filter(|it| !wanted.contains_key(*it));
        let new = wanted.iter().filter(|(key, it)| stored.get(*key) != Some(it));
        let writes: Vec<Write<'_>> = gone
            .map(|it| Write::Delete(it))
            .chain(new.map(|(key, it)| Write::Put(key, it)))
            .collect();
        if writes.is_empty() { Ok(()) } else { store.write(&writes) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn restored(key: &[u8], value: &[u8]) -> Option<(String, Entry)> {
    let mut value: Json = serde_json::from_slice(value).ok()?;
    let until = value.get("until")?.as_u64()?;
    let document = value.get_mut("alert")?.take();
    Some((String::from_utf8(key.to_vec()).ok()?, Entry { document, until }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(key: &str, until: Option<u64>) -> Alert {
        Alert { key: key.to_owned(), blocked_until: until, ..Alert::default() }
    }

    fn entries() -> Entries {
        Entries::new(&EntriesConfig { entries_max: 2, ..EntriesConfig::default() }).unwrap()
    }

    #[test]
    fn an_entry_stays_until_its_time_is_over() {
        let all = entries();
        assert_eq!(all.add(&alert("a", Some(100)), 10), Ok(true));
        assert_eq!(all.add(&alert("a", Some(90)), 10), Ok(false), "it is in force for longer");
        assert_eq!(all.add(&alert("a", Some(200)), 10), Ok(true));
        assert_eq!((all.expire(199).len(), all.documents().len()), (0, 1));
        assert_eq!((all.expire(200).len(), all.documents().len()), (1, 0));
    }

    #[test]
    fn keys_that_mean_something_where_they_are_written_are_refused() {
        let all = entries();
        for key in ["a b", "a;", "a\nallow all", "../x/../", "{{ .x }}", &"a".repeat(257)] {
            assert_eq!(all.add(&alert(key, None), 10), Err(Refusal::KeyNotAllowed), "{key:?}");
        }
        assert_eq!(all.add(&alert("", None), 10), Err(Refusal::NoKey));
        assert_eq!(all.add(&alert("a", Some(9)), 10), Err(Refusal::NoKey));
        assert_eq!(all.add(&alert("2001:db8::1", None), 10), Ok(true));
    }

    #[test]
    fn there_are_no_more_than_are_wanted() {
        let all = entries();
        for key in ["a", "b"] {
            assert_eq!(all.add(&alert(key, None), 10), Ok(true));
        }
        assert_eq!(all.add(&alert("c", None), 10), Err(Refusal::TooMany));
        assert_eq!(all.add(&alert("a", Some(u64::MAX)), 10), Ok(true));
    }
}
