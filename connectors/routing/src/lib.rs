//! Sends telemetry to pipelines by conditions on it: a table of routes, each of which takes what its
//! condition holds for from what the routes before it have left. What no route takes goes to the default
//! pipelines, or is dropped and counted.

mod config;
mod request;
mod split;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use component::config::Fault;
use component::meter::{Counter, Descriptor, Level};
use component::{
    BoxError, Component, Connector, ConnectorSettings, ConsumeError, Consumer, Context, Data,
    Outputs, PipelineId, Problems, Signal, Stability, async_trait,
};

pub use config::{Action, Config, Route};
use ottl::{ErrorMode, Request};
use table::When;
pub use table::{Row, Table};

/// The connector.
pub struct Routing {
    table: Arc<Table>,
    signal: Signal,
    out: Outputs,
    unrouted: Counter,
}

impl Connector for Routing {
    type Config = Config;
    type Plan = Table;
    const TYPE: &'static str = "routing";
    const SIGNALS: &'static [(Signal, Signal, Stability)] = &[
        (Signal::Traces, Signal::Traces, Stability::Beta),
        (Signal::Metrics, Signal::Metrics, Stability::Beta),
        (Signal::Logs, Signal::Logs, Stability::Beta),
    ];

    fn plan(config: Config, found: &mut Problems) -> Option<Self::Plan> {
        Table::new(&config, found)
    }

    fn create(
        settings: ConnectorSettings,
        plan: Arc<Self::Plan>,
        out: Outputs,
    ) -> Result<Self, BoxError> {
        for (place, id) in plan.pipelines() {
            if out.pipeline(id.as_str()).is_none() {
                let text = format!("pipeline not found: missing consumer: \"{id}\"");
                let mut fault = Fault::create(text);
                let known = out.pipelines();
                fault.one_of(&place, &known.iter().map(PipelineId::as_str).collect::<Vec<_>>());
                return Err(fault.into());
            }
        }
        let unrouted = settings.meter.counter(UNROUTED, &[("connector", settings.id.as_str())]);
        Ok(Self { table: plan, signal: settings.signal, out, unrouted })
    }
}

/// Ours: upstream says nothing about what it drops here.
const UNROUTED: Descriptor = Descriptor {
    scope: "sluice/connector/routing",
    name: "otelcol_connector_routing_unrouted_items",
    unit: "{items}",
    description: "Number of log records, spans or data points that no route took and that were \
                  dropped, as there are no default pipelines",
    level: Level::Basic,
};

impl Component for Routing {}

#[async_trait]
impl Consumer for Routing {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let routed = self.route(ctx, data)?;
        // All of them get theirs, even if one refuses; the caller hears of all that did.
        let mut errors = Vec::new();
        for (pipelines, data) in routed {
            if let Err(error) = self.out.consume_by(ctx, pipelines, data).await {
                errors.push(error);
            }
        }
        ConsumeError::combine(errors).map_or(Ok(()), Err)
    }
}

impl Routing {
    /// What goes where.
    fn route(
        &self,
        ctx: &Context,
        mut data: Data,
    ) -> Result<Vec<(&[PipelineId], Data)>, ConsumeError> {
        let mut routed = Vec::new();
        for row in self.table.rows() {
            if is_nothing(&data) {
                break;
            }
            let taken = match &row.when {
                When::Request(condition) if condition.matches(ctx.client.as_deref()) => {
                    let copy = data.clone();
                    if row.action != Action::Copy {
                        data = Data::empty(self.signal);
                    }
                    copy
                }
                When::Statement { context, statement } if of(*context, self.signal) => {
                    let client = ctx.client.as_deref();
                    let request = client.map(|it| {
                        let known = it.auth.as_ref().map_or(&[][..], |it| &it.attributes);
                        Request::new(it.peer, &it.metadata, it.is_grpc).known_as(known)
                    });
                    let request = request.unwrap_or_default();
                    let parts = split::split(&data, &request, *context, statement);
                    self.failed(parts.errors)?;
                    data = if row.action == Action::Copy { parts.all } else { parts.rest };
                    parts.taken
                }
                _ => continue,
            };
            if !is_nothing(&taken) {
                routed.push((row.pipelines.as_slice(), taken));
            }
        }
        let rest = self.table.default_pipelines();
        if rest.is_empty() {
            self.unrouted.add(data.items() as u64);
        } else if !is_nothing(&data) {
            routed.push((rest, data));
        }
        Ok(routed)
    }

    /// What a statement could not be evaluated for was not taken by its route.
    fn failed(&self, errors: Vec<String>) -> Result<(), ConsumeError> {
        if errors.is_empty() {
            return Ok(());
        }
        let error = errors.join("\n");
        match self.table.error_mode() {
            ErrorMode::Propagate => return Err(ConsumeError::retryable(error)),
            ErrorMode::Ignore => {
                tracing::warn!(error, "a routing condition failed; it counts as not matched");
            }
            ErrorMode::Silent => {}
        }
        Ok(())
    }
}

/// Resources without items are something too.
fn is_nothing(data: &Data) -> bool {
    data.chunks().is_empty()
}

/// Whether telemetry of a signal has this context at all: upstream accepts any and never matches then.
fn of(context: ottl::Context, signal: Signal) -> bool {
    use ottl::Context as In;
    match context {
        In::Resource => true,
        In::Span => signal == Signal::Traces,
        In::Metric | In::DataPoint => signal == Signal::Metrics,
        In::Log => signal == Signal::Logs,
        In::Scope | In::SpanEvent | In::Exemplar => false,
    }
}
