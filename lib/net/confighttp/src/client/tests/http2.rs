//! With servers that offer HTTP/2 in the TLS handshake.

use bytes::BytesMut;
use http::Version;

use super::*;

/// What a server does with its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Answers,
    /// Says GOAWAY with each answer.
    SaysGoodbye,
    /// Reads no more after the first request, and answers nothing.
    FallsSilent,
    /// Refuses the first request before it has looked at it.
    RefusesOne,
}

/// What a server saw: a request, or the end of a connection.
#[derive(Debug)]
enum Event {
    Request(usize, Box<http::request::Parts>, Bytes),
    End(usize),
}

async fn server(authority: &Authority, manner: Manner) -> (String, mpsc::Receiver<Event>) {
    let mut section = configtls::ServerConfig::default();
    section.common.cert_file = authority.path("server.pem");
    section.common.key_file = authority.path("server.key");
    let tls = configtls::Acceptor::new(&section, &["h2", "http/1.1"]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    let (sender, seen) = mpsc::channel(64);
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = tls.accept(stream).await.unwrap();
            assert_eq!(stream.protocol(), Some(&b"h2"[..]), "the best of both is taken");
            tokio::spawn(connection(number, stream, manner, sender.clone()));
        }
    });
    (base, seen)
}

async fn connection(
    number: usize,
    stream: MaybeTls<TcpStream>,
    manner: Manner,
    seen: mpsc::Sender<Event>,
) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let mut requests = 0;
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        requests += 1;
        if manner == Manner::RefusesOne && number == 0 && requests == 1 {
            respond.send_reset(h2::Reason::REFUSED_STREAM);
            continue;
        }
        let (head, mut body) = request.into_parts();
        if manner == Manner::FallsSilent {
            seen.send(Event::Request(number, head.into(), Bytes::new())).await.unwrap();
            return std::future::pending().await;
        }
        let seen = seen.clone();
        tokio::spawn(async move {
            let mut all = BytesMut::new();
            while let Some(Ok(data)) = body.data().await {
                body.flow_control().release_capacity(data.len()).unwrap();
                all.extend_from_slice(&data);
            }
            seen.send(Event::Request(number, head.into(), all.freeze())).await.unwrap();
            let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
            stream.send_data(Bytes::from_static(b"ok"), true).unwrap();
        });
        if manner == Manner::SaysGoodbye {
            connection.graceful_shutdown();
        }
    }
    let _ = seen.send(Event::End(number)).await;
}

fn section(authority: &Authority, text: &str) -> ClientConfig {
    let mut config: ClientConfig = read(text);
    config.compression = Type::NONE.into();
    config.tls.common.ca_file = authority.path("ca.pem");
    config
}

async fn request(seen: &mut mpsc::Receiver<Event>) -> (usize, http::request::Parts, Bytes) {
    match tokio::time::timeout(LIMIT, seen.recv()).await.unwrap().unwrap() {
        Event::Request(number, head, body) => (number, *head, body),
        Event::End(number) => panic!("connection {number} ended"),
    }
}

#[tokio::test]
async fn all_requests_share_one_connection() {
    let authority = Authority::new();
    authority.issue("server", "127.0.0.1");
    let (base, mut seen) = server(&authority, Manner::Answers).await;
    let config = section(&authority, "headers: {Host: other, X-Tenant: a}");
    let client = client(&config, &format!("{base}/v1/logs?x=1"));
    let big = Bytes::from(vec![b'a'; 300_000]);
    let reply = client.post(&Context::default(), PROTO, big.clone().into()).await.unwrap();
    assert_eq!((reply.status, &*reply.body), (StatusCode::OK, b"ok".as_slice()));
    let (number, head, body) = request(&mut seen).await;
    assert_eq!((number, head.version, body), (0, Version::HTTP_2, big));
    assert_eq!(head.uri, "https://other/v1/logs?x=1");
    let header = |name: &str| head.headers.get(name).map(|it| it.to_str().unwrap().to_owned());
    assert_eq!(header("x-tenant").as_deref(), Some("a"));
    assert_eq!(header("content-length").as_deref(), Some("300000"));
    assert_eq!(header("user-agent").as_deref(), Some("Test/1"));
    assert_eq!((header("host"), header("connection")), (None, None));
    let (client, mut all) = (Arc::new(client), JoinSet::new());
    for _ in 0..20 {
        let client = Arc::clone(&client);
        all.spawn(async move { drop(post(&client, b"x").await.unwrap()) });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
        assert_eq!(request(&mut seen).await.0, 0);
    }
}

#[tokio::test]
async fn only_http_1_is_offered_where_that_is_wanted() {
    let authority = Authority::new();
    authority.issue("server", "127.0.0.1");
    for text in ["force_attempt_http2: false", "keepalive: {enabled: false}"] {
        let (base, mut seen) = serve_tls(&authority, &[OK]).await;
        post(&client(&section(&authority, text), &base), b"x").await.unwrap();
        assert!(seen.recv().await.unwrap().1.contains(" http/1.1"), "{text}");
    }
    // A server with HTTP/1.1 alone is served as well.
    let (base, mut seen) = serve_tls(&authority, &[OK]).await;
    post(&client(&section(&authority, ""), &base), b"x").await.unwrap();
    assert!(seen.recv().await.unwrap().1.contains(" http/1.1"));
}

#[tokio::test]
async fn a_server_that_says_goodbye_or_refuses_costs_no_request() {
    let authority = Authority::new();
    authority.issue("server", "127.0.0.1");
    for (manner, numbers) in
        [(Manner::SaysGoodbye, vec![0, 1, 2]), (Manner::RefusesOne, vec![1, 1, 1])]
    {
        let (base, mut seen) = server(&authority, manner).await;
        let client = client(&section(&authority, ""), &base);
        let mut came = Vec::new();
        while came.len() < 3 {
            if let Err(why) = post(&client, b"x").await {
                assert_eq!((manner, came.len()), (Manner::RefusesOne, 0), "{why}");
                assert!(why.ends_with("stream error: REFUSED_STREAM; received from peer"), "{why}");
                continue;
            }
            loop {
                match tokio::time::timeout(LIMIT, seen.recv()).await.unwrap().unwrap() {
                    Event::Request(number, ..) => break came.push(number),
                    Event::End(_) => {}
                }
            }
        }
        assert_eq!(came, numbers, "{manner:?}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let authority = Authority::new();
    authority.issue("server", "127.0.0.1");
    let (base, mut seen) = server(&authority, Manner::Answers).await;
    let client = client(&section(&authority, "keepalive: {idle_conn_timeout: 50ms}"), &base);
    for number in 0..2 {
        post(&client, b"x").await.unwrap();
        assert_eq!(request(&mut seen).await.0, number);
        let end = tokio::time::timeout(LIMIT, seen.recv()).await.unwrap().unwrap();
        assert!(matches!(end, Event::End(it) if it == number), "{end:?}");
    }
}

#[tokio::test]
async fn a_connection_that_does_not_answer_a_ping_is_given_up() {
    let authority = Authority::new();
    authority.issue("server", "127.0.0.1");
    let (base, mut seen) = server(&authority, Manner::FallsSilent).await;
    let text = "{http2_read_idle_timeout: 50ms, http2_ping_timeout: 50ms}";
    let client = client(&section(&authority, text), &base);
    let why = post(&client, b"x").await.unwrap_err();
    assert!(why.ends_with(": http2: client connection lost"), "{why}");
    assert_eq!(request(&mut seen).await.0, 0);
    let _ = post(&client, b"x").await.unwrap_err();
    assert_eq!(request(&mut seen).await.0, 1);
}
