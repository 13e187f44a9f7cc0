//! Adds to resources what can be found out about the machine, the cloud and the cluster that this runs in.
//!
//! It is found out once, when the first pipeline of the section starts, and kept encoded in the plan that all pipelines
//! share; what is left for each payload is to copy it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use component::{
    BoxError, Component, ConsumeError, Context, Data, Host, Next, Problems, Processor,
    ProcessorSettings, Stateless, async_trait,
};
use pdata::{Depth, Field, Keep};
use tokio::sync::{Mutex, OnceCell};

mod attributes;
mod config;
mod detectors;
mod dns;
mod found;
mod patterns;
mod probe;
mod rounds;
mod sets;
#[cfg(test)]
mod tests;

pub use config::Config;

use detectors::Detector;
use found::Detected;
use patterns::Patterns;
use probe::World;

/// What the instances of all pipelines share.
pub struct Plan {
    config: Config,
    detectors: Vec<Detector>,
    patterns: Patterns,
    /// The first round, which the first instance that starts does.
    first: OnceCell<()>,
    detected: ArcSwap<Detected>,
    /// Whoever has it does the rounds that follow.
    turn: Mutex<()>,
}

impl Plan {
    /// Looks once.
    async fn detect(&self, world: &World) -> Result<(), BoxError> {
        let (detected, failed) = self.round(world).await;
        if failed.is_empty() {
            self.detected.store(Arc::new(detected));
            return Ok(());
        }
        // As Go joins errors.
        Err(failed.join("\n").into())
    }

    /// Looks again and again. What was found stays while nothing better is found.
    async fn refresh(&self, world: &World, interval: Duration) {
        let _turn = self.turn.lock().await;
        loop {
            tokio::time::sleep(interval).await;
            if let Err(error) = self.detect(world).await {
                let error = error.to_string();
                tracing::warn!(error, "resource refresh failed; keeping previous snapshot");
            }
        }
    }
}

/// The processor.
pub struct ResourceDetection {
    plan: Arc<Plan>,
    settings: ProcessorSettings,
    next: Next,
}

impl Processor for ResourceDetection {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "resource_detection";
    const ALIASES: &'static [&'static str] = &["resourcedetection"];

    fn plan(config: Config, found: &mut Problems) -> Option<Plan> {
        let detectors = Detector::all(&config, found);
        let patterns = Patterns::new(&config, found);
        let (detectors, patterns) = (detectors?, patterns?);
        detectors.iter().for_each(|it| it.needs(&config, found));
        Some(Plan {
            config,
            detectors,
            patterns,
            first: OnceCell::new(),
            detected: ArcSwap::default(),
            turn: Mutex::default(),
        })
    }

    fn create(settings: ProcessorSettings, plan: Arc<Plan>, next: Next) -> Self {
        Self { plan, settings, next }
    }
}

#[async_trait]
impl Component for ResourceDetection {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let world = World::this(self.settings.build.user_agent());
        self.plan.first.get_or_try_init(|| self.plan.detect(&world)).await?;
        let interval = self.plan.config.refresh_interval.std();
        if !interval.is_zero() {
            let (plan, stopping) = (Arc::clone(&self.plan), host.stopping().clone());
            host.spawn(async move {
                let _: Option<()> =
                    stopping.run_until_cancelled(plan.refresh(&world, interval)).await;
                Ok(())
            });
        }
        Ok(())
    }
}

impl Stateless for ResourceDetection {
    fn map(&self, _ctx: &Context, data: &Data) -> Result<Data, ConsumeError> {
        let detected = self.plan.detected.load();
        Ok(add(data, &detected, self.plan.config.r#override))
    }

    fn next(&self) -> &Next {
        &self.next
    }
}

/// Adds what was detected to every resource. A schema that a resource has stays.
fn add(data: &Data, detected: &Detected, replaces: bool) -> Data {
    if detected.attributes.is_empty() && detected.schema_url.is_empty() {
        return data.clone();
    }
    data.edit(Depth::Resource, |place| {
        let url = place.get(Field::RESOURCE_SCHEMA_URL, &[]).ok().flatten();
        let has_url = url.and_then(pdata::ValueRef::as_str).is_some_and(|it| !it.is_empty());
        if !has_url && !detected.schema_url.is_empty() {
            // The field is one of every resource.
            let _ = place.set(Field::RESOURCE_SCHEMA_URL, &[], detected.schema_url.into());
        }
        if let Some(mut attributes) = place.attributes(Field::RESOURCE_ATTRIBUTES) {
            for it in &detected.attributes {
                if replaces || !attributes.contains(it.name()) {
                    attributes.set_buf(it);
                }
            }
        }
        Keep::Whole
    })
}
