//! What the kubelet says of what runs on its node: `/stats/summary`. `k8s.io/kubelet/pkg/apis/stats/v1alpha1`.

use kube::null_is_default;
use serde::Deserialize;

/// The page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Summary {
    pub(crate) node: Node,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) pods: Vec<Pod>,
}

/// `node:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Node {
    pub(crate) node_name: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) system_containers: Vec<Container>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) start_time: String,
    pub(crate) cpu: Option<Cpu>,
    pub(crate) memory: Option<Memory>,
    pub(crate) network: Option<Network>,
    pub(crate) fs: Option<Filesystem>,
    pub(crate) io: Option<Io>,
}

/// One of `pods:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Pod {
    pub(crate) pod_ref: Reference,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) start_time: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) containers: Vec<Container>,
    pub(crate) cpu: Option<Cpu>,
    pub(crate) memory: Option<Memory>,
    pub(crate) network: Option<Network>,
    #[serde(deserialize_with = "null_is_default", rename = "volume")]
    pub(crate) volumes: Vec<Volume>,
    #[serde(rename = "ephemeral-storage")]
    pub(crate) ephemeral_storage: Option<Filesystem>,
    pub(crate) io: Option<Io>,
}

/// `podRef:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) uid: String,
}

/// One of `containers:` and `systemContainers:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Container {
    pub(crate) name: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) start_time: String,
    pub(crate) cpu: Option<Cpu>,
    pub(crate) memory: Option<Memory>,
    pub(crate) rootfs: Option<Filesystem>,
    pub(crate) logs: Option<Filesystem>,
    pub(crate) io: Option<Io>,
}

/// `cpu:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Cpu {
    pub(crate) usage_nano_cores: Option<u64>,
    pub(crate) usage_core_nano_seconds: Option<u64>,
    pub(crate) psi: Option<Psi>,
}

/// `memory:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Memory {
    pub(crate) available_bytes: Option<u64>,
    pub(crate) usage_bytes: Option<u64>,
    pub(crate) working_set_bytes: Option<u64>,
    pub(crate) rss_bytes: Option<u64>,
    pub(crate) page_faults: Option<u64>,
    pub(crate) major_page_faults: Option<u64>,
    pub(crate) psi: Option<Psi>,
}

/// `io:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Io {
    pub(crate) psi: Option<Psi>,
}

/// `psi:`: how long tasks had to wait, some of them and all of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Psi {
    pub(crate) some: Pressure,
    pub(crate) full: Pressure,
}

/// `some:` and `full:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pressure {
    /// Nanoseconds.
    pub(crate) total: u64,
    pub(crate) avg10: f64,
    pub(crate) avg60: f64,
    pub(crate) avg300: f64,
}

/// `network:`, and one of its `interfaces:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Network {
    #[serde(flatten)]
    pub(crate) default: Interface,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) interfaces: Vec<Interface>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) rx_bytes: Option<u64>,
    pub(crate) rx_errors: Option<u64>,
    pub(crate) tx_bytes: Option<u64>,
    pub(crate) tx_errors: Option<u64>,
}

/// `fs:`, `rootfs:`, `logs:`, `ephemeral-storage:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Filesystem {
    pub(crate) available_bytes: Option<u64>,
    pub(crate) capacity_bytes: Option<u64>,
    pub(crate) used_bytes: Option<u64>,
    pub(crate) inodes_free: Option<u64>,
    pub(crate) inodes: Option<u64>,
    pub(crate) inodes_used: Option<u64>,
}

/// One of `volume:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Volume {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) fs: Filesystem,
}
