use std::time::Duration;

use componenttest::{TestHost, captured, config, problems, settings, start_on_free_port};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

componenttest::conformance!(extension HealthCheck, r#"{"endpoint": "127.0.0.1:0"}"#);

/// Longest time that a test waits for something that has to happen.
const LIMIT: Duration = Duration::from_secs(10);

/// The whole answer to one request. It does not ask for the end of the connection: that is the server's.
async fn ask(address: &str, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // Ends because connections are not kept alive.
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(LIMIT, read).await.unwrap().unwrap();
    answer
}

async fn started(more: &str) -> (Arc<HealthCheck>, TestHost, String) {
    started_with(|address| config(&format!(r#"{{"endpoint": "{address}"{more}}}"#))).await
}

async fn started_with(section: impl Fn(&str) -> Config) -> (Arc<HealthCheck>, TestHost, String) {
    let make = |it: &str| HealthCheck::create(settings("health_check"), section(it)).unwrap();
    start_on_free_port(make).await
}

fn body(answer: &str) -> serde_json::Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn it_is_unavailable_until_ready_and_after() {
    let (extension, host, address) = started("").await;
    let unavailable = |answer: String| {
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert_eq!(
            body(&answer),
            serde_json::json!({
                "status": "Server not available", "upSince": "0001-01-01T00:00:00Z", "uptime": ""
            })
        );
    };
    unavailable(ask(&address, "GET", "/").await);
    extension.ready(true);
    for (method, path) in [("GET", "/"), ("POST", "/any/path"), ("GET", "/health")] {
        let answer = ask(&address, method, path).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.to_lowercase().contains("content-type: application/json\r\n"), "{answer}");
        assert!(answer.to_lowercase().contains("connection: close\r\n"), "{answer}");
        assert_eq!(body(&answer)["status"], "Server available");
    }
    let head = ask(&address, "HEAD", "/").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    extension.ready(false);
    unavailable(ask(&address, "GET", "/").await);
    host.shutdown(&*extension, LIMIT).await;
}

#[tokio::test]
async fn only_the_configured_path_is_answered_with_fixed_bodies() {
    let more = r#", "path": "/ready", "response_body": {"healthy": "yes", "unhealthy": "no"}"#;
    let (extension, host, address) = started(more).await;
    assert!(ask(&address, "GET", "/ready").await.ends_with("\r\n\r\nno"));
    extension.ready(true);
    assert!(ask(&address, "GET", "/ready").await.ends_with("\r\n\r\nyes"));
    for path in ["/", "/ready/", "/other"] {
        assert!(ask(&address, "GET", path).await.starts_with("HTTP/1.1 404 "), "{path}");
    }
    host.shutdown(&*extension, LIMIT).await;
}

#[tokio::test]
async fn an_empty_body_has_no_type() {
    let (extension, host, address) = started(r#", "response_body": {}"#).await;
    let answer = ask(&address, "GET", "/").await.to_lowercase();
    assert!(answer.starts_with("http/1.1 503 ") && !answer.contains("content-type"), "{answer}");
    host.shutdown(&*extension, LIMIT).await;
}

/// Larger than the buffers of a connection.
const ANSWER_BYTES: usize = 32 << 20;

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_answer_is_sent_away() {
    let large = "x".repeat(ANSWER_BYTES);
    let section = |address: &str| {
        let mut section: Config = config(&format!(r#"{{"endpoint": "{address}"}}"#));
        let bodies = ResponseBody { healthy: large.clone(), unhealthy: large.clone() };
        section.response_body = component::config::Section::on(bodies);
        section
    };
    let (extension, host, address) = started_with(section).await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut answer = Vec::new();
    // The connection may have been reset.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 503 "));
    assert!(answer.len() < ANSWER_BYTES, "nobody waited for it");
    host.shutdown(&*extension, LIMIT).await;
}

#[tokio::test]
async fn a_taken_port_fails_the_start() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let section = format!(r#"{{"endpoint": "{address}"}}"#);
    let extension = HealthCheck::create(settings("health_check"), config(&section)).unwrap();
    let error = Arc::new(extension).start(&TestHost::new()).await.unwrap_err().to_string();
    let want = format!("failed to bind to address {address}: listen tcp {address}: bind: ");
    assert!(error.starts_with(&want), "{error}");
}

#[test]
fn changes_are_logged() {
    let extension = HealthCheck::create(settings("health_check"), Config::default()).unwrap();
    let ((), lines) = captured(|| [true, false].into_iter().for_each(|it| extension.ready(it)));
    let status: Vec<_> = lines.iter().map(|it| it.field("status").unwrap()).collect();
    assert_eq!(status, ["ready", "unavailable"]);
}

#[test]
fn mistakes_are_named_in_the_collectors_words() {
    let check = |section: &str, want: &str| {
        let found = problems::<Config>(section);
        assert!(found.len() == 1 && found[0].starts_with(want), "{found:?}");
    };
    check(r#"{"endpoint": ""}"#, "config: http endpoint required");
    check(r#"{"path": "x"}"#, "config: path must start with /");
    check(r#"{"http": {"endpoint": "a:1"}}"#, "v2 healthcheck configuration (http/grpc fields)");
}

#[tokio::test]
async fn with_the_feature_gate_it_answers_from_the_status_of_components() {
    let make = |at: &str| {
        let section = config(&format!("{{endpoint: '{at}', path: /health}}"));
        HealthOfComponents::create(settings("health_check"), section).unwrap()
    };
    let (extension, host, address) = start_on_free_port(make).await;
    let status = async |path: &str| {
        body(&componenttest::ask(&address, &format!("GET {path}")).await)["status"].clone()
    };
    for (phase, want) in
        [(component::Phase::Starting, "StatusStarting"), (component::Phase::Running, "StatusOK")]
    {
        let extensions = vec!["health_check".parse().unwrap()];
        host.show(component::ServiceView { phase, extensions, ..Default::default() });
        assert_eq!(status("/health").await, want);
    }
    assert!(componenttest::ask(&address, "GET /").await.starts_with("HTTP/1.1 404 "));
    host.shutdown(&*extension, LIMIT).await;
    assert_eq!(problems::<ComponentsConfig>("{http: {endpoint: 'a:1'}, grpc: }"), [""; 0]);
    assert_eq!(problems::<ComponentsConfig>("{path: x}"), ["config: path must start with /"]);
}
