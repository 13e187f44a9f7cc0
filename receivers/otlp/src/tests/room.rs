//! What counts against the room that a memory limiter leaves: what has come, however it is framed.

use std::time::Duration;

use bytes::Bytes;
use componenttest::Answer;
use compression::Encoding;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::grpc::{LOGS, Link, framed, request};
use super::http::{compress, post_json, send};
use super::{ALL, Fixture, run};

/// What may be under way in these tests, in bytes.
const ROOM_BYTES: usize = 100_000;
const HEAD: &str = "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n";

/// Waits until so many bytes are under way, or more.
async fn wait_for_bytes(it: &Fixture, bytes: usize) {
    while it.host.in_flight().bytes() < bytes {
        sleep(Duration::from_millis(1)).await;
    }
}

/// A push that takes most of the room and has no answer until the sink is released.
async fn fill(it: &Fixture) -> TcpStream {
    it.sink.script([Answer::Hang]);
    let body = format!(
        r#"{{"resourceLogs":[{{"schemaUrl":"{}","scopeLogs":[{{"logRecords":[{{}}]}}]}}]}}"#,
        "x".repeat(ROOM_BYTES - 1_000)
    );
    let mut stream = TcpStream::connect(it.http()).await.unwrap();
    let head = format!("{HEAD}Connection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    it.sink.wait_for_calls(1).await;
    stream
}

#[test]
fn what_is_announced_takes_no_room() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let _limit = it.host.in_flight().limit(ROOM_BYTES);
        let mut silent = Vec::new();
        let link = Link::open(it.grpc()).await;
        for _ in 0..50 {
            let mut stream = TcpStream::connect(it.http()).await.unwrap();
            let head = format!("{HEAD}Content-Length: 4194304\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut call = link.begin(LOGS, &[]).await;
            let prefix = configgrpc::frame::prefix(false, 4 << 20);
            call.1.send_data(Bytes::copy_from_slice(&prefix), false).unwrap();
            silent.push((stream, call));
        }
        wait_for_bytes(&it, 100 * 5).await;
        assert!(it.host.in_flight().bytes() < ROOM_BYTES / 2);
        let body = format!(r#"{{"x": "{}"}}"#, "x".repeat(ROOM_BYTES / 2));
        post_json(it.http(), body).await.check_success();
        link.call(LOGS, &[], request(1)).await.check_success();
        drop(silent);
        it.stop().await;
    });
}

#[test]
fn what_has_come_takes_room_however_it_is_framed() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let _limit = it.host.in_flight().limit(ROOM_BYTES);
        let first = fill(&it).await;
        let held = it.host.in_flight().bytes();
        // Nothing is announced.
        let mut chunked = TcpStream::connect(it.http()).await.unwrap();
        let head =
            format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n800\r\n{}\r\n", "x".repeat(2048));
        chunked.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        chunked.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
        assert!(answer.contains("data refused due to high memory usage"), "{answer}");
        // More is announced than comes.
        let link = Link::open(it.grpc()).await;
        let reply = link.call(LOGS, &[], framed(false, &[0; 2048])).await;
        assert_eq!(
            (reply.code(), reply.text().split(':').next()),
            ("14", Some("data refused due to high memory usage"))
        );
        // It is small until it is decompressed.
        let large = compress(Encoding::Gzip, vec![b' '; 200_000]);
        assert!(large.len() < 500);
        let headers = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")];
        let reply = send(it.http(), "POST /v1/logs", &headers, &large).await;
        assert_eq!(
            (reply.status, reply.header("retry-after")),
            (503, Some("1")),
            "{}",
            reply.text()
        );
        let headers = [("grpc-encoding", "gzip")];
        let reply = link.call(LOGS, &headers, framed(true, &large)).await;
        assert_eq!(reply.code(), "14", "{}", reply.text());
        // A large head takes room, too, and a request without a body none.
        let reply = link.call(LOGS, &[("x", &"x".repeat(2048))], request(1)).await;
        assert_eq!(reply.code(), "14", "{}", reply.text());
        assert_eq!(send(it.http(), "GET /", &[], b"").await.status, 404);
        assert_eq!(it.host.in_flight().bytes(), held, "what was refused is not held");
        drop(first);
        while it.host.in_flight().bytes() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
        let reply = link.call(LOGS, &headers, framed(true, &large)).await;
        assert_eq!(reply.code(), "0", "what is alone may be larger: {}", reply.text());
        it.stop().await;
    });
}
