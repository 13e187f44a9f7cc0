//! Rules that cannot be beside each other: other kinds or numbers of arguments under one name, names within the value of another rule, two
//! defaults (`checkRuleConflicts` in v1/ast/compile.go, OPA 1.22).

use std::collections::BTreeMap;

use super::recursion::Path;
use super::{Unit, World};
use crate::error::{Error, code};
use crate::syntax::{Lines, Rule};

/// A rule, and where it is.
#[derive(Clone, Copy)]
struct Placed<'a> {
    unit: &'a Unit<'a>,
    rule: &'a Rule,
}

impl Placed<'_> {
    /// `file:row`.
    fn place(&self) -> String {
        let location = Lines::new(self.unit.file, self.unit.text).location(self.rule.span.start);
        format!("{}:{}", location.file, location.row)
    }

    /// Its whole name, as it is written.
    fn name(&self) -> String {
        let span = self.rule.head.reference.span.clone();
        let name = self.unit.text.get(span).unwrap_or_default();
        format!("data.{}.{name}", self.unit.module.package.join("."))
    }

    /// Its name has no variable in it.
    fn is_ground(&self) -> bool {
        self.rule.head.reference.dotted().is_some()
    }

    fn is_set(&self) -> bool {
        self.rule.head.key.is_some()
    }

    fn arity(&self) -> usize {
        self.rule.head.args.as_ref().map_or(0, Vec::len)
    }
}

pub fn check(world: &World<'_>) -> Vec<Error> {
    let mut rules: BTreeMap<Path, Vec<Placed<'_>>> = BTreeMap::new();
    for unit in world.units {
        for rule in &unit.module.rules {
            let name = rule.head.path().into_iter().map(str::to_owned);
            let path = unit.module.package.iter().cloned().chain(name).collect();
            rules.entry(path).or_default().push(Placed { unit, rule });
        }
    }
    let problem = |(path, same): (&Path, &Vec<Placed<'_>>)| {
        let first = same.first()?;
        let below = rules.range(path.clone()..).skip(1);
        let below = below.take_while(|(it, _)| it.starts_with(path)).map(|it| it.1);
        let message = message(same, below)?;
        let Unit { file, text, .. } = first.unit;
        let at = first.rule.span.start;
        Some(Lines::new(file, text).error(text, at, code::TYPE, message))
    };
    rules.iter().filter_map(problem).collect()
}

fn message<'r>(
    same: &[Placed<'_>],
    below: impl Iterator<Item = &'r Vec<Placed<'r>>>,
) -> Option<String> {
    let name = same.last()?.name();
    let (all, sets) = (same.len(), same.iter().filter(|it| it.is_set()).count());
    let grounds = same.iter().filter(|it| it.is_ground()).count();
    // Below a name with a variable only functions are one too many.
    let is_conflict = |it: &Placed<'_>| grounds > 0 || it.rule.head.args.is_some();
    let conflicts: Vec<String> = below
        .flatten()
        .filter(|it| is_conflict(it))
        .map(|it| format!("\n  rule {} at {}", it.name(), it.place()))
        .collect();
    if !conflicts.is_empty() {
        return Some(format!("rule {name} conflicts with:{}", conflicts.concat()));
    }
    let complete = same.iter().filter(|it| !it.is_set() && it.is_ground()).count();
    let mixes_kinds = sets > 0 && (sets < all || (grounds > 0 && grounds < all));
    let mixes_arities = same.windows(2).any(|it| it[0].arity() != it[1].arity());
    if mixes_kinds || mixes_arities || (complete > 0 && complete < all) {
        return Some(format!("conflicting rules {name} found"));
    }
    let defaults: Vec<String> =
        same.iter().filter(|it| it.rule.is_default).map(Placed::place).collect();
    (defaults.len() > 1)
        .then(|| format!("multiple default rules {name} found at {}", defaults.join(", ")))
}
