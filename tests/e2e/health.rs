//! Health of pipelines and components, and requests that are refused because memory is short: as probes and clients see them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use component::Context;
use configgrpc::client::{Client, ClientConfig};
use serde_json::Value;

use crate::support::{PATIENCE, Process, SLUICE, eventually, get, own_address};

/// Tells this test's addresses from those of others.
const ADDRESS: u8 = 222;
const SECRET: &str = "hunter2canary";

/// The whole answer to a request.
fn ask(address: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(stream, "{head} HTTP/1.0\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        .unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// The answer of `grpc.health.v1.Health`, or the code and the text of a refusal.
async fn call(address: &str, path: &str, message: &[u8]) -> Result<Vec<u8>, (i32, String)> {
    let mut section =
        ClientConfig { endpoint: format!("http://{address}"), ..ClientConfig::default() };
    section.compression = compression::Type::NONE.into();
    let client = Client::new(&section, "test", PATIENCE).unwrap();
    let message = bytes::Bytes::copy_from_slice(message);
    let answer = client.call(&Context::default(), &path.parse().unwrap(), &[message]).await;
    answer.map(|it| it.to_vec()).map_err(|it| (it.code, it.message))
}

/// Servers that refuse all or those without a token, and two probes: one that takes everything for healthy that runs, one
/// that does not.
fn config(host: &str) -> String {
    // No process is as small as this limit.
    format!(
        "extensions:
  memory_limiter: {{check_interval: 1s, limit_mib: 1}}
  bearer_token_auth: {{token: {SECRET}}}
  healthcheckv2:
    use_v2: true
    http: {{endpoint: '{host}:13133', config: {{enabled: true}}}}
    grpc: {{endpoint: '{host}:13132'}}
  healthcheckv2/strict:
    use_v2: true
    http: {{endpoint: '{host}:13134'}}
    grpc: {{endpoint: '{host}:13135'}}
    component_health: {{include_recoverable_errors: true}}
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: '{host}:4317', middlewares: [{{id: memory_limiter}}]}}
      http: {{endpoint: '{host}:4318', middlewares: [{{id: memory_limiter}}]}}
  otlp/open: {{protocols: {{http: {{endpoint: '{host}:4418', auth: {{authenticator: bearer_token_auth}}}}}}}}
exporters:
  nop:
service:
  extensions: [memory_limiter, bearer_token_auth, healthcheckv2, healthcheckv2/strict]
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: '{host}', port: 8888}}}}}}}}]}}}}
  pipelines:
    logs: {{receivers: [otlp], exporters: [nop]}}
    logs/open: {{receivers: [otlp/open], exporters: [nop]}}
"
    )
}

const CHECK: &str = "/grpc.health.v1.Health/Check";
const EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_short_of_memory_refuses_requests_and_says_so_to_probes() {
    let (host, folder) = (own_address(ADDRESS), tempfile::tempdir().unwrap());
    let yaml = config(&host);
    let mut process = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    process.ready().await;

    let refused = ask(&format!("{host}:4318"), "POST /v1/logs", "{}");
    assert!(
        refused.starts_with("HTTP/1.0 429 ") || refused.starts_with("HTTP/1.1 429 "),
        "{refused}"
    );
    assert!(refused.to_lowercase().contains("retry-after: 1\r\n"), "{refused}");
    let refused = call(&format!("{host}:4317"), EXPORT, b"").await;
    assert_eq!(refused, Err((8, "RESOURCE_EXHAUSTED".to_owned())));
    // Who is refused by an authenticator is counted, and said once.
    for _ in 0..3 {
        assert!(ask(&format!("{host}:4418"), "POST /v1/logs", "{}").contains(" 401 "));
    }
    let metrics = || get(&host, 8888, "/metrics").unwrap_or_default();
    let has = |text: &str, name: &str, label: &str, value: &str| {
        let mut lines = text.lines().filter(|it| it.starts_with(name) && it.contains(label));
        lines.any(|it| it.ends_with(value))
    };
    let refused = "sluice_auth_refused_requests_total{authenticator=\"bearer_token_auth\"";
    let counted = || has(&metrics(), refused, "reason=\"unauthenticated\"", "} 3");
    assert!(eventually(counted).await, "{}", metrics());
    let refused = "sluice_server_refused_requests_total{";
    assert!(has(&metrics(), refused, "", "} 2"), "{}", metrics());
    // A line may come a moment after what it is about.
    let lines = || process.output().matches("a client was refused").count();
    assert!(eventually(|| lines() > 0).await, "{}", process.output());
    assert_eq!(lines(), 1, "{}", process.output());

    let status = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let all = status(&get(&host, 13133, "/status?verbose").unwrap());
    assert_eq!((&all["healthy"], &all["status"]), (&true.into(), &"StatusRecoverableError".into()));
    let extensions = &all["components"]["extensions"]["components"];
    let limiter = &extensions["extension:memory_limiter"];
    assert_eq!(limiter["error"], "memory usage is above the soft limit", "{all}");
    assert_eq!(all["components"]["pipeline:logs"]["status"], "StatusOK", "{all}");
    let strict = ask(&format!("{host}:13134"), "GET /status", "");
    assert!(strict.contains(" 500 ") && strict.contains("\"healthy\":false"), "{strict}");
    assert!(get(&host, 13134, "/status?pipeline=logs").is_some());
    let says =
        async |port: u16, service: &[u8]| call(&format!("{host}:{port}"), CHECK, service).await;
    assert_eq!(says(13132, b"").await, Ok(vec![8, 1]));
    assert_eq!(says(13135, b"").await, Ok(vec![8, 2]));
    assert_eq!(says(13135, b"\x0a\x04logs").await, Ok(vec![8, 1]));
    assert_eq!(says(13135, b"\x0a\x01x").await, Err((5, "Service not found.".to_owned())));

    let configuration = get(&host, 13133, "/config").unwrap();
    let shown = status(&configuration);
    assert_eq!(shown["extensions"]["memory_limiter"]["limit_mib"], 1, "{configuration}");
    assert!(!configuration.contains(SECRET), "{configuration}");
    assert!(process.terminate().await.success(), "{}", process.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feature_gate_gives_health_check_the_second_version() {
    let (host, folder) = (own_address(ADDRESS), tempfile::tempdir().unwrap());
    let yaml = format!(
        "extensions: {{health_check: {{http: {{endpoint: '{host}:13233'}}}}}}
receivers: {{otlp: {{protocols: {{http: {{endpoint: '{host}:4518'}}}}}}}}
exporters: {{nop: }}
service:
  extensions: [health_check]
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [otlp], exporters: [nop]}}}}
"
    );
    let file = folder.path().join("gated.yaml");
    std::fs::write(&file, yaml).unwrap();
    let arguments = ["--config", file.to_str().unwrap()];
    let without = Command::new(SLUICE).arg("validate").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(!without.status.success() && said.contains("feature gate is disabled"), "{said}");
    let gate = "--feature-gates=+extension.healthcheck.useComponentStatus";
    let arguments = [arguments[0], arguments[1], gate];
    let mut process = Process::start(Path::new(SLUICE), folder.path(), &arguments);
    process.ready().await;
    let status = get(&host, 13233, "/status").unwrap_or_default();
    assert!(status.contains("\"status\":\"StatusOK\""), "{status}\n{}", process.output());
    assert!(process.terminate().await.success(), "{}", process.output());
}
