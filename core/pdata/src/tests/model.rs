//! Random edits, done to bytes and to what prost decoded: both must end up the same.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use std::collections::HashMap;

use opentelemetry_proto::tonic::logs::v1::{LogRecord, LogsData};
use opentelemetry_proto::tonic::metrics::v1::metric::Data as Kind;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, MetricsData, Sum};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, TracesData};
use proptest::prelude::*;
use prost::Message;

use super::generate::Source;
use super::reading::{decode, same_attributes, same_value};
use crate::{
    AttributesEdit, Data, Depth, Empty, Field, Keep, Limits, Place, Signal, Value, ValueRef,
};

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

/// What was decided at each place, by its position: resource, scope, item, child.
type Verdicts = HashMap<Vec<usize>, Keep>;

/// What is left of `list` below `above`: `below` prunes the children of one and says how many there were
/// and how many are left, `None` if it has no room for children.
fn prune<T>(
    list: &mut Vec<T>,
    above: &[usize],
    verdicts: &Verdicts,
    empty: Empty,
    mut below: impl FnMut(&mut T, &[usize]) -> Option<(usize, usize)>,
) -> (usize, usize) {
    let before = list.len();
    let mut at = 0;
    list.retain_mut(|it| {
        let place = [above, &[at]].concat();
        at += 1;
        match verdicts[&place] {
            Keep::Drop => false,
            Keep::Whole => true,
            Keep::Enter => match (below(it, &place), empty) {
                (None, _) | (_, Empty::Keep) => true,
                (Some((before, left)), Empty::Drop) => before == 0 || left > 0,
                (Some((_, left)), Empty::DropAll) => left > 0,
            },
        }
    });
    (before, list.len())
}

fn verdict(source: &mut Source) -> Keep {
    match source.below(8) {
        0 => Keep::Drop,
        1 => Keep::Whole,
        _ => Keep::Enter,
    }
}

fn attributes(source: &mut Source, place: &mut Place<'_>, field: Field, model: &mut Vec<KeyValue>) {
    edit_attributes(source, &mut place.attributes(field).unwrap(), model);
    let Ok(Some(ValueRef::Map(whole))) = place.get(field, &[]) else { panic!("no map") };
    assert!(same_attributes(whole, model));
}

/// Sets a field and reads it back.
fn put(place: &mut Place<'_>, field: Field, value: Value<'_>) {
    place.set(field, &[], value).unwrap();
    assert_eq!(place.get(field, &[]).unwrap(), value.shallow());
}

fn random_empty(source: &mut Source) -> Empty {
    [Empty::Drop, Empty::Keep, Empty::DropAll][source.below(3)]
}

/// Edits a payload of one signal and the message beside it: at each place, what is around it, and by
/// `$item` and `$child` the place itself.
macro_rules! edit_both {
    ($source:ident, $empty:ident, $data:ident, $message:ident, $resources:ident, $scopes:ident,
     $items:ident, $item:expr, $child:expr, $children:expr) => {{
        let (mut at, mut verdicts) = ([0_usize; 4], Verdicts::new());
        let changed = $data.edit_with(Depth::Child, $empty, |place| {
            let depth = place.depth();
            at[depth as usize] = place.index();
            let resource = &mut $message.$resources[at[0]];
            if $source.below(4) == 0 {
                let head = resource.resource.get_or_insert_default();
                attributes($source, place, Field::RESOURCE_ATTRIBUTES, &mut head.attributes);
            }
            if $source.below(8) == 0 {
                resource.schema_url = $source.text();
                put(place, Field::RESOURCE_SCHEMA_URL, Value::Str(&resource.schema_url));
            }
            if depth >= Depth::Scope {
                let scope = &mut resource.$scopes[at[1]];
                if $source.below(4) == 0 {
                    let head = scope.scope.get_or_insert_default();
                    attributes($source, place, Field::SCOPE_ATTRIBUTES, &mut head.attributes);
                    head.name = $source.text();
                    put(place, Field::SCOPE_NAME, Value::Str(&head.name));
                    head.dropped_attributes_count = 3;
                    put(place, Field::SCOPE_DROPPED, Value::Int(3));
                }
                if $source.below(8) == 0 {
                    scope.schema_url = $source.text();
                    put(place, Field::SCOPE_SCHEMA_URL, Value::Str(&scope.schema_url));
                }
                if depth >= Depth::Item {
                    let item = &mut scope.$items[at[2]];
                    $item($source, place, item);
                    if depth >= Depth::Child {
                        $child($source, place, item, at[3]);
                    }
                }
            } else {
                assert!(place.get(Field::SCOPE_NAME, &[]).is_err());
            }
            let keep = verdict($source);
            verdicts.insert(at[..=depth as usize].to_vec(), keep);
            keep
        });
        prune(&mut $message.$resources, &[], &verdicts, $empty, |resource, above| {
            Some(prune(&mut resource.$scopes, above, &verdicts, $empty, |scope, above| {
                Some(prune(&mut scope.$items, above, &verdicts, $empty, |item, above| {
                    $children(item, above, &verdicts)
                }))
            }))
        });
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
        let again = Data::try_from_otlp($changed.signal(), $changed.to_bytes(), &limits);
        assert_eq!(again.unwrap().items(), $changed.items());
        let mut decoded = $type::decode($changed.to_bytes()).unwrap();
        assert_eq!(decoded.encoded_len(), $changed.bytes(), "lengths are not canonical");
        fill_heads!(decoded, $resources, $scopes);
        fill_heads!($message, $resources, $scopes);
        assert_eq!(decoded, $message);
    }};
}

fn edit_record(source: &mut Source, place: &mut Place<'_>, model: &mut LogRecord) {
    attributes(source, place, Field::LOG_ATTRIBUTES, &mut model.attributes);
    let other = source.record();
    match source.below(6) {
        0 => {
            model.severity_number = other.severity_number;
            put(place, Field::LOG_SEVERITY_NUMBER, Value::Int(other.severity_number.into()));
            model.severity_text = other.severity_text;
            put(place, Field::LOG_SEVERITY_TEXT, Value::Str(&model.severity_text));
        }
        1 => {
            let body = source.any(2);
            let encoded = body.encode_to_vec();
            place.set(Field::LOG_BODY, &[], Value::Encoded(&encoded)).unwrap();
            model.body = Some(body);
        }
        2 => {
            model.time_unix_nano = other.time_unix_nano;
            put(place, Field::LOG_TIME, Value::Int(other.time_unix_nano as i64));
            model.trace_id = other.trace_id;
            put(place, Field::LOG_TRACE_ID, Value::Bytes(&model.trace_id));
            model.span_id = other.span_id;
            put(place, Field::LOG_SPAN_ID, Value::Bytes(&model.span_id));
        }
        3 => {
            model.flags = other.flags;
            put(place, Field::LOG_FLAGS, Value::Int(other.flags.into()));
            model.event_name = other.event_name;
            put(place, Field::LOG_EVENT_NAME, Value::Str(&model.event_name));
        }
        4 => {
            // The whole record is another one, and is edited on.
            *model = source.record();
            place.replace(&model.encode_to_vec());
            attributes(source, place, Field::LOG_ATTRIBUTES, &mut model.attributes);
        }
        _ => {}
    }
    let decoded = LogRecord::decode(place.encoded()).unwrap();
    assert_eq!(decoded, *model);
    let body = place.get(Field::LOG_BODY, &[]).unwrap().unwrap_or_default();
    assert!(same_value(body, model.body.as_ref()));
}

fn check_logs(seed: u64) {
    let source = &mut Source::new(seed);
    let mut message = source.logs();
    let data: Data = decode(Signal::Logs, &message);
    let empty = random_empty(source);
    let changed = edit_both!(
        source,
        empty,
        data,
        message,
        resource_logs,
        scope_logs,
        log_records,
        edit_record,
        |_: &mut Source, _: &mut Place<'_>, _: &mut LogRecord, _| {},
        |_: &mut LogRecord, _: &[usize], _: &Verdicts| None
    );
    check_same!(changed, LogsData, message, resource_logs, scope_logs);
}

fn edit_span(source: &mut Source, place: &mut Place<'_>, model: &mut Span) {
    attributes(source, place, Field::SPAN_ATTRIBUTES, &mut model.attributes);
    let other = source.span();
    match source.below(6) {
        0 => {
            model.name = other.name;
            put(place, Field::SPAN_NAME, Value::Str(&model.name));
            model.kind = other.kind;
            put(place, Field::SPAN_KIND, Value::Int(other.kind.into()));
        }
        1 => {
            let status: &mut Status = model.status.get_or_insert_default();
            status.message = source.text();
            put(place, Field::SPAN_STATUS_MESSAGE, Value::Str(&status.message));
            if source.below(2) == 0 {
                status.code = 2;
                put(place, Field::SPAN_STATUS_CODE, Value::Int(2));
            }
        }
        2 => {
            model.parent_span_id = other.parent_span_id;
            put(place, Field::SPAN_PARENT_ID, Value::Bytes(&model.parent_span_id));
            model.trace_state = other.trace_state;
            put(place, Field::SPAN_TRACE_STATE, Value::Str(&model.trace_state));
        }
        3 => {
            model.end_time_unix_nano = other.end_time_unix_nano;
            put(place, Field::SPAN_END_TIME, Value::Int(other.end_time_unix_nano as i64));
            model.dropped_links_count = 9;
            put(place, Field::SPAN_DROPPED_LINKS, Value::Int(9));
        }
        4 => {
            model.links = other.links;
            let links: Vec<_> = model.links.iter().map(Message::encode_to_vec).collect();
            let links: Vec<_> = links.iter().map(Vec::as_slice).collect();
            place.set_messages(Field::SPAN_LINKS, &links).unwrap();
            assert_eq!(place.messages(Field::SPAN_LINKS).collect::<Vec<_>>(), links);
        }
        _ => {}
    }
}

fn edit_event(source: &mut Source, place: &mut Place<'_>, model: &mut Span, at: usize) {
    let model = &mut model.events[at];
    assert_eq!(place.event().unwrap().name(), model.name);
    attributes(source, place, Field::EVENT_ATTRIBUTES, &mut model.attributes);
    if source.below(3) == 0 {
        model.name = source.text();
        put(place, Field::EVENT_NAME, Value::Str(&model.name));
        model.time_unix_nano = 7;
        put(place, Field::EVENT_TIME, Value::Int(7));
    }
}

fn check_traces(seed: u64) {
    let source = &mut Source::new(seed);
    let mut message = source.traces();
    let data: Data = decode(Signal::Traces, &message);
    let empty = random_empty(source);
    let changed = edit_both!(
        source,
        empty,
        data,
        message,
        resource_spans,
        scope_spans,
        spans,
        edit_span,
        edit_event,
        |span: &mut Span, above: &[usize], verdicts: &Verdicts| {
            prune(&mut span.events, above, verdicts, Empty::Keep, |_, _| None);
            // A span needs no events.
            None
        }
    );
    check_same!(changed, TracesData, message, resource_spans, scope_spans);
}

fn edit_metric(source: &mut Source, place: &mut Place<'_>, model: &mut Metric) {
    attributes(source, place, Field::METRIC_METADATA, &mut model.metadata);
    let temporality = source.below(3) as i32;
    let given = Value::Int(temporality.into());
    match source.below(6) {
        0 => {
            model.name = source.text();
            put(place, Field::METRIC_NAME, Value::Str(&model.name));
            model.unit = source.text();
            put(place, Field::METRIC_UNIT, Value::Str(&model.unit));
        }
        1 => {
            let known = place.set(Field::METRIC_TEMPORALITY, &[], given).is_ok();
            let slot = match &mut model.data {
                Some(Kind::Sum(it)) => Some(&mut it.aggregation_temporality),
                Some(Kind::Histogram(it)) => Some(&mut it.aggregation_temporality),
                Some(Kind::ExponentialHistogram(it)) => Some(&mut it.aggregation_temporality),
                _ => None,
            };
            assert_eq!(known, slot.is_some());
            if let Some(it) = slot {
                *it = temporality;
            }
        }
        2 => {
            let sum = matches!(model.data, Some(Kind::Sum(_)));
            let set = place.set(Field::METRIC_MONOTONIC, &[], Value::Bool(true));
            assert_eq!(set.is_ok(), sum);
            if let Some(Kind::Sum(it)) = &mut model.data {
                it.is_monotonic = true;
            }
        }
        3 => {
            let gauge = matches!(model.data, Some(Kind::Gauge(_)));
            assert_eq!(place.gauge_to_sum(temporality.into(), true), gauge);
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
            assert_eq!(place.sum_to_gauge(), sum);
            if let Some(Kind::Sum(it)) = &mut model.data {
                let data_points = std::mem::take(&mut it.data_points);
                model.data = Some(Kind::Gauge(Gauge { data_points }));
            }
        }
        _ => {}
    }
    if place.depth() == Depth::Item {
        assert_eq!(Metric::decode(place.encoded()).unwrap(), *model);
    }
}

fn edit_point(source: &mut Source, place: &mut Place<'_>, model: &mut Metric, at: usize) {
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
    /// Fields that all points have.
    macro_rules! common {
        ($point:expr) => {{
            let point = $point;
            attributes(source, place, Field::POINT_ATTRIBUTES, &mut point.attributes);
            if source.below(2) == 0 {
                (point.time_unix_nano, point.start_time_unix_nano, point.flags) = (5, 0, 1);
                put(place, Field::POINT_TIME, Value::Int(5));
                put(place, Field::POINT_START_TIME, Value::Int(0));
                put(place, Field::POINT_FLAGS, Value::Int(1));
            }
            point
        }};
    }
    match model.data.as_mut().unwrap() {
        Kind::Gauge(Gauge { data_points }) | Kind::Sum(Sum { data_points, .. }) => {
            let point = common!(&mut data_points[at]);
            if source.below(2) == 0 {
                point.value = Some(Number::AsInt(0));
                put(place, Field::POINT_VALUE, Value::Int(0));
            } else {
                point.value = Some(Number::AsDouble(2.5));
                put(place, Field::POINT_VALUE, Value::Double(2.5));
            }
            assert!(place.set(Field::POINT_COUNT, &[], Value::Int(1)).is_err());
        }
        Kind::Histogram(it) => {
            let point = common!(&mut it.data_points[at]);
            (point.count, point.sum) = (3, Some(0.0));
            put(place, Field::POINT_COUNT, Value::Int(3));
            put(place, Field::POINT_SUM, Value::Double(0.0));
            point.bucket_counts = vec![1, 2];
            let counts = [Value::Int(1), Value::Int(2)];
            place.set(Field::POINT_BUCKET_COUNTS, &[], Value::Array(&counts)).unwrap();
            assert_eq!(place.numbers(Field::POINT_BUCKET_COUNTS).unwrap().count(), 2);
            point.explicit_bounds = vec![];
            place.set(Field::POINT_EXPLICIT_BOUNDS, &[], Value::Array(&[])).unwrap();
        }
        Kind::ExponentialHistogram(it) => {
            let point = common!(&mut it.data_points[at]);
            point.scale = -3;
            put(place, Field::POINT_SCALE, Value::Int(-3));
            let positive = point.positive.get_or_insert_default();
            positive.offset = -200;
            put(place, Field::POINT_POSITIVE_OFFSET, Value::Int(-200));
            positive.bucket_counts = vec![1, 300];
            let counts = [Value::Int(1), Value::Int(300)];
            place.set(Field::POINT_POSITIVE_COUNTS, &[], Value::Array(&counts)).unwrap();
            assert_eq!(place.numbers(Field::POINT_POSITIVE_COUNTS).unwrap().count(), 2);
        }
        Kind::Summary(it) => {
            let point = common!(&mut it.data_points[at]);
            point.sum = 0.0;
            put(place, Field::POINT_SUM, Value::Double(0.0));
        }
    }
}

fn prune_points(
    metric: &mut Metric,
    above: &[usize],
    verdicts: &Verdicts,
) -> Option<(usize, usize)> {
    let empty = Empty::Keep;
    Some(match metric.data.as_mut()? {
        Kind::Gauge(it) => prune(&mut it.data_points, above, verdicts, empty, |_, _| None),
        Kind::Sum(it) => prune(&mut it.data_points, above, verdicts, empty, |_, _| None),
        Kind::Histogram(it) => prune(&mut it.data_points, above, verdicts, empty, |_, _| None),
        Kind::ExponentialHistogram(it) => {
            prune(&mut it.data_points, above, verdicts, empty, |_, _| None)
        }
        Kind::Summary(it) => prune(&mut it.data_points, above, verdicts, empty, |_, _| None),
    })
}

fn check_metrics(seed: u64) {
    let source = &mut Source::new(seed);
    let mut message = source.metrics();
    let data: Data = decode(Signal::Metrics, &message);
    let empty = random_empty(source);
    let changed = edit_both!(
        source,
        empty,
        data,
        message,
        resource_metrics,
        scope_metrics,
        metrics,
        edit_metric,
        edit_point,
        prune_points
    );
    check_same!(changed, MetricsData, message, resource_metrics, scope_metrics);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn edits_of_logs_do_what_they_do_to_a_tree(seed: u64) {
        check_logs(seed);
    }

    #[test]
    fn edits_of_traces_do_what_they_do_to_a_tree(seed: u64) {
        check_traces(seed);
    }

    #[test]
    fn edits_of_metrics_do_what_they_do_to_a_tree(seed: u64) {
        check_metrics(seed);
    }
}
