//! What the table knows after which events.

use kube::{Meta, Owner};
use serde_json::{Value as Json, json};

use super::*;
use crate::identity::{Association, Source};
use crate::rules::{FieldRule, Keys, Metadata, Pick};

const GRACE: Duration = Duration::from_secs(120);

fn key_of(name: &str, value: &str) -> Key {
    Key::one(&Source::Attribute(name.into()), value)
}

struct Bench {
    table: Table,
    now: Instant,
}

impl Bench {
    fn new(rules: Rules) -> Self {
        Self { table: Table::new(Arc::new(rules), GRACE), now: Instant::now() }
    }

    fn of(keys: &[Metadata]) -> Self {
        Self::new(rules(keys))
    }

    fn apply(&mut self, pod: &Json) -> Outcome {
        let pod: ApiPod = serde_json::from_value(pod.clone()).unwrap();
        self.table.apply_pod(Origin::ApiServer, &pod, self.now)
    }

    fn delete(&mut self, uid: &str) -> Outcome {
        self.table.delete_pod(Origin::ApiServer, uid, self.now)
    }

    fn later(&mut self, time: Duration) {
        self.now += time;
        self.table.sweep(self.now);
    }

    /// The uid of the pod that a key leads to.
    fn found(&self, key: Key) -> Option<String> {
        self.pod(key).map(|it| it.uid.to_string())
    }

    /// The pod that a key leads to, unless nothing is to be known of it.
    fn pod(&self, key: Key) -> Option<Arc<Pod>> {
        Some(Arc::clone(&self.table.find(key)?.pod)).filter(|it| !it.ignored)
    }

    /// A key leads to a pod that exists and has it.
    fn is_current(&self, key: Key) -> bool {
        self.table.find(key).is_some_and(|it| it.left.is_none())
    }

    fn attributes(&self, key: Key) -> Vec<String> {
        let pod = self.pod(key).unwrap();
        pod.attributes.iter().map(|it| it.name().to_owned()).collect()
    }
}

fn rules(keys: &[Metadata]) -> Rules {
    Rules { keys: keys.iter().copied().collect::<Keys>(), ..Rules::default() }
}

fn pod(uid: &str, address: &str, start: &str) -> Json {
    json!({
        "metadata": {"uid": uid, "name": format!("pod-{uid}"), "namespace": "shop"},
        "status": {"podIP": address, "startTime": start},
    })
}

fn object(uid: &str, name: &str, owner: Option<&str>) -> Object {
    let owner = owner.map(|name| Owner {
        kind: "Deployment".into(),
        name: name.into(),
        uid: format!("uid-of-{name}"),
        controller: true,
    });
    let owner_references = owner.into_iter().collect();
    Object {
        metadata: Meta { uid: uid.into(), name: name.into(), owner_references, ..Meta::default() },
    }
}

#[test]
fn an_address_that_is_used_again_leads_to_the_pod_that_started_later() {
    let mut it = Bench::of(&[]);
    assert_eq!(it.apply(&pod("old", "10.0.0.1", "2026-03-01T10:00:00Z")), Outcome::Added);
    it.delete("old");
    let address = Key::connection("10.0.0.1");
    assert_eq!(it.found(address).as_deref(), Some("old"));
    it.apply(&pod("new", "10.0.0.1", "2026-03-02T10:00:00Z"));
    assert_eq!(it.found(address).as_deref(), Some("new"));
    // An event of the old one that comes late changes nothing.
    it.apply(&pod("late", "10.0.0.1", "2026-02-01T10:00:00Z"));
    assert_eq!(it.found(address).as_deref(), Some("new"));
    // The end of the grace takes the uid of the old one, and not the address of the new one.
    it.later(GRACE);
    assert_eq!(it.found(address).as_deref(), Some("new"));
    assert_eq!(it.found(key_of("k8s.pod.uid", "old")), None);
}

#[test]
fn a_pod_stays_known_for_the_grace_after_its_end() {
    let mut it = Bench::of(&[]);
    it.apply(&pod("a", "10.0.0.1", ""));
    assert_eq!((it.delete("a"), it.delete("a")), (Outcome::Deleted, Outcome::Nothing));
    it.later(Duration::from_secs(119));
    assert_eq!(it.found(key_of("k8s.pod.uid", "a")).as_deref(), Some("a"));
    it.later(Duration::from_secs(1));
    assert_eq!(it.table.keys(), 0);
}

#[test]
fn an_address_that_a_pod_gave_up_is_not_its_any_more_and_its_uid_is() {
    let mut it = Bench::of(&[]);
    it.apply(&pod("a", "10.0.0.1", ""));
    it.later(Duration::from_secs(1));
    it.apply(&pod("a", "10.0.0.2", ""));
    let left = |it: &Bench, address| it.table.find(Key::connection(address)).unwrap().left;
    assert_eq!((left(&it, "10.0.0.1"), left(&it, "10.0.0.2")), (Some(it.now), None));
    // It comes back to it.
    it.apply(&pod("a", "10.0.0.1", ""));
    assert_eq!((left(&it, "10.0.0.1"), left(&it, "10.0.0.2")), (None, Some(it.now)));
    assert!(it.is_current(key_of("k8s.pod.uid", "a")));
}

#[test]
fn a_pod_that_comes_back_in_the_grace_stays() {
    let mut it = Bench::of(&[]);
    it.apply(&pod("a", "10.0.0.1", ""));
    it.delete("a");
    assert!(!it.is_current(Key::connection("10.0.0.1")));
    assert_eq!(it.apply(&pod("a", "10.0.0.1", "")), Outcome::Added);
    it.later(GRACE / 2);
    assert_eq!(it.found(Key::connection("10.0.0.1")).as_deref(), Some("a"));
    // The end of its first grace is not that of the second.
    it.delete("a");
    it.later(GRACE / 2);
    assert_eq!(it.found(Key::connection("10.0.0.1")).as_deref(), Some("a"));
    it.later(GRACE / 2);
    assert_eq!((it.table.keys(), it.table.gone, it.table.bytes), (0, 0, 0));
}

#[test]
fn what_is_not_in_a_new_list_is_gone() {
    let mut it = Bench::of(&[]);
    it.apply(&pod("a", "10.0.0.1", ""));
    it.apply(&pod("b", "10.0.0.2", ""));
    it.table.restart_pods(Origin::ApiServer);
    it.apply(&pod("b", "10.0.0.2", ""));
    assert_eq!(it.table.sync_pods(Origin::ApiServer, it.now), 1);
    assert_eq!(it.table.pods(), 1);
    it.later(GRACE);
    assert_eq!(it.found(Key::connection("10.0.0.1")), None);
    assert_eq!(it.found(Key::connection("10.0.0.2")).as_deref(), Some("b"));
}

#[test]
fn the_id_of_a_container_that_was_restarted_leads_to_what_it_was() {
    let by_id = Association { sources: vec![Source::Attribute("container.id".into())] };
    let keys = rules(&[Metadata::ContainerId]);
    let mut it = Bench::new(Rules { associations: vec![by_id], ..keys });
    let with = |id: &str, count| {
        let mut pod = pod("a", "10.0.0.1", "");
        let id = format!("containerd://{id}");
        pod["status"]["containerStatuses"] =
            json!([{"name": "app", "containerID": id, "restartCount": count}]);
        pod
    };
    it.apply(&with("one", 0));
    it.apply(&with("two", 1));
    let id = |it: &Bench, key: &str| {
        let pod = it.pod(key_of("container.id", key))?;
        Some(pod.container("app", "")?.run.as_ref()?.id.to_string())
    };
    assert_eq!(id(&it, "one").as_deref(), Some("one"));
    assert_eq!(id(&it, "two").as_deref(), Some("two"));
    it.later(GRACE);
    assert_eq!((id(&it, "one"), id(&it, "two").as_deref()), (None, Some("two")));
}

#[test]
fn a_pod_on_the_hosts_network_is_not_found_by_the_address_of_the_host() {
    let mut it = Bench::of(&[]);
    let mut host = pod("a", "192.168.0.1", "");
    host["spec"] = json!({"hostNetwork": true});
    it.apply(&host);
    assert_eq!(it.found(Key::connection("192.168.0.1")), None);
    assert_eq!(it.found(key_of("k8s.pod.uid", "a")).as_deref(), Some("a"));
}

#[test]
fn a_pod_that_comes_before_its_replica_set_is_completed_when_that_comes() {
    let mut it = Bench::of(&[Metadata::DeploymentName, Metadata::DeploymentUid]);
    let mut owned = pod("a", "10.0.0.1", "");
    owned["metadata"]["ownerReferences"] =
        json!([{"kind": "ReplicaSet", "name": "cart-1", "uid": "rs", "controller": true}]);
    it.apply(&owned);
    let key = key_of("k8s.pod.uid", "a");
    assert_eq!(it.attributes(key), [""; 0]);
    it.table.apply(Kind::ReplicaSets, &object("rs", "cart-1", Some("cart")), it.now);
    assert_eq!(it.attributes(key), ["k8s.deployment.name", "k8s.deployment.uid"]);
    // One without an owner is known to have none, and is not waited for.
    owned["metadata"]["uid"] = json!("b");
    owned["metadata"]["ownerReferences"][0]["uid"] = json!("bare");
    it.table.apply(Kind::ReplicaSets, &object("bare", "cart-2", None), it.now);
    it.apply(&owned);
    assert!(it.table.waiting.is_empty());
}

#[test]
fn an_owner_that_is_asked_for_completes_the_pods_that_wait() {
    let mut it = Bench::of(&[Metadata::DeploymentName]);
    let mut owned = pod("a", "10.0.0.1", "");
    owned["metadata"]["ownerReferences"] =
        json!([{"kind": "ReplicaSet", "name": "cart-1", "uid": "rs", "controller": true}]);
    it.apply(&owned);
    owned["metadata"]["uid"] = json!("b");
    it.apply(&owned);
    let [wanted] = it.table.wanted().try_into().unwrap();
    assert_eq!((&*wanted.namespace, &*wanted.name, &*wanted.uid), ("shop", "cart-1", "rs"));
    it.delete("b");
    it.table.answer(&object("rs", "cart-1", Some("cart")), it.now);
    assert_eq!(it.attributes(key_of("k8s.pod.uid", "a")), ["k8s.deployment.name"]);
    assert!(!it.table.waits());
}

#[test]
fn a_pod_that_is_gone_does_not_come_back_with_its_owner() {
    let mut it = Bench::of(&[Metadata::DeploymentName]);
    let mut owned = pod("a", "10.0.0.1", "");
    owned["metadata"]["ownerReferences"] =
        json!([{"kind": "ReplicaSet", "name": "cart-1", "uid": "rs", "controller": true}]);
    it.apply(&owned);
    it.delete("a");
    it.table.apply(Kind::ReplicaSets, &object("rs", "cart-1", Some("cart")), it.now);
    assert_eq!(it.table.pods(), 0);
}

#[test]
fn names_of_deployments_and_cron_jobs_are_cut_from_those_of_what_they_own() {
    let cut = Rules {
        deployment_from_name: true,
        ..rules(&[Metadata::DeploymentName, Metadata::CronJobName])
    };
    let value = |kind: &str, name: &str| {
        let mut it = Bench::new(cut.clone());
        let mut owned = pod("a", "", "");
        owned["metadata"]["ownerReferences"] = json!([{"kind": kind, "name": name, "uid": "x"}]);
        it.apply(&owned);
        let pod = it.pod(key_of("k8s.pod.uid", "a")).unwrap();
        pod.attributes.first().map(|it| it.name().to_owned())
    };
    assert_eq!(value("ReplicaSet", "web-6c7d8e9f0a").as_deref(), Some("k8s.deployment.name"));
    assert_eq!(value("ReplicaSet", "web-6c7d8"), None);
    assert_eq!(value("ReplicaSet", "web6c7d8e9f0a"), None);
    assert_eq!(value("Job", "report-29531100").as_deref(), Some("k8s.cronjob.name"));
    assert_eq!(value("Job", "plain"), None);
    assert_eq!(value("Job", "plain-"), None);
}

#[test]
fn an_excluded_pod_is_known_and_not_found() {
    let exclude = vec![regex::Regex::new("od-a").unwrap()];
    let mut it = Bench::new(Rules { exclude, ..Rules::default() });
    it.apply(&pod("a", "10.0.0.1", ""));
    assert_eq!(it.found(Key::connection("10.0.0.1")), None);
    assert!(it.table.find(Key::connection("10.0.0.1")).is_some());
    let mut asked = pod("b", "10.0.0.2", "");
    asked["metadata"]["annotations"] = json!({"opentelemetry.io/k8s-processor/ignore": " True "});
    it.apply(&asked);
    assert_eq!(it.found(Key::connection("10.0.0.2")), None);
}

#[test]
fn a_namespace_of_the_same_name_is_not_taken_away_by_the_end_of_the_one_before() {
    let pick = Pick::Key { key: "team".into(), tag: None };
    let field = FieldRule { from: From::Namespace, of_annotations: false, pick };
    let mut it = Bench::new(Rules { fields: vec![field], ..Rules::default() });
    let kind = Kind::Of(From::Namespace);
    it.table.apply(kind, &object("one", "shop", None), it.now);
    it.table.apply(kind, &object("two", "shop", None), it.now);
    assert_eq!(it.table.delete(kind, &object("one", "shop", None)), Outcome::Nothing);
    assert_eq!(&*it.table.extra(From::Namespace, "shop").unwrap().uid, "two");
    it.table.restart(kind);
    it.table.sync(kind);
    assert!(it.table.extra(From::Namespace, "shop").is_none());
}

#[test]
fn a_full_table_lets_go_what_is_gone_and_then_refuses() {
    let mut it = Bench::of(&[]);
    for at in 0..PODS_MAX {
        assert_eq!(it.apply(&pod(&at.to_string(), "", "")), Outcome::Added);
    }
    assert_eq!(it.apply(&pod("one more", "", "")), Outcome::Refused);
    it.delete("7");
    assert_eq!(it.apply(&pod("one more", "", "")), Outcome::Added);
    assert_eq!(it.found(key_of("k8s.pod.uid", "7")), None);
    // An update of a known one needs no room.
    assert_eq!(it.apply(&pod("8", "", "")), Outcome::Updated);
    assert_eq!(it.table.pods(), PODS_MAX);
}

#[test]
fn churn_leaves_nothing_behind() {
    let mut it = Bench::of(&[Metadata::PodName]);
    for at in 0..10_000 {
        let (uid, address) = (at.to_string(), format!("10.0.{}.{}", at / 250 % 4, at % 250));
        it.apply(&pod(&uid, &address, &format!("2026-03-01T10:{:02}:00Z", at / 1000)));
        it.delete(&uid);
        it.later(Duration::from_millis(6));
    }
    it.later(GRACE);
    assert_eq!((it.table.keys(), it.table.pods(), it.table.gone, it.table.bytes), (0, 0, 0, 0));
}

#[test]
fn a_pod_with_ten_attributes_takes_less_than_2_kib() {
    use Metadata::{
        ContainerImageName, ContainerImageTag, DeploymentName, NamespaceName, NodeName, PodName,
        PodStartTime, PodUid,
    };
    let picks = ["app", "tier"].map(|key| FieldRule {
        from: From::Pod,
        of_annotations: false,
        pick: Pick::Key { key: key.into(), tag: None },
    });
    let keys = [
        ContainerImageName,
        ContainerImageTag,
        DeploymentName,
        NamespaceName,
        NodeName,
        PodName,
        PodStartTime,
        PodUid,
    ];
    let mut it =
        Bench::new(Rules { deployment_from_name: true, fields: picks.into(), ..rules(&keys) });
    let pods: Vec<Json> = (0..1000)
        .map(|at| {
            json!({
                "metadata": {
                    "uid": format!("0f5d2ad1-b6e8-4bbe-e8f6-0aec5370{at:04}"),
                    "name": format!("checkout-service-7d4b9c6f5d-x{at:04}"), "namespace": "production",
                    "creationTimestamp": "2026-03-01T10:00:00Z",
                    "labels": {"app": "checkout-service", "tier": "backend", "unused": "x"},
                    "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "x".repeat(4000)},
                    "ownerReferences": [{"kind": "ReplicaSet", "name": "checkout-service-7d4b9c6f5d", "uid": "r"}],
                },
                "spec": {
                    "nodeName": "ip-10-0-12-34.eu-central-1.compute.internal",
                    "containers": [{"name": "app", "image": "registry.example:5000/shop/checkout:1.4.2"}],
                },
                "status": {
                    "podIP": format!("10.4.{}.{}", at / 250, at % 250), "startTime": "2026-03-01T10:00:00Z",
                    "containerStatuses": [{"name": "app", "restartCount": 0, "containerID": format!("containerd://{at:064}")}],
                },
            })
        })
        .collect();
    let measured = allocation_counter::measure(|| pods.iter().for_each(|pod| _ = it.apply(pod)));
    assert_eq!(
        it.attributes(key_of("k8s.pod.uid", "0f5d2ad1-b6e8-4bbe-e8f6-0aec53700007")).len(),
        8
    );
    let each = measured.bytes_current / 1000;
    assert!((500..2048).contains(&each), "{each} bytes");
    assert!(it.table.bytes / 1000 < 2048, "{}", it.table.bytes / 1000);
}

impl Bench {
    fn tell(&mut self, origin: Origin, pod: &Json) -> Outcome {
        let pod: ApiPod = serde_json::from_value(pod.clone()).unwrap();
        self.table.apply_pod(origin, &pod, self.now)
    }

    /// The text of an attribute of the pod that a key leads to.
    fn texts(&self, key: Key) -> Vec<(String, usize)> {
        let pod = self.pod(key).unwrap();
        let text = |it: &AttributeBuf| (it.name().to_owned(), it.bytes());
        pod.attributes.iter().map(text).collect()
    }
}

#[test]
fn several_sources_are_one_pod_and_the_last_word_is_the_api_servers() {
    let mut it =
        Bench::of(&[Metadata::PodName, Metadata::PodIp, Metadata::NodeName, Metadata::ContainerId]);
    let container = json!([{"name": "app", "containerID": "containerd://c1", "restartCount": 1}]);
    let runtime = json!({
        "metadata": {"uid": "a", "name": "pod-a", "namespace": "shop"},
        "status": {"podIP": "10.0.0.1", "containerStatuses": container},
    });
    // The API server has the node, and not yet the address and the container.
    let server = json!({
        "metadata": {"uid": "a", "name": "pod-a-longer", "namespace": "shop"}, "spec": {"nodeName": "n1"},
        "status": {"containerStatuses": [{"name": "app", "restartCount": 0}]},
    });
    assert_eq!(it.tell(Origin::Runtime, &runtime), Outcome::Added);
    assert_eq!(it.pod(Key::connection("10.0.0.1")).unwrap().origin, Origin::Runtime);
    assert_eq!(it.tell(Origin::ApiServer, &server), Outcome::Updated);
    let address = Key::connection("10.0.0.1");
    let pod = it.pod(address).unwrap();
    assert_eq!(pod.origin, Origin::ApiServer);
    let bytes = |key: &str, value: &str| (key.to_owned(), AttributeBuf::new(key, value).bytes());
    let want = [
        bytes("k8s.node.name", "n1"),
        bytes("k8s.pod.ip", "10.0.0.1"),
        bytes("k8s.pod.name", "pod-a-longer"),
    ];
    assert_eq!(it.texts(address), want);
    let run = pod.container("app", "").unwrap().run.as_ref().unwrap();
    assert_eq!((run.restart_count, run.attributes.len()), (1, 1));
    // Whatever comes in which order.
    it.tell(Origin::Runtime, &runtime);
    assert_eq!(it.texts(address), want);
    // It is there until nobody has it, and for the grace.
    assert_eq!(it.table.delete_pod(Origin::ApiServer, "a", it.now), Outcome::Updated);
    it.later(GRACE * 2);
    assert_eq!(it.texts(address), want);
    assert_eq!(it.table.delete_pod(Origin::Runtime, "a", it.now), Outcome::Deleted);
    assert!(it.pod(address).is_some() && !it.is_current(address));
    it.later(GRACE);
    assert_eq!((it.table.keys(), it.table.bytes), (0, 0));
}

#[test]
fn a_list_of_one_source_says_nothing_of_the_pods_of_another() {
    let mut it = Bench::of(&[]);
    it.tell(Origin::Kubelet, &pod("a", "10.0.0.1", ""));
    it.tell(Origin::ApiServer, &pod("b", "10.0.0.2", ""));
    it.table.restart_pods(Origin::ApiServer);
    assert_eq!(it.table.sync_pods(Origin::ApiServer, it.now), 1);
    it.later(GRACE);
    assert!(it.is_current(Key::connection("10.0.0.1")));
    assert!(it.table.find(Key::connection("10.0.0.2")).is_none());
}

#[test]
fn a_pod_that_is_ignored_by_one_source_is_ignored() {
    let mut it = Bench::of(&[Metadata::PodName]);
    it.tell(Origin::Runtime, &pod("a", "10.0.0.1", ""));
    let mut other = pod("a", "10.0.0.1", "");
    other["metadata"]["annotations"] = json!({"opentelemetry.io/k8s-processor/ignore": "true"});
    it.tell(Origin::ApiServer, &other);
    assert_eq!(it.found(Key::connection("10.0.0.1")), None);
    assert!(it.table.find(Key::connection("10.0.0.1")).is_some());
}

#[test]
fn three_sources_fill_the_table_no_further_than_one() {
    let mut it = Bench::of(&[Metadata::PodName]);
    let mut is_full = false;
    for uid in 0..PODS_MAX {
        let mut pod = pod(&format!("uid-of-a-pod-{uid}"), "", "");
        pod["metadata"]["name"] = "x".repeat(20_000).into();
        is_full = Origin::ALL.iter().any(|origin| it.tell(*origin, &pod) == Outcome::Refused);
        assert!(it.table.bytes <= BYTES_MAX + 40_000, "{}", it.table.bytes);
        if is_full {
            break;
        }
    }
    assert!(is_full);
}
