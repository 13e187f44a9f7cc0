//! The receiver against a daemon with a few answers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use component::{Component as _, Data, Receiver as _};
use componenttest::{Sink, TestHost, config, settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use crate::DockerStats;

componenttest::conformance!(
    receiver DockerStats,
    "{endpoint: 'unix:///nowhere/docker.sock', initial_delay: 1h, collection_interval: 1h}"
);

const LIST: &str = r#"[{"Id": "c1", "Image": "web:1"}, {"Id": "c2", "Image": "redis"}, {"Id": "gone", "Image": "x"},
    {"Id": "bad", "Image": "x"}, {"Id": "paused", "Image": "x"}]"#;

/// Control groups of version 2.
const V2: &str = r#"{
    "cpu_stats": {
        "cpu_usage": {"total_usage": 300000000, "usage_in_kernelmode": 100, "usage_in_usermode": 200},
        "system_cpu_usage": 2000000000, "online_cpus": 2, "throttling_data": {"periods": 3}},
    "precpu_stats": {"cpu_usage": {"total_usage": 200000000}, "system_cpu_usage": 1000000000},
    "memory_stats": {"usage": 1000, "limit": 8000, "stats": {"anon": 5, "file": 6, "inactive_file": 200}},
    "blkio_stats": {"io_service_bytes_recursive": [{"major": 8, "minor": 0, "op": "Read", "value": 7}],
        "io_serviced_recursive": null},
    "pids_stats": {"current": 4, "limit": 18446744073709551615},
    "networks": {"eth0": {"rx_bytes": 11, "tx_bytes": 12, "rx_dropped": 1, "tx_dropped": 2}}
}"#;
/// And of version 1.
const V1: &str = r#"{
    "cpu_stats": {"cpu_usage": {"total_usage": 9, "percpu_usage": [4, 5]}},
    "memory_stats": {"usage": 1000, "max_usage": 1500, "limit": 0, "failcnt": 2,
        "stats": {"total_inactive_file": 100, "inactive_file": 1, "total_cache": 3}},
    "blkio_stats": {}, "pids_stats": {}
}"#;

fn inspected(id: &str, image: &str, paused: bool) -> String {
    format!(
        r#"{{"Id": "{id}", "Name": "/{id}-name", "Image": "sha256:1", "RestartCount": 2,
        "State": {{"Running": true, "Paused": {paused}, "StartedAt": "2020-01-01T00:00:00.5Z"}},
        "Config": {{"Hostname": "h", "Image": "{image}", "Cmd": ["a", "b"], "Env": ["VERSION=1=2", "EMPTY="],
            "Labels": {{"team": "x"}}}},
        "HostConfig": {{"CpuShares": 512, "NanoCpus": 1500000000}}}}"#
    )
}

async fn answer(mut socket: UnixStream) {
    let mut request = [0; 4096];
    let length = socket.read(&mut request).await.unwrap_or(0);
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let path = path.strip_prefix("/v1.44").unwrap_or("without the version");
    let (status, body) = match path {
        "/containers/json?filters=%7B%22status%22%3A%5B%22running%22%5D%7D" => {
            (200, LIST.to_owned())
        }
        "/containers/c1/json" => (200, inspected("c1", "web:1", false)),
        "/containers/c2/json" => (200, inspected("c2", "redis", false)),
        "/containers/bad/json" => (200, inspected("bad", "x", false)),
        "/containers/paused/json" => (200, inspected("paused", "x", true)),
        "/containers/c1/stats?stream=0" => (200, V2.to_owned()),
        "/containers/c2/stats?stream=0" => (200, V1.to_owned()),
        "/containers/bad/stats?stream=0" => (500, r#"{"message": "it is on fire"}"#.to_owned()),
        _ => (404, r#"{"message": "No such container"}"#.to_owned()),
    };
    let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n", body.len());
    let _ = socket.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes()).await;
}

fn daemon(socket: &Path) {
    let listener = UnixListener::bind(socket).unwrap();
    componenttest::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            componenttest::spawn(answer(socket));
        }
    });
}

/// One line for each point: of which container, its name, attributes and value.
fn lines(data: &Data) -> Vec<String> {
    let mut all = Vec::new();
    let mut text = Vec::new();
    data.to_json(&mut text);
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let text =
        |it: &serde_json::Value| it["value"]["stringValue"].as_str().unwrap_or_default().to_owned();
    for group in json["resourceMetrics"].as_array().unwrap() {
        let attributes = group["resource"]["attributes"].as_array().unwrap();
        let name = attributes.iter().find(|it| it["key"] == "container.name").unwrap();
        let named: Vec<String> = attributes
            .iter()
            .filter(|it| it["key"].as_str().unwrap().starts_with("my."))
            .map(text)
            .collect();
        all.push(format!("{}: {}", text(name), named.join(" ")));
        for metric in group["scopeMetrics"][0]["metrics"].as_array().unwrap() {
            let points = if metric["gauge"].is_null() { &metric["sum"] } else { &metric["gauge"] };
            for point in points["dataPoints"].as_array().unwrap() {
                let own = point["attributes"].as_array().cloned().unwrap_or_default();
                let own: Vec<String> = own.iter().map(text).collect();
                let value =
                    if point["asInt"].is_null() { &point["asDouble"] } else { &point["asInt"] };
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let name = metric["name"].as_str().unwrap().trim_start_matches("container.");
                all.push(format!("{name}{own:?} {value}").replace("[]", ""));
            }
        }
    }
    all
}

#[tokio::test]
async fn running_containers_are_measured_and_one_that_fails_does_not_harm_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    daemon(&socket);
    let section = format!(
        "{{endpoint: 'unix://{}', api_version: '1.44', initial_delay: 0s, collection_interval: 1h,
          env_vars_to_metric_labels: {{VERSION: my.version, EMPTY: my.empty}},
          container_labels_to_metric_labels: {{team: my.team}},
          metrics: {{container.pids.limit: {{enabled: true}}, container.cpu.limit: {{enabled: true}},
            container.cpu.usage.percpu: {{enabled: true}}, container.memory.fails: {{enabled: true}},
            container.restarts: {{enabled: true}}}}}}",
        socket.display()
    );
    let (sink, host) = (Sink::new(), TestHost::new());
    let receiver =
        DockerStats::create(settings("docker_stats"), config(&section), sink.outputs(&["metrics"]));
    let receiver = Arc::new(receiver.unwrap());
    Arc::clone(&receiver).start(&host).await.unwrap();
    while sink.calls() < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    host.shutdown(&*receiver, Duration::from_secs(5)).await;
    let got = lines(&sink.received()[0]);
    let want = [
        "c1-name: 1=2 x",
        "blockio.io_service_bytes_recursive[\"8\", \"0\", \"read\"] 7",
        "cpu.limit 1.5",
        "cpu.usage.kernelmode 100",
        "cpu.usage.total 300000000",
        "cpu.usage.usermode 200",
        "cpu.utilization 20",
        "memory.fails 0",
        "memory.file 6",
        "memory.percent 10",
        "memory.usage.limit 8000",
        "memory.usage.total 800",
        "network.io.usage.rx_bytes[\"eth0\"] 11",
        "network.io.usage.rx_dropped[\"eth0\"] 1",
        "network.io.usage.tx_bytes[\"eth0\"] 12",
        "network.io.usage.tx_dropped[\"eth0\"] 2",
        "pids.limit -1",
        "restarts 2",
        "c2-name: 1=2 x",
        "cpu.limit 1.5",
        "cpu.usage.kernelmode 0",
        "cpu.usage.percpu[\"cpu0\"] 4",
        "cpu.usage.percpu[\"cpu1\"] 5",
        "cpu.usage.total 9",
        "cpu.usage.usermode 0",
        "cpu.utilization 0",
        "memory.fails 2",
        "memory.percent 0",
        "memory.total_cache 3",
        "memory.usage.limit 0",
        "memory.usage.total 900",
        "restarts 2",
    ];
    assert_eq!(got, want);
}
