//! Taking up files: which are new, which are known, and where reading begins.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use golang::fnv::fnv1a_64;
use rustix::fs::FlockOperation;

use crate::FileKey;
use crate::archive::{Content, Holds, Sample};
use crate::book::{Entry, TAIL_BYTES};
use crate::descriptors::is_want;
use crate::engine::Engine;
use crate::file_system::{FileSystem, not_a_log};
use crate::find::Scan;
use crate::identity::{Facts, Fingerprint, Head, Identity, read_at};
use crate::settings::{Compression, OnTruncate, StartAt};
use crate::siblings::{are_related, is_gzip};
use crate::sink::Sink;
use crate::source::{Source, open_file};
use crate::track::Tracked;

/// RFC 1952, section 2.3.1.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A directory in which others appear while it is listed is listed again, so many times.
const LISTINGS_MAX: usize = 10;

/// An open file that nobody follows yet.
pub(crate) struct Opened {
    pub source: Source,
    pub facts: Facts,
    /// First bytes, as many as count for the fingerprint.
    pub head: Vec<u8>,
}

/// Where a new file begins.
enum Begin {
    At(Entry),
    /// Where an earlier run has ended.
    Again(Entry),
    /// Behind what was read of this one, of which it is a copy.
    Behind(FileKey, Entry),
    /// It is a copy that is still being written.
    Later,
}

impl<S: Sink> Engine<S> {
    /// Brings what is followed in line with what a walk found.
    pub(crate) fn reconcile(&mut self, scan: Scan) {
        self.note_unreadable(&scan.unreadable);
        let scan_files = &scan.files;
        let mut seen = HashSet::with_capacity(scan_files.len());
        for found in scan_files {
            let key = self.by_path.get(&found.path).copied();
            let file = key.and_then(|it| self.files.get(&it)).filter(|it| {
                let identity = it.entry.identity;
                (identity.device, identity.inode) == (found.device, found.inode)
            });
            match (key, file) {
                (Some(key), Some(file)) => {
                    let is_read = file.entry.gzip && file.ended;
                    let known = if file.entry.gzip { file.disk_size } else { file.known_end() };
                    let unwatched = file.watch.is_none() && file.ended;
                    if found.size != known || unwatched || !file.begins_as_before() {
                        self.wake(key);
                    } else if is_read {
                        // Time alone tells that nobody will finish it.
                        self.note_damage(key, false);
                    }
                }
                _ => self.look(&found.path),
            }
            seen.extend(self.by_path.get(&found.path).copied());
        }
        self.watch_directories(&scan);
        let others: Vec<FileKey> =
            self.files.keys().filter(|it| !seen.contains(*it)).copied().collect();
        for key in others {
            self.check_unseen(key);
        }
        if !self.started
            || self.restarted
            || self.files.values().any(|it| it.resumed)
            || self.book.paths().next().is_some()
        {
            self.resume_rotated();
        }
        for base in std::mem::take(&mut self.look_again) {
            self.adopt_siblings(&base);
        }
        if scan.files.is_empty() && self.complaints.allows("nothing") {
            tracing::debug!("no files match the configured criteria");
        }
    }

    fn watch_directories(&mut self, scan: &Scan) {
        let mut wanted = scan.directories.clone();
        wanted.extend(
            self.files.values().filter_map(|it| it.real.as_ref()?.parent().map(Path::to_owned)),
        );
        wanted.extend(self.appeared.iter().cloned());
        let (more, failed) =
            self.watcher.as_mut().map(|it| it.set_directories(&wanted)).unwrap_or_default();
        if more {
            // What came into them between the walk and the watch has told nobody.
            self.walk_soon();
        }
        if let Some((path, error)) = failed.first()
            && self.complaints.allows("directories")
        {
            self.blind = true;
            let (count, every) = (failed.len(), self.settings.poll_interval);
            tracing::warn!(%error, count, ?every, path = %path.display(), "directories cannot be \
                watched (raise fs.inotify.max_user_watches); looking at them regularly");
        }
    }

    /// A name in a watched directory was made, moved or removed.
    pub(crate) fn name_changed(&mut self, path: &Path) {
        if let Some(key) = self.by_real.get(path)
            && let Some(found) = self.files.get(key).map(|it| it.path().clone())
        {
            self.look(&found);
        }
        if !self.settings.finder.matches(path) {
            return;
        }
        if self.settings.finder.decides_alone() || self.by_path.contains_key(path) {
            self.look(path);
        } else {
            self.walk_soon();
        }
    }

    /// A directory was made or moved here: a walk of all the others for it would be too much.
    pub(crate) fn directory_appeared(&mut self, path: &Path) {
        if !self.started || !self.settings.finder.decides_alone() {
            return self.walk_soon();
        }
        for _ in 0..LISTINGS_MAX {
            let scan = self.settings.finder.scan_below(path);
            if let Some((_, error)) = scan.unreadable.iter().find(|it| is_want(&it.1)) {
                return self.ran_short(error);
            }
            let Some(watcher) = &mut self.watcher else { return };
            let mut more = false;
            for dir in &scan.directories {
                match watcher.watch_directory(dir) {
                    Ok(new) => more |= new,
                    Err(_) => return self.walk_soon(),
                }
            }
            self.appeared.extend(scan.directories);
            if !more {
                // All were watched before they were listed: what comes now tells.
                return scan.files.iter().for_each(|it| self.look(&it.path));
            }
        }
        self.walk_soon();
    }

    /// Looks at what is at a path that matches.
    pub(crate) fn look(&mut self, path: &Path) {
        let known = self.by_path.get(path).copied();
        let metadata = std::fs::metadata(path);
        let place = metadata.as_ref().ok().filter(|it| it.is_file()).map(|it| (it.dev(), it.ino()));
        if let Some(key) = known {
            let identity = self.files.get(&key).map(|it| it.entry.identity);
            if place.is_some() && identity.map(|it| (it.device, it.inode)) == place {
                return self.wake(key);
            }
            self.detach(key);
        }
        let before = self.detached.get(path).copied();
        match metadata {
            Ok(_) if place.is_none() => {}
            Ok(_) => self.admit(path, before),
            Err(_) if known.is_some() => self.adopt_siblings(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.complain_unreadable(path, &error),
        }
    }

    /// Follows the file at `path`; `before` is what was there until now.
    fn admit(&mut self, path: &Path, before: Option<FileKey>) {
        let opened = match self.open(path, false) {
            Ok(Some(opened)) => opened,
            Ok(None) => return,
            Err(error) if is_want(&error) => return self.ran_short(&error),
            Err(error) => return self.complain_unreadable(path, &error),
        };
        if self.unreadable.remove(path).is_some() {
            tracing::info!(path = %path.display(), "file can be read now");
        }
        if let Some(key) = self.by_identity.get(&opened.facts.identity).copied() {
            return self.attach_again(key, path);
        }
        let (entry, copied, resumed) = match self.begin(path, &opened) {
            Begin::At(entry) => (entry, None, false),
            Begin::Again(entry) => (entry, None, true),
            Begin::Behind(key, entry) => (entry, Some(key), false),
            Begin::Later => return,
        };
        self.growing.remove(path);
        let key = self.follow(entry, opened);
        if let Some(file) = self.files.get_mut(&key) {
            file.resumed = resumed;
        }
        if let Some(before) = copied.or(before) {
            self.chain(key, before);
        }
        if let (Some(_), Some(file)) = (copied, self.files.get_mut(&key)) {
            file.is_copy = true;
        }
        let is_new = self.started && !self.restarted && !resumed && copied.is_none();
        if before.is_some() || is_new {
            self.adopt_siblings(path);
        }
    }

    /// Opens a file for reading; `None` when it is none of ours.
    pub(crate) fn open(&mut self, path: &Path, gzip: bool) -> io::Result<Option<Opened>> {
        self.take_up(open_file(path)?, path, gzip)
    }

    /// Looks at a file that was just opened; `None` when it is none of ours.
    pub(crate) fn take_up(
        &mut self,
        file: File,
        path: &Path,
        gzip: bool,
    ) -> io::Result<Option<Opened>> {
        let facts = Facts::of(&file)?;
        if !facts.is_file {
            return Ok(None);
        }
        match FileSystem::of(&file) {
            FileSystem::Local => {}
            FileSystem::Remote => self.blind = true,
            FileSystem::MadeUp(name) => {
                let what =
                    format!("it lies in a {name} file system, which makes it up at each look");
                return Err(not_a_log(&what));
            }
        }
        if self.settings.lock
            && let Err(error) = rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared)
        {
            tracing::debug!(%error, path = %path.display(), "file is locked and is tried again later");
            return Ok(None);
        }
        let gzip = gzip
            || match self.settings.compression {
                Compression::None => false,
                Compression::Gzip => true,
                Compression::Auto => begins_as_gzip(&file, path),
            };
        let mut source = Source::new(file, gzip);
        let mut head = vec![0; self.settings.fingerprint_bytes];
        let length = source.read_at(&mut head, 0)?;
        head.truncate(length);
        Ok(Some(Opened { source, facts, head }))
    }

    /// Where reading begins in a file that is not followed.
    fn begin(&mut self, path: &Path, opened: &Opened) -> Begin {
        let known = self.book.find(opened.facts.identity).map(|it| it.id);
        if let Some(known) = known.and_then(|it| self.book.claim(it)) {
            let again = !known.passed_over && known.fingerprint.fits(&opened.head);
            let entry = again
                .then(|| self.resume(Entry { path: path.to_owned(), ..known.clone() }, opened));
            let anew = entry.as_ref().is_none_or(|it| it.offset < known.offset);
            if anew && self.restarted && known.path == path && !known.passed_over {
                // What it held before may be in a copy, which the look at its archives will find.
                let identity = Identity { inode: 0, ..known.identity };
                let id = self.book.new_id();
                self.book.put_back(Entry { id, identity, ..known.clone() });
            }
            if let Some(entry) = entry {
                return Begin::Again(entry);
            }
            // The same inode with other content, or an archive that now is one of the files to be read.
            self.book.forget(known.id);
        }
        let fresh = Entry { id: self.book.new_id(), path: path.to_owned(), ..Entry::default() };
        if let Some(begin) = self.copy(path, opened, &fresh) {
            return begin;
        }
        let at_end = !self.started && self.settings.start_at == StartAt::End;
        let offset = if at_end { opened.facts.size } else { 0 };
        Begin::At(Entry { offset, ..fresh })
    }

    /// Where a file goes on that an earlier run or an earlier descriptor has read.
    pub(crate) fn resume(&self, entry: Entry, opened: &Opened) -> Entry {
        let mut tail =
            vec![0; usize::try_from(entry.offset).map_or(TAIL_BYTES, |it| it.min(TAIL_BYTES))];
        let Source::Plain(file) = &opened.source else { return entry };
        let (size, offset) = (opened.facts.size, entry.offset);
        if size < offset {
            tracing::info!(path = %entry.path.display(), size, offset, "file is shorter than what was read of it");
            let whole = self.settings.on_truncate == OnTruncate::ReadWholeFile;
            return Entry { offset: if whole { 0 } else { size }, number: 0, size: 0, ..entry };
        }
        let from = offset - tail.len() as u64;
        let read = read_at(file, &mut tail, from).unwrap_or(0);
        let same = entry.tail == 0 || read == tail.len() && fnv1a_64(&[&tail]) == entry.tail;
        if same {
            return entry;
        }
        tracing::info!(path = %entry.path.display(), offset, "file was written anew and is read from its start");
        Entry { offset: 0, number: 0, size: 0, ..entry }
    }

    /// Recognises a copy that rotation made of a file in the same directory.
    fn copy(&mut self, path: &Path, opened: &Opened, fresh: &Entry) -> Option<Begin> {
        let (dir, name) = (path.parent()?, path.file_name()?.to_string_lossy());
        let related = |entry: &Entry| {
            let other = entry.path.file_name().map(OsStr::to_string_lossy);
            entry.path.parent() == Some(dir)
                && entry.path != path
                && other.is_some_and(|it| are_related(&it, &name))
        };
        let short = |it: &Tracked<S::File>| {
            (it.entry.fingerprint.length as usize) < self.settings.fingerprint_bytes
        };
        let short = self.files.iter().filter(|it| short(it.1) && related(&it.1.entry));
        let short: Vec<FileKey> = short.map(|it| *it.0).collect();
        short.into_iter().for_each(|it| self.refresh_fingerprint(it));
        let sample = |content: &Content| {
            let (gzip, file) = (opened.source.is_gzip(), opened.source.file().try_clone());
            let sample = file.and_then(|it| Sample::of(it, gzip, self.settings.fingerprint_bytes));
            sample.map_or(Holds::No, |mut it| it.holds(content))
        };
        let mut wait = false;
        // The first bytes tell most files apart, and are compared faster than paths.
        for (key, file) in &self.files {
            if file.entry.gzip || !file.head.begins(&opened.head) || !related(&file.entry) {
                continue;
            }
            match sample(&file.content()) {
                Holds::Exactly | Holds::More => {
                    let attributes = file.entry.attributes.clone();
                    // After a crash what had no answer is read again, and not what had one.
                    let (offset, fingerprint) =
                        (file.watermark.done(), Fingerprint::of(&opened.head));
                    let entry = Entry { fingerprint, attributes, offset, ..fresh.clone() };
                    return Some(Begin::Behind(*key, entry));
                }
                Holds::NotYet => wait = true,
                Holds::No => {}
            }
        }
        let closed = self.book.below(dir).filter(|it| !it.gzip && !it.passed_over).find(|it| {
            let fits = it.fingerprint.length as usize > opened.head.len()
                || it.fingerprint.fits(&opened.head);
            let holds = if fits && related(it) { sample(&Content::of(it)) } else { Holds::No };
            wait |= holds == Holds::NotYet;
            matches!(holds, Holds::Exactly | Holds::More)
        });
        if let Some(known) = closed.cloned() {
            let known = Entry { id: fresh.id, path: fresh.path.clone(), ..known };
            return Some(Begin::At(self.resume(known, opened)));
        }
        let size = opened.facts.size;
        let maybe = self.files.values().any(|it| {
            !opened.source.is_gzip()
                && size < it.position
                && it.head.begins(&opened.head)
                && related(&it.entry)
        });
        let grows =
            self.started && maybe && self.growing.insert(path.to_owned(), size) != Some(size);
        if wait || grows {
            self.walk_soon();
            return Some(Begin::Later);
        }
        None
    }

    /// Follows an open file from where its entry says.
    pub(crate) fn follow(&mut self, mut entry: Entry, mut opened: Opened) -> FileKey {
        let key = self.new_key();
        let fingerprint = Fingerprint::of(&opened.head);
        let Facts { identity, size, links, .. } = opened.facts;
        let gzip = opened.source.is_gzip();
        if gzip && entry.fingerprint.length == 0 && entry.offset > 0 {
            entry.offset = decompressed_size(&mut opened.source);
        }
        entry = Entry { identity, gzip, fingerprint, is_complete: false, ..entry };
        let metadata = opened.source.file().metadata();
        let attributes =
            metadata.map(|it| self.settings.attributes.of(&entry.path, &it)).unwrap_or_default();
        let all = [attributes.clone(), entry.attributes.clone()].concat();
        let sink_file = self.sink.file(key, &all);
        let head = Head::of(&opened.head);
        self.book.note_file(&entry);
        self.book.note_offset(&entry);
        let mut file = Tracked::new(entry, sink_file, opened.source, head);
        file.attributes = attributes;
        file.in_header = self.settings.header.is_some() && file.position == 0;
        file.unlinked = links == 0;
        file.real = real_path(file.path());
        if let Some(real) = file.real.clone() {
            let dir = real.parent().map(Path::to_owned).unwrap_or_default();
            if let Some(Err(_)) = self.watcher.as_mut().map(|it| it.watch_directory(&dir)) {
                self.blind = true;
            }
            self.by_real.insert(real, key);
        }
        tracing::debug!(path = %file.path().display(), offset = file.position, size, "Started watching file");
        self.by_identity.insert(identity, key);
        self.by_path.insert(file.path().clone(), key);
        let stays = file.source.as_ref().is_some_and(|it| self.may_stay_open(it.file()));
        if !stays {
            file.source = None;
        }
        self.files.insert(key, file);
        if stays {
            self.enqueue(key);
        } else {
            self.park(key);
        }
        key
    }
}

/// Where a symbolic link leads.
fn real_path(path: &Path) -> Option<PathBuf> {
    let is_link = std::fs::symlink_metadata(path).is_ok_and(|it| it.is_symlink());
    is_link.then(|| std::fs::canonicalize(path).ok()).flatten()
}

fn decompressed_size(source: &mut Source) -> u64 {
    let (mut size, mut scratch) = (0, vec![0; 64 * 1024]);
    while let Ok(n) = source.read_at(&mut scratch, size)
        && n > 0
    {
        size += n as u64;
    }
    size
}

/// By its first bytes, as upstream tells it; by its name while there are none.
fn begins_as_gzip(file: &File, path: &Path) -> bool {
    let mut magic = [0; 2];
    match read_at(file, &mut magic, 0) {
        Ok(2) => magic == GZIP_MAGIC,
        _ => path.file_name().is_some_and(|it| is_gzip(&it.to_string_lossy())),
    }
}
