//! Rules that need themselves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Unit, World};
use crate::error::{Error, code};
use crate::syntax::visit::{self, Visitor};
use crate::syntax::{Expr, Lines, Literal, Module};

/// Below `data`.
pub type Path = Vec<String>;

/// Where each rule begins, and what it needs.
pub type Graph<'w, 'a> = (BTreeMap<Path, (&'w Unit<'a>, usize)>, BTreeMap<Path, BTreeSet<Path>>);

/// What each rule needs.
pub fn graph<'w, 'a>(world: &'w World<'a>) -> Graph<'w, 'a> {
    let mut places = BTreeMap::new();
    let mut needs: BTreeMap<Path, BTreeSet<Path>> = BTreeMap::new();
    for unit in world.units {
        for rule in &unit.module.rules {
            let name = rule.head.path().into_iter().map(str::to_owned);
            let path: Path = unit.module.package.iter().cloned().chain(name).collect();
            places.entry(path.clone()).or_insert((unit, rule.span.start));
            let found = needs.entry(path).or_default();
            let locals = visit::locals(rule);
            let (module, targets) = (unit.module, BTreeSet::new());
            let mut references = References { world, module, locals, targets, found };
            let head = &rule.head;
            for it in head.args.iter().flatten().chain(&head.key).chain(&head.value) {
                visit::expr(it, &mut references);
            }
            rule.bodies.iter().for_each(|it| visit::body(it, &mut references));
            for otherwise in &rule.otherwise {
                otherwise.value.iter().for_each(|it| visit::expr(it, &mut references));
                visit::body(&otherwise.body, &mut references);
            }
        }
    }
    (places, needs)
}

/// One error for each rule on a circle.
pub fn check(world: &World<'_>) -> Vec<Error> {
    let (places, needs) = graph(world);
    let rules: Vec<&Path> = needs.keys().collect();
    let targets = |rule: &Path| -> Vec<usize> {
        let wanted: Vec<&Path> = needs.get(rule).into_iter().flatten().collect();
        let meets = |it: &Path| wanted.iter().any(|at| it.starts_with(at) || at.starts_with(it));
        rules.iter().enumerate().filter(|(_, it)| meets(it)).map(|(at, _)| at).collect()
    };
    let edges: Vec<Vec<usize>> = rules.iter().map(|it| targets(it)).collect();
    let mut errors = Vec::new();
    for (start, rule) in rules.iter().enumerate() {
        let Some(circle) = circle(start, &edges) else { continue };
        let name = |at: &usize| {
            rules.get(*at).map_or_else(String::new, |it| format!("data.{}", it.join(".")))
        };
        let chain: Vec<String> = circle.iter().map(name).collect();
        let message = format!("rule {} is recursive: {}", name(&start), chain.join(" -> "));
        if let Some((unit, at)) = places.get(*rule) {
            errors.push(Lines::new(unit.file, unit.text).error(
                unit.text,
                *at,
                code::RECURSION,
                message,
            ));
        }
    }
    errors
}

/// The shortest way from a rule back to itself.
fn circle(start: usize, edges: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut before: BTreeMap<usize, usize> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in edges.get(at).into_iter().flatten() {
            if *next == start {
                let mut way = vec![start];
                let mut step = at;
                while step != start {
                    way.push(step);
                    step = before.get(&step).copied().unwrap_or(start);
                }
                way.push(start);
                way.reverse();
                return Some(way);
            }
            if !before.contains_key(next) {
                before.insert(*next, at);
                queue.push_back(*next);
            }
        }
    }
    None
}

struct References<'w, 'a> {
    world: &'w World<'a>,
    module: &'w Module,
    locals: BTreeSet<String>,
    /// Where targets of `with` stand: they are replaced, not needed.
    targets: BTreeSet<usize>,
    found: &'w mut BTreeSet<Path>,
}

impl Visitor for References<'_, '_> {
    fn literal(&mut self, literal: &Literal) -> bool {
        self.targets.extend(literal.with.iter().map(|it| it.target.span.start));
        true
    }

    fn expr(&mut self, expr: &Expr) -> bool {
        let path = expr.constant_path();
        let Some(first) = path.first() else { return true };
        if !self.locals.contains(*first) && !self.targets.contains(&expr.span.start) {
            self.found.extend(self.world.resolve(self.module, &path));
        }
        // Keys in brackets are looked at, the head is not looked at twice.
        if let crate::syntax::ExprKind::Ref(_, rest) = &expr.kind {
            rest.iter().for_each(|it| visit::expr(it, self));
            return false;
        }
        true
    }
}
