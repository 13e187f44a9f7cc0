//! From what the kubelet says to points.

use std::collections::HashMap;

use component::clock;
use scraping::Builder;

use crate::pods::{Asked, Pod, Volume};
use crate::scope::{CONTAINER, NODE, POD, Scope, Shares};
use crate::server::{Capacity, Claims};
use crate::summary;
use crate::summary::{
    Container, Cpu, Filesystem, Interface, Io, Memory, Network, Node, Psi, Summary,
};
use crate::table::Table;

/// A billion: nanoseconds of a second.
const NANOS: f64 = 1e9;

/// What is collected, beside what the table says.
#[expect(clippy::struct_excessive_bools, reason = "they are lists of names in the section")]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub(crate) node: bool,
    pub(crate) pod: bool,
    pub(crate) container: bool,
    pub(crate) volume: bool,
    pub(crate) interfaces_of_node: bool,
    pub(crate) interfaces_of_pod: bool,
    pub(crate) container_id: bool,
    pub(crate) volume_type: bool,
}

/// What is known beside the summary.
pub(crate) struct Around<'a> {
    pub(crate) pods: &'a HashMap<String, Pod>,
    pub(crate) capacity: Capacity,
    pub(crate) claims: Option<&'a Claims>,
}

/// Records one scrape.
pub(crate) struct Recorder<'a> {
    pub(crate) builder: &'a mut Builder<Table>,
    pub(crate) wanted: Wanted,
    pub(crate) around: Around<'a>,
    /// When the receiver began: for points that say nothing of their own.
    pub(crate) started: u64,
    pub(crate) now: u64,
    /// Containers and volumes of which something is not known yet: how many, and of the first what.
    pub(crate) skipped: Option<(usize, String)>,
}

impl Recorder<'_> {
    pub(crate) fn all(&mut self, summary: &Summary) {
        self.builder.time(self.now);
        if self.wanted.node {
            self.node(&summary.node);
        }
        for pod in &summary.pods {
            if self.wanted.pod {
                self.pod(pod);
            }
            if self.wanted.container {
                pod.containers.iter().for_each(|it| self.container(pod, it));
            }
            if self.wanted.volume {
                pod.volumes.iter().for_each(|it| self.volume(pod, it));
            }
        }
    }

    fn node(&mut self, node: &Node) {
        self.usage(
            &NODE,
            node.cpu.as_ref(),
            node.memory.as_ref(),
            node.io.as_ref(),
            Asked::default(),
        );
        self.filesystem(&NODE, node.fs.as_ref());
        if let Some(fs) = &node.fs {
            self.whole(Table::NodeFilesystemInodeCount, fs.inodes);
            self.whole(Table::NodeFilesystemInodeFree, fs.inodes_free);
        }
        self.network(&NODE, node.network.as_ref(), self.wanted.interfaces_of_node);
        self.builder.resource("k8s.node.name", &node.node_name);
        self.emit(Some(NODE.uptime), &node.start_time);
        for container in &node.system_containers {
            self.system_container(&node.node_name, container);
        }
    }

    fn system_container(&mut self, node: &str, container: &Container) {
        if let Some(cpu) = &container.cpu {
            self.seconds(Table::NodeSystemContainerCpuTime, cpu.usage_core_nano_seconds);
            self.seconds(Table::NodeSystemContainerCpuUsage, cpu.usage_nano_cores);
        }
        if let Some(memory) = &container.memory {
            self.whole(Table::NodeSystemContainerMemoryUsage, memory.usage_bytes);
            self.whole(Table::NodeSystemContainerMemoryWorkingSet, memory.working_set_bytes);
        }
        self.builder.resource("k8s.node.name", node);
        self.builder.resource("k8s.node.system_container.name", &container.name);
        self.emit(None, &container.start_time);
    }

    fn pod(&mut self, pod: &summary::Pod) {
        let known = self.around.pods.get(&pod.pod_ref.uid);
        let asked = known.map(|it| it.asked).unwrap_or_default();
        self.usage(&POD, pod.cpu.as_ref(), pod.memory.as_ref(), pod.io.as_ref(), asked);
        self.filesystem(&POD, pod.ephemeral_storage.as_ref());
        self.network(&POD, pod.network.as_ref(), self.wanted.interfaces_of_pod);
        self.of_pod(pod);
        self.emit(Some(POD.uptime), &pod.start_time);
    }

    fn of_pod(&mut self, pod: &summary::Pod) {
        self.builder.resource("k8s.pod.uid", &pod.pod_ref.uid);
        self.builder.resource("k8s.pod.name", &pod.pod_ref.name);
        self.builder.resource("k8s.namespace.name", &pod.pod_ref.namespace);
    }

    fn container(&mut self, pod: &summary::Pod, container: &Container) {
        let known = self.around.pods.get(&pod.pod_ref.uid);
        if self.wanted.container_id {
            match known.and_then(|it| it.id_of(&container.name)) {
                Some(id) if !id.is_empty() => drop(self.builder.resource("container.id", id)),
                found => {
                    let why = if found.is_some() {
                        "has an empty containerID"
                    } else {
                        "not found in the fetched metadata"
                    };
                    let (uid, name) = (&pod.pod_ref.uid, &container.name);
                    return self.skip(format!("pod {uid:?} with container {name:?} {why}"));
                }
            }
        }
        let asked = known.map(|it| it.asked_by(&container.name)).unwrap_or_default();
        let (cpu, memory, io) =
            (container.cpu.as_ref(), container.memory.as_ref(), container.io.as_ref());
        self.usage(&CONTAINER, cpu, memory, io, asked);
        self.filesystem(&CONTAINER, container.rootfs.as_ref());
        for (of, fs) in [("rootfs", &container.rootfs), ("logs", &container.logs)] {
            if let Some(used) = fs.as_ref().and_then(|it| it.used_bytes) {
                self.builder.uint(Table::ContainerEphemeralStorageUsage, used, &[of.into()]);
            }
        }
        self.of_pod(pod);
        self.builder.resource("k8s.container.name", &container.name);
        self.emit(Some(CONTAINER.uptime), &container.start_time);
    }

    fn volume(&mut self, pod: &summary::Pod, volume: &summary::Volume) {
        if self.wanted.volume_type && !self.volume_type(pod, volume) {
            return;
        }
        let fs = &volume.fs;
        self.whole(Table::VolumeAvailable, fs.available_bytes);
        self.whole(Table::VolumeCapacity, fs.capacity_bytes);
        self.whole(Table::VolumeInodes, fs.inodes);
        self.whole(Table::VolumeInodesFree, fs.inodes_free);
        self.whole(Table::VolumeInodesUsed, fs.inodes_used);
        self.whole(Table::PodVolumeUsage, fs.used_bytes);
        self.of_pod(pod);
        self.builder.resource("k8s.volume.name", &volume.name);
        self.emit(None, "");
    }

    /// Says of what kind a volume is. False if it is not known.
    fn volume_type(&mut self, pod: &summary::Pod, volume: &summary::Volume) -> bool {
        let uid = &pod.pod_ref.uid;
        let Some(found) = self.around.pods.get(uid).and_then(|it| it.volume(&volume.name)) else {
            let name = &volume.name;
            self.skip(format!(
                "pod {uid:?} with volume {name:?} not found in the fetched metadata"
            ));
            return false;
        };
        let behind = match (self.around.claims, &found.claim) {
            (Some(claims), Some(_)) => match claims.known(&format!("{uid}/{}", volume.name)) {
                Some(it) => Some(it),
                // Why has been said.
                None => return false,
            },
            _ => None,
        };
        let of = |it: &&Volume| !it.kind.is_empty();
        if let Some(it) = behind.filter(of).or_else(|| Some(found).filter(of)) {
            self.builder.resource("k8s.volume.type", it.kind);
        }
        let attributes = found.attributes.iter().chain(behind.iter().flat_map(|it| &it.attributes));
        for (key, value) in attributes {
            self.builder.resource(key, value);
        }
        true
    }

    /// Ends the resource, whose points count from `began` on.
    fn emit(&mut self, uptime: Option<Table>, began: &str) {
        let began = golang::time::rfc3339(began).and_then(|it| u64::try_from(it).ok());
        if let (Some(uptime), Some(began)) = (uptime, began.filter(|it| *it > 0)) {
            let seconds = clock::unix_nanos().saturating_sub(began) / 1_000_000_000;
            self.builder.uint(uptime, seconds, &[]);
        }
        self.builder.start(began.unwrap_or(self.started));
        self.builder.emit();
    }

    fn skip(&mut self, why: String) {
        self.builder.drop_recorded();
        match &mut self.skipped {
            Some((count, _)) => *count += 1,
            none => *none = Some((1, why)),
        }
    }

    fn whole(&mut self, metric: Table, value: Option<u64>) {
        if let Some(value) = value {
            self.builder.uint(metric, value, &[]);
        }
    }

    /// Nanoseconds as seconds, nanocores as cores.
    fn seconds(&mut self, metric: Table, nanos: Option<u64>) {
        if let Some(nanos) = nanos {
            self.builder.double(metric, whole(nanos) / NANOS, &[]);
        }
    }

    fn usage(
        &mut self,
        scope: &Scope,
        cpu: Option<&Cpu>,
        memory: Option<&Memory>,
        io: Option<&Io>,
        asked: Asked,
    ) {
        if let Some(cpu) = cpu {
            self.seconds(scope.cpu_time, cpu.usage_core_nano_seconds);
            self.seconds(scope.cpu_usage, cpu.usage_nano_cores);
            self.seconds(scope.cpu_utilization, cpu.usage_nano_cores);
            let used = cpu.usage_nano_cores.map(|it| whole(it) / NANOS);
            let of = [self.around.capacity.cpu, asked.cpu_limit, asked.cpu_request];
            self.shares(scope.cpu_shares, used, of);
            self.pressure(scope.pressure[0], cpu.psi.as_ref());
        }
        if let Some(it) = memory {
            let [available, major_page_faults, page_faults, rss, usage, working_set] = scope.memory;
            self.whole(available, it.available_bytes);
            self.whole(major_page_faults, it.major_page_faults);
            self.whole(page_faults, it.page_faults);
            self.whole(rss, it.rss_bytes);
            self.whole(usage, it.usage_bytes);
            self.whole(working_set, it.working_set_bytes);
            let of = [self.around.capacity.memory, asked.memory_limit, asked.memory_request];
            self.shares(scope.memory_shares, it.usage_bytes.map(whole), of);
            self.pressure(scope.pressure[1], it.psi.as_ref());
        }
        self.pressure(scope.pressure[2], io.and_then(|it| it.psi.as_ref()));
    }

    fn shares(&mut self, shares: Option<Shares>, used: Option<f64>, of: [f64; 3]) {
        let (Some(shares), Some(used)) = (shares, used) else { return };
        for (metric, of) in shares.into_iter().zip(of).filter(|it| it.1 > 0.0) {
            self.builder.double(metric, used / of, &[]);
        }
    }

    fn pressure(&mut self, [average, time]: [Table; 2], psi: Option<&Psi>) {
        let Some(psi) = psi else { return };
        for (of, it) in [("some", &psi.some), ("full", &psi.full)] {
            self.builder.double(time, whole(it.total) / NANOS, &[of.into()]);
            for (window, value) in [("10s", it.avg10), ("60s", it.avg60), ("300s", it.avg300)] {
                self.builder.double(average, value, &[of.into(), window.into()]);
            }
        }
    }

    fn filesystem(&mut self, scope: &Scope, fs: Option<&Filesystem>) {
        let Some(it) = fs else { return };
        let [available, capacity, usage] = scope.filesystem;
        self.whole(available, it.available_bytes);
        self.whole(capacity, it.capacity_bytes);
        self.whole(usage, it.used_bytes);
    }

    fn network(&mut self, scope: &Scope, network: Option<&Network>, all: bool) {
        let (Some(it), Some([io, errors])) = (network, scope.network) else { return };
        let interfaces = if all { &*it.interfaces } else { std::slice::from_ref(&it.default) };
        for Interface { name, rx_bytes, rx_errors, tx_bytes, tx_errors } in interfaces {
            let points = [
                (io, rx_bytes, "receive"),
                (io, tx_bytes, "transmit"),
                (errors, rx_errors, "receive"),
                (errors, tx_errors, "transmit"),
            ];
            for (metric, value, direction) in points {
                if let Some(value) = value {
                    self.builder.uint(metric, *value, &[name.into(), direction.into()]);
                }
            }
        }
    }
}

/// As Go converts it.
#[expect(
    clippy::cast_precision_loss,
    reason = "what is measured has fewer than 53 bits that matter"
)]
fn whole(value: u64) -> f64 {
    value as f64
}
