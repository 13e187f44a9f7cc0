//! A configuration that comes over the network, to be laid over that of the files.

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
}

impl RemoteConfiguration {
    /// With the place where what became of it is told.
    pub fn new(by: Id, texts: Vec<String>) -> (Self, oneshot::Receiver<Result<(), String>>) {
        let (answer, told) = oneshot::channel();
        (Self { by, texts, answer }, told)
    }

    /// Says what became of it.
    pub fn answer(self, result: Result<(), String>) {
        // Who asked may have ended meanwhile.
        let _ = self.answer.send(result);
    }
}
