//! Lets the first equal messages of a second through and then every so many. `zapcore.NewSampler`,
//! zap 1.27: messages that fall into the same of 4096 counters count as equal.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Counters per sampler, as zap has per level.
const COUNTERS: usize = 4096;
/// Time after which a counter begins anew.
const TICK: Duration = Duration::from_secs(1);

/// Decides which messages are written.
pub(crate) struct Sampler {
    initial: u64,
    thereafter: u64,
    /// Beginning of the tick and messages since; empty when nothing is ever dropped.
    counters: Mutex<Vec<Option<(Instant, u64)>>>,
}

impl Sampler {
    pub(crate) fn new(initial: i64, thereafter: i64) -> Self {
        let count = |it: i64| u64::try_from(it).unwrap_or(0);
        let (initial, thereafter) = (count(initial), count(thereafter));
        let counters = if thereafter == 1 { Vec::new() } else { vec![None; COUNTERS] };
        Self { initial, thereafter, counters: Mutex::new(counters) }
    }

    /// True when the message is to be written.
    pub(crate) fn admits(&self, message: &str, now: Instant) -> bool {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if counters.is_empty() {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        message.hash(&mut hasher);
        let at = usize::try_from(hasher.finish() % COUNTERS as u64).unwrap_or_default();
        let Some(counter) = counters.get_mut(at) else { return true };
        let (begin, seen) = match *counter {
            Some((begin, seen)) if now.duration_since(begin) < TICK => (begin, seen + 1),
            _ => (now, 1),
        };
        *counter = Some((begin, seen));
        let beyond = seen.saturating_sub(self.initial);
        beyond == 0 || (self.thereafter > 0 && beyond.is_multiple_of(self.thereafter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(sampler: &Sampler, now: Instant, count: usize) -> Vec<usize> {
        (1..=count).filter(|_| sampler.admits("x", now)).collect()
    }

    #[test]
    fn the_first_and_then_every_third_pass_in_each_second() {
        let (sampler, now) = (Sampler::new(2, 3), Instant::now());
        assert_eq!(admitted(&sampler, now, 9), [1, 2, 5, 8]);
        assert_eq!(admitted(&sampler, now + TICK, 3), [1, 2]);
    }

    #[test]
    fn one_is_everything_and_zero_nothing_more() {
        let now = Instant::now();
        assert_eq!(admitted(&Sampler::new(2, 1), now, 5).len(), 5);
        assert_eq!(admitted(&Sampler::new(2, 0), now, 5).len(), 2);
    }
}
