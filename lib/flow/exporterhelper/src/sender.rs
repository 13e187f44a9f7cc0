//! One request until it has arrived or is given up: attempts, each with a timeout, and waits between them.

use std::time::Duration;

use component::config::Duration as GoDuration;
use component::meter::Gauge;
use component::{ConsumeError, Context, Data, Next, RetryConfig};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::backoff::Backoff;
use crate::metrics::Metrics;
use crate::spans::Spans;

/// Sends requests, one at a time per call.
pub(crate) struct Sender {
    pub(crate) inner: Next,
    /// Longest time of one attempt.
    pub(crate) timeout: Option<Duration>,
    /// `None` when a failed attempt is final.
    pub(crate) retry: Option<RetryConfig>,
    pub(crate) metrics: Metrics,
    pub(crate) spans: Spans,
}

impl Sender {
    /// The final answer. `is_wanted` is asked before each further attempt; once `stopping`, there is only
    /// one more, and once `replaced` none.
    pub(crate) async fn send(
        &self,
        ctx: &Context,
        data: Data,
        stopping: &CancellationToken,
        replaced: &CancellationToken,
        is_wanted: impl Fn() -> bool + Send,
    ) -> Result<(), ConsumeError> {
        let items = data.items() as u64;
        let _in_flight = InFlight::new(&self.metrics.in_flight);
        let mut span = self.spans.export(ctx);
        let below = span.as_ref().map(|it| ctx.below(it));
        let ctx = below.as_ref().unwrap_or(ctx);
        let result = match &self.retry {
            Some(config) => self.retry(config, ctx, data, stopping, replaced, is_wanted).await,
            None => self.attempt(ctx, data).await,
        };
        if let Some(span) = &mut span {
            span.count("items.sent", if result.is_ok() { items } else { 0 });
            span.count("items.failed", if result.is_ok() { 0 } else { items });
            let _ = result.as_ref().inspect_err(|error| span.fail(error));
        }
        self.metrics.sent.add(if result.is_ok() { items } else { 0 });
        if let Err(error) = &result {
            self.metrics.send_failed(items, error, stopping.is_cancelled());
        }
        result
    }

    async fn retry(
        &self,
        config: &RetryConfig,
        ctx: &Context,
        data: Data,
        stopping: &CancellationToken,
        replaced: &CancellationToken,
        is_wanted: impl Fn() -> bool + Send,
    ) -> Result<(), ConsumeError> {
        let (start, mut backoff) = (Instant::now(), Backoff::new(config));
        loop {
            let was_stopping = stopping.is_cancelled();
            let Err(error) = self.attempt(ctx, data.clone()).await else { return Ok(()) };
            if error.is_permanent() {
                return Err(error.within("not retryable error"));
            }
            if was_stopping {
                return Err(error.within("interrupted due to shutdown"));
            }
            if replaced.is_cancelled() {
                return Err(error.within("the exporter was replaced"));
            }
            if !is_wanted() {
                return Err(error.within("nobody waits for the answer"));
            }
            let wait = backoff.next(start.elapsed(), error.retry_after(), fastrand::f64());
            let Some(wait) = wait else { return Err(error.within("no more retries left")) };
            let interval =
                GoDuration::from_nanos(i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX));
            info!(%error, %interval, "Exporting failed. Will retry the request after interval.");
            tokio::select! {
                biased;
                () = replaced.cancelled() => return Err(error),
                () = tokio::time::sleep(wait) => {}
                () = stopping.cancelled() => {}
            }
        }
    }

    async fn attempt(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let Some(timeout) = self.timeout else { return self.inner.consume(ctx, data).await };
        match tokio::time::timeout(timeout, self.inner.consume(ctx, data)).await {
            Ok(result) => result,
            Err(_) => Err(ConsumeError::retryable(format!(
                "no answer within the timeout of {timeout:?}: context deadline exceeded"
            ))),
        }
    }
}

/// Counts a request while it is being sent, however that ends.
struct InFlight<'a>(&'a Gauge);

impl<'a> InFlight<'a> {
    fn new(gauge: &'a Gauge) -> Self {
        gauge.add(1);
        Self(gauge)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}
