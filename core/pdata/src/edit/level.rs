//! The edits of one message, kept as a list beside the source until they are written. One `Level`
//! per nesting depth is reused for every message at that depth, so nothing is allocated once warm.
//!
//! Three kinds of edits, because they are read back in three ways: attributes are `entries`, found by
//! key; other fields are `overrides`, found by number; children that were rendered are `cuts`, which
//! nobody reads. What is new stands in the `arena`, and an edit is a range of it.

use std::cell::OnceCell;

use super::splice::Splice;
use crate::bits::position;
use crate::owned_value::AttributeBuf;
use crate::value::Value;
use crate::view::{self, AttributesRef, key_value_at};
use crate::wire::{BYTES, Payload, Reader, Writer, only, varint_len};

/// A range of bytes, in the source message or in the arena.
pub(crate) type Range = (u32, u32);

/// The bytes of a range.
#[inline]
pub(crate) fn slice(buf: &[u8], range: Range) -> &[u8] {
    buf.get(range.0 as usize..range.1 as usize).unwrap_or_default()
}

/// Where an attribute is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// As it is in the source.
    Source,
    /// In the arena.
    Arena,
    /// Removed.
    Gone,
}

/// An attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    /// The field it replaces in the source; empty if it is new.
    source: Range,
    /// The field in the arena.
    field: Range,
    pub(crate) key: Range,
    pub(crate) value: Range,
}

/// A range of the source that is replaced by a range of the arena.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) source: Range,
    pub(crate) arena: Range,
}

/// A field that is set: all occurrences of the fields in `mask` are replaced.
#[derive(Debug, Clone, Copy)]
struct Override {
    /// Bit n: field n.
    mask: u32,
    /// There is one at most in the source.
    once: bool,
    arena: Range,
    written: bool,
}

/// The edits of one message.
#[derive(Debug, Default)]
pub(crate) struct Level {
    pub(crate) arena: Writer,
    /// New attributes, and when `loaded` those of the message before them.
    pub(crate) entries: Vec<Entry>,
    loaded: bool,
    attributes_edited: bool,
    overrides: Vec<Override>,
    /// Children that changed.
    pub(crate) cuts: Vec<Cut>,
    /// What `plan` worked out: cuts in source order, and arena ranges to append.
    plan: Vec<Cut>,
    tail: Vec<Range>,
    /// Counts edits, so that a later reader knows whether there were more.
    pub(crate) edits: u32,
    /// A place to render to.
    pub(crate) rendered: Writer,
    /// All attributes one after another, once somebody wanted to see them in one piece.
    attributes: OnceCell<Vec<u8>>,
}

impl Level {
    /// Forgets the last message.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.loaded = false;
        self.entries.clear();
        if self.edits == 0 {
            return;
        }
        self.arena.buf.clear();
        self.attributes_edited = false;
        self.attributes.take();
        self.overrides.clear();
        self.cuts.clear();
        self.edits = 0;
    }

    /// Gives up buffers of more than `bytes`.
    pub(crate) fn trim(&mut self, bytes: usize) {
        self.begin();
        for buf in [&mut self.arena.buf, &mut self.rendered.buf] {
            if buf.capacity() > bytes {
                *buf = Vec::new();
            }
        }
    }

    /// The field `number` of the message as it is now.
    #[expect(clippy::inline_always, reason = "a filter by one field does little else")]
    #[inline(always)]
    pub(crate) fn field<'x>(&'x self, src: &'x [u8], number: u32) -> Option<Payload<'x>> {
        let set = self.overrides.iter().find(|it| it.mask >> number & 1 != 0);
        let buf = set.map_or(src, |it| slice(&self.arena.buf, it.arena));
        only(buf, number).map(|field| field.payload)
    }

    /// All fields `number` of the message as it is now, unless some of them are cuts.
    pub(crate) fn fields<'x>(&'x self, src: &'x [u8], number: u32) -> &'x [u8] {
        let set = self.overrides.iter().find(|it| it.mask >> number & 1 != 0);
        set.map_or(src, |it| slice(&self.arena.buf, it.arena))
    }

    /// The attributes as they are now, in a buffer of which they are the fields `number`.
    pub(crate) fn all<'x>(&'x self, src: &'x [u8], number: u32) -> &'x [u8] {
        if !self.attributes_edited {
            return src;
        }
        self.attributes.get_or_init(|| {
            let mut all = Writer::default();
            if !self.loaded {
                // Only new ones are listed.
                for field in Reader::new(src).filter(|it| it.number == number) {
                    all.raw(src.get(field.start..field.end).unwrap_or_default());
                }
            }
            for entry in self.entries.iter().filter(|it| it.place != Place::Gone) {
                let (buf, range) = match entry.place {
                    Place::Arena => (self.arena.buf.as_slice(), entry.field),
                    _ => (src, entry.source),
                };
                all.raw(slice(buf, range));
            }
            all.buf
        })
    }

    /// True if the message changes.
    #[inline]
    pub(crate) fn is_edited(&self) -> bool {
        self.edits != 0
    }

    #[inline]
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Lists the attributes of the message.
    #[inline]
    pub(crate) fn load(&mut self, src: &[u8], number: u32) {
        if self.loaded {
            return;
        }
        self.loaded = true;
        let new = self.entries.len();
        for field in Reader::new(src) {
            if field.number != number {
                continue;
            }
            let (key, value) = key_value_at(&field);
            self.entries.push(Entry {
                place: Place::Source,
                source: (position(field.start), position(field.end)),
                field: (0, 0),
                key,
                value,
            });
        }
        if new > 0 {
            self.entries.rotate_left(new);
        }
    }

    /// The key of an attribute.
    #[inline]
    pub(crate) fn key<'x>(&'x self, src: &'x [u8], entry: &Entry) -> &'x [u8] {
        slice(if entry.place == Place::Arena { &self.arena.buf } else { src }, entry.key)
    }

    /// The encoded value of an attribute.
    #[inline]
    pub(crate) fn value<'x>(&'x self, src: &'x [u8], entry: &Entry) -> &'x [u8] {
        slice(if entry.place == Place::Arena { &self.arena.buf } else { src }, entry.value)
    }

    /// The first attribute with this key. Those of the message are listed only if it is one of them.
    #[inline]
    pub(crate) fn find(&mut self, src: &[u8], number: u32, key: &[u8]) -> Option<usize> {
        // What is edited twice is likely edited more often: then one list serves all that follow.
        if !self.loaded && (self.edits != 0 || has_key(src, number, key)) {
            self.load(src, number);
        }
        self.listed(src, key)
    }

    /// The first listed attribute with this key.
    #[inline]
    pub(crate) fn listed(&self, src: &[u8], key: &[u8]) -> Option<usize> {
        self.listed_from(0, src, key)
    }

    /// The first one from `start` on.
    #[inline]
    pub(crate) fn listed_from(&self, start: usize, src: &[u8], key: &[u8]) -> Option<usize> {
        let entries = self.entries.get(start..)?;
        let found = entries.iter().position(|it| {
            // Most keys are told apart by their length.
            (it.key.1 - it.key.0) as usize == key.len()
                && it.place != Place::Gone
                && self.key(src, it) == key
        });
        found.map(|at| start + at)
    }

    /// The encoded value of the first attribute with this key, as it is now.
    #[inline]
    pub(crate) fn value_of<'x>(
        &'x self,
        src: &'x [u8],
        number: u32,
        key: &[u8],
    ) -> Option<&'x [u8]> {
        if !self.loaded {
            let found = AttributesRef::new(src, number).find(key);
            if found.is_some() {
                return found;
            }
        }
        let index = self.listed(src, key)?;
        self.entries.get(index).map(|entry| self.value(src, entry))
    }

    /// Replaces `source` by what is in the arena from `start`.
    pub(crate) fn cut(&mut self, source: Range, start: usize) {
        let arena = (position(start), position(self.arena.len()));
        self.cuts.push(Cut { source, arena });
        self.touch();
    }

    /// Notes a change. It may be the only one, so the count never comes back to 0.
    #[inline]
    pub(crate) fn touch(&mut self) {
        self.edits = self.edits.wrapping_add(1).max(1);
    }

    /// Writes the attribute `key` = `value` to the arena, at `index` or as a new one.
    #[inline]
    pub(crate) fn put(&mut self, index: Option<usize>, number: u32, key: &[u8], value: &Value<'_>) {
        let start = self.arena.len();
        value.write_entry(number, key, &mut self.arena);
        let end = self.arena.len();
        let value_at = end - value.encoded_len();
        // The key ends right before the tag and the length of the value.
        let key_end = value_at - 1 - varint_len((end - value_at) as u64);
        let key = (position(key_end - key.len()), position(key_end));
        self.place(index, start, key, (position(value_at), position(end)));
    }

    /// Writes an attribute that was encoded before.
    #[inline]
    pub(crate) fn put_buf(&mut self, index: Option<usize>, number: u32, attribute: &AttributeBuf) {
        let start = self.arena.len();
        self.arena.bytes_field(number, &attribute.body);
        let base = self.arena.len() - attribute.body.len();
        let at = |range: &std::ops::Range<usize>| {
            (position(base + range.start), position(base + range.end))
        };
        self.place(index, start, at(&attribute.key), at(&attribute.value));
    }

    /// Writes the attribute `key` with a value that `write` streams.
    pub(crate) fn put_with(
        &mut self,
        index: Option<usize>,
        number: u32,
        key: &[u8],
        write: impl FnOnce(&mut Writer),
    ) {
        let entry = self.arena.open(number, 2);
        self.arena.key(key);
        let value = self.arena.open(2, 2);
        write(&mut self.arena);
        self.arena.close(value);
        self.arena.close(entry);
        self.placed(index, entry.start);
    }

    /// Writes the attribute `key` with the value that attribute `from` has.
    pub(crate) fn put_copy(
        &mut self,
        index: Option<usize>,
        number: u32,
        key: &[u8],
        src: &[u8],
        from: usize,
    ) {
        let Some(entry) = self.entries.get(from).copied() else { return };
        let range = (entry.value.0 as usize, entry.value.1 as usize);
        if entry.place == Place::Arena {
            let length = range.1 - range.0;
            let start = self.arena.len();
            // The value is already in the arena: an empty one first, then its length and bytes.
            let open = self.arena.open(number, 2);
            self.arena.key(key);
            self.arena.tag(2, BYTES);
            self.arena.varint(length as u64);
            self.arena.buf.extend_from_within(range.0..range.1);
            self.arena.close(open);
            self.placed(index, start);
        } else {
            self.put(index, number, key, &Value::Encoded(slice(src, entry.value)));
        }
    }

    /// Reads back the attribute written at `start`.
    fn placed(&mut self, index: Option<usize>, start: usize) {
        let Some(field) = Reader::starting_at(&self.arena.buf, start).next() else { return };
        let (key, value) = key_value_at(&field);
        self.place(index, start, key, value);
    }

    #[inline]
    fn place(&mut self, index: Option<usize>, start: usize, key: Range, value: Range) {
        self.touch();
        self.edit_attributes();
        let field = (position(start), position(self.arena.len()));
        let mut entry = Entry { place: Place::Arena, source: (0, 0), field, key, value };
        match index.and_then(|index| self.entries.get_mut(index)) {
            Some(old) => {
                entry.source = old.source;
                *old = entry;
            }
            None => self.entries.push(entry),
        }
    }

    /// Removes the attribute at `index`.
    pub(crate) fn remove(&mut self, index: usize) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.place = Place::Gone;
            self.edit_attributes();
            self.touch();
        }
    }

    #[inline]
    fn edit_attributes(&mut self) {
        self.attributes_edited = true;
        if self.attributes.get().is_some() {
            self.attributes.take();
        }
    }

    /// Replaces the fields in `mask`, of which there may be any number, by what `write` writes.
    pub(crate) fn set(&mut self, mask: u32, write: impl FnOnce(&mut Writer)) {
        let start = self.arena.len();
        write(&mut self.arena);
        self.override_with(mask, false, start);
    }

    /// Replaces the field `number`, of which there is one at most, by what `write` writes.
    ///
    /// # Errors
    /// Those of `write`; nothing is replaced then.
    pub(crate) fn set_one<E>(
        &mut self,
        number: u32,
        write: impl FnOnce(&mut Writer) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.arena.len();
        let written = write(&mut self.arena);
        match written {
            Ok(()) => self.override_with(1 << number, true, start),
            Err(_) => self.arena.buf.truncate(start),
        }
        written
    }

    fn override_with(&mut self, mask: u32, once: bool, start: usize) {
        let arena = (position(start), position(self.arena.len()));
        self.touch();
        self.overrides.retain(|it| it.mask & mask == 0);
        self.overrides.push(Override { mask, once, arena, written: false });
    }

    /// Works out cuts and tail.
    fn plan(&mut self, src: &[u8]) {
        self.plan.clear();
        self.tail.clear();
        self.plan.extend_from_slice(&self.cuts);
        if self.attributes_edited {
            for entry in self.entries.iter().filter(|it| it.place != Place::Source) {
                let arena = if entry.place == Place::Gone { (0, 0) } else { entry.field };
                if entry.source.1 == 0 {
                    self.tail.push(arena);
                } else {
                    self.plan.push(Cut { source: entry.source, arena });
                }
            }
        }
        if !self.overrides.is_empty() {
            self.plan_overrides(src);
        }
        if self.plan.len() > 1 {
            self.plan.sort_unstable_by_key(|cut| cut.source);
        }
    }

    fn plan_overrides(&mut self, src: &[u8]) {
        // The source need not be read to its end once all are found of which there is one at most.
        let mut left = self.overrides.len();
        for it in &mut self.overrides {
            it.written = false;
        }
        for field in Reader::new(src) {
            let bit = 1u32.checked_shl(field.number).unwrap_or(0);
            let Some(it) = self.overrides.iter_mut().find(|it| it.mask & bit != 0) else {
                continue;
            };
            let first = !std::mem::replace(&mut it.written, true);
            let arena = if first { it.arena } else { (0, 0) };
            self.plan.push(Cut { source: (position(field.start), position(field.end)), arena });
            left -= usize::from(it.once && first);
            if left == 0 {
                break;
            }
        }
        self.tail.extend(self.overrides.iter().filter(|it| !it.written).map(|it| it.arena));
    }

    /// Writes the edited message `src`, which stands at `base` of the chunk, to the output.
    #[inline]
    pub(crate) fn apply(&mut self, src: &[u8], chunk: &[u8], base: usize, splice: &mut Splice) {
        if !self.loaded && self.overrides.is_empty() && self.cuts.is_empty() {
            // Nothing but new attributes, which is what most edits are: they stand behind all else.
            splice.copy(chunk, base + src.len());
            for entry in self.entries.iter().filter(|it| it.place == Place::Arena) {
                splice.out.raw(slice(&self.arena.buf, entry.field));
            }
            return;
        }
        self.plan(src);
        for cut in &self.plan {
            splice.skip(chunk, base + cut.source.0 as usize, base + cut.source.1 as usize);
            splice.out.raw(slice(&self.arena.buf, cut.arena));
        }
        if !self.tail.is_empty() {
            splice.copy(chunk, base + src.len());
            for range in &self.tail {
                splice.out.raw(slice(&self.arena.buf, *range));
            }
        }
    }

    /// Appends the body of the edited message `src` to `out`.
    pub(crate) fn render(&mut self, src: &[u8], out: &mut Writer) {
        self.plan(src);
        let mut at = 0;
        for cut in &self.plan {
            out.raw(slice(src, (at, cut.source.0)));
            out.raw(slice(&self.arena.buf, cut.arena));
            at = cut.source.1;
        }
        out.raw(src.get(at as usize..).unwrap_or_default());
        for range in &self.tail {
            out.raw(slice(&self.arena.buf, *range));
        }
    }
}

/// True if one of the attributes of `src` has this key.
#[inline]
fn has_key(src: &[u8], number: u32, key: &[u8]) -> bool {
    Reader::new(src)
        .any(|field| field.number == number && view::has_key(field.payload.bytes(), key))
}
