//! The tables (`internal/sqltemplates`, v0.149): their columns are what dashboards read.

use component::Signal;
use component::config::Duration;

use crate::config::Config;

const MAP: &str = "Map(LowCardinality(String), String)";
const KIND: &str = "LowCardinality(String)";
const TIME: &str = "DateTime64(9)";

type Columns = &'static [(&'static str, &'static str)];

const LOGS: Columns = &[
    ("Timestamp", TIME),
    ("TimestampTime", "DateTime DEFAULT toDateTime(Timestamp)"),
    ("TraceId", "String"),
    ("SpanId", "String"),
    ("TraceFlags", "UInt8"),
    ("SeverityText", KIND),
    ("SeverityNumber", "UInt8"),
    ("ServiceName", KIND),
    ("Body", "String"),
    ("ResourceSchemaUrl", KIND),
    ("ResourceAttributes", MAP),
    ("ScopeSchemaUrl", KIND),
    ("ScopeName", "String"),
    ("ScopeVersion", KIND),
    ("ScopeAttributes", MAP),
    ("LogAttributes", MAP),
    ("EventName", "String"),
];
const TRACES: Columns = &[
    ("Timestamp", TIME),
    ("TraceId", "String"),
    ("SpanId", "String"),
    ("ParentSpanId", "String"),
    ("TraceState", "String"),
    ("SpanName", KIND),
    ("SpanKind", KIND),
    ("ServiceName", KIND),
    ("ResourceAttributes", MAP),
    ("ScopeName", "String"),
    ("ScopeVersion", "String"),
    ("SpanAttributes", MAP),
    ("Duration", "UInt64"),
    ("StatusCode", KIND),
    ("StatusMessage", "String"),
    (
        "Events",
        "Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String))",
    ),
    (
        "Links",
        "Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String))",
    ),
];
const POINT: Columns = &[
    ("ResourceAttributes", MAP),
    ("ResourceSchemaUrl", "String"),
    ("ScopeName", "String"),
    ("ScopeVersion", "String"),
    ("ScopeAttributes", MAP),
    ("ScopeDroppedAttrCount", "UInt32"),
    ("ScopeSchemaUrl", "String"),
    ("ServiceName", KIND),
    ("MetricName", "String"),
    ("MetricDescription", "String"),
    ("MetricUnit", "String"),
    ("Attributes", MAP),
    ("StartTimeUnix", TIME),
    ("TimeUnix", TIME),
    ("Flags", "UInt32"),
];
const EXEMPLARS: (&str, &str) = (
    "Exemplars",
    "Nested (FilteredAttributes Map(LowCardinality(String), String), TimeUnix DateTime64(9), Value Float64, SpanId String, \
     TraceId String)",
);
const NUMBER: Columns = &[("Value", "Float64"), EXEMPLARS];
const SUM: Columns = &[
    ("Value", "Float64"),
    EXEMPLARS,
    ("AggregationTemporality", "Int32"),
    ("IsMonotonic", "Boolean"),
];
const SUMMARY: Columns = &[
    ("Count", "UInt64"),
    ("Sum", "Float64"),
    ("ValueAtQuantiles", "Nested (Quantile Float64, Value Float64)"),
];
const HISTOGRAM: Columns = &[
    ("Count", "UInt64"),
    ("Sum", "Float64"),
    ("BucketCounts", "Array(UInt64)"),
    ("ExplicitBounds", "Array(Float64)"),
    EXEMPLARS,
    ("Min", "Float64"),
    ("Max", "Float64"),
    ("AggregationTemporality", "Int32"),
];
const EXPONENTIAL: Columns = &[
    ("Count", "UInt64"),
    ("Sum", "Float64"),
    ("Scale", "Int32"),
    ("ZeroCount", "UInt64"),
    ("PositiveOffset", "Int32"),
    ("PositiveBucketCounts", "Array(UInt64)"),
    ("NegativeOffset", "Int32"),
    ("NegativeBucketCounts", "Array(UInt64)"),
    EXEMPLARS,
    ("Min", "Float64"),
    ("Max", "Float64"),
    ("AggregationTemporality", "Int32"),
];
const ORDER_OF_POINTS: &str =
    "(ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))";

/// One table to be made.
struct Plan<'a> {
    name: &'a str,
    columns: Vec<(&'static str, &'static str)>,
    /// Columns with attributes, which have an index on keys and on values.
    maps: &'a [(&'static str, &'static str)],
    more: &'a [&'static str],
    partition: &'static str,
    order: &'static str,
    /// What `ttl` counts from.
    time: &'static str,
}

/// A name in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Statements that make what is not there.
pub(crate) fn statements(config: &Config, database: &str, signal: Signal) -> Vec<String> {
    let base = quoted(database);
    let cluster = match config.cluster_name.as_str() {
        "" => String::new(),
        name => format!(" ON CLUSTER {}", quoted(name)),
    };
    let mut all = Vec::new();
    if database != crate::dsn::DEFAULT_DATABASE {
        all.push(format!("CREATE DATABASE IF NOT EXISTS {base}{cluster}"));
    }
    let maker = Maker { config, base: &base, cluster: &cluster };
    match signal {
        Signal::Logs => all.push(maker.table(&Plan {
            name: &config.logs_table_name,
            columns: LOGS.to_vec(),
            maps: &[
                ("res", "ResourceAttributes"),
                ("scope", "ScopeAttributes"),
                ("log", "LogAttributes"),
            ],
            more: &[
                "idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1",
                "idx_body Body TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 8",
            ],
            partition: "toDate(TimestampTime)",
            order: "(ServiceName, TimestampTime, Timestamp)",
            time: "TimestampTime",
        })),
        Signal::Traces => {
            all.push(maker.table(&Plan {
                name: &config.traces_table_name,
                columns: TRACES.to_vec(),
                maps: &[("res", "ResourceAttributes"), ("span", "SpanAttributes")],
                more: &[
                    "idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1",
                    "idx_duration Duration TYPE minmax GRANULARITY 1",
                ],
                partition: "toDate(Timestamp)",
                order: "(ServiceName, SpanName, toDateTime(Timestamp))",
                time: "toDateTime(Timestamp)",
            }));
            all.extend(maker.times_of_traces());
        }
        Signal::Metrics => {
            let kinds = [NUMBER, SUM, SUMMARY, HISTOGRAM, EXPONENTIAL];
            for (name, columns) in config.metrics_names().iter().zip(kinds) {
                all.push(maker.table(&Plan {
                    name,
                    columns: POINT.iter().chain(columns).copied().collect(),
                    maps: &[
                        ("res", "ResourceAttributes"),
                        ("scope", "ScopeAttributes"),
                        ("attr", "Attributes"),
                    ],
                    more: &[],
                    partition: "toDate(TimeUnix)",
                    order: ORDER_OF_POINTS,
                    time: "toDateTime(TimeUnix)",
                }));
            }
        }
    }
    all
}

struct Maker<'a> {
    config: &'a Config,
    base: &'a str,
    cluster: &'a str,
}

impl Maker<'_> {
    fn engine(&self) -> String {
        let engine = &self.config.table_engine;
        match engine.name.as_str() {
            "" => "MergeTree()".to_owned(),
            name => format!("{name}({})", engine.params),
        }
    }

    fn table(&self, plan: &Plan<'_>) -> String {
        let mut parts: Vec<String> = plan
            .columns
            .iter()
            .map(|(name, kind)| format!("{name} {kind}{}", codec(kind)))
            .collect();
        for (short, map) in plan.maps {
            let key =
                if *short == "attr" { "idx_attr".to_owned() } else { format!("idx_{short}_attr") };
            parts.push(format!(
                "INDEX {key}_key mapKeys({map}) TYPE bloom_filter(0.01) GRANULARITY 1"
            ));
            parts.push(format!(
                "INDEX {key}_value mapValues({map}) TYPE bloom_filter(0.01) GRANULARITY 1"
            ));
        }
        parts.extend(plan.more.iter().map(|it| format!("INDEX {it}")));
        format!(
            "CREATE TABLE IF NOT EXISTS {}.{}{} (\n  {}\n) ENGINE = {}\nPARTITION BY {}\nORDER BY {}\n{}\
             SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1",
            self.base,
            quoted(plan.name),
            self.cluster,
            parts.join(",\n  "),
            self.engine(),
            plan.partition,
            plan.order,
            ttl(self.config.ttl, plan.time),
        )
    }

    /// When each trace was: a table that is small, and a view that fills it.
    fn times_of_traces(&self) -> [String; 2] {
        let name = &self.config.traces_table_name;
        let (spans, times) = (quoted(name), quoted(&format!("{name}_trace_id_ts")));
        let view = quoted(&format!("{name}_trace_id_ts_mv"));
        let (base, cluster) = (self.base, self.cluster);
        [
            format!(
                "CREATE TABLE IF NOT EXISTS {base}.{times}{cluster} (\n  TraceId String CODEC(ZSTD(1)),\n  \
                 Start DateTime CODEC(Delta, ZSTD(1)),\n  End DateTime CODEC(Delta, ZSTD(1)),\n  \
                 INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1\n) ENGINE = {}\n\
                 PARTITION BY toDate(Start)\nORDER BY (TraceId, Start)\n{}\
                 SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1",
                self.engine(),
                ttl(self.config.ttl, "toDateTime(Start)"),
            ),
            format!(
                "CREATE MATERIALIZED VIEW IF NOT EXISTS {base}.{view}{cluster} TO {base}.{times} AS\n\
                 SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End FROM {base}.{spans}\n\
                 WHERE TraceId != '' GROUP BY TraceId"
            ),
        ]
    }
}

/// How a column is compressed: times by their differences.
fn codec(kind: &str) -> &'static str {
    match kind {
        TIME => " CODEC(Delta(8), ZSTD(1))",
        "UInt8" | "Boolean" => "",
        kind if kind.contains("DEFAULT") => "",
        _ => " CODEC(ZSTD(1))",
    }
}

fn ttl(age: Duration, time: &str) -> String {
    let seconds = age.std().as_secs();
    if seconds == 0 {
        return String::new();
    }
    let units = [("Day", 86_400), ("Hour", 3_600), ("Minute", 60), ("Second", 1)];
    let unit = units.iter().find(|it| seconds.is_multiple_of(it.1)).unwrap_or(&("Second", 1));
    format!("TTL {time} + toInterval{}({})\n", unit.0, seconds / unit.1)
}
