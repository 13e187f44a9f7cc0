//! Finds what telemetry can be had from in Kubernetes: pods, their ports and containers, nodes, services and ingresses.
//!
//! Only what the section asks for is watched, by the feeds that all components of the same server share. What was found is
//! published as a whole ([`component::Observer`]); who uses it compares.

use std::marker::PhantomData;
use std::sync::Arc;

use component::{
    BoxError, Capability, Component, Endpoints, Extension, Host, Observer, Offers, Settings,
    Stability, async_trait,
};
use kube::{Client, Feed, Resource, Sink};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

mod config;
mod objects;
mod table;
#[cfg(test)]
mod tests;

pub use config::Config;

use config::{INGRESSES, SERVICES};
use objects::{Found, Ingress, Node, Pod, Service};
use table::{Table, Watched};

/// The extension.
pub struct K8sObserver {
    settings: Settings,
    config: Config,
    table: Arc<Table>,
}

impl Extension for K8sObserver {
    type Config = Config;
    const TYPE: &'static str = "k8s_observer";
    const STABILITY: Stability = Stability::Alpha;
    const OFFERS: &'static [Offers] = &[Offers::Observer];

    fn create(settings: Settings, config: Config) -> Result<Self, BoxError> {
        let table = Table::new(config.clone(), settings.id.as_str(), &settings.meter);
        Ok(Self { settings, config, table: Arc::new(table) })
    }

    fn offers(self: Arc<Self>) -> Vec<Capability> {
        vec![Capability::Observer(self)]
    }
}

impl Observer for K8sObserver {
    fn endpoints(&self) -> watch::Receiver<Endpoints> {
        self.table.endpoints.subscribe()
    }
}

#[async_trait]
impl Component for K8sObserver {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let client = Client::new(&self.config.api, &self.settings.build.user_agent()).await?;
        let mut keep = Vec::new();
        let config = &self.config;
        if config.observe_pods {
            keep.extend(self.watch::<Pod>(&client, &Resource::PODS, 0, host));
        }
        if config.observe_nodes {
            keep.extend(self.watch::<Node>(&client, &Resource::NODES, 1, host));
        }
        if config.observe_services {
            keep.extend(self.watch::<Service>(&client, &SERVICES, 2, host));
        }
        if config.observe_ingresses {
            keep.extend(self.watch::<Ingress>(&client, &INGRESSES, 3, host));
        }
        let (table, stopping) = (Arc::clone(&self.table), host.stopping().clone());
        host.spawn(async move {
            let _: Option<()> = stopping.run_until_cancelled(table.publish()).await;
            drop(keep);
            Ok(())
        });
        Ok(())
    }
}

/// Kinds of objects, which numbers of watches tell apart.
const KINDS: usize = 4;

impl K8sObserver {
    /// Watches the objects of a kind. What is returned has to be kept: the feeds hold it weakly.
    fn watch<T: Found + DeserializeOwned + Send + Sync + 'static>(
        &self,
        client: &Client,
        resource: &Resource,
        kind: usize,
        host: &Host,
    ) -> Vec<Box<dyn Send + Sync>> {
        let queries = self.config.queries(resource).into_iter().enumerate();
        let kept = queries.map(|(at, query)| {
            let table = Arc::clone(&self.table);
            let sink: Arc<dyn Sink<T>> =
                Arc::new(Watched { table, number: at * KINDS + kind, of: PhantomData });
            let feed = Feed::<T>::of(client, query);
            feed.subscribe(Arc::downgrade(&sink));
            feed.serve(host);
            Box::new((sink, feed)) as Box<dyn Send + Sync>
        });
        kept.collect()
    }
}
