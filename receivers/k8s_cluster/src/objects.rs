//! What is read of each kind of object: the few fields that a metric or an entity needs. Nothing else is kept.

use std::collections::BTreeMap;

use kube::{Owner, Quantity, amounts, null_is_default};
use serde::Deserialize;

/// What objects of all kinds have.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Head {
    pub(crate) name: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) namespace: String,
    pub(crate) uid: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) creation_timestamp: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) owner_references: Vec<Owner>,
}

/// What services have: they alone are told with their annotations.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct ServiceHead {
    #[serde(flatten)]
    pub(crate) head: Head,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// Types of which each field may be absent or `null`.
macro_rules! read {
    ($($(#[$about:meta])* $name:ident {$(
        $(#[$doc:meta])* $field:ident: $type:ty,
    )*})*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Default, PartialEq, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        pub(crate) struct $name {$(
            $(#[$doc])*
            #[serde(deserialize_with = "null_is_default")]
            pub(crate) $field: $type,
        )*}
    )*};
}

read! {
    /// A pod.
    Pod { metadata: Head, spec: PodSpec, status: PodStatus, }
    /// `spec:`.
    PodSpec { node_name: String, containers: Vec<Container>, }
    /// One of `containers:`.
    Container { name: String, resources: Resources, }
    /// `resources:`.
    Resources { requests: Needs, limits: Needs, }
    /// `status:`.
    PodStatus {
        phase: String,
        reason: String,
        qos_class: String,
        container_statuses: Vec<ContainerStatus>,
    }
    /// One of `containerStatuses:`.
    ContainerStatus {
        name: String,
        image: String,
        #[serde(rename = "containerID")]
        container_id: String,
        restart_count: i64,
        ready: bool,
        state: ContainerState,
        last_state: ContainerState,
    }
    /// `state:`.
    ContainerState {
        running: Option<Running>,
        waiting: Option<Waiting>,
        terminated: Option<Terminated>,
    }
    /// `running:`.
    Running { started_at: String, }
    /// `waiting:`.
    Waiting { reason: String, }
    /// `terminated:`.
    Terminated { reason: String, started_at: String, }

    /// A node.
    Node { metadata: Head, status: NodeStatus, }
    /// `status:`.
    NodeStatus { conditions: Vec<Condition>, allocatable: Amounts, node_info: NodeInfo, }
    /// One of `conditions:`.
    Condition { r#type: String, status: String, }
    /// `nodeInfo:`.
    NodeInfo {
        kubelet_version: String,
        container_runtime_version: String,
        os_image: String,
        operating_system: String,
    }

    /// A namespace.
    Namespace { metadata: Head, status: NamespaceStatus, }
    /// `status:`.
    NamespaceStatus { phase: String, }

    /// A deployment, replica set or replication controller.
    Replicated { metadata: Head, spec: ReplicatedSpec, status: ReplicatedStatus, }
    /// `spec:`.
    ReplicatedSpec { replicas: Option<i64>, }
    /// `status:`.
    ReplicatedStatus { available_replicas: i64, }

    /// A stateful set.
    StatefulSet { metadata: Head, spec: ReplicatedSpec, status: StatefulSetStatus, }
    /// `status:`.
    StatefulSetStatus {
        ready_replicas: i64,
        current_replicas: i64,
        updated_replicas: i64,
        available_replicas: i64,
        current_revision: String,
        update_revision: String,
    }

    /// A daemon set.
    DaemonSet { metadata: Head, status: DaemonSetStatus, }
    /// `status:`.
    DaemonSetStatus {
        current_number_scheduled: i64,
        number_misscheduled: i64,
        desired_number_scheduled: i64,
        number_ready: i64,
    }

    /// A job.
    Job { metadata: Head, spec: JobSpec, status: JobStatus, }
    /// `spec:`.
    JobSpec { completions: Option<i64>, parallelism: Option<i64>, }
    /// `status:`.
    JobStatus { active: i64, succeeded: i64, failed: i64, }

    /// A cron job.
    CronJob { metadata: Head, spec: CronJobSpec, status: CronJobStatus, }
    /// `spec:`.
    CronJobSpec { schedule: String, concurrency_policy: String, }
    /// `status:`.
    CronJobStatus { active: Count, }

    /// A horizontal pod autoscaler.
    Autoscaler { metadata: Head, spec: AutoscalerSpec, status: AutoscalerStatus, }
    /// `spec:`.
    AutoscalerSpec { min_replicas: Option<i64>, max_replicas: i64, scale_target_ref: Target, }
    /// `scaleTargetRef:`.
    Target { kind: String, name: String, api_version: String, }
    /// `status:`.
    AutoscalerStatus { current_replicas: i64, desired_replicas: i64, }

    /// A resource quota.
    ResourceQuota { metadata: Head, status: QuotaStatus, }
    /// `status:` of a resource quota, `total:` of a quota of the cluster.
    QuotaStatus { hard: Amounts, used: Amounts, }

    /// A quota of the cluster, of OpenShift.
    ClusterQuota { metadata: Head, status: ClusterQuotaStatus, }
    /// `status:`.
    ClusterQuotaStatus { total: QuotaStatus, namespaces: Vec<NamespaceQuota>, }
    /// One of `namespaces:`.
    NamespaceQuota { namespace: String, status: QuotaStatus, }

    /// A service.
    Service { metadata: ServiceHead, spec: ServiceSpec, status: ServiceStatus, }
    /// `spec:`.
    ServiceSpec {
        r#type: String,
        selector: BTreeMap<String, String>,
        publish_not_ready_addresses: bool,
        traffic_distribution: Option<String>,
    }
    /// `status:`.
    ServiceStatus { load_balancer: LoadBalancer, }
    /// `loadBalancer:`.
    LoadBalancer { ingress: Count, }

    /// A part of the endpoints of a service.
    EndpointSlice { metadata: Head, address_type: String, endpoints: Vec<Endpoint>, }
    /// One of `endpoints:`.
    Endpoint { conditions: EndpointConditions, zone: String, }
    /// `conditions:`.
    EndpointConditions {
        ready: Option<bool>,
        serving: Option<bool>,
        terminating: Option<bool>,
    }

    /// A persistent volume.
    Volume { metadata: Head, spec: VolumeSpec, status: NamespaceStatus, }
    /// `spec:`.
    VolumeSpec {
        capacity: Amounts,
        persistent_volume_reclaim_policy: String,
        storage_class_name: String,
    }

    /// A claim of a persistent volume.
    Claim { metadata: Head, spec: ClaimSpec, status: ClaimStatus, }
    /// `spec:`.
    ClaimSpec { resources: Resources, storage_class_name: String, }
    /// `status:`.
    ClaimStatus { phase: String, capacity: Amounts, }
}

/// Amounts by resource.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct Amounts(
    #[serde(deserialize_with = "amounts")] pub(crate) BTreeMap<String, Quantity>,
);

/// What a container needs, or may use at most: CPU in thousandths, the others in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Needs {
    pub(crate) cpu_milli: Option<i64>,
    pub(crate) memory: Option<i64>,
    pub(crate) storage: Option<i64>,
    pub(crate) ephemeral_storage: Option<i64>,
}

impl<'de> Deserialize<'de> for Needs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = amounts(deserializer)?;
        let whole = |of: &str| all.get(of).map(|it| it.value());
        Ok(Self {
            cpu_milli: all.get("cpu").map(|it| it.milli_value()),
            memory: whole("memory"),
            storage: whole("storage"),
            ephemeral_storage: whole("ephemeral-storage"),
        })
    }
}

/// How many entries a list has, whatever they are.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Count(pub(crate) usize);

impl Count {
    pub(crate) fn number(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries: Vec<serde::de::IgnoredAny> = Vec::deserialize(deserializer)?;
        Ok(Self(entries.len()))
    }
}
