//! The walk over a payload. Resources and scopes look the same in all signals: a head (`Resource`,
//! `InstrumentationScope`), children, a schema URL. The head comes before the children, but a visitor of a
//! child may still change it: so where the head went in the output is remembered, and it is written again
//! there if it has more edits when the group ends.

use super::place::{MetricField, Place};
use super::scratch::{
    CACHE, CHILD, DATA, Dropped, EXEMPLAR, ITEM, LEVELS, RESOURCE, RESOURCE_GROUP, SCOPE,
    SCOPE_GROUP, Scratch,
};
use super::splice::{Frame, body_at};
use super::{Depth, Edited, Empty, Field, Keep};
use crate::bits::position;
use crate::buffer;
use crate::data::{Chunks, Data};
use crate::fields::{RESOURCES, group, points, span};
use crate::signal::Signal;
use crate::wire::{self, Reader};
use bytes::Bytes;

/// Changed output is handed out as a chunk when it has this size, in bytes. Below it, the output of
/// several small chunks becomes one.
const CHUNK_BYTES: usize = 64 * 1024;

/// Walks `data` and shows all places down to `to`.
pub(super) fn walk(
    data: &Data,
    to: Depth,
    empty: Empty,
    scratch: &mut Scratch,
    visit: impl FnMut(&mut Place<'_>) -> Keep,
) -> Edited {
    let mut written = Chunks::new();
    scratch.splice.out.buf.clear();
    scratch.dropped = Dropped::default();
    let mut walk = Walk { to, empty, visit };
    for chunk in data.chunks() {
        let before = scratch.splice.out.len();
        if before == 0 {
            let room = (chunk.len() + chunk.len() / 8).min(CHUNK_BYTES * 64);
            if scratch.splice.out.buf.capacity() < room {
                scratch.splice.out.buf = buffer::take(room);
            }
        }
        scratch.splice.begin();
        let mut place = Place {
            chunk,
            scratch: &mut *scratch,
            at: [(0, 0); LEVELS],
            signal: data.signal(),
            depth: Depth::Resource,
            index: 0,
            data: MetricField::default(),
        };
        let resources = Reader::new(chunk).filter(|it| it.number == RESOURCES);
        for (index, field) in resources.enumerate() {
            place.index = index;
            walk.group(&mut place, RESOURCE, &field);
        }
        if !scratch.splice.end(chunk, before) {
            seal(scratch, &mut written);
            written.push(chunk.clone());
        } else if scratch.splice.out.len() >= CHUNK_BYTES {
            seal(scratch, &mut written);
        }
    }
    seal(scratch, &mut written);
    (written, left(data, scratch.dropped))
}

/// How many items are left, if that needs no counting. Items of metrics are points, of which a metric that
/// was dropped has any number.
fn left(data: &Data, dropped: Dropped) -> Option<usize> {
    let uncounted = dropped.uncounted || (dropped.items > 0 && data.signal() == Signal::Metrics);
    (!uncounted).then(|| data.items().saturating_sub(dropped.items))
}

/// Moves the output so far to a chunk of its own.
fn seal(scratch: &mut Scratch, chunks: &mut Chunks) {
    let buf = &mut scratch.splice.out.buf;
    if buf.is_empty() {
        return;
    }
    // A buffer that is mostly full is handed out, else it would keep much memory alive.
    chunks.push(if buf.len() >= buf.capacity() / 4 * 3 {
        buffer::freeze(std::mem::take(buf))
    } else {
        let copy = Bytes::copy_from_slice(buf);
        buf.clear();
        copy
    });
}

struct Walk<F> {
    to: Depth,
    empty: Empty,
    visit: F,
}

impl<F: FnMut(&mut Place<'_>) -> Keep> Walk<F> {
    /// Visits a resource or scope and what is below it: false if nothing of it is left.
    fn group<'e>(&mut self, place: &mut Place<'e>, at: usize, field: &wire::Field<'e>) -> bool {
        let mut group = Group::open(place, at, field);
        place.depth = if at == RESOURCE { Depth::Resource } else { Depth::Scope };
        let keep = (self.visit)(place);
        match keep {
            Keep::Drop => {
                place.scratch.dropped.uncounted = true;
                place.scratch.splice.abandon(place.chunk, &group.frame);
                return false;
            }
            Keep::Enter if place.depth < self.to => self.walk_children(place, &mut group),
            _ => group.kept = 1,
        }
        let emptied = match self.empty {
            Empty::Keep => false,
            Empty::Drop => group.children > 0 && group.kept == 0,
            Empty::DropAll => group.kept == 0,
        };
        if emptied {
            // Its children were dropped one by one and are counted.
            place.scratch.splice.abandon(place.chunk, &group.frame);
            return false;
        }
        group.finish(place);
        true
    }

    fn walk_children(&mut self, place: &mut Place<'_>, group: &mut Group) {
        let chunk = place.chunk;
        let content = chunk.get(..group.frame.end).unwrap_or_default();
        let index = place.index;
        for field in Reader::starting_at(content, group.frame.body_at) {
            match field.number {
                group::CHILDREN => {
                    place.index = group.children;
                    group.children += 1;
                    let kept = if group.at == RESOURCE {
                        self.group(place, SCOPE, &field)
                    } else {
                        self.item(place, &field)
                    };
                    group.kept += usize::from(kept);
                }
                group::HEAD => group.pass_head(place, &field),
                _ => {}
            }
        }
        if group.at == SCOPE && !place.scratch.added.is_empty() {
            self.walk_added(place, group);
        }
        place.index = index;
    }

    /// Visits a log record, span or metric and its children: false if it was dropped.
    #[inline]
    fn item<'e>(&mut self, place: &mut Place<'e>, field: &wire::Field<'e>) -> bool {
        place.at[ITEM] = (position(body_at(field)), position(field.end));
        place.scratch.replaced = false;
        place.begin_item();
        if !self.visit_item(place) {
            place.scratch.dropped.items += 1;
            place.scratch.splice.skip(place.chunk, field.start, field.end);
            return false;
        }
        if place.scratch.level(ITEM).is_edited() {
            if place.scratch.replaced {
                place.scratch.splice.skip(place.chunk, field.start, field.end);
                write_replaced(place.scratch);
            } else {
                let splice = &mut place.scratch.splice;
                let frame = splice.open(place.chunk, field);
                let level = &mut place.scratch.levels[ITEM];
                level.apply(field.payload.bytes(), place.chunk, body_at(field), splice);
                splice.close(place.chunk, &frame);
            }
        }
        true
    }

    #[expect(clippy::inline_always, reason = "once per item, and most visits are short")]
    #[inline(always)]
    fn visit_item(&mut self, place: &mut Place<'_>) -> bool {
        place.depth = Depth::Item;
        place.scratch.level_mut(CACHE).begin();
        let kept = match (self.visit)(place) {
            Keep::Drop => false,
            Keep::Enter if self.to >= Depth::Child => self.children(place),
            _ => true,
        };
        place.settle_data();
        kept
    }

    /// Visits the items that visitors added, which may add more.
    #[cold]
    fn walk_added(&mut self, place: &mut Place<'_>, group: &mut Group) {
        place.scratch.splice.copy(place.chunk, group.frame.end);
        place.scratch.dropped.uncounted = true;
        let mut next = 0;
        while let Some(body) = place.scratch.added.get_mut(next) {
            place.scratch.item = std::mem::take(body);
            place.scratch.replaced = true;
            next += 1;
            place.index = group.children;
            group.children += 1;
            place.begin_item();
            if self.visit_item(place) {
                group.kept += 1;
                write_replaced(place.scratch);
            }
        }
        place.scratch.replaced = false;
        place.scratch.added.clear();
    }

    /// Visits the children of an item: false if it lost them all and goes with them.
    fn children(&mut self, place: &mut Place<'_>) -> bool {
        let (parent, number) = match place.signal {
            Signal::Logs => return true,
            Signal::Traces => (ITEM, span::EVENTS),
            Signal::Metrics => (DATA, points::POINTS),
        };
        let index = place.index;
        let (mut at, mut seen, mut kept) = (0, 0, 0);
        while let Some(field) = Reader::starting_at(place.src(parent), at).next() {
            at = field.end;
            if field.number != number {
                continue;
            }
            let source = (position(field.start), position(at));
            let body = position(body_at(&field));
            place.at[CHILD] = (body, source.1);
            place.index = seen;
            seen += 1;
            place.depth = Depth::Child;
            place.scratch.level_mut(CHILD).begin();
            place.scratch.level_mut(CACHE).begin();
            match (self.visit)(place) {
                Keep::Drop => {
                    let level = place.scratch.level_mut(parent);
                    level.cut(source, level.arena.len());
                    continue;
                }
                Keep::Enter if self.to == Depth::Exemplar => self.exemplars(place),
                _ => {}
            }
            kept += 1;
            write_child(place, parent, number, source);
        }
        place.depth = Depth::Item;
        place.index = index;
        place.scratch.dropped.uncounted |= kept < seen && parent == DATA;
        let has_data = place.signal == Signal::Metrics && place.data.number != 0;
        match self.empty {
            _ if !has_data => true,
            Empty::Keep => true,
            Empty::Drop => seen == 0 || kept > 0,
            Empty::DropAll => kept > 0,
        }
    }
}

impl<F: FnMut(&mut Place<'_>) -> Keep> Walk<F> {
    /// Visits the exemplars of a data point, if its kind has any.
    #[cold]
    fn exemplars(&mut self, place: &mut Place<'_>) {
        let Some(spot) = Field::POINT_EXEMPLARS.spot(place.data.number) else { return };
        let index = place.index;
        let (mut at, mut seen) = (0, 0);
        while let Some(field) = Reader::starting_at(place.src(CHILD), at).next() {
            at = field.end;
            if field.number != spot.number {
                continue;
            }
            let source = (position(field.start), position(at));
            let body = position(body_at(&field));
            place.at[EXEMPLAR] = (body, source.1);
            place.index = seen;
            seen += 1;
            place.depth = Depth::Exemplar;
            place.scratch.level_mut(EXEMPLAR).begin();
            place.scratch.level_mut(CACHE).begin();
            if (self.visit)(place) == Keep::Drop {
                let level = place.scratch.level_mut(CHILD);
                level.cut(source, level.arena.len());
            } else {
                write_exemplar(place, spot.number, source);
            }
        }
        place.depth = Depth::Child;
        place.index = index;
    }
}

/// Renders an exemplar that changed into the arena of its point.
fn write_exemplar(place: &mut Place<'_>, number: u32, source: (u32, u32)) {
    if !place.scratch.level(EXEMPLAR).is_edited() {
        return;
    }
    let mut written = std::mem::take(&mut place.scratch.level_mut(EXEMPLAR).rendered);
    written.buf.clear();
    let (exemplar, src) = place.split(EXEMPLAR);
    exemplar.render(src, &mut written);
    let point = place.scratch.level_mut(CHILD);
    let start = point.arena.len();
    point.arena.bytes_field(number, &written.buf);
    point.cut(source, start);
    place.scratch.level_mut(EXEMPLAR).rendered = written;
}

/// Renders a child that changed into the arena of its parent.
fn write_child(place: &mut Place<'_>, parent: usize, number: u32, source: (u32, u32)) {
    if !place.scratch.level(CHILD).is_edited() {
        return;
    }
    let Scratch { levels, item, replaced, .. } = &mut *place.scratch;
    let item =
        if *replaced { item.as_slice() } else { super::level::slice(place.chunk, place.at[ITEM]) };
    let [_, _, item_level, data, child, ..] = levels;
    let (level, src) = if parent == DATA {
        (data, super::level::slice(item, place.at[DATA]))
    } else {
        (item_level, item)
    };
    let open = level.arena.open(number, 2);
    child.render(super::level::slice(src, place.at[CHILD]), &mut level.arena);
    level.arena.close(open);
    level.cut(source, open.start);
}

/// Writes an item that was replaced or added.
fn write_replaced(scratch: &mut Scratch) {
    let Scratch { levels, item, splice, .. } = scratch;
    let open = splice.out.open(group::CHILDREN, 2);
    levels[ITEM].render(item, &mut splice.out);
    splice.out.close(open);
}

/// A resource or scope that is being edited.
struct Group {
    /// The levels of its head and of what stands beside that.
    at: usize,
    beside: usize,
    frame: Frame,
    /// Whether it has a head, and where that went with how many edits, once it has been passed.
    has_head: bool,
    head_out: Option<(usize, usize, u32)>,
    children: usize,
    kept: usize,
}

impl Group {
    #[inline]
    fn open<'e>(place: &mut Place<'e>, at: usize, field: &wire::Field<'e>) -> Self {
        let frame = place.scratch.splice.open(place.chunk, field);
        place.scratch.level_mut(at).begin();
        place.scratch.level_mut(CACHE).begin();
        let content = place.chunk.get(..frame.end).unwrap_or_default();
        let head =
            Reader::starting_at(content, frame.body_at).find(|field| field.number == group::HEAD);
        let range = head.map(|it| (position(body_at(&it)), position(it.end)));
        place.at[at] = range.unwrap_or_default();
        let beside = if at == RESOURCE { RESOURCE_GROUP } else { SCOPE_GROUP };
        place.at[beside] = (position(frame.body_at), position(frame.end));
        place.scratch.level_mut(beside).begin();
        Self { at, beside, frame, has_head: range.is_some(), head_out: None, children: 0, kept: 0 }
    }

    /// Copies the head with the edits so far.
    fn pass_head(&mut self, place: &mut Place<'_>, field: &wire::Field<'_>) {
        let from = place.scratch.splice.position(field.start);
        let Scratch { splice, levels, .. } = &mut *place.scratch;
        let Some(level) = levels.get_mut(self.at) else { return };
        if level.is_edited() {
            let frame = splice.open(place.chunk, field);
            level.apply(field.payload.bytes(), place.chunk, frame.body_at, splice);
            splice.close(place.chunk, &frame);
        }
        self.head_out = Some((from, splice.position(field.end), level.edits));
    }

    /// Writes what visitors changed.
    #[inline]
    fn finish(mut self, place: &mut Place<'_>) {
        let edits = place.scratch.level(self.at).edits;
        match self.head_out {
            None if edits == 0 => {}
            None if self.has_head => self.pass_late_head(place),
            Some((from, to, seen)) if edits != seen => self.replace_head(place, from, to),
            None => {
                place.scratch.splice.copy(place.chunk, self.frame.end);
                let at = place.scratch.splice.out.len();
                self.replace_head(place, at, at);
            }
            Some(_) => {}
        }
        if place.scratch.level(self.beside).is_edited() {
            self.write_schema_url(place);
        }
        place.scratch.splice.close(place.chunk, &self.frame);
    }

    /// The head of a group whose children were not visited.
    fn pass_late_head(&mut self, place: &mut Place<'_>) {
        let chunk = place.chunk;
        let content = chunk.get(..self.frame.end).unwrap_or_default();
        let mut fields = Reader::starting_at(content, self.frame.body_at);
        if let Some(field) = fields.find(|it| it.number == group::HEAD) {
            self.pass_head(place, &field);
        }
    }

    /// Writes the head again, over the output range `from..to`.
    fn replace_head(&self, place: &mut Place<'_>, from: usize, to: usize) {
        place.scratch.splice.copy(place.chunk, self.frame.end);
        let mut written = std::mem::take(&mut place.scratch.level_mut(self.at).rendered);
        written.buf.clear();
        let open = written.open(group::HEAD, 2);
        let (level, head) = place.split(self.at);
        level.render(head, &mut written);
        written.close(open);
        place.scratch.splice.out.buf.splice(from..to, written.buf.iter().copied());
        place.scratch.level_mut(self.at).rendered = written;
    }

    /// Replaces the schema URL: rare, so it is done in the output.
    fn write_schema_url(&self, place: &mut Place<'_>) {
        let Scratch { splice, levels, .. } = &mut *place.scratch;
        splice.copy(place.chunk, self.frame.end);
        let out = &mut splice.out;
        let body_at = self.frame.body_out();
        let found: Vec<(usize, usize)> = Reader::starting_at(&out.buf, body_at)
            .filter(|field| field.number == group::SCHEMA_URL)
            .map(|field| (field.start, field.end))
            .collect();
        for (start, end) in found.into_iter().rev() {
            out.buf.drain(start..end);
        }
        if let Some(level) = levels.get(self.beside) {
            out.raw(level.fields(&[], group::SCHEMA_URL));
        }
    }
}
