//! OTLP/gRPC: collector-core 5.3 (last paragraph) and 5.4, and the recorded cases.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use component::{ConsumeError, GrpcStatus, Signal};
use componenttest::{Answer, data, logs};
use compression::{Chunks, Compressor, Encoding, Type};
use configgrpc::frame::{Message, Reader, prefix};
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{ALL, Fixture, run, with_grpc};

pub(super) const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// The end of a call.
#[derive(Debug)]
pub(super) struct Reply {
    http: u16,
    headers: HeaderMap,
    message: Option<Message>,
    status: HeaderMap,
}

impl Reply {
    pub(super) fn code(&self) -> &str {
        self.status["grpc-status"].to_str().unwrap()
    }

    pub(super) fn text(&self) -> String {
        let text = self.status.get("grpc-message");
        text.map_or_else(String::new, |it| rpcstatus::unescape(it.as_bytes()))
    }

    #[track_caller]
    pub(super) fn check(&self, http: u16, code: &str, text: &str) {
        assert_eq!((self.http, self.code(), self.text().as_str()), (http, code, text));
    }

    #[track_caller]
    pub(super) fn check_success(&self) {
        self.check(200, "0", "");
        let message = self.message.as_ref().expect("a message");
        assert_eq!((message.compressed, &message.body[..]), (false, &[10, 0][..]));
    }
}

/// A connection and the task that drives it.
pub(super) struct Link {
    send: SendRequest<Bytes>,
    _drive: JoinSet<()>,
}

impl Link {
    pub(super) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (send, connection) = h2::client::handshake(stream).await.unwrap();
        let mut drive = JoinSet::new();
        drive.spawn(async move {
            let _ = connection.await;
        });
        Self { send, _drive: drive }
    }

    pub(super) async fn begin(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (h2::client::ResponseFuture, h2::SendStream<Bytes>) {
        let mut request = Request::post(format!("http://here{path}"));
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/grpc");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut send = self.send.clone().ready().await.unwrap();
        send.send_request(request.body(()).unwrap(), false).unwrap()
    }

    pub(super) async fn call(&self, path: &str, headers: &[(&str, &str)], body: Bytes) -> Reply {
        let (response, mut stream) = self.begin(path, headers).await;
        // The server may refuse before it has read all.
        let _ = stream.send_data(body, true);
        finish(response).await
    }
}

pub(super) async fn finish(response: h2::client::ResponseFuture) -> Reply {
    let (head, body) = response.await.unwrap().into_parts();
    if head.headers.contains_key("grpc-status") {
        let (headers, status) = (head.headers.clone(), head.headers);
        return Reply { http: head.status.as_u16(), headers, message: None, status };
    }
    let mut reader = Reader::new(body, 1 << 20);
    let message = reader.next().await.unwrap();
    assert!(reader.next().await.unwrap().is_none());
    let status = reader.trailers().await.unwrap().expect("trailers");
    Reply { http: head.status.as_u16(), headers: head.headers, message, status }
}

pub(super) fn framed(compressed: bool, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::from(&prefix(compressed, message.len())[..]);
    frame.put_slice(message);
    frame.freeze()
}

pub(super) fn request(n: usize) -> Bytes {
    framed(false, &logs(n).to_bytes())
}

pub(super) async fn call(it: &Fixture, headers: &[(&str, &str)], body: Bytes) -> Reply {
    Link::open(it.grpc()).await.call(LOGS, headers, body).await
}

#[test]
fn all_signals_are_taken() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let link = Link::open(it.grpc()).await;
        let methods = [
            (Signal::Traces, "/opentelemetry.proto.collector.trace.v1.TraceService/Export"),
            (Signal::Metrics, "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"),
            (Signal::Logs, LOGS),
        ];
        for (signal, method) in methods {
            let sent = data(signal, 5).to_bytes();
            let reply = link.call(method, &[], framed(false, &sent)).await;
            reply.check_success();
            assert_eq!(reply.headers["content-type"], "application/grpc");
            let got = it.sink.received().pop().unwrap();
            assert_eq!((got.signal(), got.to_bytes()), (signal, sent));
            link.call(method, &[], framed(false, b"")).await.check_success();
        }
        assert_eq!(it.sink.calls(), 3);
        for name in ["accepted_spans", "accepted_metric_points", "accepted_log_records"] {
            it.check_metric(name, "grpc", 5.0);
        }
        it.stop().await;
    });
}

#[test]
fn compressed_messages_are_read_and_answered_in_kind() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        for encoding in [Encoding::Gzip, Encoding::Zstd, Encoding::Snappy] {
            let compressor = Compressor::grpc(Type(Some(encoding)));
            let chunks = compressor.compress(Chunks::from(logs(4).to_bytes())).unwrap();
            let body: Vec<u8> = chunks.pieces().flat_map(|it| it.to_vec()).collect();
            let headers = [("grpc-encoding", encoding.name())];
            for body in [framed(true, &body), request(4)] {
                let reply = call(&it, &headers, body).await;
                reply.check(200, "0", "");
                assert_eq!(reply.headers["grpc-encoding"], encoding.name());
                let message = reply.message.unwrap();
                assert!(message.compressed);
                let plain = compression::decompress(encoding, &message.body, 100).unwrap();
                assert_eq!(plain, &[10, 0][..]);
            }
        }
        assert_eq!(it.sink.items(), 24);
        call(&it, &[("grpc-encoding", "identity")], request(1)).await.check_success();
        it.stop().await;
    });
}

#[test]
fn wrong_compression_is_refused_in_the_words_of_grpc_go() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let body = || framed(true, b"plain text");
        let reply = call(&it, &[], body()).await;
        reply.check(200, "13", "grpc: compressed flag set with identity or empty encoding");
        let reply = call(&it, &[("grpc-encoding", "deflate")], body()).await;
        let text = "grpc: Decompressor is not installed for grpc-encoding \"deflate\"";
        reply.check(200, "12", text);
        let reply = call(&it, &[("grpc-encoding", "gzip")], body()).await;
        reply.check(200, "13", "grpc: failed to decompress the message: gzip: invalid header");
        it.stop().await;
    });
}

#[test]
fn content_types_begin_with_application_grpc() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        for good in ["application/grpc+proto", "application/grpc+json"] {
            let reply = call(&it, &[("content-type", good)], request(1)).await;
            reply.check_success();
            assert_eq!(reply.headers["content-type"], good);
        }
        for bad in ["application/json", "text/plain"] {
            let reply = call(&it, &[("content-type", bad)], request(1)).await;
            reply.check(415, "3", &format!("invalid gRPC request content-type {bad:?}"));
            assert_eq!(reply.headers["content-type"], "application/grpc");
        }
        it.stop().await;
    });
}

#[test]
fn unknown_services_and_methods_are_unimplemented() {
    run(async {
        let it = Fixture::start(&["logs"], |_| {}).await;
        let link = Link::open(it.grpc()).await;
        let logs_service = "opentelemetry.proto.collector.logs.v1.LogsService";
        let cases = [
            ("/nope.Service/Export".to_owned(), "unknown service nope.Service".to_owned()),
            (
                format!("/{logs_service}/Import"),
                format!("unknown method Import for service {logs_service}"),
            ),
            ("/".into(), "malformed method name: \"/\"".into()),
            (
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export".into(),
                "unknown service opentelemetry.proto.collector.trace.v1.TraceService".into(),
            ),
        ];
        for (path, text) in cases {
            link.call(&path, &[], request(1)).await.check(200, "12", &text);
        }
        it.stop().await;
    });
}

#[test]
fn malformed_messages_are_internal_errors() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let text = "grpc: error unmarshalling request: unexpected EOF";
        for body in [&b"\xff\xff"[..], b"\x0a", b"\x0a\x05ab"] {
            call(&it, &[], framed(false, body)).await.check(200, "13", text);
        }
        call(&it, &[], Bytes::from_static(b"\0\0\0\0\x09ab")).await.check(
            200,
            "13",
            "unexpected EOF",
        );
        call(&it, &[], Bytes::from_static(b"\0\0")).await.check(200, "13", "unexpected EOF");
        let text =
            "cardinality violation: received no request message from non-client-streaming RPC";
        call(&it, &[], Bytes::new()).await.check(200, "13", text);
        assert_eq!(it.sink.calls(), 0);
        it.stop().await;
    });
}

#[test]
fn messages_beyond_the_limit_are_refused_before_and_after_decompression() {
    run(async {
        let it = Fixture::start(ALL, with_grpc(|grpc| grpc.max_recv_msg_size_mib = 1)).await;
        let reply = call(&it, &[], framed(false, &vec![0; 1_048_577])).await;
        let text = "grpc: received message larger than max (1048577 vs. 1048576)";
        reply.check(200, "8", text);
        let compressor = Compressor::grpc(Type(Some(Encoding::Gzip)));
        let chunks = compressor.compress(Chunks::from(Bytes::from(vec![0; 1_048_577]))).unwrap();
        let body: Vec<u8> = chunks.pieces().flat_map(|it| it.to_vec()).collect();
        let reply = call(&it, &[("grpc-encoding", "gzip")], framed(true, &body)).await;
        let text = "grpc: received message after decompression larger than max 1048576";
        reply.check(200, "8", text);
        it.stop().await;
    });
}

#[test]
fn a_message_in_many_frames_arrives_whole() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let link = Link::open(it.grpc()).await;
        let body = request(2000);
        let (response, mut stream) = link.begin(LOGS, &[]).await;
        for piece in body.chunks(777) {
            stream.send_data(Bytes::copy_from_slice(piece), false).unwrap();
        }
        stream.send_data(Bytes::new(), true).unwrap();
        finish(response).await.check_success();
        assert_eq!(it.sink.received()[0].to_bytes(), logs(2000).to_bytes());
        it.stop().await;
    });
}

#[test]
fn the_pipelines_answer_becomes_the_status() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let encoded = rpcstatus::encode(8, "slow down", Some(Duration::from_secs(7)));
        let below = GrpcStatus { code: 8, message: "slow down".into(), encoded };
        let cases = [
            (ConsumeError::retryable("queue is full"), "14", "queue is full", None),
            (ConsumeError::permanent("bad \u{e9}"), "13", "Permanent error: bad \u{e9}", None),
            (ConsumeError::retryable("x").with_status(below), "8", "slow down", Some(7)),
            (ConsumeError::retryable("b").after(Duration::from_secs(3)), "14", "b", Some(3)),
        ];
        for (error, code, text, delay) in cases {
            it.sink.answer(Answer::Fail(error));
            let reply = call(&it, &[], request(1)).await;
            reply.check(200, code, text);
            let details = reply.status.get("grpc-status-details-bin");
            let details = details.map(|it| rpcstatus::decode_binary(it.as_bytes()).unwrap());
            let got = details.as_deref().and_then(rpcstatus::retry_delay);
            assert_eq!(got, delay.map(Duration::from_secs));
        }
        it.check_metric("refused_log_records", "grpc", 4.0);
        it.stop().await;
    });
}

#[test]
fn a_deadline_that_passes_withdraws_the_call() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        it.sink.answer(Answer::Hang);
        let reply = call(&it, &[("grpc-timeout", "50m")], request(1)).await;
        reply.check(200, "4", "context deadline exceeded");
        it.sink.wait_for("the withdrawal", |it| it.withdrawn() == 1).await;
        it.check_metric("refused_log_records", "grpc", 1.0);
        let reply = call(&it, &[("grpc-timeout", "5x")], request(1)).await;
        reply.check(
            400,
            "13",
            "malformed grpc-timeout: transport: timeout unit is not recognized: \"5x\"",
        );
        it.stop().await;
    });
}

#[test]
fn a_call_that_is_reset_is_withdrawn_and_others_go_on() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        it.sink.script([Answer::Hang]);
        let link = Link::open(it.grpc()).await;
        let (response, mut stream) = link.begin(LOGS, &[]).await;
        stream.send_data(request(1), true).unwrap();
        it.sink.wait_for_calls(1).await;
        stream.send_reset(h2::Reason::CANCEL);
        drop(response);
        it.sink.wait_for("the withdrawal", |it| it.withdrawn() == 1).await;
        link.call(LOGS, &[], request(1)).await.check_success();
        it.stop().await;
    });
}

#[test]
fn a_client_that_leaves_takes_its_calls_with_it() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        it.sink.answer(Answer::Hang);
        let link = Link::open(it.grpc()).await;
        let (_response, mut stream) = link.begin(LOGS, &[]).await;
        stream.send_data(request(1), true).unwrap();
        it.sink.wait_for_calls(1).await;
        drop(link);
        it.sink.wait_for("the withdrawal", |it| it.withdrawn() == 1).await;
        it.stop().await;
    });
}

#[test]
fn a_client_is_told_how_many_calls_at_a_time_it_may_make() {
    run(async {
        for (configured, told) in [(0, 100), (7, 7)] {
            let change = with_grpc(|it| it.max_concurrent_streams = configured);
            let it = Fixture::start(ALL, change).await;
            let link = Link::open(it.grpc()).await;
            // The settings of the server come before its first answer.
            link.call(LOGS, &[], framed(false, &logs(1).to_bytes())).await.check_success();
            assert_eq!(link.send.current_max_send_streams(), told);
            drop(link);
            it.stop().await;
        }
    });
}

#[test]
fn calls_of_a_connection_run_side_by_side() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        it.sink.answer(Answer::Hang);
        let link = Link::open(it.grpc()).await;
        let mut open = Vec::new();
        for _ in 0..50 {
            let (response, mut stream) = link.begin(LOGS, &[]).await;
            stream.send_data(request(1), true).unwrap();
            open.push((response, stream));
        }
        it.sink.wait_for_calls(50).await;
        assert_eq!(it.sink.in_flight(), 50);
        it.sink.release(Answer::Ok);
        for (response, _stream) in open {
            finish(response).await.check_success();
        }
        it.stop().await;
    });
}

#[test]
fn pipelines_see_metadata_only_if_configured() {
    run(async {
        for include in [false, true] {
            let change = with_grpc(move |grpc| grpc.include_metadata = include);
            let it = Fixture::start(ALL, change).await;
            call(&it, &[("x-tenant", "a")], request(1)).await.check_success();
            let client = it.sink.attempts().remove(0).0.client.unwrap();
            assert!(client.is_grpc && client.peer.unwrap().ip().is_loopback());
            let tenant: Vec<_> = client.metadata("x-tenant").collect();
            assert_eq!(tenant, if include { vec!["a"] } else { vec![] });
            let host: Vec<_> = client.metadata("host").collect();
            assert_eq!(host, if include { vec!["here"] } else { vec![] });
            it.stop().await;
        }
    });
}

#[test]
fn an_old_connection_is_asked_to_leave_after_its_calls() {
    run(async {
        let change = with_grpc(|grpc| {
            let mut keepalive = configgrpc::server::Keepalive::default();
            let parameters = configgrpc::server::ServerParameters {
                max_connection_age: component::config::Duration::from_millis(50),
                ..Default::default()
            };
            keepalive.server_parameters = component::config::Section::on(parameters);
            grpc.keepalive = component::config::Section::on(keepalive);
        });
        let it = Fixture::start(ALL, change).await;
        it.sink.script([Answer::Delay(Duration::from_millis(200))]);
        let stream = TcpStream::connect(it.grpc()).await.unwrap();
        let (send, connection) = h2::client::handshake(stream).await.unwrap();
        let mut drive = JoinSet::new();
        drive.spawn(async move { connection.await.unwrap() });
        let link = Link { send, _drive: JoinSet::new() };
        link.call(LOGS, &[], request(1)).await.check_success();
        drive.join_next().await.unwrap().unwrap();
        it.stop().await;
    });
}

#[test]
fn a_server_that_stops_finishes_the_calls_in_flight() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        it.sink.answer(Answer::Hang);
        let link = Link::open(it.grpc()).await;
        let (response, mut stream) = link.begin(LOGS, &[]).await;
        stream.send_data(request(1), true).unwrap();
        it.sink.wait_for_calls(1).await;
        let sink = it.sink.clone();
        it.host.stopping().cancel();
        // GOAWAY: the connection takes no more calls.
        let mut send = link.send.clone();
        while poll_fn(|cx| send.poll_ready(cx)).await.is_ok() {
            tokio::task::yield_now().await;
        }
        sink.release(Answer::Ok);
        finish(response).await.check_success();
        it.stop().await;
    });
}
