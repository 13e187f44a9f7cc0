//! References into the values of rules that can be seen: `p.b` where `p` is `{"a": 1}`, or is no object at all. What depends on anything has
//! any value.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use super::recursion::Path;
use crate::error::code;
use crate::syntax::visit::{self, Visitor};
use crate::syntax::{Expr, ExprKind, Literal, Module, Rule};

/// The rules of each path below `data`.
pub type Rules<'a> = BTreeMap<Path, Vec<&'a Rule>>;

pub fn rules<'a>(world: &World<'a>) -> Rules<'a> {
    let mut rules = Rules::new();
    for unit in world.units {
        for rule in &unit.module.rules {
            let name = rule.head.path().into_iter().map(str::to_owned);
            let path = unit.module.package.iter().cloned().chain(name).collect();
            rules.entry(path).or_default().push(rule);
        }
    }
    rules
}

pub fn check(
    world: &World<'_>,
    rules: &Rules<'_>,
    module: &Module,
    say: &mut dyn FnMut(usize, &'static str, String),
) {
    for rule in &module.rules {
        let locals = visit::locals(rule);
        let functions = BTreeSet::new();
        let mut refs = Refs { world, rules, module, locals, functions, found: Vec::new() };
        visit::rule(rule, &mut refs);
        for (at, message) in refs.found {
            say(at, code::TYPE, message);
        }
    }
}

struct Refs<'w, 'a> {
    world: &'w World<'a>,
    rules: &'w Rules<'a>,
    module: &'w Module,
    locals: BTreeSet<String>,
    /// Where names of functions stand.
    functions: BTreeSet<usize>,
    found: Vec<(usize, String)>,
}

impl Visitor for Refs<'_, '_> {
    fn literal(&mut self, literal: &Literal) -> bool {
        // What replaces a rule may have other parts.
        literal.with.is_empty()
    }

    fn expr(&mut self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Call(name, _) => drop(self.functions.insert(name.span.start)),
            ExprKind::Ref(..) => {
                let path = expr.constant_path();
                let is_local = path.first().is_none_or(|it| self.locals.contains(*it));
                if !is_local
                    && !self.functions.contains(&expr.span.start)
                    && let Some(full) = self.world.resolve(self.module, &path)
                    && let Some(message) = self.problem(&full)
                {
                    self.found.push((expr.span.start, message));
                }
            }
            _ => {}
        }
        true
    }
}

impl Refs<'_, '_> {
    fn problem(&self, full: &Path) -> Option<String> {
        let known = |at: usize| Some((at, self.rules.get(full.get(..at)?)?));
        let mut above = (1..full.len()).filter_map(known);
        let (at, rules) = above.next()?;
        // Names below the name of a rule with a variable have its values, too.
        if above.next().is_some() || self.rules.contains_key(full) {
            return None;
        }
        let rest = full.get(at..)?;
        let lacks = rules.iter().map(|it| missing(it, rest)).collect::<Option<Vec<_>>>()?;
        let lack = lacks.last()?;
        Some(format!("undefined ref: data.{}{lack}", full.join(".")))
    }
}

/// Why no value of a rule has such a part; `None` if one has, or may have.
fn missing(rule: &Rule, rest: &[String]) -> Option<String> {
    let head = &rule.head;
    if head.args.is_some() || head.key.is_some() || head.reference.dotted().is_none() {
        return None;
    }
    let otherwise = rule.otherwise.iter().map(|it| it.value.as_ref());
    let values = [head.value.as_ref()].into_iter().chain(otherwise);
    let lacks = values.map(|it| lack(it, rest)).collect::<Option<Vec<_>>>()?;
    lacks.into_iter().next_back()
}

fn lack(value: Option<&Expr>, rest: &[String]) -> Option<String> {
    let (first, below) = rest.split_first()?;
    let no_object = |name: &str| Some(format!("\n\thave: {name}"));
    match value.map(|it| &it.kind) {
        None | Some(ExprKind::Bool(_)) => no_object("boolean"),
        Some(ExprKind::Null) => no_object("null"),
        Some(ExprKind::Number(_)) => no_object("number"),
        Some(ExprKind::String(_) | ExprKind::Template(_)) => no_object("string"),
        Some(ExprKind::Array(_) | ExprKind::ArrayComprehension(..)) => {
            Some(format!("\n\thave: {first:?}\n\twant (type): number"))
        }
        Some(ExprKind::Object(entries)) => {
            let mut keys = Vec::new();
            for (key, value) in entries {
                let ExprKind::String(key) = &key.kind else { return None };
                if key == first {
                    return lack(Some(value), below);
                }
                keys.push(format!("{key:?}"));
            }
            Some(format!("\n\thave: {first:?}\n\twant (one of): [{}]", keys.join(", ")))
        }
        _ => None,
    }
}
