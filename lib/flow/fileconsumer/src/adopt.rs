//! Reading on in what rotation has made of a file: renamed, compressed, several times over.
//!
//! A file that is followed (`a.log`, the *base*) turns into *siblings*: `a.log.1`, `a.log.20240101.gz`. Nobody tells
//! which is which, and two rotations may have happened since anybody looked. So all siblings are taken together,
//! oldest first, and two questions are answered for each:
//!
//! 1. *Is it one that we know?* By inode and birth if it was renamed (`locate`), by its first bytes if it was
//!    compressed (`locate_compressed`). Known means followed now (`Open`) or remembered in the checkpoint (`Closed`).
//! 2. *If nobody knows it, is it ours to read?* Only those younger than the youngest one that is known
//!    (`first_new`): older ones were there before us, and `start_at` speaks about those.
//!
//! Those that are read are chained, each behind the one before, so that records keep their order across a
//! rotation. An entry of the checkpoint that no sibling fits is a file that is gone: said once, and counted.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::FileKey;
use crate::admit::open_file;
use crate::book::{Entry, EntryId};
use crate::engine::Engine;
use crate::identity::{Facts, Identity};
use crate::siblings::{Age, age, is_gzip};
use crate::sink::Sink;
use crate::source::Source;

/// Most names looked at in one directory.
const SIBLINGS_MAX: usize = 10_000;
/// A directory that changes while it is listed is listed again, so many times.
const LISTINGS_MAX: usize = 10;
/// What the clock may have been set back between a walk and a write.
const CLOCK_SLACK: Duration = Duration::from_secs(10);

/// Why the rotated forms of a file are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// It was followed and now is elsewhere.
    Rotated,
    /// Nobody knew it before.
    Found,
    /// Nobody knows what has happened since the last run.
    Restart,
}

/// A rotated file beside the one it was.
pub(crate) struct Sibling {
    age: Age,
    pub path: PathBuf,
    identity: Identity,
    is_gzip: bool,
    modified: SystemTime,
    /// Open from the moment it was found: rotation does not wait.
    file: io::Result<File>,
}

impl<S: Sink> Engine<S> {
    /// After a restart: looks for the files of earlier checkpoints that are no longer where they were,
    /// and for rotated forms of files that are new. Later: forgets those whose directory is gone.
    pub(crate) fn resume_rotated(&mut self) {
        let restart = std::mem::take(&mut self.restarted);
        let mut bases: Vec<PathBuf> = self.book.closed().map(|it| it.path.clone()).collect();
        if restart {
            let new = self.files.values().filter(|it| !it.resumed && !it.detached);
            bases.extend(new.map(|it| it.path().clone()));
        }
        bases.sort();
        bases.dedup();
        for base in bases {
            let Some(dir) = base.parent() else { continue };
            if !dir.as_os_str().is_empty() && !dir.exists() {
                let gone: Vec<EntryId> =
                    self.book.closed().filter(|it| it.path == base).map(|it| it.id).collect();
                gone.into_iter().for_each(|it| self.book.forget(it));
            } else if restart {
                self.adopt_siblings(&base, Why::Restart);
            }
        }
        if restart {
            self.files.values_mut().for_each(|it| it.settled = true);
        }
    }

    /// Reads on in what rotation has made of `base`, oldest first, before `base` itself.
    pub(crate) fn adopt_siblings(&mut self, base: &Path, why: Why) {
        let siblings: Vec<Sibling> = siblings(base)
            .into_iter()
            .filter(|it| !self.settings.finder.matches(&it.path))
            .collect();
        // Before any of them is adopted: adopting changes what is known, and so the answers.
        let located = self.locate_all(base, &siblings, why);
        let first_new = self.first_new(base, &siblings, &located, why);
        if why == Why::Restart {
            self.give_up(base, &located);
        }
        let mut last = None;
        for (at, (sibling, known)) in siblings.into_iter().zip(located).enumerate() {
            let key = match known {
                Some(Known::Open(key)) => Some(key),
                Some(Known::Closed(id)) => {
                    self.book.claim(id).and_then(|it| self.adopt(sibling, it))
                }
                None if first_new.is_some_and(|it| it <= at) => {
                    let entry =
                        Entry { id: self.book.new_id(), path: base.to_owned(), ..Entry::default() };
                    self.adopt(sibling, entry)
                }
                None => None,
            };
            // One that could not be opened is left out of the chain: those behind it must not wait for it.
            if let (Some(key), Some(before)) = (key, last) {
                self.chain(key, before);
            }
            last = key.or(last);
        }
        // `base` itself may not have been created anew yet: then whoever admits it later finds what it waits for.
        match (last, self.by_path.get(base)) {
            (Some(before), Some(&key)) => self.chain(key, before),
            (Some(before), None) => drop(self.detached.insert(base.to_owned(), before)),
            (None, _) => {}
        }
    }

    /// Which known file each sibling is; no file is two of them.
    fn locate_all(&self, base: &Path, siblings: &[Sibling], why: Why) -> Vec<Option<Known>> {
        let mut located: Vec<Option<Known>> =
            siblings.iter().map(|it| self.locate(base, it)).collect();
        // The usual case: it was just renamed, and its inode says so. Fingerprints of compressed files cost a
        // decompression each.
        if why == Why::Rotated && located.iter().any(Option::is_some) {
            return located;
        }
        // Oldest first: were two of them to begin alike, the later one would be read from its start.
        for (at, sibling) in siblings.iter().enumerate() {
            if located[at].is_none() {
                located[at] = self.locate_compressed(base, sibling, &located);
            }
        }
        located
    }

    /// From which sibling on those that nobody knows are to be read: behind the newest that is known.
    /// When none is known: all, if the known ones were rotated away while nobody looked; those that
    /// were written since the last walk, if `base` itself is new.
    fn first_new(
        &self,
        base: &Path,
        siblings: &[Sibling],
        located: &[Option<Known>],
        why: Why,
    ) -> Option<usize> {
        let closed = || self.book.closed().filter(|it| it.path == base && it.identity.inode != 0);
        // It was empty when last seen, so nothing tells which of them it is.
        let nameless = |it: &Entry| {
            it.fingerprint.length == 0 && !located.contains(&Some(Known::Closed(it.id)))
        };
        if why == Why::Restart && closed().any(nameless) {
            return Some(located.iter().position(Option::is_some).map_or(0, |it| it + 1));
        }
        let current = self.by_path.get(base).and_then(|it| self.files.get(it));
        if current.is_some_and(|it| it.resumed) {
            return None;
        }
        // One that came just now says nothing about those before it.
        let settled = |it: &Option<Known>| match it {
            Some(Known::Open(key)) => self.files.get(key).is_some_and(|it| it.settled),
            Some(Known::Closed(_)) => true,
            None => false,
        };
        if let Some(newest) = located.iter().rposition(settled) {
            return Some(newest + 1);
        }
        match why {
            Why::Rotated => None,
            Why::Restart if closed().next().is_some() => Some(0),
            Why::Restart | Why::Found => {
                let since = self.book.walked_at()?.checked_sub(CLOCK_SLACK)?;
                siblings.iter().position(|it| since <= it.modified)
            }
        }
    }

    /// Entries whose file was not found: what they had not read is gone.
    fn give_up(&mut self, base: &Path, located: &[Option<Known>]) {
        let gone: Vec<Entry> = self
            .book
            .closed()
            .filter(|it| it.path == base && it.identity.inode != 0)
            .filter(|it| !located.contains(&Some(Known::Closed(it.id))))
            .cloned()
            .collect();
        for entry in gone {
            if entry.offset < entry.size {
                let bytes = entry.size - entry.offset;
                tracing::error!(path = %base.display(), bytes, "a file that was not read to its end is \
                    gone; keep rotated files for longer");
                self.lost.rotated.add(1);
            }
            self.book.forget(entry.id);
        }
    }

    fn adopt(&mut self, sibling: Sibling, entry: Entry) -> Option<FileKey> {
        let Sibling { path, file, is_gzip, .. } = sibling;
        self.make_room();
        let opened = match file.and_then(|it| self.take_up(it, &path, is_gzip)) {
            Ok(opened) => opened?,
            Err(error) => {
                self.complain_unreadable(&path, &error);
                self.book.put_back(entry);
                return None;
            }
        };
        // Same inode, other beginning: the name was used again for something else.
        let entry = if entry.fingerprint.fits(&opened.head) {
            self.resume(entry, &opened)
        } else {
            Entry { id: entry.id, path: entry.path, ..Entry::default() }
        };
        tracing::info!(path = %path.display(), offset = entry.offset, "reading on in a rotated file");
        // `follow` enters the file under the path of its entry, which is that of `base`. The name belongs to the
        // file that is there now, so it is put back afterwards.
        let base = self.by_path.get(&entry.path).copied();
        let key = self.follow(entry, opened);
        let file = self.files.get_mut(&key)?;
        file.detached = true;
        file.settled = true;
        match base {
            Some(base) => drop(self.by_path.insert(file.path().clone(), base)),
            None => drop(self.by_path.remove(file.path())),
        }
        Some(key)
    }

    /// Which known file a sibling is.
    fn locate(&self, base: &Path, sibling: &Sibling) -> Option<Known> {
        let same = |it: &Entry| it.identity.is(sibling.identity);
        let open = self.files.iter().find(|(_, it)| same(&it.entry));
        let closed = || self.book.closed().find(|it| it.path == base && same(it));
        open.map(|it| Known::Open(*it.0)).or_else(|| closed().map(|it| Known::Closed(it.id)))
    }

    /// Which known file a sibling is the compressed form of; not one that was `taken` for another.
    fn locate_compressed(
        &self,
        base: &Path,
        sibling: &Sibling,
        taken: &[Option<Known>],
    ) -> Option<Known> {
        if !sibling.is_gzip {
            return None;
        }
        let file = sibling.file.as_ref().ok()?.try_clone().ok()?;
        let mut source = Source::new(file, true);
        let mut head = vec![0; self.settings.fingerprint_bytes];
        let length = source.read_at(&mut head, 0).ok()?;
        let fits = |it: &Entry, known| {
            it.path == base
                && 0 < it.fingerprint.length
                && it.fingerprint.fits(&head[..length])
                && !taken.contains(&Some(known))
        };
        // A short fingerprint fits many; the longest is the best.
        let files = self.files.iter();
        let files = files.filter(|(key, it)| it.detached && fits(&it.entry, Known::Open(**key)));
        let open = files.max_by_key(|it| it.1.entry.fingerprint.length);
        let closed = || {
            let closed = self.book.closed().filter(|it| fits(it, Known::Closed(it.id)));
            closed.max_by_key(|it| it.fingerprint.length)
        };
        open.map(|it| Known::Open(*it.0)).or_else(|| closed().map(|it| Known::Closed(it.id)))
    }
}

/// A file that is followed, or remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Open(FileKey),
    Closed(EntryId),
}

/// The rotated forms of a file, oldest first; of a compressed one and its plain form only the latter.
///
/// Rotation may go on meanwhile, and a file that changes its name can be missed under both: only two
/// equal listings are believed.
pub(crate) fn siblings(base: &Path) -> Vec<Sibling> {
    let mut before = list(base);
    for _ in 1..LISTINGS_MAX {
        let now = list(base);
        if now.iter().map(|it| &it.path).eq(before.iter().map(|it| &it.path)) {
            break;
        }
        before = now;
    }
    before.dedup_by(|later, kept| later.age == kept.age);
    before
}

fn list(base: &Path) -> Vec<Sibling> {
    let (Some(dir), Some(name)) = (base.parent(), base.file_name().and_then(OsStr::to_str)) else {
        return Vec::new();
    };
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().take(SIBLINGS_MAX);
    let mut all: Vec<Sibling> = entries
        .filter_map(|it| {
            it.file_type().ok().filter(std::fs::FileType::is_file)?;
            let own = it.file_name().into_string().ok()?;
            let (age, path) = (age(name, &own)?, it.path());
            let file = open_file(&path);
            if file.as_ref().is_err_and(|it| it.kind() == io::ErrorKind::NotFound) {
                return None;
            }
            let modified = it.metadata().ok()?.modified().ok()?;
            let identity = match &file {
                Ok(file) => Facts::of(file).ok()?.identity,
                Err(_) => Identity::at(&path)?,
            };
            Some(Sibling { age, path, identity, is_gzip: is_gzip(&own), modified, file })
        })
        .collect();
    all.sort_by(|a, b| (&a.age, a.is_gzip).cmp(&(&b.age, b.is_gzip)));
    all
}
