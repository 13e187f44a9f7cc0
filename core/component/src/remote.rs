//! A configuration that comes over the network, to be laid over that of the files.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::oneshot;

use crate::Id;

/// What an extension was sent, for the program to run.
#[derive(Debug)]
pub struct RemoteConfiguration {
    /// The extension that it was sent to.
    pub by: Id,
    /// YAML, merged in this order over the files; none takes away what came before.
    pub texts: Vec<String>,
    answer: oneshot::Sender<Result<(), String>>,
    /// Of the instance of the extension.
    leaving: Arc<AtomicBool>,
}

impl RemoteConfiguration {
    /// With the place where what became of it is told.
    pub(crate) fn new(
        by: Id,
        texts: Vec<String>,
        leaving: Arc<AtomicBool>,
    ) -> (Self, oneshot::Receiver<Result<(), String>>) {
        let (answer, told) = oneshot::channel();
        (Self { by, texts, answer, leaving }, told)
    }

    /// True when a reload has replaced the instance that was sent it: the server that it had may not be the one of the files any more.
    pub fn is_outdated(&self) -> bool {
        self.leaving.load(Relaxed)
    }

    /// Says what became of it.
    pub fn answer(self, result: Result<(), String>) {
        // Who asked may have ended meanwhile.
        let _ = self.answer.send(result);
    }
}
