//! How long to wait before the next attempt. `config/configretry`, v0.159, on `cenkalti/backoff`.

use std::time::Duration;

use crate::RetryConfig;

/// Shortest wait between two attempts, so that `initial_interval: 0` cannot turn into a busy loop.
const DELAY_MIN: Duration = Duration::from_millis(10);

/// The waits of one request, of data that a receiver hands over again, and of whatever else has such a section.
#[derive(Debug)]
pub struct Backoff<'a> {
    config: &'a RetryConfig,
    interval: Duration,
}

impl<'a> Backoff<'a> {
    /// Starts with the initial interval.
    pub fn new(config: &'a RetryConfig) -> Self {
        Self { config, interval: config.initial_interval.std() }
    }

    /// The next wait, at least as long as the far end asked for; `None` when the time is up. `elapsed` is
    /// the age of the request, `random` is uniform in 0..1.
    pub fn next(
        &mut self,
        elapsed: Duration,
        asked: Option<Duration>,
        random: f64,
    ) -> Option<Duration> {
        let config = self.config;
        // A section that is off is not checked, and may still be waited by.
        let factor = config.randomization_factor.clamp(0.0, 1.0);
        let spread = 1.0 + factor * (2.0 * random - 1.0);
        let delay = self.interval.mul_f64(spread.max(0.0)).max(DELAY_MIN);
        let delay = delay.max(asked.unwrap_or_default());
        let longest = config.max_interval.std().as_secs_f64();
        let longer = (self.interval.as_secs_f64() * config.multiplier.max(0.0)).min(longest);
        self.interval = Duration::try_from_secs_f64(longer).unwrap_or(config.max_interval.std());
        let limit = config.max_elapsed_time.std();
        (limit.is_zero() || elapsed + delay <= limit).then_some(delay)
    }
}

#[cfg(test)]
mod tests {
    use config::Duration as GoDuration;

    use super::*;

    fn check(random: f64, config: &RetryConfig, want_ms: &[u128]) {
        let (mut backoff, mut elapsed) = (Backoff::new(config), Duration::ZERO);
        let mut got = Vec::new();
        while got.len() < 10 {
            let Some(delay) = backoff.next(elapsed, None, random) else { break };
            elapsed += delay;
            got.push(delay.as_millis());
        }
        assert_eq!(got, want_ms);
    }

    #[test]
    fn waits_grow_to_the_longest_and_end_with_the_time_allowed() {
        let config = RetryConfig {
            initial_interval: GoDuration::from_secs(1),
            multiplier: 2.0,
            max_interval: GoDuration::from_secs(5),
            max_elapsed_time: GoDuration::from_secs(20),
            ..RetryConfig::default()
        };
        check(0.5, &config, &[1000, 2000, 4000, 5000, 5000]);
        check(0.0, &config, &[500, 1000, 2000, 2500, 2500, 2500, 2500, 2500, 2500]);
        check(1.0, &config, &[1500, 3000, 6000, 7500]);
    }

    #[test]
    fn without_a_limit_it_goes_on_and_never_spins() {
        let config = RetryConfig {
            initial_interval: GoDuration::ZERO,
            max_elapsed_time: GoDuration::ZERO,
            ..RetryConfig::default()
        };
        check(0.5, &config, &[10; 10]);
    }

    #[test]
    fn a_section_that_is_off_and_says_nonsense_is_waited_by_all_the_same() {
        let config = RetryConfig {
            enabled: false,
            initial_interval: GoDuration::from_secs(1),
            randomization_factor: 1e300,
            multiplier: f64::INFINITY,
            max_interval: GoDuration::from_secs(5),
            max_elapsed_time: GoDuration::from_secs(30),
        };
        check(1.0, &config, &[2000, 10_000, 10_000]);
    }

    #[test]
    fn the_far_end_may_ask_for_more() {
        let config = RetryConfig::default();
        let mut backoff = Backoff::new(&config);
        let asked = Some(Duration::from_secs(60));
        assert_eq!(backoff.next(Duration::ZERO, asked, 0.5), asked);
        assert_eq!(backoff.next(Duration::from_secs(250), asked, 0.5), None);
        let without_end =
            RetryConfig { max_elapsed_time: GoDuration::ZERO, ..RetryConfig::default() };
        let asked = crate::ConsumeError::retryable("busy").after(Duration::MAX).retry_after();
        assert_eq!(Backoff::new(&without_end).next(Duration::MAX / 2, asked, 0.5), asked);
    }
}
