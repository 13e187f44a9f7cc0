//! Start forwards, run until told to stop, stop backwards.

use std::sync::Arc;
use std::time::Duration;

use component::config::{Stage, Value};
use component::{
    BoxError, BuildInfo, Capability, Component, Handover, Host, Id, Kind, LostReason, Meter, Phase,
    RemoteConfiguration,
};
use confmap::code;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Interval;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, error, info, warn};

use crate::graph::Graph;
use crate::handle::ServiceHandle;
use crate::issue::{Issue, Late, Problem, issue};
use crate::node::{Key, Node};
use crate::refusals;
use crate::registry::{Offer, Plan, Registry};
use crate::reloads::Reloads;
use crate::settings::Settings;
use crate::start::{start_text, telemetry_issue};
use crate::telemetry::Telemetry;

/// Longest orderly shutdown: `terminationGracePeriodSeconds` of Kubernetes (30 s) less 5 s.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(25);
/// How long ending what did not stop in time may take: both together are less than Kubernetes' 30 seconds.
const GIVE_UP_TIMEOUT: Duration = Duration::from_secs(3);
/// How long aborted tasks get to be dropped.
const ABORT_PAUSE: Duration = Duration::from_millis(100);
/// Part of it that components have which a reload has replaced and that are not done yet.
const RETIRED_TIMEOUT: Duration = Duration::from_secs(5);
/// Memory that was not needed for this long is given back.
const TRIM_PAUSE: Duration = Duration::from_secs(5);
/// Reports of failed components that may wait; the first is enough to stop.
const REPORTS_MAX: usize = 16;
/// Configurations from the network that may wait: one for each of the few extensions that bring them.
const REMOTE_MAX: usize = 4;

/// A running collector.
pub struct Collector {
    pub(crate) build: BuildInfo,
    pub(crate) settings: Settings,
    pub(crate) services: Arc<ServiceHandle>,
    pub(crate) handover: Handover,
    pub(crate) extensions: Vec<ExtensionNode>,
    pub(crate) graph: Graph,
    pub(crate) telemetry: Telemetry,
    pub(crate) telemetry_host: Host,
    pub(crate) reloads: Reloads,
    /// Ends what a reload has replaced.
    pub(crate) retiring: JoinSet<()>,
    trim: Interval,
    fatal: mpsc::Receiver<String>,
    remote: mpsc::Receiver<RemoteConfiguration>,
}

/// What a running collector has to say.
#[derive(Debug)]
pub enum Event {
    /// A component failed, so that the collector has to stop.
    Failed(String),
    /// A configuration came over the network. Whoever reads the files runs it, and answers.
    Remote(RemoteConfiguration),
}

/// An extension instance. Clones are the same instance.
#[derive(Clone)]
pub(crate) struct ExtensionNode {
    pub id: Id,
    pub section: Value,
    pub offer: Offer,
    pub span: Span,
    /// Since it was started.
    pub host: Option<Host>,
}

impl ExtensionNode {
    pub fn key(&self) -> Key {
        Key::new(Kind::Extension, &self.id, "")
    }

    /// What others find under its id.
    pub fn offered(&self) -> (Id, Vec<Capability>) {
        (self.id.clone(), self.offer.capabilities.clone())
    }

    /// Tells it whether the pipelines run.
    pub fn ready(&self, ready: bool) {
        self.span.in_scope(|| (self.offer.ready)(ready));
    }

    /// True when it runs already, under this id.
    pub fn is_started_as(&self, id: &Id) -> bool {
        self.id == *id && self.host.is_some()
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Asked to stop, and everything stopped.
    Clean,
    /// A component failed, or something did not stop as it should.
    Failed,
}

/// Why a collector did not start.
#[derive(Debug)]
pub enum RunError {
    /// The configuration is wrong.
    Config(Problem),
    /// A component did not start.
    Start(Issue),
}

impl Collector {
    /// Builds and starts everything. On an error what had started has been stopped again.
    ///
    /// # Errors
    /// The configuration cannot be built, or a component does not start.
    pub async fn start(
        settings: &Settings,
        registry: &Registry,
        build: BuildInfo,
    ) -> Result<Self, RunError> {
        let telemetry = Telemetry::new(&settings.service.telemetry, &build, registry);
        warn_of_aliases(settings, registry);
        let graph = Graph::build(settings, registry, &build, telemetry.meter());
        let graph = graph.map_err(RunError::Config)?;
        let extensions = extensions(&[], settings, &build, telemetry.meter());
        let extensions = extensions.map_err(RunError::Config)?;
        settings.can_start_with(&telemetry, registry).map_err(RunError::Config)?;
        let (sender, fatal) = mpsc::channel(REPORTS_MAX);
        let (remote_sender, remote) = mpsc::channel(REMOTE_MAX);
        let services = ServiceHandle::new(registry, sender, remote_sender);
        services.show(settings, telemetry.attributes());
        let (services, handover) = (Arc::new(services), Handover::default());
        let mut collector = Self {
            telemetry_host: telemetry_host(&services, &handover),
            build,
            settings: settings.clone(),
            reloads: Reloads::new(telemetry.meter()),
            telemetry,
            services,
            handover,
            extensions,
            graph,
            retiring: JoinSet::new(),
            trim: tokio::time::interval(TRIM_PAUSE),
            fatal,
            remote,
        };
        match collector.start_first().await {
            Ok(()) => Ok(collector),
            Err(issue) => {
                collector.telemetry.stop().await;
                Err(RunError::Start(issue))
            }
        }
    }

    async fn start_first(&mut self) -> Result<(), Issue> {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let started = self.telemetry.start(&self.telemetry_host).await;
        started.map_err(|it| telemetry_issue(&it))?;
        info!(Version = self.build.version, NumCPU = cpus, "Starting {}...", self.build.command);
        info!("Starting extensions...");
        let (mut extensions, mut graph) =
            (std::mem::take(&mut self.extensions), std::mem::take(&mut self.graph));
        self.start_new(&mut extensions, &mut graph.nodes, None).await?;
        (self.extensions, self.graph) = (extensions, graph);
        self.services.enter(Phase::Running);
        self.extensions.iter().for_each(|it| it.ready(true));
        info!("Everything is ready. Begin running and processing data.");
        Ok(())
    }

    /// Starts what has not been started, within `limit`. On an error what this call has started is stopped
    /// again.
    pub(crate) async fn start_new(
        &self,
        extensions: &mut [ExtensionNode],
        nodes: &mut [Node],
        limit: Option<Duration>,
    ) -> Result<(), Issue> {
        let mut started = (Vec::new(), Vec::new());
        let start = self.start_each(extensions, nodes, &mut started);
        let result = match limit {
            None => start.await,
            Some(limit) => tokio::time::timeout(limit, start).await.unwrap_or_else(|_| {
                Err(issue(&["service"], &format!("what is new did not start within {limit:?}")))
            }),
        };
        if result.is_err() {
            for node in started.1.iter().rev() {
                stop_node(node).await;
            }
            for extension in started.0.iter().rev() {
                stop_extension(extension).await;
            }
        }
        result
    }

    async fn start_each(
        &self,
        extensions: &mut [ExtensionNode],
        nodes: &mut [Node],
        started: &mut (Vec<ExtensionNode>, Vec<Node>),
    ) -> Result<(), Issue> {
        self.services.offer(extensions.iter().map(ExtensionNode::offered));
        for extension in extensions.iter_mut().filter(|it| it.host.is_none()) {
            let host = self.host(&extension.key());
            extension.host = Some(host.clone());
            started.0.push(extension.clone());
            let (id, span) = (&extension.id, &extension.span);
            span.in_scope(|| info!("Extension is starting..."));
            let start = Arc::clone(&extension.offer.component).start(&host);
            let result = start.instrument(span.clone()).await;
            result.map_err(|error| failed_to_start(Kind::Extension, id, &error, span))?;
            span.in_scope(|| info!("Extension started."));
        }
        for node in nodes.iter_mut().filter(|it| it.host.is_none()) {
            let host = self.host(&node.key);
            node.host = Some(host.clone());
            started.1.push(node.clone());
            let start = Arc::clone(&node.component).start(&host).instrument(node.span.clone());
            let (kind, id) = (node.key.kind, &node.key.id);
            start.await.map_err(|error| failed_to_start(kind, id, &error, &node.span))?;
        }
        Ok(())
    }

    fn host(&self, key: &Key) -> Host {
        let (name, services) = (format!("{}/{}", key.kind, key.id), Arc::clone(&self.services));
        Host::new(&name, CancellationToken::new(), services)
            .with_handover(&self.handover, &key.to_string())
    }

    /// Waits until there is something to do. Meanwhile memory that was kept for busier times is given back.
    pub async fn event(&mut self) -> Event {
        loop {
            tokio::select! {
                Some(error) = self.fatal.recv() => return Event::Failed(error),
                Some(remote) = self.remote.recv() => {
                    if !remote.is_outdated() {
                        return Event::Remote(remote);
                    }
                    let why = "a reload has replaced the extension that it was sent to";
                    remote.answer(Err(why.to_owned()));
                }
                _ = self.trim.tick() => pdata::buffer::trim(),
            }
        }
    }

    /// Stops in order, receivers first, within the grace.
    pub async fn stop(mut self) -> Exit {
        info!("Starting shutdown...");
        let lost = LostReason::ShutdownDeadline.counter(self.telemetry.meter());
        let before = lost.value();
        let stopped = tokio::time::timeout(DRAIN_TIMEOUT, self.stop_all()).await;
        if stopped.is_err() {
            let _ = tokio::time::timeout(GIVE_UP_TIMEOUT, self.give_up()).await;
        }
        let lost_items = lost.value() - before;
        if lost_items > 0 {
            error!(
                lost_items,
                "Items that clients had handed over could not be sent before the end of the shutdown. They are lost."
            );
        }
        match stopped {
            Ok(true) => {
                info!("Shutdown complete.");
                Exit::Clean
            }
            Ok(false) => Exit::Failed,
            Err(_) => {
                error!(
                    seconds = DRAIN_TIMEOUT.as_secs(),
                    "The shutdown took too long and was ended. Log files are read again from their last stored position."
                );
                Exit::Failed
            }
        }
    }

    /// Ends what did not stop in time, so that everything it held is counted, and reports the counts.
    async fn give_up(&mut self) {
        for node in &self.graph.nodes {
            node.host.iter().for_each(Host::abort);
        }
        while let Some(node) = self.graph.nodes.pop() {
            // It is over either way; what matters is that nothing is held any more.
            let _ = stop_node(&node).await;
        }
        // A task that was aborted is dropped by the thread that runs it, with what it held.
        tokio::time::sleep(ABORT_PAUSE).await;
        self.telemetry.stop().await;
    }

    async fn stop_all(&mut self) -> bool {
        let mut clean = true;
        self.services.enter(Phase::Stopping);
        self.extensions.iter().for_each(|it| it.ready(false));
        // They hand over to what still runs.
        let retired = async { while self.retiring.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(RETIRED_TIMEOUT, retired).await;
        // One that does not stop in time is still there for `give_up`.
        while let Some(node) = self.graph.nodes.last() {
            clean &= stop_node(node).await;
            self.graph.nodes.pop();
        }
        if !self.extensions.is_empty() {
            info!("Stopping extensions...");
        }
        while let Some(extension) = self.extensions.pop() {
            clean &= stop_extension(&extension).await;
        }
        self.telemetry.stop().await;
        clean
    }
}

/// For the listening sockets of own metrics.
pub(crate) fn telemetry_host(services: &Arc<ServiceHandle>, handover: &Handover) -> Host {
    let host = Host::new("telemetry", CancellationToken::new(), Arc::clone(services) as _);
    host.with_handover(handover, "telemetry")
}

/// True when it stopped as it should.
pub(crate) async fn stop_node(node: &Node) -> bool {
    let Some(host) = &node.host else { return true };
    stop_one(&*node.component, host, node.key.kind, &node.key.id, &node.span).await
}

/// True when it stopped as it should.
pub(crate) async fn stop_extension(extension: &ExtensionNode) -> bool {
    let ExtensionNode { id, offer, span, host, .. } = extension;
    let Some(host) = host else { return true };
    stop_one(&*offer.component, host, Kind::Extension, id, span).await
}

async fn stop_one(
    component: &dyn Component,
    host: &Host,
    kind: Kind,
    id: &Id,
    span: &Span,
) -> bool {
    async {
        host.stop().await;
        match component.shutdown().await {
            Ok(()) => true,
            Err(error) => {
                error!(%error, "failed to shut down {kind} \"{id}\"");
                false
            }
        }
    }
    .instrument(span.clone())
    .await
}

fn failed_to_start(kind: Kind, id: &Id, error: &BoxError, span: &Span) -> Issue {
    span.in_scope(|| error!(%error, "Failed to start component"));
    issue(&[kind.section(), id.as_str()], &start_text(kind, id, &error.to_string()))
}

/// The extensions of `settings`; those that were there `before` stay when their section has not changed.
pub(crate) fn extensions(
    before: &[ExtensionNode],
    settings: &Settings,
    build: &BuildInfo,
    meter: &Meter,
) -> Result<Vec<ExtensionNode>, Problem> {
    let mut nodes = Vec::new();
    for id in &settings.service.extensions {
        let section = settings.section(Kind::Extension, id).cloned().unwrap_or_default();
        if let Some(node) = before.iter().find(|it| it.id == *id && it.section == section) {
            nodes.push(node.clone());
            continue;
        }
        let attempted = |why: &str| {
            format!("failed to build extensions: failed to create extension \"{id}\": {why}")
        };
        let failed = |error: BoxError| {
            let text = attempted(&error.to_string());
            let issue = issue(&["extensions", id.as_str()], &text).code(code::BUILD);
            Problem::new(Stage::Create, vec![issue])
        };
        let known = |it: &&Late| it.kind == Kind::Extension && it.id == *id;
        if let Some(late) = settings.said.late.iter().find(known) {
            let text = attempted(&late.issue.text);
            let cause = late.issue.cause.clone().or_else(|| Some(text.clone()));
            let issue = Issue { text, cause, ..late.issue.clone() };
            return Err(Problem::new(Stage::Create, vec![issue]));
        }
        let Some(Plan::Extension(make)) = settings.plan(Kind::Extension, id) else {
            return Err(failed("its section has no plan".into()));
        };
        let own =
            component::Settings { id: id.clone(), build: build.clone(), meter: meter.clone() };
        let span = tracing::error_span!(
            "component",
            "otelcol.component.id" = id.as_str(),
            "otelcol.component.kind" = "extension"
        );
        let mut offer = span.in_scope(|| make(own)).map_err(failed)?;
        offer.capabilities = refusals::watched(offer.capabilities, id, meter);
        nodes.push(ExtensionNode { id: id.clone(), section, offer, span, host: None });
    }
    Ok(nodes)
}

/// One line for each component that is written with an old name.
pub(crate) fn warn_of_aliases(settings: &Settings, registry: &Registry) {
    for (kind, components) in &settings.components {
        for (id, _) in components {
            let Some(entry) = registry.find(*kind, id.type_name()) else { continue };
            if entry.type_name != id.type_name() {
                warn!(
                    "otelcol.component.id" = id.as_str(),
                    "otelcol.component.kind" = kind.name(),
                    "\"{}\" alias is deprecated; use \"{}\" instead",
                    id.type_name(),
                    entry.type_name
                );
            }
        }
    }
}
