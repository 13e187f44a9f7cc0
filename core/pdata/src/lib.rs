//! Telemetry in memory: validated, immutable OTLP bytes.

mod data;

pub use data::{Data, Limits, Logs, Metrics, Signal, Traces};
