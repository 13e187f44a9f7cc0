//! Attempts for the part of a request that the backend did not take for now.

use std::time::Duration;

use component::{ConsumeError, Context, ExporterSettings, LostReason, Meter};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::error;

/// How long, and how often.
#[derive(Debug, Clone)]
pub struct Pauses {
    /// Wait before the second attempt; doubled from one to the next, and spread by half.
    pub initial: Duration,
    /// Longest wait.
    pub max: Duration,
    /// Further attempts; `None` is as many as fit into [`Pauses::time_max`].
    pub attempts_max: Option<u32>,
    /// From the first attempt on.
    pub time_max: Duration,
}

/// The attempts of one request.
pub struct Attempts<'a> {
    pauses: &'a Pauses,
    stopping: &'a CancellationToken,
    begun: Instant,
    made: u32,
}

impl<'a> Attempts<'a> {
    /// The first is made at once.
    pub fn new(pauses: &'a Pauses, stopping: &'a CancellationToken) -> Self {
        Self { pauses, stopping, begun: Instant::now(), made: 0 }
    }

    /// Waits for the next one; false when there is none.
    pub async fn wait(&mut self) -> bool {
        let doubled = self.pauses.initial.saturating_mul(1 << self.made.min(16));
        let pause = doubled.min(self.pauses.max).mul_f64(0.5 + fastrand::f64());
        self.made += 1;
        let is_over = self.pauses.attempts_max.is_some_and(|max| self.made > max)
            || self.begun.elapsed() + pause > self.pauses.time_max;
        if is_over || self.stopping.is_cancelled() {
            return false;
        }
        tokio::select! {
            () = self.stopping.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

/// What becomes of the items that are left when there is no further attempt.
#[derive(Debug)]
pub struct Rest {
    exporter: String,
    meter: Meter,
}

impl Rest {
    /// For one exporter.
    pub fn new(settings: &ExporterSettings) -> Self {
        Self { exporter: settings.id.to_string(), meter: settings.meter.clone() }
    }

    /// Who can read the data again is told to, and sends with them what the backend has taken already: twice is better than
    /// never. For others the items are lost, and counted.
    ///
    /// # Errors
    /// For those who can read again.
    pub fn given_up(
        &self,
        ctx: &Context,
        items: usize,
        why: &ConsumeError,
        stopping: &CancellationToken,
    ) -> Result<(), ConsumeError> {
        if ctx.wants_delivered() {
            return Err(why.clone());
        }
        let reason = if stopping.is_cancelled() {
            LostReason::ShutdownDeadline
        } else {
            LostReason::ExpiredRetry
        };
        self.lose(items, reason, why);
        Ok(())
    }

    /// Counts and logs items that are gone.
    pub fn lose(&self, items: usize, reason: LostReason, why: &ConsumeError) {
        reason.counter(&self.meter).add(items as u64);
        let (exporter, reason) = (&self.exporter, reason.name());
        error!(exporter, error = %why, dropped_items = items, reason, "Part of a request did not arrive. Dropping it.");
    }
}
