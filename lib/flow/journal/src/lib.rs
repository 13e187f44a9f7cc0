//! State of components in a directory: a journal per component (`docs/internals/checkpoint-format.md`).
//!
//! A write is in the page cache when it returns, which survives the death of the process. When the disk is waited
//! for is the caller's business ([`Directory::dirty`]).

#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

mod journal;
mod name;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use component::{BoxError, Id, Kind, Storage, StorageClient, Write};
use rustix::fs::{FlockOperation, flock};
use tracing::warn;

use journal::{Found, Journal};
use name::file_name;

/// Pause between two attempts at a lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A directory with a journal for each component that keeps state in it.
pub struct Directory {
    path: PathBuf,
    timeout: Duration,
    fsync: bool,
    clients: Mutex<Vec<Weak<Client>>>,
}

/// One component's store.
pub struct Client {
    journal: Mutex<Journal>,
    dirty: AtomicBool,
    fsync: bool,
}

impl Directory {
    /// `timeout` is the longest wait for a journal that another process holds; with `fsync` each write waits for
    /// the disk.
    pub fn new(path: PathBuf, timeout: Duration, fsync: bool) -> Self {
        Self { path, timeout, fsync, clients: Mutex::default() }
    }

    /// Stores with something that the disk may not have yet.
    pub fn dirty(&self) -> Vec<Arc<Client>> {
        let mut clients = lock(&self.clients);
        clients.retain(|it| it.strong_count() > 0);
        clients.iter().filter_map(Weak::upgrade).filter(|it| it.dirty.load(Relaxed)).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Storage for Directory {
    #[expect(
        clippy::disallowed_methods,
        reason = "it waits for a process that knows no paused time"
    )]
    fn open(&self, kind: Kind, id: &Id, name: &str) -> Result<Arc<dyn StorageClient>, BoxError> {
        let path = self.path.join(file_name(kind, id, name));
        let failed = |error: std::io::Error| format!("cannot open {}: {error}", path.display());
        fs::create_dir_all(&self.path).map_err(failed)?;
        let lock_file =
            fs::OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        let deadline = Instant::now() + self.timeout;
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
        let journal = Mutex::new(journal);
        let client = Arc::new(Client { journal, dirty: AtomicBool::new(false), fsync: self.fsync });
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
