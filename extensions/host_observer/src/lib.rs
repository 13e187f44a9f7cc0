//! Finds the ports that processes of this machine listen on. The files of the kernel are read again and again; what was found is
//! published as a whole ([`component::Observer`]), and who uses it compares.

use std::path::PathBuf;
use std::sync::Arc;

use component::config::{Duration, Problems, Value};
use component::meter::{Descriptor, Gauge, Level, OURS};
use component::{
    BoxError, Capability, Component, Endpoint, Endpoints, Extension, Host, Observer, Offers,
    Settings, Stability, async_trait, publish_endpoints,
};
use confignet::join_host_port;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

mod sockets;
#[cfg(test)]
mod tests;

use sockets::{Listening, listening};

const SIZE: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_host_observer_endpoints",
    unit: "{endpoint}",
    description: "Endpoints that were found",
    level: Level::Basic,
};

/// `extensions: host_observer:`
///
/// Upstream: `extension/observer/hostobserver`, v0.149.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "hostobserver.Config")]
pub struct Config {
    /// Time between two looks. Default 10s.
    pub refresh_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { refresh_interval: Duration::from_secs(10) }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.refresh_interval.nanos() <= 0 {
            problems.at("", "refresh_interval must be positive").set("refresh_interval", "10s");
        }
    }
}

/// The extension.
pub struct HostObserver {
    settings: Settings,
    config: Config,
    endpoints: watch::Sender<Endpoints>,
    size: Gauge,
    /// `/proc`, but in tests.
    proc: PathBuf,
}

impl Extension for HostObserver {
    type Config = Config;
    const TYPE: &'static str = "host_observer";
    const STABILITY: Stability = Stability::Alpha;
    const OFFERS: &'static [Offers] = &[Offers::Observer];

    fn create(settings: Settings, config: Config) -> Result<Self, BoxError> {
        let size = settings.meter.gauge(SIZE, &[("extension", settings.id.as_str())]);
        let endpoints = watch::Sender::default();
        Ok(Self { settings, config, endpoints, size, proc: "/proc".into() })
    }

    fn offers(self: Arc<Self>) -> Vec<Capability> {
        vec![Capability::Observer(self)]
    }
}

impl Observer for HostObserver {
    fn endpoints(&self) -> watch::Receiver<Endpoints> {
        self.endpoints.subscribe()
    }
}

#[async_trait]
impl Component for HostObserver {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let stopping = host.stopping().clone();
        host.spawn(async move {
            let _: Option<()> = stopping.run_until_cancelled(self.look()).await;
            Ok(())
        });
        Ok(())
    }
}

impl HostObserver {
    /// Looks again and again, until it is dropped.
    async fn look(&self) {
        let mut is_full = false;
        loop {
            let proc = self.proc.clone();
            let found = tokio::task::spawn_blocking(move || listening(&proc)).await;
            let (found, refused) = found.unwrap_or_default();
            if refused > 0 && !std::mem::replace(&mut is_full, true) {
                let limit = sockets::ENDPOINTS_MAX;
                tracing::error!(refused, limit, "too many sockets: the others are no endpoints");
            }
            let observer = self.settings.id.as_str();
            let found = found.into_iter().map(|it| Arc::new(endpoint(observer, it)));
            publish_endpoints(&self.endpoints, &self.size, found);
            tokio::time::sleep(self.config.refresh_interval.std()).await;
        }
    }
}

/// As `collectEndpoints` of `hostobserver/extension.go`, v0.149.
fn endpoint(observer: &str, it: Listening) -> Endpoint {
    let Listening { address, port, transport, pid, name, command } = it;
    let id = format!("({observer}){address}-{port}-{transport}-{pid}");
    // Nobody can connect to all addresses; what listens on them listens on that of the machine itself, too.
    let target = match (address.is_unspecified(), address.is_ipv6()) {
        (true, true) => "::1".to_owned(),
        (true, false) => "127.0.0.1".to_owned(),
        (false, _) => address.to_string(),
    };
    let known = [
        ("process_name", Value::String(name)),
        ("command", Value::String(command)),
        ("port", Value::Int(port.into())),
        ("transport", Value::String(transport.to_owned())),
        ("is_ipv6", Value::Bool(address.is_ipv6())),
    ];
    let known = known.map(|(key, value)| (key.to_owned(), value));
    Endpoint::new(id, "hostport", join_host_port(&target, port), known.into())
}
