//! Conditions as a whole, looked at with real payloads.

use pdata::{Data, Depth, Keep, Limits, Place, Signal};
use proptest::prelude::*;

use crate::{
    Condition, Conditions, Context, Editors, ErrorMode, Prefixes, Request, Statement, infer,
};

/// The record of the upstream tests, and a bit more.
const LOG: &str = r#"{"resourceLogs":[{"schemaUrl":"https://r","resource":{"droppedAttributesCount":3,
  "attributes":[{"key":"host.name","value":{"stringValue":"localhost"}}]},
  "scopeLogs":[{"schemaUrl":"https://s","scope":{"name":"lib","version":"1.2"},"logRecords":[{
    "timeUnixNano":"1581452772000000321","severityNumber":1,"severityText":"TRACE","flags":1,
    "traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708",
    "body":{"stringValue":"operationA"},
    "attributes":[
      {"key":"http.method","value":{"stringValue":"get"}},
      {"key":"flags","value":{"stringValue":"A|B|C"}},
      {"key":"int_value","value":{"intValue":"0"}},
      {"key":"ratio","value":{"doubleValue":0.5}},
      {"key":"ok","value":{"boolValue":true}},
      {"key":"raw","value":{"bytesValue":"AQI="}},
      {"key":"none","value":{}},
      {"key":"foo","value":{"kvlistValue":{"values":[
        {"key":"bar","value":{"stringValue":"pass"}},
        {"key":"slice","value":{"arrayValue":{"values":[{"stringValue":"val"}]}}}]}}},
      {"key":"things","value":{"arrayValue":{"values":[
        {"kvlistValue":{"values":[{"key":"name","value":{"stringValue":"foo"}},{"key":"value","value":{"intValue":"2"}}]}},
        {"kvlistValue":{"values":[{"key":"name","value":{"stringValue":"bar"}},{"key":"value","value":{"intValue":"5"}}]}}]}}}]},
    {"severityNumber":9,"body":{"kvlistValue":{"values":[{"key":"k","value":{"arrayValue":{"values":[{"intValue":"7"}]}}}]}}},
    {"body":{"arrayValue":{"values":[{"stringValue":"first"}]}}}
  ]}]}]}"#;

/// What `look` says at the place of this number (from 0) at this depth.
fn at<T>(
    signal: Signal,
    text: &str,
    depth: Depth,
    number: usize,
    mut look: impl FnMut(&Place<'_>) -> T,
) -> T {
    let data = Data::from_json(signal, text.as_bytes(), &Limits::default()).unwrap();
    let (mut seen, mut found) = (0, None);
    let _ = data.edit(depth, |place| {
        if place.depth() == depth {
            if seen == number {
                found = Some(look(place));
            }
            seen += 1;
        }
        Keep::Enter
    });
    found.unwrap()
}

/// What a condition says of a log record.
fn of_log(text: &str, number: usize) -> Result<bool, String> {
    let condition = Condition::new(text, Context::Log, Prefixes::Optional);
    let condition = condition.map_err(|it| it.message)?;
    at(Signal::Logs, LOG, Depth::Item, number, |place| condition.holds(place, &Request::default()))
}

#[track_caller]
fn hold(texts: &[&str]) {
    for text in texts {
        assert_eq!(of_log(text, 0), Ok(true), "{text}");
    }
}

#[track_caller]
fn fail(texts: &[(&str, &str)]) {
    for (text, want) in texts {
        assert_eq!(of_log(text, 0), Err((*want).to_owned()), "{text}");
    }
}

#[test]
fn fields_of_a_log_record_can_be_read() {
    hold(&[
        "severity_number == 1",
        "severity_number == SEVERITY_NUMBER_TRACE",
        "severity_number < SEVERITY_NUMBER_INFO and not (severity_number > 1)",
        "severity_number < 1.5",
        "severity_text == \"TRACE\"",
        "body == \"operationA\"",
        "body.string == \"operationA\"",
        "time_unix_nano == 1581452772000000321",
        "observed_time_unix_nano == 0",
        "time > Unix(1581452772) and time < Unix(1581452773)",
        "flags == 1",
        "dropped_attributes_count == 0",
        "trace_id == TraceID(0x0102030405060708090a0b0c0d0e0f10)",
        "trace_id != SpanID(\"0102030405060708\")",
        "trace_id.string == \"0102030405060708090a0b0c0d0e0f10\"",
        "span_id.string == \"0102030405060708\" and span_id == SpanID(0x0102030405060708)",
        "event_name == \"\"",
        "log.body == \"operationA\"",
        "resource.attributes[\"host.name\"] == \"localhost\"",
        "resource.dropped_attributes_count == 3 and resource.schema_url == \"https://r\"",
        "scope.name == \"lib\" and instrumentation_scope.version == \"1.2\"",
        "scope.schema_url == \"https://s\"",
        "cache[\"a\"] == nil",
    ]);
}

#[test]
fn keys_lead_through_maps_and_lists() {
    hold(&[
        "attributes[\"foo\"][\"bar\"] == \"pass\"",
        "attributes[\"foo\"][\"slice\"][0] == \"val\"",
        "attributes[\"things\"][Len(attributes[\"things\"]) - 1][\"name\"] == \"bar\"",
        "attributes[\"metadata\"][\"uid\"] == nil",
        "attributes[\"foo\"][\"nothing\"][\"uid\"] == nil",
        "attributes[Concat([\"http\", \"method\"], \".\")] == \"get\"",
        "attributes[\"none\"] == nil",
        "Split(attributes[\"flags\"], \"|\")[1] == \"B\"",
        "ParseJSON(\"{\\\"id\\\":{\\\"a\\\":[1]}}\")[\"id\"][\"a\"][0] == 1",
    ]);
    assert_eq!(of_log("body[\"k\"][0] == 7", 1), Ok(true));
    assert_eq!(of_log("body[0] == \"first\"", 2), Ok(true));
    fail(&[
        ("body[\"k\"] == 1", "log bodies of type Str cannot be indexed"),
        (
            "attributes[1] == 1",
            "cannot get map value: unable to resolve a string index in map: invalid key type",
        ),
        (
            "attributes[\"things\"][0.0] == 1",
            "unable to resolve an integer index in slice: could not resolve key for map/slice, \
             expecting 'int64' but got 'float64'",
        ),
        ("attributes[\"things\"][2] == 1", "index 2 out of bounds"),
        ("attributes[\"things\"][-1] == 1", "index -1 out of bounds"),
        ("attributes[\"flags\"][\"a\"] == 1", "type Str does not support string indexing"),
        ("Split(body, \"a\")[9] == 1", "index 9 out of bounds"),
        (
            "Split(body, \"a\")[\"x\"] == 1",
            "type, []interface {}, does not support string indexing",
        ),
        ("ParseJSON(\"{}\")[\"x\"] == 1", "key not found in map"),
    ]);
}

#[test]
fn and_binds_tighter_than_or_and_not_tightest() {
    hold(&[
        "true or false and false",
        "not (true and false)",
        "not false and not false",
        "not severity_number == 2",
        "severity_number == 2 or body == \"operationA\" and severity_number == 1",
    ]);
    assert_eq!(of_log("not true or false", 0), Ok(false));
    // What comes behind the decision is not looked at.
    hold(&["severity_number == 1 or body[\"k\"] == 1"]);
    assert_eq!(of_log("severity_number == 2 and body[\"k\"] == 1", 0), Ok(false));
}

#[test]
fn arithmetic_is_gos() {
    hold(&[
        "severity_number + 1 == 2",
        "7 / 2 == 3",
        "7 / 2.0 == 3.5",
        "1 + 2 * 3 == 7",
        "(1 + 2) * 3 == 9",
        "10 - 2 - 3 == 5",
        "-severity_number == -1",
        "- (1 + 1) == -2",
        "9223372036854775807 + 1 < 0",
        "time - Unix(1581452772) == Duration(\"321ns\")",
        "Unix(10) + Duration(\"1s\") == Unix(11)",
        "Duration(\"1s\") - Duration(\"1ms\") == Duration(\"999ms\")",
        "Time(\"10\", \"%M\") - Time(\"01\", \"%M\") < Duration(\"10m\")",
    ]);
    fail(&[
        ("severity_number / 0 == 1", "attempted to divide by 0"),
        ("severity_number / 0.0 == 1", "attempted to divide by 0"),
        ("severity_number + body == 1", "operationA must be int64 or float64"),
        ("body + 1 == 1", "operationA must be int64, float64, time.Time or time.Duration"),
        ("-body == 1", "unsupported unary minus operation on type string"),
        (
            "Duration(\"1s\") * severity_number == nil",
            "only addition and subtraction supported for time.Time and time.Duration",
        ),
    ]);
}

#[test]
fn types_can_be_told() {
    hold(&[
        "IsString(body) and not IsString(severity_number) and not IsString(nil)",
        "IsInt(severity_number) and not IsInt(attributes[\"ratio\"])",
        "IsDouble(attributes[\"ratio\"]) and IsBool(attributes[\"ok\"])",
        "IsMap(attributes[\"foo\"]) and IsMap(attributes) and not IsMap(body)",
        "IsList(attributes[\"things\"]) and IsList([1]) and not IsList(body)",
        "IsMatch(\"aa123bb\", \"\\\\d{3}\")",
        "IsMatch(pattern=\"^oper\", target=body)",
        "not IsMatch(nil, \".*\")",
        "IsMatch(severity_number, \"^1$\")",
        "IsMatch(body, Concat([\"^\", \"operation\"], \"\"))",
        "HasPrefix(body, \"oper\") and HasSuffix(body, \"nA\")",
        "IsInCIDR(\"10.1.2.3\", [\"192.168.0.0/16\", \"10.0.0.0/8\"])",
        "not IsInCIDR(\"11.1.2.3\", [\"10.0.0.0/8\"]) and not IsInCIDR(\"x\", [\"0.0.0.0/0\"])",
        "IsInCIDR(\"fe80::1\", [\"fe80::/10\"]) and IsInCIDR(\"1.2.3.4\", [\"0.0.0.0/0\"])",
        "IsValidLuhn(\"17893729974\") and not IsValidLuhn(17893729975)",
        "ContainsValue([1, \"a\"], \"a\") and not ContainsValue([1], 2)",
    ]);
}

#[test]
fn values_can_be_converted() {
    hold(&[
        "Double(\"1\") == 1.0 and Double(true) == 1.0 and Int(1.9) == 1 and Int(\"1\") == 1",
        "Int(\"x\") == nil and Int(nil) == nil and Bool(\"f\") == false and Bool(2) == true",
        "String(true) == \"true\" and String([1, 2, 3]) == \"[1,2,3]\" and String(nil) == nil",
        "String(attributes[\"foo\"]) == \"{\\\"bar\\\":\\\"pass\\\",\\\"slice\\\":[\\\"val\\\"]}\"",
        "String(span_id) == \"[1,2,3,4,5,6,7,8]\" and String(attributes[\"raw\"]) == \"0102\"",
        "Hex(1.0) == \"3ff0000000000000\" and Hex(true) == \"01\" and Hex(\"12\") == \"3132\"",
        "Hex(12) == \"000000000000000c\"",
        "ParseInt(\"ff\", 16) == 255 and ParseInt(\"0x10\", 0) == 16 and ParseInt(\"-7\", 10) == -7",
        "Coalesce([nil, attributes[\"none\"], body]) == \"operationA\"",
        "Log(1) == 0.0",
        "{\"a\": [1, nil]} == {\"a\": [1, nil]} and [1] != [1.0]",
        "attributes[\"foo\"] == {\"slice\": [\"val\"], \"bar\": \"pass\"}",
        "attributes[\"raw\"] == 0x0102 and attributes[\"raw\"] < 0x0103",
    ]);
    fail(&[
        ("Double(body) == 1", "strconv.ParseFloat: parsing \"operationA\": invalid syntax"),
        ("ParseInt(body, 10) == 1", "strconv.ParseInt: parsing \"operationA\": invalid syntax"),
        (
            "ParseInt(\"9223372036854775808\", 10) == 1",
            "strconv.ParseInt: parsing \"9223372036854775808\": value out of range",
        ),
    ]);
}

#[test]
fn texts_can_be_taken_apart() {
    hold(&[
        "Concat([\"A\", nil, 1], \":\") == \"A:<nil>:1\"",
        "Substring(\"pass\", 0, 2) == \"pa\" and Substring(body, 9, 1) == \"A\"",
        "Trim(\" a \") == \"a\" and Trim(\"xax\", \"x\") == \"a\"",
        "TrimPrefix(\"abc\", \"a\") == \"bc\" and TrimSuffix(\"abc\", \"bc\") == \"a\"",
        "ToLowerCase(\"aB\") == \"ab\" and ToUpperCase(\"aB\") == \"AB\"",
        "ConvertCase(\"fooBar\", \"snake\") == \"foo_bar\"",
        "ConvertCase(\"foo_bar\", \"camel\") == \"FooBar\" and ToCamelCase(\"a-b c\") == \"ABC\"",
        "ToSnakeCase(\"HTTPServer\") == \"http_server\" and ToSnakeCase(\"a1B\") == \"a_1_b\"",
        "Split(\"a,b\", \",\") == [\"a\", \"b\"] and Len(Split(\"abc\", \"\")) == 3",
        "Index(\"abc\", \"c\") == 2 and Index([1, 2], 2) == 1 and Index(\"abc\", \"x\") == -1",
        "Len(body) == 10 and Len(attributes[\"things\"]) == 2 and Len(attributes[\"foo\"]) == 2",
        "Sort(Split(attributes[\"flags\"], \"|\"), \"desc\") == [\"C\", \"B\", \"A\"]",
        "Sort([11, 2.2, -1.0]) == [-1.0, 2.2, 11]",
        "Sort([false, 11, 2.2, \"three\"]) == [11, 2.2, false, \"three\"]",
        "Keys({\"a\": 1, \"b\": 2}) == [\"a\", \"b\"] and Values({\"a\": 1}) == [1]",
    ]);
    fail(&[
        (
            "Substring(body, 0, 500) == \"\"",
            "invalid range for substring function, 500 cannot be greater than the length of target \
             string(10)",
        ),
        (
            "Substring(body, -1, 5) == \"\"",
            "invalid start for substring function, -1 cannot be negative",
        ),
        (
            "Substring(body, 1, 0) == \"\"",
            "invalid length for substring function, 0 cannot be negative or zero",
        ),
        ("Substring(attributes[\"foo\"], 0, 1) == \"\"", "expected string but got pcommon.Map"),
        ("Substring(attributes[\"x\"], 0, 1) == \"\"", "expected string but got nil"),
    ]);
}

#[test]
fn texts_can_be_parsed_and_hashed() {
    hold(&[
        "ParseJSON(\"{\\\"id\\\":1}\") == {\"id\": 1.0} and ParseJSON(\"[1]\") == [1.0]",
        "ParseKeyValue(\"k1!v1_k2!\\\"v2__!__v2\\\"\", \"!\", \"_\")[\"k2\"] == \"v2__!__v2\"",
        "ParseKeyValue(\"k1=v1 k2=v2=v3\") == {\"k1\": \"v1\", \"k2\": \"v2=v3\"}",
        "ExtractPatterns(\"aa123bb\", \"(?P<numbers>\\\\d+)\") == {\"numbers\": \"123\"}",
        "ExtractPatterns(\"aa\", \"(?P<numbers>\\\\d+)\") == {}",
        "FNV(\"pass\") == 266877920130663416",
        "SHA256(\"pass\") == \"d74ff0ee8da3b9806b18c877dbf29bbde50b5bd8e4dad7a3a725000feb82e8f1\"",
        "Base64Encode(\"pass\") == \"cGFzcw==\"",
    ]);
    fail(&[
        ("ParseJSON(\"1\") == 1", "could not convert parsed value of type float64 to JSON object"),
        (
            "IsMatch(body, \"(\")",
            "couldn't create function: the regex pattern supplied to IsMatch '\"(\"' is not a valid pattern: error parsing regexp: missing closing ): `(`",
        ),
    ]);
}

#[test]
fn times_can_be_taken_apart() {
    hold(&[
        "Hours(Duration(\"90m\")) == 1.5 and Minutes(Duration(\"1h\")) == 60.0",
        "Seconds(Duration(\"1m\")) == 60.0 and Milliseconds(Duration(\"1s\")) == 1000",
        "Microseconds(Duration(\"1ms\")) == 1000 and Nanoseconds(Duration(\"1ms\")) == 1000000",
        "Year(time) == 2020 and Month(time) == 2 and Day(time) == 11 and Hour(time) == 20",
        "Minute(time) == 26 and Second(time) == 12 and Nanosecond(time) == 321",
        "Weekday(time) == 2",
        "UnixSeconds(time) == 1581452772 and UnixMilli(time) == 1581452772000",
        "UnixMicro(time) == 1581452772000000 and UnixNano(time) == time_unix_nano",
        "TruncateTime(time, Duration(\"1h\")) == Unix(1581451200)",
        "Hour(Time(\"2024-07-01 08:00\", \"%Y-%m-%d %H:%M\", \"America/New_York\")) == 8",
        "UnixSeconds(Time(\"2024-07-01 08:00\", \"%Y-%m-%d %H:%M\", \"America/New_York\")) == 1719835200",
        "FormatTime(Time(\"2024-07-01\", \"%F\", \"America/New_York\"), \"%R %Z\") == \"00:00 EDT\"",
        "FormatTime(Unix(0), \"%Z\") == \"UTC\"",
        "Now() > time",
    ]);
}

#[test]
fn fields_of_spans_and_events_can_be_read() {
    let text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"GET","kind":2,
      "parentSpanId":"0102030405060708","traceState":"a=1,b=2","status":{"code":2,"message":"m"},
      "startTimeUnixNano":"1000000000","endTimeUnixNano":"3000000000",
      "events":[{"name":"e0"},{"name":"e1","timeUnixNano":"5",
        "attributes":[{"key":"k","value":{"stringValue":"v"}}]}]}]}]}]}"#;
    for (context, depth, number, conditions) in [
        (
            Context::Span,
            Depth::Item,
            0,
            &[
                "name == \"GET\" and kind == SPAN_KIND_SERVER and kind.string == \"Server\"",
                "kind.deprecated_string == \"SPAN_KIND_SERVER\"",
                "status.code == STATUS_CODE_ERROR and status.message == \"m\"",
                "end_time - start_time > Duration(\"1s\") and end_time_unix_nano == 3000000000",
                "trace_state == \"a=1,b=2\" and trace_state[\"b\"] == \"2\"",
                "Len(events) == 2 and Len(links) == 0 and IsList(events)",
                "not IsRootSpan() and parent_span_id.string == \"0102030405060708\"",
                "trace_id.string == \"00000000000000000000000000000000\" and trace_id == TraceID(0x00000000000000000000000000000000)",
            ][..],
        ),
        (
            Context::SpanEvent,
            Depth::Child,
            1,
            &[
                "name == \"e1\" and event_index == 1 and attributes[\"k\"] == \"v\"",
                "time_unix_nano == 5 and span.name == \"GET\" and span.kind == SPAN_KIND_SERVER",
            ][..],
        ),
    ] {
        for condition in conditions {
            let compiled = Condition::new(condition, context, Prefixes::Optional).unwrap();
            let got = at(Signal::Traces, text, depth, number, |place| {
                compiled.holds(place, &Request::default())
            });
            assert_eq!(got, Ok(true), "{condition}");
        }
    }
}

#[test]
fn fields_of_metrics_and_points_can_be_read() {
    let text = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
      {"name":"a","unit":"By","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
        {"asInt":"5","flags":1,"attributes":[{"key":"k","value":{"intValue":"7"}},{"key":"s","value":{"stringValue":"v"}}]}]}},
      {"name":"h","histogram":{"dataPoints":[
        {"count":"10","sum":5.5,"bucketCounts":["2","8"],"explicitBounds":[1.0]}]}},
      {"name":"e","exponentialHistogram":{"dataPoints":[
        {"count":"3","scale":-1,"zeroCount":"1","positive":{"offset":2,"bucketCounts":["1","1"]}}]}},
      {"name":"q","summary":{"dataPoints":[{"count":"4","sum":10.0,"quantileValues":[{}]}]}}]}]}]}"#;
    let conditions: [(Context, &[&str]); 5] = [
        (
            Context::Metric,
            &[
                "name == \"a\" and unit == \"By\" and type == METRIC_DATA_TYPE_SUM and is_monotonic",
                "aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE",
                "Len(data_points) == 1 and HasAttrKeyOnDatapoint(\"k\") and not HasAttrKeyOnDatapoint(\"x\")",
                "HasAttrOnDatapoint(\"s\", \"v\") and not HasAttrOnDatapoint(\"k\", \"7\")",
            ],
        ),
        (
            Context::DataPoint,
            &[
                "value_int == 5 and value_double == 0.0 and flags == FLAG_NO_RECORDED_VALUE",
                "attributes[\"k\"] == 7 and metric.name == \"a\" and count == nil and count != 1",
            ],
        ),
        (
            Context::DataPoint,
            &[
                "count == 10 and sum == 5.5 and bucket_counts == [2, 8] and explicit_bounds == [1.0]",
            ],
        ),
        (
            Context::DataPoint,
            &[
                "scale == -1 and zero_count == 1 and positive.offset == 2 and negative.offset == 0",
                "positive.bucket_counts == [1, 1] and value_int == nil",
            ],
        ),
        (Context::DataPoint, &["count == 4 and sum == 10.0 and Len(quantile_values) == 1"]),
    ];
    for ((context, conditions), number) in conditions.into_iter().zip([0, 0, 1, 2, 3]) {
        let depth = if context == Context::Metric { Depth::Item } else { Depth::Child };
        for condition in conditions {
            let condition = condition.replace("and is_monotonic", "and is_monotonic == true");
            let compiled = Condition::new(&condition, context, Prefixes::Optional).unwrap();
            let got = at(Signal::Metrics, text, depth, number, |place| {
                compiled.holds(place, &Request::default())
            });
            assert_eq!(got, Ok(true), "{condition}");
        }
    }
}

/// What a condition says of a record that such a request brought.
fn of_request(text: &str, is_grpc: bool) -> Result<bool, String> {
    let metadata = [("x-tenant", "blue"), ("host", "a"), ("x-tenant", "green")];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let text_of = |it: &str| config::Value::String(it.to_owned());
    let known = [
        ("subject".to_owned(), text_of("ann")),
        ("membership".to_owned(), config::Value::List(vec![text_of("dev"), text_of("ops")])),
        ("claims.level".to_owned(), config::Value::Float(3.0)),
        (
            "claims.realm".to_owned(),
            config::Value::Map(vec![("a".into(), config::Value::Bool(true))]),
        ),
    ];
    let request = Request::new("10.0.0.7:4000".parse().ok(), &metadata, is_grpc).known_as(&known);
    let condition = Condition::new(text, Context::Log, Prefixes::Required).unwrap();
    at(Signal::Logs, LOG, Depth::Item, 0, |place| condition.holds(place, &request))
}

#[test]
fn the_request_is_read_by_the_paths_of_otelcol() {
    for (text, by_http, by_grpc) in [
        ("otelcol.client.addr == \"10.0.0.7\"", true, false),
        ("otelcol.client.addr == \"10.0.0.7:4000\"", false, true),
        ("otelcol.client.metadata[\"X-Tenant\"][1] == \"green\"", true, true),
        ("otelcol.client.metadata[\"x-tenant\"] == [\"blue\", \"green\"]", true, true),
        (
            "otelcol.client.metadata == {\"x-tenant\": [\"blue\", \"green\"], \"host\": [\"a\"]}",
            true,
            true,
        ),
        ("otelcol.client.metadata[\"x-none\"] == nil", true, true),
        ("otelcol.client.metadata[\"x-none\"][3] == nil", true, true),
        ("otelcol.grpc.metadata[\"x-tenant\"][0] == \"blue\"", false, true),
        ("Len(otelcol.grpc.metadata) == 2", false, true),
        ("otelcol.client.auth.attributes[\"sub\"] == nil", true, true),
        ("otelcol.client.auth.attributes[\"sub\"][0] == nil", true, true),
        ("otelcol.client.auth.attributes[\"subject\"] == \"ann\"", true, true),
        ("otelcol.client.auth.attributes[\"membership\"][1] == \"ops\"", true, true),
        ("otelcol.client.auth.attributes[\"membership\"] == [\"dev\", \"ops\"]", true, true),
        ("otelcol.client.auth.attributes[\"claims.level\"] == 3", true, true),
        ("otelcol.client.auth.attributes[\"claims.realm\"][\"a\"] == true", true, true),
        ("Len(otelcol.client.auth.attributes) == 4", true, true),
        ("Any(otelcol.client.metadata, (key, _) => key == \"host\")", true, true),
        ("All([\"host\"], (_, key) => otelcol.client.metadata[key][0] == \"a\")", true, true),
    ] {
        assert_eq!(of_request(text, false), Ok(by_http), "{text} by HTTP");
        assert_eq!(of_request(text, true), Ok(by_grpc), "{text} by gRPC");
    }
    for (text, want) in [
        (
            "otelcol.client.auth.attributes[\"subject\"][0] == \"a\"",
            "attribute \"subject\" value is not indexable: Str",
        ),
        ("otelcol.client.metadata[\"host\"][1] == \"a\"", "index 1 out of bounds"),
        (
            "otelcol.client.metadata[\"host\"][0][0] == \"a\"",
            "cannot index into string slice more than once",
        ),
        (
            "otelcol.client.metadata[0] == \"a\"",
            "cannot get map value: unable to resolve a string index in map: invalid key type",
        ),
    ] {
        assert_eq!(of_request(text, false), Err(want.to_owned()), "{text}");
    }
    hold(&["otelcol.client.addr == nil", "otelcol.client.metadata[\"host\"] == nil"]);
}

#[test]
fn the_request_is_only_read_and_only_what_there_is_of_it() {
    let segment = |name: &str, path: &str| {
        let path = path.replace('"', "");
        format!(
            "segment {name:?} from path {path:?} is not a valid path nor a valid OTTL keyword for the \
             otelcol context - review https://github.com/open-telemetry/\
             opentelemetry-collector-contrib/tree/main/pkg/ottl/contexts/ottlotelcol to see all \
             valid paths"
        )
    };
    for (path, name, span) in [
        ("otelcol.client", "client", 8..14),
        ("otelcol.clint.addr", "clint", 8..13),
        ("otelcol.client.addr[\"x\"]", "addr", 15..19),
        ("otelcol.client.metadata.x", "metadata", 15..23),
        ("otelcol.client[\"x\"].addr", "client", 8..14),
    ] {
        let text = format!("{path} == nil");
        refused(&text, Prefixes::Required, &segment(name, path), span.clone());
        refused(&text, Prefixes::Optional, &segment(name, path), span);
    }
    let text = "set(otelcol.client.addr, \"x\")";
    let wrong = Statement::new(text, Context::Log, Prefixes::Optional, Editors::Transform);
    assert_eq!(
        wrong.unwrap_err().message,
        "unable to parse OTTL statement \"set(otelcol.client.addr, \\\"x\\\")\": error while parsing \
         arguments for call to \"set\": invalid argument at position 0: \"otelcol.client.addr\" is \
         read-only and cannot be modified"
    );
}

#[track_caller]
fn refused(text: &str, prefixes: Prefixes, message: &str, span: std::ops::Range<usize>) {
    let error = Condition::new(text, Context::Log, prefixes).unwrap_err();
    assert_eq!((error.message.as_str(), error.span), (message, span), "{text}");
}

#[test]
fn mistakes_are_refused_in_the_collectors_words_and_with_their_place() {
    let optional = Prefixes::Optional;
    for (text, message, span) in [
        (
            "body == )",
            "condition has invalid syntax: 1:9: unexpected token \")\" (expected Field (\".\" Field)*)",
            8..9,
        ),
        (
            "body",
            "condition has invalid syntax: 1:5: unexpected token \"<EOF>\" (expected <opcomparison> Value)",
            4..4,
        ),
        (
            "body = 1",
            "condition has invalid syntax: 1:6: unexpected token \"=\" (expected <opcomparison> Value)",
            5..6,
        ),
        ("Foo(body)", "undefined function \"Foo\"", 0..3),
        (
            "true and IsMatch(body)",
            "error while parsing arguments for call to \"IsMatch\": incorrect number of arguments. Expected: 2 Received: 1",
            9..16,
        ),
        (
            "IsMatch(body, 1)",
            "error while parsing arguments for call to \"IsMatch\": invalid argument at position 1: expected string but got int64",
            14..15,
        ),
        (
            "IsMatch(target=body, foo=\"a\")",
            "error while parsing arguments for call to \"IsMatch\": no such parameter: foo",
            25..28,
        ),
        (
            "IsMatch(target=body, \"a\")",
            "error while parsing arguments for call to \"IsMatch\": unnamed argument used after named argument",
            21..24,
        ),
        (
            "set(body, 1) == 1",
            "converter names must start with an uppercase letter but got 'set'",
            0..3,
        ),
        (
            "severity_number[\"a\"] == 1",
            "the keys indexing \"severity_number\" were not used by the context - this likely means you are trying to index a path that does not support indexing",
            0..20,
        ),
        (
            "flags.x == 1",
            "the path section \"x\" was not used by the context - this likely means you are using extra path sections",
            6..7,
        ),
        (
            "resource.foo == 1",
            "segment \"foo\" from path \"resource.foo\" is not a valid path nor a valid OTTL keyword for the resource context - review https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/pkg/ottl/contexts/ottlresource to see all valid paths",
            9..12,
        ),
        ("flags == FOO", "enum symbol, FOO, not found", 9..12),
    ] {
        refused(text, optional, message, span);
    }
    let error = Condition::new("IsMach(body, \"a\")", Context::Log, optional).unwrap_err();
    assert!(error.candidates.iter().any(|it| it == "IsMatch"));
}

#[test]
fn paths_need_their_context_where_it_is_inferred() {
    refused(
        "body == 1",
        Prefixes::Required,
        "missing context name for path \"body\", possibly valid options are: \"log.body\", \"scope.body\", \"resource.body\", \"instrumentation_scope.body\", \"otelcol.body\"",
        0..4,
    );
    refused(
        "span.name == 1",
        Prefixes::Required,
        "context \"span\" from path \"span.name\" is not valid, it must be replaced by one of: \"log\", \"scope\", \"resource\", \"instrumentation_scope\", \"otelcol\"",
        0..4,
    );
}

#[test]
fn nesting_and_arithmetic_have_a_limit() {
    let deep = format!("{}true{}", "(".repeat(1000), ")".repeat(1000));
    let error = Condition::new(&deep, Context::Log, Prefixes::Optional).unwrap_err();
    assert!(error.message.contains("nested more than 64 deep"), "{error}");
    let long = format!("flags == 1{}", "+1".repeat(1000));
    let error = Condition::new(&long, Context::Log, Prefixes::Optional).unwrap_err();
    assert!(error.message.contains("more than 256 arithmetic operations"), "{error}");
}

#[test]
fn the_innermost_context_is_inferred() {
    let known = [Context::Resource, Context::Scope, Context::Span, Context::SpanEvent];
    let of = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|it| (*it).to_owned()).collect();
        infer(&texts, &known).map_err(|it| it.1.message)
    };
    assert_eq!(of(&["resource.attributes[\"a\"] == 1"]), Ok(Context::Resource));
    assert_eq!(of(&["resource.schema_url == span.name"]), Ok(Context::Span));
    assert_eq!(of(&["span.name == \"\"", "spanevent.name == \"\""]), Ok(Context::SpanEvent));
    assert_eq!(of(&["instrumentation_scope.name == \"\""]), Ok(Context::Scope));
    assert_eq!(of(&["resource.schema_url == \"\" and IsRootSpan()"]), Ok(Context::Span));
    let text = "inferred context \"spanevent\" does not support the function \"IsRootSpan\"";
    assert_eq!(of(&["spanevent.name == \"\" and IsRootSpan()"]), Err(text.to_owned()));
    assert!(of(&["log.body == 1"]).unwrap_err().starts_with("context \"log\" inferred"));
    assert!(of(&["true"]).unwrap_err().starts_with("unable to infer context from conditions"));
}

#[test]
fn one_condition_is_enough_and_errors_are_treated_by_mode() {
    let texts = ["body[\"k\"] == 1".to_owned(), "body == \"operationA\"".to_owned()];
    let any = |mode| {
        let list = Conditions::new(&texts, Context::Log, Prefixes::Optional, mode).unwrap();
        at(Signal::Logs, LOG, Depth::Item, 0, |place| list.any(place, &Request::default()))
    };
    assert_eq!(any(ErrorMode::Ignore), Ok(true));
    assert_eq!(any(ErrorMode::Silent), Ok(true));
    let text =
        "failed to eval condition: body[\"k\"] == 1, log bodies of type Str cannot be indexed";
    assert_eq!(any(ErrorMode::Propagate), Err(text.to_owned()));
}

proptest! {
    #[test]
    fn no_text_is_too_odd_to_be_answered(text in "[-a-zA-Z0-9_.,:=!<>()\\[\\]{}\"\\\\ +*/\u{e9}]{0,60}") {
        let _ = of_log(&text, 0);
    }

    #[test]
    fn no_sequence_of_pieces_is_too_odd(pieces in proptest::collection::vec(0..21_usize, 0..14)) {
        const PIECES: [&str; 21] = ["(", ")", "[", "]", "{", "}", ",", ".", ":", "==", "<", "not ", " and ",
            " or ", "body", "attributes", "\"a\"", "1", "-", "Len", "="];
        let text: String = pieces.into_iter().map(|it| PIECES[it]).collect();
        let _ = of_log(&text, 0);
    }
}
