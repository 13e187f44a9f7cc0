//! Telemetry in memory: validated, immutable OTLP bytes.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod data;
mod json;

pub use data::{Data, Limits, Logs, Metrics, Signal, Traces};
pub use json::JsonError;
