//! A file that begins anew at each look would be read for ever, as fast as the disk allows. A log does so when it is
//! rotated by truncation, and perhaps each second when it is a status that a program writes anew; not more often.

use std::time::Duration;

use tokio::time::Instant;

/// A file that begins anew so often within [`PERIOD`] is left alone until the end of it.
pub(crate) const REWRITES_MAX: u32 = 50;
pub(crate) const PERIOD: Duration = Duration::from_secs(10);

/// How often a file began anew lately.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rewrites {
    since: Instant,
    count: u32,
}

impl Default for Rewrites {
    fn default() -> Self {
        Self { since: Instant::now(), count: 0 }
    }
}

impl Rewrites {
    /// Counts one more; the answer is when it may be looked at again, if that is not now.
    pub(crate) fn count(&mut self, now: Instant) -> Option<Instant> {
        if now >= self.since + PERIOD {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        (self.count > REWRITES_MAX).then(|| self.since + PERIOD)
    }

    /// True for the first that is too much.
    pub(crate) fn is_first_too_much(self) -> bool {
        self.count == REWRITES_MAX + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_file_may_begin_anew_so_often_in_a_period_and_then_waits_for_the_next() {
        let mut rewrites = Rewrites::default();
        let start = Instant::now();
        assert!((0..REWRITES_MAX).all(|_| rewrites.count(Instant::now()).is_none()));
        assert_eq!(rewrites.count(Instant::now()), Some(start + PERIOD));
        tokio::time::advance(PERIOD).await;
        assert_eq!(rewrites.count(Instant::now()), None);
    }
}
