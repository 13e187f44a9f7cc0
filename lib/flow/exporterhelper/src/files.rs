//! Who has the files of a queue on disk: one instance of an exporter after the other.
//!
//! A reload starts the next instance while this one still sends. What comes to the next one waits until this one has
//! given up the files: its attempts end, and what it had not delivered is read again by the next.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use component::{BoxError, Host, Id, Kind, Ownership, QueueLog, Signal, Status, Storage};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::disk::Disk;
use crate::keeper::Keeper;

/// Pause before files that could not be opened are tried again.
const OPEN_PAUSE: Duration = Duration::from_secs(1);

type Log = Box<dyn QueueLog>;

/// The files of one exporter and signal.
pub(crate) struct Files {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) exporter: Id,
    pub(crate) signal: Signal,
    pub(crate) disk: Arc<Disk>,
}

/// Files that are open.
pub(crate) struct Opened {
    log: Log,
    disk: Arc<Disk>,
}

impl Files {
    /// `None` while an instance before this one has them.
    ///
    /// # Errors
    /// They cannot be opened.
    pub(crate) async fn open(&self, host: &Host) -> Result<Option<Opened>, BoxError> {
        match host.try_ownership() {
            Some(ownership) => Ok(Some(self.opened(self.log().await?, ownership))),
            None => Ok(None),
        }
    }

    async fn log(&self) -> Result<Log, BoxError> {
        let (storage, id, name) =
            (Arc::clone(&self.storage), self.exporter.clone(), self.signal.name());
        spawn_blocking(move || storage.queue(Kind::Exporter, &id, name)).await?
    }

    fn opened(&self, log: Log, ownership: Ownership) -> Opened {
        self.disk.own(ownership);
        self.disk.room.occupy(self.disk.backlog_size(&log.backlog()));
        self.disk.set_bytes(log.bytes());
        Opened { log, disk: Arc::clone(&self.disk) }
    }

    /// Waits for the instance before this one, and tries until it has the files.
    pub(crate) async fn follow(
        &self,
        ownership: impl Future<Output = Ownership> + Send,
        host: &Host,
    ) -> Opened {
        let ownership = ownership.await;
        let mut has_failed = false;
        loop {
            match self.log().await {
                Ok(log) => {
                    if has_failed {
                        host.report(Status::Ok);
                    }
                    return self.opened(log, ownership);
                }
                Err(error) => host.report(Status::Recoverable(error.to_string())),
            }
            has_failed = true;
            tokio::time::sleep(OPEN_PAUSE).await;
        }
    }
}

impl Opened {
    /// Keeps the files until the queue is closed. `close` is called when this instance was `replaced` by one that
    /// waits for them; one that was replaced otherwise sends everything on first.
    pub(crate) async fn keep(
        self,
        keeper: Keeper,
        replaced: &CancellationToken,
        close: impl Fn() + Send,
    ) -> Result<(), BoxError> {
        let Self { log, disk } = self;
        let drains = || replaced.is_cancelled() && !disk.is_awaited();
        let closing = async {
            replaced.cancelled().await;
            if disk.is_awaited() {
                close();
            }
            pending().await
        };
        tokio::select! {
            result = keeper.keep(log, &drains) => result,
            result = closing => result,
        }
    }
}
