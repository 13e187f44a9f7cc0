//! How many bytes of requests are under way in the whole collector: those that have come in, and are in a pipeline
//! that has not answered. Whoever watches over memory sets a limit; servers count what they read as it comes, and
//! refuse a request as soon as there is no room for it. What a client only announces takes no room.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::meter::{Counter, Descriptor, Level, OURS};
use crate::{ConsumeError, Meter};

/// What a refused client is told to wait.
const COME_AGAIN: Duration = Duration::from_secs(1);

const REFUSED: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_server_refused_requests_total",
    unit: "{request}",
    description: "Requests that were refused before all of them was read, because memory was short.",
    level: Level::Basic,
};

/// The service has one and gives it to every host. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bytes: AtomicUsize,
    /// The smallest of the limits: it is looked at for every piece that comes.
    limit: AtomicUsize,
    limits: Mutex<Vec<Arc<AtomicUsize>>>,
    /// What has come since somebody looked, also of requests that were refused: their memory is free, and may still be
    /// the process's.
    unseen: AtomicUsize,
    /// How much may come before somebody looks again.
    allowance: AtomicUsize,
    beyond: Notify,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            limit: AtomicUsize::new(usize::MAX),
            limits: Mutex::default(),
            unseen: AtomicUsize::new(0),
            allowance: AtomicUsize::new(usize::MAX),
            beyond: Notify::new(),
        }
    }
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut Vec<Arc<AtomicUsize>>)) {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut limits);
        let smallest = limits.iter().map(|it| it.load(Relaxed)).min();
        self.limit.store(smallest.unwrap_or(usize::MAX), Relaxed);
    }
}

impl InFlight {
    /// The counter of the requests that a server refuses, shared by all servers.
    pub fn refused(meter: &Meter) -> Counter {
        meter.counter(REFUSED, &[])
    }

    /// No request gets room beyond `bytes`, as long as the answer is kept.
    #[must_use]
    pub fn limit(&self, bytes: usize) -> InFlightLimit {
        let limit = Arc::new(AtomicUsize::new(bytes));
        self.0.change(|all| all.push(Arc::clone(&limit)));
        InFlightLimit { shared: Arc::clone(&self.0), limit }
    }

    /// Somebody has looked at memory, and wants to do so again after so many bytes.
    pub fn allow(&self, bytes: usize) {
        self.0.unseen.store(0, Relaxed);
        self.0.allowance.store(bytes, Relaxed);
    }

    /// Waits until more has come than was allowed.
    pub async fn beyond(&self) {
        self.0.beyond.notified().await;
    }

    /// Begins a request, of which nothing has come yet.
    pub fn enter(&self) -> UnderWay {
        UnderWay { shared: Arc::clone(&self.0), bytes: 0 }
    }

    /// What is said to a client for whose request there is no room.
    pub fn refusal(&self) -> ConsumeError {
        let (bytes, limit) = (self.bytes(), self.0.limit.load(Relaxed));
        let error = ConsumeError::retryable(format!(
            "data refused due to high memory usage: {bytes} bytes of requests are under way, {limit} is what memory_limiter allows"
        ));
        error.after(COME_AGAIN)
    }

    /// Bytes under way.
    pub fn bytes(&self) -> usize {
        self.0.bytes.load(Relaxed)
    }
}

/// A limit that ends when it is dropped.
#[derive(Debug)]
pub struct InFlightLimit {
    shared: Arc<Shared>,
    limit: Arc<AtomicUsize>,
}

impl InFlightLimit {
    /// Changes it.
    pub fn set(&self, bytes: usize) {
        self.shared.change(|_| self.limit.store(bytes, Relaxed));
    }
}

impl Drop for InFlightLimit {
    fn drop(&mut self) {
        self.shared.change(|all| all.retain(|it| !Arc::ptr_eq(it, &self.limit)));
    }
}

/// A request that is under way.
#[derive(Debug)]
pub struct UnderWay {
    shared: Arc<Shared>,
    bytes: usize,
}

impl UnderWay {
    /// It holds so many bytes now. False when there is no room for more than it held; they count nevertheless, until
    /// it is dropped or told otherwise. A request that is alone may be of any size.
    #[must_use]
    pub fn holds(&mut self, bytes: usize) -> bool {
        let before = std::mem::replace(&mut self.bytes, bytes);
        if bytes <= before {
            if bytes < before {
                self.shared.bytes.fetch_sub(before - bytes, Relaxed);
            }
            return true;
        }
        let more = bytes - before;
        let unseen = self.shared.unseen.fetch_add(more, Relaxed) + more;
        if unseen > self.shared.allowance.load(Relaxed) {
            self.shared.beyond.notify_waiters();
        }
        let all = self.shared.bytes.fetch_add(more, Relaxed) + more;
        all <= self.shared.limit.load(Relaxed) || all <= bytes
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.shared.bytes.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_refused_when_there_is_no_room_for_what_has_come_of_it() {
        let all = InFlight::default();
        let limit = all.limit(100);
        let larger = all.limit(1000);
        let (mut first, mut second) = (all.enter(), all.enter());
        assert!(first.holds(90) && second.holds(10));
        assert!(!second.holds(11));
        let error = all.refusal();
        assert!(!error.is_permanent());
        assert_eq!(
            error.message(),
            "data refused due to high memory usage: 101 bytes of requests are under way, 100 is what memory_limiter allows"
        );
        assert!(second.holds(11), "nothing more came");
        assert!(second.holds(5) && first.holds(95), "some was given back");
        drop(second);
        assert_eq!(all.bytes(), 95);
        drop(limit);
        assert!(all.enter().holds(905), "the other limit is still there");
        assert!(!all.enter().holds(906));
        larger.set(1040);
        assert!(all.enter().holds(945) && !all.enter().holds(946));
        drop(larger);
        assert!(all.enter().holds(1 << 40));
        drop(first);
        assert_eq!(all.bytes(), 0);
    }

    #[tokio::test]
    async fn who_watches_is_told_when_more_has_come_than_was_allowed_whatever_became_of_it() {
        let all = InFlight::default();
        let watching = all.beyond();
        tokio::pin!(watching);
        all.allow(100);
        for _ in 0..2 {
            assert!(all.enter().holds(50));
            assert!(futures_util::poll!(watching.as_mut()).is_pending());
        }
        assert!(all.enter().holds(1));
        assert!(futures_util::poll!(watching.as_mut()).is_ready());
        all.allow(100);
        watching.set(all.beyond());
        assert!(futures_util::poll!(watching.as_mut()).is_pending());
        assert!(all.enter().holds(100));
        assert!(futures_util::poll!(watching.as_mut()).is_pending());
    }

    #[test]
    fn a_request_that_is_alone_may_be_larger_than_the_limit() {
        let all = InFlight::default();
        let _limit = all.limit(100);
        let mut alone = all.enter();
        assert!(alone.holds(5000) && alone.holds(6000));
        assert!(!all.enter().holds(1));
        drop(alone);
        assert!(all.enter().holds(1));
    }
}
