//! Log files as log records: `fileconsumer` finds and follows the files and knows what was acknowledged, `stanza` makes
//! records of their lines. This crate joins the two, and knows where offsets are kept.

mod operators;

use std::sync::Arc;
use std::time::Duration;

use component::{BoxError, DefaultStorage, Host, Id, Kind, Outputs, Ownership, Settings, Storage};
use fileconsumer::{Corrupt, Engine};
use stanza::Pipeline;

use operators::Operators;

/// Most bytes that are handed on and not answered: what may come twice after a crash.
pub const IN_FLIGHT_BYTES_MAX: usize = 16 << 20;

/// Shortest time between two checkpoints where nobody has asked for any: they must not cost anything.
pub const BY_DEFAULT_INTERVAL: Duration = Duration::from_millis(100);

/// Wait before a store that could not be opened is tried again.
const OPEN_PAUSE: Duration = Duration::from_secs(1);

/// How long a collector that stops may still hold the default directory: its reader ends in less.
const PATIENCE: Duration = Duration::from_secs(8);

/// The `storage` that keeps nothing.
pub const NO_STORAGE: &str = "none";

/// Where the offsets are kept.
#[derive(Debug, Clone)]
pub enum Keeps {
    /// In a storage extension.
    In(Id),
    /// In the collector's own directory.
    ByDefault,
    /// Nowhere.
    Nothing,
}

impl Keeps {
    /// What the key `storage` says.
    pub fn new(storage: Option<&Id>) -> Self {
        match storage {
            Some(id) if id.as_str() == NO_STORAGE => Self::Nothing,
            Some(id) => Self::In(id.clone()),
            None => Self::ByDefault,
        }
    }
}

/// What one receiver reads, and what becomes of the lines.
pub struct LogFiles {
    /// Of the receiver.
    pub settings: Settings,
    /// Which files, and how they are read.
    pub files: fileconsumer::Settings,
    /// The operators of lines at the start of a file that describe it.
    pub header: Option<Pipeline>,
    /// The operators of all other lines.
    pub pipeline: Pipeline,
    /// Adds `log.file.record_offset`.
    pub record_offset: bool,
    /// Where offsets are.
    pub keeps: Keeps,
    /// Where the records go.
    pub out: Outputs,
}

impl LogFiles {
    /// Follows the files until the host stops, in tasks of the host.
    ///
    /// # Errors
    /// The storage is not there, or damaged where that must not be.
    pub fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let storage = self.storage(host)?;
        let Some(ownership) = host.try_ownership() else {
            let (ownership, host) = (host.ownership(), host.clone());
            host.clone().spawn(async move { self.follow(ownership, storage, host).await });
            return Ok(());
        };
        match self.engine(storage.as_deref(), host) {
            Ok(engine) => host.spawn(engine.owning(ownership).run()),
            Err(error) if self.may_be_held(&error) => {
                tracing::info!(%error, "waiting for the offsets");
                let own = host.clone();
                host.spawn(async move { self.follow(async { ownership }, storage, own).await });
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn storage(&self, host: &Host) -> Result<Option<Arc<dyn Storage>>, BoxError> {
        match &self.keeps {
            Keeps::In(id) => host.uses::<dyn Storage>(id).map(Some),
            Keeps::Nothing => Ok(None),
            Keeps::ByDefault => {
                let DefaultStorage { storage, place, others } = host.default_storage();
                if storage.is_some() {
                    tracing::info!(
                        directory = place,
                        "No storage is set: offsets are kept in the default directory, and a \
                        restart goes on there. 'storage: none' turns this off."
                    );
                }
                if storage.is_some() && !others.is_empty() {
                    tracing::warn!(
                        directory = place,
                        others = others.join(", "),
                        "This configuration has no stored offsets yet, and other configurations have. \
                        Offsets belong to the path of the configuration: if you moved or renamed it, stop, \
                        and rename the directory of the old path to this one."
                    );
                }
                Ok(storage)
            }
        }
    }

    fn engine(
        &self,
        storage: Option<&dyn Storage>,
        host: &Host,
    ) -> Result<Engine<Operators>, BoxError> {
        let open = |it: &dyn Storage| it.open(Kind::Receiver, &self.settings.id, "");
        let store = storage.map(open).transpose()?;
        let sink = Operators::new(&self.pipeline, self.header.as_ref(), self.record_offset);
        let (files, out, meter) = (self.files.clone(), self.out.clone(), &self.settings.meter);
        Engine::new(files, sink, store, out, host, meter, self.settings.id.as_str())
    }

    /// True when the default directory is not ready: a collector that stops may still have it. A damaged one will not
    /// get better.
    fn may_be_held(&self, error: &BoxError) -> bool {
        matches!(self.keeps, Keeps::ByDefault) && !error.is::<Corrupt>()
    }

    /// Takes over from the instance that has these files and this store now.
    async fn follow(
        self: Arc<Self>,
        ownership: impl Future<Output = Ownership>,
        storage: Option<Arc<dyn Storage>>,
        host: Host,
    ) -> Result<(), BoxError> {
        let stopping = host.stopping().clone();
        let ownership = tokio::select! {
            ownership = ownership => ownership,
            () = stopping.cancelled() => return Ok(()),
        };
        let since = tokio::time::Instant::now();
        let engine = loop {
            let error = match self.engine(storage.as_deref(), &host) {
                Ok(engine) => break engine,
                Err(error) => error,
            };
            if self.may_be_held(&error) {
                if since.elapsed() > PATIENCE {
                    tracing::warn!(%error, "offsets are not kept: a restart forgets what was read; run \
                        one collector per configuration, or name a storage");
                    break self.engine(None, &host)?;
                }
            } else {
                tracing::error!(%error, "the files are not read: correct the storage; trying again");
            }
            tokio::select! {
                () = tokio::time::sleep(OPEN_PAUSE) => {}
                () = stopping.cancelled() => return Ok(()),
            }
        };
        engine.owning(ownership).run().await
    }
}
