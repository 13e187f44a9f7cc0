//! Which metrics there are, and which attributes resources have.
scraping::catalog! {
    /// Metrics of a node, its pods, containers and volumes. `receiver/kubeletstatsreceiver/metadata.yaml`.
    pub enum Table: "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/kubeletstatsreceiver", "";
    resource {
        "aws.volume.id": "The volume at AWS. The Collector will remove it.", true;
        "container.id": "The id of the container, without its runtime.", true;
        "fs.type": "The file system of the volume. The Collector will remove it.", true;
        "gce.pd.name": "The disk at GCE. The Collector will remove it.", true;
        "glusterfs.endpoints.name": "The endpoints of GlusterFS. The Collector will remove it.", true;
        "glusterfs.path": "The path at GlusterFS. The Collector will remove it.", true;
        "k8s.container.name": "The name of the container.", true;
        "k8s.namespace.name": "The name of the namespace.", true;
        "k8s.node.name": "The name of the node.", true;
        "k8s.node.system_container.name": "The name of the system container.", true;
        "k8s.persistentvolumeclaim.name": "The name of the claim.", true;
        "k8s.pod.name": "The name of the pod.", true;
        "k8s.pod.uid": "The uid of the pod.", true;
        "k8s.volume.name": "The name of the volume in its pod.", true;
        "k8s.volume.type": "What kind of volume it is.", true;
        "partition": "The partition of the volume. The Collector will remove it.", true;
    }
    metrics {
        ContainerCpuPressureAvg = Metric::gauge("container.cpu.pressure.avg", "%",
            "Rolling average percentage of time tasks in the container cgroup were stalled waiting for \
             CPU. Requires Linux >= 4.20 with cgroup v2. Values may transiently exceed 100.", Double).by(&["psi.type", "psi.window"]).off();
        ContainerCpuPressureTime = Metric::counter("container.cpu.pressure.time", "s",
            "Cumulative total time tasks in the container cgroup were stalled waiting for CPU. Requires \
             Linux >= 4.20 with cgroup v2.", Double).by(&["psi.type"]).off();
        ContainerCpuTime = Metric::counter("container.cpu.time", "s",
            "Total cumulative CPU time (sum of all cores) spent by the container/pod/node since its \
             creation", Double);
        ContainerCpuUsage = Metric::gauge("container.cpu.usage", "{cpu}",
            "Total CPU usage (sum of all cores per second) averaged over the sample window", Double);
        ContainerCpuUtilization = Metric::gauge("container.cpu.utilization", "1",
            "Container CPU utilization", Double).off();
        ContainerFilesystemAvailable = Metric::gauge("container.filesystem.available", "By",
            "Container filesystem available", Int);
        ContainerFilesystemCapacity = Metric::gauge("container.filesystem.capacity", "By",
            "Container filesystem capacity", Int);
        ContainerFilesystemUsage = Metric::gauge("container.filesystem.usage", "By",
            "Container filesystem usage", Int);
        ContainerIoPressureAvg = Metric::gauge("container.io.pressure.avg", "%",
            "Rolling average percentage of time tasks in the container cgroup were stalled waiting for \
             IO. Requires Linux >= 4.20 with cgroup v2. Values may transiently exceed 100.", Double).by(&["psi.type", "psi.window"]).off();
        ContainerIoPressureTime = Metric::counter("container.io.pressure.time", "s",
            "Cumulative total time tasks in the container cgroup were stalled waiting for IO. Requires \
             Linux >= 4.20 with cgroup v2.", Double).by(&["psi.type"]).off();
        ContainerMemoryAvailable = Metric::gauge("container.memory.available", "By",
            "Container memory available", Int);
        ContainerMemoryMajorPageFaults = Metric::gauge("container.memory.major_page_faults", "1",
            "Container memory major_page_faults", Int);
        ContainerMemoryPageFaults = Metric::gauge("container.memory.page_faults", "1",
            "Container memory page_faults", Int);
        ContainerMemoryPressureAvg = Metric::gauge("container.memory.pressure.avg", "%",
            "Rolling average percentage of time tasks in the container cgroup were stalled waiting for \
             memory. Requires Linux >= 4.20 with cgroup v2. Values may transiently exceed 100.", Double).by(&["psi.type", "psi.window"]).off();
        ContainerMemoryPressureTime = Metric::counter("container.memory.pressure.time", "s",
            "Cumulative total time tasks in the container cgroup were stalled waiting for memory. \
             Requires Linux >= 4.20 with cgroup v2.", Double).by(&["psi.type"]).off();
        ContainerMemoryRss = Metric::gauge("container.memory.rss", "By", "Container memory rss", Int);
        ContainerMemoryUsage = Metric::gauge("container.memory.usage", "By", "Container memory usage", Int);
        ContainerMemoryWorkingSet = Metric::gauge("container.memory.working_set", "By",
            "Container memory working_set", Int);
        ContainerUptime = Metric::counter("container.uptime", "s",
            "The time since the container started", Int).off();
        ContainerCpuNodeUtilization = Metric::gauge("k8s.container.cpu.node.utilization", "1",
            "Container cpu utilization as a ratio of the node's capacity", Double).off();
        ContainerCpuLimitUtilization = Metric::gauge("k8s.container.cpu_limit_utilization", "1",
            "Container cpu utilization as a ratio of the container's limits", Double).off();
        ContainerCpuRequestUtilization = Metric::gauge("k8s.container.cpu_request_utilization", "1",
            "Container cpu utilization as a ratio of the container's requests", Double).off();
        ContainerEphemeralStorageUsage = Metric::up_down("k8s.container.ephemeral_storage.usage", "By",
            "Ephemeral storage used by the container.", Int).by(&["fs.type"]).off();
        ContainerMemoryNodeUtilization = Metric::gauge("k8s.container.memory.node.utilization", "1",
            "Container memory utilization as a ratio of the node's capacity", Double).off();
        ContainerMemoryLimitUtilization = Metric::gauge("k8s.container.memory_limit_utilization", "1",
            "Container memory utilization as a ratio of the container's limits", Double).off();
        ContainerMemoryRequestUtilization = Metric::gauge("k8s.container.memory_request_utilization", "1",
            "Container memory utilization as a ratio of the container's requests", Double).off();
        NodeCpuPressureAvg = Metric::gauge("k8s.node.cpu.pressure.avg", "%",
            "Rolling average percentage of time tasks in the node cgroup were stalled waiting for CPU. \
             Requires Linux >= 4.20 with cgroup v2. Values may transiently exceed 100.", Double).by(&["psi.type", "psi.window"]).off();
        NodeCpuPressureTime = Metric::counter("k8s.node.cpu.pressure.time", "s",
            "Cumulative total time tasks in the node cgroup were stalled waiting for CPU. Requires Linux \
             >= 4.20 with cgroup v2.", Double).by(&["psi.type"]).off();
        NodeCpuTime = Metric::counter("k8s.node.cpu.time", "s",
            "Total cumulative CPU time (sum of all cores) spent by the container/pod/node since its \
             creation", Double);
        NodeCpuUsage = Metric::gauge("k8s.node.cpu.usage", "{cpu}",
            "Total CPU usage (sum of all cores per second) averaged over the sample window", Double);
        NodeCpuUtilization = Metric::gauge("k8s.node.cpu.utilization", "1",
            "Node CPU utilization", Double).off();
        NodeFilesystemAvailable = Metric::gauge("k8s.node.filesystem.available", "By",
            "Node filesystem available", Int);
        NodeFilesystemCapacity = Metric::gauge("k8s.node.filesystem.capacity", "By",
            "Node filesystem capacity", Int);
        NodeFilesystemInodeCount = Metric::up_down("k8s.node.filesystem.inode.count", "{inode}",
            "Total number of inodes in the node's root filesystem.", Int).off();
        NodeFilesystemInodeFree = Metric::up_down("k8s.node.filesystem.inode.free", "{inode}",
            "Number of free inodes in the node's root filesystem.", Int).off();
        NodeFilesystemUsage = Metric::gauge("k8s.node.filesystem.usage", "By", "Node filesystem usage", Int);
        NodeIoPressureAvg = Metric::gauge("k8s.node.io.pressure.avg", "%",
            "Rolling average percentage of time tasks in the node cgroup were stalled waiting for IO. \
             Requires Linux >= 4.20 with cgroup v2. Values may transiently exceed 100.", Double).by(&["psi.type", "psi.window"]).off();
        NodeIoPressureTime = Metric::counter("k8s.node.io.pressure.time", "s",
            "Cumulative total time tasks in the node cgroup were stalled waiting for IO. Requires Linux \
             >= 4.20 with cgroup v2.", Double).by(&["psi.type"]).off();
        NodeMemoryAvailable = Metric::gauge("k8s.node.memory.available", "By", "Node memory available", Int);
        NodeMemoryMajorPageFaults = Metric::gauge("k8s.node.memory.major_page_faults", "1",
            "Node memory major_page_faults", Int);
        NodeMemoryPageFaults = Metric::gauge("k8s.node.memory.page_faults", "1",
            "Node memory page_faults", Int);
        NodeMemoryPressureAvg = Metric::gauge("k8s.node.memory.pressure.avg", "%",
            "Rolling average percentage of time tasks in the node cgroup were stalled waiting for memory. \
             Requires Linux >= 4.20 with cgroup v2. Values may transiently exceed 100.", Double).by(&["psi.type", "psi.window"]).off();
        NodeMemoryPressureTime = Metric::counter("k8s.node.memory.pressure.time", "s",
            "Cumulative total time tasks in the node cgroup were stalled waiting for memory. Requires \
             Linux >= 4.20 with cgroup v2.", Double).by(&["psi.type"]).off();
        NodeMemoryRss = Metric::gauge("k8s.node.memory.rss", "By", "Node memory rss", Int);
        NodeMemoryUsage = Metric::gauge("k8s.node.memory.usage", "By", "Node memory usage", Int);
        NodeMemoryWorkingSet = Metric::gauge("k8s.node.memory.working_set", "By",
            "Node memory working_set", Int);
        NodeNetworkErrors = Metric::counter("k8s.node.network.errors", "1",
            "Node network errors", Int).by(&["interface", "direction"]);
        NodeNetworkIo = Metric::counter("k8s.node.network.io", "By",
            "Node network IO", Int).by(&["interface", "direction"]);
        NodeSystemContainerCpuTime = Metric::counter("k8s.node.system_container.cpu.time", "s",
            "Total cumulative CPU time (sum of all cores) spent by the system container since its \
             creation", Double).off();
        NodeSystemContainerCpuUsage = Metric::gauge("k8s.node.system_container.cpu.usage", "{cpu}",
            "Total CPU usage (sum of all cores per second) averaged over the sample window for the system \
             container", Double).off();
        NodeSystemContainerMemoryUsage = Metric::gauge("k8s.node.system_container.memory.usage", "By",
            "System container memory usage", Int).off();
        NodeSystemContainerMemoryWorkingSet = Metric::gauge("k8s.node.system_container.memory.working_set", "By",
            "System container memory working_set", Int).off();
        NodeUptime = Metric::counter("k8s.node.uptime", "s", "The time since the node started", Int).off();
        PodCpuNodeUtilization = Metric::gauge("k8s.pod.cpu.node.utilization", "1",
            "Pod cpu utilization as a ratio of the node's capacity", Double).off();
        PodCpuPressureAvg = Metric::gauge("k8s.pod.cpu.pressure.avg", "%",
            "Rolling average percentage of time tasks in the pod cgroup were stalled waiting for CPU. \
             Requires Linux >= 4.20 with cgroup v2. Values may transiently exceed 100.", Double).by(&["psi.type", "psi.window"]).off();
        PodCpuPressureTime = Metric::counter("k8s.pod.cpu.pressure.time", "s",
            "Cumulative total time tasks in the pod cgroup were stalled waiting for CPU. Requires Linux \
             >= 4.20 with cgroup v2.", Double).by(&["psi.type"]).off();
        PodCpuTime = Metric::counter("k8s.pod.cpu.time", "s",
            "Total cumulative CPU time (sum of all cores) spent by the container/pod/node since its \
             creation", Double);
        PodCpuUsage = Metric::gauge("k8s.pod.cpu.usage", "{cpu}",
            "Total CPU usage (sum of all cores per second) averaged over the sample window", Double);
        PodCpuUtilization = Metric::gauge("k8s.pod.cpu.utilization", "1",
            "Pod CPU utilization", Double).off();
        PodCpuLimitUtilization = Metric::gauge("k8s.pod.cpu_limit_utilization", "1",
            "Pod cpu utilization as a ratio of the pod's total container limits. If any container is \
             missing a limit the metric is not emitted.", Double).off();
        PodCpuRequestUtilization = Metric::gauge("k8s.pod.cpu_request_utilization", "1",
            "Pod cpu utilization as a ratio of the pod's total container requests. If any container is \
             missing a request the metric is not emitted.", Double).off();
        PodFilesystemAvailable = Metric::gauge("k8s.pod.filesystem.available", "By",
            "Pod filesystem available", Int);
        PodFilesystemCapacity = Metric::gauge("k8s.pod.filesystem.capacity", "By",
            "Pod filesystem capacity", Int);
        PodFilesystemUsage = Metric::gauge("k8s.pod.filesystem.usage", "By", "Pod filesystem usage", Int);
        PodIoPressureAvg = Metric::gauge("k8s.pod.io.pressure.avg", "%",
            "Rolling average percentage of time tasks in the pod cgroup were stalled waiting for IO. \
             Requires Linux >= 4.20 with cgroup v2. Values may transiently exceed 100.", Double).by(&["psi.type", "psi.window"]).off();
        PodIoPressureTime = Metric::counter("k8s.pod.io.pressure.time", "s",
            "Cumulative total time tasks in the pod cgroup were stalled waiting for IO. Requires Linux >= \
             4.20 with cgroup v2.", Double).by(&["psi.type"]).off();
        PodMemoryAvailable = Metric::gauge("k8s.pod.memory.available", "By", "Pod memory available", Int);
        PodMemoryMajorPageFaults = Metric::gauge("k8s.pod.memory.major_page_faults", "1",
            "Pod memory major_page_faults", Int);
        PodMemoryNodeUtilization = Metric::gauge("k8s.pod.memory.node.utilization", "1",
            "Pod memory utilization as a ratio of the node's capacity", Double).off();
        PodMemoryPageFaults = Metric::gauge("k8s.pod.memory.page_faults", "1", "Pod memory page_faults", Int);
        PodMemoryPressureAvg = Metric::gauge("k8s.pod.memory.pressure.avg", "%",
            "Rolling average percentage of time tasks in the pod cgroup were stalled waiting for memory. \
             Requires Linux >= 4.20 with cgroup v2. Values may transiently exceed 100.", Double).by(&["psi.type", "psi.window"]).off();
        PodMemoryPressureTime = Metric::counter("k8s.pod.memory.pressure.time", "s",
            "Cumulative total time tasks in the pod cgroup were stalled waiting for memory. Requires \
             Linux >= 4.20 with cgroup v2.", Double).by(&["psi.type"]).off();
        PodMemoryRss = Metric::gauge("k8s.pod.memory.rss", "By", "Pod memory rss", Int);
        PodMemoryUsage = Metric::gauge("k8s.pod.memory.usage", "By", "Pod memory usage", Int);
        PodMemoryWorkingSet = Metric::gauge("k8s.pod.memory.working_set", "By",
            "Pod memory working_set", Int);
        PodMemoryLimitUtilization = Metric::gauge("k8s.pod.memory_limit_utilization", "1",
            "Pod memory utilization as a ratio of the pod's total container limits. If any container is \
             missing a limit the metric is not emitted.", Double).off();
        PodMemoryRequestUtilization = Metric::gauge("k8s.pod.memory_request_utilization", "1",
            "Pod memory utilization as a ratio of the pod's total container requests. If any container is \
             missing a request the metric is not emitted.", Double).off();
        PodNetworkErrors = Metric::counter("k8s.pod.network.errors", "1",
            "Pod network errors", Int).by(&["interface", "direction"]);
        PodNetworkIo = Metric::counter("k8s.pod.network.io", "By",
            "Pod network IO", Int).by(&["interface", "direction"]);
        PodUptime = Metric::counter("k8s.pod.uptime", "s", "The time since the pod started", Int).off();
        PodVolumeUsage = Metric::up_down("k8s.pod.volume.usage", "By",
            "The number of used bytes in the pod volume.", Int).off();
        VolumeAvailable = Metric::gauge("k8s.volume.available", "By",
            "The number of available bytes in the volume.", Int);
        VolumeCapacity = Metric::gauge("k8s.volume.capacity", "By",
            "The total capacity in bytes of the volume.", Int);
        VolumeInodes = Metric::gauge("k8s.volume.inodes", "1", "The total inodes in the filesystem.", Int);
        VolumeInodesFree = Metric::gauge("k8s.volume.inodes.free", "1",
            "The free inodes in the filesystem.", Int);
        VolumeInodesUsed = Metric::gauge("k8s.volume.inodes.used", "1",
            "The inodes used by the filesystem. This may not equal inodes - free because filesystem may \
             share inodes with other filesystems.", Int);
    }
}
