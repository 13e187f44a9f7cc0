//! Streams of data points, for processors that need to know what came before: which stream a point belongs to
//! ([`Identifier`]), and a table with a limit of what is known of each ([`Streams`]).

mod accumulates;
mod dropped;
mod identity;
mod pipelines;
mod table;

pub use accumulates::{CUMULATIVE, DELTA, accumulates};
pub use dropped::Dropped;
pub use identity::{Identifier, MetricId, StreamId};
pub use pipelines::PerPipeline;
pub use table::{Entry, New, STREAMS_MAX, Streams, expire, lock};
