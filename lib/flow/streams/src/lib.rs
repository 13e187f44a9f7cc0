//! Streams of data points, for processors that need to know what came before: which stream a point belongs to
//! ([`Identifier`]), and a table with a limit of what is known of each ([`Streams`]).

mod dropped;
mod identity;
mod pipelines;
mod table;

pub use dropped::Dropped;
pub use identity::{Identifier, MetricId, StreamId};
pub use pipelines::PerPipeline;
pub use table::{Entry, New, Streams, expire, lock};
