//! Built from the exporters back to the receivers: creation order is life order.
//!
//! A pipeline can be built once every pipeline behind it (through connectors) stands; when none can,
//! there is a cycle and it is named. What is created is pushed on one list, which starts forwards and
//! stops backwards.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use component::config::{Fault, Value};
use component::{
    BoxError, BuildInfo, Component, ConnectorSettings, ExporterSettings, Id, Kind, Meter, Next,
    Outputs, PipelineId, ProcessorSettings, Signal,
};
use confmap::code;
use tracing::Span;

use crate::connections::{Connections, unsupported};
use crate::issue::{Issue, Problem, Refusal, issue, of_fault};
use crate::node::{FanOut, Key, Node, Outlet, Rewire};
use crate::observe::{Behind, CountOutgoing, Observe};
use crate::registry::{Plan, Registry, Step};
use crate::settings::{PipelineConfig, Settings};
use crate::unanswered::Unanswered;

/// Everything that lives in the pipelines, in the order of creation.
#[derive(Default)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    /// What ends a pipeline, where that is more than one exporter.
    fans: BTreeMap<PipelineId, Arc<FanOut>>,
    /// What to change in the components that were there before.
    pub(crate) rewires: Vec<Rewire>,
}

impl Graph {
    /// Creates every component that a pipeline uses; starts none.
    ///
    /// # Errors
    /// The first thing that cannot be built, in the Collector's words.
    pub fn build(
        settings: &Settings,
        registry: &Registry,
        build: &BuildInfo,
        meter: &Meter,
    ) -> Result<Self, Problem> {
        Self::default().rebuild(settings, registry, build, meter, &[])
    }

    /// The graph that follows this one. A component stays when its section has not changed, and what it
    /// is told at its creation neither; nor may it use one of the `lost` extensions. Nothing is changed in
    /// those that stay: `rewires` says what is to be.
    pub(crate) fn rebuild(
        &self,
        settings: &Settings,
        registry: &Registry,
        build: &BuildInfo,
        meter: &Meter,
        lost: &[Id],
    ) -> Result<Self, Problem> {
        let mut builder = Builder {
            settings,
            connections: Connections { settings, registry },
            build,
            meter,
            before: self,
            lost,
            graph: Graph::default(),
            heads: BTreeMap::new(),
            ends: HashMap::new(),
        };
        let lonely = builder.connections.lonely().into_iter().next();
        let built = lonely.map_or(Ok(()), |it| Err(it.into())).and_then(|()| builder.all());
        match built {
            Ok(()) => Ok(builder.graph),
            Err(refusal) => {
                let mut problem = settings.said.build_problem(refusal);
                // The Collector stops at the first; each has its own place here.
                let others =
                    builder.connections.mistakes().into_iter().map(|it| it.code(code::BUILD));
                let is_new = |it: &Issue| problem.issues.iter().all(|first| first.path != it.path);
                let others: Vec<Issue> = others.filter(is_new).collect();
                problem.more.extend(others);
                Err(problem)
            }
        }
    }

    pub(crate) fn node(&self, key: &Key) -> Option<&Node> {
        self.nodes.iter().find(|it| it.key == *key)
    }
}

struct Builder<'a> {
    settings: &'a Settings,
    connections: Connections<'a>,
    build: &'a BuildInfo,
    meter: &'a Meter,
    before: &'a Graph,
    lost: &'a [Id],
    graph: Graph,
    /// The first step of each pipeline that stands.
    heads: BTreeMap<PipelineId, Next>,
    /// Exporters and connectors by id and signal: made once, shared by pipelines.
    ends: HashMap<(Id, Signal), Next>,
}

type Built = Result<(), Refusal>;

impl Builder<'_> {
    fn all(&mut self) -> Built {
        let mut left: Vec<&(PipelineId, PipelineConfig)> =
            self.settings.service.pipelines.iter().collect();
        while !left.is_empty() {
            let (ready, waiting): (Vec<_>, Vec<_>) =
                left.iter().copied().partition(|(id, config)| self.can_build(id, config));
            if ready.is_empty() {
                return Err(self.cycle(&waiting).into());
            }
            for (id, config) in ready {
                self.pipeline(id, config)?;
            }
            left = waiting;
        }
        self.receivers()
    }

    fn can_build(&self, id: &PipelineId, config: &PipelineConfig) -> bool {
        let connectors = config.exporters.iter().filter(|it| self.connections.is_connector(it));
        connectors
            .flat_map(|connector| self.connections.fed_by(connector, id.signal()))
            .all(|(behind, _)| self.heads.contains_key(behind))
    }

    /// Refuses to create what is known to be wrong; `attempted` puts the mistake into words.
    fn refuse_known(
        &self,
        kind: Kind,
        id: &Id,
        signal: Signal,
        attempted: impl Fn(&str) -> String,
    ) -> Built {
        match self.settings.said.late_of(kind, id, signal.name()) {
            Some((at, rule)) => Err(Refusal::Known(at, attempted(rule))),
            None => Ok(()),
        }
    }

    fn section(&self, kind: Kind, id: &Id) -> Value {
        self.settings.section(kind, id).cloned().unwrap_or_default()
    }

    /// The instance that was there before, if it can stay: it becomes one of this graph.
    fn keep(&mut self, key: &Key, fits: impl Fn(&Outlet) -> bool) -> Option<Node> {
        let section = self.section(key.kind, &key.id);
        let node = self.before.node(key)?;
        if node.section != section || !fits(&node.outlet) || node.has_lost(self.lost) {
            return None;
        }
        self.graph.nodes.push(node.clone());
        Some(node.clone())
    }

    fn push(&mut self, key: Key, component: Arc<dyn Component>, span: &Span, outlet: Outlet) {
        let section = self.section(key.kind, &key.id);
        let (inlet, helper, host, span) = (None, None, None, span.clone());
        self.graph.nodes.push(Node { key, component, span, section, inlet, outlet, helper, host });
    }

    /// The instance made last is called this way.
    fn set_inlet(&mut self, inlet: &Next) {
        if let Some(node) = self.graph.nodes.last_mut() {
            node.inlet = Some(Arc::clone(inlet));
        }
    }

    /// An instance that stays shall deliver to `pipelines`.
    fn rewire(&mut self, outlet: Outlet, pipelines: Vec<(PipelineId, Next)>) {
        if let Outlet::Pipelines(outputs) = outlet
            && !outputs.delivers_to(&pipelines)
        {
            self.graph.rewires.push(Rewire::Pipelines(outputs, pipelines));
        }
    }

    /// Several exporters become one.
    fn fan_out(&mut self, pipeline: &PipelineId, ends: Vec<Next>) -> Arc<FanOut> {
        let before = self.before.fans.get(pipeline).filter(|it| it.calls(&ends));
        let fan = before.map_or_else(|| Arc::new(FanOut { ends }), Arc::clone);
        self.graph.fans.insert(pipeline.clone(), Arc::clone(&fan));
        fan
    }

    fn pipeline(&mut self, id: &PipelineId, config: &PipelineConfig) -> Built {
        let mut ends = Vec::with_capacity(config.exporters.len());
        for (at, exporter) in config.exporters.iter().enumerate() {
            // One that is listed twice is one, as upstream.
            if !config.exporters[..at].contains(exporter) {
                ends.push(self.end(exporter, id)?);
            }
        }
        let mut next: Next = match ends.pop() {
            Some(one) if ends.is_empty() => one,
            Some(last) => {
                ends.push(last);
                self.fan_out(id, ends)
            }
            None => return Ok(()),
        };
        for processor in config.processors.iter().rev() {
            next = self.processor(processor, id, next)?;
        }
        self.heads.insert(id.clone(), next);
        Ok(())
    }

    fn processor(&mut self, id: &Id, pipeline: &PipelineId, next: Next) -> Result<Next, Refusal> {
        let signal = pipeline.signal();
        let attempted = |why: &str| {
            format!("failed to create \"{id}\" processor, in pipeline \"{pipeline}\": {why}")
        };
        let failed = |why: &str| issue(&["processors", id.as_str()], &attempted(why));
        let entry = self.connections.entry(Kind::Processor, id).filter(|it| it.accepts(signal));
        let Some(counted) = entry.map(|it| it.counted) else {
            let issue = failed("telemetry type is not supported").cause(unsupported(id, signal));
            return Err(self.settings.listed(pipeline, "processors", id, issue).into());
        };
        let key = Key::new(Kind::Processor, id, pipeline.as_str());
        if let Some(Node { inlet: Some(inlet), outlet: Outlet::Step(step), .. }) =
            self.keep(&key, |_| true)
        {
            if !step.calls(&next) {
                self.graph.rewires.push(Rewire::Step(step, next));
            }
            return Ok(inlet);
        }
        self.refuse_known(Kind::Processor, id, signal, attempted)?;
        let Some(Plan::Processor(make)) = self.settings.plan(Kind::Processor, id) else {
            return Err(failed("its section has no plan").into());
        };
        let settings = ProcessorSettings {
            id: id.clone(),
            signal,
            pipeline: pipeline.clone(),
            build: self.build.clone(),
            meter: self.meter.clone(),
        };
        let span = tracing::error_span!(
            "component",
            "otelcol.component.id" = id.as_str(),
            "otelcol.component.kind" = "processor",
            "otelcol.pipeline.id" = pipeline.as_str(),
            "otelcol.signal" = signal.name()
        );
        let outgoing = CountOutgoing::wrap(&settings, counted, next);
        let next = Arc::clone(&outgoing) as _;
        let Step { component, consumer } = span.in_scope(|| make((settings.clone(), next)));
        self.push(key, component, &span, Outlet::Step(Arc::clone(&outgoing)));
        let origin = format!("processor {id}");
        let inlet = if counted {
            Observe::wrap_processor(&origin, span, &settings, consumer, outgoing)
        } else {
            Observe::wrap(&origin, span, consumer, Behind::Step(outgoing))
        };
        self.set_inlet(&inlet);
        Ok(inlet)
    }

    /// An exporter, or a connector with all pipelines behind it.
    fn end(&mut self, id: &Id, pipeline: &PipelineId) -> Result<Next, Refusal> {
        let signal = pipeline.signal();
        if let Some(end) = self.ends.get(&(id.clone(), signal)) {
            return Ok(Arc::clone(end));
        }
        let end = if self.connections.is_connector(id) {
            self.connector(id, signal)?
        } else {
            self.exporter(id, pipeline)?
        };
        self.ends.insert((id.clone(), signal), Arc::clone(&end));
        Ok(end)
    }

    fn exporter(&mut self, id: &Id, pipeline: &PipelineId) -> Result<Next, Refusal> {
        let signal = pipeline.signal();
        let attempted = |why: &str| {
            format!("failed to create \"{id}\" exporter for data type \"{signal}\": {why}")
        };
        let failed =
            |error: BoxError| issue(&["exporters", id.as_str()], &attempted(&error.to_string()));
        if self.connections.entry(Kind::Exporter, id).is_none_or(|it| !it.accepts(signal)) {
            let issue = failed("telemetry type is not supported".into());
            let issue = issue.cause(unsupported(id, signal));
            return Err(self.settings.listed(pipeline, "exporters", id, issue).into());
        }
        let keys = [signal.name().to_owned(), format!("{signal} queue")]
            .map(|part| Key::new(Kind::Exporter, id, &part));
        if let Some(inlet) = self.keep_exporter(&keys) {
            return Ok(inlet);
        }
        let [key, queue] = keys;
        self.refuse_known(Kind::Exporter, id, signal, attempted)?;
        let Some(Plan::Exporter(make)) = self.settings.plan(Kind::Exporter, id) else {
            return Err(failed("its section has no plan".into()).into());
        };
        let settings = ExporterSettings {
            id: id.clone(),
            signal,
            build: self.build.clone(),
            meter: self.meter.clone(),
        };
        let span = tracing::error_span!(
            "component",
            "otelcol.component.id" = id.as_str(),
            "otelcol.component.kind" = "exporter",
            "otelcol.signal" = signal.name()
        );
        let (Step { component, consumer }, delivery) =
            span.in_scope(|| make(settings.clone())).map_err(failed)?;
        self.push(key, component, &span, Outlet::None);
        let helper = exporterhelper::in_front_of(&settings, delivery, consumer);
        self.push(queue, Arc::clone(&helper) as _, &span, Outlet::None);
        if let Some(node) = self.graph.nodes.last_mut() {
            node.helper = Some(Arc::clone(&helper));
        }
        let behind = Behind::Backend(Unanswered::default());
        let inlet = Observe::wrap(&format!("exporter {id}"), span, helper, behind);
        self.set_inlet(&inlet);
        Ok(inlet)
    }

    /// An exporter stays with its queue, or neither does.
    fn keep_exporter(&mut self, [key, queue]: &[Key; 2]) -> Option<Next> {
        let lost = self.lost;
        self.before.node(queue).filter(|it| !it.has_lost(lost))?;
        self.keep(key, |_| true)?;
        self.keep(queue, |_| true)?.inlet
    }

    fn connector(&mut self, id: &Id, signal: Signal) -> Result<Next, Refusal> {
        // Of a connector the Collector says only this; the place that is shown below names it.
        let attempted = |why: &str| why.to_owned();
        let above = ["connectors", id.as_str()];
        let failed = |error: BoxError| match error.downcast_ref::<Fault>() {
            // It knows the key to look at.
            Some(fault) => of_fault(&above, fault, attempted(&fault.text)),
            None => issue(&above, &attempted(&error.to_string())),
        };
        let behind = self.connections.fed_by(id, signal);
        let outputs: Vec<(PipelineId, Next)> = behind
            .filter_map(|(it, _)| Some((it.clone(), Arc::clone(self.heads.get(it)?))))
            .collect();
        let key = Key::new(Kind::Connector, id, signal.name());
        // A router knows its pipelines by name.
        let same = |outlet: &Outlet| match outlet {
            Outlet::Pipelines(it) => it.pipelines().iter().eq(outputs.iter().map(|(id, _)| id)),
            _ => false,
        };
        if let Some(Node { inlet: Some(inlet), outlet, .. }) = self.keep(&key, same) {
            self.rewire(outlet, outputs);
            return Ok(inlet);
        }
        self.refuse_known(Kind::Connector, id, signal, attempted)?;
        let Some(Plan::Connector(make)) = self.settings.plan(Kind::Connector, id) else {
            return Err(failed("its section has no plan".into()).into());
        };
        let settings = ConnectorSettings {
            id: id.clone(),
            signal,
            build: self.build.clone(),
            meter: self.meter.clone(),
        };
        let span = tracing::error_span!(
            "component",
            "otelcol.component.id" = id.as_str(),
            "otelcol.component.kind" = "connector",
            "otelcol.signal" = signal.name()
        );
        let outputs = Outputs::new(outputs);
        let Step { component, consumer } =
            span.in_scope(|| make((settings, outputs.clone()))).map_err(failed)?;
        self.push(key, component, &span, Outlet::Pipelines(outputs.clone()));
        let behind = Behind::Pipelines(outputs);
        let inlet = Observe::wrap(&format!("connector {id}"), span, consumer, behind);
        self.set_inlet(&inlet);
        Ok(inlet)
    }

    fn receivers(&mut self) -> Built {
        let settings = self.settings;
        for (id, _) in settings.of(Kind::Receiver) {
            let fed: Vec<&PipelineId> = (settings.service.pipelines.iter())
                .filter(|(_, config)| config.receivers.contains(id))
                .map(|(id, _)| id)
                .collect();
            // Validated, but nobody listens.
            if !fed.is_empty() {
                self.receiver(id, &fed)?;
            }
        }
        Ok(())
    }

    fn receiver(&mut self, id: &Id, fed: &[&PipelineId]) -> Built {
        let attempted = |signal: Signal, why: &str| {
            format!("failed to create \"{id}\" receiver for data type \"{signal}\": {why}")
        };
        let failed = |signal: Signal, error: BoxError| {
            issue(&["receivers", id.as_str()], &attempted(signal, &error.to_string()))
        };
        let first = fed.first().map_or(Signal::Logs, |it| it.signal());
        let Some(entry) = self.connections.entry(Kind::Receiver, id) else {
            return Err(failed(first, "unknown type".into()).into());
        };
        if let Some(wrong) = fed.iter().find(|it| !entry.accepts(it.signal())) {
            let issue = failed(wrong.signal(), "telemetry type is not supported".into())
                .cause(unsupported(id, wrong.signal()));
            return Err(self.settings.listed(wrong, "receivers", id, issue).into());
        }
        let outputs: Vec<(PipelineId, Next)> = (fed.iter())
            .filter_map(|it| Some(((*it).clone(), Arc::clone(self.heads.get(*it)?))))
            .collect();
        // A server offers the signals that somebody listens to.
        let wanted = |signal| fed.iter().any(|it| it.signal() == signal);
        let same = |outlet: &Outlet| match outlet {
            Outlet::Pipelines(it) => Signal::ALL.into_iter().all(|s| it.wants(s) == wanted(s)),
            _ => false,
        };
        let key = Key::new(Kind::Receiver, id, "");
        if let Some(node) = self.keep(&key, same) {
            self.rewire(node.outlet, outputs);
            return Ok(());
        }
        let span = tracing::error_span!(
            "component",
            "otelcol.component.id" = id.as_str(),
            "otelcol.component.kind" = "receiver"
        );
        self.refuse_known(Kind::Receiver, id, first, |why| attempted(first, why))?;
        let Some(Plan::Receiver(make)) = self.settings.plan(Kind::Receiver, id) else {
            return Err(failed(first, "its section has no plan".into()).into());
        };
        let settings = component::Settings {
            id: id.clone(),
            build: self.build.clone(),
            meter: self.meter.clone(),
        };
        let outputs = Outputs::new(outputs).with_spans(self.meter.tracer(), id);
        let component = span
            .in_scope(|| make((settings, outputs.clone())))
            .map_err(|error| failed(first, error))?;
        self.push(key, component, &span, Outlet::Pipelines(outputs));
        Ok(())
    }

    /// Follows connectors from pipeline to pipeline until one comes again.
    fn cycle(&self, waiting: &[&(PipelineId, PipelineConfig)]) -> Issue {
        let mut steps: Vec<(&PipelineId, &PipelineConfig, &Id)> = Vec::new();
        let Some(mut at) = waiting.first().copied() else { return issue(&["service"], "cycle") };
        let start = loop {
            if let Some(start) = steps.iter().position(|(id, _, _)| **id == at.0) {
                break start;
            }
            let next =
                at.1.exporters.iter().filter(|it| self.connections.is_connector(it)).find_map(
                    |it| {
                        let behind = self.connections.fed_by(it, at.0.signal());
                        let mut behind = behind.filter(|(id, _)| !self.heads.contains_key(id));
                        behind.next().map(|pipeline| (it, pipeline))
                    },
                );
            let Some((connector, pipeline)) = next else { break 0 };
            steps.push((&at.0, &at.1, connector));
            at = pipeline;
        };
        let steps = &steps[start..];
        let name = |connector: &Id, from: Signal, to: Signal| {
            format!("connector \"{connector}\" ({from} to {to})")
        };
        let mut parts = Vec::new();
        for (n, (id, config, _)) in steps.iter().enumerate() {
            let (before, _, into) = steps[(n + steps.len() - 1) % steps.len()];
            parts.push(name(into, before.signal(), id.signal()));
            let processors = config.processors.iter();
            parts.extend(processors.map(|it| format!("processor \"{it}\" in pipeline \"{id}\"")));
        }
        parts.extend(parts.first().cloned());
        let at = steps.first().map_or("", |(id, _, _)| id.as_str());
        let text = format!("cycle detected: {}", parts.join(" -> "));
        issue(&["service", "pipelines", at, "exporters"], &text)
    }
}
