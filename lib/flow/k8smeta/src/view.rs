//! A table that is kept current: what it watches follows from its rules.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use component::config::Right;
use component::{Host, Meter};
use cri::Runtime;
use kube::{Client, Event, Feed, Object, Query, Resource, Sink, State, field_equals};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::api::ApiPod;
use crate::containers::{self, Container};
use crate::identity::Key;
use crate::meter::{Counts, Formats};
use crate::origin::Origin;
use crate::owners::Resolver;
use crate::page::{self, Page};
use crate::pod::Pod;
use crate::poll::{Asked, Poll};
use crate::rules::{From, Metadata, Rules};
use crate::runtime::Sandboxes;
use crate::table::{self, Extra, Kind, Led, Outcome, Table};

/// How often keys are let go whose time is over.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// Pods are complete only with what they belong to: so long that is waited for.
const OTHERS_WAIT: Duration = Duration::from_secs(5);

/// An annotation of DaemonSets that the API server makes of a field: metadata alone come without it.
const GENERATION: &str = "deprecated.daemonset.template.generation";

/// Which pods there are, for the API server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of one namespace; empty for all.
    pub namespace: String,
    /// Of one node; empty for all.
    pub node: String,
    /// A selector by labels.
    pub labels: String,
    /// A selector by fields, beside the node.
    pub fields: String,
    /// For what it is asked at all.
    pub server: Server,
}

/// For what the API server is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Server {
    /// Pods, and what they belong to.
    #[default]
    Pods,
    /// Only what pods belong to; they come from this node, whatever the selectors say.
    Others,
    /// Nothing.
    Nothing,
}

/// Who is asked.
#[derive(Default)]
pub struct Servers {
    /// The API server, unless it is asked for nothing.
    pub api: Option<Client>,
    /// The kubelet of this node, and how often.
    pub kubelet: Option<(Client, Duration)>,
    /// The container runtime of this node, and how often.
    pub runtime: Option<(Runtime, Duration)>,
}

/// How long a start waits.
#[derive(Debug, Clone, Copy)]
pub struct Waiting(pub Duration);

/// What is known, and the watches behind it.
pub struct View {
    shared: Arc<Shared>,
    /// Pods of the API server.
    watched: Option<Arc<Feed<ApiPod>>>,
    /// Pods of this node.
    polls: Vec<Arc<Poll>>,
    others: Vec<Arc<Feed<Object>>>,
    /// The feeds hold them weakly.
    _sinks: (Vec<Arc<dyn Sink<Object>>>, Arc<dyn Sink<ApiPod>>),
}

struct Shared {
    table: RwLock<Table>,
    counts: Counts,
    resolver: Option<Resolver>,
    /// Told of each change of the table.
    changes: watch::Sender<()>,
}

/// Takes note of the pods of one source.
struct Pods {
    shared: Arc<Shared>,
    origin: Origin,
}

/// Takes note of objects that are no pods.
struct Others {
    shared: Arc<Shared>,
    kind: Kind,
}

/// What the rules need to be watched, beside pods.
fn needed(rules: &Rules, filter: &Filter) -> Vec<(Kind, Query)> {
    if filter.server == Server::Nothing {
        return Vec::new();
    }
    let of_namespace =
        |resource| Query { namespace: filter.namespace.clone(), ..Query::metadata(resource) };
    let named = |resource, name: &str| Query {
        fields: field_equals("metadata.name", name, true),
        ..Query::metadata(resource)
    };
    let mut all = Vec::new();
    if rules.reads(From::Namespace) {
        all.push((Kind::Of(From::Namespace), Query::metadata(Resource::NAMESPACES)));
    } else if rules.has(Metadata::ClusterUid) {
        all.push((Kind::Of(From::Namespace), named(Resource::NAMESPACES, "kube-system")));
    }
    if rules.needs_nodes() {
        let query = match &*filter.node {
            "" => Query::metadata(Resource::NODES),
            node => named(Resource::NODES, node),
        };
        all.push((Kind::Of(From::Node), query));
    }
    if rules.needs_replica_sets() && !asks_for_owners(rules, filter) {
        all.push((Kind::ReplicaSets, of_namespace(Resource::REPLICA_SETS)));
    }
    let workloads = [
        (rules.reads(From::Deployment), From::Deployment, Resource::DEPLOYMENTS),
        (rules.reads(From::StatefulSet), From::StatefulSet, Resource::STATEFUL_SETS),
        (rules.reads(From::DaemonSet), From::DaemonSet, Resource::DAEMON_SETS),
        (rules.needs_jobs(), From::Job, Resource::JOBS),
    ];
    for (_, from, resource) in workloads.into_iter().filter(|it| it.0) {
        let whole = from == From::DaemonSet && rules.takes_annotation(from, GENERATION);
        all.push((Kind::Of(from), Query { metadata_only: !whole, ..of_namespace(resource) }));
    }
    all
}

/// Of the pods of one node the replica sets are asked for one by one.
fn asks_for_owners(rules: &Rules, filter: &Filter) -> bool {
    let of_node = match filter.server {
        Server::Pods => !filter.node.is_empty(),
        Server::Others => true,
        Server::Nothing => false,
    };
    of_node && rules.needs_replica_sets()
}

fn pods(filter: &Filter) -> Query {
    let node = match &*filter.node {
        "" => String::new(),
        node => field_equals("spec.nodeName", node, true),
    };
    let fields = [&*filter.fields, &*node].into_iter().filter(|it| !it.is_empty());
    Query {
        namespace: filter.namespace.clone(),
        labels: filter.labels.clone(),
        fields: fields.collect::<Vec<_>>().join(","),
        ..Query::all(Resource::PODS)
    }
}

impl View {
    /// A view that knows nothing yet. Pods that are deleted stay known for `grace`.
    pub fn new(
        Servers { api, kubelet, runtime }: Servers,
        rules: Rules,
        filter: &Filter,
        grace: Duration,
        (meter, formats): (&Meter, Formats),
    ) -> Self {
        let wanted = needed(&rules, filter);
        let asks = asks_for_owners(&rules, filter);
        let resolver = api.as_ref().filter(|_| asks).map(Resolver::new);
        let table = RwLock::new(Table::new(Arc::new(rules), grace));
        let (counts, changes) = (Counts::new(meter, formats), watch::Sender::default());
        let shared = Arc::new(Shared { table, counts, resolver, changes });
        let (mut others, mut sinks) = (Vec::new(), Vec::new());
        for (client, (kind, query)) in api.iter().flat_map(|it| wanted.iter().map(move |w| (it, w)))
        {
            let sink: Arc<dyn Sink<Object>> =
                Arc::new(Others { shared: Arc::clone(&shared), kind: *kind });
            let feed = Feed::of(client, query.clone());
            feed.subscribe(Arc::downgrade(&sink));
            others.push(feed);
            sinks.push(sink);
        }
        let server: Arc<dyn Sink<ApiPod>> =
            Arc::new(Pods { shared: Arc::clone(&shared), origin: Origin::ApiServer });
        let watches = filter.server == Server::Pods;
        let watched = api.filter(|_| watches).map(|it| Feed::of(&it, pods(filter)));
        watched.iter().for_each(|it| it.subscribe(Arc::downgrade(&server)));
        let kubelet = kubelet.map(|(it, every)| (Asked::Kubelet(Page::new(it)), every));
        let runtime =
            runtime.map(|(it, every)| (Asked::Runtime(Box::new(Sandboxes::new(it))), every));
        let polls = runtime.into_iter().chain(kubelet).map(|(asked, every)| {
            let failures = shared.counts.failures(asked.origin());
            Arc::new(Poll::new(asked, every, &filter.namespace, failures))
        });
        let polls = polls.collect();
        Self { shared, watched, polls, others, _sinks: (sinks, server) }
    }

    /// Whether the API server is asked at all for these rules.
    pub fn asks_server(rules: &Rules, filter: &Filter) -> bool {
        let asks = asks_for_owners(rules, filter) || !needed(rules, filter).is_empty();
        asks || filter.server == Server::Pods
    }

    /// What a role has to allow to ask a kubelet.
    pub fn right_of_kubelet() -> Right {
        page::right()
    }

    /// What a role has to allow for these rules at the API server.
    pub fn rights(rules: &Rules, filter: &Filter) -> Vec<Right> {
        let queries = needed(rules, filter).into_iter().map(|it| it.1);
        let all = queries.chain((filter.server == Server::Pods).then(|| pods(filter)));
        let watched = all.map(|it| it.resource.rule(&["get", "list", "watch"]));
        let asked = asks_for_owners(rules, filter);
        let asked = asked.then(|| Resource::REPLICA_SETS.rule(&["get"]));
        watched.chain(asked).collect()
    }

    /// Does its share of the work while the component runs.
    pub fn serve(&self, host: &Host) {
        self.others.iter().for_each(|it| it.serve(host));
        self.watched.iter().for_each(|it| it.serve(host));
        for poll in &self.polls {
            let (poll, stopping) = (Arc::clone(poll), host.stopping().clone());
            let sink = Pods { shared: Arc::clone(&self.shared), origin: poll.origin() };
            host.spawn(async move {
                let work = async {
                    let _turn = poll.turn.lock().await;
                    poll.run(&sink).await;
                };
                let _: Option<()> = stopping.run_until_cancelled(work).await;
                Ok(())
            });
        }
        self.resolve(host);
        let (shared, stopping) = (Arc::clone(&self.shared), host.stopping().clone());
        host.spawn(async move {
            while stopping.run_until_cancelled(tokio::time::sleep(SWEEP_EVERY)).await.is_some() {
                shared.write(|table| table.sweep(Instant::now()));
            }
            Ok(())
        });
    }

    /// Asks for the owners of pods while the component runs, unless another one does.
    fn resolve(&self, host: &Host) {
        let (shared, stopping) = (Arc::clone(&self.shared), host.stopping().clone());
        if shared.resolver.is_none() {
            return;
        }
        host.spawn(async move {
            let Some(resolver) = &shared.resolver else { return Ok(()) };
            let work = async {
                let _turn = resolver.turn.lock().await;
                let wanted = || shared.read(Table::wanted);
                let take =
                    |object: &Object| shared.write(|table| table.answer(object, Instant::now()));
                resolver.run(wanted, take).await;
            };
            let _: Option<()> = stopping.run_until_cancelled(work).await;
            Ok(())
        });
    }

    /// Waits until all sources have told their pods, and for a few seconds for what they belong to. One of several sources that does
    /// so is enough at the end.
    ///
    /// # Errors
    /// It takes longer; with what went wrong.
    pub async fn wait(&self, Waiting(limit): Waiting) -> Result<(), String> {
        let all = async {
            let others = async {
                for feed in &self.others {
                    synced(feed.state()).await;
                }
            };
            let _ = tokio::time::timeout(OTHERS_WAIT, others).await;
            for state in self.states() {
                synced(state).await;
            }
            if let Some(resolver) = &self.shared.resolver {
                let _ = tokio::time::timeout(OTHERS_WAIT, resolver.done()).await;
            }
        };
        if tokio::time::timeout(limit, all).await.is_ok() {
            return Ok(());
        }
        let states = self.others.iter().map(|it| it.state());
        let problems = states.chain(self.states()).filter_map(|it| it.borrow().problem.clone());
        let asked = self.shared.resolver.as_ref().and_then(Resolver::problem);
        let mut text = "failed to wait for caches to sync".to_owned();
        for problem in problems.chain(asked) {
            text.push_str(": ");
            text.push_str(&problem);
        }
        // A single source has told its pods, and what they belong to has not come: that is what the wait is for.
        if self.states().count() > 1 && self.states().any(|it| it.borrow().synced) {
            tracing::warn!(error = text, "starting with what other sources tell");
            return Ok(());
        }
        Err(text)
    }

    /// How each source of pods is.
    fn states(&self) -> impl Iterator<Item = watch::Receiver<State>> {
        let watched = self.watched.iter().map(|it| it.state());
        watched.chain(self.polls.iter().map(|it| it.state()))
    }

    /// Told of each change of what is known.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.shared.changes.subscribe()
    }

    /// Where this key leads, be it to a pod of which nothing is to be known.
    pub fn find(&self, key: Key) -> Option<Led> {
        self.shared.read(|table| table.find(key).cloned())
    }

    /// This key leads to a pod that exists, be it one of which nothing is to be known.
    pub fn is_current(&self, key: Key) -> bool {
        self.shared.read(|table| table.find(key).is_some_and(|it| it.left.is_none()))
    }

    /// So many resources are of pods that are not known; `are_fresh` if nobody has looked for them before.
    pub fn missed(&self, resources: u64, are_fresh: bool) {
        self.shared.counts.missed(resources);
        self.polls.iter().for_each(|it| it.ask(are_fresh));
    }

    /// A namespace or node by name, a workload by uid.
    pub fn extra(&self, of: From, id: &str) -> Option<Arc<Extra>> {
        self.shared.read(|table| table.extra(of, id))
    }
}

impl Pod {
    /// The container that a resource with these attributes is of; empty is absent.
    pub fn container(&self, name: &str, id: &str) -> Option<&Container> {
        containers::find(&self.containers, name, id)
    }
}

async fn synced(mut state: watch::Receiver<State>) {
    // The sender lives as long as the feed, which the view holds.
    let _ = state.wait_for(|it| it.synced).await;
}

impl Shared {
    fn read<R>(&self, look: impl FnOnce(&Table) -> R) -> R {
        look(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<R>(&self, change: impl FnOnce(&mut Table) -> R) -> R {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut table);
        self.counts.size(table.keys());
        drop(table);
        // Who subscribes later looks at the table first.
        if self.changes.receiver_count() > 0 {
            self.changes.send_replace(());
        }
        result
    }
}

impl Sink<ApiPod> for Pods {
    fn event(&self, event: Event<'_, ApiPod>) {
        let (origin, now) = (self.origin, Instant::now());
        let Shared { counts, resolver, .. } = &*self.shared;
        self.shared.write(|table| match event {
            Event::Restarted => table.restart_pods(origin),
            Event::Applied(pod) => {
                let outcome = table.apply_pod(origin, pod, now);
                counts.pods(outcome, 1);
                if let Some(resolver) = resolver.as_ref().filter(|_| table.waits()) {
                    resolver.ask();
                }
                if outcome == Outcome::Refused && !std::mem::replace(&mut table.is_full, true) {
                    tracing::error!(
                        pods_max = table::PODS_MAX,
                        bytes_max = table::BYTES_MAX,
                        "the table of pods is full: set filter.node or filter.namespace, or extract less"
                    );
                }
            }
            Event::Deleted(pod) => {
                counts.pods(table.delete_pod(origin, pod.uid(), now), 1);
                table.is_full = false;
            }
            Event::Synced => {
                let gone = table.sync_pods(origin, now);
                counts.pods(Outcome::Deleted, gone as u64);
            }
        });
    }
}

impl Sink<Object> for Others {
    fn event(&self, event: Event<'_, Object>) {
        let kind = self.kind;
        self.shared.write(|table| match event {
            Event::Restarted => table.restart(kind),
            Event::Applied(object) => {
                let outcome = table.apply(kind, object, Instant::now());
                self.shared.counts.objects(kind, outcome);
            }
            Event::Deleted(object) => {
                self.shared.counts.objects(kind, table.delete(kind, object));
            }
            Event::Synced => table.sync(kind),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{FieldRule, Keys, Pick};

    fn watched(keys: &[Metadata], filter: &Filter) -> Vec<String> {
        let rules = Rules { keys: keys.iter().copied().collect::<Keys>(), ..Rules::default() };
        let all = needed(&rules, filter).into_iter().map(|it| it.1).chain([pods(filter)]);
        all.map(|it| format!("{} {} {}", it.resource, it.namespace, it.fields)).collect()
    }

    #[test]
    fn only_what_the_rules_need_is_watched() {
        let none = Filter::default();
        assert_eq!(watched(&[Metadata::PodName], &none), ["pods  "]);
        assert_eq!(watched(&[Metadata::DeploymentName], &none), ["replicasets.apps  ", "pods  "]);
        assert_eq!(watched(&[Metadata::CronJobName, Metadata::ServiceName], &none), ["pods  "]);
        assert_eq!(watched(&[Metadata::CronJobUid], &none), ["jobs.batch  ", "pods  "]);
        let want = ["namespaces  metadata.name=kube-system", "pods  "];
        assert_eq!(watched(&[Metadata::ClusterUid], &none), want);
    }

    #[test]
    fn daemon_sets_are_asked_for_as_a_whole_only_for_an_annotation_that_metadata_lack() {
        let whole = |from: From, of_annotations: bool, pattern: &str| {
            let regex = regex::Regex::new(pattern).unwrap();
            let pick = Pick::Regex { regex, tag: None };
            let fields = vec![FieldRule { from, of_annotations, pick }];
            let rules = Rules { fields, ..Rules::default() };
            needed(&rules, &Filter::default()).iter().any(|it| !it.1.metadata_only)
        };
        assert!(whole(From::DaemonSet, true, "^.*$"));
        assert!(!whole(From::DaemonSet, true, "^team/.*$"));
        assert!(!whole(From::DaemonSet, false, "^.*$"));
        assert!(!whole(From::StatefulSet, true, "^.*$"));
    }

    #[test]
    fn with_a_kubelet_the_server_is_asked_only_for_what_is_no_pod() {
        let filter = Filter { server: Server::Others, ..Filter::default() };
        let rules =
            |keys: &[Metadata]| Rules { keys: keys.iter().copied().collect(), ..Rules::default() };
        assert!(!View::asks_server(&rules(&[Metadata::PodName]), &filter));
        assert_eq!(View::rights(&rules(&[Metadata::PodName]), &filter), []);
        let owners = rules(&[Metadata::DeploymentName]);
        assert!(View::asks_server(&owners, &filter));
        assert_eq!(View::rights(&owners, &filter), [Resource::REPLICA_SETS.rule(&["get"])]);
    }

    #[test]
    fn a_filter_narrows_what_can_be_narrowed() {
        let filter = Filter {
            namespace: "shop".into(),
            node: "n1".into(),
            fields: "status.phase!=Failed".into(),
            ..Filter::default()
        };
        let want = ["nodes  metadata.name=n1", "pods shop status.phase!=Failed,spec.nodeName=n1"];
        assert_eq!(watched(&[Metadata::NodeUid, Metadata::DeploymentUid], &filter), want);
        let rules = Rules { keys: Keys::from_iter([Metadata::DeploymentUid]), ..Rules::default() };
        let rights = View::rights(&rules, &filter);
        assert_eq!(
            rights.last().unwrap().to_string(),
            Resource::REPLICA_SETS.rule(&["get"]).to_string()
        );
    }
}
