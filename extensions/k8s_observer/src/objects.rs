//! What is read of objects, and which endpoints they are.

use component::Endpoint;
use component::config::Value;
use confignet::join_host_port;
use kube::{Meta, null_is_default};
use serde::Deserialize;

use crate::config::Config;

/// An object that is endpoints.
pub(crate) trait Found {
    /// Unique for ever.
    fn uid(&self) -> &str;
    /// Its endpoints; `observer` is in front of their ids.
    fn endpoints(&self, observer: &str, config: &Config) -> Vec<Dated>;
}

/// An endpoint, and until when it is one, in nanoseconds since 1970.
pub(crate) struct Dated {
    pub(crate) endpoint: Endpoint,
    pub(crate) until: Option<i128>,
}

impl From<Endpoint> for Dated {
    fn from(endpoint: Endpoint) -> Self {
        Self { endpoint, until: None }
    }
}

/// A pod.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pod {
    metadata: Meta,
    spec: PodSpec,
    status: PodStatus,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodSpec {
    #[serde(deserialize_with = "null_is_default")]
    containers: Vec<Container>,
    #[serde(deserialize_with = "null_is_default")]
    init_containers: Vec<Container>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Container {
    name: String,
    image: String,
    #[serde(deserialize_with = "null_is_default")]
    ports: Vec<Port>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Port {
    name: String,
    container_port: u16,
    protocol: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodStatus {
    phase: String,
    #[serde(rename = "podIP")]
    pod_ip: String,
    #[serde(deserialize_with = "null_is_default")]
    container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "null_is_default")]
    init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerStatus {
    name: String,
    #[serde(rename = "containerID")]
    container_id: String,
    state: ContainerState,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ContainerState {
    running: Option<Running>,
    terminated: Option<Terminated>,
}

#[derive(Deserialize)]
struct Running {}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Terminated {
    #[serde(deserialize_with = "null_is_default")]
    finished_at: String,
}

/// What rules see of a container beside its pod.
struct Seen<'a> {
    container: &'a Container,
    id: &'a str,
    until: Option<i128>,
}

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

fn pairs<const N: usize>(all: [(&str, Value); N]) -> Vec<(String, Value)> {
    all.map(|(key, value)| (key.to_owned(), value)).into()
}

fn map<'a>(values: impl IntoIterator<Item = (&'a String, &'a String)>) -> Value {
    Value::Map(values.into_iter().map(|(key, value)| (key.clone(), text(value))).collect())
}

/// What rules see of all objects.
fn known(meta: &Meta) -> Vec<(String, Value)> {
    pairs([
        ("uid", text(&meta.uid)),
        ("name", text(&meta.name)),
        ("labels", map(&meta.labels)),
        ("annotations", map(&meta.annotations)),
    ])
}

fn with_namespace(meta: &Meta) -> Vec<(String, Value)> {
    let mut all = known(meta);
    all.push(("namespace".to_owned(), text(&meta.namespace)));
    all
}

impl Found for Pod {
    fn uid(&self) -> &str {
        &self.metadata.uid
    }

    /// As `convertPodToEndpoints` of `k8sobserver/pod_endpoint.go`, v0.156.
    fn endpoints(&self, observer: &str, config: &Config) -> Vec<Dated> {
        let (meta, status) = (&self.metadata, &self.status);
        if !config.observes(&status.phase) {
            return Vec::new();
        }
        let id = format!("{observer}/{}", meta.uid);
        let address = &status.pod_ip;
        let pod = with_namespace(meta);
        let mut all = vec![Endpoint::new(id.clone(), "pod", address.clone(), pod.clone()).into()];
        let ttl = i128::from(config.container_terminated_ttl.nanos());
        for it in seen(&self.spec.containers, &status.container_statuses, ttl) {
            all.push(container(&id, address, &pod, &it, false));
            all.extend(
                it.container.ports.iter().map(|port| port_of(&id, address, &pod, &it, port)),
            );
        }
        if config.observe_init_containers {
            let init = seen(&self.spec.init_containers, &status.init_container_statuses, ttl);
            all.extend(init.map(|it| container(&id, address, &pod, &it, true)));
        }
        all
    }
}

/// Containers that run, or have ended not long ago.
fn seen<'a>(
    containers: &'a [Container],
    statuses: &'a [ContainerStatus],
    ttl: i128,
) -> impl Iterator<Item = Seen<'a>> {
    containers.iter().filter_map(move |container| {
        let status = statuses.iter().find(|it| it.name == container.name)?;
        let until = match (&status.state.running, &status.state.terminated) {
            (Some(_), _) => None,
            (None, Some(end)) => Some(golang::time::rfc3339(&end.finished_at)? + ttl),
            (None, None) => return None,
        };
        let id = status.container_id.split_once("://").map_or("", |it| it.1);
        Some(Seen { container, id, until })
    })
}

fn container(
    pod_id: &str,
    address: &str,
    pod: &[(String, Value)],
    seen: &Seen<'_>,
    is_init: bool,
) -> Dated {
    let Container { name, image, .. } = seen.container;
    let details = pairs([
        ("container_name", text(name)),
        ("container_id", text(seen.id)),
        ("container_image", text(image)),
        ("is_init_container", Value::Bool(is_init)),
        ("pod", Value::Map(pod.to_vec())),
    ]);
    let id = format!("{pod_id}/{name}");
    let endpoint = Endpoint::new(id, "pod.container", address.to_owned(), details);
    Dated { endpoint, until: seen.until }
}

fn port_of(
    pod_id: &str,
    address: &str,
    pod: &[(String, Value)],
    seen: &Seen<'_>,
    port: &Port,
) -> Dated {
    let number = port.container_port;
    let transport = match port.protocol.as_str() {
        "TCP" | "" => "TCP",
        "UDP" => "UDP",
        _ => "Unknown",
    };
    let details = pairs([
        ("name", text(&port.name)),
        ("port", Value::Int(number.into())),
        ("transport", text(transport)),
        ("container_name", text(&seen.container.name)),
        ("container_id", text(seen.id)),
        ("container_image", text(&seen.container.image)),
        ("pod", Value::Map(pod.to_vec())),
    ]);
    let id = format!("{pod_id}/{}({number})", port.name);
    let endpoint = Endpoint::new(id, "port", join_host_port(address, number), details);
    Dated { endpoint, until: seen.until }
}

/// A node.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    metadata: Meta,
    status: NodeStatus,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeStatus {
    #[serde(deserialize_with = "null_is_default")]
    addresses: Vec<Address>,
    daemon_endpoints: DaemonEndpoints,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Address {
    r#type: String,
    address: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DaemonEndpoints {
    kubelet_endpoint: KubeletEndpoint,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct KubeletEndpoint {
    #[serde(rename = "Port")]
    port: u16,
}

impl Found for Node {
    fn uid(&self) -> &str {
        &self.metadata.uid
    }

    /// As `convertNodeToEndpoint` of `k8sobserver/node_endpoint.go`, v0.156: the first address in this order is the target.
    fn endpoints(&self, observer: &str, _config: &Config) -> Vec<Dated> {
        let meta = &self.metadata;
        let kinds = [
            ("InternalIP", "internal_ip"),
            ("InternalDNS", "internal_dns"),
            ("Hostname", "hostname"),
            ("ExternalIP", "external_ip"),
            ("ExternalDNS", "external_dns"),
        ];
        let found = kinds.map(|(kind, name)| {
            let own = self.status.addresses.iter().rfind(|it| it.r#type == kind);
            (name, own.map_or("", |it| it.address.as_str()))
        });
        let target = found.iter().map(|it| it.1).find(|it| !it.is_empty()).unwrap_or_default();
        let mut details = known(meta);
        details.extend(found.map(|(name, address)| (name.to_owned(), text(address))));
        let port = self.status.daemon_endpoints.kubelet_endpoint.port;
        details.push(("kubelet_endpoint_port".to_owned(), Value::Int(port.into())));
        let id = format!("{observer}/{}-{}", meta.name, meta.uid);
        vec![Endpoint::new(id, "k8s.node", target.to_owned(), details).into()]
    }
}

/// A service.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Service {
    metadata: Meta,
    spec: ServiceSpec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ServiceSpec {
    r#type: String,
    #[serde(rename = "clusterIP")]
    cluster_ip: String,
}

impl Found for Service {
    fn uid(&self) -> &str {
        &self.metadata.uid
    }

    /// As `convertServiceToEndpoints` of `k8sobserver/service_endpoint.go`, v0.156.
    fn endpoints(&self, observer: &str, _config: &Config) -> Vec<Dated> {
        let meta = &self.metadata;
        let mut details = with_namespace(meta);
        details.extend(pairs([
            ("service_type", text(&self.spec.r#type)),
            ("cluster_ip", text(&self.spec.cluster_ip)),
        ]));
        let target = format!("{}.{}.svc.cluster.local", meta.name, meta.namespace);
        let id = format!("{observer}/{}", meta.uid);
        vec![Endpoint::new(id, "k8s.service", target, details).into()]
    }
}

/// An ingress.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Ingress {
    metadata: Meta,
    spec: IngressSpec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IngressSpec {
    #[serde(deserialize_with = "null_is_default")]
    rules: Vec<IngressRule>,
    #[serde(deserialize_with = "null_is_default")]
    tls: Vec<IngressTls>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IngressRule {
    host: String,
    http: Option<IngressHttp>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IngressHttp {
    #[serde(deserialize_with = "null_is_default")]
    paths: Vec<IngressPath>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IngressPath {
    path: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IngressTls {
    #[serde(deserialize_with = "null_is_default")]
    hosts: Vec<String>,
}

impl Found for Ingress {
    fn uid(&self) -> &str {
        &self.metadata.uid
    }

    /// As `convertIngressToEndpoints` of `k8sobserver/ingress_endpoint.go`, v0.156: one endpoint for each path.
    fn endpoints(&self, observer: &str, _config: &Config) -> Vec<Dated> {
        let meta = &self.metadata;
        let mut all = Vec::new();
        for rule in &self.spec.rules {
            let host = rule.host.as_str();
            let is_secure =
                self.spec.tls.iter().flat_map(|it| &it.hosts).any(|it| covers(it, host));
            let scheme = if is_secure { "https" } else { "http" };
            for IngressPath { path } in rule.http.iter().flat_map(|it| &it.paths) {
                let id = format!("{observer}/{}/{host}{path}", meta.uid);
                let mut details = with_namespace(meta);
                details.retain(|it| it.0 != "uid");
                details.extend(pairs([
                    ("uid", text(&id)),
                    ("scheme", text(scheme)),
                    ("host", text(host)),
                    ("path", text(path)),
                ]));
                let target = format!("{scheme}://{host}{path}");
                all.push(Endpoint::new(id, "k8s.ingress", target, details).into());
            }
        }
        all
    }
}

/// A host of `tls:`, which may begin with `*.`, stands for this one.
fn covers(pattern: &str, host: &str) -> bool {
    let parent = pattern.strip_prefix("*.");
    pattern == host || parent.is_some_and(|it| host.split_once('.').is_some_and(|own| own.1 == it))
}
