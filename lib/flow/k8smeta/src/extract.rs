//! What the rules make of a pod: its attributes, and the keys by which it is found.

use std::collections::HashMap;
use std::sync::Arc;

use kube::Owner;
use pdata::AttributeBuf;

use crate::api::ApiPod;
use crate::containers::{self, plain_id};
use crate::identity::{Association, Key, Source};
use crate::origin::Origin;
use crate::pod::Pod;
use crate::rules::{Attributes, From, Metadata, Rules};

/// A pod with this annotation, `true`, is left out.
const IGNORE: &str = "opentelemetry.io/k8s-processor/ignore";
/// Annotations and labels that name the service.
const SERVICE_LABELS: [(&str, Metadata); 3] = [
    ("app.kubernetes.io/name", Metadata::ServiceName),
    // The instance says more than the name.
    ("app.kubernetes.io/instance", Metadata::ServiceName),
    ("app.kubernetes.io/version", Metadata::ServiceVersion),
];
/// Letters and digits that a deployment puts behind its name for a replica set.
const HASH_LENGTH: usize = 10;

/// The owner of an owner: of a replica set the deployment, of a job the cron job. `None` is known to have none.
pub(crate) type Owners = HashMap<Box<str>, Option<Arc<Owner>>>;

/// What is known of owners when a pod comes.
pub(crate) struct Known<'a> {
    /// Of replica sets, by uid.
    pub(crate) replica_sets: &'a Owners,
    /// Of jobs, by uid.
    pub(crate) jobs: &'a Owners,
}

/// What the rules make of a pod.
pub(crate) struct Extracted {
    pub(crate) pod: Pod,
    /// By what it is found.
    pub(crate) keys: Vec<Key>,
    /// The uid of an owner that was needed and is not known yet.
    pub(crate) missing: Option<String>,
}

pub(crate) fn extract(origin: Origin, api: &ApiPod, rules: &Rules, known: &Known<'_>) -> Extracted {
    let meta = &api.metadata;
    let mut pod = Pod {
        uid: (&*meta.uid).into(),
        origin,
        namespace: (&*meta.namespace).into(),
        ignored: is_ignored(api, rules),
        start: api.started.or_else(|| golang::time::rfc3339(&api.status.start_time)),
        ..Pod::default()
    };
    let mut attributes = Attributes::new();
    let mut missing = None;
    if !pod.ignored {
        if rules.keeps_node() {
            pod.node = (&*api.spec.node_name).into();
        }
        metadata(api, rules, &mut attributes);
        if rules.keeps_owners() {
            let mut owners = Vec::new();
            for owner in &meta.owner_references {
                take_owner(owner, rules, known, &mut attributes, &mut owners, &mut missing);
            }
            pod.owners = owners.into();
        }
        for (key, name) in &api.workload {
            // The last one says most: a deployment more than its replica set.
            for key in [*key, Metadata::ServiceName].into_iter().filter(|it| rules.has(*it)) {
                attributes.insert(key.name().into(), name.clone());
            }
        }
        rules.fields(From::Pod, false, &meta.labels, &mut attributes);
        rules.fields(From::Pod, true, &meta.annotations, &mut attributes);
        for (label, key) in SERVICE_LABELS.iter().filter(|it| rules.has(it.1)) {
            if let Some(value) = meta.labels.get(*label) {
                attributes.insert(key.name().into(), value.clone());
            }
        }
        pod.containers = containers::extract(api, rules);
    }
    let keys = keys(api, rules, &attributes);
    pod.attributes = encode(&attributes);
    Extracted { pod, keys, missing }
}

/// Attributes as they are copied to resources.
pub(crate) fn encode(attributes: &Attributes) -> Box<[AttributeBuf]> {
    attributes.iter().map(|(key, value)| AttributeBuf::new(key, value.as_str())).collect()
}

fn is_ignored(api: &ApiPod, rules: &Rules) -> bool {
    let asked = api.metadata.annotations.get(IGNORE);
    asked.is_some_and(|it| it.trim().eq_ignore_ascii_case("true"))
        || rules.exclude.iter().any(|it| it.is_match(&api.metadata.name))
}

fn metadata(api: &ApiPod, rules: &Rules, out: &mut Attributes) {
    let meta = &api.metadata;
    let mut put = |key: Metadata, value: &str| {
        if rules.has(key) {
            out.insert(key.name().into(), value.to_owned());
        }
    };
    put(Metadata::PodName, &meta.name);
    put(Metadata::ServiceName, &meta.name);
    put(Metadata::PodHostname, &api.spec.hostname);
    put(Metadata::PodIp, &api.status.pod_ip);
    put(Metadata::NamespaceName, &meta.namespace);
    put(Metadata::ServiceNamespace, &meta.namespace);
    if !meta.creation_timestamp.is_empty() {
        put(Metadata::PodStartTime, &meta.creation_timestamp);
    }
    put(Metadata::PodUid, &meta.uid);
    put(Metadata::NodeName, &api.spec.node_name);
}

/// What follows from one owner of a pod; the last one counts.
fn take_owner(
    owner: &Owner,
    rules: &Rules,
    known: &Known<'_>,
    out: &mut Attributes,
    owners: &mut Vec<(From, Box<str>)>,
    missing: &mut Option<String>,
) {
    use Metadata::{
        CronJobName, CronJobUid, DaemonSetName, DaemonSetUid, DeploymentName, DeploymentUid,
        JobName, JobUid, ReplicaSetName, ReplicaSetUid, ServiceName, StatefulSetName,
        StatefulSetUid,
    };
    let mut put = |key: Metadata, value: &str| {
        if rules.has(key) {
            out.insert(key.name().into(), value.to_owned());
        }
    };
    let (name, uid) = match &*owner.kind {
        "ReplicaSet" => (ReplicaSetName, ReplicaSetUid),
        "DaemonSet" => (DaemonSetName, DaemonSetUid),
        "StatefulSet" => (StatefulSetName, StatefulSetUid),
        "Job" => (JobName, JobUid),
        _ => return,
    };
    put(name, &owner.name);
    put(uid, &owner.uid);
    put(ServiceName, &owner.name);
    let mut own = |kind: From, uid: &str| {
        if rules.reads(kind) {
            owners.push((kind, uid.into()));
        }
    };
    match name {
        ReplicaSetName => {
            let deployment = known.replica_sets.get(&*owner.uid);
            if deployment.is_none() && rules.needs_replica_sets() {
                *missing = Some(owner.uid.clone());
            }
            let deployment = deployment.and_then(Option::as_ref);
            let cut = rules.deployment_from_name.then(|| without_hash(&owner.name));
            let name = cut.unwrap_or_else(|| deployment.map(|it| &*it.name));
            if let Some(name) = name {
                put(DeploymentName, name);
                put(ServiceName, name);
            }
            if let Some(it) = deployment {
                put(DeploymentUid, &it.uid);
                own(From::Deployment, &it.uid);
            }
        }
        JobName => {
            own(From::Job, &owner.uid);
            if let Some(name) = without_number(&owner.name) {
                put(CronJobName, name);
                put(ServiceName, name);
            }
            let cron_job = known.jobs.get(&*owner.uid);
            if cron_job.is_none() && rules.has(CronJobUid) {
                *missing = Some(owner.uid.clone());
            }
            if let Some(it) = cron_job.and_then(Option::as_ref) {
                put(CronJobUid, &it.uid);
            }
        }
        DaemonSetName => own(From::DaemonSet, &owner.uid),
        _ => own(From::StatefulSet, &owner.uid),
    }
}

/// The name of the deployment in that of its replica set.
fn without_hash(name: &str) -> Option<&str> {
    let (name, hash) = name.rsplit_once('-')?;
    let is_hash = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    (hash.len() == HASH_LENGTH && hash.bytes().all(is_hash)).then_some(name)
}

/// The name of the cron job in that of its job.
fn without_number(name: &str) -> Option<&str> {
    let (name, number) = name.rsplit_once('-')?;
    (!number.is_empty() && number.bytes().all(|it| it.is_ascii_digit())).then_some(name)
}

/// By what a pod is found: what the configuration says, its uid, and its address unless that is the node's.
fn keys(api: &ApiPod, rules: &Rules, attributes: &Attributes) -> Vec<Key> {
    let (meta, address) = (&api.metadata, &*api.status.pod_ip);
    let own_address = if api.spec.host_network { "" } else { address };
    let value = |source: &Source, container: &str| -> String {
        match source {
            Source::Connection => own_address.to_owned(),
            Source::Unknown => String::new(),
            Source::Attribute(name) => match name.as_str() {
                "k8s.namespace.name" => meta.namespace.clone(),
                "k8s.pod.name" => meta.name.clone(),
                "k8s.pod.uid" => meta.uid.clone(),
                "host.name" | "k8s.pod.ip" => address.to_owned(),
                "container.id" => container.to_owned(),
                name => attributes.get(name).cloned().unwrap_or_default(),
            },
        }
    };
    let mut keys = Vec::new();
    for association in rules.associations.iter().filter(|it| it.is_useful()) {
        let by_container = association.sources.contains(&Source::Attribute("container.id".into()));
        if !by_container {
            keys.extend(key(association, |source| value(source, "")));
        } else if rules.keeps_containers() {
            let status = &api.status;
            for it in status.container_statuses.iter().chain(&status.init_container_statuses) {
                let id = plain_id(&it.container_id);
                keys.extend(key(association, |source| value(source, id)));
            }
        }
    }
    let attribute = |name: &str, value: &str| Key::one(&Source::Attribute(name.into()), value);
    if !meta.uid.is_empty() {
        keys.push(attribute("k8s.pod.uid", &meta.uid));
    }
    if !own_address.is_empty() {
        keys.push(Key::connection(own_address));
        keys.push(attribute("k8s.pod.ip", own_address));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn key(association: &Association, value: impl Fn(&Source) -> String) -> Option<Key> {
    let values: Vec<String> = association.sources.iter().map(&value).collect();
    association.key(|source| {
        let at = association.sources.iter().position(|it| it == source)?;
        values.get(at).map(String::as_str)
    })
}
