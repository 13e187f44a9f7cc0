//! Changes telemetry: walks a payload and writes a new one around the changes. What does not change
//! is copied as it is, unknown fields included; a payload in which nothing changes is not copied at
//! all. An edit is kept in a reusable `Scratch` and is written when its visitor returns, so that
//! reads through the edit see what was changed before.

mod attributes;
mod data;
mod groups;
mod level;
mod logs;
mod metrics;
mod path;
mod points;
mod splice;
mod traces;

use bytes::Bytes;

pub use attributes::AttributesEdit;
pub use groups::{ResourceEdit, ScopeEdit};
pub use logs::RecordEdit;
pub use metrics::MetricEdit;
pub use points::{ExemplarEdit, PointEdit};
pub use traces::{EventEdit, LinkEdit, SpanEdit};

use crate::buffer;
use crate::data::Chunks;
use crate::fields::RESOURCES;
use crate::wire::{Field, Reader};
use level::Level;
use splice::Splice;

/// Which level holds the edits of what.
const RESOURCE_LEVEL: usize = 0;
const SCOPE_LEVEL: usize = 1;
const ITEM_LEVEL: usize = 2;
const CHILD_LEVEL: usize = 3;
const GRANDCHILD_LEVEL: usize = 4;

/// Changed output is handed out as a chunk when it has this size, in bytes. Below it, the output of
/// several small chunks becomes one.
const CHUNK_BYTES: usize = 64 * 1024;

/// Memory that rewriting reuses from one payload to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    splice: Splice,
    levels: [Level; 5],
    dropped: Dropped,
    keep_empty: bool,
}

/// What was left out.
#[derive(Debug, Default, Clone, Copy)]
struct Dropped {
    /// Log records, spans and metrics, one by one.
    items: usize,
    /// What nobody counted: all of a resource or scope, and points.
    uncounted: bool,
}

impl Dropped {
    /// How many records or spans of so many are left; `count` looks at all that was written.
    fn left(self, before: usize, count: impl FnOnce() -> usize) -> usize {
        if self.uncounted { count() } else { before.saturating_sub(self.items) }
    }
}

impl Scratch {
    /// Empty; it grows with use.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a resource, scope or metric that loses all its children stays, empty. Without this
    /// it disappears.
    pub fn keep_empty(&mut self, keep: bool) -> &mut Self {
        self.keep_empty = keep;
        self
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the index is one of the constants above")]
    fn level(&mut self, index: usize) -> &mut Level {
        &mut self.levels[index]
    }

    /// Two levels at once: of a message and of its parent.
    #[inline]
    fn pair(&mut self, parent: usize) -> Option<(&mut Level, &mut Level)> {
        let (parents, children) = self.levels.split_at_mut_checked(parent + 1)?;
        Some((parents.last_mut()?, children.first_mut()?))
    }
}

/// Rewrites `chunks` resource by resource: `visit` has the chunk and the field in it. Also says
/// what was dropped.
fn rewrite(
    chunks: &[Bytes],
    scratch: &mut Scratch,
    mut visit: impl FnMut(&[u8], &mut Scratch, &Field<'_>),
) -> (Chunks, Dropped) {
    let mut written = Chunks::new();
    scratch.splice.out.buf.clear();
    scratch.dropped = Dropped::default();
    for chunk in chunks {
        let before = scratch.splice.out.len();
        if before == 0 {
            let room = chunk.len() + chunk.len() / 8;
            let room = room.min(CHUNK_BYTES * 64);
            if scratch.splice.out.buf.capacity() < room {
                scratch.splice.out.buf = buffer::take(room);
            }
        }
        scratch.splice.begin();
        for field in Reader::new(chunk) {
            if field.number == RESOURCES {
                visit(chunk, scratch, &field);
            }
        }
        if !scratch.splice.end(chunk, before) {
            seal(scratch, &mut written);
            written.push(chunk.clone());
        } else if scratch.splice.out.len() >= CHUNK_BYTES {
            seal(scratch, &mut written);
        }
    }
    seal(scratch, &mut written);
    (written, scratch.dropped)
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

/// What every edit of a message below a scope can do.
macro_rules! message_edit {
    ($edit:ident, $view:ident, $fields:ident, $level:ident) => {
        impl<'e> $edit<'e> {
            /// Its attributes.
            #[inline]
            pub fn attributes(&mut self) -> super::AttributesEdit<'_> {
                super::AttributesEdit::new(
                    self.scratch.level(super::$level),
                    self.src,
                    self.from,
                    $fields::ATTRIBUTES,
                )
            }

            /// Leaves it out.
            #[inline]
            pub fn drop(&mut self) {
                self.scratch.level(super::$level).dropped = true;
            }

            /// True if it was dropped.
            pub fn is_dropped(&self) -> bool {
                self.scratch.levels.get(super::$level).is_some_and(|level| level.dropped)
            }

            /// It as it is now, with all edits so far. Free without edits, else it is written once.
            pub fn current(&mut self) -> crate::view::$view<'_> {
                crate::view::$view::new(super::current(self.scratch.level(super::$level), self.src))
            }

            #[inline]
            fn level(&mut self) -> &mut super::level::Level {
                self.scratch.level(super::$level)
            }
        }
    };
}

use message_edit;

/// The message `src` with the edits of `level`.
fn current<'x>(level: &'x mut Level, src: &'x [u8]) -> &'x [u8] {
    if !level.is_edited() {
        return src;
    }
    let mut rendered = std::mem::take(&mut level.rendered);
    rendered.buf.clear();
    level.render(src, &mut rendered);
    level.rendered = rendered;
    &level.rendered.buf
}
