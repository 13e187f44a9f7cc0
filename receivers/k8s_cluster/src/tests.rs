//! The receiver against an API server that has a few objects, and tells what the test says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use component::{Data, Lead, Receiver as _};
use componenttest::conformance::{self, receiver};
use componenttest::{Answer, Sink, TestHost, config, metric, section, settings};
use kube::{ApiConfig, AuthType, Client, Kubelet};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::{Config, K8sCluster};

/// The tests that need no API server; the others of the kit start what finds it by the environment.
mod conformance_without_a_server {
    use super::*;

    type Subject = receiver<K8sCluster>;
    const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

    #[test]
    fn the_type_is_the_folders_name() {
        conformance::check_type::<Subject>(FOLDER);
    }

    #[test]
    fn the_readme_states_the_defaults() {
        conformance::check_readme::<Subject>(FOLDER);
    }

    #[test]
    fn the_default_section_reads_back_as_itself() {
        conformance::check_defaults::<Subject>("");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        conformance::check_unknown_key::<Subject>("");
    }

    #[test]
    fn it_can_be_created_and_dropped() {
        conformance::check_create::<Subject>("");
    }
}

/// Lists by path, and what watches of a path have told.
#[derive(Default)]
struct World {
    lists: BTreeMap<String, (u16, String)>,
    told: BTreeMap<String, String>,
}

/// An API server.
struct Server {
    world: Arc<Mutex<World>>,
    news: watch::Sender<()>,
    client: Client,
}

impl Server {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = listener.local_addr().unwrap().to_string();
        let (world, news) = (Arc::<Mutex<World>>::default(), watch::Sender::new(()));
        let (its, hears) = (Arc::clone(&world), news.clone());
        componenttest::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                componenttest::spawn(answer(socket, Arc::clone(&its), hears.subscribe()));
            }
        });
        let api = ApiConfig { auth_type: AuthType::None.into(), ..ApiConfig::default() };
        let client = Kubelet { api, endpoint, ..Kubelet::default() }.client("test").await.unwrap();
        Self { world, news, client }
    }

    fn has(&self, path: &str, objects: &[Value]) {
        let list = json!({"metadata": {"resourceVersion": "1"}, "items": objects}).to_string();
        self.world.lock().unwrap().lists.insert(path.into(), (200, list));
    }

    fn forbids(&self, path: &str) {
        let status = json!({"code": 403, "reason": "Forbidden", "message": "it is forbidden"});
        self.world.lock().unwrap().lists.insert(path.into(), (403, status.to_string()));
    }

    fn tells(&self, path: &str, kind: &str, object: &Value) {
        let line = format!("{}\n", json!({"type": kind, "object": object}));
        *self.world.lock().unwrap().told.entry(path.into()).or_default() += &line;
        self.news.send_replace(());
    }

    fn start(&self, section: &str, sink: &Sink, pipelines: &[&str]) -> (Arc<K8sCluster>, TestHost) {
        self.start_with(section, sink, pipelines, None)
    }

    fn start_with(
        &self,
        section: &str,
        sink: &Sink,
        pipelines: &[&str],
        leads: Option<watch::Receiver<Lead>>,
    ) -> (Arc<K8sCluster>, TestHost) {
        let out = sink.outputs(pipelines);
        let receiver = K8sCluster::create(settings("k8s_cluster"), config(section), out).unwrap();
        let (receiver, host) = (Arc::new(receiver), TestHost::new());
        receiver.collect(self.client.clone(), leads, &host);
        (receiver, host)
    }
}

/// Answers one request: a list, or a watch that goes on with what is told.
async fn answer(mut socket: TcpStream, world: Arc<Mutex<World>>, mut news: watch::Receiver<()>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if socket.read(&mut byte).await.unwrap_or(0) == 0 {
            return;
        }
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).unwrap();
    let target = request.split(' ').nth(1).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !query.contains("watch=1") {
        let empty =
            || (200, json!({"metadata": {"resourceVersion": "1"}, "items": []}).to_string());
        let (status, body) = world.lock().unwrap().lists.get(path).cloned().unwrap_or_else(empty);
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        let _ = socket.write_all(text.as_bytes()).await;
        return;
    }
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut sent = 0;
    loop {
        let told = world.lock().unwrap().told.get(path).cloned().unwrap_or_default();
        if told.len() > sent {
            let piece = &told[sent..];
            let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
            if socket.write_all(chunk.as_bytes()).await.is_err() {
                return;
            }
            sent = told.len();
        }
        if news.changed().await.is_err() {
            return;
        }
    }
}

fn pod(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "resourceVersion": "2",
            "labels": {"app": "cart"}, "creationTimestamp": "2026-03-01T10:00:00Z",
            "ownerReferences": [{"kind": "ReplicaSet", "name": "cart-1", "uid": "rs"}]},
        "spec": {"nodeName": "n1", "containers": [{"name": "a", "resources": {"limits": {"cpu": "1500m", "memory": "1Gi"}}}]},
        "status": {"phase": "Running", "containerStatuses": [
            {"name": "a", "image": "r.example/a:1", "containerID": "containerd://c-1", "restartCount": 3, "ready": true,
                "state": {"running": {"startedAt": "2026-03-01T10:00:05Z"}}},
            {"name": "not-made-yet", "image": "b"}]},
    })
}

fn replica_set() -> Value {
    json!({"metadata": {"name": "cart-1", "namespace": "shop", "uid": "rs",
        "ownerReferences": [{"kind": "Deployment", "name": "cart", "uid": "d"}]}})
}

/// Everything that was taken, as JSON.
fn taken(sink: &Sink) -> Vec<Value> {
    let json = |it: Data| {
        let mut text = Vec::new();
        it.to_json(&mut text);
        serde_json::from_slice(&text).unwrap()
    };
    sink.received().into_iter().map(json).collect()
}

/// Names of metrics with their first value.
fn values(data: &Value) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for resource in data["resourceMetrics"].as_array().unwrap() {
        for metric in resource["scopeMetrics"][0]["metrics"].as_array().unwrap() {
            let point = &metric["gauge"]["dataPoints"][0];
            let value = point.get("asInt").or(point.get("asDouble")).unwrap().to_string();
            all.insert(metric["name"].as_str().unwrap().to_owned(), value.replace('"', ""));
        }
    }
    all
}

/// Attributes of an entity event, with maps as text.
fn events(sink: &Sink) -> Vec<BTreeMap<String, String>> {
    let mut all = Vec::new();
    for data in taken(sink) {
        let scope = &data["resourceLogs"][0]["scopeLogs"][0];
        assert_eq!(scope["scope"]["attributes"][0]["key"], "otel.entity.event_as_log");
        for record in scope["logRecords"].as_array().unwrap() {
            let mut attributes = BTreeMap::new();
            for it in record["attributes"].as_array().unwrap() {
                let value = it["value"].as_object().unwrap().values().next().unwrap();
                let value = match value.get("values") {
                    Some(map) => {
                        let entry = |it: &Value| {
                            let text = it["value"]["stringValue"].as_str().unwrap_or_default();
                            format!("{}={text}", it["key"].as_str().unwrap())
                        };
                        map.as_array().unwrap().iter().map(entry).collect::<Vec<_>>().join(" ")
                    }
                    None => value.as_str().unwrap().to_owned(),
                };
                attributes.insert(it["key"].as_str().unwrap().to_owned(), value);
            }
            all.push(attributes);
        }
    }
    all
}

fn event<'a>(
    all: &'a [BTreeMap<String, String>],
    kind: &str,
    event: &str,
) -> Option<&'a BTreeMap<String, String>> {
    all.iter()
        .rev()
        .find(|it| it["otel.entity.type"] == kind && it["otel.entity.event.type"] == event)
}

const PODS: &str = "/api/v1/pods";

#[tokio::test]
async fn a_round_has_the_metrics_of_every_object_and_goes_on_with_what_changes() {
    let server = Server::new().await;
    server.has(PODS, &[pod("cart-1-x")]);
    server.has(
        "/apis/autoscaling/v2/horizontalpodautoscalers",
        &[json!({"metadata": {"name": "h", "uid": "h"}, "spec": {"maxReplicas": 7}})],
    );
    let sink = Sink::new();
    let (_receiver, host) = server.start("collection_interval: 50ms", &sink, &["metrics"]);
    sink.wait_for_calls(1).await;
    let found = values(&taken(&sink)[0]);
    for (name, want) in [
        ("k8s.pod.phase", "2"),
        ("k8s.container.cpu_limit", "1.5"),
        ("k8s.container.memory_limit", "1073741824"),
        ("k8s.container.restarts", "3"),
        ("k8s.hpa.max_replicas", "7"),
        ("k8s.hpa.min_replicas", "1"),
    ] {
        assert_eq!(found.get(name).map(String::as_str), Some(want), "{name}: {found:?}");
    }
    let mut changed = pod("cart-1-x");
    changed["status"]["phase"] = "Failed".into();
    server.tells(PODS, "MODIFIED", &changed);
    let failed = |it: &Sink| values(taken(it).last().unwrap())["k8s.pod.phase"] == "4";
    sink.wait_for("a failed pod", failed).await;
    server.tells(PODS, "DELETED", &changed);
    let gone = |it: &Sink| !values(taken(it).last().unwrap()).contains_key("k8s.pod.phase");
    sink.wait_for("a round without pods", gone).await;
    host.stop().await;
}

#[tokio::test]
async fn entities_are_told_when_they_come_change_and_go() {
    let server = Server::new().await;
    server.has(PODS, &[pod("cart-1-x")]);
    server.has("/apis/apps/v1/replicasets", &[replica_set()]);
    let sink = Sink::new();
    let (_receiver, host) = server.start("", &sink, &["logs"]);
    sink.wait_for("the pod", |it| event(&events(it), "k8s.pod", "entity_state").is_some()).await;
    let all = events(&sink);
    let found = event(&all, "k8s.pod", "entity_state").unwrap();
    assert_eq!(found["otel.entity.id"], "k8s.pod.uid=uid-cart-1-x");
    assert_eq!(found["otel.entity.interval"], "300000");
    let attributes = &found["otel.entity.attributes"];
    for want in [
        "app=cart",
        "k8s.deployment.name=cart",
        "k8s.replicaset.uid=rs",
        "k8s.workload.kind=Deployment",
    ] {
        assert!(attributes.contains(want), "{attributes}");
    }
    let container = event(&all, "container", "entity_state").unwrap();
    assert_eq!(container["otel.entity.id"], "container.id=c-1");
    assert!(container["otel.entity.attributes"].contains("container.image.tag=1"));
    // Another run of the container has another id.
    let mut changed = pod("cart-1-x");
    changed["status"]["containerStatuses"][0]["containerID"] = "containerd://c-2".into();
    server.tells(PODS, "MODIFIED", &changed);
    sink.wait_for("the end of c-1", |it| {
        event(&events(it), "container", "entity_delete").is_some()
    })
    .await;
    let all = events(&sink);
    assert_eq!(
        event(&all, "container", "entity_delete").unwrap()["otel.entity.id"],
        "container.id=c-1"
    );
    assert_eq!(
        event(&all, "container", "entity_state").unwrap()["otel.entity.id"],
        "container.id=c-2"
    );
    server.tells(PODS, "DELETED", &changed);
    sink.wait_for("the end of the pod", |it| {
        event(&events(it), "k8s.pod", "entity_delete").is_some()
    })
    .await;
    assert!(
        !event(&events(&sink), "k8s.pod", "entity_delete")
            .unwrap()
            .contains_key("otel.entity.attributes")
    );
    host.stop().await;
}

#[tokio::test]
async fn of_several_owners_the_first_replica_set_says_what_the_workload_is() {
    let owner = |kind: &str, name: &str| json!({"kind": kind, "name": name, "uid": name});
    let above = |name: &str, owner: Option<Value>| json!({"metadata": {"name": name, "namespace": "shop", "uid": name, "ownerReferences": owner.as_slice()}});
    let server = Server::new().await;
    server.has(
        "/apis/apps/v1/replicasets",
        &[above("rs", Some(owner("Deployment", "cart"))), above("bare", None)],
    );
    server.has("/apis/batch/v1/jobs", &[above("job", Some(owner("CronJob", "cron")))]);
    let owners = [
        ("two", vec![owner("ReplicaSet", "rs"), owner("ReplicaSet", "bare")], "Deployment cart"),
        ("late", vec![owner("ReplicaSet", "bare"), owner("Job", "job")], "ReplicaSet bare"),
        ("job", vec![owner("Job", "job"), owner("StatefulSet", "db")], "CronJob cron"),
        ("none", vec![owner("StatefulSet", "db"), owner("ReplicaSet", "gone")], "StatefulSet db"),
    ];
    let pods: Vec<Value> = (owners.iter())
        .map(|(name, owners, _)| {
            let mut pod = pod(name);
            pod["metadata"]["ownerReferences"] = owners.clone().into();
            pod
        })
        .collect();
    server.has(PODS, &pods);
    let sink = Sink::new();
    let (_receiver, host) = server.start("", &sink, &["logs"]);
    let told = |name: &str| {
        let id = format!("k8s.pod.uid=uid-{name}");
        let all = events(&sink).into_iter();
        all.filter(move |it| it["otel.entity.id"] == id)
            .map(|it| it["otel.entity.attributes"].clone())
    };
    sink.wait_for("the pods", |_| owners.iter().all(|it| told(it.0).next().is_some())).await;
    for (name, _, want) in owners {
        let attributes = told(name).next_back().unwrap();
        let (kind, workload) = want.split_once(' ').unwrap();
        let want = format!("k8s.workload.kind={kind} k8s.workload.name={workload}");
        assert!(attributes.contains(&want), "{name}: {attributes}");
    }
    host.stop().await;
}

#[tokio::test]
async fn an_entity_of_a_node_has_only_the_conditions_that_kubernetes_itself_knows() {
    let server = Server::new().await;
    let conditions = json!([{"type": "Ready", "status": "Unknown"}, {"type": "PIDPressure", "status": "False"}, {"type": "KernelDeadlock", "status": "True"}]);
    server.has(
        "/api/v1/nodes",
        &[json!({"metadata": {"name": "n1", "uid": "n1"}, "status": {"conditions": conditions}})],
    );
    let sink = Sink::new();
    let (_receiver, host) = server.start("", &sink, &["logs"]);
    sink.wait_for("the node", |it| event(&events(it), "k8s.node", "entity_state").is_some()).await;
    let all = events(&sink);
    let attributes = &event(&all, "k8s.node", "entity_state").unwrap()["otel.entity.attributes"];
    assert!(attributes.contains("k8s.node.condition_ready=unknown"), "{attributes}");
    assert!(attributes.contains("k8s.node.condition_pid_pressure=false"), "{attributes}");
    assert!(!attributes.contains("kernel_deadlock"), "{attributes}");
    host.stop().await;
}

#[tokio::test]
async fn everything_is_told_again_at_the_interval() {
    let server = Server::new().await;
    server.has(
        "/api/v1/namespaces",
        &[json!({"metadata": {"name": "shop", "uid": "n"}, "status": {"phase": "Active"}})],
    );
    let sink = Sink::new();
    let (_receiver, host) = server.start("metadata_collection_interval: 20ms", &sink, &["logs"]);
    sink.wait_for_items(3).await;
    let all = events(&sink);
    assert!(
        all.iter().all(|it| it["otel.entity.attributes"].contains("k8s.namespace.phase=active")),
        "{all:?}"
    );
    host.stop().await;
}

#[tokio::test]
async fn only_who_leads_tells_and_tells_everything_that_is_when_it_leads_again() {
    let server = Server::new().await;
    let namespace = |name: &str| json!({"metadata": {"name": name, "uid": name}, "status": {"phase": "Active"}});
    server.has("/api/v1/namespaces", &[namespace("shop"), namespace("old")]);
    let (lead, leads) = watch::channel(Lead::No);
    let sink = Sink::new();
    let section = "metadata_collection_interval: 0s";
    let (receiver, host) = server.start_with(section, &sink, &["logs"], Some(leads));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(sink.calls(), 0);
    lead.send_replace(Lead::Anew);
    sink.wait_for_items(2).await;
    lead.send_replace(Lead::No);
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.tells("/api/v1/namespaces", "DELETED", &namespace("old"));
    server.tells("/api/v1/namespaces", "ADDED", &namespace("new"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(sink.items(), 2);
    lead.send_replace(Lead::Anew);
    sink.wait_for("both that are", |it| it.items() >= 4).await;
    let all = events(&sink);
    let told: Vec<&str> = all[2..].iter().map(|it| it["otel.entity.id"].as_str()).collect();
    assert!(told.contains(&"k8s.namespace.uid=shop"), "{told:?}");
    assert!(told.contains(&"k8s.namespace.uid=new"), "{told:?}");
    assert!(event(&all, "k8s.namespace", "entity_delete").is_none(), "{all:?}");
    drop(receiver);
    host.stop().await;
}

#[tokio::test]
async fn what_the_pipelines_refuse_for_now_is_tried_again() {
    let server = Server::new().await;
    server.has("/api/v1/namespaces", &[json!({"metadata": {"name": "shop", "uid": "n"}})]);
    let sink = Sink::new();
    sink.script([Answer::retryable("full")]);
    let (_receiver, host) = server.start("metadata_collection_interval: 0s", &sink, &["logs"]);
    sink.wait_for_items(1).await;
    assert_eq!(sink.calls(), 2);
    host.stop().await;
}

#[tokio::test]
async fn a_kind_that_is_forbidden_leaves_the_others_alone() {
    let server = Server::new().await;
    server.has(PODS, &[pod("cart-1-x")]);
    server.forbids("/api/v1/nodes");
    let sink = Sink::new();
    let (_receiver, host) = server.start("collection_interval: 20ms", &sink, &["metrics"]);
    sink.wait_for_calls(1).await;
    let found = values(&taken(&sink)[0]);
    assert!(found.contains_key("k8s.pod.phase") && !found.contains_key("k8s.node.condition_ready"));
    host.stop().await;
}

#[tokio::test]
async fn namespaces_are_watched_one_by_one_and_what_belongs_to_none_is_not() {
    let server = Server::new().await;
    server.has("/api/v1/namespaces/a/pods", &[pod("one")]);
    server.has("/api/v1/namespaces/b/pods", &[pod("two")]);
    server.has("/api/v1/nodes", &[json!({"metadata": {"name": "n1", "uid": "n"}})]);
    let sink = Sink::new();
    let section = "{collection_interval: 20ms, namespace: a, namespaces: [b]}";
    let (_receiver, host) = server.start(section, &sink, &["metrics"]);
    sink.wait_for_calls(1).await;
    let text = taken(&sink)[0].to_string();
    assert!(text.contains("uid-one") && text.contains("uid-two"), "{text}");
    assert!(!text.contains("condition_ready"), "{text}");
    host.stop().await;
}

#[tokio::test]
async fn a_thousand_pods_are_sent_in_one_round() {
    let server = Server::new().await;
    let pods: Vec<Value> = (0..1000).map(|at| pod(&format!("p-{at}"))).collect();
    server.has(PODS, &pods);
    let sink = Sink::new();
    let (receiver, host) = server.start("collection_interval: 100ms", &sink, &["metrics"]);
    sink.wait_within(Duration::from_secs(60), "a round", |it| it.items() > 0).await;
    // Phase, two limits, restarts, ready.
    assert_eq!(sink.sizes()[0], 5000);
    let refused = metric(
        &receiver.settings.meter,
        "sluice_k8s_cluster_objects_refused_total",
        &[("receiver", "k8s_cluster")],
    );
    assert!(refused.is_none_or(|it| it == 0.0));
    host.stop().await;
}

/// Everything that is wrong with a section, whenever it is noticed.
fn wrong(text: &str) -> String {
    let faults = match component::config::check::<Config>(&section(text)) {
        Ok((_, found)) => found.faults().to_vec(),
        Err(faults) => faults,
    };
    faults.iter().map(|it| it.text.clone() + &it.read_text()).collect::<Vec<_>>().join("\n")
}

#[test]
fn mistakes_are_told_in_the_collectors_words() {
    let check = |section: &str, want: &str| {
        let found = wrong(section);
        assert!(found.contains(want), "{section}: {found}");
    };
    check(
        "distribution: rancher",
        "\"rancher\" is not a supported distribution. Must be one of: \"openshift\", \"kubernetes\"",
    );
    check("auth_type: password", "invalid authType for kubernetes: password");
    check("collection_interval: 0s", "collection_interval must be positive");
    check(
        "metadata_exporters: [signalfx]",
        "signalfx exporter does not implement MetadataExporter",
    );
    check("metrics: {k8s.pod.fase: {enabled: false}}", "k8s.pod.fase");
}

/// The kinds that a section watches for metrics, as the API server calls them.
fn watched(section: &str) -> Vec<String> {
    let config: Config = config(section);
    config.kinds_of_metrics().iter().map(|it| it.resource().to_string()).collect()
}

#[test]
fn only_what_the_section_asks_for_is_watched() {
    let all = watched("");
    assert!(all.contains(&"pods".into()) && !all.contains(&"services".into()), "{all:?}");
    assert!(!all.contains(&"clusterresourcequotas.quota.openshift.io".into()), "{all:?}");
    assert!(
        watched("distribution: openshift")
            .contains(&"clusterresourcequotas.quota.openshift.io".into())
    );
    let off = "metrics: {k8s.namespace.phase: {enabled: false}, k8s.service.endpoint.count: {enabled: true}}";
    let all = watched(off);
    assert!(!all.contains(&"namespaces".into()), "{all:?}");
    assert!(
        all.contains(&"endpointslices.discovery.k8s.io".into()) && all.contains(&"services".into()),
        "{all:?}"
    );
    assert!(!watched("node_conditions_to_report: []").contains(&"nodes".into()));
    assert!(!watched("namespaces: [a]").contains(&"nodes".into()));
}
