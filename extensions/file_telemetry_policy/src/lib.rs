//! Telemetry policies from files and directories, for the `telemetry_policy` processor. A change is looked for every
//! second, and counts only if all of what is there now is right: else what was right before stays.

mod files;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use component::config::Problems;
use component::meter::{Counter, Descriptor, Gauge, Level, OURS};
use component::{
    BoxError, Capability, Component, Extension, Host, Offers, PolicyDocuments, PolicyProvider,
    Settings, Stability, async_trait,
};
use serde::{Deserialize, Serialize};
use telemetry_policy::Policies;
use tokio::sync::watch;
use tracing::{error, info};

use files::{Files, Stamp};

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most mistakes that are logged of one look.
const LOGGED_MAX: usize = 20;

/// `extensions: file_telemetry_policy:`
///
/// Upstream: `extension/filetelemetrypolicyextension`, whose README of the processor names `path`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Config {
    /// A file with policies, or a directory: of that all files that end in .yaml, .yml or .json, at any depth.
    pub path: String,
    /// More of them.
    pub paths: Vec<String>,
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.all().next().is_none() {
            let text = "path must not be empty: name a file or a directory with policies";
            problems.at("path", text);
        }
    }
}

impl Config {
    fn all(&self) -> impl Iterator<Item = &String> {
        [&self.path].into_iter().chain(&self.paths).filter(|it| !it.is_empty())
    }
}

/// The extension.
pub struct FileTelemetryPolicy {
    files: Files,
    documents: watch::Sender<PolicyDocuments>,
    /// How the files were when they were read last.
    seen: Mutex<Stamp>,
    metrics: Metrics,
}

struct Metrics {
    active: Gauge,
    disabled: Gauge,
    invalid: Gauge,
    accepted: Counter,
    refused: Counter,
}

impl Extension for FileTelemetryPolicy {
    type Config = Config;
    const TYPE: &'static str = "file_telemetry_policy";
    const STABILITY: Stability = Stability::Development;
    const OFFERS: &'static [Offers] = &[Offers::Policies];

    fn create(settings: Settings, config: Config) -> Result<Self, BoxError> {
        let files = Files::new(config.all());
        let (documents, _) = watch::channel(PolicyDocuments::default());
        let metrics = Metrics::new(&settings);
        Ok(Self { files, documents, seen: Mutex::default(), metrics })
    }

    fn offers(self: Arc<Self>) -> Vec<Capability> {
        vec![Capability::Policies(self)]
    }
}

impl PolicyProvider for FileTelemetryPolicy {
    fn policies(&self) -> watch::Receiver<PolicyDocuments> {
        self.documents.subscribe()
    }
}

#[async_trait]
impl Component for FileTelemetryPolicy {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let first = Arc::clone(&self);
        // Nothing was right before: what is right of it now counts, as the specification asks.
        tokio::task::spawn_blocking(move || first.read(true)).await??;
        let stopping = host.stopping().clone();
        host.spawn(async move {
            while stopping.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
                let it = Arc::clone(&self);
                // A file system that hangs must not stop a thread that serves.
                let _ = tokio::task::spawn_blocking(move || it.look()).await;
            }
            Ok(())
        });
        Ok(())
    }
}

impl FileTelemetryPolicy {
    /// Reads the files again if they are others than before.
    fn look(&self) {
        let now = self.files.stamp();
        if *self.seen.lock().unwrap_or_else(PoisonError::into_inner) == now {
            return;
        }
        if let Err(why) = self.read(false) {
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = now;
            self.metrics.refused.add(1);
            error!(error = %why, "policies could not be read again: those read before stay in use");
        }
    }

    /// Reads the files; `partly` says whether what is right counts when something else is wrong.
    fn read(&self, partly: bool) -> Result<(), String> {
        let stamp = self.files.stamp();
        let documents = self.files.read()?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = stamp;
        let texts = documents.iter().map(|it| (it.name.as_str(), it.text.as_str()));
        let Policies { list, disabled, mistakes } = Policies::read(texts);
        for mistake in mistakes.iter().take(LOGGED_MAX) {
            let place = mistake.place().unwrap_or_default();
            error!(policy = mistake.policy, place, "a policy is not used: {}", mistake.text);
        }
        if mistakes.len() > LOGGED_MAX {
            error!(
                mistakes = mistakes.len(),
                "more policies are not used: sluice policy check names all"
            );
        }
        if !mistakes.is_empty() && !partly {
            self.metrics.refused.add(1);
            error!(
                mistakes = mistakes.len(),
                "policies have changed and are not right: those read before stay in use"
            );
            return Ok(());
        }
        self.metrics.accepted.add(1);
        let number = |it: usize| i64::try_from(it).unwrap_or(i64::MAX);
        self.metrics.active.set(number(list.len()));
        self.metrics.disabled.set(number(disabled));
        self.metrics.invalid.set(number(mistakes.len()));
        info!(policies = list.len(), disabled, files = documents.len(), "policies were read");
        self.documents.send_replace(documents);
        Ok(())
    }
}

impl Metrics {
    fn new(settings: &Settings) -> Self {
        let policies = Descriptor {
            scope: OURS,
            name: "sluice_telemetry_policies",
            unit: "{policy}",
            description: "Number of telemetry policies in the files that are in use, by state",
            level: Level::Basic,
        };
        let loads = Descriptor {
            scope: OURS,
            name: "sluice_telemetry_policy_loads_total",
            unit: "{load}",
            description: "Number of times that the files were read, by whether their policies came into use",
            level: Level::Basic,
        };
        let id = settings.id.as_str();
        let state = |state| settings.meter.gauge(policies, &[("extension", id), ("state", state)]);
        let result = |it| settings.meter.counter(loads, &[("extension", id), ("result", it)]);
        Self {
            active: state("active"),
            disabled: state("disabled"),
            invalid: state("invalid"),
            accepted: result("accepted"),
            refused: result("refused"),
        }
    }
}
