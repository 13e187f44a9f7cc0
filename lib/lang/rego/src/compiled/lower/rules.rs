//! Rules and functions.

use regorus::Value;

use super::super::program::{Arm, Clause, Ex, Kind, Lit, Rule};
use super::state::Lower;
use crate::syntax::{self, Body, Expr, ExprKind, Head, Module};

impl<'p> Lower<'p> {
    /// The rule at exactly this path, lowered; `None` if there is none.
    pub fn rule_at(&mut self, path: &[String]) -> Result<Option<usize>, String> {
        if let Some(known) = self.rules.get(path) {
            return Ok(Some(*known));
        }
        let mut own = Vec::new();
        for (full, module, rule) in self.all_rules() {
            let base = base_length(&full, rule, module);
            let name = full.get(..base).unwrap_or(&full);
            let is_own = name.iter().eq(path);
            if is_own && rule.head.args.is_none() {
                own.push((module, rule));
            }
        }
        if own.is_empty() {
            return Ok(None);
        }
        let is_own = |rule: &syntax::Rule| own.iter().any(|it| std::ptr::eq(it.1, rule));
        let overlaps = self
            .all_rules()
            .any(|(full, _, rule)| !is_own(rule) && full.iter().zip(path).all(|(a, b)| a == b));
        let shown = path.join(".");
        if overlaps {
            return Err(format!("data.{shown} has rules above or below it"));
        }
        if self.has_data(path)
            || self.lookups.iter().any(|it| it.iter().zip(path).all(|(a, b)| a == b))
        {
            return Err(format!("data.{shown} is a rule and data"));
        }
        let rule = self.deeper(|lower| lower.group(&own))?;
        self.program.rules.push(rule);
        let at = self.program.rules.len() - 1;
        self.rules.insert(path.to_vec(), at);
        Ok(Some(at))
    }

    /// The function at this path; `None` if there is none.
    pub fn function_at(
        &mut self,
        path: &[&str],
        arguments: usize,
    ) -> Result<Option<usize>, String> {
        let owned: Vec<String> = path.iter().map(|it| (*it).to_owned()).collect();
        if let Some(known) = self.functions.get(&owned) {
            return Ok(Some(*known));
        }
        let own: Vec<_> = self
            .all_rules()
            .filter(|(full, ..)| full == path)
            .map(|(_, module, rule)| (module, rule))
            .collect();
        if own.is_empty() {
            return Ok(None);
        }
        let fits = |rule: &syntax::Rule| {
            !rule.is_default && rule.head.args.as_ref().is_some_and(|it| it.len() == arguments)
        };
        if arguments == 0 || !own.iter().all(|it| fits(it.1)) {
            return Err(format!("function {} has defaults or other arguments", path.join(".")));
        }
        let rule = self.deeper(|lower| lower.group(&own))?;
        self.program.functions.push(rule);
        let at = self.program.functions.len() - 1;
        self.functions.insert(owned, at);
        Ok(Some(at))
    }

    /// Rules of one name.
    fn group(&mut self, rules: &[(&'p Module, &'p syntax::Rule)]) -> Result<Rule, String> {
        let outer_module = self.module;
        let outer = std::mem::take(&mut self.frame);
        let lowered = self.group_within(rules);
        self.frame = outer;
        self.module = outer_module;
        lowered
    }

    fn group_within(&mut self, rules: &[(&'p Module, &'p syntax::Rule)]) -> Result<Rule, String> {
        let mut made = Rule {
            kind: Kind::Complete,
            clauses: Vec::new(),
            otherwise: Value::Undefined,
            slots: 0,
            is_first_enough: false,
            may_stop: false,
        };
        let mut kinds = Vec::new();
        for (module, rule) in rules {
            self.module = Some(module);
            if rule.is_default {
                let value = rule.head.value.as_ref().ok_or("a default has no value")?;
                made.otherwise = self.constant(value)?;
                continue;
            }
            kinds.push(kind(&rule.head)?);
            if rule.bodies.len() > 1 && (rule.head.value.is_some() || !rule.otherwise.is_empty()) {
                return Err("a rule has several bodies and a value".into());
            }
            for body in bodies(rule) {
                self.frame.slots = 0;
                self.frame.implicit.clear();
                made.clauses.push(self.clause(rule, body)?);
                made.slots = made.slots.max(self.frame.slots);
            }
        }
        let first = kinds.first().copied().unwrap_or(Kind::Complete);
        let has_default = rules.iter().any(|it| it.1.is_default);
        if kinds.iter().any(|it| *it != first) || (has_default && first != Kind::Complete) {
            return Err("rules of one name are of several kinds".into());
        }
        made.kind = first;
        match first {
            Kind::Set => made.otherwise = Value::new_set(),
            Kind::Object => made.otherwise = Value::new_object(),
            Kind::Complete => {}
        }
        made.may_stop = self.frame.may_stop || self.conflicts(&made);
        made.is_first_enough = first == Kind::Complete && !made.may_stop && one_value(&made);
        Ok(made)
    }

    /// Two of its solutions may have different values.
    fn conflicts(&self, rule: &Rule) -> bool {
        match rule.kind {
            Kind::Set => rule.clauses.iter().flat_map(|it| &it.arms).any(|it| it.is_loop),
            Kind::Object => true,
            Kind::Complete => {
                let loops = rule.clauses.iter().flat_map(|it| &it.arms);
                let mut loops = loops.filter(|it| it.is_loop && !it.is_constant);
                loops.next().is_some() || (rule.clauses.len() > 1 && !one_value(rule))
            }
        }
    }

    /// A rule, or one of its bodies as v0 writes several, with its `else`.
    fn clause(&mut self, rule: &'p syntax::Rule, body: Option<&'p Body>) -> Result<Clause, String> {
        let head = &rule.head;
        let is_function = head.args.is_some();
        if !rule.otherwise.is_empty() {
            let lacks_value = rule.otherwise.iter().any(|it| it.value.is_none());
            let is_partial = kind(head)? != Kind::Complete;
            if is_partial || (is_function && lacks_value && head.value.is_some()) {
                return Err("it has an else that the engine handles in its own way".into());
            }
        }
        let key = match (&head.key, &head.reference.kind) {
            (None, ExprKind::Ref(_, keys)) if kind(head)? == Kind::Object => keys.last(),
            _ => None,
        };
        let value = head.key.as_ref().or(head.value.as_ref());
        let mut arms = vec![self.arm(head, body, key, value)?];
        for it in &rule.otherwise {
            arms.push(self.arm(head, Some(&it.body), None, it.value.as_ref())?);
        }
        if is_function && arms.len() > 1 {
            // A function whose value is undefined ends the chain there.
            let values = arms.iter().all(|it| matches!(it.value, Ex::Const(_)));
            self.frame.may_stop |= !values;
        }
        Ok(Clause { arms })
    }

    fn arm(
        &mut self,
        head: &'p Head,
        body: Option<&'p Body>,
        key: Option<&'p Expr>,
        value: Option<&'p Expr>,
    ) -> Result<Arm, String> {
        self.enter(body);
        for (at, argument) in head.args.iter().flatten().enumerate() {
            let ExprKind::Var(name) = &argument.kind else {
                return Err("a function has a pattern as argument".into());
            };
            // Arguments are the first local variables.
            self.frame.slots = self.frame.slots.max(at + 1);
            if name != "_" {
                self.frame.declare(name, Some(at));
            }
        }
        let lits = match body {
            Some(body) => self.literals(body)?,
            None => Vec::new(),
        };
        let key = key.map(|it| self.ground(it)).transpose()?;
        let is_simple = value.is_none_or(is_simple);
        let value = match value {
            Some(it) => self.ground(it)?,
            None => Ex::Const(Value::from(true)),
        };
        let is_loop = lits.iter().any(|it| matches!(it, Lit::Each(_)));
        let is_constant = key.is_none() && is_simple && head.key.is_none();
        self.frame.scopes.clear();
        Ok(Arm { body: lits, key, value, is_loop, is_constant })
    }
}

/// All arms have the same value, whatever the record.
fn one_value(rule: &Rule) -> bool {
    let mut values = rule.clauses.iter().flat_map(|it| &it.arms).map(|it| match &it.value {
        Ex::Const(value) => Some(value),
        _ => None,
    });
    let Some(Some(first)) = values.next() else { return false };
    values.all(|it| it == Some(first))
}

/// As the engine finds that a value does not depend on variables.
fn is_simple(it: &Expr) -> bool {
    matches!(
        it.kind,
        ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_)
    )
}

/// Of v0 a rule may have several bodies.
fn bodies(rule: &syntax::Rule) -> Vec<Option<&Body>> {
    if rule.bodies.is_empty() { vec![None] } else { rule.bodies.iter().map(Some).collect() }
}

fn kind(head: &Head) -> Result<Kind, String> {
    if head.key.is_some() {
        return match head.reference.kind {
            ExprKind::Var(_) => Ok(Kind::Set),
            _ => Err("a set has a reference as its name".into()),
        };
    }
    match &head.reference.kind {
        ExprKind::Var(_) => Ok(Kind::Complete),
        ExprKind::Ref(_, keys) if head.args.is_none() && keys.len() == 1 => Ok(Kind::Object),
        ExprKind::Ref(..) if head.args.is_some() && head.reference.dotted().is_some() => {
            Ok(Kind::Complete)
        }
        _ => Err("a rule has a reference of several parts as its name".into()),
    }
}

/// How many parts of the full path are the name of the group: the key of a partial object is none.
fn base_length(full: &[&str], rule: &syntax::Rule, module: &Module) -> usize {
    match &rule.head.reference.kind {
        ExprKind::Ref(..) if rule.head.args.is_none() => module.package.len() + 1,
        _ => full.len(),
    }
}
