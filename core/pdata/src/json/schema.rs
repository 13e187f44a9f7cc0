//! The OTLP messages as data: number, names and type of every field. The order of the fields is the
//! order of the .proto files (opentelemetry-proto 1.10), in which the Collector writes JSON.

use crate::Signal;

/// A message.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) fields: &'static [Field],
    pub(crate) role: Role,
    /// Bytes that its length usually takes.
    pub(crate) width: usize,
}

/// What is special about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A value of the open type: counts as a level of depth.
    AnyValue,
    /// An attribute.
    KeyValue,
    Other,
}

/// A field of a message.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    /// Lower camel case, as written.
    pub(crate) name: &'static str,
    /// Snake case, read too.
    pub(crate) snake: &'static str,
    pub(crate) kind: Kind,
    pub(crate) label: Label,
}

/// How often a field stands in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    /// Once; not written when it holds the default.
    Plain,
    /// Once; written even if it is absent (messages only).
    Always,
    /// Once; presence counts.
    Optional,
    /// One of several: the last one wins.
    Oneof,
    /// Any number of times; scalars are packed.
    Repeated,
}

/// The type of a field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Str,
    Bytes,
    /// Bytes of exactly this length, in hexadecimal.
    Id(usize),
    Bool,
    Double,
    Fixed64,
    Sfixed64,
    Uint64,
    Int64,
    Fixed32,
    Uint32,
    Int32,
    Sint32,
    Enum(&'static [(&'static str, i32)]),
    Message(&'static Message),
}

/// The request of a signal.
pub(crate) fn of(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &TRACES,
        Signal::Metrics => &METRICS,
        Signal::Logs => &LOGS,
    }
}

const fn field(number: u32, names: [&'static str; 2], kind: Kind, label: Label) -> Field {
    Field { number, name: names[0], snake: names[1], kind, label }
}

/// A message that is usually shorter than 128 bytes.
const fn message(fields: &'static [Field]) -> Message {
    Message { fields, role: Role::Other, width: 1 }
}

/// A record, span or point: usually 128 bytes to 16 KiB.
const fn item(fields: &'static [Field]) -> Message {
    Message { fields, role: Role::Other, width: 2 }
}

/// A resource or scope with what belongs to it: usually more than 16 KiB when it matters.
const fn group(fields: &'static [Field]) -> Message {
    Message { fields, role: Role::Other, width: 3 }
}

const fn attributes(number: u32) -> Field {
    field(number, ["attributes", "attributes"], Kind::Message(&KEY_VALUE), Label::Repeated)
}

const fn dropped_attributes(number: u32) -> Field {
    let names = ["droppedAttributesCount", "dropped_attributes_count"];
    field(number, names, Kind::Uint32, Label::Plain)
}

const fn text(number: u32, name: &'static str) -> Field {
    field(number, [name, name], Kind::Str, Label::Plain)
}

const SCHEMA_URL: Field = field(3, ["schemaUrl", "schema_url"], Kind::Str, Label::Plain);
const RESOURCE_FIELD: Field =
    field(1, ["resource", "resource"], Kind::Message(&RESOURCE), Label::Always);
const SCOPE_FIELD: Field = field(1, ["scope", "scope"], Kind::Message(&SCOPE), Label::Always);

const fn trace_id(number: u32) -> Field {
    field(number, ["traceId", "trace_id"], Kind::Id(16), Label::Plain)
}

const fn span_id(number: u32) -> Field {
    field(number, ["spanId", "span_id"], Kind::Id(8), Label::Plain)
}

const fn trace_state(number: u32) -> Field {
    field(number, ["traceState", "trace_state"], Kind::Str, Label::Plain)
}

const fn time(number: u32) -> Field {
    field(number, ["timeUnixNano", "time_unix_nano"], Kind::Fixed64, Label::Plain)
}

const fn start_time(number: u32) -> Field {
    field(number, ["startTimeUnixNano", "start_time_unix_nano"], Kind::Fixed64, Label::Plain)
}

const fn count(number: u32) -> Field {
    field(number, ["count", "count"], Kind::Fixed64, Label::Plain)
}

const fn flags(number: u32, kind: Kind) -> Field {
    field(number, ["flags", "flags"], kind, Label::Plain)
}

const fn optional_double(number: u32, name: &'static str) -> Field {
    field(number, [name, name], Kind::Double, Label::Optional)
}

const fn as_double(number: u32) -> Field {
    field(number, ["asDouble", "as_double"], Kind::Double, Label::Oneof)
}

const fn as_int(number: u32) -> Field {
    field(number, ["asInt", "as_int"], Kind::Sfixed64, Label::Oneof)
}

const fn exemplars(number: u32) -> Field {
    field(number, ["exemplars", "exemplars"], Kind::Message(&EXEMPLAR), Label::Repeated)
}

const fn points(of: &'static Message) -> Field {
    field(1, ["dataPoints", "data_points"], Kind::Message(of), Label::Repeated)
}

const TEMPORALITY: Field = field(
    2,
    ["aggregationTemporality", "aggregation_temporality"],
    Kind::Enum(TEMPORALITIES),
    Label::Plain,
);

/// `ExportTraceServiceRequest`, `TracesData`.
pub(crate) static TRACES: Message = message(&[field(
    1,
    ["resourceSpans", "resource_spans"],
    Kind::Message(&RESOURCE_SPANS),
    Label::Repeated,
)]);

/// `ExportMetricsServiceRequest`, `MetricsData`.
pub(crate) static METRICS: Message = message(&[field(
    1,
    ["resourceMetrics", "resource_metrics"],
    Kind::Message(&RESOURCE_METRICS),
    Label::Repeated,
)]);

/// `ExportLogsServiceRequest`, `LogsData`.
pub(crate) static LOGS: Message = message(&[field(
    1,
    ["resourceLogs", "resource_logs"],
    Kind::Message(&RESOURCE_LOGS),
    Label::Repeated,
)]);

static RESOURCE_SPANS: Message = group(&[
    RESOURCE_FIELD,
    field(2, ["scopeSpans", "scope_spans"], Kind::Message(&SCOPE_SPANS), Label::Repeated),
    SCHEMA_URL,
]);

static RESOURCE_METRICS: Message = group(&[
    RESOURCE_FIELD,
    field(2, ["scopeMetrics", "scope_metrics"], Kind::Message(&SCOPE_METRICS), Label::Repeated),
    SCHEMA_URL,
]);

static RESOURCE_LOGS: Message = group(&[
    RESOURCE_FIELD,
    field(2, ["scopeLogs", "scope_logs"], Kind::Message(&SCOPE_LOGS), Label::Repeated),
    SCHEMA_URL,
]);

static SCOPE_SPANS: Message = group(&[
    SCOPE_FIELD,
    field(2, ["spans", "spans"], Kind::Message(&SPAN), Label::Repeated),
    SCHEMA_URL,
]);

static SCOPE_METRICS: Message = group(&[
    SCOPE_FIELD,
    field(2, ["metrics", "metrics"], Kind::Message(&METRIC), Label::Repeated),
    SCHEMA_URL,
]);

static SCOPE_LOGS: Message = group(&[
    SCOPE_FIELD,
    field(2, ["logRecords", "log_records"], Kind::Message(&LOG_RECORD), Label::Repeated),
    SCHEMA_URL,
]);

static RESOURCE: Message = item(&[
    attributes(1),
    dropped_attributes(2),
    field(3, ["entityRefs", "entity_refs"], Kind::Message(&ENTITY_REF), Label::Repeated),
]);

static ENTITY_REF: Message = message(&[
    field(1, ["schemaUrl", "schema_url"], Kind::Str, Label::Plain),
    text(2, "type"),
    field(3, ["idKeys", "id_keys"], Kind::Str, Label::Repeated),
    field(4, ["descriptionKeys", "description_keys"], Kind::Str, Label::Repeated),
]);

static SCOPE: Message =
    message(&[text(1, "name"), text(2, "version"), attributes(3), dropped_attributes(4)]);

static KEY_VALUE: Message = Message {
    role: Role::KeyValue,
    width: 1,
    fields: &[
        text(1, "key"),
        field(2, ["value", "value"], Kind::Message(&ANY_VALUE), Label::Always),
        field(3, ["keyStrindex", "key_strindex"], Kind::Int32, Label::Plain),
    ],
};

static ANY_VALUE: Message = Message {
    role: Role::AnyValue,
    width: 1,
    fields: &[
        field(1, ["stringValue", "string_value"], Kind::Str, Label::Oneof),
        field(2, ["boolValue", "bool_value"], Kind::Bool, Label::Oneof),
        field(3, ["intValue", "int_value"], Kind::Int64, Label::Oneof),
        field(4, ["doubleValue", "double_value"], Kind::Double, Label::Oneof),
        field(5, ["arrayValue", "array_value"], Kind::Message(&ARRAY_VALUE), Label::Oneof),
        field(6, ["kvlistValue", "kvlist_value"], Kind::Message(&KEY_VALUE_LIST), Label::Oneof),
        field(7, ["bytesValue", "bytes_value"], Kind::Bytes, Label::Oneof),
        field(8, ["stringValueStrindex", "string_value_strindex"], Kind::Int32, Label::Oneof),
    ],
};

static ARRAY_VALUE: Message =
    message(&[field(1, ["values", "values"], Kind::Message(&ANY_VALUE), Label::Repeated)]);

static KEY_VALUE_LIST: Message =
    message(&[field(1, ["values", "values"], Kind::Message(&KEY_VALUE), Label::Repeated)]);

static LOG_RECORD: Message = item(&[
    time(1),
    field(11, ["observedTimeUnixNano", "observed_time_unix_nano"], Kind::Fixed64, Label::Plain),
    field(2, ["severityNumber", "severity_number"], Kind::Enum(SEVERITIES), Label::Plain),
    field(3, ["severityText", "severity_text"], Kind::Str, Label::Plain),
    field(5, ["body", "body"], Kind::Message(&ANY_VALUE), Label::Always),
    attributes(6),
    dropped_attributes(7),
    flags(8, Kind::Fixed32),
    trace_id(9),
    span_id(10),
    field(12, ["eventName", "event_name"], Kind::Str, Label::Plain),
]);

static SPAN: Message = item(&[
    trace_id(1),
    span_id(2),
    trace_state(3),
    field(4, ["parentSpanId", "parent_span_id"], Kind::Id(8), Label::Plain),
    flags(16, Kind::Fixed32),
    text(5, "name"),
    field(6, ["kind", "kind"], Kind::Enum(SPAN_KINDS), Label::Plain),
    start_time(7),
    field(8, ["endTimeUnixNano", "end_time_unix_nano"], Kind::Fixed64, Label::Plain),
    attributes(9),
    dropped_attributes(10),
    field(11, ["events", "events"], Kind::Message(&EVENT), Label::Repeated),
    field(12, ["droppedEventsCount", "dropped_events_count"], Kind::Uint32, Label::Plain),
    field(13, ["links", "links"], Kind::Message(&LINK), Label::Repeated),
    field(14, ["droppedLinksCount", "dropped_links_count"], Kind::Uint32, Label::Plain),
    field(15, ["status", "status"], Kind::Message(&STATUS), Label::Always),
]);

static EVENT: Message = message(&[time(1), text(2, "name"), attributes(3), dropped_attributes(4)]);

static LINK: Message = message(&[
    trace_id(1),
    span_id(2),
    trace_state(3),
    attributes(4),
    dropped_attributes(5),
    flags(6, Kind::Fixed32),
]);

static STATUS: Message = message(&[
    text(2, "message"),
    field(3, ["code", "code"], Kind::Enum(STATUS_CODES), Label::Plain),
]);

static METRIC: Message = item(&[
    text(1, "name"),
    text(2, "description"),
    text(3, "unit"),
    field(5, ["gauge", "gauge"], Kind::Message(&GAUGE), Label::Oneof),
    field(7, ["sum", "sum"], Kind::Message(&SUM), Label::Oneof),
    field(9, ["histogram", "histogram"], Kind::Message(&HISTOGRAM), Label::Oneof),
    field(
        10,
        ["exponentialHistogram", "exponential_histogram"],
        Kind::Message(&EXPONENTIAL_HISTOGRAM),
        Label::Oneof,
    ),
    field(11, ["summary", "summary"], Kind::Message(&SUMMARY), Label::Oneof),
    field(12, ["metadata", "metadata"], Kind::Message(&KEY_VALUE), Label::Repeated),
]);

static GAUGE: Message = item(&[points(&NUMBER_POINT)]);

static SUM: Message = item(&[
    points(&NUMBER_POINT),
    TEMPORALITY,
    field(3, ["isMonotonic", "is_monotonic"], Kind::Bool, Label::Plain),
]);

static HISTOGRAM: Message = item(&[points(&HISTOGRAM_POINT), TEMPORALITY]);

static EXPONENTIAL_HISTOGRAM: Message = item(&[points(&EXPONENTIAL_POINT), TEMPORALITY]);

static SUMMARY: Message = item(&[points(&SUMMARY_POINT)]);

static NUMBER_POINT: Message = message(&[
    attributes(7),
    start_time(2),
    time(3),
    as_double(4),
    as_int(6),
    exemplars(5),
    flags(8, Kind::Uint32),
]);

static HISTOGRAM_POINT: Message = item(&[
    attributes(9),
    start_time(2),
    time(3),
    count(4),
    optional_double(5, "sum"),
    field(6, ["bucketCounts", "bucket_counts"], Kind::Fixed64, Label::Repeated),
    field(7, ["explicitBounds", "explicit_bounds"], Kind::Double, Label::Repeated),
    exemplars(8),
    flags(10, Kind::Uint32),
    optional_double(11, "min"),
    optional_double(12, "max"),
]);

static EXPONENTIAL_POINT: Message = item(&[
    attributes(1),
    start_time(2),
    time(3),
    count(4),
    optional_double(5, "sum"),
    field(6, ["scale", "scale"], Kind::Sint32, Label::Plain),
    field(7, ["zeroCount", "zero_count"], Kind::Fixed64, Label::Plain),
    field(8, ["positive", "positive"], Kind::Message(&BUCKETS), Label::Always),
    field(9, ["negative", "negative"], Kind::Message(&BUCKETS), Label::Always),
    flags(10, Kind::Uint32),
    exemplars(11),
    optional_double(12, "min"),
    optional_double(13, "max"),
    field(14, ["zeroThreshold", "zero_threshold"], Kind::Double, Label::Plain),
]);

static BUCKETS: Message = message(&[
    field(1, ["offset", "offset"], Kind::Sint32, Label::Plain),
    field(2, ["bucketCounts", "bucket_counts"], Kind::Uint64, Label::Repeated),
]);

static SUMMARY_POINT: Message = message(&[
    attributes(7),
    start_time(2),
    time(3),
    count(4),
    field(5, ["sum", "sum"], Kind::Double, Label::Plain),
    field(6, ["quantileValues", "quantile_values"], Kind::Message(&QUANTILE), Label::Repeated),
    flags(8, Kind::Uint32),
]);

static QUANTILE: Message = message(&[
    field(1, ["quantile", "quantile"], Kind::Double, Label::Plain),
    field(2, ["value", "value"], Kind::Double, Label::Plain),
]);

static EXEMPLAR: Message = message(&[
    field(
        7,
        ["filteredAttributes", "filtered_attributes"],
        Kind::Message(&KEY_VALUE),
        Label::Repeated,
    ),
    time(2),
    as_double(3),
    as_int(6),
    trace_id(5),
    span_id(4),
]);

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
