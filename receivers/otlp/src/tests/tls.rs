//! Encrypted, and what clients get that speak something else.

use ::http::uri::PathAndQuery;
use componenttest::{Authority, logs};
use configgrpc::client::{Client, ClientConfig};
use configtls::{Connector, MaybeTls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

const EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// A receiver with the certificate `server` on both ports; clients need `client` if `mutual`.
async fn start(authority: &Authority, mutual: bool) -> Fixture {
    let mut tls = configtls::ServerConfig::default();
    tls.common.cert_file = authority.path("server.pem");
    tls.common.key_file = authority.path("server.key");
    if mutual {
        tls.client_ca_file = authority.path("ca.pem");
    }
    let grpc = tls.clone();
    Fixture::start(ALL, |protocols| {
        with_http(|it| it.server.tls = Section::on(tls))(protocols);
        with_grpc(|it| it.tls = Section::on(grpc))(protocols);
    })
    .await
}

fn trusting(authority: &Authority, certificate: Option<&str>) -> configtls::ClientConfig {
    let mut section = configtls::ClientConfig::default();
    section.common.ca_file = authority.path("ca.pem");
    if let Some(name) = certificate {
        section.common.cert_file = authority.path(&format!("{name}.pem"));
        section.common.key_file = authority.path(&format!("{name}.key"));
    }
    section
}

fn request() -> Vec<u8> {
    let body = logs(1).to_bytes();
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

async fn answer(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, request: &[u8]) -> String {
    // A server that refuses may be gone before it has read everything.
    let _ = stream.write_all(request).await;
    let _ = stream.flush().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn over_http(at: SocketAddr, client: &configtls::ClientConfig) -> Result<String, String> {
    let stream = TcpStream::connect(at).await.unwrap();
    let connector = Connector::new(client, &["http/1.1"]).unwrap();
    let stream = connector.connect("127.0.0.1", stream).await?;
    Ok(answer(stream, &request()).await)
}

async fn over_grpc(at: SocketAddr, tls: configtls::ClientConfig) -> Result<(), String> {
    let mut config = ClientConfig { endpoint: at.to_string(), tls, ..ClientConfig::default() };
    config.compression = compression::Type::NONE.into();
    let client = Client::new(&config, "test", PATIENCE).unwrap();
    let call = client
        .call(
            &component::Context::default(),
            &PathAndQuery::from_static(EXPORT),
            &[logs(1).to_bytes()],
        )
        .await;
    call.map(|_| ()).map_err(|status| status.message)
}

#[test]
fn requests_come_encrypted_from_clients_that_are_known() {
    run(async {
        let (authority, stranger) = (Authority::new(), Authority::new());
        for (authority, name) in
            [(&authority, "server"), (&authority, "client"), (&stranger, "client")]
        {
            authority.issue(name, "127.0.0.1");
        }
        for mutual in [false, true] {
            let it = start(&authority, mutual).await;
            let known = trusting(&authority, Some("client"));
            assert!(over_http(it.http(), &known).await.unwrap().starts_with("HTTP/1.1 200 OK"));
            over_grpc(it.grpc(), known).await.unwrap();
            assert_eq!(it.sink.received().len(), 2);
            let unknown = trusting(&authority, None);
            let served = over_http(it.http(), &unknown).await;
            assert_eq!(served.is_ok_and(|it| it.starts_with("HTTP/1.1 200")), !mutual);
            assert_eq!(over_grpc(it.grpc(), unknown).await.is_ok(), !mutual);
            let mut wrong = trusting(&stranger, Some("client"));
            wrong.common.ca_file = authority.path("ca.pem");
            let served = over_http(it.http(), &wrong).await;
            assert_eq!(served.is_ok_and(|it| it.starts_with("HTTP/1.1 200")), !mutual);
            it.stop().await;
        }
    });
}

#[test]
fn plain_text_to_an_encrypted_port_is_told_so_and_harms_nobody() {
    run(async {
        let authority = Authority::new();
        authority.issue("server", "127.0.0.1");
        let it = start(&authority, false).await;
        // Half a handshake that goes no further.
        let mut half = TcpStream::connect(it.http()).await.unwrap();
        half.write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
        let told = answer(TcpStream::connect(it.http()).await.unwrap(), &request()).await;
        assert_eq!(
            told,
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
        );
        let told =
            answer(TcpStream::connect(it.grpc()).await.unwrap(), b"PRI * HTTP/2.0\r\n\r\n").await;
        assert_eq!(told, "");
        let served = over_http(it.http(), &trusting(&authority, None)).await.unwrap();
        assert!(served.starts_with("HTTP/1.1 200 OK"), "{served}");
        it.stop().await;
    });
}

#[test]
fn an_encrypted_client_of_a_plain_port_learns_it() {
    run(async {
        let it = Fixture::start(ALL, |_| {}).await;
        let error = over_http(it.http(), &configtls::ClientConfig::default()).await.unwrap_err();
        assert!(
            error.starts_with("tls: first record does not look like a TLS handshake"),
            "{error}"
        );
        let stream = TcpStream::connect(it.http()).await.unwrap();
        let served = answer(MaybeTls::Plain(stream), &request()).await;
        assert!(served.starts_with("HTTP/1.1 200 OK"), "{served}");
        it.stop().await;
    });
}
