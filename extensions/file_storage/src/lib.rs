//! Keeps component state in files: a journal per component (`docs/internals/checkpoint-format.md`).
//!
//! A write is in the page cache when it returns, which survives the death of the process; the disk is
//! waited for once a second, which bounds what the death of the machine can undo.

#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

mod config;
mod journal;
#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use component::{
    BoxError, Component, Extension, Host, Id, Kind, Settings, Storage, StorageClient, Write,
    async_trait,
};
use rustix::fs::{FlockOperation, flock};
use tracing::{error, warn};

pub use config::{Compaction, Config};
use journal::{Found, Journal};

/// How often the disk is waited for.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// Pause between two attempts at a lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The extension.
pub struct FileStorage {
    config: Config,
    clients: Mutex<Vec<Weak<Client>>>,
}

/// One component's store.
struct Client {
    journal: Mutex<Journal>,
    dirty: AtomicBool,
    fsync: bool,
}

impl Extension for FileStorage {
    type Config = Config;
    const TYPE: &'static str = "file_storage";
    const STORES: bool = true;

    fn create(_settings: Settings, config: Config) -> Result<Self, BoxError> {
        Ok(Self { config, clients: Mutex::default() })
    }

    fn storage(self: Arc<Self>) -> Option<Arc<dyn Storage>> {
        Some(self)
    }
}

#[async_trait]
impl Component for FileStorage {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let directory = &self.config.directory;
        if self.config.create_directory && !directory.exists() {
            let mode = self.config.mode().unwrap_or(0o750);
            let made = DirBuilder::new().recursive(true).mode(mode).create(directory);
            made.map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
        }
        let own = host.clone();
        host.spawn(async move {
            let mut ticks = tokio::time::interval(SYNC_INTERVAL);
            loop {
                tokio::select! {
                    () = own.stopping().cancelled() => return Ok(()),
                    _ = ticks.tick() => {}
                }
                let dirty = self.dirty();
                if !dirty.is_empty() {
                    tokio::task::spawn_blocking(move || sync_all(&dirty)).await?;
                }
            }
        });
        Ok(())
    }
}

impl FileStorage {
    /// Stores with something that the disk may not have yet.
    fn dirty(&self) -> Vec<Arc<Client>> {
        let mut clients = lock(&self.clients);
        clients.retain(|it| it.strong_count() > 0);
        clients.iter().filter_map(Weak::upgrade).filter(|it| it.dirty.load(Relaxed)).collect()
    }
}

fn sync_all(clients: &[Arc<Client>]) {
    for client in clients {
        if let Err(error) = client.sync() {
            error!(%error, "checkpoints do not reach the disk; they survive this process, not a power loss");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `receiver_file_log_name`; other characters as `~` and four hexadecimal digits, as upstream.
fn file_name(kind: Kind, id: &Id, name: &str) -> String {
    use std::fmt::Write as _;
    let plain = [kind.name(), id.type_name(), id.name(), name].join("_");
    let mut out = String::with_capacity(plain.len());
    for c in plain.chars() {
        if c.is_ascii_alphanumeric() || "_-".contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "~{:04X}", c as u32);
        }
    }
    out
}

impl Storage for FileStorage {
    #[expect(
        clippy::disallowed_methods,
        reason = "it waits for a process that knows no paused time"
    )]
    fn open(&self, kind: Kind, id: &Id, name: &str) -> Result<Arc<dyn StorageClient>, BoxError> {
        let path = self.config.directory.join(file_name(kind, id, name));
        let failed = |error: std::io::Error| format!("cannot open {}: {error}", path.display());
        fs::create_dir_all(&self.config.directory).map_err(failed)?;
        let lock_file =
            fs::OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        let deadline = Instant::now() + self.config.timeout.std();
        while flock(&lock_file, FlockOperation::NonBlockingLockExclusive).is_err() {
            if Instant::now() >= deadline {
                let shown = path.display();
                return Err(
                    format!("{shown} is held by another process or component: timeout").into()
                );
            }
            std::thread::park_timeout(LOCK_PAUSE);
        }
        drop(lock_file);
        let (journal, found) = Journal::open(&path).map_err(failed)?;
        flock(journal.file(), FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| failed(error.into()))?;
        match found {
            Found::Whole => {}
            Found::Cut(bytes) => {
                warn!(?path, bytes, "the end of a store did not check and was cut off");
            }
            Found::PutAside(aside) => {
                warn!(?aside, "a store could not be read: it was put aside and is begun anew");
            }
        }
        let fsync = self.config.fsync;
        let journal = Mutex::new(journal);
        let client = Arc::new(Client { journal, dirty: AtomicBool::new(false), fsync });
        lock(&self.clients).push(Arc::downgrade(&client));
        Ok(client)
    }
}

impl StorageClient for Client {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BoxError> {
        Ok(lock(&self.journal).get(key).cloned())
    }

    fn scan(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>, BoxError> {
        Ok(lock(&self.journal).entries().map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    fn write(&self, changes: &[Write<'_>]) -> Result<(), BoxError> {
        lock(&self.journal).write(changes)?;
        self.dirty.store(true, Relaxed);
        if self.fsync {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), BoxError> {
        self.dirty.store(false, Relaxed);
        // A second descriptor, so that writers do not wait for the disk.
        let file = lock(&self.journal).file().try_clone()?;
        file.sync_data().map_err(|error| {
            self.dirty.store(true, Relaxed);
            error.into()
        })
    }
}
