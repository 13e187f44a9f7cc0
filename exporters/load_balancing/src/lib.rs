//! Sends each trace, service or series to one of several backends, always to the same: for tail sampling and span metrics
//! in a second layer of collectors.

use std::sync::Arc;

use async_trait::async_trait;
use component::config::{Choice, Duration, Need, Problems, Right, Section};
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, QueueConfig, RetryConfig, Signal, Stability,
};
use serde::{Deserialize, Serialize};

mod balancer;
mod keys;
mod resolve;
mod ring;
#[cfg(test)]
mod tests;

use balancer::Balancer;
use keys::Key;
pub use keys::RoutingKey;

/// What upstream has there; the resolver says where to connect.
const PLACEHOLDER: &str = "placeholder:4317";

/// `exporters: load_balancing:`
///
/// Upstream: `exporter/loadbalancingexporter/config.go`, v0.149.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "loadbalancingexporter.Config")]
pub struct Config {
    /// Longest time of one attempt, all backends together; 0 is unlimited. Default 0s.
    pub timeout: Duration,
    /// Retries before data is parted. Default off: each backend has its own.
    #[config(omit_empty)]
    pub retry_on_failure: Option<RetryConfig>,
    /// Queue before data is parted; the place for one on disk. Default off: each backend has its own.
    #[config(omit_empty)]
    pub sending_queue: Section<QueueConfig>,
    /// How backends are spoken to.
    pub protocol: Protocol,
    /// Which backends there are: exactly one of its keys.
    pub resolver: Resolver,
    /// What decides who gets what: traceID (traces, logs), service, resource (metrics, logs), metric, streamID (metrics) or
    /// attributes. Default traceID for traces, service for metrics and logs.
    pub routing_key: Choice<RoutingKey>,
    /// The names for `attributes`: of the resource, the scope or the item. Also span.name, span.kind, log.severity,
    /// log.body.
    #[config(omit_empty)]
    pub routing_attributes: Vec<String>,
}

/// `protocol:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "loadbalancingexporter.Protocol")]
pub struct Protocol {
    /// As the exporter `otlp_grpc`, without `endpoint`.
    pub otlp: otlpgrpc::Config,
}

impl Default for Protocol {
    fn default() -> Self {
        let mut otlp = otlpgrpc::Config::default();
        otlp.client.endpoint = PLACEHOLDER.into();
        Self { otlp }
    }
}

/// `resolver:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "loadbalancingexporter.ResolverSettings")]
pub struct Resolver {
    /// A list of backends.
    #[serde(rename = "static")]
    pub fixed: Option<Static>,
    /// The addresses of a name.
    pub dns: Option<Dns>,
    /// The endpoints of a service in Kubernetes.
    pub k8s: Option<K8s>,
}

/// `static:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "loadbalancingexporter.StaticResolver")]
pub struct Static {
    /// Host, and port if it is not 4317.
    pub hostnames: Vec<String>,
}

/// `dns:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "loadbalancingexporter.DNSResolver")]
pub struct Dns {
    /// The name that is looked up.
    pub hostname: String,
    /// Of all addresses. Default 4317.
    pub port: String,
    /// Time between look-ups. Default 5s.
    pub interval: Duration,
    /// Longest time of a look-up. Default 1s.
    pub timeout: Duration,
}

impl Default for Dns {
    fn default() -> Self {
        Self {
            hostname: String::new(),
            port: "4317".into(),
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
        }
    }
}

impl Dns {
    /// 0 stands for the default, as upstream.
    fn interval(&self) -> std::time::Duration {
        Some(self.interval.std())
            .filter(|it| !it.is_zero())
            .unwrap_or_else(|| Self::default().interval.std())
    }

    fn timeout(&self) -> std::time::Duration {
        Some(self.timeout.std())
            .filter(|it| !it.is_zero())
            .unwrap_or_else(|| Self::default().timeout.std())
    }
}

/// `k8s:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "loadbalancingexporter.K8sSvcResolver")]
pub struct K8s {
    /// The service, as `name` or `name.namespace`. Default namespace: `default`.
    pub service: String,
    /// Of each endpoint. Default 4317.
    pub ports: Vec<u16>,
    /// Longest time of a look-up; the watch needs none. Default 1m.
    pub timeout: Duration,
    /// Pods of a stateful set are named by their host names, so that a pod that comes back is the same backend. Default
    /// false.
    pub return_hostnames: bool,
}

impl K8s {
    fn ports(&self) -> Vec<u16> {
        if self.ports.is_empty() { vec![4317] } else { self.ports.clone() }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let resolver = &self.resolver;
        let given = [resolver.fixed.is_some(), resolver.dns.is_some(), resolver.k8s.is_some()];
        match given.iter().filter(|it| **it).count() {
            0 => {
                let text = "no resolvers specified for the exporter";
                problems.late("", text).require("resolver::static::hostnames", "[backend:4317]");
            }
            1 => {}
            _ => _ = problems.late("resolver", "only one resolver should be specified"),
        }
        if resolver.fixed.as_ref().is_some_and(|it| it.hostnames.is_empty()) {
            problems.late("resolver::static", "no endpoints specified for the static resolver");
        }
        if resolver.dns.as_ref().is_some_and(|it| it.hostname.is_empty()) {
            problems.late("resolver::dns", "no hostname specified to resolve the backends");
        }
        if let Some(k8s) = &resolver.k8s {
            if k8s.service.is_empty() {
                problems.late("resolver::k8s", "no service specified to resolve the backends");
            }
            let (group, resource) = ("discovery.k8s.io".into(), "endpointslices".into());
            problems.needs(
                "",
                Need::Right(Right { group, resource, verbs: vec!["get", "list", "watch"] }),
            );
        }
        if *self.routing_key == RoutingKey::Attributes && self.routing_attributes.is_empty() {
            let text = "routing_key \"attributes\" needs routing_attributes: all data would go to one backend";
            problems.at("routing_attributes", text);
        }
        self.protocol.otlp.check("protocol::otlp", problems);
        if self.protocol.otlp.sending_queue.get().is_some_and(|it| it.storage.is_some()) {
            let text = "backends come and go, and a queue on disk would stay behind: write sending_queue with storage \
                beside protocol, before data is parted";
            problems.at("protocol::otlp::sending_queue::storage", text);
        }
        if let Some(retry) = &self.retry_on_failure {
            retry.validate("retry_on_failure", problems);
        }
        if let Some(queue) = self.sending_queue.get() {
            queue.validate("sending_queue", problems);
        }
    }
}

/// The exporter.
pub struct LoadBalancing {
    config: Config,
    agent: String,
    balancer: Arc<Balancer>,
}

impl Exporter for LoadBalancing {
    type Config = Config;
    const TYPE: &'static str = "load_balancing";
    const ALIASES: &'static [&'static str] = &["loadbalancing"];
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Beta),
        (Signal::Metrics, Stability::Beta),
        (Signal::Logs, Stability::Beta),
    ];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        let key = Key::new(settings.signal, *config.routing_key, &config.routing_attributes)?;
        let agent = settings.build.user_agent();
        let inner = (config.protocol.otlp.client.clone(), config.protocol.otlp.delivery());
        let balancer = Balancer::new(settings, inner, key, config.resolver.name());
        Ok(Self { config, agent, balancer })
    }

    fn delivery(config: &Config) -> Delivery {
        Delivery {
            timeout: config.timeout,
            retry: config.retry_on_failure.clone(),
            queue: config.sending_queue.get().cloned(),
        }
    }
}

impl Resolver {
    /// As metrics name it.
    fn name(&self) -> &'static str {
        match (&self.fixed, &self.dns) {
            (Some(_), _) => "static",
            (None, Some(_)) => "dns",
            (None, None) => "k8s",
        }
    }
}

#[async_trait]
impl Component for LoadBalancing {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let balancer = Arc::clone(&self.balancer);
        match &self.config.resolver {
            Resolver { fixed: Some(it), .. } => {
                resolve::fixed(&balancer, &it.hostnames, host).await
            }
            Resolver { dns: Some(it), .. } => resolve::by_dns(balancer, it, host).await,
            Resolver { k8s: Some(it), .. } => {
                resolve::by_service(balancer, it, (host, &self.agent)).await?;
            }
            Resolver { .. } => return Err("no resolvers specified for the exporter".into()),
        }
        Ok(())
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        self.balancer.close().await;
        Ok(())
    }
}

#[async_trait]
impl Consumer for LoadBalancing {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        self.balancer.consume(ctx, data).await
    }
}
