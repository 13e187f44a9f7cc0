//! One file that is followed.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use component::Place;
use golang::fnv::fnv1a_64;
use tokio::time::Instant;

use crate::FileKey;
use crate::archive::Content;
use crate::book::{Entry, TAIL_BYTES};
use crate::identity::Head;
use crate::rewrites::Rewrites;
use crate::source::Source;
use crate::watch::Watch;
use crate::watermark::Watermark;

/// Longer than the time between two walks.
const LATELY: Duration = Duration::from_secs(30);

/// A file is not read before another one has been.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait {
    pub key: FileKey,
    /// Up to here: what the other one had when the wait began. What is written to it later does not count.
    pub until: u64,
    /// How far the other one was when it was last looked at, and when that was.
    pub seen: (u64, Instant),
}

/// A record at the end of a file that has no end of its own so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Partial {
    /// Where the file ended.
    pub end: u64,
    pub since: Instant,
    /// It has waited for long enough: unless the file has grown, it is a record as it is.
    pub is_due: bool,
}

/// One file that is followed. `F` is what the sink knows it by.
#[expect(clippy::struct_excessive_bools, reason = "until the states of a file have names")]
pub(crate) struct Tracked<F> {
    /// Where the path leads, when it is a symbolic link.
    pub real: Option<PathBuf>,
    /// What is or will be in the checkpoint.
    pub entry: Entry,
    pub file: F,
    /// `None` while it is closed to save descriptors.
    pub source: Option<Source>,
    pub head: Head,
    /// First byte that was neither handed on nor passed over.
    pub position: u64,
    /// The rest of an over-long record is being passed over.
    pub skipping: bool,
    /// Lines still belong to the header.
    pub in_header: bool,
    /// The header was read and belongs into the checkpoint.
    pub header_done: bool,
    /// Without those of the header.
    pub attributes: Vec<(String, String)>,
    /// End of the last record that was handed to the sink.
    pub fed: u64,
    /// What the sink has let go of, or has in a chunk.
    pub safe: u64,
    pub watermark: Watermark,
    /// Ends of records above the watermark and their numbers, when they are counted.
    pub numbers: VecDeque<(u64, u64)>,
    pub number: u64,
    /// Waits to be read.
    pub queued: bool,
    /// The kernel will say when it is written.
    pub watch: Option<Watch>,
    /// Bytes read since it was last read to its end.
    pub burst: u64,
    pub partial: Option<Partial>,
    /// That of the last chunk with something of this file, or of the one that this one goes on after.
    pub place: Option<Place>,
    /// Read to its end when last looked at.
    pub ended: bool,
    /// Not read before another one.
    pub after: Option<Wait>,
    /// A copy of `after`: it goes on where that one ends.
    pub is_copy: bool,
    /// These wait for the end of this one.
    pub followers: Vec<FileKey>,
    /// Taken up from a checkpoint of an earlier run.
    pub resumed: bool,
    /// Its entry names the archive that was made of it; our descriptor is all that is left of itself.
    pub archived: bool,
    /// Size on disk when it was last looked at.
    pub disk_size: u64,
    /// Where it is no longer found by its path: renamed or removed.
    pub detached: bool,
    /// Nothing refers to it but our descriptor.
    pub unlinked: bool,
    /// When bytes were last found.
    pub active: Instant,
    /// The sink has been told that nothing more comes.
    pub finished: bool,
    /// The last bytes before `position` that were read, at most [`TAIL_BYTES`].
    pub tail: Vec<u8>,
    /// How often what is at its path began anew.
    pub rewrites: Rewrites,
    /// It was said what is wrong with it.
    pub damaged: bool,
}

impl<F> Tracked<F> {
    /// One that goes on where its entry says.
    pub fn new(entry: Entry, file: F, source: Source, head: Head) -> Self {
        let offset = entry.offset;
        Self {
            real: None,
            file,
            source: Some(source),
            head,
            position: offset,
            skipping: false,
            in_header: false,
            header_done: false,
            attributes: Vec::new(),
            fed: offset,
            safe: offset,
            watermark: Watermark::new(offset),
            numbers: VecDeque::new(),
            number: entry.number,
            queued: false,
            watch: None,
            burst: 0,
            partial: None,
            place: None,
            ended: false,
            after: None,
            is_copy: false,
            followers: Vec::new(),
            resumed: false,
            archived: false,
            disk_size: 0,
            detached: false,
            unlinked: false,
            active: Instant::now(),
            finished: false,
            tail: Vec::new(),
            rewrites: Rewrites::default(),
            damaged: false,
            entry,
        }
    }

    pub fn path(&self) -> &PathBuf {
        &self.entry.path
    }

    /// Begins at `offset`, where nothing has been read yet.
    pub fn start_at(&mut self, offset: u64, number: u64) {
        (self.position, self.fed, self.safe) = (offset, offset, offset);
        (self.number, self.entry.number, self.entry.offset) = (number, number, offset);
        self.watermark = Watermark::new(offset);
    }

    /// End of what is known of the file: read, or waiting for the end of its record.
    pub fn known_end(&self) -> u64 {
        self.partial.map_or(self.position, |it| it.end)
    }

    /// Up to where the next chunk is answerable.
    pub fn sendable(&self) -> u64 {
        if self.fed <= self.safe || self.finished { self.position } else { self.safe }
    }

    /// Remembers the end of the bytes that were used up.
    pub fn remember_tail(&mut self, used: &[u8]) {
        let used = &used[used.len().saturating_sub(TAIL_BYTES)..];
        let surplus = (self.tail.len() + used.len()).saturating_sub(TAIL_BYTES);
        self.tail.drain(..surplus.min(self.tail.len()));
        self.tail.extend_from_slice(used);
    }

    /// Hash of the bytes before `position`; 0 when they are not all known.
    pub fn tail_hash(&self) -> u64 {
        let known = self.tail.len() as u64 == self.position.min(TAIL_BYTES as u64);
        if known { fnv1a_64(&[&self.tail]) } else { 0 }
    }

    /// Moves the checkpoint to the watermark.
    pub fn advance_entry(&mut self) {
        self.entry.offset = self.watermark.done();
        self.entry.size = self.entry.size.max(self.known_end());
        while let Some((_, number)) = self.numbers.front().filter(|it| it.0 <= self.entry.offset) {
            self.entry.number = *number;
            self.numbers.pop_front();
        }
        self.entry.tail = if self.entry.offset == self.position { self.tail_hash() } else { 0 };
    }

    /// False when a file that was read lately no longer begins as it did: it was written anew, and has by
    /// chance the same bytes before our position.
    pub fn begins_as_before(&self) -> bool {
        let Some(Source::Plain(file)) = &self.source else { return true };
        self.active.elapsed() > LATELY || self.head.still_fits(file)
    }

    /// What was read of it.
    pub fn content(&self) -> Content {
        let fingerprint = self.entry.fingerprint;
        Content { fingerprint, length: self.position, tail: self.tail_hash() }
    }

    /// False while what was sent of it last could be overtaken.
    pub fn place_is_kept(&self) -> bool {
        self.place.as_ref().is_none_or(Place::is_kept)
    }

    /// Everything is read and answered.
    pub fn is_done(&self) -> bool {
        self.watermark.done() == self.position && !self.queued && self.partial.is_none()
    }
}
