//! Looks for changes of the files of a policy, and loads it anew.

use std::sync::Arc;
use std::time::Duration;

use component::{BoxError, Host, Id, Kind};

use crate::engine::Engine;
use crate::instance::Instance;
use crate::remote::{Download, Fetched, Remote};

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
        for remote in &self.remotes {
            let (engine, instance) = (Arc::clone(self), Arc::clone(instance));
            let (remote, stopping) = (Arc::clone(remote), host.stopping().clone());
            host.spawn(async move {
                // Dropped when the host stops, also in the middle of a request that waits.
                stopping.run_until_cancelled(engine.follow(&remote, &instance)).await;
                Ok(())
            });
        }
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

    /// Keeps a bundle current. Each pipeline calls it; one of them does the work at a time.
    async fn follow(self: &Arc<Self>, remote: &Arc<Remote>, instance: &Arc<Instance>) {
        let _turn = remote.turn.lock().await;
        let mut failures = 0;
        loop {
            let pause = match self.fetch(remote, instance).await {
                Ok(waits) => {
                    failures = 0;
                    remote.pause(waits)
                }
                Err(why) => {
                    instance.bundle(&remote.name, "failure");
                    if failures == 0 {
                        tracing::error!(
                            bundle = remote.name,
                            error = why,
                            "a bundle was not loaded; what counted before counts on"
                        );
                    }
                    failures += 1;
                    remote.pause_after(failures)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Fetches a bundle and puts it in force; whether the server waits for changes itself.
    async fn fetch(
        self: &Arc<Self>,
        remote: &Arc<Remote>,
        instance: &Arc<Instance>,
    ) -> Result<bool, String> {
        let (fetched, waits) = remote.fetch().await?;
        let Fetched::New(download) = fetched else {
            instance.bundle(&remote.name, "not_modified");
            return Ok(waits);
        };
        let (engine, remote, instance) =
            (Arc::clone(self), Arc::clone(remote), Arc::clone(instance));
        let work = move || engine.activate(&remote, &download, &instance);
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| error.to_string())?.map(|()| waits)
    }

    /// Compiles the policy with a new bundle; the one before stays if it makes none.
    fn activate(
        &self,
        remote: &Remote,
        download: &Download,
        instance: &Instance,
    ) -> Result<(), String> {
        let mut problem = crate::windows::lock(&self.problem);
        let before = remote.accept(download);
        let others_are_missing = self.remotes.iter().any(|it| it.bundle().is_none());
        let loaded = if others_are_missing { Ok(false) } else { self.reload() };
        if let Err(why) = loaded {
            remote.put_back(before);
            return Err(why);
        }
        *problem = None;
        instance.bundle(&remote.name, "success");
        let revision = remote.bundle().map(|it| it.revision.clone()).unwrap_or_default();
        tracing::info!(bundle = remote.name, revision, "a bundle was loaded");
        self.tell(instance);
        // It counts in any case.
        if let Err(error) = remote.keep(download) {
            tracing::warn!(
                bundle = remote.name,
                error,
                "a bundle cannot be kept for the next start"
            );
        }
        Ok(())
    }

    fn tell(&self, instance: &Instance) {
        let revision = self.policy.load().as_ref().map(|it| it.revision.clone());
        if let Some(revision) = revision {
            instance.loaded(&revision, component::clock::unix_nanos());
        }
    }

    /// Loads the policy anew if its files have changed.
    pub(crate) fn look(&self, instance: &Instance) {
        // Another pipeline is at it.
        let Ok(mut problem) = self.problem.try_lock() else { return };
        if self.remotes.iter().any(|it| it.bundle().is_none()) {
            return;
        }
        match self.reload() {
            Ok(is_new) => {
                if is_new {
                    self.tell(instance);
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
