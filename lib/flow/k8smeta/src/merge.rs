//! What several sources say of one pod, as one.
//!
//! They see it at different times: the runtime knows the id and the address of a container seconds before the API server does,
//! and the API server knows labels that were changed since. So the one with the last word is right in what it says, and the
//! others fill in what it does not say.

use std::sync::Arc;

use pdata::AttributeBuf;

use crate::containers::Run;
use crate::pod::Pod;

/// One pod of what its sources say of it; the one with the last word comes first. `None` without any.
pub(crate) fn merge<'a>(mut parts: impl Iterator<Item = &'a Arc<Pod>>) -> Option<Arc<Pod>> {
    let first = parts.next()?;
    let Some(second) = parts.next() else { return Some(Arc::clone(first)) };
    let mut whole = copy(first);
    fill(&mut whole, second);
    parts.for_each(|it| fill(&mut whole, it));
    Some(Arc::new(whole))
}

fn copy(pod: &Pod) -> Pod {
    Pod {
        uid: pod.uid.clone(),
        origin: pod.origin,
        namespace: pod.namespace.clone(),
        node: pod.node.clone(),
        owners: pod.owners.clone(),
        attributes: pod.attributes.clone(),
        containers: pod.containers.clone(),
        ignored: pod.ignored,
        start: pod.start,
    }
}

fn fill(whole: &mut Pod, other: &Pod) {
    for (text, more) in [(&mut whole.namespace, &other.namespace), (&mut whole.node, &other.node)] {
        if text.is_empty() {
            text.clone_from(more);
        }
    }
    if whole.owners.is_empty() {
        whole.owners.clone_from(&other.owners);
    }
    whole.ignored |= other.ignored;
    whole.start = whole.start.or(other.start);
    whole.attributes = joined(&whole.attributes, &other.attributes);
    let mut all = std::mem::take(&mut whole.containers).into_vec();
    for theirs in &other.containers {
        match all.iter_mut().find(|it| it.name == theirs.name) {
            Some(ours) => {
                ours.attributes = joined(&ours.attributes, &theirs.attributes);
                ours.run = run(ours.run.take(), theirs.run.as_ref());
            }
            None => all.push(theirs.clone()),
        }
    }
    whole.containers = all.into();
}

/// The later run of a container; of the same one everything that is known.
fn run(ours: Option<Run>, theirs: Option<&Run>) -> Option<Run> {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours.restart_count == theirs.restart_count => {
            let id = if ours.id.is_empty() { theirs.id.clone() } else { ours.id };
            let attributes = joined(&ours.attributes, &theirs.attributes);
            Some(Run { id, attributes, ..ours })
        }
        (Some(ours), Some(theirs)) if ours.restart_count > theirs.restart_count => Some(ours),
        (ours, None) => ours,
        (_, Some(theirs)) => Some(theirs.clone()),
    }
}

/// Its value is an empty text: what is kept of a pod are texts, and lists of one.
fn is_blank(it: &AttributeBuf) -> bool {
    it.bytes() == AttributeBuf::new(it.name(), "").bytes()
}

/// Those of the first, with those of the second that it does not have or that say nothing there.
fn joined(first: &[AttributeBuf], second: &[AttributeBuf]) -> Box<[AttributeBuf]> {
    let mut all: Vec<AttributeBuf> = Vec::with_capacity(first.len());
    for it in first {
        let more = second.iter().find(|more| more.name() == it.name() && is_blank(it));
        all.push(more.unwrap_or(it).clone());
    }
    let known = |name: &str| first.iter().any(|it| it.name() == name);
    all.extend(second.iter().filter(|it| !known(it.name())).cloned());
    all.into()
}
