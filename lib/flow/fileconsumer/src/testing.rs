//! A store that lives in memory and a sink of plain lines, for tests.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use component::{BoxError, StorageClient, Write};
use pdata::{LogsBuilder, Value};

use crate::{Batch, FileKey, Sink};

/// Outlives what uses it, as a disk outlives a process.
#[derive(Default)]
pub(crate) struct MemoryStore {
    records: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl MemoryStore {
    /// As a kill at this moment would leave it.
    pub(crate) fn copy(&self) -> Self {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { records: Mutex::new(records) }
    }
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

/// One record per line. A line that ends in `+` is held back until the next one of its file.
#[derive(Default)]
pub(crate) struct LineSink {
    builder: LogsBuilder,
    items: usize,
    bytes: usize,
    held: BTreeMap<FileKey, (String, u64)>,
    news: BTreeMap<FileKey, u64>,
    tag: bool,
}

impl LineSink {
    /// Puts the file's attributes and the record's number in front of each body.
    pub(crate) fn tagging() -> Self {
        Self { tag: true, ..Self::default() }
    }

    fn emit(&mut self, text: &str) {
        if self.items == 0 {
            self.builder.resource(|_| ());
            self.builder.scope("", "");
        }
        self.builder.record(|record| {
            record.body(Value::Str(text));
        });
        self.items += 1;
        self.bytes += text.len();
    }
}

impl Sink for LineSink {
    type File = (FileKey, String);

    fn another(&self) -> Self {
        Self { tag: self.tag, ..Self::default() }
    }

    fn file(&mut self, key: FileKey, attributes: &[(String, String)]) -> Self::File {
        (key, attributes.iter().map(|(k, v)| format!("{k}={v} ")).collect())
    }

    fn record(&mut self, file: &Self::File, bytes: &[u8], span: Range<u64>, number: Option<u64>) {
        let text = String::from_utf8_lossy(bytes);
        let (joined, start) = match self.held.remove(&file.0) {
            Some((held, start)) => (format!("{held}{text}"), start),
            None => (text.into_owned(), span.start),
        };
        if joined.ends_with('+') {
            self.held.insert(file.0, (joined, start));
            self.news.insert(file.0, start);
            return;
        }
        let number = number.map(|it| format!("{it} ")).unwrap_or_default();
        let tag = if self.tag { file.1.as_str() } else { "" };
        self.emit(&format!("{tag}{number}{joined}"));
        self.news.insert(file.0, span.end);
    }

    fn header(&mut self, line: &[u8]) -> Vec<(String, String)> {
        let line = String::from_utf8_lossy(line);
        let (key, value) = line.trim_start_matches('#').split_once(':').unwrap_or_default();
        vec![(key.to_owned(), value.trim().to_owned())]
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn holds(&self, file: &Self::File) -> bool {
        self.held.contains_key(&file.0)
    }

    fn take(&mut self) -> Batch {
        (self.items, self.bytes) = (0, 0);
        let safe = std::mem::take(&mut self.news).into_iter().collect();
        Batch { data: self.builder.finish().into(), safe }
    }

    fn flush_idle(&mut self, _now: std::time::Instant) -> Option<std::time::Instant> {
        None
    }

    fn flush_all(&mut self) {
        for (text, _) in std::mem::take(&mut self.held).into_values() {
            self.emit(&text);
        }
    }

    fn forget(&mut self, key: FileKey) {
        if let Some((text, _)) = self.held.remove(&key) {
            self.emit(&text);
        }
    }
}
