//! The messages of OTLP 1.x as data: what `check` verifies and `normalise` merges by. Fields that are
//! not listed are unknown and survive as they are, among them the deprecated field 1000
//! (`scope_logs` and the like of OTLP before 0.15), which the Go Collector migrates.

use crate::wire::{BYTES, FIXED32, FIXED64, VARINT};

/// What a field holds.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Not in the schema: any wire type but groups.
    Unknown,
    /// Integer, boolean or enum.
    Varint,
    /// Eight-byte scalar.
    Fixed64,
    /// Four-byte scalar.
    Fixed32,
    /// String or bytes. Strings need not be UTF-8, as in Go.
    Blob,
    /// Nothing or 16 bytes.
    TraceId,
    /// Nothing or 8 bytes.
    SpanId,
    /// Repeated varints, packed or not.
    Varints,
    /// Repeated eight-byte scalars, packed or not.
    Fixed64s,
    /// A message.
    Message(&'static Schema),
}

/// How often a field may occur.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Once: repeated messages are merged, of repeated scalars the last one counts.
    Once,
    /// Any number of times.
    Repeated,
    /// Once, and only one of the fields with this rule.
    OneOf,
}

/// A field of a message.
#[derive(Clone, Copy)]
pub(crate) struct FieldSchema {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) rule: Rule,
}

/// Highest field number in use, plus one.
const FIELDS_MAX: usize = 17;

/// What a message is beyond its fields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing special.
    Plain,
    /// Counted: a log record, span or data point.
    Item,
    /// `KeyValue`.
    KeyValue,
    /// `AnyValue`, which may nest.
    AnyValue,
    /// A list of `KeyValue` that is a value, so its length is not limited by the attribute count.
    Map,
}

/// A message.
pub(crate) struct Schema {
    pub(crate) role: Role,
    fields: [FieldSchema; FIELDS_MAX],
    /// By wire type, bit n: field n is a scalar in which nothing can be wrong but its length.
    plain: [u32; 3],
}

impl Schema {
    #[inline]
    pub(crate) fn field(&self, number: u64) -> FieldSchema {
        self.fields.get(number as usize).copied().unwrap_or(UNKNOWN)
    }

    /// The end of the field at `at`, if it is a scalar that is whole and in which nothing can be
    /// wrong; `None` also for lengths and varints of more than a byte.
    #[inline]
    pub(crate) fn plain_end(&self, buf: &[u8], at: usize) -> Option<usize> {
        let &[tag @ ..0x80, first, ..] = buf.get(at..)? else { return None };
        let (fields, length) = match tag & 7 {
            VARINT if first < 0x80 => (self.plain[VARINT as usize], 2),
            FIXED64 => (self.plain[FIXED64 as usize], 9),
            BYTES if first < 0x80 => (self.plain[BYTES as usize], 2 + usize::from(first)),
            _ => return None,
        };
        let whole = length <= buf.len() - at;
        (whole && fields & 1 << (tag >> 3) != 0).then_some(at + length)
    }

    /// True if `number` is one of several of which only one may be set.
    pub(crate) fn is_one_of(&self, number: u32) -> bool {
        self.field(u64::from(number)).rule == Rule::OneOf
    }
}

const UNKNOWN: FieldSchema =
    FieldSchema { name: "unknown field", kind: Kind::Unknown, rule: Rule::Repeated };

type Row = (usize, &'static str, Kind, Rule);

#[expect(clippy::indexing_slicing, reason = "runs at compile time, where it is a compile error")]
const fn schema(role: Role, rows: &[Row]) -> Schema {
    let mut fields = [UNKNOWN; FIELDS_MAX];
    let mut plain = [0; 3];
    let mut index = 0;
    while index < rows.len() {
        let (number, name, kind, rule) = rows[index];
        fields[number] = FieldSchema { name, kind, rule };
        let wire = match kind {
            Varint => VARINT,
            Fixed64 => FIXED64,
            Blob => BYTES,
            _ => FIXED32,
        };
        if wire != FIXED32 && !matches!(rule, OneOf) {
            plain[wire as usize] |= 1 << number;
        }
        index += 1;
    }
    Schema { role, fields, plain }
}

use Kind::{Blob, Fixed32, Fixed64, Fixed64s, Message, SpanId, TraceId, Varint, Varints};
use Rule::{Once, OneOf, Repeated};

static ANY_VALUE: Schema = schema(
    Role::AnyValue,
    &[
        (1, "string_value", Blob, OneOf),
        (2, "bool_value", Varint, OneOf),
        (3, "int_value", Varint, OneOf),
        (4, "double_value", Fixed64, OneOf),
        (5, "array_value", Message(&ARRAY), OneOf),
        (6, "kvlist_value", Message(&MAP), OneOf),
        (7, "bytes_value", Blob, OneOf),
        (8, "string_value_strindex", Varint, OneOf),
    ],
);

static ARRAY: Schema = schema(Role::Plain, &[(1, "values", Message(&ANY_VALUE), Repeated)]);

static MAP: Schema = schema(Role::Map, &[(1, "values", Message(&KEY_VALUE), Repeated)]);

static KEY_VALUE: Schema = schema(
    Role::KeyValue,
    &[
        (1, "key", Blob, Once),
        (2, "value", Message(&ANY_VALUE), Once),
        (3, "key_strindex", Varint, Once),
    ],
);

static ENTITY_REF: Schema = schema(
    Role::Plain,
    &[
        (1, "schema_url", Blob, Once),
        (2, "type", Blob, Once),
        (3, "id_keys", Blob, Repeated),
        (4, "description_keys", Blob, Repeated),
    ],
);

static RESOURCE: Schema = schema(
    Role::Plain,
    &[
        (1, "attributes", Message(&KEY_VALUE), Repeated),
        (2, "dropped_attributes_count", Varint, Once),
        (3, "entity_refs", Message(&ENTITY_REF), Repeated),
    ],
);

static SCOPE: Schema = schema(
    Role::Plain,
    &[
        (1, "name", Blob, Once),
        (2, "version", Blob, Once),
        (3, "attributes", Message(&KEY_VALUE), Repeated),
        (4, "dropped_attributes_count", Varint, Once),
    ],
);

/// `ExportLogsServiceRequest`, `LogsData`.
pub(crate) static LOGS: Schema =
    schema(Role::Plain, &[(1, "resource_logs", Message(&RESOURCE_LOGS), Repeated)]);

static RESOURCE_LOGS: Schema = schema(
    Role::Plain,
    &[
        (1, "resource", Message(&RESOURCE), Once),
        (2, "scope_logs", Message(&SCOPE_LOGS), Repeated),
        (3, "schema_url", Blob, Once),
    ],
);

static SCOPE_LOGS: Schema = schema(
    Role::Plain,
    &[
        (1, "scope", Message(&SCOPE), Once),
        (2, "log_records", Message(&LOG_RECORD), Repeated),
        (3, "schema_url", Blob, Once),
    ],
);

static LOG_RECORD: Schema = schema(
    Role::Item,
    &[
        (1, "time_unix_nano", Fixed64, Once),
        (2, "severity_number", Varint, Once),
        (3, "severity_text", Blob, Once),
        (5, "body", Message(&ANY_VALUE), Once),
        (6, "attributes", Message(&KEY_VALUE), Repeated),
        (7, "dropped_attributes_count", Varint, Once),
        (8, "flags", Fixed32, Once),
        (9, "trace_id", TraceId, Once),
        (10, "span_id", SpanId, Once),
        (11, "observed_time_unix_nano", Fixed64, Once),
        (12, "event_name", Blob, Once),
    ],
);

/// `ExportTraceServiceRequest`, `TracesData`.
pub(crate) static TRACES: Schema =
    schema(Role::Plain, &[(1, "resource_spans", Message(&RESOURCE_SPANS), Repeated)]);

static RESOURCE_SPANS: Schema = schema(
    Role::Plain,
    &[
        (1, "resource", Message(&RESOURCE), Once),
        (2, "scope_spans", Message(&SCOPE_SPANS), Repeated),
        (3, "schema_url", Blob, Once),
    ],
);

static SCOPE_SPANS: Schema = schema(
    Role::Plain,
    &[
        (1, "scope", Message(&SCOPE), Once),
        (2, "spans", Message(&SPAN), Repeated),
        (3, "schema_url", Blob, Once),
    ],
);

static SPAN: Schema = schema(
    Role::Item,
    &[
        (1, "trace_id", TraceId, Once),
        (2, "span_id", SpanId, Once),
        (3, "trace_state", Blob, Once),
        (4, "parent_span_id", SpanId, Once),
        (5, "name", Blob, Once),
        (6, "kind", Varint, Once),
        (7, "start_time_unix_nano", Fixed64, Once),
        (8, "end_time_unix_nano", Fixed64, Once),
        (9, "attributes", Message(&KEY_VALUE), Repeated),
        (10, "dropped_attributes_count", Varint, Once),
        (11, "events", Message(&EVENT), Repeated),
        (12, "dropped_events_count", Varint, Once),
        (13, "links", Message(&LINK), Repeated),
        (14, "dropped_links_count", Varint, Once),
        (15, "status", Message(&STATUS), Once),
        (16, "flags", Fixed32, Once),
    ],
);

static EVENT: Schema = schema(
    Role::Plain,
    &[
        (1, "time_unix_nano", Fixed64, Once),
        (2, "name", Blob, Once),
        (3, "attributes", Message(&KEY_VALUE), Repeated),
        (4, "dropped_attributes_count", Varint, Once),
    ],
);

static LINK: Schema = schema(
    Role::Plain,
    &[
        (1, "trace_id", TraceId, Once),
        (2, "span_id", SpanId, Once),
        (3, "trace_state", Blob, Once),
        (4, "attributes", Message(&KEY_VALUE), Repeated),
        (5, "dropped_attributes_count", Varint, Once),
        (6, "flags", Fixed32, Once),
    ],
);

static STATUS: Schema =
    schema(Role::Plain, &[(2, "message", Blob, Once), (3, "code", Varint, Once)]);

/// `ExportMetricsServiceRequest`, `MetricsData`.
pub(crate) static METRICS: Schema =
    schema(Role::Plain, &[(1, "resource_metrics", Message(&RESOURCE_METRICS), Repeated)]);

static RESOURCE_METRICS: Schema = schema(
    Role::Plain,
    &[
        (1, "resource", Message(&RESOURCE), Once),
        (2, "scope_metrics", Message(&SCOPE_METRICS), Repeated),
        (3, "schema_url", Blob, Once),
    ],
);

static SCOPE_METRICS: Schema = schema(
    Role::Plain,
    &[
        (1, "scope", Message(&SCOPE), Once),
        (2, "metrics", Message(&METRIC), Repeated),
        (3, "schema_url", Blob, Once),
    ],
);

static METRIC: Schema = schema(
    Role::Plain,
    &[
        (1, "name", Blob, Once),
        (2, "description", Blob, Once),
        (3, "unit", Blob, Once),
        (5, "gauge", Message(&GAUGE), OneOf),
        (7, "sum", Message(&SUM), OneOf),
        (9, "histogram", Message(&HISTOGRAM), OneOf),
        (10, "exponential_histogram", Message(&EXPONENTIAL_HISTOGRAM), OneOf),
        (11, "summary", Message(&SUMMARY), OneOf),
        (12, "metadata", Message(&KEY_VALUE), Repeated),
    ],
);

static GAUGE: Schema = schema(Role::Plain, &[(1, "data_points", Message(&NUMBER_POINT), Repeated)]);

static SUM: Schema = schema(
    Role::Plain,
    &[
        (1, "data_points", Message(&NUMBER_POINT), Repeated),
        (2, "aggregation_temporality", Varint, Once),
        (3, "is_monotonic", Varint, Once),
    ],
);

static HISTOGRAM: Schema = schema(
    Role::Plain,
    &[
        (1, "data_points", Message(&HISTOGRAM_POINT), Repeated),
        (2, "aggregation_temporality", Varint, Once),
    ],
);

static EXPONENTIAL_HISTOGRAM: Schema = schema(
    Role::Plain,
    &[
        (1, "data_points", Message(&EXPONENTIAL_POINT), Repeated),
        (2, "aggregation_temporality", Varint, Once),
    ],
);

static SUMMARY: Schema =
    schema(Role::Plain, &[(1, "data_points", Message(&SUMMARY_POINT), Repeated)]);

static NUMBER_POINT: Schema = schema(
    Role::Item,
    &[
        (2, "start_time_unix_nano", Fixed64, Once),
        (3, "time_unix_nano", Fixed64, Once),
        (4, "as_double", Fixed64, OneOf),
        (5, "exemplars", Message(&EXEMPLAR), Repeated),
        (6, "as_int", Fixed64, OneOf),
        (7, "attributes", Message(&KEY_VALUE), Repeated),
        (8, "flags", Varint, Once),
    ],
);

static HISTOGRAM_POINT: Schema = schema(
    Role::Item,
    &[
        (2, "start_time_unix_nano", Fixed64, Once),
        (3, "time_unix_nano", Fixed64, Once),
        (4, "count", Fixed64, Once),
        (5, "sum", Fixed64, Once),
        (6, "bucket_counts", Fixed64s, Repeated),
        (7, "explicit_bounds", Fixed64s, Repeated),
        (8, "exemplars", Message(&EXEMPLAR), Repeated),
        (9, "attributes", Message(&KEY_VALUE), Repeated),
        (10, "flags", Varint, Once),
        (11, "min", Fixed64, Once),
        (12, "max", Fixed64, Once),
    ],
);

static EXPONENTIAL_POINT: Schema = schema(
    Role::Item,
    &[
        (1, "attributes", Message(&KEY_VALUE), Repeated),
        (2, "start_time_unix_nano", Fixed64, Once),
        (3, "time_unix_nano", Fixed64, Once),
        (4, "count", Fixed64, Once),
        (5, "sum", Fixed64, Once),
        (6, "scale", Varint, Once),
        (7, "zero_count", Fixed64, Once),
        (8, "positive", Message(&BUCKETS), Once),
        (9, "negative", Message(&BUCKETS), Once),
        (10, "flags", Varint, Once),
        (11, "exemplars", Message(&EXEMPLAR), Repeated),
        (12, "min", Fixed64, Once),
        (13, "max", Fixed64, Once),
        (14, "zero_threshold", Fixed64, Once),
    ],
);

static BUCKETS: Schema =
    schema(Role::Plain, &[(1, "offset", Varint, Once), (2, "bucket_counts", Varints, Repeated)]);

static SUMMARY_POINT: Schema = schema(
    Role::Item,
    &[
        (2, "start_time_unix_nano", Fixed64, Once),
        (3, "time_unix_nano", Fixed64, Once),
        (4, "count", Fixed64, Once),
        (5, "sum", Fixed64, Once),
        (6, "quantile_values", Message(&QUANTILE), Repeated),
        (7, "attributes", Message(&KEY_VALUE), Repeated),
        (8, "flags", Varint, Once),
    ],
);

static QUANTILE: Schema =
    schema(Role::Plain, &[(1, "quantile", Fixed64, Once), (2, "value", Fixed64, Once)]);

static EXEMPLAR: Schema = schema(
    Role::Plain,
    &[
        (2, "time_unix_nano", Fixed64, Once),
        (3, "as_double", Fixed64, OneOf),
        (4, "span_id", SpanId, Once),
        (5, "trace_id", TraceId, Once),
        (6, "as_int", Fixed64, OneOf),
        (7, "filtered_attributes", Message(&KEY_VALUE), Repeated),
    ],
);
