//! One thread's state: takes lines, gives records.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use pdata::Logs;

/// Names one file for as long as the caller follows it. Chosen by the caller, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey(pub u64);

/// What is the same for all lines of a file. Made once per file, and again when it is renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMeta {
    /// Whose lines they are.
    pub key: FileKey,
    /// `log.file.name`, `log.file.path`, ... in the order they shall appear.
    pub attributes: Vec<(String, String)>,
    /// `include_file_record_offset`: adds `log.file.record_offset`.
    pub record_offset: bool,
}

/// What can be sent.
#[derive(Debug, Default)]
pub struct Batch {
    /// The records.
    pub logs: Logs,
    /// Per file with news: below this offset every line was sent earlier, was dropped on purpose, or is in
    /// `logs`. A line that is held back (recombine, partial lines) keeps the offset at its start.
    pub safe: Vec<(FileKey, u64)>,
}

/// One thread's state.
#[derive(Debug, Default)]
pub struct Worker {}

impl Worker {
    /// Feeds one line without its terminator. `span` is its byte range in the file, terminator
    /// included. `number` adds `log.file.record_number`. A new `Arc` for the same key replaces
    /// what was known about that file.
    pub fn line(
        &mut self,
        _file: &Arc<FileMeta>,
        _bytes: &[u8],
        _span: Range<u64>,
        _number: Option<u64>,
    ) {
    }

    /// Encoded size of what [`take`](Self::take) would give.
    pub fn bytes(&self) -> usize {
        0
    }

    /// Records that [`take`](Self::take) would give.
    pub fn items(&self) -> usize {
        0
    }

    /// What can be sent now.
    pub fn take(&mut self) -> Batch {
        Batch::default()
    }

    /// Releases records that were held back for longer than their `force_flush_period`; the answer
    /// is when to call again.
    pub fn flush_idle(&mut self, _now: Instant) -> Option<Instant> {
        None
    }

    /// Releases everything that is held back.
    pub fn flush_all(&mut self) {}

    /// The file is gone and has been read to its end: releases what is held back of it and forgets it.
    pub fn forget(&mut self, _file: FileKey) {}
}
