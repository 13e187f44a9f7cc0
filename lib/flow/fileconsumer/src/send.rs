//! Hands chunks on, each in a task of its own, and tries again until there is an answer that lasts.

use std::sync::Arc;
use std::time::Duration;

use component::meter::Counter;
use component::{
    ConsumeError, Context, Data, Host, LostReason, Meter, Outputs, Place, Received, Signal, clock,
};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::FileKey;
use crate::limit::OncePer;
use crate::settings::Retry;
use crate::watermark::Ticket;

/// Each wait is this much longer than the one before. `cenkalti/backoff`, as upstream.
const BACKOFF: f64 = 1.5;
/// Each wait is spread over plus and minus this part of it, as upstream.
const SPREAD: f64 = 0.5;

/// How long a chunk waits for the one before it.
const ORDER_WAIT_MAX: Duration = Duration::from_secs(30);

/// Most chunks in flight. A batch that fills in 200 ms still gets more than a thousand chunks a second.
pub(crate) const CALLS_MAX: usize = 256;

/// The ranges that one chunk covers.
pub(crate) type Ranges = Vec<(FileKey, Ticket)>;

/// Records to be delivered.
pub(crate) struct Chunk {
    pub data: Data,
    pub ranges: Ranges,
    pub bytes: usize,
    /// Those of the chunks before it with something of the same files.
    pub after: Vec<Place>,
    pub place: Place,
    /// Nobody on its way may wait for more.
    pub flush: bool,
}

/// A chunk has its answer.
pub(crate) struct Done {
    pub ranges: Ranges,
    pub bytes: usize,
    /// False when it was withdrawn: the ranges stay open and are read again after a restart.
    pub settled: bool,
}

/// Sends for one receiver.
pub(crate) struct Sender {
    host: Host,
    shared: Arc<Shared>,
    done: mpsc::Sender<Done>,
}

struct Shared {
    out: Outputs,
    retry: Retry,
    received: Received,
    rejected: Counter,
    expired: Counter,
    /// Somebody has delivered: those who wait may try again.
    recovered: Notify,
    complaints: OncePer,
    /// Ends calls that did not end within the grace.
    abandon: CancellationToken,
}

impl Sender {
    /// The answers come through the channel, one per call of [`send`](Self::send);
    /// there may be [`CALLS_MAX`] calls without one.
    pub(crate) fn new(
        host: Host,
        out: Outputs,
        retry: Retry,
        meter: &Meter,
        receiver: &str,
    ) -> (Self, mpsc::Receiver<Done>) {
        let shared = Shared {
            out,
            retry,
            received: Received::new(meter, receiver, "", Signal::Logs),
            rejected: LostReason::RejectedByBackend.counter(meter),
            expired: LostReason::ExpiredRetry.counter(meter),
            recovered: Notify::new(),
            complaints: OncePer::default(),
            abandon: CancellationToken::new(),
        };
        let (done, answers) = mpsc::channel(CALLS_MAX);
        (Self { host, shared: Arc::new(shared), done }, answers)
    }

    /// Delivers a chunk; the answer names its ranges.
    pub(crate) fn send(&self, chunk: Chunk) {
        let Chunk { data, ranges, bytes, after, place, flush } = chunk;
        let (shared, done) = (Arc::clone(&self.shared), self.done.clone());
        let stopping = self.host.stopping().clone();
        self.host.spawn(async move {
            shared.follow(&after).await;
            let ctx = Context { flush, place: Some(place.clone()), ..Context::delivered() };
            let settled = shared.deliver(&ctx, data, &stopping).await;
            place.keep();
            // Fails when the reader has given up waiting, and then nobody wants to know.
            let _ = done.send(Done { ranges, bytes, settled }).await;
            Ok(())
        });
    }

    /// Withdraws the calls that have no answer yet.
    pub(crate) fn abandon(&self) {
        self.shared.abandon.cancel();
    }
}

/// What becomes of records that were refused.
#[derive(Clone, Copy)]
enum Fate {
    Rejected,
    Expired,
    SentAgain,
}

impl Fate {
    fn text(self) -> &'static str {
        match self {
            Fate::Rejected => "records were refused for good and are lost",
            Fate::Expired => "records were refused until max_elapsed_time and are lost",
            Fate::SentAgain => "records were refused and are sent again; nothing is lost",
        }
    }
}

impl Shared {
    /// Waits until what was sent before has arrived, or stands in a queue. When that takes too long, order is
    /// given up: one request without an answer must not stop a file.
    async fn follow(&self, after: &[Place]) {
        let all = async {
            for place in after {
                place.kept().await;
            }
        };
        tokio::select! {
            _ = tokio::time::timeout(ORDER_WAIT_MAX, all) => {}
            () = self.abandon.cancelled() => {}
        }
    }

    async fn deliver(&self, ctx: &Context, data: Data, stopping: &CancellationToken) -> bool {
        let started = Instant::now();
        let items = data.items() as u64;
        let mut wait = self.retry.initial;
        loop {
            let answer = tokio::select! {
                answer = self.out.consume(ctx, data.clone()) => answer,
                () = self.abandon.cancelled() => return false,
            };
            let Err(error) = answer else {
                self.received.accepted(items);
                self.recovered.notify_waiters();
                return true;
            };
            self.received.refused(items);
            if error.is_permanent() {
                self.rejected.add(items);
                self.complain(&error, items, Fate::Rejected);
                return true;
            }
            let waits = spread(wait).max(error.retry_after().unwrap_or_default());
            if self.retry.give_up_after.is_some_and(|it| it < started.elapsed() + waits) {
                self.expired.add(items);
                self.complain(&error, items, Fate::Expired);
                return true;
            }
            self.complain(&error, items, Fate::SentAgain);
            tokio::select! {
                () = stopping.cancelled() => return false,
                () = self.pause(waits, error.retry_after()) => {}
            }
            wait = wait.mul_f64(BACKOFF).min(self.retry.max);
        }
    }

    /// Waits, but not longer than the first wait once another chunk has passed.
    async fn pause(&self, wait: Duration, asked: Option<Duration>) {
        let recovered = self.recovered.notified();
        let least = wait.min(self.retry.initial).max(asked.unwrap_or_default());
        tokio::time::sleep(least).await;
        tokio::select! {
            () = recovered => {}
            () = tokio::time::sleep(wait.saturating_sub(least)) => {}
        }
    }

    fn complain(&self, error: &ConsumeError, items: u64, fate: Fate) {
        let what = fate.text();
        if self.complaints.allows(what) {
            let origin = error.origin().map_or("", |it| it.as_ref());
            match fate {
                Fate::Rejected | Fate::Expired => {
                    tracing::error!(%error, origin, items, "{what}");
                }
                Fate::SentAgain => tracing::warn!(%error, origin, items, "{what}"),
            }
        }
    }
}

fn spread(wait: Duration) -> Duration {
    // Only the times of retries depend on it, so the clock's last digits are random enough.
    let unit = (clock::unix_nanos() % 1000) as f64 / 1000.0;
    wait.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * unit)
}
