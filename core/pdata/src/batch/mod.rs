//! Splits and joins payloads. What stays whole is a slice of the chunk it came from; what is torn
//! apart is written anew, with its resource, scope and metric repeated.

mod merge;
mod partition;
mod split;

use bytes::Bytes;

pub(crate) use split::{Limit, split, split_first};

use crate::data::Signal;
use crate::fields::{RESOURCES, group, metric, points};
use crate::wire::{Field, Messages, Reader};

/// How deep a message stands: what the resources are made of, and so on.
const RESOURCE: usize = 0;
const SCOPE: usize = 1;
const METRIC: usize = 2;
const POINTS: usize = 3;

/// Depth of the items of a signal.
fn item_depth(signal: Signal) -> usize {
    match signal {
        Signal::Logs | Signal::Traces => 2,
        Signal::Metrics => 4,
    }
}

/// True if the field `number` of a message at `depth` leads towards the items.
#[inline]
fn is_child(depth: usize, number: u32) -> bool {
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
fn children(body: &[u8], depth: usize) -> impl Iterator<Item = Field<'_>> {
    Reader::new(body).filter(move |field| is_child(depth, field.number))
}

/// The other fields, as they are on the wire.
fn header(body: &[u8], depth: usize) -> impl Iterator<Item = &[u8]> {
    Reader::new(body)
        .filter(move |field| !is_child(depth, field.number))
        .map(move |field| body.get(field.start..field.end).unwrap_or_default())
}

/// Items in a message at `depth`.
fn items_in(signal: Signal, body: &[u8], depth: usize) -> usize {
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
