//! Objects as log records. `receiver/k8sobjectsreceiver/unstructured_to_logdata.go`, v0.156.

use component::{Data, clock};
use kube::{Change, Happened};
use pdata::{AttributesWriter, LogsBuilder};
use serde_json::Value as Json;

const SCOPE: &str =
    "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/k8sobjectsreceiver";

/// How the objects of one kind become records.
pub(crate) struct Shape<'a> {
    /// `pods`.
    pub(crate) plural: &'a str,
    /// They are told as changes.
    pub(crate) watched: bool,
    /// The program's.
    pub(crate) version: &'a str,
}

/// The word for a change.
pub(crate) fn word(change: Change) -> &'static str {
    match change {
        Change::Added => "ADDED",
        Change::Modified => "MODIFIED",
        Change::Deleted => "DELETED",
        Change::Bookmark => "BOOKMARK",
    }
}

/// An object that was read.
struct Object<'a> {
    change: Change,
    namespace: String,
    name: String,
    json: Json,
    of: Option<&'a (String, String)>,
}

impl Shape<'_> {
    /// One record for each, by namespaces in the order in which they come; `None` if nothing is left.
    pub(crate) fn records(
        &self,
        happened: &[Happened],
        wants: impl Fn(Change, &str) -> bool,
    ) -> Option<Data> {
        let mut groups: Vec<(String, Vec<Object<'_>>)> = Vec::new();
        for it in happened {
            let object = match read(it) {
                Ok(object) => object,
                Err(error) => {
                    let plural = self.plural;
                    tracing::warn!(plural, %error, "an object cannot be read, and is not told");
                    continue;
                }
            };
            if !wants(object.change, &object.namespace) {
                continue;
            }
            match groups.iter_mut().find(|it| it.0 == object.namespace) {
                Some((_, group)) => group.push(object),
                None => groups.push((object.namespace.clone(), vec![object])),
            }
        }
        if groups.is_empty() {
            return None;
        }
        let mut builder = LogsBuilder::new();
        let now = clock::unix_nanos();
        for (namespace, objects) in &groups {
            builder.resource(|out| {
                if !namespace.is_empty() {
                    out.put("k8s.namespace.name", namespace.as_str());
                }
            });
            builder.scope(SCOPE, self.version);
            for object in objects {
                self.record(&mut builder, object, now);
            }
        }
        Some(builder.finish().into())
    }

    fn record(&self, builder: &mut LogsBuilder, object: &Object<'_>, now: u64) {
        builder.record(|record| {
            record.observed_time_unix_nano(now);
            record.body_with(|out| {
                out.map(|out| {
                    if self.watched {
                        out.put("type", word(object.change));
                        out.map("object", |out| body(object, out));
                    } else {
                        body(object, out);
                    }
                });
            });
            record.attribute("k8s.resource.name", self.plural);
            if self.watched && !object.name.is_empty() {
                record.attribute("event.domain", "k8s");
                record.attribute("event.name", object.name.as_str());
            }
        });
    }
}

fn read(it: &Happened) -> Result<Object<'_>, serde_json::Error> {
    let json: Json = serde_json::from_slice(&it.object)?;
    let text =
        |pointer: &str| json.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    Ok(Object { change: it.change, namespace, name, json, of: it.of.as_deref() })
}

/// All of the object. What a list says once for all of its objects each of them says, as in Go.
fn body(object: &Object<'_>, out: &mut AttributesWriter<'_>) {
    let Json::Object(entries) = &object.json else { return };
    if let Some((kind, api_version)) = object.of {
        for (key, value) in [("kind", kind), ("apiVersion", api_version)] {
            if !entries.contains_key(key) && !value.is_empty() {
                out.put(key, value.as_str());
            }
        }
    }
    entries.iter().for_each(|(key, value)| out.value(key, |out| out.json(value)));
}
