//! Where lines go besides their outputs: to the senders of `service: telemetry: logs: processors:`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use serde_json::{Map, Value as Json};
use tokio::sync::mpsc;
use tracing::Level;

/// A line, before it is written.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub time: SystemTime,
    pub level: Level,
    pub message: String,
    /// Of the component first, then of the event.
    pub fields: Map<String, Json>,
}

/// Queues of the senders.
pub(crate) type Queues = Arc<Vec<mpsc::Sender<Line>>>;

static ON: AtomicBool = AtomicBool::new(false);
/// The last of them gets the lines: a reload opens the new queues before it closes the old ones.
static QUEUES: RwLock<Vec<Queues>> = RwLock::new(Vec::new());

/// From now on lines go to `queues`.
pub(crate) fn open(queues: &Queues) {
    let mut all = QUEUES.write().unwrap_or_else(PoisonError::into_inner);
    all.push(Arc::clone(queues));
    ON.store(!queues.is_empty(), Relaxed);
}

/// Lines go to those that were opened before, if any.
pub(crate) fn close(queues: &Queues) {
    let mut all = QUEUES.write().unwrap_or_else(PoisonError::into_inner);
    all.retain(|it| !Arc::ptr_eq(it, queues));
    ON.store(all.last().is_some_and(|it| !it.is_empty()), Relaxed);
}

/// True when somebody wants lines.
pub(crate) fn is_on() -> bool {
    ON.load(Relaxed)
}

/// Hands a line over. A full queue drops it, as upstream.
pub(crate) fn put(line: &Line) {
    let queues = QUEUES.read().unwrap_or_else(PoisonError::into_inner);
    for queue in queues.last().into_iter().flat_map(|it| it.iter()) {
        let _ = queue.try_send(line.clone());
    }
}
