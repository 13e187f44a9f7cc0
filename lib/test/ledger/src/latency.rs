//! A distribution of times with a relative error below 4 %.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "latencies and their counts fit"
)]

use std::time::Duration;

/// Steps per doubling.
const STEPS: usize = 16;
/// Doublings from one microsecond: up to 19 hours.
const DOUBLINGS: usize = 36;

/// Counts per time; 4.5 KiB.
#[derive(Debug, Clone)]
pub struct Latency {
    counts: Vec<u64>,
    total: u64,
    sum: Duration,
    max: Duration,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            counts: vec![0; STEPS * DOUBLINGS],
            total: 0,
            sum: Duration::ZERO,
            max: Duration::ZERO,
        }
    }
}

impl Latency {
    /// Counts one observation.
    pub fn record(&mut self, time: Duration) {
        let micros = time.as_micros().max(1) as f64;
        let at = (micros.log2() * STEPS as f64) as usize;
        let last = self.counts.len() - 1;
        self.counts[at.min(last)] += 1;
        self.total += 1;
        self.sum += time;
        self.max = self.max.max(time);
    }

    /// The time below which this share (0 to 1) of all observations lies; zero without any.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                let micros = ((at as f64 + 0.5) / STEPS as f64).exp2();
                return Duration::from_micros(micros as u64).min(self.max);
            }
        }
        self.max
    }

    /// Exact, unlike the quantiles; zero when nothing was recorded.
    pub fn mean(&self) -> Duration {
        self.sum.checked_div(self.total.try_into().unwrap_or(u32::MAX)).unwrap_or_default()
    }

    /// The longest that was recorded, exact.
    pub fn max(&self) -> Duration {
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_close() {
        let mut latency = Latency::default();
        for millis in 1..=1000 {
            latency.record(Duration::from_millis(millis));
        }
        for (share, want) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let got = latency.quantile(share).as_secs_f64() * 1000.0;
            assert!((got / want - 1.0).abs() < 0.05, "{share}: {got}");
        }
        assert_eq!(latency.max(), Duration::from_secs(1));
    }
}
