//! How much is kept in a time.

use tokio::time::Instant;

/// A time, as the policies need it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// For what has passed.
    pub(crate) at: Instant,
    /// Whole seconds since 1970, for what is counted in each second of the clock.
    pub(crate) second: u64,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { at: Instant::now(), second: component::clock::unix_nanos() / NANOS }
    }
}

const NANOS: u64 = 1_000_000_000;

/// Counts what is kept in each second of the clock.
#[derive(Debug, Clone, Default)]
pub(crate) struct PerSecond {
    limit: i64,
    second: u64,
    kept: i64,
}

impl PerSecond {
    pub(crate) fn new(limit: i64) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Whether so many more are fewer than the limit, as upstream has it; then they count.
    pub(crate) fn keeps(&mut self, now: Moment, more: u64) -> bool {
        if self.second != now.second {
            (self.second, self.kept) = (now.second, 0);
        }
        let kept = self.kept.saturating_add(i64::try_from(more).unwrap_or(i64::MAX));
        let fits = kept < self.limit;
        if fits {
            self.kept = kept;
        }
        fits
    }
}

/// A token bucket that is full at first. `golang.org/x/time/rate`.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    per_second: u64,
    burst: u64,
    /// In billionths, of which `per_second` come in each nanosecond.
    tokens: u128,
    filled: Option<Instant>,
}

impl Bucket {
    pub(crate) fn new(per_second: i64, burst: i64) -> Self {
        let whole = |it: i64| u64::try_from(it).unwrap_or(0);
        Self { per_second: whole(per_second), burst: whole(burst), tokens: 0, filled: None }
    }

    /// Whether there are so many tokens; then they are taken.
    pub(crate) fn takes(&mut self, now: Moment, tokens: u64) -> bool {
        let full = u128::from(self.burst) * u128::from(NANOS);
        self.tokens = match self.filled {
            Some(filled) => {
                let passed = now.at.saturating_duration_since(filled).as_nanos();
                let more = passed.saturating_mul(self.per_second.into());
                self.tokens.saturating_add(more).min(full)
            }
            None => full,
        };
        self.filled = Some(now.at);
        let taken = u128::from(tokens) * u128::from(NANOS);
        let fits = taken <= self.tokens;
        if fits {
            self.tokens -= taken;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn moment(start: Instant, ms: u64) -> Moment {
        Moment { at: start + Duration::from_millis(ms), second: ms / 1000 }
    }

    #[tokio::test]
    async fn a_second_keeps_fewer_than_its_limit() {
        let start = Instant::now();
        let mut rate = PerSecond::new(10);
        let kept = |rate: &mut PerSecond, ms, more| rate.keeps(moment(start, ms), more);
        assert!(kept(&mut rate, 0, 6));
        assert!(!kept(&mut rate, 10, 4), "ten are not fewer than ten");
        assert!(kept(&mut rate, 20, 3), "what was not kept does not count");
        assert!(!kept(&mut rate, 999, 1));
        assert!(kept(&mut rate, 1000, 9));
    }

    #[tokio::test]
    async fn a_bucket_is_full_at_first_and_fills_again() {
        let start = Instant::now();
        let mut bucket = Bucket::new(100, 200);
        let takes = |bucket: &mut Bucket, ms, tokens| bucket.takes(moment(start, ms), tokens);
        assert!(!takes(&mut bucket, 0, 201), "more than it ever holds");
        assert!(takes(&mut bucket, 0, 200));
        assert!(!takes(&mut bucket, 0, 1));
        assert!(takes(&mut bucket, 500, 50) && !takes(&mut bucket, 500, 1));
        assert!(takes(&mut bucket, 60_500, 200) && !takes(&mut bucket, 60_500, 1));
        let mut none = Bucket::new(-1, -2);
        assert!(!none.takes(moment(start, 0), 1));
    }
}
