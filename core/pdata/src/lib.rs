//! Telemetry in memory: validated, immutable OTLP bytes.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod data;
mod fields;
mod json;
mod stats;
mod view;
mod wire;

pub use data::{Data, Limits, Logs, Metrics, Signal, Traces};
pub use json::JsonError;
pub use stats::{not_utf8_total, unreadable_total};
pub use view::*;
