//! Counts records per window of time.

use std::sync::{Mutex, PoisonError};

/// At most so many records per window, which begins with the first record after the one before has ended.
#[derive(Debug)]
pub(crate) struct Limiter {
    records: u32,
    nanos: u64,
    window: Mutex<Option<Window>>,
}

#[derive(Debug)]
struct Window {
    start: u64,
    count: u32,
}

impl Limiter {
    pub(crate) fn new(records: u32, seconds: u64) -> Self {
        Self { records, nanos: seconds.saturating_mul(1_000_000_000), window: Mutex::new(None) }
    }

    /// How strict it is.
    pub(crate) fn per_second(&self) -> f64 {
        f64::from(self.records) / self.nanos as f64
    }

    /// Whether one more may pass at this time, in nanoseconds since 1970.
    pub(crate) fn allows(&self, now: u64) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back begins a window, else nothing would pass until it is there again.
        let running = window.as_mut().filter(|it| now >= it.start && now - it.start < self.nanos);
        let Some(running) = running else {
            *window = Some(Window { start: now, count: 1 });
            return true;
        };
        if running.count == self.records {
            return false;
        }
        running.count += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_lets_its_number_pass_and_the_next_one_again() {
        let limiter = Limiter::new(2, 1);
        let second = 1_000_000_000;
        let at = [0, 1, 2, second - 1, second, second, second, 3 * second];
        let passed = at.map(|it| limiter.allows(10 * second + it));
        assert_eq!(passed, [true, true, false, false, true, true, false, true]);
        assert!(limiter.allows(0), "the clock was set back");
    }
}
