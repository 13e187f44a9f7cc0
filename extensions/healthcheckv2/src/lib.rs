//! Health of pipelines and components over HTTP and gRPC: [`healthcheck`] under its own name.

use std::sync::Arc;

use component::{BoxError, Component, Extension, Host, Meter, Settings, Stability, async_trait};
pub use healthcheck::Config;

#[cfg(test)]
mod tests;

/// The extension.
pub struct HealthCheckV2 {
    config: Config,
    meter: Meter,
}

impl Extension for HealthCheckV2 {
    type Config = Config;
    const TYPE: &'static str = "healthcheckv2";
    const STABILITY: Stability = Stability::Development;

    fn create(settings: Settings, config: Config) -> Result<Self, BoxError> {
        Ok(Self { config, meter: settings.meter })
    }
}

#[async_trait]
impl Component for HealthCheckV2 {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        healthcheck::start(&self.config, host, &self.meter)
    }
}
