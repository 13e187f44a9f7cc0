//! The memory that edits reuse from one payload to the next.

use std::sync::{Mutex, PoisonError};

use super::level::Level;
use super::splice::Splice;

/// Which level holds the edits of what.
pub(super) const RESOURCE: usize = 0;
pub(super) const SCOPE: usize = 1;
pub(super) const ITEM: usize = 2;
/// `gauge`, `sum` and so on of a metric.
pub(super) const DATA: usize = 3;
pub(super) const CHILD: usize = 4;
/// Of a data point.
pub(super) const EXEMPLAR: usize = 5;
/// What visitors note; it is never written.
pub(super) const CACHE: usize = 6;
/// What stands beside the head of a resource or scope: its schema URL.
pub(super) const RESOURCE_GROUP: usize = 7;
pub(super) const SCOPE_GROUP: usize = 8;
pub(super) const LEVELS: usize = 9;

/// Most that wait to be used again: as many as there may be threads that edit at the same time. More are
/// simply dropped.
const WAITING_MAX: usize = 64;
/// A larger buffer is not kept, in bytes: one giant record must not hold its memory for good.
const KEPT_BYTES_MAX: usize = 256 * 1024;

#[expect(clippy::vec_box, reason = "each edit takes one: a pointer instead of 2 KiB")]
static WAITING: Mutex<Vec<Box<Scratch>>> = Mutex::new(Vec::new());

/// Memory of one edit.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) splice: Splice,
    pub(super) levels: [Level; LEVELS],
    /// Stands for the item's source if the item was replaced or added.
    pub(super) item: Vec<u8>,
    pub(super) replaced: bool,
    /// A map inside of a value while it is edited: its edits and its entries.
    pub(super) inside: Box<(Level, Vec<u8>)>,
    /// Items that a visitor added to the scope.
    pub(super) added: Vec<Vec<u8>>,
    pub(super) dropped: Dropped,
}

/// What was left out or added.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Dropped {
    /// Log records, spans and metrics, one by one.
    pub(super) items: usize,
    /// What nobody counted: all of a resource or scope, points, and what was added.
    pub(super) uncounted: bool,
}

impl Scratch {
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the index is one of the constants above")]
    pub(super) fn level(&self, index: usize) -> &Level {
        &self.levels[index]
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the index is one of the constants above")]
    pub(super) fn level_mut(&mut self, index: usize) -> &mut Level {
        &mut self.levels[index]
    }
}

/// One that waits, or a new one.
pub(super) fn take() -> Box<Scratch> {
    let waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner).pop();
    waiting.unwrap_or_default()
}

/// Keeps one for the next edit.
pub(super) fn give_back(mut scratch: Box<Scratch>) {
    scratch.levels.iter_mut().for_each(|it| it.trim(KEPT_BYTES_MAX));
    scratch.inside.0.trim(KEPT_BYTES_MAX);
    for buf in [&mut scratch.inside.1, &mut scratch.item] {
        if buf.capacity() > KEPT_BYTES_MAX {
            *buf = Vec::new();
        }
    }
    if scratch.splice.out.buf.capacity() > KEPT_BYTES_MAX {
        scratch.splice.out.buf = Vec::new();
    }
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    if waiting.len() < WAITING_MAX {
        waiting.push(scratch);
    }
}
