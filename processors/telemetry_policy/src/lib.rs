//! Applies OpenTelemetry's telemetry policies (OTEP 4738). Policies come from extensions and from the section; all
//! pipelines of one id share them, and their rates. New ones are compiled beside those in use and then take their
//! place: each payload sees exactly one set.

mod counters;
mod policies;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use component::config::{Need, Problems, Value};
use component::{
    BoxError, Component, ConsumeError, Context, Data, Host, Id, Next, PolicyProvider, Processor,
    ProcessorSettings, Signal, Stability, Stateless, async_trait,
};
use serde::{Deserialize, Serialize};

use counters::Counters;
use policies::Shared;

/// `processors: telemetry_policy:`
///
/// Upstream: `processor/telemetrypolicyprocessor`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Config {
    /// Extensions that have policies, such as `file_telemetry_policy`.
    pub providers: Vec<Id>,
    /// Policies beside those of the providers, as they stand in a file. A `$` is written `$$` here.
    pub policies: Vec<Value>,
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.providers.is_empty() && self.policies.is_empty() {
            let fault = problems.at("providers", "at least one provider must be specified");
            fault.say("providers", "write providers: [file_telemetry_policy], or policies: [...]");
        }
        for (index, id) in self.providers.iter().enumerate() {
            problems.needs(format!("providers::{index}"), Need::Policies(id.to_string()));
        }
    }
}

/// Where the policies of a section are said to stand.
const INLINE: &str = "policies";

/// What all instances of an id share.
pub struct Plan {
    providers: Vec<Id>,
    shared: Shared,
}

/// The processor.
pub struct TelemetryPolicy {
    plan: Arc<Plan>,
    signal: Signal,
    counters: Counters,
    next: Next,
}

impl Processor for TelemetryPolicy {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "telemetry_policy";
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Development),
        (Signal::Metrics, Stability::Development),
        (Signal::Logs, Stability::Development),
    ];

    fn plan(config: Config, found: &mut Problems) -> Option<Plan> {
        let text = serde_json::to_string(&config.policies).unwrap_or_default();
        let shared = Shared::new(text);
        let mistakes = shared.inline_mistakes();
        for text in &mistakes {
            found.at(INLINE, text);
        }
        mistakes.is_empty().then_some(Plan { providers: config.providers, shared })
    }

    fn create(settings: ProcessorSettings, plan: Arc<Plan>, next: Next) -> Self {
        let signal = settings.signal;
        Self { plan, signal, counters: Counters::new(&settings), next }
    }
}

#[async_trait]
impl Component for TelemetryPolicy {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let mut sources = Vec::new();
        for id in &self.plan.providers {
            sources.push(host.uses::<dyn PolicyProvider>(id)?.policies());
        }
        let update = |it: &Arc<Self>, sources: &[policies::Source]| {
            let (plan, sources) = (Arc::clone(&it.plan), sources.to_vec());
            // Ten thousand policies take a moment to compile.
            tokio::task::spawn_blocking(move || plan.shared.update(&sources))
        };
        update(&self, &sources).await?;
        for mut source in sources.clone() {
            let (it, sources, stopping) =
                (Arc::clone(&self), sources.clone(), host.stopping().clone());
            host.spawn(async move {
                while let Some(Ok(())) = stopping.run_until_cancelled(source.changed()).await {
                    update(&it, &sources).await?;
                }
                Ok(())
            });
        }
        Ok(())
    }
}

/// It keeps counts and rates between payloads, and never telemetry.
impl Stateless for TelemetryPolicy {
    fn map(&self, _ctx: &Context, data: &Data) -> Result<Data, ConsumeError> {
        let engine = self.plan.shared.engine();
        if engine.is_empty(self.signal) {
            return Ok(data.clone());
        }
        let applied = engine.apply(data);
        self.counters.add(&engine, &applied.tallies);
        Ok(applied.data)
    }

    fn next(&self) -> &Next {
        &self.next
    }
}
