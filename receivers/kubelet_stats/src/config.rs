//! The keys.

use component::config::{Caution, Duration, Need, Problems, Right};
use confignet::DialerConfig;
use configtls::CommonConfig;
use kube::{ApiConfig, AuthType, Kubelet, Resource};
use scraping::{MetricsSection, ResourceSection, Schedule};
use serde::{Deserialize, Serialize};

use crate::table::Table;

/// `receivers: kubelet_stats:`
///
/// Upstream: `receiver/kubeletstatsreceiver`, v0.149.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "kubeletstatsreceiver.Config")]
pub struct Config {
    /// When it asks. `collection_interval` is 10s by default.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// Who we are to the kubelet. `auth_type` is tls by default: a client certificate. none is the kubelet's port for reading;
    /// kubeConfig asks the API server, which asks the kubelet of the node that `endpoint` names.
    #[serde(flatten)]
    pub api: ApiConfig,
    /// Authority, certificate and key for `auth_type: tls`.
    #[serde(flatten)]
    pub tls: CommonConfig,
    /// Do not check the kubelet's certificate. Default false.
    pub insecure_skip_verify: bool,
    /// The kubelet: `host:port` or a URL. Default: the name of this machine, with port 10250, or 10255 for `auth_type: none`.
    #[config(omit_empty)]
    pub endpoint: String,
    /// Accepted, without effect.
    #[config(omit_empty)]
    pub dialer: DialerConfig,
    /// Of what: node, pod, container, volume. Default node, pod and container.
    #[config(go = "[]kubelet.MetricGroup")]
    pub metric_groups: Vec<String>,
    /// Attributes that need the kubelet's page `/pods`: container.id, k8s.volume.type. Default none.
    #[config(go = "[]kubelet.MetadataLabel")]
    pub extra_metadata_labels: Vec<String>,
    /// An API server, for what is behind claims of volumes, and for what the node has. Default none.
    #[config(omit_empty)]
    pub k8s_api_config: Option<ApiConfig>,
    /// Name of the node, for shares of what it has.
    #[config(omit_empty)]
    pub node: String,
    /// Points for all interfaces instead of the default one.
    pub collect_all_network_interfaces: InterfacesConfig,
    /// Which metrics are sent, and by which attributes.
    pub metrics: MetricsSection<Table>,
    /// Which attributes resources have.
    pub resource_attributes: ResourceSection<Table>,
}

/// `collect_all_network_interfaces:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "kubeletstatsreceiver.NetworkInterfacesEnablerConfig")]
pub struct InterfacesConfig {
    /// Of pods. Default false.
    pub pod: bool,
    /// Of the node. Default false.
    pub node: bool,
}

const GROUPS: [&str; 4] = ["container", "pod", "node", "volume"];
const CONTAINER_ID: &str = "container.id";
const VOLUME_TYPE: &str = "k8s.volume.type";
const LABELS: [&str; 2] = [CONTAINER_ID, VOLUME_TYPE];

/// Shares of what the node has, in the order in which upstream asks for its name.
const OF_NODE: [Table; 4] = [
    Table::ContainerCpuNodeUtilization,
    Table::PodCpuNodeUtilization,
    Table::ContainerMemoryNodeUtilization,
    Table::PodMemoryNodeUtilization,
];

/// Shares of what was asked for, or allowed.
const OF_RESOURCES: [Table; 8] = [
    Table::PodCpuLimitUtilization,
    Table::PodCpuRequestUtilization,
    Table::ContainerCpuLimitUtilization,
    Table::ContainerCpuRequestUtilization,
    Table::PodMemoryLimitUtilization,
    Table::PodMemoryRequestUtilization,
    Table::ContainerMemoryLimitUtilization,
    Table::ContainerMemoryRequestUtilization,
];

impl Default for Config {
    fn default() -> Self {
        Self {
            schedule: Schedule::every(Duration::from_secs(10)),
            api: ApiConfig { auth_type: AuthType::Tls.into(), ..ApiConfig::default() },
            tls: CommonConfig::default(),
            insecure_skip_verify: false,
            endpoint: String::new(),
            dialer: DialerConfig::default(),
            metric_groups: ["container", "pod", "node"].map(str::to_owned).to_vec(),
            extra_metadata_labels: Vec::new(),
            k8s_api_config: None,
            node: String::new(),
            collect_all_network_interfaces: InterfacesConfig::default(),
            metrics: MetricsSection::default(),
            resource_attributes: ResourceSection::default(),
        }
    }
}

impl Config {
    /// The kubelet.
    pub(crate) fn kubelet(&self) -> Kubelet {
        let tls = configtls::ClientConfig {
            common: self.tls.clone(),
            insecure_skip_verify: self.insecure_skip_verify,
            ..configtls::ClientConfig::default()
        };
        Kubelet { api: self.api.clone(), endpoint: self.endpoint.clone(), tls }
    }

    pub(crate) fn wants_group(&self, group: &str) -> bool {
        self.metric_groups.iter().any(|it| it == group)
    }

    pub(crate) fn wants_container_id(&self) -> bool {
        self.extra_metadata_labels.iter().any(|it| it == CONTAINER_ID)
    }

    pub(crate) fn wants_volume_type(&self) -> bool {
        self.extra_metadata_labels.iter().any(|it| it == VOLUME_TYPE)
    }

    /// Whether the page `/pods` is needed.
    pub(crate) fn wants_pods(&self) -> bool {
        !self.extra_metadata_labels.is_empty()
            || OF_RESOURCES.iter().any(|it| self.metrics.is_enabled(*it))
    }

    /// Whether it has to be known what the node has.
    pub(crate) fn wants_node(&self) -> bool {
        OF_NODE.iter().any(|it| self.metrics.is_enabled(*it))
    }

    /// The right that the page at `path` needs.
    pub(crate) fn right(&self, path: &str) -> Right {
        let through_server = *self.api.auth_type == AuthType::KubeConfig;
        let resource =
            if path == "/stats/summary" && !through_server { "nodes/stats" } else { "nodes/proxy" };
        Resource::of("", resource, false).rule(&["get"])
    }

    fn lists(&self, problems: &mut Problems) {
        for (at, label) in self.extra_metadata_labels.iter().enumerate() {
            let key = format!("extra_metadata_labels::{at}");
            let before = self.extra_metadata_labels.iter().take(at);
            if !LABELS.contains(&label.as_str()) {
                let text = format!("label {label:?} is not supported");
                problems.late("", text).one_of(&key, &LABELS);
            } else if before.into_iter().any(|it| it == label) {
                problems.late("", format!("duplicate metadata label: {label:?}")).remove(&key);
            }
        }
        for (at, group) in self.metric_groups.iter().enumerate() {
            if !GROUPS.contains(&group.as_str()) {
                let key = format!("metric_groups::{at}");
                problems.late("", "invalid entry in metric_groups").one_of(&key, &GROUPS);
            }
        }
    }

    fn node(&self, problems: &mut Problems) {
        let mut wanted = OF_NODE.iter().filter(|it| self.metrics.is_enabled(**it));
        let Some(first) = wanted.next() else { return };
        if self.node.is_empty() {
            let name = name(*first);
            let text = format!(
                "for {name} node setting is required. Check the readme on how to set the required setting"
            );
            problems.at("", text).require("node", "${env:K8S_NODE_NAME}");
        }
        if self.k8s_api_config.is_none() {
            let text = format!(
                "{} needs an API server, which knows what the node has: set k8s_api_config",
                name(*first)
            );
            let fault = problems.warn(Caution::NoEffect, "", text);
            fault.require("k8s_api_config", "{auth_type: serviceAccount}");
        }
    }

    fn rights(&self, problems: &mut Problems) {
        if matches!(*self.api.auth_type, AuthType::ServiceAccount | AuthType::KubeConfig) {
            problems.needs("auth_type", Need::Right(self.right("/stats/summary")));
            if self.wants_pods() {
                problems.needs("auth_type", Need::Right(self.right("/pods")));
            }
        }
        if self.k8s_api_config.is_none() {
            return;
        }
        let mut needs = |resource: Resource, verbs: &[&'static str]| {
            problems.needs("k8s_api_config", Need::Right(resource.rule(verbs)));
        };
        if self.wants_volume_type() {
            needs(Resource::of("", "persistentvolumeclaims", true), &["get"]);
            needs(Resource::of("", "persistentvolumes", false), &["get"]);
        }
        if self.wants_node() {
            needs(Resource::NODES, &["get", "list", "watch"]);
        }
    }
}

fn name(metric: Table) -> &'static str {
    use scraping::Catalog as _;
    Table::METRICS.get(metric.index()).map_or("", |it| it.name)
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.schedule.validate(problems);
        self.api.validate("clientconfig::apiconfig", problems);
        if let Some(api) = &self.k8s_api_config {
            api.validate("k8s_api_config", problems);
        }
        self.node(problems);
        self.lists(problems);
        self.metrics.validate("metrics", problems);
        self.resource_attributes.validate("resource_attributes", problems);
        if !self.dialer.timeout.std().is_zero() {
            let text = "dialer.timeout has no effect: set timeout, for the whole scrape";
            problems.warn(Caution::NoEffect, "", text).remove("dialer");
        }
        self.rights(problems);
    }
}
