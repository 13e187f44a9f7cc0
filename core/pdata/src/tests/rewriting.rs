//! Edits of whole payloads.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use opentelemetry_proto::tonic::logs::v1::LogsData;
use prost::Message;

use crate::{
    Data, Depth, Empty, Field, Keep, Key, Limits, Logs, LogsBuilder, PathError, Place, Signal,
    Value, ValueRef,
};

fn logs(records: usize) -> Data {
    let mut builder = LogsBuilder::new();
    builder.resource(|attributes| attributes.put("service.name", "shop"));
    builder.scope("library", "1.0");
    for index in 0..records {
        builder.record(|record| {
            record.time_unix_nano(index as u64);
            record.severity_number(index as i32);
            record.body(Value::Str("hello"));
            record.attribute("a", Value::Int(1));
            record.attribute("b", Value::Str("two"));
        });
    }
    builder.finish().into()
}

/// The payload is valid and prost reads it.
fn decoded(logs: &Data) -> LogsData {
    let again = Logs::try_from_otlp(logs.to_bytes(), &Limits::default()).unwrap();
    assert_eq!(again.items(), logs.items());
    let message = LogsData::decode(logs.to_bytes()).unwrap();
    // Canonical lengths: writing it again takes as many bytes.
    assert_eq!(message.encoded_len(), logs.bytes());
    message
}

/// Edits one record and says what became of it.
fn edited(edit: impl FnMut(&mut Place<'_>)) -> Data {
    each_record(&logs(1), edit)
}

fn each_record(data: &Data, mut edit: impl FnMut(&mut Place<'_>)) -> Data {
    data.edit(Depth::Item, |place| {
        if place.depth() == Depth::Item {
            edit(place);
        }
        Keep::Enter
    })
}

fn records(data: Data) -> Logs {
    data.into_logs().unwrap()
}

#[test]
fn a_walk_without_changes_does_not_copy() {
    let logs = logs(3);
    let same = logs.edit(Depth::Child, |_| Keep::Enter);
    assert_eq!(same.chunks()[0].as_ptr(), logs.chunks()[0].as_ptr());
    assert_eq!(decoded(&same), decoded(&logs));
}

#[test]
fn parents_may_be_changed_before_and_from_their_children() {
    for late in [false, true] {
        let changed = logs(300).edit(Depth::Item, |place| {
            if (place.depth() == Depth::Resource) != late {
                let node = Value::Str("n1");
                place.set(Field::RESOURCE_ATTRIBUTES, &["node".into()], node).unwrap();
            }
            if place.depth() < Depth::Item {
                return Keep::Enter;
            }
            if place.int(Field::LOG_SEVERITY_NUMBER).unwrap() % 2 == 1 {
                return Keep::Drop;
            }
            let mut attributes = place.attributes(Field::LOG_ATTRIBUTES).unwrap();
            assert!(attributes.rename("a", "c"));
            attributes.set("b", Value::Int(2));
            place.set(Field::LOG_SEVERITY_TEXT, &[], Value::Str("INFO")).unwrap();
            Keep::Enter
        });
        assert_eq!(changed.items(), 150);
        let message = decoded(&changed);
        assert_eq!(message.resource_logs[0].resource.as_ref().unwrap().attributes.len(), 2);
        let changed = records(changed);
        for record in changed.records() {
            let keys: Vec<&str> = record.attributes().iter().map(|(key, _)| key).collect();
            assert_eq!((keys, record.severity_text()), (vec!["c", "b"], "INFO"));
        }
        let resource = changed.resources().next().unwrap();
        assert_eq!(resource.attributes().get("node"), Some(ValueRef::Str("n1")));
    }
}

#[test]
fn an_attribute_becomes_what_is_made_of_its_value_so_far() {
    let changed = edited(|place| {
        let mut attributes = place.attributes(Field::LOG_ATTRIBUTES).unwrap();
        let longer = |old: ValueRef<'_>| old.as_str().map(|it| format!("{it}!"));
        for _ in 0..2 {
            let mut new = String::new();
            attributes.change("b", |old| {
                new = longer(old)?;
                Some(Value::Str(&new))
            });
        }
        attributes.change("a", |old| {
            assert_eq!(old, ValueRef::Int(1));
            None
        });
        attributes.change("c", |_| panic!("there is no such attribute"));
        attributes.remove("a");
        attributes.change("a", |_| panic!("it is gone"));
    });
    decoded(&changed);
    let changed = records(changed);
    let all: Vec<_> = changed.records().next().unwrap().attributes().iter().collect();
    assert_eq!(all, [("b", ValueRef::Str("two!!"))]);
}

#[test]
fn items_are_counted_whatever_is_dropped_and_how() {
    let all = logs(10);
    let odd = |place: &Place<'_>| place.int(Field::LOG_SEVERITY_NUMBER).unwrap() % 2 == 1;
    assert_eq!(decoded(&all.retain(odd)).resource_logs.len(), 1);
    assert_eq!(all.retain(odd).items(), 5);
    assert_eq!(all.retain(|_| true).items(), 10);
    let none = all.edit(Depth::Scope, |place| match place.depth() {
        Depth::Scope => Keep::Drop,
        _ => Keep::Enter,
    });
    assert_eq!((none.items(), decoded(&none).resource_logs.len()), (0, 0));
    let kept = all.edit_with(Depth::Item, Empty::Keep, |place| match place.depth() {
        Depth::Item => Keep::Drop,
        _ => Keep::Enter,
    });
    assert_eq!((kept.items(), decoded(&kept).resource_logs.len()), (0, 1));
}

#[test]
fn new_attributes_stand_behind_the_old_ones_whatever_is_asked_in_between() {
    let changed = edited(|place| {
        let mut attributes = place.attributes(Field::LOG_ATTRIBUTES).unwrap();
        attributes.set("x", Value::Int(1));
        attributes.set("y", Value::Int(2));
        attributes.set("x", Value::Int(3));
        assert_eq!(attributes.len(), 4);
        assert_eq!(attributes.get("a"), Some(ValueRef::Int(1)));
        assert_eq!(attributes.get("x"), Some(ValueRef::Int(3)));
        assert!(attributes.copy("x", "b"));
        assert!(attributes.rename("y", "z"));
        assert!(attributes.remove("a") && !attributes.remove("y"));
    });
    decoded(&changed);
    let changed = records(changed);
    let all: Vec<_> = changed.records().next().unwrap().attributes().iter().collect();
    assert_eq!(all, [("b", ValueRef::Int(3)), ("x", ValueRef::Int(3)), ("z", ValueRef::Int(2))]);
}

fn keys<'a>(keys: &[&'a str]) -> Vec<Key<'a>> {
    keys.iter().map(|it| it.parse::<i64>().map_or((*it).into(), Key::Index)).collect()
}

#[track_caller]
fn check_set(at: &[&str], want: Result<&str, PathError>) {
    let mut got = Ok(String::new());
    edited(|place| {
        let map = [("k", Value::Array(&[Value::Int(1), Value::Int(2)]))];
        place.set(Field::LOG_BODY, &[], Value::Map(&map)).unwrap();
        got = place
            .set(Field::LOG_BODY, &keys(at), Value::Bool(true))
            .map(|()| place.get(Field::LOG_BODY, &[]).unwrap().unwrap().to_string());
    });
    assert_eq!(got, want.map(str::to_owned));
}

#[test]
fn setting_inside_of_a_value_makes_what_is_missing_and_refuses_what_does_not_fit() {
    check_set(&["k"], Ok(r#"{"k":true}"#));
    check_set(&["k", "1"], Ok(r#"{"k":[1,true]}"#));
    check_set(&["n", "m"], Ok(r#"{"k":[1,2],"n":{"m":true}}"#));
    check_set(&["n", "2"], Ok(r#"{"k":[1,2],"n":[null,null,true]}"#));
    check_set(&["k", "2"], Err(PathError::OutOfRange { index: 2 }));
    check_set(&["k", "-1"], Err(PathError::OutOfRange { index: -1 }));
    check_set(&["k", "x"], Err(PathError::KeyNotIndex));
    check_set(&["1"], Err(PathError::KeyNotText));
    check_set(&["k", "0", "x"], Err(PathError::NotIndexable { type_name: "Int" }));
    check_set(&["n", "10000"], Err(PathError::OutOfRange { index: 10_000 }));
}

#[test]
fn maps_inside_of_values_are_edited_like_attributes_and_the_cache_is_never_written() {
    let changed = edited(|place| {
        let inner = [("a", Value::Int(1)), ("b", Value::Int(2))];
        let map = [("m", Value::Map(&inner))];
        for field in [Field::LOG_BODY, Field::CACHE] {
            place.set(field, &[], Value::Map(&map)).unwrap();
            let left = place.edit_map(field, &["m".into()], |it| {
                it.retain(|key, _| key == "b");
                it.set("c", Value::Bool(true));
                it.len()
            });
            assert_eq!(left, Ok(2));
            let got = place.get(field, &["m".into()]).unwrap().unwrap().to_string();
            assert_eq!(got, r#"{"b":2,"c":true}"#);
            assert_eq!(place.remove(field, &keys(&["m", "c"])), Ok(true));
            assert_eq!(place.remove(field, &keys(&["m", "c"])), Ok(false));
            assert_eq!(place.get(field, &keys(&["m", "c"])), Ok(None));
        }
        let wrong = place.edit_map(Field::LOG_BODY, &keys(&["m", "b"]), |_| ());
        assert_eq!(wrong, Err(PathError::WrongType { wanted: "Map", got: "Int" }));
    });
    decoded(&changed);
    let changed = records(changed);
    let record = changed.records().next().unwrap();
    assert_eq!(record.body().unwrap().to_string(), r#"{"m":{"b":2}}"#);
    assert_eq!(record.attributes().len(), 2);
}

#[test]
fn exemplars_are_dropped_and_changed_with_their_points_and_traces_have_none() {
    let json = br#"{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "h", "histogram": {"dataPoints": [
        {"count": "3", "exemplars": [{"asInt": "1"}, {"asDouble": 2.5}, {"asInt": "3"}]}, {"count": "4"}]}}]}]}]}"#;
    let data = Data::from_json(Signal::Metrics, json, &Limits::default()).unwrap();
    let mut seen = Vec::new();
    let changed = data.edit(Depth::Exemplar, |place| {
        if place.depth() == Depth::Exemplar {
            let value = place.get(Field::EXEMPLAR_VALUE, &[]).unwrap().unwrap().to_string();
            seen.push((place.index(), value, place.point().is_some()));
            if place.index() == 0 {
                return Keep::Drop;
            }
            let attributes = place.attributes(place.own_attributes());
            attributes.unwrap().set("k", Value::Int(1));
            let count = place.int(Field::POINT_COUNT).unwrap();
            place.set(Field::POINT_COUNT, &[], Value::Int(count + 1)).unwrap();
            place.set(Field::EXEMPLAR_VALUE, &[], Value::Double(0.5)).unwrap();
        } else {
            assert_eq!(place.get(Field::EXEMPLAR_VALUE, &[]), Err(PathError::Absent));
        }
        Keep::Enter
    });
    let of = |index, value: &str| (index, value.to_owned(), true);
    assert_eq!(seen, [of(0, "1"), of(1, "2.5"), of(2, "3")]);
    assert_eq!(changed.items(), 2);
    let mut text = Vec::new();
    changed.to_json(&mut text);
    let new: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let points =
        &new["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["histogram"]["dataPoints"];
    let kept = serde_json::json!({"asDouble": 0.5, "filteredAttributes": [{"key": "k", "value": {"intValue": "1"}}]});
    assert_eq!(points[0], serde_json::json!({"count": "5", "exemplars": [kept, kept]}));
    assert_eq!(points[1], serde_json::json!({"count": "4"}));
    let none = data.edit(Depth::Exemplar, |_| Keep::Enter);
    assert_eq!(none.chunks()[0].as_ptr(), data.chunks()[0].as_ptr());

    let spans =
        br#"{"resourceSpans": [{"scopeSpans": [{"spans": [{"events": [{"name": "e"}]}]}]}]}"#;
    let spans = Data::from_json(Signal::Traces, spans, &Limits::default()).unwrap();
    let mut deepest = Depth::Resource;
    let _ = spans.edit(Depth::Exemplar, |place| {
        deepest = deepest.max(place.depth());
        Keep::Enter
    });
    assert_eq!(deepest, Depth::Child);
}

#[test]
fn the_cache_is_empty_at_each_place() {
    each_record(&logs(2), |place| {
        assert_eq!(place.get(Field::CACHE, &["k".into()]), Ok(None));
        place.set(Field::CACHE, &["k".into()], Value::Int(1)).unwrap();
    });
}

#[test]
fn items_that_are_added_are_visited_like_the_others() {
    let mut seen = Vec::new();
    let changed = each_record(&logs(2), |place| {
        let text = place.log().unwrap().severity_text().to_owned();
        if text.len() < 2 {
            let body = place.encoded().to_vec();
            place.set(Field::LOG_SEVERITY_TEXT, &[], Value::Str(&(text.clone() + "x"))).unwrap();
            let copy = place.encoded().to_vec();
            assert!(place.add_item(&copy));
            place.replace(&body);
        }
        seen.push(text);
    });
    assert_eq!(seen, ["", "", "x", "x", "xx", "xx"]);
    assert_eq!(changed.items(), 6);
    let texts: Vec<String> =
        records(changed.clone()).records().map(|it| it.severity_text().to_owned()).collect();
    assert_eq!(texts, seen);
    decoded(&changed);
}
