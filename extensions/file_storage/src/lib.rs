//! Keeps component state in files (`lib/flow/journal`). The disk is waited for once a second, which bounds what the
//! death of the machine can undo; a file that was removed or replaced is noticed then, too, and written anew.

mod config;
#[cfg(test)]
mod tests;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use component::meter::{Descriptor, Level, OURS};
use component::{
    BoxError, Capability, Component, Extension, Host, LostReason, Offers, Settings,
    StorageClient as _, async_trait,
};
use journal::{Client, Directory};
use tracing::error;

pub use config::{Compaction, Config};

const REWRITTEN: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_storage_rewritten_total",
    unit: "{file}",
    description: "Times that a file of the store was removed or replaced while in use, and was written anew.",
};

/// How often the disk is waited for.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// The extension.
pub struct FileStorage {
    config: Config,
    directory: Arc<Directory>,
}

impl Extension for FileStorage {
    type Config = Config;
    const TYPE: &'static str = "file_storage";
    const OFFERS: &'static [Offers] = &[Offers::Storage];

    fn create(settings: Settings, config: Config) -> Result<Self, BoxError> {
        let (path, timeout) = (config.directory.clone(), config.timeout.std());
        let rewritten = settings.meter.counter(REWRITTEN, &[("extension", settings.id.as_str())]);
        let lost = LostReason::CorruptRecord.counter(&settings.meter);
        let directory = Directory::new(path, timeout, config.fsync)
            .counting(rewritten)
            .queues(config.queue_fsync(), lost)
            .limited(config.limits())
            .compacting(config.compaction.on_start);
        Ok(Self { config, directory: Arc::new(directory) })
    }

    fn offers(self: Arc<Self>) -> Vec<Capability> {
        vec![Capability::Storage(Arc::clone(&self.directory) as _)]
    }
}

#[async_trait]
impl Component for FileStorage {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        if self.config.create_directory {
            let directory = self.config.directory.clone();
            let mode = self.config.mode().unwrap_or(0o750);
            tokio::task::spawn_blocking(move || make(&directory, mode)).await??;
        }
        let own = host.clone();
        host.spawn(async move {
            let mut ticks = tokio::time::interval(SYNC_INTERVAL);
            let mut said = None;
            loop {
                tokio::select! {
                    () = own.stopping().cancelled() => return Ok(()),
                    _ = ticks.tick() => {}
                }
                let all = self.directory.unsettled();
                if all.is_empty() {
                    continue;
                }
                let problem = tokio::task::spawn_blocking(move || sync_all(&all)).await?;
                if let Some(error) = problem.as_ref().filter(|it| said.as_ref() != Some(*it)) {
                    error!(%error, "checkpoints do not reach the disk; they are kept in memory and tried again");
                }
                said = problem;
            }
        });
        Ok(())
    }
}

/// Makes a directory that is not there.
fn make(directory: &Path, mode: u32) -> Result<(), String> {
    if directory.exists() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(mode).create(directory);
    made.map_err(|error| format!("cannot create {}: {error}", directory.display()))
}

/// What went wrong, if something did.
fn sync_all(clients: &[Arc<Client>]) -> Option<String> {
    let mut problem = None;
    for client in clients {
        if let Err(error) = client.sync() {
            problem = Some(error.to_string());
        }
    }
    problem
}
