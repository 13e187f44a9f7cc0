//! How often a client may ping (`keepalive: enforcement_policy:`), as grpc-go 1.80 has it (`http2Server.handlePing`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::config::EnforcementPolicy;

/// Pings that may come too early. `maxPingStrikes`.
const STRIKES_MAX: u8 = 2;
/// Shortest pause when `min_time` is 0. `defaultKeepalivePolicyMinTime`.
const PAUSE: Duration = Duration::from_secs(5 * 60);
/// Shortest pause without calls, unless they are permitted then. `defaultPingTimeout`.
const PAUSE_IDLE: Duration = Duration::from_secs(2 * 60 * 60);

/// What goes on beside the pings.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    is_busy: AtomicBool,
    has_answered: AtomicBool,
}

impl Traffic {
    /// Calls are in flight, or not.
    pub(super) fn set_busy(&self, busy: bool) {
        self.is_busy.store(busy, Relaxed);
    }

    /// A call was answered: a client may ping to learn how fast answers come.
    pub(super) fn answered(&self) {
        self.has_answered.store(true, Relaxed);
    }
}

/// The pings of one connection.
#[derive(Debug)]
pub(super) struct Pings {
    pause: Duration,
    pause_idle: Duration,
    traffic: Arc<Traffic>,
    last: Option<Instant>,
    last_stream: u32,
    strikes: u8,
}

impl Pings {
    pub(super) fn new(policy: &EnforcementPolicy, traffic: Arc<Traffic>) -> Self {
        let pause = Some(policy.min_time.std()).filter(|it| !it.is_zero()).unwrap_or(PAUSE);
        let pause_idle = if policy.permit_without_stream { pause } else { PAUSE_IDLE };
        Self { pause, pause_idle, traffic, last: None, last_stream: 0, strikes: 0 }
    }

    /// A ping has come, when `stream` was the newest one.
    pub(super) fn is_one_too_many(&mut self, stream: u32, now: Instant) -> bool {
        let last = self.last.replace(now);
        // A call may have come with the ping, and not be known yet.
        let has_begun = std::mem::replace(&mut self.last_stream, stream) != stream;
        if self.traffic.has_answered.swap(false, Relaxed) {
            self.strikes = 0;
            return false;
        }
        let is_busy = has_begun || self.traffic.is_busy.load(Relaxed);
        let pause = if is_busy { self.pause } else { self.pause_idle };
        if last.is_some_and(|last| now < last + pause) {
            self.strikes = self.strikes.saturating_add(1);
        }
        self.strikes > STRIKES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many pings, one every `pause` seconds, it is too much; 0 is never.
    #[track_caller]
    fn check(policy: &EnforcementPolicy, busy: bool, pause: u64, want: usize) {
        let traffic = Arc::new(Traffic::default());
        let mut pings = Pings::new(policy, Arc::clone(&traffic));
        traffic.set_busy(busy);
        let start = Instant::now();
        let at = |n| start + Duration::from_secs(n * pause);
        let end = (0..20).position(|n| pings.is_one_too_many(0, at(n))).map_or(0, |it| it + 1);
        assert_eq!(end, want, "{policy:?} {busy} {pause}");
    }

    #[test]
    fn the_third_ping_that_comes_too_early_is_one_too_many() {
        let strict = EnforcementPolicy::default();
        check(&strict, true, 10, 4);
        check(&strict, true, 300, 0);
        check(&strict, false, 300, 4);
        check(&strict, false, 7200, 0);
        let min_time = component::config::Duration::from_secs(10);
        let kind = EnforcementPolicy { min_time, permit_without_stream: true };
        check(&kind, false, 10, 0);
        check(&kind, false, 9, 4);
        check(&EnforcementPolicy { min_time, ..strict }, false, 10, 4);
    }

    #[test]
    fn an_answer_and_a_call_forgive() {
        let traffic = Arc::new(Traffic::default());
        let mut pings = Pings::new(&EnforcementPolicy::default(), Arc::clone(&traffic));
        let now = Instant::now();
        for _ in 0..20 {
            traffic.answered();
            assert!(!pings.is_one_too_many(0, now));
            assert!(!pings.is_one_too_many(0, now));
        }
        // With a new call each, five minutes are enough.
        let later = |n: u32| now + PAUSE * (n + 1);
        assert!((0..20).all(|n| !pings.is_one_too_many(n + 1, later(n))));
    }
}
