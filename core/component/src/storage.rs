//! State that outlives the process: what a `storage` extension offers.

use std::sync::Arc;
use std::time::SystemTime;

use crate::{BoxError, Id, Kind, QueueLog};

/// A `storage` extension.
pub trait Storage: Send + Sync {
    /// Opens the store of one component; `name` tells its stores apart. A store has one client.
    fn open(&self, kind: Kind, id: &Id, name: &str) -> Result<Arc<dyn StorageClient>, BoxError>;
    /// Opens the queue of one component, and blocks until its index is read. A queue has one owner.
    ///
    /// # Errors
    /// It is in use, cannot be read, or this storage keeps no queues.
    fn queue(&self, _kind: Kind, _id: &Id, _name: &str) -> Result<Box<dyn QueueLog>, BoxError> {
        Err("this storage keeps no queues; name a file_storage".into())
    }
}

/// Where components keep their state for which the configuration names no storage.
#[derive(Clone)]
pub struct DefaultStorage {
    /// `None` when there is none.
    pub storage: Option<Arc<dyn Storage>>,
    /// The directory, or why there is none.
    pub place: String,
    /// The directories of other configurations, newest first, if this one has none yet: one of them may be its own,
    /// from before it was moved.
    pub others: Vec<String>,
}

impl Default for DefaultStorage {
    fn default() -> Self {
        Self { storage: None, place: "this program keeps none".into(), others: Vec::new() }
    }
}

/// One change in a [`StorageClient::write`].
#[derive(Debug, Clone, Copy)]
pub enum Write<'a> {
    /// Sets a key.
    Put(&'a [u8], &'a [u8]),
    /// Removes a key.
    Delete(&'a [u8]),
}

/// Something is missing in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Which store, and what is wrong with it.
    pub what: String,
    /// Since when there has been state in it, if that is known.
    pub since: Option<SystemTime>,
}

/// A small key-value store. Calls block for microseconds (`write`) or as long as a disk sync takes
/// (`sync`); callers on the runtime use `spawn_blocking` for the latter.
pub trait StorageClient: Send + Sync {
    /// One value.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BoxError>;
    /// All keys and values, in no order.
    fn scan(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>, BoxError>;
    /// All changes or none; survives the death of the process when it returns.
    fn write(&self, changes: &[Write<'_>]) -> Result<(), BoxError>;
    /// What was written survives the death of the machine when it returns.
    fn sync(&self) -> Result<(), BoxError>;
    /// What was missing when it was opened. Until the first write it stays so, for the next start.
    fn damage(&self) -> Option<Damage> {
        None
    }
}
