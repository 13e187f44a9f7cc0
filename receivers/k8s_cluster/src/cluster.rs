//! What is known of the cluster, and what of it has changed since the last entity events.

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use component::Lead;
use component::meter::Counter;
use kube::{Event, Owner, Sink};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use crate::kept::{Applied, Kept, OBJECTS_MAX};
use crate::kinds::{Identity, Kind};
use crate::objects::{
    Autoscaler, Claim, ClusterQuota, ContainerStatus, CronJob, DaemonSet, EndpointSlice, Head, Job,
    Namespace, Node, Pod, Replicated, ResourceQuota, Service, StatefulSet, Volume,
};

/// Most entities that are remembered as deleted while the pipelines take nothing.
const DELETED_MAX: usize = 100_000;

/// Objects that are watched.
pub(crate) trait Watched: Clone + DeserializeOwned + Send + Sync + 'static {
    fn head(&self) -> &Head;

    fn head_mut(&mut self) -> &mut Head;

    /// Of a pod.
    fn containers(&self) -> &[ContainerStatus] {
        &[]
    }

    /// Lets go of what nobody asks for.
    fn trim(&mut self, entities: bool) {
        if !entities {
            let head = self.head_mut();
            head.labels.clear();
            head.owner_references.clear();
            head.creation_timestamp.clear();
        }
    }
}

macro_rules! watched {
    ($($type:ty,)*) => {$(
        impl Watched for $type {
            fn head(&self) -> &Head {
                &self.metadata
            }

            fn head_mut(&mut self) -> &mut Head {
                &mut self.metadata
            }
        }
    )*};
}

watched! {
    Node, Namespace, Replicated, StatefulSet, DaemonSet, Job, CronJob, Autoscaler, ResourceQuota,
    ClusterQuota, Volume, Claim,
}

impl Watched for Pod {
    fn head(&self) -> &Head {
        &self.metadata
    }

    fn head_mut(&mut self) -> &mut Head {
        &mut self.metadata
    }

    fn containers(&self) -> &[ContainerStatus] {
        &self.status.container_statuses
    }

    fn trim(&mut self, entities: bool) {
        // As upstream: a container without an id has not been made yet.
        self.status.container_statuses.retain(|it| !it.container_id.is_empty());
        if !entities {
            self.metadata.labels.clear();
            self.metadata.owner_references.clear();
            self.metadata.creation_timestamp.clear();
        }
    }
}

impl Watched for EndpointSlice {
    fn head(&self) -> &Head {
        &self.metadata
    }

    fn head_mut(&mut self) -> &mut Head {
        &mut self.metadata
    }

    fn trim(&mut self, _entities: bool) {
        self.metadata.labels.retain(|key, _| key == SERVICE_NAME);
        self.metadata.owner_references.clear();
    }
}

impl Watched for Service {
    fn head(&self) -> &Head {
        &self.metadata.head
    }

    fn head_mut(&mut self) -> &mut Head {
        &mut self.metadata.head
    }

    fn trim(&mut self, entities: bool) {
        self.metadata.annotations.remove(LAST_APPLIED);
        if !entities {
            self.metadata.annotations.clear();
            self.metadata.head.labels.clear();
            self.metadata.head.creation_timestamp.clear();
        }
    }
}

/// The label of a slice that says of which service it is.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// What `kubectl` keeps in objects: the whole object once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Objects of all kinds.
#[derive(Default)]
pub(crate) struct Cluster {
    pub(crate) pods: Mutex<Kept<Pod>>,
    pub(crate) nodes: Mutex<Kept<Node>>,
    pub(crate) namespaces: Mutex<Kept<Namespace>>,
    pub(crate) replication_controllers: Mutex<Kept<Replicated>>,
    pub(crate) resource_quotas: Mutex<Kept<ResourceQuota>>,
    pub(crate) services: Mutex<Kept<Service>>,
    pub(crate) daemon_sets: Mutex<Kept<DaemonSet>>,
    pub(crate) deployments: Mutex<Kept<Replicated>>,
    pub(crate) replica_sets: Mutex<Kept<Replicated>>,
    pub(crate) stateful_sets: Mutex<Kept<StatefulSet>>,
    pub(crate) jobs: Mutex<Kept<Job>>,
    pub(crate) cron_jobs: Mutex<Kept<CronJob>>,
    pub(crate) autoscalers: Mutex<Kept<Autoscaler>>,
    pub(crate) cluster_quotas: Mutex<Kept<ClusterQuota>>,
    pub(crate) endpoint_slices: Mutex<Kept<EndpointSlice>>,
    pub(crate) volumes: Mutex<Kept<Volume>>,
    pub(crate) claims: Mutex<Kept<Claim>>,
    /// For entity events; `None` if nobody wants them.
    pub(crate) changes: Option<Changes>,
    /// Objects that there was no room for.
    pub(crate) refused: Counter,
}

/// What has changed.
#[derive(Default)]
pub(crate) struct Changes {
    pending: Mutex<Pending>,
    /// Something has.
    pub(crate) news: Notify,
}

/// What the next entity events are about.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Objects that are new or have changed.
    pub(crate) changed: HashSet<(Kind, String)>,
    /// Entities that are no more.
    pub(crate) deleted: Vec<Identity>,
}

impl Changes {
    fn note(&self, change: impl FnOnce(&mut Pending)) {
        change(&mut locked(&self.pending));
        self.news.notify_one();
    }

    /// Takes what has changed since it was last asked.
    pub(crate) fn take(&self) -> Pending {
        std::mem::take(&mut *locked(&self.pending))
    }

    /// All of these are to be told again.
    pub(crate) fn again(&self, kind: Kind, uids: impl IntoIterator<Item = String>) {
        self.note(|it| it.changed.extend(uids.into_iter().map(|uid| (kind, uid))));
    }
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cluster {
    /// Whom a pod of this replica set or job belongs to at last: a deployment or cron job, or the owner itself. `None` if it is not
    /// known.
    pub(crate) fn owner_of(&self, owner: &Owner) -> Option<Owner> {
        let above = |head: &Head, kind: &str| {
            let above = head.owner_references.iter().find(|it| it.kind == kind);
            above.unwrap_or(owner).clone()
        };
        match &*owner.kind {
            "ReplicaSet" => locked(&self.replica_sets)
                .get(&owner.uid)
                .map(|it| above(&it.metadata, "Deployment")),
            "Job" => locked(&self.jobs).get(&owner.uid).map(|it| above(&it.metadata, "CronJob")),
            _ => None,
        }
    }

    /// The name of a service that sends to pods with these labels; the first by name.
    pub(crate) fn service_of(&self, head: &Head) -> Option<String> {
        let services = locked(&self.services);
        let of_pod = |it: &&Service| {
            let selector = &it.spec.selector;
            it.metadata.head.namespace == head.namespace
                && !selector.is_empty()
                && selector.iter().all(|(key, value)| head.labels.get(key) == Some(value))
        };
        services.iter().filter(of_pod).map(|it| &it.metadata.head.name).min().cloned()
    }

    /// All entities are to be told, by who leads again. Those that went while somebody else led are not: that one has told.
    pub(crate) fn tell_all(&self, changes: &Changes, lead: Lead) {
        if lead == Lead::Anew {
            drop(changes.take());
        }
        for kind in Kind::ENTITIES {
            changes.again(kind, self.uids(kind));
        }
    }

    /// The uids of all entities of this kind.
    pub(crate) fn uids(&self, kind: Kind) -> Vec<String> {
        fn of<T>(shelf: &Mutex<Kept<T>>) -> Vec<String> {
            locked(shelf).uids().cloned().collect()
        }
        match kind {
            Kind::Pod => of(&self.pods),
            Kind::Node => of(&self.nodes),
            Kind::Namespace => of(&self.namespaces),
            Kind::ReplicationController => of(&self.replication_controllers),
            Kind::Service => of(&self.services),
            Kind::DaemonSet => of(&self.daemon_sets),
            Kind::Deployment => of(&self.deployments),
            Kind::ReplicaSet => of(&self.replica_sets),
            Kind::StatefulSet => of(&self.stateful_sets),
            Kind::Job => of(&self.jobs),
            Kind::CronJob => of(&self.cron_jobs),
            Kind::Autoscaler => of(&self.autoscalers),
            _ => Vec::new(),
        }
    }
}

/// Takes note of what one feed tells.
pub(crate) struct Taker<T> {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) kind: Kind,
    /// Where the objects are kept.
    pub(crate) shelf: fn(&Cluster) -> &Mutex<Kept<T>>,
    /// Which of the feeds of this kind it is.
    pub(crate) by: usize,
    /// That there are too many has been said.
    pub(crate) said: AtomicBool,
}

impl<T: Watched> Taker<T> {
    fn applied(&self, object: &T) {
        let mut kept = object.clone();
        kept.trim(self.cluster.changes.is_some());
        let now = self.kind.identities(kept.head(), kept.containers());
        let uid = object.head().uid.clone();
        let applied = locked((self.shelf)(&self.cluster)).apply(self.by, &uid, kept);
        let before = match applied {
            Applied::New => Vec::new(),
            Applied::Changed(it) => self.kind.identities(it.head(), it.containers()),
            Applied::Refused => {
                return self.refused();
            }
        };
        if self.kind.entity().is_none() {
            return;
        }
        let Some(changes) = &self.cluster.changes else { return };
        let gone = before.into_iter().filter(|it| !now.contains(it));
        changes.note(|pending| {
            pending.changed.insert((self.kind, uid));
            pending.delete(gone);
        });
    }

    fn refused(&self) {
        self.cluster.refused.add(1);
        if !self.said.swap(true, Relaxed) {
            let resource = self.kind.resource().to_string();
            tracing::error!(
                resource,
                objects_max = OBJECTS_MAX,
                "there are more objects than are kept: set namespaces, or disable the metrics of this kind"
            );
        }
    }

    fn gone(&self, objects: Vec<T>) {
        let Some(changes) = &self.cluster.changes else { return };
        if objects.is_empty() || self.kind.entity().is_none() {
            return;
        }
        changes.note(|pending| {
            for it in objects {
                pending.changed.remove(&(self.kind, it.head().uid.clone()));
                pending.delete(self.kind.identities(it.head(), it.containers()));
            }
        });
    }

    /// Pods say what they belong to: those that came before are told again.
    fn complete(&self) {
        let tells_of_pods = matches!(self.kind, Kind::ReplicaSet | Kind::Job | Kind::Service);
        if let Some(changes) = self.cluster.changes.as_ref().filter(|_| tells_of_pods) {
            let pods: Vec<String> = self.cluster.uids(Kind::Pod);
            changes.again(Kind::Pod, pods);
        }
    }
}

impl Pending {
    fn delete(&mut self, identities: impl IntoIterator<Item = Identity>) {
        let room = DELETED_MAX.saturating_sub(self.deleted.len());
        self.deleted.extend(identities.into_iter().take(room));
    }
}

impl<T: Watched> Sink<T> for Taker<T> {
    fn event(&self, event: Event<'_, T>) {
        let shelf = || locked((self.shelf)(&self.cluster));
        match event {
            Event::Restarted => shelf().restart(self.by),
            Event::Applied(object) => self.applied(object),
            Event::Deleted(object) => {
                let gone = shelf().delete(&object.head().uid);
                self.gone(gone.into_iter().collect());
            }
            Event::Synced => {
                let (gone, first) = shelf().sync(self.by);
                self.gone(gone);
                if first {
                    self.complete();
                }
            }
        }
    }
}
