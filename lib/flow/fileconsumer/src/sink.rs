//! What becomes of the records: the reader's counterpart.

use std::ops::Range;

use component::Data;

use crate::FileKey;

/// What the sink has ready.
pub struct Batch {
    /// May be empty although files made progress: lines that were dropped.
    pub data: Data,
    /// Per file with news: below this offset every record was taken earlier, was dropped on purpose,
    /// or is in `data`.
    pub safe: Vec<(FileKey, u64)>,
}

/// Turns records of files into telemetry.
pub trait Sink: Send + 'static {
    /// What the sink keeps for each file.
    type File: Send;
    /// One that begins anew: for a second reader of the same files.
    #[must_use]
    fn another(&self) -> Self
    where
        Self: Sized;
    /// A file is followed from now on, or its attributes have changed.
    fn file(&mut self, key: FileKey, attributes: &[(String, String)]) -> Self::File;
    /// One record: its bytes (UTF-8 unless the file is of raw bytes; invalid sequences are possible), its
    /// place in the file with its terminator, and its number when records are counted.
    fn record(&mut self, file: &Self::File, bytes: &[u8], span: Range<u64>, number: Option<u64>);
    /// Attributes that a header line gives to every record of its file.
    fn header(&mut self, line: &[u8]) -> Vec<(String, String)>;
    /// Encoded size of what [`take`](Self::take) would give.
    fn bytes(&self) -> usize;
    /// True when something of the file is held back: more of it may complete a record.
    fn holds(&self, file: &Self::File) -> bool;
    /// What can be sent now.
    fn take(&mut self) -> Batch;
    /// Releases what was held back for too long; the answer is when to call again.
    fn flush_idle(&mut self, now: std::time::Instant) -> Option<std::time::Instant>;
    /// Releases everything that is held back.
    fn flush_all(&mut self);
    /// Nothing more comes of this file: releases what is held back of it.
    fn forget(&mut self, key: FileKey);
}
