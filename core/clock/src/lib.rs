//! What time it is. Everything of ours asks here and not the system, so that a test can say what time it is.
//!
//! The answer of a test holds for its thread only: tests run side by side in one process. A test with tokio's
//! paused clock sets [`set`] to something that follows it (`componenttest::clock` does).

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

thread_local! {
    /// What a test has put in place of the system's clock.
    static INSTEAD: Cell<Option<fn() -> Duration>> = const { Cell::new(None) };
}

/// Nanoseconds since 1970-01-01T00:00:00Z, as OTLP counts them; 0 for a clock that stands before that.
pub fn unix_nanos() -> u64 {
    u64::try_from(since_epoch().as_nanos()).unwrap_or(u64::MAX)
}

/// The same as a time of the standard library, for comparisons with those of files.
pub fn now() -> SystemTime {
    UNIX_EPOCH + since_epoch()
}

fn since_epoch() -> Duration {
    match INSTEAD.get() {
        Some(clock) => clock(),
        None => system().duration_since(UNIX_EPOCH).unwrap_or_default(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
fn system() -> SystemTime {
    SystemTime::now()
}

/// Puts `clock`, which tells the time since 1970, in place of the system's for this thread; `None` takes it
/// away. For tests.
pub fn set(clock: Option<fn() -> Duration>) {
    INSTEAD.set(clock);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_says_what_time_it_is_in_its_thread() {
        set(Some(|| Duration::from_millis(1_500)));
        assert_eq!(unix_nanos(), 1_500_000_000);
        assert_eq!(now(), UNIX_EPOCH + Duration::from_millis(1_500));
        let elsewhere = std::thread::spawn(unix_nanos).join();
        assert!(elsewhere.is_ok_and(|it| it > 1_500_000_000));
        set(None);
        assert!(unix_nanos() > 1_500_000_000);
    }
}
