//! The in-memory queue: how much may be in it, and who waits for what.
//!
//! Its size is a semaphore: a request takes as many permits as it is large, and gives them back when it has
//! been answered, not when it leaves the buffer, so that `queue_size` bounds what is being sent, too. The permits
//! travel with the request (`Request::room`) and are given back by being dropped, whatever becomes of it.
//!
//! Callers differ by what they want. One that wants `Accepted` is answered as soon as its request is stored, and
//! refused when there is no room (its client has its own backoff). One that wants `Delivered` can read its data
//! again and must not lose it: it waits for room, then for its claim. Nothing is refused to it for its size.

use std::sync::Arc;
use std::time::Duration;

use component::meter::Shape;
use component::{
    BatchConfig, BoxError, ConsumeError, Context, Data, ExporterSettings, QueueConfig, Signal,
    Sizer,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::metrics::{BatchSizes, Metrics, queue_capacity, queue_size};
use crate::{Buffer, Claim, Partitioner, Request, Rules, Waiting};

/// How often a queue that is emptied is looked at.
const IDLE_CHECK: Duration = Duration::from_millis(20);
/// When a client may come again that found no room: the Collector leaves it to the client's own backoff.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// Bounded by `queue_size`, which counts what is queued and what is being sent.
pub(crate) struct Queue {
    config: QueueConfig,
    pub(crate) buffer: Arc<Buffer>,
    room: Arc<Semaphore>,
    capacity: usize,
    partitioner: Partitioner,
    metrics: Metrics,
    /// Of a queue that makes batches.
    pub(crate) batches: Option<BatchSizes>,
}

impl Queue {
    pub(crate) fn new(
        config: QueueConfig,
        settings: &ExporterSettings,
        signal: Signal,
        metrics: Metrics,
    ) -> Self {
        let rules = config.batch.get().map(|batch| rules(batch, *config.sizer));
        let partitioner = rules.as_ref().map(|it| it.partitioner.clone()).unwrap_or_default();
        let capacity = usize::try_from(config.queue_size).unwrap_or(1);
        let capacity = capacity.clamp(1, Semaphore::MAX_PERMITS);
        let room = Arc::new(Semaphore::new(capacity));
        let attributes = [("exporter", settings.id.as_str()), ("data_type", signal.name())];
        let free = Arc::downgrade(&room);
        let size = move || Some((capacity - free.upgrade()?.available_permits()) as f64);
        settings.meter.observe(Shape::Gauge, queue_size(*config.sizer), &attributes, size);
        let alive = Arc::downgrade(&room);
        let read = move || alive.upgrade().map(|_| capacity as f64);
        settings.meter.observe(Shape::Gauge, queue_capacity(*config.sizer), &attributes, read);
        let buffer = Arc::new(Buffer::new(rules, metrics.lost_at_shutdown.clone()));
        let batches = config.batch.get().map(|_| BatchSizes::new(settings));
        Self { config, buffer, room, capacity, partitioner, metrics, batches }
    }

    /// Refuses what this queue cannot do.
    pub(crate) fn check(&self) -> Result<(), BoxError> {
        match &self.config.storage {
            // The door for the queue on disk: it stands in the place of `Buffer`.
            Some(storage) => Err(component::on_disk(storage).into()),
            None => Ok(()),
        }
    }

    pub(crate) fn workers(&self) -> i64 {
        self.config.num_consumers
    }

    /// Stores the data. A caller that needs to know gets something to wait for.
    pub(crate) async fn offer(
        &self,
        ctx: &Context,
        data: Data,
    ) -> Result<Option<Waiting>, ConsumeError> {
        let items = data.items();
        if items == 0 {
            return Ok(None);
        }
        self.metrics.enqueued(items, data.bytes());
        let stored = self.admit(ctx, &data).await.and_then(|room| self.store(ctx, data, room));
        stored.inspect_err(|_| self.metrics.enqueue_failed.add(items as u64))
    }

    fn store(
        &self,
        ctx: &Context,
        data: Data,
        room: OwnedSemaphorePermit,
    ) -> Result<Option<Waiting>, ConsumeError> {
        let waits = ctx.wants_delivered() || self.config.wait_for_result;
        let (claim, waiting) = waits.then(Claim::new).unzip();
        let partition = self.partitioner.values(ctx);
        let request = Request { ctx: ctx.clone(), data, claim, room: Some(room), partition };
        match self.buffer.push(request) {
            Ok(()) => {
                ctx.keep_place();
                Ok(waiting)
            }
            Err(_) => Err(stopped()),
        }
    }

    /// A caller that can read its data again waits for room; others do when the configuration says so.
    async fn admit(
        &self,
        ctx: &Context,
        data: &Data,
    ) -> Result<OwnedSemaphorePermit, ConsumeError> {
        let size = match *self.config.sizer {
            Sizer::Requests => 1,
            Sizer::Items => data.items(),
            Sizer::Bytes => data.bytes(),
        };
        if self.capacity.min(u32::MAX as usize) < size && !ctx.wants_delivered() {
            return Err(ConsumeError::retryable("element size too large"));
        }
        // What is larger than the whole queue takes all of it: it travels alone.
        let (room, size) =
            (Arc::clone(&self.room), u32::try_from(size.min(self.capacity)).unwrap_or(u32::MAX));
        if ctx.wants_delivered() || self.config.block_on_overflow {
            return room.acquire_many_owned(size).await.map_err(|_| stopped());
        }
        room.try_acquire_many_owned(size).map_err(|error| match error {
            TryAcquireError::NoPermits => {
                ConsumeError::retryable("sending queue is full").after(COME_AGAIN)
            }
            TryAcquireError::Closed => stopped(),
        })
    }

    /// Waits until nothing is in it.
    pub(crate) async fn idle(&self) {
        // Acquiring everything would take the room from those who still come.
        while self.room.available_permits() < self.capacity {
            tokio::time::sleep(IDLE_CHECK).await;
        }
    }

    /// Takes nothing more.
    pub(crate) fn close(&self) {
        self.room.close();
        self.buffer.close();
    }
}

fn stopped() -> ConsumeError {
    ConsumeError::retryable(
        "sending queue is stopped: the collector shuts down, send the data again",
    )
    .after(COME_AGAIN)
}

fn rules(batch: &BatchConfig, queue: Sizer) -> Rules {
    let size = |it: i64| usize::try_from(it).unwrap_or(0);
    Rules {
        timeout: batch.flush_timeout.std(),
        sizer: batch.sizer(queue),
        min_size: size(batch.min_size),
        max_size: size(batch.max_size),
        partitioner: Partitioner::new(&batch.partition.metadata_keys),
    }
}
