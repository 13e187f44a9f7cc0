//! Telemetry as rows: one line of JSON for each, written straight from its OTLP bytes.

use std::ops::Range;

use documents::json::{self, Object, each_key, list, members, object, value_text};
use documents::{SPAN_KINDS, STATUS_CODES, named, time_of};
use pdata::{
    AttributesRef, Buckets, Exemplar, Logs, Metric, MetricData, Metrics, NumberValue, PointRef,
    ScopeMetrics, Traces, ValueRef,
};

/// Rows of one table.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) body: Vec<u8>,
    ends: Vec<usize>,
}

impl Rows {
    fn row(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        object(&mut self.body, fill);
        self.body.push(b'\n');
        self.ends.push(self.body.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Where the rows from one to another stand.
    pub(crate) fn range(&self, from: usize, to: usize) -> Range<usize> {
        let end =
            |at: usize| at.checked_sub(1).and_then(|it| self.ends.get(it)).copied().unwrap_or(0);
        end(from)..end(to)
    }
}

/// A number as ClickHouse reads it, which knows infinity and what is no number, in quotes.
fn write_double(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        return json::double(out, value);
    }
    let name = if value.is_nan() {
        "nan"
    } else if value > 0.0 {
        "inf"
    } else {
        "-inf"
    };
    json::text(out, name);
}

fn double(it: &mut Object<'_>, key: &str, value: f64) {
    write_double(it.key(key), value);
}

/// Attributes as a map of texts.
fn write_map(out: &mut Vec<u8>, all: AttributesRef<'_>) {
    object(out, |it| each_key(all, |key, value| value_text(it.key(key), value)));
}

fn service(resource: AttributesRef<'_>, out: &mut Vec<u8>) {
    value_text(out, resource.get("service.name").unwrap_or_default());
}

pub(crate) fn logs(logs: &Logs) -> Rows {
    let mut rows = Rows::default();
    for resource in logs.resources() {
        for group in resource.scopes() {
            let scope = group.scope();
            let around = members(|it| {
                service(resource.attributes(), it.key("ServiceName"));
                it.text("ResourceSchemaUrl", resource.schema_url());
                write_map(it.key("ResourceAttributes"), resource.attributes());
                it.text("ScopeSchemaUrl", group.schema_url());
                it.text("ScopeName", scope.name());
                it.text("ScopeVersion", scope.version());
                write_map(it.key("ScopeAttributes"), scope.attributes());
            });
            for record in group.records() {
                rows.row(|it| {
                    it.time("Timestamp", time_of(record));
                    it.id("TraceId", record.trace_id());
                    it.id("SpanId", record.span_id());
                    it.uint("TraceFlags", u64::from(record.flags() & 0xff));
                    it.text("SeverityText", record.severity_text());
                    it.int("SeverityNumber", record.severity_number().clamp(0, 255).into());
                    it.members(&around);
                    value_text(it.key("Body"), record.body().unwrap_or(ValueRef::Empty));
                    write_map(it.key("LogAttributes"), record.attributes());
                    it.text_if_any("EventName", record.event_name());
                });
            }
        }
    }
    rows
}

pub(crate) fn traces(traces: &Traces) -> Rows {
    let mut rows = Rows::default();
    for resource in traces.resources() {
        for group in resource.scopes() {
            let around = members(|it| {
                service(resource.attributes(), it.key("ServiceName"));
                write_map(it.key("ResourceAttributes"), resource.attributes());
                it.text("ScopeName", group.scope().name());
                it.text("ScopeVersion", group.scope().version());
            });
            for span in group.spans() {
                let (start, end) = (span.start_time_unix_nano(), span.end_time_unix_nano());
                rows.row(|it| {
                    it.time("Timestamp", start);
                    it.id("TraceId", span.trace_id());
                    it.id("SpanId", span.span_id());
                    it.id("ParentSpanId", span.parent_span_id());
                    it.text("TraceState", span.trace_state());
                    it.text("SpanName", span.name());
                    it.text("SpanKind", named(&SPAN_KINDS, span.kind()));
                    it.members(&around);
                    write_map(it.key("SpanAttributes"), span.attributes());
                    it.uint("Duration", end.saturating_sub(start));
                    let status = span.status();
                    it.text("StatusCode", named(&STATUS_CODES, status.code));
                    it.text("StatusMessage", status.message);
                    list(it.key("Events.Timestamp"), span.events(), |out, it| {
                        json::time(out, it.time_unix_nano());
                    });
                    list(it.key("Events.Name"), span.events(), |out, it| {
                        json::text(out, it.name())
                    });
                    list(it.key("Events.Attributes"), span.events(), |out, it| {
                        write_map(out, it.attributes());
                    });
                    list(it.key("Links.TraceId"), span.links(), |out, it| {
                        json::id(out, it.trace_id())
                    });
                    list(it.key("Links.SpanId"), span.links(), |out, it| {
                        json::id(out, it.span_id())
                    });
                    list(it.key("Links.TraceState"), span.links(), |out, it| {
                        json::text(out, it.trace_state());
                    });
                    list(it.key("Links.Attributes"), span.links(), |out, it| {
                        write_map(out, it.attributes());
                    });
                });
            }
        }
    }
    rows
}

/// Rows of the five tables: gauge, sum, summary, histogram, exponential histogram.
pub(crate) fn metrics(metrics: &Metrics) -> [Rows; 5] {
    let mut all: [Rows; 5] = Default::default();
    for resource in metrics.resources() {
        for group in resource.scopes() {
            let around = around(resource.attributes(), resource.schema_url(), group);
            for metric in group.metrics() {
                let at = match metric.data() {
                    MetricData::Gauge(_) => 0,
                    MetricData::Sum(_) => 1,
                    MetricData::Summary(_) => 2,
                    MetricData::Histogram(_) => 3,
                    MetricData::ExponentialHistogram(_) => 4,
                    MetricData::Empty => continue,
                };
                let Some(rows) = all.get_mut(at) else { continue };
                let named = members(|it| {
                    it.members(&around);
                    it.text("MetricName", metric.name());
                    it.text("MetricDescription", metric.description());
                    it.text("MetricUnit", metric.unit());
                });
                for point in metric.points() {
                    rows.row(|it| write_point(it, metric, point, &named));
                }
            }
        }
    }
    all
}

fn around(resource: AttributesRef<'_>, url: &str, group: ScopeMetrics<'_>) -> Vec<u8> {
    let scope = group.scope();
    members(|it| {
        write_map(it.key("ResourceAttributes"), resource);
        it.text("ResourceSchemaUrl", url);
        it.text("ScopeName", scope.name());
        it.text("ScopeVersion", scope.version());
        write_map(it.key("ScopeAttributes"), scope.attributes());
        it.uint("ScopeDroppedAttrCount", scope.dropped_attributes_count().into());
        it.text("ScopeSchemaUrl", group.schema_url());
        service(resource, it.key("ServiceName"));
    })
}

fn write_point(it: &mut Object<'_>, metric: Metric<'_>, point: PointRef<'_>, named: &[u8]) {
    it.members(named);
    write_map(it.key("Attributes"), point.attributes());
    it.time("StartTimeUnix", point.start_time_unix_nano());
    it.time("TimeUnix", point.time_unix_nano());
    it.uint("Flags", point.flags().into());
    let temporality = match metric.data() {
        MetricData::Sum(sum) => {
            json::value(
                it.key("IsMonotonic"),
                ValueRef::Bool(sum.is_monotonic()),
                json::Bytes::Hex,
            );
            Some(sum.aggregation_temporality())
        }
        MetricData::Histogram(histogram) => Some(histogram.aggregation_temporality()),
        MetricData::ExponentialHistogram(histogram) => Some(histogram.aggregation_temporality()),
        _ => None,
    };
    if let Some(temporality) = temporality {
        it.int("AggregationTemporality", temporality.into());
    }
    match point {
        PointRef::Number(point) => {
            double(it, "Value", number(point.value()));
            exemplars(it, || point.exemplars());
        }
        PointRef::Histogram(point) => {
            counted(it, point.count(), point.sum());
            list(it.key("BucketCounts"), point.bucket_counts(), json::uint);
            list(it.key("ExplicitBounds"), point.explicit_bounds(), write_double);
            extremes(it, point.min(), point.max());
            exemplars(it, || point.exemplars());
        }
        PointRef::ExponentialHistogram(point) => {
            counted(it, point.count(), point.sum());
            it.int("Scale", point.scale().into());
            it.uint("ZeroCount", point.zero_count());
            for (side, buckets) in [("Positive", point.positive()), ("Negative", point.negative())]
            {
                it.int(&format!("{side}Offset"), buckets.map_or(0, Buckets::offset).into());
                let counts = buckets.into_iter().flat_map(Buckets::bucket_counts);
                list(it.key(&format!("{side}BucketCounts")), counts, json::uint);
            }
            extremes(it, point.min(), point.max());
            exemplars(it, || point.exemplars());
        }
        PointRef::Summary(point) => {
            counted(it, point.count(), Some(point.sum()));
            list(it.key("ValueAtQuantiles.Quantile"), point.quantiles(), |out, it| {
                write_double(out, it.quantile);
            });
            list(it.key("ValueAtQuantiles.Value"), point.quantiles(), |out, it| {
                write_double(out, it.value);
            });
        }
    }
}

fn number(value: NumberValue) -> f64 {
    match value {
        NumberValue::None => 0.0,
        NumberValue::Int(it) => it as f64,
        NumberValue::Double(it) => it,
    }
}

fn counted(it: &mut Object<'_>, count: u64, sum: Option<f64>) {
    it.uint("Count", count);
    double(it, "Sum", sum.unwrap_or_default());
}

/// Where the point does not say them the columns have 0, as upstream's.
fn extremes(it: &mut Object<'_>, min: Option<f64>, max: Option<f64>) {
    double(it, "Min", min.unwrap_or_default());
    double(it, "Max", max.unwrap_or_default());
}

fn exemplars<'a, I: Iterator<Item = Exemplar<'a>>>(it: &mut Object<'_>, all: impl Fn() -> I) {
    if all().next().is_none() {
        return;
    }
    list(it.key("Exemplars.FilteredAttributes"), all(), |out, it| {
        write_map(out, it.filtered_attributes());
    });
    list(it.key("Exemplars.TimeUnix"), all(), |out, it| json::time(out, it.time_unix_nano()));
    list(it.key("Exemplars.Value"), all(), |out, it| write_double(out, number(it.value())));
    list(it.key("Exemplars.SpanId"), all(), |out, it| json::id(out, it.span_id()));
    list(it.key("Exemplars.TraceId"), all(), |out, it| json::id(out, it.trace_id()));
}
