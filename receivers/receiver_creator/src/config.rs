//! The section and its defaults.

use std::collections::BTreeMap;

use component::Id;
use component::config::{Caution, Need, Problems, Value};
use serde::{Deserialize, Serialize};

/// Types of endpoints.
pub(crate) const KINDS: [&str; 9] = [
    "pod",
    "port",
    "pod.container",
    "hostport",
    "container",
    "k8s.node",
    "k8s.service",
    "k8s.ingress",
    "kafka.topics",
];

/// `receivers: receiver_creator:`
///
/// Upstream: `receiver/receivercreator`, v0.149.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "receivercreator.Config")]
pub struct Config {
    /// Extensions that find endpoints. Required.
    pub watch_observers: Vec<Id>,
    /// Receivers to start, by their ids.
    pub receivers: BTreeMap<String, TemplateConfig>,
    /// What is added to resources, by the type of the endpoint; an empty value adds nothing.
    pub resource_attributes: BTreeMap<String, BTreeMap<String, String>>,
    /// Receivers that annotations of pods ask for.
    pub discovery: DiscoveryConfig,
}

/// One of `receivers:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct TemplateConfig {
    /// For which endpoints: an expression that begins with `type == "..."`. Required.
    pub rule: String,
    /// The section of the receiver; texts may hold expressions between backticks.
    #[config(omit_empty)]
    pub config: Option<Value>,
    /// What is added to the resources of this receiver; values as in `config`.
    #[config(omit_empty)]
    pub resource_attributes: BTreeMap<String, String>,
}

/// `discovery:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct DiscoveryConfig {
    /// Reads annotations `io.opentelemetry.discovery...` of pods. Default false.
    pub enabled: bool,
    /// Receivers that no annotation starts.
    #[config(omit_empty)]
    pub ignore_receivers: Vec<String>,
    /// What pods without these annotations have.
    #[config(omit_empty)]
    pub default_annotations: BTreeMap<String, String>,
    /// Keys of `file_log` for all logs that annotations ask for; what an annotation says beats them.
    #[config(omit_empty)]
    pub default_file_log_config: Option<Value>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            watch_observers: Vec::new(),
            receivers: BTreeMap::new(),
            resource_attributes: usual_attributes(),
            discovery: DiscoveryConfig::default(),
        }
    }
}

/// `createDefaultConfig` of `receivercreator/factory.go`.
fn usual_attributes() -> BTreeMap<String, BTreeMap<String, String>> {
    let of_pod: [(&str, &str); 3] = [
        ("k8s.namespace.name", "`pod.namespace`"),
        ("k8s.pod.name", "`pod.name`"),
        ("k8s.pod.uid", "`pod.uid`"),
    ];
    let of_container = of_pod.into_iter().chain([
        ("container.id", "`container_id`"),
        ("container.image.name", "`container_image`"),
        ("k8s.container.name", "`container_name`"),
    ]);
    let all: [(&str, Vec<(&str, &str)>); 9] = [
        (
            "pod",
            vec![
                ("k8s.namespace.name", "`namespace`"),
                ("k8s.pod.name", "`name`"),
                ("k8s.pod.uid", "`uid`"),
            ],
        ),
        ("port", of_pod.into()),
        ("pod.container", of_container.collect()),
        ("k8s.node", vec![("k8s.node.name", "`name`"), ("k8s.node.uid", "`uid`")]),
        ("k8s.service", vec![("k8s.namespace.name", "`namespace`")]),
        ("k8s.ingress", vec![("k8s.namespace.name", "`namespace`")]),
        ("container", vec![("container.image.name", "`image`"), ("container.name", "`name`")]),
        ("hostport", Vec::new()),
        ("kafka.topics", Vec::new()),
    ];
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    all.map(|(kind, list)| (kind.to_owned(), list.into_iter().map(owned).collect())).into()
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.watch_observers.is_empty() {
            let text = "without watch_observers no receiver is ever started";
            problems.warn(Caution::NoEffect, "", text).require("watch_observers", "[k8s_observer]");
        }
        for (at, id) in self.watch_observers.iter().enumerate() {
            problems.needs(format!("watch_observers::{at}"), Need::Observer(id.to_string()));
        }
        for kind in self.resource_attributes.keys() {
            if !KINDS.contains(&kind.as_str()) {
                let text = format!("resource attributes for unsupported endpoint type \"{kind}\"");
                problems.at("", text).one_of(&format!("resource_attributes::{kind}"), &KINDS);
            }
        }
    }
}
