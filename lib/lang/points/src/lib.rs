//! What is computed of data points, shared by `ottl` and the processors of metrics: those that are alike become one,
//! values are scaled, buckets added and compared.

mod aggregate;
mod buckets;
mod each;
pub mod scale;

pub use aggregate::{Aggregation, aggregate};
pub use buckets::{Buckets, bucket_of, write_buckets, write_counts};
pub use each::{any, count, each_attributes, retain};
