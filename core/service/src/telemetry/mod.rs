//! Own telemetry: `service: telemetry:`. One [`Telemetry`] is one such section; it owns the meter that
//! components count with, its readers, and everything they have open.

use std::sync::Arc;

use component::meter::Level;
use component::{BuildInfo, Host, Meter};
use serde_json::{Map, Value as Json};
use tokio::task::JoinSet;
use tracing::{info, warn};

mod config;
mod exposition;
mod process;
mod readers;
mod resource;
mod scrape;

pub use config::{SamplingConfig, TelemetryConfig};
pub(crate) use resource::resource;

use readers::{MetricsConfig, ReaderConfig};
use scrape::Scrape;

/// What measures this collector, and who reads it.
pub(crate) struct Telemetry {
    config: TelemetryConfig,
    meter: Meter,
    resource: Map<String, Json>,
    tasks: JoinSet<()>,
}

impl Telemetry {
    pub fn new(config: &TelemetryConfig, build: &BuildInfo) -> Self {
        let metrics = &config.metrics;
        let views = metrics.views.iter().flatten().map(readers::ViewConfig::view).collect();
        let meter = Meter::new(metrics.level, views);
        process::observe(&meter);
        let resource = resource(&config.resource, build);
        Self { config: config.clone(), meter, resource, tasks: JoinSet::new() }
    }

    /// What components count with.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Opens what the readers need; ports are held by `host`. An error is in the Collector's words.
    pub fn start(&mut self, host: &Host) -> Result<(), String> {
        if self.config.resource.is_legacy() {
            warn!(
                "service::telemetry::resource: attributes written inline are deprecated, list them \
                 under attributes as {{name, value}}"
            );
        }
        if self.config.resource.has_detectors() {
            warn!("service::telemetry::resource: detectors are not supported; nothing is detected");
        }
        let MetricsConfig { level, readers, .. } = self.config.metrics.clone();
        if level == Level::None {
            info!("Internal metrics telemetry disabled");
            return Ok(());
        }
        for reader in &readers {
            let started = self.start_reader(reader, host);
            started.map_err(|error| format!("failed to create meter provider: {error}"))?;
        }
        Ok(())
    }

    fn start_reader(&mut self, reader: &ReaderConfig, host: &Host) -> Result<(), String> {
        match (&reader.pull, &reader.periodic) {
            (Some(_), Some(_)) => Err("must not specify multiple metric reader type".into()),
            (Some(pull), None) => {
                let config = pull.exporter.prometheus.as_ref();
                let config = config.ok_or("no valid metric exporter")?;
                let scrape = Scrape::new(config, &self.resource)?;
                scrape.start(Arc::clone(self.meter.registry()), host, &mut self.tasks)
            }
            (None, Some(_)) => Err("periodic readers do not work yet".into()),
            (None, None) => Err("no valid metric reader".into()),
        }
    }

    pub async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }
}
