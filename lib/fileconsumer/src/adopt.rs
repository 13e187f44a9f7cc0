//! Reading on in what rotation has made of a file: renamed, compressed, several times over.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::FileKey;
use crate::book::{Entry, EntryId};
use crate::engine::Engine;
use crate::identity::Identity;
use crate::siblings::{Age, age, is_gzip};
use crate::sink::Sink;
use crate::source::Source;

/// Most names looked at in one directory.
const SIBLINGS_MAX: usize = 10_000;

/// A rotated file beside the one it was.
pub(crate) struct Sibling {
    age: Age,
    pub path: PathBuf,
    identity: Identity,
    is_gzip: bool,
}

impl<S: Sink> Engine<S> {
    /// After a restart: looks for the files of earlier checkpoints that are no longer where they were.
    /// Later: forgets those whose directory is gone.
    pub(crate) fn resume_rotated(&mut self) {
        let restart = std::mem::take(&mut self.restarted);
        let mut bases: Vec<PathBuf> = self.book.closed().map(|it| it.path.clone()).collect();
        bases.sort();
        bases.dedup();
        for base in bases {
            let Some(dir) = base.parent() else { continue };
            if !dir.as_os_str().is_empty() && !dir.exists() {
                let gone: Vec<EntryId> =
                    self.book.closed().filter(|it| it.path == base).map(|it| it.id).collect();
                gone.into_iter().for_each(|it| self.book.forget(it));
            } else if restart {
                self.adopt_siblings(&base, true);
            }
        }
    }

    /// Reads on in what rotation has made of `base`, oldest first, before `base` itself.
    ///
    /// Of files that nobody knows only those are taken that are newer than one that is known; after a
    /// restart, all when none is known: then the known one has been rotated away since.
    pub(crate) fn adopt_siblings(&mut self, base: &Path, restart: bool) {
        let siblings: Vec<Sibling> = siblings(base)
            .into_iter()
            .filter(|it| !self.settings.finder.matches(&it.path))
            .collect();
        let mut located: Vec<Option<Known>> =
            siblings.iter().map(|it| self.locate(base, it)).collect();
        if restart || located.iter().all(Option::is_none) {
            for (known, sibling) in located.iter_mut().zip(&siblings).filter(|it| it.0.is_none()) {
                *known = self.locate_compressed(base, sibling);
            }
        }
        let first_new = self.first_new(base, &located, restart);
        let mut last = None;
        for (at, (sibling, known)) in siblings.iter().zip(located).enumerate() {
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
            if let (Some(key), Some(before)) = (key, last) {
                self.chain(key, before);
            }
            last = key.or(last);
        }
        match (last, self.by_path.get(base)) {
            (Some(before), Some(&key)) => self.chain(key, before),
            (Some(before), None) => drop(self.detached.insert(base.to_owned(), before)),
            (None, _) => {}
        }
        if restart {
            self.give_up(base);
        }
    }

    /// From which sibling on those that nobody knows are to be read.
    fn first_new(&self, base: &Path, located: &[Option<Known>], restart: bool) -> Option<usize> {
        let found =
            |id| located.iter().flatten().any(|it| matches!(it, Known::Closed(it) if *it == id));
        let closed = || self.book.closed().filter(|it| it.path == base && it.identity.inode != 0);
        // It was empty when last seen, so nothing tells which of them it is.
        let nameless = restart && closed().any(|it| it.fingerprint.length == 0 && !found(it.id));
        if nameless {
            return Some(located.iter().position(Option::is_some).map_or(0, |it| it + 1));
        }
        let current = self.by_path.get(base).and_then(|it| self.files.get(it));
        if current.is_some_and(|it| it.resumed) {
            return None;
        }
        let newest = located.iter().rposition(Option::is_some);
        newest.map(|it| it + 1).or_else(|| (restart && closed().next().is_some()).then_some(0))
    }

    /// Entries whose file was not found: what they had not read is gone.
    fn give_up(&mut self, base: &Path) {
        let gone: Vec<Entry> = self
            .book
            .closed()
            .filter(|it| it.path == base && it.identity.inode != 0)
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

    fn adopt(&mut self, sibling: &Sibling, entry: Entry) -> Option<FileKey> {
        let opened = match self.open(&sibling.path, sibling.is_gzip) {
            Ok(opened) => opened?,
            Err(error) => {
                self.complain_unreadable(&sibling.path, &error);
                self.book.put_back(entry);
                return None;
            }
        };
        let entry = if entry.fingerprint.fits(&opened.head) {
            self.resume(entry, &opened)
        } else {
            Entry { id: entry.id, path: entry.path, ..Entry::default() }
        };
        tracing::info!(path = %sibling.path.display(), offset = entry.offset, "reading on in a rotated file");
        let base = self.by_path.get(&entry.path).copied();
        let key = self.follow(entry, opened);
        let file = self.files.get_mut(&key)?;
        file.detached = true;
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

    /// Which known file a sibling is the compressed form of.
    fn locate_compressed(&self, base: &Path, sibling: &Sibling) -> Option<Known> {
        if !sibling.is_gzip {
            return None;
        }
        let mut source = Source::new(File::open(&sibling.path).ok()?, true);
        let mut head = vec![0; self.settings.fingerprint_bytes];
        let length = source.read_at(&mut head, 0).ok()?;
        let fits = |it: &Entry| {
            it.path == base && 0 < it.fingerprint.length && it.fingerprint.fits(&head[..length])
        };
        // A short fingerprint fits many; the longest is the best.
        let files = self.files.iter().filter(|(_, it)| it.detached && fits(&it.entry));
        let open = files.max_by_key(|it| it.1.entry.fingerprint.length);
        let closed =
            || self.book.closed().filter(|it| fits(it)).max_by_key(|it| it.fingerprint.length);
        open.map(|it| Known::Open(*it.0)).or_else(|| closed().map(|it| Known::Closed(it.id)))
    }
}

/// A file that is followed, or remembered.
enum Known {
    Open(FileKey),
    Closed(EntryId),
}

/// The rotated forms of a file, oldest first; of a compressed one and its plain form only the latter.
pub(crate) fn siblings(base: &Path) -> Vec<Sibling> {
    let (Some(dir), Some(name)) = (base.parent(), base.file_name().and_then(OsStr::to_str)) else {
        return Vec::new();
    };
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().take(SIBLINGS_MAX);
    let mut all: Vec<Sibling> = entries
        .filter_map(|it| {
            it.file_type().ok().filter(std::fs::FileType::is_file)?;
            let own = it.file_name().into_string().ok()?;
            let age = age(name, &own)?;
            let identity = Identity::at(&it.path())?;
            Some(Sibling { age, path: it.path(), identity, is_gzip: is_gzip(&own) })
        })
        .collect();
    all.sort_by(|a, b| (&a.age, a.is_gzip).cmp(&(&b.age, b.is_gzip)));
    all.dedup_by(|later, kept| later.age == kept.age);
    all
}
