//! What stands in front of an exporter: stores, sends from several workers, answers, counts and logs.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, ExporterSettings, Host,
    Next, Signal, async_trait,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::Batch;
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::sender::{Sender, Until};
use crate::spans::Spans;

/// What the log advises when data was given up that retries would have saved.
const TRY_RETRY: &str =
    " Try enabling retry_on_failure config option to retry on retryable errors.";
/// What the log advises when data was given up that a queue would have kept.
const TRY_QUEUE: &str = " Try enabling sending_queue to survive temporary failures.";

/// Pause before a full queue is asked again to take over what is left.
const HAND_OVER_PAUSE: Duration = Duration::from_millis(100);

/// Queue, batch, retry and timeout in front of one exporter and signal. Without any of them it passes calls
/// through and counts.
pub struct Helper {
    signal: Signal,
    sender: Sender,
    queue: Option<Queue>,
    advice: String,
    stopping: OnceLock<CancellationToken>,
    /// Who takes what is left here, once this exporter has been replaced.
    successor: OnceLock<Next>,
    replaced: CancellationToken,
}

/// Puts a [`Helper`] in front of `inner`.
pub fn in_front_of(settings: &ExporterSettings, delivery: Delivery, inner: Next) -> Arc<Helper> {
    let signal = settings.signal;
    let Delivery { timeout, retry, queue } = delivery;
    let metrics = Metrics::new(settings, signal);
    let has_retry = retry.is_some();
    let retry = retry.filter(|it| it.enabled);
    let advice = match (has_retry, &retry, &queue) {
        // Exporters without these sections have nothing to enable.
        (false, ..) => String::new(),
        (true, None, None) => format!("{TRY_RETRY}{TRY_QUEUE}"),
        (true, None, Some(_)) => TRY_RETRY.to_owned(),
        (true, Some(_), None) => TRY_QUEUE.to_owned(),
        (true, Some(_), Some(_)) => String::new(),
    };
    let queue = queue.map(|config| Queue::new(config, settings, signal, metrics.clone()));
    let timeout = Some(timeout.std()).filter(|it| !it.is_zero());
    let spans = Spans::new(settings, signal);
    let sender = Sender { inner, timeout, retry, metrics, spans };
    Arc::new(Helper {
        signal,
        sender,
        queue,
        advice,
        stopping: OnceLock::new(),
        successor: OnceLock::new(),
        replaced: CancellationToken::new(),
    })
}

impl Helper {
    async fn work(&self, queue: &Queue) {
        while let Some(batch) = queue.buffer.take().await {
            // Callers that have left will read their data again, or gave it up.
            if batch.is_wanted() {
                self.deliver(queue, batch).await;
            }
        }
    }

    async fn deliver(&self, queue: &Queue, mut batch: Batch) {
        let (ctx, data) = (batch.context(), batch.data(self.signal));
        if let Some(sizes) = &queue.batches {
            sizes.sent(data.items(), data.bytes());
        }
        let stopping = self.stopping();
        let result = tokio::select! {
            biased;
            result = self.send(&ctx, data, || batch.is_wanted()) => result,
            () = batch.unwanted(&stopping) => return,
        };
        if let Err(error) = &result {
            self.account(&batch, error, &stopping);
        }
        batch.answer(&result);
    }

    /// Sends, or hands over what it could not send before it was replaced.
    async fn send(
        &self,
        ctx: &Context,
        data: Data,
        is_wanted: impl Fn() -> bool + Send + Sync,
    ) -> Result<(), ConsumeError> {
        if let Some(successor) = self.successor.get() {
            return self.hand_over(successor, ctx, data, is_wanted).await;
        }
        let (stopping, again) = (self.stopping(), data.clone());
        let until = Until { stopping: &stopping, replaced: &self.replaced, is_wanted: &is_wanted };
        let sent = self.sender.send(ctx, data, until).await;
        match (sent, self.successor.get()) {
            (Err(error), Some(successor)) if !error.is_permanent() && is_wanted() => {
                self.hand_over(successor, ctx, again, is_wanted).await
            }
            (sent, _) => sent,
        }
    }

    /// The successor's queue may be full for a while. The service says how long is long enough.
    async fn hand_over(
        &self,
        successor: &Next,
        ctx: &Context,
        data: Data,
        is_wanted: impl Fn() -> bool + Send + Sync,
    ) -> Result<(), ConsumeError> {
        loop {
            match successor.consume(ctx, data.clone()).await {
                Err(error) if !error.is_permanent() && is_wanted() => {
                    tokio::time::sleep(HAND_OVER_PAUSE).await;
                }
                answer => return answer,
            }
        }
    }

    /// Another exporter has its place: what is queued goes there, and what comes.
    pub fn replace(&self, successor: Next) {
        // Replaced once: the second finds the first.
        let _ = self.successor.set(successor);
        self.replaced.cancel();
    }

    /// True when another exporter has its place.
    pub fn is_replaced(&self) -> bool {
        self.replaced.is_cancelled()
    }

    /// Waits until nothing is queued or being sent.
    pub async fn idle(&self) {
        if let Some(queue) = &self.queue {
            queue.idle().await;
        }
    }

    /// Counts and logs a batch that did not arrive: what was accepted is lost, what is claimed goes back.
    fn account(&self, batch: &Batch, error: &ConsumeError, stopping: &CancellationToken) {
        let (accepted, metrics) = (batch.items_accepted(), &self.sender.metrics);
        let claimed = batch.items() - accepted;
        if accepted > 0 {
            let lost = match (error.is_permanent(), stopping.is_cancelled()) {
                (true, _) => &metrics.lost_rejected,
                (false, true) => &metrics.lost_at_shutdown,
                (false, false) => &metrics.lost_expired,
            };
            lost.add(accepted as u64);
            let advice = &self.advice;
            error!(%error, dropped_items = accepted, "Exporting failed. Dropping data.{advice}");
        }
        if claimed > 0 && error.is_permanent() {
            self.log_rejected(error, claimed);
        } else if claimed > 0 {
            warn!(
                %error,
                returned_items = claimed,
                "Exporting failed. Returning data to its receiver, which keeps it and tries again."
            );
        }
    }

    fn log_rejected(&self, error: &ConsumeError, rejected_items: usize) {
        error!(%error, rejected_items, "Exporting failed. Rejecting data.{}", self.advice);
    }

    fn stopping(&self) -> CancellationToken {
        self.stopping.get().cloned().unwrap_or_default()
    }
}

#[async_trait]
impl Component for Helper {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let stopping = self.stopping.get_or_init(|| host.stopping().clone()).clone();
        let Some(queue) = &self.queue else { return Ok(()) };
        queue.check()?;
        for _ in 0..queue.workers() {
            let helper = Arc::clone(&self);
            host.spawn(async move {
                if let Some(queue) = &helper.queue {
                    helper.work(queue).await;
                }
                Ok(())
            });
        }
        let helper = Arc::clone(&self);
        host.spawn(async move {
            if let Some(queue) = &helper.queue {
                queue.buffer.keep_time(&stopping).await;
                queue.close();
            }
            Ok(())
        });
        Ok(())
    }

    /// What no worker could send within the grace is counted as lost.
    async fn shutdown(&self) -> Result<(), BoxError> {
        if let Some(queue) = &self.queue {
            queue.close();
            queue.buffer.clear();
        }
        Ok(())
    }
}

#[async_trait]
impl Consumer for Helper {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        if let Some(successor) = self.successor.get() {
            return successor.consume(ctx, data).await;
        }
        let items = data.items();
        let rejected = |error: &ConsumeError| self.log_rejected(error, items);
        let Some(queue) = &self.queue else {
            let result = self.send(ctx, data, || true).await;
            return result.inspect_err(rejected);
        };
        let mut span = self.sender.spans.enqueue(ctx);
        let offered = queue.offer(ctx, data).await;
        if let (Some(span), Err(error)) = (&mut span, &offered) {
            span.fail(error);
        }
        drop(span);
        match offered.inspect_err(rejected)? {
            // Whoever sent it has logged what failed.
            Some(waiting) => waiting.answer().await,
            None => Ok(()),
        }
    }
}
