//! A key-value store in one append-only file (`record` has its bytes).
//!
//! A record is one `write`, so it is there whole or not at all; what follows the first record that does not check is
//! no longer believed. Everything is in memory as well: the file is only read when it is opened, and can be written
//! anew whenever it is no longer where it was. A file that is damaged stays as it is until something is written:
//! whoever does not want to go on without what is missing finds it unchanged at the next start.
//!
//! Beside it is a file `*.since` that says since when there is state. It is why a journal that is gone, or in which
//! nothing can be read, is told from one that never was.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use component::{Damage, Write, clock};
use rustix::fs::{FlockOperation, OFlags, flock};

use crate::record::{Entries, MAGIC, Recovered, Rest, encode, entry_bytes, framed, recover};

/// Smaller journals are not worth compacting.
const COMPACT_BYTES_MIN: u64 = 256 * 1024;
/// Mode of a directory that was removed and is made anew; `file_storage` makes it so, too.
const DIRECTORY_MODE: u32 = 0o750;

/// An open journal.
pub struct Journal {
    path: PathBuf,
    file: File,
    entries: Entries,
    live_bytes: u64,
    file_bytes: u64,
    sequence: u64,
    /// It is compacted when it is larger than this.
    compact_above: u64,
    /// What the next write does first.
    repair: Repair,
    damage: Option<Damage>,
    /// False on a file system that gives an open file another number than its name.
    can_tell: bool,
}

/// What a file needs before something can be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repair {
    Nothing,
    /// Half a record at its end is cut off.
    Cut,
    /// It is put aside, and what is known is written anew.
    Anew,
}

/// Opens a file of a store, and makes it if it is not there. A symbolic link in its place is not followed: what the
/// collector may write, whoever made the link need not be allowed to.
pub fn open_file(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits().cast_signed();
    OpenOptions::new().create(true).read(true).append(true).custom_flags(flags).open(path)
}

impl Journal {
    /// Reads a journal from its open file, of which the caller has the lock.
    pub fn open(path: &Path, mut file: File) -> io::Result<Self> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        if bytes.is_empty()
            && let Some((spare, kept)) = spare(path)?
        {
            (file, bytes) = (spare, kept);
        }
        remove_if_there(&temporary(path))?;
        let Recovered { entries, mut end, sequence, rest } = recover(&bytes);
        let damage = damage(path, &bytes, end, sequence, rest);
        let mut repair = match (&damage, rest) {
            (_, Rest::Whole) => Repair::Nothing,
            (None, Rest::Torn) => Repair::Cut,
            (Some(_), Rest::Torn) | (_, Rest::Damaged) => Repair::Anew,
        };
        if bytes.len() < MAGIC.len() {
            file.set_len(0)?;
            file.write_all(MAGIC)?;
            (end, repair) = (MAGIC.len(), Repair::Nothing);
        }
        if sequence > 0 {
            note_since(path)?;
        }
        Ok(Self {
            live_bytes: entries.iter().map(|(k, v)| entry_bytes(k, v)).sum(),
            path: path.to_owned(),
            file,
            entries,
            file_bytes: end as u64,
            sequence,
            compact_above: COMPACT_BYTES_MIN,
            repair,
            damage,
            can_tell: true,
        })
    }

    /// What was found to be missing when it was opened.
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// One value.
    pub fn get(&self, key: &[u8]) -> Option<&Vec<u8>> {
        self.entries.get(key)
    }

    /// Everything.
    pub fn entries(&self) -> impl Iterator<Item = (&Vec<u8>, &Vec<u8>)> {
        self.entries.iter()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file, for `fdatasync`.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// False when the next start would not find this file: it, or its directory, was removed or replaced.
    pub fn is_in_place(&self) -> bool {
        let number = |it: fs::Metadata| (it.dev(), it.ino());
        let here = fs::symlink_metadata(&self.path).map(number);
        let own = self.file.metadata().map(number);
        !self.can_tell || matches!((here, own), (Ok(here), Ok(own)) if here == own)
    }

    /// Writes everything anew where it was, if it is no longer there; true when that was so.
    pub fn put_back(&mut self) -> io::Result<bool> {
        if self.is_in_place() {
            return Ok(false);
        }
        if let Some(folder) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(folder)?;
        }
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits().cast_signed();
        if let Ok(other) = OpenOptions::new().read(true).custom_flags(flags).open(&self.path)
            && flock(&other, FlockOperation::NonBlockingLockExclusive).is_err()
        {
            // It began while ours was gone.
            return Err(io::Error::other("another process uses it now; end one of the two"));
        }
        self.rewrite()?;
        self.can_tell = self.is_in_place();
        if self.sequence > 0 {
            note_since(&self.path)?;
        }
        Ok(true)
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
        if let Err(error) = self.rewrite() {
            self.compact_above = self.file_bytes * 2;
            let (path, bytes) = (&self.path, self.file_bytes);
            tracing::warn!(%error, ?path, bytes, "a store could not be made smaller; it is tried again later");
            // What is left of it takes room on a disk that may be full.
            let _ = fs::remove_file(temporary(&self.path));
        }
    }

    fn append(&mut self, body: &[u8]) -> io::Result<()> {
        self.mend()?;
        if self.sequence == 0 {
            note_since(&self.path)?;
        }
        let bytes = framed(self.sequence + 1, body);
        if let Err(error) = self.file.write_all(&bytes) {
            // Half a record must not stand before whole ones. On a disk that is read-only now it cannot be cut off now.
            self.repair = Repair::Cut;
            return Err(error);
        }
        self.sequence += 1;
        self.file_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Makes the file one that can be appended to.
    fn mend(&mut self) -> io::Result<()> {
        match self.repair {
            Repair::Nothing => return Ok(()),
            Repair::Cut => self.file.set_len(self.file_bytes)?,
            Repair::Anew => {
                let aside = self.path.with_extension("corrupt");
                remove_if_there(&aside)?;
                // For who wants to look at it; without room for a copy it is gone.
                let kept = fs::hard_link(&self.path, &aside)
                    .or_else(|_| fs::copy(&self.path, &aside).map(drop));
                self.rewrite()?;
                let path = &self.path;
                tracing::warn!(?path, ?aside, kept = kept.is_ok(), "a damaged store was put aside");
            }
        }
        self.repair = Repair::Nothing;
        Ok(())
    }

    /// Writes what is alive beside the journal, then takes its place.
    pub fn rewrite(&mut self) -> io::Result<()> {
        let mut bytes = MAGIC.to_vec();
        if self.sequence > 0 {
            let mut body = Vec::with_capacity(usize::try_from(self.live_bytes).unwrap_or_default());
            for (key, value) in &self.entries {
                encode(&mut body, &Write::Put(key, value));
            }
            bytes.extend(framed(self.sequence, &body));
        }
        let temporary = temporary(&self.path);
        // One that was not finished may still be there.
        remove_if_there(&temporary)?;
        let mut file =
            OpenOptions::new().create_new(true).read(true).append(true).open(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        fs::rename(&temporary, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.file = file;
        self.file_bytes = bytes.len() as u64;
        self.repair = Repair::Nothing;
        Ok(())
    }
}

/// The file that was to take the place of a journal, when it is whole and the journal is not there.
fn spare(path: &Path) -> io::Result<Option<(File, Vec<u8>)>> {
    let temporary = temporary(path);
    if !fs::symlink_metadata(&temporary).is_ok_and(|it| it.is_file()) {
        return Ok(None);
    }
    let (mut file, mut bytes) = (open_file(&temporary)?, Vec::new());
    file.read_to_end(&mut bytes)?;
    let found = recover(&bytes);
    if found.rest != Rest::Whole || found.sequence == 0 {
        return Ok(None);
    }
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    fs::rename(temporary, path)?;
    Ok(Some((file, bytes)))
}

/// What is missing, if it can be told. Without a `*.since` there was no state of which something could be missing.
fn damage(path: &Path, bytes: &[u8], end: usize, sequence: u64, rest: Rest) -> Option<Damage> {
    let since = fs::read_to_string(since(path)).ok();
    let what = match rest {
        Rest::Damaged => format!("{} bytes at offset {end} do not check", bytes.len() - end),
        _ if sequence > 0 || since.is_none() => return None,
        _ if bytes.len() <= MAGIC.len() => "it is gone or empty".to_owned(),
        _ => "nothing in it can be read".to_owned(),
    };
    let seconds = since.and_then(|it| it.trim().parse().ok());
    let since = seconds.and_then(|it| UNIX_EPOCH.checked_add(Duration::from_secs(it)));
    Some(Damage { what: format!("{}: {what}", path.display()), since })
}

/// Notes that there is state from now on, if that is not noted.
fn note_since(path: &Path) -> io::Result<()> {
    let since = since(path);
    if fs::symlink_metadata(&since).is_ok_and(|it| it.len() > 0) {
        return Ok(());
    }
    let now = clock::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    remove_if_there(&since)?;
    let mut file = OpenOptions::new().create_new(true).write(true).open(since)?;
    writeln!(file, "{now}")
}

fn since(path: &Path) -> PathBuf {
    path.with_extension("since")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Journal {
        Journal::open(path, open_file(path).unwrap()).unwrap()
    }

    fn write(journal: &mut Journal, key: &str, value: &str) {
        journal.write(&[Write::Put(key.as_bytes(), value.as_bytes())]).unwrap();
    }

    fn all(journal: &Journal) -> Vec<(String, String)> {
        let text = |it: &Vec<u8>| String::from_utf8(it.clone()).unwrap();
        journal.entries().map(|(k, v)| (text(k), text(v))).collect()
    }

    /// A journal of a few records in a folder of its own, and what it held after each.
    fn written() -> (tempfile::TempDir, PathBuf, Vec<Vec<(String, String)>>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let mut journal = open(&path);
        let mut prefixes = vec![all(&journal)];
        for n in 0..5 {
            write(&mut journal, "k", &n.to_string());
            prefixes.push(all(&journal));
        }
        (folder, path, prefixes)
    }

    #[test]
    fn what_was_written_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let mut journal = open(&path);
        assert_eq!(journal.damage(), None, "a new one");
        write(&mut journal, "a", "1");
        write(&mut journal, "b", "2");
        journal.write(&[Write::Delete(b"a"), Write::Put(b"c", b"3")]).unwrap();
        let want = all(&journal);
        let again = open(&path);
        assert_eq!((all(&again), again.damage()), (want, None));
        assert_eq!(again.get(b"c"), Some(&b"3".to_vec()));
    }

    #[test]
    fn any_cut_leaves_a_prefix_and_is_damage_when_nothing_is_left() {
        let (_folder, path, prefixes) = written();
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            fs::write(&path, &bytes[..at]).unwrap();
            let journal = open(&path);
            assert!(prefixes.contains(&all(&journal)), "cut at {at}");
            assert_eq!(journal.damage().is_some(), all(&journal).is_empty(), "cut at {at}");
            // It is a journal again, without what was cut.
            let mut journal = journal;
            write(&mut journal, "new", "1");
            assert_eq!(all(&open(&path)), all(&journal), "cut at {at}");
        }
        fs::remove_file(&path).unwrap();
        let damage = open(&path).damage().cloned().unwrap();
        assert!(damage.since.is_some() && damage.what.contains("gone or empty"), "{damage:?}");
    }

    #[test]
    fn a_flipped_bit_or_zeros_leave_a_prefix_and_the_file_stays_until_the_first_write() {
        let (_folder, path, prefixes) = written();
        let bytes = fs::read(&path).unwrap();
        let last = bytes.len() - (bytes.len() - MAGIC.len()) / 5;
        for at in 0..bytes.len() {
            let (mut flipped, mut zeros) = (bytes.clone(), bytes.clone());
            flipped[at] ^= 0x10;
            zeros[at..].fill(0);
            for (what, damaged) in [("flip", flipped), ("zeros", zeros)] {
                fs::write(&path, &damaged).unwrap();
                let mut journal = open(&path);
                assert!(prefixes.contains(&all(&journal)), "{what} at {at}");
                let told = journal.damage().is_some();
                // What damages the last record looks as if the machine had died within it.
                let must = what == "flip" && at < last || all(&journal).is_empty();
                assert!(told || !must, "{what} at {at}");
                assert_eq!(fs::read(&path).unwrap(), damaged, "{what} at {at}");
                write(&mut journal, "new", "1");
                assert_eq!(all(&open(&path)), all(&journal), "{what} at {at}");
                let aside = path.with_extension("corrupt");
                assert_eq!(fs::read(&aside).ok(), told.then_some(damaged), "{what} at {at}");
                let _ = fs::remove_file(aside);
            }
        }
    }

    #[test]
    fn a_store_that_is_gone_or_replaced_is_written_anew() {
        let (folder, path, _) = written();
        let mut journal = open(&path);
        let all_of_it = all(&journal);
        assert!(!journal.put_back().unwrap());
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, "somebody else's").unwrap();
        let damages: [&dyn Fn(); 4] = [
            &|| fs::remove_file(&path).unwrap(),
            &|| fs::remove_dir_all(folder.path()).unwrap(),
            &|| fs::write(path.with_extension("tmp"), "left over").unwrap(),
            &|| {
                fs::remove_file(&path).unwrap();
                fs::write(&elsewhere, "somebody else's").unwrap();
                std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
            },
        ];
        for (n, damage) in damages.iter().enumerate() {
            damage();
            assert_eq!(journal.put_back().unwrap(), n != 2, "{n}");
            assert!(journal.is_in_place());
            write(&mut journal, "last", "1");
            let again = open(&path);
            assert_eq!((all(&again), again.damage()), (all(&journal), None), "{n}");
        }
        assert_eq!(fs::read(&elsewhere).unwrap(), b"somebody else's");
        assert!(open_file(&path).is_ok() && all(&journal).len() == all_of_it.len() + 1);
        // Where it cannot be written, it is said, and tried again.
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(journal.put_back().is_err());
        fs::remove_dir(&path).unwrap();
        assert!(journal.put_back().unwrap());
        assert_eq!(all(&open(&path)), all(&journal));
        // Another process has begun in its place.
        fs::remove_file(&path).unwrap();
        let other = open_file(&path).unwrap();
        flock(&other, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert!(journal.put_back().is_err());
        assert_eq!(other.metadata().unwrap().len(), 0);
    }

    #[test]
    fn a_link_in_the_place_of_a_store_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, secret) = (folder.path().join("j"), folder.path().join("secret"));
        fs::write(&secret, "").unwrap();
        std::os::unix::fs::symlink(&secret, &path).unwrap();
        assert!(open_file(&path).is_err());
        std::os::unix::fs::symlink(&secret, path.with_extension("since")).unwrap();
        fs::remove_file(&path).unwrap();
        write(&mut open(&path), "k", "v");
        assert_eq!(fs::read(&secret).unwrap(), b"");
    }

    #[test]
    fn what_a_compaction_left_takes_the_place_of_a_journal_that_is_gone() {
        let (_folder, path, prefixes) = written();
        fs::rename(&path, temporary(&path)).unwrap();
        let journal = open(&path);
        assert_eq!((&all(&journal), journal.damage()), (prefixes.last().unwrap(), None));
        assert!(journal.is_in_place() && !temporary(&path).exists());
        // Half of one does not.
        let bytes = fs::read(&path).unwrap();
        fs::write(temporary(&path), &bytes[..bytes.len() - 1]).unwrap();
        fs::remove_file(&path).unwrap();
        let journal = open(&path);
        assert!(all(&journal).is_empty() && journal.damage().is_some());
    }

    #[test]
    fn it_stays_small_however_often_a_key_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let mut journal = open(&path);
        for n in 0..20_000 {
            write(&mut journal, "offset", &format!("{n:020}"));
        }
        assert!(fs::metadata(&path).unwrap().len() < 2 * COMPACT_BYTES_MIN);
        drop(journal);
        assert_eq!(all(&open(&path)), [("offset".to_owned(), format!("{:020}", 19_999))]);
    }

    #[test]
    fn a_compaction_that_failed_once_blocks_no_later_one_and_no_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let mut journal = open(&path);
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
        assert_eq!(all(&open(&path)), [("offset".to_owned(), format!("{:020}", 19_999))]);
    }
}
