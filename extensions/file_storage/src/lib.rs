//! Keeps component state in files (`lib/flow/journal`). The disk is waited for once a second, which bounds what the
//! death of the machine can undo.

#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

mod config;
#[cfg(test)]
mod tests;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;
use std::time::Duration;

use component::{
    BoxError, Component, Extension, Host, Settings, Storage, StorageClient as _, async_trait,
};
use journal::{Client, Directory};
use tracing::error;

pub use config::{Compaction, Config};

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
    const STORES: bool = true;

    fn create(_settings: Settings, config: Config) -> Result<Self, BoxError> {
        let (path, timeout) = (config.directory.clone(), config.timeout.std());
        let directory = Arc::new(Directory::new(path, timeout, config.fsync));
        Ok(Self { config, directory })
    }

    fn storage(self: Arc<Self>) -> Option<Arc<dyn Storage>> {
        Some(Arc::clone(&self.directory) as _)
    }
}

#[async_trait]
impl Component for FileStorage {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let directory = &self.config.directory;
        if self.config.create_directory && !directory.exists() {
            let mode = self.config.mode().unwrap_or(0o750);
            let made = DirBuilder::new().recursive(true).mode(mode).create(directory);
            made.map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
        }
        let own = host.clone();
        host.spawn(async move {
            let mut ticks = tokio::time::interval(SYNC_INTERVAL);
            loop {
                tokio::select! {
                    () = own.stopping().cancelled() => return Ok(()),
                    _ = ticks.tick() => {}
                }
                let dirty = self.directory.dirty();
                if !dirty.is_empty() {
                    tokio::task::spawn_blocking(move || sync_all(&dirty)).await?;
                }
            }
        });
        Ok(())
    }
}

fn sync_all(clients: &[Arc<Client>]) {
    for client in clients {
        if let Err(error) = client.sync() {
            error!(%error, "checkpoints do not reach the disk; they survive this process, not a power loss");
        }
    }
}
