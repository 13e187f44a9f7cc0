//! What a node, its pods, containers and volumes use, as the node's kubelet says it in `/stats/summary`.
//!
//! A scrape asks for that page, for `/pods` if something of it is wanted, and records both; nothing is kept from one scrape to the
//! next but what the API server says of the node and of claims.

mod config;
mod pods;
mod record;
mod scope;
mod scrape;
mod server;
mod summary;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use component::{
    BoxError, Component, Host, Outputs, Receiver, Settings, Signal, Stability, async_trait, clock,
};
use kube::Client;
use scraping::{Builder, Controller};

pub use config::{Config, InterfacesConfig};
pub use table::Table;

use record::Wanted;
use scrape::KubeletScraper;
use server::{Claims, NodeWatch};

/// The receiver.
pub struct KubeletStats {
    settings: Settings,
    config: Config,
    out: Outputs,
}

impl Receiver for KubeletStats {
    type Config = Config;
    const TYPE: &'static str = "kubelet_stats";
    const ALIASES: &'static [&'static str] = &["kubeletstats"];
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Metrics, Stability::Beta)];

    fn create(settings: Settings, config: Config, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, config, out })
    }
}

#[async_trait]
impl Component for KubeletStats {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let scraper = self.scraper(host).await?;
        let schedule = self.config.schedule.clone();
        let mut controller = Controller::new(&self.settings, schedule, self.out.clone());
        controller.add("kubeletstats", scraper);
        controller.start(host);
        Ok(())
    }
}

impl KubeletStats {
    async fn scraper(&self, host: &Host) -> Result<KubeletScraper, BoxError> {
        let (config, build) = (&self.config, &self.settings.build);
        let client = config.kubelet().client(&build.user_agent()).await?;
        let server = match &config.k8s_api_config {
            Some(api) => {
                let client = Client::new(api, &build.user_agent()).await;
                Some(client.map_err(|why| format!("failed to create K8s API client: {why}"))?)
            }
            None => None,
        };
        let node = server.as_ref().filter(|_| config.wants_node());
        let node = node.map(|it| NodeWatch::new(it, &config.node));
        if let Some(watch) = &node {
            watch.feed.serve(host);
        }
        let claims = server.filter(|_| config.wants_volume_type()).map(Claims::new);
        let interfaces = &config.collect_all_network_interfaces;
        let wanted = Wanted {
            node: config.wants_group("node"),
            pod: config.wants_group("pod"),
            container: config.wants_group("container"),
            volume: config.wants_group("volume"),
            interfaces_of_node: interfaces.node,
            interfaces_of_pod: interfaces.pod,
            container_id: config.wants_container_id(),
            volume_type: config.wants_volume_type(),
        };
        let builder = Builder::new(&config.metrics, &config.resource_attributes, build.version);
        let started = clock::unix_nanos();
        Ok(KubeletScraper {
            config: config.clone(),
            client,
            node,
            claims,
            wanted,
            builder,
            started,
        })
    }
}
