//! The section, worked out once for all pipelines of an id, with the policy that counts at the moment.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::config::{Caution, Fault};
use arc_swap::ArcSwapOption;
use component::{Meter, PerSignal, Problems, Signal};

use crate::action::{self, Action};
use crate::bundles;
use crate::config::{Config, OnError, Version};
use crate::decision_log::{DecisionLogs, Mode};
use crate::instance::Instance;
use crate::path::Path;
use crate::policy::{Loaded, Wanted};
use crate::remote::Remote;
use crate::sources::Sources;
use crate::state::State;
use crate::windows::When;

/// What all instances of a section share.
pub struct Engine {
    pub(crate) policy: ArcSwapOption<Loaded>,
    pub(crate) state: Arc<State>,
    pub(crate) wanted: Wanted,
    pub(crate) inline: String,
    pub(crate) files: Vec<String>,
    pub(crate) remotes: Vec<Arc<Remote>>,
    /// Nothing passes without a policy.
    pub(crate) fail_closed: bool,
    pub(crate) rules: PerSignal<Vec<Rule>>,
    /// The query whose answer is an object.
    pub(crate) decision: Option<usize>,
    /// Decisions that are logged, and the query that says what of them is not.
    pub(crate) logs: Option<(DecisionLogs, usize)>,
    /// For each window, the query that says which records count.
    pub(crate) when: Vec<Option<usize>>,
    pub(crate) on_error: OnError,
    pub(crate) alert_interval: Duration,
    pub(crate) block_ttl: Duration,
    decision_name: String,
    /// Why the files that are there now make no policy. Held while they are read.
    pub(crate) problem: Mutex<Option<String>>,
}

/// A rule of the section for one signal.
pub(crate) struct Rule {
    pub(crate) name: Arc<str>,
    pub(crate) query: usize,
    pub(crate) is: bool,
    pub(crate) actions: Vec<Action>,
}

impl Engine {
    /// Works out a section and loads its policy; says in `found` what is wrong.
    pub fn new(config: &Config, found: &mut Problems) -> Option<Self> {
        let state = State::new(config, found);
        let mut queries = Vec::new();
        let mut query = |text: &str| {
            let at = queries.iter().position(|it| it == text);
            at.unwrap_or_else(|| {
                queries.push(text.to_owned());
                queries.len() - 1
            })
        };
        let mut numbers = Vec::new();
        for (at, rule) in config.rules.iter().enumerate() {
            let place = format!("rules::{at}");
            is_query(&rule.query, &format!("{place}::query"), found);
            if rule.then.is_empty() {
                found.at(format!("{place}::then"), "must say what happens if the rule holds");
            }
            numbers.push(query(&rule.query));
        }
        if !config.decision.is_empty() {
            is_query(&config.decision, "decision", found);
        }
        let decision = (!config.decision.is_empty()).then(|| query(&config.decision));
        let logs = &config.decision_logs;
        let logs = (*logs.mode != Mode::Off).then(|| (logs.clone(), query(&logs.mask)));
        let state = Arc::new(state?);
        let when = state.windows.iter().map(|it| match &it.when {
            When::Rule(text) => Some(query(text)),
            _ => None,
        });
        let when = when.collect();
        let rules = rules(config, &numbers, found);
        let aliases = aliases(config, found);
        if found.faults().iter().any(|it| it.signal.is_none()) {
            return None;
        }
        let version = match *config.rego_version {
            Version::Auto => rego::Version::Auto,
            Version::V0 => rego::Version::V0,
            Version::V1 => rego::Version::V1,
        };
        let remotes = remotes(config, found);
        let (timeout, speed) = (config.timeout.std(), config.speed.clone());
        let asked = numbers.iter().zip(&config.rules).map(|(query, rule)| (*query, rule.is));
        let asked = asked.collect();
        let wanted = Wanted { queries, aliases, version, timeout, speed, rules: asked };
        let engine = Self {
            policy: ArcSwapOption::empty(),
            state,
            wanted,
            inline: config.policy.clone(),
            files: config.files.clone(),
            remotes: remotes?,
            fail_closed: config.fail_closed,
            rules,
            decision,
            logs,
            when,
            on_error: *config.on_error,
            alert_interval: config.alert_interval.std(),
            block_ttl: config.block_ttl.std(),
            decision_name: config.decision.clone(),
            problem: Mutex::default(),
        };
        engine.first_load(config, found)?;
        Some(engine)
    }

    fn first_load(&self, config: &Config, found: &mut Problems) -> Option<()> {
        if self.remotes.iter().any(|it| it.bundle().is_none()) {
            // They are fetched when it has started.
            return Some(());
        }
        match self.sources() {
            Ok(sources) => match Loaded::new(&sources, &self.wanted, &self.state) {
                Ok(loaded) => self.policy.store(Some(Arc::new(loaded))),
                Err(why) => {
                    let key = if self.files.is_empty() { "policy" } else { "" };
                    found.at(key, why);
                    return None;
                }
            },
            Err(why) if config.fail_closed => {
                found.at("files", why);
                return None;
            }
            Err(why) => {
                let text =
                    format!("{why}; all passes until there is a policy, as fail_closed is false");
                found.warn(Caution::AbsentFile, "files", text);
            }
        }
        Some(())
    }

    /// All that the policy is made of.
    fn sources(&self) -> Result<Sources, String> {
        let bundle = |it: &Arc<Remote>| {
            let bundle = it.bundle().ok_or(format!("bundle {} was not fetched yet", it.name))?;
            Ok((it.name.clone(), bundle))
        };
        let bundles = self.remotes.iter().map(bundle).collect::<Result<Vec<_>, String>>()?;
        Sources::read(&self.inline, &self.files, &bundles)
    }

    /// Reads and compiles the policy anew; it counts from the next payload on.
    ///
    /// # Errors
    /// What is wrong with it: the one before stays.
    pub fn reload(&self) -> Result<bool, String> {
        let sources = self.sources()?;
        if self.policy.load().as_ref().is_some_and(|it| it.revision == sources.revision) {
            return Ok(false);
        }
        let loaded = Loaded::new(&sources, &self.wanted, &self.state)?;
        self.policy.store(Some(Arc::new(loaded)));
        Ok(true)
    }

    /// Its use in a pipeline. `kind` is `processor` or `connector`.
    pub fn instance(
        &self,
        kind: &'static str,
        component: &str,
        pipeline: &str,
        meter: &Meter,
    ) -> Instance {
        Instance::new(kind, component, pipeline, meter, &self.state, &self.decision_name)
    }

    /// Names of routes that rules of the section use: where they stand, and what they are.
    pub fn route_names(config: &Config) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for (rule, it) in config.rules.iter().enumerate() {
            for (at, action) in it.then.iter().enumerate() {
                if let ::config::TextOr::Map(map) = action {
                    let place = format!("rules::{rule}::then::{at}::route");
                    all.extend(map.route.iter().map(|it| (place.clone(), it.clone())));
                }
            }
        }
        all
    }
}

fn remotes(config: &Config, found: &mut Problems) -> Option<Vec<Arc<Remote>>> {
    let mut all = Vec::new();
    for (name, bundle) in &config.bundles {
        match bundles::verification(bundle, &config.keys) {
            Ok(it) => all.push(Arc::new(Remote::new(name, bundle, it))),
            Err(why) => {
                found.at("keys", why);
                return None;
            }
        }
    }
    Some(all)
}

fn is_query(text: &str, place: &str, found: &mut Problems) {
    if !text.starts_with("data.") {
        found.at(place, "must be the path of a rule, such as data.system.authz.allow");
    }
}

fn rules(config: &Config, numbers: &[usize], found: &mut Problems) -> PerSignal<Vec<Rule>> {
    let mut problems: Vec<(Signal, Problems)> = Vec::new();
    let made = PerSignal::new(|signal| {
        let mut own = Problems::default();
        let all = config.rules.iter().zip(numbers).enumerate().map(|(at, (rule, query))| Rule {
            name: rule.name().into(),
            query: *query,
            is: rule.is,
            actions: action::of_rule(rule, &format!("rules::{at}"), signal, &mut own),
        });
        let all = all.collect();
        problems.push((signal, own));
        all
    });
    // A path of one signal is no mistake in a section that others use; what is wrong for all of them is told once.
    let general = |it: &Fault| {
        problems.iter().all(|(_, own)| {
            own.faults().iter().any(|other| other.text == it.text && other.place == it.place)
        })
    };
    for (at, (signal, own)) in problems.iter().enumerate() {
        for fault in own.faults() {
            if !general(fault) {
                found.add(fault.clone()).only_for(signal.name());
            } else if at == 0 {
                found.add(fault.clone());
            }
        }
    }
    made
}

fn aliases(config: &Config, found: &mut Problems) -> Vec<(Vec<String>, Path)> {
    let mut all = Vec::new();
    for (name, path) in &config.input.aliases {
        let place = format!("input::aliases::{name}");
        let names: Vec<String> = name.split('.').map(str::to_owned).collect();
        if names.iter().any(String::is_empty) {
            found.at(&place, "a name below input is wanted, such as log.user");
        }
        match Path::parse(path) {
            Ok(path) if Signal::ALL.iter().any(|it| path.spot(*it).is_some()) => {
                all.push((names, path));
            }
            Ok(path) => drop(found.at(&place, format!("there is no {path} in any signal"))),
            Err(why) => drop(found.at(&place, why)),
        }
    }
    all
}
