//! Containers of a pod, by name and by id.

use pdata::{AttributeBuf, ValueBuf};

use crate::api::{ApiPod, ContainerStatus};
use crate::image::Image;
use crate::rules::{Metadata, Rules};

/// A container, or an init container.
#[derive(Debug, Clone, Default)]
pub struct Container {
    pub(crate) name: Box<str>,
    /// What is added to its resources, if it is not there.
    pub attributes: Box<[AttributeBuf]>,
    /// Its latest run; `None` before the first.
    pub run: Option<Run>,
}

/// A run of a container.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// How often it was started before.
    pub restart_count: i64,
    pub(crate) id: Box<str>,
    /// What is added to its resources, if there is no attribute of the name: `container.id`, `container.image.repo_digests`.
    pub attributes: Box<[AttributeBuf]>,
}

/// The one that a resource with these attributes is of; empty is absent. A name beats an id. Without both it is the only one,
/// if there is only one that runs, or only one at all.
pub(crate) fn find<'a>(all: &'a [Container], name: &str, id: &str) -> Option<&'a Container> {
    if !name.is_empty() {
        return all.iter().find(|it| &*it.name == name);
    }
    let mut run = all.iter().filter(|it| it.run.is_some());
    if !id.is_empty() {
        return run.find(|it| it.run.as_ref().is_some_and(|run| &*run.id == id));
    }
    match (run.next(), run.next(), all) {
        (Some(one), None, _) | (None, _, [one]) => Some(one),
        _ => None,
    }
}

/// The id without the runtime before it.
pub(crate) fn plain_id(id: &str) -> &str {
    match id.split_once("://") {
        Some((_, rest)) if !rest.contains("://") => rest,
        _ => id,
    }
}

/// What the rules make of the containers of a pod.
pub(crate) fn extract(pod: &ApiPod, rules: &Rules) -> Box<[Container]> {
    if !rules.keeps_containers() {
        return Box::default();
    }
    let (spec, status) = (&pod.spec, &pod.status);
    let statuses = || status.container_statuses.iter().chain(&status.init_container_statuses);
    let mut all: Vec<Container> = Vec::new();
    let images = rules.keys.any(&[
        Metadata::ContainerImageName,
        Metadata::ContainerImageTag,
        Metadata::ContainerImageTags,
        Metadata::ServiceVersion,
        Metadata::ServiceInstanceId,
    ]);
    if images {
        for it in spec.containers.iter().chain(&spec.init_containers) {
            let status = statuses().find(|status| status.name == it.name);
            all.push(container(pod, &it.name, &it.image, status, rules));
        }
    }
    for status in statuses() {
        if !all.iter().any(|it| *it.name == *status.name) {
            all.push(container(pod, &status.name, "", Some(status), rules));
        }
    }
    all.into()
}

fn container(
    pod: &ApiPod,
    name: &str,
    image: &str,
    status: Option<&ContainerStatus>,
    rules: &Rules,
) -> Container {
    let mut attributes = Vec::new();
    let mut put = |key: Metadata, name: Metadata, value: &str| {
        if rules.has(key) && !value.is_empty() {
            attributes.push(AttributeBuf::new(name.name(), value));
        }
    };
    if status.is_some() {
        put(Metadata::ContainerName, Metadata::ContainerName, name);
    }
    let conventions = rules.conventions;
    let image = Image::parse(image);
    if let Some(image) = image {
        put(Metadata::ContainerImageName, Metadata::ContainerImageName, image.repository);
        if conventions.old {
            put(Metadata::ContainerImageTag, Metadata::ContainerImageTag, image.tag());
        }
    }
    if status.is_some() {
        let id = format!("{}.{}.{name}", pod.metadata.namespace, pod.metadata.name);
        put(Metadata::ServiceInstanceId, Metadata::ServiceInstanceId, &id);
    }
    if let Some(version) = image.and_then(Image::version) {
        put(Metadata::ServiceVersion, Metadata::ServiceVersion, &version);
    }
    if let Some(image) = image.filter(|_| rules.has(Metadata::ContainerImageTags))
        && conventions.new
    {
        attributes.push(list(Metadata::ContainerImageTags, image.tag()));
    }
    let run = status.map(|status| run(status, rules));
    Container { name: name.into(), attributes: attributes.into(), run }
}

fn run(status: &ContainerStatus, rules: &Rules) -> Run {
    let id = plain_id(&status.container_id);
    let mut attributes = Vec::new();
    if rules.has(Metadata::ContainerId) && !id.is_empty() {
        attributes.push(AttributeBuf::new(Metadata::ContainerId.name(), id));
    }
    if rules.has(Metadata::ContainerImageRepoDigests)
        && let Some(name) = Image::parse(&status.image_id).and_then(Image::canonical)
    {
        attributes.push(list(Metadata::ContainerImageRepoDigests, &name));
    }
    Run { restart_count: status.restart_count, id: id.into(), attributes: attributes.into() }
}

/// An attribute that is a list of one text.
fn list(key: Metadata, text: &str) -> AttributeBuf {
    let value = ValueBuf::build(|out| out.array(|items| items.put(text)));
    AttributeBuf::new(key.name(), &value)
}
