//! Finds files, follows them through rotation, and remembers what was acknowledged.

mod admit;
mod adopt;
mod archive;
mod attributes;
mod book;
mod chunk;
mod corrupt;
mod damage;
mod decoded;
mod descriptors;
mod encoding;
mod end;
mod engine;
mod file_system;
mod find;
mod gauges;
mod glob;
mod gzip;
mod identity;
mod lag;
mod lanes;
mod limit;
mod ordering;
mod own;
mod parking;
mod partition;
mod rewrites;
mod rotate;
mod send;
mod settings;
mod siblings;
mod sink;
mod source;
mod split;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod track;
mod turn;
mod unreadable;
mod watch;
mod watermark;

pub use attributes::Attributes;
pub use corrupt::Corrupt;
pub use encoding::{Encoding, USUAL as USUAL_ENCODINGS, parse as parse_encoding};
pub use engine::Engine;
pub use find::Finder;
pub use glob::{BadGlob, Glob};
pub use ordering::{Layout, Ordering, Rule, SortKind};
pub use settings::{Compression, OnCorrupt, OnTruncate, Retry, Settings, StartAt};
pub use sink::{Batch, Sink};
pub use split::{Mode, Splitter};

/// Names one file for as long as it is followed. Never reused within a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey(pub u64);
