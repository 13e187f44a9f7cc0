#![expect(clippy::disallowed_methods, reason = "servers of a test end with its runtime")]

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use component::Context;
use componenttest::{TestHost, captured, config, data, exporter_settings, metric, problems};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;

componenttest::conformance!(exporter OtlpGrpc, r#"{"endpoint": "127.0.0.1:1", "tls": {"insecure": true}}"#);

/// Longest time that a test waits for something that has to happen.
const LIMIT: Duration = Duration::from_secs(10);

/// A backend that answers everything with the same message and status, and hands on path and body.
async fn backend(
    reply: &'static [u8],
    trailers: &'static [(&'static str, &'static str)],
) -> (String, mpsc::Receiver<(String, Bytes)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let (sender, seen) = mpsc::channel(16);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let (head, mut body) = request.into_parts();
                let mut all = BytesMut::new();
                while let Some(Ok(piece)) = body.data().await {
                    body.flow_control().release_capacity(piece.len()).unwrap();
                    all.extend_from_slice(&piece);
                }
                sender.send((head.uri.path().to_owned(), all.freeze())).await.unwrap();
                let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
                let prefix = configgrpc::frame::prefix(false, reply.len());
                stream.send_data(Bytes::copy_from_slice(&prefix), false).unwrap();
                stream.send_data(Bytes::from_static(reply), false).unwrap();
                let pair = |(k, v): &(&'static str, &'static str)| {
                    (http::HeaderName::from_static(k), http::HeaderValue::from_static(v))
                };
                stream.send_trailers(trailers.iter().map(pair).collect()).unwrap();
            });
        }
    });
    (endpoint, seen)
}

fn section(endpoint: &str, compression: &str) -> String {
    format!(
        r#"{{"endpoint": "{endpoint}", "tls": {{"insecure": true}}, "compression": "{compression}"}}"#
    )
}

async fn started(settings: ExporterSettings, section: &str) -> (Arc<OtlpGrpc>, TestHost) {
    let host = TestHost::new();
    let exporter = Arc::new(OtlpGrpc::create(settings, config(section)).unwrap());
    Arc::clone(&exporter).start(&host).await.unwrap();
    (exporter, host)
}

async fn consume(exporter: &OtlpGrpc, data: Data) -> Result<(), ConsumeError> {
    let ctx = Context::default();
    let call = exporter.consume(&ctx, data);
    tokio::time::timeout(LIMIT, call).await.unwrap()
}

#[tokio::test]
async fn each_signal_goes_to_its_service_as_it_is() {
    for signal in Signal::ALL {
        let (endpoint, mut seen) = backend(b"", &[("grpc-status", "0")]).await;
        let settings = exporter_settings("otlp_grpc", signal);
        let (exporter, host) = started(settings, &section(&endpoint, "none")).await;
        let sent = data(signal, 7);
        consume(&exporter, sent.clone()).await.unwrap();
        let (path, body) = seen.recv().await.unwrap();
        assert_eq!(path, otlp::grpc_path(signal).as_str());
        assert_eq!(body[..5], configgrpc::frame::prefix(false, sent.bytes()));
        assert_eq!(body[5..], sent.chunks().concat());
        host.shutdown(&*exporter, LIMIT).await;
    }
}

#[tokio::test]
async fn gzip_is_the_default() {
    let (endpoint, mut seen) = backend(b"", &[("grpc-status", "0")]).await;
    let text = format!(r#"{{"endpoint": "http://{endpoint}"}}"#);
    let (exporter, host) = started(exporter_settings("otlp_grpc", Signal::Logs), &text).await;
    consume(&exporter, data(Signal::Logs, 7)).await.unwrap();
    let (_, body) = seen.recv().await.unwrap();
    assert_eq!(body[0], 1);
    assert_eq!(body[5..7], [0x1f, 0x8b]);
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn at_level_detailed_calls_are_measured() {
    let (endpoint, _seen) = backend(b"", &[("grpc-status", "14")]).await;
    let settings = exporter_settings("otlp_grpc", Signal::Logs);
    let meter = settings.meter.clone();
    let (exporter, host) = started(settings, &section(&endpoint, "none")).await;
    consume(&exporter, data(Signal::Logs, 1)).await.unwrap_err();
    let (address, port) = endpoint.split_once(':').unwrap();
    let labels = [
        ("rpc.method", "opentelemetry.proto.collector.logs.v1.LogsService/Export"),
        ("rpc.response.status_code", "UNAVAILABLE"),
        ("rpc.system.name", "grpc"),
        ("server.address", address),
        ("server.port", port),
    ];
    assert!(metric(&meter, "rpc.client.call.duration", &labels).is_some());
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn a_refusal_keeps_its_class_and_text() {
    let (endpoint, _seen) = backend(b"", &[("grpc-status", "3"), ("grpc-message", "bad")]).await;
    let settings = exporter_settings("otlp_grpc", Signal::Logs);
    let (exporter, host) = started(settings, &section(&endpoint, "none")).await;
    let error = consume(&exporter, data(Signal::Logs, 1)).await.unwrap_err();
    let text = "Permanent error: rpc error: code = InvalidArgument desc = bad";
    assert_eq!(error.to_string(), text);
    assert_eq!(error.status().unwrap().message, text);
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn no_backend_is_retryable_and_no_reason_not_to_start() {
    let settings = exporter_settings("otlp_grpc", Signal::Logs);
    let (exporter, host) = started(settings, &section("127.0.0.1:1", "none")).await;
    let error = consume(&exporter, data(Signal::Logs, 1)).await.unwrap_err();
    assert!(!error.is_permanent());
    assert_eq!(
        error.to_string(),
        "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while \
         dialing: dial tcp 127.0.0.1:1: connect: connection refused\""
    );
    host.shutdown(&*exporter, LIMIT).await;
}

#[test]
fn a_partial_success_is_a_success_with_a_warning_and_a_count() {
    let settings = exporter_settings("otlp_grpc/x", Signal::Logs);
    let meter = settings.meter.clone();
    let ((), lines) = captured(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let reply = b"\x0a\x07\x08\x02\x12\x03bad";
            let (endpoint, _seen) = backend(reply, &[("grpc-status", "0")]).await;
            let (exporter, host) = started(settings, &section(&endpoint, "none")).await;
            consume(&exporter, data(Signal::Logs, 5)).await.unwrap();
            host.shutdown(&*exporter, LIMIT).await;
        });
    });
    let warning = lines.iter().find(|it| it.message == "Partial success response").unwrap();
    assert_eq!(warning.field("dropped_log_records"), Some("2"));
    assert_eq!(warning.field("error_message"), Some("bad"));
    let labels = [("exporter", "otlp_grpc/x"), ("signal", "logs")];
    let counted = metric(&meter, "sluice_exporter_partial_success_rejected", &labels);
    assert_eq!(counted, Some(2.0));
    let lost = [("reason", "rejected_by_backend")];
    assert_eq!(metric(&meter, "sluice_lost_total", &lost), Some(2.0));
}

#[tokio::test]
async fn what_is_not_supported_passes_validation_and_fails_the_start() {
    let start = async |section: &str| {
        let exporter =
            OtlpGrpc::create(exporter_settings("otlp", Signal::Logs), config(section)).unwrap();
        Arc::new(exporter).start(&TestHost::new()).await.unwrap_err().to_string()
    };
    let error = start(r#"{"endpoint": "a:1", "tls": {"ca_file": "/nowhere"}}"#).await;
    assert!(error.starts_with("exporters::otlp: failed to load TLS config: "), "{error}");
    let error = start(r#"{"endpoint": "http://a:1", "compression": "lz4"}"#).await;
    assert_eq!(error, "exporters::otlp: unsupported compression type \"lz4\"");
}

#[test]
fn mistakes_are_named_in_the_collectors_words() {
    let check = |section: &str, want: &[&str]| assert_eq!(problems::<Config>(section), want);
    check("{}", &["requires a non-empty \"endpoint\""]);
    check(
        r#"{"endpoint": "localhost"}"#,
        &["clientconfig: address localhost: missing port in address"],
    );
    check(
        r#"{"endpoint": "a:1", "timeout": "-1s"}"#,
        &["timeoutconfig: 'timeout' must be non-negative"],
    );
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
        let section = format!(r#"{{"endpoint": "http://a:1", "middlewares": [{{"id": "{id}"}}]}}"#);
        let settings = exporter_settings("otlp", Signal::Logs);
        let exporter = OtlpGrpc::create(settings, config(&section)).unwrap();
        let host = TestHost::new();
        host.offer("limiter", component::Capability::ServerMiddleware(Arc::new(OfServers)));
        Arc::new(exporter).start(&host).await.unwrap_err().to_string()
    };
    let absent = "failed to get gRPC client options from middleware: failed to resolve middleware \"gone\": middleware not found";
    assert_eq!(start("gone").await, absent);
    let other = "failed to get gRPC client options from middleware: requested extension is not a gRPC client middleware";
    assert_eq!(start("limiter").await, other);
}
