//! The kinds of objects, how the API server serves them, and which entity an object is.

use std::borrow::Cow;

use kube::Resource;

use crate::objects::{ContainerStatus, Head};
use crate::text::without_scheme;

/// A kind of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Pod,
    Node,
    Namespace,
    ReplicationController,
    ResourceQuota,
    Service,
    DaemonSet,
    Deployment,
    ReplicaSet,
    StatefulSet,
    Job,
    CronJob,
    Autoscaler,
    ClusterQuota,
    EndpointSlice,
    Volume,
    Claim,
}

/// Which entity: `k8s.pod`, `k8s.pod.uid` and the uid.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) kind: &'static str,
    pub(crate) key: &'static str,
    pub(crate) id: String,
}

impl Kind {
    /// All that are entities.
    pub(crate) const ENTITIES: [Self; 12] = [
        Self::Node,
        Self::Namespace,
        Self::ReplicaSet,
        Self::Job,
        Self::Service,
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::CronJob,
        Self::ReplicationController,
        Self::Autoscaler,
        Self::Pod,
    ];

    /// Where the API server has them.
    pub(crate) fn resource(self) -> Resource {
        match self {
            Self::Pod => Resource::PODS,
            Self::Node => Resource::NODES,
            Self::Namespace => Resource::NAMESPACES,
            Self::ReplicationController => Resource::of("", "replicationcontrollers", true),
            Self::ResourceQuota => Resource::of("", "resourcequotas", true),
            Self::Service => Resource::of("", "services", true),
            Self::DaemonSet => Resource::DAEMON_SETS,
            Self::Deployment => Resource::DEPLOYMENTS,
            Self::ReplicaSet => Resource::REPLICA_SETS,
            Self::StatefulSet => Resource::STATEFUL_SETS,
            Self::Job => Resource::JOBS,
            Self::CronJob => Resource::of("batch", "cronjobs", true),
            Self::Autoscaler => Resource {
                version: Cow::Borrowed("v2"),
                ..Resource::of("autoscaling", "horizontalpodautoscalers", true)
            },
            Self::ClusterQuota => {
                Resource::of("quota.openshift.io", "clusterresourcequotas", false)
            }
            Self::EndpointSlice => Resource::of("discovery.k8s.io", "endpointslices", true),
            Self::Volume => Resource::of("", "persistentvolumes", false),
            Self::Claim => Resource::of("", "persistentvolumeclaims", true),
        }
    }

    /// The type of the entity that an object is, and the key of its uid; `None` for what is no entity.
    pub(crate) fn entity(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Pod => ("k8s.pod", "k8s.pod.uid"),
            Self::Node => ("k8s.node", "k8s.node.uid"),
            Self::Namespace => ("k8s.namespace", "k8s.namespace.uid"),
            Self::ReplicationController => {
                ("k8s.replicationcontroller", "k8s.replicationcontroller.uid")
            }
            Self::Service => ("k8s.service", "k8s.service.uid"),
            Self::DaemonSet => ("k8s.daemonset", "k8s.daemonset.uid"),
            Self::Deployment => ("k8s.deployment", "k8s.deployment.uid"),
            Self::ReplicaSet => ("k8s.replicaset", "k8s.replicaset.uid"),
            Self::StatefulSet => ("k8s.statefulset", "k8s.statefulset.uid"),
            Self::Job => ("k8s.job", "k8s.job.uid"),
            Self::CronJob => ("k8s.cronjob", "k8s.cronjob.uid"),
            Self::Autoscaler => ("k8s.hpa", "k8s.hpa.uid"),
            _ => return None,
        })
    }

    /// What a workload of this kind is called, and the key of its creation time; `None` for what is no workload.
    pub(crate) fn workload(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::ReplicationController => {
                ("ReplicationController", "replicationcontroller.creation_timestamp")
            }
            Self::DaemonSet => ("DaemonSet", "daemonset.creation_timestamp"),
            Self::Deployment => ("Deployment", "deployment.creation_timestamp"),
            Self::ReplicaSet => ("ReplicaSet", "replicaset.creation_timestamp"),
            Self::StatefulSet => ("StatefulSet", "statefulset.creation_timestamp"),
            Self::Job => ("Job", "job.creation_timestamp"),
            Self::CronJob => ("CronJob", "cronjob.creation_timestamp"),
            Self::Autoscaler => ("HPA", "hpa.creation_timestamp"),
            _ => return None,
        })
    }

    /// The entities that an object is: itself, and the containers of a pod.
    pub(crate) fn identities(self, head: &Head, containers: &[ContainerStatus]) -> Vec<Identity> {
        let own = self.entity().map(|(kind, key)| Identity { kind, key, id: head.uid.clone() });
        own.into_iter().chain(containers.iter().map(Identity::of_container)).collect()
    }
}

impl Identity {
    pub(crate) fn of_container(status: &ContainerStatus) -> Self {
        let id = without_scheme(&status.container_id).to_owned();
        Self { kind: "container", key: "container.id", id }
    }
}
