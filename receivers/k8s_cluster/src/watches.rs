//! Which objects are watched, and whether all have come.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use component::Host;
use kube::{Client, Feed, Query, Sink, State};
use tokio::sync::watch;

use crate::cluster::{Cluster, Taker, Watched};
use crate::kept::Kept;
use crate::kinds::Kind;

/// The feeds of a receiver. They hold their sinks weakly.
#[derive(Default)]
pub(crate) struct Watches {
    states: Vec<watch::Receiver<State>>,
    kept: Vec<Box<dyn std::any::Any + Send + Sync>>,
}

impl Watches {
    /// Watches objects of these kinds, in these namespaces or in all, while the component runs.
    pub(crate) fn begin(
        client: &Client,
        cluster: &Arc<Cluster>,
        kinds: &BTreeSet<Kind>,
        namespaces: &[String],
        host: &Host,
    ) -> Self {
        let mut all = Self::default();
        for kind in kinds {
            let namespaced = kind.resource().namespaced && !namespaces.is_empty();
            let namespaces = if namespaced { namespaces } else { &[String::new()] };
            for (by, namespace) in namespaces.iter().enumerate() {
                let query = Query { namespace: namespace.clone(), ..Query::all(kind.resource()) };
                let of = Of { client, cluster, host, kind: *kind, by, query };
                all.one(of);
            }
        }
        all
    }

    fn one(&mut self, of: Of<'_>) {
        match of.kind {
            Kind::Pod => self.add(of, |it| &it.pods),
            Kind::Node => self.add(of, |it| &it.nodes),
            Kind::Namespace => self.add(of, |it| &it.namespaces),
            Kind::ReplicationController => self.add(of, |it| &it.replication_controllers),
            Kind::ResourceQuota => self.add(of, |it| &it.resource_quotas),
            Kind::Service => self.add(of, |it| &it.services),
            Kind::DaemonSet => self.add(of, |it| &it.daemon_sets),
            Kind::Deployment => self.add(of, |it| &it.deployments),
            Kind::ReplicaSet => self.add(of, |it| &it.replica_sets),
            Kind::StatefulSet => self.add(of, |it| &it.stateful_sets),
            Kind::Job => self.add(of, |it| &it.jobs),
            Kind::CronJob => self.add(of, |it| &it.cron_jobs),
            Kind::Autoscaler => self.add(of, |it| &it.autoscalers),
            Kind::ClusterQuota => self.add(of, |it| &it.cluster_quotas),
            Kind::EndpointSlice => self.add(of, |it| &it.endpoint_slices),
            Kind::Volume => self.add(of, |it| &it.volumes),
            Kind::Claim => self.add(of, |it| &it.claims),
        }
    }

    fn add<T: Watched>(&mut self, of: Of<'_>, shelf: fn(&Cluster) -> &Mutex<Kept<T>>) {
        let Of { client, cluster, host, kind, by, query } = of;
        let (cluster, said) = (Arc::clone(cluster), AtomicBool::new(false));
        let sink: Arc<dyn Sink<T>> = Arc::new(Taker { cluster, kind, shelf, by, said });
        let feed = Feed::of(client, query);
        feed.subscribe(Arc::downgrade(&sink));
        feed.serve(host);
        self.states.push(feed.state());
        self.kept.push(Box::new((feed, sink)));
    }

    /// Waits until all objects have come once, or it is known of a kind that they do not: the feed has said why.
    pub(crate) async fn known(&self) {
        for state in &self.states {
            // The sender lives as long as the feed, which is kept here.
            let _ = state.clone().wait_for(|it| it.synced || it.problem.is_some()).await;
        }
    }
}

/// One feed to be.
struct Of<'a> {
    client: &'a Client,
    cluster: &'a Arc<Cluster>,
    host: &'a Host,
    kind: Kind,
    by: usize,
    query: Query,
}
