//! The targets that an object is, with all labels that Prometheus documents for its role
//! (`discovery/kubernetes/{pod,service,node,ingress}.go` of Prometheus 3.10). What stands later in a list of labels counts.

use std::sync::Arc;

use confignet::join_host_port;
use kube::{Meta, Object};

use super::objects::{Container, ContainerStatus, Ingress, Node, Pod, Service};
use super::shelf::Shelf;
use crate::target::Found;

pub(super) type Labels = Vec<(String, String)>;

const ADDRESS: &str = "__address__";

/// What is known around an object.
#[derive(Default)]
pub(super) struct Around {
    pub(super) pods: Option<Arc<Shelf<Pod>>>,
    pub(super) services: Option<Arc<Shelf<Service>>>,
    pub(super) nodes: Option<Arc<Shelf<Object>>>,
    pub(super) namespaces: Option<Arc<Shelf<Object>>>,
}

impl Around {
    pub(super) fn pod(&self, namespace: &str, name: &str) -> Option<Arc<Pod>> {
        self.pods.as_ref()?.get(namespace, name)
    }

    pub(super) fn service(&self, labels: &mut Labels, namespace: &str, name: &str) {
        if let Some(service) = self.services.as_ref().and_then(|it| it.get(namespace, name)) {
            add(labels, "namespace", &service.metadata.namespace);
            add_meta(labels, "service", &service.metadata);
        }
    }

    pub(super) fn node(&self, labels: &mut Labels, name: &str) {
        if let Some(node) = self.nodes.as_ref().and_then(|it| it.get("", name)) {
            add_meta(labels, "node", &node.metadata);
        }
    }

    pub(super) fn namespace(&self, labels: &mut Labels, name: &str) {
        if let Some(it) = self.namespaces.as_ref().and_then(|it| it.get("", name)) {
            add_marks(labels, "namespace", &it.metadata);
        }
    }
}

/// `__meta_kubernetes_...`.
pub(super) fn add(labels: &mut Labels, name: &str, value: &str) {
    labels.push((format!("__meta_kubernetes_{name}"), value.to_owned()));
}

/// `strutil.SanitizeLabelName`.
pub(super) fn sanitized(name: &str) -> String {
    name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '_' }).collect()
}

/// Name, labels and annotations of an object.
pub(super) fn add_meta(labels: &mut Labels, kind: &str, meta: &Meta) {
    add(labels, &format!("{kind}_name"), &meta.name);
    add_marks(labels, kind, meta);
}

fn add_marks(labels: &mut Labels, kind: &str, meta: &Meta) {
    for (what, all) in [("label", &meta.labels), ("annotation", &meta.annotations)] {
        for (name, value) in all {
            let name = sanitized(name);
            add(labels, &format!("{kind}_{what}_{name}"), value);
            add(labels, &format!("{kind}_{what}present_{name}"), "true");
        }
    }
}

fn target(group: &Labels, address: String, own: Labels) -> Found {
    let mut labels = group.clone();
    labels.push((ADDRESS.to_owned(), address));
    labels.extend(own);
    Found { labels }
}

/// Containers of a pod, those that prepare it last, and whether it is one of them.
pub(super) fn containers(pod: &Pod) -> impl Iterator<Item = (&Container, bool)> {
    let all = pod.spec.containers.iter().map(|it| (it, false));
    all.chain(pod.spec.init_containers.iter().map(|it| (it, true)))
}

/// Labels that every target of a pod has.
pub(super) fn pod_labels(labels: &mut Labels, pod: &Pod) {
    let ready = pod.status.conditions.iter().find(|it| it.kind == "Ready");
    let ready = ready.map_or("unknown".to_owned(), |it| it.status.to_lowercase());
    for (name, value) in [
        ("pod_ip", pod.status.pod_ip.as_str()),
        ("pod_ready", &ready),
        ("pod_phase", &pod.status.phase),
        ("pod_node_name", &pod.spec.node_name),
        ("pod_host_ip", &pod.status.host_ip),
        ("pod_uid", &pod.metadata.uid),
    ] {
        add(labels, name, value);
    }
    add_meta(labels, "pod", &pod.metadata);
    if let Some(owner) = pod.metadata.owner_references.iter().find(|it| it.controller) {
        add(labels, "pod_controller_kind", &owner.kind);
        add(labels, "pod_controller_name", &owner.name);
    }
}

/// One target for each port of each container, or one for a container without ports.
pub(super) fn of_pod(pod: &Pod, around: &Around) -> Vec<Found> {
    let (ip, namespace) = (&pod.status.pod_ip, &pod.metadata.namespace);
    // It is starting, or has been evicted.
    if ip.is_empty() {
        return Vec::new();
    }
    let mut group = Labels::new();
    pod_labels(&mut group, pod);
    add(&mut group, "namespace", namespace);
    around.node(&mut group, &pod.spec.node_name);
    around.namespace(&mut group, namespace);
    let mut found = Vec::new();
    for (container, is_init) in containers(pod) {
        let status = &pod.status;
        let statuses =
            if is_init { &status.init_container_statuses } else { &status.container_statuses };
        let mut own = Labels::new();
        add(&mut own, "pod_container_name", &container.name);
        add(&mut own, "pod_container_id", id_of(statuses, &container.name));
        add(&mut own, "pod_container_image", &container.image);
        add(&mut own, "pod_container_init", truth(is_init));
        if container.ports.is_empty() {
            found.push(target(&group, ip.clone(), own));
            continue;
        }
        for port in &container.ports {
            let mut own = own.clone();
            add(&mut own, "pod_container_port_number", &port.container_port.to_string());
            add(&mut own, "pod_container_port_name", &port.name);
            add(&mut own, "pod_container_port_protocol", &port.protocol);
            found.push(target(&group, join_host_port(ip, port.container_port), own));
        }
    }
    found
}

fn id_of<'a>(statuses: &'a [ContainerStatus], name: &str) -> &'a str {
    statuses.iter().find(|it| it.name == name).map_or("", |it| &it.container_id)
}

pub(super) fn truth(it: bool) -> &'static str {
    if it { "true" } else { "false" }
}

/// One target for each port.
pub(super) fn of_service(service: &Service, around: &Around) -> Vec<Found> {
    let (meta, spec) = (&service.metadata, &service.spec);
    let mut group = Labels::new();
    add(&mut group, "namespace", &meta.namespace);
    add_meta(&mut group, "service", meta);
    around.namespace(&mut group, &meta.namespace);
    let host = format!("{}.{}.svc", meta.name, meta.namespace);
    let of_port = |port: &super::objects::ServicePort| {
        let mut own = Labels::new();
        add(&mut own, "service_port_name", &port.name);
        add(&mut own, "service_port_number", &port.port.to_string());
        add(&mut own, "service_port_protocol", &port.protocol);
        add(&mut own, "service_type", &spec.kind);
        if spec.kind == "ExternalName" {
            add(&mut own, "service_external_name", &spec.external_name);
        } else {
            add(&mut own, "service_cluster_ip", &spec.cluster_ip);
        }
        if spec.kind == "LoadBalancer" {
            add(&mut own, "service_loadbalancer_ip", &spec.load_balancer_ip);
        }
        target(&group, join_host_port(&host, port.port), own)
    };
    spec.ports.iter().map(of_port).collect()
}

/// Types of addresses of a node, the first that there is becomes the target. `nodeAddress`.
const ADDRESSES: [&str; 6] =
    ["InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"];

/// The kubelet of the node.
pub(super) fn of_node(node: &Node) -> Vec<Found> {
    let addresses = &node.status.addresses;
    let first = |kind: &&str| addresses.iter().find(|it| it.kind == *kind);
    let Some(address) = ADDRESSES.iter().find_map(first) else { return Vec::new() };
    let mut group = Labels::new();
    add(&mut group, "node_provider_id", &node.spec.provider_id);
    add_meta(&mut group, "node", &node.metadata);
    let mut own = vec![("instance".to_owned(), node.metadata.name.clone())];
    // Of several of a type the first counts, which is therefore the last here.
    for it in addresses.iter().rev() {
        add(&mut own, &format!("node_address_{}", sanitized(&it.kind)), &it.address);
    }
    let port = node.status.daemon_endpoints.kubelet_endpoint.port;
    vec![target(&group, join_host_port(&address.address, port), own)]
}

/// One target for each path of each host.
pub(super) fn of_ingress(ingress: &Ingress, around: &Around) -> Vec<Found> {
    let (meta, spec) = (&ingress.metadata, &ingress.spec);
    let mut group = Labels::new();
    add(&mut group, "namespace", &meta.namespace);
    if let Some(class) = &spec.ingress_class_name {
        add(&mut group, "ingress_class_name", class);
    }
    add_meta(&mut group, "ingress", meta);
    around.namespace(&mut group, &meta.namespace);
    let mut found = Vec::new();
    for rule in &spec.rules {
        let mut hosts = spec.tls.iter().flat_map(|it| &it.hosts);
        let scheme = if hosts.any(|it| fits(it, &rule.host)) { "https" } else { "http" };
        let paths: Vec<&str> = match &rule.http {
            Some(http) => http.paths.iter().map(|it| it.path.as_str()).collect(),
            None => vec![""],
        };
        for path in paths {
            let mut own = Labels::new();
            add(&mut own, "ingress_scheme", scheme);
            add(&mut own, "ingress_host", &rule.host);
            add(&mut own, "ingress_path", if path.is_empty() { "/" } else { path });
            found.push(target(&group, rule.host.clone(), own));
        }
    }
    found
}

/// The pattern is the host, or has a `*` for its first part.
fn fits(pattern: &str, host: &str) -> bool {
    let rest = |it: &str| it.split_once('.').map(|it| it.1.to_owned());
    let wild = pattern.split('.').next() == Some("*");
    pattern == host || (wild && rest(pattern).is_some() && rest(pattern) == rest(host))
}
