//! A key-value store in one append-only file.
//!
//! `SLJRNL01`, then records: `length u32 | crc32c u32 | sequence u64 | changes`, little endian; the sum
//! covers sequence and changes. A change is `1 | key | value` or `0 | key`, each text with its length in
//! a u32. A record is one `write`, so it is there whole or not at all; what follows the first record that
//! does not check is cut off. Everything is in memory as well; the file is only read when it is opened.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use component::Write;

const MAGIC: &[u8; 8] = b"SLJRNL01";
const HEAD_BYTES: usize = 16;
/// Longest record that is believed.
const RECORD_BYTES_MAX: usize = 64 << 20;
/// Smaller journals are not worth compacting.
const COMPACT_BYTES_MIN: u64 = 256 * 1024;

/// An open journal.
pub struct Journal {
    path: PathBuf,
    file: File,
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    live_bytes: u64,
    file_bytes: u64,
    sequence: u64,
    /// It is compacted when it is larger than this.
    compact_above: u64,
}

/// How a journal was found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// Whole, or new.
    Whole,
    /// So many bytes at its end did not check and were cut off.
    Cut(u64),
    /// It was no journal; it was put aside under this name.
    PutAside(PathBuf),
}

impl Journal {
    /// Opens or creates it. The lock is the caller's business.
    pub fn open(path: &Path) -> io::Result<(Self, Found)> {
        remove_if_there(&temporary(path))?;
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut found = Found::Whole;
        if !bytes.is_empty() && !bytes.starts_with(MAGIC) && !MAGIC.starts_with(&bytes) {
            let aside = path.with_extension("corrupt");
            fs::rename(path, &aside)?;
            found = Found::PutAside(aside);
        }
        let mut entries = BTreeMap::new();
        let (mut end, mut sequence) = (0, 0);
        if bytes.starts_with(MAGIC) {
            end = MAGIC.len();
            while let Some((next, number, changes)) = record(&bytes, end) {
                if apply(&mut entries, changes).is_none() {
                    break;
                }
                (end, sequence) = (next, number);
            }
            if end < bytes.len() {
                found = Found::Cut((bytes.len() - end) as u64);
            }
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.set_len(end as u64)?;
        if end == 0 {
            file.write_all(MAGIC)?;
            end = MAGIC.len();
        }
        let live_bytes = entries.iter().map(|(k, v)| entry_bytes(k, v)).sum();
        let path = path.to_owned();
        let (file_bytes, compact_above) = (end as u64, COMPACT_BYTES_MIN);
        let own = Self { path, file, entries, live_bytes, file_bytes, sequence, compact_above };
        Ok((own, found))
    }

    /// One value.
    pub fn get(&self, key: &[u8]) -> Option<&Vec<u8>> {
        self.entries.get(key)
    }

    /// Everything.
    pub fn entries(&self) -> impl Iterator<Item = (&Vec<u8>, &Vec<u8>)> {
        self.entries.iter()
    }

    /// The file, for its lock and for `fdatasync`.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// All changes or none.
    pub fn write(&mut self, changes: &[Write<'_>]) -> io::Result<()> {
        let mut body = Vec::with_capacity(64 * changes.len());
        for change in changes {
            encode(&mut body, change);
        }
        self.append(&body)?;
        for change in changes {
            match *change {
                Write::Put(key, value) => {
                    self.live_bytes += entry_bytes(key, value);
                    if let Some(old) = self.entries.insert(key.to_vec(), value.to_vec()) {
                        self.live_bytes -= entry_bytes(key, &old);
                    }
                }
                Write::Delete(key) => {
                    if let Some(old) = self.entries.remove(key) {
                        self.live_bytes -= entry_bytes(key, &old);
                    }
                }
            }
        }
        if self.file_bytes > self.compact_above && self.file_bytes > 4 * self.live_bytes {
            self.try_compact();
        }
        Ok(())
    }

    /// The change is written already: a journal that cannot be made smaller now (a full disk) is only larger, and is
    /// tried again when it has twice the size.
    fn try_compact(&mut self) {
        self.compact_above = COMPACT_BYTES_MIN;
        if let Err(error) = self.compact() {
            self.compact_above = self.file_bytes * 2;
            let (path, bytes) = (&self.path, self.file_bytes);
            tracing::warn!(%error, ?path, bytes, "a store could not be made smaller; it is tried again later");
            // What is left of it takes room on a disk that may be full.
            let _ = fs::remove_file(temporary(&self.path));
        }
    }

    fn append(&mut self, body: &[u8]) -> io::Result<()> {
        self.sequence += 1;
        let bytes = framed(self.sequence, body);
        if let Err(error) = self.file.write_all(&bytes) {
            // Half a record must not stand before whole ones.
            self.file.set_len(self.file_bytes)?;
            return Err(error);
        }
        self.file_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Writes what is alive beside the journal, then takes its place.
    fn compact(&mut self) -> io::Result<()> {
        let mut body = Vec::with_capacity(usize::try_from(self.live_bytes).unwrap_or_default());
        for (key, value) in &self.entries {
            encode(&mut body, &Write::Put(key, value));
        }
        let temporary = temporary(&self.path);
        let mut bytes = MAGIC.to_vec();
        bytes.extend(framed(self.sequence, &body));
        // One that was not finished may still be there.
        remove_if_there(&temporary)?;
        let mut file = OpenOptions::new().create_new(true).append(true).open(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        fs::rename(&temporary, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.file = file;
        self.file_bytes = bytes.len() as u64;
        Ok(())
    }
}

fn temporary(path: &Path) -> PathBuf {
    path.with_extension("tmp")
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn entry_bytes(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len() + 9) as u64
}

/// [`RECORD_BYTES_MAX`] keeps records far below 4 GiB.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn framed(sequence: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
    bytes.extend(length(body).to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&sequence.to_le_bytes()), body);
    bytes.extend(crc.to_le_bytes());
    bytes.extend(sequence.to_le_bytes());
    bytes.extend(body);
    bytes
}

fn encode(out: &mut Vec<u8>, change: &Write<'_>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn write(journal: &mut Journal, key: &str, value: &str) {
        journal.write(&[Write::Put(key.as_bytes(), value.as_bytes())]).unwrap();
    }

    fn all(journal: &Journal) -> Vec<(String, String)> {
        let text = |it: &Vec<u8>| String::from_utf8(it.clone()).unwrap();
        journal.entries().map(|(k, v)| (text(k), text(v))).collect()
    }

    #[test]
    fn what_was_written_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let (mut journal, _) = Journal::open(&path).unwrap();
        write(&mut journal, "a", "1");
        write(&mut journal, "b", "2");
        journal.write(&[Write::Delete(b"a"), Write::Put(b"c", b"3")]).unwrap();
        let want = all(&journal);
        let (again, found) = Journal::open(&path).unwrap();
        assert_eq!((all(&again), found), (want, Found::Whole));
        assert_eq!(again.get(b"c"), Some(&b"3".to_vec()));
    }

    #[test]
    fn any_cut_or_flipped_bit_leaves_a_prefix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let (mut journal, _) = Journal::open(&path).unwrap();
        let mut prefixes = vec![all(&journal)];
        for n in 0..5 {
            write(&mut journal, "k", &n.to_string());
            prefixes.push(all(&journal));
        }
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            fs::write(&path, &bytes[..at]).unwrap();
            assert!(prefixes.contains(&all(&Journal::open(&path).unwrap().0)), "cut at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            fs::write(&path, &flipped).unwrap();
            assert!(prefixes.contains(&all(&Journal::open(&path).unwrap().0)), "flip at {at}");
        }
    }

    #[test]
    fn it_stays_small_however_often_a_key_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let (mut journal, _) = Journal::open(&path).unwrap();
        for n in 0..20_000 {
            write(&mut journal, "offset", &format!("{n:020}"));
        }
        assert!(fs::metadata(&path).unwrap().len() < 2 * COMPACT_BYTES_MIN);
        drop(journal);
        let (journal, _) = Journal::open(&path).unwrap();
        assert_eq!(all(&journal), [("offset".to_owned(), format!("{:020}", 19_999))]);
    }

    #[test]
    fn a_compaction_that_failed_once_blocks_no_later_one_and_no_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let (mut journal, _) = Journal::open(&path).unwrap();
        // A folder in its place: neither to be removed as a file nor to be made anew.
        fs::create_dir(temporary(&path)).unwrap();
        let size = || fs::metadata(&path).unwrap().len();
        while size() < 2 * COMPACT_BYTES_MIN {
            write(&mut journal, "offset", "00000000000000000000");
        }
        fs::remove_dir(temporary(&path)).unwrap();
        fs::write(temporary(&path), "left over").unwrap();
        for n in 0..20_000 {
            write(&mut journal, "offset", &format!("{n:020}"));
        }
        assert!(size() < 2 * COMPACT_BYTES_MIN, "{}", size());
        drop(journal);
        let (journal, _) = Journal::open(&path).unwrap();
        assert_eq!(all(&journal), [("offset".to_owned(), format!("{:020}", 19_999))]);
    }
}
