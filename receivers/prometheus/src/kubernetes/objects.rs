//! Objects of Kubernetes, as far as labels of targets are made of them.

use std::collections::BTreeMap;

use kube::{Meta, Object, null_is_default};
use serde::Deserialize;

/// What has metadata, and is compared with what was told before.
pub(super) trait Named: PartialEq {
    fn meta(&self) -> &Meta;
}

macro_rules! named {
    ($($object:ty),*) => {
        $(impl Named for $object {
            fn meta(&self) -> &Meta {
                &self.metadata
            }
        })*
    };
}

named!(Object, Pod, Service, Endpoints, EndpointSlice, Node, Ingress);

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Pod {
    pub(super) metadata: Meta,
    pub(super) spec: PodSpec,
    pub(super) status: PodStatus,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodSpec {
    pub(super) node_name: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) containers: Vec<Container>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) init_containers: Vec<Container>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) ports: Vec<ContainerPort>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerPort {
    pub(super) name: String,
    pub(super) container_port: u32,
    pub(super) protocol: String,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodStatus {
    #[serde(rename = "podIP")]
    pub(super) pod_ip: String,
    #[serde(rename = "hostIP")]
    pub(super) host_ip: String,
    pub(super) phase: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) conditions: Vec<Condition>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) status: String,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct ContainerStatus {
    pub(super) name: String,
    #[serde(rename = "containerID")]
    pub(super) container_id: String,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Service {
    pub(super) metadata: Meta,
    pub(super) spec: ServiceSpec,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ServiceSpec {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(rename = "clusterIP")]
    pub(super) cluster_ip: String,
    #[serde(rename = "loadBalancerIP")]
    pub(super) load_balancer_ip: String,
    pub(super) external_name: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) ports: Vec<ServicePort>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct ServicePort {
    pub(super) name: String,
    pub(super) port: u32,
    pub(super) protocol: String,
}

/// The other object that an address belongs to.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Reference {
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Endpoints {
    pub(super) metadata: Meta,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) subsets: Vec<Subset>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Subset {
    #[serde(deserialize_with = "null_is_default")]
    pub(super) addresses: Vec<Address>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) not_ready_addresses: Vec<Address>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) ports: Vec<EndpointPort>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Address {
    pub(super) ip: String,
    pub(super) hostname: String,
    pub(super) node_name: Option<String>,
    pub(super) target_ref: Option<Reference>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct EndpointPort {
    pub(super) name: Option<String>,
    pub(super) port: Option<u32>,
    pub(super) protocol: Option<String>,
    pub(super) app_protocol: Option<String>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct EndpointSlice {
    pub(super) metadata: Meta,
    pub(super) address_type: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) endpoints: Vec<Endpoint>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) ports: Vec<EndpointPort>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Endpoint {
    #[serde(deserialize_with = "null_is_default")]
    pub(super) addresses: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) conditions: Conditions,
    pub(super) hostname: Option<String>,
    pub(super) target_ref: Option<Reference>,
    pub(super) node_name: Option<String>,
    pub(super) zone: Option<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) deprecated_topology: BTreeMap<String, String>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Conditions {
    pub(super) ready: Option<bool>,
    pub(super) serving: Option<bool>,
    pub(super) terminating: Option<bool>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Node {
    pub(super) metadata: Meta,
    pub(super) spec: NodeSpec,
    pub(super) status: NodeStatus,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct NodeSpec {
    #[serde(rename = "providerID")]
    pub(super) provider_id: String,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct NodeStatus {
    #[serde(deserialize_with = "null_is_default")]
    pub(super) addresses: Vec<NodeAddress>,
    pub(super) daemon_endpoints: DaemonEndpoints,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct NodeAddress {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) address: String,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct DaemonEndpoints {
    pub(super) kubelet_endpoint: KubeletEndpoint,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct KubeletEndpoint {
    #[serde(rename = "Port")]
    pub(super) port: u32,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Ingress {
    pub(super) metadata: Meta,
    pub(super) spec: IngressSpec,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct IngressSpec {
    pub(super) ingress_class_name: Option<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) tls: Vec<IngressTls>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) rules: Vec<IngressRule>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct IngressTls {
    #[serde(deserialize_with = "null_is_default")]
    pub(super) hosts: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct IngressRule {
    pub(super) host: String,
    pub(super) http: Option<IngressPaths>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct IngressPaths {
    #[serde(deserialize_with = "null_is_default")]
    pub(super) paths: Vec<IngressPath>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct IngressPath {
    pub(super) path: String,
}
