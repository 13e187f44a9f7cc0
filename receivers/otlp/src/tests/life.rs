//! Start and stop.

use std::sync::Arc;
use std::time::Duration;

use component::Component;
use component::config::Section;
use componenttest::{Answer, Sink, TestHost, logs};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{ALL, Fixture, create, run, with_grpc, with_http};

async fn start_error(change: impl FnOnce(&mut super::Protocols)) -> String {
    let host = TestHost::new();
    let (otlp, _) = create(&Sink::new(), ALL, |config| change(&mut config.protocols));
    let error = Arc::clone(&otlp).start(&host).await.unwrap_err().to_string();
    host.shutdown(&*otlp, Duration::from_secs(5)).await;
    error
}

#[test]
fn a_taken_port_stops_the_start() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let (grpc, http) = (it.grpc(), it.http());
        let text = start_error(with_grpc(|it| it.net.endpoint = grpc.to_string())).await;
        assert_eq!(text, format!("listen tcp {grpc}: bind: address already in use"));
        let text = start_error(with_http(|it| it.server.net.endpoint = http.to_string())).await;
        assert_eq!(text, format!("listen tcp {http}: bind: address already in use"));
        it.stop().await;
    });
}

#[test]
fn a_certificate_that_cannot_be_read_says_so_at_start() {
    run(async {
        let mut tls = configtls::ServerConfig::default();
        (tls.common.cert_file, tls.common.key_file) = ("/nowhere".into(), "/nowhere".into());
        let text = start_error(with_grpc(|it| it.tls = Section::on(tls))).await;
        let want = "failed to load TLS config: failed to load TLS cert and key: open /nowhere: no such file";
        assert!(text.starts_with(want), "{text}");
    });
}

#[test]
fn an_http_request_in_flight_is_answered_when_the_server_stops() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        it.sink.answer(Answer::Hang);
        let mut idle = TcpStream::connect(it.http()).await.unwrap();
        let mut stream = TcpStream::connect(it.http()).await.unwrap();
        let body = logs(1).to_bytes();
        let head = format!(
            "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        it.sink.wait_for_calls(1).await;
        it.host.stopping().cancel();
        let mut rest = Vec::new();
        idle.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty());
        it.sink.release(Answer::Ok);
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&rest));
        it.stop().await;
    });
}

#[test]
fn a_head_that_comes_too_slowly_or_never_ends_the_connection_and_an_idle_client_stays() {
    run(async {
        let timeout = component::config::Duration::from_millis(300);
        let change = with_http(move |it| it.server.read_header_timeout = timeout);
        let it = Fixture::start(ALL, change).await;
        let mut idle = TcpStream::connect(it.http()).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        idle.write_all(request).await.unwrap();
        let mut answer = [0; 12];
        idle.read_exact(&mut answer).await.unwrap();
        let mut silent = TcpStream::connect(it.http()).await.unwrap();
        let mut slow = TcpStream::connect(it.http()).await.unwrap();
        slow.write_all(b"POST /v1/logs HT").await.unwrap();
        let mut rest = Vec::new();
        let _ = slow.read_to_end(&mut rest).await;
        let _ = silent.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
        idle.write_all(request).await.unwrap();
        // The server may stop only when it has read the request.
        while String::from_utf8_lossy(&rest).matches("404 page not found").count() < 2 {
            assert_ne!(idle.read_buf(&mut rest).await.unwrap(), 0, "the client was sent away");
        }
        it.host.stopping().cancel();
        assert_eq!(idle.read_to_end(&mut rest).await.unwrap(), 0);
        it.stop().await;
    });
}

/// What is answered to a head, when of the body come `sent` bytes a second.
async fn answer_to(head: &str, sent: &[u8]) -> String {
    answer_of(|_| {}, head, sent).await
}

/// The same by a server with this section.
async fn answer_of(change: impl FnOnce(&mut super::Protocols), head: &str, sent: &[u8]) -> String {
    let it = Fixture::start(ALL, change).await;
    let mut stream = TcpStream::connect(it.http()).await.unwrap();
    let fixed = "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n";
    stream.write_all(format!("{fixed}{head}\r\n\r\n").as_bytes()).await.unwrap();
    let (mut from, mut to) = stream.split();
    let mut answer = String::new();
    let send = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            // The end is noticed by who reads.
            let _ = to.write_all(sent).await;
        }
    };
    tokio::select! {
        () = send => {}
        read = from.read_to_string(&mut answer) => drop(read),
    }
    it.stop().await;
    answer
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stands_still_or_comes_by_the_byte_is_answered_408() {
    for head in ["Content-Length: 4194304", "Transfer-Encoding: chunked"] {
        for sent in [&b""[..], b"1\r\n \r\n"] {
            let answer = answer_to(head, sent).await;
            assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
            let status = r#"{"code":4,"message":"the request body came too slowly"}"#;
            assert!(answer.ends_with(status), "{answer}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_has_come_within_the_read_timeout_or_is_answered_408() {
    // Fast enough for us, and for 30 s.
    let piece = [&b"1000\r\n"[..], &[b' '; 4096], b"\r\n"].concat();
    let begun = tokio::time::Instant::now();
    let section =
        with_http(|it| it.server.read_timeout = component::config::Duration::from_secs(3));
    let answer = answer_of(section, "Transfer-Encoding: chunked", &piece).await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_in_the_write_timeout_loses_its_connection() {
    let section =
        with_http(|it| it.server.write_timeout = component::config::Duration::from_secs(3));
    let it = Fixture::start(ALL, section).await;
    it.sink.answer(Answer::Hang);
    let mut stream = TcpStream::connect(it.http()).await.unwrap();
    let body = logs(1).to_bytes();
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok() && answer.is_empty(), "{read:?} {answer:?}");
    it.stop().await;
}

#[test]
fn idle_grpc_clients_do_not_hold_up_the_stop() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let stream = TcpStream::connect(it.grpc()).await.unwrap();
        let (send, connection) = h2::client::handshake::<_>(stream).await.unwrap();
        let silent = TcpStream::connect(it.grpc()).await.unwrap();
        let mut drive = tokio::task::JoinSet::new();
        drive.spawn(async move { drop(connection.await) });
        it.stop().await;
        drive.join_next().await.unwrap().unwrap();
        drop((send, silent));
    });
}
