//! Accepts telemetry and forgets it: for pipelines that are only measured, and for tests.

use component::config::NoConfig;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Exporter, ExporterSettings, Signal,
    Stability, async_trait,
};

/// The exporter. Stateless; every answer is `Ok`.
pub struct Nop;

impl Exporter for Nop {
    type Config = NoConfig;
    const TYPE: &'static str = "nop";
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Beta),
        (Signal::Metrics, Stability::Beta),
        (Signal::Logs, Stability::Beta),
    ];

    fn create(_settings: ExporterSettings, _config: NoConfig) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl Component for Nop {}

#[async_trait]
impl Consumer for Nop {
    async fn consume(&self, _ctx: &Context, _data: Data) -> Result<(), ConsumeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Nop;

    componenttest::conformance!(exporter Nop);
}
