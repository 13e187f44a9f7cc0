//! Telemetry read in place: nothing is copied and nothing is allocated. A view borrows validated bytes, so
//! reading cannot fail. Log records, attributes and values are read when they are asked for; spans, metrics
//! and points read their scalars once, when the iterator yields them.

mod display;
mod groups;
mod item;
mod logs;
mod metrics;
mod points;
mod traces;
mod value;

pub use groups::{ResourceRef, ScopeRef};
pub use item::PointRef;
pub use logs::{LogRecord, ResourceLogs, ScopeLogs};
pub use metrics::{
    ExponentialHistogram, Gauge, Histogram, Metric, MetricData, ResourceMetrics, ScopeMetrics, Sum,
    Summary,
};
pub use points::{
    Buckets, Exemplar, ExponentialHistogramPoint, HistogramPoint, NumberPoint, NumberValue,
    Quantile, SummaryPoint,
};
pub use traces::{ResourceSpans, ScopeSpans, Span, SpanEvent, SpanLink, Status};
pub use value::{ArrayRef, AttributesRef, ValueRef};

pub(crate) use value::{has_key, key_value_at, key_value_parts, key_value_ranges, text};
