//! A policy that is loaded: compiled modules and data, one prepared query for each rule that is asked for, and the way from a
//! record to the input document. It does not change; a reload puts another one in its place.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use component::{PerSignal, Signal};
use rego::compiled::Scratch;
use rego::{Limits, Lookup, Options, Policy, Query, Source, Value, Worker};

use crate::config::Speed;
use crate::memo::Memo;
use crate::path::Path;
use crate::plan::{Making, Plan};
use crate::project::Projection;
use crate::reads::Reads;
use crate::sources::Sources;
use crate::state::State;
use crate::windows::{Mine, lock};

/// Most sets of workers that wait for their next call.
const IDLE_MAX: usize = 64;
/// Where policies read which keys are blocked.
const BLOCKED: [&str; 2] = ["sluice", "blocked"];

/// What a policy is compiled with, whatever is in its files.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Rules that are asked for; each once.
    pub(crate) queries: Vec<String>,
    pub(crate) aliases: Vec<(Vec<String>, Path)>,
    pub(crate) version: rego::Version,
    pub(crate) timeout: Duration,
    pub(crate) speed: Speed,
    /// Rules of the section: a query and the answer that is wanted.
    pub(crate) rules: Vec<(usize, bool)>,
}

/// A policy that is loaded.
pub(crate) struct Loaded {
    pub(crate) revision: String,
    queries: Vec<Query>,
    pub(crate) projections: PerSignal<Projection>,
    pub(crate) plans: PerSignal<Plan>,
    /// Windows and blocked keys.
    pub(crate) lookups: Vec<Lookup>,
    idle: Mutex<Vec<Workers>>,
}

/// What a call needs for itself.
pub(crate) struct Workers {
    /// One for each query.
    pub(crate) evaluate: Vec<Worker>,
    /// Answers that are known, by query.
    pub(crate) memos: Vec<Memo>,
    pub(crate) scratch: Scratch,
}

impl Loaded {
    /// Compiles what was read.
    ///
    /// # Errors
    /// OPA's texts, with file, line, column and a caret.
    pub(crate) fn new(
        sources: &Sources,
        wanted: &Wanted,
        state: &Arc<State>,
    ) -> Result<Self, String> {
        let modules = sources.modules.iter().map(|(name, text)| Source::new(name, text)).collect();
        let lookups = lookups(state);
        let options = Options {
            version: wanted.version,
            limits: Limits { time: Some(wanted.timeout) },
            lookups: lookups.clone(),
            ..Options::default()
        };
        let policy = Policy::compile(modules, sources.data.0.clone(), &options)
            .map_err(|errors| errors.to_string())?;
        let query =
            |text: &String| policy.query(text).map_err(|errors| format!("query {text}: {errors}"));
        let queries = wanted.queries.iter().map(query).collect::<Result<Vec<_>, _>>()?;
        let reads = if wanted.speed.projection {
            Reads::of(policy.modules().map(|it| it.2))
        } else {
            Reads::All
        };
        let projections =
            PerSignal::new(|signal: Signal| Projection::new(signal, &reads, &wanted.aliases));
        let hosts: Vec<Vec<String>> = lookups.iter().map(|it| it.path.clone()).collect();
        let making = Making {
            policy: &policy,
            queries: &wanted.queries,
            rules: &wanted.rules,
            aliases: &wanted.aliases,
            hosts: &hosts,
            data: &sources.data.0,
            speed: &wanted.speed,
        };
        let plans = PerSignal::new(|signal| Plan::new(signal, &making));
        Ok(Self {
            revision: sources.revision.clone(),
            queries,
            projections,
            plans,
            lookups,
            idle: Mutex::default(),
        })
    }

    /// Workers that nobody else uses.
    pub(crate) fn workers(&self) -> Workers {
        let idle = lock(&self.idle).pop();
        idle.unwrap_or_else(|| Workers {
            evaluate: self.queries.iter().map(Query::worker).collect(),
            memos: self.queries.iter().map(|_| Memo::default()).collect(),
            scratch: Scratch::default(),
        })
    }

    /// Gives them back.
    pub(crate) fn give_back(&self, workers: Workers) {
        let mut idle = lock(&self.idle);
        if idle.len() < IDLE_MAX {
            idle.push(workers);
        }
    }
}

/// What the record that is being evaluated is to the windows. Evaluations do not wait, so a thread has one at a time.
#[derive(Debug, Default)]
pub(crate) struct Moment {
    /// Its times as they stand in the input document.
    pub(crate) timestamps: [u64; 2],
    pub(crate) now: u64,
    /// For each window: its key and time, and the value if it was counted.
    pub(crate) mine: Vec<Option<(Mine, Option<Value>)>>,
}

thread_local! {
    static MOMENT: RefCell<Moment> = RefCell::default();
}

impl Moment {
    /// Begins with a record, before it counts: it is the one that policies see in this thread.
    pub(crate) fn begin(timestamps: [u64; 2], now: u64) {
        Self::change(|it| {
            it.timestamps = timestamps;
            it.now = now;
            it.mine.clear();
        });
    }

    /// Changes it.
    pub(crate) fn change(change: impl FnOnce(&mut Self)) {
        MOMENT.with_borrow_mut(change);
    }

    /// What a window says of the record; `Undefined` if it has no key.
    pub(crate) fn own(&self, state: &State, window: usize) -> Value {
        match self.mine.get(window) {
            Some(Some((_, Some(value)))) => value.clone(),
            Some(Some((mine, None))) => {
                let window = state.windows.get(window);
                window.map_or(Value::Undefined, |it| it.value(mine.key, mine.time))
            }
            _ => Value::Undefined,
        }
    }

    /// The same for the moment of this thread.
    pub(crate) fn now_own(state: &State, window: usize) -> Value {
        MOMENT.with_borrow(|it| it.own(state, window))
    }

    fn asked(&self, state: &State, at: usize, key: &Value) -> Value {
        let Some(window) = state.windows.get(at) else { return Value::Undefined };
        if key.as_u64().is_ok_and(|it| self.timestamps.contains(&it)) {
            return self.own(state, at);
        }
        let key = window.key_of(key);
        match self.mine.get(at) {
            Some(Some((mine, _))) if mine.key == key => self.own(state, at),
            Some(Some((mine, _))) => window.value(key, mine.time),
            _ => window.value(key, self.now),
        }
    }
}

/// Windows and blocked keys, as policies read them.
fn lookups(state: &Arc<State>) -> Vec<Lookup> {
    let mut all: Vec<Lookup> = Vec::new();
    for (at, window) in state.windows.iter().enumerate() {
        let state = Arc::clone(state);
        let answer =
            Arc::new(move |key: &Value| MOMENT.with_borrow(|it| it.asked(&state, at, key)));
        all.push(Lookup { path: window.data.clone(), answer });
    }
    let state = Arc::clone(state);
    let blocked = move |key: &Value| {
        let now = MOMENT.with_borrow(|it| it.now);
        state.blocked(key, now).map_or(Value::Undefined, Value::from)
    };
    let path = BLOCKED.map(str::to_owned).to_vec();
    all.push(Lookup { path, answer: Arc::new(blocked) });
    all
}
