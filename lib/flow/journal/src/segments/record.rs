//! The bytes of a segment. Pure.
//!
//! `SLQSEG01`, then records: a header of 32 bytes, then head and body. The header is, little endian,
//! `header crc32c u32 | payload crc32c u32 | length u32 | head length u32 | sequence u64 | kind u16 | flags u16 |
//! items u32`; its own sum covers the rest of it, the other one head and body, `length` is of both. The header has a
//! sum of its own for two reasons: an index is made without reading what is in the records, and of a record whose
//! payload is damaged we still know where the next one begins and how many items are lost.
//!
//! Beside a segment is a file of what is done in it: `sequence u64 | crc32c u32` for each record.

use std::io::{self, Read, Seek};

pub(crate) const MAGIC: &[u8; 8] = b"SLQSEG01";
pub(crate) const HEADER_BYTES: usize = 32;
const DONE_BYTES: usize = 12;
/// A number that is so much higher than the one before is not believed.
const GAP_MAX: u64 = 1 << 20;

/// What stands before a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub payload_crc: u32,
    pub length: u32,
    pub head_length: u32,
    pub seq: u64,
    pub kind: u16,
    pub items: u32,
}

impl Header {
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        let mut at = 4;
        let mut put = |bytes: &[u8]| {
            let end = at + bytes.len();
            if let Some(place) = out.get_mut(at..end) {
                place.copy_from_slice(bytes);
            }
            at = end;
        };
        put(&self.payload_crc.to_le_bytes());
        put(&self.length.to_le_bytes());
        put(&self.head_length.to_le_bytes());
        put(&self.seq.to_le_bytes());
        put(&self.kind.to_le_bytes());
        put(&0u16.to_le_bytes());
        put(&self.items.to_le_bytes());
        let crc = crc32c::crc32c(out.get(4..).unwrap_or_default());
        if let Some(place) = out.first_chunk_mut() {
            *place = crc.to_le_bytes();
        }
        out
    }

    /// `None` when it does not check.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        let u32_at = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let (crc, rest) = (u32_at(0)?, bytes.get(4..)?);
        let header = Self {
            payload_crc: u32_at(4)?,
            length: u32_at(8)?,
            head_length: u32_at(12)?,
            seq: u64::from_le_bytes(*bytes.get(16..)?.first_chunk()?),
            kind: u16::from_le_bytes(*bytes.get(24..)?.first_chunk()?),
            items: u32_at(28)?,
        };
        (crc == crc32c::crc32c(rest) && header.head_length <= header.length).then_some(header)
    }

    /// Length on disk.
    pub fn record_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.length)
    }

    /// Bytes of telemetry in it.
    pub fn body_bytes(&self) -> u64 {
        u64::from(self.length - self.head_length)
    }
}

/// What is in a segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    /// Where records begin, and their headers.
    pub records: Vec<(u64, Header)>,
    /// Bytes between records that are none, and how many records were there at least.
    pub damage: Vec<Damaged>,
    /// Where the last record ends.
    pub end: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damaged {
    pub at: u64,
    pub records: u64,
}

/// Reads the headers of a segment of `length` bytes whose first record has number `first` or a higher one. What is cut
/// short at its end is no damage: the process died while it wrote, and nobody was told that it is stored.
pub(crate) fn index<R: Read + Seek>(reader: &mut R, length: u64, first: u64) -> io::Result<Index> {
    let mut index = Index { end: MAGIC.len() as u64, ..Index::default() };
    if length < MAGIC.len() as u64 {
        return Ok(index);
    }
    let (mut at, mut next) = (MAGIC.len() as u64, first);
    while at + HEADER_BYTES as u64 <= length {
        reader.seek(io::SeekFrom::Start(at))?;
        let mut bytes = [0; HEADER_BYTES];
        reader.read_exact(&mut bytes)?;
        match Header::decode(&bytes).filter(|it| it.seq == next) {
            Some(header) if at + header.record_bytes() > length => break,
            Some(header) => {
                index.records.push((at, header));
                at += header.record_bytes();
                (next, index.end) = (header.seq + 1, at);
            }
            None => {
                let Some((behind, seq)) = search(reader, at, length, next)? else {
                    if !is_unwritten(reader, at)? {
                        index.damage.push(Damaged { at, records: 1 });
                    }
                    break;
                };
                index.damage.push(Damaged { at, records: seq - next });
                (at, next) = (behind, seq);
            }
        }
    }
    Ok(index)
}

/// The next place behind `at` where a whole record begins, and its number.
fn search<R: Read + Seek>(
    reader: &mut R,
    at: u64,
    length: u64,
    next: u64,
) -> io::Result<Option<(u64, u64)>> {
    let bytes = rest(reader, at)?;
    for (skipped, window) in bytes.windows(HEADER_BYTES).enumerate().skip(1) {
        let place = at + skipped as u64;
        let found = Header::decode(window).filter(|it| (next..next + GAP_MAX).contains(&it.seq));
        if let Some(header) = found.filter(|it| place + it.record_bytes() <= length) {
            return Ok(Some((place, header.seq)));
        }
    }
    Ok(None)
}

/// True when there are only zeros: the machine died before the disk had what the file was made longer for.
fn is_unwritten<R: Read + Seek>(reader: &mut R, at: u64) -> io::Result<bool> {
    Ok(rest(reader, at)?.iter().all(|it| *it == 0))
}

/// A segment is not much longer than `SEGMENT_BYTES_MAX`, or is one record.
fn rest<R: Read + Seek>(reader: &mut R, at: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.seek(io::SeekFrom::Start(at))?;
    reader.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Says of a record that it is done.
pub(crate) fn done_entry(seq: u64) -> [u8; DONE_BYTES] {
    let mut out = [0; DONE_BYTES];
    let bytes = seq.to_le_bytes();
    let crc = crc32c::crc32c(&bytes).to_le_bytes();
    out.iter_mut().zip(bytes.iter().chain(&crc)).for_each(|(place, byte)| *place = *byte);
    out
}

/// The numbers of what is done. An entry that does not check is left out: its record comes again.
pub(crate) fn done_entries(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks_exact(DONE_BYTES).filter_map(|entry| {
        let seq = u64::from_le_bytes(*entry.first_chunk()?);
        (done_entry(seq) == *entry).then_some(seq)
    })
}
