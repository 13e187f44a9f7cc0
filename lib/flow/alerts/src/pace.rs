//! When the next message or change may go.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lets through so many a second; the others wait for their turn.
pub struct Pace {
    pause: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    /// 0 is no limit.
    pub fn new(per_second: f64) -> Self {
        let pause = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or_default();
        Self { pause, next: Mutex::new(Instant::now()) }
    }

    /// Waits for the turn.
    pub async fn turn(&self) {
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = Instant::now().max(*next);
            *next = turn + self.pause;
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}
