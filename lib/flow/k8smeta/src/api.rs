//! What is read of a pod.

use kube::{Meta, null_is_default};
use serde::Deserialize;

use crate::rules::Metadata;

/// What is read of a pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ApiPod {
    pub(crate) metadata: Meta,
    pub(crate) spec: Spec,
    pub(crate) status: Status,
    /// Names of its workload, where there are no owners to follow: what a runtime tells.
    #[serde(skip)]
    pub(crate) workload: Vec<(Metadata, String)>,
    /// When it was started, where there is no `startTime`: in nanoseconds since 1970.
    #[serde(skip)]
    pub(crate) started: Option<i128>,
}

/// `spec:`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Spec {
    pub(crate) node_name: String,
    pub(crate) hostname: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) host_network: bool,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) containers: Vec<ApiContainer>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) init_containers: Vec<ApiContainer>,
}

/// One of `containers:`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ApiContainer {
    pub(crate) name: String,
    pub(crate) image: String,
}

/// `status:`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Status {
    #[serde(rename = "podIP")]
    pub(crate) pod_ip: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) start_time: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) init_container_statuses: Vec<ContainerStatus>,
}

/// One of `containerStatuses:`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ContainerStatus {
    pub(crate) name: String,
    #[serde(rename = "containerID")]
    pub(crate) container_id: String,
    #[serde(rename = "imageID")]
    pub(crate) image_id: String,
    pub(crate) restart_count: i64,
}

impl ApiPod {
    /// One of which nothing else is known.
    pub(crate) fn of(uid: &str) -> Self {
        Self { metadata: Meta { uid: uid.into(), ..Meta::default() }, ..Self::default() }
    }

    pub(crate) fn uid(&self) -> &str {
        &self.metadata.uid
    }
}

/// A pod that somebody told, and a hash of all that was said of it.
pub(crate) struct Seen {
    pub(crate) pod: ApiPod,
    pub(crate) hash: u64,
}
