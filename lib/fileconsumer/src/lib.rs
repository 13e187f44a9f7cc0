//! Finds files, follows them through rotation, and remembers what was acknowledged.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod encoding;
mod glob;
mod split;
mod watermark;

pub use encoding::Encoding;
pub use glob::{BadGlob, Glob};
pub use split::{Mode, Splitter, pattern};
