//! A real Prometheus in both directions: ours scrapes it and writes what it found back, in both versions of remote
//! write, and it scrapes ours.

use std::path::Path;

use ledger::free_port;
use serde_json::Value;

use crate::support::{Process, SLUICE, eventually, get, part};

/// The values of an instant query: labels and value.
fn query(port: u16, query: &str) -> Vec<(Value, String)> {
    let escaped: String = query.bytes().map(|it| format!("%{it:02X}")).collect();
    let Some(body) = get("127.0.0.1", port, &format!("/api/v1/query?query={escaped}")) else {
        return Vec::new();
    };
    let answer: Value = serde_json::from_str(&body).unwrap_or_default();
    let results = answer["data"]["result"].as_array().cloned().unwrap_or_default();
    let value = |it: &Value| it["value"][1].as_str().unwrap_or_default().to_owned();
    results.iter().map(|it| (it["metric"].clone(), value(it))).collect()
}

fn prometheus_config(folder: &Path, exporter: u16) -> std::path::PathBuf {
    let path = folder.join("prometheus.yml");
    let yaml = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: sluice
    static_configs: [{{targets: ['127.0.0.1:{exporter}']}}]
"
    );
    std::fs::write(&path, yaml).unwrap();
    path
}

fn ours(port: u16, exporter: u16) -> String {
    format!(
        "receivers:
  prometheus:
    config:
      scrape_configs:
        - job_name: real
          scrape_interval: 1s
          scrape_timeout: 1s
          static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{site: one}}}}]
          metric_relabel_configs:
            - {{source_labels: [__name__], regex: 'prometheus_build_info|prometheus_http_.*|up', action: keep}}
exporters:
  prometheus: {{endpoint: '127.0.0.1:{exporter}'}}
  prometheusremotewrite:
    endpoint: http://127.0.0.1:{port}/api/v1/write
    external_labels: {{via: v1}}
  prometheus_remote_write/second:
    endpoint: http://127.0.0.1:{port}/api/v1/write
    external_labels: {{via: v2}}
    protobuf_message: io.prometheus.write.v2.Request
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    metrics:
      receivers: [prometheus]
      exporters: [prometheus, prometheusremotewrite, prometheus_remote_write/second]
"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_is_scraped_written_to_and_scrapes_ours() {
    let Some(prometheus) = part("prometheus") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (port, exporter) = (free_port().unwrap(), free_port().unwrap());
    let config = prometheus_config(folder.path(), exporter);
    let arguments = [
        format!("--config.file={}", config.display()),
        format!("--storage.tsdb.path={}", folder.path().join("data").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--web.enable-remote-write-receiver".to_owned(),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = Process::start(&prometheus, folder.path(), &arguments);
    let ready = || get("127.0.0.1", port, "/-/ready").is_some();
    assert!(eventually(ready).await, "{}", server.output());
    let sluice = Process::collector(SLUICE.as_ref(), folder.path(), &ours(port, exporter));
    for (what, labels) in [
        ("remote write, version 1", "job=\"real\",via=\"v1\""),
        ("remote write, version 2", "job=\"real\",via=\"v2\""),
        ("scraped by Prometheus", "job=\"sluice\",exported_job=\"real\""),
    ] {
        let there = || {
            let up = query(port, &format!("up{{{labels},site=\"one\"}}"));
            let info = query(port, &format!("prometheus_build_info{{{labels}}}"));
            let asked = query(port, &format!("prometheus_http_requests_total{{{labels}}}"));
            let name = "prometheus_http_request_duration_seconds";
            let bucket = query(port, &format!("sum({name}_bucket{{{labels},le=\"+Inf\"}})"));
            let count = query(port, &format!("sum({name}_count{{{labels}}})"));
            up.iter().any(|it| it.1 == "1")
                && info.iter().any(|it| it.1 == "1")
                && !asked.is_empty()
                && !bucket.is_empty()
                && bucket[0].1 == count[0].1
        };
        assert!(eventually(there).await, "{what}: {}{}", sluice.output(), server.output());
    }
    // What is gone has ended: no series outlives its target by the five minutes of Prometheus.
    let output = sluice.output();
    assert!(!output.contains("out of order"), "{output}");
}
