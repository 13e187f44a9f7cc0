//! Targets of the receiver `prometheus` that a real API server names.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::kube_objects::Cluster;
use crate::support::{Process, SLUICE, eventually, own_address};

/// A page at `host`, as long as the test runs. Returned is its port.
fn page(host: &str) -> u16 {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let body = "# TYPE it_works gauge\nit_works 1\n";
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", body.len());
            let _ = write!(stream, "{head}Content-Type: text/plain; version=0.0.4\r\n\r\n{body}");
        }
    });
    port
}

fn yaml(cluster: &Cluster, target: &str, out: &Path) -> String {
    let (kubeconfig, out) = (cluster.kubeconfig(), out.display());
    format!(
        "receivers:
  prometheus:
    config:
      global: {{scrape_interval: 1s, scrape_timeout: 1s}}
      scrape_configs:
        - job_name: pods
          kubernetes_sd_configs:
            - {{role: pod, kubeconfig_file: '{kubeconfig}', namespaces: {{names: [default]}}, attach_metadata: {{node: true}}}}
          relabel_configs:
            - {{source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], action: keep, regex: 'true'}}
            - {{source_labels: [__meta_kubernetes_node_label_zone], target_label: zone}}
        - job_name: slices
          kubernetes_sd_configs: [{{role: endpointslice, kubeconfig_file: '{kubeconfig}'}}]
          relabel_configs:
            - {{source_labels: [__meta_kubernetes_service_label_team], action: keep, regex: a}}
            - {{source_labels: [__address__], target_label: address}}
            - {{target_label: __address__, replacement: '{target}'}}
exporters: {{file: {{path: '{out}', append: true}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{metrics: {{receivers: [prometheus], exporters: [file]}}}}
"
    )
}

/// Attributes as `key=value`.
fn shown(attributes: &Json) -> Vec<String> {
    let all = attributes.as_array().cloned().unwrap_or_default();
    let one = |it: &Json| {
        let text = |it: &Json| it.as_str().unwrap_or_default().to_owned();
        format!("{}={}", text(&it["key"]), text(&it["value"]["stringValue"]))
    };
    all.iter().map(one).collect()
}

/// What the points of `it_works` have of resources and labels, the newest last, and whether their series have ended.
fn told(out: &Path) -> Vec<(Vec<String>, bool)> {
    let mut all = Vec::new();
    for line in std::fs::read_to_string(out).unwrap_or_default().lines() {
        let Ok(request) = serde_json::from_str::<Json>(line) else { continue };
        for group in request["resourceMetrics"].as_array().unwrap() {
            let metrics = group["scopeMetrics"][0]["metrics"].as_array().unwrap();
            for metric in metrics.iter().filter(|it| it["name"] == "it_works") {
                let point = &metric["gauge"]["dataPoints"][0];
                let mut labels = shown(&group["resource"]["attributes"]);
                labels.extend(shown(&point["attributes"]));
                all.push((labels, point["flags"] == 1));
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_and_slices_of_a_cluster_are_scraped_while_they_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut cluster) = Cluster::start(folder.path()) else { return };
    let host = own_address(91);
    let port = page(&host);
    let node = json!({"metadata": {"name": "n1", "labels": {"zone": "z1"}}});
    cluster.ask("POST", "/api/v1/nodes", &node);
    let namespace = "/api/v1/namespaces/default";
    let pod = json!({
        "metadata": {"name": "web", "annotations": {"prometheus.io/scrape": "true"}},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "i", "ports": [{"containerPort": port}]}]},
    });
    cluster.ask("POST", &format!("{namespace}/pods"), &pod);

    let out = folder.path().join("out.json");
    let yaml = yaml(&cluster, &format!("{host}:{port}"), &out);
    let mut process = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    process.ready().await;
    // A pod becomes a target when it has an address.
    let status = json!({"status": {"phase": "Running", "podIP": host, "podIPs": [{"ip": host}]}});
    cluster.ask("PATCH", &format!("{namespace}/pods/web/status"), &status);
    let has = |labels: &[String], wanted: &[&str]| {
        wanted.iter().all(|it| labels.iter().any(|label| label == it))
    };
    let wanted = ["service.name=pods", "k8s.pod.name=web", "k8s.node.name=n1", "zone=z1"];
    assert!(
        eventually(|| told(&out).iter().any(|it| has(&it.0, &wanted))).await,
        "{}",
        process.output()
    );

    // A service with the address of nobody: what is scraped instead stands in the rules.
    let service = json!({"metadata": {"name": "s", "labels": {"team": "a"}}, "spec": {"ports": [{"port": 80}]}});
    cluster.ask("POST", &format!("{namespace}/services"), &service);
    let slice = json!({
        "addressType": "IPv4", "metadata": {"name": "s-1", "labels": {"kubernetes.io/service-name": "s"}},
        "endpoints": [{"addresses": ["10.9.8.7"]}], "ports": [{"name": "http", "port": 80}],
    });
    cluster.ask("POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", &slice);
    let wanted = ["service.name=slices", "address=10.9.8.7:80"];
    assert!(
        eventually(|| told(&out).iter().any(|it| has(&it.0, &wanted))).await,
        "{}",
        process.output()
    );

    // The server goes away and comes back: nothing ends meanwhile. Then the pod goes.
    cluster.restart_server();
    assert!(!told(&out).iter().any(|it| it.1), "{}", process.output());
    let now = json!({"gracePeriodSeconds": 0});
    cluster.ask("DELETE", &format!("{namespace}/pods/web"), &now);
    let ended = |it: &(Vec<String>, bool)| it.1 && has(&it.0, &["service.name=pods"]);
    assert!(eventually(|| told(&out).iter().any(ended)).await, "{}", process.output());
    assert!(process.terminate().await.success(), "{}", process.output());
}
