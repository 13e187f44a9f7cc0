//! What a daemon says of what a container uses.

use std::collections::BTreeMap;

use component::config::null_is_default;
use serde::Deserialize;

/// What `stats` says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Stats {
    pub(crate) cpu_stats: CpuStats,
    pub(crate) precpu_stats: CpuStats,
    pub(crate) memory_stats: MemoryStats,
    pub(crate) blkio_stats: BlkioStats,
    pub(crate) pids_stats: PidsStats,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) networks: BTreeMap<String, NetworkStats>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CpuStats {
    pub(crate) cpu_usage: CpuUsage,
    pub(crate) system_cpu_usage: u64,
    pub(crate) online_cpus: u32,
    pub(crate) throttling_data: ThrottlingData,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CpuUsage {
    pub(crate) total_usage: u64,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) percpu_usage: Vec<u64>,
    pub(crate) usage_in_kernelmode: u64,
    pub(crate) usage_in_usermode: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ThrottlingData {
    pub(crate) periods: u64,
    pub(crate) throttled_periods: u64,
    pub(crate) throttled_time: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MemoryStats {
    pub(crate) usage: u64,
    pub(crate) max_usage: u64,
    pub(crate) failcnt: u64,
    pub(crate) limit: u64,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) stats: BTreeMap<String, u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BlkioStats {
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) io_service_bytes_recursive: Vec<BlkioEntry>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) io_serviced_recursive: Vec<BlkioEntry>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) io_queue_recursive: Vec<BlkioEntry>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) io_service_time_recursive: Vec<BlkioEntry>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) io_wait_time_recursive: Vec<BlkioEntry>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) io_merged_recursive: Vec<BlkioEntry>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) io_time_recursive: Vec<BlkioEntry>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) sectors_recursive: Vec<BlkioEntry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BlkioEntry {
    pub(crate) major: u64,
    pub(crate) minor: u64,
    pub(crate) op: String,
    pub(crate) value: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PidsStats {
    pub(crate) current: u64,
    pub(crate) limit: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NetworkStats {
    pub(crate) rx_bytes: u64,
    pub(crate) rx_packets: u64,
    pub(crate) rx_errors: u64,
    pub(crate) rx_dropped: u64,
    pub(crate) tx_bytes: u64,
    pub(crate) tx_packets: u64,
    pub(crate) tx_errors: u64,
    pub(crate) tx_dropped: u64,
}
