//! How long the oldest request of a queue has been there without an answer.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use component::clock::unix_nanos;

/// All requests of one queue that are in memory, by the time at which they came. On disk the oldest ones are.
#[derive(Debug, Default)]
pub(crate) struct Ages(Mutex<Times>);

#[derive(Debug, Default)]
struct Times {
    all: BTreeSet<(u64, u64)>,
    /// Tells those of one moment apart.
    count: u64,
}

impl Ages {
    /// A request that came at `since`, in nanoseconds since 1970. It is there until this is dropped.
    pub(crate) fn begin(self: &Arc<Self>, since: u64) -> Age {
        let mut times = self.times();
        times.count += 1;
        let entry = (since, times.count);
        times.all.insert(entry);
        Age { entry, ages: Arc::clone(self) }
    }

    /// Of the oldest, in seconds; 0 when there is none.
    pub(crate) fn oldest_seconds(&self) -> f64 {
        let oldest = self.times().all.first().map(|(since, _)| *since);
        oldest.map_or(0.0, |since| unix_nanos().saturating_sub(since) as f64 / 1e9)
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request, or the oldest of those that ride together.
#[derive(Debug)]
pub struct Age {
    entry: (u64, u64),
    ages: Arc<Ages>,
}

impl Age {
    /// The older one.
    pub(crate) fn older(self, other: Age) -> Age {
        if other.entry < self.entry { other } else { self }
    }
}

impl Drop for Age {
    fn drop(&mut self) {
        self.ages.times().all.remove(&self.entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_counts_until_it_is_answered() {
        let ages = Arc::new(Ages::default());
        assert!(ages.oldest_seconds() <= 0.0);
        let now = unix_nanos();
        let young = ages.begin(now);
        let old = ages.begin(now - 60_000_000_000);
        assert!((60.0..90.0).contains(&ages.oldest_seconds()));
        let both = young.older(old);
        assert!(ages.oldest_seconds() >= 60.0);
        drop(both);
        assert!(ages.oldest_seconds() <= 0.0);
    }
}
