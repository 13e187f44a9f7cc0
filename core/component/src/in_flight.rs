//! How many bytes of requests are under way in the whole collector: being read, or in a pipeline that has
//! not answered. Whoever watches over memory sets a limit; servers ask before they read a request.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::meter::{Counter, Descriptor, Level, OURS};
use crate::{ConsumeError, Meter};

/// What a refused client is told to wait.
const COME_AGAIN: Duration = Duration::from_secs(1);

const REFUSED: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_server_refused_requests_total",
    unit: "{request}",
    description: "Requests that were refused before they were read, because too many bytes of requests were under way.",
    level: Level::Basic,
};

/// The service has one and gives it to every host. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicUsize,
    /// All limits set; the smallest counts.
    limits: Mutex<Vec<Arc<AtomicUsize>>>,
}

impl InFlight {
    /// The counter of the requests that a server refuses, shared by all servers.
    pub fn refused(meter: &Meter) -> Counter {
        meter.counter(REFUSED, &[])
    }

    /// No request begins while more than `bytes` are under way, as long as the answer is kept.
    #[must_use]
    pub fn limit(&self, bytes: usize) -> InFlightLimit {
        let limit = Arc::new(AtomicUsize::new(bytes));
        self.lock().push(Arc::clone(&limit));
        InFlightLimit { shared: Arc::clone(&self.0), limit }
    }

    /// Counts a request of `bytes` until the answer is dropped. One that is alone may be of any size,
    /// and one without content may always come.
    ///
    /// # Errors
    /// Retryable, when the limit is reached.
    pub fn enter(&self, bytes: usize) -> Result<UnderWay, ConsumeError> {
        let limit = self.lock().iter().map(|it| it.load(Relaxed)).min().unwrap_or(usize::MAX);
        let before = self.0.bytes.fetch_add(bytes, Relaxed);
        // From here on its end gives the bytes back.
        let entered = UnderWay { shared: Arc::clone(&self.0), bytes };
        if bytes > 0 && before > 0 && before.saturating_add(bytes) > limit {
            let error = ConsumeError::retryable(format!(
                "data refused due to high memory usage: {before} bytes of requests are under way, {limit} is what memory_limiter allows"
            ));
            return Err(error.after(COME_AGAIN));
        }
        Ok(entered)
    }

    /// Bytes under way.
    pub fn bytes(&self) -> usize {
        self.0.bytes.load(Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<AtomicUsize>>> {
        self.0.limits.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.limit.store(bytes, Relaxed);
    }
}

impl Drop for InFlightLimit {
    fn drop(&mut self) {
        let mut limits = self.shared.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.retain(|it| !Arc::ptr_eq(it, &self.limit));
    }
}

/// A request that is under way.
#[derive(Debug)]
pub struct UnderWay {
    shared: Arc<Shared>,
    bytes: usize,
}

impl UnderWay {
    /// It turned out to be larger, as when it was decompressed.
    pub fn grow_to(&mut self, bytes: usize) {
        let more = bytes.saturating_sub(self.bytes);
        self.shared.bytes.fetch_add(more, Relaxed);
        self.bytes += more;
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
    fn a_request_is_refused_while_too_many_bytes_are_under_way() {
        let all = InFlight::default();
        let limit = all.limit(100);
        let larger = all.limit(1000);
        let first = all.enter(90).unwrap();
        let error = all.enter(11).unwrap_err();
        assert!(!error.is_permanent());
        assert_eq!(
            error.message(),
            "data refused due to high memory usage: 90 bytes of requests are under way, 100 is what memory_limiter allows"
        );
        assert_eq!(all.bytes(), 90, "what was refused is not under way");
        assert!(all.enter(0).is_ok());
        drop((all.enter(10).unwrap(), first));
        assert_eq!(all.bytes(), 0);
        drop(limit);
        let mut second = all.enter(90).unwrap();
        second.grow_to(950);
        assert!(all.enter(90).is_err(), "the other limit is still there");
        larger.set(1040);
        assert!(all.enter(90).is_ok());
        drop(larger);
        assert!(all.enter(1 << 40).is_ok());
    }

    #[test]
    fn a_request_that_is_alone_may_be_larger_than_the_limit() {
        let all = InFlight::default();
        let _limit = all.limit(100);
        let alone = all.enter(5000).unwrap();
        assert!(all.enter(1).is_err());
        drop(alone);
        assert!(all.enter(1).is_ok());
    }
}
