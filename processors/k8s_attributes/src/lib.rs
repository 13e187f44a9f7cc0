//! Adds to resources what Kubernetes knows of the pods that they come from.
//!
//! The work is done by [`k8smeta`]. The plan holds what is known of pods, once for all pipelines of the processor; an instance
//! adds nothing but the work on its pipeline.

use std::sync::Arc;

use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Host, Next, Problems, Processor,
    ProcessorSettings, async_trait,
};
use k8smeta::{Enricher, Plan};

#[cfg(test)]
mod tests;

pub use k8smeta::Config;

/// The processor.
pub struct K8sAttributes {
    settings: ProcessorSettings,
    enricher: Enricher,
    next: Next,
}

impl Processor for K8sAttributes {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "k8s_attributes";
    const ALIASES: &'static [&'static str] = &["k8sattributes"];

    fn plan(config: Config, found: &mut Problems) -> Option<Plan> {
        let plan = Plan::new(config, found)?;
        plan.needs().into_iter().for_each(|(key, need)| found.needs(key, need));
        Some(plan)
    }

    fn create(settings: ProcessorSettings, plan: Arc<Plan>, next: Next) -> Self {
        let enricher = Enricher::new(plan, &settings.meter, settings.signal);
        Self { settings, enricher, next }
    }
}

#[async_trait]
impl Component for K8sAttributes {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        self.enricher.start(host, &self.settings.build, &self.settings.meter).await
    }
}

#[async_trait]
impl Consumer for K8sAttributes {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let client = ctx.client.as_deref();
        let peer = client.and_then(|it| it.peer).map(|it| it.ip().to_canonical().to_string());
        let data = self.enricher.enrich(peer.as_deref(), data).await;
        self.next.consume(ctx, data).await
    }
}
