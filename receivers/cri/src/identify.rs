//! The last step before the pipelines: records get what is known of their container.

use std::collections::HashSet;
use std::sync::Arc;

use component::meter::Counter;
use component::{Data, Finish, async_trait};
use pdata::{Depth, Field, Keep, ValueRef};

use crate::catalog::{Catalog, Key};

pub(crate) struct Identify {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) unknown: Counter,
}

#[async_trait]
impl Finish for Identify {
    async fn finish(&self, data: Data) -> Data {
        let Data::Logs(logs) = &data else { return data };
        let keys = logs.resources().filter_map(|it| {
            let attributes = it.attributes();
            key(|name| attributes.get(name).and_then(ValueRef::as_str))
        });
        let keys: HashSet<Key> = keys.collect();
        let wanted = keys.len();
        let known = self.catalog.attributes(keys).await;
        if known.len() < wanted {
            self.count(&data, |it| known.contains_key(it));
        }
        data.edit(Depth::Resource, |place| {
            let Some(mut attributes) = place.attributes(Field::RESOURCE_ATTRIBUTES) else {
                return Keep::Whole;
            };
            let text = |name: &str| match attributes.get(name) {
                Some(ValueRef::Str(it)) => Some(it),
                _ => None,
            };
            if let Some(found) = key(text).and_then(|it| known.get(&it)) {
                found.iter().for_each(|it| attributes.set_buf(it));
            }
            Keep::Whole
        })
    }
}

impl Identify {
    /// Counts the records whose container is not known.
    fn count(&self, data: &Data, is_known: impl Fn(&Key) -> bool) {
        let Data::Logs(logs) = data else { return };
        for resource in logs.resources() {
            let attributes = resource.attributes();
            let key = key(|name| attributes.get(name).and_then(ValueRef::as_str));
            if key.is_some_and(|it| !is_known(&it)) {
                self.unknown.add(resource.records().count() as u64);
            }
        }
    }
}

/// The container, as the operator `container` has read it from the path.
fn key<'a>(text: impl Fn(&str) -> Option<&'a str>) -> Option<Key> {
    Some(Key {
        pod_uid: text("k8s.pod.uid")?.to_owned(),
        container: text("k8s.container.name")?.to_owned(),
        attempt: text("k8s.container.restart_count")?.parse().ok()?,
    })
}
