//! Rewriting.

use opentelemetry_proto::tonic::logs::v1::LogsData;
use prost::Message;

use crate::{Limits, Logs, LogsBuilder, Scratch, Value, ValueRef};

fn logs(records: usize) -> Logs {
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
    builder.finish()
}

/// The payload is valid and prost reads it.
fn decoded(logs: &Logs) -> LogsData {
    let again = Logs::try_from_otlp(logs.to_bytes(), &Limits::default()).unwrap();
    assert_eq!(again.items(), logs.items());
    let message = LogsData::decode(logs.to_bytes()).unwrap();
    // Canonical lengths: writing it again takes as many bytes.
    assert_eq!(message.encoded_len(), logs.bytes());
    message
}

#[test]
fn a_walk_without_changes_does_not_copy() {
    let logs = logs(3);
    let same = logs.rewrite(&mut Scratch::new(), |_, edit| edit.records(|_, _| {}));
    assert_eq!(same.chunks()[0].as_ptr(), logs.chunks()[0].as_ptr());
    assert_eq!(decoded(&same), decoded(&logs));
}

#[test]
fn attributes_of_resource_and_records_change_together() {
    let logs = logs(300);
    let mut scratch = Scratch::new();
    for late in [false, true] {
        let changed = logs.rewrite(&mut scratch, |_, edit| {
            if !late {
                edit.attributes().set("node", Value::Str("n1"));
            }
            edit.records(|record, edit| {
                if record.severity_number() % 2 == 1 {
                    return edit.drop();
                }
                assert!(edit.attributes().rename("a", "c"));
                edit.attributes().set("added", record.body().unwrap());
                edit.attributes().set("b", Value::Int(2));
                assert_eq!(edit.attributes().get("added"), Some(ValueRef::Str("hello")));
                edit.severity_text("INFO");
            });
            if late {
                edit.attributes().set("node", Value::Str("n1"));
            }
        });
        assert_eq!(changed.items(), 150);
        let message = decoded(&changed);
        assert_eq!(message.resource_logs[0].resource.as_ref().unwrap().attributes.len(), 2);
        for record in changed.records() {
            let keys: Vec<&str> = record.attributes().iter().map(|(key, _)| key).collect();
            assert_eq!(keys, ["c", "b", "added"]);
            assert_eq!(record.severity_text(), "INFO");
        }
        let resource = changed.resources().next().unwrap();
        assert_eq!(resource.attributes().get("node"), Some(ValueRef::Str("n1")));
        assert_eq!(resource.attributes().get("service.name"), Some(ValueRef::Str("shop")));
    }
}

#[test]
fn items_are_counted_whatever_is_dropped_and_how() {
    let all = logs(10);
    let mut scratch = Scratch::new();
    let drop_odd = |drop_group: bool, scratch: &mut Scratch| {
        all.rewrite(scratch, |_, edit| {
            edit.scopes(|edit| {
                edit.records(|record, edit| {
                    if record.severity_number() % 2 == 1 {
                        edit.drop();
                    }
                });
                if drop_group {
                    edit.drop();
                }
            });
        })
    };
    assert_eq!(decoded(&drop_odd(false, &mut scratch)).resource_logs.len(), 1);
    assert_eq!(drop_odd(false, &mut scratch).items(), 5);
    assert_eq!(drop_odd(true, &mut scratch).items(), 0);
    let none = all.rewrite(&mut scratch, |_, edit| edit.drop());
    assert_eq!((none.items(), decoded(&none).resource_logs.len()), (0, 0));
    assert_eq!(all.retain_records(|_| false).items(), 0);
    assert_eq!(all.retain_records(|_| true).items(), 10);
}

#[test]
fn new_attributes_stand_behind_the_old_ones_whatever_is_asked_in_between() {
    let changed = logs(1).rewrite(&mut Scratch::new(), |_, edit| {
        edit.records(|_, edit| {
            let mut attributes = edit.attributes();
            attributes.set("x", Value::Int(1));
            attributes.set("y", Value::Int(2));
            attributes.set("x", Value::Int(3));
            assert_eq!(attributes.len(), 4);
            assert_eq!(attributes.get("a"), Some(ValueRef::Int(1)));
            assert_eq!(attributes.get("x"), Some(ValueRef::Int(3)));
            assert!(attributes.copy("x", "b"));
            assert!(attributes.rename("y", "z"));
            assert!(attributes.remove("a") && !attributes.remove("y"));
            let keys: Vec<&str> = attributes.iter().map(|(key, _)| key).collect();
            assert_eq!(keys, ["b", "x", "z"]);
        });
    });
    let record = changed.records().next().unwrap();
    let all: Vec<_> = record.attributes().iter().collect();
    assert_eq!(all, [("b", ValueRef::Int(3)), ("x", ValueRef::Int(3)), ("z", ValueRef::Int(2))]);
    decoded(&changed);
}
