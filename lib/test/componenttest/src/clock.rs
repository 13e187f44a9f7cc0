//! The clock of a test: it begins where the test says and goes as tokio's, so that paused time stands still.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

thread_local! {
    static BEGAN: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
}

/// From now on it is `unix_nanos` in this thread, and as much later as tokio's clock goes on.
pub fn set_clock(unix_nanos: u64) {
    BEGAN.set(Some((Instant::now(), Duration::from_nanos(unix_nanos))));
    component::clock::set(Some(now));
}

fn now() -> Duration {
    BEGAN.get().map_or(Duration::ZERO, |(began, start)| start + began.elapsed())
}
