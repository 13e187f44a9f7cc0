//! What only the API server knows: what the node has, and which volume is behind a claim.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::{
    Client, Event, Feed, Quantity, Query, Resource, Sink, amounts, field_equals, null_is_default,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::pods::Volume;

/// Most claims whose volumes are remembered. A node has at most some hundred.
const CLAIMS_MAX: usize = 10_000;

/// What a node has: cores and bytes; 0 is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Capacity {
    pub(crate) cpu: f64,
    pub(crate) memory: f64,
}

/// What is read of a node.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    status: NodeStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeStatus {
    #[serde(deserialize_with = "amounts")]
    capacity: std::collections::BTreeMap<String, Quantity>,
}

/// Watches one node.
pub(crate) struct NodeWatch {
    pub(crate) feed: Arc<Feed<Node>>,
    known: Arc<Known>,
}

#[derive(Default)]
struct Known(Mutex<Capacity>);

impl NodeWatch {
    pub(crate) fn new(client: &Client, node: &str) -> Self {
        let fields = field_equals("metadata.name", node, true);
        let feed = Feed::of(client, Query { fields, ..Query::all(Resource::NODES) });
        let known = Arc::new(Known::default());
        let sink: Arc<dyn Sink<Node>> = Arc::clone(&known) as _;
        feed.subscribe(Arc::downgrade(&sink));
        Self { feed, known }
    }

    pub(crate) fn capacity(&self) -> Capacity {
        *self.known.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink<Node> for Known {
    fn event(&self, event: Event<'_, Node>) {
        let Event::Applied(node) = event else { return };
        let of = |what: &str| node.status.capacity.get(what).map_or(0.0, |it| it.number());
        let capacity = Capacity { cpu: of("cpu"), memory: of("memory") };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = capacity;
    }
}

/// Looks for the volumes behind claims, and remembers them.
pub(crate) struct Claims {
    client: Client,
    /// By uid of the pod and name of the volume in it.
    known: HashMap<String, Volume>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Claim {
    spec: ClaimSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ClaimSpec {
    #[serde(deserialize_with = "null_is_default")]
    volume_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PersistentVolume {
    spec: Map<String, Value>,
}

impl Claims {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, known: HashMap::new() }
    }

    /// What is known of the volume of a pod.
    pub(crate) fn known(&self, of: &str) -> Option<&Volume> {
        self.known.get(of)
    }

    /// Finds out what is behind `claim`, unless it is known.
    ///
    /// # Errors
    /// The API server does not say.
    pub(crate) async fn ask(
        &mut self,
        of: String,
        namespace: &str,
        claim: &str,
    ) -> Result<(), String> {
        if self.known.contains_key(&of) {
            return Ok(());
        }
        let failed = |what: &str, error: &kube::Error, rule: &Resource| {
            let remedy = error.remedy(&rule.rule(&["get"])).map(|it| format!("; {it}"));
            format!("{what}: {error}{}", remedy.unwrap_or_default())
        };
        let claims = Resource::of("", "persistentvolumeclaims", true);
        let query = Query { namespace: namespace.to_owned(), ..Query::all(claims) };
        let found: Claim = self.client.object(&query, claim).await.map_err(|error| {
            failed(&format!("the claim {namespace}/{claim}"), &error, &query.resource)
        })?;
        let name = found.spec.volume_name;
        if name.is_empty() {
            return Err(format!("PersistentVolumeClaim {claim} does not have a volume name"));
        }
        let query = Query::all(Resource::of("", "persistentvolumes", false));
        let volume: PersistentVolume =
            self.client.object(&query, &name).await.map_err(|error| {
                failed(&format!("the persistent volume {name}"), &error, &query.resource)
            })?;
        if self.known.len() >= CLAIMS_MAX {
            self.known.clear();
        }
        self.known.insert(of, Volume::persistent(&volume.spec));
        Ok(())
    }
}
