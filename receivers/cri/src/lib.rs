//! Logs of containers, with their identity straight from the container runtime.
//!
//! The bytes come from the log files that the runtime writes, read by `lib/flow/logfiles`; the runtime's socket gives
//! what the path of a file does not say: labels, annotations, image, ids. No API server and no kubelet is asked.

mod catalog;
mod config;
mod extract;
mod gauges;
mod identify;
mod keeper;
mod life_cycle;
mod listener;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use component::config::Step;
use component::{
    BoxError, Component, Host, Outputs, Planned, Problems, Receiver, Settings, Signal, Stability,
    async_trait,
};
use cri::Runtime;
use fileconsumer::{
    Attributes, Compression, Finder, Glob, Mode, OnCorrupt, OnTruncate, Splitter, StartAt,
};
use logfiles::{BY_DEFAULT_INTERVAL, IN_FLIGHT_BYTES_MAX, Keeps, LogFiles};
use stanza::{Body, Options, Pipeline};
use tokio::sync::Notify;

use catalog::Catalog;
use extract::Extract;
use gauges::Gauges;
use identify::Identify;
use keeper::Keeper;
use life_cycle::LifeCycle;
use listener::Listener;

pub use config::{Config, ExtractConfig, LifeCycleConfig, Rule};

/// Where the kubelet puts log files unless its `podLogsDir` says otherwise.
const LOG_DIRECTORY: &str = "/var/log/pods";
/// Longest line of one record, in bytes, as with `file_log`.
const RECORD_BYTES_MAX: usize = 1 << 20;
/// Containers whose log path is asked for at the start.
const ASKED_MAX: usize = 10;

/// The receiver.
pub struct Cri {
    settings: Settings,
    plan: Plan,
    out: Outputs,
}

/// The section, with what it says about lines and metadata compiled.
#[derive(Clone)]
pub struct Plan {
    config: Config,
    pipeline: Pipeline,
    extract: Arc<Extract>,
    exclude: Vec<Glob>,
}

impl Receiver for Cri {
    type Config = Plan;
    const TYPE: &'static str = "cri";
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Logs, Stability::Alpha)];

    fn create(settings: Settings, plan: Plan, out: Outputs) -> Result<Self, BoxError> {
        Ok(Self { settings, plan, out })
    }
}

impl Planned for Plan {
    type Section = Config;

    fn plan(config: Config, found: &mut Problems) -> Option<Self> {
        let extract = Extract::new(&config, found);
        let pipeline = pipeline(&config, found);
        let exclude = exclude(&config, found);
        Some(Self { pipeline: pipeline?, extract: Arc::new(extract?), exclude: exclude?, config })
    }
}

/// The operators behind our own, which reads what the runtime writes.
fn pipeline(config: &Config, found: &mut Problems) -> Option<Pipeline> {
    let container = serde_json::json!({"type": "container", "id": "cri"});
    let mut operators = Vec::with_capacity(1 + config.operators.len());
    operators.push(serde_json::from_value(container).ok()?);
    operators.extend(config.operators.iter().cloned());
    let options = Options::new(&BTreeMap::new(), &BTreeMap::new(), Body::Text, found)?;
    let mut inside = Problems::default();
    let pipeline = Pipeline::plan(&operators, options, &mut inside);
    found.take(inside, |mut fault| {
        // The list that the user wrote begins behind our own operator.
        if let Some(Step::At(at)) = fault.place.first_mut() {
            *at = at.saturating_sub(1);
        }
        fault.within("operators")
    });
    pipeline
}

/// The files that are not read.
fn exclude(config: &Config, found: &mut Problems) -> Option<Vec<Glob>> {
    let mut exclude = Some(Vec::new());
    for (at, pattern) in config.exclude.iter().enumerate() {
        match (Glob::new(pattern), &mut exclude) {
            (Ok(glob), Some(list)) => list.push(glob),
            (Ok(_), None) => {}
            (Err(error), _) => {
                found.at("", format!("exclude: {error}")).about(&format!("exclude::{at}"));
                exclude = None;
            }
        }
    }
    exclude
}

#[async_trait]
impl Component for Cri {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let Plan { config, pipeline, extract, exclude } = &self.plan;
        let endpoint = cri::endpoint(&config.endpoint);
        let runtime = Runtime::new(endpoint, config.timeout.std(), "receivers::cri")?;
        let (runtime, happened) = (Arc::new(runtime), Arc::new(Notify::new()));
        let gauges = Gauges::new(&self.settings.meter, self.settings.id.as_str());
        let catalog = Arc::new(Catalog::new(config.metadata_timeout.std()));
        let identify = Identify { catalog: Arc::clone(&catalog), unknown: gauges.unknown.clone() };
        let root = self.root(&runtime).await;
        let files = self.files(&root, exclude.clone())?;
        let reader = LogFiles {
            settings: self.settings.clone(),
            files,
            header: None,
            pipeline: pipeline.clone(),
            record_offset: false,
            keeps: Keeps::new(config.storage.as_ref()),
            out: self.out.clone().finished_by(Arc::new(identify)),
        };
        if config.container_events {
            let (runtime, happened) = (Arc::clone(&runtime), Arc::clone(&happened));
            let listener = Listener { runtime, happened, events: gauges.events.clone() };
            host.spawn(listener.run(host.clone()));
        }
        let keeper = Keeper {
            runtime,
            happened,
            catalog,
            extract: Arc::clone(extract),
            resync: config.resync_interval.std(),
            life_cycle: config.life_cycle.enabled.then(LifeCycle::default),
            out: self.out.clone(),
            gauges,
            images: HashMap::new(),
            addresses: HashMap::new(),
            complained: None,
        };
        host.spawn(keeper.run(host.clone()));
        Arc::new(reader).start(host)
    }
}

impl Cri {
    /// The directory with a directory for each pod: `/var/log/pods`, or where the runtime says that it writes.
    async fn root(&self, runtime: &Runtime) -> String {
        if self.plan.config.log_directory != "auto" {
            return self.plan.config.log_directory.trim_end_matches('/').to_owned();
        }
        let version = runtime.version().await;
        match &version {
            Ok(it) => tracing::info!(
                runtime = it.runtime_name,
                version = it.runtime_version,
                "container metadata comes from the container runtime"
            ),
            Err(error) => tracing::warn!(
                error,
                "the container runtime cannot be asked yet: log records go on with what the path of their file says"
            ),
        }
        if version.is_err() {
            return LOG_DIRECTORY.to_owned();
        }
        let containers = runtime.containers(None).await.unwrap_or_default();
        for container in containers.iter().take(ASKED_MAX) {
            let status = runtime.status(&container.id).await.ok().flatten();
            // <root>/<namespace>_<pod>_<uid>/<container>/<attempt>.log
            let root = status.as_ref().and_then(|it| Path::new(&it.log_path).ancestors().nth(3));
            if let Some(root) = root.and_then(Path::to_str).filter(|it| it.len() > 1) {
                return root.to_owned();
            }
        }
        LOG_DIRECTORY.to_owned()
    }

    fn files(&self, root: &str, exclude: Vec<Glob>) -> Result<fileconsumer::Settings, BoxError> {
        let all = ["*".to_owned()];
        let namespaces = &self.plan.config.namespaces;
        let namespaces = if namespaces.is_empty() { &all[..] } else { namespaces };
        let include = namespaces.iter().map(|it| Glob::new(&format!("{root}/{it}_*/*/*.log")));
        let beginning = self.plan.config.start_at == "beginning";
        Ok(fileconsumer::Settings {
            finder: Finder {
                include: include.collect::<Result<_, _>>()?,
                exclude,
                exclude_older_than: None,
                ordering: None,
                first: None,
            },
            start_at: if beginning { StartAt::Beginning } else { StartAt::End },
            on_corrupt: OnCorrupt::Beginning,
            poll_interval: Duration::from_millis(200),
            splitter: Splitter {
                mode: Mode::Newline,
                max: RECORD_BYTES_MAX,
                truncate: false,
                encoding: fileconsumer::Encoding::Utf8,
                keep_leading: true,
                keep_trailing: true,
            },
            flush_after: Some(Duration::from_millis(500)),
            fingerprint_bytes: 1000,
            open_files_max: 1024,
            // The operator reads the identity from the path.
            attributes: Attributes { path: true, ..Attributes::default() },
            count_records: false,
            compression: Compression::Auto,
            header: None,
            delete_after_read: false,
            lock: false,
            uncache: false,
            on_truncate: OnTruncate::ReadWholeFile,
            retry: fileconsumer::Retry::default(),
            checkpoint_interval: match self.plan.config.storage {
                Some(_) => Duration::ZERO,
                None => BY_DEFAULT_INTERVAL,
            },
            in_flight_bytes_max: IN_FLIGHT_BYTES_MAX,
        })
    }
}
