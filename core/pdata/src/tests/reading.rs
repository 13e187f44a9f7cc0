//! Views say what prost says.

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1 as otlp;
use opentelemetry_proto::tonic::metrics::v1::exemplar::Value as ExemplarValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data as Kind;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1 as trace;
use proptest::prelude::*;
use prost::Message;

use super::generate::Source;
use crate::*;

pub(super) fn same_value(seen: ValueRef<'_>, meant: Option<&AnyValue>) -> bool {
    match (seen, meant.and_then(|it| it.value.as_ref())) {
        (ValueRef::Empty, None) => true,
        (ValueRef::Str(a), Some(Any::StringValue(b))) => a == b,
        (ValueRef::Bool(a), Some(Any::BoolValue(b))) => a == *b,
        (ValueRef::Int(a), Some(Any::IntValue(b))) => a == *b,
        (ValueRef::Double(a), Some(Any::DoubleValue(b))) => a.to_bits() == b.to_bits(),
        (ValueRef::Bytes(a), Some(Any::BytesValue(b))) => a == b,
        (ValueRef::Array(a), Some(Any::ArrayValue(b))) => {
            a.len() == b.values.len()
                && a.iter().zip(&b.values).all(|(a, b)| same_value(a, Some(b)))
        }
        (ValueRef::Map(a), Some(Any::KvlistValue(b))) => same_attributes(a, &b.values),
        _ => false,
    }
}

pub(super) fn same_attributes(seen: AttributesRef<'_>, meant: &[KeyValue]) -> bool {
    for it in meant {
        let first = meant.iter().find(|other| other.key == it.key).unwrap();
        if !same_value(seen.get(&it.key).unwrap(), first.value.as_ref()) {
            return false;
        }
    }
    seen.len() == meant.len()
        && seen.is_empty() == meant.is_empty()
        && seen
            .iter()
            .zip(meant)
            .all(|((key, value), it)| key == it.key && same_value(value, it.value.as_ref()))
}

fn check_resource(seen: ResourceRef<'_>, meant: Option<&Resource>) {
    let meant = meant.cloned().unwrap_or_default();
    assert!(same_attributes(seen.attributes(), &meant.attributes));
    assert_eq!(seen.dropped_attributes_count(), meant.dropped_attributes_count);
}

fn check_scope(seen: ScopeRef<'_>, meant: Option<&InstrumentationScope>) {
    let meant = meant.cloned().unwrap_or_default();
    assert_eq!((seen.name(), seen.version()), (&*meant.name, &*meant.version));
    assert!(same_attributes(seen.attributes(), &meant.attributes));
    assert_eq!(seen.dropped_attributes_count(), meant.dropped_attributes_count);
}

pub(super) fn decode<T: TryFrom<Data>>(signal: Signal, message: &impl Message) -> T {
    let bytes = Bytes::from(message.encode_to_vec());
    let data = Data::try_from_otlp(signal, bytes, &Limits::default()).unwrap();
    T::try_from(data).ok().unwrap()
}

fn check_logs(seed: u64) {
    let message = Source::new(seed).logs();
    let logs: Logs = decode(Signal::Logs, &message);
    let mut items = 0;
    assert_eq!(logs.resources().count(), message.resource_logs.len());
    for (seen, meant) in logs.resources().zip(&message.resource_logs) {
        check_resource(seen.resource(), meant.resource.as_ref());
        assert_eq!(seen.schema_url(), meant.schema_url);
        assert_eq!(seen.scopes().count(), meant.scope_logs.len());
        for (seen, meant) in seen.scopes().zip(&meant.scope_logs) {
            check_scope(seen.scope(), meant.scope.as_ref());
            assert_eq!(seen.schema_url(), meant.schema_url);
            assert_eq!(seen.records().count(), meant.log_records.len());
            items += meant.log_records.len();
            for (seen, meant) in seen.records().zip(&meant.log_records) {
                assert_eq!(seen.time_unix_nano(), meant.time_unix_nano);
                assert_eq!(seen.observed_time_unix_nano(), meant.observed_time_unix_nano);
                assert_eq!(seen.severity_number(), meant.severity_number);
                assert_eq!(seen.severity_text(), meant.severity_text);
                assert_eq!(seen.body().is_some(), meant.body.is_some());
                assert!(same_value(seen.body().unwrap_or_default(), meant.body.as_ref()));
                assert!(same_attributes(seen.attributes(), &meant.attributes));
                assert_eq!(seen.dropped_attributes_count(), meant.dropped_attributes_count);
                assert_eq!(seen.flags(), meant.flags);
                assert_eq!(seen.trace_id(), meant.trace_id);
                assert_eq!(seen.span_id(), meant.span_id);
                assert_eq!(seen.event_name(), meant.event_name);
                assert_eq!(seen.encoded(), meant.encode_to_vec());
            }
        }
    }
    assert_eq!(logs.items(), items);
}

fn check_span(seen: Span<'_>, meant: &trace::Span) {
    assert_eq!(seen.trace_id(), meant.trace_id);
    assert_eq!(seen.span_id(), meant.span_id);
    assert_eq!(seen.parent_span_id(), meant.parent_span_id);
    assert_eq!(seen.trace_state(), meant.trace_state);
    assert_eq!(seen.name(), meant.name);
    assert_eq!((seen.kind(), seen.flags()), (meant.kind, meant.flags));
    assert_eq!(seen.start_time_unix_nano(), meant.start_time_unix_nano);
    assert_eq!(seen.end_time_unix_nano(), meant.end_time_unix_nano);
    assert!(same_attributes(seen.attributes(), &meant.attributes));
    assert_eq!(seen.dropped_attributes_count(), meant.dropped_attributes_count);
    assert_eq!(seen.dropped_events_count(), meant.dropped_events_count);
    assert_eq!(seen.dropped_links_count(), meant.dropped_links_count);
    let status = meant.status.clone().unwrap_or_default();
    assert_eq!(seen.status(), Status { code: status.code, message: &status.message });
    assert_eq!(seen.events().count(), meant.events.len());
    for (seen, meant) in seen.events().zip(&meant.events) {
        assert_eq!((seen.time_unix_nano(), seen.name()), (meant.time_unix_nano, &*meant.name));
        assert!(same_attributes(seen.attributes(), &meant.attributes));
        assert_eq!(seen.dropped_attributes_count(), meant.dropped_attributes_count);
    }
    assert_eq!(seen.links().count(), meant.links.len());
    for (seen, meant) in seen.links().zip(&meant.links) {
        assert_eq!((seen.trace_id(), seen.span_id()), (&*meant.trace_id, &*meant.span_id));
        assert_eq!((seen.trace_state(), seen.flags()), (&*meant.trace_state, meant.flags));
        assert!(same_attributes(seen.attributes(), &meant.attributes));
        assert_eq!(seen.dropped_attributes_count(), meant.dropped_attributes_count);
    }
}

fn check_traces(seed: u64) {
    let message = Source::new(seed).traces();
    let traces: Traces = decode(Signal::Traces, &message);
    let mut items = 0;
    for (seen, meant) in traces.resources().zip(&message.resource_spans) {
        check_resource(seen.resource(), meant.resource.as_ref());
        for (seen, meant) in seen.scopes().zip(&meant.scope_spans) {
            check_scope(seen.scope(), meant.scope.as_ref());
            assert_eq!(seen.spans().count(), meant.spans.len());
            items += meant.spans.len();
            seen.spans().zip(&meant.spans).for_each(|(seen, meant)| check_span(seen, meant));
        }
    }
    assert_eq!(traces.items(), items);
    assert_eq!(traces.spans().count(), items);
}

fn check_exemplars<'a>(seen: impl Iterator<Item = Exemplar<'a>> + Clone, meant: &[otlp::Exemplar]) {
    assert_eq!(seen.clone().count(), meant.len());
    for (seen, meant) in seen.zip(meant) {
        assert_eq!(seen.time_unix_nano(), meant.time_unix_nano);
        assert_eq!((seen.trace_id(), seen.span_id()), (&*meant.trace_id, &*meant.span_id));
        assert!(same_attributes(seen.filtered_attributes(), &meant.filtered_attributes));
        assert_eq!(
            seen.value(),
            match meant.value {
                None => NumberValue::None,
                Some(ExemplarValue::AsInt(it)) => NumberValue::Int(it),
                Some(ExemplarValue::AsDouble(it)) => NumberValue::Double(it),
            }
        );
    }
}

macro_rules! check_common {
    ($seen:ident, $meant:ident) => {
        assert!(same_attributes($seen.attributes(), &$meant.attributes));
        assert_eq!($seen.start_time_unix_nano(), $meant.start_time_unix_nano);
        assert_eq!($seen.time_unix_nano(), $meant.time_unix_nano);
        assert_eq!($seen.flags(), $meant.flags);
    };
}

fn check_number(seen: NumberPoint<'_>, meant: &otlp::NumberDataPoint) {
    check_common!(seen, meant);
    check_exemplars(seen.exemplars(), &meant.exemplars);
    assert_eq!(
        seen.value(),
        match meant.value {
            None => NumberValue::None,
            Some(Number::AsInt(it)) => NumberValue::Int(it),
            Some(Number::AsDouble(it)) => NumberValue::Double(it),
        }
    );
}

fn check_histogram(seen: HistogramPoint<'_>, meant: &otlp::HistogramDataPoint) {
    check_common!(seen, meant);
    check_exemplars(seen.exemplars(), &meant.exemplars);
    assert_eq!((seen.count(), seen.sum()), (meant.count, meant.sum));
    assert_eq!((seen.min(), seen.max()), (meant.min, meant.max));
    assert_eq!(seen.bucket_counts().collect::<Vec<_>>(), meant.bucket_counts);
    assert_eq!(seen.explicit_bounds().collect::<Vec<_>>(), meant.explicit_bounds);
}

fn check_exponential(
    seen: ExponentialHistogramPoint<'_>,
    meant: &otlp::ExponentialHistogramDataPoint,
) {
    check_common!(seen, meant);
    check_exemplars(seen.exemplars(), &meant.exemplars);
    assert_eq!((seen.count(), seen.sum()), (meant.count, meant.sum));
    assert_eq!((seen.min(), seen.max()), (meant.min, meant.max));
    assert_eq!((seen.scale(), seen.zero_count()), (meant.scale, meant.zero_count));
    assert_eq!(seen.zero_threshold().to_bits(), meant.zero_threshold.to_bits());
    for (seen, meant) in [(seen.positive(), &meant.positive), (seen.negative(), &meant.negative)] {
        assert_eq!(seen.is_some(), meant.is_some());
        let (seen, meant) = (seen.unwrap_or_default(), meant.clone().unwrap_or_default());
        assert_eq!(seen.offset(), meant.offset);
        assert_eq!(seen.bucket_counts().collect::<Vec<_>>(), meant.bucket_counts);
    }
}

fn check_summary(seen: SummaryPoint<'_>, meant: &otlp::SummaryDataPoint) {
    check_common!(seen, meant);
    assert_eq!((seen.count(), seen.sum().to_bits()), (meant.count, meant.sum.to_bits()));
    let quantiles: Vec<(f64, f64)> = seen.quantiles().map(|it| (it.quantile, it.value)).collect();
    let meant: Vec<(f64, f64)> =
        meant.quantile_values.iter().map(|it| (it.quantile, it.value)).collect();
    assert_eq!(quantiles, meant);
}

fn check_metric(seen: Metric<'_>, meant: &otlp::Metric) -> usize {
    assert_eq!(seen.name(), meant.name);
    assert_eq!((seen.description(), seen.unit()), (&*meant.description, &*meant.unit));
    assert!(same_attributes(seen.metadata(), &meant.metadata));
    match (seen.data(), &meant.data) {
        (MetricData::Empty, None) => return 0,
        (MetricData::Gauge(seen), Some(Kind::Gauge(meant))) => {
            seen.points().zip(&meant.data_points).for_each(|(a, b)| check_number(a, b));
        }
        (MetricData::Sum(seen), Some(Kind::Sum(meant))) => {
            assert_eq!(seen.aggregation_temporality(), meant.aggregation_temporality);
            assert_eq!(seen.is_monotonic(), meant.is_monotonic);
            seen.points().zip(&meant.data_points).for_each(|(a, b)| check_number(a, b));
        }
        (MetricData::Histogram(seen), Some(Kind::Histogram(meant))) => {
            assert_eq!(seen.aggregation_temporality(), meant.aggregation_temporality);
            seen.points().zip(&meant.data_points).for_each(|(a, b)| check_histogram(a, b));
        }
        (MetricData::ExponentialHistogram(seen), Some(Kind::ExponentialHistogram(meant))) => {
            assert_eq!(seen.aggregation_temporality(), meant.aggregation_temporality);
            seen.points().zip(&meant.data_points).for_each(|(a, b)| check_exponential(a, b));
        }
        (MetricData::Summary(seen), Some(Kind::Summary(meant))) => {
            seen.points().zip(&meant.data_points).for_each(|(a, b)| check_summary(a, b));
        }
        (seen, meant) => panic!("{seen:?} where {meant:?} was sent"),
    }
    let points = super::point_count(meant);
    assert_eq!(seen.points().count(), points);
    points
}

fn check_metrics(seed: u64) {
    let message = Source::new(seed).metrics();
    let metrics: Metrics = decode(Signal::Metrics, &message);
    let mut items = 0;
    for (seen, meant) in metrics.resources().zip(&message.resource_metrics) {
        check_resource(seen.resource(), meant.resource.as_ref());
        for (seen, meant) in seen.scopes().zip(&meant.scope_metrics) {
            check_scope(seen.scope(), meant.scope.as_ref());
            assert_eq!(seen.metrics().count(), meant.metrics.len());
            for (seen, meant) in seen.metrics().zip(&meant.metrics) {
                items += check_metric(seen, meant);
            }
        }
    }
    assert_eq!(metrics.items(), items);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn views_of_logs_say_what_was_sent(seed: u64) {
        check_logs(seed);
    }

    #[test]
    fn views_of_traces_say_what_was_sent(seed: u64) {
        check_traces(seed);
    }

    #[test]
    fn views_of_metrics_say_what_was_sent(seed: u64) {
        check_metrics(seed);
    }
}

#[test]
fn a_string_that_is_not_utf8_can_be_forwarded_and_is_read_up_to_there() {
    let mut builder = LogsBuilder::new();
    builder.record(|record| record.attribute("key", Value::Encoded(b"\x0a\x04ab\xffc")));
    let sent = builder.finish().to_bytes();
    let limits = Limits { not_utf8: NotUtf8::Pass, ..Limits::default() };
    let logs = Logs::try_from_otlp(sent.clone(), &limits).unwrap();
    assert_eq!(logs.to_bytes(), sent);
    let record = logs.records().next().unwrap();
    let before = not_utf8_total();
    assert_eq!(record.attributes().get("key"), Some(ValueRef::Str("ab")));
    assert!(not_utf8_total() > before);
    assert_eq!(record.attributes().get_encoded("key"), Some(&b"\x0a\x04ab\xffc"[..]));
}

#[test]
fn the_last_member_of_a_value_counts() {
    for (encoded, meant) in [
        (&b"\x0a\x01a\x10\x01"[..], ValueRef::Bool(true)),
        (b"\x10\x01\x0a\x01a", ValueRef::Str("a")),
        (b"\x0a\x01a\x40\x05", ValueRef::Empty),
        (b"\x18\x05", ValueRef::Int(5)),
        // A field of a later version.
        (b"\x18\x05\x98\x06\x01", ValueRef::Int(5)),
    ] {
        let mut builder = LogsBuilder::new();
        builder.record(|record| record.body(Value::Encoded(encoded)));
        let logs = Logs::try_from_otlp(builder.finish().to_bytes(), &Limits::default()).unwrap();
        assert_eq!(logs.records().next().unwrap().body(), Some(meant));
    }
}
