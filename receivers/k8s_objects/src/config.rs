//! The keys.

use component::config::{Choice, Choices, Duration, Need, Problems, Stage};
use golang::regexp;
use kube::{ApiConfig, Resource};
use regex::Regex;
use serde::{Deserialize, Serialize};

/// `receivers: k8s_objects:`
///
/// Upstream: `receiver/k8sobjectsreceiver`, v0.156.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "k8sobjectsreceiver.Config")]
pub struct Config {
    /// The API server.
    #[serde(flatten)]
    pub api: ApiConfig,
    /// What is collected.
    pub objects: Vec<ObjectConfig>,
    /// What happens when the server has no objects of a name: propagate (the start fails), ignore (the log says it) or
    /// silent. Default propagate.
    pub error_mode: Choice<ErrorMode>,
    /// Objects that are watched are told as they are when the watch begins, as if they were new. Default false.
    pub include_initial_state: bool,
    /// A storage extension that keeps how far watches have come.
    #[config(omit_empty)]
    pub storage: Option<String>,
    /// An extension that says which of several collectors collects.
    #[config(omit_empty)]
    pub k8s_leader_elector: Option<String>,
}

/// One of `objects:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "k8sobjectsreceiver.K8sObjectsConfig")]
pub struct ObjectConfig {
    /// The plural: pods, events. Required.
    pub name: String,
    /// The group, where several have objects of this name. Default: the first one that has, core before all.
    #[config(omit_empty)]
    pub group: String,
    /// pull (all objects, again and again) or watch (what happens to them). Default pull.
    pub mode: Choice<Mode>,
    /// A selector by labels.
    #[config(omit_empty)]
    pub label_selector: String,
    /// A selector by fields.
    #[config(omit_empty)]
    pub field_selector: String,
    /// How often they are pulled. Default 1h.
    #[config(omit_empty)]
    pub interval: Duration,
    /// A watch begins after this version, and a pull gives the objects as of it. Default: now.
    #[config(omit_empty)]
    pub resource_version: String,
    /// Only those of these namespaces. Default: all.
    #[config(omit_empty)]
    pub namespaces: Vec<String>,
    /// None of these namespaces.
    #[config(omit_empty)]
    pub exclude_namespaces: Vec<NamespaceFilter>,
    /// Changes that are left out: ADDED, MODIFIED, DELETED. Only with watch.
    #[config(omit_empty)]
    pub exclude_watch_type: Vec<String>,
    /// Whether `storage` keeps how far this watch has come. Default true.
    #[config(omit_empty)]
    pub persist_resource_version: Option<bool>,
}

/// One of `exclude_namespaces:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "filter.Config")]
pub struct NamespaceFilter {
    /// A name.
    #[config(omit_empty)]
    pub strict: String,
    /// A pattern for a part of names.
    #[config(omit_empty)]
    pub regexp: String,
}

/// `error_mode:`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ErrorMode {
    /// The start fails.
    #[default]
    Propagate,
    /// The log says it.
    Ignore,
    /// Nobody says it.
    Silent,
}

impl Choices for ErrorMode {
    const NAMES: &'static [(&'static str, Self)] =
        &[("propagate", Self::Propagate), ("ignore", Self::Ignore), ("silent", Self::Silent)];
    const STAGE: Stage = Stage::Check;

    fn unknown(word: &str) -> String {
        format!("invalid error_mode {word:?}: must be one of 'propagate', 'ignore', or 'silent'")
    }
}

/// `mode:`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// All objects, again and again.
    #[default]
    Pull,
    /// What happens to them.
    Watch,
}

impl Choices for Mode {
    const NAMES: &'static [(&'static str, Self)] = &[("pull", Self::Pull), ("watch", Self::Watch)];
    const STAGE: Stage = Stage::Check;

    fn unknown(word: &str) -> String {
        format!("invalid mode: {word}")
    }
}

/// The group of well-known objects, for the rights that are printed before any server was asked.
const GROUPS: [(&str, &[&str]); 9] = [
    ("apps", &["daemonsets", "deployments", "replicasets", "statefulsets", "controllerrevisions"]),
    ("batch", &["jobs", "cronjobs"]),
    ("autoscaling", &["horizontalpodautoscalers"]),
    ("networking.k8s.io", &["ingresses", "ingressclasses", "networkpolicies"]),
    ("policy", &["poddisruptionbudgets"]),
    (
        "rbac.authorization.k8s.io",
        &["roles", "rolebindings", "clusterroles", "clusterrolebindings"],
    ),
    ("storage.k8s.io", &["storageclasses", "volumeattachments", "csidrivers", "csinodes"]),
    ("coordination.k8s.io", &["leases"]),
    ("discovery.k8s.io", &["endpointslices"]),
];

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.api.validate("apiconfig", problems);
        if let Some(id) = self.storage.as_ref().filter(|it| !it.is_empty()) {
            problems.needs("storage", Need::Storage(id.clone()));
        }
        if let Some(id) = self.k8s_leader_elector.as_ref().filter(|it| !it.is_empty()) {
            problems.needs("k8s_leader_elector", Need::LeaderElection(id.clone()));
        }
        for (at, object) in self.objects.iter().enumerate() {
            object.validate(&format!("objects::{at}"), problems);
        }
    }
}

impl ObjectConfig {
    fn validate(&self, key: &str, problems: &mut Problems) {
        const TYPES: [&str; 5] = ["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"];
        if *self.mode == Mode::Pull && !self.exclude_watch_type.is_empty() {
            problems
                .at("", "the Exclude config can only be used with watch mode")
                .remove(&format!("{key}::exclude_watch_type"));
        }
        for (at, word) in self.exclude_watch_type.iter().enumerate() {
            if !TYPES.contains(&word.as_str()) {
                let text = format!("{word:?} never happens: it excludes nothing");
                problems
                    .warn(component::config::Caution::NoEffect, "", text)
                    .one_of(&format!("{key}::exclude_watch_type::{at}"), &TYPES[..3]);
            }
        }
        if self.interval.is_negative() {
            problems.at("", "interval must not be negative").set(&format!("{key}::interval"), "1h");
        }
        for (at, filter) in self.exclude_namespaces.iter().enumerate() {
            let key = format!("{key}::exclude_namespaces::{at}");
            if filter.strict.is_empty() == filter.regexp.is_empty() {
                problems.at("", "specify either \"strict\" or \"regexp\"").about(&key);
            } else if let Err(error) = regexp::compile(&filter.regexp) {
                problems.at("", error.to_string()).about(&format!("{key}::regexp"));
            }
        }
        let known = GROUPS.iter().find(|it| it.1.contains(&self.name.as_str())).map(|it| it.0);
        let group = if self.group.is_empty() { known.unwrap_or_default() } else { &self.group };
        let resource = Resource {
            group: group.to_owned().into(),
            version: "v1".into(),
            plural: self.name.clone().into(),
            namespaced: true,
        };
        let verbs: &[&str] = if *self.mode == Mode::Pull { &["list"] } else { &["list", "watch"] };
        problems.needs(format!("{key}::name"), Need::Right(resource.rule(verbs)));
    }

    /// The namespaces that are left out.
    pub(crate) fn excluded(&self) -> Vec<Regex> {
        let pattern = |it: &NamespaceFilter| {
            if it.strict.is_empty() {
                regexp::compile(&it.regexp).ok()
            } else {
                Regex::new(&format!("^{}$", regex::escape(&it.strict))).ok()
            }
        };
        self.exclude_namespaces.iter().filter_map(pattern).collect()
    }
}
