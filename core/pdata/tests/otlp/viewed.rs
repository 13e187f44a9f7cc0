//! Structs built from nothing but the views.

#![expect(non_snake_case, reason = "named after the messages they build")]

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::logs::v1 as logs;
use opentelemetry_proto::tonic::metrics::v1 as metrics;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1 as traces;
use pdata::{AttributesRef, MetricData, NumberPoint, NumberValue, ResourceRef, ScopeRef, ValueRef};

fn value(it: ValueRef<'_>) -> AnyValue {
    use any_value::Value;
    let value = match it {
        ValueRef::Empty => None,
        ValueRef::Str(it) => Some(Value::StringValue(it.to_owned())),
        ValueRef::Bool(it) => Some(Value::BoolValue(it)),
        ValueRef::Int(it) => Some(Value::IntValue(it)),
        ValueRef::Double(it) => Some(Value::DoubleValue(it)),
        ValueRef::Bytes(it) => Some(Value::BytesValue(it.to_owned())),
        ValueRef::Array(it) => {
            let values: Vec<_> = it.iter().map(value).collect();
            assert_eq!(it.len(), values.len());
            Some(Value::ArrayValue(ArrayValue { values }))
        }
        ValueRef::Map(it) => Some(Value::KvlistValue(KeyValueList { values: attributes(it) })),
    };
    AnyValue { value }
}

fn attributes(it: AttributesRef<'_>) -> Vec<KeyValue> {
    let list: Vec<_> = it
        .iter()
        .map(|(key, it)| KeyValue {
            key: key.to_owned(),
            value: Some(value(it)),
            ..KeyValue::default()
        })
        .collect();
    assert_eq!((it.len(), it.is_empty()), (list.len(), list.is_empty()));
    // Of a key that is not UTF-8 a view shows the valid beginning only, which is not its name.
    let readable = it.iter_encoded().all(|(key, _)| std::str::from_utf8(key).is_ok());
    for KeyValue { key, .. } in list.iter().filter(|_| readable) {
        let first = list.iter().find(|it| it.key == *key).and_then(|it| it.value.clone());
        let got = it.get(key).map(value);
        assert_eq!(format!("{got:?}"), format!("{first:?}"));
    }
    list
}

fn resource(it: ResourceRef<'_>) -> Resource {
    Resource {
        attributes: attributes(it.attributes()),
        dropped_attributes_count: it.dropped_attributes_count(),
        entity_refs: vec![],
    }
}

fn scope(it: ScopeRef<'_>) -> InstrumentationScope {
    InstrumentationScope {
        name: it.name().to_owned(),
        version: it.version().to_owned(),
        attributes: attributes(it.attributes()),
        dropped_attributes_count: it.dropped_attributes_count(),
    }
}

fn record(it: pdata::LogRecord<'_>) -> logs::LogRecord {
    logs::LogRecord {
        time_unix_nano: it.time_unix_nano(),
        observed_time_unix_nano: it.observed_time_unix_nano(),
        severity_number: it.severity_number(),
        severity_text: it.severity_text().to_owned(),
        body: it.body().map(value),
        attributes: attributes(it.attributes()),
        dropped_attributes_count: it.dropped_attributes_count(),
        flags: it.flags(),
        trace_id: it.trace_id().to_owned(),
        span_id: it.span_id().to_owned(),
        event_name: it.event_name().to_owned(),
    }
}

pub fn LogsData(data: &pdata::Logs) -> logs::LogsData {
    let scope_logs = |it: pdata::ScopeLogs<'_>| logs::ScopeLogs {
        scope: Some(scope(it.scope())),
        log_records: it.records().map(record).collect(),
        schema_url: it.schema_url().to_owned(),
    };
    let resource_logs = |it: pdata::ResourceLogs<'_>| logs::ResourceLogs {
        resource: Some(resource(it.resource())),
        scope_logs: it.scopes().map(scope_logs).collect(),
        schema_url: it.schema_url().to_owned(),
    };
    assert_eq!(data.records().count(), data.items());
    logs::LogsData { resource_logs: data.resources().map(resource_logs).collect() }
}

fn span(it: pdata::Span<'_>) -> traces::Span {
    let event = |it: pdata::SpanEvent<'_>| traces::span::Event {
        time_unix_nano: it.time_unix_nano(),
        name: it.name().to_owned(),
        attributes: attributes(it.attributes()),
        dropped_attributes_count: it.dropped_attributes_count(),
    };
    let link = |it: pdata::SpanLink<'_>| traces::span::Link {
        trace_id: it.trace_id().to_owned(),
        span_id: it.span_id().to_owned(),
        trace_state: it.trace_state().to_owned(),
        attributes: attributes(it.attributes()),
        dropped_attributes_count: it.dropped_attributes_count(),
        flags: it.flags(),
    };
    let status = it.status();
    traces::Span {
        trace_id: it.trace_id().to_owned(),
        span_id: it.span_id().to_owned(),
        parent_span_id: it.parent_span_id().to_owned(),
        trace_state: it.trace_state().to_owned(),
        flags: it.flags(),
        name: it.name().to_owned(),
        kind: it.kind(),
        start_time_unix_nano: it.start_time_unix_nano(),
        end_time_unix_nano: it.end_time_unix_nano(),
        attributes: attributes(it.attributes()),
        dropped_attributes_count: it.dropped_attributes_count(),
        events: it.events().map(event).collect(),
        dropped_events_count: it.dropped_events_count(),
        links: it.links().map(link).collect(),
        dropped_links_count: it.dropped_links_count(),
        status: Some(traces::Status { message: status.message.to_owned(), code: status.code }),
    }
}

pub fn TracesData(data: &pdata::Traces) -> traces::TracesData {
    let scope_spans = |it: pdata::ScopeSpans<'_>| traces::ScopeSpans {
        scope: Some(scope(it.scope())),
        spans: it.spans().map(span).collect(),
        schema_url: it.schema_url().to_owned(),
    };
    let resource_spans = |it: pdata::ResourceSpans<'_>| traces::ResourceSpans {
        resource: Some(resource(it.resource())),
        scope_spans: it.scopes().map(scope_spans).collect(),
        schema_url: it.schema_url().to_owned(),
    };
    assert_eq!(data.spans().count(), data.items());
    traces::TracesData { resource_spans: data.resources().map(resource_spans).collect() }
}

fn exemplar(it: pdata::Exemplar<'_>) -> metrics::Exemplar {
    metrics::Exemplar {
        filtered_attributes: attributes(it.filtered_attributes()),
        time_unix_nano: it.time_unix_nano(),
        value: match it.value() {
            NumberValue::None => None,
            NumberValue::Int(it) => Some(metrics::exemplar::Value::AsInt(it)),
            NumberValue::Double(it) => Some(metrics::exemplar::Value::AsDouble(it)),
        },
        span_id: it.span_id().to_owned(),
        trace_id: it.trace_id().to_owned(),
    }
}

fn number_point(it: NumberPoint<'_>) -> metrics::NumberDataPoint {
    metrics::NumberDataPoint {
        attributes: attributes(it.attributes()),
        start_time_unix_nano: it.start_time_unix_nano(),
        time_unix_nano: it.time_unix_nano(),
        exemplars: it.exemplars().map(exemplar).collect(),
        flags: it.flags(),
        value: match it.value() {
            NumberValue::None => None,
            NumberValue::Int(it) => Some(metrics::number_data_point::Value::AsInt(it)),
            NumberValue::Double(it) => Some(metrics::number_data_point::Value::AsDouble(it)),
        },
    }
}

fn histogram_point(it: pdata::HistogramPoint<'_>) -> metrics::HistogramDataPoint {
    metrics::HistogramDataPoint {
        attributes: attributes(it.attributes()),
        start_time_unix_nano: it.start_time_unix_nano(),
        time_unix_nano: it.time_unix_nano(),
        count: it.count(),
        sum: it.sum(),
        bucket_counts: it.bucket_counts().collect(),
        explicit_bounds: it.explicit_bounds().collect(),
        exemplars: it.exemplars().map(exemplar).collect(),
        flags: it.flags(),
        min: it.min(),
        max: it.max(),
    }
}

fn exponential_point(
    it: pdata::ExponentialHistogramPoint<'_>,
) -> metrics::ExponentialHistogramDataPoint {
    let buckets = |it: pdata::Buckets<'_>| Buckets {
        offset: it.offset(),
        bucket_counts: it.bucket_counts().collect(),
    };
    metrics::ExponentialHistogramDataPoint {
        attributes: attributes(it.attributes()),
        start_time_unix_nano: it.start_time_unix_nano(),
        time_unix_nano: it.time_unix_nano(),
        count: it.count(),
        sum: it.sum(),
        scale: it.scale(),
        zero_count: it.zero_count(),
        positive: it.positive().map(buckets),
        negative: it.negative().map(buckets),
        flags: it.flags(),
        exemplars: it.exemplars().map(exemplar).collect(),
        min: it.min(),
        max: it.max(),
        zero_threshold: it.zero_threshold(),
    }
}

fn summary_point(it: pdata::SummaryPoint<'_>) -> metrics::SummaryDataPoint {
    let quantile = |it: pdata::Quantile| ValueAtQuantile { quantile: it.quantile, value: it.value };
    metrics::SummaryDataPoint {
        attributes: attributes(it.attributes()),
        start_time_unix_nano: it.start_time_unix_nano(),
        time_unix_nano: it.time_unix_nano(),
        count: it.count(),
        sum: it.sum(),
        quantile_values: it.quantiles().map(quantile).collect(),
        flags: it.flags(),
    }
}

fn metric(it: pdata::Metric<'_>) -> metrics::Metric {
    use metrics::metric::Data;
    let data = match it.data() {
        MetricData::Empty => None,
        MetricData::Gauge(it) => Some(Data::Gauge(metrics::Gauge {
            data_points: it.points().map(number_point).collect(),
        })),
        MetricData::Sum(it) => Some(Data::Sum(metrics::Sum {
            data_points: it.points().map(number_point).collect(),
            aggregation_temporality: it.aggregation_temporality(),
            is_monotonic: it.is_monotonic(),
        })),
        MetricData::Histogram(it) => Some(Data::Histogram(metrics::Histogram {
            data_points: it.points().map(histogram_point).collect(),
            aggregation_temporality: it.aggregation_temporality(),
        })),
        MetricData::ExponentialHistogram(it) => {
            Some(Data::ExponentialHistogram(metrics::ExponentialHistogram {
                data_points: it.points().map(exponential_point).collect(),
                aggregation_temporality: it.aggregation_temporality(),
            }))
        }
        MetricData::Summary(it) => Some(Data::Summary(metrics::Summary {
            data_points: it.points().map(summary_point).collect(),
        })),
    };
    metrics::Metric {
        name: it.name().to_owned(),
        description: it.description().to_owned(),
        unit: it.unit().to_owned(),
        metadata: attributes(it.metadata()),
        data,
    }
}

pub fn MetricsData(data: &pdata::Metrics) -> metrics::MetricsData {
    let scope_metrics = |it: pdata::ScopeMetrics<'_>| metrics::ScopeMetrics {
        scope: Some(scope(it.scope())),
        metrics: it.metrics().map(metric).collect(),
        schema_url: it.schema_url().to_owned(),
    };
    let resource_metrics = |it: pdata::ResourceMetrics<'_>| metrics::ResourceMetrics {
        resource: Some(resource(it.resource())),
        scope_metrics: it.scopes().map(scope_metrics).collect(),
        schema_url: it.schema_url().to_owned(),
    };
    let points: usize = data.metrics().map(|it| it.points().count()).sum();
    assert_eq!(points, data.items());
    metrics::MetricsData { resource_metrics: data.resources().map(resource_metrics).collect() }
}

/// Messages that a view shows as empty when they are absent, made present; what views leave out
/// (entity references, indices of profiles), left out.
pub mod canonical {
    use super::*;

    fn value(it: &mut Option<AnyValue>) {
        use any_value::Value;
        match &mut it.get_or_insert_default().value {
            Some(Value::ArrayValue(it)) => it.values.iter_mut().for_each(nested),
            Some(Value::KvlistValue(it)) => attributes(&mut it.values),
            Some(Value::StringValueStrindex(_)) => *it = Some(AnyValue::default()),
            _ => {}
        }
    }

    fn nested(it: &mut AnyValue) {
        let mut whole = Some(std::mem::take(it));
        value(&mut whole);
        *it = whole.unwrap();
    }

    fn attributes(list: &mut [KeyValue]) {
        for it in list {
            it.key_strindex = 0;
            value(&mut it.value);
        }
    }

    fn resource(it: &mut Option<Resource>) {
        let it = it.get_or_insert_default();
        attributes(&mut it.attributes);
        it.entity_refs.clear();
    }

    fn scope(it: &mut Option<InstrumentationScope>) {
        attributes(&mut it.get_or_insert_default().attributes);
    }

    pub fn LogsData(data: &mut logs::LogsData) {
        for it in &mut data.resource_logs {
            resource(&mut it.resource);
            for it in &mut it.scope_logs {
                scope(&mut it.scope);
                for it in &mut it.log_records {
                    attributes(&mut it.attributes);
                    if it.body.is_some() {
                        value(&mut it.body);
                    }
                }
            }
        }
    }

    pub fn TracesData(data: &mut traces::TracesData) {
        for it in &mut data.resource_spans {
            resource(&mut it.resource);
            for it in &mut it.scope_spans {
                scope(&mut it.scope);
                for it in &mut it.spans {
                    attributes(&mut it.attributes);
                    it.events.iter_mut().for_each(|it| attributes(&mut it.attributes));
                    it.links.iter_mut().for_each(|it| attributes(&mut it.attributes));
                    it.status.get_or_insert_default();
                }
            }
        }
    }

    pub fn MetricsData(data: &mut metrics::MetricsData) {
        for it in &mut data.resource_metrics {
            resource(&mut it.resource);
            for it in &mut it.scope_metrics {
                scope(&mut it.scope);
                for it in &mut it.metrics {
                    attributes(&mut it.metadata);
                    it.data.iter_mut().for_each(points);
                }
            }
        }
    }

    fn points(data: &mut metrics::metric::Data) {
        use metrics::metric::Data;
        let exemplars = |list: &mut [metrics::Exemplar]| {
            for it in list {
                attributes(&mut it.filtered_attributes);
            }
        };
        let numbers = |list: &mut [metrics::NumberDataPoint]| {
            for it in list {
                attributes(&mut it.attributes);
                exemplars(&mut it.exemplars);
            }
        };
        match data {
            Data::Gauge(it) => numbers(&mut it.data_points),
            Data::Sum(it) => numbers(&mut it.data_points),
            Data::Histogram(it) => it.data_points.iter_mut().for_each(|it| {
                attributes(&mut it.attributes);
                exemplars(&mut it.exemplars);
            }),
            Data::ExponentialHistogram(it) => it.data_points.iter_mut().for_each(|it| {
                attributes(&mut it.attributes);
                exemplars(&mut it.exemplars);
            }),
            Data::Summary(it) => {
                it.data_points.iter_mut().for_each(|it| attributes(&mut it.attributes));
            }
        }
    }
}

/// Messages that OTLP/JSON writes even if they are absent, made present.
pub mod complete {
    use super::*;

    pub fn LogsData(data: &mut logs::LogsData) {
        let scopes = data.resource_logs.iter_mut().flat_map(|it| &mut it.scope_logs);
        for record in scopes.flat_map(|it| &mut it.log_records) {
            record.body.get_or_insert_default();
        }
    }

    pub fn TracesData(_: &mut traces::TracesData) {}

    pub fn MetricsData(data: &mut metrics::MetricsData) {
        let scopes = data.resource_metrics.iter_mut().flat_map(|it| &mut it.scope_metrics);
        for metric in scopes.flat_map(|it| &mut it.metrics) {
            if let Some(metrics::metric::Data::ExponentialHistogram(it)) = &mut metric.data {
                for point in &mut it.data_points {
                    point.positive.get_or_insert_default();
                    point.negative.get_or_insert_default();
                }
            }
        }
    }
}
