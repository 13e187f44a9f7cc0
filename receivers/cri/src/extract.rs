//! Which attributes records get, made once per container.

use std::collections::{BTreeSet, HashMap, HashSet};

use component::Problems;
use cri::{Container, Image, PodSandbox, name_and_tag, workload};
use golang::go_regex;
use pdata::{AttributeBuf, ValueBuf};
use regex::Regex;

use crate::catalog::Attributes;
use crate::config::{Config, METADATA, Rule};

/// What the runtime has told about one container.
pub(crate) struct Facts<'a> {
    pub(crate) pod: &'a PodSandbox,
    pub(crate) container: &'a Container,
    pub(crate) image: Option<&'a Image>,
    pub(crate) address: Option<&'a str>,
}

/// The compiled section.
pub(crate) struct Extract {
    metadata: HashSet<String>,
    labels: Vec<Compiled>,
    annotations: Vec<Compiled>,
}

/// A rule for labels or annotations.
struct Compiled {
    which: Which,
    /// Name of the attribute; `$1` are groups of the expression.
    name: Option<String>,
}

enum Which {
    Key(String),
    Matching(Regex),
}

impl Extract {
    pub(crate) fn new(config: &Config, found: &mut Problems) -> Option<Self> {
        let section = &config.extract;
        let names: Vec<&str> = METADATA.iter().map(|it| it.0).collect();
        for (at, name) in section.metadata.iter().enumerate() {
            if !names.contains(&name.as_str()) {
                let text = format!(
                    "extract::metadata: {name:?} is nothing that a container runtime knows: {}",
                    "owners, nodes and namespaces are known to the API server (processor k8s_attributes)"
                );
                found.at("", text).one_of(&format!("extract::metadata::{at}"), &names);
            }
        }
        let labels = rules("labels", &section.labels, found);
        let annotations = rules("annotations", &section.annotations, found);
        let metadata = section.metadata.iter().cloned().collect();
        Some(Self { metadata, labels: labels?, annotations: annotations? })
    }

    pub(crate) fn wants_image(&self) -> bool {
        self.metadata.iter().any(|it| it.starts_with("container.image."))
    }

    pub(crate) fn wants_address(&self) -> bool {
        self.metadata.contains("k8s.pod.ip")
    }

    /// The attributes of a container.
    pub(crate) fn attributes(&self, facts: &Facts<'_>) -> Attributes {
        let Facts { pod, container, .. } = facts;
        let mut all: Vec<AttributeBuf> = Vec::new();
        let mut put = |name: &str, value: &str| {
            if self.metadata.contains(name) && !value.is_empty() {
                all.push(AttributeBuf::new(name, value));
            }
        };
        let known = pod.metadata.as_ref();
        let pod_name = known.map_or("", |it| it.name.as_str());
        put("k8s.namespace.name", known.map_or("", |it| it.namespace.as_str()));
        for (name, value) in workload(pod_name, &pod.labels) {
            put(name, &value);
        }
        put("container.id", &container.id);
        let (name, tag) = name_and_tag(container, facts.image);
        put("container.image.name", name);
        put("container.image.tag", tag);
        put("k8s.pod.ip", facts.address.unwrap_or_default());
        if self.metadata.contains("container.image.repo_digests") {
            let own = Some(container.image_ref.as_str()).filter(|it| it.contains('@'));
            let digests = facts.image.map_or(&[][..], |it| &it.repo_digests);
            let digests: BTreeSet<&str> =
                own.into_iter().chain(digests.iter().map(String::as_str)).collect();
            if !digests.is_empty() {
                let list = ValueBuf::build(|out| {
                    out.array(|array| digests.iter().for_each(|it| array.put(*it)));
                });
                all.push(AttributeBuf::new("container.image.repo_digests", &list));
            }
        }
        add(&self.labels, "labels", &pod.labels, &mut all);
        add(&self.annotations, "annotations", &pod.annotations, &mut all);
        all.into()
    }
}

fn rules(list: &str, rules: &[Rule], found: &mut Problems) -> Option<Vec<Compiled>> {
    let mut compiled = Some(Vec::with_capacity(rules.len()));
    for (at, rule) in rules.iter().enumerate() {
        let place = format!("extract::{list}::{at}");
        let which = match (rule.key.as_str(), rule.key_regex.as_str()) {
            (key, "") if !key.is_empty() => Some(Which::Key(key.to_owned())),
            ("", pattern) if !pattern.is_empty() => {
                // The whole key has to match, as with k8s_attributes.
                match go_regex(&format!("^(?:{pattern})$"), Regex::new) {
                    Ok(compiled) => Some(Which::Matching(compiled)),
                    Err(error) => {
                        found.at(&place, format!("key_regex: {error}")).about("key_regex");
                        None
                    }
                }
            }
            _ => {
                found.at(&place, "exactly one of key and key_regex is needed").about("key");
                None
            }
        };
        let name = Some(rule.tag_name.clone()).filter(|it| !it.is_empty());
        match (which, &mut compiled) {
            (Some(which), Some(compiled)) => compiled.push(Compiled { which, name }),
            _ => compiled = None,
        }
    }
    compiled
}

fn add(
    rules: &[Compiled],
    what: &str,
    values: &HashMap<String, String>,
    all: &mut Vec<AttributeBuf>,
) {
    for rule in rules {
        let usual = |key: &str| format!("k8s.pod.{what}.{key}");
        match &rule.which {
            Which::Key(key) => {
                if let Some(value) = values.get(key) {
                    let name = rule.name.clone().unwrap_or_else(|| usual(key));
                    all.push(AttributeBuf::new(&name, value.as_str()));
                }
            }
            Which::Matching(pattern) => {
                for (key, value) in values {
                    let Some(groups) = pattern.captures(key) else { continue };
                    let mut name = String::new();
                    match &rule.name {
                        Some(template) => groups.expand(template, &mut name),
                        None => name = usual(key),
                    }
                    all.push(AttributeBuf::new(&name, value.as_str()));
                }
            }
        }
    }
}
