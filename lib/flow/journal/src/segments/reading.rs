//! What a queue gives out: the records behind its cursor, and what becomes of those that cannot be read.

use std::io;
use std::ops::Bound;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use component::{QueueLog as _, StoredRecord};

use super::record::{HEADER_BYTES, Header, MAGIC};
use super::{Cursor, Segments};

impl Segments {
    /// Reads at the cursor. `None` behind the last record.
    pub(super) fn read(&mut self) -> io::Result<Option<StoredRecord>> {
        loop {
            let Some((&first, segment)) = self.segments.range(self.cursor.segment..).next() else {
                return Ok(None);
            };
            if first != self.cursor.segment || self.cursor.offset == 0 {
                self.cursor = Cursor { segment: first, offset: MAGIC.len() as u64, file: None };
            }
            if let Some(behind) = segment.jumps.get(&self.cursor.offset) {
                self.cursor.offset = *behind;
            }
            if self.cursor.offset >= segment.end || segment.unread == 0 {
                let behind = (Bound::Excluded(first), Bound::Unbounded);
                let Some((&next, _)) = self.segments.range(behind).next() else { return Ok(None) };
                self.skip.retain(|it| *it >= next);
                self.cursor = Cursor { segment: next, offset: 0, file: None };
                continue;
            }
            let end = segment.end;
            let record = match self.read_record(first, end) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Err(None),
                record => record?,
            };
            match record {
                Ok(record) if self.skip.remove(&record.seq) => {}
                Ok(record) => {
                    self.count_read(first);
                    return Ok(Some(record));
                }
                Err(Some(header)) => {
                    if !self.skip.remove(&header.seq) {
                        self.count_read(first);
                        self.give_up(
                            header.seq,
                            u64::from(header.items),
                            "a record does not check",
                        );
                    }
                }
                Err(None) => self.give_up_rest(first),
            }
        }
    }

    /// The record at the cursor, which then is behind it; `Err` with the header of one that does not check.
    fn read_record(
        &mut self,
        first: u64,
        end: u64,
    ) -> io::Result<Result<StoredRecord, Option<Header>>> {
        let (folder, cursor) = (&self.folder, &mut self.cursor);
        let file = match &mut cursor.file {
            Some(file) => file,
            none => none.insert(folder.segment(first)?),
        };
        let mut bytes = [0; HEADER_BYTES];
        file.read_exact_at(&mut bytes, cursor.offset)?;
        let header = Header::decode(&bytes);
        let Some(header) = header.filter(|it| cursor.offset + it.record_bytes() <= end) else {
            return Ok(Err(None));
        };
        let mut payload = vec![0; usize::try_from(header.length).unwrap_or_default()];
        file.read_exact_at(&mut payload, cursor.offset + HEADER_BYTES as u64)?;
        cursor.offset += header.record_bytes();
        if crc32c::crc32c(&payload) != header.payload_crc {
            return Ok(Err(Some(header)));
        }
        let mut body = Bytes::from(payload);
        let head = body.split_to(usize::try_from(header.head_length).unwrap_or_default());
        let Header { seq, kind, items, .. } = header;
        Ok(Ok(StoredRecord { seq, kind, items, head, body }))
    }

    fn count_read(&mut self, first: u64) {
        if let Some(segment) = self.segments.get_mut(&first) {
            segment.unread = segment.unread.saturating_sub(1);
            self.unread = self.unread.saturating_sub(1);
        }
    }

    pub(super) fn give_up(&mut self, seq: u64, items: u64, why: &str) {
        let first = self.segments.range(..=seq).next_back().map(|(first, _)| *first);
        if let Some(first) = first {
            self.folder.quarantine(first, &format!("{why} (number {seq})"));
        }
        self.lost.add(items);
        // If it cannot be noted it is found, and counted, again.
        let _ = self.done(&[seq]);
    }

    /// The disk has changed a header since the queue was opened, so that where the next record begins is not known any
    /// more; or somebody has removed the segment.
    fn give_up_rest(&mut self, first: u64) {
        self.folder
            .quarantine(first, &format!("no record begins at offset {}", self.cursor.offset));
        let Some(segment) = self.segments.get_mut(&first) else { return };
        let unread = std::mem::take(&mut segment.unread);
        self.unread = self.unread.saturating_sub(unread);
        segment.left = segment.left.saturating_sub(unread);
        let is_empty = segment.left == 0;
        self.lost.add(unread);
        if is_empty && self.active.as_ref().is_none_or(|it| it.first != first) {
            self.remove(first);
        }
    }
}
