//! Who waits until the disk has what a queue has written, and when the disk is waited for.

use std::collections::VecDeque;
use std::future::pending;

use component::{BoxError, ConsumeError, Fsync, LogSync, QueueLog};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

/// The files.
pub(crate) type Log = Box<dyn QueueLog>;
type Answer = oneshot::Sender<Result<(), ConsumeError>>;

/// Who waits for the disk.
pub(crate) struct Syncs {
    fsync: Fsync,
    /// The newest record that is written.
    written: u64,
    pub(crate) waiting: VecDeque<(u64, Answer)>,
    pub(crate) running: Option<(u64, JoinHandle<Result<(), BoxError>>)>,
    pub(crate) due: Option<Instant>,
}

impl Syncs {
    pub(crate) fn new(fsync: Fsync) -> Self {
        Self { fsync, written: 0, waiting: VecDeque::new(), running: None, due: None }
    }

    /// A record is written. Its caller is answered now, or when the disk has it: one who can read its data again and
    /// then forgets it waits for the disk also where others do not.
    pub(crate) fn stored(&mut self, seq: u64, answer: Answer, is_replay: bool) {
        self.written = seq;
        let waits = match self.fsync {
            Fsync::Always => true,
            Fsync::Every(_) => is_replay,
            Fsync::Never => false,
        };
        if waits {
            self.waiting.push_back((seq, answer));
        } else {
            // A caller that has left needs no answer.
            drop(answer.send(Ok(())));
        }
        if let Fsync::Every(interval) = self.fsync {
            self.due.get_or_insert_with(|| Instant::now() + interval);
        }
    }

    /// True when somebody waits for the disk and it is not busy.
    pub(crate) fn wants_now(&self) -> bool {
        self.fsync == Fsync::Always && !self.waiting.is_empty() && self.running.is_none()
    }

    pub(crate) fn start(&mut self, log: &mut Log) {
        let sync: LogSync = log.sync();
        self.due = None;
        self.running = Some((self.written, spawn_blocking(sync)));
    }

    /// Waits for the disk; for ever when nothing is under way.
    pub(crate) async fn finished(&mut self) -> (u64, Result<(), BoxError>) {
        let Some((upto, running)) = &mut self.running else { return pending().await };
        let upto = *upto;
        let result = running.await.unwrap_or_else(|error| Err(error.into()));
        self.running = None;
        (upto, result)
    }

    pub(crate) fn settle(&mut self, upto: u64, failed: Option<ConsumeError>, log: &mut Log) {
        while let Some((_, answer)) = self.waiting.pop_front_if(|(seq, _)| *seq <= upto) {
            drop(answer.send(failed.clone().map_or(Ok(()), Err)));
        }
        if self.wants_now() {
            self.start(log);
        }
    }
}
