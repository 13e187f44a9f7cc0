//! What an entity event says of an object. `receiver/k8sclusterreceiver`, v0.149: the names of keys, and that labels of pods, nodes
//! and workloads have none in front of them.

use std::collections::BTreeMap;
use std::sync::Mutex;

use k8smeta::Image;

use crate::cluster::{Cluster, Watched, locked};
use crate::kept::Kept;
use crate::kinds::{Identity, Kind};
use crate::objects::{ContainerStatus, Head, Namespace, Node, Pod, Service};
use crate::text::snake;

/// Owners of pods that may have an owner themselves.
const BETWEEN: [&str; 2] = ["Job", "ReplicaSet"];
/// Conditions that a node may have for itself. Those that others add, like the node problem detector, are not told.
const CONDITIONS: [&str; 5] =
    ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"];

/// Attributes of an entity, in the order of their keys.
pub(crate) type Attributes = BTreeMap<String, String>;

/// An entity as it is now.
#[derive(Debug, PartialEq)]
pub(crate) struct Entity {
    pub(crate) identity: Identity,
    pub(crate) attributes: Attributes,
}

/// The entities that the object of this kind with this uid is: itself, and the containers of a pod. Nothing if it is no more.
pub(crate) fn of(cluster: &Cluster, kind: Kind, uid: &str) -> Vec<Entity> {
    match kind {
        Kind::Pod => found(&cluster.pods, uid).map(|it| pod(&it, cluster)).unwrap_or_default(),
        Kind::Node => one(kind, &cluster.nodes, uid, node),
        Kind::Namespace => one(kind, &cluster.namespaces, uid, namespace),
        Kind::Service => one(kind, &cluster.services, uid, service),
        Kind::Deployment => one(kind, &cluster.deployments, uid, |it| {
            let mut attributes = workload(kind, &it.metadata);
            put(&mut attributes, "k8s.deployment.name", &it.metadata.name);
            attributes
        }),
        Kind::StatefulSet => one(kind, &cluster.stateful_sets, uid, |it| {
            let mut attributes = workload(kind, &it.metadata);
            put(&mut attributes, "current_revision", &it.status.current_revision);
            put(&mut attributes, "update_revision", &it.status.update_revision);
            attributes
        }),
        Kind::CronJob => one(kind, &cluster.cron_jobs, uid, |it| {
            let mut attributes = workload(kind, &it.metadata);
            put(&mut attributes, "schedule", &it.spec.schedule);
            put(&mut attributes, "concurrency_policy", &it.spec.concurrency_policy);
            attributes
        }),
        Kind::ReplicationController => plain(kind, &cluster.replication_controllers, uid),
        Kind::ReplicaSet => plain(kind, &cluster.replica_sets, uid),
        Kind::DaemonSet => plain(kind, &cluster.daemon_sets, uid),
        Kind::Job => plain(kind, &cluster.jobs, uid),
        Kind::Autoscaler => plain(kind, &cluster.autoscalers, uid),
        _ => Vec::new(),
    }
}

/// A copy, so that nothing stays locked.
fn found<T: Watched>(shelf: &Mutex<Kept<T>>, uid: &str) -> Option<T> {
    locked(shelf).get(uid).cloned()
}

fn one<T: Watched>(
    kind: Kind,
    shelf: &Mutex<Kept<T>>,
    uid: &str,
    attributes: impl FnOnce(&T) -> Attributes,
) -> Vec<Entity> {
    let entity = || {
        let object = found(shelf, uid)?;
        let identity = kind.identities(object.head(), &[]).pop()?;
        Some(Entity { identity, attributes: attributes(&object) })
    };
    entity().into_iter().collect()
}

/// Of a workload that has nothing of its own.
fn plain<T: Watched>(kind: Kind, shelf: &Mutex<Kept<T>>, uid: &str) -> Vec<Entity> {
    one(kind, shelf, uid, |it| workload(kind, it.head()))
}

fn put(attributes: &mut Attributes, key: &str, value: &str) {
    attributes.insert(key.to_owned(), value.to_owned());
}

/// `k8s.deployment.name` and `k8s.deployment.uid` of an owner.
fn put_owner(attributes: &mut Attributes, owner: &kube::Owner) {
    let kind = owner.kind.to_lowercase();
    attributes.insert(format!("k8s.{kind}.name"), owner.name.clone());
    attributes.insert(format!("k8s.{kind}.uid"), owner.uid.clone());
}

fn put_workload(attributes: &mut Attributes, kind: &str, name: &str) {
    put(attributes, "k8s.workload.kind", kind);
    put(attributes, "k8s.workload.name", name);
}

fn workload(kind: Kind, head: &Head) -> Attributes {
    let mut attributes = head.labels.clone();
    if let Some((name, created)) = kind.workload() {
        put_workload(&mut attributes, name, &head.name);
        put(&mut attributes, created, &head.creation_timestamp);
    }
    put(&mut attributes, "k8s.namespace.name", &head.namespace);
    head.owner_references.iter().for_each(|it| put_owner(&mut attributes, it));
    attributes
}

fn namespace(namespace: &Namespace) -> Attributes {
    let head = &namespace.metadata;
    let phase = match &*namespace.status.phase {
        "" => "unknown".to_owned(),
        phase => phase.to_lowercase(),
    };
    let mut attributes = Attributes::new();
    put(&mut attributes, "k8s.namespace.name", &head.name);
    put(&mut attributes, "k8s.namespace.phase", &phase);
    put(&mut attributes, "k8s.namespace.creation_timestamp", &head.creation_timestamp);
    attributes
}

fn node(node: &Node) -> Attributes {
    let head = &node.metadata;
    let mut attributes = head.labels.clone();
    put(&mut attributes, "k8s.node.name", &head.name);
    put(&mut attributes, "node.creation_timestamp", &head.creation_timestamp);
    let conditions = node.status.conditions.iter();
    for condition in conditions.filter(|it| CONDITIONS.contains(&&*it.r#type)) {
        let key = format!("k8s.node.condition_{}", snake(&condition.r#type));
        attributes.insert(key, condition.status.to_lowercase());
    }
    attributes
}

fn service(service: &Service) -> Attributes {
    let head = &service.metadata.head;
    let mut attributes = Attributes::new();
    put(&mut attributes, "k8s.namespace.name", &head.namespace);
    put(&mut attributes, "k8s.service.name", &head.name);
    put(&mut attributes, "k8s.service.creation_timestamp", &head.creation_timestamp);
    let parts = [
        ("selector", &service.spec.selector),
        ("label", &head.labels),
        ("annotation", &service.metadata.annotations),
    ];
    for (part, map) in parts {
        let named = map.iter();
        attributes
            .extend(named.map(|(key, value)| (format!("k8s.service.{part}.{key}"), value.clone())));
    }
    attributes
}

/// Of a pod and its containers. What a pod belongs to is looked up in `cluster`.
fn pod(pod: &Pod, cluster: &Cluster) -> Vec<Entity> {
    let head = &pod.metadata;
    let mut attributes = head.labels.clone();
    put(&mut attributes, "pod.creation_timestamp", &head.creation_timestamp);
    let phase = if pod.status.phase.is_empty() { "Unknown" } else { &pod.status.phase };
    put(&mut attributes, "k8s.pod.phase", phase);
    if !pod.status.reason.is_empty() {
        put(&mut attributes, "k8s.pod.status_reason", &pod.status.reason);
    }
    put(&mut attributes, "k8s.pod.name", &head.name);
    put(&mut attributes, "k8s.namespace.name", &head.namespace);
    put(&mut attributes, "k8s.node.name", &pod.spec.node_name);
    owners(head, cluster, &mut attributes);
    if let Some(service) = cluster.service_of(head) {
        attributes.insert(format!("k8s.service.{service}"), String::new());
    }
    let own = Kind::Pod.identities(head, &[]).into_iter();
    let own = own.map(|identity| Entity { identity, attributes: std::mem::take(&mut attributes) });
    own.chain(pod.status.container_statuses.iter().map(|it| container(pod, it))).collect()
}

/// What a pod belongs to. Of several owners the first replica set says more than the first job, and that one more than the last of
/// the others, as in the Collector.
fn owners(head: &Head, cluster: &Cluster, attributes: &mut Attributes) {
    let all = &head.owner_references;
    for owner in all {
        put_owner(attributes, owner);
        if !BETWEEN.contains(&&*owner.kind) {
            put_workload(attributes, &owner.kind, &owner.name);
        }
    }
    for kind in BETWEEN {
        let owner = all.iter().find(|it| it.kind == kind);
        if let Some(last) = owner.and_then(|it| cluster.owner_of(it)) {
            put_owner(attributes, &last);
            put_workload(attributes, &last.kind, &last.name);
        }
    }
}

fn container(pod: &Pod, status: &ContainerStatus) -> Entity {
    let mut attributes = Attributes::new();
    if let Some(image) = Image::parse(&status.image) {
        put(&mut attributes, "container.image.name", image.repository);
        put(&mut attributes, "container.image.tag", image.tag());
    }
    put(&mut attributes, "k8s.container.name", &status.name);
    put(&mut attributes, "k8s.pod.name", &pod.metadata.name);
    put(&mut attributes, "k8s.pod.uid", &pod.metadata.uid);
    put(&mut attributes, "k8s.namespace.name", &pod.metadata.namespace);
    put(&mut attributes, "k8s.node.name", &pod.spec.node_name);
    let state = &status.state;
    let (word, reason, started) = match (&state.waiting, &state.terminated, &state.running) {
        (Some(it), _, _) => ("waiting", Some(&*it.reason), ""),
        (_, Some(it), _) => ("terminated", Some(&*it.reason), &*it.started_at),
        (_, _, Some(it)) => ("running", None, &*it.started_at),
        _ => ("", None, ""),
    };
    let known = [("container.status", word), ("container.creation_timestamp", started)];
    known.iter().filter(|it| !it.1.is_empty()).for_each(|it| put(&mut attributes, it.0, it.1));
    if let Some(reason) = reason {
        put(&mut attributes, "container.status.reason", reason);
    }
    Entity { identity: Identity::of_container(status), attributes }
}
