//! What components say, put together: of a pipeline, of the extensions, of the collector. The rules are those of
//! `pkg/status` of contrib, v0.165.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use component::{Id, Kind, Phase, ServiceView, Status, component_of, instance_name};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing is known, or its parts differ and none has a problem.
    None,
    /// Not everything has started.
    Starting,
    /// It works.
    Ok,
    /// It does not work now and tries again.
    Recoverable,
    /// It does not work and will not.
    Permanent,
    /// The collector cannot go on.
    Fatal,
    /// It has been told to stop.
    Stopping,
}

impl State {
    /// Upstream's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "StatusNone",
            Self::Starting => "StatusStarting",
            Self::Ok => "StatusOK",
            Self::Recoverable => "StatusRecoverableError",
            Self::Permanent => "StatusPermanentError",
            Self::Fatal => "StatusFatalError",
            Self::Stopping => "StatusStopping",
        }
    }

    fn is_error(self) -> bool {
        matches!(self, Self::Recoverable | Self::Permanent | Self::Fatal)
    }
}

/// How something is, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// How it is.
    pub state: State,
    /// What it has said.
    pub error: Option<String>,
    /// Since when.
    pub since: SystemTime,
}

/// The same of what has parts.
#[derive(Debug, Clone)]
pub struct Aggregate {
    /// All of it together.
    pub event: Event,
    /// Its parts.
    pub parts: BTreeMap<String, Aggregate>,
}

/// Extensions, as a pipeline of their own.
const EXTENSIONS: &str = "extensions";

impl Aggregate {
    /// The collector: `extensions` and `pipeline:<id>`, each with its components as `receiver:<id>`.
    pub fn of(view: &ServiceView, recoverable_first: bool) -> Self {
        let one = |kind: Kind, id: &Id, part: &str| {
            let key = format!("{}:{id}", kind.name());
            (key, Self { event: event(view, kind, id, part), parts: BTreeMap::new() })
        };
        let extensions = view.extensions.iter().map(|id| one(Kind::Extension, id, "")).collect();
        let mut parts = BTreeMap::new();
        for pipeline in &view.pipelines {
            let signal = pipeline.id.signal().name();
            let kind = |is_connector, kind| if is_connector { Kind::Connector } else { kind };
            let receivers = pipeline.receivers.iter();
            let receivers =
                receivers.map(|it| one(kind(it.is_connector, Kind::Receiver), &it.id, ""));
            let name = pipeline.id.to_string();
            let processors = pipeline.processors.iter();
            let processors = processors.map(|id| one(Kind::Processor, id, &name));
            let exporters = pipeline.exporters.iter();
            let exporters =
                exporters.map(|it| one(kind(it.is_connector, Kind::Exporter), &it.id, signal));
            let all = receivers.chain(processors).chain(exporters).collect();
            parts.insert(format!("pipeline:{name}"), Self::over(all, recoverable_first));
        }
        parts.insert(EXTENSIONS.to_owned(), Self::over(extensions, recoverable_first));
        Self::over(parts, recoverable_first)
    }

    /// A part: all of it, the extensions, or a pipeline by its id.
    pub(crate) fn scope(self, name: &str) -> Option<Self> {
        let Self { mut parts, .. } = self;
        match name {
            EXTENSIONS => parts.remove(EXTENSIONS),
            name => parts.remove(&format!("pipeline:{name}")),
        }
    }

    fn over(parts: BTreeMap<String, Aggregate>, recoverable_first: bool) -> Self {
        let state = joined(parts.values().map(|it| it.event.state).collect(), recoverable_first);
        let events = || parts.values().map(|it| &it.event);
        // An error began with the first one; anything else is as old as the last news.
        let first = events().filter(|it| it.state == state).min_by_key(|it| it.since);
        let last = events().map(|it| it.since).max().unwrap_or(SystemTime::UNIX_EPOCH);
        let plain = Event { state, error: None, since: last };
        let event = first.filter(|_| state.is_error()).cloned().unwrap_or(plain);
        Self { event, parts }
    }
}

/// The state of what has parts in these states.
fn joined(seen: BTreeSet<State>, recoverable_first: bool) -> State {
    if let (1, Some(only)) = (seen.len(), seen.first()) {
        return *only;
    }
    let errors = if recoverable_first {
        [State::Recoverable, State::Permanent]
    } else {
        [State::Permanent, State::Recoverable]
    };
    let order = [State::Fatal, State::Starting, State::Stopping].into_iter().chain(errors);
    order.into_iter().find(|it| seen.contains(it)).unwrap_or(State::None)
}

fn badness(status: &Status) -> u8 {
    match status {
        Status::Ok => 0,
        Status::Recoverable(_) => 1,
        Status::Permanent(_) => 2,
        Status::Fatal(_) => 3,
    }
}

/// What an instance has said, unless it has not started or has been told to stop.
fn event(view: &ServiceView, kind: Kind, id: &Id, part: &str) -> Event {
    let name = instance_name(kind, id, part);
    let is_it = |instance: &str| match (kind, part) {
        // It is an instance for each signal before it; behind it any of them counts.
        (Kind::Connector, "") => component_of(instance) == name,
        // Its queue is one of its own.
        (Kind::Exporter, signal) => {
            instance == name || instance == instance_name(kind, id, &format!("{signal} queue"))
        }
        _ => instance == name,
    };
    let said = view.statuses.iter().filter(|it| is_it(&it.instance));
    let said = said.max_by_key(|it| badness(&it.status));
    let since = view.phase_since.unwrap_or(SystemTime::UNIX_EPOCH);
    let plain = |state| Event { state, error: None, since };
    let reported = |state, why: &String, since| Event { state, error: Some(why.clone()), since };
    match (said.map(|it| (&it.status, it.since)), view.phase) {
        (Some((Status::Fatal(why), since)), _) => reported(State::Fatal, why, since),
        (_, Phase::Starting) => plain(State::Starting),
        (_, Phase::Stopping) => plain(State::Stopping),
        (None, Phase::Running) => plain(State::Ok),
        (Some((Status::Ok, since)), Phase::Running) => Event { since, ..plain(State::Ok) },
        (Some((Status::Recoverable(why), since)), Phase::Running) => {
            reported(State::Recoverable, why, since)
        }
        (Some((Status::Permanent(why), since)), Phase::Running) => {
            reported(State::Permanent, why, since)
        }
    }
}
