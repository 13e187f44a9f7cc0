//! Refuses telemetry while memory is short, so that senders slow down and nothing is lost here.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use component::meter::{Counter, Descriptor, Level};
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Host, Next, Planned, Problems,
    Processor, ProcessorSettings, Signal, async_trait,
};
pub use memorylimiter::Config;
use memorylimiter::{Limiter, Plan};

/// The processor.
pub struct MemoryLimiter {
    limiter: Arc<Limiter>,
    accepted: [Counter; 2],
    refused: [Counter; 2],
    next: Next,
}

impl Processor for MemoryLimiter {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "memory_limiter";

    fn plan(config: Config, found: &mut Problems) -> Option<Plan> {
        Planned::plan(config, found)
    }

    fn create(settings: ProcessorSettings, plan: Arc<Plan>, next: Next) -> Self {
        let [accepted, refused] = counters(&settings);
        Self { limiter: Arc::new(Limiter::new(plan)), accepted, refused, next }
    }
}

/// Accepted and refused, each under its present and its older name.
fn counters(settings: &ProcessorSettings) -> [[Counter; 2]; 2] {
    macro_rules! one {
        ($start:literal, $name:literal, $item:literal, $unit:literal, $($text:literal),*) => {
            Descriptor {
                scope: "go.opentelemetry.io/collector/processor/memorylimiterprocessor",
                name: concat!("otelcol_processor_", $start, $name, "_", $item),
                unit: $unit,
                description: concat!("Number of ", $($text),*),
                level: Level::Basic,
            }
        };
    }
    macro_rules! pair {
        ($name:literal, $item:literal, $unit:literal, $($text:literal),*) => {
            [
                one!("memory_limiter_", $name, $item, $unit, $($text),*, " [Alpha]"),
                one!("", $name, $item, $unit, $($text),*, " [Deprecated]"),
            ]
        };
    }
    macro_rules! of {
        ($item:literal, $unit:literal, $text:literal) => {
            [
                pair!(
                    "accepted",
                    $item,
                    $unit,
                    $text,
                    " successfully pushed into the next component in the pipeline."
                ),
                pair!(
                    "refused",
                    $item,
                    $unit,
                    $text,
                    " that were rejected by the next component in the pipeline."
                ),
            ]
        };
    }
    let all = match settings.signal {
        Signal::Traces => of!("spans", "{span}", "spans"),
        Signal::Metrics => of!("metric_points", "{datapoint}", "metric points"),
        Signal::Logs => of!("log_records", "{record}", "log records"),
    };
    let labels = [("processor", settings.id.as_str())];
    all.map(|pair| pair.map(|what| settings.meter.counter(what, &labels)))
}

#[async_trait]
impl Component for MemoryLimiter {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        Arc::clone(&self.limiter).run(host);
        Ok(())
    }
}

#[async_trait]
impl Consumer for MemoryLimiter {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let items = data.items() as u64;
        if let Some(wait) = self.limiter.must_refuse(data.bytes() as u64) {
            for counter in &self.refused {
                counter.add(items);
            }
            let error = ConsumeError::retryable("data refused due to high memory usage");
            return Err(error.after(wait));
        }
        for counter in &self.accepted {
            counter.add(items);
        }
        self.next.consume(ctx, data).await
    }
}
