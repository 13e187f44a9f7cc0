//! The list of component types. Each type is erased once, here, by plain function pointers.

use std::sync::Arc;

use component::config::{self, Caution, DecodeIssue, Show, Value};
use component::{
    BoxError, Component, Connector, Delivery, Exporter, Extension, Kind, Next, Outputs, Problems,
    Processor, Receiver, Settings, Signal, Stability, Storage,
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
    /// Its kind.
    pub kind: Kind,
    /// Its name in YAML.
    pub type_name: &'static str,
    /// Other accepted names, which are deprecated.
    pub aliases: &'static [&'static str],
    /// The crate it is in.
    pub module: &'static str,
    /// What it can carry.
    pub signals: Signals,
    /// Reads and validates a section.
    pub(crate) check: fn(&Value) -> Result<Problems, Vec<DecodeIssue>>,
    /// The JSON Schema of the section.
    pub(crate) schema: fn() -> serde_json::Value,
    /// The section with every default filled in.
    pub(crate) effective: fn(&Value, Show) -> Result<Value, BoxError>,
    pub(crate) make: Make,
    /// Of a processor: whether what passes it is counted.
    pub(crate) counted: bool,
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
    pub storage: Option<Arc<dyn Storage>>,
    pub ready: Arc<dyn Fn(bool) + Send + Sync>,
}

#[derive(Clone, Copy)]
pub(crate) enum Make {
    Receiver(fn(Settings, &Value, Outputs) -> Result<Arc<dyn Component>, BoxError>),
    Processor(fn(Settings, &Value, Next) -> Result<Step, BoxError>),
    Exporter(fn(Settings, &Value) -> Result<(Step, Delivery), BoxError>),
    Connector(fn(Settings, &Value, Outputs) -> Result<Step, BoxError>),
    Extension(fn(Settings, &Value) -> Result<Offer, BoxError>),
}

/// All types of a distribution.
#[derive(Clone, Default)]
pub struct Registry {
    entries: Vec<Entry>,
}

impl Registry {
    /// Adds a receiver type.
    #[must_use]
    pub fn receiver<R: Receiver>(mut self) -> Self {
        self.entries.push(Entry {
            kind: Kind::Receiver,
            type_name: R::TYPE,
            aliases: R::ALIASES,
            module: module::<R>(),
            signals: Signals::Each(R::SIGNALS),
            check: check::<R::Config>,
            schema: schema::<R::Config>,
            effective: effective::<R::Config>,
            make: Make::Receiver(|settings, section, out| {
                Ok(Arc::new(R::create(settings, read(section)?, out)?))
            }),
            counted: false,
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
            check: check::<P::Config>,
            schema: schema::<P::Config>,
            effective: effective::<P::Config>,
            make: Make::Processor(|settings, section, next| {
                let it = Arc::new(P::create(settings, read(section)?, next)?);
                Ok(Step { component: Arc::clone(&it) as _, consumer: it })
            }),
            counted: P::COUNTED,
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
            check: check::<E::Config>,
            schema: schema::<E::Config>,
            effective: effective::<E::Config>,
            make: Make::Exporter(|settings, section| {
                let config = read(section)?;
                let delivery = E::delivery(&config);
                let it = Arc::new(E::create(settings, config)?);
                Ok((Step { component: Arc::clone(&it) as _, consumer: it }, delivery))
            }),
            counted: false,
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
            check: check::<C::Config>,
            schema: schema::<C::Config>,
            effective: effective::<C::Config>,
            make: Make::Connector(|settings, section, out| {
                let it = Arc::new(C::create(settings, read(section)?, out)?);
                Ok(Step { component: Arc::clone(&it) as _, consumer: it })
            }),
            counted: false,
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
            check: check::<E::Config>,
            schema: schema::<E::Config>,
            effective: effective::<E::Config>,
            make: Make::Extension(|settings, section| {
                let it = Arc::new(E::create(settings, read(section)?)?);
                let listener = Arc::clone(&it);
                Ok(Offer {
                    component: Arc::clone(&it) as _,
                    storage: it.storage(),
                    ready: Arc::new(move |ready| listener.ready(ready)),
                })
            }),
            counted: false,
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

    /// The section with every default filled in.
    ///
    /// # Errors
    /// When the section cannot be read.
    pub fn effective(&self, section: &Value, show: Show) -> Result<Value, BoxError> {
        (self.effective)(section, show)
    }
}

/// The first part of the path of a type.
fn module<T>() -> &'static str {
    let path = std::any::type_name::<T>();
    path.split_once("::").map_or(path, |(first, _)| first)
}

fn check<C: component::Config>(section: &Value) -> Result<Problems, Vec<DecodeIssue>> {
    let config: C = config::load(section)?;
    let mut problems = Problems::default();
    config.validate(&mut problems);
    for (path, nanos) in config::bare_durations::<C>(section) {
        no_unit(&mut problems, &path, nanos);
    }
    Ok(problems)
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
    Ok(config::to_value(&read::<C>(section)?, show))
}

/// Reads a section that [`check`] has accepted.
fn read<C: component::Config>(section: &Value) -> Result<C, BoxError> {
    config::load(section).map_err(|issues| {
        issues.into_iter().map(|it| it.message).collect::<Vec<_>>().join("; ").into()
    })
}
