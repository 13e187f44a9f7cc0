//! One file's turn: a block is read, split and given to the sink.

use std::cmp::Reverse;
use std::io;

use tokio::time::Instant;

use crate::FileKey;
use crate::decoded::Decoded;
use crate::descriptors::is_want;
use crate::encoding::Encoding;
use crate::engine::{BLOCK_BYTES, Engine, Timer};
use crate::identity::{Facts, Fingerprint, Head};
use crate::settings::Settings;
use crate::sink::Sink;
use crate::source::Source;
use crate::split::Step;
use crate::track::{Partial, Tracked};

/// A file of which so much is read at once is written so fast that it is not watched meanwhile.
const BUSY_BYTES: u64 = 4 * 1024;

/// What a turn came to.
enum Turn {
    /// There may be more.
    More,
    /// The file ends here; so many bytes are an unfinished record.
    End(usize),
    /// What was read before is no longer there: the file was truncated or written anew.
    Changed,
}

impl<S: Sink> Engine<S> {
    /// Reads a block of a file that has something.
    pub(crate) fn turn(&mut self, key: FileKey) {
        let Some(file) = self.files.get_mut(&key) else { return };
        file.queued = false;
        if let Some(wait) = file.after {
            let before = self.files.get(&wait.key);
            if before.is_some_and(|it| !it.ended && it.position < wait.until) {
                return;
            }
            if before.is_some() {
                self.release_followers(wait.key);
                if self.files.get(&key).is_none_or(|it| it.after.is_some()) {
                    return;
                }
            }
        }
        if !self.ensure_open(key) {
            return;
        }
        match self.read_block(key) {
            Ok(Turn::More) => {
                if self.files.get(&key).is_some_and(|it| !it.followers.is_empty()) {
                    self.release_followers(key);
                }
                self.enqueue(key);
            }
            Ok(Turn::End(rest)) => self.at_end(key, rest),
            Ok(Turn::Changed) => self.changed(key),
            Err(error) if is_want(&error) => {
                self.ran_short(&error);
                self.park(key);
            }
            Err(error) => self.read_failed(key, &error),
        }
    }

    /// Reads a block, and before it the last bytes that were read, if they are known: so one call tells
    /// both what is new and that the file is still the one it was.
    fn read_block(&mut self, key: FileKey) -> io::Result<Turn> {
        let Self { files, sink, buffer, decoded, settings, touched, unyielded, .. } = self;
        let Some(file) = files.get_mut(&key) else { return Ok(Turn::End(0)) };
        let known_end = file.known_end();
        let Some(source) = &mut file.source else { return Ok(Turn::End(0)) };
        if buffer.len() < BLOCK_BYTES {
            buffer.resize(BLOCK_BYTES, 0);
        }
        let before = if source.is_gzip() { 0 } else { file.tail.len() };
        let from = file.position - before as u64;
        let n = source.read_at(buffer, from)?;
        let wanted = (known_end - from).min(buffer.len() as u64);
        if before > 0 && ((n as u64) < wanted || buffer[..before] != file.tail) {
            return Ok(Turn::Changed);
        }
        if settings.uncache && n > 0 {
            let length = std::num::NonZeroU64::new(n as u64);
            // Advice only: a file system that does not take it is as good as one that does.
            let advice = rustix::fs::Advice::DontNeed;
            let _ = rustix::fs::fadvise(source.file(), from, length, advice);
        }
        let block = &buffer[before..n];
        // Only when all of it is here: of a part of it the rest would be another record.
        let end = file.position + block.len() as u64;
        let is_whole = n < buffer.len();
        let flush = is_whole && file.partial.is_some_and(|it| it.is_due && it.end == end);
        let used = Feed { key, settings, sink, decoded }.feed(file, block, flush);
        if let Some(source) = &mut file.source {
            source.keep(&block[used..], file.position + used as u64);
        }
        *unyielded += block.len();
        file.burst += used as u64;
        file.position += used as u64;
        file.remember_tail(&block[..used]);
        if !block.is_empty() {
            file.active = Instant::now();
        }
        if used > 0 {
            touched.insert(key);
            file.partial = None;
        }
        if is_whole {
            return Ok(Turn::End(block.len() - used));
        }
        if used == 0 {
            // The record is longer than the buffer, which grows until the splitter can decide.
            let larger = buffer.len() * 2;
            buffer.resize(larger, 0);
        }
        Ok(Turn::More)
    }

    /// The file is read to its end: sees to it that somebody will tell when it grows.
    fn at_end(&mut self, key: FileKey, rest: usize) {
        let flush_after = self.settings.flush_after;
        let Some(file) = self.files.get_mut(&key) else { return };
        let now = Instant::now();
        file.ended = true;
        let end = file.position + rest as u64;
        if let Some(source) = &mut file.source {
            source.let_go();
        }
        if rest == 0 {
            file.partial = None;
        } else if file.partial.is_none_or(|it| it.end != end) {
            file.partial = Some(Partial { end, since: now, is_due: false });
            if let Some(period) = flush_after {
                self.timers.push(Reverse((now + period, key, Timer::Partial)));
            }
        }
        if file.detached || self.settings.delete_after_read {
            self.timers.push(Reverse((now, key, Timer::Leave)));
        }
        self.refresh_fingerprint(key);
        self.note_damage(key, false);
        self.watch(key);
        self.release_followers(key);
    }

    /// Learns more first bytes while the file is shorter than its fingerprint could be.
    pub(crate) fn refresh_fingerprint(&mut self, key: FileKey) {
        let wanted = self.settings.fingerprint_bytes;
        let Some(file) = self.files.get_mut(&key) else { return };
        let known = file.entry.fingerprint.length as usize;
        let Some(Source::Plain(source)) = &file.source else { return };
        if known >= wanted || source.metadata().is_ok_and(|it| it.len() <= known as u64) {
            return;
        }
        let mut bytes = vec![0; wanted];
        if let Ok(n) = crate::identity::read_at(source, &mut bytes, 0)
            && known < n
            && file.entry.fingerprint.fits(&bytes[..n])
        {
            file.entry.fingerprint = Fingerprint::of(&bytes[..n]);
            file.head = Head::of(&bytes[..n]);
            self.book.note_file(&file.entry);
        }
    }

    /// Sees to it that the kernel tells about the next write, and looks whether it has already happened.
    fn watch(&mut self, key: FileKey) {
        let Some(file) = self.files.get_mut(&key) else { return };
        let Some(source) = &file.source else { return };
        let once = std::mem::take(&mut file.burst) > BUSY_BYTES;
        if let (Some(watch), Source::Plain(_)) = (file.watch, source)
            && (watch.once || !once)
        {
            // It was watched before it was read: what was written since comes as an event.
            file.disk_size = file.known_end();
            return;
        }
        if let Some(watcher) = &mut self.watcher {
            match watcher.watch_file(key, source.file(), once) {
                Ok(watch) => file.watch = Some(watch),
                Err(error) => {
                    self.blind = true;
                    if self.complaints.allows("watch") {
                        let every = self.settings.poll_interval;
                        tracing::warn!(%error, ?every, path = %file.path().display(), "the kernel \
                            cannot tell about all files (raise fs.inotify.max_user_watches); \
                            looking at them regularly");
                    }
                }
            }
        }
        let Ok(size) = source.file().metadata().map(|it| it.len()) else { return };
        let grown = match source {
            Source::Plain(_) => size != file.known_end(),
            Source::Gzip(_) => size != file.disk_size,
        };
        file.disk_size = size;
        if grown {
            self.look_into(key);
        }
    }

    /// The kernel says that somebody wrote to the file.
    pub(crate) fn touched(&mut self, key: FileKey, still_watched: bool) {
        if let Some(file) = self.files.get_mut(&key)
            && !still_watched
        {
            file.watch = None;
        }
        let file = self.files.get(&key);
        let readable = |it: &&Tracked<S::File>| it.ended && !it.queued && !it.tail.is_empty();
        match file.filter(readable).and_then(|it| it.source.as_ref()) {
            // Reading tells the rest. When it has to wait, the size does: what is cut off meanwhile is counted.
            Some(Source::Plain(_)) if self.has_room() => self.enqueue(key),
            _ => self.look_into(key),
        }
    }

    /// Somebody may have written to the file, whether the kernel has told or not.
    pub(crate) fn wake(&mut self, key: FileKey) {
        if let Some(file) = self.files.get_mut(&key) {
            file.watch = None;
        }
        self.look_into(key);
    }

    fn look_into(&mut self, key: FileKey) {
        let Some(file) = self.files.get_mut(&key) else { return };
        let Some(Source::Plain(source)) = &file.source else { return self.enqueue(key) };
        let Ok(facts) = Facts::of(source) else { return self.enqueue(key) };
        file.unlinked = facts.links == 0;
        if facts.size < file.known_end() || !file.head.still_fits(source) {
            return self.truncated(key, facts.size);
        }
        file.disk_size = facts.size;
        if facts.size == file.known_end() && file.ended && !file.queued {
            // Renamed, or a write that is already read.
            return self.watch(key);
        }
        self.enqueue(key);
    }

    /// An unfinished record that has not grown for long enough is one. It is read in its turn, when there is room
    /// for it: many files may have one at the same time.
    pub(crate) fn flush_partial(&mut self, key: FileKey, now: Instant) {
        let period = self.settings.flush_after.unwrap_or_default();
        let Some(file) = self.files.get_mut(&key) else { return };
        let Some(partial) = &mut file.partial else { return };
        if partial.since + period <= now {
            partial.is_due = true;
            self.enqueue(key);
        }
    }

    fn changed(&mut self, key: FileKey) {
        let source = self.files.get(&key).and_then(|it| it.source.as_ref());
        let size = source.and_then(|it| it.file().metadata().ok()).map_or(0, |it| it.len());
        self.truncated(key, size);
    }

    fn read_failed(&mut self, key: FileKey, error: &io::Error) {
        let Some(file) = self.files.get_mut(&key) else { return };
        file.ended = true;
        let path = file.path().clone();
        self.complain_unreadable(&path, error);
        self.release_followers(key);
    }
}

/// What is needed to give records to the sink.
struct Feed<'a, S: Sink> {
    key: FileKey,
    settings: &'a Settings,
    sink: &'a mut S,
    decoded: &'a mut String,
}

impl<S: Sink> Feed<'_, S> {
    /// Gives all whole records of a block to the sink; the answer is how many bytes they take.
    fn feed(&mut self, file: &mut Tracked<S::File>, block: &[u8], flush: bool) -> usize {
        let splitter = &self.settings.splitter;
        if splitter.decodes_first() {
            return self.feed_decoded(file, block, flush);
        }
        let mut at = 0;
        loop {
            match splitter.step(&mut file.skipping, &block[at..], flush) {
                Step::More => return at,
                Step::Skip(bytes) => at += bytes,
                Step::Record { content, next } => {
                    let start = file.position + at as u64;
                    let bytes = &block[at..][content];
                    at += next;
                    self.record(file, bytes, start..start + next as u64);
                }
            }
        }
    }

    /// The same for a file that is decoded before it is split.
    fn feed_decoded(&mut self, file: &mut Tracked<S::File>, block: &[u8], flush: bool) -> usize {
        let splitter = &self.settings.splitter;
        let decoded = Decoded::new(splitter.encoding, block);
        let (mut at, mut used) = (0, 0);
        loop {
            let text = decoded.from(at);
            match splitter.step(&mut file.skipping, text, flush) {
                Step::More => break,
                Step::Skip(bytes) => {
                    at = decoded.whole(at + bytes);
                    used = decoded.source(at);
                }
                Step::Record { content, next } => {
                    // A limit may lie within a character, of which nothing shall be lost.
                    let end = decoded.whole(at + content.end) - at;
                    let text = text.get(content.start..end).unwrap_or_default();
                    at = decoded.whole(at + next);
                    let start = std::mem::replace(&mut used, decoded.source(at));
                    let span = file.position + start as u64..file.position + used as u64;
                    self.text(file, splitter.trim(text), span);
                }
            }
        }
        if flush && decoded.from(at).is_empty() && used < block.len() {
            // Half of a character, of which the other half does not come.
            let span = file.position + used as u64..file.position + block.len() as u64;
            self.record(file, &block[used..], span);
            used = block.len();
        }
        used
    }

    fn record(&mut self, file: &mut Tracked<S::File>, bytes: &[u8], span: std::ops::Range<u64>) {
        let splitter = &self.settings.splitter;
        if splitter.encoding.is_plain() {
            let nop = splitter.encoding == Encoding::Nop;
            return self.text(file, if nop { bytes } else { splitter.trim(bytes) }, span);
        }
        let mut decoded = std::mem::take(self.decoded);
        decoded.clear();
        splitter.encoding.decode(bytes, &mut decoded);
        self.text(file, splitter.trim(decoded.as_bytes()), span);
        *self.decoded = decoded;
    }

    fn text(&mut self, file: &mut Tracked<S::File>, text: &[u8], span: std::ops::Range<u64>) {
        if file.in_header && self.header(file, text) {
            return;
        }
        let end = span.end;
        let mut number = None;
        if self.settings.count_records {
            file.number += 1;
            number = Some(file.number);
            file.numbers.push_back((end, file.number));
        }
        if !text.is_empty() {
            self.sink.record(&file.file, text, span, number);
            file.fed = end;
        }
    }

    /// True for a line of the header.
    fn header(&mut self, file: &mut Tracked<S::File>, line: &[u8]) -> bool {
        if self.settings.header.as_ref().is_some_and(|it| it.is_match(line)) {
            for (key, value) in self.sink.header(line) {
                file.entry.attributes.retain(|it| it.0 != key);
                file.entry.attributes.push((key, value));
            }
            return true;
        }
        file.in_header = false;
        file.header_done = true;
        let all = [file.attributes.clone(), file.entry.attributes.clone()].concat();
        file.file = self.sink.file(self.key, &all);
        false
    }
}
