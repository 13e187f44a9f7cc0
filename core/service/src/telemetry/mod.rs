//! Own telemetry: `service: telemetry:`. One [`Telemetry`] is one such section; it owns the meter that
//! components count with, its readers, and everything they have open.

use std::sync::Arc;
use std::time::Duration;

use component::config::{Fault, Stage};
use component::meter::Level;
use component::trace::SpanRecord;
use component::{BuildInfo, Host, Meter, Tracer};
use serde_json::{Map, Value as Json};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

mod config;
mod detect;
mod export;
mod exposition;
mod logging;
mod logs;
mod periodic;
mod process;
mod readers;
mod resource;
mod scrape;
mod sender;
mod traces;

pub use config::{SamplingConfig, TelemetryConfig};
pub use logging::Logging;

use crate::registry::Registry;
use logging::tap::{self, Line, Queues};
use periodic::Periodic;
use resource::Resource;
use scrape::Scrape;
use sender::Sender;

/// What is said inside a span of this name is about sending what was said, and is not sent.
const SILENT_SPAN: &str = "telemetry";

/// Time for the scrapes under way when own telemetry ends. Those of a collector that goes on have been told to
/// leave by then.
const SCRAPE_GRACE: Duration = Duration::from_secs(3);

/// What measures this collector, and who reads it.
pub(crate) struct Telemetry {
    config: TelemetryConfig,
    resource: Resource,
    meter: Meter,
    /// What `start` opens, or why it cannot.
    parts: Result<Parts, Fault>,
    /// Of the servers, once started.
    host: Option<Host>,
    /// Told to end: they send what they have.
    senders: JoinSet<()>,
    stopping: CancellationToken,
    line_queues: Queues,
}

/// Readers and senders, checked and not yet started.
#[derive(Default)]
struct Parts {
    scrapes: Vec<Scrape>,
    periodic: Vec<Periodic>,
    spans: Vec<Sender<SpanRecord>>,
    lines: Vec<Sender<Line>>,
    line_queues: Queues,
}

impl Telemetry {
    pub fn new(config: &TelemetryConfig, build: &BuildInfo, registry: &Registry) -> Self {
        let metrics = &config.metrics;
        let views = metrics.views.iter().flatten().map(readers::ViewConfig::view).collect();
        let resource = Resource::new(&config.resource, build);
        let mut parts = Parts::default();
        let logs = logs::lines(&config.logs.processors, registry, build, &resource);
        let logs = logs.map_err(|error| failed("logger", &error).within("logs::processors"));
        let tracer = logs.and_then(|(queues, senders)| {
            (parts.line_queues, parts.lines) = (queues, senders);
            parts.tracer(config, registry, build, &resource)
        });
        let read = tracer.and_then(|tracer| {
            parts.readers(config, registry, build, &resource)?;
            Ok(tracer)
        });
        let (tracer, parts) = match read {
            Ok(tracer) => (tracer, Ok(parts)),
            Err(error) => (Tracer::default(), Err(error)),
        };
        let meter = Meter::new(*metrics.level, views).with_tracer(tracer);
        process::observe(&meter);
        logging::observe(&meter);
        Self {
            config: config.clone(),
            resource,
            meter,
            parts,
            host: None,
            senders: JoinSet::new(),
            stopping: CancellationToken::new(),
            line_queues: Queues::default(),
        }
    }

    /// What components measure with.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// What it says of the process, by key.
    pub fn attributes(&self) -> &Map<String, Json> {
        &self.resource.attributes
    }

    /// Why it will not start, as far as that is known: below `service: telemetry:`.
    pub fn refused(&self) -> Option<&Fault> {
        self.parts.as_ref().err()
    }

    /// Opens what readers and senders need; ports are held by `host`. An error is in the Collector's words.
    pub async fn start(&mut self, host: &Host) -> Result<(), Fault> {
        self.say();
        self.host = Some(host.clone());
        let Parts { scrapes, periodic, spans, lines, line_queues } =
            std::mem::replace(&mut self.parts, Ok(Parts::default()))?;
        for sender in lines {
            let started = sender.start().await;
            started.map_err(|error| failed("logger", &error))?;
            self.senders.spawn(sender.run(self.stopping.clone()));
        }
        self.line_queues = line_queues;
        tap::open(&self.line_queues);
        for sender in spans {
            let started = sender.start().await;
            started.map_err(|error| failed("tracer provider", &error))?;
            self.senders.spawn(sender.run(self.stopping.clone()));
        }
        let failed = |error: String| failed("meter provider", &error);
        for scrape in scrapes {
            let metrics = Arc::clone(self.meter.registry());
            scrape.start(metrics, host).map_err(failed)?;
        }
        for reader in periodic {
            reader.start().await.map_err(failed)?;
            let metrics = Arc::clone(self.meter.registry());
            self.senders.spawn(reader.run(metrics, self.stopping.clone()));
        }
        Ok(())
    }

    fn say(&self) {
        let config = &self.config;
        if config.resource.is_legacy() {
            warn!(
                "service::telemetry::resource: attributes written inline are deprecated, list them \
                 under attributes as {{name, value}}"
            );
        }
        let unknown = config.resource.unknown_detectors();
        if !unknown.is_empty() {
            let detectors = unknown.join(", ");
            warn!(
                detectors,
                "service::telemetry::resource: these detectors are not supported and detect nothing"
            );
        }
        if config.metrics.level == Level::None {
            info!("Internal metrics telemetry disabled");
        }
        if !config.traces.is_on() {
            info!("Internal trace telemetry disabled");
        }
    }

    /// Sends what is left, and closes everything.
    pub async fn stop(&mut self) {
        tap::close(&self.line_queues);
        self.stopping.cancel();
        if let Some(host) = self.host.take() {
            // Nobody waits for a scraper that takes its time: what it has not read ends with its task.
            let _ = timeout(SCRAPE_GRACE, host.stop()).await;
        }
        // Each has limits of its own.
        while self.senders.join_next().await.is_some() {}
    }
}

/// Also that of a configuration that was given up: who had the lines before has them again.
impl Drop for Telemetry {
    fn drop(&mut self) {
        tap::close(&self.line_queues);
    }
}

/// What is known of a start that fails.
fn failed(what: &str, why: &str) -> Fault {
    Fault::new(Stage::Start, format!("failed to create {what}: {why}"))
}

impl Parts {
    fn tracer(
        &mut self,
        config: &TelemetryConfig,
        registry: &Registry,
        build: &BuildInfo,
        resource: &Resource,
    ) -> Result<Tracer, Fault> {
        // As upstream, also where no spans are made.
        if config.traces.level != Level::None {
            let named = config.traces.propagators();
            named.map_err(|error| failed("tracer provider", &error).within("traces"))?;
        }
        if !config.traces.is_on() {
            return Ok(Tracer::default());
        }
        let spans = traces::spans(&config.traces, registry, build, resource);
        let (sink, senders) =
            spans.map_err(|error| failed("tracer provider", &error).within("traces"))?;
        self.spans = senders;
        Ok(Tracer::new(Arc::new(sink)))
    }

    fn readers(
        &mut self,
        config: &TelemetryConfig,
        registry: &Registry,
        build: &BuildInfo,
        resource: &Resource,
    ) -> Result<(), Fault> {
        if config.metrics.level == Level::None {
            return Ok(());
        }
        for (at, reader) in config.metrics.readers.iter().enumerate() {
            let here = format!("metrics::readers::{at}");
            let wrong = |why: String, below: &str| {
                failed("meter provider", &why).within(below).within(&here)
            };
            match (&reader.pull, &reader.periodic) {
                (Some(pull), None) => {
                    let prometheus = "pull::exporter::prometheus";
                    let Some(config) = &pull.exporter.prometheus else {
                        return Err(wrong("no valid metric exporter".into(), "pull::exporter"));
                    };
                    let scrape = Scrape::new(config, &resource.attributes);
                    self.scrapes.push(scrape.map_err(|why| wrong(why, prometheus))?);
                }
                (None, Some(periodic)) => {
                    let reader = Periodic::new(periodic, registry, build, resource.clone());
                    self.periodic.push(reader.map_err(|why| wrong(why, "periodic::exporter"))?);
                }
                (Some(_), Some(_)) => {
                    let why = "must not specify multiple metric reader type";
                    return Err(wrong(why.into(), ""));
                }
                (None, None) => return Err(wrong("no valid metric reader".into(), "")),
            }
        }
        Ok(())
    }
}
