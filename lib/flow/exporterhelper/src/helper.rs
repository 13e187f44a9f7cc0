//! What stands in front of an exporter: stores, sends from several workers, answers, counts and logs.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use component::config::Duration as GoDuration;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, ExporterSettings, Host,
    Id, Next, RetryConfig, Signal, Storage, async_trait,
};

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::Batch;
use crate::files::Files;
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::sender::{Sender, Until};
use crate::spans::Spans;

/// What the log advises when data was given up that retries would have saved.
const TRY_RETRY: &str =
    " Try enabling retry_on_failure config option to retry on retryable errors.";
/// What the log advises when data was given up that a queue would have kept.
const TRY_QUEUE: &str = " Try enabling sending_queue to survive temporary failures.";

/// Longest time that a shutdown waits for the answer to a request that is on disk, and would be sent again.
const STORED_GRACE: Duration = Duration::from_secs(5);
/// Pause before a full queue is asked again to take over what is left.
const HAND_OVER_PAUSE: Duration = Duration::from_millis(100);

/// Queue, batch, retry and timeout in front of one exporter and signal. Without any of them it passes calls
/// through and counts.
pub struct Helper {
    exporter: Id,
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
    let on_disk = queue.as_ref().is_some_and(|it| it.storage.is_some());
    let retry = retry.filter(|it| it.enabled).map(|it| if on_disk { without_end(it) } else { it });
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
        exporter: settings.id.clone(),
        signal,
        sender,
        queue,
        advice,
        stopping: OnceLock::new(),
        successor: OnceLock::new(),
        replaced: CancellationToken::new(),
    })
}

/// Ends when a shutdown has waited long enough for the answer to something that is on disk anyway.
async fn kept(stopping: &CancellationToken) {
    stopping.cancelled().await;
    tokio::time::sleep(STORED_GRACE).await;
}

/// What is on disk takes no memory, and may wait for as long as the backend is away: the limit that nobody has chosen
/// does not hold for it.
fn without_end(mut retry: RetryConfig) -> RetryConfig {
    if retry.max_elapsed_time == RetryConfig::default().max_elapsed_time {
        retry.max_elapsed_time = GoDuration::ZERO;
    }
    retry
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
            () = kept(&stopping), if queue.disk.is_some() => return,
        };
        let result = match result {
            Err(error) if queue.disk.is_some() => self.account_stored(&batch, error, &stopping),
            result => {
                let _ = result.as_ref().inspect_err(|it| self.account(&batch, it, &stopping));
                result
            }
        };
        batch.answer(&result);
    }

    /// Counts and logs what is deleted from the disk without having arrived; whatever ends the attempts from outside
    /// leaves it there.
    fn account_stored(
        &self,
        batch: &Batch,
        error: ConsumeError,
        stopping: &CancellationToken,
    ) -> Result<(), ConsumeError> {
        let (items, metrics) = (batch.items(), &self.sender.metrics);
        if !error.is_permanent() && (stopping.is_cancelled() || self.is_replaced()) {
            info!(%error, items, "Exporting was interrupted. The data stays in the queue on disk, and is sent again.");
            return Err(error);
        }
        let lost =
            if error.is_permanent() { &metrics.lost_rejected } else { &metrics.lost_expired };
        lost.add(items as u64);
        let advice = &self.advice;
        error!(%error, dropped_items = items, "Exporting failed. Dropping data.{advice}");
        Err(ConsumeError::permanent(error.message().to_owned()))
    }

    /// Sends, or hands over what it could not send before it was replaced.
    async fn send(
        &self,
        ctx: &Context,
        data: Data,
        is_wanted: impl Fn() -> bool + Send + Sync,
    ) -> Result<(), ConsumeError> {
        if let Some(successor) = self.heir() {
            return self.hand_over(successor, ctx, data, is_wanted).await;
        }
        let (stopping, again) = (self.stopping(), data.clone());
        let until = Until { stopping: &stopping, replaced: &self.replaced, is_wanted: &is_wanted };
        let sent = self.sender.send(ctx, data, until).await;
        match (sent, self.heir()) {
            (Err(error), Some(successor)) if !error.is_permanent() && is_wanted() => {
                self.hand_over(successor, ctx, again, is_wanted).await
            }
            (sent, _) => sent,
        }
    }

    /// Who takes what was not sent; nobody where the successor will find it on disk.
    fn heir(&self) -> Option<&Next> {
        let disk = self.queue.as_ref().and_then(|it| it.disk.as_ref());
        self.successor.get().filter(|_| !disk.is_some_and(|it| it.is_awaited()))
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

    /// Opens the files of a queue on disk, and keeps them.
    async fn open(self: &Arc<Self>, queue: &Queue, host: &Host) -> Result<(), BoxError> {
        let Some((storage, disk, keeper)) = queue.on_disk(self.signal) else { return Ok(()) };
        let (storage, exporter) = (host.uses::<dyn Storage>(storage)?, self.exporter.clone());
        let files = Files { storage, exporter, signal: self.signal, disk: Arc::clone(disk) };
        let opened = files.open(host).await?;
        let waiting = opened.is_none().then(|| host.ownership());
        let (helper, own) = (Arc::clone(self), host.clone());
        host.spawn(async move {
            let opened = match (opened, waiting) {
                (None, Some(ownership)) => tokio::select! {
                    opened = files.follow(ownership, &own) => Some(opened),
                    () = own.stopping().cancelled() => None,
                },
                (opened, _) => opened,
            };
            let close = || helper.queue.iter().for_each(Queue::close);
            let kept = match opened {
                Some(opened) => opened.keep(keeper, &helper.replaced, close).await,
                None => Ok(()),
            };
            helper.queue.iter().for_each(Queue::abandon);
            kept
        });
        Ok(())
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
        self.open(queue, host).await?;
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
                queue.keep_time(&stopping).await;
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
