//! Everything. `exporter/debugexporter/internal/otlptext`, v0.149 to v0.159.

use pdata::{
    AttributesRef, Exemplar, ExponentialHistogramPoint, HistogramPoint, LogRecord, Logs, Metric,
    MetricData, Metrics, NumberPoint, NumberValue, ScopeRef, Span, SummaryPoint, Traces,
};

use crate::text::{fixed, id, put, time, typed_value};

/// Spans.
pub(crate) fn traces(traces: &Traces) -> String {
    let mut out = String::new();
    for (at, resource) in traces.resources().enumerate() {
        resource_head(&mut out, "ResourceSpans", at, resource.schema_url(), resource.attributes());
        for (at, scopes) in resource.scopes().enumerate() {
            scope_head(&mut out, "ScopeSpans", at, scopes.schema_url(), scopes.scope());
            for (at, it) in scopes.spans().enumerate() {
                put(&mut out, format_args!("Span #{at}\n"));
                span(&mut out, it);
            }
        }
    }
    out
}

/// Log records.
pub(crate) fn logs(logs: &Logs) -> String {
    let mut out = String::new();
    for (at, resource) in logs.resources().enumerate() {
        resource_head(&mut out, "ResourceLog", at, resource.schema_url(), resource.attributes());
        for (at, scopes) in resource.scopes().enumerate() {
            scope_head(&mut out, "ScopeLogs", at, scopes.schema_url(), scopes.scope());
            for (at, it) in scopes.records().enumerate() {
                put(&mut out, format_args!("LogRecord #{at}\n"));
                record(&mut out, it);
            }
        }
    }
    out
}

/// Data points.
pub(crate) fn metrics(metrics: &Metrics) -> String {
    let mut out = String::new();
    for (at, resource) in metrics.resources().enumerate() {
        resource_head(
            &mut out,
            "ResourceMetrics",
            at,
            resource.schema_url(),
            resource.attributes(),
        );
        for (at, scopes) in resource.scopes().enumerate() {
            scope_head(&mut out, "ScopeMetrics", at, scopes.schema_url(), scopes.scope());
            for (at, it) in scopes.metrics().enumerate() {
                put(&mut out, format_args!("Metric #{at}\n"));
                metric(&mut out, it);
            }
        }
    }
    out
}

fn resource_head(
    out: &mut String,
    what: &str,
    at: usize,
    url: &str,
    attributes: AttributesRef<'_>,
) {
    put(out, format_args!("{what} #{at}\nResource SchemaURL: {url}\n"));
    list(out, "Resource attributes", attributes);
}

fn scope_head(out: &mut String, what: &str, at: usize, url: &str, scope: ScopeRef<'_>) {
    put(out, format_args!("{what} #{at}\n{what} SchemaURL: {url}\n"));
    put(out, format_args!("InstrumentationScope {} {}\n", scope.name(), scope.version()));
    list(out, "InstrumentationScope attributes", scope.attributes());
}

/// A list with a heading; nothing when it is empty.
fn list(out: &mut String, heading: &str, attributes: AttributesRef<'_>) {
    if attributes.is_empty() {
        return;
    }
    put(out, format_args!("{heading}:\n"));
    let indent = heading.find("->").map_or("", |at| &heading[..at]);
    for (key, it) in attributes.iter() {
        put(out, format_args!("{indent}     -> {key}: "));
        typed_value(out, it);
        out.push('\n');
    }
}

/// `label`, then what `write` adds.
fn line(out: &mut String, label: &str, write: impl FnOnce(&mut String)) {
    out.push_str(label);
    write(out);
    out.push('\n');
}

fn span(out: &mut String, span: Span<'_>) {
    line(out, "    Trace ID       : ", |out| id(out, span.trace_id()));
    line(out, "    Parent ID      : ", |out| id(out, span.parent_span_id()));
    line(out, "    ID             : ", |out| id(out, span.span_id()));
    line(out, "    Name           : ", |out| out.push_str(span.name()));
    line(out, "    Kind           : ", |out| out.push_str(kind(span.kind())));
    if !span.trace_state().is_empty() {
        line(out, "    TraceState     : ", |out| out.push_str(span.trace_state()));
    }
    line(out, "    Start time     : ", |out| time(out, span.start_time_unix_nano()));
    line(out, "    End time       : ", |out| time(out, span.end_time_unix_nano()));
    let status = span.status();
    let code = match status.code {
        0 => "Unset",
        1 => "Ok",
        2 => "Error",
        _ => "",
    };
    line(out, "    Status code    : ", |out| out.push_str(code));
    line(out, "    Status message : ", |out| out.push_str(status.message));
    line(out, "    DroppedAttributesCount: ", |out| put(out, span.dropped_attributes_count()));
    line(out, "    DroppedEventsCount: ", |out| put(out, span.dropped_events_count()));
    line(out, "    DroppedLinksCount: ", |out| put(out, span.dropped_links_count()));
    list(out, "Attributes", span.attributes());
    for (at, event) in span.events().enumerate() {
        if at == 0 {
            out.push_str("Events:\n");
        }
        put(out, format_args!("SpanEvent #{at}\n     -> Name: {}\n", event.name()));
        line(out, "     -> Timestamp: ", |out| time(out, event.time_unix_nano()));
        let dropped = event.dropped_attributes_count();
        put(out, format_args!("     -> DroppedAttributesCount: {dropped}\n"));
        list(out, "     -> Attributes:", event.attributes());
    }
    for (at, link) in span.links().enumerate() {
        if at == 0 {
            out.push_str("Links:\n");
        }
        put(out, format_args!("SpanLink #{at}\n"));
        line(out, "     -> Trace ID: ", |out| id(out, link.trace_id()));
        line(out, "     -> ID: ", |out| id(out, link.span_id()));
        line(out, "     -> TraceState: ", |out| out.push_str(link.trace_state()));
        let dropped = link.dropped_attributes_count();
        put(out, format_args!("     -> DroppedAttributesCount: {dropped}\n"));
        list(out, "     -> Attributes:", link.attributes());
    }
}

fn kind(kind: i32) -> &'static str {
    match kind {
        0 => "Unspecified",
        1 => "Internal",
        2 => "Server",
        3 => "Client",
        4 => "Producer",
        5 => "Consumer",
        _ => "",
    }
}

fn record(out: &mut String, record: LogRecord<'_>) {
    line(out, "ObservedTimestamp: ", |out| time(out, record.observed_time_unix_nano()));
    line(out, "Timestamp: ", |out| time(out, record.time_unix_nano()));
    line(out, "SeverityText: ", |out| out.push_str(record.severity_text()));
    let severity = record.severity_number();
    line(out, "SeverityNumber: ", |out| {
        severity_name(out, severity);
        put(out, format_args!("({severity})"));
    });
    if !record.event_name().is_empty() {
        line(out, "EventName: ", |out| out.push_str(record.event_name()));
    }
    line(out, "Body: ", |out| typed_value(out, record.body().unwrap_or_default()));
    list(out, "Attributes", record.attributes());
    line(out, "Trace ID: ", |out| id(out, record.trace_id()));
    line(out, "Span ID: ", |out| id(out, record.span_id()));
    line(out, "Flags: ", |out| put(out, record.flags()));
}

fn severity_name(out: &mut String, number: i32) {
    const NAMES: [&str; 6] = ["Trace", "Debug", "Info", "Warn", "Error", "Fatal"];
    match usize::try_from(number) {
        Ok(0) => out.push_str("Unspecified"),
        Ok(it @ 1..=24) => {
            out.push_str(NAMES[(it - 1) / 4]);
            if (it - 1) % 4 > 0 {
                put(out, (it - 1) % 4 + 1);
            }
        }
        _ => {}
    }
}

fn metric(out: &mut String, metric: Metric<'_>) {
    out.push_str("Descriptor:\n");
    put(out, format_args!("     -> Name: {}\n", metric.name()));
    put(out, format_args!("     -> Description: {}\n", metric.description()));
    put(out, format_args!("     -> Unit: {}\n", metric.unit()));
    let data = metric.data();
    let kind = match data {
        MetricData::Empty => "Empty",
        MetricData::Gauge(_) => "Gauge",
        MetricData::Sum(_) => "Sum",
        MetricData::Histogram(_) => "Histogram",
        MetricData::ExponentialHistogram(_) => "ExponentialHistogram",
        MetricData::Summary(_) => "Summary",
    };
    put(out, format_args!("     -> DataType: {kind}\n"));
    list(out, "     -> Metadata", metric.metadata());
    match data {
        MetricData::Empty => {}
        MetricData::Gauge(it) => numbers(out, it.points()),
        MetricData::Sum(it) => {
            put(out, format_args!("     -> IsMonotonic: {}\n", it.is_monotonic()));
            temporality(out, it.aggregation_temporality());
            numbers(out, it.points());
        }
        MetricData::Histogram(it) => {
            temporality(out, it.aggregation_temporality());
            it.points().enumerate().for_each(|(at, point)| histogram(out, at, point));
        }
        MetricData::ExponentialHistogram(it) => {
            temporality(out, it.aggregation_temporality());
            it.points().enumerate().for_each(|(at, point)| exponential(out, at, point));
        }
        MetricData::Summary(it) => {
            it.points().enumerate().for_each(|(at, point)| summary(out, at, point));
        }
    }
}

fn temporality(out: &mut String, temporality: i32) {
    let name = match temporality {
        0 => "Unspecified",
        1 => "Delta",
        2 => "Cumulative",
        _ => "",
    };
    put(out, format_args!("     -> AggregationTemporality: {name}\n"));
}

fn point_head(
    out: &mut String,
    what: &str,
    at: usize,
    attributes: AttributesRef<'_>,
    start: u64,
    end: u64,
) {
    put(out, format_args!("{what} #{at}\n"));
    list(out, "Data point attributes", attributes);
    line(out, "StartTimestamp: ", |out| time(out, start));
    line(out, "Timestamp: ", |out| time(out, end));
}

fn numbers<'a>(out: &mut String, points: impl Iterator<Item = NumberPoint<'a>>) {
    for (at, point) in points.enumerate() {
        let (start, end) = (point.start_time_unix_nano(), point.time_unix_nano());
        point_head(out, "NumberDataPoints", at, point.attributes(), start, end);
        number_value(out, "Value: ", point.value());
        exemplars(out, point.exemplars());
    }
}

fn number_value(out: &mut String, label: &str, value: NumberValue) {
    match value {
        NumberValue::None => {}
        NumberValue::Int(it) => line(out, label, |out| put(out, it)),
        NumberValue::Double(it) => line(out, label, |out| fixed(out, it)),
    }
}

fn count(out: &mut String, count: u64, parts: [(&str, Option<f64>); 3]) {
    put(out, format_args!("Count: {count}\n"));
    for (label, it) in parts {
        if let Some(it) = it {
            line(out, label, |out| fixed(out, it));
        }
    }
}

fn histogram(out: &mut String, at: usize, point: HistogramPoint<'_>) {
    let (start, end) = (point.start_time_unix_nano(), point.time_unix_nano());
    point_head(out, "HistogramDataPoints", at, point.attributes(), start, end);
    let parts = [("Sum: ", point.sum()), ("Min: ", point.min()), ("Max: ", point.max())];
    count(out, point.count(), parts);
    for (at, it) in point.explicit_bounds().enumerate() {
        put(out, format_args!("ExplicitBounds #{at}: "));
        line(out, "", |out| fixed(out, it));
    }
    for (at, it) in point.bucket_counts().enumerate() {
        put(out, format_args!("Buckets #{at}, Count: {it}\n"));
    }
    exemplars(out, point.exemplars());
}

fn exponential(out: &mut String, at: usize, point: ExponentialHistogramPoint<'_>) {
    let (start, end) = (point.start_time_unix_nano(), point.time_unix_nano());
    point_head(out, "ExponentialHistogramDataPoints", at, point.attributes(), start, end);
    let parts = [("Sum: ", point.sum()), ("Min: ", point.min()), ("Max: ", point.max())];
    count(out, point.count(), parts);
    let factor = std::f64::consts::LN_2 * (-f64::from(point.scale())).exp2();
    let bound = |offset: i32, at: usize| ((f64::from(offset) + at as f64) * factor).exp();
    if let Some(negative) = point.negative() {
        let counts: Vec<u64> = negative.bucket_counts().collect();
        for (at, it) in counts.into_iter().enumerate().rev() {
            let (near, far) = (bound(negative.offset(), at), bound(negative.offset(), at + 1));
            bucket(out, ('[', -far), (-near, ')'), it);
        }
    }
    if point.zero_count() != 0 {
        put(out, format_args!("Bucket [0, 0], Count: {}\n", point.zero_count()));
    }
    if let Some(positive) = point.positive() {
        for (at, it) in positive.bucket_counts().enumerate() {
            let (near, far) = (bound(positive.offset(), at), bound(positive.offset(), at + 1));
            bucket(out, ('(', near), (far, ']'), it);
        }
    }
    exemplars(out, point.exemplars());
}

fn bucket(out: &mut String, (open, low): (char, f64), (high, close): (f64, char), count: u64) {
    put(out, format_args!("Bucket {open}"));
    fixed(out, low);
    out.push_str(", ");
    fixed(out, high);
    put(out, format_args!("{close}, Count: {count}\n"));
}

fn summary(out: &mut String, at: usize, point: SummaryPoint<'_>) {
    let (start, end) = (point.start_time_unix_nano(), point.time_unix_nano());
    point_head(out, "SummaryDataPoints", at, point.attributes(), start, end);
    put(out, format_args!("Count: {}\n", point.count()));
    line(out, "Sum: ", |out| fixed(out, point.sum()));
    for (at, it) in point.quantiles().enumerate() {
        put(out, format_args!("QuantileValue #{at}: Quantile "));
        fixed(out, it.quantile);
        line(out, ", Value ", |out| fixed(out, it.value));
    }
}

fn exemplars<'a>(out: &mut String, exemplars: impl Iterator<Item = Exemplar<'a>>) {
    for (at, it) in exemplars.enumerate() {
        if at == 0 {
            out.push_str("Exemplars:\n");
        }
        put(out, format_args!("Exemplar #{at}\n"));
        line(out, "     -> Trace ID: ", |out| id(out, it.trace_id()));
        line(out, "     -> Span ID: ", |out| id(out, it.span_id()));
        line(out, "     -> Timestamp: ", |out| time(out, it.time_unix_nano()));
        number_value(out, "     -> Value: ", it.value());
        list(out, "     -> FilteredAttributes", it.filtered_attributes());
    }
}
