//! Finds the pod of a resource, and adds what is known of it.

use std::net::IpAddr;

use pdata::{AttributeBuf, AttributesEdit, ValueRef};

use crate::identity::{Association, Key, Source};
use crate::pod::Pod;
use crate::rules::{From, Keys, Metadata, Rules};
use crate::view::View;

/// Attributes that name an address, when the configuration has no rules.
const ADDRESSES: [&str; 2] = ["k8s.pod.ip", "ip"];
/// Namespaces, nodes and workloads: the attribute that names one where no pod is known.
const AROUND: [(From, &str); 6] = [
    (From::Namespace, "k8s.namespace.name"),
    (From::Node, "k8s.node.name"),
    (From::Deployment, "k8s.deployment.uid"),
    (From::StatefulSet, "k8s.statefulset.uid"),
    (From::DaemonSet, "k8s.daemonset.uid"),
    (From::Job, "k8s.job.uid"),
];

/// How the pod of a resource is found.
pub(crate) struct Finder {
    associations: Vec<Association>,
    passthrough: bool,
    keys: Keys,
    /// What is looked up beside pods, with the attribute that names it.
    around: Vec<(From, &'static str)>,
}

/// By what a pod is looked for.
#[derive(Default)]
pub(crate) struct Found {
    /// The number of the rule.
    pub(crate) way: usize,
    pub(crate) key: Option<Key>,
    /// The address, where that is a part of it.
    pub(crate) address: Option<String>,
    /// It is something that only one pod ever has.
    pub(crate) is_unique: bool,
}

impl Found {
    /// It may be a pod: this machine itself is none.
    pub(crate) fn may_be_pod(&self) -> bool {
        let address = self.address.as_ref().and_then(|it| it.parse::<IpAddr>().ok());
        !address.is_some_and(|it| it.is_loopback())
    }
}

impl Finder {
    pub(crate) fn new(rules: &Rules, passthrough: bool) -> Self {
        let around = AROUND.into_iter().filter(|(from, _)| match from {
            // Its name is the value of service.namespace, and its uid comes with every look at a node.
            From::Namespace => rules.reads(*from) || rules.keys.has(Metadata::ServiceNamespace),
            From::Node => rules.reads(*from) || rules.keys.has(Metadata::NodeUid),
            _ => rules.reads(*from),
        });
        Self {
            associations: rules.associations.clone(),
            passthrough,
            keys: rules.keys,
            around: around.collect(),
        }
    }

    /// The ways to find a pod in few words, and the last one for none.
    pub(crate) fn ways(&self) -> impl Iterator<Item = String> {
        let given = self.associations.iter().map(Association::text);
        let default = self.associations.is_empty().then(|| "connection".to_owned());
        given.chain(default).chain([String::new()])
    }

    /// By what the pod is to be looked for. An address is noted on the way.
    pub(crate) fn find(&self, attributes: &mut AttributesEdit<'_>, peer: Option<&str>) -> Found {
        let mut found = if self.associations.is_empty() {
            by_address(attributes, peer)
        } else {
            self.by_rules(attributes, peer)
        };
        let notes_address = self.passthrough || self.keys.has(Metadata::PodIp);
        if let Some(address) = found.address.as_deref().filter(|_| notes_address)
            && is_blank(attributes, "k8s.pod.ip")
        {
            attributes.set("k8s.pod.ip", address);
        }
        found.key = found.key.filter(|_| !self.passthrough);
        found
    }

    /// The first rule whose sources all have a value decides, also if it finds nothing.
    fn by_rules(&self, attributes: &AttributesEdit<'_>, peer: Option<&str>) -> Found {
        let value = |source: &Source| match source {
            Source::Connection => peer,
            Source::Attribute(name) => {
                let text = text(attributes, name)?;
                // Elsewhere it is the name of a machine.
                (name != "host.name" || is_address(text)).then_some(text)
            }
            Source::Unknown => None,
        };
        for (way, rule) in self.associations.iter().enumerate() {
            if let Some(key) = rule.key(value) {
                let first = rule.sources.first();
                let finds = !matches!(first, None | Some(Source::Unknown));
                let address = peer.filter(|_| rule.sources.contains(&Source::Connection));
                let address = address.map(str::to_owned);
                let key = finds.then_some(key);
                return Found { way, key, address, is_unique: is_unique(rule) };
            }
        }
        Found { way: self.associations.len(), ..Found::default() }
    }

    /// Adds what is known of the pod, and of what is around it or is named by the attributes.
    pub(crate) fn add(&self, attributes: &mut AttributesEdit<'_>, pod: Option<&Pod>, view: &View) {
        if let Some(pod) = pod {
            add_all(attributes, &pod.attributes);
            add_container(attributes, pod);
            if self.keys.has(Metadata::ClusterUid)
                && let Some(namespace) = view.extra(From::Namespace, "kube-system")
                && is_blank(attributes, "k8s.cluster.uid")
            {
                attributes.set("k8s.cluster.uid", &*namespace.uid);
            }
        }
        for (from, name) in &self.around {
            let own = pod.map_or("", |pod| match from {
                From::Namespace => &*pod.namespace,
                From::Node => &*pod.node,
                from => pod.owner(*from),
            });
            let id = match own {
                "" => text(attributes, name).unwrap_or_default().to_owned(),
                own => own.to_owned(),
            };
            if id.is_empty() {
                continue;
            }
            if let Some(extra) = view.extra(*from, &id) {
                add_all(attributes, &extra.attributes);
                if *from == From::Node && is_blank(attributes, "k8s.node.uid") {
                    attributes.set("k8s.node.uid", &*extra.uid);
                }
            }
            if *from == From::Namespace
                && self.keys.has(Metadata::ServiceNamespace)
                && is_blank(attributes, "service.namespace")
            {
                attributes.set("service.namespace", id.as_str());
            }
        }
    }
}

/// Addresses go from pod to pod, and so do names: that of a stateful set's pod, and labels. Ids do not.
fn is_unique(rule: &Association) -> bool {
    let is_id = |source: &Source| match source {
        Source::Attribute(name) => ["k8s.pod.uid", "container.id"].contains(&name.as_str()),
        Source::Connection | Source::Unknown => false,
    };
    rule.sources.iter().any(is_id)
}

/// Without rules: the first address that there is.
fn by_address(attributes: &AttributesEdit<'_>, peer: Option<&str>) -> Found {
    let named = ADDRESSES.iter().find_map(|it| text(attributes, it).filter(|it| !it.is_empty()));
    let host = || text(attributes, "host.name").filter(|it| is_address(it));
    match named.or(peer).or_else(host) {
        Some(address) => {
            let key = Some(Key::connection(address));
            Found { way: 0, key, address: Some(address.to_owned()), is_unique: false }
        }
        None => Found { way: 1, ..Found::default() },
    }
}

/// What is known of the container that the resource is of.
fn add_container(attributes: &mut AttributesEdit<'_>, pod: &Pod) {
    if pod.containers.is_empty() {
        return;
    }
    let name = text(attributes, "k8s.container.name").unwrap_or_default();
    let id = text(attributes, "container.id").unwrap_or_default();
    let Some(container) = pod.container(name, id) else { return };
    add_all(attributes, &container.attributes);
    let Some(run) = &container.run else { return };
    let is_it = match attributes.get("k8s.container.restart_count") {
        // The latest run is the one that writes.
        None => true,
        Some(ValueRef::Int(count)) => count == run.restart_count,
        Some(ValueRef::Str(count)) => count.parse() == Ok(run.restart_count),
        Some(_) => false,
    };
    if is_it {
        for it in &run.attributes {
            if !attributes.contains(it.name()) {
                attributes.set_buf(it);
            }
        }
    }
}

/// Adds what is absent, or says nothing.
fn add_all(attributes: &mut AttributesEdit<'_>, new: &[AttributeBuf]) {
    for it in new {
        if is_blank(attributes, it.name()) {
            attributes.set_buf(it);
        }
    }
}

/// The attribute is absent, or its text is empty.
pub(crate) fn is_blank(attributes: &AttributesEdit<'_>, name: &str) -> bool {
    match attributes.get(name) {
        None | Some(ValueRef::Empty) => true,
        Some(ValueRef::Str(text)) => text.is_empty(),
        Some(ValueRef::Bytes(bytes)) => bytes.is_empty(),
        Some(_) => false,
    }
}

pub(crate) fn text<'a>(attributes: &'a AttributesEdit<'_>, name: &str) -> Option<&'a str> {
    attributes.get(name).and_then(ValueRef::as_str)
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}
