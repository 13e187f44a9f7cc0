//! The parts of a daemon's answers that are used. Docker Engine API 1.25 to 1.51.

use std::collections::BTreeMap;

use component::config::null_is_default;
use serde::Deserialize;

/// A container in the list of all.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Listed {
    /// Unique for ever.
    pub id: String,
    /// As it was asked for.
    pub image: String,
}

/// What `inspect` says.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Container {
    /// Unique for ever.
    pub id: String,
    /// With a slash in front.
    pub name: String,
    /// The id of the image.
    pub image: String,
    /// Starts after the first.
    pub restart_count: i64,
    /// What it does.
    pub state: ContainerState,
    /// What it was made with.
    pub config: ContainerConfig,
    /// What was said about this host.
    pub host_config: HostConfig,
    /// Where it is reached.
    pub network_settings: NetworkSettings,
}

/// `State:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerState {
    /// Also of one that is paused.
    pub running: bool,
    /// It stands still.
    pub paused: bool,
    /// RFC 3339.
    pub started_at: String,
}

/// `Config:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerConfig {
    /// Its own name for itself.
    pub hostname: String,
    /// As it was asked for.
    pub image: String,
    /// What it runs.
    #[serde(deserialize_with = "null_is_default")]
    pub cmd: Vec<String>,
    /// `NAME=value`.
    #[serde(deserialize_with = "null_is_default")]
    pub env: Vec<String>,
    /// Of whoever made it.
    #[serde(deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    /// `80/tcp`.
    #[serde(deserialize_with = "null_is_default")]
    pub exposed_ports: BTreeMap<String, serde_json::Value>,
}

/// `HostConfig:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HostConfig {
    /// Its weight.
    pub cpu_shares: i64,
    /// Billionths of processors.
    pub nano_cpus: i64,
    /// `0-3`.
    pub cpuset_cpus: String,
    /// Microseconds in each period.
    pub cpu_quota: i64,
    /// Microseconds.
    pub cpu_period: i64,
}

/// `NetworkSettings:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkSettings {
    /// By `80/tcp`: where the host listens for it.
    #[serde(deserialize_with = "null_is_default")]
    pub ports: BTreeMap<String, Option<Vec<Binding>>>,
    /// By name.
    #[serde(deserialize_with = "null_is_default")]
    pub networks: BTreeMap<String, Network>,
}

/// Where the host listens for a port.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Binding {
    /// Its address; `0.0.0.0` for all.
    #[serde(rename = "HostIp")]
    pub host_ip: String,
    /// A number.
    #[serde(rename = "HostPort")]
    pub host_port: String,
}

/// One of `Networks:`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Network {
    /// Of the container in it.
    #[serde(rename = "IPAddress")]
    pub ip_address: String,
}
