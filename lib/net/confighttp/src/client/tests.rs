#![expect(clippy::disallowed_methods, reason = "servers of a test end with its runtime")]

use component::config::{Fault, Problems};
use componenttest::Authority;
use compression::{Encoding, Params, Type};
use configtls::MaybeTls;
use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;

mod http2;

/// Longest time that a test waits for something that has to happen.
const LIMIT: Duration = Duration::from_secs(10);
const PROTO: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server that answers every request with the next of `answers`, the last one repeated; `""` cuts
/// the connection. Each request comes out as head and body with the number of its connection.
async fn serve(answers: &[&str]) -> (String, mpsc::Receiver<(usize, String, Vec<u8>)>) {
    serve_over(None, answers).await
}

/// The same, encrypted with the certificate `server` of an authority.
async fn serve_tls(
    authority: &Authority,
    answers: &[&str],
) -> (String, mpsc::Receiver<(usize, String, Vec<u8>)>) {
    let mut section = configtls::ServerConfig::default();
    section.common.cert_file = authority.path("server.pem");
    section.common.key_file = authority.path("server.key");
    serve_over(Some(configtls::Acceptor::new(&section, &["http/1.1"]).unwrap()), answers).await
}

async fn serve_over(
    tls: Option<configtls::Acceptor>,
    answers: &[&str],
) -> (String, mpsc::Receiver<(usize, String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let base = format!("{scheme}://{}", listener.local_addr().unwrap());
    let (sender, seen) = mpsc::channel(16);
    let answers: Vec<String> = answers.iter().map(|it| (*it).to_owned()).collect();
    let answers = Arc::new(Mutex::new(answers));
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = match &tls {
                None => MaybeTls::Plain(stream),
                // A client that turns away is one of the tests.
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => stream,
                    Err(_) => continue,
                },
            };
            tokio::spawn(connection(number, stream, Arc::clone(&answers), sender.clone()));
        }
    });
    (base, seen)
}

async fn connection(
    number: usize,
    mut stream: MaybeTls<TcpStream>,
    answers: Arc<Mutex<Vec<String>>>,
    seen: mpsc::Sender<(usize, String, Vec<u8>)>,
) {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|it| it == b"\r\n\r\n") {
                break at;
            }
            if stream.read_buf(&mut buffer).await.unwrap() == 0 {
                return;
            }
        };
        let head = String::from_utf8(buffer[..end].to_vec()).unwrap().to_ascii_lowercase();
        let length = head.split_once("content-length: ").unwrap().1;
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        while buffer.len() < end + 4 + length {
            stream.read_buf(&mut buffer).await.unwrap();
        }
        let body = buffer[end + 4..end + 4 + length].to_vec();
        buffer.drain(..end + 4 + length);
        seen.send((number, head, body)).await.unwrap();
        let answer = {
            let mut answers = answers.lock().unwrap();
            if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() }
        };
        if answer.is_empty() {
            return;
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        if answer.contains("Connection: close") {
            return;
        }
    }
}

/// A section in YAML.
fn read(text: &str) -> ClientConfig {
    component::config::load(&componenttest::section(text)).unwrap()
}

fn uncompressed() -> ClientConfig {
    ClientConfig { compression: Type::NONE.into(), ..ClientConfig::default() }
}

fn client(config: &ClientConfig, url: &str) -> Client {
    Client::new(config, Url::parse(url).unwrap(), "Test/1").unwrap()
}

async fn post(client: &Client, body: &'static [u8]) -> Result<Reply, String> {
    let ctx = Context::default();
    let call = client.post(&ctx, PROTO, Bytes::from_static(body).into());
    tokio::time::timeout(LIMIT, call).await.unwrap()
}

#[tokio::test]
async fn a_request_arrives_in_one_piece_with_its_headers() {
    let (base, mut seen) = serve(&[OK]).await;
    let mut config = uncompressed();
    config.headers.entries.push(("X-Tenant".into(), "a".into()));
    config.headers.entries.push(("Host".into(), "other".into()));
    let client = client(&config, &format!("{base}/v1/logs?x=1"));
    let pieces = [Bytes::from(vec![b'a'; 300_000]), Bytes::from_static(b"end")];
    let reply = client.post(&Context::default(), PROTO, pieces.as_slice().into()).await.unwrap();
    assert_eq!((reply.status, &*reply.body), (StatusCode::OK, b"ok".as_slice()));
    let (_, head, body) = seen.recv().await.unwrap();
    assert!(head.starts_with("post /v1/logs?x=1 http/1.1\r\n"), "{head}");
    let wanted = [
        "host: other",
        "user-agent: test/1",
        "x-tenant: a",
        "content-type: application/x-protobuf",
        "content-length: 300003",
    ];
    for wanted in wanted {
        assert!(head.lines().any(|it| it == wanted), "{wanted} is not in {head}");
    }
    assert!(!head.contains("content-encoding"));
    assert_eq!(body, pieces.concat());
}

#[tokio::test]
async fn a_compressed_request_says_so() {
    for (name, first) in [("gzip", 0x1f), ("zstd", 0x28), ("snappy", 0xa0), ("lz4", 0x04)] {
        let (base, mut seen) = serve(&[OK]).await;
        let compression = Type(Encoding::from_name(name)).into();
        let client = client(&ClientConfig { compression, ..ClientConfig::default() }, &base);
        // Beyond what is compressed in place.
        let body = Bytes::from(vec![b'a'; compression::INLINE_BYTES_MAX + 32]);
        client.post(&Context::default(), PROTO, body.clone().into()).await.unwrap();
        let (_, head, sent) = seen.recv().await.unwrap();
        assert!(head.contains(&format!("content-encoding: {name}\r\n")), "{head}");
        assert_eq!(sent[0], first, "{name}");
        assert!(sent.len() < body.len() / 10);
    }
}

#[tokio::test]
async fn connections_are_kept_until_the_server_closes_them() {
    let closing = "HTTP/1.1 503 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let (base, mut seen) = serve(&[OK, OK, closing, OK]).await;
    let client = client(&uncompressed(), &base);
    let mut numbers = Vec::new();
    for _ in 0..5 {
        post(&client, b"x").await.unwrap();
        numbers.push(seen.recv().await.unwrap().0);
    }
    assert_eq!(numbers, [0, 0, 0, 1, 1]);
}

#[tokio::test]
async fn an_idle_connection_that_was_closed_is_replaced_without_an_error() {
    // Answers once and hangs up without having said so.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1024];
            let read = stream.read(&mut buffer).await.unwrap();
            assert!(read > 0);
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    });
    let client = client(&uncompressed(), &base);
    post(&client, b"").await.unwrap();
    // The end of the first connection may not have arrived yet: then the request fails as in Go.
    let second = async {
        while let Err(error) = post(&client, b"").await {
            assert!(error.ends_with("EOF") || error.ends_with("reset by peer"), "{error}");
        }
    };
    tokio::time::timeout(LIMIT, second).await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn keep_alives_can_be_disabled() {
    let (base, mut seen) = serve(&[OK]).await;
    let flat = FlatKeepalive { disable_keep_alives: true, ..FlatKeepalive::default() };
    let config = ClientConfig { flat, ..uncompressed() };
    let client = client(&config, &base);
    for number in 0..2 {
        post(&client, b"x").await.unwrap();
        let (connection, head, _) = seen.recv().await.unwrap();
        assert_eq!(connection, number);
        assert!(head.contains("connection: close"));
    }
}

#[tokio::test]
async fn a_long_answer_is_cut_at_the_limit() {
    let long = format!("HTTP/1.1 400 X\r\nContent-Length: 100000\r\n\r\n{}", "a".repeat(100_000));
    let (base, mut seen) = serve(&[&long, OK]).await;
    let client = client(&uncompressed(), &base);
    assert_eq!(post(&client, b"x").await.unwrap().body.len(), REPLY_BYTES_MAX);
    post(&client, b"x").await.unwrap();
    let connections = (seen.recv().await.unwrap().0, seen.recv().await.unwrap().0);
    assert_eq!(connections, (0, 1));
}

#[tokio::test]
async fn failures_read_as_in_go() {
    let (base, _seen) = serve(&[""]).await;
    let error = post(&client(&uncompressed(), &base), b"x").await.unwrap_err();
    assert_eq!(error, format!("Post \"{base}\": EOF"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let refused = client(&uncompressed(), &format!("http://{address}/v1/logs"));
    let error = post(&refused, b"x").await.unwrap_err();
    let want = format!("dial tcp {address}: connect: connection refused");
    assert_eq!(error, format!("Post \"http://{address}/v1/logs\": {want}"));
}

#[tokio::test]
async fn silence_ends_with_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let timeout = component::config::Duration::from_millis(20);
    let client = client(&ClientConfig { timeout, ..uncompressed() }, &base);
    let error = post(&client, b"x").await.unwrap_err();
    let want = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
    assert_eq!(error, format!("Post \"{base}\": {want}"));
}

#[test]
fn urls_are_read() {
    let check = |text: &str, want: Result<(&str, &str), &str>| {
        let got = Url::parse(text).map(|it| (it.target().to_string(), it.path().to_string()));
        let want = want.map(|(target, path)| (target.to_owned(), path.to_owned()));
        assert_eq!(got, want.map_err(str::to_owned), "{text}");
    };
    check("http://a:1/b?c", Ok(("a:1", "/b?c")));
    check("http://a", Ok(("a:80", "/")));
    check("https://a/b", Ok(("a:443", "/b")));
    check("http://[::1]/b", Ok(("[::1]:80", "/b")));
    check("http://[::1]:1", Ok(("[::1]:1", "/")));
    check("http://a?b", Ok(("a:80", "/?b")));
    check("a:1", Err("endpoint \"a:1\" must begin with http:// or https://"));
    let credentials = "endpoint \"http://a\" must not carry credentials: set headers instead";
    check("http://u:p@a", Err(credentials));
    check("http://a:b", Err("endpoint \"http://a:b\" is no URL: invalid port \"b\""));
}

#[test]
fn mistakes_and_what_is_not_supported_are_named() {
    let mut problems = Problems::default();
    let config = ClientConfig {
        compression: Type(Some(Encoding::Snappy)).into(),
        compression_params: Params { level: 5 },
        proxy_url: "socks5://user:secret@proxy".into(),
        ..ClientConfig::default()
    };
    config.validate("clientconfig", &mut problems);
    let text = "unsupported parameters {Level:5} for compression type \"snappy\"";
    let found: Vec<_> = problems.faults().iter().map(Fault::rule_text).collect();
    let proxy = "proxy socks5://proxy cannot be used: only proxies with http:// are supported";
    assert_eq!(found, [format!("clientconfig: {text}"), format!("clientconfig: {proxy}")]);
    let refused = |config: &ClientConfig, url: &str| {
        Client::new(config, Url::parse(url).unwrap(), "x").unwrap_err()
    };
    assert_eq!(
        refused(&config, "http://a"),
        "proxy_url: proxy socks5://proxy cannot be used: only proxies with http:// are supported"
    );
    let mut config = ClientConfig::default();
    config.tls.common.ca_file = "/nowhere/ca.pem".into();
    let want = "failed to load TLS config: failed to load CA CertPool File: failed to load cert /nowhere/ca.pem: open \
                /nowhere/ca.pem: no such file or directory (put the file at";
    assert!(refused(&config, "https://a").starts_with(want));
}

fn trusting(authority: &Authority) -> ClientConfig {
    let mut config = uncompressed();
    config.tls.common.ca_file = authority.path("ca.pem");
    config
}

#[tokio::test]
async fn requests_are_encrypted_and_their_connection_is_kept() {
    let authority = Authority::new();
    authority.issue("server", "127.0.0.1");
    let (base, mut seen) = serve_tls(&authority, &[OK]).await;
    let client = client(&trusting(&authority), &base);
    for _ in 0..2 {
        assert_eq!(post(&client, b"data").await.unwrap().body, "ok");
        let (number, head, body) = seen.recv().await.unwrap();
        assert!(head.starts_with("post / http/1.1"), "{head}");
        assert_eq!((number, &body[..]), (0, &b"data"[..]));
    }
}

#[tokio::test]
async fn a_server_that_is_not_trusted_gets_nothing() {
    let authority = Authority::new();
    authority.issue("server", "127.0.0.1");
    let (base, mut seen) = serve_tls(&authority, &[OK]).await;
    let error = post(&client(&trusting(&Authority::new()), &base), b"data").await.unwrap_err();
    let want = format!(
        "Post \"{base}\": tls: failed to verify certificate: x509: certificate signed by unknown authority (set"
    );
    assert!(error.starts_with(&want), "{error}");
    assert!(seen.try_recv().is_err());
    let (plain, _seen) = serve(&[OK]).await;
    let https = plain.replace("http://", "https://");
    let mut impatient = trusting(&authority);
    impatient.timeout = component::config::Duration::from_secs(1);
    assert!(post(&client(&impatient, &https), b"data").await.is_err());
}

#[tokio::test]
async fn a_redirect_leads_to_an_encrypted_server() {
    let authority = Authority::new();
    authority.issue("server", "127.0.0.1");
    let (secure, mut seen) = serve_tls(&authority, &[OK]).await;
    let (base, _seen) = serve(&[&redirect(307, &format!("{secure}/there"))]).await;
    let reply = post(&client(&trusting(&authority), &base), b"data").await.unwrap();
    assert_eq!(reply.body, "ok");
    assert!(seen.recv().await.unwrap().1.starts_with("post /there "));
}

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

#[tokio::test]
async fn redirects_that_keep_the_body_are_followed() {
    let (other, mut arrived) = serve(&[OK]).await;
    for status in [307, 308] {
        let answers =
            [redirect(status, "../next?x=1"), redirect(status, &format!("{other}/v1/logs"))];
        let (base, mut seen) = serve(&[&answers[0], &answers[1]]).await;
        let mut config = ClientConfig::default();
        config.headers.entries.push(("X-Tenant".into(), "a".into()));
        config.headers.entries.push(("Authorization".into(), "secret".into()));
        let client = client(&config, &format!("{base}/a/v1/logs"));
        let reply = post(&client, b"telemetry").await.unwrap();
        assert_eq!((reply.status, &*reply.body), (StatusCode::OK, b"ok".as_slice()));
        let (first, second) = (seen.recv().await.unwrap(), seen.recv().await.unwrap());
        let (_, head, body) = arrived.recv().await.unwrap();
        assert!(second.1.starts_with("post /a/next?x=1 http/1.1\r\n"), "{}", second.1);
        assert_eq!(first.0, second.0, "the connection is used again");
        assert_eq!((&body, &second.2), (&first.2, &first.2), "the compressed body goes along");
        let to = other.strip_prefix("http://").unwrap();
        for wanted in [
            &format!("host: {to}"),
            &format!("referer: {base}/a/next?x=1"),
            // The same host on another port is the same domain.
            "authorization: secret",
            "x-tenant: a",
            "content-encoding: gzip",
            "content-type: application/x-protobuf",
        ] {
            assert!(head.lines().any(|it| it == wanted), "{wanted} is not in {head}");
        }
    }
}

#[test]
fn credentials_stay_with_their_domain() {
    let url = |text: &str| Url::parse(text).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("secret"));
    headers.insert("x-tenant", HeaderValue::from_static("a"));
    let kept = |to: &str| {
        let from = url("http://a.test:4318/x");
        redirect::headers(headers.clone(), &from, &from, &url(to)).contains_key("authorization")
    };
    assert!(kept("http://a.test/") && kept("http://eu.a.test/"));
    assert!(!kept("http://b.test/") && !kept("http://ba.test/") && !kept("http://10.0.0.1/"));
}

#[tokio::test]
async fn redirects_have_an_end_and_others_are_answers() {
    let (base, mut seen) = serve(&[&redirect(307, "/again")]).await;
    let error = post(&client(&uncompressed(), &base), b"x").await.unwrap_err();
    assert_eq!(error, format!("Post \"{base}/again\": stopped after 10 redirects"));
    for _ in 0..10 {
        seen.recv().await.unwrap();
    }
    assert!(seen.try_recv().is_err());
    let nowhere = "HTTP/1.1 307 X\r\nContent-Length: 0\r\n\r\n";
    for (answer, status) in [
        (redirect(301, "/get"), 301),
        (redirect(302, "/get"), 302),
        (redirect(303, "/get"), 303),
        (nowhere.to_owned(), 307),
    ] {
        let (base, _seen) = serve(&[&answer]).await;
        let reply = post(&client(&uncompressed(), &base), b"x").await.unwrap();
        assert_eq!(reply.status.as_u16(), status);
    }
    let (base, _seen) = serve(&[&redirect(308, "ftp://a/")]).await;
    let error = post(&client(&uncompressed(), &base), b"x").await.unwrap_err();
    assert!(error.contains("failed to parse Location header \"ftp://a/\""), "{error}");
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_whole_url() {
    let (proxy, mut seen) = serve(&[&redirect(307, "/moved"), OK]).await;
    let proxy = proxy.replace("http://", "http://me:pass@");
    let environment = Proxies::new(|name| (name == "HTTP_PROXY").then(|| proxy.clone()));
    let url = Url::parse("http://backend.test:4318/v1/logs").unwrap();
    let client = Client::with_proxies(&uncompressed(), url.clone(), "Test/1", environment).unwrap();
    post(&client, b"x").await.unwrap();
    for path in ["v1/logs", "moved"] {
        let (number, head, _) = seen.recv().await.unwrap();
        assert_eq!(number, 0);
        let first = format!("post http://backend.test:4318/{path} http/1.1\r\n");
        assert!(head.starts_with(&first), "{head}");
        assert!(head.contains("host: backend.test:4318\r\n"), "{head}");
        assert!(head.contains("proxy-authorization: basic bwu6cgfzcw=="), "{head}");
    }
    // `proxy_url` is for all, also for what is here.
    let (proxy, mut seen) = serve(&[OK]).await;
    let config = ClientConfig { proxy_url: proxy, ..uncompressed() };
    let here = Url::parse("http://localhost:1/v1/logs").unwrap();
    let never = Proxies::new(|_| Some("*".to_owned()));
    let client = Client::with_proxies(&config, here, "Test/1", never).unwrap();
    post(&client, b"x").await.unwrap();
    let (_, head, _) = seen.recv().await.unwrap();
    assert!(head.starts_with("post http://localhost:1/v1/logs http/1.1\r\n"), "{head}");
    // Around a proxy that does not answer nothing is sent.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let gone = Proxies::new(|name| (name == "http_proxy").then(|| address.to_string()));
    let client = Client::with_proxies(&uncompressed(), url, "Test/1", gone).unwrap();
    let error = post(&client, b"x").await.unwrap_err();
    let why = format!("proxyconnect tcp: dial tcp {address}: connect: connection refused");
    assert_eq!(error, format!("Post \"http://backend.test:4318/v1/logs\": {why}"));
}

#[test]
fn what_go_does_not_read_as_a_url_is_known() {
    let wrong = [
        "127.0.0.1:4318",
        "h st:1/x:y",
        "http://h:x",
        "http://h/%zz",
        "http://h\n",
        "http://a b",
        ":x",
        "2024-01-15T10:00:00Z",
        "%x",
        "http://[::1]x",
    ];
    for text in wrong {
        assert!(is_no_url(text), "{text:?}");
    }
    let right = [
        "",
        "h",
        "h:4318",
        "http://h",
        "http://h:",
        "http://h:1/a%20b?c=%zz",
        "unix:///x",
        "http://[::1]:1/",
        "2024-01-15",
        "/a:b",
    ];
    for text in right {
        assert!(!is_no_url(text), "{text:?}");
    }
}

async fn fetch(fetcher: &Fetcher, method: Method, url: &str) -> Result<String, FetchError> {
    let (url, headers) = (Url::parse(url).unwrap(), HeaderMap::new());
    let answer = tokio::time::timeout(LIMIT, fetcher.fetch(method, &url, &headers, b"x", 8)).await;
    answer.unwrap().map(|it| String::from_utf8_lossy(it.body()).into_owned())
}

#[tokio::test]
async fn requests_beside_the_telemetry_have_a_connection_each_and_a_limit() {
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789";
    let (base, mut seen) = serve(&[OK, long, ""]).await;
    let tls = configtls::ClientConfig::default();
    let fetcher = Fetcher::new(&tls, &Url::parse(&base).unwrap(), LIMIT, "Test/1").unwrap();
    assert_eq!(fetch(&fetcher, Method::PUT, &format!("{base}/a?b=c")).await.unwrap(), "ok");
    assert_eq!(fetch(&fetcher, Method::GET, &base).await, Err(FetchError::TooLong(8)));
    assert_eq!(fetch(&fetcher, Method::GET, &base).await, Err(FetchError::Failed("EOF".into())));
    let (number, head, _) = seen.recv().await.unwrap();
    assert!(head.starts_with("put /a?b=c http/1.1\r\n"), "{head}");
    assert!(head.contains("connection: close") && head.contains("user-agent: test/1"), "{head}");
    assert_ne!(number, seen.recv().await.unwrap().0);
}

#[tokio::test]
async fn only_a_get_follows_redirects_and_never_out_of_tls() {
    let authority = Authority::new();
    authority.issue("server", "127.0.0.1");
    let mut tls = configtls::ClientConfig::default();
    tls.common.ca_file = authority.path("ca.pem");
    let (plain, mut seen) = serve(&[OK]).await;
    let (base, _kept) = serve_tls(&authority, &[&redirect(302, "/there"), OK]).await;
    let fetcher = Fetcher::new(&tls, &Url::parse(&base).unwrap(), LIMIT, "Test/1").unwrap();
    assert_eq!(fetch(&fetcher, Method::GET, &base).await.unwrap(), "ok");
    let (base, _kept) = serve_tls(&authority, &[&redirect(307, &plain)]).await;
    let error = fetch(&fetcher, Method::GET, &base).await.unwrap_err().to_string();
    assert!(error.ends_with("which is not encrypted"), "{error}");
    assert_eq!(fetch(&fetcher, Method::POST, &base).await.unwrap(), "");
    assert!(seen.try_recv().is_err(), "something was sent in plain text");
    let (base, _kept) = serve(&[&redirect(302, "/again")]).await;
    let error = fetch(&fetcher, Method::GET, &base).await.unwrap_err().to_string();
    assert_eq!(error, "stopped after 10 redirects");
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 1024];
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        stream.write_all(OK.as_bytes()).await.unwrap();
        // Nothing more is sent: this is the end of the connection.
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 0);
    });
    let mut config = uncompressed();
    config.keepalive = read("keepalive: {idle_conn_timeout: 50ms}").keepalive;
    let client = client(&config, &base);
    post(&client, b"").await.unwrap();
    tokio::time::timeout(LIMIT, server).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_host_gets_as_many_connections_as_the_section_allows() {
    for (max_conns_per_host, connections) in [(0, 2), (1, 1), (2, 2)] {
        let (base, mut seen) = serve(&[OK]).await;
        let client = client(&ClientConfig { max_conns_per_host, ..uncompressed() }, &base);
        let (one, two) = tokio::join!(post(&client, b"one"), post(&client, b"two"));
        assert!(one.is_ok() && two.is_ok());
        let last = seen.recv().await.unwrap().0.max(seen.recv().await.unwrap().0);
        assert_eq!(last + 1, connections, "max_conns_per_host: {max_conns_per_host}");
    }
}

#[tokio::test]
async fn the_level_of_a_compression_counts() {
    let text: Vec<u8> =
        (0..20_000_u32).flat_map(|it| (it * it % 977).to_string().into_bytes()).collect();
    let text: &'static [u8] = text.leak();
    let mut sizes = Vec::new();
    for level in [1, 9] {
        let (base, mut seen) = serve(&[OK]).await;
        let config =
            read(&format!("{{compression: gzip, compression_params: {{level: {level}}}}}"));
        post(&client(&config, &base), text).await.unwrap();
        sizes.push(seen.recv().await.unwrap().2.len());
    }
    assert!(sizes[1] < sizes[0] && sizes[0] < text.len(), "{sizes:?}");
}

#[tokio::test]
async fn as_many_idle_connections_are_kept_as_the_section_says() {
    for (section, kept) in [
        ("keepalive: {max_idle_conns: 1}", 1),
        ("keepalive: {max_idle_conns_per_host: 2}", 2),
        ("keepalive: {}", 3),
        ("keepalive: {enabled: false}", 0),
        ("max_idle_conns: 2", 2),
        ("max_idle_conns_per_host: 1", 1),
        ("disable_keep_alives: true", 0),
    ] {
        let (base, mut seen) = serve(&[OK]).await;
        let config: ClientConfig = read(section);
        let config = ClientConfig { compression: Type::NONE.into(), ..config };
        let client = client(&config, &base);
        let mut numbers = std::collections::BTreeSet::new();
        for _ in 0..2 {
            let (a, b, c) =
                tokio::join!(post(&client, b"x"), post(&client, b"x"), post(&client, b"x"));
            [a, b, c].into_iter().for_each(|it| drop(it.unwrap()));
            for _ in 0..3 {
                numbers.insert(seen.recv().await.unwrap().0);
            }
        }
        assert_eq!(numbers.len(), 3 + 3 - kept, "{section}");
    }
}

#[tokio::test]
async fn cookies_are_sent_back_where_that_is_wanted() {
    let setting = "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nContent-Length: 0\r\n\r\n";
    for (section, own, want) in [
        ("cookies: {}", None, "cookie: a=1"),
        ("cookies: {enabled: true}", Some("b=2"), "cookie: b=2"),
        ("cookies: {enabled: false}", None, ""),
        ("", None, ""),
    ] {
        let (base, mut seen) = serve(&[setting]).await;
        let mut config: ClientConfig = read(section);
        if let Some(own) = own {
            config.headers.entries.push(("Cookie".into(), own.into()));
        }
        let client = client(&config, &base);
        post(&client, b"x").await.unwrap();
        seen.recv().await.unwrap();
        post(&client, b"x").await.unwrap();
        let (_, head, _) = seen.recv().await.unwrap();
        let cookie = head.lines().find(|it| it.starts_with("cookie")).unwrap_or_default();
        assert_eq!(cookie, want, "{section}");
    }
}

#[test]
fn the_keepalive_section_replaces_keys_that_warn() {
    let both = "confighttp.ClientConfig: cannot use deprecated keepalive fields (idle_conn_timeout, max_idle_conns, \
                max_idle_conns_per_host, disable_keep_alives) alongside the 'keepalive' section; migrate to the \
                'keepalive' section";
    let check = |section: &str, faults: &[&str], warnings: &[&str]| {
        let config: ClientConfig = read(section);
        let mut problems = Problems::default();
        config.validate("c", &mut problems);
        let found: Vec<_> = problems.faults().iter().map(|it| it.text.as_str()).collect();
        assert_eq!(found, faults, "{section}");
        let found: Vec<_> = problems.warnings().iter().map(|it| it.1.text.as_str()).collect();
        assert_eq!(found, warnings, "{section}");
    };
    check("keepalive: {max_idle_conns: 5, idle_conn_timeout: 1s}", &[], &[]);
    check("keepalive: {enabled: false}", &[], &[]);
    check("keepalive:", &[], &[]);
    check("{max_idle_conns: 0, idle_conn_timeout: 0, disable_keep_alives: false}", &[], &[]);
    check(
        "max_idle_conns: 5",
        &[],
        &["'max_idle_conns' is deprecated; use 'keepalive::max_idle_conns' instead"],
    );
    check(
        "disable_keep_alives: true",
        &[],
        &[
            "'disable_keep_alives' is deprecated; set 'keepalive::enabled' to false to disable keep-alives",
        ],
    );
    check("{keepalive: {}, idle_conn_timeout: 5s}", &[both], &[]);
    check("{keepalive: {enabled: false}, disable_keep_alives: true}", &[both], &[]);
    check(
        "{http2_ping_timeout: 5s, read_buffer_size: 1000}",
        &[],
        &[
            "read_buffer_size has no effect: buffers grow with what comes",
            "http2_ping_timeout has no effect: nothing is asked without http2_read_idle_timeout",
        ],
    );
    check(
        "{http2_read_idle_timeout: 5s, force_attempt_http2: false}",
        &[],
        &[
            "http2_read_idle_timeout has no effect: HTTP/2 is not spoken with force_attempt_http2: false",
        ],
    );
    let kept = |section: &str| read(section).kept();
    assert_eq!(kept("keepalive: {max_idle_conns: 5}").unwrap().max_idle_conns, 5);
    assert_eq!(
        kept("keepalive: {max_idle_conns: 5}").unwrap().idle_conn_timeout.std().as_secs(),
        90
    );
    assert!(kept("keepalive: {enabled: false}").is_none());
    assert!(kept("disable_keep_alives: true").is_none());
    assert_eq!(kept("idle_conn_timeout: 7s").unwrap().idle_conn_timeout.std().as_secs(), 7);
}
