//! `processors:` of own traces and logs: a queue each, and a task that sends what is in it.

use std::time::Duration;

use component::{BuildInfo, Data, Signal};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::export::{Exporter, LAST_TIMEOUT};
use super::readers::PushExporterConfig;
use crate::registry::Registry;

/// One of `processors:`, of traces and of logs: either key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct ProcessorConfig {
    /// Sends many at once.
    pub batch: Option<BatchConfig>,
    /// Sends one at a time.
    pub simple: Option<SimpleConfig>,
}

/// `batch:`. Times in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct BatchConfig {
    /// Longest time that a span waits. Default 5000, of logs 1000.
    pub schedule_delay: Option<i64>,
    /// Longest time of one export. Default 30000.
    pub export_timeout: Option<i64>,
    /// More are dropped. Default 2048.
    pub max_queue_size: Option<i64>,
    /// So many leave at once. Default 512.
    pub max_export_batch_size: Option<i64>,
    /// Required.
    pub exporter: PushExporterConfig,
}

/// `simple:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct SimpleConfig {
    /// Required.
    pub exporter: PushExporterConfig,
}

/// Sends what is queued, in batches.
pub(super) struct Sender<T> {
    queue: mpsc::Receiver<T>,
    delay: Duration,
    timeout: Duration,
    size: usize,
    exporter: Exporter,
    encode: Box<dyn Fn(&[T]) -> Data + Send + Sync>,
}

impl<T: Send + 'static> Sender<T> {
    /// `delay` is what `schedule_delay` is by default, in milliseconds.
    pub(super) fn new(
        config: &ProcessorConfig,
        signal: Signal,
        delay: i64,
        (registry, build): (&Registry, &BuildInfo),
        encode: impl Fn(&[T]) -> Data + Send + Sync + 'static,
    ) -> Result<(mpsc::Sender<T>, Self), String> {
        let simple = |it: &SimpleConfig| BatchConfig {
            schedule_delay: Some(1),
            max_export_batch_size: Some(1),
            exporter: it.exporter.clone(),
            ..BatchConfig::default()
        };
        let batch = match (&config.batch, &config.simple) {
            (Some(_), Some(_)) => Err("must not specify multiple processor types".to_owned()),
            (Some(batch), None) => Ok(batch.clone()),
            (None, Some(it)) => Ok(simple(it)),
            (None, None) => {
                Err("unsupported processor type, must be one of simple or batch".to_owned())
            }
        }?;
        let or = |it: Option<i64>, default: i64| {
            it.filter(|it| *it > 0).unwrap_or(default).unsigned_abs()
        };
        let count = |it, default| usize::try_from(or(it, default)).unwrap_or(usize::MAX);
        let (sender, queue) = mpsc::channel(count(batch.max_queue_size, 2048));
        let it = Self {
            queue,
            delay: Duration::from_millis(or(batch.schedule_delay, delay)),
            timeout: Duration::from_millis(or(batch.export_timeout, 30_000)),
            size: count(batch.max_export_batch_size, 512),
            exporter: Exporter::new(&batch.exporter, signal, registry, build)?,
            encode: Box::new(encode),
        };
        Ok((sender, it))
    }

    pub(super) async fn start(&self) -> Result<(), String> {
        self.exporter.start().await
    }

    /// Until `stopping`; then what is left is sent.
    pub(super) async fn run(mut self, stopping: CancellationToken) {
        let mut batch = Vec::with_capacity(self.size);
        let mut open = true;
        while open && !stopping.is_cancelled() {
            let due = Instant::now() + self.delay;
            while open && batch.len() < self.size {
                let room = self.size - batch.len();
                tokio::select! {
                    received = self.queue.recv_many(&mut batch, room) => open = received > 0,
                    () = tokio::time::sleep_until(due) => break,
                    () = stopping.cancelled() => open = false,
                }
            }
            if open && !batch.is_empty() {
                self.exporter.send((self.encode)(&batch), self.timeout, &stopping).await;
                batch.clear();
            }
        }
        self.queue.close();
        while let Ok(item) = self.queue.try_recv() {
            batch.push(item);
        }
        let rest = async {
            for batch in batch.chunks(self.size) {
                self.exporter.send((self.encode)(batch), self.timeout, &stopping).await;
            }
        };
        // What nobody takes in time is gone with the process.
        let _ = tokio::time::timeout(LAST_TIMEOUT, rest).await;
        self.exporter.stop().await;
    }
}
