//! Gathers the spans of each trace for a while, and then asks policies whether the trace is kept. All spans of a trace have
//! to come to the same collector.
//!
//! A push is answered as soon as its spans are held; a caller that can read its data again is answered when all of its
//! traces have been decided about, and what was kept has been delivered. One task decides about what is due and hands on what
//! is kept; callers only put spans in and wait for room, so that one that gives up takes nothing with it.

mod check;
mod config;
mod metrics;
mod plan;
mod policies;
mod rate;
mod sampler;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use component::config::Duration as GoDuration;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Host, Meter, Next, Problems,
    Processor, ProcessorSettings, Signal, Stability, async_trait,
};
use exporterhelper::{Claim, Onward};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use pdata::{Depth, Field, ValueRef};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use check::TraceId;
pub use config::Config;
use metrics::Metrics;
pub use plan::Plan;
use policies::Policies;
use rate::Moment;
use sampler::{Outgoing, Part, Sampler};

/// Most traces that are on their way at the same time, and most that wait to be, before callers wait.
const SENDING_MAX: usize = 64;

/// The feature gate with which scopes say which policy kept their trace.
const RECORD_POLICY: &str = "processor.tailsamplingprocessor.recordpolicy";
/// The feature gate with which spans are counted by policy.
const COUNT_SPANS: &str = "processor.tailsamplingprocessor.metricstatcountspanssampled";

/// The processor.
pub struct TailSampling {
    sampler: Mutex<Sampler>,
    onward: Onward,
    plan: Arc<Plan>,
    meter: Meter,
    /// Something is ready, or due sooner than what was due before.
    changed: Notify,
    /// Something was decided about, or taken.
    room: Notify,
}

impl Processor for TailSampling {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "tail_sampling";
    const COUNTED: bool = false;
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Traces, Stability::Beta)];

    fn plan(config: Config, found: &mut Problems) -> Option<Plan> {
        Some(Plan::new(config, found))
    }

    fn create(settings: ProcessorSettings, plan: Arc<Plan>, next: Next) -> Self {
        let ProcessorSettings { id, meter, .. } = settings;
        let onward = Onward::new(next, &meter, "Error sending spans to destination");
        let config = &plan.config;
        let stops_at_first = config.sample_on_first_match || config.at_ingest();
        let policies = Policies::new(&plan.rules, stops_at_first, id.name(), &meter);
        let lost = onward.lost_at_shutdown().clone();
        let sampler = Mutex::new(Sampler::new(config, policies, Metrics::new(&meter), lost));
        Self { sampler, onward, plan, meter, changed: Notify::new(), room: Notify::new() }
    }
}

#[async_trait]
impl Component for TailSampling {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        self.onward.start(host);
        for gate in host.view().gates.iter().filter(|it| it.is_on) {
            match gate.id {
                RECORD_POLICY => self.sampler().record_policy(),
                COUNT_SPANS => self.sampler().policies().count_spans(&self.meter),
                _ => {}
            }
        }
        let stopping = host.stopping().clone();
        host.spawn(async move {
            self.run(&stopping).await;
            Ok(())
        });
        Ok(())
    }

    /// What could not be sent within the grace is counted as lost.
    async fn shutdown(&self) -> Result<(), BoxError> {
        self.sampler().clear();
        Ok(())
    }
}

#[async_trait]
impl Consumer for TailSampling {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let (claim, waiting) = ctx.wants_delivered().then(Claim::new).unzip();
        let parts = self.parts(data);
        self.wait_for_room().await;
        for (id, has_root, data) in parts {
            let claim = claim.as_ref().map(Claim::another);
            self.put(Part { id, data, claim, has_root }).await;
        }
        if let Some(claim) = claim {
            claim.answer(&Ok(()));
        }
        // Traces have no order.
        ctx.keep_place();
        if self.sampler().is_closed() {
            // It has been replaced while this call was on its way: nobody else sends any more.
            self.send_ready().await;
        }
        match waiting {
            Some(waiting) => waiting.answer().await,
            None => Ok(()),
        }
    }
}

impl TailSampling {
    fn sampler(&self) -> MutexGuard<'_, Sampler> {
        self.sampler.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A payload by trace, and whether a root span is there, if that matters. Policies that are asked when spans come are
    /// asked about each resource on its own, as upstream.
    fn parts(&self, data: Data) -> Vec<(TraceId, bool, Data)> {
        let resources = if self.plan.config.at_ingest() {
            let mut at = 0_usize;
            let by_resource = data.partition(Depth::Resource, |_| {
                at += 1;
                at
            });
            by_resource.into_iter().map(|it| it.1).collect()
        } else {
            vec![data]
        };
        let looks_for_root = self.plan.config.decision_wait_after_root_received > GoDuration::ZERO;
        let traces = resources.into_iter().flat_map(|data| {
            data.partition(Depth::Item, |place| {
                let id = place.get(Field::SPAN_TRACE_ID, &[]).ok().flatten();
                let id = id.and_then(ValueRef::as_bytes).unwrap_or_default();
                TraceId::try_from(id).unwrap_or_default()
            })
        });
        traces
            .filter(|(_, data)| !data.is_empty())
            .map(|(id, data)| (id, looks_for_root && has_root(&data), data))
            .collect()
    }

    /// Waits while much is ready that nobody has taken.
    async fn wait_for_room(&self) {
        loop {
            let room = self.room.notified();
            {
                let sampler = self.sampler();
                if sampler.ready() < SENDING_MAX || sampler.is_closed() {
                    return;
                }
            }
            room.await;
        }
    }

    /// Puts spans in, and waits for room as long as there is none.
    async fn put(&self, mut part: Part) {
        loop {
            let room = self.room.notified();
            let result = {
                let mut sampler = self.sampler();
                let (before, held) = ((sampler.ready(), sampler.next_due()), sampler.held());
                let result = sampler.receive(Moment::now(), part);
                if (sampler.ready(), sampler.next_due()) != before {
                    self.changed.notify_one();
                }
                // With these spans the trace became too large, or a policy has decided about it.
                if sampler.held() < held {
                    self.room.notify_waiters();
                }
                result
            };
            match result {
                Ok(()) => return,
                Err(back) => part = back,
            }
            room.await;
        }
    }

    /// Decides about what is due and hands on what is ready, until the component stops; then about all that is held.
    async fn run(&self, stopping: &CancellationToken) {
        let mut sending = FuturesUnordered::new();
        loop {
            while sending.len() < SENDING_MAX
                && let Some(outgoing) = self.take()
            {
                sending.push(self.send(outgoing));
            }
            let may_decide = sending.len() < SENDING_MAX;
            let due = self.sampler().next_due().filter(|_| may_decide);
            tokio::select! {
                biased;
                Some(()) = sending.next() => {}
                () = stopping.cancelled() => break,
                () = self.changed.notified() => {}
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.decide(),
            }
        }
        let drops_pending = self.plan.config.drop_pending_traces_on_shutdown;
        self.sampler().close(Moment::now(), drops_pending);
        self.room.notify_waiters();
        while let Some(outgoing) = self.take() {
            sending.push(self.send(outgoing));
            if sending.len() >= SENDING_MAX {
                sending.next().await;
            }
        }
        while sending.next().await.is_some() {}
    }

    /// Decides about what is due, until enough of it is ready.
    fn decide(&self) {
        let now = Moment::now();
        // The lock is free between two traces, so that callers get their turn.
        while self.decide_one(now) {}
        self.sampler().metrics().decision_ms.record(now.at.elapsed().as_secs_f64() * 1000.0);
        self.room.notify_waiters();
    }

    /// False if nothing is due, or much is ready.
    fn decide_one(&self, now: Moment) -> bool {
        let mut sampler = self.sampler();
        sampler.ready() < SENDING_MAX && sampler.decide_due(now)
    }

    fn take(&self) -> Option<Outgoing> {
        let outgoing = self.sampler().take()?;
        self.room.notify_waiters();
        Some(outgoing)
    }

    async fn send_ready(&self) {
        while let Some(outgoing) = self.take() {
            self.send(outgoing).await;
        }
    }

    async fn send(&self, (batch, data): Outgoing) {
        self.onward.send(batch, data, None).await;
    }
}

/// Whether a span without parent is there.
fn has_root(data: &Data) -> bool {
    let Data::Traces(traces) = data else { return false };
    traces.spans().any(|span| span.parent_span_id().iter().all(|it| *it == 0))
}
