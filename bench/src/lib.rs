//! Ours and the peers, side by side in one run.
//!
//! `cargo run --release -p bench -- all` writes `bench/RESULTS.md`. Figures are medians; on a shared
//! machine only ratios within one run mean anything.

#![expect(clippy::disallowed_methods, reason = "it measures programs, in real time")]
#![expect(clippy::print_stdout, reason = "it says what it does while it runs")]
#![expect(missing_docs, reason = "a program in two binaries, not a library for others")]

pub mod load;
pub mod loki;
pub mod micro;
pub mod plan;
pub mod push;
pub mod rego;
pub mod relay;
pub mod remote_write;
pub mod report;
pub mod run;
pub mod serve;
pub mod sink;
pub mod soak;
pub mod table;
