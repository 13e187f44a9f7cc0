//! Keeps a share of the spans or log records. Stateless: the decision is made of the item alone, so that all spans
//! of a trace have the same one, in every collector.

#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

mod config;
mod logs;
mod sampler;
#[cfg(test)]
mod tests;
mod traces;

use std::sync::Arc;

use component::meter::{Counter, Descriptor, Level};
use component::{
    Component, ConsumeError, Context, Data, Next, Problems, Processor, ProcessorSettings, Signal,
    Stability, Stateless,
};
use pdata::{Depth, Keep, Place};

pub use config::{Config, Mode, Source};

use sampler::{Decision, Sampler};

/// The processor.
pub struct ProbabilisticSampler {
    config: Arc<Config>,
    sampler: Sampler,
    signal: Signal,
    counted: Vec<(&'static str, bool, Counter)>,
    by_attribute: [Counter; 2],
    next: Next,
}

impl Processor for ProbabilisticSampler {
    type Config = Config;
    type Plan = Config;
    const TYPE: &'static str = "probabilistic_sampler";
    const SIGNALS: &'static [(Signal, Stability)] =
        &[(Signal::Traces, Stability::Beta), (Signal::Logs, Stability::Beta)];

    fn plan(config: Config, _found: &mut Problems) -> Option<Config> {
        Some(config)
    }

    fn create(settings: ProcessorSettings, config: Arc<Config>, next: Next) -> Self {
        let signal = settings.signal;
        let of = |policy: &str, sampled: bool| counter(&settings, policy, sampled);
        let each = sampler::POLICIES.into_iter().flat_map(|it| [(it, true), (it, false)]);
        let counted = each.map(|(it, sampled)| (it, sampled, of(it, sampled))).collect();
        let by_attribute = [false, true].map(|it| of(&config.from_attribute, it));
        let sampler = Sampler::new(&config);
        Self { config, sampler, signal, counted, by_attribute, next }
    }
}

fn counter(settings: &ProcessorSettings, policy: &str, sampled: bool) -> Counter {
    let (name, description) = match settings.signal {
        Signal::Logs => (
            "otelcol_processor_probabilistic_sampler_count_logs_sampled",
            "Count of logs that were sampled or not [Development]",
        ),
        _ => (
            "otelcol_processor_probabilistic_sampler_count_traces_sampled",
            "Count of traces that were sampled or not [Development]",
        ),
    };
    let what = Descriptor {
        scope: "github.com/open-telemetry/opentelemetry-collector-contrib/processor/probabilisticsamplerprocessor",
        name,
        unit: "{records}",
        description,
        level: Level::Basic,
    };
    let sampled = if sampled { "true" } else { "false" };
    settings.meter.counter(what, &[("policy", policy), ("sampled", sampled)])
}

impl ProbabilisticSampler {
    fn count(&self, decision: &Decision) {
        let sampled = decision.sampled;
        let Some(policy) = decision.policy else {
            return self.by_attribute[usize::from(sampled)].add(1);
        };
        let mut counters = self.counted.iter();
        if let Some((_, _, counter)) = counters.find(|it| it.0 == policy && it.1 == sampled) {
            counter.add(1);
        }
    }

    fn decide(&self, place: &mut Place<'_>) -> Decision {
        match self.signal {
            Signal::Logs => logs::decide(place, &self.config, &self.sampler),
            _ => traces::decide(place, &self.config, &self.sampler),
        }
    }
}

impl Component for ProbabilisticSampler {}

impl Stateless for ProbabilisticSampler {
    fn map(&self, _ctx: &Context, data: &Data) -> Result<Data, ConsumeError> {
        Ok(data.edit(Depth::Item, |place| {
            if place.depth() != Depth::Item {
                return Keep::Enter;
            }
            let decision = self.decide(place);
            self.count(&decision);
            if decision.sampled { Keep::Whole } else { Keep::Drop }
        }))
    }

    fn next(&self) -> &Next {
        &self.next
    }
}
