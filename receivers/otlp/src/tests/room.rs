//! What counts against the room that a memory limiter leaves: what has come, however it is framed.

use std::time::Duration;

use bytes::Bytes;
use componenttest::Answer;
use compression::Encoding;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::grpc::{LOGS, Link, finish, framed, request};
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

/// The beginning of a gRPC connection, and a frame of 100,000 bytes of which `sent` have come.
async fn part_of_a_frame(it: &Fixture, sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(it.grpc()).await.unwrap();
    let settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let head = [0x01, 0x86, 0xa0, 0, 0, 0, 0, 0, 1];
    let begin = [&settings[..], &head, &vec![0; sent]].concat();
    stream.write_all(&begin).await.unwrap();
    stream
}

/// Waits for the end of a connection, which may be a reset.
async fn wait_for_end(mut stream: TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

#[test]
fn heads_and_frames_that_are_not_whole_take_room() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let _limit = it.host.in_flight().limit(ROOM_BYTES);
        let first = part_of_a_frame(&it, 60_000).await;
        wait_for_bytes(&it, 60_000).await;
        wait_for_end(part_of_a_frame(&it, 60_000).await).await;
        let mut stream = TcpStream::connect(it.http()).await.unwrap();
        let head = format!("{HEAD}X: {}", "x".repeat(60_000));
        stream.write_all(head.as_bytes()).await.unwrap();
        wait_for_end(stream).await;
        let held = it.host.in_flight().bytes();
        assert!((60_000..61_000).contains(&held), "what was refused is not held: {held}");
        drop(first);
        while it.host.in_flight().bytes() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
        let mut stream = TcpStream::connect(it.http()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        wait_for_bytes(&it, 60_000).await;
        let rest = "\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
        stream.write_all(rest.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(it.host.in_flight().bytes(), 0);
        it.stop().await;
    });
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_stands_still_ends_its_connection_and_an_idle_client_stays() {
    let it = Fixture::start(ALL, |_| {}).await;
    let link = Link::open(it.grpc()).await;
    link.call(LOGS, &[], request(1)).await.check_success();
    let start = Instant::now();
    wait_for_end(part_of_a_frame(&it, 50_000).await).await;
    assert_eq!(start.elapsed().as_secs(), 30);
    assert_eq!(it.host.in_flight().bytes(), 0);
    link.call(LOGS, &[], request(1)).await.check_success();
    it.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_stands_still_is_answered_deadline_exceeded() {
    let it = Fixture::start(ALL, |_| {}).await;
    let link = Link::open(it.grpc()).await;
    for sent in [0, 5, 1000] {
        let (response, mut stream) = link.begin(LOGS, &[]).await;
        let begin = framed(false, &[0; 2000]).slice(..sent);
        stream.send_data(begin, false).unwrap();
        let reply = finish(response).await;
        reply.check(200, "4", "the request message came too slowly");
    }
    it.stop().await;
}
