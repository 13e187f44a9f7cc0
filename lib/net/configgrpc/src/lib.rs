//! gRPC over h2 with the upstream keys: messages are bytes.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod client;
pub mod frame;
mod metrics;
pub mod server;
pub mod status;
