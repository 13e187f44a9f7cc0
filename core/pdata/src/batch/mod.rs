//! Splits and joins payloads. What stays whole is a slice of the chunk it came from; what is torn
//! apart is written anew, with its resource, scope and metric repeated.

mod merge;
mod partition;
mod split;

use split::Limit;

use crate::data::Data;

impl Data {
    /// Parts of at most `max` items (at least 1) in order. Resources, scopes and metrics that are
    /// torn apart are repeated.
    pub fn split_items(self, max: usize) -> Vec<Data> {
        split::split(self, Limit::Items(max))
    }

    /// The first `min(max, items)` items, and the rest if there is one.
    pub fn split_first(self, max: usize) -> (Data, Option<Data>) {
        split::split_first(self, max)
    }

    /// Parts of at most `max` bytes in order; a larger item stands alone.
    pub fn split_bytes(self, max: usize) -> Vec<Data> {
        split::split(self, Limit::Bytes(max))
    }
}
