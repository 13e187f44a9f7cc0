//! A log of records that are each kept until they are done: what a `storage` extension offers to a queue.

use std::fmt;

use bytes::Bytes;

use crate::BoxError;

/// When the disk is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Before anybody is told that a record is stored: it survives the death of the machine.
    Always,
    /// This often: what was stored since then does not survive the death of the machine.
    Every(std::time::Duration),
    /// Never: the system writes when it likes.
    Never,
}

/// A record that is to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewRecord<'a> {
    /// What its owner wants to know before it reads the rest: which signal it is.
    pub kind: u16,
    /// Spans, data points or log records in it: what is counted as lost when it cannot be read any more.
    pub items: u32,
    /// Beside the telemetry: who sent it.
    pub head: &'a [u8],
    /// The telemetry, in pieces.
    pub body: &'a [Bytes],
}

/// Where a new record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its number.
    pub seq: u64,
    /// [`QueueLog::next`] does not bring it: the caller keeps it at hand.
    pub is_at_hand: bool,
}

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its number; later ones have higher numbers.
    pub seq: u64,
    /// As it was stored.
    pub kind: u16,
    /// As it was stored.
    pub items: u32,
    /// As it was stored.
    pub head: Bytes,
    /// As it was stored, in one piece.
    pub body: Bytes,
}

/// Why a record was not stored.
#[derive(Debug)]
pub enum Unstored {
    /// There is no room for it now.
    Full(BoxError),
    /// Anything else: the disk cannot be written, or it is too large ever to be stored.
    Failed(BoxError),
}

impl fmt::Display for Unstored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Unstored::Full(error) | Unstored::Failed(error)) = self;
        error.fmt(f)
    }
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Records.
    pub records: u64,
    /// Items in them.
    pub items: u64,
    /// Bytes of telemetry in them.
    pub bytes: u64,
}

/// Waits for the disk; may run beside the log that gave it.
pub type Sync = Box<dyn FnOnce() -> Result<(), BoxError> + Send>;

/// Records in the order in which they were stored, each kept until it is done. Calls block as long as the disk
/// does. It has one owner; whoever opens the same one waits for it or fails.
pub trait QueueLog: Send {
    /// When its owner has to wait for the disk.
    fn fsync(&self) -> Fsync;
    /// What was there when it was opened.
    fn backlog(&self) -> Backlog;
    /// How many records [`QueueLog::next`] has yet to bring.
    fn unread(&self) -> u64;
    /// How much of the disk it takes.
    fn bytes(&self) -> u64;
    /// Stores a record; it survives the death of the process when this returns. With `at_hand` the caller keeps it in
    /// memory, too, and needs not read it, which is possible unless there is something before it that is not read.
    ///
    /// # Errors
    /// Nothing was stored: there is no room on the disk, or it cannot be written.
    fn append(&mut self, record: &NewRecord<'_>, at_hand: bool) -> Result<Appended, Unstored>;
    /// The next record, of those that were not done when it was opened and of those that were stored since; `None`
    /// when there is none now. What is damaged is left out, counted and kept aside.
    ///
    /// # Errors
    /// The disk cannot be read.
    fn next(&mut self) -> Result<Option<StoredRecord>, BoxError>;
    /// These are not needed any more. Their space is given back with that of their neighbours.
    ///
    /// # Errors
    /// They are forgotten, but come again after a restart.
    fn done(&mut self, seqs: &[u64]) -> Result<(), BoxError>;
    /// A record that was read makes no sense: it is kept aside, counted as lost, and done.
    fn refuse(&mut self, record: &StoredRecord, why: &str);
    /// Waits until all that was stored so far survives the death of the machine.
    fn sync(&mut self) -> Sync;
    /// The newest [`Sync`] was a success.
    fn synced(&mut self);
    /// The newest [`Sync`] failed: nothing more is stored where the disk may have lost something, and what it may have lost is
    /// written anew where nobody waits for it ([`Fsync::Every`]).
    ///
    /// # Errors
    /// It could not be written; the next [`Sync`] fails for that, and then it is tried again.
    fn sync_failed(&mut self) -> Result<(), BoxError>;
}
