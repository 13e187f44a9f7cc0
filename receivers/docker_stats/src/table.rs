//! Which metrics there are, and which attributes resources have.
scraping::catalog! {
    /// Metrics of a container. `receiver/dockerstatsreceiver/metadata.yaml`.
    pub enum Table: "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/dockerstatsreceiver",
        "https://opentelemetry.io/schemas/1.38.0";
    resource {
        "container.command_line": "The full command executed by the container.", false;
        "container.hostname": "The hostname of the container.", true;
        "container.id": "The ID of the container.", true;
        "container.image.id": "The ID of the container image.", false;
        "container.image.name": "The name of the docker image in use by the container.", true;
        "container.name": "The name of the container.", true;
        "container.runtime": "The runtime of the container: always docker.", true;
    }
    metrics {
        BlockioIoMergedRecursive = Metric::counter("container.blockio.io_merged_recursive", "{operations}",
            "Number of bios/requests merged into requests belonging to this cgroup and its descendant cgroups \
             (Only available with cgroups v1).", Int).by(&["device_major", "device_minor", "operation"]).off();
        BlockioIoQueuedRecursive = Metric::counter("container.blockio.io_queued_recursive", "{operations}",
            "Number of requests queued up for this cgroup and its descendant cgroups (Only available with cgroups \
             v1).", Int).by(&["device_major", "device_minor", "operation"]).off();
        BlockioIoServiceBytesRecursive = Metric::counter("container.blockio.io_service_bytes_recursive", "By",
            "Number of bytes transferred to/from the disk by the group and descendant groups.", Int).by(&["device_major", "device_minor", "operation"]);
        BlockioIoServiceTimeRecursive = Metric::counter("container.blockio.io_service_time_recursive", "ns",
            "Total amount of time in nanoseconds between request dispatch and request completion for the IOs done \
             by this cgroup and descendant cgroups (Only available with cgroups v1).", Int).by(&["device_major", "device_minor", "operation"]).off();
        BlockioIoServicedRecursive = Metric::counter("container.blockio.io_serviced_recursive", "{operations}",
            "Number of IOs (bio) issued to the disk by the group and descendant groups (Only available with \
             cgroups v1).", Int).by(&["device_major", "device_minor", "operation"]).off();
        BlockioIoTimeRecursive = Metric::counter("container.blockio.io_time_recursive", "ms",
            "Disk time allocated to cgroup (and descendant cgroups) per device in milliseconds (Only available \
             with cgroups v1).", Int).by(&["device_major", "device_minor", "operation"]).off();
        BlockioIoWaitTimeRecursive = Metric::counter("container.blockio.io_wait_time_recursive", "ns",
            "Total amount of time the IOs for this cgroup (and descendant cgroups) spent waiting in the scheduler \
             queues for service (Only available with cgroups v1).", Int).by(&["device_major", "device_minor", "operation"]).off();
        BlockioSectorsRecursive = Metric::counter("container.blockio.sectors_recursive", "{sectors}",
            "Number of sectors transferred to/from disk by the group and descendant groups (Only available with \
             cgroups v1).", Int).by(&["device_major", "device_minor", "operation"]).off();
        CpuLimit = Metric::gauge("container.cpu.limit", "{cpus}",
            "CPU limit set for the container.", Double).off();
        CpuLogicalCount = Metric::gauge("container.cpu.logical.count", "{cpus}",
            "Number of cores available to the container.", Int).off();
        CpuShares = Metric::gauge("container.cpu.shares", "1",
            "CPU shares set for the container.", Int).off();
        CpuThrottlingDataPeriods = Metric::counter("container.cpu.throttling_data.periods", "{periods}",
            "Number of periods with throttling active.", Int).off();
        CpuThrottlingDataThrottledPeriods = Metric::counter("container.cpu.throttling_data.throttled_periods", "{periods}",
            "Number of periods when the container hits its throttling limit.", Int).off();
        CpuThrottlingDataThrottledTime = Metric::counter("container.cpu.throttling_data.throttled_time", "ns",
            "Aggregate time the container was throttled.", Int).off();
        CpuUsageKernelmode = Metric::counter("container.cpu.usage.kernelmode", "ns",
            "Time spent by tasks of the cgroup in kernel mode (Linux).  Time spent by all container processes in \
             kernel mode (Windows).", Int);
        CpuUsagePercpu = Metric::counter("container.cpu.usage.percpu", "ns",
            "Per-core CPU usage by the container (Only available with cgroups v1).", Int).by(&["core"]).off();
        CpuUsageSystem = Metric::counter("container.cpu.usage.system", "ns",
            "System CPU usage, as reported by docker.", Int).off();
        CpuUsageTotal = Metric::counter("container.cpu.usage.total", "ns",
            "Total CPU time consumed.", Int);
        CpuUsageUsermode = Metric::counter("container.cpu.usage.usermode", "ns",
            "Time spent by tasks of the cgroup in user mode (Linux).  Time spent by all container processes in \
             user mode (Windows).", Int);
        CpuUtilization = Metric::gauge("container.cpu.utilization", "1",
            "Percent of CPU used by the container.", Double);
        MemoryActiveAnon = Metric::up_down("container.memory.active_anon", "By",
            "The amount of anonymous memory that has been identified as active by the kernel.", Int).off();
        MemoryActiveFile = Metric::up_down("container.memory.active_file", "By",
            "Cache memory that has been identified as active by the kernel.", Int).off();
        MemoryAnon = Metric::up_down("container.memory.anon", "By",
            "Amount of memory used in anonymous mappings such as brk(), sbrk(), and mmap(MAP_ANONYMOUS) (Only \
             available with cgroups v2).", Int).off();
        MemoryCache = Metric::up_down("container.memory.cache", "By",
            "The amount of memory used by the processes of this control group that can be associated precisely \
             with a block on a block device (Only available with cgroups v1).", Int).off();
        MemoryDirty = Metric::up_down("container.memory.dirty", "By",
            "Bytes that are waiting to get written back to the disk, from this cgroup (Only available with \
             cgroups v1).", Int).off();
        MemoryFails = Metric::counter("container.memory.fails", "{fails}",
            "Number of times the memory limit was hit.", Int).off();
        MemoryFile = Metric::up_down("container.memory.file", "By",
            "Amount of memory used to cache filesystem data, including tmpfs and shared memory (Only available \
             with cgroups v2).", Int);
        MemoryHierarchicalMemoryLimit = Metric::up_down("container.memory.hierarchical_memory_limit", "By",
            "The maximum amount of physical memory that can be used by the processes of this control group (Only \
             available with cgroups v1).", Int).off();
        MemoryHierarchicalMemswLimit = Metric::up_down("container.memory.hierarchical_memsw_limit", "By",
            "The maximum amount of RAM + swap that can be used by the processes of this control group (Only \
             available with cgroups v1).", Int).off();
        MemoryInactiveAnon = Metric::up_down("container.memory.inactive_anon", "By",
            "The amount of anonymous memory that has been identified as inactive by the kernel.", Int).off();
        MemoryInactiveFile = Metric::up_down("container.memory.inactive_file", "By",
            "Cache memory that has been identified as inactive by the kernel.", Int).off();
        MemoryMappedFile = Metric::up_down("container.memory.mapped_file", "By",
            "Indicates the amount of memory mapped by the processes in the control group (Only available with \
             cgroups v1).", Int).off();
        MemoryPercent = Metric::gauge("container.memory.percent", "1",
            "Percentage of memory used. Not supported on Windows.", Double);
        MemoryPgfault = Metric::counter("container.memory.pgfault", "{faults}",
            "Indicate the number of times that a process of the cgroup triggered a page fault.", Int).off();
        MemoryPgmajfault = Metric::counter("container.memory.pgmajfault", "{faults}",
            "Indicate the number of times that a process of the cgroup triggered a major fault.", Int).off();
        MemoryPgpgin = Metric::counter("container.memory.pgpgin", "{operations}",
            "Number of pages read from disk by the cgroup (Only available with cgroups v1).", Int).off();
        MemoryPgpgout = Metric::counter("container.memory.pgpgout", "{operations}",
            "Number of pages written to disk by the cgroup (Only available with cgroups v1).", Int).off();
        MemoryRss = Metric::up_down("container.memory.rss", "By",
            "The amount of memory that doesn\u{2019}t correspond to anything on disk: stacks, heaps, and \
             anonymous memory maps (Only available with cgroups v1).", Int).off();
        MemoryRssHuge = Metric::up_down("container.memory.rss_huge", "By",
            "Number of bytes of anonymous transparent hugepages in this cgroup (Only available with cgroups v1).", Int).off();
        MemoryTotalActiveAnon = Metric::up_down("container.memory.total_active_anon", "By",
            "The amount of anonymous memory that has been identified as active by the kernel. Includes descendant \
             cgroups (Only available with cgroups v1).", Int).off();
        MemoryTotalActiveFile = Metric::up_down("container.memory.total_active_file", "By",
            "Cache memory that has been identified as active by the kernel. Includes descendant cgroups (Only \
             available with cgroups v1).", Int).off();
        MemoryTotalCache = Metric::up_down("container.memory.total_cache", "By",
            "Total amount of memory used by the processes of this cgroup (and descendants) that can be associated \
             with a block on a block device. Also accounts for memory used by tmpfs (Only available with cgroups \
             v1). Not supported on Windows.", Int);
        MemoryTotalDirty = Metric::up_down("container.memory.total_dirty", "By",
            "Bytes that are waiting to get written back to the disk, from this cgroup and descendants (Only \
             available with cgroups v1).", Int).off();
        MemoryTotalInactiveAnon = Metric::up_down("container.memory.total_inactive_anon", "By",
            "The amount of anonymous memory that has been identified as inactive by the kernel. Includes \
             descendant cgroups (Only available with cgroups v1).", Int).off();
        MemoryTotalInactiveFile = Metric::up_down("container.memory.total_inactive_file", "By",
            "Cache memory that has been identified as inactive by the kernel. Includes descendant cgroups (Only \
             available with cgroups v1).", Int).off();
        MemoryTotalMappedFile = Metric::up_down("container.memory.total_mapped_file", "By",
            "Indicates the amount of memory mapped by the processes in the control group and descendant groups \
             (Only available with cgroups v1).", Int).off();
        MemoryTotalPgfault = Metric::counter("container.memory.total_pgfault", "{faults}",
            "Indicate the number of times that a process of the cgroup (or descendant cgroups) triggered a page \
             fault (Only available with cgroups v1).", Int).off();
        MemoryTotalPgmajfault = Metric::counter("container.memory.total_pgmajfault", "{faults}",
            "Indicate the number of times that a process of the cgroup (or descendant cgroups) triggered a major \
             fault (Only available with cgroups v1).", Int).off();
        MemoryTotalPgpgin = Metric::counter("container.memory.total_pgpgin", "{operations}",
            "Number of pages read from disk by the cgroup and descendant groups (Only available with cgroups v1).", Int).off();
        MemoryTotalPgpgout = Metric::counter("container.memory.total_pgpgout", "{operations}",
            "Number of pages written to disk by the cgroup and descendant groups (Only available with cgroups \
             v1).", Int).off();
        MemoryTotalRss = Metric::up_down("container.memory.total_rss", "By",
            "The amount of memory that doesn\u{2019}t correspond to anything on disk: stacks, heaps, and \
             anonymous memory maps. Includes descendant cgroups (Only available with cgroups v1).", Int).off();
        MemoryTotalRssHuge = Metric::up_down("container.memory.total_rss_huge", "By",
            "Number of bytes of anonymous transparent hugepages in this cgroup and descendant cgroups (Only \
             available with cgroups v1).", Int).off();
        MemoryTotalUnevictable = Metric::up_down("container.memory.total_unevictable", "By",
            "The amount of memory that cannot be reclaimed. Includes descendant cgroups (Only available with \
             cgroups v1).", Int).off();
        MemoryTotalWriteback = Metric::up_down("container.memory.total_writeback", "By",
            "Number of bytes of file/anon cache that are queued for syncing to disk in this cgroup and \
             descendants (Only available with cgroups v1).", Int).off();
        MemoryUnevictable = Metric::up_down("container.memory.unevictable", "By",
            "The amount of memory that cannot be reclaimed.", Int).off();
        MemoryUsageLimit = Metric::up_down("container.memory.usage.limit", "By",
            "Memory limit of the container. Not supported on Windows.", Int);
        MemoryUsageMax = Metric::up_down("container.memory.usage.max", "By",
            "Maximum memory usage.", Int).off();
        MemoryUsageTotal = Metric::up_down("container.memory.usage.total", "By",
            "Memory usage of the container. This excludes the cache.", Int);
        MemoryWriteback = Metric::up_down("container.memory.writeback", "By",
            "Number of bytes of file/anon cache that are queued for syncing to disk in this cgroup (Only \
             available with cgroups v1).", Int).off();
        NetworkIoUsageRxBytes = Metric::counter("container.network.io.usage.rx_bytes", "By",
            "Bytes received by the container.", Int).by(&["interface"]);
        NetworkIoUsageRxDropped = Metric::counter("container.network.io.usage.rx_dropped", "{packets}",
            "Incoming packets dropped.", Int).by(&["interface"]);
        NetworkIoUsageRxErrors = Metric::counter("container.network.io.usage.rx_errors", "{errors}",
            "Received errors. Not supported on Windows.", Int).by(&["interface"]).off();
        NetworkIoUsageRxPackets = Metric::counter("container.network.io.usage.rx_packets", "{packets}",
            "Packets received.", Int).by(&["interface"]).off();
        NetworkIoUsageTxBytes = Metric::counter("container.network.io.usage.tx_bytes", "By",
            "Bytes sent.", Int).by(&["interface"]);
        NetworkIoUsageTxDropped = Metric::counter("container.network.io.usage.tx_dropped", "{packets}",
            "Outgoing packets dropped.", Int).by(&["interface"]);
        NetworkIoUsageTxErrors = Metric::counter("container.network.io.usage.tx_errors", "{errors}",
            "Sent errors. Not supported on Windows.", Int).by(&["interface"]).off();
        NetworkIoUsageTxPackets = Metric::counter("container.network.io.usage.tx_packets", "{packets}",
            "Packets sent.", Int).by(&["interface"]).off();
        PidsCount = Metric::up_down("container.pids.count", "{pids}",
            "Number of pids in the container's cgroup.", Int).off();
        PidsLimit = Metric::up_down("container.pids.limit", "{pids}",
            "Maximum number of pids in the container's cgroup.", Int).off();
        Restarts = Metric::counter("container.restarts", "{restarts}",
            "Number of restarts for the container.", Int).off();
        Uptime = Metric::gauge("container.uptime", "s",
            "Time elapsed since container start time.", Double).off();
    }
}
