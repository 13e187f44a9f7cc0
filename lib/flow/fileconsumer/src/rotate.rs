//! Files whose name no longer leads to them: renamed, removed, truncated, compressed.

use std::cmp::Reverse;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use component::meter::Counter;
use component::{LostReason, Meter};
use tokio::time::Instant;

use crate::FileKey;
use crate::archive::archives;
use crate::book::Entry;
use crate::descriptors::is_want;
use crate::engine::{Engine, Timer};
use crate::identity::{Facts, Fingerprint, Head, Identity};
use crate::rewrites::{PERIOD, REWRITES_MAX};
use crate::settings::OnTruncate;
use crate::sink::Sink;
use crate::source::{Source, open_file};
use crate::track::{Tracked, Wait};

/// A removed file is let go when nobody has written to it for this long.
const UNLINKED_QUIET: Duration = Duration::from_secs(2);
/// A renamed file is let go when nobody has written to it for this long: its writer may not know yet.
const RENAMED_QUIET: Duration = Duration::from_secs(30);
/// A file waits so long for another one that could be read and is not.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Counts files of which something was lost; how many records, nobody knows.
pub(crate) struct Lost {
    pub rotated: Counter,
    pub truncated: Counter,
    pub damaged: Counter,
}

impl Lost {
    pub(crate) fn new(meter: &Meter) -> Self {
        Self {
            rotated: LostReason::RotatedUnread.counter(meter),
            truncated: LostReason::TruncatedUnread.counter(meter),
            damaged: LostReason::CorruptRecord.counter(meter),
        }
    }
}

impl<S: Sink> Engine<S> {
    /// The path leads elsewhere or nowhere; the descriptor stays.
    pub(crate) fn detach(&mut self, key: FileKey) {
        let Some(file) = self.files.get_mut(&key) else { return };
        if self.by_path.get(file.path()) == Some(&key) {
            self.by_path.remove(file.path());
        }
        if let Some(real) = file.real.take() {
            self.by_real.remove(&real);
        }
        if !std::mem::replace(&mut file.detached, true) {
            tracing::debug!(path = %file.path().display(), "File has been rotated(moved)");
        }
        self.detached.insert(file.path().clone(), key);
        let links =
            file.source.as_ref().and_then(|it| Facts::of(it.file()).ok()).map(|it| it.links);
        file.unlinked = links == Some(0);
        self.refresh_fingerprint(key);
        self.timers.push(Reverse((Instant::now(), key, Timer::Leave)));
        self.enqueue(key);
    }

    /// A file that is followed was found under another name.
    pub(crate) fn attach_again(&mut self, key: FileKey, path: &Path) {
        let Some(file) = self.files.get_mut(&key) else { return };
        if !file.detached {
            let old = std::fs::metadata(file.path()).map(|it| (it.dev(), it.ino()));
            let identity = file.entry.identity;
            if old.is_ok_and(|it| it == (identity.device, identity.inode)) {
                // A second name of the same file.
                return;
            }
            if self.by_path.get(file.path()) == Some(&key) {
                self.by_path.remove(file.path());
            }
        }
        if self.detached.get(file.path()) == Some(&key) {
            self.detached.remove(file.path());
        }
        file.detached = false;
        file.finished = false;
        path.clone_into(&mut file.entry.path);
        if let Some(Ok(metadata)) = file.source.as_ref().map(|it| it.file().metadata()) {
            file.attributes = self.settings.attributes.of(path, &metadata);
        }
        let all = [file.attributes.clone(), file.entry.attributes.clone()].concat();
        file.file = self.sink.file(key, &all);
        self.book.note_file(&file.entry);
        self.by_path.insert(path.to_owned(), key);
        self.enqueue(key);
    }

    /// A file that the last walk did not find at its path.
    pub(crate) fn check_unseen(&mut self, key: FileKey) {
        let Some(file) = self.files.get(&key) else { return };
        if file.detached {
            let size =
                file.source.as_ref().and_then(|it| it.file().metadata().ok()).map(|it| it.len());
            if size.is_some_and(|it| !file.entry.gzip && it != file.known_end()) {
                self.wake(key);
            }
            self.timers.push(Reverse((Instant::now(), key, Timer::Leave)));
            return;
        }
        let identity = file.entry.identity;
        let path = file.path().clone();
        let place = std::fs::metadata(&path).map(|it| (it.dev(), it.ino()));
        match place {
            // Still there, but too old or not chosen: it is let go, not forgotten.
            Ok(place) if place == (identity.device, identity.inode) => {
                if file.ended && file.is_done() && !self.settings.finder.decides_alone() {
                    self.release(key, false);
                }
            }
            Ok(_) => self.look(&path),
            Err(_) => self.detach(key),
        }
    }

    /// True for a file that begins anew too often: then it is looked at later.
    fn begins_anew_too_often(&mut self, key: FileKey) -> bool {
        let Some(file) = self.files.get_mut(&key) else { return false };
        let Some(at) = file.rewrites.count(Instant::now()) else { return false };
        file.ended = true;
        // The first that is too much sets the timer; events may come until it is over.
        if file.rewrites.is_first_too_much() {
            let path = file.path().clone();
            self.timers.push(Reverse((at, key, Timer::Rewritten)));
            if self.complaints.allows(&format!("rewritten {}", path.display())) {
                tracing::warn!(path = %path.display(), times = REWRITES_MAX, within = ?PERIOD, "a file begins \
                    anew again and again and is left alone for a while; if it is no log, add it to 'exclude'");
            }
        }
        true
    }

    /// The file has become shorter, or begins with something else: what is in it now is another file. When
    /// rotation has made a copy of what it was, reading goes on there.
    pub(crate) fn truncated(&mut self, key: FileKey, size: u64) {
        if self.begins_anew_too_often(key) {
            return;
        }
        let Some(mut old) = self.files.remove(&key) else { return };
        let rewrites = old.rewrites;
        tracing::debug!(path = %old.path().display(), size, "File has been rotated(truncated)");
        self.by_identity.remove(&old.entry.identity);
        let Some(source) = old.source.take() else { return };
        let place = (old.entry.identity, old.path().clone(), old.detached, old.real.take());
        let (attributes, sent) = (old.attributes.clone(), old.place.clone());
        let copied = self.move_to_copy(key, old);
        let (identity, path, detached, real) = place;
        let facts = Facts::of(source.file());
        let mut head = vec![0; self.settings.fingerprint_bytes];
        let mut source = source;
        let length = source.read_at(&mut head, 0).unwrap_or(0);
        head.truncate(length);
        let whole = self.settings.on_truncate == OnTruncate::ReadWholeFile;
        let entry = Entry {
            id: self.book.new_id(),
            identity,
            gzip: false,
            fingerprint: Fingerprint::of(&head),
            path,
            offset: if whole { 0 } else { size },
            ..Entry::default()
        };
        let new = self.new_key();
        let file = self.sink.file(new, &attributes);
        self.book.note_file(&entry);
        self.book.note_offset(&entry);
        let mut tracked = Tracked::new(entry, file, source, Head::of(&head));
        tracked.attributes = attributes;
        (tracked.place, tracked.rewrites) = (sent, rewrites);
        tracked.in_header = self.settings.header.is_some();
        tracked.detached = detached;
        tracked.unlinked = facts.is_ok_and(|it| it.links == 0);
        tracked.real = real;
        if detached {
            self.detached.insert(tracked.path().clone(), new);
        } else {
            self.by_path.insert(tracked.path().clone(), new);
            if let Some(real) = tracked.real.clone() {
                self.by_real.insert(real, new);
            }
        }
        self.by_identity.insert(identity, new);
        self.files.insert(new, tracked);
        if copied {
            self.chain(new, key);
        }
        self.enqueue(new);
    }

    /// Goes on in the copy of a file that was truncated; false when there is none, and then what was not read is lost.
    fn move_to_copy(&mut self, key: FileKey, mut old: Tracked<S::File>) -> bool {
        let copy = if old.detached { None } else { self.copy_of(old.path(), &old.content()) };
        let Some((sibling, sample)) = copy else {
            if old.known_end() < old.disk_size {
                self.lost.truncated.add(1);
            }
            self.sink.forget(key);
            self.hand_over(&mut old);
            // Remembered for a copy that may turn up, not in the store: there the new content takes over.
            let (offset, tail) = (old.position, old.tail_hash());
            let remembered = Entry { offset, size: offset, tail, ..old.entry };
            self.book.forget(remembered.id);
            let nowhere = Identity { inode: 0, ..remembered.identity };
            self.book.put_back(Entry { identity: nowhere, ..remembered });
            return false;
        };
        if let Some(id) = self.book.find(sibling.identity).map(|it| it.id) {
            self.book.forget(id);
        }
        tracing::info!(path = %sibling.path.display(), offset = old.position, "reading on in a copy of a \
            file that was truncated");
        (old.entry.identity, old.entry.gzip) = (sibling.identity, sibling.rank.is_gzip);
        self.book.note_file(&old.entry);
        old.source = Some(sample.source).filter(|it| self.may_stay_open(it.file()));
        (old.detached, old.unlinked, old.watch) = (true, false, None);
        (old.queued, old.ended, old.partial) = (false, false, None);
        self.by_identity.insert(sibling.identity, key);
        self.files.insert(key, old);
        self.enqueue(key);
        true
    }

    /// `key` is not read before `before` has been, as far as it goes now.
    pub(crate) fn chain(&mut self, key: FileKey, before: FileKey) {
        // Names can mislead: two files that wait for each other would never be read.
        if self.waits_for(before, key) {
            return;
        }
        let Some(first) = self.files.get_mut(&before) else { return };
        let plain = first.source.as_ref().filter(|it| !it.is_gzip());
        let size = plain.and_then(|it| it.file().metadata().ok()).map(|it| it.len());
        let (until, seen) = (size.unwrap_or(u64::MAX), (first.position, Instant::now()));
        if !first.followers.contains(&key) {
            first.followers.push(key);
        }
        let Some(file) = self.files.get_mut(&key) else { return };
        let old = file.after.replace(Wait { key: before, until, seen }).map(|it| it.key);
        self.timers.push(Reverse((seen.1 + WAIT_MAX, key, Timer::Wait)));
        if let Some(old) = old.filter(|it| *it != before).and_then(|it| self.files.get_mut(&it)) {
            old.followers.retain(|it| *it != key);
        }
    }

    /// True when `key` is, or waits for, `other`.
    fn waits_for(&self, mut key: FileKey, other: FileKey) -> bool {
        while key != other {
            match self.files.get(&key).and_then(|it| it.after) {
                Some(wait) => key = wait.key,
                None => return false,
            }
        }
        true
    }

    /// Lets those go on that waited for a file, when it was read as far as they wait for.
    pub(crate) fn release_followers(&mut self, key: FileKey) {
        let Some(mut file) = self.files.remove(&key) else { return };
        let all = std::mem::take(&mut file.followers);
        let is_answered = file.ended && file.is_done();
        let far = |it: &FileKey| match self.files.get(it) {
            // It goes on where this one ends, also after a crash.
            Some(next) if next.is_copy => is_answered,
            Some(next) => file.ended || next.after.is_none_or(|it| it.until <= file.position),
            None => true,
        };
        let (go, stay) = all.into_iter().partition(far);
        file.followers = go;
        self.hand_over(&mut file);
        file.followers = stay;
        self.files.insert(key, file);
    }

    fn hand_over(&mut self, file: &mut Tracked<S::File>) {
        for follower in std::mem::take(&mut file.followers) {
            let Some(next) = self.files.get_mut(&follower) else { continue };
            next.after = None;
            next.place = next.place.take().or_else(|| file.place.clone());
            if std::mem::take(&mut next.is_copy) {
                next.start_at(file.position, file.number);
                next.in_header = false;
                next.tail.clone_from(&file.tail);
                self.moved.insert(follower);
            }
            self.enqueue(follower);
        }
    }

    /// A file that waits for one that is not read goes on without it: late order is better than silence.
    pub(crate) fn wait_no_longer(&mut self, key: FileKey, now: Instant) {
        let Some(wait) = self.files.get(&key).and_then(|it| it.after) else { return };
        let at = self.files.get(&wait.key).map(|it| it.position);
        let is_copy = self.files.get(&key).is_some_and(|it| it.is_copy);
        let seen = match at {
            Some(position) if position == wait.seen.0 && self.has_room() && !is_copy => wait.seen,
            Some(position) => (position, now),
            None => (0, now - WAIT_MAX),
        };
        if now < seen.1 + WAIT_MAX {
            if let Some(file) = self.files.get_mut(&key) {
                file.after = Some(Wait { seen, ..wait });
            }
            return self.timers.push(Reverse((seen.1 + WAIT_MAX, key, Timer::Wait)));
        }
        self.gauges.gave_up_waiting();
        if let Some(file) = self.files.get(&key) {
            tracing::warn!(path = %file.path().display(), "a file waited for an archive of it that is not \
                read, and goes on without it: its lines may come before older ones; look for other messages \
                about the archive");
        }
        let Some(mut before) = self.files.remove(&wait.key) else {
            if let Some(file) = self.files.get_mut(&key) {
                file.after = None;
            }
            return self.enqueue(key);
        };
        let others = std::mem::replace(&mut before.followers, vec![key]);
        self.hand_over(&mut before);
        before.followers = others.into_iter().filter(|it| *it != key).collect();
        self.files.insert(wait.key, before);
    }

    /// Lets a file go that is read, answered and no longer needed.
    pub(crate) fn leave(&mut self, key: FileKey, now: Instant) {
        let Some(file) = self.files.get_mut(&key) else { return };
        if !file.ended || file.queued {
            return;
        }
        if !file.detached {
            let is_whole = file.source.as_ref().is_none_or(Source::is_whole);
            if self.settings.delete_after_read && file.is_done() && file.position > 0 && is_whole {
                self.delete(key);
            }
            return;
        }
        if let Some(Ok(facts)) = file.source.as_ref().map(|it| Facts::of(it.file())) {
            file.unlinked = facts.links == 0;
            let is_plain = file.source.as_ref().is_some_and(|it| !it.is_gzip());
            if is_plain && file.known_end() < facts.size {
                // Written since it was read, and nobody has told yet.
                return self.enqueue(key);
            }
        }
        let quiet = match (file.entry.gzip, file.unlinked) {
            (true, _) => Duration::ZERO,
            (false, true) => UNLINKED_QUIET,
            (false, false) => RENAMED_QUIET,
        };
        if now < file.active + quiet {
            self.timers.push(Reverse((file.active + quiet, key, Timer::Leave)));
            return;
        }
        if let Some(partial) = &mut file.partial {
            // Nothing is added to it any more. When it is read, this comes again.
            partial.is_due = true;
            return self.enqueue(key);
        }
        self.note_damage(key, true);
        let Some(file) = self.files.get_mut(&key) else { return };
        if !file.finished {
            file.finished = true;
            self.sink.forget(key);
            self.touched.insert(key);
            if file.unlinked && !file.archived {
                // It may have been compressed a moment before: then the archive is remembered in its place.
                let base = file.path().clone();
                self.adopt_siblings(&base);
            }
        }
        let Some(file) = self.files.get_mut(&key) else { return };
        if file.watermark.done() == file.position {
            self.release(key, true);
        }
    }

    fn delete(&mut self, key: FileKey) {
        let Some(file) = self.files.get(&key) else { return };
        let path = file.path().clone();
        let same = std::fs::metadata(&path).is_ok_and(|it| {
            let size = if file.entry.gzip { file.disk_size } else { file.position };
            it.ino() == file.entry.identity.inode && it.len() == size
        });
        if !same {
            return;
        }
        match std::fs::remove_file(&path) {
            Ok(()) => {
                self.detach(key);
                self.release(key, true);
            }
            Err(error) => self.complain_unreadable(&path, &error),
        }
    }

    /// Stops following a file; `gone` when its path leads elsewhere or nowhere.
    pub(crate) fn release(&mut self, key: FileKey, gone: bool) {
        let Some(mut file) = self.files.remove(&key) else { return };
        if let (Some(watcher), Some(watch)) = (&mut self.watcher, file.watch.take()) {
            watcher.forget_file(watch);
        }
        file.advance_entry();
        self.hand_over(&mut file);
        self.by_identity.remove(&file.entry.identity);
        if self.by_path.get(file.path()) == Some(&key) {
            self.by_path.remove(file.path());
        }
        if self.detached.get(file.path()) == Some(&key) {
            self.detached.remove(file.path());
        }
        if file.source.is_some() {
            self.descriptors.open -= 1;
        }
        if !file.finished {
            self.sink.forget(key);
        }
        file.entry.is_complete =
            file.entry.gzip && file.ended && file.watermark.done() == file.position;
        if file.entry.is_complete {
            self.book.note_file(&file.entry);
        }
        if gone && file.unlinked && !file.archived {
            self.book.forget(file.entry.id);
        } else {
            self.book.note_offset(&file.entry);
            self.book.put_back(file.entry);
        }
    }

    /// Opens a file again that was closed to save descriptors; false when it cannot be read now.
    pub(crate) fn ensure_open(&mut self, key: FileKey) -> bool {
        let Some(file) = self.files.get(&key) else { return false };
        if file.source.is_some() {
            return true;
        }
        if !self.make_room() {
            self.park(key);
            return false;
        }
        match self.find_again(key) {
            Ok(Some(source)) => {
                let stays = self.may_stay_open(source.file());
                if !stays {
                    self.park(key);
                } else if let Some(file) = self.files.get_mut(&key) {
                    file.source = Some(source);
                }
                stays
            }
            Ok(None) => {
                if let Some(file) = self.files.get(&key) {
                    tracing::warn!(path = %file.path().display(), "file was removed while it was closed for want of \
                        descriptors; raise 'max_concurrent_files' and the limit of open files");
                }
                self.lost.rotated.add(1);
                self.release(key, true);
                false
            }
            Err(error) => {
                self.ran_short(&error);
                self.park(key);
                false
            }
        }
    }

    /// Looks for a closed file at its path, and then among the archives there.
    fn find_again(&mut self, key: FileKey) -> io::Result<Option<Source>> {
        let Some(file) = self.files.get(&key) else { return Ok(None) };
        let (identity, gzip, path) = (file.entry.identity, file.entry.gzip, file.path().clone());
        let mut open = |name: &Path| match open_file(name)
            .and_then(|it| self.take_up(it, name, gzip))
        {
            Ok(opened) => Ok(opened.filter(|it| it.facts.identity == identity).map(|it| it.source)),
            Err(error) if is_want(&error) => Err(error),
            Err(_) => Ok(None),
        };
        if let Some(source) = open(&path)? {
            return Ok(Some(source));
        }
        for sibling in archives(&path, |_, _| true)?.siblings {
            if let Some(source) = open(&sibling.path)? {
                return Ok(Some(source));
            }
        }
        Ok(None)
    }
}
