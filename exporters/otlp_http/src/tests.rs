#![expect(clippy::disallowed_methods, reason = "servers of a test end with its runtime")]

use std::time::Duration;

use bytes::Bytes;
use component::Context;
use componenttest::{TestHost, captured, config, data, exporter_settings, metric, problems};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;

componenttest::conformance!(exporter OtlpHttp, r#"{"endpoint": "http://127.0.0.1:1"}"#);

/// Longest time that a test waits for something that has to happen.
const LIMIT: Duration = Duration::from_secs(10);

/// A backend that answers one request, and hands on its first line, headers and body.
async fn backend(answer: &str) -> (String, mpsc::Receiver<(String, Bytes)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (sender, seen) = mpsc::channel(16);
    let answer = answer.to_owned();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        let end = loop {
            if let Some(at) = request.windows(4).position(|it| it == b"\r\n\r\n") {
                break at + 4;
            }
            stream.read_buf(&mut request).await.unwrap();
        };
        let head = String::from_utf8(request[..end].to_vec()).unwrap().to_ascii_lowercase();
        let length = head.split_once("content-length: ").unwrap().1.split("\r\n").next().unwrap();
        while request.len() < end + length.parse::<usize>().unwrap() {
            stream.read_buf(&mut request).await.unwrap();
        }
        sender.send((head, Bytes::from(request).slice(end..))).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    (base, seen)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {JSON}\r\nContent-Length: {length}\r\n\r\n{body}")
}

const JSON: &str = answer::JSON;

async fn started(settings: ExporterSettings, section: &str) -> (Arc<OtlpHttp>, TestHost) {
    let host = TestHost::new();
    let exporter = Arc::new(OtlpHttp::create(settings, config(section)).unwrap());
    Arc::clone(&exporter).start(&host).await.unwrap();
    (exporter, host)
}

async fn consume(exporter: &OtlpHttp, data: Data) -> Result<(), ConsumeError> {
    let ctx = Context::default();
    let call = exporter.consume(&ctx, data);
    tokio::time::timeout(LIMIT, call).await.unwrap()
}

#[tokio::test]
async fn each_signal_goes_to_its_path_as_it_is() {
    for signal in Signal::ALL {
        let (base, mut seen) = backend(&answer("200 OK", "{}")).await;
        let section = format!(r#"{{"endpoint": "{base}/", "compression": "none"}}"#);
        let (exporter, host) = started(exporter_settings("otlp_http", signal), &section).await;
        let sent = data(signal, 7);
        consume(&exporter, sent.clone()).await.unwrap();
        let (head, body) = seen.recv().await.unwrap();
        assert!(head.starts_with(&format!("post /v1/{signal} http/1.1\r\n")), "{head}");
        assert!(head.contains("content-type: application/x-protobuf\r\n"), "{head}");
        assert!(head.contains("user-agent: test/0.0.0 (linux/"), "{head}");
        assert_eq!(body, sent.chunks().concat());
        host.shutdown(&*exporter, LIMIT).await;
    }
}

#[tokio::test]
async fn json_goes_to_the_signals_own_url_in_gzip() {
    let (base, mut seen) = backend(&answer("200 OK", "{}")).await;
    let section = format!(r#"{{"logs_endpoint": "{base}/otlp/x?y=1", "encoding": "json"}}"#);
    let (exporter, host) = started(exporter_settings("otlp_http", Signal::Logs), &section).await;
    consume(&exporter, data(Signal::Logs, 7)).await.unwrap();
    let (head, body) = seen.recv().await.unwrap();
    assert!(head.starts_with("post /otlp/x?y=1 http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    assert!(head.contains("content-encoding: gzip\r\n"), "{head}");
    assert_eq!(body[..2], [0x1f, 0x8b]);
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn at_level_detailed_requests_are_measured() {
    let (base, _seen) = backend(&answer("200 OK", "{}")).await;
    let settings = exporter_settings("otlp_http", Signal::Logs);
    let meter = settings.meter.clone();
    let section = format!(r#"{{"endpoint": "{base}", "compression": "none"}}"#);
    let (exporter, host) = started(settings, &section).await;
    let sent = data(Signal::Logs, 1);
    consume(&exporter, sent.clone()).await.unwrap();
    let port = base.rsplit_once(':').unwrap().1;
    let labels = [
        ("network.protocol.name", "http"),
        ("network.protocol.version", "1.1"),
        ("url.scheme", "http"),
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("server.address", "127.0.0.1"),
        ("server.port", port),
    ];
    let bytes = componenttest::metric(&meter, "http.client.request.body.size", &labels);
    assert_eq!(bytes, Some(sent.bytes() as f64));
    assert!(componenttest::metric(&meter, "http.client.request.duration", &labels).is_some());
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn a_refusal_names_the_url() {
    let (base, _seen) = backend(&answer("400 Bad Request", "{}")).await;
    let section = format!(r#"{{"endpoint": "{base}"}}"#);
    let (exporter, host) = started(exporter_settings("otlp_http", Signal::Logs), &section).await;
    let error = consume(&exporter, data(Signal::Logs, 1)).await.unwrap_err();
    let want = format!(
        "Permanent error: rpc error: code = InvalidArgument desc = error exporting items, request \
         to {base}/v1/logs responded with HTTP Status Code 400"
    );
    assert_eq!(error.to_string(), want);
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn no_backend_is_retryable_and_no_reason_not_to_start() {
    let section = r#"{"endpoint": "http://127.0.0.1:1"}"#;
    let (exporter, host) = started(exporter_settings("otlp_http", Signal::Logs), section).await;
    let error = consume(&exporter, data(Signal::Logs, 1)).await.unwrap_err();
    assert!(!error.is_permanent());
    let want = "failed to make an HTTP request: Post \"http://127.0.0.1:1/v1/logs\": dial tcp \
                127.0.0.1:1: connect: connection refused";
    assert_eq!(error.to_string(), want);
    host.shutdown(&*exporter, LIMIT).await;
}

#[test]
fn a_partial_success_is_a_success_with_a_warning_and_a_count() {
    let settings = exporter_settings("otlp_http", Signal::Traces);
    let meter = settings.meter.clone();
    let ((), lines) = captured(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let body = r#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"bad"}}"#;
            let (base, _seen) = backend(&answer("200 OK", body)).await;
            let section = format!(r#"{{"endpoint": "{base}"}}"#);
            let (exporter, host) = started(settings, &section).await;
            consume(&exporter, data(Signal::Traces, 5)).await.unwrap();
            host.shutdown(&*exporter, LIMIT).await;
        });
    });
    let warning = lines.iter().find(|it| it.message == "Partial success response").unwrap();
    assert_eq!(warning.field("dropped_spans"), Some("2"));
    let labels = [("exporter", "otlp_http"), ("signal", "traces")];
    let counted = metric(&meter, "sluice_exporter_partial_success_rejected", &labels);
    assert_eq!(counted, Some(2.0));
    let lost = [("reason", "rejected_by_backend")];
    assert_eq!(metric(&meter, "sluice_lost_total", &lost), Some(2.0));
}

#[tokio::test]
async fn what_is_not_supported_passes_validation_and_fails_the_start() {
    let start = async |section: &str| {
        let exporter =
            OtlpHttp::create(exporter_settings("otlphttp/x", Signal::Logs), config(section));
        Arc::new(exporter.unwrap()).start(&TestHost::new()).await.unwrap_err().to_string()
    };
    let error = start(r#"{"endpoint": "https://a", "tls": {"ca_file": "/nowhere"}}"#).await;
    assert!(error.starts_with("exporters::otlphttp/x: failed to load TLS config: "), "{error}");
    let error = start(r#"{"endpoint": "localhost:4318"}"#).await;
    assert!(error.contains("must begin with http:// or https://"), "{error}");
}

#[test]
fn mistakes_are_named_in_the_collectors_words() {
    let check = |section: &str, want: &str| {
        let found = problems::<Config>(section);
        assert!(found.len() == 1 && found[0].ends_with(want), "{found:?}");
    };
    check("{}", "at least one endpoint must be specified");
    check(r#"{"endpoint": "http://x", "encoding": "xml"}"#, "invalid encoding type: xml");
    let compression = r#"{"endpoint": "http://x", "compression": "brotli"}"#;
    check(compression, "unsupported compression type \"brotli\"");
}

#[test]
fn a_signal_without_an_endpoint_is_refused_when_built() {
    let config: Config = config(r#"{"logs_endpoint": "http://x"}"#);
    let error =
        OtlpHttp::create(exporter_settings("otlp_http", Signal::Traces), config).err().unwrap();
    assert_eq!(error.to_string(), "either endpoint or traces_endpoint must be specified");
}

/// Something that stands before the requests of servers.
struct OfServers;

impl component::ServerMiddleware for OfServers {
    fn must_refuse(&self) -> Option<Duration> {
        None
    }
}

#[tokio::test]
async fn a_middleware_that_is_not_there_or_is_none_of_clients_keeps_the_exporter_from_starting() {
    let start = async |id: &str| {
        let section = format!(r#"{{"endpoint": "http://a", "middlewares": [{{"id": "{id}"}}]}}"#);
        let settings = exporter_settings("otlphttp/x", Signal::Logs);
        let exporter = OtlpHttp::create(settings, config(&section)).unwrap();
        let host = TestHost::new();
        host.offer("limiter", component::Capability::ServerMiddleware(Arc::new(OfServers)));
        Arc::new(exporter).start(&host).await.unwrap_err().to_string()
    };
    let absent = "failed to resolve middleware \"gone\": middleware not found";
    assert_eq!(start("gone").await, absent);
    let other = "requested extension is not an HTTP client middleware";
    assert_eq!(start("limiter").await, other);
}

#[test]
fn what_has_no_effect_is_told() {
    let section = r#"{"endpoint": "https://x", "profiles_endpoint": "https://y"}"#;
    let text = "profiles_endpoint has no effect: there are no pipelines of profiles";
    assert_eq!(componenttest::warnings::<Config>(section), [text]);
}
