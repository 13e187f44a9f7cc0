//! State of components in a directory: a journal per component (`docs/internals/checkpoint-format.md`), and a
//! directory of segments for each queue (`docs/internals/queue-format.md`).
//!
//! A write is in the page cache when it returns, which survives the death of the process. When the disk is waited
//! for is the caller's business ([`Directory::dirty`]).

mod journal;
mod name;
mod record;
mod segments;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use component::meter::Counter;
use component::{BoxError, Damage, Fsync, Id, Kind, QueueLog, Storage, StorageClient, Write};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tracing::warn;

use journal::{Journal, open_file};
use name::file_name;
pub use segments::{DiskLimits, repair, survey};
use segments::{Options, Segments};

/// How often the disk is waited for by queues, unless it is said otherwise.
pub const QUEUE_FSYNC_INTERVAL: Duration = Duration::from_millis(100);
/// Pause between two attempts at a lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A directory with a journal for each component that keeps state in it.
pub struct Directory {
    path: PathBuf,
    timeout: Duration,
    fsync: bool,
    compact_on_start: bool,
    rewritten: Option<Counter>,
    queues: Options,
    clients: Mutex<Vec<Weak<Client>>>,
}

/// One component's store.
pub struct Client {
    journal: Mutex<Journal>,
    dirty: AtomicBool,
    fsync: bool,
    rewritten: Option<Counter>,
}

impl Directory {
    /// `timeout` is the longest wait for a journal that another process holds; with `fsync` each write waits for
    /// the disk.
    pub fn new(path: PathBuf, timeout: Duration, fsync: bool) -> Self {
        let (limits, lost) = (DiskLimits::default(), Counter::default());
        let queues = Options { fsync: Fsync::Every(QUEUE_FSYNC_INTERVAL), limits, lost };
        let (compact_on_start, rewritten, clients) = (false, None, Mutex::default());
        Self { path, timeout, fsync, compact_on_start, rewritten, queues, clients }
    }

    /// How queues wait for the disk, and what counts the items of their damaged records.
    #[must_use]
    pub fn queues(self, fsync: Fsync, lost: Counter) -> Self {
        Self { queues: Options { fsync, lost, ..self.queues }, ..self }
    }

    /// Each journal is compacted when it is opened, and not only when most of it is out of date.
    #[must_use]
    pub fn compacting(self, on_start: bool) -> Self {
        Self { compact_on_start: on_start, ..self }
    }

    /// How much of the disk each queue may take.
    #[must_use]
    pub fn limited(mut self, limits: DiskLimits) -> Self {
        self.queues.limits = limits;
        self
    }

    /// Counts the stores that had to be written anew.
    #[must_use]
    pub fn counting(self, rewritten: Counter) -> Self {
        Self { rewritten: Some(rewritten), ..self }
    }

    /// Stores that need a [`sync`](StorageClient::sync): the disk may not have all of them yet, or they are no longer
    /// where they were.
    pub fn unsettled(&self) -> Vec<Arc<Client>> {
        let mut clients = lock(&self.clients);
        clients.retain(|it| it.strong_count() > 0);
        clients.iter().filter_map(Weak::upgrade).filter(|it| it.is_unsettled()).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a store and takes its lock, for which it waits so long.
#[expect(clippy::disallowed_methods, reason = "it waits for a process that knows no paused time")]
fn open_locked(path: &Path, timeout: Duration) -> io::Result<File> {
    let deadline = Instant::now() + timeout;
    loop {
        let file = open_file(path)?;
        let number = |it: fs::Metadata| (it.dev(), it.ino());
        // Whoever had the lock may have put another file in its place meanwhile.
        let is_locked = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        if is_locked && fs::metadata(path).map(number).ok() == file.metadata().map(number).ok() {
            return Ok(file);
        }
        if Instant::now() >= deadline {
            let what = "it is held by another process or component: timeout";
            return Err(io::Error::new(io::ErrorKind::WouldBlock, what));
        }
        std::thread::park_timeout(LOCK_PAUSE);
    }
}

/// What an operator can do about a store that cannot be opened or written.
fn remedy(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::ACCESS | Errno::PERM) => {
            "; let the user that runs the collector own the directory and its files"
        }
        Some(Errno::ISDIR | Errno::NOTDIR | Errno::EXIST) => "; remove what is in its place",
        Some(Errno::ROFS) => "; make the file system writable again",
        Some(Errno::NOSPC | Errno::DQUOT) => "; make room on the disk",
        Some(Errno::LOOP) => "; a store is no symbolic link: link its directory instead",
        _ => "",
    }
}

impl Storage for Directory {
    fn open(&self, kind: Kind, id: &Id, name: &str) -> Result<Arc<dyn StorageClient>, BoxError> {
        let path = self.path.join(file_name(kind, id, name));
        let failed = |error: io::Error| {
            let remedy = remedy(&error);
            format!("cannot open {}: {error}{remedy}", path.display())
        };
        fs::create_dir_all(&self.path).map_err(failed)?;
        let file = open_locked(&path, self.timeout).map_err(failed)?;
        let mut journal = Journal::open(&path, file).map_err(failed)?;
        // A damaged one stays as it is until somebody knows of it.
        if self.compact_on_start && journal.damage().is_none() {
            journal.rewrite().map_err(failed)?;
        }
        let journal = Mutex::new(journal);
        let (dirty, rewritten) = (AtomicBool::new(false), self.rewritten.clone());
        let client = Arc::new(Client { journal, dirty, fsync: self.fsync, rewritten });
        lock(&self.clients).push(Arc::downgrade(&client));
        Ok(client)
    }

    fn queue(&self, kind: Kind, id: &Id, name: &str) -> Result<Box<dyn QueueLog>, BoxError> {
        let path = self.path.join(format!("{}.queue", file_name(kind, id, name)));
        let failed = |error: io::Error| {
            let remedy = remedy(&error);
            format!("cannot open {}: {error}{remedy}", path.display())
        };
        fs::create_dir_all(&path).map_err(failed)?;
        let file = open_locked(&path.join("lock"), self.timeout).map_err(failed)?;
        let log = Segments::open(&path, file, self.queues.clone()).map_err(failed)?;
        Ok(Box::new(log))
    }
}

impl Client {
    fn is_unsettled(&self) -> bool {
        self.dirty.load(Relaxed) || !lock(&self.journal).is_in_place()
    }

    /// Sees to it that what is written is where the next start looks for it.
    fn settle(&self, journal: &mut Journal) -> Result<(), BoxError> {
        let path = journal.path().display().to_string();
        let put_back = journal.put_back().map_err(|error| {
            let remedy = remedy(&error);
            format!("{path} was removed or replaced and cannot be written anew: {error}{remedy}")
        })?;
        if put_back {
            warn!(%path, "a store was removed or replaced while it was in use; it was written anew, and nothing is \
                lost. Do not remove it while the collector runs");
            if let Some(rewritten) = &self.rewritten {
                rewritten.add(1);
            }
        }
        Ok(())
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
        let mut journal = lock(&self.journal);
        self.settle(&mut journal)?;
        journal.write(changes).map_err(|error| {
            let remedy = remedy(&error);
            format!("{}: {error}{remedy}", journal.path().display())
        })?;
        drop(journal);
        self.dirty.store(true, Relaxed);
        if self.fsync {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), BoxError> {
        self.dirty.store(false, Relaxed);
        let synced = self.sync_file();
        if synced.is_err() {
            self.dirty.store(true, Relaxed);
        }
        synced
    }

    fn damage(&self) -> Option<Damage> {
        lock(&self.journal).damage().cloned()
    }
}

impl Client {
    fn sync_file(&self) -> Result<(), BoxError> {
        let mut journal = lock(&self.journal);
        self.settle(&mut journal)?;
        // A second descriptor, so that writers do not wait for the disk.
        let file = journal.file().try_clone()?;
        drop(journal);
        if let Err(error) = file.sync_data() {
            // What the kernel could not write is gone from its cache, and a second try would call that a success.
            warn!(%error, "the disk did not take a store; it is written anew");
            lock(&self.journal).rewrite()?;
        }
        Ok(())
    }
}
