//! Drops resources, scopes, spans, events, metrics, points and log records for which a condition holds.
//! Stateless; what is kept is copied in runs, and not at all if nothing is dropped.

mod apply;
mod config;
mod expression;
mod rules;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use component::meter::{Counter, Descriptor, Level};
use component::{
    Component, ConsumeError, Context, Data, Next, PerSignal, Problems, Processor,
    ProcessorSettings, Signal, Stateless,
};
use ottl::Request;

pub use config::{
    Config, Entry, Group, LogFilters, LogMatch, MetricFilters, MetricMatch, ProfileFilters,
    SeverityNumber, SpanFilters, TraceFilters,
};
pub use rules::Rules;

/// The processor.
pub struct Filter {
    rules: Arc<Rules>,
    signal: Signal,
    dropped: Counter,
    next: Next,
}

impl Processor for Filter {
    type Config = Config;
    type Plan = PerSignal<Arc<Rules>>;
    const TYPE: &'static str = "filter";

    fn plan(config: Config, found: &mut Problems) -> Option<Self::Plan> {
        let one_style = config.conflict().is_none();
        one_style.then(|| PerSignal::new(|signal| Arc::new(Rules::new(&config, signal, found))))
    }

    fn create(settings: ProcessorSettings, plan: Arc<Self::Plan>, next: Next) -> Self {
        let signal = settings.signal;
        let rules = Arc::clone(plan.get(signal));
        Self { rules, signal, dropped: counter(&settings, signal), next }
    }
}

fn counter(settings: &ProcessorSettings, signal: Signal) -> Counter {
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

impl Stateless for Filter {
    fn map(&self, ctx: &Context, data: &Data) -> Result<Data, ConsumeError> {
        if self.rules.is_empty() {
            return Ok(data.clone());
        }
        let client = ctx.client.as_deref();
        let request = client.map(|it| {
            let known = it.auth.as_ref().map_or(&[][..], |it| &it.attributes);
            Request::new(it.peer, &it.metadata, it.is_grpc).known_as(known)
        });
        let outcome = apply::apply(&self.rules, data, request.unwrap_or_default());
        self.dropped.add(data.items().saturating_sub(outcome.data.items()) as u64);
        if let Some(error) = outcome.error {
            tracing::error!(error, "failed processing {}", self.signal);
            return Err(ConsumeError::retryable(error));
        }
        Ok(outcome.data)
    }

    fn next(&self) -> &Next {
        &self.next
    }
}
