//! The lease: an object that says who holds it and when it was renewed last. `coordination.k8s.io/v1`.

use std::time::{Duration, SystemTime};

use http::Method;
use kube::{Client, Error, Query, Resource, null_is_default};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

const LEASES: Resource = Resource::of("coordination.k8s.io", "leases", true);
const JSON: &str = "application/json";

/// What a lease says. What else is in the object stays in it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Lease {
    pub(crate) spec: Spec,
    /// Labels, annotations, the version.
    metadata: Json,
    #[serde(flatten)]
    rest: Map<String, Json>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Spec {
    /// Empty when nobody holds it.
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) holder_identity: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) lease_duration_seconds: u64,
    pub(crate) acquire_time: Option<String>,
    pub(crate) renew_time: Option<String>,
    /// How often it went to another one.
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) lease_transitions: u64,
}

/// Where it is.
pub(crate) struct Place {
    client: Client,
    namespace: String,
    name: String,
}

impl Place {
    pub(crate) fn new(client: Client, (namespace, name): (&str, &str)) -> Self {
        Self { client, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The lease; `None` if there is none yet.
    pub(crate) async fn read(&self) -> Result<Option<Lease>, Error> {
        let query = Query { namespace: self.namespace.clone(), ..Query::all(LEASES) };
        match self.client.object(&query, &self.name).await {
            Ok(lease) => Ok(Some(lease)),
            Err(error) if error.code() == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes it.
    ///
    /// # Errors
    /// Also if somebody else has made it.
    pub(crate) async fn create(&self, spec: Spec) -> Result<Lease, Error> {
        let body = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": self.name, "namespace": self.namespace}, "spec": spec,
        });
        let path = LEASES.path(&self.namespace);
        self.send(Method::POST, &path, &body).await
    }

    /// Changes it.
    ///
    /// # Errors
    /// Also if somebody else has changed it meanwhile: the version in the metadata sees to that.
    pub(crate) async fn update(&self, before: &Lease, spec: Spec) -> Result<Lease, Error> {
        let lease = Lease { spec, ..before.clone() };
        let body = serde_json::to_value(&lease).unwrap_or_default();
        let path = format!("{}/{}", LEASES.path(&self.namespace), self.name);
        self.send(Method::PUT, &path, &body).await
    }

    async fn send(&self, method: Method, path: &str, body: &Json) -> Result<Lease, Error> {
        let sent = self.client.send(method, path, JSON, body.to_string().as_bytes()).await?;
        serde_json::from_slice(&sent)
            .map_err(|error| Error::Malformed(format!("the answer to {path}: {error}")))
    }

    /// For messages.
    pub(crate) fn resource(&self) -> &'static Resource {
        const { &LEASES }
    }
}

/// Now, as leases say it.
pub(crate) fn now() -> String {
    let now = SystemTime::UNIX_EPOCH + Duration::from_nanos(component::clock::unix_nanos());
    humantime::format_rfc3339_micros(now).to_string()
}
