//! Things that telemetry can be had from, as observers find them: pods, their ports and containers, nodes, services.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::Value;
use tokio::sync::watch;

use crate::meter::Gauge;

/// One thing that telemetry can be had from.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Unique among those of its observer.
    pub id: String,
    /// Where it is: an address with or without a port, or a URL.
    pub target: String,
    /// What is known of it, by the names that rules use: a map, with `type`, `endpoint`, `id`, `host`.
    pub details: Value,
}

/// All that an observer has found, by id.
pub type Endpoints = Arc<BTreeMap<String, Arc<Endpoint>>>;

/// Finds endpoints.
pub trait Observer: Send + Sync {
    /// What is there, and how that changes.
    fn endpoints(&self) -> watch::Receiver<Endpoints>;
}

impl Endpoint {
    /// One of type `kind`, with what is known of it. As `Endpoint.Env` of `extension/observer/endpoints.go`, v0.149.
    pub fn new(id: String, kind: &str, target: String, known: Vec<(String, Value)>) -> Self {
        let mut details = known;
        let has = |details: &[(String, Value)], key: &str| details.iter().any(|it| it.0 == key);
        let (host, port) = split(&target);
        for (key, value) in [("endpoint", &*target), ("type", kind), ("id", &*id)] {
            details.retain(|it| it.0 != key);
            details.push((key.to_owned(), Value::String(value.to_owned())));
        }
        for (key, value) in [("host", Some(host)), ("port", port)] {
            if let Some(value) = value.filter(|_| !has(&details, key)) {
                details.push((key.to_owned(), Value::String(value.to_owned())));
            }
        }
        Self { id, target, details: Value::Map(details) }
    }

    /// What is known under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.details.get(key)
    }

    /// Its type: `pod`, `port`, `pod.container`, `k8s.node`, `k8s.service`, `k8s.ingress`.
    pub fn kind(&self) -> &str {
        self.get("type").and_then(Value::as_str).unwrap_or_default()
    }
}

/// Publishes all that an observer has found, if that has changed, and how many there are. Who uses endpoints compares them by pointer:
/// one that is equal to the one before it is that one.
pub fn publish_endpoints(
    to: &watch::Sender<Endpoints>,
    size: &Gauge,
    found: impl IntoIterator<Item = Arc<Endpoint>>,
) {
    let mut all: BTreeMap<String, Arc<Endpoint>> =
        found.into_iter().map(|it| (it.id.clone(), it)).collect();
    size.set(i64::try_from(all.len()).unwrap_or(i64::MAX));
    to.send_if_modified(|before| {
        let is_new = **before != all;
        if is_new {
            for (id, endpoint) in &mut all {
                if let Some(same) = before.get(id).filter(|it| **it == *endpoint) {
                    *endpoint = Arc::clone(same);
                }
            }
            *before = Arc::new(all);
        }
        is_new
    });
}

/// Host and port of a target that has one.
fn split(target: &str) -> (&str, Option<&str>) {
    match target.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && !port.contains('/') => (host, Some(port)),
        Some((host, port)) if host.starts_with('[') && host.ends_with(']') => {
            (host.trim_matches(['[', ']']), Some(port))
        }
        _ => (target, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_tells_its_type_and_the_parts_of_its_target() {
        let it = Endpoint::new("a".into(), "port", "10.0.0.1:80".into(), Vec::new());
        assert_eq!((it.kind(), it.get("host")), ("port", Some(&Value::String("10.0.0.1".into()))));
        assert_eq!(it.get("port"), Some(&Value::String("80".into())));
        let own = vec![("port".to_owned(), Value::Int(80))];
        let it = Endpoint::new("a".into(), "port", "[::1]:80".into(), own);
        assert_eq!(it.get("port"), Some(&Value::Int(80)));
        assert_eq!(it.get("host"), Some(&Value::String("::1".into())));
        assert_eq!(split("https://shop.example/cart"), ("https://shop.example/cart", None));
    }

    #[test]
    fn what_is_published_again_is_the_same_endpoint() {
        let found = |target: &str| {
            let one = |id: &str, target: &str| {
                Arc::new(Endpoint::new(id.into(), "port", target.into(), Vec::new()))
            };
            [one("same", "10.0.0.1"), one("other", target)]
        };
        let meter = crate::Meter::default();
        let what = crate::meter::Descriptor {
            scope: crate::meter::OURS,
            name: "endpoints",
            unit: "{endpoint}",
            description: "",
            level: crate::meter::Level::Basic,
        };
        let (to, size) = (watch::Sender::default(), meter.gauge(what, &[]));
        let mut seen = to.subscribe();
        publish_endpoints(&to, &size, found("10.0.0.2"));
        let first: Endpoints = seen.borrow_and_update().clone();
        publish_endpoints(&to, &size, found("10.0.0.2"));
        assert!(!seen.has_changed().unwrap());
        publish_endpoints(&to, &size, found("10.0.0.3"));
        let second = seen.borrow_and_update().clone();
        assert!(Arc::ptr_eq(&first["same"], &second["same"]));
        assert_eq!((second.len(), second["other"].target.as_str()), (2, "10.0.0.3"));
    }
}
