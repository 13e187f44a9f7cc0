//! Looks for changes of the files of a policy, and loads it anew.

use std::sync::Arc;
use std::time::Duration;

use component::{BoxError, Host, Id, Kind};

use crate::engine::Engine;
use crate::instance::Instance;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Engine {
    /// Opens the store and watches the files until the host stops. Each pipeline calls it; one of them does the work at a time.
    ///
    /// # Errors
    /// If there is no such storage.
    pub fn start(
        self: &Arc<Self>,
        instance: &Arc<Instance>,
        host: &Host,
        kind: Kind,
        id: &Id,
    ) -> Result<(), BoxError> {
        self.state.open(host, kind, id)?;
        if self.files.is_empty() {
            return Ok(());
        }
        let (engine, instance) = (Arc::clone(self), Arc::clone(instance));
        let stopping = host.stopping().clone();
        host.spawn(async move {
            while stopping.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
                let (engine, instance) = (Arc::clone(&engine), Arc::clone(&instance));
                tokio::task::spawn_blocking(move || engine.look(&instance)).await?;
            }
            Ok(())
        });
        Ok(())
    }

    /// Loads the policy anew if its files have changed.
    pub(crate) fn look(&self, instance: &Instance) {
        // Another pipeline is at it.
        let Ok(mut problem) = self.problem.try_lock() else { return };
        match self.reload() {
            Ok(is_new) => {
                if is_new {
                    let revision = self.policy.load().as_ref().map(|it| it.revision.clone());
                    let now = component::clock::unix_nanos();
                    instance.loaded(&revision.unwrap_or_default(), now);
                }
                *problem = None;
            }
            Err(why) => {
                // A mistake is told once, until there is another one.
                if problem.as_ref() != Some(&why) {
                    instance.refused(&why);
                    *problem = Some(why);
                }
            }
        }
    }
}
