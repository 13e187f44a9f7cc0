//! Statements at work. What is expected is what the Collector does, by its tests and by recordings of it.

mod table;

use pdata::{Data, Depth, Keep, Limits, Signal};
use serde_json::{Value as Json, json};

use super::Scratch;
use crate::{Context, Editors, ErrorMode, Prefixes, Request, Statement, Statements};

fn attributes(json: &Json) -> Json {
    let entries = json.as_object().unwrap().iter();
    entries.map(|(key, value)| json!({"key": key, "value": any(value)})).collect()
}

/// The OTLP form of a value.
fn any(json: &Json) -> Json {
    match json {
        Json::Null => json!({}),
        Json::Bool(it) => json!({"boolValue": it}),
        Json::Number(it) if it.is_f64() => json!({"doubleValue": it}),
        Json::Number(it) => json!({"intValue": it.to_string()}),
        Json::String(it) => json!({"stringValue": it}),
        Json::Array(it) => {
            json!({"arrayValue": {"values": it.iter().map(any).collect::<Vec<_>>()}})
        }
        Json::Object(_) => json!({"kvlistValue": {"values": attributes(json)}}),
    }
}

/// The value of an OTLP form.
fn plain(any: &Json) -> Json {
    let Some((kind, value)) = any.as_object().and_then(|it| it.iter().next()) else {
        return Json::Null;
    };
    match kind.as_str() {
        "intValue" => json!(value.as_str().unwrap().parse::<i64>().unwrap()),
        "arrayValue" => value["values"].as_array().into_iter().flatten().map(plain).collect(),
        "kvlistValue" => map(&value["values"]),
        _ => value.clone(),
    }
}

fn map(attributes: &Json) -> Json {
    let entries = attributes.as_array().into_iter().flatten();
    let entry = |it: &Json| (it["key"].as_str().unwrap().to_owned(), plain(&it["value"]));
    Json::Object(entries.map(entry).collect())
}

/// The record of the upstream tests.
fn log() -> Json {
    json!({"resourceLogs": [{
        "resource": {"attributes": attributes(&json!({"host.name": "localhost", "n": 1}))},
        "scopeLogs": [{"scope": {"name": "lib"}, "logRecords": [{
            "timeUnixNano": "1581452772000000321", "severityNumber": 1, "severityText": "TRACE",
            "body": {"stringValue": "operationA"},
            "attributes": attributes(&json!({
                "http.method": "get", "http.path": "/health", "http.url": "http://localhost/health",
                "flags": "A|B|C", "total.string": "123456789",
                "foo": {"bar": "pass", "flags": "pass", "slice": ["val"], "nested": {"test": "pass"}},
                "things": [{"name": "foo", "value": 2}, {"name": "bar", "value": 5}],
                "array": ["looong", 2], "int_value": 0, "ok": true}))}]}]}]})
}

/// The payload after statements, and what went wrong.
fn run_in(context: Context, payload: &Json, signal: Signal, texts: &[&str]) -> (Json, Vec<String>) {
    let statements: Vec<Statement> = texts
        .iter()
        .map(|it| Statement::new(it, context, Prefixes::Optional, Editors::Transform).unwrap())
        .collect();
    run_all(context, payload, signal, &statements)
}

fn run_all(
    context: Context,
    payload: &Json,
    signal: Signal,
    statements: &[Statement],
) -> (Json, Vec<String>) {
    let data = Data::from_json(signal, payload.to_string().as_bytes(), &Limits::default()).unwrap();
    let (mut scratch, mut errors) = (Scratch::default(), Vec::new());
    let depth = context.depth();
    let new = data.edit(depth, |place| {
        if place.depth() < depth {
            return Keep::Enter;
        }
        for it in statements {
            errors.extend(it.run(place, &Request::default(), &mut scratch).err());
        }
        Keep::Whole
    });
    let mut text = Vec::new();
    new.to_json(&mut text);
    (serde_json::from_slice(&text).unwrap(), errors)
}

/// The record after statements.
#[track_caller]
fn record(texts: &[&str]) -> Json {
    let (new, errors) = run_in(Context::Log, &log(), Signal::Logs, texts);
    assert_eq!(errors, [""; 0], "{texts:?}");
    new["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0].clone()
}

/// What has become of some attributes.
#[track_caller]
fn becomes(text: &str, want: &Json) {
    let got = map(&record(&[text])["attributes"]);
    for (key, want) in want.as_object().unwrap() {
        assert_eq!(got.get(key), (!want.is_null()).then_some(want), "{key} after {text}");
    }
}

#[track_caller]
fn fails(text: &str, want: &str) {
    let (new, errors) = run_in(Context::Log, &log(), Signal::Logs, &[text]);
    assert_eq!(errors, [want], "{text}");
    assert_eq!(new, run_in(Context::Log, &log(), Signal::Logs, &[]).0, "{text}");
}

#[test]
fn values_are_set_at_any_depth() {
    becomes("set(attributes[\"test\"], \"x\")", &json!({"test": "x"}));
    becomes("set(attributes[\"test\"], nil)", &json!({"test": null}));
    becomes("set(attributes[\"test\"], attributes[\"unknown\"])", &json!({"test": null}));
    becomes("set(attributes[\"a\"][\"b\"][1], 5)", &json!({"a": {"b": [null, 5]}}));
    becomes(
        "set(attributes[\"array\"][0], attributes[\"flags\"])",
        &json!({"array": ["A|B|C", 2]}),
    );
    becomes(
        "set(attributes[\"test\"], {\"a\": [1, 2.5, [true]], \"b\": {\"c\": nil}})",
        &json!({"test": {"a": [1, 2.5, [true]], "b": {"c": null}}}),
    );
    becomes("set(attributes[Concat([\"te\", \"st\"], \"\")], Len(body))", &json!({"test": 10}));
    becomes(
        "set(attributes[\"foo\"][\"nested\"], attributes[\"things\"][1])",
        &json!({"foo": {"bar": "pass", "flags": "pass", "slice": ["val"], "nested": {"name": "bar", "value": 5}}}),
    );
    becomes("set(attributes[\"d\"], Duration(\"1s\"))", &json!({"int_value": 0}));
    let new = record(&["set(attributes, attributes[\"foo\"])"]);
    assert_eq!(map(&new["attributes"])["nested"], json!({"test": "pass"}));
    assert_eq!(map(&new["attributes"]).as_object().unwrap().len(), 4);
    let new = record(&["set(body, {\"_raw\": body, \"n\": attributes[\"foo\"][\"bar\"]})"]);
    assert_eq!(plain(&new["body"]), json!({"_raw": "operationA", "n": "pass"}));
    let new = record(&[
        "set(body, attributes[\"foo\"])",
        "set(body[\"x\"][\"y\"], 1)",
        "delete_key(body, \"bar\")",
    ]);
    assert_eq!(
        plain(&new["body"]),
        json!({"flags": "pass", "slice": ["val"], "nested": {"test": "pass"}, "x": {"y": 1}})
    );
}

#[test]
fn fields_take_values_of_their_type() {
    let new = record(&[
        "set(time_unix_nano, 5)",
        "set(observed_time, Unix(1, 2))",
        "set(severity_number, SEVERITY_NUMBER_ERROR)",
        "set(severity_text, \"E\")",
        "set(flags, 1)",
        "set(trace_id, TraceID(0x000102030405060708090a0b0c0d0e0f))",
        "set(span_id.string, \"0102030405060708\")",
        "set(event_name, \"e\")",
        "set(dropped_attributes_count, 3)",
        "set(body.string, \"new\")",
    ]);
    for (key, want) in [
        ("timeUnixNano", json!("5")),
        ("observedTimeUnixNano", json!("1000000002")),
        ("severityNumber", json!(17)),
        ("severityText", json!("E")),
        ("flags", json!(1)),
        ("traceId", json!("000102030405060708090a0b0c0d0e0f")),
        ("spanId", json!("0102030405060708")),
        ("eventName", json!("e")),
        ("droppedAttributesCount", json!(3)),
        ("body", json!({"stringValue": "new"})),
    ] {
        assert_eq!(new[key], want, "{key}");
    }
    // Years that 64 bits do not hold must not wrap into another one.
    for (year, want) in [("0001", json!(null)), ("9999", json!("9223372036854775807"))] {
        let new = record(&[&format!("set(time, Time(\"{year}-12-31\", \"%Y-%m-%d\"))")]);
        assert_eq!(new["timeUnixNano"], want, "{year}");
    }
    fails("set(severity_number, \"x\")", "expects int64 but got string");
    fails("set(time, 5)", "expects time.Time but got int64");
    fails("set(trace_id, \"x\")", "expects pcommon.TraceID but got string");
    fails("set(span_id.string, \"xx\")", "span ids must be 16 hex characters");
    fails("set(span_id.string, \"010203040506070g\")", "encoding/hex: invalid byte: U+0067 'g'");
    // Only some contexts say that a type is wrong.
    let (new, errors) =
        run_in(Context::Resource, &log(), Signal::Logs, &["set(dropped_attributes_count, \"x\")"]);
    assert!(
        errors.is_empty() && new["resourceLogs"][0]["resource"]["droppedAttributesCount"].is_null()
    );
}

#[test]
fn keys_that_do_not_fit_are_told_in_the_collectors_words() {
    fails(
        "set(attributes[1], \"x\")",
        "cannot set map value: unable to resolve a string index in map: invalid key type",
    );
    fails("set(attributes[\"flags\"][\"x\"], 1)", "type Str does not support string indexing");
    fails(
        "set(attributes[\"array\"][\"x\"], 1)",
        "unable to resolve an integer index in slice: invalid key type",
    );
    fails("set(attributes[\"array\"][9], 1)", "index 9 out of bounds");
    fails(
        "set(attributes[\"array\"][0.0], \"bar\")",
        "unable to resolve an integer index in slice: could not resolve key for map/slice, expecting 'int64' but got 'float64'",
    );
    fails("set(body[\"x\"], 1)", "log bodies of type Str cannot be indexed");
    fails("delete_key(attributes[\"flags\"], \"x\")", "expected pcommon.Map but got string");
    fails("delete_key(attributes[\"unknown\"], \"x\")", "expected pcommon.Map but got nil");
    fails("delete_key(severity_text, \"x\")", "expected pcommon.Map but got string");
    fails("merge_maps(attributes, body, \"insert\")", "expected pcommon.Map but got string");
}

#[test]
fn keys_of_maps_are_chosen() {
    becomes("delete_key(attributes, \"flags\")", &json!({"flags": null, "http.path": "/health"}));
    becomes(
        "delete_key(attributes[\"foo\"], \"slice\") ",
        &json!({"foo": {"bar": "pass", "flags": "pass", "nested": {"test": "pass"}}}),
    );
    let gone = json!({"http.method": null, "http.path": null, "http.url": null, "ok": true});
    becomes("delete_matching_keys(attributes, \"^http\")", &gone);
    let new = record(&["keep_matching_keys(attributes, Concat([\"^ht\", \"tp\"], \"\"))"]);
    assert_eq!(map(&new["attributes"]).as_object().unwrap().len(), 3);
    let new =
        record(&["keep_keys(attributes, [\"flags\", \"ok\", Concat([\"a\", \"rray\"], \"\")])"]);
    assert_eq!(
        map(&new["attributes"]),
        json!({"flags": "A|B|C", "ok": true, "array": ["looong", 2]})
    );
    let new = record(&["limit(attributes, 2, [\"total.string\"])"]);
    assert_eq!(map(&new["attributes"]), json!({"http.method": "get", "total.string": "123456789"}));
    becomes(
        "merge_maps(attributes, attributes[\"foo\"], \"update\")",
        &json!({"flags": "pass", "bar": null}),
    );
    becomes(
        "merge_maps(attributes, attributes[\"foo\"], \"insert\")",
        &json!({"flags": "A|B|C", "bar": "pass"}),
    );
    becomes(
        "merge_maps(attributes, {\"flags\": 1, \"x\": [2]}, \"upsert\")",
        &json!({"flags": 1, "x": [2]}),
    );
}

#[test]
fn texts_are_replaced() {
    let all = json!({"http.path": "test", "http.url": "test", "flags": "A|B|C"});
    becomes("replace_all_matches(attributes, \"*/*\", \"test\")", &all);
    becomes("replace_match(attributes[\"http.path\"], \"/h*\", \"x\")", &json!({"http.path": "x"}));
    becomes(
        "replace_match(attributes[\"http.path\"], \"h*\", \"x\")",
        &json!({"http.path": "/health"}),
    );
    becomes(
        "replace_all_patterns(attributes, \"key\", \"^http\", \"test\")",
        &json!({"test.method": "get", "test.path": "/health", "http.path": null}),
    );
    becomes(
        "replace_all_patterns(attributes, \"value\", \"/\", \"@\")",
        &json!({"http.path": "@health", "http.url": "http:@@localhost@health"}),
    );
    becomes(
        "replace_all_patterns(attributes, \"key\", \"^http.*\", \"flags\")",
        &json!({"http.path": null, "flags": "A|B|C"}),
    );
    becomes(
        "replace_pattern(attributes[\"http.path\"], \"/(h)\", \"@$1-${1}\")",
        &json!({"http.path": "@h-health"}),
    );
    becomes(
        "replace_pattern(attributes[\"http.path\"], \"/\", \"@\", SHA256)",
        &json!({"http.path": "c3641f8544d7c02f3580b07c0f9887f0c6a27ff5ab1d4a3e29caf197cfc299aehealth"}),
    );
    becomes(
        "replace_pattern(attributes[\"flags\"], \"[AC]\", \"$0\", Hex, \"<%s>\")",
        &json!({"flags": "<41>|B|<43>"}),
    );
    becomes("replace_pattern(attributes[\"int_value\"], \"0\", \"1\")", &json!({"int_value": 0}));
    fails(
        "replace_pattern(body, \"o\", \"x\", Hex, \"%d\")",
        "replacementFormat must be format string containing a single %s and no other format specifiers",
    );
    assert_eq!(
        record(&["replace_pattern(body, \"A$\", \"B\")"])["body"]["stringValue"],
        "operationB"
    );
}

#[test]
fn texts_are_cut_and_made() {
    becomes(
        "truncate_all(attributes, 1)",
        &json!({"flags": "A", "http.path": "/", "int_value": 0}),
    );
    becomes(
        "truncate_all(attributes, 5, truncation_marker=\"..\")",
        &json!({"total.string": "123..", "flags": "A|B|C"}),
    );
    let new = record(&["set(attributes[\"e\"], \"a\u{e9}b\")", "truncate_all(attributes, 2)"]);
    assert_eq!(map(&new["attributes"])["e"], "a");
    let new =
        record(&["set(attributes[\"e\"], \"a\u{e9}b\")", "truncate_all(attributes, 2, false)"]);
    assert_eq!(map(&new["attributes"])["e"], "a\u{fffd}");
    becomes(
        "stringify_all(attributes)",
        &json!({"int_value": "0", "ok": "true", "array": "[\"looong\",2]"}),
    );
}

#[test]
fn lists_grow_and_shrink() {
    becomes(
        "append(attributes[\"foo\"][\"slice\"], \"sample\")",
        &json!({"foo": {"bar": "pass", "flags": "pass", "slice": ["val", "sample"], "nested": {"test": "pass"}}}),
    );
    becomes(
        "append(attributes[\"flags\"], values=[1, \"x\"])",
        &json!({"flags": ["A|B|C", 1, "x"]}),
    );
    becomes("append(attributes[\"new\"], 1)", &json!({"new": [1]}));
    fails("append(attributes[\"foo\"], 1)", "<Invalid value type pcommon.Map>");
    becomes("delete_index(attributes[\"array\"], 0)", &json!({"array": [2]}));
    becomes("delete_index(attributes[\"array\"], 0, 2)", &json!({"array": []}));
    becomes("delete_index(attributes[\"array\"], 1, 1)", &json!({"array": ["looong", 2]}));
    fails(
        "delete_index(attributes[\"array\"], 2)",
        "startIndex 2 out of bounds for slice of length 2",
    );
    fails(
        "delete_index(attributes[\"array\"], 1, 5)",
        "deletion range [1:5] out of bounds for slice of length 2",
    );
    fails("delete_index(attributes[\"flags\"], 1)", "expected pcommon.Slice but got string");
}

#[test]
fn maps_are_flattened() {
    let flat = json!({"foo": null, "foo.bar": "pass", "foo.nested.test": "pass", "things.0.name": "foo", "array.0": "looong"});
    becomes("flatten(attributes)", &flat);
    becomes(
        "flatten(attributes, depth=1)",
        &json!({"foo.nested": {"test": "pass"}, "things.0": {"name": "foo", "value": 2}}),
    );
    becomes("flatten(attributes, \"p\")", &json!({"p.flags": "A|B|C", "flags": null}));
    fails("flatten(body)", "expected pcommon.Map but got string");
}

#[test]
fn what_is_cached_lasts_for_one_place() {
    let mut two = log();
    let records = two["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array_mut().unwrap();
    records.push(json!({"body": {"stringValue": "b"}}));
    let texts = [
        "set(attributes[\"before\"], cache[\"p\"])",
        "set(cache[\"p\"], ParseJSON(\"{\\\"a\\\":[1]}\"))",
        "set(cache[\"p\"][\"b\"], \"x\")",
        "set(attributes[\"after\"], cache[\"p\"])",
        "delete_key(cache, \"p\")",
        "set(attributes[\"none\"], Len(cache))",
    ];
    let (new, errors) = run_in(Context::Log, &two, Signal::Logs, &texts);
    assert_eq!(errors, [""; 0]);
    for at in 0..2 {
        let got = map(&new["resourceLogs"][0]["scopeLogs"][0]["logRecords"][at]["attributes"]);
        assert_eq!(got.get("before"), None);
        assert_eq!((&got["after"], &got["none"]), (&json!({"a": [1], "b": "x"}), &json!(0)));
    }
}

#[test]
fn what_is_around_an_item_can_be_changed() {
    let new = run_in(
        Context::Log,
        &log(),
        Signal::Logs,
        &[
            "set(resource.attributes[\"x\"], body)",
            "set(scope.name, severity_text)",
            "set(resource.schema_url, \"s\")",
        ],
    )
    .0;
    let resource = &new["resourceLogs"][0];
    assert_eq!(map(&resource["resource"]["attributes"])["x"], "operationA");
    assert_eq!(resource["scopeLogs"][0]["scope"]["name"], "TRACE");
    assert_eq!(resource["schemaUrl"], "s");
}

#[test]
fn spans_and_their_events_are_changed() {
    let spans = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "name": "GET /1", "kind": 2, "traceState": "a=1,b=2", "status": {"code": 2, "message": "m"},
        "attributes": attributes(&json!({"http.request.method": "GET", "http.route": "/{id}"})),
        "events": [{"name": "e0"}, {"name": "e1"}]}]}]}]});
    let span = |texts: &[&str]| {
        let (new, errors) = run_in(Context::Span, &spans, Signal::Traces, texts);
        assert_eq!(errors, [""; 0], "{texts:?}");
        new["resourceSpans"][0]["scopeSpans"][0]["spans"][0].clone()
    };
    let new = span(&[
        "set(trace_state[\"b\"], \"9\")",
        "set(kind.string, \"Client\")",
        "set(status.code, STATUS_CODE_OK)",
        "set(name, Concat([name, kind.deprecated_string], \" \"))",
        "set(flags, 1)",
        // A wrong type is not told here.
        "set(status.message, 5)",
        "set(events, events)",
    ]);
    for (key, want) in [
        ("traceState", json!("b=9,a=1")),
        ("kind", json!(3)),
        ("status", json!({"code": 1, "message": "m"})),
        ("name", json!("GET /1 SPAN_KIND_CLIENT")),
        ("flags", json!(1)),
        ("events", json!([{"name": "e0"}, {"name": "e1"}])),
    ] {
        assert_eq!(new[key], want, "{key}");
    }
    let new = span(&["set_semconv_span_name(\"1.37.0\", \"old\")"]);
    assert_eq!(
        (&new["name"], &map(&new["attributes"])["old"]),
        (&json!("GET /{id}"), &json!("GET /1"))
    );
    let errors = run_in(
        Context::Span,
        &spans,
        Signal::Traces,
        &["set(kind.string, \"Best\")", "set(flags, -1)"],
    )
    .1;
    assert_eq!(errors, ["unknown span kind string, Best", "value -1 is out of range for uint32"]);

    let texts = [
        "set(span.attributes[name], event_index)",
        "set(name, \"new\") where event_index == 1",
        "set(event_index, 1) where event_index == 1",
    ];
    let (new, errors) = run_in(Context::SpanEvent, &spans, Signal::Traces, &texts);
    assert_eq!(errors, ["the 'event_index' path cannot be modified"]);
    let span = &new["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["events"], json!([{"name": "e0"}, {"name": "new"}]));
    assert_eq!(
        (&map(&span["attributes"])["e0"], &map(&span["attributes"])["e1"]),
        (&json!(0), &json!(1))
    );
}

#[test]
fn exemplars_are_read_and_written_and_reach_everything_around_them() {
    let metrics = json!({"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": [
        {"name": "m", "sum": {"aggregationTemporality": 2, "dataPoints": [
            {"asInt": "1", "attributes": attributes(&json!({"p": "x"})), "exemplars": [
                {"timeUnixNano": "5", "asInt": "7", "filteredAttributes": attributes(&json!({"a": "b"}))},
                {"timeUnixNano": "6", "asDouble": 1.5, "spanId": "0102030405060708"}]},
            {"asInt": "2"}]}},
        {"name": "s", "summary": {"dataPoints": [{"count": "2"}]}}]}]}]});
    let texts = [
        "set(filtered_attributes[\"as\"], [int_value, double_value])",
        "set(filtered_attributes[\"p\"], datapoint.attributes[\"p\"]) where int_value == 7",
        "set(time_unix_nano, time_unix_nano + 1)",
        "set(double_value, 2.5) where double_value == 1.5",
        "set(trace_id, TraceID(0x0102030405060708090a0b0c0d0e0f10)) where int_value == 7",
        "set(span_id, SpanID(0x0000000000000000))",
        "set(time_unix_nano, \"ignored\")",
        "set(datapoint.attributes[\"seen\"], metric.name)",
        "set(metric.unit, resource.attributes[\"u\"]) where cache[\"u\"] != nil",
        "set(resource.attributes[\"last\"], exemplar.time_unix_nano)",
        "set(exemplar.cache[\"u\"], 1)",
    ];
    let (new, errors) = run_in(Context::Exemplar, &metrics, Signal::Metrics, &texts);
    assert_eq!(errors, [""; 0]);
    let group = &new["resourceMetrics"][0];
    assert_eq!(map(&group["resource"]["attributes"])["last"], 7);
    let metrics = &group["scopeMetrics"][0]["metrics"];
    let points = &metrics[0]["sum"]["dataPoints"];
    assert_eq!(map(&points[0]["attributes"]), json!({"p": "x", "seen": "m"}));
    assert_eq!(points[1], json!({"asInt": "2"}), "it has no exemplar");
    assert_eq!(metrics[1]["summary"]["dataPoints"][0], json!({"count": "2"}));
    let [first, second] = [0, 1].map(|at| points[0]["exemplars"][at].clone());
    assert_eq!(map(&first["filteredAttributes"]), json!({"a": "b", "as": [7, 0], "p": "x"}));
    assert_eq!(first["traceId"], "0102030405060708090a0b0c0d0e0f10");
    assert_eq!((&first["timeUnixNano"], &first["asInt"]), (&json!("6"), &json!("7")));
    assert_eq!(map(&second["filteredAttributes"]), json!({"as": [0, 1.5]}));
    assert_eq!((&second["asDouble"], &second["spanId"]), (&json!(2.5), &Json::Null));
}

fn metrics() -> Json {
    json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "gauge", "unit": "By", "gauge": {"dataPoints": [
            {"asInt": "4", "attributes": attributes(&json!({"host": "a", "cpu": "0"}))},
            {"asInt": "6", "attributes": attributes(&json!({"host": "a", "cpu": "1"}))},
            {"asDouble": 2.5, "attributes": attributes(&json!({"host": "b", "cpu": "0"}))}]}},
        {"name": "sum", "sum": {"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [{"asInt": "3"}]}},
        {"name": "histogram", "unit": "ms", "histogram": {"aggregationTemporality": 1, "dataPoints": [
            {"count": "6", "sum": 12.5, "bucketCounts": ["1", "2", "3"], "explicitBounds": [1.0, 5.0]}]}},
        {"name": "exponential", "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [
            {"count": "3", "scale": 1, "positive": {"offset": 1, "bucketCounts": ["1", "2"]}, "negative": {}}]}},
        {"name": "summary", "summary": {"dataPoints": [
            {"count": "2", "sum": 7.5, "quantileValues": [{"quantile": 0.5, "value": 3.0}]}]}}]}]}]})
}

/// The metrics after statements, by name.
#[track_caller]
fn after(context: Context, texts: &[&str]) -> Json {
    let (new, errors) = run_in(context, &metrics(), Signal::Metrics, texts);
    assert_eq!(errors, [""; 0], "{texts:?}");
    let list = new["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
    Json::Object(
        list.iter().map(|it| (it["name"].as_str().unwrap().to_owned(), it.clone())).collect(),
    )
}

#[test]
fn fields_of_metrics_and_points_are_changed() {
    let new = after(
        Context::Metric,
        &[
            "set(description, \"d\")",
            "set(unit, \"1\") where unit == \"By\"",
            "set(is_monotonic, false)",
            "set(aggregation_temporality, AGGREGATION_TEMPORALITY_DELTA)",
            "set(metadata[\"k\"], name)",
            "set(type, 1)",
            "set(data_points, data_points)",
        ],
    );
    assert_eq!((&new["gauge"]["unit"], &new["histogram"]["unit"]), (&json!("1"), &json!("ms")));
    assert_eq!(map(&new["sum"]["metadata"]), json!({"k": "sum"}));
    assert_eq!(
        (&new["sum"]["sum"]["aggregationTemporality"], &new["sum"]["sum"]["isMonotonic"]),
        (&json!(1), &Json::Null)
    );
    assert_eq!(new["exponential"]["exponentialHistogram"]["aggregationTemporality"], 1);

    let new = after(
        Context::DataPoint,
        &[
            "set(attributes[\"n\"], metric.name)",
            "set(value_double, 1.5) where metric.name == \"gauge\"",
            "set(value_int, 7) where metric.name == \"sum\"",
            "set(time_unix_nano, 9)",
            "set(start_time, Unix(1))",
            "set(count, 8)",
            "set(sum, 2.0)",
            "set(flags, 1)",
            "set(scale, -2)",
            "set(zero_count, 4)",
            "set(positive.offset, 3)",
            "set(negative, positive)",
            "set(explicit_bounds, [2.0, 6.0])",
            "set(bucket_counts, bucket_counts)",
            "set(metric.description, \"d\")",
        ],
    );
    let point = |name: &str, kind: &str| new[name][kind]["dataPoints"][0].clone();
    assert_eq!(
        (&point("gauge", "gauge")["asDouble"], &point("sum", "sum")["asInt"]),
        (&json!(1.5), &json!("7"))
    );
    assert_eq!(map(&point("summary", "summary")["attributes"])["n"], "summary");
    assert_eq!(point("histogram", "histogram")["explicitBounds"], json!([2, 6]));
    assert_eq!(
        (&point("histogram", "histogram")["count"], &point("summary", "summary")["sum"]),
        (&json!("8"), &json!(2))
    );
    let exponential = point("exponential", "exponentialHistogram");
    assert_eq!((&exponential["scale"], &exponential["zeroCount"]), (&json!(-2), &json!("4")));
    assert_eq!(exponential["negative"], json!({"offset": 3, "bucketCounts": ["1", "2"]}));
    assert_eq!(
        (&point("gauge", "gauge")["timeUnixNano"], &point("gauge", "gauge")["startTimeUnixNano"]),
        (&json!("9"), &json!("1000000000"))
    );
    assert_eq!(new["summary"]["description"], "d");
}

#[test]
fn metrics_become_others() {
    let new = after(
        Context::Metric,
        &[
            "convert_sum_to_gauge()",
            "convert_gauge_to_sum(\"delta\", true) where name == \"gauge\"",
        ],
    );
    assert_eq!(new["sum"]["gauge"]["dataPoints"][0]["asInt"], "3");
    assert_eq!(
        (&new["gauge"]["sum"]["aggregationTemporality"], &new["gauge"]["sum"]["isMonotonic"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(new["gauge"]["sum"]["dataPoints"].as_array().unwrap().len(), 3);

    let new = after(
        Context::Metric,
        &[
            "extract_count_metric(true) where name == \"histogram\"",
            "extract_sum_metric(false, \".total\") where name == \"summary\"",
            "extract_percentile_metric(50.0) where name == \"histogram\"",
            "convert_summary_quantile_val_to_gauge(\"q\")",
            "copy_metric(name=\"copy\", unit=\"u\") where name == \"sum\"",
            "set(description, \"seen\") where name == \"copy\"",
        ],
    );
    assert_eq!(new["histogram_count"]["sum"]["dataPoints"][0]["asInt"], "6");
    assert_eq!(
        (&new["histogram_count"]["unit"], &new["histogram_count"]["sum"]["aggregationTemporality"]),
        (&json!("1"), &json!(1))
    );
    assert_eq!(new["summary.total"]["sum"]["dataPoints"][0]["asDouble"], 7.5);
    assert_eq!(new["histogram_p50"]["gauge"]["dataPoints"][0]["asDouble"], 5);
    assert_eq!(
        map(&new["summary.quantiles"]["gauge"]["dataPoints"][0]["attributes"]),
        json!({"q": 0.5})
    );
    assert_eq!((&new["copy"]["unit"], &new["copy"]["description"]), (&json!("u"), &json!("seen")));
}

#[test]
fn points_become_fewer() {
    let new = after(
        Context::DataPoint,
        &["convert_summary_count_val_to_sum(\"delta\", true)", "merge_histogram_buckets(1.0)"],
    );
    assert_eq!(new["summary_count"]["sum"]["dataPoints"][0]["asInt"], "2");
    assert_eq!(new["histogram"]["histogram"]["dataPoints"][0]["bucketCounts"], json!(["3", "3"]));

    let new = after(
        Context::Metric,
        &[
            "aggregate_on_attributes(\"sum\", [\"host\"]) where name == \"gauge\"",
            "scale_metric(2.0, \"x\") where name == \"histogram\"",
            "convert_exponential_histogram_to_histogram(\"upper\", [1.0, 2.0, 4.0])",
        ],
    );
    let points = new["gauge"]["gauge"]["dataPoints"].as_array().unwrap();
    assert_eq!(
        (points.len(), &points[0]["asInt"], &points[1]["asDouble"]),
        (2, &json!("10"), &json!(2.5))
    );
    let scaled = &new["histogram"]["histogram"]["dataPoints"][0];
    assert_eq!(
        (&scaled["sum"], &scaled["explicitBounds"], &new["histogram"]["unit"]),
        (&json!(25), &json!([2, 10]), &json!("x"))
    );
    assert_eq!(
        new["exponential"]["histogram"]["dataPoints"][0]["explicitBounds"],
        json!([1, 2, 4])
    );

    let errors = run_in(
        Context::Metric,
        &metrics(),
        Signal::Metrics,
        &[
            "extract_count_metric(true) where name == \"gauge\"",
            "scale_metric(1.0) where name == \"exponential\"",
        ],
    )
    .1;
    assert_eq!(
        errors,
        [
            "extract_count_metric requires an input metric of type Histogram, ExponentialHistogram or Summary, got Gauge",
            "exponential histograms are not supported by the 'scale_metric' function",
        ]
    );
}

#[test]
fn an_error_ends_the_statements_only_if_it_is_propagated() {
    let texts = [
        "set(attributes[\"a\"], 1)",
        "set(attributes[\"b\"], ParseJSON(\"{\"))",
        "set(attributes[\"c\"], 1)",
    ];
    let texts = texts.map(str::to_owned);
    let data =
        Data::from_json(Signal::Logs, log().to_string().as_bytes(), &Limits::default()).unwrap();
    let run = |mode| {
        let list =
            Statements::new(&texts, Context::Log, Prefixes::Optional, Editors::Transform, mode);
        let (list, mut scratch, mut result) = (list.unwrap(), Scratch::default(), Ok(()));
        let new = data.edit(Depth::Item, |place| {
            if place.depth() == Depth::Item {
                result = list.run(place, &Request::default(), &mut scratch);
            }
            Keep::Enter
        });
        let mut text = Vec::new();
        new.to_json(&mut text);
        let new: Json = serde_json::from_slice(&text).unwrap();
        let got = map(&new["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["attributes"]);
        (result, got.get("c").is_some())
    };
    assert_eq!(run(ErrorMode::Ignore), (Ok(()), true));
    assert_eq!(run(ErrorMode::Silent), (Ok(()), true));
    let (result, ran) = run(ErrorMode::Propagate);
    assert!(!ran);
    assert!(result.unwrap_err().starts_with(
        "failed to execute statement: set(log.attributes[\"b\"], ParseJSON(\"{\")), "
    ));
}

/// Allocations of one warm run over so many records.
fn allocations(records: usize) -> u64 {
    let mut payload = log();
    let list = payload["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array_mut().unwrap();
    let record = list[0].clone();
    list.resize(records, record);
    let texts = [
        "set(attributes[\"deployment.environment\"], \"production\")",
        "set(severity_text, \"WARNING\") where severity_number < SEVERITY_NUMBER_INFO",
        "set(severity_number, 9) where body == \"operationA\" and attributes[\"foo\"][\"bar\"] != nil",
        "set(attributes[\"service\"], resource.attributes[\"host.name\"])",
        "set(attributes[\"copy\"], attributes[\"things\"])",
        "set(cache[\"a\"], 1)",
        "delete_key(attributes, \"http.method\")",
        "delete_matching_keys(attributes, \"^total\")",
        "keep_keys(attributes, [\"service\", \"flags\", \"http.path\", \"copy\"])",
        "replace_pattern(attributes[\"flags\"], \"nothing\", \"x\")",
        "truncate_all(attributes, 3)",
        "limit(attributes, 2, [\"flags\"])",
    ]
    .map(str::to_owned);
    let mode = ErrorMode::Propagate;
    let (prefixes, editors) = (Prefixes::Optional, Editors::Transform);
    let statements = Statements::new(&texts, Context::Log, prefixes, editors, mode).unwrap();
    let text = payload.to_string();
    let data = Data::from_json(Signal::Logs, text.as_bytes(), &Limits::default()).unwrap();
    let mut scratch = Scratch::default();
    let mut run = || {
        let new = data.edit(Depth::Item, |place| {
            if place.depth() == Depth::Item {
                statements.run(place, &Request::default(), &mut scratch).unwrap();
            }
            Keep::Enter
        });
        assert_eq!(new.items(), records);
    };
    run();
    allocation_counter::measure(run).count_total
}

#[test]
fn a_record_costs_no_allocation() {
    let (few, many) = (allocations(10), allocations(500));
    assert!(many <= few + 20, "{few} for 10 records, {many} for 500");
}

/// The same payload in whatever order its keys are.
fn canonical(text: &str) -> String {
    let Ok(mut json) = serde_json::from_str::<Json>(text) else { return text.to_owned() };
    json.sort_all_objects();
    without_empty(&mut json);
    json.to_string()
}

/// The Collector's writer leaves some fields out that ours writes, and the other way round.
fn without_empty(json: &mut Json) {
    match json {
        Json::Object(map) => {
            map.values_mut().for_each(without_empty);
            map.retain(|key, it| {
                let empty =
                    it.is_null() || *it == json!("") || *it == json!({}) || *it == json!([]);
                !empty || key.ends_with("Value") || key == "value"
            });
        }
        Json::Array(list) => {
            list.iter_mut().for_each(without_empty);
            // Entries of a map: a removal in Go changes their order.
            if list.iter().all(|it| it.get("key").is_some()) {
                list.sort_by_key(|it| it["key"].to_string());
            }
            // Points: Go's aggregation has them in any order.
            if list.iter().all(|it| it.get("attributes").is_some() && it.get("name").is_none()) {
                list.sort_by_key(|it| (it["attributes"].to_string(), it.to_string()));
            }
        }
        _ => {}
    }
}

#[test]
fn editors_do_what_the_collector_does() {
    as_recorded("editors");
}

#[test]
fn lambdas_do_what_the_collector_does() {
    as_recorded("lambdas");
}

/// What the Collector (pkg/ottl v0.149.0, for lambdas xottl v0.165.1) made of `testdata/record.json`: statements
/// with ` ;; ` between them, a tab, what went wrong, a tab, the payload. `...` is where Go shows an address of its
/// memory.
fn as_recorded(name: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");
    let payload = std::fs::read_to_string(format!("{folder}/record.json")).unwrap();
    let payload: Json = serde_json::from_str(&payload).unwrap();
    let list = std::fs::read_to_string(format!("{folder}/{name}.tsv")).unwrap();
    let mut differences = Vec::new();
    for line in list.lines() {
        let [texts, wrong, want] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let (mut errors, mut new) = (Vec::new(), payload.clone());
        let (context, editors) = (Context::Log, Editors::Transform);
        let mut compiled = Vec::new();
        for text in texts.split(" ;; ") {
            match Statement::new(text, context, Prefixes::Required, editors) {
                Ok(it) => compiled.push(it),
                Err(error) => {
                    let lead = format!("unable to parse OTTL statement {text:?}: ");
                    errors.push(format!("PARSE {}", error.message.replace(&lead, "")));
                }
            }
        }
        if errors.is_empty() {
            (new, errors) = run_all(context, &new, Signal::Logs, &compiled);
        }
        let got: String = errors.iter().flat_map(|it| [it, " | "]).collect();
        let (new, want) = (canonical(&new.to_string()), canonical(want));
        let (before, after) = wrong.split_once("...").unwrap_or((wrong, ""));
        let as_told = got.strip_prefix(before).is_some_and(|it| it.ends_with(after));
        let whole = got.len() == wrong.len() || wrong.contains("...");
        if new != want || !as_told || !whole {
            differences.push(format!("{texts}\n  got  {got} {new}\n  want {wrong} {want}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// What the Collector's transform processor (v0.149.0) made of a payload: a context, a tab, statements with
/// ` ;; ` between them, a tab, the error it stopped at, a tab, the payload.
fn compare(signal: Signal, name: &str) {
    let file = |end| format!("{}/testdata/{name}.{end}", env!("CARGO_MANIFEST_DIR"));
    let payload = std::fs::read_to_string(file("json")).unwrap();
    let payload: Json = serde_json::from_str(&payload).unwrap();
    let mut differences = Vec::new();
    for line in std::fs::read_to_string(file("tsv")).unwrap().lines() {
        let [context, texts, wrong, want] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let context = match context {
            "metric" => Context::Metric,
            "datapoint" => Context::DataPoint,
            "span" => Context::Span,
            "spanevent" => Context::SpanEvent,
            _ => panic!("{line}"),
        };
        let new = |it: &str| Statement::new(it, context, Prefixes::Optional, Editors::Transform);
        let statements: Result<Vec<_>, _> = texts.split(" ;; ").map(new).collect();
        let differs = match statements {
            Err(error) if wrong.starts_with("PARSE") => {
                let message = error.message.replace('"', "\\\"");
                let end = message.rsplit(": ").next().unwrap();
                (!wrong.contains(end)).then_some(error.message)
            }
            Err(error) => Some(format!("refused: {}", error.message)),
            Ok(_) if wrong.starts_with("PARSE") => Some("accepted".to_owned()),
            Ok(statements) => {
                let (new, errors) = run_all(context, &payload, signal, &statements);
                let new = canonical(&new.to_string());
                match errors.first() {
                    Some(error) => (!wrong.ends_with(error.as_str())).then(|| error.clone()),
                    None => (new != canonical(want)).then_some(new),
                }
            }
        };
        if let Some(got) = differs {
            differences.push(format!("{texts}\n  got  {got}\n  want {wrong} {}", canonical(want)));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn metrics_become_what_they_become_in_the_collector() {
    compare(Signal::Metrics, "metrics");
}

#[test]
fn spans_become_what_they_become_in_the_collector() {
    compare(Signal::Traces, "traces");
}
