//! A queue in files: `NNN.seg` with records (`record` has the bytes), `NNN.done` beside it with the numbers of those
//! that are done. NNN is the number of the first record.
//!
//! Everything else is derived from these files when the queue is opened, so there is no state that could contradict
//! them. A segment is written by one process life only: each start begins a new one, and so never has to cut or mend
//! what another life, or a dying machine, has left behind. A segment goes, in any order, as soon as everything in it
//! is done; so one record that cannot be delivered does not keep the space of those behind it.
//!
//! A record is stored when `write` has returned: it is in the page cache. What fails on the way (a full disk) is cut
//! off again, or the segment is closed. A record is done when its number is in the `.done` file; losing that file
//! doubles records and never loses one.

mod folder;
mod held;
mod reading;
mod record;
pub mod repair;
mod space;
pub mod survey;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use bytes::Bytes;
use component::meter::Counter;
use component::{
    Appended, Backlog, BoxError, Fsync, LogSync, NewRecord, QueueLog, StoredRecord, Unstored,
};
use rustix::io::Errno;
use tracing::info;

use folder::{Folder, write_all};
use held::Held;
use record::{Header, Index, MAGIC, done_entries, done_entry, index};
pub use space::DiskLimits;
use space::Space;

/// A segment is closed when it is this long; a larger record has one for itself.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 16 << 20;
/// On a small disk segments are smaller, so that space is given back in small pieces: part of the file system.
const SEGMENTS_PER_DISK: u64 = 64;
/// The same of a queue whose size is limited.
const SEGMENTS_PER_QUEUE: u64 = 8;
const SEGMENT_BYTES_MIN: u64 = 256 << 10;
/// The segment that is written to is removed as well when all in it is done, once it is this long.
const REMOVE_BYTES_MIN: u64 = 1 << 20;

/// An open queue.
pub struct Segments {
    folder: Folder,
    /// Held as long as the queue is open.
    _lock: File,
    fsync: Fsync,
    segment_bytes_max: u64,
    space: Space,
    segments: BTreeMap<u64, Segment>,
    /// The segment that is written to.
    active: Option<Active>,
    next_seq: u64,
    cursor: Cursor,
    /// Of all segments.
    unread: u64,
    /// Done in an earlier life, and still before the cursor's end.
    skip: HashSet<u64>,
    backlog: Backlog,
    /// Of all segments.
    bytes: u64,
    /// Files that the disk may not have all of.
    unsynced: Vec<File>,
    /// What may be missing of them, where nobody waits for it.
    held: Held,
    lost: Counter,
}

/// One file of records.
#[derive(Debug, Default)]
struct Segment {
    /// Where its last record ends.
    end: u64,
    /// Not done.
    left: u64,
    /// Not yet read.
    unread: u64,
    /// Where the records begin again behind damage.
    jumps: BTreeMap<u64, u64>,
    done: Option<File>,
    /// Done, and the disk had no room to say so.
    unmarked: Vec<u64>,
}

struct Active {
    first: u64,
    file: File,
    is_synced: bool,
}

impl Active {
    fn is_gone(&self) -> bool {
        self.file.metadata().is_ok_and(|it| it.nlink() == 0)
    }
}

/// Where the next record is read.
#[derive(Default)]
struct Cursor {
    segment: u64,
    offset: u64,
    file: Option<File>,
}

/// What goes beyond the defaults of a queue in files.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub fsync: Fsync,
    /// How much of the disk it may take.
    pub limits: DiskLimits,
    /// Counts items of records that are damaged.
    pub lost: Counter,
}

impl Segments {
    /// Reads the index of a queue whose lock the caller has.
    pub(crate) fn open(folder: &Path, lock: File, options: Options) -> io::Result<Self> {
        let mut log = Self {
            segment_bytes_max: segment_bytes(folder, options.limits),
            space: Space::new(options.limits),
            folder: Folder(folder.to_owned()),
            _lock: lock,
            fsync: options.fsync,
            segments: BTreeMap::new(),
            active: None,
            next_seq: 1,
            cursor: Cursor::default(),
            unread: 0,
            skip: HashSet::new(),
            backlog: Backlog::default(),
            bytes: 0,
            unsynced: Vec::new(),
            held: Held::default(),
            lost: options.lost,
        };
        for first in log.folder.numbers("seg")? {
            log.recover(first)?;
        }
        for first in log.folder.numbers("new")? {
            log.folder.remove_unfinished(first);
        }
        // Left by a segment that went before it.
        for first in log.folder.numbers("done")? {
            if !log.segments.contains_key(&first) {
                log.folder.remove_marks(first);
            }
        }
        let Backlog { records, items, bytes } = log.backlog;
        if records > 0 {
            info!(folder = %folder.display(), records, items, bytes, "a queue on disk has a backlog");
        }
        Ok(log)
    }

    /// Takes up a segment of an earlier life.
    fn recover(&mut self, first: u64) -> io::Result<()> {
        let file = self.folder.segment(first)?;
        let length = file.metadata()?.len();
        let Index { records, damage, end } = index(&mut BufReader::new(file), length, first)?;
        let marks = self.folder.marks(first);
        let done: HashSet<u64> = done_entries(&marks).collect();
        let last = records.last().map_or(first, |(_, header)| header.seq);
        self.next_seq = self.next_seq.max(last + 1);
        let lost: u64 = damage.iter().map(|it| it.records).sum();
        if let Some(damaged) = damage.first() {
            self.folder.quarantine(first, &format!("no record begins at offset {}", damaged.at));
            self.lost.add(lost);
        }
        let mut segment = Segment { end, ..Segment::default() };
        let starts = records.iter().map(|(at, _)| *at);
        for damaged in &damage {
            if let Some(behind) = starts.clone().find(|it| damaged.at < *it) {
                segment.jumps.insert(damaged.at, behind);
            }
        }
        for (_, header) in &records {
            if done.contains(&header.seq) {
                self.skip.insert(header.seq);
                continue;
            }
            segment.left += 1;
            self.backlog.records += 1;
            self.backlog.items += u64::from(header.items);
            self.backlog.bytes += header.body_bytes();
        }
        segment.unread = segment.left;
        self.unread += segment.left;
        if segment.left == 0 {
            self.skip.retain(|it| *it < first || last < *it);
            self.folder.remove(first);
        } else {
            self.bytes += segment.end;
            self.segments.insert(first, segment);
        }
        Ok(())
    }

    /// All of it is done.
    fn remove(&mut self, first: u64) {
        let segment = self.segments.remove(&first);
        self.bytes = self.bytes.saturating_sub(segment.map_or(0, |it| it.end));
        self.folder.remove(first);
    }

    /// The segment that takes `bytes` more.
    fn active(&mut self, bytes: u64) -> io::Result<&mut Active> {
        let end = self.active.as_ref().and_then(|it| self.segments.get(&it.first)).map(|it| it.end);
        // A file that somebody has removed takes what is written, and the next start would not find it.
        let is_gone = self.active.as_ref().is_some_and(Active::is_gone);
        if is_gone
            || end.is_none_or(|it| it > MAGIC.len() as u64 && it + bytes > self.segment_bytes_max)
        {
            self.close_active();
        }
        if self.active.is_none() {
            let first = self.next_seq;
            let file = self.folder.new_segment(first)?;
            if self.fsync != Fsync::Never {
                // Its name has to reach the disk as well.
                self.unsynced.push(File::open(&self.folder.0)?);
            }
            self.segments.insert(first, Segment { end: MAGIC.len() as u64, ..Segment::default() });
            self.bytes += MAGIC.len() as u64;
            self.active = Some(Active { first, file, is_synced: true });
        }
        self.active.as_mut().ok_or_else(|| io::Error::other("no segment"))
    }

    /// Nothing more goes into the segment.
    fn close_active(&mut self) {
        let Some(Active { first, file, is_synced }) = self.active.take() else { return };
        if self.segments.get(&first).is_some_and(|it| it.left == 0) {
            self.remove(first);
        } else if !is_synced && self.fsync != Fsync::Never {
            self.unsynced.push(file);
        }
    }

    fn write(&mut self, record: &NewRecord<'_>) -> Result<u64, Unstored> {
        let failed = |error: io::Error| self.unstored(&error);
        let too_large = |_| failed(io::Error::other("a request of 4 GiB or more cannot be stored"));
        let body: usize = record.body.iter().map(Bytes::len).sum();
        let mut payload_crc = crc32c::crc32c(record.head);
        for piece in record.body {
            payload_crc = crc32c::crc32c_append(payload_crc, piece);
        }
        let header = Header {
            payload_crc,
            length: u32::try_from(record.head.len() + body).map_err(too_large)?,
            head_length: u32::try_from(record.head.len()).map_err(too_large)?,
            seq: self.next_seq,
            kind: record.kind,
            items: record.items,
        };
        let (bytes, encoded) = (header.record_bytes(), header.encode());
        if self.space.is_too_large(bytes + MAGIC.len() as u64) {
            let what = format!("a request of {bytes} bytes does not fit into the max_size");
            return Err(self.unstored(&io::Error::other(what)));
        }
        let full = |why: String| format!("{}: {why}", self.folder.0.display());
        self.space
            .take(&self.folder.0, self.bytes, bytes)
            .map_err(|it| Unstored::Full(full(it).into()))?;
        let pieces = [encoded.as_slice(), record.head];
        let pieces = pieces.into_iter().chain(record.body.iter().map(|it| &**it));
        let active = match self.active(bytes) {
            Ok(active) => active,
            Err(error) => return Err(self.unstored(&error)),
        };
        let first = active.first;
        active.is_synced = false;
        if let Err(error) = write_all(&mut active.file, pieces.filter(|it| !it.is_empty())) {
            self.cut_off(first);
            return Err(self.unstored(&error));
        }
        let segment = self.segments.entry(first).or_default();
        let offset = segment.end;
        segment.end += bytes;
        self.bytes += bytes;
        segment.left += 1;
        if matches!(self.fsync, Fsync::Every(_)) {
            let own = [Bytes::copy_from_slice(&encoded), Bytes::copy_from_slice(record.head)];
            let pieces = own.into_iter().chain(record.body.iter().cloned()).collect();
            self.held.keep(header.seq, (first, offset), pieces);
        }
        self.next_seq += 1;
        Ok(first)
    }

    /// What an error of the disk means for who wants to store.
    fn unstored(&self, error: &io::Error) -> Unstored {
        let text = format!("{}: {error}{}", self.folder.0.display(), crate::remedy(error));
        match Errno::from_io_error(error) {
            Some(Errno::NOSPC | Errno::DQUOT) => Unstored::Full(text.into()),
            _ => Unstored::Failed(text.into()),
        }
    }

    /// Part of a record must not stand before a whole one.
    fn cut_off(&mut self, first: u64) {
        let Some(segment) = self.segments.get(&first) else { return };
        let is_cut = self.active.as_ref().is_some_and(|it| it.file.set_len(segment.end).is_ok());
        // One in which everything is done gives its room back.
        if !is_cut || segment.left == 0 {
            self.close_active();
        }
    }

    /// Counts a record as done; its segment, if it has to say so in its file.
    fn settle(&mut self, seq: u64) -> Option<u64> {
        self.held.forget(seq);
        let (&first, segment) = self.segments.range_mut(..=seq).next_back()?;
        segment.left = segment.left.saturating_sub(1);
        segment.unmarked.push(seq);
        let is_active = self.active.as_ref().is_some_and(|it| it.first == first);
        if segment.left > 0 || (is_active && segment.end < REMOVE_BYTES_MIN) {
            return Some(first);
        }
        if is_active {
            self.close_active();
        } else {
            self.remove(first);
        }
        None
    }

    /// Writes what is done in a segment to the file beside it.
    fn mark(&mut self, first: u64) -> io::Result<()> {
        let Some(segment) = self.segments.get_mut(&first) else { return Ok(()) };
        let entries: Vec<u8> = segment.unmarked.iter().flat_map(|it| done_entry(*it)).collect();
        let file = match &mut segment.done {
            Some(file) => file,
            none => none.insert(self.folder.marks_file(first)?),
        };
        let before = file.metadata()?.len();
        if let Err(error) = file.write_all(&entries) {
            // Half an entry would hide those behind it.
            file.set_len(before)?;
            return Err(error);
        }
        segment.unmarked.clear();
        Ok(())
    }
}

impl QueueLog for Segments {
    fn fsync(&self) -> Fsync {
        self.fsync
    }

    fn backlog(&self) -> Backlog {
        self.backlog
    }

    fn unread(&self) -> u64 {
        self.unread
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn append(&mut self, record: &NewRecord<'_>, at_hand: bool) -> Result<Appended, Unstored> {
        let is_at_hand = at_hand && self.unread == 0;
        let seq = self.next_seq;
        let first = self.write(record)?;
        let Some(segment) = self.segments.get_mut(&first) else {
            return Ok(Appended { seq, is_at_hand });
        };
        if is_at_hand {
            let file = self.cursor.file.take().filter(|_| self.cursor.segment == first);
            self.cursor = Cursor { segment: first, offset: segment.end, file };
            self.skip.clear();
        } else {
            segment.unread += 1;
            self.unread += 1;
        }
        Ok(Appended { seq, is_at_hand })
    }

    fn next(&mut self) -> Result<Option<StoredRecord>, BoxError> {
        Ok(self
            .read()
            .map_err(|error| format!("cannot read {}: {error}", self.folder.0.display()))?)
    }

    fn done(&mut self, seqs: &[u64]) -> Result<(), BoxError> {
        let touched: BTreeSet<u64> = seqs.iter().filter_map(|it| self.settle(*it)).collect();
        let mut failed = None;
        for first in touched {
            failed = self.mark(first).err().or(failed);
        }
        let remedy = failed.as_ref().map_or("", crate::remedy);
        match failed {
            Some(error) => Err(format!("{}: {error}{remedy}", self.folder.0.display()).into()),
            None => Ok(()),
        }
    }

    fn refuse(&mut self, record: &StoredRecord, why: &str) {
        self.give_up(record.seq, u64::from(record.items), why);
    }

    fn sync(&mut self) -> LogSync {
        self.held.wait(self.next_seq);
        let is_broken = self.held.is_broken;
        let mut files: Vec<io::Result<File>> = self.unsynced.drain(..).map(Ok).collect();
        if let Some(active) = self.active.as_mut().filter(|it| !it.is_synced) {
            active.is_synced = true;
            // A second descriptor, so that what comes meanwhile is stored.
            files.push(active.file.try_clone());
        }
        let folder = self.folder.0.clone();
        Box::new(move || {
            if is_broken {
                let what = "what the disk did not take could not be written anew";
                return Err(format!("{}: {what}", folder.display()).into());
            }
            for file in files {
                let synced = file.and_then(|it| it.sync_data());
                synced.map_err(|error| format!("{}: {error}", folder.display()))?;
            }
            Ok(())
        })
    }

    fn synced(&mut self) {
        self.held.settle();
    }

    fn sync_failed(&mut self) -> Result<(), BoxError> {
        self.close_active();
        self.write_anew().map_err(|error| {
            let remedy = crate::remedy(&error);
            format!("{}: {error}{remedy}", self.folder.0.display()).into()
        })
    }
}

impl Drop for Segments {
    /// An empty queue leaves no file.
    fn drop(&mut self) {
        self.close_active();
    }
}

/// So much of the file system, or of what the queue may take of it, within limits.
fn segment_bytes(folder: &Path, limits: DiskLimits) -> u64 {
    let size = rustix::fs::statvfs(folder).map(|it| it.f_blocks.saturating_mul(it.f_frsize));
    let max = Some(limits.max_size).filter(|it| *it > 0).unwrap_or(u64::MAX);
    let part = (size.unwrap_or(u64::MAX) / SEGMENTS_PER_DISK).min(max / SEGMENTS_PER_QUEUE);
    part.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX)
}
