//! Joins telemetry into larger requests, and splits what is too large.
//!
//! It is the exporter's batching ([`exporterhelper::Buffer`]) with the processor's historic keys. A push is
//! answered as soon as its data waits here; a caller that can read its data again is answered when every
//! batch with a part of it has been delivered. So batches of the latter go on side by side, while those
//! of pushes alone go one after another, in order, as upstream's do.

mod config;
mod metrics;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use component::config::Duration as GoDuration;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Host, Next, Place, Problems,
    Processor, ProcessorSettings, Signal, Sizer, Stability, async_trait,
};
use exporterhelper::{Buffer, Claim, Onward, Partitioner, Request, Rules, Values};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

pub use config::Config;
use metrics::Metrics;

/// Most combinations of metadata values that wait at the same time, where `metadata_cardinality_limit` allows for more.
const PARTITIONS_MAX: usize = 10_000;
/// Most batches of replayable data that are on their way at the same time.
const IN_FLIGHT_MAX: usize = 64;

/// The processor.
pub struct Batch {
    signal: Signal,
    onward: Onward,
    buffer: Buffer,
    partitioner: Partitioner,
    combinations_max: usize,
    combinations: Mutex<HashSet<Values>>,
    /// Batches that may be ready before callers have to wait.
    ready_max: usize,
    metrics: Metrics,
}

impl Processor for Batch {
    type Config = Config;
    type Plan = Config;
    const TYPE: &'static str = "batch";
    const COUNTED: bool = false;
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Beta),
        (Signal::Metrics, Stability::Beta),
        (Signal::Logs, Stability::Beta),
    ];

    fn plan(config: Config, _found: &mut Problems) -> Option<Config> {
        Some(config)
    }

    fn create(settings: ProcessorSettings, config: Arc<Config>, next: Next) -> Self {
        let metrics = Metrics::new(&settings);
        let partitioner = Partitioner::new(&config.metadata_keys);
        if partitioner.is_single() {
            metrics.cardinality.add(1);
        }
        let at_once = config.timeout == GoDuration::ZERO;
        let rules = Rules {
            timeout: config.timeout.std(),
            sizer: Sizer::Items,
            min_size: if at_once { 0 } else { config.send_batch_size as usize },
            max_size: config.send_batch_max_size as usize,
            partitioner: partitioner.clone(),
            partitions_max: PARTITIONS_MAX,
        };
        let onward = Onward::new(next, &settings.meter, "Sender failed");
        Self {
            signal: settings.signal,
            buffer: Buffer::new(Some(rules), onward.lost_at_shutdown().clone()),
            onward,
            partitioner,
            combinations_max: config.metadata_cardinality_limit as usize,
            combinations: Mutex::default(),
            // As upstream's channel between callers and sender.
            ready_max: std::thread::available_parallelism().map_or(1, usize::from),
            metrics,
        }
    }
}

impl Batch {
    /// The partition of a request, if there may be one more.
    fn partition(&self, ctx: &Context) -> Result<Values, ConsumeError> {
        let values = self.partitioner.values(ctx);
        if self.partitioner.is_single() {
            return Ok(values);
        }
        let mut known = self.combinations.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(&values) {
            if self.combinations_max != 0 && self.combinations_max <= known.len() {
                return Err(ConsumeError::permanent(
                    "too many batcher metadata-value combinations",
                ));
            }
            known.insert(values.clone());
            self.metrics.cardinality.add(1);
        }
        Ok(values)
    }

    /// Sends until the buffer is closed and empty.
    async fn send_all(&self) {
        let mut sending = FuturesUnordered::new();
        let mut in_order = false;
        let mut last = Place::default();
        last.keep();
        loop {
            // Where no queue stores it, the next one leaves after the answer for the one before: as upstream.
            let may_follow = !in_order && last.is_kept() && sending.len() < IN_FLIGHT_MAX;
            tokio::select! {
                biased;
                Some(()) = sending.next() => in_order = in_order && !sending.is_empty(),
                () = last.kept(), if !last.is_kept() => {}
                batch = self.buffer.take(), if may_follow => {
                    let Some(batch) = batch else { break };
                    in_order = !batch.is_claimed();
                    last = Place::default();
                    sending.push(self.send(batch, last.clone()));
                }
            }
        }
        while sending.next().await.is_some() {}
    }

    async fn send(&self, mut batch: exporterhelper::Batch, place: Place) {
        if !batch.is_wanted() {
            return place.keep();
        }
        let data = batch.data(self.signal);
        self.metrics.sent(batch.trigger(), data.items(), data.bytes());
        self.onward.send(batch, data, Some(place)).await;
    }
}

/// The gauge counts the partitions of all instances that live.
impl Drop for Batch {
    fn drop(&mut self) {
        let known = self.combinations.get_mut().unwrap_or_else(PoisonError::into_inner).len();
        let own = if self.partitioner.is_single() { 1 } else { known };
        self.metrics.cardinality.add(-i64::try_from(own).unwrap_or(i64::MAX));
    }
}

#[async_trait]
impl Component for Batch {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        self.onward.start(host);
        let stopping = host.stopping().clone();
        let (sender, clock) = (Arc::clone(&self), self);
        host.spawn(async move {
            sender.send_all().await;
            Ok(())
        });
        host.spawn(async move {
            clock.buffer.keep_time(&stopping).await;
            Ok(())
        });
        Ok(())
    }

    /// What could not be sent within the grace is counted as lost.
    async fn shutdown(&self) -> Result<(), BoxError> {
        self.buffer.clear();
        Ok(())
    }
}

#[async_trait]
impl Consumer for Batch {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        if data.is_empty() {
            return Ok(());
        }
        let partition = self.partition(ctx)?;
        self.buffer.room(self.ready_max).await;
        let (claim, waiting) = ctx.wants_delivered().then(Claim::new).unzip();
        let (ctx_own, room, age) = (ctx.clone(), None, None);
        let request = Request { ctx: ctx_own, data, claim, room, age, partition };
        if let Err(request) = self.buffer.push(request) {
            // It has been replaced while this call was on its way, and gathers nothing any more.
            return self.onward.next().consume(ctx, request.data).await;
        }
        ctx.keep_place();
        match waiting {
            Some(waiting) => waiting.answer().await,
            None => Ok(()),
        }
    }
}
