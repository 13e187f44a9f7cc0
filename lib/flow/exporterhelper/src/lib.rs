//! Queue, batch, retry and timeout in front of an exporter.
//!
//! An exporter only knows how to send something once. [`Helper`] does the rest, as the exporter's
//! [`component::Delivery`] says: it stores requests, joins them, sends them from several workers, tries
//! again, gives up, and counts. One fact explains its shape: a caller that wants
//! [`component::Wants::Delivered`] rides in the same queue and the same outgoing requests as everybody
//! else, but holds a [`Claim`] on each request that carries a part of its data, and is answered when the
//! last of them is.
//!
//! A queue on disk is a stage in front of the same [`Buffer`]: what is stored there has a claim, too, and is deleted
//! when that is answered.
//!
//! `processors/batch` is built from the same [`Buffer`]; processors that answer early hand on through [`Onward`].

mod age;
mod batch;
mod batcher;
mod buffer;
mod claim;
mod disk;
mod files;
mod helper;
mod keeper;
mod metrics;
mod onward;
mod partition;
mod policy;
#[cfg(test)]
mod property;
mod queue;
mod room;
mod sender;
mod spans;
mod stored;
mod syncs;
#[cfg(test)]
mod tests;

pub use age::Age;
pub use batch::{Batch, Request, Trigger};
pub use batcher::{Batcher, Rules};
pub use buffer::Buffer;
pub use claim::{Claim, Waiting};
pub use helper::{Helper, in_front_of};
pub use metrics::{BYTES_BOUNDS, SIZE_BOUNDS};
pub use onward::Onward;
pub use partition::{Partitioner, Values};
