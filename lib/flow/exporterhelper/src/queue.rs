//! The queue: how much may be in it, and who waits for what.
//!
//! A request takes [`Room`], and gives it back when it has been answered, not when it leaves the buffer, so that
//! `queue_size` bounds what is being sent, too. In memory the permits travel with the request (`Request::room`) and
//! are given back by being dropped, whatever becomes of it; on disk they are given back when it is deleted.
//!
//! Callers differ by what they want. One that wants `Accepted` is answered as soon as its request is stored, and
//! refused when there is no room (its client has its own backoff). One that wants `Delivered` can read its data
//! again and must not lose it: it waits for room, then for its claim. Nothing is refused to it for its size. On disk
//! both are answered when the request is stored there ([`crate::keeper`] says what that means).

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use component::clock::unix_nanos;
use component::meter::Shape;
use component::{
    BatchConfig, ConsumeError, Context, Data, ExporterSettings, Id, QueueConfig, Signal, Sizer,
};
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};
use tokio_util::sync::CancellationToken;

use crate::age::Ages;
use crate::disk::{COME_AGAIN, Disk};
use crate::keeper::Keeper;
use crate::metrics::{BatchSizes, DISK_SIZE, Metrics, OLDEST_AGE, queue_capacity, queue_size};
use crate::policy::Policy;
use crate::room::Room;
use crate::{Buffer, Claim, Partitioner, Request, Rules, Waiting};

/// How often a queue that is emptied is looked at.
const IDLE_CHECK: Duration = Duration::from_millis(20);

/// Bounded by `queue_size`, which counts what is queued and what is being sent.
pub(crate) struct Queue {
    config: QueueConfig,
    pub(crate) buffer: Arc<Buffer>,
    room: Arc<Room>,
    /// Of a queue with `storage`.
    pub(crate) disk: Option<Arc<Disk>>,
    partitioner: Partitioner,
    policy: Policy,
    ages: Arc<Ages>,
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
        let room = Arc::new(Room::new(usize::try_from(config.queue_size).unwrap_or(1)));
        let attributes = [("exporter", settings.id.as_str()), ("data_type", signal.name())];
        let alive = Arc::downgrade(&room);
        let size = move || Some(alive.upgrade()?.used() as f64);
        settings.meter.observe(Shape::Gauge, queue_size(*config.sizer), &attributes, size);
        let alive = Arc::downgrade(&room);
        let read = move || Some(alive.upgrade()?.capacity() as f64);
        settings.meter.observe(Shape::Gauge, queue_capacity(*config.sizer), &attributes, read);
        let ages = Arc::new(Ages::default());
        let alive = Arc::downgrade(&ages);
        let oldest = move || Some(alive.upgrade()?.oldest_seconds());
        settings.meter.observe(Shape::Gauge, OLDEST_AGE, &attributes, oldest);
        let disk =
            config.storage.as_ref().map(|_| Arc::new(Disk::new(&room, &ages, *config.sizer)));
        if let Some(disk) = &disk {
            let alive = Arc::downgrade(disk);
            let bytes = move || Some(alive.upgrade()?.bytes() as f64);
            settings.meter.observe(Shape::Gauge, DISK_SIZE, &attributes, bytes);
        }
        let buffer = Arc::new(Buffer::new(rules, metrics.lost_at_shutdown.clone()));
        let batches = config.batch.get().map(|_| BatchSizes::new(settings));
        let policy = Policy { overflow: config.overflow(), lost: metrics.lost_by_policy.clone() };
        Self { config, buffer, room, disk, partitioner, policy, ages, metrics, batches }
    }

    /// Of one with `storage`: the name of that, and who is to have its files.
    pub(crate) fn on_disk(&self, signal: Signal) -> Option<(&Id, &Arc<Disk>, Keeper)> {
        let ready_max = usize::try_from(self.config.num_consumers).unwrap_or(1);
        let (disk, partitioner) = (self.disk.as_ref()?, self.partitioner.clone());
        let policy = self.policy.clone();
        let keeper = Keeper::new(disk, &self.buffer, partitioner, policy, signal, ready_max);
        Some((self.config.storage.as_ref()?, disk, keeper))
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
        let stored = match (self.admit(ctx, &data).await, &self.disk) {
            (Err(error), _) => Err(error),
            // Dropped, as the configuration says.
            (Ok(None), _) => Ok(None),
            (Ok(Some(room)), None) => self.store(ctx, data, room),
            (Ok(Some(room)), Some(disk)) => match disk.put(ctx, data, room) {
                // Whoever answers is gone when the collector stops.
                Some(stored) => stored.await.unwrap_or_else(|_| Err(stopped())).map(|()| None),
                None => Err(stopped()),
            },
        };
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
        let age = Some(self.ages.begin(unix_nanos()));
        let request = Request { ctx: ctx.clone(), data, claim, room: Some(room), age, partition };
        match self.buffer.push(request) {
            Ok(()) => {
                ctx.keep_place();
                Ok(waiting)
            }
            Err(_) => Err(stopped()),
        }
    }

    /// A caller that can read its data again waits for room; others do when the configuration says so. `None` when the
    /// data is dropped.
    async fn admit(
        &self,
        ctx: &Context,
        data: &Data,
    ) -> Result<Option<OwnedSemaphorePermit>, ConsumeError> {
        let size = match *self.config.sizer {
            Sizer::Requests => 1,
            Sizer::Items => data.items(),
            Sizer::Bytes => data.bytes(),
        };
        if !self.room.fits(size) && !ctx.wants_delivered() {
            return Err(ConsumeError::retryable("element size too large"));
        }
        if ctx.wants_delivered() || self.config.block_on_overflow {
            return self.room.acquire(size).await.map(Some).map_err(|_| stopped());
        }
        loop {
            match self.room.try_acquire(size) {
                Ok(room) => return Ok(Some(room)),
                Err(TryAcquireError::Closed) => return Err(stopped()),
                Err(TryAcquireError::NoPermits) => {}
            }
            if self.policy.drops_newest() && !self.config.wait_for_result {
                self.policy.count(data.items());
                return Ok(None);
            }
            if self.policy.drops_oldest() && self.disk.is_some() {
                // Who has the files drops, in order, when this is stored.
                return self.room.none().map(Some).map_err(|_| stopped());
            }
            if !self.policy.drops_oldest() || !self.policy.drop_oldest(&self.buffer, false) {
                let full = ConsumeError::retryable("sending queue is full");
                return Err(full.after(COME_AGAIN));
            }
        }
    }

    /// Waits until nothing is in it.
    pub(crate) async fn idle(&self) {
        // Acquiring everything would take the room from those who still come.
        while self.room.used() > 0 {
            tokio::time::sleep(IDLE_CHECK).await;
        }
    }

    /// Wakes those who send when a batch is due, until nothing more comes.
    pub(crate) async fn keep_time(&self, stopping: &CancellationToken) {
        let Some(disk) = &self.disk else {
            self.buffer.keep_time(stopping).await;
            return self.close();
        };
        // What is on disk may have to be sent on before the buffer is closed.
        let close = async {
            stopping.cancelled().await;
            self.close();
            pending::<()>().await;
        };
        tokio::select! {
            () = self.buffer.keep_time(&disk.ended) => {}
            () = close => {}
        }
    }

    /// Its files are given up.
    pub(crate) fn abandon(&self) {
        self.room.close();
        self.buffer.close();
        self.disk.iter().for_each(|it| it.abandon());
    }

    /// Takes nothing more.
    pub(crate) fn close(&self) {
        self.room.close();
        match &self.disk {
            // The keeper says what becomes of what is in the buffer.
            Some(disk) => disk.close(),
            None => self.buffer.close(),
        }
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
        partitions_max: size(batch.partition.partitions_max()),
    }
}
