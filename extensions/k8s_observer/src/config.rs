//! The section and its defaults.

use component::config::{Duration, Need, Problems};
use kube::{ApiConfig, Query, Resource, field_equals};
use serde::{Deserialize, Serialize};

/// Phases of pods, as Kubernetes names them.
const PHASES: [&str; 5] = ["Pending", "Running", "Succeeded", "Failed", "Unknown"];

/// Ingresses.
pub(crate) const INGRESSES: Resource = Resource::of("networking.k8s.io", "ingresses", true);
/// Services.
pub(crate) const SERVICES: Resource = Resource::of("", "services", true);

/// `extensions: k8s_observer:`
///
/// Upstream: `extension/observer/k8sobserver`, v0.156.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "upstream's keys")]
#[config(go = "k8sobserver.Config")]
pub struct Config {
    /// The API server.
    #[serde(flatten)]
    pub api: ApiConfig,
    /// Only this node and its pods. Default: all.
    #[config(omit_empty)]
    pub node: String,
    /// Finds pods, their containers and ports. Default true.
    pub observe_pods: bool,
    /// Finds nodes. Default false.
    pub observe_nodes: bool,
    /// Finds services. Default false.
    pub observe_services: bool,
    /// Finds ingresses, one endpoint for each path. Default false.
    pub observe_ingresses: bool,
    /// Only of these namespaces. Default: all.
    #[config(omit_empty)]
    pub namespaces: Vec<String>,
    /// Pods in these phases: Pending, Running, Succeeded, Failed, Unknown. Default Running.
    pub observe_pod_phases: Vec<String>,
    /// Pods in the phase Pending as well. Default false.
    pub observe_pending_pods: bool,
    /// Init containers as well; while they run their pod is in the phase Pending. Default false.
    pub observe_init_containers: bool,
    /// How long a container that has ended is still found. Default 15m.
    pub container_terminated_ttl: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            api: ApiConfig::default(),
            node: String::new(),
            observe_pods: true,
            observe_nodes: false,
            observe_services: false,
            observe_ingresses: false,
            namespaces: Vec::new(),
            observe_pod_phases: vec!["Running".into()],
            observe_pending_pods: false,
            observe_init_containers: false,
            container_terminated_ttl: Duration::from_secs(900),
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.api.validate("apiconfig", problems);
        let any = self.observe_pods
            || self.observe_nodes
            || self.observe_services
            || self.observe_ingresses;
        if !any {
            let text = "one of observe_pods, observe_nodes, observe_services and observe_ingresses must be true";
            problems.at("", text).set("observe_pods", "true");
        }
        for (at, phase) in self.observe_pod_phases.iter().enumerate() {
            if !PHASES.contains(&phase.as_str()) {
                let text = format!("{phase:?} is no phase of a pod");
                problems.at("", text).one_of(&format!("observe_pod_phases::{at}"), &PHASES);
            }
        }
        if self.container_terminated_ttl.is_negative() {
            let text = "container_terminated_ttl must not be negative";
            problems.at("", text).set("container_terminated_ttl", "0s");
        }
        let all = [
            (self.observe_pods, Resource::PODS),
            (self.observe_nodes, Resource::NODES),
            (self.observe_services, SERVICES),
            (self.observe_ingresses, INGRESSES),
        ];
        for (_, resource) in all.into_iter().filter(|it| it.0) {
            problems.needs("auth_type", Need::Right(resource.rule(&["get", "list", "watch"])));
        }
    }
}

impl Config {
    /// A pod in this phase is found.
    pub(crate) fn observes(&self, phase: &str) -> bool {
        let listed = self.observe_pod_phases.iter().any(|it| it == phase);
        listed || (self.observe_pending_pods && phase == "Pending")
    }

    /// What is watched of a kind: all of it, or one query for each namespace.
    pub(crate) fn queries(&self, resource: &Resource) -> Vec<Query> {
        let node = |key: &str| match &*self.node {
            "" => String::new(),
            node => field_equals(key, node, true),
        };
        let fields = match &*resource.plural {
            "pods" => node("spec.nodeName"),
            "nodes" => node("metadata.name"),
            _ => String::new(),
        };
        let of = |namespace: &String| Query {
            namespace: namespace.clone(),
            fields: fields.clone(),
            ..Query::all(resource.clone())
        };
        if self.namespaces.is_empty() || !resource.namespaced {
            return vec![of(&String::new())];
        }
        self.namespaces.iter().map(of).collect()
    }
}
