//! The program in a cluster that is made up: an API server of this file that knows two pods. `golden-kube/` has the real one.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::{Value as Json, json};

use super::start::sluice;
use crate::support::{PATIENCE, Process, SLUICE, eventually, get, own_address};

/// Answers LIST with two pods, and leaves watches open; counts the lists and watches of pods.
struct Server {
    address: String,
    lists: Arc<AtomicUsize>,
    watches: Arc<AtomicUsize>,
}

impl Server {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (lists, watches) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let counts = (Arc::clone(&lists), Arc::clone(&watches));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let counts = counts.clone();
                std::thread::spawn(move || answer(stream.unwrap(), &counts));
            }
        });
        Self { address, lists, watches }
    }

    /// The environment of a program that finds it.
    fn kubeconfig(&self, folder: &Path) -> String {
        let path = folder.join("kubeconfig");
        let text = format!(
            "current-context: here
clusters: [{{name: here, cluster: {{server: 'http://{}'}}}}]
users: [{{name: me, user: {{token: secret}}}}]
contexts: [{{name: here, context: {{cluster: here, user: me}}}}]
",
            self.address
        );
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn answer(mut stream: TcpStream, (lists, watches): &(Arc<AtomicUsize>, Arc<AtomicUsize>)) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(|it| it.unwrap());
    let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    let head: Vec<String> = lines.take_while(|it| !it.is_empty()).collect();
    let allowed = head.iter().any(|it| it.eq_ignore_ascii_case("authorization: Bearer secret"));
    let pod = |name: &str, uid: &str, address: &str| {
        json!({
            "metadata": {
                "name": name, "namespace": "shop", "uid": uid, "labels": {"tier": "front"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "cart-1", "uid": "rs-1", "controller": true}],
            },
            "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "shop/cart:1.4"}]},
            "status": {"podIP": address, "startTime": "2026-03-01T10:00:00Z"},
        })
    };
    if path.contains("watch=1") {
        watches.fetch_add(1, Relaxed);
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        // It stays open until the client goes.
        let _ = stream.read(&mut [0]);
        return;
    }
    let (status, body) = match (allowed, path.starts_with("/api/v1/pods?"), &*path) {
        (false, ..) => (401, json!({"message": "Unauthorized", "code": 401})),
        (_, _, "/version") => (200, json!({"major": "1", "minor": "28"})),
        (_, true, _) => {
            if !path.contains("fieldSelector=spec.nodeName%3Dn1") {
                lists.fetch_add(1, Relaxed);
            }
            let items = [pod("cart", "u-1", "10.1.1.1"), pod("near", "u-2", "127.0.0.1")];
            (200, json!({"metadata": {"resourceVersion": "5"}, "items": items}))
        }
        (.., "/apis/apps/v1/namespaces/shop/replicasets/cart-1") => {
            let owner =
                json!({"kind": "Deployment", "name": "the-cart", "uid": "d-1", "controller": true});
            (
                200,
                json!({"metadata": {"name": "cart-1", "uid": "rs-1", "ownerReferences": [owner]}}),
            )
        }
        _ => (404, json!({"message": "not here", "code": 404})),
    };
    let body = body.to_string();
    let text = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let _ = stream.write_all(text.as_bytes());
}

/// Sends one record of a resource with these attributes.
fn send(address: &str, path: &str, resource: &Json) {
    let body = match path {
        "logs" => {
            json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [{}]}]}]})
        }
        _ => {
            json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [{"name": "s"}]}]}]})
        }
    };
    let body = body.to_string();
    let mut stream = TcpStream::connect((address, 4318)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "POST /v1/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn yaml(address: &str, folder: &Path) -> String {
    format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: '{address}:4318'}}}}}}}}
processors:
  k8sattributes:
    auth_type: kubeConfig
    wait_for_metadata: true
    extract: {{metadata: [k8s.pod.name, container.image.tag], labels: [{{key: tier, tag_name: tier}}]}}
  k8s_attributes/second:
    auth_type: kubeConfig
    wait_for_metadata: true
    extract: {{metadata: [k8s.node.name]}}
  k8s_attributes/node:
    auth_type: kubeConfig
    wait_for_metadata: true
    filter: {{node: n1}}
    extract: {{metadata: [k8s.deployment.name]}}
exporters: {{file: {{path: '{}'}}}}
service:
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: '{address}', port: 8888}}}}}}}}]}}}}
  pipelines:
    logs: {{receivers: [otlp], processors: [k8sattributes, k8s_attributes/second, k8s_attributes/node], exporters: [file]}}
    traces: {{receivers: [otlp], processors: [k8sattributes], exporters: [file]}}
",
        folder.join("out.json").display()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processors_share_a_watch_and_add_what_they_extract() {
    let (folder, server, address) = (tempfile::tempdir().unwrap(), Server::new(), own_address(230));
    let config = folder.path().join("config.yaml");
    std::fs::write(&config, yaml(&address, folder.path())).unwrap();
    let kubeconfig = server.kubeconfig(folder.path());
    let arguments = ["--config", config.to_str().unwrap()];
    let environment = [("KUBECONFIG", &*kubeconfig)];
    let mut it = Process::start_with(Path::new(SLUICE), folder.path(), &arguments, &environment);
    it.ready().await;
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    send(&address, "logs", &json!({"attributes": [text("k8s.pod.ip", "10.1.1.1")]}));
    // Of the sender itself.
    send(&address, "traces", &json!({}));
    send(&address, "logs", &json!({"attributes": [text("k8s.pod.ip", "10.9.9.9")]}));
    let out = folder.path().join("out.json");
    let written = || std::fs::read_to_string(&out).unwrap_or_default();
    assert!(eventually(|| written().lines().count() == 3).await, "{}", it.output());
    let resources: Vec<Vec<String>> = written()
        .lines()
        .map(|line| {
            let request: Json = serde_json::from_str(line).unwrap();
            let group = request.get("resourceLogs").or(request.get("resourceSpans")).unwrap();
            let attributes = group[0]["resource"]["attributes"].as_array().cloned();
            let mut pairs: Vec<String> = attributes
                .unwrap_or_default()
                .iter()
                .map(|it| {
                    format!(
                        "{}={}",
                        it["key"].as_str().unwrap(),
                        it["value"]["stringValue"].as_str().unwrap()
                    )
                })
                .collect();
            pairs.sort();
            pairs
        })
        .collect();
    assert_eq!(
        resources,
        [
            vec![
                "container.image.tag=1.4",
                "k8s.deployment.name=the-cart",
                "k8s.node.name=n1",
                "k8s.pod.ip=10.1.1.1",
                "k8s.pod.name=cart",
                "tier=front"
            ],
            vec!["container.image.tag=1.4", "k8s.pod.name=near", "tier=front"],
            vec!["k8s.pod.ip=10.9.9.9"],
        ]
    );
    let watching = eventually(|| server.watches.load(Relaxed) > 0);
    assert!(watching.await, "{}", it.output());
    // The second processor came later and was told everything by a list of its own; the watch is one. The third has another
    // filter, and asks for the replica set of its pods.
    assert!(server.lists.load(Relaxed) <= 2, "{}", server.lists.load(Relaxed));
    let metrics = get(&address, 8888, "/metrics").unwrap();
    for (status, signal, count) in
        [("success", "logs", 3), ("success", "traces", 1), ("error", "logs", 3)]
    {
        let line = metrics.lines().find(|it| {
            it.starts_with("otelcol_k8s_pod_association")
                && [status, &format!("\"{signal}\""), "pod_identifier=\"connection\""]
                    .iter()
                    .all(|word| it.contains(word))
        });
        assert!(line.is_some_and(|it| it.ends_with(&format!(" {count}"))), "{line:?}\n{metrics}");
    }
    assert!(it.terminate().await.success(), "{}", it.output());
}

#[test]
fn print_rbac_prints_the_rights_of_the_processors_in_pipelines() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    let text = yaml("127.0.0.1", folder.path())
        .replace("[k8s.node.name]", "[k8s.node.uid, k8s.deployment.name]")
        .replace(
            "exporters: {file",
            "  k8s_attributes/unused: {extract: {metadata: [k8s.cronjob.uid]}}\nexporters: {file",
        );
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let (code, out, err) =
        sluice(&["print-rbac", "--config", config, "--name", "agent", "-n", "obs"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let rules: Vec<&str> = out.lines().filter(|it| it.starts_with("  - {")).collect();
    let all = "verbs: [get, list, watch]}";
    assert_eq!(
        rules,
        [
            format!("  - {{apiGroups: [\"\"], resources: [\"nodes\"], {all}"),
            format!("  - {{apiGroups: [\"\"], resources: [\"pods\"], {all}"),
            format!("  - {{apiGroups: [\"apps\"], resources: [\"replicasets\"], {all}"),
        ]
    );
    assert!(out.contains("kind: ClusterRole\nmetadata:\n  name: agent\n"), "{out}");
    assert!(
        out.contains("  - kind: ServiceAccount\n    name: agent\n    namespace: obs\n"),
        "{out}"
    );
    let (code, out, _) = sluice(&[
        "print-rbac",
        "--config",
        "yaml:{receivers: {nop: }, exporters: {nop: }, service: {pipelines: {logs: {receivers: [nop], exporters: [nop]}}}}",
    ]);
    assert!(code == 0 && out.contains("rules: []"), "{out}");
}
