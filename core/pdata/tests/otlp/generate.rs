//! Strategies for telemetry as structs.

#![expect(
    clippy::cast_possible_wrap,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, LogsData, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, MetricsData, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
    Summary, SummaryDataPoint, exemplar, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z.]{0,8}",
        1 => vec(any::<char>(), 0..6).prop_map(String::from_iter),
        1 => "[\\x00-\\x7f]{0,12}",
    ]
}

fn long_text() -> impl Strategy<Value = String> {
    prop_oneof![4 => text(), 1 => "[a-z]{100,300}"]
}

/// Zero, small and any: presence and widths of varints matter.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1..200u64, any::<u64>()]
}

fn small() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), 1..200u32, any::<u32>()]
}

fn signed() -> impl Strategy<Value = i32> {
    prop_oneof![Just(0), -5..30i32, any::<i32>()]
}

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(-0.0),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(1e300),
        Just(1e-7),
        -100.0..100.0f64,
        any::<f64>(),
    ]
}

fn trace_id() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(vec![]), vec(any::<u8>(), 16)]
}

fn span_id() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(vec![]), vec(any::<u8>(), 8)]
}

pub fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        1 => Just(None),
        3 => long_text().prop_map(|it| Some(Value::StringValue(it))),
        1 => any::<bool>().prop_map(|it| Some(Value::BoolValue(it))),
        2 => number().prop_map(|it| Some(Value::IntValue(it as i64))),
        1 => double().prop_map(|it| Some(Value::DoubleValue(it))),
        1 => vec(any::<u8>(), 0..9).prop_map(|it| Some(Value::BytesValue(it))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(4, 16, 4, |inner| {
        let entry = (text(), of(inner.clone())).prop_map(|(key, value)| KeyValue {
            key,
            value,
            ..KeyValue::default()
        });
        prop_oneof![
            vec(inner, 0..4).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec(entry, 0..4).prop_map(|values| Value::KvlistValue(KeyValueList { values })),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let entry = (text(), of(any_value())).prop_map(|(key, value)| KeyValue {
        key,
        value,
        ..KeyValue::default()
    });
    vec(entry, 0..4)
}

fn resource() -> impl Strategy<Value = Resource> {
    let entity = (text(), text(), vec(text(), 0..3), vec(text(), 0..3)).prop_map(
        |(schema_url, r#type, id_keys, description_keys)| EntityRef {
            schema_url,
            r#type,
            id_keys,
            description_keys,
        },
    );
    (attributes(), small(), vec(entity, 0..3)).prop_map(
        |(attributes, dropped_attributes_count, entity_refs)| Resource {
            attributes,
            dropped_attributes_count,
            entity_refs,
        },
    )
}

fn scope() -> impl Strategy<Value = InstrumentationScope> {
    (text(), text(), attributes(), small()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn record() -> impl Strategy<Value = LogRecord> {
    let times = (number(), number());
    let severity = (signed(), text());
    let ids = (trace_id(), span_id(), small(), text());
    (times, severity, of(any_value()), attributes(), small(), ids).prop_map(
        |(times, severity, body, attributes, dropped_attributes_count, ids)| LogRecord {
            time_unix_nano: times.0,
            observed_time_unix_nano: times.1,
            severity_number: severity.0,
            severity_text: severity.1,
            body,
            attributes,
            dropped_attributes_count,
            trace_id: ids.0,
            span_id: ids.1,
            flags: ids.2,
            event_name: ids.3,
        },
    )
}

pub fn logs() -> impl Strategy<Value = LogsData> {
    let scope_logs = (of(scope()), vec(record(), 0..4), text())
        .prop_map(|(scope, log_records, schema_url)| ScopeLogs { scope, log_records, schema_url });
    let resource_logs = (of(resource()), vec(scope_logs, 0..3), text()).prop_map(
        |(resource, scope_logs, schema_url)| ResourceLogs { resource, scope_logs, schema_url },
    );
    vec(resource_logs, 0..3).prop_map(|resource_logs| LogsData { resource_logs })
}

fn span() -> impl Strategy<Value = Span> {
    let event = (number(), text(), attributes(), small()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    );
    let link = (trace_id(), span_id(), text(), attributes(), small(), small()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    );
    let status = (text(), signed()).prop_map(|(message, code)| Status { message, code });
    let head = (trace_id(), span_id(), span_id(), text(), small(), text(), signed());
    let times = (number(), number());
    let counts = (small(), small(), small());
    (head, times, attributes(), counts, vec(event, 0..3), vec(link, 0..3), of(status)).prop_map(
        |(head, times, attributes, counts, events, links, status)| Span {
            trace_id: head.0,
            span_id: head.1,
            parent_span_id: head.2,
            trace_state: head.3,
            flags: head.4,
            name: head.5,
            kind: head.6,
            start_time_unix_nano: times.0,
            end_time_unix_nano: times.1,
            attributes,
            dropped_attributes_count: counts.0,
            dropped_events_count: counts.1,
            dropped_links_count: counts.2,
            events,
            links,
            status,
        },
    )
}

pub fn traces() -> impl Strategy<Value = TracesData> {
    let scope_spans = (of(scope()), vec(span(), 0..3), text())
        .prop_map(|(scope, spans, schema_url)| ScopeSpans { scope, spans, schema_url });
    let resource_spans = (of(resource()), vec(scope_spans, 0..3), text()).prop_map(
        |(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url },
    );
    vec(resource_spans, 0..3).prop_map(|resource_spans| TracesData { resource_spans })
}

fn exemplars() -> impl Strategy<Value = Vec<Exemplar>> {
    let value = of(prop_oneof![
        double().prop_map(exemplar::Value::AsDouble),
        number().prop_map(|it| exemplar::Value::AsInt(it as i64)),
    ]);
    let exemplar = (attributes(), number(), value, span_id(), trace_id()).prop_map(
        |(filtered_attributes, time_unix_nano, value, span_id, trace_id)| Exemplar {
            filtered_attributes,
            time_unix_nano,
            value,
            span_id,
            trace_id,
        },
    );
    vec(exemplar, 0..3)
}

fn number_points() -> impl Strategy<Value = Vec<NumberDataPoint>> {
    let value = of(prop_oneof![
        double().prop_map(number_data_point::Value::AsDouble),
        number().prop_map(|it| number_data_point::Value::AsInt(it as i64)),
    ]);
    let point = (attributes(), number(), number(), value, exemplars(), small()).prop_map(
        |(attributes, start, time, value, exemplars, flags)| NumberDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: time,
            exemplars,
            flags,
            value,
        },
    );
    vec(point, 0..4)
}

fn histogram() -> impl Strategy<Value = Histogram> {
    let extremes = (of(double()), of(double()), of(double()));
    let buckets = (vec(number(), 0..4), vec(double(), 0..4));
    let times = (number(), number(), number());
    let point = (attributes(), times, extremes, buckets, exemplars(), small()).prop_map(
        |(attributes, times, extremes, buckets, exemplars, flags)| HistogramDataPoint {
            attributes,
            start_time_unix_nano: times.0,
            time_unix_nano: times.1,
            count: times.2,
            sum: extremes.0,
            bucket_counts: buckets.0,
            explicit_bounds: buckets.1,
            exemplars,
            flags,
            min: extremes.1,
            max: extremes.2,
        },
    );
    (vec(point, 0..3), signed()).prop_map(|(data_points, aggregation_temporality)| Histogram {
        data_points,
        aggregation_temporality,
    })
}

fn buckets() -> impl Strategy<Value = Option<Buckets>> {
    of((signed(), vec(number(), 0..4))
        .prop_map(|(offset, bucket_counts)| Buckets { offset, bucket_counts }))
}

fn exponential() -> impl Strategy<Value = ExponentialHistogram> {
    let extremes = (of(double()), of(double()), of(double()), double());
    let numbers = (number(), number(), number(), number(), signed(), small());
    let point = (attributes(), numbers, extremes, buckets(), buckets(), exemplars()).prop_map(
        |(attributes, numbers, extremes, positive, negative, exemplars)| {
            ExponentialHistogramDataPoint {
                attributes,
                start_time_unix_nano: numbers.0,
                time_unix_nano: numbers.1,
                count: numbers.2,
                sum: extremes.0,
                scale: numbers.4,
                zero_count: numbers.3,
                positive,
                negative,
                flags: numbers.5,
                exemplars,
                min: extremes.1,
                max: extremes.2,
                zero_threshold: extremes.3,
            }
        },
    );
    (vec(point, 0..3), signed()).prop_map(|(data_points, aggregation_temporality)| {
        ExponentialHistogram { data_points, aggregation_temporality }
    })
}

fn summary() -> impl Strategy<Value = Summary> {
    let quantile =
        (double(), double()).prop_map(|(quantile, value)| ValueAtQuantile { quantile, value });
    let numbers = (number(), number(), number(), double(), small());
    let point = (attributes(), numbers, vec(quantile, 0..3)).prop_map(
        |(attributes, numbers, quantile_values)| SummaryDataPoint {
            attributes,
            start_time_unix_nano: numbers.0,
            time_unix_nano: numbers.1,
            count: numbers.2,
            sum: numbers.3,
            quantile_values,
            flags: numbers.4,
        },
    );
    vec(point, 0..3).prop_map(|data_points| Summary { data_points })
}

pub fn metrics() -> impl Strategy<Value = MetricsData> {
    let sum = (number_points(), signed(), any::<bool>()).prop_map(
        |(data_points, aggregation_temporality, is_monotonic)| Sum {
            data_points,
            aggregation_temporality,
            is_monotonic,
        },
    );
    let data = of(prop_oneof![
        number_points().prop_map(|data_points| metric::Data::Gauge(Gauge { data_points })),
        sum.prop_map(metric::Data::Sum),
        histogram().prop_map(metric::Data::Histogram),
        exponential().prop_map(metric::Data::ExponentialHistogram),
        summary().prop_map(metric::Data::Summary),
    ]);
    let metric = (text(), text(), text(), attributes(), data).prop_map(
        |(name, description, unit, metadata, data)| Metric {
            name,
            description,
            unit,
            metadata,
            data,
        },
    );
    let scope_metrics = (of(scope()), vec(metric, 0..3), text())
        .prop_map(|(scope, metrics, schema_url)| ScopeMetrics { scope, metrics, schema_url });
    let resource_metrics = (of(resource()), vec(scope_metrics, 0..3), text()).prop_map(
        |(resource, scope_metrics, schema_url)| ResourceMetrics {
            resource,
            scope_metrics,
            schema_url,
        },
    );
    vec(resource_metrics, 0..3).prop_map(|resource_metrics| MetricsData { resource_metrics })
}
