//! Telemetry in memory: validated, immutable OTLP bytes.

mod batch;
mod bits;
pub mod buffer;
mod build;
mod check;
mod data;
mod edit;
mod fields;
mod json;
mod nesting;
mod normalise;
mod owned_value;
mod repair;
mod schema;
mod signal;
mod stats;
#[cfg(test)]
mod tests;
pub mod text;
pub mod tree;
mod value;
mod view;
mod wire;

pub use build::{
    ArrayWriter, AttributesWriter, Builder, EventWriter, ExemplarWriter,
    ExponentialHistogramWriter, HistogramWriter, LinkWriter, LogsBuilder, MetricWriter,
    MetricsBuilder, NumberWriter, PointsWriter, RecordWriter, SpanWriter, SummaryWriter,
    TracesBuilder, ValueWriter,
};
pub use check::{DecodeError, Limits, NotUtf8};
pub use data::{Data, Decoded, Logs, Metrics, Traces};
pub use edit::{
    AttributesEdit, Depth, Empty, Field, Keep, Key, MetricKind, Numbers, PathError, Place,
};
pub use json::JsonError;
pub use owned_value::{AttributeBuf, ValueBuf, ValueScratch};
pub use signal::Signal;
pub use stats::{not_utf8_total, unreadable_total};
pub use value::Value;
pub use view::*;
