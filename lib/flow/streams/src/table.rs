//! A table of streams with a limit, from which those that get no points any more go.

use std::collections::HashMap;
use std::collections::hash_map::{self, VacantEntry};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::StreamId;

/// Most streams that are remembered in one pipeline. A number takes some 100 bytes, a histogram its buckets besides.
pub const STREAMS_MAX: usize = 1_000_000;
/// How often it is looked for streams that get no points any more: at most, and at least.
const SWEEP: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What is known of each stream.
#[derive(Debug)]
pub struct Streams<S> {
    table: HashMap<StreamId, Seen<S>>,
    max: usize,
}

#[derive(Debug)]
struct Seen<S> {
    last: Instant,
    state: S,
}

/// What the table has of a stream.
pub enum Entry<'a, S> {
    /// What is known of it.
    Known(&'a mut S),
    /// Nothing yet.
    New(New<'a, S>),
    /// Nothing, and there is no room for more.
    Full,
}

/// A stream that gets its first point.
pub struct New<'a, S> {
    entry: VacantEntry<'a, StreamId, Seen<S>>,
    now: Instant,
}

impl<S> New<'_, S> {
    /// Remembers it.
    pub fn insert(self, state: S) {
        self.entry.insert(Seen { last: self.now, state });
    }
}

impl<S> Streams<S> {
    /// Of at most `max` streams.
    pub fn new(max: usize) -> Self {
        Self { table: HashMap::new(), max }
    }

    /// What is known of a stream that gets a point now.
    pub fn entry(&mut self, id: StreamId, now: Instant) -> Entry<'_, S> {
        let is_full = self.table.len() >= self.max;
        match self.table.entry(id) {
            hash_map::Entry::Occupied(it) => {
                let seen = it.into_mut();
                seen.last = now;
                Entry::Known(&mut seen.state)
            }
            hash_map::Entry::Vacant(_) if is_full => Entry::Full,
            hash_map::Entry::Vacant(entry) => Entry::New(New { entry, now }),
        }
    }

    /// What is known of a stream.
    pub fn get_mut(&mut self, id: StreamId) -> Option<&mut S> {
        self.table.get_mut(&id).map(|it| &mut it.state)
    }

    /// Forgets a stream.
    pub fn remove(&mut self, id: StreamId) {
        self.table.remove(&id);
    }

    /// Forgets the streams that got no point for longer than `age`.
    pub fn forget(&mut self, age: Duration) {
        let now = Instant::now();
        self.table.retain(|_, it| now.saturating_duration_since(it.last) <= age);
        // A table that was large once need not stay so.
        if self.table.len() < self.table.capacity() / 4 {
            self.table.shrink_to(self.table.len() * 2);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

/// The table; a panic of another user leaves it as good as it was.
pub fn lock<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `forget` as often as streams need it that are forgotten at this age, until the end.
pub async fn expire(age: Duration, stopping: &CancellationToken, mut forget: impl FnMut() + Send) {
    let period = age.clamp(SWEEP.0, SWEEP.1);
    loop {
        tokio::select! {
            () = tokio::time::sleep(period) => forget(),
            () = stopping.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identifier;

    fn ids(count: u128) -> Vec<StreamId> {
        let mut identifier = Identifier::default();
        let mut builder = pdata::MetricsBuilder::new();
        builder.metric(|it| it.gauge(|it| it.point(|it| it.int(1))));
        let metrics = builder.finish();
        let point = metrics.metrics().next().and_then(|it| it.points().next());
        (0..count).filter_map(|it| Some(identifier.point(point?, it))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_table_takes_no_more_until_some_are_too_old() {
        let ids = ids(3);
        let mut streams = Streams::new(2);
        for id in &ids[..2] {
            let Entry::New(new) = streams.entry(*id, Instant::now()) else { panic!() };
            new.insert(0);
        }
        assert!(matches!(streams.entry(ids[2], Instant::now()), Entry::Full));
        tokio::time::advance(Duration::from_secs(10)).await;
        let Entry::Known(state) = streams.entry(ids[0], Instant::now()) else { panic!() };
        *state += 1;
        streams.forget(Duration::from_secs(9));
        assert_eq!((streams.len(), streams.get_mut(ids[0])), (1, Some(&mut 1)));
        assert!(matches!(streams.entry(ids[2], Instant::now()), Entry::New(_)));
        streams.remove(ids[0]);
        assert!(streams.is_empty());
    }
}
