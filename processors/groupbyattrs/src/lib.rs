//! Moves log records, spans and data points to resources made of their attributes, and joins what has the same resource.
//! Stateless: what comes together is grouped together.

mod counts;
mod group;
mod metrics;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use component::{
    Component, ConsumeError, Context, Data, Next, Problems, Processor, ProcessorSettings, Signal,
    Stability, Stateless,
};
use serde::{Deserialize, Serialize};
use tracing::warn;

use counts::Counts;

/// `processors: groupbyattrs:` (`processor/groupbyattrsprocessor/config.go`, v0.149).
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "groupbyattrsprocessor.Config")]
pub struct Config {
    /// Attributes that move to the resource. Default none: only what has the same resource is joined.
    pub keys: Vec<String>,
}

impl component::Config for Config {}

/// The processor.
pub struct GroupByAttrs {
    plan: Arc<Plan>,
    counts: Counts,
    next: Next,
}

/// The section, read.
pub struct Plan {
    /// Each once, and none of them empty.
    keys: Vec<String>,
}

impl Processor for GroupByAttrs {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "groupbyattrs";
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Beta),
        (Signal::Metrics, Stability::Beta),
        (Signal::Logs, Stability::Beta),
    ];

    fn plan(config: Config, _found: &mut Problems) -> Option<Plan> {
        let mut keys: Vec<String> = Vec::new();
        for key in config.keys.into_iter().filter(|it| !it.is_empty()) {
            if keys.contains(&key) {
                warn!(key, "A grouping key is already present");
            } else {
                keys.push(key);
            }
        }
        Some(Plan { keys })
    }

    fn create(settings: ProcessorSettings, plan: Arc<Plan>, next: Next) -> Self {
        Self { plan, counts: Counts::new(&settings), next }
    }
}

impl Component for GroupByAttrs {}

impl Stateless for GroupByAttrs {
    fn map(&self, _ctx: &Context, data: &Data) -> Result<Data, ConsumeError> {
        let grouped = group::grouped(data.clone(), &self.plan.keys);
        self.counts.add(&grouped);
        Ok(match grouped.data {
            Data::Metrics(it) => metrics::joined(it),
            other => other,
        })
    }

    fn next(&self) -> &Next {
        &self.next
    }
}
