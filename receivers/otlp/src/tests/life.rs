//! Start and stop.

use std::sync::Arc;
use std::time::Duration;

use component::Component;
use component::config::Section;
use componenttest::{Answer, Sink, TestHost, logs};
use confighttp::server::AuthConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{ALL, Fixture, create, run, with_grpc, with_http};

async fn start_error(change: impl FnOnce(&mut super::Protocols)) -> String {
    let host = TestHost::new();
    let (otlp, _) = create(&Sink::new(), ALL, change);
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
fn what_is_not_supported_yet_says_so_at_start() {
    run(async {
        let text =
            start_error(with_grpc(|it| it.tls = Section::on(configtls::ServerConfig::default())))
                .await;
        assert!(text.starts_with("TLS is not supported yet"), "{text}");
        let text =
            start_error(with_http(|it| it.server.auth = Section::on(AuthConfig::default()))).await;
        assert!(text.starts_with("auth is not supported yet"), "{text}");
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
fn a_head_that_comes_too_slowly_ends_the_connection_and_an_idle_client_stays() {
    run(async {
        let timeout = component::config::Duration::from_millis(300);
        let change = with_http(move |it| it.server.read_header_timeout = timeout);
        let it = Fixture::start(ALL, change).await;
        let mut idle = TcpStream::connect(it.http()).await.unwrap();
        let mut slow = TcpStream::connect(it.http()).await.unwrap();
        slow.write_all(b"POST /v1/logs HT").await.unwrap();
        let mut rest = Vec::new();
        let _ = slow.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
        idle.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.unwrap();
        idle.read_to_end(&mut rest).await.unwrap();
        assert!(rest.starts_with(b"HTTP/1.1 404"));
        it.stop().await;
    });
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
