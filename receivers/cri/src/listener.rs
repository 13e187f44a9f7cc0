//! Listens to the runtime's stream of events, where that does no harm, and wakes the keeper.
//!
//! Nothing of an event is kept, so the stream is read as fast as it comes and never holds the runtime up; the keeper asks for what
//! it wants to know. Events that were missed do not matter: after a break the keeper lists everything as well.

use std::sync::Arc;
use std::time::Duration;

use component::meter::Counter;
use component::{BoxError, Host};
use cri::{Runtime, events_are_safe};
use tokio::sync::Notify;

/// Wait before the stream is asked for again.
const PAUSE: Duration = Duration::from_secs(5);

/// The task.
pub(crate) struct Listener {
    pub(crate) runtime: Arc<Runtime>,
    /// Something has happened, or may have.
    pub(crate) happened: Arc<Notify>,
    pub(crate) events: Counter,
}

impl Listener {
    /// Runs until the host stops, or until it is known that listening does harm.
    pub(crate) async fn run(self, host: Host) -> Result<(), BoxError> {
        let stopping = host.stopping().clone();
        stopping.run_until_cancelled(self.listen()).await;
        Ok(())
    }

    async fn listen(&self) {
        let mut said = None;
        loop {
            match self.runtime.version().await.map(|it| events_are_safe(&it)) {
                Ok(Err(why)) => {
                    tracing::warn!(
                        why,
                        "container_events has no effect: containers are listed every resync_interval"
                    );
                    return;
                }
                Ok(Ok(())) => {
                    let told = || {
                        self.events.add(1);
                        self.happened.notify_one();
                    };
                    let ended = self.runtime.listen(told).await;
                    let why = ended.err().unwrap_or_else(|| "the runtime has ended it".to_owned());
                    if said.replace(why.clone()).as_ref() != Some(&why) {
                        tracing::warn!(
                            why,
                            "the runtime's events are not heard: listing, and listening again"
                        );
                    }
                    self.happened.notify_one();
                }
                // The keeper says so.
                Err(_) => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
