use std::sync::Arc;
use std::time::Duration;

use component::{Component as _, Receiver as _};
use componenttest::{Answer, Sink, TestHost, metric, planned, settings};
use pdata::{Data, LogsBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, UnixStream};

use crate::event::Event;
use crate::msgpack::Framer;
use crate::serve::BATCH_UNPACKED_BYTES;
use crate::{Config, Error, FluentForward};

componenttest::conformance!(receiver FluentForward, "endpoint: localhost:0");

/// 2024-06-10T06:13:20Z.
const TIME: &[u8] = b"\xce\x66\x66\x99\x80";

/// Bytes one behind the other.
fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// `["t", TIME, record]`.
fn message(record: &[u8]) -> Vec<u8> {
    joined(&[b"\x93\xa1t", TIME, record])
}

fn records_of(data: &Data) -> Vec<Value> {
    let mut text = Vec::new();
    data.to_json(&mut text);
    let json: Value = serde_json::from_slice(&text).unwrap();
    let records = json["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array();
    records.cloned().unwrap_or_default()
}

/// The records of an event.
fn read(event: &[u8]) -> Result<Vec<Value>, Error> {
    let event = Event::read(event, &mut |_| true)?;
    let mut builder = LogsBuilder::new();
    event.write(&mut builder)?;
    let logs = builder.finish();
    assert_eq!(Data::from(logs.clone()).items(), event.records);
    Ok(records_of(&logs.into()))
}

/// Attributes by their key.
fn attributes(record: &Value) -> Value {
    let all = record["attributes"].as_array().unwrap().iter();
    all.map(|it| (it["key"].as_str().unwrap().to_owned(), it["value"].clone())).collect()
}

#[test]
fn a_message_is_a_record_with_body_time_tag_and_attributes_of_every_kind() {
    let record = b"\x8a\xa3log\xa5hello\xa1n\x05\xa1m\xff\xa1f\xcb\x3f\xf8\0\0\0\0\0\0\xa1b\xc3\
                   \xa3nil\xc0\xa1l\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xc4\x01x\xc4\x02ab\
                   \xa1a\x92\x01\xa1x\xa1k\x81\xa1a\xd4\x05\x07";
    let records = read(&message(record)).unwrap();
    assert_eq!(records[0]["timeUnixNano"], "1718000000000000000");
    assert_eq!(records[0]["body"], json!({"stringValue": "hello"}));
    let want = json!({
        "fluent.tag": {"stringValue": "t"}, "n": {"intValue": "5"}, "m": {"intValue": "-1"},
        "f": {"doubleValue": 1.5}, "b": {"boolValue": true}, "nil": {},
        "l": {"stringValue": "18446744073709551615"}, "x": {"stringValue": "ab"},
        "a": {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "x"}]}},
        "k": {"kvlistValue": {"values": [{"key": "a", "value": {"stringValue": "&{[7] 5}"}}]}},
    });
    assert_eq!(attributes(&records[0]), want);
}

#[test]
fn the_later_value_of_a_key_counts_and_the_record_may_have_a_tag_of_its_own() {
    let record = b"\x85\xa1k\x01\xa3log\xa1a\xa7message\xa1b\xa1k\x02\xaafluent.tag\xa1o";
    let records = read(&message(record)).unwrap();
    assert_eq!(records[0]["body"]["stringValue"], "b");
    let want = json!({"fluent.tag": {"stringValue": "o"}, "k": {"intValue": "2"}});
    assert_eq!(attributes(&records[0]), want);
    // In forward mode the tag of the event wins.
    let forward = joined(&[b"\x92\xa1t\x91\x92", TIME, b"\x81\xaafluent.tag\xa1o"]);
    let records = read(&forward).unwrap();
    assert_eq!(attributes(&records[0]), json!({"fluent.tag": {"stringValue": "t"}}));
}

fn compressed(encoding: compression::Encoding, entries: &[u8]) -> Vec<u8> {
    let compressor = compression::Compressor::http(
        compression::Type(Some(encoding)),
        compression::Params::default(),
    );
    let mut chunks = compression::Chunks::default();
    chunks.push(entries.to_vec().into());
    let packed = compressor.compress(chunks).unwrap();
    packed.pieces().map(|it| it.to_vec()).collect::<Vec<_>>().concat()
}

#[test]
fn entries_come_in_an_array_or_packed_or_compressed() {
    let entries = joined(&[
        b"\x92",
        TIME,
        b"\x81\xa3log\xa1a\x92\xd7\0\x66\x66\x99\x81\0\0\0\x07\x81\xa3log\xa1b",
    ]);
    let check = |event: &[u8]| {
        let records = read(event).unwrap();
        let times: Vec<_> = records.iter().map(|it| &it["timeUnixNano"]).collect();
        assert_eq!(times, ["1718000000000000000", "1718000001000000007"]);
        assert_eq!(records[1]["body"]["stringValue"], "b");
    };
    let length = u8::try_from(entries.len()).unwrap();
    check(&joined(&[b"\x92\xa1t\x92", &entries]));
    check(&joined(&[b"\x93\xa1t\x92", &entries, b"\x81\xa4size\x02"]));
    check(&joined(&[b"\x92\xa1t\xc4", &[length], &entries]));
    check(&joined(&[b"\x93\xa1t\xd9", &[length], &entries, b"\xc0"]));
    for (name, encoding) in
        [("gzip", compression::Encoding::Gzip), ("zstd", compression::Encoding::Zstd)]
    {
        let packed = compressed(encoding, &entries);
        let length = u8::try_from(packed.len()).unwrap();
        check(&joined(&[
            b"\x93\xa1t\xc4",
            &[length],
            &packed,
            b"\x81\xaacompressed\xa4",
            name.as_bytes(),
        ]));
    }
}

#[test]
fn an_event_with_a_mistake_gives_no_record() {
    let wrong = |event: &[u8], want: &str| {
        assert_eq!(read(event).unwrap_err().to_string(), want);
    };
    wrong(b"\x05", "an event is not an array");
    wrong(b"\x93\x05", "the tag is not text");
    wrong(b"\x93\xa1t\xcb\0\0\0\0\0\0\0\0\x80", "behind the tag is neither a time nor entries");
    wrong(&message(b"\x81\x01\x02"), "a key is not text");
    wrong(&message(b"\xa1x"), "a record is not a map");
    wrong(b"\x93\xa1t\xd4\0\0\x80", "the time is neither a whole number nor an EventTime");
    wrong(&joined(&[b"\x92\xa1t", TIME]), "it ends in the middle of a value");
    wrong(
        &joined(&[b"\x95\xa1t", TIME, b"\x80\x80\x80"]),
        "an array of 5 values is none of the protocol's",
    );
    wrong(
        &joined(&[b"\x92\xa1t\x91\x93", TIME, b"\x80\x80"]),
        "an array of 3 values is none of the protocol's",
    );
    wrong(
        b"\x93\xa1t\xc4\x02ab\x81\xaacompressed\xa4gzip",
        "the entries cannot be unpacked: unexpected EOF",
    );
    let deep = joined(&[b"\x81\xa1k", &[0x91; 100], b"\x01"]);
    wrong(&message(&deep), "values are nested too deeply");
}

#[test]
fn nothing_that_comes_makes_it_panic_and_pieces_are_put_together() {
    use proptest::prelude::*;
    proptest!(ProptestConfig::with_cases(512), |(
        noise in proptest::collection::vec(any::<u8>(), 0..60),
        start in 0usize..3,
        cut in 0usize..200,
    )| {
        let starts: [&[u8]; 3] = [b"", b"\x93\xa1t\xce\x66\x66\x99\x80", b"\x92\xa1t\xc4\x20"];
        let _ = read(&joined(&[starts[start], &noise]));
        let whole = message(b"\x82\xa1k\x92\x01\xc7\x02\x05ab\xa3log\xda\0\x03abc");
        let end = whole.len();
        let bytes = joined(&[&whole, &noise]);
        let mut framer = Framer::new();
        let cut = cut % end;
        prop_assert_eq!(framer.end(&bytes[..cut]), Ok(None));
        prop_assert_eq!(framer.end(&bytes), Ok(Some(end)));
        let mut framer = Framer::new();
        let _ = framer.end(&noise);
    });
}

struct Running {
    host: TestHost,
    sink: Sink,
    receiver: Arc<FluentForward>,
    meter: component::Meter,
}

impl Running {
    async fn start(section: &str) -> Self {
        let (host, sink) = (TestHost::new(), Sink::new());
        let settings = settings("fluent_forward");
        let meter = settings.meter.clone();
        let config = componenttest::config(section);
        let receiver = FluentForward::create(settings, config, sink.outputs(&["logs"])).unwrap();
        let receiver = Arc::new(receiver);
        Arc::clone(&receiver).start(&host).await.unwrap();
        Self { host, sink, receiver, meter }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.receiver.bound().unwrap()).await.unwrap()
    }

    fn count(&self, name: &str) -> Option<f64> {
        metric(&self.meter, name, &[])
    }

    async fn stop(self) {
        self.host.shutdown(&*self.receiver, Duration::from_secs(5)).await;
    }
}

/// `["t", TIME, {"log": "x"}, {"chunk": chunk}]`.
fn with_chunk(chunk: &str) -> Vec<u8> {
    let length = u8::try_from(chunk.len()).unwrap();
    joined(&[b"\x94\xa1t", TIME, b"\x81\xa3log\xa1x\x81\xa5chunk\xd9", &[length], chunk.as_bytes()])
}

async fn expect(stream: &mut TcpStream, want: &[u8]) {
    let mut got = vec![0; want.len()];
    stream.read_exact(&mut got).await.unwrap();
    assert_eq!(got, want);
}

#[tokio::test]
async fn a_chunk_is_acknowledged_when_its_records_were_taken() {
    let it = Running::start("endpoint: 127.0.0.1:0").await;
    let mut stream = it.connect().await;
    for piece in with_chunk("Y2h1bmstMQ==").chunks(5) {
        stream.write_all(piece).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    expect(&mut stream, b"\x81\xa3ack\xacY2h1bmstMQ==").await;
    assert_eq!(it.sink.items(), 1);
    assert!(
        it.sink.attempts()[0].0.client.as_ref().unwrap().peer.is_some(),
        "it is known who sent"
    );
    let long = "c".repeat(40);
    stream.write_all(&joined(&[&with_chunk("a"), &with_chunk(&long)])).await.unwrap();
    expect(&mut stream, b"\x81\xa3ack\xa1a\x81\xa3ack\xd9\x28").await;
    expect(&mut stream, long.as_bytes()).await;
    assert_eq!(it.sink.items(), 3);
    drop(stream);
    assert_eq!(it.count("otelcol_fluent_events_parsed"), Some(3.0));
    assert_eq!(it.count("otelcol_fluent_records_generated"), Some(3.0));
    it.stop().await;
}

#[tokio::test]
async fn what_is_refused_for_now_is_not_acknowledged_and_what_is_refused_for_good_is() {
    let it = Running::start("endpoint: 127.0.0.1:0").await;
    it.sink.script([Answer::retryable("later"), Answer::permanent("never")]);
    let mut stream = it.connect().await;
    stream.write_all(&with_chunk("a")).await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "the connection ends");
    let mut stream = it.connect().await;
    stream.write_all(&with_chunk("a")).await.unwrap();
    expect(&mut stream, b"\x81\xa3ack\xa1a").await;
    it.stop().await;
}

#[tokio::test(start_paused = true)]
async fn records_that_nobody_else_has_are_offered_until_they_are_taken() {
    let it = Running::start("endpoint: 127.0.0.1:0").await;
    it.sink.script([Answer::retryable("later"), Answer::retryable("later")]);
    let mut stream = it.connect().await;
    stream.write_all(&message(b"\x81\xa3log\xa1x")).await.unwrap();
    it.sink.wait_for_calls(3).await;
    assert_eq!(it.sink.items(), 1);
    it.stop().await;
}

#[tokio::test(start_paused = true)]
async fn records_that_want_no_acknowledgement_are_not_dropped_for_those_that_do() {
    let it = Running::start("endpoint: 127.0.0.1:0").await;
    it.sink.script([Answer::retryable("later")]);
    let mut stream = it.connect().await;
    let both = joined(&[&message(b"\x81\xa3log\xa1x"), &with_chunk("a")]);
    stream.write_all(&both).await.unwrap();
    expect(&mut stream, b"\x81\xa3ack\xa1a").await;
    assert_eq!(it.sink.items(), 2);
    it.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_acknowledgements_is_left() {
    let it = Running::start("endpoint: 127.0.0.1:0").await;
    let mut stream = it.connect().await;
    let chunk = "c".repeat(200);
    let events = with_chunk(&chunk).repeat(1000);
    // More than what the sockets hold; the acknowledgements are read by nobody.
    while stream.write_all(&events).await.is_ok() {}
    it.stop().await;
}

#[tokio::test]
async fn compressed_events_do_not_pile_up() {
    let it = Running::start("endpoint: 127.0.0.1:0").await;
    let length = BATCH_UNPACKED_BYTES / 2 + 1;
    let size = u32::try_from(length).unwrap().to_be_bytes();
    let text = vec![b'x'; length];
    let entries = joined(&[b"\x92", TIME, b"\x81\xa3log\xdb", &size, &text]);
    let packed = compressed(compression::Encoding::Zstd, &entries);
    let size = u16::try_from(packed.len()).unwrap().to_be_bytes();
    let options = b"\x82\xaacompressed\xa4zstd\xa5chunk\xa1a";
    let event = joined(&[b"\x93\xa1t\xc5", &size, &packed, options]);
    let mut stream = it.connect().await;
    stream.write_all(&event.repeat(3)).await.unwrap();
    expect(&mut stream, &b"\x81\xa3ack\xa1a".repeat(3)).await;
    assert_eq!((it.sink.attempts().len(), it.sink.items()), (2, 3));
    it.stop().await;
}

#[tokio::test]
async fn a_mistake_ends_the_connection_and_what_came_before_it_is_kept() {
    let it = Running::start("endpoint: 127.0.0.1:0").await;
    let mut stream = it.connect().await;
    let bytes = joined(&[&message(b"\x81\xa3log\xa1x"), b"GET / HTTP/1.1\r\n\r\n"]);
    stream.write_all(&bytes).await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert_eq!((rest.len(), it.sink.items()), (0, 1));
    assert_eq!(it.count("otelcol_fluent_parse_failures"), Some(1.0));
    it.stop().await;
}

#[tokio::test]
async fn heartbeats_are_answered() {
    let it = Running::start("endpoint: 127.0.0.1:0").await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(b"\0", it.receiver.bound().unwrap()).await.unwrap();
    let mut buffer = [1; 4];
    let (length, _) = socket.recv_from(&mut buffer).await.unwrap();
    assert_eq!(buffer[..length], [0]);
    it.stop().await;
}

#[tokio::test]
async fn a_unix_socket_is_served_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fluent.sock");
    let it = Running::start(&format!("endpoint: unix://{}", path.display())).await;
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(&with_chunk("a")).await.unwrap();
    let mut got = [0; 7];
    stream.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"\x81\xa3ack\xa1a");
    it.stop().await;
}

#[tokio::test]
async fn there_is_no_room_beyond_the_limit_of_memory() {
    let it = Running::start("endpoint: 127.0.0.1:0").await;
    let mut other = it.host.in_flight().enter();
    let _limit = it.host.in_flight().limit(10);
    assert!(other.holds(10));
    let mut stream = it.connect().await;
    stream.write_all(&with_chunk("a")).await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert_eq!((rest.len(), it.sink.items()), (0, 0));
    it.stop().await;
}

#[test]
fn an_endpoint_is_needed() {
    let mistakes = |section: &str| {
        let (_, found) = planned::<Config>(section);
        found.faults().iter().map(|it| it.text.clone()).collect::<Vec<_>>().join("\n")
    };
    assert!(mistakes("{}").contains("endpoint is required"));
    assert!(mistakes("endpoint: localhost").contains("missing port in address"));
    assert_eq!(mistakes("endpoint: /tmp/fluent.sock"), "");
}
