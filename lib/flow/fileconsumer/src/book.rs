//! The checkpoints: what is known about each file, in memory and, with a `storage`, on disk.
//!
//! Two records per file: `f<id>` says which file it is and changes rarely; `o<id>` says how far it is
//! done and is written whenever the watermark has moved. One more, `w`, says when the last walk began.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use component::{BoxError, HandedOver, PipelineId, StorageClient, Write};

use crate::identity::{Fingerprint, Identity};
use crate::partition::{add_part, is_of_part, parts};

/// First byte of each record.
const VERSION: u8 = 1;
/// Flags of a file.
const GZIP: u8 = 1;
const PASSED_OVER: u8 = 2;
const COMPLETE: u8 = 4;
/// Key of the record about walks.
const WALK: &[u8] = b"w";
/// Most files that are remembered without being open; the oldest is forgotten first.
const REMEMBERED_MAX: usize = 20_000;
/// Bytes before the offset that are hashed, to recognise a copy.
pub(crate) const TAIL_BYTES: usize = 64;

/// Names a file in the store.
pub(crate) type EntryId = u64;

/// What is known about one file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    pub id: EntryId,
    pub identity: Identity,
    /// The bytes counted by `offset` are what a gzip file holds.
    pub gzip: bool,
    pub fingerprint: Fingerprint,
    /// Under which it was found and whose attributes its records carry.
    pub path: PathBuf,
    /// From the lines of `header:`.
    pub attributes: Vec<(String, String)>,
    /// Everything below is done.
    pub offset: u64,
    /// Largest size seen.
    pub size: u64,
    /// Records below the offset; 0 when they are not counted.
    pub number: u64,
    /// Hash of the last bytes before the offset, at most [`TAIL_BYTES`].
    pub tail: u64,
    /// An archive that was there before us: it is known so that it is not read.
    pub passed_over: bool,
    /// A compressed archive that was read to its end and answered: its size does not say how much it holds.
    pub is_complete: bool,
}

impl Entry {
    /// True when nothing is left to read of it, if it is of this size.
    pub(crate) fn is_done(&self, size: u64) -> bool {
        self.passed_over || self.is_complete || (!self.gzip && self.offset == size)
    }
}

/// All entries that no open file owns, and the way to the store.
pub(crate) struct Book {
    client: Option<Arc<dyn StorageClient>>,
    closed: BTreeMap<EntryId, Entry>,
    by_place: HashMap<(u64, u64), BTreeSet<EntryId>>,
    by_path: BTreeMap<PathBuf, BTreeSet<EntryId>>,
    next: EntryId,
    pending: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    loaded: bool,
    walked_at: Option<SystemTime>,
    /// What the own readers of single pipelines have left.
    parts: BTreeMap<PipelineId, HandedOver>,
}

impl Book {
    /// Reads what an earlier run has written.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn open(client: Option<Arc<dyn StorageClient>>) -> Result<Self, BoxError> {
        let records = client.as_ref().map_or_else(|| Ok(Vec::new()), |it| it.scan())?;
        let parts = parts(records.iter().map(|it| (&it.0, &it.1)));
        Ok(Self { client, parts, ..Self::read(&records) })
    }

    fn read(records: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let mut book = Self {
            client: None,
            closed: BTreeMap::new(),
            by_place: HashMap::new(),
            by_path: BTreeMap::new(),
            next: 1,
            pending: BTreeMap::new(),
            loaded: false,
            walked_at: None,
            parts: BTreeMap::new(),
        };
        let walk = records.iter().find(|it| it.0 == WALK).and_then(|it| read_walk(&it.1));
        book.walked_at = walk;
        for (key, value) in records.iter().filter(|it| it.0.first() == Some(&b'f')) {
            if let (Some(id), Some(entry)) = (key_id(key), read_file(value)) {
                book.insert(Entry { id, ..entry });
            } else {
                tracing::warn!(
                    "a checkpoint record cannot be read; its file is read from the beginning"
                )
            }
        }
        for (key, value) in records.iter().filter(|it| it.0.first() == Some(&b'o')) {
            let entry = key_id(key).and_then(|it| book.closed.get_mut(&it));
            if let (Some(entry), Some([offset, size, number, tail])) = (entry, read_offset(value)) {
                (entry.offset, entry.size, entry.number, entry.tail) = (offset, size, number, tail);
            }
        }
        let files = records.iter().filter(|it| !is_of_part(&it.0));
        book.next = files.filter_map(|it| key_id(&it.0)).max().unwrap_or(0) + 1;
        book.loaded = !records.is_empty();
        book
    }

    /// Goes on with what another reader of the same files knew when it ended, whatever the store holds.
    pub(crate) fn take_over(&mut self, mut records: HandedOver) {
        let parts = parts(records.iter());
        records.retain(|key, _| !is_of_part(key));
        let client = self.client.take();
        // It could be read a moment ago; what cannot be now is written over.
        let stored = client.as_ref().and_then(|it| it.scan().ok()).unwrap_or_default();
        *self =
            Self::read(&records.iter().map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>());
        (self.client, self.parts) = (client, parts);
        self.loaded = true;
        // Parts belong to the readers that go on with them.
        let gone = stored.iter().filter(|it| !records.contains_key(&it.0) && !is_of_part(&it.0));
        self.pending.extend(gone.map(|it| (it.0.clone(), None)));
        let new = records
            .into_iter()
            .filter(|(key, value)| !stored.iter().any(|it| it.0 == *key && it.1 == *value));
        self.pending.extend(new.map(|(key, value)| (key, Some(value))));
    }

    /// Everything that is known, for who reads the same files next. Open files must have been put back.
    pub(crate) fn records(&self) -> HandedOver {
        self.records_with(std::iter::empty())
    }

    /// The same with the entries of open files.
    pub(crate) fn records_with<'a>(&'a self, open: impl Iterator<Item = &'a Entry>) -> HandedOver {
        let all = self.closed.values().chain(open);
        let files = all.flat_map(|it| {
            [(key(b'f', it.id), write_file(it)), (key(b'o', it.id), write_offset(it))]
        });
        files.chain(self.walked_at.map(|it| (WALK.to_vec(), write_walk(it)))).collect()
    }

    /// What the own readers of single pipelines have left.
    pub(crate) fn take_parts(&mut self) -> BTreeMap<PipelineId, HandedOver> {
        std::mem::take(&mut self.parts)
    }

    /// Forgets what such a reader has left.
    pub(crate) fn forget_part(&mut self, pipeline: &PipelineId, records: &HandedOver) {
        let mut all = HandedOver::new();
        add_part(&mut all, pipeline, records.clone());
        self.pending.extend(all.into_keys().map(|it| (it, None)));
    }

    /// Forgets everything, in the store, too.
    pub(crate) fn erase(&mut self) -> Result<(), BoxError> {
        let stored = self.client.as_ref().map_or_else(|| Ok(Vec::new()), |it| it.scan())?;
        self.pending = stored.into_iter().map(|it| (it.0, None)).collect();
        self.flush()
    }

    /// True when an earlier run left checkpoints, also if it had no file yet: what came since is read whole.
    pub(crate) fn has_history(&self) -> bool {
        self.loaded
    }

    /// When the last walk began, in this run or the one before: what was there then is known.
    pub(crate) fn walked_at(&self) -> Option<SystemTime> {
        self.walked_at
    }

    /// For a store that does not say when the last walk began: not before this time.
    pub(crate) fn walked_since(&mut self, at: Option<SystemTime>) {
        self.walked_at = self.walked_at.or(at);
    }

    /// Notes that what was there at this time is known.
    pub(crate) fn note_walk(&mut self, at: SystemTime) {
        self.walked_at = Some(at);
        self.pending.insert(WALK.to_vec(), Some(write_walk(at)));
    }

    /// A number that no entry ever had.
    pub(crate) fn new_id(&mut self) -> EntryId {
        self.next += 1;
        self.next - 1
    }

    /// Entries without an open file.
    pub(crate) fn closed(&self) -> impl Iterator<Item = &Entry> {
        self.closed.values()
    }

    /// The entry without an open file of this one.
    pub(crate) fn find(&self, identity: Identity) -> Option<&Entry> {
        let all = self.by_place.get(&(identity.device, identity.inode)).into_iter().flatten();
        all.filter_map(|it| self.closed.get(it)).find(|it| it.identity.is(identity))
    }

    /// Entries without an open file that were found under this path.
    pub(crate) fn under(&self, path: &Path) -> impl Iterator<Item = &Entry> {
        let all = self.by_path.get(path).into_iter().flatten();
        all.filter_map(|it| self.closed.get(it))
    }

    /// Entries without an open file that were found in or below a directory.
    pub(crate) fn below<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = &'a Entry> {
        let from = self.by_path.range::<Path, _>((Bound::Included(dir), Bound::Unbounded));
        let paths = from.take_while(move |it| it.0.starts_with(dir));
        paths.flat_map(|it| it.1).filter_map(|it| self.closed.get(it))
    }

    /// Paths under which entries without an open file were found.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.by_path.keys()
    }

    fn insert(&mut self, entry: Entry) {
        let Identity { device, inode, .. } = entry.identity;
        self.remove(entry.id);
        if inode != 0 {
            self.by_place.entry((device, inode)).or_default().insert(entry.id);
        }
        self.by_path.entry(entry.path.clone()).or_default().insert(entry.id);
        self.closed.insert(entry.id, entry);
    }

    fn remove(&mut self, id: EntryId) -> Option<Entry> {
        let entry = self.closed.remove(&id)?;
        let place = (entry.identity.device, entry.identity.inode);
        if let Some(all) = self.by_place.get_mut(&place) {
            all.remove(&id);
            if all.is_empty() {
                self.by_place.remove(&place);
            }
        }
        if let Some(all) = self.by_path.get_mut(&entry.path) {
            all.remove(&id);
            if all.is_empty() {
                self.by_path.remove(&entry.path);
            }
        }
        Some(entry)
    }

    /// Hands an entry to the file that now owns it.
    pub(crate) fn claim(&mut self, id: EntryId) -> Option<Entry> {
        self.remove(id)
    }

    /// Takes an entry back from a file that is no longer followed.
    pub(crate) fn put_back(&mut self, entry: Entry) {
        self.insert(entry);
        while self.closed.len() > REMEMBERED_MAX
            && let Some((&oldest, _)) = self.closed.first_key_value()
        {
            self.forget(oldest);
        }
    }

    /// Forgets a file for good.
    pub(crate) fn forget(&mut self, id: EntryId) {
        self.remove(id);
        self.pending.insert(key(b'f', id), None);
        self.pending.insert(key(b'o', id), None);
    }

    /// Notes which file an entry is. Written with the next [`flush`](Self::flush).
    pub(crate) fn note_file(&mut self, entry: &Entry) {
        self.pending.insert(key(b'f', entry.id), Some(write_file(entry)));
    }

    /// Notes how far a file is done. Written with the next [`flush`](Self::flush).
    pub(crate) fn note_offset(&mut self, entry: &Entry) {
        self.pending.insert(key(b'o', entry.id), Some(write_offset(entry)));
    }

    /// True when there is something to write.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Writes what was noted, all or nothing. On an error it stays noted.
    pub(crate) fn flush(&mut self) -> Result<(), BoxError> {
        if let Some(client) = &self.client
            && !self.pending.is_empty()
        {
            let changes: Vec<Write<'_>> = self
                .pending
                .iter()
                .map(|(key, value)| match value {
                    Some(value) => Write::Put(key, value),
                    None => Write::Delete(key),
                })
                .collect();
            client.write(&changes)?;
        }
        self.pending.clear();
        Ok(())
    }

    /// The store, for a last `sync`.
    pub(crate) fn client(&self) -> Option<Arc<dyn StorageClient>> {
        self.client.clone()
    }
}

fn key(kind: u8, id: EntryId) -> Vec<u8> {
    std::iter::once(kind).chain(id.to_be_bytes()).collect()
}

fn key_id(key: &[u8]) -> Option<EntryId> {
    key.get(1..)?.try_into().ok().map(u64::from_be_bytes)
}

fn write_file(entry: &Entry) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let all = [(GZIP, entry.gzip), (PASSED_OVER, entry.passed_over), (COMPLETE, entry.is_complete)];
    let flags = all.into_iter().filter(|it| it.1).fold(0, |flags, it| flags | it.0);
    let mut out = vec![VERSION, flags];
    let Identity { device, inode, born } = entry.identity;
    out.extend([device, inode, born.cast_unsigned()].into_iter().flat_map(u64::to_le_bytes));
    out.extend(entry.fingerprint.length.to_le_bytes());
    out.extend(entry.fingerprint.hash.to_le_bytes());
    let mut text = |bytes: &[u8]| {
        // Paths and values of attributes are far below 4 GiB.
        out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend(bytes);
    };
    text(entry.path.as_os_str().as_bytes());
    for (key, value) in &entry.attributes {
        text(key.as_bytes());
        text(value.as_bytes());
    }
    out
}

fn read_file(mut bytes: &[u8]) -> Option<Entry> {
    use std::os::unix::ffi::OsStrExt;
    let [version, flags] = *take::<2>(&mut bytes)?;
    if version != VERSION {
        return None;
    }
    let (device, inode) = (take_u64(&mut bytes)?, take_u64(&mut bytes)?);
    let born = take_u64(&mut bytes)?.cast_signed();
    let length = u32::from_le_bytes(*take(&mut bytes)?);
    let fingerprint = Fingerprint { length, hash: take_u64(&mut bytes)? };
    let path = Path::new(std::ffi::OsStr::from_bytes(take_text(&mut bytes)?)).to_owned();
    let mut attributes = Vec::new();
    while !bytes.is_empty() {
        let text = |it: &[u8]| String::from_utf8(it.to_vec()).ok();
        attributes.push((text(take_text(&mut bytes)?)?, text(take_text(&mut bytes)?)?));
    }
    let identity = Identity { device, inode, born };
    let (gzip, passed_over) = (flags & GZIP != 0, flags & PASSED_OVER != 0);
    let is_complete = flags & COMPLETE != 0;
    Some(Entry {
        identity,
        gzip,
        fingerprint,
        path,
        attributes,
        passed_over,
        is_complete,
        ..Entry::default()
    })
}

fn write_offset(entry: &Entry) -> Vec<u8> {
    let numbers = [entry.offset, entry.size, entry.number, entry.tail];
    std::iter::once(VERSION).chain(numbers.into_iter().flat_map(u64::to_le_bytes)).collect()
}

fn write_walk(at: SystemTime) -> Vec<u8> {
    let millis = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let millis = u64::try_from(millis).unwrap_or(u64::MAX);
    std::iter::once(VERSION).chain(millis.to_le_bytes()).collect()
}

fn read_offset(mut bytes: &[u8]) -> Option<[u64; 4]> {
    if *take::<1>(&mut bytes)? != [VERSION] {
        return None;
    }
    let mut numbers = [0; 4];
    for number in &mut numbers {
        *number = take_u64(&mut bytes)?;
    }
    Some(numbers)
}

fn read_walk(mut bytes: &[u8]) -> Option<SystemTime> {
    let version = *take::<1>(&mut bytes)? == [VERSION];
    let millis = Duration::from_millis(take_u64(&mut bytes)?);
    version.then(|| UNIX_EPOCH.checked_add(millis))?
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(first)
}

fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes).map(|it| u64::from_le_bytes(*it))
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(*take(bytes)?) as usize;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryStore;

    fn entry(id: EntryId) -> Entry {
        Entry {
            id,
            identity: Identity { device: 1, inode: 2, born: -3 },
            gzip: true,
            fingerprint: Fingerprint { length: 4, hash: 5 },
            path: "/a/0.log".into(),
            attributes: vec![("k".into(), "v".into())],
            offset: 6,
            size: 7,
            number: 8,
            tail: 9,
            passed_over: true,
            is_complete: true,
        }
    }

    #[test]
    fn what_was_flushed_is_there_after_a_restart() {
        let store = Arc::new(MemoryStore::default());
        let mut book = Book::open(Some(store.clone())).unwrap();
        assert!(!book.has_history());
        let (kept, gone) = (entry(book.new_id()), entry(book.new_id()));
        for it in [&kept, &gone] {
            book.note_file(it);
            book.note_offset(it);
        }
        book.flush().unwrap();
        book.forget(gone.id);
        book.flush().unwrap();
        assert!(!book.is_dirty());
        let mut book = Book::open(Some(store)).unwrap();
        assert!(book.has_history());
        assert_eq!(book.closed().cloned().collect::<Vec<_>>(), std::slice::from_ref(&kept));
        assert!(book.new_id() > kept.id);
    }

    #[test]
    fn what_another_reader_knew_counts_more_than_the_store() {
        let (old, new) = (Arc::new(MemoryStore::default()), Arc::new(MemoryStore::default()));
        let mut book = Book::open(Some(old)).unwrap();
        let kept = Entry { id: book.new_id(), ..entry(0) };
        book.put_back(kept.clone());
        let records = book.records();
        let mut stranger = Book::open(Some(new.clone())).unwrap();
        for id in [1, 2] {
            stranger.note_file(&Entry { offset: 100, ..entry(id) });
            stranger.note_offset(&Entry { offset: 100, ..entry(id) });
        }
        stranger.flush().unwrap();
        let mut book = Book::open(Some(new.clone())).unwrap();
        book.take_over(records.clone());
        assert!(book.has_history() && book.is_dirty());
        assert!(book.new_id() > kept.id);
        book.flush().unwrap();
        let mut book = Book::open(Some(new)).unwrap();
        assert_eq!(book.closed().cloned().collect::<Vec<_>>(), [kept]);
        book.take_over(records);
        assert!(!book.is_dirty(), "nothing is written that is there");
    }

    #[test]
    fn a_damaged_record_is_left_out_and_does_not_panic() {
        let bytes = write_file(&entry(1));
        for end in 0..bytes.len() {
            let _ = read_file(&bytes[..end]);
        }
        assert_eq!(
            read_file(&bytes).unwrap(),
            Entry { id: 0, offset: 0, size: 0, number: 0, tail: 0, ..entry(1) }
        );
        assert_eq!(read_offset(&[VERSION; 32]), None);
        let store = Arc::new(MemoryStore::default());
        store.write(&[Write::Put(b"f12345678", b"junk"), Write::Put(b"x", b"")]).unwrap();
        let book = Book::open(Some(store)).unwrap();
        // Whatever it says, there was a reader: what nobody knows is not passed over.
        assert!(book.closed().next().is_none() && book.has_history());
    }
}
