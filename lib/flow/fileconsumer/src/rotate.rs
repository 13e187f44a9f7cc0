//! Files whose name no longer leads to them: renamed, removed, truncated, compressed.

use std::cmp::Reverse;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use component::meter::Counter;
use component::{LostReason, Meter};
use tokio::time::Instant;

use crate::FileKey;
use crate::adopt::siblings;
use crate::book::Entry;
use crate::engine::{Engine, Timer};
use crate::identity::{Facts, Fingerprint, Head, Identity};
use crate::settings::OnTruncate;
use crate::sink::Sink;
use crate::track::Tracked;

/// A removed file is let go when nobody has written to it for this long.
const UNLINKED_QUIET: Duration = Duration::from_secs(2);
/// A renamed file is let go when nobody has written to it for this long: its writer may not know yet.
const RENAMED_QUIET: Duration = Duration::from_secs(30);

/// Counts files of which something was lost; how many records, nobody knows.
pub(crate) struct Lost {
    pub rotated: Counter,
    pub truncated: Counter,
}

impl Lost {
    pub(crate) fn new(meter: &Meter) -> Self {
        Self {
            rotated: LostReason::RotatedUnread.counter(meter),
            truncated: LostReason::TruncatedUnread.counter(meter),
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

    /// The file has become shorter, or begins with something else: what is in it now is another file.
    pub(crate) fn truncated(&mut self, key: FileKey, size: u64) {
        let Some(mut old) = self.files.remove(&key) else { return };
        tracing::debug!(path = %old.path().display(), size, "File has been rotated(truncated)");
        if old.known_end() < old.disk_size {
            self.lost.truncated.add(1);
        }
        self.sink.forget(key);
        self.hand_over(&mut old);
        self.by_identity.remove(&old.entry.identity);
        let Some(source) = old.source.take() else { return };
        let facts = Facts::of(source.file());
        let mut head = vec![0; self.settings.fingerprint_bytes];
        let mut source = source;
        let length = source.read_at(&mut head, 0).unwrap_or(0);
        head.truncate(length);
        let whole = self.settings.on_truncate == OnTruncate::ReadWholeFile;
        let entry = Entry {
            id: self.book.new_id(),
            identity: old.entry.identity,
            gzip: false,
            fingerprint: Fingerprint::of(&head),
            path: old.entry.path.clone(),
            offset: if whole { 0 } else { size },
            ..Entry::default()
        };
        // Remembered for a copy that may turn up, not in the store: there the new content takes over.
        let remembered = Entry { offset: old.position, tail: old.tail_hash(), ..old.entry.clone() };
        self.book.forget(old.entry.id);
        let place = Identity { inode: 0, ..remembered.identity };
        self.book.put_back(Entry { identity: place, ..remembered });
        let new = self.new_key();
        let file = self.sink.file(new, &old.attributes);
        self.book.note_file(&entry);
        self.book.note_offset(&entry);
        let mut tracked = Tracked::new(entry, file, source, Head::of(&head));
        tracked.attributes = old.attributes;
        tracked.in_header = self.settings.header.is_some();
        tracked.detached = old.detached;
        tracked.settled = true;
        tracked.unlinked = facts.is_ok_and(|it| it.links == 0);
        tracked.real = old.real;
        if old.detached {
            self.detached.insert(tracked.path().clone(), new);
        } else {
            self.by_path.insert(tracked.path().clone(), new);
            if let Some(real) = tracked.real.clone() {
                self.by_real.insert(real, new);
            }
        }
        self.by_identity.insert(tracked.entry.identity, new);
        self.files.insert(new, tracked);
        self.enqueue(new);
    }

    /// `key` is not read before `before` has come to its end.
    pub(crate) fn chain(&mut self, key: FileKey, before: FileKey) {
        if key == before {
            return;
        }
        let Some(first) = self.files.get_mut(&before) else { return };
        first.followers.push(key);
        if let Some(file) = self.files.get_mut(&key) {
            file.after = Some(before);
        }
    }

    /// Lets those go on that waited for the end of a file.
    pub(crate) fn release_followers(&mut self, key: FileKey) {
        if let Some(mut file) = self.files.remove(&key) {
            self.hand_over(&mut file);
            self.files.insert(key, file);
        }
    }

    fn hand_over(&mut self, file: &mut Tracked<S::File>) {
        for follower in std::mem::take(&mut file.followers) {
            let Some(next) = self.files.get_mut(&follower) else { continue };
            next.after = None;
            if std::mem::take(&mut next.is_copy) && next.position == 0 {
                next.start_at(file.position, file.number);
                next.in_header = false;
                next.tail.clone_from(&file.tail);
            }
            self.enqueue(follower);
        }
    }

    /// Lets a file go that is read, answered and no longer needed.
    pub(crate) fn leave(&mut self, key: FileKey, now: Instant) {
        let Some(file) = self.files.get_mut(&key) else { return };
        if !file.ended || file.queued {
            return;
        }
        if !file.detached {
            if self.settings.delete_after_read && file.is_done() && file.position > 0 {
                self.delete(key);
            }
            return;
        }
        if let Some(Ok(facts)) = file.source.as_ref().map(|it| Facts::of(it.file())) {
            file.unlinked = facts.links == 0;
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
        if file.partial.is_some() {
            self.flush_now(key);
        }
        let Some(file) = self.files.get_mut(&key) else { return };
        if !file.finished {
            file.finished = true;
            self.sink.forget(key);
            self.touched.insert(key);
        }
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
            self.open -= 1;
        }
        if !file.finished {
            self.sink.forget(key);
        }
        if gone && (file.unlinked || self.by_path.contains_key(file.path())) {
            self.book.forget(file.entry.id);
        } else {
            self.book.note_offset(&file.entry);
            self.book.put_back(file.entry);
        }
    }

    /// Opens a file again that was closed to save descriptors.
    pub(crate) fn ensure_open(&mut self, key: FileKey) -> bool {
        let Some(file) = self.files.get(&key) else { return false };
        if file.source.is_some() {
            return true;
        }
        let (identity, gzip, path) = (file.entry.identity, file.entry.gzip, file.path().clone());
        let mut names = vec![path.clone()];
        names.extend(siblings(&path).into_iter().map(|it| it.path));
        for name in names {
            if let Ok(Some(opened)) = self.open(&name, gzip)
                && opened.facts.identity == identity
                && let Some(file) = self.files.get_mut(&key)
            {
                file.source = Some(opened.source);
                self.open += 1;
                return true;
            }
        }
        tracing::warn!(path = %path.display(), "file was removed while it was closed for want of \
            descriptors; raise 'max_concurrent_files'");
        self.lost.rotated.add(1);
        self.release(key, true);
        false
    }

    /// Closes the files that were idle longest until another one may be opened.
    pub(crate) fn make_room(&mut self) {
        while self.open >= self.settings.open_files_max {
            let idle = self.files.iter().filter(|(_, it)| {
                it.source.is_some() && it.ended && !it.queued && !it.detached && !it.entry.gzip
            });
            let Some((&key, _)) = idle.min_by_key(|(_, it)| it.active) else { return };
            if let Some(file) = self.files.get_mut(&key) {
                file.source = None;
                self.open -= 1;
            }
        }
    }
}
