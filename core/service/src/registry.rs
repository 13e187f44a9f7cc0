//! The list of component types. Each type is erased once, here, by plain function pointers.

use std::fmt;
use std::sync::Arc;

use component::config::{self, Caution, Fault, Show, Stage, Value};
use component::{
    BoxError, Capability, Component, Connector, ConnectorSettings, Consumer, DefaultStorage,
    Delivery, Exporter, ExporterSettings, Extension, GateView, Kind, Next, Offers, Outputs,
    Planned, Problems, Processor, ProcessorSettings, Receiver, Settings, Signal, Stability,
};

/// Time spans from here on may well be meant in nanoseconds.
const MEANT_NANOS: i128 = 1_000_000;

/// What a type can carry.
#[derive(Debug, Clone, Copy)]
pub enum Signals {
    /// Receivers, processors, exporters.
    Each(&'static [(Signal, Stability)]),
    /// Connectors: from, to.
    Pairs(&'static [(Signal, Signal, Stability)]),
    /// Extensions carry nothing.
    None(Stability),
}

/// A registered type.
#[derive(Clone, Copy)]
pub struct Entry {
    /// In which section it stands.
    pub kind: Kind,
    /// Its name in YAML.
    pub type_name: &'static str,
    /// Other accepted names, which are deprecated.
    pub aliases: &'static [&'static str],
    /// The crate it is in.
    pub module: &'static str,
    /// What it can carry.
    pub signals: Signals,
    /// Reads a section and works it out. What cannot be read comes with the rules that the rest breaks.
    pub(crate) check: fn(&Value) -> Result<Checked, Vec<Fault>>,
    /// The JSON Schema of the section.
    pub(crate) schema: fn() -> serde_json::Value,
    /// The section with every default filled in.
    pub(crate) effective: fn(&Value, Show) -> Result<Value, BoxError>,
    /// Of a processor: whether what passes it is counted.
    pub(crate) counted: bool,
    /// What an extension can offer.
    pub(crate) offers: &'static [Offers],
}

/// A component that is also an inlet: one object, two faces.
#[derive(Clone)]
pub(crate) struct Step {
    pub component: Arc<dyn Component>,
    pub consumer: Next,
}

/// An extension with what it offers.
#[derive(Clone)]
pub(crate) struct Offer {
    pub component: Arc<dyn Component>,
    pub capabilities: Vec<Capability>,
    pub ready: Arc<dyn Fn(bool) + Send + Sync>,
}

/// What a component says of its section.
pub(crate) struct Checked {
    pub problems: Problems,
    /// What makes its instances, unless something is wrong.
    pub plan: Option<Plan>,
}

/// Makes instances of a section that was worked out; the type of the component is not known here any more.
type Maker<Given, Made> = Arc<dyn Fn(Given) -> Made + Send + Sync>;

/// A section that was worked out, which makes the instances of its id. Clones are the same plan.
#[derive(Clone)]
pub(crate) enum Plan {
    Receiver(Maker<(Settings, Outputs), Result<Arc<dyn Component>, BoxError>>),
    Processor(Maker<(ProcessorSettings, Next), Step>),
    Exporter(Maker<ExporterSettings, Result<(Step, Delivery), BoxError>>),
    Connector(Maker<(ConnectorSettings, Outputs), Result<Step, BoxError>>),
    Extension(Maker<Settings, Result<Offer, BoxError>>),
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Plan::Receiver(_) => "receiver plan",
            Plan::Processor(_) => "processor plan",
            Plan::Exporter(_) => "exporter plan",
            Plan::Connector(_) => "connector plan",
            Plan::Extension(_) => "extension plan",
        })
    }
}

fn receiver<R: Receiver>(config: R::Config) -> Plan {
    Plan::Receiver(Arc::new(move |(settings, out)| {
        Ok(Arc::new(R::create(settings, config.clone(), out)?))
    }))
}

fn processor<P: Processor>(plan: P::Plan) -> Plan {
    let plan = Arc::new(plan);
    Plan::Processor(Arc::new(move |(settings, next)| {
        step(P::create(settings, Arc::clone(&plan), next))
    }))
}

fn exporter<E: Exporter>(config: E::Config) -> Plan {
    Plan::Exporter(Arc::new(move |settings| {
        let it = E::create(settings, config.clone())?;
        Ok((step(it), E::delivery(&config)))
    }))
}

fn connector<C: Connector>(plan: C::Plan) -> Plan {
    let plan = Arc::new(plan);
    Plan::Connector(Arc::new(move |(settings, out)| {
        C::create(settings, Arc::clone(&plan), out).map(step)
    }))
}

fn extension<E: Extension>(config: E::Config) -> Plan {
    Plan::Extension(Arc::new(move |settings| {
        let it = Arc::new(E::create(settings, config.clone())?);
        let listener = Arc::clone(&it);
        Ok(Offer {
            component: Arc::clone(&it) as _,
            capabilities: it.offers(),
            ready: Arc::new(move |ready| listener.ready(ready)),
        })
    }))
}

fn step<T: Component + Consumer>(it: T) -> Step {
    let it = Arc::new(it);
    Step { component: Arc::clone(&it) as _, consumer: it }
}

/// All types of a distribution.
#[derive(Clone, Default)]
pub struct Registry {
    entries: Vec<Entry>,
    storage: DefaultStorage,
    gates: Vec<GateView>,
}

impl Registry {
    /// With the feature gates of the program, which pages show.
    #[must_use]
    pub fn with_gates(self, gates: Vec<GateView>) -> Self {
        Self { gates, ..self }
    }

    /// The feature gates of the program.
    pub(crate) fn gates(&self) -> &[GateView] {
        &self.gates
    }

    /// Where components keep state for which no storage is named.
    #[must_use]
    pub fn with_storage(self, storage: DefaultStorage) -> Self {
        Self { storage, ..self }
    }

    /// Where components keep state for which no storage is named.
    pub fn default_storage(&self) -> &DefaultStorage {
        &self.storage
    }

    /// Adds a receiver type.
    #[must_use]
    pub fn receiver<R: Receiver>(mut self) -> Self {
        self.entries.push(Entry {
            kind: Kind::Receiver,
            type_name: R::TYPE,
            aliases: R::ALIASES,
            module: module::<R>(),
            signals: Signals::Each(R::SIGNALS),
            check: |section| checked(section, R::Config::plan, receiver::<R>),
            schema: schema::<SectionOf<R::Config>>,
            effective: effective::<SectionOf<R::Config>>,
            counted: false,
            offers: &[],
        });
        self
    }

    /// Adds a processor type.
    #[must_use]
    pub fn processor<P: Processor>(mut self) -> Self {
        self.entries.push(Entry {
            kind: Kind::Processor,
            type_name: P::TYPE,
            aliases: P::ALIASES,
            module: module::<P>(),
            signals: Signals::Each(P::SIGNALS),
            check: |section| checked(section, P::plan, processor::<P>),
            schema: schema::<P::Config>,
            effective: effective::<P::Config>,
            counted: P::COUNTED,
            offers: &[],
        });
        self
    }

    /// Adds an exporter type.
    #[must_use]
    pub fn exporter<E: Exporter>(mut self) -> Self {
        self.entries.push(Entry {
            kind: Kind::Exporter,
            type_name: E::TYPE,
            aliases: E::ALIASES,
            module: module::<E>(),
            signals: Signals::Each(E::SIGNALS),
            check: |section| checked(section, E::Config::plan, exporter::<E>),
            schema: schema::<SectionOf<E::Config>>,
            effective: effective::<SectionOf<E::Config>>,
            counted: false,
            offers: &[],
        });
        self
    }

    /// Adds a connector type.
    #[must_use]
    pub fn connector<C: Connector>(mut self) -> Self {
        self.entries.push(Entry {
            kind: Kind::Connector,
            type_name: C::TYPE,
            aliases: C::ALIASES,
            module: module::<C>(),
            signals: Signals::Pairs(C::SIGNALS),
            check: |section| checked(section, C::plan, connector::<C>),
            schema: schema::<C::Config>,
            effective: effective::<C::Config>,
            counted: false,
            offers: &[],
        });
        self
    }

    /// Adds an extension type.
    #[must_use]
    pub fn extension<E: Extension>(mut self) -> Self {
        self.entries.push(Entry {
            kind: Kind::Extension,
            type_name: E::TYPE,
            aliases: E::ALIASES,
            module: module::<E>(),
            signals: Signals::None(E::STABILITY),
            check: |section| checked(section, E::Config::plan, extension::<E>),
            schema: schema::<SectionOf<E::Config>>,
            effective: effective::<SectionOf<E::Config>>,
            counted: false,
            offers: E::OFFERS,
        });
        self
    }

    /// The type behind a name in YAML, which may be an alias.
    pub fn find(&self, kind: Kind, name: &str) -> Option<&Entry> {
        self.of(kind).find(|it| it.type_name == name || it.aliases.contains(&name))
    }

    /// All types of a kind, in the order registered.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |it| it.kind == kind)
    }
}

impl Entry {
    /// True when it carries `signal`; for connectors, when it accepts it.
    pub fn accepts(&self, signal: Signal) -> bool {
        match self.signals {
            Signals::Each(signals) => signals.iter().any(|(it, _)| *it == signal),
            Signals::Pairs(pairs) => pairs.iter().any(|(from, _, _)| *from == signal),
            Signals::None(_) => false,
        }
    }

    /// True when it is a connector that turns `from` into `to`.
    pub fn connects(&self, from: Signal, to: Signal) -> bool {
        match self.signals {
            Signals::Pairs(pairs) => pairs.iter().any(|(a, b, _)| (*a, *b) == (from, to)),
            Signals::Each(_) | Signals::None(_) => false,
        }
    }

    /// What makes instances of a section that is in no configuration.
    ///
    /// # Errors
    /// When the section cannot be read or worked out.
    pub(crate) fn plan(&self, section: &Value) -> Result<Plan, BoxError> {
        match (self.check)(section) {
            Err(faults) => Err(joined(faults.iter().filter(|it| it.stage == Stage::Read))),
            Ok(Checked { plan, problems }) => plan.ok_or_else(|| joined(problems.faults())),
        }
    }

    /// The section with every default filled in.
    ///
    /// # Errors
    /// When the section cannot be read.
    pub fn effective(&self, section: &Value, show: Show) -> Result<Value, BoxError> {
        (self.effective)(section, show)
    }
}

/// The section that a component is planned from.
type SectionOf<P> = <P as Planned>::Section;

/// The first part of the path of a type.
fn module<T>() -> &'static str {
    let path = std::any::type_name::<T>();
    path.split_once("::").map_or(path, |(first, _)| first)
}

/// Reads, validates and plans a section.
fn checked<C: component::Config, P>(
    section: &Value,
    plan: impl FnOnce(C, &mut Problems) -> Option<P>,
    make: impl FnOnce(P) -> Plan,
) -> Result<Checked, Vec<Fault>> {
    let (config, mut problems) = match config::check::<C>(section) {
        Ok(read) => read,
        Err(faults) => return Err(with_rest::<C, P>(section, faults, plan)),
    };
    for (path, nanos) in config::bare_durations::<C>(section) {
        no_unit(&mut problems, &path, nanos);
    }
    let plan = plan(config, &mut problems).map(make);
    Ok(Checked { problems, plan })
}

/// What cannot be read of a section, and what is wrong with the rest of it.
fn with_rest<C: component::Config, P>(
    section: &Value,
    mut faults: Vec<Fault>,
    plan: impl FnOnce(C, &mut Problems) -> Option<P>,
) -> Vec<Fault> {
    let rest = config::without(section, &faults);
    if let Ok((config, mut problems)) = config::check::<C>(&rest) {
        plan(config, &mut problems);
        let more = config::independent(&problems, &faults);
        // What a component reads itself, such as operators; the Collector names unknown keys behind that.
        let at = faults.iter().position(Fault::is_at_key).unwrap_or(faults.len());
        faults.splice(at..at, problems.of(Stage::Read).cloned());
        faults.extend(more);
    }
    faults
}

/// A time span in bare nanoseconds is legal; a small one is hardly meant.
fn no_unit(problems: &mut Problems, path: &[String], nanos: i128) {
    if nanos == 0 || nanos.abs() >= MEANT_NANOS {
        return;
    }
    let unit = if nanos.abs() >= 1000 { "ms" } else { "s" };
    let text = format!("{nanos} is {nanos} nanoseconds");
    let key = path.join("::");
    problems.warn(Caution::NoUnit, "", text).set(&key, format!("{nanos}{unit}"));
}

fn schema<C: component::Config>() -> serde_json::Value {
    config::schema::schema(&C::default())
}

fn effective<C: component::Config>(section: &Value, show: Show) -> Result<Value, BoxError> {
    let section: C = config::load(section).map_err(|faults: Vec<Fault>| joined(&faults))?;
    Ok(config::to_value(&section, show))
}

fn joined<'f>(faults: impl IntoIterator<Item = &'f Fault>) -> BoxError {
    faults.into_iter().map(|it| it.text.as_str()).collect::<Vec<_>>().join("; ").into()
}
