//! Chunks of records on their way: when one is handed on, what it waits for, and what its answer means.

use std::cmp::Reverse;
use std::sync::Arc;

use component::Place;
use tokio::time::Instant;

use crate::FileKey;
use crate::engine::{Engine, HOLD_MAX, Timer};
use crate::send::{CALLS_MAX, Chunk, Done};
use crate::sink::Sink;
use crate::track::Tracked;

/// A chunk is handed on when it has this size, encoded.
pub(crate) const CHUNK_BYTES: usize = 128 * 1024;
/// The same while the chunk before has no answer and could be overtaken.
const CHUNK_BYTES_MAX: usize = 1 << 20;

impl<S: Sink> Engine<S> {
    pub(crate) fn has_room(&self) -> bool {
        let (calls, bytes) = self.in_flight;
        calls < CALLS_MAX && bytes < self.settings.in_flight_bytes_max && !self.is_held()
    }

    /// True when what the sink has makes a chunk. What could overtake an earlier chunk would wait for it anyway,
    /// so meanwhile more is gathered: that costs fewer requests, and the next one is larger.
    pub(crate) fn is_due(&self) -> bool {
        let bytes = self.sink.bytes();
        CHUNK_BYTES_MAX <= bytes || (CHUNK_BYTES <= bytes && self.may_follow())
    }

    /// False while chunks before could be overtaken by what would be sent now, for a while.
    pub(crate) fn may_follow(&self) -> bool {
        let kept = |it: &FileKey| self.files.get(it).is_none_or(Tracked::place_is_kept);
        self.held.is_some_and(|it| it.elapsed() >= HOLD_MAX) || self.touched.iter().all(kept)
    }

    /// Hands on what the sink has ready.
    pub(crate) fn send(&mut self) {
        if self.touched.is_empty() && self.sink.bytes() == 0 {
            return;
        }
        let batch = self.sink.take();
        for (key, safe) in batch.safe {
            if let Some(file) = self.files.get_mut(&key) {
                file.safe = file.safe.max(safe);
                self.touched.insert(key);
            }
        }
        self.held = None;
        let place = Place::ringing(Arc::clone(&self.kept));
        let mut after: Vec<Place> = Vec::new();
        let is_empty = batch.data.is_empty();
        let mut ranges = Vec::with_capacity(self.touched.len());
        for key in self.touched.drain() {
            let Some(file) = self.files.get_mut(&key) else { continue };
            if !is_empty
                && let Some(before) = file.place.replace(place.clone())
                && !before.is_kept()
                && !after.iter().any(|it| it.is(&before))
            {
                after.push(before);
            }
            let end = file.sendable();
            if let Some(ticket) = file.watermark.open(end) {
                ranges.push((key, ticket));
            }
        }
        let bytes = batch.data.bytes();
        if is_empty {
            self.close(&ranges);
            return;
        }
        self.in_flight.0 += 1;
        self.in_flight.1 += bytes;
        let flush = self.wants_flush(bytes);
        self.sender.send(Chunk { data: batch.data, ranges, bytes, after, place, flush });
    }

    /// True for the chunk that makes half of what may be in flight. If a batch held more than that back
    /// until it is full, both would wait: it for chunks, we for its answer.
    fn wants_flush(&mut self, bytes: usize) -> bool {
        let (calls, total) = (self.gathering.0 + 1, self.gathering.1 + bytes);
        let flush = CALLS_MAX / 2 <= calls || self.settings.in_flight_bytes_max / 2 <= total;
        self.gathering = if flush { (0, 0) } else { (calls, total) };
        flush
    }

    pub(crate) fn settle(&mut self, done: &Done) {
        self.in_flight.0 -= 1;
        self.in_flight.1 -= done.bytes;
        if done.settled {
            self.close(&done.ranges);
        }
    }

    fn close(&mut self, ranges: &[(FileKey, crate::watermark::Ticket)]) {
        for (key, ticket) in ranges {
            let Some(file) = self.files.get_mut(key) else { continue };
            if file.watermark.close(*ticket) {
                self.moved.insert(*key);
                if file.is_done() && (file.detached || self.settings.delete_after_read) {
                    self.timers.push(Reverse((Instant::now(), *key, Timer::Leave)));
                }
                if file.is_done() && !file.followers.is_empty() {
                    self.release_followers(*key);
                }
            }
        }
    }
}
