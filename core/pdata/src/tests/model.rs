//! Random edits, done to bytes and to what prost decoded: both must end up the same.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogsData;
use opentelemetry_proto::tonic::metrics::v1::metric::Data as Kind;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, MetricsData, Sum};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, TracesData};
use proptest::prelude::*;
use prost::Message;

use super::generate::Source;
use super::reading::{decode, same_attributes, same_value};
use crate::*;

fn set(model: &mut Vec<KeyValue>, key: &str, value: AnyValue) {
    match model.iter_mut().find(|it| it.key == key) {
        Some(it) => it.value = Some(value),
        None => {
            model.push(KeyValue { key: key.to_owned(), value: Some(value), key_strindex: 0 });
        }
    }
}

fn has(model: &[KeyValue], key: &str) -> bool {
    model.iter().any(|it| it.key == key)
}

/// Does a few random things to attributes.
#[expect(clippy::too_many_lines, reason = "a list of things to do")]
fn edit_attributes(source: &mut Source, edit: &mut AttributesEdit<'_>, model: &mut Vec<KeyValue>) {
    for _ in 0..source.below(4) {
        let (key, other) = (source.key(), source.key());
        let value = source.any(1);
        let encoded = value.encode_to_vec();
        let encoded = Value::Encoded(&encoded);
        match source.below(9) {
            0 => {
                edit.set(&key, encoded);
                set(model, &key, value);
            }
            1 => {
                assert_eq!(edit.insert(&key, encoded), !has(model, &key));
                if !has(model, &key) {
                    set(model, &key, value);
                }
            }
            2 => {
                assert_eq!(edit.update(&key, encoded), has(model, &key));
                if has(model, &key) {
                    set(model, &key, value);
                }
            }
            3 => {
                assert_eq!(edit.remove(&key), has(model, &key));
                model.retain(|it| it.key != key);
            }
            4 => {
                assert_eq!(edit.rename(&key, &other), has(model, &key));
                if has(model, &key) && key != other {
                    model.retain(|it| it.key != other);
                    let renamed = model.iter_mut().find(|it| it.key == key).unwrap();
                    renamed.key = other;
                    // No value and an empty one mean the same; what is renamed has the latter.
                    renamed.value.get_or_insert_default();
                }
            }
            5 => {
                edit.retain(|key, value| key != other && value.as_bool().is_none());
                model.retain(|it| {
                    it.key != other
                        && !same_value(ValueRef::Bool(true), it.value.as_ref())
                        && !same_value(ValueRef::Bool(false), it.value.as_ref())
                });
            }
            6 => {
                assert_eq!(edit.copy(&key, &other), has(model, &key));
                let found = model.iter().find(|it| it.key == key).cloned();
                if let Some(found) = found.filter(|_| key != other) {
                    set(model, &other, found.value.unwrap_or_default());
                }
            }
            7 => {
                edit.for_each(|_, value, out| match value {
                    ValueRef::Int(it) => {
                        out.put(it.wrapping_add(1));
                        true
                    }
                    _ => false,
                });
                for it in model.iter_mut() {
                    if let Some(value) = &it.value
                        && let Some(ValueRef::Int(int)) = value_of(value)
                    {
                        it.value = Some(int_value(int.wrapping_add(1)));
                    }
                }
            }
            _ => {
                edit.set_with(&key, |out| out.map(|it| it.put("k", encoded)));
                let inner = KeyValue { key: "k".into(), value: Some(value), key_strindex: 0 };
                set(model, &key, map_value(vec![inner]));
            }
        }
        let read: Vec<(&str, ValueRef<'_>)> = edit.iter().collect();
        assert_eq!(read.len(), model.len());
        for ((key, value), meant) in read.iter().zip(model.iter()) {
            assert_eq!(*key, meant.key);
            assert!(same_value(*value, meant.value.as_ref()));
        }
        assert_eq!(edit.contains(&key), has(model, &key));
    }
}

fn value_of(value: &AnyValue) -> Option<ValueRef<'_>> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    match value.value.as_ref()? {
        Any::IntValue(it) => Some(ValueRef::Int(*it)),
        _ => None,
    }
}

fn int_value(value: i64) -> AnyValue {
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    AnyValue { value: Some(Any::IntValue(value)) }
}

fn map_value(values: Vec<KeyValue>) -> AnyValue {
    use opentelemetry_proto::tonic::common::v1::KeyValueList;
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    AnyValue { value: Some(Any::KvlistValue(KeyValueList { values })) }
}

/// Edits of a resource, before or after its children were visited: early, late, or dropped.
macro_rules! edit_group {
    ($source:ident, $edit:ident, $model:expr, $head:ident) => {{
        let head = $model.$head.get_or_insert_default();
        edit_attributes($source, &mut $edit.attributes(), &mut head.attributes);
        if $source.below(8) == 0 {
            $model.schema_url = $source.text();
            $edit.schema_url(&$model.schema_url);
        }
    }};
}

/// Rewrites a payload of one signal and the message beside it. `$item` edits one child.
macro_rules! rewrite_both {
    ($source:ident, $scratch:ident, $payload:ident, $message:ident, $resources:ident, $scopes:ident,
     $items:ident, $visit:ident, $keep_empty:ident, $item:expr) => {{
        let mut at = 0;
        let mut kept = Vec::new();
        let changed = $payload.rewrite(&mut $scratch, |_, edit| {
            let model = &mut $message.$resources[at];
            at += 1;
            let mut keep = true;
            if $source.below(2) == 0 {
                edit_group!($source, edit, model, resource);
            }
            if $source.below(8) != 0 {
                let (mut scope_at, mut scopes) = (0, Vec::new());
                let resource = &mut model.resource;
                let scope_models = &mut model.$scopes;
                edit.scopes(|edit| {
                    let model = &mut scope_models[scope_at];
                    scope_at += 1;
                    let mut keep = true;
                    if $source.below(3) == 0 {
                        edit_group!($source, edit, model, scope);
                        let scope = model.scope.get_or_insert_default();
                        scope.name = $source.text();
                        edit.name(&scope.name);
                    }
                    if $source.below(8) != 0 {
                        let (mut item_at, mut items) = (0, Vec::new());
                        let models = &mut model.$items;
                        edit.$visit(|_, edit| {
                            let model = &mut models[item_at];
                            item_at += 1;
                            if $source.below(10) == 0 {
                                let resource = resource.get_or_insert_default();
                                edit_attributes(
                                    $source,
                                    &mut edit.resource_attributes(),
                                    &mut resource.attributes,
                                );
                            }
                            if $source.below(4) == 0 {
                                edit.drop();
                                return;
                            }
                            if $item($source, edit, model, $keep_empty) {
                                items.push(model.clone());
                            }
                        });
                        keep = model.$items.is_empty() || !items.is_empty() || $keep_empty;
                        model.$items = items;
                    }
                    if $source.below(4) == 0 {
                        edit_group!($source, edit, model, scope);
                    }
                    if $source.below(12) == 0 {
                        edit.drop();
                        keep = false;
                    }
                    if keep {
                        scopes.push(model.clone());
                    }
                });
                keep = model.$scopes.is_empty() || !scopes.is_empty() || $keep_empty;
                model.$scopes = scopes;
            }
            if $source.below(3) == 0 {
                edit_group!($source, edit, model, resource);
            }
            if $source.below(12) == 0 {
                edit.drop();
                keep = false;
            }
            if keep {
                kept.push(model.clone());
            }
        });
        $message.$resources = kept;
        changed
    }};
}

/// An absent resource or scope and an empty one mean the same.
macro_rules! fill_heads {
    ($message:ident, $resources:ident, $scopes:ident) => {
        for resource in &mut $message.$resources {
            resource.resource.get_or_insert_default();
            for scope in &mut resource.$scopes {
                scope.scope.get_or_insert_default();
            }
        }
    };
}

/// Compares and validates.
macro_rules! check_same {
    ($changed:ident, $type:ident, $message:ident, $resources:ident, $scopes:ident) => {{
        let limits = Limits::default();
        let again = Data::try_from_otlp(
            Data::from($changed.clone()).signal(),
            $changed.to_bytes(),
            &limits,
        );
        assert_eq!(again.unwrap().items(), $changed.items());
        let mut decoded = $type::decode($changed.to_bytes()).unwrap();
        assert_eq!(decoded.encoded_len(), $changed.bytes(), "lengths are not canonical");
        fill_heads!(decoded, $resources, $scopes);
        fill_heads!($message, $resources, $scopes);
        assert_eq!(decoded, $message);
    }};
}

fn check_logs(seed: u64, keep_empty: bool) {
    let source = &mut Source::new(seed);
    let mut message = source.logs();
    let logs: Logs = decode(Signal::Logs, &message);
    let mut scratch = Scratch::new();
    scratch.keep_empty(keep_empty);
    let changed = rewrite_both!(
        source,
        scratch,
        logs,
        message,
        resource_logs,
        scope_logs,
        log_records,
        records,
        keep_empty,
        |source: &mut Source,
         edit: &mut RecordEdit<'_>,
         model: &mut opentelemetry_proto::tonic::logs::v1::LogRecord,
         _| {
            edit_attributes(source, &mut edit.attributes(), &mut model.attributes);
            let other = source.record();
            match source.below(6) {
                0 => {
                    model.severity_number = other.severity_number;
                    edit.severity_number(other.severity_number);
                    model.severity_text = other.severity_text;
                    edit.severity_text(&model.severity_text);
                }
                1 => {
                    let body = source.any(2);
                    edit.body(Value::Encoded(&body.encode_to_vec()));
                    model.body = Some(body);
                }
                2 => {
                    model.time_unix_nano = other.time_unix_nano;
                    edit.time_unix_nano(other.time_unix_nano);
                    model.observed_time_unix_nano = other.observed_time_unix_nano;
                    edit.observed_time_unix_nano(other.observed_time_unix_nano);
                    model.trace_id = other.trace_id;
                    edit.trace_id(&model.trace_id);
                    model.span_id = other.span_id;
                    edit.span_id(&model.span_id);
                }
                3 => {
                    model.flags = other.flags;
                    edit.flags(other.flags);
                    model.event_name = other.event_name;
                    edit.event_name(&model.event_name);
                    model.dropped_attributes_count = other.dropped_attributes_count;
                    edit.dropped_attributes_count(other.dropped_attributes_count);
                }
                _ => {}
            }
            edit_attributes(source, &mut edit.attributes(), &mut model.attributes);
            let current = edit.current();
            assert!(same_attributes(current.attributes(), &model.attributes));
            assert_eq!(current.severity_text(), model.severity_text);
            assert!(same_value(current.body().unwrap_or_default(), model.body.as_ref()));
            true
        }
    );
    check_same!(changed, LogsData, message, resource_logs, scope_logs);
}

fn edit_span(source: &mut Source, edit: &mut SpanEdit<'_>, model: &mut Span, _: bool) -> bool {
    edit_attributes(source, &mut edit.attributes(), &mut model.attributes);
    let other = source.span();
    if source.below(2) == 0 {
        let (mut at, mut kept) = (0, Vec::new());
        edit.events(|event, edit| {
            let model = &mut model.events[at];
            at += 1;
            assert_eq!(event.name(), model.name);
            edit_attributes(source, &mut edit.attributes(), &mut model.attributes);
            match source.below(3) {
                0 => return edit.drop(),
                1 => {
                    model.name = source.text();
                    edit.name(&model.name);
                    model.time_unix_nano = 7;
                    edit.time_unix_nano(7);
                }
                _ => {}
            }
            kept.push(model.clone());
        });
        model.events = kept;
    }
    if source.below(2) == 0 {
        let mut at = 0;
        edit.links(|_, edit| {
            let model = &mut model.links[at];
            at += 1;
            edit_attributes(source, &mut edit.attributes(), &mut model.attributes);
            model.trace_state = source.text();
            edit.trace_state(&model.trace_state);
            model.flags = 3;
            edit.flags(3);
        });
    }
    match source.below(5) {
        0 => {
            model.name = other.name;
            edit.name(&model.name);
            model.kind = other.kind;
            edit.kind(other.kind);
        }
        1 => {
            model.status = Some(Status { code: 2, message: source.text() });
            edit.status(2, &model.status.as_ref().unwrap().message);
        }
        2 => {
            model.trace_id = other.trace_id;
            edit.trace_id(&model.trace_id);
            model.span_id = other.span_id;
            edit.span_id(&model.span_id);
            model.parent_span_id = other.parent_span_id;
            edit.parent_span_id(&model.parent_span_id);
            model.trace_state = other.trace_state;
            edit.trace_state(&model.trace_state);
        }
        3 => {
            model.start_time_unix_nano = other.start_time_unix_nano;
            edit.start_time_unix_nano(other.start_time_unix_nano);
            model.end_time_unix_nano = other.end_time_unix_nano;
            edit.end_time_unix_nano(other.end_time_unix_nano);
            model.flags = other.flags;
            edit.flags(other.flags);
        }
        _ => {}
    }
    let current = edit.current();
    assert!(same_attributes(current.attributes(), &model.attributes));
    assert_eq!(current.events().count(), model.events.len());
    true
}

fn check_traces(seed: u64, keep_empty: bool) {
    let source = &mut Source::new(seed);
    let mut message = source.traces();
    let traces: Traces = decode(Signal::Traces, &message);
    let mut scratch = Scratch::new();
    scratch.keep_empty(keep_empty);
    let changed = rewrite_both!(
        source,
        scratch,
        traces,
        message,
        resource_spans,
        scope_spans,
        spans,
        spans,
        keep_empty,
        edit_span
    );
    check_same!(changed, TracesData, message, resource_spans, scope_spans);
}

/// Edits the points of one kind beside the model.
macro_rules! edit_points {
    ($source:ident, $edit:ident, $points:expr, $after:expr) => {{
        let points = $points;
        let (mut at, mut kept) = (0, Vec::new());
        $edit.points(|_, edit| {
            let model = &mut points[at];
            at += 1;
            if $source.below(3) == 0 {
                return edit.drop();
            }
            edit_attributes($source, &mut edit.attributes(), &mut model.attributes);
            if $source.below(3) == 0 {
                model.time_unix_nano = 5;
                edit.time_unix_nano(5);
                model.start_time_unix_nano = 0;
                edit.start_time_unix_nano(0);
                model.flags = 1;
                edit.flags(1);
            }
            $after($source, edit, model);
            let current = edit.current().unwrap();
            assert!(same_attributes(current.attributes(), &model.attributes));
            kept.push(model.clone());
        });
        let lost = !points.is_empty() && kept.is_empty();
        *points = kept;
        lost
    }};
}

fn edit_exemplars(source: &mut Source, edit: &mut PointEdit<'_>, model: &mut Vec<Exemplar>) {
    let (mut at, mut kept) = (0, Vec::new());
    edit.exemplars(|_, edit| {
        let model = &mut model[at];
        at += 1;
        if source.below(2) == 0 {
            return edit.drop();
        }
        edit_attributes(source, &mut edit.attributes(), &mut model.filtered_attributes);
        model.trace_id = vec![7; 16];
        edit.trace_id(&model.trace_id);
        kept.push(model.clone());
    });
    *model = kept;
}

type OtlpMetric = opentelemetry_proto::tonic::metrics::v1::Metric;
type NumberDataPoint = opentelemetry_proto::tonic::metrics::v1::NumberDataPoint;

fn edit_number(source: &mut Source, edit: &mut PointEdit<'_>, model: &mut NumberDataPoint) {
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
    edit_exemplars(source, edit, &mut model.exemplars);
    match source.below(3) {
        0 => {
            model.value = Some(Number::AsInt(0));
            edit.value(NumberValue::Int(0));
        }
        1 => {
            model.value = Some(Number::AsDouble(2.5));
            edit.value(NumberValue::Double(2.5));
        }
        _ => {}
    }
}

fn edit_metric(
    source: &mut Source,
    edit: &mut MetricEdit<'_>,
    model: &mut OtlpMetric,
    keep_empty: bool,
) -> bool {
    edit_attributes(source, &mut edit.metadata(), &mut model.metadata);
    let mut lost = false;
    if source.below(4) != 0 {
        lost = match &mut model.data {
            None => false,
            Some(Kind::Gauge(it)) => edit_points!(source, edit, &mut it.data_points, edit_number),
            Some(Kind::Sum(it)) => edit_points!(source, edit, &mut it.data_points, edit_number),
            Some(Kind::Histogram(it)) => {
                edit_points!(source, edit, &mut it.data_points, |source: &mut Source, edit: &mut PointEdit<'_>, model: &mut opentelemetry_proto::tonic::metrics::v1::HistogramDataPoint| {
                    edit_exemplars(source, edit, &mut model.exemplars);
                    (model.count, model.sum) = (3, Some(0.0));
                    edit.count(3);
                    edit.sum(0.0);
                })
            }
            Some(Kind::ExponentialHistogram(it)) => {
                edit_points!(source, edit, &mut it.data_points, |source: &mut Source, edit: &mut PointEdit<'_>, model: &mut opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint| {
                    edit_exemplars(source, edit, &mut model.exemplars);
                })
            }
            Some(Kind::Summary(it)) => {
                edit_points!(
                    source,
                    edit,
                    &mut it.data_points,
                    |_: &mut Source, _: &mut PointEdit<'_>, _: &mut _| {}
                )
            }
        };
    }
    for _ in 0..source.below(3) {
        edit_metric_scalars(source, edit, model);
    }
    !lost || keep_empty
}

fn edit_metric_scalars(source: &mut Source, edit: &mut MetricEdit<'_>, model: &mut OtlpMetric) {
    let temporality = source.below(3) as i32;
    match source.below(6) {
        0 => {
            model.name = source.text();
            edit.name(&model.name);
            model.unit = source.text();
            edit.unit(&model.unit);
            model.description = source.text();
            edit.description(&model.description);
        }
        1 => {
            edit.aggregation_temporality(temporality);
            match &mut model.data {
                Some(Kind::Sum(it)) => it.aggregation_temporality = temporality,
                Some(Kind::Histogram(it)) => it.aggregation_temporality = temporality,
                Some(Kind::ExponentialHistogram(it)) => it.aggregation_temporality = temporality,
                _ => {}
            }
        }
        2 => {
            let is_monotonic = source.below(2) == 0;
            edit.is_monotonic(is_monotonic);
            if let Some(Kind::Sum(it)) = &mut model.data {
                it.is_monotonic = is_monotonic;
            }
        }
        3 => {
            let gauge = matches!(model.data, Some(Kind::Gauge(_)));
            assert_eq!(edit.gauge_to_sum(temporality, true), gauge);
            if let Some(Kind::Gauge(it)) = &mut model.data {
                model.data = Some(Kind::Sum(Sum {
                    data_points: std::mem::take(&mut it.data_points),
                    aggregation_temporality: temporality,
                    is_monotonic: true,
                }));
            }
        }
        4 => {
            let sum = matches!(model.data, Some(Kind::Sum(_)));
            assert_eq!(edit.sum_to_gauge(), sum);
            if let Some(Kind::Sum(it)) = &mut model.data {
                let data_points = std::mem::take(&mut it.data_points);
                let gauge = opentelemetry_proto::tonic::metrics::v1::Gauge { data_points };
                model.data = Some(Kind::Gauge(gauge));
            }
        }
        _ => {}
    }
    let current = edit.current();
    assert_eq!(current.name(), model.name);
    assert_eq!(current.points().count(), super::point_count(model));
}

fn check_metrics(seed: u64, keep_empty: bool) {
    let source = &mut Source::new(seed);
    let mut message = source.metrics();
    let metrics: Metrics = decode(Signal::Metrics, &message);
    let mut scratch = Scratch::new();
    scratch.keep_empty(keep_empty);
    let changed = rewrite_both!(
        source,
        scratch,
        metrics,
        message,
        resource_metrics,
        scope_metrics,
        metrics,
        metrics,
        keep_empty,
        edit_metric
    );
    check_same!(changed, MetricsData, message, resource_metrics, scope_metrics);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn edits_of_logs_do_what_they_do_to_a_tree(seed: u64, keep_empty: bool) {
        check_logs(seed, keep_empty);
    }

    #[test]
    fn edits_of_traces_do_what_they_do_to_a_tree(seed: u64, keep_empty: bool) {
        check_traces(seed, keep_empty);
    }

    #[test]
    fn edits_of_metrics_do_what_they_do_to_a_tree(seed: u64, keep_empty: bool) {
        check_metrics(seed, keep_empty);
    }
}
