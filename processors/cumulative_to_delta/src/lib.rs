//! Makes cumulative sums and histograms delta ones: it remembers the last value of each stream.
//!
//! The value is remembered when it goes on. If the next step refuses it, or the caller gives up before it is taken, what was
//! known before is known again, so that the next delta has what was not taken.

mod config;
mod convert;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Host, Next, Problems, Processor,
    ProcessorSettings, Signal, Stability, async_trait, clock,
};
use matching::{MatchProperties, Selection};
use pdata::MetricKind;
use streams::{Dropped, PerPipeline, STREAMS_MAX, Streams, lock};

pub use config::{Config, InitialValue, Metrics};
use convert::{Before, Drops, Memory};

/// The processor.
pub struct CumulativeToDelta {
    plan: Arc<Plan>,
    memory: Arc<Memory>,
    dropped: Dropped,
    next: Next,
}

/// The section, compiled, and what is remembered.
pub struct Plan {
    max_staleness: Duration,
    initial_value: InitialValue,
    names: Selection,
    included: Vec<MetricKind>,
    excluded: Vec<MetricKind>,
    memories: PerPipeline<Memory>,
}

impl Processor for CumulativeToDelta {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "cumulative_to_delta";
    const ALIASES: &'static [&'static str] = &["cumulativetodelta"];
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Metrics, Stability::Beta)];

    fn plan(config: Config, found: &mut Problems) -> Option<Plan> {
        let (include, exclude) = (names(&config.include), names(&config.exclude));
        let names = Selection::new(include.as_ref(), exclude.as_ref(), Signal::Metrics);
        let names = match names {
            Ok(it) => it,
            Err(mut fault) => {
                for step in &mut fault.place {
                    if *step == ::config::Step::Key("metric_names".into()) {
                        *step = ::config::Step::Key("metrics".into());
                    }
                }
                found.add(fault);
                return None;
            }
        };
        Some(Plan {
            max_staleness: config.max_staleness.std(),
            initial_value: *config.initial_value,
            names,
            included: kinds(&config.include),
            excluded: kinds(&config.exclude),
            memories: PerPipeline::default(),
        })
    }

    fn create(settings: ProcessorSettings, plan: Arc<Plan>, next: Next) -> Self {
        let memory = plan.memories.of(&settings.pipeline, || Memory {
            since: clock::unix_nanos(),
            streams: Mutex::new(Streams::new(STREAMS_MAX)),
        });
        Self { plan, memory, dropped: Dropped::new(&settings), next }
    }
}

fn names(it: &Metrics) -> Option<MatchProperties> {
    (!it.metrics.is_empty()).then(|| MatchProperties {
        match_type: it.match_type.clone(),
        metric_names: it.metrics.clone(),
        ..MatchProperties::default()
    })
}

fn kinds(it: &Metrics) -> Vec<MetricKind> {
    let kind = |name: &String| match name.to_lowercase().as_str() {
        "sum" => Some(MetricKind::Sum),
        "histogram" => Some(MetricKind::Histogram),
        "exponentialhistogram" => Some(MetricKind::ExponentialHistogram),
        _ => None,
    };
    it.metric_types.iter().filter_map(kind).collect()
}

#[async_trait]
impl Component for CumulativeToDelta {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let age = self.plan.max_staleness;
        if age.is_zero() {
            return Ok(());
        }
        let (memory, stopping) = (Arc::clone(&self.memory), host.stopping().clone());
        host.spawn(async move {
            streams::expire(age, &stopping, || lock(&memory.streams).forget(age)).await;
            Ok(())
        });
        Ok(())
    }
}

#[async_trait]
impl Consumer for CumulativeToDelta {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let (converted, before, drops) = convert::convert(&self.plan, &self.memory, &data);
        self.report(&drops);
        if converted.is_empty() && !data.is_empty() {
            return Ok(());
        }
        drop(data);
        let mut undo = Undo { memory: &self.memory, before };
        self.next.consume(ctx, converted).await?;
        undo.before.clear();
        Ok(())
    }
}

/// Knows again what was known before, unless the payload was taken. A caller that gives up meanwhile drops this, too: it sends
/// the same points again, or newer ones.
struct Undo<'a> {
    memory: &'a Memory,
    before: Vec<Before>,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        self.memory.restore(std::mem::take(&mut self.before));
    }
}

impl CumulativeToDelta {
    fn report(&self, drops: &Drops) {
        for (reason, points) in drops.counts() {
            self.dropped.add(reason, points);
        }
        if drops.other_buckets > 0 {
            let dropped_points = drops.other_buckets;
            tracing::warn!(
                dropped_points,
                "points of histograms have other buckets than the points before them"
            );
        }
    }
}
