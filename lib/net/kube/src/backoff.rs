//! How long to wait after a failure, and how many requests may be sent.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The wait after the first failure.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// The longest wait: a server that comes back after an hour is found within half a minute. As client-go has it.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A server that asked for more patience than this is asked again anyway.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// Waits that double, up to half a minute, with a random quarter so that not all nodes come at once.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next wait; at least what the server asked for.
    pub(crate) fn next(&mut self, retry_after: Option<Duration>) -> Duration {
        let pause = PAUSE_MIN.saturating_mul(1 << self.failures.min(16)).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
        pause.mul_f64(0.75 + fastrand::f64() / 4.0).max(asked)
    }

    /// It works again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A token bucket.
#[derive(Debug)]
pub(crate) struct Limiter {
    per_second: f64,
    burst: f64,
    /// How many may be sent, and when that was.
    left: Mutex<(f64, Instant)>,
}

impl Limiter {
    pub(crate) fn new(per_second: f64, burst: f64) -> Self {
        Self { per_second, burst, left: Mutex::new((burst, Instant::now())) }
    }

    /// Waits for the turn of one request.
    pub(crate) async fn turn(&self) {
        let wait = self.take();
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes one, now or from the future: how long until it is there.
    fn take(&self) -> Duration {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let grown = left.0 + now.duration_since(left.1).as_secs_f64() * self.per_second;
        *left = (grown.min(self.burst) - 1.0, now);
        Duration::try_from_secs_f64(-left.0 / self.per_second).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute_and_a_server_may_ask_for_more() {
        let mut backoff = Backoff::default();
        for (at, most) in [500, 1_000, 2_000, 4_000].into_iter().enumerate() {
            let wait = backoff.next(None).as_millis();
            assert!((most * 3 / 4..=most).contains(&wait), "{at}: {wait}");
        }
        let waits: Vec<_> = (0..20).map(|_| backoff.next(None)).collect();
        assert!(waits.iter().all(|it| *it <= PAUSE_MAX));
        assert_eq!(backoff.next(Some(Duration::from_secs(77))), Duration::from_secs(77));
        assert_eq!(backoff.next(Some(Duration::from_secs(9999))), RETRY_AFTER_MAX);
        backoff.reset();
        assert!(backoff.next(None) <= PAUSE_MIN);
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_what_is_beyond_waits_for_its_turn() {
        let limiter = Limiter::new(10.0, 3.0);
        let begun = Instant::now();
        for _ in 0..3 {
            limiter.turn().await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for _ in 0..5 {
            limiter.turn().await;
        }
        let spent = begun.elapsed().as_millis();
        assert!((500..510).contains(&spent), "{spent}");
    }
}
