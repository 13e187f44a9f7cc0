//! The way on for processors that answer before their data has gone on: who answers early has to offer it again where the
//! next step asks for that, tell those who wait, and count what is lost.

use std::sync::OnceLock;

use component::config::Duration as GoDuration;
use component::meter::Counter;
use component::{
    Backoff, ConsumeError, Context, Data, Host, LostReason, Meter, Next, Place, RetryConfig,
};
use tokio::time::Instant;
use tracing::warn;

use crate::Batch;

/// Longest time for which what was accepted is offered to a next step that asks for a retry. Upstream's processors
/// drop it at once.
const RETRY_SECS_MAX: i64 = 30;

/// The next step of a pipeline, and what has to be known about it.
pub struct Onward {
    next: Next,
    retry: RetryConfig,
    /// What the log says of data that is given up, in upstream's words.
    complaint: &'static str,
    lost_rejected: Counter,
    lost_expired: Counter,
    lost_at_shutdown: Counter,
    host: OnceLock<Host>,
}

impl Onward {
    /// In front of `next`.
    pub fn new(next: Next, meter: &Meter, complaint: &'static str) -> Self {
        let retry = RetryConfig {
            initial_interval: GoDuration::from_millis(100),
            max_interval: GoDuration::from_secs(5),
            max_elapsed_time: GoDuration::from_secs(RETRY_SECS_MAX),
            ..RetryConfig::default()
        };
        Self {
            next,
            retry,
            complaint,
            lost_rejected: LostReason::RejectedByBackend.counter(meter),
            lost_expired: LostReason::ExpiredRetry.counter(meter),
            lost_at_shutdown: LostReason::ShutdownDeadline.counter(meter),
            host: OnceLock::new(),
        }
    }

    /// To be told when the component starts, so that a shutdown ends the waits.
    pub fn start(&self, host: &Host) {
        self.host.get_or_init(|| host.clone());
    }

    /// The step itself.
    pub fn next(&self) -> &Next {
        &self.next
    }

    /// Counts what was accepted and is still here at the end of a shutdown: what [`Batch::new`] wants.
    pub fn lost_at_shutdown(&self) -> &Counter {
        &self.lost_at_shutdown
    }

    /// Hands on what was in a batch, and answers for it.
    pub async fn send(&self, batch: Batch, data: Data, place: Option<Place>) {
        let ctx = Context { place, ..batch.context() };
        let result = tokio::select! {
            biased;
            result = self.offer(&ctx, data, batch.items_accepted() > 0) => result,
            () = self.unwanted(&batch) => return ctx.keep_place(),
        };
        ctx.keep_place();
        let accepted = batch.items_accepted();
        if let (Err(error), 1..) = (&result, accepted) {
            let lost = match (error.is_permanent(), self.is_stopping()) {
                (true, _) => &self.lost_rejected,
                (false, true) => &self.lost_at_shutdown,
                (false, false) => &self.lost_expired,
            };
            lost.add(accepted as u64);
            warn!(%error, dropped_items = accepted, "{}", self.complaint);
        }
        batch.answer(&result);
    }

    /// What nobody else can send again is offered again for a while.
    async fn offer(&self, ctx: &Context, data: Data, again: bool) -> Result<(), ConsumeError> {
        let (start, mut backoff) = (Instant::now(), Backoff::new(&self.retry));
        loop {
            let was_stopping = self.is_stopping();
            let Err(error) = self.next.consume(ctx, data.clone()).await else { return Ok(()) };
            if error.is_permanent() || !again || was_stopping {
                return Err(error);
            }
            // The senders wait meanwhile, each with its own dice: no need to spread.
            let wait = backoff.next(start.elapsed(), error.retry_after(), 0.5);
            let Some(wait) = wait else { return Err(error) };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stopped() => {}
            }
        }
    }

    /// The collector stops: there is no more time. One that was only replaced has all it needs.
    fn is_stopping(&self) -> bool {
        self.host.get().is_some_and(|it| it.stopping().is_cancelled() && !it.is_leaving())
    }

    /// Ends when the collector stops and everybody who had a part in the batch has left.
    async fn unwanted(&self, batch: &Batch) {
        match self.host.get() {
            Some(host) if !host.is_leaving() => batch.unwanted(host.stopping()).await,
            _ => std::future::pending().await,
        }
    }

    async fn stopped(&self) {
        match self.host.get() {
            Some(host) if !host.is_leaving() => host.stopping().cancelled().await,
            _ => std::future::pending().await,
        }
    }
}
