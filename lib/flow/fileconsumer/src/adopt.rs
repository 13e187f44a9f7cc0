//! Reading on in what rotation has made of a file: renamed, compressed, copied, several times over.
//!
//! A file that is followed (`a.log`, the *base*) turns into *archives*: `a.log.1`, `a.log.20240101.gz`. Names say
//! little: which of them is which, and two rotations may have happened since anybody looked. So all archives are taken
//! together, oldest first, and two questions are answered for each:
//!
//! 1. *Is it one that we know?* By inode and birth if it was renamed, by what it holds if it was copied or compressed.
//!    Known means followed now (`Open`) or remembered (`Closed`). All archives are remembered, also those that were
//!    there before us and are not read: so what is seen for the first time is new.
//! 2. *If nobody knows it, is it ours to read?* When it was written since the last walk over the files, and has its
//!    name behind that of the base, or the name that one of ours was given.
//!
//! Those that are read are chained, each behind the one before, so that records keep their order across a
//! rotation. An entry that no archive fits is a file that is gone: said once, and counted.

use std::collections::{BTreeSet, HashMap, HashSet, hash_map};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::FileKey;
use crate::admit::Opened;
use crate::archive::{
    Archives, Content, Holds, Sample, Sibling, archives, archives_among, directory, names,
};
use crate::book::{Entry, EntryId};
use crate::descriptors::is_want;
use crate::engine::Engine;
use crate::identity::{Facts, Fingerprint, Identity};
use crate::siblings::Shape;
use crate::sink::Sink;
use crate::source::Source;

/// What the clock may have been set back between a walk and a write.
const CLOCK_SLACK: Duration = Duration::from_secs(10);

/// Which file is at a path now.
fn identity_of(path: &Path) -> Option<Identity> {
    std::fs::metadata(path).ok().map(|it| Identity::of(&it))
}

/// What an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// One that is followed.
    Open(FileKey),
    /// One that is remembered, and has more than what was read of it.
    Closed(EntryId),
    /// One that is remembered, and of which nothing is left to read.
    Done(EntryId),
    /// Nobody knows it.
    Stranger,
    /// It is still being written.
    NotYet,
}

impl<S: Sink> Engine<S> {
    /// After the first walk: takes note of the archives that were there before us. After a restart: looks for the
    /// files of earlier checkpoints that are no longer where they were. Later: forgets those whose directory is gone.
    pub(crate) fn resume_rotated(&mut self) {
        let restart = std::mem::take(&mut self.restarted);
        let mut bases: BTreeSet<PathBuf> = self.book.paths().cloned().collect();
        bases.retain(|base| {
            let exists = directory(base).exists();
            if !exists {
                let gone: Vec<EntryId> = self.book.under(base).map(|it| it.id).collect();
                gone.into_iter().for_each(|it| self.book.forget(it));
            }
            exists
        });
        if restart {
            let new = self.files.values().filter(|it| !it.resumed && !it.detached);
            bases.extend(new.map(|it| it.path().clone()));
            bases.iter().for_each(|it| self.adopt_siblings(it));
        } else if !self.started {
            self.pass_over_all();
        }
    }

    /// Takes note of the archives beside all files. Each directory is listed once.
    fn pass_over_all(&mut self) {
        let mut listed: HashMap<PathBuf, BTreeSet<OsString>> = HashMap::new();
        let bases: Vec<PathBuf> = self.by_path.keys().cloned().collect();
        for base in bases {
            let dir = directory(&base).to_owned();
            let names = match listed.entry(dir) {
                hash_map::Entry::Occupied(known) => known.into_mut(),
                hash_map::Entry::Vacant(new) => match names(&base) {
                    Ok(names) => new.insert(names),
                    Err(error) => return self.ran_short(&error),
                },
            };
            let key = self.by_path.get(&base).and_then(|it| self.files.get(it));
            if key.map(|it| it.entry.identity) != identity_of(&base) {
                // It was rotated since the walk found it.
                self.adopt_siblings(&base);
                continue;
            }
            for sibling in archives_among(&base, names).siblings {
                let is_known = self.is_known(sibling.identity, sibling.size);
                if !is_known && !self.settings.finder.matches(&sibling.path) {
                    self.pass_over(&base, sibling);
                }
            }
        }
    }

    /// Reads on in what rotation has made of `base`, oldest first, before `base` itself.
    pub(crate) fn adopt_siblings(&mut self, base: &Path) {
        let found = archives(base, |it, size| self.is_known(it, size));
        let Archives { mut siblings, present } = match found {
            Ok(found) => found,
            Err(error) => {
                self.look_again.insert(base.to_owned());
                return self.ran_short(&error);
            }
        };
        siblings.retain(|it| !self.settings.finder.matches(&it.path));
        // Before any of them is adopted: adopting changes what is known, and so the answers.
        let verdicts = self.recognise(base, &mut siblings);
        let ours = self.which_strangers(base, &siblings, &verdicts);
        let mut last = None;
        for ((sibling, verdict), ours) in siblings.into_iter().zip(&verdicts).zip(ours) {
            let key = match *verdict {
                Verdict::Open(key) => self.note_archive(base, key, &sibling),
                Verdict::Closed(id) => self.book.claim(id).and_then(|it| self.adopt(sibling, it)),
                Verdict::Done(id) => self.note_done(id, &sibling),
                Verdict::Stranger if ours => {
                    let id = self.book.new_id();
                    self.adopt(sibling, Entry { id, path: base.to_owned(), ..Entry::default() })
                }
                Verdict::Stranger => self.pass_over(base, sibling),
                Verdict::NotYet => None,
            };
            // One that could not be opened is left out of the chain: those behind it must not wait for it.
            if let (Some(key), Some(before)) = (key, last) {
                self.chain(key, before);
            }
            last = key.or(last);
        }
        if verdicts.contains(&Verdict::NotYet) {
            self.look_again.insert(base.to_owned());
            self.walk_soon();
        } else {
            self.give_up(base, &present);
        }
        // `base` itself may not have been created anew yet: then whoever admits it later finds what it waits for.
        match (last, self.by_path.get(base)) {
            (Some(before), Some(&key)) => self.chain(key, before),
            (Some(before), None) => drop(self.detached.insert(base.to_owned(), before)),
            (None, _) => {}
        }
    }

    /// True for a file of which nothing has to be read to know it.
    fn is_known(&self, identity: Identity, size: u64) -> bool {
        let known = self.by_identity.contains_key(&identity);
        let is_done = || self.book.find(identity).is_some_and(|it| it.is_done(size));
        identity.born != 0 && (known || is_done())
    }

    /// Which known file each archive is; no file is two of them.
    fn recognise(&self, base: &Path, siblings: &mut [Sibling]) -> Vec<Verdict> {
        let located: Vec<Option<Verdict>> = siblings.iter_mut().map(|it| self.locate(it)).collect();
        let mut taken: HashSet<EntryId> = HashSet::new();
        for verdict in located.iter().flatten() {
            match verdict {
                Verdict::Closed(id) | Verdict::Done(id) => drop(taken.insert(*id)),
                Verdict::Open(key) => taken.extend(self.files.get(key).map(|it| it.entry.id)),
                Verdict::Stranger | Verdict::NotYet => {}
            }
        }
        let mut verdicts = Vec::with_capacity(siblings.len());
        for (sibling, located) in siblings.iter_mut().zip(located) {
            verdicts.push(located.unwrap_or_else(|| self.compare(base, sibling, &mut taken)));
        }
        verdicts
    }

    /// Which known file an archive is by its inode.
    fn locate(&self, sibling: &mut Sibling) -> Option<Verdict> {
        if let Some(key) = self.by_identity.get(&sibling.identity) {
            return Some(Verdict::Open(*key));
        }
        let entry = self.book.find(sibling.identity)?;
        if sibling.identity.born == 0 {
            // The inode may have been used again.
            let sample = sibling.sample(self.settings.fingerprint_bytes).ok()?;
            entry.fingerprint.fits(&sample.head).then_some(())?;
        }
        let is_done = entry.is_done(sibling.size);
        Some(if is_done { Verdict::Done(entry.id) } else { Verdict::Closed(entry.id) })
    }

    /// Which known file an archive is by what it holds.
    fn compare(&self, base: &Path, sibling: &mut Sibling, taken: &mut HashSet<EntryId>) -> Verdict {
        let head_bytes = self.settings.fingerprint_bytes;
        let mut sample = match sibling.sample(head_bytes) {
            Ok(sample) => sample,
            Err(error) if is_want(&error) => return Verdict::NotYet,
            Err(_) => return Verdict::Stranger,
        };
        let mut wait = false;
        let open = self.files.iter().filter(|it| it.1.path() == base);
        for (key, file) in open.filter(|it| !taken.contains(&it.1.entry.id)) {
            let holds = match &file.source {
                Some(Source::Plain(it)) => sample.is_copy_of(it, head_bytes),
                _ => sample.holds(&file.content()),
            };
            match holds {
                Holds::Exactly | Holds::More => {
                    taken.insert(file.entry.id);
                    return Verdict::Open(*key);
                }
                Holds::NotYet => wait = true,
                Holds::No => {}
            }
        }
        let mut best: Option<&Entry> = None;
        for entry in self.book.under(base).filter(|it| !taken.contains(&it.id)) {
            match sample.holds(&Content::of(entry)) {
                Holds::Exactly => {
                    taken.insert(entry.id);
                    return Verdict::Done(entry.id);
                }
                Holds::More if best.is_none_or(|it| it.offset <= entry.offset) => {
                    best = Some(entry);
                }
                Holds::NotYet => wait = true,
                Holds::More | Holds::No => {}
            }
        }
        match best {
            _ if wait || sample.is_growing => Verdict::NotYet,
            Some(entry) if entry.passed_over => Verdict::Done(entry.id),
            Some(entry) => {
                taken.insert(entry.id);
                Verdict::Closed(entry.id)
            }
            None => Verdict::Stranger,
        }
    }

    /// Which of those that nobody knows are to be read.
    fn which_strangers(
        &self,
        base: &Path,
        siblings: &[Sibling],
        verdicts: &[Verdict],
    ) -> Vec<bool> {
        let is_ours = |it: &Verdict| match it {
            Verdict::Open(_) | Verdict::Closed(_) => true,
            Verdict::Done(id) => self.book.under(base).any(|it| it.id == *id && !it.passed_over),
            Verdict::Stranger | Verdict::NotYet => false,
        };
        let mut known = siblings.iter().zip(verdicts).filter(|it| is_ours(it.1)).map(|it| it.0);
        let within = known.any(|it| it.rank.mark.shape == Shape::Within);
        let walked_at = self.book.walked_at().and_then(|it| it.checked_sub(CLOCK_SLACK));
        let since: SystemTime = walked_at.unwrap_or(self.born);
        let is_new = |it: &Sibling| since <= it.rank.modified;
        let named = |it: &Sibling| within || it.rank.mark.shape == Shape::Behind;
        siblings.iter().map(|it| is_new(it) && named(it)).collect()
    }

    /// Remembers an archive that is not to be read.
    fn pass_over(&mut self, base: &Path, mut sibling: Sibling) -> Option<FileKey> {
        let mut sample = sibling.sample(self.settings.fingerprint_bytes).ok()?;
        let length = sample.length();
        // What is compressed already will not be compressed again.
        let plain = !sibling.rank.is_gzip;
        let tail = plain.then(|| sample.tail_hash(length)).flatten().unwrap_or_default();
        let entry = Entry {
            id: self.book.new_id(),
            identity: sibling.identity,
            gzip: sibling.rank.is_gzip,
            fingerprint: Fingerprint::of(&sample.head),
            path: base.to_owned(),
            offset: length,
            size: length,
            tail,
            passed_over: true,
            ..Entry::default()
        };
        self.book.note_file(&entry);
        self.book.note_offset(&entry);
        self.book.put_back(entry);
        None
    }

    /// A file of which nothing is left to read has become this archive.
    fn note_done(&mut self, id: EntryId, sibling: &Sibling) -> Option<FileKey> {
        let entry = self.book.claim(id)?;
        let (identity, gzip) = (sibling.identity, sibling.rank.is_gzip);
        let now = Entry { identity, gzip, size: entry.offset, is_complete: gzip, ..entry.clone() };
        if now != entry {
            self.book.note_file(&now);
            self.book.note_offset(&now);
        }
        self.book.put_back(now);
        None
    }

    /// An archive is what is followed, or a copy of it. When only our descriptor is left of the original, the
    /// archive takes its place: after a restart reading goes on there.
    fn note_archive(&mut self, base: &Path, key: FileKey, sibling: &Sibling) -> Option<FileKey> {
        if self.by_path.get(base) == Some(&key) {
            return None;
        }
        let file = self.files.get_mut(&key)?;
        if file.entry.identity != sibling.identity {
            let facts = file.source.as_ref().map(|it| Facts::of(it.file()));
            if facts.is_some_and(|it| it.is_ok_and(|it| it.links == 0)) {
                file.archived = true;
                self.by_identity.remove(&file.entry.identity);
                self.by_identity.insert(sibling.identity, key);
                (file.entry.identity, file.entry.gzip) = (sibling.identity, sibling.rank.is_gzip);
                self.book.note_file(&file.entry);
            }
        }
        Some(key)
    }

    /// Entries whose file was not found: what they had not read is gone.
    fn give_up(&mut self, base: &Path, present: &HashSet<Identity>) {
        let current = identity_of(base);
        let is_there = |it: &Entry| present.contains(&it.identity) || current == Some(it.identity);
        let gone: Vec<Entry> = self.book.under(base).filter(|it| !is_there(it)).cloned().collect();
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

    fn adopt(&mut self, mut sibling: Sibling, entry: Entry) -> Option<FileKey> {
        let gzip = sibling.rank.is_gzip;
        let opened = match sibling.open().and_then(|it| self.take_up(it, &sibling.path, gzip)) {
            Ok(opened) => opened?,
            Err(error) => {
                if is_want(&error) {
                    self.look_again.insert(entry.path.clone());
                    self.ran_short(&error);
                } else if error.kind() == io::ErrorKind::NotFound {
                    // Renamed or compressed since it was listed.
                    self.look_again.insert(entry.path.clone());
                    self.walk_soon();
                } else {
                    self.complain_unreadable(&sibling.path, &error);
                }
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
        let offset = entry.offset;
        tracing::info!(path = %sibling.path.display(), offset, "reading on in a rotated file");
        Some(self.follow_detached(entry, opened))
    }

    /// Follows a file that has left the path of its entry.
    fn follow_detached(&mut self, entry: Entry, opened: Opened) -> FileKey {
        // `follow` enters the file under this path. The name belongs to the file that is there now, so it is put back
        // afterwards.
        let path = entry.path.clone();
        let base = self.by_path.get(&path).copied();
        let key = self.follow(entry, opened);
        if let Some(file) = self.files.get_mut(&key) {
            file.detached = true;
        }
        match base {
            Some(base) => drop(self.by_path.insert(path, base)),
            None => drop(self.by_path.remove(&path)),
        }
        key
    }

    /// Goes on in a file that another reader has open and that may have no name any more.
    pub(crate) fn take_descriptor(&mut self, id: EntryId, file: File) -> io::Result<()> {
        let Some(entry) = self.book.claim(id) else { return Ok(()) };
        let (path, gzip) = (entry.path.clone(), entry.gzip);
        let (taken, kept) = (file.try_clone(), file);
        let opened = match taken.and_then(|it| self.take_up(it, &path, gzip)) {
            Ok(Some(opened)) => opened,
            failed => {
                self.book.put_back(entry);
                return failed.map(|_| ());
            }
        };
        let key = self.follow_detached(entry, opened);
        if let Some(file) = self.files.get_mut(&key).filter(|it| it.source.is_none()) {
            // It may be beyond the limit, but could not be opened again.
            file.source = Some(Source::new(kept, gzip));
            self.descriptors.open += 1;
        }
        if let Some(before) = self.detached.insert(path, key) {
            self.chain(key, before);
        }
        Ok(())
    }

    /// The archive that has what was read of a file, if there is one: the file itself was truncated.
    pub(crate) fn copy_of(&self, base: &Path, content: &Content) -> Option<(Sibling, Sample)> {
        let known = |it: Identity, _: u64| self.by_identity.contains_key(&it);
        let siblings = archives(base, known).ok()?.siblings.into_iter();
        let mut siblings = siblings.filter(|it| !known(it.identity, it.size));
        siblings.find_map(|mut sibling| {
            let mut sample = sibling.sample(self.settings.fingerprint_bytes).ok()?;
            let holds = sample.holds(content);
            let ours = !self.settings.finder.matches(&sibling.path);
            (ours && matches!(holds, Holds::Exactly | Holds::More)).then_some((sibling, sample))
        })
    }
}
