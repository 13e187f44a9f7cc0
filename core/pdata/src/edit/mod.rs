//! Changes telemetry. [`Data::edit`] walks a payload and shows a visitor one [`Place`] after another:
//! resource, scope, log record or span or metric, span event or data point, exemplar. A place reads and writes the
//! fields of the message it is at and of every message around it, so that a statement about a data point
//! can write to its resource. Reads see the edits so far.
//!
//! What does not change is copied as it is, unknown fields included, and a payload in which nothing
//! changes is not copied at all. Edits are kept beside the source ([`level::Level`], one per nesting depth,
//! reused for every message) and are written when the visitor has returned:
//!
//! ```text
//!   resource head  scope head   item          data of a metric   event or point    exemplar
//!   RESOURCE       SCOPE        ITEM          DATA               CHILD             EXEMPLAR   <- levels
//!   written when the group ends               rendered into the arena of the level before it, as a cut
//!   (the head comes before the items          when it ends; an item that changed goes to the output
//!   in the output and is patched there)       with all its cuts
//! ```

mod attributes;
mod field;
mod fields;
mod item;
mod level;
mod path;
mod place;
mod scratch;
mod splice;
mod walk;

pub use attributes::AttributesEdit;
pub use field::Field;
pub use fields::Numbers;
pub use item::MetricKind;
pub use path::{Key, PathError};
pub use place::Place;

use crate::data::{Chunks, Data};
use crate::signal::Signal;

/// How deep an edit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Resources.
    Resource,
    /// Scopes.
    Scope,
    /// Log records, spans, metrics.
    Item,
    /// Span events, data points. Log records have no children.
    Child,
    /// Exemplars of data points.
    Exemplar,
}

/// What becomes of a place that was visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It stays, and what is below it is visited.
    Enter,
    /// It stays, and what is below it is not looked at.
    Whole,
    /// It is left out with all that is below it.
    Drop,
}

/// What becomes of a resource, scope or metric without children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Empty {
    /// It goes with the last of its children; what came without any stays.
    #[default]
    Drop,
    /// It stays.
    Keep,
    /// It goes, also if it came without any.
    DropAll,
}

impl Depth {
    /// Where the log records, spans and data points of a signal are: what `Data::items` counts.
    pub fn of_items(signal: Signal) -> Self {
        if signal == Signal::Metrics { Depth::Child } else { Depth::Item }
    }
}

impl Data {
    /// Shows `visit` all places down to `to`, parents before children, and writes what it changes.
    #[must_use]
    pub fn edit(&self, to: Depth, visit: impl FnMut(&mut Place<'_>) -> Keep) -> Data {
        self.edit_with(to, Empty::Drop, visit)
    }

    /// Like `edit`; `empty` says what becomes of parents without children.
    #[must_use]
    pub fn edit_with(
        &self,
        to: Depth,
        empty: Empty,
        visit: impl FnMut(&mut Place<'_>) -> Keep,
    ) -> Data {
        let mut scratch = scratch::take();
        let (chunks, items) = walk::walk(self, to, empty, &mut scratch, visit);
        scratch::give_back(scratch);
        let items = items.unwrap_or_else(|| crate::nesting::count(self.signal(), &chunks));
        Data::from_chunks(self.signal(), chunks, items)
    }

    /// Leaves out the items (log records, spans, metrics) for which `keep` says false.
    #[must_use]
    pub fn retain(&self, mut keep: impl FnMut(&Place<'_>) -> bool) -> Data {
        self.edit(Depth::Item, |place| match place.depth() {
            Depth::Item if !keep(place) => Keep::Drop,
            Depth::Item => Keep::Whole,
            _ => Keep::Enter,
        })
    }
}

/// Chunks of the output, and how many items are in them if that is known.
type Edited = (Chunks, Option<usize>);
