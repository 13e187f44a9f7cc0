//! Parts a payload by keys. The keys are taken in one walk ([`Data::edit`]), which notes for each place
//! the row of its key; a second walk over the bytes deals out what is there.
//!
//! A message whose places all have one row is copied whole, and neighbours that go to the same part are
//! one copy. What is torn apart is opened again in each part that has something of it, with all its
//! other fields: each part knows which messages of the source it has open, and closes them when it
//! gets something from another one.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::bits::position;
use crate::data::{Chunks, Data};
use crate::edit::{Depth, Keep, Place};
use crate::fields::RESOURCES;
use crate::nesting::{children, header, item_depth, items_in};
use crate::signal::Signal;
use crate::wire::{Field, Open, Reader, Writer};

/// Whole resources are slices of their chunk if they are at least this part of it, a quarter: a small
/// slice would keep the memory of the whole chunk.
const SLICE_PART_MIN: usize = 4;

impl Data {
    /// Parts it by a key of each resource, scope or item, as `at` says: in the order in which the keys
    /// come first. In each part things stand in the order in which they stood, below resources, scopes
    /// and metrics that are repeated in each part as they were. [`Depth::Child`] means data points;
    /// where there are none, it means items. If `key` changes a place, the change is in its part.
    ///
    /// What has no place at this depth, as a resource without scopes, goes with what stands before it;
    /// where nothing has, there is no part. If all have the same key, nothing is copied.
    pub fn partition<K: Hash + Eq>(
        self,
        at: Depth,
        mut key: impl FnMut(&mut Place<'_>) -> K,
    ) -> Vec<(K, Data)> {
        let signal = self.signal();
        let at = at.min(Depth::of_items(signal));
        let mut keys: HashMap<K, u32> = HashMap::new();
        let mut rows = Vec::with_capacity(self.items());
        let data = self.edit(at, |place| {
            if place.depth() < at {
                return Keep::Enter;
            }
            let next = position(keys.len());
            rows.push(*keys.entry(key(place)).or_insert(next));
            Keep::Whole
        });
        let parts = if keys.len() > 1 { deal(&data, at, &rows, keys.len()) } else { vec![data] };
        let mut keys: Vec<(K, u32)> = keys.into_iter().collect();
        keys.sort_unstable_by_key(|(_, row)| *row);
        keys.into_iter().map(|(key, _)| key).zip(parts).collect()
    }
}

/// `data` in `count` parts; `rows` has the part of each place.
fn deal(data: &Data, at: Depth, rows: &[u32], count: usize) -> Vec<Data> {
    let signal = data.signal();
    let at = match at {
        Depth::Resource => 0,
        Depth::Scope => 1,
        Depth::Item => 2,
        Depth::Child | Depth::Exemplar => item_depth(signal),
    };
    let parts = std::iter::repeat_with(Part::default).take(count).collect();
    let mut dealer =
        Dealer { signal, at, rows, row: 0, parts, around: SmallVec::new(), seen: 0, run: None };
    for chunk in data.chunks() {
        dealer.chunk(chunk);
    }
    dealer.parts.into_iter().map(|part| part.finish(signal)).collect()
}

/// A message of the source that is torn apart.
struct Torn<'a> {
    /// No other message has it.
    id: usize,
    number: u32,
    body: &'a [u8],
    depth: usize,
}

#[derive(Default)]
struct Part {
    out: Writer,
    chunks: Chunks,
    /// The messages that are open in `out`, outermost first, by their ids.
    open: SmallVec<[(usize, Open); 4]>,
    items: usize,
}

impl Part {
    /// Closes all but what is around the next thing too, and opens what is missing.
    fn enter(&mut self, around: &[Torn<'_>]) {
        let same = self.open.iter().zip(around).take_while(|((id, _), torn)| *id == torn.id);
        let same = same.count();
        self.close(same);
        for torn in around.iter().skip(same) {
            self.open.push((torn.id, self.out.open(torn.number, 3)));
            header(torn.body, torn.depth).for_each(|raw| self.out.raw(raw));
        }
    }

    /// Closes all but the outermost `left`.
    fn close(&mut self, left: usize) {
        while self.open.len() > left
            && let Some((_, open)) = self.open.pop()
        {
            self.out.close(open);
        }
    }

    fn seal(&mut self) {
        self.close(0);
        if self.out.len() > 0 {
            self.chunks.push(std::mem::take(&mut self.out.buf).into());
        }
    }

    fn finish(mut self, signal: Signal) -> Data {
        self.seal();
        Data::from_chunks(signal, self.chunks, self.items)
    }
}

struct Dealer<'a> {
    signal: Signal,
    /// How deep the places are that have rows.
    at: usize,
    /// Of the places that are still to come.
    rows: &'a [u32],
    /// The row of the last place.
    row: u32,
    parts: Vec<Part>,
    /// The torn messages around what comes next, outermost first.
    around: SmallVec<[Torn<'a>; 4]>,
    /// Torn messages so far.
    seen: usize,
    /// Neighbours that go to the same part and have not been copied, and their part.
    run: Option<(Range<usize>, u32)>,
}

impl<'a> Dealer<'a> {
    fn chunk(&mut self, chunk: &'a Bytes) {
        for field in Reader::new(chunk) {
            if field.number == RESOURCES {
                self.field(chunk, chunk, &field, 0);
            } else {
                // Unknown to us; a newer receiver may know it.
                self.add(chunk, chunk, field.start..field.end, 0);
            }
        }
        self.end_run(chunk, chunk);
    }

    /// Deals out a field of `message`, which is a message at `depth`.
    fn field(&mut self, chunk: &Bytes, message: &'a [u8], field: &Field<'a>, depth: usize) {
        let body = field.payload.bytes();
        let (rows, rest) = self.rows.split_at(places(body, depth, self.at).min(self.rows.len()));
        if let Some(first) = rows.first()
            && rows.iter().any(|row| row != first)
        {
            self.end_run(chunk, message);
            self.seen += 1;
            self.around.push(Torn { id: self.seen, number: field.number, body, depth });
            for child in children(body, depth) {
                self.field(chunk, body, &child, depth + 1);
            }
            self.end_run(chunk, body);
            self.around.pop();
            return;
        }
        self.row = rows.first().copied().unwrap_or(self.row);
        self.rows = rest;
        // The items of a metric are counted, whatever else has a row.
        let items = if self.at == item_depth(self.signal) {
            rows.len()
        } else {
            items_in(self.signal, body, depth)
        };
        self.add(chunk, message, field.start..field.end, items);
    }

    /// Adds `range` of `message` to the part of the last place.
    fn add(&mut self, chunk: &Bytes, message: &[u8], range: Range<usize>, items: usize) {
        if let Some(part) = self.parts.get_mut(self.row as usize) {
            part.items += items;
        }
        match &mut self.run {
            Some((run, row)) if run.end == range.start && *row == self.row => run.end = range.end,
            _ => {
                self.end_run(chunk, message);
                self.run = Some((range, self.row));
            }
        }
    }

    /// Copies the run, which is in `message`.
    fn end_run(&mut self, chunk: &Bytes, message: &[u8]) {
        let Some((run, row)) = self.run.take() else { return };
        let Some(part) = self.parts.get_mut(row as usize) else { return };
        if self.around.is_empty() && run.len() * SLICE_PART_MIN >= chunk.len() {
            part.seal();
            part.chunks.push(chunk.slice(run));
            return;
        }
        part.enter(&self.around);
        part.out.raw(message.get(run).unwrap_or_default());
    }
}

/// How many places at depth `at` are in the message `body` at `depth`.
fn places(body: &[u8], depth: usize, at: usize) -> usize {
    if depth >= at {
        return 1;
    }
    if depth + 1 == at {
        return children(body, depth).count();
    }
    children(body, depth).map(|field| places(field.payload.bytes(), depth + 1, at)).sum()
}
