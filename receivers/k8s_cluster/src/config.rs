//! The keys.

use std::collections::BTreeSet;

use component::Id;
use component::config::{Caution, Choice, Choices, Duration, Need, Problems, Stage};
use kube::ApiConfig;
use scraping::{Catalog as _, MetricsSection, ResourceSection};
use serde::{Deserialize, Serialize};

use crate::kinds::Kind;
use crate::table::Table;

/// `receivers: k8s_cluster:`
///
/// Upstream: `receiver/k8sclusterreceiver`, v0.149.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "k8sclusterreceiver.Config")]
pub struct Config {
    /// The API server.
    #[serde(flatten)]
    pub api: ApiConfig,
    /// Time between two rounds of metrics. Default 10s.
    pub collection_interval: Duration,
    /// Conditions of nodes that become metrics: Ready, MemoryPressure. Default Ready.
    pub node_conditions_to_report: Vec<String>,
    /// What nodes can give that becomes metrics: cpu, memory, ephemeral-storage, storage, pods. Default none.
    pub allocatable_types_to_report: Vec<String>,
    /// Exporters that take metadata themselves. No exporter of this program does: only the empty list is accepted. Default none.
    #[config(omit_empty)]
    pub metadata_exporters: Vec<String>,
    /// kubernetes, or openshift, which adds quotas of the cluster. Default kubernetes.
    pub distribution: Choice<Distribution>,
    /// Time between two rounds of entity events about everything; what changes is told at once. 0 is never. Default 5m.
    pub metadata_collection_interval: Duration,
    /// Only this namespace. The Collector has replaced it by `namespaces`.
    #[config(omit_empty)]
    pub namespace: String,
    /// Only these namespaces; nodes, namespaces and quotas of the cluster are not watched then. Default all.
    #[config(omit_empty)]
    pub namespaces: Vec<String>,
    /// An extension that says whether this instance collects, of several. Default: it does.
    #[config(omit_empty, go = "struct")]
    pub k8s_leader_elector: Option<Id>,
    /// Which metrics are sent, and by which attributes.
    pub metrics: MetricsSection<Table>,
    /// Which attributes resources have.
    pub resource_attributes: ResourceSection<Table>,
}

/// `distribution:`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Distribution {
    /// Nothing but Kubernetes.
    #[default]
    Kubernetes,
    /// With quotas of the cluster.
    OpenShift,
}

impl Choices for Distribution {
    const NAMES: &'static [(&'static str, Self)] =
        &[("kubernetes", Self::Kubernetes), ("openshift", Self::OpenShift)];
    const GO: &'static str = "string";
    const STAGE: Stage = Stage::Check;

    fn unknown(word: &str) -> String {
        format!(
            "\"{word}\" is not a supported distribution. Must be one of: \"openshift\", \"kubernetes\""
        )
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            api: ApiConfig::default(),
            collection_interval: Duration::from_secs(10),
            node_conditions_to_report: vec!["Ready".into()],
            allocatable_types_to_report: Vec::new(),
            metadata_exporters: Vec::new(),
            distribution: Choice::default(),
            metadata_collection_interval: Duration::from_secs(300),
            namespace: String::new(),
            namespaces: Vec::new(),
            k8s_leader_elector: None,
            metrics: MetricsSection::default(),
            resource_attributes: ResourceSection::default(),
        }
    }
}

impl Config {
    /// The namespaces that are watched; none is all.
    pub(crate) fn of_namespaces(&self) -> Vec<String> {
        let old = Some(&self.namespace).filter(|it| !it.is_empty());
        let mut all: Vec<String> = self.namespaces.iter().chain(old).cloned().collect();
        all.sort();
        all.dedup();
        all
    }

    /// The kinds of objects that metrics need.
    pub(crate) fn kinds_of_metrics(&self) -> BTreeSet<Kind> {
        let enabled = Table::ALL.iter().filter(|it| self.metrics.is_enabled(**it));
        let mut kinds: BTreeSet<Kind> = enabled.flat_map(|it| kinds_of(*it)).copied().collect();
        if !self.node_conditions_to_report.is_empty()
            || !self.allocatable_types_to_report.is_empty()
        {
            kinds.insert(Kind::Node);
        }
        if *self.distribution != Distribution::OpenShift {
            kinds.remove(&Kind::ClusterQuota);
        }
        self.within(kinds)
    }

    /// The kinds of objects that are entities.
    pub(crate) fn kinds_of_entities(&self) -> BTreeSet<Kind> {
        self.within(Kind::ENTITIES.into())
    }

    /// Those of them that can be watched: what belongs to no namespace is not known to who may only look into some.
    fn within(&self, mut kinds: BTreeSet<Kind>) -> BTreeSet<Kind> {
        if !self.of_namespaces().is_empty() {
            kinds.retain(|it| it.resource().namespaced);
        }
        kinds
    }
}

/// What has to be watched for a metric.
fn kinds_of(metric: Table) -> &'static [Kind] {
    let name = Table::METRICS.get(metric.index()).map_or("", |it| it.name);
    let prefixes: [(&str, &[Kind]); 17] = [
        ("k8s.container.", &[Kind::Pod]),
        ("k8s.pod.", &[Kind::Pod]),
        ("k8s.cronjob.", &[Kind::CronJob]),
        ("k8s.daemonset.", &[Kind::DaemonSet]),
        ("k8s.deployment.", &[Kind::Deployment]),
        ("k8s.hpa.", &[Kind::Autoscaler]),
        ("k8s.job.", &[Kind::Job]),
        ("k8s.namespace.", &[Kind::Namespace]),
        ("k8s.node.", &[Kind::Node]),
        ("k8s.persistentvolume.", &[Kind::Volume]),
        ("k8s.persistentvolumeclaim.", &[Kind::Claim]),
        ("k8s.replicaset.", &[Kind::ReplicaSet]),
        ("k8s.replication_controller.", &[Kind::ReplicationController]),
        ("k8s.resource_quota.", &[Kind::ResourceQuota]),
        ("k8s.service.endpoint.", &[Kind::Service, Kind::EndpointSlice]),
        ("k8s.service.", &[Kind::Service]),
        ("k8s.statefulset.", &[Kind::StatefulSet]),
    ];
    let found = prefixes.iter().find(|it| name.starts_with(it.0));
    found.map_or(&[Kind::ClusterQuota], |it| it.1)
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.api.validate("apiconfig", problems);
        if self.collection_interval.nanos() <= 0 {
            let text = "collection_interval must be positive";
            problems.at("", text).set("collection_interval", "10s");
        }
        if self.metadata_collection_interval.nanos() < 0 {
            let text = "metadata_collection_interval must not be negative";
            problems.at("", text).set("metadata_collection_interval", "0s");
        }
        if let Some(id) = &self.k8s_leader_elector {
            problems.needs("k8s_leader_elector", Need::LeaderElection(id.to_string()));
        }
        if let Some(exporter) = self.metadata_exporters.first() {
            let text = format!(
                "failed to configure metadata_exporters: {exporter} exporter does not implement MetadataExporter: \
                use this receiver in a logs pipeline, which gets the same as entity events"
            );
            problems.at_start("", text).remove("metadata_exporters");
        }
        if !self.namespace.is_empty() {
            let text = "namespace has been replaced by namespaces, a list";
            problems.warn(Caution::Deprecated, "", text).about("namespace");
        }
        self.metrics.validate("metrics", problems);
        self.resource_attributes.validate("resource_attributes", problems);
        for kind in self.kinds_of_metrics().union(&self.kinds_of_entities()) {
            let rule = kind.resource().rule(&["get", "list", "watch"]);
            problems.needs("auth_type", Need::Right(rule));
        }
    }
}
