//! Keeps a share of the spans or log records. Stateless: the decision is made of the item alone, so that all spans
//! of a trace have the same one, in every collector.

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

use sampler::{Decision, Policy, Sampler};

/// The processor.
pub struct ProbabilisticSampler {
    config: Arc<Config>,
    sampler: Sampler,
    signal: Signal,
    /// By policy; of those that go, and of those that stay.
    counters: [[Counter; 2]; Policy::ALL.len()],
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
        let of = |it: Policy| {
            ["false", "true"].map(|sampled| counter(&settings, it.name(&config), sampled))
        };
        let counters = Policy::ALL.map(of);
        let sampler = Sampler::new(&config);
        Self { config, sampler, signal, counters, next }
    }
}

fn counter(settings: &ProcessorSettings, policy: &str, sampled: &str) -> Counter {
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
        unit: "1",
        description,
        level: Level::Basic,
    };
    settings.meter.counter(what, &[("policy", policy), ("sampled", sampled)])
}

impl ProbabilisticSampler {
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
        let mut counts = [[0; 2]; Policy::ALL.len()];
        let sampled = data.edit(Depth::Item, |place| {
            if place.depth() != Depth::Item {
                return Keep::Enter;
            }
            let Decision { sampled, policy } = self.decide(place);
            counts[policy as usize][usize::from(sampled)] += 1;
            if sampled { Keep::Whole } else { Keep::Drop }
        });
        for (counter, count) in self.counters.iter().flatten().zip(counts.as_flattened()) {
            if *count > 0 {
                counter.add(*count);
            }
        }
        Ok(sampled)
    }

    fn next(&self) -> &Next {
        &self.next
    }
}
