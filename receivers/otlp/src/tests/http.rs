//! OTLP/HTTP: collector-core 5.3 and 5.4, and the recorded cases.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use component::config::Section;
use component::{ConsumeError, Data, GrpcStatus, Signal};
use componenttest::{Answer, data, logs};
use compression::{Chunks, Compressor, Encoding, Params, Type};
use confighttp::server::CorsConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{ALL, Fixture, run, with_http};

/// An answer as it was on the wire.
#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    pub(super) fn check(&self, status: u16, content_type: &str, body: &str) {
        let got = (self.status, self.header("content-type"), self.text());
        assert_eq!(got, (status, Some(content_type), body));
    }

    #[track_caller]
    pub(super) fn check_json_error(&self, status: u16, code: i32, message: &str) {
        assert_eq!(self.json(), serde_json::json!({ "code": code, "message": message }));
        assert_eq!(self.status, status);
    }

    #[track_caller]
    pub(super) fn check_success(&self) {
        self.check(200, "application/json", r#"{"partialSuccess":{}}"#);
    }
}

/// One request on a connection of its own.
pub(super) async fn send(
    address: SocketAddr,
    first: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut head = format!("{first} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server may answer before it has read all.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    parse(&answer)
}

fn parse(answer: &[u8]) -> Reply {
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").expect("a head");
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_lowercase(), value.to_owned())
    });
    Reply { status, headers: headers.collect(), body: answer[end + 4..].to_vec() }
}

pub(super) async fn post(
    address: SocketAddr,
    path: &str,
    content_type: &str,
    body: &[u8],
) -> Reply {
    send(address, &format!("POST {path}"), &[("Content-Type", content_type)], body).await
}

pub(super) async fn post_json(address: SocketAddr, body: impl AsRef<[u8]>) -> Reply {
    post(address, "/v1/logs", "application/json", body.as_ref()).await
}

fn as_json(data: &Data) -> Vec<u8> {
    let mut text = Vec::new();
    data.to_json(&mut text);
    text
}

pub(super) fn compress(encoding: Encoding, body: Vec<u8>) -> Vec<u8> {
    let compressor = Compressor::http(Type(Some(encoding)), Params::default());
    let chunks = compressor.compress(Chunks::from(Bytes::from(body))).unwrap();
    chunks.pieces().flat_map(|it| it.to_vec()).collect()
}

#[test]
fn all_signals_are_taken_in_both_encodings() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        for signal in Signal::ALL {
            let path = format!("/v1/{signal}");
            let sent = data(signal, 3);
            post(it.http(), &path, "application/json", &as_json(&sent)).await.check_success();
            let reply = post(it.http(), &path, "application/x-protobuf", &sent.to_bytes()).await;
            reply.check(200, "application/x-protobuf", "\n\0");
            let got = it.sink.received();
            assert_eq!(got.len(), 2);
            assert_eq!(got[1].to_bytes(), sent.to_bytes());
            assert_eq!((got[0].signal(), got[0].items()), (signal, 3));
            it.sink.clear();
        }
        for name in ["accepted_spans", "accepted_metric_points", "accepted_log_records"] {
            it.check_metric(name, "http", 6.0);
        }
        it.check_metric("refused_spans", "http", 0.0);
        it.check_metric("failed_spans", "http", 0.0);
        it.stop().await;
    });
}

#[test]
fn content_types_are_told_apart_by_their_media_type() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        for good in [
            "application/json",
            "application/json; charset=utf-8",
            "APPLICATION/JSON",
            "application/json;",
            "application/json; a=\"b; c\"; d=e",
        ] {
            post(it.http(), "/v1/logs", good, b"{}").await.check_success();
        }
        let text =
            "415 unsupported media type, supported: [application/json, application/x-protobuf]";
        for bad in [
            "text/plain",
            "application/protobuf",
            "",
            "application/jsonx",
            "application/json;x",
            "application/json; =",
            "application/json; a=b; A=c",
        ] {
            post(it.http(), "/v1/logs", bad, b"{}").await.check(415, "text/plain", text);
        }
        send(it.http(), "POST /v1/logs", &[], b"{}").await.check(415, "text/plain", text);
        it.stop().await;
    });
}

#[test]
fn other_methods_and_paths_are_refused() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let json = [("Content-Type", "application/json")];
        for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
            let reply = send(it.http(), &format!("{method} /v1/logs"), &json, b"").await;
            reply.check(405, "text/plain", "405 method not allowed, supported: [POST]");
        }
        let reply = send(it.http(), "HEAD /v1/logs", &json, b"").await;
        assert_eq!((reply.status, reply.text()), (405, ""));
        for path in ["/", "/v1/log", "/v1/logs/", "/V1/LOGS", "/v1development/profiles"] {
            let reply = send(it.http(), &format!("POST {path}"), &json, b"{}").await;
            reply.check(404, "text/plain; charset=utf-8", "404 page not found\n");
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        }
        let reply = send(it.http(), "POST //v1/logs", &json, b"{}").await;
        assert_eq!((reply.status, reply.header("location")), (307, Some("/v1/logs")));
        send(it.http(), "POST /v1/logs?x=1", &json, b"{}").await.check_success();
        it.stop().await;
    });
}

#[test]
fn a_signal_that_no_pipeline_wants_is_not_found() {
    run(async {
        let it = Fixture::start(&["traces"], |_| {}).await;
        let reply = post_json(it.http(), "{}").await;
        reply.check(404, "text/plain; charset=utf-8", "404 page not found\n");
        post(it.http(), "/v1/traces", "application/json", b"{}").await.check_success();
        it.stop().await;
    });
}

#[test]
fn paths_can_be_configured() {
    run(async {
        let change = with_http(|http| {
            http.logs_url_path = "in/logs".into();
            http.traces_url_path = "/t".into();
        });
        let it = Fixture::start(ALL, change).await;
        for path in ["/in/logs", "/t", "/v1/metrics"] {
            post(it.http(), path, "application/json", b"{}").await.check_success();
        }
        assert_eq!(post_json(it.http(), "{}").await.status, 404);
        it.stop().await;
    });
}

#[test]
fn nothing_to_do_is_a_success_that_no_pipeline_sees() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        for body in ["{}", "null", r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[]}]}]}"#] {
            post_json(it.http(), body).await.check_success();
        }
        let reply = post(it.http(), "/v1/logs", "application/x-protobuf", b"").await;
        reply.check(200, "application/x-protobuf", "\n\0");
        assert_eq!(it.sink.calls(), 0);
        it.stop().await;
    });
}

#[test]
fn malformed_requests_are_answered_in_their_own_encoding() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let reply = post_json(it.http(), "").await;
        let want = "ReadObject: expect { or , or } or n, but found \u{0}, error found in #0 byte of \
                    ...||..., bigger context ...||...";
        reply.check_json_error(400, 3, want);
        for body in [&b"\xff\xff"[..], b"\x0a", b"\x0a\x05ab", b"{}"] {
            let reply = post(it.http(), "/v1/logs", "application/x-protobuf", body).await;
            reply.check(400, "application/x-protobuf", "\x08\x03\x12\x0eunexpected EOF");
        }
        assert_eq!(it.sink.calls(), 0);
        it.stop().await;
    });
}

#[test]
fn every_content_encoding_is_read() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        for encoding in Encoding::ALL {
            let body = compress(encoding, as_json(&logs(2)));
            let headers =
                [("Content-Type", "application/json"), ("Content-Encoding", encoding.name())];
            send(it.http(), "POST /v1/logs", &headers, &body).await.check_success();
        }
        assert_eq!(it.sink.items(), 2 * Encoding::ALL.len());
        it.stop().await;
    });
}

#[test]
fn unknown_and_damaged_encodings_are_refused() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let unknown = ["Identity", "GZIP", "br", "gzip, gzip", "foo"]
            .map(|it| (it, &b"{}"[..], format!("unsupported Content-Encoding: {it}")));
        let damaged = [
            ("gzip", &b""[..], "EOF"),
            ("gzip", b"\x1f\x8b", "unexpected EOF"),
            ("gzip", b"plain text", "gzip: invalid header"),
            ("zlib", b"plain text", "zlib: invalid header"),
            ("deflate", b"plain text", "zlib: invalid header"),
            ("zstd", b"\x28\xb5\x2f\xfd", "unexpected EOF"),
            ("zstd", b"plain text", "invalid input: magic number mismatch"),
            ("snappy", b"\xff\xff\xff\xff\xff\xff", "snappy: corrupt input"),
            ("x-snappy-framed", b"plain text", "snappy: corrupt input"),
            ("lz4", b"plain text", "lz4: bad magic number"),
        ];
        let damaged = damaged.map(|(name, body, text)| (name, body, text.to_owned()));
        for (name, body, text) in unknown.into_iter().chain(damaged) {
            let headers = [("Content-Type", "application/json"), ("Content-Encoding", name)];
            let reply = send(it.http(), "POST /v1/logs", &headers, body).await;
            reply.check_json_error(400, 3, &text);
        }
        let headers = [("Content-Type", "text/plain"), ("Content-Encoding", "foo")];
        let reply = send(it.http(), "POST /v1/logs", &headers, b"").await;
        reply.check_json_error(400, 3, "unsupported Content-Encoding: foo");
        let headers =
            [("Content-Type", "application/json; charset=utf-8"), ("Content-Encoding", "foo")];
        let reply = send(it.http(), "POST /v1/logs", &headers, b"").await;
        reply.check_json_error(400, 3, "unsupported Content-Encoding: foo");
        let headers = [("Content-Type", "application/json"), ("Content-Encoding", "identity")];
        send(it.http(), "POST /v1/logs", &headers, b"{}").await.check_success();
        it.stop().await;
    });
}

/// As deep as upstream takes them since v0.165.
const NESTING: usize = 100;

#[test]
fn values_nest_a_hundred_deep_in_both_encodings() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let array = (r#"{"arrayValue":{"values":["#, "]}}");
        let map = (r#"{"kvlistValue":{"values":[{"key":"k","value":"#, "}]}}");
        for (begin, end) in [array, map] {
            let (begin, end) = (begin.repeat(NESTING - 1), end.repeat(NESTING - 1));
            let value = format!(r#"{begin}{{"stringValue":"x"}}{end}"#);
            let record = format!(r#"{{"body":{value}}}"#);
            let body =
                format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#);
            post_json(it.http(), &body).await.check_success();
            let came = it.sink.received().pop().unwrap();
            let type_of = "application/x-protobuf";
            let reply = post(it.http(), "/v1/logs", type_of, &came.to_bytes()).await;
            assert_eq!(reply.status, 200);
            assert!(String::from_utf8(as_json(&came)).unwrap().contains(&value));
        }
        it.stop().await;
    });
}

#[test]
fn compression_algorithms_narrow_what_is_accepted() {
    run(async {
        let change =
            with_http(|http| http.server.compression_algorithms = Some(vec!["zlib".into()]));
        let it = Fixture::start(ALL, change).await;
        let reply = post_json(it.http(), "{}").await;
        reply.check_json_error(400, 3, "unsupported Content-Encoding: ");
        let headers = [("Content-Type", "application/json"), ("Content-Encoding", "zlib")];
        let body = compress(Encoding::Zlib, b"{}".to_vec());
        send(it.http(), "POST /v1/logs", &headers, &body).await.check_success();
        it.stop().await;
    });
}

#[test]
fn a_body_beyond_the_limit_is_refused_before_and_after_decompression() {
    run(async {
        let change = with_http(|http| http.server.max_request_body_size = 1000);
        let it = Fixture::start(ALL, change).await;
        let at_limit = format!("{{}}{}", " ".repeat(998));
        post_json(it.http(), &at_limit).await.check_success();
        let beyond = format!("{at_limit} ");
        let reply = post_json(it.http(), &beyond).await;
        reply.check_json_error(400, 3, "http: request body too large");
        let big = vec![b' '; 3_000_000];
        let reply = post_json(it.http(), &big).await;
        reply.check_json_error(400, 3, "http: request body too large");
        for (encoding, text) in [
            (Encoding::Gzip, "http: request body too large"),
            (Encoding::Zstd, "http: request body too large"),
            (Encoding::Snappy, "snappy: decoded size exceeds max request body size"),
        ] {
            let headers =
                [("Content-Type", "application/json"), ("Content-Encoding", encoding.name())];
            let body = compress(encoding, beyond.clone().into_bytes());
            assert!(body.len() < 1000);
            let reply = send(it.http(), "POST /v1/logs", &headers, &body).await;
            reply.check_json_error(400, 3, text);
        }
        it.stop().await;
    });
}

#[test]
fn a_chunked_body_of_unknown_length_is_read_under_the_limit() {
    run(async {
        let change = with_http(|http| http.server.max_request_body_size = 100_000);
        let it = Fixture::start(ALL, change).await;
        for (size, want) in [(90_000, 200), (110_000, 400)] {
            let mut stream = TcpStream::connect(it.http()).await.unwrap();
            let head = "POST /v1/logs HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
                        Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            let body = format!("{{}}{}", " ".repeat(size - 2));
            for piece in body.as_bytes().chunks(30_000) {
                stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.unwrap();
                stream.write_all(piece).await.unwrap();
                stream.write_all(b"\r\n").await.unwrap();
            }
            stream.write_all(b"0\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            assert_eq!(parse(&answer).status, want);
        }
        it.stop().await;
    });
}

#[test]
fn the_pipelines_answer_becomes_status_body_and_retry_after() {
    let status = |code, delay: Option<u64>| {
        let delay = delay.map(Duration::from_secs);
        let encoded = rpcstatus::encode(code, "x", delay);
        ConsumeError::retryable("x").with_status(GrpcStatus { code, message: "x".into(), encoded })
    };
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let mut cases = vec![
            (ConsumeError::retryable("queue is full"), 503, 14, "queue is full", None),
            (ConsumeError::permanent("bad"), 500, 13, "Permanent error: bad", None),
            (status(14, Some(7)), 503, 14, "x", Some("7")),
            (status(8, Some(2)), 429, 8, "x", Some("2")),
            (status(3, Some(2)), 400, 3, "x", None),
        ];
        let codes = [
            (1, 503),
            (2, 500),
            (3, 400),
            (4, 503),
            (5, 500),
            (6, 500),
            (7, 403),
            (8, 429),
            (9, 500),
            (10, 503),
            (11, 503),
            (12, 404),
            (13, 500),
            (14, 503),
            (15, 503),
            (16, 401),
        ];
        cases.extend(codes.map(|(code, http)| (status(code, None), http, code, "x", None)));
        for (error, http, code, message, after) in cases {
            it.sink.answer(Answer::Fail(error));
            let reply = post_json(it.http(), as_json(&logs(1))).await;
            let json = reply.json();
            assert_eq!((reply.status, &json["code"]), (http, &code.into()));
            assert_eq!((&json["message"], reply.header("retry-after")), (&message.into(), after));
            let reply =
                post(it.http(), "/v1/logs", "application/x-protobuf", &logs(1).to_bytes()).await;
            assert_eq!(reply.header("content-type"), Some("application/x-protobuf"));
            assert_eq!(rpcstatus::decode(&reply.body), Some((code, message.to_owned())));
        }
        it.check_metric("refused_log_records", "http", 42.0);
        it.check_metric("accepted_log_records", "http", 0.0);
        it.stop().await;
    });
}

#[test]
fn a_delay_is_told_in_the_details_and_never_rounded_down() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let error = ConsumeError::retryable("busy").after(Duration::from_millis(1500));
        it.sink.answer(Answer::Fail(error));
        let reply = post_json(it.http(), as_json(&logs(1))).await;
        assert_eq!(reply.header("retry-after"), Some("2"));
        let info = serde_json::json!([{
            "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"
        }]);
        assert_eq!(reply.json()["details"], info);
        it.stop().await;
    });
}

#[test]
fn pipelines_see_headers_only_if_configured() {
    run(async {
        for include in [false, true] {
            let change = with_http(move |http| http.server.include_metadata = include);
            let it = Fixture::start(ALL, change).await;
            let headers = [("Content-Type", "application/json"), ("X-Tenant", "A")];
            send(it.http(), "POST /v1/logs", &headers, &as_json(&logs(1))).await.check_success();
            let (ctx, _) = it.sink.attempts().remove(0);
            let client = ctx.client.unwrap();
            assert!(!client.is_grpc && client.peer.unwrap().ip().is_loopback());
            let tenant: Vec<_> = client.metadata("x-tenant").collect();
            assert_eq!(tenant, if include { vec!["A"] } else { vec![] });
            assert_eq!(client.metadata("host").count(), usize::from(include));
            it.stop().await;
        }
    });
}

#[test]
fn browsers_are_answered_as_cors_wants_it() {
    let cors = CorsConfig {
        allowed_origins: vec!["https://app.test".into(), "https://*.wild.test".into()],
        allowed_headers: vec!["X-One".into(), "X-Two".into()],
        exposed_headers: vec!["X-Seen".into(), "X-Too".into()],
        max_age: 77,
    };
    let change = with_http(|http| http.server.cors = Section::on(cors));
    run(async {
        let it = Fixture::start(ALL, change).await;
        let ask = async |origin: &str, method: &str, headers: &str| {
            let mut asked = vec![("Origin", origin), ("Access-Control-Request-Method", method)];
            if !headers.is_empty() {
                asked.push(("Access-Control-Request-Headers", headers));
            }
            let reply = send(it.http(), "OPTIONS /v1/logs", &asked, b"").await;
            assert_eq!((reply.status, reply.text()), (204, ""));
            let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
            assert_eq!(reply.header("vary"), Some(vary));
            let names = ["origin", "methods", "headers", "credentials"];
            let mut got = names.map(|it| format!("access-control-allow-{it}")).to_vec();
            got.push("access-control-max-age".into());
            got.iter().map(|it| reply.header(it).unwrap_or("").to_owned()).collect::<Vec<_>>()
        };
        let yes = ["https://app.test", "POST", "x-one", "true", "77"];
        assert_eq!(ask("https://app.test", "POST", "x-one").await, yes);
        let yes = ["https://a.wild.test", "POST", "", "true", "77"];
        assert_eq!(ask("https://a.wild.test", "POST", "").await, yes);
        let no = [""; 5];
        assert_eq!(ask("https://evil.test", "POST", "").await, no);
        assert_eq!(ask("https://app.test", "DELETE", "").await, no);
        assert_eq!(ask("https://app.test", "POST", "x-bad").await, no);
        let headers = [("Content-Type", "application/json"), ("Origin", "https://app.test")];
        let reply = send(it.http(), "POST /v1/logs", &headers, b"{}").await;
        reply.check_success();
        assert_eq!(reply.header("access-control-allow-origin"), Some("https://app.test"));
        assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(reply.header("access-control-expose-headers"), Some("X-Seen, X-Too"));
        assert_eq!(reply.header("vary"), Some("Origin"));
        it.stop().await;
    });
}

#[test]
fn configured_headers_are_sent_with_every_answer() {
    let list = r#"{"X-Hello": "there"}"#;
    let change = with_http(|http| {
        http.server.response_headers = serde_json::from_str(list).unwrap();
    });
    run(async {
        let it = Fixture::start(ALL, change).await;
        for path in ["/v1/logs", "/nope"] {
            let reply = post(it.http(), path, "application/json", b"{}").await;
            assert_eq!(reply.header("x-hello"), Some("there"));
        }
        it.stop().await;
    });
}

#[test]
fn several_requests_share_a_connection() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let mut stream = TcpStream::connect(it.http()).await.unwrap();
        let request = "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\
                       Content-Length: 2\r\n\r\n{}";
        stream.write_all(request.repeat(3).as_bytes()).await.unwrap();
        let mut answers = String::new();
        while answers.matches("partialSuccess").count() < 3 {
            let mut buffer = [0; 4096];
            let n = stream.read(&mut buffer).await.unwrap();
            assert!(n > 0, "the connection ended after {answers}");
            answers += std::str::from_utf8(&buffer[..n]).unwrap();
        }
        it.stop().await;
    });
}
