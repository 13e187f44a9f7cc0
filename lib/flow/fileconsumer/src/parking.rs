//! Which files wait to be opened, and which are closed for them.
//!
//! A file is followed as soon as it is found, whether it may be open or not: its identity and its place in the order
//! are known, and rotation is noticed. One that may not be open is *parked* when its turn comes, until another one is
//! closed. Those that were read to their end are closed first, the one that was quiet for longest before others; the
//! kernel tells when they grow. When there is none, those give way that just had their turn.
use std::cmp::Reverse;
use std::fs::File;
use std::io;
use std::time::Duration;

use tokio::time::Instant;

use crate::FileKey;
use crate::descriptors::is_of_reserve;
use crate::engine::Engine;
use crate::sink::Sink;
use crate::source::Source;
use crate::track::Tracked;

/// This part of the open files is closed at once: looking for the right ones takes a look at all files.
const BATCH_SHARE: usize = 8;
/// Wait after there was no descriptor and none could be given back.
const RETRY: Duration = Duration::from_secs(1);
/// So long it is believed that not more files can be open than when the reserve was reached.
const CAP_PERIOD: Duration = Duration::from_secs(10);

impl<S: Sink> Engine<S> {
    /// Sees to it that one more file may be open; false when nothing can be closed for it.
    pub(crate) fn make_room(&mut self) -> bool {
        let now = Instant::now();
        self.descriptors.free(now) > 0 || self.close_some() > 0
    }

    /// True when this file, which was opened a moment ago, may stay open. Then it counts.
    pub(crate) fn may_stay_open(&mut self, file: &File) -> bool {
        let now = Instant::now();
        if is_of_reserve(file) {
            self.descriptors.cap = Some((self.descriptors.open, now + CAP_PERIOD));
            self.close_some();
        }
        let may = self.descriptors.free(now) > 0;
        self.descriptors.open += usize::from(may);
        may
    }

    /// Closes some of the files that can be opened again; the answer is how many.
    fn close_some(&mut self) -> usize {
        let closable = |it: &Tracked<S::File>| {
            let is_gzip = it.source.as_ref().is_some_and(Source::is_gzip);
            // A compressed file is read again from its start. One that was renamed is found among the archives, and
            // one that was removed is not found any more.
            let found = !it.detached || !it.unlinked && (it.ended || it.after.is_some());
            it.source.is_some() && found && (!is_gzip || it.ended)
        };
        let all = self.files.iter().filter(|it| closable(it.1));
        // First those at their end, the quiet ones before the others; then those that wait for another file; then those
        // that had their turn last.
        let mut all: Vec<_> = all
            .map(|(key, it)| match (it.queued, it.ended) {
                (false, true) => ((0, Some(it.active), None), *key),
                (false, false) => ((1, Some(it.active), None), *key),
                (true, _) => ((2, None, Some(Reverse(it.active))), *key),
            })
            .collect();
        let wanted = (self.descriptors.open / BATCH_SHARE).max(1);
        if wanted < all.len() {
            all.select_nth_unstable(wanted);
            all.truncate(wanted);
        }
        for (_, key) in &all {
            if let Some(file) = self.files.get_mut(key) {
                file.source = None;
                self.descriptors.open -= 1;
            }
        }
        all.len()
    }

    /// Its turn comes again when a descriptor is free.
    pub(crate) fn park(&mut self, key: FileKey) {
        let Some(file) = self.files.get_mut(&key) else { return };
        (file.queued, file.ended) = (true, false);
        self.descriptors.parked.push_back(key);
    }

    /// Lets as many have their turn as may be opened; false when there are none.
    pub(crate) fn unpark(&mut self) -> bool {
        let now = Instant::now();
        if self.descriptors.parked.is_empty()
            || self.descriptors.retry_at.is_some_and(|it| now < it)
        {
            return false;
        }
        self.descriptors.retry_at = None;
        if !self.make_room() {
            self.descriptors.retry_at = Some(now + RETRY);
            return false;
        }
        let free = self.descriptors.free(now).min(self.descriptors.parked.len());
        self.ready.extend(self.descriptors.parked.drain(..free));
        free > 0
    }

    /// There was no descriptor, neither for a file nor for a look at a directory. What could not be looked at is
    /// looked at again soon.
    pub(crate) fn ran_short(&mut self, error: &io::Error) {
        let now = Instant::now();
        self.descriptors.is_short = true;
        self.close_some();
        self.descriptors.cap = Some((self.descriptors.open, now + CAP_PERIOD));
        self.descriptors.retry_at = Some(now + RETRY);
        self.walk_later(RETRY);
        if !std::mem::replace(&mut self.descriptors.said_short, true) {
            tracing::warn!(%error, "there are not enough descriptors for files, directories and sockets: files \
                wait until others are closed, and nothing is lost; raise the limit of open files (systemd: \
                LimitNOFILE=)");
        }
    }

    /// Says once that files wait.
    pub(crate) fn say_waiting(&mut self) {
        let waiting = self.descriptors.waiting();
        if waiting == 0 || std::mem::replace(&mut self.descriptors.said_parked, true) {
            return;
        }
        let open = self.descriptors.open;
        if self.descriptors.cap.is_some() {
            tracing::warn!(
                waiting,
                open,
                "files wait until others are read to their end, because the process may not \
                have more open; raise the limit of open files (systemd: LimitNOFILE=)"
            );
        } else {
            tracing::info!(
                waiting,
                open,
                "files wait until others are read to their end: not more than \
                'max_concurrent_files' are open at the same time"
            );
        }
    }
}
