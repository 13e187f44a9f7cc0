//! How much of `queue_size` is taken.
//!
//! It is a semaphore: a request takes as many permits as it is large, and gives them back when it has been answered.
//! What a queue on disk holds has no permit of its own, since it may be from before the start, and there may be more
//! of it than fits: what is beyond the size is counted beside the semaphore and given back first.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, TryAcquireError};

#[derive(Debug)]
pub(crate) struct Room {
    free: Arc<Semaphore>,
    capacity: usize,
    /// Beyond the capacity. Changed under the lock only.
    over: AtomicUsize,
    change: Mutex<()>,
}

impl Room {
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(capacity));
        Self { free, capacity, over: AtomicUsize::new(0), change: Mutex::default() }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Also what is there beyond the capacity.
    pub(crate) fn used(&self) -> usize {
        self.capacity - self.free.available_permits().min(self.capacity) + self.over.load(Relaxed)
    }

    /// How much is there beyond the capacity.
    pub(crate) fn over(&self) -> usize {
        self.over.load(Relaxed)
    }

    /// For a request that takes its room beyond the capacity once it is stored ([`Room::keep`]).
    pub(crate) fn none(&self) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Arc::clone(&self.free).try_acquire_many_owned(0)
    }

    /// False when it cannot ever have a permit of its own.
    pub(crate) fn fits(&self, size: usize) -> bool {
        size <= self.capacity.min(u32::MAX as usize)
    }

    /// What is larger than all of it takes all of it: it travels alone.
    pub(crate) async fn acquire(&self, size: usize) -> Result<OwnedSemaphorePermit, AcquireError> {
        Arc::clone(&self.free).acquire_many_owned(self.permits(size)).await
    }

    pub(crate) fn try_acquire(&self, size: usize) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Arc::clone(&self.free).try_acquire_many_owned(self.permits(size))
    }

    fn permits(&self, size: usize) -> u32 {
        u32::try_from(size.min(self.capacity)).unwrap_or(u32::MAX)
    }

    /// The permit's request is stored, and keeps what it has taken.
    pub(crate) fn keep(&self, permit: OwnedSemaphorePermit, size: usize) {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        self.over.fetch_add(size.saturating_sub(permit.num_permits()), Relaxed);
        permit.forget();
    }

    /// So much was there before.
    pub(crate) fn occupy(&self, size: usize) {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        self.over.fetch_add(size - self.free.forget_permits(size), Relaxed);
    }

    /// So much of what was kept, or was there before, has gone.
    pub(crate) fn give_back(&self, size: usize) {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let beyond = size.min(self.over.load(Relaxed));
        self.over.fetch_sub(beyond, Relaxed);
        self.free.add_permits(size - beyond);
    }

    /// Nobody gets in any more.
    pub(crate) fn close(&self) {
        self.free.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_before_counts_and_what_is_beyond_the_size_goes_first() {
        let room = Room::new(10);
        room.occupy(25);
        assert_eq!((room.used(), room.try_acquire(1).is_err()), (25, true));
        room.give_back(14);
        assert_eq!((room.used(), room.try_acquire(1).is_err()), (11, true));
        room.give_back(4);
        let permit = room.try_acquire(3).unwrap();
        assert_eq!(room.used(), 10);
        room.keep(permit, 3);
        room.give_back(10);
        assert_eq!(room.used(), 0);
        let all = room.try_acquire(40).unwrap();
        room.keep(all, 40);
        assert_eq!(room.used(), 40);
        room.give_back(40);
        assert_eq!(room.used(), 0);
    }
}
