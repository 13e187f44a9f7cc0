//! Thins out repetitions, as zap's sampler does: of the same level and message, per tick, the first
//! `initial` pass, then every `thereafter`-th.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::Level;

use crate::telemetry::SamplingConfig;

/// Distinct messages whose repetition is watched at the same time; beyond it, none is held back.
const MESSAGES_MAX: usize = 4096;

/// Counts lines.
#[derive(Debug)]
pub struct Sampler {
    tick: Duration,
    initial: u64,
    thereafter: u64,
    seen: Mutex<HashMap<(Level, String), Count>>,
}

#[derive(Debug)]
struct Count {
    since: Instant,
    lines: u64,
}

impl Sampler {
    /// As configured.
    pub fn new(config: &SamplingConfig) -> Self {
        let positive = |count: i64| u64::try_from(count).unwrap_or(0);
        Self {
            tick: config.tick.std(),
            initial: positive(config.initial),
            thereafter: positive(config.thereafter),
            seen: Mutex::default(),
        }
    }

    /// True when a line may be written.
    pub fn passes(&self, level: Level, message: &str, now: Instant) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MESSAGES_MAX {
            seen.retain(|_, count| now.duration_since(count.since) < self.tick);
            if seen.len() >= MESSAGES_MAX {
                return true;
            }
        }
        let count = seen.entry((level, message.to_owned()));
        let count = count.or_insert(Count { since: now, lines: 0 });
        if now.duration_since(count.since) >= self.tick {
            *count = Count { since: now, lines: 0 };
        }
        count.lines += 1;
        let over = count.lines.saturating_sub(self.initial);
        over == 0 || (self.thereafter > 0 && over.is_multiple_of(self.thereafter))
    }
}

#[cfg(test)]
mod tests {
    use component::config;

    use super::*;

    fn sampler(initial: i64, thereafter: i64) -> Sampler {
        let tick = config::Duration::from_secs(10);
        Sampler::new(&SamplingConfig { enabled: true, tick, initial, thereafter })
    }

    #[track_caller]
    fn check(sampler: &Sampler, now: Instant, want: &[bool]) {
        let passed: Vec<bool> =
            want.iter().map(|_| sampler.passes(Level::INFO, "m", now)).collect();
        assert_eq!(passed, want);
    }

    #[test]
    fn the_first_lines_pass_then_every_nth_until_the_tick_is_over() {
        let (sampler, now) = (sampler(2, 3), Instant::now());
        check(&sampler, now, &[true, true, false, false, true, false, false, true]);
        assert!(sampler.passes(Level::INFO, "another", now));
        assert!(sampler.passes(Level::WARN, "m", now));
        check(&sampler, now + Duration::from_secs(10), &[true, true, false]);
    }

    #[test]
    fn thereafter_zero_drops_the_rest() {
        check(&sampler(1, 0), Instant::now(), &[true, false, false, false]);
    }

    #[test]
    fn more_distinct_messages_than_are_watched_all_pass() {
        let (sampler, now) = (sampler(1, 0), Instant::now());
        for n in 0..MESSAGES_MAX {
            assert!(sampler.passes(Level::INFO, &n.to_string(), now));
        }
        assert!(sampler.passes(Level::INFO, "one more", now));
        assert_eq!(sampler.seen.lock().unwrap().len(), MESSAGES_MAX);
    }
}
