//! Asks a Rego policy about each record, and does what it says: drops, changes, samples, alerts (`lib/flow/decision`).

use std::sync::Arc;

use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Host, Id, Kind, Next, Problems,
    Processor, ProcessorSettings, Signal, Stability, async_trait, clock,
};
use decision::{Config, Decision, Engine, Instance, decision_records, records};

#[cfg(test)]
mod tests;

/// The processor.
pub struct Rego {
    engine: Arc<Engine>,
    instance: Arc<Instance>,
    id: Id,
    next: Next,
}

impl Processor for Rego {
    type Config = Config;
    type Plan = Engine;
    const TYPE: &'static str = "rego";
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Alpha),
        (Signal::Metrics, Stability::Alpha),
        (Signal::Logs, Stability::Alpha),
    ];

    fn plan(config: Config, found: &mut Problems) -> Option<Engine> {
        for (place, _) in Engine::route_names(&config) {
            found.at(place, "a processor has one way on: use the connector rego for routes");
        }
        Engine::new(&config, found)
    }

    fn create(settings: ProcessorSettings, engine: Arc<Engine>, next: Next) -> Self {
        let ProcessorSettings { id, pipeline, meter, .. } = settings;
        let instance = engine.instance("processor", id.as_str(), pipeline.as_str(), &meter);
        Self { engine, instance: Arc::new(instance), id, next }
    }
}

#[async_trait]
impl Component for Rego {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        self.engine.start(&self.instance, host, Kind::Processor, &self.id)
    }
}

#[async_trait]
impl Consumer for Rego {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let outcome = self.engine.run(&self.instance, ctx.client.as_deref(), &data);
        if let Some(error) = outcome.error {
            return Err(ConsumeError::retryable(error));
        }
        let mut result = outcome.data;
        if !outcome.alerts.is_empty() {
            result = self.with_alerts(result, &outcome.alerts);
        }
        if !outcome.decisions.is_empty() {
            result = self.with_decisions(result, &outcome.decisions);
        }
        let emptied = result.is_empty() && !data.is_empty();
        drop(data);
        if emptied {
            return Ok(());
        }
        self.next.consume(ctx, result).await
    }
}

impl Rego {
    /// The same for decisions.
    fn with_decisions(&self, data: Data, decisions: &[Decision]) -> Data {
        if data.signal() != Signal::Logs {
            self.instance.lost_decisions(decisions.len());
            self.instance.complain(
                "a decision has nowhere to go in a pipeline of traces or metrics: use the connector rego",
            );
            return data;
        }
        let decisions = Data::from(decision_records(decisions, clock::unix_nanos()));
        Data::concat([data, decisions]).unwrap_or_else(|| Data::empty(Signal::Logs))
    }

    /// Alerts are logs: in a pipeline of logs they go on with the others.
    fn with_alerts(&self, data: Data, alerts: &[decision::Alert]) -> Data {
        if data.signal() != Signal::Logs {
            self.instance.lost_alerts(alerts.len());
            self.instance.complain(
                "an alert has nowhere to go in a pipeline of traces or metrics: use the connector rego",
            );
            return data;
        }
        let alerts = Data::from(records(alerts, clock::unix_nanos()));
        Data::concat([data, alerts]).unwrap_or_else(|| Data::empty(Signal::Logs))
    }
}
