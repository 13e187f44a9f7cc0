//! The pipelines behind a reader, each with what it was given and has not answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use component::{Outputs, PipelineId, Signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// One pipeline.
pub(crate) struct Lane {
    pub pipeline: PipelineId,
    pub out: Outputs,
    /// It has delivered: those who wait may try again.
    pub recovered: Notify,
    /// Another reader reads for it from now on.
    pub left: CancellationToken,
    bytes: AtomicUsize,
}

/// A call that has no answer.
pub(crate) struct Given<'a>(&'a Lane, usize);

/// All of them.
pub(crate) struct Lanes {
    pub out: Outputs,
    all: Mutex<BTreeMap<PipelineId, Arc<Lane>>>,
}

impl Lane {
    fn new(pipeline: &PipelineId, out: &Outputs) -> Arc<Self> {
        Arc::new(Self {
            pipeline: pipeline.clone(),
            out: out.only(pipeline),
            recovered: Notify::new(),
            left: CancellationToken::new(),
            bytes: AtomicUsize::new(0),
        })
    }

    /// Counts a call of so many bytes, until the answer is dropped.
    pub(crate) fn give(&self, bytes: usize) -> Given<'_> {
        self.bytes.fetch_add(bytes, Relaxed);
        Given(self, bytes)
    }

    /// Bytes without an answer.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }
}

impl Drop for Given<'_> {
    fn drop(&mut self) {
        self.0.bytes.fetch_sub(self.1, Relaxed);
    }
}

impl Lanes {
    pub(crate) fn new(out: Outputs) -> Self {
        Self { out, all: Mutex::default() }
    }

    /// Those that this reader delivers to now: a reload may change which there are.
    pub(crate) fn now(&self) -> Vec<Arc<Lane>> {
        let pipelines = self.out.pipelines();
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|id, _| pipelines.contains(id));
        let logs = pipelines.iter().filter(|it| it.signal() == Signal::Logs);
        let lanes = logs.map(|it| {
            let lane = all.entry(it.clone()).or_insert_with(|| Lane::new(it, &self.out));
            Arc::clone(lane)
        });
        lanes.filter(|it| !it.left.is_cancelled()).collect()
    }

    /// This reader delivers to the pipeline no more; what has no answer is withdrawn.
    pub(crate) fn leave(&self, pipeline: &PipelineId) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = all.entry(pipeline.clone()).or_insert_with(|| Lane::new(pipeline, &self.out));
        lane.left.cancel();
    }

    /// This reader delivers to the pipeline again.
    pub(crate) fn come_back(&self, pipeline: &PipelineId) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(pipeline);
    }
}
