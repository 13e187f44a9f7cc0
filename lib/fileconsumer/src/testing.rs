//! A store that lives in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use component::{BoxError, StorageClient, Write};

/// Outlives what uses it, as a disk outlives a process.
#[derive(Default)]
pub(crate) struct MemoryStore {
    records: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl StorageClient for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BoxError> {
        Ok(self.records.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn scan(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>, BoxError> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(records.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    fn write(&self, changes: &[Write<'_>]) -> Result<(), BoxError> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            match change {
                Write::Put(key, value) => drop(records.insert(key.to_vec(), value.to_vec())),
                Write::Delete(key) => drop(records.remove(*key)),
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), BoxError> {
        Ok(())
    }
}
