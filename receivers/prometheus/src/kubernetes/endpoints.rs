//! The targets of services: the addresses that Kubernetes lists for them, with what is known of the pods behind
//! (`discovery/kubernetes/{endpoints,endpointslice}.go` of Prometheus 3.10).

use std::collections::BTreeMap;
use std::sync::Arc;

use confignet::join_host_port;

use super::objects::{Address, Endpoint, EndpointPort, EndpointSlice, Endpoints, Pod, Reference};
use super::targets::{Around, Labels, add, add_meta, containers, pod_labels, sanitized, truth};
use crate::target::Found;

/// The label that names the service of a slice.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The targets of one object.
struct Targets<'a> {
    around: &'a Around,
    group: Labels,
    found: Vec<Found>,
    /// Pods that addresses belong to, and their ports that are targets.
    pods: BTreeMap<(String, String), (Arc<Pod>, Vec<u32>)>,
}

impl Targets<'_> {
    /// One address. `protocol` is that of the port where the role takes it for the container's.
    fn add(
        &mut self,
        (host, port): (&str, Option<u32>),
        mut own: Labels,
        reference: Option<&Reference>,
        protocol: Option<&str>,
    ) {
        let address = port.map_or_else(|| host.to_owned(), |port| join_host_port(host, port));
        own.insert(0, ("__address__".to_owned(), address));
        let pod = reference.filter(|it| it.kind == "Pod");
        let pod = pod.and_then(|it| self.around.pod(&it.namespace, &it.name));
        if let Some(pod) = pod {
            pod_labels(&mut own, &pod);
            for (container, is_init) in containers(&pod) {
                let same = container.ports.iter().find(|it| Some(it.container_port) == port);
                let Some(same) = same else { continue };
                add(&mut own, "pod_container_name", &container.name);
                add(&mut own, "pod_container_image", &container.image);
                add(&mut own, "pod_container_port_name", &same.name);
                add(&mut own, "pod_container_port_number", &same.container_port.to_string());
                let protocol = protocol.unwrap_or(&same.protocol);
                add(&mut own, "pod_container_port_protocol", protocol);
                add(&mut own, "pod_container_init", truth(is_init));
            }
            let key = (pod.metadata.namespace.clone(), pod.metadata.name.clone());
            self.pods.entry(key).or_insert_with(|| (pod, Vec::new())).1.extend(port);
        }
        self.push(own);
    }

    fn push(&mut self, own: Labels) {
        let labels = self.group.iter().cloned().chain(own).collect();
        self.found.push(Found { labels });
    }

    /// The ports of these pods that the service does not name are targets, too.
    fn finish(mut self) -> Vec<Found> {
        for (pod, ports) in std::mem::take(&mut self.pods).into_values() {
            if pod.status.pod_ip.is_empty() {
                continue;
            }
            for (container, is_init) in containers(&pod) {
                for port in container.ports.iter().filter(|it| !ports.contains(&it.container_port))
                {
                    let number = port.container_port;
                    let mut own = vec![(
                        "__address__".to_owned(),
                        join_host_port(&pod.status.pod_ip, number),
                    )];
                    add(&mut own, "pod_container_name", &container.name);
                    add(&mut own, "pod_container_image", &container.image);
                    add(&mut own, "pod_container_port_name", &port.name);
                    add(&mut own, "pod_container_port_number", &number.to_string());
                    add(&mut own, "pod_container_port_protocol", &port.protocol);
                    add(&mut own, "pod_container_init", truth(is_init));
                    pod_labels(&mut own, &pod);
                    self.push(own);
                }
            }
        }
        self.found
    }
}

pub(super) fn of_endpoints(endpoints: &Endpoints, around: &Around) -> Vec<Found> {
    let meta = &endpoints.metadata;
    let mut group = Labels::new();
    add(&mut group, "namespace", &meta.namespace);
    around.service(&mut group, &meta.namespace, &meta.name);
    add_meta(&mut group, "endpoints", meta);
    around.namespace(&mut group, &meta.namespace);
    let mut targets = Targets { around, group, found: Vec::new(), pods: BTreeMap::new() };
    for subset in &endpoints.subsets {
        for port in &subset.ports {
            let ready = subset.addresses.iter().map(|it| (it, true));
            for (address, ready) in
                ready.chain(subset.not_ready_addresses.iter().map(|it| (it, false)))
            {
                let own = of_address(address, port, ready, around);
                let number = port.port.unwrap_or_default();
                let protocol = port.protocol.as_deref().unwrap_or_default();
                let reference = address.target_ref.as_ref();
                targets.add((&address.ip, Some(number)), own, reference, Some(protocol));
            }
        }
    }
    targets.finish()
}

fn of_address(address: &Address, port: &EndpointPort, ready: bool, around: &Around) -> Labels {
    let mut own = Labels::new();
    add(&mut own, "endpoint_port_name", port.name.as_deref().unwrap_or_default());
    add(&mut own, "endpoint_port_protocol", port.protocol.as_deref().unwrap_or_default());
    add(&mut own, "endpoint_ready", truth(ready));
    let reference = address.target_ref.as_ref();
    if let Some(it) = reference {
        add(&mut own, "endpoint_address_target_kind", &it.kind);
        add(&mut own, "endpoint_address_target_name", &it.name);
    }
    if let Some(node) = &address.node_name {
        add(&mut own, "endpoint_node_name", node);
    }
    add(&mut own, "endpoint_hostname", &address.hostname);
    let node = reference.filter(|it| it.kind == "Node").map(|it| &it.name);
    if let Some(node) = address.node_name.as_ref().or(node) {
        around.node(&mut own, node);
    }
    own
}

pub(super) fn of_slice(slice: &EndpointSlice, around: &Around) -> Vec<Found> {
    let meta = &slice.metadata;
    let mut group = Labels::new();
    add(&mut group, "namespace", &meta.namespace);
    add(&mut group, "endpointslice_address_type", &slice.address_type);
    add_meta(&mut group, "endpointslice", meta);
    if let Some(service) = meta.labels.get(SERVICE_NAME) {
        around.service(&mut group, &meta.namespace, service);
    }
    around.namespace(&mut group, &meta.namespace);
    let mut targets = Targets { around, group, found: Vec::new(), pods: BTreeMap::new() };
    for endpoint in &slice.endpoints {
        for port in &slice.ports {
            let own = of_endpoint(endpoint, port, around);
            for address in &endpoint.addresses {
                let reference = endpoint.target_ref.as_ref();
                targets.add((address, port.port), own.clone(), reference, None);
            }
        }
    }
    targets.finish()
}

fn of_endpoint(endpoint: &Endpoint, port: &EndpointPort, around: &Around) -> Labels {
    let mut own = Labels::new();
    let number = port.port.map(|it| it.to_string());
    let (conditions, reference) = (&endpoint.conditions, endpoint.target_ref.as_ref());
    let said = |it: Option<bool>| it.map(truth);
    for (name, value) in [
        ("port_name", port.name.as_deref()),
        ("port_protocol", port.protocol.as_deref()),
        ("port", number.as_deref()),
        ("port_app_protocol", port.app_protocol.as_deref()),
        ("endpoint_conditions_ready", said(conditions.ready)),
        ("endpoint_conditions_serving", said(conditions.serving)),
        ("endpoint_conditions_terminating", said(conditions.terminating)),
        ("endpoint_hostname", endpoint.hostname.as_deref()),
        ("address_target_kind", reference.map(|it| it.kind.as_str())),
        ("address_target_name", reference.map(|it| it.name.as_str())),
        ("endpoint_node_name", endpoint.node_name.as_deref()),
        ("endpoint_zone", endpoint.zone.as_deref()),
    ] {
        if let Some(value) = value {
            add(&mut own, &format!("endpointslice_{name}"), value);
        }
    }
    for (name, value) in &endpoint.deprecated_topology {
        let name = sanitized(name);
        let prefix = "endpointslice_endpoint_topology_";
        add(&mut own, &format!("{prefix}{name}"), value);
        add(&mut own, &format!("{prefix}present_{name}"), "true");
    }
    let node = reference.filter(|it| it.kind == "Node").map(|it| &it.name);
    if let Some(node) = node.or(endpoint.node_name.as_ref()) {
        around.node(&mut own, node);
    }
    own
}
