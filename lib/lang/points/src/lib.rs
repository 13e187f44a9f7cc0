//! What is computed of data points, shared by `ottl` and the processors of metrics: those that are alike become one,
//! values are scaled, buckets added and compared.

mod aggregate;
mod buckets;
mod each;
mod measured;
pub mod scale;
mod write;

pub use aggregate::{Aggregation, aggregate};
pub use buckets::{Buckets, bucket_of, write_buckets};
pub use each::{any, count, each_attributes, retain};
pub use measured::{Measured, NO_RECORDED_VALUE, NotGrown};
pub use write::{set, unsigned, write_counts};
