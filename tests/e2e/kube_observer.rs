//! Receivers for the pods of a real API server, as these come and go.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::kube_objects::Cluster;
use crate::support::{Process, SLUICE, eventually, own_address};

const PODS: &str = "/api/v1/namespaces/default/pods";

/// A pod that runs at `address`.
fn run(cluster: &Cluster, name: &str, address: &str, port: u16) -> Json {
    let body = json!({
        "metadata": {"name": name, "annotations": {"prometheus.io/scrape": "true"}, "labels": {"app": "web"}},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "shop/web:1", "ports": [{"name": "http", "containerPort": port}]}]},
    });
    let pod = cluster.ask("POST", PODS, &body);
    let status = json!({"status": {
        "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
        "containerStatuses": [{"name": "app", "image": "shop/web:1", "imageID": "", "ready": true, "restartCount": 0,
            "containerID": "containerd://c1", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}],
    }});
    cluster.ask("PATCH", &format!("{PODS}/{name}/status"), &status);
    pod
}

/// Serves one metric to everybody.
fn metrics(address: &str) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { return };
            let _ = socket.read(&mut [0; 4096]);
            let body = "# TYPE orders gauge\norders 7\n";
            let _ = write!(
                socket,
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    port
}

fn config(folder: &Path, address: &str) -> String {
    let folder = folder.display();
    format!(
        r#"extensions:
  k8s_observer: {{auth_type: kubeConfig, node: n1}}
receivers:
  receiver_creator:
    watch_observers: [k8s_observer]
    receivers:
      file_log:
        rule: type == "pod.container" && pod.labels["app"] == "web"
        config: {{include: ["{folder}/logs/`pod.name`/`container_name`.log"], start_at: beginning, storage: none}}
      prometheus:
        rule: type == "port" && pod.annotations["prometheus.io/scrape"] == "true"
        config: {{config: {{scrape_configs: [{{job_name: pods, scrape_interval: 500ms, static_configs: [{{targets: ["`endpoint`"]}}]}}]}}}}
        resource_attributes: {{shop.port: '`port`'}}
exporters: {{file: {{path: '{folder}/out.json', append: true, flush_interval: 100ms}}}}
service:
  extensions: [k8s_observer]
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: '{address}', port: 8888}}}}}}}}]}}}}
  pipelines:
    logs: {{receivers: [receiver_creator], exporters: [file]}}
    metrics: {{receivers: [receiver_creator], exporters: [file]}}
"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receivers_are_started_for_pods_and_end_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::start(folder.path()) else { return };
    let address = own_address(65);
    let port = metrics(&address);
    let logs = folder.path().join("logs/first");
    std::fs::create_dir_all(&logs).unwrap();
    std::fs::write(logs.join("app.log"), "one\n").unwrap();
    let pod = run(&cluster, "first", &address, port);

    let path = folder.path().join("sluice.yaml");
    std::fs::write(&path, config(folder.path(), &address)).unwrap();
    let kubeconfig = cluster.kubeconfig();
    let environment = [("KUBECONFIG", kubeconfig.as_str())];
    let arguments = ["--config", path.to_str().unwrap()];
    let mut sluice =
        Process::start_with(Path::new(SLUICE), folder.path(), &arguments, &environment);
    sluice.says("Everything is ready.").await;
    let text = || std::fs::read_to_string(folder.path().join("out.json")).unwrap_or_default();
    let lines = |what: &str| -> Vec<String> {
        text().lines().filter(|it| it.contains(what)).map(str::to_owned).collect()
    };
    let has = async |what: &str| {
        assert!(eventually(|| !lines(what).is_empty()).await, "{what}: {}", sluice.output());
        lines(what).remove(0)
    };
    let record = has(r#""stringValue":"one""#).await;
    let metric = has(r#""name":"orders""#).await;
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    for line in [&record, &metric] {
        for (key, value) in
            [("k8s.pod.name", "first"), ("k8s.namespace.name", "default"), ("k8s.pod.uid", uid)]
        {
            let pair = format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
            assert!(line.contains(&pair), "{pair}: {line}");
        }
    }
    assert!(record.contains(r#"{"key":"container.id","value":{"stringValue":"c1"}}"#), "{record}");
    let number = format!(r#"{{"key":"shop.port","value":{{"stringValue":"{port}"}}}}"#);
    assert!(metric.contains(&number), "{metric}");

    // A pod of another node is somebody else's, and one that comes later is read as well.
    let second = folder.path().join("logs/second");
    std::fs::create_dir_all(&second).unwrap();
    std::fs::write(second.join("app.log"), "two\n").unwrap();
    run(&cluster, "second", &address, port);
    has(r#""stringValue":"two""#).await;

    cluster.ask("DELETE", &format!("{PODS}/first"), &json!({"gracePeriodSeconds": 0}));
    sluice.says("stopping receiver").await;
    let running = || {
        let page = crate::support::get(&address, 8888, "/metrics").unwrap_or_default();
        let line = page.lines().find(|it| it.starts_with("sluice_receiver_creator_receivers"));
        line.and_then(|it| it.rsplit(' ').next()).map(str::to_owned)
    };
    assert!(eventually(|| running().as_deref() == Some("2")).await, "{:?}", running());
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
}
