use std::marker::PhantomData;
use std::sync::Arc;

use component::config::Value;
use component::{Endpoints, Meter};
use componenttest::{config, problems};
use kube::{Event, Sink};
use serde_json::json;

use crate::objects::{Found, Ingress, Node, Pod, Service};
use crate::table::{ENDPOINTS_MAX, Table, Watched};
use crate::{Config, K8sObserver};

/// There is no API server in these tests, so it is not started; `tests/e2e/kube_observer.rs` does that.
#[test]
fn it_keeps_the_rules_of_components() {
    type Subject = componenttest::conformance::extension<K8sObserver>;
    const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
    componenttest::conformance::check_type::<Subject>(FOLDER);
    componenttest::conformance::check_readme::<Subject>(FOLDER);
    componenttest::conformance::check_defaults::<Subject>("");
    componenttest::conformance::check_unknown_key::<Subject>("");
    componenttest::conformance::check_create::<Subject>("");
}

fn read<T: serde::de::DeserializeOwned>(object: serde_json::Value) -> T {
    serde_json::from_value(object).unwrap()
}

fn pod(uid: &str, phase: &str, state: serde_json::Value) -> Pod {
    read(json!({
        "metadata": {"uid": uid, "name": "web-0", "namespace": "shop", "labels": {"app": "web"}, "annotations": null},
        "spec": {
            "containers": [{"name": "app", "image": "shop/web:1", "ports": [{"name": "http", "containerPort": 80}]}],
            "initContainers": [{"name": "init", "image": "shop/init"}],
        },
        "status": {
            "phase": phase, "podIP": "10.0.0.1",
            "containerStatuses": [{"name": "app", "containerID": "containerd://c1", "state": state}],
            "initContainerStatuses": [{"name": "init", "containerID": "containerd://c0", "state": {"running": {}}}],
        },
    }))
}

/// The ids and targets of an object's endpoints.
fn shown(object: &impl Found, section: &str) -> Vec<String> {
    let all = object.endpoints("k8s_observer", &config::<Config>(section));
    all.iter().map(|it| format!("{} {}", it.endpoint.id, it.endpoint.target)).collect()
}

#[test]
fn a_pod_is_an_endpoint_and_so_are_its_containers_that_run_and_their_ports() {
    let running = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
    let it = pod("u", "Running", running.clone());
    let want = [
        "k8s_observer/u 10.0.0.1",
        "k8s_observer/u/app 10.0.0.1",
        "k8s_observer/u/http(80) 10.0.0.1:80",
    ];
    assert_eq!(shown(&it, "{}"), want);
    assert_eq!(shown(&it, "observe_init_containers: true").len(), 4);
    let all = it.endpoints("o", &Config::default());
    let [whole, container, port] = &all[..] else { panic!("three") };
    let known = |it: &crate::objects::Dated, key: &str| it.endpoint.get(key).cloned().unwrap();
    let text = |it: &str| Value::String(it.into());
    assert_eq!(known(whole, "namespace"), text("shop"));
    assert_eq!(whole.endpoint.get("labels").unwrap().get("app"), Some(&text("web")));
    assert_eq!(known(container, "container_id"), text("c1"));
    assert_eq!(known(port, "port"), Value::Int(80));
    assert_eq!(known(port, "pod").get("uid"), Some(&text("u")));
    assert_eq!(shown(&pod("u", "Pending", running.clone()), "{}"), [""; 0]);
    assert_eq!(shown(&pod("u", "Pending", running), "observe_pending_pods: true").len(), 3);
    assert_eq!(shown(&pod("u", "Running", json!({"waiting": {}})), "{}").len(), 1);
    let ended = pod("u", "Running", json!({"terminated": {"finishedAt": "1970-01-01T00:00:01Z"}}));
    let until = ended.endpoints("o", &config("container_terminated_ttl: 1s"))[1].until;
    assert_eq!(until, Some(2_000_000_000));
}

#[test]
fn nodes_services_and_ingresses_are_endpoints() {
    let node: Node = read(json!({"metadata": {"uid": "u", "name": "n1"}, "status": {
        "addresses": [{"type": "Hostname", "address": "n1.local"}, {"type": "InternalIP", "address": "10.1.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}}}));
    assert_eq!(shown(&node, "{}"), ["k8s_observer/n1-u 10.1.0.1"]);
    let it = &node.endpoints("o", &Config::default())[0].endpoint;
    assert_eq!(it.get("kubelet_endpoint_port"), Some(&Value::Int(10250)));
    assert_eq!(it.get("hostname"), Some(&Value::String("n1.local".into())));

    let service: Service =
        read(json!({"metadata": {"uid": "u", "name": "web", "namespace": "shop"},
        "spec": {"type": "ClusterIP", "clusterIP": "10.2.0.1"}}));
    assert_eq!(shown(&service, "{}"), ["k8s_observer/u web.shop.svc.cluster.local"]);

    let ingress: Ingress =
        read(json!({"metadata": {"uid": "u", "name": "web", "namespace": "shop"}, "spec": {
        "rules": [{"host": "a.shop.example", "http": {"paths": [{"path": "/"}, {"path": "/cart"}]}},
            {"host": "b.example", "http": {"paths": [{"path": "/x"}]}}, {"host": "c"}],
        "tls": [{"hosts": ["*.shop.example"]}]}}));
    let targets: Vec<String> = shown(&ingress, "{}");
    let want = [
        "k8s_observer/u/a.shop.example/ https://a.shop.example/",
        "k8s_observer/u/a.shop.example/cart https://a.shop.example/cart",
        "k8s_observer/u/b.example/x http://b.example/x",
    ];
    assert_eq!(targets, want);
}

struct Bench {
    table: Arc<Table>,
    sink: Watched<Pod>,
}

impl Bench {
    fn new() -> Self {
        let table = Arc::new(Table::new(Config::default(), "k8s_observer", &Meter::default()));
        let sink = Watched { table: Arc::clone(&table), number: 0, of: PhantomData };
        Self { table, sink }
    }

    async fn published(&self) -> Endpoints {
        let publish = self.table.publish();
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), publish).await;
        self.table.endpoints.borrow().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_there_is_published_and_what_is_not_in_a_new_list_is_gone() {
    let it = Bench::new();
    let running = || json!({"running": {}});
    it.sink.event(Event::Restarted);
    it.sink.event(Event::Applied(&pod("a", "Running", running())));
    it.sink.event(Event::Applied(&pod("b", "Running", running())));
    it.sink.event(Event::Synced);
    assert_eq!(it.published().await.len(), 6);
    let first = it.published().await;
    it.sink.event(Event::Applied(&pod("a", "Running", running())));
    let second = it.published().await;
    assert!(Arc::ptr_eq(&first, &second));
    it.sink.event(Event::Restarted);
    it.sink.event(Event::Applied(&pod("a", "Running", running())));
    it.sink.event(Event::Synced);
    assert_eq!(it.published().await.len(), 3);
    it.sink.event(Event::Deleted(&pod("a", "", running())));
    assert!(it.published().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_container_that_has_ended_is_no_endpoint_after_its_time() {
    let it = Bench::new();
    let long_ago = json!({"terminated": {"finishedAt": "2001-01-01T00:00:00Z"}});
    it.sink.event(Event::Applied(&pod("a", "Running", long_ago)));
    assert_eq!(it.published().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn there_is_a_most_of_endpoints() {
    let it = Bench::new();
    for uid in 0..ENDPOINTS_MAX {
        it.sink.event(Event::Applied(&pod(&uid.to_string(), "Running", json!({"waiting": {}}))));
    }
    it.sink.event(Event::Applied(&pod("more", "Running", json!({"waiting": {}}))));
    assert_eq!(it.published().await.len(), ENDPOINTS_MAX);
    it.sink.event(Event::Deleted(&pod("0", "", json!({}))));
    it.sink.event(Event::Applied(&pod("more", "Running", json!({"waiting": {}}))));
    assert!(it.published().await.contains_key("k8s_observer/more"));
}

#[test]
fn only_what_is_asked_for_is_watched() {
    let it = config::<Config>("{node: n1, namespaces: [a, b]}");
    let queries = it.queries(&kube::Resource::PODS);
    assert_eq!(queries.len(), 2);
    assert_eq!((&*queries[0].namespace, &*queries[0].fields), ("a", "spec.nodeName=n1"));
    assert_eq!(it.queries(&kube::Resource::NODES)[0].fields, "metadata.name=n1");
    let found = problems::<Config>("observe_pods: false");
    assert!(found[0].contains("one of observe_pods, observe_nodes"), "{found:?}");
    assert!(problems::<Config>("observe_pod_phases: [Dead]")[0].contains("no phase of a pod"));
}
