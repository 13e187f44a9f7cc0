//! The keys, and what is worked out from them.

use component::config::{Caution, Duration, Problems};
use kube::{ApiConfig, field_equals};
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::identity::{Association, Source};
use crate::rules::{FieldRule, From, Keys, Metadata, Pick, Rules};
use crate::view::{Filter, Server};

mod cri;
mod kubelet;
mod providers;

pub use cri::RuntimeConfig;
pub use kubelet::KubeletConfig;

/// Most sources of an association.
const SOURCES_MAX: usize = 4;

/// `processors: k8s_attributes:`
///
/// Upstream: `processor/k8sattributesprocessor`, v0.149.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "k8sattributesprocessor.Config")]
pub struct Config {
    /// The API server.
    #[serde(flatten)]
    pub api: ApiConfig,
    /// Only note the sender's address as `k8s.pod.ip`, for a collector behind this one; the API server is not asked. Default
    /// false.
    pub passthrough: bool,
    /// What is added.
    pub extract: ExtractConfig,
    /// Which pods are known.
    pub filter: FilterConfig,
    /// By what the pod of a resource is found. The first rule whose sources all have a value decides. Default: by the attribute
    /// `k8s.pod.ip`, `ip`, the address of the sender, or `host.name` if it is an address.
    pub pod_association: Vec<AssociationConfig>,
    /// Pods of which nothing is added.
    pub exclude: ExcludeConfig,
    /// Start only when all pods are known. Default false.
    pub wait_for_metadata: bool,
    /// How long the start waits; then it fails. Default 10s.
    pub wait_for_metadata_timeout: Duration,
    /// Accepted, without effect: what is known is never told twice. Default 5m.
    #[config(omit_empty)]
    #[config(omit_default)]
    pub watch_sync_period: Duration,
    /// How long a deleted pod stays known, for what it wrote last. Default 2m.
    #[config(omit_empty)]
    #[config(omit_default)]
    pub pod_delete_grace_period: Duration,
    /// Longest wait of telemetry whose pod is not known yet; then it goes on without, counted. 0 for none. Default 1s.
    pub metadata_timeout: Duration,
    /// Who tells pods: path, cri, kubelet, apiserver. The later in this order has the last word. Default: those of cri and kubelet
    /// that are configured here, else apiserver.
    #[config(omit_empty)]
    pub providers: Vec<String>,
    /// The container runtime of this node. Default: none.
    #[config(omit_empty)]
    pub cri: Option<RuntimeConfig>,
    /// The kubelet of this node. Default: none.
    #[config(omit_empty)]
    pub kubelet: Option<KubeletConfig>,
}

/// `extract:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "k8sattributesprocessor.ExtractConfig")]
pub struct ExtractConfig {
    /// Attributes. A list replaces the default one, also an empty list.
    pub metadata: Vec<String>,
    /// Annotations.
    pub annotations: Vec<FieldConfig>,
    /// Labels.
    pub labels: Vec<FieldConfig>,
    /// Annotations `resource.opentelemetry.io/NAME` of a pod become attributes NAME. Default false.
    pub otel_annotations: bool,
    /// Cut the name of a deployment from that of its replica set, instead of watching replica sets. Default false.
    pub deployment_name_from_replicaset: bool,
}

/// One of `labels:` and `annotations:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "k8sattributesprocessor.FieldExtractConfig")]
pub struct FieldConfig {
    /// The attribute; with `key_regex` it may hold `$$1` and `$${name}`. Default: `k8s.pod.labels.KEY` and so on.
    #[config(omit_empty)]
    pub tag_name: String,
    /// The label or annotation.
    #[config(omit_empty)]
    pub key: String,
    /// A pattern for whole keys; only one of the two.
    #[config(omit_empty)]
    pub key_regex: String,
    /// Of what: pod, namespace, node, deployment, statefulset, daemonset or job. Default pod.
    #[config(omit_empty)]
    pub from: String,
}

/// `filter:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "k8sattributesprocessor.FilterConfig")]
pub struct FilterConfig {
    /// Only pods of this node.
    #[config(omit_empty)]
    pub node: String,
    /// Only pods of the node that this variable names; it beats `node`.
    #[config(omit_empty)]
    pub node_from_env_var: String,
    /// Only pods of this namespace.
    #[config(omit_empty)]
    pub namespace: String,
    /// Only pods with these values of fields.
    #[config(omit_empty)]
    pub fields: Vec<FieldFilter>,
    /// Only pods with these labels.
    #[config(omit_empty)]
    pub labels: Vec<LabelFilter>,
}

/// One of `fields:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "k8sattributesprocessor.FieldFilterConfig")]
pub struct FieldFilter {
    /// The field: `status.phase`.
    pub key: String,
    /// Its value.
    pub value: String,
    /// equals or not-equals. Default equals.
    pub op: String,
}

/// One of `labels:` of a filter.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "k8sattributesprocessor.FieldFilterConfig")]
pub struct LabelFilter {
    /// The label.
    pub key: String,
    /// Its value.
    pub value: String,
    /// equals, not-equals, exists or does-not-exist. Default equals.
    pub op: String,
}

/// One of `pod_association:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "k8sattributesprocessor.PodAssociationConfig")]
pub struct AssociationConfig {
    /// Up to four, which identify a pod together.
    pub sources: Vec<SourceConfig>,
}

/// One of `sources:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "k8sattributesprocessor.PodAssociationSourceConfig")]
pub struct SourceConfig {
    /// connection or resource_attribute.
    pub from: String,
    /// The attribute.
    #[config(omit_empty)]
    pub name: String,
}

/// `exclude:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "k8sattributesprocessor.ExcludeConfig")]
pub struct ExcludeConfig {
    /// By name. An empty list means the default too.
    pub pods: Vec<ExcludeName>,
}

/// One of `pods:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "k8sattributesprocessor.ExcludePodConfig")]
pub struct ExcludeName {
    /// A pattern for a part of the name.
    pub name: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            api: ApiConfig::default(),
            passthrough: false,
            extract: ExtractConfig::default(),
            filter: FilterConfig::default(),
            pod_association: Vec::new(),
            exclude: ExcludeConfig::default(),
            wait_for_metadata: false,
            wait_for_metadata_timeout: Duration::from_secs(10),
            watch_sync_period: Duration::from_secs(300),
            pod_delete_grace_period: Duration::from_secs(120),
            metadata_timeout: Duration::from_secs(1),
            providers: Vec::new(),
            cri: None,
            kubelet: None,
        }
    }
}

impl Default for ExtractConfig {
    fn default() -> Self {
        let on = Metadata::ALL.iter().filter(|it| it.2);
        Self {
            metadata: on.map(|it| it.0.to_owned()).collect(),
            annotations: Vec::new(),
            labels: Vec::new(),
            otel_annotations: false,
            deployment_name_from_replicaset: false,
        }
    }
}

impl Default for ExcludeConfig {
    fn default() -> Self {
        Self { pods: vec![ExcludeName::of("jaeger-agent"), ExcludeName::of("jaeger-collector")] }
    }
}

impl ExcludeName {
    fn of(name: &str) -> Self {
        Self { name: name.into() }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.api.validate("apiconfig", problems);
        self.api.validate_type("", problems);
        for (at, rule) in self.pod_association.iter().enumerate() {
            let key = format!("pod_association::{at}::sources");
            if rule.sources.len() > SOURCES_MAX {
                let text = format!("too many association sources. limit is {SOURCES_MAX}");
                problems.at("", text).about(&key);
            }
            for (at, source) in rule.sources.iter().enumerate() {
                if source.read() == Source::Unknown {
                    let text = format!("the source {:?} never has a value", source.from);
                    let key = format!("{key}::{at}::from");
                    problems
                        .warn(Caution::NoEffect, "", text)
                        .one_of(&key, &["connection", "resource_attribute"]);
                }
            }
        }
        for (at, key) in self.extract.metadata.iter().enumerate() {
            if metadata(key).is_none() {
                let names: Vec<&str> = Metadata::ALL.iter().map(|it| it.0).collect();
                let text = format!("{key:?} is not a supported metadata field");
                problems.at("", text).one_of(&format!("extract::metadata::{at}"), &names);
            }
        }
        self.filter.validate(problems);
        self.providers_are_right(problems);
        self.kubelet.iter().for_each(|it| it.validate(problems));
        self.cri.iter().for_each(|it| it.validate(problems));
        for (key, time) in [
            ("wait_for_metadata_timeout", self.wait_for_metadata_timeout),
            ("watch_sync_period", self.watch_sync_period),
            ("pod_delete_grace_period", self.pod_delete_grace_period),
            ("metadata_timeout", self.metadata_timeout),
        ] {
            if time.is_negative() {
                problems.at("", format!("{key} must not be negative")).set(key, "0s");
            }
        }
    }
}

impl FilterConfig {
    fn fits_node(&self, problems: &mut Problems) {
        let lists = [("labels", self.labels.is_empty()), ("fields", self.fields.is_empty())];
        for (list, _) in lists.into_iter().filter(|it| !it.1) {
            let text = format!(
                "a kubelet or runtime does not select pods by {list}: only the API server does"
            );
            problems.at("filter", text).remove(list);
        }
    }

    fn validate(&self, problems: &mut Problems) {
        let variable = &self.node_from_env_var;
        if !variable.is_empty() && std::env::var_os(variable).is_none() {
            let text =
                format!("`node_from_env_var` is configured but envvar {variable:?} is not set");
            problems.at("filter", text).say(
                "node_from_env_var",
                format!("give the pod a variable {variable} with fieldRef: spec.nodeName"),
            );
        }
        let ops = ["equals", "not-equals", "exists", "does-not-exist"];
        let labels = self.labels.iter().map(|it| (&it.key, &it.value, &it.op, "labels", &ops[..]));
        let fields = self.fields.iter().map(|it| (&it.key, &it.value, &it.op, "fields", &ops[..2]));
        for list in [labels.enumerate().collect::<Vec<_>>(), fields.enumerate().collect()] {
            for (at, (key, value, op, list, known)) in list {
                if !op.is_empty() && !known.contains(&op.as_str()) {
                    let text = format!(
                        "'{op}' is not a valid label filter operation for key={key}, value={value}"
                    );
                    problems.at("", text).one_of(&format!("filter::{list}::{at}::op"), known);
                }
            }
        }
    }

    /// For the API server.
    pub(crate) fn read(&self) -> Filter {
        let node = match self.node_from_env_var.as_str() {
            "" => self.node.clone(),
            variable => std::env::var(variable).unwrap_or_default(),
        };
        let fields = self.fields.iter();
        let fields = fields.map(|it| field_equals(&it.key, &it.value, it.op != "not-equals"));
        let labels = self.labels.iter().map(|LabelFilter { key, value, op }| match op.as_str() {
            "not-equals" => format!("{key}!={value}"),
            "exists" => key.clone(),
            "does-not-exist" => format!("!{key}"),
            _ => format!("{key}={value}"),
        });
        Filter {
            namespace: self.namespace.clone(),
            node,
            labels: labels.collect::<Vec<_>>().join(","),
            fields: fields.collect::<Vec<_>>().join(","),
            server: Server::Pods,
        }
    }
}

impl SourceConfig {
    fn read(&self) -> Source {
        match self.from.as_str() {
            "connection" => Source::Connection,
            "resource_attribute" => Source::Attribute(self.name.clone()),
            _ => Source::Unknown,
        }
    }
}

fn metadata(key: &str) -> Option<Metadata> {
    Metadata::ALL.iter().find(|it| it.0 == key).map(|it| it.1)
}

impl Config {
    /// What is extracted; the names of attributes follow the default conventions.
    pub(crate) fn rules(&self, found: &mut Problems) -> Option<Rules> {
        let mut fields = Vec::new();
        let lists = [("labels", &self.extract.labels), ("annotations", &self.extract.annotations)];
        let mut complete = true;
        for (list, rules) in lists {
            for (at, rule) in rules.iter().enumerate() {
                let place = format!("extract::{list}::{at}");
                match rule.read(list == "annotations", &place, found) {
                    Some(rule) => fields.push(rule),
                    None => complete = false,
                }
            }
        }
        if self.extract.otel_annotations {
            fields.push(of_opentelemetry()?);
        }
        let default = ExcludeConfig::default();
        let names = if self.exclude.pods.is_empty() { &default.pods } else { &self.exclude.pods };
        let mut exclude = Vec::new();
        for (at, it) in names.iter().enumerate() {
            match golang::regexp::compile(&it.name) {
                Ok(regex) => exclude.push(regex),
                Err(wrong) => {
                    found.at("", wrong.text).about(&format!("exclude::pods::{at}::name"));
                    complete = false;
                }
            }
        }
        let associations = self
            .pod_association
            .iter()
            .map(|it| Association { sources: it.sources.iter().map(SourceConfig::read).collect() });
        let keys: Keys = self.extract.metadata.iter().filter_map(|it| metadata(it)).collect();
        complete.then(|| Rules {
            keys,
            fields,
            // Without the API server nothing else tells it.
            deployment_from_name: self.extract.deployment_name_from_replicaset
                || self.server() == Server::Nothing,
            exclude,
            associations: associations.collect(),
            ..Rules::default()
        })
    }
}

/// The rule of `otel_annotations`.
fn of_opentelemetry() -> Option<FieldRule> {
    let regex = Regex::new(r"^resource\.opentelemetry\.io/(.+)$").ok()?;
    let pick = Pick::Regex { regex, tag: Some("$1".into()) };
    Some(FieldRule { from: From::Pod, of_annotations: true, pick })
}

impl FieldConfig {
    fn read(&self, of_annotations: bool, place: &str, found: &mut Problems) -> Option<FieldRule> {
        let Self { key, key_regex, .. } = self;
        if !key.is_empty() && !key_regex.is_empty() {
            let text = format!(
                "Out of Key or KeyRegex only one option is expected to be configured at a time, currently Key:{key} and KeyRegex:{key_regex}"
            );
            found.at("", text).remove(&format!("{place}::key"));
            return None;
        }
        let names: Vec<&str> = From::NAMES.iter().map(|it| it.0).collect();
        let known = From::NAMES.iter().find(|it| it.0 == self.from).map(|it| it.1);
        let Some(from) = known.or_else(|| self.from.is_empty().then_some(From::Pod)) else {
            let text = format!(
                "{} is not a valid choice for From. Must be one of: pod, namespace, deployment, statefulset, daemonset, job, node",
                self.from
            );
            found.at("", text).one_of(&format!("{place}::from"), &names);
            return None;
        };
        let tag = Some(&self.tag_name).filter(|it| !it.is_empty()).cloned();
        if key_regex.is_empty() {
            let pick = Pick::Key { key: key.clone(), tag };
            return Some(FieldRule { from, of_annotations, pick });
        }
        match golang::regexp::compile(&format!("^(?:{key_regex})$")) {
            Ok(regex) => {
                // Without a group there is nothing to put into the name, and it is not used, as in the Collector.
                let groups = regex.captures_len() > 1;
                if tag.is_some() && !groups {
                    let text = "tag_name is not used: key_regex has no group";
                    found.warn(Caution::NoEffect, "", text).about(&format!("{place}::tag_name"));
                }
                let pick = Pick::Regex { regex, tag: tag.filter(|_| groups) };
                Some(FieldRule { from, of_annotations, pick })
            }
            Err(wrong) => {
                found.at("", wrong.text).about(&format!("{place}::key_regex"));
                None
            }
        }
    }
}
