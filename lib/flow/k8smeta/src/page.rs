//! The pods of one node as its kubelet knows them: its page `/pods`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use component::config::Right;
use kube::{Client, Error, Resource, null_is_default};
use serde::Deserialize;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use crate::api::{ApiPod, Seen};

const PAGE: &str = "/pods";

/// What a role has to allow for the page.
pub(crate) fn right() -> Right {
    Resource::of("", "nodes/proxy", false).rule(&["get"])
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    #[serde(deserialize_with = "null_is_default")]
    items: Vec<Box<RawValue>>,
}

/// The page of one kubelet.
pub(crate) struct Page {
    kubelet: Client,
    /// A pod that cannot be read was said.
    said: AtomicBool,
}

impl Page {
    pub(crate) fn new(kubelet: Client) -> Self {
        Self { kubelet, said: AtomicBool::new(false) }
    }

    /// All pods, or why not and what helps.
    pub(crate) async fn pods(&self) -> Result<Vec<Seen>, String> {
        match self.kubelet.get::<Body>(PAGE).await {
            Ok(page) => Ok(read(&page, &self.said)),
            Err(error) => Err(self.explain(&error)),
        }
    }

    fn explain(&self, error: &Error) -> String {
        let server = self.kubelet.server();
        let remedy = error.remedy(&right()).unwrap_or_default();
        match &*remedy {
            "" => format!("cannot get {PAGE} of the kubelet at {server}: {error}"),
            remedy => format!("cannot get {PAGE} of the kubelet at {server}: {error}; {remedy}"),
        }
    }
}

/// One pod that cannot be read does not hide the others.
fn read(page: &Body, said: &AtomicBool) -> Vec<Seen> {
    let mut seen = Vec::with_capacity(page.items.len());
    for raw in &page.items {
        match serde_json::from_str::<ApiPod>(raw.get()) {
            Ok(pod) => seen.push(Seen { pod, hash: xxh3_64(raw.get().as_bytes()) }),
            Err(error) => {
                if !said.swap(true, Relaxed) {
                    tracing::warn!(%error, "a pod of the kubelet's page cannot be read, and is left out");
                }
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_cannot_be_read_does_not_hide_the_others() {
        let text = r#"{"items": [{"metadata": 7}, {"metadata": {"uid": "a"}}, {"metadata": {"uid": "b"}}]}"#;
        let page: Body = serde_json::from_str(text).unwrap();
        let seen = read(&page, &AtomicBool::new(false));
        let uids: Vec<&str> = seen.iter().map(|it| it.pod.uid()).collect();
        assert_eq!(uids, ["a", "b"]);
        assert_ne!(seen[0].hash, seen[1].hash);
        assert!(
            read(&serde_json::from_str(r#"{"items": null}"#).unwrap(), &AtomicBool::default())
                .is_empty()
        );
    }
}
