//! What a full queue drops, where its configuration says that it drops.
//!
//! Only what nobody keeps is dropped: a caller that can read its data again is told to, or waits for room.

use component::meter::Counter;
use component::{ConsumeError, Overflow};
use tracing::warn;

use crate::Buffer;

/// `sending_queue: on_overflow:`.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) overflow: Overflow,
    pub(crate) lost: Counter,
}

impl Policy {
    pub(crate) fn drops_oldest(&self) -> bool {
        self.overflow == Overflow::DropOldest
    }

    pub(crate) fn drops_newest(&self) -> bool {
        self.overflow == Overflow::DropNewest
    }

    /// So many items are dropped.
    pub(crate) fn count(&self, dropped_items: usize) {
        if dropped_items > 0 {
            self.lost.add(dropped_items as u64);
            warn!(
                dropped_items,
                on_overflow = self.name(),
                "The sending queue is full. Dropping data."
            );
        }
    }

    fn name(&self) -> &'static str {
        component::config::Choices::word(self.overflow)
    }

    /// Drops what has been in memory for the longest time and nobody has begun to send; false when there is nothing.
    /// With `is_stored` it is deleted from the disk as well.
    pub(crate) fn drop_oldest(&self, buffer: &Buffer, is_stored: bool) -> bool {
        let Some(batch) = buffer.take_oldest() else { return false };
        let full = "sending queue is full";
        if is_stored {
            self.count(batch.items());
            batch.answer(&Err(ConsumeError::permanent(full)));
        } else {
            self.count(batch.items_accepted());
            batch.answer(&Err(ConsumeError::retryable(full)));
        }
        true
    }
}
