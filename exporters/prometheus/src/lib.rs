//! A page with the last value of each series, for Prometheus to scrape.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use component::meter::{Descriptor, Level, OURS};
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, Signal, Stability,
};
use confighttp::server::{Handler, mux_answer};
use http::Response;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use tracing::warn;

mod config;
mod names;
mod page;
mod store;
#[cfg(test)]
mod tests;

pub use config::{Config, ResourceLabels};
use store::{Dropped, Store};

/// The path of the page.
const PATH: &str = "/metrics";
const DROPPED: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_exporter_dropped_metric_points",
    unit: "{datapoint}",
    description: "Points that the backend's protocol cannot say, by reason.",
};

/// The exporter.
pub struct Prometheus {
    settings: ExporterSettings,
    shared: Arc<Shared>,
    bound: Mutex<Option<SocketAddr>>,
}

struct Shared {
    config: Config,
    store: Mutex<Store>,
}

impl Exporter for Prometheus {
    type Config = Config;
    const TYPE: &'static str = "prometheus";
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Metrics, Stability::Beta)];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        let shared = Arc::new(Shared { config, store: Mutex::default() });
        Ok(Self { settings, shared, bound: Mutex::default() })
    }

    fn delivery(config: &Config) -> Delivery {
        Delivery { queue: config.sending_queue.get().cloned(), ..Delivery::default() }
    }
}

impl Prometheus {
    /// Where it listens, once started: tells the port when the endpoint's is 0.
    pub fn bound(&self) -> Option<SocketAddr> {
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, dropped: &Dropped) {
        for (reason, points) in dropped {
            warn!(reason, points, "points are not shown on the page");
            let labels = [("exporter", self.settings.id.as_str()), ("reason", *reason)];
            self.settings.meter.counter(DROPPED, &labels).add(*points as u64);
        }
    }
}

#[async_trait]
impl Component for Prometheus {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let handler = Arc::new(Page { shared: Arc::clone(&self.shared) });
        let around = (host, &self.settings.meter);
        let bound = confighttp::server::serve(&self.shared.config.server, handler, around)?;
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = bound;
        Ok(())
    }
}

#[async_trait]
impl Consumer for Prometheus {
    async fn consume(&self, _ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        if let Data::Metrics(metrics) = &data {
            let dropped = {
                let mut store = self.shared.store.lock().unwrap_or_else(PoisonError::into_inner);
                store.take(metrics, &self.shared.config)
            };
            self.report(&dropped);
        }
        Ok(())
    }
}

/// Serves the page.
struct Page {
    shared: Arc<Shared>,
}

#[async_trait]
impl Handler for Page {
    fn check(&self, head: &Parts) -> Option<Response<Bytes>> {
        (head.uri.path() != PATH).then(|| mux_answer(head))
    }

    async fn handle(&self, head: &Parts, _ctx: &Context, _body: Bytes) -> Response<Bytes> {
        let config = &self.shared.config;
        let accepted = head.headers.get(ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or("");
        let open = config.enable_open_metrics && accepted.contains("application/openmetrics-text");
        let utf8 = accepted.contains("escaping=allow-utf-8");
        let page = {
            let mut store = self.shared.store.lock().unwrap_or_else(PoisonError::into_inner);
            store.expire(config.metric_expiration.std());
            page::write(&store, config, (open, utf8))
        };
        let content_type = match (open, utf8) {
            (true, true) => page::OPEN_METRICS_UTF8,
            (true, false) => page::OPEN_METRICS,
            (false, true) => page::TEXT_UTF8,
            (false, false) => page::TEXT,
        };
        let mut response = Response::new(Bytes::from(page));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }
}
