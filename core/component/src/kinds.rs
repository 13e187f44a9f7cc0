//! The five kinds of component. They differ only in what `create` is handed.

use std::fmt;
use std::sync::Arc;

use config::{Config, Problems};
use pdata::Signal;

use crate::capability::{Capability, Offers};
use crate::{
    BoxError, BuildInfo, Component, Consumer, Delivery, Id, Meter, Next, Outputs, PipelineId,
    Planned, Settings,
};

/// How far a component can be trusted, in the Collector's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stability {
    /// May change or vanish.
    Development,
    /// Ready for limited use.
    Alpha,
    /// Configuration is unlikely to change.
    Beta,
    /// Ready for everybody.
    Stable,
}

impl fmt::Display for Stability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What a processor is told about itself.
#[derive(Debug, Clone)]
pub struct ProcessorSettings {
    /// Its id as written in YAML.
    pub id: Id,
    /// The signal of its pipeline.
    pub signal: Signal,
    /// The pipeline that this instance is a step of.
    pub pipeline: PipelineId,
    /// The program that runs it: for user agents and the `service.version` of own telemetry.
    pub build: BuildInfo,
    /// Where it registers its metrics.
    pub meter: Meter,
}

/// What an exporter is told about itself.
#[derive(Debug, Clone)]
pub struct ExporterSettings {
    /// Its id as written in YAML.
    pub id: Id,
    /// The signal that this instance sends.
    pub signal: Signal,
    /// The program that runs it: for user agents and the `service.version` of own telemetry.
    pub build: BuildInfo,
    /// Where it registers its metrics.
    pub meter: Meter,
}

/// What a connector is told about itself.
#[derive(Debug, Clone)]
pub struct ConnectorSettings {
    /// Its id as written in YAML.
    pub id: Id,
    /// The signal of the pipelines before it.
    pub signal: Signal,
    /// The program that runs it: for user agents and the `service.version` of own telemetry.
    pub build: BuildInfo,
    /// Where it registers its metrics.
    pub meter: Meter,
}

/// All three signals with one stability.
pub(crate) const fn all(stability: Stability) -> [(Signal, Stability); 3] {
    [(Signal::Traces, stability), (Signal::Metrics, stability), (Signal::Logs, stability)]
}

const ALL_BETA: &[(Signal, Stability)] = &all(Stability::Beta);

/// Brings telemetry in. One instance per id serves all signals.
pub trait Receiver: Component + Sized {
    /// Its section in YAML, or what is worked out from it once; [`NoConfig`](config::NoConfig) for one without keys.
    type Config: Planned;
    /// Its type, which is also its folder.
    const TYPE: &'static str;
    /// Other accepted type names. The first reader of a configuration with one is told the new name.
    const ALIASES: &'static [&'static str] = &[];
    /// What it can produce.
    const SIGNALS: &'static [(Signal, Stability)] = ALL_BETA;
    /// Makes an inert instance.
    fn create(settings: Settings, config: Self::Config, out: Outputs) -> Result<Self, BoxError>;
}

/// Changes telemetry on the way. One instance per pipeline, one plan for all instances of an id.
pub trait Processor: Component + Consumer + Sized {
    /// What its section in YAML is read into; [`NoConfig`](config::NoConfig) for one without keys.
    type Config: Config;
    /// What is worked out from the section once and shared by the instances in all pipelines: compiled
    /// conditions, tables, caches. A reload keeps it as long as the section is the same. Where there is nothing
    /// to work out it is the section itself.
    type Plan: Send + Sync + 'static;
    /// Its type, which is also its folder.
    const TYPE: &'static str;
    /// Other accepted type names.
    const ALIASES: &'static [&'static str] = &[];
    /// Whether `otelcol_processor_incoming_items` and its kin count what passes: false for the few that
    /// upstream does not build on `processorhelper`.
    const COUNTED: bool = true;
    /// What it can process.
    const SIGNALS: &'static [(Signal, Stability)] = ALL_BETA;
    /// Works out the section, or says in `found` what is wrong with it and returns `None`. Called after
    /// [`Config::validate`], which need not look at what this looks at.
    ///
    /// What depends on the signal is worked out for every signal ([`PerSignal`](crate::PerSignal)); a mistake
    /// that concerns only the pipelines of one signal is [`Problems::late_for`] that signal, and the plan is
    /// still made.
    fn plan(config: Self::Config, found: &mut Problems) -> Option<Self::Plan>;
    /// Makes an inert instance. It cannot fail: all that can be wrong with a section is found by `plan`, and
    /// what depends on the machine is acquired by [`Component::start`].
    fn create(settings: ProcessorSettings, plan: Arc<Self::Plan>, next: Next) -> Self;
}

/// Takes telemetry out: sends once what it is given. One instance per id and signal. Queue, batch,
/// retry and timeout stand in front of it, as its [`Delivery`] says.
pub trait Exporter: Component + Consumer + Sized {
    /// Its section in YAML, or what is worked out from it once; [`NoConfig`](config::NoConfig) for one without keys.
    type Config: Planned;
    /// Its type, which is also its folder.
    const TYPE: &'static str;
    /// Other accepted type names.
    const ALIASES: &'static [&'static str] = &[];
    /// What it can send.
    const SIGNALS: &'static [(Signal, Stability)] = ALL_BETA;
    /// Makes an inert instance.
    fn create(settings: ExporterSettings, config: Self::Config) -> Result<Self, BoxError>;
    /// What stands in front of it. Default: nothing, the call is synchronous.
    fn delivery(_config: &Self::Config) -> Delivery {
        Delivery::default()
    }
}

/// Ends one pipeline and begins others. One instance per id and input signal, one plan for all of an id.
pub trait Connector: Component + Consumer + Sized {
    /// What its section in YAML is read into; [`NoConfig`](config::NoConfig) for one without keys.
    type Config: Config;
    /// What is worked out from the section once, as for a [`Processor`].
    type Plan: Send + Sync + 'static;
    /// Its type, which is also its folder.
    const TYPE: &'static str;
    /// Other accepted type names.
    const ALIASES: &'static [&'static str] = &[];
    /// Which signal it turns into which.
    const SIGNALS: &'static [(Signal, Signal, Stability)];
    /// Works out the section, or says in `found` what is wrong with it and returns `None`. It knows pipelines
    /// by their ids only.
    fn plan(config: Self::Config, found: &mut Problems) -> Option<Self::Plan>;
    /// Makes an inert instance.
    ///
    /// # Errors
    /// The plan does not fit the pipelines behind it: a router names one that `out` does not have.
    fn create(
        settings: ConnectorSettings,
        plan: Arc<Self::Plan>,
        out: Outputs,
    ) -> Result<Self, BoxError>;
}

/// Serves the others. One instance per id.
pub trait Extension: Component + Sized {
    /// Its section in YAML, or what is worked out from it once; [`NoConfig`](config::NoConfig) for one without keys.
    type Config: Planned;
    /// Its type, which is also its folder.
    const TYPE: &'static str;
    /// Other accepted type names.
    const ALIASES: &'static [&'static str] = &[];
    /// How far it can be trusted.
    const STABILITY: Stability = Stability::Beta;
    /// What an instance can offer to other components, as far as its type says.
    const OFFERS: &'static [Offers] = &[];
    /// Makes an inert instance.
    fn create(settings: Settings, config: Self::Config) -> Result<Self, BoxError>;
    /// What this instance offers to other components.
    fn offers(self: Arc<Self>) -> Vec<Capability> {
        Vec::new()
    }
    /// Told `true` once all pipelines run and `false` when they begin to stop.
    fn ready(&self, _ready: bool) {}
}
