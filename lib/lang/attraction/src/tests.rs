use std::net::SocketAddr;

use config::Problems;
use pdata::{Data, Depth, Field, Keep, Limits, Signal};
use serde_json::{Value as Json, json};

use crate::{Action, Actions, Sender};

fn actions(list: Json) -> Result<Actions, String> {
    let list: Vec<Action> = serde_json::from_value(list).unwrap();
    let mut found = Problems::default();
    Actions::new(&list, "actions", &mut found).ok_or_else(|| found.faults()[0].text.clone())
}

/// The attributes of a log record, through OTLP/JSON, after `list`.
#[expect(clippy::needless_pass_by_value, reason = "literals read better without ampersands")]
#[track_caller]
fn check_with(sender: Option<Sender<'_>>, list: Json, before: Json, after: Json) {
    let actions = actions(list).unwrap();
    let request = |attributes: Json| json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"attributes": attributes}]}]}]});
    let text = request(before).to_string();
    let data = Data::from_json(Signal::Logs, text.as_bytes(), &Limits::default()).unwrap();
    let bound = actions.bind(sender);
    let data = data.edit(Depth::Item, |place| {
        if place.depth() == Depth::Item {
            bound.apply(&mut place.attributes(Field::LOG_ATTRIBUTES).unwrap());
        }
        Keep::Enter
    });
    let mut text = Vec::new();
    data.to_json(&mut text);
    let got: Json = serde_json::from_slice(&text).unwrap();
    let got = &got["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["attributes"];
    assert_eq!(*got, after);
}

#[track_caller]
fn check(list: Json, before: Json, after: Json) {
    check_with(None, list, before, after);
}

fn text(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

fn int(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"intValue": value}})
}

#[test]
fn insert_update_and_upsert_differ_in_what_must_be_there() {
    let write = |action: &str| json!([{"key": "k", "value": "new", "action": action}]);
    check(write("insert"), json!([text("k", "old")]), json!([text("k", "old")]));
    check(write("INSERT"), json!([text("a", "x")]), json!([text("a", "x"), text("k", "new")]));
    check(write("update"), json!([text("k", "old")]), json!([text("k", "new")]));
    check(write("update"), json!([text("a", "x")]), json!([text("a", "x")]));
    check(write("upsert"), json!([text("k", "old")]), json!([text("k", "new")]));
    check(write("Upsert"), json!([text("a", "x")]), json!([text("a", "x"), text("k", "new")]));
}

#[test]
fn values_keep_the_type_they_are_written_with() {
    let value = json!([1, "two", {"a": 0.5, "b": [true, null]}, {}]);
    check(
        json!([{"key": "list", "value": value, "action": "upsert"},
               {"key": "flag", "value": false, "action": "insert"},
               {"key": "empty", "value": "", "action": "insert"},
               {"key": "ratio", "value": 1.5, "action": "insert"}]),
        json!([text("x", "y")]),
        json!([text("x", "y"),
            {"key": "list", "value": {"arrayValue": {"values": [
                {"intValue": "1"}, {"stringValue": "two"},
                {"kvlistValue": {"values": [
                    {"key": "a", "value": {"doubleValue": 0.5}},
                    {"key": "b", "value": {"arrayValue": {"values": [{"boolValue": true}, {}]}}}]}},
                {"kvlistValue": {}}]}}},
            {"key": "flag", "value": {"boolValue": false}},
            text("empty", ""),
            {"key": "ratio", "value": {"doubleValue": 1.5}}]),
    );
}

#[test]
fn a_value_can_come_from_another_attribute_and_else_from_the_default() {
    check(
        json!([{"key": "copy", "from_attribute": "n", "action": "upsert"},
               {"key": "n", "from_attribute": "gone", "action": "upsert"},
               {"key": "d", "from_attribute": "gone", "default_value": 7, "action": "insert"},
               {"key": "only", "default_value": "x", "action": "insert"}]),
        json!([int("n", "5")]),
        json!([int("n", "5"), int("copy", "5"), int("d", "7"), text("only", "x")]),
    );
    check(
        json!([{"key": "a", "from_attribute": "b", "action": "update"},
               {"key": "c", "from_attribute": "b", "action": "update"},
               {"key": "b", "from_attribute": "a", "action": "insert"}]),
        json!([text("a", "1"), text("b", "2")]),
        json!([text("a", "2"), text("b", "2")]),
    );
}

#[test]
fn a_value_can_come_from_the_client() {
    let sender = Sender {
        peer: Some("10.1.2.3:4567".parse::<SocketAddr>().unwrap()),
        metadata: &[("x-tenant".into(), "a".into()), ("x-tenant".into(), "b".into())],
        auth: &|name| (name == "username").then(|| "ann".to_owned()),
    };
    let list = json!([
        {"key": "tenant", "from_context": "metadata.X-Tenant", "action": "upsert"},
        {"key": "plain", "from_context": "x-tenant", "action": "upsert"},
        {"key": "ip", "from_context": "client.address", "action": "insert"},
        {"key": "no", "from_context": "metadata.gone", "action": "insert"},
        {"key": "who", "from_context": "auth.subject", "default_value": "none", "action": "insert"},
        {"key": "user", "from_context": "auth.username", "action": "insert"},
    ]);
    check_with(
        Some(sender),
        list.clone(),
        json!([text("x", "y")]),
        json!([
            text("x", "y"),
            text("tenant", "a;b"),
            text("plain", "a;b"),
            text("ip", "10.1.2.3"),
            text("who", "none"),
            text("user", "ann")
        ]),
    );
    check(
        list,
        json!([text("x", "y")]),
        json!([text("x", "y"), text("ip", ""), text("who", "none")]),
    );
}

#[test]
fn delete_removes_by_key_and_by_pattern_even_duplicates() {
    check(
        json!([{"key": "secret", "action": "delete"}, {"pattern": "re.t", "action": "delete"},
               {"key": "a", "pattern": "^b", "action": "delete"}]),
        json!([
            text("secret", "1"),
            text("rest", "2"),
            text("arest", "3"),
            text("secret", "4"),
            text("a", "5"),
            text("b1", "6"),
            text("ab", "7")
        ]),
        json!([text("ab", "7")]),
    );
}

#[test]
fn hash_gives_sha_256_of_scalars_and_empty_text_for_the_rest() {
    let sum = |key: &str, digits: &str| text(key, digits);
    check(
        json!([{"pattern": "^.$", "action": "hash"}, {"key": "key", "action": "hash"}]),
        json!([
            text("s", ""),
            int("i", "0"),
            {"key": "d", "value": {"doubleValue": 0}},
            {"key": "b", "value": {"boolValue": true}},
            {"key": "y", "value": {"bytesValue": "AQID"}},
            {"key": "x", "value": {"arrayValue": {}}},
            text("key", "cart"),
            text("other", "o")
        ]),
        json!([
            sum("s", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            sum("i", "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc"),
            sum("d", "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc"),
            sum("b", "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"),
            text("y", ""),
            text("x", ""),
            sum("key", "1c42ddc0285b9c25135be3bf345e6a041271b784b22a6f6cab6588dab93c5980"),
            text("other", "o")
        ]),
    );
}

#[test]
fn extract_makes_attributes_of_named_groups() {
    let list = json!([{"key": "card", "action": "extract",
        "pattern": r"(?P<bin>\d{4})-(?P<rest>.*?)(?P<tail>x)?$"}]);
    check(
        list.clone(),
        json!([text("bin", "old"), text("card", "no 4111-22")]),
        json!([
            text("bin", "4111"),
            text("card", "no 4111-22"),
            text("rest", "22"),
            text("tail", "")
        ]),
    );
    check(list.clone(), json!([text("card", "none")]), json!([text("card", "none")]));
    check(list, json!([int("card", "4111")]), json!([int("card", "4111")]));
}

#[test]
fn convert_changes_the_type_where_it_can() {
    let to = |kind: &str| json!([{"key": "k", "action": "convert", "converted_type": kind}]);
    let one = |value: Json| json!([{"key": "k", "value": value}]);
    for (kind, before, after) in [
        ("int", json!({"stringValue": "-12"}), json!({"intValue": "-12"})),
        ("int", json!({"stringValue": "1.5"}), json!({"stringValue": "1.5"})),
        ("int", json!({"doubleValue": 1.9}), json!({"intValue": "1"})),
        ("int", json!({"boolValue": true}), json!({"intValue": "1"})),
        ("int", json!({"bytesValue": "AQID"}), json!({"bytesValue": "AQID"})),
        ("double", json!({"stringValue": "0.5"}), json!({"doubleValue": 0.5})),
        ("double", json!({"stringValue": "Inf"}), json!({"doubleValue": "Infinity"})),
        ("double", json!({"stringValue": "1e999"}), json!({"stringValue": "1e999"})),
        ("double", json!({"intValue": "3"}), json!({"doubleValue": 3})),
        ("double", json!({"boolValue": false}), json!({"doubleValue": 0})),
        ("string", json!({"doubleValue": 0.5}), json!({"stringValue": "0.5"})),
        ("string", json!({"boolValue": true}), json!({"stringValue": "true"})),
        ("string", json!({"bytesValue": "AQID"}), json!({"stringValue": "AQID"})),
        (
            "string",
            json!({"arrayValue": {"values": [{"intValue": "1"}]}}),
            json!({"stringValue": "[1]"}),
        ),
        ("string", json!({}), json!({"stringValue": ""})),
    ] {
        check(to(kind), one(before), one(after));
    }
}

fn with_key(rest: &str) -> String {
    format!("error with key \"a\" (0-th action): error creating AttrProc{rest}")
}

#[test]
fn wrong_sources_are_refused_in_the_collectors_words() {
    for (action, want) in [
        (json!({"key": "a", "action": "frob"}), with_key(" due to unsupported action \"frob\"")),
        (
            json!({"action": "insert"}),
            "error creating AttrProc due to missing required field \"key\" at the 0-th action"
                .into(),
        ),
        (
            json!({"action": "delete"}),
            concat!(
                "error creating AttrProc due to missing required field (at least one of \"key\" ",
                "and \"pattern\" have to be used) at the 0-th action"
            )
            .into(),
        ),
        (
            json!({"key": "a", "action": "Insert"}),
            with_key(concat!(
                ". Either field \"value\", \"from_attribute\", \"from_context\", or ",
                "\"default_value\" must be specified"
            )),
        ),
        (
            json!({"key": "a", "action": "upsert", "value": 1, "from_attribute": "b"}),
            with_key(" due to multiple value sources being set"),
        ),
        (
            json!({"key": "a", "action": "insert", "value": 1, "pattern": "b"}),
            with_key(concat!(
                ". Action \"insert\" does not use the \"pattern\" field. ",
                "This must not be specified"
            )),
        ),
        (
            json!({"key": "a", "action": "hash", "value": 1}),
            with_key(concat!(
                ". Action \"hash\" does not use \"value\" or \"from_attribute\" field. ",
                "These must not be specified"
            )),
        ),
    ] {
        assert_eq!(actions(json!([action])).unwrap_err(), want);
    }
}

#[test]
fn wrong_patterns_and_types_are_refused_in_the_collectors_words() {
    for (action, want) in [
        (
            json!({"key": "a", "action": "extract", "pattern": "(?P<x>"}),
            with_key(". Field \"pattern\" has invalid pattern: \"(?P<x>\""),
        ),
        (
            json!({"key": "a", "action": "extract"}),
            with_key(" due to missing required field \"pattern\" for action \"extract\""),
        ),
        (
            json!({"key": "a", "action": "extract", "pattern": "x"}),
            with_key(". Field \"pattern\" contains no named matcher groups"),
        ),
        (
            json!({"key": "a", "action": "extract", "pattern": "(?P<x>.)(.)"}),
            with_key(". Field \"pattern\" contains at least one unnamed matcher group"),
        ),
        (
            json!({"key": "a", "action": "convert"}),
            with_key(" due to missing required field \"converted_type\" for action \"convert\""),
        ),
        (
            json!({"key": "a", "action": "convert", "converted_type": "x"}),
            with_key(
                " due to invalid value \"x\" in field \"converted_type\" for action \"convert\"",
            ),
        ),
    ] {
        assert_eq!(actions(json!([action])).unwrap_err(), want);
    }
}
