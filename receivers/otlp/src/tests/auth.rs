//! Only clients that an authenticator knows are served.

use component::config::{Secret, Value};
use component::{AuthData, Capability, Refusal, ServerAuth, async_trait};
use componenttest::logs;
use configgrpc::client::{Client, ClientConfig};
use http::HeaderMap;
use http::uri::PathAndQuery;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{ALL, Arc, Component, Duration, Fixture, Otlp, Protocols, Section, Sink, TestHost};
use super::{create, with_grpc, with_http};

const EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// Knows those who say "ann" in a header.
struct Doorman;

#[async_trait]
impl ServerAuth for Doorman {
    async fn authenticate(&self, headers: &HeaderMap) -> Result<AuthData, Refusal> {
        match headers.get("x-name").map(http::HeaderValue::as_bytes) {
            Some(b"ann") => {
                Ok(AuthData { attributes: vec![("username".into(), Value::String("ann".into()))] })
            }
            Some(b"late") => Err(Refusal::later("come again")),
            Some(_) => Err("invalid credentials".into()),
            None => Err("no name".into()),
        }
    }
}

fn guarded(protocols: &mut Protocols) {
    with_grpc(|it| {
        it.auth = Section::on(configgrpc::client::AuthConfig { authenticator: "doorman".into() });
    })(protocols);
    with_http(|it| {
        it.server.auth = Section::on(confighttp::server::AuthConfig {
            authenticator: "doorman".into(),
            request_params: vec!["x-name".into()],
        });
    })(protocols);
}

async fn start() -> Fixture {
    let (sink, host) = (Sink::new(), TestHost::new());
    host.offer("doorman", Capability::ServerAuth(Arc::new(Doorman)));
    let (otlp, meter): (Arc<Otlp>, _) = create(&sink, ALL, |it| guarded(&mut it.protocols));
    Arc::clone(&otlp).start(&host).await.unwrap();
    Fixture { otlp, sink, host, meter }
}

/// The answer to a POST with this path and header.
pub(super) async fn over_http(it: &Fixture, path: &str, header: &str) -> String {
    let body = logs(1).to_bytes();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nConnection: close\r\n{header}Content-Length: \
         {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(it.http()).await.unwrap();
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    let mut answer = Vec::new();
    // Who is refused may be cut off while still sending.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

pub(super) async fn over_grpc(it: &Fixture, name: Option<&str>) -> Result<(), (i32, String)> {
    let mut config =
        ClientConfig { endpoint: format!("http://{}", it.grpc()), ..ClientConfig::default() };
    config.compression = compression::Type::NONE.into();
    let headers = name.map(|it| ("x-name".to_owned(), Secret::from(it)));
    config.headers.entries.extend(headers);
    let client = Client::new(&config, "test", Duration::ZERO).unwrap();
    let (ctx, path) = (component::Context::default(), PathAndQuery::from_static(EXPORT));
    let call = client.call(&ctx, &path, &[logs(1).to_bytes()]).await;
    call.map(|_| ()).map_err(|status| (status.code, status.message))
}

#[test]
fn clients_that_are_not_known_are_told_so_before_anything_else() {
    super::run(async {
        let it = start().await;
        for (path, header, status, text) in [
            ("/v1/logs", "", 401, r#"{"code":16,"message":"no name"}"#),
            ("/v1/logs", "X-Name: bob\r\n", 401, r#"{"code":16,"message":"invalid credentials"}"#),
            ("/v1/logs", "X-Name: late\r\n", 503, r#"{"code":14,"message":"come again"}"#),
            ("/nowhere", "", 401, "no name"),
            ("/nowhere", "X-Name: ann\r\n", 404, "404 page not found"),
            ("/v1/logs?x-name=bob", "X-Name: ann\r\n", 401, "invalid credentials"),
            ("/v1/logs", "X-Name: ann\r\n", 400, "\"code\":3"),
            ("/v1/logs?x-name=%61nn", "", 400, "\"code\":3"),
        ] {
            let answer = over_http(&it, path, header).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path} {header}{answer}");
            assert!(answer.contains(text), "{path} {header}{answer}");
        }
        assert_eq!(over_grpc(&it, None).await, Err((16, "no name".into())));
        assert_eq!(over_grpc(&it, Some("bob")).await, Err((16, "invalid credentials".into())));
        assert_eq!(over_grpc(&it, Some("late")).await, Err((14, "come again".into())));
        over_grpc(&it, Some("ann")).await.unwrap();
        let attempts = it.sink.attempts();
        let client = attempts[0].0.client.as_ref().unwrap();
        let known = client.auth.as_ref().and_then(|it| it.get("username"));
        assert_eq!((attempts.len(), known), (1, Some(&Value::String("ann".into()))));
        assert!(client.metadata.is_empty(), "include_metadata is not set");
        it.stop().await;
    });
}

#[test]
fn an_authenticator_that_is_not_there_keeps_the_receiver_from_starting() {
    super::run(async {
        let (otlp, _) = create(&Sink::new(), ALL, |it| guarded(&mut it.protocols));
        let error = otlp.start(&TestHost::new()).await.unwrap_err().to_string();
        assert_eq!(error, "failed to resolve authenticator \"doorman\": authenticator not found");
    });
}
