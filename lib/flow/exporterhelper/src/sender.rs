//! One request until it has arrived or is given up: attempts, each with a timeout, and waits between them.

use std::time::Duration;

use component::config::Duration as GoDuration;
use component::meter::Gauge;
use component::{Backoff, ConsumeError, Context, Data, Next, RetryConfig};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::metrics::Metrics;
use crate::spans::Spans;

/// Longest wait that a backend may ask for. A longer one is a mistake, or would park the data for ever.
const ASKED_MAX: Duration = Duration::from_secs(300);
/// Most parts one after another that the backend does not take. After that it is not their size that it refuses, and
/// each of the rest would be one more useless request.
const ALONE_MAX: usize = 16;

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

/// What ends the attempts of a request before it has arrived.
#[derive(Clone, Copy)]
pub(crate) struct Until<'a> {
    /// Once cancelled, there is only one more attempt.
    pub(crate) stopping: &'a CancellationToken,
    /// Once cancelled, there is none.
    pub(crate) replaced: &'a CancellationToken,
    /// Asked before each further attempt.
    pub(crate) is_wanted: &'a (dyn Fn() -> bool + Send + Sync),
}

impl Sender {
    /// The final answer. A request that the backend refuses as too large is sent in parts.
    pub(crate) async fn send(
        &self,
        ctx: &Context,
        data: Data,
        until: Until<'_>,
    ) -> Result<(), ConsumeError> {
        let _in_flight = InFlight::new(&self.metrics.in_flight);
        let result = self.send_whole(ctx, data.clone(), until).await;
        match result {
            Err(error) if error.is_too_large() && data.items() > 1 => {
                warn!(
                    %error,
                    items = data.items(),
                    bytes = data.bytes(),
                    "The backend refused a request as too large. It is sent again in smaller parts. Lower the batch size."
                );
                self.send_parts(ctx, data, until).await
            }
            result => self.counted(data.items(), result, until),
        }
    }

    /// Sends the halves of what was too large, and of them the halves, in order. What the backend does not take by
    /// itself is dropped and counted, so that the rest arrives. When nothing arrives, the answer is an error.
    async fn send_parts(
        &self,
        ctx: &Context,
        data: Data,
        until: Until<'_>,
    ) -> Result<(), ConsumeError> {
        let (items, mut too_large) = (data.items(), data.bytes());
        let mut parts = halves(data);
        let (mut arrived, mut alone, mut dropped) = (0, 0, Vec::new());
        while let Some(part) = parts.pop() {
            // What is as large as a part that was refused would be refused as well.
            if part.items() > 1 && part.bytes() >= too_large {
                parts.extend(halves(part));
                continue;
            }
            match self.send_whole(ctx, part.clone(), until).await {
                Ok(()) => {
                    (arrived, alone) = (arrived + part.items(), 0);
                    self.metrics.sent.add(part.items() as u64);
                }
                Err(error) if error.is_too_large() && part.items() > 1 => {
                    too_large = part.bytes();
                    parts.extend(halves(part));
                }
                Err(error) if error.is_permanent() => {
                    alone += 1;
                    dropped.push((part.items(), error));
                    if alone == ALONE_MAX {
                        break;
                    }
                }
                Err(error) => return self.counted(items - arrived, Err(error), until),
            }
        }
        let left: usize = parts.iter().map(Data::items).sum();
        if arrived == 0
            && let Some((_, error)) = dropped.pop()
        {
            return self.counted(items, Err(error), until);
        }
        if let (1.., Some((more, _))) = (left, dropped.last_mut()) {
            *more += left;
        }
        dropped.iter().for_each(|(items, error)| self.drop_part(*items, error, until));
        Ok(())
    }

    /// Counts and logs what the backend does not take.
    fn drop_part(&self, dropped_items: usize, error: &ConsumeError, until: Until<'_>) {
        let metrics = &self.metrics;
        let alone = error.is_too_large() && dropped_items == 1;
        let lost = if alone { &metrics.lost_oversize } else { &metrics.lost_rejected };
        lost.add(dropped_items as u64);
        metrics.send_failed(dropped_items as u64, error, until.stopping.is_cancelled());
        error!(%error, dropped_items, "Exporting failed. Dropping data.");
    }

    fn counted(
        &self,
        items: usize,
        result: Result<(), ConsumeError>,
        until: Until<'_>,
    ) -> Result<(), ConsumeError> {
        let items = items as u64;
        match &result {
            Ok(()) => self.metrics.sent.add(items),
            Err(error) => {
                // A series is there from the first answer on, also if it is a failure.
                self.metrics.sent.add(0);
                self.metrics.send_failed(items, error, until.stopping.is_cancelled());
            }
        }
        result
    }

    /// Sends a request with retries.
    async fn send_whole(
        &self,
        ctx: &Context,
        data: Data,
        until: Until<'_>,
    ) -> Result<(), ConsumeError> {
        let items = data.items() as u64;
        let mut span = self.spans.export(ctx);
        let below = span.as_ref().map(|it| ctx.below(it));
        let ctx = below.as_ref().unwrap_or(ctx);
        let result = match &self.retry {
            Some(config) => self.retry(config, ctx, data, until).await,
            None => self.attempt(ctx, data).await,
        };
        if let Some(span) = &mut span {
            span.count("items.sent", if result.is_ok() { items } else { 0 });
            span.count("items.failed", if result.is_ok() { 0 } else { items });
            let _ = result.as_ref().inspect_err(|error| span.fail(error));
        }
        result
    }

    async fn retry(
        &self,
        config: &RetryConfig,
        ctx: &Context,
        data: Data,
        until: Until<'_>,
    ) -> Result<(), ConsumeError> {
        let Until { stopping, replaced, is_wanted } = until;
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
                return Err(error.within("nobody waits for the answer any more"));
            }
            let asked = error.retry_after();
            if let Some(asked) = asked.filter(|it| *it > ASKED_MAX) {
                warn!(
                    asked = %GoDuration::of(asked),
                    "The backend asks for a wait of more than 5 minutes. It is tried again after 5 minutes."
                );
            }
            let asked = asked.map(|it| it.min(ASKED_MAX));
            let wait = backoff.next(start.elapsed(), asked, fastrand::f64());
            let Some(wait) = wait else { return Err(error.within("no more retries left")) };
            let interval = GoDuration::of(wait);
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

/// The two halves, the first one last: it is taken first.
fn halves(data: Data) -> Vec<Data> {
    let half = data.items().div_ceil(2).max(1);
    let mut parts = data.split_items(half);
    parts.reverse();
    parts
}
