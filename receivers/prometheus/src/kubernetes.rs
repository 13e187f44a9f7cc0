//! Targets from the objects of a Kubernetes cluster: shared watches keep the objects current, and targets are made of what
//! is known when somebody asks.

use std::sync::Arc;

use component::Host;
use kube::{Client, Feed, Query, Resource, Sink};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

mod endpoints;
mod objects;
mod shelf;
mod targets;
#[cfg(test)]
mod tests;

use crate::config::{KubernetesSd, Role};
use crate::target::Found;
use objects::{EndpointSlice, Endpoints, Ingress, Named, Node, Pod, Service};
use shelf::{Shared, Shelf};
use targets::Around;

/// The watches of one of `kubernetes_sd_configs`.
pub(crate) struct Kubernetes {
    /// One for each namespace.
    parts: Vec<Part>,
    /// Feeds know their shelves weakly; both are kept here.
    _feeds: Vec<Box<dyn Send + Sync>>,
}

/// The objects of one namespace, or of all.
struct Part {
    main: Main,
    around: Around,
}

/// What targets are made of.
enum Main {
    Pods(Arc<Shelf<Pod>>),
    Services(Arc<Shelf<Service>>),
    Endpoints(Arc<Shelf<Endpoints>>),
    Slices(Arc<Shelf<EndpointSlice>>),
    Nodes(Arc<Shelf<Node>>),
    Ingresses(Arc<Shelf<Ingress>>),
}

/// Who opens watches.
struct Opener<'a> {
    section: &'a KubernetesSd,
    client: Client,
    changed: &'a Arc<Notify>,
    host: &'a Host,
    feeds: Vec<Box<dyn Send + Sync>>,
}

impl Kubernetes {
    /// Begins to watch, as long as the host runs. `changed` is told when something is new.
    ///
    /// # Errors
    /// When the server or the namespace are not known.
    pub(crate) async fn watch(
        section: &KubernetesSd,
        (tls, agent): (configtls::ClientConfig, &str),
        changed: &Arc<Notify>,
        host: &Host,
    ) -> Result<Self, String> {
        let role = section.role().ok_or("it has no role")?;
        let client = match section.server(tls) {
            Some(server) => Client::of(&server, agent).await?,
            None => Client::new(&kube::ApiConfig::default(), agent).await?,
        };
        let mut namespaces = section.namespaces.names.clone();
        if section.namespaces.own_namespace {
            namespaces.push(kube::own_namespace().await?);
        }
        if namespaces.is_empty() || role == Role::Node {
            namespaces = vec![String::new()];
        }
        namespaces.sort();
        namespaces.dedup();
        let mut opener = Opener { section, client, changed, host, feeds: Vec::new() };
        let parts = namespaces.iter().map(|it| opener.part(role, it)).collect();
        Ok(Self { parts, _feeds: opener.feeds })
    }

    /// Everything has come once.
    pub(crate) fn is_ready(&self) -> bool {
        self.parts.iter().all(Part::is_ready)
    }

    /// Tells each target. A namespace of which not everything has come has none.
    pub(crate) fn each(&self, take: &mut dyn FnMut(Found)) {
        for part in self.parts.iter().filter(|it| it.is_ready()) {
            part.each(take);
        }
    }
}

impl Part {
    fn is_ready(&self) -> bool {
        let main = match &self.main {
            Main::Pods(it) => it.is_synced(),
            Main::Services(it) => it.is_synced(),
            Main::Endpoints(it) => it.is_synced(),
            Main::Slices(it) => it.is_synced(),
            Main::Nodes(it) => it.is_synced(),
            Main::Ingresses(it) => it.is_synced(),
        };
        let Around { pods, services, nodes, namespaces } = &self.around;
        main && pods.as_ref().is_none_or(|it| it.is_synced())
            && services.as_ref().is_none_or(|it| it.is_synced())
            && nodes.as_ref().is_none_or(|it| it.is_synced())
            && namespaces.as_ref().is_none_or(|it| it.is_synced())
    }

    fn each(&self, take: &mut dyn FnMut(Found)) {
        fn all<T>(shelf: &Shelf<T>, of: impl Fn(&T) -> Vec<Found>, take: &mut dyn FnMut(Found)) {
            shelf.all().iter().flat_map(|it| of(it)).for_each(take);
        }
        let around = &self.around;
        match &self.main {
            Main::Pods(it) => all(it, |it| targets::of_pod(it, around), take),
            Main::Services(it) => all(it, |it| targets::of_service(it, around), take),
            Main::Endpoints(it) => all(it, |it| endpoints::of_endpoints(it, around), take),
            Main::Slices(it) => all(it, |it| endpoints::of_slice(it, around), take),
            Main::Nodes(it) => all(it, targets::of_node, take),
            Main::Ingresses(it) => all(it, |it| targets::of_ingress(it, around), take),
        }
    }
}

impl Opener<'_> {
    fn part(&mut self, role: Role, namespace: &str) -> Part {
        let (nodes, namespaces) =
            (self.section.wants_nodes(role), self.section.wants_namespaces(role));
        let mut around = Around::default();
        if nodes {
            let (labels, fields) = self.section.selector(Role::Node);
            let query = Query { labels, fields, ..Query::metadata(Resource::NODES) };
            around.nodes = Some(self.open(query));
        }
        if namespaces {
            around.namespaces = Some(self.open(Query::metadata(Resource::NAMESPACES)));
        }
        if matches!(role, Role::Endpoints | Role::EndpointSlice) {
            around.pods = Some(self.of_role(Role::Pod, namespace));
            around.services = Some(self.of_role(Role::Service, namespace));
        }
        let main = match role {
            Role::Pod => Main::Pods(self.of_role(role, namespace)),
            Role::Service => Main::Services(self.of_role(role, namespace)),
            Role::Endpoints => Main::Endpoints(self.of_role(role, namespace)),
            Role::EndpointSlice => Main::Slices(self.of_role(role, namespace)),
            Role::Node => Main::Nodes(self.of_role(role, namespace)),
            Role::Ingress => Main::Ingresses(self.of_role(role, namespace)),
        };
        Part { main, around }
    }

    fn of_role<T>(&mut self, role: Role, namespace: &str) -> Arc<Shelf<T>>
    where
        T: Named + DeserializeOwned + Send + Sync + 'static,
    {
        let (labels, fields) = self.section.selector(role);
        let namespace = namespace.to_owned();
        self.open(Query { namespace, labels, fields, ..Query::all(role.resource()) })
    }

    fn open<T>(&mut self, query: Query) -> Arc<Shelf<T>>
    where
        T: Named + DeserializeOwned + Send + Sync + 'static,
    {
        let shelf = Arc::new(Shelf::<T>::new(Arc::clone(self.changed)));
        let sink: Arc<dyn Sink<Shared<T>>> = Arc::clone(&shelf) as _;
        let feed = Feed::<Shared<T>>::of(&self.client, query);
        feed.subscribe(Arc::downgrade(&sink));
        feed.serve(self.host);
        self.feeds.push(Box::new(feed));
        shelf
    }
}
