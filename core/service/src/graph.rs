//! Built from the exporters back to the receivers: creation order is life order.
//!
//! A pipeline can be built once every pipeline behind it (through connectors) stands; when none can,
//! there is a cycle and it is named. What is created is pushed on one list, which starts forwards and
//! stops backwards.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use component::{
    BoxError, BuildInfo, Component, ConsumeError, Consumer, Context, Data, Id, Kind, Meter, Next,
    Outputs, PipelineId, Signal, async_trait,
};
use futures_util::future::join_all;
use tracing::Span;

use crate::config::{Issue, PipelineConfig, Problem, Settings, Stage, issue};
use crate::observe::{CountOutgoing, Observe};
use crate::registry::{Entry, Make, Registry, Step};

/// Everything that lives in the pipelines, in the order of creation.
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
}

/// One component instance.
pub(crate) struct Node {
    pub kind: Kind,
    pub id: Id,
    pub component: Arc<dyn Component>,
    pub span: Span,
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
        let mut builder = Builder {
            settings,
            registry,
            build,
            meter,
            nodes: Vec::new(),
            heads: BTreeMap::new(),
            ends: HashMap::new(),
        };
        let built = builder.check_connectors().and_then(|()| builder.all());
        match built {
            Ok(()) => Ok(Self { nodes: builder.nodes }),
            Err(mut issue) => {
                issue.text = format!("failed to build pipelines: {}", issue.text);
                Err(Problem { stage: Stage::Build, issues: vec![issue] })
            }
        }
    }
}

struct Builder<'a> {
    settings: &'a Settings,
    registry: &'a Registry,
    build: &'a BuildInfo,
    meter: &'a Meter,
    nodes: Vec<Node>,
    /// The first step of each pipeline that stands.
    heads: BTreeMap<PipelineId, Next>,
    /// Exporters and connectors by id and signal: made once, shared by pipelines.
    ends: HashMap<(Id, Signal), Next>,
}

type Built = Result<(), Issue>;

impl Builder<'_> {
    fn all(&mut self) -> Built {
        let mut left: Vec<&(PipelineId, PipelineConfig)> =
            self.settings.service.pipelines.iter().collect();
        while !left.is_empty() {
            let (ready, waiting): (Vec<_>, Vec<_>) =
                left.iter().copied().partition(|(id, config)| self.can_build(id, config));
            if ready.is_empty() {
                return Err(self.cycle(&waiting));
            }
            for (id, config) in ready {
                self.pipeline(id, config)?;
            }
            left = waiting;
        }
        self.receivers()
    }

    fn entry(&self, kind: Kind, id: &Id) -> Option<&Entry> {
        self.registry.find(kind, id.type_name())
    }

    fn is_connector(&self, id: &Id) -> bool {
        self.settings.section(Kind::Connector, id).is_some()
    }

    /// Pipelines that a connector feeds when it is fed with `from`.
    fn fed_by<'b>(
        &'b self,
        connector: &'b Id,
        from: Signal,
    ) -> impl Iterator<Item = &'b (PipelineId, PipelineConfig)> {
        let entry = self.entry(Kind::Connector, connector);
        self.settings.service.pipelines.iter().filter(move |(id, config)| {
            config.receivers.contains(connector)
                && entry.is_some_and(|it| it.connects(from, id.signal()))
        })
    }

    fn can_build(&self, id: &PipelineId, config: &PipelineConfig) -> bool {
        let connectors = config.exporters.iter().filter(|it| self.is_connector(it));
        connectors
            .flat_map(|connector| self.fed_by(connector, id.signal()))
            .all(|(behind, _)| self.heads.contains_key(behind))
    }

    /// Each connector needs a pipeline before it and one behind it that fit together.
    fn check_connectors(&self) -> Built {
        for (connector, _) in self.settings.of(Kind::Connector) {
            let Some(entry) = self.entry(Kind::Connector, connector) else { continue };
            let users = |list: fn(&PipelineConfig) -> &Vec<Id>| {
                let all = self.settings.service.pipelines.iter();
                all.filter(move |(_, it)| list(it).contains(connector)).map(|(id, _)| id)
            };
            let before: Vec<&PipelineId> = users(|it| &it.exporters).collect();
            let behind: Vec<&PipelineId> = users(|it| &it.receivers).collect();
            let lonely = before
                .iter()
                .find(|from| !behind.iter().any(|to| entry.connects(from.signal(), to.signal())));
            if let Some(id) = lonely {
                let text = format!(
                    "connector \"{connector}\" used as exporter in [{}] pipeline but not used in any \
                     supported receiver pipeline",
                    names(&before, id.signal())
                );
                return Err(issue(&["service", "pipelines", id.as_str(), "exporters"], &text));
            }
            let lonely = behind
                .iter()
                .find(|to| !before.iter().any(|from| entry.connects(from.signal(), to.signal())));
            if let Some(id) = lonely {
                let text = format!(
                    "connector \"{connector}\" used as receiver in [{}] pipeline but not used in any \
                     supported exporter pipeline",
                    names(&behind, id.signal())
                );
                return Err(issue(&["service", "pipelines", id.as_str(), "receivers"], &text));
            }
        }
        Ok(())
    }

    fn component_settings(&self, id: &Id, signal: Option<Signal>) -> component::Settings {
        component::Settings {
            id: id.clone(),
            signal,
            pipeline: None,
            build: self.build.clone(),
            meter: self.meter.clone(),
        }
    }

    fn push(&mut self, kind: Kind, id: &Id, component: Arc<dyn Component>, span: &Span) {
        self.nodes.push(Node { kind, id: id.clone(), component, span: span.clone() });
    }

    fn pipeline(&mut self, id: &PipelineId, config: &PipelineConfig) -> Built {
        let mut ends = Vec::with_capacity(config.exporters.len());
        for exporter in &config.exporters {
            ends.push(self.end(exporter, id)?);
        }
        let mut next: Next = match ends.pop() {
            Some(one) if ends.is_empty() => one,
            Some(last) => {
                ends.push(last);
                Arc::new(FanOut { ends })
            }
            None => return Ok(()),
        };
        for processor in config.processors.iter().rev() {
            next = self.processor(processor, id, next)?;
        }
        self.heads.insert(id.clone(), next);
        Ok(())
    }

    fn processor(&mut self, id: &Id, pipeline: &PipelineId, next: Next) -> Result<Next, Issue> {
        let signal = pipeline.signal();
        let place = ["processors", id.as_str()];
        let failed = |error: BoxError| {
            let text =
                format!("failed to create \"{id}\" processor, in pipeline \"{pipeline}\": {error}");
            issue(&place, &text)
        };
        let entry = self.entry(Kind::Processor, id).filter(|it| it.accepts(signal));
        let Some((Make::Processor(make), counted)) = entry.map(|it| (it.make, it.counted)) else {
            return Err(failed("telemetry type is not supported".into()));
        };
        let section = self.settings.section(Kind::Processor, id).cloned().unwrap_or_default();
        let mut settings = self.component_settings(id, Some(signal));
        settings.pipeline = Some(pipeline.clone());
        let span = tracing::error_span!(
            "component",
            "otelcol.component.id" = id.as_str(),
            "otelcol.component.kind" = "processor",
            "otelcol.pipeline.id" = pipeline.as_str(),
            "otelcol.signal" = signal.name()
        );
        let next = if counted { CountOutgoing::wrap(&settings, next) } else { next };
        let Step { component, consumer } =
            span.in_scope(|| make(settings.clone(), &section, next)).map_err(failed)?;
        self.push(Kind::Processor, id, component, &span);
        let origin = format!("processor {id}");
        Ok(if counted {
            Observe::wrap_processor(&origin, span, &settings, consumer)
        } else {
            Observe::wrap(&origin, span, consumer)
        })
    }

    /// An exporter, or a connector with all pipelines behind it.
    fn end(&mut self, id: &Id, pipeline: &PipelineId) -> Result<Next, Issue> {
        let signal = pipeline.signal();
        if let Some(end) = self.ends.get(&(id.clone(), signal)) {
            return Ok(Arc::clone(end));
        }
        let end = if self.is_connector(id) {
            self.connector(id, signal)?
        } else {
            self.exporter(id, signal)?
        };
        self.ends.insert((id.clone(), signal), Arc::clone(&end));
        Ok(end)
    }

    fn exporter(&mut self, id: &Id, signal: Signal) -> Result<Next, Issue> {
        let failed = |error: BoxError| {
            let text =
                format!("failed to create \"{id}\" exporter for data type \"{signal}\": {error}");
            issue(&["exporters", id.as_str()], &text)
        };
        let entry = self.entry(Kind::Exporter, id).filter(|it| it.accepts(signal));
        let Some(Make::Exporter(make)) = entry.map(|it| it.make) else {
            return Err(failed("telemetry type is not supported".into()));
        };
        let section = self.settings.section(Kind::Exporter, id).cloned().unwrap_or_default();
        let settings = self.component_settings(id, Some(signal));
        let span = tracing::error_span!(
            "component",
            "otelcol.component.id" = id.as_str(),
            "otelcol.component.kind" = "exporter",
            "otelcol.signal" = signal.name()
        );
        let (Step { component, consumer }, delivery) =
            span.in_scope(|| make(settings.clone(), &section)).map_err(failed)?;
        self.push(Kind::Exporter, id, component, &span);
        let helper = exporterhelper::in_front_of(&settings, delivery, consumer);
        self.push(Kind::Exporter, id, Arc::clone(&helper) as _, &span);
        Ok(Observe::wrap(&format!("exporter {id}"), span, helper))
    }

    fn connector(&mut self, id: &Id, signal: Signal) -> Result<Next, Issue> {
        let failed = |error: BoxError| {
            issue(
                &["connectors", id.as_str()],
                &format!("failed to create \"{id}\" connector: {error}"),
            )
        };
        let entry = self.entry(Kind::Connector, id);
        let Some(Make::Connector(make)) = entry.map(|it| it.make) else {
            return Err(failed("telemetry type is not supported".into()));
        };
        let behind = self.fed_by(id, signal);
        let outputs = behind
            .filter_map(|(it, _)| Some((it.clone(), Arc::clone(self.heads.get(it)?))))
            .collect();
        let section = self.settings.section(Kind::Connector, id).cloned().unwrap_or_default();
        let settings = self.component_settings(id, Some(signal));
        let span = tracing::error_span!(
            "component",
            "otelcol.component.id" = id.as_str(),
            "otelcol.component.kind" = "connector",
            "otelcol.signal" = signal.name()
        );
        let Step { component, consumer } =
            span.in_scope(|| make(settings, &section, Outputs::new(outputs))).map_err(failed)?;
        self.push(Kind::Connector, id, component, &span);
        Ok(Observe::wrap(&format!("connector {id}"), span, consumer))
    }

    fn receivers(&mut self) -> Built {
        for (id, section) in self.settings.of(Kind::Receiver) {
            let fed: Vec<&PipelineId> = (self.settings.service.pipelines.iter())
                .filter(|(_, config)| config.receivers.contains(id))
                .map(|(id, _)| id)
                .collect();
            // Validated, but nobody listens.
            let Some(first) = fed.first() else { continue };
            let failed = |signal: Signal, error: BoxError| {
                let text = format!(
                    "failed to create \"{id}\" receiver for data type \"{signal}\": {error}"
                );
                issue(&["receivers", id.as_str()], &text)
            };
            let entry = self.entry(Kind::Receiver, id);
            let Some((entry, Make::Receiver(make))) = entry.map(|it| (it, it.make)) else {
                return Err(failed(first.signal(), "unknown type".into()));
            };
            if let Some(wrong) = fed.iter().find(|it| !entry.accepts(it.signal())) {
                let error = "telemetry type is not supported".into();
                return Err(failed(wrong.signal(), error));
            }
            let outputs = (fed.iter())
                .filter_map(|it| Some(((*it).clone(), Arc::clone(self.heads.get(*it)?))))
                .collect();
            let span = tracing::error_span!(
                "component",
                "otelcol.component.id" = id.as_str(),
                "otelcol.component.kind" = "receiver"
            );
            let settings = self.component_settings(id, None);
            let component = span
                .in_scope(|| make(settings, section, Outputs::new(outputs)))
                .map_err(|error| failed(first.signal(), error))?;
            self.push(Kind::Receiver, id, component, &span);
        }
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
            let next = at.1.exporters.iter().filter(|it| self.is_connector(it)).find_map(|it| {
                let behind = self.fed_by(it, at.0.signal());
                let mut behind = behind.filter(|(id, _)| !self.heads.contains_key(id));
                behind.next().map(|pipeline| (it, pipeline))
            });
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

/// Pipelines of one signal, as the Collector lists them.
fn names(pipelines: &[&PipelineId], signal: Signal) -> String {
    let same = pipelines.iter().filter(|it| it.signal() == signal);
    same.map(|it| it.as_str()).collect::<Vec<_>>().join(" ")
}

/// Several exporters behind one pipeline: all are called, `Ok` when all took it (ADR 0003).
struct FanOut {
    ends: Vec<Next>,
}

#[async_trait]
impl Consumer for FanOut {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let calls = self.ends.iter().map(|end| end.consume(ctx, data.clone()));
        let errors = join_all(calls).await.into_iter().filter_map(Result::err);
        ConsumeError::combine(errors).map_or(Ok(()), Err)
    }
}
