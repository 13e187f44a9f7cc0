//! The walk over a payload: each record is asked about, and what the answers say is done.

use std::sync::Arc;

use component::{Client, Data};
use pdata::{Depth, Empty, Keep, Place};
use rego::Value;

use crate::action::{self, Action, Patterns};
use crate::alert::{Alert, AlertAction, Facts};
use crate::apply::{self, Fate};
use crate::config::OnError;
use crate::decision_log::{self, DECISIONS_MAX, Decision};
use crate::engine::{Engine, Rule};
use crate::instance::Instance;
use crate::policy::{Loaded, Moment, Workers};
use crate::project::{Around, timestamps};
use crate::state::Changed;
use crate::windows::{Mine, hash};

/// Most alerts of one payload.
const ALERTS_MAX: usize = 1_000;

/// How often a query that took too long is asked: its time is that of the clock, and the thread may not have run all the while.
const TRIES_MAX: u32 = 4;

/// What came of a payload.
pub struct Outcome {
    /// What goes on.
    pub data: Data,
    /// Alerts that are to be sent.
    pub alerts: Vec<Alert>,
    /// For each record that goes on, the routes that policies have named, if any did.
    pub routes: Option<Vec<Routes>>,
    /// Decisions that are to be logged.
    pub decisions: Vec<Decision>,
    /// Why the payload has to be refused.
    pub error: Option<String>,
}

/// The routes of a record, in the order named.
pub type Routes = Vec<Arc<str>>;

impl Engine {
    /// Asks the policy about each record, and does what it says. The whole payload has one policy.
    pub fn run(&self, instance: &Instance, client: Option<&Client>, data: &Data) -> Outcome {
        let Some(policy) = self.policy.load_full() else {
            let error = self.fail_closed.then(|| "there is no policy yet".to_owned());
            let (alerts, decisions) = (Vec::new(), Vec::new());
            return Outcome { data: data.clone(), alerts, routes: None, decisions, error };
        };
        let around =
            Around { client, pipeline: &instance.pipeline, component: &instance.component };
        let mut run = Run {
            engine: self,
            instance,
            rules: self.rules.get(data.signal()),
            workers: policy.workers(),
            policy: &policy,
            around,
            now: component::clock::unix_nanos(),
            shared: None,
            input: None,
            answers: Vec::new(),
            patterns: Patterns::default(),
            alerts: Vec::new(),
            routes: Vec::new(),
            decisions: Vec::new(),
            error: None,
        };
        let edited =
            data.edit_with(Depth::of_items(data.signal()), Empty::Drop, |place| run.visit(place));
        let Run { workers, alerts, routes, decisions, error, .. } = run;
        policy.give_back(workers);
        if let Err(error) = self.state.store() {
            instance.complain(&format!("the state of the policy cannot be stored: {error}"));
        }
        instance.windows(&self.state);
        let routed = routes.iter().any(|it| !it.is_empty());
        Outcome { data: edited, alerts, routes: routed.then_some(routes), decisions, error }
    }

    /// The alert did not get through: the next one of its kind is not held back.
    pub fn forget(&self, alert: &Alert) {
        self.state.forget_alert(alert.identity);
    }
}

/// A walk over one payload.
struct Run<'r> {
    engine: &'r Engine,
    instance: &'r Instance,
    rules: &'r [Rule],
    policy: &'r Loaded,
    workers: Workers,
    around: Around<'r>,
    now: u64,
    /// The parts of the document that do not change in a scope.
    shared: Option<Value>,
    /// The document of the record, if it was needed.
    input: Option<Value>,
    /// Of each query, if it was asked about this record.
    answers: Vec<Option<Value>>,
    patterns: Patterns,
    alerts: Vec<Alert>,
    routes: Vec<Routes>,
    decisions: Vec<Decision>,
    error: Option<String>,
}

impl Run<'_> {
    fn visit(&mut self, place: &mut Place<'_>) -> Keep {
        if !place.is_counted() {
            if place.depth() <= Depth::Scope {
                self.shared = None;
            }
            return if self.error.is_some() { Keep::Whole } else { Keep::Enter };
        }
        if self.error.is_some() {
            return Keep::Whole;
        }
        let before = self.routes.len();
        let stays = self.judge(place);
        if !stays {
            self.routes.truncate(before);
            return Keep::Drop;
        }
        if self.routes.len() == before {
            self.routes.push(Routes::new());
        }
        Keep::Whole
    }

    /// Whether the record stays.
    fn judge(&mut self, place: &mut Place<'_>) -> bool {
        self.input = None;
        self.answers.clear();
        self.answers.resize(self.workers.len(), None);
        let (engine, now) = (self.engine, self.now);
        Moment { timestamps: timestamps(place), now, mine: Vec::new() }.enter();
        let counted = match self.counted(place) {
            Ok(it) => it,
            Err(why) => return self.failed(&why),
        };
        let keys = counted.iter().flatten().filter(|it| it.1).map(|it| it.0.key);
        let _locked = engine.state.locked(keys);
        self.count(place, counted);
        let actions = match self.actions(place) {
            Ok(it) => it,
            Err(why) => return self.failed(&why),
        };
        if self.engine.logs.is_none() {
            return self.act(place, &actions);
        }
        // What is logged is the record as it came.
        let said = match self.said(place) {
            Ok(it) => it,
            Err(why) => return self.failed(&why),
        };
        let input = self.input(place);
        let stays = self.act(place, &actions);
        self.log(&input, &said, stays);
        stays
    }

    /// What each query of the section says of the record.
    fn said(&mut self, place: &Place<'_>) -> Result<Vec<(usize, Value)>, String> {
        let rules = self.rules;
        let queries = rules.iter().map(|it| it.query).chain(self.engine.decision);
        queries.map(|it| Ok((it, self.answer(it, place)?))).collect()
    }

    /// Logs decisions about a record, as far as that is wanted.
    fn log(&mut self, input: &Value, said: &[(usize, Value)], stays: bool) {
        let Some((logs, mask)) = &self.engine.logs else { return };
        if !logs.wants(stays) {
            return;
        }
        for (query, result) in said {
            if self.decisions.len() >= DECISIONS_MAX {
                self.instance.lost_decisions(1);
                continue;
            }
            let facts = decision_log::Facts {
                query: self.engine.wanted.queries.get(*query).map_or("", String::as_str),
                input,
                result,
                now: self.now,
                component: self.around.component,
                pipeline: self.around.pipeline,
                revision: &self.policy.revision,
            };
            let mut decision = Decision::new(&facts, self.decisions.len());
            let rules = match self.workers.get_mut(*mask) {
                Some(worker) => worker.evaluate(decision.event()).map_err(|it| it.to_string()),
                None => Ok(None),
            };
            let masked = rules.and_then(|it| decision.mask(&it.unwrap_or(Value::Undefined)));
            match masked {
                Ok(()) => self.decisions.push(decision),
                // What could not be masked is not shown.
                Err(why) => {
                    self.instance.lost_decisions(1);
                    self.instance.complain(&format!("a decision was not logged: {why}"));
                }
            }
        }
    }

    /// What the record is to each window, and whether it counts.
    fn counted(&mut self, place: &Place<'_>) -> Result<Vec<Option<(Mine, bool)>>, String> {
        let mut all = Vec::with_capacity(self.engine.state.windows.len());
        for (at, window) in self.engine.state.windows.iter().enumerate() {
            let mine = if window.signal == place.signal() {
                window.mine(place, &self.around, self.now)
            } else {
                None
            };
            let Some(mine) = mine else {
                all.push(None);
                continue;
            };
            let counts = match self.engine.when.get(at).copied().flatten() {
                Some(query) => holds(&self.answer(query, place)?, true),
                None => window.when.holds(place),
            };
            all.push(Some((mine, counts)));
        }
        Ok(all)
    }

    /// Counts it where it counts.
    fn count(&mut self, place: &Place<'_>, counted: Vec<Option<(Mine, bool)>>) {
        let state = &self.engine.state;
        let mut mine = Vec::with_capacity(counted.len());
        for (at, it) in counted.into_iter().enumerate() {
            let (Some((own, counts)), Some(window)) = (it, state.windows.get(at)) else {
                mine.push(None);
                continue;
            };
            let added = if counts { window.add(&own, place, &self.around) } else { None };
            if let Some(added) = &added {
                self.instance.counted(at, added);
                state.changed(Changed::Key(at, own.key));
            }
            mine.push(Some((own, added.map(|it| it.value))));
        }
        if !mine.is_empty() {
            // What was asked before the record counted is asked again.
            self.answers.iter_mut().for_each(|it| *it = None);
            Moment::change(|it| it.mine = mine);
        }
    }

    /// The answer of a query about the record.
    fn answer(&mut self, query: usize, place: &Place<'_>) -> Result<Value, String> {
        if let Some(Some(known)) = self.answers.get(query) {
            return Ok(known.clone());
        }
        let guards = self.policy.guards.get(place.signal());
        if let Some(Some(guard)) = guards.get(query)
            && !guard.is_possible(place, &self.around)
        {
            return Ok(guard.answer.clone());
        }
        let input = self.input(place);
        let Some(worker) = self.workers.get_mut(query) else { return Ok(Value::Undefined) };
        let mut tries = 0;
        let answer = loop {
            tries += 1;
            match worker.evaluate(input.clone()) {
                Err(error) if error.code == rego::code::CANCEL && tries < TRIES_MAX => {}
                answer => break answer.map_err(|error| error.to_string())?,
            }
        };
        let answer = answer.unwrap_or(Value::Undefined);
        if let Some(it) = self.answers.get_mut(query) {
            *it = Some(answer.clone());
        }
        Ok(answer)
    }

    /// The document of the record, made when it is first needed.
    fn input(&mut self, place: &Place<'_>) -> Value {
        if let Some(input) = &self.input {
            return input.clone();
        }
        let projection = self.policy.projections.get(place.signal());
        let around = &self.around;
        let shared = self.shared.get_or_insert_with(|| projection.around(place, around));
        let input = projection.document(shared, place, around);
        self.input.insert(input).clone()
    }

    /// What rules and decision say, with the name of each rule.
    fn actions(&mut self, place: &Place<'_>) -> Result<Vec<(Arc<str>, Action)>, String> {
        let mut all = Vec::new();
        for rule in self.rules {
            if holds(&self.answer(rule.query, place)?, rule.is) {
                let named = rule.actions.iter().map(|it| (Arc::clone(&rule.name), it.clone()));
                all.extend(named);
            }
        }
        if let Some(query) = self.engine.decision {
            let decision = self.answer(query, place)?;
            if decision != Value::Undefined {
                let name = self.instance.decision_name();
                let actions =
                    action::of_decision(&decision, &name, place.signal(), &mut self.patterns)?;
                all.extend(actions.into_iter().map(|it| (Arc::clone(&name), it)));
            }
        }
        Ok(all)
    }

    /// Does it; whether the record stays.
    fn act(&mut self, place: &mut Place<'_>, actions: &[(Arc<str>, Action)]) -> bool {
        if actions.is_empty() {
            return true;
        }
        // The key is that of the record as it came, and what an alert shows is what goes on: nothing that was redacted.
        let keys: Vec<Option<Value>> = actions
            .iter()
            .map(|(_, it)| match it {
                Action::Alert(it) => it.key(place, &self.around),
                _ => None,
            })
            .collect();
        let mut fate = Fate::Open;
        let mut routes = Routes::new();
        for (rule, action) in actions {
            match action {
                Action::Route(name) => routes.push(Arc::clone(name)),
                Action::Alert(_) => {}
                other => match apply::one(other, rule, place, &mut fate) {
                    Ok(changes_around) if changes_around => self.shared = None,
                    Ok(_) => {}
                    Err(why) => self.instance.complain(&why),
                },
            }
        }
        for ((rule, action), key) in actions.iter().zip(keys) {
            if let (Action::Alert(alert), Some(key)) = (action, key) {
                self.alert(rule, alert, &key, place);
            }
        }
        if let Fate::Drop { rule, reason } = &fate {
            self.instance.dropped(rule, reason);
            return false;
        }
        self.routes.push(routes);
        true
    }

    fn alert(&mut self, rule: &Arc<str>, action: &AlertAction, key: &Value, place: &Place<'_>) {
        let engine = self.engine;
        let blocked_until = action.block.map(|block| {
            let ttl = u64::try_from(block.ttl.unwrap_or(engine.block_ttl).as_nanos());
            self.now.saturating_add(ttl.unwrap_or(u64::MAX))
        });
        if let Some(until) = blocked_until {
            engine.state.block(key, until);
            self.instance.blocked();
        }
        let identity = hash(&[Value::from(&**rule), key.clone()]);
        let may = self.alerts.len() < ALERTS_MAX
            && engine.state.may_alert(identity, self.now, engine.alert_interval);
        self.instance.alerted(rule, may);
        if !may {
            return;
        }
        let windows = engine.state.windows.iter().enumerate().filter_map(|(at, it)| {
            let value = Moment::now_own(&engine.state, at);
            (value != Value::Undefined).then_some((it.name.as_str(), value))
        });
        let facts = Facts {
            rule,
            identity,
            key,
            blocked_until,
            windows: windows.collect(),
            revision: &self.policy.revision,
        };
        self.alerts.push(Alert::new(action, &facts, place, &self.around));
    }

    /// A policy could not be evaluated for a record: whether the record stays.
    fn failed(&mut self, why: &str) -> bool {
        self.instance.failed(why);
        match self.engine.on_error {
            OnError::Ignore => true,
            OnError::Drop => {
                self.instance.dropped("on_error", "error");
                false
            }
            OnError::Propagate => {
                self.error = Some(why.to_owned());
                true
            }
        }
    }
}

/// A rule holds if its answer is the one that is wanted. A set or list holds if there is something in it.
fn holds(answer: &Value, is: bool) -> bool {
    let truth = match answer {
        Value::Bool(it) => *it,
        Value::Set(it) => !it.is_empty(),
        Value::Array(it) => !it.is_empty(),
        _ => return false,
    };
    truth == is
}
