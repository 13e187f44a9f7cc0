//! Which metrics are about the same of a node, a pod and a container.

use crate::table::Table;

/// Shares of what the node has, of the limit, of the request.
pub(crate) type Shares = [Table; 3];

/// The metrics of one kind of thing.
pub(crate) struct Scope {
    pub(crate) cpu_time: Table,
    pub(crate) cpu_usage: Table,
    pub(crate) cpu_utilization: Table,
    pub(crate) cpu_shares: Option<Shares>,
    /// Available, major page faults, page faults, resident, usage, working set.
    pub(crate) memory: [Table; 6],
    pub(crate) memory_shares: Option<Shares>,
    /// Average and time, of CPU, memory, input and output.
    pub(crate) pressure: [[Table; 2]; 3],
    /// Available, capacity, usage.
    pub(crate) filesystem: [Table; 3],
    /// Bytes and errors.
    pub(crate) network: Option<[Table; 2]>,
    pub(crate) uptime: Table,
}

pub(crate) const NODE: Scope = Scope {
    cpu_time: Table::NodeCpuTime,
    cpu_usage: Table::NodeCpuUsage,
    cpu_utilization: Table::NodeCpuUtilization,
    cpu_shares: None,
    memory: [
        Table::NodeMemoryAvailable,
        Table::NodeMemoryMajorPageFaults,
        Table::NodeMemoryPageFaults,
        Table::NodeMemoryRss,
        Table::NodeMemoryUsage,
        Table::NodeMemoryWorkingSet,
    ],
    memory_shares: None,
    pressure: [
        [Table::NodeCpuPressureAvg, Table::NodeCpuPressureTime],
        [Table::NodeMemoryPressureAvg, Table::NodeMemoryPressureTime],
        [Table::NodeIoPressureAvg, Table::NodeIoPressureTime],
    ],
    filesystem: [
        Table::NodeFilesystemAvailable,
        Table::NodeFilesystemCapacity,
        Table::NodeFilesystemUsage,
    ],
    network: Some([Table::NodeNetworkIo, Table::NodeNetworkErrors]),
    uptime: Table::NodeUptime,
};

pub(crate) const POD: Scope = Scope {
    cpu_time: Table::PodCpuTime,
    cpu_usage: Table::PodCpuUsage,
    cpu_utilization: Table::PodCpuUtilization,
    cpu_shares: Some([
        Table::PodCpuNodeUtilization,
        Table::PodCpuLimitUtilization,
        Table::PodCpuRequestUtilization,
    ]),
    memory: [
        Table::PodMemoryAvailable,
        Table::PodMemoryMajorPageFaults,
        Table::PodMemoryPageFaults,
        Table::PodMemoryRss,
        Table::PodMemoryUsage,
        Table::PodMemoryWorkingSet,
    ],
    memory_shares: Some([
        Table::PodMemoryNodeUtilization,
        Table::PodMemoryLimitUtilization,
        Table::PodMemoryRequestUtilization,
    ]),
    pressure: [
        [Table::PodCpuPressureAvg, Table::PodCpuPressureTime],
        [Table::PodMemoryPressureAvg, Table::PodMemoryPressureTime],
        [Table::PodIoPressureAvg, Table::PodIoPressureTime],
    ],
    filesystem: [
        Table::PodFilesystemAvailable,
        Table::PodFilesystemCapacity,
        Table::PodFilesystemUsage,
    ],
    network: Some([Table::PodNetworkIo, Table::PodNetworkErrors]),
    uptime: Table::PodUptime,
};

pub(crate) const CONTAINER: Scope = Scope {
    cpu_time: Table::ContainerCpuTime,
    cpu_usage: Table::ContainerCpuUsage,
    cpu_utilization: Table::ContainerCpuUtilization,
    cpu_shares: Some([
        Table::ContainerCpuNodeUtilization,
        Table::ContainerCpuLimitUtilization,
        Table::ContainerCpuRequestUtilization,
    ]),
    memory: [
        Table::ContainerMemoryAvailable,
        Table::ContainerMemoryMajorPageFaults,
        Table::ContainerMemoryPageFaults,
        Table::ContainerMemoryRss,
        Table::ContainerMemoryUsage,
        Table::ContainerMemoryWorkingSet,
    ],
    memory_shares: Some([
        Table::ContainerMemoryNodeUtilization,
        Table::ContainerMemoryLimitUtilization,
        Table::ContainerMemoryRequestUtilization,
    ]),
    pressure: [
        [Table::ContainerCpuPressureAvg, Table::ContainerCpuPressureTime],
        [Table::ContainerMemoryPressureAvg, Table::ContainerMemoryPressureTime],
        [Table::ContainerIoPressureAvg, Table::ContainerIoPressureTime],
    ],
    filesystem: [
        Table::ContainerFilesystemAvailable,
        Table::ContainerFilesystemCapacity,
        Table::ContainerFilesystemUsage,
    ],
    network: None,
    uptime: Table::ContainerUptime,
};
