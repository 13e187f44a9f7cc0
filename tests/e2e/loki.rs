//! File -> ours -> a real Loki over OTLP/HTTP: each line once, with the labels that people query by.

use std::collections::BTreeSet;
use std::path::Path;

use ledger::Line;
use serde_json::Value;

use super::backends::loki;
use super::logs::pod;
use crate::support::{Process, SLUICE, eventually, get};

const LINES: usize = 500;

pub(super) fn loki_config(folder: &Path, port: u16, grpc: u16) -> String {
    let data = folder.join("loki-data");
    format!(
        "auth_enabled: false
analytics: {{reporting_enabled: false}}
server: {{http_listen_address: 127.0.0.1, http_listen_port: {port}, grpc_listen_address: 127.0.0.1, grpc_listen_port: {grpc}}}
common:
  instance_addr: 127.0.0.1
  path_prefix: {data}
  storage: {{filesystem: {{chunks_directory: {data}/chunks, rules_directory: {data}/rules}}}}
  replication_factor: 1
  ring: {{kvstore: {{store: inmemory}}}}
schema_config:
  configs: [{{from: 2024-01-01, store: tsdb, object_store: filesystem, schema: v13, index: {{prefix: index_, period: 24h}}}}]
ingester: {{lifecycler: {{min_ready_duration: 0s}}}}
limits_config: {{allow_structured_metadata: true}}
",
        data = data.display()
    )
}

/// What Loki has for a query, such as `{service_name="shop"}`: streams with labels and lines.
pub(super) fn streams(port: u16, query: &str) -> Vec<Value> {
    let query: String = query.bytes().map(|it| format!("%{it:02X}")).collect();
    let path = format!("/loki/api/v1/query_range?query={query}&limit=5000&since=1h");
    let body = get("127.0.0.1", port, &path).unwrap_or_default();
    let answer: Value = serde_json::from_str(&body).unwrap_or_default();
    answer["data"]["result"].as_array().cloned().unwrap_or_default()
}

/// How many lines there are.
pub(super) fn count(streams: &[Value]) -> usize {
    streams.iter().map(|it| it["values"].as_array().map_or(0, Vec::len)).sum()
}

fn lines(streams: &[Value]) -> Vec<Line> {
    let entries = streams.iter().flat_map(|it| it["values"].as_array().into_iter().flatten());
    entries.map(|it| Line::parse(it[1].as_str().unwrap()).unwrap().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loki_has_each_line_once_with_its_labels() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_loki, port)) = loki(folder.path()).await else { return };
    let pod = pod(&folder.path().join("pods"), 1, LINES);
    let yaml = format!(
        "receivers:
  file_log:
    include: ['{}/pods/*/*/*.log']
    start_at: beginning
    include_file_path: true
    operators: [{{type: container}}]
processors:
  resource: {{attributes: [{{key: service.name, value: cart, action: upsert}}]}}
  batch: {{timeout: 50ms}}
exporters:
  otlp_http: {{endpoint: 'http://127.0.0.1:{port}/otlp'}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [file_log], processors: [resource, batch], exporters: [otlp_http]}}}}
",
        folder.path().display()
    );
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.ready().await;
    let mut seen = Vec::new();
    eventually(|| {
        seen = streams(port, r#"{k8s_namespace_name="shop"}"#);
        lines(&seen).len() >= LINES
    })
    .await;
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    let lines = lines(&seen);
    let different: BTreeSet<u64> = lines.iter().map(|it| it.seq).collect();
    assert_eq!((lines.len(), different.len()), (LINES, LINES), "{}", sluice.output());
    assert_eq!(pod.written(), LINES as u64);
    for stream in &seen {
        let labels = &stream["stream"];
        let label = |name: &str| labels[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            [
                label("service_name"),
                label("k8s_namespace_name"),
                label("k8s_pod_name"),
                label("k8s_container_name")
            ],
            ["cart", "shop", "cart-1", "app"],
            "{labels}"
        );
    }
}
