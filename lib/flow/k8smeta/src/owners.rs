//! Replica sets of the pods of one node, asked for one by one. A cluster has some ten for each deployment, and a DaemonSet that
//! watched them all would hear on each node of every rollout; the pods of a node have at most some hundred.

use std::time::Duration;

use kube::{Client, Error, Meta, Object, Query, Resource};
use tokio::sync::{Notify, watch};

/// A server that refused is asked again after this time.
const AGAIN: Duration = Duration::from_secs(5);

/// A replica set that a pod names as its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
}

/// Asks for owners that are not known.
pub(crate) struct Resolver {
    client: Client,
    /// Whoever has it does the work.
    pub(crate) turn: tokio::sync::Mutex<()>,
    asked: Notify,
    /// Nothing is wanted.
    idle: watch::Sender<bool>,
    problem: watch::Sender<Option<String>>,
}

impl Resolver {
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            turn: tokio::sync::Mutex::default(),
            asked: Notify::new(),
            idle: watch::Sender::new(true),
            problem: watch::Sender::new(None),
        }
    }

    /// Something is wanted.
    pub(crate) fn ask(&self) {
        self.idle.send_if_modified(std::mem::take);
        self.asked.notify_one();
    }

    /// Waits until nothing is wanted.
    pub(crate) async fn done(&self) {
        // The sender is `self`.
        let _ = self.idle.subscribe().wait_for(|it| *it).await;
    }

    /// Why the last try failed.
    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.borrow().clone()
    }

    /// Asks for what `wanted` says, and tells `take`, until it is dropped.
    pub(crate) async fn run(&self, wanted: impl Fn() -> Vec<Wanted>, take: impl Fn(&Object)) {
        loop {
            let all = wanted();
            if all.is_empty() {
                self.idle.send_replace(true);
                self.asked.notified().await;
                continue;
            }
            for it in &all {
                match self.fetch(it).await {
                    Ok(object) => {
                        self.problem.send_replace(None);
                        take(&object);
                    }
                    Err(error) => {
                        self.failed(&error);
                        tokio::time::sleep(AGAIN).await;
                        break;
                    }
                }
            }
        }
    }

    /// The replica set; without an owner if it is no more, or another one has its name now.
    async fn fetch(&self, it: &Wanted) -> Result<Object, Error> {
        let query =
            Query { namespace: it.namespace.clone(), ..Query::metadata(Resource::REPLICA_SETS) };
        match self.client.object::<Object>(&query, &it.name).await {
            Ok(object) if object.metadata.uid == it.uid => Ok(object),
            Ok(_) | Err(Error::Status { code: 404, .. }) => {
                Ok(Object { metadata: Meta { uid: it.uid.clone(), ..Meta::default() } })
            }
            Err(error) => Err(error),
        }
    }

    fn failed(&self, error: &Error) {
        let remedy = error.remedy(&Resource::REPLICA_SETS.rule(&["get"])).unwrap_or_default();
        let text = match &*remedy {
            "" => format!("cannot get replicasets.apps: {error}"),
            remedy => format!("cannot get replicasets.apps: {error}; {remedy}"),
        };
        let is_new = self.problem.send_replace(Some(text.clone())).as_ref() != Some(&text);
        if !is_new {
            return;
        }
        if error.is_refused() {
            tracing::error!(error = text, "the API server refuses the owners of pods");
        } else {
            tracing::warn!(error = text, "the owners of pods cannot be asked for: trying again");
        }
    }
}
