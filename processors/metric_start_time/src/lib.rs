//! Gives cumulative points a start that have none, as those of Prometheus.
//!
//! What begins anew is found by its values: when one is less than before, its stream has begun just then.

mod config;
mod start;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use component::{
    BoxError, Component, ConsumeError, Context, Data, Host, Next, Problems, Processor,
    ProcessorSettings, Signal, Stability, Stateless, async_trait, clock,
};
use regex::Regex;
use streams::{Dropped, PerPipeline, STREAMS_MAX, Streams, lock};

pub use config::Config;
use config::{START_TIME_METRIC, SUBTRACT_INITIAL_POINT};
use start::Memory;

/// The processor.
pub struct MetricStartTime {
    plan: Arc<Plan>,
    memory: Arc<Memory>,
    dropped: Dropped,
    next: Next,
}

/// The section, compiled, and what is remembered.
pub struct Plan {
    strategy: Strategy,
    gc_interval: Duration,
    memories: PerPipeline<Memory>,
}

/// Where the start comes from.
#[derive(Debug)]
enum Strategy {
    TrueResetPoint,
    SubtractInitialPoint,
    /// The metric with this name, or with the one that is usual.
    StartTimeMetric(Option<Regex>),
}

impl Processor for MetricStartTime {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "metric_start_time";
    const ALIASES: &'static [&'static str] = &["metricstarttime"];
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Metrics, Stability::Beta)];

    fn plan(config: Config, _found: &mut Problems) -> Option<Plan> {
        let pattern = Some(&config.start_time_metric_regex).filter(|it| !it.is_empty());
        let strategy = match config.strategy.as_str() {
            START_TIME_METRIC => {
                let pattern = pattern.map(|it| golang::regexp::compile(it)).transpose();
                Strategy::StartTimeMetric(pattern.ok()?)
            }
            SUBTRACT_INITIAL_POINT => Strategy::SubtractInitialPoint,
            _ => Strategy::TrueResetPoint,
        };
        let gc_interval = config.gc_interval.std();
        Some(Plan { strategy, gc_interval, memories: PerPipeline::default() })
    }

    fn create(settings: ProcessorSettings, plan: Arc<Plan>, next: Next) -> Self {
        let memory = plan.memories.of(&settings.pipeline, || Memory {
            since: clock::unix_nanos(),
            streams: Mutex::new(Streams::new(STREAMS_MAX)),
        });
        Self { plan, memory, dropped: Dropped::new(&settings), next }
    }
}

#[async_trait]
impl Component for MetricStartTime {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let (memory, stopping) = (Arc::clone(&self.memory), host.stopping().clone());
        let age = self.plan.gc_interval;
        host.spawn(async move {
            streams::expire(age, &stopping, || lock(&memory.streams).forget(age)).await;
            Ok(())
        });
        Ok(())
    }
}

impl Stateless for MetricStartTime {
    fn map(&self, _ctx: &Context, data: &Data) -> Result<Data, ConsumeError> {
        let Data::Metrics(metrics) = data else { return Ok(data.clone()) };
        let (changed, drops) = self.memory.adjust(&self.plan.strategy, metrics, data);
        for (reason, points) in drops.counts() {
            self.dropped.add(reason, points);
        }
        Ok(changed)
    }

    fn next(&self) -> &Next {
        &self.next
    }
}
