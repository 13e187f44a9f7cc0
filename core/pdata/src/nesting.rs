//! How messages stand in each other, down to the items: the same three or five steps for all signals.

use bytes::Bytes;

use crate::fields::{RESOURCES, group, metric, points};
use crate::signal::Signal;
use crate::wire::{Field, Messages, Reader};

/// How deep a message stands: what the resources are made of, and so on.
pub(crate) const RESOURCE: usize = 0;
pub(crate) const SCOPE: usize = 1;
pub(crate) const METRIC: usize = 2;
pub(crate) const POINTS: usize = 3;

/// Depth of the items of a signal.
pub(crate) fn item_depth(signal: Signal) -> usize {
    match signal {
        Signal::Logs | Signal::Traces => 2,
        Signal::Metrics => 4,
    }
}

/// True if the field `number` of a message at `depth` leads towards the items.
#[inline]
pub(crate) fn is_child(depth: usize, number: u32) -> bool {
    match depth {
        RESOURCE | SCOPE => number == group::CHILDREN,
        METRIC => matches!(
            number,
            metric::GAUGE | metric::SUM | metric::HISTOGRAM | metric::EXPONENTIAL | metric::SUMMARY
        ),
        POINTS => number == points::POINTS,
        _ => false,
    }
}

/// The fields of a message at `depth` that lead towards the items.
#[inline]
pub(crate) fn children(body: &[u8], depth: usize) -> impl Iterator<Item = Field<'_>> {
    Reader::new(body).filter(move |field| is_child(depth, field.number))
}

/// The other fields, as they are on the wire.
pub(crate) fn header(body: &[u8], depth: usize) -> impl Iterator<Item = &[u8]> {
    Reader::new(body)
        .filter(move |field| !is_child(depth, field.number))
        .map(move |field| body.get(field.start..field.end).unwrap_or_default())
}

/// Items in a message at `depth`.
pub(crate) fn items_in(signal: Signal, body: &[u8], depth: usize) -> usize {
    if depth == item_depth(signal) {
        return 1;
    }
    if depth + 1 == item_depth(signal) {
        return children(body, depth).count();
    }
    children(body, depth).map(|field| items_in(signal, field.payload.bytes(), depth + 1)).sum()
}

/// Items in `chunks`.
pub(crate) fn count(signal: Signal, chunks: &[Bytes]) -> usize {
    chunks
        .iter()
        .flat_map(|chunk| Messages::new(chunk, RESOURCES))
        .map(|resource| items_in(signal, resource, RESOURCE))
        .sum()
}
