//! Hands chunks on, each in a task of its own, and tries again until there is an answer that lasts. Each pipeline is
//! called on its own: what one has taken is not sent to it again because another one has refused it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use component::meter::Counter;
use component::{
    ConsumeError, Context, Data, Host, LostReason, Meter, Outputs, Place, Received, Signal, clock,
};
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::FileKey;
use crate::lanes::{Lane, Lanes};
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
    lanes: Lanes,
    /// Chunks that wait for the one before them.
    following: AtomicUsize,
    retry: Retry,
    received: Received,
    /// What it sends was received by another reader before.
    is_second: AtomicBool,
    rejected: Counter,
    expired: Counter,
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
            lanes: Lanes::new(out),
            following: AtomicUsize::new(0),
            retry,
            received: Received::new(meter, receiver, "", Signal::Logs),
            is_second: AtomicBool::new(false),
            rejected: LostReason::RejectedByBackend.counter(meter),
            expired: LostReason::ExpiredRetry.counter(meter),
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
        let lanes = shared.lanes.now();
        self.host.spawn(async move {
            shared.follow(&after).await;
            let calls = lanes.iter().zip(place.branches(lanes.len())).map(async |(lane, place)| {
                let ctx = Context { flush, place: Some(place.clone()), ..Context::delivered() };
                let answer = tokio::select! {
                    answer = shared.deliver(lane, &ctx, data.clone(), &stopping) => answer,
                    () = lane.left.cancelled() => Answer::Left,
                };
                place.keep();
                answer
            });
            let answers = join_all(calls).await;
            let settled = !answers.contains(&Answer::Withdrawn);
            if settled && !answers.contains(&Answer::Lost) {
                shared.count(|it| it.accepted(data.items() as u64));
            }
            place.keep();
            // Fails when the reader has given up waiting, and then nobody wants to know.
            let _ = done.send(Done { ranges, bytes, settled }).await;
            Ok(())
        });
    }

    /// Another reader has received this before, and counted it.
    pub(crate) fn is_second(&self) {
        self.shared.is_second.store(true, Relaxed);
    }

    /// The pipelines behind this reader.
    pub(crate) fn lanes(&self) -> &Lanes {
        &self.shared.lanes
    }

    /// True when chunks wait for earlier ones for the sake of order.
    pub(crate) fn is_following(&self) -> bool {
        self.shared.following.load(Relaxed) > 0
    }

    /// Withdraws the calls that have no answer yet.
    pub(crate) fn abandon(&self) {
        self.shared.abandon.cancel();
    }
}

/// What became of a chunk in one pipeline.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Taken,
    Lost,
    /// It is read again after a restart.
    Withdrawn,
    /// Another reader sends it.
    Left,
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
        if after.iter().all(Place::is_kept) {
            return;
        }
        self.following.fetch_add(1, Relaxed);
        let all = async {
            for place in after {
                place.kept().await;
            }
        };
        tokio::select! {
            _ = tokio::time::timeout(ORDER_WAIT_MAX, all) => {}
            () = self.abandon.cancelled() => {}
        }
        self.following.fetch_sub(1, Relaxed);
    }

    async fn deliver(
        &self,
        lane: &Lane,
        ctx: &Context,
        data: Data,
        stopping: &CancellationToken,
    ) -> Answer {
        let _given = lane.give(data.bytes());
        let started = Instant::now();
        let items = data.items() as u64;
        let mut wait = self.retry.initial;
        loop {
            let answer = tokio::select! {
                answer = lane.out.consume(ctx, data.clone()) => answer,
                () = self.abandon.cancelled() => return Answer::Withdrawn,
            };
            let Err(error) = answer else {
                lane.recovered.notify_waiters();
                return Answer::Taken;
            };
            self.count(|it| it.refused(items));
            if error.is_permanent() {
                self.rejected.add(items);
                self.complain(&error, items, Fate::Rejected);
                return Answer::Lost;
            }
            let waits = spread(wait).max(error.retry_after().unwrap_or_default());
            if self.retry.give_up_after.is_some_and(|it| it < started.elapsed() + waits) {
                self.expired.add(items);
                self.complain(&error, items, Fate::Expired);
                return Answer::Lost;
            }
            self.complain(&error, items, Fate::SentAgain);
            tokio::select! {
                () = stopping.cancelled() => return Answer::Withdrawn,
                () = pause(lane, waits, error.retry_after().unwrap_or_default(), &self.retry) => {}
            }
            wait = wait.mul_f64(BACKOFF).min(self.retry.max);
        }
    }

    fn count(&self, what: impl FnOnce(&Received)) {
        if !self.is_second.load(Relaxed) {
            what(&self.received);
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

/// Waits, but not longer than the first wait once another chunk has passed.
async fn pause(lane: &Lane, wait: Duration, asked: Duration, retry: &Retry) {
    let recovered = lane.recovered.notified();
    let least = wait.min(retry.initial).max(asked);
    tokio::time::sleep(least).await;
    tokio::select! {
        () = recovered => {}
        () = tokio::time::sleep(wait.saturating_sub(least)) => {}
    }
}

fn spread(wait: Duration) -> Duration {
    // Only the times of retries depend on it, so the clock's last digits are random enough.
    let unit = (clock::unix_nanos() % 1000) as f64 / 1000.0;
    wait.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * unit)
}
