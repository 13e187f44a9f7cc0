//! The built program as its users run it: real processes, real sockets, real files.
//!
//! One test binary, a module per tier: see README.md beside this file.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "what a test skipped or counted is for people")]
#![expect(
    clippy::disallowed_methods,
    reason = "programs and neighbours are waited for in real time"
)]

mod configs;
mod crash;
mod e2e;
mod golden;
#[path = "golden-kube/mod.rs"]
mod golden_kube;
mod mistakes;
mod policies;
mod print_config;
mod queue;
mod queue_disk;
mod reload;
mod schema;
mod secrets;
mod support;
