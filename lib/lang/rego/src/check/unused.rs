//! Rules that no entry point needs.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use super::recursion::{self, Path};
use crate::error::{Error, code};
use crate::syntax::Lines;

/// A warning for each rule that none of the entry points needs, neither itself nor through others. Tests are entry points, too, but for
/// rules that nothing else needs.
pub fn check(world: &World<'_>, entries: &[Path]) -> Vec<Error> {
    let (places, needs) = recursion::graph(world);
    let meets = |a: &Path, b: &Path| a.starts_with(b) || b.starts_with(a);
    let mut reached: BTreeSet<&Path> = BTreeSet::new();
    let mut open: Vec<&Path> =
        needs.keys().filter(|it| entries.iter().any(|at| meets(it, at))).collect();
    while let Some(rule) = open.pop() {
        if !reached.insert(rule) {
            continue;
        }
        let wanted = needs.get(rule).into_iter().flatten();
        for target in wanted {
            open.extend(needs.keys().filter(|it| meets(it, target)));
        }
    }
    let is_test = |path: &Path| {
        path.last().is_some_and(|it| it.starts_with("test_") || it.starts_with("todo_test_"))
            || path.iter().any(|it| it.ends_with("_test"))
    };
    let unused: BTreeMap<_, _> =
        places.iter().filter(|(path, _)| !reached.contains(path) && !is_test(path)).collect();
    let mut found: Vec<Error> = Vec::new();
    for (path, (unit, at)) in unused {
        let message = format!("rule data.{} is needed by no entry point", path.join("."));
        let lines = Lines::new(unit.file, unit.text);
        found.push(lines.error(unit.text, *at, code::UNUSED, message));
    }
    found
}
