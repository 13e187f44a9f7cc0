//! HTTP/2 on the HTTP port, for clients that agree on it in the TLS handshake, and how long connections live.

#![expect(clippy::disallowed_methods, reason = "clients of a test end with its runtime")]

use ::http::{HeaderMap, Method, Request, StatusCode};
use bytes::{Bytes, BytesMut};
use componenttest::{Authority, logs};
use configtls::{Connector, MaybeTls};
use h2::client::SendRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;

/// A receiver with the certificate `server`, and these keys of its HTTP section.
async fn start(authority: &Authority, section: &str) -> Fixture {
    let mut tls = configtls::ServerConfig::default();
    tls.common.cert_file = authority.path("server.pem");
    tls.common.key_file = authority.path("server.key");
    let server = read(section);
    let change = |it: &mut crate::HttpConfig| {
        it.server = confighttp::server::ServerConfig {
            net: it.server.net.clone(),
            tls: Section::on(tls),
            ..server
        };
    };
    Fixture::start(ALL, with_http(change)).await
}

fn read(text: &str) -> confighttp::server::ServerConfig {
    component::config::load(&componenttest::section(text)).unwrap()
}

async fn encrypted(authority: &Authority, it: &Fixture, protocols: &[&str]) -> MaybeTls<TcpStream> {
    let mut client = configtls::ClientConfig::default();
    client.common.ca_file = authority.path("ca.pem");
    let stream = TcpStream::connect(it.http()).await.unwrap();
    Connector::new(&client, protocols).unwrap().connect("127.0.0.1", stream).await.unwrap()
}

/// A connection, and the task that ends with it.
async fn connect(
    authority: &Authority,
    it: &Fixture,
    window: Option<u32>,
) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = encrypted(authority, it, &["h2", "http/1.1"]).await;
    assert_eq!(stream.protocol(), Some(&b"h2"[..]));
    let mut builder = h2::client::Builder::new();
    if let Some(window) = window {
        builder.initial_window_size(window);
    }
    let (send, connection) = builder.handshake(stream).await.unwrap();
    (send, tokio::spawn(connection))
}

async fn ask(
    send: &SendRequest<Bytes>,
    (method, path): (Method, &str),
    headers: &[(&str, &str)],
    body: Bytes,
) -> (StatusCode, HeaderMap, Bytes) {
    let mut request = Request::builder().method(method).uri(format!("https://sluice.test{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut send = send.clone().ready().await.unwrap();
    let (response, mut stream) = send.send_request(request.body(()).unwrap(), false).unwrap();
    // It may be answered before it is there.
    let _ = stream.send_data(body, true);
    let (head, mut incoming) = response.await.unwrap().into_parts();
    let mut all = BytesMut::new();
    while let Some(data) = incoming.data().await {
        all.extend_from_slice(&data.unwrap());
    }
    (head.status, head.headers, all.freeze())
}

const PROTO: (&str, &str) = ("content-type", "application/x-protobuf");

#[test]
fn requests_on_one_connection_are_answered_as_over_http_1() {
    run(async {
        let authority = Authority::new();
        authority.issue("server", "127.0.0.1");
        let text = "{include_metadata: true, response_headers: {X-Served-By: sluice}}";
        let it = start(&authority, text).await;
        let (send, _connection) = connect(&authority, &it, None).await;
        let post = (Method::POST, "/v1/logs");
        for _ in 0..3 {
            let (status, headers, body) =
                ask(&send, post.clone(), &[PROTO, ("x-tenant", "a")], logs(1).to_bytes()).await;
            assert_eq!((status.as_u16(), &*body), (200, &[10, 0][..]));
            assert_eq!(headers["x-served-by"], "sluice");
        }
        assert_eq!(it.sink.items(), 3);
        let big = Bytes::from(vec![b' '; 3_000_000]);
        let json = ("content-type", "application/json");
        for (of, headers, body, want) in [
            ((Method::GET, "/v1/logs"), vec![json], Bytes::new(), 405),
            ((Method::POST, "/v1/else"), vec![json], Bytes::new(), 404),
            (post.clone(), vec![], Bytes::new(), 415),
            (post.clone(), vec![json], Bytes::from_static(b"nonsense"), 400),
            (post.clone(), vec![json, ("content-encoding", "foo")], Bytes::new(), 400),
            (post.clone(), vec![json], [Bytes::from_static(b"{}"), big].concat().into(), 200),
        ] {
            let (status, _, body) = ask(&send, of, &headers, body).await;
            assert_eq!(status.as_u16(), want, "{body:?}");
        }
        it.stop().await;
    });
}

#[test]
fn a_client_that_reads_no_answer_is_sent_away() {
    run(async {
        let authority = Authority::new();
        authority.issue("server", "127.0.0.1");
        let it = start(&authority, "write_timeout: 300ms").await;
        let (send, connection) = connect(&authority, &it, Some(0)).await;
        let request = Request::post("https://h/v1/logs").header(PROTO.0, PROTO.1).body(()).unwrap();
        let mut send = send.ready().await.unwrap();
        let (response, _body) = send.send_request(request, true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
        // The body has no room, and never will.
        let _ = connection.await.unwrap();
        it.stop().await;
    });
}

#[test]
fn connections_without_requests_are_closed_and_old_ones_asked_to_leave() {
    run(async {
        let authority = Authority::new();
        authority.issue("server", "127.0.0.1");
        for text in [
            "keepalive: {idle_timeout: 100ms}",
            "idle_timeout: 100ms",
            "keepalive: {max_connection_age: 100ms}",
        ] {
            let it = start(&authority, text).await;
            let (send, connection) = connect(&authority, &it, None).await;
            let (status, ..) =
                ask(&send, (Method::POST, "/v1/logs"), &[PROTO], logs(1).to_bytes()).await;
            assert_eq!(status, 200, "{text}");
            let _ = connection.await.unwrap();
            it.stop().await;
        }
    });
}

/// Requests on one HTTP/1.1 connection, this far apart: whether each answer says that it is the last.
async fn http1(it: &Fixture, count: usize, pause: Duration) -> Vec<bool> {
    let mut stream = TcpStream::connect(it.http()).await.unwrap();
    let mut last = Vec::new();
    for _ in 0..count {
        let head = "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 2";
        stream.write_all(format!("{head}\r\n\r\n{{}}").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}}") {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0);
        }
        let answer = String::from_utf8(answer).unwrap().to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
        last.push(answer.contains("connection: close"));
        if last.ends_with(&[true]) {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    last
}

#[test]
fn an_old_connection_of_http_1_gets_its_last_answer() {
    run(async {
        let pause = Duration::from_millis(300);
        for (text, want) in [
            ("keepalive: {max_connection_age: 200ms}", vec![false, true]),
            ("keepalive: {max_connection_age: 10m}", vec![false, false]),
            ("keepalive: {enabled: false}", vec![true]),
            ("keep_alives_enabled: false", vec![true]),
        ] {
            let server = read(text);
            let change = |it: &mut crate::HttpConfig| {
                let net = it.server.net.clone();
                it.server = confighttp::server::ServerConfig { net, ..server };
            };
            let it = Fixture::start(ALL, with_http(change)).await;
            assert_eq!(http1(&it, 2, pause).await, want, "{text}");
            it.stop().await;
        }
    });
}
