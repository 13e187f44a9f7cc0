//! From objects to points.

use std::collections::BTreeMap;

use k8smeta::Image;
use scraping::Builder;

use crate::cluster::{Cluster, SERVICE_NAME, locked};
use crate::objects::{
    Amounts, Autoscaler, Claim, ClusterQuota, Container, ContainerState, CronJob, DaemonSet,
    EndpointSlice, Head, Job, Namespace, Needs, Node, Pod, QuotaStatus, Replicated, ResourceQuota,
    Service, StatefulSet, Volume,
};
use crate::table::Table;
use crate::text::without_scheme;

/// Reasons of containers that are counted, in the order in which they are sent.
const REASONS: [&str; 9] = [
    "ContainerCreating",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "ErrImagePull",
    "ImagePullBackOff",
    "OOMKilled",
    "Completed",
    "Error",
    "ContainerCannotRun",
];
/// Reasons of pods, by their number.
const POD_REASONS: [&str; 5] =
    ["Evicted", "NodeAffinity", "NodeLost", "Shutdown", "UnexpectedAdmissionError"];
/// Phases of volumes and claims.
const VOLUME_PHASES: [&str; 5] = ["Pending", "Available", "Bound", "Released", "Failed"];
const CLAIM_PHASES: [&str; 3] = ["Pending", "Bound", "Lost"];

/// Records everything that is known.
pub(crate) fn all(cluster: &Cluster, to: &mut Builder<Table>) {
    locked(&cluster.pods).iter().for_each(|it| pod(it, to));
    locked(&cluster.nodes).iter().for_each(|it| node(it, to));
    locked(&cluster.namespaces).iter().for_each(|it| namespace(it, to));
    locked(&cluster.replication_controllers).iter().for_each(|it| {
        replicated(it, "replicationcontroller", CONTROLLER, to);
    });
    locked(&cluster.resource_quotas).iter().for_each(|it| resource_quota(it, to));
    locked(&cluster.deployments).iter().for_each(|it| replicated(it, "deployment", DEPLOYMENT, to));
    locked(&cluster.replica_sets).iter().for_each(|it| {
        replicated(it, "replicaset", REPLICA_SET, to);
    });
    locked(&cluster.daemon_sets).iter().for_each(|it| daemon_set(it, to));
    locked(&cluster.stateful_sets).iter().for_each(|it| stateful_set(it, to));
    locked(&cluster.jobs).iter().for_each(|it| job(it, to));
    locked(&cluster.cron_jobs).iter().for_each(|it| cron_job(it, to));
    locked(&cluster.autoscalers).iter().for_each(|it| autoscaler(it, to));
    locked(&cluster.cluster_quotas).iter().for_each(|it| cluster_quota(it, to));
    locked(&cluster.volumes).iter().for_each(|it| volume(it, to));
    locked(&cluster.claims).iter().for_each(|it| claim(it, to));
    if to.wants_any(&[Table::ServiceEndpointCount, Table::ServiceLoadBalancerIngressCount]) {
        let endpoints = endpoints(locked(&cluster.endpoint_slices).iter());
        locked(&cluster.services).iter().for_each(|it| service(it, &endpoints, to));
    }
}

/// Name, uid and namespace of an object of `kind`, as resource attributes.
fn of(kind: &str, head: &Head, to: &mut Builder<Table>) {
    to.resource(&format!("k8s.{kind}.name"), &head.name);
    to.resource(&format!("k8s.{kind}.uid"), &head.uid);
    to.resource("k8s.namespace.name", &head.namespace);
}

fn pod(pod: &Pod, to: &mut Builder<Table>) {
    let phase = match &*pod.status.phase {
        "Pending" => 1,
        "Running" => 2,
        "Succeeded" => 3,
        "Failed" => 4,
        _ => 5,
    };
    to.int(Table::PodPhase, phase, &[]);
    let reason = (1..).zip(POD_REASONS).find(|it| it.1 == pod.status.reason);
    to.int(Table::PodStatusReason, reason.map_or(6, |it| it.0), &[]);
    place(pod, to);
    to.resource("k8s.pod.qos_class", &pod.status.qos_class);
    to.emit();
    pod.spec.containers.iter().for_each(|it| container(it, pod, to));
}

/// Where something runs.
fn place(pod: &Pod, to: &mut Builder<Table>) {
    of("pod", &pod.metadata, to);
    to.resource("k8s.node.name", &pod.spec.node_name);
}

fn container(container: &Container, pod: &Pod, to: &mut Builder<Table>) {
    needs(&container.resources.requests, REQUESTS, to);
    needs(&container.resources.limits, LIMITS, to);
    let status = pod.status.container_statuses.iter().find(|it| it.name == container.name);
    let (mut id, mut image) = ("", "");
    if let Some(status) = status {
        (id, image) = (without_scheme(&status.container_id), &*status.image);
        to.int(Table::ContainerRestarts, status.restart_count, &[]);
        to.int(Table::ContainerReady, i64::from(status.ready), &[]);
        state(&status.state, to);
        if let Some(it) = &status.last_state.terminated {
            to.resource("k8s.container.status.last_terminated_reason", &it.reason);
        }
    }
    place(pod, to);
    to.resource("container.id", id);
    to.resource("k8s.container.name", &container.name);
    if let Some(image) = Image::parse(image) {
        to.resource("container.image.name", image.repository);
        to.resource("container.image.tag", image.tag());
    }
    to.emit();
}

/// CPU, memory, storage, ephemeral storage.
const REQUESTS: [Table; 4] = [
    Table::ContainerCpuRequest,
    Table::ContainerMemoryRequest,
    Table::ContainerStorageRequest,
    Table::ContainerEphemeralstorageRequest,
];
const LIMITS: [Table; 4] = [
    Table::ContainerCpuLimit,
    Table::ContainerMemoryLimit,
    Table::ContainerStorageLimit,
    Table::ContainerEphemeralstorageLimit,
];

fn needs(needs: &Needs, [cpu, memory, storage, ephemeral]: [Table; 4], to: &mut Builder<Table>) {
    if let Some(milli) = needs.cpu_milli {
        to.double(cpu, thousandths(milli), &[]);
    }
    let bytes =
        [(memory, needs.memory), (storage, needs.storage), (ephemeral, needs.ephemeral_storage)];
    for (metric, value) in bytes {
        if let Some(value) = value {
            to.int(metric, value, &[]);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no machine has so many cores")]
pub(crate) fn thousandths(milli: i64) -> f64 {
    milli as f64 / 1000.0
}

fn state(state: &ContainerState, to: &mut Builder<Table>) {
    let (now, reason) = match (&state.running, &state.terminated, &state.waiting) {
        (Some(_), _, _) => ("running", ""),
        (_, Some(it), _) => ("terminated", &*it.reason),
        (_, _, Some(it)) => ("waiting", &*it.reason),
        _ => ("", ""),
    };
    if !now.is_empty() {
        for it in ["terminated", "running", "waiting"] {
            to.int(Table::ContainerStatusState, i64::from(it == now), &[it.into()]);
        }
    }
    for it in REASONS {
        to.int(Table::ContainerStatusReason, i64::from(it == reason), &[it.into()]);
    }
}

/// True is 1, false 0, unknown -1.
pub(crate) fn truth(status: &str) -> i64 {
    match status {
        "True" => 1,
        "Unknown" => -1,
        _ => 0,
    }
}

fn node(node: &Node, to: &mut Builder<Table>) {
    for it in &node.status.conditions {
        to.int(Table::NodeCondition, truth(&it.status), &[(&it.r#type).into()]);
    }
    to.resource("k8s.node.uid", &node.metadata.uid);
    to.resource("k8s.node.name", &node.metadata.name);
    to.resource("k8s.kubelet.version", &node.status.node_info.kubelet_version);
    to.emit();
}

fn namespace(namespace: &Namespace, to: &mut Builder<Table>) {
    let phase = match &*namespace.status.phase {
        "Active" => 1,
        "" => -1,
        _ => 0,
    };
    to.int(Table::NamespacePhase, phase, &[]);
    to.resource("k8s.namespace.uid", &namespace.metadata.uid);
    to.resource("k8s.namespace.name", &namespace.metadata.name);
    to.emit();
}

/// Desired and available.
const DEPLOYMENT: [Table; 2] = [Table::DeploymentDesired, Table::DeploymentAvailable];
const REPLICA_SET: [Table; 2] = [Table::ReplicasetDesired, Table::ReplicasetAvailable];
const CONTROLLER: [Table; 2] =
    [Table::ReplicationControllerDesired, Table::ReplicationControllerAvailable];

fn replicated(
    it: &Replicated,
    kind: &str,
    [desired, available]: [Table; 2],
    to: &mut Builder<Table>,
) {
    if let Some(replicas) = it.spec.replicas {
        to.int(desired, replicas, &[]);
        to.int(available, it.status.available_replicas, &[]);
    }
    of(kind, &it.metadata, to);
    to.emit();
}

fn stateful_set(it: &StatefulSet, to: &mut Builder<Table>) {
    if let Some(replicas) = it.spec.replicas {
        to.int(Table::StatefulsetDesiredPods, replicas, &[]);
        to.int(Table::StatefulsetReadyPods, it.status.ready_replicas, &[]);
        to.int(Table::StatefulsetCurrentPods, it.status.current_replicas, &[]);
        to.int(Table::StatefulsetUpdatedPods, it.status.updated_replicas, &[]);
        to.int(Table::StatefulsetPodAvailable, it.status.available_replicas, &[]);
    }
    of("statefulset", &it.metadata, to);
    to.emit();
}

fn daemon_set(it: &DaemonSet, to: &mut Builder<Table>) {
    to.int(Table::DaemonsetCurrentScheduledNodes, it.status.current_number_scheduled, &[]);
    to.int(Table::DaemonsetDesiredScheduledNodes, it.status.desired_number_scheduled, &[]);
    to.int(Table::DaemonsetMisscheduledNodes, it.status.number_misscheduled, &[]);
    to.int(Table::DaemonsetReadyNodes, it.status.number_ready, &[]);
    of("daemonset", &it.metadata, to);
    to.emit();
}

fn job(it: &Job, to: &mut Builder<Table>) {
    to.int(Table::JobActivePods, it.status.active, &[]);
    to.int(Table::JobFailedPods, it.status.failed, &[]);
    to.int(Table::JobSuccessfulPods, it.status.succeeded, &[]);
    let said = [
        (Table::JobDesiredSuccessfulPods, it.spec.completions),
        (Table::JobMaxParallelPods, it.spec.parallelism),
    ];
    for (metric, value) in said {
        if let Some(value) = value {
            to.int(metric, value, &[]);
        }
    }
    of("job", &it.metadata, to);
    to.emit();
}

fn cron_job(it: &CronJob, to: &mut Builder<Table>) {
    to.int(Table::CronjobActiveJobs, it.status.active.number(), &[]);
    of("cronjob", &it.metadata, to);
    to.emit();
}

fn autoscaler(it: &Autoscaler, to: &mut Builder<Table>) {
    to.int(Table::HpaMaxReplicas, it.spec.max_replicas, &[]);
    to.int(Table::HpaMinReplicas, it.spec.min_replicas.unwrap_or(1), &[]);
    to.int(Table::HpaCurrentReplicas, it.status.current_replicas, &[]);
    to.int(Table::HpaDesiredReplicas, it.status.desired_replicas, &[]);
    of("hpa", &it.metadata, to);
    let target = &it.spec.scale_target_ref;
    to.resource("k8s.hpa.scaletargetref.kind", &target.kind);
    to.resource("k8s.hpa.scaletargetref.name", &target.name);
    to.resource("k8s.hpa.scaletargetref.apiversion", &target.api_version);
    to.emit();
}

/// Amounts of a quota: of CPU in thousandths, of everything else in units.
fn quota(amounts: &Amounts) -> impl Iterator<Item = (&str, i64)> {
    amounts
        .0
        .iter()
        .map(|(of, it)| (&**of, if of.ends_with(".cpu") { it.milli_value() } else { it.value() }))
}

fn resource_quota(it: &ResourceQuota, to: &mut Builder<Table>) {
    for (resource, value) in quota(&it.status.hard) {
        to.int(Table::ResourceQuotaHardLimit, value, &[resource.into()]);
    }
    for (resource, value) in quota(&it.status.used) {
        to.int(Table::ResourceQuotaUsed, value, &[resource.into()]);
    }
    of("resourcequota", &it.metadata, to);
    to.emit();
}

fn cluster_quota(it: &ClusterQuota, to: &mut Builder<Table>) {
    let QuotaStatus { hard, used } = &it.status.total;
    for (resource, value) in quota(hard) {
        to.int(Table::OpenshiftClusterquotaLimit, value, &[resource.into()]);
    }
    for (resource, value) in quota(used) {
        to.int(Table::OpenshiftClusterquotaUsed, value, &[resource.into()]);
    }
    for part in &it.status.namespaces {
        let of = |resource| [(&part.namespace).into(), resource];
        for (resource, value) in quota(&part.status.hard) {
            to.int(Table::OpenshiftAppliedclusterquotaLimit, value, &of(resource.into()));
        }
        for (resource, value) in quota(&part.status.used) {
            to.int(Table::OpenshiftAppliedclusterquotaUsed, value, &of(resource.into()));
        }
    }
    to.resource("openshift.clusterquota.name", &it.metadata.name);
    to.resource("openshift.clusterquota.uid", &it.metadata.uid);
    to.emit();
}

/// How many endpoints are ready, serve, and end, by type of address and zone.
type Counts = BTreeMap<(String, String), [i64; 3]>;
/// Endpoints of services, by namespace and name.
type Endpoints = BTreeMap<(String, String), Counts>;

fn endpoints<'a>(slices: impl Iterator<Item = &'a EndpointSlice>) -> Endpoints {
    let mut all = Endpoints::new();
    for slice in slices {
        let Some(service) = slice.metadata.labels.get(SERVICE_NAME) else { continue };
        let of = all.entry((slice.metadata.namespace.clone(), service.clone())).or_default();
        for it in &slice.endpoints {
            let counts = of.entry((slice.address_type.clone(), it.zone.clone())).or_default();
            // `discovery.k8s.io/v1`: what is not said of ready is true, and serving is then the same.
            let ready = it.conditions.ready.unwrap_or(true);
            let serving = it.conditions.serving.unwrap_or(ready);
            let terminating = it.conditions.terminating.unwrap_or(false);
            for (count, is) in counts.iter_mut().zip([ready, serving, terminating]) {
                *count += i64::from(is);
            }
        }
    }
    all
}

fn service(it: &Service, endpoints: &Endpoints, to: &mut Builder<Table>) {
    let head = &it.metadata.head;
    let counts = endpoints.get(&(head.namespace.clone(), head.name.clone()));
    for ((address, zone), counts) in counts.into_iter().flatten() {
        for (condition, count) in ["ready", "serving", "terminating"].into_iter().zip(counts) {
            let attributes = [address.into(), condition.into(), zone.into()];
            to.int(Table::ServiceEndpointCount, *count, &attributes);
        }
    }
    if it.spec.r#type == "LoadBalancer" {
        let ingress = it.status.load_balancer.ingress.number();
        to.int(Table::ServiceLoadBalancerIngressCount, ingress, &[]);
    }
    of("service", head, to);
    to.resource("k8s.service.type", &it.spec.r#type);
    if let Some(distribution) = &it.spec.traffic_distribution {
        to.resource("k8s.service.traffic_distribution", distribution);
    }
    to.resource("k8s.service.publish_not_ready_addresses", it.spec.publish_not_ready_addresses);
    to.emit();
}

fn phases(metric: Table, phases: &[&str], now: &str, to: &mut Builder<Table>) {
    for phase in phases {
        to.int(metric, i64::from(*phase == now), &[(*phase).into()]);
    }
}

fn volume(it: &Volume, to: &mut Builder<Table>) {
    phases(Table::PersistentvolumeStatusPhase, &VOLUME_PHASES, &it.status.phase, to);
    if let Some(capacity) = it.spec.capacity.0.get("storage") {
        to.int(Table::PersistentvolumeStorageCapacity, capacity.value(), &[]);
    }
    to.resource("k8s.persistentvolume.name", &it.metadata.name);
    to.resource("k8s.persistentvolume.uid", &it.metadata.uid);
    to.resource("k8s.persistentvolume.reclaim_policy", &it.spec.persistent_volume_reclaim_policy);
    to.resource("k8s.storageclass.name", &it.spec.storage_class_name);
    to.emit();
}

fn claim(it: &Claim, to: &mut Builder<Table>) {
    phases(Table::PersistentvolumeclaimStatusPhase, &CLAIM_PHASES, &it.status.phase, to);
    if let Some(capacity) = it.status.capacity.0.get("storage") {
        to.int(Table::PersistentvolumeclaimStorageCapacity, capacity.value(), &[]);
    }
    if let Some(request) = it.spec.resources.requests.storage {
        to.int(Table::PersistentvolumeclaimStorageRequest, request, &[]);
    }
    of("persistentvolumeclaim", &it.metadata, to);
    to.resource("k8s.storageclass.name", &it.spec.storage_class_name);
    to.emit();
}
