//! What OPA's compiler refuses before a rule runs: functions that do not exist or take another number of arguments, or
//! arguments of other types, rules that need themselves or cannot be beside each other, variables that nothing binds or that are declared
//! twice or for nothing.

mod calls;
mod conflicts;
mod declared;
mod names;
mod recursion;
mod refs;
mod safety;
mod types;
mod unused;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::syntax::{Lines, Module};

/// One module with its text.
pub struct Unit<'a> {
    /// As it was named.
    pub file: &'a str,
    /// As it was written.
    pub text: &'a str,
    /// As it was parsed.
    pub module: &'a Module,
}

/// What is known of all modules.
struct World<'a> {
    units: &'a [Unit<'a>],
    /// First parts of the names of rules, by package.
    names: BTreeMap<&'a [String], BTreeSet<&'a str>>,
}

impl<'a> World<'a> {
    fn new(units: &'a [Unit<'a>]) -> Self {
        let mut names: BTreeMap<&[String], BTreeSet<&str>> = BTreeMap::new();
        for unit in units {
            let known = names.entry(&unit.module.package).or_default();
            known.extend(unit.module.rules.iter().filter_map(|it| it.head.path().first().copied()));
        }
        Self { units, names }
    }

    fn has_rule(&self, module: &Module, name: &str) -> bool {
        self.names.get(module.package.as_slice()).is_some_and(|it| it.contains(name))
    }

    /// The path below `data` that a name in a module stands for; `None` for a variable, a builtin or the input.
    fn resolve(&self, module: &Module, path: &[&str]) -> Option<Vec<String>> {
        let owned = |path: &[&str]| path.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let (first, rest) = path.split_first()?;
        if *first == "data" {
            return Some(owned(rest));
        }
        if self.has_rule(module, first) {
            return Some([module.package.clone(), owned(path)].concat());
        }
        let import = module.imports.iter().find(|it| it.name() == Some(first))?;
        let (root, below) = import.path.split_first()?;
        (root == "data").then(|| [below.to_vec(), owned(rest)].concat())
    }
}

/// What is wrong, in the order of the modules: of the first of OPA's stages that finds something. `is_strict`: names that nothing uses are
/// wrong, too.
pub fn check(units: &[Unit<'_>], is_strict: bool) -> Vec<Error> {
    let world = World::new(units);
    let mut errors = found(units, |unit, say| {
        if unit.module.is_v1 || is_strict {
            names::check(&world, unit.module, say);
        }
        if is_strict {
            names::unused_imports(unit.module, say);
        }
        declared::check(unit.module, is_strict, say);
    });
    if errors.is_empty() {
        errors = conflicts::check(&world);
    }
    if errors.is_empty() {
        let rules = refs::rules(&world);
        errors = found(units, |unit, say| {
            calls::check(&world, unit.module, say);
            refs::check(&world, &rules, unit.module, say);
            safety::check(&world, unit.module, say);
            types::check(&world, &rules, unit.module, say);
        });
    }
    if errors.is_empty() {
        errors = recursion::check(&world);
    }
    errors
}

/// What a check says of each module.
fn found<'a>(
    units: &[Unit<'a>],
    check: impl Fn(&Unit<'a>, &mut dyn FnMut(usize, &'static str, String)),
) -> Vec<Error> {
    let mut errors = Vec::new();
    for unit in units {
        let lines = Lines::new(unit.file, unit.text);
        let mut say = |at: usize, code: &'static str, message: String| {
            errors.push(lines.error(unit.text, at, code, message));
        };
        check(unit, &mut say);
    }
    errors
}

/// A warning for each rule that no entry point needs; `entries` are paths below `data`.
pub fn unused(units: &[Unit<'_>], entries: &[Vec<String>]) -> Vec<Error> {
    unused::check(&World::new(units), entries)
}
