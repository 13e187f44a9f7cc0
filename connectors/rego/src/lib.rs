//! Asks a Rego policy about each record, does what it says, and sends records and alerts to the pipelines that it names
//! (`lib/flow/decision`).

mod config;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use component::config::Fault;
use component::{
    BoxError, Component, Connector, ConnectorSettings, ConsumeError, Consumer, Context, Data, Host,
    Id, Kind, Outputs, PipelineId, Problems, Signal, Stability, Wants, async_trait, clock,
};
use decision::{Alert, Decision, Engine, Instance, Routes, decision_records, records};
use pdata::{Depth, Empty, Keep};

pub use config::Config;

/// The connector.
pub struct Rego {
    plan: Arc<Plan>,
    instance: Arc<Instance>,
    id: Id,
    out: Outputs,
    default_pipelines: Vec<PipelineId>,
}

/// What all instances of a section share.
pub struct Plan {
    engine: Arc<Engine>,
    routes: BTreeMap<String, Vec<PipelineId>>,
    default_pipelines: Vec<PipelineId>,
    alerts: Vec<PipelineId>,
    decisions: Vec<PipelineId>,
}

impl Connector for Rego {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "rego";
    const SIGNALS: &'static [(Signal, Signal, Stability)] = &[
        (Signal::Traces, Signal::Traces, Stability::Alpha),
        (Signal::Traces, Signal::Logs, Stability::Alpha),
        (Signal::Metrics, Signal::Metrics, Stability::Alpha),
        (Signal::Metrics, Signal::Logs, Stability::Alpha),
        (Signal::Logs, Signal::Logs, Stability::Alpha),
    ];

    fn plan(config: Config, found: &mut Problems) -> Option<Plan> {
        for (place, name) in Engine::route_names(&config.policy) {
            if !config.routes.contains_key(&name) {
                let known: Vec<&str> = config.routes.keys().map(String::as_str).collect();
                let rule = format!("there is no route {name:?} at routes");
                found.at("", rule).one_of(&place, &known);
            }
        }
        let default_pipelines = ids(&config.default_pipelines, "default_pipelines", found);
        let alerts = ids(&config.alerts, "alerts", found);
        let decisions = ids(&config.decisions, "decisions", found);
        let routes = config
            .routes
            .iter()
            .map(|(name, texts)| (name.clone(), ids(texts, &format!("routes::{name}"), found)));
        let routes = routes.collect();
        let engine = Arc::new(Engine::new(&config.policy, found)?);
        Some(Plan { engine, routes, default_pipelines, alerts, decisions })
    }

    fn create(
        settings: ConnectorSettings,
        plan: Arc<Plan>,
        out: Outputs,
    ) -> Result<Self, BoxError> {
        let known = out.pipelines();
        for (place, id) in plan.pipelines() {
            if !known.contains(id) {
                let mut fault = Fault::create(format!("there is no pipeline \"{id}\" behind it"));
                fault.one_of(&place, &known.iter().map(PipelineId::as_str).collect::<Vec<_>>());
                return Err(fault.into());
            }
        }
        let ConnectorSettings { id, signal, meter, .. } = settings;
        let instance = plan.engine.instance("connector", id.as_str(), signal.name(), &meter);
        let default_pipelines = plan.defaults(&known, signal);
        Ok(Self { plan, instance: Arc::new(instance), id, out, default_pipelines })
    }
}

impl Plan {
    /// All pipelines that are named, with the place of each.
    fn pipelines(&self) -> impl Iterator<Item = (String, &PipelineId)> {
        let list = |key: String, ids: &'_ Vec<PipelineId>| {
            let places = (0..ids.len()).map(move |at| format!("{key}::{at}"));
            places.collect::<Vec<_>>()
        };
        let named = self.routes.iter().map(move |(name, ids)| (format!("routes::{name}"), ids));
        let others = [
            ("default_pipelines".to_owned(), &self.default_pipelines),
            ("alerts".to_owned(), &self.alerts),
            ("decisions".to_owned(), &self.decisions),
        ];
        named.chain(others).flat_map(move |(key, ids)| list(key, ids).into_iter().zip(ids))
    }

    /// Where records go that have no route: what is named, else what is no route and takes no alerts.
    fn defaults(&self, known: &[PipelineId], signal: Signal) -> Vec<PipelineId> {
        let routed = |id: &PipelineId| self.routes.values().any(|it| it.contains(id));
        let is_default = |id: &&PipelineId| {
            if self.default_pipelines.is_empty() {
                !routed(id) && !self.alerts.contains(id) && !self.decisions.contains(id)
            } else {
                self.default_pipelines.contains(id)
            }
        };
        known.iter().filter(|it| it.signal() == signal).filter(is_default).cloned().collect()
    }
}

#[async_trait]
impl Component for Rego {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        self.plan.engine.start(&self.instance, host, Kind::Connector, &self.id)
    }
}

#[async_trait]
impl Consumer for Rego {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let outcome = self.plan.engine.run(&self.instance, ctx.client.as_deref(), &data);
        drop(data);
        if let Some(error) = outcome.error {
            return Err(ConsumeError::retryable(error));
        }
        let parts = match outcome.routes {
            None => vec![(self.default_pipelines.clone(), outcome.data)],
            Some(routes) => self.split(&outcome.data, &routes),
        };
        self.alert(ctx, outcome.alerts).await;
        self.log(ctx, &outcome.decisions).await;
        // All of them get theirs, even if one refuses; the caller hears of all that did.
        let mut errors = Vec::new();
        for (pipelines, data) in parts {
            if !data.is_empty()
                && let Err(error) = self.out.consume_by(ctx, &pipelines, data).await
            {
                errors.push(error);
            }
        }
        ConsumeError::combine(errors).map_or(Ok(()), Err)
    }
}

impl Rego {
    /// An alert that nobody takes does not hold up the telemetry that it is about.
    async fn alert(&self, ctx: &Context, alerts: Vec<Alert>) {
        if alerts.is_empty() {
            return;
        }
        let problem = if self.plan.alerts.is_empty() {
            Some("there is no pipeline at alerts".to_owned())
        } else {
            let logs = records(&alerts, clock::unix_nanos()).into();
            // Who reads a file again waits for its lines, not for Slack.
            let ctx = Context { place: None, wants: Wants::Accepted, ..ctx.clone() };
            let answer = self.out.consume_by(&ctx, &self.plan.alerts, logs).await;
            answer.err().map(|error| error.to_string())
        };
        if let Some(problem) = problem {
            self.instance.lost_alerts(alerts.len());
            self.instance.complain(&format!("an alert was not sent: {problem}"));
            alerts.iter().for_each(|it| self.plan.engine.forget(it));
        }
    }

    /// Decisions that nobody takes hold nothing up, either.
    async fn log(&self, ctx: &Context, decisions: &[Decision]) {
        if decisions.is_empty() {
            return;
        }
        let logs = decision_records(decisions, clock::unix_nanos()).into();
        let ctx = Context { place: None, wants: Wants::Accepted, ..ctx.clone() };
        let problem = if self.plan.decisions.is_empty() {
            Some("there is no pipeline at decisions".to_owned())
        } else {
            let answer = self.out.consume_by(&ctx, &self.plan.decisions, logs).await;
            answer.err().map(|error| error.to_string())
        };
        if let Some(problem) = problem {
            self.instance.lost_decisions(decisions.len());
            self.instance.complain(&format!("decisions were not logged: {problem}"));
        }
    }

    /// The records by where they go.
    fn split(&self, data: &Data, routes: &[Routes]) -> Vec<(Vec<PipelineId>, Data)> {
        let mut groups: Vec<Vec<PipelineId>> = Vec::new();
        let mut group_of = Vec::with_capacity(routes.len());
        for names in routes {
            let pipelines = self.pipelines(names);
            let at = groups.iter().position(|it| *it == pipelines).unwrap_or_else(|| {
                groups.push(pipelines);
                groups.len() - 1
            });
            group_of.push(at);
        }
        let depth = Depth::of_items(data.signal());
        let part = |wanted: usize| {
            let mut item = 0;
            data.edit_with(depth, Empty::Drop, |place| {
                if !place.is_counted() {
                    return Keep::Enter;
                }
                let group = group_of.get(item).copied();
                item += 1;
                if group == Some(wanted) { Keep::Whole } else { Keep::Drop }
            })
        };
        groups.into_iter().enumerate().map(|(at, pipelines)| (pipelines, part(at))).collect()
    }

    /// The pipelines of a record. A route that does not exist is none.
    fn pipelines(&self, names: &Routes) -> Vec<PipelineId> {
        let mut all: Vec<PipelineId> = Vec::new();
        for name in names {
            match self.plan.routes.get(&**name) {
                Some(ids) => all
                    .extend(ids.iter().filter(|it| !all.contains(it)).cloned().collect::<Vec<_>>()),
                None => self.instance.complain(&format!(
                    "a policy names the route {name:?}, which is not at routes"
                )),
            }
        }
        if all.is_empty() { self.default_pipelines.clone() } else { all }
    }
}

fn ids(texts: &[String], key: &str, found: &mut Problems) -> Vec<PipelineId> {
    let mut all = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        match text.parse::<PipelineId>() {
            Ok(id) => all.push(id),
            Err(error) => drop(found.at(format!("{key}::{at}"), error.to_string())),
        }
    }
    all
}
