//! One line per item. `exporter/debugexporter/internal/normal`, v0.149 to v0.159.

use pdata::{
    AttributesRef, ExponentialHistogramPoint, HistogramPoint, Logs, MetricData, Metrics,
    NumberPoint, NumberValue, SummaryPoint, Traces,
};

use crate::text::{fixed, id, number, put, value};

/// Spans.
pub(crate) fn traces(traces: &Traces) -> String {
    let mut out = String::new();
    for (at, resource) in traces.resources().enumerate() {
        head(&mut out, "ResourceTraces", at, "", "", resource.schema_url(), resource.attributes());
        for scopes in resource.scopes() {
            let scope = scopes.scope();
            let (name, version) = (scope.name(), scope.version());
            let url = scopes.schema_url();
            // The number is the resource's, as upstream.
            head(&mut out, "ScopeTraces", at, name, version, url, scope.attributes());
            for span in scopes.spans() {
                out.push_str(span.name());
                out.push(' ');
                id(&mut out, span.trace_id());
                out.push(' ');
                id(&mut out, span.span_id());
                spaced(&mut out, span.attributes());
                out.push('\n');
            }
        }
    }
    out
}

/// Log records.
pub(crate) fn logs(logs: &Logs) -> String {
    let mut out = String::new();
    for (at, resource) in logs.resources().enumerate() {
        head(&mut out, "ResourceLog", at, "", "", resource.schema_url(), resource.attributes());
        for scopes in resource.scopes() {
            let scope = scopes.scope();
            let (name, version) = (scope.name(), scope.version());
            let url = scopes.schema_url();
            head(&mut out, "ScopeLog", at, name, version, url, scope.attributes());
            for record in scopes.records() {
                value(&mut out, record.body().unwrap_or_default());
                out.push(' ');
                joined(&mut out, record.attributes(), " ");
                out.push('\n');
            }
        }
    }
    out
}

/// Data points.
pub(crate) fn metrics(metrics: &Metrics) -> String {
    let mut out = String::new();
    for (at, resource) in metrics.resources().enumerate() {
        head(&mut out, "ResourceMetrics", at, "", "", resource.schema_url(), resource.attributes());
        for scopes in resource.scopes() {
            let scope = scopes.scope();
            let (name, version) = (scope.name(), scope.version());
            let url = scopes.schema_url();
            head(&mut out, "ScopeMetrics", at, name, version, url, scope.attributes());
            for metric in scopes.metrics() {
                points(&mut out, metric.name(), metric.data());
            }
        }
    }
    out
}

fn head(
    out: &mut String,
    what: &str,
    at: usize,
    name: &str,
    version: &str,
    url: &str,
    attributes: AttributesRef<'_>,
) {
    put(out, format_args!("{what} #{at}"));
    if !name.is_empty() {
        put(out, format_args!(" {name}"));
    }
    if !version.is_empty() {
        put(out, format_args!("@{version}"));
    }
    if !url.is_empty() {
        put(out, format_args!(" [{url}]"));
    }
    spaced(out, attributes);
    out.push('\n');
}

fn spaced(out: &mut String, attributes: AttributesRef<'_>) {
    if !attributes.is_empty() {
        out.push(' ');
        joined(out, attributes, " ");
    }
}

fn joined(out: &mut String, attributes: AttributesRef<'_>, separator: &str) {
    for (at, (key, it)) in attributes.iter().enumerate() {
        if at > 0 {
            out.push_str(separator);
        }
        out.push_str(key);
        out.push('=');
        value(out, it);
    }
}

fn points(out: &mut String, name: &str, data: MetricData<'_>) {
    match data {
        MetricData::Empty => {}
        MetricData::Gauge(it) => it.points().for_each(|point| number_point(out, name, point)),
        MetricData::Sum(it) => it.points().for_each(|point| number_point(out, name, point)),
        MetricData::Histogram(it) => it.points().for_each(|point| {
            begin(out, name, point.attributes());
            histogram(out, point);
        }),
        MetricData::ExponentialHistogram(it) => it.points().for_each(|point| {
            begin(out, name, point.attributes());
            exponential(out, point);
        }),
        MetricData::Summary(it) => it.points().for_each(|point| {
            begin(out, name, point.attributes());
            summary(out, point);
        }),
    }
}

/// Name and attributes of a point.
fn begin(out: &mut String, name: &str, attributes: AttributesRef<'_>) {
    out.push_str(name);
    out.push('{');
    joined(out, attributes, ",");
    out.push_str("} ");
}

fn number_point(out: &mut String, name: &str, point: NumberPoint<'_>) {
    begin(out, name, point.attributes());
    match point.value() {
        NumberValue::None => {}
        NumberValue::Int(it) => put(out, it),
        NumberValue::Double(it) => number(out, it),
    }
    out.push('\n');
}

fn count(out: &mut String, count: u64, parts: [(&str, Option<f64>); 3]) {
    put(out, format_args!("count={count}"));
    for (key, it) in parts {
        if let Some(it) = it {
            put(out, format_args!(" {key}="));
            number(out, it);
        }
    }
}

fn histogram(out: &mut String, point: HistogramPoint<'_>) {
    let parts = [("sum", point.sum()), ("min", point.min()), ("max", point.max())];
    count(out, point.count(), parts);
    let mut bounds = point.explicit_bounds();
    for it in point.bucket_counts() {
        out.push(' ');
        if let Some(bound) = bounds.next() {
            out.push_str("le");
            number(out, bound);
            out.push('=');
        }
        put(out, it);
    }
    out.push('\n');
}

fn exponential(out: &mut String, point: ExponentialHistogramPoint<'_>) {
    let parts = [("sum", point.sum()), ("min", point.min()), ("max", point.max())];
    count(out, point.count(), parts);
    // As upstream reckons: the last digits depend on it.
    let factor = std::f64::consts::LN_2 * (-f64::from(point.scale())).exp2();
    let bucket = |out: &mut String, bound: f64, counted: u64| {
        out.push_str(" le");
        number(out, bound);
        put(out, format_args!("={counted}"));
    };
    if let Some(negative) = point.negative() {
        let all: Vec<u64> = negative.bucket_counts().collect();
        for (at, it) in all.iter().enumerate().rev() {
            let index = f64::from(negative.offset()) + at as f64;
            bucket(out, -(index * factor).exp(), *it);
        }
    }
    if point.zero_count() > 0 {
        put(out, format_args!(" zero={}", point.zero_count()));
    }
    if let Some(positive) = point.positive() {
        for (at, it) in positive.bucket_counts().enumerate() {
            let index = f64::from(positive.offset()) + at as f64;
            bucket(out, ((index + 1.0) * factor).exp(), it);
        }
    }
    out.push('\n');
}

fn summary(out: &mut String, point: SummaryPoint<'_>) {
    put(out, format_args!("count={} sum=", point.count()));
    fixed(out, point.sum());
    for it in point.quantiles() {
        out.push_str(" q");
        number(out, it.quantile);
        out.push('=');
        number(out, it.value);
    }
    out.push('\n');
}
