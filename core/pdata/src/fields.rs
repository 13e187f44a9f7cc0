//! The one table of OTLP 1.x. Every message stands here once, with the number, name, label and type
//! of each of its fields; what else knows OTLP is derived from it: the numbers that views, edits and
//! builders name (`log::BODY`), what `check` and `normalise` verify and merge by, and the names,
//! types and order of JSON. A new field, or a new signal, is a new row.
//!
//! The rows of a message stand in the order of the .proto files (opentelemetry-proto 1.10), in which
//! the Collector writes JSON. A row reads: name of the number, the number (left out where an earlier
//! message of the same module gave it), name of the field, label, type. Fields that are not listed
//! are unknown and survive as they are, among them the deprecated field 1000 (`scope_logs` and the
//! like of OTLP before 0.15), which the Go Collector migrates.

use crate::schema::Kind::{
    Bool, Bytes, Double, Enum, Fixed32, Fixed64, Id, Int32, Int64, Message, Sfixed64, Sint32, Str,
    Uint32, Uint64,
};
use crate::schema::Label::{Always, Oneof, Optional, Plain, Repeated};
use crate::schema::{Role, messages};
use crate::wire::{MEDIUM, NARROW, WIDE};

messages! {

/// `AnyValue`, and what it nests by.
mod any {
    ANY_VALUE: Role::AnyValue, NARROW, {
        STRING = 1, string_value, Oneof, Str;
        BOOL = 2, bool_value, Oneof, Bool;
        INT = 3, int_value, Oneof, Int64;
        DOUBLE = 4, double_value, Oneof, Double;
        ARRAY = 5, array_value, Oneof, Message(&ARRAY_VALUE);
        MAP = 6, kvlist_value, Oneof, Message(&KEY_VALUE_LIST);
        BYTES = 7, bytes_value, Oneof, Bytes;
        // Index of a string in a dictionary; only profiles use it.
        STRING_INDEX = 8, string_value_strindex, Oneof, Int32;
    }
    ARRAY_VALUE: Role::Plain, NARROW, {
        // The entries of an array, or of a map.
        VALUES = 1, values, Repeated, Message(&ANY_VALUE);
    }
    KEY_VALUE_LIST: Role::Map, NARROW, {
        VALUES, values, Repeated, Message(&KEY_VALUE);
    }
}

/// `KeyValue`.
mod key_value {
    KEY_VALUE: Role::KeyValue, NARROW, {
        KEY = 1, key, Plain, Str;
        VALUE = 2, value, Always, Message(&ANY_VALUE);
        KEY_INDEX = 3, key_strindex, Plain, Int32;
    }
}

/// The request: a sequence of resources.
mod request {
    LOGS: Role::Plain, NARROW, {
        RESOURCES = 1, resource_logs, Repeated, Message(&RESOURCE_LOGS);
    }
    TRACES: Role::Plain, NARROW, {
        RESOURCES, resource_spans, Repeated, Message(&RESOURCE_SPANS);
    }
    METRICS: Role::Plain, NARROW, {
        RESOURCES, resource_metrics, Repeated, Message(&RESOURCE_METRICS);
    }
}

/// `ResourceLogs`, `ResourceSpans`, `ResourceMetrics`; likewise `ScopeLogs`, ... one level down.
mod group {
    RESOURCE_LOGS: Role::Plain, WIDE, {
        // `resource`, or `scope`.
        HEAD = 1, resource, Always, Message(&RESOURCE);
        // Scopes of a resource, or items of a scope.
        CHILDREN = 2, scope_logs, Repeated, Message(&SCOPE_LOGS);
        SCHEMA_URL = 3, schema_url, Plain, Str;
    }
    SCOPE_LOGS: Role::Plain, WIDE, {
        HEAD, scope, Always, Message(&SCOPE);
        CHILDREN, log_records, Repeated, Message(&LOG_RECORD);
        SCHEMA_URL, schema_url, Plain, Str;
    }
    RESOURCE_SPANS: Role::Plain, WIDE, {
        HEAD, resource, Always, Message(&RESOURCE);
        CHILDREN, scope_spans, Repeated, Message(&SCOPE_SPANS);
        SCHEMA_URL, schema_url, Plain, Str;
    }
    SCOPE_SPANS: Role::Plain, WIDE, {
        HEAD, scope, Always, Message(&SCOPE);
        CHILDREN, spans, Repeated, Message(&SPAN);
        SCHEMA_URL, schema_url, Plain, Str;
    }
    RESOURCE_METRICS: Role::Plain, WIDE, {
        HEAD, resource, Always, Message(&RESOURCE);
        CHILDREN, scope_metrics, Repeated, Message(&SCOPE_METRICS);
        SCHEMA_URL, schema_url, Plain, Str;
    }
    SCOPE_METRICS: Role::Plain, WIDE, {
        HEAD, scope, Always, Message(&SCOPE);
        CHILDREN, metrics, Repeated, Message(&METRIC);
        SCHEMA_URL, schema_url, Plain, Str;
    }
}

/// `Resource`.
mod resource {
    RESOURCE: Role::Plain, MEDIUM, {
        ATTRIBUTES = 1, attributes, Repeated, Message(&KEY_VALUE);
        DROPPED = 2, dropped_attributes_count, Plain, Uint32;
        ENTITY_REFS = 3, entity_refs, Repeated, Message(&ENTITY_REF);
    }
}

/// `EntityRef`.
mod entity_ref {
    ENTITY_REF: Role::Plain, NARROW, {
        SCHEMA_URL = 1, schema_url, Plain, Str;
        TYPE = 2, type, Plain, Str;
        ID_KEYS = 3, id_keys, Repeated, Str;
        DESCRIPTION_KEYS = 4, description_keys, Repeated, Str;
    }
}

/// `InstrumentationScope`.
mod scope {
    SCOPE: Role::Plain, NARROW, {
        NAME = 1, name, Plain, Str;
        VERSION = 2, version, Plain, Str;
        ATTRIBUTES = 3, attributes, Repeated, Message(&KEY_VALUE);
        DROPPED = 4, dropped_attributes_count, Plain, Uint32;
    }
}

/// `LogRecord`.
mod log {
    LOG_RECORD: Role::Item, MEDIUM, {
        TIME = 1, time_unix_nano, Plain, Fixed64;
        OBSERVED = 11, observed_time_unix_nano, Plain, Fixed64;
        SEVERITY_NUMBER = 2, severity_number, Plain, Enum(SEVERITIES);
        SEVERITY_TEXT = 3, severity_text, Plain, Str;
        BODY = 5, body, Always, Message(&ANY_VALUE);
        ATTRIBUTES = 6, attributes, Repeated, Message(&KEY_VALUE);
        DROPPED = 7, dropped_attributes_count, Plain, Uint32;
        FLAGS = 8, flags, Plain, Fixed32;
        TRACE_ID = 9, trace_id, Plain, Id(16);
        SPAN_ID = 10, span_id, Plain, Id(8);
        EVENT_NAME = 12, event_name, Plain, Str;
    }
}

/// `Span`.
mod span {
    SPAN: Role::Item, MEDIUM, {
        TRACE_ID = 1, trace_id, Plain, Id(16);
        SPAN_ID = 2, span_id, Plain, Id(8);
        TRACE_STATE = 3, trace_state, Plain, Str;
        PARENT = 4, parent_span_id, Plain, Id(8);
        FLAGS = 16, flags, Plain, Fixed32;
        NAME = 5, name, Plain, Str;
        KIND = 6, kind, Plain, Enum(SPAN_KINDS);
        START = 7, start_time_unix_nano, Plain, Fixed64;
        END = 8, end_time_unix_nano, Plain, Fixed64;
        ATTRIBUTES = 9, attributes, Repeated, Message(&KEY_VALUE);
        DROPPED_ATTRIBUTES = 10, dropped_attributes_count, Plain, Uint32;
        EVENTS = 11, events, Repeated, Message(&EVENT);
        DROPPED_EVENTS = 12, dropped_events_count, Plain, Uint32;
        LINKS = 13, links, Repeated, Message(&LINK);
        DROPPED_LINKS = 14, dropped_links_count, Plain, Uint32;
        STATUS = 15, status, Always, Message(&STATUS);
    }
}

/// `Span.Event`.
mod event {
    EVENT: Role::Plain, NARROW, {
        TIME = 1, time_unix_nano, Plain, Fixed64;
        NAME = 2, name, Plain, Str;
        ATTRIBUTES = 3, attributes, Repeated, Message(&KEY_VALUE);
        DROPPED = 4, dropped_attributes_count, Plain, Uint32;
    }
}

/// `Span.Link`.
mod link {
    LINK: Role::Plain, NARROW, {
        TRACE_ID = 1, trace_id, Plain, Id(16);
        SPAN_ID = 2, span_id, Plain, Id(8);
        TRACE_STATE = 3, trace_state, Plain, Str;
        ATTRIBUTES = 4, attributes, Repeated, Message(&KEY_VALUE);
        DROPPED = 5, dropped_attributes_count, Plain, Uint32;
        FLAGS = 6, flags, Plain, Fixed32;
    }
}

/// `Status`.
mod status {
    STATUS: Role::Plain, NARROW, {
        MESSAGE = 2, message, Plain, Str;
        CODE = 3, code, Plain, Enum(STATUS_CODES);
    }
}

/// `Metric`.
mod metric {
    METRIC: Role::Plain, MEDIUM, {
        NAME = 1, name, Plain, Str;
        DESCRIPTION = 2, description, Plain, Str;
        UNIT = 3, unit, Plain, Str;
        GAUGE = 5, gauge, Oneof, Message(&GAUGE_DATA);
        SUM = 7, sum, Oneof, Message(&SUM_DATA);
        HISTOGRAM = 9, histogram, Oneof, Message(&HISTOGRAM_DATA);
        EXPONENTIAL = 10, exponential_histogram, Oneof, Message(&EXPONENTIAL_DATA);
        SUMMARY = 11, summary, Oneof, Message(&SUMMARY_DATA);
        METADATA = 12, metadata, Repeated, Message(&KEY_VALUE);
    }
}

/// `Gauge`, `Sum`, `Histogram`, `ExponentialHistogram`, `Summary`.
mod points {
    GAUGE_DATA: Role::Plain, MEDIUM, {
        POINTS = 1, data_points, Repeated, Message(&NUMBER_POINT);
    }
    SUM_DATA: Role::Plain, MEDIUM, {
        POINTS, data_points, Repeated, Message(&NUMBER_POINT);
        TEMPORALITY = 2, aggregation_temporality, Plain, Enum(TEMPORALITIES);
        MONOTONIC = 3, is_monotonic, Plain, Bool;
    }
    HISTOGRAM_DATA: Role::Plain, MEDIUM, {
        POINTS, data_points, Repeated, Message(&HISTOGRAM_POINT);
        TEMPORALITY, aggregation_temporality, Plain, Enum(TEMPORALITIES);
    }
    EXPONENTIAL_DATA: Role::Plain, MEDIUM, {
        POINTS, data_points, Repeated, Message(&EXPONENTIAL_POINT);
        TEMPORALITY, aggregation_temporality, Plain, Enum(TEMPORALITIES);
    }
    SUMMARY_DATA: Role::Plain, MEDIUM, {
        POINTS, data_points, Repeated, Message(&SUMMARY_POINT);
    }
}

/// `NumberDataPoint`.
mod number {
    NUMBER_POINT: Role::Item, NARROW, {
        ATTRIBUTES = 7, attributes, Repeated, Message(&KEY_VALUE);
        START = 2, start_time_unix_nano, Plain, Fixed64;
        TIME = 3, time_unix_nano, Plain, Fixed64;
        DOUBLE = 4, as_double, Oneof, Double;
        INT = 6, as_int, Oneof, Sfixed64;
        EXEMPLARS = 5, exemplars, Repeated, Message(&EXEMPLAR);
        FLAGS = 8, flags, Plain, Uint32;
    }
}

/// `HistogramDataPoint`.
mod histogram {
    HISTOGRAM_POINT: Role::Item, MEDIUM, {
        ATTRIBUTES = 9, attributes, Repeated, Message(&KEY_VALUE);
        START = 2, start_time_unix_nano, Plain, Fixed64;
        TIME = 3, time_unix_nano, Plain, Fixed64;
        COUNT = 4, count, Plain, Fixed64;
        SUM = 5, sum, Optional, Double;
        BUCKETS = 6, bucket_counts, Repeated, Fixed64;
        BOUNDS = 7, explicit_bounds, Repeated, Double;
        EXEMPLARS = 8, exemplars, Repeated, Message(&EXEMPLAR);
        FLAGS = 10, flags, Plain, Uint32;
        MIN = 11, min, Optional, Double;
        MAX = 12, max, Optional, Double;
    }
}

/// `ExponentialHistogramDataPoint` and its `Buckets`.
mod exponential {
    EXPONENTIAL_POINT: Role::Item, MEDIUM, {
        ATTRIBUTES = 1, attributes, Repeated, Message(&KEY_VALUE);
        START = 2, start_time_unix_nano, Plain, Fixed64;
        TIME = 3, time_unix_nano, Plain, Fixed64;
        COUNT = 4, count, Plain, Fixed64;
        SUM = 5, sum, Optional, Double;
        SCALE = 6, scale, Plain, Sint32;
        ZERO_COUNT = 7, zero_count, Plain, Fixed64;
        POSITIVE = 8, positive, Always, Message(&BUCKETS);
        NEGATIVE = 9, negative, Always, Message(&BUCKETS);
        FLAGS = 10, flags, Plain, Uint32;
        EXEMPLARS = 11, exemplars, Repeated, Message(&EXEMPLAR);
        MIN = 12, min, Optional, Double;
        MAX = 13, max, Optional, Double;
        ZERO_THRESHOLD = 14, zero_threshold, Plain, Double;
    }
    BUCKETS: Role::Plain, NARROW, {
        // `Buckets.offset`.
        OFFSET = 1, offset, Plain, Sint32;
        // `Buckets.bucket_counts`.
        BUCKETS = 2, bucket_counts, Repeated, Uint64;
    }
}

/// `SummaryDataPoint` and its `ValueAtQuantile`.
mod summary {
    SUMMARY_POINT: Role::Item, NARROW, {
        ATTRIBUTES = 7, attributes, Repeated, Message(&KEY_VALUE);
        START = 2, start_time_unix_nano, Plain, Fixed64;
        TIME = 3, time_unix_nano, Plain, Fixed64;
        COUNT = 4, count, Plain, Fixed64;
        SUM = 5, sum, Plain, Double;
        QUANTILES = 6, quantile_values, Repeated, Message(&VALUE_AT_QUANTILE);
        FLAGS = 8, flags, Plain, Uint32;
    }
    VALUE_AT_QUANTILE: Role::Plain, NARROW, {
        // `ValueAtQuantile.quantile`.
        QUANTILE = 1, quantile, Plain, Double;
        // `ValueAtQuantile.value`.
        VALUE = 2, value, Plain, Double;
    }
}

/// `Exemplar`.
mod exemplar {
    EXEMPLAR: Role::Plain, NARROW, {
        ATTRIBUTES = 7, filtered_attributes, Repeated, Message(&KEY_VALUE);
        TIME = 2, time_unix_nano, Plain, Fixed64;
        DOUBLE = 3, as_double, Oneof, Double;
        INT = 6, as_int, Oneof, Sfixed64;
        TRACE_ID = 5, trace_id, Plain, Id(16);
        SPAN_ID = 4, span_id, Plain, Id(8);
    }
}

}

pub(crate) use request::RESOURCES;

const SPAN_KINDS: &[(&str, i32)] = &[
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
];

const STATUS_CODES: &[(&str, i32)] =
    &[("STATUS_CODE_UNSET", 0), ("STATUS_CODE_OK", 1), ("STATUS_CODE_ERROR", 2)];

const TEMPORALITIES: &[(&str, i32)] = &[
    ("AGGREGATION_TEMPORALITY_UNSPECIFIED", 0),
    ("AGGREGATION_TEMPORALITY_DELTA", 1),
    ("AGGREGATION_TEMPORALITY_CUMULATIVE", 2),
];

const SEVERITIES: &[(&str, i32)] = &[
    ("SEVERITY_NUMBER_UNSPECIFIED", 0),
    ("SEVERITY_NUMBER_TRACE", 1),
    ("SEVERITY_NUMBER_TRACE2", 2),
    ("SEVERITY_NUMBER_TRACE3", 3),
    ("SEVERITY_NUMBER_TRACE4", 4),
    ("SEVERITY_NUMBER_DEBUG", 5),
    ("SEVERITY_NUMBER_DEBUG2", 6),
    ("SEVERITY_NUMBER_DEBUG3", 7),
    ("SEVERITY_NUMBER_DEBUG4", 8),
    ("SEVERITY_NUMBER_INFO", 9),
    ("SEVERITY_NUMBER_INFO2", 10),
    ("SEVERITY_NUMBER_INFO3", 11),
    ("SEVERITY_NUMBER_INFO4", 12),
    ("SEVERITY_NUMBER_WARN", 13),
    ("SEVERITY_NUMBER_WARN2", 14),
    ("SEVERITY_NUMBER_WARN3", 15),
    ("SEVERITY_NUMBER_WARN4", 16),
    ("SEVERITY_NUMBER_ERROR", 17),
    ("SEVERITY_NUMBER_ERROR2", 18),
    ("SEVERITY_NUMBER_ERROR3", 19),
    ("SEVERITY_NUMBER_ERROR4", 20),
    ("SEVERITY_NUMBER_FATAL", 21),
    ("SEVERITY_NUMBER_FATAL2", 22),
    ("SEVERITY_NUMBER_FATAL3", 23),
    ("SEVERITY_NUMBER_FATAL4", 24),
];
