//! The async shell of the [`Batcher`]: who waits for work, for time, for room.

use std::sync::{Mutex, MutexGuard, PoisonError};

use component::meter::Counter;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Batch, Batcher, Request, Rules};

/// Requests on one side, batches on the other. A request costs a lock and a wake-up; it is joined in the
/// task of its caller, without a channel in between.
#[derive(Debug)]
pub struct Buffer {
    batcher: Mutex<Batcher>,
    /// A batch is ready or due, or there will be no more.
    work: Notify,
    /// A batch was begun, so there is a time to wait for.
    begun: Notify,
    /// A ready batch was taken.
    taken: Notify,
}

impl Buffer {
    /// Without `rules` every request is a batch. `lost` counts what is dropped without an answer.
    pub fn new(rules: Option<Rules>, lost: Counter) -> Self {
        let batcher = Mutex::new(Batcher::new(rules, lost));
        Self { batcher, work: Notify::new(), begun: Notify::new(), taken: Notify::new() }
    }

    /// Takes a request. Never waits.
    ///
    /// # Errors
    /// Gives it back when nothing is taken any more.
    pub fn push(&self, request: Request) -> Result<(), Box<Request>> {
        let mut batcher = self.batcher();
        let (ready, begun) = (batcher.ready(), batcher.begun());
        batcher.push(Instant::now(), request)?;
        let (ready, begun) = (batcher.ready() - ready, batcher.begun() - begun);
        drop(batcher);
        for _ in 0..ready {
            self.work.notify_one();
        }
        if begun > 0 {
            self.begun.notify_one();
        }
        Ok(())
    }

    /// The next batch; `None` when there will be no more.
    pub async fn take(&self) -> Option<Batch> {
        loop {
            let work = self.work.notified();
            {
                let mut batcher = self.batcher();
                if let Some(batch) = batcher.take(Instant::now()) {
                    drop(batcher);
                    self.taken.notify_waiters();
                    return Some(batch);
                }
                if batcher.is_closed() {
                    return None;
                }
            }
            work.await;
        }
    }

    /// What has waited for the longest time and nobody has begun to send.
    pub fn take_oldest(&self) -> Option<Batch> {
        let batch = self.batcher().take_oldest()?;
        self.taken.notify_waiters();
        Some(batch)
    }

    /// Waits until fewer than `ready_max` batches are ready, or nothing is taken any more.
    pub async fn room(&self, ready_max: usize) {
        loop {
            let taken = self.taken.notified();
            {
                let batcher = self.batcher();
                if batcher.ready() < ready_max || batcher.is_closed() {
                    return;
                }
            }
            taken.await;
        }
    }

    /// Wakes who takes when a batch is due. Ends with `stopping`, and closes the buffer then.
    pub async fn keep_time(&self, stopping: &CancellationToken) {
        let mut since = Instant::now();
        loop {
            let due = self.batcher().next_due(since);
            tokio::select! {
                () = stopping.cancelled() => break self.close(),
                () = self.begun.notified(), if due.is_none() => {}
                () = tokio::time::sleep_until(due.unwrap_or(since)), if due.is_some() => {
                    let now = Instant::now();
                    for _ in 0..self.batcher().due_between(since, now) {
                        self.work.notify_one();
                    }
                    since = now;
                }
            }
        }
    }

    /// Takes nothing more; what is there can still be taken.
    pub fn close(&self) {
        self.batcher().close();
        self.work.notify_waiters();
        self.taken.notify_waiters();
    }

    /// Forgets everything: who waits is told, what was accepted is counted as lost.
    pub fn clear(&self) {
        self.batcher().clear();
        self.work.notify_waiters();
        self.taken.notify_waiters();
    }

    fn batcher(&self) -> MutexGuard<'_, Batcher> {
        self.batcher.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
