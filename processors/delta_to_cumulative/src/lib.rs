//! Makes delta sums and histograms cumulative ones: it remembers what the points of each stream add up to.
//!
//! A point that the next step refuses is in the sum nevertheless, and so in the next point that goes on. When its sender
//! sends it again it is not newer than the last one, and is dropped.

mod config;
mod metrics;
mod sum;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use component::{
    BoxError, Component, ConsumeError, Context, Data, Host, Next, Problems, Processor,
    ProcessorSettings, Signal, Stability, Stateless, async_trait,
};
use pdata::{Depth, Field, Keep, Place, Value};
use streams::{CUMULATIVE, DELTA, Entry, Identifier, PerPipeline, STREAMS_MAX, Streams, lock};
use tokio::time::Instant;

pub use config::Config;
use metrics::Metrics;
use sum::{Total, Why};

/// The processor.
pub struct DeltaToCumulative {
    max_stale: Duration,
    totals: Arc<Mutex<Streams<Total>>>,
    metrics: Arc<Metrics>,
    next: Next,
}

/// The section, and what is remembered.
pub struct Plan {
    config: Config,
    totals: PerPipeline<Mutex<Streams<Total>>>,
}

impl Processor for DeltaToCumulative {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "delta_to_cumulative";
    const ALIASES: &'static [&'static str] = &["deltatocumulative"];
    const COUNTED: bool = false;
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Metrics, Stability::Alpha)];

    fn plan(config: Config, _found: &mut Problems) -> Option<Plan> {
        Some(Plan { config, totals: PerPipeline::default() })
    }

    fn create(settings: ProcessorSettings, plan: Arc<Plan>, next: Next) -> Self {
        let max_stale = plan.config.max_stale.std();
        let room = usize::try_from(plan.config.max_streams).unwrap_or_default().min(STREAMS_MAX);
        let totals = plan.totals.of(&settings.pipeline, || Mutex::new(Streams::new(room)));
        let max_stale_secs = i64::try_from(max_stale.as_secs()).unwrap_or(i64::MAX);
        let metrics = Arc::new(Metrics::new(&settings, room, max_stale_secs));
        Self { max_stale, totals, metrics, next }
    }
}

#[async_trait]
impl Component for DeltaToCumulative {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let (totals, metrics) = (Arc::clone(&self.totals), Arc::clone(&self.metrics));
        let (age, stopping) = (self.max_stale, host.stopping().clone());
        host.spawn(async move {
            streams::expire(age, &stopping, || {
                let mut totals = lock(&totals);
                totals.forget(age);
                metrics.track(totals.len());
            })
            .await;
            Ok(())
        });
        Ok(())
    }
}

impl Stateless for DeltaToCumulative {
    fn map(&self, _ctx: &Context, data: &Data) -> Result<Data, ConsumeError> {
        let mut pass = Pass {
            totals: &mut lock(&self.totals),
            identifier: Identifier::default(),
            now: Instant::now(),
            metrics: &self.metrics,
        };
        let changed = data.edit(Depth::Child, |place| pass.visit(place));
        self.metrics.track(pass.totals.len());
        Ok(changed)
    }

    fn next(&self) -> &Next {
        &self.next
    }
}

struct Pass<'a> {
    totals: &'a mut Streams<Total>,
    identifier: Identifier,
    now: Instant,
    metrics: &'a Metrics,
}

impl Pass<'_> {
    fn visit(&mut self, place: &mut Place<'_>) -> Keep {
        match place.depth() {
            Depth::Child => return self.point(place),
            Depth::Item if place.int(Field::METRIC_TEMPORALITY) != Some(DELTA) => {
                return Keep::Whole;
            }
            Depth::Item => {
                self.identifier.visit(place);
                let _ = place.set(Field::METRIC_TEMPORALITY, &[], Value::Int(CUMULATIVE));
            }
            _ => self.identifier.visit(place),
        }
        Keep::Enter
    }

    fn point(&mut self, place: &mut Place<'_>) -> Keep {
        let Some((point, total)) = place.point().and_then(|it| Some((it, Total::of(it)?))) else {
            return Keep::Whole;
        };
        let id = self.identifier.point(point, 0);
        match self.totals.entry(id, self.now) {
            // The first point is what it adds up to.
            Entry::New(entry) => entry.insert(total),
            Entry::Full => {
                self.metrics.full.add(1);
                return Keep::Drop;
            }
            Entry::Known(sum) => {
                if let Err(why) = sum.add(total) {
                    match why {
                        Why::OlderStart => self.metrics.older_start.add(1),
                        Why::OutOfOrder => self.metrics.out_of_order.add(1),
                    }
                    return Keep::Drop;
                }
                sum.write(place);
            }
        }
        self.metrics.added.add(1);
        Keep::Whole
    }
}
