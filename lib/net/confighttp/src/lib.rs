//! HTTP server and client sections with the upstream keys.

pub mod client;
mod metrics;
pub mod server;
