//! OTLP over gRPC. One exporter is one connection; the encoded telemetry goes to it as it is.

use std::sync::Arc;

use async_trait::async_trait;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, Signal, Stability,
};
use otlpgrpc::Sender;

#[cfg(test)]
mod tests;

pub use otlpgrpc::Config;

/// The exporter.
pub struct OtlpGrpc {
    sender: Arc<Sender>,
}

impl Exporter for OtlpGrpc {
    type Config = Config;
    const TYPE: &'static str = "otlp_grpc";
    const ALIASES: &'static [&'static str] = &["otlp"];
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Stable),
        (Signal::Metrics, Stability::Stable),
        (Signal::Logs, Stability::Stable),
    ];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        let sender = Sender::new(settings, config.client, config.timeout.std());
        Ok(Self { sender: Arc::new(sender) })
    }

    fn delivery(config: &Config) -> Delivery {
        config.delivery()
    }
}

#[async_trait]
impl Component for OtlpGrpc {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        Arc::clone(&self.sender).start(host).await
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        self.sender.shutdown().await
    }
}

#[async_trait]
impl Consumer for OtlpGrpc {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        self.sender.consume(ctx, data).await
    }
}
