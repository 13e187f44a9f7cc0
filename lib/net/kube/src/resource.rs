//! Which objects: their kind, and which of them. The path of a request and the right that it needs follow from that.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use config::Right;

/// A kind of objects, as the API server serves it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Empty for the core group.
    pub group: Cow<'static, str>,
    /// `v1`.
    pub version: Cow<'static, str>,
    /// `pods`.
    pub plural: Cow<'static, str>,
    /// They belong to namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// Pods.
    pub const PODS: Self = Self::of("", "pods", true);
    /// Namespaces.
    pub const NAMESPACES: Self = Self::of("", "namespaces", false);
    /// Nodes.
    pub const NODES: Self = Self::of("", "nodes", false);
    /// Replica sets.
    pub const REPLICA_SETS: Self = Self::of("apps", "replicasets", true);
    /// Deployments.
    pub const DEPLOYMENTS: Self = Self::of("apps", "deployments", true);
    /// Stateful sets.
    pub const STATEFUL_SETS: Self = Self::of("apps", "statefulsets", true);
    /// Daemon sets.
    pub const DAEMON_SETS: Self = Self::of("apps", "daemonsets", true);
    /// Jobs.
    pub const JOBS: Self = Self::of("batch", "jobs", true);

    /// One of version 1.
    pub const fn of(group: &'static str, plural: &'static str, namespaced: bool) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed("v1"),
            plural: Cow::Borrowed(plural),
            namespaced,
        }
    }

    /// The path of all of them, or of those of one namespace.
    pub fn path(&self, namespace: &str) -> String {
        let mut path = match &*self.group {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        if self.namespaced && !namespace.is_empty() {
            let _ = write!(path, "/namespaces/{}", escape(namespace));
        }
        let _ = write!(path, "/{}", self.plural);
        path
    }

    /// The rule that allows `verbs` on them.
    pub fn rule(&self, verbs: &[&'static str]) -> Right {
        Right {
            group: self.group.clone().into_owned(),
            resource: self.plural.clone().into_owned(),
            verbs: verbs.to_vec(),
        }
    }
}

impl fmt::Display for Resource {
    /// As the API server writes it in messages: `replicasets.apps`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plural)?;
        if self.group.is_empty() { Ok(()) } else { write!(f, ".{}", self.group) }
    }
}

/// Some objects of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    /// The kind.
    pub resource: Resource,
    /// Of one namespace; empty for all.
    pub namespace: String,
    /// A selector by labels: `app=x,tier!=y,z`.
    pub labels: String,
    /// A selector by fields: `spec.nodeName=n`.
    pub fields: String,
    /// Only their metadata are sent.
    pub metadata_only: bool,
}

impl Query {
    /// All of a kind.
    pub fn all(resource: Resource) -> Self {
        Self {
            resource,
            namespace: String::new(),
            labels: String::new(),
            fields: String::new(),
            metadata_only: false,
        }
    }

    /// The metadata of all of a kind.
    pub fn metadata(resource: Resource) -> Self {
        Self { metadata_only: true, ..Self::all(resource) }
    }

    /// The path of a request for them, with `parameters` of the request itself.
    pub(crate) fn path(&self, parameters: &[(&str, &str)]) -> String {
        let mut path = self.resource.path(&self.namespace);
        let selectors = [("labelSelector", &*self.labels), ("fieldSelector", &*self.fields)];
        let mut separator = '?';
        for (key, value) in selectors.iter().chain(parameters).filter(|it| !it.1.is_empty()) {
            let _ = write!(path, "{separator}{key}={}", escape(value));
            separator = '&';
        }
        path
    }

    /// What the answer shall look like. `what` is the name for metadata only.
    pub(crate) fn accept(&self, what: &str) -> String {
        if self.metadata_only {
            format!("application/json;as={what};g=meta.k8s.io;v=v1,application/json")
        } else {
            "application/json".into()
        }
    }
}

/// The selector for a field that has a value, as `fields.OneTermEqualSelector` of Go writes it.
pub fn field_equals(key: &str, value: &str, equals: bool) -> String {
    let mut escaped = String::with_capacity(value.len());
    for sign in value.chars() {
        if matches!(sign, '\\' | '=' | ',') {
            escaped.push('\\');
        }
        escaped.push(sign);
    }
    format!("{key}{}{escaped}", if equals { "=" } else { "!=" })
}

/// A value in a path or query.
pub(crate) fn escape(text: &str) -> String {
    pdata::text::percent_encoded(text, pdata::text::is_unreserved)
}

/// A `ClusterRole` with these rules, as YAML. Rules of the same resource become one.
pub fn cluster_role(name: &str, rules: &[Right]) -> String {
    let mut merged: Vec<Right> = Vec::new();
    for rule in rules {
        let same = |it: &&mut Right| (&it.group, &it.resource) == (&rule.group, &rule.resource);
        match merged.iter_mut().find(same) {
            Some(it) => it.verbs.extend(&rule.verbs),
            None => merged.push(rule.clone()),
        }
    }
    merged.iter_mut().for_each(|it| {
        it.verbs.sort_unstable();
        it.verbs.dedup();
    });
    merged.sort();
    let mut text = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {name}\nrules:"
    );
    if merged.is_empty() {
        text.push_str(" []");
    }
    for rule in merged {
        let _ = write!(text, "\n  - {rule}");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_group_namespace_and_selectors() {
        let pods = Query {
            namespace: "shop".into(),
            labels: "app in (a,b)".into(),
            fields: field_equals("spec.nodeName", "n=1", true),
            ..Query::all(Resource::PODS)
        };
        let want = "/api/v1/namespaces/shop/pods?labelSelector=app%20in%20%28a%2Cb%29\
            &fieldSelector=spec.nodeName%3Dn%5C%3D1&limit=500";
        assert_eq!(pods.path(&[("limit", "500"), ("continue", "")]), want);
        let sets = Query::metadata(Resource::REPLICA_SETS);
        assert_eq!(sets.path(&[]), "/apis/apps/v1/replicasets");
        let nodes = Query { namespace: "shop".into(), ..Query::all(Resource::NODES) };
        assert_eq!(nodes.path(&[]), "/api/v1/nodes");
        assert_eq!(Resource::REPLICA_SETS.to_string(), "replicasets.apps");
    }

    #[test]
    fn a_role_has_one_rule_for_each_resource() {
        let rules = [
            Resource::REPLICA_SETS.rule(&["get"]),
            Resource::PODS.rule(&["list", "watch"]),
            Resource::PODS.rule(&["get", "list"]),
        ];
        let want = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: sluice\nrules:\n  \
            - {apiGroups: [\"\"], resources: [\"pods\"], verbs: [get, list, watch]}\n  \
            - {apiGroups: [\"apps\"], resources: [\"replicasets\"], verbs: [get]}\n";
        assert_eq!(cluster_role("sluice", &rules), want);
        assert!(cluster_role("sluice", &[]).ends_with("rules: []\n"));
    }
}
