//! The walk over a payload: each record is asked about, and what the answers say is done.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, MutexGuard};

use component::{Client, Data};
use pdata::{Depth, Empty, Keep, Place};
use rego::Value;

use crate::action::{self, Action, Patterns};
use crate::alert::{Alert, AlertAction, Facts};
use crate::apply::{self, Fate};
use crate::config::OnError;
use crate::decision_log::Decision;
use crate::engine::{Engine, Rule};
use crate::fields::{Cells, Record, View};
use crate::instance::Instance;
use crate::plan::{Compiled, Plan};
use crate::policy::{Loaded, Moment, Workers};
use crate::project::{Around, timestamps};
use crate::state::Changed;
use crate::values::holds;
use crate::windows::{Mine, hash};

mod logged;

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
            plan: policy.plans.get(data.signal()),
            workers: policy.workers(),
            policy: &policy,
            around,
            now: component::clock::unix_nanos(),
            shared: None,
            input: None,
            answers: vec![None; policy.plans.get(data.signal()).queries.len()],
            answered: Vec::new(),
            memory: Memory::default(),
            patterns: Patterns::default(),
            alerts: Vec::new(),
            named: Routes::new(),
            kept: 0,
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
        let routes = (!routes.is_empty()).then_some(routes);
        Outcome { data: edited, alerts, routes, decisions, error }
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
    plan: &'r Plan,
    workers: Workers,
    around: Around<'r>,
    now: u64,
    /// The parts of the document that do not change in a scope.
    shared: Option<Value>,
    /// The document of the record, if it was needed.
    input: Option<Value>,
    /// Of each query, if it was asked about this record.
    answers: Vec<Option<Value>>,
    /// The queries that were.
    answered: Vec<usize>,
    memory: Memory,
    patterns: Patterns,
    alerts: Vec<Alert>,
    /// Routes that the record is sent to.
    named: Routes,
    /// Records that go on.
    kept: usize,
    /// Of each of them, from the first on that has one.
    routes: Vec<Routes>,
    decisions: Vec<Decision>,
    error: Option<String>,
}

/// What is used again for each record, so that most of them need no memory.
#[derive(Default)]
struct Memory {
    cells: Cells<'static>,
    rules: Vec<usize>,
    clauses: Vec<usize>,
    key: Vec<u8>,
    counted: Vec<Option<(Mine, bool)>>,
}

/// An action, with the name of its rule.
type Chosen<'r> = (Arc<str>, Cow<'r, Action>);
/// The document of a record, and the answer of each query about it.
type Said = (Value, Vec<(usize, Value)>);

/// What is done with a record.
struct Decided<'r> {
    actions: Vec<Chosen<'r>>,
    /// For the log of decisions, if there is one.
    said: Option<Said>,
    /// What it counts in is locked until it is done.
    locked: Vec<MutexGuard<'r, ()>>,
}

impl<'r> Run<'r> {
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
        if !self.judge(place) {
            self.named.clear();
            return Keep::Drop;
        }
        let named = std::mem::take(&mut self.named);
        if !named.is_empty() || !self.routes.is_empty() {
            self.routes.resize(self.kept, Routes::new());
            self.routes.push(named);
        }
        self.kept += 1;
        Keep::Whole
    }

    /// Whether the record stays.
    fn judge(&mut self, place: &mut Place<'_>) -> bool {
        self.input = None;
        self.forget();
        let has_windows = !self.engine.state.windows.is_empty();
        let times = if has_windows { timestamps(place) } else { [0; 2] };
        Moment::begin(times, self.now);
        let around = self.around;
        let cells = std::mem::take(&mut self.memory.cells);
        let record = Record::new(place, &around, &self.plan.fields, &self.policy.lookups, cells);
        let decided = self.decide(&record);
        self.memory.cells = record.into_cells();
        // A pattern with `..` would unlock here, and the alert would show what other records have counted since.
        let Decided { actions, said, locked } = match decided {
            Ok(it) => it,
            Err(why) => return self.failed(&why),
        };
        let stays = self.act(place, &actions);
        drop(locked);
        if let Some((input, said)) = said {
            self.log(&input, &said, stays);
        }
        stays
    }

    /// What is done with a record.
    fn decide(&mut self, record: &Record<'_, '_>) -> Result<Decided<'r>, String> {
        let mut counted = std::mem::take(&mut self.memory.counted);
        counted.clear();
        self.counted(record, &mut counted)?;
        let keys = counted.iter().flatten().filter(|it| it.1).map(|it| it.0.key);
        let locked = self.engine.state.locked(keys);
        self.count(record.place, &counted);
        self.memory.counted = counted;
        let actions = self.actions(record)?;
        // What is logged is the record as it came.
        let said = self.engine.logs.is_some().then(|| self.said(record)).transpose()?;
        Ok(Decided { actions, said, locked })
    }

    /// What was answered so far does not count any more.
    fn forget(&mut self) {
        for query in self.answered.drain(..) {
            if let Some(it) = self.answers.get_mut(query) {
                *it = None;
            }
        }
    }

    /// What the record is to each window, and whether it counts.
    fn counted(
        &mut self,
        record: &Record<'_, '_>,
        all: &mut Vec<Option<(Mine, bool)>>,
    ) -> Result<(), String> {
        for (at, window) in self.engine.state.windows.iter().enumerate() {
            let mine = if window.signal == record.place.signal() {
                window.mine(record.place, record.around, self.now)
            } else {
                None
            };
            let Some(mine) = mine else {
                all.push(None);
                continue;
            };
            let counts = match self.engine.when.get(at).copied().flatten() {
                Some(query) => holds(&self.answer(query, record)?, true),
                None => window.when.holds(record.place),
            };
            all.push(Some((mine, counts)));
        }
        Ok(())
    }

    /// Counts it where it counts.
    fn count(&mut self, place: &Place<'_>, counted: &[Option<(Mine, bool)>]) {
        let state = &self.engine.state;
        if counted.is_empty() {
            return;
        }
        let mine = |(at, it): (usize, &Option<(Mine, bool)>)| {
            let ((own, counts), window) = it.as_ref().zip(state.windows.get(at))?;
            let added = if *counts { window.add(own, place, &self.around) } else { None };
            if let Some(added) = &added {
                self.instance.counted(at, added);
                state.changed(Changed::Key(at, own.key));
            }
            Some((own.clone(), added.map(|it| it.value)))
        };
        Moment::change(|it| it.mine.extend(counted.iter().enumerate().map(mine)));
        // What was asked before the record counted is asked again.
        self.forget();
    }

    /// The answer of a query about the record.
    fn answer(&mut self, query: usize, record: &Record<'_, '_>) -> Result<Value, String> {
        if let Some(Some(known)) = self.answers.get(query) {
            return Ok(known.clone());
        }
        let answer = self.ask(query, record)?;
        if self.plan.is_asked_once(query) {
            return Ok(answer);
        }
        if let Some(it) = self.answers.get_mut(query) {
            *it = Some(answer.clone());
            self.answered.push(query);
        }
        Ok(answer)
    }

    /// Asks in the quickest way that there is for the query.
    fn ask(&mut self, query: usize, record: &Record<'_, '_>) -> Result<Value, String> {
        let Some(asked) = self.plan.queries.get(query) else { return Ok(Value::Undefined) };
        let is_compiled = asked.program.is_some();
        let guard = asked.guard.as_ref();
        if let Some(guard) = guard {
            guard.possible(record, is_compiled, &mut self.memory.clauses);
            if self.memory.clauses.is_empty() {
                return Ok(guard.answer.clone());
            }
        }
        if let Some(compiled) = &asked.program
            && let Some(answer) = self.run(compiled, guard.is_some(), record)
        {
            return Ok(answer);
        }
        let Some(inputs) = &asked.inputs else { return self.interpret(query, record) };
        let mut key = std::mem::take(&mut self.memory.key);
        let answer = if inputs.key(record.place, record.around, &mut key) {
            self.remembered(query, &key, record)
        } else {
            self.interpret(query, record)
        };
        self.memory.key = key;
        answer
    }

    /// What a program answers; `None` if it cannot tell.
    fn run(
        &mut self,
        compiled: &Compiled,
        is_guarded: bool,
        record: &Record<'_, '_>,
    ) -> Option<Value> {
        let view = View { record, fields: &compiled.fields };
        let clauses = is_guarded.then_some(self.memory.clauses.as_slice());
        let scratch = &mut self.workers.scratch;
        // A panic of a builtin on some value is that value's error; the interpreter says which.
        let run = AssertUnwindSafe(|| {
            compiled.program.run(&view, clauses, scratch).map(rego::compiled::Val::into_value)
        });
        catch_unwind(run).ok()?.ok()
    }

    fn remembered(
        &mut self,
        query: usize,
        key: &[u8],
        record: &Record<'_, '_>,
    ) -> Result<Value, String> {
        let memo = self.workers.memos.get(query);
        if let Some(known) = memo.and_then(|it| it.get(key)) {
            return Ok(known.clone());
        }
        let answer = self.interpret(query, record)?;
        if let Some(memo) = self.workers.memos.get_mut(query) {
            memo.put(key, answer.clone());
        }
        Ok(answer)
    }

    fn interpret(&mut self, query: usize, record: &Record<'_, '_>) -> Result<Value, String> {
        let input = self.input(record.place);
        let Some(worker) = self.workers.evaluate.get_mut(query) else {
            return Ok(Value::Undefined);
        };
        let mut tries = 0;
        loop {
            tries += 1;
            match worker.evaluate(input.clone()) {
                Err(error) if error.code == rego::code::CANCEL && tries < TRIES_MAX => {}
                answer => {
                    let answer = answer.map_err(|error| error.to_string())?;
                    return Ok(answer.unwrap_or(Value::Undefined));
                }
            }
        }
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
    fn actions(&mut self, record: &Record<'_, '_>) -> Result<Vec<Chosen<'r>>, String> {
        let mut all: Vec<Chosen<'r>> = Vec::new();
        let mut possible = std::mem::take(&mut self.memory.rules);
        self.plan.rules(record, &mut possible);
        for at in &possible {
            let Some(rule) = self.rules.get(*at) else { continue };
            if holds(&self.answer(rule.query, record)?, rule.is) {
                let actions = rule.actions.iter();
                all.extend(actions.map(|it| (Arc::clone(&rule.name), Cow::Borrowed(it))));
            }
        }
        self.memory.rules = possible;
        if let Some(query) = self.engine.decision {
            let decision = self.answer(query, record)?;
            if decision != Value::Undefined {
                let name = self.instance.decision_name();
                let signal = record.place.signal();
                let actions = action::of_decision(&decision, &name, signal, &mut self.patterns)?;
                all.extend(actions.into_iter().map(|it| (Arc::clone(&name), Cow::Owned(it))));
            }
        }
        Ok(all)
    }

    /// Does it; whether the record stays.
    fn act(&mut self, place: &mut Place<'_>, actions: &[Chosen<'r>]) -> bool {
        if actions.is_empty() {
            return true;
        }
        // The key is that of the record as it came, and what an alert shows is what goes on: nothing that was redacted.
        let keys: Vec<Option<Value>> = actions
            .iter()
            .map(|(_, it)| match &**it {
                Action::Alert(it) => it.key(place, &self.around),
                _ => None,
            })
            .collect();
        let mut fate = Fate::Open;
        for (rule, action) in actions {
            match &**action {
                Action::Route(name) => self.named.push(Arc::clone(name)),
                Action::Alert(_) => {}
                other => match apply::one(other, rule, place, &mut fate) {
                    Ok(changes_around) if changes_around => self.shared = None,
                    Ok(_) => {}
                    Err(why) => self.instance.complain(&why),
                },
            }
        }
        for ((rule, action), key) in actions.iter().zip(keys) {
            if let (Action::Alert(alert), Some(key)) = (&**action, key) {
                self.alert(rule, alert, &key, place);
            }
        }
        if let Fate::Drop { rule, reason } = &fate {
            self.instance.dropped(rule, reason);
            return false;
        }
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
