//! The pods of one node as its container runtime knows them. It has names, labels and annotations as they were when the pod was
//! made, ids and images of containers, and the address; not the owners, which are told from names and labels.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cri::{Container, Image, PodSandbox, Runtime, is_id, name_and_tag, workload};
use kube::Meta;
use xxhash_rust::xxh3::xxh3_64;

use crate::api::{ApiContainer, ApiPod, ContainerStatus, Seen, Spec, Status};
use crate::rules::Metadata;

/// Labels that the kubelet adds for itself.
const OWN_LABELS: &str = "io.kubernetes.";
/// Most images of which names are kept, and most sandboxes of which addresses are.
const ANSWERS_MAX: usize = 10_000;

/// The pods of a runtime.
pub(crate) struct Sandboxes {
    runtime: Runtime,
    answers: Mutex<Answers>,
}

/// What does not change once it was told.
#[derive(Default)]
struct Answers {
    /// Of images of which a list has only the id; `None` is an image that is gone.
    images: HashMap<String, Option<Arc<Image>>>,
    /// By sandbox. Empty on the host's network.
    addresses: HashMap<String, String>,
}

impl Sandboxes {
    pub(crate) fn new(runtime: Runtime) -> Self {
        Self { runtime, answers: Mutex::default() }
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All pods, or why not and what helps.
    pub(crate) async fn pods(&self) -> Result<Vec<Seen>, String> {
        let sandboxes = self.runtime.pods(None).await?;
        let containers = self.runtime.containers(None).await?;
        let mut of_pods: HashMap<&str, &PodSandbox> = HashMap::with_capacity(sandboxes.len());
        for it in &sandboxes {
            let Some(meta) = &it.metadata else { continue };
            let latest = of_pods.entry(&meta.uid).or_insert(it);
            if latest.created_at < it.created_at {
                *latest = it;
            }
        }
        self.answers().addresses.retain(|id, _| sandboxes.iter().any(|it| it.id == *id));
        let uids: HashMap<&str, &str> = (sandboxes.iter())
            .filter_map(|it| Some((&*it.id, &*it.metadata.as_ref()?.uid)))
            .collect();
        let mut by_pod: HashMap<&str, Vec<&Container>> = HashMap::new();
        for it in &containers {
            if let Some(uid) = uids.get(&*it.pod_sandbox_id) {
                by_pod.entry(uid).or_default().push(it);
            }
        }
        let mut seen = Vec::with_capacity(of_pods.len());
        for (uid, sandbox) in of_pods {
            let containers = by_pod.remove(uid).unwrap_or_default();
            let mut images = Vec::with_capacity(containers.len());
            for it in &containers {
                images.push(self.image(it).await);
            }
            let address = self.address(&sandbox.id).await;
            let containers: Vec<_> = containers.into_iter().zip(images).collect();
            let pod = pod(sandbox, &address, &containers);
            let hash = xxh3_64(format!("{pod:?}").as_bytes());
            seen.push(Seen { pod, hash });
        }
        Ok(seen)
    }

    async fn image(&self, container: &Container) -> Option<Arc<Image>> {
        let spec = container.image.as_ref()?;
        if !spec.user_specified_image.is_empty() || !is_id(&spec.image) {
            return None;
        }
        let known = self.answers().images.get(&spec.image).cloned();
        if let Some(known) = known {
            return known;
        }
        let image = self.runtime.image(&spec.image).await.ok()?.map(Arc::new);
        let images = &mut self.answers().images;
        if images.len() >= ANSWERS_MAX {
            images.clear();
        }
        images.insert(spec.image.clone(), image.clone());
        image
    }

    async fn address(&self, sandbox: &str) -> String {
        let known = self.answers().addresses.get(sandbox).cloned();
        if let Some(known) = known {
            return known;
        }
        let Ok(address) = self.runtime.address(sandbox).await else { return String::new() };
        let address = address.unwrap_or_default();
        let addresses = &mut self.answers().addresses;
        if addresses.len() < ANSWERS_MAX {
            addresses.insert(sandbox.to_owned(), address.clone());
        }
        address
    }
}

/// The pod as the API server would tell it.
fn pod(
    sandbox: &PodSandbox,
    address: &str,
    containers: &[(&Container, Option<Arc<Image>>)],
) -> ApiPod {
    let known = sandbox.metadata.clone().unwrap_or_default();
    let names = workload(&known.name, &sandbox.labels).into_iter();
    let named = |name: &str| Metadata::ALL.iter().find(|it| it.0 == name).map(|it| it.1);
    let labels = sandbox.labels.iter().filter(|it| !it.0.starts_with(OWN_LABELS));
    let pair = |(key, value): (&String, &String)| (key.clone(), value.clone());
    let (spec, status) = latest(containers);
    ApiPod {
        workload: names.filter_map(|(name, value)| Some((named(name)?, value))).collect(),
        metadata: Meta {
            name: known.name,
            namespace: known.namespace,
            uid: known.uid,
            labels: labels.map(pair).collect(),
            annotations: sandbox.annotations.iter().map(pair).collect(),
            ..Meta::default()
        },
        spec: Spec { containers: spec, ..Spec::default() },
        status: Status {
            pod_ip: address.to_owned(),
            container_statuses: status,
            ..Status::default()
        },
        started: Some(sandbox.created_at.into()),
    }
}

/// The latest run of each container.
fn latest(
    containers: &[(&Container, Option<Arc<Image>>)],
) -> (Vec<ApiContainer>, Vec<ContainerStatus>) {
    let (mut spec, mut status) = (Vec::<ApiContainer>::new(), Vec::<ContainerStatus>::new());
    for (container, image) in containers {
        let Some(own) = &container.metadata else { continue };
        let run = i64::from(own.attempt);
        let at = status.iter().position(|it| it.name == own.name);
        if at.and_then(|at| status.get(at)).is_some_and(|it| it.restart_count > run) {
            continue;
        }
        spec.retain(|it| it.name != own.name);
        status.retain(|it| it.name != own.name);
        let (name, tag) = name_and_tag(container, image.as_deref());
        let named = !name.is_empty();
        let text = if named { format!("{name}:{tag}") } else { String::new() };
        let digest = image.as_ref().and_then(|it| it.repo_digests.first());
        let reference = Some(&container.image_ref).filter(|it| it.contains('@')).or(digest);
        spec.push(ApiContainer { name: own.name.clone(), image: text });
        status.push(ContainerStatus {
            name: own.name.clone(),
            container_id: container.id.clone(),
            image_id: reference.cloned().unwrap_or_default(),
            restart_count: run,
        });
    }
    // The runtime lists them in no order.
    spec.sort_by(|a, b| a.name.cmp(&b.name));
    status.sort_by(|a, b| a.name.cmp(&b.name));
    (spec, status)
}

#[cfg(test)]
mod tests {
    use cri::{ContainerMetadata, ImageSpec, PodSandboxMetadata};

    use super::*;

    fn container(name: &str, attempt: u32, image: &str) -> Container {
        Container {
            id: format!("{name}-{attempt}"),
            metadata: Some(ContainerMetadata { name: name.into(), attempt }),
            image: Some(ImageSpec { image: image.into(), ..ImageSpec::default() }),
            image_ref: "shop/app@sha256:00".into(),
            ..Container::default()
        }
    }

    #[test]
    fn a_sandbox_is_a_pod_with_the_latest_run_of_each_container_and_the_names_of_its_workload() {
        let name = "web-7d4b9c6f5-x2x8z";
        let labels = [("pod-template-hash", "7d4b9c6f5"), ("io.kubernetes.pod.name", name)];
        let sandbox = PodSandbox {
            id: "s".into(),
            metadata: Some(PodSandboxMetadata {
                name: name.into(),
                uid: "u".into(),
                namespace: "shop".into(),
                attempt: 0,
            }),
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            created_at: 7,
            ..PodSandbox::default()
        };
        let all = [
            container("app", 1, "shop/app:2"),
            container("app", 0, "shop/app:1"),
            container("log", 0, "shop/log"),
        ];
        let all: Vec<_> = all.iter().map(|it| (it, None)).collect();
        let pod = pod(&sandbox, "10.0.0.1", &all);
        assert_eq!((&*pod.metadata.uid, &*pod.status.pod_ip), ("u", "10.0.0.1"));
        assert_eq!(pod.metadata.labels.keys().collect::<Vec<_>>(), ["pod-template-hash"]);
        assert_eq!(pod.workload.last(), Some(&(Metadata::DeploymentName, "web".to_owned())));
        let images: Vec<&str> = pod.spec.containers.iter().map(|it| &*it.image).collect();
        assert_eq!(images, ["shop/app:2", "shop/log:latest"]);
        let app = &pod.status.container_statuses[0];
        assert_eq!((&*app.container_id, app.restart_count), ("app-1", 1));
        assert_eq!(pod.started, Some(7));
    }
}
