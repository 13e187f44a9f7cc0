//! Runs a program for one record.

use std::collections::BTreeSet;

use regorus::Value;

use super::call::Call;
use super::operate::{compare, data_index, index, is_collection, is_in, operator, put};
use super::program::{Arm, Clause, Collect, Collected, Each, Ex, Kind, Lit, Program, Rule, Target};
use super::val::{Stop, Val};
use super::weigh;

/// Most steps of one run: items, calls, and what large values weigh. A program that needs more is left to the interpreter,
/// which has an eye on the time.
const STEPS_MAX: u32 = 20_000;
/// Most arguments of a call without an allocation.
const ARGUMENTS: usize = 3;

/// A record.
pub trait Input<'r> {
    /// The value at a place of `Program::fields`.
    fn field(&self, at: usize) -> Val<'r>;

    /// The value of a key in a document of the host.
    fn lookup(&self, document: usize, key: &Value) -> Value;
}

/// Memory that is used again for the next record.
#[derive(Debug, Default)]
pub struct Scratch {
    rules: Vec<Option<Val<'static>>>,
    locals: Vec<Val<'static>>,
}

impl Program {
    /// The value of the query for a record; `Undefined` if it has none. `clauses` are the rules with the query's name that
    /// may hold, by their place among them; all if there are none given.
    ///
    /// # Errors
    /// If only the interpreter can tell.
    pub fn run<'r>(
        &'r self,
        input: &dyn Input<'r>,
        clauses: Option<&[usize]>,
        scratch: &mut Scratch,
    ) -> Result<Val<'r>, Stop> {
        // The rule that is asked for is not asked for again, so alone it needs no memory.
        let mut rules: Vec<Option<Val<'r>>> = Vec::new();
        if self.rules.len() > 1 {
            rules = recycled(std::mem::take(&mut scratch.rules));
            rules.resize(self.rules.len(), None);
        }
        let mut locals: Vec<Val<'r>> = Vec::new();
        if self.has_locals {
            locals = recycled(std::mem::take(&mut scratch.locals));
        }
        let mut run = Run { program: self, input, rules, locals, base: 0, steps: 0 };
        let answer = match self.rules.get(self.query) {
            Some(rule) => run.rule(rule, clauses),
            None => Err(Stop),
        };
        let Run { rules, locals, .. } = run;
        if self.rules.len() > 1 {
            scratch.rules = recycled(rules);
        }
        if self.has_locals {
            scratch.locals = recycled(locals);
        }
        answer
    }
}

/// The memory of a vector for values that live otherwise.
fn recycled<A, B>(mut of: Vec<A>) -> Vec<B> {
    of.clear();
    // The vector is empty, so nothing is converted, and the standard library keeps the memory.
    of.into_iter().filter_map(|_| None).collect()
}

struct Run<'i, 'r> {
    program: &'r Program,
    input: &'i dyn Input<'r>,
    /// Values of rules that are known.
    rules: Vec<Option<Val<'r>>>,
    locals: Vec<Val<'r>>,
    /// Where the local variables of the rule begin.
    base: usize,
    steps: u32,
}

/// Whether more solutions are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    More,
    Enough,
}

type Found<'f, 'i, 'r> = &'f mut dyn FnMut(&mut Run<'i, 'r>) -> Result<Flow, Stop>;

impl<'i, 'r> Run<'i, 'r> {
    fn step(&mut self) -> Result<(), Stop> {
        self.steps_more(1)
    }

    #[inline]
    fn steps_more(&mut self, more: u32) -> Result<(), Stop> {
        self.steps = self.steps.saturating_add(more);
        if self.steps > STEPS_MAX { Err(Stop) } else { Ok(()) }
    }

    fn value_of(&mut self, at: usize) -> Result<Val<'r>, Stop> {
        if let Some(Some(known)) = self.rules.get(at) {
            return Ok(known.clone());
        }
        let program = self.program;
        let rule = program.rules.get(at).ok_or(Stop)?;
        let value = self.rule(rule, None)?;
        if let Some(it) = self.rules.get_mut(at) {
            *it = Some(value.clone());
        }
        Ok(value)
    }

    fn rule(&mut self, rule: &'r Rule, clauses: Option<&[usize]>) -> Result<Val<'r>, Stop> {
        self.step()?;
        let outer = self.base;
        self.base = self.locals.len();
        self.locals.resize(self.base + rule.slots, Val::UNDEFINED);
        let value = self.within(rule, clauses);
        self.locals.truncate(self.base);
        self.base = outer;
        value
    }

    fn within(&mut self, rule: &'r Rule, clauses: Option<&[usize]>) -> Result<Val<'r>, Stop> {
        match rule.kind {
            Kind::Complete => self.complete(rule, clauses),
            Kind::Set => self.set(rule, clauses),
            Kind::Object => self.object(rule, clauses),
        }
    }

    fn complete(&mut self, rule: &'r Rule, clauses: Option<&[usize]>) -> Result<Val<'r>, Stop> {
        let mut answer = Val::UNDEFINED;
        for clause in chosen(&rule.clauses, clauses) {
            let Some(value) = self.clause(clause)? else { continue };
            if rule.is_first_enough {
                return Ok(value);
            }
            if !answer.is_undefined() && !answer.equals(&value) {
                return Err(Stop);
            }
            answer = value;
        }
        Ok(if answer.is_undefined() { Val::Ref(&rule.otherwise) } else { answer })
    }

    /// The value of the first arm that has one.
    fn clause(&mut self, clause: &'r Clause) -> Result<Option<Val<'r>>, Stop> {
        for arm in &clause.arms {
            let mut answer: Option<Val<'r>> = None;
            self.solve(&arm.body, &mut |run| {
                let value = run.eval(&arm.value)?;
                if value.is_undefined() {
                    return if arm.is_loop { Err(Stop) } else { Ok(Flow::Enough) };
                }
                if answer.as_ref().is_some_and(|it| !it.equals(&value)) {
                    return Err(Stop);
                }
                answer = Some(value);
                Ok(if arm.is_constant || !arm.is_loop { Flow::Enough } else { Flow::More })
            })?;
            if answer.is_some() {
                return Ok(answer);
            }
        }
        Ok(None)
    }

    fn set(&mut self, rule: &'r Rule, clauses: Option<&[usize]>) -> Result<Val<'r>, Stop> {
        let mut found: Option<BTreeSet<Value>> = None;
        for arm in chosen(&rule.clauses, clauses).flat_map(|it| &it.arms) {
            self.solve(&arm.body, &mut |run| {
                let value = run.eval(&arm.value)?;
                if value.is_undefined() {
                    return if arm.is_loop { Err(Stop) } else { Ok(Flow::Enough) };
                }
                found.get_or_insert_default().insert(value.into_value());
                Ok(Flow::More)
            })?;
        }
        Ok(found.map_or(Val::Ref(&rule.otherwise), |it| Val::Own(it.into())))
    }

    fn object(&mut self, rule: &'r Rule, clauses: Option<&[usize]>) -> Result<Val<'r>, Stop> {
        let mut found = Value::Undefined;
        for arm in chosen(&rule.clauses, clauses).flat_map(|it| &it.arms) {
            self.solve(&arm.body, &mut |run| run.entry(arm, &mut found))?;
        }
        Ok(if found == Value::Undefined { Val::Ref(&rule.otherwise) } else { Val::Own(found) })
    }

    fn entry(&mut self, arm: &'r Arm, found: &mut Value) -> Result<Flow, Stop> {
        let key = arm.key.as_ref().ok_or(Stop)?;
        let (key, value) = (self.eval(key)?, self.eval(&arm.value)?);
        if key.is_undefined() || value.is_undefined() {
            return if arm.is_loop { Err(Stop) } else { Ok(Flow::Enough) };
        }
        put(found, key.into_value(), value.into_value())?;
        Ok(Flow::More)
    }

    /// Goes through the solutions of a body.
    fn solve(&mut self, body: &'r [Lit], found: Found<'_, 'i, 'r>) -> Result<Flow, Stop> {
        let mut rest = body;
        while let Some((lit, after)) = rest.split_first() {
            rest = after;
            let holds = match lit {
                Lit::Holds(it) => self.eval(it)?.holds(),
                Lit::Not(it) => !self.eval(it)?.holds(),
                Lit::NotBody(it) => self.solve(it, &mut |_| Ok(Flow::Enough))? == Flow::More,
                Lit::Bind(slot, it) => {
                    let value = self.eval(it)?;
                    let is_there = !value.is_undefined();
                    self.bind(*slot, value);
                    is_there
                }
                Lit::Each(each) => {
                    let domain = self.eval(&each.domain)?;
                    return self.items(each, domain, &mut |run| run.solve(rest, found));
                }
                Lit::Every(each, inner) => {
                    let domain = self.eval(&each.domain)?;
                    if !is_collection(&domain) {
                        return Ok(Flow::More);
                    }
                    let fails = |run: &mut Run<'i, 'r>| {
                        let holds = run.solve(inner, &mut |_| Ok(Flow::Enough))? == Flow::Enough;
                        Ok(if holds { Flow::More } else { Flow::Enough })
                    };
                    self.items(each, domain, &mut { fails })? == Flow::More
                }
            };
            if !holds {
                return Ok(Flow::More);
            }
        }
        found(self)
    }

    fn bind(&mut self, slot: usize, value: Val<'r>) {
        if let Some(it) = self.locals.get_mut(self.base + slot) {
            *it = value;
        }
    }

    fn items(
        &mut self,
        each: &'r Each,
        domain: Val<'r>,
        then: Found<'_, 'i, 'r>,
    ) -> Result<Flow, Stop> {
        let domain = domain.into_value();
        let mut one = |run: &mut Self, key: Value, value: &Value| {
            run.step()?;
            if run.takes(each.key.as_ref(), || key)?
                && run.takes(each.value.as_ref(), || value.clone())?
            {
                return then(run);
            }
            Ok(Flow::More)
        };
        match &domain {
            Value::Array(items) => {
                for (at, value) in items.iter().enumerate() {
                    if one(self, at.into(), value)? == Flow::Enough {
                        return Ok(Flow::Enough);
                    }
                }
            }
            Value::Set(items) => {
                for value in items.iter() {
                    if one(self, value.clone(), value)? == Flow::Enough {
                        return Ok(Flow::Enough);
                    }
                }
            }
            Value::Object(entries) => {
                for (key, value) in entries.iter() {
                    if one(self, key.clone(), value)? == Flow::Enough {
                        return Ok(Flow::Enough);
                    }
                }
            }
            _ => {}
        }
        Ok(Flow::More)
    }

    fn takes(
        &mut self,
        target: Option<&'r Target>,
        value: impl FnOnce() -> Value,
    ) -> Result<bool, Stop> {
        match target {
            None => Ok(true),
            Some(Target::Local(slot)) => {
                self.bind(*slot, Val::Own(value()));
                Ok(true)
            }
            Some(Target::Equal(other)) => Ok(self.eval(other)?.equals(&Val::Own(value()))),
        }
    }

    fn eval(&mut self, ex: &'r Ex) -> Result<Val<'r>, Stop> {
        Ok(match ex {
            Ex::Const(value) => Val::Ref(value),
            Ex::Field(at) => self.input.field(*at),
            Ex::Local(slot) => self.locals.get(self.base + slot).cloned().unwrap_or(Val::UNDEFINED),
            Ex::Rule(at) => self.value_of(*at)?,
            Ex::Lookup(document, key) => {
                let key = self.eval(key)?;
                if key.is_undefined() {
                    return Ok(Val::UNDEFINED);
                }
                Val::Own(self.input.lookup(*document, &key.into_value()))
            }
            Ex::Index(base, key) => {
                let (base, key) = (self.eval(base)?, self.eval(key)?);
                index(base, key)
            }
            Ex::DataIndex(base, key) => {
                let (base, key) = (self.eval(base)?, self.eval(key)?);
                data_index(base, key)?
            }
            Ex::Pick(table, key) => table.pick(self.eval(key)?)?,
            Ex::Compare(comparison, left, right) => {
                let left = self.eval(left)?;
                let right = self.eval(right)?;
                self.steps_more(weigh::comparison(&left, &right))?;
                compare(*comparison, &left, &right)
            }
            Ex::Operator(sign, left, right) => {
                let left = self.eval(left)?;
                let right = self.eval(right)?;
                self.steps_more(weigh::operands(&left, &right))?;
                operator(*sign, &left, &right)
            }
            Ex::In(value, domain) => {
                let value = self.eval(value)?;
                let domain = self.eval(domain)?;
                self.steps_more(weigh::search(&value, &domain))?;
                Val::Own(is_in(&value, &domain).into())
            }
            Ex::Call(call, arguments) => self.call(call, arguments)?,
            Ex::Function(at, arguments) => self.function(*at, arguments)?,
            Ex::Array(items) => match self.all(items)? {
                Some(all) => {
                    let all: Vec<Value> = all.into_iter().map(Val::into_value).collect();
                    Val::Own(all.into())
                }
                None => Val::UNDEFINED,
            },
            Ex::Set(items) => match self.all(items)? {
                Some(all) => {
                    let all: BTreeSet<Value> = all.into_iter().map(Val::into_value).collect();
                    Val::Own(all.into())
                }
                None => Val::UNDEFINED,
            },
            Ex::Object(entries) => self.entries(entries)?,
            Ex::Collect(it) => self.collect(it)?,
        })
    }

    fn call(&mut self, call: &'r Call, arguments: &'r [Ex]) -> Result<Val<'r>, Stop> {
        self.step()?;
        if arguments.len() > ARGUMENTS {
            let Some(values) = self.all(arguments)? else { return Ok(Val::UNDEFINED) };
            return self.answer(call, &values);
        }
        let mut values = [const { Val::UNDEFINED }; ARGUMENTS];
        for (value, it) in values.iter_mut().zip(arguments) {
            *value = self.eval(it)?;
        }
        let values = values.get(..arguments.len()).unwrap_or_default();
        if values.iter().any(Val::is_undefined) {
            return Ok(Val::UNDEFINED);
        }
        self.answer(call, values)
    }

    /// What the builtin says, and what it weighs before and after.
    fn answer(&mut self, call: &'r Call, arguments: &[Val<'r>]) -> Result<Val<'r>, Stop> {
        self.steps_more(weigh::call(call, arguments))?;
        let answer = call.answer(arguments)?;
        self.steps_more(answer.text().map_or(0, |it| weigh::text(it.len())))?;
        Ok(answer)
    }

    /// All values, if all are defined.
    fn all(&mut self, items: &'r [Ex]) -> Result<Option<Vec<Val<'r>>>, Stop> {
        let mut all = Vec::with_capacity(items.len());
        for it in items {
            let value = self.eval(it)?;
            if value.is_undefined() {
                return Ok(None);
            }
            all.push(value);
        }
        Ok(Some(all))
    }

    fn entries(&mut self, entries: &'r [(Ex, Ex)]) -> Result<Val<'r>, Stop> {
        let mut whole = Value::new_object();
        for (key, value) in entries {
            let key = self.eval(key)?;
            if key.is_undefined() {
                return Ok(Val::UNDEFINED);
            }
            let value = self.eval(value)?;
            if value.is_undefined() {
                return Ok(Val::UNDEFINED);
            }
            let whole = whole.as_object_mut().map_err(|_| Stop)?;
            whole.insert(key.into_value(), value.into_value());
        }
        Ok(Val::Own(whole))
    }

    fn collect(&mut self, it: &'r Collect) -> Result<Val<'r>, Stop> {
        let (mut list, mut set, mut object) = (Vec::new(), BTreeSet::new(), Value::new_object());
        self.solve(&it.body, &mut |run| {
            let key = match &it.key {
                Some(key) => run.eval(key)?,
                None => Val::UNDEFINED,
            };
            let value = run.eval(&it.value)?;
            if value.is_undefined() {
                return Ok(Flow::More);
            }
            match it.kind {
                Collected::Array => list.push(value.into_value()),
                Collected::Set => drop(set.insert(value.into_value())),
                Collected::Object if key.is_undefined() => {}
                Collected::Object => put(&mut object, key.into_value(), value.into_value())?,
            }
            Ok(Flow::More)
        })?;
        Ok(Val::Own(match it.kind {
            Collected::Array => list.into(),
            Collected::Set => set.into(),
            Collected::Object => object,
        }))
    }

    fn function(&mut self, at: usize, arguments: &'r [Ex]) -> Result<Val<'r>, Stop> {
        self.step()?;
        let program = self.program;
        let rule = program.functions.get(at).ok_or(Stop)?;
        let base = self.locals.len();
        self.locals.resize(base + rule.slots, Val::UNDEFINED);
        for (slot, it) in arguments.iter().enumerate() {
            let value = self.eval(it)?;
            if value.is_undefined() {
                self.locals.truncate(base);
                return Ok(Val::UNDEFINED);
            }
            if let Some(it) = self.locals.get_mut(base + slot) {
                *it = value;
            }
        }
        let outer = std::mem::replace(&mut self.base, base);
        let value = self.within(rule, None);
        self.locals.truncate(base);
        self.base = outer;
        value
    }
}

/// The clauses that may hold.
fn chosen<'r>(clauses: &'r [Clause], of: Option<&[usize]>) -> impl Iterator<Item = &'r Clause> {
    let count = of.map_or(clauses.len(), <[usize]>::len);
    (0..count)
        .filter_map(move |at| clauses.get(of.map_or(at, |it| it.get(at).copied().unwrap_or(at))))
}
