//! What the kubelet knows of the pods on its node beside what they use: `/pods`. Ids of containers, what they asked for, and of
//! what kind volumes are.

use std::collections::HashMap;

use kube::{Quantity, amounts, null_is_default};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Page {
    #[serde(deserialize_with = "null_is_default")]
    items: Vec<Item>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Item {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    uid: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    #[serde(deserialize_with = "null_is_default")]
    containers: Vec<Container>,
    #[serde(deserialize_with = "null_is_default")]
    volumes: Vec<Map<String, Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    name: String,
    resources: Resources,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Resources {
    requests: Amounts,
    limits: Amounts,
}

#[derive(Debug, Default, Deserialize)]
struct Amounts(#[serde(deserialize_with = "amounts")] std::collections::BTreeMap<String, Quantity>);

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    #[serde(deserialize_with = "null_is_default")]
    container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "null_is_default")]
    init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerStatus {
    name: String,
    #[serde(rename = "containerID")]
    container_id: String,
}

/// What a container, or all of a pod, asked for and may use at most. 0 is nothing said.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Asked {
    pub(crate) cpu_request: f64,
    pub(crate) cpu_limit: f64,
    pub(crate) memory_request: f64,
    pub(crate) memory_limit: f64,
}

/// A pod.
#[derive(Debug, Default)]
pub(crate) struct Pod {
    pub(crate) asked: Asked,
    asked_by: HashMap<String, Asked>,
    ids: HashMap<String, String>,
    volumes: HashMap<String, Volume>,
}

/// What is behind a volume.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Volume {
    /// As the field of the API is called; empty for a kind that has no name here.
    pub(crate) kind: &'static str,
    /// What is said of it, by attribute.
    pub(crate) attributes: Vec<(&'static str, String)>,
    /// The claim that it is.
    pub(crate) claim: Option<String>,
}

/// The pods by uid.
pub(crate) fn by_uid(page: Page) -> HashMap<String, Pod> {
    page.items.into_iter().map(|it| (it.metadata.uid.clone(), Pod::of(it))).collect()
}

impl Pod {
    fn of(item: Item) -> Self {
        let asked: Vec<(String, Asked)> =
            item.spec.containers.iter().map(|it| (it.name.clone(), it.resources.asked())).collect();
        let Status { container_statuses, init_container_statuses } = item.status;
        let mut ids = HashMap::new();
        for it in container_statuses.into_iter().chain(init_container_statuses) {
            ids.entry(it.name).or_insert(it.container_id);
        }
        let volumes = item.spec.volumes.iter().filter_map(|it| {
            let name = it.get("name").and_then(Value::as_str)?;
            Some((name.to_owned(), Volume::of(it)))
        });
        Self {
            asked: sum(asked.iter().map(|it| it.1)),
            ids,
            volumes: volumes.collect(),
            asked_by: asked.into_iter().collect(),
        }
    }

    pub(crate) fn asked_by(&self, container: &str) -> Asked {
        self.asked_by.get(container).copied().unwrap_or_default()
    }

    /// The id of a container, without its runtime.
    pub(crate) fn id_of(&self, container: &str) -> Option<&str> {
        self.ids.get(container).map(|it| without_scheme(it))
    }

    pub(crate) fn volume(&self, name: &str) -> Option<&Volume> {
        self.volumes.get(name)
    }
}

/// The sum of what all ask for; nothing if one of them does not say.
fn sum(asked: impl Iterator<Item = Asked> + Clone) -> Asked {
    let all = |of: fn(&Asked) -> f64| {
        let amounts = asked.clone().map(|it| of(&it));
        if amounts.clone().all(|it| it > 0.0) { amounts.sum() } else { 0.0 }
    };
    Asked {
        cpu_request: all(|it| it.cpu_request),
        cpu_limit: all(|it| it.cpu_limit),
        memory_request: all(|it| it.memory_request),
        memory_limit: all(|it| it.memory_limit),
    }
}

/// `containerd://abc` is `abc`.
fn without_scheme(id: &str) -> &str {
    id.split_once("://").map_or(id, |it| it.1).trim()
}

impl Resources {
    fn asked(&self) -> Asked {
        let amount = |of: &Amounts, what: &str| of.0.get(what).map_or(0.0, |it| it.number());
        Asked {
            cpu_request: amount(&self.requests, "cpu"),
            cpu_limit: amount(&self.limits, "cpu"),
            memory_request: amount(&self.requests, "memory"),
            memory_limit: amount(&self.limits, "memory"),
        }
    }
}

/// The kinds of volumes that pods have, in the order in which upstream looks for them.
const OF_PODS: [&str; 9] = [
    "configMap",
    "downwardAPI",
    "emptyDir",
    "secret",
    "persistentVolumeClaim",
    "hostPath",
    "awsElasticBlockStore",
    "gcePersistentDisk",
    "glusterfs",
];
/// The kinds of persistent volumes.
const PERSISTENT: [&str; 4] = ["local", "awsElasticBlockStore", "gcePersistentDisk", "glusterfs"];

impl Volume {
    /// Of one of `volumes:` of a pod.
    fn of(volume: &Map<String, Value>) -> Self {
        Self::among(&OF_PODS, volume)
    }

    /// Of the `spec:` of a persistent volume.
    pub(crate) fn persistent(spec: &Map<String, Value>) -> Self {
        Self::among(&PERSISTENT, spec)
    }

    fn among(kinds: &[&'static str], volume: &Map<String, Value>) -> Self {
        let found = kinds.iter().find_map(|kind| {
            volume.get(*kind).filter(|it| !it.is_null()).map(|source| (*kind, source))
        });
        let Some((kind, source)) = found else { return Self::default() };
        let text =
            |key: &str| source.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let partition =
            || source.get("partition").and_then(Value::as_i64).unwrap_or_default().to_string();
        let mut claim = None;
        let attributes = match kind {
            "persistentVolumeClaim" => {
                claim = Some(text("claimName"));
                vec![("k8s.persistentvolumeclaim.name", text("claimName"))]
            }
            "awsElasticBlockStore" => vec![
                ("aws.volume.id", text("volumeID")),
                ("fs.type", text("fsType")),
                ("partition", partition()),
            ],
            "gcePersistentDisk" => vec![
                ("gce.pd.name", text("pdName")),
                ("fs.type", text("fsType")),
                ("partition", partition()),
            ],
            "glusterfs" => vec![
                ("glusterfs.endpoints.name", text("endpoints")),
                ("glusterfs.path", text("path")),
            ],
            _ => Vec::new(),
        };
        Self { kind, attributes, claim }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(text: &str) -> Pod {
        let page = format!(r#"{{"items": [{{"metadata": {{"uid": "u"}}, {text}}}]}}"#);
        by_uid(serde_json::from_str(&page).unwrap()).remove("u").unwrap()
    }

    #[test]
    fn a_pod_asks_for_what_all_of_its_containers_ask_for() {
        let it = pod(r#""spec": {"containers": [
                {"name": "a", "resources": {"requests": {"cpu": "500m", "memory": "2M"}, "limits": {"cpu": "1", "memory": "1Ki"}}},
                {"name": "b", "resources": {"requests": {"cpu": "0.1"}, "limits": {"cpu": "200m", "memory": "1Ki"}}}]}"#);
        let want =
            Asked { cpu_request: 0.6, cpu_limit: 1.2, memory_request: 0.0, memory_limit: 2048.0 };
        assert_eq!(it.asked, want, "b does not say how much memory it wants");
        assert!((it.asked_by("a").memory_request - 2e6).abs() < 1.0);
        assert_eq!(it.asked_by("c"), Asked::default());
    }

    #[test]
    fn ids_lose_their_runtime_and_init_containers_have_some_too() {
        let it = pod(
            r#""status": {"containerStatuses": [{"name": "a", "containerID": "containerd://1"}, {"name": "b"}],
                "initContainerStatuses": [{"name": "i", "containerID": "2"}, {"name": "a", "containerID": "x://3"}]}"#,
        );
        assert_eq!(
            ["a", "b", "i", "c"].map(|name| it.id_of(name)),
            [Some("1"), Some(""), Some("2"), None]
        );
    }

    #[test]
    fn volumes_are_of_the_kind_of_their_source() {
        let it = pod(
            r#""spec": {"volumes": [{"name": "e", "emptyDir": {}}, {"name": "c", "persistentVolumeClaim": {"claimName": "k"}},
                {"name": "p", "projected": {}}, {"name": "n", "secret": null, "hostPath": {"path": "/"}},
                {"name": "a", "awsElasticBlockStore": {"volumeID": "v", "fsType": "ext4", "partition": 3}}]}"#,
        );
        let kind = |name: &str| it.volume(name).unwrap().kind;
        assert_eq!(
            ["e", "c", "p", "n"].map(kind),
            ["emptyDir", "persistentVolumeClaim", "", "hostPath"]
        );
        assert_eq!(it.volume("c").unwrap().claim.as_deref(), Some("k"));
        let want = [("aws.volume.id", "v"), ("fs.type", "ext4"), ("partition", "3")];
        let found = it.volume("a").unwrap();
        assert_eq!(found.attributes, want.map(|(key, value)| (key, value.to_owned())));
    }
}
