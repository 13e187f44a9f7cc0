//! The door to a queue on disk: callers bring requests here and wait, those who send say here what is done, and the
//! one task that has the files (`keeper`) takes both.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use component::clock::unix_nanos;
use component::{Backlog, ConsumeError, Context, Data, Ownership, Sizer};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use crate::age::Ages;
use crate::room::Room;

/// When a client may come again that found no room: the Collector leaves it to the client's own backoff.
pub(crate) const COME_AGAIN: Duration = Duration::from_secs(1);
/// Bytes of requests that were read from the disk, or came a moment ago, and are in memory until they have arrived.
pub(crate) const WINDOW_BYTES: usize = 64 << 20;

/// Shared by those who store, those who send, and the keeper.
pub(crate) struct Disk {
    inbox: Mutex<Inbox>,
    /// There is something in the inbox, or it was closed.
    pub(crate) changed: Notify,
    pub(crate) window: Arc<Semaphore>,
    pub(crate) room: Arc<Room>,
    pub(crate) ages: Arc<Ages>,
    /// What its files take.
    bytes: AtomicU64,
    sizer: Sizer,
    /// The right to have the files, as long as they are open.
    ownership: Mutex<Option<Ownership>>,
    /// The files are closed, and nothing is sent any more.
    pub(crate) ended: CancellationToken,
}

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    pub(crate) puts: Vec<Put>,
    pub(crate) done: Vec<u64>,
    pub(crate) is_closed: bool,
}

/// A request that is to be stored.
#[derive(Debug)]
pub(crate) struct Put {
    pub(crate) ctx: Context,
    pub(crate) data: Data,
    /// `None` once it is stored.
    pub(crate) room: Option<OwnedSemaphorePermit>,
    pub(crate) size: usize,
    /// When it came, in nanoseconds since 1970.
    pub(crate) since: u64,
    pub(crate) answer: oneshot::Sender<Result<(), ConsumeError>>,
}

/// A request that is on disk and in memory, until somebody knows what became of it.
#[derive(Debug)]
pub(crate) struct Receipt {
    pub(crate) disk: Arc<Disk>,
    pub(crate) seq: u64,
    pub(crate) size: usize,
}

impl Receipt {
    /// It has arrived, or is refused for good: its space is given back. One that is only dropped stays on disk.
    pub(crate) fn done(self) {
        self.disk.room.give_back(self.size);
        self.disk.inbox().done.push(self.seq);
        self.disk.changed.notify_one();
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("room", &self.room).finish_non_exhaustive()
    }
}

impl Disk {
    pub(crate) fn new(room: &Arc<Room>, ages: &Arc<Ages>, sizer: Sizer) -> Self {
        Self {
            inbox: Mutex::default(),
            changed: Notify::new(),
            window: Arc::new(Semaphore::new(WINDOW_BYTES)),
            room: Arc::clone(room),
            ages: Arc::clone(ages),
            bytes: AtomicU64::new(0),
            sizer,
            ownership: Mutex::default(),
            ended: CancellationToken::new(),
        }
    }

    /// What its files take of the disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    pub(crate) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Relaxed);
    }

    /// What a request takes of the queue's size.
    pub(crate) fn size(&self, items: usize, bytes: usize) -> usize {
        match self.sizer {
            Sizer::Requests => 1,
            Sizer::Items => items,
            Sizer::Bytes => bytes,
        }
    }

    /// What is there takes so much of it.
    pub(crate) fn backlog_size(&self, backlog: &Backlog) -> usize {
        let size = match self.sizer {
            Sizer::Requests => backlog.records,
            Sizer::Items => backlog.items,
            Sizer::Bytes => backlog.bytes,
        };
        usize::try_from(size).unwrap_or(usize::MAX)
    }

    /// Brings a request; the answer comes when it is stored. `None` when nothing is taken any more.
    pub(crate) fn put(
        &self,
        ctx: &Context,
        data: Data,
        room: OwnedSemaphorePermit,
    ) -> Option<oneshot::Receiver<Result<(), ConsumeError>>> {
        let (answer, stored) = oneshot::channel();
        let size = self.size(data.items(), data.bytes());
        let mut inbox = self.inbox();
        if inbox.is_closed {
            return None;
        }
        let (ctx, room, since) = (ctx.clone(), Some(room), unix_nanos());
        inbox.puts.push(Put { ctx, data, room, size, since, answer });
        drop(inbox);
        self.changed.notify_one();
        Some(stored)
    }

    /// Everything in it. What was brought before it was closed is still stored.
    pub(crate) fn take(&self) -> Inbox {
        let mut inbox = self.inbox();
        let is_closed = inbox.is_closed;
        std::mem::replace(&mut inbox, Inbox { is_closed, ..Inbox::default() })
    }

    /// What is done meanwhile.
    pub(crate) fn take_done(&self) -> Vec<u64> {
        std::mem::take(&mut self.inbox().done)
    }

    /// Takes nothing more.
    pub(crate) fn close(&self) {
        self.inbox().is_closed = true;
        self.changed.notify_one();
    }

    /// The files are open.
    pub(crate) fn own(&self, ownership: Ownership) {
        *self.ownership.lock().unwrap_or_else(PoisonError::into_inner) = Some(ownership);
    }

    /// True when the next instance of the exporter waits for the files.
    pub(crate) fn is_awaited(&self) -> bool {
        let ownership = self.ownership.lock().unwrap_or_else(PoisonError::into_inner);
        ownership.as_ref().is_some_and(Ownership::is_awaited)
    }

    /// The files are closed, or will not be opened: who still waits is told so.
    pub(crate) fn abandon(&self) {
        self.close();
        drop(self.take());
        drop(self.ownership.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.ended.cancel();
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room in the window; what is larger than all of it takes all of it.
pub(crate) fn window_permits(bytes: usize) -> u32 {
    u32::try_from(bytes.clamp(1, WINDOW_BYTES)).unwrap_or(u32::MAX)
}
