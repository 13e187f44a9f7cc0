//! The pods of one node as its kubelet knows them: its page `/pods`, asked again and again. No API server is needed for it.
//!
//! The page is compared with the one before, pod by pod, and only what differs is told. A pod that is looked for and not known is
//! asked for before its time; the less comes of that, the rarer.

use std::collections::HashMap;
use std::time::Duration;

use component::config::Right;
use component::meter::Counter;
use kube::{Client, Error, Event, Resource, Sink, State, null_is_default};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{Notify, watch};
use xxhash_rust::xxh3::xxh3_64;

use crate::api::ApiPod;

const PAGE: &str = "/pods";
/// So long the page is left alone, whatever is looked for.
const SOON: Duration = Duration::from_secs(1);

/// Which kubelet is asked, and how often.
pub struct Polled {
    /// Of the kubelet.
    pub client: Client,
    /// Time between two looks.
    pub every: Duration,
}

/// What a role has to allow for the page.
pub(crate) fn right() -> Right {
    Resource::of("", "nodes/proxy", false).rule(&["get"])
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Page {
    #[serde(deserialize_with = "null_is_default")]
    items: Vec<Box<RawValue>>,
}

/// Asks.
pub(crate) struct Poll {
    kubelet: Polled,
    /// Only pods of it; empty for all.
    namespace: String,
    /// Whoever has it does the work.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// Somebody looked for a pod that is not known.
    missed: Notify,
    state: watch::Sender<State>,
    failures: Counter,
}

impl Poll {
    pub(crate) fn new(kubelet: Polled, namespace: String, failures: Counter) -> Self {
        Self {
            kubelet,
            namespace,
            turn: tokio::sync::Mutex::default(),
            missed: Notify::new(),
            state: watch::Sender::default(),
            failures,
        }
    }

    /// A pod is looked for that is not known.
    pub(crate) fn ask(&self) {
        self.missed.notify_one();
    }

    pub(crate) fn state(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Asks, and tells `sink` what has changed, until it is dropped.
    pub(crate) async fn run(&self, sink: &dyn Sink<ApiPod>) {
        let mut known = Known::default();
        let mut patience = SOON;
        sink.event(Event::Restarted);
        loop {
            let news = match self.kubelet.client.get::<Page>(PAGE).await {
                Ok(page) => {
                    let news = known.take(&page, &self.namespace, sink);
                    if !self.state.borrow().synced {
                        sink.event(Event::Synced);
                    }
                    self.state.send_replace(State { synced: true, problem: None });
                    news
                }
                Err(error) => {
                    self.failed(&error);
                    false
                }
            };
            patience = if news { SOON } else { (patience * 2).min(self.kubelet.every) };
            let early = async {
                tokio::time::sleep(patience).await;
                self.missed.notified().await;
            };
            let _ = tokio::time::timeout(self.kubelet.every, early).await;
        }
    }

    fn failed(&self, error: &Error) {
        self.failures.add(1);
        let remedy = error.remedy(&right()).unwrap_or_default();
        let text = match &*remedy {
            "" => format!("cannot get {PAGE} of the kubelet: {error}"),
            remedy => format!("cannot get {PAGE} of the kubelet: {error}; {remedy}"),
        };
        let mut is_new = false;
        self.state
            .send_modify(|it| is_new = it.problem.replace(text.clone()).as_ref() != Some(&text));
        if is_new {
            let server = self.kubelet.client.server();
            tracing::warn!(
                server,
                error = text,
                "the kubelet does not tell its pods: what is known stays, and it is asked again"
            );
        }
    }
}

/// What was told of the page before: hashes by uid.
#[derive(Default)]
struct Known {
    pods: HashMap<Box<str>, u64>,
    /// A pod that cannot be read was said.
    said: bool,
}

impl Known {
    /// Tells how this page differs. Whether there are new pods.
    fn take(&mut self, page: &Page, namespace: &str, sink: &dyn Sink<ApiPod>) -> bool {
        let mut now = HashMap::with_capacity(page.items.len());
        let mut news = false;
        for raw in &page.items {
            let pod = match serde_json::from_str::<ApiPod>(raw.get()) {
                Ok(it) => it,
                Err(error) => {
                    if !std::mem::replace(&mut self.said, true) {
                        tracing::warn!(%error, "a pod of the kubelet's page cannot be read, and is left out");
                    }
                    continue;
                }
            };
            if pod.uid().is_empty()
                || (!namespace.is_empty() && pod.metadata.namespace != namespace)
            {
                continue;
            }
            let hash = xxh3_64(raw.get().as_bytes());
            let before = self.pods.remove(pod.uid());
            news |= before.is_none();
            if before != Some(hash) {
                sink.event(Event::Applied(&pod));
            }
            now.insert(pod.uid().into(), hash);
        }
        for gone in std::mem::replace(&mut self.pods, now).into_keys() {
            sink.event(Event::Deleted(&ApiPod::of(&gone)));
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;

    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Sink<ApiPod> for Heard {
        fn event(&self, event: Event<'_, ApiPod>) {
            let text = match event {
                Event::Applied(it) => format!("+{}", it.uid()),
                Event::Deleted(it) => format!("-{}", it.uid()),
                Event::Restarted | Event::Synced => return,
            };
            self.0.lock().unwrap().push(text);
        }
    }

    fn page(pods: &[(&str, &str, &str)]) -> Page {
        let pod = |(uid, namespace, ip): &(&str, &str, &str)| json!({"metadata": {"uid": uid, "namespace": namespace}, "status": {"podIP": ip}});
        let mut items: Vec<_> = pods.iter().map(pod).collect();
        items.push(json!({"metadata": 7}));
        serde_json::from_value(json!({"items": items})).unwrap()
    }

    #[test]
    fn only_what_differs_is_told() {
        let (mut known, heard) = (Known::default(), Heard::default());
        let mut take = |pods: &[(&str, &str, &str)], namespace: &str| {
            let news = known.take(&page(pods), namespace, &heard);
            (news, std::mem::take(&mut *heard.0.lock().unwrap()).join(" "))
        };
        let two = [("a", "shop", "1"), ("b", "shop", "2")];
        assert_eq!(take(&two, ""), (true, "+a +b".into()));
        assert_eq!(take(&two, ""), (false, String::new()));
        assert_eq!(take(&[("a", "shop", "9"), ("b", "shop", "2")], ""), (false, "+a".into()));
        assert_eq!(take(&[("b", "shop", "2"), ("c", "bank", "3")], ""), (true, "+c -a".into()));
        assert_eq!(take(&[("b", "shop", "2"), ("c", "bank", "3")], "shop"), (false, "-c".into()));
    }
}
