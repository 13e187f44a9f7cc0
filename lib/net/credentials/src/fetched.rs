//! Something that comes from elsewhere and does not last: a token, the keys of an issuer. One task fetches it, whoever
//! needs a newer one waits for it; so there is one request at a time, and it goes on when those that wait have gone.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use component::Host;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// The shortest time between two tries, and the time after the first that failed.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest time between tries that fail; each waits twice as long as the one before.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// A value, and the task that fetches it.
#[derive(Debug)]
pub struct Fetched<T> {
    state: watch::Sender<Known<T>>,
    asked: Notify,
    /// The shortest time between two tries that succeed.
    pause: Duration,
}

/// What is known of the value.
#[derive(Debug)]
pub struct Known<T> {
    /// The last one that came.
    pub value: Option<Arc<T>>,
    /// Why the last try brought none.
    pub problem: Option<String>,
    failures: u32,
    next: Option<Instant>,
    stopped: bool,
}

impl<T> Clone for Known<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), problem: self.problem.clone(), ..*self }
    }
}

impl<T> Known<T> {
    /// The value, or why there is none.
    ///
    /// # Errors
    /// What went wrong at the last try.
    pub fn into_value(self) -> Result<Arc<T>, String> {
        let missing = || self.problem.unwrap_or_else(|| "the extension is not started".into());
        self.value.ok_or_else(missing)
    }

    /// No try is made now: one has just been made, or there is nobody to make it.
    fn is_final(&self) -> bool {
        self.stopped || self.next.is_some_and(|it| Instant::now() < it)
    }
}

impl<T: Send + Sync + 'static> Fetched<T> {
    /// Without a value. `pause` is the shortest time between two tries that succeed.
    pub fn new(pause: Duration) -> Arc<Self> {
        let known = Known { value: None, problem: None, failures: 0, next: None, stopped: true };
        let pause = pause.max(PAUSE_MIN);
        Arc::new(Self { state: watch::Sender::new(known), asked: Notify::new(), pause })
    }

    /// Fetches when [`newer`](Self::newer) asks and at the latest after `every`, until the host stops.
    pub fn run<F>(
        self: &Arc<Self>,
        host: &Host,
        every: Duration,
        fetch: impl Fn() -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<T, String>> + Send,
    {
        let (its, stopping) = (Arc::clone(self), host.stopping().clone());
        its.state.send_modify(|it| it.stopped = false);
        host.spawn(async move {
            let work = async {
                loop {
                    let _ = tokio::time::timeout(every, its.asked.notified()).await;
                    if !its.state.borrow().is_final() {
                        its.tried(fetch().await);
                    }
                }
            };
            let _: Option<()> = stopping.run_until_cancelled(pin!(work)).await;
            its.state.send_modify(|it| it.stopped = true);
            Ok(())
        });
    }

    fn tried(&self, result: Result<T, String>) {
        self.state.send_modify(|known| {
            let pause = match result {
                Ok(value) => {
                    (known.value, known.problem) = (Some(Arc::new(value)), None);
                    known.failures = 0;
                    self.pause
                }
                Err(problem) => {
                    known.problem = Some(problem);
                    let pause = PAUSE_MIN.saturating_mul(1 << known.failures.min(16));
                    known.failures = known.failures.saturating_add(1);
                    pause.min(PAUSE_MAX)
                }
            };
            known.next = Some(Instant::now() + pause);
        });
    }

    /// What is known now.
    pub fn known(&self) -> Known<T> {
        self.state.borrow().clone()
    }

    /// Wants a newer one, without waiting for it.
    pub fn ask(&self) {
        if !self.state.borrow().is_final() {
            self.asked.notify_one();
        }
    }

    /// What is known after a new try; or what is known now, if a try was made a moment ago.
    pub async fn newer(&self) -> Known<T> {
        let mut changes = self.state.subscribe();
        let known = changes.borrow_and_update().clone();
        if known.is_final() {
            return known;
        }
        self.asked.notify_one();
        // The sender lives as long as `self`.
        let _ = changes.changed().await;
        self.known()
    }
}

/// A credential that ends.
pub trait Lasting {
    /// It still counts.
    fn is_valid(&self) -> bool;
    /// It is time for the next one.
    fn is_due(&self) -> bool;
}

impl<T: Lasting + Send + Sync + 'static> Fetched<T> {
    /// One that still counts: the known one at best, a new one if that has ended.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn current(&self) -> Result<Arc<T>, String> {
        if let Some(known) = self.known().value.filter(|it| it.is_valid()) {
            if known.is_due() {
                // It still counts, so nobody has to wait for the next one.
                self.ask();
            }
            return Ok(known);
        }
        let known = self.newer().await;
        let problem = known.problem.clone();
        let ended = || problem.unwrap_or_else(|| "the one that came has already ended".into());
        known.into_value().and_then(|it| if it.is_valid() { Ok(it) } else { Err(ended()) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use componenttest::TestHost;

    use super::*;

    const NEVER: Duration = Duration::from_secs(1_000_000);

    /// Counts its tries; each takes a second, and the first `failing` fail.
    fn counted(host: &TestHost, failing: u64) -> (Arc<Fetched<u64>>, Arc<AtomicU64>) {
        let (fetched, tries) = (Fetched::new(PAUSE_MIN), Arc::new(AtomicU64::new(0)));
        let counter = Arc::clone(&tries);
        fetched.run(host, NEVER, move || {
            let counter = Arc::clone(&counter);
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                match counter.fetch_add(1, Relaxed) + 1 {
                    number if number <= failing => Err(format!("failure {number}")),
                    number => Ok(number),
                }
            }
        });
        (fetched, tries)
    }

    #[tokio::test(start_paused = true)]
    async fn many_that_ask_at_once_share_one_try() {
        let host = TestHost::new();
        let (fetched, tries) = counted(&host, 0);
        let (a, b) = tokio::join!(fetched.newer(), fetched.newer());
        assert_eq!([*a.into_value().unwrap(), *b.into_value().unwrap()], [1, 1]);
        // One that asks right after it is told what has just come.
        assert_eq!(*fetched.newer().await.into_value().unwrap(), 1);
        tokio::time::sleep(PAUSE_MIN * 3).await;
        assert_eq!(tries.load(Relaxed), 1);
        assert_eq!(*fetched.newer().await.into_value().unwrap(), 2);
        host.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_told_at_once_and_tried_again_less_and_less_often() {
        let host = TestHost::new();
        let (fetched, tries) = counted(&host, 7);
        let begin = Instant::now();
        let mut ends = Vec::new();
        while fetched.newer().await.value.is_none() {
            let made = tries.load(Relaxed);
            if ends.len() as u64 != made {
                ends.push(begin.elapsed().as_secs());
                assert_eq!(fetched.known().problem, Some(format!("failure {made}")));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let waits: Vec<u64> = ends.windows(2).map(|it| it[1] - it[0]).collect();
        // Each try takes a second itself.
        assert_eq!(waits, [2, 3, 5, 9, 17, 31]);
        host.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_goes_on_when_nobody_waits_and_nobody_waits_after_the_end() {
        let host = TestHost::new();
        let (fetched, _) = counted(&host, 0);
        let impatient = Duration::from_millis(10);
        tokio::time::timeout(impatient, fetched.newer()).await.unwrap_err();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(*fetched.known().into_value().unwrap(), 1);
        tokio::time::sleep(Duration::from_secs(2)).await;
        host.stop().await;
        assert_eq!(*fetched.newer().await.into_value().unwrap(), 1);
    }
}
