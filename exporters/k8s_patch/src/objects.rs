//! Which objects are changed, and what they are to have.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use alerts::{Pace, Text, Tree};
use component::config::Right;
use kube::Resource;
use serde_json::{Value as Json, json};

use crate::config::Config;

/// Longest name of an object. `metadata.name` of Kubernetes: a DNS subdomain, RFC 1123.
const NAME_BYTES_MAX: usize = 253;

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    kind: String,
    namespace: String,
    name: String,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// The objects of a section.
pub(crate) struct Objects {
    api_version: String,
    kind: String,
    resource: Resource,
    namespace: Text,
    name: Text,
    object: Tree,
    allow: Vec<String>,
    /// The one object, if it does not depend on alerts.
    fixed: Option<Target>,
    pub(crate) pace: Pace,
    /// What each has, as far as it was applied here.
    applied: Mutex<BTreeMap<Target, Json>>,
}

impl Objects {
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let (group, version) =
            config.api_version.split_once('/').unwrap_or(("", &config.api_version));
        let resource = Resource {
            group: group.to_owned().into(),
            version: version.to_owned().into(),
            plural: config.resource.clone().into(),
            namespaced: !config.namespace.is_empty(),
        };
        let is_plain = Text::is_plain(&config.namespace) && Text::is_plain(&config.name);
        let fixed = is_plain.then(|| Target {
            kind: config.kind.clone(),
            namespace: config.namespace.clone(),
            name: config.name.clone(),
        });
        Ok(Self {
            api_version: config.api_version.clone(),
            kind: config.kind.clone(),
            resource,
            namespace: Text::new(&config.namespace)?,
            name: Text::new(&config.name)?,
            object: Tree::new(&config.object)?,
            allow: config.allow.clone(),
            fixed,
            pace: Pace::new(config.patches_per_second),
            applied: Mutex::default(),
        })
    }

    /// The object that an alert is about; `None` if it may not be changed.
    pub(crate) fn target(&self, alert: &Json) -> Option<Target> {
        if let Some(fixed) = &self.fixed {
            return Some(fixed.clone());
        }
        let namespace = self.namespace.of(alert).ok()?;
        let name = self.name.of(alert).ok()?;
        let is_name = |text: &str| {
            let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
            text.len() <= NAME_BYTES_MAX && text.chars().all(valid) && !text.contains("..")
        };
        let is_named = !name.is_empty() && is_name(&name) && is_name(&namespace);
        let whole = format!("{namespace}/{name}");
        let allowed = self.allow.iter().any(|it| matches(it, &whole));
        let target = Target { kind: self.kind.clone(), namespace, name };
        (is_named && allowed).then_some(target)
    }

    /// Where it is at the API server.
    pub(crate) fn path(&self, target: &Target) -> String {
        format!("{}/{}", self.resource.path(&target.namespace), target.name)
    }

    /// What is needed to change them.
    pub(crate) fn right(&self) -> Right {
        self.resource.rule(&["get", "create", "patch"])
    }

    /// Objects that have not what they are to have, and that.
    pub(crate) fn changed(&self, entries: &[Json]) -> Result<Vec<(Target, Json)>, String> {
        let mut wanted: BTreeMap<Target, Vec<&Json>> = BTreeMap::new();
        let applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        for target in self.fixed.iter().chain(applied.keys()) {
            wanted.entry(target.clone()).or_default();
        }
        for entry in entries {
            // What was allowed before a restart may not be any more.
            if let Some(target) = self.target(entry) {
                wanted.entry(target).or_default().push(entry);
            }
        }
        let mut changed = Vec::new();
        for (target, entries) in wanted {
            let object = self.object(&target, &entries)?;
            if applied.get(&target) != Some(&object) {
                changed.push((target, object));
            }
        }
        Ok(changed)
    }

    fn object(&self, target: &Target, entries: &[&Json]) -> Result<Json, String> {
        let mut object = self.object.of(&json!({"entries": entries}))?;
        object["apiVersion"] = self.api_version.as_str().into();
        object["kind"] = self.kind.as_str().into();
        object["metadata"] = json!({"name": target.name});
        if !target.namespace.is_empty() {
            object["metadata"]["namespace"] = target.namespace.as_str().into();
        }
        Ok(object)
    }

    /// Notes what an object has now.
    pub(crate) fn applied(&self, target: Target, object: Json) {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner).insert(target, object);
    }
}

/// Whether a text is as a pattern says, in which `*` stands for anything but `/`.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    let ends = rest.char_indices().map(|it| it.0).chain([rest.len()]);
    let within = ends.take_while(|end| !rest.get(..*end).unwrap_or("/").contains('/'));
    within.into_iter().any(|end| rest.get(end..).is_some_and(|it| matches(after, it)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(yaml: &str) -> Objects {
        Objects::new(&componenttest::config(yaml)).unwrap()
    }

    const FIXED: &str =
        "{api_version: v1, kind: ConfigMap, resource: configmaps, namespace: edge, name: blocked,
        object: {data: {'deny.conf': '{{ range .entries }}deny {{ .key }};{{ end }}'}}}";
    const NAMED: &str = "{api_version: apps/v1, kind: Deployment, resource: deployments, namespace: '{{ .labels.namespace }}',
        name: '{{ .labels.workload }}', allow: ['shop/cart-*', 'web/front'], object: {spec: {replicas: 0}}}";

    #[test]
    fn one_object_has_all_that_is_in_force_and_is_applied_when_that_changes() {
        let it = objects(FIXED);
        let changed = it.changed(&[json!({"key": "a"}), json!({"key": "b"})]).unwrap();
        let [(target, object)] = changed.as_slice() else { panic!("{changed:?}") };
        assert_eq!(it.path(target), "/api/v1/namespaces/edge/configmaps/blocked");
        let want = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "blocked", "namespace": "edge"},
            "data": {"deny.conf": "deny a;deny b;"},
        });
        assert_eq!(*object, want);
        it.applied(target.clone(), object.clone());
        assert_eq!(it.changed(&[json!({"key": "a"}), json!({"key": "b"})]).unwrap().len(), 0);
        let changed = it.changed(&[]).unwrap();
        assert_eq!(changed[0].1["data"]["deny.conf"], "");
    }

    #[test]
    fn only_objects_that_are_allowed_are_changed() {
        let it = objects(NAMED);
        let alert = |namespace: &str, workload: &str| json!({"key": "a", "labels": {"namespace": namespace, "workload": workload}});
        let path =
            |namespace, workload| it.target(&alert(namespace, workload)).map(|t| it.path(&t));
        let want = "/apis/apps/v1/namespaces/shop/deployments/cart-7";
        assert_eq!(path("shop", "cart-7").as_deref(), Some(want));
        for (namespace, workload) in [
            ("shop", "cart"),
            ("kube-system", "cart-7"),
            ("web", "front2"),
            ("", "front"),
            ("shop", "cart-7/scale"),
        ] {
            assert_eq!(path(namespace, workload), None, "{namespace}/{workload}");
        }
        assert_eq!(it.changed(&[alert("kube-system", "coredns")]).unwrap().len(), 0);
    }

    #[test]
    fn a_star_stands_for_a_part_of_a_name() {
        for (pattern, text, want) in [
            ("*/*", "a/b", true),
            ("a/*", "a/", true),
            ("a/*-x", "a/b-x", true),
            ("*", "a/b", false),
            ("a/b", "a/bc", false),
        ] {
            assert_eq!(matches(pattern, text), want, "{pattern} {text}");
        }
    }
}
