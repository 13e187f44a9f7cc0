//! What one receiver wants, checked and compiled.

use std::time::Duration;

use regex::bytes::Regex;

use crate::attributes::Attributes;
use crate::find::Finder;
use crate::split::Splitter;

/// Where reading begins in files that are there when the receiver starts and that no checkpoint knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartAt {
    /// At the first byte.
    Beginning,
    /// Behind the last byte.
    #[default]
    End,
}

/// Which files are gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// None.
    #[default]
    None,
    /// All.
    Gzip,
    /// Those named `*.gz`.
    Auto,
}

/// Where reading goes on in a file that has become shorter than what was read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnTruncate {
    /// At the first byte.
    #[default]
    ReadWholeFile,
    /// Behind the last byte.
    ReadNew,
}

/// Where reading begins in files of which a damaged store says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnCorrupt {
    /// At the first byte: lines may come twice.
    #[default]
    Beginning,
    /// Behind the last byte: lines may be lost.
    End,
    /// Nowhere: the reader does not start.
    Fail,
}

/// Waits between attempts to deliver.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Before the second attempt.
    pub initial: Duration,
    /// At most.
    pub max: Duration,
    /// After this time the data is given up and counted; `None` is never.
    pub give_up_after: Option<Duration>,
}

impl Default for Retry {
    /// `receiver/filelogreceiver`, v0.159, except that nothing is given up.
    fn default() -> Self {
        Self { initial: Duration::from_secs(1), max: Duration::from_secs(30), give_up_after: None }
    }
}

/// What one receiver wants.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "one switch of the configuration each")]
pub struct Settings {
    /// Which files.
    pub finder: Finder,
    /// Where reading begins.
    pub start_at: StartAt,
    /// Where reading begins when the store is damaged.
    pub on_corrupt: OnCorrupt,
    /// How often to look where the kernel cannot tell what changed.
    pub poll_interval: Duration,
    /// Where records end.
    pub splitter: Splitter,
    /// An unfinished record is one when the file has not grown for this long; `None` is never.
    pub flush_after: Option<Duration>,
    /// First bytes that tell files apart.
    pub fingerprint_bytes: usize,
    /// Most files open at the same time.
    pub open_files_max: usize,
    /// What is added to every record.
    pub attributes: Attributes,
    /// Counts the records of each file.
    pub count_records: bool,
    /// Which files are gzip.
    pub compression: Compression,
    /// Lines at the start of a file that give attributes instead of records.
    pub header: Option<Regex>,
    /// Removes a file when all of it is acknowledged.
    pub delete_after_read: bool,
    /// Leaves files alone that somebody holds a lock on.
    pub lock: bool,
    /// Tells the kernel to drop what was read from its cache.
    pub uncache: bool,
    /// What a shorter file means.
    pub on_truncate: OnTruncate,
    /// Waits between attempts.
    pub retry: Retry,
    /// Shortest time between two checkpoints: what was answered in it may come twice after a crash.
    pub checkpoint_interval: Duration,
    /// Most bytes that are handed on and not answered.
    pub in_flight_bytes_max: usize,
}
