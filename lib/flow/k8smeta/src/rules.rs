//! What is extracted, and which objects are needed for it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use regex::Regex;

use crate::identity::Association;

/// Attributes by name.
pub(crate) type Attributes = BTreeMap<String, String>;

/// Which object a label or annotation is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum From {
    /// The pod itself.
    Pod,
    /// Its namespace.
    Namespace,
    /// The node that it runs on.
    Node,
    /// The owner of its replica set.
    Deployment,
    /// Its owner.
    StatefulSet,
    /// Its owner.
    DaemonSet,
    /// Its owner.
    Job,
}

impl From {
    /// The words of the configuration.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("pod", Self::Pod),
        ("namespace", Self::Namespace),
        ("node", Self::Node),
        ("deployment", Self::Deployment),
        ("statefulset", Self::StatefulSet),
        ("daemonset", Self::DaemonSet),
        ("job", Self::Job),
    ];

    pub(crate) fn word(self) -> &'static str {
        Self::NAMES.iter().find(|it| it.1 == self).map_or("", |it| it.0)
    }

    /// Their attributes have always been named in the singular.
    fn is_workload(self) -> bool {
        !matches!(self, Self::Pod | Self::Namespace | Self::Node)
    }
}

macro_rules! metadata {
    ($($name:ident $key:literal $on:literal,)*) => {
        /// A key of `extract: metadata:`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Metadata { $($name),* }

        impl Metadata {
            /// Each key, and whether it is extracted when no list is given.
            pub const ALL: &'static [(&'static str, Self, bool)] = &[$(($key, Self::$name, $on)),*];
        }
    };
}

metadata! {
    ClusterUid "k8s.cluster.uid" false,
    ContainerId "container.id" false,
    ContainerImageName "container.image.name" true,
    ContainerImageRepoDigests "container.image.repo_digests" false,
    ContainerImageTag "container.image.tag" true,
    ContainerImageTags "container.image.tags" false,
    ContainerName "k8s.container.name" false,
    CronJobName "k8s.cronjob.name" false,
    CronJobUid "k8s.cronjob.uid" false,
    DaemonSetName "k8s.daemonset.name" false,
    DaemonSetUid "k8s.daemonset.uid" false,
    DeploymentName "k8s.deployment.name" true,
    DeploymentUid "k8s.deployment.uid" false,
    JobName "k8s.job.name" false,
    JobUid "k8s.job.uid" false,
    NamespaceName "k8s.namespace.name" true,
    NodeName "k8s.node.name" true,
    NodeUid "k8s.node.uid" false,
    PodHostname "k8s.pod.hostname" false,
    PodIp "k8s.pod.ip" false,
    PodName "k8s.pod.name" true,
    PodStartTime "k8s.pod.start_time" true,
    PodUid "k8s.pod.uid" true,
    ReplicaSetName "k8s.replicaset.name" false,
    ReplicaSetUid "k8s.replicaset.uid" false,
    ServiceInstanceId "service.instance.id" false,
    ServiceName "service.name" false,
    ServiceNamespace "service.namespace" false,
    ServiceVersion "service.version" false,
    StatefulSetName "k8s.statefulset.name" false,
    StatefulSetUid "k8s.statefulset.uid" false,
}

impl Metadata {
    /// The attribute.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|it| it.1 == self).map_or("", |it| it.0)
    }
}

/// Some of [`Metadata`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keys(u64);

impl Keys {
    /// One of them is there.
    pub fn has(self, key: Metadata) -> bool {
        self.0 & (1 << key as u64) != 0
    }

    pub(crate) fn any(self, keys: &[Metadata]) -> bool {
        keys.iter().any(|it| self.has(*it))
    }
}

impl FromIterator<Metadata> for Keys {
    fn from_iter<I: IntoIterator<Item = Metadata>>(keys: I) -> Self {
        Self(keys.into_iter().fold(0, |bits, it| bits | 1 << it as u64))
    }
}

/// Which names attributes have that were renamed: two feature gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conventions {
    /// `k8s.pod.labels.x`, `container.image.tag`.
    pub old: bool,
    /// `k8s.pod.label.x`, `container.image.tags`.
    pub new: bool,
}

impl Default for Conventions {
    fn default() -> Self {
        Self { old: true, new: false }
    }
}

/// A rule for labels or annotations.
#[derive(Debug, Clone)]
pub struct FieldRule {
    /// Of what.
    pub from: From,
    /// Of annotations, and not of labels.
    pub of_annotations: bool,
    /// Which, and the names of the attributes.
    pub pick: Pick,
}

/// Which labels or annotations.
#[derive(Debug, Clone)]
pub enum Pick {
    /// One.
    Key {
        /// Exactly.
        key: String,
        /// The attribute; `None` for the usual name.
        tag: Option<String>,
    },
    /// All whose keys match as a whole.
    Regex {
        /// The pattern.
        regex: Regex,
        /// The attribute, with `$1` or `${name}` in it; `None` for the usual name.
        tag: Option<String>,
    },
}

/// What is extracted of pods and of what is around them.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// `extract: metadata:`.
    pub keys: Keys,
    /// Labels, then annotations.
    pub fields: Vec<FieldRule>,
    /// The name of the deployment is cut from that of the replica set.
    pub deployment_from_name: bool,
    /// Pods of which nothing is to be known, by a part of their name.
    pub exclude: Vec<Regex>,
    /// By what pods are found, beside uid and address.
    pub associations: Vec<Association>,
    /// Names of attributes.
    pub conventions: Conventions,
}

impl Rules {
    pub(crate) fn has(&self, key: Metadata) -> bool {
        self.keys.has(key)
    }

    /// There are rules for labels or annotations of this.
    pub fn reads(&self, from: From) -> bool {
        self.fields.iter().any(|it| it.from == from)
    }

    /// A rule takes the annotation of this name.
    pub(crate) fn takes_annotation(&self, from: From, name: &str) -> bool {
        let rules = self.fields.iter().filter(|it| it.from == from && it.of_annotations);
        rules.map(|it| &it.pick).any(|it| match it {
            Pick::Key { key, .. } => key == name,
            Pick::Regex { regex, .. } => regex.is_match(name),
        })
    }

    /// Replica sets are needed, to find the deployments of pods.
    pub(crate) fn needs_replica_sets(&self) -> bool {
        self.has(Metadata::DeploymentUid)
            || self.reads(From::Deployment)
            || (self.has(Metadata::DeploymentName) && !self.deployment_from_name)
    }

    pub(crate) fn needs_jobs(&self) -> bool {
        self.has(Metadata::CronJobUid) || self.reads(From::Job)
    }

    pub(crate) fn needs_nodes(&self) -> bool {
        self.has(Metadata::NodeUid) || self.reads(From::Node)
    }

    /// The node of a pod is remembered. Rules for nodes alone do not ask for it, as in the Collector.
    pub(crate) fn keeps_node(&self) -> bool {
        self.keys.any(&[Metadata::NodeName, Metadata::NodeUid])
    }

    /// The owners of a pod are looked at. Rules for workloads alone do not ask for it, as in the Collector.
    pub(crate) fn keeps_owners(&self) -> bool {
        use Metadata::{
            CronJobName, CronJobUid, DaemonSetName, DaemonSetUid, DeploymentName, DeploymentUid,
            JobName, JobUid, ReplicaSetName, ReplicaSetUid, ServiceName, StatefulSetName,
            StatefulSetUid,
        };
        self.keys.any(&[
            CronJobName,
            CronJobUid,
            DaemonSetName,
            DaemonSetUid,
            DeploymentName,
            DeploymentUid,
            JobName,
            JobUid,
            ReplicaSetName,
            ReplicaSetUid,
            ServiceName,
            StatefulSetName,
            StatefulSetUid,
        ])
    }

    /// Containers of a pod are remembered.
    pub(crate) fn keeps_containers(&self) -> bool {
        use Metadata::{
            ContainerId, ContainerImageName, ContainerImageRepoDigests, ContainerImageTag,
            ContainerImageTags, ContainerName, ServiceInstanceId, ServiceVersion,
        };
        self.keys.any(&[
            ContainerId,
            ContainerImageName,
            ContainerImageRepoDigests,
            ContainerImageTag,
            ContainerImageTags,
            ContainerName,
            ServiceInstanceId,
            ServiceVersion,
        ])
    }

    /// Adds what the rules for `from` make of labels, or of annotations.
    pub(crate) fn fields(
        &self,
        from: From,
        of_annotations: bool,
        values: &BTreeMap<String, String>,
        out: &mut Attributes,
    ) {
        let rules = self.fields.iter();
        for rule in rules.filter(|it| it.from == from && it.of_annotations == of_annotations) {
            match &rule.pick {
                Pick::Key { key, tag } => {
                    if let Some(value) = values.get(key) {
                        self.put(rule, key, tag.as_deref().map(Cow::Borrowed), value, out);
                    }
                }
                Pick::Regex { regex, tag } => {
                    for (key, value) in values.iter().filter(|it| !it.1.is_empty()) {
                        let Some(found) = regex.captures(key) else { continue };
                        let expanded = tag.as_ref().map(|tag| {
                            let mut name = String::new();
                            found.expand(tag, &mut name);
                            Cow::Owned(name)
                        });
                        self.put(rule, key, expanded, value, out);
                    }
                }
            }
        }
    }

    fn put(
        &self,
        rule: &FieldRule,
        key: &str,
        tag: Option<Cow<'_, str>>,
        value: &str,
        out: &mut Attributes,
    ) {
        if let Some(tag) = tag {
            out.insert(tag.into_owned(), value.to_owned());
            return;
        }
        let from = rule.from.word();
        let one = if rule.of_annotations { "annotation" } else { "label" };
        let Conventions { old, new } = self.conventions;
        if new || rule.from.is_workload() {
            out.insert(format!("k8s.{from}.{one}.{key}"), value.to_owned());
        }
        if old && !rule.from.is_workload() {
            out.insert(format!("k8s.{from}.{one}s.{key}"), value.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pick: Pick, from: From, conventions: Conventions) -> Vec<(String, String)> {
        let values = [("tier", "front"), ("app.example/name", "cart"), ("empty", "")];
        let values = values.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let rules = Rules {
            fields: vec![FieldRule { from, of_annotations: false, pick }],
            conventions,
            ..Rules::default()
        };
        let mut out = Attributes::new();
        rules.fields(from, false, &values, &mut out);
        rules.fields(from, true, &values, &mut out);
        out.into_iter().collect()
    }

    fn key(key: &str, tag: Option<&str>) -> Pick {
        Pick::Key { key: key.into(), tag: tag.map(Into::into) }
    }

    fn regex(pattern: &str, tag: Option<&str>) -> Pick {
        let regex = Regex::new(&format!("^(?:{pattern})$")).unwrap();
        Pick::Regex { regex, tag: tag.map(Into::into) }
    }

    fn check(pick: Pick, want: &[(&str, &str)]) {
        let got = fields(pick, From::Pod, Conventions::default());
        let want: Vec<_> = want.iter().map(|it| (it.0.to_owned(), it.1.to_owned())).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn a_key_is_taken_also_when_it_is_empty_and_a_pattern_takes_no_empty_values() {
        check(key("tier", None), &[("k8s.pod.labels.tier", "front")]);
        check(key("tier", Some("t")), &[("t", "front")]);
        check(key("empty", Some("e")), &[("e", "")]);
        check(key("absent", Some("e")), &[]);
        check(regex("e.*", None), &[]);
        check(regex("t", None), &[]);
        check(regex("t.*", None), &[("k8s.pod.labels.tier", "front")]);
        check(regex("app[.](.*)/(?P<x>.*)", Some("${x}-$1")), &[("name-example", "cart")]);
    }

    #[test]
    fn names_follow_the_conventions_that_are_asked_for() {
        let names = |from, old, new| -> Vec<String> {
            let all = fields(key("tier", None), from, Conventions { old, new });
            all.into_iter().map(|it| it.0).collect()
        };
        assert_eq!(names(From::Node, true, true), ["k8s.node.label.tier", "k8s.node.labels.tier"]);
        assert_eq!(names(From::Namespace, false, true), ["k8s.namespace.label.tier"]);
        assert_eq!(names(From::Job, true, false), ["k8s.job.label.tier"]);
        assert_eq!(names(From::Job, true, true), ["k8s.job.label.tier"]);
    }

    #[test]
    fn every_key_has_a_place_in_the_set() {
        for (name, key, _) in Metadata::ALL {
            assert_eq!(key.name(), *name);
            let one = Keys::from_iter([*key]);
            assert_eq!(Metadata::ALL.iter().filter(|it| one.has(it.1)).count(), 1);
        }
    }
}
