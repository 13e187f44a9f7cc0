//! Attempts for the part of a request that the backend did not take for now.

use std::time::Duration;

use component::meter::{Descriptor, Level, OURS};
use component::{Backoff, ConsumeError, Context, ExporterSettings, LostReason, Meter, RetryConfig};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::error;

/// What a backend refuses of a request that it takes otherwise.
const REFUSED: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_exporter_refused_items",
    unit: "{item}",
    description: "Spans, data points or log records that the backend refused one by one, by its reason.",
};

/// How long, and how often.
#[derive(Debug, Clone)]
pub struct Pauses {
    /// The waits, and when they end.
    pub retry: RetryConfig,
    /// Further attempts; `None` is as many as fit into `retry.max_elapsed_time`.
    pub attempts_max: Option<u32>,
}

impl Pauses {
    /// As the section says; none if it is off.
    pub fn of(retry: RetryConfig) -> Self {
        Self { attempts_max: (!retry.enabled).then_some(0), retry }
    }
}

/// The attempts of one request.
pub struct Attempts<'a> {
    attempts_max: Option<u32>,
    backoff: Backoff<'a>,
    stopping: &'a CancellationToken,
    begun: Instant,
    made: u32,
}

impl<'a> Attempts<'a> {
    /// The first is made at once.
    pub fn new(pauses: &'a Pauses, stopping: &'a CancellationToken) -> Self {
        let backoff = Backoff::new(&pauses.retry);
        let attempts_max = pauses.attempts_max;
        Self { attempts_max, backoff, stopping, begun: Instant::now(), made: 0 }
    }

    /// Waits for the next one, and as long as the backend has asked for; false when there is none.
    pub async fn wait(&mut self, asked: Option<Duration>) -> bool {
        self.made += 1;
        let is_over = self.attempts_max.is_some_and(|max| self.made > max);
        let pause = self.backoff.next(self.begun.elapsed(), asked, fastrand::f64());
        let Some(pause) = pause.filter(|_| !is_over && !self.stopping.is_cancelled()) else {
            return false;
        };
        tokio::select! {
            () = self.stopping.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

/// What becomes of the items that do not arrive with the others.
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

    /// Whose they are.
    pub fn exporter(&self) -> &str {
        &self.exporter
    }

    /// Counts items that the backend refused for good, by its reason, of which there may be few different ones.
    pub fn refused(&self, items: usize, reason: &str) {
        let labels = [("exporter", self.exporter.as_str()), ("reason", reason)];
        self.meter.counter(REFUSED, &labels).add(items as u64);
        LostReason::RejectedByBackend.counter(&self.meter).add(items as u64);
    }

    /// Counts and logs items that the backend refused for good.
    pub fn lose_refused(&self, items: usize, why: &ConsumeError) {
        let reason =
            if why.is_too_large() { LostReason::Oversize } else { LostReason::RejectedByBackend };
        self.lose(items, reason, why);
    }

    /// Counts and logs items that are gone.
    pub fn lose(&self, items: usize, reason: LostReason, why: &ConsumeError) {
        reason.counter(&self.meter).add(items as u64);
        let (exporter, reason) = (&self.exporter, reason.name());
        error!(exporter, error = %why, dropped_items = items, reason, "Part of a request did not arrive. Dropping it.");
    }
}
