//! gRPC over h2 with the upstream keys: messages are bytes.

pub mod client;
pub mod frame;
mod metrics;
pub mod server;
