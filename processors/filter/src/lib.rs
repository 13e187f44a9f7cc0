//! Drops resources, scopes, spans, events, metrics, points and log records for which a condition holds.
//! Stateless; what is kept is copied in runs, and not at all if nothing is dropped.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod apply;
mod config;
mod rules;
#[cfg(test)]
mod tests;

use component::meter::{Counter, Descriptor, Level};
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Next, Processor, Settings, Signal,
    async_trait,
};

pub use config::{
    Config, Entry, Group, LogFilters, LogMatch, MetricFilters, MetricMatch, ProfileFilters,
    SeverityNumber, SpanFilters, TraceFilters,
};
use rules::Rules;

/// The processor.
pub struct Filter {
    rules: Rules,
    signal: Signal,
    dropped: Counter,
    next: Next,
}

impl Processor for Filter {
    type Config = Config;
    const TYPE: &'static str = "filter";

    fn create(settings: Settings, config: Config, next: Next) -> Result<Self, BoxError> {
        let signal = settings.signal.unwrap_or(Signal::Logs);
        let rules = Rules::new(&config, signal)?;
        Ok(Self { rules, signal, dropped: counter(&settings, signal), next })
    }
}

fn counter(settings: &Settings, signal: Signal) -> Counter {
    let (name, description) = match signal {
        Signal::Traces => (
            "otelcol_processor_filter_spans_filtered",
            "Number of spans dropped by the filter processor [Development]",
        ),
        Signal::Metrics => (
            "otelcol_processor_filter_datapoints_filtered",
            "Number of metric data points dropped by the filter processor [Development]",
        ),
        Signal::Logs => (
            "otelcol_processor_filter_logs_filtered",
            "Number of logs dropped by the filter processor [Development]",
        ),
    };
    let what = Descriptor {
        scope: "github.com/open-telemetry/opentelemetry-collector-contrib/processor/filterprocessor",
        name,
        unit: "1",
        description,
        level: Level::Basic,
    };
    settings.meter.counter(what, &[("filter", settings.id.as_str())])
}

impl Component for Filter {}

#[async_trait]
impl Consumer for Filter {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        if self.rules.is_empty() {
            return self.next.consume(ctx, data).await;
        }
        let outcome = apply::apply(&self.rules, &data);
        self.dropped.add(data.items().saturating_sub(outcome.data.items()) as u64);
        if let Some(error) = outcome.error {
            tracing::error!(error, "failed processing {}", self.signal);
            return Err(ConsumeError::retryable(error));
        }
        if outcome.data.is_empty() {
            return Ok(());
        }
        // The next step may take its time.
        drop(data);
        self.next.consume(ctx, outcome.data).await
    }
}
