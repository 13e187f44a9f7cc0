//! The edge before a component: names the component in errors and in what it logs, and counts.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use component::meter::{Counter, Descriptor, Histogram, Level, SECONDS_BOUNDS};
use component::{ConsumeError, Consumer, Context, Data, Next, Outputs, ProcessorSettings, Switch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use crate::unanswered::Unanswered;

/// Upstream's scope of what is counted around processors.
const SCOPE: &str = "go.opentelemetry.io/collector/processor/processorhelper";

const INCOMING: Descriptor = Descriptor {
    scope: SCOPE,
    name: "otelcol_processor_incoming_items",
    unit: "{item}",
    description: "Number of items passed to the processor. [Alpha]",
    level: Level::Basic,
};
const OUTGOING: Descriptor = Descriptor {
    scope: SCOPE,
    name: "otelcol_processor_outgoing_items",
    unit: "{item}",
    description: "Number of items emitted from the processor. [Alpha]",
    level: Level::Basic,
};
const DURATION: Descriptor = Descriptor {
    scope: SCOPE,
    name: "otelcol_processor_internal_duration",
    unit: "s",
    description: "Duration of time taken to process a batch of telemetry data through the \
                  processor. [Alpha]",
    level: Level::Detailed,
};

tokio::task_local! {
    /// How long the current call of a processor has been in what is behind it.
    static BEHIND: Cell<Duration>;
}

/// In front of a component.
pub(crate) struct Observe {
    origin: Arc<str>,
    span: Span,
    counted: Option<Counted>,
    next: Next,
    behind: Behind,
}

/// What stands behind a component.
pub(crate) enum Behind {
    /// Nothing of ours: it is an exporter.
    Backend(Unanswered),
    /// The next step of a pipeline.
    Step(Arc<CountOutgoing>),
    /// Pipelines.
    Pipelines(Outputs),
}

/// What is counted in front of a processor.
struct Counted {
    incoming: Counter,
    /// At level detailed only: a look at the clock is not free.
    duration: Option<Histogram>,
}

/// Behind a processor: counts what it lets through, and knows where to.
pub(crate) struct CountOutgoing {
    outgoing: Option<Counter>,
    timed: bool,
    next: Switch<Next>,
}

impl Observe {
    /// In front of a component that is not counted here.
    pub fn wrap(origin: &str, span: Span, next: Next, behind: Behind) -> Next {
        Arc::new(Self { origin: origin.into(), span, counted: None, next, behind })
    }

    /// In front of a processor, which is counted.
    pub fn wrap_processor(
        origin: &str,
        span: Span,
        settings: &ProcessorSettings,
        next: Next,
        outgoing: Arc<CountOutgoing>,
    ) -> Next {
        let (meter, own) = (&settings.meter, attributes(settings));
        let duration = || meter.histogram(DURATION, SECONDS_BOUNDS, &own);
        let counted = Some(Counted {
            incoming: meter.counter(INCOMING, &own),
            duration: is_timed(settings).then(duration),
        });
        let behind = Behind::Step(outgoing);
        Arc::new(Self { origin: origin.into(), span, counted, next, behind })
    }
}

impl CountOutgoing {
    /// Behind the processor of `settings`.
    pub fn wrap(settings: &ProcessorSettings, counted: bool, next: Next) -> Arc<Self> {
        let outgoing = counted.then(|| settings.meter.counter(OUTGOING, &attributes(settings)));
        let timed = counted && is_timed(settings);
        Arc::new(Self { outgoing, timed, next: Switch::new(next) })
    }

    /// True when `next` is what it calls.
    pub fn calls(&self, next: &Next) -> bool {
        Arc::ptr_eq(&**self.next.get(), next)
    }

    /// Calls `next` from now on. What is returned is cancelled when the last call on the old way has ended.
    pub fn replace(&self, next: Next) -> CancellationToken {
        self.next.set(next)
    }
}

fn attributes(settings: &ProcessorSettings) -> [(&str, &str); 2] {
    [("processor", settings.id.as_str()), ("otel.signal", settings.signal.name())]
}

fn is_timed(settings: &ProcessorSettings) -> bool {
    settings.meter.level() >= DURATION.level
}

/// The time of a call without what is behind the processor.
async fn timed<T>(duration: &Histogram, call: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let call = async {
        let answer = call.await;
        (answer, BEHIND.with(Cell::get))
    };
    let (answer, behind) = BEHIND.scope(Cell::new(Duration::ZERO), call).await;
    duration.record(start.elapsed().saturating_sub(behind).as_secs_f64());
    answer
}

#[async_trait]
impl Consumer for Observe {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        if let Some(counted) = &self.counted {
            counted.incoming.add(data.items() as u64);
            // As upstream: what lets nothing through shows that it does.
            if let Behind::Step(step) = &self.behind
                && let Some(outgoing) = &step.outgoing
            {
                outgoing.add(0);
            }
        }
        let waits = match &self.behind {
            Behind::Backend(unanswered) => Some(unanswered.begin(ctx)),
            Behind::Step(_) | Behind::Pipelines(_) => None,
        };
        let call = self.next.consume(ctx, data).instrument(self.span.clone());
        let answer = match self.counted.as_ref().and_then(|it| it.duration.as_ref()) {
            Some(duration) => timed(duration, call).await,
            None => call.await,
        };
        if let Some(waits) = waits {
            waits.end(&answer);
        }
        answer.map_err(|error| error.at(&self.origin))
    }

    fn unanswering(&self, longer_than: Duration) -> Vec<Arc<str>> {
        match &self.behind {
            Behind::Backend(it) if it.lasts(longer_than) => vec![Arc::clone(&self.origin)],
            Behind::Backend(_) => Vec::new(),
            Behind::Step(next) => next.unanswering(longer_than),
            Behind::Pipelines(all) => {
                all.unanswering(longer_than).into_iter().flat_map(|it| it.1).collect()
            }
        }
    }
}

#[async_trait]
impl Consumer for CountOutgoing {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        if let Some(outgoing) = &self.outgoing {
            outgoing.add(data.items() as u64);
        }
        let next = self.next.get();
        if !self.timed {
            return next.consume(ctx, data).await;
        }
        let start = Instant::now();
        let answer = next.consume(ctx, data).await;
        // A processor that hands on from a task of its own is not being called.
        let _ = BEHIND.try_with(|it| it.set(it.get() + start.elapsed()));
        answer
    }

    fn unanswering(&self, longer_than: Duration) -> Vec<Arc<str>> {
        self.next.get().unanswering(longer_than)
    }
}

#[cfg(test)]
mod tests {
    use componenttest::{data, metric, processor_settings};

    use super::*;

    /// Keeps what it is given for this long, then hands it on.
    struct Slow(Duration, Option<Next>);

    #[async_trait]
    impl Consumer for Slow {
        async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
            tokio::time::sleep(self.0).await;
            match &self.1 {
                Some(next) => next.consume(ctx, data).await,
                None => Ok(()),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_duration_of_a_processor_is_without_what_is_behind_it() {
        let settings = processor_settings("x", component::Signal::Logs);
        let behind = Arc::new(Slow(Duration::from_secs(1), None));
        let behind = CountOutgoing::wrap(&settings, true, behind);
        let processor = Arc::new(Slow(Duration::from_millis(1), Some(Arc::clone(&behind) as _)));
        let front = Observe::wrap_processor("x", Span::none(), &settings, processor, behind);
        front.consume(&Context::default(), data(component::Signal::Logs, 3)).await.unwrap();
        let labels = [("processor", "x"), ("otel.signal", "logs")];
        let value = |name| metric(&settings.meter, name, &labels).unwrap();
        assert!((value(INCOMING.name) - 3.0).abs() < 1e-9);
        assert!((value(OUTGOING.name) - 3.0).abs() < 1e-9);
        assert!((value(DURATION.name) - 0.001).abs() < 1e-9);
    }
}
