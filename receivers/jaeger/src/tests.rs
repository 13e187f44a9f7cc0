//! Batches in all encodings and over all transports.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use std::sync::Arc;
use std::time::Duration;

use component::{Component as _, Receiver as _};
use componenttest::{Answer, Sink, TestHost, config, metric, problems, settings};
use pdata::{Data, Traces};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use wire::protobuf::Writer;
use wire::thrift::Protocol;

use super::{Config, Jaeger, proto, thrift};

componenttest::conformance!(
    receiver Jaeger,
    "protocols: {grpc: {endpoint: 'localhost:0'}, thrift_http: {endpoint: 'localhost:0'}, \
     thrift_binary: {endpoint: 'localhost:0'}, thrift_compact: {endpoint: 'localhost:0'}}"
);

#[test]
fn the_example_of_all_keys_is_valid() {
    let config: Config = config(include_str!("../testdata/config.yaml"));
    assert!(config.protocols.thrift_binary.get().is_some());
}

#[test]
fn wrong_sections_are_refused_in_the_words_of_upstream() {
    let check = |text: &str, want: &str| assert_eq!(problems::<Config>(text), [want]);
    check("", "must specify at least one protocol when using the Jaeger receiver");
    check(
        "protocols: {grpc: {endpoint: ''}}",
        "invalid port number for the gRPC endpoint: endpoint is not formatted correctly: missing port in address",
    );
    check(
        "protocols: {thrift_http: {transport: ''}}",
        "protocols::thrift_http: netaddr: invalid transport type \"\"",
    );
    check("protocols: {thrift_http: {x: 1}}", "'confighttp.ServerConfig' has invalid keys: x");
    check("remote_sampling: {x: 1}", "'remote_sampling' has invalid keys: x");
    check(
        "protocols: {thrift_compact: {endpoint: localhost}}",
        "invalid port number for the Thrift UDP Compact endpoint: \
         endpoint is not formatted correctly: address localhost: missing port in address",
    );
    check(
        "protocols: {thrift_binary: {endpoint: 'localhost:65536'}}",
        "invalid port number for the Thrift UDP Binary endpoint: port number must be between 1 and 65535",
    );
    check(
        "protocols: {thrift_binary: {queue_size: -1}}",
        "protocols::thrift_binary: queue_size must be between 1 and 1000000",
    );
    check(
        "{protocols: {thrift_binary: }, remote_sampling: {strategy_file: /etc/s.json}}",
        "remote sampling config detected in the Jaeger receiver; \
         use the `jaegerremotesampling` extension instead",
    );
}

/// Writes Thrift in both protocols.
struct Out {
    protocol: Protocol,
    bytes: Vec<u8>,
    last: Vec<u8>,
}

impl Out {
    fn new(protocol: Protocol) -> Self {
        Self { protocol, bytes: Vec::new(), last: vec![0] }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// The head of a field; kinds of the binary protocol.
    fn field(&mut self, id: u8, kind: u8) {
        if self.protocol == Protocol::Binary {
            return self.bytes.extend([kind, 0, id]);
        }
        let last = self.last.last_mut().unwrap();
        let delta = id - std::mem::replace(last, id);
        self.bytes.push(delta << 4 | compact(kind));
    }

    fn int(&mut self, id: u8, kind: u8, value: i64) {
        self.field(id, kind);
        match (self.protocol, kind) {
            (Protocol::Compact, _) => self.varint((value << 1 ^ value >> 63) as u64),
            (_, 8) => self.bytes.extend((value as i32).to_be_bytes()),
            _ => self.bytes.extend(value.to_be_bytes()),
        }
    }

    fn text(&mut self, id: u8, text: &str) {
        self.field(id, 11);
        match self.protocol {
            Protocol::Compact => self.varint(text.len() as u64),
            Protocol::Binary => self.bytes.extend((text.len() as u32).to_be_bytes()),
        }
        self.bytes.extend(text.bytes());
    }

    fn list(&mut self, id: u8, items: u8) {
        self.field(id, 15);
        match self.protocol {
            Protocol::Compact => self.bytes.push(items << 4 | 0xc),
            Protocol::Binary => self.bytes.extend([12, 0, 0, 0, items]),
        }
    }

    fn begin(&mut self) {
        self.last.push(0);
    }

    fn end(&mut self) {
        self.bytes.push(0);
        self.last.pop();
    }

    fn tag(&mut self, key: &str, value: &str) {
        self.begin();
        self.text(1, key);
        self.int(2, 8, 0);
        self.text(3, value);
        self.end();
    }

    fn span(&mut self, id: i64, tags: &[(&str, &str)]) {
        self.begin();
        for (field, value) in [(1, 0x1122), (2, 0), (3, id), (4, 0)] {
            self.int(field, 10, value);
        }
        self.text(5, "op");
        self.list(6, 1);
        self.begin();
        self.int(1, 8, 1);
        for (field, value) in [(2, 0x1122), (3, 0), (4, 5)] {
            self.int(field, 10, value);
        }
        self.end();
        self.int(7, 8, 1);
        self.int(8, 10, 100);
        self.int(9, 10, 50);
        self.list(10, tags.len() as u8);
        tags.iter().for_each(|(key, value)| self.tag(key, value));
        self.list(11, 1);
        self.begin();
        self.int(1, 10, 110);
        self.list(2, 1);
        self.tag("event", "tick");
        self.end();
        self.end();
    }

    /// Spans before the process, which Thrift allows.
    fn batch(&mut self, tags: &[(&str, &str)]) {
        self.begin();
        let process = |out: &mut Self| {
            out.field(1, 12);
            out.begin();
            out.text(1, "svc");
            out.list(2, 2);
            out.tag("hostname", "h");
            out.tag("jaeger.version", "Go-2");
            out.end();
        };
        if self.protocol == Protocol::Compact {
            process(self);
        }
        self.list(2, 1);
        self.span(9, tags);
        if self.protocol == Protocol::Binary {
            process(self);
        }
        self.end();
    }
}

fn compact(kind: u8) -> u8 {
    match kind {
        8 => 5,
        10 => 6,
        11 => 8,
        15 => 9,
        _ => 12,
    }
}

fn body(tags: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Out::new(Protocol::Binary);
    out.batch(tags);
    out.bytes
}

/// A call of `emitBatch`.
fn datagram(protocol: Protocol) -> Vec<u8> {
    let mut out = Out::new(protocol);
    match protocol {
        Protocol::Compact => out.bytes.extend(b"\x82\x81\x00\x09emitBatch"),
        Protocol::Binary => {
            out.bytes.extend(b"\x80\x01\x00\x04\x00\x00\x00\x09emitBatch\x00\x00\x00\x00")
        }
    }
    out.begin();
    out.field(1, 12);
    out.batch(&[("span.kind", "client"), ("http.status_code", "404")]);
    out.end();
    out.bytes
}

fn as_json(traces: Traces) -> Value {
    let mut text = Vec::new();
    Data::from(traces).to_json(&mut text);
    serde_json::from_slice(&text).unwrap()
}

fn span_of(traces: &Value) -> &Value {
    &traces["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
}

#[test]
fn a_batch_in_either_protocol_gives_the_same_spans() {
    let mut all = Vec::new();
    for protocol in [Protocol::Binary, Protocol::Compact] {
        let thrift::Call::Spans(traces) = thrift::call(protocol, &datagram(protocol)).unwrap()
        else {
            panic!("it is emitBatch");
        };
        all.push(as_json(traces));
    }
    assert_eq!(all[0], all[1]);
    let attributes = &all[0]["resourceSpans"][0]["resource"]["attributes"];
    let keys: Vec<_> = attributes.as_array().unwrap().iter().map(|it| &it["key"]).collect();
    assert_eq!(keys, ["service.name", "host.name", "opencensus.exporterversion"]);
    assert_eq!(attributes[2]["value"], json!({"stringValue": "Jaeger-Go-2"}));
    let span = span_of(&all[0]);
    assert_eq!((&span["kind"], &span["status"]["code"]), (&json!(3), &json!(2)));
    assert_eq!(
        (&span["parentSpanId"], &span["endTimeUnixNano"]),
        (&json!("0000000000000005"), &json!("150000"))
    );
    let want = json!([{"key": "opentracing.ref_type", "value": {"stringValue": "follows_from"}}]);
    assert_eq!(span["links"][0]["attributes"], want);
    assert_eq!(span["events"][0]["name"], "tick");
}

#[test]
fn what_a_client_did_wrong_is_no_error_of_the_server() {
    for (kind, code, status, want) in [
        ("server", "404", None, json!({})),
        ("server", "500", None, json!({"code": 2})),
        ("client", "404", None, json!({"code": 2})),
        ("client", "200", Some("error"), json!({"code": 2})),
        ("client", "500", Some("OK"), json!({"code": 1})),
    ] {
        let mut tags = vec![("span.kind", kind), ("http.status_code", code)];
        tags.extend(status.map(|it| ("otel.status_code", it)));
        let got = as_json(thrift::body(&body(&tags)).unwrap());
        assert_eq!(span_of(&got)["status"], want, "{kind} {code} {status:?}");
    }
}

#[test]
fn thrift_that_is_cut_or_changed_anywhere_does_no_harm() {
    for protocol in [Protocol::Binary, Protocol::Compact] {
        let bytes = datagram(protocol);
        for at in 0..bytes.len() {
            assert!(thrift::call(protocol, &bytes[..at]).is_err(), "{protocol:?} {at}");
            for value in [0, 0x7f, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                let _ = thrift::call(protocol, &bytes);
            }
        }
    }
    let error = thrift::body(b"").unwrap_err();
    assert_eq!(error.to_string(), "*jaeger.Batch field 0 read error: EOF");
}

fn request() -> Vec<u8> {
    let tag = |out: &mut Writer, number, key: &str, value: &str| {
        out.message(number, |it| {
            it.text(1, key);
            it.text(3, value);
        });
    };
    let mut out = Writer::default();
    out.message(1, |batch| {
        for (id, own) in [(1, false), (2, true), (3, false)] {
            batch.message(1, |span| {
                span.bytes_field(1, &[1; 16]);
                span.bytes_field(2, &[id; 8]);
                span.text(3, "op");
                span.message(4, |it| {
                    it.bytes_field(1, &[1; 16]);
                    it.bytes_field(2, &[9; 8]);
                });
                span.message(6, |it| {
                    it.uint(1, 10);
                    it.uint(2, 5);
                });
                span.message(7, |it| it.uint(1, 1));
                tag(span, 8, "otel.scope.name", "lib");
                tag(span, 8, "w3c.tracestate", "a=b");
                if own {
                    span.message(10, |it| it.text(1, "other"));
                }
            });
        }
        batch.message(2, |it| it.text(1, "svc"));
    });
    out.finish()
}

#[test]
fn spans_in_protobuf_stand_under_the_process_that_they_name() {
    let got = as_json(proto::request(&request()).unwrap());
    let resources = got["resourceSpans"].as_array().unwrap();
    assert_eq!(resources.len(), 2);
    let scope = &resources[0]["scopeSpans"][0];
    assert_eq!(
        (scope["spans"].as_array().unwrap().len(), &scope["scope"]["name"]),
        (2, &json!("lib"))
    );
    let span = span_of(&got);
    assert_eq!(
        (&span["startTimeUnixNano"], &span["endTimeUnixNano"]),
        (&json!("10000000005"), &json!("11000000005"))
    );
    assert_eq!(
        (&span["traceState"], &span["parentSpanId"]),
        (&json!("a=b"), &json!("0909090909090909"))
    );
    assert_eq!(span["links"], Value::Null);
    assert_eq!(resources[1]["resource"]["attributes"][0]["value"], json!({"stringValue": "other"}));
    let bytes = request();
    for at in 0..bytes.len() {
        let _ = proto::request(&bytes[..at]);
    }
}

struct Fixture {
    receiver: Arc<Jaeger>,
    sink: Sink,
    host: TestHost,
    meter: component::Meter,
}

impl Fixture {
    async fn start(protocols: &str) -> Self {
        let (sink, host, settings) = (Sink::new(), TestHost::new(), settings("jaeger"));
        let meter = settings.meter.clone();
        let config = config(&format!("protocols: {protocols}"));
        let receiver = Jaeger::create(settings, config, sink.outputs(&["traces"])).unwrap();
        let receiver = Arc::new(receiver);
        Arc::clone(&receiver).start(&host).await.unwrap();
        Self { receiver, sink, host, meter }
    }

    fn dropped(&self, reason: &str) -> Option<f64> {
        let labels =
            [("receiver", "jaeger"), ("transport", "udp_thrift_compact"), ("reason", reason)];
        metric(&self.meter, "sluice_receiver_dropped_packets", &labels)
    }
}

#[tokio::test]
async fn datagrams_become_spans_and_others_are_counted() {
    let it =
        Fixture::start("{thrift_compact: {endpoint: '127.0.0.1:0', max_packet_size: 400}}").await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = it.receiver.bound().thrift_compact.unwrap();
    client.send_to(b"rubbish", to).await.unwrap();
    client.send_to(&[0; 401], to).await.unwrap();
    client.send_to(b"\x82\x81\x00\x0femitZipkinBatch\x00", to).await.unwrap();
    client.send_to(&datagram(Protocol::Compact), to).await.unwrap();
    while it.sink.items() < 1 || it.dropped("unknown_method").is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!([it.dropped("malformed"), it.dropped("too_long")], [Some(1.0), Some(1.0)]);
    let labels = [("receiver", "jaeger"), ("transport", "udp_thrift_compact")];
    assert_eq!(metric(&it.meter, "otelcol_receiver_accepted_spans", &labels), Some(1.0));
    it.host.shutdown(&*it.receiver, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_pipeline_that_waits_costs_datagrams_only_above_the_queue() {
    let section = "{thrift_compact: {endpoint: '127.0.0.1:0', queue_size: 2, workers: 1}}";
    let it = Fixture::start(section).await;
    it.sink.answer(Answer::Hang);
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = it.receiver.bound().thrift_compact.unwrap();
    let send = || async { client.send_to(&datagram(Protocol::Compact), to).await.unwrap() };
    send().await;
    while it.sink.calls() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // One is worked on, two wait.
    for _ in 0..5 {
        send().await;
    }
    while it.dropped("queue_full") != Some(3.0) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn post(it: &Fixture, content_type: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(it.receiver.bound().thrift_http.unwrap()).await.unwrap();
    let head = format!(
        "POST /api/traces HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn http_answers_what_the_pipelines_say() {
    let it = Fixture::start("{thrift_http: {endpoint: '127.0.0.1:0'}}").await;
    let thrift = "application/vnd.apache.thrift.binary; charset=x";
    let answer = post(&it, thrift, &body(&[])).await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    let answer = post(&it, "text/<b>", b"").await;
    assert!(answer.ends_with("Unsupported content type: text/&lt;b&gt;\n"), "{answer}");
    it.sink.answer(Answer::permanent("no"));
    let answer = post(&it, thrift, &body(&[])).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.ends_with("Cannot submit Jaeger batch: Permanent error: no\n"), "{answer}");
    it.host.shutdown(&*it.receiver, Duration::from_secs(5)).await;
}
