//! Telemetry that comes before its pod is known waits a little: just after a start, and just after a pod has begun.
//!
//! It waits in the call that brought it, so nothing is acknowledged that has not gone on, and who sends too much is slowed down. A
//! pod is waited for once: what nobody has told in that time (the sender is no pod at all) is not waited for again for a while.
//! What would be too much goes on at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::identity::Key;

/// Most bytes of telemetry that wait.
pub const HELD_BYTES_MAX: usize = 32 << 20;
/// Most calls that wait.
pub const HELD_CALLS_MAX: usize = 1_000;
/// Most pods that are waited for, or were in vain.
const WANTED_MAX: usize = 10_000;
/// What was waited for in vain is waited for again after so long.
const AGAIN: Duration = Duration::from_mins(10);

/// Who waits for what.
pub(crate) struct Hold {
    patience: Duration,
    wanted: Mutex<Wanted>,
    bytes: AtomicUsize,
    calls: AtomicUsize,
    /// Nobody waits any more.
    pub(crate) released: CancellationToken,
}

#[derive(Default)]
struct Wanted {
    /// Until when each pod is waited for.
    until: HashMap<Key, Instant>,
    /// When there is a next look for those that need not be remembered: a look at all for each new pod would be long in a flood.
    swept: Option<Instant>,
}

/// A call that waits.
struct Held<'a>(&'a Hold, usize);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.bytes.fetch_sub(self.1, Relaxed);
        self.0.calls.fetch_sub(1, Relaxed);
    }
}

impl Hold {
    /// Each pod is waited for up to `patience`.
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            patience,
            wanted: Mutex::default(),
            bytes: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            released: CancellationToken::new(),
        }
    }

    /// Whether it is worth waiting for `key`.
    pub(crate) fn waits_for(&self, key: Key) -> bool {
        if self.patience.is_zero() || self.released.is_cancelled() {
            return false;
        }
        let now = Instant::now();
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = wanted.until.get_mut(&key) {
            if now >= *until + AGAIN {
                *until = now + self.patience;
            }
            return now < *until;
        }
        if wanted.until.len() >= WANTED_MAX && wanted.swept.is_none_or(|at| now >= at) {
            wanted.until.retain(|_, until| now < *until + AGAIN);
            wanted.swept = Some(now + self.patience);
        }
        if wanted.until.len() >= WANTED_MAX {
            return false;
        }
        wanted.until.insert(key, now + self.patience);
        true
    }

    /// Waits until all of `keys` are known, as far as that is worth it. Whether there was a wait at all.
    pub(crate) async fn wait(
        &self,
        keys: &HashMap<Key, u64>,
        bytes: usize,
        mut changes: watch::Receiver<()>,
        is_known: impl Fn(Key) -> bool,
    ) -> bool {
        let Some(_held) = self.enter(bytes) else { return false };
        loop {
            changes.mark_unchanged();
            let until = keys.keys().filter(|it| !is_known(**it)).filter_map(|it| self.until(*it));
            let Some(until) = until.max() else { break };
            tokio::select! {
                () = self.released.cancelled() => break,
                () = tokio::time::sleep_until(until) => break,
                changed = changes.changed() => if changed.is_err() { break },
            }
        }
        // A pod that came need not be remembered: it may be gone and looked for again.
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        keys.keys().filter(|it| is_known(**it)).for_each(|it| _ = wanted.until.remove(it));
        true
    }

    fn enter(&self, bytes: usize) -> Option<Held<'_>> {
        let held = Held(self, bytes);
        let calls = self.calls.fetch_add(1, Relaxed) + 1;
        let all = self.bytes.fetch_add(bytes, Relaxed) + bytes;
        (calls <= HELD_CALLS_MAX && all <= HELD_BYTES_MAX).then_some(held)
    }

    /// Until when a pod is still waited for.
    fn until(&self, key: Key) -> Option<Instant> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.until.get(&key).copied().filter(|it| Instant::now() < *it)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    fn key(address: &str) -> Key {
        Key::connection(address)
    }

    fn keys(address: &str) -> HashMap<Key, u64> {
        [(key(address), 1)].into()
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_in_time_is_waited_for_and_what_nobody_tells_is_waited_for_once() {
        let hold = Hold::new(PATIENCE);
        let (tell, changes) = watch::channel(());
        let begun = Instant::now();
        assert!(hold.waits_for(key("a")));
        let known = AtomicBool::new(false);
        let comes = async {
            tokio::time::sleep(PATIENCE / 2).await;
            known.store(true, Relaxed);
            tell.send_replace(());
        };
        let is_known = |_| known.load(Relaxed);
        let keys_of_a = keys("a");
        let waits = hold.wait(&keys_of_a, 1, changes.clone(), is_known);
        let (waited, ()) = tokio::join!(waits, comes);
        assert!(waited && begun.elapsed() == PATIENCE / 2);
        assert!(hold.waits_for(key("b")));
        assert!(hold.wait(&keys("b"), 1, changes.clone(), |_| false).await);
        assert_eq!(begun.elapsed(), PATIENCE / 2 + PATIENCE);
        assert!(!hold.waits_for(key("b")));
        tokio::time::advance(AGAIN).await;
        assert!(hold.waits_for(key("b")));
        assert!(!Hold::new(Duration::ZERO).waits_for(key("b")));
    }

    #[tokio::test(start_paused = true)]
    async fn too_much_goes_on_at_once() {
        let hold = Arc::new(Hold::new(PATIENCE));
        let (_tell, changes) = watch::channel(());
        assert!(hold.waits_for(key("a")));
        let begun = Instant::now();
        assert!(!hold.wait(&keys("a"), HELD_BYTES_MAX + 1, changes.clone(), |_| false).await);
        let first = Arc::clone(&hold);
        let own = changes.clone();
        let waiting = componenttest::spawn(async move {
            first.wait(&keys("a"), HELD_BYTES_MAX, own, |_| false).await
        });
        tokio::task::yield_now().await;
        assert!(!hold.wait(&keys("a"), 1, changes.clone(), |_| false).await);
        assert!(begun.elapsed().is_zero());
        assert!(waiting.await.unwrap());
        assert_eq!((hold.bytes.load(Relaxed), hold.calls.load(Relaxed)), (0, 0));
        for at in 0..2 * WANTED_MAX {
            hold.waits_for(key(&at.to_string()));
        }
        assert_eq!(hold.wanted.lock().unwrap().until.len(), WANTED_MAX);
        // There is room again when those in it need not be remembered; it is looked for once in the patience of one pod.
        let swept = hold.wanted.lock().unwrap().swept;
        assert_eq!(swept, Some(Instant::now() + PATIENCE));
        tokio::time::advance(PATIENCE + AGAIN).await;
        assert!(hold.waits_for(key("late")));
        assert_eq!(hold.wanted.lock().unwrap().until.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_when_the_collector_stops() {
        let hold = Arc::new(Hold::new(PATIENCE));
        let (_tell, changes) = watch::channel(());
        assert!(hold.waits_for(key("a")));
        let begun = Instant::now();
        let own = Arc::clone(&hold);
        let waiting =
            componenttest::spawn(async move { own.wait(&keys("a"), 1, changes, |_| false).await });
        tokio::task::yield_now().await;
        hold.released.cancel();
        assert!(waiting.await.unwrap() && begun.elapsed().is_zero());
        assert!(!hold.waits_for(key("b")));
    }
}
