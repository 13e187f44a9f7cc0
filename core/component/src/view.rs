//! What runs, as the service shows it to extensions with pages.

use std::sync::Arc;
use std::time::SystemTime;

use crate::{Id, Kind, PipelineId};

/// How a component says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Works.
    Ok,
    /// Does not work now and will try again.
    Recoverable(String),
    /// Does not work and will not.
    Permanent(String),
    /// The collector cannot go on: orderly shutdown, exit code other than zero.
    Fatal(String),
}

/// Where the collector is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Not everything has started.
    #[default]
    Starting,
    /// Everything has started.
    Running,
    /// It has been told to stop.
    Stopping,
}

/// What runs at the moment. A reload changes it.
#[derive(Debug, Clone, Default)]
pub struct ServiceView {
    /// Where the collector is in its life.
    pub phase: Phase,
    /// Since when.
    pub phase_since: Option<SystemTime>,
    /// Since when; `None` where nothing runs, as in tests.
    pub started: Option<SystemTime>,
    /// In the order of the configuration.
    pub pipelines: Vec<PipelineView>,
    /// In the order in which they start.
    pub extensions: Vec<Id>,
    /// What instances of components have said last about themselves. Most never say anything.
    pub statuses: Vec<Reported>,
    /// The feature gates of the program.
    pub gates: Vec<GateView>,
    /// The types of components that the program has.
    pub types: Arc<[TypeView]>,
    /// What own telemetry says of the process; what is no text is written as JSON.
    pub resource: Arc<[(String, String)]>,
}

/// A type of components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeView {
    /// In which section it stands.
    pub kind: Kind,
    /// Its name in YAML.
    pub type_name: &'static str,
    /// The crate it is in.
    pub module: &'static str,
}

/// What an instance has said last about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// [`instance_name`].
    pub instance: String,
    /// What it said.
    pub status: Status,
    /// Since when it is so.
    pub since: SystemTime,
}

impl Reported {
    /// `exporter/otlp`.
    pub fn component(&self) -> &str {
        component_of(&self.instance)
    }
}

/// `exporter/otlp (logs)`: `part` is the pipeline of a processor, the signal of an exporter or connector, and empty for
/// others.
pub fn instance_name(kind: Kind, id: &Id, part: &str) -> String {
    if part.is_empty() { format!("{kind}/{id}") } else { format!("{kind}/{id} ({part})") }
}

/// The component of an instance.
pub fn component_of(instance: &str) -> &str {
    instance.split_once(" (").map_or(instance, |it| it.0)
}

/// A pipeline and its components, in the order of the data.
#[derive(Debug, Clone)]
pub struct PipelineView {
    /// `logs/2`.
    pub id: PipelineId,
    /// Receivers; connectors are marked.
    pub receivers: Vec<End>,
    /// Processors.
    pub processors: Vec<Id>,
    /// Exporters; connectors are marked.
    pub exporters: Vec<End>,
}

/// Where a pipeline begins or ends.
#[derive(Debug, Clone)]
pub struct End {
    /// Its id.
    pub id: Id,
    /// It is a connector.
    pub is_connector: bool,
}

/// A feature gate.
#[derive(Debug, Clone, Copy)]
pub struct GateView {
    /// As in `--feature-gates`.
    pub id: &'static str,
    /// `Alpha`, `Beta`, `Stable`, `Deprecated`.
    pub stage: &'static str,
    /// Whether it is on.
    pub is_on: bool,
    /// The release that brought it.
    pub from: &'static str,
    /// The release that removes it.
    pub to: &'static str,
    /// One sentence.
    pub about: &'static str,
}
