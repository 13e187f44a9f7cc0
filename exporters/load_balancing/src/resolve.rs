//! Which backends there are: a list, the addresses of a name, or the endpoints of a service in Kubernetes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use component::meter::{Counter, Descriptor, Level};
use component::{BoxError, Host};
use kube::{ApiConfig, Client, Event, Feed, Meta, Query, Resource, Sink, null_is_default};
use serde::Deserialize;
use tokio::sync::Notify;

use crate::balancer::Balancer;
use crate::{Dns, K8s};

/// Most addresses of a name, and endpoints of a service, that are used.
const BACKENDS_MAX: usize = 10_000;
const ENDPOINT_SLICES: Resource = Resource::of("discovery.k8s.io", "endpointslices", true);

const RESOLUTIONS: Descriptor = Descriptor {
    name: "otelcol_loadbalancer_num_resolutions",
    description: "Number of times the resolver has triggered new resolutions. [Development]",
    unit: "{resolutions}",
    scope: "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/loadbalancingexporter",
    level: Level::Basic,
};

/// How often backends were looked up.
struct Resolutions {
    succeeded: Counter,
    failed: Counter,
}

impl Resolutions {
    fn new(balancer: &Balancer) -> Self {
        let of = |success: &str| {
            let labels = [("resolver", balancer.resolver()), ("success", success)];
            balancer.meter().counter(RESOLUTIONS, &labels)
        };
        Self { succeeded: of("true"), failed: of("false") }
    }
}

/// A list that does not change.
pub(crate) async fn fixed(balancer: &Balancer, names: &[String], host: &Host) {
    Resolutions::new(balancer).succeeded.add(1);
    let names: BTreeSet<&String> = names.iter().collect();
    balancer.update(names.into_iter().cloned().collect(), host).await;
}

/// Looks a name up at once and then every `interval`.
pub(crate) async fn by_dns(balancer: Arc<Balancer>, dns: &Dns, host: &Host) {
    let counts = Resolutions::new(&balancer);
    refresh(&balancer, dns, host, &counts).await;
    let (dns, own, stopping) = (dns.clone(), host.clone(), host.stopping().clone());
    host.spawn(async move {
        while stopping.run_until_cancelled(tokio::time::sleep(dns.interval())).await.is_some() {
            refresh(&balancer, &dns, &own, &counts).await;
        }
        Ok(())
    });
}

/// Looks it up. While that fails, the last answer counts.
async fn refresh(balancer: &Balancer, dns: &Dns, host: &Host, counts: &Resolutions) {
    match look_up(dns, dns.timeout()).await {
        Ok(names) => {
            balancer.update(names, host).await;
            counts.succeeded.add(1);
        }
        Err(error) => {
            tracing::warn!(hostname = dns.hostname, error, "failed to resolve");
            counts.failed.add(1);
        }
    }
}

async fn look_up(dns: &Dns, timeout: Duration) -> Result<Vec<String>, String> {
    let found = tokio::time::timeout(timeout, tokio::net::lookup_host((&*dns.hostname, 0))).await;
    let found = found.map_err(|_| format!("lookup {}: i/o timeout", dns.hostname))?;
    let found = found.map_err(|why| format!("lookup {}: {why}", dns.hostname))?;
    let names = found.take(BACKENDS_MAX).map(|it| with_port(it.ip(), &dns.port));
    Ok(names.collect::<BTreeSet<String>>().into_iter().collect())
}

fn with_port(address: IpAddr, port: &str) -> String {
    let name = match address {
        IpAddr::V4(it) => it.to_string(),
        IpAddr::V6(it) => format!("[{it}]"),
    };
    if port.is_empty() { name } else { format!("{name}:{port}") }
}

/// A part of the endpoints of a service.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Slice {
    metadata: Meta,
    #[serde(deserialize_with = "null_is_default")]
    endpoints: Vec<Endpoint>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Endpoint {
    #[serde(deserialize_with = "null_is_default")]
    addresses: Vec<String>,
    hostname: Option<String>,
    conditions: Conditions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Conditions {
    ready: Option<bool>,
}

/// The endpoints of a service, kept current by the watch.
struct Known {
    section: K8s,
    /// Names of backends, by the slices in which they are.
    slices: Mutex<BTreeMap<String, Vec<String>>>,
    synced: Mutex<bool>,
    changed: Notify,
}

impl Sink<Slice> for Known {
    fn event(&self, event: Event<'_, Slice>) {
        let mut slices = self.slices.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Restarted => {
                slices.clear();
                *self.synced.lock().unwrap_or_else(PoisonError::into_inner) = false;
            }
            Event::Applied(slice) => {
                _ = slices.insert(slice.metadata.name.clone(), self.section.names(slice));
            }
            Event::Deleted(slice) => _ = slices.remove(&slice.metadata.name),
            Event::Synced => *self.synced.lock().unwrap_or_else(PoisonError::into_inner) = true,
        }
        self.changed.notify_one();
    }
}

impl K8s {
    /// Name and namespace of the service; without a namespace it is `default`, as upstream.
    fn service(&self) -> (&str, &str) {
        let (name, namespace) = self.service.split_once('.').unwrap_or((&self.service, "default"));
        (name, namespace.split('.').next().unwrap_or(namespace))
    }

    fn names(&self, slice: &Slice) -> Vec<String> {
        let (service, namespace) = self.service();
        let ready = slice.endpoints.iter().filter(|it| it.conditions.ready != Some(false));
        let hosts = ready.flat_map(|it| {
            let by_name = it.hostname.as_ref().filter(|_| self.return_hostnames);
            match by_name {
                Some(name) => vec![format!("{name}.{service}.{namespace}")],
                None if self.return_hostnames => Vec::new(),
                None => it.addresses.clone(),
            }
        });
        hosts
            .flat_map(|host| {
                let host = match host.parse() {
                    Ok(IpAddr::V6(it)) => format!("[{it}]"),
                    _ => host,
                };
                self.ports().into_iter().map(move |port| format!("{host}:{port}"))
            })
            .collect()
    }
}

impl Known {
    /// The backends; `None` while the list is coming.
    fn names(&self) -> Option<Vec<String>> {
        if !*self.synced.lock().unwrap_or_else(PoisonError::into_inner) {
            return None;
        }
        let slices = self.slices.lock().unwrap_or_else(PoisonError::into_inner);
        let names: BTreeSet<&String> = slices.values().flatten().take(BACKENDS_MAX).collect();
        Some(names.into_iter().cloned().collect())
    }
}

/// Watches the endpoint slices of a service. While the API server is away, the last list counts.
pub(crate) async fn by_service(
    balancer: Arc<Balancer>,
    section: &K8s,
    (host, agent): (&Host, &str),
) -> Result<(), BoxError> {
    let client = Client::new(&ApiConfig::default(), agent).await?;
    let (service, namespace) = section.service();
    let query = Query {
        namespace: namespace.to_owned(),
        labels: format!("kubernetes.io/service-name={service}"),
        ..Query::all(ENDPOINT_SLICES)
    };
    let known = Arc::new(Known {
        section: section.clone(),
        slices: Mutex::default(),
        synced: Mutex::default(),
        changed: Notify::new(),
    });
    let feed = Feed::of(&client, query);
    let sink: Weak<dyn Sink<Slice>> = Arc::downgrade(&(Arc::clone(&known) as Arc<dyn Sink<Slice>>));
    feed.subscribe(sink);
    feed.serve(host);
    let (own, stopping) = (host.clone(), host.stopping().clone());
    let counts = Resolutions::new(&balancer);
    host.spawn(async move {
        let follow = async {
            loop {
                known.changed.notified().await;
                if let Some(names) = known.names() {
                    counts.succeeded.add(1);
                    balancer.update(names, &own).await;
                }
            }
        };
        let _: Option<()> = stopping.run_until_cancelled(follow).await;
        drop(feed);
        Ok(())
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_the_port_of_the_section() {
        let of = |text: &str, port: &str| with_port(text.parse().unwrap(), port);
        assert_eq!(of("10.0.0.1", "4317"), "10.0.0.1:4317");
        assert_eq!(of("::1", "55"), "[::1]:55");
        assert_eq!(of("10.0.0.1", ""), "10.0.0.1");
    }

    #[test]
    fn ready_endpoints_of_all_slices_are_the_backends() {
        let section =
            K8s { service: "otel.monitoring".into(), ports: vec![4317, 4318], ..K8s::default() };
        let known = Known {
            section,
            slices: Mutex::default(),
            synced: Mutex::default(),
            changed: Notify::new(),
        };
        let slice = |name: &str, endpoints: &str| -> Slice {
            serde_json::from_str(&format!(
                r#"{{"metadata": {{"name": "{name}"}}, "endpoints": {endpoints}}}"#
            ))
            .unwrap()
        };
        known.event(Event::Restarted);
        let first = slice(
            "a",
            r#"[{"addresses": ["10.0.0.2"], "conditions": {"ready": true}},
            {"addresses": ["10.0.0.3"], "conditions": {"ready": false}}]"#,
        );
        known.event(Event::Applied(&first));
        assert_eq!(known.names(), None);
        let second = slice("b", r#"[{"addresses": ["10.0.0.1"], "hostname": "pod-0"}]"#);
        known.event(Event::Applied(&second));
        known.event(Event::Synced);
        let all = ["10.0.0.1:4317", "10.0.0.1:4318", "10.0.0.2:4317", "10.0.0.2:4318"];
        assert_eq!(known.names().unwrap(), all);
        known.event(Event::Deleted(&first));
        assert_eq!(known.names().unwrap(), all[..2]);
        known.event(Event::Applied(&slice("b", "null")));
        assert_eq!(known.names().unwrap(), Vec::<String>::new());
        let named = K8s { return_hostnames: true, ..known.section };
        assert_eq!(
            named.names(&second),
            ["pod-0.otel.monitoring:4317", "pod-0.otel.monitoring:4318"]
        );
    }
}
