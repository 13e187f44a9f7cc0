//! HTTP server and client sections with the upstream keys.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod client;
mod metrics;
pub mod server;
