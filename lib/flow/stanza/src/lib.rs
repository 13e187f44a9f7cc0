//! The operators of the log receivers: lines go in, OTLP log records come out.
//!
//! A [`Pipeline`] is the compiled `operators:` list of one receiver, immutable and shared. A
//! [`Worker`] is one thread's state: arena, held-back parts, the records built so far. A line lives
//! in the arena while it passes the operators and is encoded at their end; nothing is kept per line.

mod entry;
mod failure;
mod field;
mod files;
mod frozen;
mod graph;
mod kept_bytes;
mod keys;
mod ops;
mod output;
mod pipeline;
mod severity;
mod timestamp;
mod value;
mod worker;

pub use files::{FileKey, FileMeta};
pub use graph::{Body, Options};
pub use keys::ByteSize;
pub use ops::OperatorConfig;
pub use pipeline::Pipeline;
pub use worker::{Batch, Worker};

#[cfg(test)]
mod tests;
