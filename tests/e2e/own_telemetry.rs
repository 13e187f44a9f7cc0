//! What the program says about itself: scraped, sent to our backend, and to the Go Collector.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex};

use component::{ConsumeError, Consumer, Context, Data, Next, async_trait};
use componenttest::Authority;
use ledger::free_port;
use serde_json::Value as Json;

use crate::support::{Endpoint, Process, SLUICE, eventually, own_address, part, repository};

const LOGS: &str = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"}},
    {"body":{"stringValue":"b"}}]}]}]}"#;

/// Keeps what came, as OTLP/JSON.
#[derive(Default)]
struct Kept(Mutex<Vec<Json>>);

impl Kept {
    fn all(&self) -> Vec<Json> {
        self.0.lock().unwrap().clone()
    }

    /// What stands at these keys, all list entries of each, in everything that came.
    fn find(&self, keys: &[&str]) -> Vec<Json> {
        let mut found = self.all();
        for key in keys {
            let entries = |it: &Json| it.get(key).and_then(Json::as_array).cloned();
            found = found.iter().filter_map(entries).flatten().collect();
        }
        found
    }
}

#[async_trait]
impl Consumer for Kept {
    async fn consume(&self, _ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let mut text = Vec::new();
        data.to_json(&mut text);
        self.0.lock().unwrap().push(serde_json::from_slice(&text).unwrap());
        Ok(())
    }
}

/// One request on a connection of its own; the answer from its first line on.
fn request(port: u16, head: &str, body: &str) -> String {
    request_with(port, head, "", body)
}

/// The same with one more header, which ends with its line.
fn request_with(port: u16, head: &str, header: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    let text = format!(
        "{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         {header}Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A collector that takes logs on `http` and drops them, with this `telemetry:`.
fn yaml(http: u16, telemetry: &str) -> String {
    format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:{http}'}}}}}}}}
processors: {{memory_limiter: {{check_interval: 1s, limit_mib: 4000}}, batch: {{timeout: 10ms}}}}
exporters: {{debug: {{}}}}
service:
  telemetry: {telemetry}
  pipelines: {{logs: {{receivers: [otlp], processors: [memory_limiter, batch], exporters: [debug]}}}}
"
    )
}

#[tokio::test]
async fn every_metric_that_shows_is_documented() {
    let (http, metrics) = (free_port().unwrap(), free_port().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let reader = format!(
        "{{metrics: {{level: detailed, readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, \
         port: {metrics}, without_scope_info: true, without_type_suffix: true, without_units: true}}}}}}}}]}}}}"
    );
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml(http, &reader));
    sluice.ready().await;
    assert!(request(http, "POST /v1/logs", LOGS).starts_with("HTTP/1.1 200"));
    let mut text = String::new();
    let sent = || {
        text = request(metrics, "GET /metrics", "");
        text.contains("otelcol_exporter_sent_log_records{")
    };
    assert!(eventually(sent).await, "{}", sluice.output());
    for series in [
        "http_server_request_duration_count{http_request_method=\"POST\",\
         http_response_status_code=\"200\",http_route=\"/v1/logs\",",
        "http_server_request_body_size_sum{",
    ] {
        assert!(text.contains(series), "no {series} in\n{text}");
    }
    let documented = std::fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    let families: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(families.len() > 20, "{families:?}");
    for family in families {
        let name = family
            .replace("log_records", "{spans}")
            .replace("_outgoing_items", "_incoming_items")
            .replace("_refused_", "_accepted_")
            .replace("receiver_failed_", "receiver_accepted_");
        let short = family
            .strip_prefix("otelcol_exporter")
            .or(family.strip_prefix("otelcol_processor_batch"));
        let known = documented.contains(&format!("`{name}`"))
            || short.is_some_and(|it| documented.contains(&format!("`{it}`")));
        assert!(known, "docs/metrics.md does not name {family}");
    }
    assert!(sluice.terminate().await.success());
}

#[test]
fn our_own_metrics_in_the_sources_and_in_the_document_are_the_same() {
    let documented = std::fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    let documented: BTreeSet<&str> =
        documented.split('`').filter(|it| it.starts_with("sluice_") && it.len() > 7).collect();
    let mut named = BTreeSet::new();
    for top in ["core", "lib", "receivers", "processors", "exporters", "connectors", "extensions"] {
        sources(&repository().join(top), &mut named);
    }
    let named: BTreeSet<&str> = named.iter().map(String::as_str).collect();
    assert_eq!(named, documented);
}

/// Texts in the sources that look like names of metrics and are none.
const OTHERS: [&str; 2] = ["sluice_mock", "sluice_query"];

/// Adds the names of metrics, `"sluice_..."`, in the sources below `folder`.
fn sources(folder: &Path, named: &mut BTreeSet<String>) {
    for path in std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
        if path.is_dir() {
            sources(&path, named);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let names = text.split("\"sluice_").skip(1);
            let names = names.filter_map(|it| Some(format!("sluice_{}", it.split_once('"')?.0)));
            let is_name = |it: &String| {
                !OTHERS.contains(&it.as_str())
                    && it.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            };
            named.extend(names.filter(is_name));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn periodic_readers_send_over_both_protocols_and_once_more_at_the_end() {
    let kept = [Arc::new(Kept::default()), Arc::new(Kept::default())];
    let backends = [
        Endpoint::start(Arc::clone(&kept[0]) as _).await,
        Endpoint::start(Arc::clone(&kept[1]) as _).await,
    ];
    let folder = tempfile::tempdir().unwrap();
    let telemetry = format!(
        "
    resource: {{attributes: [{{name: shard, value: 3, type: int}}]}}
    metrics:
      readers:
        - periodic:
            interval: 100
            exporter: {{otlp: {{protocol: grpc, endpoint: '{}', insecure: true, compression: gzip,
              temporality_preference: delta}}}}
        - periodic:
            interval: 100
            exporter: {{otlp: {{protocol: http/protobuf, endpoint: '{}', headers: {{a: b}}}}}}",
        backends[0].grpc, backends[1].http
    );
    let http = free_port().unwrap();
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml(http, &telemetry));
    sluice.ready().await;
    let metrics = ["resourceMetrics", "scopeMetrics", "metrics"];
    let named = |kept: &Kept, name: &str| {
        let found = kept.find(&metrics).into_iter().rfind(|it| it["name"] == name);
        found.unwrap_or_default()
    };
    let both = || kept.iter().all(|it| named(it, "otelcol_process_uptime").is_object());
    assert!(eventually(both).await, "{}", sluice.output());
    assert!(request(http, "POST /v1/logs", LOGS).starts_with("HTTP/1.1 200"));
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    let accepted =
        |kept: &Kept| named(kept, "otelcol_receiver_accepted_log_records")["sum"].clone();
    let (delta, cumulative) = (accepted(&kept[0]), accepted(&kept[1]));
    assert_eq!(delta["aggregationTemporality"], 1);
    assert_eq!(cumulative["aggregationTemporality"], 2);
    assert_eq!(cumulative["dataPoints"][0]["asInt"], "2");
    let resource = kept[0].find(&["resourceMetrics"])[0]["resource"]["attributes"].clone();
    let shard = serde_json::json!({"key": "shard", "value": {"intValue": "3"}});
    assert!(resource.as_array().unwrap().contains(&shard), "{resource}");
    for backend in backends {
        backend.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_traces_say_what_was_received_queued_and_exported() {
    let kept = Arc::new(Kept::default());
    let backend = Endpoint::start(Arc::clone(&kept) as _).await;
    let folder = tempfile::tempdir().unwrap();
    let telemetry = format!(
        "{{metrics: {{level: none}}, traces: {{propagators: [b3, tracecontext], processors: [{{batch: {{schedule_delay: 50, exporter: \
         {{otlp: {{protocol: http/protobuf, endpoint: '{}'}}}}}}}}]}}}}",
        backend.http
    );
    let http = free_port().unwrap();
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml(http, &telemetry));
    sluice.ready().await;
    let above = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    assert!(request_with(http, "POST /v1/logs", above, LOGS).starts_with("HTTP/1.1 200"));
    let spans = || kept.find(&["resourceSpans", "scopeSpans", "spans"]);
    let found = |name: &str| spans().into_iter().find(|it| it["name"] == name);
    let both =
        || found("receiver/otlp/LogsReceived").is_some() && found("exporter/debug/logs").is_some();
    assert!(eventually(both).await, "{:?}\n{}", spans(), sluice.output());
    let received = found("receiver/otlp/LogsReceived").unwrap();
    assert_eq!(received["traceId"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(received["parentSpanId"], "b7ad6b7169203331");
    let count = serde_json::json!({"key": "accepted_log_records", "value": {"intValue": "2"}});
    assert!(received["attributes"].as_array().unwrap().contains(&count), "{received}");
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    backend.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_log_lines_are_sent_and_a_dead_backend_makes_no_more_of_them() {
    let kept = Arc::new(Kept::default());
    let backend = Endpoint::start(Arc::clone(&kept) as _).await;
    let folder = tempfile::tempdir().unwrap();
    let dead = free_port().unwrap();
    let telemetry = format!(
        "{{metrics: {{level: none}}, logs: {{processors: [{{batch: {{schedule_delay: 50, exporter: \
         {{otlp: {{protocol: grpc, endpoint: 'http://{}'}}}}}}}}, {{simple: {{exporter: {{otlp: \
         {{protocol: grpc, endpoint: 'http://127.0.0.1:{dead}'}}}}}}}}]}}}}",
        backend.grpc
    );
    let http = free_port().unwrap();
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml(http, &telemetry));
    sluice.ready().await;
    let lines = || kept.find(&["resourceLogs", "scopeLogs", "logRecords"]);
    let said = |text: &str| lines().iter().any(|it| it["body"]["stringValue"] == text);
    let ready = || said("Everything is ready. Begin running and processing data.");
    assert!(eventually(ready).await, "{:?}\n{}", lines(), sluice.output());
    sluice.says("Exporting failed. Will retry").await;
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    assert!(said("Starting shutdown..."), "{:?}", lines());
    let about_sending =
        lines().into_iter().filter(|it| it.to_string().contains("Exporting failed"));
    assert_eq!(about_sending.count(), 0);
    backend.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_replaces_the_readers_and_a_wrong_one_keeps_them() {
    let (http, before, after) = (free_port().unwrap(), free_port().unwrap(), free_port().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let on = |port: &str| {
        let prometheus = format!("{{host: 127.0.0.1, port: {port}}}");
        let reader = format!("{{pull: {{exporter: {{prometheus: {prometheus}}}}}}}");
        yaml(http, &format!("{{metrics: {{readers: [{reader}]}}}}"))
    };
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &on(&before.to_string()));
    sluice.ready().await;
    let file = folder.path().join("sluice.yaml");
    std::fs::write(&file, on("null")).unwrap();
    sluice.hang_up();
    sluice.says("failed to create meter provider: port must be specified").await;
    assert!(request(before, "GET /metrics", "").contains("target_info"));
    std::fs::write(&file, on(&after.to_string())).unwrap();
    sluice.hang_up();
    sluice.says("Configuration reloaded.").await;
    assert!(request(after, "GET /metrics", "").contains("target_info"));
    assert!(eventually(|| TcpStream::connect(("127.0.0.1", before)).is_err()).await);
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
}

#[tokio::test]
async fn a_telemetry_section_that_cannot_work_ends_the_start_in_the_collectors_words() {
    let pull = |prometheus: &str| {
        format!("{{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {prometheus}}}}}}}]}}}}")
    };
    let console = "processors: [{simple: {exporter: {console: {}}}}]";
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let cases = [
        (pull("{port: 1}"), "failed to create meter provider: host must be specified".to_owned()),
        (pull("{host: a}"), "failed to create meter provider: port must be specified".to_owned()),
        (
            pull(&format!("{{host: 127.0.0.1, port: {port}}}")),
            format!(
                "failed to create meter provider: binding address 127.0.0.1:{port} for Prometheus \
                 exporter: listen tcp 127.0.0.1:{port}: bind: address already in use"
            ),
        ),
        (
            format!("{{metrics: {{level: none}}, traces: {{propagators: [jaeger], {console}}}}}"),
            "error creating propagator: unsupported trace propagator".to_owned(),
        ),
    ];
    for (telemetry, want) in cases {
        let folder = tempfile::tempdir().unwrap();
        let http = free_port().unwrap();
        let yaml = yaml(http, &telemetry);
        let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
        sluice.says(&want).await;
    }
}

#[tokio::test]
async fn the_go_collector_takes_our_metrics_and_traces() {
    let Some(otelcol) = part("otelcol") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (grpc, http) = (free_port().unwrap(), free_port().unwrap());
    let theirs = format!(
        "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: '127.0.0.1:{grpc}'}}, http: {{endpoint: \
         '127.0.0.1:{http}'}}}}}}}}
exporters: {{debug: {{verbosity: detailed}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    metrics: {{receivers: [otlp], exporters: [debug]}}
    traces: {{receivers: [otlp], exporters: [debug]}}
"
    );
    let mut go = Process::collector(&otelcol, folder.path(), &theirs);
    go.ready().await;
    let telemetry = format!(
        "
    metrics: {{readers: [{{periodic: {{interval: 100, exporter: {{otlp: {{protocol: grpc, endpoint: \
         '127.0.0.1:{grpc}', insecure: true}}}}}}}}]}}
    traces: {{processors: [{{simple: {{exporter: {{otlp: {{protocol: http/protobuf, endpoint: \
         'http://127.0.0.1:{http}'}}}}}}}}]}}"
    );
    let ours = free_port().unwrap();
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml(ours, &telemetry));
    sluice.ready().await;
    assert!(request(ours, "POST /v1/logs", LOGS).starts_with("HTTP/1.1 200"));
    go.says("Name: otelcol_process_uptime").await;
    go.says("receiver/otlp/LogsReceived").await;
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    go.says("otelcol_receiver_accepted_log_records").await;
    go.terminate().await;
}

/// A collector that takes only clients with a certificate and a token, and hands on what they send.
fn guarded(host: &str, authority: &Authority, backend: &Endpoint) -> String {
    let path = |name: &str| authority.path(name);
    let server = format!(
        "tls: {{cert_file: {}, key_file: {}, client_ca_file: {}}}, auth: {{authenticator: bearer_token_auth}}",
        path("server.pem"),
        path("server.key"),
        path("ca.pem")
    );
    format!(
        "extensions: {{bearer_token_auth: {{token: own-token}}}}
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: '{host}:4317', {server}}}, http: {{endpoint: '{host}:4318', {server}}}}}}}}}
exporters: {{otlp_grpc: {{endpoint: '{}', tls: {{insecure: true}}}}}}
service:
  extensions: [bearer_token_auth]
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    metrics: {{receivers: [otlp], exporters: [otlp_grpc]}}
    logs: {{receivers: [otlp], exporters: [otlp_grpc]}}
    traces: {{receivers: [otlp], exporters: [otlp_grpc]}}
",
        backend.grpc
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_logs_and_spans_of_its_own_go_encrypted_with_a_certificate_and_a_token() {
    for (protocol, port) in [("http/protobuf", 4318), ("grpc", 4317)] {
        let kept = Arc::new(Kept::default());
        let backend = Endpoint::start(Arc::clone(&kept) as Next).await;
        let (host, authority) = (own_address(214), Authority::new());
        authority.issue("server", &host);
        authority.issue("client", &host);
        let folder = tempfile::tempdir().unwrap();
        let gateway = guarded(&host, &authority, &backend);
        let mut gateway = Process::collector(Path::new(SLUICE), folder.path(), &gateway);
        gateway.ready().await;
        let exporter = |path: &str, token: &str| {
            let path = if protocol == "grpc" { "" } else { path };
            let file = |name: &str| authority.path(name);
            format!(
                "exporter: {{otlp: {{protocol: {protocol}, endpoint: 'https://{host}:{port}{path}', certificate: {}, \
                 client_certificate: {}, client_key: {}, headers: [{{name: authorization, value: 'Bearer {token}'}}]}}}}",
                file("ca.pem"),
                file("client.pem"),
                file("client.key")
            )
        };
        let telemetry = |token: &str| {
            format!(
                "{{metrics: {{readers: [{{periodic: {{interval: 100, {}}}}}]}}, logs: {{processors: [{{batch: \
                 {{schedule_delay: 100, {}}}}}]}}, traces: {{processors: [{{batch: {{schedule_delay: 100, {}}}}}]}}}}",
                exporter("/v1/metrics", token),
                exporter("/v1/logs", token),
                exporter("/v1/traces", token)
            )
        };
        let http = free_port().unwrap();
        for (token, is_known) in [("wrong", false), ("own-token", true)] {
            let (config, folder) = (yaml(http, &telemetry(token)), tempfile::tempdir().unwrap());
            let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &config);
            sluice.ready().await;
            assert!(request(http, "POST /v1/logs", LOGS).starts_with("HTTP/1.1 200"));
            if is_known {
                let all = ["resourceMetrics", "resourceLogs", "resourceSpans"];
                let come = || all.iter().all(|it| !kept.find(&[it]).is_empty());
                assert!(eventually(come).await, "{protocol}: {}", sluice.output());
            } else {
                // Its last attempt is at the end.
                sluice.terminate().await;
                assert!(kept.all().is_empty(), "{protocol}: a stranger is let in");
            }
            assert!(!sluice.output().contains("own-token"));
        }
        gateway.kill();
        backend.stop().await;
    }
}

#[tokio::test]
async fn what_detectors_find_is_in_own_telemetry_and_what_is_set_replaces_it() {
    let metrics = free_port().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let telemetry = format!(
        "{{resource: {{attributes: [{{name: host.id, value: mine}}], detection/development: {{detectors: [{{host: }}, \
         {{os: }}, {{process: }}, {{container: }}], attributes: {{excluded: [process.executable.path]}}}}}}, metrics: \
         {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {metrics}}}}}}}}}]}}}}"
    );
    let config = yaml(free_port().unwrap(), &telemetry);
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &config);
    sluice.ready().await;
    sluice.says("these detectors are not supported and detect nothing").await;
    let text = request(metrics, "GET /metrics", "");
    let info = text.lines().find(|it| it.starts_with("target_info{")).unwrap_or_default();
    let pid = format!("process_pid=\"{}\"", sluice.pid());
    for label in [
        "host_name=\"",
        "host_id=\"mine\"",
        "os_type=\"linux\"",
        "os_description=\"",
        &pid,
        "process_owner=\"",
    ] {
        assert!(info.contains(label), "no {label} in {info}");
    }
    assert!(!info.contains("executable_path"), "{info}");
}
