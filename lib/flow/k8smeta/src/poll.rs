//! The pods of one node as somebody on it knows them, who has to be asked again and again: its kubelet, or its container runtime.
//! No API server is needed for them.
//!
//! What is answered is compared with what was answered before, pod by pod, and only what differs is told. A pod that is looked for
//! and not known is asked for before its time: soon when it is looked for the first time, and otherwise the rarer the less comes of it.

use std::collections::HashMap;
use std::time::Duration;

use component::meter::Counter;
use kube::{Event, Sink, State};
use tokio::sync::{Notify, watch};

use crate::api::{ApiPod, Seen};
use crate::origin::Origin;
use crate::page::Page;
use crate::runtime::Sandboxes;

/// So long nobody is asked again, whatever is looked for. Telemetry that waits for a new pod has to see an answer in its time.
const SOON: Duration = Duration::from_millis(300);

/// Who is asked.
pub(crate) enum Asked {
    Kubelet(Page),
    Runtime(Box<Sandboxes>),
}

impl Asked {
    pub(crate) fn origin(&self) -> Origin {
        match self {
            Self::Kubelet(_) => Origin::Kubelet,
            Self::Runtime(_) => Origin::Runtime,
        }
    }

    /// All pods, or why not and what helps.
    async fn pods(&self) -> Result<Vec<Seen>, String> {
        match self {
            Self::Kubelet(it) => it.pods().await,
            Self::Runtime(it) => it.pods().await,
        }
    }
}

/// Asks.
pub(crate) struct Poll {
    asked: Asked,
    every: Duration,
    /// Only pods of it; empty for all.
    namespace: String,
    /// Whoever has it does the work.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// Somebody looked for a pod that is not known.
    missed: Notify,
    /// The same for the first time.
    fresh: Notify,
    state: watch::Sender<State>,
    failures: Counter,
}

impl Poll {
    pub(crate) fn new(asked: Asked, every: Duration, namespace: &str, failures: Counter) -> Self {
        Self {
            asked,
            every,
            namespace: namespace.to_owned(),
            turn: tokio::sync::Mutex::default(),
            missed: Notify::new(),
            fresh: Notify::new(),
            state: watch::Sender::default(),
            failures,
        }
    }

    pub(crate) fn origin(&self) -> Origin {
        self.asked.origin()
    }

    /// A pod is looked for that is not known; `is_fresh` if nobody has looked for it before.
    pub(crate) fn ask(&self, is_fresh: bool) {
        if is_fresh { self.fresh.notify_one() } else { self.missed.notify_one() }
    }

    pub(crate) fn state(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Asks, and tells `sink` what has changed, until it is dropped.
    pub(crate) async fn run(&self, sink: &dyn Sink<ApiPod>) {
        let mut known = Known::default();
        let mut patience = SOON;
        // Whoever had the turn before may have told pods that are gone since: the first answer of each turn is a whole list.
        let mut told = false;
        sink.event(Event::Restarted);
        loop {
            let news = match self.asked.pods().await {
                Ok(pods) => {
                    let news = known.take(pods, &self.namespace, sink);
                    if !std::mem::replace(&mut told, true) {
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
            patience = if news { SOON } else { (patience * 2).min(self.every) };
            let early = async {
                tokio::time::sleep(patience).await;
                self.missed.notified().await;
            };
            let soon = async {
                tokio::time::sleep(SOON).await;
                self.fresh.notified().await;
            };
            tokio::select! {
                () = tokio::time::sleep(self.every) => {}
                () = early => {}
                () = soon => {}
            }
        }
    }

    fn failed(&self, error: &str) {
        self.failures.add(1);
        let mut is_new = false;
        self.state.send_modify(|it| {
            is_new = it.problem.replace(error.to_owned()).as_deref() != Some(error);
        });
        if is_new {
            let source = self.origin().name();
            tracing::warn!(
                source,
                error,
                "no pods are told by this source: what is known stays, and it is asked again"
            );
        }
    }
}

/// What was told before: hashes by uid.
#[derive(Default)]
struct Known {
    pods: HashMap<Box<str>, u64>,
}

impl Known {
    /// Tells how this answer differs. Whether there are new pods.
    fn take(&mut self, pods: Vec<Seen>, namespace: &str, sink: &dyn Sink<ApiPod>) -> bool {
        let mut now = HashMap::with_capacity(pods.len());
        let mut news = false;
        for Seen { pod, hash } in pods {
            if pod.uid().is_empty()
                || (!namespace.is_empty() && pod.metadata.namespace != namespace)
            {
                continue;
            }
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

    fn seen(pods: &[(&str, &str, u64)]) -> Vec<Seen> {
        let pod = |(uid, namespace, hash): &(&str, &str, u64)| Seen {
            pod: serde_json::from_value(json!({"metadata": {"uid": uid, "namespace": namespace}}))
                .unwrap(),
            hash: *hash,
        };
        pods.iter().map(pod).collect()
    }

    #[test]
    fn only_what_differs_is_told() {
        let (mut known, heard) = (Known::default(), Heard::default());
        let mut take = |pods: &[(&str, &str, u64)], namespace: &str| {
            let news = known.take(seen(pods), namespace, &heard);
            (news, std::mem::take(&mut *heard.0.lock().unwrap()).join(" "))
        };
        let (a, b) = (("a", "shop", 1), ("b", "shop", 2));
        assert_eq!(take(&[a, b], ""), (true, "+a +b".into()));
        assert_eq!(take(&[b, a], ""), (false, String::new()));
        assert_eq!(take(&[("a", "shop", 3)], ""), (false, "+a -b".into()));
        assert_eq!(take(&[a, ("c", "other", 4)], "shop"), (false, "+a".into()));
        assert_eq!(take(&[], ""), (false, "-a".into()));
    }
}
