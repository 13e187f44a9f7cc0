//! Vectors measured on the Collector (release 0.149), and what only tables can get wrong.

use crate::schema::{Kind, Message};
use crate::{Data, Limits, Signal, schema};

const TRACES: (Signal, &str, &str) =
    (Signal::Traces, r#"{"resourceSpans":[{"scopeSpans":[{"spans":["#, "]}]}]}");
const LOGS: (Signal, &str, &str) =
    (Signal::Logs, r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":["#, "]}]}]}");
const METRICS: (Signal, &str, &str) =
    (Signal::Metrics, r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":["#, "]}]}]}");

fn through(signal: Signal, text: &str) -> Result<String, String> {
    let data = Data::from_json(signal, text.as_bytes(), &Limits::default())
        .map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    data.to_json(&mut out);
    Ok(String::from_utf8(out).unwrap())
}

/// Reads `item` inside its wrapper and writes it again.
fn check((signal, head, tail): (Signal, &str, &str), item: &str, want: &str) {
    let got = through(signal, &format!("{head}{item}{tail}")).unwrap();
    let head = head
        .replace(r#":[{"scope"#, r#":[{"resource":{},"scope"#)
        .replace(r#":[{"logRecords"#, r#":[{"scope":{},"logRecords"#)
        .replace(r#":[{"spans"#, r#":[{"scope":{},"spans"#)
        .replace(r#":[{"metrics"#, r#":[{"scope":{},"metrics"#);
    assert_eq!(got, format!("{head}{want}{tail}"));
}

fn unchanged(wrapper: (Signal, &str, &str), item: &str) {
    check(wrapper, item, item);
}

fn refused((signal, head, tail): (Signal, &str, &str), item: &str, want: &str) {
    let error = through(signal, &format!("{head}{item}{tail}")).unwrap_err();
    assert!(error.starts_with(want), "{item}: {error}");
}

#[test]
fn the_smallest_items_get_their_messages_that_are_always_present() {
    check(TRACES, "{}", r#"{"status":{}}"#);
    check(LOGS, "{}", r#"{"body":{}}"#);
    check(METRICS, r#"{"name":"eg","gauge":{}}"#, r#"{"name":"eg","gauge":{}}"#);
}

#[test]
fn a_span_comes_out_in_the_order_of_the_schema() {
    check(
        TRACES,
        r#"{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174",
            "parentSpanId":"","name":"a","kind":"SPAN_KIND_SERVER",
            "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,
            "flags":769,"traceState":"k=v"}"#,
        concat!(
            r#"{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","#,
            r#""traceState":"k=v","flags":769,"name":"a","kind":2,"#,
            r#""startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000","#,
            r#""status":{}}"#
        ),
    );
    check(
        TRACES,
        r#"{"name":"a","status":{"code":"STATUS_CODE_ERROR","message":"m"},
            "droppedAttributesCount":"3","kind":99}"#,
        r#"{"name":"a","kind":99,"droppedAttributesCount":3,"status":{"message":"m","code":2}}"#,
    );
}

#[test]
fn every_form_of_value_keeps_its_presence() {
    for value in [
        r#"{"stringValue":"x"}"#,
        r#"{"stringValue":""}"#,
        r#"{"boolValue":false}"#,
        r#"{"intValue":"-9223372036854775808"}"#,
        r#"{"intValue":"0"}"#,
        r#"{"doubleValue":1.5}"#,
        r#"{"doubleValue":-0}"#,
        r#"{"doubleValue":"NaN"}"#,
        r#"{"doubleValue":"-Infinity"}"#,
        r#"{"doubleValue":"Infinity"}"#,
        r#"{"doubleValue":1e+300}"#,
        r#"{"doubleValue":1e-07}"#,
        r#"{"doubleValue":0.000001}"#,
        r#"{"doubleValue":123456789012345680000}"#,
        r#"{"doubleValue":0.1}"#,
        r#"{"bytesValue":"AQID"}"#,
        r#"{"bytesValue":"AQI="}"#,
        r#"{"bytesValue":"AQ=="}"#,
        r#"{"bytesValue":""}"#,
        r#"{"arrayValue":{}}"#,
        r#"{"arrayValue":{"values":[{"intValue":"1"},{}]}}"#,
        r#"{"kvlistValue":{"values":[{"key":"z","value":{"stringValue":""}}]}}"#,
        r#"{"stringValueStrindex":0}"#,
        "{}",
    ] {
        unchanged(LOGS, &format!(r#"{{"body":{value}}}"#));
    }
}

#[test]
fn nulls_are_what_the_collector_takes_them_for() {
    check(LOGS, r#"{"body":null,"severityText":null}"#, r#"{"body":{}}"#);
    check(LOGS, r#"{"body":{"stringValue":null}}"#, r#"{"body":{"stringValue":""}}"#);
    check(
        LOGS,
        r#"{"body":{"arrayValue":{"values":[{},{"stringValue":"x"},null]}}}"#,
        r#"{"body":{"arrayValue":{"values":[{},{"stringValue":"x"},{}]}}}"#,
    );
    check(
        LOGS,
        r#"{"attributes":[{"key":"a","value":null},{"value":{"intValue":1}}]}"#,
        r#"{"body":{},"attributes":[{"key":"a","value":{}},{"value":{"intValue":"1"}}]}"#,
    );
    check(METRICS, r#"{"gauge":null}"#, r#"{"gauge":{}}"#);
    for empty in ["{}", "null", r#"{"resourceLogs":null}"#, r#"{"resourceLogs":[]} trailing"#] {
        assert_eq!(through(Signal::Logs, empty).unwrap(), "{}");
    }
    assert_eq!(
        through(Signal::Logs, r#"{"resourceLogs":[null]}"#).unwrap(),
        r#"{"resourceLogs":[{"resource":{}}]}"#
    );
}

#[test]
fn numbers_and_names_are_read_in_every_form_that_the_collector_reads() {
    check(
        LOGS,
        r#"{"timeUnixNano":1718000000000000000,"severityNumber":"SEVERITY_NUMBER_WARN2"}"#,
        r#"{"timeUnixNano":"1718000000000000000","severityNumber":14,"body":{}}"#,
    );
    check(LOGS, r#"{"severityNumber":77}"#, r#"{"severityNumber":77,"body":{}}"#);
    check(LOGS, r#"{"severityNumber":-1}"#, r#"{"severityNumber":-1,"body":{}}"#);
    unchanged(TRACES, r#"{"startTimeUnixNano":"18446744073709551615","status":{}}"#);
}

#[test]
fn snake_case_and_unknown_fields_are_read() {
    assert_eq!(
        through(
            Signal::Logs,
            r#"{"resource_logs":[{"schema_url":"u","scope_logs":[{"log_records":[{"body":
                {"string_value":"s"},"unknownField":{"deep":[[],{"a":-1.5e3,"b":[true,null]}]}}],
                "nope":1}]}],"ResourceLogs":[{}]}"#
        )
        .unwrap(),
        concat!(
            r#"{"resourceLogs":[{"resource":{},"scopeLogs":[{"scope":{},"logRecords":"#,
            r#"[{"body":{"stringValue":"s"}}]}],"schemaUrl":"u"}]}"#
        )
    );
}

#[test]
fn of_duplicate_keys_the_last_scalar_and_the_last_member_of_a_oneof_win_and_lists_grow() {
    check(
        LOGS,
        r#"{"severityText":"a","body":{"stringValue":"1","intValue":"2"},"severityText":"b"}"#,
        r#"{"severityText":"b","body":{"intValue":"2"}}"#,
    );
    check(
        LOGS,
        r#"{"body":{"arrayValue":{"values":[{"intValue":1}]},"arrayValue":{"values":[{}]}}}"#,
        r#"{"body":{"arrayValue":{"values":[{}]}}}"#,
    );
    check(
        METRICS,
        r#"{"gauge":{"dataPoints":[{}]},"name":"n","sum":{},"unit":"u","gauge":{}}"#,
        r#"{"name":"n","unit":"u","gauge":{}}"#,
    );
    check(
        LOGS,
        r#"{"attributes":[{"key":"a"}],"attributes":[{"key":"b"}],"flags":3,"flags":0}"#,
        r#"{"body":{},"attributes":[{"key":"a","value":{}},{"key":"b","value":{}}]}"#,
    );
}

#[test]
fn metrics_keep_what_only_presence_tells() {
    unchanged(
        METRICS,
        concat!(
            r#"{"name":"h","histogram":{"dataPoints":[{"count":"3","sum":0,"#,
            r#""bucketCounts":["1","2"],"explicitBounds":[1.5],"min":0,"max":2},{"count":"3"}],"#,
            r#""aggregationTemporality":2}}"#
        ),
    );
    unchanged(
        METRICS,
        concat!(
            r#"{"exponentialHistogram":{"dataPoints":[{"count":"1","scale":-1,"zeroCount":"1","#,
            r#""positive":{"offset":-2,"bucketCounts":["1","300"]},"negative":{},"#,
            r#""zeroThreshold":0.5}]}}"#
        ),
    );
    unchanged(
        METRICS,
        concat!(
            r#"{"gauge":{"dataPoints":[{"timeUnixNano":"1","asInt":"5"},{"asDouble":0},"#,
            r#"{"asInt":"0"},{"flags":1}]},"metadata":[{"key":"k","value":{}}]}"#
        ),
    );
    unchanged(
        METRICS,
        concat!(
            r#"{"sum":{"dataPoints":[{"startTimeUnixNano":"1","asDouble":1,"exemplars":[{"#,
            r#""timeUnixNano":"1","asInt":"-7","traceId":"5b8efff798038103d269b633813fc60c","#,
            r#""spanId":"eee19b7ec3c1b174"}]}],"aggregationTemporality":2,"isMonotonic":true}}"#
        ),
    );
    unchanged(
        METRICS,
        r#"{"summary":{"dataPoints":[{"quantileValues":[{"quantile":0.5,"value":1},{}]}]}}"#,
    );
}

#[test]
fn strings_are_escaped_no_more_than_json_needs() {
    check(
        LOGS,
        r#"{"body":{"stringValue":"\u0000\u2028<>&\ud83d\ude00\/\b\f\n\r\t\"\\"}}"#,
        "{\"body\":{\"stringValue\":\"\\u0000\u{2028}<>&\u{1f600}/\\u0008\\u000c\\n\\r\\t\\\"\\\\\"}}",
    );
    check(
        LOGS,
        r#"{"body":{"stringValue":"\ud83dx\ud83d\n\ude00\ud83dA"}}"#,
        "{\"body\":{\"stringValue\":\"\u{fffd}x\u{fffd}\\n\u{fffd}\u{fffd}A\"}}",
    );
}

#[test]
fn ids_are_hexadecimal_of_exact_length_or_absent() {
    check(
        TRACES,
        r#"{"traceId":"00000000000000000000000000000000","spanId":""}"#,
        r#"{"status":{}}"#,
    );
    refused(
        TRACES,
        r#"{"name":"short","traceId":"abcd","spanId":"eee19b7ec3c1b174"}"#,
        concat!(
            "ID.UnmarshalJSONIter: length mismatch, error found in #10 byte of ",
            "...|Id\":\"abcd\",\"spanId\":|..., bigger context ",
            "...|Spans\":[{\"spans\":[{\"name\":\"short\",\"traceId\":\"abcd\",",
            "\"spanId\":\"eee19b7ec3c1b174\"}]}]}]}|..."
        ),
    );
    refused(
        TRACES,
        r#"{"traceId":"zz8efff798038103d269b633813fc60c"}"#,
        "ID.UnmarshalJSONIter: encoding/hex: invalid byte: U+007A 'z', error found in #10 byte",
    );
    refused(
        TRACES,
        r#"{"traceId":null}"#,
        "ReadStringAsSlice: expects \" or n, but found n, error found in #10 byte of ",
    );
}

#[test]
fn errors_read_as_the_collectors() {
    for (text, want) in [
        (
            "",
            "ReadObject: expect { or , or } or n, but found \0, error found in #0 byte of ...||..., bigger context ...||...",
        ),
        (
            " ",
            "ReadObject: expect { or , or } or n, but found \0, error found in #1 byte of ...| |..., bigger context ...| |...",
        ),
        (
            "[]",
            "ReadObject: expect { or , or } or n, but found [, error found in #1 byte of ...|[]|..., bigger context ...|[]|...",
        ),
        (
            "1",
            "ReadObject: expect { or , or } or n, but found 1, error found in #1 byte of ...|1|..., bigger context ...|1|...",
        ),
        (
            "\"x\"",
            "ReadObject: expect { or , or } or n, but found \", error found in #1 byte of ...|\"x\"|..., bigger context ...|\"x\"|...",
        ),
        (
            "{",
            "ReadObject: expect \" after {, but found \0, error found in #1 byte of ...|{|..., bigger context ...|{|...",
        ),
        (
            "{\"resourceLogs\":[{]}",
            "ReadObject: expect \" after {, but found ], error found in #10 byte of ...|eLogs\":[{]}|..., bigger context ...|{\"resourceLogs\":[{]}|...",
        ),
        (
            "{\"resourceLogs\":{}}",
            "ReadArray: expect [ or , or ] or n, but found {, error found in #10 byte of ...|rceLogs\":{}}|..., bigger context ...|{\"resourceLogs\":{}}|...",
        ),
        (
            "not json",
            "skipThreeBytes: expect ull, error found in #2 byte of ...|not json|..., bigger context ...|not json|...",
        ),
    ] {
        assert_eq!(through(Signal::Logs, text).unwrap_err(), want, "{text}");
    }
}

#[test]
fn wrong_values_are_refused_with_the_collectors_words() {
    refused(
        LOGS,
        r#"{"timeUnixNano":1.718e18,"body":{"intValue":5}}"#,
        concat!(
            "assertInteger: can not decode float as int, error found in #10 byte of ",
            "...|nixNano\":1.718e18,\"b|..., bigger context ...|s\":[{\"scopeLogs\":",
            "[{\"logRecords\":[{\"timeUnixNano\":1.718e18,\"body\":{\"intValue\":5}}]}]}]}|..."
        ),
    );
    refused(
        LOGS,
        r#"{"timeUnixNano":"-1","body":{"intValue":1}}"#,
        concat!(
            "ReadUint64: strconv.ParseUint: parsing \"-1\": invalid syntax, ",
            "error found in #10 byte of ...|Nano\":\"-1\",\"body\":{\"|..."
        ),
    );
}

#[test]
fn wrong_numbers_are_refused_with_the_collectors_words() {
    for (item, want) in [
        (r#"{"timeUnixNano":-1}"#, "readUint64: unexpected character: "),
        (
            r#"{"timeUnixNano":null}"#,
            "ReadUint64: unsupported value type, error found in #10 byte of ...|UnixNano\":null}]}]}]|",
        ),
        (r#"{"timeUnixNano":""}"#, "ReadUint64: strconv.ParseUint: parsing \"\": invalid syntax"),
        (
            r#"{"body":{"intValue":"9223372036854775808"}}"#,
            "ReadInt64: strconv.ParseInt: parsing \"9223372036854775808\": value out of range, ",
        ),
        (
            r#"{"body":{"intValue":9223372036854775808}}"#,
            "ReadInt64: overflow: 9223372036854775808",
        ),
        (r#"{"body":{"intValue":99999999999999999999}}"#, "readUint64: overflow"),
        (
            r#"{"body":{"intValue":"0x10"}}"#,
            "ReadInt64: strconv.ParseInt: parsing \"0x10\": invalid syntax",
        ),
        (
            r#"{"body":{"intValue":null}}"#,
            "ReadInt64: unsupported value type, error found in #10 byte of ...|intValue\":null}}]}]}|",
        ),
    ] {
        refused(LOGS, item, want);
    }
}

#[test]
fn wrong_texts_and_literals_are_refused_with_the_collectors_words() {
    for (item, want) in [
        (
            r#"{"body":{"boolValue":"true"},"a":1}"#,
            "ReadBool: expect t or f, but found \", error found in #10 byte of ...|olValue\":\"true\"},\"a\"|...",
        ),
        (
            r#"{"body":{"stringValue":5},"severityT":1}"#,
            "ReadString: expects \" or n, but found 5, error found in #10 byte of ...|ngValue\":5},\"severit|...",
        ),
        (
            r#"{"body":{"bytesValue":"_-8="},"severityT":1}"#,
            "base64.Decode: illegal base64 data at input byte 0, error found in #10 byte of ...|ue\":\"_-8=\"},\"severit|...",
        ),
        (
            r#"{"body":{"bytesValue":"AQI"},"severityT":1}"#,
            "base64.Decode: illegal base64 data at input byte 0, error found in #10 byte of ...|lue\":\"AQI\"},\"severit|...",
        ),
        (r#"{"body":{"bytesValue":"AQ=x"}}"#, "base64.Decode: illegal base64 data at input byte 2"),
        (
            r#"{"body":{"doubleValue":"x"}}"#,
            "ReadUint64: strconv.ParseFloat: parsing \"x\": invalid syntax",
        ),
        (r#"{"body":{"doubleValue":01}}"#, "readFloat64: leading zero is invalid"),
        (r#"{"body":{"doubleValue":1.}}"#, "readFloat64SlowPath: dot can not be last character"),
        (
            r#"{"body":{"doubleValue":1e400}}"#,
            "strconv.ParseFloat: parsing \"1e400\": value out of range",
        ),
        (
            r#"{"severityNumber":"WARN"}"#,
            "ReadEnumValue: unknown string value, error found in #10 byte of ...|er\":\"WARN\"}]}]}]}|...",
        ),
        (r#"{"severityNumber":"9"}"#, "ReadEnumValue: unknown string value"),
        (r#"{"severityNumber":null}"#, "ReadEnumValue: unsupported value type"),
        (r#"{"severityNumber":3000000000}"#, "ReadInt32: overflow: 3000000000"),
        (r#"{"flags":4294967296}"#, "readUint32: overflow"),
        (
            r#"{"flags": 109951162777600}"#,
            "readUint32: overflow, error found in #10 byte of ...|: 1099511627776",
        ),
        ("{\"severityText\":\"a\nb\"}", "ReadString: invalid control character found: 10"),
        (r#"{"severityText":"\x"}"#, "readEscapedChar: invalid escape char after \\"),
        (r#"{"severityText":"\u00g0"}"#, "readU4: expects 0~9 or a~f, but found g"),
        (r#"{"severityText":"a"#, "readStringSlowPath: unexpected end of input"),
        (r#"{"severityText" "a"}"#, "ReadObject: expect : after object field, but found \""),
        (r#"{"severityText":"a",}"#, "ReadString: expects \" or n, but found }"),
        (r#"{"unknown":x}"#, "Skip: do not know how to skip: 120"),
    ] {
        refused(LOGS, item, want);
    }
}

#[test]
fn nesting_is_limited_in_values_and_in_what_is_skipped() {
    let nested = |levels: usize| {
        let open = r#"{"arrayValue":{"values":["#.repeat(levels - 1);
        let close = "]}}".repeat(levels - 1);
        format!(r#"{{"body":{open}{{}}{close}}}"#)
    };
    unchanged(LOGS, &nested(100));
    refused(LOGS, &nested(5000), "incrementDepth: exceeded max depth");
    let skipped = format!(r#"{{"x":{}{}}}"#, "[".repeat(100), "]".repeat(100));
    check(LOGS, &skipped, r#"{"body":{}}"#);
    let skipped = format!(r#"{{"x":{}"#, "[".repeat(100_000));
    refused(LOGS, &skipped, "incrementDepth: exceeded max depth");
}

#[test]
fn no_prefix_of_a_request_is_accepted_or_panics() {
    let text = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"k","value":{"doubleValue":-1.5e3}}]},
        "scopeLogs":[{"logRecords":[{"timeUnixNano":"17","severityNumber":9,"x":[true,null,"\ud83d\ude00"],
        "traceId":"5b8efff798038103d269b633813fc60c","body":{"bytesValue":"AQI="}}]}]}]}"#;
    for end in 0..text.len() {
        let prefix = text.get(..end).unwrap();
        assert!(through(Signal::Logs, prefix).is_err(), "{prefix}");
    }
    assert!(through(Signal::Logs, text).is_ok());
}

#[test]
fn a_request_that_is_not_utf8_is_refused_and_text_in_bytes_is_replaced() {
    let text = b"{\"resourceLogs\":[{\"schemaUrl\":\"\xc3\xa9\xff\"}]}";
    let error = Data::from_json(Signal::Logs, text, &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "invalid UTF-8 at byte 33");
    let limits = Limits { not_utf8: crate::NotUtf8::Pass, ..Limits::default() };
    let data = Data::try_from_otlp(Signal::Logs, b"\x0a\x06\x1a\x04a\xff\xfeb"[..].into(), &limits);
    let mut out = Vec::new();
    data.unwrap().to_json(&mut out);
    let want = "{\"resourceLogs\":[{\"resource\":{},\"schemaUrl\":\"a\u{fffd}\u{fffd}b\"}]}";
    assert_eq!(out, want.as_bytes());
}

fn all_messages<'a>(message: &'a Message, seen: &mut Vec<&'a Message>) {
    if seen.iter().any(|it| std::ptr::eq(*it, message)) {
        return;
    }
    seen.push(message);
    for field in message.fields {
        if let Kind::Message(of) = field.kind {
            all_messages(of, seen);
        }
    }
}

#[test]
fn the_table_has_every_message_once_and_fits_the_writer() {
    let mut seen = Vec::new();
    for signal in Signal::ALL {
        all_messages(schema::of(signal), &mut seen);
    }
    assert_eq!(seen.len(), 34);
    for message in seen {
        assert!(message.fields.len() <= super::write::FIELDS_MAX);
        for (index, field) in message.fields.iter().enumerate() {
            let rest = &message.fields[index + 1..];
            assert!(rest.iter().all(|it| it.name != field.name));
            assert_eq!(field.name.to_lowercase(), field.snake.replace('_', ""));
        }
    }
}

#[test]
fn a_text_with_blanks_or_escapes_is_read_as_the_compact_one() {
    let long = "long enough to be read in blocks of thirty-two bytes, ".repeat(3);
    for text in ["", "a", "\u{e9}", "\\\"", "\\u0061\\n", &long, &format!("{long}\\t{long}")] {
        let value = format!(r#"{{"stringValue":"{text}"}}"#);
        let resource = format!(r#"{{"attributes":[{{"key":"{text}","value":{value}}}]}}"#);
        let record = format!(r#"{{"timeUnixNano":"1795337709623000000","body":{value}}}"#);
        let scopes = format!(r#"[{{"logRecords":[{record}]}}]"#);
        let group = format!(r#"{{"resource":{resource},"scopeLogs":{scopes}}}"#);
        let compact = format!(r#"{{"resourceLogs":[{group}]}}"#);
        let blank = compact.replace("{\"", "{ \"").replace("\":", "\" : ").replace('}', " }");
        let read = |json: &str| {
            Data::from_json(Signal::Logs, json.as_bytes(), &Limits::default()).unwrap()
        };
        let (one, two) = (read(&compact), read(&blank));
        assert_eq!(one.to_bytes(), two.to_bytes(), "{compact}");
        assert_eq!(one.items(), 1);
    }
}
