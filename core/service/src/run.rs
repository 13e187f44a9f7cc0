//! Start forwards, run until told to stop, stop backwards.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use component::Services;
use component::{BoxError, BuildInfo, Component, Host, Id, Kind, Meter, Status, Storage};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, error, info, warn};

use crate::config::{Issue, Problem, Settings, Stage, issue};
use crate::graph::{Graph, Node};
use crate::registry::{Make, Offer, Registry};
use crate::telemetry::Telemetry;

/// Longest orderly shutdown: `terminationGracePeriodSeconds` of Kubernetes (30 s) less 5 s.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(25);
/// Reports of failed components that may wait; the first is enough to stop.
const REPORTS_MAX: usize = 16;

/// A running collector.
pub struct Collector {
    build: BuildInfo,
    extensions: Vec<(Id, Offer, Host, Span)>,
    nodes: Vec<(Node, Host)>,
    telemetry: Telemetry,
    fatal: mpsc::Receiver<String>,
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

/// What components may ask of the service.
struct Services_ {
    storages: HashMap<Id, Option<Arc<dyn Storage>>>,
    fatal: mpsc::Sender<String>,
    last: Mutex<HashMap<String, Status>>,
}

impl Services for Services_ {
    fn report(&self, component: &str, status: Status) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(component) == Some(&status) {
            return;
        }
        match &status {
            Status::Ok => info!(component, "Component works again."),
            Status::Recoverable(error) => warn!(component, %error, "Component has a problem."),
            Status::Permanent(error) => error!(component, %error, "Component does not work."),
            Status::Fatal(error) => {
                error!(component, %error, "Asynchronous error received, terminating process");
                // A full channel means that the collector is stopping already.
                let _ = self.fatal.try_send(format!("{component}: {error}"));
            }
        }
        last.insert(component.to_owned(), status);
    }

    fn storage(&self, id: &Id) -> Result<Option<Arc<dyn Storage>>, BoxError> {
        self.storages.get(id).cloned().ok_or_else(|| {
            format!(
                "no storage client extension found: extension \"{id}\" is not listed in \
                 service::extensions"
            )
            .into()
        })
    }
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
        let telemetry = Telemetry::new(&settings.service.telemetry, &build);
        warn_of_aliases(settings, registry);
        let meter = telemetry.meter();
        let graph = Graph::build(settings, registry, &build, meter).map_err(RunError::Config)?;
        let offers = extensions(settings, registry, &build, meter).map_err(RunError::Config)?;
        let (sender, fatal) = mpsc::channel(REPORTS_MAX);
        let storages = offers.iter().map(|(id, it, _)| (id.clone(), it.storage.clone())).collect();
        let services = Arc::new(Services_ { storages, fatal: sender, last: Mutex::default() });
        let host = |kind: Kind, id: &Id| {
            Host::new(&format!("{kind}/{id}"), CancellationToken::new(), Arc::clone(&services) as _)
        };
        let mut collector =
            Self { telemetry, build, extensions: Vec::new(), nodes: Vec::new(), fatal };
        match collector.start_all(offers, graph, host).await {
            Ok(()) => Ok(collector),
            Err(issue) => {
                collector.stop_all().await;
                Err(RunError::Start(issue))
            }
        }
    }

    async fn start_all(
        &mut self,
        offers: Vec<(Id, Offer, Span)>,
        graph: Graph,
        host: impl Fn(Kind, &Id) -> Host,
    ) -> Result<(), Issue> {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        info!(Version = self.build.version, NumCPU = cpus, "Starting {}...", self.build.command);
        let started = self.telemetry.start().await;
        started.map_err(|error| issue(&["service", "telemetry"], &error))?;
        info!("Starting extensions...");
        for (id, offer, span) in offers {
            let host = host(Kind::Extension, &id);
            let component = Arc::clone(&offer.component);
            span.in_scope(|| info!("Extension is starting..."));
            self.extensions.push((id.clone(), offer, host.clone(), span.clone()));
            let started = component.start(&host).instrument(span.clone()).await;
            started.map_err(|error| failed_to_start(Kind::Extension, &id, &error, &span))?;
            span.in_scope(|| info!("Extension started."));
        }
        for node in graph.nodes {
            let host = host(node.kind, &node.id);
            let started = Arc::clone(&node.component).start(&host).instrument(node.span.clone());
            let started = started.await;
            let (kind, id, span) = (node.kind, node.id.clone(), node.span.clone());
            self.nodes.push((node, host));
            started.map_err(|error| failed_to_start(kind, &id, &error, &span))?;
        }
        self.extensions.iter().for_each(|(_, offer, _, _)| (offer.ready)(true));
        info!("Everything is ready. Begin running and processing data.");
        Ok(())
    }

    /// Waits until a component fails; never returns while all is well.
    pub async fn failure(&mut self) -> String {
        match self.fatal.recv().await {
            Some(error) => error,
            None => std::future::pending().await,
        }
    }

    /// Stops in order, receivers first, within the grace.
    pub async fn stop(mut self) -> Exit {
        info!("Starting shutdown...");
        let stopped = tokio::time::timeout(DRAIN_TIMEOUT, self.stop_all()).await;
        match stopped {
            Ok(true) => {
                info!("Shutdown complete.");
                Exit::Clean
            }
            Ok(false) => Exit::Failed,
            Err(_) => {
                error!(
                    seconds = DRAIN_TIMEOUT.as_secs(),
                    "Shutdown took too long; what was not delivered stays where its source keeps it."
                );
                Exit::Failed
            }
        }
    }

    async fn stop_all(&mut self) -> bool {
        let mut clean = true;
        self.extensions.iter().for_each(|(_, offer, _, _)| (offer.ready)(false));
        while let Some((node, host)) = self.nodes.pop() {
            clean &= stop_one(&*node.component, &host, node.kind, &node.id, &node.span).await;
        }
        if !self.extensions.is_empty() {
            info!("Stopping extensions...");
        }
        while let Some((id, offer, host, span)) = self.extensions.pop() {
            clean &= stop_one(&*offer.component, &host, Kind::Extension, &id, &span).await;
        }
        self.telemetry.stop().await;
        clean
    }
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
    let text = match kind {
        Kind::Extension => format!("failed to start extensions: {error}"),
        _ => format!("cannot start pipelines: failed to start \"{id}\" {kind}: {error}"),
    };
    issue(&[kind.section(), id.as_str()], &text)
}

fn extensions(
    settings: &Settings,
    registry: &Registry,
    build: &BuildInfo,
    meter: &Meter,
) -> Result<Vec<(Id, Offer, Span)>, Problem> {
    let mut offers = Vec::new();
    for id in &settings.service.extensions {
        let failed = |error: BoxError| Problem {
            stage: Stage::Build,
            issues: vec![issue(
                &["extensions", id.as_str()],
                &format!(
                    "failed to build extensions: failed to create extension \"{id}\": {error}"
                ),
            )],
        };
        let entry = registry.find(Kind::Extension, id.type_name());
        let Some(Make::Extension(make)) = entry.map(|it| it.make) else {
            return Err(failed("unknown type".into()));
        };
        let section = settings.section(Kind::Extension, id).cloned().unwrap_or_default();
        let own = component::Settings {
            id: id.clone(),
            signal: None,
            pipeline: None,
            build: build.clone(),
            meter: meter.clone(),
        };
        let span = tracing::error_span!(
            "component",
            "otelcol.component.id" = id.as_str(),
            "otelcol.component.kind" = "extension"
        );
        let offer = span.in_scope(|| make(own, &section)).map_err(failed)?;
        offers.push((id.clone(), offer, span));
    }
    Ok(offers)
}

/// One line for each component that is written with an old name.
fn warn_of_aliases(settings: &Settings, registry: &Registry) {
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
