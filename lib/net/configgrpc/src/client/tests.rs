#![expect(clippy::disallowed_methods, reason = "servers of a test end with its runtime")]

use bytes::BytesMut;
use component::Config;
use component::config::{Fault, Problems, Section, Value};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;

mod balance;

/// Longest time that a test waits for something that has to happen.
const LIMIT: Duration = Duration::from_secs(10);
const PATH: PathAndQuery = PathAndQuery::from_static("/a.Service/Export");

/// What a test server does with a request.
#[derive(Clone)]
enum Answer {
    /// Headers, this message, and these trailers.
    Reply(Bytes, Vec<(&'static str, &'static str)>),
    /// One HEADERS frame with this HTTP status and headers.
    HeadersOnly(u16, Vec<(&'static str, &'static str)>),
    /// The connection is cut.
    Cut,
}

fn ok() -> Answer {
    Answer::Reply(Bytes::from_static(b"fine"), vec![("grpc-status", "0")])
}

/// Requests as a server saw them.
type Seen = mpsc::Receiver<(http::request::Parts, Bytes)>;

fn serve(listener: TcpListener, answer: Answer) -> (JoinHandle<()>, Seen) {
    serve_over(None, listener, answer)
}

fn serve_over(
    tls: Option<configtls::Acceptor>,
    listener: TcpListener,
    answer: Answer,
) -> (JoinHandle<()>, Seen) {
    let (sender, seen) = mpsc::channel(16);
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let stream = match &tls {
                None => configtls::MaybeTls::Plain(stream),
                // A client that turns away is one of the tests.
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => stream,
                    Err(_) => continue,
                },
            };
            connections.spawn(connection(stream, answer.clone(), sender.clone()));
        }
    });
    (task, seen)
}

async fn connection(
    stream: configtls::MaybeTls<TcpStream>,
    answer: Answer,
    seen: mpsc::Sender<(http::request::Parts, Bytes)>,
) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, respond))) = connection.accept().await {
        if let Answer::Cut = answer {
            return;
        }
        tokio::spawn(one(request, respond, answer.clone(), seen.clone()));
    }
}

async fn one(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    answer: Answer,
    seen: mpsc::Sender<(http::request::Parts, Bytes)>,
) {
    let (head, mut body) = request.into_parts();
    let mut all = BytesMut::new();
    while let Some(Ok(data)) = body.data().await {
        body.flow_control().release_capacity(data.len()).unwrap();
        all.extend_from_slice(&data);
    }
    seen.send((head, all.freeze())).await.unwrap();
    let map = |pairs: Vec<(&'static str, &'static str)>| -> HeaderMap {
        let pair = |(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v));
        pairs.into_iter().map(pair).collect()
    };
    match answer {
        Answer::Reply(message, trailers) => {
            let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
            let prefix = frame::prefix(false, message.len());
            stream.send_data(Bytes::copy_from_slice(&prefix), false).unwrap();
            stream.send_data(message, false).unwrap();
            stream.send_trailers(map(trailers)).unwrap();
        }
        Answer::HeadersOnly(status, headers) => {
            let mut response = http::Response::new(());
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            *response.headers_mut() = map(headers);
            respond.send_response(response, true).unwrap();
        }
        Answer::Cut => {}
    }
}

fn plain(endpoint: String) -> ClientConfig {
    let tls = configtls::ClientConfig { insecure: true, ..configtls::ClientConfig::default() };
    let compression = compression::Type::NONE.into();
    ClientConfig { endpoint, compression, tls, ..ClientConfig::default() }
}

fn client(config: &ClientConfig) -> Client {
    Client::new(config, "Test/1 (linux/amd64)", Duration::from_secs(5)).unwrap()
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    (listener, endpoint)
}

async fn call(client: &Client, pieces: &[Bytes]) -> Result<Bytes, GrpcStatus> {
    tokio::time::timeout(LIMIT, client.call(&Context::default(), &PATH, pieces)).await.unwrap()
}

async fn call_once(answer: Answer) -> Result<Bytes, GrpcStatus> {
    let (listener, endpoint) = listen().await;
    let (server, _seen) = serve(listener, answer);
    let result = call(&client(&plain(endpoint)), &[Bytes::from_static(b"x")]).await;
    server.abort();
    result
}

#[tokio::test]
async fn the_server_sees_one_message_out_of_all_pieces() {
    let (listener, endpoint) = listen().await;
    let (server, mut seen) = serve(listener, ok());
    let mut config = plain(endpoint.clone());
    config.headers.entries.push(("X-Tenant".into(), "a".into()));
    config.headers.entries.push(("User-Agent".into(), "mine".into()));
    let client = client(&config);
    // Longer than a frame and than the initial window of 64 KiB.
    let pieces = [Bytes::from(vec![b'a'; 100_000]), Bytes::new(), Bytes::from(vec![b'b'; 50_000])];
    assert_eq!(call(&client, &pieces).await.unwrap(), "fine");
    let (head, body) = seen.recv().await.unwrap();
    assert_eq!(head.uri.to_string(), format!("http://{endpoint}/a.Service/Export"));
    let header = |name: &str| head.headers.get(name).map(|it| it.to_str().unwrap());
    assert_eq!(header("content-type"), Some("application/grpc"));
    assert_eq!(header("te"), Some("trailers"));
    assert_eq!(header("user-agent"), Some("Test/1 (linux/amd64)"));
    assert_eq!(header("grpc-timeout"), Some("5000m"));
    assert_eq!(header("x-tenant"), Some("a"));
    assert_eq!(header("grpc-encoding"), None);
    assert_eq!(body[..5], frame::prefix(false, 150_000));
    assert_eq!(body[5..], pieces.concat());
    server.abort();
}

#[tokio::test]
async fn a_client_says_who_it_is_and_for_whom_it_asks_as_the_section_says() {
    let (listener, endpoint) = listen().await;
    let (server, mut seen) = serve(listener, ok());
    let (authority, user_agent) = ("tenant.test:7".to_owned(), "mine/2".to_owned());
    let config = ClientConfig { authority, user_agent, ..plain(endpoint) };
    call(&client(&config), &[Bytes::from_static(b"x")]).await.unwrap();
    let (head, _) = seen.recv().await.unwrap();
    assert_eq!(head.uri.authority().unwrap(), "tenant.test:7");
    let agent = head.headers["user-agent"].to_str().unwrap();
    assert!(agent.starts_with("mine/2"), "{agent}");
    server.abort();
}

#[tokio::test]
async fn a_compressed_message_says_so_and_is_read_back() {
    for name in ["gzip", "snappy", "zstd"] {
        let (listener, endpoint) = listen().await;
        let (server, mut seen) = serve(listener, ok());
        let encoding = compression::Encoding::from_name(name).unwrap();
        let config = ClientConfig {
            compression: compression::Type(Some(encoding)).into(),
            ..plain(endpoint)
        };
        // Beyond what is compressed in place.
        let piece = Bytes::from(vec![b'a'; compression::INLINE_BYTES_MAX + 1]);
        call(&client(&config), std::slice::from_ref(&piece)).await.unwrap();
        let (head, body) = seen.recv().await.unwrap();
        assert_eq!(head.headers["grpc-encoding"], name);
        assert_eq!(body[..5], frame::prefix(true, body.len() - 5));
        assert!(body.len() < piece.len() / 10);
        server.abort();
    }
}

#[tokio::test]
async fn a_status_comes_with_message_and_details() {
    let details = rpcstatus::encode(14, "busy", Some(Duration::from_secs(3)));
    let text: &'static str = rpcstatus::encode_binary(&details).leak();
    let trailers = vec![
        ("grpc-status", "14"),
        ("grpc-message", "100%25 busy"),
        ("grpc-status-details-bin", text),
    ];
    let want = GrpcStatus { code: 14, message: "100% busy".into(), encoded: details };
    let reply = Answer::Reply(Bytes::new(), trailers.clone());
    assert_eq!(call_once(reply).await.unwrap_err(), want);
    let only = Answer::HeadersOnly(200, trailers);
    assert_eq!(call_once(only).await.unwrap_err(), want);
}

#[tokio::test]
async fn answers_that_are_not_grpc_become_a_status() {
    let html = Answer::HeadersOnly(502, vec![("content-type", "text/html")]);
    let error = call_once(html).await.unwrap_err();
    let want = "unexpected HTTP status code received from server: 502 (Bad Gateway); transport: \
                received unexpected content-type \"text/html\"";
    assert_eq!((error.code, error.message.as_str()), (code::UNAVAILABLE, want));
    let no_status = Answer::Reply(Bytes::new(), vec![]);
    let error = call_once(no_status).await.unwrap_err();
    let want = "server closed the stream without sending trailers";
    assert_eq!((error.code, error.message.as_str()), (code::INTERNAL, want));
}

#[tokio::test]
async fn a_cut_connection_is_unavailable() {
    let error = call_once(Answer::Cut).await.unwrap_err();
    assert_eq!(error.code, code::UNAVAILABLE, "{}", error.message);
}

/// A server that takes connections and answers nothing; it says when one has ended.
async fn silent() -> (String, mpsc::Receiver<()>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (listener, endpoint) = listen().await;
    let (sender, ended) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                // Settings, which are empty. RFC 9113, 6.5.
                stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
                let mut buffer = [0; 1024];
                while stream.read(&mut buffer).await.is_ok_and(|it| it > 0) {}
                let _ = sender.send(()).await;
            });
        }
    });
    (endpoint, ended)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_a_ping_is_given_up() {
    let keepalive = |permit_without_stream| {
        let [time, timeout] = [20, 3].map(component::config::Duration::from_secs);
        Section::on(Keepalive { time, timeout, permit_without_stream })
    };
    // Without a call only where that is wanted.
    for (permitted, is_ended) in [(false, false), (true, true)] {
        let (endpoint, mut ended) = silent().await;
        let client = client(&ClientConfig { keepalive: keepalive(permitted), ..plain(endpoint) });
        // The first call connects; nobody waits for its answer.
        let _ = tokio::time::timeout(Duration::from_secs(1), call(&client, &[])).await;
        let soon = tokio::time::timeout(Duration::from_secs(60), ended.recv()).await;
        assert_eq!(soon.is_ok(), is_ended, "permit_without_stream: {permitted}");
        drop(client);
    }
    let (endpoint, _ended) = silent().await;
    let client = client(&ClientConfig { keepalive: keepalive(false), ..plain(endpoint) });
    let begun = tokio::time::Instant::now();
    let pieces = [Bytes::from_static(b"x")];
    let status = client.call(&Context::default(), &PATH, &pieces).await.unwrap_err();
    assert_eq!(status.code, code::UNAVAILABLE);
    let waited = begun.elapsed();
    assert!((23..60).contains(&waited.as_secs()), "{waited:?}: {}", status.message);
}

#[tokio::test]
async fn a_refused_connection_reads_as_in_grpc_go_and_heals() {
    let (listener, endpoint) = listen().await;
    drop(listener);
    let client = client(&plain(endpoint.clone()));
    let error = call(&client, &[]).await.unwrap_err();
    let want = format!(
        "connection error: desc = \"transport: Error while dialing: dial tcp {endpoint}: \
         connect: connection refused\""
    );
    assert_eq!((error.code, error.message), (code::UNAVAILABLE, want));
    let (server, _seen) = serve(TcpListener::bind(&endpoint).await.unwrap(), ok());
    let healed = async {
        while client.call(&Context::default(), &PATH, &[]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, healed).await.unwrap();
    server.abort();
}

#[tokio::test]
async fn a_call_waits_for_readiness_when_asked_to() {
    let (listener, endpoint) = listen().await;
    drop(listener);
    let client = client(&ClientConfig { wait_for_ready: true, ..plain(endpoint.clone()) });
    let early = tokio::time::timeout(
        Duration::from_millis(200),
        client.call(&Context::default(), &PATH, &[]),
    )
    .await;
    assert!(early.is_err(), "answered without a server");
    let (server, _seen) = serve(TcpListener::bind(&endpoint).await.unwrap(), ok());
    call(&client, &[]).await.unwrap();
    server.abort();
}

#[tokio::test]
async fn calls_share_one_connection_and_a_new_one_follows_a_closed_one() {
    let (listener, endpoint) = listen().await;
    let client = client(&plain(endpoint));
    // The first call connects.
    let hangs_up = async { drop(listener.accept().await.unwrap()) };
    let (refused, ()) = tokio::join!(call(&client, &[]), hangs_up);
    assert_eq!(refused.unwrap_err().code, code::UNAVAILABLE);
    let (server, mut seen) = serve(listener, ok());
    let healed = async {
        while client.call(&Context::default(), &PATH, &[]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, healed).await.unwrap();
    seen.recv().await.unwrap();
    let both = tokio::join!(call(&client, &[]), call(&client, &[]));
    assert!(both.0.is_ok() && both.1.is_ok());
    server.abort();
}

#[tokio::test]
async fn a_closed_client_answers_and_hangs_up() {
    let (listener, endpoint) = listen().await;
    let (server, _seen) = serve(listener, ok());
    let client = client(&plain(endpoint));
    call(&client, &[]).await.unwrap();
    client.close();
    let error = call(&client, &[]).await.unwrap_err();
    assert!(matches!(error.code, code::CANCELED | code::UNAVAILABLE), "{error:?}");
    server.abort();
}

#[derive(Debug, Default, serde::Serialize, serde::Deserialize, ::config::Described)]
struct Holder {
    #[serde(flatten)]
    client: ClientConfig,
}

impl Config for Holder {
    fn validate(&self, problems: &mut Problems) {
        self.client.validate("clientconfig", problems);
    }
}

#[track_caller]
fn check_endpoint(endpoint: &str, insecure: bool, want: Result<(&str, bool), &str>) {
    let mut config = plain(endpoint.to_owned());
    config.tls.insecure = insecure;
    let got = config.target().map(|it| (it.target.to_string(), it.tls));
    let want = want.map(|(target, tls)| (target.to_owned(), tls)).map_err(str::to_owned);
    assert_eq!(got, want, "{endpoint}");
}

#[test]
fn endpoints_are_understood_as_upstream_does() {
    check_endpoint("a:1", true, Ok(("a:1", false)));
    check_endpoint("a:1", false, Ok(("a:1", true)));
    check_endpoint("http://a:1", false, Ok(("a:1", false)));
    check_endpoint("https://a:1", true, Ok(("a:1", true)));
    check_endpoint("dns:///a:1", true, Ok(("a:1", false)));
    check_endpoint("dns://8.8.8.8/a:1", true, Ok(("a:1", false)));
    check_endpoint("passthrough:///a:1", true, Ok(("a:1", false)));
    check_endpoint("unix:///run/a", true, Ok(("/run/a", false)));
    check_endpoint("unix://", true, Err("unix socket path cannot be empty"));
    check_endpoint("localhost", true, Err("address localhost: missing port in address"));
    check_endpoint("localhost:abc", true, Err("invalid port \"abc\""));
}

#[test]
fn the_section_is_read_and_checked() {
    let section = Value::Map(vec![
        ("endpoint".into(), Value::String("localhost".into())),
        ("balancer_name".into(), Value::String("foo".into())),
    ]);
    let holder: Holder = component::config::load(&section).unwrap();
    assert!(holder.client.keepalive.get().is_none());
    assert_eq!(holder.client.write_buffer_size, 524_288);
    let mut problems = Problems::default();
    holder.validate(&mut problems);
    let want = [
        "clientconfig: address localhost: missing port in address",
        "clientconfig: invalid balancer_name: foo",
    ];
    let found: Vec<_> = problems.faults().iter().map(Fault::rule_text).collect();
    assert_eq!(found, want);
}

#[test]
fn what_is_not_supported_is_refused_with_the_remedy() {
    let refused = |config: &ClientConfig| Client::new(config, "", Duration::ZERO).unwrap_err();
    let mut config = plain("a:1".into());
    config.tls.insecure = false;
    config.tls.common.ca_file = "/nowhere/ca.pem".into();
    let want = "failed to load TLS config: failed to load CA CertPool File: failed to load cert /nowhere/ca.pem";
    assert!(refused(&config).starts_with(want));
    let keepalive = Section::on(Keepalive::default());
    assert!(Client::new(&ClientConfig { keepalive, ..plain("a:1".into()) }, "", LIMIT).is_ok());
}

#[test]
fn deadlines_fit_into_eight_digits() {
    assert_eq!(deadline(Duration::from_secs(5)), "5000m");
    assert_eq!(deadline(Duration::from_micros(1500)), "1500u");
    assert_eq!(deadline(Duration::from_secs(1_000_000)), "1000000S");
}

#[tokio::test]
async fn a_server_that_says_goodbye_after_each_answer_costs_no_call() {
    let (listener, endpoint) = listen().await;
    let (sender, _seen) = mpsc::channel(16);
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, respond))) = connection.accept().await {
                tokio::spawn(one(request, respond, ok(), sender.clone()));
                connection.graceful_shutdown();
            }
        }
    });
    let client = client(&plain(endpoint));
    for _ in 0..5 {
        let reply = tokio::time::timeout(LIMIT, client.call(&Context::default(), &PATH, &[]))
            .await
            .unwrap();
        assert_eq!(reply.unwrap(), "fine");
    }
    server.abort();
}

/// A proxy that takes one connection, says `answer` to CONNECT, and then lets through what comes.
async fn proxy(answer: &'static str, backend: String) -> (Proxies, mpsc::Receiver<String>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://me:pass@{}", listener.local_addr().unwrap());
    let (sender, seen) = mpsc::channel(16);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        sender.send(String::from_utf8(head).unwrap()).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        let mut to = TcpStream::connect(backend).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut to).await;
    });
    (Proxies::new(|name| (name == "HTTPS_PROXY").then(|| url.clone())), seen)
}

#[tokio::test]
async fn a_server_that_comes_between_the_start_and_the_first_call_is_not_missed() {
    let (listener, endpoint) = listen().await;
    drop(listener);
    let client = client(&plain(endpoint.clone()));
    // Whoever connected at once has been refused by now, and waits.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let listener = TcpListener::bind(endpoint).await.unwrap();
    let (_server, _seen) = serve(listener, ok());
    call(&client, &[Bytes::from_static(b"hello")]).await.unwrap();
}

#[tokio::test]
async fn a_proxy_is_asked_for_a_tunnel() {
    let (listener, backend) = listen().await;
    let (_server, mut arrived) = serve(listener, ok());
    let config = plain("backend.test:4317".into());
    let hello = [Bytes::from_static(b"hello")];
    let established = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
    let (proxies, mut seen) = proxy(established, backend.clone()).await;
    let client = Client::with_proxies(&config, "Test/1", Duration::ZERO, &proxies).unwrap();
    call(&client, &hello).await.unwrap();
    let want = "CONNECT backend.test:4317 HTTP/1.1\r\nHost: backend.test:4317\r\nUser-Agent: Test/1\r\n\
                Proxy-Authorization: Basic bWU6cGFzcw==\r\n\r\n";
    assert_eq!(seen.recv().await.unwrap(), want);
    assert_eq!(arrived.recv().await.unwrap().0.uri.authority().unwrap(), "backend.test:4317");

    let (proxies, _seen) = proxy("HTTP/1.1 403 Forbidden\r\n\r\n", backend).await;
    let client = Client::with_proxies(&config, "Test/1", Duration::ZERO, &proxies).unwrap();
    let refused = call(&client, &hello).await.unwrap_err();
    let why = "failed to do connect handshake, response: \"HTTP/1.1 403 Forbidden\"";
    assert!(refused.message.contains(why), "{}", refused.message);
}

/// A server with the certificate `server` of an authority, and a client that trusts it.
async fn encrypted(
    authority: &componenttest::Authority,
    protocol: &str,
) -> (ClientConfig, JoinHandle<()>, Seen) {
    let mut section = configtls::ServerConfig::default();
    section.common.cert_file = authority.path("server.pem");
    section.common.key_file = authority.path("server.key");
    let (listener, endpoint) = listen().await;
    let acceptor = configtls::Acceptor::new(&section, &[protocol]).unwrap();
    let (task, seen) = serve_over(Some(acceptor), listener, ok());
    let mut config = plain(endpoint);
    config.tls.insecure = false;
    config.tls.common.ca_file = authority.path("ca.pem");
    (config, task, seen)
}

#[tokio::test]
async fn calls_are_encrypted_and_say_so() {
    let authority = componenttest::Authority::new();
    authority.issue("server", "127.0.0.1");
    let (config, _task, mut seen) = encrypted(&authority, "h2").await;
    let reply = call(&client(&config), &[Bytes::from_static(b"x")]).await.unwrap();
    assert_eq!(reply, "fine");
    assert_eq!(seen.recv().await.unwrap().0.uri.scheme_str(), Some("https"));
}

#[tokio::test]
async fn a_server_that_is_not_trusted_gets_no_call() {
    let authority = componenttest::Authority::new();
    authority.issue("server", "elsewhere.example");
    let (mut config, _task, mut seen) = encrypted(&authority, "h2").await;
    let failed = call(&client(&config), &[Bytes::from_static(b"x")]).await.unwrap_err();
    assert_eq!(failed.code, code::UNAVAILABLE);
    let want = "connection error: desc = \"transport: authentication handshake failed: tls: failed to verify \
                certificate: x509: certificate is valid for elsewhere.example, not 127.0.0.1";
    assert!(failed.message.starts_with(want), "{}", failed.message);
    assert!(seen.try_recv().is_err());
    // The name that the certificate has is also that of `authority`, as in grpc-go.
    config.authority = "elsewhere.example".into();
    call(&client(&config), &[Bytes::from_static(b"x")]).await.unwrap();
}

#[tokio::test]
async fn a_server_that_agrees_on_no_http2_is_not_called() {
    let authority = componenttest::Authority::new();
    authority.issue("server", "127.0.0.1");
    let (config, _task, _seen) = encrypted(&authority, "http/1.1").await;
    let failed = call(&client(&config), &[Bytes::from_static(b"x")]).await.unwrap_err();
    assert!(failed.message.contains("authentication handshake failed"), "{}", failed.message);
}

/// Credentials that must not travel in plain text.
struct Token;

#[component::async_trait]
impl component::ClientAuth for Token {
    async fn authorize(&self, _: &Context, headers: &mut HeaderMap) -> Result<(), String> {
        headers.insert("authorization", HeaderValue::from_static("Bearer t"));
        Ok(())
    }
}

#[tokio::test]
async fn credentials_are_sent_encrypted_or_not_at_all() {
    let plain = Client::new(&plain("a:1".into()), "", LIMIT).unwrap();
    let refused = plain.authorized(Some(Arc::new(Token))).unwrap_err();
    assert!(
        refused.starts_with("grpc: the credentials require transport level security"),
        "{refused}"
    );

    let authority = componenttest::Authority::new();
    authority.issue("server", "127.0.0.1");
    let (config, _task, mut seen) = encrypted(&authority, "h2").await;
    let client = Client::new(&config, "", LIMIT).unwrap();
    let client = client.authorized(Some(Arc::new(Token))).unwrap();
    call(&client, &[Bytes::from_static(b"x")]).await.unwrap();
    assert_eq!(seen.recv().await.unwrap().0.headers["authorization"], "Bearer t");
}
