//! The input document: which path of `input` stands for what in the telemetry. It is a contract with those who write
//! policies, so it is one table; `docs/policy.md` has the same one for people.

use pdata::{Field, Signal};

/// Version of the document, as `input.version`.
pub(crate) const VERSION: i64 = 1;

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Leaf {
    /// A field as it is.
    Plain(Field),
    /// Bytes as hexadecimal digits.
    Hex(Field),
    /// Nanoseconds since 1970.
    Nanos(Field),
    /// Attributes.
    Attributes(Field),
    /// Any value.
    Any(Field),
    /// RFC 3339 of a time.
    Time(Field),
    /// TRACE to FATAL.
    Level,
    /// `service.name` of the resource.
    Service,
    /// The attribute `tags` if it is a map, else all attributes.
    Tags,
    /// The body, parsed.
    Json,
    /// Milliseconds between start and end of a span.
    DurationMs,
    /// Events of a span.
    Events,
    /// Links of a span.
    Links,
    /// `gauge`, `sum` and so on.
    MetricType,
    /// Numbers of buckets.
    Numbers(Field),
    /// Quantiles of a summary.
    Quantiles,
    /// Address of the client.
    ClientAddress,
    /// Metadata of its request.
    ClientMetadata,
    /// What the authenticator knows of it.
    ClientAuth,
    /// Id of the pipeline.
    PipelineId,
    /// Id of the component.
    ComponentId,
    /// Version of the document.
    Version,
}

type Row = (&'static [&'static str], Leaf);

/// What all signals have.
const SHARED: &[Row] = &[
    (&["version"], Leaf::Version),
    (&["resource", "attributes"], Leaf::Attributes(Field::RESOURCE_ATTRIBUTES)),
    (&["resource", "schema_url"], Leaf::Plain(Field::RESOURCE_SCHEMA_URL)),
    (&["scope", "name"], Leaf::Plain(Field::SCOPE_NAME)),
    (&["scope", "version"], Leaf::Plain(Field::SCOPE_VERSION)),
    (&["scope", "schema_url"], Leaf::Plain(Field::SCOPE_SCHEMA_URL)),
    (&["scope", "attributes"], Leaf::Attributes(Field::SCOPE_ATTRIBUTES)),
    (&["client", "address"], Leaf::ClientAddress),
    (&["client", "metadata"], Leaf::ClientMetadata),
    (&["client", "auth"], Leaf::ClientAuth),
    (&["pipeline", "id"], Leaf::PipelineId),
    (&["pipeline", "component"], Leaf::ComponentId),
];

const LOG: &[Row] = &[
    (&["log", "body"], Leaf::Any(Field::LOG_BODY)),
    (&["log", "severity_number"], Leaf::Plain(Field::LOG_SEVERITY_NUMBER)),
    (&["log", "severity_text"], Leaf::Plain(Field::LOG_SEVERITY_TEXT)),
    (&["log", "timestamp"], Leaf::Nanos(Field::LOG_TIME)),
    (&["log", "observed_timestamp"], Leaf::Nanos(Field::LOG_OBSERVED_TIME)),
    (&["log", "trace_id"], Leaf::Hex(Field::LOG_TRACE_ID)),
    (&["log", "span_id"], Leaf::Hex(Field::LOG_SPAN_ID)),
    (&["log", "attributes"], Leaf::Attributes(Field::LOG_ATTRIBUTES)),
    (&["log", "event_name"], Leaf::Plain(Field::LOG_EVENT_NAME)),
    (&["log", "flags"], Leaf::Plain(Field::LOG_FLAGS)),
    (&["log", "time"], Leaf::Time(Field::LOG_TIME)),
    (&["log", "level"], Leaf::Level),
    (&["log", "service"], Leaf::Service),
    (&["log", "tags"], Leaf::Tags),
    (&["log", "json"], Leaf::Json),
];

const SPAN: &[Row] = &[
    (&["span", "name"], Leaf::Plain(Field::SPAN_NAME)),
    (&["span", "kind"], Leaf::Plain(Field::SPAN_KIND)),
    (&["span", "status", "code"], Leaf::Plain(Field::SPAN_STATUS_CODE)),
    (&["span", "status", "message"], Leaf::Plain(Field::SPAN_STATUS_MESSAGE)),
    (&["span", "start_timestamp"], Leaf::Nanos(Field::SPAN_START_TIME)),
    (&["span", "end_timestamp"], Leaf::Nanos(Field::SPAN_END_TIME)),
    (&["span", "duration_ms"], Leaf::DurationMs),
    (&["span", "trace_id"], Leaf::Hex(Field::SPAN_TRACE_ID)),
    (&["span", "span_id"], Leaf::Hex(Field::SPAN_ID)),
    (&["span", "parent_span_id"], Leaf::Hex(Field::SPAN_PARENT_ID)),
    (&["span", "trace_state"], Leaf::Plain(Field::SPAN_TRACE_STATE)),
    (&["span", "flags"], Leaf::Plain(Field::SPAN_FLAGS)),
    (&["span", "attributes"], Leaf::Attributes(Field::SPAN_ATTRIBUTES)),
    (&["span", "events"], Leaf::Events),
    (&["span", "links"], Leaf::Links),
];

const METRIC: &[Row] = &[
    (&["metric", "name"], Leaf::Plain(Field::METRIC_NAME)),
    (&["metric", "unit"], Leaf::Plain(Field::METRIC_UNIT)),
    (&["metric", "description"], Leaf::Plain(Field::METRIC_DESCRIPTION)),
    (&["metric", "type"], Leaf::MetricType),
    (&["metric", "temporality"], Leaf::Plain(Field::METRIC_TEMPORALITY)),
    (&["metric", "monotonic"], Leaf::Plain(Field::METRIC_MONOTONIC)),
    (&["metric", "metadata"], Leaf::Attributes(Field::METRIC_METADATA)),
    (&["metric", "data_point", "attributes"], Leaf::Attributes(Field::POINT_ATTRIBUTES)),
    (&["metric", "data_point", "timestamp"], Leaf::Nanos(Field::POINT_TIME)),
    (&["metric", "data_point", "start_timestamp"], Leaf::Nanos(Field::POINT_START_TIME)),
    (&["metric", "data_point", "flags"], Leaf::Plain(Field::POINT_FLAGS)),
    (&["metric", "data_point", "value"], Leaf::Plain(Field::POINT_VALUE)),
    (&["metric", "data_point", "count"], Leaf::Nanos(Field::POINT_COUNT)),
    (&["metric", "data_point", "sum"], Leaf::Plain(Field::POINT_SUM)),
    (&["metric", "data_point", "min"], Leaf::Plain(Field::POINT_MIN)),
    (&["metric", "data_point", "max"], Leaf::Plain(Field::POINT_MAX)),
    (&["metric", "data_point", "bucket_counts"], Leaf::Numbers(Field::POINT_BUCKET_COUNTS)),
    (&["metric", "data_point", "explicit_bounds"], Leaf::Numbers(Field::POINT_EXPLICIT_BOUNDS)),
    (&["metric", "data_point", "scale"], Leaf::Plain(Field::POINT_SCALE)),
    (&["metric", "data_point", "zero_count"], Leaf::Nanos(Field::POINT_ZERO_COUNT)),
    (&["metric", "data_point", "quantiles"], Leaf::Quantiles),
];

/// All paths of a signal.
pub(crate) fn rows(signal: Signal) -> impl Iterator<Item = Row> {
    let own = match signal {
        Signal::Logs => LOG,
        Signal::Traces => SPAN,
        Signal::Metrics => METRIC,
    };
    SHARED.iter().chain(own).copied()
}
