//! Hands on what was read from the API server, until the pipelines have it.

use std::time::Duration;

use component::meter::Counter;
use component::{ConsumeError, Context, Data, LostReason, Outputs, Received, Settings, Signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The wait after the first failure, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A cause is logged at most so often.
const QUIET: Duration = Duration::from_secs(10);

/// The way to the pipelines of a receiver.
pub struct Delivery {
    out: Outputs,
    received: Received,
    rejected: Counter,
    complained: std::sync::Mutex<Option<Instant>>,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").finish_non_exhaustive()
    }
}

impl Delivery {
    /// For a receiver of log records.
    pub fn of_logs(settings: &Settings, out: Outputs) -> Self {
        let received = Received::new(&settings.meter, settings.id.as_str(), "http", Signal::Logs);
        let rejected = LostReason::RejectedByBackend.counter(&settings.meter);
        Self { out, received, rejected, complained: std::sync::Mutex::default() }
    }

    /// Returns when it is delivered, or refused for good. In between the server is not read: what happens there waits in
    /// it. `false` if it is to stop before.
    pub async fn deliver(&self, data: Data, stopping: &CancellationToken) -> bool {
        let items = data.items() as u64;
        // Nothing comes before this has arrived: whoever gathers need not wait.
        let ctx = Context { flush: true, ..Context::delivered() };
        let mut pause = PAUSE_MIN;
        loop {
            let Err(error) = self.received.consume(&self.out, &ctx, data.clone()).await else {
                return true;
            };
            if error.is_permanent() {
                self.rejected.add(items);
                self.complain(&error, items, true);
                return true;
            }
            self.complain(&error, items, false);
            let asked = error.retry_after().unwrap_or_default();
            let pause_now = pause.mul_f64(0.75 + fastrand::f64() / 4.0).max(asked);
            if stopping.run_until_cancelled(tokio::time::sleep(pause_now)).await.is_none() {
                return false;
            }
            pause = pause.saturating_mul(2).min(PAUSE_MAX);
        }
    }

    fn complain(&self, error: &ConsumeError, items: u64, lost: bool) {
        let mut last = self.complained.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.is_some_and(|it| it.elapsed() < QUIET) {
            return;
        }
        *last = Some(Instant::now());
        let origin = error.origin().map_or("", |it| it.as_ref());
        if lost {
            tracing::error!(%error, origin, items, "log records were refused for good, and are lost");
        } else {
            tracing::warn!(%error, origin, items, "log records are not taken: trying again");
        }
    }
}
