//! Go's semantics, which more than one language of the Collector's configuration relies on: regular
//! expressions, time layouts, escapes, character encodings, JSON, and how `%v` and `%T` print.
//!
//! Everything here answers "what would Go do with this text"; nothing knows what the text is for.

pub mod charset;
pub mod fnv;
pub mod json;
mod mistake;
pub mod number;
pub mod regexp;
pub mod severity;
pub mod strconv;
pub mod time;
pub mod utf8;
pub mod value;

pub use mistake::Mistake;
pub use regexp::go_regex;
