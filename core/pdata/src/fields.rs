//! Field numbers of OTLP 1.x, as the views, edits and builders name them. The full schema, with
//! names and types, stands in `schema`.

/// `AnyValue`.
pub(crate) mod any {
    pub(crate) const STRING: u32 = 1;
    pub(crate) const BOOL: u32 = 2;
    pub(crate) const INT: u32 = 3;
    pub(crate) const DOUBLE: u32 = 4;
    pub(crate) const ARRAY: u32 = 5;
    pub(crate) const MAP: u32 = 6;
    pub(crate) const BYTES: u32 = 7;
    /// Index of a string in a dictionary; only profiles use it.
    pub(crate) const STRING_INDEX: u32 = 8;
}

/// `KeyValue`.
pub(crate) mod key_value {
    pub(crate) const KEY: u32 = 1;
    pub(crate) const VALUE: u32 = 2;
}

/// The request: a sequence of resources.
pub(crate) const RESOURCES: u32 = 1;

/// `ResourceLogs`, `ResourceSpans`, `ResourceMetrics`; likewise `ScopeLogs`, ... one level down.
pub(crate) mod group {
    /// `resource`, or `scope`.
    pub(crate) const HEAD: u32 = 1;
    /// Scopes of a resource, or items of a scope.
    pub(crate) const CHILDREN: u32 = 2;
    pub(crate) const SCHEMA_URL: u32 = 3;
}

/// `Resource`.
pub(crate) mod resource {
    pub(crate) const ATTRIBUTES: u32 = 1;
    pub(crate) const DROPPED: u32 = 2;
}

/// `InstrumentationScope`.
pub(crate) mod scope {
    pub(crate) const NAME: u32 = 1;
    pub(crate) const VERSION: u32 = 2;
    pub(crate) const ATTRIBUTES: u32 = 3;
    pub(crate) const DROPPED: u32 = 4;
}

/// `LogRecord`.
pub(crate) mod log {
    pub(crate) const TIME: u32 = 1;
    pub(crate) const SEVERITY_NUMBER: u32 = 2;
    pub(crate) const SEVERITY_TEXT: u32 = 3;
    pub(crate) const BODY: u32 = 5;
    pub(crate) const ATTRIBUTES: u32 = 6;
    pub(crate) const DROPPED: u32 = 7;
    pub(crate) const FLAGS: u32 = 8;
    pub(crate) const TRACE_ID: u32 = 9;
    pub(crate) const SPAN_ID: u32 = 10;
    pub(crate) const OBSERVED: u32 = 11;
    pub(crate) const EVENT_NAME: u32 = 12;
}

/// `Span`.
pub(crate) mod span {
    pub(crate) const TRACE_ID: u32 = 1;
    pub(crate) const SPAN_ID: u32 = 2;
    pub(crate) const TRACE_STATE: u32 = 3;
    pub(crate) const PARENT: u32 = 4;
    pub(crate) const NAME: u32 = 5;
    pub(crate) const KIND: u32 = 6;
    pub(crate) const START: u32 = 7;
    pub(crate) const END: u32 = 8;
    pub(crate) const ATTRIBUTES: u32 = 9;
    pub(crate) const DROPPED_ATTRIBUTES: u32 = 10;
    pub(crate) const EVENTS: u32 = 11;
    pub(crate) const DROPPED_EVENTS: u32 = 12;
    pub(crate) const LINKS: u32 = 13;
    pub(crate) const DROPPED_LINKS: u32 = 14;
    pub(crate) const STATUS: u32 = 15;
    pub(crate) const FLAGS: u32 = 16;
}

/// `Span.Event`.
pub(crate) mod event {
    pub(crate) const TIME: u32 = 1;
    pub(crate) const NAME: u32 = 2;
    pub(crate) const ATTRIBUTES: u32 = 3;
    pub(crate) const DROPPED: u32 = 4;
}

/// `Span.Link`.
pub(crate) mod link {
    pub(crate) const TRACE_ID: u32 = 1;
    pub(crate) const SPAN_ID: u32 = 2;
    pub(crate) const TRACE_STATE: u32 = 3;
    pub(crate) const ATTRIBUTES: u32 = 4;
    pub(crate) const DROPPED: u32 = 5;
    pub(crate) const FLAGS: u32 = 6;
}

/// `Status`.
pub(crate) mod status {
    pub(crate) const MESSAGE: u32 = 2;
    pub(crate) const CODE: u32 = 3;
}

/// `Metric`.
pub(crate) mod metric {
    pub(crate) const NAME: u32 = 1;
    pub(crate) const DESCRIPTION: u32 = 2;
    pub(crate) const UNIT: u32 = 3;
    pub(crate) const GAUGE: u32 = 5;
    pub(crate) const SUM: u32 = 7;
    pub(crate) const HISTOGRAM: u32 = 9;
    pub(crate) const EXPONENTIAL: u32 = 10;
    pub(crate) const SUMMARY: u32 = 11;
    pub(crate) const METADATA: u32 = 12;
}

/// `Gauge`, `Sum`, `Histogram`, `ExponentialHistogram`, `Summary`.
pub(crate) mod points {
    pub(crate) const POINTS: u32 = 1;
    pub(crate) const TEMPORALITY: u32 = 2;
    pub(crate) const MONOTONIC: u32 = 3;
}

/// `NumberDataPoint`.
pub(crate) mod number {
    pub(crate) const START: u32 = 2;
    pub(crate) const TIME: u32 = 3;
    pub(crate) const DOUBLE: u32 = 4;
    pub(crate) const EXEMPLARS: u32 = 5;
    pub(crate) const INT: u32 = 6;
    pub(crate) const ATTRIBUTES: u32 = 7;
    pub(crate) const FLAGS: u32 = 8;
}

/// `HistogramDataPoint`.
pub(crate) mod histogram {
    pub(crate) const START: u32 = 2;
    pub(crate) const TIME: u32 = 3;
    pub(crate) const COUNT: u32 = 4;
    pub(crate) const SUM: u32 = 5;
    pub(crate) const BUCKETS: u32 = 6;
    pub(crate) const BOUNDS: u32 = 7;
    pub(crate) const EXEMPLARS: u32 = 8;
    pub(crate) const ATTRIBUTES: u32 = 9;
    pub(crate) const FLAGS: u32 = 10;
    pub(crate) const MIN: u32 = 11;
    pub(crate) const MAX: u32 = 12;
}

/// `ExponentialHistogramDataPoint`.
pub(crate) mod exponential {
    pub(crate) const ATTRIBUTES: u32 = 1;
    pub(crate) const START: u32 = 2;
    pub(crate) const TIME: u32 = 3;
    pub(crate) const COUNT: u32 = 4;
    pub(crate) const SUM: u32 = 5;
    pub(crate) const SCALE: u32 = 6;
    pub(crate) const ZERO_COUNT: u32 = 7;
    pub(crate) const POSITIVE: u32 = 8;
    pub(crate) const NEGATIVE: u32 = 9;
    pub(crate) const FLAGS: u32 = 10;
    pub(crate) const EXEMPLARS: u32 = 11;
    pub(crate) const MIN: u32 = 12;
    pub(crate) const MAX: u32 = 13;
    pub(crate) const ZERO_THRESHOLD: u32 = 14;
    /// `Buckets.offset`.
    pub(crate) const OFFSET: u32 = 1;
    /// `Buckets.bucket_counts`.
    pub(crate) const BUCKETS: u32 = 2;
}

/// `SummaryDataPoint`.
pub(crate) mod summary {
    pub(crate) const START: u32 = 2;
    pub(crate) const TIME: u32 = 3;
    pub(crate) const COUNT: u32 = 4;
    pub(crate) const SUM: u32 = 5;
    pub(crate) const QUANTILES: u32 = 6;
    pub(crate) const ATTRIBUTES: u32 = 7;
    pub(crate) const FLAGS: u32 = 8;
    /// `ValueAtQuantile.quantile`.
    pub(crate) const QUANTILE: u32 = 1;
    /// `ValueAtQuantile.value`.
    pub(crate) const VALUE: u32 = 2;
}

/// `Exemplar`.
pub(crate) mod exemplar {
    pub(crate) const TIME: u32 = 2;
    pub(crate) const DOUBLE: u32 = 3;
    pub(crate) const SPAN_ID: u32 = 4;
    pub(crate) const TRACE_ID: u32 = 5;
    pub(crate) const INT: u32 = 6;
    pub(crate) const ATTRIBUTES: u32 = 7;
}
