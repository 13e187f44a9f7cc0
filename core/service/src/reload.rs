//! Another configuration, without a stop: what has not changed stays, what is new is started beside it,
//! then the calls go to the new, and the old ends in its own time (ADR 0007). Until the last step nothing
//! that runs is touched, so a failure leaves all of it as it was.

use std::time::Duration;

use component::{Host, Id, Kind, Services as _};
use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::graph::Graph;
use crate::issue::{Issue, Problem};
use crate::node::{Key, Node, Rewire};
use crate::registry::Registry;
use crate::reloads::Reloads;
use crate::run::{
    Collector, ExtensionNode, RunError, extensions, stop_extension, stop_node, telemetry_host,
    warn_of_aliases,
};
use crate::settings::Settings;
use crate::start::telemetry_issue;
use crate::telemetry::{Telemetry, TelemetryConfig};

/// Longest time for what is new to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time for what was replaced to end: an exporter that was removed may have a backlog.
const RETIRE_TIMEOUT: Duration = Duration::from_secs(60);
/// Reloads whose replaced components have not ended yet; one more waits for one of them to end.
const RETIRING_MAX: usize = 32;

/// What a reload did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Component instances that stayed.
    pub kept: usize,
    /// Instances that are new: `processor/batch (logs)`.
    pub started: Vec<String>,
    /// Instances that have to go.
    pub stopped: Vec<String>,
}

/// The next configuration, before it runs.
struct Candidate {
    settings: Settings,
    extensions: Vec<ExtensionNode>,
    graph: Graph,
    /// With another `service: telemetry:` everything is new: all that counts counts elsewhere.
    telemetry: Option<(Telemetry, Host)>,
}

/// What the next configuration leaves no place for.
struct Old {
    extensions: Vec<ExtensionNode>,
    nodes: Vec<Node>,
    telemetry: Option<Host>,
}

impl Old {
    fn hosts(&self) -> impl Iterator<Item = &Host> {
        let extensions = self.extensions.iter().filter_map(|it| it.host.as_ref());
        let nodes = self.nodes.iter().filter_map(|it| it.host.as_ref());
        extensions.chain(nodes).chain(&self.telemetry)
    }

    fn set_leaving(&self, leaving: bool) {
        self.hosts().for_each(|it| it.set_leaving(leaving));
    }
}

impl Collector {
    /// Runs another configuration from now on. After an error everything runs as before.
    ///
    /// # Errors
    /// The configuration cannot be built, or something new does not start.
    pub async fn reload(
        &mut self,
        settings: &Settings,
        registry: &Registry,
    ) -> Result<Changes, RunError> {
        let begun = Instant::now();
        let result = self.replace(settings, registry).await;
        self.reloads.count(result.is_ok());
        if let Ok(Changes { kept, started, stopped }) = &result {
            let (started, stopped) = (started.join(", "), stopped.join(", "));
            info!(kept, started, stopped, took = ?begun.elapsed(), "Configuration reloaded.");
        }
        result
    }

    /// Waits until few enough of those that were replaced have not ended. May be given up at any time.
    pub async fn room_for_reload(&mut self) {
        while self.retiring.try_join_next().is_some() {}
        while self.retiring.len() >= RETIRING_MAX {
            self.retiring.join_next().await;
        }
    }

    /// A configuration that was read again could not even be understood.
    pub fn reload_failed(&self) {
        self.reloads.count(false);
    }

    async fn replace(
        &mut self,
        settings: &Settings,
        registry: &Registry,
    ) -> Result<Changes, RunError> {
        warn_of_aliases(settings, registry);
        let settings = &settings.with_plans_of(&self.settings);
        let mut next = self.candidate(settings, registry).map_err(RunError::Config)?;
        let old = self.replaced_by(&next);
        let changes = changes(&old, &next);
        old.set_leaving(true);
        if let Err(issue) = self.start_candidate(&mut next).await {
            old.set_leaving(false);
            self.services.offer(self.extensions.iter().map(ExtensionNode::offered));
            return Err(RunError::Start(issue));
        }
        self.commit(next, old);
        Ok(changes)
    }

    fn candidate(&self, settings: &Settings, registry: &Registry) -> Result<Candidate, Problem> {
        let (own, build) = (&settings.service.telemetry, &self.build);
        if is_measured_alike(own, &self.settings.service.telemetry) {
            let (before, meter) = (&self.extensions, self.telemetry.meter());
            let extensions = extensions(before, settings, build, meter)?;
            let stays = |it: &ExtensionNode| extensions.iter().any(|new| new.is_started_as(&it.id));
            let lost: Vec<Id> =
                before.iter().filter(|it| !stays(it)).map(|it| it.id.clone()).collect();
            let graph = self.graph.rebuild(settings, registry, build, meter, &lost)?;
            settings.can_start_with(&self.telemetry, registry)?;
            return Ok(Candidate {
                settings: settings.clone(),
                extensions,
                graph,
                telemetry: None,
            });
        }
        let telemetry = Telemetry::new(own, build, registry);
        let extensions = extensions(&[], settings, build, telemetry.meter())?;
        let graph = Graph::build(settings, registry, build, telemetry.meter())?;
        settings.can_start_with(&telemetry, registry)?;
        let telemetry = Some((telemetry, telemetry_host(&self.services, &self.handover)));
        Ok(Candidate { settings: settings.clone(), extensions, graph, telemetry })
    }

    /// What runs now and has no place in `next`.
    fn replaced_by(&self, next: &Candidate) -> Old {
        let stays =
            |it: &ExtensionNode| next.extensions.iter().any(|new| new.is_started_as(&it.id));
        let extensions = self.extensions.iter().filter(|it| !stays(it));
        let stays = |it: &Node| next.graph.node(&it.key).is_some_and(|new| new.host.is_some());
        let nodes = self.graph.nodes.iter().filter(|it| !stays(it));
        let telemetry = next.telemetry.as_ref().map(|_| self.telemetry_host.clone());
        Old {
            extensions: extensions.cloned().collect(),
            nodes: nodes.cloned().collect(),
            telemetry,
        }
    }

    async fn start_candidate(&self, next: &mut Candidate) -> Result<(), Issue> {
        if let Some((telemetry, host)) = &mut next.telemetry {
            let started = telemetry.start(host).await;
            started.map_err(|it| telemetry_issue(&it))?;
        }
        // The collector is ready: who asks a new extension meanwhile is told so.
        let new = next.extensions.iter().filter(|it| it.host.is_none());
        new.for_each(|it| it.ready(true));
        self.start_new(&mut next.extensions, &mut next.graph.nodes, Some(START_TIMEOUT)).await
    }

    /// From here on nothing can fail.
    fn commit(&mut self, next: Candidate, old: Old) {
        let Candidate { settings, extensions, mut graph, telemetry } = next;
        let unused = graph.rewires.drain(..).map(Rewire::apply).collect();
        for node in &old.nodes {
            let successor = graph.node(&node.key).and_then(|it| it.inlet.clone());
            if let (Some(helper), Some(successor)) = (&node.helper, successor) {
                helper.replace(successor);
            }
            self.services.forget(&node.key.to_string());
        }
        (self.settings, self.extensions, self.graph) = (settings, extensions, graph);
        let mut before = None;
        if let Some((telemetry, host)) = telemetry {
            self.reloads = Reloads::new(telemetry.meter());
            before = Some(std::mem::replace(&mut self.telemetry, telemetry));
            self.telemetry_host = host;
        }
        self.services.show(&self.settings, self.telemetry.attributes());
        let gone: Vec<Key> = (old.nodes.iter().map(|it| &it.key))
            .filter(|key| self.graph.node(key).is_none())
            .cloned()
            .collect();
        let handover = self.handover.clone();
        self.retiring.spawn(async move {
            let telemetry = async {
                if let Some(before) = &mut before {
                    before.stop().await;
                }
            };
            tokio::join!(telemetry, retire(old, unused));
            gone.iter().for_each(|it| handover.forget(&it.to_string()));
        });
    }
}

/// True when what measures stays: levels, encodings and files of own logs are the process's.
fn is_measured_alike(a: &TelemetryConfig, b: &TelemetryConfig) -> bool {
    let mut other = TelemetryConfig { logs: a.logs.clone(), ..b.clone() };
    other.logs.processors.clone_from(&b.logs.processors);
    *a == other
}

/// Before anything new is started.
fn changes(old: &Old, next: &Candidate) -> Changes {
    // The queue in front of an exporter goes without saying.
    let nodes = |list: &[Node], new: bool| -> Vec<String> {
        let shown = list.iter().filter(|it| it.helper.is_none() && (!new || it.host.is_none()));
        shown.map(|it| it.key.to_string()).collect()
    };
    let extensions = |list: &[ExtensionNode], new: bool| -> Vec<String> {
        let shown = list.iter().filter(|it| !new || it.host.is_none());
        shown.map(|it| it.key().to_string()).collect()
    };
    let started = [extensions(&next.extensions, true), nodes(&next.graph.nodes, true)].concat();
    let stopped = [extensions(&old.extensions, false), nodes(&old.nodes, false)].concat();
    let all = extensions(&next.extensions, false).len() + nodes(&next.graph.nodes, false).len();
    Changes { kept: all - started.len(), started, stopped }
}

/// Ends what was replaced, in the order of the data.
async fn retire(old: Old, unused: Vec<CancellationToken>) {
    if tokio::time::timeout(RETIRE_TIMEOUT, end(&old, unused)).await.is_err() {
        let seconds = RETIRE_TIMEOUT.as_secs();
        warn!(
            seconds,
            "what a reload has replaced did not end in time and was stopped; what it had not \
             delivered is sent again by those who can, or counted in sluice_lost_total"
        );
    }
    old.hosts().for_each(Host::abort);
}

async fn end(old: &Old, unused: Vec<CancellationToken>) {
    let of = |kinds: &'static [Kind]| {
        old.nodes.iter().rev().filter(move |it| kinds.contains(&it.key.kind))
    };
    let steps = &[Kind::Processor, Kind::Connector];
    // What waits in a processor is waited for by receivers, so both end side by side. A step whose tasks
    // have ended passes on what still comes.
    let receivers = join_all(of(&[Kind::Receiver]).map(stop_node));
    let flushed = join_all(of(steps).filter_map(|it| it.host.as_ref()).map(Host::stop));
    let calls = join_all(unused.iter().map(CancellationToken::cancelled));
    tokio::join!(receivers, flushed, calls);
    for node in of(steps) {
        stop_node(node).await;
    }
    // One that was replaced hands over what it has; one that is gone sends it.
    let queues = of(&[Kind::Exporter]).filter_map(|it| it.helper.as_ref());
    join_all(queues.filter(|it| !it.is_replaced()).map(|it| it.idle())).await;
    for node in of(&[Kind::Exporter]) {
        stop_node(node).await;
    }
    for extension in old.extensions.iter().rev() {
        stop_extension(extension).await;
    }
}

#[cfg(test)]
mod tests;
