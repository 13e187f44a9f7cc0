use component::Signal;
use componenttest::{plan, through};
use serde_json::{Value as Json, json};

use crate::Redaction;

componenttest::conformance!(processor Redaction, "{allow_all_keys: true}");

/// The attributes and the body of a log record after the processor.
async fn record(section: &str, attributes: Json, body: Json) -> (Json, Json) {
    let record = json!({"attributes": attributes, "body": body});
    let request = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]});
    let got = through::<Redaction>(section, Signal::Logs, &request).await;
    let record = &got["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    (record["attributes"].clone(), record["body"].clone())
}

fn text(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number(key: &str, value: i64) -> Json {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

/// Whether all of these are attributes, and no others; through is free to write them shorter.
fn same(got: &Json, want: &[Json]) {
    let sorted = |it: &[Json]| {
        let mut texts: Vec<String> = it.iter().map(Json::to_string).collect();
        texts.sort();
        texts
    };
    assert_eq!(sorted(got.as_array().map_or(&[], Vec::as_slice)), sorted(want));
}

#[tokio::test]
async fn what_is_not_on_the_list_goes() {
    let section = "{allowed_keys: [user, code], summary: debug}";
    let given =
        json!([text("user", "ann"), number("code", 200), text("card", "1"), text("b", "2")]);
    let (attributes, _) = record(section, given, json!(null)).await;
    same(
        &attributes,
        &[
            text("user", "ann"),
            number("code", 200),
            text("redaction.redacted.keys", "b,card"),
            number("redaction.redacted.count", 2),
        ],
    );
}

#[tokio::test]
async fn attributes_that_go_by_the_thousand_do_not_take_long() {
    // Work that grows with the square of this would take minutes.
    let given: Vec<Json> = (0..100_000).map(|at| text(&format!("k{at}"), "v")).collect();
    let section = "{allowed_keys: [k7], summary: info}";
    let (attributes, _) = record(section, given.into(), json!(null)).await;
    same(&attributes, &[text("k7", "v"), number("redaction.redacted.count", 99_999)]);
}

#[tokio::test]
async fn values_and_keys_are_masked() {
    let section = "{allow_all_keys: true, blocked_values: ['4[0-9]{3}-[0-9]+', 'time(out)?'], \
                   blocked_key_patterns: ['^tok'], ignored_keys: [free], allowed_values: ['^ok'], summary: debug}";
    let given = json!([
        text("card", "my 4111-1 and 4222-2"),
        text("err", "timeout"),
        number("token", 5),
        text("free", "4111-1"),
        text("fine", "ok 4111-1"),
        number("n", 7),
    ]);
    let (attributes, body) = record(section, given, json!({"stringValue": "no time"})).await;
    same(
        &attributes,
        &[
            text("card", "my **** and ****"),
            text("err", "****"),
            text("token", "****"),
            text("free", "4111-1"),
            text("fine", "ok 4111-1"),
            number("n", 7),
            text("redaction.masked.keys", "card,err,token"),
            number("redaction.masked.count", 3),
            text("redaction.allowed.keys", "fine"),
            number("redaction.allowed.count", 1),
            number("redaction.ignored.count", 1),
            text("redaction.body.masked.keys", "body"),
            number("redaction.body.masked.count", 1),
        ],
    );
    assert_eq!(body, json!({"stringValue": "no ****"}));
}

#[tokio::test]
async fn bodies_are_looked_through() {
    let section = "{allowed_keys: [a, l, secret], blocked_values: [bad], blocked_key_patterns: [secret], summary: info}";
    let map = |values: Json| json!({"kvlistValue": {"values": values}});
    let list = json!({"key": "l", "value": {"arrayValue": {"values": [{"stringValue": "bad x"}, {"intValue": "1"}]}}});
    let given = map(json!([
        {"key": "a", "value": map(json!([text("secret", "s"), text("gone", "1")]))},
        list,
        text("gone", "2"),
    ]));
    let (attributes, body) = record(section, json!([]), given).await;
    // Upstream masks what is not there, too, and does not tell that a body of one value stays.
    let empty =
        "{allow_all_keys: true, blocked_values: ['^$'], allowed_values: [fine], summary: debug}";
    let (_, masked) = record(empty, json!([]), json!(null)).await;
    assert_eq!(masked, json!({"stringValue": "****"}));
    let (told, _) = record(empty, json!([]), json!({"stringValue": "fine"})).await;
    assert_eq!(told, json!(null));
    let shown = body.to_string();
    assert!(
        !shown.contains("gone") && !shown.contains("bad") && shown.matches("****").count() == 2,
        "{shown}"
    );
    same(
        &attributes,
        &[number("redaction.body.redacted.count", 2), number("redaction.body.masked.count", 2)],
    );
}

#[tokio::test]
async fn of_a_body_with_masked_removed_and_other_values_the_rest_stays() {
    let section =
        "{allowed_keys: [a, b, n, l], blocked_values: [bad], ignored_keys: [free], summary: debug}";
    let map = |values: Json| json!({"kvlistValue": {"values": values}});
    let list = |values: Json| json!({"arrayValue": {"values": values}});
    let value = |key: &str, value: Json| json!({"key": key, "value": value});
    let given = map(json!([
        value(
            "l",
            list(json!([{"stringValue": "bad"}, map(json!([text("b", "bad"), text("x", "1")]))]))
        ),
        text("a", "bad"),
        number("n", 7),
        text("x", "2"),
        value("free", map(json!([text("b", "bad")]))),
        text("a", "again bad"),
    ]));
    let (attributes, body) = record(section, json!([]), given).await;
    let want = map(json!([
        value("l", list(json!([{"stringValue": "****"}, map(json!([text("b", "****")]))]))),
        text("a", "****"),
        number("n", 7),
        value("free", map(json!([text("b", "bad")]))),
        text("a", "again ****"),
    ]));
    assert_eq!(body, want);
    same(
        &attributes,
        &[
            text("redaction.body.masked.keys", "a,a,l.[0],l.[1].b"),
            number("redaction.body.masked.count", 4),
            text("redaction.body.redacted.keys", "l.[1].x,x"),
            number("redaction.body.redacted.count", 2),
            number("redaction.body.ignored.count", 1),
        ],
    );
}

#[tokio::test]
async fn resources_scopes_events_and_points_are_changed_too() {
    let section = "{allow_all_keys: true, blocked_values: [bad]}";
    let bad = json!([text("k", "bad")]);
    let request = json!({"resourceSpans": [{"resource": {"attributes": bad}, "scopeSpans": [{
        "scope": {"attributes": bad},
        "spans": [{"name": "bad", "attributes": bad, "events": [{"name": "e", "attributes": bad}]}]}]}]});
    let got = through::<Redaction>(section, Signal::Traces, &request).await.to_string();
    assert_eq!((got.matches("****").count(), got.matches("bad").count()), (4, 1), "{got}");
    let point = json!({"asInt": "1", "attributes": bad});
    let metric = json!({"name": "m", "gauge": {"dataPoints": [point]}});
    let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]});
    let got = through::<Redaction>(section, Signal::Metrics, &request).await.to_string();
    assert_eq!(got.matches("****").count(), 1, "{got}");
}

#[tokio::test]
async fn digests_and_other_types() {
    let section = "{allow_all_keys: true, redact_all_types: true, blocked_values: ['ann|7'], hash_function: MD5}";
    let (attributes, _) =
        record(section, json!([text("user", "ann"), number("n", 7)]), json!(null)).await;
    same(
        &attributes,
        &[
            text("user", "7e0d7f8a5d96c24ffcc840f31bce72b2"),
            text("n", "8f14e45fceea167a5a36dedd4bea2543"),
        ],
    );
}

/// The name and the attributes of a span after the processor.
async fn span(section: &str, kind: u32, name: &str, attributes: Json) -> (String, Json) {
    let span = json!({"name": name, "kind": kind, "attributes": attributes});
    let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    let got = through::<Redaction>(section, Signal::Traces, &request).await;
    let span = &got["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    (span["name"].as_str().unwrap().to_owned(), span["attributes"].clone())
}

const INTERNAL: u32 = 1;
const CLIENT: u32 = 3;

#[tokio::test]
async fn paths_lose_their_ids_and_queries() {
    let section = "{allow_all_keys: true, url_sanitizer: {enabled: true, attributes: [http.url]}, summary: info}";
    let given =
        json!([text("http.url", "/users/4711/orders?token=x"), text("other", "/users/4711")]);
    let (name, attributes) = span(section, CLIENT, "GET /users/4711?a=b", given.clone()).await;
    assert_eq!(name, "GET /users/*");
    same(
        &attributes,
        &[
            text("http.url", "/users/*/orders"),
            text("other", "/users/4711"),
            number("redaction.masked.count", 1),
        ],
    );
    for (more, kind, name, want) in [
        ("", INTERNAL, "/users/4711", "/users/4711"),
        ("", CLIENT, "/123/456", "/123/456"),
        ("", CLIENT, "handle 4711", "handle 4711"),
        (", sanitize_span_name: false", CLIENT, "/users/4711", "/users/4711"),
    ] {
        let section = format!("{{allow_all_keys: true, url_sanitizer: {{enabled: true{more}}}}}");
        assert_eq!(span(&section, kind, name, json!([])).await.0, want, "{more} {name}");
    }
    let allowed =
        "{allow_all_keys: true, allowed_values: [^/users], url_sanitizer: {enabled: true}}";
    assert_eq!(span(allowed, CLIENT, "/users/4711", json!([])).await.0, "/users/4711");
    let body = json!({"stringValue": "/users/4711"});
    let (_, after) = record(section, json!([]), body.clone()).await;
    assert_eq!(after, json!({"stringValue": "/users/*"}));
    let off = "{allow_all_keys: true, url_sanitizer: {enabled: true, sanitize_log_body: false}}";
    assert_eq!(record(off, json!([]), body).await.1, json!({"stringValue": "/users/4711"}));
    let (_, after) = record(section, json!([]), json!({"intValue": "7"})).await;
    assert_eq!(after, json!({"intValue": "7"}));
}

#[tokio::test]
async fn queries_lose_their_values_where_the_database_is_known() {
    let on = "{enabled: true, attributes: [db.statement]}";
    let section = format!(
        "{{allow_all_keys: true, db_sanitizer: {{sql: {on}, redis: {on}, valkey: {on}, memcached: {on}, \
         mongo: {on}, opensearch: {on}, es: {on}}}}}"
    );
    for (key, system, query, want) in [
        ("db.system", "mysql", "SELECT * FROM a WHERE id = 7", "SELECT * FROM a WHERE id = ?"),
        ("db.system.name", "PostgreSQL", "b = 'x'", "b = ?"),
        ("db.system", "redis", "SET user:1 x", "SET user:1 ?"),
        ("db.system", "valkey", "SET user:1 x", "SET user:1 ?"),
        ("db.system", "memcached", "set key 0 60 5\r\nvalue\r\n", "set key 0 60 5"),
        ("db.system", "mongodb", r#"{"find":"users"}"#, r#"{"find":"?"}"#),
        ("db.system", "opensearch", r#"{"q":{"a":1}}"#, r#"{"q":{"a":"?"}}"#),
        ("db.system", "elasticsearch", "GET /a/_search", "GET /a/_search"),
        ("db.system", "cassandra", "b = 'x'", "b = 'x'"),
        ("other", "mysql", "b = 'x'", "b = 'x'"),
    ] {
        let given = json!([text(key, system), text("db.statement", query), text("b", "SET a 1")]);
        let (name, attributes) = span(&section, INTERNAL, query, given).await;
        assert_eq!(name, want, "{system}");
        same(&attributes, &[text(key, system), text("db.statement", want), text("b", "SET a 1")]);
    }
    let sql =
        "{allow_all_keys: true, db_sanitizer: {sql: {enabled: true}, sanitize_span_name: false}}";
    let given = json!([text("db.system", "mysql"), text("db.statement", "a = 1")]);
    let (name, attributes) = span(sql, CLIENT, "a = 1", given.clone()).await;
    assert_eq!(name, "a = 1");
    same(&attributes, given.as_array().unwrap());
    // What names the database may go.
    let strict = "{allowed_keys: [a], db_sanitizer: {sql: {enabled: true}}}";
    assert_eq!(span(strict, CLIENT, "a = 1", given).await.0, "a = ?");
}

#[tokio::test]
async fn log_records_need_not_say_which_database_it_is() {
    let on = "{enabled: true, attributes: [db.statement]}";
    let section = format!("{{allow_all_keys: true, db_sanitizer: {{sql: {on}, redis: {on}}}}}");
    let given = json!([text("db.statement", "SET user:12 x")]);
    let map = json!({"kvlistValue": {"values": [text("q", "a = 7"), number("n", 7)]}});
    let (attributes, body) = record(&section, given, map).await;
    same(&attributes, &[text("db.statement", "SET user:? ?")]);
    let want = json!({"kvlistValue": {"values": [text("q", "a = ?"), number("n", 7)]}});
    assert_eq!(body, want);
    // A query that is not closed is cut, as they are where they are long.
    let given = json!([text("db.system", "mysql"), text("db.statement", "a = 'sec")]);
    let (attributes, _) = record(&section, given, json!(null)).await;
    same(&attributes, &[text("db.system", "mysql"), text("db.statement", "a = ?")]);
}

#[test]
fn sections_that_make_no_sense_are_refused() {
    for (section, want) in [
        ("{hash_function: rot13}", "unknown HashFunction rot13, allowed functions are sha1, sha3"),
        (
            "{hash_function: hmac-sha256}",
            "hmac_key must not be empty when hash_function is \"hmac-sha256\"",
        ),
        (
            "{hash_function: hmac-sha512, hmac_key: abc}",
            "hmac_key must be at least 64 bytes long for \"hmac-sha512\", got 3 bytes",
        ),
        (
            "{blocked_values: ['[']}",
            "failed to process block list: error compiling regex in list: error parsing regexp: missing closing ]: `[`",
        ),
    ] {
        let found = plan::<Redaction>(section, Signal::Logs).err().unwrap_or_default();
        assert!(found.iter().any(|it| it.contains(want)), "{section}: {found:?}");
    }
}
