//! What was written and the disk may not have, until it has said that it does.
//!
//! The kernel tells of an error of the disk once, and then takes what it could not write for written: a second wait would
//! call a loss a success. So a segment whose wait has failed is not trusted any more. It is written anew beside itself,
//! with these records in the place of what the kernel believes to be there, waited for, and put in its place: numbers and
//! offsets stay what they were.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use tracing::info;

use super::Segments;

/// Most bytes that are held. What is beyond is written as the kernel has it.
const HELD_BYTES_MAX: usize = 64 << 20;

/// The records that are held, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Held {
    records: BTreeMap<u64, Record>,
    bytes: usize,
    /// Those below are a part of the wait that is under way.
    waited_below: u64,
    /// Some could not be written anew.
    pub(super) is_broken: bool,
}

#[derive(Debug)]
struct Record {
    segment: u64,
    offset: u64,
    pieces: Vec<Bytes>,
}

impl Record {
    fn bytes(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }
}

impl Held {
    /// A record was written at `offset` of a segment. Its pieces are shared, and its sender holds them anyway until it has
    /// arrived, unless so much waits that it is read from the disk again.
    pub(super) fn keep(&mut self, seq: u64, (segment, offset): (u64, u64), pieces: Vec<Bytes>) {
        let record = Record { segment, offset, pieces };
        let bytes = record.bytes();
        if self.bytes + bytes <= HELD_BYTES_MAX {
            self.bytes += bytes;
            self.records.insert(seq, record);
        }
    }

    /// It is not needed any more.
    pub(super) fn forget(&mut self, seq: u64) {
        if let Some(record) = self.records.remove(&seq) {
            self.bytes -= record.bytes();
        }
    }

    /// A wait begins for all below `seq`.
    pub(super) fn wait(&mut self, seq: u64) {
        self.waited_below = seq;
    }

    /// The wait was a success.
    pub(super) fn settle(&mut self) {
        let later = self.records.split_off(&self.waited_below);
        self.bytes = later.values().map(Record::bytes).sum();
        self.records = later;
    }

    fn segments(&self) -> BTreeSet<u64> {
        self.records.values().map(|it| it.segment).collect()
    }

    fn forget_segment(&mut self, first: u64) {
        self.records.retain(|_, it| it.segment != first);
        self.bytes = self.records.values().map(Record::bytes).sum();
    }

    /// Puts what is held of a segment over its bytes.
    fn lay_over(&self, first: u64, bytes: &mut [u8]) {
        for record in self.records.values().filter(|it| it.segment == first) {
            let mut at = usize::try_from(record.offset).unwrap_or(usize::MAX);
            for piece in &record.pieces {
                let end = at.saturating_add(piece.len());
                if let Some(place) = bytes.get_mut(at..end) {
                    place.copy_from_slice(piece);
                }
                at = end;
            }
        }
    }
}

impl Segments {
    /// Writes the segments anew of which something is held. Nothing more may go into them.
    pub(super) fn write_anew(&mut self) -> io::Result<()> {
        let segments = self.held.segments();
        self.held.is_broken = !segments.is_empty();
        for first in &segments {
            if self.segments.contains_key(first) {
                self.write_segment_anew(*first)?;
            }
            self.held.forget_segment(*first);
        }
        if self.held.is_broken {
            self.folder.sync()?;
            let (folder, segments) = (self.folder.0.display(), segments.len());
            info!(%folder, segments, "what the disk did not take of a queue was written anew; nothing is lost");
        }
        self.held.is_broken = false;
        Ok(())
    }

    fn write_segment_anew(&mut self, first: u64) -> io::Result<()> {
        let end = self.segments.get(&first).map_or(0, |it| it.end);
        let old = match self.folder.segment(first) {
            Ok(file) => file,
            // Somebody has removed it: what is not in memory is gone, and is counted when it is read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut bytes = vec![0; usize::try_from(end).map_err(io::Error::other)?];
        old.read_exact_at(&mut bytes, 0)?;
        self.held.lay_over(first, &mut bytes);
        self.folder.replace_segment(first, &bytes)?;
        if self.cursor.segment == first {
            // It still reads the file that is no more.
            self.cursor.file = None;
        }
        Ok(())
    }
}
