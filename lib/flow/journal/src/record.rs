//! The bytes of a journal. Pure.
//!
//! `SLJRNL01`, then records: `length u32 | crc32c u32 | sequence u64 | changes`, little endian; the sum
//! covers sequence and changes. A change is `1 | key | value` or `0 | key`, each text with its length in
//! a u32.

use std::collections::BTreeMap;

use component::Write;

pub(crate) const MAGIC: &[u8; 8] = b"SLJRNL01";
const HEAD_BYTES: usize = 16;
/// Longest record that is believed.
const RECORD_BYTES_MAX: usize = 64 << 20;

pub(crate) type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// What was read of a journal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recovered {
    pub entries: Entries,
    /// Where the last record ends that checks.
    pub end: usize,
    /// The number of that record; 0 without one.
    pub sequence: u64,
    pub rest: Rest,
}

/// What stands behind the last record that checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing.
    Whole,
    /// The last write, which is not whole: the machine died.
    Torn,
    /// Something that was whole once: it is no journal, or a record behind the damage still checks.
    Damaged,
}

/// Applies records from the start until one does not check: a prefix of what was written.
pub(crate) fn recover(bytes: &[u8]) -> Recovered {
    let (mut entries, mut end, mut sequence) = (BTreeMap::new(), 0, 0);
    if bytes.starts_with(MAGIC) {
        end = MAGIC.len();
        while let Some((next, number, changes)) = record(bytes, end) {
            if apply(&mut entries, changes).is_none() {
                break;
            }
            (end, sequence) = (next, number);
        }
    }
    let is_behind = |at: usize| record(bytes, at).is_some_and(|it| it.1 > sequence);
    let rest = match bytes.len() {
        length if length == end => Rest::Whole,
        _ if end == 0 && MAGIC.starts_with(bytes) => Rest::Torn,
        _ if end == 0 => Rest::Damaged,
        length if (end + 1..length).any(is_behind) => Rest::Damaged,
        _ => Rest::Torn,
    };
    Recovered { entries, end, sequence, rest }
}

pub(crate) fn entry_bytes(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len() + 9) as u64
}

/// [`RECORD_BYTES_MAX`] keeps records far below 4 GiB.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

pub(crate) fn framed(sequence: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
    bytes.extend(length(body).to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&sequence.to_le_bytes()), body);
    bytes.extend(crc.to_le_bytes());
    bytes.extend(sequence.to_le_bytes());
    bytes.extend(body);
    bytes
}

pub(crate) fn encode(out: &mut Vec<u8>, change: &Write<'_>) {
    let (put, texts) = match *change {
        Write::Put(key, value) => (1, [Some(key), Some(value)]),
        Write::Delete(key) => (0, [Some(key), None]),
    };
    out.push(put);
    for text in texts.into_iter().flatten() {
        out.extend(length(text).to_le_bytes());
        out.extend(text);
    }
}

/// Carries out the changes of a record; `None` when they make no sense.
fn apply(entries: &mut BTreeMap<Vec<u8>, Vec<u8>>, mut changes: &[u8]) -> Option<()> {
    while let Some((put, rest)) = changes.split_first() {
        changes = rest;
        let key = text(&mut changes)?;
        if *put == 1 {
            entries.insert(key.to_vec(), text(&mut changes)?.to_vec());
        } else {
            entries.remove(key);
        }
    }
    Some(())
}

fn text<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = from.split_first_chunk::<4>()?;
    let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *from = rest;
    Some(text)
}

/// The record at `at`: where the next one begins, its number and its changes.
fn record(bytes: &[u8], at: usize) -> Option<(usize, u64, &[u8])> {
    let head = bytes.get(at..at + HEAD_BYTES)?;
    let length = u32::from_le_bytes(head.get(..4)?.try_into().ok()?) as usize;
    let crc = u32::from_le_bytes(head.get(4..8)?.try_into().ok()?);
    let sequence = u64::from_le_bytes(head.get(8..)?.try_into().ok()?);
    let start = at + HEAD_BYTES;
    let body = bytes.get(start..start + length.min(RECORD_BYTES_MAX))?;
    let sum = crc32c::crc32c_append(crc32c::crc32c(&sequence.to_le_bytes()), body);
    (body.len() == length && sum == crc).then_some((start + length, sequence, body))
}
