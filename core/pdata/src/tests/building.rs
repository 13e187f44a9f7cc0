//! Building.

use opentelemetry_proto::tonic::logs::v1::LogsData;
use prost::Message;

use crate::{
    Data, Limits, Logs, LogsBuilder, MetricsBuilder, TracesBuilder, Value, ValueBuf, ValueRef,
};

/// It is valid, all of it is known, and JSON says the same.
#[track_caller]
fn reads_as(data: impl Into<Data>, json: &str) {
    let data = data.into();
    let again = Data::try_from_otlp(data.signal(), data.to_bytes(), &Limits::default()).unwrap();
    assert_eq!(again.items(), data.items());
    let mut text = Vec::new();
    data.to_json(&mut text);
    let json: String = json.lines().map(str::trim_start).collect();
    assert_eq!(String::from_utf8(text).unwrap(), json);
}

/// It is valid and its lengths are canonical.
fn check(logs: &Logs) {
    let again = Logs::try_from_otlp(logs.to_bytes(), &Limits::default()).unwrap();
    assert_eq!(again.items(), logs.items());
    assert_eq!(LogsData::decode(logs.to_bytes()).unwrap().encoded_len(), logs.bytes());
}

#[test]
fn every_field_of_a_record_is_written() {
    let mut builder = LogsBuilder::new();
    builder.resource(|it| it.put("service.name", "shop")).scope("library", "1.2");
    builder.record(|record| {
        record.time_unix_nano(1);
        record.observed_time_unix_nano(2);
        record.severity_number(9);
        record.severity_text("INFO");
        record.body("hello");
        record.attribute("a", 1);
        record.attributes(|it| it.put("b", 0.5));
        record.dropped_attributes_count(3);
        record.flags(1);
        record.trace_id(&[1; 16]);
        record.span_id(&[2; 8]);
        record.event_name("event");
    });
    let logs = builder.finish();
    check(&logs);
    let resource = logs.resources().next().unwrap();
    assert_eq!(resource.attributes().get("service.name"), Some(ValueRef::Str("shop")));
    let scope = resource.scopes().next().unwrap().scope();
    assert_eq!((scope.name(), scope.version()), ("library", "1.2"));
    let record = logs.records().next().unwrap();
    assert_eq!((record.time_unix_nano(), record.observed_time_unix_nano()), (1, 2));
    assert_eq!((record.severity_number(), record.severity_text()), (9, "INFO"));
    assert_eq!(record.body(), Some(ValueRef::Str("hello")));
    assert_eq!(record.attributes().get("a"), Some(ValueRef::Int(1)));
    assert_eq!(record.attributes().get("b"), Some(ValueRef::Double(0.5)));
    assert_eq!((record.dropped_attributes_count(), record.flags()), (3, 1));
    assert_eq!((record.trace_id(), record.span_id()), (&[1; 16][..], &[2; 8][..]));
    assert_eq!(record.event_name(), "event");
}

#[test]
fn nested_values_are_streamed() {
    for length in [1, 100, 200, 20_000] {
        let text = "x".repeat(length);
        let mut builder = LogsBuilder::new();
        builder.record(|record| {
            record.attributes(|it| {
                it.map("map", |it| {
                    it.put("text", &text);
                    it.array("array", |it| {
                        it.put(Value::Bool(true));
                        it.array(|it| it.put("inner"));
                        it.map(|it| it.put("k", Value::Bytes(b"v")));
                        it.value(|_| {});
                    });
                });
            });
            record.body_with(|it| {
                it.map(|it| {
                    it.put(
                        "tree",
                        Value::Map(&[
                            ("a", Value::Array(&[Value::Int(-1), Value::Empty])),
                            ("b", Value::Str(&text)),
                        ]),
                    )
                })
            });
        });
        let logs = builder.finish();
        check(&logs);
        let record = logs.records().next().unwrap();
        let map = record.attributes().get("map").unwrap().as_map().unwrap();
        assert_eq!(map.get("text"), Some(ValueRef::Str(&text)));
        let array = map.get("array").unwrap().as_array().unwrap();
        assert_eq!(array.len(), 4);
        assert_eq!(array.get(0), Some(ValueRef::Bool(true)));
        assert_eq!(array.get(3), Some(ValueRef::Empty));
        let tree = record.body().unwrap().as_map().unwrap().get("tree").unwrap();
        let tree = tree.as_map().unwrap();
        assert_eq!(tree.get("b"), Some(ValueRef::Str(&text)));
        // A value that was read is written byte for byte.
        let mut copy = LogsBuilder::new();
        copy.record(|it| {
            it.body(record.body().unwrap());
            it.attribute("map", record.attributes().get("map").unwrap());
        });
        let copy = copy.finish();
        check(&copy);
        let copied = copy.records().next().unwrap();
        assert_eq!(copied.body(), record.body());
        assert_eq!(copied.attributes(), record.attributes());
    }
}

#[test]
fn records_without_resource_or_scope_have_empty_ones() {
    let mut builder = LogsBuilder::new();
    builder.record(|record| record.body("a"));
    builder.resource(|_| {}).record(|record| record.body("b"));
    assert_eq!(builder.items(), 2);
    let logs = builder.finish();
    check(&logs);
    assert_eq!(logs.resources().count(), 2);
    assert_eq!(logs.records().count(), 2);
}

#[test]
fn a_builder_begins_anew_after_it_finished() {
    let mut builder = LogsBuilder::new();
    for _ in 0..3 {
        for _ in 0..1000 {
            builder.record(|record| record.body("hello"));
        }
        assert!(builder.bytes() > 1000);
        let logs = builder.finish();
        assert_eq!((logs.items(), builder.items(), builder.bytes()), (1000, 0, 0));
        check(&logs);
    }
    let empty = builder.finish();
    assert_eq!((empty.items(), empty.chunks().len()), (0, 0));
}

#[test]
fn a_kept_value_reads_and_writes_as_what_it_was_made_of() {
    let nested = ValueBuf::build(|out| {
        out.map(|out| {
            out.put("a", 1);
            out.array("b", |out| out.put("x"));
        });
    });
    for value in [ValueBuf::default(), "text".into(), 7.into(), 0.5.into(), true.into(), nested] {
        let mut builder = LogsBuilder::new();
        builder.record(|record| record.body(&value));
        let logs = builder.finish();
        check(&logs);
        let body = logs.records().next().unwrap().body().unwrap();
        assert_eq!(body, value.as_ref());
        assert_eq!(ValueBuf::from(body), value);
    }
}

#[test]
fn a_span_is_written_with_events_links_and_status() {
    let mut builder = TracesBuilder::new();
    builder.resource(|it| it.put("a", 1)).schema_url("r").scope("s", "").schema_url("t");
    builder.span(|span| {
        span.trace_id(&[1; 16]);
        span.span_id(&[2; 8]);
        span.parent_span_id(&[]);
        span.name("get");
        span.kind(2);
        span.flags(256);
        span.start_time_unix_nano(1);
        span.end_time_unix_nano(2);
        span.attribute("b", "c");
        span.event(|event| {
            event.time_unix_nano(1);
            event.name("e");
            event.attribute("d", true);
        });
        span.link(|link| link.span_id(&[3; 8]));
        span.dropped_links_count(4);
        span.status(2, "down");
    });
    let data = builder.finish();
    assert_eq!(data.items(), 1);
    reads_as(
        data,
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"intValue":"1"}}]},
        "scopeSpans":[{"scope":{"name":"s"},"spans":[{"traceId":"01010101010101010101010101010101",
        "spanId":"0202020202020202","flags":256,"name":"get","kind":2,"startTimeUnixNano":"1",
        "endTimeUnixNano":"2","attributes":[{"key":"b","value":{"stringValue":"c"}}],
        "events":[{"timeUnixNano":"1","name":"e",
        "attributes":[{"key":"d","value":{"boolValue":true}}]}],
        "links":[{"spanId":"0303030303030303"}],"droppedLinksCount":4,
        "status":{"message":"down","code":2}}],"schemaUrl":"t"}],"schemaUrl":"r"}]}"#,
    );
}

#[test]
fn a_sum_and_a_gauge_are_written() {
    let mut builder = MetricsBuilder::new();
    builder.scope("s", "1");
    builder.metric(|metric| {
        metric.name("requests");
        metric.unit("{request}");
        metric.description("Requests.");
        metric.sum(2, true, |points| {
            points.point(|point| {
                point.attribute("a", "b");
                point.time_unix_nano(5);
                point.int(0);
            });
            points.point(|point| {
                point.double(0.5);
                point.flags(1);
                point.exemplar(|exemplar| {
                    exemplar.filtered_attributes(|it| it.put("c", 1));
                    exemplar.double(0.25);
                });
            });
        });
    });
    builder.metric(|metric| {
        metric.name("level");
        metric.gauge(|points| points.point(|point| point.int(-1)));
    });
    assert_eq!(builder.items(), 3);
    reads_as(
        builder.finish(),
        r#"{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"scope":{"name":"s","version":"1"},
        "metrics":[{"name":"requests","description":"Requests.","unit":"{request}",
        "sum":{"dataPoints":[{"attributes":[{"key":"a","value":{"stringValue":"b"}}],
        "timeUnixNano":"5","asInt":"0"},{"asDouble":0.5,"exemplars":[{"filteredAttributes":
        [{"key":"c","value":{"intValue":"1"}}],"asDouble":0.25}],"flags":1}],
        "aggregationTemporality":2,"isMonotonic":true}},
        {"name":"level","gauge":{"dataPoints":[{"asInt":"-1"}]}}]}]}]}"#,
    );
}

#[test]
fn histograms_and_a_summary_are_written() {
    let mut builder = MetricsBuilder::new();
    builder.metric(|metric| {
        metric.histogram(1, |points| {
            points.point(|point| {
                point.count(3);
                point.sum(0.0);
                point.bucket_counts(&[1, 2]);
                point.explicit_bounds(&[0.5]);
                point.max(7.0);
            });
        });
    });
    builder.metric(|metric| {
        metric.exponential_histogram(2, |points| {
            points.point(|point| {
                point.scale(-2);
                point.zero_count(1);
                point.positive(-3, &[1, 300]);
                point.negative(0, &[]);
            });
        });
    });
    builder.metric(|metric| {
        metric.summary(|points| {
            points.point(|point| {
                point.count(2);
                point.sum(1.5);
                point.quantile(0.5, 1.0);
            });
        });
    });
    assert_eq!(builder.items(), 3);
    reads_as(
        builder.finish(),
        r#"{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"scope":{},"metrics":[
        {"histogram":{"dataPoints":[{"count":"3","sum":0,"bucketCounts":["1","2"],
        "explicitBounds":[0.5],"max":7}],"aggregationTemporality":1}},
        {"exponentialHistogram":{"dataPoints":[{"scale":-2,"zeroCount":"1",
        "positive":{"offset":-3,"bucketCounts":["1","300"]},"negative":{}}],
        "aggregationTemporality":2}},
        {"summary":{"dataPoints":[{"count":"2","sum":1.5,
        "quantileValues":[{"quantile":0.5,"value":1}]}]}}]}]}]}"#,
    );
}
